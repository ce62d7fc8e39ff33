//! What the server's and the driver's errors mean to the core.

use tiberius::error::{Error, IoErrorKind};

use crate::providers::{ErrorKind, ProviderError};

/// The server's own line and number.
pub fn of(error: &Error) -> ProviderError {
    match error {
        Error::Server(token) => ProviderError::new(
            kind_of(token.code()),
            format!("{} ({})", token.message(), token.code()),
        ),
        // The driver's advice names its own functions; ours is the configuration's.
        Error::Tls(text) => {
            let first = text.split(" To connect anyway").next().unwrap_or(text);
            let hint = "a server with a certificate of its own needs tls_ca, or tls = \"insecure\"";
            ProviderError::new(ErrorKind::Denied, format!("TLS: {first} ({hint})"))
        }
        Error::Protocol(text) if text.contains("encryption level") => {
            ProviderError::new(ErrorKind::Denied, "the server offers no encryption")
        }
        Error::Io {
            kind: IoErrorKind::InvalidData,
            message,
        } if message.contains("certificate") => {
            ProviderError::new(ErrorKind::Denied, format!("TLS: {message}"))
        }
        other => ProviderError::new(ErrorKind::Transient, other.to_string()),
    }
}

pub fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

pub fn transient(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Transient, text)
}

/// By number, as in Microsoft's "Database Engine events and errors".
fn kind_of(number: u32) -> ErrorKind {
    match number {
        // Login failed, disabled, locked, expired; no permission; no access to a database.
        18452 | 18456 | 18470 | 18486 | 18487 | 18488 | 229 | 230 | 262 | 297 | 300 | 916 | 15247 | 6102 => {
            ErrorKind::Denied
        }
        // Not there or no permission to see it, as the server puts it; names that cannot be; no such database.
        15151 | 15007 | 15014 | 208 | 911 | 4902 | 103 | 1038 | 15115 | 15116 | 15118 | 15405 => {
            ErrorKind::Invalid
        }
        // "Not supported in this version"; a function that is not there.
        40510 | 40515 | 195 => ErrorKind::Unsupported,
        // Among them deadlock 1205, lock 1222, database away 4060, 942, 976 and 983, Azure's 40613, a KILL that came late,
        // and what still owns or uses something (15138, 15421, 15434, 15174, 15284): all may be otherwise next time.
        _ => ErrorKind::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_mean_what_the_core_does_about_them() {
        for (numbers, kind) in [
            (&[18456, 18486, 229, 15247, 916][..], ErrorKind::Denied),
            (&[15151, 911, 208, 15118], ErrorKind::Invalid),
            (&[40510], ErrorKind::Unsupported),
            (
                &[
                    1205, 1222, 4060, 942, 40613, 976, 983, 15138, 15434, 15174, 6106, 3930, 701,
                ],
                ErrorKind::Transient,
            ),
        ] {
            for number in numbers {
                assert_eq!(kind_of(*number), kind, "{number}");
            }
        }
    }

    #[test]
    fn a_certificate_that_is_not_trusted_says_what_to_do() {
        let error = of(&Error::Tls(
            "self-signed. To connect anyway you can: (1) trust".to_owned(),
        ));
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(
            error.message.contains("tls_ca") && !error.message.contains("(1)"),
            "{error}"
        );
    }
}
