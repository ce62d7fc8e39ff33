//! The steps that only look: what stood before us, and whether what was taken back is gone.

use chrono::{DateTime, Utc};

use super::{
    account::{Facts, Go},
    call::{Look, claim, pick, provider_account},
    facts,
    outcome::{failed, say},
};
use crate::{
    app::{App, poke},
    domain::{Account, AppliedState, Closed, Lease, LeaseId, Proof, Standing, audit::Actor},
    integrations::{Live, back_off},
    providers::{ErrorKind, Observed, Presence, ProviderError},
    store::{
        StoreError,
        typed::{Batch, Versioned},
    },
};

/// What a look came to.
enum Looked {
    Seen(Observed),
    /// Nothing was seen; how to go on.
    Else(Go),
}

/// Claims the account and looks at it. A look that fails is written down like any call that fails.
async fn look(
    app: &App,
    live: &Live,
    facts: &mut Facts,
    ids: &[LeaseId],
    how: Look,
) -> Result<Looked, StoreError> {
    let leases = pick(facts, ids, how);
    if claim(app, facts, None, |_| ()).await?.is_none() {
        return Ok(Looked::Else(Go::On));
    }
    match live
        .provider
        .observe(&provider_account(&facts.account), &leases)
        .await
    {
        Ok(seen) => {
            live.well(app.now());
            Ok(Looked::Seen(seen))
        }
        Err(error) => failed(app, live, facts, &error).await.map(Looked::Else),
    }
}

/// On somebody's own login: what stood before us is looked at, and written down, before anything is given.
pub(crate) async fn look_first(
    app: &App,
    live: &Live,
    mut facts: Facts,
    ids: &[LeaseId],
) -> Result<Go, StoreError> {
    let seen = match look(app, live, &mut facts, ids, Look::First).await? {
        Looked::Seen(seen) => seen,
        Looked::Else(go) => return Ok(go),
    };
    let now = app.now();
    let mut account = facts.account.value.clone();
    account.claim = None;
    account.memo = seen.memo.clone();
    for lease in facts.leases.iter().filter(|lease| ids.contains(&lease.id)) {
        let Some(held) = seen.held.get(&lease.id) else {
            let error = ProviderError::new(
                ErrorKind::Transient,
                "what the person holds already could not be seen",
            );
            return failed(app, live, &facts, &error).await;
        };
        let key = Account::standing_key(&lease.resource, &lease.permission.name);
        account.standing.entry(key).or_insert(Standing {
            held: *held,
            seen_at: now,
        });
    }
    app.commit(app.batch(now).put(&facts.account, &account)).await?;
    Ok(Go::On)
}

/// Looks whether taken-back leases are gone; closes those that are.
pub(crate) async fn verify(
    app: &App,
    live: &Live,
    mut facts: Facts,
    ids: &[LeaseId],
) -> Result<Go, StoreError> {
    let looked_at = app.now();
    let seen = match look(app, live, &mut facts, ids, Look::Known).await? {
        Looked::Seen(seen) => seen,
        Looked::Else(go) => return Ok(go),
    };
    let now = app.now();
    let mut account = facts.account.value.clone();
    account.claim = None;
    account.failures = None;
    account.unsettled_until = None;
    account.memo = seen.memo.clone();
    let mut batch = app.batch(now);
    let mut all_gone = true;
    for lease in facts.leases.iter().filter(|lease| ids.contains(&lease.id)) {
        if is_gone(&account, &facts, lease, &seen) {
            if let Some(ended) = &lease.ended {
                app.metrics.revoked(&lease.integration, now - ended.at);
            }
            account.applied.remove(&lease.id);
            account.last_end = Some(now);
            batch = close(batch, &account, lease, &seen, looked_at, now);
        } else {
            all_gone = false;
            if let Some(applied) = account.applied.get_mut(&lease.id) {
                applied.state = AppliedState::Made;
            }
            let why = "it is still there after taking it back; taking it back again";
            let tries = lease.trouble.as_ref().map_or(1, |trouble| trouble.tries + 1);
            let until = now
                + chrono::Duration::from_std(back_off(tries, app.jitter()))
                    .unwrap_or(chrono::Duration::minutes(5));
            account.next_try = Some(until);
            batch = say(batch, lease, why, until, now);
        }
    }
    if all_gone
        && account.next_try.is_some_and(|at| at > now)
        && facts.leases.iter().all(|lease| !lease.is_live())
    {
        account.next_try = None;
    }
    let closed: Vec<&LeaseId> = ids
        .iter()
        .filter(|id| !account.applied.contains_key(id))
        .collect();
    let held = |key: &String| {
        facts.leases.iter().any(|lease| {
            !closed.contains(&&lease.id)
                && *key == Account::standing_key(&lease.resource, &lease.permission.name)
        })
    };
    account.standing.retain(|key, _| held(key));
    app.commit(batch.put(&facts.account, &account)).await?;
    Ok(if all_gone { Go::On } else { Go::Rest })
}

/// Whether what we see proves that a lease gives nothing any more.
fn is_gone(account: &Account, facts: &Facts, lease: &Lease, seen: &Observed) -> bool {
    let stood = account
        .standing
        .get(&Account::standing_key(&lease.resource, &lease.permission.name))
        .is_some_and(|standing| standing.held);
    let shared = facts.leases.iter().any(|other| {
        other.id != lease.id
            && other.is_live()
            && other.resource == lease.resource
            && other.permission.name == lease.permission.name
    });
    if seen.held.get(&lease.id).copied() == Some(true) && !stood && !shared {
        return false;
    }
    let others_live = facts.leases.iter().any(|other| other.is_live());
    if account.name.is_ours() && !others_live {
        return match seen.presence {
            Presence::Absent | Presence::NotOurs => true,
            Presence::Disabled => seen.sessions.unwrap_or(0) == 0,
            Presence::Enabled => false,
        };
    }
    // The login lives on, by another lease or by itself: that the right is gone is what counts.
    seen.presence == Presence::Absent || stood || shared || seen.held.get(&lease.id).copied() == Some(false)
}

fn close(
    batch: Batch,
    account: &Account,
    lease: &Versioned<Lease>,
    seen: &Observed,
    looked_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Batch {
    let proof = Proof::Seen {
        looked_at,
        login_disabled: seen.presence != Presence::Enabled,
        sessions: seen.sessions,
    };
    let mut closed = lease.value.clone();
    closed.closed = Some(Closed {
        at: now,
        proof: proof.clone(),
    });
    closed.rest_until = None;
    closed.trouble = None;
    let entry = facts::entry(Actor::Latchkey, "revoked", lease)
        .fact("login", account.name.login())
        .fact("seen", proof);
    batch
        .put(lease, &closed)
        .touch(&poke(&lease.request, now))
        .audit(entry)
}
