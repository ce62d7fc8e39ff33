//! What every connection shares: the world behind its lock, a counter of changes to wait on, and the sockets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::options::Options;
use super::socket::Sockets;
use super::world::World;

pub(super) struct Shared {
    pub(super) options: Arc<Options>,
    pub(super) base_url: String,
    world: Mutex<World>,
    changes: watch::Sender<u64>,
    in_flight: AtomicUsize,
    pub(super) sockets: Mutex<Sockets>,
    /// Rung after each delivery; a delivery held back waits for it.
    pub(super) delivered: Notify,
    pub(super) http: reqwest::Client,
}

impl Shared {
    pub(super) fn new(options: Options, base_url: String) -> Arc<Self> {
        let options = Arc::new(options);
        let world = World::new(Arc::clone(&options), base_url.clone());
        Arc::new(Self {
            options,
            base_url,
            world: Mutex::new(world),
            changes: watch::Sender::new(0),
            in_flight: AtomicUsize::new(0),
            sockets: Mutex::new(Sockets::default()),
            delivered: Notify::new(),
            http: reqwest::Client::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        // A panic in a test's closure must not hide behind a poisoned lock in the next line.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.now = (self.options.time)();
        world
    }

    /// Looks, without telling anybody.
    pub(super) fn look<T>(&self, f: impl FnOnce(&World) -> T) -> T {
        f(&self.lock())
    }

    /// Changes the world and wakes whoever waits for a change.
    pub(super) fn change<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        let answer = f(&mut self.lock());
        self.touched();
        answer
    }

    pub(super) fn touched(&self) {
        self.changes.send_modify(|n| *n += 1);
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Counts something as under way until the guard is dropped.
    pub(super) fn under_way(self: &Arc<Self>) -> UnderWay {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        UnderWay(Arc::clone(self))
    }

    /// Waits until nothing is under way and nothing has changed for `calm`; false if `limit` passed first.
    pub(super) async fn quiet(&self, calm: Duration, limit: Duration) -> bool {
        let mut changes = self.changes();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                let busy = self.in_flight.load(Ordering::SeqCst) > 0;
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return },
                    () = tokio::time::sleep(calm), if !busy => return,
                }
            }
        };
        tokio::time::timeout(limit, waiting).await.is_ok()
    }

    /// Waits until `ready` finds something; `None` if `limit` passed first. Looks after each change, never polls.
    pub(super) async fn until<T>(
        &self,
        limit: Duration,
        mut ready: impl FnMut(&World) -> Option<T>,
    ) -> Option<T> {
        let mut changes = self.changes();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = self.look(&mut ready) {
                    return Some(found);
                }
                if changes.changed().await.is_err() {
                    return None;
                }
            }
        };
        tokio::time::timeout(limit, waiting).await.ok().flatten()
    }
}

/// Something is under way; see [`Shared::quiet`].
pub(super) struct UnderWay(Arc<Shared>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.touched();
    }
}
