//! What a change would run, told without asking the target: `<each owner>` and the like stand for what only it knows.

use super::{
    Postgres,
    converge::{net, password, sessions_to_end, to_give, to_take},
    mark,
    place::{Access, Place},
    statements,
};
use crate::{
    providers::{
        Account, Change, Lease, Result, Want,
        sql::{Name, Statement},
    },
    secrets::Secret,
};

pub fn preview(provider: &Postgres, account: &Account, change: &Change) -> Vec<String> {
    match lines(provider, account, change) {
        Ok(lines) => lines,
        // A name that no statement can hold: the same is said when it is tried.
        Err(error) => vec![format!("# nothing: {}", error.message)],
    }
}

fn lines(provider: &Postgres, account: &Account, change: &Change) -> Result<Vec<String>> {
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
    all.extend(sessions_to_end(change, ours, login)?);
    for lease in to_take(change) {
        all.extend(gone(&provider.mark.lease_role(&lease.id))?);
    }
    if ours && matches!(change.want, Want::Deleted) {
        all.extend(gone(login)?);
    }
    let mut lines: Vec<String> = all.iter().map(|statement| statement.shown().to_owned()).collect();
    for lease in to_give(change) {
        lines.extend(given(provider, login, lease));
    }
    lines.extend(remarks(change));
    Ok(lines)
}

fn login_statements(provider: &Postgres, login: &str, change: &Change) -> Result<Vec<Statement>> {
    let first = match &change.want {
        Want::Open(_) => {
            // Shown masked: any stand-in does where none is chosen yet.
            let stand_in = Secret::new("-");
            statements::create_login(login, password(change)?.unwrap_or(&stand_in), net(change))?
        }
        Want::Disabled | Want::Deleted => statements::shut_login(login)?,
    };
    Ok(vec![
        first,
        statements::comment(login, &mark::shown_for_login(&provider.mark))?,
    ])
}

fn gone(role: &str) -> Result<Vec<Statement>> {
    let mut all = Vec::from(statements::empty(role, &Name::Each("database owner"))?);
    all.push(statements::drop_role(role)?);
    Ok(all)
}

/// One bad lease is one line.
fn given(provider: &Postgres, login: &str, lease: &Lease) -> Vec<String> {
    let lines = Place::and_access(lease).and_then(|(place, access)| {
        let role = provider.mark.lease_role(&lease.id);
        let mut all = vec![
            statements::create_lease_role(&role)?,
            statements::comment(&role, &mark::shown_for_lease(&provider.mark, login))?,
        ];
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
    let owner = Name::Each("owner");
    match place {
        Place::Instance => {
            let mut all = statements::on_instance(access, role)?;
            all.push(statements::on_database(
                &Name::Each("database"),
                Access::Read,
                role,
            )?);
            Ok(all)
        }
        Place::Role(group) => Ok(vec![statements::give_role(group, role)?]),
        Place::Database(database) => {
            let mut all = vec![statements::on_database(
                &Name::known(database.as_str()),
                access,
                role,
            )?];
            all.extend(statements::on_schema(&Name::Each("schema"), access, role)?);
            all.extend(statements::on_future(
                &Name::Each("schema"),
                &owner,
                access,
                role,
            )?);
            Ok(all)
        }
        Place::Schema { database, schema } => {
            let schema = Name::known(schema.as_str());
            let mut all = vec![statements::on_database(
                &Name::known(database.as_str()),
                Access::Read,
                role,
            )?];
            all.extend(statements::on_schema(&schema, access, role)?);
            all.extend(statements::on_future(&schema, &owner, access, role)?);
            Ok(all)
        }
        Place::Table {
            database,
            schema,
            table,
        } => {
            let schema = Name::known(schema.as_str());
            let mut all = vec![statements::on_database(
                &Name::known(database.as_str()),
                Access::Read,
                role,
            )?];
            all.extend(statements::on_table(
                &schema,
                &Name::known(table.as_str()),
                access,
                role,
            )?);
            all.extend(statements::on_sequence(
                &Name::Each("schema"),
                &Name::Each("owned sequence"),
                access,
                role,
            )?);
            Ok(all)
        }
    }
}

/// What outlives the lease, so that it is read before and not after.
fn remarks(change: &Change) -> Vec<String> {
    let lasting = |lease: &Lease| Place::and_access(lease).is_ok_and(|(_, access)| access == Access::Admin);
    let mut lines = Vec::new();
    if to_give(change).any(lasting) {
        lines.push("# Objects and triggers made meanwhile stay; they pass to the database's owner when the account is deleted.".to_owned());
    }
    lines
}
