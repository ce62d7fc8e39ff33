//! Lists for the command line.

use anyhow::Context;

use crate::{
    app::App,
    bundle::stuck_since,
    control::{
        AccountRow, AuditFilter, ControlResponse, IntegrationRow, LeaseRow, RequestRow, StatusRow, StuckRow,
        Which,
    },
    directory::Freshness,
    domain::{
        Account, AccountName, AccountState, CatalogueEntry, Integration, Lease, Length, Person, Phase,
        Request, ShortCode, Verb, desired::Grants, policy::People, span::humanize,
    },
    home::{pending, stuck as stuck_leases},
    reconcile::account::grants,
    store::{
        AuditQuery,
        records::{Code, catalogue_of, leases_of},
        typed::{list, load},
    },
    workflow::{Flow, explain},
};

pub(super) async fn status(app: &App) -> Flow<ControlResponse> {
    let config = app.config.load_full();
    let mut held = Vec::new();
    if let Some(quarantine) = app.store.meta().await?.quarantine {
        held.push(quarantine.why);
    }
    held.extend(app.store.hesitates().await);
    held.extend(
        app.clock
            .leap()
            .map(|leap| format!("the clock leapt from {} to {}", leap.from, leap.to)),
    );
    let open = list::<Lease>(&*app.store, "")
        .await?
        .iter()
        .filter(|lease| lease.is_open())
        .count();
    let mut chats = Vec::new();
    for chat in &app.chats {
        let answer = match chat.check().await {
            Ok(_) => "answers".to_owned(),
            Err(error) => error.to_string(),
        };
        chats.push(format!("{}: {answer}", chat.kind().as_str()));
    }
    Ok(ControlResponse::of(&StatusRow {
        version: env!("CARGO_PKG_VERSION").into(),
        installation: config.installation.clone(),
        started_at: app.started_at,
        held,
        pending_requests: pending(app).await?.len(),
        open_leases: open,
        stuck: stuck_leases(app).await?.len(),
        chats,
    }))
}

pub(super) async fn requests(app: &App, which: Which) -> Flow<ControlResponse> {
    let mut found: Vec<Request> = match which {
        Which::Open => pending(app)
            .await?
            .into_iter()
            .map(|request| request.value)
            .collect(),
        Which::All => list::<Request>(&*app.store, "")
            .await?
            .into_iter()
            .map(|request| request.value)
            .collect(),
    };
    found.sort_by_key(|request| std::cmp::Reverse(request.asked_at));
    let rows: Vec<RequestRow> = found.iter().map(request_row).collect();
    Ok(ControlResponse::of(&rows))
}

fn request_row(request: &Request) -> RequestRow {
    let state = match &request.decision {
        None => "pending".to_owned(),
        Some(decision) => {
            let word = match decision.what {
                Verb::Approved => "approved",
                Verb::Denied => "denied",
                Verb::Cancelled => "cancelled",
                Verb::Expired => "expired",
            };
            format!("{word} by {}", decision.by)
        }
    };
    RequestRow {
        code: request.code.0.clone(),
        id: request.id.0.clone(),
        requester: request.requester_name.clone(),
        integration: request.integration.0.clone(),
        resource: request.resource.title.clone(),
        permission: request.permission.name.clone(),
        length: match request.length {
            Length::For(seconds) => humanize(seconds),
            Length::Until(at) => format!("until {}", at.format("%Y-%m-%d %H:%M UTC")),
        },
        state,
        asked_at: request.asked_at,
        decide_by: request.is_pending().then_some(request.decide_by),
        waits_for: match request.is_pending() {
            true => request
                .electors
                .iter()
                .map(|elector| elector.name.clone())
                .collect(),
            false => Vec::new(),
        },
        reason: request.reason.clone(),
    }
}

pub(super) async fn leases(app: &App, which: Which) -> Flow<ControlResponse> {
    let mut found = list::<Lease>(&*app.store, "").await?;
    found.retain(|lease| which == Which::All || lease.is_open());
    found.sort_by_key(|lease| lease.expires_at);
    let mut rows = Vec::new();
    for lease in found {
        rows.push(LeaseRow {
            code: lease.code.0.clone(),
            id: lease.id.0.clone(),
            person: name_of(app, lease.person.as_str()).await?,
            integration: lease.integration.0.clone(),
            resource: lease.resource.title.clone(),
            permission: lease.permission.name.clone(),
            phase: match lease.phase() {
                Phase::Granting => "granting",
                Phase::Active => "active",
                Phase::Revoking => "revoking",
                Phase::Revoked => "revoked",
            }
            .into(),
            granted_at: lease.granted_at,
            expires_at: lease.ends_at(),
            ended_at: lease.ended.as_ref().map(|ended| ended.at),
            closed_at: lease.closed.as_ref().map(|closed| closed.at),
            trouble: lease.trouble.as_ref().map(|trouble| trouble.text.clone()),
        });
    }
    Ok(ControlResponse::of(&rows))
}

async fn name_of(app: &App, person: &str) -> Flow<String> {
    Ok(load::<Person>(&*app.store, person)
        .await?
        .map_or_else(|| person.to_owned(), |person| person.value.name))
}

