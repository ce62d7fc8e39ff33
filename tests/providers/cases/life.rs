//! An account's life: shut, opened again, given a new credential, deleted.

use latchkey::providers::{Account, AccountName, Change, Memo, Presence, Want};

use crate::{
    desk::{Desk, desk_of_theirs, fresh_secret, person},
    target::{Case, Target},
};

pub async fn disable_shuts_out_and_keeps_what_is_owned(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    let owned = target.own_something(&login, &credential).await;
    desk.end(&lease);
    desk.settled().await;
    assert!(!target.can_log_in(&login, &credential).await, "shut out");
    if let Some(owned) = owned {
        assert_eq!(
            target.owner_of(&owned).await.as_deref(),
            Some(login.as_str()),
            "what it owns stays its own"
        );
    }
    Case::Passed
}

pub async fn reopening_needs_the_new_credential(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let (login, old) = (desk.login(&offer.read), desk.credential(&offer.read));
    desk.end(&lease);
    desk.settled().await;
    desk.forget_released();
    desk.restart();
    desk.open(&offer.read).await;
    desk.settled().await;
    assert!(
        !target.can_log_in(&login, &old).await,
        "the old one opens nothing"
    );
    desk.expect(&offer.read, true, "with the new one").await;
    Case::Passed
}

pub async fn rotation_keeps_live_leases(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    desk.open(&offer.read).await;
    desk.open(&offer.other).await;
    desk.settled().await;
    let (login, old) = (desk.login(&offer.read), desk.credential(&offer.read));
    let session = target.open_session(&login, &old).await;
    desk.restart();
    for answer in desk.settled().await {
        assert!(answer.credential_set);
    }
    desk.expect(&offer.read, true, "with the new credential").await;
    desk.expect(&offer.other, true, "with the new credential").await;
    if let Some(mut session) = session {
        assert!(session.can(&offer.read).await, "a live session is not broken");
    }
    Case::Passed
}

pub async fn old_credential_is_dead(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    desk.open(&offer.read).await;
    desk.settled().await;
    let (login, old) = (desk.login(&offer.read), desk.credential(&offer.read));
    assert!(target.can_log_in(&login, &old).await);
    desk.restart();
    desk.settled().await;
    assert!(!target.can_log_in(&login, &old).await, "the old credential");
    Case::Passed
}

pub async fn delete_loses_no_data(target: &dyn Target) -> Case {
    let offer = target.offer();
    let before = target.everything().await;
    let mut desk = Desk::new(target, person(1));
    desk.open(&offer.read).await;
    let admin = offer
        .more
        .iter()
        .find(|thing| thing.permission == "admin")
        .unwrap_or(&offer.write)
        .clone();
    desk.open(&admin).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    let owned = target.own_something(&login, &credential).await;
    let leases: Vec<_> = desk.held.values().flat_map(|held| held.open.clone()).collect();
    leases.iter().for_each(|lease| desk.end(lease));
    desk.settled().await;
    desk.forget_released();
    let answers = desk.deleted().await;
    assert_eq!(desk.observe(&offer.read, &[]).await.presence, Presence::Absent);
    assert_eq!(desk.reported().await, []);
    let Some(owned) = owned else {
        assert_eq!(
            before,
            target.everything().await,
            "a deleted account leaves nothing"
        );
        return Case::Passed;
    };
    let owner = target
        .owner_of(&owned)
        .await
        .expect("what it owned is there still");
    assert_ne!(owner, login);
    assert!(
        answers
            .iter()
            .any(|answer| answer.remarks.iter().any(|remark| remark.contains(&owner))),
        "the owner is told what passed to whom: {:?}",
        answers.iter().map(|answer| &answer.remarks).collect::<Vec<_>>()
    );
    Case::Passed
}

pub async fn delete_of_theirs_removes_only_our_invitation(target: &dyn Target) -> Case {
    let offer = target.offer();
    let Some(mut desk) = desk_of_theirs(target).await else {
        return Case::not_applicable("gives access only to logins of its own making");
    };
    let login = desk.login(&offer.read);
    target.give_standing(&login, &offer.read).await;
    let before = target.everything().await;
    let lease = desk.open(&offer.write).await;
    desk.settled().await;
    desk.end(&lease);
    desk.settled().await;
    desk.deleted().await;
    assert_eq!(
        before,
        target.everything().await,
        "somebody's own login is as it was"
    );
    desk.expect(&offer.read, true, "standing access").await;
    // Not even when told to shut it.
    let scope = desk.provider.scope(&offer.read.at, &offer.read.permission);
    drop(desk.turn(&scope, Want::Disabled).await);
    assert_eq!(
        before,
        target.everything().await,
        "somebody's own login is as it was"
    );
    Case::Passed
}

pub async fn shared_is_never_disabled_or_deleted(target: &dyn Target) -> Case {
    target.make_stranger("shared_login").await;
    let before = target.everything().await;
    let desk = Desk::new(target, person(1));
    let account = Account {
        name: AccountName::Shared("shared_login".to_owned()),
        memo: Memo::new(),
    };
    for want in [Want::Disabled, Want::Deleted] {
        let change = Change {
            want,
            release: Vec::new(),
            credential: None,
            now: desk.now,
            fence: desk.fence,
        };
        drop(desk.provider.converge(&account, &change).await);
        assert_eq!(before, target.everything().await, "untouched");
    }
    // Nor is it given leases: they would be everybody's.
    let mut other = Desk::new(target, person(2));
    let lease = other.lease(&target.offer().read);
    let change = Change {
        want: Want::Open(vec![lease]),
        release: Vec::new(),
        credential: Some(latchkey::providers::Credential::Password(fresh_secret())),
        now: desk.now,
        fence: desk.fence,
    };
    let refused = match desk.provider.converge(&account, &change).await {
        Ok(answer) => !answer.failed.is_empty(),
        Err(_) => true,
    };
    assert!(refused, "a lease on a shared login");
    Case::Passed
}
