//! One line of text to a command. Forgiving about form, never about names: a guess becomes a button, never a request.

mod length;
mod suggest;
mod target;
mod text;
mod wish;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{Length, Permission, ShortCode, refusal::Offer};

pub use super::span::humanize;
pub use length::Clock;
pub(crate) use length::after_gap;
pub use suggest::{Suggestion, suggestions};
pub use text::normalise;

/// Subcommands there are.
pub const SUBCOMMANDS: [&str; 9] = [
    "help", "mine", "catalog", "status", "cancel", "finish", "extend", "approve", "deny",
];
/// Names that later subcommands will have, and words of the grammar.
const RESERVED: [&str; 12] = [
    "who", "history", "stuck", "revoke", "link", "pending", "audit", "oncall", "until", "till", "for",
    "because",
];

/// Whether an integration must not have this name.
pub fn is_reserved(name: &str) -> bool {
    SUBCOMMANDS
        .iter()
        .chain(&RESERVED)
        .any(|reserved| reserved.eq_ignore_ascii_case(name))
}

/// What one person may ask for. Nothing else is ever named to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    pub integrations: Vec<Known>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub name: String,
    pub resources: Vec<Askable>,
}

/// A resource this person may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Askable {
    pub kind: String,
    pub title: String,
    /// Those that they may ask for, least first.
    pub permissions: Vec<Permission>,
    /// Kinds whose names may be typed below this resource (`orders/public`), with what may be asked for on them.
    pub below: Vec<(String, Vec<Permission>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Access(Wish),
    /// Opens the form, as far as the line filled it in.
    Form(Prefill),
    Help,
    Mine,
    Catalog {
        integration: Option<String>,
    },
    Status {
        code: Option<ShortCode>,
    },
    Cancel {
        code: Option<ShortCode>,
    },
    Finish {
        code: Option<ShortCode>,
    },
    /// `length`: `For` so much longer, or `Until` then; `None` opens the form.
    Extend {
        code: Option<ShortCode>,
        length: Option<Length>,
        reason: String,
    },
    Approve {
        code: ShortCode,
        reason: Option<String>,
    },
    Deny {
        code: ShortCode,
        reason: Option<String>,
    },
}

/// What somebody asks for, by names that exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// As configured.
    pub integration: String,
    pub kind: String,
    /// The resource's title as discovered, or that of `below` with the name they typed under it.
    pub resource: String,
    /// The title of the resource that `resource` was typed under.
    pub below: Option<String>,
    /// A permission's own name where they may ask for it, else what they typed; `None`: the least.
    pub permission: Option<String>,
    /// `None`: the flow's default.
    pub length: Option<Length>,
    /// As typed, for lines and forms.
    pub typed_length: Option<String>,
    /// Empty if none was given.
    pub reason: String,
}

/// What a form can be filled in with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefill {
    pub integration: Option<String>,
    /// Kind and title.
    pub resource: Option<(String, String)>,
    pub permission: Option<String>,
    pub length: Option<String>,
    pub reason: Option<String>,
}

impl From<Wish> for Prefill {
    fn from(wish: Wish) -> Self {
        Self {
            integration: Some(wish.integration),
            resource: Some((wish.kind, wish.resource)),
            permission: wish.permission,
            length: wish.typed_length,
            reason: Some(wish.reason).filter(|reason| !reason.is_empty()),
        }
    }
}

/// A line that was not understood, or not well enough to act on it: what to ask back, likely answers, and the form as
/// far as it can be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub ask: Ask,
    pub offers: Vec<Offer>,
    pub form: Box<Prefill>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Not there, or hidden: both read the same.
    Unknown,
    DidYouMean {
        name: String,
    },
    /// More than one has that name or ends in it.
    Several {
        names: Vec<String>,
    },
    /// A resource without its integration.
    WhichIntegration,
    /// A number without a unit.
    Unit {
        number: String,
    },
    AtLeastAMinute,
    FarTooLong {
        typed: String,
    },
    NotALength {
        typed: String,
    },
    NotATime {
        typed: String,
    },
    /// That time has passed; `next`: the same time tomorrow, as it is typed.
    Over {
        typed: String,
        next: Option<String>,
    },
    /// The clocks skip it; `next`: the next time there is, as it is typed.
    NoSuchTime {
        typed: String,
        next: Option<String>,
    },
    /// A subcommand without the id of a request it needs.
    WhichRequest {
        verb: String,
        typed: Option<String>,
    },
}

impl From<Ask> for Question {
    fn from(ask: Ask) -> Self {
        Self {
            ask,
            offers: Vec::new(),
            form: Box::default(),
        }
    }
}

