//! Which deliveries came in lately, so that a repetition within Slack's window is acknowledged and nothing else.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Longer than a signature is good for on both sides of now, and than Slack goes on trying.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);
const MOST: usize = 20_000;

/// Bounded: when there are too many, the oldest are forgotten first (what they make is idempotent by its delivery id).
#[derive(Default)]
pub(super) struct Seen(Mutex<Lately>);

#[derive(Default)]
struct Lately {
    ids: HashSet<String>,
    order: VecDeque<(Instant, String)>,
}

impl Seen {
    /// Whether this is the first time; the next time it will not be.
    pub(super) fn is_new(&self, id: &str) -> bool {
        let now = Instant::now();
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((at, _)) = lately.order.front() {
            if lately.order.len() < MOST && now.duration_since(*at) < REMEMBERED {
                break;
            }
            if let Some((_, old)) = lately.order.pop_front() {
                lately.ids.remove(&old);
            }
        }
        if !lately.ids.insert(id.to_owned()) {
            return false;
        }
        lately.order.push_back((now, id.to_owned()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn remembers_for_a_while_and_not_without_bounds() {
        let seen = Seen::default();
        assert!(seen.is_new("a"));
        assert!(!seen.is_new("a"));
        tokio::time::advance(REMEMBERED).await;
        assert!(seen.is_new("a"));
        for id in 0..MOST {
            assert!(seen.is_new(&id.to_string()));
        }
        assert!(seen.is_new("a"), "the oldest was forgotten");
        assert!(seen.0.lock().expect("no panic").order.len() <= MOST);
    }
}
