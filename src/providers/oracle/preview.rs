//! What a change would run, told without asking the database: `<…>` stands for what only it knows.

use super::{
    Oracle,
    converge::{Ending, ending, password, to_give, to_take},
    look,
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

pub fn preview(provider: &Oracle, account: &Account, change: &Change) -> Vec<String> {
    match lines(provider, account, change) {
        Ok(lines) => lines,
        // A name that no statement can hold: the same is said when it is tried.
        Err(error) => vec![format!("# nothing: {}", error.message)],
    }
}

fn shown(all: Vec<Statement>) -> impl Iterator<Item = String> {
    all.into_iter().map(|statement| statement.shown().to_owned())
}

fn lines(provider: &Oracle, account: &Account, change: &Change) -> Result<Vec<String>> {
    let (login, ours) = (account.name.login(), account.name.is_ours());
    let mut lines = Vec::new();
    let shuts = !matches!(change.want, Want::Open(_));
    if ours && shuts {
        lines.extend(shown(door(provider, login, change)?));
    }
    for lease in to_take(change) {
        lines.extend(taken(provider, login, lease)?);
    }
    match ending(change, ours) {
        Ending::None => {}
        Ending::All | Ending::Since(_) => lines.push(end_session(provider)),
    }
    for lease in to_take(change) {
        lines.extend(shown(vec![statements::drop_role(&role_of(provider, lease))?]));
    }
    if ours && !shuts {
        lines.extend(shown(door(provider, login, change)?));
    }
    for lease in to_give(change) {
        lines.extend(given(provider, login, lease));
    }
    if ours && matches!(change.want, Want::Deleted) {
        lines.extend(shown(vec![statements::drop_login(login)?]));
    }
    lines.extend(remarks(change));
    Ok(lines)
}

fn role_of(provider: &Oracle, lease: &Lease) -> String {
    look::upper(&provider.mark.lease_role(&lease.id))
}

fn door(provider: &Oracle, login: &str, change: &Change) -> Result<Vec<Statement>> {
    match &change.want {
        Want::Open(_) => {
            let profile = look::profile(&provider.mark);
            // Shown masked: any stand-in does where none is chosen yet.
            let stand_in = Secret::new("-");
            let secret = password(change)?.unwrap_or(&stand_in);
            Ok(vec![
                statements::create_profile(&profile)?,
                statements::create_login(login, secret, &profile)?,
                statements::let_in(login)?,
            ])
        }
        Want::Disabled | Want::Deleted => Ok(vec![statements::shut_login(login)?]),
    }
}

/// Told by the name alone, since nothing is asked. There nobody may take a role from others but by dropping it.
fn is_rds(provider: &Oracle) -> bool {
    provider.config.host.ends_with(".rds.amazonaws.com")
}

/// One line for each live session; its numbers are the database's.
fn end_session(provider: &Oracle) -> String {
    if is_rds(provider) {
        "BEGIN rdsadmin.rdsadmin_util.kill(sid => <each session> method => 'IMMEDIATE'); END;".to_owned()
    } else {
        "ALTER SYSTEM <disconnect or kill> SESSION '<each session>' IMMEDIATE".to_owned()
    }
}

fn taken(provider: &Oracle, login: &str, lease: &Lease) -> Result<Vec<String>> {
    let role = role_of(provider, lease);
    let mut lines = match Place::and_access(lease) {
        Ok((place, access)) => contents(&place, access, &role, Direction::Take)?,
        // It was never given.
        Err(_) => return Ok(Vec::new()),
    };
    if !is_rds(provider) {
        lines.extend(shown(vec![statements::take_role(&role, login)?]));
    }
    Ok(lines)
}

/// One bad lease is one line.
fn given(provider: &Oracle, login: &str, lease: &Lease) -> Vec<String> {
    let lines = Place::and_access(lease).and_then(|(place, access)| {
        let role = role_of(provider, lease);
        let mut lines: Vec<String> = shown(vec![
            statements::create_role(&role)?,
            statements::take_role_from(&role, &Name::Each("creator"))?,
        ])
        .collect();
        lines.extend(contents(&place, access, &role, Direction::Give)?);
        lines.extend(shown(vec![statements::give_role(&role, login)?]));
        Ok(lines)
    });
    lines.unwrap_or_else(|error| {
        vec![format!(
            "# nothing for {}: {}",
            lease.resource.title, error.message
        )]
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Give,
    Take,
}

/// What the lease's role is filled with, or emptied of.
fn contents(place: &Place, access: Access, role: &str, direction: Direction) -> Result<Vec<String>> {
    let give = direction == Direction::Give;
    let of_role = |name: &str| {
        if give {
            statements::give_role(name, role)
        } else {
            statements::take_role(name, role)
        }
    };
    let one = |statement: Result<Statement>| Ok(vec![statement?.shown().to_owned()]);
    match place {
        Place::Instance if access == Access::Admin => one(of_role("DBA")),
        Place::Role(name) => one(of_role(name)),
        Place::Instance if give => one(statements::give_system(statements::of_instance(access), role)),
        Place::Instance => one(statements::take_system(
            &in_order(statements::of_instance(access)),
            role,
        )),
        Place::Table { schema, table } if give => {
            // A view takes fewer privileges than a table; which of the two it is the database knows.
            let both = statements::of_object(access, true) == statements::of_object(access, false);
            if both {
                return one(statements::give_on_object(
                    statements::of_object(access, true),
                    schema,
                    table,
                    role,
                ));
            }
            let common = statements::of_object(Access::ReadWrite, true).join(", ");
            let object = statements::quoted_pair(schema, table)?;
            let to = statements::quoted(&Name::known(role))?;
            Ok(vec![format!(
                "GRANT {common}, <what else the table or view takes> ON {object} TO {to}"
            )])
        }
        Place::Table { schema, table } => one(statements::take_on_object(schema, table, role)),
        Place::Schema(schema) => {
            let (schema, role) = (
                statements::quoted(&Name::known(schema.as_str()))?,
                statements::quoted(&Name::known(role))?,
            );
            Ok(vec![match (direction, access) {
                (Direction::Take, _) => {
                    format!("REVOKE <all on the schema or each table of> {schema}<from> {role}")
                }
                (Direction::Give, Access::Read | Access::Member) => {
                    format!("GRANT READ <on the schema or each table of> {schema}<to> {role}")
                }
                (Direction::Give, Access::ReadWrite) => format!(
                    "GRANT SELECT<and insert and update and delete on the schema or each table of> {schema}<to> {role}"
                ),
                (Direction::Give, Access::Admin) => format!(
                    "GRANT SELECT<and insert and update and delete and alter on the schema or each table of> {schema}<to> {role}"
                ),
            }])
        }
    }
}

/// As the dictionary lists them.
fn in_order<'p>(privileges: &[&'p str]) -> Vec<&'p str> {
    let mut all = privileges.to_vec();
    all.sort_unstable();
    all
}

/// What outlives the lease, so that it is read before and not after.
fn remarks(change: &Change) -> Vec<String> {
    let changes_tables = |lease: &Lease| {
        Place::and_access(lease)
            .is_ok_and(|(place, access)| access == Access::Admin && !matches!(place, Place::Role(_)))
    };
    let mut lines = Vec::new();
    if to_give(change).any(changes_tables) {
        lines.push("# Tables that are made, altered or dropped meanwhile stay so.".to_owned());
    }
    lines
}
