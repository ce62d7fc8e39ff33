//! View B: the requester's own card, which says where the request stands in one line.

use minijinja::{Value, context};

use super::{CardFacts, State, say, state};
use crate::{
    chat::surface::{Act, Block, Button, Confirm, Message, clean},
    domain::AccountName,
};

/// The card in the requester's own conversation with the bot.
pub fn requester_card(facts: &CardFacts<'_>) -> Message {
    let values = with_endings(facts);
    let state = state(facts);
    let line = say("requester", block_of(state), &values);
    let mut blocks = vec![
        Block::Header(say("card", "target", &values)),
        Block::Text(line.clone()),
    ];
    blocks.extend(details(facts, state, &values).into_iter().map(Block::Text));
    blocks.push(Block::Context(say("requester", "footer", &values)));
    let buttons = buttons(facts, state, &values);
    if !buttons.is_empty() {
        blocks.push(Block::Buttons(buttons));
    }
    Message {
        text: say("requester", "lock", &context! { line, ..values }),
        blocks,
    }
}

/// The facts, and the sentences about the end that both cards and their announcements share.
pub(super) fn with_endings(facts: &CardFacts<'_>) -> Value {
    let values = facts.values();
    let endings = context! {
        end_words => say("card", "end_words", &values),
        checked => say("card", "checked", &values),
        failure => say("requester", "failure", &values),
    };
    context! { ..endings, ..values }
}

pub(super) fn block_of(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Granting => "granting",
        State::GrantingSlow => "granting_slow",
        State::Active => "active",
        State::Ending => "ending",
        State::Revoking => "revoking",
        State::Undoing => "undoing",
        State::Stuck => "stuck",
        State::Revoked => "revoked",
        State::Denied => "denied",
        State::Cancelled => "cancelled",
        State::Expired => "expired",
        State::Failed => "failed",
        State::Extended => "extended",
        State::Tested => "tested",
    }
}

/// What helps to use access that is ready.
fn details(facts: &CardFacts<'_>, state: State, values: &Value) -> Vec<String> {
    if state != State::Active {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let custom = facts.custom_access_details.map(|text| clean(text, 400));
    lines.extend(custom.filter(|text| !text.is_empty()));
    let said = |block: &str| say("requester", block, values);
    if own_login(facts) {
        lines.push(said("sign_in"));
        let notes = facts
            .account
            .into_iter()
            .flat_map(|account| &account.details.notes);
        lines.extend(notes.map(|note| clean(note, 240)));
    } else if facts.credential_known() && facts.shown_before_this_lease() {
        lines.push(said("same_login"));
    } else if facts.account.is_some_and(|account| {
        account.credential.state == crate::domain::CredentialState::Setting && account.claim.is_none()
    }) {
        lines.push(said("unsure"));
    }
    lines
}

fn own_login(facts: &CardFacts<'_>) -> bool {
    facts
        .account
        .is_some_and(|account| matches!(account.name, AccountName::Theirs(_)))
}

pub(super) fn buttons(facts: &CardFacts<'_>, state: State, values: &Value) -> Vec<Button> {
    let request = facts.request.id.clone();
    let label = |block: &str| say("requester", block, values);
    let finish = Button::new(
        label("finish"),
        Act::Finish {
            request: request.clone(),
        },
    );
    match state {
        State::Pending | State::Granting | State::GrantingSlow => {
            vec![Button::new(label("cancel"), Act::Cancel { request })]
        }
        State::Active if own_login(facts) => vec![finish],
        State::Active => vec![show(facts, values), finish],
        State::Ending => {
            let extend = Act::Extend { request, until: None };
            vec![Button::new(label("extend"), extend).primary(), finish]
        }
        State::Revoked | State::Denied | State::Cancelled | State::Expired | State::Failed => {
            vec![Button::new(label("again"), Act::AskAgain { request })]
        }
        State::Revoking | State::Undoing | State::Stuck | State::Extended | State::Tested => Vec::new(),
    }
}

/// Once a password was shown, the same button would break what uses it: it says so and asks first.
fn show(facts: &CardFacts<'_>, values: &Value) -> Button {
    let label = |block: &str| say("requester", block, values);
    let button = Button::new(
        label("show"),
        Act::Show {
            request: facts.request.id.clone(),
        },
    );
    if !facts.credential_known() {
        return button.primary();
    }
    button.confirm(Confirm {
        title: label("show_title"),
        text: label("show_confirm"),
        yes: label("show_yes"),
        no: label("show_no"),
    })
}
