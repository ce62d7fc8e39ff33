//! One line of the journal: a commit as it was decided, chained to the line before it by SHA-256.
//!
//! The hash is taken over the text of the line as it stands, up to the hash itself, so that no second way of writing the
//! same JSON can break a chain.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{Commit, Quarantine, Result, StoreError};
use crate::domain::{Key, Kind, audit};

/// What the chain starts from.
pub(crate) const ROOT: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// `,"hash":"` + 64 hex digits + `"}`.
const SEAL: usize = 9 + 64 + 2;

/// A record's new value, or its removal, with the version that this made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LineWrite {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) version: u64,
    pub(crate) value: Option<Box<RawValue>>,
}

impl LineWrite {
    pub(crate) fn key(&self) -> Key {
        Key::new(self.kind, self.id.clone())
    }
}

/// Facts about the store that must survive the loss of its index, so they stand in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) store_id: String,
    pub(crate) epoch: u32,
    /// Of the records: an older program refuses a store that a newer one has written.
    pub(crate) schema: u32,
    pub(crate) place: Place,
    pub(crate) quarantine: Option<Quarantine>,
}

/// Where a store lives. A copy differs in at least one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) machine: String,
    pub(crate) path: String,
    pub(crate) inode: u64,
}

/// All of a line but its hash.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) seq: u64,
    /// The first line of the write to disk that this one was part of: what is torn there was never acknowledged.
    pub(crate) batch: u64,
    pub(crate) commit: String,
    pub(crate) now: DateTime<Utc>,
    pub(crate) prev: String,
    pub(crate) writes: Vec<LineWrite>,
    pub(crate) audit: Vec<audit::Entry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) facts: Option<Facts>,
}

impl Line {
    /// What a commit with the same id must also say to count as the same commit.
    pub(crate) fn digest(&self) -> u64 {
        let writes = self
            .writes
            .iter()
            .map(|w| (w.kind, w.id.as_str(), w.value.as_deref().map(RawValue::get)));
        digest(writes, &self.audit)
    }
}

/// The same for a commit that is not a line yet.
pub(crate) fn commit_digest(commit: &Commit) -> u64 {
    let writes = commit.writes.iter().map(|w| {
        let value = w
            .value
            .as_deref()
            .map(|v| std::str::from_utf8(v).unwrap_or_default());
        (w.key.kind, w.key.id.as_str(), value)
    });
    digest(writes, &commit.audit)
}

fn digest<'a>(writes: impl Iterator<Item = (Kind, &'a str, Option<&'a str>)>, audit: &[audit::Entry]) -> u64 {
    let mut hash = Sha256::new();
    for (kind, id, value) in writes {
        hash.update([kind as u8, u8::from(value.is_some())]);
        for part in [id, value.unwrap_or_default()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    for entry in audit {
        // An entry that cannot be written is refused when the line is sealed.
        hash.update(serde_json::to_vec(entry).unwrap_or_default());
    }
    let bytes = hash.finalize();
    u64::from_be_bytes([
        bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
    ])
}

/// Writes a value as one line of text (without the line break) that ends with its own hash. Returns the text and the hash.
pub(crate) fn seal(body: &impl Serialize) -> Result<(String, String)> {
    let mut text = serde_json::to_string(body)
        .map_err(|e| StoreError::Failed(format!("a commit cannot be written as JSON: {e}")))?;
    let hash = hex::encode(Sha256::digest(text.as_bytes()));
    text.pop();
    text.push_str(",\"hash\":\"");
    text.push_str(&hash);
    text.push_str("\"}");
    Ok((text, hash))
}

/// Splits a line into its body and its hash; `None` if the hash is not that of the body.
pub(crate) fn unseal(text: &[u8]) -> Option<(Vec<u8>, String)> {
    let cut = text.len().checked_sub(SEAL)?;
    let hash = text[cut..].strip_prefix(b",\"hash\":\"")?.strip_suffix(b"\"}")?;
    let mut body = text[..cut].to_vec();
    body.push(b'}');
    let computed = hex::encode(Sha256::digest(&body));
    (computed.as_bytes() == hash).then_some((body, computed))
}

/// Takes a value into a line: it must be JSON on one line, so that journal and record agree byte for byte.
pub(crate) fn raw(key: &Key, value: &[u8]) -> Result<Box<RawValue>> {
    let bad = |why: &str| StoreError::Failed(format!("the value of {key} cannot be kept: {why}"));
    let text = std::str::from_utf8(value).map_err(|_| bad("not UTF-8"))?;
    if text.contains(['\n', '\r']) {
        return Err(bad("JSON with line breaks"));
    }
    let raw = RawValue::from_string(text.to_owned()).map_err(|_| bad("not JSON"))?;
    if raw.get().len() != text.len() {
        return Err(bad("white space around the JSON"));
    }
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            seq: 7,
            batch: 6,
            commit: "c7".into(),
            now: DateTime::UNIX_EPOCH,
            prev: ROOT.into(),
            writes: vec![LineWrite {
                kind: Kind::Lease,
                id: "l1".into(),
                version: 2,
                value: Some(RawValue::from_string("{\"a\":1}".into()).unwrap()),
            }],
            audit: Vec::new(),
            facts: None,
        }
    }

    /// Journals live for years: these bytes must not change.
    #[test]
    fn golden_bytes() {
        let (text, hash) = seal(&line()).unwrap();
        let body = format!(
            r#"{{"seq":7,"batch":6,"commit":"c7","now":"1970-01-01T00:00:00Z","prev":"{ROOT}","writes":[{{"kind":"lease","id":"l1","version":2,"value":{{"a":1}}}}],"audit":[]"#
        );
        assert_eq!(text, format!(r#"{body},"hash":"{hash}"}}"#));
        assert_eq!(hash, hex::encode(Sha256::digest(format!("{body}}}"))));
    }

    #[test]
    fn any_changed_byte_breaks_the_seal() {
        let (text, hash) = seal(&line()).unwrap();
        assert_eq!(unseal(text.as_bytes()).unwrap().1, hash);
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(unseal(&bytes).is_none(), "byte {at}");
        }
        for end in 0..text.len() {
            assert!(unseal(&text.as_bytes()[..end]).is_none(), "cut at {end}");
        }
    }

    #[test]
    fn values_are_json_on_one_line() {
        let key = Key::new(Kind::Note, "n");
        for bad in ["", "{", "{\"a\":\n1}", " {}", "{} ", "{}{}"] {
            assert!(raw(&key, bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(raw(&key, &[0xff]).is_err());
        assert_eq!(raw(&key, b"{\"a\": [1]}").unwrap().get(), "{\"a\": [1]}");
    }
}
