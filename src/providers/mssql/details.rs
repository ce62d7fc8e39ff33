//! What the person is told.

use std::collections::BTreeSet;

use super::{
    config::{Config, Tls},
    place::Place,
};
use crate::providers::{AccessDetails, Lease};

pub fn of(config: &Config, login: &str, given: &[&Lease]) -> AccessDetails {
    let places: Vec<Place> = given
        .iter()
        .filter_map(|lease| Place::of(&lease.resource).ok())
        .collect();
    let databases: BTreeSet<&str> = places
        .iter()
        .map(|place| place.database().unwrap_or("master"))
        .collect();
    let field = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    let mut fields = vec![
        field("Host", &config.host),
        field("Port", &config.port.to_string()),
    ];
    fields.extend(databases.iter().map(|database| field("Database", database)));
    fields.push(field("User", login));
    let mut notes = vec!["Name the database when you connect: the login has none of its own.".to_owned()];
    if config.tls_ca.is_some() {
        notes.push(
            "The server's certificate has an authority of its own: your client needs its file.".to_owned(),
        );
    }
    AccessDetails {
        fields,
        examples: databases
            .iter()
            .map(|database| sqlcmd(config, login, database))
            .collect(),
        notes,
    }
}

/// A line for a shell. Without the password: sqlcmd asks for it, and no shell keeps it.
fn sqlcmd(config: &Config, login: &str, database: &str) -> String {
    let server = format!("tcp:{},{}", config.host, config.port);
    // -N encrypts, -C trusts any certificate.
    let tls = match config.tls {
        Tls::Verify => " -N",
        Tls::Insecure => " -N -C",
        Tls::Off => "",
    };
    format!(
        "sqlcmd -S {} -d {} -U {}{tls}",
        word(&server),
        word(database),
        word(login)
    )
}

/// One word of a shell.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | ',');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    #[test]
    fn the_line_can_be_pasted_and_holds_no_password() {
        let config = Config {
            host: "db.example.com".to_owned(),
            port: 1433,
            database: "master".to_owned(),
            tls: Tls::Verify,
            tls_ca: None,
            username: "connector".to_owned(),
            password: Secret::new("own"),
        };
        assert_eq!(
            sqlcmd(&config, "jit_ab_ann_1", "orders"),
            "sqlcmd -S tcp:db.example.com,1433 -d orders -U jit_ab_ann_1 -N"
        );
        assert_eq!(
            sqlcmd(&config, "u", "it's $(x)"),
            r"sqlcmd -S tcp:db.example.com,1433 -d 'it'\''s $(x)' -U u -N"
        );
    }
}
