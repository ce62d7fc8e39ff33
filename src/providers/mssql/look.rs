//! What is there: the server, its databases, logins, users, roles and sessions. Writes nothing.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use tiberius::Row;

use super::{
    error::transient,
    place::Site,
    quote::{beginning, known},
    session::Session,
    statements,
};
use crate::providers::{ErrorKind, LeaseId, Mark, ProviderError, Result};

/// Who answers, and who we are there.
pub struct Server {
    pub me: String,
    pub name: String,
    pub version: String,
    pub controls: bool,
    pub own_expires: Option<DateTime<Utc>>,
}

/// The value of a column; a type that does not fit is a server that we do not understand.
fn get<'r, T: tiberius::FromSql<'r>>(row: &'r Row, at: usize) -> Result<Option<T>> {
    row.try_get(at)
        .map_err(|error| transient(format!("an answer that we do not understand: {error}")))
}

fn string(row: &Row, at: usize) -> Result<Option<String>> {
    Ok(get::<&str>(row, at)?.map(str::to_owned))
}

fn needed(row: &Row, at: usize) -> Result<String> {
    string(row, at)?.ok_or_else(|| transient("the server left out a name"))
}

/// # Errors
/// `Unsupported` for editions without server logins or cross-database statements, and for versions before 2014.
pub async fn server(session: &mut Session) -> Result<Server> {
    let row = session
        .row(
            "SELECT CAST(SERVERPROPERTY('EngineEdition') AS int), CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), \
             CAST(SERVERPROPERTY('ServerName') AS nvarchar(256)), HAS_PERMS_BY_NAME(NULL, NULL, 'CONTROL SERVER'), \
             SUSER_SNAME(), CAST(LOGINPROPERTY(SUSER_SNAME(), 'DaysUntilExpiration') AS int), \
             CONVERT(nvarchar(19), SYSUTCDATETIME(), 126)",
            &[],
        )
        .await?;
    let edition = get::<i32>(&row, 0)?.unwrap_or(0);
    let version = string(&row, 1)?.unwrap_or_default();
    supported(edition, &version)?;
    let now = string(&row, 6)?.and_then(|now| NaiveDateTime::parse_from_str(&now, "%Y-%m-%dT%H:%M:%S").ok());
    let days = get::<i32>(&row, 5)?;
    Ok(Server {
        me: needed(&row, 4)?,
        name: string(&row, 2)?.unwrap_or_default(),
        version,
        controls: get::<i32>(&row, 3)? == Some(1),
        own_expires: now
            .zip(days)
            .map(|(now, days)| now.and_utc() + TimeDelta::days(i64::from(days))),
    })
}

/// By `EngineEdition` as documented for SERVERPROPERTY: 5 Azure SQL Database, 6 and 11 Synapse, 12 Fabric.
fn supported(edition: i32, version: &str) -> Result<()> {
    let unsupported = |text: String| Err(ProviderError::new(ErrorKind::Unsupported, text));
    let what = match edition {
        5 => "Azure SQL Database",
        6 | 11 => "Azure Synapse",
        12 => "SQL database in Fabric",
        _ => "",
    };
    if !what.is_empty() {
        return unsupported(format!(
            "{what} is not supported: it has no statements across databases; SQL Server and Azure SQL Managed Instance are"
        ));
    }
    match version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok())
    {
        Some(major) if major >= 12 => Ok(()),
        _ => unsupported(format!(
            "SQL Server before 2014 is not supported (this is {version})"
        )),
    }
}

/// What the server got when it was installed and keeps: the identifier of msdb, and its name.
pub async fn target_id(session: &mut Session, server: &Server) -> Result<String> {
    let row = session
        .row(
            "SELECT CAST(service_broker_guid AS nvarchar(36)) FROM sys.databases WHERE name = 'msdb'",
            &[],
        )
        .await?;
    Ok(format!(
        "{}/{}",
        server.name,
        string(&row, 0)?.unwrap_or_default()
    ))
}

/// A database of people's.
#[derive(Debug, Clone)]
pub struct Database {
    pub name: String,
    /// Why nothing can be changed in it now.
    pub away: Option<String>,
}

