//! What the person is told.

use std::collections::BTreeSet;

use super::{Snowflake, config::Auth, look::lease_role, place::Place};
use crate::providers::{AccessDetails, Lease};

/// `user` is the name there.
pub fn of(provider: &Snowflake, user: &str, ours: bool, given: &[&Lease]) -> AccessDetails {
    let config = &provider.config;
    let places: Vec<Place> = given
        .iter()
        .filter_map(|lease| Place::of(&lease.resource).ok())
        .collect();
    let roles: Vec<String> = given
        .iter()
        .map(|lease| lease_role(&provider.mark, &lease.id))
        .collect();
    let databases: BTreeSet<&str> = places
        .iter()
        .filter_map(|place| match place {
            Place::Database(database) | Place::Schema { database, .. } | Place::Table { database, .. } => {
                Some(database.as_str())
            }
            Place::Account | Place::Role(_) | Place::Warehouse(_) => None,
        })
        .collect();
    let field = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    let mut fields = vec![field("Account", &config.account), field("URL", &config.base_url)];
    fields.extend(config.portal.as_deref().map(|portal| field("Portal", portal)));
    fields.push(field("User", user));
    fields.extend(roles.iter().map(|role| field("Role", role)));
    fields.extend(databases.iter().map(|database| field("Database", database)));
    let data = places.iter().any(Place::takes_warehouse);
    fields.extend(
        config
            .warehouse
            .as_deref()
            .filter(|_| data)
            .map(|name| field("Warehouse", name)),
    );
    let auth = if ours { config.auth } else { Auth::Sso };
    AccessDetails {
        fields,
        examples: examples(provider, user, auth, roles.first().map(String::as_str)),
        notes: notes(auth, data && config.warehouse.is_none(), &roles),
    }
}

fn notes(auth: Auth, lacks_warehouse: bool, roles: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    match auth {
        Auth::KeyPair => notes.push(
            "Save the private key as latchkey.p8, readable by you alone (chmod 600). It works in drivers and command lines, not in \
             the browser."
                .to_owned(),
        ),
        Auth::Password => notes.push(
            "Log in with a browser first: Snowflake asks for a password of your own and, as the account demands, for a second factor."
                .to_owned(),
        ),
        Auth::Sso if !roles.is_empty() => notes.push(
            "Sign in as you always do. If your secondary roles are not on, say USE ROLE with the role above.".to_owned(),
        ),
        Auth::Sso => {}
    }
    if lacks_warehouse {
        notes.push("No warehouse comes with this: query on one that you may use already.".to_owned());
    }
    notes
}

/// A line for a shell, without the secret: the key is read from its file.
fn examples(provider: &Snowflake, user: &str, auth: Auth, role: Option<&str>) -> Vec<String> {
    let how: &[&str] = match auth {
        Auth::KeyPair => &[
            "--authenticator",
            "SNOWFLAKE_JWT",
            "--private-key-path",
            "latchkey.p8",
        ],
        Auth::Sso => &["--authenticator", "externalbrowser"],
        // Asked for nowhere on the command line, where others could read it.
        Auth::Password => return Vec::new(),
    };
    let config = &provider.config;
    let mut words = vec!["snow", "sql", "--temporary-connection"];
    let host = config.base_url.trim_start_matches("https://");
    words.extend(["--account", &config.account]);
    if host.contains(".privatelink.") {
        words.extend(["--host", host]);
    }
    words.extend(["--user", user]);
    words.extend(how);
    if let Some(role) = role {
        words.extend(["--role", role]);
    }
    if let Some(warehouse) = &config.warehouse {
        words.extend(["--warehouse", warehouse]);
    }
    let quoted: Vec<String> = words.into_iter().map(word).collect();
    vec![quoted.join(" ")]
}

fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/' | '@');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_runs_nothing_in_a_shell() {
        assert_eq!(word("ann@example.com"), "ann@example.com");
        assert_eq!(word("$(reboot)"), "'$(reboot)'");
        assert_eq!(word("a'b"), r"'a'\''b'");
        assert_eq!(word(""), "''");
    }
}
