//! What every target system must be able to do, and the values that cross that line.
//!
//! A provider looks and acts. It decides nothing, stores nothing, reads no clock (but for the life of its own tokens),
//! makes no secret, and never sees a request, a vote or a chat. One wrapper around the trait (`guard`) owns time limits,
//! pace, metrics, and secrets in error texts.
//!
//! A provider's file exports one item, `REGISTRATION`. Listing it here is `mod x;` and `x::REGISTRATION,` in `ALL`.

mod atlas;
pub mod guard;
use std::{collections::BTreeMap, fmt, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::secrets::Secret;

pub mod elasticsearch;
pub mod http;
pub mod mariadb;
pub mod mongodb_atlas;
pub mod mongodb_atlas_portal;
pub mod mssql;
pub mod mysql;
pub mod names;
pub mod opensearch;
pub mod oracle;
pub mod page;
pub mod postgresql;
pub mod rabbitmq;
pub mod redis_cloud;
pub mod search;
pub mod snowflake;
pub mod sql;
pub mod tls;
pub mod vertica;

pub use crate::domain::{
    AccessDetails, AccountName, Discovery, Fence, Health, LeaseId, Memo, Permission, Resource, ResourceKind,
    ResourceRef,
};

pub type Result<T> = std::result::Result<T, ProviderError>;

/// Every kind of system this program speaks to.
pub const ALL: &[Registration] = &[
    elasticsearch::REGISTRATION,
    mariadb::REGISTRATION,
    mongodb_atlas::REGISTRATION,
    mongodb_atlas_portal::REGISTRATION,
    mssql::REGISTRATION,
    mysql::REGISTRATION,
    opensearch::REGISTRATION,
    oracle::REGISTRATION,
    postgresql::REGISTRATION,
    rabbitmq::REGISTRATION,
    redis_cloud::REGISTRATION,
    snowflake::REGISTRATION,
    vertica::REGISTRATION,
];

#[async_trait]
pub trait Provider: Send + Sync {
    /// Reachable, and our rights suffice to grant *and* to revoke; writes nothing. Rights we lack are `Health::missing`, not an
    /// error: while there are any nothing new is granted, but revocations are still tried. `Err` means "could not look".
    async fn check(&self) -> Result<Health>;

    /// Everything that can be requested. A listing that breaks off is `Err`; a part that is down or forbidden goes into `unread`,
    /// so that the core never takes it for deleted. Hides names with our prefixes.
    async fn discover(&self) -> Result<Discovery>;

    /// Empty where one login can hold every access of a person here; else what tells the logins apart ("database/rule"). Pure.
    fn scope(&self, _resource: &ResourceRef, _permission: &str) -> String {
        String::new()
    }

    /// The login of a person for a scope. Pure; asked once, the core keeps the answer under (integration, person, scope).
    /// `Theirs` for membership systems, and where `person.login` is set.
    fn account(&self, person: &Person, scope: &str) -> AccountName;

    /// What the core has to choose for an account of ours. Pure.
    fn credential(&self) -> CredentialKind {
        CredentialKind::Password
    }

    /// What `converge` would run on a target that has none of it yet, secrets masked, `<each owner>` for what only the target
    /// knows; a line that starts with `# ` says what will outlive the lease. Pure; shares its builders with `converge`.
    fn preview(&self, account: &Account, change: &Change) -> Vec<String>;

    /// Makes the target match `change`. May be cut after any call and run again from the top; back within a minute (else `waiting`).
    /// Takes away before it gives, unless the target takes whole sets or refuses an empty one; shuts the door before it ends
    /// sessions; gone already is success. On ours all that is not in `ensure()` goes; on theirs, `release` and lease roles of ours.
    /// A lease that cannot be served is one entry in `failed`; the rest still happens. Exists but is not ours: `Taken`, untouched.
    async fn converge(&self, account: &Account, change: &Change) -> Result<Converged>;

    /// What is really there; writes nothing. Asked of an account of theirs *before* a lease is first ensured (what stood already?
    /// what must be remembered?), after releasing, and after a restore.
    async fn observe(&self, account: &Account, leases: &[Lease]) -> Result<Observed>;

    /// Accounts that carry our mark, and others' accounts that hold a lease role of ours: the sweep compares them with the store.
    async fn accounts(&self) -> Result<Vec<AccountName>>;
}

/// One human. `login`: their own login on this integration, where configuration or directory names one.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub login: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub name: AccountName,
    pub memo: Memo,
}

