//! Gives leases: one role for each, filled in every database it reaches, and only then given to the login.

use super::{
    converge::{Run, run_all, to_give},
    coverage,
    error::invalid,
    fence, look,
    look::LeaseRole,
    place::{Access, Place, is_system_schema},
    session::Session,
    statements,
};
use crate::providers::{
    ErrorKind, Lease, ProviderError, Result,
    sql::{Name, Statement},
};

/// One lease to give: its role, and whether that has been complete before.
struct Gift<'a> {
    role: &'a str,
    access: Access,
    /// Nothing is taken for given: every statement runs. Else only what is missing.
    fresh: bool,
}

/// Each is given or fails for itself.
pub async fn leases(run: &mut Run<'_>, staying: &[LeaseRole]) -> Result<()> {
    let change = run.change;
    for lease in to_give(change) {
        if run.failed.contains_key(&lease.id) {
            continue;
        }
        let there = staying.iter().find(|role| role.lease == lease.id);
        if let Err(error) = one(run, lease, there).await {
            // A dead connection fails all that is left: say so at once.
            run.failed.insert(lease.id.clone(), error);
        }
    }
    Ok(())
}

async fn one(run: &mut Run<'_>, lease: &Lease, there: Option<&LeaseRole>) -> Result<()> {
    let (place, access) = Place::and_access(lease)?;
    let role = run.provider.mark.lease_role(&lease.id);
    let held = there.is_some_and(|there| there.is_held_by(run.login));
    exists(run, &place).await?;
    prepare(run, &role, there).await?;
    let gift = Gift {
        role: &role,
        access,
        fresh: !held,
    };
    match &place {
        Place::Instance => on_instance(run, &gift).await?,
        Place::Role(group) => on_group(run, &gift, group).await?,
        Place::Database(_) | Place::Schema { .. } | Place::Table { .. } => {
            in_database(run, &gift, &place).await?
        }
    }
    if !held {
        let give = statements::give_role(&role, run.login)?;
        run.transact_main(&[give]).await?;
    }
    Ok(())
}

/// What can be known before anything is made.
async fn exists(run: &Run<'_>, place: &Place) -> Result<()> {
    if matches!(place, Place::Instance) && run.server.version < 140_000 {
        let text = "access to a whole instance needs PostgreSQL 14";
        return Err(ProviderError::new(ErrorKind::Unsupported, text));
    }
    if let Some(database) = place.database() {
        let only = Some(database);
        let found = run
            .main
            .rows(
                "SELECT 1 FROM pg_database WHERE datname = $1 AND NOT datistemplate",
                &[super::session::text(&only)],
            )
            .await?;
        if found.is_empty() {
            return Err(invalid(format!("no such database: {database}")));
        }
    }
    Ok(())
}

/// The role itself. On somebody's own login it is also where the fence is kept.
async fn prepare(run: &mut Run<'_>, role: &str, there: Option<&LeaseRole>) -> Result<()> {
    let inscription = run.guard().lease_inscription();
    let mut all = Vec::new();
    if there.is_none() {
        all.push(statements::create_lease_role(role)?);
    }
    if there.is_none() || !run.ours {
        all.push(statements::comment(role, &inscription)?);
    }
    if all.is_empty() {
        Ok(())
    } else {
        run.transact_main(&all).await
    }
}

async fn on_instance(run: &mut Run<'_>, gift: &Gift<'_>) -> Result<()> {
    let mut all = if gift.fresh {
        statements::on_instance(gift.access, gift.role)?
    } else {
        Vec::new()
    };
    let databases = if gift.fresh {
        all_databases(&run.main).await?
    } else {
        coverage::unconnected(&run.main, gift.role, Access::Read, None).await?
    };
    for database in databases {
        all.push(statements::on_database(
            &Name::Known(database),
            Access::Read,
            gift.role,
        )?);
    }
    if !all.is_empty() {
        run.transact_main(&all).await?;
    }
    match coverage::unconnected(&run.main, gift.role, Access::Read, None)
        .await?
        .first()
    {
        Some(database) => Err(coverage::refused(&format!("database {database}"))),
        None => Ok(()),
    }
}

