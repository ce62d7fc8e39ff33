//! Oracle under test. No server can be had: the cases run against a model of one, at the level of statements, put where the
//! provider's driver is. `ORACLE_TEST_DSN=oracle://USER:PASSWORD@HOST:PORT/SERVICE?tls=disable` (a DBA of a pluggable database
//! that nobody needs; `tls_ca=/path` with TLS) runs the same cases through the driver against that server. Everything that the
//! suite does besides, it does in SQL by that administrator, on either.

mod line;
mod listener;
mod model;
mod names;
mod own;
mod sessions;
mod site;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use latchkey::{
    providers::{
        Mark, Person, Provider, Registration, ResourceRef,
        oracle::{
            REGISTRATION,
            exec::{OracleExec, Row},
        },
        page::Against,
    },
    secrets::Secret,
};

use self::{
    line::Line,
    model::{Flavour, Model},
    names::quoted,
    site::{Dsn, Site, Way},
};
use crate::target::{
    Case, Cut, Cutting, Kind, Lacking, Named, Offer, Owned, Session, Setting, Standing, Target, Thing,
};

const CONNECTOR: &str = "LK_CONNECTOR";
const CONNECTOR_PASSWORD: &str = "own-Pw-Kc7w4x";
const SOMEONE: &str = "Ann O'Neil";
const SOMEONE_PASSWORD: &str = "anns-Own-pw-7";

/// What the connector is given, as the guide says.
const CONNECTOR_RIGHTS: &str = "CREATE SESSION, CREATE USER, ALTER USER, DROP USER, CREATE ROLE, DROP ANY ROLE, GRANT ANY ROLE, \
     GRANT ANY PRIVILEGE, GRANT ANY OBJECT PRIVILEGE, CREATE PROFILE, ALTER SYSTEM";

pub async fn start() -> Result<Box<dyn Kind>, String> {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test runner's")]
    let dsn = std::env::var("ORACLE_TEST_DSN").ok();
    let dsn = dsn.map(|text| Dsn::parse(&text)).transpose()?;
    if let Some(dsn) = &dsn {
        // Told here, not by every case.
        dsn.site()?
            .admin("SELECT role FROM session_roles", &[])
            .await
            .map_err(|fault| format!("{fault:?}"))?;
    }
    Ok(Box::new(Oracle { dsn }))
}

pub struct Oracle {
    dsn: Option<Dsn>,
}

#[async_trait]
impl Kind for Oracle {
    async fn fresh(&self) -> Box<dyn Target> {
        Box::new(self.world(Flavour::V19).await)
    }

    async fn against(&self) -> Against {
        match &self.dsn {
            Some(dsn) => Against::RealServer {
                name: dsn.version().await,
            },
            None => Against::Simulator {
                vouched_by: Vec::new(),
            },
        }
    }

    fn own_cases(&self) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
        own::all(self)
    }

    async fn stop(&self) {}
}

impl Oracle {
    pub async fn world(&self, flavour: Flavour) -> World {
        let (site, model) = match &self.dsn {
            Some(dsn) => (dsn.site().expect("checked at the start"), None),
            None => {
                let model = Model::new(flavour);
                (Site::of_model(&model, flavour), Some(model))
            }
        };
        let world = World {
            site,
            model,
            reported: AtomicUsize::new(0),
        };
        world.done().await;
        world.build_world().await;
        world
    }

    /// Cases of a model alone, which a server of somebody's cannot be brought into.
    pub async fn model_world(&self, flavour: Flavour) -> Option<(World, Model)> {
        if self.dsn.is_some() {
            return None;
        }
        let world = self.world(flavour).await;
        let model = world.model.clone()?;
        Some((world, model))
    }
}

/// One case's database.
pub struct World {
    pub site: Site,
    pub model: Option<Model>,
    /// Statements that `ran` has told of.
    reported: AtomicUsize,
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

impl World {
    /// One or more statements of the administrator's, who owns none of what they make.
    pub async fn run(&self, statements: &[&str]) {
        for statement in statements {
            let outcome = self.site.admin(statement, &[]).await;
            outcome.unwrap_or_else(|fault| panic!("{statement}: {fault:?}"));
        }
    }

