//! One connection to one database, with what every connection of ours is set to.

use std::{
    path::Path,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use tokio_postgres::{
    AsyncMessage, Client, Connection, NoTls, Row,
    config::SslMode as Wire,
    tls::MakeTlsConnect,
    types::{ToSql, Type},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{config::Config, error};
use crate::providers::{
    ErrorKind, ProviderError, Result,
    sql::Statement,
    tls::{self, SslMode},
};

/// For TCP, TLS and login together: a host that accepts and says nothing must not hold a claim.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// `search_path` keeps other people's functions out of our statements; the timeouts are shorter than any claim;
/// the rest undoes what a database or role may have set for everybody.
const OPTIONS: &str = "-c search_path=pg_catalog -c statement_timeout=30s -c lock_timeout=5s \
     -c idle_in_transaction_session_timeout=15s -c default_transaction_read_only=off \
     -c standard_conforming_strings=on -c default_transaction_isolation=read\\ committed";

/// Opens connections; TLS is set up once, at the first that needs it.
pub struct Door {
    tls: OnceLock<Option<rustls::ClientConfig>>,
}

impl Door {
    pub fn new() -> Self {
        Self { tls: OnceLock::new() }
    }

    /// # Errors
    /// `Transient` if nobody answers in time, `Denied` if we or they are not trusted.
    pub async fn open(&self, config: &Config, database: &str) -> Result<Session> {
        let tls = self.tls(config.ssl_mode, config.tls_ca.as_deref())?;
        let mut wire = tokio_postgres::Config::new();
        wire.host(&config.host)
            .port(config.port)
            .user(&config.username)
            .password(config.password.expose())
            .dbname(database)
            .application_name("latchkey")
            .options(OPTIONS)
            .connect_timeout(CONNECT_LIMIT)
            .keepalives_idle(Duration::from_secs(20))
            .ssl_mode(match config.ssl_mode {
                SslMode::Disable => Wire::Disable,
                SslMode::Allow | SslMode::Prefer => Wire::Prefer,
                SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => Wire::Require,
            });
        let opened = async {
            match tls {
                Some(tls) => connect(&wire, MakeRustlsConnect::new(tls)).await,
                None => connect(&wire, NoTls).await,
            }
        };
        let (client, notices) = tokio::time::timeout(CONNECT_LIMIT, opened)
            .await
            .map_err(|_| ProviderError::new(ErrorKind::Transient, "the server did not answer in 10 s"))??;
        Ok(Session {
            client,
            notices,
            database: database.to_owned(),
        })
    }

    fn tls(&self, mode: SslMode, ca: Option<&Path>) -> Result<Option<rustls::ClientConfig>> {
        if let Some(made) = self.tls.get() {
            return Ok(made.clone());
        }
        let made = tls::client(mode, ca)?;
        Ok(self.tls.get_or_init(|| made).clone())
    }
}

type Notices = Arc<Mutex<Vec<String>>>;

async fn connect<T>(wire: &tokio_postgres::Config, tls: T) -> Result<(Client, Notices)>
where
    T: MakeTlsConnect<tokio_postgres::Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = wire.connect(tls).await.map_err(|error| error::of(&error))?;
    let notices = Notices::default();
    // Ends by itself when the client is dropped.
    tokio::spawn(drive(connection, Arc::clone(&notices)));
    Ok((client, notices))
}

async fn drive<S, T>(mut connection: Connection<S, T>, notices: Notices)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    // An error here is seen by whoever waits for the answer.
    while let Some(Ok(message)) = messages.next().await {
        if let AsyncMessage::Notice(notice) = message
            && notice.code().code() == "01007"
            && let Ok(mut notices) = notices.lock()
        {
            notices.push(notice.message().to_owned());
        }
    }
}

/// A statement's parameter; all of ours are texts or lists of texts.
pub type Param<'p> = (&'p (dyn ToSql + Sync), Type);

pub fn text(value: &(dyn ToSql + Sync)) -> Param<'_> {
    (value, Type::TEXT)
}

pub fn texts(value: &(dyn ToSql + Sync)) -> Param<'_> {
    (value, Type::TEXT_ARRAY)
}

pub struct Session {
    client: Client,
    notices: Notices,
    pub database: String,
}

impl Session {
    /// Reads; values go as parameters, never through the text.
    pub async fn rows(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        let params: Vec<_> = params
            .iter()
            .map(|(value, kind)| (*value, kind.clone()))
            .collect();
        self.client
            .query_typed(sql, &params)
            .await
            .map_err(|error| error::of(&error))
    }

    /// One row that is always there.
    pub async fn row(&self, sql: &str, params: &[Param<'_>]) -> Result<Row> {
        let missing = || ProviderError::new(ErrorKind::Transient, "the server answered nothing");
        self.rows(sql, params)
            .await?
            .into_iter()
            .next()
            .ok_or_else(missing)
    }

    /// Changes; what ran is noted once it did.
    pub async fn run(&self, statement: &Statement, ran: &mut Vec<String>) -> Result<()> {
        self.plain(statement.sent()).await?;
        ran.push(statement.shown().to_owned());
        Ok(())
    }

    /// BEGIN and its like.
    pub async fn plain(&self, sql: &str) -> Result<()> {
        self.client
            .simple_query(sql)
            .await
            .map(drop)
            .map_err(|error| error::of(&error))
    }

    /// "No privileges were granted": the server's word that a GRANT which succeeded did nothing.
    pub fn take_warnings(&self) -> Vec<String> {
        self.notices
            .lock()
            .map(|mut notices| std::mem::take(&mut *notices))
            .unwrap_or_default()
    }
}
