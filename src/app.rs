//! Everything that runs, built once and passed as `&App`.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use tokio::sync::{Notify, OwnedMutexGuard};

use crate::{
    catalogue::Catalogues,
    chat::Chat,
    clock::Clock,
    config::Config,
    credential,
    directory::Directory,
    domain::{AccountId, PersonId, Poke, PokeSubject, RequestId},
    integrations::Integrations,
    metrics::Metrics,
    providers::{Credential, CredentialKind, ProviderError},
    secrets::Environment,
    store::{
        Store, StoreError,
        typed::{Batch, Outcome, commit_settled},
    },
};

pub struct App {
    pub config: ArcSwap<Config>,
    pub store: Arc<dyn Store>,
    pub integrations: Integrations,
    pub chats: Vec<Arc<dyn Chat>>,
    pub directory: Directory,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    /// This process: claims of any other are void with an embedded store.
    pub process: String,
    pub locks: Locks,
    pub unsent: Unsent,
    pub homes: Homes,
    pub catalogues: Catalogues,
    pub started_at: DateTime<Utc>,
    pub beat: Beat,
    /// Where secrets of `env:` references are read from.
    pub environment: Arc<dyn Environment>,
    /// Something became due: the loop need not sleep on.
    pub wake: Notify,
}

impl App {
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub fn chat(&self, kind: crate::domain::ChatKind) -> Option<&Arc<dyn Chat>> {
        self.chats.iter().find(|chat| chat.kind() == kind)
    }

    /// A fresh batch under an id of its own.
    pub fn batch(&self, now: DateTime<Utc>) -> Batch {
        Batch::new(format!("c{:032x}", rand::random::<u128>()), now)
    }

    /// Commits; true if it is durable, false if a record was not as expected and the caller has to decide again.
    pub async fn commit(&self, batch: Batch) -> Result<bool, StoreError> {
        if batch.is_empty() {
            return Ok(true);
        }
        let outcome = commit_settled(&*self.store, batch.build()?).await;
        self.metrics.commit(match &outcome {
            Ok(Outcome::Committed) => "committed",
            Ok(Outcome::Conflict { .. }) => "conflict",
            Err(_) => "failed",
        });
        let done = outcome? == Outcome::Committed;
        if done {
            self.wake.notify_one();
        }
        Ok(done)
    }

    /// How long what is over stays in the store.
    pub fn keep(&self) -> chrono::Duration {
        chrono::Duration::days(i64::from(self.config.load().store.keep_ended_days))
    }

    pub fn jitter(&self) -> f64 {
        rand::random()
    }
}

/// What people see of a request may have changed.
pub fn poke(request: &RequestId, now: DateTime<Utc>) -> Poke {
    Poke {
        subject: PokeSubject::Request(request.clone()),
        at: now,
    }
}

/// Credentials on their way into a target that takes its time: the same one is handed in until the target has it.
/// In memory only; after a restart another one is set.
#[derive(Default)]
pub struct Unsent {
    held: Mutex<HashMap<AccountId, Credential>>,
}

impl Unsent {
    /// The credential under way for an account, or a new one. One of another kind, from before the configuration changed, is
    /// of no use any more.
    ///
    /// # Errors
    /// `Transient` if none could be made.
    pub async fn keep(
        &self,
        account: &AccountId,
        kind: CredentialKind,
        login: &str,
    ) -> Result<Credential, ProviderError> {
        let known = self.held().get(account).cloned();
        if let Some(known) = known.filter(|known| known.kind() == kind) {
            return Ok(known);
        }
        // One worker an account: nobody makes another one meanwhile.
        let made = credential::make(kind, login).await?;
        self.held().insert(account.clone(), made.clone());
        Ok(made)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<AccountId, Credential>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn forget(&self, account: &AccountId) {
        self.held().remove(account);
    }
}

/// When the loop last made a pass.
pub struct Beat(Mutex<std::time::Instant>);

impl Default for Beat {
    fn default() -> Self {
        Self(Mutex::new(std::time::Instant::now()))
    }
}

impl Beat {
    pub fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = std::time::Instant::now();
    }

    pub fn age(&self) -> std::time::Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

/// Whose home tab was opened since this process started: only those are redrawn when something changes.
#[derive(Default)]
pub struct Homes {
    open: Mutex<HashSet<PersonId>>,
}

impl Homes {
    pub fn opened(&self, person: &PersonId) {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(person.clone());
    }

    pub fn is_open(&self, person: &PersonId) -> bool {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(person)
    }
}

/// One worker an account, within this process.
#[derive(Default)]
pub struct Locks {
    held: Mutex<HashMap<AccountId, Weak<tokio::sync::Mutex<()>>>>,
}

impl Locks {
    /// Waits for its turn.
    pub async fn lock(&self, account: &AccountId) -> OwnedMutexGuard<()> {
        self.of(account).lock_owned().await
    }

    /// `None`: somebody is at it.
    pub fn try_lock(&self, account: &AccountId) -> Option<OwnedMutexGuard<()>> {
        self.of(account).try_lock_owned().ok()
    }

    fn of(&self, account: &AccountId) -> Arc<tokio::sync::Mutex<()>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = held.get(account).and_then(Weak::upgrade) {
            return lock;
        }
        held.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        held.insert(account.clone(), Arc::downgrade(&lock));
        lock
    }
}
