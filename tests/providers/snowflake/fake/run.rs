//! Runs one statement on the fake account, as one user with one role: refuses what that role may not, and what it does not know.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{
    show,
    state::{Database, Grant, Object, Role, SYSTEM_ROLES, State},
    words::{Reader, Unreadable},
};

/// Columns, and rows of them.
pub type Rows = (Vec<&'static str>, Vec<Vec<Option<String>>>);

/// What Snowflake says no with.
#[derive(Debug)]
pub struct Refused {
    pub code: &'static str,
    pub state: &'static str,
    pub message: String,
}

pub type Outcome<T> = Result<T, Refused>;

impl From<Unreadable> for Refused {
    fn from(error: Unreadable) -> Self {
        let code = if error.0.starts_with("Actual") {
            "000008"
        } else {
            "001003"
        };
        refused(code, "42000", error.0)
    }
}

pub fn refused(code: &'static str, state: &'static str, message: impl Into<String>) -> Refused {
    Refused {
        code,
        state,
        message: message.into(),
    }
}

pub fn gone(kind: &str, name: &str) -> Refused {
    let message = format!("SQL compilation error: {kind} '{name}' does not exist or not authorized.");
    refused("002003", "02000", message)
}

pub fn forbidden(what: &str) -> Refused {
    let message = format!("SQL access control error: Insufficient privileges to operate on {what}.");
    refused("003001", "42501", message)
}

/// Who runs a statement, with what.
pub struct Session<'s> {
    pub state: &'s mut State,
    pub user: String,
    pub role: String,
    pub warehouse: Option<String>,
    pub now: DateTime<Utc>,
}

