//! Approve and Deny: a vote, counted with all others by those who may decide at this moment.

use chrono::Duration;

use super::{
    Asked, Flow, answer,
    electors::{Subject, electors},
};
use crate::{
    app::{App, poke},
    bundle::Bundle,
    chat::{Modal, Reply, view},
    config::flow_digest,
    directory::{Freshness, NotAdmitted},
    domain::{
        ApprovalThen, Decision, Elector, Lease, Person, Purpose, Request, RequestId, Resource, Verb, Verdict,
        Vote,
        audit::{Actor, Entry},
        policy::{Approval, ReasonRule},
        vote::{LONGEST_REASON, Tally, VoteError},
    },
    integrations::Live,
    store::typed::{Batch, Versioned, load},
};

/// How often a vote is counted anew when somebody else's came in between.
const TRIES: usize = 20;

/// A vote as it was given.
pub(crate) struct Given<'a> {
    pub request: &'a RequestId,
    pub revision: u64,
    pub verdict: Verdict,
    pub reason: Option<&'a str>,
}

/// The button: asks for a reason first where one is needed.
pub(crate) async fn pressed(
    app: &App,
    asked: &Asked<'_>,
    request: &RequestId,
    revision: u64,
    verdict: Verdict,
) -> Flow<Reply> {
    let Some(bundle) = Bundle::load(app, request).await? else {
        return Ok(answer::unknown());
    };
    if let Some(no) = may_not(app, asked.person, &bundle, revision).await? {
        return Ok(Reply::Private(no));
    }
    let rule = app
        .config
        .load()
        .flow(&bundle.request.flow.name)
        .map_or(ReasonRule::Optional, |flow| flow.approver_reason);
    let facts = bundle.facts(Some(&asked.person.id), asked.zone, asked.now);
    let form: Option<Modal> = match verdict {
        Verdict::Deny => Some(view::deny_form(&facts)),
        Verdict::Approve if rule == ReasonRule::Required => Some(view::approve_form(&facts, rule)),
        Verdict::Approve => None,
    };
    match form {
        Some(form) => Ok(Reply::Modal(form)),
        None => {
            vote(
                app,
                asked,
                &Given {
                    request,
                    revision,
                    verdict,
                    reason: None,
                },
            )
            .await
        }
    }
}

/// Why this person's vote would not be taken now, in words.
async fn may_not(
    app: &App,
    person: &Person,
    bundle: &Bundle,
    revision: u64,
) -> Flow<Option<crate::chat::Message>> {
    let electors = electors_of(app, &bundle.request, Freshness::AtMost5Min).await?;
    let error = bundle
        .request
        .authority(&person.id, &electors)
        .map(drop)
        .and_then(|()| bundle.request.can_take(&person.id, revision));
    let names: Vec<String> = electors.iter().map(|elector| elector.name.clone()).collect();
    Ok(error.err().map(|error| view::not_taken(&error, &names)))
}

/// Takes a vote. No vote is lost to a race: on a conflict everything is read and decided again.
pub(crate) async fn vote(app: &App, asked: &Asked<'_>, given: &Given<'_>) -> Flow<Reply> {
    let rule = match given.verdict {
        Verdict::Deny => ReasonRule::Required,
        Verdict::Approve => ReasonRule::Optional,
    };
    if given
        .reason
        .is_some_and(|reason| reason.chars().count() > LONGEST_REASON)
    {
        return Ok(Reply::Private(view::not_taken(&VoteError::ReasonTooLong, &[])));
    }
    if rule == ReasonRule::Required && given.reason.is_none_or(|reason| reason.trim().is_empty()) {
        return Ok(Reply::Private(view::not_taken(&VoteError::ReasonNeeded, &[])));
    }
    for _ in 0..TRIES {
        let Some(request) = load::<Request>(&*app.store, given.request.as_str()).await? else {
            return Ok(answer::unknown());
        };
        match count(app, asked, given, request).await? {
            Counted::Said(reply) => return Ok(reply),
            Counted::Again => {}
        }
    }
    Ok(answer::not_now("a vote met too many others"))
}

enum Counted {
    Said(Reply),
    Again,
}

