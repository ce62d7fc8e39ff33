//! Gives leases: one role for each, filled with what the lease gives, and only then given to the login.

use std::collections::BTreeSet;

use super::{
    converge::{Run, to_give},
    error::{self, NOT_GIVEN, invalid},
    held::{self, Holdings, LeaseRole},
    look,
    place::{Access, Place},
    roles, statements,
};
use crate::providers::{ErrorKind, Lease, ProviderError, Result, sql::Statement};

/// So many of the objects that cannot be given are named.
const NAMED: usize = 5;

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
    let role = look::upper(&run.provider.mark.lease_role(&lease.id));
    exists(run, &place).await?;
    let may_give_any = run.rights.has("GRANT ANY ROLE");
    let me = run.server.me.clone();
    // Held by nobody, not by us either, so that we could not give it: it is made anew.
    let stranded = !may_give_any
        && there.is_some_and(|there| there.held_by(run.login).is_none() && there.held_by(&me).is_none());
    if stranded {
        run.take(&statements::drop_role(&role)?).await?;
    }
    if there.is_none() || stranded {
        run.execute(&statements::create_role(&role)?).await?;
        if may_give_any {
            run.take(&statements::take_role(&role, &me)?).await?;
        }
    }
    if !fill(run, &role, &place, access).await? {
        return Ok(());
    }
    if there.is_none_or(|there| there.held_by(run.login).is_none()) {
        run.execute(&statements::give_role(&role, run.login)?).await?;
        if !may_give_any {
            // Until now we could give it only because we held it.
            run.take(&statements::take_role(&role, &me)?).await?;
        }
    }
    enabled_at_login(run, &role).await
}

/// Somebody whose default roles are a list does not get new ones at login.
async fn enabled_at_login(run: &mut Run<'_>, role: &str) -> Result<()> {
    if run.ours {
        return Ok(());
    }
    let roles = held::lease_roles(&mut run.session, &run.provider.mark).await?;
    let holder = roles
        .iter()
        .find(|found| found.name == role)
        .and_then(|found| found.held_by(run.login));
    if holder.is_some_and(|holder| !holder.default) {
        run.not_default.push(role.to_owned());
    }
    Ok(())
}

/// What can be known before anything is made.
async fn exists(run: &mut Run<'_>, place: &Place) -> Result<()> {
    match place {
        Place::Instance => Ok(()),
        Place::Schema(schema) => look::schema_exists(&mut run.session, schema).await,
        Place::Table { schema, table } => {
            look::schema_exists(&mut run.session, schema).await?;
            let found = look::objects(&mut run.session, schema, Some(table)).await?;
            if found.is_empty() {
                return Err(invalid(format!("no such table: {schema}.{table}")));
            }
            Ok(())
        }
        Place::Role(name) => roles::check(&mut run.session, name).await,
    }
}

/// Gives the role what it lacks. Says whether it is complete, or the time of this run is over.
async fn fill(run: &mut Run<'_>, role: &str, place: &Place, access: Access) -> Result<bool> {
    let held = held::holdings(&mut run.session, &run.server, role).await?;
    match place {
        Place::Instance if access == Access::Admin => of_role(run, role, "DBA", &held).await?,
        Place::Instance => {
            let lacks = lacking(statements::of_instance(access), &held.system);
            if !lacks.is_empty() {
                run.execute(&statements::give_system(&lacks, role)?).await?;
            }
        }
        Place::Role(name) => of_role(run, role, name, &held).await?,
        Place::Table { schema, table } => {
            let found = look::objects(&mut run.session, schema, Some(table)).await?;
            let is_table = found.get(table).copied().unwrap_or(true);
            if let Some(statement) = on_object(role, schema, table, is_table, access, &held)? {
                run.execute(&statement).await?;
            }
        }
        Place::Schema(schema) => return of_schema(run, role, schema, access, &held).await,
    }
    Ok(true)
}

async fn of_role(run: &mut Run<'_>, role: &str, given: &str, held: &Holdings) -> Result<()> {
    if held.roles.contains(given) {
        return Ok(());
    }
    run.execute(&statements::give_role(given, role)?).await
}

fn lacking<'p>(wanted: &[&'p str], held: &BTreeSet<String>) -> Vec<&'p str> {
    wanted
        .iter()
        .copied()
        .filter(|privilege| !held.contains(*privilege))
        .collect()
}

fn on_object(
    role: &str,
    schema: &str,
    object: &str,
    is_table: bool,
    access: Access,
    held: &Holdings,
) -> Result<Option<Statement>> {
    let none = BTreeSet::new();
    let key = (schema.to_owned(), object.to_owned());
    let lacks = lacking(
        statements::of_object(access, is_table),
        held.objects.get(&key).unwrap_or(&none),
    );
    if lacks.is_empty() {
        return Ok(None);
    }
    statements::give_on_object(&lacks, schema, object, role).map(Some)
}

/// From 23ai on one privilege covers the schema with all that will be in it; before, or where our login may not give that,
/// every object by itself, and new ones when they are found.
async fn of_schema(
    run: &mut Run<'_>,
    role: &str,
    schema: &str,
    access: Access,
    held: &Holdings,
) -> Result<bool> {
    if run.server.has_schema_privileges() && run.rights.on_schemas() {
        let none = BTreeSet::new();
        let lacks = lacking(
            statements::of_schema(access),
            held.schemas.get(schema).unwrap_or(&none),
        );
        if !lacks.is_empty() {
            run.execute(&statements::give_on_schema(&lacks, schema, role)?)
                .await?;
        }
        return Ok(true);
    }
    run.grows = true;
    let mut skipped = Vec::new();
    for (object, is_table) in look::objects(&mut run.session, schema, None).await? {
        let Some(statement) = on_object(role, schema, &object, is_table, access, held)? else {
            continue;
        };
        if run.is_late() {
            run.wait(format!("{schema} has more objects than fit into one run"));
            return Ok(false);
        }
        match run.session.try_run(&statement, &mut run.ran).await {
            Ok(()) => {}
            Err(fault) if fault.code().is_some_and(|code| NOT_GIVEN.contains(&code)) => {
                skipped.push(format!("{object}: {}", error::of(&fault).message));
            }
            Err(fault) => return Err(at(&format!("{schema}.{object}"), error::of(&fault))),
        }
    }
    if !skipped.is_empty() {
        let more = if skipped.len() > NAMED { "; and more" } else { "" };
        let count = skipped.len();
        skipped.truncate(NAMED);
        run.remarks.push(format!(
            "{count} objects of {schema} cannot be given: {}{more}",
            skipped.join("; ")
        ));
    }
    Ok(true)
}

fn at(place: &str, error: ProviderError) -> ProviderError {
    let what = if error.kind == ErrorKind::Denied {
        "our login lacks the right to give access to "
    } else {
        ""
    };
    ProviderError {
        message: format!("{what}{place}: {}", error.message),
        ..error
    }
}
