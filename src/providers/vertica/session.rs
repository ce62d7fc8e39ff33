//! One connection to the database, with what every connection of ours is set to.

use std::{sync::OnceLock, time::Duration};

use super::{
    config::Config,
    error,
    wire::{Address, Answer, Connection, Error, Notice, Row, Tls},
};
use crate::providers::{
    ErrorKind, ProviderError, Result,
    sql::{MASK, Statement},
    tls::{self, SslMode},
};

/// For TCP, TLS and login together: a host that accepts and says nothing must not hold a claim.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The server ends a statement of ours after 30 s by itself; a lock may hold it up a little longer.
const ANSWER_LIMIT: Duration = Duration::from_secs(40);
/// Above GRANT and REVOKE; everything here is done with it.
pub const ROLE: &str = "pseudosuperuser";

/// A backslash stays an ordinary character, times are UTC, and nothing was set for everybody that would change our statements.
const SETTINGS: &str = "SET STANDARD_CONFORMING_STRINGS TO ON; SET TIME ZONE TO 'UTC'";
/// Shorter than any claim. Not every version knows them, and our own limit stands above them.
const LIMITS: &str = "SET SESSION RUNTIMECAP '30 seconds'; SET SESSION IDLESESSIONTIMEOUT '1 minute'";

/// Opens connections; TLS is set up once, at the first that needs it.
pub struct Door {
    tls: OnceLock<Option<rustls::ClientConfig>>,
}

impl Door {
    pub fn new() -> Self {
        Self { tls: OnceLock::new() }
    }

    /// A session that may do what we are here for.
    ///
    /// # Errors
    /// `Transient` if nobody answers in time, `Denied` if we or they are not trusted, or we lack our role.
    pub async fn open(&self, config: &Config) -> Result<Session> {
        let mut session = self.open_plain(config).await?;
        match session.take_role(ROLE).await {
            Ok(()) => Ok(session),
            Err(error) if error.kind == ErrorKind::Transient => Err(error),
            Err(error) => Err(ProviderError::new(
                ErrorKind::Denied,
                format!("our login cannot use the role {ROLE}: {}", error.message),
            )),
        }
    }

    /// A session without our role, to look what we lack.
    pub async fn open_plain(&self, config: &Config) -> Result<Session> {
        let tls = self.tls(config)?;
        let address = Address {
            host: &config.host,
            port: config.port,
            database: &config.database,
            user: &config.username,
            password: &config.password,
            label: "latchkey",
            tls: match (config.ssl_mode, tls) {
                (SslMode::Disable, _) | (_, None) => Tls::Never,
                (SslMode::Allow | SslMode::Prefer, Some(tls)) => Tls::IfThere(tls),
                (SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull, Some(tls)) => Tls::Always(tls),
            },
        };
        let opened = tokio::time::timeout(CONNECT_LIMIT, Connection::open(&address))
            .await
            .map_err(|_| ProviderError::new(ErrorKind::Transient, "the server did not answer in 10 s"))?;
        let mut session = Session {
            wire: opened.map_err(|error| error::of(&error))?,
        };
        session.ask(SETTINGS).await?;
        if let Err(failed) = session.answer(LIMITS).await {
            match failed {
                Failed::Said(_) => {}
                Failed::Broke(error) => return Err(error),
            }
        }
        Ok(session)
    }

    fn tls(&self, config: &Config) -> Result<Option<&rustls::ClientConfig>> {
        if let Some(made) = self.tls.get() {
            return Ok(made.as_ref());
        }
        let made = tls::client(config.ssl_mode, config.tls_ca.as_deref())?;
        Ok(self.tls.get_or_init(|| made).as_ref())
    }
}

/// A statement that did not go well.
pub enum Failed {
    /// The server said no; the session goes on.
    Said(Notice),
    /// The session is over.
    Broke(ProviderError),
}

impl From<Failed> for ProviderError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Said(notice) => error::of(&Error::Server(notice)),
            Failed::Broke(error) => error,
        }
    }
}

pub struct Session {
    wire: Connection,
}