async fn count(
    app: &App,
    asked: &Asked<'_>,
    given: &Given<'_>,
    request: Versioned<Request>,
) -> Flow<Counted> {
    if request.is_pending()
        && let Some(changed) = rerouted(app, &request).await?
    {
        let entry = entry(asked, "restarted", &request)
            .fact("why", "its access flow or owner tag changed since it was asked");
        app.commit(
            app.batch(asked.now)
                .put(&request, &changed)
                .touch(&poke(&request.id, asked.now))
                .audit(entry),
        )
        .await?;
        return Ok(Counted::Said(Reply::Private(view::not_taken(
            &VoteError::Changed,
            &[],
        ))));
    }
    let mut electors = electors_of(app, &request, Freshness::Now).await?;
    let names: Vec<String> = electors.iter().map(|elector| elector.name.clone()).collect();
    let authority = match request.authority(&asked.person.id, &electors) {
        Ok(authority) => authority,
        Err(error) => {
            let error = request.decision.clone().map_or(error, VoteError::AlreadyDecided);
            return Ok(Counted::Said(Reply::Private(view::not_taken(&error, &names))));
        }
    };
    if let Err(error) = request.can_take(&asked.person.id, given.revision) {
        return Ok(Counted::Said(Reply::Private(view::not_taken(&error, &names))));
    }
    let mut voted = request.value.clone();
    voted.revision += 1;
    voted.votes.retain(|vote| vote.person != asked.person.id);
    voted.votes.push(Vote {
        person: asked.person.id.clone(),
        name: asked.person.name.clone(),
        verdict: given.verdict,
        reason: given.reason.map(str::to_owned),
        at: asked.now,
        authority: authority.clone(),
        digest: request.subject_digest(),
    });
    // All votes are authorised again, not only this one: who lost the role or left since does not count.
    keep_present(app, &voted, &mut electors).await?;
    let tally = voted.tally(&electors);
    let entry = entry(asked, verb_of(given.verdict), &request)
        .fact("authority", authority)
        .fact("reason", given.reason);
    let mut batch = app.batch(asked.now).audit(entry);
    match tally {
        Tally::Pending { .. } => {}
        Tally::Denied => {
            voted.decision = Some(decision(asked, Verb::Denied, given.reason));
            voted.forget_at = Some(asked.now + app.keep());
        }
        Tally::Approved => {
            voted.decision = Some(decision(asked, Verb::Approved, given.reason));
            voted.forget_at = Some(asked.now + app.keep());
            match allow(app, asked, batch, &mut voted).await? {
                Ok(with_lease) => batch = with_lease,
                Err(why) => return Ok(Counted::Said(Reply::Private(why))),
            }
        }
    }
    let done = app
        .commit(batch.put(&request, &voted).touch(&poke(&request.id, asked.now)))
        .await?;
    if !done {
        return Ok(Counted::Again);
    }
    // The card says the rest.
    Ok(Counted::Said(Reply::Done))
}

fn verb_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "voted to approve",
        Verdict::Deny => "voted to deny",
    }
}

fn entry(asked: &Asked<'_>, verb: &str, request: &Request) -> Entry {
    Entry::new(asked.actor(), verb)
        .request(&request.id)
        .person(&request.requester)
        .integration(&request.integration)
}

fn decision(asked: &Asked<'_>, what: Verb, reason: Option<&str>) -> Decision {
    Decision {
        what,
        by: asked.person.name.clone(),
        by_person: Some(asked.person.id.clone()),
        reason: reason.map(str::to_owned),
        at: asked.now,
    }
}

/// Adds what an approval allows: a lease, or a later end for one that lives. `Err`: why that cannot be, in words.
pub(crate) async fn allow(
    app: &App,
    asked: &Asked<'_>,
    batch: Batch,
    request: &mut Request,
) -> Flow<Result<Batch, crate::chat::Message>> {
    allow_at(app, asked.now, &asked.person.name, batch, request).await
}

/// The same, for whoever approves: `by` is their name.
pub(crate) async fn allow_at(
    app: &App,
    now: chrono::DateTime<chrono::Utc>,
    by: &str,
    batch: Batch,
    request: &mut Request,
) -> Flow<Result<Batch, crate::chat::Message>> {
    if request.purpose != Purpose::TestCard && has_left(app, request, now).await? {
        return Ok(Err(crate::chat::Message::words(format!(
            "{} cannot act here any more; nothing was given.",
            crate::chat::surface::clean(&request.requester_name, 80)
        ))));
    }
    match request.purpose.clone() {
        Purpose::TestCard => Ok(Ok(
            batch.audit(Entry::new(Actor::Latchkey, "approved").request(&request.id))
        )),
        Purpose::Extension { lease, to, .. } => {
            super::extend::apply(app, now, by, batch, request, &lease, to).await
        }
        Purpose::Access => {
            let Some(live) = app.integrations.get(&request.integration) else {
                return Ok(Err(answer::not_now_words("the integration is gone")));
            };
            let Some(target_id) = target_id(app, &live).await? else {
                return Ok(Err(answer::not_now_words("the integration was never reached")));
            };
            let grounds = crate::domain::Grounds {
                now,
                target_id,
                scope: live.provider.scope(&request.resource, &request.permission.name),
                start_within: Duration::seconds(live.config.start_within_seconds),
            };
            let Some(lease) = Lease::of(request, grounds) else {
                return Ok(Err(answer::not_now_words("no lease")));
            };
            request.lease = Some(lease.at());
            let entry = Entry::new(Actor::Latchkey, "approved")
                .request(&request.id)
                .lease(&lease.id)
                .person(&lease.person)
                .integration(&lease.integration)
                .fact("flow", &request.flow.name)
                .fact("until", lease.expires_at);
            Ok(Ok(batch.put_new(&lease).audit(entry)))
        }
    }
}

