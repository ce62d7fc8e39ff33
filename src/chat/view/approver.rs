//! View A: the card of those who decide, from the lock screen if they like. All copies end in the same words.

use minijinja::{Value, context};

use super::{CardFacts, State, counted, listed, requester::with_endings, say, state};
use crate::{
    chat::surface::{Act, Block, Button, Confirm, Message},
    domain::{PersonId, Purpose, Verdict},
};

/// The card in the flow's channel, or in an approver's own conversation with the bot.
pub fn approver_card(facts: &CardFacts<'_>) -> Message {
    let values = values(facts);
    let said = |block: &str| say("approver", block, &values);
    let mut blocks = vec![Block::Header(said("header")), Block::Text(said("what"))];
    if !facts.request.reason.trim().is_empty() {
        blocks.push(Block::Text(said("reason")));
    }
    let state = state(facts);
    let end = match outcome(state) {
        None => {
            blocks.push(Block::Context(context_line(facts, &values)));
            Some(vote_buttons(facts, &values))
        }
        Some(block) => {
            blocks.push(Block::Text(said(block)));
            let quotes = quotes(facts);
            if !quotes.is_empty() {
                blocks.push(Block::Context(quotes.join(" · ")));
            }
            end_button(facts, state, &values)
        }
    };
    blocks.extend(end.map(Block::Buttons));
    Message {
        text: said("text"),
        blocks,
    }
}

fn values(facts: &CardFacts<'_>) -> Value {
    let electors = &facts.request.electors;
    let you = facts
        .reader
        .and_then(|reader| electors.iter().find(|elector| elector.person == *reader));
    let digest = facts.request.subject_digest();
    let voters: Vec<&str> = facts
        .request
        .votes
        .iter()
        .filter(|vote| vote.verdict == Verdict::Approve && vote.digest == digest)
        .map(|vote| vote.name.as_str())
        .collect();
    let (votes, quorum) = counted(facts);
    let own = context! {
        your_why => you.map(|elector| elector.why.clone()),
        others => electors.len() > 1,
        votes, quorum,
        voters => (votes > 0 && voters.len() == votes as usize).then(|| listed(&voters, "and")),
        revoking_tested => facts.revoking_tested.map(|at| at.timestamp()),
    };
    let values = context! { ..own, ..with_endings(facts) };
    let approved = match &facts.request.decision {
        Some(_) => say("approver", "approved", &values),
        None => String::new(),
    };
    context! { approved, ..values }
}

/// The words for a state in which there is nothing left to decide.
fn outcome(state: State) -> Option<&'static str> {
    match state {
        State::Pending => None,
        State::Granting => Some("granting"),
        State::GrantingSlow => Some("granting_slow"),
        State::Active => Some("active"),
        State::Ending => Some("ending"),
        State::Revoking => Some("revoking"),
        State::Undoing => Some("undoing"),
        State::Stuck => Some("stuck"),
        State::Revoked => Some("revoked"),
        State::Denied => Some("denied"),
        State::Cancelled => Some("cancelled"),
        State::Expired => Some("expired"),
        State::Failed => Some("failed"),
        State::Extended => Some("extended"),
        State::Tested => Some("tested_card"),
    }
}

/// Why this reader, how far the vote is, and what to know before approving.
fn context_line(facts: &CardFacts<'_>, values: &Value) -> String {
    let is_asked = |reader: &PersonId| {
        facts
            .request
            .electors
            .iter()
            .any(|elector| elector.person == *reader)
    };
    let mut blocks = vec![if facts.reader.is_some_and(is_asked) {
        "you"
    } else {
        "asked"
    }];
    blocks.extend(["votes", "lapses"]);
    match facts.request.purpose {
        Purpose::TestCard => blocks.push("test"),
        Purpose::Access | Purpose::Extension { .. } => {
            blocks.push(if facts.revoking_tested.is_some() {
                "tested"
            } else {
                "untested"
            });
            if !facts.supports.sessions {
                blocks.push("no_sessions");
            }
            if facts.supports.expiry {
                blocks.push("expiry");
            }
            if facts.request.permission.dangerous {
                blocks.push("danger");
            }
        }
    }
    let said: Vec<String> = blocks
        .into_iter()
        .map(|block| say("approver", block, values))
        .collect();
    said.join(" ")
}

pub(super) fn vote_buttons(facts: &CardFacts<'_>, values: &Value) -> Vec<Button> {
    let (request, revision) = (facts.request.id.clone(), facts.request.revision);
    let label = |block: &str| say("approver", block, values);
    let approve = Button::new(
        label("approve"),
        Act::Approve {
            request: request.clone(),
            revision,
        },
    )
    .primary();
    let permission = &facts.request.permission;
    let approve = if permission.dangerous || permission.is_called("admin") {
        approve.confirm(Confirm {
            title: label("confirm_title"),
            text: label("confirm"),
            yes: label("approve"),
            no: label("confirm_no"),
        })
    } else {
        approve
    };
    let deny = Act::Deny {
        request: request.clone(),
        revision,
    };
    vec![
        approve,
        Button::new(label("deny"), deny).danger(),
        Button::new(label("preview"), Act::Preview { request }),
    ]
}

fn end_button(facts: &CardFacts<'_>, state: State, values: &Value) -> Option<Vec<Button>> {
    match state {
        State::Granting | State::GrantingSlow | State::Active | State::Ending => {
            let end = Act::End {
                request: facts.request.id.clone(),
            };
            Some(vec![Button::new(say("approver", "end", values), end).danger()])
        }
        State::Pending
        | State::Revoking
        | State::Undoing
        | State::Stuck
        | State::Revoked
        | State::Denied
        | State::Cancelled
        | State::Expired
        | State::Failed
        | State::Extended
        | State::Tested => None,
    }
}

/// What those who agreed gave as their reason. A denial's is in the line itself.
fn quotes(facts: &CardFacts<'_>) -> Vec<String> {
    let votes = facts
        .request
        .votes
        .iter()
        .filter(|vote| vote.verdict == Verdict::Approve);
    votes
        .filter_map(|vote| {
            let quote = vote
                .reason
                .as_deref()
                .filter(|reason| !reason.trim().is_empty())?;
            Some(say(
                "approver",
                "quotes",
                &context! { quoter => vote.name, quote },
            ))
        })
        .collect()
}

/// Values for one line about a request that waits for a vote.
pub(super) fn row_values(facts: &CardFacts<'_>) -> Value {
    values(facts)
}
