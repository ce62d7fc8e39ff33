//! What every backend must do. Each case gets a new store.

use chrono::TimeDelta;
use latchkey::{
    domain::{
        IntegrationName, Key, Kind, PersonId, RequestId,
        audit::{Actor, Entry},
    },
    store::{
        Answer, AuditQuery, Batch, Commit, Expect, Outcome, Store, StoreError, Versioned, commit_settled,
        list, load,
    },
};

use crate::common::*;

async fn committed(store: &dyn Store, commit: Commit) -> u64 {
    match store.commit(commit).await.unwrap() {
        Answer::Committed { seq } => seq,
        other => panic!("{other:?}"),
    }
}

async fn conflicts(store: &dyn Store, commit: Commit) -> Key {
    match store.commit(commit).await.unwrap() {
        Answer::Conflict { key } => key,
        other => panic!("{other:?}"),
    }
}

async fn version(store: &dyn Store, name: &str) -> Option<u64> {
    store
        .get(&Key::new(Kind::Lease, name))
        .await
        .unwrap()
        .map(|s| s.version)
}

pub async fn versions_rise_without_a_gap_also_over_a_removal(store: &dyn Store) {
    let value = thing("a", "");
    for (n, (expect, has, after)) in [
        (Expect::Absent, true, Some(1)),
        (Expect::Version(1), true, Some(2)),
        (Expect::Any, true, Some(3)),
        (Expect::Version(3), false, None),
        (Expect::Absent, true, Some(5)),
        (Expect::Any, false, None),
        (Expect::Any, false, None),
        (Expect::Any, true, Some(7)),
    ]
    .into_iter()
    .enumerate()
    {
        let commit = write(&format!("c{n}"), "a", expect, has.then_some(&value));
        committed(store, commit).await;
        assert_eq!(version(store, "a").await, after, "after {n}");
    }
    assert_eq!(version(store, "b").await, None);
}

pub async fn a_conflict_writes_nothing(store: &dyn Store) {
    committed(store, write("c1", "a", Expect::Absent, Some(&thing("a", "1")))).await;
    let before = store.meta().await.unwrap();
    let late = write("c2", "a", Expect::Version(7), Some(&thing("a", "2")));
    assert_eq!(conflicts(store, late).await, Key::new(Kind::Lease, "a"));
    assert_eq!(store.meta().await.unwrap(), before);
    assert!(!store.settle("c2").await.unwrap());
    assert!(store.settle("c1").await.unwrap());
}

pub async fn all_or_nothing(store: &dyn Store) {
    committed(store, write("c1", "b", Expect::Absent, Some(&thing("b", "1")))).await;
    let both = Commit {
        writes: vec![
            one_write("a", Expect::Absent, Some(&thing("a", ""))),
            one_write("b", Expect::Absent, Some(&thing("b", "2"))),
        ],
        audit: vec![Entry::new(Actor::Latchkey, "tried")],
        ..write("c2", "", Expect::Any, None)
    };
    assert_eq!(conflicts(store, both).await.id, "b");
    assert_eq!(version(store, "a").await, None);
    assert!(
        store
            .audit(&AuditQuery::default())
            .await
            .unwrap()
            .iter()
            .all(|r| r.entry.verb != "tried")
    );
}

pub async fn expectations_are_kept(store: &dyn Store) {
    let a = thing("a", "");
    for (id, expect, value) in [
        ("n1", Expect::Version(0), Some(&a)),
        ("n2", Expect::Version(1), Some(&a)),
        ("n3", Expect::Version(1), None),
    ] {
        conflicts(store, write(id, "a", expect, value)).await;
    }
    // A write without a value of what is not there is only a question.
    committed(store, write("q1", "a", Expect::Absent, None)).await;
    committed(store, write("q2", "a", Expect::Any, None)).await;
    assert_eq!(version(store, "a").await, None);
    committed(store, write("c1", "a", Expect::Absent, Some(&a))).await;
    for (id, expect, value) in [
        ("n4", Expect::Absent, Some(&a)),
        ("n5", Expect::Absent, None),
        ("n6", Expect::Version(2), None),
    ] {
        conflicts(store, write(id, "a", expect, value)).await;
    }
    assert_eq!(version(store, "a").await, Some(1));
    committed(store, write("c2", "a", Expect::Version(1), None)).await;
    // The version of what was removed is no version to write over.
    conflicts(store, write("n7", "a", Expect::Version(2), Some(&a))).await;
}

