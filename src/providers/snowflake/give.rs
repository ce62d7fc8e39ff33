//! Gives leases: one role for each, filled first, and only then given to the user.

use std::collections::{BTreeSet, HashSet};

use super::{
    converge::{Run, overtaken, to_give},
    look::{Held, LeaseRole, lease_role, parts},
    place::{self, Access, Place},
    statements::{self, Giving, Known},
    wire::{Halt, Ran, Row},
};
use crate::providers::{ErrorKind, Lease, ProviderError, sql::Name};

/// The most objects whose coverage is looked at one by one; in more of them everything is given again.
const OBJECTS: usize = 10_000;

fn invalid(text: impl Into<String>) -> Halt {
    ProviderError::new(ErrorKind::Invalid, text).into()
}

/// Each is given or fails for itself.
pub async fn leases(run: &mut Run<'_>, staying: &[LeaseRole], held: &BTreeSet<String>) -> Ran<()> {
    let change = run.change;
    for lease in to_give(change) {
        if run.failed.contains_key(&lease.id) {
            continue;
        }
        let there = staying.iter().find(|role| role.lease == lease.id);
        match one(run, lease, there, held).await {
            Ok(()) => {}
            Err(Halt::Failed { error, .. }) => {
                run.failed.insert(lease.id.clone(), error);
            }
            Err(halt) => return Err(halt),
        }
    }
    Ok(())
}

async fn one(
    run: &mut Run<'_>,
    lease: &Lease,
    there: Option<&LeaseRole>,
    held: &BTreeSet<String>,
) -> Ran<()> {
    let (place, access) = Place::and_access(lease)?;
    let role = lease_role(&run.eye.provider.mark, &lease.id);
    if there.is_some() && held.contains(&role) {
        return cover(run, &place, access, &role).await;
    }
    let kind = exists(run, &place, access).await?;
    if there.is_none() {
        let create = statements::create_role(&role, &run.lease_inscription())?;
        match run.run(&create).await {
            Err(halt) if halt.is_there() => return Err(overtaken().into()),
            ran => ran?,
        }
    }
    let all = filling(
        &place,
        access,
        kind,
        run.eye.provider.config.warehouse.as_deref(),
        &role,
    )?;
    run_all(run, &all).await?;
    not_overtaken(run).await?;
    let give = statements::give_to_user(&role, &Name::known(run.user_name()))?;
    run.run(&give).await
}

/// The last moment before access begins: a newer run may have shut the door since we looked.
async fn not_overtaken(run: &Run<'_>) -> Ran<()> {
    if !run.ours {
        return Ok(());
    }
    let user = run.eye.user(run.login).await?;
    let ours = user
        .as_ref()
        .filter(|user| !user.disabled)
        .and_then(|user| user.ours.as_ref());
    match ours {
        Some(ours) if ours.fence <= run.change.fence => Ok(()),
        Some(_) | None => Err(overtaken().into()),
    }
}

/// All that fills a lease's role, for `preview` too.
pub fn filling(
    place: &Place,
    access: Access,
    kind: &str,
    warehouse: Option<&str>,
    role: &str,
) -> crate::providers::Result<Vec<Giving>> {
    let mut all = match place {
        Place::Database(database) => {
            let mut all = statements::on_database(database, access, role)?;
            all.extend(statements::in_database(database, access, role)?);
            all
        }
        Place::Schema { database, schema } => {
            let mut all = statements::on_schema(database, schema, access, role)?;
            all.extend(statements::in_schema(database, schema, access, role)?);
            all
        }
        Place::Table {
            database,
            schema,
            table,
        } => statements::on_table([database, schema, table], kind, access, role)?,
        Place::Role(given) => vec![(statements::give_to_role(given, role)?, Known::Everywhere)],
        Place::Warehouse(name) => vec![statements::on_warehouse(name, access, role)?],
        Place::Account => match access {
            Access::System(given) => vec![(statements::give_to_role(given, role)?, Known::Everywhere)],
            Access::Read | Access::ReadWrite | Access::Admin | Access::Member => Vec::new(),
        },
    };
    // Who may read and has no warehouse can read nothing.
    if let Some(warehouse) = warehouse.filter(|_| place.takes_warehouse()) {
        all.push(statements::on_warehouse(warehouse, Access::Read, role)?);
    }
    Ok(all)
}

async fn run_all(run: &mut Run<'_>, all: &[Giving]) -> Ran<()> {
    for (statement, known) in all {
        match run.run(statement).await {
            // A kind of object that this account does not know has no objects here.
            Err(halt) if *known == Known::Somewhere && halt.is_unknown_syntax() => {}
            ran => ran?,
        }
    }
    Ok(())
}

