//! From a wish to a request in the store.

use chrono::Duration;

use super::{
    Asked, Flow, answer,
    electors::{Subject, electors},
    form,
    pick::{Wanted, pick},
    review,
    sight::{Found, Sight},
};
use crate::{
    app::{App, poke},
    bundle::Bundle,
    chat::{Reply, view},
    config::flow_digest,
    directory::Freshness,
    domain::{
        ApprovalThen, Decision, Elector, FlowThen, IntegrationName, Length, Permission, Purpose, Request,
        RequestId, Resource, ShortCode, Verb,
        audit::Entry,
        command::Wish,
        policy::{AccessFlow, Approval, ReasonRule},
        refusal::{Offer as Suggestion, Refusal, Why},
    },
    notice,
    store::{
        records::Code,
        typed::{Batch, load},
    },
};

const TRIES: usize = 10;

/// Asks for access: refused with what would be possible, or a request in the store.
pub(crate) async fn access(app: &App, asked: &Asked<'_>, sight: &Sight, wish: &Wish) -> Flow<Reply> {
    let Some(found) = sight.wished(wish) else {
        return Ok(answer::unknown());
    };
    let Some(seen) = found.seen(sight) else {
        return Ok(answer::unknown());
    };
    let name = &found.integration;
    let wanted = match pick(sight, asked, name, &seen, wish) {
        Ok(wanted) => wanted,
        Err(refusal) => return Ok(Reply::Private(view::refusal(&refusal))),
    };
    if wanted.flow.requester_reason == ReasonRule::Required && wish.reason.trim().is_empty() {
        return form::reason_needed(app, asked, wish).await;
    }
    if let Some(reply) = already(app, asked, name, seen.resource, wanted.permission).await? {
        return Ok(reply);
    }
    if let Some(why) = paused(app).await {
        return Ok(answer::refuse(&wanted.what, Why::Paused { why }));
    }
    let Some(integration) = sight.config.integration(name.as_str()) else {
        return Ok(answer::unknown());
    };
    let subject = Subject {
        flow: wanted.flow,
        integration,
        resource: seen.resource,
        requester: &asked.person.id,
    };
    let electors = electors(app, &subject, asked.now, Freshness::AtMost5Min).await;
    if let Approval::By { quorum, .. } = &wanted.flow.approval
        && electors.len() < *quorum as usize
    {
        let target = format!("{name} / {}", seen.resource.at.title);
        let told = view::said(&view::Said::NobodyToDecide {
            who: &asked.person.name,
            permission: &wanted.permission.name,
            target: &target,
            flow: &wanted.flow.name,
        });
        notice::tell(app, &notice::admin_places(app).await, &told).await;
        return Ok(answer::refuse(&wanted.what, Why::NobodyToDecide));
    }
    let request = blank(asked, name, seen.resource, &wanted, &wish.reason, electors);
    place(app, asked, request).await
}

/// The request that a wish would make, not placed anywhere.
pub(crate) fn blank_for(
    asked: &Asked<'_>,
    found: &Found,
    permission: &Permission,
    flow: &AccessFlow,
    length: Length,
) -> Request {
    let wanted = Wanted {
        permission,
        flow,
        length,
        what: String::new(),
    };
    blank(
        asked,
        &found.integration,
        &found.resource,
        &wanted,
        "",
        Vec::new(),
    )
}

/// They hold it, or wait for it, already.
async fn already(
    app: &App,
    asked: &Asked<'_>,
    name: &IntegrationName,
    resource: &Resource,
    permission: &Permission,
) -> Flow<Option<Reply>> {
    let desk = crate::home::Desk::of(app, asked.person).await?;
    let same = |bundle: &&Bundle| {
        let request = &bundle.request;
        request.integration == *name
            && request.resource == resource.at
            && request.permission.name == permission.name
    };
    if let Some(bundle) = desk.held().find(same)
        && let Some(lease) = bundle.lease.as_ref().filter(|lease| lease.granted_at.is_some())
    {
        let line = format!("extend {} 1h", bundle.request.code);
        let refusal = Refusal::because(
            "",
            Why::Held {
                until: lease.expires_at,
            },
        )
        .offer(Suggestion::say("Extend 1 h", line));
        return Ok(Some(Reply::Private(view::refusal(&refusal))));
    }
    let delivery = RequestId::of_delivery(&asked.person.id, &asked.inbound.delivery);
    let waiting = desk
        .asked()
        .chain(desk.held())
        .find(same)
        .filter(|bundle| bundle.request.id != delivery);
    Ok(waiting.map(|bundle| {
        answer::refuse(
            "",
            Why::Asked {
                code: bundle.request.code.clone(),
            },
        )
    }))
}

async fn paused(app: &App) -> Option<String> {
    match app.store.meta().await {
        Ok(meta) => meta.quarantine.map(|quarantine| quarantine.why),
        Err(error) => Some(error.to_string()),
    }
}

