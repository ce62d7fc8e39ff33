//! What an admin at the machine orders. Recorded under their system user, with a reason, and told to owner and admins.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use chrono::Duration;

use super::lists::person_named;
use crate::{
    app::{App, poke},
    bundle::Bundle,
    chat::{Inbound, What, view},
    control::{Caller, ControlResponse, RevokeWhat},
    domain::{
        ApprovalThen, Decision, Elector, EndReason, FlowThen, IntegrationName, Lease, Length, Permission,
        Purpose, Request, RequestId, ResourceRef, ShortCode, Verb,
        audit::{Actor, Entry},
    },
    notice,
    reconcile::{facts::ended, integration},
    store::{
        SledStore,
        records::Code,
        typed::{Versioned, list, load},
    },
    workflow::{Asked, Flow, review},
};

const TRIES: usize = 10;

fn actor(caller: &Caller) -> Actor {
    Actor::System {
        user: caller.user.clone(),
    }
}

/// Lists an integration's resources now.
pub(super) async fn discover(app: &App, name: &str) -> Flow<ControlResponse> {
    let live = app
        .integrations
        .get(&IntegrationName::from(name))
        .with_context(|| format!("no integration is called {name}"))?;
    integration::look(app, &live).await;
    integration::discover(app, &live).await?;
    let record = load::<crate::domain::Integration>(&*app.store, name)
        .await?
        .context("it has no record")?;
    let found = app
        .catalogues
        .of(&*app.store, &record.name)
        .await?
        .resources
        .len();
    match &record.discovery_error {
        None => Ok(ControlResponse::said(format!("{name}: {found} resources"))),
        Some(error) => Ok(ControlResponse::Error(format!(
            "{name}: {found} resources known; {error}"
        ))),
    }
}

async fn request_of(app: &App, code: &str) -> Flow<Versioned<Request>> {
    let code = ShortCode::typed(code);
    let known = load::<Code>(&*app.store, code.as_str())
        .await?
        .with_context(|| format!("no request {code}"))?;
    load::<Request>(&*app.store, known.request.as_str())
        .await?
        .with_context(|| format!("no request {code}"))
}

/// Ends access now.
pub(super) async fn revoke(
    app: &App,
    what: &RevokeWhat,
    reason: &str,
    caller: &Caller,
) -> Flow<ControlResponse> {
    for _ in 0..TRIES {
        let leases: Vec<Versioned<Lease>> = match what {
            RevokeWhat::Code(code) => {
                let request = request_of(app, code).await?;
                Bundle::of(app, request).await?.lease.into_iter().collect()
            }
            RevokeWhat::Lease(id) => list::<Lease>(&*app.store, "")
                .await?
                .into_iter()
                .filter(|lease| lease.id.as_str() == id)
                .collect(),
        };
        ensure!(!leases.is_empty(), "there is no such access");
        let Some(lease) = leases.iter().find(|lease| lease.is_live()) else {
            return Ok(ControlResponse::said("it is over already"));
        };
        let why = EndReason::EndedBy {
            name: caller.user.clone(),
            reason: Some(reason.to_owned()),
        };
        let now = app.now();
        if app
            .commit(ended(app.batch(now), lease, why, actor(caller), now))
            .await?
        {
            tell(app, &lease.request, caller, reason, Forced::Revoke).await?;
            return Ok(ControlResponse::said(format!("{} is being ended", lease.code)));
        }
    }
    bail!("the lease keeps changing; try again")
}

/// Approves a request against its flow.
pub(super) async fn approve(app: &App, code: &str, reason: &str, caller: &Caller) -> Flow<ControlResponse> {
    for _ in 0..TRIES {
        let request = request_of(app, code).await?;
        if let Some(decision) = &request.decision {
            bail!("{} was decided already, by {}", request.code, decision.by);
        }
        let now = app.now();
        let mut approved = request.value.clone();
        approved.revision += 1;
        approved.decision = Some(Decision {
            what: Verb::Approved,
            by: format!("{} (command line)", caller.user),
            by_person: None,
            reason: Some(reason.to_owned()),
            at: now,
        });
        approved.forget_at = Some(now + app.keep());
        let entry = Entry::new(actor(caller), "forced approval")
            .request(&request.id)
            .person(&request.requester)
            .integration(&request.integration)
            .fact("reason", reason);
        let batch = app.batch(now).audit(entry);
        let batch = match review::allow_at(app, now, &caller.user, batch, &mut approved).await? {
            Ok(batch) => batch,
            Err(why) => bail!("{}", why.text),
        };
        if app
            .commit(batch.put(&request, &approved).touch(&poke(&request.id, now)))
            .await?
        {
            tell(app, &request.id, caller, reason, Forced::Approve).await?;
            return Ok(ControlResponse::said(format!("{} is approved", request.code)));
        }
    }
    bail!("the request keeps changing; try again")
}

