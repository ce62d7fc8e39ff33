//! One case's server, what stands on it, and how things are tried there.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use latchkey::{
    providers::{Mark, Provider, Setup, mssql::REGISTRATION, names},
    secrets::Secret,
};
use tokio::sync::Mutex;

use super::{
    CONNECTOR, CONNECTOR_PASSWORD, SOMEONE,
    admin::{Admin, Link, Place, literal, quoted},
    fake, snapshot,
};
use crate::target::Thing;

/// One case's server: fresh, or the user's, emptied.
#[derive(Clone)]
pub struct World {
    pub fake: Option<Arc<fake::Server>>,
    pub admin: Arc<Admin>,
    /// Logins and server roles made here, which go again.
    made: Arc<Mutex<BTreeSet<String>>>,
}

/// Where and how a provider of the suite connects.
pub struct Way {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    pub tls: String,
    pub ca: Option<PathBuf>,
    pub installation: &'static str,
}

/// Statements that a login must be able to run, or questions that must be answered with 1.
pub enum Proof {
    Runs(String),
    IsOne(String),
}

impl World {
    pub fn at(fake: Option<Arc<fake::Server>>, place: Place) -> Self {
        Self {
            fake,
            admin: Arc::new(Admin::new(place)),
            made: Arc::default(),
        }
    }

    pub fn way(&self) -> Way {
        let place = &self.admin.place;
        Way {
            // The certificate of the model's is for this name alone.
            host: if place.certificates.is_some() {
                "localhost".to_owned()
            } else {
                place.host.clone()
            },
            port: place.port,
            user: CONNECTOR.to_owned(),
            password: CONNECTOR_PASSWORD.to_owned(),
            tls: place.tls.clone(),
            ca: place.certificates.as_ref().map(|folder| folder.join("ca.crt")),
            installation: "suite",
        }
    }

    pub fn build(&self, way: &Way) -> Box<dyn Provider> {
        let mut config = toml::Table::new();
        config.insert("hostname".to_owned(), way.host.as_str().into());
        config.insert("port".to_owned(), i64::from(way.port).into());
        config.insert("tls".to_owned(), way.tls.as_str().into());
        if let Some(ca) = &way.ca {
            config.insert("tls_ca".to_owned(), format!("file:{}", ca.display()).into());
        }
        let secret = BTreeMap::from([
            ("username".to_owned(), Secret::new(way.user.as_str())),
            ("password".to_owned(), Secret::new(way.password.as_str())),
        ]);
        let setup = Setup {
            mark: Mark::new(way.installation, "orders-mssql"),
            config,
            secret,
            base_dir: PathBuf::from("/"),
        };
        (REGISTRATION.build)(setup).expect("a provider")
    }

    pub async fn build_up(&self) {
        self.make_login(CONNECTOR, CONNECTOR_PASSWORD).await;
        self.admin
            .run(&format!("GRANT CONTROL SERVER TO {}", quoted(CONNECTOR)))
            .await;
        self.make_server_role("operators").await;
        self.admin.run("GRANT VIEW SERVER STATE TO [operators]").await;
        for database in ["orders", "other"] {
            self.admin
                .run(&format!("CREATE DATABASE {}", quoted(database)))
                .await;
        }
        self.admin
            .run("EXEC [orders].sys.sp_addextendedproperty @name = N'owner', @value = N'dba'")
            .await;
        for sql in [
            "CREATE SCHEMA [sales]",
            "CREATE TABLE [sales].[items] (n int)",
            "INSERT INTO [sales].[items] VALUES (1)",
            "CREATE TABLE [sales].[extras] (n int)",
            "CREATE TABLE [dbo].[notes] (n int)",
            "CREATE VIEW [sales].[names] AS SELECT n FROM [sales].[items]",
            "CREATE ROLE [readers] AUTHORIZATION [dbo]",
            "GRANT SELECT ON OBJECT::[sales].[names] TO [readers]",
            "GRANT CREATE SCHEMA, CREATE TABLE TO [public]",
        ] {
            self.admin.run_in("orders", sql).await;
        }
        self.admin
            .run_in("other", "CREATE TABLE [dbo].[things] (n int)")
            .await;
    }

    pub async fn make_login(&self, login: &str, password: &str) {
        self.made.lock().await.insert(login.to_owned());
        let sql = format!(
            "CREATE LOGIN {} WITH PASSWORD = {}, CHECK_POLICY = OFF",
            quoted(login),
            literal(password)
        );
        self.admin.run(&sql).await;
    }

    pub async fn make_server_role(&self, role: &str) {
        self.made.lock().await.insert(role.to_owned());
        self.admin
            .run(&format!("CREATE SERVER ROLE {}", quoted(role)))
            .await;
    }

    pub async fn connect(&self, database: &str, login: &str, credential: &Secret) -> Option<Link> {
        self.admin
            .place
            .connect(database, login, credential.expose())
            .await
            .ok()
    }

