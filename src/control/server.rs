//! The bot's end of the socket.

use std::{
    fs::{self, Permissions},
    io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Caller, ControlRequest, ControlResponse, Handle, SOCKET};

/// A request is a few words; more is a mistake.
const LONGEST: u64 = 64 * 1024;
/// From connecting to a whole line.
const PATIENCE: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 16;
/// Commands that run get so long to be answered when the bot is asked to end.
const DRAIN: Duration = Duration::from_secs(5);

/// The socket, in its place; removed when it is dropped.
#[derive(Debug)]
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Left behind it only means "no bot is running" one word later.
        drop(fs::remove_file(&self.path));
    }
}

/// Opens the socket in the store's directory, mode 0600. Call it with the store open: its lock is what makes sure that a
/// socket found there belongs to nobody alive.
///
/// # Errors
/// The directory is missing or not ours to write.
pub fn bind(store: &Path) -> anyhow::Result<Listener> {
    open(store).with_context(|| format!("open the control socket in {}", store.display()))
}

fn open(store: &Path) -> io::Result<Listener> {
    // Made where nobody else can reach it and moved into place once its mode is right: there is no moment at which
    // others could connect.
    let making = store.join(".control");
    if let Err(error) = fs::remove_dir_all(&making)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    fs::create_dir(&making)?;
    fs::set_permissions(&making, Permissions::from_mode(0o700))?;
    let directory = fs::File::open(&making)?;
    let listener = UnixListener::bind(short(&directory, SOCKET))?;
    let made = making.join(SOCKET);
    fs::set_permissions(&made, Permissions::from_mode(0o600))?;
    let path = store.join(SOCKET);
    fs::rename(&made, &path)?;
    fs::remove_dir(&making)?;
    Ok(Listener { listener, path })
}

/// A path to something in an open directory that fits the 107 bytes a socket's address may have, wherever that is.
pub(super) fn short(directory: &fs::File, name: &str) -> PathBuf {
    format!("/proc/self/fd/{}/{name}", directory.as_raw_fd()).into()
}

/// Answers until `stop`; commands that have begun then get five seconds.
pub async fn serve(listener: Listener, handle: Handle, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let room = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            break;
        };
        let taken = tokio::select! {
            () = stop.cancelled() => break,
            taken = listener.listener.accept() => taken,
        };
        match taken {
            Ok((stream, _)) => {
                let handle = Arc::clone(&handle);
                tasks.spawn(async move {
                    if let Err(error) = converse(stream, &handle).await {
                        tracing::debug!(%error, "a control connection ended early");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket does not accept");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    tasks.close();
    if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
        tracing::warn!("a command was still running when the bot had to end");
    }
}

async fn converse(stream: UnixStream, handle: &Handle) -> io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let (read, mut write) = stream.into_split();
    let response = if trusted(uid) {
        match read_line(read).await {
            Ok(line) => answer(&line, Caller::of(uid), handle).await,
            Err(error) => ControlResponse::Error(error.to_string()),
        }
    } else {
        ControlResponse::Error("only the system user the bot runs as, and root, may give it commands".into())
    };
    let mut text = serde_json::to_vec(&response)?;
    text.push(b'\n');
    write.write_all(&text).await?;
    write.shutdown().await
}

/// The socket's mode says the same; this holds even where a directory was moved or a mode changed by hand.
fn trusted(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

async fn read_line(from: impl tokio::io::AsyncRead + Unpin) -> io::Result<String> {
    let mut line = String::new();
    let mut from = BufReader::new(from.take(LONGEST));
    tokio::time::timeout(PATIENCE, from.read_line(&mut line))
        .await
        .map_err(|_| io::Error::other("no whole line came within 10 s"))??;
    if !line.ends_with('\n') {
        return Err(io::Error::other("a request is one line of at most 64 KiB"));
    }
    Ok(line)
}

async fn answer(line: &str, caller: Caller, handle: &Handle) -> ControlResponse {
    match serde_json::from_str::<ControlRequest>(line) {
        Ok(request) => handle(request, caller).await,
        Err(error) => ControlResponse::Error(format!(
            "not a request this bot knows (another version?): {error}"
        )),
    }
}
