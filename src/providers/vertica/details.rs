//! What the person is told.

use super::{config::Config, place::Place};
use crate::providers::{AccessDetails, Lease, tls::SslMode};

pub fn of(config: &Config, login: &str, given: &[&Lease]) -> AccessDetails {
    let field = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    let mut notes = Vec::new();
    let places = || given.iter().filter_map(|lease| Place::of(&lease.resource).ok());
    if places().any(|place| !matches!(place, Place::Role(_))) {
        notes.push("Row and column access policies of the tables still apply.".to_owned());
    }
    if !given.is_empty() {
        notes.push(
            "A session that was open before this was granted does not have it: connect anew.".to_owned(),
        );
    }
    if config.tls_ca.is_some() && matches!(config.ssl_mode, SslMode::VerifyCa | SslMode::VerifyFull) {
        notes.push(
            "The server's certificate has an authority of its own: give it to clients that verify."
                .to_owned(),
        );
    }
    AccessDetails {
        fields: vec![
            field("Host", &config.host),
            field("Port", &config.port.to_string()),
            field("Database", &config.database),
            field("User", login),
        ],
        examples: vec![vsql(config, login)],
        notes,
    }
}

/// A line for a shell. Without the password: vsql asks for it, and no shell keeps it.
fn vsql(config: &Config, login: &str) -> String {
    let port = config.port.to_string();
    let mut words = vec![
        "vsql",
        "-h",
        config.host.as_str(),
        "-p",
        port.as_str(),
        "-d",
        config.database.as_str(),
        "-U",
        login,
    ];
    match config.ssl_mode {
        SslMode::Disable | SslMode::Allow | SslMode::Prefer => {}
        // Every version of vsql knows this one; later ones verify by settings of their own.
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => words.extend(["-m", "require"]),
    }
    let quoted: Vec<String> = words.into_iter().map(shell).collect();
    quoted.join(" ")
}

fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    fn line(database: &str, ssl_mode: SslMode) -> String {
        let config = Config {
            host: "vertica.example.com".to_owned(),
            port: 5433,
            database: database.to_owned(),
            ssl_mode,
            tls_ca: None,
            authentication: None,
            username: "connector".to_owned(),
            password: Secret::new("own"),
        };
        vsql(&config, "jit_ab12_ann_00112233")
    }

    #[test]
    fn an_ordinary_line_is_easy_to_read() {
        assert_eq!(
            line("warehouse", SslMode::VerifyFull),
            "vsql -h vertica.example.com -p 5433 -d warehouse -U jit_ab12_ann_00112233 -m require"
        );
        assert!(line("warehouse", SslMode::Prefer).ends_with("00112233"));
    }

    #[test]
    fn a_hostile_name_runs_nothing_in_a_shell() {
        assert!(line("$(reboot)'", SslMode::Disable).contains(r"-d '$(reboot)'\''' -U"));
    }
}