pub async fn a_record_named_twice_is_written_twice(store: &dyn Store) {
    let late = at(50);
    let commit = Commit {
        writes: vec![
            one_write("a", Expect::Absent, Some(&due_thing("a", "pg", at(10)))),
            one_write("a", Expect::Version(1), Some(&due_thing("a", "pg", late))),
            one_write("b", Expect::Absent, Some(&due_thing("b", "pg", at(10)))),
            one_write("b", Expect::Version(1), None),
        ],
        ..write("c1", "", Expect::Any, None)
    };
    committed(store, commit).await;
    assert_eq!(version(store, "a").await, Some(2));
    assert_eq!(version(store, "b").await, None);
    assert_eq!(store.next_due(&lane("pg")).await.unwrap(), Some(late));
    committed(store, write("c2", "b", Expect::Absent, Some(&thing("b", "")))).await;
    assert_eq!(version(store, "b").await, Some(3));
}

pub async fn due_entries_follow_their_records(store: &dyn Store) {
    let due = async |until| -> Vec<String> {
        let found = store.due(&lane("pg"), at(until), 100).await.unwrap();
        found.into_iter().map(|entry| entry.key.id).collect()
    };
    for (name, seconds) in [("a", 30), ("b", 10), ("c", 20)] {
        let value = due_thing(name, "pg", at(seconds));
        committed(store, write(name, name, Expect::Absent, Some(&value))).await;
    }
    assert_eq!(due(9).await, Vec::<String>::new());
    assert_eq!(due(25).await, ["b", "c"]);
    assert_eq!(store.next_due(&lane("pg")).await.unwrap(), Some(at(10)));
    assert_eq!(store.due(&lane("pg"), at(99), 2).await.unwrap().len(), 2);

    committed(
        store,
        write("m", "b", Expect::Version(1), Some(&due_thing("b", "pg", at(40)))),
    )
    .await;
    assert_eq!(due(99).await, ["c", "a", "b"]);
    committed(
        store,
        write(
            "l",
            "c",
            Expect::Version(1),
            Some(&due_thing("c", "redis", at(20))),
        ),
    )
    .await;
    assert_eq!(due(99).await, ["a", "b"]);
    committed(
        store,
        write("n", "a", Expect::Version(1), Some(&thing("a", "never"))),
    )
    .await;
    committed(store, write("r", "b", Expect::Version(2), None)).await;
    assert_eq!(due(99).await, Vec::<String>::new());
    assert_eq!(store.next_due(&lane("pg")).await.unwrap(), None);
    assert_eq!(store.lanes().await.unwrap(), [lane("redis")]);
}

pub async fn lanes_do_not_mix(store: &dyn Store) {
    for (n, owner) in ["pg", "pg2", "p", "@core", "pg-0", ""].into_iter().enumerate() {
        let name = format!("t{n}");
        let value = due_thing(&name, owner, at(n as i64));
        committed(store, write(&name, &name, Expect::Absent, Some(&value))).await;
    }
    let mut owners: Vec<_> = store
        .lanes()
        .await
        .unwrap()
        .into_iter()
        .map(|lane| lane.owner)
        .collect();
    owners.sort();
    assert_eq!(owners, ["", "@core", "p", "pg", "pg-0", "pg2"]);
    for (n, owner) in ["pg", "pg2", "p", "@core", "pg-0", ""].into_iter().enumerate() {
        let found = store.due(&lane(owner), at(99), 100).await.unwrap();
        assert_eq!(found.len(), 1, "{owner}");
        assert_eq!(found[0].key.id, format!("t{n}"));
    }
    let bad = due_thing("nul", "a\0b", at(0));
    assert!(
        store
            .commit(write("nul", "nul", Expect::Absent, Some(&bad)))
            .await
            .is_err()
    );
}

