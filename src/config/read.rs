//! Reads the file: everything that is wrong with it at once, each with its line, or a configuration that is complete.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{
    Config, GroupConfig, HttpConfig, IntegrationConfig, PersonConfig, SlackConfig, StoreConfig, flow,
    integration, keys, people,
    problem::{Problem, Problems, did_you_mean, meant},
    slack,
    walk::{Node, Table, Walk},
};
use crate::{
    domain::{ChatKind, Place, policy::People},
    providers::{self, Registration},
};

/// Reads a configuration file for the kinds of system this program speaks to. Reads no secret and asks nobody.
pub fn read(path: &Path) -> Result<Config, Problems> {
    read_for(path, providers::ALL)
}

/// Reads a configuration file for these kinds of system.
pub fn read_for(path: &Path, kinds: &[Registration]) -> Result<Config, Problems> {
    let file = path.display().to_string();
    let unreadable = |text: String| Problems {
        file: file.clone(),
        all: vec![Problem { line: 0, text }],
    };
    let text = std::fs::read_to_string(path).map_err(|e| {
        unreadable(format!(
            "cannot be read: {e}; `latchkey init slack` prints one to start from"
        ))
    })?;
    // Absolute, so that the paths in it mean the same wherever somebody stands.
    let full = std::path::absolute(path).map_err(|e| unreadable(format!("has no place: {e}")))?;
    let base_dir = full.parent().unwrap_or(Path::new("/"));
    parse(&file, &text, base_dir, kinds)
}

/// Reads a configuration from its text. `file` is what messages call it.
pub fn parse(file: &str, text: &str, base_dir: &Path, kinds: &[Registration]) -> Result<Config, Problems> {
    let walk = Walk::new(text);
    let tree = tree(&walk, text);
    // Nothing more can be said of a file that is no TOML.
    let config = tree.as_ref().and_then(|map| root(&walk, map, base_dir, kinds));
    finish(file, config, walk)
}

/// Reads one integration as the store remembers it (`IntegrationConfig::as_written`): for one that is retired because the
/// configuration no longer names it. Whom it names is not checked.
pub fn remembered(
    as_written: &str,
    installation: &str,
    base_dir: &Path,
    kinds: &[Registration],
) -> Result<IntegrationConfig, Problems> {
    let walk = Walk::new(as_written);
    let tree = tree(&walk, as_written);
    let integration = tree.as_ref().and_then(|map| {
        let value = DeValue::Table(map.clone());
        let node = Node {
            walk: &walk,
            at: 0,
            name: "integration",
            value: &value,
        };
        let around = integration::Around {
            kinds,
            names: None,
            defaults: &integration::Defaults::default(),
            installation,
            base_dir,
            time_zone: chrono_tz::UTC,
        };
        integration::read(&node, &around)
    });
    finish("a remembered integration", integration, walk)
}

fn tree<'t>(walk: &Walk<'t>, text: &'t str) -> Option<DeTable<'t>> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        walk.problem(at, format!("this is no TOML: {}", error.message()));
    }
    errors.is_empty().then(|| tree.into_inner())
}

fn finish<T>(file: &str, read: Option<T>, walk: Walk<'_>) -> Result<T, Problems> {
    let mut all = walk.into_problems();
    match read {
        Some(read) if all.is_empty() => Ok(read),
        Some(_) | None => {
            if all.is_empty() {
                all.push(Problem {
                    line: 0,
                    text: "cannot be read".into(),
                });
            }
            Err(Problems {
                file: file.into(),
                all,
            })
        }
    }
}

/// Names that other parts of the file refer to. Taken from the tree before anything is checked, so that a mistake in a
/// person makes no second one of every mention.
pub struct Names {
    pub people: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    pub integrations: BTreeSet<String>,
}

