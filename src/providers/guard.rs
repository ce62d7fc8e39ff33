//! The wrapper around every provider: time limits, pace, calls in flight, counting, and secrets kept out of error texts.
//!
//! Nothing else holds a provider. A change is made only with a `Permit`, which only the commit of a claim hands out: so
//! no changing call is made that a restart would not know of.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use super::{
    Account, AccountName, Change, Converged, CredentialKind, Discovery, ErrorKind, Health, Lease, Observed,
    OwnSecret, Person, Provider, ProviderError, ResourceRef, Result,
};
use crate::{domain::Fence, secrets::Secret};

/// No call of a provider takes longer; what it was doing may still take effect.
pub const LIMIT: Duration = Duration::from_secs(75);

/// Told of every call: integration, method, outcome (`ok` or the kind of error), time taken.
pub type OnCall = Arc<dyn Fn(&str, &'static str, &'static str, Duration) + Send + Sync>;

/// Shows that a claim with this fence, and the memory of the call about to be made, are on disk.
#[derive(Debug)]
pub struct Permit {
    pub fence: Fence,
    /// The claim's end on the clock that is never set.
    pub until: Instant,
}

pub struct Guarded {
    inner: Box<dyn Provider>,
    integration: String,
    secrets: Vec<Secret>,
    flights: Semaphore,
    pace: Option<Mutex<Pace>>,
    on_call: OnCall,
}

/// Spreads calls: so many a minute, in bursts of a tenth of that.
struct Pace {
    gap: Duration,
    burst: Duration,
    next: Instant,
}

impl Pace {
    fn new(per_minute: u32) -> Self {
        let gap = Duration::from_secs(60) / per_minute.max(1);
        let burst = gap * (per_minute / 10).max(1);
        let now = Instant::now();
        Self {
            gap,
            burst,
            next: now.checked_sub(burst).unwrap_or(now),
        }
    }

    /// How long to wait before the next call, which is taken as made then.
    fn take(&mut self, now: Instant) -> Duration {
        let earliest = now.checked_sub(self.burst).unwrap_or(now);
        self.next = self.next.max(earliest) + self.gap;
        self.next.saturating_duration_since(now + self.gap)
    }
}

impl Guarded {
    pub fn new(
        inner: Box<dyn Provider>,
        integration: &str,
        secret: &OwnSecret,
        at_once: u8,
        per_minute: Option<u32>,
        on_call: OnCall,
    ) -> Self {
        Self {
            inner,
            integration: integration.to_owned(),
            secrets: secret.values().cloned().collect(),
            flights: Semaphore::new(usize::from(at_once.max(1))),
            pace: per_minute.map(|per_minute| Mutex::new(Pace::new(per_minute))),
            on_call,
        }
    }

    pub async fn check(&self) -> Result<Health> {
        self.call("check", &[], self.inner.check()).await
    }

    pub async fn discover(&self) -> Result<Discovery> {
        self.call("discover", &[], self.inner.discover()).await
    }

    pub async fn accounts(&self) -> Result<Vec<AccountName>> {
        self.call("accounts", &[], self.inner.accounts()).await
    }

    pub async fn observe(&self, account: &Account, leases: &[Lease]) -> Result<Observed> {
        self.call("observe", &[], self.inner.observe(account, leases))
            .await
    }

    pub async fn converge(&self, permit: &Permit, account: &Account, change: &Change) -> Result<Converged> {
        let new: Vec<Secret> = change
            .credential
            .iter()
            .map(|credential| credential.secret().clone())
            .collect();
        let call = async {
            if permit.fence != change.fence || Instant::now() >= permit.until {
                let text = "the claim ran out before the call began; it is made again";
                return Err(ProviderError::new(ErrorKind::Transient, text));
            }
            self.inner.converge(account, change).await
        };
        let mut answer = self.call("converge", &new, call).await?;
        for (_, error) in &mut answer.failed {
            error.message = self.scrub(&error.message, &new);
        }
        for text in answer
            .ran
            .iter_mut()
            .chain(&mut answer.remarks)
            .chain(&mut answer.waiting)
        {
            *text = self.scrub(text, &new);
        }
        Ok(answer)
    }

    pub fn scope(&self, resource: &ResourceRef, permission: &str) -> String {
        self.inner.scope(resource, permission)
    }

    pub fn account(&self, person: &Person, scope: &str) -> AccountName {
        self.inner.account(person, scope)
    }

    pub fn credential(&self) -> CredentialKind {
        self.inner.credential()
    }

    pub fn preview(&self, account: &Account, change: &Change) -> Vec<String> {
        self.inner.preview(account, change)
    }

    async fn call<T>(
        &self,
        method: &'static str,
        new: &[Secret],
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        // The semaphore is never closed.
        let _flight = self.flights.acquire().await;
        let wait = self.pace.as_ref().map(|pace| {
            pace.lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .take(Instant::now())
        });
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            tokio::time::sleep(wait).await;
        }
        let begun = Instant::now();
        let answer = match tokio::time::timeout(LIMIT, call).await {
            Ok(answer) => answer,
            Err(_) => Err(ProviderError::new(
                ErrorKind::Transient,
                format!("no answer within {} s", LIMIT.as_secs()),
            )),
        };
        let outcome = match &answer {
            Ok(_) => "ok",
            Err(error) => error.kind.as_str(),
        };
        (self.on_call)(&self.integration, method, outcome, begun.elapsed());
        answer.map_err(|mut error| {
            error.message = self.scrub(&error.message, new);
            error
        })
    }

    /// Takes out every secret that this integration knows, should a server have echoed one.
    fn scrub(&self, text: &str, new: &[Secret]) -> String {
        let known = self.secrets.iter().chain(new).map(Secret::expose);
        known
            .flat_map(pieces)
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

/// What of a secret must not be seen: all of it, and of one with several lines (a key as PEM) each line that tells something,
/// since whoever quotes it may break it elsewhere.
fn pieces(secret: &str) -> impl Iterator<Item = &str> {
    let whole = std::iter::once(secret).filter(|whole| whole.len() >= 4);
    let several = secret.trim_end().contains('\n');
    let lines = secret.lines().map(str::trim);
    let telling = lines.filter(move |line| several && line.len() >= 8 && !line.starts_with("-----"));
    whole.chain(telling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_masked_whole_and_line_by_line() {
        let key =
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nqhkiG9w0BAQEFAAS\n-----END PRIVATE KEY-----\n";
        let masked = |text: &str| pieces(key).fold(text.to_owned(), |text, piece| text.replace(piece, "***"));
        assert_eq!(masked(&format!("bad key {key}!")), "bad key ***!");
        assert_eq!(masked("near qhkiG9w0BAQEFAAS)"), "near ***)");
        assert_eq!(
            masked("-----BEGIN PRIVATE KEY-----"),
            "-----BEGIN PRIVATE KEY-----"
        );
        assert_eq!(pieces("abc").count(), 0, "too short to be told from words");
        assert_eq!(pieces("s3cret").collect::<Vec<_>>(), ["s3cret"]);
    }

    #[test]
    fn pace_allows_a_burst_and_then_spreads() {
        let start = Instant::now();
        let mut pace = Pace::new(60);
        pace.next = start.checked_sub(Duration::from_secs(600)).unwrap_or(start);
        let waits: Vec<u64> = (0..10).map(|_| pace.take(start).as_secs()).collect();
        assert_eq!(
            waits[..6],
            [0, 0, 0, 0, 0, 0],
            "a tenth of a minute's calls may come at once"
        );
        assert!(waits[9] >= 3, "then one a second: {waits:?}");
    }
}
