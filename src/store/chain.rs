//! Reading a journal on its own, without its index: is the chain whole, and what does it come to?

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Result, StoreError,
    compact::REMEMBER_REMOVED_DAYS,
    export::{self, Gone, Item, Kept, Top},
    files::Layout,
    journal::{self, Broken, End, Point, Stop},
    line::{Facts, Line},
};
use crate::domain::{Key, Kind};

/// What a look at the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    pub store_id: String,
    /// Files of the journal, and lines in them, up to the first that is broken.
    pub segments: usize,
    pub lines: u64,
    pub audit_entries: u64,
    /// The last good line, and the end of the chain there (hex).
    pub seq: u64,
    pub head: String,
    /// Bytes at the end that were being written when the process died; never acknowledged, so nothing is lost.
    pub torn_bytes: u64,
    /// The first thing that is not as it was written. `None` if all is well.
    pub broken: Option<String>,
}

/// Reads the whole journal of a store: every hash, every link, every record's versions without a gap. Changes nothing, and
/// may be asked of a store that is in use.
///
/// # Errors
/// `Refused` if there is no journal or it cannot be read at all. Damage is no error: it is in the report.
pub fn verify(store: &Path) -> Result<ChainReport> {
    let dir = Layout::new(store).journal();
    let numbers = journal::segments(&dir)?;
    let Some(first) = numbers.first() else {
        return Err(StoreError::Refused(format!(
            "{} holds no journal",
            store.display()
        )));
    };
    let mut report = ChainReport {
        store_id: String::new(),
        segments: numbers.len(),
        lines: 0,
        audit_entries: 0,
        seq: 0,
        head: String::new(),
        torn_bytes: 0,
        broken: None,
    };
    match walk(&dir, *first, &mut report) {
        Ok(end) => {
            report.store_id = end.store_id;
            report.torn_bytes = end.torn;
            report.seq = end.point.seq;
            report.head = end.point.head;
            Ok(report)
        }
        Err(Stop::Broken(broken)) => {
            report.broken = Some(StoreError::from(broken).to_string());
            Ok(report)
        }
        Err(Stop::Failed(error)) => Err(error),
    }
}

fn walk(dir: &Path, first: u32, report: &mut ChainReport) -> std::result::Result<End, Stop> {
    let (header, from) = journal::header(dir, first)?;
    let mut versions = Versions {
        seen: HashMap::new(),
        from_start: header.export.is_none(),
    };
    report.store_id = header.store_id;
    exports(dir)?;
    journal::read(dir, from, |line, spot, point| {
        versions.take(&line).map_err(|why| {
            Stop::Broken(Broken {
                file: journal::segment_path(dir, spot.segment),
                line: 0,
                why: format!("line with number {}: {why}", line.seq),
            })
        })?;
        report.lines += 1;
        report.audit_entries += line.audit.len() as u64;
        report.seq = point.seq;
        report.head.clone_from(&point.head);
        Ok(())
    })
}

/// The exports that are kept must be those that the journal names.
fn exports(dir: &Path) -> std::result::Result<(), Stop> {
    for number in journal::segments(dir)? {
        let (header, _) = journal::header(dir, number)?;
        let Some(named) = header.export else { continue };
        let file = dir.join(&named.file);
        if !file.exists() {
            continue;
        }
        let broken = |why: String| {
            Stop::Broken(Broken {
                file: file.clone(),
                line: 0,
                why,
            })
        };
        match export::read(&file, |_| Ok::<(), StoreError>(())) {
            Ok((_, sha256)) if sha256 == named.sha256 => {}
            Ok(_) => return Err(broken("it is not the export that the journal names".into())),
            Err(error) => return Err(broken(error.to_string())),
        }
    }
    Ok(())
}

/// The history of every record: 1, 2, 3 …
struct Versions {
    seen: HashMap<Key, (u64, Option<DateTime<Utc>>)>,
    /// Whether the journal is there from its beginning; else a record may have a past that we do not see.
    from_start: bool,
}

