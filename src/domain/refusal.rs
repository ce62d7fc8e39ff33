//! Why something is not possible, and what would be: said to the person who asked, naming only what they may ask for.

use chrono::{DateTime, Utc};

use super::ShortCode;

/// An answer of "no" that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was wished, as people say it: "admin on redis-cloud / prod for 3 d".
    pub what: String,
    /// At least one.
    pub why: Vec<Why>,
    /// What they may have instead.
    pub can: Vec<Can>,
    pub offers: Vec<Offer>,
}

impl Refusal {
    /// A refusal for one reason, without anything to offer instead.
    pub fn because(what: impl Into<String>, why: Why) -> Self {
        Self {
            what: what.into(),
            why: vec![why],
            can: Vec::new(),
            offers: Vec::new(),
        }
    }

    #[must_use]
    pub fn offer(mut self, offer: Offer) -> Self {
        self.offers.push(offer);
        self
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// No access flow gives this person that permission here.
    NoFlow {
        permission: String,
    },
    /// The longest they may ask for here.
    TooLong {
        longest_seconds: i64,
    },
    TooShort {
        shortest_seconds: i64,
    },
    /// The flow wants a reason.
    ReasonNeeded,
    /// Not there, or hidden from them: both read the same.
    Unknown,
    /// Nobody but the requester could decide.
    NobodyToDecide,
    /// The integration is retired.
    Retired {
        integration: String,
    },
    /// Revoking there is not known to work, so nothing new is granted.
    NotHealthy {
        integration: String,
    },
    /// The resource cannot be asked for now, and why.
    Unavailable {
        why: String,
    },
    /// This installation grants nothing now (restored, copied, clock in doubt).
    Paused {
        why: String,
    },
    /// They hold it already.
    Held {
        until: DateTime<Utc>,
    },
    /// They wait for it already.
    Asked {
        code: ShortCode,
    },
    TooManyPending {
        most: usize,
    },
    /// Nobody decides on their own request: who does.
    OwnRequest {
        deciders: Vec<String>,
    },
    /// Not one of those who decide on this one (any more).
    NotAnApprover,
    AlreadyVoted,
    /// It changed since the card was drawn that they pressed a button on.
    Changed,
    /// It is active: cancelling is for what is not.
    Active,
    /// It is not active (any more).
    NotActive,
    /// A reason may be so many characters long.
    ReasonTooLong {
        longest: usize,
    },
    /// The time they named has passed, or does not exist on that day.
    BadTime {
        text: String,
    },
    /// Guests, strangers, bots, the deactivated, and those whose identity is in doubt.
    MayNotAct {
        why: MayNot,
    },
}

/// Why a person may do nothing at all here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayNot {
    Guest,
    Stranger,
    Bot,
    Deactivated,
    /// The chat does not tell who they are, or tells something else than before.
    Suspended,
    /// The chat could not be asked just now.
    Unknown,
}

/// Something they may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Can {
    /// Least first; at least one.
    pub permissions: Vec<String>,
    pub longest_seconds: i64,
    /// "group dba"; `None` where nobody has to decide.
    pub decided_by: Option<String>,
}

/// A button under an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub label: String,
    pub does: Does,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Does {
    /// As if this line had been typed.
    Say(String),
    /// Opens the form, filled in from this line.
    Form(String),
}

impl Offer {
    pub fn say(label: impl Into<String>, line: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            does: Does::Say(line.into()),
        }
    }

    pub fn form(label: impl Into<String>, line: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            does: Does::Form(line.into()),
        }
    }
}