    pub async fn rows(&self, sql: &str, values: &[&str]) -> Vec<Row> {
        let outcome = self.site.admin(sql, values).await;
        outcome.unwrap_or_else(|fault| panic!("{sql}: {fault:?}"))
    }

    /// Two schemas, a view and a role, and a connector with what the guide says.
    async fn build_world(&self) {
        self.run(&[
            "CREATE USER LK_SALES IDENTIFIED BY \"Schema-pw-91\" QUOTA UNLIMITED ON USERS ACCOUNT LOCK",
            "CREATE USER LK_OTHER IDENTIFIED BY \"Schema-pw-92\" QUOTA UNLIMITED ON USERS ACCOUNT LOCK",
            "CREATE TABLE LK_SALES.ITEMS (ID NUMBER)",
            "CREATE TABLE LK_SALES.EXTRAS (ID NUMBER)",
            "CREATE VIEW LK_SALES.NAMES AS SELECT * FROM LK_SALES.ITEMS",
            "COMMENT ON TABLE LK_SALES.ITEMS IS 'All items, owner=dba'",
            "CREATE TABLE LK_OTHER.THINGS (ID NUMBER)",
        ])
        .await;
        let connector = format!("CREATE USER {CONNECTOR} IDENTIFIED BY \"{CONNECTOR_PASSWORD}\"");
        self.run(&[&connector]).await;
        if self.site.is_rds() {
            self.run(&[
                &format!("GRANT DBA TO {CONNECTOR}"),
                "CREATE ROLE LK_READERS",
                &format!("GRANT LK_READERS TO {CONNECTOR} WITH ADMIN OPTION"),
            ])
            .await;
        } else {
            self.run(&[
                &format!("GRANT {CONNECTOR_RIGHTS}, SELECT_CATALOG_ROLE TO {CONNECTOR}"),
                "CREATE ROLE LK_READERS",
            ])
            .await;
        }
        self.run(&["GRANT READ ON LK_SALES.NAMES TO LK_READERS"]).await;
    }

    pub fn way(&self) -> Way {
        Way {
            user: CONNECTOR,
            password: CONNECTOR_PASSWORD,
            installation: "suite",
        }
    }

    pub fn build(&self, way: &Way) -> Box<dyn Provider> {
        self.site.build(way, self.site.connect())
    }

    /// Tables and views that the thing reaches, as (schema, name, whether it is a table).
    async fn reached(&self, thing: &Thing) -> Vec<(String, String, bool)> {
        let id: Vec<&str> = thing.at.id.iter().map(String::as_str).collect();
        let all =
            "SELECT owner, object_name, object_type FROM dba_objects WHERE object_type IN ('TABLE', 'VIEW')";
        let rows = match (thing.at.kind.as_str(), id.as_slice()) {
            ("schema", [schema]) => self.rows(&format!("{all} AND owner = :1"), &[schema]).await,
            ("table", [schema, table]) => {
                self.rows(
                    &format!("{all} AND owner = :1 AND object_name = :2"),
                    &[schema, table],
                )
                .await
            }
            _ => self.rows(&format!("{all} AND owner LIKE :1"), &["LK%"]).await,
        };
        rows.into_iter()
            .map(|row| {
                let mut columns = row.into_iter().map(Option::unwrap_or_default);
                let mut next = || columns.next().unwrap_or_default();
                (next(), next(), next() == "TABLE")
            })
            .collect()
    }

    /// Statements that all succeed, and bring at least one row where they ask, exactly if the thing is given.
    async fn proof(&self, thing: &Thing) -> Vec<String> {
        if thing.at.kind == "role" {
            let name = thing.at.id[1].replace('\'', "''");
            return vec![format!("SELECT role FROM session_roles WHERE role = '{name}'")];
        }
        let mut all = Vec::new();
        for (schema, name, is_table) in self.reached(thing).await {
            let object = format!("{}.{}", quoted(&schema), quoted(&name));
            all.push(format!("SELECT COUNT(*) FROM {object}"));
            if thing.permission != "read" && is_table {
                all.push(format!("INSERT INTO {object} VALUES (1)"));
                all.push(format!("DELETE FROM {object}"));
            }
            if thing.permission == "admin" && is_table && thing.at.kind != "instance" {
                all.push(format!("ALTER TABLE {object} NOPARALLEL"));
            }
        }
        if thing.at.kind == "instance" && thing.permission == "admin" {
            all.push("SELECT role FROM session_roles WHERE role = 'DBA'".to_owned());
        }
        if all.is_empty() {
            // There is no such place.
            all.push("SELECT COUNT(*) FROM \"NO SUCH\".\"PLACE\"".to_owned());
        }
        all
    }

