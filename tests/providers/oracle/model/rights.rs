//! Who may do what: system privileges, privileges on objects and schemas, by roles that are enabled.

use std::collections::BTreeSet;

use super::{Id, Ora, Principal, Result, State, parse::Object};

/// System privileges that the model knows; any other word is no privilege (ORA-00990).
pub const SYSTEM: &[&str] = &[
    "ALTER ANY TABLE",
    "ALTER SYSTEM",
    "ALTER USER",
    "CREATE ANY TABLE",
    "CREATE ANY VIEW",
    "CREATE PROFILE",
    "CREATE ROLE",
    "CREATE SESSION",
    "CREATE TABLE",
    "CREATE USER",
    "CREATE VIEW",
    "COMMENT ANY TABLE",
    "DELETE ANY TABLE",
    "DROP ANY ROLE",
    "DROP ANY TABLE",
    "DROP PROFILE",
    "DROP USER",
    "EXECUTE ANY PROCEDURE",
    "GRANT ANY OBJECT PRIVILEGE",
    "GRANT ANY PRIVILEGE",
    "GRANT ANY ROLE",
    "INSERT ANY TABLE",
    "READ ANY TABLE",
    "SELECT ANY DICTIONARY",
    "SELECT ANY TABLE",
    "UPDATE ANY TABLE",
];

/// From 23ai on.
pub const SINCE_23: &[&str] = &["GRANT ANY SCHEMA PRIVILEGE"];

/// Those that can be given on one schema.
pub const ON_SCHEMA: &[&str] = &[
    "ALTER ANY TABLE",
    "CREATE ANY TABLE",
    "DELETE ANY TABLE",
    "DROP ANY TABLE",
    "INSERT ANY TABLE",
    "READ ANY TABLE",
    "SELECT ANY TABLE",
    "UPDATE ANY TABLE",
];

pub const ON_TABLE: &[&str] = &[
    "ALTER",
    "DEBUG",
    "DELETE",
    "FLASHBACK",
    "INDEX",
    "INSERT",
    "ON COMMIT REFRESH",
    "QUERY REWRITE",
    "READ",
    "REFERENCES",
    "SELECT",
    "UPDATE",
];

impl State {
    pub fn knows_privilege(&self, words: &str) -> bool {
        SYSTEM.contains(&words) || (self.flavour.has_schema_privileges() && SINCE_23.contains(&words))
    }

    /// The user and the roles that are enabled.
    pub fn holders<'s>(
        &'s self,
        name: &str,
        enabled: &'s BTreeSet<Id>,
    ) -> impl Iterator<Item = &'s Principal> {
        self.principal(name)
            .into_iter()
            .chain(enabled.iter().filter_map(|id| self.principals.get(id)))
    }

    pub fn may(&self, name: &str, enabled: &BTreeSet<Id>, privilege: &str) -> bool {
        self.holders(name, enabled)
            .any(|holder| holder.system.contains_key(privilege))
    }

    pub fn may_pass_on(&self, name: &str, enabled: &BTreeSet<Id>, privilege: &str) -> bool {
        self.holders(name, enabled)
            .any(|holder| holder.system.get(privilege) == Some(&true))
    }

    /// The session's user, who must have this privilege.
    pub fn need(&self, sid: u32, privilege: &str) -> Result<String> {
        let session = &self.sessions[&sid];
        if self.may(&session.user, &session.enabled, privilege) {
            Ok(session.user.clone())
        } else {
            Err(Ora(1031))
        }
    }

    pub fn session_may(&self, sid: u32, privilege: &str) -> bool {
        let session = &self.sessions[&sid];
        self.may(&session.user, &session.enabled, privilege)
    }

    /// Whether dictionary and performance views can be read.
    pub fn reads_dictionary(&self, sid: u32) -> bool {
        let session = &self.sessions[&sid];
        self.session_may(sid, "SELECT ANY DICTIONARY")
            || session
                .enabled
                .iter()
                .any(|id| self.principals[id].name == "SELECT_CATALOG_ROLE")
    }

    /// Whether the session may do it to the object: as its owner, by a privilege on it, on its schema, or on all.
    pub fn reaches(&self, sid: u32, object: &Object, on_it: &[&str], on_any: &[&str]) -> bool {
        let session = &self.sessions[&sid];
        if session.user == object.0 {
            return true;
        }
        let any = |privileges: &BTreeSet<String>, wanted: &[&str]| {
            wanted.iter().any(|privilege| privileges.contains(*privilege))
        };
        self.holders(&session.user, &session.enabled).any(|holder| {
            holder.objects.get(object).is_some_and(|held| any(held, on_it))
                || holder
                    .schemas
                    .get(&object.0)
                    .is_some_and(|held| any(held, on_any))
                || (object.0 != "SYS"
                    && on_any
                        .iter()
                        .any(|privilege| holder.system.contains_key(*privilege)))
        })
    }

    /// What is there, but not for this session, looks as if it were not.
    pub fn need_on(&self, sid: u32, object: &Object, on_it: &[&str], on_any: &[&str]) -> Result<()> {
        let reads = ["SELECT", "READ"];
        let sees = ["SELECT ANY TABLE", "READ ANY TABLE"];
        if !self.things.contains_key(object) {
            return Err(Ora(942));
        }
        if self.reaches(sid, object, on_it, on_any) {
            Ok(())
        } else if self.reaches(sid, object, &reads, &sees) {
            Err(Ora(1031))
        } else {
            Err(Ora(942))
        }
    }

    pub fn count(&self, sid: u32, object: &Object) -> Result<u32> {
        self.need_on(
            sid,
            object,
            &["SELECT", "READ"],
            &["SELECT ANY TABLE", "READ ANY TABLE"],
        )?;
        match &self.things[object].over {
            // A view shows by its owner's rights.
            Some(over) => self.things.get(over).map(|thing| thing.rows).ok_or(Ora(4063)),
            None => Ok(self.things[object].rows),
        }
    }
}
