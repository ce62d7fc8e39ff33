//! The one short new message that a state gets when somebody has to know: editing a card alerts nobody.

use minijinja::context;

use super::{
    CardFacts, State,
    requester::{block_of, with_endings},
    say, state,
    state::ended_by_others,
};
use crate::chat::surface::Message;

/// What to tell the requester of the state their card is in: the name to remember it by, so that it is said once, and
/// the message. `None` where the edited card is enough.
pub fn announcement(facts: &CardFacts<'_>) -> Option<(String, Message)> {
    let state = state(facts);
    let block = match state {
        State::GrantingSlow => "granting_slow",
        State::Active => "active",
        State::Ending => "ending",
        State::Revoked if facts.lease.is_some_and(ended_by_others) => "revoked",
        State::Denied => "denied",
        State::Expired => "expired",
        State::Failed => "failed",
        State::Extended if !facts.automatic() => "extended",
        State::Tested => "tested",
        State::Pending
        | State::Granting
        | State::Revoking
        | State::Undoing
        | State::Stuck
        | State::Revoked
        | State::Cancelled
        | State::Extended => return None,
    };
    let values = with_endings(facts);
    let line = say("requester", block_of(state), &values);
    let message = Message::words(say("announce", block, &context! { line, ..values }));
    Some((remembered(facts, state, block), message))
}

/// A lease that was extended is warned of again.
fn remembered(facts: &CardFacts<'_>, state: State, block: &str) -> String {
    match (state, facts.lease) {
        (State::Ending, Some(lease)) => format!("{block}:{}", lease.ends_at().timestamp()),
        _ => block.to_owned(),
    }
}

/// For the resource's owner and the admins, once, when a lease that is over cannot be taken back. `None` in every other state.
pub fn stuck_notice(facts: &CardFacts<'_>) -> Option<Message> {
    (state(facts) == State::Stuck).then(|| Message::words(say("announce", "stuck", &with_endings(facts))))
}