impl Names {
    fn of(root: &Table<'_>) -> Self {
        let keys = |key: &str| match root.node(key).map(|node| node.value) {
            Some(DeValue::Table(map)) => map.keys().map(|name| name.get_ref().to_string()).collect(),
            Some(_) | None => BTreeSet::new(),
        };
        let mut integrations = BTreeSet::new();
        if let Some(DeValue::Array(parts)) = root.node("integration").map(|node| node.value) {
            let name = |part: &DeValue<'_>| {
                part.get("name")
                    .and_then(|name| name.get_ref().as_str().map(str::to_owned))
            };
            integrations.extend(parts.iter().filter_map(|part| name(part.get_ref())));
        }
        Self {
            people: keys("people"),
            groups: keys("groups"),
            integrations,
        }
    }

    /// Notes a name that is not there.
    pub fn check(known: &BTreeSet<String>, node: &Node<'_>, name: &str, kind: &str, section: &str) -> bool {
        let there = known.contains(name);
        if !there {
            let guess = did_you_mean(meant(name, known.iter().map(String::as_str)));
            node.problem(format!(
                "there is no {kind} {name} in {section}; add or correct it{guess}"
            ));
        }
        there
    }

    pub fn person(&self, node: &Node<'_>, name: &str) -> bool {
        Self::check(&self.people, node, name, "person", "[people]")
    }

    pub fn group(&self, node: &Node<'_>, name: &str) -> bool {
        Self::check(&self.groups, node, name, "group", "[groups]")
    }

    pub fn integration(&self, node: &Node<'_>, name: &str) -> bool {
        Self::check(&self.integrations, node, name, "integration", "the file")
    }
}

fn root(walk: &Walk<'_>, map: &DeTable<'_>, base_dir: &Path, kinds: &[Registration]) -> Option<Config> {
    let root = Table::root(walk, map, &keys::ROOT);
    let names = Names::of(&root);
    let installation = root
        .required(
            "installation",
            "installation = \"main\": part of the mark on every account we make",
        )
        .and_then(|node| node_installation(&node));
    let time_zone = root
        .node("time_zone")
        .map_or(Some(chrono_tz::UTC), |node| zone(&node));
    let admins = root
        .required("admins", "admins = [\"ann\"]: who hears of trouble")
        .map(|node| admins(&node, &names));
    let slack = root
        .required("slack", "a [slack] table: people ask and approve there")
        .and_then(|node| slack::read(&node));
    let (people, groups) = (people_of(&root, &names, slack.as_ref()), groups_of(&root, &names));
    let defaults = root.node("defaults").and_then(|node| node.table(&keys::DEFAULTS));
    let defaults = defaults
        .map(|table| integration::defaults(&table))
        .unwrap_or_default();
    let around = integration::Around {
        kinds,
        names: Some(&names),
        defaults: &defaults,
        installation: installation.unwrap_or("main"),
        base_dir,
        time_zone: time_zone.unwrap_or(chrono_tz::UTC),
    };
    let integrations = root
        .node("integration")
        .map(|node| integration::read_all(&node, &around))
        .unwrap_or_default();
    let flows = root.node("access_flow").map(|node| {
        let context = flow::Context {
            names: &names,
            groups: &groups,
            integrations: &integrations,
        };
        flow::read_all(&node, &context)
    });
    let admin_channel = root.node("admin_channel").and_then(|node| place(&node));
    let (store, http) = (store(&root, base_dir), http(&root));
    Some(Config {
        base_dir: base_dir.to_owned(),
        admin_channel,
        store: store?,
        http: http?,
        installation: installation?.to_owned(),
        time_zone: time_zone?,
        admins: admins?,
        slack,
        people,
        groups,
        integrations,
        flows: flows.unwrap_or_default(),
    })
}

fn people_of(root: &Table<'_>, names: &Names, slack: Option<&SlackConfig>) -> BTreeMap<String, PersonConfig> {
    let table = root
        .required("people", "a [people] table")
        .and_then(|node| node.open("[people]"));
    table
        .map(|table| people::people(&table, names, slack))
        .unwrap_or_default()
}

fn groups_of(root: &Table<'_>, names: &Names) -> BTreeMap<String, GroupConfig> {
    let table = root.node("groups").and_then(|node| node.open("[groups]"));
    table
        .map(|table| people::groups(&table, names))
        .unwrap_or_default()
}

fn node_installation<'t>(node: &Node<'t>) -> Option<&'t str> {
    let name = node.word()?;
    let fits = name.len() <= 32 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !fits {
        node.problem("installation is at most 32 letters, digits and dashes; shorten or correct it");
    }
    fits.then_some(name)
}

