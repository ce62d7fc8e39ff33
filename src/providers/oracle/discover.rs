//! Everything that can be asked for: schemas with their tables and views, and roles that people made.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Oracle,
    exec::Row,
    look::{self, Rights, Server},
    place::{Place, kinds},
    roles,
    session::Session,
};
use crate::providers::{Discovery, Resource, Result, names};

/// Tables beyond this many in one schema are not listed; people type them under their schema.
const TABLES: usize = 2_000;

type Tags = BTreeMap<String, String>;

pub async fn discover(provider: &Oracle) -> Result<Discovery> {
    let mut session = provider.open().await?;
    let server = look::server(&mut session).await?;
    let rights = look::rights(&mut session).await?;
    let mut found = Discovery {
        kinds: kinds(),
        ..Discovery::default()
    };
    found.resources.push(resource(
        Place::Instance,
        Tags::new(),
        instance_unavailable(&rights),
    ));
    for group in roles::all(&mut session).await? {
        found.resources.push(resource(
            Place::Role(group.name),
            Tags::new(),
            group.unavailable.map(str::to_owned),
        ));
    }
    let tags = all_tags(&mut session, &server).await?;
    for schema in schemas(&mut session).await? {
        let objects = look::objects(&mut session, &schema, None).await?;
        found
            .resources
            .push(resource(Place::Schema(schema.clone()), Tags::new(), None));
        if objects.len() > TABLES {
            continue;
        }
        for table in objects.into_keys() {
            let key = (schema.clone(), table.clone());
            let tags = tags.get(&key).cloned().unwrap_or_default();
            let place = Place::Table {
                schema: schema.clone(),
                table,
            };
            found.resources.push(resource(place, tags, None));
        }
    }
    Ok(found)
}

fn instance_unavailable(rights: &Rights) -> Option<String> {
    (!rights.has("GRANT ANY PRIVILEGE") && !rights.has("READ ANY TABLE"))
        .then(|| "our login lacks GRANT ANY PRIVILEGE".to_owned())
}

fn resource(place: Place, tags: Tags, unavailable: Option<String>) -> Resource {
    Resource {
        at: place.reference(),
        tags,
        unavailable,
    }
}

fn text(row: &Row, at: usize) -> String {
    row.get(at).cloned().flatten().unwrap_or_default()
}

/// Users that own a table or view and did not come with the database.
async fn schemas(session: &mut Session) -> Result<Vec<String>> {
    let owners: BTreeSet<String> = session
        .rows(
            "SELECT DISTINCT owner FROM dba_objects WHERE object_type IN ('TABLE', 'VIEW', 'MATERIALIZED VIEW') \
             AND oracle_maintained = 'N'",
            &[],
        )
        .await?
        .iter()
        .map(|row| text(row, 0))
        .collect();
    let users = session
        .rows(
            "SELECT username FROM dba_users WHERE oracle_maintained = 'N' ORDER BY username",
            &[],
        )
        .await?;
    let names = users.iter().map(|row| text(row, 0));
    Ok(names
        .filter(|name| owners.contains(name) && !names::is_reserved(name))
        .collect())
}

/// Tags by table: the words `key=value` of its comment and, from 23ai on, its annotations, whose names count in lower case.
async fn all_tags(session: &mut Session, server: &Server) -> Result<BTreeMap<(String, String), Tags>> {
    let mut all: BTreeMap<(String, String), Tags> = BTreeMap::new();
    for row in session
        .rows(
            "SELECT owner, table_name, comments FROM dba_tab_comments WHERE comments LIKE :1",
            &["%=%"],
        )
        .await?
    {
        let key = (text(&row, 0), text(&row, 1));
        all.entry(key).or_default().extend(tags(&text(&row, 2)));
    }
    if server.has_schema_privileges() {
        for row in session
            .rows(
                "SELECT annotation_owner, object_name, annotation_name, annotation_value FROM dba_annotations_usage \
                 WHERE column_name IS NULL",
                &[],
            )
            .await?
        {
            let key = (text(&row, 0), text(&row, 1));
            let name = text(&row, 2).to_ascii_lowercase();
            all.entry(key).or_default().insert(name, text(&row, 3));
        }
    }
    Ok(all)
}

/// The words `key=value` of a comment.
fn tags(comment: &str) -> Tags {
    let pair = |word: &str| {
        let (key, value) = word.split_once('=')?;
        let value = value.trim_end_matches([',', ';']);
        (!key.is_empty() && !value.is_empty()).then(|| (key.to_owned(), value.to_owned()))
    };
    comment.split_whitespace().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_the_pairs_in_a_comment() {
        let of = |comment: &str| {
            let pairs = tags(comment).into_iter().map(|(k, v)| format!("{k}={v}"));
            pairs.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("Orders, owner=dba; tier=1, see wiki"), "owner=dba tier=1");
        assert_eq!(of("a == b = c =d e="), "");
    }
}
