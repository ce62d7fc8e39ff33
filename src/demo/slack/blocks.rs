//! Is this Block Kit? Refuses what Slack refuses: unknown fields, missing fields, texts too long, ids used twice.

use std::collections::HashSet;

use serde_json::Value;

use super::block_parts;

/// Where blocks stand; it decides how many and which are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    Message,
    Modal,
    Home,
}

/// Problems in the words of the API, with a JSON pointer each; empty if Slack would take the blocks.
pub(super) fn check(blocks: &[Value], surface: Surface) -> Vec<String> {
    let mut checker = Checker::new(surface);
    checker.blocks(blocks, "");
    checker.problems
}

/// The same for a whole view of the given type.
pub(super) fn check_view(view: &Value, kind: &str) -> Vec<String> {
    let surface = if kind == "home" {
        Surface::Home
    } else {
        Surface::Modal
    };
    let mut c = Checker::new(surface);
    if view["type"] != kind {
        c.problem("/view/type", &format!("must be `{kind}`"));
    }
    let (needed, optional): (&[&str], &[&str]) = match surface {
        Surface::Home => (
            &["type", "blocks"],
            &["private_metadata", "callback_id", "external_id"],
        ),
        Surface::Modal | Surface::Message => (
            &["type", "blocks", "title"],
            &[
                "private_metadata",
                "callback_id",
                "external_id",
                "close",
                "submit",
                "clear_on_close",
                "notify_on_close",
                "submit_disabled",
            ],
        ),
    };
    c.keys(view, "/view", needed, optional);
    for key in ["title", "submit", "close"] {
        if let Some(text) = view.get(key) {
            c.plain(text, &format!("/view/{key}"), 24);
        }
    }
    c.length(&view["private_metadata"], "/view/private_metadata", 3000);
    c.length(&view["callback_id"], "/view/callback_id", 255);
    c.length(&view["external_id"], "/view/external_id", 255);
    match view["blocks"].as_array() {
        Some(blocks) => {
            c.blocks(blocks, "/view");
            let has_input = blocks.iter().any(|b| b["type"] == "input");
            if surface == Surface::Modal && has_input && view.get("submit").is_none_or(Value::is_null) {
                c.problem(
                    "/view/submit",
                    "missing required field: submit (a view with inputs needs it)",
                );
            }
        }
        None => c.problem("/view/blocks", "must be an array"),
    }
    c.problems
}

