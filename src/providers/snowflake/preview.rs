//! What a change would run, told without asking the target: `<each user>` and the like stand for what only it knows.

use super::{
    Snowflake,
    converge::{days, to_give, to_take},
    give,
    look::lease_role,
    mark, place,
    place::{Access, Place},
    statements,
};
use crate::{
    credential,
    providers::{
        Account, Change, Lease, Result, Want,
        sql::{Name, Statement},
    },
};

pub fn preview(provider: &Snowflake, account: &Account, change: &Change) -> Vec<String> {
    match lines(provider, account, change) {
        Ok(lines) => lines,
        // A name that no statement can hold: the same is said when it is tried.
        Err(error) => vec![format!("# nothing: {}", error.message)],
    }
}

fn lines(provider: &Snowflake, account: &Account, change: &Change) -> Result<Vec<String>> {
    let (login, ours) = (account.name.login(), account.name.is_ours());
    let user = if ours {
        Name::known(login)
    } else {
        Name::Each("user")
    };
    let mut all = Vec::new();
    let shutting = ours && !matches!(change.want, Want::Open(_));
    let comment = mark::shown_for_user(&provider.mark);
    if shutting {
        all.push(statements::shut_user(login, &comment)?);
    }
    for lease in to_take(change) {
        all.push(statements::take_from_user(
            &lease_role(&provider.mark, &lease.id),
            &user,
        )?);
    }
    if shutting || (ours && to_take(change).any(place::could_write)) {
        all.push(statements::abort_queries(login)?);
    }
    if shutting {
        all.push(statements::drop_keys(login)?);
    }
    for lease in to_take(change) {
        all.push(statements::drop_role(&lease_role(&provider.mark, &lease.id))?);
    }
    match &change.want {
        Want::Open(_) if ours => all.push(made(provider, login, change, &comment)?),
        Want::Deleted if ours => all.push(statements::drop_user(login)?),
        Want::Open(_) | Want::Disabled | Want::Deleted => {}
    }
    let mut lines: Vec<String> = all.iter().map(|statement| statement.shown().to_owned()).collect();
    for lease in to_give(change) {
        lines.extend(given(provider, login, &user, lease));
    }
    lines.extend(remarks(provider, change, ours));
    Ok(lines)
}

fn made(provider: &Snowflake, login: &str, change: &Change, comment: &str) -> Result<Statement> {
    // Shown masked: any stand-in does where none is chosen yet.
    let stand_in = credential::stand_in(provider.config.credential());
    let credential = change.credential.as_ref().unwrap_or(&stand_in);
    let warehouse = provider.config.warehouse.as_deref();
    statements::create_user(login, credential, warehouse, days(change), comment)
}

/// One bad lease is one line.
fn given(provider: &Snowflake, login: &str, user: &Name, lease: &Lease) -> Vec<String> {
    let lines = Place::and_access(lease).and_then(|(place, access)| {
        let role = lease_role(&provider.mark, &lease.id);
        let mut all = vec![statements::create_role(
            &role,
            &mark::shown_for_lease(&provider.mark, login),
        )?];
        let warehouse = provider.config.warehouse.as_deref();
        let filled = give::filling(&place, access, "<each kind>", warehouse, &role)?;
        all.extend(filled.into_iter().map(|(statement, _)| statement));
        all.push(statements::give_to_user(&role, user)?);
        Ok(all)
    });
    match lines {
        Ok(all) => all.iter().map(|statement| statement.shown().to_owned()).collect(),
        Err(error) => vec![format!(
            "# nothing for {}: {}",
            lease.resource.title, error.message
        )],
    }
}

/// What outlives the lease, so that it is read before and not after.
fn remarks(provider: &Snowflake, change: &Change, ours: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let makes = |lease: &Lease| {
        let of = Place::and_access(lease);
        of.is_ok_and(|(_, access)| !matches!(access, Access::Read | Access::ReadWrite))
    };
    if to_give(change).any(makes) {
        lines.push(format!(
            "# What is made with the lease's role stays and passes to the role {}, which SYSADMIN holds.",
            provider.heir()
        ));
    }
    if !ours && to_give(change).next().is_some() {
        lines.push("# A query that runs when the access ends runs to its end: on somebody's own user it cannot be aborted.".to_owned());
    }
    lines
}
