//! `chat.*`: messages posted, edited and deleted by the app.

use serde_json::{Value, json};

use super::api::{Answer, ApiError};
use super::args::Args;
use super::blocks::{self, Surface};
use super::world::{Message, World};

/// Slack cuts or refuses longer texts.
const LONGEST_TEXT: usize = 40_000;
/// All blocks of a message together, in characters of their texts (observed, undocumented).
const LONGEST_BLOCKS: usize = 13_000;

/// What a message says.
pub(super) struct Content {
    pub(super) text: Option<String>,
    pub(super) blocks: Option<Vec<Value>>,
    pub(super) metadata: Option<Value>,
}

impl Content {
    pub(super) fn read(args: &Args) -> Result<Self, ApiError> {
        let text = args.text("text").map(str::to_owned);
        if text.as_ref().is_some_and(|t| t.chars().count() > LONGEST_TEXT) {
            return Err(ApiError::code("msg_too_long"));
        }
        Ok(Self {
            text,
            blocks: read_blocks(args)?,
            metadata: read_metadata(args)?,
        })
    }

    fn is_empty(&self) -> bool {
        self.text.is_none() && self.blocks.as_ref().is_none_or(Vec::is_empty)
    }
}

fn read_blocks(args: &Args) -> Result<Option<Vec<Value>>, ApiError> {
    let Some(given) = args.json("blocks") else {
        return Ok(None);
    };
    let Ok(Value::Array(list)) = given else {
        return Err(ApiError::code("invalid_blocks_format"));
    };
    let problems = blocks::check(&list, Surface::Message);
    if !problems.is_empty() {
        return Err(ApiError::with_messages("invalid_blocks", problems));
    }
    if blocks::characters(&list) > LONGEST_BLOCKS {
        return Err(ApiError::code("msg_blocks_too_long"));
    }
    Ok(Some(list))
}

fn read_metadata(args: &Args) -> Result<Option<Value>, ApiError> {
    let Some(given) = args.json("metadata") else {
        return Ok(None);
    };
    let Ok(metadata) = given else {
        return Err(ApiError::code("invalid_metadata_format"));
    };
    let shaped = metadata["event_type"].is_string() && metadata["event_payload"].is_object();
    if shaped {
        Ok(Some(metadata))
    } else {
        Err(ApiError::code("invalid_metadata_schema"))
    }
}

/// Finds where a post goes. A person's id opens the direct message with them.
fn destination(world: &mut World, args: &Args) -> Result<String, ApiError> {
    let Some(wanted) = args.text("channel") else {
        return Err(ApiError::code("channel_not_found"));
    };
    let not_found = || ApiError::code("channel_not_found");
    if let Some(person) = world.people.get(wanted) {
        if person.is_bot {
            return Err(ApiError::code("cannot_dm_bot"));
        }
        if person.deleted || person.foreign_team.is_some() {
            return Err(not_found());
        }
        return Ok(world.open_im(wanted));
    }
    let by_name = wanted.strip_prefix('#');
    let (id, channel) = world
        .channels
        .iter()
        .find(|(id, c)| *id == wanted || by_name.is_some_and(|n| c.info.name == n && c.im_with.is_none()))
        .ok_or_else(not_found)?;
    if let Some(user) = &channel.im_with {
        let gone = world.people.get(user).is_none_or(|p| p.deleted);
        return if gone { Err(not_found()) } else { Ok(id.clone()) };
    }
    if channel.info.is_archived {
        return Err(ApiError::code("is_archived"));
    }
    if !channel.info.has_app {
        let may_anyway = world.options.scopes.iter().any(|s| s == "chat:write.public");
        match (channel.info.is_private, may_anyway) {
            (true, _) => return Err(not_found()),
            (false, false) => return Err(ApiError::code("not_in_channel")),
            (false, true) => {}
        }
    }
    Ok(id.clone())
}

pub(super) fn app_message(world: &World, channel: &str, content: &Content) -> Message {
    Message {
        ts: String::new(),
        channel: channel.into(),
        user: world.options.app.bot_user_id.clone(),
        from_app: true,
        text: content.text.clone().unwrap_or_default(),
        blocks: content.blocks.clone().unwrap_or_default(),
        thread_ts: None,
        edited: None,
        metadata: content.metadata.clone(),
        only_for: None,
    }
}

