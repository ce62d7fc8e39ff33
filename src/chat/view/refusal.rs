//! View C: why not, and what instead. Private, at once.

use minijinja::{Value, context};

use super::{NAME, NAMES, listed, say};
use crate::{
    chat::surface::{self, Act, Block, Button, Message, clean},
    domain::{
        Decision, Verb,
        command::{Ask, Question},
        refusal::{Can, Does, MayNot, Offer, Refusal, Why},
        vote::{LONGEST_REASON, VoteError},
    },
};

/// Said to the person who asked, and to nobody else. A single plain reason is one short sentence.
pub fn refusal(refusal: &Refusal) -> Message {
    let mut message = match refusal.why.as_slice() {
        [only] if alone(only).is_some() => Message::words(sentence(only)),
        _ => reasons(refusal),
    };
    message.blocks.extend(buttons(&refusal.offers));
    message
}

fn sentence(why: &Why) -> String {
    let (block, values) = wording(why);
    say("refusal", alone(why).unwrap_or(block), &values)
}

fn reasons(refusal: &Refusal) -> Message {
    let what = say("refusal", "what", &context! { what => clean(&refusal.what, 300) });
    let why: Vec<String> = refusal
        .why
        .iter()
        .map(|why| {
            let (block, values) = wording(why);
            let text = say("refusal", block, &values);
            text.strip_suffix('.').map_or(text.clone(), str::to_owned)
        })
        .collect();
    let why = say("refusal", "why", &context! { why => why.join(" · ") });
    let mut blocks = vec![Block::Text(what.clone()), Block::Text(why)];
    if !refusal.can.is_empty() {
        let can: Vec<String> = refusal.can.iter().map(possible).collect();
        let can = say("refusal", "can", &context! { can => can.join(" · ") });
        blocks.push(Block::Text(can));
    }
    Message { text: what, blocks }
}

fn possible(can: &Can) -> String {
    let permissions: Vec<&str> = can.permissions.iter().map(String::as_str).collect();
    say(
        "refusal",
        "one_can",
        &context! {
            permissions => listed(&permissions, "or"),
            longest => can.longest_seconds,
            decided_by => can.decided_by,
        },
    )
}

/// The block that says a reason among others, and what it needs.
fn wording(why: &Why) -> (&'static str, Value) {
    match why {
        Why::NoFlow { permission } => ("no_flow", context! { permission => clean(permission, NAME) }),
        Why::TooLong { longest_seconds } => ("too_long", context! { longest => longest_seconds }),
        Why::TooShort { shortest_seconds } => ("too_short_alone", context! { shortest => shortest_seconds }),
        Why::ReasonNeeded => ("reason_alone", context! {}),
        Why::Unknown => ("unknown_alone", context! {}),
        Why::NobodyToDecide => ("nobody", context! {}),
        Why::Retired { integration } => ("retired", context! { integration }),
        Why::NotHealthy { integration } => ("not_healthy", context! { integration }),
        Why::Unavailable { why } => ("unavailable", context! { why }),
        Why::Paused { why } => ("paused", context! { why }),
        Why::Held { until } => ("held_alone", context! { until => until.timestamp() }),
        Why::Asked { code } => ("asked_alone", context! { code => surface::code(code) }),
        Why::TooManyPending { most } => ("too_many", context! { most }),
        Why::OwnRequest { deciders } => {
            let names: Vec<&str> = deciders.iter().map(String::as_str).collect();
            (
                "own_alone",
                context! { deciders => listed(&names, "or"), single => names.len() < 2 },
            )
        }
        Why::NotAnApprover => ("not_approver_alone", context! {}),
        Why::AlreadyVoted => ("voted_alone", context! {}),
        Why::Changed => ("changed_alone", context! {}),
        Why::Active => ("active_alone", context! {}),
        Why::NotActive => ("not_active_alone", context! {}),
        Why::ReasonTooLong { longest } => ("reason_long_alone", context! { longest }),
        Why::BadTime { text } => ("bad_time_alone", context! { text }),
        Why::MayNotAct { why } => (may_not(*why), context! {}),
    }
}

