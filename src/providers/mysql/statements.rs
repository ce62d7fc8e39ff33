//! Every statement that changes something, built in one place for `preview` and `converge` alike.

use sha1::{Digest, Sha1};

use super::{
    config::Tls,
    engine::{Engine, Who},
    error::invalid,
    place::LONGEST,
};
use crate::{
    providers::{
        Result,
        sql::{Name, Quotes, Statement},
    },
    secrets::Secret,
};

/// Bytes; the servers count characters, which `place` does.
const QUOTES: Quotes = Quotes {
    mark: '`',
    longest: 4 * LONGEST,
};
const CONNECTION_LIMIT: u32 = 10;

fn plain(text: String) -> Statement {
    Statement::plain(text)
}

/// What accounts must do to connect: what we do.
fn require(tls: Tls) -> &'static str {
    match tls {
        Tls::VerifyFull | Tls::Require => "REQUIRE SSL",
        Tls::Disable => "REQUIRE NONE",
    }
}

/// How a password is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// MySQL keeps it out of its logs by itself; MariaDB does so only if it never sees it, so there its hash goes.
    Quiet,
    /// To a MariaDB that insists on judging the password itself.
    Clear,
}

/// The clause and the text that takes the place of `{secret}` in it.
fn identified(engine: Engine, form: Form, password: &Secret) -> (&'static str, String) {
    match (engine, form) {
        (Engine::MySql, _) => (
            "IDENTIFIED WITH 'caching_sha2_password' BY {secret}",
            password.expose().to_owned(),
        ),
        (Engine::MariaDb, Form::Quiet) => ("IDENTIFIED BY PASSWORD {secret}", native_hash(password)),
        (Engine::MariaDb, Form::Clear) => ("IDENTIFIED BY {secret}", password.expose().to_owned()),
    }
}

/// As `mysql_native_password` keeps it: `*` and the SHA-1 of the SHA-1, in hex.
/// <https://mariadb.com/kb/en/authentication-plugin-mysql_native_password/>
fn native_hash(password: &Secret) -> String {
    let hash = Sha1::digest(Sha1::digest(password.expose().as_bytes()));
    format!("*{}", hex::encode_upper(hash))
}

/// The text of a statement on a login of ours, whose name needs no escaping, with its secret.
fn secretly(text: &str, secret: &str) -> Result<Statement> {
    // `with_secret` writes SQL's own literal, in which a backslash is a backslash. Here it is not.
    if secret.contains('\\') {
        return Err(invalid("a password with a backslash"));
    }
    Statement::with_secret(text, secret)
}

/// A login of ours as it is made. It holds nothing, and what it will hold it can use only with the lease's roles.
/// `PASSWORD EXPIRE NEVER`: a server-wide `default_password_lifetime` would end a lease in the middle.
pub fn create_login(
    engine: Engine,
    form: Form,
    login: &Who,
    password: &Secret,
    tls: Tls,
    attributes: &str,
) -> Result<Statement> {
    let (clause, secret) = identified(engine, form, password);
    let text = format!(
        "CREATE USER {} {clause} {} WITH MAX_USER_CONNECTIONS {CONNECTION_LIMIT} PASSWORD EXPIRE NEVER{}",
        login.quoted()?,
        require(tls),
        attribute(engine, attributes)
    );
    secretly(&text, &secret)
}

/// Opens a login of ours with a new password.
pub fn open_login(
    engine: Engine,
    form: Form,
    login: &Who,
    password: &Secret,
    tls: Tls,
    attributes: &str,
) -> Result<Statement> {
    let (clause, secret) = identified(engine, form, password);
    let text = format!(
        "ALTER USER {} {clause} {} ACCOUNT UNLOCK{}",
        login.quoted()?,
        require(tls),
        attribute(engine, attributes)
    );
    secretly(&text, &secret)
}

/// Shuts the door. Whoever is inside stays until their session is ended.
pub fn shut_login(engine: Engine, login: &Who, attributes: &str) -> Result<Statement> {
    Ok(plain(format!(
        "ALTER USER {} ACCOUNT LOCK{}",
        login.quoted()?,
        attribute(engine, attributes)
    )))
}

fn attribute(engine: Engine, attributes: &str) -> String {
    match engine {
        Engine::MySql => format!(" ATTRIBUTE {attributes}"),
        Engine::MariaDb => String::new(),
    }
}

