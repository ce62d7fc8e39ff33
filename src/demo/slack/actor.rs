//! Acting as one person: typing, clicking, filling in, submitting, reading. Only what that person could do.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::args::Args;
use super::blocks;
use super::control::Place;
use super::deliver::{self, DeliveryError, Kind};
use super::fields::{self, Found};
use super::forms::{missing_inputs, said_by};
use super::payloads::Surface;
use super::reading::find_on_screen;
use super::shared::Shared;
use super::world::{Message, ResponseUrl};

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
    pub(super) user: String,
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

    /// Presses something exactly there.
    pub(super) async fn clicks_at(&self, place: &Place, what: &str) -> Result<(), ActError> {
        let (surface, found) = self.finds_at(place, what)?;
        self.acts(&surface, &found, &json!({})).await
    }

    pub(super) async fn fills_at(&self, place: &Place, what: &str, value: &str) -> Result<(), ActError> {
        let (surface, found) = self.finds_at(place, what)?;
        self.gives(surface, found, value).await
    }

    pub(super) async fn options_at(
        &self,
        place: &Place,
        what: &str,
        query: &str,
    ) -> Result<Vec<Value>, ActError> {
        let (surface, found) = self.finds_at(place, what)?;
        self.load(&surface, &found, query).await
    }

    fn finds_at(&self, place: &Place, what: &str) -> Result<(Surface, Found), ActError> {
        let surface = self.shared.look(|w| match place {
            Place::Message { channel, ts } => {
                let seen = w.channels.get(channel).is_some_and(|c| w.sees(&self.user, c));
                let mut messages = w.visible(&self.user, channel);
                messages
                    .find(|m| seen && m.ts == *ts)
                    .cloned()
                    .map(Surface::Message)
            }
            Place::Modal => w.top_modal(&self.user).cloned().map(Surface::View),
            Place::Home => w.home(&self.user).cloned().map(Surface::View),
        });
        let surface = surface.ok_or_else(|| self.not_there(what))?;
        let found = fields::find(surface.blocks(), what).ok_or_else(|| self.not_there(what))?;
        Ok((surface, found))
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
        self.gives(surface, found, value).await
    }

    async fn gives(&self, surface: Surface, found: Found, value: &str) -> Result<(), ActError> {
        let chosen = self.keeps(&surface, &found, value)?;
        if found.dispatches() {
            let surface = self.shared.look(|w| w.afresh(&surface));
            self.acts(&surface, &found, &chosen).await?;
        }
        Ok(())
    }

    /// Puts a value into the open modal without telling the app. For selects fed by the app, one it has offered.
    pub(super) fn puts(&self, name: &str, value: &str) -> Result<(), ActError> {
        let (surface, found) = self.finds_at(&Place::Modal, name)?;
        self.keeps(&surface, &found, value).map(drop)
    }

    fn keeps(&self, surface: &Surface, found: &Found, value: &str) -> Result<Value, ActError> {
        let key = (self.user.clone(), found.action_id().to_owned());
        let mut known = self
            .shared
            .look(|w| w.loaded.get(&key).cloned().unwrap_or_default());
        // What is preset may be chosen again, even if no load has offered it since.
        known.extend(found.element.get("initial_option").cloned());
        let chosen = fields::value_of(found, value, &known).map_err(|e| ActError::Incomplete(vec![e]))?;
        self.shared
            .change(|w| w.keep_input(&self.user, surface, found, &chosen));
        Ok(chosen)
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
}
