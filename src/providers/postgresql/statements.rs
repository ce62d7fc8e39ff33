//! Every statement that changes something, built in one place for `preview` and `converge` alike.

use chrono::{DateTime, SecondsFormat, Utc};

use super::place::{Access, LONGEST};
use crate::{
    providers::{
        Result,
        sql::{Name, Quotes, Statement, literal},
    },
    secrets::Secret,
};

const QUOTES: Quotes = Quotes {
    mark: '"',
    longest: LONGEST,
};
const CONNECTION_LIMIT: u32 = 10;

fn quoted(name: &str) -> Result<String> {
    QUOTES.name(&Name::known(name))
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The server keeps it as it is: the password itself is on no wire and in no log.
fn verifier(password: &Secret) -> String {
    postgres_protocol::password::scram_sha_256(password.expose().as_bytes())
}

/// A login of ours as it is made.
pub fn create_login(login: &str, password: &Secret, until: DateTime<Utc>) -> Result<Statement> {
    let text = format!(
        "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT \
         CONNECTION LIMIT {CONNECTION_LIMIT} PASSWORD {{secret}} VALID UNTIL '{}'",
        quoted(login)?,
        time(until)
    );
    Statement::with_secret(&text, &verifier(password))
}

/// Opens a login of ours, gives it a new password, or moves its end.
pub fn open_login(login: &str, password: Option<&Secret>, until: DateTime<Utc>) -> Result<Statement> {
    let (login, until) = (quoted(login)?, time(until));
    match password {
        Some(password) => {
            let text = format!("ALTER ROLE {login} LOGIN PASSWORD {{secret}} VALID UNTIL '{until}'");
            Statement::with_secret(&text, &verifier(password))
        }
        None => Ok(Statement::plain(format!(
            "ALTER ROLE {login} LOGIN VALID UNTIL '{until}'"
        ))),
    }
}

/// Shuts the door; the password goes too, so that nothing old opens it by mistake.
pub fn shut_login(login: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "ALTER ROLE {} NOLOGIN PASSWORD NULL",
        quoted(login)?
    )))
}

pub fn create_lease_role(role: &str) -> Result<Statement> {
    Ok(Statement::plain(format!("CREATE ROLE {} NOLOGIN", quoted(role)?)))
}

pub fn comment(role: &str, text: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "COMMENT ON ROLE {} IS {}",
        quoted(role)?,
        literal(text)?
    )))
}

pub fn give_role(role: &str, to: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "GRANT {} TO {}",
        quoted(role)?,
        quoted(to)?
    )))
}

pub fn take_role(role: &str, from: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "REVOKE {} FROM {}",
        quoted(role)?,
        quoted(from)?
    )))
}

/// A connector that is no superuser may empty only roles that it is a member of.
pub fn join(role: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "GRANT {} TO CURRENT_USER",
        quoted(role)?
    )))
}

/// What a role owns in this database passes on, then what it was given goes. In this order, in one transaction:
/// `DROP OWNED` alone drops people's tables.
pub fn empty(role: &str, heir: &Name) -> Result<[Statement; 2]> {
    let role = quoted(role)?;
    Ok([
        Statement::plain(format!("REASSIGN OWNED BY {role} TO {}", QUOTES.name(heir)?)),
        Statement::plain(format!("DROP OWNED BY {role}")),
    ])
}

pub fn drop_role(role: &str) -> Result<Statement> {
    Ok(Statement::plain(format!("DROP ROLE IF EXISTS {}", quoted(role)?)))
}

/// Ends sessions of a login; with `since`, only those that began then or later.
pub fn end_sessions(login: &str, since: Option<DateTime<Utc>>) -> Result<Statement> {
    let since = since
        .map(|since| format!(" AND backend_start >= '{}'", time(since)))
        .unwrap_or_default();
    Ok(Statement::plain(format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {} AND pid <> pg_backend_pid(){since}",
        literal(login)?
    )))
}

/// What is given on a database itself.
pub fn on_database(database: &Name, access: Access, role: &str) -> Result<Statement> {
    let privileges = match access {
        Access::Read | Access::ReadWrite | Access::Member => "CONNECT",
        Access::Admin => "CONNECT, CREATE, TEMPORARY",
    };
    let (database, role) = (QUOTES.name(database)?, quoted(role)?);
    Ok(Statement::plain(format!(
        "GRANT {privileges} ON DATABASE {database} TO {role}"
    )))
}

