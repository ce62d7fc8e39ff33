//! The one convention for names and marks, the same in every kind of system.
//!
//! | thing | form | longest, bytes |
//! |---|---|---|
//! | account | `jit_<stamp 4>_<slug 1..=12>_<hash 8>` | 30 |
//! | role of one lease | `jitg_<stamp 4>_<lease id 1..=20>` | 30 |
//! | account's own role | `jitu_<stamp 4>_<slug 1..=12>_<hash 8>` | 31 |
//! | set that leases share | `jits_<stamp 4>_<hash 16>`; the inert one `jits_<stamp 4>_none` | 26 |
//!
//! All are `[a-z0-9_]` and begin with a letter, so they need no quoting anywhere. The stamp tells installations apart
//! where the target has no room for a mark.

use sha2::{Digest, Sha256};

use super::{Mark, Person};
use crate::domain::LeaseId;

/// Longest mark in bytes, wherever free text fits.
const MARK_LIMIT: usize = 80;
const SLUG_LIMIT: usize = 12;

impl Mark {
    /// The mark of one integration of one installation. A text over 80 bytes is cut and closed with a hash of all of it,
    /// so that two long names never share a mark.
    pub fn new(installation: &str, integration: &str) -> Self {
        let full = format!("latchkey:{installation}/{integration}");
        let text = if full.len() <= MARK_LIMIT {
            full
        } else {
            let tail = format!("~{}", hash(&[&full], 8));
            let end = (0..=MARK_LIMIT - tail.len())
                .rev()
                .find(|at| full.is_char_boundary(*at))
                .unwrap_or(0);
            format!("{}{tail}", &full[..end])
        };
        let stamp = hash(&[&text], 4);
        Self { text, stamp }
    }

    /// The login that we make for a person; `scope` tells the logins of one person apart.
    pub fn account_name(&self, person: &Person, scope: &str) -> String {
        let slug = slug(&person.email);
        let hash = hash(&[&self.text, &person.id, scope], 8);
        format!("{}{slug}_{hash}", self.account_prefix())
    }

    /// The role that carries exactly one lease: dropping it takes back exactly that lease.
    pub fn lease_role(&self, lease: &LeaseId) -> String {
        format!("{}{lease}", self.lease_role_prefix())
    }

    /// The role of one login, where a target makes only one role active: a login of ours gives its own tail.
    pub fn own_role(&self, login: &str) -> String {
        let tail = login.get(self.account_prefix().len()..);
        let tail = tail.filter(|_| self.names_account(login)).map_or_else(
            || format!("{}_{}", slug(login), hash(&[&self.text, "login", login], 8)),
            str::to_ascii_lowercase,
        );
        format!("{}{tail}", self.own_role_prefix())
    }

    /// A set that all leases on the same thing share; `parts` say what it gives.
    pub fn set_name(&self, parts: &[&str]) -> String {
        format!("{}{}", self.set_prefix(), hash(parts, 16))
    }

    /// The set that allows nothing, for targets where a login must hold one.
    pub fn inert_set(&self) -> String {
        format!("{}none", self.set_prefix())
    }

    pub fn account_prefix(&self) -> String {
        format!("jit_{}_", self.stamp)
    }

    pub fn lease_role_prefix(&self) -> String {
        format!("jitg_{}_", self.stamp)
    }

    pub fn own_role_prefix(&self) -> String {
        format!("jitu_{}_", self.stamp)
    }

    pub fn set_prefix(&self) -> String {
        format!("jits_{}_", self.stamp)
    }

    /// Whether a login has our prefix and stamp. Case is ignored: some systems fold it.
    pub fn names_account(&self, name: &str) -> bool {
        starts_with(name, &self.account_prefix())
    }

    /// Whether a role is one of our lease roles.
    pub fn names_lease_role(&self, name: &str) -> bool {
        starts_with(name, &self.lease_role_prefix())
    }

    /// Whether a set is one of ours.
    pub fn names_set(&self, name: &str) -> bool {
        starts_with(name, &self.set_prefix())
    }
}

/// Whether a name was made by an installation of this program, ours or another: `^jit[gsu]?_`. Discovery hides such names.
pub fn is_reserved(name: &str) -> bool {
    ["jit_", "jitg_", "jits_", "jitu_"]
        .iter()
        .any(|prefix| starts_with(name, prefix))
}

/// 1 to 12 of `[a-z0-9]` of the e-mail's local part; `x` if there are none.
fn slug(email: &str) -> String {
    let local = email.rsplit_once('@').map_or(email, |(local, _)| local);
    let slug: String = local
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .filter(|c| matches!(c, 'a'..='z' | '0'..='9'))
        .take(SLUG_LIMIT)
        .collect();
    if slug.is_empty() { "x".to_owned() } else { slug }
}