/// What can be known before anything is made; for a table, what kind of one it is.
async fn exists(run: &Run<'_>, place: &Place, access: Access) -> Ran<&'static str> {
    let eye = run.eye;
    match place {
        Place::Account => Ok(""),
        Place::Database(database) => {
            let kind = eye
                .find("DATABASES", database, "", |row| row.text("kind").to_owned())
                .await?;
            match kind.as_deref() {
                None => Err(invalid(format!("no such database: {database}"))),
                Some("" | "STANDARD") => Ok(""),
                Some(kind) => Err(invalid(not_ours(database, kind))),
            }
        }
        Place::Schema { database, schema } => {
            let within = format!(" IN DATABASE {}", statements::quoted(&Name::known(database))?);
            let found = eye.find("SCHEMAS", schema, &within, |_| ()).await?;
            found
                .map(|()| "")
                .ok_or_else(|| invalid(format!("no such schema: {database}.{schema}")))
        }
        Place::Table {
            database,
            schema,
            table,
        } => {
            let (in_database, in_schema) = (Name::known(database), Name::known(schema));
            let within = format!(
                " IN SCHEMA {}.{}",
                statements::quoted(&in_database)?,
                statements::quoted(&in_schema)?
            );
            let kind = eye
                .find("OBJECTS", table, &within, |row| {
                    kind_of(row.text("kind"), row.is_true("is_dynamic"))
                })
                .await?;
            match kind {
                None => Err(invalid(format!("no such table: {database}.{schema}.{table}"))),
                Some("TABLE") => Ok("TABLE"),
                Some(kind) if access == Access::Read => Ok(kind),
                Some(kind) => Err(invalid(format!(
                    "{table} is a {}: it can only be read",
                    kind.to_lowercase()
                ))),
            }
        }
        Place::Role(role) => allowed_role(run, role).await.map(|()| ""),
        Place::Warehouse(name) => {
            let found = eye.find("WAREHOUSES", name, "", |_| ()).await?;
            found
                .map(|()| "")
                .ok_or_else(|| invalid(format!("no such warehouse: {name}")))
        }
    }
}

/// Why a database of another kind is not offered.
pub fn not_ours(database: &str, kind: &str) -> String {
    format!(
        "{database} is no database of this account's own ({}): its privileges are given as a whole, by hand",
        kind.to_lowercase()
    )
}

/// As `GRANT` calls what `SHOW OBJECTS` lists.
fn kind_of(kind: &str, is_dynamic: bool) -> &'static str {
    match kind {
        "VIEW" => "VIEW",
        "MATERIALIZED VIEW" | "MATERIALIZED_VIEW" => "MATERIALIZED VIEW",
        "EXTERNAL TABLE" | "EXTERNAL_TABLE" => "EXTERNAL TABLE",
        _ if is_dynamic => "DYNAMIC TABLE",
        _ => "TABLE",
    }
}

/// A role that reaches the account's own roles or ours would give all of them.
async fn allowed_role(run: &Run<'_>, role: &str) -> Ran<()> {
    let found = run.eye.find("ROLES", role, "", |_| ()).await?;
    found.ok_or_else(|| invalid(format!("no such role: {role}")))?;
    let (roles, held) = run.eye.reach(role).await?;
    let ours = &run.eye.provider.config.role;
    let above = roles
        .iter()
        .any(|role| role == ours || (place::is_system_role(role) && role != "PUBLIC"));
    if above || held.iter().any(|held| held.privilege == "MANAGE GRANTS") {
        return Err(invalid(format!(
            "role {role} reaches rights above all others and is not given"
        )));
    }
    Ok(())
}

/// A lease that was given before: what was added since is given too.
async fn cover(run: &mut Run<'_>, place: &Place, access: Access, role: &str) -> Ran<()> {
    let (within, all) = match place {
        Place::Database(database) => {
            let within = format!("DATABASE {}", statements::quoted(&Name::known(database))?);
            (within, statements::in_database(database, access, role)?)
        }
        Place::Schema { database, schema } => {
            let (in_database, in_schema) = (Name::known(database), Name::known(schema));
            let within = format!(
                "SCHEMA {}.{}",
                statements::quoted(&in_database)?,
                statements::quoted(&in_schema)?
            );
            (within, statements::in_schema(database, schema, access, role)?)
        }
        Place::Account | Place::Table { .. } | Place::Role(_) | Place::Warehouse(_) => return Ok(()),
    };
    let objects = match run
        .eye
        .table(&format!("SHOW OBJECTS IN {within} LIMIT {OBJECTS}"))
        .await
    {
        // Gone with all that was given on it.
        Err(halt) if halt.is_gone() => return Ok(()),
        found => found?,
    };
    let held = run.eye.grants_to(role).await?;
    let readable = paths(&held, "SELECT");
    let entered = paths(&held, "USAGE");
    let covered = |row: Row<'_>| {
        let path = ["database_name", "schema_name", "name"].map(|column| row.text(column).to_owned());
        path[1] == "INFORMATION_SCHEMA" || (readable.contains(&path[..]) && entered.contains(&path[..2]))
    };
    if objects.len() < OBJECTS && objects.rows().all(covered) {
        return Ok(());
    }
    run_all(run, &all).await
}

/// What a privilege is held on.
fn paths(held: &[Held], privilege: &str) -> HashSet<Vec<String>> {
    let with = held.iter().filter(|held| held.privilege == privilege);
    with.filter_map(|held| parts(&held.name)).collect()
}
