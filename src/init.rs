//! What an admin starts from: `latchkey init` prints the least file, `latchkey manifest` what Slack makes the app from.

use serde_json::{Value, json};

use crate::{
    config::{Config, SlackMode},
    providers::Registration,
};

const HEAD: &str = r#"# Replace what says TODO, then: latchkey check. Every other key is explained in config/example.toml.
installation = "main"                # part of the mark on every account we make: two bots on one target need two names
admins = ["ann"]                     # TODO who runs it and hears of trouble
# admin_channel = "slack:C…"         # where trouble is told

[slack]                              # latchkey manifest slack > manifest.json: create the app from it, install it
team = "T0000000"                    # TODO your workspace's id, from its address in the browser: https://app.slack.com/client/T…
bot_token = "env:SLACK_BOT_TOKEN"    # xoxb-…, under OAuth & Permissions
app_token = "env:SLACK_APP_TOKEN"    # xapp-…, under Basic Information: an app-level token with connections:write

[people]                             # TODO everybody this file names; Slack finds them by confirmed e-mail
ann = { email = "ann@example.com" }
bob = { email = "bob@example.com" }

[groups]
engineering = { members = ["ann", "bob"] }   # TODO or a Slack user group: { slack_group = "S…" }
"#;

const FLOW: &str = r#"
[[access_flow]]                      # from the top; the first that fits person, target, permission and duration decides
name = "developers"
requesters = { groups = ["engineering"] }
"#;

/// The least file for a chat and kinds of system (`slack redis-cloud postgresql`), with TODOs. It loads as it is.
/// An error names what is not known.
pub fn init(what: &[String], kinds: &[Registration]) -> Result<String, String> {
    let known = || {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.kind).collect();
        format!("there is the chat slack, and {}", kinds.join(", "))
    };
    let mut chosen: Vec<&Registration> = Vec::new();
    let mut chat = false;
    for word in what {
        match kinds.iter().find(|kind| kind.kind == word.as_str()) {
            Some(kind) if chosen.iter().any(|other| other.kind == kind.kind) => {
                return Err(format!("{word} is named twice"));
            }
            Some(kind) => chosen.push(kind),
            None if word == "slack" => chat = true,
            None => return Err(format!("{word} is not known; {}", known())),
        }
    }
    if !chat || chosen.is_empty() {
        return Err(format!(
            "name a chat and at least one kind of system, as in: latchkey init slack redis-cloud; {}",
            known()
        ));
    }
    let mut text = HEAD.to_owned();
    let mut targets = Vec::new();
    for kind in chosen {
        let example = kind.example.trim();
        let table: toml::Table = example
            .parse()
            .map_err(|e| format!("the example of {} is no TOML: {e}", kind.kind))?;
        let name = table
            .get("name")
            .and_then(toml::Value::as_str)
            .unwrap_or(kind.kind);
        targets.push(format!("{{ integration = {name:?} }}"));
        text.push_str(&format!(
            "\n[[integration]]                      # TODO {}\n{example}\n",
            kind.title
        ));
        if !table.contains_key("integration_owner") {
            text.push_str("integration_owner = { people = [\"bob\"] }   # TODO who approves\n");
        }
    }
    text.push_str(FLOW);
    text.push_str(&format!(
        "targets = [{}]\napprovers = [\"owner\"]\n",
        targets.join(", ")
    ));
    Ok(text)
}

/// How Slack reaches the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    Socket,
    /// Signed requests to this address (`https://latchkey.example.com`), where the bot's `http.listen` has to be reachable.
    Http {
        base: String,
    },
}

impl Reach {
    /// As configured. No file says under which name the world knows us: an admin fills that in.
    pub fn of(config: &Config) -> Self {
        match config.slack.as_ref().map(|slack| &slack.mode) {
            Some(SlackMode::Http { .. }) => Self::Http {
                base: "https://latchkey.example.com".into(),
            },
            Some(SlackMode::Socket { .. }) | None => Self::Socket,
        }
    }
}

