//! Everything that can be asked for: databases, their tables, and roles that can be joined.

use std::collections::BTreeMap;

use super::{
    Family, groups, look,
    place::{self, Access, Place, kinds},
    rights::{self, Own},
};
use crate::providers::{Discovery, Resource, ResourceKind, Result};

/// Tables beyond this many in one database are not listed; people type them under their database.
const TABLES: usize = 2_000;

type Tags = BTreeMap<String, String>;

pub async fn discover(provider: &Family) -> Result<Discovery> {
    let engine = provider.engine;
    let mut main = provider.open().await?;
    let server = look::server(&mut main, engine).await?;
    let own = rights::own(&mut main, engine, &server).await?;
    let mut found = Discovery {
        kinds: offered(&own),
        ..Discovery::default()
    };
    found.resources.push(resource(Place::Instance, Tags::new(), None));
    for group in groups::all(&mut main, engine, &server).await? {
        found
            .resources
            .push(resource(Place::Role(group.who), Tags::new(), group.unavailable));
    }
    for (database, comment) in look::databases(&mut main, engine).await? {
        let above = tags(&comment);
        found
            .resources
            .push(resource(Place::Database(database.clone()), above.clone(), None));
        let sql = format!(
            "SELECT TABLE_NAME, TABLE_COMMENT, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? \
             ORDER BY 1 LIMIT {}",
            TABLES + 1
        );
        let rows = main.rows(&sql, &[&database]).await?;
        if rows.len() > TABLES {
            continue;
        }
        for row in rows {
            // A view's comment is the word VIEW.
            let own = if row.text(2) == "VIEW" {
                Tags::new()
            } else {
                tags(row.text(1))
            };
            let place = Place::Table {
                database: database.clone(),
                table: row.text(0).to_owned(),
            };
            found.resources.push(resource(place, over(&above, own), None));
        }
    }
    main.close().await;
    Ok(found)
}

/// Kinds without the levels that our own login cannot give.
fn offered(own: &Own) -> Vec<ResourceKind> {
    let mut kinds = kinds();
    for kind in &mut kinds {
        kind.permissions.retain(|permission| {
            Access::of(&permission.name).is_some_and(|access| {
                access == Access::Member || own.lacks(place::on_database(access).core).is_empty()
            })
        });
    }
    kinds
}

fn resource(place: Place, tags: Tags, unavailable: Option<String>) -> Resource {
    Resource {
        at: place.reference(),
        tags,
        unavailable,
    }
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

/// Its own over those of what contains it.
fn over(above: &Tags, own: Tags) -> Tags {
    let mut all = above.clone();
    all.extend(own);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_the_pairs_in_a_comment() {
        let of = |comment: &str| {
            tags(comment)
                .into_iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(of("Orders, owner=dba; tier=1, see wiki"), "owner=dba tier=1");
        assert_eq!(of("a == b = c =d e="), "");
        let above = tags("owner=dba tier=1");
        assert_eq!(over(&above, tags("owner=web"))["owner"], "web");
        assert_eq!(over(&above, tags(""))["tier"], "1");
    }
}
