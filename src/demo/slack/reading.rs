//! What one person sees, and waiting to see it.

use std::time::Duration;

use serde_json::Value;

use super::actor::{ActError, Actor};
use super::fields::{self, Found};
use super::payloads::Surface;
use super::text::Reader;
use super::world::{Message, View, World};

impl Actor {
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

    /// Everything in a channel counts as read.
    pub(super) fn has_read(&self, channel: &str) {
        self.shared.change(|w| {
            let last = w.visible(&self.user, channel).last().map(|m| m.ts.clone());
            if let Some(last) = last {
                w.read.insert((self.user.clone(), channel.to_owned()), last);
            }
        });
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

    pub(super) fn not_there(&self, what: &str) -> ActError {
        ActError::NotThere {
            who: self.user.clone(),
            what: what.into(),
            screen: self.screen(),
        }
    }

    pub(super) fn waited(&self, what: &str) -> ActError {
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

pub(super) fn screen(world: &World, user: &str) -> String {
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

pub(super) fn find_on_screen(world: &World, user: &str, name: &str) -> Option<(Surface, Found)> {
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
