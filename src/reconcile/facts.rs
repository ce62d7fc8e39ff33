//! The steps that only write facts down: no call to a target.

use chrono::{DateTime, Duration, Utc};

use super::account::Facts;
use crate::{
    app::{App, poke},
    domain::{
        Account, AccountId, AccountState, AppliedState, Closed, CredentialState, EndReason, Ended, Lease,
        LeaseId, PersonId, Proof, Trouble,
        audit::{Actor, Entry},
        desired::{Settings, housekeeping},
    },
    integrations::Live,
    providers,
    store::{
        StoreError,
        records::leases_of,
        typed::{Batch, Versioned, list, load},
    },
};

/// The longest text kept of a trouble, in characters.
const LONGEST_TROUBLE: usize = 240;

/// A person as providers know them.
pub(crate) async fn provider_person(
    app: &App,
    live: &Live,
    id: &PersonId,
) -> Result<Option<providers::Person>, StoreError> {
    let Some(person) = load::<crate::domain::Person>(&*app.store, id.as_str()).await? else {
        return Ok(None);
    };
    let config = app.config.load();
    let known = person.directory.as_ref().and_then(|name| config.people.get(name));
    Ok(Some(providers::Person {
        id: person.id.0.clone(),
        email: person
            .email_then
            .clone()
            .or_else(|| known?.email.clone())
            .unwrap_or_else(|| person.name.clone()),
        login: known.and_then(|known| known.logins.get(live.config.name.as_str()).cloned()),
    }))
}

/// Writes down that leases are over, with what people see and the audit entry. Version-checked: who lost decides again.
pub(crate) async fn end(
    app: &App,
    facts: &Facts,
    over: Vec<(LeaseId, EndReason)>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut batch = app.batch(now);
    for (id, why) in over {
        if let Some(lease) = facts.leases.iter().find(|lease| lease.id == id) {
            batch = ended(batch, lease, why, Actor::Latchkey, now);
        }
    }
    app.commit(batch).await.map(drop)
}

/// Adds to a batch that a lease is over. Never takes an earlier end back.
pub(crate) fn ended(
    batch: Batch,
    lease: &Versioned<Lease>,
    why: EndReason,
    by: Actor,
    now: DateTime<Utc>,
) -> Batch {
    if lease.ended.is_some() {
        return batch;
    }
    let mut over = lease.value.clone();
    over.ended = Some(Ended {
        at: now,
        why: why.clone(),
    });
    over.rest_until = None;
    let entry = entry(by, "ended", lease).fact("why", why);
    batch
        .put(lease, &over)
        .touch(&poke(&lease.request, now))
        .audit(entry)
}

pub(crate) fn entry(by: Actor, verb: &str, lease: &Lease) -> Entry {
    Entry::new(by, verb)
        .request(&lease.request)
        .lease(&lease.id)
        .person(&lease.person)
        .integration(&lease.integration)
}

pub(crate) async fn close_untouched(
    app: &App,
    facts: &Facts,
    ids: &[LeaseId],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut batch = app.batch(now);
    for lease in facts.leases.iter().filter(|lease| ids.contains(&lease.id)) {
        batch = closed_untouched(batch, lease, now);
    }
    app.commit(batch).await.map(drop)
}

fn closed_untouched(batch: Batch, lease: &Versioned<Lease>, now: DateTime<Utc>) -> Batch {
    let mut closed = lease.value.clone();
    let proof = Proof::NeverCalled;
    closed.closed = Some(Closed {
        at: now,
        proof: proof.clone(),
    });
    batch
        .put(lease, &closed)
        .touch(&poke(&lease.request, now))
        .audit(entry(Actor::Latchkey, "closed", lease).fact("proof", proof))
}

/// The access is there: its time starts now.
pub(crate) async fn granted(
    app: &App,
    facts: &Facts,
    ids: &[LeaseId],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut batch = app.batch(now);
    for lease in facts.leases.iter().filter(|lease| ids.contains(&lease.id)) {
        let mut granted = lease.value.clone();
        granted.granted_at = Some(now);
        granted.expires_at = lease.length.end(now);
        granted.rest_until = None;
        granted.trouble = None;
        let entry = entry(Actor::Latchkey, "granted", lease)
            .fact("login", facts.account.name.login())
            .fact("until", granted.expires_at);
        batch = batch
            .put(lease, &granted)
            .touch(&poke(&lease.request, now))
            .audit(entry);
    }
    app.commit(batch).await.map(drop)
}

pub(crate) async fn mark_deleting(app: &App, facts: &Facts, now: DateTime<Utc>) -> Result<(), StoreError> {
    let mut account = facts.account.value.clone();
    account.state = AccountState::Deleting;
    account.next_try = None;
    let entry = Entry::new(Actor::Latchkey, "deleting")
        .person(&account.person)
        .integration(&account.integration)
        .fact("login", account.name.login());
    app.commit(app.batch(now).put(&facts.account, &account).audit(entry))
        .await
        .map(drop)
}

