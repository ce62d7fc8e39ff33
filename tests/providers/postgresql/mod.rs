//! PostgreSQL under test: a real server, started here and stopped with the process.

mod own;
mod server;
mod snapshot;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use latchkey::{
    providers::{
        Mark, Person, Provider, Registration, ResourceRef, Setup, page::Against, postgresql::REGISTRATION,
    },
    secrets::Secret,
};
use tokio_postgres::Client;

use self::server::{Server, VARIABLE, free_port, literal, quoted};
use crate::proxy::{Proxy, Wire};
use crate::target::{
    Case, Cut, Cutting, Kind, Lacking, Named, Offer, Owned, Session, Setting, Standing, Target, Thing,
};

const CONNECTOR: &str = "latchkey_connector";
const CONNECTOR_PASSWORD: &str = "own-pw-Kc7w";
const SOMEONE: &str = "Ann O'Neil";
const SOMEONE_PASSWORD: &str = "anns-own-pw";

/// What every case starts from: a database whose owner is no login of ours, with tables of two owners and without
/// `CONNECT` for everybody; another one of the administrator's; and one where everybody may make things.
const WORLD: &str = r#"
CREATE ROLE latchkey_connector LOGIN SUPERUSER PASSWORD 'own-pw-Kc7w';
CREATE ROLE orders_owner; CREATE ROLE third_owner; CREATE ROLE readers;
COMMENT ON ROLE readers IS 'People who read. owner=dba';
"#;
const ORDERS: &str = r#"
REVOKE CONNECT ON DATABASE orders FROM PUBLIC;
COMMENT ON DATABASE orders IS 'All orders, owner=dba';
CREATE SCHEMA sales AUTHORIZATION orders_owner;
CREATE TABLE sales.items (id serial PRIMARY KEY, name text); INSERT INTO sales.items (name) VALUES ('one'), ('two');
ALTER TABLE sales.items OWNER TO orders_owner;
CREATE TABLE sales.extras (id serial, name text); ALTER TABLE sales.extras OWNER TO third_owner;
CREATE TABLE public.notes (note text DEFAULT 'none'); ALTER TABLE public.notes OWNER TO orders_owner;
CREATE VIEW sales.names AS SELECT name FROM sales.items; ALTER VIEW sales.names OWNER TO orders_owner;
CREATE FUNCTION sales.double(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
REVOKE EXECUTE ON FUNCTION sales.double FROM PUBLIC; ALTER FUNCTION sales.double OWNER TO orders_owner;
GRANT CONNECT ON DATABASE orders TO readers; GRANT USAGE ON SCHEMA sales TO readers; GRANT SELECT ON sales.names TO readers;
"#;

pub async fn start() -> Result<Box<dyn Kind>, String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the user's own server, for the suite alone"
    )]
    let dsn = std::env::var(VARIABLE).ok();
    let server = match dsn {
        Some(dsn) => Server::of_the_user(&dsn)?,
        None => tokio::task::spawn_blocking(Server::start)
            .await
            .map_err(|error| error.to_string())??,
    };
    Ok(Box::new(Postgres {
        server: Arc::new(server),
    }))
}

pub struct Postgres {
    server: Arc<Server>,
}

#[async_trait]
impl Kind for Postgres {
    async fn fresh(&self) -> Box<dyn Target> {
        Box::new(self.world().await)
    }

    async fn against(&self) -> Against {
        let rows = self.server.rows("postgres", "SHOW server_version").await;
        let shown: String = rows.first().map(|row| row.get(0)).unwrap_or_default();
        let version = shown.split(' ').next().unwrap_or_default();
        Against::RealServer {
            name: format!("PostgreSQL {version}"),
        }
    }

    fn own_cases(&self) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
        own::all(self)
    }

    async fn stop(&self) {
        // Dropping the last of it stops the server.
        for database in ["postgres", "orders", "other", "workshop"] {
            self.server.forget_client(database).await;
        }
    }
}

