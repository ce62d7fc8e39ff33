//! The journal: files of lines, each chained to the one before. It is the truth; the index is made from it.
//!
//! A file ("segment") begins with a header that carries the chain on and names a full export of what stood at that point.
//! A write to disk is one batch of lines; it is acknowledged once it is synced. So what is torn can only be the last
//! batch of the last file, and nobody was ever told that it happened. Anything else that does not fit is damage.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    Result, StoreError,
    files::{self, refused},
    line::{self, Line},
};

/// Of the journal's lines and headers.
const FORMAT: u32 = 1;

/// A torn batch is never longer than this (the committer stops well before).
const LONGEST_BATCH: u64 = 16 << 20;

/// What a segment begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) segment: u32,
    pub(crate) format: u32,
    pub(crate) store_id: String,
    /// The last line before this segment, and the end of the chain there.
    pub(crate) seq: u64,
    pub(crate) prev: String,
    /// What stood there, in full; none for a store that starts empty.
    pub(crate) export: Option<ExportRef>,
}

/// A full export by its file's name (beside the segments) and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExportRef {
    pub(crate) file: String,
    pub(crate) sha256: String,
}

/// A point between two lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    pub(crate) seq: u64,
    pub(crate) head: String,
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
}

/// The first thing in a journal that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) file: PathBuf,
    /// From 1; 0 where the file as a whole is meant.
    pub(crate) line: u64,
    pub(crate) why: String,
}

impl From<Broken> for StoreError {
    fn from(broken: Broken) -> Self {
        let Broken { file, line, why } = broken;
        Self::Refused(format!(
            "the journal is damaged at {} line {line}: {why}. Nothing was changed; restore the file from a backup",
            file.display()
        ))
    }
}

/// How a reading ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) point: Point,
    pub(crate) store_id: String,
    /// Bytes at the end that were never acknowledged.
    pub(crate) torn: u64,
}

/// Why a reading stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    Broken(Broken),
    Failed(StoreError),
}

impl From<Stop> for StoreError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Broken(broken) => broken.into(),
            Stop::Failed(error) => error,
        }
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

pub(crate) fn segment_path(dir: &Path, segment: u32) -> PathBuf {
    dir.join(format!("{segment:08}.jsonl"))
}

pub(crate) fn export_name(segment: u32) -> String {
    format!("export-{segment:08}.jsonl")
}

