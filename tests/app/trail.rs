//! What is left behind: the whole story in the audit, and no secret anywhere.

use std::path::Path;

use latchkey::{
    control::{AuditFilter, ControlRequest},
    domain::audit::Actor,
    store::AuditQuery,
};

use crate::{
    acts::{APPROVE, ASK},
    harness::{Setup, World},
};

/// Asked, approved, shown twice, over: the request's code and both passwords.
async fn whole_story() -> (World, String, Vec<String>) {
    let mut w = Setup::default().start().await;
    let code = w.asks("ann", ASK).await;
    w.press("bob", APPROVE).await;
    let mut passwords = Vec::new();
    for label in ["Show credential", "Set a new password (the old one stops)"] {
        w.press("ann", label).await;
        passwords.push(w.modal_value("ann", "Password"));
        w.person("ann").closes_modal().await.expect("it closes");
    }
    w.passes(3).await;
    w.reads("ann", "Over ");
    (w, code, passwords)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_of_a_request_tells_its_whole_story() {
    let (mut w, code, _) = whole_story().await;
    let id = w.request(&code).await.id.0;
    let trail = w
        .audit(AuditQuery {
            request: Some(id),
            ..AuditQuery::default()
        })
        .await;
    let verbs: Vec<&str> = trail.iter().map(|line| line.entry.verb.as_str()).collect();
    let mut rest = verbs.iter();
    for verb in [
        "asked",
        "voted to approve",
        "approved",
        "granted",
        "shown",
        "shown",
        "ended",
        "revoked",
    ] {
        assert!(
            rest.any(|known| *known == verb),
            "{verb} is missing, or out of order: {verbs:?}"
        );
    }
    assert!(
        trail
            .windows(2)
            .all(|two| two[0].seq <= two[1].seq && two[0].at <= two[1].at)
    );
    let by = |verb: &str| {
        let line = trail.iter().find(|line| line.entry.verb == verb).expect("a line");
        match &line.entry.actor {
            Actor::Person { name, .. } => name.clone(),
            Actor::System { user } => user.clone(),
            Actor::Latchkey => "Latchkey".into(),
        }
    };
    assert_eq!(by("asked"), "ann");
    assert_eq!(by("voted to approve"), "bob");
    assert_eq!(by("shown"), "ann");
    let told = w
        .orders(ControlRequest::Audit(AuditFilter {
            request: Some(code),
            ..AuditFilter::default()
        }))
        .await
        .expect("the command line's view");
    assert_eq!(told.as_array().expect("lines").len(), trail.len());
    let vote = trail
        .iter()
        .find(|line| line.entry.verb == "voted to approve")
        .expect("the vote");
    assert!(
        vote.entry.facts["authority"]
            .to_string()
            .contains("tag owner=dba on prod names group dba"),
        "by what authority: {vote:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_left_anywhere() {
    let (w, _, passwords) = whole_story().await;
    assert_ne!(passwords[0], passwords[1]);
    assert!(passwords.iter().all(|password| password.len() >= 20), "real ones");
    let mut secrets: Vec<&str> = passwords.iter().map(String::as_str).collect();
    secrets.extend(["demo-owner-key", "demo-account-key", "xoxb-demo", "xapp-demo"]);
    let login = w
        .leases()
        .await
        .first()
        .map(|lease| lease.account.as_str().to_owned())
        .expect("a lease");

    let audit = w.audit(AuditQuery::default()).await;
    let audit = serde_json::to_string(&audit).expect("it is written");
    let messages = format!("{:?}", w.slack.all_messages());
    let mut files = Vec::new();
    read_all(w.dir.path(), &mut files);
    let files: Vec<u8> = files.concat();
    assert!(
        contains(&files, login.as_bytes()),
        "what is looked for would be found"
    );
    assert!(
        messages.contains("Ready until") || messages.contains("Over "),
        "{messages}"
    );
    for secret in secrets {
        assert!(!audit.contains(secret), "in the audit");
        assert!(!messages.contains(secret), "in a message");
        assert!(!contains(&files, secret.as_bytes()), "in the store");
        for call in w
            .slack
            .calls()
            .iter()
            .filter(|call| call.method.starts_with("chat."))
        {
            assert!(!call.body.to_string().contains(secret), "sent as a message");
        }
    }
}

fn read_all(dir: &Path, found: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_all(&path, found);
        } else if path.extension().is_none_or(|kind| kind != "toml") {
            found.push(std::fs::read(&path).unwrap_or_default());
        }
    }
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_all_survives_a_restart() {
    let mut w = Setup::default().start().await;
    let code = w.asks("ann", ASK).await;
    w.restart().await;
    assert!(w.request(&code).await.is_pending());
    w.press("bob", APPROVE).await;
    assert_eq!(w.logins().len(), 1);
    w.restart().await;
    w.settle().await;
    w.press("ann", "Show credential").await;
    let (login, password) = (w.modal_value("ann", "User"), w.modal_value("ann", "Password"));
    assert!(w.redis.handle.can_log_in(&login, &password, 51_001));
    w.restart().await;
    w.passes(3).await;
    assert!(!w.redis.handle.can_log_in(&login, &password, 51_001));
}
