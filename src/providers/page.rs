//! What is told about each kind of system: one source for `latchkey providers`, its JSON, and README's pages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Feature, Registration};
use crate::domain::ResourceKind;

/// What the last recorded run of the behaviour suite saw: `LATCHKEY_RECORD=1 tests/run providers` writes it.
const RECORD: &str = include_str!("proven.json");

/// Against what the behaviour suite ran for one kind, and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    pub against: Against,
    pub passed: u32,
    /// Cases that have nothing to be about on this kind of system.
    pub not_applicable: u32,
    /// Calls at which the line was cut, each followed by converging again to the same end.
    pub cut_points: u32,
}

/// What stood at the other end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Against {
    /// The vendor's own program: "PostgreSQL 15.18".
    RealServer { name: String },
    /// A stateful simulator of ours, and who else checked it or our requests to it; empty where nobody did.
    Simulator { vouched_by: Vec<String> },
}

/// One kind of system, as people and machines are told of it.
#[derive(Debug, Serialize)]
pub struct Page {
    pub kind: &'static str,
    pub title: &'static str,
    pub features: Vec<&'static str>,
    pub resource_types: Vec<ResourceKind>,
    pub connector: &'static str,
    pub granted: &'static str,
    pub limits: &'static [&'static str],
    pub keys: &'static [&'static str],
    pub secret_keys: &'static [&'static str],
    pub example: &'static str,
    /// `null`: no run of the suite is on record.
    pub proven: Option<Proven>,
}

const FEATURES: [Feature; 4] = [
    Feature::Accounts,
    Feature::Sessions,
    Feature::Expiry,
    Feature::Tags,
];

impl Feature {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Sessions => "sessions",
            Self::Expiry => "expiry",
            Self::Tags => "tags",
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::Accounts => "makes logins of its own, so rotation and cleanup days apply",
            Self::Sessions => "ends live sessions and counts what is left",
            Self::Expiry => "the system itself ends access a little later, if the bot is down",
            Self::Tags => "resources can name their owners",
        }
    }
}

pub fn pages(kinds: &[Registration]) -> Vec<Page> {
    let record = recorded();
    let page = |kind: &Registration| Page {
        kind: kind.kind,
        title: kind.title,
        features: kind.supports.iter().map(|feature| feature.as_str()).collect(),
        resource_types: (kind.kinds)(),
        connector: kind.guide.connector,
        granted: kind.guide.granted,
        limits: kind.guide.limits,
        keys: kind.keys,
        secret_keys: kind.secret_keys,
        example: kind.example,
        proven: record.get(kind.kind).cloned(),
    };
    kinds.iter().map(page).collect()
}

fn recorded() -> BTreeMap<String, Proven> {
    // A test reads it; what cannot be read proves nothing.
    serde_json::from_str(RECORD).unwrap_or_default()
}

impl Page {
    /// One line for the terminal: what it was proven against.
    pub fn proof(&self) -> String {
        let Some(proven) = &self.proven else {
            return "not proven: no run of the suite is on record".to_owned();
        };
        let against = match &proven.against {
            Against::RealServer { name } => format!("real server: {name}"),
            Against::Simulator { vouched_by } if vouched_by.is_empty() => {
                "own simulator, which nobody else checked".to_owned()
            }
            Against::Simulator { vouched_by } => {
                format!("own simulator, checked by {}", vouched_by.join("; "))
            }
        };
        format!(
            "{against} ({} cases, {} cut points)",
            proven.passed, proven.cut_points
        )
    }

    /// README's page.
    pub fn markdown(&self, supports: &[Feature]) -> String {
        let mut lines = vec![
            format!("### {} (`kind = \"{}\"`)\n", self.title, self.kind),
            format!("**The connector needs.** {}\n", self.connector),
            format!("**What is granted.** {}\n", self.granted),
            "| resource | permission | gives |\n|---|---|---|".to_owned(),
        ];
        lines.extend(self.resource_types.iter().flat_map(rows));
        lines.push(String::new());
        lines.extend(FEATURES.iter().map(|feature| {
            let has = if supports.contains(feature) {
                "yes"
            } else {
                "**no**"
            };
            format!("- {}: {has} ({})", feature.as_str(), feature.about())
        }));
        lines.extend(self.limits.iter().map(|limit| format!("- {limit}")));
        lines.push(format!("- Proven: {}", self.proof()));
        lines.push(format!(
            "\n```toml\n[[integration]]\n{}\n```\n\n",
            self.example.trim()
        ));
        lines.join("\n")
    }
}

/// One line of the table for each permission.
fn rows(kind: &ResourceKind) -> impl Iterator<Item = String> {
    kind.permissions.iter().map(|permission| {
        let also = match permission.also.as_slice() {
            [] => String::new(),
            also => format!(" (also `{}`)", also.join("`, `")),
        };
        let only = if permission.dangerous {
            "; only where a flow names it"
        } else {
            ""
        };
        format!(
            "| {} | `{}`{also} | {}{only} |",
            kind.name,
            permission.name,
            permission.about.replace('|', "\\|")
        )
    })
}

/// All of README's pages, in the order of the list.
pub fn markdown(kinds: &[Registration]) -> String {
    pages(kinds)
        .iter()
        .zip(kinds)
        .map(|(page, kind)| page.markdown(kind.supports))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::ALL;

    #[test]
    fn the_record_can_be_read_and_names_only_kinds_there_are() {
        let record: BTreeMap<String, Proven> = serde_json::from_str(RECORD).expect("a record");
        for kind in record.keys() {
            assert!(ALL.iter().any(|known| known.kind == kind), "{kind} is no kind");
        }
    }

    #[test]
    fn every_kind_says_what_an_admin_has_to_know() {
        for page in pages(ALL) {
            assert!(
                !page.connector.is_empty() && !page.granted.is_empty(),
                "{}",
                page.kind
            );
            assert!(!page.limits.is_empty(), "{}: everything has limits", page.kind);
            assert!(!page.resource_types.is_empty(), "{}", page.kind);
            for kind in &page.resource_types {
                assert!(!kind.permissions.is_empty(), "{}/{}", page.kind, kind.name);
            }
        }
    }

    /// README cannot go stale: `latchkey providers --markdown` prints what belongs between its markers.
    #[test]
    fn readme_holds_these_pages() {
        let readme = include_str!("../../README.md");
        let (_, rest) = readme.split_once("<!-- systems -->\n").expect("the first marker");
        let (held, _) = rest.split_once("<!-- /systems -->").expect("the second marker");
        assert_eq!(
            held.trim(),
            markdown(ALL).trim(),
            "run: latchkey providers --markdown, and put it between README's markers"
        );
    }
}