/// Marks what is ours, the same in all systems. Names start with `jit_<stamp>_` (account), `jitg_<stamp>_` (one lease), `jits_<stamp>_`
/// (a set that leases share), `jitu_<stamp>_` (an account's own role); `text` goes wherever the target keeps free text.
/// `text` is `latchkey:<installation>/<integration>`, at most 80 bytes; `stamp` the first 4 hex digits of its SHA-256 ("tag" is a resource's only).
#[derive(Debug, Clone)]
pub struct Mark {
    pub text: String,
    pub stamp: String,
}

/// What a provider may know of a lease; made from the core's, which only the core can make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub id: LeaseId,
    pub resource: ResourceRef,
    pub permission: String,
    /// When it was approved: sessions of the account older than this are not this lease's.
    pub starts_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// The account had this before us: neither given nor taken. `None` only on the way into `observe`. On disk before `converge`
    /// sees the lease, or a crash in between would make standing access of our own grant. An open lease on the same hands it on.
    pub standing: Option<bool>,
}

/// Computed, never stored: it may hold a secret.
#[derive(Debug, Clone)]
pub struct Change {
    pub want: Want,
    /// Ended leases not yet seen to be gone. On theirs exactly these are taken back, unless standing or needed by one in `ensure()`.
    pub release: Vec<Lease>,
    /// Set it. Comes whenever a new or disabled account is opened, and with `Disabled` (nobody will see it: for targets without a lock).
    /// Needed but not given, since the account vanished behind our back: make nothing, `waiting`; the core observes and sends one.
    pub credential: Option<Credential>,
    /// The tick's clock, for all that is computed from time.
    pub now: DateTime<Utc>,
    /// Rises with every claim of the account. Where the mark can hold it, an older one is refused in the same transaction.
    pub fence: Fence,
}
#[derive(Debug, Clone)]
pub enum Want {
    /// Present, enabled, and holding these: all open leases of the account, not only new ones. Empty for `Shared`, or theirs at rest.
    Open(Vec<Lease>),
    /// No way in, no session, nothing held; what the account owns stays. Absent will do.
    Disabled,
    /// Gone, after what it owned has passed to the owner of its container. Where that cannot be: disabled, and `waiting` says why.
    Deleted,
}

impl Change {
    pub fn ensure(&self) -> &[Lease] {
        match &self.want {
            Want::Open(leases) => leases,
            Want::Disabled | Want::Deleted => &[],
        }
    }
    /// For the target's own expiry, the net below ours: set it a little later.
    pub fn ends(&self) -> Option<DateTime<Utc>> {
        self.ensure().iter().map(|lease| lease.expires_at).max()
    }
}

#[derive(Debug, Clone, Default)]
pub struct Converged {
    /// Not there yet, and why, for people ("invitation not accepted"). Nothing is shown or counted as done until this is `None`.
    pub waiting: Option<String>,
    /// Call again with the same facts after this: a task goes on, tables are added, a net must be moved.
    pub look_again: Option<Duration>,
    /// The target has `change.credential`: it is not sent again, unless lost before it was shown.
    pub credential_set: bool,
    /// Leases, ensured or released, that are not as wanted; all others are.
    pub failed: Vec<(LeaseId, ProviderError)>,
    pub details: AccessDetails,
    /// What ran, in order, secrets masked: audited, and held against `preview` and the target's own log by the suite.
    pub ran: Vec<String>,
    /// For audit and owner: what survives, what passed to whom, what looked odd.
    pub remarks: Vec<String>,
    pub memo: Memo,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    pub presence: Presence,
    /// Is there what `converge` would add for this lease and could take back? Absent from the map: could not be seen.
    pub held: BTreeMap<LeaseId, bool>,
    /// Live sessions of the account; `None` where the target cannot tell.
    pub sessions: Option<u32>,
    pub memo: Memo,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Absent,
    Disabled,
    Enabled,
    NotOurs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    Password,
    KeyPair,
}

