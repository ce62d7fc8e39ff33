//! Whatever is cut short, the next run from the top ends as if nothing had happened.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use chrono::{DateTime, Utc};
use latchkey::providers::{Lease, Presence, Want};

use crate::{
    desk::{Desk, now, person},
    target::{Case, Cut, Setting, Target, Thing},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Grant,
    Swap,
    Rotate,
    Revoke,
    Delete,
}

/// No deed takes this many calls.
const MANY: u32 = 2_000;

pub async fn cut_after_every_call_ends_the_same(target: &dyn Target) -> Case {
    // One `now`, so that what is computed from time is the same each time.
    let now = now();
    let untouched = target.everything().await;
    for deed in [Deed::Delete, Deed::Grant, Deed::Revoke, Deed::Swap, Deed::Rotate] {
        let mut desk = before(target, deed, now).await;
        begin(&mut desk, deed).await;
        finish(&mut desk, deed).await;
        let expected = target.everything().await;
        check(&mut desk, deed).await;
        clear(&mut desk).await;
        assert_eq!(
            untouched,
            target.everything().await,
            "deleted accounts leave nothing"
        );
        let mut points = 0;
        for cut in [Cut::Before, Cut::After] {
            points += cut_everywhere(target, deed, cut, now, &expected).await;
        }
        assert_eq!(
            untouched,
            target.everything().await,
            "deleted accounts leave nothing"
        );
        println!("        {deed:?}: {points} cut points, all end the same");
        assert!(points > 0);
        super::CUT_POINTS.fetch_add(points, Ordering::Relaxed);
    }
    Case::Passed
}

/// How many calls there were to cut.
async fn cut_everywhere(
    target: &dyn Target,
    deed: Deed,
    cut: Cut,
    now: DateTime<Utc>,
    expected: &BTreeSet<String>,
) -> u32 {
    for nth in 1..MANY {
        let mut desk = before(target, deed, now).await;
        begin(&mut desk, deed).await;
        let cutting = target.cut_after(nth, cut).await;
        let usual = std::mem::replace(&mut desk.provider, cutting.provider);
        for (scope, want) in wants(&desk, deed) {
            drop(desk.until_done(&scope, want).await);
        }
        desk.provider = usual;
        let was_cut = (cutting.was_cut)();
        if was_cut {
            // Nobody remembers a credential that was on its way.
            if matches!(deed, Deed::Grant | Deed::Rotate) {
                desk.restart();
            }
            finish(&mut desk, deed).await;
        }
        let found = target.everything().await;
        assert_eq!(expected, &found, "{deed:?} cut {cut:?} call {nth}");
        // What may be done follows from all that was compared; whether the credential is the last one does not.
        let thing = &things(target)[0];
        if desk.held.values().any(|held| !held.open.is_empty()) && deed != Deed::Swap {
            let (login, credential) = (desk.login(thing), desk.credential(thing));
            assert!(
                target.can_log_in(&login, &credential).await,
                "{deed:?} cut {cut:?} call {nth}"
            );
        }
        clear(&mut desk).await;
        if !was_cut {
            return nth - 1;
        }
    }
    panic!("{deed:?} never came to an end");
}

fn things(target: &dyn Target) -> [Thing; 3] {
    let offer = target.offer();
    [offer.read, offer.other, offer.write]
}

/// The state that a deed starts from.
async fn before(target: &dyn Target, deed: Deed, now: DateTime<Utc>) -> Desk<'_> {
    let [read, other, _] = things(target);
    let mut desk = Desk::new(target, person(1));
    desk.now = now;
    if deed != Deed::Grant {
        let leases = [desk.open(&read).await, desk.open(&other).await];
        desk.settled().await;
        if deed == Deed::Delete {
            leases.iter().for_each(|lease| desk.end(lease));
            desk.settled().await;
            desk.forget_released();
        }
    }
    desk
}

/// Writes down what is wanted, as the core does before it calls.
async fn begin(desk: &mut Desk<'_>, deed: Deed) {
    let [read, other, write] = things(desk.target);
    match deed {
        Deed::Grant => {
            desk.open(&read).await;
            desk.open(&other).await;
        }
        Deed::Swap => {
            let leases = open_leases(desk, &read);
            leases.iter().for_each(|lease| desk.end(lease));
            desk.open(&write).await;
        }
        Deed::Rotate => desk.restart(),
        Deed::Revoke => {
            let leases: Vec<Lease> = desk.held.values().flat_map(|held| held.open.clone()).collect();
            leases.iter().for_each(|lease| desk.end(lease));
        }
        Deed::Delete => {}
    }
}

