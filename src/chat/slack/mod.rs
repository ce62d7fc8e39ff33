//! Slack: Web API out, Socket Mode or signed HTTP in, Block Kit in between.
//!
//! Everything that comes in is acknowledged within three seconds, whatever the rest of the program does (`respond`).
//! slack-morphism carries the calls; its listeners are not used: they await each callback in the read loop, and their
//! models refuse payloads that Slack really sends (`team: null`) or lose parts of them.

mod api;
mod blocks;
mod errors;
mod http;
mod inbound;
mod people;
mod queue;
mod respond;
mod seen;
mod socket;
mod text;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

pub use api::OnCall;
pub use http::BODY_LIMIT;
pub use socket::{Socket, SocketSettings};

use self::{api::Api, queue::Queue, seen::Seen};
use crate::{
    chat::{Block, Channel, Chat, ChatError, ChatErrorKind, Message, Modal, ModalRef, Trigger},
    domain::{ChatKind, ChatProfile, MessageRef, Place},
    secrets::Secret,
};

/// Where the time is read.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

pub struct SlackSettings {
    /// The workspace (team id): who is of another one is a stranger.
    pub team: String,
    pub bot_token: Secret,
    /// `https://slack.com/api`; plain http only on this machine.
    pub api_url: String,
    /// With its slash.
    pub command: String,
    pub clock: Clock,
    /// Hears of every call to Slack.
    pub on_call: OnCall,
    /// A call without an answer is given up after this. Default 10 s.
    pub call_limit: Duration,
    /// What is not answered by then is acknowledged empty, and answered later. Under 3 s; default 2 s.
    pub ack_limit: Duration,
    /// Between two posts to one channel. Default 1 s, which is Slack's limit.
    pub pace: Duration,
}

impl SlackSettings {
    /// Defaults for everything but what only the configuration knows.
    pub fn new(team: impl Into<String>, bot_token: Secret, clock: Clock) -> Self {
        Self {
            team: team.into(),
            bot_token,
            api_url: "https://slack.com/api".into(),
            command: "/access".into(),
            clock,
            on_call: Arc::new(|_, _| {}),
            call_limit: Duration::from_secs(10),
            ack_limit: Duration::from_secs(2),
            pace: Duration::from_secs(1),
        }
    }
}

/// A burst of people who are not known yet must not wait for one round trip each; Slack's limits are by the minute.
const READS_AT_ONCE: usize = 8;

/// The bot in one Slack workspace.
pub struct SlackChat {
    settings: SlackSettings,
    api: Api,
    /// Posts, a lane per channel, at `pace`.
    posts: Queue,
    /// Everything else that has no trigger to lose: a lane per channel and method.
    calls: Queue,
    /// What is only looked up: a lane per method, several at once.
    reads: Queue,
    seen: Seen,
    /// Answers under way.
    answers: TaskTracker,
}

impl SlackChat {
    /// Calls nobody yet.
    ///
    /// # Errors
    /// An `api_url` that is no https address (or http on this machine); a machine without certificate authorities.
    pub fn new(settings: SlackSettings) -> Result<Arc<Self>, ChatError> {
        let api = Api::new(&settings.api_url, settings.call_limit, settings.on_call.clone())?;
        Ok(Arc::new(Self {
            posts: Queue::new(settings.pace, 1),
            calls: Queue::new(Duration::ZERO, 1),
            reads: Queue::new(Duration::ZERO, READS_AT_ONCE),
            seen: Seen::default(),
            answers: TaskTracker::new(),
            api,
            settings,
        }))
    }

    /// Waits until every answer under way is given, at most this long. For a graceful end, after listening stopped.
    pub async fn finish(&self, limit: Duration) {
        self.answers.close();
        if tokio::time::timeout(limit, self.answers.wait()).await.is_err() {
            tracing::warn!(
                left = self.answers.len(),
                "some answers to Slack were still under way at the end"
            );
        }
    }

    fn now(&self) -> DateTime<Utc> {
        (self.settings.clock)()
    }

    async fn call(&self, method: &'static str, body: Value) -> Result<Value, ChatError> {
        self.api.post(&self.settings.bot_token, method, &body).await
    }

    async fn read(&self, method: &'static str, arguments: &[(&str, &str)]) -> Result<Value, ChatError> {
        let call = || self.api.read(&self.settings.bot_token, method, arguments);
        self.reads.run(method, call).await
    }

    /// Opens a modal with a trigger; `views` methods answer with the view.
    async fn view(&self, method: &'static str, body: Value) -> Result<ModalRef, ChatError> {
        let answer = self.call(method, body).await?;
        Ok(ModalRef {
            id: said(method, &answer, "/view/id")?,
        })
    }

    /// The channel of that name, page by page.
    async fn channel_named(&self, name: &str) -> Result<Channel, ChatError> {
        const PAGES: u32 = 100;
        let method = "conversations.list";
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let mut arguments = vec![
                ("types", "public_channel,private_channel"),
                ("exclude_archived", "true"),
                ("limit", "1000"),
            ];
            if !cursor.is_empty() {
                arguments.push(("cursor", &cursor));
            }
            let page = self.read(method, &arguments).await?;
            let found = page["channels"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|one| one["name"] == name);
            if let Some(found) = found {
                return Ok(people::channel(found));
            }
            cursor = page["response_metadata"]["next_cursor"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if cursor.is_empty() {
                break;
            }
        }
        Err(ChatError {
            kind: ChatErrorKind::Gone,
            message: format!("slack: no channel #{} that the bot can see", text::cut(name, 80)),
        })
    }
}

