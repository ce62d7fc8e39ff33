//! One connection, used from async code: each call runs where blocking is allowed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    error,
    exec::{Connect, Fault, OracleExec, Row},
};
use crate::{
    providers::{ErrorKind, ProviderError, Result, sql::Statement},
    secrets::Secret,
};

/// For TCP, TLS and login together: a host that accepts and says nothing must not hold a claim.
const OPEN_LIMIT: Duration = Duration::from_secs(20);
/// Beyond the driver's own limit for a call: for a driver that does not keep it.
const CALL_LIMIT: Duration = Duration::from_secs(35);

/// So many may wait for an answer to their login at a time, ours and those we gave up on.
const OPENING: usize = 8;

/// Opens connections to one database.
pub struct Door {
    connect: Arc<dyn Connect>,
    opening: Arc<AtomicUsize>,
}

/// Counts one that is opening, however it ends.
struct Opening(Arc<AtomicUsize>);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Door {
    pub fn new(connect: Arc<dyn Connect>) -> Self {
        Self {
            connect,
            opening: Arc::default(),
        }
    }

    /// # Errors
    /// `Transient` if nobody answers in time, `Denied` if we or they are not trusted.
    pub async fn open(&self, user: &str, password: &Secret) -> Result<Session> {
        let transient = |text: String| ProviderError::new(ErrorKind::Transient, text);
        if self.opening.fetch_add(1, Ordering::SeqCst) >= OPENING {
            self.opening.fetch_sub(1, Ordering::SeqCst);
            return Err(transient(format!("{OPENING} logins wait for an answer already")));
        }
        let opening = Opening(Arc::clone(&self.opening));
        let (connect, user, password) = (Arc::clone(&self.connect), user.to_owned(), password.clone());
        let (answer, opened) = tokio::sync::oneshot::channel();
        // A thread of its own: the driver waits for ever for a host that accepts and says nothing, and the program's end
        // would wait for a thread of the runtime's.
        let work = move || {
            let _opening = opening;
            drop(answer.send(connect.open(&user, &password)));
        };
        std::thread::Builder::new()
            .name("oracle-open".to_owned())
            .spawn(work)
            .map_err(|error| transient(format!("no thread: {error}")))?;
        let opened = match tokio::time::timeout(OPEN_LIMIT, opened).await {
            Ok(Ok(opened)) => opened,
            // It panicked.
            Ok(Err(_)) => Err(gave_up()),
            Err(_) => Err(Fault::Line(format!(
                "the database did not answer in {} s",
                OPEN_LIMIT.as_secs()
            ))),
        };
        opened
            .map(|exec| Session { exec: Some(exec) })
            .map_err(|fault| error::of(&fault))
    }
}

pub struct Session {
    /// `None` once the line is broken.
    exec: Option<Box<dyn OracleExec>>,
}

impl Session {
    async fn call(&mut self, sql: &str, values: &[&str]) -> std::result::Result<Vec<Row>, Fault> {
        let Some(mut exec) = self.exec.take() else {
            return Err(Fault::Line("the connection is broken".to_owned()));
        };
        let sql = sql.to_owned();
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        let running = tokio::task::spawn_blocking(move || {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let outcome = exec.run(&sql, &values);
            (exec, outcome)
        });
        match tokio::time::timeout(CALL_LIMIT, running).await {
            Ok(Ok((exec, outcome))) => {
                if matches!(outcome, Ok(_) | Err(Fault::Ora { .. })) {
                    self.exec = Some(exec);
                }
                outcome
            }
            Ok(Err(broke)) if broke.is_panic() => Err(gave_up()),
            Ok(Err(_)) => Err(Fault::Line("the program is stopping".to_owned())),
            Err(_) => Err(Fault::Line(format!(
                "no answer within {} s",
                CALL_LIMIT.as_secs()
            ))),
        }
    }

    /// Looks; values go as binds, never through the text.
    ///
    /// # Errors
    /// `Denied` for a dictionary that our login may not read.
    pub async fn rows(&mut self, sql: &str, values: &[&str]) -> Result<Vec<Row>> {
        self.call(sql, values)
            .await
            .map_err(|fault| error::of_look(&fault, sql))
    }

    /// Changes; what ran is noted once it did.
    pub async fn run(&mut self, statement: &Statement, ran: &mut Vec<String>) -> Result<()> {
        self.try_run(statement, ran)
            .await
            .map_err(|fault| error::of(&fault))
    }

    /// As `run`, where one of these numbers means that there is nothing left to do.
    pub async fn run_or(&mut self, statement: &Statement, done: &[u32], ran: &mut Vec<String>) -> Result<()> {
        match self.try_run(statement, ran).await {
            Err(fault) if fault.code().is_some_and(|code| done.contains(&code)) => Ok(()),
            outcome => outcome.map_err(|fault| error::of(&fault)),
        }
    }

    /// As `run`, with the database's own answer.
    pub async fn try_run(
        &mut self,
        statement: &Statement,
        ran: &mut Vec<String>,
    ) -> std::result::Result<(), Fault> {
        self.call(statement.sent(), &[]).await?;
        ran.push(statement.shown().to_owned());
        Ok(())
    }
}

/// The driver's thread ended without an answer. What it said is in the log; it may hold what was sent, so nothing of it is here.
fn gave_up() -> Fault {
    Fault::Unable(
        "the driver gave up on this database; Native Network Encryption is one thing it cannot do: use TLS (tcps)"
            .to_owned(),
    )
}

impl Drop for Session {
    /// Logging off asks the database once more: not on a thread that must not block.
    fn drop(&mut self) {
        let Some(exec) = self.exec.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn_blocking(move || drop(exec)));
        }
    }
}