fn open_leases(desk: &Desk<'_>, thing: &Thing) -> Vec<Lease> {
    let open = desk.held.values().flat_map(|held| held.open.iter());
    open.filter(|lease| lease.resource == thing.at && lease.permission == thing.permission)
        .cloned()
        .collect()
}

fn wants(desk: &Desk<'_>, deed: Deed) -> Vec<(String, Want)> {
    let want = |scope: &String| {
        if deed == Deed::Delete {
            Want::Deleted
        } else {
            desk.want(scope)
        }
    };
    desk.held
        .keys()
        .map(|scope| (scope.clone(), want(scope)))
        .collect()
}

async fn finish(desk: &mut Desk<'_>, deed: Deed) {
    if deed == Deed::Delete {
        desk.deleted().await;
    } else {
        desk.settled().await;
    }
}

async fn check(desk: &mut Desk<'_>, deed: Deed) {
    let [read, other, write] = things(desk.target);
    let expected = match deed {
        Deed::Grant | Deed::Rotate => [true, true, false],
        Deed::Swap => [true, true, true],
        Deed::Revoke | Deed::Delete => [false, false, false],
    };
    for (thing, yes) in [&read, &other, &write].into_iter().zip(expected) {
        // Who may write may read, where one login holds both; where each has its own login, the reader's is shut.
        let apart = desk.provider.scope(&read.at, &read.permission)
            != desk.provider.scope(&write.at, &write.permission);
        let yes = yes && !(deed == Deed::Swap && apart && thing == &read);
        desk.expect(thing, yes, &format!("after {deed:?}")).await;
    }
}

/// Back to a target nobody has touched.
async fn clear(desk: &mut Desk<'_>) {
    for held in desk.held.values_mut() {
        let open = std::mem::take(&mut held.open);
        held.release.extend(open);
    }
    desk.deleted().await;
}

pub async fn waiting_resumes_from_memo(target: &dyn Target) -> Case {
    if !target.dawdle().await {
        return Case::not_applicable("every change is over when it answers");
    }
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    desk.open(&offer.read).await;
    let scope = desk.provider.scope(&offer.read.at, &offer.read.permission);
    let want = desk.want(&scope);
    let answer = desk
        .turn(&scope, want.clone())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(answer.waiting.is_some(), "a task that goes on is not called done");
    assert!(!answer.memo.is_empty(), "what is under way is in the memo");
    // Another process, with nothing but the memo.
    desk.provider = target.provider(Setting::Usual);
    target.hurry().await;
    desk.settled().await;
    desk.expect(&offer.read, true, "once the task is over").await;
    Case::Passed
}

pub async fn restart_while_waiting_sets_a_new_credential(target: &dyn Target) -> Case {
    if !target.dawdle().await {
        return Case::not_applicable("every change is over when it answers");
    }
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    desk.open(&offer.read).await;
    let scope = desk.provider.scope(&offer.read.at, &offer.read.permission);
    let want = desk.want(&scope);
    let answer = desk
        .turn(&scope, want)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(answer.waiting.is_some());
    let (login, lost) = (desk.login(&offer.read), desk.credential(&offer.read));
    desk.provider = target.provider(Setting::Usual);
    desk.restart();
    target.hurry().await;
    desk.settled().await;
    desk.expect(&offer.read, true, "with the new credential").await;
    assert!(
        !target.can_log_in(&login, &lost).await,
        "the one that nobody remembers is dead"
    );
    Case::Passed
}

pub async fn vanished_account_asks_for_a_credential(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let login = desk.login(&offer.read);
    target.vanish(&login).await;
    assert_eq!(
        desk.observe(&offer.read, std::slice::from_ref(&lease))
            .await
            .presence,
        Presence::Absent
    );
    let before = target.everything().await;
    let scope = desk.provider.scope(&offer.read.at, &offer.read.permission);
    let want = desk.want(&scope);
    let answer = desk
        .turn(&scope, want)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(answer.waiting.is_some(), "it says that a credential is needed");
    assert!(!answer.credential_set);
    assert_eq!(before, target.everything().await, "and makes nothing without one");
    desk.restart();
    desk.settled().await;
    desk.expect(&offer.read, true, "made again with a credential")
        .await;
    Case::Passed
}