    /// The database to try a thing in, and what must succeed there exactly if it is given.
    pub async fn proof(&self, thing: &Thing) -> (String, Vec<Proof>) {
        let id = &thing.at.id;
        let (database, filter) = match thing.at.kind.as_str() {
            "database" => (id[0].clone(), String::new()),
            "schema" => (id[0].clone(), format!(" AND s.name = {}", literal(&id[1]))),
            "table" => {
                let filter = format!(
                    " AND s.name = {} AND o.name = {}",
                    literal(&id[1]),
                    literal(&id[2])
                );
                (id[0].clone(), filter)
            }
            "role" if id[0] == "*" => {
                let asks = format!("SELECT IS_SRVROLEMEMBER({})", literal(&id[1]));
                return ("master".to_owned(), vec![Proof::IsOne(asks)]);
            }
            "role" => {
                let asks = format!("SELECT IS_ROLEMEMBER({})", literal(&id[1]));
                return (id[0].clone(), vec![Proof::IsOne(asks)]);
            }
            _ => ("orders".to_owned(), String::new()),
        };
        let mut all = Vec::new();
        if snapshot::databases(&self.admin).await.contains(&database) {
            self.prove_tables(thing, &database, &filter, &mut all).await;
        }
        let control = match (thing.at.kind.as_str(), thing.permission.as_str()) {
            ("instance", "admin") => "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'CONTROL SERVER')".to_owned(),
            ("instance", "read") => "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'CONNECT ANY DATABASE')".to_owned(),
            ("database", "admin") => {
                format!(
                    "SELECT HAS_PERMS_BY_NAME({}, 'DATABASE', 'ALTER')",
                    literal(&quoted(&id[0]))
                )
            }
            ("schema", "admin") => {
                format!(
                    "SELECT HAS_PERMS_BY_NAME({}, 'SCHEMA', 'CONTROL')",
                    literal(&quoted(&id[1]))
                )
            }
            ("table", "admin") => format!(
                "SELECT HAS_PERMS_BY_NAME({}, 'OBJECT', 'CONTROL')",
                literal(&format!("{}.{}", quoted(&id[1]), quoted(&id[2])))
            ),
            _ => return (database, all),
        };
        all.push(Proof::IsOne(control));
        (database, all)
    }

    async fn prove_tables(&self, thing: &Thing, database: &str, filter: &str, all: &mut Vec<Proof>) {
        let db = quoted(database);
        let sql = format!(
            "SELECT s.name, o.name, o.type FROM {db}.sys.objects o JOIN {db}.sys.schemas s ON s.schema_id = o.schema_id \
             WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0{filter}"
        );
        for row in self.admin.rows(&sql).await {
            let table = format!("{}.{}", quoted(&row[0]), quoted(&row[1]));
            all.push(Proof::Runs(format!("SELECT TOP (1) * FROM {table}")));
            if thing.permission != "read" && row[2].trim() == "U" {
                all.push(Proof::Runs(format!("INSERT INTO {table} DEFAULT VALUES")));
                all.push(Proof::Runs(format!("DELETE FROM {table}")));
            }
        }
    }
}

impl World {
    pub async fn drop_login(&self, login: &str) {
        let sql = format!(
            "DECLARE @kill nvarchar(max) = N''; SELECT @kill += N'KILL ' + CAST(session_id AS nvarchar(11)) + N'; ' \
             FROM sys.dm_exec_sessions WHERE security_id = SUSER_SID({}); EXEC sys.sp_executesql @kill",
            literal(login)
        );
        self.admin.run(&sql).await;
        for _ in 0..100 {
            match self.admin.try_run(&format!("DROP LOGIN {}", quoted(login))).await {
                // Its session is still ending.
                Err(error) if error.code() == Some(15434) => {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
                outcome => return outcome.unwrap_or_else(|error| panic!("{login}: {error}")),
            }
        }
        panic!("{login} does not leave");
    }

    /// Of a user's server, what the suite made.
    pub async fn sweep(&self) {
        let away = "SELECT name FROM sys.databases WHERE state_desc <> 'ONLINE'";
        for database in self.admin.rows(away).await.concat() {
            self.admin
                .run(&format!("ALTER DATABASE {} SET ONLINE", quoted(&database)))
                .await;
        }
        for database in snapshot::databases(&self.admin).await {
            let database = quoted(&database);
            self.admin
                .run(&format!(
                    "ALTER DATABASE {database} SET SINGLE_USER WITH ROLLBACK IMMEDIATE"
                ))
                .await;
            self.admin.run(&format!("DROP DATABASE {database}")).await;
        }
        let made = self.made.lock().await.clone();
        let principals =
            "SELECT name, type FROM sys.server_principals WHERE principal_id > 2 AND is_fixed_role = 0";
        let mut logins = Vec::new();
        for row in self.admin.rows(principals).await {
            let known = made.contains(&row[0])
                || [CONNECTOR, SOMEONE, "operators", "reduced"].contains(&row[0].as_str());
            if !known && !names::is_reserved(&row[0]) {
                continue;
            }
            if row[1].trim() == "R" {
                let members = format!(
                    "SELECT m.name FROM sys.server_role_members e JOIN sys.server_principals r ON r.principal_id = e.role_principal_id \
                     JOIN sys.server_principals m ON m.principal_id = e.member_principal_id WHERE r.name = {}",
                    literal(&row[0])
                );
                for member in self.admin.rows(&members).await.concat() {
                    let sql = format!(
                        "ALTER SERVER ROLE {} DROP MEMBER {}",
                        quoted(&row[0]),
                        quoted(&member)
                    );
                    self.admin.run(&sql).await;
                }
                self.admin
                    .run(&format!("DROP SERVER ROLE {}", quoted(&row[0])))
                    .await;
            } else {
                logins.push(row[0].clone());
            }
        }
        for login in logins {
            self.drop_login(&login).await;
        }
    }
}
