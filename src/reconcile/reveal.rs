//! Sets a credential that somebody is about to be shown: under the account's claim, like every change.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::{
    account::Facts,
    call::{Look, claim, provider_lease},
    facts::unsettle,
};
use crate::{
    app::{App, poke},
    domain::{AccessDetails, AccountId, AppliedState, CredentialState, LeaseId, audit::Entry},
    providers::{self, Change, Credential, ErrorKind, Want},
    store::StoreError,
};

/// How long a person looks at "Setting a new credential…" at most.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) enum Revealed {
    Set {
        details: AccessDetails,
        until: DateTime<Utc>,
        /// What to know beside it.
        others: Vec<String>,
    },
    /// Why not, for the person.
    No(String),
}

/// Sets `credential` on the account of a lease that is active. What was set before stops working.
pub(crate) async fn set(
    app: &App,
    id: &AccountId,
    lease: &LeaseId,
    credential: &Credential,
    shown: Entry,
) -> Result<Revealed, StoreError> {
    let Ok(_turn) = tokio::time::timeout(PATIENCE, app.locks.lock(id)).await else {
        return Ok(Revealed::No(
            "the account is busy; please press the button again in a minute".into(),
        ));
    };
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let Some(facts) = Facts::read(app, id).await? else {
            return Ok(gone());
        };
        let now = app.now();
        let Some(until) = active_until(&facts, lease, now) else {
            return Ok(gone());
        };
        if !facts.account.name.is_ours() {
            return Ok(Revealed::No("you sign in with your own login here".into()));
        }
        match one_call(app, facts, credential, &shown, until, lease).await? {
            Some(revealed) => return Ok(revealed),
            None => tokio::time::sleep(Duration::from_millis(250)).await,
        }
    }
    Ok(Revealed::No(
        "the system takes longer than usual; please press the button again in a minute".into(),
    ))
}

fn gone() -> Revealed {
    Revealed::No("this access is over".into())
}

/// Until when the lease is active: made, not ended, its time not up.
fn active_until(facts: &Facts, id: &LeaseId, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let lease = facts.leases.iter().find(|lease| lease.id == *id)?;
    let made = facts.account.applied_state(id) == Some(AppliedState::Made);
    (lease.is_live() && lease.granted_at.is_some() && made && now < lease.expires_at)
        .then_some(lease.expires_at)
}

/// One call of the target. `None`: it is not there yet, or somebody changed the account; look again.
async fn one_call(
    app: &App,
    mut facts: Facts,
    credential: &Credential,
    shown: &Entry,
    until: DateTime<Utc>,
    lease: &LeaseId,
) -> Result<Option<Revealed>, StoreError> {
    let Some(live) = app.integrations.get(&facts.account.integration) else {
        return Ok(Some(gone()));
    };
    let now = app.now();
    // The leases were read under the account's turn: exactly those that are made and live stay open.
    let open: Vec<providers::Lease> = facts
        .leases
        .iter()
        .filter(|lease| lease.is_live() && facts.account.applied_state(&lease.id) == Some(AppliedState::Made))
        .map(|lease| provider_lease(&facts.account, lease, Look::Known))
        .collect();
    let permit = claim(app, &mut facts, Some("setting a credential to show"), |account| {
        account.credential.state = CredentialState::Setting;
        account.credential.generation += 1;
        account.credential.shown_at = None;
    })
    .await?;
    let Some(permit) = permit else { return Ok(None) };
    let change = Change {
        want: Want::Open(open),
        release: Vec::new(),
        credential: Some(credential.clone()),
        now,
        fence: permit.fence,
    };
    let account = providers::Account {
        name: facts.account.name.clone(),
        memo: facts.account.memo.clone(),
    };
    let answer = live.provider.converge(&permit, &account, &change).await;
    let now = app.now();
    let mut after = facts.account.value.clone();
    after.claim = None;
    let mut batch = app.batch(now);
    let outcome = match answer {
        Ok(done) => {
            live.well(now);
            after.call = None;
            after.memo = done.memo.clone();
            let ready = done.waiting.is_none() && done.failed.is_empty();
            if ready && done.credential_set {
                after.credential.state = CredentialState::Set;
                after.credential.set_at = Some(now);
                after.credential.shown_at = Some(now);
                if done.details != AccessDetails::default() {
                    after.details = done.details.clone();
                }
                batch = batch.audit(shown.clone().fact("statements", &done.ran));
                let others = after.details.notes.clone();
                Some(Revealed::Set {
                    details: after.details.clone(),
                    until,
                    others,
                })
            } else {
                None
            }
        }
        Err(error) => {
            if error.kind == ErrorKind::Transient {
                unsettle(&mut after, &live, now);
            } else {
                after.call = None;
            }
            tracing::warn!(account = %after.id, kind = error.kind.as_str(), "{}", error.message);
            Some(Revealed::No(format!(
                "{} did not take it: {}",
                after.integration, error.message
            )))
        }
    };
    if let Some(request) = facts
        .leases
        .iter()
        .find(|open| open.id == *lease)
        .map(|lease| &lease.request)
    {
        batch = batch.touch(&poke(request, now));
    }
    // Committed before anything is shown: what was shown is known to have been.
    let kept = app.commit(batch.put(&facts.account, &after)).await?;
    Ok(outcome.filter(|_| kept))
}