/// Whether the requester is seen to be deactivated, suspended or of another workspace. A chat that cannot be asked holds no
/// approval up: who leaves loses every lease as soon as it is seen.
async fn has_left(app: &App, request: &Request, now: chrono::DateTime<chrono::Utc>) -> Flow<bool> {
    let Some(person) = load::<Person>(&*app.store, request.requester.as_str()).await? else {
        return Ok(true);
    };
    let config = app.config.load_full();
    let admitted = app
        .directory
        .admit(&config, &person.chat_user, now, Freshness::AtMost5Min)
        .await;
    Ok(matches!(admitted, Err(NotAdmitted::Refused(_))))
}

/// Which target the integration leads to: as seen by this process, else as last written down.
async fn target_id(app: &App, live: &Live) -> Flow<Option<String>> {
    if let Some(seen) = live.pulse().target_id {
        return Ok(Some(seen));
    }
    let record = load::<crate::domain::Integration>(&*app.store, live.config.name.as_str()).await?;
    Ok(record.and_then(|record| record.value.target_id))
}

/// Who may decide on a stored request now, by the catalogue and configuration as they are.
pub(crate) async fn electors_of(app: &App, request: &Request, fresh: Freshness) -> Flow<Vec<Elector>> {
    // Of no access flow: who is tested decides.
    if request.purpose == Purpose::TestCard {
        return Ok(request.electors.clone());
    }
    let config = app.config.load_full();
    let (Some(flow), Some(integration)) = (
        config.flow(&request.flow.name),
        config.integration(request.integration.as_str()),
    ) else {
        return Ok(Vec::new());
    };
    let resource = Resource {
        at: request.resource.clone(),
        tags: request.tags.clone(),
        unavailable: None,
    };
    let subject = Subject {
        flow,
        integration,
        resource: &resource,
        requester: &request.requester,
    };
    Ok(electors(app, &subject, app.now(), fresh).await)
}

/// The request as it stands by the configuration and tags of now, if that differs from what was voted on.
async fn rerouted(app: &App, request: &Request) -> Flow<Option<Request>> {
    if request.purpose == Purpose::TestCard {
        return Ok(None);
    }
    let config = app.config.load_full();
    let catalogue = app.catalogues.of(&*app.store, &request.integration).await?;
    let tags = catalogue
        .resources
        .iter()
        .find(|resource| resource.at == request.resource)
        .map(|resource| &resource.tags);
    let owner_key = config
        .integration(request.integration.as_str())
        .and_then(|integration| integration.resource_owner.as_ref().map(|owner| owner.key.clone()));
    let owner_changed = owner_key
        .zip(tags)
        .is_some_and(|(key, tags)| tags.get(&key) != request.tags.get(&key));
    let flow = config.flow(&request.flow.name);
    let flow_changed = flow.is_none_or(|flow| flow_digest(flow) != request.flow.digest);
    if !owner_changed && !flow_changed {
        return Ok(None);
    }
    let mut changed = request.clone();
    changed.revision += 1;
    changed.subject_revision = changed.revision;
    changed.votes.clear();
    if let Some(tags) = tags {
        changed.tags = tags.clone();
    }
    if let Some(flow) = flow {
        changed.flow.digest = flow_digest(flow);
        changed.flow.approval = match &flow.approval {
            Approval::Automatic => ApprovalThen::Automatic,
            Approval::By { quorum, .. } => ApprovalThen::Quorum(*quorum),
        };
        changed.flow.max_seconds = flow.max_seconds;
        changed.electors = electors_of(app, &changed, Freshness::Now).await?;
    } else {
        changed.decision = Some(Decision {
            what: Verb::Denied,
            by: "Latchkey".into(),
            by_person: None,
            reason: Some(format!("access flow {} is gone", request.flow.name)),
            at: app.now(),
        });
    }
    Ok(Some(changed))
}

/// Leaves only electors who can act in their chat at this moment, as far as their votes count.
async fn keep_present(app: &App, request: &Request, electors: &mut Vec<Elector>) -> Flow<()> {
    let config = app.config.load_full();
    for vote in &request.votes {
        let Some(person) = load::<Person>(&*app.store, vote.person.as_str()).await? else {
            electors.retain(|elector| elector.person != vote.person);
            continue;
        };
        let admitted = app
            .directory
            .admit(&config, &person.chat_user, app.now(), Freshness::Now)
            .await;
        if admitted.is_err() {
            electors.retain(|elector| elector.person != vote.person);
        }
    }
    Ok(())
}
