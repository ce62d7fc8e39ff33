//! Acting as one person: typing, clicking, filling in, submitting, reading. Only what that person could do.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::args::Args;
use super::deliver::{self, DeliveryError, Kind};
use super::fields::{self, Found};
use super::payloads::Surface;
use super::shared::Shared;
use super::text::Reader;
use super::world::{Message, ResponseUrl, View, World};
use super::{blocks, view_methods};

/// Why a person could not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// It is not on their screen.
    #[error("{who} sees no `{what}`; on the screen:\n{screen}")]
    NotThere {
        who: String,
        what: String,
        screen: String,
    },
    /// Slack's own check of the form: by block id, what is wrong.
    #[error("the form is not complete: {0:?}")]
    Incomplete(Vec<String>),
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// Nothing of the kind within the limit.
    #[error("{who} waited in vain for `{what}`; on the screen:\n{screen}")]
    Waited {
        who: String,
        what: String,
        screen: String,
    },
}

/// What a submitted modal did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It closed (all of the stack, if the app said `clear`).
    Closed,
    /// It stays, with errors under inputs: block id to words.
    Errors(Map<String, Value>),
    /// It shows something else now.
    Updated,
    /// Another modal lies on top.
    Pushed,
}

/// One person in front of Slack.
#[derive(Clone)]
pub struct Actor {
    pub(super) shared: Arc<Shared>,
    user: String,
}

impl Actor {
    pub(super) fn new(shared: Arc<Shared>, user: String) -> Self {
        Self { shared, user }
    }

    pub fn id(&self) -> &str {
        &self.user
    }

    /// Types a line in the direct message with the app. A command answers with the private reply, if one came at once.
    pub async fn types(&self, line: &str) -> Result<Option<Message>, ActError> {
        let channel = self.shared.change(|w| w.open_im(&self.user));
        self.types_in(&channel, line).await
    }

    /// The same in a channel, by id.
    pub async fn types_in(&self, channel: &str, line: &str) -> Result<Option<Message>, ActError> {
        let Some((command, text)) = line
            .starts_with('/')
            .then(|| line.split_once(' ').unwrap_or((line, "")))
        else {
            self.shared.change(|w| w.post(said_by(&self.user, channel, line)));
            return Ok(None);
        };
        let known = self.shared.options.commands.iter().find(|c| c.command == command);
        let Some(known) = known else {
            let regret = format!("{command} is not a valid command.");
            self.shared.change(|w| w.remark(&self.user, channel, &regret));
            return Err(self.not_there(command));
        };
        let payload = self.shared.change(|w| {
            let text = if known.should_escape {
                w.escape_typed(text.trim())
            } else {
                text.trim().to_owned()
            };
            w.command_payload(&self.user, channel, command, &text)
        });
        let answer = deliver::deliver(&self.shared, Kind::Command, payload).await;
        match answer {
            Ok(None) => Ok(None),
            Ok(Some(reply)) => self.show_reply(channel, &reply),
            Err(error) => {
                let code = if error == DeliveryError::NoAnswer {
                    "operation_timeout"
                } else {
                    "dispatch_failed"
                };
                let regret = format!("{command} failed with the error \"{code}\"");
                self.shared.change(|w| w.remark(&self.user, channel, &regret));
                Err(error.into())
            }
        }
    }

    fn show_reply(&self, channel: &str, reply: &Value) -> Result<Option<Message>, ActError> {
        let fields = reply.as_object().cloned().unwrap_or_default();
        let empty = fields.is_empty();
        let to = ResponseUrl {
            user: self.user.clone(),
            channel: channel.into(),
            message_ts: None,
            born: self.shared.look(|w| w.now),
            uses: 0,
        };
        if empty {
            return Ok(None);
        }
        let shown = self.shared.change(|w| w.answer_privately(&to, &Args(fields)));
        shown.map_err(|e| DeliveryError::Malformed(format!("{e:?}")).into())
    }

    /// Starts a global shortcut.
    pub async fn uses_shortcut(&self, callback_id: &str) -> Result<(), ActError> {
        let payload = self
            .shared
            .change(|w| w.shortcut_payload(&self.user, callback_id));
        deliver::deliver(&self.shared, Kind::Action, payload).await?;
        Ok(())
    }

