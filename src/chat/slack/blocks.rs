//! `surface` values as Block Kit, within Slack's limits: what is too long is cut visibly, what must be exact and does
//! not fit is left out and logged.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::text::{cut, literal, marked_up, plain, text_object, units};
use crate::chat::surface::{Block, Button, Choice, Confirm, Field, Input, Lines, Message, Modal, Style};

const BLOCKS_IN_MESSAGE: usize = 50;
const BLOCKS_IN_VIEW: usize = 100;
/// Slack answers `msg_blocks_too_long` at about 13 000 characters, which it does not document.
const UNITS_IN_MESSAGE: usize = 12_000;
const TEXT: usize = 3000;
const FIELD: usize = 2000;
const VALUE: usize = 2000;
const OPTION_LABEL: usize = 75;
const OPTION_VALUE: usize = 150;
const OPTIONS: usize = 100;
const METADATA: usize = 3000;
/// Copied values are never shortened below this; nothing we show to copy comes near it.
const COPIED: usize = 10_000;
/// The one `callback_id` of our forms; which form it is stands in `private_metadata`.
pub(super) const CALLBACK_ID: &str = "latchkey";

/// `text` and `blocks` of a message.
pub(super) fn message(message: &Message, now: DateTime<Utc>) -> Value {
    let mut blocks = Vec::new();
    // Shorter and shorter paragraphs until the whole fits.
    for longest in [TEXT, 1500, 700, 300, 150, 75] {
        blocks = Drawing::new(now, longest).draw(&message.blocks, BLOCKS_IN_MESSAGE);
        if blocks.iter().map(weight).sum::<usize>() <= UNITS_IN_MESSAGE {
            break;
        }
    }
    json!({"text": marked_up(&message.text, 4000, now), "blocks": blocks})
}

/// A modal view.
pub(super) fn modal(modal: &Modal, now: DateTime<Utc>) -> Value {
    let mut view = json!({
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "title": plain(&modal.title, 24),
        "close": plain(&modal.close, 24),
        "blocks": Drawing::new(now, TEXT).draw(&modal.blocks, BLOCKS_IN_VIEW),
    });
    if units(&modal.callback) <= METADATA {
        view["private_metadata"] = json!(modal.callback);
    } else {
        tracing::error!(
            units = units(&modal.callback),
            "a form's callback is too long for Slack and was left out"
        );
    }
    let asks = modal.blocks.iter().any(|block| matches!(block, Block::Input(_)));
    if let Some(submit) = modal.submit.as_deref().or(asks.then_some("Send")) {
        view["submit"] = plain(submit, 24);
    }
    view
}

/// A modal that says what a private message says.
pub(super) fn words_as_modal(message: &Message) -> Modal {
    Modal {
        title: "Latchkey".into(),
        submit: None,
        close: "Close".into(),
        callback: crate::chat::surface::Callback::None.as_text(),
        blocks: if message.blocks.is_empty() {
            vec![Block::Text(message.text.clone())]
        } else {
            message.blocks.clone()
        },
    }
}

/// The home tab.
pub(super) fn home(blocks: &[Block], now: DateTime<Utc>) -> Value {
    json!({"type": "home", "blocks": Drawing::new(now, TEXT).draw(blocks, BLOCKS_IN_VIEW)})
}

/// The answer to an option load.
pub(super) fn options(choices: &[Choice]) -> Value {
    json!({"options": drawn_choices(choices)})
}

/// How much of a message's allowance a block takes: every string in it.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => units(text),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => fields.values().map(weight).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

struct Drawing {
    now: DateTime<Utc>,
    /// The most a paragraph may have.
    longest: usize,
    /// Buttons drawn so far: their ids have to differ within a message.
    buttons: usize,
}

impl Drawing {
    fn new(now: DateTime<Utc>, longest: usize) -> Self {
        Self {
            now,
            longest,
            buttons: 0,
        }
    }

    fn draw(&mut self, blocks: &[Block], most: usize) -> Vec<Value> {
        let mut drawn: Vec<Value> = blocks.iter().flat_map(|block| self.block(block)).collect();
        if drawn.len() > most {
            let left_out = drawn.len() - (most - 1);
            drawn.truncate(most - 1);
            drawn.push(context(plain(&format!("… and {left_out} more"), TEXT)));
        }
        drawn
    }

    /// Nothing for an empty text, which Slack would refuse.
    fn block(&mut self, block: &Block) -> Vec<Value> {
        match block {
            Block::Header(text) if text.is_empty() => vec![],
            Block::Header(text) => vec![json!({"type": "header", "text": plain(text, 150)})],
            Block::Text(text) if text.is_empty() => vec![],
            Block::Text(text) => vec![json!({"type": "section", "text": self.text(text, TEXT)})],
            Block::Fields(fields) => self.fields(fields),
            Block::Context(text) if text.is_empty() => vec![],
            Block::Context(text) => vec![context(self.text(text, TEXT))],
            Block::Copy { label, value } => vec![copied(label, value)],
            Block::Buttons(buttons) => self.actions(buttons),
            Block::Divider => vec![json!({"type": "divider"})],
            Block::Input(field) => vec![input(field)],
        }
    }

    fn text(&self, text: &str, longest: usize) -> Value {
        text_object(text, longest.min(self.longest), self.now)
    }

    fn fields(&self, fields: &[String]) -> Vec<Value> {
        let shown: Vec<Value> = fields
            .iter()
            .filter(|text| !text.is_empty())
            .map(|text| self.text(text, FIELD))
            .collect();
        shown
            .chunks(10)
            .map(|ten| json!({"type": "section", "fields": ten}))
            .collect()
    }

