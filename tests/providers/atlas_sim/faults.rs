//! Ways to be unkind, for each line into the simulator separately.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The call never takes effect.
    Before,
    /// It does, and its answer is lost.
    After,
}

#[derive(Debug, Clone)]
pub enum Fault {
    /// The `nth` call from now on (from 1) is cut; so are all after it. Calls that only fetch a nonce or a token do not count:
    /// which of them are made depends on what was asked before.
    Cut { nth: u32, side: Side },
    /// The next calls are refused with 429; with `ip` as Atlas refuses too many invitations, with 400.
    TooMany { calls: u32, ip: bool },
    /// The next changes are refused as Atlas refuses too many invitations, with 400; what is only read is not.
    RefuseWrites { calls: u32 },
    /// Calls whose path and query contain this text answer so, so many times; forever where that is `u32::MAX`.
    Answer { path: String, status: u16, times: u32 },
    /// Ends the answers for a path.
    Mend { path: String },
}

#[derive(Default)]
struct Set {
    cut: Option<(u32, Side)>,
    was_cut: bool,
    too_many: (u32, bool),
    refuse_writes: u32,
    answers: Vec<(String, u16, u32)>,
}

#[derive(Default)]
pub struct Faults(Mutex<Set>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Served,
    Cut(Side),
    TooMany { ip: bool },
    Status(u16),
}

impl Faults {
    fn set(&self) -> MutexGuard<'_, Set> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, fault: &Fault) {
        let mut set = self.set();
        match fault {
            Fault::Cut { nth, side } => set.cut = Some((*nth, *side)),
            Fault::TooMany { calls, ip } => set.too_many = (*calls, *ip),
            Fault::RefuseWrites { calls } => set.refuse_writes = *calls,
            Fault::Answer { path, status, times } => set.answers.push((path.clone(), *status, *times)),
            Fault::Mend { path } => set.answers.retain(|(known, ..)| known != path),
        }
    }

    pub fn was_cut(&self) -> bool {
        self.set().was_cut
    }

    /// The fate of a call with a proof.
    pub fn next(&self, path: &str, writes: bool) -> Fate {
        let mut set = self.set();
        if let Some((nth, side)) = set.cut {
            set.cut = Some((nth.saturating_sub(1), side));
            match nth {
                1 => {
                    set.was_cut = true;
                    return Fate::Cut(side);
                }
                // Cut already: nothing gets through any more.
                0 => return Fate::Cut(Side::Before),
                _ => {}
            }
        }
        let (left, ip) = set.too_many;
        if left > 0 {
            set.too_many.0 -= 1;
            return Fate::TooMany { ip };
        }
        if writes && set.refuse_writes > 0 {
            set.refuse_writes -= 1;
            return Fate::TooMany { ip: true };
        }
        for (part, status, times) in &mut set.answers {
            if path.contains(part.as_str()) && *times > 0 {
                *times = if *times == u32::MAX { *times } else { *times - 1 };
                return Fate::Status(*status);
            }
        }
        Fate::Served
    }
}
