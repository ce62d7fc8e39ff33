//! Access flows: who may request what, for how long, and who decides.

use serde::{Deserialize, Serialize};

use super::Place;

/// One `[[access_flow]]`. The first in file order that fits person, target, permission and duration decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessFlow {
    pub name: String,
    pub requesters: People,
    pub targets: Vec<Target>,
    pub approval: Approval,
    pub default_seconds: i64,
    pub max_seconds: i64,
    pub requester_reason: ReasonRule,
    pub approver_reason: ReasonRule,
    /// Cards go here; absent: a message to each approver (at most 10).
    pub channel: Option<Place>,
    /// Told of each grant by this flow: `owner`, or a channel.
    pub notify: Vec<Notify>,
    /// An undecided request expires after so many seconds.
    pub decide_within_seconds: i64,
}

/// People by name in `[people]`, and the members of groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    pub people: Vec<String>,
    pub groups: Vec<String>,
}

/// What a flow gives access to. An absent list means "all"; names may hold `*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub integration: String,
    pub types: Option<Vec<String>>,
    pub resources: Option<Vec<String>>,
    /// Absent: all but those marked dangerous.
    pub permissions: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    Automatic,
    By { approvers: Vec<Approver>, quorum: u32 },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approver {
    /// Found by the resource's tag, else the integration's owner.
    Owner,
    Person(String),
    Group(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notify {
    Owner,
    Channel(Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonRule {
    Optional,
    Required,
}

/// Whose answer finds the owner: the tag `key` of a resource holds a name, looked up as `attribute`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceOwner {
    pub key: String,
    pub attribute: OwnerAttribute,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerAttribute {
    /// The tag names a group.
    Group,
    /// The tag names a person of `[people]`.
    Person,
    /// The tag is a person's e-mail.
    Email,
}
