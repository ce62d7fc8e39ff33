//! Everything that can be asked for: databases, their schemas and tables, and roles that can be joined.

use std::collections::BTreeMap;

use super::{
    Postgres, look,
    place::{Place, kinds},
    session::Session,
};
use crate::providers::{Discovery, Resource, Result, names, sql::tags};

/// Tables beyond this many in one database are not listed; people type them under their schema.
const TABLES: usize = 2_000;

type Tags = BTreeMap<String, String>;

pub async fn discover(provider: &Postgres) -> Result<Discovery> {
    let main = provider.main().await?;
    look::server(&main).await?;
    let mut found = Discovery {
        kinds: kinds(),
        ..Discovery::default()
    };
    found.resources.push(resource(Place::Instance, Tags::new(), None));
    for group in look::groups(&main, None).await? {
        if !names::is_reserved(&group.name) {
            let unavailable = unavailable_group(&group);
            found.resources.push(resource(
                Place::Role(group.name),
                tags(group.comment.as_deref()),
                unavailable,
            ));
        }
    }
    let rows = main
        .rows(
            "SELECT d.datname::text, d.datallowconn, shobj_description(d.oid, 'pg_database'), \
             CASE WHEN NOT pg_has_role(d.datdba, 'USAGE') THEN pg_get_userbyid(d.datdba)::text END \
             FROM pg_database d WHERE NOT d.datistemplate ORDER BY 1",
            &[],
        )
        .await?;
    for row in rows {
        let (database, open): (String, bool) = (row.get(0), row.get(1));
        let tags = tags(row.get::<_, Option<&str>>(2));
        let unavailable = row.get::<_, Option<&str>>(3).map(not_a_member);
        let outcome = if open {
            read_database(provider, &main, &database, &tags, unavailable).await
        } else {
            Err(super::error::invalid("it accepts no connections"))
        };
        match outcome {
            Ok(resources) => found.resources.extend(resources),
            Err(error) => found.unread.push((vec![database], error.message)),
        }
    }
    Ok(found)
}

fn not_a_member(owner: &str) -> String {
    format!("our login is no member of {owner}, who owns it")
}

fn unavailable_group(group: &look::Group) -> Option<String> {
    if group.privileged {
        Some("it reaches rights above all others".to_owned())
    } else if !group.grantable {
        Some("our login has no admin option on it".to_owned())
    } else {
        None
    }
}

fn resource(place: Place, tags: Tags, unavailable: Option<String>) -> Resource {
    Resource {
        at: place.reference(),
        tags,
        unavailable,
    }
}

/// Its own over those of what contains it.
fn over(above: &Tags, own: Tags) -> Tags {
    let mut all = above.clone();
    all.extend(own);
    all
}

async fn read_database(
    provider: &Postgres,
    main: &Session,
    database: &str,
    above: &Tags,
    unavailable: Option<String>,
) -> Result<Vec<Resource>> {
    let opened;
    let session = if main.database == database {
        main
    } else {
        opened = provider.open(database).await?;
        &opened
    };
    let mut all = vec![resource(
        Place::Database(database.to_owned()),
        above.clone(),
        unavailable,
    )];
    let mut schemas = BTreeMap::new();
    let rows = session
        .rows(
            "SELECT n.nspname::text, obj_description(n.oid, 'pg_namespace'), \
             CASE WHEN NOT pg_has_role(n.nspowner, 'USAGE') THEN pg_get_userbyid(n.nspowner)::text END \
             FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1",
            &[],
        )
        .await?;
    for row in rows {
        let schema: String = row.get(0);
        let tags = over(above, tags(row.get::<_, Option<&str>>(1)));
        let place = Place::Schema {
            database: database.to_owned(),
            schema: schema.clone(),
        };
        all.push(resource(
            place,
            tags.clone(),
            row.get::<_, Option<&str>>(2).map(not_a_member),
        ));
        schemas.insert(schema, tags);
    }
    all.extend(read_tables(session, database, &schemas).await?);
    Ok(all)
}

async fn read_tables(
    session: &Session,
    database: &str,
    schemas: &BTreeMap<String, Tags>,
) -> Result<Vec<Resource>> {
    let rows = session
        .rows(
            &format!(
                "SELECT n.nspname::text, c.relname::text, obj_description(c.oid, 'pg_class'), \
                 CASE WHEN NOT pg_has_role(c.relowner, 'USAGE') THEN pg_get_userbyid(c.relowner)::text END \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND n.nspname !~ '^pg_' \
                 AND n.nspname <> 'information_schema' ORDER BY 1, 2 LIMIT {}",
                TABLES + 1
            ),
            &[],
        )
        .await?;
    if rows.len() > TABLES {
        return Ok(Vec::new());
    }
    let of = |row: &tokio_postgres::Row| {
        let (schema, table): (String, String) = (row.get(0), row.get(1));
        let none = Tags::new();
        let tags = over(
            schemas.get(&schema).unwrap_or(&none),
            tags(row.get::<_, Option<&str>>(2)),
        );
        let unavailable = row.get::<_, Option<&str>>(3).map(not_a_member);
        resource(
            Place::Table {
                database: database.to_owned(),
                schema,
                table,
            },
            tags,
            unavailable,
        )
    };
    Ok(rows.iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_tags_stand_over_those_of_its_container() {
        let above = tags(Some("owner=dba tier=1"));
        assert_eq!(over(&above, tags(Some("owner=web")))["owner"], "web");
        assert_eq!(over(&above, tags(None))["tier"], "1");
    }
}
