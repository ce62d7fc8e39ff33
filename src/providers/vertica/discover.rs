//! Everything that can be asked for: the database, its schemas and tables, and roles that can be joined.

use std::collections::BTreeMap;

use super::{
    Vertica, look,
    place::{Place, is_above_all, kinds, same},
    session::Session,
    statements::Relation,
};
use crate::providers::{Discovery, Resource, Result, names, sql::tags};

/// Tables beyond this many are not listed; people type them under their schema.
const TABLES: usize = 2_000;

type Tags = BTreeMap<String, String>;

pub async fn discover(provider: &Vertica) -> Result<Discovery> {
    let mut session = provider.open().await?;
    let database = look::database(&mut session).await?.name;
    let comments = look::comments(&mut session).await?;
    let tags_of = |kind: &str, schema: &str, name: &str| {
        let comment = comments.iter().find(|(object, _)| {
            let at = if kind == "SCHEMA" {
                ""
            } else {
                object.schema.as_str()
            };
            object.kind.eq_ignore_ascii_case(kind) && same(at, schema) && same(&object.name, name)
        });
        tags(comment.map(|(_, comment)| comment.as_str()))
    };
    let mut found = Discovery {
        kinds: kinds(),
        ..Discovery::default()
    };
    found
        .resources
        .push(resource(Place::Database(database.clone()), Tags::new(), None));
    let mut schemas = BTreeMap::new();
    for object in look::schemas(&mut session).await? {
        let tags = tags_of("SCHEMA", "", &object.name);
        let place = Place::Schema {
            database: database.clone(),
            schema: object.name.clone(),
        };
        found.resources.push(resource(place, tags.clone(), None));
        schemas.insert(object.name.to_lowercase(), tags);
    }
    let relations = look::relations(&mut session).await?;
    if relations.len() <= TABLES {
        for (relation, object) in relations {
            let mut tags = schemas
                .get(&object.schema.to_lowercase())
                .cloned()
                .unwrap_or_default();
            let kind = match relation {
                Relation::Table => "TABLE",
                Relation::View => "VIEW",
            };
            tags.extend(tags_of(kind, &object.schema, &object.name));
            let place = Place::Table {
                database: database.clone(),
                schema: object.schema,
                table: object.name,
            };
            found.resources.push(resource(place, tags, None));
        }
    }
    found.resources.extend(roles(&mut session).await?);
    session.close().await;
    Ok(found)
}

/// Roles that can be joined, and why some cannot.
async fn roles(session: &mut Session) -> Result<Vec<Resource>> {
    let edges = look::edges(session).await?;
    let offered = |role: &String| !names::is_reserved(role) && !is_above_all(role);
    let all = look::roles(session).await?.into_iter().filter(offered);
    Ok(all
        .map(|role| {
            let unavailable = look::reaches(&edges, &role, is_above_all)
                .then(|| "it reaches rights above all others".to_owned());
            resource(Place::Role(role), Tags::new(), unavailable)
        })
        .collect())
}

fn resource(place: Place, tags: Tags, unavailable: Option<String>) -> Resource {
    Resource {
        at: place.reference(),
        tags,
        unavailable,
    }
}