    /// Presses a button by label or action id, and agrees to its confirm dialog if it has one. Looks in the open modal
    /// alone if there is one; else in messages, newest first; then in the home tab.
    pub async fn clicks(&self, what: &str) -> Result<(), ActError> {
        let (surface, found) = self.finds(what).ok_or_else(|| self.not_there(what))?;
        self.acts(&surface, &found, &json!({})).await
    }

    /// Presses a button of this very message.
    pub async fn clicks_on(&self, message: &Message, what: &str) -> Result<(), ActError> {
        let current = self.shared.look(|w| {
            w.visible(&self.user, &message.channel)
                .find(|m| m.ts == message.ts)
                .cloned()
        });
        let surface = Surface::Message(current.ok_or_else(|| self.not_there(what))?);
        let found = fields::find(surface.blocks(), what).ok_or_else(|| self.not_there(what))?;
        self.acts(&surface, &found, &json!({})).await
    }

    /// Presses a button as it was before, e.g. on a phone that has not redrawn the message since.
    pub async fn clicks_stale(&self, message: &Message, what: &str) -> Result<(), ActError> {
        let surface = Surface::Message(message.clone());
        let found = fields::find(surface.blocks(), what).ok_or_else(|| self.not_there(what))?;
        self.acts(&surface, &found, &json!({})).await
    }

    /// Presses a button of the home tab.
    pub async fn clicks_in_home(&self, what: &str) -> Result<(), ActError> {
        let surface = self
            .shared
            .look(|w| w.home(&self.user).cloned())
            .map(Surface::View);
        let surface = surface.ok_or_else(|| self.not_there(what))?;
        let found = fields::find(surface.blocks(), what).ok_or_else(|| self.not_there(what))?;
        self.acts(&surface, &found, &json!({})).await
    }

    async fn acts(&self, surface: &Surface, found: &Found, value: &Value) -> Result<(), ActError> {
        let payload = self
            .shared
            .change(|w| w.action_payload(&self.user, surface, found, value));
        deliver::deliver(&self.shared, Kind::Action, payload).await?;
        Ok(())
    }

    /// The element a person would press or fill in under that name, as the app sent it.
    pub fn element(&self, name: &str) -> Option<Value> {
        self.finds(name).map(|(_, found)| found.element)
    }

    fn finds(&self, name: &str) -> Option<(Surface, Found)> {
        self.shared.look(|w| find_on_screen(w, &self.user, name))
    }

    /// Types into an input or chooses in a select, by label, action id or block id. Options are named by text or value;
    /// an external select is loaded first, with `value` as the query.
    pub async fn fills(&self, name: &str, value: &str) -> Result<(), ActError> {
        let (surface, found) = self.finds(name).ok_or_else(|| self.not_there(name))?;
        if found.kind().ends_with("external_select") {
            self.load(&surface, &found, value).await?;
        }
        let key = (self.user.clone(), found.action_id().to_owned());
        let loaded = self
            .shared
            .look(|w| w.loaded.get(&key).cloned().unwrap_or_default());
        let chosen = fields::value_of(&found, value, &loaded).map_err(|e| ActError::Incomplete(vec![e]))?;
        self.shared
            .change(|w| w.keep_input(&self.user, &surface, &found, &chosen));
        if found.dispatches() {
            let surface = self.finds(name).map_or(surface, |(fresh, _)| fresh);
            self.acts(&surface, &found, &chosen).await?;
        }
        Ok(())
    }

    /// What an external select offers for a query.
    pub async fn options(&self, name: &str, query: &str) -> Result<Vec<Value>, ActError> {
        let (surface, found) = self.finds(name).ok_or_else(|| self.not_there(name))?;
        self.load(&surface, &found, query).await
    }

