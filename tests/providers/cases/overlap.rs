//! Several leases on one login.

use latchkey::providers::ErrorKind;

use crate::{
    desk::{Desk, person},
    target::{Case, Target},
};

pub async fn two_leases_on_the_same_one_ends(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let first = desk.open(&offer.read).await;
    desk.settled().await;
    let second = desk.open(&offer.read).await;
    desk.settled().await;
    desk.end(&first);
    desk.settled().await;
    desk.expect(&offer.read, true, "the second lease lives").await;
    desk.forget_released();
    desk.end(&second);
    desk.settled().await;
    desk.expect(&offer.read, false, "after both").await;
    Case::Passed
}

pub async fn two_leases_on_different_things_one_ends(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let read = desk.open(&offer.read).await;
    desk.open(&offer.other).await;
    desk.settled().await;
    desk.end(&read);
    desk.settled().await;
    desk.expect(&offer.read, false, "ended").await;
    desk.expect(&offer.other, true, "lives on").await;
    // To write ends, to read on the same lives on.
    let mut desk = Desk::new(target, person(2));
    desk.open(&offer.read).await;
    let write = desk.open(&offer.write).await;
    desk.settled().await;
    desk.expect(&offer.write, true, "while leased").await;
    desk.end(&write);
    desk.settled().await;
    desk.expect(&offer.write, false, "ended").await;
    desk.expect(&offer.read, true, "lives on").await;
    Case::Passed
}

pub async fn last_and_first_role_swap(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let read = desk.open(&offer.read).await;
    desk.settled().await;
    desk.end(&read);
    desk.open(&offer.other).await;
    desk.settled().await;
    desk.expect(&offer.read, false, "the last one ended").await;
    desk.expect(&offer.other, true, "the first one begun in the same change")
        .await;
    Case::Passed
}

pub async fn one_bad_lease_fails_alone(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let bad = desk.open(&offer.nowhere).await;
    desk.open(&offer.read).await;
    let mut failed = Vec::new();
    for answer in desk.settle().await.into_values() {
        match answer {
            Ok(answer) => failed.extend(answer.failed),
            // An account that holds nothing but the bad lease may fail as a whole.
            Err(error) => failed.push((bad.id.clone(), error)),
        }
    }
    assert_eq!(failed.len(), 1, "exactly one fails: {failed:?}");
    assert_eq!(failed[0].0, bad.id);
    assert_eq!(failed[0].1.kind, ErrorKind::Invalid, "{}", failed[0].1);
    desk.expect(&offer.read, true, "the good lease").await;
    Case::Passed
}

pub async fn release_happens_even_if_a_grant_fails(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let read = desk.open(&offer.read).await;
    desk.open(&offer.other).await;
    desk.settled().await;
    desk.end(&read);
    let bad = desk.open(&offer.nowhere).await;
    for answer in desk.settle().await.into_values() {
        let failed: Vec<_> = answer.map(|answer| answer.failed).unwrap_or_default();
        assert!(
            failed.iter().all(|(id, _)| *id == bad.id),
            "only the bad lease fails: {failed:?}"
        );
    }
    desk.expect(&offer.read, false, "ended").await;
    desk.expect(&offer.other, true, "untouched").await;
    Case::Passed
}

pub async fn unreachable_part_keeps_its_lease_pending(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let other = desk.open(&offer.other).await;
    let read = desk.open(&offer.read).await;
    desk.settled().await;
    if target.break_part().await.is_none() {
        return Case::not_applicable("has no parts that could be away while the rest is there");
    }
    desk.end(&other);
    let scope = desk.provider.scope(&offer.other.at, &offer.other.permission);
    let want = desk.want(&scope);
    let answer = desk
        .turn(&scope, want)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let pending = answer.waiting.is_some() || answer.failed.iter().any(|(id, _)| *id == other.id);
    assert!(
        pending,
        "what could not be taken back everywhere is not called done"
    );
    assert!(
        answer.failed.iter().all(|(id, _)| *id != read.id),
        "the rest is not held up: {:?}",
        answer.failed
    );
    desk.expect(&offer.read, true, "the rest lives on").await;
    target.mend_part().await;
    desk.settled().await;
    desk.expect(&offer.other, false, "after the part came back").await;
    let seen = desk.observe(&offer.other, std::slice::from_ref(&other)).await;
    assert_eq!(seen.held.get(&other.id), Some(&false));

    // Nor is a grant there called done, and it holds nothing else up.
    let mut desk = Desk::new(target, person(2));
    target.break_part().await;
    let other = desk.open(&offer.other).await;
    desk.open(&offer.read).await;
    for (scope, held) in desk
        .held
        .iter()
        .map(|(scope, held)| (scope.clone(), held.open.clone()))
        .collect::<Vec<_>>()
    {
        let want = desk.want(&scope);
        let waits = held.iter().any(|lease| lease.id == other.id);
        // A login of the rest alone may take more than one turn, as any grant may.
        let answer = match waits {
            true => desk.turn(&scope, want).await,
            false => desk.until_done(&scope, want).await,
        };
        let answer = answer.unwrap_or_else(|error| panic!("{error}"));
        if waits {
            assert!(answer.waiting.is_some() || answer.failed.iter().any(|(id, _)| *id == other.id));
        }
    }
    desk.expect(&offer.read, true, "the rest is granted").await;
    target.mend_part().await;
    desk.settled().await;
    desk.expect(&offer.other, true, "granted once the part is back")
        .await;
    Case::Passed
}