pub async fn databases(session: &mut Session) -> Result<Vec<Database>> {
    let rows = session
        .rows(
            "SELECT name, state_desc, is_read_only, HAS_DBACCESS(name) FROM sys.databases \
             WHERE source_database_id IS NULL AND is_distributor = 0 \
             AND name NOT IN ('master', 'model', 'msdb', 'tempdb') ORDER BY name",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let state = string(row, 1)?.unwrap_or_default();
            let away = if state != "ONLINE" {
                Some(format!("it is {state}"))
            } else if get::<i32>(row, 3)? != Some(1) {
                Some("our login may not enter it".to_owned())
            } else if get::<bool>(row, 2)? == Some(true) {
                Some("it is read-only".to_owned())
            } else {
                None
            };
            Ok(Database {
                name: needed(row, 0)?,
                away,
            })
        })
        .collect()
}

/// A login, as the server writes it.
pub struct Login {
    pub name: String,
    pub sid: Vec<u8>,
    pub disabled: bool,
    /// Whether it is a login that somebody can use, and not a role, a certificate or a key of that name.
    pub usable: bool,
}

impl Login {
    pub fn is_ours(&self, mark: &Mark) -> bool {
        self.usable && self.sid == super::mark::sid(mark, &self.name)
    }
}

fn login_of(row: &Row) -> Result<Login> {
    let kind = string(row, 3)?.unwrap_or_default();
    Ok(Login {
        name: needed(row, 0)?,
        sid: get::<&[u8]>(row, 1)?.unwrap_or_default().to_vec(),
        disabled: get::<bool>(row, 2)?.unwrap_or(false),
        // SQL login, Windows user, Microsoft Entra user.
        usable: matches!(kind.trim(), "S" | "U" | "E"),
    })
}

pub async fn login(session: &mut Session, name: &str) -> Result<Option<Login>> {
    let sql = "SELECT name, sid, is_disabled, type FROM sys.server_principals WHERE name = @P1";
    let rows = session.rows(sql, &[&name]).await?;
    rows.first().map(login_of).transpose()
}

/// Logins with our prefix and our SID.
pub async fn our_logins(session: &mut Session, mark: &Mark) -> Result<Vec<String>> {
    let sql =
        "SELECT name, sid, is_disabled, type FROM sys.server_principals WHERE name LIKE @P1 ORDER BY name";
    let pattern = beginning(&mark.account_prefix());
    let rows = session.rows(sql, &[&pattern.as_str()]).await?;
    let mut names = Vec::new();
    for row in &rows {
        let login = login_of(row)?;
        if mark.names_account(&login.name) && login.is_ours(mark) {
            names.push(login.name);
        }
    }
    Ok(names)
}

/// The login of a SID, as the server writes it.
pub async fn login_of_sid(session: &mut Session, sid: &[u8]) -> Result<Option<String>> {
    let rows = session
        .rows("SELECT name FROM sys.server_principals WHERE sid = @P1", &[&sid])
        .await?;
    rows.first().map(|row| needed(row, 0)).transpose()
}

/// Databases that a login owns.
pub async fn owned_databases(session: &mut Session, sid: &[u8]) -> Result<Vec<String>> {
    let sql = "SELECT name FROM sys.databases WHERE owner_sid = @P1 ORDER BY name";
    let rows = session.rows(sql, &[&sid]).await?;
    rows.iter().map(|row| needed(row, 0)).collect()
}

/// How the server's own administrator is called now.
pub async fn administrator(session: &mut Session) -> Result<String> {
    let row = session.row("SELECT SUSER_SNAME(0x01)", &[]).await?;
    needed(&row, 0)
}

/// A role of one lease at one site, and who holds it.
#[derive(Debug, Clone)]
pub struct LeaseRole {
    pub site: Site,
    pub name: String,
    pub lease: LeaseId,
    pub members: Vec<Member>,
}

#[derive(Debug, Clone)]
pub struct Member {
    pub name: String,
    pub sid: Vec<u8>,
}

impl LeaseRole {
    pub fn is_held_by(&self, sid: &[u8]) -> bool {
        self.members.iter().any(|member| member.sid == sid)
    }
}

/// The catalogue views of a site's principals, their roles, and what they were given.
struct Views {
    principals: String,
    members: String,
}

fn views(site: &Site) -> Result<Views> {
    Ok(match site {
        Site::Server => Views {
            principals: "sys.server_principals".to_owned(),
            members: "sys.server_role_members".to_owned(),
        },
        Site::Database(database) => {
            let database = known(database)?;
            Views {
                principals: format!("{database}.sys.database_principals"),
                members: format!("{database}.sys.database_role_members"),
            }
        }
    })
}

