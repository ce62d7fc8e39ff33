//! Modals, forms, the home tab, lists and notices, as people read them.

use insta::assert_snapshot;

use super::{super::*, *};
use crate::{
    chat::surface::{Block, Choice},
    domain::{AccessDetails, Checked, Health, Integration, Verdict, policy::ReasonRule},
    providers::{Credential, CredentialKind},
    secrets::Secret,
};

fn details() -> AccessDetails {
    AccessDetails {
        fields: vec![
            ("Host".into(), "redis-1234.example.com:16380 (TLS)".into()),
            ("User".into(), "jit_7c1e_ann_3f9c21ab".into()),
        ],
        examples: vec![
            "redis-cli -h redis-1234.example.com -p 16380 --tls --user jit_7c1e_ann_3f9c21ab --askpass"
                .into(),
        ],
        notes: vec!["No KEYS.".into()],
    }
}

#[test]
fn the_credential_is_shown_value_by_value() {
    let secret = Secret::new("s3cr3t-s3cr3t");
    let credential = Credential::Password(secret.clone());
    let shown = credential_modal(
        &details(),
        &credential,
        Works::Until(at(16, 41, 0)),
        &["VPN first."],
    );
    assert_snapshot!(open(&shown), @"
    Your credential (-/Close)
    Host = redis-1234.example.com:16380 (TLS)
    User = jit_7c1e_ann_3f9c21ab
    Password = s3cr3t-s3cr3t
    Run = redis-cli -h redis-1234.example.com -p 16380 --tls --user jit_7c1e_ann_3f9c21ab --askpass
    No KEYS.
    VPN first.
    ~ Shown once. Showing it again sets a new password and may end your sessions. Blanked in 5 min. Works until 16:41.
    ");
    let secrets = shown
        .blocks
        .iter()
        .filter(|block| drawn(block).contains(secret.expose()));
    assert_eq!(secrets.count(), 1);
    assert_snapshot!(open(&credential_modal_loading(CredentialKind::Password)), @"
    Your credential (-/Close)
    Setting a password...
    ");
    assert_snapshot!(open(&credential_modal_blanked(CredentialKind::Password)), @"
    Your credential (-/Close)
    Blanked. Show credential sets a new password.
    ");
    let failed = credential_modal_failed(CredentialKind::Password, "the target did not answer");
    assert_snapshot!(open(&failed), @"
    Your credential (-/Close)
    No password was shown: the target did not answer.
    ~ Whatever you had may have stopped working. Press Show credential again.
    ");
}

#[test]
fn an_example_holds_the_secret_only_where_it_asks_for_it() {
    let mut details = details();
    details.examples = vec!["redis://u:{secret}@h".into()];
    let password = Credential::Password(Secret::new("pw"));
    let shown = credential_modal(&details, &password, Works::WhileActive, &[]);
    assert!(
        shown
            .blocks
            .iter()
            .any(|block| drawn(block) == "Run = redis://u:pw@h")
    );
}

#[test]
fn a_private_key_is_shown_whole_in_one_block() {
    let body: String = (0..26).map(|n| format!("{n:064}\n")).collect();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n");
    let credential = Credential::KeyPair {
        public: "the public half".into(),
        private: Secret::new(pem.as_str()),
    };
    let mut details = details();
    details.examples.push("never filled in: {secret}".into());
    let modal = credential_modal(&details, &credential, Works::WhileActive, &[]);
    let whole: Vec<&Block> = modal
        .blocks
        .iter()
        .filter(|block| drawn(block).contains("PRIVATE KEY"))
        .collect();
    assert_eq!(whole.len(), 1, "in no example, and nowhere else");
    assert!(matches!(whole[0], Block::Copy { label, value } if label == "Private key" && *value == pem));
    let text = open(&modal);
    assert!(text.contains("never filled in: {secret}"), "{text}");
    assert!(text.contains("Showing it again sets a new key"), "{text}");
    assert!(
        !text.contains("assword") && !text.contains("the public half"),
        "{text}"
    );
    for (shown, words) in [
        (
            credential_modal_loading(CredentialKind::KeyPair),
            "Making a key pair...",
        ),
        (
            credential_modal_blanked(CredentialKind::KeyPair),
            "sets a new key.",
        ),
        (
            credential_modal_failed(CredentialKind::KeyPair, "x"),
            "No key was shown: x.",
        ),
    ] {
        assert!(open(&shown).contains(words), "{}", open(&shown));
    }
}

#[test]
fn the_preview_holds_every_statement_and_the_whole_reason() {
    let mut case = Case::pending();
    case.request.reason = "r".repeat(3000);
    let statements = ["create role x", "# tables it makes stay", "grant a to x"].map(str::to_owned);
    let modal = preview_modal(&case.facts(), &statements);
    let text = open(&modal);
    assert!(text.contains("create role x\ngrant a to x\n"), "{text}");
    assert!(text.contains("\ntables it makes stay\n"), "{text}");
    assert!(text.contains(&"r".repeat(2000)), "{text}");
    assert!(text.matches('r').count() >= 3000);

    let many: Vec<String> = (0..100).map(|at| format!("{at} {}", "x".repeat(200))).collect();
    let modal = preview_modal(&case.facts(), &many);
    assert!(open(&modal).contains("and 40 more"));
    assert!(modal.blocks.len() <= 100);
    case.request.reason = String::new();
    assert_snapshot!(open(&preview_modal(&case.facts(), &[])), @"
    What will run (-/Close)
    Nothing runs in redis-cloud itself.
    ~ Placeholders in <...> are filled in when it runs. Passwords and keys are never shown here. What really ran is in the audit log.
    ");
}

#[test]
fn forms_ask_for_what_is_missing() {
    let state = FormState {
        what: Some(Choice {
            value: "redis-cloud database:prod".into(),
            label: "redis-cloud / prod".into(),
        }),
        permissions: ["read", "read-write"]
            .map(|name| Choice {
                value: name.into(),
                label: name.into(),
            })
            .into(),
        permission: Some("read-write".into()),
        length: Some("2h".into()),
        reason: None,
        reason_required: true,
        longest_seconds: Some(8 * 3600),
        note: Some("This flow needs a reason.".into()),
    };
    assert_snapshot!(open(&request_form(&state)), @"
    Request access (Ask/Cancel)
    This flow needs a reason.
    <What*: search redis-cloud / prod> Type a part of the name.
    <Permission: one of 2, read-write> The least you may ask for, if you choose none.
    <How long: text 2h> Like 2h, 90m, 2h30m or until 18:00. Longest here is 8 h.
    <Reason*: text -> The approvers read it.
    ");
    assert_snapshot!(open(&request_form(&FormState::default())), @"
    Request access (Ask/Cancel)
    <What*: search -> Type a part of the name.
    <Permission: search -> The least you may ask for, if you choose none.
    <How long: text -> Like 2h, 90m, 2h30m or until 18:00.
    <Reason: text -> The approvers read it.
    ");
    let case = Case::active();
    assert_snapshot!(open(&deny_form(&case.facts())), @"
    Deny R7K3F (Deny/Cancel)
    ann · read-write · redis-cloud / prod · 2 h
    <Reason*: text -> ann reads it.
    ");
    assert_snapshot!(open(&approve_form(&case.facts(), ReasonRule::Optional)), @"
    Approve R7K3F (Approve/Cancel)
    ann · read-write · redis-cloud / prod · 2 h
    <Reason: text -> ann reads it.
    ");
    assert_snapshot!(open(&extend_form(&case.facts(), ReasonRule::Required, "1h")), @"
    Extend R7K3F (Ask/Cancel)
    redis-cloud / prod · read-write · now until 16:41. The same people decide again; all of it together may last 8 h.
    <How long*: text 1h> How much longer, like 1h, or until 18:00.
    <Reason*: text -> The approvers read it.
    ");
    assert_snapshot!(open(&end_form(&case.facts())), @"
    End R7K3F (End access/Cancel)
    ann loses read-write on redis-cloud / prod at once.
    <Reason*: text -> ann reads it.
    ");
}

fn integration(error: Option<&str>) -> Integration {
    Integration {
        name: "orders-pg".into(),
        kind: "postgresql".into(),
        settings: String::new(),
        target_id: None,
        retired: false,
        checked: Some(Checked {
            at: at(14, 37, 0),
            health: error.is_none().then(|| Health {
                missing: vec!["CREATEROLE".into()],
                ..Health::default()
            }),
            error: error.map(str::to_owned),
        }),
        kinds: Vec::new(),
        discovered_at: None,
        discovery_error: error.map(|_| "timed out".into()),
        swept_at: None,
        jobs: Default::default(),
        told: None,
        strays: Default::default(),
        look_at: None,
    }
}

fn page(blocks: &[Block]) -> String {
    blocks.iter().map(drawn).collect::<Vec<_>>().join("\n")
}

#[test]
fn home_shows_what_waits_and_what_is_held() {
    let (pending, active) = (Case::pending(), Case::active());
    let mut stuck = Case::ended(EndReason::TimeUp);
    stuck.stuck = Some(at(16, 42, 0));
    let (sick, down) = (integration(None), integration(Some("connection refused")));
    let facts = HomeFacts {
        waiting: vec![pending.facts()],
        access: vec![active.facts()],
        requests: vec![pending.facts()],
        admin: Some(AdminFacts {
            stuck: vec![stuck.facts()],
            integrations: vec![&sick, &down],
        }),
    };
    assert_snapshot!(page(&home(&facts)), @r#"
    [Request access]
    # Waiting for you (1)
    R7K3F · ann · read-write · redis-cloud / prod · 2 h · "queue stuck, INC-2231" · lapses 22:38
    [Approve 2 h] [Deny...] [What will run]
    # Your access (1)
    R7K3F · redis-cloud / prod · read-write · Ready until 16:41 (2 h).
    [Show credential] [Finish now]
    # Your requests
    R7K3F · redis-cloud / prod · read-write · Waiting for bob or eve (tag owner=dba on prod names group dba). Lapses 22:38.
    [Cancel]
    # Stuck (1)
    R7K3F · ann · redis-cloud / prod · read-write · over since 16:41
    # Integrations
    orders-pg (postgresql): lacks CREATEROLE, checked 14:37
    orders-pg (postgresql): not reachable: connection refused, checked 14:37; listing failed: timed out
    "#);
    assert_snapshot!(read(&mine(&facts)), @r#"
    > Yours
    # Waiting for you (1)
    R7K3F · ann · read-write · redis-cloud / prod · 2 h · "queue stuck, INC-2231" · lapses 22:38
    # Your access (1)
    R7K3F · redis-cloud / prod · read-write · Ready until 16:41 (2 h).
    # Your requests
    R7K3F · redis-cloud / prod · read-write · Waiting for bob or eve (tag owner=dba on prod names group dba). Lapses 22:38.
    "#);

    let none = HomeFacts {
        waiting: vec![],
        access: vec![],
        requests: vec![],
        admin: None,
    };
    assert_snapshot!(page(&home(&none)), @"
    [Request access]
    # Waiting for you (0)
    Nothing waits for you.
    # Your access (0)
    You hold nothing.
    # Your requests
    You wait for nothing.
    ");
    assert_snapshot!(read(&mine(&none)), @"
    > You hold nothing and wait for nothing, and nothing waits for you.
    You hold nothing and wait for nothing, and nothing waits for you.
    ");
}

#[test]
fn a_full_home_stays_within_a_page() {
    let (pending, active) = (Case::pending(), Case::active());
    let one = integration(None);
    let facts = HomeFacts {
        waiting: vec![pending.facts(); 24],
        access: vec![active.facts(); 24],
        requests: vec![pending.facts(); 24],
        admin: Some(AdminFacts {
            stuck: vec![active.facts(); 24],
            integrations: vec![&one; 24],
        }),
    };
    let blocks = home(&facts);
    assert!(blocks.len() <= 100, "{}", blocks.len());
    assert!(page(&blocks).contains("~ and 14 more: /access mine"));
    assert!(mine(&facts).blocks.len() <= 50);
}

#[test]
fn lists_name_only_what_they_are_given() {
    let row = |resource: &str| CatalogRow {
        integration: "redis-cloud".into(),
        resource: resource.into(),
        permissions: vec!["read".into(), "read-write".into()],
        longest_seconds: 28_800,
        decided_by: Some("group dba".into()),
        unavailable: None,
    };
    let other = CatalogRow {
        decided_by: None,
        unavailable: Some("paused".into()),
        ..row("cache")
    };
    assert_snapshot!(read(&catalog(&[row("prod"), other])), @"
    > What you can ask for
    # What you can ask for
    redis-cloud / prod: read or read-write, up to 8 h, decided by group dba
    redis-cloud / cache: read or read-write, up to 8 h, at once · not now: paused
    ");
    assert_snapshot!(read(&catalog(&[])), @"
    > Nothing of that name you can ask for.
    Nothing of that name you can ask for.
    ");
    let many: Vec<CatalogRow> = (0..100).map(|at| row(&at.to_string())).collect();
    assert!(page(&catalog(&many).blocks).ends_with("and 70 more: /access catalog INTEGRATION"));
    assert_snapshot!(read(&help()), @"
    > /access INTEGRATION RESOURCE [PERMISSION] [DURATION | until TIME] [REASON...]
    /access redis-cloud prod 2h queue stuck
    /access redis-cloud prod rw until 18:00
    /access opens the form
    /access INTEGRATION RESOURCE [PERMISSION] [DURATION | until TIME] [REASON...]
    /access redis-cloud prod 2h queue stuck
    /access redis-cloud prod rw until 18:00
    /access opens the form
    /access mine: what you hold, what you wait for, what waits for you
    /access catalog [INTEGRATION]: what you can ask for
    /access status R7K3F: where a request stands
    /access cancel R7K3F: takes it back before it is active
    /access finish [R7K3F]: ends your access now
    /access extend R7K3F 1h: asks to keep it longer
    /access approve R7K3F, /access deny R7K3F REASON: your vote
    ");
}

#[test]
fn help_names_every_subcommand() {
    let text = read(&help());
    for verb in crate::domain::command::SUBCOMMANDS {
        assert!(
            verb == "help" || text.contains(&format!("/access {verb}")),
            "{verb}"
        );
    }
}

#[test]
fn events_are_one_sentence() {
    let (pending, active) = (Case::pending(), Case::active());
    let closed = Case::closed(EndReason::TimeUp);
    let (pending, active, closed) = (pending.facts(), active.facts(), closed.facts());
    let (integration, why) = ("orders-pg", "timed out");
    for (what, words) in [
        (
            Said::Asked(&pending),
            "Asked bob and eve. R7K3F, in your messages.",
        ),
        (Said::TakenBack(&pending), "You took R7K3F back."),
        (Said::Finishing(&active), "Ending redis-cloud / prod now."),
        (Said::Voted(&pending), "Your vote on R7K3F counts: 0 of 1."),
        (Said::Decided(&active, Verdict::Approve), "R7K3F: approved."),
        (Said::Decided(&active, Verdict::Deny), "R7K3F: denied."),
        (
            Said::Ending(&active),
            "Ending ann's access to redis-cloud / prod now.",
        ),
        (
            Said::Granted(&active),
            "ann has read-write on redis-cloud / prod until 16:41, by bob: \"queue stuck, INC-2231\" (R7K3F).",
        ),
        (
            Said::ForcedApprove {
                facts: &active,
                system_user: "root",
                reason: "night",
            },
            "root approved R7K3F at the command line: ann · read-write · redis-cloud / prod. Reason: \"night\"",
        ),
        (
            Said::ForcedRevoke {
                facts: &active,
                system_user: "root",
                reason: "leak",
            },
            "root ended R7K3F at the command line: ann · read-write · redis-cloud / prod. Reason: \"leak\"",
        ),
        (
            Said::Unstuck(&closed),
            "Revoked at last: ann · read-write · redis-cloud / prod (R7K3F). Checked 16:41:09: login disabled, 0 sessions.",
        ),
        (
            Said::RemovedInTarget(&active),
            "ann's read-write on redis-cloud / prod (R7K3F) was removed in redis-cloud by somebody else. It is over; nothing is granted again.",
        ),
        (
            Said::NobodyToDecide {
                who: "bob",
                permission: "read",
                target: "orders-pg / orders",
                flow: "dba",
            },
            "Nobody could decide: bob asked for read on orders-pg / orders, and access flow dba leaves nobody but them. It was refused. Add an approver, or an integration owner.",
        ),
        (
            Said::DiscoveryFailed { integration, why },
            "orders-pg: listing failed, what people see is as of last time. timed out.",
        ),
        (
            Said::Unhealthy { integration, why },
            "orders-pg is not healthy; nothing new is granted there, revocations are still tried. timed out.",
        ),
        (Said::Healthy { integration }, "orders-pg is healthy again."),
        (
            Said::Drift {
                integration,
                account: "jit_x",
                why: "It is enabled.",
            },
            "orders-pg: jit_x is not as we left it. It is enabled.",
        ),
        (
            Said::UnknownAccount {
                integration,
                account: "jit_x",
            },
            "orders-pg: jit_x carries our mark, but nothing here knows it. It was left alone.",
        ),
        (
            Said::Suspended {
                name: "ann",
                why: "the e-mail changed",
            },
            "ann is suspended: the e-mail changed. An admin has to confirm who it is.",
        ),
        (
            Said::PersonGone {
                name: "ann",
                leases: 1,
            },
            "ann was deactivated; 1 lease of theirs ends now.",
        ),
        (
            Said::PersonGone {
                name: "ann",
                leases: 2,
            },
            "ann was deactivated; 2 leases of theirs end now.",
        ),
        (
            Said::NotNow { reference: "k3f9" },
            "Something went wrong on our side; nothing was changed. Reference k3f9.",
        ),
    ] {
        assert_eq!(plain(&said(&what).text), words);
    }
}
