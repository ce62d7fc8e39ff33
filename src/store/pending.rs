//! What a batch of lines does to the index, collected until the journal holds it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{
    DueOf, Result, StoreError, envelope,
    index::{Fault, Index, Known, Sums, bare, meta_value, unreadable},
    journal::{Point, Spot},
    keys,
    line::{Line, LineWrite},
    rules::{self, Standing},
};
use crate::domain::Key;

/// A record while a batch is being decided.
#[derive(Debug, Clone)]
struct Slot {
    standing: Standing,
    /// Envelope and due key as they are in the index now, and as they will be.
    was: Side,
    will: Side,
    removed_at: i64,
}

#[derive(Debug, Clone, Default)]
struct Side {
    envelope: Option<Vec<u8>>,
    due: Option<Vec<u8>>,
}

/// What a batch of lines does to the index, collected until the journal holds it.
pub(crate) struct Pending<'a> {
    index: &'a Index,
    due_of: DueOf,
    slots: HashMap<Key, Slot>,
    commits: HashMap<String, (u64, u64)>,
    audits: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) known: Known,
}

/// The change of one record, for a scan that is under way.
pub(crate) struct Changed {
    pub(crate) record: Vec<u8>,
    pub(crate) was: Option<Vec<u8>>,
    pub(crate) will: Option<Vec<u8>>,
    pub(crate) due_was: Option<Vec<u8>>,
    pub(crate) due_will: Option<Vec<u8>>,
}

impl Changed {
    pub(crate) fn was_pair(&self) -> Option<(&[u8], &[u8])> {
        self.was.as_deref().map(|value| (self.record.as_slice(), value))
    }

    pub(crate) fn will_pair(&self) -> Option<(&[u8], &[u8])> {
        self.will.as_deref().map(|value| (self.record.as_slice(), value))
    }
}

impl<'a> Pending<'a> {
    pub(crate) fn new(index: &'a Index, due_of: DueOf, known: Known) -> Self {
        Self {
            index,
            due_of,
            slots: HashMap::new(),
            commits: HashMap::new(),
            audits: Vec::new(),
            known,
        }
    }

    pub(crate) fn commit(&self, id: &str) -> std::result::Result<Option<(u64, u64)>, Fault> {
        match self.commits.get(id) {
            Some(pair) => Ok(Some(*pair)),
            None => self.index.commit(id),
        }
    }

    pub(crate) fn standing(&mut self, key: &Key) -> std::result::Result<Standing, Fault> {
        self.slot(key).map(|slot| slot.standing)
    }

    fn slot(&mut self, key: &Key) -> std::result::Result<&mut Slot, Fault> {
        if !self.slots.contains_key(key) {
            let slot = load(self.index, self.due_of, key)?;
            self.slots.insert(key.clone(), slot);
        }
        self.slots
            .get_mut(key)
            .ok_or_else(|| Fault::Failed(StoreError::Failed("a record was lost on the way".into())))
    }

    /// When the values of a line are due. Asked before the line is written, since it may refuse.
    pub(crate) fn dues(&self, writes: &[LineWrite]) -> Result<Vec<Option<Vec<u8>>>> {
        let due = |write: &LineWrite| match &write.value {
            Some(value) => {
                let key = write.key();
                let due = rules::due(self.due_of, &key, value.get().as_bytes())?;
                Ok(due.map(|due| keys::due(&due, &key)))
            }
            None => Ok(None),
        };
        writes.iter().map(due).collect()
    }

    /// Takes a line in that ends at `end`.
    pub(crate) fn take(
        &mut self,
        line: &Line,
        dues: Vec<Option<Vec<u8>>>,
        spot: Spot,
        end: Point,
    ) -> std::result::Result<(), Fault> {
        for (write, due) in line.writes.iter().zip(dues) {
            self.write(write, due, line.now)?;
        }
        self.commits
            .insert(line.commit.clone(), (line.seq, line.digest()));
        self.take_audit(line, spot);
        if let Some(facts) = &line.facts {
            self.known.facts = facts.clone();
        }
        self.known.last_now = self.known.last_now.max(Some(line.now));
        self.known.point = end;
        Ok(())
    }

