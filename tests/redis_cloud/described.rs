//! The vendor's published description: our requests keep to it, and wrong ones do not pass.

use latchkey::providers::{Want, redis_cloud::REGISTRATION};
use serde_json::{Value, json};

use crate::{
    contract::{Contract, REDIS_CLOUD, Request},
    rig::{Rig, database, secret, skipped},
};

fn contract(test: &str) -> Option<Contract> {
    Contract::load(REDIS_CLOUD)
        .map_err(|reason| skipped(test, &reason))
        .ok()
}

/// A whole life of an account, with every call that the provider knows, each found and right.
#[tokio::test]
async fn every_request_is_described() {
    let Some(contract) = contract("redis_cloud::described::every_request_is_described") else {
        return;
    };
    let mut rig = Rig::new().await;
    rig.provider.check().await.unwrap();
    let found = rig.provider.discover().await.unwrap();
    rig.provider.accounts().await.unwrap();
    let (mut account, lease, _) = rig.granted(1).await;
    rig.provider
        .observe(&account, std::slice::from_ref(&lease))
        .await
        .unwrap();
    rig.until_done(&mut account, Want::Open(vec![lease]), Some(&secret(2)))
        .await;
    rig.until_done(&mut account, Want::Disabled, Some(&secret(3)))
        .await;
    rig.until_done(&mut account, Want::Deleted, None).await;
    let staging = rig.lease("s", database(&["fixed", "3001", "61001"], "staging"), "Read-Only");
    let mut account = rig.account(2, &staging);
    rig.until_done(&mut account, Want::Open(vec![staging]), Some(&secret(4)))
        .await;
    let role = found
        .resources
        .iter()
        .find(|one| one.at.kind == "acl_role")
        .unwrap();
    let member = rig.lease("m", role.at.clone(), "member");
    let mut account = rig.account(3, &member);
    rig.until_done(&mut account, Want::Open(vec![member]), Some(&secret(5)))
        .await;

    let asked = rig.handle().asked();
    for request in &asked {
        contract
            .check(&request.into())
            .unwrap_or_else(|reason| panic!("{} {}: {reason}", request.method, request.path));
    }
    // None of the calls was left out above.
    let known = [
        "GET /",
        "GET /users",
        "GET /subscriptions",
        "GET /fixed/subscriptions",
        "GET /tasks",
        "GET /acl/users",
        "GET /acl/roles",
        "GET /acl/redisRules",
        "POST /acl/users",
        "POST /acl/roles",
        "POST /acl/redisRules",
    ];
    for known in known {
        assert!(
            asked
                .iter()
                .any(|one| format!("{} {}", one.method, one.path) == known),
            "{known} was not tried"
        );
    }
    for start in [
        "PUT /acl/users/",
        "DELETE /acl/users/",
        "DELETE /acl/roles/",
        "GET /tasks/",
        "GET /fixed/subscriptions/",
    ] {
        assert!(
            asked
                .iter()
                .any(|one| format!("{} {}", one.method, one.path).starts_with(start)),
            "{start}"
        );
    }
    assert_eq!(REGISTRATION.kind, "redis-cloud");
}

fn request(method: &str, path: &str, body: Option<Value>) -> Request {
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: None,
        headers: vec!["x-api-key".to_owned(), "x-api-secret-key".to_owned()],
        body,
    }
}

/// The check itself is checked: each of these is wrong in one way.
#[test]
fn wrong_requests_are_not_described() {
    let Some(contract) = contract("redis_cloud::described::wrong_requests_are_not_described") else {
        return;
    };
    let user = json!({"name": "u", "role": "r", "password": "p"});
    contract
        .check(&request("POST", "/acl/users", Some(user.clone())))
        .unwrap();
    let role = |databases: Value| json!({"name": "r", "redisRules": [{"ruleName": "Read-Only", "databases": databases}]});
    contract
        .check(&request(
            "POST",
            "/acl/roles",
            Some(role(json!([{"databaseId": 1, "subscriptionId": 2}]))),
        ))
        .unwrap();
    let mut keyless = request("GET", "/acl/users", None);
    keyless.headers.pop();
    let mut queried = request("GET", "/subscriptions/1/databases", None);
    queried.query = Some("offset=0&limit=100".to_owned());
    contract.check(&queried).unwrap();
    queried.query = Some("page=1".to_owned());
    let wrong = [
        (
            "no role",
            request("POST", "/acl/users", Some(json!({"name": "u", "password": "p"}))),
        ),
        (
            "a number for a name",
            request(
                "POST",
                "/acl/users",
                Some(json!({"name": 1, "role": "r", "password": "p"})),
            ),
        ),
        (
            "an unknown field",
            request("PUT", "/acl/users/1", Some(json!({"rol": "r"}))),
        ),
        (
            "a read-only field",
            request("PUT", "/acl/users/1", Some(json!({"userId": 1}))),
        ),
        ("no body", request("POST", "/acl/users", None)),
        ("a body on GET", request("GET", "/acl/users", Some(user))),
        ("a word for an id", request("DELETE", "/acl/users/ann", None)),
        (
            "no database id",
            request("POST", "/acl/roles", Some(role(json!([{"subscriptionId": 2}])))),
        ),
        ("no such path", request("GET", "/acl/people", None)),
        ("no such method", request("PATCH", "/acl/users/1", None)),
        ("a key left out", keyless),
        ("an unknown parameter", queried),
    ];
    for (what, request) in wrong {
        assert!(contract.check(&request).is_err(), "{what} passed");
    }
}
