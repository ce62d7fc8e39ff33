//! No secret in anything that is kept or shown.

use latchkey::{
    providers::{Converged, Want},
    secrets::Secret,
};

use crate::{
    desk::{Desk, person},
    target::{Case, Cut, Setting, Target},
};

/// The most that may be kept with an account.
const MEMO_LIMIT: usize = 1024;

fn free_of(secrets: &[Secret], text: &str, what: &str) {
    for secret in secrets {
        assert!(!text.contains(secret.expose()), "{what} holds a secret");
    }
}

fn whole(answer: &Converged) -> String {
    format!("{answer:?} {:?}", answer.ran)
}

pub async fn no_error_holds_a_secret(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut secrets = target.own_secrets();
    let mut desk = Desk::new(target, person(1));
    desk.open(&offer.read).await;
    desk.open(&offer.nowhere).await;
    secrets.extend(desk.held.values().map(|held| held.credential.clone()));
    let scopes: Vec<String> = desk.held.keys().cloned().collect();
    let mut seen = 0;
    for setting in [Setting::WrongSecret, Setting::Down, Setting::Usual] {
        desk.provider = target.provider(setting);
        for scope in &scopes {
            let want = desk.want(scope);
            match desk.turn(scope, want).await {
                Ok(answer) => free_of(&secrets, &whole(&answer), "an answer"),
                Err(error) => {
                    seen += 1;
                    free_of(&secrets, &format!("{error} {error:?}"), "an error");
                }
            }
        }
    }
    assert!(seen >= 2, "two settings that cannot work gave {seen} errors");
    for nth in 1..=12 {
        let cutting = target.cut_after(nth, Cut::After).await;
        desk.provider = cutting.provider;
        desk.restart();
        let sent: Vec<Secret> = desk.held.values().map(|held| held.credential.clone()).collect();
        secrets.extend(sent);
        for scope in &scopes {
            let want = desk.want(scope);
            let text = match desk.turn(scope, want).await {
                Ok(answer) => whole(&answer),
                Err(error) => format!("{error} {error:?}"),
            };
            free_of(&secrets, &text, "an answer cut short");
        }
    }
    Case::Passed
}

pub async fn no_memo_holds_a_secret(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut secrets = target.own_secrets();
    let mut desk = Desk::new(target, person(1));
    let lease = desk.open(&offer.read).await;
    secrets.push(desk.credential(&offer.read));
    for answer in desk.settled().await {
        free_of(&secrets, &format!("{:?}", answer.memo), "a memo");
        free_of(&secrets, &whole(&answer), "an answer");
        for line in &answer.details.examples {
            free_of(&secrets, line, "an example");
        }
    }
    let seen = desk.observe(&offer.read, std::slice::from_ref(&lease)).await;
    free_of(&secrets, &format!("{seen:?}"), "what was observed");
    desk.end(&lease);
    for answer in desk.settled().await {
        free_of(&secrets, &whole(&answer), "an answer");
    }
    Case::Passed
}

pub async fn memo_fits(target: &dyn Target) -> Case {
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    for thing in [&offer.read, &offer.write, &offer.other]
        .into_iter()
        .chain(&offer.more)
    {
        desk.open(thing).await;
    }
    let scopes: Vec<String> = desk.held.keys().cloned().collect();
    for scope in &scopes {
        for want in [desk.want(scope), Want::Disabled, Want::Deleted] {
            let answer = desk
                .until_done(scope, want)
                .await
                .unwrap_or_else(|error| panic!("{error}"));
            let size: usize = answer
                .memo
                .iter()
                .map(|(key, value)| key.len() + value.len())
                .sum();
            assert!(size <= MEMO_LIMIT, "a memo of {size} bytes");
        }
    }
    Case::Passed
}
