//! Everything that can be asked for: databases, their schemas, tables and roles, and roles of the server.

use std::collections::BTreeMap;

use tiberius::Row;

use super::{
    Mssql,
    error::transient,
    inside, look,
    place::{Place, Site, is_system_schema, kinds},
    quote::known,
    session::Session,
};
use crate::providers::{Discovery, Resource, Result, names};

/// Tables beyond this many in one database are not listed; people type them under their schema.
const TABLES: usize = 2_000;

type Tags = BTreeMap<String, String>;

pub async fn discover(provider: &Mssql) -> Result<Discovery> {
    let (mut session, _) = provider.open().await?;
    let mut found = Discovery {
        kinds: kinds(),
        ..Discovery::default()
    };
    found.resources.push(resource(Place::Instance, Tags::new(), None));
    found
        .resources
        .extend(roles(&mut session, Site::Server, &Tags::new(), &BTreeMap::new()).await?);
    for database in look::databases(&mut session).await? {
        if let Some(why) = database.away {
            found.unread.push((vec![database.name], why));
            continue;
        }
        match read_database(&mut session, &database.name).await {
            Ok(resources) => found.resources.extend(resources),
            Err(error) => found.unread.push((vec![database.name], error.message)),
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

/// Its own over those of what contains it.
fn over(above: &Tags, own: Option<&Tags>) -> Tags {
    let mut all = above.clone();
    all.extend(own.cloned().unwrap_or_default());
    all
}

fn text(row: &Row, at: usize) -> Result<String> {
    let value: Option<&str> = row.try_get(at).map_err(|error| transient(error.to_string()))?;
    Ok(value.unwrap_or_default().to_owned())
}

fn number(row: &Row, at: usize) -> Result<i32> {
    let value: Option<i32> = row.try_get(at).map_err(|error| transient(error.to_string()))?;
    Ok(value.unwrap_or(-1))
}

/// Extended properties are the tags: of the database (class 0), an object (1), a schema (3), a role (4).
async fn properties(session: &mut Session, database: &str) -> Result<BTreeMap<(u8, i32), Tags>> {
    let sql = format!(
        "SELECT class, major_id, name, CAST(value AS nvarchar(4000)) FROM {}.sys.extended_properties \
         WHERE class IN (0, 1, 3, 4) AND minor_id = 0",
        known(database)?
    );
    let mut all: BTreeMap<(u8, i32), Tags> = BTreeMap::new();
    for row in &session.rows(&sql, &[]).await? {
        let class: Option<u8> = row.try_get(0).map_err(|error| transient(error.to_string()))?;
        let at = (class.unwrap_or(u8::MAX), number(row, 1)?);
        all.entry(at).or_default().insert(text(row, 2)?, text(row, 3)?);
    }
    Ok(all)
}

async fn roles(
    session: &mut Session,
    site: Site,
    above: &Tags,
    own: &BTreeMap<(u8, i32), Tags>,
) -> Result<Vec<Resource>> {
    let groups = inside::groups(session, &site).await?;
    let of = |group: inside::Group| {
        let place = Place::Role {
            site: site.clone(),
            role: group.name,
        };
        resource(place, over(above, own.get(&(4, group.id))), group.unavailable)
    };
    Ok(groups
        .into_iter()
        .filter(|group| !names::is_reserved(&group.name))
        .map(of)
        .collect())
}

async fn read_database(session: &mut Session, database: &str) -> Result<Vec<Resource>> {
    let properties = properties(session, database).await?;
    let above = over(&Tags::new(), properties.get(&(0, 0)));
    let mut all = vec![resource(
        Place::Database(database.to_owned()),
        above.clone(),
        None,
    )];
    let sql = format!(
        "SELECT name, schema_id FROM {}.sys.schemas WHERE schema_id < 16384 ORDER BY name",
        known(database)?
    );
    let mut schemas = BTreeMap::new();
    for row in &session.rows(&sql, &[]).await? {
        let (schema, id) = (text(row, 0)?, number(row, 1)?);
        if is_system_schema(&schema) {
            continue;
        }
        let tags = over(&above, properties.get(&(3, id)));
        let place = Place::Schema {
            database: database.to_owned(),
            schema: schema.clone(),
        };
        all.push(resource(place, tags.clone(), None));
        schemas.insert(schema, tags);
    }
    // A database may be called as all of them are written.
    if database != "*" {
        all.extend(roles(session, Site::Database(database.to_owned()), &above, &properties).await?);
    }
    all.extend(tables(session, database, &schemas, &properties).await?);
    Ok(all)
}

async fn tables(
    session: &mut Session,
    database: &str,
    schemas: &BTreeMap<String, Tags>,
    properties: &BTreeMap<(u8, i32), Tags>,
) -> Result<Vec<Resource>> {
    let quoted = known(database)?;
    let sql = format!(
        "SELECT TOP ({}) s.name, o.name, o.object_id FROM {quoted}.sys.objects o \
         JOIN {quoted}.sys.schemas s ON s.schema_id = o.schema_id \
         WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 ORDER BY s.name, o.name",
        TABLES + 1
    );
    let rows = session.rows(&sql, &[]).await?;
    if rows.len() > TABLES {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for row in &rows {
        let (schema, table) = (text(row, 0)?, text(row, 1)?);
        let none = Tags::new();
        let above = schemas.get(&schema).unwrap_or(&none);
        let tags = over(above, properties.get(&(1, number(row, 2)?)));
        let place = Place::Table {
            database: database.to_owned(),
            schema,
            table,
        };
        all.push(resource(place, tags, None));
    }
    Ok(all)
}