pub fn drop_login(login: &Who) -> Result<Statement> {
    Ok(plain(format!("DROP USER IF EXISTS {}", login.quoted()?)))
}

pub fn create_role(role: &Who) -> Result<Statement> {
    Ok(plain(format!("CREATE ROLE IF NOT EXISTS {}", role.quoted()?)))
}

/// MySQL only.
pub fn inscribe(role: &Who, attributes: &str) -> Result<Statement> {
    Ok(plain(format!(
        "ALTER USER {} ATTRIBUTE {attributes}",
        role.quoted()?
    )))
}

/// Takes it from everybody at once, with all that it gave.
pub fn drop_role(role: &Who) -> Result<Statement> {
    Ok(plain(format!("DROP ROLE IF EXISTS {}", role.quoted()?)))
}

pub fn give_role(role: &Who, to: &Who) -> Result<Statement> {
    Ok(plain(format!("GRANT {} TO {}", role.quoted()?, to.quoted()?)))
}

pub fn take_role(role: &Who, from: &Who) -> Result<Statement> {
    Ok(plain(format!(
        "REVOKE {} FROM {}",
        role.quoted()?,
        from.quoted()?
    )))
}

/// Which roles a new session has without asking for them. MariaDB knows one, MySQL any number.
pub fn default_roles(engine: Engine, login: &Who, roles: &[String]) -> Result<Statement> {
    let (login, roles) = (login.quoted()?, roles.join(", "));
    Ok(plain(match engine {
        Engine::MySql => format!("ALTER USER {login} DEFAULT ROLE {roles}"),
        Engine::MariaDb => format!("SET DEFAULT ROLE {roles} FOR {login}"),
    }))
}

/// MariaDB only: it has one statement for all connections of an account.
pub fn end_all_sessions(login: &Who) -> Result<Statement> {
    Ok(plain(format!("KILL HARD USER {}", login.quoted()?)))
}

pub fn end_session(connection: &str) -> Statement {
    plain(format!("KILL CONNECTION {connection}"))
}

/// What something is given on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    Everything,
    /// As the server keeps it: a pattern, unless it has `partial_revokes`.
    Database(Name),
    Table {
        database: String,
        table: String,
    },
}

impl On {
    fn quoted(&self) -> Result<String> {
        match self {
            Self::Everything => Ok("*.*".to_owned()),
            Self::Database(pattern) => Ok(format!("{}.*", QUOTES.name(pattern)?)),
            Self::Table { database, table } => Ok(format!(
                "{}.{}",
                QUOTES.name(&Name::known(database.as_str()))?,
                QUOTES.name(&Name::known(table.as_str()))?
            )),
        }
    }
}

pub fn give(privileges: &[&str], on: &On, to: &Who) -> Result<Statement> {
    let (privileges, on, to) = (privileges.join(", "), on.quoted()?, to.quoted()?);
    Ok(plain(format!("GRANT {privileges} ON {on} TO {to}")))
}

pub fn take(privileges: &[&str], on: &On, from: &Who) -> Result<Statement> {
    let (privileges, on, from) = (privileges.join(", "), on.quoted()?, from.quoted()?);
    Ok(plain(format!("REVOKE {privileges} ON {on} FROM {from}")))
}

/// A database's name as a grant takes it: `_`, `%` and backslashes escaped, else `sa_es` opens `sales` too.
/// With `partial_revokes` (MySQL) names are taken as they are, and the escaped form matches nothing; nor does MySQL take a
/// name without `_` and `%` for a pattern, whatever backslashes are in it (seen with 9.7).
///
/// # Errors
/// `Invalid` if no room is left for the escapes: the server would refuse or cut it.
pub fn pattern(engine: Engine, database: &str, literally: bool) -> Result<String> {
    if literally || (engine == Engine::MySql && !database.contains(['_', '%'])) {
        return Ok(database.to_owned());
    }
    let mut pattern = String::with_capacity(database.len() + 4);
    for c in database.chars() {
        if matches!(c, '_' | '%' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    if pattern.chars().count() > LONGEST {
        return Err(invalid(format!(
            "database {database}: with its wildcards escaped the name is longer than {LONGEST} characters, which no grant takes; \
             ask for its tables"
        )));
    }
    Ok(pattern)
}

/// A connection, where only the server knows which; perhaps there is none.
pub const ANY_CONNECTION: &str = "<any connection>";

#[cfg(test)]
#[path = "statements_test.rs"]
mod tests;