pub(super) fn post_message(world: &mut World, args: &Args) -> Answer {
    let channel = destination(world, args)?;
    let content = Content::read(args)?;
    if content.is_empty() {
        return Err(ApiError::code("no_text"));
    }
    let mut message = app_message(world, &channel, &content);
    if let Some(thread) = args.text("thread_ts") {
        if world.message_mut(&channel, thread).is_none() {
            return Err(ApiError::code("thread_not_found"));
        }
        message.thread_ts = Some(thread.to_owned());
    }
    let message = world.post(message);
    Ok(json!({"channel": channel, "ts": message.ts, "message": world.message_object(&message)}))
}

pub(super) fn post_ephemeral(world: &mut World, args: &Args) -> Answer {
    let channel = destination(world, args)?;
    let user = args.needed("user")?.to_owned();
    let inside = world.channels.get(&channel).is_some_and(|c| world.sees(&user, c));
    if !inside {
        return Err(ApiError::code("user_not_in_channel"));
    }
    let content = Content::read(args)?;
    if content.is_empty() {
        return Err(ApiError::code("no_text"));
    }
    let mut message = app_message(world, &channel, &content);
    message.only_for = Some(user);
    let message = world.post(message);
    Ok(json!({"message_ts": message.ts}))
}

/// Finds a message of the app's own that the API can see; ephemeral ones it cannot.
fn own_message<'a>(
    world: &'a mut World,
    args: &Args,
    not_ours: &str,
) -> Result<(String, &'a mut Message), ApiError> {
    // Unlike posting, editing takes no person's id.
    let channel = args
        .text("channel")
        .ok_or_else(|| ApiError::code("channel_not_found"))?
        .to_owned();
    if !world.channels.contains_key(&channel) {
        return Err(ApiError::code("channel_not_found"));
    }
    let ts = args.needed("ts")?.to_owned();
    let message = world.message_mut(&channel, &ts).filter(|m| m.only_for.is_none());
    match message {
        None => Err(ApiError::code("message_not_found")),
        Some(message) if !message.from_app => Err(ApiError::code(not_ours)),
        Some(message) => Ok((channel, message)),
    }
}

pub(super) fn update(world: &mut World, args: &Args) -> Answer {
    let content = Content::read(args)?;
    let edited = world.next_ts();
    let mut new_blocks = content.blocks.clone();
    if let Some(blocks) = &mut new_blocks {
        world.name_blocks(blocks);
    }
    let (channel, message) = own_message(world, args, "cant_update_message")?;
    // Absent blocks stay as they were: the old buttons with them.
    let no_blocks = new_blocks
        .as_ref()
        .map_or(message.blocks.is_empty(), Vec::is_empty);
    if content.text.is_none() && new_blocks.is_none() || content.text.is_none() && no_blocks {
        return Err(ApiError::code("no_text"));
    }
    if let Some(blocks) = new_blocks {
        message.blocks = blocks;
    }
    if let Some(text) = content.text {
        message.text = text;
    }
    if content.metadata.is_some() {
        message.metadata = content.metadata;
    }
    message.edited = Some(edited);
    let (ts, text, message) = (message.ts.clone(), message.text.clone(), message.clone());
    Ok(json!({"channel": channel, "ts": ts, "text": text, "message": world.message_object(&message)}))
}

pub(super) fn delete(world: &mut World, args: &Args) -> Answer {
    let (channel, message) = own_message(world, args, "cant_delete_message")?;
    let ts = message.ts.clone();
    if let Some(list) = world.messages.get_mut(&channel) {
        list.retain(|m| m.ts != ts);
    }
    Ok(json!({"channel": channel, "ts": ts}))
}

impl World {
    /// A message as API answers and payloads carry it.
    pub(super) fn message_object(&self, message: &Message) -> Value {
        let mut object = json!({
            "type": "message",
            "user": message.user,
            "ts": message.ts,
            "text": message.text,
            "team": self.options.team.id,
        });
        if message.from_app {
            object["bot_id"] = json!(self.options.app.bot_id);
            object["app_id"] = json!(self.options.app.app_id);
        }
        if !message.blocks.is_empty() {
            object["blocks"] = json!(message.blocks);
        }
        if let Some(thread) = &message.thread_ts {
            object["thread_ts"] = json!(thread);
        }
        if let Some(at) = &message.edited {
            object["edited"] = json!({"user": message.user, "ts": at});
        }
        if let Some(metadata) = &message.metadata {
            object["metadata"] = metadata.clone();
        }
        object
    }
}
