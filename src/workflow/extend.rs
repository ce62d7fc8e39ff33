//! Extend: a later end for a lease that lives, decided afresh by the same flow, in total within its limit.

use chrono::{DateTime, Utc};

use super::{Asked, Flow, answer, end::own, pick::compact, submit};
use crate::{
    app::{App, poke},
    bundle::Bundle,
    chat::{Message, Reply, view},
    domain::{
        Extended, Lease, LeaseRef, Purpose, Request, RequestId,
        audit::{Actor, Entry},
        command,
        policy::ReasonRule,
        refusal::Why,
        span::humanize,
    },
    store::{
        records::lease_id,
        typed::{Batch, Versioned, load},
    },
};

/// The button: a form, or (with an absolute end on it) the wish itself.
pub(crate) async fn pressed(
    app: &App,
    asked: &Asked<'_>,
    id: &RequestId,
    until: Option<DateTime<Utc>>,
) -> Flow<Reply> {
    let Some(bundle) = own(app, asked, id).await? else {
        return Ok(answer::unknown());
    };
    match until {
        Some(to) => wish(app, asked, &bundle, to, None).await,
        None => Ok(form(app, asked, &bundle, "1h")),
    }
}

fn needs_reason(app: &App, bundle: &Bundle, reason: Option<&str>) -> bool {
    rule(app, bundle) == ReasonRule::Required && reason.is_none_or(|reason| reason.trim().is_empty())
}

fn form(app: &App, asked: &Asked<'_>, bundle: &Bundle, length: &str) -> Reply {
    let facts = bundle.facts(Some(&asked.person.id), asked.zone, asked.now);
    Reply::Modal(view::extend_form(&facts, rule(app, bundle), length))
}

/// Whether the flow wants a reason of the requester.
fn rule(app: &App, bundle: &Bundle) -> ReasonRule {
    app.config
        .load()
        .flow(&bundle.request.flow.name)
        .map_or(ReasonRule::Optional, |flow| flow.requester_reason)
}

pub(crate) async fn submitted(
    app: &App,
    asked: &Asked<'_>,
    id: &RequestId,
    length: &str,
    reason: Option<&str>,
) -> Flow<Reply> {
    let Some(bundle) = own(app, asked, id).await? else {
        return Ok(answer::unknown());
    };
    match command::parse_length(length, asked.now, asked.zone) {
        Ok(length) => {
            if needs_reason(app, &bundle, reason) {
                let text = "This access flow needs a reason.";
                return Ok(Reply::Errors(vec![("reason".into(), text.into())]));
            }
            let from = bundle.lease.as_ref().map_or(asked.now, |lease| lease.expires_at);
            wish(app, asked, &bundle, length.end(from), reason).await
        }
        Err(question) => Ok(Reply::Errors(vec![(
            "length".into(),
            view::question(&question).text,
        )])),
    }
}

pub(crate) async fn wish(
    app: &App,
    asked: &Asked<'_>,
    bundle: &Bundle,
    to: DateTime<Utc>,
    reason: Option<&str>,
) -> Flow<Reply> {
    let Some(lease) = bundle
        .lease
        .as_ref()
        .filter(|lease| lease.is_live() && lease.granted_at.is_some())
    else {
        return Ok(answer::refuse("", Why::NotActive));
    };
    if to <= lease.expires_at {
        return Ok(Reply::Private(Message::words(format!(
            "It lasts until {} already.",
            crate::chat::surface::time(lease.expires_at, crate::chat::surface::TimeStyle::Minute)
        ))));
    }
    let start = lease.granted_at.unwrap_or(lease.approved_at);
    let total = (to - start).num_seconds();
    let longest = bundle.request.flow.max_seconds;
    if total > longest {
        let left = longest - (lease.expires_at - start).num_seconds();
        let what = format!(
            "{} in all on {} / {}",
            humanize(total),
            lease.integration,
            lease.resource.title
        );
        let _ = left;
        return Ok(answer::refuse(
            &what,
            Why::TooLong {
                longest_seconds: longest,
            },
        ));
    }
    if needs_reason(app, bundle, reason) {
        let longer = compact((to - lease.expires_at).num_seconds());
        return Ok(form(app, asked, bundle, &longer));
    }
    let purpose = Purpose::Extension {
        of: bundle.request.id.clone(),
        lease: lease.at(),
        from: lease.expires_at,
        to,
    };
    submit::extension(app, asked, bundle, purpose, reason.unwrap_or_default()).await
}

/// The approval of an extension: moves the lease's end, once, to an absolute time. A lease that ended stays ended.
pub(crate) async fn apply(
    app: &App,
    now: DateTime<Utc>,
    by: &str,
    batch: Batch,
    request: &mut Request,
    at: &LeaseRef,
    to: DateTime<Utc>,
) -> Flow<Result<Batch, Message>> {
    let lease: Option<Versioned<Lease>> = load::<Lease>(&*app.store, &lease_id(at)).await?;
    let Some(lease) = lease.filter(|lease| lease.is_live() && now < lease.expires_at) else {
        return Ok(Err(Message::words("It is over already; nothing was extended.")));
    };
    request.lease = Some(lease.at());
    if to <= lease.expires_at {
        return Ok(Ok(batch));
    }
    let mut longer = lease.value.clone();
    longer.extended.push(Extended {
        at: now,
        by: by.to_owned(),
        request: request.id.clone(),
        from: lease.expires_at,
        to,
    });
    longer.expires_at = to;
    longer.rest_until = None;
    let entry = Entry::new(Actor::Latchkey, "extended")
        .request(&request.id)
        .lease(&lease.id)
        .person(&lease.person)
        .integration(&lease.integration)
        .fact("from", lease.expires_at)
        .fact("to", to);
    Ok(Ok(batch
        .put(&lease, &longer)
        .touch(&poke(&lease.request, now))
        .audit(entry)))
}
