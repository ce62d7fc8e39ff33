//! Requests that nobody decided in time.

use crate::{
    app::{App, poke},
    domain::{
        Decision, Request, Verb,
        audit::{Actor, Entry},
    },
    store::{StoreError, typed::load},
};

/// Writes down that an undecided request expired. Not while the clock is in doubt: an early end here cannot be undone.
pub(crate) async fn reconcile(app: &App, id: &str) -> Result<(), StoreError> {
    let Some(request) = load::<Request>(&*app.store, id).await? else {
        return Ok(());
    };
    let now = app.now();
    if request.decision.is_some() || now < request.decide_by || app.clock.leap().is_some() {
        return Ok(());
    }
    let mut expired = request.value.clone();
    expired.revision += 1;
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
    app.commit(
        app.batch(now)
            .put(&request, &expired)
            .touch(&poke(&request.id, now))
            .audit(entry),
    )
    .await
    .map(drop)
}
