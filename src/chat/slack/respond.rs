//! From a delivery to its acknowledgement, always in time; and to the words that follow when it took longer.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle, time::Instant};

use super::{
    SlackChat, blocks,
    inbound::{Delivery, Origin, Read},
    text,
};
use crate::{
    chat::{Chat, ChatError, Handle, Message, Modal, ModalRef, Reply, Trigger},
    domain::{ChatKind, Place},
};

/// A `response_url` lives for 30 minutes.
const RESPONSE_URL_LIVES: Duration = Duration::from_secs(29 * 60);
const WORKING: &str = "Working on it…";
const DONE: &str = "Done.";
const TOO_SLOW: &str = "That took too long to open. Please press again.";
const FAILED: &str = "Something went wrong on our side. Look at the card before you try again.";

/// What goes back with the acknowledgement; `None` is an empty one.
pub(super) type Ack = Option<Value>;

impl SlackChat {
    /// Begins to deal with what came in. The receiver yields the acknowledgement within `ack_limit` and a little; the
    /// rest goes on by itself, even if nobody waits for it any more.
    pub(super) fn take(self: &Arc<Self>, handle: &Handle, read: Read) -> oneshot::Receiver<Ack> {
        let (tell, acknowledged) = oneshot::channel();
        let delivery = match read {
            Read::Ignored(why) => {
                tracing::debug!(why, "ignored something from Slack");
                return done(tell, acknowledged);
            }
            Read::Delivery(delivery) => *delivery,
        };
        if delivery.origin != Origin::Options && !self.seen.is_new(&delivery.inbound.delivery) {
            tracing::debug!("acknowledged a repeated delivery from Slack");
            return done(tell, acknowledged);
        }
        let (chat, handle) = (self.clone(), handle.clone());
        self.answers.spawn(async move {
            let back = Back::of(&delivery, chat);
            let work = tokio::spawn(handle(delivery.inbound));
            back.answer(work, tell).await;
        });
        acknowledged
    }
}

fn done(tell: oneshot::Sender<Ack>, acknowledged: oneshot::Receiver<Ack>) -> oneshot::Receiver<Ack> {
    // The receiver is right here, so this cannot fail.
    drop(tell.send(None));
    acknowledged
}

/// The ways back to the one who acted.
struct Back {
    chat: Arc<SlackChat>,
    origin: Origin,
    user: String,
    place: Option<Place>,
    trigger: Option<Trigger>,
    response_url: Option<String>,
    since: Instant,
}

impl Back {
    fn of(delivery: &Delivery, chat: Arc<SlackChat>) -> Self {
        Self {
            chat,
            origin: delivery.origin.clone(),
            user: delivery.inbound.from.user.clone(),
            place: delivery.inbound.place.clone(),
            trigger: delivery.inbound.trigger.clone(),
            response_url: delivery.response_url.clone(),
            since: Instant::now(),
        }
    }

    async fn answer(self, mut work: JoinHandle<Reply>, tell: oneshot::Sender<Ack>) {
        match tokio::time::timeout(self.chat.settings.ack_limit, &mut work).await {
            Ok(reply) => self.in_time(reply.unwrap_or_else(failed), tell).await,
            Err(_) => self.late(work, tell).await,
        }
    }

    /// The reply rides in the acknowledgement where Slack takes it there; else it follows at once.
    async fn in_time(self, reply: Reply, tell: oneshot::Sender<Ack>) {
        let ack = self.riding(&reply);
        let lost = tell.send(ack.clone()).is_err();
        let told = match (ack.is_some(), lost, &self.origin) {
            (false, ..) => self.follow(reply).await,
            // Nobody hears the acknowledgement: the words at least can still be said.
            (true, true, Origin::Command) => self.follow(reply).await,
            (true, ..) => Ok(()),
        };
        self.log(told);
    }