impl Versions {
    fn take(&mut self, line: &Line) -> std::result::Result<(), String> {
        for write in &line.writes {
            let removed = write.value.is_none().then_some(line.now);
            let was = self.seen.insert(write.key(), (write.version, removed));
            let follows = match was {
                Some((version, _)) if write.version == version + 1 => true,
                Some((_, Some(removed))) => write.version == 1 && is_forgotten(removed, line.now),
                Some((_, None)) => false,
                None => write.version == 1 || !self.from_start,
            };
            if !follows {
                let before = was.map_or(0, |(version, _)| version);
                return Err(format!(
                    "{} jumps from version {before} to {}",
                    write.key(),
                    write.version
                ));
            }
        }
        Ok(())
    }
}

fn is_forgotten(removed: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - removed >= chrono::TimeDelta::days(REMEMBER_REMOVED_DAYS)
}

/// All that a journal comes to, in memory.
pub(crate) struct Replica {
    pub(crate) facts: Option<Facts>,
    pub(crate) last_now: Option<DateTime<Utc>>,
    pub(crate) end: End,
    pub(crate) records: BTreeMap<(Kind, String), Slot>,
}

pub(crate) enum Slot {
    Live(u64, Box<RawValue>),
    Gone(u64, u64),
}

impl Replica {
    /// Reads a journal from its youngest full export on. `watch` sees the end of the chain after each line.
    pub(crate) fn read(dir: &Path, mut watch: impl FnMut(&Point)) -> Result<Self> {
        let numbers = journal::segments(dir)?;
        let base = super::rebuild::base(dir, &numbers)?;
        let mut facts = None;
        let mut last_now = None;
        let mut records = BTreeMap::new();
        if let Some(path) = &base.export {
            let (top, _) = export::read(path, |item| {
                take_item(&mut records, item);
                Ok::<(), StoreError>(())
            })?;
            facts = Some(top.facts);
            last_now = top.last_now;
        }
        watch(&base.point);
        let end = journal::read(dir, base.point, |line, _, point| {
            last_now = last_now.max(Some(line.now));
            facts = line.facts.or(facts.take());
            let at = u64::try_from(line.now.timestamp_millis()).unwrap_or(0);
            for write in line.writes {
                let slot = match write.value {
                    Some(value) => Slot::Live(write.version, value),
                    None => Slot::Gone(write.version, at),
                };
                records.insert((write.kind, write.id), slot);
            }
            watch(point);
            Ok::<(), Stop>(())
        })?;
        Ok(Self {
            facts,
            last_now,
            end,
            records,
        })
    }
}

fn take_item(records: &mut BTreeMap<(Kind, String), Slot>, item: Item) {
    match item {
        Item::Record(kept) => {
            records.insert((kept.kind, kept.id), Slot::Live(kept.version, kept.value));
        }
        Item::Gone(gone) => {
            records.insert((gone.kind, gone.id), Slot::Gone(gone.version, gone.gone_at));
        }
        Item::Commit(_) => {}
    }
}

/// Writes all that a store holds to a file, from its journal alone: works without the index, and while the store is in use
/// (then up to some recent commit). Holds all records in memory. Returns the hash (hex).
///
/// # Errors
/// `Refused` if the journal is damaged or the file cannot be written.
pub fn export(store: &Path, to: &Path) -> Result<String> {
    let replica = Replica::read(&Layout::new(store).journal(), |_| {})?;
    let Some(facts) = replica.facts else {
        return Err(StoreError::Refused(format!(
            "the store {} was never opened",
            store.display()
        )));
    };
    let point = &replica.end.point;
    let top = Top::new(facts, replica.last_now, point.seq, point.head.clone());
    export::write(to, &top, |out| {
        let named = replica.records.iter();
        let live = named.clone().filter_map(|((kind, id), slot)| match slot {
            Slot::Live(version, value) => Some(Item::Record(Kept {
                kind: *kind,
                id: id.clone(),
                version: *version,
                value: value.clone(),
            })),
            Slot::Gone(..) => None,
        });
        let gone = named.filter_map(|((kind, id), slot)| match slot {
            Slot::Live(..) => None,
            Slot::Gone(version, at) => Some(Item::Gone(Gone {
                kind: *kind,
                id: id.clone(),
                version: *version,
                gone_at: *at,
            })),
        });
        live.chain(gone).try_for_each(|item| out.put(&item))
    })
}
