//! `INTEGRATION RESOURCE [PERMISSION] [DURATION | until TIME] [REASON...]`.

use super::{
    Ask, Clock, Command, Known, Prefill, Question, Vocabulary, Wish, length, suggest,
    target::{Matched, Target, find},
    text::{bare, reason},
};
use crate::domain::{Length, Permission, refusal::Offer, span::humanize};

/// Names for permissions that people may type anywhere, whether or not they may ask for them there.
const COMMON: [&str; 9] = [
    "read",
    "ro",
    "read-only",
    "readonly",
    "read-write",
    "rw",
    "readwrite",
    "write",
    "admin",
];

pub(super) fn access(words: &[&str], vocabulary: &Vocabulary, clock: Clock) -> Result<Command, Question> {
    let typed = bare(words[0]);
    let Some(known) = vocabulary
        .integrations
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(typed))
    else {
        return Err(no_such_integration(words, vocabulary, clock));
    };
    let rest = &words[1..];
    if rest.is_empty() {
        let integration = Some(known.name.clone());
        return Ok(Command::Form(Prefill {
            integration,
            ..Prefill::default()
        }));
    }
    let target = match find(rest, known) {
        Matched::One(target) => target,
        Matched::Several(targets) => return Err(several(known, &targets, rest, clock)),
        Matched::None => return Err(no_such_resource(known, rest, clock)),
    };
    let (tail, typed_words) = (&rest[target.words..], target.words);
    let before = format!("{} {}", known.name, rest[..typed_words].join(" "));
    let tail = self::tail(tail, target.permissions, clock)
        .map_err(|wrong| wrong.question(known, &target, &before))?;
    Ok(Command::Access(Wish {
        integration: known.name.clone(),
        kind: target.kind.to_owned(),
        resource: target.title,
        below: target.below.map(str::to_owned),
        permission: tail.permission,
        length: tail.length,
        typed_length: tail.typed_length,
        reason: tail.reason,
    }))
}

/// What follows the resource.
#[derive(Debug, Clone, Default, PartialEq)]
struct Tail {
    permission: Option<String>,
    length: Option<Length>,
    typed_length: Option<String>,
    reason: String,
}

/// A tail that cannot be acted on: what it says, and what to ask.
struct Wrong {
    ask: Ask,
    tail: Box<Tail>,
}

fn tail(words: &[&str], permissions: &[Permission], clock: Clock) -> Result<Tail, Wrong> {
    let mut tail = Tail::default();
    let mut words = words;
    let known = words.first().and_then(|word| permission(word, permissions));
    if let Some(known) = known {
        tail.permission = Some(known);
        words = &words[1..];
    } else if let [first, rest @ ..] = words
        && matches!(length::start(words, clock), length::Start::Other)
        && matches!(length::start(rest, clock), length::Start::Length(_))
        && !first.eq_ignore_ascii_case("because")
    {
        // One unknown word before a length: a permission, if not one of theirs.
        let typed = bare(first).to_owned();
        let near = suggest::nearest(&typed, names(permissions))
            .first()
            .map(|name| (*name).to_owned());
        let rest = self::tail(rest, &[], clock)?;
        return match near {
            Some(name) => {
                let tail = Box::new(Tail {
                    permission: Some(name.clone()),
                    ..rest
                });
                Err(Wrong {
                    ask: Ask::DidYouMean { name },
                    tail,
                })
            }
            None => Ok(Tail {
                permission: Some(typed),
                ..rest
            }),
        };
    }
    match length::start(words, clock) {
        length::Start::Length(found) => {
            tail.length = Some(found.length);
            tail.typed_length = Some(words[..found.words].join(" "));
            words = &words[found.words..];
        }
        length::Start::Bad(ask) => {
            let left = words.iter().skip(1).copied().collect::<Vec<_>>();
            tail.reason = left_over(&ask, &left);
            return Err(Wrong {
                ask,
                tail: Box::new(tail),
            });
        }
        length::Start::Other => {}
    }
    if tail.permission.is_none() && tail.length.is_some() {
        tail.permission = words.first().and_then(|word| permission(word, permissions));
        words = &words[usize::from(tail.permission.is_some())..];
    }
    tail.reason = reason(words);
    Ok(tail)
}