    async fn load(&self, surface: &Surface, found: &Found, query: &str) -> Result<Vec<Value>, ActError> {
        let payload = self
            .shared
            .change(|w| w.suggestion_payload(&self.user, surface, found, query));
        let answer = deliver::deliver(&self.shared, Kind::Options, payload)
            .await?
            .unwrap_or_default();
        let problems = blocks::check_loaded(&answer);
        if !problems.is_empty() {
            return Err(DeliveryError::Malformed(problems.join("; ")).into());
        }
        let offered = fields::offered(&answer);
        let key = (self.user.clone(), found.action_id().to_owned());
        self.shared.change(|w| w.loaded.insert(key, offered.clone()));
        Ok(offered)
    }

    /// Presses the submit button of the open modal.
    pub async fn submits(&self) -> Result<Submitted, ActError> {
        let view = self.modal().ok_or_else(|| self.not_there("a modal"))?;
        let missing = missing_inputs(&view);
        if !missing.is_empty() {
            return Err(ActError::Incomplete(missing));
        }
        let payload = self.shared.change(|w| w.submission_payload(&self.user, &view));
        let answer = deliver::deliver(&self.shared, Kind::View, payload)
            .await?
            .unwrap_or_default();
        let outcome = self.shared.change(|w| w.after_submission(&view, &answer));
        outcome.map_err(|e| DeliveryError::Malformed(e).into())
    }

    /// Closes the topmost modal by its cross.
    pub async fn closes_modal(&self) -> Result<(), ActError> {
        let told = self.shared.change(|w| {
            let view = w.pop_modal(&self.user)?;
            (view.body["notify_on_close"] == true).then(|| w.closed_payload(&self.user, &view, false))
        });
        if let Some(payload) = told {
            deliver::deliver(&self.shared, Kind::View, payload).await?;
        }
        Ok(())
    }

    /// Opens the app's home tab.
    pub async fn opens_home(&self) -> Result<(), ActError> {
        let payload = self.shared.change(|w| w.home_opened_payload(&self.user));
        Ok(deliver::deliver_event(&self.shared, payload).await?)
    }

    /// The topmost modal.
    pub fn modal(&self) -> Option<View> {
        self.shared.look(|w| w.top_modal(&self.user).cloned())
    }

    pub fn home(&self) -> Option<View> {
        self.shared.look(|w| w.home(&self.user).cloned())
    }

    /// The topmost modal as text.
    pub fn modal_text(&self) -> Option<String> {
        self.shared
            .look(|w| w.top_modal(&self.user).map(|v| Reader::of(w, &self.user).view(v)))
    }

    pub fn home_text(&self) -> Option<String> {
        self.shared
            .look(|w| w.home(&self.user).map(|v| Reader::of(w, &self.user).view(v)))
    }