impl Session {
    async fn answer(&mut self, sql: &str) -> std::result::Result<Vec<Answer>, Failed> {
        match tokio::time::timeout(ANSWER_LIMIT, self.wire.query(sql)).await {
            Ok(Ok(answers)) => Ok(answers),
            Ok(Err(Error::Server(notice))) => Err(Failed::Said(notice)),
            Ok(Err(error)) => Err(Failed::Broke(error::of(&error))),
            Err(_) => {
                let text = format!("no answer within {} s", ANSWER_LIMIT.as_secs());
                Err(Failed::Broke(ProviderError::new(ErrorKind::Transient, text)))
            }
        }
    }

    /// A look, or a setting.
    pub async fn ask(&mut self, sql: &str) -> Result<()> {
        Ok(self.answer(sql).await.map(drop)?)
    }

    /// The rows of one SELECT.
    pub async fn rows(&mut self, sql: &str) -> Result<Vec<Row>> {
        let answers = self.answer(sql).await?;
        Ok(answers.into_iter().next().unwrap_or_default().rows)
    }

    /// Changes; what ran is noted once it did.
    pub async fn try_run(
        &mut self,
        statement: &Statement,
        ran: &mut Vec<String>,
    ) -> std::result::Result<(), Failed> {
        match self.answer(statement.sent()).await {
            Ok(_) => {
                ran.push(statement.shown().to_owned());
                Ok(())
            }
            Err(Failed::Said(notice)) => Err(Failed::Said(Notice {
                message: masked(statement, &notice.message),
                ..notice
            })),
            Err(broke) => Err(broke),
        }
    }

    pub async fn run(&mut self, statement: &Statement, ran: &mut Vec<String>) -> Result<()> {
        Ok(self.try_run(statement, ran).await?)
    }

    /// As `run`, where what it takes away or drops may be gone already.
    pub async fn run_or_gone(&mut self, statement: &Statement, ran: &mut Vec<String>) -> Result<()> {
        match self.try_run(statement, ran).await {
            Err(Failed::Said(notice)) if error::is_gone(&notice) => Ok(()),
            ended => Ok(ended?),
        }
    }

    /// As `run`, where what it makes may be there already.
    pub async fn run_or_there(&mut self, statement: &Statement, ran: &mut Vec<String>) -> Result<()> {
        match self.try_run(statement, ran).await {
            Err(Failed::Said(notice)) if notice.code == error::DUPLICATE => Ok(()),
            ended => Ok(ended?),
        }
    }

    /// Changes to a role, so that only its rights count.
    pub async fn take_role(&mut self, role: &str) -> Result<()> {
        self.ask(&format!("SET ROLE {role}")).await
    }

    /// Whether our own password will expire soon.
    pub fn own_expires_soon(&self) -> bool {
        self.wire.grace
    }

    pub async fn close(self) {
        self.wire.close().await;
    }
}

/// A server may quote the statement that it refuses, and with it the secret that stands where the mask is shown.
fn masked(statement: &Statement, text: &str) -> String {
    let Some((before, after)) = statement.shown().split_once(MASK) else {
        return text.to_owned();
    };
    let secret = statement
        .sent()
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after))
        .map(|literal| literal.trim_matches('\''))
        .filter(|secret| !secret.is_empty());
    match secret {
        Some(secret) => text.replace(secret, "***"),
        None => text.to_owned(),
    }
}

/// A value that is always there.
pub fn text(row: &Row, at: usize) -> String {
    row.get(at).cloned().flatten().unwrap_or_default()
}

/// Vertica writes truths as `t` and `f`.
pub fn truth(row: &Row, at: usize) -> bool {
    matches!(row.get(at), Some(Some(text)) if text == "t" || text == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_the_server_quotes_is_masked() {
        let statement =
            Statement::with_secret("ALTER USER \"u\" IDENTIFIED BY {secret}", "aB3-x").expect("a statement");
        let text = masked(&statement, "Syntax error at or near \"'aB3-x'\" at character 29");
        assert_eq!(text, "Syntax error at or near \"'***'\" at character 29");
        let plain = Statement::plain("DROP ROLE \"r\"");
        assert_eq!(masked(&plain, "no r"), "no r");
    }

    #[test]
    fn truths_are_letters() {
        let row = vec![Some("t".to_owned()), Some("f".to_owned()), None];
        assert!(truth(&row, 0) && !truth(&row, 1) && !truth(&row, 2) && !truth(&row, 9));
        assert_eq!(text(&row, 2), "");
    }
}
