//! Looks after one integration: is it healthy, what does it hold, is what we left there still as we left it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};

use super::{call, facts};
use crate::{
    app::App,
    chat::{Message, view},
    domain::{
        Account, AccountId, AccountName, AccountState, AppliedState, CatalogueEntry, Checked, Discovery,
        EndReason, Integration, IntegrationName, Lease, ResourceRef,
        audit::{Actor, Entry},
        route::fits,
    },
    integrations::Live,
    notice,
    providers::{ErrorKind, Presence},
    store::{
        StoreError,
        records::{catalogue_of, leases_of},
        typed::{Record, Versioned, list, load},
    },
};

/// How often health is looked at.
const LOOK_EVERY: Duration = Duration::minutes(5);
/// How often the catalogue is listed where no cron line says otherwise.
const LIST_EVERY: Duration = Duration::minutes(30);
/// A target that cannot be reached for so long is spoken of.
const AWAY: Duration = Duration::minutes(5);
/// Records written in one commit.
const CHUNK: usize = 200;

/// Does what is due on an integration: health, discovery, and the sweep that follows a discovery.
pub(crate) async fn reconcile(app: &App, name: &IntegrationName) -> Result<(), StoreError> {
    let Some(live) = app.integrations.get(name) else {
        return Ok(());
    };
    if live.pulse().not_before.is_none_or(|at| at <= app.now()) {
        look(app, &live).await;
    }
    let Some(record) = load::<Integration>(&*app.store, name.as_str()).await? else {
        return Ok(());
    };
    if live.pulse().failures == 0 && list_due(&live, &record, app.now()) {
        discover(app, &live).await?;
        sweep(app, &live).await?;
    }
    plan(app, &live).await
}

/// Looks whether the target is reachable and our rights suffice; remembers what was seen.
pub(crate) async fn look(app: &App, live: &Live) {
    match live.provider.check().await {
        Ok(health) => live.checked(app.now(), &health),
        Err(error) => {
            let retry = error.retry_after.filter(|_| error.kind == ErrorKind::Transient);
            live.unwell(app.now(), &error.message, retry, app.jitter());
        }
    }
}

fn list_due(live: &Live, record: &Integration, now: DateTime<Utc>) -> bool {
    if live.config.retired {
        return false;
    }
    match (&live.config.discover.cron, record.jobs.get("discover")) {
        (_, None) => true,
        (Some(schedule), Some(last)) => schedule.due(Some(*last), now).is_some(),
        (None, Some(last)) => *last + LIST_EVERY <= now,
    }
}

/// Writes down what was seen, and when to look again.
async fn plan(app: &App, live: &Live) -> Result<(), StoreError> {
    let Some(record) = load::<Integration>(&*app.store, live.config.name.as_str()).await? else {
        return Ok(());
    };
    let (now, pulse) = (app.now(), live.pulse());
    let mut seen = record.value.clone();
    let target = pulse.target_id.clone();
    let mut batch = app.batch(now);
    if let (Some(new), Some(old)) = (&target, &record.target_id)
        && new != old
    {
        tracing::error!(integration = %live.config.name, old, new, "it leads to another server than before");
        batch = batch.audit(
            Entry::new(Actor::Latchkey, "target changed")
                .integration(&record.name)
                .fact("from", old)
                .fact("to", new),
        );
    }
    seen.target_id = target.or(seen.target_id);
    seen.checked = Some(Checked {
        at: pulse.proven_at.unwrap_or(now),
        health: seen
            .checked
            .and_then(|checked| checked.health)
            .filter(|_| pulse.failures == 0),
        error: pulse.why.clone(),
    });
    let again = pulse
        .not_before
        .filter(|at| *at > now)
        .unwrap_or(now + LOOK_EVERY);
    let listing = live
        .config
        .discover
        .cron
        .as_ref()
        .filter(|_| !live.config.retired)
        .and_then(|schedule| schedule.next_after(now));
    seen.look_at = Some(
        again
            .min(listing.unwrap_or(again))
            .max(now + Duration::seconds(1)),
    );
    let news = news(live, seen.told.as_deref(), now);
    if let Some(news) = &news {
        seen.told.clone_from(&news.wrong);
    }
    if app.commit(batch.put(&record, &seen)).await?
        && let Some(news) = news
    {
        tell(app, live, &news.said).await;
    }
    Ok(())
}

