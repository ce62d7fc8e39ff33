//! Who may do what.

use std::collections::BTreeSet;

use super::{
    lexer::{Fault, Result, fault},
    model::{ADMIN, Model, On, SUPER, key, same},
    parse::{Path, Roles},
};

/// A session as far as rights go. Roles are enabled by id: one of the same name made later is another.
pub struct Actor {
    pub user: String,
    pub session: String,
    pub label: String,
    pub enabled: Vec<i64>,
}

pub fn denied(what: &str) -> Fault {
    fault("42501", format!("Permission denied: {what}"))
}

impl Actor {
    pub fn roles(&self, model: &Model) -> BTreeSet<String> {
        let enabled: Vec<String> = model
            .roles
            .iter()
            .filter(|role| self.enabled.contains(&role.id) || same(&role.name, "public"))
            .map(|role| role.name.clone())
            .collect();
        model.closure(&enabled)
    }

    pub fn is_admin(&self, model: &Model) -> bool {
        same(&self.user, ADMIN) || self.roles(model).contains(ADMIN)
    }

    pub fn is_super(&self, model: &Model) -> bool {
        self.is_admin(model) || self.roles(model).contains(SUPER)
    }

    pub fn must_be_super(&self, model: &Model, what: &str) -> Result<()> {
        if self.is_super(model) {
            Ok(())
        } else {
            Err(denied(what))
        }
    }

    fn is_granted(&self, model: &Model, on: &On, privilege: &str) -> bool {
        let mut grantees = self.roles(model);
        grantees.insert(key(&self.user));
        grantees.iter().any(|grantee| {
            model
                .grants
                .get(&(grantee.clone(), on.clone()))
                .is_some_and(|privileges| privileges.contains(privilege))
        })
    }

    pub fn may_in_schema(&self, model: &Model, schema: &str, privilege: &str) -> Result<()> {
        let found = model.schema(schema)?;
        if self.is_super(model)
            || same(&found.owner, &self.user)
            || self.is_granted(model, &On::Schema(key(schema)), privilege)
        {
            return Ok(());
        }
        Err(denied(&format!("{privilege} on schema {schema}")))
    }

    pub fn may_in_database(&self, model: &Model, privilege: &str) -> Result<()> {
        if self.is_super(model) || self.is_granted(model, &On::Database, privilege) {
            return Ok(());
        }
        Err(denied(&format!("{privilege} on the database")))
    }

    /// What is in a schema that cannot be used is out of reach, whatever was granted on it.
    pub fn may(&self, model: &Model, path: &Path, privilege: &str) -> Result<()> {
        let object = model.object(path)?;
        self.may_in_schema(model, &object.schema, "USAGE")?;
        if self.is_super(model)
            || same(&object.owner, &self.user)
            || self.is_granted(
                model,
                &On::Object(key(&object.schema), key(&object.name)),
                privilege,
            )
        {
            return Ok(());
        }
        Err(denied(&format!("{privilege} on {}", path.join("."))))
    }

    pub fn may_call(&self, model: &Model, schema: &str, name: &str) -> Result<()> {
        let on = On::Object(key(schema), format!("{}()", key(name)));
        self.may_in_schema(model, schema, "USAGE")?;
        if self.is_super(model) || self.is_granted(model, &on, "EXECUTE") {
            return Ok(());
        }
        Err(denied(&format!("EXECUTE on {schema}.{name}")))
    }

    /// Roles that were granted to the user, by id.
    pub fn enable(&mut self, model: &Model, wanted: &Roles) -> Result<()> {
        let user = model
            .user(&self.user)
            .ok_or_else(|| fault("28000", "no such user"))?;
        let names: Vec<String> = match wanted {
            Roles::None => Vec::new(),
            Roles::All => user.held.iter().map(|held| held.role.clone()).collect(),
            Roles::These(names) if names.len() == 1 && same(&names[0], "DEFAULT") => user.defaults.clone(),
            Roles::These(names) => names.clone(),
        };
        let mut enabled = Vec::new();
        for name in names {
            let role = model
                .role(&name)
                .ok_or_else(|| fault("42704", format!("Role \"{name}\" does not exist")))?;
            if !user.held.iter().any(|held| same(&held.role, &name)) {
                return Err(denied(&format!("role {name} is not granted to {}", self.user)));
            }
            enabled.push(role.id);
        }
        self.enabled = enabled;
        Ok(())
    }
}
