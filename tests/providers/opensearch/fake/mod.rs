//! A simulated OpenSearch cluster with its Security plugin: internal users, roles and mappings, each kind kept in one document
//! that only one write at a time can change, and indices that can really be searched and written by whoever may.
//!
//! Strict: a path, parameter or field that it does not know is an error. It has no regular expressions in patterns, no
//! document or field security, and no way to log in but a password.

mod api;
mod rights;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value, json};

use crate::search::{
    data::Data,
    line::{Answer, Ask, Claimed, Serve, Server, router, serve},
    wish::Wish,
};

pub const ADMIN: (&str, &str) = ("admin", "changeme-Admin-1");

/// What is unlike a usual cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    Usual,
    /// The plugin answers below its old path only.
    OldPaths,
    WithoutSecurity,
    /// The plugin waits for its index.
    NotInitialized,
    /// Another product answers.
    Elasticsearch,
}

#[derive(Debug, Clone, Default)]
pub struct User {
    pub password: String,
    pub reserved: bool,
    pub hidden: bool,
    pub backend_roles: BTreeSet<String>,
    pub attributes: Map<String, Value>,
    pub roles: Vec<String>,
    pub description: Option<String>,
}

#[derive(Default)]
pub struct State {
    users: BTreeMap<String, User>,
    roles: BTreeMap<String, Value>,
    mappings: BTreeMap<String, Value>,
    pub data: Data,
    /// Rises with every write to users, roles or mappings.
    sequence: u64,
    /// So many writes meet another one; every second in the words of old versions.
    pub conflicts: u32,
    /// How long a write takes between reading the document and writing it.
    pub latency: Duration,
    /// How many writes really met.
    pub met: u32,
    /// So many calls are too many.
    pub busy: u32,
    pub asked: Vec<Asked>,
}

/// A call of somebody who logged in, as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub login: String,
    pub ask: Ask,
    pub status: u16,
}

pub struct Fake {
    state: Mutex<State>,
    flavour: Flavour,
}

/// A cluster with nothing in it but what every cluster has.
pub async fn start(flavour: Flavour) -> (Server, Arc<Fake>) {
    let mut state = State::default();
    api::furnish(&mut state);
    let fake = Arc::new(Fake {
        state: Mutex::new(state),
        flavour,
    });
    let server = serve(router(Arc::clone(&fake) as Arc<dyn Serve>)).await;
    (server, fake)
}

impl Fake {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn respond(&self, ask: &Ask) -> Result<Answer, Answer> {
        let mut state = self.state();
        if state.busy > 0 {
            state.busy -= 1;
            let reason = "rejected execution of coordinating operation";
            return Err(Answer::error(429, "rejected_execution_exception", reason));
        }
        let segments: Vec<&str> = ask.segments.iter().map(String::as_str).collect();
        let plugin = match segments.as_slice() {
            ["_plugins" | "_opendistro", "_security", rest @ ..] => {
                let old = segments[0] == "_opendistro";
                let known = match self.flavour {
                    Flavour::Usual | Flavour::NotInitialized => true,
                    Flavour::OldPaths => old,
                    Flavour::WithoutSecurity | Flavour::Elasticsearch => false,
                };
                if !known {
                    return Err(Answer::no_handler(ask));
                }
                Some(rest)
            }
            _ => None,
        };
        if self.flavour == Flavour::NotInitialized {
            return Err(Answer::text(503, "OpenSearch Security not initialized."));
        }
        if matches!(self.flavour, Flavour::WithoutSecurity | Flavour::Elasticsearch) {
            return match segments.as_slice() {
                [] => Ok(self.root()),
                _ => data(ask, &mut state, None),
            };
        }
        let login = rights::authenticate(&state, &ask.claimed())?;
        match (plugin, segments.as_slice()) {
            (Some(rest), _) => {
                let seen = (state.sequence, state.latency);
                if ask.method == "GET" || seen.1.is_zero() {
                    return api::answer(ask, &mut state, &login, rest);
                }
                // Read, wait, write: whoever wrote meanwhile wins.
                drop(state);
                std::thread::sleep(seen.1);
                let mut state = self.state();
                if state.sequence != seen.0 {
                    state.met += 1;
                    return Err(api::conflict(state.met));
                }
                api::answer(ask, &mut state, &login, rest)
            }
            (None, []) => {
                rights::needs(&state, &login, "cluster:monitor/main")?;
                Ok(self.root())
            }
            (None, _) => data(ask, &mut state, Some(&login)),
        }
    }

    fn root(&self) -> Answer {
        let mut version = json!({"number": "3.8.0", "build_type": "tar", "build_hash": "abc",
            "build_date": "2026-09-01T00:00:00Z", "build_snapshot": false, "lucene_version": "10.3.1",
            "minimum_wire_compatibility_version": "2.19.0", "minimum_index_compatibility_version": "2.0.0"});
        match self.flavour {
            Flavour::Usual | Flavour::WithoutSecurity | Flavour::NotInitialized => {
                version["distribution"] = "opensearch".into();
            }
            Flavour::OldPaths => version["number"] = "7.10.2".into(),
            Flavour::Elasticsearch => version["build_flavor"] = "default".into(),
        }
        Answer::ok(json!({"name": "node-1", "cluster_name": "simulated",
            "cluster_uuid": "p4hV0RfRQTuMUlhoZgDCTw", "version": version,
            "tagline": "The OpenSearch Project: https://opensearch.org/"}))
    }
}

fn data(ask: &Ask, state: &mut State, login: Option<&str>) -> Result<Answer, Answer> {
    let segments: Vec<&str> = ask.segments.iter().map(String::as_str).collect();
    if let ("GET", ["_cluster", "state", "metadata"]) = (ask.method.as_str(), segments.as_slice()) {
        if let Some(login) = login {
            rights::needs(state, login, "cluster:monitor/state")?;
        }
        return Ok(Answer::ok(
            json!({"cluster_name": "simulated", "metadata": state.data.cluster_metadata()}),
        ));
    }
    let Some(wish) = Wish::of(ask) else {
        return Err(Answer::no_handler(ask));
    };
    let Some(login) = login else {
        return Ok(state.data.answer(ask, &|_| true));
    };
    if let Some(name) = &wish.name {
        rights::needs_on(state, login, wish.deed, name)?;
    }
    let names: Vec<String> = state.data.names();
    let seen: BTreeSet<String> = names
        .into_iter()
        .filter(|name| rights::may(state, login, wish.deed, name))
        .collect();
    Ok(state.data.answer(ask, &move |name| seen.contains(name)))
}

impl Serve for Fake {
    fn answer(&self, ask: &Ask) -> Answer {
        let answer = self.respond(ask).unwrap_or_else(|refused| refused);
        if let Claimed::Basic(login, _) = ask.claimed() {
            self.state().asked.push(Asked {
                login,
                ask: ask.clone(),
                status: answer.status,
            });
        }
        answer
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self.flavour {
            Flavour::Elasticsearch => &[("x-elastic-product", "Elasticsearch")],
            Flavour::Usual | Flavour::OldPaths | Flavour::WithoutSecurity | Flavour::NotInitialized => &[],
        }
    }
}
