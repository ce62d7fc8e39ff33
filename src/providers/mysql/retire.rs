//! Takes roles and logins away, and never what would break or pass to strangers by it.

use super::{
    converge::{Run, Waiting, to_give, to_take},
    engine::{Engine, Who},
    groups,
    look::{self, Found, LeaseRole, Roles},
    rights, statements,
};
use crate::providers::Result;

/// As many definitions are named at most.
const NAMED: usize = 5;

/// Each goes or fails for itself. Roles own nothing here: what was made with them stays in its database.
pub async fn lease_roles(run: &mut Run<'_>, leaving: &[LeaseRole]) -> Result<()> {
    for role in leaving {
        let drop = statements::drop_role(&run.engine().role(&role.name))?;
        let Err(error) = run.run(&drop).await else {
            continue;
        };
        if to_take(run.change).any(|lease| lease.id == role.lease) {
            run.failed.insert(role.lease.clone(), error);
        } else {
            let text = format!("{} cannot be dropped yet: {}", role.name, error.message);
            run.waiting = Some(Waiting::Shortly(text));
        }
    }
    Ok(())
}

/// What somebody gave to a login of ours by hand: nobody approved it.
pub async fn by_hand(run: &mut Run<'_>) -> Result<()> {
    let engine = run.engine();
    let mut all = Vec::new();
    for (on, privileges) in rights::held(&mut run.main, engine, &run.login).await? {
        let privileges: Vec<&str> = privileges.iter().map(String::as_str).collect();
        all.push(statements::take(&privileges, &on, &run.login)?);
    }
    let own = run.own_role();
    for role in groups::held_by(&mut run.main, engine, &run.login).await? {
        let is_ours = match engine {
            Engine::MySql => run.provider.mark.names_lease_role(&role.user),
            Engine::MariaDb => role == own,
        };
        if !is_ours {
            all.push(statements::take_role(&role, &run.login)?);
        }
    }
    for statement in all {
        match run.run(&statement).await {
            Ok(()) => run
                .remarks
                .push(format!("given by hand, and taken back: {}", statement.shown())),
            Err(error) => run.remarks.push(format!(
                "given by hand, and still there: {}: {}",
                statement.shown(),
                error.message
            )),
        }
    }
    Ok(())
}

/// A login of ours whose door is shut. What runs with its rights would break without it, and an account of this name that
/// somebody makes later would inherit it: it stays, and the answer says why.
pub async fn login(run: &mut Run<'_>, exists: bool, roles: &Roles) -> Result<()> {
    if run.waiting.is_some() {
        return Ok(());
    }
    let defined = look::defined_by(&mut run.main, &run.login).await?;
    if !defined.is_empty() {
        run.waiting = Some(Waiting::OnPeople(orphans(&run.login, &defined)));
        return Ok(());
    }
    if exists {
        run.run(&statements::drop_login(&run.login)?).await?;
    }
    let own = run.own_role();
    if run.engine() == Engine::MariaDb && roles.own.contains_key(&own.user) {
        run.run(&statements::drop_role(&own)?).await?;
    }
    Ok(())
}

fn orphans(login: &Who, defined: &[String]) -> String {
    let mut named: Vec<&str> = defined.iter().map(String::as_str).take(NAMED).collect();
    let more = format!("{} more", defined.len().saturating_sub(NAMED));
    if defined.len() > NAMED {
        named.push(&more);
    }
    format!(
        "{} is shut, and cannot be deleted while it is the definer of {}: give each another definer, or drop it",
        login.user,
        named.join(", ")
    )
}

/// MariaDB, on somebody's own login: without a lease nothing of ours stays.
pub async fn own_role_of_theirs(run: &mut Run<'_>, found: Option<&Found>, roles: &Roles) -> Result<()> {
    let own = run.own_role();
    let needed = to_give(run.change).next().is_some() || !run.failed.is_empty() || run.waiting.is_some();
    if run.engine() == Engine::MySql || needed || !roles.own.contains_key(&own.user) {
        return Ok(());
    }
    if found.is_some_and(|found| found.default_roles.contains(&own)) {
        let none = statements::default_roles(Engine::MariaDb, &run.login, &["NONE".to_owned()])?;
        run.run(&none).await?;
    }
    run.run(&statements::drop_role(&own)?).await
}
