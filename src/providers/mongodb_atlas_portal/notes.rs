//! The memo of a person's own login. Never a secret.

use std::collections::BTreeSet;

use crate::domain::Memo;

/// Ids of 24 characters; so many fit the memo's 1 KiB with all else.
const LIMIT: usize = 30;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PersonNotes {
    /// The id that Atlas gave to the person: their address may change.
    pub user: Option<String>,
    /// The person was not in the organization when we first looked: whatever invitation there is, is ours.
    pub newcomer: bool,
    /// We sent an invitation that was not accepted yet.
    pub sent: bool,
    /// Projects that the person was in before us.
    pub was_in: BTreeSet<String>,
}

impl PersonNotes {
    pub fn read(memo: &Memo) -> Self {
        let text = |key: &str| memo.get(key).cloned();
        Self {
            user: text("user"),
            newcomer: memo.contains_key("newcomer"),
            sent: memo.contains_key("sent"),
            was_in: text("was_in")
                .map(|list| list.split(' ').map(str::to_owned).collect())
                .unwrap_or_default(),
        }
    }

    pub fn write(&self) -> Memo {
        let mut memo = Memo::new();
        let mut put = |key: &str, value: String| {
            memo.insert(key.to_owned(), value);
        };
        if let Some(user) = &self.user {
            put("user", user.clone());
        }
        for (key, set) in [("newcomer", self.newcomer), ("sent", self.sent)] {
            if set {
                put(key, "yes".to_owned());
            }
        }
        if !self.was_in.is_empty() {
            let list: Vec<&str> = self.was_in.iter().take(LIMIT).map(String::as_str).collect();
            put("was_in", list.join(" "));
        }
        memo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_survive_the_memo_and_fit_it() {
        let notes = PersonNotes {
            user: Some("6".repeat(24)),
            newcomer: true,
            sent: true,
            was_in: (0..LIMIT).map(|n| format!("{n:024x}")).collect(),
        };
        let memo = notes.write();
        let size: usize = memo.iter().map(|(key, value)| key.len() + value.len() + 8).sum();
        assert!(size <= 1024, "{size} bytes");
        assert_eq!(PersonNotes::read(&memo), notes);
        assert_eq!(PersonNotes::read(&Memo::new()), PersonNotes::default());
    }
}
