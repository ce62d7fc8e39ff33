//! What a person sees, as plain values that every chat can draw: messages, forms, and the home tab are lists of blocks.
//!
//! Text may hold time markers (`surface::time`), which each chat turns into its own way of showing a time in the
//! reader's zone. Everything else in a text is shown literally: no text of ours or anyone's is markup.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{RequestId, ShortCode};

/// How a time is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeStyle {
    /// `16:41`, with the date if it is not today.
    Minute,
    /// `16:41:07`.
    Second,
}

/// Never in a text from outside: `clean` removes control characters.
const MARK: char = '\u{1}';

/// A marker that a chat turns into a time in the reader's own zone.
pub fn time(at: DateTime<Utc>, style: TimeStyle) -> String {
    let letter = match style {
        TimeStyle::Minute => 'm',
        TimeStyle::Second => 's',
    };
    format!("{MARK}{letter}{}{MARK}", at.timestamp())
}

/// A piece of a text: literal, or a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    Literal(&'a str),
    Time(DateTime<Utc>, TimeStyle),
}

/// Takes a text apart at its time markers.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    text.split(MARK)
        .enumerate()
        .filter_map(|(at, part)| {
            if at % 2 == 0 {
                return (!part.is_empty()).then_some(Piece::Literal(part));
            }
            let style = match part.chars().next()? {
                's' => TimeStyle::Second,
                _ => TimeStyle::Minute,
            };
            let seconds = part.get(1..)?.parse().ok()?;
            Some(Piece::Time(DateTime::from_timestamp(seconds, 0)?, style))
        })
        .collect()
}

/// Makes a text from outside safe to show: no control characters (so no forged markers and lines), no direction
/// overrides, at most `longest` characters with an ellipsis where it was cut.
pub fn clean(text: &str, longest: usize) -> String {
    let plain: String = text
        .chars()
        .map(|c| match c {
            '\n' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
            _ => c,
        })
        .filter(|c| {
            !c.is_control()
                && !matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
        .collect();
    if plain.chars().count() <= longest {
        return plain;
    }
    let mut cut: String = plain.chars().take(longest.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// What a button asks for. Travels through the chat and back: it says what was pressed, never what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Act {
    /// `revision` is the card's that was pressed: a vote on something that changed since is asked again.
    Approve {
        request: RequestId,
        revision: u64,
    },
    Deny {
        request: RequestId,
        revision: u64,
    },
    /// What will run, and the rest of the reason.
    Preview {
        request: RequestId,
    },
    Cancel {
        request: RequestId,
    },
    Show {
        request: RequestId,
    },
    Finish {
        request: RequestId,
    },
    /// An approver or admin ends it.
    End {
        request: RequestId,
    },
    /// Opens the extension form, or asks for this absolute end.
    Extend {
        request: RequestId,
        until: Option<DateTime<Utc>>,
    },
    AskAgain {
        request: RequestId,
    },
    /// Stands for a typed line ("Yes, 2 h").
    Say {
        line: String,
    },
    /// Opens the request form, filled in as far as this line says.
    Form {
        line: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Primary,
    Danger,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirm {
    pub title: String,
    pub text: String,
    pub yes: String,
    pub no: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    pub label: String,
    pub act: Act,
    pub style: Style,
    pub confirm: Option<Confirm>,
}

impl Button {
    pub fn new(label: impl Into<String>, act: Act) -> Self {
        Self {
            label: label.into(),
            act,
            style: Style::Plain,
            confirm: None,
        }
    }

    #[must_use]
    pub fn primary(mut self) -> Self {
        self.style = Style::Primary;
        self
    }

    #[must_use]
    pub fn danger(mut self) -> Self {
        self.style = Style::Danger;
        self
    }

    #[must_use]
    pub fn confirm(mut self, confirm: Confirm) -> Self {
        self.confirm = Some(confirm);
        self
    }
}

/// One thing under another. Texts longer than the chat allows are cut by the adapter, visibly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    Header(String),
    /// A paragraph; may hold time markers.
    Text(String),
    /// Short texts beside each other (at most ten).
    Fields(Vec<String>),
    /// Small and grey; may hold time markers.
    Context(String),
    /// To be copied exactly: a value, a command. The only place a secret is ever drawn.
    Copy {
        label: String,
        value: String,
    },
    Buttons(Vec<Button>),
    Divider,
    /// Only in modals.
    Input(Field),
}

/// Something to choose: what is sent, and what is read (at most 75 characters each in Slack).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub label: String,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub id: String,
    pub label: String,
    pub hint: Option<String>,
    pub optional: bool,
    pub input: Input,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Text {
        initial: Option<String>,
        longest: u32,
        lines: Lines,
    },
    Choice {
        options: Vec<Choice>,
        initial: Option<String>,
    },
    /// Options are loaded as the person types (`What::Options`).
    Search { initial: Option<Choice> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    One,
    Many,
}

/// A message. `text` is what the lock screen shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub text: String,
    pub blocks: Vec<Block>,
}

impl Message {
    /// A message of one paragraph.
    pub fn words(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            blocks: vec![Block::Text(text.clone())],
            text,
        }
    }
}

/// A modal. `submit` present: a form, whose fields come back with `callback`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modal {
    /// At most 24 characters in Slack.
    pub title: String,
    pub submit: Option<String>,
    pub close: String,
    pub callback: String,
    pub blocks: Vec<Block>,
}

/// What `callback` says of a form of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "form")]
pub enum Callback {
    /// The request form. Fields: `what`, `permission`, `length`, `reason`.
    Request,
    /// Fields: `reason`.
    Deny { request: RequestId, revision: u64 },
    /// Fields: `reason`.
    Approve { request: RequestId, revision: u64 },
    /// Fields: `length`, `reason`.
    Extend { request: RequestId },
    /// Fields: `reason`.
    End { request: RequestId },
    /// Nothing comes back.
    None,
}

impl Callback {
    pub fn as_text(&self) -> String {
        serde_json::to_string(self).expect("an enum of strings and numbers always is JSON")
    }

    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// How a code is shown to people.
pub fn code(code: &ShortCode) -> String {
    code.0.to_uppercase()
}