/// Something to tell owner and admins of an integration's health.
struct News {
    /// What is wrong, to remember; `None`: it is well again.
    wrong: Option<String>,
    said: Message,
}

/// What became of the integration's health since it was last spoken of. A target that is away is spoken of only once it
/// stays away: what it holds up is told by itself.
fn news(live: &Live, told: Option<&str>, now: DateTime<Utc>) -> Option<News> {
    let (pulse, integration) = (live.pulse(), live.config.name.as_str());
    let away = pulse.failing_since.is_some_and(|since| now - since >= AWAY);
    let wrong = if pulse.failures > 0 {
        pulse.why.clone().filter(|_| away)
    } else {
        (!pulse.missing.is_empty()).then(|| format!("Our login lacks {}", pulse.missing.join("; ")))
    };
    let said = match (&wrong, told) {
        (Some(why), told) if told != Some(why.as_str()) => {
            view::said(&view::Said::Unhealthy { integration, why })
        }
        // A failure that is still young says nothing about what was told before.
        (None, Some(_)) if pulse.failures == 0 => view::said(&view::Said::Healthy { integration }),
        _ => return None,
    };
    Some(News { wrong, said })
}

/// Tells those who answer for it, and the admins.
async fn tell(app: &App, live: &Live, message: &Message) {
    let mut places = notice::owner_places(app, live).await;
    places.extend(notice::admin_places(app).await);
    places.sort();
    places.dedup();
    notice::tell(app, &places, message).await;
}

/// Lists what can be requested and brings the catalogue up to date. A thing is gone only after two complete listings
/// without it; what could not be read stays as it was.
pub(crate) async fn discover(app: &App, live: &Live) -> Result<(), StoreError> {
    let name = &live.config.name;
    let found = live.provider.discover().await;
    let now = app.now();
    let Some(record) = load::<Integration>(&*app.store, name.as_str()).await? else {
        return Ok(());
    };
    let mut seen = record.value.clone();
    seen.jobs.insert("discover".into(), now);
    match found {
        Err(error) => {
            tracing::warn!(integration = %name, %error, "discovery failed");
            seen.discovery_error = Some(crate::chat::surface::clean(&error.message, 240));
        }
        Ok(found) => {
            update_catalogue(app, live, &found, now).await?;
            seen.kinds = found.kinds.clone();
            seen.discovered_at = Some(now);
            seen.discovery_error = found
                .unread
                .first()
                .map(|(id, why)| format!("{}: {why}", id.join("/")));
        }
    }
    app.commit(app.batch(now).put(&record, &seen)).await?;
    app.catalogues.changed(name);
    Ok(())
}

async fn update_catalogue(
    app: &App,
    live: &Live,
    found: &Discovery,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let name = &live.config.name;
    let known: BTreeMap<String, Versioned<CatalogueEntry>> =
        list::<CatalogueEntry>(&*app.store, &catalogue_of(name))
            .await?
            .into_iter()
            .map(|entry| (entry.id(), entry))
            .collect();
    let mut written = BTreeSet::new();
    let mut batch = app.batch(now);
    let mut size = 0;
    for resource in found
        .resources
        .iter()
        .filter(|resource| is_wanted(live, &resource.at))
    {
        let entry = CatalogueEntry {
            integration: name.clone(),
            resource: resource.clone(),
            seen_at: now,
            missing_since: None,
        };
        let old = known.get(&entry.id());
        if !written.insert(entry.id()) {
            continue;
        }
        // An unchanged entry is not written again: a listing that finds nothing new costs no writes.
        if old.is_some_and(|old| old.resource == *resource && old.missing_since.is_none()) {
            continue;
        }
        batch = batch.put_over(old, &entry);
        size += 1;
        if size % CHUNK == 0 {
            app.commit(std::mem::replace(&mut batch, app.batch(now))).await?;
        }
    }
    let unread = |at: &ResourceRef| found.unread.iter().any(|(under, _)| at.id.starts_with(under));
    for (id, old) in known
        .iter()
        .filter(|(id, old)| !written.contains(*id) && !unread(&old.resource.at))
    {
        let _ = id;
        batch = if old.missing_since.is_some() || !is_wanted(live, &old.resource.at) {
            batch.remove(old)
        } else {
            let mut missing = old.value.clone();
            missing.missing_since = Some(now);
            batch.put(old, &missing)
        };
    }
    app.commit(batch).await.map(drop)
}

