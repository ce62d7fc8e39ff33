//! What is there, as the data dictionary has it. Writes nothing.
//!
//! Each look is a plain SELECT of text columns from one view: what belongs together is put together here. Names and columns
//! are those of Oracle's Database Reference.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    error::{invalid, taken},
    exec::Row,
    live::TIME,
    session::Session,
    statements::Ender,
};
use crate::providers::{ErrorKind, Mark, ProviderError, Result};

pub fn column(row: &Row, at: usize) -> String {
    row.get(at).cloned().flatten().unwrap_or_default()
}

pub fn number<T: std::str::FromStr>(row: &Row, at: usize) -> Result<T> {
    column(row, at).parse().map_err(|_| {
        ProviderError::new(
            ErrorKind::Transient,
            "the dictionary has no number where one belongs",
        )
    })
}

/// Our names as this system has them: unquoted text is upper case here.
pub fn upper(name: &str) -> String {
    name.to_ascii_uppercase()
}

/// Who we are, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub container: String,
    pub role: String,
    pub me: String,
    pub name: String,
    /// Of the cluster, which we are connected to.
    pub instance: u32,
    pub product: String,
    /// 12, 19, 23 and so on.
    pub major: u32,
}

impl Server {
    /// Whether privileges can be given on a whole schema.
    pub fn has_schema_privileges(&self) -> bool {
        self.major >= 23
    }

    pub fn is_standby(&self) -> bool {
        self.role != "PRIMARY"
    }
}

/// # Errors
/// `Unsupported` in the root of a container database and before 12.1.
pub async fn server(session: &mut Session) -> Result<Server> {
    let rows = session
        .rows(
            "SELECT SYS_CONTEXT('USERENV', 'CON_NAME'), SYS_CONTEXT('USERENV', 'DATABASE_ROLE'), \
             SYS_CONTEXT('USERENV', 'SESSION_USER'), SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME'), \
             SYS_CONTEXT('USERENV', 'INSTANCE') FROM dual",
            &[],
        )
        .await?;
    let missing = || ProviderError::new(ErrorKind::Transient, "the database answered nothing");
    let row = rows.first().ok_or_else(missing)?;
    let product = session
        .rows(
            "SELECT product, version FROM product_component_version WHERE product LIKE :1",
            &["Oracle%Database%"],
        )
        .await?;
    let product = product.first().ok_or_else(missing)?;
    let version = column(product, 1);
    let server = Server {
        container: column(row, 0),
        role: column(row, 1),
        me: column(row, 2),
        name: column(row, 3),
        instance: number(row, 4)?,
        product: format!("{} {version}", column(product, 0).trim()),
        major: version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .unwrap_or(0),
    };
    let unsupported = |text: &str| Err(ProviderError::new(ErrorKind::Unsupported, text));
    if server.container == "CDB$ROOT" {
        return unsupported(
            "this is the root of a container database: set service_name to the service of the pluggable database",
        );
    }
    if server.major < 12 {
        return unsupported("Oracle Database before 12.1 is not supported");
    }
    Ok(server)
}

/// What our login may do in this session.
#[derive(Debug, Clone, Default)]
pub struct Rights(BTreeSet<String>);

impl Rights {
    pub fn has(&self, privilege: &str) -> bool {
        self.0.contains(privilege)
    }

    /// Whether privileges can be given on other people's whole schemas.
    pub fn on_schemas(&self) -> bool {
        self.has("GRANT ANY SCHEMA PRIVILEGE") || self.has("GRANT ANY PRIVILEGE")
    }
}

pub async fn rights(session: &mut Session) -> Result<Rights> {
    let rows = session.rows("SELECT privilege FROM session_privs", &[]).await?;
    Ok(Rights(rows.iter().map(|row| column(row, 0)).collect()))
}

/// How sessions are ended here; `None` where our login cannot.
pub async fn ender(session: &mut Session, server: &Server, rights: &Rights) -> Result<Option<Ender>> {
    if rights.has("ALTER SYSTEM") {
        return Ok(Some(Ender::AlterSystem {
            instance: server.instance,
        }));
    }
    let package = session
        .rows(
            "SELECT object_name FROM all_objects WHERE owner = :1 AND object_name = :2 AND object_type = :3",
            &["RDSADMIN", "RDSADMIN_UTIL", "PACKAGE"],
        )
        .await?;
    Ok((!package.is_empty()).then_some(Ender::Rds))
}

/// A login by its name.
#[derive(Debug, Clone)]
pub struct User {
    pub status: String,
    pub profile: String,
    /// In the database host's own time; compared, never reckoned with.
    pub created: String,
}

impl User {
    /// Locked by an administrator or by us. `LOCKED(TIMED)` opens by itself after wrong passwords, so it is open.
    pub fn is_shut(&self) -> bool {
        self.status.replace("LOCKED(TIMED)", "").contains("LOCKED")
    }

    pub fn is_ours(&self, mark: &Mark) -> bool {
        self.profile == profile(mark)
    }
}

/// The profile that all logins of ours have: `JITS_<stamp>_LOGIN`.
pub fn profile(mark: &Mark) -> String {
    upper(&format!("{}login", mark.set_prefix()))
}

