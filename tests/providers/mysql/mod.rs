//! MySQL and MariaDB under test: real servers, started here and stopped with the process; or the user's own
//! (`MARIADB_TEST_DSN=mysql://admin:password@host:3306`, `MYSQL_TEST_DSN`), where an administrator may do everything.

mod names;
mod own;
mod own_mysql;
mod server;
mod snapshot;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use latchkey::{
    providers::{Mark, Person, Provider, Registration, ResourceRef, Setup, mariadb, mysql, page::Against},
    secrets::Secret,
};
use mysql_async::{Conn, prelude::Queryable};

use self::server::{Server, connect, free_port, literal, pattern, quoted, text};
use crate::{
    proxy::{Proxy, Wire},
    target::{
        Case, Cut, Cutting, Kind, Lacking, Named, Offer, Owned, Session, Setting, Standing, Target, Thing,
    },
};

const CONNECTOR: &str = "latchkey_connector";
const CONNECTOR_PASSWORD: &str = "own-pw-Kc7w";
const SOMEONE: &str = "Ann O'Neil";
const SOMEONE_PASSWORD: &str = "anns-own-pw";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    MySql,
    MariaDb,
}

impl Engine {
    fn registration(self) -> &'static Registration {
        match self {
            Self::MySql => &mysql::REGISTRATION,
            Self::MariaDb => &mariadb::REGISTRATION,
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::MySql => "tests/servers/mysql.sh",
            Self::MariaDb => "tests/servers/mariadb.sh",
        }
    }

    /// The user's own server, if one is named.
    #[expect(clippy::disallowed_methods, reason = "a switch of the test runner's")]
    fn dsn(self) -> Option<String> {
        let name = match self {
            Self::MySql => "MYSQL_TEST_DSN",
            Self::MariaDb => "MARIADB_TEST_DSN",
        };
        std::env::var(name).ok().filter(|dsn| !dsn.is_empty())
    }
}

/// What every case starts from. The connector has what the guide asks for, to give all levels.
const WORLD: &[&str] = &[
    "CREATE USER latchkey_connector@'%' IDENTIFIED BY 'own-pw-Kc7w'",
    "GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE, CREATE TEMPORARY TABLES, CREATE, ALTER, DROP, INDEX, TRIGGER, CREATE VIEW, \
     CREATE ROUTINE, ALTER ROUTINE, PROCESS ON *.* TO latchkey_connector@'%' WITH GRANT OPTION",
    "GRANT CREATE USER ON *.* TO latchkey_connector@'%'",
    "CREATE DATABASE orders",
    "CREATE TABLE orders.items (id int AUTO_INCREMENT PRIMARY KEY, name text) COMMENT 'Items, owner=web'",
    "INSERT INTO orders.items (name) VALUES ('one'), ('two')",
    "CREATE TABLE orders.notes (id int)",
    "CREATE VIEW orders.names AS SELECT name FROM orders.items",
    "CREATE DATABASE other",
    "CREATE TABLE other.things (id int)",
    "CREATE ROLE readers",
    "GRANT SELECT ON orders.names TO readers",
];
const MARIADB: &[&str] = &[
    "GRANT CONNECTION ADMIN ON *.* TO latchkey_connector@'%'",
    "GRANT readers TO latchkey_connector@'%' WITH ADMIN OPTION",
    "ALTER DATABASE orders COMMENT 'All orders, owner=dba'",
];
const MYSQL: &[&str] = &["GRANT CONNECTION_ADMIN, ROLE_ADMIN ON *.* TO latchkey_connector@'%'"];

pub async fn start(engine: Engine) -> Result<Box<dyn Kind>, String> {
    let server = Server::start(engine).await?;
    Ok(Box::new(Family {
        engine,
        server: Arc::new(server),
    }))
}

pub struct Family {
    pub engine: Engine,
    server: Arc<Server>,
}

#[async_trait]
impl Kind for Family {
    async fn fresh(&self) -> Box<dyn Target> {
        Box::new(self.world().await)
    }

    async fn against(&self) -> Against {
        let version = self.server.texts("SELECT VERSION()").await.remove(0);
        let version = version.split('-').next().unwrap_or_default();
        let whose = if self.server.is_ours() {
            "started by the tests"
        } else {
            "of the user"
        };
        Against::RealServer {
            name: format!("{} {version}, {whose}", self.engine.registration().title),
        }
    }

    fn own_cases(&self) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
        let mut all = own::all(self);
        if self.engine == Engine::MySql {
            all.extend(own_mysql::all(self));
        }
        all
    }

    async fn stop(&self) {
        // Dropping the last of it stops the server.
        self.server.clear().await;
        self.server.forget().await;
    }
}

