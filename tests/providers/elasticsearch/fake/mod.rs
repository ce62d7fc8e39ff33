//! A simulated Elasticsearch cluster: native users and roles, API keys that keep what their maker could, tokens, caches, and
//! indices that can really be searched and written by whoever may.
//!
//! Strict: a path, parameter or field that it does not know is an error. It has no regular expressions in names, no field
//! or document security, and no realm but the native one.

mod keys;
mod rights;
mod roles;
mod users;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

use self::{
    keys::{ApiKey, Token},
    rights::Principal,
    users::User,
};
use crate::search::{
    data::Data,
    line::{Answer, Ask, Claimed, Serve, Server, router, serve},
    wish::Wish,
};

pub const ADMIN: (&str, &str) = ("elastic", "changeme-elastic");
pub const REALM: &str = "default_native";

/// What is unlike a usual cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    Usual,
    /// `xpack.security.enabled: false`
    WithoutSecurity,
    Serverless,
    /// Another product answers.
    OpenSearch,
    /// No TLS on HTTP: then there are no tokens.
    WithoutTokens,
}

#[derive(Default)]
pub struct State {
    users: BTreeMap<String, User>,
    roles: BTreeMap<String, Value>,
    keys: Vec<ApiKey>,
    tokens: Vec<Token>,
    pub data: Data,
    /// So many writes of users and roles meet another one.
    pub conflicts: u32,
    /// So many calls are too many.
    pub busy: u32,
    /// Calls that changed something, as their maker reports them: login and line.
    pub ran: Vec<(String, String)>,
    /// Logins whose caches were cleared, and by which realm.
    pub cleared: Vec<(String, String)>,
    next: u64,
}

impl State {
    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

pub struct Fake {
    state: Mutex<State>,
    flavour: Flavour,
}

/// A cluster with nothing in it but what every cluster has.
pub async fn start(flavour: Flavour) -> (Server, Arc<Fake>) {
    let mut state = State::default();
    roles::reserved(&mut state);
    users::reserved(&mut state);
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

    fn respond(&self, ask: &Ask, state: &mut State) -> Result<Answer, Answer> {
        if state.busy > 0 {
            state.busy -= 1;
            let reason = "rejected execution of coordinating operation";
            return Err(Answer::error(429, "es_rejected_execution_exception", reason));
        }
        let segments: Vec<&str> = ask.segments.iter().map(String::as_str).collect();
        if self.flavour == Flavour::WithoutSecurity {
            return match segments.as_slice() {
                [] => Ok(self.root()),
                ["_security", ..] => Err(Answer::no_handler(ask)),
                _ => Ok(state.data.answer(ask, &|_| true)),
            };
        }
        let who = rights::authenticate(state, &ask.claimed())?;
        match segments.as_slice() {
            [] => who
                .needs(state, "monitor", "cluster:monitor/main")
                .map(|()| self.root()),
            ["_security", rest @ ..] => self.security(ask, state, &who, rest),
            _ => data(ask, state, &who),
        }
    }

    fn root(&self) -> Answer {
        let mut version = json!({"number": "9.2.1", "build_flavor": "default", "build_type": "docker",
            "build_hash": "abc", "build_date": "2026-10-01T00:00:00Z", "build_snapshot": false,
            "lucene_version": "10.3.1", "minimum_wire_compatibility_version": "8.19.0",
            "minimum_index_compatibility_version": "8.0.0"});
        match self.flavour {
            Flavour::Serverless => version["build_flavor"] = "serverless".into(),
            Flavour::OpenSearch => version["distribution"] = "opensearch".into(),
            Flavour::Usual | Flavour::WithoutSecurity | Flavour::WithoutTokens => {}
        }
        Answer::ok(json!({"name": "node-1", "cluster_name": "simulated",
            "cluster_uuid": "Xf3kq2P9Q1uYh7sLr0WmNA", "version": version, "tagline": "You Know, for Search"}))
    }

    fn security(
        &self,
        ask: &Ask,
        state: &mut State,
        who: &Principal,
        rest: &[&str],
    ) -> Result<Answer, Answer> {
        match (ask.method.as_str(), rest) {
            ("GET", ["_authenticate"]) => Ok(Answer::ok(who.told())),
            ("GET" | "POST", ["user", "_has_privileges"]) => rights::has_privileges(ask, state, who),
            (_, ["user", ..]) => users::answer(ask, state, who, &rest[1..]),
            (_, ["role", ..]) => roles::answer(ask, state, who, &rest[1..]),
            (_, ["api_key"]) => keys::api_key(ask, state, who),
            (_, ["oauth2", "token"]) if self.flavour == Flavour::WithoutTokens => Err(Answer::error(
                400,
                "feature_not_enabled_exception",
                "security tokens are not enabled",
            )),
            (_, ["oauth2", "token"]) => keys::token(ask, state, who),
            ("POST", ["realm", realm, "_clear_cache"]) => {
                who.needs(
                    state,
                    "manage_security",
                    "cluster:admin/xpack/security/realm/cache/clear",
                )?;
                if *realm != REALM && *realm != "*" {
                    let reason = format!("could not find active realm [{realm}]");
                    return Err(Answer::error(400, "illegal_argument_exception", &reason));
                }
                let names = ask.query.get("usernames").cloned().unwrap_or_default();
                state.cleared.push((names, (*realm).to_owned()));
                Ok(Answer::ok(
                    json!({"_nodes": {"total": 1, "successful": 1, "failed": 0},
                    "cluster_name": "simulated", "nodes": {"n": {"name": "node-1"}}}),
                ))
            }
            _ => Err(Answer::no_handler(ask)),
        }
    }
}

/// Two writes met: the answer to one of them.
fn met_another(state: &mut State, what: &str) -> Result<(), Answer> {
    if state.conflicts == 0 {
        return Ok(());
    }
    state.conflicts -= 1;
    let reason = format!(
        "[{what}]: version conflict, required seqNo [7], primary term [1]. current document has seqNo [8]"
    );
    Err(Answer::error(409, "version_conflict_engine_exception", &reason))
}

fn data(ask: &Ask, state: &mut State, who: &Principal) -> Result<Answer, Answer> {
    let Some(wish) = Wish::of(ask) else {
        return Err(Answer::no_handler(ask));
    };
    if ask.segments.first().is_some_and(|first| first == "_cat") {
        who.needs(state, "monitor", "cluster:monitor/state")?;
    }
    if let Some(name) = &wish.name {
        who.needs_on(state, wish.deed, name)?;
    }
    let rights = who.descriptors(state);
    let seen = state.data.clone();
    let visible = move |name: &str| rights::may(&rights, &seen, wish.deed, name);
    Ok(state.data.answer(ask, &visible))
}

impl Serve for Fake {
    fn answer(&self, ask: &Ask) -> Answer {
        let mut state = self.state();
        let answer = self.respond(ask, &mut state).unwrap_or_else(|refused| refused);
        let is_write = ask.method != "GET" && !ask.target.contains("_has_privileges");
        if let (Claimed::Basic(login, _), true, true) = (ask.claimed(), is_write, answer.is_success()) {
            state.ran.push((login, ask.line()));
        }
        answer
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self.flavour {
            Flavour::OpenSearch => &[],
            Flavour::Usual | Flavour::WithoutSecurity | Flavour::Serverless | Flavour::WithoutTokens => {
                &[("x-elastic-product", "Elasticsearch")]
            }
        }
    }
}
