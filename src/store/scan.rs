//! The look at the whole index that follows an opening: every record whole, readable and due where it should be, none
//! missing. It goes in small steps between commits, on the committer's thread, so that nothing moves meanwhile.

use super::{
    DueOf, envelope,
    index::{Fault, Index, Sum, Sums, bare, unreadable},
    keys,
    pending::Changed,
    rules,
};

const STEP: usize = 256;

/// How far it has come, and what that adds up to.
pub(crate) struct Scan {
    phase: Phase,
    /// Nothing up to and including this key is left to look at in this phase.
    done: Vec<u8>,
    records: Sum,
    /// Due entries as the records say, and as they are.
    derived: Sum,
    dues: Sum,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Records,
    Dues,
}

/// Whether there is more to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    More,
    Whole,
}

impl Scan {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Records,
            done: b"r".to_vec(),
            records: Sum::default(),
            derived: Sum::default(),
            dues: Sum::default(),
        }
    }

    /// Looks at the next few. `sums` is what the index claims to hold.
    pub(crate) fn step(&mut self, index: &Index, due_of: DueOf, sums: &Sums) -> Result<Progress, Fault> {
        let mut start = self.done.clone();
        start.push(0);
        let end: &[u8] = match self.phase {
            Phase::Records => b"s",
            Phase::Dues => b"e",
        };
        let page = index.page(&start, end, STEP)?;
        for (key, value) in &page {
            match self.phase {
                Phase::Records => self.record(due_of, key, value)?,
                Phase::Dues => self.dues.add(key, &[]),
            }
            self.done = key.to_vec();
        }
        if page.len() == STEP {
            return Ok(Progress::More);
        }
        match self.phase {
            Phase::Records => {
                self.phase = Phase::Dues;
                self.done = b"d".to_vec();
                Ok(Progress::More)
            }
            Phase::Dues => self.compare(sums),
        }
    }

    fn record(&mut self, due_of: DueOf, bytes: &[u8], value: &[u8]) -> Result<(), Fault> {
        let damaged = || Fault::Damaged("the key of a record is damaged".into());
        let name = keys::name(bytes).ok_or_else(damaged)?;
        let stored = envelope::unwrap(bytes, value).map_err(|flaw| unreadable(flaw, &name))?;
        self.records.add(bytes, value);
        if let Some(due) = rules::due(due_of, &name, &stored.value).map_err(Fault::Failed)? {
            self.derived.add(&keys::due(&due, &name), &[]);
        }
        Ok(())
    }

    /// Follows a change that was made while the scan is under way.
    pub(crate) fn follow(&mut self, change: &Changed) {
        if self.phase == Phase::Dues || change.record <= self.done {
            self.records.exchange(change.was_pair(), change.will_pair());
            self.derived
                .exchange(bare(change.due_was.as_deref()), bare(change.due_will.as_deref()));
        }
        if self.phase == Phase::Dues {
            let passed = |key: &&[u8]| *key <= self.done.as_slice();
            let was = change.due_was.as_deref().filter(passed);
            let will = change.due_will.as_deref().filter(passed);
            self.dues.exchange(bare(was), bare(will));
        }
    }

    fn compare(&self, sums: &Sums) -> Result<Progress, Fault> {
        if self.records != sums.records {
            let (found, should) = (self.records.count, sums.records.count);
            return Err(Fault::Damaged(format!(
                "it holds {found} records where {should} should be, or others"
            )));
        }
        if self.derived != sums.dues || self.dues != sums.dues {
            return Err(Fault::Damaged(
                "its due entries are not those of its records".into(),
            ));
        }
        Ok(Progress::Whole)
    }
}
