//! Takes away. First what a role was given, which acts at once, in open sessions too; then the role, which alone would leave
//! it to every session that had it enabled.

use super::{
    converge::{Run, to_take},
    error::{OWNS_OBJECTS, STILL_CONNECTED},
    held::{self, Holdings, LeaseRole},
    look, statements,
};
use crate::providers::{ErrorKind, ProviderError, Result, sql::Statement};

/// So many of the objects that keep a login are named.
const NAMED: usize = 5;

/// Empties every role that goes, and takes it from the login. Each goes or fails for itself.
pub async fn empty(run: &mut Run<'_>, leaving: &[LeaseRole]) -> Result<()> {
    for role in leaving {
        if let Err(error) = empty_one(run, role).await {
            fail(run, role, error);
        }
    }
    Ok(())
}

async fn empty_one(run: &mut Run<'_>, role: &LeaseRole) -> Result<()> {
    let held = held::holdings(&mut run.session, &run.server, &role.name).await?;
    let emptied = take_all(run, &role.name, &held).await;
    // Whatever could not be taken from the role: no new login has it. A server that does not let us take roles from others
    // does let us drop them.
    if role.held_by(run.login).is_some() && run.rights.has("GRANT ANY ROLE") {
        run.take(&statements::take_role(&role.name, run.login)?).await?;
    }
    emptied
}

fn fail(run: &mut Run<'_>, role: &LeaseRole, error: ProviderError) {
    if to_take(run.change).any(|lease| lease.id == role.lease) {
        run.failed.insert(role.lease.clone(), error);
    } else {
        run.wait(format!("{} cannot be dropped yet: {}", role.name, error.message));
    }
}

/// Everything is tried; the first failure is the answer.
async fn take_all(run: &mut Run<'_>, from: &str, held: &Holdings) -> Result<()> {
    let mut failed = None;
    for statement in statements_for(from, held)? {
        if run.is_late() {
            let text = format!("more is to be taken from {from} than fits into one run");
            return Err(ProviderError::new(ErrorKind::Transient, text));
        }
        if let Err(error) = run.take(&statement).await {
            failed.get_or_insert(error);
        }
    }
    failed.map_or(Ok(()), Err)
}

fn statements_for(from: &str, held: &Holdings) -> Result<Vec<Statement>> {
    let mut all = Vec::new();
    let system: Vec<&str> = held.system.iter().map(String::as_str).collect();
    if !system.is_empty() {
        all.push(statements::take_system(&system, from)?);
    }
    for (schema, privileges) in &held.schemas {
        let privileges: Vec<&str> = privileges.iter().map(String::as_str).collect();
        all.push(statements::take_on_schema(&privileges, schema, from)?);
    }
    for (schema, object) in held.objects.keys() {
        all.push(statements::take_on_object(schema, object, from)?);
    }
    for role in &held.roles {
        all.push(statements::take_role(role, from)?);
    }
    Ok(all)
}

/// What a login of ours holds beside its leases and the right to log in was given to it by somebody: it goes.
pub async fn strays(run: &mut Run<'_>, staying: &[LeaseRole]) -> Result<()> {
    let login = run.login.to_owned();
    let mut held = held::holdings(&mut run.session, &run.server, &login).await?;
    held.system.remove("CREATE SESSION");
    let mark = &run.provider.mark;
    let roles: Vec<String> = held.roles.iter().cloned().collect();
    for role in roles {
        // Lease roles that leave have been seen to.
        if staying.iter().any(|stays| stays.name == role) || mark.names_lease_role(&role) {
            held.roles.remove(&role);
        }
    }
    if held == Holdings::default() {
        return Ok(());
    }
    run.remarks.push(format!(
        "{login} held more than its leases give; it was taken away"
    ));
    if let Err(error) = take_all(run, &login, &held).await {
        run.wait(format!(
            "{login} holds more than its leases give: {}",
            error.message
        ));
    }
    Ok(())
}

pub async fn drop_roles(run: &mut Run<'_>, leaving: &[LeaseRole]) -> Result<()> {
    for role in leaving {
        // One that is not empty stays: the next run finds by it what is still to be taken.
        if run.failed.contains_key(&role.lease) || run.waiting.is_some() {
            continue;
        }
        let statement = statements::drop_role(&role.name)?;
        if let Err(error) = run.take(&statement).await {
            fail(run, role, error);
        }
    }
    Ok(())
}

/// A login of ours whose door is shut. What it owns would go with it, and there is no way to hand it on: while it owns
/// anything it stays, shut, and the answer says why.
pub async fn login(run: &mut Run<'_>) -> Result<()> {
    if run.waiting.is_some() {
        return Ok(());
    }
    let login = run.login.to_owned();
    if keeps(run, &login).await? {
        return Ok(());
    }
    let statement = statements::drop_login(&login)?;
    match run.session.try_run(&statement, &mut run.ran).await {
        Ok(()) => {}
        Err(fault) if fault.code() == Some(STILL_CONNECTED) => {
            run.wait(format!(
                "{login} is shut; its last session is still being cleared away"
            ));
        }
        // Made since we looked, by a job perhaps.
        Err(fault) if fault.code() == Some(OWNS_OBJECTS) => {
            keeps(run, &login).await?;
            run.wait(format!("{login} is shut, but owns objects"));
        }
        Err(fault)
            if fault
                .code()
                .is_some_and(|code| super::error::GONE.contains(&code)) => {}
        Err(fault) => return Err(super::error::of(&fault)),
    }
    Ok(())
}

async fn keeps(run: &mut Run<'_>, login: &str) -> Result<bool> {
    let (named, count) = look::owned(&mut run.session, login, NAMED).await?;
    if count == 0 {
        return Ok(false);
    }
    let more = if count > named.len() { " and more" } else { "" };
    run.wait(format!(
        "{login} is shut, but owns {count} objects ({}{more}): move or drop them, and it is deleted",
        named.join(", ")
    ));
    Ok(true)
}
