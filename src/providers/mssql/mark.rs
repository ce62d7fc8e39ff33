//! Our mark where no text fits: a login carries it as its SID, a person's own user in a database as its name.

use sha2::{Digest, Sha256};

use crate::providers::Mark;

/// The SID that a login of this name has if it is ours: chosen by us when the login is made, and by nobody else by chance.
/// It is the same on every replica of an availability group, so users of its databases are never orphaned.
pub fn sid(mark: &Mark, login: &str) -> [u8; 16] {
    let mut sha = Sha256::new();
    for part in [mark.text.as_str(), login] {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part.as_bytes());
    }
    let digest = sha.finalize();
    let mut sid = [0; 16];
    sid.copy_from_slice(&digest[..16]);
    sid
}

/// The user that stands for a login in a database where it has none: a login of ours under its own name, somebody's own under a
/// name that says that the user is ours.
pub fn user(mark: &Mark, login: &str) -> String {
    if mark.names_account(login) {
        login.to_owned()
    } else {
        mark.set_name(&["user", login]).replacen("jits_", "jitu_", 1)
    }
}

/// Whether a user in a database was made by us.
pub fn is_our_user(mark: &Mark, name: &str) -> bool {
    mark.names_account(name) || name.starts_with(&format!("jitu_{}_", mark.stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_belongs_to_one_name_of_one_integration() {
        let (mark, other) = (Mark::new("main", "a"), Mark::new("main", "b"));
        assert_eq!(sid(&mark, "jit_x"), sid(&mark, "jit_x"));
        assert_ne!(sid(&mark, "jit_x"), sid(&mark, "jit_y"));
        assert_ne!(sid(&mark, "jit_x"), sid(&other, "jit_x"));
    }

    #[test]
    fn users_of_ours_are_known_by_name() {
        let mark = Mark::new("main", "a");
        let own = format!("jit_{}_ann_0011aabb", mark.stamp);
        assert_eq!(user(&mark, &own), own);
        let theirs = user(&mark, "Ann O'Neil");
        assert!(
            theirs.starts_with(&format!("jitu_{}_", mark.stamp)) && theirs.len() <= 30,
            "{theirs}"
        );
        assert!(is_our_user(&mark, &theirs) && is_our_user(&mark, &own));
        assert!(!is_our_user(&mark, "Ann O'Neil") && !is_our_user(&Mark::new("x", "a"), &theirs));
    }
}
