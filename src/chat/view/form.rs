//! Forms, and what their fields are called on the way back.

use minijinja::{Value, context};

use super::{CardFacts, say};
use crate::{
    chat::surface::{Block, Callback, Choice, Field, Input, Lines, Modal, clean},
    domain::{policy::ReasonRule, vote::LONGEST_REASON},
};

/// The longest reason of one who decides: it fits every place where it is shown.
pub const VOTE_REASON: u32 = LONGEST_REASON as u32;
/// The longest reason of one who asks.
pub const REQUEST_REASON: u32 = 2000;
const LENGTH: u32 = 40;

/// The request form as far as it is filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormState {
    /// The resource that is chosen.
    pub what: Option<Choice>,
    /// Permissions of `what`, least first; empty: they are looked up as the person types (`What::Options`).
    pub permissions: Vec<Choice>,
    pub permission: Option<String>,
    /// As typed: `2h`.
    pub length: Option<String>,
    pub reason: Option<String>,
    pub reason_required: bool,
    pub longest_seconds: Option<i64>,
    /// Said on top: what is missing.
    pub note: Option<String>,
}

fn said(block: &str) -> String {
    say("form", block, &context! {})
}

fn field(id: &str, hint: String, required: Required, input: Input) -> Block {
    Block::Input(Field {
        id: id.to_owned(),
        label: said(id),
        hint: Some(hint),
        optional: required == Required::No,
        input,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Required {
    Yes,
    No,
}

impl From<ReasonRule> for Required {
    fn from(rule: ReasonRule) -> Self {
        match rule {
            ReasonRule::Required => Self::Yes,
            ReasonRule::Optional => Self::No,
        }
    }
}

fn text(initial: Option<&str>, longest: u32, lines: Lines) -> Input {
    let initial = initial.map(|text| clean(text, longest as usize));
    Input::Text {
        initial: initial.filter(|text| !text.is_empty()),
        longest,
        lines,
    }
}

fn form(name: &str, values: &Value, callback: &Callback, blocks: Vec<Block>) -> Modal {
    Modal {
        title: say("form", &format!("{name}_title"), values),
        submit: Some(say("form", &format!("{name}_submit"), values)),
        close: said("cancel"),
        callback: callback.as_text(),
        blocks,
    }
}

/// Who asks for what. Comes back with `what` (the choice's value), `permission`, `length` (as typed) and `reason`.
pub fn request_form(state: &FormState) -> Modal {
    let mut blocks = Vec::new();
    blocks.extend(state.note.as_deref().map(|note| Block::Text(clean(note, 600))));
    blocks.push(field(
        "what",
        said("what_hint"),
        Required::Yes,
        Input::Search {
            initial: state.what.clone().map(short),
        },
    ));
    blocks.push(field(
        "permission",
        said("permission_hint"),
        Required::No,
        permission(state),
    ));
    blocks.push(field(
        "length",
        say(
            "form",
            "length_hint",
            &context! { longest => state.longest_seconds },
        ),
        Required::No,
        text(state.length.as_deref(), LENGTH, Lines::One),
    ));
    let required = if state.reason_required {
        Required::Yes
    } else {
        Required::No
    };
    let reason = text(state.reason.as_deref(), REQUEST_REASON, Lines::Many);
    blocks.push(field("reason", said("reason_hint"), required, reason));
    form("request", &context! {}, &Callback::Request, blocks)
}

fn permission(state: &FormState) -> Input {
    let known = |value: &String| state.permissions.iter().any(|choice| choice.value == *value);
    if state.permissions.is_empty() {
        let initial = state.permission.clone().map(|value| {
            short(Choice {
                label: value.clone(),
                value,
            })
        });
        return Input::Search { initial };
    }
    Input::Choice {
        options: state.permissions.iter().cloned().map(short).collect(),
        initial: state.permission.clone().filter(known),
    }
}

/// Labels come from target systems: cleaned, and as short as the chats want them.
fn short(choice: Choice) -> Choice {
    Choice {
        value: choice.value,
        label: clean(&choice.label, 75),
    }
}

fn vote_form(name: &str, facts: &CardFacts<'_>, callback: &Callback, rule: ReasonRule, hint: &str) -> Modal {
    let values = facts.values();
    let blocks = vec![
        Block::Text(say("form", "vote_what", &values)),
        field(
            "reason",
            hint.to_owned(),
            rule.into(),
            text(None, VOTE_REASON, Lines::One),
        ),
    ];
    form(name, &values, callback, blocks)
}

/// The reason of a denial. Comes back with `reason`.
pub fn deny_form(facts: &CardFacts<'_>) -> Modal {
    let callback = Callback::Deny {
        request: facts.request.id.clone(),
        revision: facts.request.revision,
    };
    let hint = say("form", "deny_hint", &facts.values());
    vote_form("deny", facts, &callback, ReasonRule::Required, &hint)
}

/// The reason of an approval, where the flow wants one. Comes back with `reason`.
pub fn approve_form(facts: &CardFacts<'_>, rule: ReasonRule) -> Modal {
    let callback = Callback::Approve {
        request: facts.request.id.clone(),
        revision: facts.request.revision,
    };
    let hint = say("form", "deny_hint", &facts.values());
    vote_form("approve", facts, &callback, rule, &hint)
}

/// A later end, `length` as it stands in its field at first. Comes back with `length` (how much longer, or until when)
/// and `reason`.
pub fn extend_form(facts: &CardFacts<'_>, rule: ReasonRule, length: &str) -> Modal {
    let longest = facts.request.flow.max_seconds;
    let values = context! { longest, ..facts.values() };
    let mut blocks = Vec::new();
    if facts.lease.is_some() {
        blocks.push(Block::Text(say("form", "extend_what", &values)));
    }
    let length = text(Some(length), LENGTH, Lines::One);
    blocks.push(field("length", said("extend_hint"), Required::Yes, length));
    let reason = text(None, REQUEST_REASON, Lines::Many);
    blocks.push(field("reason", said("reason_hint"), rule.into(), reason));
    let callback = Callback::Extend {
        request: facts.request.id.clone(),
    };
    form("extend", &values, &callback, blocks)
}

/// Why somebody else's access is ended now. Comes back with `reason`.
pub fn end_form(facts: &CardFacts<'_>) -> Modal {
    let values = facts.values();
    let hint = say("form", "deny_hint", &values);
    let reason = field("reason", hint, Required::Yes, text(None, VOTE_REASON, Lines::One));
    let blocks = vec![Block::Text(say("form", "end_what", &values)), reason];
    let callback = Callback::End {
        request: facts.request.id.clone(),
    };
    form("end", &values, &callback, blocks)
}
