//! A typed line, and what it asks for: from words to a request in the store.

use std::sync::Arc;

use chrono::Duration;

use super::{
    Asked, Flow, answer, ask,
    electors::{Subject, electors},
    end, extend, form, review,
};
use crate::{
    app::{App, poke},
    bundle::Bundle,
    catalogue::{Catalogue, Visible},
    chat::{Reply, view},
    config::{Config, flow_digest},
    directory::Freshness,
    domain::{
        ApprovalThen, Decision, Elector, FlowThen, IntegrationName, Length, Permission, Purpose, Request,
        RequestId, Resource, ResourceKind, ResourceRef, ShortCode, Verb, Verdict,
        audit::Entry,
        command::{self, Askable, Command, Known, Question, Vocabulary, Wish},
        policy::{AccessFlow, Approval, ReasonRule},
        refusal::{Can, Offer as Suggestion, Refusal, Why},
        route::{Asker, Route, offers, route},
        span::humanize,
    },
    notice,
    store::{
        records::Code,
        typed::{Batch, load},
    },
};

const TRIES: usize = 10;

/// What one person sees of the world: only what some flow lets them ask for.
pub(crate) struct Sight {
    pub config: Arc<Config>,
    pub asker: Asker,
    pub catalogues: Vec<(IntegrationName, Arc<Catalogue>)>,
}

impl Sight {
    pub async fn of(app: &App, asked: &Asked<'_>) -> Flow<Self> {
        let config = app.config.load_full();
        let asker = app
            .directory
            .asker(&config, asked.person, asked.now, Freshness::AtMost5Min)
            .await;
        let mut catalogues = Vec::new();
        for integration in config
            .integrations
            .iter()
            .filter(|integration| !integration.retired)
        {
            let catalogue = app.catalogues.of(&*app.store, &integration.name).await?;
            catalogues.push((integration.name.clone(), catalogue));
        }
        Ok(Self {
            config,
            asker,
            catalogues,
        })
    }

    pub fn seen(&self) -> impl Iterator<Item = (&IntegrationName, Visible<'_>)> {
        self.catalogues.iter().flat_map(|(name, catalogue)| {
            let seen = catalogue.visible(&self.config.flows, &self.asker, name.as_str());
            seen.into_iter().map(move |visible| (name, visible))
        })
    }

    /// The words a typed line is read with.
    pub fn vocabulary(&self) -> Vocabulary {
        let mut integrations: Vec<Known> = Vec::new();
        for (name, catalogue) in &self.catalogues {
            let seen = catalogue.visible(&self.config.flows, &self.asker, name.as_str());
            if seen.is_empty() {
                continue;
            }
            let resources = seen.iter().map(|seen| Askable {
                title: seen.resource.at.title.clone(),
                kind: seen.resource.at.kind.clone(),
                permissions: seen.offers.iter().map(|offer| offer.permission.clone()).collect(),
                below: self.below(name, catalogue, seen.resource),
            });
            integrations.push(Known {
                name: name.0.clone(),
                resources: resources.collect(),
            });
        }
        Vocabulary { integrations }
    }

    /// Kinds whose names may be typed below a resource, with what may be asked for on them.
    fn below(
        &self,
        name: &IntegrationName,
        catalogue: &Catalogue,
        parent: &Resource,
    ) -> Vec<(String, Vec<Permission>)> {
        let kinds = catalogue
            .kinds
            .iter()
            .filter(|kind| kind.typed_under.as_ref() == Some(&parent.at.kind));
        kinds
            .map(|kind| {
                let at = typed_below(parent, &kind.name, "*");
                let given = offers(&self.config.flows, &self.asker, name.as_str(), &at, kind);
                (
                    kind.name.clone(),
                    given.into_iter().map(|offer| offer.permission.clone()).collect(),
                )
            })
            .collect()
    }

    /// The resource that a wish names, as this person sees it.
    pub fn wished(&self, wish: &Wish) -> Option<Found> {
        let (name, catalogue) = self
            .catalogues
            .iter()
            .find(|(name, _)| name.as_str() == wish.integration)?;
        let resource = match &wish.below {
            None => catalogue
                .resources
                .iter()
                .find(|r| r.at.kind == wish.kind && r.at.title == wish.resource)?
                .clone(),
            Some(parent) => {
                let under = catalogue.kind(&wish.kind)?.typed_under.as_ref()?;
                let parent = catalogue
                    .resources
                    .iter()
                    .find(|r| r.at.kind == *under && r.at.title == *parent)?;
                typed_below(
                    parent,
                    &wish.kind,
                    wish.resource.strip_prefix(&format!("{}/", parent.at.title))?,
                )
            }
        };
        Some(Found {
            integration: name.clone(),
            catalogue: catalogue.clone(),
            resource,
        })
    }
}

