//! One case's database as the suite sees it.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use latchkey::{
    providers::{
        Mark, Person, Provider, Registration, ResourceRef,
        tls::SslMode,
        vertica::{REGISTRATION, wire::Connection},
    },
    secrets::Secret,
};
use tokio::sync::Mutex;

use super::{
    own, snapshot,
    world::{CONNECTOR_PASSWORD, Server, Way, World, all_run, literal, quoted},
};
use crate::{
    proxy::{Proxy, Wire},
    target::{Cut, Cutting, Lacking, Named, Offer, Owned, Session, Setting, Standing, Target, Thing},
};

const SOMEONE: &str = "Ann O'Neil";
const SOMEONE_PASSWORD: &str = "anns-own-pw-1";

struct Live {
    connection: Connection,
    server: Server,
}

#[async_trait]
impl Session for Live {
    async fn alive(&mut self) -> bool {
        self.connection.query("SELECT 1").await.is_ok()
    }

    async fn can(&mut self, thing: &Thing) -> bool {
        let world = World {
            fake: None,
            server: self.server.clone(),
            place: std::path::PathBuf::new(),
            baseline: Arc::default(),
            admin: Mutex::default(),
        };
        let statements = world.proof(thing).await;
        all_run(&mut self.connection, &statements).await
    }
}

pub fn thing(kind: &str, id: &[&str], permission: &str) -> Thing {
    let title = match kind {
        "role" => format!("role/{}", id[1]),
        _ => id.join("/"),
    };
    let at = ResourceRef {
        kind: kind.to_owned(),
        id: id.iter().map(|part| (*part).to_owned()).collect(),
        title,
    };
    Thing {
        at,
        permission: permission.to_owned(),
    }
}

impl World {
    pub fn thing(&self, kind: &str, inside: &[&str], permission: &str) -> Thing {
        let mut id = vec![self.server.database.as_str()];
        id.extend(inside);
        thing(kind, &id, permission)
    }
}

/// Statements that change something; looks and settings are no deeds.
fn changes(statement: &str) -> bool {
    [
        "CREATE",
        "ALTER",
        "DROP",
        "GRANT",
        "REVOKE",
        "COMMENT",
        "SELECT CLOSE_",
    ]
    .iter()
    .any(|verb| statement.starts_with(verb))
}

/// A password in the log is where a mask is in what is shown.
fn masked(statement: &str) -> String {
    let Some((before, rest)) = statement.split_once("IDENTIFIED BY '") else {
        return statement.to_owned();
    };
    let after = rest.split_once('\'').map_or("", |(_, after)| after);
    format!("{before}IDENTIFIED BY '***'{after}")
}

