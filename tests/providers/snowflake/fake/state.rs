//! What the fake account holds: users, roles, databases, warehouses, and who may do what.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

pub const SYSTEM_ROLES: &[&str] = &["ACCOUNTADMIN", "SECURITYADMIN", "USERADMIN", "SYSADMIN", "PUBLIC"];

#[derive(Debug, Clone, Default)]
pub struct User {
    pub login_name: String,
    pub email: String,
    pub kind: String,
    pub disabled: bool,
    pub comment: String,
    pub owner: String,
    /// Both slots, base64 of SubjectPublicKeyInfo.
    pub keys: [Option<String>; 2],
    pub password: Option<String>,
    pub must_change_password: bool,
    pub default_role: String,
    pub default_warehouse: String,
    pub all_secondary_roles: bool,
    pub expires: Option<DateTime<Utc>>,
    /// How often somebody aborted all its queries.
    pub aborted: u32,
}

#[derive(Debug, Clone, Default)]
pub struct Role {
    pub comment: String,
    pub owner: String,
}

#[derive(Debug, Clone, Default)]
pub struct Object {
    pub kind: String,
    pub comment: String,
    pub owner: String,
}

#[derive(Debug, Clone, Default)]
pub struct Schema {
    pub comment: String,
    pub owner: String,
    pub objects: BTreeMap<String, Object>,
}

#[derive(Debug, Clone, Default)]
pub struct Database {
    pub kind: String,
    pub comment: String,
    pub owner: String,
    pub schemas: BTreeMap<String, Schema>,
}

/// `on` as `GRANT` calls it (`TABLE`, `ACCOUNT`, …); `path` is empty for the account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    pub role: String,
    pub privilege: String,
    pub on: String,
    pub path: Vec<String>,
}

/// On objects to come below `path`; `on` in the singular.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Future {
    pub role: String,
    pub privilege: String,
    pub on: String,
    pub path: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub struct State {
    pub users: BTreeMap<String, User>,
    pub roles: BTreeMap<String, Role>,
    pub databases: BTreeMap<String, Database>,
    /// Comments by name.
    pub warehouses: BTreeMap<String, String>,
    pub grants: BTreeSet<Grant>,
    pub futures: BTreeSet<Future>,
    /// (role, user)
    pub to_users: BTreeSet<(String, String)>,
    /// (given role, role that holds it)
    pub to_roles: BTreeSet<(String, String)>,
    /// Kinds of object that this account does not know.
    pub lacks: BTreeSet<String>,
}

impl State {
    pub fn new() -> Self {
        let mut state = Self::default();
        for role in SYSTEM_ROLES {
            state.roles.insert((*role).to_owned(), Role::default());
        }
        for (given, to) in [
            ("SYSADMIN", "ACCOUNTADMIN"),
            ("SECURITYADMIN", "ACCOUNTADMIN"),
            ("USERADMIN", "SECURITYADMIN"),
        ] {
            state.to_roles.insert((given.to_owned(), to.to_owned()));
        }
        for (role, privilege) in [
            ("SECURITYADMIN", "MANAGE GRANTS"),
            ("USERADMIN", "CREATE USER"),
            ("USERADMIN", "CREATE ROLE"),
            ("SYSADMIN", "CREATE DATABASE"),
            ("SYSADMIN", "CREATE WAREHOUSE"),
        ] {
            state.grant(role, privilege, "ACCOUNT", &[]);
        }
        state
    }

    pub fn grant(&mut self, role: &str, privilege: &str, on: &str, path: &[&str]) {
        self.grants.insert(Grant {
            role: role.to_owned(),
            privilege: privilege.to_owned(),
            on: on.to_owned(),
            path: path.iter().map(|part| (*part).to_owned()).collect(),
        });
    }

    /// A role and all that it holds, by whatever way. `PUBLIC` is everybody's.
    pub fn reach(&self, roles: &[String]) -> BTreeSet<String> {
        let mut all: BTreeSet<String> = roles.iter().cloned().collect();
        all.insert("PUBLIC".to_owned());
        let mut next: Vec<String> = all.iter().cloned().collect();
        while let Some(role) = next.pop() {
            for (given, _) in self.to_roles.iter().filter(|(_, to)| *to == role) {
                if all.insert(given.clone()) {
                    next.push(given.clone());
                }
            }
        }
        all
    }

