//! Block Kit as plain text, the way a person would read it: for snapshots, and for finding things by what they say.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::world::{Message, View, World};

/// Renders for one reader: dates in their zone, mentions by name.
pub(super) struct Reader<'a> {
    pub(super) world: &'a World,
    pub(super) zone: Tz,
}

impl<'a> Reader<'a> {
    pub(super) fn of(world: &'a World, user: &str) -> Self {
        let zone = world
            .people
            .get(user)
            .and_then(|p| p.tz.parse().ok())
            .unwrap_or(Tz::UTC);
        Self { world, zone }
    }

    pub(super) fn message(&self, message: &Message) -> String {
        if message.blocks.is_empty() {
            self.mrkdwn(&message.text)
        } else {
            self.blocks(&message.blocks)
        }
    }

    pub(super) fn view(&self, view: &View) -> String {
        let part = |key: &str| view.body[key]["text"].as_str().map(str::to_owned);
        let mut lines = Vec::new();
        if let (Some(title), true) = (part("title"), view.body["type"] == "modal") {
            lines.push(format!("# {title}"));
        }
        lines.push(self.blocks_with(
            view.body["blocks"].as_array().map_or(&[], Vec::as_slice),
            Some(view),
        ));
        if view.body["type"] == "modal" {
            let buttons: Vec<String> = ["close", "submit"]
                .into_iter()
                .filter_map(part)
                .map(|b| format!("[{b}]"))
                .collect();
            lines.push(buttons.join(" "));
        }
        lines.retain(|l| !l.is_empty());
        lines.join("\n")
    }

    pub(super) fn blocks(&self, blocks: &[Value]) -> String {
        self.blocks_with(blocks, None)
    }

    fn blocks_with(&self, blocks: &[Value], view: Option<&View>) -> String {
        let lines: Vec<String> = blocks
            .iter()
            .map(|b| self.block(b, view))
            .filter(|l| !l.is_empty())
            .collect();
        lines.join("\n")
    }

    fn block(&self, block: &Value, view: Option<&View>) -> String {
        match block["type"].as_str().unwrap_or_default() {
            "header" => format!("# {}", self.text(&block["text"])),
            "divider" => "---".into(),
            "section" => self.section(block),
            "context" => {
                let parts: Vec<String> = list(block, "elements").iter().map(|e| self.text(e)).collect();
                format!("> {}", parts.join("  "))
            }
            "actions" => {
                let parts: Vec<String> = list(block, "elements").iter().map(|e| self.element(e)).collect();
                parts.join(" ")
            }
            "rich_text" => {
                let parts: Vec<String> = list(block, "elements").iter().map(|e| self.rich(e)).collect();
                parts.join("\n")
            }
            "input" => {
                let stored = view.and_then(|v| {
                    let block_id = block["block_id"].as_str()?;
                    v.state
                        .get(block_id)?
                        .get(block["element"]["action_id"].as_str()?)
                });
                let optional = if block["optional"] == true {
                    " (optional)"
                } else {
                    ""
                };
                let value = stored.map_or_else(|| initial(&block["element"]), shown_value);
                format!("{}{optional}: <{value}>", self.text(&block["label"]))
            }
            "image" => format!("({})", block["alt_text"].as_str().unwrap_or_default()),
            other => format!("({other})"),
        }
    }

    fn section(&self, block: &Value) -> String {
        let mut lines = Vec::new();
        if block["text"].is_object() {
            lines.push(self.text(&block["text"]));
        }
        lines.extend(
            list(block, "fields")
                .iter()
                .map(|f| format!("| {}", self.text(f).replace('\n', " "))),
        );
        let mut text = lines.join("\n");
        if block["accessory"].is_object() {
            text.push(' ');
            text.push_str(&self.element(&block["accessory"]));
        }
        text
    }

    fn element(&self, element: &Value) -> String {
        match element["type"].as_str().unwrap_or_default() {
            "button" => format!("[{}]", self.text(&element["text"])),
            "image" => format!("({})", element["alt_text"].as_str().unwrap_or_default()),
            _ => {
                let value = initial(element);
                let placeholder = element["placeholder"]["text"].as_str().unwrap_or_default();
                format!("<{}>", if value.is_empty() { placeholder } else { &value })
            }
        }
    }

    fn rich(&self, element: &Value) -> String {
        let kind = element["type"].as_str().unwrap_or_default();
        if kind == "rich_text_list" {
            let items: Vec<String> = list(element, "elements")
                .iter()
                .map(|i| format!("• {}", self.rich(i)))
                .collect();
            return items.join("\n");
        }
        let text: String = list(element, "elements")
            .iter()
            .map(|leaf| self.leaf(leaf))
            .collect();
        match kind {
            "rich_text_preformatted" => indent(&text, "    "),
            "rich_text_quote" => indent(&text, "> "),
            _ => text,
        }
    }

