//! Every statement that changes something, built in one place for `preview` and `converge` alike.
//!
//! Without a semicolon at the end (ORA-00911), but for the block, which needs one.

use super::{
    error::invalid,
    place::{Access, LONGEST},
};
use crate::{
    providers::{
        Result,
        sql::{Name, Statement},
    },
    secrets::Secret,
};

/// Longest password, in bytes, before 23ai.
const LONGEST_PASSWORD: usize = 30;
/// Stands for a password in what is shown.
const MASK: &str = "\"***\"";

/// A name as it stands in a statement. There is no way to write a double quote in one: Oracle allows none.
///
/// # Errors
/// `Invalid` for what no Oracle database can hold.
pub fn quoted(name: &Name) -> Result<String> {
    let name = match name {
        Name::Each(what) => return Ok(format!("<each {what}>")),
        Name::Known(name) => name,
    };
    if name.is_empty() || name.contains(['"', '\0']) {
        return Err(invalid("a name is empty, or holds a double quote or a NUL"));
    }
    if name.len() > LONGEST {
        let text = format!("a name has {} bytes, and {LONGEST} are allowed", name.len());
        return Err(invalid(text));
    }
    Ok(format!("\"{name}\""))
}

fn known(name: &str) -> Result<String> {
    quoted(&Name::known(name))
}

/// `"SCHEMA"."OBJECT"`
pub fn quoted_pair(schema: &str, object: &str) -> Result<String> {
    Ok(format!("{}.{}", known(schema)?, known(object)?))
}

/// A password as it stands in a statement: like a name, and within what every version takes.
fn password(secret: &Secret) -> Result<String> {
    let text = secret.expose();
    if text.is_empty() || text.len() > LONGEST_PASSWORD || text.contains(['"', '\0']) {
        return Err(invalid(format!(
            "a password has 1 to {LONGEST_PASSWORD} bytes and no double quote"
        )));
    }
    Ok(format!("\"{text}\""))
}

fn with_password(before: &str, secret: &Secret, after: &str) -> Result<Statement> {
    let sent = format!("{before}{}{after}", password(secret)?);
    Ok(Statement::masked(sent, format!("{before}{MASK}{after}")))
}

/// Every login of ours has this profile, and nobody else's: it is the mark. The life of 90 days is a net: who comes later
/// must set a new password to get in.
pub fn create_profile(profile: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "CREATE PROFILE {} LIMIT SESSIONS_PER_USER 10 FAILED_LOGIN_ATTEMPTS 10 PASSWORD_LOCK_TIME 1/24 \
         PASSWORD_LIFE_TIME 90 PASSWORD_GRACE_TIME 0",
        known(profile)?
    )))
}

/// A login of ours as it is made: no quota anywhere, so it can keep nothing.
pub fn create_login(login: &str, secret: &Secret, profile: &str) -> Result<Statement> {
    with_password(
        &format!("CREATE USER {} IDENTIFIED BY ", known(login)?),
        secret,
        &format!(" PROFILE {} ACCOUNT UNLOCK", known(profile)?),
    )
}

pub fn let_in(login: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "GRANT CREATE SESSION TO {}",
        known(login)?
    )))
}

/// Opens a login of ours with a new password.
pub fn open_login(login: &str, secret: &Secret) -> Result<Statement> {
    with_password(
        &format!("ALTER USER {} IDENTIFIED BY ", known(login)?),
        secret,
        " ACCOUNT UNLOCK",
    )
}

pub fn shut_login(login: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "ALTER USER {} ACCOUNT LOCK",
        known(login)?
    )))
}

/// Never with CASCADE: what the login owns would go with it.
pub fn drop_login(login: &str) -> Result<Statement> {
    Ok(Statement::plain(format!("DROP USER {}", known(login)?)))
}

pub fn create_role(role: &str) -> Result<Statement> {
    Ok(Statement::plain(format!("CREATE ROLE {}", known(role)?)))
}

pub fn drop_role(role: &str) -> Result<Statement> {
    Ok(Statement::plain(format!("DROP ROLE {}", known(role)?)))
}

pub fn give_role(role: &str, to: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "GRANT {} TO {}",
        known(role)?,
        known(to)?
    )))
}

pub fn take_role(role: &str, from: &str) -> Result<Statement> {
    take_role_from(role, &Name::known(from))
}

pub fn take_role_from(role: &str, from: &Name) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "REVOKE {} FROM {}",
        known(role)?,
        quoted(from)?
    )))
}