    /// All messages in sight, ephemeral ones too, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.look(|w| in_sight(w, &self.user))
    }

    /// Messages of one channel, oldest first.
    pub fn messages_in(&self, channel: &str) -> Vec<Message> {
        self.shared
            .look(|w| w.visible(&self.user, channel).cloned().collect())
    }

    /// The direct message with the app, oldest first.
    pub fn dm(&self) -> Vec<Message> {
        let channel = self.shared.change(|w| w.open_im(&self.user));
        self.messages_in(&channel)
    }

    /// The newest message in sight.
    pub fn latest(&self) -> Option<Message> {
        self.messages().pop()
    }

    /// A message as this person reads it.
    pub fn as_text(&self, message: &Message) -> String {
        self.shared.look(|w| Reader::of(w, &self.user).message(message))
    }

    /// Messages since the last call that this person did not write, oldest first; they count as read from now on.
    pub fn reads_new(&self) -> Vec<Message> {
        self.shared.change(|w| {
            let mut new = Vec::new();
            for message in in_sight(w, &self.user) {
                let key = (self.user.clone(), message.channel.clone());
                if message.user != self.user && w.read.get(&key).is_none_or(|seen| message.ts > *seen) {
                    new.push(message);
                }
            }
            for message in &new {
                w.read
                    .insert((self.user.clone(), message.channel.clone()), message.ts.clone());
            }
            new
        })
    }

    /// How many messages are unread.
    pub fn unread(&self) -> usize {
        self.shared
            .look(|w| w.channels.keys().map(|c| w.unread(&self.user, c)).sum())
    }

    /// Everything in sight as text: modal, else messages; then home.
    pub fn screen(&self) -> String {
        self.shared.look(|w| screen(w, &self.user))
    }

    /// Waits until a message, modal or the home tab says `words`; answers with the text of that thing.
    pub async fn sees(&self, words: &str, limit: Duration) -> Result<String, ActError> {
        let found = self
            .shared
            .until(limit, |w| {
                texts(w, &self.user).into_iter().find(|t| t.contains(words))
            })
            .await;
        found.ok_or_else(|| self.waited(words))
    }

    /// Waits for a message saying `words`; the newest such one.
    pub async fn gets_message(&self, words: &str, limit: Duration) -> Result<Message, ActError> {
        let found = self.shared.until(limit, |w| {
            let reader = Reader::of(w, &self.user);
            in_sight(w, &self.user)
                .into_iter()
                .rev()
                .find(|m| reader.message(m).contains(words))
        });
        found.await.ok_or_else(|| self.waited(words))
    }

    /// Waits until something can be pressed or filled in under that name.
    pub async fn gets_element(&self, name: &str, limit: Duration) -> Result<Value, ActError> {
        let found = self
            .shared
            .until(limit, |w| {
                find_on_screen(w, &self.user, name).map(|(_, f)| f.element)
            })
            .await;
        found.ok_or_else(|| self.waited(name))
    }

    fn not_there(&self, what: &str) -> ActError {
        ActError::NotThere {
            who: self.user.clone(),
            what: what.into(),
            screen: self.screen(),
        }
    }

    fn waited(&self, what: &str) -> ActError {
        ActError::Waited {
            who: self.user.clone(),
            what: what.into(),
            screen: self.screen(),
        }
    }
}

pub(super) fn in_sight(world: &World, user: &str) -> Vec<Message> {
    let mut all: Vec<Message> = world
        .channels
        .iter()
        .filter(|(_, c)| world.sees(user, c))
        .flat_map(|(id, _)| world.visible(user, id).cloned())
        .collect();
    all.sort_by(|a, b| a.ts.cmp(&b.ts));
    all
}

fn texts(world: &World, user: &str) -> Vec<String> {
    let reader = Reader::of(world, user);
    let views = [world.top_modal(user), world.home(user)]
        .into_iter()
        .flatten()
        .map(|v| reader.view(v));
    let messages = in_sight(world, user);
    views
        .chain(messages.iter().rev().map(|m| reader.message(m)))
        .collect()
}

fn screen(world: &World, user: &str) -> String {
    let reader = Reader::of(world, user);
    let mut parts: Vec<String> = in_sight(world, user).iter().map(|m| reader.message(m)).collect();
    parts.extend(world.home(user).map(|v| format!("(home)\n{}", reader.view(v))));
    parts.extend(
        world
            .top_modal(user)
            .map(|v| format!("(modal)\n{}", reader.view(v))),
    );
    parts.join("\n\n")
}

fn find_on_screen(world: &World, user: &str, name: &str) -> Option<(Surface, Found)> {
    let with = |surface: Surface| {
        let found = fields::find(surface.blocks(), name)?;
        Some((surface, found))
    };
    if let Some(modal) = world.top_modal(user) {
        return with(Surface::View(modal.clone()));
    }
    let messages = in_sight(world, user).into_iter().rev().map(Surface::Message);
    let home = world.home(user).cloned().map(Surface::View);
    messages.chain(home).find_map(with)
}

fn missing_inputs(view: &View) -> Vec<String> {
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

fn said_by(user: &str, channel: &str, text: &str) -> Message {
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
    fn remark(&mut self, user: &str, channel: &str, text: &str) {
        let mut message = said_by("USLACKBOT", channel, text);
        message.only_for = Some(user.to_owned());
        self.post(message);
    }

    /// What an app with `should_escape` receives: entities escaped, known mentions resolved.
    fn escape_typed(&self, text: &str) -> String {
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

    fn keep_input(&mut self, user: &str, surface: &Surface, found: &Found, value: &Value) {
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

    fn after_submission(&mut self, view: &View, answer: &Value) -> Result<Submitted, String> {
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