/// Whether the configuration wants this resource offered at all.
fn is_wanted(live: &Live, at: &ResourceRef) -> bool {
    let discover = &live.config.discover;
    let named = |pattern: &String| fits(pattern, &at.title) || fits(pattern, &at.id.join("/"));
    discover
        .types
        .as_ref()
        .is_none_or(|types| types.contains(&at.kind))
        && discover
            .include
            .as_ref()
            .is_none_or(|include| include.iter().any(named))
        && !discover.exclude.iter().any(named)
}

/// Compares every account with our mark in the target with what we know. One that differs is made due; one we know
/// nothing of is reported; a lease found missing ends.
pub(crate) async fn sweep(app: &App, live: &Live) -> Result<(), StoreError> {
    let name = &live.config.name;
    let Ok(there) = live.provider.accounts().await else {
        return Ok(());
    };
    let there: BTreeSet<AccountName> = there.into_iter().collect();
    let target = live.pulse().target_id;
    let mut known = BTreeSet::new();
    for account in list::<Account>(&*app.store, "").await? {
        if account.integration != *name || target.as_ref() != Some(&account.target_id) {
            continue;
        }
        known.insert(account.name.clone());
        if account.claim.is_some() || account.call.is_some() || account.drifted {
            continue;
        }
        let absent = !there.contains(&account.name);
        let expected_absent = matches!(account.state, AccountState::Absent | AccountState::Deleted);
        if account.name.is_ours() && absent && expected_absent {
            continue;
        }
        compare(app, live, &account).await?;
    }
    report_strays(app, live, there.difference(&known).cloned().collect()).await
}

/// Accounts with our mark that nothing here knows are left alone, and each is reported once.
async fn report_strays(app: &App, live: &Live, strays: Vec<AccountName>) -> Result<(), StoreError> {
    let name = &live.config.name;
    let Some(record) = load::<Integration>(&*app.store, name.as_str()).await? else {
        return Ok(());
    };
    let mut seen = record.value.clone();
    seen.strays = strays.iter().map(|stray| stray.login().to_owned()).collect();
    if seen.strays == record.strays {
        return Ok(());
    }
    let mut batch = app.batch(app.now()).put(&record, &seen);
    let new: Vec<&String> = seen.strays.difference(&record.strays).collect();
    for login in &new {
        tracing::warn!(integration = %name, login, "an account with our mark that we know nothing of");
        let entry = Entry::new(Actor::Latchkey, "unknown account seen").integration(name);
        batch = batch.audit(entry.fact("login", login));
    }
    if app.commit(batch).await? {
        for account in new {
            let integration = name.as_str();
            tell(
                app,
                live,
                &view::said(&view::Said::UnknownAccount { integration, account }),
            )
            .await;
        }
    }
    Ok(())
}

async fn compare(app: &App, live: &Live, account: &Versioned<Account>) -> Result<(), StoreError> {
    // While somebody works on it nothing that is seen can be held against it.
    let Some(_turn) = app.locks.try_lock(&account.id) else {
        return Ok(());
    };
    compare_held(app, live, &account.id).await.map(drop)
}