impl Postgres {
    pub async fn world(&self) -> World {
        let world = World {
            server: Arc::clone(&self.server),
            log: AtomicU64::new(0),
        };
        world.done().await;
        world.server.run("postgres", WORLD).await;
        let admin = self.server.admin.as_str();
        for (database, owner) in [("orders", "orders_owner"), ("other", admin), ("workshop", admin)] {
            world.make_database(database, owner).await;
        }
        world.server.run("orders", ORDERS).await;
        world.server.run("other", "CREATE TABLE things (id int)").await;
        world
            .server
            .run("workshop", "GRANT CREATE ON SCHEMA public TO PUBLIC")
            .await;
        world
    }
}

/// One case's server: the same process, emptied.
pub struct World {
    pub server: Arc<Server>,
    log: AtomicU64,
}

/// Where and how a provider of the suite connects.
pub struct Way<'a> {
    pub host: &'a str,
    pub port: u16,
    pub user: &'static str,
    pub password: &'static str,
    pub ssl_mode: &'static str,
    pub ca: Option<&'static str>,
    pub installation: &'static str,
}

impl World {
    pub fn way(&self) -> Way<'_> {
        let ours = self.server.is_ours();
        Way {
            host: if ours { "localhost" } else { &self.server.host },
            port: self.server.port,
            user: CONNECTOR,
            password: CONNECTOR_PASSWORD,
            ssl_mode: if ours {
                "verify-full"
            } else {
                self.server.ssl_mode.as_str()
            },
            ca: ours.then_some("ca.crt"),
            installation: "suite",
        }
    }

    pub fn build(&self, way: &Way<'_>) -> Box<dyn Provider> {
        let mut config = toml::Table::new();
        config.insert("hostname".to_owned(), way.host.into());
        config.insert("port".to_owned(), i64::from(way.port).into());
        config.insert("ssl_mode".to_owned(), way.ssl_mode.into());
        if let Some(ca) = way.ca {
            config.insert("tls_ca".to_owned(), format!("file:tls/{ca}").into());
        }
        let secret = BTreeMap::from([
            ("username".to_owned(), Secret::new(way.user)),
            ("password".to_owned(), Secret::new(way.password)),
        ]);
        let mark = Mark::new(way.installation, "orders-pg");
        let setup = Setup {
            mark,
            config,
            secret,
            base_dir: self.server.place(),
        };
        (REGISTRATION.build)(setup).expect("a provider")
    }

    async fn make_database(&self, name: &str, owner: &str) {
        let sql = format!(
            "CREATE DATABASE {} OWNER {} STRATEGY file_copy",
            quoted(name),
            quoted(owner)
        );
        self.server.run("postgres", &sql).await;
    }

    pub fn connect(
        &self,
        database: &str,
        login: &str,
        credential: &Secret,
    ) -> BoxFuture<'static, Option<Client>> {
        let (server, database, login) = (Arc::clone(&self.server), database.to_owned(), login.to_owned());
        let credential = credential.clone();
        Box::pin(async move { server.connect(&database, &login, credential.expose()).await.ok() })
    }

    /// Statements that all succeed exactly if the thing is given; rolled back each.
    pub async fn proof(&self, thing: &Thing) -> (String, Vec<String>) {
        let id = &thing.at.id;
        let (database, filter) = match thing.at.kind.as_str() {
            "database" => (id[0].clone(), String::new()),
            "schema" => (id[0].clone(), format!(" AND n.nspname = {}", literal(&id[1]))),
            "table" => {
                let filter = format!(
                    " AND n.nspname = {} AND c.relname = {}",
                    literal(&id[1]),
                    literal(&id[2])
                );
                (id[0].clone(), filter)
            }
            "role" => {
                let member = format!(
                    "SELECT 1 / pg_has_role(current_user, {}, 'USAGE')::int",
                    literal(&id[1])
                );
                return ("postgres".to_owned(), vec![member]);
            }
            _ => ("orders".to_owned(), String::new()),
        };
        let there = self
            .server
            .rows(
                "postgres",
                &format!("SELECT 1 FROM pg_database WHERE datname = {}", literal(&database)),
            )
            .await;
        if there.is_empty() {
            return (database, vec!["SELECT 1 / 0".to_owned()]);
        }
        let sql = format!(
            "SELECT n.nspname::text, c.relname::text, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'v') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'{filter}"
        );
        let mut all = Vec::new();
        for row in self.server.rows(&database, &sql).await {
            let table = format!("{}.{}", quoted(row.get(0)), quoted(row.get(1)));
            let is_table = row.get::<_, &str>(2) == "r";
            all.push(format!("SELECT * FROM {table} LIMIT 1"));
            if thing.permission != "read" && is_table {
                all.push(format!("INSERT INTO {table} DEFAULT VALUES"));
                all.push(format!("DELETE FROM {table}"));
            }
            if thing.permission == "admin" && is_table {
                all.push(format!("TRUNCATE {table}"));
            }
        }
        if thing.permission == "admin" && thing.at.kind == "schema" {
            all.push(format!("CREATE TABLE {}.made (id int)", quoted(&id[1])));
        }
        if thing.permission == "admin" && thing.at.kind == "database" {
            all.push("CREATE SCHEMA made".to_owned());
        }
        if all.is_empty() {
            // Nothing in it: to be let in is all there is.
            all.push("SELECT 1".to_owned());
        }
        (database, all)
    }
}

