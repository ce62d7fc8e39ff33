//! What a start after a restore does first. What happened between the backup and now is not known, so nothing that waits is
//! decided any more, and what ends by the restored facts ends after a grace that everybody can see.

use chrono::{DateTime, Duration, Utc};

use crate::{
    app::{App, poke},
    domain::{
        Decision, Lease, Request, Trouble, Verb,
        audit::{Actor, Entry},
    },
    store::{
        StoreError,
        typed::{Batch, Versioned, list},
    },
};

/// How long what is over by the restored facts is left, for somebody to look first.
const GRACE: Duration = Duration::hours(1);
/// Records changed in one commit.
const CHUNK: usize = 100;

/// In quarantine: closes what waits, and puts off ends that come too soon. Done again it changes nothing.
pub(super) async fn settle(app: &App) -> Result<(), StoreError> {
    let Some(quarantine) = app.store.meta().await?.quarantine else {
        return Ok(());
    };
    let (now, until) = (app.now(), quarantine.since + GRACE);
    let mut batch = app.batch(now);
    let mut changed = 0;
    for request in list::<Request>(&*app.store, "").await? {
        if request.is_pending() {
            batch = close(batch, &request, now);
            changed += 1;
        }
        batch = flush(app, batch, &mut changed).await?;
    }
    for lease in list::<Lease>(&*app.store, "").await? {
        if lease.is_open() && lease.is_live() && lease.over_at() < until {
            batch = put_off(batch, &lease, until, now);
            changed += 1;
        }
        batch = flush(app, batch, &mut changed).await?;
    }
    app.commit(batch).await.map(drop)
}

/// Commits a full batch and begins the next.
async fn flush(app: &App, batch: Batch, changed: &mut usize) -> Result<Batch, StoreError> {
    if *changed < CHUNK {
        return Ok(batch);
    }
    *changed = 0;
    app.commit(batch).await?;
    Ok(app.batch(app.now()))
}

fn close(batch: Batch, request: &Versioned<Request>, now: DateTime<Utc>) -> Batch {
    let mut closed = request.value.clone();
    closed.revision += 1;
    closed.decision = Some(Decision {
        what: Verb::Expired,
        by: "restore".into(),
        by_person: None,
        reason: None,
        at: now,
    });
    let entry = Entry::new(Actor::Latchkey, "expired")
        .request(&request.id)
        .person(&request.requester)
        .integration(&request.integration)
        .fact("by", "restore");
    batch
        .put(request, &closed)
        .touch(&poke(&request.id, now))
        .audit(entry)
}

fn put_off(batch: Batch, lease: &Versioned<Lease>, until: DateTime<Utc>, now: DateTime<Utc>) -> Batch {
    let mut later = lease.value.clone();
    later.grace_until = Some(until);
    later.rest_until = None;
    later.trouble = Some(Trouble {
        since: now,
        tries: 1,
        text: format!(
            "restored from a copy: it is taken back at {} at the latest",
            until.format("%Y-%m-%d %H:%M UTC")
        ),
    });
    let entry = Entry::new(Actor::Latchkey, "grace after restore")
        .request(&lease.request)
        .lease(&lease.id)
        .person(&lease.person)
        .integration(&lease.integration)
        .fact("until", until);
    batch
        .put(lease, &later)
        .touch(&poke(&lease.request, now))
        .audit(entry)
}
