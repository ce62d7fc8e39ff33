//! OpenSearch: the simulated cluster, or a real one that `OPENSEARCH_TEST_DSN` names. The suite looks and acts through its HTTP
//! API as an administrator; only what a real cluster cannot tell (what ran) comes from the simulator. Every request of ours to the
//! Security plugin is held against the vendor's OpenAPI document, where that is at hand.

mod described;
pub mod fake;
mod own;
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

use self::{
    fake::Flavour,
    world::{World, role_reading},
};
use crate::{
    contract::{Contract, OPENSEARCH_SECURITY},
    search::{
        cluster::{Cluster, HOSTILE},
        front::{Front, Side},
    },
    search_things::{HOSTILE_ROLES, member_of, on},
    target::{
        Case, Cut, Cutting, Kind, Lacking, Named, Offer, Owned, Session, Setting, Standing, Target, Thing,
    },
};

const KIND: &str = "opensearch";
const API: &str = "/_plugins/_security/api";
const CONNECTOR: (&str, &str) = ("suite-connector", "suite-Connector-1-long");
const LACKING: (&str, &str) = ("suite-lacking", "suite-Lacking-1-long");
const WRONG: &str = "suite-Wr0ng-secret";

pub struct Search {
    real: Option<Cluster>,
    contract: Option<Arc<Contract>>,
}

pub async fn start() -> Result<Box<dyn Kind>, String> {
    let real = Cluster::of_variable("OPENSEARCH_TEST_DSN").transpose()?;
    let contract = match Contract::load(OPENSEARCH_SECURITY) {
        Ok(contract) => Some(Arc::new(contract)),
        Err(reason) => {
            println!("SKIPPED opensearch contract: {reason}");
            None
        }
    };
    Ok(Box::new(Search { real, contract }))
}

impl Search {
    async fn world(&self) -> World {
        match &self.real {
            Some(cluster) => World::over(cluster.clone()).await,
            None => World::simulated(Flavour::Usual, self.contract.clone()).await,
        }
    }
}

#[async_trait]
impl Kind for Search {
    async fn fresh(&self) -> Box<dyn Target> {
        Box::new(self.world().await)
    }

    async fn against(&self) -> Against {
        if let Some(cluster) = &self.real {
            let root = cluster.admin("GET", "/", None).await;
            let version = root["version"]["number"].as_str().unwrap_or_default();
            return Against::RealServer {
                name: format!("OpenSearch {version}"),
            };
        }
        let mut vouched_by = vec!["`opensearch-py`, which drives the simulator".to_owned()];
        if self.contract.is_some() {
            vouched_by.push(
                "OpenSearch's published OpenAPI document for every request of ours to the Security plugin"
                    .to_owned(),
            );
        }
        Against::Simulator { vouched_by }
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
            .call(who, "GET", "/_plugins/_security/authinfo", None)
            .await;
        got.is_success()
    }

    async fn open_session(&self, _login: &str, _credential: &Secret) -> Option<Box<dyn Session>> {
        None
    }

    async fn everything(&self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for kind in ["internalusers", "roles", "rolesmapping"] {
            let all = self.cluster.admin("GET", &format!("{API}/{kind}"), None).await;
            for (name, one) in all.as_object().into_iter().flatten() {
                if one["reserved"] != true {
                    lines.insert(format!("{kind} {name}: {one}"));
                }
            }
        }
        lines
    }

    async fn ran(&self) -> Option<Vec<String>> {
        let state = self.fake()?.state();
        let from = self.told.swap(state.asked.len(), Ordering::SeqCst);
        let ours = state.asked[from..].iter().filter(|one| {
            one.login == CONNECTOR.0 && one.ask.method != "GET" && (200..300).contains(&one.status)
        });
        Some(ours.map(|one| one.ask.line()).collect())
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
            names: vec!["plugins.security.restapi.roles_enabled".to_owned()],
        })
    }

    async fn someone(&self) -> Option<Standing> {
        None
    }

    async fn give_standing(&self, _login: &str, _thing: &Thing) {}

    async fn make_stranger(&self, login: &str) {
        let user =
            json!({"password": "Somebody-else-1-long", "opendistro_security_roles": ["suite-reporting"]});
        let path = format!("{API}/internalusers/{login}");
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
        let path = format!("{API}/internalusers/{login}");
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
            let path = format!("{API}/roles/{}", http::segment(role));
            self.cluster
                .admin("PUT", &path, Some(role_reading("suite-reports")))
                .await;
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

    /// Every request that the case made must be one that the vendor's description allows.
    async fn done(&self) {
        if let Err(reason) = self.described() {
            eprintln!("not in the vendor's description: {reason}");
            std::process::exit(1);
        }
        if self.fake.is_none() {
            self.clear().await;
        }
    }
}
