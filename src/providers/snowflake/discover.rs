//! Everything that can be asked for: databases, their schemas, tables and views, roles and warehouses.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};

use super::{
    Snowflake,
    client::Until,
    give::not_ours,
    look::{Eye, seen},
    place::{Place, is_system_role, kinds},
    statements,
    wire::{Ran, Row},
};
use crate::providers::{Discovery, Resource, Result, names, sql::Name};

/// Tables beyond this many in one database are not listed; people type them under their schema.
const TABLES: usize = 2_000;
/// Snowflake takes few at a time from one account.
const AT_ONCE: usize = 4;

type Tags = BTreeMap<String, String>;

pub async fn discover(provider: &Snowflake) -> Result<Discovery> {
    let eye = Eye {
        provider,
        until: Until::after(super::LOOKING),
    };
    let mut found = Discovery {
        kinds: kinds(),
        ..Discovery::default()
    };
    found.resources.push(resource(Place::Account, Tags::new(), None));
    for row in seen(eye.pages("SHOW ROLES").await)?.rows() {
        found.resources.extend(role(row, &provider.config.role));
    }
    for row in seen(eye.pages("SHOW WAREHOUSES").await)?.rows() {
        let place = Place::Warehouse(row.text("name").to_owned());
        found.resources.push(resource(place, tags(row), None));
    }
    let databases = seen(eye.pages("SHOW DATABASES").await)?;
    let mut own = Vec::new();
    for row in databases.rows() {
        let (name, kind) = (row.text("name").to_owned(), row.text("kind"));
        // Everybody's own drawer.
        if name.starts_with("USER$") {
            continue;
        }
        let unavailable = (!matches!(kind, "" | "STANDARD")).then(|| not_ours(&name, kind));
        let is_own = unavailable.is_none();
        let tags = tags(row);
        found
            .resources
            .push(resource(Place::Database(name.clone()), tags.clone(), unavailable));
        if is_own {
            own.push((name, tags));
        }
    }
    let mut inside = stream::iter(own.into_iter().map(|(name, tags)| async move {
        let read = seen(inside_of(eye, &name, &tags).await);
        (name, read)
    }))
    .buffered(AT_ONCE);
    while let Some((name, read)) = inside.next().await {
        match read {
            Ok(resources) => found.resources.extend(resources),
            Err(error) if error.kind == crate::providers::ErrorKind::Transient => return Err(error),
            Err(error) => found.unread.push((vec![name], error.message)),
        }
    }
    Ok(found)
}

fn resource(place: Place, tags: Tags, unavailable: Option<String>) -> Resource {
    Resource {
        at: place.reference(),
        tags,
        unavailable,
    }
}

fn role(row: Row<'_>, ours: &str) -> Option<Resource> {
    let name = row.text("name");
    if names::is_reserved(name) || is_system_role(name) {
        return None;
    }
    let unavailable = (name == ours).then(|| "it is our own role".to_owned());
    Some(resource(Place::Role(name.to_owned()), tags(row), unavailable))
}

/// The words `key=value` of a comment.
fn tags(row: Row<'_>) -> Tags {
    let words = row.text("comment").split_whitespace();
    let pair = |word: &str| {
        let (key, value) = word.split_once('=')?;
        let value = value.trim_end_matches([',', ';']);
        (!key.is_empty() && !value.is_empty()).then(|| (key.to_owned(), value.to_owned()))
    };
    words.filter_map(pair).collect()
}

/// Its own over those of what contains it.
fn over(above: &Tags, own: Tags) -> Tags {
    let mut all = above.clone();
    all.extend(own);
    all
}

async fn inside_of(eye: Eye<'_>, database: &str, above: &Tags) -> Ran<Vec<Resource>> {
    let quoted = statements::quoted(&Name::known(database))?;
    let mut all = Vec::new();
    let mut schemas = BTreeMap::new();
    for row in eye
        .pages(&format!("SHOW SCHEMAS IN DATABASE {quoted}"))
        .await?
        .rows()
    {
        let schema = row.text("name").to_owned();
        if schema == "INFORMATION_SCHEMA" {
            continue;
        }
        let tags = over(above, tags(row));
        let place = Place::Schema {
            database: database.to_owned(),
            schema: schema.clone(),
        };
        all.push(resource(place, tags.clone(), None));
        schemas.insert(schema, tags);
    }
    let objects = eye
        .table(&format!("SHOW OBJECTS IN DATABASE {quoted} LIMIT {}", TABLES + 1))
        .await?;
    if objects.len() > TABLES {
        return Ok(all);
    }
    for row in objects.rows() {
        let schema = row.text("schema_name");
        let Some(above) = schemas.get(schema) else {
            continue;
        };
        let place = Place::Table {
            database: database.to_owned(),
            schema: schema.to_owned(),
            table: row.text("name").to_owned(),
        };
        all.push(resource(place, over(above, tags(row)), None));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::snowflake::wire::Table;

    #[test]
    fn tags_are_the_pairs_in_a_comment() {
        let of = |comment: &str| {
            let table = Table::new(vec!["comment".into()], vec![vec![Some(comment.to_owned())]]);
            let found = table.rows().next().map(tags).expect("a row");
            found
                .into_iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(of("owner=data-team"), "owner=data-team");
        assert_eq!(of("Orders, owner=dba; tier=1, see wiki"), "owner=dba tier=1");
        assert_eq!(of("a == b = c =d e="), "");
    }
}