fn may_not(why: MayNot) -> &'static str {
    match why {
        MayNot::Guest => "guest_alone",
        MayNot::Stranger => "stranger_alone",
        MayNot::Bot => "bot_alone",
        MayNot::Deactivated => "deactivated_alone",
        MayNot::Suspended => "suspended_alone",
        MayNot::Unknown => "unsure_alone",
    }
}

/// The block that says a reason as a sentence of its own, where that is all there is to say.
fn alone(why: &Why) -> Option<&'static str> {
    match wording(why).0 {
        "too_long" => Some("too_long_alone"),
        block if block.ends_with("_alone") => Some(block),
        _ => None,
    }
}

fn buttons(offers: &[Offer]) -> Option<Block> {
    let button = |offer: &Offer| {
        let act = match &offer.does {
            Does::Say(line) => Act::Say { line: line.clone() },
            Does::Form(line) => Act::Form { line: line.clone() },
        };
        Button::new(clean(&offer.label, 75), act)
    };
    (!offers.is_empty()).then(|| Block::Buttons(offers.iter().map(button).collect()))
}

/// A line that was not understood, or not well enough to act on it.
pub fn question(question: &Question) -> Message {
    let (block, values) = asking(&question.ask);
    let mut message = Message::words(say("question", block, &values));
    message.blocks.extend(buttons(&question.offers));
    message
}

fn asking(ask: &Ask) -> (&'static str, Value) {
    let name = |text: &str| clean(text, NAME);
    match ask {
        Ask::Unknown => ("unknown", context! {}),
        Ask::DidYouMean { name: meant } => ("did_you_mean", context! { name => name(meant) }),
        Ask::Several { names } => {
            let list: Vec<String> = names.iter().take(NAMES).map(|text| name(text)).collect();
            (
                "several",
                context! { count => names.len(), names => list.join(", ") },
            )
        }
        Ask::WhichIntegration => ("which_integration", context! {}),
        Ask::Unit { number } => ("unit", context! { number => name(number) }),
        Ask::AtLeastAMinute => ("at_least", context! {}),
        Ask::FarTooLong { typed } => ("far_too_long", context! { typed => name(typed) }),
        Ask::NotALength { typed } => ("not_a_length", context! { typed => name(typed) }),
        Ask::NotATime { typed } => ("not_a_time", context! { typed => name(typed) }),
        Ask::Over { typed, next } => ("over", context! { typed => name(typed), next }),
        Ask::NoSuchTime { typed, next } => ("no_such_time", context! { typed => name(typed), next }),
        Ask::WhichRequest { verb, typed } => (
            "which_request",
            context! { verb, typed => typed.as_deref().map(name) },
        ),
    }
}

/// To somebody who pressed a button on what is decided: "bob approved this at 14:41."
pub fn late(decision: &Decision) -> Message {
    let verb = match decision.what {
        Verb::Approved => "approved",
        Verb::Denied => "denied",
        Verb::Cancelled => "cancelled",
        Verb::Expired => "expired",
    };
    let values = context! { verb, by => clean(&decision.by, NAME), at => decision.at.timestamp() };
    Message::words(say("refusal", "late", &values))
}

/// Why a vote was not taken. What was decided already is said as what happened, not as a mistake.
pub fn not_taken(error: &VoteError, deciders: &[String]) -> Message {
    let why = match error {
        VoteError::AlreadyDecided(decision) => return late(decision),
        VoteError::OwnRequest => Why::OwnRequest {
            deciders: deciders.to_vec(),
        },
        VoteError::NotAnApprover => Why::NotAnApprover,
        VoteError::AlreadyVoted(_) => Why::AlreadyVoted,
        VoteError::Changed => Why::Changed,
        VoteError::ReasonNeeded => Why::ReasonNeeded,
        VoteError::ReasonTooLong => Why::ReasonTooLong {
            longest: LONGEST_REASON,
        },
    };
    refusal(&Refusal::because("", why))
}
