//! What the servers' and the driver's errors mean to the core.

use mysql_async::{DriverError, Error, IoError};

use crate::providers::{ErrorKind, ProviderError};

/// `ER_PARSE_ERROR`: its text quotes the statement, which may hold a password.
const PARSE_ERROR: u16 = 1064;

pub fn of(error: &Error) -> ProviderError {
    match error {
        Error::Server(server) if server.code == PARSE_ERROR => ProviderError::new(
            ErrorKind::Unsupported,
            "the server does not know a statement of ours (1064): its version is not supported",
        ),
        Error::Server(server) => ProviderError::new(
            kind_of(server.code),
            format!("{} ({})", server.message, server.code),
        ),
        Error::Driver(DriverError::NoClientSslFlagFromServer) => ProviderError::new(
            ErrorKind::Denied,
            "the server offers no TLS; give it a certificate, or write tls = \"disable\" where the network is trusted",
        ),
        Error::Driver(DriverError::UnknownAuthPlugin { name }) => ProviderError::new(
            ErrorKind::Denied,
            format!("our login there uses {name}, which is not supported"),
        ),
        Error::Io(IoError::Tls(tls)) => ProviderError::new(ErrorKind::Denied, format!("TLS: {tls}")),
        Error::Io(IoError::Io(io)) if is_untrusted(io) => {
            ProviderError::new(ErrorKind::Denied, format!("TLS: {io}"))
        }
        Error::Io(IoError::Io(io)) => ProviderError::new(ErrorKind::Transient, io.to_string()),
        // These may show what was sent or received.
        Error::Driver(DriverError::ConnectionClosed) => {
            ProviderError::new(ErrorKind::Transient, "the connection is closed")
        }
        Error::Driver(_) | Error::Other(_) | Error::Url(_) => ProviderError::new(
            ErrorKind::Transient,
            "the connection broke in the middle of an answer",
        ),
    }
}

pub fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

pub fn transient(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Transient, text)
}

/// Whether a KILL came too late, which is just as well.
pub fn is_gone(error: &ProviderError) -> bool {
    error.message.ends_with("(1094)")
}

/// Whether MariaDB wants to judge the password itself, and so refuses its hash (`strict_password_validation`).
pub fn wants_the_password(error: &ProviderError) -> bool {
    error.message.ends_with("(1290)") && error.message.contains("strict-password-validation")
}

/// <https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html>,
/// <https://mariadb.com/kb/en/mariadb-error-code-reference/>.
fn kind_of(code: u16) -> ErrorKind {
    match code {
        // Our login or its host is refused, or lacks a right (1227 also where SYSTEM_USER protects an account; 1698 also
        // where MariaDB wants the admin option on a role); a password of ours that expired.
        1044 | 1045 | 1095 | 1130 | 1142 | 1143 | 1227 | 1370 | 1410 | 1449 | 1698 | 1820 | 1862 | 3118
        | 3619 | 3628 | 3879 | 3955 | 4151 => ErrorKind::Denied,
        // Named things that are not there, names that cannot be, and limits on names.
        1008 | 1049 | 1051 | 1059 | 1102 | 1103 | 1109 | 1146 | 1300 | 1347 | 1470 | 1819 | 1959 | 3523 => {
            ErrorKind::Invalid
        }
        // Unknown variables and tables of the server's own: an older or another engine.
        1193 | 1235 | 1289 => ErrorKind::Unsupported,
        // Among them dead connections, too many connections, locks, a replica that cannot be written to, a node not ready.
        _ => ErrorKind::Transient,
    }
}

/// The other end could not prove who it is: trying again helps nobody.
fn is_untrusted(error: &std::io::Error) -> bool {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_core_does_about_them() {
        for (codes, kind) in [
            (&[1044, 1045, 1142, 1227, 1410, 1698, 3955][..], ErrorKind::Denied),
            (&[1049, 1146, 1470, 1819], ErrorKind::Invalid),
            (&[1193], ErrorKind::Unsupported),
            (
                &[
                    1040, 1203, 1205, 1213, 1047, 1053, 1158, 1161, 1290, 1317, 1836, 1927, 1969, 3168, 1129,
                ],
                ErrorKind::Transient,
            ),
        ] {
            for code in codes {
                assert_eq!(kind_of(*code), kind, "{code}");
            }
        }
    }

    #[test]
    fn a_syntax_error_does_not_repeat_the_statement() {
        let error = of(&Error::Server(mysql_async::ServerError {
            code: 1064,
            message: "near 'secret'".to_owned(),
            state: "42000".to_owned(),
        }));
        assert!(!error.message.contains("secret"), "{error}");
    }
}
