//! The index, made anew from the journal: from the youngest full export that is whole, and the lines after it.

use std::path::Path;

use super::{
    Result, StoreError, envelope,
    export::{self, Item, Top},
    files::{self, Layout},
    index::{Fault, Index, Known, meta_value},
    journal::{self, End, Point},
    keys,
    line::{Facts, Place},
    open::{newer, replay},
    rules,
    sled::OpenOptions,
};
use crate::domain::Key;

const CHUNK: usize = 1024;

/// Makes a new index. What it knows of itself is written last, so that one that was never finished is seen.
pub(crate) fn rebuild(layout: &Layout, options: &OpenOptions) -> Result<(Index, Known, End)> {
    let dir = layout.journal();
    let numbers = journal::segments(&dir)?;
    let first = numbers.first().copied().unwrap_or(1);
    let base = base(&dir, &numbers)?;
    let index = Index::open(&layout.index()).map_err(Fault::into_error)?;
    let known = load(&index, &dir, &base, options).map_err(Fault::into_error)?;
    let (_, from) = journal::header(&dir, first)?;
    let (known, end) = replay(&index, options.due_of, known, &dir, from, base.point.segment)?;
    newer(&known, options.schema)?;
    finish(&index, &known).map_err(Fault::into_error)?;
    tracing::info!(
        records = known.sums.records.count,
        seq = known.point.seq,
        "the index was made from the journal"
    );
    Ok((index, known, end))
}

fn finish(index: &Index, known: &Known) -> std::result::Result<(), Fault> {
    let mut batch = sled::Batch::default();
    batch.insert(keys::META, meta_value(known).map_err(Fault::Failed)?);
    index.apply(batch)?;
    index.checkpoint()
}

/// Where a rebuilding starts.
pub(crate) struct Base {
    /// The first line after the export.
    pub(crate) point: Point,
    store_id: String,
    pub(crate) export: Option<std::path::PathBuf>,
}

/// The youngest segment whose export is there and whole; else the first one of all, if that began empty.
pub(crate) fn base(dir: &Path, numbers: &[u32]) -> Result<Base> {
    for number in numbers.iter().rev() {
        let (header, point) = journal::header(dir, *number)?;
        let store_id = header.store_id;
        let Some(export) = header.export else {
            return Ok(Base {
                point,
                store_id,
                export: None,
            });
        };
        let path = dir.join(&export.file);
        match export::read(&path, |_| Ok::<(), StoreError>(())) {
            Ok((_, sha256)) if sha256 == export.sha256 => {
                return Ok(Base {
                    point,
                    store_id,
                    export: Some(path),
                });
            }
            Ok(_) => tracing::warn!(file = %path.display(), "the export is not the one the journal names"),
            // The one before it will do, with more lines to read.
            Err(e) => tracing::warn!("{e}"),
        }
    }
    Err(StoreError::Refused(format!(
        "the index cannot be made anew: {} holds neither its first file nor a full export that is whole. Restore a backup",
        dir.display()
    )))
}

fn load(index: &Index, dir: &Path, base: &Base, options: &OpenOptions) -> std::result::Result<Known, Fault> {
    let facts = Facts {
        store_id: base.store_id.clone(),
        epoch: 1,
        schema: 0,
        place: Place::default(),
        quarantine: None,
    };
    let mut known = Known::new(facts, base.point.clone());
    let Some(path) = &base.export else {
        return Ok(known);
    };
    tracing::debug!(dir = %dir.display(), file = %path.display(), "starting from an export");
    let mut loading = Loading {
        index,
        options,
        known: &mut known,
        batch: sled::Batch::default(),
        count: 0,
    };
    let (top, _) =
        export::read(path, |item| loading.put(item).map_err(Fault::into_error)).map_err(Fault::Failed)?;
    loading.flush()?;
    let Top { facts, last_now, .. } = top;
    known.facts = facts;
    known.last_now = last_now;
    Ok(known)
}

struct Loading<'a> {
    index: &'a Index,
    options: &'a OpenOptions,
    known: &'a mut Known,
    batch: sled::Batch,
    count: usize,
}

impl Loading<'_> {
    fn put(&mut self, item: Item) -> std::result::Result<(), Fault> {
        match item {
            Item::Record(kept) => {
                let name = Key::new(kept.kind, kept.id);
                let key = keys::record(&name);
                let json = kept.value.get().as_bytes();
                let value = envelope::wrap(&key, kept.version, json);
                self.known.sums.records.add(&key, &value);
                self.batch.insert(key, value);
                if let Some(due) = rules::due(self.options.due_of, &name, json).map_err(Fault::Failed)? {
                    let due = keys::due(&due, &name);
                    self.known.sums.dues.add(&due, &[]);
                    self.batch.insert(due, &[]);
                }
            }
            Item::Gone(gone) => {
                let key = keys::gone(&Key::new(gone.kind, gone.id));
                self.batch.insert(key, keys::pair(gone.version, gone.gone_at));
            }
            Item::Commit(done) => {
                self.batch
                    .insert(keys::commit(&done.commit), keys::pair(done.seq, done.digest));
            }
        }
        self.count += 1;
        if self.count.is_multiple_of(CHUNK) {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> std::result::Result<(), Fault> {
        self.index.apply(std::mem::take(&mut self.batch))
    }
}

/// Puts the index away, so that the next opening makes a new one. For a store that is not open.
///
/// # Errors
/// `Refused` if the store is open or cannot be written.
pub fn forget_index(path: &Path) -> Result<()> {
    let layout = Layout::new(path);
    let _lock = files::Lock::take(&layout)?;
    let index = layout.index();
    match std::fs::remove_dir_all(&index) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(files::refused("remove", &index, &e)),
    }
}
