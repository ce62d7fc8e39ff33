//! Answers that are lost, and crashes of the store in memory.

use std::{cell::Cell, sync::Arc};

use latchkey::store::{
    Answer, Batch, Expect, Outcome, Store, StoreError, commit_settled, load,
    mem::{Fate, MemStore},
};

use crate::common::*;

fn fates(of: &'static [Fate]) -> MemStore {
    let store = mem();
    let turn = Cell::new(0);
    store.fate(move |_| {
        let n = turn.replace(turn.get() + 1);
        of.get(n).copied().unwrap_or(Fate::Answered)
    });
    store
}

#[tokio::test]
async fn a_lost_answer_is_settled() {
    for (of, writes) in [
        (&[Fate::Answered] as &'static [Fate], 1),
        (&[Fate::AnswerLost], 1),
        (&[Fate::Lost, Fate::Lost, Fate::Answered], 3),
        (&[Fate::Lost, Fate::AnswerLost], 2),
    ] {
        let store = fates(of);
        let commit = Batch::new("c", at(0)).put_new(&thing("a", "")).build().unwrap();
        assert_eq!(
            commit_settled(&store, commit).await.unwrap(),
            Outcome::Committed,
            "{of:?}"
        );
        assert_eq!(load::<Thing>(&store, "a").await.unwrap().unwrap().version, 1);
        assert!(writes >= 1);
    }
}

#[tokio::test]
async fn a_conflict_found_on_the_second_try_is_told() {
    let store = fates(&[Fate::Lost]);
    let mine = Batch::new("mine", at(0))
        .put_new(&thing("a", "mine"))
        .build()
        .unwrap();
    assert_eq!(store.commit(mine.clone()).await.unwrap(), Answer::Unknown);
    assert!(!store.settle("mine").await.unwrap());
    done(&store, Batch::new("theirs", at(0)).put_new(&thing("a", "theirs"))).await;
    assert!(matches!(
        commit_settled(&store, mine).await.unwrap(),
        Outcome::Conflict { .. }
    ));
}

#[tokio::test]
async fn a_store_that_never_answers_is_an_error() {
    let store = mem();
    store.fate(|_| Fate::Lost);
    let commit = Batch::new("c", at(0)).put_new(&thing("a", "")).build().unwrap();
    let error = commit_settled(&store, commit).await.unwrap_err();
    assert!(matches!(error, StoreError::Failed(text) if text.contains("unknown")));
}

#[tokio::test]
async fn a_crash_drops_what_was_not_acknowledged() {
    for kept in 0..=3 {
        let store = Arc::new(mem());
        done(&*store, Batch::new("before", at(0)).put_new(&thing("before", ""))).await;
        let tasks: Vec<_> = (0..3)
            .map(|n| {
                let (store, name) = (Arc::clone(&store), format!("t{n}"));
                async move {
                    store
                        .commit(write(&name, &name, Expect::Any, Some(&thing(&name, ""))))
                        .await
                }
            })
            .collect();
        let mut tasks: Vec<_> = tasks.into_iter().map(Box::pin).collect();
        for task in &mut tasks {
            // Each is taken, none is durable yet.
            assert!(futures_util::FutureExt::now_or_never(task.as_mut()).is_none());
        }
        assert_eq!(store.pending(), 3);
        assert!(
            load::<Thing>(&*store, "t0").await.unwrap().is_none(),
            "nobody sees what is not durable"
        );
        store.crash(kept);
        for task in tasks {
            assert_eq!(task.await.unwrap(), Answer::Unknown);
        }
        assert!(load::<Thing>(&*store, "before").await.unwrap().is_some());
        for n in 0..3 {
            let there = store.settle(&format!("t{n}")).await.unwrap();
            assert_eq!(there, n < kept);
            assert_eq!(
                load::<Thing>(&*store, &format!("t{n}")).await.unwrap().is_some(),
                there
            );
        }
    }
}

#[tokio::test]
async fn a_quarantine_in_memory_ends_like_any() {
    let store = mem();
    store.quarantine(at(1), "restored");
    let meta = store.meta().await.unwrap();
    assert_eq!(
        (meta.epoch, meta.quarantine.unwrap().why.as_str()),
        (2, "restored")
    );
    store
        .resume(at(2), latchkey::domain::audit::Actor::Latchkey)
        .await
        .unwrap();
    assert_eq!(store.meta().await.unwrap().quarantine, None);
    store.hesitate(Some("full"));
    assert_eq!(store.hesitates().await.as_deref(), Some("full"));
}
