//! What the server's and the driver's errors mean to the core.

use std::error::Error as _;

use tokio_postgres::{Error, error::SqlState};

use crate::providers::{ErrorKind, ProviderError, tls::is_untrusted};

/// Only the server's first line: details may quote data.
pub fn of(error: &Error) -> ProviderError {
    match error.as_db_error() {
        Some(db) => ProviderError::new(
            kind_of(db.code()),
            format!("{} ({})", db.message(), db.code().code()),
        ),
        None if is_untrusted(error) => ProviderError::new(ErrorKind::Denied, chain(error)),
        None => ProviderError::new(ErrorKind::Transient, chain(error)),
    }
}

pub fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

/// Classes first, then the codes that differ from their class.
fn kind_of(code: &SqlState) -> ErrorKind {
    match code.code() {
        // Reserved name, wrong grantor, wrong password, no entry for us, no right.
        "42501" | "42939" | "0LP01" | "0L000" | "28P01" | "28000" => ErrorKind::Denied,
        // No such function or feature: an edition or a version that lacks it.
        "42883" | "0A000" => ErrorKind::Unsupported,
        // Named things that are not there, and names that cannot be.
        "3D000" | "3F000" | "42P01" | "42704" | "42703" | "42602" | "42622" | "42809" | "22021" => {
            ErrorKind::Invalid
        }
        // Among them dead connections, a restart, too many connections, locks, standbys, and "tuple concurrently updated".
        _ => ErrorKind::Transient,
    }
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_core_does_about_them() {
        for (codes, kind) in [
            (&["28P01", "28000", "42501", "42939"][..], ErrorKind::Denied),
            (&["3D000", "3F000", "42P01", "42704"], ErrorKind::Invalid),
            (&["42883", "0A000"], ErrorKind::Unsupported),
            (
                &[
                    "08006", "57P01", "57P03", "53300", "53200", "55P03", "40001", "40P01", "25006", "58030",
                    "57014", "XX000", "2BP01", "55006",
                ],
                ErrorKind::Transient,
            ),
        ] {
            for code in codes {
                assert_eq!(kind_of(&SqlState::from_code(code)), kind, "{code}");
            }
        }
    }
}
