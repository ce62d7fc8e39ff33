//! Sessions: which of them end with a lease, and how their end is seen.

use chrono::TimeDelta;
use latchkey::providers::Want;

use super::{Flavour, Oracle, World, own::MODEL_ONLY, thing};
use crate::{
    desk::{Desk, desk_of_theirs, person},
    target::{Case, Target},
};

/// Lets the database's clock be some seconds behind what follows.
async fn earlier(world: &World) {
    match &world.model {
        Some(model) => model.state().moved = TimeDelta::seconds(-90),
        None => tokio::time::sleep(std::time::Duration::from_secs(3)).await,
    }
}

fn as_now(world: &World) {
    if let Some(model) = &world.model {
        model.state().moved = TimeDelta::zero();
    }
}

pub async fn sessions_from_before_the_lease_stay(kind: &Oracle) -> Case {
    let world = kind.world(Flavour::V19).await;
    let offer = world.offer();
    let mut desk = desk_of_theirs(&world).await.expect("somebody");
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    if world.model.is_some() {
        earlier(&world).await;
    }
    let mut old = world
        .open_session(&login, &credential)
        .await
        .expect("a session of their own");
    if world.model.is_none() {
        earlier(&world).await;
    }
    as_now(&world);
    desk.now = crate::desk::now();
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let mut new = world
        .open_session(&login, &credential)
        .await
        .expect("a session of the lease");
    assert!(new.can(&offer.read).await && old.alive().await);
    assert_eq!(
        desk.observe(&offer.read, std::slice::from_ref(&lease))
            .await
            .sessions,
        Some(1),
        "those of the lease are counted"
    );
    desk.end(&lease);
    desk.settled().await;
    assert!(!new.alive().await, "what began with the lease ends with it");
    assert!(old.alive().await, "what was there before is not the lease's");
    world.done().await;
    Case::Passed
}

/// A session keeps the roles that it enabled, and SET ROLE enables them in one that is older than the lease.
pub async fn an_enabled_role_ends_with_its_session(kind: &Oracle) -> Case {
    let world = kind.world(Flavour::V19).await;
    let offer = world.offer();
    let member = thing("role", &["*", "LK_READERS"], "member");
    let mut desk = desk_of_theirs(&world).await.expect("somebody");
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    earlier(&world).await;
    let mut old = world
        .site
        .open(&login, &credential)
        .expect("a session of their own");
    as_now(&world);
    let lease = desk.open(&member).await;
    desk.settled().await;
    let look = "SELECT COUNT(*) FROM LK_SALES.NAMES";
    assert!(old.run(look, &[]).is_err(), "not before it is enabled");
    old.run("SET ROLE ALL", &[]).expect("roles are enabled");
    assert!(old.run(look, &[]).is_ok(), "enabled in the old session");
    desk.end(&lease);
    desk.settled().await;
    assert!(
        old.run(look, &[]).is_err(),
        "the session that enabled it is ended"
    );
    desk.expect(&member, false, "after the revocation").await;
    world.done().await;
    Case::Passed
}

pub async fn sessions_that_linger_are_waited_for(kind: &Oracle) -> Case {
    let Some((world, model)) = kind.model_world(Flavour::V19).await else {
        return Case::not_applicable(MODEL_ONLY);
    };
    let offer = world.offer();
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&offer.write).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&offer.write), desk.credential(&offer.write));
    let session = world.open_session(&login, &credential).await.expect("a session");
    model.state().linger = u32::MAX;
    desk.end(&lease);
    let answer = desk
        .turn("", Want::Disabled)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(answer.waiting.is_some_and(|why| why.contains("still ending")));
    let seen = desk.observe(&offer.write, std::slice::from_ref(&lease)).await;
    assert_eq!(seen.sessions, Some(1), "one that may still be at work counts");
    assert!(
        !world.can_log_in(&login, &credential).await,
        "the door is shut meanwhile"
    );
    // Its server lets go of it: the row stays until the client looks, and is nobody any more.
    for session in model.state().sessions.values_mut() {
        session.lingers = 0;
    }
    desk.settled().await;
    let seen = desk.observe(&offer.write, std::slice::from_ref(&lease)).await;
    assert_eq!((seen.sessions, seen.held.get(&lease.id)), (Some(0), Some(&false)));
    drop(session);
    Case::Passed
}

/// In a cluster a session may be anywhere.
pub async fn sessions_of_other_instances_end(kind: &Oracle) -> Case {
    let Some((world, model)) = kind.model_world(Flavour::V19).await else {
        return Case::not_applicable(MODEL_ONLY);
    };
    let offer = world.offer();
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&offer.write).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&offer.write), desk.credential(&offer.write));
    let mut here = world.open_session(&login, &credential).await.expect("a session");
    let mut there = world.open_session(&login, &credential).await.expect("a session");
    let last = model.state().sessions.keys().max().copied().expect("sessions");
    model
        .state()
        .sessions
        .entry(last)
        .and_modify(|session| session.instance = 2);
    desk.end(&lease);
    let answer = desk.settled().await.remove(0);
    assert!(!here.alive().await && !there.alive().await, "both are ended");
    for way in ["DISCONNECT SESSION '", "KILL SESSION '"] {
        assert!(
            answer.ran.iter().any(|line| line.contains(way)),
            "{:?}",
            answer.ran
        );
    }
    Case::Passed
}
