//! The store as a kill leaves it, read by nobody else meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use latchkey::{
    domain::{
        Account, AccountId, ApprovalThen, Card, EndReason, Key, Kind, Lane, Lease, LeaseId, PersonId, Proof,
        Purpose, Request, RequestId, Verb, Verdict,
    },
    store::{
        OpenOptions, Record, SledStore, Store, chain, list,
        records::{Binding, due_of},
    },
};

use crate::{ledger::Ledger, tally::Tally, world::World};

/// All that is checked of the store, as of one kill; kept to compare the next with.
#[derive(Default)]
pub struct Before {
    pub requests: BTreeMap<RequestId, Request>,
    pub leases: BTreeMap<LeaseId, Lease>,
    pub accounts: BTreeMap<AccountId, Account>,
    pub cards: Vec<Card>,
    /// Slack user → person.
    pub people: BTreeMap<String, PersonId>,
    pub codes: BTreeMap<String, RequestId>,
    /// Requests that were checked to their end in a drain.
    pub settled: BTreeSet<RequestId>,
    /// How many subjects' cards were due to be looked at when the store was read.
    pub chat_due: usize,
    /// The newest message (`ts`) of that drain.
    pub read_until: String,
}

impl Before {
    pub fn by_code(&self, code: &str) -> Option<&Request> {
        self.requests.get(self.codes.get(code)?)
    }

    pub fn lease_of(&self, request: &Request) -> Option<&Lease> {
        self.leases.get(&request.lease.as_ref()?.lease)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a look from outside needs a clock of its own"
)]
fn wall() -> DateTime<Utc> {
    Utc::now()
}

pub async fn check(world: &World, ledger: &Ledger, before: &mut Before, tally: &mut Tally) {
    let report = chain::verify(&world.store());
    tally.check(
        "the journal's chain is whole",
        report.as_ref().is_ok_and(|report| report.broken.is_none()),
        || format!("{report:?}"),
    );
    let store = match open(world).await {
        Ok(store) => store,
        Err(why) => {
            tally.check("the store opens after a kill", false, || why);
            return;
        }
    };
    tally.check("the store opens after a kill", true, String::new);
    let now = wall();
    due_index(&*store, tally).await;
    let begun = Instant::now();
    while !store.scanned() && store.poisoned().is_none() && begun.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tally.check("the index is whole", store.scanned(), || {
        format!("{:?}", store.poisoned())
    });
    let mut found = read(&*store, now).await;
    found.settled = std::mem::take(&mut before.settled);
    found.read_until = std::mem::take(&mut before.read_until);
    drop(tokio::task::spawn_blocking(move || drop(store)).await);
    each_lease(&found, now, tally);
    each_request(&found, tally);
    nothing_taken_back(before, &found, tally);
    nothing_lost(ledger, &found, tally);
    *before = found;
}

async fn open(world: &World) -> Result<Arc<SledStore>, String> {
    let mut options = OpenOptions::new(world.store(), due_of, wall());
    options.on_poison = Arc::new(|why| println!("the store is poisoned: {why}"));
    SledStore::open(options).await.map_err(|error| error.to_string())
}

async fn all<R: Record>(store: &dyn Store) -> Vec<R> {
    let found = list::<R>(store, "").await.expect("the store lists");
    found.into_iter().map(|record| record.value).collect()
}

async fn read(store: &dyn Store, now: DateTime<Utc>) -> Before {
    let requests: Vec<Request> = all(store).await;
    let leases: Vec<Lease> = all(store).await;
    let accounts: Vec<Account> = all(store).await;
    let people: Vec<Binding> = all(store).await;
    let chat_due = store.due(&Lane::chat(), now, 1000).await.expect("due").len();
    Before {
        codes: requests
            .iter()
            .map(|r| (r.code.0.clone(), r.id.clone()))
            .collect(),
        requests: requests.into_iter().map(|r| (r.id.clone(), r)).collect(),
        leases: leases.into_iter().map(|l| (l.id.clone(), l)).collect(),
        accounts: accounts.into_iter().map(|a| (a.id.clone(), a)).collect(),
        cards: all(store).await,
        people: people.into_iter().map(|b| (b.chat_user.user, b.person)).collect(),
        settled: BTreeSet::new(),
        chat_due,
        read_until: String::new(),
    }
}

