//! The simulated account on its own: as strict as the vendor, and true to its log.

use std::time::Duration;

use latchkey::{
    demo::redis_cloud::{By, Fault, Op, Options, Simulator, start},
    providers::Want,
};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::rig::{PROD, Rig, secret};

async fn account() -> (Simulator, Client) {
    latchkey::install_crypto();
    (start(Options::team()).await.unwrap(), Client::new())
}

struct Call<'a> {
    method: Method,
    path: &'a str,
    keys: (&'a str, &'a str),
    content: Option<&'a str>,
    body: Option<Value>,
}

fn call<'a>(method: Method, path: &'a str, body: Option<Value>) -> Call<'a> {
    Call {
        method,
        path,
        keys: ("demo-account-key", "demo-owner-key"),
        content: Some("application/json"),
        body,
    }
}

async fn status(simulator: &Simulator, client: &Client, call: Call<'_>) -> u16 {
    let mut request = client
        .request(call.method, format!("{}{}", simulator.url, call.path))
        .header("x-api-key", call.keys.0)
        .header("x-api-secret-key", call.keys.1);
    if let Some(content) = call.content {
        request = request.header("content-type", content);
    }
    if let Some(body) = call.body {
        request = request.body(body.to_string());
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn what_the_description_does_not_allow_is_refused() {
    let (simulator, client) = account().await;
    let user = json!({"name": "u1", "role": "reporting", "password": "Abcdef-123"});
    let role = json!({"name": "r1", "redisRules": [{"ruleName": "Read-Only", "databases": [{"subscriptionId": 2001, "databaseId": PROD}]}]});
    let mut extra = role.clone();
    extra["redisRules"][0]["databases"][0]["name"] = json!("prod");
    let get = || call(Method::GET, "/acl/users", None);
    let viewer = ("demo-account-key", "demo-viewer-key");
    let cases = [
        ("a good call", get(), 200),
        (
            "no keys",
            Call {
                keys: ("", ""),
                ..get()
            },
            401,
        ),
        (
            "half a key",
            Call {
                keys: ("demo-account-key", "x"),
                ..get()
            },
            401,
        ),
        (
            "no content type",
            Call {
                content: None,
                ..get()
            },
            415,
        ),
        (
            "another content type",
            Call {
                content: Some("text/plain"),
                ..get()
            },
            415,
        ),
        (
            "a viewer reads",
            Call {
                keys: viewer,
                ..get()
            },
            200,
        ),
        (
            "a viewer writes",
            Call {
                keys: viewer,
                ..call(Method::POST, "/acl/users", Some(user.clone()))
            },
            403,
        ),
        (
            "a body on GET",
            call(Method::GET, "/acl/users", Some(json!({}))),
            400,
        ),
        (
            "a query where none is",
            call(Method::GET, "/acl/users?offset=0", None),
            400,
        ),
        (
            "an unknown parameter",
            call(Method::GET, "/subscriptions/2001/databases?page=1", None),
            400,
        ),
        (
            "too long a page",
            call(Method::GET, "/subscriptions/2001/databases?limit=101", None),
            400,
        ),
        (
            "past the last page",
            call(
                Method::GET,
                "/subscriptions/2001/databases?offset=3&limit=2",
                None,
            ),
            404,
        ),
        (
            "the other plan's path",
            call(Method::GET, "/fixed/subscriptions/2001/databases", None),
            404,
        ),
        ("an unknown path", call(Method::GET, "/acl/people", None), 404),
        (
            "an unknown method",
            call(Method::PATCH, "/acl/users/1", Some(json!({}))),
            405,
        ),
        (
            "an id that is none",
            call(Method::DELETE, "/acl/users/ann", None),
            400,
        ),
        ("no body", call(Method::POST, "/acl/users", None), 400),
        (
            "no role",
            call(
                Method::POST,
                "/acl/users",
                Some(json!({"name": "u", "password": "Abcdef-123"})),
            ),
            400,
        ),
        (
            "an unknown field",
            call(Method::POST, "/acl/roles", Some(extra)),
            400,
        ),
        ("a good user", call(Method::POST, "/acl/users", Some(user)), 202),
        ("a good role", call(Method::POST, "/acl/roles", Some(role)), 202),
    ];
    for (what, call, expected) in cases {
        assert_eq!(status(&simulator, &client, call).await, expected, "{what}");
    }
}

/// Runs one operation through the queue; the error as the vendor names it.
fn through_the_queue(simulator: &Simulator, op: &Op) -> Option<String> {
    let before = simulator.handle.changed().len();
    assert!(simulator.handle.submit(op.clone()));
    simulator.handle.pass_all();
    simulator.handle.changed()[before].error.clone()
}

#[tokio::test]
async fn the_account_keeps_its_own_rules() {
    let (simulator, _) = account().await;
    let op = |json: Value| -> Op { serde_json::from_value(json).unwrap() };
    let rules = |rule: &str, database: i64| json!([{"ruleName": rule, "databases": [{"subscriptionId": 2001, "databaseId": database}]}]);
    let user = |name: &str, role: &str, password: &str| json!({"op": "create_user", "name": name, "role": role, "password": password});
    let role = |name: &str, rules: Value| json!({"op": "create_role", "name": name, "rules": rules});
    let cases = [
        (user("u1", "reporting", "Abcdef-123"), None),
        (
            user("u1", "reporting", "Abcdef-123"),
            Some("ACL_USER_NAME_ALREADY_EXISTS"),
        ),
        (
            user("admin", "reporting", "Abcdef-123"),
            Some("ACL_USER_NAME_NOT_VALID"),
        ),
        (
            user("u2", "nobody", "Abcdef-123"),
            Some("ACL_ROLE_DOES_NOT_EXISTS"),
        ),
        (
            user("u2", "reporting", "abcdefgh"),
            Some("ACL_USER_PASSWORD_NOT_VALID"),
        ),
        (role("r1", json!([])), Some("ACL_ROLE_REDIS_RULES_IS_MISSING")),
        (
            role("r1", json!([{"ruleName": "Read-Only", "databases": []}])),
            Some("ACL_ROLE_REDIS_RULES_DATABASES_SPEC_IS_MISSING"),
        ),
        (
            role("r1", rules("Read-Only", 51_003)),
            Some("BDB_IS_NOT_IN_CORRECT_VERSION_FOR_GIVEN_ACL_VERSION"),
        ),
        (role("r1", rules("Read-Only", 1)), Some("DATABASE_NOT_FOUND")),
        (
            role("r1", rules("No-Such", PROD)),
            Some("ACL_REDIS_RULE_DOES_NOT_EXISTS"),
        ),
        (role("r1", rules("Read-Only", PROD)), None),
        (
            role("r1", rules("Read-Only", PROD)),
            Some("ACL_ROLE_NAME_ALREADY_EXISTS"),
        ),
        (
            json!({"op": "update_role", "name": "r1", "new_name": "r1"}),
            Some("ACL_ROLE_NAME_ALREADY_EXISTS"),
        ),
        (
            json!({"op": "delete_role", "name": "reporting"}),
            Some("ACL_ROLE_HAS_ACTIVE_USERS_AND_CANNOT_BE_DELETED"),
        ),
        (json!({"op": "delete_role", "name": "r1"}), None),
        (
            json!({"op": "delete_role", "name": "r1"}),
            Some("ACL_ROLE_NOT_FOUND"),
        ),
        (
            json!({"op": "create_rule", "name": "x", "acl": "read everything"}),
            Some("ACL_REDIS_RULE_PATTERN_NOT_VALID"),
        ),
        (
            json!({"op": "delete_rule", "name": "Read-Only"}),
            Some("ACL_REDIS_RULE_CANNOT_DELETE_DEFAULT"),
        ),
        (json!({"op": "delete_user", "name": "u1"}), None),
        (
            json!({"op": "delete_user", "name": "u1"}),
            Some("ACL_USER_NOT_FOUND"),
        ),
        (
            json!({"op": "update_user", "name": "u1", "password": "Abcdef-124"}),
            Some("ACL_USER_NOT_FOUND"),
        ),
    ];
    for (change, expected) in cases {
        let error = through_the_queue(&simulator, &op(change.clone()));
        assert_eq!(error.as_deref(), expected, "{change}");
    }
}

/// The controls work from another process, and the state tells whether anything changed.
#[tokio::test]
async fn another_process_can_look_and_be_unkind() {
    let (simulator, client) = account().await;
    let url = |path: &str| format!("{}/_sim/{path}", simulator.origin);
    let post = async |path: &str, body: Value| client.post(url(path)).json(&body).send().await.unwrap();
    let state: Value = client
        .get(url("state"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        state["users"][0]["access"][0],
        json!({"database": "prod", "can": ["read"]})
    );
    let revision = state["revision"].clone();
    let unchanged = client
        .get(url(&format!("state?since={revision}")))
        .send()
        .await
        .unwrap();
    assert_eq!(unchanged.status(), 204);

    let made = json!({"op": "create_user", "name": "byhand", "role": "reporting", "password": "Abcdef-123"});
    assert_eq!(post("others", made).await.status(), 200);
    let again = client
        .get(url(&format!("state?since={revision}")))
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 200);
    let attempt =
        json!({"login": "byhand", "password": "Abcdef-123", "database": PROD, "command": "get", "key": "k"});
    let can: Value = post("can", attempt.clone()).await.json().await.unwrap();
    assert_eq!(can, json!({"login": true, "can": true}));
    assert_eq!(post("session", attempt).await.status(), 200);

    assert_eq!(post("fault", json!({"fault": "down"})).await.status(), 204);
    let cut = client.get(format!("{}/acl/users", simulator.url)).send().await;
    assert!(
        match cut {
            Err(_) => true,
            Ok(answer) => answer.text().await.is_err(),
        },
        "down, and it answered"
    );
    assert_eq!(client.delete(url("fault")).send().await.unwrap().status(), 204);
    assert_eq!(
        status(&simulator, &client, call(Method::GET, "/acl/users", None)).await,
        200
    );
    assert_eq!(
        post("fault", json!({"fault": "slow", "calls": 1, "ms": 1, "more": 2}))
            .await
            .status(),
        422
    );
    let log = client.get(url("log")).send().await.unwrap().text().await.unwrap();
    assert!(
        log.contains("byhand") && !log.contains("Abcdef-123"),
        "passwords stay out of the log"
    );
    assert_eq!(post("pass", json!({"ms": 1000})).await.status(), 204);
}

/// What others did, replayed without us, is what stands in the end: nothing of theirs was touched.
#[tokio::test]
async fn history_made_by_others_is_kept_apart() {
    let mut rig = Rig::new().await;
    let (mut account, _, password) = rig.granted(1).await;
    let hand = Op::CreateUser {
        name: "byhand".to_owned(),
        role: "reporting".to_owned(),
        password: "Abcdef-123".to_owned(),
    };
    rig.handle().others(&hand).unwrap();
    rig.until_done(&mut account, Want::Disabled, Some(&secret(2)))
        .await;
    rig.handle()
        .others(&Op::UpdateUser {
            name: "byhand".to_owned(),
            role: None,
            password: Some("Abcdef-124".to_owned()),
        })
        .unwrap();
    rig.until_done(&mut account, Want::Deleted, None).await;
    rig.handle().pass_all();

    let mut options = Options::team();
    options.standing.clear();
    let alone = start(options).await.unwrap();
    for entry in rig
        .handle()
        .changed()
        .iter()
        .filter(|entry| entry.by == By::Others)
    {
        alone.handle.others(&entry.change).unwrap();
    }
    let (ours, theirs) = (rig.handle(), &alone.handle);
    assert_eq!(ours.logins(""), theirs.logins(""));
    for (login, password, can) in [
        ("byhand", "Abcdef-124", true),
        ("byhand", "Abcdef-123", false),
        ("reporting-job", "Standing-pass-1", true),
        (account.name.login(), password.expose(), false),
    ] {
        assert_eq!(ours.can(login, password, PROD, "get", "k"), can, "{login}");
        assert_eq!(theirs.can(login, password, PROD, "get", "k"), can, "{login}");
    }
}

#[tokio::test]
async fn sessions_die_with_their_login_and_not_with_its_password() {
    let (simulator, _) = account().await;
    let handle = &simulator.handle;
    let open = || handle.open_session("reporting-job", "Standing-pass-1", PROD);
    let session = open().unwrap();
    assert_eq!(handle.open_session("reporting-job", "wrong", PROD), None);
    assert_eq!(
        handle.open_session("reporting-job", "Standing-pass-1", 61_001),
        None,
        "not on that database"
    );
    let change = |role: Option<&str>, password: Option<&str>| Op::UpdateUser {
        name: "reporting-job".to_owned(),
        role: role.map(str::to_owned),
        password: password.map(str::to_owned),
    };
    handle.others(&change(None, Some("Standing-pass-2"))).unwrap();
    assert_eq!(handle.session_can(session, "get", "k"), Some(true));
    assert_eq!(open(), None, "the old password opens nothing new");
    handle
        .others(&Op::DeleteUser {
            name: "reporting-job".to_owned(),
        })
        .unwrap();
    assert_eq!(handle.session_can(session, "get", "k"), None);
}

#[tokio::test]
async fn lines_fail_apart() {
    let (simulator, client) = account().await;
    simulator.handle.fault(&Fault::Slow { calls: 1, ms: 30 });
    let before = std::time::Instant::now();
    assert_eq!(
        status(&simulator, &client, call(Method::GET, "/acl/users", None)).await,
        200
    );
    assert!(before.elapsed() >= Duration::from_millis(30));
    simulator.handle.fault(&Fault::TooMany {
        calls: 1,
        retry_after: Some(7),
    });
    assert_eq!(
        status(&simulator, &client, call(Method::GET, "/acl/users", None)).await,
        429
    );
    assert_eq!(
        status(&simulator, &client, call(Method::GET, "/acl/users", None)).await,
        200
    );
}