pub async fn user(session: &mut Session, name: &str) -> Result<Option<User>> {
    let rows = session
        .rows(
            &format!("SELECT account_status, profile, TO_CHAR(created, '{TIME}') FROM dba_users WHERE username = :1"),
            &[name],
        )
        .await?;
    Ok(rows.first().map(|row| User {
        status: column(row, 0),
        profile: column(row, 1),
        created: column(row, 2),
    }))
}

pub async fn profile_exists(session: &mut Session, name: &str) -> Result<bool> {
    let rows = session
        .rows(
            "SELECT DISTINCT profile FROM dba_profiles WHERE profile = :1",
            &[name],
        )
        .await?;
    Ok(!rows.is_empty())
}

/// Logins with our prefix and our profile.
pub async fn logins(session: &mut Session, mark: &Mark) -> Result<Vec<String>> {
    let rows = session
        .rows(
            "SELECT username FROM dba_users WHERE profile = :1 ORDER BY username",
            &[&profile(mark)],
        )
        .await?;
    let names = rows.iter().map(|row| column(row, 0));
    Ok(names.filter(|name| mark.names_account(name)).collect())
}

/// Tables, views and materialized views of a schema, or one of them. `true` for a table that is nothing else: a materialized
/// view is listed as a table too.
pub async fn objects(
    session: &mut Session,
    schema: &str,
    only: Option<&str>,
) -> Result<BTreeMap<String, bool>> {
    const KINDS: &str = "object_type IN ('TABLE', 'VIEW', 'MATERIALIZED VIEW') AND secondary = 'N'";
    let rows = match only {
        None => {
            let sql =
                format!("SELECT object_name, object_type FROM dba_objects WHERE owner = :1 AND {KINDS}");
            session.rows(&sql, &[schema]).await?
        }
        Some(name) => {
            let sql = format!(
                "SELECT object_name, object_type FROM dba_objects WHERE owner = :1 AND object_name = :2 AND {KINDS}"
            );
            session.rows(&sql, &[schema, name]).await?
        }
    };
    let mut found = BTreeMap::new();
    for row in &rows {
        let name = column(row, 0);
        if is_internal(&name) {
            continue;
        }
        let table = column(row, 1) == "TABLE";
        found
            .entry(name)
            .and_modify(|both: &mut bool| *both &= table)
            .or_insert(table);
    }
    Ok(found)
}

/// What the database keeps beside people's tables: the recycle bin, overflow segments, materialized view logs.
pub fn is_internal(object: &str) -> bool {
    ["BIN$", "SYS_IOT_OVER_", "MLOG$_", "RUPD$_"]
        .iter()
        .any(|prefix| object.starts_with(prefix))
}

/// # Errors
/// `Invalid` if there is no such schema that people may ask for.
pub async fn schema_exists(session: &mut Session, schema: &str) -> Result<()> {
    let rows = session
        .rows(
            "SELECT username FROM dba_users WHERE username = :1 AND oracle_maintained = 'N'",
            &[schema],
        )
        .await?;
    if rows.is_empty() {
        return Err(invalid(format!("no such schema: {schema}")));
    }
    Ok(())
}

/// Refuses a login of ours that somebody else made.
pub fn ours_or_taken(user: Option<&User>, mark: &Mark, login: &str) -> Result<()> {
    match user {
        Some(user) if !user.is_ours(mark) => Err(taken(login)),
        Some(_) | None => Ok(()),
    }
}

/// What a user owns, as "TABLE X", at most so many of them, and how many there are.
pub async fn owned(session: &mut Session, login: &str, most: usize) -> Result<(Vec<String>, usize)> {
    let rows = session
        .rows(
            "SELECT object_type, object_name FROM dba_objects WHERE owner = :1 ORDER BY object_name",
            &[login],
        )
        .await?;
    let shown = rows.iter().take(most);
    let shown = shown.map(|row| format!("{} {}", column(row, 0), column(row, 1)));
    Ok((shown.collect(), rows.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_status(status: &str) -> User {
        User {
            status: status.to_owned(),
            profile: "DEFAULT".to_owned(),
            created: String::new(),
        }
    }

    #[test]
    fn a_login_is_shut_when_somebody_locked_it() {
        for (status, shut) in [
            ("OPEN", false),
            ("OPEN & IN ROLLOVER", false),
            ("EXPIRED", false),
            ("EXPIRED(GRACE)", false),
            ("LOCKED(TIMED)", false),
            ("EXPIRED & LOCKED(TIMED)", false),
            ("LOCKED", true),
            ("EXPIRED & LOCKED", true),
            ("EXPIRED(GRACE) & LOCKED", true),
            ("LOCKED & IN ROLLOVER", true),
        ] {
            assert_eq!(with_status(status).is_shut(), shut, "{status}");
        }
    }

    #[test]
    fn the_profile_is_our_mark() {
        let mark = Mark::new("main", "billing-ora");
        let name = profile(&mark);
        assert_eq!(name, format!("JITS_{}_LOGIN", mark.stamp.to_uppercase()));
        let mut user = with_status("OPEN");
        assert!(!user.is_ours(&mark));
        user.profile = name;
        assert!(user.is_ours(&mark) && !user.is_ours(&Mark::new("main", "other")));
    }
}
