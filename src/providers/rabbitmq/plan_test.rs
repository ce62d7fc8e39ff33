use chrono::DateTime;

use super::*;
use crate::providers::{AccountName, Credential, Fence, LeaseId, Memo, ResourceRef};

const LOGIN: &str = "jit_ab12_ann_01234567";

fn lease(id: &str, vhost: &str, permission: &str) -> Lease {
    Lease {
        id: LeaseId::from(id),
        resource: ResourceRef {
            kind: "vhost".to_owned(),
            id: vec![vhost.to_owned()],
            title: vhost.to_owned(),
        },
        permission: permission.to_owned(),
        starts_at: DateTime::UNIX_EPOCH,
        expires_at: DateTime::UNIX_EPOCH,
        standing: Some(false),
    }
}

fn wanted(leases: &[Lease]) -> Wanted {
    let grants: Vec<Grant> = leases
        .iter()
        .map(|lease| Grant::of(&lease.resource, &lease.permission).unwrap())
        .collect();
    Wanted::of(leases.iter().zip(&grants))
}

/// What the broker has after `open` for these.
fn seen(leases: &[Lease], password: Option<&Secret>) -> Seen {
    let mut seen = Seen::default();
    for write in open(LOGIN, &Seen::default(), &wanted(leases), password) {
        let body = write.body().unwrap();
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        match write {
            Write::PutUser { login, .. } => {
                seen.user = Some(User {
                    name: login,
                    password_hash: text("password_hash"),
                    hashing_algorithm: text("hashing_algorithm"),
                    tags: Vec::new(),
                });
            }
            Write::PutPermission { vhost, .. } => seen.permissions.push(Granted {
                vhost,
                configure: text("configure"),
                write: text("write"),
                read: text("read"),
            }),
            _ => unreachable!("nothing else opens"),
        }
    }
    seen
}

fn lines(writes: &[Write]) -> Vec<String> {
    writes
        .iter()
        .map(|write| format!("{} {}", write.method(), write.path()))
        .collect()
}

#[test]
fn a_new_login_is_made_first_and_one_that_is_there_is_opened_last() {
    let (old, new) = (Secret::new("old"), Secret::new("new"));
    let leases = [lease("a1", "prod", "read"), lease("b2", "/", "write")];
    let user = format!("PUT /users/{LOGIN}");
    let permissions = [
        format!("PUT /permissions/%2F/{LOGIN}"),
        format!("PUT /permissions/prod/{LOGIN}"),
    ];
    let fresh = open(LOGIN, &Seen::default(), &wanted(&leases), Some(&new));
    assert_eq!(
        lines(&fresh),
        [user.clone(), permissions[0].clone(), permissions[1].clone()]
    );
    let there = Seen {
        permissions: Vec::new(),
        ..seen(&leases, Some(&old))
    };
    let again = open(LOGIN, &there, &wanted(&leases), Some(&new));
    assert_eq!(
        lines(&again),
        [permissions[0].clone(), permissions[1].clone(), user]
    );
}

#[test]
fn what_is_as_wanted_is_left_alone() {
    let password = Secret::new("pw");
    let leases = [lease("a1", "prod", "read")];
    let there = seen(&leases, Some(&password));
    assert_eq!(open(LOGIN, &there, &wanted(&leases), None), []);
    assert_eq!(
        open(LOGIN, &there, &wanted(&leases), Some(&password)),
        [],
        "the same password again"
    );
    let rotated = open(LOGIN, &there, &wanted(&leases), Some(&Secret::new("other")));
    assert_eq!(lines(&rotated), [format!("PUT /users/{LOGIN}")]);
}

#[test]
fn tags_change_without_touching_the_password() {
    let password = Secret::new("pw");
    let mut there = seen(&[lease("a1", "prod", "read")], Some(&password));
    let hash = there.user.as_ref().unwrap().password_hash.clone();
    there.user.as_mut().unwrap().tags = vec!["monitoring".to_owned()];
    let writes = open(LOGIN, &there, &wanted(&[lease("a1", "prod", "read")]), None);
    assert_eq!(lines(&writes), [format!("PUT /users/{LOGIN}")]);
    let body = writes[0].body().unwrap();
    assert_eq!(
        body["password_hash"], hash,
        "a body without it would lock the person out"
    );
    assert_eq!(body["tags"], "");
}

#[test]
fn shutting_closes_the_door_first_and_deleting_leaves_nobody_in() {
    let there = seen(&[lease("a1", "prod", "read")], Some(&Secret::new("pw")));
    assert_eq!(
        lines(&shut(LOGIN, &there)),
        [
            format!("PUT /users/{LOGIN}"),
            format!("DELETE /permissions/prod/{LOGIN}"),
            format!("DELETE /connections/username/{LOGIN}"),
        ]
    );
    assert_eq!(
        lines(&delete(LOGIN, &there)),
        [
            format!("DELETE /users/{LOGIN}"),
            format!("DELETE /connections/username/{LOGIN}")
        ]
    );
    assert_eq!(shut(LOGIN, &Seen::default()), []);
    assert_eq!(delete(LOGIN, &Seen::default()), []);
}

#[test]
fn connections_end_only_where_something_ends() {
    let (a, b) = (lease("a1", "a", "read"), lease("b2", "b", "read"));
    let there = seen(&[a.clone(), b.clone()], Some(&Secret::new("pw")));
    let now = wanted(std::slice::from_ref(&b));
    assert_eq!(narrowed(&there, &now, &[]), ["a"], "a stray too");
    let after = seen(std::slice::from_ref(&b), Some(&Secret::new("pw")));
    assert_eq!(
        narrowed(&after, &now, std::slice::from_ref(&a)),
        ["a"],
        "also when an earlier turn was cut before it"
    );
    assert!(
        narrowed(&after, &wanted(&[a, b.clone()]), &[]).is_empty(),
        "giving ends nothing"
    );
    let wider = seen(
        &[lease("c3", "b", "configure"), b.clone()],
        Some(&Secret::new("pw")),
    );
    assert_eq!(narrowed(&wider, &wanted(std::slice::from_ref(&b)), &[]), ["b"]);
    let mut strange = after;
    strange.permissions[0].read = ".*".to_owned();
    assert_eq!(
        narrowed(&strange, &wanted(&[b]), &[]),
        ["b"],
        "what we did not write"
    );
}

#[test]
fn previews_show_what_will_run_and_no_secret() {
    let account = Account {
        name: AccountName::Ours(LOGIN.to_owned()),
        memo: Memo::new(),
    };
    let change = |want: Want, release: Vec<Lease>| Change {
        want,
        release,
        credential: Some(Credential::Password(Secret::new("s3cret"))),
        now: DateTime::UNIX_EPOCH,
        fence: Fence::default(),
    };
    let (a, b) = (lease("a1", "a", "read"), lease("b2", "b", "read"));
    let shown = preview(&account, &change(Want::Open(vec![b]), vec![a.clone()]));
    assert!(shown[0].starts_with("PUT /api/users/") && shown[0].contains("***"));
    assert!(shown.iter().any(|line| line.contains("(?#b2).*")));
    assert!(shown.contains(&format!("DELETE /api/permissions/a/{LOGIN}")));
    assert!(shown.iter().any(|line| line.contains("<each of the login")));
    let shown = preview(&account, &change(Want::Disabled, vec![a]));
    assert_eq!(shown.len(), 3);
    assert_eq!(preview(&account, &change(Want::Deleted, Vec::new())).len(), 2);
}
