//! All state of the workspace, behind one lock. Methods here never wait.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::faults::Faults;
use super::options::{FakeChannel, FakeGroup, FakePerson, Options, Record};

/// Calls kept for assertions at most.
const KEPT_CALLS: usize = 10_000;

/// A direct message or a channel, as it stands now.
#[derive(Clone, Debug)]
pub struct Channel {
    pub info: FakeChannel,
    /// The other person of a direct message with the app.
    pub im_with: Option<String>,
}

/// One message somebody can see.
#[derive(Clone, Debug)]
pub struct Message {
    pub ts: String,
    pub channel: String,
    /// User id of the author; `USLACKBOT` for Slack's own remarks.
    pub user: String,
    pub from_app: bool,
    pub text: String,
    pub blocks: Vec<Value>,
    pub thread_ts: Option<String>,
    /// When it was last edited.
    pub edited: Option<String>,
    pub metadata: Option<Value>,
    /// Ephemeral: seen by this person alone, and by no API method.
    pub only_for: Option<String>,
}

/// A modal or a home tab, as the app sent it plus what Slack adds.
#[derive(Clone, Debug)]
pub struct View {
    pub id: String,
    pub user: String,
    /// The full view object of the API, `state` included.
    pub body: Value,
    /// What the person typed and chose: block id, action id, value object.
    pub state: Map<String, Value>,
}

/// A right to open one modal, won by a click.
#[derive(Clone, Debug)]
pub(super) struct Trigger {
    pub(super) user: String,
    pub(super) born: DateTime<Utc>,
    pub(super) used: bool,
}

/// A right to answer one command or click without a token.
#[derive(Clone, Debug)]
pub(super) struct ResponseUrl {
    pub(super) user: String,
    pub(super) channel: String,
    /// The message that was clicked on.
    pub(super) message_ts: Option<String>,
    pub(super) born: DateTime<Utc>,
    pub(super) uses: u8,
}

/// What kind of token a call carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    Bot,
    App,
    Unknown,
    Missing,
}

/// One Web API call, as it arrived and was answered.
#[derive(Clone, Debug)]
pub struct ApiCall {
    pub method: String,
    pub token: TokenKind,
    pub body: Value,
    /// `ok`, the error code, or the fault injected.
    pub answered: String,
    pub at: DateTime<Utc>,
}

pub(super) struct World {
    pub(super) options: Arc<Options>,
    pub(super) base_url: String,
    /// Read once for each visit to the world.
    pub(super) now: DateTime<Utc>,
    pub(super) people: BTreeMap<String, FakePerson>,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) groups: Option<Vec<FakeGroup>>,
    pub(super) messages: BTreeMap<String, Vec<Message>>,
    pub(super) views: HashMap<String, View>,
    /// Open modals of each person, the topmost last.
    pub(super) stacks: HashMap<String, Vec<String>>,
    pub(super) homes: HashMap<String, String>,
    pub(super) triggers: HashMap<String, Trigger>,
    pub(super) response_urls: HashMap<String, ResponseUrl>,
    /// Socket Mode tickets not yet used, and when they were given.
    pub(super) tickets: HashMap<String, DateTime<Utc>>,
    /// Input values in messages: (user, ts) to block id, action id, value object.
    pub(super) inputs: HashMap<(String, String), Map<String, Value>>,
    /// Options an app sent last for an external select: (user, action id).
    pub(super) loaded: HashMap<(String, String), Vec<Value>>,
    /// Last message each person has seen in each channel.
    pub(super) read: HashMap<(String, String), String>,
    pub(super) calls: VecDeque<ApiCall>,
    pub(super) calls_in_window: HashMap<String, VecDeque<DateTime<Utc>>>,
    pub(super) faults: Faults,
    pub(super) late_acks: usize,
    pub(super) unwanted_payloads: usize,
    last_ts: i64,
    serial: u64,
}

impl World {
    pub(super) fn new(options: Arc<Options>, base_url: String) -> Self {
        let people = options.people.iter().map(|p| (p.id.clone(), p.clone())).collect();
        let channels = options
            .channels
            .iter()
            .map(|c| {
                (
                    c.id.clone(),
                    Channel {
                        info: c.clone(),
                        im_with: None,
                    },
                )
            })
            .collect();
        let mut world = Self {
            now: (options.time)(),
            groups: options.groups.clone(),
            options,
            base_url,
            people,
            channels,
            messages: BTreeMap::new(),
            views: HashMap::new(),
            stacks: HashMap::new(),
            homes: HashMap::new(),
            triggers: HashMap::new(),
            response_urls: HashMap::new(),
            tickets: HashMap::new(),
            inputs: HashMap::new(),
            loaded: HashMap::new(),
            read: HashMap::new(),
            calls: VecDeque::new(),
            calls_in_window: HashMap::new(),
            faults: Faults::default(),
            late_acks: 0,
            unwanted_payloads: 0,
            last_ts: 0,
            serial: 0,
        };
        // The app stands in everybody's list of messages before it has said a word.
        let ours = |p: &&FakePerson| !p.is_bot && !p.deleted && p.foreign_team.is_none();
        let everybody: Vec<String> = world.people.values().filter(ours).map(|p| p.id.clone()).collect();
        for user in everybody {
            world.open_im(&user);
        }
        world
    }

    /// A number never given before; ids are made of it.
    pub(super) fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A timestamp as Slack names messages by: unique, rising, even if the clock stands or goes back.
    pub(super) fn next_ts(&mut self) -> String {
        self.last_ts = self.now.timestamp_micros().max(self.last_ts + 1);
        format!(
            "{}.{:06}",
            self.last_ts.div_euclid(1_000_000),
            self.last_ts.rem_euclid(1_000_000)
        )
    }