/// Whether every statement is allowed; what they did is undone.
async fn all_run(client: &Client, statements: &[String]) -> bool {
    for statement in statements {
        let ran = client
            .batch_execute(&format!("BEGIN; {statement}; ROLLBACK"))
            .await;
        if ran.is_err() {
            drop(client.batch_execute("ROLLBACK").await);
            return false;
        }
    }
    true
}

struct Live {
    client: Client,
    world: World,
}

#[async_trait]
impl Session for Live {
    async fn alive(&mut self) -> bool {
        self.client.batch_execute("SELECT 1").await.is_ok()
    }

    async fn can(&mut self, thing: &Thing) -> bool {
        let (_, statements) = self.world.proof(thing).await;
        all_run(&self.client, &statements).await
    }
}

pub fn at(kind: &str, id: &[&str]) -> ResourceRef {
    let title = match kind {
        "role" => format!("role/{}", id[1]),
        "instance" => "instance".to_owned(),
        _ => id.join("/"),
    };
    ResourceRef {
        kind: kind.to_owned(),
        id: id.iter().map(|part| (*part).to_owned()).collect(),
        title,
    }
}

pub fn thing(kind: &str, id: &[&str], permission: &str) -> Thing {
    Thing {
        at: at(kind, id),
        permission: permission.to_owned(),
    }
}

/// Statements that change something; looks and transactions are no deeds.
fn changes(statement: &str) -> bool {
    [
        "CREATE",
        "ALTER",
        "DROP",
        "GRANT",
        "REVOKE",
        "COMMENT",
        "REASSIGN",
        "SELECT pg_terminate_backend",
    ]
    .iter()
    .any(|verb| statement.starts_with(verb))
}

/// A verifier in the log is where a mask is in what is shown.
fn masked(statement: &str) -> String {
    let Some((before, rest)) = statement.split_once("'SCRAM-SHA-256$") else {
        return statement.to_owned();
    };
    let after = rest.split_once('\'').map_or("", |(_, after)| after);
    format!("{before}'***'{after}")
}

