//! What a change does to the account, and what the vendor refuses.

use super::acl;
use super::op::{Op, RuleSpec};
use super::world::{Flap, Live, Role, RoleRule, Rule, User, World};

/// The vendor's name of an error, or the id of what was made or changed.
pub type Outcome = Result<Option<i64>, String>;

fn refuse(name: &str) -> Outcome {
    Err(name.to_owned())
}

impl World {
    /// Makes a change. `flap` is when it shows and takes effect.
    pub fn apply(&mut self, op: &Op, flap: Flap) -> Outcome {
        let done = match op {
            Op::CreateRule { name, acl } => self.create_rule(name, acl, flap),
            Op::DeleteRule { name } => self.delete_rule(name),
            Op::CreateRole { name, rules } => self.create_role(name, rules, flap),
            Op::UpdateRole {
                name,
                new_name,
                rules,
            } => self.update_role(name, new_name.as_deref(), rules.as_deref(), flap),
            Op::DeleteRole { name } => self.delete_role(name),
            Op::CreateUser { name, role, password } => self.create_user(name, role, password, flap),
            Op::UpdateUser { name, role, password } => {
                self.update_user(name, role.as_deref(), password.as_deref(), flap)
            }
            Op::DeleteUser { name } => self.delete_user(name, flap),
            Op::SetTag { database, key, value } => self.set_tag(*database, key, value.as_deref()),
            Op::SetStatus { database, status } => self.set_status(*database, status),
            Op::DeleteDatabase { database } => self.delete_database(*database),
        };
        self.drop_dead_sessions();
        done
    }

    fn create_rule(&mut self, name: &str, acl: &str, flap: Flap) -> Outcome {
        if name.is_empty() {
            return refuse("ACL_REDIS_RULE_NAME_IS_MISSING");
        }
        if self.rule(name).is_some() {
            return refuse("ACL_REDIS_RULE_NAME_ALREADY_EXISTS");
        }
        if !acl::is_valid(acl) || (self.options.refuse_empty_rules && !acl.contains(['+', '~'])) {
            return refuse("ACL_REDIS_RULE_PATTERN_NOT_VALID");
        }
        let id = self.next_id();
        self.rules.push(Rule {
            id,
            name: name.to_owned(),
            acl: acl.to_owned(),
            built_in: false,
            flap,
        });
        Ok(Some(id))
    }

    fn delete_rule(&mut self, name: &str) -> Outcome {
        let Some(rule) = self.rule(name) else {
            return refuse("ACL_REDIS_RULE_NOT_FOUND");
        };
        let (id, built_in) = (rule.id, rule.built_in);
        if built_in {
            return refuse("ACL_REDIS_RULE_CANNOT_DELETE_DEFAULT");
        }
        if self
            .roles
            .iter()
            .any(|role| role.rules.iter().any(|given| given.rule == id))
        {
            return refuse("ACL_REDIS_RULE_CANNOT_DELETE_WHEN_ASSOCIATED_WITH_ROLES");
        }
        self.rules.retain(|rule| rule.id != id);
        Ok(Some(id))
    }

    fn role_rules(&self, specs: &[RuleSpec]) -> Result<Vec<RoleRule>, String> {
        let wrong = |name: &str| Err(name.to_owned());
        if specs.is_empty() {
            return wrong("ACL_ROLE_REDIS_RULES_IS_MISSING");
        }
        let mut rules = Vec::new();
        for spec in specs {
            let Some(rule) = self.rule(&spec.rule_name) else {
                return wrong("ACL_REDIS_RULE_DOES_NOT_EXISTS");
            };
            if rule.flap.is_pending(self.clock.now()) {
                return wrong("ACL_REDIS_RULE_NOT_ACTIVE");
            }
            if spec.databases.is_empty() {
                return wrong("ACL_ROLE_REDIS_RULES_DATABASES_SPEC_IS_MISSING");
            }
            let mut databases = Vec::new();
            for at in &spec.databases {
                match self.database(at.subscription_id, at.database_id) {
                    None => return wrong("DATABASE_NOT_FOUND"),
                    Some(found) if found.protocol == "memcached" => {
                        return wrong("BDB_IS_NOT_IN_CORRECT_VERSION_FOR_GIVEN_ACL_VERSION");
                    }
                    Some(found) if !found.status.starts_with("active") => {
                        return wrong("DATABASE_NOT_ACTIVE");
                    }
                    Some(found) if found.regions.is_empty() && !at.regions.is_empty() => {
                        return wrong("ACL_ROLE_REDIS_RULES_DATABASES_REGION_MUST_BE_CRDB");
                    }
                    Some(found) if !found.regions.is_empty() && at.regions.is_empty() => {
                        return wrong("ACL_ROLE_REDIS_RULES_DATABASES_REGIONS_IS_MISSING");
                    }
                    Some(_) => databases.push((at.subscription_id, at.database_id, at.regions.clone())),
                }
            }
            rules.push(RoleRule {
                rule: rule.id,
                databases,
            });
        }
        Ok(rules)
    }