pub async fn nothing_is_due_early(store: &dyn Store) {
    let exact = at(10) + TimeDelta::nanoseconds(1);
    committed(
        store,
        write("c", "a", Expect::Absent, Some(&due_thing("a", "pg", exact))),
    )
    .await;
    assert_eq!(store.due(&lane("pg"), at(10), 9).await.unwrap(), []);
    let next = store.next_due(&lane("pg")).await.unwrap().unwrap();
    assert!(next >= exact && next <= exact + TimeDelta::milliseconds(1));
    assert_eq!(store.due(&lane("pg"), next, 9).await.unwrap()[0].at, next);
    assert_eq!(
        store
            .due(&lane("pg"), chrono::DateTime::<chrono::Utc>::MIN_UTC, 9)
            .await
            .unwrap(),
        []
    );
}

pub async fn listing_goes_page_by_page(store: &dyn Store) {
    let mut batch = Batch::new("all", at(0));
    for n in 0..1200 {
        batch = batch.put_new(&thing(&format!("x{n:04}"), ""));
    }
    batch = batch.put_new(&thing("w", "")).put_new(&thing("y", ""));
    committed(store, batch.build().unwrap()).await;
    let page = store.list(Kind::Lease, "x", None, 10).await.unwrap();
    assert_eq!(page.len(), 10);
    assert_eq!(page[0].0.id, "x0000");
    let page = store.list(Kind::Lease, "x", Some("x1197"), 10).await.unwrap();
    let ids: Vec<_> = page.iter().map(|(key, _)| key.id.as_str()).collect();
    assert_eq!(ids, ["x1198", "x1199"]);
    assert_eq!(
        store.list(Kind::Lease, "x", Some("a"), 1).await.unwrap()[0].0.id,
        "x0000"
    );
    assert_eq!(store.list(Kind::Lease, "x", Some("z"), 1).await.unwrap(), []);
    assert_eq!(store.list(Kind::Account, "", None, 9).await.unwrap(), []);
    assert_eq!(list::<Thing>(store, "x").await.unwrap().len(), 1200);
    assert_eq!(list::<Thing>(store, "").await.unwrap().len(), 1202);
}

pub async fn odd_ids_do_not_mix(store: &dyn Store) {
    let ids = ["", "a", "a\0", "a\0b", "aé", "a\u{10ffff}", "b/c d", "'\"`"];
    for (n, id) in ids.into_iter().enumerate() {
        committed(
            store,
            write(&format!("c{n}"), id, Expect::Absent, Some(&thing(id, ""))),
        )
        .await;
    }
    for id in ids {
        let found: Versioned<Thing> = load(store, id).await.unwrap().unwrap();
        assert_eq!(found.name, id);
    }
    let found = list::<Thing>(store, "a").await.unwrap();
    let names: Vec<_> = found.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["a", "a\0", "a\0b", "aé", "a\u{10ffff}"]);
    assert_eq!(list::<Thing>(store, "a\u{10ffff}").await.unwrap().len(), 1);
}

pub async fn the_same_commit_counts_once(store: &dyn Store) {
    let commit = write("c1", "a", Expect::Any, Some(&thing("a", "1")));
    let first = committed(store, commit.clone()).await;
    let later = Commit {
        now: at(60),
        ..commit.clone()
    };
    assert_eq!(committed(store, commit).await, first);
    assert_eq!(committed(store, later).await, first);
    assert_eq!(version(store, "a").await, Some(1));
}

pub async fn a_used_id_for_something_else_is_an_error(store: &dyn Store) {
    committed(store, write("c1", "a", Expect::Any, Some(&thing("a", "1")))).await;
    let other = store
        .commit(write("c1", "a", Expect::Any, Some(&thing("a", "2"))))
        .await;
    assert!(matches!(other, Err(StoreError::Failed(why)) if why.contains("c1")));
    assert_eq!(version(store, "a").await, Some(1));
    // An id that met a conflict was not used.
    conflicts(store, write("c2", "a", Expect::Absent, Some(&thing("a", "3")))).await;
    committed(
        store,
        write("c2", "a", Expect::Version(1), Some(&thing("a", "4"))),
    )
    .await;
}