#[async_trait]
impl Target for World {
    fn registration(&self) -> &'static Registration {
        &REGISTRATION
    }

    fn mark(&self) -> Mark {
        Mark::new(self.way().installation, "orders-pg")
    }

    fn offer(&self) -> Offer {
        Offer {
            read: thing("database", &["orders"], "read"),
            write: thing("database", &["orders"], "read-write"),
            other: thing("database", &["other"], "read"),
            nowhere: thing("database", &["nowhere"], "read"),
            more: vec![
                thing("database", &["orders"], "admin"),
                thing("schema", &["orders", "sales"], "read"),
                thing("schema", &["orders", "sales"], "read-write"),
                thing("schema", &["orders", "sales"], "admin"),
                thing("table", &["orders", "sales", "items"], "read"),
                thing("table", &["orders", "sales", "items"], "read-write"),
                thing("table", &["orders", "sales", "items"], "admin"),
                thing("table", &["orders", "sales", "names"], "read"),
                thing("role", &["*", "readers"], "member"),
                thing("instance", &["*"], "read"),
                thing("instance", &["*"], "read-write"),
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
                port: free_port(),
                ..way
            },
        })
    }

    fn own_secrets(&self) -> Vec<Secret> {
        [
            CONNECTOR_PASSWORD,
            "not-the-password",
            &self.server.admin_password,
        ]
        .into_iter()
        .map(Secret::new)
        .collect()
    }

    async fn can(&self, login: &str, credential: &Secret, thing: &Thing) -> bool {
        let (database, statements) = self.proof(thing).await;
        match self.connect(&database, login, credential).await {
            Some(client) => all_run(&client, &statements).await,
            None => false,
        }
    }

    async fn can_log_in(&self, login: &str, credential: &Secret) -> bool {
        self.connect("postgres", login, credential).await.is_some()
    }

    async fn open_session(&self, login: &str, credential: &Secret) -> Option<Box<dyn Session>> {
        let client = match self.connect("orders", login, credential).await {
            Some(client) => client,
            None => self.connect("postgres", login, credential).await?,
        };
        let world = World {
            server: Arc::clone(&self.server),
            log: AtomicU64::new(0),
        };
        Some(Box::new(Live { client, world }))
    }

    async fn everything(&self) -> BTreeSet<String> {
        snapshot::take(&self.server).await
    }

    async fn ran(&self) -> Option<Vec<String>> {
        if !self.server.is_ours() {
            return None;
        }
        let mut from = self.log.load(Ordering::SeqCst);
        let logged = self.server.logged(&mut from).await;
        self.log.store(from, Ordering::SeqCst);
        let ours = logged
            .into_iter()
            .filter(|(application, statement)| application == "latchkey" && changes(statement));
        Some(ours.map(|(_, statement)| masked(&statement)).collect())
    }

    async fn cut_after(&self, nth: u32, cut: Cut) -> Cutting {
        let server = format!("{}:{}", self.server.host, self.server.port);
        let proxy = Proxy::start(Wire::Postgres, server, nth, cut).await;
        let way = Way {
            host: "127.0.0.1",
            port: proxy.port,
            // What is encrypted cannot be counted.
            ssl_mode: "disable",
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
            .run(
                "postgres",
                "CREATE ROLE reduced LOGIN PASSWORD 'reduced-pw'; GRANT third_owner, pg_read_all_stats TO reduced",
            )
            .await;
        let provider = self.build(&Way {
            user: "reduced",
            password: "reduced-pw",
            ..self.way()
        });
        let names = [
            "ALTER ROLE \"reduced\" CREATEROLE",
            "GRANT \"orders_owner\" TO \"reduced\"",
            "GRANT pg_signal_backend TO",
        ];
        Some(Lacking {
            provider,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    async fn someone(&self) -> Option<Standing> {
        let known = self
            .server
            .rows(
                "postgres",
                &format!("SELECT 1 FROM pg_roles WHERE rolname = {}", literal(SOMEONE)),
            )
            .await;
        if known.is_empty() {
            let sql = format!(
                "CREATE ROLE {} LOGIN PASSWORD {}",
                quoted(SOMEONE),
                literal(SOMEONE_PASSWORD)
            );
            self.server.run("postgres", &sql).await;
        }
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
        let (database, to) = (&thing.at.id[0], quoted(login));
        let mut sql = format!("GRANT CONNECT ON DATABASE {} TO {to}", quoted(database));
        for schema in self.server.rows(database, "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'").await {
            let schema = quoted(schema.get(0));
            sql += &format!("; GRANT USAGE ON SCHEMA {schema} TO {to}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {to}");
        }
        self.server.run(database, &sql).await;
    }

    async fn make_stranger(&self, login: &str) {
        let login = quoted(login);
        let sql = format!(
            "CREATE ROLE {login} LOGIN PASSWORD 'theirs'; COMMENT ON ROLE {login} IS 'a service, owner=web'"
        );
        self.server.run("postgres", &sql).await;
    }

    fn has_marks(&self) -> bool {
        true
    }

    async fn own_something(&self, login: &str, credential: &Secret) -> Option<Owned> {
        let client = self
            .connect("workshop", login, credential)
            .await
            .expect("everybody may go to the workshop");
        client
            .batch_execute("CREATE TABLE public.precious AS SELECT 42 AS n")
            .await
            .expect("everybody may make things there");
        Some(Owned {
            place: vec!["workshop".to_owned(), "public".to_owned()],
            name: "precious".to_owned(),
        })
    }

    async fn owner_of(&self, owned: &Owned) -> Option<String> {
        let table = format!("{}.{}", quoted(&owned.place[1]), quoted(&owned.name));
        let rows = self
            .server
            .rows(
                &owned.place[0],
                &format!(
                    "SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE oid = to_regclass({})",
                    literal(&table)
                ),
            )
            .await;
        let owner = rows.first().map(|row| row.get(0));
        if owner.is_some() {
            let kept = self
                .server
                .rows(&owned.place[0], &format!("SELECT n FROM {table}"))
                .await;
            assert_eq!(kept.len(), 1, "its rows are there still");
        }
        owner
    }

    async fn vanish(&self, login: &str) {
        for database in ["orders", "other", "workshop", "postgres"] {
            self.server
                .run(database, &format!("DROP OWNED BY {}", quoted(login)))
                .await;
        }
        self.server
            .run("postgres", &format!("DROP ROLE {}", quoted(login)))
            .await;
    }

    async fn expiry(&self, login: &str) -> Option<DateTime<Utc>> {
        let sql = format!(
            "SELECT extract(epoch FROM rolvaliduntil)::int8 FROM pg_roles WHERE rolname = {}",
            literal(login)
        );
        let rows = self.server.rows("postgres", &sql).await;
        rows.first()?
            .get::<_, Option<i64>>(0)
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
    }

    async fn add_below(&self, _thing: &Thing) -> Option<Thing> {
        self.server
            .run(
                "orders",
                "CREATE ROLE newcomer; GRANT USAGE, CREATE ON SCHEMA sales TO newcomer; SET ROLE newcomer; \
                 CREATE TABLE sales.added (id int); RESET ROLE; \
                 SET ROLE orders_owner; CREATE TABLE sales.expected (id int); RESET ROLE",
            )
            .await;
        Some(thing("table", &["orders", "sales", "added"], "read"))
    }

    async fn break_part(&self) -> Option<()> {
        self.server.rows("other", "SELECT 1").await;
        self.server
            .run("postgres", "ALTER DATABASE other ALLOW_CONNECTIONS false")
            .await;
        Some(())
    }

    async fn mend_part(&self) {
        self.server
            .run("postgres", "ALTER DATABASE other ALLOW_CONNECTIONS true")
            .await;
    }

    async fn hostile(&self) -> Vec<Named> {
        own::hostile(self).await
    }

    async fn longest(&self) -> Vec<Named> {
        own::longest(self).await
    }

    fn typed(&self) -> Vec<Named> {
        let under = |why: &'static str, name: &str| Named {
            why,
            thing: thing("table", &["orders", "sales", name], "read"),
        };
        vec![
            under("no such table", "nothing"),
            under("a second statement", "items\"; DROP TABLE sales.items; --"),
            under("a literal's end", "items'; DROP TABLE sales.items; --"),
            under("another schema", "public.notes"),
            under("a sequence", "items_id_seq"),
            under("one byte too long", &"x".repeat(64)),
            under("a NUL", "items\0"),
            under("nothing at all", ""),
            under("as a catalogue is named", "pg_authid"),
            Named {
                why: "the server's own",
                thing: thing("table", &["orders", "pg_catalog", "pg_authid"], "read"),
            },
        ]
    }

    async fn limit_pace(&self) -> bool {
        false
    }

    async fn dawdle(&self) -> bool {
        false
    }

    async fn hurry(&self) {}

    async fn done(&self) {
        let server = &self.server;
        let databases =
            "SELECT datname::text FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'";
        for row in server.rows("postgres", databases).await {
            let database: String = row.get(0);
            server.forget_client(&database).await;
            server
                .run(
                    "postgres",
                    &format!("DROP DATABASE {} WITH (FORCE)", quoted(&database)),
                )
                .await;
        }
        let roles = format!(
            "SELECT rolname::text FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> {}",
            literal(&self.server.admin)
        );
        for row in server.rows("postgres", &roles).await {
            let role = quoted(row.get(0));
            server
                .run("postgres", &format!("DROP OWNED BY {role}; DROP ROLE {role}"))
                .await;
        }
    }
}
