//! SQL Server under test: a model of it (`fake`), or a server of the user's that `MSSQL_TEST_DSN` names.
//!
//! `MSSQL_TEST_DSN=mssql://sa:password@host:1433/?tls=insecure`: a server with no databases of its own, whose `sa` may do all.

mod admin;
mod fake;
mod names;
mod own;
mod snapshot;
mod world;

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use latchkey::{
    providers::{Mark, Person, Provider, Registration, ResourceRef, mssql::REGISTRATION, page::Against},
    secrets::Secret,
};

use self::{
    admin::{Admin, Link, Place, literal, quoted},
    fake::model::Model,
    world::{Proof, Way, World},
};
use crate::{
    proxy::{Proxy, Wire},
    target::{
        Case, Cut, Cutting, Kind, Lacking, Named, Offer, Owned, Session, Setting, Standing, Target, Thing,
    },
};

const CONNECTOR: &str = "latchkey_connector";
const CONNECTOR_PASSWORD: &str = "own-pw-Kc7w";
const ADMIN_PASSWORD: &str = "Admin-pw-7391";
const SOMEONE: &str = "Ann O'Neil";
const SOMEONE_PASSWORD: &str = "her-own-Pw-1";
const STRANGER_PASSWORD: &str = "Theirs-alone-1";

pub async fn start() -> Result<Box<dyn Kind>, String> {
    #[expect(clippy::disallowed_methods, reason = "the user's server is named so")]
    let dsn = std::env::var("MSSQL_TEST_DSN").ok();
    let Some(dsn) = dsn else {
        return Ok(Box::new(Mssql {
            real: None,
            certificates: Some(certificates()?),
        }));
    };
    let place = Place::parse(&dsn)?;
    let admin = Admin::new(place.clone());
    let there = snapshot::databases(&admin).await;
    if !there.is_empty() {
        return Err(format!(
            "the server has databases of its own ({}): the suite needs one without",
            there.join(", ")
        ));
    }
    Ok(Box::new(Mssql {
        real: Some(place),
        certificates: None,
    }))
}

fn certificates() -> Result<tempfile::TempDir, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/providers/mssql/certificates.sh"
    );
    let made = std::process::Command::new("bash")
        .arg(script)
        .arg(folder.path())
        .status();
    match made {
        Ok(status) if status.success() => Ok(folder),
        _ => Err("no certificates could be made (Debian: apt-get install openssl)".to_owned()),
    }
}

pub struct Mssql {
    real: Option<Place>,
    certificates: Option<tempfile::TempDir>,
}

#[async_trait]
impl Kind for Mssql {
    async fn fresh(&self) -> Box<dyn Target> {
        Box::new(self.world().await)
    }

    async fn against(&self) -> Against {
        match &self.real {
            None => Against::Simulator {
                vouched_by: vec![
                    "Python `python-tds` for the model's wire protocol".to_owned(),
                    "pySQLbridge, another TDS server, for our client's".to_owned(),
                ],
            },
            Some(place) => {
                let admin = Admin::new(place.clone());
                let sql = "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128))";
                Against::RealServer {
                    name: format!("SQL Server {}", admin.rows(sql).await.concat().concat()),
                }
            }
        }
    }

    fn own_cases(&self) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
        own::all(self)
    }

    async fn stop(&self) {}
}

impl Mssql {
    pub async fn world(&self) -> World {
        let (fake, place) = match (&self.real, &self.certificates) {
            (None, Some(certificates)) => {
                let model = Model::new("sa", ADMIN_PASSWORD);
                let fake = fake::Server::start(model, Some(certificates.path())).await;
                let place = Place {
                    host: "127.0.0.1".to_owned(),
                    port: fake.port,
                    admin: "sa".to_owned(),
                    password: Secret::new(ADMIN_PASSWORD),
                    tls: "verify".to_owned(),
                    certificates: Some(certificates.path().to_owned()),
                };
                (Some(Arc::new(fake)), place)
            }
            (Some(place), _) => (None, place.clone()),
            (None, None) => unreachable!("either is there"),
        };
        let world = World::at(fake, place);
        world.done().await;
        world.build_up().await;
        world
    }
}

