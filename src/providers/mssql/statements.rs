//! Every statement that changes something, built in one place for `preview` and `converge` alike.
//!
//! Nothing here says `USE`: a statement for a database is run inside it by that database's own `sp_executesql`, and the
//! connection stays where it is.

use chrono::{DateTime, Utc};

use super::{
    place::{Access, Place, Site},
    quote::{binary, known, name, text},
};
use crate::{
    providers::{
        Result,
        sql::{Name, Statement},
    },
    secrets::Secret,
};

/// A login of ours as it is made. `CHECK_EXPIRATION` follows the host's policy and knows no date: our clock is the only one.
pub fn create_login(login: &str, sid: &[u8], password: &Secret) -> Result<Statement> {
    let text = format!(
        "CREATE LOGIN {} WITH PASSWORD = N{{secret}}, SID = {}, DEFAULT_DATABASE = [master], CHECK_EXPIRATION = OFF, \
         CHECK_POLICY = ON",
        known(login)?,
        binary(sid)
    );
    Statement::with_secret(&text, password.expose())
}

/// A new password; wrong guesses of others are forgotten with the old one.
pub fn set_password(login: &str, password: &Secret) -> Result<Statement> {
    let text = format!("ALTER LOGIN {} WITH PASSWORD = N{{secret}} UNLOCK", known(login)?);
    Statement::with_secret(&text, password.expose())
}

pub fn enable(login: &str) -> Result<Statement> {
    Ok(Statement::plain(format!("ALTER LOGIN {} ENABLE", known(login)?)))
}

pub fn disable(login: &str) -> Result<Statement> {
    Ok(Statement::plain(format!("ALTER LOGIN {} DISABLE", known(login)?)))
}

pub fn drop_login(login: &str) -> Result<Statement> {
    Ok(Statement::plain(format!("DROP LOGIN {}", known(login)?)))
}

/// The server's own administrator, whatever it is called: `sa` can be renamed.
pub fn pass_database_on(database: &str, heir: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "ALTER AUTHORIZATION ON DATABASE::{} TO {}",
        known(database)?,
        known(heir)?
    )))
}

/// Sessions are counted and ended by SID: the name they show changes under EXECUTE AS.
pub fn sessions_of(login: &str, since: Option<DateTime<Utc>>) -> Result<String> {
    let sid = format!("SUSER_SID({})", text(login)?);
    // The server keeps local times.
    let since = match since {
        Some(since) => format!(
            " AND TODATETIMEOFFSET(login_time, DATEPART(tz, SYSDATETIMEOFFSET())) >= CAST({} AS datetimeoffset)",
            text(&since.format("%Y-%m-%dT%H:%M:%S+00:00").to_string())?
        ),
        None => String::new(),
    };
    Ok(format!(
        "sys.dm_exec_sessions WHERE (security_id = {sid} OR original_security_id = {sid}) AND session_id <> @@SPID \
         AND is_user_process = 1{since}"
    ))
}

/// Ends sessions of a login; with `since`, only those that began then or later. In one batch with the look: between two
/// batches the number of a session may pass to somebody else.
pub fn end_sessions(login: &str, since: Option<DateTime<Utc>>) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "DECLARE @kill nvarchar(max) = N''; SELECT @kill += N'KILL ' + CAST(session_id AS nvarchar(11)) + N'; ' FROM {}; \
         EXEC sys.sp_executesql @kill",
        sessions_of(login, since)?
    )))
}

/// A statement where it belongs.
fn at(site: &SiteName<'_>, statement: &str) -> Result<Statement> {
    Ok(Statement::plain(match site {
        SiteName::Server => statement.to_owned(),
        SiteName::Database(database) => {
            format!("EXEC {}.sys.sp_executesql {}", name(database)?, text(statement)?)
        }
    }))
}

/// A site whose database may be one that only the server knows.
#[derive(Debug, Clone)]
pub enum SiteName<'a> {
    Server,
    Database(std::borrow::Cow<'a, Name>),
}

