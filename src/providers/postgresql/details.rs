//! What the person is told.

use std::collections::BTreeSet;

use super::{config::Config, place::Place};
use crate::providers::{AccessDetails, Lease, tls::SslMode};

pub fn of(config: &Config, login: &str, given: &[&Lease]) -> AccessDetails {
    let places: Vec<Place> = given
        .iter()
        .filter_map(|lease| Place::of(&lease.resource).ok())
        .collect();
    let databases: BTreeSet<&str> = places
        .iter()
        .map(|place| place.database().unwrap_or(config.database.as_str()))
        .collect();
    let field = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    let mut fields = vec![
        field("Host", &config.host),
        field("Port", &config.port.to_string()),
    ];
    fields.extend(databases.iter().map(|database| field("Database", database)));
    fields.push(field("User", login));
    let mut notes = Vec::new();
    if places.iter().any(|place| !matches!(place, Place::Role(_))) {
        notes.push("Row-level security of the tables still applies.".to_owned());
    }
    if config.tls_ca.is_some() && matches!(config.ssl_mode, SslMode::VerifyCa | SslMode::VerifyFull) {
        notes.push(
            "The server's certificate has an authority of its own: give psql its file as sslrootcert."
                .to_owned(),
        );
    }
    AccessDetails {
        fields,
        examples: databases
            .iter()
            .map(|database| psql(config, login, database))
            .collect(),
        notes,
    }
}

/// A line for a shell. Without the password: psql asks for it, and no shell keeps it.
fn psql(config: &Config, login: &str, database: &str) -> String {
    let pairs = [
        ("host", config.host.as_str()),
        ("port", &config.port.to_string()),
        ("dbname", database),
        ("user", login),
        ("sslmode", config.ssl_mode.as_str()),
    ];
    let words: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{key}={}", conninfo(value)))
        .collect();
    let text = words.join(" ");
    if text.contains(['"', '$', '`', '\\', '!', '\'', '\n']) {
        format!("psql '{}'", text.replace('\'', r"'\''"))
    } else {
        format!("psql \"{text}\"")
    }
}

/// A value as libpq reads it in a connection string.
fn conninfo(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    fn line(database: &str) -> String {
        let config = Config {
            host: "db.example.com".to_owned(),
            port: 5432,
            database: "postgres".to_owned(),
            ssl_mode: SslMode::VerifyFull,
            tls_ca: None,
            username: "connector".to_owned(),
            password: Secret::new("own"),
        };
        psql(&config, "jit_ab12_ann_00112233", database)
    }

    #[test]
    fn an_ordinary_line_is_easy_to_read() {
        assert_eq!(
            line("orders"),
            "psql \"host=db.example.com port=5432 dbname=orders user=jit_ab12_ann_00112233 sslmode=verify-full\""
        );
    }

    #[test]
    fn a_hostile_name_runs_nothing_in_a_shell() {
        assert_eq!(
            line("$(reboot)"),
            "psql 'host=db.example.com port=5432 dbname='\\''$(reboot)'\\'' user=jit_ab12_ann_00112233 sslmode=verify-full'"
        );
        assert!(
            line("a'b\\c").contains(r"dbname='\''a\'\''b\\c'\''"),
            "{}",
            line("a'b\\c")
        );
    }
}