/// The first `digits` hex digits of SHA-256 over the parts. Each part is preceded by its length, so that no two lists of
/// parts are hashed alike.
fn hash(parts: &[&str], digits: usize) -> String {
    let mut sha = Sha256::new();
    match parts {
        // One part is hashed as it is: the stamp is what `sha256sum` says of the mark.
        [only] => sha.update(only),
        many => {
            for part in many {
                sha.update((part.len() as u64).to_be_bytes());
                sha.update(part);
            }
        }
    }
    let mut text = hex::encode(sha.finalize());
    text.truncate(digits);
    text
}

fn starts_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: &str, email: &str) -> Person {
        Person {
            id: id.to_owned(),
            email: email.to_owned(),
            login: None,
        }
    }

    #[test]
    fn names_have_the_published_form() {
        let mark = Mark::new("main", "redis-cloud");
        assert_eq!(mark.text, "latchkey:main/redis-cloud");
        // `printf latchkey:main/redis-cloud | sha256sum`
        assert_eq!(mark.stamp, "c2fe");
        let ann = person("p1", "Ann.O'Neil+x@Example.com");
        let name = mark.account_name(&ann, "");
        assert!(
            name.starts_with(&format!("jit_{}_annoneilx_", mark.stamp)),
            "{name}"
        );
        assert_eq!(
            mark.lease_role(&LeaseId::from("7k3f")),
            format!("jitg_{}_7k3f", mark.stamp)
        );
        assert_eq!(mark.inert_set(), format!("jits_{}_none", mark.stamp));
        assert_eq!(mark.set_name(&["51", "Read-Only"]).len(), 26);
        assert_eq!(mark.own_role(&name), name.replacen("jit_", "jitu_", 1));
        let theirs = mark.own_role("Ann O'Neil@10.%");
        assert!(
            theirs.starts_with(&format!("jitu_{}_annoneil_", mark.stamp)),
            "{theirs}"
        );
        assert_ne!(theirs, mark.own_role("Ann O'Neil@%"));
    }

    #[test]
    fn no_name_is_longer_than_thirty_bytes_or_needs_quotes() {
        let mark = Mark::new(&"ü".repeat(90), "x");
        assert!(mark.text.len() <= 80);
        let long = person("p", &format!("{}@example.com", "a".repeat(300)));
        let names = [
            mark.account_name(&long, &"s".repeat(500)),
            mark.account_name(&person("p", "@"), ""),
            mark.account_name(&person("p", "Ж\"; DROP--"), ""),
            mark.lease_role(&LeaseId("z".repeat(20))),
            mark.set_name(&["a", "b", "c"]),
        ];
        for name in names {
            assert!(name.len() <= 30, "{name}");
            assert!(name.starts_with("jit"));
            assert!(
                name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_')),
                "{name}"
            );
            assert!(is_reserved(&name));
        }
    }

    #[test]
    fn what_differs_gets_another_name() {
        let mark = Mark::new("main", "a");
        let ann = person("p1", "ann@example.com");
        let name = mark.account_name(&ann, "db/rule");
        assert_eq!(
            name,
            mark.account_name(&person("p1", "ann@other.example"), "db/rule")
        );
        assert_ne!(
            name,
            mark.account_name(&person("p2", "ann@example.com"), "db/rule")
        );
        assert_ne!(name, mark.account_name(&ann, "db/other"));
        assert_ne!(name, Mark::new("main", "b").account_name(&ann, "db/rule"));
        assert_ne!(name, Mark::new("other", "a").account_name(&ann, "db/rule"));
        assert_ne!(mark.set_name(&["a", "bc"]), mark.set_name(&["ab", "c"]));
        let (long, longer) = ("x".repeat(100), "x".repeat(101));
        assert_ne!(Mark::new(&long, "a").text, Mark::new(&longer, "a").text);
    }

    #[test]
    fn ours_are_told_from_others() {
        let mark = Mark::new("main", "a");
        let other = Mark::new("staging", "a");
        let ann = person("p1", "ann@example.com");
        let name = mark.account_name(&ann, "");
        assert!(mark.names_account(&name) && mark.names_account(&name.to_uppercase()));
        assert!(!other.names_account(&name) && !mark.names_set(&name) && !mark.names_lease_role(&name));
        assert!(mark.names_set(&mark.inert_set()));
        for (name, reserved) in [
            ("jit_x", true),
            ("JITG_1", true),
            ("jits_", true),
            ("jitu_a", true),
            ("jit", false),
            ("jitx_a", false),
            ("jitter", false),
            ("a_jit_", false),
            ("jité", false),
            ("", false),
        ] {
            assert_eq!(is_reserved(name), reserved, "{name}");
        }
    }
}
