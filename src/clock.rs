//! The one place that reads the machine's time.

use std::{sync::Mutex, time::Duration};

use chrono::{DateTime, Utc};

use crate::domain::clock::{Leap, Reading, Timeline};

/// What decisions take as `now`. Tests move one by hand.
pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;

    /// A leap of the wall clock that nothing confirmed: see `domain::clock`.
    fn leap(&self) -> Option<Leap>;

    /// An admin says the time is right.
    fn agree(&self);
}

/// The machine's clock, kept from going back.
pub struct MachineClock {
    line: Mutex<Timeline>,
}

impl MachineClock {
    /// `last`: the latest `now` that was written down.
    pub fn new(last: Option<DateTime<Utc>>) -> Self {
        Self {
            line: Mutex::new(Timeline::start(read(), last)),
        }
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Timeline> {
        self.line
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for MachineClock {
    fn now(&self) -> DateTime<Utc> {
        self.line().now(read())
    }

    fn leap(&self) -> Option<Leap> {
        self.line().leap().cloned()
    }

    fn agree(&self) {
        self.line().agree();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the time"
)]
fn read() -> Reading {
    let running = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Reading {
        wall: Utc::now(),
        running: Duration::new(
            u64::try_from(running.tv_sec).unwrap_or_default(),
            u32::try_from(running.tv_nsec).unwrap_or_default(),
        ),
    }
}

/// A clock that is moved by hand.
pub struct ManualClock {
    line: Mutex<(Timeline, Reading)>,
}

impl ManualClock {
    pub fn new(start: DateTime<Utc>) -> Self {
        let reading = Reading {
            wall: start,
            running: Duration::ZERO,
        };
        Self {
            line: Mutex::new((Timeline::start(reading, None), reading)),
        }
    }

    /// Time passes, on the wall and in the machine.
    pub fn advance(&self, by: chrono::Duration) {
        let mut line = self.lock();
        line.1.wall += by;
        line.1.running += by.to_std().unwrap_or_default();
    }

    /// Somebody sets the wall clock.
    pub fn set_wall(&self, by: chrono::Duration) {
        self.lock().1.wall += by;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Timeline, Reading)> {
        self.line
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        let mut line = self.lock();
        let reading = line.1;
        line.0.now(reading)
    }

    fn leap(&self) -> Option<Leap> {
        self.lock().0.leap().cloned()
    }

    fn agree(&self) {
        self.lock().0.agree();
    }
}