/// The numbers of the segments there are, in order. A gap is damage.
pub(crate) fn segments(dir: &Path) -> Result<Vec<u32>> {
    let failed = |e: io::Error| refused("read", dir, &e);
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number: Option<u32> = name
            .to_str()
            .and_then(|n| n.strip_suffix(".jsonl"))
            .and_then(|n| n.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    match numbers.windows(2).find(|pair| pair[1] != pair[0] + 1) {
        Some(pair) => Err(StoreError::Refused(format!(
            "the journal's file {} is missing: restore it from a backup",
            segment_path(dir, pair[0] + 1).display()
        ))),
        None => Ok(numbers),
    }
}

/// The header of a segment, its hash, and where the first line begins.
pub(crate) fn header(dir: &Path, segment: u32) -> std::result::Result<(Header, Point), Stop> {
    let path = segment_path(dir, segment);
    let broken = |why: &str| {
        Stop::Broken(Broken {
            file: path.clone(),
            line: 1,
            why: why.into(),
        })
    };
    let file = File::open(&path).map_err(|e| refused("open", &path, &e))?;
    let mut text = Vec::new();
    let mut reader = BufReader::new(file.take(1 << 16));
    reader
        .read_until(b'\n', &mut text)
        .map_err(|e| refused("read", &path, &e))?;
    let offset = text.len() as u64;
    if text.pop() != Some(b'\n') {
        return Err(broken("its header is cut off"));
    }
    let (body, hash) = line::unseal(&text).ok_or_else(|| broken("the hash of its header is wrong"))?;
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let known = serde_json::from_slice::<Format>(&body).map_err(|_| broken("its header cannot be read"))?;
    if known.format != FORMAT {
        return Err(Stop::Failed(StoreError::Refused(format!(
            "{} is of format {}, this version of Latchkey knows format {FORMAT}: run the version that wrote it",
            path.display(),
            known.format
        ))));
    }
    let header: Header = serde_json::from_slice(&body).map_err(|_| broken("its header cannot be read"))?;
    if header.segment != segment {
        return Err(broken("it is the file of another segment"));
    }
    let point = Point {
        segment,
        offset,
        seq: header.seq,
        head: hash,
    };
    Ok((header, point))
}

/// Reads on from a point to the end of the journal, checking the chain, and hands over each line with its place.
pub(crate) fn read<E: From<Stop>>(
    dir: &Path,
    from: Point,
    mut each: impl FnMut(Line, Spot, &Point) -> std::result::Result<(), E>,
) -> std::result::Result<End, E> {
    let numbers = segments(dir).map_err(Stop::Failed)?;
    let last = numbers.last().copied().unwrap_or(from.segment);
    let mut point = from;
    loop {
        let (own, start) = header(dir, point.segment)?;
        if point.offset < start.offset {
            point = start;
        }
        let is_last = point.segment == last;
        let torn = read_segment(dir, &mut point, is_last, &mut each)?;
        if is_last {
            return Ok(End {
                point,
                store_id: own.store_id,
                torn,
            });
        }
        let (next, start) = header(dir, point.segment + 1)?;
        if next.prev != point.head || next.seq != point.seq {
            let broken = Broken {
                file: segment_path(dir, point.segment + 1),
                line: 1,
                why: "it does not continue the file before it".into(),
            };
            return Err(Stop::Broken(broken).into());
        }
        point = start;
    }
}

/// Reads the rest of one segment. Returns how many bytes at its end are torn.
fn read_segment<E: From<Stop>>(
    dir: &Path,
    point: &mut Point,
    is_last: bool,
    each: &mut impl FnMut(Line, Spot, &Point) -> std::result::Result<(), E>,
) -> std::result::Result<u64, E> {
    let path = segment_path(dir, point.segment);
    let failed = |e: io::Error| Stop::Failed(refused("read", &path, &e));
    let mut file = File::open(&path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let broken = |point: &Point, why: &str| {
        Stop::Broken(Broken {
            file: path.clone(),
            line: line_number(&path, point.offset).unwrap_or(0),
            why: why.into(),
        })
    };
    if length < point.offset {
        return Err(broken(point, "it is shorter than the index says: its end is missing").into());
    }
    file.seek(SeekFrom::Start(point.offset)).map_err(failed)?;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut text = Vec::new();
    loop {
        text.clear();
        let read = reader.read_until(b'\n', &mut text).map_err(failed)? as u64;
        if read == 0 {
            return Ok(0);
        }
        match parse(&text, point) {
            Ok((line, hash)) => {
                let spot = Spot {
                    segment: point.segment,
                    offset: point.offset,
                };
                point.offset += read;
                point.seq = line.seq;
                point.head = hash;
                each(line, spot, point)?;
            }
            Err(why) => {
                let torn = length - point.offset;
                if !is_last || torn > LONGEST_BATCH {
                    return Err(broken(point, why).into());
                }
                reader.read_to_end(&mut text).map_err(failed)?;
                if is_followed(&text, point.seq + 1) {
                    return Err(broken(point, why).into());
                }
                return Ok(torn);
            }
        }
    }
}

/// A line that continues the chain at `point`, with its hash; else why it does not.
fn parse(text: &[u8], point: &Point) -> std::result::Result<(Line, String), &'static str> {
    let text = text.strip_suffix(b"\n").ok_or("the line is cut off")?;
    let (body, hash) = line::unseal(text).ok_or("the hash of the line is wrong")?;
    let line: Line = serde_json::from_slice(&body).map_err(|_| "the line cannot be read")?;
    if line.prev != point.head {
        return Err("the line does not continue the one before it");
    }
    if line.seq != point.seq + 1 {
        return Err("a line is missing");
    }
    Ok((line, hash))
}

/// Whether something was written after the batch that line `seq` is part of. Then that batch was acknowledged.
fn is_followed(rest: &[u8], seq: u64) -> bool {
    rest.split(|byte| *byte == b'\n').any(|text| {
        line::unseal(text)
            .and_then(|(body, _)| serde_json::from_slice::<Line>(&body).ok())
            .is_some_and(|line| line.batch > seq)
    })
}

fn line_number(path: &Path, offset: u64) -> io::Result<u64> {
    let mut reader = BufReader::new(File::open(path)?.take(offset));
    let mut count = 1;
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(count);
        }
        count += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        let read = chunk.len();
        reader.consume(read);
    }
}