/// The manifest to create the Slack app from, as JSON. `command` with its slash.
pub fn slack_manifest(command: &str, reach: &Reach) -> Value {
    let mut slash = json!({
        "command": command,
        "description": "Request, approve or revoke temporary access",
        "usage_hint": "redis-cloud prod 2h reason",
        "should_escape": true,
    });
    let mut interactivity = json!({ "is_enabled": true });
    let mut events = json!({ "bot_events": ["app_home_opened"] });
    if let Reach::Http { base } = reach {
        let base = base.trim_end_matches('/');
        slash["url"] = json!(format!("{base}/slack/commands"));
        interactivity["request_url"] = json!(format!("{base}/slack/interactions"));
        interactivity["message_menu_options_url"] = json!(format!("{base}/slack/options"));
        events["request_url"] = json!(format!("{base}/slack/events"));
    }
    json!({
        "_metadata": { "major_version": 2, "minor_version": 1 },
        "display_information": { "name": "Latchkey", "description": "Just-in-time access requests and approvals" },
        "features": {
            "app_home": { "home_tab_enabled": true, "messages_tab_enabled": true, "messages_tab_read_only_enabled": true },
            "bot_user": { "display_name": "latchkey", "always_online": true },
            "shortcuts": [{
                "name": "Request access",
                "type": "global",
                "callback_id": "request_access",
                "description": "Open the access request form",
            }],
            "slash_commands": [slash],
        },
        "oauth_config": { "scopes": { "bot": [
            "commands", "chat:write", "im:write", "users:read", "users:read.email", "usergroups:read",
            // Is a channel shared with others, and is the bot in it?
            "channels:read", "groups:read",
        ] } },
        "settings": {
            "interactivity": interactivity,
            "event_subscriptions": events,
            "org_deploy_enabled": false,
            "socket_mode_enabled": *reach == Reach::Socket,
            "token_rotation_enabled": false,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::{config::parse, providers};

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_init_prints_loads_for_every_kind() {
        let mut all = vec!["slack".to_owned()];
        for kind in providers::ALL {
            all.push(kind.kind.to_owned());
            for what in [vec!["slack".to_owned(), kind.kind.to_owned()], all.clone()] {
                let text = init(&what, providers::ALL).expect("known kinds");
                assert!(text.contains("TODO"), "{text}");
                if let Err(problems) =
                    parse("latchkey.toml", &text, Path::new("/etc/latchkey"), providers::ALL)
                {
                    panic!("{problems}\n{text}");
                }
            }
        }
    }

    #[test]
    fn init_says_what_there_is() {
        for (typed, told) in [
            ("slack", "name a chat and at least one kind"),
            ("redis-cloud", "name a chat and at least one kind"),
            (
                "slack rediscloud",
                "rediscloud is not known; there is the chat slack, and ",
            ),
            ("slack redis-cloud redis-cloud", "named twice"),
        ] {
            let error = init(&words(typed), providers::ALL).expect_err(typed);
            assert!(error.contains(told), "{typed}: {error}");
        }
    }

    #[test]
    fn http_mode_names_every_address() {
        let manifest = slack_manifest(
            "/jit",
            &Reach::Http {
                base: "https://bot.example.com/".into(),
            },
        );
        let text = manifest.to_string();
        for path in ["commands", "interactions", "options", "events"] {
            assert!(
                text.contains(&format!("https://bot.example.com/slack/{path}\"")),
                "{path}: {text}"
            );
        }
        assert_eq!(manifest["settings"]["socket_mode_enabled"], false);
        assert_eq!(manifest["features"]["slash_commands"][0]["command"], "/jit");
        assert!(
            !slack_manifest("/access", &Reach::Socket)
                .to_string()
                .contains("url")
        );
    }

    #[test]
    fn slack_accepts_the_manifests() {
        #[expect(clippy::disallowed_methods, reason = "the test's own setting")]
        let folder = std::env::var("LATCHKEY_CONTRACTS").map_or_else(
            |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/contracts"),
            PathBuf::from,
        );
        for file in [
            "slack-manifest-1.0.0.schema.json",
            "slack-manifest-2.0.0.schema.json",
        ] {
            let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
                println!(
                    "SKIPPED slack_accepts_the_manifests: no {file} in LATCHKEY_CONTRACTS or ../shared/contracts"
                );
                continue;
            };
            let schema: Value = serde_json::from_str(&text).expect("a schema");
            let schema = jsonschema::validator_for(&schema).expect("a schema");
            for reach in [
                Reach::Socket,
                Reach::Http {
                    base: "https://bot.example.com".into(),
                },
            ] {
                let mut manifest = slack_manifest("/access", &reach);
                let wrong: Vec<String> = schema
                    .iter_errors(&manifest)
                    .map(|error| error.to_string())
                    .collect();
                assert!(wrong.is_empty(), "{file}: {wrong:?}");
                manifest["settings"]["socket_mode_enabled"] = json!("yes");
                assert!(!schema.is_valid(&manifest), "{file} would take anything");
            }
        }
    }
}
