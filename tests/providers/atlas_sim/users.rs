//! Database users, custom roles and their limits.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value, json};

use super::api::{Ask, tags};
use super::reply::{Refusal, Reply, empty, fields, list, ok, refuse, text, with};
use super::world::{DbRole, DbUser, Group, World};

const USER_FIELDS: &[&str] = &[
    "databaseName",
    "deleteAfterDate",
    "description",
    "groupId",
    "labels",
    "password",
    "roles",
    "scopes",
    "username",
];
const ANYWHERE: &[&str] = &[
    "atlasAdmin",
    "backup",
    "clusterMonitor",
    "dbAdminAnyDatabase",
    "enableSharding",
    "readAnyDatabase",
    "readWriteAnyDatabase",
];
const ON_DATABASE: &[&str] = &["dbAdmin", "read", "readWrite"];

impl World {
    pub fn of_users(&mut self, ask: &Ask<'_>, group: &str, rest: &[&str]) -> Reply {
        match (ask.method, rest) {
            ("GET", ["databaseUsers"]) => {
                let shown = self
                    .group(group)
                    .expect("looked up")
                    .users
                    .iter()
                    .map(show_user)
                    .collect();
                self.page(ask, shown, &[])
            }
            ("POST", ["databaseUsers"]) => self.create_user(ask, group),
            (_, ["databaseUsers", "admin", name]) => self.one_user(ask, group, name),
            ("GET", ["customDBRoles", "roles"]) => {
                ask.query(&[])?;
                let roles: Vec<Value> = self
                    .group(group)
                    .expect("looked up")
                    .roles
                    .iter()
                    .map(show_role)
                    .collect();
                ok(json!(roles))
            }
            ("POST", ["customDBRoles", "roles"]) => self.create_role(ask, group),
            (_, ["customDBRoles", "roles", name]) => self.one_role(ask, group, name),
            ("GET", ["limits", name]) => {
                let found = self.group(group).expect("looked up");
                let (value, used) = match *name {
                    "atlas.project.security.databaseAccess.users" => (found.users_limit, found.users.len()),
                    "atlas.project.security.databaseAccess.customRoles" => {
                        (found.roles_limit, found.roles.len())
                    }
                    _ => return refuse(404, "LIMIT_NOT_FOUND", *name),
                };
                ok(json!({"name": name, "value": value, "currentUsage": used, "defaultLimit": 100}))
            }
            _ => refuse(404, "RESOURCE_NOT_FOUND", ask.path),
        }
    }

    fn create_user(&mut self, ask: &Ask<'_>, group: &str) -> Reply {
        let body = fields(
            ask.body,
            USER_FIELDS,
            &["databaseName", "groupId", "roles", "username"],
        )?;
        let name = text(body, "username")?;
        let date = self.date();
        let found = self.group_mut(group).expect("looked up");
        if found.users.iter().any(|user| user.name == name) {
            return refuse(409, "USER_ALREADY_EXISTS", name);
        }
        if found.users.len() >= found.users_limit {
            return refuse(
                403,
                "GROUP_USERS_LIMIT_EXCEEDED",
                "no room for another database user",
            );
        }
        if !body.contains_key("password") {
            return refuse(400, "MISSING_ATTRIBUTE", "password");
        }
        let mut user = DbUser {
            name,
            ..DbUser::default()
        };
        fill(&mut user, body, found, date)?;
        let shown = show_user(&user);
        found.users.push(user);
        self.tell(group);
        with(201, shown)
    }

    fn one_user(&mut self, ask: &Ask<'_>, group: &str, name: &str) -> Reply {
        let date = self.date();
        let found = self.group_mut(group).expect("looked up");
        let Some(at) = found.users.iter().position(|user| user.name == name) else {
            return refuse(404, "USERNAME_NOT_FOUND", name);
        };
        match ask.method {
            "GET" => ok(show_user(&found.users[at])),
            "DELETE" => {
                found.users.remove(at);
                self.tell(group);
                empty()
            }
            "PATCH" => {
                let body = fields(
                    ask.body,
                    USER_FIELDS,
                    &["databaseName", "groupId", "roles", "username"],
                )?;
                if text(body, "username")? != name {
                    return refuse(400, "INVALID_ATTRIBUTE", "username");
                }
                let mut user = found.users[at].clone();
                if user.delete_after.is_none() && body.contains_key("deleteAfterDate") {
                    return refuse(400, "PERMANENT_ENTITY_CANNOT_BE_MADE_TEMPORARY", name);
                }
                fill(&mut user, body, found, date)?;
                let shown = show_user(&user);
                found.users[at] = user;
                self.tell(group);
                ok(shown)
            }
            _ => refuse(405, "METHOD_NOT_ALLOWED", ask.path),
        }
    }