impl Session<'_> {
    /// What is in force: the role's reach, and with secondary roles that of all the user's.
    pub fn roles(&self) -> BTreeSet<String> {
        let mut roles = vec![self.role.clone()];
        if self
            .state
            .users
            .get(&self.user)
            .is_some_and(|user| user.all_secondary_roles)
        {
            roles.extend(self.state.roles_of(&self.user));
        }
        self.state.reach(&roles)
    }

    fn has(&self, roles: &BTreeSet<String>, privilege: &str, on: &str, path: &[String]) -> bool {
        let granted = |grant: &Grant| {
            roles.contains(&grant.role)
                && grant.privilege == privilege
                && grant.on == on
                && grant.path == path
        };
        self.state
            .owner(on, path)
            .is_some_and(|owner| roles.contains(owner))
            || self.state.grants.iter().any(granted)
    }

    /// Creating takes the primary role alone.
    fn may_create(&self, privilege: &str, on: &str, path: &[String]) -> bool {
        let reach = self.state.reach(std::slice::from_ref(&self.role));
        reach.contains("ACCOUNTADMIN") || self.has(&reach, privilege, on, path)
    }

    pub fn on_account(&self, privilege: &str) -> bool {
        self.may_create(privilege, "ACCOUNT", &[])
    }

    pub fn owns(&self, on: &str, name: &str) -> bool {
        let reach = self.state.reach(std::slice::from_ref(&self.role));
        let owner = self.state.owner(on, &[name.to_owned()]);
        reach.contains("ACCOUNTADMIN") || owner.is_some_and(|owner| reach.contains(owner))
    }

    pub fn run(&mut self, sql: &str) -> Outcome<Rows> {
        let mut words = Reader::new(sql)?;
        let rows = match words.plain()?.as_str() {
            "SHOW" => return show::show(self, &mut words),
            "SELECT" => return self.select(&mut words),
            "CREATE" => self.create(&mut words)?,
            "ALTER" => self.alter(&mut words)?,
            "DROP" => self.drop(&mut words)?,
            "GRANT" => self.grant(&mut words)?,
            "REVOKE" => self.revoke(&mut words)?,
            "INSERT" | "DELETE" => self.write(&mut words, sql)?,
            "USE" => return Err(refused("391911", "0A000", "Unsupported statement USE.")),
            other => {
                let message = format!("SQL compilation error: syntax error unexpected '{other}'.");
                return Err(refused("001003", "42000", message));
            }
        };
        Ok((vec!["status"], vec![vec![Some(rows)]]))
    }

    fn select(&mut self, words: &mut Reader) -> Outcome<Rows> {
        if words.sign('*') {
            words.need("FROM")?;
            let path = words.path()?;
            words.need("LIMIT")?;
            words.number()?;
            words.end()?;
            self.needs_warehouse()?;
            self.readable(&path)?;
            return Ok((vec!["N"], vec![vec![Some("42".to_owned())]]));
        }
        let (mut columns, mut cells) = (Vec::new(), Vec::new());
        loop {
            let function = words.plain()?;
            words.need_sign('(')?;
            words.need_sign(')')?;
            words.need("AS")?;
            let (column, value) = match (function.as_str(), words.plain()?.as_str()) {
                ("CURRENT_REGION", "REGION") => ("REGION", "AWS_EU_CENTRAL_1".to_owned()),
                ("CURRENT_ACCOUNT", "LOCATOR") => ("LOCATOR", "XY12345".to_owned()),
                ("CURRENT_VERSION", "VERSION") => ("VERSION", "9.34.1".to_owned()),
                ("CURRENT_USER", "ME") => ("ME", self.user.clone()),
                (other, _) => return Err(refused("002140", "42601", format!("Unknown function {other}"))),
            };
            columns.push(column);
            cells.push(Some(value));
            if !words.sign(',') {
                words.end()?;
                return Ok((columns, vec![cells]));
            }
        }
    }

    fn needs_warehouse(&self) -> Outcome<()> {
        let none = "No active warehouse selected in the current session.";
        let name = self
            .warehouse
            .clone()
            .ok_or_else(|| refused("000606", "57P03", none))?;
        if self.has(&self.roles(), "USAGE", "WAREHOUSE", std::slice::from_ref(&name)) {
            Ok(())
        } else {
            Err(refused("000606", "57P03", none))
        }
    }

    /// What cannot be seen is said not to exist.
    fn readable(&self, path: &[String]) -> Outcome<()> {
        let [database, schema, name] = path else {
            return Err(refused("001003", "42000", "a full name is needed"));
        };
        let missing = || gone("Object", name);
        let object = self
            .state
            .schema(database, schema)
            .and_then(|schema| schema.objects.get(name));
        let kind = object.map(|object| object.kind.clone()).ok_or_else(missing)?;
        let roles = self.roles();
        let seen = self.has(&roles, "USAGE", "DATABASE", &path[..1])
            && self.has(&roles, "USAGE", "SCHEMA", &path[..2])
            && self.has(&roles, "SELECT", &kind, path);
        if seen { Ok(()) } else { Err(missing()) }
    }

    /// `INSERT INTO t SELECT * FROM t WHERE FALSE` and `DELETE FROM t WHERE FALSE`: whether it may, and nothing else.
    fn write(&mut self, words: &mut Reader, sql: &str) -> Outcome<String> {
        let privilege = if sql.starts_with("INSERT") {
            "INSERT"
        } else {
            "DELETE"
        };
        words.need(if privilege == "INSERT" { "INTO" } else { "FROM" })?;
        let path = words.path()?;
        if privilege == "INSERT" {
            words.need("SELECT")?;
            words.need_sign('*')?;
            words.need("FROM")?;
            if words.path()? != path {
                return Err(refused("001003", "42000", "only from itself"));
            }
        }
        words.need("WHERE FALSE")?;
        words.end()?;
        self.needs_warehouse()?;
        self.readable(&path)?;
        if self.has(&self.roles(), privilege, "TABLE", &path) {
            Ok("0 rows".to_owned())
        } else {
            Err(forbidden(&format!("table '{}'", path[2])))
        }
    }

    fn create(&mut self, words: &mut Reader) -> Outcome<String> {
        if words.are("USER") {
            return self.create_user(words);
        }
        if words.are("ROLE") {
            let name = words.name()?;
            let comment = comment(words)?;
            if !self.on_account("CREATE ROLE") {
                return Err(forbidden("account"));
            }
            if self.state.roles.contains_key(&name) {
                return Err(exists("ROLE", &name));
            }
            let owner = self.role.clone();
            self.state.roles.insert(name.clone(), Role { comment, owner });
            return Ok(format!("Role {name} successfully created."));
        }
        if words.are("WAREHOUSE") {
            let name = words.name()?;
            words.need("WAREHOUSE_SIZE")?;
            words.need_sign('=')?;
            words.need("XSMALL AUTO_SUSPEND")?;
            words.need_sign('=')?;
            words.number()?;
            words.need("INITIALLY_SUSPENDED")?;
            words.need_sign('=')?;
            truth(words)?;
            words.end()?;
            if !self.on_account("CREATE WAREHOUSE") {
                return Err(forbidden("account"));
            }
            self.state.warehouses.insert(name, String::new());
            return Ok("created".to_owned());
        }
        if words.are("DATABASE") {
            let name = words.name()?;
            let comment = comment(words)?;
            if !self.on_account("CREATE DATABASE") {
                return Err(forbidden("account"));
            }
            let (kind, owner) = ("STANDARD".to_owned(), self.role.clone());
            let schemas = BTreeMap::new();
            let database = Database {
                kind,
                comment,
                owner: owner.clone(),
                schemas,
            };
            self.state.databases.insert(name.clone(), database);
            self.state.add_schema(&name, "PUBLIC", &owner);
            return Ok("created".to_owned());
        }
        if words.are("SCHEMA") {
            let path = words.path()?;
            words.end()?;
            let [database, schema] = path.as_slice() else {
                return Err(refused("001003", "42000", "database and schema are needed"));
            };
            if !self.may_create("CREATE SCHEMA", "DATABASE", &path[..1]) {
                return Err(forbidden(&format!("database '{database}'")));
            }
            let owner = self.role.clone();
            self.state.add_schema(database, schema, &owner);
            return Ok("created".to_owned());
        }
        self.create_object(words)
    }

    /// `TABLE a.b.c (N INT)` and `VIEW a.b.c AS SELECT * FROM a.b.d`
    fn create_object(&mut self, words: &mut Reader) -> Outcome<String> {
        let is_view = words.are("VIEW");
        if !is_view {
            words.need("TABLE")?;
        }
        let path = words.path()?;
        if is_view {
            words.need("AS SELECT")?;
            words.need_sign('*')?;
            words.need("FROM")?;
            words.path()?;
        } else {
            words.need_sign('(')?;
            words.name()?;
            words.need("INT")?;
            words.need_sign(')')?;
        }
        let comment = comment(words)?;
        let [database, schema, name] = path.as_slice() else {
            return Err(refused("001003", "42000", "a full name is needed"));
        };
        let kind = if is_view { "VIEW" } else { "TABLE" };
        if !self.may_create(&format!("CREATE {kind}"), "SCHEMA", &path[..2]) {
            return Err(forbidden(&format!("schema '{schema}'")));
        }
        if self.state.schema(database, schema).is_none() {
            return Err(gone("Schema", schema));
        }
        let (kind, owner) = (kind.to_owned(), self.role.clone());
        self.state
            .add(&[database, schema, name], Object { kind, comment, owner });
        Ok("created".to_owned())
    }

    fn drop(&mut self, words: &mut Reader) -> Outcome<String> {
        let is_user = words.are("USER");
        if !is_user {
            words.need("ROLE")?;
        }
        let (kind, label) = if is_user {
            ("USER", "User")
        } else {
            ("ROLE", "Role")
        };
        let forgiving = words.are("IF EXISTS");
        let name = words.name()?;
        words.end()?;
        if self.state.owner(kind, std::slice::from_ref(&name)).is_none() {
            return if forgiving {
                Ok("Drop statement executed successfully.".to_owned())
            } else {
                Err(gone(label, &name))
            };
        }
        if SYSTEM_ROLES.contains(&name.as_str()) || !self.owns(kind, &name) {
            return Err(forbidden(&format!("{} '{name}'", label.to_lowercase())));
        }
        if is_user {
            self.state.drop_user(&name);
        } else {
            let heir = self.role.clone();
            self.state.drop_role(&name, &heir);
        }
        Ok(format!("{name} successfully dropped."))
    }
}

pub fn exists(kind: &str, name: &str) -> Refused {
    let message = format!("SQL compilation error: Object '{name}' of type {kind} already exists.");
    refused("002002", "42710", message)
}

/// `COMMENT='…'` or nothing, and then the end.
fn comment(words: &mut Reader) -> Outcome<String> {
    let mut comment = String::new();
    if words.are("COMMENT") {
        words.need_sign('=')?;
        comment = words.text()?;
    }
    words.end()?;
    Ok(comment)
}

pub fn truth(words: &mut Reader) -> Outcome<bool> {
    match words.plain()?.as_str() {
        "TRUE" => Ok(true),
        "FALSE" => Ok(false),
        other => Err(refused("001003", "42000", format!("{other} is no truth value"))),
    }
}