    /// Roles a user holds itself, `PUBLIC` with them.
    pub fn roles_of(&self, user: &str) -> Vec<String> {
        let own = self.to_users.iter().filter(|(_, to)| to == user);
        own.map(|(role, _)| role.clone())
            .chain(["PUBLIC".to_owned()])
            .collect()
    }

    /// Who owns something; `None` if it is not there.
    pub fn owner(&self, on: &str, path: &[String]) -> Option<&str> {
        match (on, path) {
            ("DATABASE", [database]) => self.databases.get(database).map(|found| found.owner.as_str()),
            ("SCHEMA", [database, schema]) => self.schema(database, schema).map(|found| found.owner.as_str()),
            ("WAREHOUSE", [name]) => self.warehouses.get(name).map(|_| "SYSADMIN"),
            ("ROLE", [name]) => self.roles.get(name).map(|found| found.owner.as_str()),
            ("USER", [name]) => self.users.get(name).map(|found| found.owner.as_str()),
            (kind, [database, schema, name]) => {
                let object = self.schema(database, schema)?.objects.get(name)?;
                (object.kind == kind).then_some(object.owner.as_str())
            }
            _ => None,
        }
    }

    pub fn schema(&self, database: &str, schema: &str) -> Option<&Schema> {
        self.databases.get(database)?.schemas.get(schema)
    }

    pub fn schema_mut(&mut self, database: &str, schema: &str) -> Option<&mut Schema> {
        self.databases.get_mut(database)?.schemas.get_mut(schema)
    }

    /// All objects of a kind below a path.
    pub fn below(&self, on: &str, path: &[String]) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        for (database, inside) in self.databases.iter().filter(|(name, _)| path[0] == **name) {
            for (schema, inside) in &inside.schemas {
                if path.get(1).is_some_and(|wanted| wanted != schema) {
                    continue;
                }
                if on == "SCHEMA" {
                    all.push(vec![database.clone(), schema.clone()]);
                }
                for (name, _) in inside.objects.iter().filter(|(_, object)| object.kind == on) {
                    all.push(vec![database.clone(), schema.clone(), name.clone()]);
                }
            }
        }
        all
    }

    /// Adds a new object, with what future grants give on it: those of its schema, else those of its database.
    pub fn add(&mut self, path: &[&str], object: Object) {
        let full: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        let kind = object.kind.clone();
        let schema = self.schema_mut(path[0], path[1]).expect("a schema");
        schema.objects.insert(path[2].to_owned(), object);
        self.apply_futures(&kind, &full);
    }

    pub fn add_schema(&mut self, database: &str, name: &str, owner: &str) {
        let schema = Schema {
            owner: owner.to_owned(),
            ..Schema::default()
        };
        let found = self.databases.get_mut(database).expect("a database");
        found.schemas.insert(name.to_owned(), schema);
        self.apply_futures("SCHEMA", &[database.to_owned(), name.to_owned()]);
    }

    fn apply_futures(&mut self, kind: &str, path: &[String]) {
        let of = |scope: &[String]| -> Vec<Future> {
            self.futures
                .iter()
                .filter(|future| future.on == kind && future.path == scope)
                .cloned()
                .collect()
        };
        let mut found = of(&path[..path.len() - 1]);
        if found.is_empty() {
            found = of(&path[..1]);
        }
        for future in found {
            self.grants.insert(Grant {
                role: future.role,
                privilege: future.privilege,
                on: kind.to_owned(),
                path: path.to_vec(),
            });
        }
    }

    pub fn drop_role(&mut self, role: &str, heir: &str) {
        self.roles.remove(role);
        self.grants
            .retain(|grant| grant.role != role && !(grant.on == "ROLE" && grant.path == [role]));
        self.futures.retain(|future| future.role != role);
        self.to_users.retain(|(given, _)| given != role);
        self.to_roles.retain(|(given, to)| given != role && to != role);
        // Documented: what a dropped role owns passes to the role that drops it.
        for database in self.databases.values_mut() {
            let pass = |owner: &mut String| {
                if *owner == role {
                    *owner = heir.to_owned();
                }
            };
            pass(&mut database.owner);
            for schema in database.schemas.values_mut() {
                pass(&mut schema.owner);
                schema
                    .objects
                    .values_mut()
                    .for_each(|object| pass(&mut object.owner));
            }
        }
    }

    pub fn drop_user(&mut self, user: &str) {
        self.users.remove(user);
        self.to_users.retain(|(_, to)| to != user);
    }
}
