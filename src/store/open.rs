//! The opening of a store: whose it is, whether there is room, what the index has come to, and the rest of the journal.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool},
};

use chrono::{DateTime, Utc};

use super::{
    Answer, Commit, DueOf, Quarantine, Result, StoreError,
    committer::{Committer, Draft, Request},
    files::{self, Layout, Lock, refused},
    index::{Fault, Index, Known},
    journal::{self, End, Journal, Point, Stop},
    line::{self, Facts, Place},
    pending::Pending,
    rebuild,
    scan::Scan,
    sled::{OpenOptions, Shared},
    watch::Watch,
};
use crate::domain::audit::{Actor, Entry};

/// Lines that are taken into the index at once.
const CHUNK: usize = 512;

/// What keeps the index from following the journal.
#[derive(Debug)]
pub(crate) enum Trouble {
    Journal(Stop),
    Index(Fault),
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        Self::Journal(stop)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Index(fault)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Journal(Stop::Failed(error))
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Journal(stop) => stop.into(),
            Trouble::Index(fault) => fault.into_error(),
        }
    }
}

/// Opens a store and returns what will write to it.
pub(crate) fn open(options: OpenOptions) -> Result<Committer> {
    let layout = Layout::new(&options.path);
    files::private_dir(&layout.root)?;
    let lock = Lock::take(&layout)?;
    files::make_room(&layout, options.ballast)?;
    let dir = layout.journal();
    files::private_dir(&dir)?;
    if journal::segments(&dir)?.is_empty() {
        begin(&layout)?;
    }
    let (index, known, end) = index(&layout, &options)?;
    let journal = Journal::resume(&dir, &end)?;
    // Only now is a new index as good as the one it stands for.
    remove(&layout.suspect())?;
    let place = lock.place(&layout)?;
    let shared = Shared {
        index,
        layout,
        due_of: options.due_of,
        meta: Mutex::new(known.meta()),
        scanned: AtomicBool::new(false),
        ballast: options.ballast,
        low_space: options.low_space,
        on_poison: options.on_poison,
        poisoned: OnceLock::new(),
        watch: Watch::new(),
        _lock: lock,
    };
    let mut committer = Committer {
        shared: Arc::new(shared),
        journal,
        known,
        scan: Some(Scan::new()),
        segment_limit: options.segment_limit,
    };
    settle_in(&mut committer, place, options.schema, options.now)?;
    Ok(committer)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(refused("remove", path, &e)),
    }
}

/// Starts a journal where there is none, unless something tells that there was one.
fn begin(layout: &Layout) -> Result<()> {
    if layout.index().exists() {
        return Err(StoreError::Refused(format!(
            "the journal of the store {} is missing though its index is there: restore it from a backup",
            layout.root.display()
        )));
    }
    let store_id = hex::encode(rand::random::<[u8; 16]>());
    let nothing = Point {
        segment: 0,
        offset: 0,
        seq: 0,
        head: line::ROOT.into(),
    };
    Journal::begin(&layout.journal(), &store_id, &nothing, None).map(|_| ())
}

/// Opens the index and brings it up to the journal; makes a new one where the old one is damaged.
fn index(layout: &Layout, options: &OpenOptions) -> Result<(Index, Known, End)> {
    let why = if layout.suspect().exists() {
        fs::read_to_string(layout.suspect()).unwrap_or_default()
    } else {
        match follow(layout, options) {
            Ok(followed) => return Ok(followed),
            Err(Trouble::Index(Fault::Damaged(why))) => why,
            Err(trouble) => return Err(trouble.into()),
        }
    };
    put_aside(layout, &why)?;
    rebuild::rebuild(layout, options)
}

fn put_aside(layout: &Layout, why: &str) -> Result<()> {
    let (index, aside) = (layout.index(), layout.damaged_index());
    if !index.exists() {
        return Ok(());
    }
    tracing::warn!(%why, aside = %aside.display(), "the index is put aside and made anew from the journal");
    let failed = |e| refused("put aside", &index, &e);
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(failed)?;
    }
    fs::rename(&index, &aside).map_err(failed)?;
    files::sync_dir(&layout.root).map_err(failed)
}

/// Opens the index as it is, and takes in what the journal has beyond it.
fn follow(layout: &Layout, options: &OpenOptions) -> std::result::Result<(Index, Known, End), Trouble> {
    let dir = layout.journal();
    if !layout.index().exists() {
        return Ok(rebuild::rebuild(layout, options)?);
    }
    let index = Index::open(&layout.index())?;
    let Some(known) = index.known()? else {
        return Err(Fault::Damaged("it was never finished".into()).into());
    };
    newer(&known, options.schema)?;
    same_story(&dir, &known)?;
    let from = known.point.clone();
    let (known, end) = replay(&index, options.due_of, known, &dir, from, u32::MIN)?;
    Ok((index, known, end))
}

/// Refuses a store that a newer program has written.
pub(crate) fn newer(known: &Known, schema: u32) -> Result<()> {
    let theirs = known.facts.schema;
    if theirs > schema {
        return Err(StoreError::Refused(format!(
            "the store was written by a newer Latchkey (records of version {theirs}, this one knows {schema}): run that one, or restore a backup made before the upgrade"
        )));
    }
    Ok(())
}

