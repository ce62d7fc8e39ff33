//! The memo, typed: where the account is, and what is under way. Never a secret.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::domain::Memo;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// Project and cluster of a database user; its name does not tell them.
    pub place: Option<(String, String)>,
    /// When we last changed something that the cluster has not been seen to have applied.
    pub since: Option<DateTime<Utc>>,
    /// The shared role of ours that the user holds, which goes with its last user.
    pub set: Option<String>,
    /// Our last change of the user was to take roles and password.
    pub sealed: bool,
}

impl Notes {
    /// What is missing or cannot be read counts as not known, which only costs another look.
    pub fn read(memo: &Memo) -> Self {
        let text = |key: &str| memo.get(key).cloned();
        Self {
            place: text("group").zip(text("cluster")),
            since: text("since").and_then(|text| text.parse().ok()),
            set: text("set"),
            sealed: memo.contains_key("sealed"),
        }
    }

    pub fn write(&self) -> Memo {
        let mut memo = Memo::new();
        let mut put = |key: &str, value: String| {
            memo.insert(key.to_owned(), value);
        };
        if let Some((group, cluster)) = &self.place {
            put("group", group.clone());
            put("cluster", cluster.clone());
        }
        if let Some(since) = &self.since {
            put("since", since.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
        if let Some(set) = &self.set {
            put("set", set.clone());
        }
        if self.sealed {
            put("sealed", "yes".to_owned());
        }
        memo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_survive_the_memo() {
        let notes = Notes {
            place: Some(("g".to_owned(), "c".to_owned())),
            since: Some("2026-08-01T10:00:00.250Z".parse().unwrap()),
            set: Some("jits_1234_0123456789abcdef".to_owned()),
            sealed: true,
        };
        assert_eq!(Notes::read(&notes.write()), notes);
        assert_eq!(Notes::read(&Memo::new()), Notes::default());
        assert!(Notes::default().write().is_empty());
    }
}
