//! What typing, choosing and submitting do to the world.

use serde_json::{Value, json};

use super::actor::Submitted;
use super::fields::{self, Found};
use super::payloads::Surface;
use super::view_methods;
use super::world::{Message, View, World};

/// Inputs that must be filled in and are not, in words.
pub(super) fn missing_inputs(view: &View) -> Vec<String> {
    let blocks = view.body["blocks"].as_array().cloned().unwrap_or_default();
    let values = fields::state_values(&blocks, &view.state);
    fields::elements(&blocks)
        .iter()
        .filter(|f| f.block["type"] == "input" && f.block["optional"] != true)
        .filter(|f| fields::is_empty(&values["values"][f.block_id()][f.action_id()]))
        .map(|f| {
            format!(
                "{}: this field is required",
                f.block["label"]["text"].as_str().unwrap_or_default()
            )
        })
        .collect()
}

pub(super) fn said_by(user: &str, channel: &str, text: &str) -> Message {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    Message {
        ts: String::new(),
        channel: channel.into(),
        user: user.into(),
        from_app: false,
        text: escaped,
        blocks: Vec::new(),
        thread_ts: None,
        edited: None,
        metadata: None,
        only_for: None,
    }
}

impl World {
    /// A private remark of Slack itself.
    pub(super) fn remark(&mut self, user: &str, channel: &str, text: &str) {
        let mut message = said_by("USLACKBOT", channel, text);
        message.only_for = Some(user.to_owned());
        self.post(message);
    }

    /// What an app with `should_escape` receives: entities escaped, known mentions resolved.
    pub(super) fn escape_typed(&self, text: &str) -> String {
        let escaped = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let words = escaped.split(' ').map(|word| {
            let person = word
                .strip_prefix('@')
                .and_then(|n| self.people.values().find(|p| p.name == n));
            let channel = word
                .strip_prefix('#')
                .and_then(|n| self.channels.values().find(|c| c.info.name == n));
            match (person, channel) {
                (Some(p), _) => format!("<@{}|{}>", p.id, p.name),
                (None, Some(c)) => format!("<#{}|{}>", c.info.id, c.info.name),
                (None, None) => word.to_owned(),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// The same surface as it stands now.
    pub(super) fn afresh(&self, surface: &Surface) -> Surface {
        match surface {
            Surface::View(view) => Surface::View(self.views.get(&view.id).unwrap_or(view).clone()),
            Surface::Message(message) => Surface::Message(message.clone()),
        }
    }

    pub(super) fn keep_input(&mut self, user: &str, surface: &Surface, found: &Found, value: &Value) {
        let state = match surface {
            Surface::View(view) => match self.views.get_mut(&view.id) {
                Some(view) => &mut view.state,
                None => return,
            },
            Surface::Message(m) => self.inputs.entry((user.to_owned(), m.ts.clone())).or_default(),
        };
        let block = state
            .entry(found.block_id().to_owned())
            .or_insert_with(|| json!({}));
        block[found.action_id()] = value.clone();
    }

    pub(super) fn after_submission(&mut self, view: &View, answer: &Value) -> Result<Submitted, String> {
        let new_view =
            || view_methods::checked_view(answer["view"].clone(), "modal").map_err(|e| format!("{e:?}"));
        match answer["response_action"].as_str() {
            None => {
                if let Some(stack) = self.stacks.get_mut(&view.user) {
                    stack.retain(|id| *id != view.id);
                }
                self.views.remove(&view.id);
                Ok(Submitted::Closed)
            }
            Some("clear") => {
                self.clear_modals(&view.user);
                Ok(Submitted::Closed)
            }
            Some("errors") => {
                let errors = answer["errors"].as_object().cloned().unwrap_or_default();
                let blocks = view.body["blocks"].as_array().cloned().unwrap_or_default();
                let known = |id: &String| {
                    blocks
                        .iter()
                        .any(|b| b["type"] == "input" && b["block_id"] == id.as_str())
                };
                match errors.keys().find(|id| !known(id)) {
                    None if errors.is_empty() => Err("errors without any".into()),
                    None => Ok(Submitted::Errors(errors)),
                    Some(stray) => Err(format!("an error for `{stray}`, which is no input of this view")),
                }
            }
            Some("update") => {
                let view_now = new_view()?;
                self.change_view(&view.id, view_now, None).map_err(|e| e.code)?;
                Ok(Submitted::Updated)
            }
            Some("push") => {
                let view_now = new_view()?;
                self.show_modal(&view.user, view_now);
                Ok(Submitted::Pushed)
            }
            Some(other) => Err(format!("unknown response_action `{other}`")),
        }
    }
}
