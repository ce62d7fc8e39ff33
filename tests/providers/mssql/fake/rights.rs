//! Who may do what, by the server's own rules: membership, ownership, cover by CONTROL and by what is above, and DENY over all.

use super::{
    model::{DBO, Database, GUEST, Model, Object},
    value::{Outcome, fault},
};

const SYSADMIN: i32 = 3;
const SERVER_PUBLIC: i32 = 2;

/// A login at work, known by its SID.
#[derive(Debug, Clone)]
pub struct Who {
    pub name: String,
    pub sid: Vec<u8>,
}

/// Who a login is in one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inside {
    pub user: i32,
    /// Above all rights there.
    pub owner: bool,
}

impl Model {
    pub fn server_ids(&self, who: &Who) -> Vec<i32> {
        match self
            .server
            .principals
            .iter()
            .find(|found| found.sid == who.sid && !found.fixed)
        {
            Some(login) => self.server.closure(login.id, SERVER_PUBLIC),
            None => Vec::new(),
        }
    }

    pub fn is_sysadmin(&self, who: &Who) -> bool {
        self.server_ids(who).contains(&SYSADMIN)
    }

    pub fn may_server(&self, who: &Who, permission: &str) -> bool {
        let ids = self.server_ids(who);
        if ids.contains(&SYSADMIN) {
            return true;
        }
        let has = |state: char, name: &str| {
            self.server
                .permissions
                .iter()
                .any(|found| found.state == state && found.name == name && ids.contains(&found.grantee))
        };
        !has('D', permission) && (has('G', permission) || has('G', "CONTROL SERVER"))
    }

    pub fn controls(&self, who: &Who) -> bool {
        self.may_server(who, "CONTROL SERVER")
    }

    /// # Errors
    /// 15247 for whoever is not the administrator or equal.
    pub fn needs(&self, who: &Who, permission: &str) -> Outcome<()> {
        if self.may_server(who, permission) {
            Ok(())
        } else {
            fault(15247, "User does not have permission to perform this action.")
        }
    }

    /// # Errors
    /// 916 for whoever may not enter.
    pub fn inside(&self, who: &Who, database: &Database) -> Outcome<Inside> {
        if self.controls(who) || database.owner == who.sid {
            return Ok(Inside {
                user: DBO,
                owner: true,
            });
        }
        let user = database
            .rights
            .principals
            .iter()
            .find(|user| user.sid == who.sid && !user.sid.is_empty());
        match user {
            Some(user) => {
                let closure = database.rights.closure(user.id, 0);
                // 16384 is db_owner.
                Ok(Inside {
                    user: user.id,
                    owner: closure.contains(&16_384),
                })
            }
            None if database.id <= 4 || self.may_server(who, "CONNECT ANY DATABASE") => Ok(Inside {
                user: GUEST,
                owner: false,
            }),
            None => fault(
                916,
                format!(
                    "The server principal \"{}\" is not able to access the database \"{}\" under the current security context.",
                    who.name, database.name
                ),
            ),
        }
    }

    /// A permission on an object, a schema (`schema` alone) or the database (neither).
    pub fn may(
        &self,
        who: &Who,
        database: &Database,
        permission: &str,
        schema: Option<i32>,
        object: Option<&Object>,
    ) -> bool {
        let Ok(inside) = self.inside(who, database) else {
            return false;
        };
        if inside.owner {
            return true;
        }
        let ids = database.rights.closure(inside.user, 0);
        let at = |class: u8, major: i32| match class {
            0 => true,
            1 => object.is_some_and(|object| object.id == major),
            3 => schema.is_some_and(|schema| schema == major),
            _ => false,
        };
        let has = |state: char, names: &[&str]| {
            database.rights.permissions.iter().any(|found| {
                found.state == state
                    && ids.contains(&found.grantee)
                    && at(found.class, found.major)
                    && names.contains(&found.name.as_str())
            })
        };
        if has('D', &[permission]) {
            return false;
        }
        let owns = database
            .schemas
            .iter()
            .any(|found| Some(found.id) == schema && ids.contains(&found.owner))
            || object.is_some_and(|object| object.owner.is_some_and(|owner| ids.contains(&owner)));
        let everywhere = permission == "SELECT" && self.may_server(who, "SELECT ALL USER SECURABLES");
        owns || everywhere || has('G', &[permission, "CONTROL"])
    }

    /// Altering a schema is needed to make something in it.
    pub fn may_alter(&self, who: &Who, database: &Database, schema: Option<i32>) -> bool {
        self.may(who, database, "ALTER", schema, None)
    }
}