pub async fn lease_roles(session: &mut Session, mark: &Mark, site: &Site) -> Result<Vec<LeaseRole>> {
    let Views { principals, members } = views(site)?;
    let sql = format!(
        "SELECT r.name, m.name, m.sid FROM {principals} r LEFT JOIN {members} e ON e.role_principal_id = r.principal_id \
         LEFT JOIN {principals} m ON m.principal_id = e.member_principal_id \
         WHERE r.type = 'R' AND r.name LIKE @P1 ORDER BY r.name"
    );
    let pattern = beginning(&mark.lease_role_prefix());
    let mut all: Vec<LeaseRole> = Vec::new();
    for row in &session.rows(&sql, &[&pattern.as_str()]).await? {
        let name = needed(row, 0)?;
        if !mark.names_lease_role(&name) {
            continue;
        }
        if all.last().is_none_or(|last| last.name != name) {
            all.push(LeaseRole {
                site: site.clone(),
                lease: LeaseId(name[mark.lease_role_prefix().len()..].to_owned()),
                name,
                members: Vec::new(),
            });
        }
        if let (Some(member), Some(last)) = (string(row, 1)?, all.last_mut()) {
            last.members.push(Member {
                name: member,
                sid: get::<&[u8]>(row, 2)?.unwrap_or_default().to_vec(),
            });
        }
    }
    Ok(all)
}

/// A user or a role in a database.
#[derive(Debug, Clone)]
pub struct Principal {
    pub name: String,
    pub id: i32,
    pub sid: Vec<u8>,
}

/// Those of one SID, and that of one name: the first is who a login is there, the second who stands in its way.
pub async fn users(
    session: &mut Session,
    database: &str,
    sid: &[u8],
    name: &str,
) -> Result<(Option<Principal>, Option<Principal>)> {
    let sql = format!(
        "SELECT name, principal_id, sid FROM {}.sys.database_principals WHERE sid = @P1 OR name = @P2",
        known(database)?
    );
    let (mut by_sid, mut by_name) = (None, None);
    for row in &session.rows(&sql, &[&sid, &name]).await? {
        let found = principal_of(row)?;
        if found.sid == sid {
            by_sid = Some(found);
        } else {
            by_name = Some(found);
        }
    }
    Ok((by_sid, by_name))
}

fn principal_of(row: &Row) -> Result<Principal> {
    Ok(Principal {
        name: needed(row, 0)?,
        id: get::<i32>(row, 1)?.unwrap_or(-1),
        sid: get::<&[u8]>(row, 2)?.unwrap_or_default().to_vec(),
    })
}

/// Users with our prefix whose SID is ours: a login that is gone may have left them.
pub async fn our_users(session: &mut Session, mark: &Mark, database: &str) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT name, principal_id, sid FROM {}.sys.database_principals WHERE type = 'S' AND name LIKE @P1",
        known(database)?
    );
    let pattern = beginning(&mark.account_prefix());
    let mut names = Vec::new();
    for row in &session.rows(&sql, &[&pattern.as_str()]).await? {
        let user = principal_of(row)?;
        if mark.names_account(&user.name) && user.sid == super::mark::sid(mark, &user.name) {
            names.push(user.name);
        }
    }
    Ok(names)
}

pub async fn role_id(session: &mut Session, site: &Site, role: &str) -> Result<Option<i32>> {
    let sql = format!(
        "SELECT name, principal_id, sid FROM {} WHERE type = 'R' AND name = @P1",
        views(site)?.principals
    );
    let rows = session.rows(&sql, &[&role]).await?;
    Ok(rows.first().map(principal_of).transpose()?.map(|found| found.id))
}

/// Live sessions of a login; with `since`, those that began then or later.
pub async fn sessions(session: &mut Session, login: &str, since: Option<DateTime<Utc>>) -> Result<u32> {
    let sql = format!("SELECT COUNT(*) FROM {}", statements::sessions_of(login, since)?);
    let row = session.row(&sql, &[]).await?;
    Ok(u32::try_from(get::<i32>(&row, 0)?.unwrap_or(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_served_is_said_before_anything_is_tried() {
        for (edition, version, word) in [
            (5, "12.0.2000.8", "Azure SQL Database"),
            (11, "12.0.2000.8", "Synapse"),
            (3, "11.0.7001.0", "2014"),
            (3, "", "2014"),
        ] {
            let error = supported(edition, version).expect_err("refused");
            assert_eq!(error.kind, ErrorKind::Unsupported);
            assert!(error.message.contains(word), "{error}");
        }
        for (edition, version) in [
            (2, "12.0.2000.8"),
            (3, "16.0.4135.4"),
            (8, "12.0.2000.8"),
            (4, "17.0.900.7"),
        ] {
            supported(edition, version).expect("served");
        }
    }
}
