//! A full export from the index, and the closing of a segment of the journal, which begins the next one on an export.

use std::path::Path;

use super::{
    Result, StoreError,
    committer::Committer,
    envelope,
    export::{self, Done, Gone, Item, Kept, Top, Writer},
    index::{Fault, Index, Known, meta_value},
    journal::{self, ExportRef},
    keys, line,
    sled::Shared,
    watch::Watch,
};

const PAGE: usize = 1024;

/// How long the version of a removed record is remembered at least, so that whoever read it before cannot take a new one
/// under the same name for it.
pub(crate) const REMEMBER_REMOVED_DAYS: i64 = 30;

/// Writes all that the index holds to a file. Returns its hash.
pub(crate) fn export(shared: &Shared, known: &Known, path: &Path) -> Result<String> {
    write(shared, known, path, &Keep::ALL)
}

/// What of the past is carried into an export.
struct Keep {
    /// Commit ids of lines after this one.
    commits_after: u64,
    /// Removals since this time (ms).
    removed_since: u64,
}

impl Keep {
    const ALL: Self = Self {
        commits_after: 0,
        removed_since: 0,
    };

    fn removal(&self, (_, at): (u64, u64)) -> bool {
        at >= self.removed_since
    }

    fn commit(&self, (seq, _): (u64, u64)) -> bool {
        seq > self.commits_after
    }
}

fn write(shared: &Shared, known: &Known, path: &Path, keep: &Keep) -> Result<String> {
    let (index, watch) = (&shared.index, &shared.watch);
    let point = &known.point;
    let top = Top::new(known.facts.clone(), known.last_now, point.seq, point.head.clone());
    export::write(path, &top, |out| {
        each(index, watch, b'r', |key, value| record(out, key, value))?;
        each(index, watch, b'g', |key, value| {
            match (keys::name(key), keys::read_pair(value)) {
                (Some(name), Some(pair)) if keep.removal(pair) => out.put(&Item::Gone(Gone {
                    kind: name.kind,
                    id: name.id,
                    version: pair.0,
                    gone_at: pair.1,
                })),
                (Some(_), Some(_)) => Ok(()),
                (_, None) | (None, _) => Err(damaged("a removal's entry")),
            }
        })?;
        each(index, watch, b'c', |key, value| {
            match (std::str::from_utf8(&key[1..]), keys::read_pair(value)) {
                (Ok(id), Some(pair)) if keep.commit(pair) => out.put(&Item::Commit(Done {
                    commit: id.to_owned(),
                    seq: pair.0,
                    digest: pair.1,
                })),
                (Ok(_), Some(_)) => Ok(()),
                (_, None) | (Err(_), _) => Err(damaged("a commit's entry")),
            }
        })
    })
}

fn record(out: &mut Writer<'_>, key: &[u8], value: &[u8]) -> Result<()> {
    let name = keys::name(key).ok_or_else(|| damaged("the key of a record"))?;
    let stored = envelope::unwrap(key, value).map_err(|flaw| flaw.of(&name))?;
    out.put(&Item::Record(Kept {
        value: line::raw(&name, &stored.value)?,
        kind: name.kind,
        id: name.id,
        version: stored.version,
    }))
}

fn damaged(what: &str) -> StoreError {
    StoreError::Refused(format!("{what} is damaged in the index"))
}

/// Hands over all pairs whose key begins with `tag`.
fn each(
    index: &Index,
    watch: &Watch,
    tag: u8,
    mut act: impl FnMut(&[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    let end = [tag + 1];
    let mut start = vec![tag];
    loop {
        let page = index.page(&start, &end, PAGE).map_err(Fault::into_error)?;
        watch.busy();
        for (key, value) in &page {
            act(key, value)?;
        }
        match page.last() {
            Some((key, _)) if page.len() == PAGE => {
                start = key.to_vec();
                start.push(0);
            }
            Some(_) | None => return Ok(()),
        }
    }
}

/// Closes the segment that is being written and begins the next one, on a full export. What is so old that nobody asks for
/// it any more (commit ids, versions of removed records) is forgotten.
pub(crate) fn roll(committer: &mut Committer) -> std::result::Result<(), Fault> {
    let shared = std::sync::Arc::clone(&committer.shared);
    let index = &shared.index;
    let dir = committer.shared.layout.journal();
    let closing = committer.journal.point.segment;
    let failed = Fault::Failed;
    let (began, _) = journal::header(&dir, closing).map_err(|stop| failed(stop.into()))?;
    let since = committer.known.last_now.map_or(0, |now| {
        now.timestamp_millis() - chrono::TimeDelta::days(REMEMBER_REMOVED_DAYS).num_milliseconds()
    });
    let keep = Keep {
        commits_after: began.seq,
        removed_since: u64::try_from(since).unwrap_or(0),
    };
    let file = journal::export_name(closing + 1);
    let sha256 = write(&shared, &committer.known, &dir.join(&file), &keep).map_err(failed)?;
    committer
        .journal
        .roll(ExportRef { file, sha256 })
        .map_err(failed)?;
    let mut known = committer.known.clone();
    known.point = committer.journal.point.clone();
    forget(&shared, &keep)?;
    let mut batch = sled::Batch::default();
    batch.insert(keys::META, meta_value(&known).map_err(failed)?);
    index.apply(batch)?;
    index.checkpoint()?;
    committer.publish(known);
    tracing::info!(segment = closing, "a segment of the journal is closed");
    drop_old_exports(&dir, closing);
    Ok(())
}

fn forget(shared: &Shared, keep: &Keep) -> std::result::Result<(), Fault> {
    let (index, watch) = (&shared.index, &shared.watch);
    let mut old = Vec::new();
    each(index, watch, b'g', |key, value| {
        old.extend(
            keys::read_pair(value)
                .filter(|pair| !keep.removal(*pair))
                .map(|_| key.to_vec()),
        );
        Ok(())
    })
    .map_err(Fault::Failed)?;
    each(index, watch, b'c', |key, value| {
        old.extend(
            keys::read_pair(value)
                .filter(|pair| !keep.commit(*pair))
                .map(|_| key.to_vec()),
        );
        Ok(())
    })
    .map_err(Fault::Failed)?;
    for some in old.chunks(PAGE) {
        let mut batch = sled::Batch::default();
        for key in some {
            batch.remove(key.as_slice());
        }
        index.apply(batch)?;
    }
    Ok(())
}

/// The two youngest exports are kept, should the youngest be damaged.
fn drop_old_exports(dir: &Path, closed: u32) {
    let Some(old) = closed.checked_sub(1) else { return };
    match std::fs::remove_file(dir.join(journal::export_name(old))) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => tracing::warn!("an old export cannot be removed: {e}"),
    }
}
