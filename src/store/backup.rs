//! Copies of a store that are kept elsewhere, and the way back.
//!
//! A backup is one file: a line that names the files of the journal with their lengths, those files one after the other,
//! and the SHA-256 of all before it. It holds the whole audit log, and no secret.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Quarantine, Result, StoreError,
    chain::Replica,
    files::{self, Layout, Lock, refused},
    journal::{self, Journal, Point},
    line::{self, Facts, Line},
    open::next_epoch,
};
use crate::domain::audit::{Actor, Entry};

const FORMAT: u32 = 1;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    pub store_id: String,
    /// The last line of the journal that is in it, and the chain there (hex).
    pub seq: u64,
    pub head: String,
    /// Of the backup's own file (hex).
    pub sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Top {
    backup: u32,
    store_id: String,
    seq: u64,
    head: String,
    files: Vec<Part>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Part {
    name: String,
    bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Bottom {
    sha256: String,
}

/// Writes a backup of a store that is not in use, from its journal alone. The chain is read and checked first.
///
/// # Errors
/// `Refused` if the journal is damaged or the file cannot be written.
pub fn backup(store: &Path, to: &Path) -> Result<Backup> {
    let dir = Layout::new(store).journal();
    let replica = Replica::read(&dir, |_| {})?;
    write(&dir, &replica.end.store_id, &replica.end.point, to)
}

/// Writes the journal up to a point. What stands before the end of a journal never changes, so this needs no lock.
pub(crate) fn write(dir: &Path, store_id: &str, point: &Point, to: &Path) -> Result<Backup> {
    let mut open = Vec::new();
    let mut files = Vec::new();
    for path in parts(dir, point)? {
        let failed = |e| refused("read", &path, &e);
        let file = File::open(&path).map_err(failed)?;
        let is_last = path == journal::segment_path(dir, point.segment);
        let bytes = if is_last {
            point.offset
        } else {
            file.metadata().map_err(failed)?.len()
        };
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        files.push(Part { name, bytes });
        open.push((file, bytes));
    }
    let top = Top {
        backup: FORMAT,
        store_id: store_id.to_owned(),
        seq: point.seq,
        head: point.head.clone(),
        files,
    };
    let mut sha256 = String::new();
    files::write_whole(to, |out| {
        sha256 = copy(out, &top, open).map_err(|e| refused("write", to, &e))?;
        Ok(())
    })?;
    Ok(Backup {
        store_id: top.store_id,
        seq: top.seq,
        head: top.head,
        sha256,
    })
}

/// The files that make a journal up to a point: its segments, and the exports that are still kept.
fn parts(dir: &Path, point: &Point) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for segment in journal::segments(dir)?
        .into_iter()
        .filter(|n| *n <= point.segment)
    {
        let export = dir.join(journal::export_name(segment));
        paths.extend(export.exists().then_some(export));
        paths.push(journal::segment_path(dir, segment));
    }
    Ok(paths)
}

fn copy(out: &mut File, top: &Top, files: Vec<(File, u64)>) -> io::Result<String> {
    let mut out = Hashing {
        out: BufWriter::with_capacity(1 << 18, out),
        hash: Sha256::new(),
    };
    serde_json::to_writer(&mut out, top)?;
    out.write_all(b"\n")?;
    for (file, bytes) in files {
        let copied = io::copy(&mut file.take(bytes), &mut out)?;
        if copied != bytes {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "a file of the journal became shorter",
            ));
        }
    }
    let sha256 = hex::encode(out.hash.finalize());
    let bottom = Bottom {
        sha256: sha256.clone(),
    };
    serde_json::to_writer(&mut out.out, &bottom)?;
    out.out.write_all(b"\n")?;
    out.out.flush()?;
    Ok(sha256)
}

struct Hashing<W> {
    out: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// How a store came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Restored {
    /// A journal was still there and goes on beyond the backup: it is used, nothing is lost.
    FromSurvivingJournal { seq: u64 },
    /// From the backup: what happened after it is not known. A higher epoch has begun, in quarantine.
    FromBackup { seq: u64, epoch: u32 },
}

/// Makes a store of a backup, in a directory that is empty or holds what is left of the same store. A journal that survived
/// there is used instead, since it knows more. Opening makes the index.
///
/// # Errors
/// `Refused` if the backup is damaged, or if the directory holds another store, a damaged journal or one in use: move it away.
pub fn restore(file: &Path, into: &Path, now: DateTime<Utc>) -> Result<Restored> {
    let top = check(file)?;
    let layout = Layout::new(into);
    files::private_dir(&layout.root)?;
    let lock = Lock::take(&layout)?;
    let dir = layout.journal();
    if dir.exists() && !journal::segments(&dir)?.is_empty() {
        let seq = surviving(&dir, &top)?;
        mark(&layout, "a restore was asked for")?;
        return Ok(Restored::FromSurvivingJournal { seq });
    }
    mark(&layout, "its journal was lost")?;
    unpack(file, &layout)?;
    let replica = Replica::read(&dir, |_| {})?;
    let Some(was) = &replica.facts else {
        return Err(StoreError::Refused(format!(
            "{} holds no store that was ever opened",
            file.display()
        )));
    };
    let facts = Facts {
        epoch: next_epoch(was.epoch, now),
        place: lock.place(&layout)?,
        quarantine: Some(Quarantine {
            since: now,
            why: "restored from a backup: what happened after it is not known here".into(),
        }),
        ..was.clone()
    };
    let epoch = facts.epoch;
    record(&dir, &replica, facts, now)?;
    Ok(Restored::FromBackup { seq: top.seq, epoch })
}