pub async fn what_cannot_be_read_back_is_refused(store: &dyn Store) {
    let raw = |text: &[u8]| Commit {
        writes: vec![latchkey::store::Write {
            key: Key::new(Kind::Lease, "a"),
            expect: Expect::Any,
            value: Some(text.to_vec()),
        }],
        ..write("bad", "a", Expect::Any, None)
    };
    let too_long = serde_json::to_vec(&thing("a", &"x".repeat(200_000))).unwrap();
    let bad: [&[u8]; 6] = [b"{", b"", b"{\"name\":\n\"a\"}", b"\xff", b"[]", &too_long];
    for text in bad {
        assert!(
            store.commit(raw(text)).await.is_err(),
            "{:?}",
            &text[..text.len().min(20)]
        );
    }
    let newer = Thing {
        v: 9,
        ..thing("a", "")
    };
    let error = store
        .commit(write("newer", "a", Expect::Any, Some(&newer)))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("version 9"), "{error}");
    assert_eq!(version(store, "a").await, None);
    // The store is none the worse for it.
    committed(store, write("good", "a", Expect::Any, Some(&thing("a", "")))).await;
}

fn entry(verb: &str, person: &str, request: Option<&str>, integration: Option<&str>) -> Entry {
    let actor = Actor::Person {
        id: PersonId::from(person),
        name: person.into(),
        chat_user: format!("U{person}"),
    };
    let mut entry = Entry::new(actor, verb).fact("reason", "it's \"needed\"\nnow");
    entry.request = request.map(RequestId::from);
    entry.integration = integration.map(IntegrationName::from);
    entry
}

pub async fn audit_is_found_by_whom_and_what(store: &dyn Store) {
    let about_ann = entry("granted", "bob", Some("r1"), Some("pg")).person(&PersonId::from("ann"));
    for (n, entries) in [
        vec![entry("asked", "ann", Some("r1"), Some("pg"))],
        vec![entry("approved", "bob", Some("r1"), None), about_ann],
        vec![entry("asked", "eve", Some("r2"), Some("redis"))],
        vec![entry("asked", "ann", Some("r11"), Some("pg"))],
    ]
    .into_iter()
    .enumerate()
    {
        let commit = Commit {
            id: format!("c{n}"),
            now: at(n as i64 * 10),
            writes: vec![one_write(&format!("t{n}"), Expect::Absent, Some(&thing("t", "")))],
            audit: entries,
        };
        committed(store, commit).await;
    }
    let found = async |query: AuditQuery| -> Vec<String> {
        let found = store.audit(&query).await.unwrap();
        let ours = found.into_iter().filter(|r| r.entry.actor != Actor::Latchkey);
        ours.map(|r| format!("{} {}", r.entry.verb, r.entry.request.unwrap()))
            .collect()
    };
    let some = |text: &str| Some(text.to_owned());
    let all = AuditQuery::default();
    assert_eq!(
        found(all.clone()).await,
        ["asked r1", "approved r1", "granted r1", "asked r2", "asked r11"]
    );
    let of = |request| AuditQuery {
        request,
        ..all.clone()
    };
    assert_eq!(
        found(of(some("r1"))).await,
        ["asked r1", "approved r1", "granted r1"]
    );
    assert_eq!(found(of(some("r"))).await, Vec::<String>::new());
    let by = |person| AuditQuery {
        person,
        ..all.clone()
    };
    assert_eq!(
        found(by(some("ann"))).await,
        ["asked r1", "granted r1", "asked r11"]
    );
    assert_eq!(found(by(some("bob"))).await, ["approved r1", "granted r1"]);
    let integration = some("pg");
    let newest = AuditQuery {
        integration,
        limit: Some(2),
        ..all.clone()
    };
    assert_eq!(found(newest).await, ["granted r1", "asked r11"]);
    let since = AuditQuery {
        since: Some(at(20)),
        ..all.clone()
    };
    assert_eq!(found(since).await, ["asked r2", "asked r11"]);
    let both = AuditQuery {
        person: some("ann"),
        request: some("r1"),
        ..all.clone()
    };
    assert_eq!(found(both).await, ["asked r1", "granted r1"]);
    assert_eq!(
        found(AuditQuery {
            limit: Some(0),
            ..all
        })
        .await,
        Vec::<String>::new()
    );
}

