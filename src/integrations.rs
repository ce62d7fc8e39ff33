//! The integrations as they run: each with its provider, its settings, and what this process knows of its health.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};

use crate::{
    config::IntegrationConfig,
    domain::IntegrationName,
    providers::{
        self, Feature, Mark, Registration, Setup,
        guard::{Guarded, OnCall},
    },
    secrets::Secret,
};

/// Nothing is granted where the last good look is older than this.
pub const PROVEN_FOR: chrono::Duration = chrono::Duration::minutes(10);

/// One integration, ready to be spoken to.
pub struct Live {
    pub config: IntegrationConfig,
    pub registration: &'static Registration,
    pub provider: Guarded,
    pub settles_in: Duration,
    pub at_once: usize,
    pulse: Mutex<Pulse>,
}

/// What this process saw of an integration lately.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    /// The last `check` or `converge` that went well.
    pub proven_at: Option<DateTime<Utc>>,
    /// The whole target is left alone until then: it cannot be reached, or refuses our credentials.
    pub not_before: Option<DateTime<Utc>>,
    pub failures: u32,
    pub failing_since: Option<DateTime<Utc>>,
    pub why: Option<String>,
    /// Rights we lack, as last seen: nothing new is granted.
    pub missing: Vec<String>,
    pub target_id: Option<String>,
}

impl Live {
    /// Builds the provider; does no I/O. The error says what is wrong with the configuration.
    pub fn build(
        installation: &str,
        config: &IntegrationConfig,
        secret: BTreeMap<String, Secret>,
        base_dir: &std::path::Path,
        on_call: OnCall,
    ) -> Result<Self, String> {
        let registration =
            registration(&config.kind).ok_or_else(|| format!("unknown kind {}", config.kind))?;
        let setup = Setup {
            mark: Mark::new(installation, config.name.as_str()),
            config: config.own.clone(),
            secret: secret.clone(),
            base_dir: base_dir.to_owned(),
        };
        let inner = (registration.build)(setup).map_err(|error| error.message)?;
        let at_once = config.at_once.unwrap_or(registration.at_once).max(1);
        let per_minute = config.per_minute.or(registration.per_minute);
        Ok(Self {
            provider: Guarded::new(inner, config.name.as_str(), &secret, at_once, per_minute, on_call),
            settles_in: config
                .settles_in_seconds
                .map_or(registration.settles_in, Duration::from_secs_f64),
            at_once: usize::from(at_once),
            config: config.clone(),
            registration,
            pulse: Mutex::default(),
        })
    }

    pub fn supports(&self, feature: Feature) -> bool {
        self.registration.supports.contains(&feature)
    }

    pub fn pulse(&self) -> Pulse {
        self.lock().clone()
    }

    /// A call went well: the target answers.
    pub fn well(&self, now: DateTime<Utc>) {
        let mut pulse = self.lock();
        pulse.proven_at = Some(now);
        pulse.not_before = None;
        pulse.failures = 0;
        pulse.failing_since = None;
        pulse.why = None;
    }

    /// What `check` found.
    pub fn checked(&self, now: DateTime<Utc>, health: &crate::domain::Health) {
        self.well(now);
        let mut pulse = self.lock();
        pulse.missing.clone_from(&health.missing);
        // One that could not be read is no other target: the last one stands.
        if !health.target_id.is_empty() {
            pulse.target_id = Some(health.target_id.clone());
        }
    }

    /// The target as a whole failed us: it is left alone for a growing while. `jitter` in 0..1.
    pub fn unwell(
        &self,
        now: DateTime<Utc>,
        why: &str,
        retry_after: Option<Duration>,
        jitter: f64,
    ) -> DateTime<Utc> {
        let mut pulse = self.lock();
        pulse.failures += 1;
        pulse.failing_since.get_or_insert(now);
        pulse.why = Some(why.to_owned());
        let pause =
            retry_after.unwrap_or_else(|| back_off(pulse.failures, jitter).min(Duration::from_secs(30)));
        let until = now + chrono::Duration::from_std(pause).unwrap_or(chrono::Duration::seconds(30));
        pulse.not_before = Some(until);
        until
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pulse> {
        self.pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 1 s doubling to 5 min, with jitter over its upper half. Never gives up.
pub fn back_off(failures: u32, jitter: f64) -> Duration {
    let full = Duration::from_secs(1 << failures.saturating_sub(1).min(9)).min(Duration::from_secs(300));
    full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

pub fn registration(kind: &str) -> Option<&'static Registration> {
    providers::ALL
        .iter()
        .find(|registration| registration.kind == kind)
}

/// All integrations, swapped whole when the configuration is.
#[derive(Default)]
pub struct Integrations {
    all: ArcSwap<BTreeMap<IntegrationName, Arc<Live>>>,
}

impl Integrations {
    pub fn swap(&self, all: BTreeMap<IntegrationName, Arc<Live>>) {
        self.all.store(Arc::new(all));
    }

    pub fn get(&self, name: &IntegrationName) -> Option<Arc<Live>> {
        self.all.load().get(name).cloned()
    }

    pub fn all(&self) -> Vec<Arc<Live>> {
        self.all.load().values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_to_five_minutes_and_stays() {
        let seconds: Vec<u64> = (1..14).map(|n| back_off(n, 1.0).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]);
        assert_eq!(back_off(3, 0.0), Duration::from_secs(2));
        assert_eq!(back_off(u32::MAX, 0.0), Duration::from_secs(150));
    }
}
