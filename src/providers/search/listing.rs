//! Indices, aliases and data streams as one catalogue. What a data stream keeps its documents in is nobody's to ask for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::place::{Place, is_index_name};
use crate::providers::{Resource, names};

pub type Tags = BTreeMap<String, String>;

/// What a listing knows of one name.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Found {
    /// Indices behind the name; its own where it is one itself.
    pub indices: BTreeSet<String>,
    /// Why it cannot be used now.
    pub unavailable: Option<String>,
}

/// The data stream that an index belongs to by its name: `.ds-<stream>-<yyyy.MM.dd>-<generation>`.
pub fn stream_of(index: &str) -> Option<&str> {
    let rest = index.strip_prefix(".ds-")?;
    let (rest, generation) = rest.rsplit_once('-')?;
    let is_number = !generation.is_empty() && generation.bytes().all(|byte| byte.is_ascii_digit());
    let stream = match rest.rsplit_once('-') {
        Some((stream, date)) if date.len() == 10 && date.split('.').count() == 3 => stream,
        // Early versions had no date.
        Some(_) | None => rest,
    };
    (is_number && !stream.is_empty()).then_some(stream)
}

/// Owner tags in the `_meta` of a mapping: its texts, and no structures.
pub fn tags(meta: &Value) -> Tags {
    let texts = meta.as_object().into_iter().flatten();
    texts
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Sorted by name. A name over several indices has the tags that all of them agree on, but a data stream those of its
/// newest index, which has the highest name.
pub fn resources(found: &BTreeMap<String, Found>, tagged: &BTreeMap<String, Tags>) -> Vec<Resource> {
    found
        .iter()
        .filter(|(name, _)| is_index_name(name) && !names::is_reserved(name))
        .map(|(name, one)| Resource {
            at: Place::Index(name.clone()).reference(),
            tags: tags_of(one, tagged),
            unavailable: one.unavailable.clone(),
        })
        .collect()
}

fn tags_of(found: &Found, tagged: &BTreeMap<String, Tags>) -> Tags {
    let of = |index: &String| tagged.get(index).cloned().unwrap_or_default();
    let mut indices = found.indices.iter().rev();
    let Some(newest) = indices.next() else {
        return Tags::new();
    };
    let mut tags = of(newest);
    if stream_of(newest).is_none() {
        for index in indices {
            let other = of(index);
            tags.retain(|key, value| other.get(key) == Some(value));
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn backing_indices_name_their_stream() {
        for (index, stream) in [
            (".ds-logs-app-default-2026.11.22-000001", Some("logs-app-default")),
            (".ds-logs-000003", Some("logs")),
            (".ds-", None),
            (".ds-x", None),
            ("logs-2026.11.22-000001", None),
        ] {
            assert_eq!(stream_of(index), stream, "{index}");
        }
    }

    #[test]
    fn names_over_several_indices_have_the_tags_they_agree_on() {
        let owned = |owner: &str| tags(&json!({"owner": owner, "team": "x", "nested": {"a": 1}, "n": 3}));
        let tagged = BTreeMap::from([
            ("a".to_owned(), owned("ann")),
            ("b".to_owned(), owned("bob")),
            (".ds-s-2026.01.01-000001".to_owned(), owned("ann")),
            (".ds-s-2026.02.01-000002".to_owned(), owned("bob")),
        ]);
        let over = |indices: &[&str]| Found {
            indices: indices.iter().map(|one| (*one).to_owned()).collect(),
            unavailable: None,
        };
        let of = |indices: &[&str]| tags_of(&over(indices), &tagged);
        assert_eq!(of(&["a"]), owned("ann"));
        assert_eq!(of(&["a", "b"]), tags(&json!({"team": "x"})));
        assert_eq!(of(&["a", "untagged"]), Tags::new());
        assert_eq!(
            of(&[".ds-s-2026.01.01-000001", ".ds-s-2026.02.01-000002"])["owner"],
            "bob"
        );
    }

    #[test]
    fn what_is_the_systems_own_is_not_listed() {
        let found = ["orders", ".kibana_1", "jit_x", "a${b}"].map(|name| (name.to_owned(), Found::default()));
        let listed = resources(&found.into_iter().collect(), &BTreeMap::new());
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].at.title, "orders");
    }
}
