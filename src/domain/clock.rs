//! What time it is, as far as decisions go: never back, never frozen, and wary of leaps.

use chrono::{DateTime, Duration, Utc};

/// A wall clock this much ahead of the machine's own running time is not believed for anything that gives or destroys.
pub const LEAP: Duration = Duration::minutes(5);

/// What was read from the machine at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub wall: DateTime<Utc>,
    /// Time since boot, sleep included: it is not stepped.
    pub running: std::time::Duration,
}

/// The clock's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// `now` as it was at `running`.
    now: DateTime<Utc>,
    running: std::time::Duration,
    leap: Option<Leap>,
}

/// A leap forward that nothing confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leap {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

impl Timeline {
    /// Starts at the later of the wall clock and the last `now` that was written down.
    pub fn start(reading: Reading, last: Option<DateTime<Utc>>) -> Self {
        let now = last.map_or(reading.wall, |last| last.max(reading.wall));
        Self {
            now,
            running: reading.running,
            leap: None,
        }
    }

    /// `now` = max(wall clock, last + running time since).
    ///
    /// The wall clock set back changes nothing; set forward by more than `LEAP` it is followed (ending access early does
    /// no harm), but `leap` is remembered until somebody agrees or the wall clock returns.
    pub fn now(&mut self, reading: Reading) -> DateTime<Utc> {
        let elapsed = reading.running.saturating_sub(self.running);
        let kept = self.now + Duration::from_std(elapsed).unwrap_or(Duration::zero());
        if reading.wall > kept + LEAP {
            let from = self.leap.as_ref().map_or(kept, |leap| leap.from);
            self.leap = Some(Leap {
                from,
                to: reading.wall,
            });
        } else if self
            .leap
            .as_ref()
            .is_some_and(|leap| reading.wall < leap.to - LEAP)
        {
            // The wall clock came back: what it says now agrees with what we kept before the leap.
            self.leap = None;
        }
        self.now = kept.max(reading.wall);
        self.running = reading.running;
        self.now
    }

    /// While this is set: no grants, deletions, rotations, nor expiry of requests. Revocations go on.
    pub fn leap(&self) -> Option<&Leap> {
        self.leap.as_ref()
    }

    /// An admin says the time is right.
    pub fn agree(&mut self) {
        self.leap = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + Duration::minutes(minutes)
    }

    fn read(wall: i64, running: u64) -> Reading {
        Reading {
            wall: at(wall),
            running: std::time::Duration::from_secs(running * 60),
        }
    }

    #[test]
    fn follows_the_machine_whatever_the_wall_clock_does() {
        let table = [
            // (wall, running, now expected, leap)
            (1, 1, 1, false),
            (-59, 2, 2, false),   // set back an hour: keeps its pace
            (-49, 12, 12, false), // and goes on
            (70, 13, 70, true),   // forward an hour: followed, not trusted
            (80, 23, 80, true),   // time passing does not confirm it
            (24, 24, 81, false),  // the wall clock returns: trusted again, and still never back
            (82, 25, 82, false),
        ];
        let mut line = Timeline::start(read(0, 0), None);
        for (wall, running, expected, leap) in table {
            assert_eq!(
                line.now(read(wall, running)),
                at(expected),
                "wall {wall}, running {running}"
            );
            assert_eq!(line.leap().is_some(), leap, "wall {wall}, running {running}");
        }
    }

    #[test]
    fn starts_no_earlier_than_it_ended() {
        assert_eq!(Timeline::start(read(0, 0), Some(at(30))).now(read(1, 1)), at(31));
        assert_eq!(
            Timeline::start(read(90, 0), Some(at(30))).now(read(91, 1)),
            at(91)
        );
    }

    #[test]
    fn an_admin_can_agree_to_a_leap() {
        let mut line = Timeline::start(read(0, 0), None);
        line.now(read(60, 1));
        line.agree();
        assert_eq!(line.now(read(61, 2)), at(61));
        assert!(line.leap().is_none());
    }
}
