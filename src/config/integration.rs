//! `[[integration]]`, and `[defaults]` that apply to all of them.

use std::{collections::BTreeMap, path::Path};

use toml::de::DeValue;

use super::{
    DiscoverConfig, IntegrationConfig, SecretConfig, duration, keys,
    problem::{did_you_mean, meant},
    read::{Names, whom},
    slack::reference,
    walk::{self, Node, Table},
};
use crate::{
    domain::{
        IntegrationName,
        command::is_reserved,
        cron::Schedule,
        policy::{OwnerAttribute, ResourceOwner},
    },
    providers::{Feature, Mark, Registration, Setup},
    secrets::Secret,
};

/// Longest text that is shown to the requester with the access.
const LONGEST_DETAILS: usize = 400;
/// Longest name people have to type.
const LONGEST_NAME: usize = 40;
/// A grant that is not ready by then is undone, in seconds.
const START_WITHIN: i64 = 600;

/// `[defaults]`: for every integration to which it applies and that says nothing else.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    rotation_days: Option<u32>,
    cleanup_days: Option<u32>,
    details: Option<String>,
}

/// What an integration is read with.
pub struct Around<'a> {
    pub kinds: &'a [Registration],
    /// `None`: names are not looked up.
    pub names: Option<&'a Names>,
    pub defaults: &'a Defaults,
    pub installation: &'a str,
    pub base_dir: &'a Path,
    pub time_zone: chrono_tz::Tz,
}

pub fn defaults(table: &Table<'_>) -> Defaults {
    Defaults {
        rotation_days: table
            .node("credential_rotation_days")
            .and_then(|node| days(&node)),
        cleanup_days: table.node("user_cleanup_days").and_then(|node| days(&node)),
        details: table
            .node("custom_access_details")
            .and_then(|node| details(&node)),
    }
}

pub fn read_all(node: &Node<'_>, around: &Around<'_>) -> Vec<IntegrationConfig> {
    let mut seen: Vec<String> = Vec::new();
    let mut all = Vec::new();
    for part in node.list() {
        if let Some(name) = part.value.get("name").and_then(|name| name.get_ref().as_str()) {
            // People type it in any case.
            let lower = name.to_lowercase();
            if seen.contains(&lower) {
                part.problem(format!(
                    "there is an integration {name} already; give this one another name"
                ));
            }
            seen.push(lower);
        }
        all.extend(read(&part, around));
    }
    all
}

pub fn read(node: &Node<'_>, around: &Around<'_>) -> Option<IntegrationConfig> {
    let mut table = node.open(keys::INTEGRATION.title)?;
    let name = table
        .required("name", "name = \"…\", what people type")
        .and_then(|node| integration_name(&node));
    if let Some(name) = name {
        table.what = format!("integration {name}");
    }
    let kind = table
        .required("kind", "kind = \"…\"")
        .and_then(|node| kind(&node, around.kinds));
    if let Some(kind) = kind {
        table.only(keys::INTEGRATION.keys.iter().chain(kind.keys).copied());
    }
    let own = kind.map(|kind| own(&table, kind)).unwrap_or_default();
    let secret = kind.and_then(|kind| secret(&table, kind));
    let owner = table.node("integration_owner").and_then(|node| {
        let owner = node.table(&keys::INTEGRATION_OWNER)?;
        Some(whom(&owner, around.names))
    });
    let resource_owner = resource_owner(&table);
    let (rotation, cleanup) = housekeeping(&table, kind, around.defaults);
    let discover = discover(&table, around);
    let retired = table.node("retired").map_or(Some(false), |node| node.yes());
    let start_within = table
        .node("start_within")
        .map_or(Some(START_WITHIN), |node| node.seconds(1, 30 * 86_400));
    let custom = table.node("custom_access_details");
    let custom = custom.map_or_else(|| around.defaults.details.clone(), |node| details(&node));
    let at_once = table
        .node("at_once")
        .and_then(|node| node.whole(1, 64))
        .and_then(|n| u8::try_from(n).ok());
    let settles_in_seconds = table.node("settles_in").and_then(|node| settles_in(&node));
    let per_minute = table.node("per_minute").and_then(|node| node.whole(1, 100_000));
    let read = IntegrationConfig {
        name: IntegrationName::from(name?),
        kind: kind?.kind.to_owned(),
        secret: secret?,
        discover: discover?,
        credential_rotation_days: rotation,
        user_cleanup_days: cleanup,
        custom_access_details: custom,
        integration_owner: owner,
        resource_owner,
        retired: retired?,
        start_within_seconds: start_within?,
        at_once,
        settles_in_seconds,
        per_minute,
        own,
        as_written: as_written(node),
    };
    try_build(&table, kind?, &read, around);
    Some(read)
}

