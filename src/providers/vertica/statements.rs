//! Every statement that changes something, built in one place for `preview` and `converge` alike.

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
/// A login of ours has so many sessions at most, on all nodes together.
const CONNECTION_LIMIT: u32 = 10;
/// What our own profile pins, so that no default of the database refuses a password by our recipe. Its life is a net only:
/// days that begin with the password, not with the lease.
const LIMITS: &str = "PASSWORD_LIFE_TIME 90 FAILED_LOGIN_ATTEMPTS 10 PASSWORD_REUSE_MAX UNLIMITED \
     PASSWORD_REUSE_TIME UNLIMITED PASSWORD_MAX_LENGTH 100 PASSWORD_MIN_LENGTH 24 PASSWORD_MIN_LETTERS 2 \
     PASSWORD_MIN_UPPERCASE_LETTERS 1 PASSWORD_MIN_LOWERCASE_LETTERS 1 PASSWORD_MIN_DIGITS 1 PASSWORD_MIN_SYMBOLS 1";

pub fn quoted(name: &str) -> Result<String> {
    QUOTES.name(&Name::known(name))
}

fn plain(text: String) -> Statement {
    Statement::plain(text)
}

/// The profile that marks a login as ours.
pub fn create_profile(profile: &str) -> Result<Statement> {
    Ok(plain(format!(
        "CREATE PROFILE {} LIMIT {LIMITS}",
        quoted(profile)?
    )))
}

/// What stands between the settings of a new login. The documentation writes a comma.
#[derive(Debug, Clone, Copy)]
pub enum Between {
    Commas,
    Spaces,
}

/// A login of ours as it is made: all in one statement, so that none is ever there without a password or without its mark.
pub fn create_login(login: &str, password: &Secret, profile: &str, between: Between) -> Result<Statement> {
    let between = match between {
        Between::Commas => ", ",
        Between::Spaces => " ",
    };
    let settings = [
        "IDENTIFIED BY {secret}".to_owned(),
        format!("PROFILE {}", quoted(profile)?),
        format!("MAXCONNECTIONS {CONNECTION_LIMIT} ON DATABASE"),
        "IDLESESSIONTIMEOUT '1 hour'".to_owned(),
    ];
    let text = format!("CREATE USER {} {}", quoted(login)?, settings.join(between));
    Statement::with_secret(&text, password.expose())
}

pub fn set_password(login: &str, password: &Secret) -> Result<Statement> {
    let text = format!("ALTER USER {} IDENTIFIED BY {{secret}}", quoted(login)?);
    Statement::with_secret(&text, password.expose())
}

pub fn unlock(login: &str) -> Result<Statement> {
    Ok(plain(format!("ALTER USER {} ACCOUNT UNLOCK", quoted(login)?)))
}

pub fn lock(login: &str) -> Result<Statement> {
    Ok(plain(format!("ALTER USER {} ACCOUNT LOCK", quoted(login)?)))
}

/// Where authentication records exist, a login needs one.
pub fn give_authentication(name: &str, login: &str) -> Result<Statement> {
    Ok(plain(format!(
        "GRANT AUTHENTICATION {} TO {}",
        quoted(name)?,
        quoted(login)?
    )))
}

/// A login of ours begins every session with all that it was given.
pub fn default_all(login: &str) -> Result<Statement> {
    Ok(plain(format!("ALTER USER {} DEFAULT ROLE ALL", quoted(login)?)))
}

/// Replaces the whole list, and has to be the only thing its statement sets.
pub fn default_roles(login: &str, roles: &[Name]) -> Result<Statement> {
    let all: Vec<String> = roles
        .iter()
        .map(|role| QUOTES.name(role))
        .collect::<Result<_>>()?;
    let list = if all.is_empty() {
        "NONE".to_owned()
    } else {
        all.join(", ")
    };
    Ok(plain(format!(
        "ALTER USER {} DEFAULT ROLE {list}",
        quoted(login)?
    )))
}

pub fn create_role(role: &str) -> Result<Statement> {
    Ok(plain(format!("CREATE ROLE {}", quoted(role)?)))
}

/// With all that it was given. Objects belong to users, so none goes with it.
pub fn drop_role(role: &str) -> Result<Statement> {
    Ok(plain(format!("DROP ROLE {} CASCADE", quoted(role)?)))
}

pub fn give_role(role: &str, to: &str) -> Result<Statement> {
    Ok(plain(format!("GRANT {} TO {}", quoted(role)?, quoted(to)?)))
}

pub fn take_role(role: &str, from: &str) -> Result<Statement> {
    Ok(plain(format!("REVOKE {} FROM {}", quoted(role)?, quoted(from)?)))
}

/// Never with CASCADE, which takes people's tables along.
pub fn drop_login(login: &str) -> Result<Statement> {
    Ok(plain(format!("DROP USER {}", quoted(login)?)))
}

pub fn end_all_sessions(login: &str) -> Result<Statement> {
    Ok(plain(format!("SELECT CLOSE_USER_SESSIONS({})", literal(login)?)))
}

