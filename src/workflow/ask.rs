//! Looking: help, mine, catalog, status, what will run, the home tab. Nothing here changes access.

use std::collections::BTreeMap;

use super::{Asked, Flow, answer, end::own, review::electors_of, sight::Sight};
use crate::{
    app::App,
    bundle::Bundle,
    chat::{Reply, view},
    credential,
    directory::Freshness,
    domain::{
        Account, AccountId, Request, RequestId, ShortCode,
        policy::{AccessFlow, Approval, Approver},
    },
    home::{Desk, blocks},
    integrations::Live,
    providers::{self, Change, Want},
    reconcile::facts::provider_person,
    store::{records::Code, typed::load},
};

pub(crate) async fn home_opened(app: &App, asked: &Asked<'_>) -> Flow<Reply> {
    app.homes.opened(&asked.person.id);
    if let Some(chat) = app.chat(asked.inbound.from.chat) {
        let blocks = blocks(app, asked.person).await?;
        chat.publish_home(&asked.inbound.from.user, &blocks).await?;
    }
    Ok(Reply::Done)
}

pub(crate) async fn mine(app: &App, asked: &Asked<'_>) -> Flow<Reply> {
    let desk = Desk::of(app, asked.person).await?;
    Ok(Reply::Private(view::mine(&desk.facts(app, asked.person))))
}

/// What the person may ask for, and nothing else.
pub(crate) async fn catalog(app: &App, asked: &Asked<'_>, only: Option<&str>) -> Flow<Reply> {
    let sight = Sight::of(app, asked).await?;
    let mut rows = Vec::new();
    for (name, catalogue) in sight
        .catalogues
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| name.as_str() == only))
    {
        for seen in catalogue.visible(&sight.config.flows, &sight.asker, name.as_str()) {
            let first = seen.offers.first();
            rows.push(view::CatalogRow {
                integration: name.0.clone(),
                resource: seen.resource.at.title.clone(),
                permissions: seen
                    .offers
                    .iter()
                    .map(|offer| offer.permission.name.clone())
                    .collect(),
                longest_seconds: seen
                    .offers
                    .iter()
                    .map(|offer| offer.max_seconds)
                    .max()
                    .unwrap_or_default(),
                decided_by: first.and_then(|offer| decided_by(offer.flow)),
                unavailable: seen.resource.unavailable.clone(),
            });
        }
    }
    Ok(Reply::Private(view::catalog(&rows)))
}

/// Who decides by a flow, in words; `None` where nobody has to.
pub(crate) fn decided_by(flow: &AccessFlow) -> Option<String> {
    let Approval::By { approvers, .. } = &flow.approval else {
        return None;
    };
    let words = approvers.iter().map(|approver| match approver {
        Approver::Owner => "its owner".to_owned(),
        Approver::Person(name) => name.clone(),
        Approver::Group(name) => format!("group {name}"),
    });
    Some(words.collect::<Vec<_>>().join(" or "))
}

/// The request that people mean by a code.
pub(crate) async fn by_code(app: &App, code: &ShortCode) -> Flow<Option<Bundle>> {
    match load::<Code>(&*app.store, code.as_str()).await? {
        Some(code) => Ok(Bundle::load(app, &code.request).await?),
        None => Ok(None),
    }
}

/// A request's card; others' only for those who decide, owners and admins.
pub(crate) async fn status(app: &App, asked: &Asked<'_>, code: &ShortCode) -> Flow<Reply> {
    let Some(bundle) = by_code(app, code).await? else {
        return Ok(answer::unknown());
    };
    let facts = bundle.facts(Some(&asked.person.id), asked.zone, asked.now);
    if bundle.request.requester == asked.person.id {
        return Ok(Reply::Private(view::requester_card(&facts)));
    }
    match may_see(app, asked, &bundle).await? {
        true => Ok(Reply::Private(view::approver_card(&facts))),
        false => Ok(answer::unknown()),
    }
}

async fn may_see(app: &App, asked: &Asked<'_>, bundle: &Bundle) -> Flow<bool> {
    let me = &asked.person.id;
    let config = app.config.load();
    let is_admin = asked
        .person
        .directory
        .as_ref()
        .is_some_and(|name| config.admins.contains(name));
    let was_asked = bundle
        .request
        .electors
        .iter()
        .any(|elector| elector.person == *me);
    if is_admin || was_asked {
        return Ok(true);
    }
    let electors = electors_of(app, &bundle.request, Freshness::AtMost5Min).await?;
    Ok(electors.iter().any(|elector| elector.person == *me))
}

/// What an approval would run, and the whole of the reason.
pub(crate) async fn preview(app: &App, asked: &Asked<'_>, id: &RequestId) -> Flow<Reply> {
    let bundle = match own(app, asked, id).await? {
        Some(bundle) => bundle,
        None => match Bundle::load(app, id).await? {
            Some(bundle) if may_see(app, asked, &bundle).await? => bundle,
            Some(_) | None => return Ok(answer::unknown()),
        },
    };
    let statements = match &bundle.live {
        Some(live) => statements(app, live, &bundle.request).await?,
        None => Vec::new(),
    };
    let facts = bundle.facts(Some(&asked.person.id), asked.zone, asked.now);
    Ok(Reply::Modal(view::preview_modal(&facts, &statements)))
}

/// The statements that granting a request would run on a target that has none of it yet; secrets masked.
pub(crate) async fn statements(app: &App, live: &Live, request: &Request) -> Flow<Vec<String>> {
    let Some(person) = provider_person(app, live, &request.requester).await? else {
        return Ok(Vec::new());
    };
    let scope = live.provider.scope(&request.resource, &request.permission.name);
    let target = live.pulse().target_id.unwrap_or_default();
    let id = AccountId::of(&request.integration, &target, &request.requester, &scope);
    let known = load::<Account>(&*app.store, id.as_str()).await?;
    let account = providers::Account {
        name: known.map_or_else(
            || live.provider.account(&person, &scope),
            |known| known.value.name,
        ),
        memo: BTreeMap::new(),
    };
    let now = app.now();
    let lease = providers::Lease {
        id: crate::domain::LeaseId::of_request(&request.id),
        resource: request.resource.clone(),
        permission: request.permission.name.clone(),
        starts_at: now,
        expires_at: request.length.end(now),
        standing: Some(false),
    };
    let change = Change {
        want: Want::Open(vec![lease]),
        release: Vec::new(),
        credential: account
            .name
            .is_ours()
            .then(|| credential::stand_in(live.provider.credential())),
        now,
        fence: crate::domain::Fence::default(),
    };
    Ok(live.provider.preview(&account, &change))
}
