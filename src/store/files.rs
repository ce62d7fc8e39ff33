//! The files of a store: who may read them, who holds them, where they stand, how much room is left.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, FlockOperation};

use super::{Result, StoreError, line::Place};

/// Less than this and not even the journal can go on.
const LEAST: u64 = 1 << 20;

/// Nothing is written with less than this left.
const FLOOR: u64 = 8 << 20;

/// The places of things in the directory of a store.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    /// Stands there once the index was found to be damaged: the next opening builds a new one.
    pub(crate) fn suspect(&self) -> PathBuf {
        self.root.join("index.suspect")
    }

    /// A damaged index, kept for whoever wants to know why.
    pub(crate) fn damaged_index(&self) -> PathBuf {
        self.root.join("index.damaged")
    }

    pub(crate) fn ballast(&self) -> PathBuf {
        self.root.join("ballast")
    }

    fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }
}

/// A failure with what was being done, as a refusal.
pub(crate) fn refused(doing: &str, path: &Path, error: &io::Error) -> StoreError {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => ": it must belong to the user that Latchkey runs as",
        io::ErrorKind::ReadOnlyFilesystem => ": its file system is mounted read-only",
        io::ErrorKind::StorageFull => ": free some disk space",
        _ => "",
    };
    StoreError::Refused(format!("cannot {doing} {}: {error}{hint}", path.display()))
}

/// Makes a directory for nobody but us, or tightens one that stands there.
pub(crate) fn private_dir(path: &Path) -> Result<()> {
    if path.is_dir() {
        let mode = fs::metadata(path)
            .map_err(|e| refused("look at", path, &e))?
            .mode();
        if mode & 0o077 != 0 {
            let only_us = fs::Permissions::from_mode(0o700);
            fs::set_permissions(path, only_us).map_err(|e| refused("close to others", path, &e))?;
        }
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| refused("make", path, &e))?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => {
            sync_dir(parent).map_err(|e| refused("write to", parent, &e))
        }
        Some(_) | None => Ok(()),
    }
}

/// Options for a file that nobody else may read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Closes all in a directory to others; sled makes its files for everybody.
pub(crate) fn close_to_others(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let meta = fs::symlink_metadata(&path)?;
        if meta.is_dir() {
            close_to_others(&path)?;
        }
        if meta.mode() & 0o077 != 0 && !meta.is_symlink() {
            let only_us = if meta.is_dir() { 0o700 } else { 0o600 };
            fs::set_permissions(&path, fs::Permissions::from_mode(only_us))?;
        }
    }
    Ok(())
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Writes a file whole or not at all: under another name first.
pub(crate) fn write_whole(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let failed = |e: io::Error| refused("write", path, &e);
    let mut file = private()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&new)
        .map_err(failed)?;
    write(&mut file)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&new, path).map_err(failed)?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent).map_err(failed),
        Some(_) | None => sync_dir(Path::new(".")).map_err(failed),
    }
}

/// Held for as long as a process uses a store.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the store for this process. Refused while another one has it.
    pub(crate) fn take(layout: &Layout) -> Result<Self> {
        let path = layout.lock();
        let mut file = private()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| refused("open", &path, &e))?;
        if !lock(&file) {
            let mut pid = String::new();
            // Only for the message; what else would it be good for?
            drop(file.read_to_string(&mut pid));
            let root = layout.root.display();
            let pid = pid.trim();
            return Err(StoreError::Refused(format!(
                "the store {root} is in use by another process ({pid}): stop that one, or ask it through its socket"
            )));
        }
        let noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "pid {}", std::process::id()));
        noted.map_err(|e| refused("write", &path, &e))?;
        Ok(Self { file })
    }

    /// Where this store stands. The lock file is made once in the life of a store, so that its inode tells a copy.
    pub(crate) fn place(&self, layout: &Layout) -> Result<Place> {
        let failed = |e: io::Error| refused("look at", &layout.root, &e);
        let path = fs::canonicalize(&layout.root).map_err(failed)?;
        let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
        Ok(Place {
            machine: machine.trim().to_owned(),
            path: path.display().to_string(),
            inode: self.file.metadata().map_err(failed)?.ino(),
        })
    }
}

/// Tries for a second: a process that is just ending, or one that forked a moment ago, lets go of it then.
fn lock(file: &File) -> bool {
    (0..20).any(|turn| {
        if turn > 0 {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
    })
}

/// Bytes that we could still write.
pub(crate) fn free(layout: &Layout) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(&layout.root)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Sees that there is room to open the store at all: on a full disk the ballast is given up, so that revocations go on.
pub(crate) fn make_room(layout: &Layout, ballast: u64) -> Result<()> {
    let failed = |e: io::Error| refused("look for free space in", &layout.root, &e);
    let path = layout.ballast();
    let has = fs::metadata(&path).map_or(0, |meta| meta.len());
    let room = free(layout).map_err(failed)?;
    if room < LEAST.max(ballast / 4) && has > 0 {
        tracing::warn!(free = room, "the disk is nearly full: the ballast is given up");
        fs::remove_file(&path).map_err(failed)?;
    } else if has < ballast && room > ballast.saturating_mul(4) {
        fill(&path, ballast).map_err(failed)?;
    }
    let room = free(layout).map_err(failed)?;
    if room < LEAST {
        return Err(StoreError::Refused(format!(
            "the disk of {} is full ({room} bytes left): free some space, nothing can be revoked until then",
            layout.root.display()
        )));
    }
    Ok(())
}

/// Sees, before a write, that the disk has room for it and for what the index does with it: sled does not survive a full
/// disk. The ballast is given up for it, and made again once there is room for it.
pub(crate) fn has_room(layout: &Layout, ballast: u64) -> Result<()> {
    let failed =
        |e: io::Error| StoreError::Failed(format!("the free space of the store's disk cannot be told: {e}"));
    let mut room = free(layout).map_err(failed)?;
    let path = layout.ballast();
    if room < FLOOR && path.exists() {
        tracing::warn!(free = room, "the disk is nearly full: the ballast is given up");
        fs::remove_file(&path).map_err(failed)?;
        room = free(layout).map_err(failed)?;
    }
    if room < FLOOR {
        return Err(StoreError::Failed(format!(
            "the disk is full ({} KiB left): free some space, nothing can be written until then",
            room >> 10
        )));
    }
    if ballast > 0 && room > ballast.saturating_mul(4) && !path.exists() {
        fill(&path, ballast).map_err(failed)?;
    }
    Ok(())
}

fn fill(path: &Path, length: u64) -> io::Result<()> {
    let file = private().write(true).create(true).truncate(false).open(path)?;
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, length)?;
    file.sync_all()
}

/// Why nothing new should be granted for want of space.
pub(crate) fn short_of_space(layout: &Layout, ballast: u64, low: u64) -> Option<String> {
    let room = match free(layout) {
        Ok(room) => room,
        Err(e) => return Some(format!("the free space of the store's disk cannot be told: {e}")),
    };
    if room < low {
        return Some(format!(
            "the store's disk is nearly full ({} MiB left)",
            room >> 20
        ));
    }
    if ballast > 0 && !layout.ballast().exists() {
        return Some("the store's reserve of disk space was used up".into());
    }
    None
}
