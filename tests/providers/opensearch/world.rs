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
    API, CONNECTOR, KIND, LACKING,
    fake::{self, Fake, Flavour},
};
use crate::{
    contract::Contract,
    search::{cluster::Cluster, line::Server},
    search_things::on,
    target::{Named, Target},
};

pub struct World {
    pub cluster: Cluster,
    pub fake: Option<(Server, Arc<Fake>)>,
    pub contract: Option<Arc<Contract>>,
    /// Calls that `ran` has told of.
    pub told: AtomicUsize,
}

pub fn role_reading(index: &str) -> Value {
    json!({"cluster_permissions": [], "tenant_permissions": [],
        "index_permissions": [{"index_patterns": [index], "allowed_actions": ["read"]}]})
}

impl World {
    pub async fn simulated(flavour: Flavour, contract: Option<Arc<Contract>>) -> Self {
        let (server, fake) = fake::start(flavour).await;
        let world = Self {
            cluster: Cluster::new(&server.url, fake::ADMIN, None),
            fake: Some((server, fake)),
            contract,
            told: AtomicUsize::new(0),
        };
        match flavour {
            Flavour::Usual => world.furnish(API).await,
            Flavour::OldPaths => world.furnish("/_opendistro/_security/api").await,
            Flavour::WithoutSecurity | Flavour::NotInitialized | Flavour::Elasticsearch => {}
        }
        world
    }

    pub async fn over(cluster: Cluster) -> Self {
        let world = Self {
            cluster,
            fake: None,
            contract: None,
            told: AtomicUsize::new(0),
        };
        world.clear().await;
        world.furnish(API).await;
        world
    }

    pub fn fake(&self) -> Option<&Fake> {
        self.fake.as_ref().map(|(_, fake)| fake.as_ref())
    }

    /// What the suite needs, and nothing of ours.
    async fn furnish(&self, api: &str) {
        let user = |who: (&str, &str), role: &str| {
            let body = json!({"password": who.1, "opendistro_security_roles": [role]});
            (format!("{api}/internalusers/{}", who.0), Some(body))
        };
        let owned = |owner: &str| json!({"mappings": {"_meta": {"owner": owner}}});
        let mut orders = owned("ann");
        orders["aliases"] = json!({"suite-all-orders": {}});
        let template = json!({"index_patterns": ["suite-events*"], "data_stream": {}, "priority": 500,
            "template": owned("bob")});
        let looking = json!({"cluster_permissions": ["cluster_monitor"], "index_permissions": [], "tenant_permissions": []});
        for (path, body) in [
            (format!("{api}/roles/suite-lacking"), Some(looking)),
            user(CONNECTOR, "all_access"),
            user(LACKING, "suite-lacking"),
            (
                format!("{api}/roles/suite-reporting"),
                Some(role_reading("suite-reports*")),
            ),
            ("/suite-orders".to_owned(), Some(orders)),
            ("/suite-invoices".to_owned(), Some(owned("bob"))),
            ("/suite-reports".to_owned(), None),
            ("/_index_template/suite-events".to_owned(), Some(template)),
            ("/_data_stream/suite-events".to_owned(), None),
        ] {
            self.cluster.admin("PUT", &path, body).await;
        }
    }

    /// Removes what an earlier case left on a real cluster.
    pub async fn clear(&self) {
        let is_left = |name: &str| {
            name.starts_with("suite")
                || name.contains("jit")
                || name == "shared_login"
                || name == "some_service"
        };
        for kind in ["internalusers", "roles"] {
            let all = self.cluster.admin("GET", &format!("{API}/{kind}"), None).await;
            for name in all.as_object().into_iter().flatten().map(|(name, _)| name) {
                if is_left(name) {
                    let path = format!("{API}/{kind}/{}", http::segment(name));
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
        for one in listed.as_array().into_iter().flatten() {
            let index = one["index"].as_str().unwrap_or_default();
            if is_left(index) || index.starts_with("nnn") {
                let path = format!("/{}", http::segment(index));
                self.cluster.try_admin("DELETE", &path).await;
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