    /// Resolves an id or a handle.
    pub(super) fn person(&self, who: &str) -> Option<&FakePerson> {
        self.people
            .get(who)
            .or_else(|| self.people.values().find(|p| p.name == who))
    }

    /// The direct message between the app and `user`, opened if it was not.
    pub(super) fn open_im(&mut self, user: &str) -> String {
        if let Some((id, _)) = self
            .channels
            .iter()
            .find(|(_, c)| c.im_with.as_deref() == Some(user))
        {
            return id.clone();
        }
        let id = format!("D{:0>8}", user.trim_start_matches(['U', 'W', '0']));
        let info = FakeChannel {
            is_private: true,
            ..FakeChannel::public(&id, "directmessage", &[user])
        };
        self.channels.insert(
            id.clone(),
            Channel {
                info,
                im_with: Some(user.to_owned()),
            },
        );
        id
    }

    /// May `user` read this channel?
    pub(super) fn sees(&self, user: &str, channel: &Channel) -> bool {
        channel.im_with.as_deref() == Some(user) || channel.info.members.iter().any(|m| m == user)
    }

    /// Messages of one channel as `user` sees them, oldest first.
    pub(super) fn visible<'a>(&'a self, user: &'a str, channel: &str) -> impl Iterator<Item = &'a Message> {
        self.messages
            .get(channel)
            .into_iter()
            .flatten()
            .filter(move |m| m.only_for.as_deref().is_none_or(|only| only == user))
    }

    pub(super) fn message_mut(&mut self, channel: &str, ts: &str) -> Option<&mut Message> {
        self.messages.get_mut(channel)?.iter_mut().find(|m| m.ts == ts)
    }

    /// Puts a message into a channel and gives it its timestamp.
    pub(super) fn post(&mut self, mut message: Message) -> Message {
        message.ts = self.next_ts();
        self.name_blocks(&mut message.blocks);
        self.messages
            .entry(message.channel.clone())
            .or_default()
            .push(message.clone());
        message
    }

    /// Slack gives a block without `block_id`, or an element without `action_id`, one of its own.
    pub(super) fn name_blocks(&mut self, blocks: &mut [Value]) {
        for block in blocks {
            let Some(block) = block.as_object_mut() else {
                continue;
            };
            if !block.contains_key("block_id") {
                let id = format!("blk{}", self.serial());
                block.insert("block_id".into(), json!(id));
            }
            for key in ["accessory", "element"] {
                if let Some(element) = block.get_mut(key) {
                    self.name_element(element);
                }
            }
            if let Some(elements) = block.get_mut("elements").and_then(Value::as_array_mut) {
                elements.iter_mut().for_each(|e| self.name_element(e));
            }
        }
    }

    fn name_element(&mut self, element: &mut Value) {
        let named = element.get("action_id").is_some();
        let passive = matches!(
            element["type"].as_str(),
            Some("image" | "mrkdwn" | "plain_text") | None
        ) || element["type"]
            .as_str()
            .is_some_and(|t| t.starts_with("rich_text"));
        if !named && !passive {
            element["action_id"] = json!(format!("act{}", self.serial()));
        }
    }

    /// A fresh trigger for `user`, to be used once within three seconds.
    pub(super) fn trigger(&mut self, user: &str) -> String {
        let id = format!(
            "{}.{}.{:08x}",
            self.serial(),
            self.now.timestamp_millis(),
            rand::random::<u32>()
        );
        let now = self.now;
        // Those long gone only cost memory; they read as invalid instead of expired from then on.
        self.triggers
            .retain(|_, t| now - t.born < chrono::Duration::hours(1));
        self.triggers.insert(
            id.clone(),
            Trigger {
                user: user.into(),
                born: now,
                used: false,
            },
        );
        id
    }

    pub(super) fn response_url(&mut self, user: &str, channel: &str, message_ts: Option<&str>) -> String {
        let id = format!("{}-{:016x}", self.serial(), rand::random::<u64>());
        let url = format!("{}/_response/{id}", self.base_url);
        self.response_urls.insert(
            id,
            ResponseUrl {
                user: user.into(),
                channel: channel.into(),
                message_ts: message_ts.map(Into::into),
                born: self.now,
                uses: 0,
            },
        );
        url
    }

    pub(super) fn record(&mut self, method: &str, token: TokenKind, body: &Value, answered: &str) {
        if self.options.record == Record::Nothing {
            return;
        }
        if self.calls.len() == KEPT_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(ApiCall {
            method: method.into(),
            token,
            body: body.clone(),
            answered: answered.into(),
            at: self.now,
        });
    }

    /// The topmost open modal of `user`.
    pub(super) fn top_modal(&self, user: &str) -> Option<&View> {
        self.views.get(self.stacks.get(user)?.last()?)
    }

    pub(super) fn home(&self, user: &str) -> Option<&View> {
        self.views.get(self.homes.get(user)?)
    }

    /// Forgets the topmost modal and shows the one beneath.
    pub(super) fn pop_modal(&mut self, user: &str) -> Option<View> {
        let id = self.stacks.get_mut(user)?.pop()?;
        self.views.remove(&id)
    }

    pub(super) fn clear_modals(&mut self, user: &str) {
        while self.pop_modal(user).is_some() {}
    }

    /// How many messages in `channel` are new to `user`.
    pub(super) fn unread(&self, user: &str, channel: &str) -> usize {
        let seen = self.read.get(&(user.to_owned(), channel.to_owned()));
        self.visible(user, channel)
            .filter(|m| m.user != user && seen.is_none_or(|s| m.ts > *s))
            .count()
    }
}
