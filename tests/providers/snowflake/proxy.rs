//! A line to the account that can be cut at one request: by HTTP, so that it stands before a real account as well.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::target::Cut;

/// Whether the line works again after the cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    StaysCut,
    Works,
}

pub struct Proxy {
    pub url: String,
    line: Arc<Line>,
    task: tokio::task::JoinHandle<()>,
}

struct Line {
    upstream: String,
    http: reqwest::Client,
    nth: u32,
    cut: Cut,
    then: Then,
    asked: AtomicU32,
    was_cut: AtomicBool,
    closed: tokio::sync::Notify,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    pub async fn start(upstream: &str, nth: u32, cut: Cut, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let line = Arc::new(Line {
            upstream: upstream.to_owned(),
            http: reqwest::Client::new(),
            nth,
            cut,
            then,
            asked: AtomicU32::new(0),
            was_cut: AtomicBool::new(false),
            closed: tokio::sync::Notify::new(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&line)));
        Self { url, line, task }
    }

    pub fn was_cut(&self) -> bool {
        self.line.was_cut.load(Ordering::SeqCst)
    }
}

/// Nobody listens any more once the line is cut for good.
async fn accept(listener: TcpListener, line: Arc<Line>) {
    loop {
        tokio::select! {
            () = line.closed.notified() => return,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                let line = Arc::clone(&line);
                tokio::spawn(async move { drop(serve(stream, &line).await) });
            }
        }
    }
}

/// One connection: request after request until it is cut or closed.
async fn serve(mut stream: TcpStream, line: &Line) -> std::io::Result<()> {
    let mut held = Vec::new();
    while let Some((head, body)) = request(&mut stream, &mut held).await? {
        let nth = line.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let cut_here = nth == line.nth || (line.then == Then::StaysCut && nth > line.nth);
        if cut_here {
            line.was_cut.store(true, Ordering::SeqCst);
            if line.then == Then::StaysCut {
                line.closed.notify_one();
            }
            if nth == line.nth && line.cut == Cut::After {
                drop(forward(line, &head, body).await);
            }
            return Ok(());
        }
        let answer = forward(line, &head, body).await?;
        stream.write_all(&answer).await?;
    }
    Ok(())
}

/// Head and body of the next request; `None` when the other side is done.
async fn request(stream: &mut TcpStream, held: &mut Vec<u8>) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut buffer = [0; 8192];
    loop {
        if let Some(end) = held.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&held[..end]).into_owned();
            let length = header(&head, "content-length")
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
            let whole = end + 4 + length;
            if held.len() >= whole {
                let body = held[end + 4..whole].to_vec();
                held.drain(..whole);
                return Ok(Some((head, body)));
            }
        }
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(None);
        }
        held.extend_from_slice(&buffer[..read]);
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

async fn forward(line: &Line, head: &str, body: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let lost = |error: reqwest::Error| std::io::Error::other(error.to_string());
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let method = words
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(reqwest::Method::GET);
    let url = format!("{}{}", line.upstream, words.next().unwrap_or_default());
    let mut request = line.http.request(method, url).body(body);
    for name in [
        "authorization",
        "x-snowflake-authorization-token-type",
        "accept",
        "content-type",
        "user-agent",
    ] {
        if let Some(value) = header(head, name) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.map_err(lost)?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(lost)?;
    let mut whole = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        body.len()
    )
    .into_bytes();
    whole.extend_from_slice(&body);
    Ok(whole)
}
