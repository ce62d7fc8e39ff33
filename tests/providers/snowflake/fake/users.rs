//! `CREATE USER` and `ALTER USER` on the fake account.

use chrono::TimeDelta;

use super::{
    run::{Outcome, Session, exists, forbidden, gone, refused, truth},
    state::User,
    token,
    words::Reader,
};

impl Session<'_> {
    pub fn create_user(&mut self, words: &mut Reader) -> Outcome<String> {
        let name = words.name()?;
        let mut user = User {
            login_name: name.clone(),
            owner: self.role.clone(),
            default_role: "PUBLIC".to_owned(),
            ..User::default()
        };
        self.properties(words, &mut user)?;
        if !self.on_account("CREATE USER") {
            return Err(forbidden("account"));
        }
        if self.state.users.contains_key(&name) {
            return Err(exists("USER", &name));
        }
        let same = |other: &User| other.login_name.eq_ignore_ascii_case(&user.login_name);
        if self.state.users.values().any(same) {
            return Err(exists("USER", &user.login_name));
        }
        self.state.users.insert(name.clone(), user);
        Ok(format!("User {name} successfully created."))
    }

    /// `KEY=value …` up to the end.
    fn properties(&self, words: &mut Reader, user: &mut User) -> Outcome<()> {
        while !words.is_at_end() {
            let key = words.plain()?;
            words.need_sign('=')?;
            match key.as_str() {
                "TYPE" => match words.plain()?.as_str() {
                    kind @ ("PERSON" | "SERVICE") => user.kind = kind.to_owned(),
                    other => return Err(refused("001003", "42000", format!("no type {other}"))),
                },
                "LOGIN_NAME" => user.login_name = words.text()?.to_uppercase(),
                "EMAIL" => user.email = words.text()?,
                "COMMENT" => user.comment = words.text()?,
                "RSA_PUBLIC_KEY" => user.keys[0] = Some(public_key(words)?),
                "RSA_PUBLIC_KEY_2" => user.keys[1] = Some(public_key(words)?),
                "PASSWORD" => user.password = Some(words.text()?),
                "MUST_CHANGE_PASSWORD" => user.must_change_password = truth(words)?,
                "DISABLED" => user.disabled = truth(words)?,
                "DEFAULT_ROLE" => user.default_role = words.text()?,
                "DEFAULT_WAREHOUSE" => user.default_warehouse = words.text()?,
                "DEFAULT_SECONDARY_ROLES" => {
                    words.need_sign('(')?;
                    user.all_secondary_roles = words.text()? == "ALL";
                    words.need_sign(')')?;
                }
                "DAYS_TO_EXPIRY" => user.expires = Some(self.now + TimeDelta::days(words.number()?)),
                other => {
                    return Err(refused(
                        "002105",
                        "42601",
                        format!("invalid property '{other}' for 'USER'"),
                    ));
                }
            }
        }
        if user.kind == "SERVICE" && user.password.is_some() {
            return Err(refused("003546", "42601", "a service has no password"));
        }
        Ok(())
    }

    pub fn alter(&mut self, words: &mut Reader) -> Outcome<String> {
        words.need("USER")?;
        let name = words.name()?;
        let Some(mut user) = self.state.users.get(&name).cloned() else {
            return Err(gone("User", &name));
        };
        if !self.owns("USER", &name) {
            return Err(forbidden(&format!("user '{name}'")));
        }
        if words.are("ABORT ALL QUERIES") {
            words.end()?;
            user.aborted += 1;
        } else if words.are("SET") {
            self.properties(words, &mut user)?;
        } else {
            words.need("UNSET")?;
            loop {
                match words.plain()?.as_str() {
                    "RSA_PUBLIC_KEY" => user.keys[0] = None,
                    "RSA_PUBLIC_KEY_2" => user.keys[1] = None,
                    "PASSWORD" => user.password = None,
                    other => return Err(refused("002105", "42601", format!("invalid property '{other}'"))),
                }
                if !words.sign(',') {
                    break;
                }
            }
            words.end()?;
        }
        self.state.users.insert(name, user);
        Ok("Statement executed successfully.".to_owned())
    }
}

/// Snowflake takes the base64 of SubjectPublicKeyInfo, and looks whether it is one.
fn public_key(words: &mut Reader) -> Outcome<String> {
    let text = words.text()?;
    token::read_public(&text).map(|_| text).ok_or_else(|| {
        refused(
            "003542",
            "22023",
            "New public key rejected by current policy. Reason: 'Invalid public key'.",
        )
    })
}
