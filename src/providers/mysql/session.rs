//! One connection to the server, with what every connection of ours is set to.

use std::{sync::OnceLock, time::Duration};

use mysql_async::{Conn, Opts, OptsBuilder, Params, SslOpts, Value, prelude::Queryable};

use super::{
    config::{Config, Tls},
    engine::Engine,
    error,
};
use crate::providers::{ErrorKind, Result, sql::Statement, tls};

/// For TCP, TLS and login together: a host that accepts and says nothing must not hold a claim.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// What the driver would ask the server for otherwise.
const PACKET_LIMIT: usize = 16 * 1024 * 1024;
const IDLE_LIMIT: usize = 60;

/// Undoes what a server may have set for everybody: quotes and backslashes would mean something else. The timeouts are
/// shorter than any claim.
fn settings(engine: Engine) -> &'static str {
    match engine {
        Engine::MySql => {
            "SET NAMES utf8mb4, sql_mode = 'STRICT_TRANS_TABLES', lock_wait_timeout = 10, max_execution_time = 30000"
        }
        // Without NO_AUTO_CREATE_USER a GRANT to somebody who is gone would make them again.
        Engine::MariaDb => {
            "SET NAMES utf8mb4, sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER', lock_wait_timeout = 10, \
             max_statement_time = 30"
        }
    }
}

/// Opens connections; the certificates to trust are read once, at the first.
pub struct Door {
    tls: OnceLock<Option<SslOpts>>,
}

impl Door {
    pub fn new() -> Self {
        Self { tls: OnceLock::new() }
    }

    /// # Errors
    /// `Transient` if nobody answers in time, `Denied` if we or they are not trusted.
    pub async fn open(&self, config: &Config, engine: Engine) -> Result<Session> {
        crate::install_crypto();
        let wire = OptsBuilder::default()
            .ip_or_hostname(config.host.as_str())
            .tcp_port(config.port)
            .user(Some(config.username.as_str()))
            .pass(Some(config.password.expose()))
            .ssl_opts(self.tls(config)?)
            // Never over a socket instead: it would be another account, `@localhost`.
            .prefer_socket(false)
            .connect_attribute("program_name", "latchkey")
            .max_allowed_packet(Some(PACKET_LIMIT))
            .wait_timeout(Some(IDLE_LIMIT))
            .tcp_keepalive(Some(Duration::from_secs(20)));
        let opened = async {
            let conn = Conn::new(Opts::from(wire))
                .await
                .map_err(|error| error::of(&error))?;
            let mut session = Session { conn };
            session.set(engine).await?;
            Ok(session)
        };
        tokio::time::timeout(CONNECT_LIMIT, opened)
            .await
            .map_err(|_| error::transient("the server did not answer in 10 s"))?
    }

    fn tls(&self, config: &Config) -> Result<Option<SslOpts>> {
        if let Some(made) = self.tls.get() {
            return Ok(made.clone());
        }
        let made = match config.tls {
            Tls::Disable => None,
            Tls::Require => Some(SslOpts::default().with_danger_accept_invalid_certs(true)),
            Tls::VerifyFull => {
                let roots = tls::authorities(config.tls_ca.as_deref())?;
                let roots = roots.into_iter().map(|der| der.to_vec().into()).collect();
                Some(
                    SslOpts::default()
                        .with_root_certs(roots)
                        .with_disable_built_in_roots(true),
                )
            }
        };
        Ok(self.tls.get_or_init(|| made).clone())
    }
}

/// A row, by position; what is no text comes as the text that the server would show.
pub struct Row(Vec<Option<String>>);

impl Row {
    pub fn text(&self, at: usize) -> &str {
        self.option(at).unwrap_or_default()
    }

    pub fn option(&self, at: usize) -> Option<&str> {
        self.0.get(at).and_then(Option::as_deref)
    }

    pub fn number(&self, at: usize) -> Option<i64> {
        self.option(at).and_then(|text| text.parse().ok())
    }

    /// A variable or a flag: engines and versions write it as a number, a word, or a letter.
    pub fn flag(&self, at: usize) -> bool {
        matches!(self.text(at), "1" | "ON" | "Y" | "YES" | "true")
    }
}

pub struct Session {
    conn: Conn,
}

impl Session {
    /// Reads; values go as parameters, never through the text.
    pub async fn rows(&mut self, sql: &str, params: &[&str]) -> Result<Vec<Row>> {
        let rows: Vec<mysql_async::Row> = if params.is_empty() {
            self.conn.query(sql).await
        } else {
            let values = params.iter().map(|param| Value::from(*param)).collect();
            self.conn.exec(sql, Params::Positional(values)).await
        }
        .map_err(|error| error::of(&error))?;
        Ok(rows
            .into_iter()
            .map(|row| Row(row.unwrap().into_iter().map(shown).collect()))
            .collect())
    }

    /// One row that is always there.
    pub async fn row(&mut self, sql: &str, params: &[&str]) -> Result<Row> {
        let missing = || error::transient("the server answered nothing");
        self.rows(sql, params)
            .await?
            .into_iter()
            .next()
            .ok_or_else(missing)
    }

    /// Changes; what ran is noted once it did. As text: KILL cannot be prepared.
    pub async fn run(&mut self, statement: &Statement, ran: &mut Vec<String>) -> Result<()> {
        self.plain(statement.sent()).await?;
        ran.push(statement.shown().to_owned());
        Ok(())
    }

    /// The other engine knows some of these variables by other names.
    async fn set(&mut self, engine: Engine) -> Result<()> {
        let set = self.plain(settings(engine)).await;
        if set
            .as_ref()
            .is_err_and(|error| error.kind == ErrorKind::Unsupported)
        {
            let version = self.row("SELECT VERSION()", &[]).await?;
            engine.supports(version.text(0))?;
        }
        set
    }

    async fn plain(&mut self, sql: &str) -> Result<()> {
        self.conn.query_drop(sql).await.map_err(|error| error::of(&error))
    }

    /// Ends it orderly, so that its lock is free at once. If that fails, the server notices by itself.
    pub async fn close(self) {
        drop(self.conn.disconnect().await);
    }
}

fn shown(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        other @ (Value::Date(..) | Value::Time(..)) => Some(other.as_sql(true)),
    }
}
