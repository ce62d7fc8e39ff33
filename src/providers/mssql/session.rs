//! One connection to the server, with what every connection of ours is set to.

use std::{path::Path, time::Duration};

use tiberius::{AuthMethod, Client, EncryptionLevel, Row, ToSql, error::Error};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use super::{
    config::{Config, Tls},
    error::{self, transient},
};
use crate::providers::{ErrorKind, ProviderError, Result, sql::Statement};

/// For TCP, TLS and login together: a host that accepts and says nothing must not hold a claim.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// For one statement; shorter than any claim.
const STATEMENT_LIMIT: Duration = Duration::from_secs(30);

/// A statement that fails takes its transaction with it; waiting for others' locks has an end; the last undoes what a server
/// may have set for everybody.
const SETTINGS: &str = "SET XACT_ABORT ON; SET LOCK_TIMEOUT 5000; SET IMPLICIT_TRANSACTIONS OFF";

pub struct Session {
    client: Client<Compat<TcpStream>>,
}

impl Session {
    /// # Errors
    /// `Transient` if nobody answers in time, `Denied` if we or they are not trusted.
    pub async fn open(config: &Config) -> Result<Self> {
        tokio::time::timeout(CONNECT_LIMIT, Self::connect(config))
            .await
            .map_err(|_| transient("the server did not answer in 10 s"))?
    }

    async fn connect(config: &Config) -> Result<Self> {
        let wire = wire(config).await?;
        let client = match dial(&wire, &config.host, config.port).await {
            // Azure and availability groups send on to where the database is; once is enough.
            Err(Error::Routing { host, port }) => {
                let mut there = wire;
                there.host(&host);
                there.port(port);
                dial(&there, &host, port).await
            }
            dialled => dialled,
        };
        let client = client.map_err(|error| error::of(&error))?;
        let mut session = Self { client };
        session.plain(SETTINGS).await?;
        Ok(session)
    }

    /// Reads; values go as parameters, never through the text.
    pub async fn rows(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<Vec<Row>> {
        let stream = self
            .client
            .query(sql, params)
            .await
            .map_err(|error| error::of(&error))?;
        stream
            .into_first_result()
            .await
            .map_err(|error| error::of(&error))
    }

    /// One row that is always there.
    pub async fn row(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<Row> {
        let first = self.rows(sql, params).await?.into_iter().next();
        first.ok_or_else(|| transient("the server answered nothing"))
    }

    /// Changes; what ran is noted once it did.
    pub async fn run(&mut self, statement: &Statement, ran: &mut Vec<String>) -> Result<()> {
        self.plain(statement.sent()).await?;
        ran.push(statement.shown().to_owned());
        Ok(())
    }

    /// BEGIN and its like.
    pub async fn plain(&mut self, sql: &str) -> Result<()> {
        let stream = self
            .client
            .simple_query(sql)
            .await
            .map_err(|error| error::of(&error))?;
        stream
            .into_results()
            .await
            .map(drop)
            .map_err(|error| error::of(&error))
    }
}

async fn wire(config: &Config) -> Result<tiberius::Config> {
    let mut wire = tiberius::Config::new();
    wire.host(&config.host);
    wire.port(config.port);
    wire.database(&config.database);
    wire.application_name("latchkey");
    wire.handshake_timeout(Some(CONNECT_LIMIT));
    wire.command_timeout(Some(STATEMENT_LIMIT));
    wire.authentication(AuthMethod::sql_server(&config.username, config.password.expose()));
    match config.tls {
        Tls::Verify => {
            wire.encryption(EncryptionLevel::Required);
            if let Some(path) = &config.tls_ca {
                wire.trust_cert_ca_bundle(read_ca(path).await?);
            }
        }
        Tls::Insecure => {
            wire.encryption(EncryptionLevel::Required);
            wire.trust_cert();
        }
        Tls::Off => wire.encryption(EncryptionLevel::NotSupported),
    }
    Ok(wire)
}

async fn read_ca(path: &Path) -> Result<Vec<u8>> {
    tokio::fs::read(path)
        .await
        .map_err(|error| ProviderError::new(ErrorKind::Denied, format!("tls_ca {}: {error}", path.display())))
}

async fn dial(
    wire: &tiberius::Config,
    host: &str,
    port: u16,
) -> std::result::Result<Client<Compat<TcpStream>>, Error> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Client::connect(wire.clone(), stream.compat_write()).await
}
