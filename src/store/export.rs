//! All that a store holds, as JSON lines: what a segment of the journal begins with, and what people take away.
//!
//! First what is known of the store, then records, removals that are still remembered and commit ids, and at last the
//! SHA-256 of everything before it.

use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{
    Result, StoreError,
    files::{self, refused},
    line::Facts,
};
use crate::domain::Kind;

const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Top {
    pub(crate) export: u32,
    pub(crate) facts: Facts,
    pub(crate) last_now: Option<DateTime<Utc>>,
    /// The last line of the journal that is in it, and the chain there.
    pub(crate) seq: u64,
    pub(crate) head: String,
}

impl Top {
    pub(crate) fn new(facts: Facts, last_now: Option<DateTime<Utc>>, seq: u64, head: String) -> Self {
        Self {
            export: FORMAT,
            facts,
            last_now,
            seq,
            head,
        }
    }
}

/// A line of the middle.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Item {
    Record(Kept),
    Gone(Gone),
    Commit(Done),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) version: u64,
    pub(crate) value: Box<RawValue>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Gone {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) version: u64,
    /// Milliseconds since 1970.
    pub(crate) gone_at: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) commit: String,
    pub(crate) seq: u64,
    pub(crate) digest: u64,
}

/// Values stay text (`RawValue`), which rules out an untagged enum here.
fn item(text: &[u8]) -> serde_json::Result<Item> {
    if text.starts_with(b"{\"commit\":") {
        return serde_json::from_slice(text).map(Item::Commit);
    }
    match serde_json::from_slice(text) {
        Ok(kept) => Ok(Item::Record(kept)),
        Err(_) => serde_json::from_slice(text).map(Item::Gone),
    }
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
struct Bottom {
    lines: u64,
    sha256: String,
}

/// Writes an export item by item.
pub(crate) struct Writer<'a> {
    out: BufWriter<&'a mut File>,
    hash: Sha256,
    lines: u64,
    path: &'a Path,
}

impl Writer<'_> {
    pub(crate) fn put(&mut self, item: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec(item)
            .map_err(|e| StoreError::Failed(format!("an export cannot be written as JSON: {e}")))?;
        text.push(b'\n');
        self.hash.update(&text);
        self.lines += 1;
        self.out
            .write_all(&text)
            .map_err(|e| refused("write", self.path, &e))
    }
}

/// Writes an export to a file, whole or not at all. Returns its hash (hex).
pub(crate) fn write(
    path: &Path,
    top: &Top,
    fill: impl FnOnce(&mut Writer<'_>) -> Result<()>,
) -> Result<String> {
    let mut sha256 = String::new();
    files::write_whole(path, |file| {
        let mut writer = Writer {
            out: BufWriter::with_capacity(1 << 18, file),
            hash: Sha256::new(),
            lines: 0,
            path,
        };
        writer.put(top)?;
        fill(&mut writer)?;
        sha256 = hex::encode(writer.hash.clone().finalize());
        let bottom = Bottom {
            lines: writer.lines,
            sha256: sha256.clone(),
        };
        writer.put(&bottom)?;
        writer.out.flush().map_err(|e| refused("write", path, &e))
    })?;
    Ok(sha256)
}

/// Reads an export and hands over its items. Returns the first line and the hash; refused if it is damaged, at the end of
/// the reading: keep nothing of it before.
pub(crate) fn read<E: From<StoreError>>(
    path: &Path,
    mut each: impl FnMut(Item) -> std::result::Result<(), E>,
) -> std::result::Result<(Top, String), E> {
    let damaged = |why: &str| StoreError::Refused(format!("the export {} is damaged: {why}", path.display()));
    let failed = |e: std::io::Error| refused("read", path, &e);
    let mut reader = BufReader::with_capacity(1 << 18, File::open(path).map_err(failed)?);
    let mut hash = Sha256::new();
    let mut top: Option<Top> = None;
    let mut lines = 0;
    let mut text = Vec::new();
    loop {
        text.clear();
        if reader.read_until(b'\n', &mut text).map_err(failed)? == 0 {
            return Err(damaged("it is cut off").into());
        }
        if text.starts_with(b"{\"lines\":") {
            let bottom: Bottom = serde_json::from_slice(&text).map_err(|_| damaged("its last line"))?;
            let sha256 = hex::encode(hash.finalize());
            return match top {
                Some(top) if bottom.sha256 == sha256 && bottom.lines == lines => Ok((top, sha256)),
                Some(_) | None => Err(damaged("its hash is wrong").into()),
            };
        }
        hash.update(&text);
        lines += 1;
        if top.is_none() {
            top = Some(first_line(&text, path)?);
        } else {
            each(item(&text).map_err(|_| damaged(&format!("line {lines}")))?)?;
        }
    }
}

fn first_line(text: &[u8], path: &Path) -> Result<Top> {
    #[derive(Deserialize)]
    struct Format {
        export: u32,
    }
    let not_one = || StoreError::Refused(format!("{} is not an export of a store", path.display()));
    let format: Format = serde_json::from_slice(text).map_err(|_| not_one())?;
    if format.export != FORMAT {
        return Err(StoreError::Refused(format!(
            "the export {} is of format {}, this version of Latchkey knows format {FORMAT}",
            path.display(),
            format.export
        )));
    }
    serde_json::from_slice(text).map_err(|_| not_one())
}
