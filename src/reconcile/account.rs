//! Makes one account match its facts, step by step, until there is nothing to do now.

use chrono::{DateTime, Duration, Utc};

use super::{call, facts, integration, look};
use crate::{
    app::App,
    domain::{
        Account, AccountId, Lease,
        desired::{Grants, ROUTINE, Settings, Step, next_step},
    },
    integrations::{Live, PROVEN_FOR},
    providers::Feature,
    store::{
        StoreError,
        records::leases_of,
        typed::{Versioned, list, load},
    },
};

/// More steps than any account needs in one go; the rest waits for the next tick.
const STEPS: usize = 16;

/// The account and its open leases, as one step sees them.
pub(crate) struct Facts {
    pub account: Versioned<Account>,
    /// Whether the record exists; before the first claim it need not.
    pub stored: bool,
    pub leases: Vec<Versioned<Lease>>,
}

impl Facts {
    /// Reads them. `None`: neither account nor open lease.
    pub async fn read(app: &App, id: &AccountId) -> Result<Option<Self>, StoreError> {
        let mut leases = list::<Lease>(&*app.store, &leases_of(id)).await?;
        leases.retain(|lease| lease.is_open());
        if let Some(account) = load::<Account>(&*app.store, id.as_str()).await? {
            return Ok(Some(Self {
                account,
                stored: true,
                leases,
            }));
        }
        let Some(first) = leases.first() else {
            return Ok(None);
        };
        let Some(live) = app.integrations.get(&first.integration) else {
            return Ok(None);
        };
        let Some(person) = facts::provider_person(app, &live, &first.person).await? else {
            return Ok(None);
        };
        let account = Account::new(
            id.clone(),
            first.integration.clone(),
            first.person.clone(),
            first.scope.clone(),
            live.provider.account(&person, &first.scope),
            first.target_id.clone(),
        );
        Ok(Some(Self {
            account: Versioned {
                version: 0,
                value: account,
            },
            stored: false,
            leases,
        }))
    }

    pub fn plain_leases(&self) -> Vec<Lease> {
        self.leases.iter().map(|lease| lease.value.clone()).collect()
    }
}

/// Works on one account until it rests. Errors are the store's: the account stays due.
pub async fn reconcile(app: &App, id: &AccountId) -> Result<(), StoreError> {
    let Some(_turn) = app.locks.try_lock(id) else {
        return Ok(());
    };
    for _ in 0..STEPS {
        let Some(now_facts) = Facts::read(app, id).await? else {
            return facts::rest_orphans(app, id).await;
        };
        let Some(live) = app.integrations.get(&now_facts.account.integration) else {
            // Not even its stored settings could be used: said at start, shown as stuck, tried again.
            return facts::rest(
                app,
                &now_facts,
                Some(app.now() + Duration::minutes(1)),
                Some("its integration cannot be built"),
            )
            .await;
        };
        if step(app, &live, now_facts).await? == Go::Rest {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether there may be more to do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Go {
    On,
    Rest,
}

async fn step(app: &App, live: &Live, now_facts: Facts) -> Result<Go, StoreError> {
    if facts::forget_earlier_process(app, live, &now_facts).await? {
        return Ok(Go::On);
    }
    let leases = now_facts.plain_leases();
    let settings = settings(app, live).await;
    let now = app.now();
    if settings.target_id.is_none() && now_facts.stored {
        // Which target this is has to be known before "gone" can mean anything.
        let pulse = live.pulse();
        let why = format!(
            "{} does not answer: {}",
            live.config.name,
            pulse.why.unwrap_or_default()
        );
        let over = leases
            .iter()
            .any(|lease| lease.is_live() && now >= lease.over_at());
        if !over {
            return facts::rest(app, &now_facts, pulse.not_before, Some(&why))
                .await
                .map(|()| Go::Rest);
        }
    }
    match next_step(&now_facts.account, &leases, &settings, now) {
        Step::End(over) => facts::end(app, &now_facts, over, now).await.map(|()| Go::On),
        Step::CloseUntouched(ids) => facts::close_untouched(app, &now_facts, &ids, now)
            .await
            .map(|()| Go::On),
        Step::Granted(ids) => facts::granted(app, &now_facts, &ids, now).await.map(|()| Go::On),
        Step::MarkDeleting => facts::mark_deleting(app, &now_facts, now).await.map(|()| Go::On),
        Step::LookFirst(ids) => look::look_first(app, live, now_facts, &ids).await,
        // A routine look: what somebody else took away is over, not given again, so it is looked at before it is mended.
        Step::Converge(goal)
            if goal.why == ROUTINE && integration::compare_held(app, live, &now_facts.account.id).await? =>
        {
            Ok(Go::On)
        }
        Step::Converge(goal) => call::converge(app, live, now_facts, &goal).await,
        Step::Verify(ids) => look::verify(app, live, now_facts, &ids).await,
        Step::Rest { until, why } => {
            let until = facts::with_housekeeping(&now_facts, &settings, until);
            facts::rest(app, &now_facts, until, why.as_deref())
                .await
                .map(|()| Go::Rest)
        }
    }
}

/// What the integration's configuration and health allow now. Looks at the target first where the last good look is
/// too old to give anything, or to believe that something is gone.
pub(crate) async fn settings(app: &App, live: &Live) -> Settings {
    let now = app.now();
    if !proven(live, now) && live.pulse().not_before.is_none_or(|at| at <= now) {
        integration::look(app, live).await;
    }
    let accounts = live.supports(Feature::Accounts);
    Settings {
        rotation_days: live.config.credential_rotation_days.filter(|_| accounts),
        cleanup_days: live.config.user_cleanup_days,
        grants: grants(app, live, app.now()).await,
        target_id: live.pulse().target_id,
    }
}

fn proven(live: &Live, now: DateTime<Utc>) -> bool {
    let pulse = live.pulse();
    pulse.target_id.is_some() && pulse.proven_at.is_some_and(|at| now - at < PROVEN_FOR)
}

/// Whether anything may be given on this integration now.
pub(crate) async fn grants(app: &App, live: &Live, now: DateTime<Utc>) -> Grants {
    let name = &live.config.name;
    let pulse = live.pulse();
    let held = if live.config.retired {
        Some(format!("{name} is retired"))
    } else if let Some(leap) = app.clock.leap() {
        app.metrics.clock_held();
        Some(format!(
            "the clock leapt from {} to {}; an admin has to confirm it (latchkey resume)",
            leap.from, leap.to
        ))
    } else if let Some(why) = app.store.hesitates().await {
        Some(why)
    } else if !pulse.missing.is_empty() {
        Some(format!("our login on {name} lacks {}", pulse.missing.join(", ")))
    } else if !proven(live, now) {
        Some(pulse.why.map_or_else(
            || format!("{name} was not reached yet"),
            |why| format!("{name} does not answer: {why}"),
        ))
    } else {
        match app.store.meta().await {
            Ok(meta) => meta
                .quarantine
                .map(|quarantine| format!("{}; see latchkey resume", quarantine.why)),
            Err(error) => Some(error.to_string()),
        }
    };
    held.map_or(Grants::Allowed, Grants::Held)
}