/// The index of due times against what the records say, by way of the store's own questions.
async fn due_index(store: &dyn Store, tally: &mut Tally) {
    let mut derived: BTreeSet<(Lane, DateTime<Utc>, Key)> = BTreeSet::new();
    for kind in Kind::ALL {
        let mut after: Option<String> = None;
        loop {
            let page = store.list(kind, "", after.as_deref(), 500).await.expect("a page");
            for (key, stored) in &page {
                if let Some(due) = due_of(key, &stored.value).expect("a record that can be read") {
                    derived.insert((due.lane, whole_ms(due.at), key.clone()));
                }
            }
            match page.last() {
                Some((key, _)) if page.len() == 500 => after = Some(key.id.clone()),
                Some(_) | None => break,
            }
        }
    }
    let mut indexed = BTreeSet::new();
    for lane in store.lanes().await.expect("lanes") {
        let far = DateTime::from_timestamp(4_000_000_000, 0).expect("a time");
        for entry in store.due(&lane, far, 1_000_000).await.expect("due") {
            indexed.insert((lane.clone(), entry.at, entry.key));
        }
    }
    tally.check("what is due is what the records say", derived == indexed, || {
        let missing: Vec<_> = derived.difference(&indexed).take(3).collect();
        let extra: Vec<_> = indexed.difference(&derived).take(3).collect();
        format!("missing {missing:?}, too many {extra:?}")
    });
}

/// Due times are whole milliseconds, rounded up.
fn whole_ms(at: DateTime<Utc>) -> DateTime<Utc> {
    let down = DateTime::from_timestamp_millis(at.timestamp_millis()).expect("a time");
    if down < at {
        down + TimeDelta::milliseconds(1)
    } else {
        down
    }
}

fn each_lease(found: &Before, now: DateTime<Utc>, tally: &mut Tally) {
    for lease in found.leases.values() {
        let soon = now + TimeDelta::days(1);
        let latest = if lease.is_live() {
            soon.min(lease.over_at())
        } else {
            soon
        };
        if lease.is_open() {
            let due = lease.due().map(|due| due.at);
            tally.check(
                "every open lease is looked at by its end",
                due.is_some_and(|at| at <= latest),
                || format!("{} is due {due:?}, over {}", lease.code, lease.over_at()),
            );
            continue;
        }
        tally.check(
            "closed means ended, and seen to be",
            is_proven(found, lease),
            || format!("{}: {:?}, {:?}", lease.code, lease.ended, lease.closed),
        );
    }
}

fn is_proven(found: &Before, lease: &Lease) -> bool {
    let Some(account) = found.accounts.get(&lease.account) else {
        // It was over before anything was begun.
        return lease.ended.is_some()
            && lease
                .closed
                .as_ref()
                .is_some_and(|closed| closed.proof == Proof::NeverCalled);
    };
    let (Some(ended), Some(closed)) = (&lease.ended, &lease.closed) else {
        return false;
    };
    let seen = match &closed.proof {
        Proof::Seen {
            looked_at, sessions, ..
        } => *looked_at >= ended.at && sessions.is_none_or(|alive| alive == 0) || shares(found, lease),
        Proof::NeverCalled => lease.granted_at.is_none(),
    };
    seen && !account.applied.contains_key(&lease.id)
}

/// Whether another lease kept the login open when this one was closed.
fn shares(found: &Before, lease: &Lease) -> bool {
    let closed = lease.closed.as_ref().map(|closed| closed.at);
    found.leases.values().any(|other| {
        other.id != lease.id
            && other.account == lease.account
            && other.ended.as_ref().is_none_or(|ended| Some(ended.at) >= closed)
    })
}

