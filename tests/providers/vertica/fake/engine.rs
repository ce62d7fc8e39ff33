//! Runs one statement for one session.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};

use super::{
    Shared, acts, catalog,
    lexer::{Result, fault},
    model::{Model, key, same},
    objects,
    parse::{Path, Roles, Statement},
    rights::{Actor, denied},
    select::{self, Expr, Select, Value},
};

/// What a statement answers: rows, or nothing but that it is done.
pub struct Outcome {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
    pub tag: &'static str,
    /// A setting that the client is told of.
    pub told: Option<(&'static str, String)>,
}

fn done(tag: &'static str) -> Outcome {
    Outcome {
        columns: Vec::new(),
        rows: Vec::new(),
        tag,
        told: None,
    }
}

pub fn run(
    shared: &Arc<Shared>,
    actor: &mut Actor,
    statement: &Statement,
    now: DateTime<Utc>,
) -> Result<Outcome> {
    let mut model = shared.lock();
    let model = &mut *model;
    match statement {
        Statement::Select(query) => return answer(shared, model, actor, query),
        Statement::Set(name, value) => return set(name, value),
        Statement::SetRole(roles) => {
            actor.enable(model, roles)?;
            return Ok(done("SET"));
        }
        Statement::Transaction => return Ok(done("COMMIT")),
        _ => {}
    }
    on_people(model, actor, statement)?;
    on_objects(model, actor, statement, now)?;
    Ok(done("OK"))
}

fn set(name: &str, value: &str) -> Result<Outcome> {
    let told = match (name, value.to_uppercase().as_str()) {
        ("STANDARD_CONFORMING_STRINGS", "ON") => Some(("standard_conforming_strings", "on".to_owned())),
        ("SESSION AUTOCOMMIT", "ON" | "OFF") => Some(("auto_commit", value.to_lowercase())),
        ("TIME ZONE", "UTC") | ("SESSION RUNTIMECAP" | "SESSION IDLESESSIONTIMEOUT", _) => None,
        _ => {
            return Err(fault(
                "22023",
                format!("this server cannot set {name} to {value}"),
            ));
        }
    };
    Ok(Outcome { told, ..done("SET") })
}

/// Users, roles, profiles: nobody but a superuser, save for one's own password.
fn on_people(model: &mut Model, actor: &Actor, statement: &Statement) -> Result<()> {
    if let Statement::AlterUser(name, settings) = statement {
        return acts::alter_user(model, actor, name, settings);
    }
    let is_here = matches!(
        statement,
        Statement::CreateUser(..)
            | Statement::DefaultRole(..)
            | Statement::DropUser { .. }
            | Statement::CreateRole(_)
            | Statement::DropRole { .. }
            | Statement::CreateProfile(..)
            | Statement::DropProfile(_)
            | Statement::GiveRole { .. }
            | Statement::TakeRole { .. }
            | Statement::GiveAuthentication { .. }
            | Statement::CreateAuthentication(_)
            | Statement::DropAuthentication(_)
    );
    if !is_here {
        return Ok(());
    }
    actor.must_be_super(model, "administration of users and roles")?;
    match statement {
        Statement::CreateUser(name, settings) => acts::create_user(model, name, settings),
        Statement::DefaultRole(name, roles) => acts::default_role(model, name, roles),
        Statement::DropUser { name, if_exists, .. } if *if_exists && model.user(name).is_none() => Ok(()),
        Statement::DropUser { name, cascade, .. } => acts::drop_user(model, name, *cascade),
        Statement::CreateRole(name) => acts::create_role(model, name),
        Statement::DropRole { name, if_exists, .. } if *if_exists && model.role(name).is_none() => Ok(()),
        Statement::DropRole { name, cascade, .. } => acts::drop_role(model, name, *cascade),
        Statement::CreateProfile(name, limits) => acts::create_profile(model, name, limits),
        Statement::DropProfile(name) => acts::drop_profile(model, name),
        Statement::GiveRole { roles, to, admin } => acts::give_role(model, actor, roles, to, *admin),
        Statement::TakeRole { roles, from } => acts::take_role(model, roles, from),
        Statement::CreateAuthentication(name) => {
            model.authentications.entry(key(name)).or_default();
            Ok(())
        }
        Statement::DropAuthentication(name) => {
            model.authentications.remove(&key(name));
            Ok(())
        }
        Statement::GiveAuthentication { name, to } => {
            let to = model.grantee(to)?;
            let holders = model
                .authentications
                .get_mut(&key(name))
                .ok_or_else(|| fault("42704", format!("Authentication \"{name}\" does not exist")))?;
            holders.insert(to);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn on_objects(model: &mut Model, actor: &Actor, statement: &Statement, now: DateTime<Utc>) -> Result<()> {
    match statement {
        Statement::Grant { privileges, on, to } => objects::grant(model, actor, privileges, on, to),
        Statement::Revoke { privileges, on, from } => objects::revoke(model, actor, privileges, on, from),
        Statement::Create {
            kind,
            path,
            owner,
            columns,
        } => objects::create(model, actor, *kind, path, owner.as_deref(), columns, now),
        Statement::Drop { kind, path, cascade } => objects::drop(model, actor, *kind, path, *cascade),
        Statement::Own { kind, path, owner } => objects::own(model, actor, *kind, path, owner),
        Statement::Comment { kind, path, text } => objects::comment(model, actor, *kind, path, text),
        Statement::Insert { path, values } => objects::insert(model, actor, path, values.clone()),
        Statement::Delete(path) => objects::empty(model, actor, path, "DELETE"),
        Statement::Truncate(path) => objects::empty(model, actor, path, "TRUNCATE"),
        _ => Ok(()),
    }
}

fn answer(shared: &Arc<Shared>, model: &mut Model, actor: &Actor, query: &Select) -> Result<Outcome> {
    let (columns, rows) = source(model, actor, query)?;
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut call = |path: &Path, values: Vec<Value>| function(shared, model, actor, path, &values);
    let mut kept = Vec::new();
    for row in rows {
        let wanted = match &query.filter {
            Some(filter) => select::truth(&select::value(filter, &columns, &row, &mut call)?)?,
            None => true,
        };
        if wanted && query.limit.is_none_or(|limit| kept.len() < limit) {
            kept.push(row);
        }
    }
    let is_count =
        |item: &Expr| matches!(item, Expr::Call(path, _) if path.len() == 1 && same(&path[0], "COUNT"));
    if query.items.len() == 1 && is_count(&query.items[0]) {
        return Ok(Outcome {
            columns: vec!["COUNT".to_owned()],
            rows: vec![vec![Some(kept.len().to_string())]],
            ..done("SELECT")
        });
    }
    let mut answers = Vec::new();
    for row in &kept {
        let mut values = Vec::new();
        if query.items.is_empty() {
            values.extend(row.iter().map(Value::shown));
        }
        for item in &query.items {
            values.push(select::value(item, &columns, row, &mut call)?.shown());
        }
        answers.push(values);
    }
    let title = |item: &Expr| match item {
        Expr::Column(name) => name.clone(),
        Expr::Call(path, _) => path.join("."),
        _ => "?column?".to_owned(),
    };
    let names = if query.items.is_empty() {
        columns.iter().map(|name| (*name).to_owned()).collect()
    } else {
        query.items.iter().map(title).collect()
    };
    Ok(Outcome {
        columns: names,
        rows: answers,
        ..done("SELECT")
    })
}

type Source = (Vec<String>, Vec<Vec<Value>>);

fn source(model: &Model, actor: &Actor, query: &Select) -> Result<Source> {
    let Some(path) = &query.from else {
        return Ok((Vec::new(), vec![Vec::new()]));
    };
    if let Some(system) = catalog::table(model, actor, path) {
        let (columns, rows) = system?;
        return Ok((columns.into_iter().map(str::to_owned).collect(), rows));
    }
    actor.may(model, path, "SELECT")?;
    let object = model.object(path)?;
    let value = |value: &Option<String>| value.clone().map_or(Value::Null, Value::Text);
    let rows = object.rows.iter().map(|row| row.iter().map(value).collect());
    Ok((object.columns.clone(), rows.collect()))
}

fn function(
    shared: &Arc<Shared>,
    model: &mut Model,
    actor: &Actor,
    path: &Path,
    values: &[Value],
) -> Result<Value> {
    let text = |text: &str| Ok(Value::Text(text.to_owned()));
    if let [schema, name] = path.as_slice() {
        actor.may_call(model, schema, name)?;
        return Ok(Value::Int(4));
    }
    match (path[0].to_uppercase().as_str(), values) {
        ("VERSION", []) => text("Vertica Analytic Database v24.1.0-0 (simulated)"),
        ("CURRENT_USER", []) => text(&actor.user),
        ("NEXTVAL", [Value::Text(sequence)]) => {
            let path: Path = sequence.split('.').map(str::to_owned).collect();
            actor.may(model, &path, "SELECT")?;
            Ok(Value::Int(1))
        }
        ("CLOSE_USER_SESSIONS", [Value::Text(user)]) => {
            must_be_allowed_to_close(model, actor)?;
            let name = model
                .user(user)
                .ok_or_else(|| fault("42704", format!("User \"{user}\" does not exist")))?
                .name
                .clone();
            close(shared, model, |session| same(&session.user, &name));
            text("Close all sessions for this user sent. Check v_monitor.sessions for progress.")
        }
        ("CLOSE_SESSION", [Value::Text(id)]) => {
            if *id != actor.session {
                must_be_allowed_to_close(model, actor)?;
            }
            if !model.sessions.iter().any(|session| session.id == *id) {
                return Err(fault("42704", format!("Session \"{id}\" does not exist")));
            }
            close(shared, model, |session| session.id == *id);
            text("Session close command sent. Check v_monitor.sessions for progress.")
        }
        (name, _) => Err(fault(
            "42883",
            format!("Function {name} does not exist, or not with these arguments"),
        )),
    }
}

fn must_be_allowed_to_close(model: &Model, actor: &Actor) -> Result<()> {
    let allowed = if model.options.close_is_for_admins {
        actor.is_admin(model)
    } else {
        actor.is_super(model)
    };
    if allowed {
        Ok(())
    } else {
        Err(denied("to close sessions of others"))
    }
}

/// Answers at once; the sessions end a little later.
fn close(shared: &Arc<Shared>, model: &Model, which: impl Fn(&super::model::Session) -> bool) {
    let after = Duration::from_millis(model.options.close_takes);
    for session in model.sessions.iter().filter(|session| which(session)) {
        let (shared, id, end) = (Arc::clone(shared), session.id.clone(), Arc::clone(&session.end));
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            shared.lock().sessions.retain(|session| session.id != id);
            end.notify_one();
        });
    }
}

/// Roles that a session begins with.
pub fn begin(model: &Model, actor: &mut Actor) -> Result<()> {
    let defaults = model
        .user(&actor.user)
        .map(|user| user.defaults.clone())
        .unwrap_or_default();
    // A listed role that is gone or taken counts for nothing.
    let held: Vec<String> = defaults
        .into_iter()
        .filter(|role| {
            model
                .user(&actor.user)
                .is_some_and(|user| user.held.iter().any(|held| same(&held.role, role)))
        })
        .collect();
    actor.enable(model, &Roles::These(held))
}
