//! Giving and taking back.

use latchkey::providers::{Account, AccountName, Change, Feature, Memo, Presence, Want};

use crate::{
    desk::{Desk, person},
    keys,
    target::{Case, Target},
};

pub async fn grant_works(target: &dyn Target) -> Case {
    let offer = target.offer();
    let things: Vec<_> = [&offer.read, &offer.write, &offer.other]
        .into_iter()
        .chain(&offer.more)
        .cloned()
        .collect();
    for (n, thing) in things.iter().enumerate() {
        let mut desk = Desk::new(target, person(n as u32));
        let lease = desk.open(thing).await;
        assert!(!desk.can(thing).await, "no access before the grant");
        let answer = desk.settled().await.remove(0);
        assert!(
            answer.credential_set,
            "the target has the credential that came with the change"
        );
        assert!(
            !answer.details.fields.is_empty(),
            "the person is told where to go"
        );
        desk.expect(thing, true, "after the grant").await;
        let seen = desk.observe(thing, std::slice::from_ref(&lease)).await;
        assert_eq!(seen.presence, Presence::Enabled);
        assert_eq!(
            seen.held.get(&lease.id),
            Some(&true),
            "observe sees what was given"
        );
        // Exactly that: nothing on what was not asked for.
        if thing == &offer.read {
            desk.expect(&offer.write, false, "to read is not to write").await;
            desk.expect(&offer.other, false, "one resource is not the other")
                .await;
        }
        let wrong = keys::fresh(desk.provider.credential());
        let login = desk.login(thing);
        assert!(
            !target.can_log_in(&login, &wrong).await,
            "another credential is refused"
        );
    }
    Case::Passed
}

pub async fn twice_is_once(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    desk.open(&offer.read).await;
    desk.settled().await;
    let before = target.everything().await;
    for answer in desk.settled().await {
        assert!(!answer.credential_set, "no credential was sent");
    }
    assert_eq!(
        before,
        target.everything().await,
        "the second time changes nothing"
    );
    desk.expect(&offer.read, true, "after the second time").await;
    Case::Passed
}

pub async fn revoke_ends_it(target: &dyn Target) -> Case {
    let offer = target.offer();
    let things: Vec<_> = [&offer.read, &offer.write]
        .into_iter()
        .chain(&offer.more)
        .cloned()
        .collect();
    for (n, thing) in things.iter().enumerate() {
        let mut desk = Desk::new(target, person(n as u32));
        let lease = desk.open(thing).await;
        desk.settled().await;
        desk.end(&lease);
        desk.settled().await;
        desk.expect(thing, false, "after the revocation").await;
        let (login, credential) = (desk.login(thing), desk.credential(thing));
        assert!(!target.can_log_in(&login, &credential).await, "the door is shut");
        let seen = desk.observe(thing, std::slice::from_ref(&lease)).await;
        assert_eq!(
            seen.held.get(&lease.id),
            Some(&false),
            "observe sees that it is gone"
        );
        assert_ne!(seen.presence, Presence::Enabled);
    }
    Case::Passed
}

pub async fn revoke_ends_live_sessions(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let read = desk.open(&offer.read).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    let Some(mut session) = target.open_session(&login, &credential).await else {
        return Case::not_applicable("nobody keeps sessions that could be seen or ended");
    };
    assert!(session.can(&offer.read).await);
    if !target.registration().supports.contains(&Feature::Sessions) {
        desk.end(&read);
        desk.settled().await;
        assert!(
            !session.can(&offer.read).await,
            "a session that cannot be ended has no right left"
        );
        return Case::Passed;
    }
    assert_eq!(
        desk.observe(&offer.read, &[]).await.sessions,
        Some(1),
        "the session is counted"
    );
    desk.end(&read);
    desk.settled().await;
    assert!(!session.alive().await, "the session is ended");
    assert_eq!(
        desk.observe(&offer.read, &[]).await.sessions,
        Some(0),
        "and seen to be ended"
    );
    sessions_that_could_write(target).await;
    sessions_of_readers_stay(target).await;
    Case::Passed
}

/// A lease that could write ends while another lives on the login: its sessions end too.
async fn sessions_that_could_write(target: &dyn Target) {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(2));
    desk.open(&offer.read).await;
    let write = desk.open(&offer.write).await;
    desk.settled().await;
    if desk.login(&offer.read) != desk.login(&offer.write) {
        return;
    }
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    let mut session = target.open_session(&login, &credential).await.expect("a session");
    desk.end(&write);
    desk.settled().await;
    assert!(!session.alive().await, "a session that could write is ended");
    desk.expect(&offer.read, true, "the other lease lives on").await;
    desk.expect(&offer.write, false, "after its own end").await;
}

/// A lease that could only read ends while another lives: nobody is thrown out for it, and it is gone all the same.
async fn sessions_of_readers_stay(target: &dyn Target) {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(3));
    let read = desk.open(&offer.read).await;
    desk.open(&offer.other).await;
    desk.settled().await;
    if desk.login(&offer.read) != desk.login(&offer.other) {
        return;
    }
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    let mut session = target.open_session(&login, &credential).await.expect("a session");
    assert!(session.can(&offer.read).await);
    desk.end(&read);
    desk.settled().await;
    assert!(session.alive().await, "a session of a lease that lives on");
    assert!(
        !session.can(&offer.read).await,
        "what ended is gone in the live session too"
    );
}

pub async fn revoke_twice_is_fine(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    desk.end(&lease);
    desk.settled().await;
    let before = target.everything().await;
    desk.settled().await;
    assert_eq!(
        before,
        target.everything().await,
        "the second time changes nothing"
    );
    desk.deleted().await;
    desk.deleted().await;
    desk.settled().await;
    Case::Passed
}

pub async fn revoke_of_the_unknown_is_fine(target: &dyn Target) -> Case {
    let offer = target.offer();
    let before = target.everything().await;
    let mut desk = Desk::new(target, person(1));
    let lease = desk.open(&offer.read).await;
    desk.end(&lease);
    desk.settled().await;
    let nowhere = desk.open(&offer.nowhere).await;
    desk.end(&nowhere);
    desk.settled().await;
    desk.deleted().await;
    assert_eq!(before, target.everything().await, "nothing was made");
    if target.someone().await.is_some() {
        // Somebody's own login that left meanwhile: taking back from them succeeds.
        let account = Account {
            name: AccountName::Theirs("long_gone".to_owned()),
            memo: Memo::new(),
        };
        let lease = desk.lease(&offer.read);
        let change = Change {
            want: Want::Open(Vec::new()),
            release: vec![lease],
            credential: None,
            now: desk.now,
            fence: desk.fence,
        };
        let answer = desk
            .provider
            .converge(&account, &change)
            .await
            .expect("gone already is success");
        assert!(answer.failed.is_empty() && answer.waiting.is_none());
    }
    Case::Passed
}
