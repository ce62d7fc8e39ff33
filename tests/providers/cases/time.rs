//! What the target does by itself, later than we would.

use chrono::Duration;
use latchkey::providers::Feature;

use crate::{
    desk::{Desk, person},
    target::{Case, Target},
};

const NO_EXPIRY: &str = "ends no access by itself, and does not claim to";

pub async fn target_expiry_is_later_than_ours(target: &dyn Target) -> Case {
    if !target.registration().supports.contains(&Feature::Expiry) {
        return Case::not_applicable(NO_EXPIRY);
    }
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let login = desk.login(&offer.read);
    let expiry = target.expiry(&login).await.expect("an end in the target");
    assert!(
        expiry > lease.expires_at,
        "{expiry} is not later than {}",
        lease.expires_at
    );
    assert!(
        expiry <= lease.expires_at + Duration::days(8),
        "{expiry} is no net below {}",
        lease.expires_at
    );
    Case::Passed
}

pub async fn extending_moves_it(target: &dyn Target) -> Case {
    if !target.registration().supports.contains(&Feature::Expiry) {
        return Case::not_applicable(NO_EXPIRY);
    }
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    desk.open(&offer.read).await;
    desk.settled().await;
    let login = desk.login(&offer.read);
    let first = target.expiry(&login).await.expect("an end in the target");
    for held in desk.held.values_mut() {
        held.open
            .iter_mut()
            .for_each(|lease| lease.expires_at += Duration::days(2));
    }
    desk.settled().await;
    let second = target.expiry(&login).await.expect("an end in the target");
    // Whole days, since some systems count in them; those count from when they are told.
    let moved = second - first - Duration::days(2);
    assert!(moved.abs() <= Duration::minutes(5), "moved by {}", second - first);
    desk.expect(&offer.read, true, "after extending").await;
    Case::Passed
}

pub async fn new_objects_are_covered_after_look_again(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let lease = desk.open(&offer.read).await;
    let answers = desk.settled().await;
    let Some(new) = target.add_below(&offer.read).await else {
        return Case::not_applicable("nothing new appears below what is granted");
    };
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    // Some systems give what will be made later together with what is there.
    let covered_by_itself = target.can(&login, &credential, &new).await;
    assert!(
        covered_by_itself || answers.iter().any(|answer| answer.look_again.is_some()),
        "nobody would look again"
    );
    desk.settled().await;
    assert!(
        target.can(&login, &credential, &new).await,
        "what was added since is covered"
    );
    desk.end(&lease);
    desk.settled().await;
    assert!(!target.can(&login, &credential, &new).await);
    Case::Passed
}
