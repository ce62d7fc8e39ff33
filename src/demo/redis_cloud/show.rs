//! The account as JSON: as the API shows it, and as the demo's side panel does.

use serde_json::{Value, json};

use super::acl;
use super::world::{Database, Flap, Plan, Role, Rule, Subscription, Task, TaskEnd, User, World};

impl World {
    fn status(&self, flap: Flap) -> &'static str {
        if flap.is_pending(self.clock.now()) {
            "pending"
        } else {
            "active"
        }
    }

    pub fn show_rule(&self, rule: &Rule) -> Value {
        json!({"id": rule.id, "name": rule.name, "acl": rule.acl, "isDefault": rule.built_in,
               "status": self.status(rule.flap)})
    }

    pub fn show_role(&self, role: &Role) -> Value {
        let database = |(subscription, id, regions): &(i64, i64, Vec<String>)| {
            let name = self.database_by_id(*id).map(|database| database.name.clone());
            let mut shown = json!({"subscriptionId": subscription, "databaseId": id, "databaseName": name});
            if !regions.is_empty() {
                shown["regions"] = json!(regions);
            }
            shown
        };
        let rules: Vec<Value> = role
            .rules
            .iter()
            .map(|given| {
                let name = self
                    .rules
                    .iter()
                    .find(|rule| rule.id == given.rule)
                    .map(|rule| rule.name.clone());
                let databases: Vec<Value> = given.databases.iter().map(database).collect();
                json!({"ruleId": given.rule, "ruleName": name, "databases": databases})
            })
            .collect();
        let users: Vec<Value> = self
            .users
            .iter()
            .filter(|user| user.role == role.id)
            .map(|user| json!({"id": user.id, "name": user.name}))
            .collect();
        let empty = role.rules.iter().all(|rule| rule.databases.is_empty());
        let status = if empty { "error" } else { self.status(role.flap) };
        json!({"id": role.id, "name": role.name, "redisRules": rules, "users": users, "status": status})
    }

    pub fn user_status(&self, user: &User) -> &'static str {
        if user.deleting {
            "deleting"
        } else {
            self.status(user.flap)
        }
    }

    pub fn show_user(&self, user: &User) -> Value {
        let role = self.role_by_id(user.role).map(|role| role.name.clone());
        json!({"id": user.id, "name": user.name, "role": role, "status": self.user_status(user), "links": []})
    }

    pub fn task_status(&self, task: &Task) -> &'static str {
        let now = self.clock.now();
        match task.end {
            Some(TaskEnd::Completed(_)) => "processing-completed",
            Some(TaskEnd::Failed) => "processing-error",
            None if now < task.starts => "received",
            None => "processing-in-progress",
        }
    }

    pub fn show_task(&self, task: &Task) -> Value {
        let response = match (&task.error, task.end) {
            (Some(error), _) if task.bare_error => Some(json!({"error": error})),
            (Some(error), _) => {
                let description = format!(
                    "The request could not be completed: {}",
                    error.to_lowercase().replace('_', " ")
                );
                Some(
                    json!({"error": {"type": error, "status": "400 BAD_REQUEST", "description": description}}),
                )
            }
            (None, Some(TaskEnd::Completed(Some(id)))) => Some(json!({"resourceId": id})),
            (None, _) => None,
        };
        let mut shown = json!({
            "taskId": task.id,
            "commandType": task.command,
            "status": self.task_status(task),
            "description": "Task request received and is being queued for processing.",
            "timestamp": self.clock.date(task.visible).to_rfc3339(),
            "links": [],
        });
        if let Some(response) = response {
            shown["response"] = response;
        }
        shown
    }

    /// What the side panel shows. `revision` changes whenever anything else in it does.
    pub fn show_state(&self) -> Value {
        let rules: Vec<Value> = self.rules.iter().map(|rule| self.show_rule(rule)).collect();
        let roles: Vec<Value> = self.roles.iter().map(|role| self.show_role(role)).collect();
        let users: Vec<Value> = self.users.iter().map(|user| self.show_login(user)).collect();
        let tasks: Vec<Value> = self
            .tasks
            .iter()
            .rev()
            .take(12)
            .map(|task| self.show_work(task))
            .collect();
        let state = json!({
            "account": {"id": self.options.account, "name": self.options.account_name},
            "databases": self.subscriptions.iter().flat_map(show_databases).collect::<Vec<_>>(),
            "rules": rules,
            "roles": roles,
            "users": users,
            "tasks": tasks,
            "sessions": self.sessions,
            "changes": self.log.changed.len(),
        });
        let revision = crc32c::crc32c(state.to_string().as_bytes());
        let mut state = state;
        state["revision"] = json!(revision);
        state
    }

    /// A login with what it can really do, database by database.
    fn show_login(&self, user: &User) -> Value {
        let role = user.live.as_ref().and_then(|live| self.role_by_id(live.role));
        let mut can = Vec::new();
        for (given, database) in role.iter().flat_map(|role| &role.rules).flat_map(|given| {
            given
                .databases
                .iter()
                .map(move |(_, database, _)| (given, *database))
        }) {
            let acl = self
                .rules
                .iter()
                .find(|rule| rule.id == given.rule)
                .map_or("", |rule| &rule.acl);
            let name = self
                .database_by_id(database)
                .map_or("", |database| &database.name);
            let allowed: Vec<&str> = [("read", "get"), ("write", "set"), ("administer", "flushall")]
                .into_iter()
                .filter(|(_, command)| acl::allows(acl, command, "stream:key"))
                .map(|(word, _)| word)
                .collect();
            can.push(json!({"database": name, "can": allowed}));
        }
        let mut shown = self.show_user(user);
        shown["access"] = json!(can);
        shown
    }

    fn show_work(&self, task: &Task) -> Value {
        json!({"id": task.id, "command": task.command, "status": self.task_status(task), "error": task.error,
               "change": task.op.masked()})
    }
}

