//! The next call for one user, from what was seen. Pure: each turn looks, makes at most one change, and comes back.

use super::grant::{Sets, gives_exactly, gives_only};
use super::wire::{Role, Rule, User};
use super::write::{At, DatabaseSpec, Purpose, Write};
use crate::providers::{ErrorKind, ProviderError, Result};
use crate::secrets::Secret;

pub(super) const ACTIVE: &str = "active";
const DELETING: &str = "deleting";

/// The account's lists as they stood a moment ago.
pub(super) struct Seen {
    pub users: Vec<User>,
    pub roles: Vec<Role>,
    pub rules: Vec<Rule>,
}

impl Seen {
    pub fn user(&self, login: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == login)
    }

    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }
}

#[derive(Debug)]
pub(super) enum Next {
    Call(Purpose, Write),
    /// Nothing to call now; for people.
    Wait(String),
    /// The user is as wanted and active.
    Reached,
}

fn wait(text: &str) -> Result<Next> {
    Ok(Next::Wait(text.to_owned()))
}

/// A password to set, unless a task of ours has set it already.
pub(super) struct Opening<'a> {
    pub login: &'a str,
    pub password: Option<&'a Secret>,
    pub password_is_set: bool,
}

/// What comes before a user may hold a rule on a database: the way out, then the role.
pub(super) fn prepare_role(
    sets: &Sets<'_>,
    seen: &Seen,
    database: &DatabaseSpec,
    rule: &str,
    no_inert: bool,
) -> Result<Next> {
    if !no_inert && let Some(next) = prepare_inert(sets, seen, database) {
        return Ok(next);
    }
    match seen.rule(rule) {
        None => {
            let text = format!("Redis Cloud has no ACL rule named {rule}");
            return Err(ProviderError::new(ErrorKind::Invalid, text));
        }
        Some(rule) if rule.status != ACTIVE => return wait("the ACL rule is being changed"),
        Some(_) => {}
    }
    let name = sets.role(database, rule);
    let (rule, database) = (rule.to_owned(), database.clone());
    match seen.role(&name) {
        None => Ok(Next::Call(
            Purpose::Role,
            Write::CreateRole { name, rule, database },
        )),
        Some(role) if role.status != ACTIVE => wait(Purpose::Role.words()),
        Some(role) if !gives_exactly(role, &rule, &database) => {
            // Somebody changed a role of ours: every user of it holds something that nobody approved.
            Ok(Next::Call(
                Purpose::Role,
                Write::UpdateRole {
                    at: At::Id(role.id),
                    rule,
                    database,
                },
            ))
        }
        Some(_) => Ok(Next::Reached),
    }
}

/// The rule and role that allow nothing, made before the first grant so that taking back is one call.
pub(super) fn prepare_inert(sets: &Sets<'_>, seen: &Seen, database: &DatabaseSpec) -> Option<Next> {
    let rule = sets.inert_rule();
    match seen.role(&sets.inert_role()) {
        Some(role) if gives_only(role, &rule) => None,
        Some(role) if role.status != ACTIVE => Some(Next::Wait(Purpose::Inert.words().to_owned())),
        Some(role) => {
            let write = Write::UpdateRole {
                at: At::Id(role.id),
                rule,
                database: database.clone(),
            };
            Some(Next::Call(Purpose::Inert, write))
        }
        None => Some(match seen.rule(&rule) {
            None => Next::Call(Purpose::Inert, sets.create_inert_rule()),
            Some(rule) if rule.status != ACTIVE => Next::Wait(Purpose::Inert.words().to_owned()),
            Some(_) => Next::Call(Purpose::Inert, sets.create_inert_role(database.clone())),
        }),
    }
}

/// Gives the user the role, with a password wherever it may be one that somebody knew.
pub(super) fn open(sets: &Sets<'_>, seen: &Seen, opening: &Opening<'_>, role: &str) -> Result<Next> {
    let unset = opening.password.filter(|_| !opening.password_is_set);
    let vanished = "the account is gone or locked in Redis Cloud; a new password is needed";
    let Some(user) = seen.user(opening.login) else {
        return match opening.password {
            None => wait(vanished),
            Some(password) => {
                let (name, role) = (opening.login.to_owned(), role.to_owned());
                let write = Write::CreateUser {
                    name,
                    role,
                    password: password.clone(),
                };
                Ok(Next::Call(Purpose::User, write))
            }
        };
    };
    if user.status == DELETING {
        return wait(Purpose::Delete.words());
    }
    if user.role == sets.inert_role() && opening.password.is_none() {
        return wait(vanished);
    }
    let wrong_role = user.role != role;
    if wrong_role || unset.is_some() {
        let role = wrong_role.then(|| role.to_owned());
        // Out of a locked state the password always goes along: its own was thrown away.
        let password = if wrong_role { opening.password } else { unset };
        let write = Write::UpdateUser {
            at: At::Id(user.id),
            role,
            password: password.cloned(),
        };
        return Ok(Next::Call(Purpose::User, write));
    }
    settled(user, Purpose::User)
}

/// Takes role and password in one call, or the whole user where that cannot be.
pub(super) fn shut(
    sets: &Sets<'_>,
    seen: &Seen,
    login: &str,
    password: Option<&Secret>,
    sealed: bool,
    no_inert: bool,
) -> Result<Next> {
    let Some(user) = seen.user(login) else {
        return Ok(Next::Reached);
    };
    if user.status == DELETING {
        return wait(Purpose::Delete.words());
    }
    let inert = sets.inert_role();
    let can_seal = !no_inert
        && seen
            .role(&inert)
            .is_some_and(|role| gives_only(role, &sets.inert_rule()));
    if can_seal && sealed && user.role == inert {
        return settled(user, Purpose::Seal);
    }
    match password.filter(|_| can_seal) {
        Some(password) => {
            let (at, password) = (At::Id(user.id), Some(password.clone()));
            Ok(Next::Call(
                Purpose::Seal,
                Write::UpdateUser {
                    at,
                    role: Some(inert),
                    password,
                },
            ))
        }
        None => remove(seen, login),
    }
}

/// The user goes; gone already is what was wanted.
pub(super) fn remove(seen: &Seen, login: &str) -> Result<Next> {
    match seen.user(login) {
        None => Ok(Next::Reached),
        Some(user) if user.status == DELETING => wait(Purpose::Delete.words()),
        Some(user) => Ok(Next::Call(
            Purpose::Delete,
            Write::DeleteUser { at: At::Id(user.id) },
        )),
    }
}

/// A role of ours that nobody holds, and that no grant under way is about to use.
pub(super) fn sweep(sets: &Sets<'_>, seen: &Seen, in_use: &[String]) -> Option<Write> {
    let inert = sets.inert_role();
    let unused = seen.roles.iter().find(|role| {
        sets.0.names_set(&role.name)
            && role.name != inert
            && role.status == ACTIVE
            && role.users.is_empty()
            && !in_use.contains(&role.name)
            && seen.users.iter().all(|user| user.role != role.name)
    })?;
    Some(Write::DeleteRole {
        at: At::Id(unused.id),
    })
}

fn settled(user: &User, purpose: Purpose) -> Result<Next> {
    match user.status.as_str() {
        ACTIVE => Ok(Next::Reached),
        "error" => wait("Redis Cloud reports an error on the account; its support can tell more"),
        _ => wait(purpose.words()),
    }
}

#[cfg(test)]
#[path = "plan_test.rs"]
mod tests;