/// Sees that the journal holds the very line that the index has come to.
fn same_story(dir: &Path, known: &Known) -> Result<()> {
    let point = &known.point;
    let (header, start) = journal::header(dir, point.segment)?;
    let path = journal::segment_path(dir, point.segment);
    let other = || {
        StoreError::Refused(format!(
            "the index and the journal {} do not belong together: if the journal is the right one, move `index` away and it is made anew",
            path.display()
        ))
    };
    if header.store_id != known.facts.store_id {
        return Err(other());
    }
    if point.offset == start.offset {
        return if point.head == start.head {
            Ok(())
        } else {
            Err(other())
        };
    }
    let failed = |e| refused("read", &path, &e);
    let file = File::open(&path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() < point.offset {
        return Err(StoreError::Refused(format!(
            "the journal's end is missing: {} is shorter than when its last line was acknowledged. Restore it from a backup",
            path.display()
        )));
    }
    let seal = format!("\"{}\"}}\n", point.head);
    let mut found = vec![0; seal.len()];
    let at = point.offset.checked_sub(seal.len() as u64).ok_or_else(other)?;
    file.read_exact_at(&mut found, at).map_err(failed)?;
    if found == seal.as_bytes() {
        Ok(())
    } else {
        Err(other())
    }
}

/// Takes the lines after `from` into the index; of those before segment `base` only what the audit needs.
pub(crate) fn replay(
    index: &Index,
    due_of: DueOf,
    known: Known,
    dir: &Path,
    from: Point,
    base: u32,
) -> std::result::Result<(Known, End), Trouble> {
    let mut pending = Some(Pending::new(index, due_of, known));
    let mut taken = 0;
    let mut before_base = true;
    let end = journal::read(dir, from, |line, spot, end: &Point| {
        let current = pending.take();
        let mut current =
            current.ok_or_else(|| StoreError::Failed("a replay went on after its end".into()))?;
        let is_before = spot.segment < base;
        if taken == CHUNK || is_before != before_base {
            current = apply(index, due_of, current, before_base)?;
            taken = 0;
        }
        before_base = is_before;
        taken += 1;
        if is_before {
            current.take_audit(&line, spot);
        } else {
            let dues = current.dues(&line.writes)?;
            current.take(&line, dues, spot, end.clone())?;
        }
        pending = Some(current);
        Ok::<(), Trouble>(())
    })?;
    let mut known = match pending {
        Some(rest) => apply(index, due_of, rest, before_base)?.known,
        None => return Err(StoreError::Failed("a replay lost its way".into()).into()),
    };
    // A segment that has no line yet moves the end of the chain as well.
    known.point = end.point.clone();
    Ok((known, end))
}

fn apply<'a>(
    index: &'a Index,
    due_of: DueOf,
    pending: Pending<'a>,
    only_audit: bool,
) -> std::result::Result<Pending<'a>, Trouble> {
    let known = if only_audit {
        let known = pending.known.clone();
        index.apply(pending.finish_audit())?;
        known
    } else {
        let (batch, known, _) = pending.finish()?;
        index.apply(batch)?;
        known
    };
    Ok(Pending::new(index, due_of, known))
}

/// Records what is new about the store itself: that it exists, moved, or is written by a newer program now.
fn settle_in(committer: &mut Committer, place: Place, schema: u32, now: DateTime<Utc>) -> Result<()> {
    let was = committer.known.facts.clone();
    let is_new = was.place == Place::default();
    let moved = !is_new && was.place != place;
    let mut facts = Facts {
        place,
        schema,
        ..was.clone()
    };
    let mut audit = Vec::new();
    if moved {
        let why = moved_text(&was.place, &facts.place);
        audit.push(Entry::new(Actor::Latchkey, "quarantined").fact("why", &why));
        facts.epoch = next_epoch(was.epoch, now);
        facts.quarantine = facts.quarantine.or(Some(Quarantine { since: now, why }));
    }
    if facts == was {
        return Ok(());
    }
    let commit = Commit {
        id: format!("open-{}-{}", facts.epoch, committer.journal.point.seq + 1),
        now,
        writes: Vec::new(),
        audit,
    };
    let shared = Arc::clone(&committer.shared);
    let mut draft = Draft::new(&shared, &committer.known, &committer.journal);
    let request = Request {
        commit,
        facts: Some(facts),
    };
    match draft.decide(request).map_err(Fault::into_error)?? {
        Answer::Committed { .. } => {}
        Answer::Conflict { .. } | Answer::Unknown => {
            return Err(StoreError::Failed("the opening could not be recorded".into()));
        }
    }
    let known = draft
        .land(&mut committer.journal, None)
        .map_err(Fault::into_error)?;
    committer.publish(known);
    Ok(())
}

fn moved_text(was: &Place, is: &Place) -> String {
    let what = if was.machine != is.machine {
        "from another machine"
    } else if was.path != is.path {
        "from another place"
    } else {
        "from a copy"
    };
    format!(
        "the store comes {what} (it was at {}, now it is at {}): make sure that no other Latchkey runs on the original",
        was.path, is.path
    )
}

/// Higher than that of any earlier life of the store, also if the same old backup is restored twice: minutes since 1970.
pub(crate) fn next_epoch(was: u32, now: DateTime<Utc>) -> u32 {
    let minutes = u32::try_from(now.timestamp() / 60).unwrap_or(0);
    minutes.max(was.saturating_add(1))
}
