//! Humans, and how they are known.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::PersonId;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatKind {
    Slack,
}

impl ChatKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
        }
    }
}

/// A chat user, as the platform vouches for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChatUser {
    pub chat: ChatKind,
    /// The workspace (Slack: team id) the user acts in; empty where the platform did not say.
    pub workspace: String,
    pub user: String,
}

impl ChatUser {
    /// `slack:T0TEAM/U0ANN`: unique among all chats; the id of its binding.
    pub fn as_key(&self) -> String {
        format!("{}:{}/{}", self.chat.as_str(), self.workspace, self.user)
    }
}

/// Where messages go: a channel, or a person's own conversation with the bot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    pub chat: ChatKind,
    /// Slack: `C…` a channel, `D…` a direct conversation, `U…` the person (opens the direct conversation).
    pub channel: String,
}

/// A message that was posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRef {
    pub place: Place,
    /// Slack: the message's `ts`.
    pub id: String,
}

/// What a chat says of one of its users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatProfile {
    pub user: ChatUser,
    /// As people see it; anything may be in it.
    pub name: String,
    /// Only where the platform says it is confirmed.
    pub email: Option<String>,
    /// IANA name.
    pub time_zone: Option<String>,
    pub standing: ChatStanding,
}

/// Whether a chat user may act at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatStanding {
    Member,
    Guest,
    Bot,
    Deactivated,
    /// Of another workspace.
    Stranger,
}

/// One human, bound at first sight to a chat user and, where they are known, to a name in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub id: PersonId,
    pub chat_user: ChatUser,
    /// The name in `[people]`, or the chat's.
    pub name: String,
    /// The name in `[people]` that this person is.
    pub directory: Option<String>,
    /// The e-mail when the binding was made; if the chat says another one later the binding is suspended.
    pub email_then: Option<String>,
    pub time_zone: Option<String>,
    pub state: PersonState,
    pub since: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonState {
    Active,
    /// Doubt about who this is; an admin has to confirm.
    Suspended {
        why: String,
    },
    /// Deactivated in the chat.
    Gone,
}
