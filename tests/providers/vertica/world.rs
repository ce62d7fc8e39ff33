//! One case's database, and the administrator's eyes and hands there.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use latchkey::{
    providers::{
        Mark, Provider, Setup,
        tls::{self, SslMode},
        vertica::{
            REGISTRATION,
            wire::{Address, Connection, Row, Tls},
        },
    },
    secrets::Secret,
};
use tokio::sync::Mutex;

use super::fake::Fake;
use crate::target::Thing;

pub const CONNECTOR: &str = "latchkey_connector";
pub const CONNECTOR_PASSWORD: &str = "own-pw-Kc7w-aB3_xY9";
/// Owns where everybody may make things, and its name is no harmless one.
pub const WORKSHOP_OWNER: &str = "Work\"shop's; --";

/// A server, and how its administrator gets in.
#[derive(Debug, Clone)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub admin: String,
    pub admin_password: Secret,
    pub ssl_mode: SslMode,
    pub ca: Option<PathBuf>,
}

/// What was there before the suite: users, roles, schemas, profiles.
pub type Baseline = BTreeMap<&'static str, BTreeSet<String>>;

pub struct World {
    /// `None` on a server of the user's.
    pub fake: Option<Fake>,
    pub server: Server,
    /// Where the authorities' files are.
    pub place: PathBuf,
    pub baseline: Arc<Baseline>,
    pub admin: Mutex<Option<Connection>>,
}

/// Where and how a provider of the suite connects.
#[derive(Clone)]
pub struct Way {
    pub host: String,
    pub port: u16,
    pub user: &'static str,
    pub password: &'static str,
    pub ssl_mode: SslMode,
    pub ca: Option<PathBuf>,
    pub installation: &'static str,
    pub authentication: Option<&'static str>,
}

/// The suite's own way to quote, apart from the one under test.
pub fn quoted(name: &str) -> String {
    let mut text = String::from("\"");
    for c in name.chars() {
        text.extend(std::iter::repeat_n(c, if c == '"' { 2 } else { 1 }));
    }
    text + "\""
}

pub fn literal(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        quoted.extend(std::iter::repeat_n(c, if c == '\'' { 2 } else { 1 }));
    }
    quoted + "'"
}

fn words(row: &Row) -> Vec<String> {
    row.iter()
        .map(|value| value.clone().unwrap_or_default())
        .collect()
}

impl Server {
    pub async fn connect(&self, user: &str, password: &Secret) -> Option<Connection> {
        let config = tls::client(self.ssl_mode, self.ca.as_deref()).expect("a configuration");
        let address = Address {
            host: &self.host,
            port: self.port,
            database: &self.database,
            user,
            password,
            label: "suite",
            tls: match (&config, self.ssl_mode) {
                (None, _) => Tls::Never,
                (Some(config), SslMode::Prefer) => Tls::IfThere(config),
                (Some(config), _) => Tls::Always(config),
            },
        };
        Connection::open(&address).await.ok()
    }
}

impl World {
    /// As the administrator, over a connection that is kept.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let mut kept = self.admin.lock().await;
        if kept.is_none() {
            let opened = self
                .server
                .connect(&self.server.admin, &self.server.admin_password)
                .await;
            *kept = Some(opened.expect("the administrator gets in"));
        }
        let connection = kept.as_mut().expect("just opened");
        let answers = connection
            .query(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        answers
            .iter()
            .flat_map(|answer| &answer.rows)
            .map(words)
            .collect()
    }

    pub async fn run(&self, sql: &str) {
        self.rows(sql).await;
    }

    pub async fn run_all(&self, statements: &[&str]) {
        for statement in statements {
            self.run(statement).await;
        }
    }

    pub fn way(&self) -> Way {
        let (ssl_mode, ca) = match self.fake {
            Some(_) => (SslMode::VerifyFull, Some(self.place.join("ca.crt"))),
            None => (self.server.ssl_mode, self.server.ca.clone()),
        };
        Way {
            host: if self.fake.is_some() {
                "localhost".to_owned()
            } else {
                self.server.host.clone()
            },
            port: self.server.port,
            user: CONNECTOR,
            password: CONNECTOR_PASSWORD,
            ssl_mode,
            ca,
            installation: "suite",
            authentication: None,
        }
    }

    pub fn build(&self, way: &Way) -> Box<dyn Provider> {
        let mut config = toml::Table::new();
        config.insert("hostname".to_owned(), way.host.clone().into());
        config.insert("port".to_owned(), i64::from(way.port).into());
        config.insert("database_name".to_owned(), self.server.database.clone().into());
        config.insert("ssl_mode".to_owned(), way.ssl_mode.as_str().into());
        if let Some(ca) = &way.ca {
            config.insert("tls_ca".to_owned(), format!("file:{}", ca.display()).into());
        }
        if let Some(name) = way.authentication {
            config.insert("authentication_name".to_owned(), name.into());
        }
        let secret = BTreeMap::from([
            ("username".to_owned(), Secret::new(way.user)),
            ("password".to_owned(), Secret::new(way.password)),
        ]);
        let setup = Setup {
            mark: Mark::new(way.installation, "warehouse"),
            config,
            secret,
            base_dir: self.place.clone(),
        };
        (REGISTRATION.build)(setup).expect("a provider")
    }