    fn actions(&mut self, buttons: &[Button]) -> Vec<Value> {
        let drawn: Vec<Value> = buttons.iter().filter_map(|one| self.button(one)).collect();
        drawn
            .chunks(25)
            .map(|some| json!({"type": "actions", "elements": some}))
            .collect()
    }

    fn button(&mut self, button: &Button) -> Option<Value> {
        let value = serde_json::to_string(&button.act)
            .ok()
            .filter(|value| units(value) <= VALUE);
        let Some(value) = value else {
            // A shortened act would be another act.
            tracing::error!("a button's act is too long for Slack and was left out");
            return None;
        };
        self.buttons += 1;
        let mut drawn = json!({
            "type": "button",
            "action_id": format!("act-{}", self.buttons),
            "text": plain(&button.label, 75),
            "value": value,
        });
        let style = match button.style {
            Style::Plain => None,
            Style::Primary => Some("primary"),
            Style::Danger => Some("danger"),
        };
        if let Some(style) = style {
            drawn["style"] = json!(style);
        }
        if let Some(asked) = &button.confirm {
            drawn["confirm"] = confirm(asked, style);
        }
        Some(drawn)
    }
}

fn context(text: Value) -> Value {
    json!({"type": "context", "elements": [text]})
}

fn confirm(asked: &Confirm, style: Option<&str>) -> Value {
    let mut drawn = json!({
        "title": plain(&asked.title, 100),
        "text": plain(&asked.text, 300),
        "confirm": plain(&asked.yes, 30),
        "deny": plain(&asked.no, 30),
    });
    if let Some(style) = style {
        drawn["style"] = json!(style);
    }
    drawn
}

/// A label, and beneath it the value alone, so that one long press copies exactly it.
fn copied(label: &str, value: &str) -> Value {
    let label = literal(label);
    let mut elements = Vec::new();
    if !label.is_empty() {
        elements.push(json!({
            "type": "rich_text_section",
            "elements": [{"type": "text", "text": cut(&label, TEXT)}],
        }));
    }
    let value = if value.is_empty() { " " } else { value };
    elements.push(json!({
        "type": "rich_text_preformatted",
        "elements": [{"type": "text", "text": cut(value, COPIED)}],
    }));
    json!({"type": "rich_text", "elements": elements})
}

fn input(field: &Field) -> Value {
    let element = match &field.input {
        Input::Text {
            initial,
            longest,
            lines,
        } => text_input(&field.id, initial.as_deref(), *longest, *lines),
        Input::Choice { options, initial } => match select(&field.id, options, initial.as_deref()) {
            Some(select) => select,
            // Slack refuses a select without options.
            None => {
                let said = format!("{}: nothing to choose from", field.label);
                return json!({"type": "section", "text": plain(&said, TEXT)});
            }
        },
        Input::Search { initial } => search(&field.id, initial.as_ref()),
    };
    let mut drawn = json!({
        "type": "input",
        "block_id": field.id,
        "label": plain(&field.label, 2000),
        "optional": field.optional,
        "element": element,
    });
    if let Some(hint) = field.hint.as_deref().filter(|hint| !hint.is_empty()) {
        drawn["hint"] = plain(hint, 2000);
    }
    drawn
}

fn text_input(id: &str, initial: Option<&str>, longest: u32, lines: Lines) -> Value {
    let longest = longest.clamp(1, 3000);
    let mut drawn = json!({
        "type": "plain_text_input",
        "action_id": id,
        "multiline": lines == Lines::Many,
        "max_length": longest,
    });
    if let Some(initial) = initial.filter(|text| !text.is_empty()) {
        drawn["initial_value"] = json!(cut(initial, longest as usize));
    }
    drawn
}

fn select(id: &str, choices: &[Choice], initial: Option<&str>) -> Option<Value> {
    let options = drawn_choices(choices);
    if options.is_empty() {
        return None;
    }
    let chosen = options
        .iter()
        .find(|option| option["value"].as_str() == initial && initial.is_some())
        .cloned();
    let mut drawn = json!({"type": "static_select", "action_id": id, "options": options});
    if let Some(chosen) = chosen {
        drawn["initial_option"] = chosen;
    }
    Some(drawn)
}

fn search(id: &str, initial: Option<&Choice>) -> Value {
    let mut drawn = json!({"type": "external_select", "action_id": id, "min_query_length": 0});
    if let Some(chosen) = initial.and_then(choice) {
        drawn["initial_option"] = chosen;
    }
    drawn
}

/// The first hundred that can be sent; no value twice.
fn drawn_choices(choices: &[Choice]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    choices
        .iter()
        .filter(|one| seen.insert(one.value.as_str()))
        .filter_map(choice)
        .take(OPTIONS)
        .collect()
}

fn choice(choice: &Choice) -> Option<Value> {
    if choice.value.is_empty() || units(&choice.value) > OPTION_VALUE {
        // A shortened value would choose something else.
        tracing::error!(
            units = units(&choice.value),
            "a choice's value does not fit Slack and was left out"
        );
        return None;
    }
    let label = if choice.label.is_empty() {
        &choice.value
    } else {
        &choice.label
    };
    Some(json!({"text": plain(label, OPTION_LABEL), "value": choice.value}))
}

#[cfg(test)]
#[path = "blocks_test.rs"]
mod tests;