/// System privileges of a lease on the whole database.
pub fn of_instance(access: Access) -> &'static [&'static str] {
    match access {
        Access::Read => &["READ ANY TABLE"],
        Access::ReadWrite => &[
            "SELECT ANY TABLE",
            "INSERT ANY TABLE",
            "UPDATE ANY TABLE",
            "DELETE ANY TABLE",
            "EXECUTE ANY PROCEDURE",
        ],
        // The role DBA instead, or a role of theirs.
        Access::Admin | Access::Member => &[],
    }
}

/// System privileges of a lease on one schema, from 23ai on.
pub fn of_schema(access: Access) -> &'static [&'static str] {
    match access {
        Access::Read | Access::Member => &["READ ANY TABLE"],
        Access::ReadWrite => &[
            "SELECT ANY TABLE",
            "INSERT ANY TABLE",
            "UPDATE ANY TABLE",
            "DELETE ANY TABLE",
        ],
        Access::Admin => &[
            "SELECT ANY TABLE",
            "INSERT ANY TABLE",
            "UPDATE ANY TABLE",
            "DELETE ANY TABLE",
            "ALTER ANY TABLE",
            "CREATE ANY TABLE",
            "DROP ANY TABLE",
        ],
    }
}

/// Privileges on one table; on a view or materialized view where `table` is not set. INDEX and REFERENCES are left out: no
/// role can hold them (ORA-01931). A view cannot be altered by others (ORA-02204).
pub fn of_object(access: Access, table: bool) -> &'static [&'static str] {
    match (access, table) {
        (Access::Read | Access::Member, _) => &["READ"],
        (Access::ReadWrite, _) => &["SELECT", "INSERT", "UPDATE", "DELETE"],
        (Access::Admin, true) => &[
            "SELECT",
            "INSERT",
            "UPDATE",
            "DELETE",
            "ALTER",
            "FLASHBACK",
            "ON COMMIT REFRESH",
        ],
        (Access::Admin, false) => &["SELECT", "INSERT", "UPDATE", "DELETE", "FLASHBACK"],
    }
}

pub fn give_system(privileges: &[&str], role: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "GRANT {} TO {}",
        privileges.join(", "),
        known(role)?
    )))
}

pub fn take_system(privileges: &[&str], from: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "REVOKE {} FROM {}",
        privileges.join(", "),
        known(from)?
    )))
}

pub fn give_on_schema(privileges: &[&str], schema: &str, role: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "GRANT {} ON SCHEMA {} TO {}",
        privileges.join(", "),
        known(schema)?,
        known(role)?
    )))
}

pub fn take_on_schema(privileges: &[&str], schema: &str, from: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "REVOKE {} ON SCHEMA {} FROM {}",
        privileges.join(", "),
        known(schema)?,
        known(from)?
    )))
}

pub fn give_on_object(privileges: &[&str], schema: &str, object: &str, role: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "GRANT {} ON {} TO {}",
        privileges.join(", "),
        quoted_pair(schema, object)?,
        known(role)?
    )))
}

/// Takes whatever was given on the object; nothing given is no error.
pub fn take_on_object(schema: &str, object: &str, from: &str) -> Result<Statement> {
    Ok(Statement::plain(format!(
        "REVOKE ALL ON {} FROM {}",
        quoted_pair(schema, object)?,
        known(from)?
    )))
}

/// A session, by the numbers that tell it from all others of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId {
    pub instance: u32,
    pub sid: u32,
    pub serial: u32,
}

/// How sessions are ended here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ender {
    /// From the instance that we are connected to. DISCONNECT ends the server process too, and reaches no other instance.
    AlterSystem { instance: u32 },
    /// Amazon RDS gives nobody ALTER SYSTEM, but a package.
    Rds,
}

pub fn end_session(ender: Ender, id: SessionId) -> Statement {
    Statement::plain(match ender {
        Ender::AlterSystem { instance } if instance == id.instance => format!(
            "ALTER SYSTEM DISCONNECT SESSION '{},{}' IMMEDIATE",
            id.sid, id.serial
        ),
        Ender::AlterSystem { .. } => format!(
            "ALTER SYSTEM KILL SESSION '{},{},@{}' IMMEDIATE",
            id.sid, id.serial, id.instance
        ),
        Ender::Rds => format!(
            "BEGIN rdsadmin.rdsadmin_util.kill(sid => {}, serial => {}, method => 'IMMEDIATE'); END;",
            id.sid, id.serial
        ),
    })
}

#[cfg(test)]
#[path = "statements_test.rs"]
mod tests;
