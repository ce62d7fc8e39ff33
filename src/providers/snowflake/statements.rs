//! Every statement that changes something, built in one place for `preview` and `converge` alike.

use super::place::{Access, LONGEST};
use crate::providers::{
    Credential, ErrorKind, ProviderError, Result,
    sql::{Name, Quotes, Statement},
};

/// In bytes: a character has at most four of them.
const QUOTES: Quotes = Quotes {
    mark: '"',
    longest: 4 * LONGEST,
};

/// Kinds of object whose privileges are given all at once, and whether every account knows them.
const READABLE: &[(&str, Known)] = &[
    ("TABLES", Known::Everywhere),
    ("VIEWS", Known::Everywhere),
    ("MATERIALIZED VIEWS", Known::Somewhere),
    ("EXTERNAL TABLES", Known::Somewhere),
    ("DYNAMIC TABLES", Known::Somewhere),
    ("ICEBERG TABLES", Known::Somewhere),
];
const WRITABLE: &[&str] = &["TABLES", "ICEBERG TABLES"];
const WRITE: &str = "SELECT, INSERT, UPDATE, DELETE, TRUNCATE";

/// Not every edition and region has every kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    Everywhere,
    Somewhere,
}

/// A statement of a grant, and whether the account may not know its words.
pub type Giving = (Statement, Known);

pub fn quoted(name: &Name) -> Result<String> {
    if let Name::Known(text) = name
        && text.chars().count() > LONGEST
    {
        let text = format!("a name has more than {LONGEST} characters");
        return Err(ProviderError::new(ErrorKind::Invalid, text));
    }
    QUOTES.name(name)
}

fn known(name: &str) -> Result<String> {
    quoted(&Name::known(name))
}

/// A text as Snowflake's literal, in which a backslash begins an escape.
///
/// # Errors
/// `Invalid` if it holds a NUL.
pub fn text(text: &str) -> Result<String> {
    crate::providers::sql::literal(&text.replace('\\', "\\\\"))
}

/// A literal for `LIKE` that matches names equal to this one but for case.
pub fn pattern(name: &str) -> Result<String> {
    let mut escaped = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    text(&escaped)
}

/// A literal for `LIKE` that matches names with this beginning.
pub fn prefix(beginning: &str) -> Result<String> {
    let exact = pattern(beginning)?;
    Ok(format!("{}%'", exact.trim_end_matches('\'')))
}

/// A name within a text: quoted only where it has to be.
fn as_written(name: &str) -> Result<String> {
    let plain = |c: char| matches!(c, 'A'..='Z' | '0'..='9' | '_');
    if name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(plain) {
        return Ok(name.to_owned());
    }
    known(name)
}

fn plain(text: String) -> Statement {
    Statement::plain(text)
}

/// The base64 of a public key's PEM, all on one line, as Snowflake takes it.
fn bare(pem: &str) -> String {
    pem.lines()
        .filter(|line| !line.starts_with("-----"))
        .map(str::trim)
        .collect()
}

/// What sets a credential, its secret apart.
fn set_credential(credential: &Credential) -> (&'static str, String) {
    match credential {
        Credential::KeyPair { public, .. } => ("RSA_PUBLIC_KEY={secret}", bare(public)),
        Credential::Password(password) => (
            "PASSWORD={secret} MUST_CHANGE_PASSWORD=TRUE",
            password.expose().to_owned(),
        ),
    }
}

/// A user of ours as it is made. `days`: how long Snowflake lets it in by itself.
pub fn create_user(
    user: &str,
    credential: &Credential,
    warehouse: Option<&str>,
    days: i64,
    comment: &str,
) -> Result<Statement> {
    let (set, secret) = set_credential(credential);
    let warehouse = match warehouse {
        Some(name) => format!(" DEFAULT_WAREHOUSE={}", text(&as_written(name)?)?),
        None => String::new(),
    };
    let sql = format!(
        "CREATE USER {} TYPE=PERSON LOGIN_NAME={} {set} DEFAULT_ROLE='PUBLIC' DEFAULT_SECONDARY_ROLES=('ALL'){warehouse} \
         DAYS_TO_EXPIRY={days} DISABLED=FALSE COMMENT={}",
        known(user)?,
        text(user)?,
        text(comment)?
    );
    Statement::with_secret(&sql, &secret)
}

