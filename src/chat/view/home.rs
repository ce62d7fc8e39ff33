//! View E: the home tab. Ten rows of each, so that it stays within what one page may hold.

use minijinja::{Value, context};

use super::{
    CardFacts, approver,
    requester::{block_of, buttons, with_endings},
    say, state,
};
use crate::{
    chat::surface::{Act, Block, Button, clean},
    domain::Integration,
};

const ROWS: usize = 10;

/// What one person's home tab shows. The lists may be longer than what is drawn.
#[derive(Debug, Clone)]
pub struct HomeFacts<'a> {
    /// Requests this person may vote on now, oldest first; their own are not among them.
    pub waiting: Vec<CardFacts<'a>>,
    /// Their leases that are not closed, soonest end first.
    pub access: Vec<CardFacts<'a>>,
    /// Their requests without a decision.
    pub requests: Vec<CardFacts<'a>>,
    /// Only for admins.
    pub admin: Option<AdminFacts<'a>>,
}

#[derive(Debug, Clone)]
pub struct AdminFacts<'a> {
    pub stuck: Vec<CardFacts<'a>>,
    pub integrations: Vec<&'a Integration>,
}

/// The blocks of the tab, at most 100.
pub fn home(facts: &HomeFacts<'_>) -> Vec<Block> {
    let ask = Act::Form { line: String::new() };
    let mut blocks = vec![Block::Buttons(vec![
        Button::new(say("home", "request", &context! {}), ask).primary(),
    ])];
    blocks.extend(section("waiting", &facts.waiting, waiting_row));
    blocks.extend(section("access", &facts.access, own_row("access_row")));
    blocks.extend(section("requests", &facts.requests, own_row("requests_row")));
    if let Some(admin) = &facts.admin {
        blocks.extend(section("stuck", &admin.stuck, |row| {
            vec![Block::Text(stuck_line(row))]
        }));
        blocks.extend(section("health", &admin.integrations, |row| {
            vec![Block::Text(health_line(row))]
        }));
    }
    blocks
}

fn section<T>(name: &str, rows: &[T], row: impl Fn(&T) -> Vec<Block>) -> Vec<Block> {
    let mut blocks = vec![Block::Header(say(
        "home",
        name,
        &context! { count => rows.len() },
    ))];
    if rows.is_empty() {
        let none = say("home", &format!("{name}_none"), &context! {});
        blocks.push(Block::Text(none));
    }
    blocks.extend(rows.iter().take(ROWS).flat_map(row));
    if rows.len() > ROWS {
        let more = context! { more => rows.len() - ROWS };
        blocks.push(Block::Context(say("home", "more", &more)));
    }
    blocks
}

pub(super) fn waiting_line(facts: &CardFacts<'_>) -> String {
    say("home", "waiting_row", &facts.values())
}

fn waiting_row(facts: &CardFacts<'_>) -> Vec<Block> {
    let values = approver::row_values(facts);
    vec![
        Block::Text(waiting_line(facts)),
        Block::Buttons(approver::vote_buttons(facts, &values)),
    ]
}

/// A row about something of the person's own: what the card says, in one line.
pub(super) fn own_line(facts: &CardFacts<'_>, block: &str) -> String {
    let values = with_endings(facts);
    let line = say("requester", block_of(state(facts)), &values);
    say("home", block, &context! { line, ..values })
}

fn own_row(block: &'static str) -> impl Fn(&CardFacts<'_>) -> Vec<Block> {
    move |facts| {
        let mut row = vec![Block::Text(own_line(facts, block))];
        let buttons = buttons(facts, state(facts), &facts.values());
        if !buttons.is_empty() {
            row.push(Block::Buttons(buttons));
        }
        row
    }
}

pub(super) fn stuck_line(facts: &CardFacts<'_>) -> String {
    say("home", "stuck_row", &facts.values())
}

fn health_line(integration: &Integration) -> String {
    let checked = integration.checked.as_ref();
    let health = checked.and_then(|checked| checked.health.as_ref());
    let missing = health
        .map(|health| health.missing.join(", "))
        .filter(|text| !text.is_empty());
    let values: Value = context! {
        name => integration.name.as_str(),
        kind => clean(&integration.kind, 40),
        retired => integration.retired,
        error => checked.and_then(|checked| checked.error.as_deref()),
        missing,
        checked => checked.map(|checked| checked.at.timestamp()),
        discovery_error => integration.discovery_error.as_deref(),
    };
    say("home", "health_row", &values)
}
