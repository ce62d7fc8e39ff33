//! What the app receives: payloads of commands, clicks, option loads, submissions and events.

use serde_json::{Map, Value, json};

use super::fields::{self, Found};
use super::world::{Message, View, World};

/// Where an element stands.
#[derive(Clone, Debug)]
pub(super) enum Surface {
    Message(Message),
    View(View),
}

impl Surface {
    pub(super) fn blocks(&self) -> &[Value] {
        match self {
            Self::Message(message) => &message.blocks,
            Self::View(view) => view.body["blocks"].as_array().map_or(&[], Vec::as_slice),
        }
    }
}

impl World {
    fn base(&self, kind: &str, user: &str) -> Value {
        let (team, app) = (&self.options.team, &self.options.app);
        let person = self.people.get(user);
        let name = person.map_or("", |p| p.name.as_str());
        let foreign = person.and_then(|p| p.foreign_team.as_ref());
        let enterprise = team
            .enterprise
            .as_ref()
            .map(|id| json!({"id": id, "name": "Example Org"}));
        json!({
            "type": kind,
            "team": {"id": team.id, "domain": team.domain},
            "user": {"id": user, "username": name, "name": name, "team_id": foreign.unwrap_or(&team.id)},
            "api_app_id": app.app_id,
            "token": "unused",
            "enterprise": enterprise,
            "is_enterprise_install": false,
        })
    }

    pub(super) fn command_payload(&mut self, user: &str, channel: &str, command: &str, text: &str) -> Value {
        let response_url = self.response_url(user, channel, None);
        let trigger = self.trigger(user);
        let (team, app) = (&self.options.team, &self.options.app);
        let person = self.people.get(user);
        let mut payload = json!({
            "token": "unused",
            // A stranger's command names the workspace it was typed in.
            "team_id": person.and_then(|p| p.foreign_team.as_ref()).unwrap_or(&team.id),
            "team_domain": team.domain,
            "channel_id": channel,
            "channel_name": self.channels.get(channel).map_or("", |c| c.info.name.as_str()),
            "user_id": user,
            "user_name": person.map_or("", |p| p.name.as_str()),
            "command": command,
            "text": text,
            "api_app_id": app.app_id,
            "is_enterprise_install": "false",
            "response_url": response_url,
            "trigger_id": trigger,
        });
        if let Some(enterprise) = &team.enterprise {
            payload["enterprise_id"] = json!(enterprise);
        }
        payload
    }

    pub(super) fn shortcut_payload(&mut self, user: &str, callback_id: &str) -> Value {
        let mut payload = self.base("shortcut", user);
        payload["callback_id"] = json!(callback_id);
        payload["action_ts"] = json!(self.next_ts());
        payload["trigger_id"] = json!(self.trigger(user));
        payload
    }

    /// A click or a choice; `value` is what a choice adds to the action.
    pub(super) fn action_payload(
        &mut self,
        user: &str,
        surface: &Surface,
        found: &Found,
        value: &Value,
    ) -> Value {
        let mut payload = self.base("block_actions", user);
        self.add_surface(&mut payload, user, surface);
        if let Surface::Message(message) = surface {
            payload["response_url"] = json!(self.response_url(user, &message.channel, Some(&message.ts)));
            let given = self
                .inputs
                .get(&(user.to_owned(), message.ts.clone()))
                .cloned()
                .unwrap_or_default();
            payload["state"] = fields::state_values(surface.blocks(), &given);
        }
        payload["trigger_id"] = json!(self.trigger(user));
        let mut action = json!({
            "type": found.kind(),
            "action_id": found.action_id(),
            "block_id": found.block_id(),
            "action_ts": self.next_ts(),
        });
        if found.kind() == "button" {
            action["text"] = found.element["text"].clone();
            for key in ["value", "style"] {
                if found.element[key].is_string() {
                    action[key] = found.element[key].clone();
                }
            }
        }
        for (key, value) in value.as_object().into_iter().flatten() {
            action[key] = value.clone();
        }
        payload["actions"] = json!([action]);
        payload
    }

    pub(super) fn suggestion_payload(
        &mut self,
        user: &str,
        surface: &Surface,
        found: &Found,
        query: &str,
    ) -> Value {
        let mut payload = self.base("block_suggestion", user);
        self.add_surface(&mut payload, user, surface);
        payload["action_id"] = json!(found.action_id());
        payload["block_id"] = json!(found.block_id());
        payload["value"] = json!(query);
        payload
    }

    fn add_surface(&self, payload: &mut Value, _user: &str, surface: &Surface) {
        match surface {
            Surface::View(view) => {
                payload["container"] = json!({"type": "view", "view_id": view.id});
                payload["view"] = view_with_state(view);
            }
            Surface::Message(message) => {
                let ephemeral = message.only_for.is_some();
                payload["container"] = json!({
                    "type": "message",
                    "message_ts": message.ts,
                    "channel_id": message.channel,
                    "is_ephemeral": ephemeral,
                });
                let name = self
                    .channels
                    .get(&message.channel)
                    .map_or("", |c| c.info.name.as_str());
                payload["channel"] = json!({"id": message.channel, "name": name});
                // The app is not shown again what it sent ephemerally.
                if !ephemeral {
                    payload["message"] = self.message_object(message);
                }
            }
        }
    }

    pub(super) fn submission_payload(&mut self, user: &str, view: &View) -> Value {
        let mut payload = self.base("view_submission", user);
        payload["trigger_id"] = json!(self.trigger(user));
        payload["view"] = view_with_state(view);
        payload["response_urls"] = json!([]);
        payload
    }

    pub(super) fn closed_payload(&mut self, user: &str, view: &View, cleared: bool) -> Value {
        let mut payload = self.base("view_closed", user);
        payload["view"] = view_with_state(view);
        payload["is_cleared"] = json!(cleared);
        payload
    }

    pub(super) fn home_opened_payload(&mut self, user: &str) -> Value {
        let channel = self.open_im(user);
        let ts = self.next_ts();
        let mut event = json!({
            "type": "app_home_opened",
            "user": user,
            "channel": channel,
            "tab": "home",
            "event_ts": ts,
        });
        if let Some(home) = self.home(user) {
            event["view"] = view_with_state(home);
        }
        let (team, app) = (&self.options.team, &self.options.app);
        json!({
            "token": "unused",
            "team_id": team.id,
            "api_app_id": app.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": format!("Ev{:08}", rand::random::<u32>()),
            "event_time": self.now.timestamp(),
            "authorizations": [{
                "enterprise_id": team.enterprise,
                "team_id": team.id,
                "user_id": app.bot_user_id,
                "is_bot": true,
                "is_enterprise_install": false,
            }],
            "is_ext_shared_channel": false,
        })
    }
}

fn view_with_state(view: &View) -> Value {
    let mut body = view.body.clone();
    let blocks = body["blocks"].as_array().cloned().unwrap_or_default();
    let state: &Map<String, Value> = &view.state;
    body["state"] = fields::state_values(&blocks, state);
    body
}