    /// What every case starts from: a schema with objects of two owners and one that everybody may make things in.
    pub async fn furnish(&self) {
        let workshop = quoted(WORKSHOP_OWNER);
        let connector = format!("CREATE USER {CONNECTOR} IDENTIFIED BY '{CONNECTOR_PASSWORD}'");
        self.run_all(&[
            connector.as_str(),
            "GRANT pseudosuperuser TO latchkey_connector",
            "ALTER USER latchkey_connector DEFAULT ROLE pseudosuperuser",
            "CREATE USER orders_owner IDENTIFIED BY 'orders-pw-1'",
            "CREATE USER third_owner IDENTIFIED BY 'third-pw-1'",
            &format!("CREATE USER {workshop} IDENTIFIED BY 'workshop-pw-1'"),
            "CREATE SCHEMA sales AUTHORIZATION orders_owner",
            "COMMENT ON SCHEMA sales IS 'All orders, owner=dba'",
            "CREATE TABLE sales.items (id INT, name VARCHAR(80))",
            "INSERT INTO sales.items VALUES (1, 'one')",
            "ALTER TABLE sales.items OWNER TO orders_owner",
            "CREATE TABLE sales.extras (id INT)",
            "ALTER TABLE sales.extras OWNER TO third_owner",
            "CREATE VIEW sales.names AS SELECT name FROM sales.items",
            "ALTER VIEW sales.names OWNER TO orders_owner",
            "CREATE SEQUENCE sales.ids",
            "CREATE FUNCTION sales.twice(n INT) RETURN INT AS BEGIN RETURN (2*n); END",
            "CREATE SCHEMA web",
            "CREATE TABLE web.pages (id INT)",
            &format!("CREATE SCHEMA workshop AUTHORIZATION {workshop}"),
            "GRANT USAGE, CREATE ON SCHEMA workshop TO PUBLIC",
        ])
        .await;
        self.make_role("readers").await;
    }

    /// A role, and a table that shows who has it.
    pub async fn make_role(&self, name: &str) {
        let name = quoted(name);
        self.run(&format!("CREATE ROLE {name}")).await;
        self.run(&format!("CREATE TABLE workshop.{name} (id INT)")).await;
        self.run(&format!("GRANT SELECT ON TABLE workshop.{name} TO {name}"))
            .await;
    }

    pub async fn baseline(&self) -> Baseline {
        let mut all = Baseline::new();
        for (what, sql) in [
            (
                "SCHEMA",
                "SELECT schema_name FROM v_catalog.schemata WHERE NOT is_system_schema",
            ),
            ("USER", "SELECT user_name FROM v_catalog.users"),
            ("ROLE", "SELECT name FROM v_catalog.roles"),
            ("PROFILE", "SELECT profile_name FROM v_catalog.profiles"),
        ] {
            let names = self.rows(sql).await.into_iter().map(|mut row| row.remove(0));
            all.insert(what, names.collect());
        }
        all
    }

    /// Back to what was there before the suite.
    pub async fn clear(&self) {
        let now = self.baseline().await;
        for what in ["SCHEMA", "USER", "ROLE", "PROFILE"] {
            for name in now[what].difference(&self.baseline[what]) {
                let cascade = if what == "PROFILE" { "" } else { " CASCADE" };
                self.run(&format!("DROP {what} {}{cascade}", quoted(name))).await;
            }
        }
    }

    /// Statements that all succeed exactly if the thing is given.
    pub async fn proof(&self, thing: &Thing) -> Vec<String> {
        let id = &thing.at.id;
        let nothing = vec!["SELECT * FROM nowhere.nothing LIMIT 1".to_owned()];
        if thing.at.kind == "role" {
            return vec![format!("SELECT * FROM workshop.{} LIMIT 1", quoted(&id[1]))];
        }
        if id[0] != self.server.database {
            return nothing;
        }
        let inside = |row: &Vec<String>| {
            id.get(1).is_none_or(|schema| *schema == row[0]) && id.get(2).is_none_or(|name| *name == row[1])
        };
        let mut all = Vec::new();
        for (view, sql) in [
            (
                false,
                "SELECT table_schema, table_name FROM v_catalog.tables WHERE NOT is_system_table",
            ),
            (
                true,
                "SELECT table_schema, table_name FROM v_catalog.views WHERE NOT is_system_view",
            ),
        ] {
            for row in self.rows(sql).await.into_iter().filter(inside) {
                let table = format!("{}.{}", quoted(&row[0]), quoted(&row[1]));
                all.push(format!("SELECT * FROM {table} LIMIT 1"));
                if thing.permission != "read" && !view {
                    all.push(format!("INSERT INTO {table} DEFAULT VALUES"));
                    all.push(format!("DELETE FROM {table}"));
                    all.push(format!("TRUNCATE TABLE {table}"));
                }
            }
        }
        let whole_sales = thing.at.kind == "database" || (thing.at.kind == "schema" && id[1] == "sales");
        if whole_sales && thing.permission != "read" {
            all.push("SELECT NEXTVAL('sales.ids')".to_owned());
            all.push("SELECT sales.twice(2)".to_owned());
        }
        if all.is_empty() {
            return nothing;
        }
        if thing.permission == "admin" {
            all.extend(made(thing));
        }
        all
    }
}

/// What only an admin of it can make, and unmake.
fn made(thing: &Thing) -> Vec<String> {
    match thing.at.kind.as_str() {
        "database" => vec!["CREATE SCHEMA made".to_owned(), "DROP SCHEMA made".to_owned()],
        "schema" => {
            let table = format!("{}.made", quoted(&thing.at.id[1]));
            vec![
                format!("CREATE TABLE {table} (id INT)"),
                format!("DROP TABLE {table}"),
            ]
        }
        _ => Vec::new(),
    }
}

/// Whether every statement is allowed.
pub async fn all_run(connection: &mut Connection, statements: &[String]) -> bool {
    for statement in statements {
        if connection.query(statement).await.is_err() {
            return false;
        }
    }
    true
}
