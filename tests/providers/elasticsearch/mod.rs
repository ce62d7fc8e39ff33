//! Elasticsearch: the simulated cluster, or a real one that `ELASTICSEARCH_TEST_DSN` names. The suite looks and acts through
//! its HTTP API as an administrator; only what a real cluster cannot tell (what ran) comes from the simulator.

pub mod fake;
mod own;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use latchkey::{
    providers::{ALL, Mark, Provider, Registration, ResourceRef, Setup, http, page::Against},
    secrets::Secret,
};
use serde_json::{Value, json};

use self::fake::{Fake, Flavour};
use crate::{
    search::{
        cluster::{Cluster, HOSTILE},
        front::{Front, Side},
        line::Server,
    },
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
                vouched_by: Vec::new(),
            },
        }
    }

    fn own_cases(&self) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
        own::all(self)
    }

    async fn stop(&self) {}
}

pub struct World {
    pub cluster: Cluster,
    pub fake: Option<(Server, Arc<Fake>)>,
    /// Calls that `ran` has told of.
    told: AtomicUsize,
}

fn on(index: &str, permission: &str) -> Thing {
    let at = ResourceRef {
        kind: "index".to_owned(),
        id: vec![index.to_owned()],
        title: index.to_owned(),
    };
    Thing {
        at,
        permission: permission.to_owned(),
    }
}

fn member_of(role: &str) -> Thing {
    let at = ResourceRef {
        kind: "role".to_owned(),
        id: vec![role.to_owned()],
        title: format!("role/{role}"),
    };
    Thing {
        at,
        permission: "member".to_owned(),
    }
}

impl World {
    pub async fn simulated(flavour: Flavour) -> Self {
        let (server, fake) = fake::start(flavour).await;
        let cluster = Cluster::new(&server.url, fake::ADMIN, None);
        let world = Self {
            cluster,
            fake: Some((server, fake)),
            told: AtomicUsize::new(0),
        };
        if matches!(flavour, Flavour::Usual | Flavour::WithoutTokens) {
            world.furnish().await;
        }
        world
    }

    async fn over(cluster: Cluster) -> Self {
        let world = Self {
            cluster,
            fake: None,
            told: AtomicUsize::new(0),
        };
        world.clear().await;
        world.furnish().await;
        world
    }

    pub fn fake(&self) -> Option<&Fake> {
        self.fake.as_ref().map(|(_, fake)| fake.as_ref())
    }

    /// What the suite needs, and nothing of ours.
    async fn furnish(&self) {
        let rights = json!([{"names": ["*"], "privileges": ["monitor", "view_index_metadata"]}]);
        self.login(
            CONNECTOR,
            json!({"cluster": ["monitor", "manage_security"], "indices": rights}),
        )
        .await;
        self.login(LACKING, json!({"cluster": ["monitor"], "indices": rights}))
            .await;
        let owned = |owner: &str| json!({"mappings": {"_meta": {"owner": owner}}});
        let mut orders = owned("ann");
        orders["aliases"] = json!({"suite-all-orders": {}});
        let template = json!({"index_patterns": ["suite-events*"], "data_stream": {}, "priority": 500,
            "template": owned("bob")});
        let reporting = json!({"cluster": ["manage_own_api_key", "manage_token"], "indices":
            [{"names": ["suite-reports*"], "privileges": ["read"]}]});
        for (path, body) in [
            ("/suite-orders", Some(orders)),
            ("/suite-invoices", Some(owned("bob"))),
            ("/suite-reports", None),
            ("/_index_template/suite-events", Some(template)),
            ("/_data_stream/suite-events", None),
            ("/_security/role/suite-reporting", Some(reporting)),
        ] {
            self.cluster.admin("PUT", path, body).await;
        }
    }

    async fn login(&self, who: (&str, &str), role: Value) {
        let name = who.0;
        self.cluster
            .admin("PUT", &format!("/_security/role/{name}"), Some(role))
            .await;
        let user = json!({"password": who.1, "roles": [name]});
        self.cluster
            .admin(
                "PUT",
                &format!("/_security/user/{name}?refresh=wait_for"),
                Some(user),
            )
            .await;
    }

    /// Removes what an earlier case left on a real cluster.
    async fn clear(&self) {
        let is_left =
            |name: &str| name.starts_with("suite") || name.contains("jit") || name == "shared_login";
        for kind in ["user", "role"] {
            let all = self
                .cluster
                .admin("GET", &format!("/_security/{kind}"), None)
                .await;
            for name in all.as_object().into_iter().flatten().map(|(name, _)| name) {
                if is_left(name) || name == "some_service" {
                    let path = format!("/_security/{kind}/{}?refresh=wait_for", http::segment(name));
                    self.cluster.try_admin("DELETE", &path).await;
                }
            }
        }
        self.cluster
            .try_admin("DELETE", "/_data_stream/suite-events")
            .await;
        let listed = self
            .cluster
            .admin("GET", "/_cat/indices?format=json&h=index", None)
            .await;
        for index in listed
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["index"].as_str())
        {
            if is_left(index) || index.starts_with("nnn") {
                self.cluster
                    .try_admin("DELETE", &format!("/{}", http::segment(index)))
                    .await;
            }
        }
    }

    pub fn build(&self, url: &str, installation: &str, who: (&str, &str), more: &str) -> Box<dyn Provider> {
        let mut config: toml::Table = toml::from_str(more).expect("TOML");
        config.insert("url".to_owned(), url.into());
        if let Some(ca) = &self.cluster.tls_ca {
            let ca = format!("file:{}", ca.display());
            config.entry("tls_ca").or_insert(ca.into());
        }
        let secret = BTreeMap::from([
            ("username".to_owned(), Secret::new(who.0)),
            ("password".to_owned(), Secret::new(who.1)),
        ]);
        let setup = Setup {
            mark: Mark::new(installation, KIND),
            config,
            secret,
            base_dir: PathBuf::from("."),
        };
        (self.registration().build)(setup).unwrap_or_else(|error| panic!("build: {error}"))
    }

    async fn create(&self, why: &'static str, name: &str) -> Named {
        let path = format!("/{}", http::segment(name));
        self.cluster.admin("PUT", &path, None).await;
        Named {
            why,
            thing: on(name, "read"),
        }
    }
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
        for role in [
            "suite'; ${user.name}",
            "suite/../role\u{202e}",
            "suite \"{secret}\" <realm>",
        ] {
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