/// Chosen by the core, in memory until shown.
#[derive(Debug, Clone)]
pub enum Credential {
    /// One recipe for all: 24 of `[A-Za-z0-9_-]` without `0 O 1 l I`, two of each class, no three alike in a row, not containing the login.
    Password(Secret),
    /// RSA, 2048 bits. `public` goes to the target: SubjectPublicKeyInfo as PEM. `private` is for the person alone: PKCS#8 as
    /// PEM, without a passphrase; no provider sends it anywhere.
    KeyPair { public: String, private: Secret },
}

impl Credential {
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::Password(_) => CredentialKind::Password,
            Self::KeyPair { .. } => CredentialKind::KeyPair,
        }
    }

    /// What the person is shown.
    pub fn secret(&self) -> &Secret {
        match self {
            Self::Password(secret) => secret,
            Self::KeyPair { private, .. } => private,
        }
    }

    /// For kinds of system that take nothing but passwords.
    ///
    /// # Errors
    /// `Unsupported` for any other form.
    pub fn password(&self) -> Result<&Secret> {
        match self {
            Self::Password(secret) => Ok(secret),
            Self::KeyPair { .. } => Err(ProviderError::new(
                ErrorKind::Unsupported,
                "this kind of system takes passwords, not key pairs",
            )),
        }
    }
}

/// The integration's own secret, by field, as configured.
pub type OwnSecret = BTreeMap<String, Secret>;

#[derive(Debug, Clone)]
pub struct ProviderError {
    pub kind: ErrorKind,
    pub message: String,
    pub retry_after: Option<Duration>,
}

/// What the core does about it; a release is tried again whatever the kind.
/// `Transient`: again, after `retry_after`. `Denied` (our credential or rights): no new grants, the integration's owner is told.
/// `Invalid` (no such table, person unknown, limit reached): the requester is told, the lease ends. `Taken` (exists, is not ours):
/// left alone, the owner is told. `Unsupported` (edition, version): not asked again until the configuration changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    Transient,
    Denied,
    Invalid,
    Taken,
    Unsupported,
}

impl ErrorKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::Taken => "taken",
            Self::Unsupported => "unsupported",
        }
    }
}

impl ProviderError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
        }
    }
}
impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)
    }
}
impl std::error::Error for ProviderError {}

/// Claims the core relies on and the suite checks. `Accounts`: makes its own, so rotation and cleanup days apply. `Sessions`: ended and
/// counted. `Expiry`: the target ends access by itself, a little later, if we are down. `Tags`: resources can name owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    Accounts,
    Sessions,
    Expiry,
    Tags,
}
/// What people must know of a kind of system before they use it; `latchkey providers` and README print it. Plain sentences;
/// statements in `backticks`.
#[derive(Debug, Clone, Copy)]
pub struct Guide {
    /// What our own account there must be and may, with what to type or press for it.
    pub connector: &'static str,
    /// What a grant makes there, what taking it back does, and what stays.
    pub granted: &'static str,
    /// What the system cannot do, or we do not; a sentence each.
    pub limits: &'static [&'static str],
}

/// One per kind of system, listed in `providers/mod.rs`.
pub struct Registration {
    pub kind: &'static str,
    /// For people: "Redis Cloud".
    pub title: &'static str,
    pub supports: &'static [Feature],
    /// Calls in flight on one integration. A default: the core reads a key of this name from the integration's table first,
    /// as it does for `settles_in` and `per_minute` (demo and tests set them).
    pub at_once: u8,
    /// How long after a call that was cut its effect may still appear; until then "gone" is not believed.
    pub settles_in: Duration,
    /// Calls of the trait in a minute, where the target limits them.
    pub per_minute: Option<u32>,
    /// Keys of the integration's table that this kind knows beside the common ones.
    pub keys: &'static [&'static str],
    /// Fields of the secret, all required.
    pub secret_keys: &'static [&'static str],
    /// An integration's table, parsed by a test and printed by `latchkey init`.
    pub example: &'static str,
    /// What can be asked for on any target of this kind, least first; a target's own rules and roles come on top in `discover`.
    pub kinds: fn() -> Vec<ResourceKind>,
    pub guide: Guide,
    /// Does no I/O.
    pub build: fn(Setup) -> Result<Box<dyn Provider>>,
}

/// What a provider is built from. `config` holds only this kind's own keys, all of them known.
pub struct Setup {
    pub mark: Mark,
    pub config: toml::Table,
    pub secret: OwnSecret,
    /// The directory of the configuration file, which relative paths start from.
    pub base_dir: std::path::PathBuf,
}