/// Whether all of it is allowed; what was done is undone.
pub async fn all_hold(link: &mut Link, proofs: &[Proof]) -> bool {
    for proof in proofs {
        match proof {
            Proof::IsOne(sql) => match admin::rows(link, sql).await {
                Ok(rows) if rows.concat() == ["1"] => {}
                _ => return false,
            },
            Proof::Runs(sql) => {
                if admin::run(link, "BEGIN TRANSACTION").await.is_err() {
                    return false;
                }
                let ran = admin::run(link, sql).await.is_ok();
                // A failure may have undone it already.
                drop(admin::run(link, "ROLLBACK TRANSACTION").await);
                if !ran {
                    return false;
                }
            }
        }
    }
    true
}

struct Live {
    link: Link,
    world: World,
}

#[async_trait]
impl Session for Live {
    async fn alive(&mut self) -> bool {
        admin::rows(&mut self.link, "SELECT 1").await.is_ok()
    }

    async fn can(&mut self, thing: &Thing) -> bool {
        let (_, proofs) = self.world.proof(thing).await;
        all_hold(&mut self.link, &proofs).await
    }
}

pub fn at(kind: &str, id: &[&str]) -> ResourceRef {
    let title = match (kind, id) {
        ("role", ["*", role]) => format!("role/{role}"),
        ("role", [database, role]) => format!("{database}/role/{role}"),
        ("instance", _) => "instance".to_owned(),
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

/// Settings and transactions are no deeds.
fn changes(statement: &str) -> bool {
    !["SET ", "BEGIN ", "COMMIT ", "ROLLBACK "]
        .iter()
        .any(|word| statement.starts_with(word))
}

/// As in what is shown: the model's log has all of it, a server's own log masks it too.
fn masked(statement: &str) -> String {
    let Some((before, rest)) = statement.split_once("PASSWORD = N'") else {
        return statement.to_owned();
    };
    let after = rest.split_once('\'').map_or("", |(_, after)| after);
    format!("{before}PASSWORD = N'***'{after}")
}

#[async_trait]
impl Target for World {
    fn registration(&self) -> &'static Registration {
        &REGISTRATION
    }

    fn mark(&self) -> Mark {
        Mark::new(self.way().installation, "orders-mssql")
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
                thing("role", &["orders", "readers"], "member"),
                thing("role", &["*", "operators"], "member"),
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
                password: "not-the-password".to_owned(),
                ..way
            },
            Setting::Down => Way {
                host: "127.0.0.1".to_owned(),
                port: own::free_port(),
                ..way
            },
        })
    }

    fn own_secrets(&self) -> Vec<Secret> {
        let admins = self.admin.place.password.clone();
        vec![
            Secret::new(CONNECTOR_PASSWORD),
            Secret::new("not-the-password"),
            admins,
        ]
    }

    async fn can(&self, login: &str, credential: &Secret, thing: &Thing) -> bool {
        let (database, proofs) = self.proof(thing).await;
        match self.connect(&database, login, credential).await {
            Some(mut link) => all_hold(&mut link, &proofs).await,
            None => false,
        }
    }

    async fn can_log_in(&self, login: &str, credential: &Secret) -> bool {
        self.connect("master", login, credential).await.is_some()
    }

    async fn open_session(&self, login: &str, credential: &Secret) -> Option<Box<dyn Session>> {
        let link = match self.connect("orders", login, credential).await {
            Some(link) => link,
            None => self.connect("master", login, credential).await?,
        };
        let world = self.clone();
        Some(Box::new(Live { link, world }))
    }

    async fn everything(&self) -> BTreeSet<String> {
        snapshot::take(&self.admin).await
    }

    async fn ran(&self) -> Option<Vec<String>> {
        let logged = self.fake.as_ref()?.logged();
        let ours = logged
            .into_iter()
            .filter(|(application, statement)| application == "latchkey" && changes(statement));
        Some(ours.map(|(_, statement)| masked(&statement)).collect())
    }

    async fn cut_after(&self, nth: u32, cut: Cut) -> Cutting {
        let place = &self.admin.place;
        let server = format!("{}:{}", place.host, place.port);
        let proxy = Proxy::start(Wire::Tds, server, nth, cut).await;
        // In the clear, so that the line can tell one call from another.
        let way = Way {
            host: "127.0.0.1".to_owned(),
            port: proxy.port,
            tls: "off".to_owned(),
            ca: None,
            ..self.way()
        };
        Cutting {
            provider: self.build(&way),
            was_cut: Arc::new(move || proxy.was_cut()),
        }
    }

    async fn lacking(&self) -> Option<Lacking> {
        self.make_login("reduced", "Reduced-pw-1").await;
        self.admin.run("GRANT ALTER ANY LOGIN TO [reduced]").await;
        let provider = self.build(&Way {
            user: "reduced".to_owned(),
            password: "Reduced-pw-1".to_owned(),
            ..self.way()
        });
        Some(Lacking {
            provider,
            names: vec!["GRANT CONTROL SERVER TO [reduced]".to_owned()],
        })
    }

    async fn someone(&self) -> Option<Standing> {
        let known = format!(
            "SELECT name FROM sys.server_principals WHERE name = {}",
            literal(SOMEONE)
        );
        if self.admin.rows(&known).await.is_empty() {
            self.make_login(SOMEONE, SOMEONE_PASSWORD).await;
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
        let (database, login) = (&thing.at.id[0], quoted(login));
        self.admin
            .run_in(database, &format!("CREATE USER {login} FOR LOGIN {login}"))
            .await;
        self.admin
            .run_in(
                database,
                &format!("GRANT SELECT ON DATABASE::{} TO {login}", quoted(database)),
            )
            .await;
    }

    async fn make_stranger(&self, login: &str) {
        self.make_login(login, STRANGER_PASSWORD).await;
    }

    /// The SID is the mark.
    fn has_marks(&self) -> bool {
        true
    }

    async fn own_something(&self, login: &str, credential: &Secret) -> Option<Owned> {
        let mut link = self
            .connect("orders", login, credential)
            .await
            .expect("it has a lease there");
        for sql in [
            "CREATE SCHEMA [precious]",
            "CREATE TABLE [precious].[things] (n int)",
            "INSERT INTO [precious].[things] VALUES (42)",
        ] {
            admin::run(&mut link, sql)
                .await
                .expect("everybody there may make schemas and tables");
        }
        Some(Owned {
            place: vec!["orders".to_owned()],
            name: "precious".to_owned(),
        })
    }

    async fn owner_of(&self, owned: &Owned) -> Option<String> {
        let db = quoted(&owned.place[0]);
        let sql = format!(
            "SELECT p.name FROM {db}.sys.schemas s JOIN {db}.sys.database_principals p ON p.principal_id = s.principal_id \
             WHERE s.name = {}",
            literal(&owned.name)
        );
        let owner = self.admin.rows(&sql).await.concat().pop()?;
        let mut link = self
            .connect(
                &owned.place[0],
                &self.admin.place.admin,
                &self.admin.place.password,
            )
            .await?;
        let kept = admin::rows(
            &mut link,
            &format!("SELECT n FROM {}.[things]", quoted(&owned.name)),
        )
        .await;
        assert_eq!(kept.ok()?.concat(), ["42"], "its rows are there still");
        Some(owner)
    }

    async fn vanish(&self, login: &str) {
        for database in snapshot::databases(&self.admin).await {
            let sql = format!(
                "SELECT name FROM {}.sys.database_principals WHERE name = {}",
                quoted(&database),
                literal(login)
            );
            if !self.admin.rows(&sql).await.is_empty() {
                self.admin
                    .run_in(&database, &format!("DROP USER {}", quoted(login)))
                    .await;
            }
        }
        self.drop_login(login).await;
    }

    /// It ends no login by itself.
    async fn expiry(&self, _login: &str) -> Option<DateTime<Utc>> {
        None
    }

    async fn add_below(&self, _thing: &Thing) -> Option<Thing> {
        self.admin.run_in("orders", "CREATE SCHEMA [fresh]").await;
        self.admin
            .run_in("orders", "CREATE TABLE [fresh].[added] (n int)")
            .await;
        Some(thing("table", &["orders", "fresh", "added"], "read"))
    }

    async fn break_part(&self) -> Option<()> {
        self.admin
            .run("ALTER DATABASE [other] SET OFFLINE WITH ROLLBACK IMMEDIATE")
            .await;
        Some(())
    }

    async fn mend_part(&self) {
        self.admin.run("ALTER DATABASE [other] SET ONLINE").await;
    }

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
        // The model of a case goes with it.
        if self.fake.is_none() {
            self.sweep().await;
        }
    }
}