/// A thing that is not listed, only named under one that is.
fn typed_below(parent: &Resource, kind: &str, name: &str) -> Resource {
    let mut id = parent.at.id.clone();
    id.push(name.to_owned());
    Resource {
        at: ResourceRef {
            kind: kind.to_owned(),
            id,
            title: format!("{}/{name}", parent.at.title),
        },
        tags: parent.tags.clone(),
        unavailable: parent.unavailable.clone(),
    }
}

/// A resource that somebody named.
pub(crate) struct Found {
    pub integration: IntegrationName,
    catalogue: Arc<Catalogue>,
    pub resource: Resource,
}

impl Found {
    /// As this person sees it; `None` if no flow gives them anything on it.
    pub fn seen(&self, sight: &Sight) -> Option<Seen<'_>> {
        let kind = self.catalogue.kind(&self.resource.at.kind)?;
        let given: Vec<(Permission, AccessFlow, i64)> = offers(
            &sight.config.flows,
            &sight.asker,
            self.integration.as_str(),
            &self.resource,
            kind,
        )
        .into_iter()
        .map(|offer| (offer.permission.clone(), offer.flow.clone(), offer.max_seconds))
        .collect();
        (!given.is_empty()).then_some(Seen {
            resource: &self.resource,
            kind,
            given,
        })
    }
}

/// A resource, and what one person may have on it: permission, flow of the shortest wish, longest of all. Least first.
pub(crate) struct Seen<'a> {
    pub resource: &'a Resource,
    pub kind: &'a ResourceKind,
    pub given: Vec<(Permission, AccessFlow, i64)>,
}

/// A typed line, or a button that stands for one.
pub(crate) async fn line(app: &App, asked: &Asked<'_>, text: &str) -> Flow<Reply> {
    let sight = Sight::of(app, asked).await?;
    match command::parse(text, &sight.vocabulary(), asked.now, asked.zone) {
        Err(question) => Ok(Reply::Private(view::question(&question))),
        Ok(Command::Access(wish)) => access(app, asked, &sight, &wish).await,
        Ok(other) => verb(app, asked, other).await,
    }
}

async fn verb(app: &App, asked: &Asked<'_>, command: Command) -> Flow<Reply> {
    match command {
        Command::Access(_) => Ok(answer::unknown()),
        Command::Form(prefill) => form::open_prefilled(app, asked, &prefill).await,
        Command::Help => Ok(Reply::Private(view::help())),
        Command::Mine => ask::mine(app, asked).await,
        Command::Catalog { integration } => ask::catalog(app, asked, integration.as_deref()).await,
        Command::Status { code: Some(code) } => ask::status(app, asked, &code).await,
        Command::Status { code: None } => ask::mine(app, asked).await,
        Command::Cancel { code } => on_own(app, asked, code, Own::Cancel).await,
        Command::Finish { code } => on_own(app, asked, code, Own::Finish).await,
        Command::Extend { code, length, reason } => {
            on_own(app, asked, code, Own::Extend(length, reason)).await
        }
        Command::Approve { code, reason } => voted(app, asked, &code, Verdict::Approve, reason).await,
        Command::Deny { code, reason } => voted(app, asked, &code, Verdict::Deny, reason).await,
    }
}

/// A typed vote: like the button, with the reason given along.
async fn voted(
    app: &App,
    asked: &Asked<'_>,
    code: &ShortCode,
    verdict: Verdict,
    reason: Option<String>,
) -> Flow<Reply> {
    let Some(bundle) = ask::by_code(app, code).await? else {
        return Ok(answer::unknown());
    };
    let (request, revision) = (&bundle.request.id, bundle.request.revision);
    let reply = match &reason {
        Some(reason) => {
            let given = review::Given {
                request,
                revision,
                verdict,
                reason: Some(reason),
            };
            review::vote(app, asked, &given).await?
        }
        None => review::pressed(app, asked, request, revision, verdict).await?,
    };
    Ok(match (reply, Bundle::load(app, request).await?) {
        (Reply::Done, Some(now)) => {
            let facts = now.facts(Some(&asked.person.id), asked.zone, asked.now);
            Reply::Private(match &now.request.decision {
                Some(_) => view::said(&view::Said::Decided(&facts, verdict)),
                None => view::said(&view::Said::Voted(&facts)),
            })
        }
        (reply, _) => reply,
    })
}

