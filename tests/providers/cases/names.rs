//! Names are data, whatever they look like.

use latchkey::providers::ErrorKind;

use crate::{
    desk::{Desk, person},
    target::{Case, Named, Target},
};

pub async fn hostile_names_are_only_names(target: &dyn Target) -> Case {
    let hostile = target.hostile().await;
    assert!(
        !hostile.is_empty(),
        "a kind of system has names, and people choose some of them"
    );
    each_works(target, &hostile).await;
    Case::Passed
}

pub async fn longest_names_fit(target: &dyn Target) -> Case {
    let longest = target.longest().await;
    assert!(!longest.is_empty());
    each_works(target, &longest).await;
    // The longest login, and the longest lease, on an ordinary resource.
    let offer = target.offer();
    let mut ann = person(1);
    ann.id = "i".repeat(300);
    ann.email = format!("{}@{}.example", "longlocalpart".repeat(5), "d".repeat(60));
    let mut desk = Desk::new(target, ann);
    let lease = desk.open(&offer.read).await;
    let longest = latchkey::providers::LeaseId("z".repeat(20));
    for open in desk
        .held(&offer.read)
        .open
        .iter_mut()
        .filter(|open| open.id == lease.id)
    {
        open.id = longest.clone();
    }
    desk.settled().await;
    assert!(desk.login(&offer.read).len() <= 30);
    desk.expect(&offer.read, true, "with the longest names").await;
    let open = desk.held(&offer.read).open[0].clone();
    desk.end(&open);
    desk.settled().await;
    desk.expect(&offer.read, false, "and back").await;
    Case::Passed
}

async fn each_works(target: &dyn Target, all: &[Named]) {
    let offer = target.offer();
    let listed = Desk::new(target, person(0))
        .provider
        .discover()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let before = target.everything().await;
    for (n, Named { why, thing }) in all.iter().enumerate() {
        assert!(
            listed.resources.iter().any(|resource| resource.at == thing.at)
                || listed
                    .kinds
                    .iter()
                    .any(|kind| kind.name == thing.at.kind && kind.typed_under.is_some()),
            "{why}: not listed as {:?}",
            thing.at
        );
        let mut desk = Desk::new(target, person(100 + n as u32));
        let lease = desk.open(thing).await;
        let answer = desk.settled().await.remove(0);
        desk.expect(thing, true, why).await;
        desk.expect(&offer.other, false, why).await;
        if let Some(ran) = target.ran().await {
            assert!(!ran.is_empty() && !answer.ran.is_empty());
        }
        desk.end(&lease);
        desk.settled().await;
        desk.expect(thing, false, why).await;
        desk.deleted().await;
    }
    assert_eq!(before, target.everything().await, "something was left or lost");
}

pub async fn typed_names_are_only_names(target: &dyn Target) -> Case {
    let typed = target.typed();
    if typed.is_empty() {
        return Case::not_applicable("nobody types a name here: all are listed");
    }
    let before = target.everything().await;
    for Named { why, thing } in typed {
        let mut desk = Desk::new(target, person(1));
        let lease = desk.open(&thing).await;
        let scope = desk.provider.scope(&thing.at, &thing.permission);
        let want = desk.want(&scope);
        let answer = desk.turn(&scope, want).await;
        let error = match answer {
            Ok(answer) => {
                assert_eq!(answer.failed.len(), 1, "{why}: granted");
                answer
                    .failed
                    .into_iter()
                    .next()
                    .map(|(_, error)| error)
                    .expect("one")
            }
            Err(error) => error,
        };
        assert_eq!(error.kind, ErrorKind::Invalid, "{why}: {error}");
        desk.end(&lease);
        desk.settled().await;
        desk.deleted().await;
        assert_eq!(
            before,
            target.everything().await,
            "{why}: something was made or lost"
        );
    }
    Case::Passed
}