    fn create_role(&mut self, name: &str, rules: &[RuleSpec], flap: Flap) -> Outcome {
        if name.is_empty() {
            return refuse("ACL_ROLE_NAME_IS_MISSING");
        }
        if self.role(name).is_some() {
            return refuse("ACL_ROLE_NAME_ALREADY_EXISTS");
        }
        let rules = self.role_rules(rules)?;
        let id = self.next_id();
        self.roles.push(Role {
            id,
            name: name.to_owned(),
            rules,
            flap,
        });
        Ok(Some(id))
    }

    fn update_role(
        &mut self,
        name: &str,
        new_name: Option<&str>,
        rules: Option<&[RuleSpec]>,
        flap: Flap,
    ) -> Outcome {
        let now = self.clock.now();
        let Some(at) = self.roles.iter().position(|role| role.name == name) else {
            return refuse("ACL_ROLE_NOT_FOUND");
        };
        if self.roles[at].flap.is_pending(now) {
            return refuse("ACL_ROLE_IS_IN_PENDING_STATUS_AND_CANNOT_BE_UPDATED");
        }
        // Its own name, repeated, counts as taken.
        if new_name.is_some_and(|name| self.role(name).is_some()) {
            return refuse("ACL_ROLE_NAME_ALREADY_EXISTS");
        }
        let rules = rules.map(|rules| self.role_rules(rules)).transpose()?;
        let role = &mut self.roles[at];
        if let Some(name) = new_name {
            name.clone_into(&mut role.name);
        }
        if let Some(rules) = rules {
            role.rules = rules;
        }
        role.flap = flap;
        Ok(Some(role.id))
    }

    fn delete_role(&mut self, name: &str) -> Outcome {
        let Some(role) = self.role(name) else {
            return refuse("ACL_ROLE_NOT_FOUND");
        };
        let id = role.id;
        if role.flap.is_pending(self.clock.now()) {
            return refuse("ACL_ROLE_IS_IN_PENDING_STATUS_AND_CANNOT_BE_DELETED");
        }
        if self.users.iter().any(|user| user.role == id) {
            return refuse("ACL_ROLE_HAS_ACTIVE_USERS_AND_CANNOT_BE_DELETED");
        }
        self.roles.retain(|role| role.id != id);
        Ok(Some(id))
    }

    /// The id of a role that users may be given now.
    fn usable_role(&self, name: &str) -> Result<i64, String> {
        match self.role(name) {
            None => Err("ACL_ROLE_DOES_NOT_EXISTS".to_owned()),
            Some(role) if role.flap.is_pending(self.clock.now()) => {
                Err("ACL_ROLE_IS_IN_PENDING_STATUS_AND_CANNOT_BE_UPDATED".to_owned())
            }
            Some(role) => Ok(role.id),
        }
    }

