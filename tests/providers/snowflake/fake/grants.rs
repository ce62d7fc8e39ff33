//! `GRANT` and `REVOKE` on the fake account.

use super::{
    run::{Outcome, Session, forbidden, gone, refused},
    state::{Future, Grant},
    words::Reader,
};

impl Session<'_> {
    pub fn grant(&mut self, words: &mut Reader) -> Outcome<String> {
        if words.are("ROLE") {
            let (role, user, to) = self.edge(words, "TO")?;
            if user {
                self.state.to_users.insert((role, to));
            } else if role == to || self.state.reach(std::slice::from_ref(&role)).contains(&to) {
                return Err(refused("003013", "42501", "a role cannot hold itself"));
            } else {
                self.state.to_roles.insert((role, to));
            }
            return Ok("Statement executed successfully.".to_owned());
        }
        if words.are("OWNERSHIP ON") {
            return self.pass_on(words);
        }
        let privileges = privileges(words)?;
        words.need("ON")?;
        let (all, future) = (words.are("ALL"), words.are("FUTURE"));
        let (on, plural) = kind(words)?;
        if self.state.lacks.contains(&on) {
            let message = format!("SQL compilation error: syntax error unexpected '{on}S'.");
            return Err(refused("001003", "42000", message));
        }
        if plural != (all || future) {
            return Err(refused("001003", "42000", format!("{on}: singular or plural")));
        }
        let mut path = Vec::new();
        if plural {
            words.need("IN")?;
            let database = words.are("DATABASE");
            if !database {
                words.need("SCHEMA")?;
            }
            path = words.path()?;
            if path.len() != if database { 1 } else { 2 } {
                return Err(refused("001003", "42000", "a full name is needed"));
            }
            let whole = if database { "DATABASE" } else { "SCHEMA" };
            self.state
                .owner(whole, &path)
                .ok_or_else(|| gone(whole, &path.join(".")))?;
        } else if on != "ACCOUNT" {
            path = words.path()?;
            self.state
                .owner(&on, &path)
                .ok_or_else(|| gone(&on, &path.join(".")))?;
        }
        words.need("TO ROLE")?;
        let role = self.role_named(words)?;
        words.end()?;
        known_privileges(&on, &privileges)?;
        self.manages()?;
        let places = if all {
            self.state.below(&on, &path)
        } else {
            vec![path.clone()]
        };
        for privilege in privileges {
            let (role, on) = (role.clone(), on.clone());
            if future {
                self.state.futures.insert(Future {
                    role,
                    privilege,
                    on,
                    path: path.clone(),
                });
                continue;
            }
            for path in &places {
                let (role, privilege, on, path) = (role.clone(), privilege.clone(), on.clone(), path.clone());
                self.state.grants.insert(Grant {
                    role,
                    privilege,
                    on,
                    path,
                });
            }
        }
        Ok(format!(
            "Statement executed successfully. {} objects affected.",
            places.len()
        ))
    }

    fn pass_on(&mut self, words: &mut Reader) -> Outcome<String> {
        let (on, plural) = kind(words)?;
        let path = words.path()?;
        words.need("TO ROLE")?;
        let role = self.role_named(words)?;
        words.need("COPY CURRENT GRANTS")?;
        words.end()?;
        self.manages()?;
        self.state
            .owner(&on, &path)
            .ok_or_else(|| gone(&on, &path.join(".")))?;
        let owner = match path.as_slice() {
            [database, schema] => self
                .state
                .schema_mut(database, schema)
                .map(|schema| &mut schema.owner),
            [database, schema, name] => self
                .state
                .schema_mut(database, schema)
                .and_then(|schema| schema.objects.get_mut(name))
                .map(|object| &mut object.owner),
            _ => None,
        };
        match owner.filter(|_| !plural) {
            Some(owner) => *owner = role,
            None => return Err(refused("001003", "42000", "not of that kind")),
        }
        Ok("Statement executed successfully.".to_owned())
    }

    pub fn revoke(&mut self, words: &mut Reader) -> Outcome<String> {
        words.need("ROLE")?;
        let (role, user, from) = self.edge(words, "FROM")?;
        let edges = if user {
            &mut self.state.to_users
        } else {
            &mut self.state.to_roles
        };
        edges.remove(&(role, from));
        Ok("Statement executed successfully.".to_owned())
    }

    /// `ROLE r TO USER u` and the like: role, whether to a user, and whom.
    fn edge(&mut self, words: &mut Reader, direction: &str) -> Outcome<(String, bool, String)> {
        let role = self.role_named(words)?;
        words.need(direction)?;
        let user = words.are("USER");
        if !user {
            words.need("ROLE")?;
        }
        let to = words.name()?;
        words.end()?;
        let kind = if user { "USER" } else { "ROLE" };
        self.state
            .owner(kind, std::slice::from_ref(&to))
            .ok_or_else(|| gone(kind, &to))?;
        if !self.owns("ROLE", &role) {
            self.manages()?;
        }
        Ok((role, user, to))
    }

    fn role_named(&self, words: &mut Reader) -> Outcome<String> {
        let role = words.name()?;
        if self.state.roles.contains_key(&role) {
            Ok(role)
        } else {
            Err(gone("Role", &role))
        }
    }

    fn manages(&self) -> Outcome<()> {
        if self.on_account("MANAGE GRANTS") {
            Ok(())
        } else {
            Err(forbidden("account"))
        }
    }
}