/// Whatever index is there does not fit any more; the opening puts it aside.
fn mark(layout: &Layout, why: &str) -> Result<()> {
    let path = layout.suspect();
    files::write_whole(&path, |file| {
        file.write_all(why.as_bytes())
            .map_err(|e| refused("write", &path, &e))
    })
}

/// Where a journal that is still there ends, if it is whole and goes on from the backup.
fn surviving(dir: &Path, top: &Top) -> Result<u64> {
    let move_away = |why: &str| {
        StoreError::Refused(format!(
            "{} holds a journal already, {why}: move the directory away, then restore",
            dir.display()
        ))
    };
    let first = journal::segments(dir)?.first().copied().unwrap_or(1);
    let (header, from) = journal::header(dir, first)?;
    if header.store_id != top.store_id {
        return Err(move_away("and it is of another store"));
    }
    let mut passed = from.head == top.head;
    let mut last = from.segment;
    let read = journal::read(dir, from, |_, _, point| {
        if point.segment != last {
            last = point.segment;
            let (_, start) = journal::header(dir, last)?;
            passed |= start.head == top.head;
        }
        passed |= point.head == top.head;
        Ok::<(), journal::Stop>(())
    });
    match read {
        Ok(end) if passed || end.point.head == top.head => Ok(end.point.seq),
        Ok(_) => Err(move_away("and it does not go on from the backup")),
        Err(journal::Stop::Broken(broken)) => Err(move_away(&format!("but {}", StoreError::from(broken)))),
        Err(journal::Stop::Failed(error)) => Err(error),
    }
}

/// Reads a backup to its end. Refused if it is not as it was written.
fn check(path: &Path) -> Result<Top> {
    let failed = |e: io::Error| refused("read", path, &e);
    let damaged = |why: &str| StoreError::Refused(format!("the backup {} is damaged: {why}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let (text, top) = top(&mut reader, path)?;
    let body: u64 = top
        .files
        .iter()
        .map(|part| part.bytes)
        .fold(0, u64::saturating_add);
    if text.len() as u64 + body >= length {
        return Err(damaged("it is cut off"));
    }
    let mut hash = Hashing {
        out: io::sink(),
        hash: Sha256::new(),
    };
    hash.write_all(&text).map_err(failed)?;
    io::copy(&mut reader.by_ref().take(body), &mut hash).map_err(failed)?;
    let mut rest = Vec::new();
    reader.take(4096).read_to_end(&mut rest).map_err(failed)?;
    let bottom: Bottom = serde_json::from_slice(&rest).map_err(|_| damaged("its last line"))?;
    if bottom.sha256 != hex::encode(hash.hash.finalize()) {
        return Err(damaged("its hash is wrong"));
    }
    Ok(top)
}

fn top(reader: &mut impl BufRead, path: &Path) -> Result<(Vec<u8>, Top)> {
    let not_one = || StoreError::Refused(format!("{} is not a backup of a store", path.display()));
    let mut text = Vec::new();
    let mut limited = reader.take(16 << 20);
    limited
        .read_until(b'\n', &mut text)
        .map_err(|e| refused("read", path, &e))?;
    let top: Top = serde_json::from_slice(&text).map_err(|_| not_one())?;
    if top.backup != FORMAT {
        return Err(StoreError::Refused(format!(
            "the backup {} is of format {}, this version of Latchkey knows format {FORMAT}",
            path.display(),
            top.backup
        )));
    }
    Ok((text, top))
}

/// Writes the files of a backup, all or none.
fn unpack(file: &Path, layout: &Layout) -> Result<()> {
    let failed = |e: io::Error| refused("unpack", file, &e);
    let mut reader = BufReader::with_capacity(1 << 18, File::open(file).map_err(failed)?);
    let (_, top) = top(&mut reader, file)?;
    let new = layout.root.join("journal.new");
    if new.exists() {
        fs::remove_dir_all(&new).map_err(failed)?;
    }
    files::private_dir(&new)?;
    for part in &top.files {
        let is_plain = part.name.ends_with(".jsonl") && !part.name.contains(['/', '\\']);
        if !is_plain {
            return Err(StoreError::Refused(format!(
                "the backup {} names odd files",
                file.display()
            )));
        }
        let to = new.join(&part.name);
        files::write_whole(&to, |out| {
            io::copy(&mut reader.by_ref().take(part.bytes), out).map_err(failed)?;
            Ok(())
        })?;
    }
    let dir = layout.journal();
    if dir.exists() {
        // Held no segment, or we would not be here; keeps what was put aside in it from being lost in silence.
        fs::remove_dir(&dir).map_err(|e| refused("replace", &dir, &e))?;
    }
    fs::rename(&new, &dir).map_err(failed)?;
    files::sync_dir(&layout.root).map_err(failed)
}

/// The first line of the restored store's own life.
fn record(dir: &Path, replica: &Replica, facts: Facts, now: DateTime<Utc>) -> Result<()> {
    let point = &replica.end.point;
    let entry = Entry::new(Actor::Latchkey, "restored").fact("from_line", point.seq);
    let line = Line {
        seq: point.seq + 1,
        batch: point.seq + 1,
        commit: format!("restore-{}-{}", facts.epoch, point.seq + 1),
        now,
        prev: point.head.clone(),
        writes: Vec::new(),
        audit: vec![entry],
        facts: Some(facts),
    };
    let (mut text, head) = line::seal(&line)?;
    text.push('\n');
    let end = Point {
        segment: point.segment,
        offset: point.offset + text.len() as u64,
        seq: line.seq,
        head,
    };
    let mut journal = Journal::resume(dir, &replica.end)?;
    let written = journal.append(text.as_bytes(), end);
    written.map_err(|e| refused("write to", dir, &e))
}
