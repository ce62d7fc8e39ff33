//! The server: who connects, what they say, and what is kept of their transactions.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI32, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, FixedOffset};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedMutexGuard},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use super::{
    answer::Answer,
    engine::Env,
    functions,
    lex::{Token, tokens},
    model::{Kind, Model},
    rights::Who,
    tls,
    value::{Fault, Value},
    views::Relation,
    wire::{self, Request},
};

/// For what others have locked. Clients of ours set the same.
const LOCK_LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub struct SessionEntry {
    pub id: i32,
    pub sid: Vec<u8>,
    pub application: String,
    pub database: String,
    /// As the server's own clock had it.
    pub since: DateTime<FixedOffset>,
    end: Arc<Notify>,
}

/// Who is connected.
#[derive(Default)]
pub struct Sessions(Mutex<Vec<SessionEntry>>);

impl Sessions {
    pub fn list(&self) -> Vec<SessionEntry> {
        self.0.lock().map(|all| all.clone()).unwrap_or_default()
    }

    /// Tells a session to end; it is listed until it has.
    pub fn kill(&self, id: i32) -> bool {
        match self.list().iter().find(|session| session.id == id) {
            Some(session) => {
                session.end.notify_one();
                true
            }
            None => false,
        }
    }
}

struct State {
    model: Arc<tokio::sync::Mutex<Model>>,
    sessions: Sessions,
    /// (application, batch) of what went well.
    log: Mutex<Vec<(String, String)>>,
    tls: Option<TlsAcceptor>,
    next_session: AtomicI32,
    next_transaction: AtomicU64,
}

