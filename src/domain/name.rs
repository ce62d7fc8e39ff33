//! Ids that derive from what they name, so that a repetition makes nothing twice.

use sha2::{Digest, Sha256};

use super::{AccountId, IntegrationName, LeaseId, PersonId, RequestId, ShortCode};

/// Letters and digits that cannot be taken for one another when read aloud or typed on a phone.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// SHA-256 over the parts, each with its length in front, so that no two lists of parts meet.
pub fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// The first `length` characters of a digest, in hex.
pub fn short_hash(parts: &[&str], length: usize) -> String {
    let mut text = hex::encode(digest(parts));
    text.truncate(length);
    text
}

impl RequestId {
    /// From the delivery that made it: the same delivery again is the same request. Requests of a person lie together.
    pub fn of_delivery(requester: &PersonId, delivery: &str) -> Self {
        Self(format!(
            "{}{}",
            Self::of_person(requester),
            short_hash(&["request", delivery], 12)
        ))
    }

    /// The prefix that all requests of a person share.
    pub fn of_person(requester: &PersonId) -> String {
        format!("r{requester}-")
    }
}

impl LeaseId {
    /// From the request it came of: an approval that is repeated makes no second lease.
    pub fn of_request(request: &RequestId) -> Self {
        Self(format!("l{}", short_hash(&["lease", request.as_str()], 15)))
    }
}

impl AccountId {
    /// Another target is another account. Accounts of a person lie together.
    pub fn of(integration: &IntegrationName, target_id: &str, person: &PersonId, scope: &str) -> Self {
        let hash = short_hash(
            &["account", integration.as_str(), target_id, person.as_str(), scope],
            12,
        );
        Self(format!("{}{hash}", Self::of_person(person)))
    }

    /// The prefix that all accounts of a person share, and with them all leases.
    pub fn of_person(person: &PersonId) -> String {
        format!("a{person}-")
    }
}

impl ShortCode {
    /// The code of a request, five characters; `longer` adds one where that one is taken.
    pub fn of_request(request: &RequestId, longer: usize) -> Self {
        let bytes = digest(&["code", request.as_str()]);
        let mut text = String::from("R");
        text.extend(
            bytes
                .iter()
                .take(4 + longer.min(20))
                .map(|byte| ALPHABET[usize::from(byte & 31)] as char),
        );
        Self(text)
    }

    /// What a person typed, as a code: case and the letters people mix up do not matter.
    pub fn typed(text: &str) -> Self {
        let clean = text.trim().trim_start_matches('#').to_uppercase();
        Self(
            clean
                .chars()
                .map(|c| match c {
                    'O' => '0',
                    'I' | 'L' => '1',
                    other => other,
                })
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_delivery_is_the_same_request() {
        let ann = PersonId::from("p1");
        assert_eq!(
            RequestId::of_delivery(&ann, "t1"),
            RequestId::of_delivery(&ann, "t1")
        );
        assert_ne!(
            RequestId::of_delivery(&ann, "t1"),
            RequestId::of_delivery(&ann, "t2")
        );
        assert_ne!(
            RequestId::of_delivery(&ann, "t1"),
            RequestId::of_delivery(&PersonId::from("p2"), "t1")
        );
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }

    #[test]
    fn codes_survive_being_typed() {
        let code = ShortCode::of_request(&RequestId::from("r1"), 0);
        assert_eq!(code.0.len(), 5);
        assert_eq!(ShortCode::typed(&format!(" {} ", code.0.to_lowercase())), code);
        assert_eq!(ShortCode::typed("rO1lk"), ShortCode("R011K".into()));
    }
}