fn each_request(found: &Before, tally: &mut Tally) {
    for request in found.requests.values().filter(|request| request.is_approved()) {
        let voters: BTreeSet<&PersonId> = request
            .votes
            .iter()
            .filter(|vote| vote.verdict == Verdict::Approve && vote.person != request.requester)
            .map(|vote| &vote.person)
            .collect();
        let needed = match request.flow.approval {
            ApprovalThen::Automatic => 0,
            ApprovalThen::Quorum(needed) => needed as usize,
        };
        tally.check(
            "approved means so many votes of others, and a lease",
            voters.len() >= needed && found.lease_of(request).is_some(),
            || format!("{}: {:?}, {:?}", request.code, request.votes, request.lease),
        );
    }
    for lease in found.leases.values() {
        let request = found.requests.get(&lease.request);
        tally.check(
            "no lease without an approved request",
            request.is_some_and(Request::is_approved),
            || format!("{}: {request:?}", lease.code),
        );
    }
}

/// Ends, decisions and votes are never unset; fences only rise.
fn nothing_taken_back(before: &Before, found: &Before, tally: &mut Tally) {
    for (id, old) in &before.leases {
        let new = found.leases.get(id);
        let kept = new.is_some_and(|new| {
            (old.ended.is_none() || old.ended == new.ended)
                && (old.closed.is_none() || old.closed == new.closed)
                && (old.granted_at.is_none() || old.granted_at == new.granted_at)
        });
        tally.check("what a lease came to stays so", kept, || {
            format!("{old:?}\nis now {new:?}")
        });
    }
    for (id, old) in &before.requests {
        let new = found.requests.get(id);
        let kept = new.is_some_and(|new| {
            (old.decision.is_none() || old.decision == new.decision)
                && old.votes.iter().all(|vote| new.votes.contains(vote))
        });
        tally.check("decisions and votes stay", kept, || {
            format!("{old:?}\nis now {new:?}")
        });
    }
    for (id, old) in &before.accounts {
        let new = found.accounts.get(id).map(|new| new.fence);
        tally.check("fences only rise", new >= Some(old.fence), || {
            format!("{id}: {:?} then {new:?}", old.fence)
        });
    }
}

fn nothing_lost(ledger: &Ledger, found: &Before, tally: &mut Tally) {
    let told = ledger.look();
    for (code, asked) in &told.asked {
        let request = found.by_code(code);
        let is_theirs =
            request.is_some_and(|request| found.people.get(&asked.who) == Some(&request.requester));
        tally.check("no acknowledged request is lost", is_theirs, || {
            format!("{code}: {asked:?}")
        });
    }
    for voted in &told.votes {
        let kept = found.by_code(&voted.code).is_some_and(|request| {
            request.votes.iter().any(|vote| {
                found.people.get(&voted.voter) == Some(&vote.person) && vote.verdict == voted.verdict
            })
        });
        tally.check("no acknowledged vote is lost", kept, || format!("{voted:?}"));
    }
    for code in &told.finished {
        let is_over = found.by_code(code).and_then(|request| found.lease_of(request));
        tally.check(
            "no acknowledged end is lost",
            is_over.is_some_and(|lease| lease.ended.is_some()),
            || format!("finish {code}: {is_over:?}"),
        );
    }
    for code in &told.cancelled {
        let request = found.by_code(code);
        let is_so = request.is_some_and(|request| {
            let decided = request.decision.as_ref().map(|decision| &decision.what);
            let lease = found.lease_of(request).and_then(|lease| lease.ended.as_ref());
            decided == Some(&Verb::Cancelled) || lease.is_some_and(|ended| ended.why == EndReason::Cancelled)
        });
        tally.check("no acknowledged end is lost", is_so, || {
            format!("cancel {code}: {request:?}")
        });
    }
}

/// Whether the request is about access, with a life of its own.
pub fn is_access(request: &Request) -> bool {
    match request.purpose {
        Purpose::Access => true,
        Purpose::Extension { .. } | Purpose::TestCard => false,
    }
}