/// The server's own roles that reach everything.
pub fn on_instance(access: Access, role: &str) -> Result<Vec<Statement>> {
    let given: &[&str] = match access {
        Access::Read => &["pg_read_all_data"],
        Access::ReadWrite | Access::Admin | Access::Member => &["pg_read_all_data", "pg_write_all_data"],
    };
    given.iter().map(|given| give_role(given, role)).collect()
}

/// Privileges by kind of object, for one level of access.
struct Privileges {
    schema: &'static str,
    tables: &'static str,
    sequences: &'static str,
    routines: Option<&'static str>,
}

fn privileges(access: Access) -> Privileges {
    match access {
        Access::Read | Access::Member => Privileges {
            schema: "USAGE",
            tables: "SELECT",
            sequences: "SELECT",
            routines: None,
        },
        Access::ReadWrite => Privileges {
            schema: "USAGE",
            tables: "SELECT, INSERT, UPDATE, DELETE",
            sequences: "SELECT, USAGE, UPDATE",
            routines: Some("EXECUTE"),
        },
        Access::Admin => Privileges {
            schema: "USAGE, CREATE",
            tables: "ALL",
            sequences: "ALL",
            routines: Some("EXECUTE"),
        },
    }
}

/// What is given on all that is in a schema now.
pub fn on_schema(schema: &Name, access: Access, role: &str) -> Result<Vec<Statement>> {
    let (schema, role) = (QUOTES.name(schema)?, quoted(role)?);
    let given = privileges(access);
    let mut all = vec![
        format!("GRANT {} ON SCHEMA {schema} TO {role}", given.schema),
        format!(
            "GRANT {} ON ALL TABLES IN SCHEMA {schema} TO {role}",
            given.tables
        ),
        format!(
            "GRANT {} ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
            given.sequences
        ),
    ];
    all.extend(
        given
            .routines
            .map(|given| format!("GRANT {given} ON ALL ROUTINES IN SCHEMA {schema} TO {role}")),
    );
    Ok(all.into_iter().map(Statement::plain).collect())
}

/// What is given on all that an owner will add to a schema.
pub fn on_future(schema: &Name, owner: &Name, access: Access, role: &str) -> Result<Vec<Statement>> {
    let (schema, owner, role) = (QUOTES.name(schema)?, QUOTES.name(owner)?, quoted(role)?);
    let given = privileges(access);
    let one = |privileges: &str, objects: &str| {
        Statement::plain(format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT {privileges} ON {objects} TO {role}"
        ))
    };
    let mut all = vec![one(given.tables, "TABLES"), one(given.sequences, "SEQUENCES")];
    all.extend(given.routines.map(|given| one(given, "ROUTINES")));
    Ok(all)
}

/// What is given on one table or view; to write, its own sequences are needed too.
pub fn on_table(schema: &Name, table: &Name, access: Access, role: &str) -> Result<Vec<Statement>> {
    let (schema, table, role) = (QUOTES.name(schema)?, QUOTES.name(table)?, quoted(role)?);
    let given = privileges(access);
    Ok(vec![
        Statement::plain(format!("GRANT USAGE ON SCHEMA {schema} TO {role}")),
        Statement::plain(format!(
            "GRANT {} ON TABLE {schema}.{table} TO {role}",
            given.tables
        )),
    ])
}

/// A sequence that a table of ours counts by.
pub fn on_sequence(schema: &Name, sequence: &Name, access: Access, role: &str) -> Result<Option<Statement>> {
    let given = match access {
        Access::Read | Access::Member => return Ok(None),
        Access::ReadWrite => "USAGE",
        Access::Admin => "ALL",
    };
    let (schema, sequence, role) = (QUOTES.name(schema)?, QUOTES.name(sequence)?, quoted(role)?);
    Ok(Some(Statement::plain(format!(
        "GRANT {given} ON SEQUENCE {schema}.{sequence} TO {role}"
    ))))
}

#[cfg(test)]
#[path = "statements_test.rs"]
mod tests;