/// A call that an earlier process (or an earlier turn) left open may still take effect: from when we notice, "gone" is
/// not believed for `settles_in`. True if that had to be written down.
pub(crate) async fn forget_earlier_process(
    app: &App,
    live: &Live,
    facts: &Facts,
) -> Result<bool, StoreError> {
    let Some(claim) = facts
        .account
        .claim
        .as_ref()
        .filter(|claim| claim.holder != app.process)
    else {
        return Ok(false);
    };
    let now = app.now();
    let mut account = facts.account.value.clone();
    tracing::info!(account = %account.id, holder = claim.holder, "taking over from an earlier process");
    account.claim = None;
    if account.call.is_some() {
        unsettle(&mut account, live, now);
        account.next_try = None;
    }
    app.commit(app.batch(now).put(&facts.account, &account)).await?;
    Ok(true)
}

pub(crate) fn unsettle(account: &mut Account, live: &Live, now: DateTime<Utc>) {
    let until = now + Duration::from_std(live.settles_in).unwrap_or(Duration::minutes(5));
    account.unsettled_until = Some(account.unsettled_until.map_or(until, |known| known.max(until)));
}

/// When the account itself has to be looked at next, its rotation and cleanup included.
pub(crate) fn with_housekeeping(
    facts: &Facts,
    settings: &Settings,
    until: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    if !facts.leases.is_empty() {
        return until;
    }
    let (rotate, delete) = housekeeping(&facts.account, settings);
    until.into_iter().chain(rotate).chain(delete).min()
}

/// Puts account and leases to rest until then: what is due now becomes due later, checked against their versions.
pub(crate) async fn rest(
    app: &App,
    facts: &Facts,
    until: Option<DateTime<Utc>>,
    why: Option<&str>,
) -> Result<(), StoreError> {
    let now = app.now();
    let later = until
        .unwrap_or(now + Duration::minutes(1))
        .max(now + Duration::milliseconds(250));
    let mut batch = app.batch(now);
    for lease in &facts.leases {
        let due_now = lease.due().is_some_and(|due| due.at <= now);
        let said = why.is_some_and(|why| lease.trouble.as_ref().is_none_or(|trouble| trouble.text != why));
        if !due_now {
            continue;
        }
        let mut resting = lease.value.clone();
        resting.rest_until = Some(later);
        if let Some(why) = why.filter(|_| said) {
            resting.trouble = Some(trouble(lease.trouble.as_ref(), why, now));
            batch = batch.touch(&poke(&lease.request, now));
        }
        batch = batch.put(lease, &resting);
    }
    let account_due = facts.account.due().is_some_and(|due| due.at <= now);
    let keeping = if facts.leases.is_empty() { until } else { None };
    if facts.stored && (account_due || keeping != facts.account.housekeeping_at) {
        let mut account = facts.account.value.clone();
        account.housekeeping_at = keeping;
        if account_due {
            let open = account.call.is_some() || account.drifted || account.waiting.is_some();
            account.next_try = open.then_some(later);
        }
        batch = batch.put(&facts.account, &account);
    }
    app.commit(batch).await.map(drop)
}

/// Leases whose account was never made, and whose integration or person is not known to this process: looked at again
/// in a minute, with the reason for people.
pub(crate) async fn rest_orphans(app: &App, id: &AccountId) -> Result<(), StoreError> {
    let now = app.now();
    let mut batch = app.batch(now);
    for lease in list::<Lease>(&*app.store, &leases_of(id)).await? {
        if lease.due().is_some_and(|due| due.at <= now) {
            let why = format!(
                "{} cannot be used, or the person is unknown: see the log",
                lease.integration
            );
            // No account was made, so no call was ever begun: there is nothing to take back.
            batch = if lease.ended.is_some() {
                closed_untouched(batch, &lease, now)
            } else if now >= lease.over_at() {
                let why = EndReason::NotReadyInTime { why: Some(why) };
                ended(batch, &lease, why, Actor::Latchkey, now)
            } else {
                let mut resting = lease.value.clone();
                resting.rest_until = Some(now + Duration::minutes(1));
                resting.trouble = Some(trouble(lease.trouble.as_ref(), &why, now));
                batch.put(&lease, &resting)
            };
        }
    }
    app.commit(batch).await.map(drop)
}

/// A trouble as it goes on: since when, how often.
pub(crate) fn trouble(before: Option<&Trouble>, text: &str, now: DateTime<Utc>) -> Trouble {
    Trouble {
        since: before.map_or(now, |before| before.since),
        tries: before.map_or(1, |before| before.tries.saturating_add(1)),
        text: crate::chat::surface::clean(text, LONGEST_TROUBLE),
    }
}

/// Nothing is known to hold the account any more: what it was told and shown is void.
pub(crate) fn vanished(account: &mut Account) {
    account.state = AccountState::Absent;
    account.credential.state = CredentialState::Unknown;
    account.credential.shown_at = None;
    for applied in account
        .applied
        .values_mut()
        .filter(|applied| applied.state == AppliedState::Made)
    {
        applied.state = AppliedState::Begun;
    }
}
