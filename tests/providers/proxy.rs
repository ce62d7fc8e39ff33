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

/// Whose protocol passes through, unencrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Postgres,
    /// MySQL's and MariaDB's.
    MySql,
    /// SQL Server's.
    Tds,
}

impl Wire {
    /// Bytes before the body, of the first message of a client or of any other.
    fn head(self, first: bool) -> usize {
        match self {
            Self::Tds => 8,
            Self::Postgres if !first => 5,
            Self::Postgres | Self::MySql => 4,
        }
    }

    /// Bytes of the body, by the head.
    fn body(self, head: &[u8]) -> usize {
        match (self, head) {
            (Self::Postgres, [.., a, b, c, d]) => {
                let length = u32::from_be_bytes([*a, *b, *c, *d]);
                usize::try_from(length).unwrap_or(4).saturating_sub(4)
            }
            (Self::Tds, [_, _, a, b, ..]) => usize::from(u16::from_be_bytes([*a, *b])).saturating_sub(8),
            (Self::MySql, [a, b, c, _]) => usize::try_from(u32::from_le_bytes([*a, *b, *c, 0])).unwrap_or(0),
            _ => 0,
        }
    }

    /// Whether a message asks for something that is worth a cut. A look whose answer is lost is the same to the target as the
    /// next call that never comes: after it only statements are.
    fn is_call(self, message: &[u8], cut: Cut) -> bool {
        match self {
            // A simple statement, or the end of a look.
            Self::Postgres => match cut {
                Cut::Before => matches!(message.first(), Some(b'Q' | b'S')),
                Cut::After => message.first() == Some(&b'Q'),
            },
            // A command is the first of its packets. A statement as text, or the execution of a prepared one.
            Self::MySql => match (cut, message) {
                (Cut::Before, [_, _, _, 0, command, ..]) => matches!(command, 0x03 | 0x17),
                (Cut::After, [_, _, _, 0, 0x03, text @ ..]) => {
                    !text.starts_with(b"SELECT") && !text.starts_with(b"SHOW")
                }
                _ => false,
            },
            // The last packet of a login, a batch or a look.
            Self::Tds => match (cut, message) {
                (Cut::Before, [kind, status, ..]) => matches!(kind, 0x01 | 0x03 | 0x10) && status & 1 != 0,
                (Cut::After, [kind, status, ..]) => *kind == 0x01 && status & 1 != 0,
                _ => false,
            },
        }
    }

    /// Whether the answer to such a statement ends with this message. What changes something is answered by MySQL in one.
    fn ends_answer(self, message: &[u8]) -> bool {
        match self {
            Self::Postgres => message.first() == Some(&b'Z'),
            Self::MySql => true,
            Self::Tds => message.get(1).is_some_and(|status| status & 1 != 0),
        }
    }
}

pub struct Proxy {
    pub port: u16,
    line: Arc<Line>,
    accepting: JoinHandle<()>,
}

struct Line {
    wire: Wire,
    /// Host and port.
    server: String,
    nth: u32,
    cut: Cut,
    calls: AtomicU32,
    is_cut: AtomicBool,
    /// Ends every connection.
    end: Notify,
}

impl Proxy {
    pub async fn start(wire: Wire, server: String, nth: u32, cut: Cut) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let line = Arc::new(Line {
            wire,
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
    let server = TcpStream::connect(&line.server).await?;
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
    // The first message opens the connection.
    let opening = message(line.wire, &mut from, true).await?;
    if line.cut == Cut::Before && line.is_the_call() {
        line.cut_now();
        return Ok(());
    }
    to.write_all(&opening).await?;
    loop {
        let next = message(line.wire, &mut from, false).await?;
        if line.wire.is_call(&next, line.cut) && line.is_the_call() {
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
        let next = message(line.wire, &mut from, false).await?;
        if !swallow.load(Ordering::SeqCst) {
            to.write_all(&next).await?;
        } else if line.wire.ends_answer(&next) {
            // It has run to its end; nobody will hear so.
            line.cut_now();
            return Ok(());
        }
    }
}

async fn message(wire: Wire, from: &mut OwnedReadHalf, first: bool) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; wire.head(first)];
    from.read_exact(&mut bytes).await?;
    let head = bytes.len();
    bytes.resize(head + wire.body(&bytes), 0);
    from.read_exact(&mut bytes[head..]).await?;
    Ok(bytes)
}