/// The reason after a length that was none.
fn left_over(ask: &Ask, words: &[&str]) -> String {
    match ask {
        Ask::Unit { .. } | Ask::AtLeastAMinute | Ask::NotALength { .. } => reason(words),
        Ask::Over { typed, .. } | Ask::NoSuchTime { typed, .. } => {
            reason(&words[typed.split(' ').count().min(words.len())..])
        }
        Ask::Unknown
        | Ask::DidYouMean { .. }
        | Ask::Several { .. }
        | Ask::WhichIntegration
        | Ask::FarTooLong { .. }
        | Ask::NotATime { .. }
        | Ask::WhichRequest { .. } => String::new(),
    }
}

fn names(permissions: &[Permission]) -> impl Iterator<Item = &str> {
    permissions
        .iter()
        .flat_map(|permission| std::iter::once(&permission.name).chain(&permission.also))
        .map(String::as_str)
}

/// The permission that a word names: by its own name where they may ask for it.
fn permission(word: &str, permissions: &[Permission]) -> Option<String> {
    let word = bare(word);
    let theirs = permissions.iter().find(|permission| permission.is_called(word));
    let common = || {
        COMMON
            .iter()
            .find(|name| name.eq_ignore_ascii_case(word))
            .map(|name| full(name, permissions))
    };
    theirs.map(|permission| permission.name.clone()).or_else(common)
}

/// `rw` for `read-write`, where the target has no short names of its own.
fn full(name: &str, permissions: &[Permission]) -> String {
    let full = match name {
        "ro" | "read-only" | "readonly" => "read",
        "rw" | "readwrite" | "write" => "read-write",
        name => name,
    };
    let theirs = permissions.iter().find(|permission| permission.is_called(full));
    theirs.map_or(full.to_owned(), |permission| permission.name.clone())
}

/// Lengths to offer for one that was none: what the button says, and what is typed by it.
pub(super) fn lengths_for(ask: &Ask) -> Vec<(String, String)> {
    match ask {
        Ask::Unit { number } => {
            let number = number.replace(',', ".");
            let (hours, minutes) = (
                number.parse::<f64>().unwrap_or(0.0),
                number.parse::<f64>().unwrap_or(0.0),
            );
            let mut offers = Vec::new();
            if hours > 0.0 && hours <= 168.0 {
                offers.push((humanize((hours * 3600.0) as i64), format!("{number}h")));
            }
            if (1.0..=1440.0).contains(&minutes) {
                offers.push((humanize((minutes * 60.0) as i64), format!("{number}m")));
            }
            offers
        }
        Ask::Over { next: Some(next), .. } | Ask::NoSuchTime { next: Some(next), .. } => {
            vec![(format!("Until {next}"), format!("until {next}"))]
        }
        Ask::AtLeastAMinute => vec![("1 min".into(), "1m".into()), ("1 h".into(), "1h".into())],
        Ask::Over { next: None, .. }
        | Ask::NoSuchTime { next: None, .. }
        | Ask::Unknown
        | Ask::DidYouMean { .. }
        | Ask::Several { .. }
        | Ask::WhichIntegration
        | Ask::FarTooLong { .. }
        | Ask::NotALength { .. }
        | Ask::NotATime { .. }
        | Ask::WhichRequest { .. } => Vec::new(),
    }
}

/// Puts a line together again.
fn line(before: &str, permission: Option<&str>, length: Option<&str>, reason: &str) -> String {
    let parts = [Some(before), permission, length, Some(reason)];
    let parts: Vec<&str> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(" ")
}

impl Wrong {
    fn question(self, known: &Known, target: &Target<'_>, before: &str) -> Question {
        let Self { ask, tail } = self;
        let tail = *tail;
        let permission = tail.permission.as_deref();
        let mut offers: Vec<Offer> = lengths_for(&ask)
            .into_iter()
            .map(|(label, typed)| Offer::say(label, line(before, permission, Some(&typed), &tail.reason)))
            .collect();
        if let Ask::DidYouMean { .. } = ask {
            let whole = line(before, permission, tail.typed_length.as_deref(), &tail.reason);
            offers.push(Offer::say(yes(tail.length), whole));
        }
        if offers.is_empty() {
            offers.push(Offer::form(
                "Open form",
                line(before, permission, None, &tail.reason),
            ));
        }
        let form = Box::new(Prefill {
            integration: Some(known.name.clone()),
            resource: Some((target.kind.to_owned(), target.title.clone())),
            permission: tail.permission,
            length: tail.typed_length,
            reason: Some(tail.reason).filter(|reason| !reason.is_empty()),
        });
        Question { ask, offers, form }
    }
}

