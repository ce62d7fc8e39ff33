//! Cancel, Finish now, End access: a lease is over because somebody said so.

use super::{Asked, Flow, answer};
use crate::{
    app::{App, poke},
    bundle::Bundle,
    chat::{Reply, view},
    directory::Freshness,
    domain::{Decision, EndReason, Phase, RequestId, Verb, audit::Entry, refusal::Why, vote::LONGEST_REASON},
    reconcile::facts::ended,
};

const TRIES: usize = 10;

/// The requester takes a request back while it waits, or while it is being granted.
pub(crate) async fn cancel(app: &App, asked: &Asked<'_>, id: &RequestId) -> Flow<Reply> {
    for _ in 0..TRIES {
        let Some(bundle) = own(app, asked, id).await? else {
            return Ok(answer::unknown());
        };
        let phase = bundle.lease.as_ref().map(|lease| lease.phase());
        let batch = app.batch(asked.now);
        let batch = match (&bundle.request.decision, phase, &bundle.lease) {
            (None, _, _) => {
                let mut request = bundle.request.value.clone();
                request.revision += 1;
                request.forget_at = Some(asked.now + app.keep());
                request.decision = Some(Decision {
                    what: Verb::Cancelled,
                    by: asked.person.name.clone(),
                    by_person: Some(asked.person.id.clone()),
                    reason: None,
                    at: asked.now,
                });
                let entry = Entry::new(asked.actor(), "cancelled")
                    .request(id)
                    .integration(&request.integration);
                batch
                    .put(&bundle.request, &request)
                    .audit(entry)
                    .touch(&poke(id, asked.now))
            }
            (Some(_), Some(Phase::Granting), Some(lease)) => {
                ended(batch, lease, EndReason::Cancelled, asked.actor(), asked.now)
            }
            (Some(_), Some(Phase::Active), _) => return Ok(answer::refuse("", Why::Active)),
            (Some(decision), _, _) => return Ok(Reply::Private(view::late(decision))),
        };
        if app.commit(batch).await? {
            return Ok(Reply::Done);
        }
    }
    Ok(answer::not_now("cancelling met too many changes"))
}

/// The requester has had enough.
pub(crate) async fn finish(app: &App, asked: &Asked<'_>, id: &RequestId) -> Flow<Reply> {
    for _ in 0..TRIES {
        let Some(bundle) = own(app, asked, id).await? else {
            return Ok(answer::unknown());
        };
        let Some(lease) = bundle.lease.as_ref().filter(|lease| lease.is_live()) else {
            return Ok(answer::refuse("", Why::NotActive));
        };
        let why = if lease.granted_at.is_some() {
            EndReason::Finished
        } else {
            EndReason::Cancelled
        };
        if app
            .commit(ended(app.batch(asked.now), lease, why, asked.actor(), asked.now))
            .await?
        {
            return Ok(Reply::Done);
        }
    }
    Ok(answer::not_now("finishing met too many changes"))
}

/// Somebody responsible wants to end somebody's access: asks why.
pub(crate) async fn form(app: &App, asked: &Asked<'_>, id: &RequestId) -> Flow<Reply> {
    let Some(bundle) = Bundle::load(app, id).await? else {
        return Ok(answer::unknown());
    };
    if !may_end(app, asked, &bundle).await? {
        return Ok(answer::refuse("", Why::NotAnApprover));
    }
    if bundle.lease.as_ref().is_none_or(|lease| !lease.is_live()) {
        return Ok(answer::refuse("", Why::NotActive));
    }
    Ok(Reply::Modal(view::end_form(&bundle.facts(
        Some(&asked.person.id),
        asked.zone,
        asked.now,
    ))))
}

/// Ends somebody's access, for a reason.
pub(crate) async fn end(app: &App, asked: &Asked<'_>, id: &RequestId, reason: Option<&str>) -> Flow<Reply> {
    if reason.is_some_and(|reason| reason.chars().count() > LONGEST_REASON) {
        return Ok(answer::refuse(
            "",
            Why::ReasonTooLong {
                longest: LONGEST_REASON,
            },
        ));
    }
    for _ in 0..TRIES {
        let Some(bundle) = Bundle::load(app, id).await? else {
            return Ok(answer::unknown());
        };
        if !may_end(app, asked, &bundle).await? {
            return Ok(answer::refuse("", Why::NotAnApprover));
        }
        let Some(lease) = bundle.lease.as_ref().filter(|lease| lease.is_live()) else {
            return Ok(answer::refuse("", Why::NotActive));
        };
        let why = EndReason::EndedBy {
            name: asked.person.name.clone(),
            reason: reason.map(str::to_owned),
        };
        if app
            .commit(ended(app.batch(asked.now), lease, why, asked.actor(), asked.now))
            .await?
        {
            return Ok(Reply::Done);
        }
    }
    Ok(answer::not_now("ending met too many changes"))
}

/// Those who decide on it now, who decided on it, and admins: taking away needs less than giving.
async fn may_end(app: &App, asked: &Asked<'_>, bundle: &Bundle) -> Flow<bool> {
    let me = &asked.person.id;
    let config = app.config.load();
    let is_admin = asked
        .person
        .directory
        .as_ref()
        .is_some_and(|name| config.admins.contains(name));
    let voted = bundle.request.votes.iter().any(|vote| vote.person == *me);
    if is_admin || voted {
        return Ok(true);
    }
    let electors = super::review::electors_of(app, &bundle.request, Freshness::Now).await?;
    Ok(electors.iter().any(|elector| elector.person == *me))
}

/// A request of the person's own; to others it does not exist.
pub(crate) async fn own(app: &App, asked: &Asked<'_>, id: &RequestId) -> Flow<Option<Bundle>> {
    Ok(Bundle::load(app, id)
        .await?
        .filter(|bundle| bundle.request.requester == asked.person.id))
}
