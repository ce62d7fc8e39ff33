//! The fake account, or a real one, as the suite's target.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use latchkey::{
    providers::{Mark, Person, Provider, Registration, snowflake::REGISTRATION},
    secrets::Secret,
};

use super::{
    SOMEONE, Way, World,
    client::{literal, quoted},
    fake::lock,
    names,
    proxy::{Proxy, Then},
    thing,
    world::{self, ORDERS, OTHER, READERS, REDUCED, STANDING, WAREHOUSE},
};
use crate::target::{Cut, Cutting, Lacking, Named, Offer, Owned, Session, Setting, Standing, Target, Thing};

/// As in `Converged::ran`.
fn masked(statement: &str) -> String {
    let mut text = statement.to_owned();
    for key in [" RSA_PUBLIC_KEY='", " PASSWORD='"] {
        if let Some((before, rest)) = text.split_once(key) {
            let after = rest.split_once('\'').map_or("", |(_, after)| after);
            text = format!("{before}{key}***'{after}");
        }
    }
    text
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
        Offer {
            read: thing("database", &[ORDERS], "read"),
            write: thing("database", &[ORDERS], "read-write"),
            other: thing("database", &[OTHER], "read"),
            nowhere: thing("database", &["LATCHKEY_T_NOWHERE"], "read"),
            more: vec![
                thing("database", &[ORDERS], "admin"),
                thing("schema", &[ORDERS, "SALES"], "read"),
                thing("schema", &[ORDERS, "SALES"], "read-write"),
                thing("schema", &[ORDERS, "SALES"], "admin"),
                thing("table", &[ORDERS, "SALES", "ITEMS"], "read"),
                thing("table", &[ORDERS, "SALES", "ITEMS"], "read-write"),
                thing("table", &[ORDERS, "SALES", "ITEMS"], "admin"),
                thing("table", &[ORDERS, "SALES", "NAMES"], "read"),
                thing("role", &["*", "role", READERS], "member"),
                thing("warehouse", &["*", "warehouse", WAREHOUSE], "read"),
                thing("warehouse", &["*", "warehouse", WAREHOUSE], "read-write"),
                thing("warehouse", &["*", "warehouse", WAREHOUSE], "admin"),
                thing("account", &["*"], "SYSADMIN"),
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
                key: self.wrong_key.clone(),
                ..way
            },
            // The discard port: nobody listens.
            Setting::Down => Way {
                url: "http://127.0.0.1:9".to_owned(),
                ..way
            },
        })
    }

    fn own_secrets(&self) -> Vec<Secret> {
        vec![self.own_key.clone(), self.wrong_key.clone()]
    }

    async fn can(&self, login: &str, credential: &Secret, thing: &Thing) -> bool {
        let Some(client) = self.person(login, credential).await else {
            return false;
        };
        let (roles, may) = world::reach(&self.admin, login).await;
        let on_warehouse = |privilege: &str| {
            may.contains(&(
                privilege.to_owned(),
                "WAREHOUSE".to_owned(),
                thing.at.id[2].clone(),
            ))
        };
        let given = match (thing.at.kind.as_str(), thing.permission.as_str()) {
            ("role", _) => roles.contains(&thing.at.id[2]),
            ("account", role) => roles.contains(role),
            ("warehouse", "read") => on_warehouse("USAGE"),
            ("warehouse", "read-write") => on_warehouse("USAGE") && on_warehouse("OPERATE"),
            ("warehouse", _) => ["USAGE", "OPERATE", "MODIFY", "MONITOR"]
                .into_iter()
                .all(on_warehouse),
            _ => return self.data(login, &client, thing).await,
        };
        given && client.may("SELECT CURRENT_USER() AS ME").await
    }

    async fn can_log_in(&self, login: &str, credential: &Secret) -> bool {
        match self.person(login, credential).await {
            Some(client) => client.may("SELECT CURRENT_USER() AS ME").await,
            None => false,
        }
    }

    /// The SQL API has none.
    async fn open_session(&self, _login: &str, _credential: &Secret) -> Option<Box<dyn Session>> {
        None
    }

    async fn everything(&self) -> BTreeSet<String> {
        world::everything(&self.admin).await
    }

    async fn ran(&self) -> Option<Vec<String>> {
        let inner = lock(&self.fake.as_ref()?.inner);
        let from = self.logged.swap(inner.log.len(), Ordering::SeqCst);
        let ours = inner.log[from..]
            .iter()
            .filter(|(user, _)| user == world::CONNECTOR);
        Some(ours.map(|(_, statement)| masked(statement)).collect())
    }

    async fn cut_after(&self, nth: u32, cut: Cut) -> Cutting {
        let proxy = Proxy::start(&self.door.url, nth, cut, Then::StaysCut).await;
        let way = Way {
            url: proxy.url.clone(),
            ..self.way()
        };
        Cutting {
            provider: self.build(&way),
            was_cut: Arc::new(move || proxy.was_cut()),
        }
    }

    async fn lacking(&self) -> Option<Lacking> {
        let provider = self.build(&Way {
            role: REDUCED,
            ..self.way()
        });
        let names = ["GRANT CREATE ROLE ON ACCOUNT", "GRANT MANAGE GRANTS ON ACCOUNT"];
        Some(Lacking {
            provider,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    async fn someone(&self) -> Option<Standing> {
        let credential = self.own_someone().await;
        let person = Person {
            id: "ann".to_owned(),
            email: "ann.oneil@example.com".to_owned(),
            login: Some(SOMEONE.to_owned()),
        };
        Some(Standing { person, credential })
    }

    async fn give_standing(&self, login: &str, thing: &Thing) {
        let database = quoted(&thing.at.id[0]);
        for sql in [
            format!("CREATE ROLE {STANDING}"),
            format!("GRANT USAGE ON WAREHOUSE {WAREHOUSE} TO ROLE {STANDING}"),
            format!("GRANT USAGE ON DATABASE {database} TO ROLE {STANDING}"),
            format!("GRANT USAGE ON ALL SCHEMAS IN DATABASE {database} TO ROLE {STANDING}"),
            format!("GRANT SELECT ON ALL TABLES IN DATABASE {database} TO ROLE {STANDING}"),
            format!("GRANT SELECT ON ALL VIEWS IN DATABASE {database} TO ROLE {STANDING}"),
            format!("GRANT ROLE {STANDING} TO USER {}", quoted(login)),
        ] {
            self.admin.run(&sql).await;
        }
    }

    async fn make_stranger(&self, login: &str) {
        let sql = format!(
            "CREATE USER {} TYPE=SERVICE COMMENT='a service, owner=web'",
            quoted(login)
        );
        self.admin.run(&sql).await;
    }

    fn has_marks(&self) -> bool {
        true
    }

    /// Things belong to roles here, and users own nothing; what a lease's role owns has a case of its own.
    async fn own_something(&self, _login: &str, _credential: &Secret) -> Option<Owned> {
        None
    }

    async fn owner_of(&self, _owned: &Owned) -> Option<String> {
        None
    }

    async fn vanish(&self, login: &str) {
        self.admin.run(&format!("DROP USER {}", quoted(login))).await;
    }

    async fn expiry(&self, login: &str) -> Option<DateTime<Utc>> {
        let rows = self
            .admin
            .run(&format!("SHOW USERS LIKE {}", literal(login)))
            .await;
        let text = rows
            .iter()
            .find(|row| row["name"] == login)?
            .get("expires_at_time")?;
        let seconds: f64 = text.split(' ').next()?.parse().ok()?;
        DateTime::from_timestamp(seconds as i64, 0)
    }

    async fn add_below(&self, _thing: &Thing) -> Option<Thing> {
        self.admin
            .run(&format!("CREATE TABLE {ORDERS}.SALES.ADDED (N INT)"))
            .await;
        Some(thing("table", &[ORDERS, "SALES", "ADDED"], "read"))
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
        match &self.fake {
            Some(fake) => {
                lock(&fake.inner).limited = 1000;
                true
            }
            None => false,
        }
    }

    async fn dawdle(&self) -> bool {
        match &self.fake {
            Some(fake) => {
                lock(&fake.inner).dawdling = true;
                true
            }
            None => false,
        }
    }

    async fn hurry(&self) {
        if let Some(fake) = &self.fake {
            lock(&fake.inner).hurry();
        }
    }

    async fn done(&self) {
        if self.fake.is_none() {
            world::clear(&self.admin).await;
        }
    }
}
