//! What Slack sends, as `Inbound`. Read leniently: fields that are null, empty or missing are simply not said, since
//! Slack sends all three (`team: null` for an app of a whole organisation, `response_url: ""`).

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    chat::{Act, Inbound, ModalRef, Trigger, What},
    domain::{ChatKind, ChatUser, MessageRef, Place},
};

/// The manifest's global shortcut.
const SHORTCUT: &str = "request_access";
/// In front of a trigger that was won inside a modal: what it opens goes on top of that one.
pub(super) const ON_TOP: &str = "on-top:";

/// Something a person did, and the ways back to them.
pub(super) struct Delivery {
    pub(super) inbound: Inbound,
    pub(super) origin: Origin,
    /// Slack's way to answer privately, five times within half an hour.
    pub(super) response_url: Option<String>,
}

/// Where it was done, which decides what an answer can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Command,
    /// A button of a message; of a private one, which an answer can replace.
    Message {
        private: bool,
    },
    /// A button in a modal.
    Modal {
        view: String,
    },
    /// A button of the home tab, or the shortcut: nothing there can be answered in but a modal.
    Elsewhere,
    /// `inputs`: fields that can carry an error.
    Submit {
        view: String,
        inputs: Vec<String>,
    },
    Options,
    /// Not the doing of anybody who waits for an answer.
    Event,
}

/// What came in.
pub(super) enum Read {
    Delivery(Box<Delivery>),
    /// To be acknowledged and forgotten, and why.
    Ignored(&'static str),
}

impl Read {
    fn of(inbound: Inbound, origin: Origin, response_url: Option<String>) -> Self {
        Self::Delivery(Box::new(Delivery {
            inbound,
            origin,
            response_url,
        }))
    }
}

/// A slash command: its form as an object.
pub(super) fn command(payload: &Value, command: &str) -> Read {
    if text(payload, "/command") != Some(command) {
        return Read::Ignored("another command");
    }
    let Some(from) = user(payload, "/user_id", "/team_id", "/team_id") else {
        return Read::Ignored("nobody gave this command");
    };
    let inbound = Inbound {
        delivery: delivery(payload, "/trigger_id"),
        from,
        place: place(payload, "/channel_id"),
        message: None,
        trigger: text(payload, "/trigger_id").map(|id| Trigger(id.into())),
        what: What::Command {
            text: unescaped(text(payload, "/text").unwrap_or_default()),
        },
    };
    Read::of(
        inbound,
        Origin::Command,
        text(payload, "/response_url").map(Into::into),
    )
}

/// A click, a form, an option load, a shortcut.
pub(super) fn interaction(payload: &Value) -> Read {
    let Some(from) = user(payload, "/user/id", "/user/team_id", "/team/id") else {
        return Read::Ignored("nobody did this");
    };
    let mut inbound = Inbound {
        delivery: delivery(payload, "/trigger_id"),
        from,
        place: place(payload, "/channel/id").or_else(|| place(payload, "/container/channel_id")),
        message: None,
        trigger: text(payload, "/trigger_id").map(|id| Trigger(id.into())),
        what: What::OpenForm,
    };
    match text(payload, "/type") {
        Some("block_actions") => pressed(payload, inbound),
        Some("view_submission") => submitted(payload, inbound),
        Some("block_suggestion") => {
            // Has no trigger and no id; repeating it does no harm, and typing the same twice is no repetition.
            inbound.delivery = digest(payload);
            suggestion(payload, inbound)
        }
        Some("shortcut") if text(payload, "/callback_id") == Some(SHORTCUT) => {
            Read::of(inbound, Origin::Elsewhere, None)
        }
        Some("view_closed") => Read::Ignored("a modal was closed"),
        _ => Read::Ignored("an interaction that is none of ours"),
    }
}

/// An event of the Events API, with what surrounds it.
pub(super) fn event(payload: &Value) -> Read {
    let event = "/event/type";
    if text(payload, event) != Some("app_home_opened") || text(payload, "/event/tab") == Some("messages") {
        return Read::Ignored("an event that is none of ours");
    }
    let Some(from) = user(payload, "/event/user", "/event/view/team_id", "/team_id") else {
        return Read::Ignored("nobody caused this event");
    };
    let inbound = Inbound {
        delivery: delivery(payload, "/event_id"),
        from,
        place: None,
        message: None,
        trigger: None,
        what: What::Home,
    };
    Read::of(inbound, Origin::Event, None)
}

fn pressed(payload: &Value, mut inbound: Inbound) -> Read {
    if text(payload, "/actions/0/type") != Some("button") {
        return Read::Ignored("not a button");
    }
    let act = text(payload, "/actions/0/value").and_then(|value| serde_json::from_str::<Act>(value).ok());
    let Some(act) = act else {
        return Read::Ignored("a button that is none of ours");
    };
    inbound.what = What::Button { act };
    let origin = match text(payload, "/view/type") {
        Some("modal") => {
            inbound.trigger = inbound
                .trigger
                .map(|Trigger(id)| Trigger(format!("{ON_TOP}{id}")));
            Origin::Modal {
                view: text(payload, "/view/id").unwrap_or_default().into(),
            }
        }
        Some(_) => Origin::Elsewhere,
        None => {
            let private = payload
                .pointer("/container/is_ephemeral")
                .and_then(Value::as_bool)
                == Some(true);
            // A private message has no life of its own: nothing can update it later.
            inbound.message = if private {
                None
            } else {
                message(payload, inbound.place.as_ref())
            };
            Origin::Message { private }
        }
    };
    Read::of(inbound, origin, text(payload, "/response_url").map(Into::into))
}

fn submitted(payload: &Value, mut inbound: Inbound) -> Read {
    let Some(view) = text(payload, "/view/id") else {
        return Read::Ignored("a form without an id");
    };
    inbound.what = What::Submit {
        modal: ModalRef { id: view.into() },
        callback: text(payload, "/view/private_metadata").unwrap_or_default().into(),
        fields: fields(payload),
    };
    let inputs = payload
        .pointer("/view/blocks")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|block| block["type"] == "input")
        .filter_map(|block| block["block_id"].as_str().map(Into::into))
        .collect();
    Read::of(
        inbound,
        Origin::Submit {
            view: view.into(),
            inputs,
        },
        None,
    )
}

