//! Every metric there is, each name once. A handle is passed as `&Metrics`; counting never waits and never fails.
//!
//! Labels are names from the configuration and words from closed lists: never a person, a resource or an error's text.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use crate::domain::{IntegrationName, Lane, Urgency};

/// What a scrape is answered as.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// From the end of a lease to the look that saw it gone. The objective is 60 s; an outage shows in the last ones.
const LAG_SECONDS: [f64; 12] = [
    0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 14400.0,
];

/// One call of a provider; asynchronous targets take tens of seconds.
const CALL_SECONDS: [f64; 10] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct OfIntegration {
    integration: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct OfLane {
    owner: String,
    urgency: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderCall {
    integration: String,
    method: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderMethod {
    integration: String,
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChatCall {
    chat: &'static str,
    method: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClaimOutcome {
    integration: String,
    outcome: &'static str,
}

type LagFamily = Family<OfIntegration, Histogram, fn() -> Histogram>;
type CallFamily = Family<ProviderMethod, Histogram, fn() -> Histogram>;

/// What is counted and measured.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    lag: LagFamily,
    overdue: Picture<OfIntegration>,
    stuck: Picture<OfIntegration>,
    due: Picture<OfLane>,
    provider_calls: Family<ProviderCall, Counter>,
    provider_seconds: CallFamily,
    chat_calls: Family<ChatCall, Counter>,
    commits: Family<Outcome, Counter>,
    claims: Family<ClaimOutcome, Counter>,
    clock_holds: Counter,
    ticks: Counter,
    tick_seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("latchkey"),
            lag: Family::new_with_constructor(|| Histogram::new(LAG_SECONDS)),
            overdue: Picture::default(),
            stuck: Picture::default(),
            due: Picture::default(),
            provider_calls: Family::default(),
            provider_seconds: Family::new_with_constructor(|| Histogram::new(CALL_SECONDS)),
            chat_calls: Family::default(),
            commits: Family::default(),
            claims: Family::default(),
            clock_holds: Counter::default(),
            ticks: Counter::default(),
            tick_seconds: Histogram::new(CALL_SECONDS),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        let r = &mut self.registry;
        r.register("build", "The program that answers", build);
        r.register_with_unit(
            "revocation_lag",
            "From the end of a lease to the look that saw its access gone",
            Unit::Seconds,
            self.lag.clone(),
        );
        r.register_with_unit(
            "revocation_overdue",
            "Age of the oldest ended lease whose access was not yet seen to be gone; 0 if there is none",
            Unit::Seconds,
            self.overdue.family.clone(),
        );
        r.register(
            "stuck",
            "What does not get done and needs somebody to look (the command stuck lists it)",
            self.stuck.family.clone(),
        );
        r.register(
            "due_backlog",
            "Records that are due and wait, by lane; counted up to a limit",
            self.due.family.clone(),
        );
        r.register(
            "provider_calls",
            "Calls of target systems",
            self.provider_calls.clone(),
        );
        r.register_with_unit(
            "provider_call",
            "How long calls of target systems took",
            Unit::Seconds,
            self.provider_seconds.clone(),
        );
        r.register("chat_calls", "Calls of chat platforms", self.chat_calls.clone());
        r.register("commits", "Commits to the store", self.commits.clone());
        r.register("claims", "Claims of accounts by the loop", self.claims.clone());
        r.register(
            "clock_holds",
            "Times that grants were held because the clock jumped",
            self.clock_holds.clone(),
        );
        r.register("ticks", "Passes of the loop", self.ticks.clone());
        r.register_with_unit(
            "tick",
            "How long passes of the loop took",
            Unit::Seconds,
            self.tick_seconds.clone(),
        );
    }

    /// An ended lease was seen to be gone, so long after its end. A negative lag (clock set back) counts as none.
    pub fn revoked(&self, integration: &IntegrationName, lag: chrono::Duration) {
        let seconds = lag.num_milliseconds().max(0) as f64 / 1000.0;
        self.lag.get_or_create(&of(integration)).observe(seconds);
    }

    /// The oldest ended lease not yet seen to be gone, by integration, in whole seconds; one that is absent has none.
    pub fn overdue(&self, oldest: impl IntoIterator<Item = (IntegrationName, i64)>) {
        self.overdue
            .replace(oldest.into_iter().map(|(name, age)| (of(&name), age)));
    }

    /// How much is stuck, by integration; one that is absent has nothing stuck.
    pub fn stuck(&self, counts: impl IntoIterator<Item = (IntegrationName, i64)>) {
        self.stuck
            .replace(counts.into_iter().map(|(name, count)| (of(&name), count)));
    }

    /// How much is due and waits, by lane; a lane that is absent is empty.
    pub fn due(&self, counts: impl IntoIterator<Item = (Lane, i64)>) {
        self.due.replace(counts.into_iter().map(|(lane, count)| {
            let labels = OfLane {
                owner: lane.owner,
                urgency: urgency(lane.urgency),
            };
            (labels, count)
        }));
    }

    /// A provider was called: method of its trait (`converge`), outcome (`ok`, or the kind of error), and how long it took.
    pub fn provider_call(
        &self,
        integration: &IntegrationName,
        method: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        let integration = integration.0.clone();
        self.provider_calls
            .get_or_create(&ProviderCall {
                integration: integration.clone(),
                method,
                outcome,
            })
            .inc();
        self.provider_seconds
            .get_or_create(&ProviderMethod { integration, method })
            .observe(took.as_secs_f64());
    }

    /// A chat platform was called: `slack`, its method (`chat.update`), and `ok` or the kind of error.
    pub fn chat_call(&self, chat: &'static str, method: &'static str, outcome: &'static str) {
        self.chat_calls
            .get_or_create(&ChatCall {
                chat,
                method,
                outcome,
            })
            .inc();
    }

    /// The store answered a commit: `committed`, `conflict`, `unknown` or `failed`.
    pub fn commit(&self, outcome: &'static str) {
        self.commits.get_or_create(&Outcome { outcome }).inc();
    }

    /// The loop tried to claim an account: `won`, `busy` or `lost` (it was gone when the outcome was to be written).
    pub fn claim(&self, integration: &IntegrationName, outcome: &'static str) {
        let labels = ClaimOutcome {
            integration: integration.0.clone(),
            outcome,
        };
        self.claims.get_or_create(&labels).inc();
    }

    /// Grants are held because the clock jumped.
    pub fn clock_held(&self) {
        self.clock_holds.inc();
    }

    pub fn ticked(&self, took: Duration) {
        self.ticks.inc();
        self.tick_seconds.observe(took.as_secs_f64());
    }

    /// All of it, as `CONTENT_TYPE`.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing to a string fails only where a metric's own encoding does, and ours are the library's.
        match text::encode(&mut out, &self.registry) {
            Ok(()) => out,
            Err(error) => {
                tracing::error!(%error, "metrics could not be encoded");
                "# EOF\n".to_owned()
            }
        }
    }
}

fn of(integration: &IntegrationName) -> OfIntegration {
    OfIntegration {
        integration: integration.0.clone(),
    }
}

fn urgency(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Ends => "ends",
        Urgency::Grants => "grants",
        Urgency::Housekeeping => "housekeeping",
    }
}

/// Gauges that are set all at once. What is absent from a later picture goes to 0 instead of standing still, which would
/// alarm for ever, and instead of vanishing, which no alert can see.
#[derive(Debug)]
struct Picture<L> {
    family: Family<L, Gauge>,
    known: Mutex<BTreeSet<L>>,
}

impl<L: Clone + std::hash::Hash + Eq> Default for Picture<L> {
    fn default() -> Self {
        Self {
            family: Family::default(),
            known: Mutex::default(),
        }
    }
}

impl<L: Clone + std::hash::Hash + Ord> Picture<L> {
    fn replace(&self, values: impl IntoIterator<Item = (L, i64)>) {
        let mut left: BTreeMap<L, i64> = values.into_iter().collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for labels in known.iter() {
            let value = left.remove(labels).unwrap_or(0);
            self.family.get_or_create(labels).set(value);
        }
        for (labels, value) in left {
            self.family.get_or_create(&labels).set(value);
            known.insert(labels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis() -> IntegrationName {
        "redis-cloud".into()
    }

    #[test]
    fn every_metric_shows_up_with_its_labels() {
        let metrics = Metrics::new();
        metrics.revoked(&redis(), chrono::Duration::milliseconds(1500));
        metrics.overdue([(redis(), 75)]);
        metrics.stuck([(redis(), 2)]);
        metrics.due([(Lane::of(&redis(), Urgency::Ends), 3), (Lane::chat(), 1)]);
        metrics.provider_call(&redis(), "converge", "unreachable", Duration::from_millis(20));
        metrics.chat_call("slack", "chat.update", "ok");
        metrics.commit("committed");
        metrics.claim(&redis(), "won");
        metrics.clock_held();
        metrics.ticked(Duration::from_millis(2));
        let text = metrics.encode();
        for line in [
            r#"latchkey_build_info{version=""#,
            r#"latchkey_revocation_lag_seconds_bucket{le="2.0",integration="redis-cloud"} 1"#,
            r#"latchkey_revocation_overdue_seconds{integration="redis-cloud"} 75"#,
            r#"latchkey_stuck{integration="redis-cloud"} 2"#,
            r#"latchkey_due_backlog{owner="redis-cloud",urgency="ends"} 3"#,
            r#"latchkey_due_backlog{owner="@chat",urgency="housekeeping"} 1"#,
            r#"latchkey_provider_calls_total{integration="redis-cloud",method="converge",outcome="unreachable"} 1"#,
            r#"latchkey_provider_call_seconds_count{integration="redis-cloud",method="converge"} 1"#,
            r#"latchkey_chat_calls_total{chat="slack",method="chat.update",outcome="ok"} 1"#,
            r#"latchkey_commits_total{outcome="committed"} 1"#,
            r#"latchkey_claims_total{integration="redis-cloud",outcome="won"} 1"#,
            "latchkey_clock_holds_total 1",
            "latchkey_ticks_total 1",
            "latchkey_tick_seconds_count 1",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is missing from:\n{text}");
        }
    }

    #[test]
    fn what_is_no_longer_stuck_goes_to_zero() {
        let metrics = Metrics::new();
        metrics.stuck([(redis(), 2)]);
        metrics.stuck([("orders-pg".into(), 1)]);
        let text = metrics.encode();
        assert!(
            text.contains(r#"latchkey_stuck{integration="redis-cloud"} 0"#),
            "{text}"
        );
        assert!(
            text.contains(r#"latchkey_stuck{integration="orders-pg"} 1"#),
            "{text}"
        );
    }

    #[test]
    fn a_clock_set_back_makes_no_negative_lag() {
        let metrics = Metrics::new();
        metrics.revoked(&redis(), chrono::Duration::seconds(-5));
        assert!(
            metrics
                .encode()
                .contains("latchkey_revocation_lag_seconds_sum{integration=\"redis-cloud\"} 0.0")
        );
    }
}