/// "Yes", with the length if one was typed.
fn yes(length: Option<Length>) -> String {
    match length {
        Some(Length::For(seconds)) => format!("Yes, {}", humanize(seconds)),
        Some(Length::Until(_)) | None => "Yes".into(),
    }
}

/// The length that stands somewhere after a name: for the labels of buttons.
fn length_in(words: &[&str], clock: Clock) -> Option<Length> {
    (0..words.len().min(3)).find_map(|at| match length::start(&words[at..], clock) {
        length::Start::Length(found) => Some(found.length),
        length::Start::Other | length::Start::Bad(_) => None,
    })
}

fn several(known: &Known, targets: &[Target<'_>], words: &[&str], clock: Clock) -> Question {
    // Alike in everything but their kind: then the kind tells them apart.
    let alike = |target: &Target<'_>| targets.iter().filter(|other| other.title == target.title).count() > 1;
    let name = |target: &Target<'_>| {
        if alike(target) {
            format!("{}:{}", target.kind, target.title)
        } else {
            target.title.clone()
        }
    };
    let names: Vec<String> = targets.iter().map(name).collect();
    let rest = &words[targets.first().map_or(0, |target| target.words)..];
    let length = length_in(rest, clock).is_some();
    let offers = names
        .iter()
        .take(if length {
            suggest::OFFERS + 2
        } else {
            suggest::OFFERS
        })
        .map(|name| {
            Offer::say(
                name.clone(),
                line(&format!("{} {name}", known.name), None, None, &rest.join(" ")),
            )
        })
        .collect();
    let form = Box::new(Prefill {
        integration: Some(known.name.clone()),
        ..Prefill::default()
    });
    Question {
        ask: Ask::Several { names },
        offers,
        form,
    }
}

fn no_such_resource(known: &Known, words: &[&str], clock: Clock) -> Question {
    let rest = &words[1..];
    let tails = known
        .resources
        .iter()
        .filter_map(|askable| askable.title.rsplit_once('/').map(|(_, tail)| tail));
    let titles = known
        .resources
        .iter()
        .map(|askable| askable.title.as_str())
        .chain(tails);
    let near = suggest::nearest(bare(words[0]), titles);
    let single = near.len() == 1;
    let mut question = suggest::did_you_mean(near, |name| {
        line(&format!("{} {name}", known.name), None, None, &rest.join(" "))
    });
    if single {
        question.offers[0].label = yes(length_in(rest, clock));
    }
    if question.offers.is_empty() {
        question.offers.push(Offer::form("Open form", known.name.clone()));
    }
    *question.form = Prefill {
        integration: Some(known.name.clone()),
        ..Prefill::default()
    };
    question
}

/// The first word is no integration: perhaps nearly one, perhaps a resource of one.
fn no_such_integration(words: &[&str], vocabulary: &Vocabulary, clock: Clock) -> Question {
    let (typed, rest) = (bare(words[0]), &words[1..]);
    let near = suggest::nearest(
        typed,
        vocabulary.integrations.iter().map(|known| known.name.as_str()),
    );
    if !near.is_empty() {
        let single = near.len() == 1;
        let mut question = suggest::did_you_mean(near, |name| line(name, None, None, &rest.join(" ")));
        if single {
            question.offers[0].label = yes(length_in(rest, clock));
        }
        return question;
    }
    let mut offers = Vec::new();
    for known in &vocabulary.integrations {
        let found = match find(words, known) {
            Matched::One(target) => vec![target],
            Matched::Several(targets) => targets,
            Matched::None => Vec::new(),
        };
        offers.extend(found.iter().take(suggest::OFFERS).map(|target| {
            let rest = words[target.words..].join(" ");
            let before = format!("{} {}", known.name, target.title);
            Offer::say(
                format!("{} / {}", known.name, target.title),
                line(&before, None, None, &rest),
            )
        }));
    }
    if offers.is_empty() {
        let offers = vec![Offer::form("Open form", String::new())];
        return Question {
            offers,
            ..Question::from(Ask::Unknown)
        };
    }
    offers.truncate(suggest::OFFERS + 2);
    Question {
        offers,
        ..Question::from(Ask::WhichIntegration)
    }
}
