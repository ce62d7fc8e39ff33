//! The line to the chats: what comes in, what goes out, and the plain values that both are made of.
//!
//! A chat knows wire formats, signatures and limits; nothing about policy. It turns a delivery into an `Inbound`, hands
//! it to the function it was started with, and turns the `Reply` back. Whatever comes in may be a lie or a repetition:
//! `Inbound` says only what the platform vouched for.

pub mod slack;
pub mod surface;
pub mod view;

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;

pub use surface::{Act, Block, Button, Choice, Confirm, Field, Message, Modal, Style};

use crate::domain::{ChatKind, ChatProfile, ChatUser, MessageRef, Place};

/// Opens one modal, once, within about three seconds (Slack: `trigger_id`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger(pub String);

/// A modal that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModalRef {
    pub id: String,
}

/// Something a person did.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// The same for every repetition of one delivery, and for no other.
    pub delivery: String,
    pub from: ChatUser,
    pub place: Option<Place>,
    /// The message whose button was pressed.
    pub message: Option<MessageRef>,
    pub trigger: Option<Trigger>,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    /// `/access …`: the text after the command, as the chat sent it.
    Command { text: String },
    /// A button of ours was pressed.
    Button { act: Act },
    /// A form of ours was sent: its `callback`, and the fields by id (choices by their value). Empty fields are absent.
    Submit {
        modal: ModalRef,
        callback: String,
        fields: BTreeMap<String, String>,
    },
    /// A searching field wants its options: what was typed into it, and the other fields so far.
    Options {
        field: String,
        typed: String,
        fields: BTreeMap<String, String>,
    },
    /// "Request access" from the chat's own menu.
    OpenForm,
    /// The person opened the home tab.
    Home,
}

/// What to answer with. Words that promise are in here only after the commit that keeps them.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Nothing to say: the cards will.
    Done,
    /// To the one who acted, and nobody else.
    Private(Message),
    /// A modal over what they look at; after a `Submit` it takes the form's place.
    Modal(Modal),
    /// The form stays open, with these errors by field.
    Errors(Vec<(String, String)>),
    /// The form closes.
    Close,
    Options(Vec<Choice>),
}

/// What a chat calls with everything that comes in.
pub type Handle = Arc<dyn Fn(Inbound) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync>;

/// What a channel is, where the chat says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub place: Place,
    pub name: String,
    /// Seen by people of another organisation: no card ever goes there.
    pub shared_outside: bool,
    /// The bot can post there.
    pub member: bool,
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ChatError {
    pub kind: ChatErrorKind,
    /// Scrubbed of tokens; says what to do where somebody can do something.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatErrorKind {
    /// Try again, not before this.
    Transient { retry_after: Option<Duration> },
    /// The channel, message, person or modal is not there (any more).
    Gone,
    /// Our token or scopes do not suffice.
    Denied,
    /// The chat refused what we sent: our bug.
    Invalid,
}

#[async_trait]
pub trait Chat: Send + Sync {
    fn kind(&self) -> ChatKind;

    /// Whom the bot is: workspace (team) id and bot user, from a call with the token.
    async fn check(&self) -> Result<(String, String), ChatError>;

    /// Posts in order per place, honouring the platform's limits; returns when the platform has it.
    async fn post(&self, to: &Place, message: &Message) -> Result<MessageRef, ChatError>;
    async fn update(&self, at: &MessageRef, message: &Message) -> Result<(), ChatError>;

    async fn open_modal(&self, trigger: &Trigger, modal: &Modal) -> Result<ModalRef, ChatError>;
    async fn update_modal(&self, at: &ModalRef, modal: &Modal) -> Result<(), ChatError>;

    /// Redraws a person's home tab.
    async fn publish_home(&self, user: &str, blocks: &[Block]) -> Result<(), ChatError>;

    async fn profile(&self, user: &str) -> Result<ChatProfile, ChatError>;
    /// `None`: nobody of that (confirmed) e-mail.
    async fn find_person(&self, email: &str) -> Result<Option<ChatProfile>, ChatError>;
    /// User ids of a user group's members.
    async fn group(&self, id: &str) -> Result<Vec<String>, ChatError>;
    /// By id, or by name where the bot may look it up.
    async fn channel(&self, id_or_name: &str) -> Result<Channel, ChatError>;
}