/// One session, known by the server's own name of it, or by none yet.
pub fn end_session(session: &Name) -> Result<Statement> {
    let session = match session {
        Name::Known(id) => literal(id)?,
        Name::Each(what) => format!("'<each {what}>'"),
    };
    Ok(plain(format!("SELECT CLOSE_SESSION({session})")))
}

/// What can change hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owned {
    Schema,
    Table,
    View,
    Sequence,
}

impl Owned {
    fn word(self) -> &'static str {
        match self {
            Self::Schema => "SCHEMA",
            Self::Table => "TABLE",
            Self::View => "VIEW",
            Self::Sequence => "SEQUENCE",
        }
    }
}

/// `path` is a schema, or a schema and a name in it.
pub fn pass_on(what: Owned, path: &[String], heir: &str) -> Result<Statement> {
    let path: Vec<String> = path.iter().map(|name| quoted(name)).collect::<Result<_>>()?;
    Ok(plain(format!(
        "ALTER {} {} OWNER TO {}",
        what.word(),
        path.join("."),
        quoted(heir)?
    )))
}

/// Privileges by kind of object, for one level of access.
pub struct Privileges {
    /// On the schema itself. What tables can inherit comes along: it counts where the schema hands it down to new ones.
    pub schema: &'static [&'static str],
    /// Of these, what the schema itself is for.
    pub schema_itself: &'static [&'static str],
    /// On tables and views.
    pub relations: &'static [&'static str],
    /// On tables only.
    pub tables: &'static [&'static str],
    pub sequences: &'static [&'static str],
    pub functions: &'static [&'static str],
}

pub fn privileges(access: Access) -> Privileges {
    match access {
        Access::Read | Access::Member => Privileges {
            schema: &["USAGE", "SELECT"],
            schema_itself: &["USAGE"],
            relations: &["SELECT"],
            tables: &[],
            sequences: &[],
            functions: &[],
        },
        Access::ReadWrite => Privileges {
            schema: &["USAGE", "SELECT", "INSERT", "UPDATE", "DELETE"],
            schema_itself: &["USAGE"],
            relations: &["SELECT"],
            tables: &["INSERT", "UPDATE", "DELETE", "TRUNCATE"],
            sequences: &["SELECT"],
            functions: &["EXECUTE"],
        },
        Access::Admin => Privileges {
            schema: &["USAGE", "CREATE", "SELECT", "INSERT", "UPDATE", "DELETE"],
            schema_itself: &["USAGE", "CREATE"],
            relations: &["SELECT", "ALTER", "DROP"],
            tables: &["INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES"],
            sequences: &["SELECT"],
            functions: &["EXECUTE"],
        },
    }
}

/// What is given on the database itself: nothing, short of admin.
pub fn on_database(database: &str, access: Access, role: &str) -> Result<Option<Statement>> {
    match access {
        Access::Read | Access::ReadWrite | Access::Member => Ok(None),
        Access::Admin => Ok(Some(plain(format!(
            "GRANT CREATE, TEMP ON DATABASE {} TO {}",
            quoted(database)?,
            quoted(role)?
        )))),
    }
}

/// What is given on a schema and all that is in it now.
pub fn on_schema(schema: &Name, access: Access, role: &str) -> Result<Vec<Statement>> {
    let (schema, role) = (QUOTES.name(schema)?, quoted(role)?);
    let given = privileges(access);
    let one = |privileges: &[&str], on: &str| {
        let list = privileges.join(", ");
        (!privileges.is_empty()).then(|| plain(format!("GRANT {list} ON {on} {schema} TO {role}")))
    };
    Ok([
        one(given.schema, "SCHEMA"),
        one(given.relations, "ALL TABLES IN SCHEMA"),
        one(given.tables, "ALL TABLES IN SCHEMA"),
        one(given.sequences, "ALL SEQUENCES IN SCHEMA"),
        one(given.functions, "ALL FUNCTIONS IN SCHEMA"),
    ]
    .into_iter()
    .flatten()
    .collect())
}

/// Whether a table can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Table,
    View,
}

pub fn relation_privileges(access: Access, relation: Relation) -> Vec<&'static str> {
    let given = privileges(access);
    let more = match relation {
        Relation::Table => given.tables,
        Relation::View => &[],
    };
    given.relations.iter().chain(more).copied().collect()
}

/// What is given on one table or view. A schema that cannot be used hides all that is in it.
pub fn on_table(
    schema: &str,
    table: &str,
    relation: Relation,
    access: Access,
    role: &str,
) -> Result<[Statement; 2]> {
    let (schema, table, role) = (quoted(schema)?, quoted(table)?, quoted(role)?);
    let list = relation_privileges(access, relation).join(", ");
    Ok([
        plain(format!("GRANT USAGE ON SCHEMA {schema} TO {role}")),
        plain(format!("GRANT {list} ON TABLE {schema}.{table} TO {role}")),
    ])
}

#[cfg(test)]
#[path = "statements_test.rs"]
mod tests;