/// A time zone by its IANA name.
pub fn zone(node: &Node<'_>) -> Option<chrono_tz::Tz> {
    let name = node.word()?;
    let zone = name.parse().ok();
    if zone.is_none() {
        let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let guess = did_you_mean(meant(name, known));
        node.problem(format!(
            "{} = {name:?} is no time zone; write one like \"Europe/Berlin\"{guess}",
            node.name
        ));
    }
    zone
}

fn admins(node: &Node<'_>, names: &Names) -> Vec<String> {
    let mut admins = Vec::new();
    for part in node.words() {
        let Some(name) = part.word() else { continue };
        if names.person(&part, name) {
            admins.push(name.to_owned());
        }
    }
    if node.value.as_array().is_some_and(|parts| parts.is_empty()) {
        node.problem("admins is empty; name at least one person, who hears of trouble");
    }
    admins
}

fn store(root: &Table<'_>, base_dir: &Path) -> Option<StoreConfig> {
    let table = match root.node("store") {
        Some(node) => Some(node.table(&keys::STORE)?),
        None => None,
    };
    let entry = |key: &str| table.as_ref().and_then(|table| table.node(key));
    let path = entry("path").map_or(Some("data"), |node| node.word());
    let keep = entry("keep_ended_days").map_or(Some(400), |node| node.whole(1, 36_500));
    Some(StoreConfig {
        path: base_dir.join(PathBuf::from(path?)),
        keep_ended_days: keep?,
    })
}

fn http(root: &Table<'_>) -> Option<HttpConfig> {
    let table = match root.node("http") {
        Some(node) => Some(node.table(&keys::HTTP)?),
        None => None,
    };
    let listen = match table.as_ref().and_then(|table| table.node("listen")) {
        None => std::net::SocketAddr::from(([127, 0, 0, 1], 8080)),
        Some(node) => {
            let text = node.word()?;
            let address = text.parse().ok();
            if address.is_none() {
                node.problem(format!(
                    "listen = {text:?} is no address; write \"127.0.0.1:8080\""
                ));
            }
            address?
        }
    };
    Some(HttpConfig { listen })
}

/// A channel: `slack:C0ADMIN`, or by name where the bot may look it up: `slack:#ops`.
pub fn place(node: &Node<'_>) -> Option<Place> {
    let text = node.word()?;
    let channel = text.strip_prefix("slack:").filter(|channel| {
        let id = channel.starts_with(['C', 'G'])
            && channel.len() >= 3
            && channel
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        let name = channel.strip_prefix('#').unwrap_or(channel);
        let named = (1..=80).contains(&name.chars().count())
            && !name
                .chars()
                .any(|c| c.is_uppercase() || c.is_whitespace() || c.is_control() || "#:,.".contains(c));
        id || named
    });
    if channel.is_none() {
        node.problem(format!(
            "{} = {text:?} is no channel; write \"slack:C0123456\" (the channel's id) or \"slack:#name\"",
            node.name
        ));
    }
    Some(Place {
        chat: ChatKind::Slack,
        channel: channel?.to_owned(),
    })
}

/// `{ people = [...], groups = [...] }` of a section. Without `names` nothing is looked up.
pub fn whom(table: &Table<'_>, names: Option<&Names>) -> People {
    let pick = |key: &str, check: fn(&Names, &Node<'_>, &str) -> bool| -> Vec<String> {
        let words = table.node(key).map(|node| node.words()).unwrap_or_default();
        let known = words.iter().filter_map(|node| {
            let name = node.word()?;
            names
                .is_none_or(|names| check(names, node, name))
                .then(|| name.to_owned())
        });
        known.collect()
    };
    let empty = |key: &str| {
        table
            .node(key)
            .and_then(|node| node.value.as_array())
            .is_none_or(|parts| parts.is_empty())
    };
    if empty("people") && empty("groups") {
        table.problem(format!(
            "{} names nobody; give it people = [\"…\"] or groups = [\"…\"]",
            table.what
        ));
    }
    People {
        people: pick("people", Names::person),
        groups: pick("groups", Names::group),
    }
}