fn integration_name<'t>(node: &Node<'t>) -> Option<&'t str> {
    let name = node.word()?;
    if name.len() > LONGEST_NAME || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        node.problem(format!("the name {name:?} cannot be typed in a command; use at most {LONGEST_NAME} letters, digits and dashes"));
        return None;
    }
    if is_reserved(name) {
        node.problem(format!("the name {name} is a command; choose another"));
        return None;
    }
    Some(name)
}

fn kind<'a>(node: &Node<'_>, kinds: &'a [Registration]) -> Option<&'a Registration> {
    let word = node.word()?;
    let kind = kinds.iter().find(|kind| kind.kind == word);
    if kind.is_none() {
        let known: Vec<&str> = kinds.iter().map(|kind| kind.kind).collect();
        let guess = did_you_mean(meant(word, known.iter().copied()));
        node.problem(format!(
            "kind = {word:?} is not known; there is {}{guess}",
            known.join(", ")
        ));
    }
    kind
}

fn own(table: &Table<'_>, kind: &Registration) -> toml::Table {
    let keys = kind.keys.iter();
    keys.filter_map(|key| Some(((*key).to_owned(), walk::value(table.node(key)?.value))))
        .collect()
}

fn secret(table: &Table<'_>, kind: &Registration) -> Option<SecretConfig> {
    let wanted = kind.secret_keys.join(", ");
    if kind.secret_keys.is_empty() && table.node("secret").is_none() {
        return Some(SecretConfig::Fields(BTreeMap::new()));
    }
    let why = format!(
        "secret = a reference to a JSON object with {wanted}, or a table of references with these keys"
    );
    let node = table.required("secret", &why)?;
    let DeValue::Table(_) = node.value else {
        if node.value.as_str().is_none() {
            node.problem(format!(
                "secret has to be a reference in quotes, or a table with {wanted}"
            ));
            return None;
        }
        return reference(&node).map(SecretConfig::Object);
    };
    let fields = node.open(format!("the secret of {}", table.what))?;
    fields.only(kind.secret_keys.iter().copied());
    let mut references = BTreeMap::new();
    for key in kind.secret_keys {
        if let Some(reference) = fields
            .required(key, &format!("{key} = \"env:…\" or \"file:…\""))
            .and_then(|node| reference(&node))
        {
            references.insert((*key).to_owned(), reference);
        }
    }
    (references.len() == kind.secret_keys.len()).then_some(SecretConfig::Fields(references))
}

fn resource_owner(table: &Table<'_>) -> Option<ResourceOwner> {
    let node = table.node("resource_owner")?;
    if table.node("integration_owner").is_none() {
        node.problem(
            "resource_owner needs an integration_owner, who answers where the tag names nobody; add one",
        );
    }
    let owner = node.table(&keys::RESOURCE_OWNER)?;
    let key = owner
        .required("key", "key = \"owner\", the tag that names the owner")
        .and_then(|node| node.word());
    let attribute = owner
        .required("attribute", "attribute = \"group\", \"person\" or \"email\"")
        .and_then(|node| {
            let attribute = match node.word()? {
                "group" => Some(OwnerAttribute::Group),
                "person" => Some(OwnerAttribute::Person),
                "email" => Some(OwnerAttribute::Email),
                _ => None,
            };
            if attribute.is_none() {
                node.problem("attribute is not known; write \"group\", \"person\" or \"email\"");
            }
            attribute
        });
    Some(ResourceOwner {
        key: key?.to_owned(),
        attribute: attribute?,
    })
}

/// Whether people get accounts of our making there. Some kinds can do both: with `auth = "sso"` people keep their own login.
pub fn makes_accounts(kind: &Registration, own: &toml::Table) -> bool {
    let keep_theirs = own.get("auth").and_then(toml::Value::as_str) == Some("sso");
    kind.supports.contains(&Feature::Accounts) && !keep_theirs
}

