//! One chat message that shows one request and follows it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{MessageRef, PersonId, Place, RequestId};

/// Whose eyes a card is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// View A, in the flow's channel.
    Channel(Place),
    /// View A, to one approver.
    Approver(PersonId),
    /// View B.
    Requester,
}

impl Audience {
    /// Part of a card's id.
    pub fn as_key(&self) -> String {
        match self {
            Self::Channel(place) => format!("c:{}:{}", place.chat.as_str(), place.channel),
            Self::Approver(person) => format!("a:{person}"),
            Self::Requester => "r".into(),
        }
    }
}

/// A post that was begun: found after a crash, a duplicate is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    pub nonce: String,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub request: RequestId,
    pub audience: Audience,
    /// Where it goes.
    pub to: Place,
    pub message: Option<MessageRef>,
    pub posting: Option<Posting>,
    /// Digest of what it shows.
    pub shown: Option<String>,
    /// States that were announced with a message of their own ("active", "denied").
    pub announced: Vec<String>,
    pub failures: u32,
    pub next_try: Option<DateTime<Utc>>,
    /// It will not be updated again, and why ("the channel is gone").
    pub dead: Option<String>,
}

/// Something people see may have changed, or will at `at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poke {
    pub subject: PokeSubject,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PokeSubject {
    Request(RequestId),
    Home(PersonId),
}

impl PokeSubject {
    pub fn as_key(&self) -> String {
        match self {
            Self::Request(id) => format!("request:{id}"),
            Self::Home(id) => format!("home:{id}"),
        }
    }
}
