//! What a lease means here, and the patterns that follow from it. Pure.
//!
//! A user has one triple of regular expressions on a virtual host, over the names of queues and exchanges, and a second
//! write replaces the first. So a triple is the alternation of all leases there, each with its id as a comment:
//! `^(?:(?#7k3f).*|(?#9x2m)orders)$`. That tells whose an access is, and taking one back leaves the others as they were.

use std::collections::{BTreeMap, BTreeSet};

use super::wire::Granted;
use crate::providers::{
    ErrorKind, Lease, LeaseId, Permission, ProviderError, ResourceKind, ResourceRef, Result,
};

pub(super) const VHOST: &str = "vhost";
pub(super) const QUEUE: &str = "queue";
pub(super) const EXCHANGE: &str = "exchange";
pub(super) const TAG: &str = "management_tag";
/// The one resource of the kind `management_tag`: tags are the broker's, not a virtual host's.
pub(super) const BROKER: &str = "broker";

/// Matches no name: what is empty is never asked about.
const NOTHING: &str = "^$";
const ALL_NAMES: &str = ".*";

/// Tags that open the management interface, least first. `administrator` is never given: it could undo everything here.
const TAGS: [(&str, &str); 3] = [
    (
        "management",
        "The management interface, for what the login may use anyway",
    ),
    (
        "monitoring",
        "The management interface, with all connections, channels and nodes of the broker",
    ),
    (
        "policymaker",
        "The management interface, and policies and parameters of virtual hosts the login may use",
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Facet {
    Configure,
    Write,
    Read,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    Queue,
    Exchange,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Grant {
    /// Every queue and exchange of a virtual host, those made later too.
    Vhost {
        vhost: String,
        facets: &'static [Facet],
    },
    Named {
        vhost: String,
        object: Object,
        name: String,
        facets: &'static [Facet],
    },
    Tag(&'static str),
}

/// A permission over names: its own name, what else people call it, and what it gives.
type Level = (
    &'static str,
    &'static [&'static str],
    &'static [Facet],
    &'static str,
);

const READ: &[Facet] = &[Facet::Read];
const WRITE: &[Facet] = &[Facet::Write];
const READ_WRITE: &[Facet] = &[Facet::Write, Facet::Read];
const EVERYTHING: &[Facet] = &[Facet::Configure, Facet::Write, Facet::Read];

const VHOST_LEVELS: [Level; 4] = [
    (
        "read",
        &[],
        READ,
        "Consume from and look into every queue, and bind from every exchange",
    ),
    (
        "write",
        &[],
        WRITE,
        "Publish to every exchange, and bind to every queue",
    ),
    (
        "read-write",
        &["readwrite"],
        READ_WRITE,
        "Consume and publish everywhere",
    ),
    (
        "configure",
        &["admin"],
        EVERYTHING,
        "Consume and publish everywhere, and declare and delete queues and exchanges",
    ),
];
const QUEUE_LEVELS: [Level; 3] = [
    (
        "read",
        &["consume"],
        READ,
        "Consume from the queue, look into it and purge it",
    ),
    (
        "write",
        &["bind"],
        WRITE,
        "Bind the queue, to exchanges the login may read",
    ),
    (
        "read-write",
        &["readwrite"],
        READ_WRITE,
        "Consume from the queue, and bind it",
    ),
];
const EXCHANGE_LEVELS: [Level; 3] = [
    (
        "read",
        &["bind"],
        READ,
        "Bind from the exchange, queues the login may write to",
    ),
    ("write", &["publish"], WRITE, "Publish to the exchange"),
    (
        "read-write",
        &["readwrite"],
        READ_WRITE,
        "Publish to the exchange, and bind from it",
    ),
];

fn levels(kind: &str) -> &'static [Level] {
    match kind {
        VHOST => &VHOST_LEVELS,
        QUEUE => &QUEUE_LEVELS,
        EXCHANGE => &EXCHANGE_LEVELS,
        _ => &[],
    }
}

pub(super) fn kinds() -> Vec<ResourceKind> {
    let named = |kind: &str, typed_under: Option<&str>| ResourceKind {
        name: kind.to_owned(),
        permissions: levels(kind).iter().map(permission).collect(),
        typed_under: typed_under.map(str::to_owned),
    };
    let tag = |(name, about): &(&str, &str)| Permission {
        name: (*name).to_owned(),
        also: Vec::new(),
        about: (*about).to_owned(),
        // A policy reaches further than any pattern, and what monitoring shows is everybody's.
        dangerous: true,
    };
    vec![
        named(VHOST, None),
        named(QUEUE, Some(VHOST)),
        named(EXCHANGE, Some(VHOST)),
        ResourceKind {
            name: TAG.to_owned(),
            permissions: TAGS.iter().map(tag).collect(),
            typed_under: None,
        },
    ]
}

fn permission((name, also, _, about): &Level) -> Permission {
    Permission {
        name: (*name).to_owned(),
        also: also.iter().map(|name| (*name).to_owned()).collect(),
        about: (*about).to_owned(),
        dangerous: false,
    }
}

impl Grant {
    /// # Errors
    /// `Invalid` for what is no resource of a broker, no permission on it, or cannot be written into an address.
    pub fn of(resource: &ResourceRef, permission: &str) -> Result<Self> {
        let unknown =
            |what: &str| ProviderError::new(ErrorKind::Invalid, format!("{}: {what}", resource.title));
        let grant = match (resource.kind.as_str(), resource.id.as_slice()) {
            (TAG, [broker]) if broker == BROKER => {
                let tag = TAGS.iter().find(|(tag, _)| *tag == permission);
                Self::Tag(tag.ok_or_else(|| unknown("no such tag is given"))?.0)
            }
            (kind @ (VHOST | QUEUE | EXCHANGE), id) => {
                let level = levels(kind).iter().find(|(name, ..)| *name == permission);
                let facets = level.ok_or_else(|| unknown("no such permission"))?.2;
                match (kind, id) {
                    (VHOST, [vhost]) => Self::Vhost {
                        vhost: vhost.clone(),
                        facets,
                    },
                    (QUEUE | EXCHANGE, [vhost, name]) => Self::Named {
                        vhost: vhost.clone(),
                        object: match kind == QUEUE {
                            true => Object::Queue,
                            false => Object::Exchange,
                        },
                        name: name.clone(),
                        facets,
                    },
                    _ => return Err(unknown("not a resource of RabbitMQ")),
                }
            }
            _ => return Err(unknown("not a resource of RabbitMQ")),
        };
        if resource
            .id
            .iter()
            .any(|part| super::client::segment(part).is_none())
        {
            return Err(unknown("the management API has no address for this name"));
        }
        Ok(grant)
    }

    pub fn vhost(&self) -> Option<&str> {
        match self {
            Self::Vhost { vhost, .. } | Self::Named { vhost, .. } => Some(vhost),
            Self::Tag(_) => None,
        }
    }

    fn facets(&self) -> &'static [Facet] {
        match self {
            Self::Vhost { facets, .. } | Self::Named { facets, .. } => facets,
            Self::Tag(_) => &[],
        }
    }

    /// The lease's part of a pattern.
    fn alternative(&self, lease: &LeaseId) -> String {
        let names = match self {
            Self::Vhost { .. } => ALL_NAMES.to_owned(),
            Self::Named { name, .. } => escaped(name),
            Self::Tag(_) => String::new(),
        };
        format!("(?#{lease}){names}")
    }

    /// Whether exactly what this lease gives is there.
    pub fn is_held(&self, lease: &LeaseId, tags: &[String], permissions: &[Granted]) -> bool {
        match self {
            Self::Tag(tag) => tags.iter().any(|held| held == tag),
            Self::Vhost { vhost, .. } | Self::Named { vhost, .. } => {
                let Some(granted) = permissions.iter().find(|granted| granted.vhost == *vhost) else {
                    return false;
                };
                let (held, part) = (Triple::read(granted), self.alternative(lease));
                self.facets().iter().all(|facet| held.of(*facet).contains(&part))
            }
        }
    }

    /// Whether anything of this lease is there, in full or in part.
    pub fn is_begun(&self, lease: &LeaseId, permissions: &[Granted]) -> bool {
        let part = self.alternative(lease);
        let on = permissions
            .iter()
            .find(|granted| Some(granted.vhost.as_str()) == self.vhost());
        on.is_some_and(|granted| {
            let held = Triple::read(granted);
            EVERYTHING.iter().any(|facet| held.of(*facet).contains(&part))
        })
    }
}

/// The alternatives of each of a virtual host's three patterns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Triple {
    configure: BTreeSet<String>,
    write: BTreeSet<String>,
    read: BTreeSet<String>,
}

