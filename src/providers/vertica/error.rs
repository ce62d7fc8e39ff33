//! What the server's and the line's errors mean to the core.

use super::wire::{Error, Notice};
use crate::providers::{ErrorKind, ProviderError, tls::is_untrusted};

/// Only the server's first line: details may quote data.
pub fn of(error: &Error) -> ProviderError {
    let kind = match error {
        Error::Server(notice) => kind_of(notice),
        Error::Refused(_) => ErrorKind::Denied,
        Error::Line(line) if is_untrusted(line) => ErrorKind::Denied,
        Error::Line(_) | Error::Garbled(_) => ErrorKind::Transient,
    };
    ProviderError::new(kind, error.to_string())
}

pub fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

/// By SQLSTATE, which `vertica-python` lists with its exceptions. What is not listed is permanent, and shown.
fn kind_of(notice: &Notice) -> ErrorKind {
    match notice.code.as_str() {
        // Wrong password, locked, no right. An unknown database is a mistake in our configuration.
        "42501" | "3D000" => ErrorKind::Denied,
        code if code.starts_with("28") => ErrorKind::Denied,
        // A feature that this version or edition lacks.
        "42883" => ErrorKind::Unsupported,
        code if code.starts_with("0A") => ErrorKind::Unsupported,
        // Connectivity, locks, cancelled by the server's own limit; resources, sessions among them; shutdown, other runs.
        "V1001" | "55V03" | "55006" | "57014" => ErrorKind::Transient,
        code if ["08", "53", "57V", "40", "58", "XX"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            ErrorKind::Transient
        }
        // No SQLSTATE at all: not from where we expect one.
        "" => ErrorKind::Transient,
        _ => ErrorKind::Invalid,
    }
}

/// The right is missing.
pub const DENIED: &str = "42501";
/// It is there already.
pub const DUPLICATE: &str = "42710";
/// The statement is not understood.
pub const SYNTAX: &str = "42601";

/// What is to be dropped, taken or changed is not there: gone already.
pub fn is_gone(notice: &Notice) -> bool {
    matches!(notice.code.as_str(), "42V01" | "42704" | "3F000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_core_does_about_them() {
        for (codes, kind) in [
            (&["28000", "28P01", "42501", "3D000"][..], ErrorKind::Denied),
            (
                &["42V01", "42704", "3F000", "42601", "42710", "2BP01", "22023"],
                ErrorKind::Invalid,
            ),
            (&["0A000", "42883"], ErrorKind::Unsupported),
            (
                &[
                    "08006", "V1001", "55V03", "53000", "53200", "53300", "57014", "57V01", "57V03", "40001",
                    "",
                ],
                ErrorKind::Transient,
            ),
        ] {
            for code in codes {
                let notice = Notice {
                    code: (*code).to_owned(),
                    ..Notice::default()
                };
                assert_eq!(kind_of(&notice), kind, "{code}");
            }
        }
    }

    #[test]
    fn a_line_that_breaks_is_tried_again_and_a_refusal_is_not() {
        let broken = Error::Line(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(of(&broken).kind, ErrorKind::Transient);
        assert_eq!(of(&Error::Garbled("x")).kind, ErrorKind::Transient);
        assert_eq!(of(&Error::Refused("no")).kind, ErrorKind::Denied);
    }
}