#[async_trait]
impl Target for World {
    fn registration(&self) -> &'static Registration {
        &REGISTRATION
    }

    fn mark(&self) -> Mark {
        Mark::new(self.way().installation, "warehouse")
    }

    fn offer(&self) -> Offer {
        let schema = |name, permission| self.thing("schema", &[name], permission);
        let table = |name, permission| self.thing("table", &["sales", name], permission);
        Offer {
            read: schema("sales", "read"),
            write: schema("sales", "read-write"),
            other: schema("web", "read"),
            nowhere: schema("nowhere", "read"),
            more: vec![
                schema("sales", "admin"),
                self.thing("database", &[], "read"),
                self.thing("database", &[], "read-write"),
                self.thing("database", &[], "admin"),
                table("items", "read"),
                table("items", "read-write"),
                table("items", "admin"),
                table("names", "read"),
                thing("role", &["*", "readers"], "member"),
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
        let mut all: Vec<Secret> = [CONNECTOR_PASSWORD, "not-the-password"]
            .into_iter()
            .map(Secret::new)
            .collect();
        all.push(self.server.admin_password.clone());
        all
    }

    async fn can(&self, login: &str, credential: &Secret, thing: &Thing) -> bool {
        let statements = self.proof(thing).await;
        match self.server.connect(login, credential).await {
            Some(mut connection) => {
                let can = all_run(&mut connection, &statements).await;
                connection.close().await;
                can
            }
            None => false,
        }
    }

    async fn can_log_in(&self, login: &str, credential: &Secret) -> bool {
        match self.server.connect(login, credential).await {
            Some(connection) => {
                connection.close().await;
                true
            }
            None => false,
        }
    }

    async fn open_session(&self, login: &str, credential: &Secret) -> Option<Box<dyn Session>> {
        let connection = self.server.connect(login, credential).await?;
        Some(Box::new(Live {
            connection,
            server: self.server.clone(),
        }))
    }

    async fn everything(&self) -> BTreeSet<String> {
        snapshot::take(self).await
    }

    async fn ran(&self) -> Option<Vec<String>> {
        // A real server keeps such a log, but not in the order in which things ended.
        let log = self.fake.as_ref()?.take_log("latchkey");
        Some(
            log.iter()
                .filter(|statement| changes(statement))
                .map(|statement| masked(statement))
                .collect(),
        )
    }

    async fn cut_after(&self, nth: u32, cut: Cut) -> Cutting {
        let server = format!("{}:{}", self.server.host, self.server.port);
        let proxy = Proxy::start(Wire::Postgres, server, nth, cut).await;
        let way = Way {
            host: "127.0.0.1".to_owned(),
            port: proxy.port,
            ssl_mode: SslMode::Disable,
            ca: None,
            ..self.way()
        };
        Cutting {
            provider: self.build(&way),
            was_cut: Arc::new(move || proxy.was_cut()),
        }
    }

    async fn lacking(&self) -> Option<Lacking> {
        self.run("CREATE USER reduced IDENTIFIED BY 'reduced-pw-1'").await;
        let provider = self.build(&Way {
            user: "reduced",
            password: "reduced-pw-1",
            ..self.way()
        });
        Some(Lacking {
            provider,
            names: vec![
                "GRANT pseudosuperuser TO \"reduced\"".to_owned(),
                "ALTER USER \"reduced\" DEFAULT ROLE pseudosuperuser".to_owned(),
            ],
        })
    }

    async fn someone(&self) -> Option<Standing> {
        let sql = format!(
            "SELECT user_id FROM v_catalog.users WHERE user_name = {}",
            literal(SOMEONE)
        );
        if self.rows(&sql).await.is_empty() {
            let password = literal(SOMEONE_PASSWORD);
            self.run(&format!(
                "CREATE USER {} IDENTIFIED BY {password}",
                quoted(SOMEONE)
            ))
            .await;
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
        let (schema, to) = (quoted(&thing.at.id[1]), quoted(login));
        self.run(&format!("GRANT USAGE ON SCHEMA {schema} TO {to}")).await;
        self.run(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {to}"))
            .await;
    }

    async fn make_stranger(&self, login: &str) {
        self.run(&format!(
            "CREATE USER {} IDENTIFIED BY 'theirs-pw-1'",
            quoted(login)
        ))
        .await;
    }

    fn has_marks(&self) -> bool {
        true
    }

    async fn own_something(&self, login: &str, credential: &Secret) -> Option<Owned> {
        let mut connection = self
            .server
            .connect(login, credential)
            .await
            .expect("the login gets in");
        for statement in [
            "CREATE TABLE workshop.precious (n INT)",
            "INSERT INTO workshop.precious VALUES (42)",
        ] {
            let made = connection.query(statement).await;
            made.unwrap_or_else(|error| panic!("everybody may make things there: {error}"));
        }
        connection.close().await;
        Some(Owned {
            place: vec!["workshop".to_owned()],
            name: "precious".to_owned(),
        })
    }

    async fn owner_of(&self, owned: &Owned) -> Option<String> {
        let sql = format!(
            "SELECT owner_name FROM v_catalog.tables WHERE table_schema = {} AND table_name = {}",
            literal(&owned.place[0]),
            literal(&owned.name)
        );
        let owner = self.rows(&sql).await.into_iter().flatten().next()?;
        let kept = self
            .rows(&format!(
                "SELECT n FROM {}.{}",
                quoted(&owned.place[0]),
                quoted(&owned.name)
            ))
            .await;
        assert_eq!(kept, [["42"]], "its rows are there still");
        Some(owner)
    }

    async fn vanish(&self, login: &str) {
        self.run(&format!("DROP USER {} CASCADE", quoted(login))).await;
    }

    async fn expiry(&self, _login: &str) -> Option<DateTime<Utc>> {
        None
    }

    async fn add_below(&self, _thing: &Thing) -> Option<Thing> {
        self.run_all(&[
            "CREATE TABLE sales.added (id INT)",
            "ALTER TABLE sales.added OWNER TO third_owner",
        ])
        .await;
        Some(self.thing("table", &["sales", "added"], "read"))
    }

    async fn break_part(&self) -> Option<()> {
        None
    }

    async fn mend_part(&self) {}

    async fn hostile(&self) -> Vec<Named> {
        own::hostile(self).await
    }

    async fn longest(&self) -> Vec<Named> {
        own::longest(self).await
    }

    fn typed(&self) -> Vec<Named> {
        let under = |why: &'static str, name: &str| Named {
            why,
            thing: self.thing("table", &["sales", name], "read"),
        };
        vec![
            under("no such table", "nothing"),
            under("a second statement", "items\"; DROP TABLE sales.items; --"),
            under("a literal's end", "items'; DROP TABLE sales.items; --"),
            under("another schema", "web.pages"),
            under("a sequence", "ids"),
            under("a function", "twice"),
            under("one byte too long", &"x".repeat(129)),
            under("a NUL", "items\0"),
            under("nothing at all", ""),
            Named {
                why: "the server's own",
                thing: self.thing("table", &["v_catalog", "users"], "read"),
            },
            Named {
                why: "another database",
                thing: thing("table", &["elsewhere", "sales", "items"], "read"),
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
        if self.fake.is_none() {
            self.clear().await;
        }
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