impl Triple {
    pub fn of(&self, facet: Facet) -> &BTreeSet<String> {
        match facet {
            Facet::Configure => &self.configure,
            Facet::Write => &self.write,
            Facet::Read => &self.read,
        }
    }

    fn of_mut(&mut self, facet: Facet) -> &mut BTreeSet<String> {
        match facet {
            Facet::Configure => &mut self.configure,
            Facet::Write => &mut self.write,
            Facet::Read => &mut self.read,
        }
    }

    /// Whether all of it is in the other too.
    pub fn is_within(&self, other: &Self) -> bool {
        EVERYTHING
            .iter()
            .all(|facet| self.of(*facet).is_subset(other.of(*facet)))
    }

    /// What patterns of ours say; a pattern that somebody else wrote has no alternative of ours.
    pub fn read(granted: &Granted) -> Self {
        Self {
            configure: alternatives(&granted.configure),
            write: alternatives(&granted.write),
            read: alternatives(&granted.read),
        }
    }

    pub fn pattern(&self, facet: Facet) -> String {
        let parts: Vec<&str> = self.of(facet).iter().map(String::as_str).collect();
        match parts.as_slice() {
            [] => NOTHING.to_owned(),
            parts => format!("^(?:{})$", parts.join("|")),
        }
    }