    fn create_user(&mut self, name: &str, role: &str, password: &str, flap: Flap) -> Outcome {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name == "admin" || name == "default" || !name.chars().all(plain) {
            return refuse("ACL_USER_NAME_NOT_VALID");
        }
        if self.user(name).is_some() {
            return refuse("ACL_USER_NAME_ALREADY_EXISTS");
        }
        if !is_password(password) {
            return refuse("ACL_USER_PASSWORD_NOT_VALID");
        }
        let role = self.usable_role(role)?;
        let id = self.next_id();
        let password = password.to_owned();
        let user = User {
            id,
            name: name.to_owned(),
            role,
            password,
            flap,
            deleting: false,
            live: None,
        };
        self.users.push(user);
        self.settle_users();
        Ok(Some(id))
    }

    fn update_user(&mut self, name: &str, role: Option<&str>, password: Option<&str>, flap: Flap) -> Outcome {
        let Some(at) = self
            .users
            .iter()
            .position(|user| user.name == name && !user.deleting)
        else {
            return refuse("ACL_USER_NOT_FOUND");
        };
        if password.is_some_and(|password| !is_password(password)) {
            return refuse("ACL_USER_PASSWORD_NOT_VALID");
        }
        let role = role.map(|role| self.usable_role(role)).transpose()?;
        let user = &mut self.users[at];
        if let Some(role) = role {
            user.role = role;
        }
        if let Some(password) = password {
            password.clone_into(&mut user.password);
        }
        user.flap = flap;
        let id = user.id;
        self.settle_users();
        Ok(Some(id))
    }

    fn delete_user(&mut self, name: &str, flap: Flap) -> Outcome {
        let Some(user) = self
            .users
            .iter_mut()
            .find(|user| user.name == name && !user.deleting)
        else {
            return refuse("ACL_USER_NOT_FOUND");
        };
        user.deleting = true;
        user.flap = flap;
        let id = user.id;
        self.settle_users();
        Ok(Some(id))
    }

    /// Users whose flapping is over are as they were told to be.
    pub fn settle_users(&mut self) {
        let now = self.clock.now();
        let before = self.users.len();
        self.users
            .retain(|user| !(user.deleting && user.flap.until <= now));
        let mut changed = before != self.users.len();
        for user in self
            .users
            .iter_mut()
            .filter(|user| !user.deleting && user.flap.until <= now)
        {
            let live = Live {
                role: user.role,
                password: user.password.clone(),
            };
            if user.live.as_ref() != Some(&live) {
                user.live = Some(live);
                changed = true;
            }
        }
        if changed {
            self.drop_dead_sessions();
        }
    }

    fn set_tag(&mut self, database: i64, key: &str, value: Option<&str>) -> Outcome {
        let mut databases = self.subscriptions.iter_mut().flat_map(|one| &mut one.databases);
        let Some(found) = databases.find(|one| one.id == database) else {
            return refuse("DATABASE_NOT_FOUND");
        };
        found.tags.retain(|(known, _)| known != key);
        found
            .tags
            .extend(value.map(|value| (key.to_owned(), value.to_owned())));
        Ok(Some(database))
    }

    fn set_status(&mut self, database: i64, status: &str) -> Outcome {
        let mut databases = self.subscriptions.iter_mut().flat_map(|one| &mut one.databases);
        let Some(found) = databases.find(|one| one.id == database) else {
            return refuse("DATABASE_NOT_FOUND");
        };
        status.clone_into(&mut found.status);
        Ok(Some(database))
    }

    fn delete_database(&mut self, database: i64) -> Outcome {
        if self.database_by_id(database).is_none() {
            return refuse("DATABASE_NOT_FOUND");
        }
        for subscription in &mut self.subscriptions {
            subscription.databases.retain(|one| one.id != database);
        }
        for rule in self.roles.iter_mut().flat_map(|role| &mut role.rules) {
            rule.databases.retain(|(_, id, _)| *id != database);
        }
        Ok(Some(database))
    }
}

/// 8 to 128 characters with upper and lower case, a digit and a special one.
fn is_password(text: &str) -> bool {
    (8..=128).contains(&text.chars().count())
        && text.chars().any(|c| c.is_ascii_uppercase())
        && text.chars().any(|c| c.is_ascii_lowercase())
        && text.chars().any(|c| c.is_ascii_digit())
        && text.chars().any(|c| !c.is_ascii_alphanumeric())
}