/// Rotation and cleanup, in days: only where the accounts are ours.
fn housekeeping(
    table: &Table<'_>,
    kind: Option<&Registration>,
    defaults: &Defaults,
) -> (Option<u32>, Option<u32>) {
    let makes_accounts = kind.is_none_or(|kind| makes_accounts(kind, &own(table, kind)));
    let read = |key: &str, default: Option<u32>| {
        let Some(node) = table.node(key) else {
            return default.filter(|_| makes_accounts);
        };
        if !makes_accounts {
            node.problem(format!(
                "{key} has no meaning here: people keep their own login on {}; remove it",
                kind.map_or("it", |kind| kind.title)
            ));
        }
        days(&node)
    };
    (
        read("credential_rotation_days", defaults.rotation_days),
        read("user_cleanup_days", defaults.cleanup_days),
    )
}

fn discover(table: &Table<'_>, around: &Around<'_>) -> Option<DiscoverConfig> {
    let Some(node) = table.node("discover") else {
        return Some(DiscoverConfig::default());
    };
    let discover = node.table(&keys::DISCOVER)?;
    let list = |key: &str| {
        let node = discover.node(key)?;
        if node.value.as_array().is_some_and(|parts| parts.is_empty()) {
            node.problem(format!(
                "{key} is empty, so nothing would be found; remove it for all"
            ));
        }
        Some(node.strings())
    };
    let cron = discover
        .node("cron")
        .map(|node| schedule(&node, around.time_zone));
    Some(DiscoverConfig {
        types: list("types"),
        include: list("include"),
        exclude: discover
            .node("exclude")
            .map(|node| node.strings())
            .unwrap_or_default(),
        cron: match cron {
            Some(cron) => Some(cron?),
            None => None,
        },
    })
}

fn schedule(node: &Node<'_>, zone: chrono_tz::Tz) -> Option<Schedule> {
    let text = node.word()?;
    Schedule::parse(text, zone)
        .map_err(|why| {
            node.problem(format!(
                "cron = {text:?}: {why}; write for example \"*/30 * * * *\""
            ))
        })
        .ok()
}

fn days(node: &Node<'_>) -> Option<u32> {
    node.whole(1, 3_650)
}

fn details(node: &Node<'_>) -> Option<String> {
    let text = node.word()?;
    let length = text.chars().count();
    if length > LONGEST_DETAILS {
        node.problem(format!(
            "{} has {length} characters; at most {LONGEST_DETAILS} are shown: shorten it",
            node.name
        ));
        return None;
    }
    Some(text.to_owned())
}

/// Seconds as a number, or a duration: targets settle in seconds, simulators in less.
fn settles_in(node: &Node<'_>) -> Option<f64> {
    let seconds = match node.value {
        DeValue::String(text) => duration::seconds(text).map(|seconds| seconds as f64),
        DeValue::Integer(_) | DeValue::Float(_) => match walk::value(node.value) {
            toml::Value::Integer(seconds) => Some(seconds as f64),
            toml::Value::Float(seconds) => Some(seconds),
            _ => None,
        },
        DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    };
    let seconds = seconds.filter(|seconds| (0.0..=86_400.0).contains(seconds));
    if seconds.is_none() {
        node.problem(
            "settles_in is neither seconds (0.5) nor a duration (\"30s\"), at most a day; correct it",
        );
    }
    seconds
}

/// The table as TOML, with references instead of secrets: it can be read again when the file has forgotten it.
fn as_written(node: &Node<'_>) -> String {
    let table = node.value.as_table().map(walk::table).unwrap_or_default();
    table.to_string()
}

/// The kind's own check of its keys. Secrets are made up: only their shape is missing here, not their sense.
fn try_build(table: &Table<'_>, kind: &Registration, read: &IntegrationConfig, around: &Around<'_>) {
    let made_up = |key: &&str| ((*key).to_owned(), Secret::new("made-up"));
    let setup = Setup {
        mark: Mark::new(around.installation, read.name.as_str()),
        config: read.own.clone(),
        secret: kind.secret_keys.iter().map(made_up).collect(),
        base_dir: around.base_dir.to_owned(),
    };
    if let Err(error) = (kind.build)(setup) {
        table.problem(format!("{}: {}", table.what, error.message));
    }
}