enum Forced {
    Approve,
    Revoke,
}

async fn tell(app: &App, id: &RequestId, caller: &Caller, reason: &str, what: Forced) -> Flow<()> {
    let Some(bundle) = Bundle::load(app, id).await? else {
        return Ok(());
    };
    let facts = bundle.facts(None, app.config.load().time_zone, app.now());
    let system_user = caller.user.as_str();
    let message = view::said(&match what {
        Forced::Approve => view::Said::ForcedApprove {
            facts: &facts,
            system_user,
            reason,
        },
        Forced::Revoke => view::Said::ForcedRevoke {
            facts: &facts,
            system_user,
            reason,
        },
    });
    let mut places = notice::admin_places(app).await;
    if let Some(live) = &bundle.live {
        places.extend(notice::owner_places(app, live).await);
    }
    places.sort();
    places.dedup();
    notice::tell(app, &places, &message).await;
    Ok(())
}

/// Sends somebody a card that grants nothing, to prove the way to them.
pub(super) async fn test_card(app: &App, name: &str, caller: &Caller) -> Flow<ControlResponse> {
    let person = person_named(app, name)
        .await?
        .with_context(|| format!("nobody is called {name}"))?;
    let now = app.now();
    let inbound = Inbound {
        delivery: format!("test-card-{:016x}", rand::random::<u64>()),
        from: person.chat_user.clone(),
        place: None,
        message: None,
        trigger: None,
        what: What::OpenForm,
    };
    let asked = Asked {
        person: &person,
        inbound: &inbound,
        now,
        zone: crate::bundle::zone_of(app, Some(&person)),
    };
    // Asked by Latchkey itself, so that the person may vote on it.
    let requester = crate::domain::PersonId::from("platchkey");
    let id = RequestId::of_delivery(&requester, &asked.inbound.delivery);
    let request = Request {
        code: ShortCode::of_request(&id, 0),
        id,
        purpose: Purpose::TestCard,
        requester,
        requester_name: "Latchkey".into(),
        integration: "test".into(),
        resource: ResourceRef {
            kind: "test".into(),
            id: vec!["test".into()],
            title: "test card".into(),
        },
        tags: Default::default(),
        permission: Permission {
            name: "nothing".into(),
            also: Vec::new(),
            about: String::new(),
            dangerous: false,
        },
        length: Length::For(60),
        reason: "A test: press Approve. Nothing runs.".into(),
        flow: FlowThen {
            name: "test".into(),
            digest: String::new(),
            approval: ApprovalThen::Quorum(1),
            channel: None,
            max_seconds: 60,
        },
        asked_in: None,
        asked_at: now,
        decide_by: now + Duration::hours(1),
        electors: vec![Elector {
            person: person.id.clone(),
            name: person.name.clone(),
            why: "you are tested".into(),
        }],
        votes: Vec::new(),
        decision: None,
        lease: None,
        revision: 1,
        subject_revision: 1,
        forget_at: None,
    };
    let code = Code {
        code: request.code.clone(),
        request: request.id.clone(),
    };
    let entry = Entry::new(actor(caller), "test card")
        .request(&request.id)
        .person(&person.id);
    let batch = app
        .batch(now)
        .put_new(&request)
        .put_new(&code)
        .touch(&poke(&request.id, now))
        .audit(entry);
    ensure!(app.commit(batch).await?, "please try again");
    Ok(ControlResponse::said(format!(
        "{} was sent to {name}; `latchkey requests` shows the answer",
        request.code
    )))
}

/// Ends a quarantine, and agrees to a clock that leapt.
pub(super) async fn resume(app: &App, caller: &Caller) -> Flow<ControlResponse> {
    let mut said = Vec::new();
    if app.store.meta().await?.quarantine.is_some() {
        app.store.resume(app.now(), actor(caller)).await?;
        said.push("the quarantine is over");
    }
    if app.clock.leap().is_some() {
        app.clock.agree();
        let entry = Entry::new(actor(caller), "agreed to the clock");
        app.commit(app.batch(app.now()).audit(entry)).await?;
        said.push("the clock is believed");
    }
    app.wake.notify_one();
    Ok(ControlResponse::said(if said.is_empty() {
        "nothing was held".into()
    } else {
        said.join("; ")
    }))
}

pub(super) async fn backup(store: Option<&SledStore>, to: &Path) -> Flow<ControlResponse> {
    let store = store.context("no bot is running")?;
    let made = store.backup(to).await?;
    Ok(ControlResponse::said(format!(
        "written to {}; SHA-256 {}",
        to.display(),
        made.sha256
    )))
}
