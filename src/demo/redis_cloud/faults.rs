//! Ways to be unkind, for each line into the simulator separately.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The call never takes effect.
    Before,
    /// It does, and its answer is lost.
    After,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Every call is cut before it takes effect, until the faults are cleared.
    Down,
    /// The `nth` call from now on (from 1) is cut; with `stays`, so are all after it.
    Cut { nth: u32, side: Side, stays: bool },
    /// The next calls are refused with 429.
    TooMany { calls: u32, retry_after: Option<u64> },
    /// After `skip` calls, the next ones get this status and an empty body.
    Status {
        #[serde(default)]
        skip: u32,
        calls: u32,
        status: u16,
    },
    /// The next calls take longer.
    Slow { calls: u32, ms: u64 },
    /// The next tasks end with this error.
    FailTasks { count: u32, error: String },
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Served,
    Cut(Side),
    TooMany(Option<u64>),
    Status(u16),
}

#[derive(Default)]
struct Set {
    down: bool,
    cut: Option<(u32, Side, bool)>,
    was_cut: bool,
    too_many: (u32, Option<u64>),
    status: (u32, u32, u16),
    slow: (u32, Duration),
}

#[derive(Default)]
pub struct Faults(Mutex<Set>);

impl Faults {
    fn set(&self) -> MutexGuard<'_, Set> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Failing tasks are the account's, not a line's: the caller sees to them.
    pub fn add(&self, fault: &Fault) {
        let mut set = self.set();
        match *fault {
            Fault::Down => set.down = true,
            Fault::Cut { nth, side, stays } => set.cut = Some((nth.max(1), side, stays)),
            Fault::TooMany { calls, retry_after } => set.too_many = (calls, retry_after),
            Fault::Status { skip, calls, status } => set.status = (skip, calls, status),
            Fault::Slow { calls, ms } => set.slow = (calls, Duration::from_millis(ms)),
            Fault::FailTasks { .. } => {}
        }
    }

    pub fn clear(&self) {
        *self.set() = Set::default();
    }

    /// Whether a call was cut since the last `clear`.
    pub fn was_cut(&self) -> bool {
        self.set().was_cut
    }

    /// The fate of the call that just came in, and how long it takes.
    pub fn next(&self) -> (Fate, Duration) {
        let mut set = self.set();
        let delay = if take_one(&mut set.slow.0) {
            set.slow.1
        } else {
            Duration::ZERO
        };
        (set.fate(), delay)
    }
}

impl Set {
    fn fate(&mut self) -> Fate {
        if self.down {
            return Fate::Cut(Side::Before);
        }
        if let Some((nth, side, stays)) = self.cut {
            self.cut = Some((nth.saturating_sub(1), side, stays));
            match nth {
                1 => {
                    self.was_cut = true;
                    return Fate::Cut(side);
                }
                // Cut already: nothing gets through any more.
                0 if stays => return Fate::Cut(Side::Before),
                _ => {}
            }
        }
        if take_one(&mut self.too_many.0) {
            return Fate::TooMany(self.too_many.1);
        }
        if !take_one(&mut self.status.0) && take_one(&mut self.status.1) {
            return Fate::Status(self.status.2);
        }
        Fate::Served
    }
}

fn take_one(left: &mut u32) -> bool {
    let any = *left > 0;
    *left = left.saturating_sub(1);
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_line_stays_cut_or_heals() {
        for (stays, last) in [(true, Fate::Cut(Side::Before)), (false, Fate::Served)] {
            let faults = Faults::default();
            faults.add(&Fault::Cut {
                nth: 2,
                side: Side::After,
                stays,
            });
            assert_eq!(faults.next().0, Fate::Served);
            assert!(!faults.was_cut());
            assert_eq!(faults.next().0, Fate::Cut(Side::After));
            assert!(faults.was_cut());
            assert_eq!(faults.next().0, last);
        }
    }

    #[test]
    fn faults_end_when_they_are_used_up() {
        let faults = Faults::default();
        faults.add(&Fault::TooMany {
            calls: 1,
            retry_after: Some(3),
        });
        faults.add(&Fault::Slow { calls: 1, ms: 5 });
        assert_eq!(faults.next(), (Fate::TooMany(Some(3)), Duration::from_millis(5)));
        assert_eq!(faults.next(), (Fate::Served, Duration::ZERO));
        faults.add(&Fault::Down);
        assert_eq!(faults.next().0, Fate::Cut(Side::Before));
        faults.clear();
        assert_eq!(faults.next().0, Fate::Served);
    }
}
