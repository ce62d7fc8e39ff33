//! Who did what to which request, when, and by what authority. Entries ride in the commit of the change they record.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{IntegrationName, LeaseId, PersonId, RequestId};

/// Who acted, and how we know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Actor {
    /// A person, known by the chat user that the platform vouched for.
    Person {
        id: PersonId,
        name: String,
        chat_user: String,
    },
    /// Somebody at the command line of the machine, by their system user.
    System { user: String },
    /// Latchkey itself: the loop, or a rule of the configuration.
    Latchkey,
}

/// One line of the audit log. Never holds a secret, nor an error text that was not scrubbed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub actor: Actor,
    /// What was done, in the past tense: `asked`, `approved`, `granted`, `shown`, `ended`, `revoked`.
    pub verb: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseId>,
    /// Whom it is about, where that is not the actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<IntegrationName>,
    /// The rest, by name: authority, reason, statements that ran (masked), what was seen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, serde_json::Value>,
}

impl Entry {
    pub fn new(actor: Actor, verb: &str) -> Self {
        Self {
            actor,
            verb: verb.to_owned(),
            request: None,
            lease: None,
            person: None,
            integration: None,
            facts: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn request(mut self, id: &RequestId) -> Self {
        self.request = Some(id.clone());
        self
    }

    #[must_use]
    pub fn lease(mut self, id: &LeaseId) -> Self {
        self.lease = Some(id.clone());
        self
    }

    #[must_use]
    pub fn person(mut self, id: &PersonId) -> Self {
        self.person = Some(id.clone());
        self
    }

    #[must_use]
    pub fn integration(mut self, name: &IntegrationName) -> Self {
        self.integration = Some(name.clone());
        self
    }

    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.facts.insert(name.to_owned(), value);
        }
        self
    }
}

/// An entry as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// The journal line it rode in.
    pub seq: u64,
    pub at: DateTime<Utc>,
    #[serde(flatten)]
    pub entry: Entry,
}
