//! What a change would run, told without asking the target: `<each schema>` and the like stand for what only it knows.

use super::{
    Vertica,
    converge::{Ending, password, sessions_to_end, to_give, to_take},
    place::{Access, Place},
    statements::{self, Between, Relation},
};
use crate::{
    providers::{
        Account, Change, Lease, Result, Want,
        sql::{Name, Statement},
    },
    secrets::Secret,
};

pub fn preview(provider: &Vertica, account: &Account, change: &Change) -> Vec<String> {
    match lines(provider, account, change) {
        Ok(lines) => lines,
        // A name that no statement can hold: the same is said when it is tried.
        Err(error) => vec![format!("# nothing: {}", error.message)],
    }
}

fn lines(provider: &Vertica, account: &Account, change: &Change) -> Result<Vec<String>> {
    let (login, ours) = (account.name.login(), account.name.is_ours());
    let mut all = Vec::new();
    for lease in to_take(change) {
        all.push(statements::take_role(
            &provider.mark.lease_role(&lease.id),
            login,
        )?);
    }
    if ours {
        all.extend(login_statements(provider, login, change)?);
    }
    match sessions_to_end(change, ours) {
        Ending::None => {}
        Ending::All => all.push(statements::end_all_sessions(login)?),
        Ending::Since(_) => all.push(statements::end_session(&Name::Each("session"))?),
    }
    for lease in to_take(change) {
        all.push(statements::drop_role(&provider.mark.lease_role(&lease.id))?);
    }
    if ours && matches!(change.want, Want::Deleted) {
        all.push(statements::drop_login(login)?);
    }
    let mut lines: Vec<String> = all.iter().map(|statement| statement.shown().to_owned()).collect();
    let mut gives = false;
    for lease in to_give(change) {
        let given = given(provider, login, lease);
        gives |= given.iter().any(|line| !line.starts_with("# "));
        lines.extend(given);
    }
    if gives && ours {
        lines.push(statements::default_all(login)?.shown().to_owned());
    } else if gives {
        let all = [Name::Each("default role")];
        lines.push(statements::default_roles(login, &all)?.shown().to_owned());
    }
    lines.extend(remarks(change, ours));
    Ok(lines)
}

fn login_statements(provider: &Vertica, login: &str, change: &Change) -> Result<Vec<Statement>> {
    match &change.want {
        Want::Open(_) => {
            // Shown masked: any stand-in does where none is chosen yet.
            let stand_in = Secret::new("-");
            let password = password(change)?.unwrap_or(&stand_in);
            let profile = provider.profile();
            let mut all = vec![
                statements::create_profile(&profile)?,
                statements::create_login(login, password, &profile, Between::Commas)?,
            ];
            if let Some(name) = &provider.config.authentication {
                all.push(statements::give_authentication(name, login)?);
            }
            Ok(all)
        }
        Want::Disabled | Want::Deleted => Ok(vec![statements::lock(login)?]),
    }
}

/// One bad lease is one line.
fn given(provider: &Vertica, login: &str, lease: &Lease) -> Vec<String> {
    let lines = Place::and_access(lease).and_then(|(place, access)| {
        let role = provider.mark.lease_role(&lease.id);
        let mut all = vec![statements::create_role(&role)?];
        all.extend(filled(&place, access, &role)?);
        all.push(statements::give_role(&role, login)?);
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

fn filled(place: &Place, access: Access, role: &str) -> Result<Vec<Statement>> {
    match place {
        Place::Role(group) => Ok(vec![statements::give_role(group, role)?]),
        Place::Database(database) => {
            let mut all = statements::on_schema(&Name::Each("schema"), access, role)?;
            all.extend(statements::on_database(database, access, role)?);
            Ok(all)
        }
        Place::Schema { schema, .. } => statements::on_schema(&Name::known(schema.as_str()), access, role),
        Place::Table { schema, table, .. } => {
            statements::on_table(schema, table, Relation::Table, access, role).map(Vec::from)
        }
    }
}

/// What outlives the lease, so that it is read before and not after.
fn remarks(change: &Change, ours: bool) -> Vec<String> {
    let lasting = |lease: &Lease| Place::and_access(lease).is_ok_and(|(_, access)| access == Access::Admin);
    let mut lines = Vec::new();
    if to_give(change).any(lasting) {
        lines.push("# Objects made meanwhile stay; they pass to the owner of their schema when the account is deleted.".to_owned());
    }
    if ours && matches!(change.want, Want::Deleted) {
        lines.push("# What the login owns passes to the owner of its schema first.".to_owned());
    }
    if !ours && to_take(change).next().is_some() {
        lines
            .push("# The login's list of default roles is written back without the lease's role.".to_owned());
    }
    lines
}
