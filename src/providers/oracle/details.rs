//! What the person is told.

use super::{
    config::{Config, Tls},
    place::Place,
};
use crate::providers::{AccessDetails, Lease};

/// `not_default`: roles that the login does not enable by itself.
pub fn of(
    config: &Config,
    login: &str,
    ours: bool,
    given: &[&Lease],
    not_default: &[String],
) -> AccessDetails {
    let field = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    let sealed = match config.tls {
        Tls::VerifyFull => "tcps",
        Tls::Disable => "tcp",
    };
    let fields = vec![
        field("Host", &config.host),
        field("Port", &config.port.to_string()),
        field("Protocol", sealed),
        field("Service", &config.service),
        field("User", login),
    ];
    let mut notes = Vec::new();
    if !not_default.is_empty() {
        let roles: Vec<String> = not_default.iter().map(|role| format!("\"{role}\"")).collect();
        notes.push(format!(
            "Your login enables a list of roles only: after logging in run SET ROLE {} beside those you need.",
            roles.join(", ")
        ));
    } else if !ours && !given.is_empty() {
        notes.push(
            "A session that is open already sees it after SET ROLE ALL, or when you log in anew.".to_owned(),
        );
    }
    let by_name = |lease: &&Lease| {
        matches!(
            Place::of(&lease.resource),
            Ok(Place::Schema(_) | Place::Table { .. })
        )
    };
    if given.iter().any(by_name) {
        notes.push("Write the schema before the table: \"SCHEMA\".\"TABLE\".".to_owned());
    }
    if !given.is_empty() {
        notes.push(
            "Procedures that run with their owner's rights do not see it: it comes by a role.".to_owned(),
        );
    }
    AccessDetails {
        fields,
        examples: vec![sqlplus(config, login)],
        notes,
    }
}

/// A line for a shell. Without the password: SQL*Plus asks for it, and no shell keeps it.
fn sqlplus(config: &Config, login: &str) -> String {
    let protocol = match config.tls {
        Tls::VerifyFull => "tcps:",
        Tls::Disable => "",
    };
    let simple = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let plain = login.starts_with(|c: char| c.is_ascii_uppercase()) && login.chars().all(simple);
    let user = if plain {
        login.to_owned()
    } else {
        format!("\"{login}\"")
    };
    // Host and service were checked when the configuration was read.
    let address = format!(
        "{user}@{protocol}//{}:{}/{}",
        config.host, config.port, config.service
    );
    if plain {
        format!("sqlplus {address}")
    } else {
        format!("sqlplus '{}'", address.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    fn config(tls: Tls) -> Config {
        Config {
            host: "db.example.com".to_owned(),
            port: 2484,
            service: "ORCLPDB1".to_owned(),
            tls,
            tls_ca: None,
            username: "connector".to_owned(),
            password: Secret::new("own"),
        }
    }

    #[test]
    fn a_line_is_safe_in_a_shell() {
        assert_eq!(
            sqlplus(&config(Tls::VerifyFull), "JIT_AB12_ANN_00112233"),
            "sqlplus JIT_AB12_ANN_00112233@tcps://db.example.com:2484/ORCLPDB1"
        );
        assert_eq!(
            sqlplus(&config(Tls::Disable), "Ann O'Neil $(reboot)"),
            r#"sqlplus '"Ann O'\''Neil $(reboot)"@//db.example.com:2484/ORCLPDB1'"#
        );
    }

    #[test]
    fn a_list_of_default_roles_is_told() {
        let told = of(
            &config(Tls::VerifyFull),
            "SCOTT",
            false,
            &[],
            &["JITG_AB12_X".to_owned()],
        );
        assert!(
            told.notes[0].contains("SET ROLE \"JITG_AB12_X\""),
            "{:?}",
            told.notes
        );
    }
}