fn suggestion(payload: &Value, mut inbound: Inbound) -> Read {
    inbound.trigger = None;
    inbound.what = What::Options {
        field: text(payload, "/block_id")
            .or(text(payload, "/action_id"))
            .unwrap_or_default()
            .into(),
        typed: text(payload, "/value").unwrap_or_default().into(),
        fields: fields(payload),
    };
    Read::of(inbound, Origin::Options, None)
}

/// `view.state.values`, where the truth is: `actions[]` leaves some kinds of choices out.
fn fields(payload: &Value) -> BTreeMap<String, String> {
    let blocks = payload.pointer("/view/state/values").and_then(Value::as_object);
    blocks
        .into_iter()
        .flatten()
        .filter_map(|(block, actions)| {
            let value = actions.as_object()?.values().find_map(chosen)?;
            Some((block.clone(), value))
        })
        .collect()
}

fn chosen(element: &Value) -> Option<String> {
    let said = [
        "/value",
        "/selected_option/value",
        "/selected_user",
        "/selected_conversation",
        "/selected_channel",
    ];
    let when = ["/selected_date", "/selected_time"];
    let words = said
        .iter()
        .chain(&when)
        .find_map(|at| text(element, at).map(String::from));
    words
        .or_else(|| {
            element["selected_date_time"]
                .as_i64()
                .map(|seconds| seconds.to_string())
        })
        .filter(|value| !value.trim().is_empty())
}

fn message(payload: &Value, place: Option<&Place>) -> Option<MessageRef> {
    let id = text(payload, "/container/message_ts").or(text(payload, "/message/ts"))?;
    Some(MessageRef {
        place: place?.clone(),
        id: id.into(),
    })
}

fn place(payload: &Value, at: &str) -> Option<Place> {
    Some(Place {
        chat: ChatKind::Slack,
        channel: text(payload, at)?.into(),
    })
}

/// The user's own workspace counts before the one it happened in: in a shared channel they differ, and the stranger's
/// own is what has to be refused.
fn user(payload: &Value, id: &str, own_team: &str, team: &str) -> Option<ChatUser> {
    let workspace = text(payload, own_team)
        .or(text(payload, team))
        .unwrap_or_default();
    Some(ChatUser {
        chat: ChatKind::Slack,
        workspace: workspace.into(),
        user: text(payload, id)?.into(),
    })
}

/// Slack's own id of what happened; it stays the same however often and by whichever way that is delivered.
fn delivery(payload: &Value, id: &str) -> String {
    match text(payload, id) {
        Some(id) => format!("slack:{id}"),
        None => digest(payload),
    }
}

fn digest(payload: &Value) -> String {
    format!(
        "slack:sha256:{}",
        hex::encode(Sha256::digest(payload.to_string().as_bytes()))
    )
}

/// Slack escapes three characters in what people type; mentions keep their brackets either way.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

fn text<'a>(payload: &'a Value, at: &str) -> Option<&'a str> {
    payload.pointer(at)?.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
#[path = "inbound_test.rs"]
mod tests;
