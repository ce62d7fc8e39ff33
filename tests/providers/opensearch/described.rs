//! The vendor's published description: our requests keep to it, and wrong ones do not pass.

use serde_json::{Value, json};

use super::{CONNECTOR, World, fake::Asked};
use crate::{
    contract::{Contract, OPENSEARCH_SECURITY, Request},
    target::Case,
};

impl World {
    /// Requests of ours to the Security plugin, as they came.
    pub fn asked(&self) -> Vec<Asked> {
        let asked = self
            .fake()
            .map(|fake| fake.state().asked.clone())
            .unwrap_or_default();
        asked
            .into_iter()
            .filter(|one| one.login == CONNECTOR.0 && one.ask.target.starts_with("/_plugins/_security"))
            .collect()
    }

    /// # Errors
    /// The first request of ours that the vendor's description does not allow.
    pub fn described(&self) -> Result<(), String> {
        let Some(contract) = &self.contract else {
            return Ok(());
        };
        for asked in self.asked() {
            contract
                .check(&sent(&asked))
                .map_err(|reason| format!("{} {}: {reason}", asked.ask.method, asked.ask.target))?;
        }
        Ok(())
    }
}

fn sent(asked: &Asked) -> Request {
    let (path, query) = match asked.ask.target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (asked.ask.target.as_str(), None),
    };
    Request {
        method: asked.ask.method.clone(),
        path: path.to_owned(),
        query,
        headers: asked.ask.headers.keys().cloned().collect(),
        body: asked.ask.body.clone().and_then(Result::ok),
    }
}

fn request(method: &str, path: &str, body: Option<Value>) -> Request {
    Request {
        method: method.to_owned(),
        path: format!("/_plugins/_security{path}"),
        query: None,
        headers: vec!["authorization".to_owned()],
        body,
    }
}

/// The check itself is checked: each of these is wrong in one way.
pub async fn wrong_requests() -> Case {
    let contract = match Contract::load(OPENSEARCH_SECURITY) {
        Ok(contract) => contract,
        Err(reason) => return Case::not_applicable(reason),
    };
    let user = json!({"password": "p", "opendistro_security_roles": ["r"], "attributes": {"a": "b"}});
    let patch = json!([{"op": "add", "path": "/backend_roles", "value": []}]);
    for right in [
        request("GET", "/authinfo", None),
        request("PUT", "/api/internalusers/u", Some(user.clone())),
        request("PATCH", "/api/internalusers/u", Some(patch)),
        request("DELETE", "/api/cache", None),
    ] {
        contract
            .check(&right)
            .unwrap_or_else(|reason| panic!("{right:?}: {reason}"));
    }
    let mut queried = request("GET", "/api/roles", None);
    queried.query = Some("refresh=true".to_owned());
    let index = |key: &str| json!({"index_permissions": [{key: ["a"], "allowed_actions": ["read"]}]});
    let wrong = [
        ("no body", request("PUT", "/api/internalusers/u", None)),
        (
            "a body on GET",
            request("GET", "/api/internalusers/u", Some(user)),
        ),
        (
            "an unknown field",
            request("PUT", "/api/internalusers/u", Some(json!({"roles": ["r"]}))),
        ),
        (
            "a number in attributes",
            request(
                "PUT",
                "/api/internalusers/u",
                Some(json!({"attributes": {"a": 1}})),
            ),
        ),
        (
            "a text for a list",
            request("PUT", "/api/internalusers/u", Some(json!({"backend_roles": "a"}))),
        ),
        (
            "an unknown field of an entry",
            request("PUT", "/api/roles/r", Some(index("names"))),
        ),
        (
            "an operation without a path",
            request("PATCH", "/api/internalusers/u", Some(json!([{"op": "add"}]))),
        ),
        (
            "an object for operations",
            request(
                "PATCH",
                "/api/internalusers/u",
                Some(json!({"op": "add", "path": "/a"})),
            ),
        ),
        ("no such path", request("GET", "/api/people", None)),
        (
            "no such method",
            request("POST", "/api/internalusers/u", Some(json!({}))),
        ),
        ("an unknown parameter", queried),
    ];
    for (what, request) in wrong {
        assert!(contract.check(&request).is_err(), "{what} passed");
    }
    Case::Passed
}