/// Ids are capitals and digits, names never have a capital.
fn is_channel_id(text: &str) -> bool {
    text.starts_with(['C', 'G', 'D']) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn said(method: &str, answer: &Value, at: &str) -> Result<String, ChatError> {
    answer
        .pointer(at)
        .and_then(Value::as_str)
        .map(String::from)
        .ok_or_else(|| errors::transient(format!("slack {method}: the answer lacks {at}")))
}

#[async_trait]
impl Chat for SlackChat {
    fn kind(&self) -> ChatKind {
        ChatKind::Slack
    }

    async fn check(&self) -> Result<(String, String), ChatError> {
        let method = "auth.test";
        let answer = self.call(method, json!({})).await?;
        Ok((
            said(method, &answer, "/team_id")?,
            said(method, &answer, "/user_id")?,
        ))
    }

    async fn post(&self, to: &Place, message: &Message) -> Result<MessageRef, ChatError> {
        let method = "chat.postMessage";
        let send = || {
            // Drawn when its turn has come: whether a time needs its date depends on now.
            let mut body = blocks::message(message, self.now());
            body["channel"] = json!(to.channel);
            body["unfurl_links"] = json!(false);
            body["unfurl_media"] = json!(false);
            self.call(method, body)
        };
        let answer = self.posts.run(&to.channel, send).await?;
        Ok(MessageRef {
            // A message to a person lies in their direct conversation: only by its id can it be updated.
            place: Place {
                chat: ChatKind::Slack,
                channel: said(method, &answer, "/channel")?,
            },
            id: said(method, &answer, "/ts")?,
        })
    }

    async fn update(&self, at: &MessageRef, message: &Message) -> Result<(), ChatError> {
        let send = || {
            // Always with blocks: without them Slack keeps the old buttons.
            let mut body = blocks::message(message, self.now());
            body["channel"] = json!(at.place.channel);
            body["ts"] = json!(at.id);
            self.call("chat.update", body)
        };
        self.calls.run(&at.place.channel, send).await.map(drop)
    }

    async fn open_modal(&self, trigger: &Trigger, modal: &Modal) -> Result<ModalRef, ChatError> {
        let view = blocks::modal(modal, self.now());
        let (method, id) = match trigger.0.strip_prefix(inbound::ON_TOP) {
            Some(id) => ("views.push", id),
            None => ("views.open", trigger.0.as_str()),
        };
        self.view(method, json!({"trigger_id": id, "view": view})).await
    }

    async fn update_modal(&self, at: &ModalRef, modal: &Modal) -> Result<(), ChatError> {
        let send = || {
            self.view(
                "views.update",
                json!({"view_id": at.id, "view": blocks::modal(modal, self.now())}),
            )
        };
        self.calls.run(&at.id, send).await.map(drop)
    }

    async fn publish_home(&self, user: &str, blocks: &[Block]) -> Result<(), ChatError> {
        let send = || {
            let view = blocks::home(blocks, self.now());
            self.call("views.publish", json!({"user_id": user, "view": view}))
        };
        self.calls.run(user, send).await.map(drop)
    }

    async fn profile(&self, user: &str) -> Result<ChatProfile, ChatError> {
        let answer = self.read("users.info", &[("user", user)]).await?;
        Ok(people::profile(&answer["user"], &self.settings.team))
    }

    async fn find_person(&self, email: &str) -> Result<Option<ChatProfile>, ChatError> {
        match self.read("users.lookupByEmail", &[("email", email)]).await {
            Ok(answer) => {
                let profile = people::profile(&answer["user"], &self.settings.team);
                let same = profile
                    .email
                    .as_deref()
                    .is_some_and(|theirs| theirs.eq_ignore_ascii_case(email));
                Ok(same.then_some(profile))
            }
            Err(error) if error.kind == ChatErrorKind::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn group(&self, id: &str) -> Result<Vec<String>, ChatError> {
        let method = "usergroups.users.list";
        let answer = self.read(method, &[("usergroup", id)]).await?;
        let users = answer["users"].as_array();
        let users =
            users.ok_or_else(|| errors::transient(format!("slack {method}: the answer lacks /users")))?;
        Ok(users.iter().filter_map(Value::as_str).map(String::from).collect())
    }

    async fn channel(&self, id_or_name: &str) -> Result<Channel, ChatError> {
        if is_channel_id(id_or_name) {
            let answer = self
                .read("conversations.info", &[("channel", id_or_name)])
                .await?;
            return Ok(people::channel(&answer["channel"]));
        }
        self.channel_named(id_or_name.trim_start_matches('#')).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_of_channels() {
        for (text, id) in [
            ("C0ADMIN", true),
            ("G12", true),
            ("D12", true),
            ("dba", false),
            ("#C0X", false),
            ("ops-1", false),
        ] {
            assert_eq!(is_channel_id(text), id, "{text}");
        }
    }
}