impl Family {
    /// The engine's own command line client, as a shell calls it.
    fn client(&self) -> Option<String> {
        if self.engine == Engine::MySql && self.server.is_ours() {
            return Some(self.server.place().join("mysql").display().to_string());
        }
        let name = match self.engine {
            Engine::MariaDb => "mariadb",
            Engine::MySql => "mysql",
        };
        let found = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("command -v {name}"))
            .output()
            .ok()?;
        let path = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        (!path.is_empty()).then_some(path)
    }

    pub async fn world(&self) -> World {
        let world = World {
            engine: self.engine,
            server: Arc::clone(&self.server),
        };
        world.done().await;
        world.server.run(WORLD).await;
        let own = match self.engine {
            Engine::MariaDb => MARIADB,
            Engine::MySql => MYSQL,
        };
        world.server.run(own).await;
        drop(world.ran().await);
        world
    }
}

/// One case's server: the same process, emptied.
#[derive(Clone)]
pub struct World {
    pub engine: Engine,
    pub server: Arc<Server>,
}

/// Where and how a provider of the suite connects.
pub struct Way {
    pub registration: &'static Registration,
    pub host: String,
    pub port: u16,
    pub user: &'static str,
    pub password: &'static str,
    pub tls: &'static str,
    pub ca: Option<&'static str>,
    pub installation: &'static str,
}

impl World {
    pub fn way(&self) -> Way {
        let ours = self.server.is_ours();
        Way {
            registration: self.engine.registration(),
            host: self.server.host.clone(),
            port: self.server.port,
            user: CONNECTOR,
            password: CONNECTOR_PASSWORD,
            tls: if ours { "verify-full" } else { "require" },
            ca: ours.then_some("ca.crt"),
            installation: "suite",
        }
    }

    pub fn build(&self, way: &Way) -> Box<dyn Provider> {
        let mut config = toml::Table::new();
        config.insert("hostname".to_owned(), way.host.clone().into());
        config.insert("port".to_owned(), i64::from(way.port).into());
        config.insert("tls".to_owned(), way.tls.into());
        if let Some(ca) = way.ca {
            config.insert("tls_ca".to_owned(), format!("file:tls/{ca}").into());
        }
        let secret = BTreeMap::from([
            ("username".to_owned(), Secret::new(way.user)),
            ("password".to_owned(), Secret::new(way.password)),
        ]);
        let setup = Setup {
            mark: Mark::new(way.installation, "orders"),
            config,
            secret,
            base_dir: self.server.place(),
        };
        (way.registration.build)(setup).expect("a provider")
    }

    /// A real login.
    pub async fn connect(&self, login: &str, credential: &Secret, database: Option<&str>) -> Option<Conn> {
        let (host, port) = (&self.server.host, self.server.port);
        connect(host, port, login, credential.expose(), database)
            .await
            .ok()
    }

    /// Statements that all succeed exactly if the thing is given; each is undone.
    pub async fn proof(&self, thing: &Thing) -> Vec<String> {
        let id = &thing.at.id;
        let filter = match thing.at.kind.as_str() {
            "database" => format!("TABLE_SCHEMA = {}", literal(&id[0])),
            "table" => format!(
                "TABLE_SCHEMA = {} AND TABLE_NAME = {}",
                literal(&id[0]),
                literal(&id[1])
            ),
            "role" => return vec!["SELECT * FROM orders.names LIMIT 1".to_owned()],
            _ => {
                "TABLE_SCHEMA NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')".to_owned()
            }
        };
        let sql = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE {filter}"
        );
        let mut all = Vec::new();
        for row in self.server.rows(&sql).await {
            let part = |at| quoted(&text(&row, at).unwrap_or_default());
            let table = format!("{}.{}", part(0), part(1));
            let is_table = text(&row, 2).as_deref() == Some("BASE TABLE");
            all.push(format!("SELECT * FROM {table} LIMIT 1"));
            if thing.permission != "read" && is_table {
                all.push(format!("INSERT INTO {table} () VALUES ()"));
                all.push(format!("DELETE FROM {table}"));
            }
            if thing.permission == "admin" && is_table {
                all.push(format!("CREATE INDEX made ON {table} (id)"));
                all.push(format!("DROP INDEX made ON {table}"));
            }
        }
        if thing.permission == "admin" && thing.at.kind == "database" {
            all.push(format!("CREATE TABLE {}.made (id int)", quoted(&id[0])));
            all.push(format!("DROP TABLE {}.made", quoted(&id[0])));
        }
        if all.is_empty() {
            all.push("SELECT * FROM nowhere.nothing".to_owned());
        }
        all
    }
}

/// Whether every statement is allowed; what they did is undone.
async fn all_run(conn: &mut Conn, statements: &[String]) -> bool {
    for statement in statements {
        let begun = conn.query_drop("START TRANSACTION").await.is_ok();
        let ran = begun && conn.query_drop(statement).await.is_ok();
        drop(conn.query_drop("ROLLBACK").await);
        if !ran {
            return false;
        }
    }
    true
}

