//! Plain values that the core and the providers share. They hold no secret and do nothing.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Declares an id as a newtype over a string, so that ids of different things cannot be mixed up.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    )+};
}

ids! {
    /// A person: our own id, derived from the chat user they were first seen as.
    PersonId,
    /// A request: derived from the delivery that made it, so that a repeated delivery makes no second one.
    RequestId,
    /// What people read and type for a request ("R7K3F").
    ShortCode,
    /// A lease. 1 to 20 of `[a-z0-9]`: `jitg_<stamp>_<id>` then fits 30 bytes, the shortest limit there is.
    LeaseId,
    /// An account record: a hash of (integration, person, scope).
    AccountId,
    /// A configured integration, by the name people type.
    IntegrationName,
}

/// A login, unique within the integration; a provider may put a scope in front ("project/cluster/login").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountName {
    /// Made, rotated, disabled and deleted by us. Everything on it is ours.
    Ours(String),
    /// The person's own identity: never rotated or disabled. `Deleted` removes at most a membership that we made by inviting.
    Theirs(String),
    /// Belongs to a resource (a database's default user). Only its credential is ever replaced.
    Shared(String),
}

impl AccountName {
    pub fn login(&self) -> &str {
        match self {
            Self::Ours(login) | Self::Theirs(login) | Self::Shared(login) => login,
        }
    }

    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Ours(_))
    }
}

/// Provider's notes, handed back: ids the target assigned, tasks under way, how things were before. Kept with the account
/// and replaced by every answer; at most 1 KiB, never a secret. What it says about how things stood is never overwritten.
pub type Memo = BTreeMap<String, String>;

/// What people are told of a resource and what the provider needs to find it.
///
/// `id` is exact and the provider's: segments, since names may contain any separator; remote ids where names can change.
/// `title` is what people read and type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceRef {
    pub kind: String,
    pub id: Vec<String>,
    pub title: String,
}

/// Something that can be requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    pub at: ResourceRef,
    /// Its own over those of what contains it; one of them names the owner.
    pub tags: BTreeMap<String, String>,
    /// Why it cannot be requested now (paused, synced from elsewhere, we lack a right): listed, not offered.
    pub unavailable: Option<String>,
}

/// A kind of resource ("database") with what can be asked for on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceKind {
    pub name: String,
    /// Data, not code: a target's own rules and roles appear here without a release. Least first: the first one that a
    /// flow allows is meant where a person names none.
    pub permissions: Vec<Permission>,
    /// People may type a name of this kind under a resource of that kind: `id` is its id plus the name, tags are its tags.
    pub typed_under: Option<String>,
}

/// A level of access. `also`: other names people may type (`read`, `read-write`, `admin` beside the engine's own).
/// `dangerous`: lets its holder widen their own access; offered only where the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    pub name: String,
    pub also: Vec<String>,
    pub about: String,
    pub dangerous: bool,
}

impl Permission {
    /// Whether a person who typed `text` means this permission.
    pub fn is_called(&self, text: &str) -> bool {
        self.name.eq_ignore_ascii_case(text) || self.also.iter().any(|name| name.eq_ignore_ascii_case(text))
    }
}

/// What a listing found. `unread`: id and reason; everything under that id is as it was last time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    pub kinds: Vec<ResourceKind>,
    pub resources: Vec<Resource>,
    pub unread: Vec<(Vec<String>, String)>,
}

/// Rises with every claim of an account: `epoch` with every restore, `count` with every claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fence {
    pub epoch: u32,
    pub count: u64,
}

/// What the person is told: label and value ("Host", "Port", "Database", "User", "Portal"); strings to copy, with
/// `{secret}` filled in where they are shown (ours need no escaping); remarks ("reconnect to see it").
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessDetails {
    pub fields: Vec<(String, String)>,
    pub examples: Vec<String>,
    pub notes: Vec<String>,
}

/// What a look at the integration itself found.
///
/// `target_id` tells this target from every other (system identifier, account id, cluster uuid), for as long as it lives;
/// "gone already" counts only there. `missing`: rights we lack, each with what repairs it. `own_expires`: when our
/// credential dies, and all revocation with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    pub target_id: String,
    pub server: String,
    pub missing: Vec<String>,
    pub warnings: Vec<String>,
    pub own_expires: Option<DateTime<Utc>>,
}