enum Own {
    Cancel,
    Finish,
    Extend(Option<Length>, String),
}

/// A verb on a request of the person's own; without a code it is the only one, or they are asked which.
async fn on_own(app: &App, asked: &Asked<'_>, code: Option<ShortCode>, verb: Own) -> Flow<Reply> {
    let word = match verb {
        Own::Cancel => "cancel",
        Own::Finish => "finish",
        Own::Extend(..) => "extend",
    };
    let bundle = match code {
        Some(code) => ask::by_code(app, &code)
            .await?
            .filter(|found| found.request.requester == asked.person.id),
        None => {
            let desk = crate::home::Desk::of(app, asked.person).await?;
            let found: Vec<(RequestId, ShortCode, String)> = match verb {
                Own::Cancel => desk.asked().map(described).collect(),
                Own::Finish | Own::Extend(..) => desk.held().map(described).collect(),
            };
            match found.as_slice() {
                [] => return Ok(answer::refuse("", Why::NotActive)),
                [(id, _, _)] => Bundle::load(app, id).await?,
                several => return Ok(which(word, several)),
            }
        }
    };
    let Some(bundle) = bundle else {
        return Ok(answer::unknown());
    };
    match verb {
        Own::Cancel => match bundle
            .lease
            .as_ref()
            .filter(|lease| lease.is_live() && lease.granted_at.is_some())
        {
            Some(_) => {
                let line = format!("finish {}", bundle.request.code);
                let refusal = Refusal::because("", Why::Active).offer(Suggestion::say("Finish now", line));
                Ok(Reply::Private(view::refusal(&refusal)))
            }
            None => end::cancel(app, asked, &bundle.request.id)
                .await
                .map(|reply| said_if_done(asked, &bundle, reply, word)),
        },
        Own::Finish => end::finish(app, asked, &bundle.request.id)
            .await
            .map(|reply| said_if_done(asked, &bundle, reply, word)),
        Own::Extend(Some(length), reason) => {
            let from = bundle.lease.as_ref().map_or(asked.now, |lease| lease.expires_at);
            extend::wish(app, asked, &bundle, length.end(from), Some(&reason)).await
        }
        Own::Extend(None, _) => extend::pressed(app, asked, &bundle.request.id, None).await,
    }
}

/// A typed verb gets a word back: the card is elsewhere.
fn said_if_done(asked: &Asked<'_>, bundle: &Bundle, reply: Reply, word: &str) -> Reply {
    let facts = bundle.facts(Some(&asked.person.id), asked.zone, asked.now);
    match (reply, word) {
        (Reply::Done, "cancel") => Reply::Private(view::said(&view::Said::TakenBack(&facts))),
        (Reply::Done, _) => Reply::Private(view::said(&view::Said::Finishing(&facts))),
        (other, _) => other,
    }
}

fn described(bundle: &Bundle) -> (RequestId, ShortCode, String) {
    let request = &bundle.request;
    let text = format!("{} / {}", request.integration, request.resource.title);
    (request.id.clone(), request.code.clone(), text)
}

fn which(word: &str, several: &[(RequestId, ShortCode, String)]) -> Reply {
    let offers = several
        .iter()
        .take(10)
        .map(|(_, code, text)| Suggestion::say(text.clone(), format!("{word} {code}")));
    let names = several.iter().map(|(_, _, text)| text.clone()).collect();
    let question = Question {
        offers: offers.collect(),
        ..Question::from(command::Ask::Several { names })
    };
    Reply::Private(view::question(&question))
}

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

/// What is wished, once everything about it is known.
struct Wanted<'a> {
    permission: &'a Permission,
    flow: &'a AccessFlow,
    length: Length,
    /// In words, for a refusal.
    what: String,
}