fn blank(
    asked: &Asked<'_>,
    name: &IntegrationName,
    resource: &Resource,
    wanted: &Wanted<'_>,
    reason: &str,
    electors: Vec<Elector>,
) -> Request {
    let id = RequestId::of_delivery(&asked.person.id, &asked.inbound.delivery);
    Request {
        code: ShortCode::of_request(&id, 0),
        id,
        purpose: Purpose::Access,
        requester: asked.person.id.clone(),
        requester_name: asked.person.name.clone(),
        integration: name.clone(),
        resource: resource.at.clone(),
        tags: resource.tags.clone(),
        permission: wanted.permission.clone(),
        length: wanted.length,
        reason: crate::chat::surface::clean(reason, 2000),
        flow: flow_then(wanted.flow),
        asked_in: asked.inbound.place.clone(),
        asked_at: asked.now,
        decide_by: asked.now + Duration::seconds(wanted.flow.decide_within_seconds),
        electors,
        votes: Vec::new(),
        decision: None,
        lease: None,
        revision: 1,
        subject_revision: 1,
        forget_at: None,
    }
}

fn flow_then(flow: &AccessFlow) -> FlowThen {
    FlowThen {
        name: flow.name.clone(),
        digest: flow_digest(flow),
        approval: match &flow.approval {
            Approval::Automatic => ApprovalThen::Automatic,
            Approval::By { quorum, .. } => ApprovalThen::Quorum(*quorum),
        },
        channel: flow.channel.clone(),
        max_seconds: flow.max_seconds,
    }
}

/// A wish for a later end, decided like the first one.
pub(crate) async fn extension(
    app: &App,
    asked: &Asked<'_>,
    bundle: &Bundle,
    purpose: Purpose,
    reason: &str,
) -> Flow<Reply> {
    let config = app.config.load_full();
    let first = &bundle.request;
    let (Some(flow), Some(integration)) = (
        config.flow(&first.flow.name),
        config.integration(first.integration.as_str()),
    ) else {
        return Ok(answer::refuse(
            "",
            Why::NoFlow {
                permission: first.permission.name.clone(),
            },
        ));
    };
    let asker = app
        .directory
        .asker(&config, asked.person, asked.now, Freshness::AtMost5Min)
        .await;
    if !flow.is_for(&asker) || !flow.gives(first.integration.as_str(), &first.resource, &first.permission) {
        return Ok(answer::refuse(
            "",
            Why::NoFlow {
                permission: first.permission.name.clone(),
            },
        ));
    }
    let resource = Resource {
        at: first.resource.clone(),
        tags: first.tags.clone(),
        unavailable: None,
    };
    let subject = Subject {
        flow,
        integration,
        resource: &resource,
        requester: &asked.person.id,
    };
    let electors = electors(app, &subject, asked.now, Freshness::AtMost5Min).await;
    if let Approval::By { quorum, .. } = &flow.approval
        && electors.len() < *quorum as usize
    {
        return Ok(answer::refuse("", Why::NobodyToDecide));
    }
    let wanted = Wanted {
        permission: &first.permission,
        flow,
        length: first.length,
        what: String::new(),
    };
    let mut request = blank(asked, &first.integration, &resource, &wanted, reason, electors);
    request.purpose = purpose;
    place(app, asked, request).await
}

/// Puts a request into the store, and decides it at once where the flow says so. Repeated deliveries get the same answer.
async fn place(app: &App, asked: &Asked<'_>, mut request: Request) -> Flow<Reply> {
    for attempt in 0..TRIES {
        if let Some(known) = Bundle::load(app, &request.id).await? {
            return Ok(asked_words(asked, &known));
        }
        request.code = ShortCode::of_request(&request.id, attempt);
        if load::<Code>(&*app.store, request.code.as_str()).await?.is_some() {
            continue;
        }
        let mut whole = request.clone();
        let entry = Entry::new(asked.actor(), "asked")
            .request(&request.id)
            .integration(&request.integration)
            .fact("code", &request.code)
            .fact("resource", &request.resource.title)
            .fact("permission", &request.permission.name)
            .fact("length", request.length)
            .fact("reason", &request.reason)
            .fact("flow", &request.flow)
            .fact("electors", &request.electors);
        let mut batch: Batch = app.batch(asked.now).audit(entry);
        if request.flow.approval == ApprovalThen::Automatic {
            whole.decision = Some(Decision {
                what: Verb::Approved,
                by: format!("access flow {}", request.flow.name),
                by_person: None,
                reason: None,
                at: asked.now,
            });
            whole.forget_at = Some(asked.now + app.keep());
            match review::allow(app, asked, batch, &mut whole).await? {
                Ok(with_lease) => batch = with_lease,
                Err(why) => return Ok(Reply::Private(why)),
            }
        }
        let code = Code {
            code: whole.code.clone(),
            request: whole.id.clone(),
        };
        let batch = batch
            .put_new(&whole)
            .put_new(&code)
            .touch(&poke(&whole.id, asked.now));
        if app.commit(batch).await?
            && let Some(known) = Bundle::load(app, &whole.id).await?
        {
            return Ok(asked_words(asked, &known));
        }
    }
    Ok(answer::not_now("no free code was found"))
}

fn asked_words(asked: &Asked<'_>, bundle: &Bundle) -> Reply {
    let facts = bundle.facts(Some(&asked.person.id), asked.zone, asked.now);
    Reply::Private(view::said(&view::Said::Asked(&facts)))
}