async fn all_databases(session: &Session) -> Result<Vec<String>> {
    let rows = session
        .rows(
            "SELECT datname::text FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Membership in a role of theirs goes through the lease's own role: what the person has by other ways stays apart from it.
async fn on_group(run: &mut Run<'_>, gift: &Gift<'_>, group: &str) -> Result<()> {
    let found = look::groups(&run.main, Some(group)).await?;
    let found = found
        .first()
        .ok_or_else(|| invalid(format!("no such role: {group}")))?;
    if found.privileged {
        return Err(invalid(format!(
            "role {group} reaches rights above all others and is not given"
        )));
    }
    if !found.grantable {
        return Err(coverage::refused(&format!(
            "role {group}: it needs the admin option on it"
        )));
    }
    if gift.fresh {
        let give = statements::give_role(group, gift.role)?;
        run.transact_main(&[give]).await?;
    }
    Ok(())
}

/// One transaction in the database: what is given is seen before it is committed.
async fn in_database(run: &mut Run<'_>, gift: &Gift<'_>, place: &Place) -> Result<()> {
    let database = place.database().unwrap_or_default();
    run.session(database)
        .await
        .map_err(|error| away(database, error))?;
    let session = if run.main.database == database {
        Some(&run.main)
    } else {
        run.side.as_ref()
    };
    let session = session.ok_or_else(|| ProviderError::new(ErrorKind::Transient, "no connection"))?;
    let mut ran = Vec::new();
    run.guard().begin(session).await?;
    let outcome = async {
        let all = missing(session, gift, place).await?;
        run_all(session, &all, &mut ran).await?;
        seen(session, gift, place).await
    }
    .await;
    let outcome = fence::finish(session, outcome).await;
    run.remarks.append(&mut session.take_warnings());
    run.ran.append(&mut ran);
    outcome
}

fn away(database: &str, error: ProviderError) -> ProviderError {
    ProviderError {
        message: format!("database {database}: {}", error.message),
        ..error
    }
}

/// The statements that are still to run.
async fn missing(session: &Session, gift: &Gift<'_>, place: &Place) -> Result<Vec<Statement>> {
    let mut all = Vec::new();
    let on_it = match place {
        Place::Database(_) => gift.access,
        Place::Instance | Place::Role(_) | Place::Schema { .. } | Place::Table { .. } => Access::Read,
    };
    let database = &session.database;
    if gift.fresh
        || !coverage::unconnected(session, gift.role, on_it, Some(database))
            .await?
            .is_empty()
    {
        all.push(statements::on_database(
            &Name::known(database.as_str()),
            on_it,
            gift.role,
        )?);
    }
    match place {
        Place::Table { schema, table, .. } => all.extend(on_table(session, gift, schema, table).await?),
        Place::Schema { schema, .. } => {
            all.extend(on_schemas(session, gift, Some(std::slice::from_ref(schema))).await?);
        }
        Place::Database(_) => all.extend(on_schemas(session, gift, None).await?),
        Place::Instance | Place::Role(_) => {}
    }
    Ok(all)
}

async fn on_table(session: &Session, gift: &Gift<'_>, schema: &str, table: &str) -> Result<Vec<Statement>> {
    let lacks = coverage::of_table(session, gift.role, gift.access, schema, table).await?;
    if lacks.is_none() && !gift.fresh {
        return Ok(Vec::new());
    }
    let mut all = statements::on_table(&Name::known(schema), &Name::known(table), gift.access, gift.role)?;
    for (schema, sequence) in look::sequences(session, schema, table).await? {
        all.extend(statements::on_sequence(
            &Name::Known(schema),
            &Name::Known(sequence),
            gift.access,
            gift.role,
        )?);
    }
    Ok(all)
}

async fn on_schemas(session: &Session, gift: &Gift<'_>, only: Option<&[String]>) -> Result<Vec<Statement>> {
    let schemas = look::schemas(session, only).await?;
    if let Some([schema]) = only
        && schemas.is_empty()
    {
        return Err(invalid(format!("no such schema: {schema}")));
    }
    let names: Vec<String> = schemas.iter().map(|schema| schema.name.clone()).collect();
    let covers = coverage::of_schemas(session, gift.role, gift.access, &names).await?;
    let mut all = Vec::new();
    for schema in schemas.iter().filter(|schema| !is_system_schema(&schema.name)) {
        let name = Name::known(schema.name.as_str());
        let cover = covers.iter().find(|cover| cover.schema == schema.name);
        if gift.fresh || cover.is_some_and(|cover| cover.lacks.is_some()) {
            all.extend(statements::on_schema(&name, gift.access, gift.role)?);
        }
        let future = if gift.fresh {
            &schema.owners
        } else {
            cover.map_or(&schema.owners, |cover| &cover.future)
        };
        for owner in future {
            all.extend(statements::on_future(
                &name,
                &Name::known(owner.as_str()),
                gift.access,
                gift.role,
            )?);
        }
    }
    Ok(all)
}

/// Looks whether the server really gave it.
async fn seen(session: &Session, gift: &Gift<'_>, place: &Place) -> Result<()> {
    let lacks = match place {
        Place::Table { schema, table, .. } => {
            coverage::of_table(session, gift.role, gift.access, schema, table).await?
        }
        Place::Schema { schema, .. } => {
            let only = std::slice::from_ref(schema);
            let covers = coverage::of_schemas(session, gift.role, gift.access, only).await?;
            covers.into_iter().find_map(|cover| cover.lacks)
        }
        Place::Database(_) => {
            let names: Vec<String> = look::schemas(session, None)
                .await?
                .into_iter()
                .map(|schema| schema.name)
                .collect();
            let covers = coverage::of_schemas(session, gift.role, gift.access, &names).await?;
            covers.into_iter().find_map(|cover| cover.lacks)
        }
        Place::Instance | Place::Role(_) => None,
    };
    let unconnected =
        coverage::unconnected(session, gift.role, Access::Read, Some(&session.database)).await?;
    match lacks.or_else(|| unconnected.first().map(|database| format!("database {database}"))) {
        Some(what) => Err(coverage::refused(&what)),
        None => Ok(()),
    }
}