/// Opens a user of ours with a new credential.
pub fn open_user(user: &str, credential: &Credential, days: i64, comment: &str) -> Result<Statement> {
    let (set, secret) = set_credential(credential);
    let sql = format!(
        "ALTER USER {} SET {set} DISABLED=FALSE DAYS_TO_EXPIRY={days} COMMENT={}",
        known(user)?,
        text(comment)?
    );
    Statement::with_secret(&sql, &secret)
}

/// What else could open a user than the credential that is set next.
pub fn drop_other_keys(user: &str, credential: &Credential) -> Result<Statement> {
    let others = match credential {
        Credential::KeyPair { .. } => "RSA_PUBLIC_KEY_2, PASSWORD",
        Credential::Password(_) => "RSA_PUBLIC_KEY, RSA_PUBLIC_KEY_2",
    };
    Ok(plain(format!("ALTER USER {} UNSET {others}", known(user)?)))
}

/// Moves a user's end, and writes the fence down.
pub fn move_end(user: &str, days: i64, comment: &str) -> Result<Statement> {
    Ok(plain(format!(
        "ALTER USER {} SET DAYS_TO_EXPIRY={days} COMMENT={}",
        known(user)?,
        text(comment)?
    )))
}

/// Shuts the door.
pub fn shut_user(user: &str, comment: &str) -> Result<Statement> {
    Ok(plain(format!(
        "ALTER USER {} SET DISABLED=TRUE COMMENT={}",
        known(user)?,
        text(comment)?
    )))
}

/// Nothing old opens a door that is opened by mistake.
pub fn drop_keys(user: &str) -> Result<Statement> {
    Ok(plain(format!(
        "ALTER USER {} UNSET RSA_PUBLIC_KEY, RSA_PUBLIC_KEY_2, PASSWORD",
        known(user)?
    )))
}

/// Rights are looked at when a statement begins: one that runs goes on without them.
pub fn abort_queries(user: &str) -> Result<Statement> {
    Ok(plain(format!("ALTER USER {} ABORT ALL QUERIES", known(user)?)))
}

pub fn drop_user(user: &str) -> Result<Statement> {
    Ok(plain(format!("DROP USER IF EXISTS {}", known(user)?)))
}

pub fn create_role(role: &str, comment: &str) -> Result<Statement> {
    Ok(plain(format!(
        "CREATE ROLE {} COMMENT={}",
        known(role)?,
        text(comment)?
    )))
}

pub fn drop_role(role: &str) -> Result<Statement> {
    Ok(plain(format!("DROP ROLE IF EXISTS {}", known(role)?)))
}

/// `user` is a placeholder in previews for people who keep their own.
pub fn give_to_user(role: &str, user: &Name) -> Result<Statement> {
    Ok(plain(format!(
        "GRANT ROLE {} TO USER {}",
        known(role)?,
        quoted(user)?
    )))
}

pub fn take_from_user(role: &str, user: &Name) -> Result<Statement> {
    Ok(plain(format!(
        "REVOKE ROLE {} FROM USER {}",
        known(role)?,
        quoted(user)?
    )))
}

/// Membership in a role of theirs goes through the lease's own: what the person has by other ways stays apart from it.
pub fn give_to_role(given: &str, role: &str) -> Result<Statement> {
    Ok(plain(format!(
        "GRANT ROLE {} TO ROLE {}",
        known(given)?,
        known(role)?
    )))
}

/// An object passes to a role; what others may do with it stays.
pub fn pass_on(kind: &str, name: &[String], to: &str) -> Result<Statement> {
    let name: Vec<String> = name.iter().map(|part| known(part)).collect::<Result<_>>()?;
    Ok(plain(format!(
        "GRANT OWNERSHIP ON {kind} {} TO ROLE {} COPY CURRENT GRANTS",
        name.join("."),
        known(to)?
    )))
}

fn always(sql: String) -> Giving {
    (plain(sql), Known::Everywhere)
}

fn all_of(privilege_on: &str, place: &str, role: &str, access: Access) -> Vec<Giving> {
    let each = READABLE.iter().map(|(objects, known)| {
        let write = access != Access::Read && WRITABLE.contains(objects);
        let privileges = if write { WRITE } else { "SELECT" };
        let sql = format!("GRANT {privileges} ON {privilege_on} {objects} IN {place} TO ROLE {role}");
        (plain(sql), *known)
    });
    each.collect()
}

