//! Random commits, restarts and rebuildings against a map.

use std::collections::BTreeMap;

use latchkey::{
    domain::{Key, Kind, Lane},
    store::{Answer, Commit, Expect, OpenOptions, SledStore, Store, Write, chain, forget_index},
};
use proptest::prelude::*;

use crate::common::*;

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Act>),
    /// Several at once, so that they share a batch.
    Together(Vec<Vec<Act>>),
    Restart,
    Rebuild,
}

#[derive(Debug, Clone)]
struct Act {
    name: u8,
    expect: Wanted,
    value: Option<(u8, Option<(u8, i64)>)>,
}

/// What a commit expects, by what the model knows.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    Right,
    Any,
    Absent,
    Version(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let wanted = prop_oneof![
        4 => Just(Wanted::Right),
        2 => Just(Wanted::Any),
        1 => Just(Wanted::Absent),
        1 => (0..6_u64).prop_map(Wanted::Version),
    ];
    let due = prop::option::of((0..3_u8, 0..100_i64));
    let value = prop::option::weighted(0.75, (any::<u8>(), due));
    (0..7_u8, wanted, value).prop_map(|(name, expect, value)| Act { name, expect, value })
}

fn step() -> impl Strategy<Value = Step> {
    let commit = || prop::collection::vec(act(), 0..4);
    prop_oneof![
        10 => commit().prop_map(Step::Commit),
        4 => prop::collection::vec(commit(), 2..6).prop_map(Step::Together),
        1 => Just(Step::Restart),
        1 => Just(Step::Rebuild),
    ]
}

/// Version of each record, and its value while it lives.
#[derive(Debug, Clone, Default)]
struct Model {
    records: BTreeMap<String, (u64, Option<Thing>)>,
    commits: u64,
    last: Option<String>,
}

impl Model {
    fn commit(&mut self, acts: &[Act]) -> Commit {
        self.commits += 1;
        let writes = acts.iter().map(|act| {
            let name = format!("k{}", act.name);
            let (version, value) = self.records.get(&name).cloned().unwrap_or_default();
            let expect = match act.expect {
                Wanted::Any => Expect::Any,
                Wanted::Absent => Expect::Absent,
                Wanted::Version(version) => Expect::Version(version),
                Wanted::Right if value.is_some() => Expect::Version(version),
                Wanted::Right => Expect::Absent,
            };
            one_write(
                &name,
                expect,
                act.value.as_ref().map(|value| made(&name, value)).as_ref(),
            )
        });
        Commit {
            id: format!("c{}", self.commits),
            now: at(self.commits as i64),
            writes: writes.collect(),
            audit: Vec::new(),
        }
    }

    /// What the store must answer.
    fn apply(&mut self, commit: &Commit) -> Option<Key> {
        let mut records = self.records.clone();
        for Write { key, expect, value } in &commit.writes {
            let (version, now) = records.get(&key.id).cloned().unwrap_or_default();
            let fits = match expect {
                Expect::Any => true,
                Expect::Absent => now.is_none(),
                Expect::Version(wanted) => now.is_some() && *wanted == version,
            };
            if !fits {
                return Some(key.clone());
            }
            if value.is_some() || now.is_some() {
                let value = value.as_ref().map(|value| serde_json::from_slice(value).unwrap());
                records.insert(key.id.clone(), (version + 1, value));
            }
        }
        self.records = records;
        self.last = Some(commit.id.clone());
        None
    }