    fn create_role(&mut self, ask: &Ask<'_>, group: &str) -> Reply {
        let body = fields(
            ask.body,
            &["roleName", "actions", "inheritedRoles"],
            &["roleName"],
        )?;
        let name = text(body, "roleName")?;
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && !name.starts_with("xgen-");
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let built_in = ANYWHERE.contains(&name.as_str()) || ON_DATABASE.contains(&name.as_str());
        if !starts_well || !name.chars().all(plain) || built_in {
            return refuse(400, "ATLAS_CUSTOM_ROLE_INVALID_NAME", name);
        }
        let found = self.group_mut(group).expect("looked up");
        if found.roles.iter().any(|role| role.name == name) {
            return refuse(409, "ATLAS_CUSTOM_ROLE_ALREADY_EXISTS", name);
        }
        if found.roles.len() >= found.roles_limit {
            return refuse(
                403,
                "CUSTOM_ROLES_LIMIT_EXCEEDED",
                "no room for another custom role",
            );
        }
        let role = DbRole {
            name,
            actions: actions(body)?,
        };
        let shown = show_role(&role);
        found.roles.push(role);
        self.tell(group);
        with(202, shown)
    }

    fn one_role(&mut self, ask: &Ask<'_>, group: &str, name: &str) -> Reply {
        let found = self.group_mut(group).expect("looked up");
        let Some(at) = found.roles.iter().position(|role| role.name == name) else {
            return refuse(404, "ATLAS_CUSTOM_ROLE_NOT_FOUND", name);
        };
        match ask.method {
            "GET" => ok(show_role(&found.roles[at])),
            "PATCH" => {
                let body = fields(ask.body, &["actions", "inheritedRoles"], &[])?;
                found.roles[at].actions = actions(body)?;
                let shown = show_role(&found.roles[at]);
                self.tell(group);
                ok(shown)
            }
            "DELETE" => {
                let held = found
                    .users
                    .iter()
                    .any(|user| user.roles.iter().any(|(role, ..)| role == name));
                if held {
                    return refuse(400, "CANNOT_DELETE_ROLE_IN_USE", name);
                }
                found.roles.remove(at);
                self.tell(group);
                empty()
            }
            _ => refuse(405, "METHOD_NOT_ALLOWED", ask.path),
        }
    }
}

/// What a body says of a user; lists are replaced whole.
fn fill(
    user: &mut DbUser,
    body: &Map<String, Value>,
    group: &Group,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    if text(body, "databaseName")? != "admin" || text(body, "groupId")? != group.id {
        return refuse(400, "INVALID_ATTRIBUTE", "databaseName or groupId");
    }
    if body.contains_key("password") {
        let password = text(body, "password")?;
        if password.len() < 8 {
            return refuse(400, "WEAK_PASSWORD", "at least 8 characters");
        }
        user.password = password;
    }
    user.roles = list(body, "roles")?
        .iter()
        .map(|one| db_role(one, group))
        .collect::<Result<_, _>>()?;
    let custom = user
        .roles
        .iter()
        .filter(|(name, ..)| is_custom(group, name))
        .count();
    if user.roles.is_empty() {
        return refuse(400, "ATLAS_INVALID_ROLE", "a user needs a role");
    }
    if custom > 0 && user.roles.len() > 1 {
        return refuse(
            400,
            "ATLAS_INVALID_CUSTOM_ROLE_ASSIGNMENT",
            "a custom role is held alone",
        );
    }
    if body.contains_key("scopes") {
        user.scopes = list(body, "scopes")?
            .iter()
            .map(|one| {
                let scope = fields(Some(one), &["name", "type"], &["name", "type"])?;
                let name = text(scope, "name")?;
                let known =
                    text(scope, "type")? == "CLUSTER" && group.clusters.iter().any(|one| one.name == name);
                if known {
                    Ok(name)
                } else {
                    refuse(400, "INVALID_SCOPE", name)
                }
            })
            .collect::<Result<_, _>>()?;
    }
    if body.contains_key("labels") {
        user.labels = list(body, "labels")?
            .iter()
            .map(|one| {
                let label = fields(Some(one), &["key", "value"], &["key", "value"])?;
                Ok((text(label, "key")?, text(label, "value")?))
            })
            .collect::<Result<_, Refusal>>()?;
    }
    if body.contains_key("deleteAfterDate") {
        let Ok(at) = text(body, "deleteAfterDate")?.parse::<DateTime<Utc>>() else {
            return refuse(400, "INVALID_ATTRIBUTE", "deleteAfterDate");
        };
        if at <= now {
            return refuse(400, "ALREADY_EXPIRED", "deleteAfterDate is over");
        }
        if at > now + Duration::days(7) {
            return refuse(
                400,
                "INVALID_ATTRIBUTE",
                "deleteAfterDate is more than a week away",
            );
        }
        user.delete_after = Some(at);
    }
    Ok(())
}

