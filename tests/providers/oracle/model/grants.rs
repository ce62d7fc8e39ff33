//! GRANT and REVOKE: who may give what to whom, and what nobody may.

use std::collections::BTreeSet;

use super::{
    Id, Ora, Result, State,
    parse::{Granted, Item, Object},
    rights::{ON_SCHEMA, ON_TABLE},
};

enum Meant {
    Privilege(String),
    Role(Id),
}

impl State {
    pub fn grant(&mut self, sid: u32, what: Granted, to: &str, pass_on: bool) -> Result<()> {
        let to_role = self.principal(to).ok_or(Ora(1917))?.user.is_none();
        match what {
            Granted::Global(items) => {
                for item in items {
                    match self.meant(item)? {
                        Meant::Privilege(words) => {
                            self.may_give(sid, &words)?;
                            let grantee = self.principal_mut(to).ok_or(Ora(1917))?;
                            let held = grantee.system.entry(words).or_insert(pass_on);
                            *held |= pass_on;
                        }
                        Meant::Role(role) => {
                            self.may_give_role(sid, role)?;
                            if self.with_all(role).contains(&self.names[to]) {
                                return Err(Ora(1934));
                            }
                            let grantee = self.principal_mut(to).ok_or(Ora(1917))?;
                            let held = grantee.roles.entry(role).or_insert(pass_on);
                            *held |= pass_on;
                        }
                    }
                }
                Ok(())
            }
            Granted::OnObject { privileges, object } => {
                let privileges = self.on_object(&privileges, &object, to_role)?;
                self.may_give_on(sid, &object)?;
                let grantee = self.principal_mut(to).ok_or(Ora(1917))?;
                grantee.objects.entry(object).or_default().extend(privileges);
                Ok(())
            }
            Granted::OnSchema { privileges, schema } => {
                self.may_give_on_schema(sid, &privileges, &schema)?;
                let grantee = self.principal_mut(to).ok_or(Ora(1917))?;
                grantee.schemas.entry(schema).or_default().extend(privileges);
                Ok(())
            }
        }
    }

    fn with_all(&self, role: Id) -> BTreeSet<Id> {
        let mut seen = BTreeSet::from([role]);
        let mut open = vec![role];
        while let Some(id) = open.pop() {
            for next in self.principals[&id].roles.keys() {
                if seen.insert(*next) {
                    open.push(*next);
                }
            }
        }
        seen
    }

    fn meant(&self, item: Item) -> Result<Meant> {
        match item {
            Item::Words(words) if self.knows_privilege(&words) => Ok(Meant::Privilege(words)),
            Item::Words(words) if words.contains(' ') => Err(Ora(990)),
            Item::Words(name) | Item::Name(name) => self.role(&name).map(Meant::Role),
        }
    }

    fn may_give(&self, sid: u32, privilege: &str) -> Result<()> {
        let session = &self.sessions[&sid];
        if self.session_may(sid, "GRANT ANY PRIVILEGE")
            || self.may_pass_on(&session.user, &session.enabled, privilege)
        {
            Ok(())
        } else {
            Err(Ora(1031))
        }
    }

    fn may_give_role(&self, sid: u32, role: Id) -> Result<()> {
        if self.session_may(sid, "GRANT ANY ROLE") || self.administers(sid, role) {
            Ok(())
        } else {
            Err(Ora(1932))
        }
    }

    fn may_give_on(&self, sid: u32, object: &Object) -> Result<()> {
        let owner = self.sessions[&sid].user == object.0;
        if owner || (object.0 != "SYS" && self.session_may(sid, "GRANT ANY OBJECT PRIVILEGE")) {
            Ok(())
        } else {
            Err(Ora(1031))
        }
    }

    fn may_give_on_schema(&self, sid: u32, privileges: &[String], schema: &str) -> Result<()> {
        if !self.flavour.has_schema_privileges() {
            return Err(Ora(905));
        }
        if self.principal(schema).is_none_or(|one| one.user.is_none()) {
            return Err(Ora(1435));
        }
        if privileges
            .iter()
            .any(|privilege| !ON_SCHEMA.contains(&privilege.as_str()))
        {
            return Err(Ora(990));
        }
        let owner = self.sessions[&sid].user == schema;
        let any = ["GRANT ANY SCHEMA PRIVILEGE", "GRANT ANY PRIVILEGE"];
        if owner || any.iter().any(|privilege| self.session_may(sid, privilege)) {
            Ok(())
        } else {
            Err(Ora(1031))
        }
    }

    /// The privileges that are meant, if the object takes them and a role may hold them.
    fn on_object(&self, privileges: &[String], object: &Object, to_role: bool) -> Result<BTreeSet<String>> {
        let thing = self.things.get(object).ok_or(Ora(942))?;
        let is_table = thing.kind == "TABLE";
        let mut meant = BTreeSet::new();
        for privilege in privileges {
            if !ON_TABLE.contains(&privilege.as_str()) {
                return Err(Ora(990));
            }
            if !is_table && ["ALTER", "INDEX"].contains(&privilege.as_str()) {
                return Err(Ora(2204));
            }
            if to_role && ["INDEX", "REFERENCES"].contains(&privilege.as_str()) {
                return Err(Ora(1931));
            }
            meant.insert(privilege.clone());
        }
        if thing.not_grantable {
            return Err(Ora(1720));
        }
        if thing
            .over
            .as_ref()
            .is_some_and(|over| !self.things.contains_key(over))
        {
            return Err(Ora(4063));
        }
        Ok(meant)
    }

    pub fn revoke(&mut self, sid: u32, what: Granted, from: &str) -> Result<()> {
        self.principal(from).ok_or(Ora(1917))?;
        match what {
            Granted::Global(items) => {
                for item in items {
                    match self.meant(item)? {
                        Meant::Privilege(words) => {
                            self.may_give(sid, &words)?;
                            let held = self.principal_mut(from).ok_or(Ora(1917))?;
                            held.system.remove(&words).ok_or(Ora(1952))?;
                        }
                        Meant::Role(role) => {
                            self.may_give_role(sid, role)?;
                            let held = self.principal_mut(from).ok_or(Ora(1917))?;
                            held.roles.remove(&role).ok_or(Ora(1951))?;
                        }
                    }
                }
                Ok(())
            }
            Granted::OnObject { privileges, object } => {
                if !self.things.contains_key(&object) {
                    return Err(Ora(942));
                }
                self.may_give_on(sid, &object)?;
                let held = self.principal_mut(from).ok_or(Ora(1917))?;
                if privileges.len() == 1 && (privileges[0] == "ALL" || privileges[0] == "ALL PRIVILEGES") {
                    held.objects.remove(&object);
                    return Ok(());
                }
                let on_it = held.objects.get_mut(&object).ok_or(Ora(1927))?;
                if privileges.iter().any(|privilege| !on_it.remove(privilege)) {
                    return Err(Ora(1927));
                }
                Ok(())
            }
            Granted::OnSchema { privileges, schema } => {
                self.may_give_on_schema(sid, &privileges, &schema)?;
                let held = self.principal_mut(from).ok_or(Ora(1917))?;
                let on_it = held.schemas.get_mut(&schema).ok_or(Ora(1927))?;
                if privileges.iter().any(|privilege| !on_it.remove(privilege)) {
                    return Err(Ora(1927));
                }
                if on_it.is_empty() {
                    held.schemas.remove(&schema);
                }
                Ok(())
            }
        }
    }
}
