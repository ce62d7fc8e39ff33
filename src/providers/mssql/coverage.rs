//! Leases that reach every database, and databases that were away when they were given.
//!
//! A database that has been away all along holds no role of theirs and holds up no end; one that went away later does. Which is
//! which is kept in the account's memo, since a database that is away cannot be asked.

use std::collections::BTreeSet;

use super::{
    look::Database,
    place::{Reach, reach_of},
};
use crate::providers::{Lease, Memo};

const KEY: &str = "uncovered";
/// In bytes; what does not fit is taken for covered.
const LIMIT: usize = 800;

pub fn is_everywhere(lease: &Lease) -> bool {
    reach_of(lease) == Some(Reach::EveryDatabase)
}

/// Databases that such leases never reached; `None` before one was given.
pub fn uncovered(memo: &Memo) -> Option<BTreeSet<String>> {
    serde_json::from_str(memo.get(KEY)?).ok()
}

/// Before such a lease is given: what is away now, and was each time before.
pub fn note(memo: &mut Memo, databases: &[Database]) {
    let mut away: BTreeSet<String> = databases
        .iter()
        .filter(|database| database.away.is_some())
        .map(|database| database.name.clone())
        .collect();
    if let Some(before) = uncovered(memo) {
        away.retain(|name| before.contains(name));
    }
    loop {
        match serde_json::to_string(&away) {
            Ok(text) if text.len() <= LIMIT => {
                memo.insert(KEY.to_owned(), text);
                return;
            }
            _ if away.pop_last().is_some() => {}
            _ => return,
        }
    }
}

/// When the last of them is gone.
pub fn forget(memo: &mut Memo) {
    memo.remove(KEY);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn databases(all: &[(&str, bool)]) -> Vec<Database> {
        let of = |(name, away): &(&str, bool)| Database {
            name: (*name).to_owned(),
            away: away.then(|| "it is OFFLINE".to_owned()),
        };
        all.iter().map(of).collect()
    }

    fn names(memo: &Memo) -> Vec<String> {
        uncovered(memo).unwrap_or_default().into_iter().collect()
    }

    #[test]
    fn only_what_was_away_all_along_is_uncovered() {
        let mut memo = Memo::new();
        assert_eq!(uncovered(&memo), None);
        note(
            &mut memo,
            &databases(&[("a", true), ("b\n\"", true), ("c", false)]),
        );
        assert_eq!(names(&memo), ["a", "b\n\""]);
        // One is back and covered; another goes away, covered.
        note(
            &mut memo,
            &databases(&[("a", false), ("b\n\"", true), ("c", true)]),
        );
        assert_eq!(names(&memo), ["b\n\""]);
        // What was covered once is not forgotten when it goes away again.
        note(
            &mut memo,
            &databases(&[("a", true), ("b\n\"", true), ("c", true)]),
        );
        assert_eq!(names(&memo), ["b\n\""]);
        forget(&mut memo);
        assert!(memo.is_empty());
    }

    #[test]
    fn a_memo_has_an_end() {
        let long: Vec<String> = (0..100).map(|n| format!("{n:03}{}", "x".repeat(100))).collect();
        let all: Vec<(&str, bool)> = long.iter().map(|name| (name.as_str(), true)).collect();
        let mut memo = Memo::new();
        note(&mut memo, &databases(&all));
        assert!(!names(&memo).is_empty() && memo[KEY].len() <= LIMIT);
    }
}