    /// An acknowledgement that promises nothing, then the reply when it is there.
    async fn late(self, work: JoinHandle<Reply>, tell: oneshot::Sender<Ack>) {
        let wait = blocks::words_as_modal(&Message::words(WORKING));
        let (ack, view) = match &self.origin {
            Origin::Submit { view, .. } => {
                let shown =
                    json!({"response_action": "update", "view": blocks::modal(&wait, self.chat.now())});
                (Some(shown), Some(ModalRef { id: view.clone() }))
            }
            Origin::Options => (Some(blocks::options(&[])), None),
            Origin::Command
            | Origin::Message { .. }
            | Origin::Modal { .. }
            | Origin::Elsewhere
            | Origin::Event => (None, None),
        };
        // Whoever waited for it may be gone; the reply is told by other ways from here on.
        drop(tell.send(ack));
        let view = match (&self.origin, &self.trigger) {
            // In a second the trigger dies, and with it the only way to answer here.
            (Origin::Elsewhere, Some(trigger)) => self.chat.open_modal(trigger, &wait).await.ok(),
            _ => view,
        };
        let reply = work.await.unwrap_or_else(failed);
        let told = match view {
            Some(view) => self.show_in(&view, reply).await,
            None => self.follow(reply).await,
        };
        self.log(told);
    }

    /// What the acknowledgement itself can carry.
    fn riding(&self, reply: &Reply) -> Ack {
        match &self.origin {
            Origin::Command => self
                .words(reply)
                .map(|message| private(&blocks::message(&message, self.chat.now()))),
            Origin::Submit { inputs, .. } => self.closing(reply, inputs),
            Origin::Options => match reply {
                Reply::Options(choices) => Some(blocks::options(choices)),
                Reply::Done | Reply::Private(_) | Reply::Modal(_) | Reply::Errors(_) | Reply::Close => {
                    Some(blocks::options(&[]))
                }
            },
            Origin::Message { .. } | Origin::Modal { .. } | Origin::Elsewhere | Origin::Event => None,
        }
    }

    /// What becomes of a form that was sent.
    fn closing(&self, reply: &Reply, inputs: &[String]) -> Ack {
        let update = |modal: &Modal| {
            Some(json!({"response_action": "update", "view": blocks::modal(modal, self.chat.now())}))
        };
        match reply {
            Reply::Modal(modal) => update(modal),
            Reply::Private(message) => update(&blocks::words_as_modal(message)),
            Reply::Errors(errors) => match by_field(errors, inputs) {
                Some(errors) => Some(json!({"response_action": "errors", "errors": errors})),
                None => self
                    .words(reply)
                    .and_then(|message| update(&blocks::words_as_modal(&message))),
            },
            Reply::Close => Some(json!({"response_action": "clear"})),
            Reply::Done | Reply::Options(_) => None,
        }
    }

    /// What a reply says in words.
    fn words(&self, reply: &Reply) -> Option<Message> {
        match reply {
            Reply::Private(message) => Some(message.clone()),
            Reply::Errors(errors) => {
                let all: Vec<&str> = errors.iter().map(|(_, words)| words.as_str()).collect();
                Some(Message::words(all.join("\n")))
            }
            Reply::Done | Reply::Modal(_) | Reply::Close | Reply::Options(_) => None,
        }
    }

    /// The reply, after an empty acknowledgement.
    async fn follow(&self, reply: Reply) -> Result<(), ChatError> {
        if let Reply::Modal(modal) = &reply {
            return self.open(modal).await;
        }
        let Some(message) = self.words(&reply) else {
            return Ok(());
        };
        match &self.origin {
            Origin::Modal { view } => self.show_in(&ModalRef { id: view.clone() }, reply).await,
            Origin::Elsewhere => self.open(&blocks::words_as_modal(&message)).await,
            Origin::Command
            | Origin::Message { .. }
            | Origin::Submit { .. }
            | Origin::Options
            | Origin::Event => self.say(&message).await,
        }
    }

