//! What the database's numbers and the driver's errors mean to the core.
//!
//! The numbers are those of Oracle's "Database Error Messages".

use super::exec::Fault;
use crate::providers::{ErrorKind, ProviderError};

/// Gone already: what was to be taken back is not there, or never was.
pub const GONE: [u32; 8] = [942, 1917, 1918, 1919, 1924, 1927, 1951, 1952];
/// A session that has ended, or is ending: no such session, no valid id, marked to end.
pub const ENDED: [u32; 3] = [26, 30, 31];
pub const STILL_CONNECTED: u32 = 1940;
pub const OWNS_OBJECTS: u32 = 1922;
/// One object that cannot be given, whoever asks: gone, a view whose owner may not pass on what is below it, a view that
/// does not compile, a nested table, an overflow segment.
pub const NOT_GIVEN: [u32; 6] = [942, 1720, 4043, 4063, 22812, 25191];

pub fn of(fault: &Fault) -> ProviderError {
    match fault {
        Fault::Ora { code, text } => ProviderError::new(kind_of(*code), said(*code, text)),
        Fault::Line(text) => ProviderError::new(ErrorKind::Transient, text.clone()),
        Fault::Untrusted(text) => ProviderError::new(ErrorKind::Denied, text.clone()),
        Fault::Unable(text) => ProviderError::new(ErrorKind::Unsupported, text.clone()),
    }
}

/// Of a look into the dictionary: what is not there is kept from us, or younger than the database.
pub fn of_look(fault: &Fault, sql: &str) -> ProviderError {
    let view = || {
        let after = sql.split_once(" FROM ").map_or(sql, |(_, after)| after);
        after.split_whitespace().next().unwrap_or_default().to_owned()
    };
    match fault.code() {
        Some(942 | 1031) => ProviderError::new(
            ErrorKind::Denied,
            format!("our login may not read {}: it needs SELECT_CATALOG_ROLE", view()),
        ),
        Some(904) => ProviderError::new(
            ErrorKind::Unsupported,
            format!("this version's {} has other columns", view()),
        ),
        _ => of(fault),
    }
}

pub fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

pub fn taken(name: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Taken,
        format!("a user or role {name} exists and is not ours"),
    )
}

fn said(code: u32, text: &str) -> String {
    let hint = match code {
        12650 | 12660 => {
            ": the database demands Native Network Encryption, which the driver cannot do; use TLS (tcps)"
        }
        28031 => {
            ": an administrator revokes the roles JITG_… from our login, or sets its default roles to a list"
        }
        28003 | 28007 => ": the password rule of the DEFAULT profile refuses 24 letters, digits, - and _",
        28040 => ": the database offers no password verifier that the driver knows (11G or later)",
        65049 | 65096 => ": connect to the service of a pluggable database, not to the root",
        _ => "",
    };
    format!("{text}{hint}")
}

fn kind_of(code: u32) -> ErrorKind {
    match code {
        // Our credential, our rights, our address, or a standby that cannot be written to.
        1005 | 1017 | 1031 | 1045 | 1932 | 12154 | 12650 | 12660 | 16000 | 16456 | 28000 | 28001 | 28031
        | 28040 => ErrorKind::Denied,
        1920 | 1921 => ErrorKind::Taken,
        // The root container, and privileges or columns that this version does not have.
        904 | 990 | 65049 | 65096 => ErrorKind::Unsupported,
        // Named things that are not there or cannot be given, names that cannot be, and passwords that a rule refuses.
        911 | 922 | 933 | 942 | 972 | 988 | 1720 | 1741 | 1917 | 1918 | 1919 | 1931 | 1935 | 2204 | 4043
        | 4063 | 22812 | 25191 | 28003 | 28007 => ErrorKind::Invalid,
        // Among them start and shutdown, too many sessions, locks, dead connections, and services not yet registered.
        _ => ErrorKind::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ora(code: u32) -> Fault {
        Fault::Ora {
            code,
            text: format!("ORA-{code:05}: said the database"),
        }
    }

    #[test]
    fn codes_mean_what_the_core_does_about_them() {
        for (codes, kind) in [
            (
                &[
                    1017, 28000, 28001, 28040, 1031, 1045, 12154, 16000, 16456, 12660, 28031,
                ][..],
                ErrorKind::Denied,
            ),
            (&[28003, 28007, 972, 1935, 922, 988, 942], ErrorKind::Invalid),
            (&[1920, 1921], ErrorKind::Taken),
            (&[65096], ErrorKind::Unsupported),
            (
                &[
                    18, 20, 54, 4021, 60, 1033, 1034, 1089, 1109, 3113, 3114, 3135, 12170, 12514, 12516,
                    12520, 12528, 12537, 12541, 12545, 257, 2391,
                ],
                ErrorKind::Transient,
            ),
        ] {
            for code in codes {
                assert_eq!(of(&ora(*code)).kind, kind, "ORA-{code:05}");
            }
        }
        assert_eq!(of(&Fault::Line("x".to_owned())).kind, ErrorKind::Transient);
        assert_eq!(of(&Fault::Untrusted("x".to_owned())).kind, ErrorKind::Denied);
    }

    #[test]
    fn a_dictionary_that_is_kept_from_us_is_named() {
        let error = of_look(&ora(942), "SELECT role FROM dba_roles WHERE role = :1");
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(error.message.contains("dba_roles"), "{error}");
        assert!(of(&ora(12660)).message.contains("TLS"), "the way out is named");
    }
}
