//! What one person has on their screen, as JSON for the page.

use serde_json::{Value, json};

use super::options::Guest;
use super::world::{Channel, Message, View, World};

/// Messages of a channel shown at most.
const SHOWN: usize = 200;

pub(super) fn of(world: &World, user: &str) -> Value {
    let options = &world.options;
    let places: Vec<Value> = world
        .channels
        .iter()
        .filter(|(_, c)| world.sees(user, c))
        .map(|(id, c)| place(world, user, id, c))
        .collect();
    json!({
        "me": user,
        "team": options.team.name,
        "app": {"name": options.app.name, "user": options.app.bot_user_id},
        "people": world.people.values().filter(|p| !p.deleted && !p.is_bot).map(|p| {
            let unread: usize = world.channels.iter()
                .filter(|(_, c)| world.sees(&p.id, c))
                .map(|(id, _)| world.unread(&p.id, id))
                .sum();
            json!({
                "id": p.id, "name": p.name, "real_name": p.real_name, "title": p.title, "tz": p.tz,
                "guest": p.guest != Guest::No, "unread": unread, "modal": world.top_modal(&p.id).is_some(),
            })
        }).collect::<Vec<_>>(),
        "names": world.people.values().map(|p| (p.id.clone(), json!(p.name))).collect::<serde_json::Map<_, _>>(),
        "places": places,
        "modal": world.top_modal(user).map(view),
        "home": world.home(user).map(view),
        "commands": options.commands.iter().map(|c| json!({
            "command": c.command, "description": c.description, "usage_hint": c.usage_hint,
        })).collect::<Vec<_>>(),
        "shortcuts": options.shortcuts.iter().map(|(id, name)| json!({"callback_id": id, "name": name}))
            .collect::<Vec<_>>(),
        "first_line": options.first_lines.get(user),
        "now": world.now.timestamp(),
        "has_panel": !options.panels.is_empty(),
    })
}

fn place(world: &World, user: &str, id: &str, channel: &Channel) -> Value {
    let all: Vec<&Message> = world.visible(user, id).collect();
    let from = all.len().saturating_sub(SHOWN);
    let read = world.read.get(&(user.to_owned(), id.to_owned()));
    json!({
        "id": id,
        "name": channel.info.name,
        "kind": if channel.im_with.is_some() { "im" } else { "channel" },
        "private": channel.info.is_private,
        "unread": world.unread(user, id),
        "read": read,
        "messages": all[from..].iter().map(|m| message(world, user, m)).collect::<Vec<_>>(),
    })
}

fn message(world: &World, user: &str, message: &Message) -> Value {
    let key = (user.to_owned(), message.ts.clone());
    json!({
        "ts": message.ts,
        "user": message.user,
        "app": message.from_app,
        "text": message.text,
        "blocks": message.blocks,
        "edited": message.edited,
        "private": message.only_for.is_some(),
        "state": world.inputs.get(&key),
    })
}

fn view(view: &View) -> Value {
    let mut shown = view.body.clone();
    shown["given"] = json!(view.state);
    shown
}
