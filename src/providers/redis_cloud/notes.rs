//! The memo, typed: the task under way and what a later turn must know. Never a secret.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};

use super::write::Purpose;
use crate::domain::Memo;

/// Characters of a task id that are kept in `after`; 60 of them fit the memo's 1 KiB.
const SHORT: usize = 8;
const AFTER_LIMIT: usize = 60;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    pub task: String,
    pub purpose: Purpose,
    pub since: DateTime<Utc>,
    /// Times in a row that the API did not know the task.
    pub missed: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Notes {
    pub pending: Option<Pending>,
    /// Our last change of the user was to take role and password.
    pub sealed: bool,
    /// The user was changed, and has not been seen to stay active since.
    pub settling: bool,
    pub active_at: Option<DateTime<Utc>>,
    /// Operations that were under way when we first looked for an absent user, by the first digits of their ids.
    pub after: BTreeSet<String>,
    /// The API refuses the role that allows nothing: users are deleted instead.
    pub no_inert: bool,
    /// The user held a role of ours, which goes with its last user.
    pub shares_a_role: bool,
    /// Failed turns in a row, for the pause between them.
    pub tries: u32,
}

pub(super) fn short(task: &str) -> String {
    task.chars().take(SHORT).collect()
}

impl Notes {
    /// What is missing or cannot be read counts as not known, which only costs another look.
    pub fn read(memo: &Memo) -> Self {
        let text = |key: &str| memo.get(key).map(String::as_str);
        let time = |key: &str| text(key).and_then(|text| text.parse().ok());
        let number = |key: &str| text(key).and_then(|text| text.parse().ok()).unwrap_or(0);
        let pending = || {
            Some(Pending {
                task: text("task")?.to_owned(),
                purpose: Purpose::parse(text("purpose")?)?,
                since: time("since")?,
                missed: number("missed"),
            })
        };
        Self {
            pending: pending(),
            sealed: text("sealed").is_some(),
            settling: text("settling").is_some(),
            active_at: time("active_at"),
            after: text("after")
                .map(|list| list.split(' ').map(str::to_owned).collect())
                .unwrap_or_default(),
            no_inert: text("no_inert").is_some(),
            shares_a_role: text("shares_a_role").is_some(),
            tries: number("tries"),
        }
    }

    pub fn write(&self) -> Memo {
        let mut memo = Memo::new();
        let mut put = |key: &str, value: String| {
            memo.insert(key.to_owned(), value);
        };
        let time = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        if let Some(pending) = &self.pending {
            put("task", pending.task.clone());
            put("purpose", pending.purpose.as_str().to_owned());
            put("since", time(&pending.since));
            if pending.missed > 0 {
                put("missed", pending.missed.to_string());
            }
        }
        for (key, set) in [
            ("sealed", self.sealed),
            ("settling", self.settling),
            ("no_inert", self.no_inert),
            ("shares_a_role", self.shares_a_role),
        ] {
            if set {
                put(key, "yes".to_owned());
            }
        }
        if let Some(at) = &self.active_at {
            put("active_at", time(at));
        }
        if !self.after.is_empty() {
            let list: Vec<&str> = self.after.iter().take(AFTER_LIMIT).map(String::as_str).collect();
            put("after", list.join(" "));
        }
        if self.tries > 0 {
            put("tries", self.tries.to_string());
        }
        memo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_survive_the_memo_and_fit_it() {
        let at: DateTime<Utc> = "2026-08-01T10:00:00.250Z".parse().unwrap();
        let notes = Notes {
            pending: Some(Pending {
                task: "3f2b1c4d-0000-4000-8000-000000000000".to_owned(),
                purpose: Purpose::Seal,
                since: at,
                missed: 3,
            }),
            sealed: true,
            settling: true,
            active_at: Some(at),
            after: (0..500).map(|n| short(&format!("{n:08}-aaaa"))).collect(),
            no_inert: true,
            shares_a_role: true,
            tries: 7,
        };
        let memo = notes.write();
        let size: usize = memo.iter().map(|(key, value)| key.len() + value.len() + 8).sum();
        assert!(size <= 1024, "{size} bytes");
        let again = Notes::read(&memo);
        assert_eq!(again.pending, notes.pending);
        assert_eq!(again.after.len(), AFTER_LIMIT);
        assert_eq!(
            (again.sealed, again.settling, again.no_inert, again.tries),
            (true, true, true, 7)
        );
        assert_eq!(again.active_at, Some(at));
        assert_eq!(Notes::read(&Memo::new()), Notes::default());
        assert!(Notes::default().write().is_empty());
    }
}