pub fn show_subscription(subscription: &Subscription) -> Value {
    json!({"id": subscription.id, "name": subscription.name, "status": "active",
           "numberOfDatabases": subscription.databases.len(), "links": []})
}

pub fn show_database(plan: Plan, database: &Database) -> Value {
    let security = match plan {
        Plan::Pro => {
            json!({"enableDefaultUser": false, "enableTls": database.tls, "sourceIps": ["0.0.0.0/0"]})
        }
        Plan::Fixed => {
            json!({"defaultUserEnabled": false, "enableTls": database.tls, "sourceIps": ["0.0.0.0/0"]})
        }
    };
    let mut shown = json!({
        "databaseId": database.id,
        "name": database.name,
        "protocol": database.protocol,
        "status": database.status,
        "publicEndpoint": database.endpoint,
        "security": security,
        "links": [],
    });
    if !database.regions.is_empty() {
        let region = |name: &String| json!({"region": name, "publicEndpoint": format!("{name}.{}", database.endpoint)});
        shown["crdbDatabases"] = database.regions.iter().map(region).collect();
    }
    shown
}

pub fn show_tags(database: &Database) -> Vec<Value> {
    let at = "2024-05-21T20:02:21+02:00";
    let tag = |(key, value): &(String, String)| json!({"key": key, "value": value, "createdAt": at, "updatedAt": at});
    database.tags.iter().map(tag).collect()
}

fn show_databases(subscription: &Subscription) -> Vec<Value> {
    let show = |database: &Database| {
        let tags: serde_json::Map<String, Value> = database
            .tags
            .iter()
            .map(|(key, value)| (key.clone(), json!(value)))
            .collect();
        json!({"plan": subscription.plan, "subscription": subscription.id, "subscriptionName": subscription.name,
               "id": database.id, "name": database.name, "status": database.status, "protocol": database.protocol,
               "endpoint": database.endpoint, "tags": tags})
    };
    subscription.databases.iter().map(show).collect()
}
