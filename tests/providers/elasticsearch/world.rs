//! A cluster under test, furnished with what the suite needs.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
};

use latchkey::{
    providers::{Mark, Provider, Setup, http},
    secrets::Secret,
};
use serde_json::{Value, json};

use super::{
    CONNECTOR, KIND, LACKING,
    fake::{self, Fake, Flavour},
};
use crate::{
    search::{cluster::Cluster, line::Server},
    search_things::on,
    target::{Named, Target},
};

pub struct World {
    pub cluster: Cluster,
    pub fake: Option<(Server, Arc<Fake>)>,
    /// Calls that `ran` has told of.
    pub told: AtomicUsize,
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

    pub async fn over(cluster: Cluster) -> Self {
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

    pub async fn login(&self, who: (&str, &str), role: Value) {
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
    pub async fn clear(&self) {
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

    pub async fn create(&self, why: &'static str, name: &str) -> Named {
        let path = format!("/{}", http::segment(name));
        self.cluster.admin("PUT", &path, None).await;
        Named {
            why,
            thing: on(name, "read"),
        }
    }
}
