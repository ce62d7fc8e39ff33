//! The steps that call a target. Each writes down what it is about to do, does it, and writes down what came of it.

use std::time::{Duration as StdDuration, Instant};

use chrono::{DateTime, Duration, Utc};

use super::{
    account::{Facts, Go},
    outcome::{failed, made},
};
use crate::{
    app::App,
    domain::{
        Account, Applied, AppliedState, Call, Claim, CredentialState, Fence, Lease, LeaseId,
        desired::{Goal, Wanted},
    },
    integrations::Live,
    providers::{
        self, Change, Want,
        guard::{LIMIT, Permit},
    },
    store::{StoreError, typed::Versioned},
};

/// A claim outlives the longest call by this.
const CLAIM_SLACK: StdDuration = StdDuration::from_secs(45);

/// A lease as the provider may know it; made from the core's, which only the core can make.
pub(crate) fn provider_lease(account: &Account, lease: &Lease, look: Look) -> providers::Lease {
    let standing = match (account.name.is_ours(), look) {
        (true, _) => Some(false),
        (false, Look::First) => None,
        (false, Look::Known) => account
            .standing
            .get(&Account::standing_key(&lease.resource, &lease.permission.name))
            .map(|standing| standing.held),
    };
    providers::Lease {
        id: lease.id.clone(),
        resource: lease.resource.clone(),
        permission: lease.permission.name.clone(),
        starts_at: lease.approved_at,
        expires_at: lease.expires_at,
        standing,
    }
}

/// Whether what stood before is still to be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    First,
    Known,
}

pub(super) fn provider_account(account: &Account) -> providers::Account {
    providers::Account {
        name: account.name.clone(),
        memo: account.memo.clone(),
    }
}

pub(super) fn pick(facts: &Facts, ids: &[LeaseId], look: Look) -> Vec<providers::Lease> {
    let chosen = facts.leases.iter().filter(|lease| ids.contains(&lease.id));
    chosen
        .map(|lease| provider_lease(&facts.account, lease, look))
        .collect()
}

/// Commits the claim and, for a call that changes something, the memory of it. `None`: somebody else changed the
/// account; decide again.
pub(crate) async fn claim(
    app: &App,
    facts: &mut Facts,
    changing: Option<&str>,
    prepare: impl FnOnce(&mut Account),
) -> Result<Option<Permit>, StoreError> {
    let now = app.now();
    let meta = app.store.meta().await?;
    let life = LIMIT + CLAIM_SLACK;
    let fence = Fence {
        epoch: meta.epoch,
        count: facts.account.fence.count + 1,
    };
    let mut account = facts.account.value.clone();
    account.fence = fence;
    let until = now + Duration::from_std(life).unwrap_or(Duration::minutes(2));
    account.claim = Some(Claim {
        holder: app.process.clone(),
        fence,
        until,
    });
    if let Some(what) = changing {
        account.call = Some(Call {
            fence,
            what: what.to_owned(),
            since: now,
        });
    }
    prepare(&mut account);
    let permit = Permit {
        fence,
        until: Instant::now() + LIMIT,
    };
    let batch = app.batch(now);
    let batch = if facts.stored {
        batch.put(&facts.account, &account)
    } else {
        batch.put_new(&account)
    };
    let won = app.commit(batch).await?;
    app.metrics
        .claim(&facts.account.integration, if won { "won" } else { "lost" });
    if !won {
        return Ok(None);
    }
    facts.account = Versioned {
        version: facts.account.version + 1,
        value: account,
    };
    facts.stored = true;
    Ok(Some(permit))
}

/// Makes the target match `goal`.
pub(crate) async fn converge(
    app: &App,
    live: &Live,
    mut facts: Facts,
    goal: &Goal,
) -> Result<Go, StoreError> {
    let credential = if goal.credential {
        let kind = live.provider.credential();
        let made = app
            .unsent
            .keep(&facts.account.id, kind, facts.account.name.login())
            .await;
        match made {
            Ok(made) => Some(made),
            Err(error) => return failed(app, live, &facts, &error).await,
        }
    } else {
        None
    };
    let wanted: Vec<LeaseId> = match &goal.want {
        Wanted::Open(ids) => ids.clone(),
        Wanted::Disabled | Wanted::Deleted => Vec::new(),
    };
    let ends: Vec<_> = facts
        .leases
        .iter()
        .map(|lease| (lease.id.clone(), lease.expires_at))
        .collect();
    let now = app.now();
    let Some(permit) = claim(app, &mut facts, Some(goal.why), |account| {
        begin(account, goal, &wanted, &ends, now)
    })
    .await?
    else {
        return Ok(Go::On);
    };
    let change = Change {
        want: match &goal.want {
            Wanted::Open(ids) => Want::Open(pick(&facts, ids, Look::Known)),
            Wanted::Disabled => Want::Disabled,
            Wanted::Deleted => Want::Deleted,
        },
        release: pick(&facts, &goal.release, Look::Known),
        credential,
        now,
        fence: permit.fence,
    };
    match live
        .provider
        .converge(&permit, &provider_account(&facts.account), &change)
        .await
    {
        Ok(done) => made(app, live, facts, goal, &wanted, done).await,
        Err(error) => failed(app, live, &facts, &error).await,
    }
}

/// What the claim writes down before the call: from now on any of this may be so in the target.
fn begin(
    account: &mut Account,
    goal: &Goal,
    wanted: &[LeaseId],
    ends: &[(LeaseId, DateTime<Utc>)],
    now: DateTime<Utc>,
) {
    for (id, until) in ends.iter().filter(|(id, _)| wanted.contains(id)) {
        let applied = account.applied.entry(id.clone()).or_insert(Applied {
            state: AppliedState::Begun,
            until: *until,
            at: now,
        });
        if applied.until < *until {
            applied.state = AppliedState::Begun;
        }
    }
    if goal.credential {
        account.credential.state = CredentialState::Setting;
        account.credential.generation += 1;
        account.credential.shown_at = None;
    }
}