impl SiteName<'_> {
    pub fn of(site: &Site) -> Self {
        match site {
            Site::Server => Self::Server,
            Site::Database(database) => {
                Self::Database(std::borrow::Cow::Owned(Name::known(database.as_str())))
            }
        }
    }

    pub fn each_database() -> Self {
        Self::Database(std::borrow::Cow::Owned(Name::Each("database")))
    }

    /// How the site's roles are called in statements.
    fn role_word(&self) -> &'static str {
        match self {
            Self::Server => "SERVER ROLE",
            Self::Database(_) => "ROLE",
        }
    }
}

pub fn create_user(site: &SiteName<'_>, user: &str, login: &str) -> Result<Statement> {
    at(
        site,
        &format!("CREATE USER {} FOR LOGIN {}", known(user)?, known(login)?),
    )
}

/// A user of ours whose login was made anew meanwhile.
pub fn map_user(site: &SiteName<'_>, user: &str, login: &str) -> Result<Statement> {
    at(
        site,
        &format!("ALTER USER {} WITH LOGIN = {}", known(user)?, known(login)?),
    )
}

pub fn drop_user(site: &SiteName<'_>, user: &str) -> Result<Statement> {
    at(site, &format!("DROP USER {}", known(user)?))
}

pub fn create_role(site: &SiteName<'_>, role: &str) -> Result<Statement> {
    let owner = match site {
        SiteName::Server => "",
        // Else it would be owned by whoever the connector is there, and go or stay with it.
        SiteName::Database(_) => " AUTHORIZATION [dbo]",
    };
    at(
        site,
        &format!("CREATE {} {}{owner}", site.role_word(), known(role)?),
    )
}

pub fn drop_role(site: &SiteName<'_>, role: &str) -> Result<Statement> {
    at(site, &format!("DROP {} {}", site.role_word(), known(role)?))
}

pub fn add_member(site: &SiteName<'_>, role: &str, member: &str) -> Result<Statement> {
    let (word, role, member) = (site.role_word(), known(role)?, known(member)?);
    at(site, &format!("ALTER {word} {role} ADD MEMBER {member}"))
}

pub fn drop_member(site: &SiteName<'_>, role: &str, member: &str) -> Result<Statement> {
    let (word, role, member) = (site.role_word(), known(role)?, known(member)?);
    at(site, &format!("ALTER {word} {role} DROP MEMBER {member}"))
}

/// Permissions that a lease's role is given at a place; those of a database or schema reach what will be made there too.
pub fn permissions(place: &Place, access: Access) -> &'static [&'static str] {
    match (place, access) {
        (Place::Role { .. }, _) | (_, Access::Member) => &[],
        (Place::Instance, Access::Read) => &["CONNECT ANY DATABASE", "SELECT ALL USER SECURABLES"],
        (Place::Instance, Access::Admin) => &["CONTROL SERVER"],
        (Place::Database(_), Access::Read) => &["SELECT", "VIEW DEFINITION"],
        (Place::Instance | Place::Database(_), Access::ReadWrite) => &[
            "SELECT",
            "VIEW DEFINITION",
            "INSERT",
            "UPDATE",
            "DELETE",
            "EXECUTE",
        ],
        (Place::Database(_), Access::Admin) => &[
            "SELECT",
            "VIEW DEFINITION",
            "INSERT",
            "UPDATE",
            "DELETE",
            "EXECUTE",
            "ALTER",
            "CREATE TABLE",
            "CREATE VIEW",
            "CREATE PROCEDURE",
            "CREATE FUNCTION",
            "CREATE SCHEMA",
        ],
        (Place::Schema { .. } | Place::Table { .. }, Access::Read) => &["SELECT"],
        (Place::Schema { .. }, Access::ReadWrite) => &["SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE"],
        (Place::Table { .. }, Access::ReadWrite) => &["SELECT", "INSERT", "UPDATE", "DELETE"],
        (Place::Schema { .. } | Place::Table { .. }, Access::Admin) => &["CONTROL"],
    }
}