    pub async fn expect_no_roles_of_ours(&self, when: &str) {
        let held = self
            .rows(
                "SELECT granted_role FROM dba_role_privs WHERE grantee = :1 AND granted_role LIKE :2",
                &[CONNECTOR, "JITG%"],
            )
            .await;
        assert_eq!(held, Vec::<Row>::new(), "{when}: our own login holds lease roles");
    }
}

/// Whether every statement is allowed; what they did is undone.
fn all_run(exec: &mut dyn OracleExec, statements: &[String]) -> bool {
    let mut yes = true;
    for statement in statements {
        let rows = exec.run(statement, &[]);
        yes &= match rows {
            Ok(rows) => !statement.starts_with("SELECT") || !rows.is_empty(),
            Err(_) => false,
        };
    }
    drop(exec.run("ROLLBACK", &[]));
    yes
}

pub struct Live {
    pub exec: Box<dyn OracleExec>,
    world: World,
}

#[async_trait]
impl Session for Live {
    async fn alive(&mut self) -> bool {
        self.exec.run("SELECT role FROM session_roles", &[]).is_ok()
    }

    async fn can(&mut self, thing: &Thing) -> bool {
        let statements = self.world.proof(thing).await;
        all_run(self.exec.as_mut(), &statements)
    }
}

#[async_trait]
impl Target for World {
    fn registration(&self) -> &'static Registration {
        &REGISTRATION
    }

    fn mark(&self) -> Mark {
        Mark::new(self.way().installation, "billing-ora")
    }

    fn offer(&self) -> Offer {
        let mut more = vec![
            thing("schema", &["LK_SALES"], "admin"),
            thing("table", &["LK_SALES", "ITEMS"], "read"),
            thing("table", &["LK_SALES", "ITEMS"], "read-write"),
            thing("table", &["LK_SALES", "ITEMS"], "admin"),
            thing("table", &["LK_SALES", "NAMES"], "read"),
            thing("table", &["LK_SALES", "NAMES"], "admin"),
            thing("role", &["*", "LK_READERS"], "member"),
            thing("instance", &["*"], "read"),
            thing("instance", &["*"], "read-write"),
        ];
        if !self.site.is_rds() {
            // There the role DBA is nobody's to give.
            more.push(thing("instance", &["*"], "admin"));
        }
        Offer {
            read: thing("schema", &["LK_SALES"], "read"),
            write: thing("schema", &["LK_SALES"], "read-write"),
            other: thing("schema", &["LK_OTHER"], "read"),
            nowhere: thing("schema", &["LK_NOWHERE"], "read"),
            more,
        }
    }

    fn provider(&self, setting: Setting) -> Box<dyn Provider> {
        let way = self.way();
        match setting {
            Setting::Usual => self.build(&way),
            Setting::OtherInstallation => self.build(&Way {
                installation: "another",
                ..way
            }),
            Setting::WrongSecret => self.build(&Way {
                password: "not-the-password",
                ..way
            }),
            Setting::Down => {
                let line = Line::cut_already();
                self.site.build(&way, line.around(self.site.connect()))
            }
        }
    }

    fn own_secrets(&self) -> Vec<Secret> {
        [CONNECTOR_PASSWORD, "not-the-password"]
            .into_iter()
            .map(Secret::new)
            .collect()
    }

    async fn can(&self, login: &str, credential: &Secret, thing: &Thing) -> bool {
        let statements = self.proof(thing).await;
        match self.site.open(login, credential) {
            Ok(mut exec) => all_run(exec.as_mut(), &statements),
            Err(_) => false,
        }
    }

    async fn can_log_in(&self, login: &str, credential: &Secret) -> bool {
        self.site.open(login, credential).is_ok()
    }

    async fn open_session(&self, login: &str, credential: &Secret) -> Option<Box<dyn Session>> {
        let exec = self.site.open(login, credential).ok()?;
        let world = World {
            site: self.site.clone(),
            model: self.model.clone(),
            reported: AtomicUsize::new(0),
        };
        Some(Box::new(Live { exec, world }))
    }

