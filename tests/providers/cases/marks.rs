//! What is ours, and what is not.

use latchkey::providers::{AccountName, ErrorKind, LeaseId, Presence, Want};

use crate::{
    desk::{Desk, desk_of_theirs, person},
    target::{Case, Setting, Target},
};

pub async fn accounts_is_exactly_ours(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut ann = Desk::new(target, person(1));
    assert_eq!(
        ann.reported().await,
        [],
        "nothing of ours on a target nobody touched"
    );
    ann.open(&offer.read).await;
    ann.settled().await;
    let mut bob = Desk::new(target, person(2));
    let lease = bob.open(&offer.read).await;
    bob.settled().await;
    bob.end(&lease);
    bob.settled().await;
    target.make_stranger("some_service").await;
    let mut expected = vec![ann.held(&offer.read).account.name.clone()];
    // A disabled account is still an account; where disabling is deleting, it is gone.
    if bob.observe(&offer.read, &[]).await.presence != Presence::Absent {
        expected.push(bob.held(&offer.read).account.name.clone());
    }
    let theirs = desk_of_theirs(target).await;
    if let Some(mut desk) = theirs {
        desk.open(&offer.read).await;
        desk.settled().await;
        expected.push(desk.held(&offer.read).account.name.clone());
    }
    expected.sort();
    assert_eq!(ann.reported().await, expected);
    Case::Passed
}

pub async fn another_installation_is_not_ours(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    desk.open(&offer.read).await;
    desk.settled().await;
    let before = target.everything().await;
    let mut other = Desk::with(target, person(1), target.provider(Setting::OtherInstallation));
    assert_eq!(
        other.reported().await,
        [],
        "accounts of another installation are not ours"
    );
    assert_ne!(
        other.login(&offer.read),
        desk.login(&offer.read),
        "nor do names meet"
    );

    // The other bot is even told the account by name: it must leave it alone.
    let name = AccountName::Ours(desk.login(&offer.read));
    other.held(&offer.read).account.name = name;
    for want in [Want::Disabled, Want::Deleted, Want::Open(Vec::new())] {
        let scope = other.provider.scope(&offer.read.at, &offer.read.permission);
        let error = other.turn(&scope, want).await.expect_err("not ours to change");
        assert_eq!(error.kind, ErrorKind::Taken, "{error}");
    }
    assert_eq!(other.observe(&offer.read, &[]).await.presence, Presence::NotOurs);
    assert_eq!(before, target.everything().await, "untouched");
    desk.expect(&offer.read, true, "untouched").await;
    Case::Passed
}

pub async fn stranger_with_our_name_is_taken(target: &dyn Target) -> Case {
    if !target.has_marks() {
        return Case::not_applicable("keeps no free text: name and stamp alone tell what is ours");
    }
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let login = desk.login(&offer.read);
    target.make_stranger(&login).await;
    let before = target.everything().await;
    desk.open(&offer.read).await;
    let scope = desk.provider.scope(&offer.read.at, &offer.read.permission);
    for want in [desk.want(&scope), Want::Disabled, Want::Deleted] {
        let error = desk.turn(&scope, want).await.expect_err("not ours to change");
        assert_eq!(error.kind, ErrorKind::Taken, "{error}");
    }
    assert_eq!(desk.observe(&offer.read, &[]).await.presence, Presence::NotOurs);
    assert_eq!(desk.reported().await, [], "a stranger is not reported as ours");
    assert_eq!(before, target.everything().await, "untouched");
    Case::Passed
}

pub async fn stray_lease_roles_go(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    desk.open(&offer.read).await;
    desk.settled().await;
    let before = target.everything().await;
    // After a restore the store knows nothing of the second lease: it is neither ensured nor released.
    let stray = desk.open(&offer.other).await;
    desk.settled().await;
    desk.end(&stray);
    desk.forget_released();
    desk.settled().await;
    desk.expect(&offer.other, false, "what no lease holds").await;
    desk.expect(&offer.read, true, "what a lease holds").await;
    if desk.login(&offer.read) == desk.login(&offer.other) {
        assert_eq!(before, target.everything().await, "no trace of the stray");
    }
    if let Some(mut desk) = desk_of_theirs(target).await {
        let before = target.everything().await;
        let stray = desk.open(&offer.read).await;
        desk.settled().await;
        let reported = desk.reported().await;
        assert!(
            reported.contains(&desk.held(&offer.read).account.name),
            "the sweep finds it: {reported:?}"
        );
        desk.end(&stray);
        desk.forget_released();
        desk.settled().await;
        desk.expect(&offer.read, false, "what no lease holds").await;
        assert_eq!(before, target.everything().await, "no trace of the stray");
    }
    let unknown = LeaseId::from("neverheardof");
    // Where leases on the same are one access, only what no lease gave tells.
    let thing = if target.tells_leases_apart() {
        &offer.read
    } else {
        &offer.write
    };
    let mut lease = desk.lease(thing);
    lease.id = unknown.clone();
    let seen = desk.observe(&offer.read, &[lease]).await;
    assert_ne!(
        seen.held.get(&unknown),
        Some(&true),
        "a lease nobody granted is not held"
    );
    Case::Passed
}
