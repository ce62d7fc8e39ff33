//! The configuration file, as the rest of the program sees it: complete, checked, with defaults filled in.
//!
//! Reading (`read`) finds all problems at once, each with its line.

mod advice;
mod digest;
mod duration;
mod flow;
mod integration;
pub mod keys;
mod people;
mod problem;
mod read;
#[cfg(test)]
mod read_test;
mod slack;
mod walk;

use std::{collections::BTreeMap, path::PathBuf};

pub use advice::{MOST_MESSAGES, advice};
pub use digest::flow_digest;
pub use problem::{Problem, Problems};
pub use read::{parse, read, read_for, remembered};

use crate::{
    domain::{
        ChatKind, IntegrationName, Place,
        policy::{AccessFlow, People, ResourceOwner},
    },
    providers::OwnSecret,
    secrets::{Reference, SecretError, Sources},
};

#[derive(Debug, Clone)]
pub struct Config {
    /// Where the file lies: relative paths start here.
    pub base_dir: PathBuf,
    /// Part of the mark on every account we make; fixed once leases exist.
    pub installation: String,
    /// For cron lines, and where a person's chat profile gives none.
    pub time_zone: chrono_tz::Tz,
    /// Names in `people`: run it and hear of trouble; approve nothing by that alone.
    pub admins: Vec<String>,
    pub admin_channel: Option<Place>,
    pub store: StoreConfig,
    pub http: HttpConfig,
    pub slack: Option<SlackConfig>,
    pub people: BTreeMap<String, PersonConfig>,
    pub groups: BTreeMap<String, GroupConfig>,
    pub integrations: Vec<IntegrationConfig>,
    pub flows: Vec<AccessFlow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    pub path: PathBuf,
    /// Ended requests and closed leases leave the store after so many days; the audit log keeps them.
    pub keep_ended_days: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    pub listen: std::net::SocketAddr,
}

#[derive(Debug, Clone)]
pub struct SlackConfig {
    pub mode: SlackMode,
    /// The workspace (team id); from any other: refused.
    pub team: String,
    pub bot_token: Reference,
    /// Of the bot's own slash command; `/access` unless the workspace has another of that name.
    pub command: String,
    /// `https://slack.com/api` unless set (GovSlack, tests). Anything but https only for loopback.
    pub api_url: String,
    /// Guests may act like members.
    pub allow_guests: bool,
    /// E-mail domains whose confirmed addresses may bind a person to a name; empty: any.
    pub email_domains: Vec<String>,
}

#[derive(Debug, Clone)]
pub enum SlackMode {
    Socket {
        app_token: Reference,
    },
    /// Signed HTTP callbacks at `POST /slack/commands`, `/slack/interactions`, `/slack/options`, `/slack/events`.
    Http {
        signing_secret: Reference,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonConfig {
    pub email: Option<String>,
    /// Slack user id, where the e-mail does not tell.
    pub slack: Option<String>,
    pub time_zone: Option<chrono_tz::Tz>,
    /// Their own login, by integration name: membership only is given and taken there.
    pub logins: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupConfig {
    /// Names in `people`.
    Members(Vec<String>),
    /// A Slack user group: live; unreadable means nobody.
    SlackGroup(String),
}

/// `[[integration]]`: what all kinds have in common, and the kind's own table.
#[derive(Debug, Clone)]
pub struct IntegrationConfig {
    pub name: IntegrationName,
    pub kind: String,
    pub secret: SecretConfig,
    pub discover: DiscoverConfig,
    /// A credential older than so many days is replaced when nobody uses it.
    pub credential_rotation_days: Option<u32>,
    /// An account is deleted so many days after its last lease ended.
    pub user_cleanup_days: Option<u32>,
    /// At most 400 characters, shown to the requester.
    pub custom_access_details: Option<String>,
    pub integration_owner: Option<People>,
    /// Needs an `integration_owner`.
    pub resource_owner: Option<ResourceOwner>,
    /// No requests; leases are still revoked.
    pub retired: bool,
    /// Granted within so many seconds of the approval, or undone.
    pub start_within_seconds: i64,
    pub at_once: Option<u8>,
    pub settles_in_seconds: Option<f64>,
    pub per_minute: Option<u32>,
    /// The kind's own keys.
    pub own: toml::Table,
    /// The whole table as written (references, no secrets): what the store remembers. TOML.
    pub as_written: String,
}

/// Where an integration's secret comes from.
#[derive(Debug, Clone)]
pub enum SecretConfig {
    /// One reference to a JSON object with all fields.
    Object(Reference),
    /// A reference per field.
    Fields(BTreeMap<String, Reference>),
}

#[derive(Debug, Clone, Default)]
pub struct DiscoverConfig {
    /// Kinds of resource; absent: all.
    pub types: Option<Vec<String>>,
    /// Names with `*`; absent: all.
    pub include: Option<Vec<String>>,
    pub exclude: Vec<String>,
    /// When to list. Default: every 30 minutes.
    pub cron: Option<crate::domain::cron::Schedule>,
}

impl Config {
    pub fn integration(&self, name: &str) -> Option<&IntegrationConfig> {
        self.integrations
            .iter()
            .find(|integration| integration.name.as_str() == name)
    }

    pub fn flow(&self, name: &str) -> Option<&AccessFlow> {
        self.flows.iter().find(|flow| flow.name == name)
    }

    pub fn chat_kinds(&self) -> Vec<ChatKind> {
        self.slack.iter().map(|_| ChatKind::Slack).collect()
    }
}

impl IntegrationConfig {
    /// Reads the integration's secret, with the fields its kind wants (`Registration::secret_keys`).
    pub fn read_secret(&self, sources: &Sources<'_>, keys: &[&str]) -> Result<OwnSecret, SecretError> {
        match &self.secret {
            SecretConfig::Object(reference) => sources.object(reference, keys),
            SecretConfig::Fields(fields) => {
                let read =
                    |(name, reference): (&String, &Reference)| Ok((name.clone(), sources.read(reference)?));
                fields.iter().map(read).collect()
            }
        }
    }
}