fn pick<'a>(
    sight: &'a Sight,
    asked: &Asked<'_>,
    name: &IntegrationName,
    seen: &'a Seen<'a>,
    wish: &Wish,
) -> Result<Wanted<'a>, Refusal> {
    let title = &seen.resource.at.title;
    if let Some(why) = &seen.resource.unavailable {
        return Err(Refusal::because(
            format!("{name} / {title}"),
            Why::Unavailable { why: why.clone() },
        ));
    }
    let permission = match &wish.permission {
        Some(text) => seen
            .kind
            .permissions
            .iter()
            .find(|permission| permission.is_called(text)),
        None => seen.given.first().map(|(permission, _, _)| permission),
    };
    let Some(permission) = permission else {
        return Err(Refusal::because(format!("{name} / {title}"), Why::Unknown));
    };
    let offered = seen
        .given
        .iter()
        .find(|(given, _, _)| given.name == permission.name);
    let length = wish.length.unwrap_or(Length::For(
        offered.map_or(3600, |(_, flow, _)| flow.default_seconds),
    ));
    let seconds = length.seconds_from(asked.now);
    let what = format!(
        "{} on {name} / {title} for {}",
        permission.name,
        humanize(seconds)
    );
    let no = |why: Why| Refusal {
        what: what.clone(),
        why: vec![why],
        can: cans(seen),
        offers: Vec::new(),
    };
    if seconds < 1 {
        return Err(no(Why::TooShort { shortest_seconds: 60 }));
    }
    match route(
        &sight.config.flows,
        &sight.asker,
        name.as_str(),
        &seen.resource.at,
        permission,
        seconds,
    ) {
        Route::Flow(flow) => {
            // A minute, unless the flow itself is meant for less.
            let shortest_seconds = flow.default_seconds.min(60);
            match seconds >= shortest_seconds {
                true => Ok(Wanted {
                    permission,
                    flow,
                    length,
                    what,
                }),
                false => Err(no(Why::TooShort { shortest_seconds })),
            }
        }
        Route::TooLong { max_seconds } => {
            let line = format!(
                "{name} {} {} {}",
                quoted(title),
                permission.name,
                compact(max_seconds)
            );
            let line = format!("{line} {}", wish.reason);
            Err(no(Why::TooLong {
                longest_seconds: max_seconds,
            })
            .offer(Suggestion::say(
                format!("Ask for {}", humanize(max_seconds)),
                line.trim(),
            )))
        }
        Route::Nothing => {
            let mut refusal = no(Why::NoFlow {
                permission: permission.name.clone(),
            });
            if let Some((best, _, max_seconds)) = seen.given.last() {
                let longest = seconds.min(*max_seconds);
                if seconds > *max_seconds {
                    refusal.why.push(Why::TooLong {
                        longest_seconds: *max_seconds,
                    });
                }
                let line = format!("{name} {} {} {}", quoted(title), best.name, compact(longest));
                let label = format!("Ask for {} {}", best.name, humanize(longest));
                refusal = refusal
                    .offer(Suggestion::say(label, format!("{line} {}", wish.reason).trim()))
                    .offer(Suggestion::form("Open form", line));
            }
            Err(refusal)
        }
    }
}

/// A title as it has to be typed.
pub(crate) fn quoted(title: &str) -> String {
    if title.contains(char::is_whitespace) {
        format!("\"{title}\"")
    } else {
        title.to_owned()
    }
}

/// `7200` → `2h`, as it is typed.
pub(crate) fn compact(seconds: i64) -> String {
    match seconds {
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// What this person may have here, grouped by who decides and for how long.
fn cans(seen: &Seen<'_>) -> Vec<Can> {
    let mut found: Vec<Can> = Vec::new();
    for (permission, flow, longest_seconds) in &seen.given {
        let decided_by = ask::decided_by(flow);
        match found
            .iter_mut()
            .find(|can| can.decided_by == decided_by && can.longest_seconds == *longest_seconds)
        {
            Some(can) => can.permissions.push(permission.name.clone()),
            None => found.push(Can {
                permissions: vec![permission.name.clone()],
                longest_seconds: *longest_seconds,
                decided_by,
            }),
        }
    }
    found
}

/// What a wish comes to, with nothing written: for `explain`.
pub(crate) struct Picked {
    pub found: Found,
    pub permission: Permission,
    pub flow: AccessFlow,
    pub length: Length,
}

pub(crate) fn dry(sight: &Sight, asked: &Asked<'_>, wish: &Wish) -> Result<Picked, Refusal> {
    let unknown = || Refusal::because("", Why::Unknown);
    let found = sight.wished(wish).ok_or_else(unknown)?;
    let (permission, flow, length) = {
        let seen = found.seen(sight).ok_or_else(unknown)?;
        let wanted = pick(sight, asked, &found.integration, &seen, wish)?;
        (wanted.permission.clone(), wanted.flow.clone(), wanted.length)
    };
    Ok(Picked {
        found,
        permission,
        flow,
        length,
    })
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
