//! Elasticsearch: the simulated cluster, or a real one that `ELASTICSEARCH_TEST_DSN` names. The suite looks and acts through
//! its HTTP API as an administrator; only what a real cluster cannot tell (what ran) comes from the simulator.

pub mod fake;
mod own;
mod tls;
mod world;

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use latchkey::{
    providers::{ALL, Mark, Provider, Registration, http, page::Against},
    secrets::Secret,
};
use serde_json::json;

use self::{fake::Flavour, world::World};
use crate::{
    search::{
        cluster::{Cluster, HOSTILE},
        front::{Front, Side},
    },
    search_things::{HOSTILE_ROLES, member_of, on},
    target::{
        Case, Cut, Cutting, Kind, Lacking, Named, Offer, Owned, Session, Setting, Standing, Target, Thing,
    },
};

const KIND: &str = "elasticsearch";
const CONNECTOR: (&str, &str) = ("suite-connector", "suite-Connector-1");
const LACKING: (&str, &str) = ("suite-lacking", "suite-Lacking-1");
const WRONG: &str = "suite-Wr0ng-secret";

pub struct Elastic {
    real: Option<Cluster>,
}

pub async fn start() -> Result<Box<dyn Kind>, String> {
    let real = Cluster::of_variable("ELASTICSEARCH_TEST_DSN").transpose()?;
    Ok(Box::new(Elastic { real }))
}

impl Elastic {
    async fn world(&self) -> World {
        match &self.real {
            Some(cluster) => World::over(cluster.clone()).await,
            None => World::simulated(Flavour::Usual).await,
        }
    }
}

#[async_trait]
impl Kind for Elastic {
    async fn fresh(&self) -> Box<dyn Target> {
        Box::new(self.world().await)
    }

    async fn against(&self) -> Against {
        match &self.real {
            Some(cluster) => {
                let root = cluster.admin("GET", "/", None).await;
                let version = root["version"]["number"].as_str().unwrap_or_default();
                Against::RealServer {
                    name: format!("Elasticsearch {version}"),
                }
            }
            None => Against::Simulator {
                vouched_by: vec!["Elastic's own Python client, which drives the simulator".to_owned()],
            },
        }
    }

    fn own_cases(&self) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
        own::all(self)
    }

    async fn stop(&self) {}
}

