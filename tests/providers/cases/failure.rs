//! What goes wrong is named for what it is.

use latchkey::providers::{ErrorKind, Provider, ProviderError, Want};

use crate::{
    desk::{Desk, person},
    target::{Case, Setting, Target},
};

/// The error of every way to ask.
async fn errors(
    target: &dyn Target,
    provider: fn(&dyn Target) -> Box<dyn Provider>,
) -> Vec<(&'static str, ProviderError)> {
    let offer = target.offer();
    let mut desk = Desk::with(target, person(1), provider(target));
    let scope = desk.provider.scope(&offer.read.at, &offer.read.permission);
    let lease = desk.lease(&offer.read);
    desk.held(&offer.read).open.push(lease.clone());
    let account = desk.held(&offer.read).account.clone();
    let want = desk.want(&scope);
    let mut all = vec![
        ("check", desk.provider.check().await.err()),
        ("discover", desk.provider.discover().await.err()),
        ("accounts", desk.provider.accounts().await.err()),
        ("observe", desk.provider.observe(&account, &[lease]).await.err()),
        ("grant", desk.turn(&scope, want).await.err()),
        ("disable", desk.turn(&scope, Want::Disabled).await.err()),
        ("delete", desk.turn(&scope, Want::Deleted).await.err()),
    ];
    all.drain(..)
        .map(|(what, error)| (what, error.unwrap_or_else(|| panic!("{what} succeeded"))))
        .collect()
}

pub async fn bad_own_credential_is_denied(target: &dyn Target) -> Case {
    let before = target.everything().await;
    for (what, error) in errors(target, |target| target.provider(Setting::WrongSecret)).await {
        assert_eq!(error.kind, ErrorKind::Denied, "{what}: {error}");
    }
    assert_eq!(before, target.everything().await);
    Case::Passed
}

pub async fn missing_right_is_named(target: &dyn Target) -> Case {
    let health = target
        .provider(Setting::Usual)
        .check()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        health.missing,
        Vec::<String>::new(),
        "a usual connector lacks nothing"
    );
    assert!(
        !health.target_id.is_empty() && !health.server.is_empty(),
        "the target says who it is"
    );
    let again = target
        .provider(Setting::Usual)
        .check()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(health.target_id, again.target_id);
    let Some(lacking) = target.lacking().await else {
        return Case::not_applicable("rights come all or none with the credential");
    };
    let before = target.everything().await;
    let health = lacking
        .provider
        .check()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    for name in &lacking.names {
        assert!(
            health
                .missing
                .iter()
                .any(|missing| missing.contains(name.as_str())),
            "{name} is not named in {:?}",
            health.missing
        );
    }
    assert_eq!(before, target.everything().await, "a check writes nothing");
    Case::Passed
}

pub async fn dead_target_is_transient(target: &dyn Target) -> Case {
    for (what, error) in errors(target, |target| target.provider(Setting::Down)).await {
        assert_eq!(error.kind, ErrorKind::Transient, "{what}: {error}");
    }
    Case::Passed
}

pub async fn pace_limit_carries_retry_after(target: &dyn Target) -> Case {
    if !target.limit_pace().await {
        return Case::not_applicable("does not limit how often it is asked");
    }
    let error = match target.provider(Setting::Usual).discover().await {
        Ok(_) => panic!("the target refused every call, and the listing is whole"),
        Err(error) => error,
    };
    assert_eq!(error.kind, ErrorKind::Transient, "{error}");
    assert!(
        error.retry_after.is_some_and(|after| !after.is_zero()),
        "no word on when to come again: {error:?}"
    );
    Case::Passed
}
