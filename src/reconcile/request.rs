//! Requests whose time has come: undecided ones expire, decided ones leave the store (the audit log keeps them).

use chrono::Duration;

use crate::{
    app::{App, poke},
    domain::{
        Card, Decision, Lease, Request, Verb,
        audit::{Actor, Entry},
    },
    store::{
        StoreError,
        records::{Code, cards_of, lease_id},
        typed::{Versioned, list, load},
    },
};

pub(crate) async fn reconcile(app: &App, id: &str) -> Result<(), StoreError> {
    let Some(request) = load::<Request>(&*app.store, id).await? else {
        return Ok(());
    };
    match request.decision {
        None => expire(app, &request).await,
        Some(_) => forget(app, &request).await,
    }
}

/// Writes down that an undecided request expired. Not while the clock is in doubt: an early end here cannot be undone.
async fn expire(app: &App, request: &Versioned<Request>) -> Result<(), StoreError> {
    let now = app.now();
    if now < request.decide_by {
        return Ok(());
    }
    let mut expired = request.value.clone();
    if app.clock.leap().is_some() {
        expired.decide_by = now + Duration::minutes(1);
        return app.commit(app.batch(now).put(request, &expired)).await.map(drop);
    }
    expired.revision += 1;
    expired.forget_at = Some(now + app.keep());
    expired.decision = Some(Decision {
        what: Verb::Expired,
        by: "nobody".into(),
        by_person: None,
        reason: None,
        at: now,
    });
    let entry = Entry::new(Actor::Latchkey, "expired")
        .request(&request.id)
        .person(&request.requester)
        .integration(&request.integration);
    let batch = app
        .batch(now)
        .put(request, &expired)
        .touch(&poke(&request.id, now));
    app.commit(batch.audit(entry)).await.map(drop)
}

/// Removes a request with its code, cards and lease. A lease that is open keeps all of it for another day.
async fn forget(app: &App, request: &Versioned<Request>) -> Result<(), StoreError> {
    let now = app.now();
    if request.forget_at.is_none_or(|at| now < at) {
        return Ok(());
    }
    let lease = match &request.lease {
        Some(at) => load::<Lease>(&*app.store, &lease_id(at)).await?,
        None => None,
    };
    if lease.as_ref().is_some_and(|lease| lease.is_open()) {
        let mut kept = request.value.clone();
        kept.forget_at = Some(now + Duration::days(1));
        return app.commit(app.batch(now).put(request, &kept)).await.map(drop);
    }
    let mut batch = app.batch(now).remove(request);
    if let Some(code) = load::<Code>(&*app.store, request.code.as_str())
        .await?
        .filter(|code| code.request == request.id)
    {
        batch = batch.remove(&code);
    }
    for card in list::<Card>(&*app.store, &cards_of(&request.id)).await? {
        batch = batch.remove(&card);
    }
    // An extension points at a lease that came of another request: that one takes it along.
    if let Some(lease) = lease.filter(|lease| lease.request == request.id) {
        batch = batch.remove(&lease);
    }
    app.commit(batch).await.map(drop)
}