pub struct Live {
    pub conn: Conn,
    world: World,
}

#[async_trait]
impl Session for Live {
    async fn alive(&mut self) -> bool {
        self.conn.query_drop("SELECT 1").await.is_ok()
    }

    async fn can(&mut self, thing: &Thing) -> bool {
        let statements = self.world.proof(thing).await;
        all_run(&mut self.conn, &statements).await
    }
}

pub fn thing(kind: &str, id: &[&str], permission: &str) -> Thing {
    let title = match kind {
        "role" => format!("role/{}", id[1]),
        "instance" => "instance".to_owned(),
        _ => id.join("/"),
    };
    Thing {
        at: ResourceRef {
            kind: kind.to_owned(),
            id: id.iter().map(|part| (*part).to_owned()).collect(),
            title,
        },
        permission: permission.to_owned(),
    }
}

/// Statements that change something.
fn changes(statement: &str) -> bool {
    [
        "CREATE",
        "ALTER",
        "DROP",
        "GRANT",
        "REVOKE",
        "SET DEFAULT ROLE",
        "KILL",
    ]
    .iter()
    .any(|verb| statement.starts_with(verb))
}

/// A hash in MariaDB's log, and the word that MySQL writes for a password, are where a mask is in what is shown.
fn masked(statement: &str) -> String {
    if let Some((before, rest)) = statement.split_once("BY <secret>") {
        // MySQL writes such a statement anew, with its own escapes.
        return format!("{before}BY '***'{rest}").replace("\\\"", "\"");
    }
    let Some((before, rest)) = statement.split_once("IDENTIFIED BY PASSWORD '*") else {
        return statement.to_owned();
    };
    let after = rest.split_once('\'').map_or("", |(_, after)| after);
    format!("{before}IDENTIFIED BY PASSWORD '***'{after}")
}