    async fn open(&self, modal: &Modal) -> Result<(), ChatError> {
        let opened = match &self.trigger {
            Some(trigger) => self.chat.open_modal(trigger, modal).await.map(drop),
            None => return self.say(&Message::words(TOO_SLOW)).await,
        };
        match opened {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "a modal could not be opened in Slack");
                self.say(&Message::words(TOO_SLOW)).await
            }
        }
    }

    /// Into a modal that is open; where it was closed meanwhile, words are said elsewhere.
    async fn show_in(&self, view: &ModalRef, reply: Reply) -> Result<(), ChatError> {
        let modal = match &reply {
            Reply::Modal(modal) => modal.clone(),
            Reply::Private(_) | Reply::Errors(_) => match self.words(&reply) {
                Some(message) => blocks::words_as_modal(&message),
                None => return Ok(()),
            },
            Reply::Done | Reply::Close | Reply::Options(_) => blocks::words_as_modal(&Message::words(DONE)),
        };
        match (self.chat.update_modal(view, &modal).await, self.words(&reply)) {
            (Err(_), Some(message)) => self.say(&message).await,
            (shown, _) => shown,
        }
    }

    /// Words for this person alone: by the URL that came along, else a private message, else their own conversation.
    async fn say(&self, message: &Message) -> Result<(), ChatError> {
        let drawn = private(&blocks::message(message, self.chat.now()));
        if let Some(url) = self
            .response_url
            .as_ref()
            .filter(|_| self.since.elapsed() < RESPONSE_URL_LIVES)
        {
            let mut body = drawn.clone();
            // A private message with buttons is replaced by what they led to; anything else stays.
            body["replace_original"] = json!(self.origin == Origin::Message { private: true });
            match self.chat.api.respond(url, &body).await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::warn!(%error, "a private answer is sent another way"),
            }
        }
        if let Some(place) = &self.place {
            let mut body = drawn;
            body["channel"] = json!(place.channel);
            body["user"] = json!(self.user);
            if self.chat.call("chat.postEphemeral", body).await.is_ok() {
                return Ok(());
            }
        }
        let own = Place {
            chat: ChatKind::Slack,
            channel: self.user.clone(),
        };
        self.chat.post(&own, message).await.map(drop)
    }

    fn log(&self, told: Result<(), ChatError>) {
        if let Err(error) = told {
            tracing::warn!(%error, user = self.user, "an answer did not reach its person in Slack");
        }
    }
}

fn failed(error: tokio::task::JoinError) -> Reply {
    // A panic's own message may hold anything; the panic hook has logged where it happened.
    tracing::error!(
        panicked = error.is_panic(),
        "dealing with something from Slack failed"
    );
    Reply::Private(Message::words(FAILED))
}

/// Only the one who acted sees it.
fn private(message: &Value) -> Value {
    let mut message = message.clone();
    message["response_type"] = json!("ephemeral");
    message
}

/// Errors beside their fields; those of no field here stand beside the first. `None`: no field could carry them.
fn by_field(errors: &[(String, String)], inputs: &[String]) -> Option<BTreeMap<String, String>> {
    let first = inputs.first()?;
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for (field, words) in errors {
        let field = if inputs.contains(field) { field } else { first };
        let said = shown.entry(field.clone()).or_default();
        if !said.is_empty() {
            said.push_str(" · ");
        }
        said.push_str(&text::cut(&text::literal(words), 150));
    }
    shown.retain(|_, words| !words.is_empty());
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stand_beside_their_fields() {
        let inputs = ["what".to_owned(), "reason".to_owned()];
        let errors = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(field, words)| ((*field).into(), (*words).into()))
                .collect()
        };
        let shown = by_field(
            &errors(&[("reason", "Needed."), ("other", "A"), ("what", "B")]),
            &inputs,
        )
        .expect("some");
        assert_eq!(shown["reason"], "Needed.");
        assert_eq!(shown["what"], "A · B");
        assert_eq!(by_field(&errors(&[("what", "A")]), &[]), None);
        assert_eq!(by_field(&[], &inputs), None);
    }
}
