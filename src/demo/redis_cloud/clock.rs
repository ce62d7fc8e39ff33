//! The simulator's own time: it can be skipped forward and stopped, so that tests need not sleep.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

pub struct Clock {
    started: Instant,
    started_at: DateTime<Utc>,
    skipped: Duration,
    stopped: Duration,
    stopped_since: Option<Duration>,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the simulator stands for a vendor with a clock of its own"
    )]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            started_at: Utc::now(),
            skipped: Duration::ZERO,
            stopped: Duration::ZERO,
            stopped_since: None,
        }
    }

    fn running(&self) -> Duration {
        self.started.elapsed() + self.skipped
    }

    /// Time since the start, without the stops.
    pub fn now(&self) -> Duration {
        self.stopped_since
            .unwrap_or_else(|| self.running())
            .saturating_sub(self.stopped)
    }

    /// The same as a date, for what the API sends.
    pub fn date(&self, at: Duration) -> DateTime<Utc> {
        self.started_at + chrono::Duration::from_std(at).unwrap_or_default()
    }

    /// Lets time pass at once; nothing while it is stopped.
    pub fn skip(&mut self, time: Duration) {
        if self.stopped_since.is_none() {
            self.skipped += time;
        }
    }

    pub fn stop(&mut self) {
        if self.stopped_since.is_none() {
            self.stopped_since = Some(self.running());
        }
    }

    pub fn go_on(&mut self) {
        if let Some(since) = self.stopped_since.take() {
            self.stopped += self.running().saturating_sub(since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_can_be_skipped_and_stopped() {
        let mut clock = Clock::start();
        clock.skip(Duration::from_secs(10));
        let before = clock.now();
        assert!(before >= Duration::from_secs(10));
        clock.stop();
        clock.skip(Duration::from_secs(10));
        let stopped = clock.now();
        assert!(stopped < Duration::from_secs(15) && clock.now() == stopped);
        clock.go_on();
        assert!(clock.now() < Duration::from_secs(15) && clock.now() >= stopped);
    }
}