#[async_trait]
impl Target for World {
    fn registration(&self) -> &'static Registration {
        self.engine.registration()
    }

    fn mark(&self) -> Mark {
        Mark::new(self.way().installation, "orders")
    }

    fn offer(&self) -> Offer {
        Offer {
            read: thing("database", &["orders"], "read"),
            write: thing("database", &["orders"], "read-write"),
            other: thing("database", &["other"], "read"),
            nowhere: thing("database", &["nowhere"], "read"),
            more: vec![
                thing("database", &["orders"], "admin"),
                thing("table", &["orders", "items"], "read"),
                thing("table", &["orders", "items"], "read-write"),
                thing("table", &["orders", "items"], "admin"),
                thing("table", &["orders", "names"], "read"),
                thing("role", &["*", "readers"], "member"),
                thing("instance", &["*"], "read"),
                thing("instance", &["*"], "read-write"),
                thing("instance", &["*"], "admin"),
            ],
        }
    }

    fn provider(&self, setting: Setting) -> Box<dyn Provider> {
        let way = self.way();
        self.build(&match setting {
            Setting::Usual => way,
            Setting::OtherInstallation => Way {
                installation: "another",
                ..way
            },
            Setting::WrongSecret => Way {
                password: "not-the-password",
                ..way
            },
            Setting::Down => Way {
                host: "127.0.0.1".to_owned(),
                port: free_port(),
                ..way
            },
        })
    }

    fn own_secrets(&self) -> Vec<Secret> {
        [CONNECTOR_PASSWORD, "not-the-password"]
            .into_iter()
            .map(Secret::new)
            .collect()
    }

    async fn can(&self, login: &str, credential: &Secret, thing: &Thing) -> bool {
        let statements = self.proof(thing).await;
        match self.connect(login, credential, None).await {
            Some(mut conn) => {
                let all = all_run(&mut conn, &statements).await;
                drop(conn.disconnect().await);
                all
            }
            None => false,
        }
    }

    async fn can_log_in(&self, login: &str, credential: &Secret) -> bool {
        match self.connect(login, credential, None).await {
            Some(conn) => conn.disconnect().await.is_ok(),
            None => false,
        }
    }

    async fn open_session(&self, login: &str, credential: &Secret) -> Option<Box<dyn Session>> {
        let conn = self.connect(login, credential, None).await?;
        Some(Box::new(Live {
            conn,
            world: self.clone(),
        }))
    }

    async fn everything(&self) -> BTreeSet<String> {
        snapshot::take(&self.server, self.engine).await
    }

    async fn ran(&self) -> Option<Vec<String>> {
        if !self.server.is_ours() {
            return None;
        }
        let sql = format!(
            "SELECT argument FROM mysql.general_log WHERE command_type = 'Query' AND user_host LIKE '{CONNECTOR}[%'"
        );
        let logged = self.server.texts(&sql).await;
        self.server.run(&["TRUNCATE TABLE mysql.general_log"]).await;
        let ours = logged.iter().filter(|statement| changes(statement));
        Some(ours.map(|statement| masked(statement)).collect())
    }

    async fn cut_after(&self, nth: u32, cut: Cut) -> Cutting {
        let host = match self.server.host.as_str() {
            "localhost" => "127.0.0.1",
            host => host,
        };
        let server = format!("{host}:{}", self.server.port);
        let proxy = Proxy::start(Wire::MySql, server, nth, cut).await;
        let way = Way {
            host: "127.0.0.1".to_owned(),
            port: proxy.port,
            tls: "disable",
            ca: None,
            ..self.way()
        };
        Cutting {
            provider: self.build(&way),
            was_cut: Arc::new(move || proxy.was_cut()),
        }
    }

    async fn lacking(&self) -> Option<Lacking> {
        self.server
            .run(&[
                "CREATE USER reduced@'%' IDENTIFIED BY 'reduced-pw'",
                "GRANT SELECT ON *.* TO reduced@'%'",
            ])
            .await;
        let provider = self.build(&Way {
            user: "reduced",
            password: "reduced-pw",
            ..self.way()
        });
        let own: &[&str] = match self.engine {
            Engine::MariaDb => &[
                "GRANT CONNECTION ADMIN ON *.*",
                "GRANT UPDATE ON mysql.* TO 'reduced'@'%'",
            ],
            Engine::MySql => &["GRANT CONNECTION_ADMIN ON *.*", "GRANT ROLE_ADMIN ON *.*"],
        };
        let both = [
            "GRANT SELECT ON *.* TO 'reduced'@'%' WITH GRANT OPTION",
            "GRANT CREATE USER ON *.* TO 'reduced'@'%'",
            "GRANT PROCESS ON *.* TO 'reduced'@'%'",
        ];
        Some(Lacking {
            provider,
            names: both.iter().chain(own).map(|name| (*name).to_owned()).collect(),
        })
    }

    async fn someone(&self) -> Option<Standing> {
        let who = format!("{}@'%'", literal(SOMEONE));
        let sql = format!(
            "CREATE USER IF NOT EXISTS {who} IDENTIFIED BY {}",
            literal(SOMEONE_PASSWORD)
        );
        self.server.run(&[&sql]).await;
        let person = Person {
            id: "ann".to_owned(),
            email: "ann@example.com".to_owned(),
            login: Some(SOMEONE.to_owned()),
        };
        Some(Standing {
            person,
            credential: Secret::new(SOMEONE_PASSWORD),
        })
    }

    async fn give_standing(&self, login: &str, thing: &Thing) {
        let sql = format!(
            "GRANT SELECT ON {}.* TO {}@'%'",
            pattern(&thing.at.id[0]),
            literal(login)
        );
        self.server.run(&[&sql]).await;
    }

    async fn make_stranger(&self, login: &str) {
        let attributes = match self.engine {
            Engine::MySql => " ATTRIBUTE '{\"owner\": \"web\"}'",
            Engine::MariaDb => "",
        };
        let sql = format!(
            "CREATE USER {}@'%' IDENTIFIED BY 'theirs'{attributes}",
            literal(login)
        );
        self.server.run(&[&sql]).await;
    }

    fn has_marks(&self) -> bool {
        true
    }

    async fn own_something(&self, _login: &str, _credential: &Secret) -> Option<Owned> {
        // Nothing belongs to whoever made it; what runs with their rights has a case of its own.
        None
    }

    async fn owner_of(&self, _owned: &Owned) -> Option<String> {
        None
    }

    async fn vanish(&self, login: &str) {
        let sql = format!("DROP USER {}@'%'", literal(login));
        self.server.run(&[&sql]).await;
    }

    async fn expiry(&self, _login: &str) -> Option<DateTime<Utc>> {
        None
    }

    async fn add_below(&self, _thing: &Thing) -> Option<Thing> {
        self.server.run(&["CREATE TABLE orders.added (id int)"]).await;
        Some(thing("table", &["orders", "added"], "read"))
    }

    async fn break_part(&self) -> Option<()> {
        None
    }

    async fn mend_part(&self) {}

    async fn hostile(&self) -> Vec<Named> {
        names::hostile(self).await
    }

    async fn longest(&self) -> Vec<Named> {
        names::longest(self).await
    }

    fn typed(&self) -> Vec<Named> {
        names::typed()
    }

    async fn limit_pace(&self) -> bool {
        false
    }

    async fn dawdle(&self) -> bool {
        false
    }

    async fn hurry(&self) {}

    async fn done(&self) {
        self.server.clear().await;
        if self.server.is_ours() {
            self.server.run(&["TRUNCATE TABLE mysql.general_log"]).await;
        }
    }
}