/// Understands what follows `/access`.
pub fn parse(text: &str, vocabulary: &Vocabulary, now: DateTime<Utc>, zone: Tz) -> Result<Command, Question> {
    let text = normalise(text);
    let clock = Clock { now, zone };
    let mut words: Vec<&str> = text.split_whitespace().collect();
    if words
        .first()
        .is_some_and(|word| word.eq_ignore_ascii_case("/access"))
    {
        words.remove(0);
    }
    let Some((first, rest)) = words.split_first() else {
        return Ok(Command::Form(Prefill::default()));
    };
    match subcommand(&first.to_lowercase(), rest, vocabulary, clock) {
        Some(answer) => answer,
        None => wish::access(&words, vocabulary, clock),
    }
}

/// How far a line fills in the form, whatever else is wrong with it.
pub fn prefill(text: &str, vocabulary: &Vocabulary, now: DateTime<Utc>, zone: Tz) -> Prefill {
    match parse(text, vocabulary, now, zone) {
        Ok(Command::Access(wish)) => wish.into(),
        Ok(Command::Form(prefill)) => prefill,
        Ok(_) => Prefill::default(),
        Err(question) => *question.form,
    }
}

/// Understands a field that holds nothing but a length: `2h`, `until 18:00`.
pub fn parse_length(text: &str, now: DateTime<Utc>, zone: Tz) -> Result<Length, Question> {
    length::whole(&normalise(text), Clock { now, zone }).map_err(|ask| {
        let offers = wish::lengths_for(&ask)
            .into_iter()
            .map(|(label, typed)| Offer::say(label, typed))
            .collect();
        Question {
            offers,
            ..Question::from(ask)
        }
    })
}

/// `None`: no subcommand.
fn subcommand(
    verb: &str,
    rest: &[&str],
    vocabulary: &Vocabulary,
    clock: Clock,
) -> Option<Result<Command, Question>> {
    let code = optional_code(verb, rest);
    Some(match verb {
        "help" | "?" | "-h" | "--help" => Ok(Command::Help),
        "mine" => Ok(Command::Mine),
        "catalog" => catalog(rest, vocabulary),
        "status" => code.map(|code| Command::Status { code }),
        "cancel" => code.map(|code| Command::Cancel { code }),
        "finish" => code.map(|code| Command::Finish { code }),
        "extend" => extend(rest, clock),
        "approve" => vote(verb, rest).map(|(code, reason)| Command::Approve { code, reason }),
        "deny" => vote(verb, rest).map(|(code, reason)| Command::Deny { code, reason }),
        _ => return None,
    })
}

fn catalog(rest: &[&str], vocabulary: &Vocabulary) -> Result<Command, Question> {
    let Some(typed) = rest.first().map(|word| text::bare(word)) else {
        return Ok(Command::Catalog { integration: None });
    };
    let names = vocabulary.integrations.iter().map(|known| known.name.as_str());
    match names.clone().find(|name| name.eq_ignore_ascii_case(typed)) {
        Some(name) => Ok(Command::Catalog {
            integration: Some(name.to_owned()),
        }),
        None => {
            let near = suggest::nearest(typed, names);
            Err(suggest::did_you_mean(near, |name| format!("catalog {name}")))
        }
    }
}

/// A word that can be a request's id.
fn code(word: &str) -> Option<ShortCode> {
    let code = ShortCode::typed(text::bare(word));
    let fits = code.0.starts_with('R') && (5..=25).contains(&code.0.len());
    (fits && code.0.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(code)
}

fn which(verb: &str, typed: Option<&str>) -> Question {
    Ask::WhichRequest {
        verb: verb.to_owned(),
        typed: typed.map(str::to_owned),
    }
    .into()
}

fn optional_code(verb: &str, rest: &[&str]) -> Result<Option<ShortCode>, Question> {
    match rest.first() {
        None => Ok(None),
        Some(word) => code(word).map(Some).ok_or_else(|| which(verb, Some(word))),
    }
}

fn vote(verb: &str, rest: &[&str]) -> Result<(ShortCode, Option<String>), Question> {
    let Some((first, words)) = rest.split_first() else {
        return Err(which(verb, None));
    };
    let code = code(first).ok_or_else(|| which(verb, Some(first)))?;
    Ok((
        code,
        Some(text::reason(words)).filter(|reason| !reason.is_empty()),
    ))
}

fn extend(rest: &[&str], clock: Clock) -> Result<Command, Question> {
    let code = rest.first().and_then(|word| code(word));
    let words = &rest[usize::from(code.is_some())..];
    let (length, used) = match length::start(words, clock) {
        length::Start::Length(found) => (Some(found.length), found.words),
        length::Start::Other if code.is_none() && !words.is_empty() => {
            return Err(which("extend", words.first().copied()));
        }
        length::Start::Other => (None, 0),
        length::Start::Bad(ask) => {
            let before = code
                .as_ref()
                .map_or("extend".to_owned(), |code| format!("extend {code}"));
            let offers = wish::lengths_for(&ask)
                .into_iter()
                .map(|(label, typed)| Offer::say(label, format!("{before} {typed}")))
                .collect();
            return Err(Question {
                offers,
                ..Question::from(ask)
            });
        }
    };
    Ok(Command::Extend {
        code,
        length,
        reason: text::reason(&words[used..]),
    })
}

#[cfg(test)]
mod tests;
