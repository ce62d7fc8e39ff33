//! One configured connection to a system, as the store remembers it: enough to revoke when the configuration forgot it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Health, IntegrationName, Resource, ResourceKind};

/// The last look at an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    pub at: DateTime<Utc>,
    pub health: Option<Health>,
    /// Why we could not look.
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integration {
    pub name: IntegrationName,
    pub kind: String,
    /// Its table of the configuration, as last seen, with references instead of secrets: TOML.
    pub settings: String,
    pub target_id: Option<String>,
    pub retired: bool,
    pub checked: Option<Checked>,
    pub kinds: Vec<ResourceKind>,
    pub discovered_at: Option<DateTime<Utc>>,
    pub discovery_error: Option<String>,
    pub swept_at: Option<DateTime<Utc>>,
    /// When each cron job last ran (its scheduled time), by name.
    pub jobs: BTreeMap<String, DateTime<Utc>>,
    /// What owner and admins were last told is wrong with it; absent: nothing, or that it is well again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
    /// Accounts with our mark that nothing here knows, as last seen: each is reported once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub strays: BTreeSet<String>,
    /// When the loop looks at it next.
    pub look_at: Option<DateTime<Utc>>,
}

/// One resource of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueEntry {
    pub integration: IntegrationName,
    pub resource: Resource,
    pub seen_at: DateTime<Utc>,
    /// Missing from one complete listing; gone after the second.
    pub missing_since: Option<DateTime<Utc>>,
}