pub async fn a_commit_may_hold_only_audit_entries(store: &dyn Store) {
    let commit = Commit {
        writes: Vec::new(),
        audit: vec![entry("seen", "ann", None, None)],
        ..write("c1", "", Expect::Any, None)
    };
    let seq = committed(store, commit).await;
    let found = store.audit(&AuditQuery::default()).await.unwrap();
    let last = found.last().unwrap();
    assert_eq!(
        (last.seq, last.at, last.entry.verb.as_str()),
        (seq, at(0), "seen")
    );
    assert_eq!(last.entry.facts["reason"], "it's \"needed\"\nnow");
}

pub async fn the_clock_of_the_store_never_goes_back(store: &dyn Store) {
    for (n, seconds) in [0, 50, 20].into_iter().enumerate() {
        let commit = Commit {
            now: at(seconds),
            ..write(
                &format!("c{n}"),
                "a",
                Expect::Any,
                Some(&thing("a", &n.to_string())),
            )
        };
        let seq = committed(store, commit).await;
        assert_eq!(store.meta().await.unwrap().seq, seq);
    }
    assert_eq!(store.meta().await.unwrap().last_now, Some(at(50)));
}

pub async fn concurrent_writers_meet_at_the_version(store: &dyn Store) {
    committed(store, write("first", "a", Expect::Absent, Some(&thing("a", "")))).await;
    let add = async |who: usize| {
        for turn in 0.. {
            let old: Versioned<Thing> = load(store, "a").await.unwrap().unwrap();
            let new = thing("a", &format!("{}.", old.text));
            let batch = Batch::new(format!("w{who}-{turn}"), at(0)).put(&old, &new);
            match commit_settled(store, batch.build().unwrap()).await.unwrap() {
                Outcome::Committed => return,
                Outcome::Conflict { key } => assert_eq!(key.id, "a"),
            }
        }
    };
    futures_util::future::join_all((0..20).map(add)).await;
    let end: Versioned<Thing> = load(store, "a").await.unwrap().unwrap();
    assert_eq!((end.version, end.text.as_str()), (21, ".".repeat(20).as_str()));
}

pub async fn typed_records_come_back(store: &dyn Store) {
    assert_eq!(load::<Thing>(store, "a").await.unwrap(), None);
    let value = due_thing("a", "pg", at(5));
    let made = Batch::new("b1", at(0))
        .put_new(&value)
        .audit(Entry::new(Actor::Latchkey, "made"));
    assert!(!made.is_empty());
    assert_eq!(
        commit_settled(store, made.build().unwrap()).await.unwrap(),
        Outcome::Committed
    );
    let old = load::<Thing>(store, "a").await.unwrap().unwrap();
    assert_eq!((&old.value, old.version), (&value, 1));
    let touched = Batch::new("b2", at(0))
        .touch(&thing("a", "x"))
        .touch(&thing("b", "y"));
    commit_settled(store, touched.build().unwrap()).await.unwrap();
    let late = Batch::new("b3", at(0)).remove(&old).build().unwrap();
    let answer = commit_settled(store, late).await.unwrap();
    assert!(matches!(answer, Outcome::Conflict { key } if key.id == "a"));
    let old = load::<Thing>(store, "a").await.unwrap();
    let over = Batch::new("b4", at(0))
        .put_over(old.as_ref(), &value)
        .put_over(None, &thing("c", ""));
    commit_settled(store, over.build().unwrap()).await.unwrap();
    let old = load::<Thing>(store, "c").await.unwrap().unwrap();
    commit_settled(store, Batch::new("b5", at(0)).remove(&old).build().unwrap())
        .await
        .unwrap();
    assert_eq!(load::<Thing>(store, "c").await.unwrap(), None);
    assert!(Batch::new("b6", at(0)).is_empty());
}

pub async fn resume_without_a_quarantine_changes_nothing(store: &dyn Store) {
    let before = store.meta().await.unwrap();
    assert_eq!(before.quarantine, None);
    store.resume(at(1), Actor::Latchkey).await.unwrap();
    assert_eq!(store.meta().await.unwrap(), before);
    assert_eq!(store.hesitates().await, None);
}