/// Compares an account that this task has the turn on. True if it was found altered: decide again.
pub(crate) async fn compare_held(app: &App, live: &Live, id: &AccountId) -> Result<bool, StoreError> {
    let Some(account) = load::<Account>(&*app.store, id.as_str()).await? else {
        return Ok(false);
    };
    let leases: Vec<Versioned<Lease>> = list::<Lease>(&*app.store, &leases_of(&account.id))
        .await?
        .into_iter()
        .filter(|lease| lease.is_open())
        .collect();
    if account.call.is_some() || leases.is_empty() && account.state == AccountState::Absent {
        return Ok(false);
    }
    let asked: Vec<_> = leases
        .iter()
        .map(|lease| call::provider_lease(&account, lease, call::Look::Known))
        .collect();
    let provider_account = crate::providers::Account {
        name: account.name.clone(),
        memo: account.memo.clone(),
    };
    let Ok(seen) = live.provider.observe(&provider_account, &asked).await else {
        return Ok(false);
    };
    let now = app.now();
    let mut batch = app.batch(now);
    let mut found = account.value.clone();
    let mut altered = Vec::new();
    for lease in &leases {
        let made = account.applied_state(&lease.id) == Some(AppliedState::Made) && lease.granted_at.is_some();
        let gone = seen.presence == Presence::Absent || seen.held.get(&lease.id) == Some(&false);
        if lease.is_live() && made && gone {
            batch = facts::ended(batch, lease, EndReason::RemovedInTarget, Actor::Latchkey, now);
            altered.push(format!("{} was removed there", lease.code));
        }
    }
    if account.name.is_ours() {
        match (account.state, seen.presence) {
            (AccountState::Enabled, Presence::Absent | Presence::Disabled)
            | (AccountState::Disabled, Presence::Enabled) => {
                altered.push(format!(
                    "it should be {:?} and is {:?}",
                    account.state, seen.presence
                ));
                found.drifted = true;
            }
            (AccountState::Absent | AccountState::Deleted, Presence::Enabled | Presence::Disabled) => {
                altered.push("it is there again".into());
                found.state = AccountState::Enabled;
                found.drifted = true;
            }
            (AccountState::Disabled, Presence::Absent) => facts::vanished(&mut found),
            _ => {}
        }
        if found.drifted && seen.presence == Presence::Absent {
            facts::vanished(&mut found);
        }
    }
    if !altered.is_empty() {
        let entry = Entry::new(Actor::Latchkey, "found altered")
            .person(&account.person)
            .integration(&account.integration)
            .fact("login", account.name.login())
            .fact("what", &altered);
        tracing::warn!(integration = %account.integration, login = account.name.login(), ?altered, "altered in the target");
        batch = batch.audit(entry);
    }
    if found != account.value {
        batch = batch.put(&account, &found);
    }
    if app.commit(batch).await? && found.drifted {
        let drift = view::Said::Drift {
            integration: live.config.name.as_str(),
            account: account.name.login(),
            why: &altered.join("; "),
        };
        tell(app, live, &view::said(&drift)).await;
    }
    Ok(!altered.is_empty())
}

/// Brings the records in line with the configuration, and keeps what the configuration forgot.
pub async fn register(app: &App) -> Result<(), StoreError> {
    let now = app.now();
    for live in app.integrations.all() {
        let config = &live.config;
        let old = load::<Integration>(&*app.store, config.name.as_str()).await?;
        let mut record = old.as_ref().map_or_else(
            || Integration {
                name: config.name.clone(),
                kind: config.kind.clone(),
                settings: String::new(),
                target_id: None,
                retired: false,
                checked: None,
                kinds: Vec::new(),
                discovered_at: None,
                discovery_error: None,
                swept_at: None,
                told: None,
                strays: BTreeSet::new(),
                jobs: BTreeMap::new(),
                look_at: None,
            },
            |old| old.value.clone(),
        );
        record.kind.clone_from(&config.kind);
        record.settings.clone_from(&config.as_written);
        record.retired = config.retired;
        record.look_at = Some(now);
        app.commit(app.batch(now).put_over(old.as_ref(), &record)).await?;
    }
    Ok(())
}