/// What is given on a database itself, and on all that will be made in it. A grant on future objects of a whole database
/// displaces nobody else's.
pub fn on_database(database: &str, access: Access, role: &str) -> Result<Vec<Giving>> {
    let (database, role) = (known(database)?, known(role)?);
    let privileges = match access {
        Access::Admin => "USAGE, CREATE SCHEMA, MODIFY, MONITOR",
        Access::Read | Access::ReadWrite | Access::Member | Access::System(_) => "USAGE",
    };
    let mut all = vec![
        always(format!(
            "GRANT {privileges} ON DATABASE {database} TO ROLE {role}"
        )),
        always(format!(
            "GRANT USAGE ON FUTURE SCHEMAS IN DATABASE {database} TO ROLE {role}"
        )),
    ];
    all.extend(all_of("FUTURE", &format!("DATABASE {database}"), &role, access));
    Ok(all)
}

/// What is given on all that is in a database now.
pub fn in_database(database: &str, access: Access, role: &str) -> Result<Vec<Giving>> {
    let (database, role) = (known(database)?, known(role)?);
    let mut all = vec![always(format!(
        "GRANT USAGE ON ALL SCHEMAS IN DATABASE {database} TO ROLE {role}"
    ))];
    all.extend(all_of("ALL", &format!("DATABASE {database}"), &role, access));
    Ok(all)
}

/// What is given on a schema itself. Nothing on its future objects: a grant on those of one schema makes Snowflake forget, for
/// everybody, the grants on future objects of its whole database.
pub fn on_schema(database: &str, schema: &str, access: Access, role: &str) -> Result<Vec<Giving>> {
    let (database, schema, role) = (known(database)?, known(schema)?, known(role)?);
    let privileges = match access {
        Access::Admin => "USAGE, CREATE TABLE, CREATE VIEW, MODIFY, MONITOR",
        Access::Read | Access::ReadWrite | Access::Member | Access::System(_) => "USAGE",
    };
    Ok(vec![
        always(format!("GRANT USAGE ON DATABASE {database} TO ROLE {role}")),
        always(format!(
            "GRANT {privileges} ON SCHEMA {database}.{schema} TO ROLE {role}"
        )),
    ])
}

/// What is given on all that is in a schema now.
pub fn in_schema(database: &str, schema: &str, access: Access, role: &str) -> Result<Vec<Giving>> {
    let place = format!("SCHEMA {}.{}", known(database)?, known(schema)?);
    Ok(all_of("ALL", &place, &known(role)?, access))
}

/// What is given on one table or view; `kind` is a placeholder until somebody looked which it is.
pub fn on_table(
    [database, schema, table]: [&str; 3],
    kind: &str,
    access: Access,
    role: &str,
) -> Result<Vec<Giving>> {
    let (database, schema, table, role) = (known(database)?, known(schema)?, known(table)?, known(role)?);
    let privileges = match access {
        Access::Read | Access::Member | Access::System(_) => "SELECT",
        Access::ReadWrite => WRITE,
        Access::Admin => "SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, EVOLVE SCHEMA",
    };
    Ok(vec![
        always(format!("GRANT USAGE ON DATABASE {database} TO ROLE {role}")),
        always(format!(
            "GRANT USAGE ON SCHEMA {database}.{schema} TO ROLE {role}"
        )),
        always(format!(
            "GRANT {privileges} ON {kind} {database}.{schema}.{table} TO ROLE {role}"
        )),
    ])
}

pub fn on_warehouse(warehouse: &str, access: Access, role: &str) -> Result<Giving> {
    let privileges = match access {
        Access::Read | Access::Member | Access::System(_) => "USAGE",
        Access::ReadWrite => "USAGE, OPERATE",
        Access::Admin => "USAGE, OPERATE, MODIFY, MONITOR",
    };
    Ok(always(format!(
        "GRANT {privileges} ON WAREHOUSE {} TO ROLE {}",
        known(warehouse)?,
        known(role)?
    )))
}

#[cfg(test)]
#[path = "statements_test.rs"]
mod tests;
