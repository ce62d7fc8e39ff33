//! What one account should look like, and what to do next about it. One pure function, `next_step`, over the account's
//! facts and the clock: granting, revoking, rotating, cleaning up, retrying and recovering from a crash are all this.

use chrono::{DateTime, Duration, Utc};

use super::{Account, AccountState, AppliedState, CredentialState, EndReason, Lease, LeaseId};

/// What the configuration says of the account's integration, as far as decisions need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub rotation_days: Option<u32>,
    pub cleanup_days: Option<u32>,
    /// Whether anything that gives, rotates or deletes may begin; if not, why. Taking away always may.
    pub grants: Grants,
    /// The target that the integration leads to now; `None` before it was first looked at.
    pub target_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grants {
    Allowed,
    /// Not now: why, for people.
    Held(String),
}

/// What the target should look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    pub want: Wanted,
    /// Ended leases that may still be in the target.
    pub release: Vec<LeaseId>,
    /// A new credential has to come with it.
    pub credential: bool,
    /// Why, in a word or two, for the log and the audit entry.
    pub why: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Open, and holding exactly these.
    Open(Vec<LeaseId>),
    Disabled,
    Deleted,
}

/// The next thing to do about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write down that these leases are over, before anything is taken away.
    End(Vec<(LeaseId, EndReason)>),
    /// These were never begun: nothing to take back.
    CloseUntouched(Vec<LeaseId>),
    /// On somebody's own login: look what stood before, and write it down, before these are given.
    LookFirst(Vec<LeaseId>),
    /// These are made: their time starts.
    Granted(Vec<LeaseId>),
    /// Make it so.
    Converge(Goal),
    /// Look whether these are gone, and close them if so.
    Verify(Vec<LeaseId>),
    /// Decide to delete the account, in a commit of its own.
    MarkDeleting,
    /// Nothing now. `until`: when to look again; `why`: what is waited for, for people.
    Rest {
        until: Option<DateTime<Utc>>,
        why: Option<String>,
    },
}

/// Why a converge happens that gives and takes nothing new: the provider asked to be called again.
pub const ROUTINE: &str = "going on";

/// How long something held is left alone before it is looked at again.
const HOLD: Duration = Duration::seconds(5);

/// What to do next. `leases`: all of the account that are not closed.
pub fn next_step(account: &Account, leases: &[Lease], settings: &Settings, now: DateTime<Utc>) -> Step {
    let over: Vec<_> = leases
        .iter()
        .filter_map(|lease| over(lease, now).map(|why| (lease.id.clone(), why)))
        .collect();
    if !over.is_empty() {
        return Step::End(over);
    }
    let untouched = ids(leases, |lease| {
        !lease.is_live() && account.applied_state(&lease.id).is_none()
    });
    if !untouched.is_empty() {
        return Step::CloseUntouched(untouched);
    }
    let made = ids(leases, |lease| {
        lease.is_live()
            && lease.granted_at.is_none()
            && account.waiting.is_none()
            && account.applied_state(&lease.id) == Some(AppliedState::Made)
    });
    if !made.is_empty() {
        return Step::Granted(made);
    }
    if let Some(wrong) = elsewhere(account, settings) {
        return Step::Rest {
            until: Some(now + Duration::minutes(1)),
            why: Some(wrong),
        };
    }
    if let Some(at) = account
        .next_try
        .filter(|at| *at > now && !is_news(account, leases, now))
    {
        return Step::Rest {
            until: Some(at),
            why: account.waiting.clone(),
        };
    }
    work(account, leases, settings, now)
}

/// Whether a lease is over though nobody wrote it down yet.
fn over(lease: &Lease, now: DateTime<Utc>) -> Option<EndReason> {
    if !lease.is_live() || now < lease.over_at() {
        return None;
    }
    Some(match lease.granted_at {
        Some(_) => EndReason::TimeUp,
        None => EndReason::NotReadyInTime {
            why: lease.trouble.as_ref().map(|trouble| trouble.text.clone()),
        },
    })
}