/// One or more, separated by commas; each up to three words.
fn privileges(words: &mut Reader) -> Outcome<Vec<String>> {
    const KNOWN: &[&str] = &[
        "CREATE SCHEMA",
        "CREATE TABLE",
        "CREATE VIEW",
        "CREATE USER",
        "CREATE ROLE",
        "MANAGE GRANTS",
        "EVOLVE SCHEMA",
        "USAGE",
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "TRUNCATE",
        "REFERENCES",
        "MODIFY",
        "MONITOR",
        "OPERATE",
    ];
    let mut all = Vec::new();
    loop {
        let known = KNOWN.iter().find(|privilege| words.are(privilege));
        all.push((*known.ok_or_else(|| refused("001003", "42000", "an unknown privilege"))?).to_owned());
        if !words.sign(',') {
            return Ok(all);
        }
    }
}

/// A kind of object in the singular, and whether it was written in the plural.
fn kind(words: &mut Reader) -> Outcome<(String, bool)> {
    for kind in [
        "MATERIALIZED VIEW",
        "EXTERNAL TABLE",
        "DYNAMIC TABLE",
        "ICEBERG TABLE",
        "TABLE",
        "VIEW",
        "SCHEMA",
        "DATABASE",
        "WAREHOUSE",
        "ACCOUNT",
    ] {
        if words.are(&format!("{kind}S")) {
            return Ok((kind.to_owned(), true));
        }
        if words.are(kind) {
            return Ok((kind.to_owned(), false));
        }
    }
    Err(refused(
        "001003",
        "42000",
        "SQL compilation error: syntax error: unsupported object type",
    ))
}

fn known_privileges(on: &str, privileges: &[String]) -> Outcome<()> {
    let known: &[&str] = match on {
        "ACCOUNT" => &["CREATE USER", "CREATE ROLE", "MANAGE GRANTS", "MONITOR"],
        "DATABASE" => &["USAGE", "CREATE SCHEMA", "MODIFY", "MONITOR"],
        "SCHEMA" => &["USAGE", "CREATE TABLE", "CREATE VIEW", "MODIFY", "MONITOR"],
        "WAREHOUSE" => &["USAGE", "OPERATE", "MODIFY", "MONITOR"],
        "TABLE" | "ICEBERG TABLE" => &[
            "SELECT",
            "INSERT",
            "UPDATE",
            "DELETE",
            "TRUNCATE",
            "REFERENCES",
            "EVOLVE SCHEMA",
        ],
        "VIEW" | "MATERIALIZED VIEW" | "EXTERNAL TABLE" => &["SELECT", "REFERENCES"],
        "DYNAMIC TABLE" => &["SELECT", "OPERATE", "MONITOR"],
        _ => &[],
    };
    match privileges
        .iter()
        .find(|privilege| !known.contains(&privilege.as_str()))
    {
        Some(privilege) => Err(refused(
            "003008",
            "0A000",
            format!("{privilege} is no privilege on a {on}"),
        )),
        None => Ok(()),
    }
}
