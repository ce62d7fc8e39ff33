//! What the store holds a value under, and when the loop has to look at it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::IntegrationName;

/// The kinds of record there are. The discriminant is part of the key on disk: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    Person = 1,
    /// A chat user → the person bound to it.
    Binding = 2,
    Request = 3,
    /// A short code → the request that people mean by it.
    Code = 4,
    Lease = 5,
    Account = 6,
    Card = 7,
    /// What people see of a subject may have changed: look at its cards. Written blindly by whoever changes a fact.
    Poke = 8,
    Integration = 9,
    Resource = 10,
    /// A delivery that was taken already.
    Delivery = 11,
    /// Facts about the installation itself (quarantine, jumps of the clock).
    Note = 12,
}

impl Kind {
    pub const ALL: [Self; 12] = [
        Self::Person,
        Self::Binding,
        Self::Request,
        Self::Code,
        Self::Lease,
        Self::Account,
        Self::Card,
        Self::Poke,
        Self::Integration,
        Self::Resource,
        Self::Delivery,
        Self::Note,
    ];
}

/// The name of a record: its kind, and an id that is unique in the kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    pub kind: Kind,
    pub id: String,
}

impl Key {
    pub fn new(kind: Kind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.id)
    }
}

/// What comes first when there is more to do than can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Urgency {
    Ends = b'0',
    Grants = b'1',
    Housekeeping = b'2',
}

impl Urgency {
    pub const ALL: [Self; 3] = [Self::Ends, Self::Grants, Self::Housekeeping];
}

/// A queue of its own: one that is full or backs off does not hold up another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lane {
    /// An integration, or one of ours: `@core` (requests), `@chat` (cards).
    pub owner: String,
    pub urgency: Urgency,
}

impl Lane {
    pub fn of(integration: &IntegrationName, urgency: Urgency) -> Self {
        Self {
            owner: integration.0.clone(),
            urgency,
        }
    }

    pub fn core() -> Self {
        Self {
            owner: "@core".into(),
            urgency: Urgency::Housekeeping,
        }
    }

    /// What is over and leaves the store one day.
    pub fn forget() -> Self {
        Self {
            owner: "@forget".into(),
            urgency: Urgency::Housekeeping,
        }
    }

    pub fn chat() -> Self {
        Self {
            owner: "@chat".into(),
            urgency: Urgency::Housekeeping,
        }
    }
}

/// When, and in which lane, the loop has to look at a record. Always derived from the record alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub lane: Lane,
    pub at: DateTime<Utc>,
}