/// Characters in all texts of these blocks together.
pub(super) fn characters(blocks: &[Value]) -> usize {
    fn walk(value: &Value) -> usize {
        match value {
            Value::Object(fields) => fields
                .iter()
                .map(|(key, v)| match v {
                    Value::String(s) if key == "text" => s.chars().count(),
                    other => walk(other),
                })
                .sum(),
            Value::Array(items) => items.iter().map(walk).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }
    blocks.iter().map(walk).sum()
}

pub(super) struct Checker {
    pub(super) surface: Surface,
    problems: Vec<String>,
    block_ids: HashSet<String>,
    action_ids: HashSet<String>,
}

impl Checker {
    fn new(surface: Surface) -> Self {
        Self {
            surface,
            problems: Vec::new(),
            block_ids: HashSet::new(),
            action_ids: HashSet::new(),
        }
    }

    pub(super) fn problem(&mut self, at: &str, what: &str) {
        self.problems.push(format!("[ERROR] {what} [json-pointer:{at}]"));
    }

    /// Every needed field is there, no unknown one is.
    pub(super) fn keys(&mut self, value: &Value, at: &str, needed: &[&str], optional: &[&str]) {
        let Some(object) = value.as_object() else {
            self.problem(at, "must be an object");
            return;
        };
        for key in needed
            .iter()
            .filter(|k| object.get(**k).is_none_or(Value::is_null))
        {
            self.problem(at, &format!("missing required field: {key}"));
        }
        for key in object
            .keys()
            .filter(|k| !needed.contains(&k.as_str()) && !optional.contains(&k.as_str()))
        {
            self.problem(at, &format!("invalid additional property: {key}"));
        }
    }

    /// A string, if there, of 1 to `most` characters.
    pub(super) fn length(&mut self, value: &Value, at: &str, most: usize) {
        match value {
            Value::Null => {}
            Value::String(s) if s.chars().count() > most => {
                self.problem(at, &format!("must be less than {} characters", most + 1));
            }
            Value::String(_) => {}
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.problem(at, "must be a string");
            }
        }
    }

    pub(super) fn count(&mut self, items: &[Value], at: &str, least: usize, most: usize) {
        if items.len() < least {
            self.problem(at, &format!("no fewer than {least} items allowed"));
        }
        if items.len() > most {
            self.problem(at, &format!("no more than {most} items allowed"));
        }
    }

    /// A text object that must be `plain_text`.
    pub(super) fn plain(&mut self, value: &Value, at: &str, most: usize) {
        if value["type"] != "plain_text" {
            self.problem(&format!("{at}/type"), "must be `plain_text`");
        }
        self.text(value, at, most);
    }

    /// A text object of either kind, never empty.
    pub(super) fn text(&mut self, value: &Value, at: &str, most: usize) {
        match value["type"].as_str() {
            Some("plain_text") => self.keys(value, at, &["type", "text"], &["emoji"]),
            Some("mrkdwn") => self.keys(value, at, &["type", "text"], &["verbatim"]),
            Some(_) | None => self.problem(&format!("{at}/type"), "must be `plain_text` or `mrkdwn`"),
        }
        if value["text"].as_str().is_some_and(str::is_empty) {
            self.problem(&format!("{at}/text"), "must be more than 0 characters");
        }
        self.length(&value["text"], &format!("{at}/text"), most);
    }

    /// An action id is unique in its message or view.
    pub(super) fn action_id(&mut self, element: &Value, at: &str) {
        self.length(&element["action_id"], &format!("{at}/action_id"), 255);
        if let Some(id) = element["action_id"].as_str()
            && !self.action_ids.insert(id.to_owned())
        {
            self.problem(
                &format!("{at}/action_id"),
                &format!("`action_id` {id} already exists"),
            );
        }
    }

    fn blocks(&mut self, blocks: &[Value], at: &str) {
        let most = match self.surface {
            Surface::Message => 50,
            Surface::Modal | Surface::Home => 100,
        };
        self.count(blocks, &format!("{at}/blocks"), 0, most);
        for (n, block) in blocks.iter().enumerate() {
            self.block(block, &format!("{at}/blocks/{n}"));
        }
    }

    fn block(&mut self, block: &Value, at: &str) {
        self.length(&block["block_id"], &format!("{at}/block_id"), 255);
        if let Some(id) = block["block_id"].as_str()
            && !self.block_ids.insert(id.to_owned())
        {
            self.problem(
                &format!("{at}/block_id"),
                &format!("`block_id` {id} already exists"),
            );
        }
        match block["type"].as_str() {
            Some("header") => {
                self.keys(block, at, &["type", "text"], &["block_id"]);
                self.plain(&block["text"], &format!("{at}/text"), 150);
            }
            Some("divider") => self.keys(block, at, &["type"], &["block_id"]),
            Some("section") => self.section(block, at),
            Some("context") => self.context(block, at),
            Some("actions") => {
                self.keys(block, at, &["type", "elements"], &["block_id"]);
                let elements = block["elements"].as_array().cloned().unwrap_or_default();
                self.count(&elements, &format!("{at}/elements"), 1, 25);
                for (n, element) in elements.iter().enumerate() {
                    block_parts::element(
                        self,
                        element,
                        &format!("{at}/elements/{n}"),
                        block_parts::Home::Actions,
                    );
                }
            }
            Some("input") => self.input(block, at),
            Some("image") => {
                self.keys(
                    block,
                    at,
                    &["type", "alt_text"],
                    &["image_url", "title", "block_id", "slack_file"],
                );
                self.length(&block["alt_text"], &format!("{at}/alt_text"), 2000);
                self.length(&block["image_url"], &format!("{at}/image_url"), 3000);
            }
            Some("rich_text") => {
                self.keys(block, at, &["type", "elements"], &["block_id"]);
                let elements = block["elements"].as_array().cloned().unwrap_or_default();
                for (n, element) in elements.iter().enumerate() {
                    block_parts::rich_text(self, element, &format!("{at}/elements/{n}"));
                }
            }
            Some(other) => self.problem(&format!("{at}/type"), &format!("unsupported type: {other}")),
            None => self.problem(&format!("{at}/type"), "missing required field: type"),
        }
    }

    fn section(&mut self, block: &Value, at: &str) {
        self.keys(
            block,
            at,
            &["type"],
            &["text", "fields", "accessory", "block_id", "expand"],
        );
        let has = |key: &str| block.get(key).is_some_and(|v| !v.is_null());
        if !has("text") && !has("fields") {
            self.problem(at, "missing required field: text or fields");
        }
        if has("text") {
            self.text(&block["text"], &format!("{at}/text"), 3000);
        }
        if let Some(fields) = block["fields"].as_array() {
            self.count(fields, &format!("{at}/fields"), 1, 10);
            for (n, field) in fields.iter().enumerate() {
                self.text(field, &format!("{at}/fields/{n}"), 2000);
            }
        }
        if has("accessory") {
            block_parts::element(
                self,
                &block["accessory"],
                &format!("{at}/accessory"),
                block_parts::Home::Section,
            );
        }
    }

    fn context(&mut self, block: &Value, at: &str) {
        self.keys(block, at, &["type", "elements"], &["block_id"]);
        let elements = block["elements"].as_array().cloned().unwrap_or_default();
        self.count(&elements, &format!("{at}/elements"), 1, 10);
        for (n, element) in elements.iter().enumerate() {
            let at = format!("{at}/elements/{n}");
            match element["type"].as_str() {
                Some("image") => self.keys(element, &at, &["type", "image_url", "alt_text"], &[]),
                Some(_) | None => self.text(element, &at, 3000),
            }
        }
    }

    fn input(&mut self, block: &Value, at: &str) {
        self.keys(
            block,
            at,
            &["type", "label", "element"],
            &["hint", "optional", "dispatch_action", "block_id"],
        );
        self.plain(&block["label"], &format!("{at}/label"), 2000);
        if block.get("hint").is_some_and(|h| !h.is_null()) {
            self.plain(&block["hint"], &format!("{at}/hint"), 2000);
        }
        block_parts::element(
            self,
            &block["element"],
            &format!("{at}/element"),
            block_parts::Home::Input,
        );
    }
}

/// Problems of an answer to an options load.
pub(super) fn check_loaded(answer: &Value) -> Vec<String> {
    let mut c = Checker::new(Surface::Modal);
    block_parts::loaded_options(&mut c, answer);
    c.problems
}