    fn leaf(&self, leaf: &Value) -> String {
        let part = |key: &str| leaf[key].as_str().unwrap_or_default();
        match part("type") {
            "text" => part("text").into(),
            "link" if !part("text").is_empty() => part("text").into(),
            "link" => part("url").into(),
            "user" => self.mention(part("user_id")),
            "date" => self.date(
                leaf["timestamp"].as_i64().unwrap_or_default(),
                part("format"),
                part("fallback"),
            ),
            "emoji" => format!(":{}:", part("name")),
            "broadcast" => format!("@{}", part("range")),
            _ => String::new(),
        }
    }

    fn text(&self, text: &Value) -> String {
        let words = text["text"].as_str().unwrap_or_default();
        match text["type"].as_str() {
            Some("mrkdwn") => self.mrkdwn(words),
            Some(_) | None => words.to_owned(),
        }
    }

    /// Resolves the tokens in angle brackets and the three entities; leaves `*bold*` as it is.
    pub(super) fn mrkdwn(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('<') {
            let Some(close) = rest[open..].find('>').map(|n| n + open) else {
                break;
            };
            out.push_str(&unescape(&rest[..open]));
            out.push_str(&self.token(&rest[open + 1..close]));
            rest = &rest[close + 1..];
        }
        out.push_str(&unescape(rest));
        out
    }

    fn token(&self, token: &str) -> String {
        let (body, label) = token.split_once('|').unwrap_or((token, ""));
        if let Some(user) = body.strip_prefix('@') {
            return self.mention(user);
        }
        if let Some(channel) = body.strip_prefix('#') {
            let name = self.world.channels.get(channel).map_or(label, |c| &c.info.name);
            return format!("#{name}");
        }
        if let Some(date) = body.strip_prefix("!date^") {
            let mut parts = date.splitn(3, '^');
            let at = parts.next().and_then(|t| t.parse().ok());
            return match (at, parts.next()) {
                (Some(at), Some(format)) => self.date(at, format, &unescape(label)),
                (None, _) | (_, None) => unescape(label),
            };
        }
        if let Some(special) = body.strip_prefix('!') {
            return if label.is_empty() {
                format!("@{special}")
            } else {
                label.into()
            };
        }
        unescape(if label.is_empty() { body } else { label })
    }

    fn mention(&self, user: &str) -> String {
        self.world
            .people
            .get(user)
            .map_or_else(|| format!("@{user}"), |p| format!("@{}", p.name))
    }

    fn date(&self, at: i64, format: &str, fallback: &str) -> String {
        let Some(at) = DateTime::<Utc>::from_timestamp(at, 0) else {
            return fallback.into();
        };
        let local = at.with_timezone(&self.zone);
        let today = self.world.now.with_timezone(&self.zone).date_naive();
        let relative = match (local.date_naive() - today).num_days() {
            -1 => Some("yesterday"),
            0 => Some("today"),
            1 => Some("tomorrow"),
            _ => None,
        };
        let mut out = format.to_owned();
        for (token, pattern) in [
            ("{date_num}", "%Y-%m-%d"),
            ("{date_short}", "%b %-d, %Y"),
            ("{date_long}", "%A, %B %-d, %Y"),
            ("{date}", "%B %-d, %Y"),
            ("{time_secs}", "%H:%M:%S"),
            ("{time}", "%H:%M"),
        ] {
            out = out.replace(token, &local.format(pattern).to_string());
        }
        for (token, pattern) in [
            ("{date_short_pretty}", "%b %-d, %Y"),
            ("{date_long_pretty}", "%A, %B %-d, %Y"),
            ("{date_pretty}", "%B %-d, %Y"),
        ] {
            let absolute = local.format(pattern).to_string();
            out = out.replace(token, relative.unwrap_or(&absolute));
        }
        out
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn indent(text: &str, with: &str) -> String {
    text.lines()
        .map(|l| format!("{with}{l}"))
        .collect::<Vec<_>>()
        .join("\n")
}

pub(super) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// What an element shows before anybody touched it.
fn initial(element: &Value) -> String {
    let option = |o: &Value| o["text"]["text"].as_str().unwrap_or_default().to_owned();
    if let Some(options) = element["initial_options"].as_array() {
        return options.iter().map(option).collect::<Vec<_>>().join(", ");
    }
    if element["initial_option"].is_object() {
        return option(&element["initial_option"]);
    }
    let plain = ["initial_value", "initial_date", "initial_time", "initial_user"];
    plain
        .into_iter()
        .find_map(|key| element[key].as_str())
        .unwrap_or_default()
        .to_owned()
}

fn shown_value(value: &Value) -> String {
    let option = |o: &Value| o["text"]["text"].as_str().unwrap_or_default().to_owned();
    if let Some(options) = value["selected_options"].as_array() {
        return options.iter().map(option).collect::<Vec<_>>().join(", ");
    }
    if value["selected_option"].is_object() {
        return option(&value["selected_option"]);
    }
    let plain = ["value", "selected_date", "selected_time", "selected_user"];
    plain
        .into_iter()
        .find_map(|key| value[key].as_str())
        .unwrap_or_default()
        .to_owned()
}
