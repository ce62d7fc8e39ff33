//! What the person is told.

use std::collections::BTreeSet;

use super::{
    Family,
    config::{Config, Tls},
    engine::{Engine, Who},
    look::Found,
    place::Place,
};
use crate::providers::{AccessDetails, Lease};

/// Whether new sessions have the lease by themselves.
pub enum Active {
    FromTheStart,
    /// MariaDB, where somebody's own login has another role from the start: this one must be asked for.
    AfterSetRole(String),
}

impl Active {
    pub fn of(provider: &Family, name: &str, ours: bool, found: Option<&Found>) -> Self {
        let own = provider.mark.own_role(name);
        let other = found
            .and_then(|found| found.default_roles.first())
            .is_some_and(|role| role.user != own);
        if provider.engine == Engine::MariaDb && !ours && other {
            Self::AfterSetRole(own)
        } else {
            Self::FromTheStart
        }
    }
}

pub fn of(provider: &Family, login: &Who, given: &[&Lease], active: &Active) -> AccessDetails {
    let config = &provider.config;
    let mut databases = BTreeSet::new();
    for lease in given {
        match Place::of(&lease.resource) {
            Ok(Place::Database(database) | Place::Table { database, .. }) => {
                databases.insert(Some(database));
            }
            Ok(Place::Instance | Place::Role(_)) | Err(_) => {
                databases.insert(None);
            }
        }
    }
    let field = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    let mut fields = vec![
        field("Host", &config.host),
        field("Port", &config.port.to_string()),
    ];
    let named = databases.iter().flatten();
    fields.extend(named.map(|database| field("Database", database)));
    fields.push(field("User", &login.user));
    let examples = databases
        .iter()
        .map(|database| line(provider.engine, config, &login.user, database.as_deref()))
        .collect();
    AccessDetails {
        fields,
        examples,
        notes: notes(config, active),
    }
}

fn notes(config: &Config, active: &Active) -> Vec<String> {
    let mut notes = vec!["A session that is open already may have to connect again to have it.".to_owned()];
    if let Active::AfterSetRole(role) = active {
        notes.push(format!(
            "Your login has another role from the start: type SET ROLE {role}; to use this access."
        ));
    }
    if config.tls_ca.is_some() && config.tls == Tls::VerifyFull {
        notes.push(
            "The server's certificate has an authority of its own: give the client its file with --ssl-ca."
                .to_owned(),
        );
    }
    notes
}

/// A line for a shell. Without the password: the client asks for it, and no shell keeps it.
fn line(engine: Engine, config: &Config, login: &str, database: Option<&str>) -> String {
    let (client, tls) = match (engine, config.tls) {
        (Engine::MySql, Tls::VerifyFull) => ("mysql", "--ssl-mode=VERIFY_IDENTITY"),
        (Engine::MySql, Tls::Require) => ("mysql", "--ssl-mode=REQUIRED"),
        // A new password is handed over for the first time without TLS only under the server's key.
        (Engine::MySql, Tls::Disable) => ("mysql", "--ssl-mode=DISABLED --get-server-public-key"),
        (Engine::MariaDb, Tls::VerifyFull) => ("mariadb", "--ssl-verify-server-cert"),
        (Engine::MariaDb, Tls::Require) => ("mariadb", "--ssl"),
        (Engine::MariaDb, Tls::Disable) => ("mariadb", "--skip-ssl"),
    };
    let mut line = format!(
        "{client} --host={} --port={} --protocol=TCP --user={} {tls} --password",
        word(&config.host),
        config.port,
        word(login)
    );
    if let Some(database) = database {
        line.push_str(" --database=");
        line.push_str(&word(database));
    }
    line
}

/// One word of a shell, whatever is in it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '@' | '%');
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

    fn config(tls: Tls) -> Config {
        Config {
            host: "db.example.com".to_owned(),
            port: 3306,
            tls,
            tls_ca: None,
            username: "connector".to_owned(),
            password: Secret::new("own"),
        }
    }

    #[test]
    fn an_ordinary_line_is_easy_to_read() {
        assert_eq!(
            line(
                Engine::MySql,
                &config(Tls::VerifyFull),
                "jit_ab12_ann_00112233",
                Some("orders")
            ),
            "mysql --host=db.example.com --port=3306 --protocol=TCP --user=jit_ab12_ann_00112233 --ssl-mode=VERIFY_IDENTITY \
             --password --database=orders"
        );
        assert_eq!(
            line(
                Engine::MariaDb,
                &config(Tls::Disable),
                "jit_ab12_ann_00112233",
                None
            ),
            "mariadb --host=db.example.com --port=3306 --protocol=TCP --user=jit_ab12_ann_00112233 --skip-ssl --password"
        );
    }

    #[test]
    fn a_hostile_name_runs_nothing_in_a_shell() {
        let line = line(
            Engine::MySql,
            &config(Tls::VerifyFull),
            "u",
            Some("it's $(reboot) `x`"),
        );
        assert!(line.ends_with(r"--database='it'\''s $(reboot) `x`'"), "{line}");
    }
}
