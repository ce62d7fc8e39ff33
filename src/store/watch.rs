//! A watch over the committer: sled may wait for ever after an error of the disk, and a sync of a dying disk may never
//! return. Then nothing is revoked any more, so the process has to start again.

use std::{
    sync::{
        Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{StoreError, index::Fault, sled::Shared};

/// Longer than any write or sync of a living disk takes.
const LIMIT: Duration = Duration::from_secs(30);

/// Since when the committer is at one thing.
pub(crate) struct Watch {
    opened: Instant,
    /// Milliseconds since the opening, plus one; 0 while it waits for work.
    busy_since: AtomicU64,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            opened: Instant::now(),
            busy_since: AtomicU64::new(0),
        }
    }

    /// Something begins, or goes on.
    pub(crate) fn busy(&self) {
        self.busy_since.store(self.now(), Ordering::Release);
    }

    pub(crate) fn idle(&self) {
        self.busy_since.store(0, Ordering::Release);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .saturating_add(1)
    }

    /// Whether it has been at one thing for too long.
    pub(crate) fn hangs(&self) -> bool {
        match self.busy_since.load(Ordering::Acquire) {
            0 => false,
            since => u128::from(self.now().saturating_sub(since)) > LIMIT.as_millis(),
        }
    }
}

/// Looks once a second, as long as the store is open.
pub(crate) fn watch(store: &Weak<Shared>) {
    while let Some(shared) = store.upgrade() {
        if shared.watch.hangs() {
            let text = format!("the disk did not answer for {} seconds", LIMIT.as_secs());
            return shared.poison(&Fault::Failed(StoreError::Failed(text)));
        }
        // Not held while asleep: the store must be able to close.
        drop(shared);
        std::thread::sleep(Duration::from_secs(1));
    }
}
