//! A line to the server that is cut at the n-th call: a connection, a statement or a look. After that nobody answers.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
    task::JoinHandle,
};

use crate::target::Cut;

pub struct Proxy {
    pub port: u16,
    line: Arc<Line>,
    accepting: JoinHandle<()>,
}

struct Line {
    server: u16,
    nth: u32,
    cut: Cut,
    calls: AtomicU32,
    is_cut: AtomicBool,
    /// Ends every connection.
    end: Notify,
}

impl Proxy {
    pub async fn start(server: u16, nth: u32, cut: Cut) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let line = Arc::new(Line {
            server,
            nth,
            cut,
            calls: AtomicU32::new(0),
            is_cut: AtomicBool::new(false),
            end: Notify::new(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&line)));
        Self {
            port,
            line,
            accepting,
        }
    }

    pub fn was_cut(&self) -> bool {
        self.line.is_cut.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.line.end.notify_waiters();
    }
}

impl Line {
    /// Whether this call is the one.
    fn is_the_call(&self) -> bool {
        self.calls.fetch_add(1, Ordering::SeqCst) + 1 == self.nth
    }

    fn cut_now(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        self.end.notify_waiters();
    }
}

async fn accept(listener: TcpListener, line: Arc<Line>) {
    while let Ok((client, _)) = listener.accept().await {
        if line.is_cut.load(Ordering::SeqCst) {
            continue;
        }
        let line = Arc::clone(&line);
        tokio::spawn(async move {
            let end = line.end.notified();
            tokio::select! {
                () = end => {}
                _ = carry(client, &line) => {}
            }
        });
    }
}

async fn carry(client: TcpStream, line: &Line) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", line.server)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let swallow = AtomicBool::new(false);
    tokio::select! {
        done = questions(from_client, to_server, line, &swallow) => done,
        done = answers(from_server, to_client, line, &swallow) => done,
    }
}

async fn questions(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    line: &Line,
    swallow: &AtomicBool,
) -> std::io::Result<()> {
    // The first message has no tag: it opens the connection.
    let opening = message(&mut from, false).await?;
    if line.cut == Cut::Before && line.is_the_call() {
        line.cut_now();
        return Ok(());
    }
    to.write_all(&opening).await?;
    loop {
        let next = message(&mut from, true).await?;
        // A simple statement, or the end of a look. A look whose answer is lost is the same to the target as the next call
        // that never comes: after it only statements are worth a cut.
        let is_call = match line.cut {
            Cut::Before => matches!(next.first(), Some(b'Q' | b'S')),
            Cut::After => next.first() == Some(&b'Q'),
        };
        if is_call && line.is_the_call() {
            match line.cut {
                Cut::Before => {
                    line.cut_now();
                    return Ok(());
                }
                Cut::After => swallow.store(true, Ordering::SeqCst),
            }
        }
        to.write_all(&next).await?;
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    line: &Line,
    swallow: &AtomicBool,
) -> std::io::Result<()> {
    loop {
        let next = message(&mut from, true).await?;
        if !swallow.load(Ordering::SeqCst) {
            to.write_all(&next).await?;
        } else if next.first() == Some(&b'Z') {
            // It has run to its end; nobody will hear so.
            line.cut_now();
            return Ok(());
        }
    }
}

async fn message(from: &mut OwnedReadHalf, tagged: bool) -> std::io::Result<Vec<u8>> {
    let head = if tagged { 5 } else { 4 };
    let mut bytes = vec![0; head];
    from.read_exact(&mut bytes).await?;
    let length = u32::from_be_bytes([bytes[head - 4], bytes[head - 3], bytes[head - 2], bytes[head - 1]]);
    let body = usize::try_from(length).unwrap_or(4).saturating_sub(4);
    bytes.resize(head + body, 0);
    from.read_exact(&mut bytes[head..]).await?;
    Ok(bytes)
}