    pub fn is(&self, granted: &Granted) -> bool {
        self.pattern(Facet::Configure) == granted.configure
            && self.pattern(Facet::Write) == granted.write
            && self.pattern(Facet::Read) == granted.read
    }
}

/// An escaped name holds no bare `|`, so every `|(?#` begins a lease's part.
fn alternatives(pattern: &str) -> BTreeSet<String> {
    let inner = pattern
        .strip_prefix("^(?:(?#")
        .and_then(|rest| rest.strip_suffix(")$"));
    inner.map_or_else(BTreeSet::new, |inner| {
        inner.split("|(?#").map(|part| format!("(?#{part}")).collect()
    })
}

/// The name and nothing else, in the broker's regular expressions (Erlang's `re`, which is PCRE).
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if r"\^$.[]|()?*+{}".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// All that an account should hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub triples: BTreeMap<String, Triple>,
    pub tags: BTreeSet<&'static str>,
}

impl Wanted {
    pub fn of<'a>(leases: impl Iterator<Item = (&'a Lease, &'a Grant)>) -> Self {
        let mut wanted = Self::default();
        for (lease, grant) in leases {
            match grant {
                Grant::Tag(tag) => {
                    wanted.tags.insert(tag);
                }
                Grant::Vhost { vhost, facets } | Grant::Named { vhost, facets, .. } => {
                    let triple = wanted.triples.entry(vhost.clone()).or_default();
                    for facet in *facets {
                        triple.of_mut(*facet).insert(grant.alternative(&lease.id));
                    }
                }
            }
        }
        wanted
    }

    pub fn tags_text(&self) -> String {
        self.tags.iter().copied().collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
#[path = "grant_test.rs"]
mod tests;