/// "Gone" is believed, and anything changed, only on the target where the account was made.
fn elsewhere(account: &Account, settings: &Settings) -> Option<String> {
    match &settings.target_id {
        Some(target) if *target != account.target_id => Some(format!(
            "{} now leads to another server than the one where this access was given",
            account.integration
        )),
        Some(_) | None => None,
    }
}

/// Whether something came up since the account was put to rest: an end does not wait for a back-off that was not its
/// own, a grant not for a routine look.
fn is_news(account: &Account, leases: &[Lease], now: DateTime<Utc>) -> bool {
    leases
        .iter()
        .any(|lease| match (&lease.ended, account.applied_state(&lease.id)) {
            (Some(ended), Some(AppliedState::Begun | AppliedState::Made)) => {
                !rests(lease, now)
                    && account
                        .failures
                        .as_ref()
                        .is_none_or(|failures| failures.at < ended.at)
            }
            (Some(_), Some(AppliedState::TakenBack)) => {
                account.failures.is_none() && account.waiting.is_none()
            }
            (Some(_), None) => true,
            (None, state) => {
                account.failures.is_none()
                    && account.waiting.is_none()
                    && (state.is_none()
                        || account
                            .applied
                            .get(&lease.id)
                            .is_some_and(|told| told.until < lease.expires_at))
            }
        })
}

/// Whether a lease was tried and could not be served, or is under way: it is left alone for a while. Its end wakes it.
fn rests(lease: &Lease, now: DateTime<Utc>) -> bool {
    lease.rest_until.is_some_and(|until| until > now)
}

fn work(account: &Account, leases: &[Lease], settings: &Settings, now: DateTime<Utc>) -> Step {
    let held = match &settings.grants {
        Grants::Allowed => None,
        Grants::Held(why) => Some(why.clone()),
    };
    let release = ids(leases, |lease| {
        !lease.is_live()
            && matches!(
                account.applied_state(&lease.id),
                Some(AppliedState::Begun | AppliedState::Made)
            )
    });
    let live = ids(leases, |lease| {
        lease.is_live() && (held.is_none() || account.applied_state(&lease.id) == Some(AppliedState::Made))
    });
    // A deletion is finished before anything new is given, unless the target cannot finish it.
    if account.state == AccountState::Deleting
        && held.is_none()
        && (live.is_empty() || account.waiting.is_none())
    {
        return Step::Converge(Goal {
            want: Wanted::Deleted,
            release,
            credential: false,
            why: "deleting",
        });
    }
    if let Some(step) = give_or_take(account, leases, &live, &release, held.is_none(), now) {
        return step;
    }
    let gone = ids(leases, |lease| {
        !lease.is_live() && account.applied_state(&lease.id) == Some(AppliedState::TakenBack)
    });
    if !gone.is_empty() {
        return match account.unsettled_until.filter(|until| *until > now) {
            Some(until) => Step::Rest {
                until: Some(until),
                why: Some("a call that was cut may still take effect".into()),
            },
            None => Step::Verify(gone),
        };
    }
    if held.is_some()
        && leases
            .iter()
            .any(|lease| lease.is_live() && !account.applied.contains_key(&lease.id))
    {
        return Step::Rest {
            until: Some(now + HOLD),
            why: held,
        };
    }
    idle(account, leases, settings, now)
}