#[async_trait]
impl Target for World {
    fn registration(&self) -> &'static Registration {
        ALL.iter().find(|one| one.kind == KIND).expect("registered")
    }

    fn mark(&self) -> Mark {
        Mark::new("suite", KIND)
    }

    fn offer(&self) -> Offer {
        Offer {
            read: on("suite-orders", "read"),
            write: on("suite-orders", "read-write"),
            other: on("suite-invoices", "read"),
            nowhere: on("suite-nowhere", "read"),
            more: vec![
                on("suite-orders", "write"),
                on("suite-orders", "monitor"),
                on("suite-orders", "manage"),
                on("suite-all-orders", "read"),
                on("suite-events", "read-write"),
                member_of("suite-reporting"),
            ],
        }
    }

    fn provider(&self, setting: Setting) -> Box<dyn Provider> {
        let url = &self.cluster.url;
        match setting {
            Setting::Usual => self.build(url, "suite", CONNECTOR, ""),
            Setting::OtherInstallation => self.build(url, "another", CONNECTOR, ""),
            Setting::WrongSecret => self.build(url, "suite", (CONNECTOR.0, WRONG), ""),
            // The discard port: nobody listens.
            Setting::Down => self.build("http://127.0.0.1:9", "suite", CONNECTOR, ""),
        }
    }

    fn own_secrets(&self) -> Vec<Secret> {
        [CONNECTOR.1, LACKING.1, WRONG]
            .into_iter()
            .map(Secret::new)
            .collect()
    }

    async fn can(&self, login: &str, credential: &Secret, thing: &Thing) -> bool {
        let index = match thing.at.kind.as_str() {
            "role" => "suite-reports",
            _ => thing.at.id[0].as_str(),
        };
        self.cluster
            .can(login, credential, &thing.permission, index)
            .await
    }

    async fn can_log_in(&self, login: &str, credential: &Secret) -> bool {
        let who = (login, credential.expose());
        let got = self
            .cluster
            .call(who, "GET", "/_security/_authenticate", None)
            .await;
        got.is_success()
    }

    async fn open_session(&self, _login: &str, _credential: &Secret) -> Option<Box<dyn Session>> {
        None
    }

    async fn everything(&self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for kind in ["user", "role"] {
            let all = self
                .cluster
                .admin("GET", &format!("/_security/{kind}"), None)
                .await;
            for (name, one) in all.as_object().into_iter().flatten() {
                if one["metadata"]["_reserved"] != true {
                    lines.insert(format!("{kind} {name}: {one}"));
                }
            }
        }
        let keys = self.cluster.admin("GET", "/_security/api_key", None).await;
        for key in keys["api_keys"].as_array().into_iter().flatten() {
            if key["invalidated"] != true {
                lines.insert(format!("API key {} of {}", key["name"], key["username"]));
            }
        }
        lines
    }

    async fn ran(&self) -> Option<Vec<String>> {
        let state = self.fake()?.state();
        let from = self.told.swap(state.ran.len(), Ordering::SeqCst);
        let ours = state.ran[from..].iter().filter(|(login, _)| login == CONNECTOR.0);
        Some(ours.map(|(_, line)| line.clone()).collect())
    }

    async fn cut_after(&self, nth: u32, cut: Cut) -> Cutting {
        let side = match cut {
            Cut::Before => Side::Before,
            Cut::After => Side::After,
        };
        let front = Front::start(&self.cluster.url, self.cluster.http.clone(), nth, side).await;
        let provider = self.build(&front.server.url, "suite", CONNECTOR, "");
        Cutting {
            provider,
            was_cut: Arc::new(move || front.was_cut()),
        }
    }

    async fn lacking(&self) -> Option<Lacking> {
        Some(Lacking {
            provider: self.build(&self.cluster.url, "suite", LACKING, ""),
            names: vec!["manage_security".to_owned()],
        })
    }

    async fn someone(&self) -> Option<Standing> {
        None
    }

    async fn give_standing(&self, _login: &str, _thing: &Thing) {}

    async fn make_stranger(&self, login: &str) {
        let user = json!({"password": "Somebody-else-1", "roles": ["suite-reporting"]});
        let path = format!("/_security/user/{login}?refresh=wait_for");
        self.cluster.admin("PUT", &path, Some(user)).await;
    }

    fn has_marks(&self) -> bool {
        true
    }

    async fn own_something(&self, _login: &str, _credential: &Secret) -> Option<Owned> {
        None
    }

    async fn owner_of(&self, _owned: &Owned) -> Option<String> {
        None
    }

    async fn vanish(&self, login: &str) {
        let path = format!("/_security/user/{login}?refresh=wait_for");
        self.cluster.admin("DELETE", &path, None).await;
    }

    async fn expiry(&self, _login: &str) -> Option<DateTime<Utc>> {
        None
    }

    async fn add_below(&self, _thing: &Thing) -> Option<Thing> {
        None
    }

    async fn break_part(&self) -> Option<()> {
        None
    }

    async fn mend_part(&self) {}

    async fn hostile(&self) -> Vec<Named> {
        let mut all = Vec::new();
        for (why, name) in HOSTILE {
            all.push(self.create(why, name).await);
        }
        for role in HOSTILE_ROLES {
            let body = json!({"indices": [{"names": ["suite-reports"], "privileges": ["read"]}]});
            let path = format!("/_security/role/{}?refresh=wait_for", http::segment(role));
            self.cluster.admin("PUT", &path, Some(body)).await;
            all.push(Named {
                why: "a hostile role name",
                thing: member_of(role),
            });
        }
        all
    }

    async fn longest(&self) -> Vec<Named> {
        vec![self.create("a long index name", &"n".repeat(255)).await]
    }

    fn typed(&self) -> Vec<Named> {
        Vec::new()
    }

    async fn limit_pace(&self) -> bool {
        match self.fake() {
            Some(fake) => {
                fake.state().busy = 1000;
                true
            }
            None => false,
        }
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
