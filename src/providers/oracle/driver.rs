//! Oracle's own thin driver behind the executor: pure Rust, blocking, no Instant Client.
//!
//! The driver's errors are told with Display only: their Debug prints a backtrace.

use std::{fs, path::Path, time::Duration};

use oracledb::{Connection, Error, ErrorKind, ToDbValue};

use super::{
    config::{Config, Tls},
    exec::{Connect, Fault, OracleExec, Row},
};
use crate::secrets::Secret;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// What the database shows of us. Without these the driver sends the names of our host and of the user we run as.
const NAME: &str = "latchkey";

/// Where a database is, and how to be sure that it is the one.
#[derive(Debug, Clone)]
pub struct Driver {
    config: Config,
}

impl Driver {
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    fn configured(
        &self,
        user: &str,
        password: &Secret,
        wallet: Option<&Path>,
    ) -> Result<oracledb::Config, Error> {
        let Config {
            host, port, service, ..
        } = &self.config;
        let protocol = match self.config.tls {
            Tls::VerifyFull => "tcps",
            Tls::Disable => "tcp",
        };
        // All three were checked against what has a meaning here.
        let address = format!(
            "(DESCRIPTION=(ADDRESS=(PROTOCOL={protocol})(HOST={host})(PORT={port}))(CONNECT_DATA=(SERVICE_NAME={service})))"
        );
        let mut config = oracledb::Config::default()
            .set_credentials(user, password.expose())
            .set_connect_string(&address)?
            .set_transport_connect_timeout(Some(CONNECT_LIMIT))
            .set_program(NAME)?
            .set_machine(NAME)?
            .set_osuser(NAME)?
            .set_terminal(NAME);
        if let Some(wallet) = wallet {
            config = config.set_wallet_location(wallet.to_string_lossy());
        }
        Ok(config)
    }

    /// The driver takes certificates from a directory only. Ours goes as soon as the connection stands.
    fn wallet(&self) -> Result<Option<tempfile::TempDir>, Fault> {
        let Some(path) = &self.config.tls_ca else {
            return Ok(None);
        };
        let unreadable =
            |error: &dyn std::fmt::Display| Fault::Untrusted(format!("tls_ca {}: {error}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| unreadable(&error))?;
        let certificates = certificates(&text);
        if certificates.is_empty() {
            return Err(unreadable(&"no certificate in it"));
        }
        let place = tempfile::tempdir().map_err(|error| unreadable(&error))?;
        fs::write(place.path().join("ewallet.pem"), certificates).map_err(|error| unreadable(&error))?;
        Ok(Some(place))
    }
}

/// Certificates of a PEM text and nothing else: with a key beside them the driver would take them for our own.
fn certificates(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut all = String::new();
    for part in text.split(BEGIN).skip(1) {
        if let Some((inside, _)) = part.split_once(END) {
            all.push_str(&format!("{BEGIN}{inside}{END}\n"));
        }
    }
    all
}

impl Connect for Driver {
    fn open(&self, user: &str, password: &Secret) -> Result<Box<dyn OracleExec>, Fault> {
        let wallet = self.wallet()?;
        let place = wallet.as_ref().map(tempfile::TempDir::path);
        let config = self
            .configured(user, password, place)
            .map_err(|error| fault(&error))?;
        let connection = oracledb::connect(config).map_err(|error| fault(&error))?;
        connection
            .set_call_timeout(Some(CALL_LIMIT))
            .map_err(|error| fault(&error))?;
        Ok(Box::new(Line { connection }))
    }
}

struct Line {
    connection: Connection,
}

impl OracleExec for Line {
    fn run(&mut self, sql: &str, values: &[&str]) -> Result<Vec<Row>, Fault> {
        let params: Vec<&dyn ToDbValue> = values.iter().map(|value| value as &dyn ToDbValue).collect();
        let outcome = if sql.starts_with("SELECT") {
            query(&self.connection, sql, &params)
        } else {
            self.connection.execute(sql, &params).map(|_| Vec::new())
        };
        outcome.map_err(|error| fault(&error))
    }
}

fn query(connection: &Connection, sql: &str, params: &[&dyn ToDbValue]) -> Result<Vec<Row>, Error> {
    let cursor = connection.query(sql, params)?;
    let columns = cursor.columns().len();
    let mut rows = Vec::new();
    for row in cursor {
        let row = row?;
        let of = |index| row.get::<Option<String>>(index);
        rows.push((0..columns).map(of).collect::<Result<Row, Error>>()?);
    }
    Ok(rows)
}

/// By kind: what the driver words itself ("Similar to ORA-12514") carries no number of the database's.
fn fault(error: &Error) -> Fault {
    let shown = error.to_string();
    let text = first_line(&shown);
    match error.kind() {
        ErrorKind::DbError(db) => Fault::Ora {
            code: u32::try_from(db.code()).unwrap_or(u32::MAX),
            text,
        },
        ErrorKind::InvalidServiceName(..) => Fault::Ora { code: 12514, text },
        ErrorKind::InvalidSid(..) => Fault::Ora { code: 12505, text },
        ErrorKind::ListenerRefusedConnection(_, _, _, code) => Fault::Ora {
            code: u32::try_from(*code).unwrap_or(u32::MAX),
            text,
        },
        // The other end could not prove who it is: trying again helps nobody. The driver hides the cause, but says it.
        ErrorKind::StreamOperation if shown.contains("invalid peer certificate") => Fault::Untrusted(text),
        ErrorKind::TlsOperation
        | ErrorKind::PemFileOperation
        | ErrorKind::WalletUnreadable(_)
        | ErrorKind::WalletPrivateKeyInvalid(_)
        | ErrorKind::WalletPasswordMissingOrInvalid(..) => Fault::Untrusted(text),
        ErrorKind::ServerVersionNotSupported
        | ErrorKind::NotImplemented(_)
        | ErrorKind::UnsupportedDbType(_) => Fault::Unable(text),
        // Time-outs, dead connections, and whatever later versions of the driver add.
        _ => Fault::Line(text),
    }
}

/// Later lines point into statements, and may quote them.
fn first_line(shown: &str) -> String {
    let line = shown.lines().next().unwrap_or_default();
    let line = line.split(" (CONNECTION_ID=").next().unwrap_or(line);
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_certificates_go_into_the_wallet() {
        let text = "x\n-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n\
                    -----BEGIN PRIVATE KEY-----\nKEY\n-----END PRIVATE KEY-----\n\
                    -----BEGIN CERTIFICATE-----\nBBB\n-----END CERTIFICATE-----\n";
        let kept = certificates(text);
        assert!(
            kept.contains("AAA") && kept.contains("BBB") && !kept.contains("KEY"),
            "{kept}"
        );
        assert_eq!(certificates("nothing"), "");
    }

    #[test]
    fn an_error_is_its_first_line() {
        assert_eq!(
            first_line("ORA-00942: table or view \"A\".\"B\" does not exist\nHelp: https://…"),
            "ORA-00942: table or view \"A\".\"B\" does not exist"
        );
        assert_eq!(
            first_line("service \"x\" is not registered (Similar to ORA-12514) (CONNECTION_ID=abc==)"),
            "service \"x\" is not registered (Similar to ORA-12514)"
        );
    }
}