/// The goal while something has to be given or taken back.
fn give_or_take(
    account: &Account,
    leases: &[Lease],
    live: &[LeaseId],
    release: &[LeaseId],
    may_give: bool,
    now: DateTime<Utc>,
) -> Option<Step> {
    let to_give = leases.iter().any(|lease| {
        live.contains(&lease.id)
            && !rests(lease, now)
            && account
                .applied
                .get(&lease.id)
                .is_none_or(|applied| applied.state != AppliedState::Made || applied.until < lease.expires_at)
    });
    let asked_again =
        account.waiting.is_some() || account.next_try.is_some_and(|at| at <= now) && !live.is_empty();
    // One that rests comes along when there is something else to do, and is no reason by itself.
    let to_take = leases
        .iter()
        .any(|lease| release.contains(&lease.id) && !rests(lease, now));
    let unsure = account.call.is_some() && (account.unsettled_until.is_none_or(|until| until <= now));
    if !(to_give || asked_again || unsure || account.drifted || to_take) {
        return None;
    }
    if may_give && !account.name.is_ours() {
        let unseen = ids(leases, |lease| {
            live.contains(&lease.id)
                && !account
                    .standing
                    .contains_key(&Account::standing_key(&lease.resource, &lease.permission.name))
        });
        if !unseen.is_empty() {
            return Some(Step::LookFirst(unseen));
        }
    }
    let why = match (release.is_empty(), to_give) {
        (false, _) => "taking back",
        (true, true) => "granting",
        (true, false) if account.drifted => "putting right what was altered",
        (true, false) => ROUTINE,
    };
    let want = if live.is_empty() && account.name.is_ours() {
        Wanted::Disabled
    } else {
        Wanted::Open(live.to_vec())
    };
    let credential = needs_credential(account, &want);
    Some(Step::Converge(Goal {
        want,
        release: release.to_vec(),
        credential,
        why,
    }))
}

/// A login of ours that is opened gets a random credential nobody keeps; one that is closed gets another.
fn needs_credential(account: &Account, want: &Wanted) -> bool {
    account.name.is_ours()
        && match want {
            Wanted::Open(_) => {
                account.state != AccountState::Enabled || account.credential.state == CredentialState::Setting
            }
            Wanted::Disabled => true,
            Wanted::Deleted => false,
        }
}

/// Nobody holds anything: rotation and cleanup.
fn idle(account: &Account, leases: &[Lease], settings: &Settings, now: DateTime<Utc>) -> Step {
    if !leases.is_empty() || !account.name.is_ours() || account.state != AccountState::Disabled {
        return Step::Rest {
            until: None,
            why: None,
        };
    }
    let (rotate_at, delete_at) = housekeeping(account, settings);
    let next = match (delete_at, rotate_at) {
        (Some(at), _) if at <= now => Ok(Step::MarkDeleting),
        (_, Some(at)) if at <= now => Ok(Step::Converge(Goal {
            want: Wanted::Disabled,
            release: Vec::new(),
            credential: true,
            why: "rotating",
        })),
        (delete, rotate) => Err(delete.into_iter().chain(rotate).min()),
    };
    match (next, &settings.grants) {
        (Ok(_), Grants::Held(why)) => Step::Rest {
            until: Some(now + HOLD),
            why: Some(why.clone()),
        },
        (Ok(step), Grants::Allowed) => step,
        (Err(until), _) => Step::Rest { until, why: None },
    }
}

/// When an idle account's credential is to be replaced, and when it is to be deleted.
pub fn housekeeping(
    account: &Account,
    settings: &Settings,
) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    if !account.name.is_ours() || account.state != AccountState::Disabled {
        return (None, None);
    }
    let days = |days: u32| Duration::days(i64::from(days));
    (
        settings
            .rotation_days
            .zip(account.credential.set_at)
            .map(|(after, at)| at + days(after)),
        settings
            .cleanup_days
            .zip(account.last_end)
            .map(|(after, at)| at + days(after)),
    )
}

fn ids(leases: &[Lease], pick: impl Fn(&Lease) -> bool) -> Vec<LeaseId> {
    leases
        .iter()
        .filter(|lease| pick(lease))
        .map(|lease| lease.id.clone())
        .collect()
}

#[cfg(test)]
#[path = "desired_test.rs"]
mod tests;
