//! `views.*`: modals and the home tab.

use serde_json::{Map, Value, json};

use super::api::{Answer, ApiError};
use super::args::Args;
use super::blocks;
use super::world::{View, World};

/// A trigger lives this long; published as "three seconds", enforced as such.
const TRIGGER_SECONDS: i64 = 3;
const DEEPEST_STACK: usize = 3;
const LARGEST_VIEW: usize = 250_000;

pub(super) fn open(world: &mut World, args: &Args) -> Answer {
    let view = read_view(args, "modal")?;
    let user = exchange(world, args)?;
    world.clear_modals(&user);
    let view = world.show_modal(&user, view);
    Ok(json!({"view": view}))
}

pub(super) fn push(world: &mut World, args: &Args) -> Answer {
    let view = read_view(args, "modal")?;
    let user = exchange(world, args)?;
    if world.stacks.get(&user).map_or(0, Vec::len) >= DEEPEST_STACK {
        return Err(ApiError::code("push_limit_reached"));
    }
    let view = world.show_modal(&user, view);
    Ok(json!({"view": view}))
}

pub(super) fn update(world: &mut World, args: &Args) -> Answer {
    let view = read_view(args, "modal")?;
    let id = match (args.text("view_id"), args.text("external_id")) {
        (Some(id), None) => id.to_owned(),
        (None, Some(external)) => {
            let found = world.views.values().find(|v| v.body["external_id"] == external);
            found.ok_or_else(|| ApiError::code("not_found"))?.id.clone()
        }
        (Some(_), Some(_)) | (None, None) => return Err(ApiError::code("invalid_arguments")),
    };
    let view = world.change_view(&id, view, args.text("hash"))?;
    Ok(json!({"view": view}))
}

pub(super) fn publish(world: &mut World, args: &Args) -> Answer {
    let view = read_view(args, "home")?;
    let user = args.needed("user_id")?.to_owned();
    let person = world
        .people
        .get(&user)
        .ok_or_else(|| ApiError::code("user_not_found"))?;
    if person.is_bot || person.deleted {
        return Err(ApiError::code("invalid_arguments"));
    }
    let view = match world.homes.get(&user).cloned() {
        Some(id) => world.change_view(&id, view, args.text("hash"))?,
        None => {
            let body = world.add_view(&user, view, None);
            let id = body["id"].as_str().unwrap_or_default().to_owned();
            world.homes.insert(user, id);
            body
        }
    };
    Ok(json!({"view": view}))
}

fn read_view(args: &Args, kind: &str) -> Result<Value, ApiError> {
    let Some(given) = args.json("view") else {
        return Err(ApiError::with_messages(
            "invalid_arguments",
            vec!["[ERROR] missing required field: view".into()],
        ));
    };
    let Ok(view) = given else {
        return Err(ApiError::code("invalid_arguments"));
    };
    checked_view(view, kind)
}

/// Refuses a view Slack would refuse.
pub(super) fn checked_view(view: Value, kind: &str) -> Result<Value, ApiError> {
    if view.to_string().len() > LARGEST_VIEW {
        return Err(ApiError::code("view_too_large"));
    }
    let problems = blocks::check_view(&view, kind);
    if problems.is_empty() {
        Ok(view)
    } else {
        Err(ApiError::with_messages("invalid_arguments", problems))
    }
}

/// Trades a trigger for the right to show one modal to the person who caused it.
fn exchange(world: &mut World, args: &Args) -> Result<String, ApiError> {
    let now = world.now;
    let id = args
        .text("trigger_id")
        .ok_or_else(|| ApiError::code("invalid_trigger_id"))?;
    let trigger = world
        .triggers
        .get_mut(id)
        .ok_or_else(|| ApiError::code("invalid_trigger_id"))?;
    if trigger.used {
        return Err(ApiError::code("exchanged_trigger_id"));
    }
    if now - trigger.born > chrono::Duration::seconds(TRIGGER_SECONDS) {
        return Err(ApiError::code("expired_trigger_id"));
    }
    trigger.used = true;
    Ok(trigger.user.clone())
}

impl World {
    /// Puts a modal on top of whatever `user` has open.
    pub(super) fn show_modal(&mut self, user: &str, view: Value) -> Value {
        let previous = self.stacks.get(user).and_then(|s| s.last().cloned());
        let body = self.add_view(user, view, previous.as_deref());
        let id = body["id"].as_str().unwrap_or_default().to_owned();
        self.stacks.entry(user.to_owned()).or_default().push(id);
        body
    }

    fn add_view(&mut self, user: &str, view: Value, previous: Option<&str>) -> Value {
        let id = format!("V{:08}", self.serial());
        let root = previous
            .and_then(|p| self.views.get(p))
            .map_or(json!(id), |p| p.body["root_view_id"].clone());
        let body = self.view_object(&id, view, json!(previous), root);
        self.views.insert(
            id.clone(),
            View {
                id,
                user: user.into(),
                body: body.clone(),
                state: Map::new(),
            },
        );
        body
    }

    /// Replaces a view's content. What was typed stays where block and action ids stay the same.
    pub(super) fn change_view(&mut self, id: &str, new: Value, hash: Option<&str>) -> Answer {
        let Some(old) = self.views.get(id) else {
            return Err(ApiError::code("not_found"));
        };
        if hash.is_some_and(|h| old.body["hash"] != h) {
            return Err(ApiError::code("hash_conflict"));
        }
        let (previous, root) = (
            old.body["previous_view_id"].clone(),
            old.body["root_view_id"].clone(),
        );
        let body = self.view_object(id, new, previous, root);
        let Some(view) = self.views.get_mut(id) else {
            return Err(ApiError::code("not_found"));
        };
        let kept: Vec<&Value> = body["blocks"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|b| &b["block_id"])
            .collect();
        view.state.retain(|block, _| kept.iter().any(|k| *k == block));
        view.body = body.clone();
        Ok(body)
    }

    fn view_object(&mut self, id: &str, mut view: Value, previous: Value, root: Value) -> Value {
        if let Some(blocks) = view["blocks"].as_array_mut() {
            let mut named = std::mem::take(blocks);
            self.name_blocks(&mut named);
            view["blocks"] = Value::Array(named);
        }
        let serial = self.serial();
        let app = &self.options.app;
        let field = |key: &str, absent: Value| view.get(key).cloned().unwrap_or(absent);
        json!({
            "id": id,
            "team_id": self.options.team.id,
            "type": view["type"],
            "title": field("title", json!({"type": "plain_text", "text": "View Title", "emoji": true})),
            "submit": field("submit", Value::Null),
            "close": field("close", Value::Null),
            "blocks": view["blocks"],
            "private_metadata": field("private_metadata", json!("")),
            "callback_id": field("callback_id", json!("")),
            "external_id": field("external_id", json!("")),
            "state": {"values": {}},
            "hash": format!("{}.{serial:08x}", self.now.timestamp()),
            "clear_on_close": field("clear_on_close", json!(false)),
            "notify_on_close": field("notify_on_close", json!(false)),
            "previous_view_id": previous,
            "root_view_id": root,
            "app_id": app.app_id,
            "bot_id": app.bot_id,
            "app_installed_team_id": self.options.team.id,
        })
    }
}
