//! What people read, against the facts.

use std::collections::BTreeSet;

use latchkey::{
    demo::slack::Message,
    domain::{Audience, Card, EndReason, Request, Verb},
};

use crate::{
    store::{Before, is_access},
    tally::Tally,
    world::World,
};

/// A message's text as joe would read it, with the request it is about.
struct Read<'a> {
    text: String,
    request: &'a Request,
}

/// The bot's messages since the last drain.
fn recent<'a>(world: &World, facts: &'a Before) -> Vec<Read<'a>> {
    let reader = world.slack.person("joe");
    let messages = world.slack.all_messages().into_iter();
    let new = messages.filter(|message| message.from_app && message.ts > facts.read_until);
    new.filter_map(|message| {
        let text = reader.as_text(&message);
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
        let request = words.find_map(|word| facts.by_code(word))?;
        Some(Read { text, request })
    })
    .collect()
}

/// Nothing that a message says as done may be missing from the store, at whatever moment the bot died.
pub fn said_is_so(world: &World, facts: &Before, tally: &mut Tally) {
    for Read { text, request } in recent(world, facts) {
        let is = |verb: Verb| {
            request
                .decision
                .as_ref()
                .is_some_and(|decision| decision.what == verb)
        };
        let lease = facts.lease_of(request);
        let says = |words: &str| text.contains(words);
        let claims = [
            (says("Approved by ") || says(" approved."), request.is_approved()),
            (says("Denied by ") || says("was denied"), is(Verb::Denied)),
            (says("Nobody answered by "), is(Verb::Expired)),
            (says("1 of 2 votes"), !request.votes.is_empty()),
            (
                says("Ready until") || says("is ready until"),
                lease.is_some_and(|lease| lease.granted_at.is_some()),
            ),
            (
                says("Checked "),
                lease.is_some_and(|lease| lease.closed.is_some()),
            ),
        ];
        for (_, so) in claims.into_iter().filter(|(said, _)| *said) {
            tally.check("what a message says is so", so, || {
                format!("{text}\n{request:?}\n{lease:?}")
            });
        }
    }
}

/// Messages that still offer to vote on what is decided: the second copies of cards that were posted just before a kill.
pub fn offering(world: &World) -> Vec<Message> {
    let reader = world.slack.person("joe");
    let messages = world.slack.all_messages().into_iter();
    messages
        .filter(|message| message.from_app && message.only_for.is_none())
        .filter(|message| reader.as_text(message).contains("[Approve "))
        .collect()
}

/// After a drain. `healed`: what had to be pressed first.
pub fn at_rest(world: &World, facts: &Before, healed: &[Message], tally: &mut Tally) {
    let reader = world.slack.person("joe");
    let unsettled = |request: &&Request| !facts.settled.contains(&request.id);
    for request in facts.requests.values().filter(unsettled) {
        let cards: Vec<&Card> = facts
            .cards
            .iter()
            .filter(|card| card.request == request.id)
            .collect();
        let own = cards
            .iter()
            .filter(|card| card.audience == Audience::Requester)
            .count();
        tally.check("each request has its requester's card", own == 1, || {
            format!("{}: {cards:?}", request.code)
        });
        for card in cards {
            let shown = card
                .message
                .as_ref()
                .and_then(|at| world.slack.message(&at.place.channel, &at.id));
            let text = shown.as_ref().map(|message| reader.as_text(message));
            let wanted = last_words(facts, request, card);
            tally.check(
                "cards show the facts",
                text.as_ref().is_some_and(|text| text.contains(wanted)) && card.dead.is_none(),
                || format!("{} should say {wanted:?}: {card:?}\n{text:?}", request.code),
            );
            let is_healed = card
                .message
                .as_ref()
                .is_some_and(|at| healed.iter().any(|it| it.ts == at.id));
            tally.check("cards follow by themselves", !is_healed, || format!("{card:?}"));
        }
    }
    let left: BTreeSet<String> = offering(world)
        .iter()
        .map(|message| reader.as_text(message))
        .collect();
    tally.check(
        "nothing offers a vote on what is decided",
        left.is_empty(),
        || format!("{left:?}"),
    );
}

/// What a card says once all is over.
fn last_words(facts: &Before, request: &Request, card: &Card) -> &'static str {
    let mine = card.audience == Audience::Requester;
    let taken_back = if mine {
        "You took it back"
    } else {
        "took it back at"
    };
    match request.decision.as_ref().map(|decision| &decision.what) {
        None => "(undecided)",
        Some(Verb::Denied) if mine => "not now",
        Some(Verb::Denied) => "Denied by ",
        Some(Verb::Cancelled) => taken_back,
        Some(Verb::Expired) => "Nobody answered by ",
        Some(Verb::Approved) if !is_access(request) => "xtended",
        Some(Verb::Approved) => {
            let lease = facts.lease_of(request);
            let why = lease
                .and_then(|lease| lease.ended.as_ref())
                .map(|ended| &ended.why);
            let granted = lease.is_some_and(|lease| lease.granted_at.is_some());
            match why {
                Some(EndReason::Cancelled) if !granted => taken_back,
                Some(EndReason::NotReadyInTime { .. } | EndReason::Refused { .. }) if !granted => {
                    "othing was granted"
                }
                Some(_) => "Over ",
                None => "(not ended)",
            }
        }
    }
}