/// Fills a lease's role: with permissions, or as a member of a role of theirs.
pub fn fill(site: &SiteName<'_>, place: &Place, access: Access, role: &str) -> Result<Statement> {
    let scope = match (place, site) {
        (Place::Role { role: theirs, .. }, _) => return add_member(site, theirs, role),
        // The server's permissions can be given from `master` only.
        (Place::Instance, SiteName::Server) => {
            let master = Name::known("master");
            let given = permissions(place, access).join(", ");
            let statement = format!("GRANT {given} TO {}", known(role)?);
            return at(&SiteName::Database(std::borrow::Cow::Owned(master)), &statement);
        }
        (Place::Instance | Place::Database(_), SiteName::Database(database)) => {
            format!(" ON DATABASE::{}", name(database)?)
        }
        (Place::Database(database), SiteName::Server) => format!(" ON DATABASE::{}", known(database)?),
        (Place::Schema { schema, .. }, _) => format!(" ON SCHEMA::{}", known(schema)?),
        (Place::Table { schema, table, .. }, _) => {
            format!(" ON OBJECT::{}.{}", known(schema)?, known(table)?)
        }
    };
    let given = permissions(place, access).join(", ");
    at(site, &format!("GRANT {given}{scope} TO {}", known(role)?))
}

/// Something that passes on before its owner goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owned {
    Schema(String),
    Role(String),
    Object { schema: String, name: String },
}

impl Owned {
    /// Objects go back to whoever owns their schema, the rest to the database's owner.
    pub fn heir(&self) -> &'static str {
        match self {
            Self::Schema(_) | Self::Role(_) => "dbo",
            Self::Object { .. } => "the owner of its schema",
        }
    }

    pub fn shown(&self) -> String {
        match self {
            Self::Schema(schema) => format!("schema {schema}"),
            Self::Role(role) => format!("role {role}"),
            Self::Object { schema, name } => format!("{schema}.{name}"),
        }
    }
}

pub fn pass_on(site: &SiteName<'_>, owned: &Owned) -> Result<Statement> {
    let statement = match owned {
        Owned::Schema(schema) => format!("ALTER AUTHORIZATION ON SCHEMA::{} TO [dbo]", known(schema)?),
        Owned::Role(role) => format!("ALTER AUTHORIZATION ON ROLE::{} TO [dbo]", known(role)?),
        Owned::Object { schema, name } => format!(
            "ALTER AUTHORIZATION ON OBJECT::{}.{} TO SCHEMA OWNER",
            known(schema)?,
            known(name)?
        ),
    };
    at(site, &statement)
}

/// Something that a principal gave to others, which must go before it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub permission: String,
    /// `DATABASE::…` and the like, made with `scope`.
    pub scope: String,
    pub grantee: String,
}

pub fn take_given(site: &SiteName<'_>, given: &Given, grantor: &str) -> Result<Statement> {
    // The server's own words, and yet nothing goes into a statement unread.
    if given.permission.is_empty()
        || !given
            .permission
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b == b' ')
    {
        return Err(super::error::transient("a permission with an odd name"));
    }
    let (grantee, grantor) = (known(&given.grantee)?, known(grantor)?);
    at(
        site,
        &format!(
            "REVOKE {} ON {} FROM {grantee} CASCADE AS {grantor}",
            given.permission, given.scope
        ),
    )
}

/// `DATABASE::[d]`, `SCHEMA::[s]`, `OBJECT::[s].[o]`.
pub fn scope(class: &str, parts: &[&str]) -> Result<String> {
    let quoted: Vec<String> = parts.iter().map(|part| known(part)).collect::<Result<_>>()?;
    Ok(format!("{class}::{}", quoted.join(".")))
}

#[cfg(test)]
#[path = "statements_test.rs"]
mod tests;