/// Reads one line again, by its place.
pub(crate) fn line_at(dir: &Path, spot: Spot) -> Result<Line> {
    let path = segment_path(dir, spot.segment);
    let failed = |e: io::Error| refused("read", &path, &e);
    let mut file = File::open(&path).map_err(failed)?;
    file.seek(SeekFrom::Start(spot.offset)).map_err(failed)?;
    let mut text = Vec::new();
    BufReader::new(file)
        .read_until(b'\n', &mut text)
        .map_err(failed)?;
    line::unseal(text.strip_suffix(b"\n").unwrap_or(&text))
        .and_then(|(body, _)| serde_json::from_slice(&body).ok())
        .ok_or_else(|| {
            StoreError::Refused(format!(
                "the journal is damaged at {} byte {}: run `latchkey audit verify`",
                path.display(),
                spot.offset
            ))
        })
}

/// The end of the journal, open for writing.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
    file: File,
    store_id: String,
    pub(crate) point: Point,
}

impl Journal {
    /// Starts the first segment of a chain, or the one after `prev`.
    pub(crate) fn begin(dir: &Path, store_id: &str, prev: &Point, export: Option<ExportRef>) -> Result<Self> {
        let header = Header {
            segment: prev.segment + 1,
            format: FORMAT,
            store_id: store_id.to_owned(),
            seq: prev.seq,
            prev: prev.head.clone(),
            export,
        };
        let (mut text, head) = line::seal(&header)?;
        text.push('\n');
        let path = segment_path(dir, header.segment);
        files::write_whole(&path, |file| {
            file.write_all(text.as_bytes())
                .map_err(|e| refused("write", &path, &e))
        })?;
        let point = Point {
            segment: header.segment,
            offset: text.len() as u64,
            seq: header.seq,
            head,
        };
        Self::at(dir, store_id, point)
    }

    /// Goes on at the end that a reading found; a torn end is put aside and cut off.
    pub(crate) fn resume(dir: &Path, end: &End) -> Result<Self> {
        let path = segment_path(dir, end.point.segment);
        if end.torn > 0 {
            tracing::warn!(file = %path.display(), bytes = end.torn, "a write that was never acknowledged is cut off");
            cut(dir, &path, end).map_err(|e| refused("cut the torn end off", &path, &e))?;
        }
        Self::at(dir, &end.store_id, end.point.clone())
    }

    fn at(dir: &Path, store_id: &str, point: Point) -> Result<Self> {
        let path = segment_path(dir, point.segment);
        let file = files::private()
            .append(true)
            .open(&path)
            .map_err(|e| refused("open", &path, &e))?;
        Ok(Self {
            dir: dir.to_owned(),
            file,
            store_id: store_id.to_owned(),
            point,
        })
    }

    /// Starts the next segment, on an export that is already durable.
    pub(crate) fn roll(&mut self, export: ExportRef) -> Result<()> {
        *self = Self::begin(&self.dir, &self.store_id, &self.point, Some(export))?;
        Ok(())
    }

    /// Writes lines that end at `end` and makes them durable. After an error the state of the file is unknown, and stays so:
    /// a second sync may report success for what the first one lost.
    pub(crate) fn append(&mut self, text: &[u8], end: Point) -> io::Result<()> {
        self.file.write_all(text)?;
        self.file.sync_data()?;
        self.point = end;
        Ok(())
    }
}

fn cut(dir: &Path, path: &Path, end: &End) -> io::Result<()> {
    let mut file = files::private().read(true).write(true).open(path)?;
    file.seek(SeekFrom::Start(end.point.offset))?;
    let mut torn = Vec::new();
    file.read_to_end(&mut torn)?;
    let aside = dir.join(format!("torn-after-{}", end.point.seq));
    files::private()
        .write(true)
        .create(true)
        .truncate(true)
        .open(aside)?
        .write_all(&torn)?;
    file.set_len(end.point.offset)?;
    file.sync_all()
}
