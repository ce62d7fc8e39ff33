//! Which values are records, under which id, and when each has to be looked at.

use serde::de::DeserializeOwned;

use super::typed::Record;
use crate::domain::{
    Account, AccountId, Card, CatalogueEntry, ChatUser, Due, Integration, IntegrationName, Key, Kind, Lane,
    Lease, LeaseRef, Person, PersonId, Poke, Request, RequestId, ShortCode, Urgency, name::short_hash,
};

/// A chat user → the person bound to it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Binding {
    pub chat_user: ChatUser,
    pub person: PersonId,
    pub bound_at: chrono::DateTime<chrono::Utc>,
}

/// A short code → its request.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Code {
    pub code: ShortCode,
    pub request: RequestId,
}

/// A fact about the installation, by name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Note {
    pub name: String,
    pub text: String,
}

impl Record for Person {
    const KIND: Kind = Kind::Person;
    fn id(&self) -> String {
        self.id.0.clone()
    }
}

impl Record for Binding {
    const KIND: Kind = Kind::Binding;
    fn id(&self) -> String {
        self.chat_user.as_key()
    }
}

impl Record for Request {
    const KIND: Kind = Kind::Request;
    fn id(&self) -> String {
        self.id.0.clone()
    }
}

impl Record for Code {
    const KIND: Kind = Kind::Code;
    fn id(&self) -> String {
        self.code.0.clone()
    }
}

impl Record for Lease {
    const KIND: Kind = Kind::Lease;
    fn id(&self) -> String {
        lease_id(&self.at())
    }
}

/// Leases of an account lie together: `ACCOUNT/LEASE`.
pub fn lease_id(at: &LeaseRef) -> String {
    format!("{}/{}", at.account, at.lease)
}

/// The prefix that all leases of an account share.
pub fn leases_of(account: &AccountId) -> String {
    format!("{account}/")
}

impl Record for Account {
    const KIND: Kind = Kind::Account;
    fn id(&self) -> String {
        self.id.0.clone()
    }
}

impl Record for Card {
    const KIND: Kind = Kind::Card;
    fn id(&self) -> String {
        format!("{}{}", cards_of(&self.request), self.audience.as_key())
    }
}

/// The prefix that all cards of a request share.
pub fn cards_of(request: &RequestId) -> String {
    format!("{request}/")
}

impl Record for Poke {
    const KIND: Kind = Kind::Poke;
    fn id(&self) -> String {
        self.subject.as_key()
    }
}

impl Record for Integration {
    const KIND: Kind = Kind::Integration;
    fn id(&self) -> String {
        self.name.0.clone()
    }
}

impl Record for CatalogueEntry {
    const KIND: Kind = Kind::Resource;
    fn id(&self) -> String {
        let at = &self.resource.at;
        format!(
            "{}{}",
            catalogue_of(&self.integration),
            short_hash(&[&at.kind, &at.id.join("\u{0}")], 24)
        )
    }
}

/// The prefix that all resources of an integration share.
pub fn catalogue_of(integration: &IntegrationName) -> String {
    format!("{integration}/")
}

impl Record for Note {
    const KIND: Kind = Kind::Note;
    fn id(&self) -> String {
        self.name.clone()
    }
}

/// When a record has to be looked at, from the record alone. What the store is opened with.
pub fn due_of(key: &Key, value: &[u8]) -> Result<Option<Due>, String> {
    Ok(match key.kind {
        Kind::Request => read::<Request>(key, value)?.due(),
        Kind::Lease => read::<Lease>(key, value)?.due(),
        Kind::Account => read::<Account>(key, value)?.due(),
        Kind::Poke => read::<Poke>(key, value).map(|poke| {
            Some(Due {
                lane: Lane::chat(),
                at: poke.at,
            })
        })?,
        Kind::Integration => read::<Integration>(key, value).map(|integration| {
            let lane = Lane::of(&integration.name, Urgency::Housekeeping);
            integration.look_at.map(|at| Due { lane, at })
        })?,
        Kind::Person => read::<Person>(key, value).map(|_| None)?,
        Kind::Binding => read::<Binding>(key, value).map(|_| None)?,
        Kind::Code => read::<Code>(key, value).map(|_| None)?,
        Kind::Card => read::<Card>(key, value).map(|_| None)?,
        Kind::Resource => read::<CatalogueEntry>(key, value).map(|_| None)?,
        Kind::Delivery | Kind::Note => read::<Note>(key, value).map(|_| None)?,
    })
}

fn read<T: DeserializeOwned>(key: &Key, value: &[u8]) -> Result<T, String> {
    serde_json::from_slice(value).map_err(|e| format!("{key} cannot be read: {e}"))
}