    async fn check(&self, store: &dyn Store) {
        let found = latchkey::store::list::<Thing>(store, "").await.unwrap();
        let found: Vec<_> = found
            .into_iter()
            .map(|t| (t.value.name.clone(), t.version, t.value))
            .collect();
        let alive = |(name, (version, value)): (&String, &(u64, Option<Thing>))| {
            value.clone().map(|value| (name.clone(), *version, value))
        };
        assert_eq!(found, self.records.iter().filter_map(alive).collect::<Vec<_>>());
        let mut lanes: BTreeMap<Lane, Vec<_>> = BTreeMap::new();
        for (_, version, thing) in &found {
            assert!(*version > 0);
            if let (Some(owner), Some(due)) = (&thing.lane, thing.due) {
                lanes
                    .entry(lane(owner))
                    .or_default()
                    .push((due, thing.name.clone()));
            }
        }
        assert_eq!(
            store.lanes().await.unwrap(),
            lanes.keys().cloned().collect::<Vec<_>>()
        );
        for (lane, mut expected) in lanes {
            expected.sort();
            let found = store.due(&lane, at(1000), 100).await.unwrap();
            let found: Vec<_> = found.into_iter().map(|entry| (entry.at, entry.key.id)).collect();
            assert_eq!(found, expected);
            assert_eq!(store.next_due(&lane).await.unwrap(), Some(expected[0].0));
        }
        if let Some(last) = &self.last {
            assert!(store.settle(last).await.unwrap());
        }
        assert!(!store.settle("never").await.unwrap());
    }
}

fn made(name: &str, (text, due): &(u8, Option<(u8, i64)>)) -> Thing {
    match due {
        Some((lane, seconds)) => Thing {
            text: text.to_string(),
            ..due_thing(name, &format!("l{lane}"), at(*seconds))
        },
        None => thing(name, &text.to_string()),
    }
}

async fn run(store: &dyn Store, model: &mut Model, step: &Step) {
    match step {
        Step::Commit(acts) => {
            let commit = model.commit(acts);
            expect(store.commit(commit.clone()).await.unwrap(), model.apply(&commit));
        }
        Step::Together(all) => {
            let commits: Vec<_> = all.iter().map(|acts| model.commit(acts)).collect();
            let answers = commits.iter().map(|commit| store.commit(commit.clone()));
            for (answer, commit) in futures_util::future::join_all(answers)
                .await
                .into_iter()
                .zip(&commits)
            {
                expect(answer.unwrap(), model.apply(commit));
            }
        }
        Step::Restart | Step::Rebuild => {}
    }
}

fn expect(answer: Answer, conflict: Option<Key>) {
    match (&answer, &conflict) {
        (Answer::Committed { .. }, None) => {}
        (Answer::Conflict { key }, Some(expected)) if key == expected => assert_eq!(key.kind, Kind::Lease),
        _ => panic!("{answer:?} where the model says {conflict:?}"),
    }
}

async fn on_sled(steps: Vec<Step>) {
    let dir = tempfile::tempdir().unwrap();
    let options = OpenOptions {
        segment_limit: 3000,
        ..options(dir.path())
    };
    let mut store = Some(SledStore::open(options.clone()).await.unwrap());
    let mut model = Model::default();
    for step in &steps {
        let open = store.take().unwrap();
        run(&*open, &mut model, step).await;
        store = match step {
            Step::Commit(_) | Step::Together(_) => Some(open),
            Step::Restart | Step::Rebuild => {
                drop(open);
                if matches!(step, Step::Rebuild) {
                    forget_index(dir.path()).unwrap();
                }
                Some(SledStore::open(options.clone()).await.unwrap())
            }
        };
        model.check(&**store.as_ref().unwrap()).await;
    }
    let store = store.unwrap();
    scanned(&store).await;
    assert!(store.scanned(), "{:?}", store.meta().await);
    drop(store);
    assert_eq!(chain::verify(dir.path()).unwrap().broken, None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sled_is_as_the_model(steps in prop::collection::vec(step(), 1..40)) {
        runtime().block_on(on_sled(steps));
    }

    #[test]
    fn mem_is_as_the_model(steps in prop::collection::vec(step(), 1..40)) {
        runtime().block_on(async {
            let (store, mut model) = (mem(), Model::default());
            for step in &steps {
                run(&store, &mut model, step).await;
                model.check(&store).await;
            }
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}