pub(super) async fn accounts(app: &App, integration: Option<&str>) -> Flow<ControlResponse> {
    let mut rows = Vec::new();
    for account in list::<Account>(&*app.store, "").await? {
        if integration.is_some_and(|name| account.integration.as_str() != name) {
            continue;
        }
        let leases = list::<Lease>(&*app.store, &leases_of(&account.id)).await?;
        rows.push(AccountRow {
            integration: account.integration.0.clone(),
            person: name_of(app, account.person.as_str()).await?,
            login: account.name.login().to_owned(),
            whose: match account.name {
                AccountName::Ours(_) => "ours",
                AccountName::Theirs(_) => "theirs",
                AccountName::Shared(_) => "shared",
            }
            .into(),
            state: match account.state {
                AccountState::Absent => "absent",
                AccountState::Enabled => "enabled",
                AccountState::Disabled => "disabled",
                AccountState::Deleting => "deleting",
                AccountState::Deleted => "deleted",
            }
            .into(),
            open_leases: leases.iter().filter(|lease| lease.is_open()).count(),
            credential_set_at: account.credential.set_at,
            credential_shown_at: account.credential.shown_at,
            trouble: account
                .failures
                .as_ref()
                .map(|failures| failures.text.clone())
                .or(account.waiting.clone()),
        });
    }
    Ok(ControlResponse::of(&rows))
}

pub(super) async fn integrations(app: &App) -> Flow<ControlResponse> {
    let open = list::<Lease>(&*app.store, "").await?;
    let mut rows = Vec::new();
    for record in list::<Integration>(&*app.store, "").await? {
        let live = app.integrations.get(&record.name);
        let health = match &live {
            None => "cannot be used: see the log of the start".to_owned(),
            Some(live) => match grants(app, live, app.now()).await {
                Grants::Allowed => "ok".into(),
                Grants::Held(why) => why,
            },
        };
        rows.push(IntegrationRow {
            name: record.name.0.clone(),
            kind: record.kind.clone(),
            retired: live.as_ref().is_none_or(|live| live.config.retired),
            health,
            checked_at: live.as_ref().and_then(|live| live.pulse().proven_at),
            target_id: record.target_id.clone(),
            resources: list::<CatalogueEntry>(&*app.store, &catalogue_of(&record.name))
                .await?
                .len(),
            discovered_at: record.discovered_at,
            open_leases: open
                .iter()
                .filter(|lease| lease.is_open() && lease.integration == record.name)
                .count(),
        });
    }
    Ok(ControlResponse::of(&rows))
}

pub(super) async fn stuck(app: &App) -> Flow<ControlResponse> {
    let mut rows = Vec::new();
    for lease in stuck_leases(app).await? {
        let trouble = lease.trouble.as_ref();
        rows.push(StuckRow {
            integration: lease.integration.0.clone(),
            what: format!(
                "revoke {} on {} from {}",
                lease.permission.name,
                lease.resource.title,
                name_of(app, lease.person.as_str()).await?
            ),
            code: Some(lease.code.0.clone()),
            lease: Some(lease.id.0.clone()),
            since: stuck_since(&lease, app.now()).unwrap_or(lease.expires_at),
            tries: trouble.map_or(0, |trouble| trouble.tries),
            why: trouble.map_or_else(|| "it is being tried".into(), |trouble| trouble.text.clone()),
        });
    }
    rows.sort_by_key(|row| row.since);
    Ok(ControlResponse::of(&rows))
}

pub(super) async fn audit(app: &App, filter: AuditFilter) -> Flow<ControlResponse> {
    let request = match &filter.request {
        Some(text) => Some(
            match load::<Code>(&*app.store, ShortCode::typed(text).as_str()).await? {
                Some(code) => code.value.request.0,
                None => text.clone(),
            },
        ),
        None => None,
    };
    let person = match &filter.person {
        Some(name) => Some(
            person_named(app, name)
                .await?
                .map_or_else(|| name.clone(), |person| person.id.0),
        ),
        None => None,
    };
    let query = AuditQuery {
        request,
        person,
        integration: filter.integration.clone(),
        since: filter.since,
        limit: filter.limit,
    };
    Ok(ControlResponse::of(&app.store.audit(&query).await?))
}

pub(super) async fn person_named(app: &App, name: &str) -> Flow<Option<Person>> {
    let config = app.config.load_full();
    let one = People {
        people: vec![name.to_owned()],
        groups: Vec::new(),
    };
    let found = app
        .directory
        .everybody(&config, &one, app.now(), Freshness::AtMost5Min)
        .await;
    if let Some(member) = found.into_iter().next() {
        return Ok(Some(member.person));
    }
    Ok(list::<Person>(&*app.store, "")
        .await?
        .into_iter()
        .map(|person| person.value)
        .find(|person| person.name == name || person.id.as_str() == name))
}

/// Which flow decides, who, why, and what would run.
pub(super) async fn explain(app: &App, name: &str, line: &str) -> Flow<ControlResponse> {
    let person = person_named(app, name)
        .await?
        .with_context(|| format!("nobody is called {name}"))?;
    let explanation = explain::explain(app, &person, line).await?;
    Ok(ControlResponse::of(&explanation))
}
