//! Who is asking: digest with nonces that wear out, or a token for a service account.

use std::collections::BTreeSet;

use axum::http::HeaderMap;
use base64::{Engine, engine::general_purpose::STANDARD};
use digest_auth::{AuthContext, AuthorizationHeader};
use serde_json::{Value, json};

use super::reply::{Reply, ok, refuse};
use super::seed::Key;
use super::world::World;

const REALM: &str = "MMS Public API";

/// What an `Authorization` header comes to.
pub enum Caller {
    Known(Key),
    /// No proof at all, or one with a nonce that is worn out: here is a new one.
    Challenge {
        nonce: String,
        stale: bool,
    },
    /// A proof that is wrong; a challenge goes with it all the same.
    Wrong {
        nonce: String,
    },
    NoToken,
}

impl World {
    pub fn caller(&mut self, headers: &HeaderMap, method: &str, uri: &str) -> Caller {
        let proof = headers.get("authorization").and_then(|value| value.to_str().ok());
        match proof.and_then(|proof| proof.split_once(' ')) {
            Some(("Digest", _)) => self.digest(proof.unwrap_or_default(), method, uri),
            Some(("Bearer", token)) => {
                let known = self.bearer.get(token).and_then(|id| self.key(id)).cloned();
                known.map_or(Caller::NoToken, Caller::Known)
            }
            _ => Caller::Challenge {
                nonce: self.fresh_nonce(),
                stale: false,
            },
        }
    }

    fn key(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    fn fresh_nonce(&mut self) -> String {
        let nonce = STANDARD.encode(format!("{:?} {}", self.now(), rand::random::<u64>()));
        self.nonces.insert(nonce.clone(), BTreeSet::new());
        nonce
    }

    fn digest(&mut self, proof: &str, method: &str, uri: &str) -> Caller {
        let Ok(given) = AuthorizationHeader::parse(proof) else {
            let nonce = self.fresh_nonce();
            return Caller::Wrong { nonce };
        };
        let uses = self.nonce_uses as usize;
        // A count that was used is somebody's replay: the nonce is burnt for that call.
        let good = match self.nonces.get_mut(&given.nonce) {
            Some(used) => used.len() < uses && used.insert(given.nc),
            None => false,
        };
        if !good {
            let nonce = self.fresh_nonce();
            return Caller::Challenge { nonce, stale: true };
        }
        let key = self.key(&given.username).filter(|key| key.is_api_key()).cloned();
        if let Some(key) = key.filter(|_| given.uri == uri && given.realm == REALM) {
            let mut own = given.clone();
            let context = AuthContext::new_with_method(
                key.id.as_str(),
                key.secret.as_str(),
                uri,
                None::<&[u8]>,
                method.into(),
            );
            own.digest(&context);
            if own.response == given.response {
                return Caller::Known(key);
            }
        }
        let nonce = self.fresh_nonce();
        Caller::Wrong { nonce }
    }

    /// `POST /api/oauth/token`.
    pub fn token(&mut self, headers: &HeaderMap, body: &[u8]) -> Reply {
        let basic = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Basic "))
            .and_then(|value| STANDARD.decode(value).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .unwrap_or_default();
        let (id, secret) = basic.split_once(':').unwrap_or_default();
        let known = self
            .key(id)
            .is_some_and(|key| !key.is_api_key() && key.secret == secret);
        if !known {
            return refuse(401, "invalid_client", "client authentication failed");
        }
        if body != b"grant_type=client_credentials" {
            return refuse(400, "unsupported_grant_type", "client_credentials is needed");
        }
        let token = format!("token-{:x}", rand::random::<u128>());
        self.bearer.insert(token.clone(), id.to_owned());
        ok(json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}))
    }

    /// Every token dies.
    pub fn expire_tokens(&mut self) {
        self.bearer.clear();
    }

    /// Every nonce is worn out.
    pub fn expire_nonces(&mut self) {
        self.nonces.clear();
    }
}

pub fn challenge(nonce: &str, stale: bool) -> String {
    let stale = if stale { ", stale=true" } else { "" };
    format!("Digest realm=\"{REALM}\", domain=\"\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"{stale}")
}

/// `GET /api/atlas/v2`.
pub fn system(key: &Key) -> Value {
    let roles: Vec<Value> = key
        .roles
        .iter()
        .map(|(at, role)| {
            let field = if role.starts_with("ORG_") {
                "orgId"
            } else {
                "groupId"
            };
            json!({field: at, "roleName": role})
        })
        .collect();
    match key.is_api_key() {
        true => json!({"appName": "MongoDB Atlas", "build": "0", "throttling": false,
            "apiKey": {"id": "aaaaaaaaaaaaaaaaaaaaaaaa", "publicKey": key.id, "accessList": [], "roles": roles}}),
        false => json!({"appName": "MongoDB Atlas", "build": "0", "throttling": false}),
    }
}