    /// Takes in only what the audit needs of a line: what it wrote is in a full export already.
    pub(crate) fn take_audit(&mut self, line: &Line, spot: Spot) {
        let place = keys::spot(spot, line.now.timestamp_millis());
        for entry in &line.audit {
            let keys = keys::audits(entry, line.seq).into_iter();
            self.audits.extend(keys.map(|key| (key, place.clone())));
        }
    }

    /// The change that lines taken by `take_audit` come to.
    pub(crate) fn finish_audit(self) -> sled::Batch {
        let mut batch = sled::Batch::default();
        for (key, value) in self.audits {
            batch.insert(key, value);
        }
        batch
    }

    fn write(
        &mut self,
        write: &LineWrite,
        due: Option<Vec<u8>>,
        now: DateTime<Utc>,
    ) -> std::result::Result<(), Fault> {
        let key = write.key();
        let record = keys::record(&key);
        let slot = self.slot(&key)?;
        slot.standing = Standing {
            version: write.version,
            live: write.value.is_some(),
        };
        let json = write.value.as_ref().map(|value| value.get().as_bytes());
        slot.will = Side {
            envelope: json.map(|json| envelope::wrap(&record, write.version, json)),
            due,
        };
        slot.removed_at = now.timestamp_millis();
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.commits.is_empty()
    }

    /// The one change that all of it comes to.
    pub(crate) fn finish(mut self) -> Result<(sled::Batch, Known, Vec<Changed>)> {
        let mut batch = sled::Batch::default();
        let mut changes = Vec::new();
        for (key, slot) in self.slots {
            if slot.was.envelope == slot.will.envelope && slot.standing.live {
                continue;
            }
            let change = Changed {
                record: keys::record(&key),
                was: slot.was.envelope,
                will: slot.will.envelope,
                due_was: slot.was.due,
                due_will: slot.will.due,
            };
            if change.was.is_none() && change.will.is_none() && slot.removed_at == i64::MIN {
                // Only looked at.
                continue;
            }
            write_change(&mut batch, &key, &change, slot.standing, slot.removed_at);
            count(&mut self.known.sums, &change);
            changes.push(change);
        }
        for (id, (seq, digest)) in self.commits {
            batch.insert(keys::commit(&id), keys::pair(seq, digest));
        }
        for (key, value) in self.audits {
            batch.insert(key, value);
        }
        batch.insert(keys::META, meta_value(&self.known)?);
        Ok((batch, self.known, changes))
    }
}

/// A record's place in a batch as the index has it.
fn load(index: &Index, due_of: DueOf, key: &Key) -> std::result::Result<Slot, Fault> {
    let bytes = keys::record(key);
    let mut standing = Standing::default();
    let mut side = Side::default();
    if let Some(value) = index.raw(&bytes)? {
        let stored = envelope::unwrap(&bytes, &value).map_err(|flaw| unreadable(flaw, key))?;
        let due = rules::due(due_of, key, &stored.value).map_err(Fault::Failed)?;
        side.envelope = Some(value.to_vec());
        side.due = due.map(|due| keys::due(&due, key));
        standing = Standing {
            version: stored.version,
            live: true,
        };
    } else if let Some(value) = index.raw(&keys::gone(key))? {
        let pair = keys::read_pair(&value);
        let (version, _) = pair.ok_or_else(|| Fault::Damaged("a removal's entry is damaged".into()))?;
        standing.version = version;
    }
    Ok(Slot {
        standing,
        was: side.clone(),
        will: side,
        removed_at: i64::MIN,
    })
}

fn write_change(batch: &mut sled::Batch, key: &Key, change: &Changed, standing: Standing, at: i64) {
    if change.due_was != change.due_will {
        if let Some(due) = &change.due_was {
            batch.remove(due.as_slice());
        }
        if let Some(due) = &change.due_will {
            batch.insert(due.as_slice(), &[]);
        }
    }
    match &change.will {
        Some(envelope) => {
            batch.insert(change.record.as_slice(), envelope.as_slice());
            if change.was.is_none() {
                batch.remove(keys::gone(key));
            }
        }
        None => {
            batch.remove(change.record.as_slice());
            let at = u64::try_from(at).unwrap_or(0);
            batch.insert(keys::gone(key), keys::pair(standing.version, at));
        }
    }
}

fn count(sums: &mut Sums, change: &Changed) {
    sums.records.exchange(change.was_pair(), change.will_pair());
    sums.dues
        .exchange(bare(change.due_was.as_deref()), bare(change.due_will.as_deref()));
}