pub struct Server {
    pub port: u16,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// `certificates`: a folder with `server.crt` and `server.key`; without one there is no TLS.
    pub async fn start(model: Model, certificates: Option<&Path>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(State {
            model: Arc::new(tokio::sync::Mutex::new(model)),
            sessions: Sessions::default(),
            log: Mutex::default(),
            tls: certificates.map(tls::acceptor),
            next_session: AtomicI32::new(50),
            next_transaction: AtomicU64::new(1),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self {
            port,
            state,
            accepting,
        }
    }

    /// Batches that ran since the last call, each with the application it came from.
    pub fn logged(&self) -> Vec<(String, String)> {
        self.state
            .log
            .lock()
            .map(|mut log| std::mem::take(&mut *log))
            .unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        for session in self.state.sessions.list() {
            session.end.notify_one();
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        // A client that leaves in the middle of something is no fault of the server's.
        tokio::spawn(async move { drop(greet(stream, &state).await) });
    }
}

/// PRELOGIN, and TLS where both want it.
async fn greet(mut stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (kind, body) = wire::read(&mut stream).await?;
    if kind != wire::PRELOGIN {
        return Err(wire::bad("no PRELOGIN"));
    }
    let answer = match (wire::offered_encryption(&body)?, &state.tls) {
        (2, _) | (_, None) => 2,
        (0, Some(_)) => 3,
        (_, Some(_)) => 1,
    };
    wire::write(&mut stream, wire::REPLY, &wire::prelogin(answer)).await?;
    match &state.tls {
        Some(acceptor) if answer != 2 => serve(tls::accept(acceptor, stream).await?, state).await,
        _ => serve(stream, state).await,
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, state: &State) -> io::Result<()> {
    let (kind, body) = wire::read(&mut stream).await?;
    if kind != wire::LOGIN7 {
        return Err(wire::bad("no LOGIN7"));
    }
    let login = wire::login7(&body)?;
    let mut answer = Answer::default();
    let mut session = match log_in(state, &login).await {
        Ok(session) => session,
        Err(fault) => {
            answer.error(fault.number, &fault.text);
            if fault.number == 4060 {
                answer.error(18456, &format!("Login failed for user '{}'.", login.user));
            }
            answer.done(0xfd, 2, 0);
            return wire::write(&mut stream, wire::REPLY, &answer.0).await;
        }
    };
    answer.environment(1, &session.entry.database, "master");
    answer.message(0xab, 5701, 10, "Changed database context.");
    answer.login_ack(login.version);
    answer.environment(4, "4096", "4096");
    answer.done(0xfd, 0, 0);
    wire::write(&mut stream, wire::REPLY, &answer.0).await?;
    let ended = converse(&mut stream, state, &mut session).await;
    session.roll_back();
    if let Ok(mut all) = state.sessions.0.lock() {
        all.retain(|other| other.id != session.entry.id);
    }
    ended
}

async fn log_in(state: &State, login: &wire::Login) -> Result<Session, Fault> {
    let fault = |number, text: String| Err(Fault { number, text });
    let model = state.model.lock().await;
    let failed = format!("Login failed for user '{}'.", login.user);
    let found = model.server.find(&login.user).filter(|found| {
        found.kind == Kind::Login && found.password.as_deref() == Some(login.password.as_str())
    });
    let Some(found) = found else {
        return fault(18456, failed);
    };
    if found.disabled {
        return fault(18470, format!("{failed} Reason: The account is disabled."));
    }
    let who = Who {
        name: found.name.clone(),
        sid: found.sid.clone(),
    };
    let database = if login.database.is_empty() {
        "master"
    } else {
        &login.database
    };
    let enters = model
        .database(database)
        .and_then(|inside| model.inside(&who, inside).map(|_| inside.name.clone()));
    let Ok(database) = enters else {
        return fault(
            4060,
            format!("Cannot open database \"{database}\" requested by the login. The login failed."),
        );
    };
    let entry = SessionEntry {
        id: state.next_session.fetch_add(1, Ordering::SeqCst),
        sid: who.sid.clone(),
        application: login.application.clone(),
        database,
        since: functions::local(),
        end: Arc::new(Notify::new()),
    };
    if let Ok(mut all) = state.sessions.0.lock() {
        all.push(entry.clone());
    }
    Ok(Session {
        who,
        entry,
        open: None,
    })
}

struct Session {
    who: Who,
    entry: SessionEntry,
    open: Option<Transaction>,
}

/// Holds everybody else off: simpler than locks, and never less strict.
struct Transaction {
    descriptor: u64,
    model: OwnedMutexGuard<Model>,
    before: Model,
}

impl Session {
    fn roll_back(&mut self) -> Option<u64> {
        let mut open = self.open.take()?;
        *open.model = open.before;
        Some(open.descriptor)
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    state: &State,
    session: &mut Session,
) -> io::Result<()> {
    let end = Arc::clone(&session.entry.end);
    loop {
        let (kind, body) = tokio::select! {
            message = wire::read(stream) => message?,
            () = end.notified() => return Ok(()),
        };
        let mut answer = Answer::default();
        match kind {
            wire::SQL_BATCH => {
                let request = wire::batch(&body)?;
                respond(state, session, &request, &mut answer, false).await;
            }
            wire::RPC => {
                let request = wire::rpc(&body)?;
                respond(state, session, &request, &mut answer, true).await;
            }
            wire::ATTENTION => answer.done(0xfd, 0x20, 0),
            other => return Err(wire::bad(format!("a message of kind {other:#x}"))),
        }
        wire::write(stream, wire::REPLY, &answer.0).await?;
    }
}

async fn respond(state: &State, session: &mut Session, request: &Request, answer: &mut Answer, rpc: bool) {
    let outcome = perform(state, session, request, answer).await;
    let failed = match outcome {
        Ok(shown) => {
            for relation in &shown {
                answer.rows(&relation.columns, &relation.rows);
                answer.done(if rpc { 0xff } else { 0xfd }, 0x11, relation.rows.len() as u64);
            }
            if !rpc && let Ok(mut log) = state.log.lock() {
                log.push((session.entry.application.clone(), request.sql.clone()));
            }
            false
        }
        Err(fault) => {
            answer.error(fault.number, &fault.text);
            // Every client of ours says XACT_ABORT ON.
            if let Some(descriptor) = session.roll_back() {
                answer.transaction(10, 0, descriptor);
            }
            true
        }
    };
    if rpc {
        answer.return_status();
    }
    answer.done(if rpc { 0xfe } else { 0xfd }, if failed { 2 } else { 0 }, 0);
}

/// BEGIN, COMMIT and ROLLBACK stand alone in their batches.
fn transaction_word(sql: &str) -> Option<String> {
    let words: Vec<String> = tokens(sql)
        .ok()?
        .into_iter()
        .map(|token| match token {
            Token::Word(word) => word.to_ascii_uppercase(),
            _ => String::new(),
        })
        .collect();
    match words.as_slice() {
        [word, second] if second == "TRANSACTION" || second == "TRAN" => Some(word.clone()),
        _ => None,
    }
}

async fn perform(
    state: &State,
    session: &mut Session,
    request: &Request,
    answer: &mut Answer,
) -> Result<Vec<Relation>, Fault> {
    let fault = |number, text: &str| {
        Err(Fault {
            number,
            text: text.to_owned(),
        })
    };
    let descriptor = session.open.as_ref().map_or(0, |open| open.descriptor);
    if request.transaction != descriptor {
        return fault(
            3989,
            "New request is not allowed to start because it should come with valid transaction descriptor.",
        );
    }
    match transaction_word(&request.sql).as_deref() {
        Some("BEGIN") if session.open.is_none() => {
            let model = locked(state).await?;
            let descriptor = state.next_transaction.fetch_add(1, Ordering::SeqCst);
            let before = model.clone();
            session.open = Some(Transaction {
                descriptor,
                model,
                before,
            });
            answer.transaction(8, descriptor, 0);
            return Ok(Vec::new());
        }
        Some("COMMIT") => {
            return match session.open.take() {
                Some(open) => {
                    answer.transaction(9, 0, open.descriptor);
                    Ok(Vec::new())
                }
                None => fault(
                    3902,
                    "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.",
                ),
            };
        }
        Some("ROLLBACK") => {
            return match session.roll_back() {
                Some(descriptor) => {
                    answer.transaction(10, 0, descriptor);
                    Ok(Vec::new())
                }
                None => fault(
                    3903,
                    "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.",
                ),
            };
        }
        _ => {}
    }
    let variables: BTreeMap<String, Value> = request.params.iter().cloned().collect();
    let in_transaction = session.open.is_some();
    let mut own;
    let model = match &mut session.open {
        Some(open) => &mut *open.model,
        None => {
            own = locked(state).await?;
            &mut *own
        }
    };
    let mut env = Env {
        model,
        who: session.who.clone(),
        id: session.entry.id,
        database: session.entry.database.clone(),
        sessions: &state.sessions,
        variables,
        in_transaction,
        shown: Vec::new(),
    };
    env.run(&request.sql)?;
    Ok(env.shown)
}

async fn locked(state: &State) -> Result<OwnedMutexGuard<Model>, Fault> {
    tokio::time::timeout(LOCK_LIMIT, Arc::clone(&state.model).lock_owned())
        .await
        .map_err(|_| Fault {
            number: 1222,
            text: "Lock request time out period exceeded.".to_owned(),
        })
}