fn is_custom(group: &Group, name: &str) -> bool {
    group.roles.iter().any(|role| role.name == name)
}

fn db_role(json: &Value, group: &Group) -> Result<(String, String, Option<String>), Refusal> {
    let role = fields(
        Some(json),
        &["roleName", "databaseName", "collectionName"],
        &["roleName", "databaseName"],
    )?;
    let (name, database) = (text(role, "roleName")?, text(role, "databaseName")?);
    let collection = role
        .get("collectionName")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let fits = match (name.as_str(), &collection) {
        ("read" | "readWrite", Some(name)) => !name.is_empty(),
        (_, Some(_)) => false,
        (name, None) if ON_DATABASE.contains(&name) => true,
        (name, None) => database == "admin" && (ANYWHERE.contains(&name) || is_custom(group, name)),
    };
    let odd = |c: char| "/\\. \"$*<>:|?\0".contains(c);
    if !fits || database.len() > 63 || database.chars().any(odd) {
        return refuse(400, "ATLAS_INVALID_ROLE", format!("{name}@{database}"));
    }
    Ok((name, database, collection))
}

fn actions(body: &Map<String, Value>) -> Result<Vec<(String, String, String)>, Refusal> {
    let mut all = Vec::new();
    for action in list(body, "actions")? {
        let action = fields(Some(action), &["action", "resources"], &["action", "resources"])?;
        let name = text(action, "action")?;
        if !name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
            return refuse(400, "INVALID_ENUM_VALUE", name);
        }
        for at in list(action, "resources")? {
            let at = fields(
                Some(at),
                &["cluster", "collection", "db"],
                &["cluster", "collection", "db"],
            )?;
            let part = |key: &str| at.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            all.push((name.clone(), part("db"), part("collection")));
        }
    }
    if all.is_empty() && list(body, "inheritedRoles")?.is_empty() {
        return refuse(400, "ATLAS_CUSTOM_ROLE_EMPTY", "an action or a role is needed");
    }
    Ok(all)
}

fn show_user(user: &DbUser) -> Value {
    let roles: Vec<Value> = user
        .roles
        .iter()
        .map(|(role, database, collection)| {
            let mut json = json!({"roleName": role, "databaseName": database});
            if let Some(collection) = collection {
                json["collectionName"] = json!(collection);
            }
            json
        })
        .collect();
    let scopes: Vec<Value> = user
        .scopes
        .iter()
        .map(|name| json!({"name": name, "type": "CLUSTER"}))
        .collect();
    let mut json = json!({
        "username": user.name, "databaseName": "admin", "roles": roles, "scopes": scopes, "labels": tags(&user.labels),
        "awsIAMType": "NONE", "x509Type": "NONE",
    });
    if let Some(at) = user.delete_after {
        json["deleteAfterDate"] = json!(at.to_rfc3339());
    }
    json
}

/// Grouped by action, in an order of the vendor's own.
fn show_role(role: &DbRole) -> Value {
    let actions: Vec<Value> = role
        .actions
        .iter()
        .rev()
        .map(|(action, db, collection)| {
            json!({"action": action, "resources": [{"cluster": false, "db": db, "collection": collection}]})
        })
        .collect();
    json!({"roleName": role.name, "actions": actions, "inheritedRoles": []})
}
