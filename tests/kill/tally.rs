//! What was checked, how often, and what was wrong; and the figures of the run.

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use latchkey::domain::{AppliedState, Verb};

use crate::{ledger::Ledger, store::Before};

/// Wrong things printed of each kind.
const SHOWN: usize = 5;

#[derive(Default)]
pub struct Tally {
    checks: BTreeMap<&'static str, Check>,
}

#[derive(Default)]
struct Check {
    looked: u64,
    wrong: usize,
}

impl Tally {
    /// One look at one thing. `wrong` says what is, only if something is.
    pub fn check(&mut self, name: &'static str, right: bool, wrong: impl FnOnce() -> String) {
        let check = self.checks.entry(name).or_default();
        check.looked += 1;
        if !right {
            check.wrong += 1;
            if check.wrong <= SHOWN {
                println!("WRONG {name}: {}", wrong());
            }
        }
    }

    /// Whether going on would only repeat it.
    pub fn is_hopeless(&self) -> bool {
        self.checks.values().any(|check| check.wrong > 50)
    }

    /// Acknowledged things that were gone.
    fn lost(&self) -> usize {
        let lost = self.checks.iter().filter(|(name, _)| name.ends_with(" is lost"));
        lost.map(|(_, check)| check.wrong).sum()
    }

    /// The closing line.
    pub fn close(self, skipped: u32) -> ExitCode {
        let mut failed = 0;
        for (name, check) in &self.checks {
            println!("  {name}: looked {}, wrong {}", check.looked, check.wrong);
            if check.wrong > 0 {
                failed += 1;
                println!("FAILED kill: {name}");
            }
        }
        println!(
            "kill: {} passed, {failed} failed, {skipped} skipped",
            self.checks.len() - failed
        );
        if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
pub struct Figures {
    pub kills: u64,
    pub kills_during_start: u64,
    pub drains: u64,
    pub slowest_drain: Duration,
    pub duplicates: usize,
    pub sessions: usize,
    /// Spent on the checks that follow each kill.
    pub checking: Duration,
}

impl Figures {
    /// Whether there was something of everything to lose; without it the checks prove little.
    pub fn reached(&self, store: &Before, ledger: &Ledger) -> bool {
        let told = ledger.look();
        let granted = |lease: &latchkey::domain::Lease| lease.granted_at.is_some();
        store.leases.values().any(granted)
            && !told.votes.is_empty()
            && told.shown.iter().any(|shown| shown.worked)
            && (self.kills < 20 || !told.finished.is_empty() && !told.cancelled.is_empty())
    }

    pub fn print(&self, store: &Before, ledger: &Ledger, tally: &Tally, took: Duration) {
        let ledger = ledger.look();
        let decided = |verb: Verb| {
            let is_so = |request: &&latchkey::domain::Request| {
                request
                    .decision
                    .as_ref()
                    .is_some_and(|decision| decision.what == verb)
            };
            store.requests.values().filter(is_so).count()
        };
        let granted = store
            .leases
            .values()
            .filter(|lease| lease.granted_at.is_some())
            .count();
        let closed = store
            .leases
            .values()
            .filter(|lease| lease.closed.is_some())
            .count();
        let begun = store
            .accounts
            .values()
            .flat_map(|account| account.applied.values());
        println!(
            "{} kills in {:.0} s, {} of them during start; {:.0} s of it went into the checks after each",
            self.kills,
            took.as_secs_f64(),
            self.kills_during_start,
            self.checking.as_secs_f64(),
        );
        println!(
            "{} requests ({} acknowledged), {} approved ({} votes acknowledged), {} denied, {} cancelled, {} expired",
            store.requests.len(),
            ledger.asked.len(),
            decided(Verb::Approved),
            ledger.votes.len(),
            decided(Verb::Denied),
            decided(Verb::Cancelled),
            decided(Verb::Expired),
        );
        println!(
            "{} leases: {granted} granted, {closed} seen to be over, {} still in a target",
            store.leases.len(),
            begun
                .filter(|applied| applied.state != AppliedState::TakenBack)
                .count(),
        );
        println!(
            "{} credentials shown ({} worked at once), {} sessions opened with them",
            ledger.shown.len(),
            ledger.shown.iter().filter(|shown| shown.worked).count(),
            self.sessions,
        );
        println!(
            "{} drains, the slowest {:.1} s; {} cards posted twice around a kill; lost {}",
            self.drains,
            self.slowest_drain.as_secs_f64(),
            self.duplicates,
            tally.lost(),
        );
    }
}