    async fn everything(&self) -> BTreeSet<String> {
        names::everything(self).await
    }

    async fn ran(&self) -> Option<Vec<String>> {
        let model = self.model.as_ref()?;
        let state = model.state();
        let from = self.reported.swap(state.log.len(), Ordering::SeqCst);
        let ours = state.log[from..].iter().filter(|(user, _)| user == CONNECTOR);
        Some(ours.map(|(_, statement)| statement.clone()).collect())
    }

    async fn cut_after(&self, nth: u32, cut: Cut) -> Cutting {
        let line = Line::new(nth, cut);
        Cutting {
            provider: self.site.build(&self.way(), line.around(self.site.connect())),
            was_cut: Arc::new(move || line.is_cut()),
        }
    }

    async fn lacking(&self) -> Option<Lacking> {
        self.run(&[
            "CREATE USER LK_REDUCED IDENTIFIED BY \"reduced-Pw-7x\"",
            "GRANT CREATE SESSION, CREATE ROLE, SELECT_CATALOG_ROLE TO LK_REDUCED",
        ])
        .await;
        let provider = self.build(&Way {
            user: "LK_REDUCED",
            password: "reduced-Pw-7x",
            ..self.way()
        });
        let mut names = vec![
            "GRANT CREATE USER TO \"LK_REDUCED\"",
            "GRANT DROP ANY ROLE TO \"LK_REDUCED\"",
            "GRANT GRANT ANY OBJECT PRIVILEGE TO \"LK_REDUCED\"",
            "GRANT GRANT ANY PRIVILEGE TO \"LK_REDUCED\"",
            "GRANT CREATE PROFILE TO \"LK_REDUCED\"",
        ];
        if !self.site.is_rds() {
            names.push("GRANT ALTER SYSTEM TO \"LK_REDUCED\"");
        }
        Some(Lacking {
            provider,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    async fn someone(&self) -> Option<Standing> {
        let known = self
            .rows("SELECT username FROM dba_users WHERE username = :1", &[SOMEONE])
            .await;
        if known.is_empty() {
            let name = quoted(SOMEONE);
            self.run(&[
                &format!("CREATE USER {name} IDENTIFIED BY \"{SOMEONE_PASSWORD}\""),
                &format!("GRANT CREATE SESSION TO {name}"),
            ])
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
        for (schema, name, _) in self.reached(thing).await {
            let grant = format!(
                "GRANT READ ON {}.{} TO {}",
                quoted(&schema),
                quoted(&name),
                quoted(login)
            );
            self.run(&[&grant]).await;
        }
    }

    async fn make_stranger(&self, login: &str) {
        let name = quoted(login);
        self.run(&[
            &format!("CREATE USER {name} IDENTIFIED BY \"Theirs-Pw-77\""),
            &format!("GRANT CREATE SESSION TO {name}"),
        ])
        .await;
        self.site.remember(login);
    }

    fn has_marks(&self) -> bool {
        true
    }

    /// What a login owns keeps it from being deleted, so the shared cases have nothing here; `own` has.
    async fn own_something(&self, _login: &str, _credential: &Secret) -> Option<Owned> {
        None
    }

    async fn owner_of(&self, _owned: &Owned) -> Option<String> {
        None
    }

    async fn vanish(&self, login: &str) {
        self.run(&[&format!("DROP USER {} CASCADE", quoted(login))]).await;
    }

    async fn expiry(&self, _login: &str) -> Option<DateTime<Utc>> {
        None
    }

    /// From 23ai on nothing has to be looked for again; `own` has that.
    async fn add_below(&self, _thing: &Thing) -> Option<Thing> {
        if self.has_schema_privileges().await {
            return None;
        }
        self.run(&["CREATE TABLE LK_SALES.ADDED (ID NUMBER)"]).await;
        Some(thing("table", &["LK_SALES", "ADDED"], "read"))
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

    /// A server needs a moment to clear a session away.
    async fn pass_time(&self) {
        if self.model.is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    }

    async fn done(&self) {
        if self.model.is_none() {
            names::clear(self).await;
        }
    }
}
