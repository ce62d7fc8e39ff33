//! Lists in words: what a person holds and waits for, what they may ask for, how to ask.

use minijinja::context;

use super::{NAME, home::HomeFacts, home::own_line, home::waiting_line, listed, say};
use crate::chat::surface::{Block, Message, clean};

/// Rows of one list; all of them together stay below what a message may hold.
const ROWS: usize = 30;
/// Rows in one block.
const TOGETHER: usize = 5;

/// Something a person may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogRow {
    pub integration: String,
    pub resource: String,
    /// Least first.
    pub permissions: Vec<String>,
    pub longest_seconds: i64,
    /// "group dba"; `None` where nobody has to decide.
    pub decided_by: Option<String>,
    /// Why it cannot be asked for now.
    pub unavailable: Option<String>,
}

/// Packs lines into blocks, and says how many are missing.
fn rows(lines: Vec<String>, more: &str) -> Vec<Block> {
    let rest = lines.len().saturating_sub(ROWS);
    let mut blocks: Vec<Block> = lines[..lines.len() - rest]
        .chunks(TOGETHER)
        .map(|lines| Block::Text(lines.join("\n")))
        .collect();
    if rest > 0 {
        blocks.push(Block::Context(say("list", more, &context! { more => rest })));
    }
    blocks
}

/// Everything that waits for, is held by and is asked by one person: the home tab without its buttons.
pub fn mine(facts: &HomeFacts<'_>) -> Message {
    let title = say("list", "mine", &context! {});
    let sections = [
        (
            "waiting",
            facts.waiting.iter().map(waiting_line).collect::<Vec<_>>(),
        ),
        (
            "access",
            facts
                .access
                .iter()
                .map(|row| own_line(row, "access_row"))
                .collect(),
        ),
        (
            "requests",
            facts
                .requests
                .iter()
                .map(|row| own_line(row, "requests_row"))
                .collect(),
        ),
    ];
    let mut blocks = Vec::new();
    for (name, lines) in sections {
        if !lines.is_empty() {
            blocks.push(Block::Header(say(
                "home",
                name,
                &context! { count => lines.len() },
            )));
            blocks.extend(rows(lines, "more"));
        }
    }
    if blocks.is_empty() {
        return Message::words(say("list", "mine_none", &context! {}));
    }
    Message { text: title, blocks }
}

/// What a person may ask for; nothing else is ever named.
pub fn catalog(entries: &[CatalogRow]) -> Message {
    if entries.is_empty() {
        return Message::words(say("list", "catalog_none", &context! {}));
    }
    let title = say("list", "catalog", &context! {});
    let mut blocks = vec![Block::Header(title.clone())];
    blocks.extend(rows(entries.iter().map(catalog_line).collect(), "catalog_more"));
    Message { text: title, blocks }
}

fn catalog_line(row: &CatalogRow) -> String {
    let permissions: Vec<&str> = row.permissions.iter().map(String::as_str).collect();
    let values = context! {
        target => format!("{} / {}", row.integration, clean(&row.resource, NAME)),
        permissions => listed(&permissions, "or"),
        longest => row.longest_seconds,
        decided_by => row.decided_by.as_deref().map(|text| clean(text, NAME)),
        unavailable => row.unavailable,
    };
    say("list", "catalog_row", &values)
}

pub fn help() -> Message {
    let usage = say("list", "help", &context! {});
    let more = say("list", "help_more", &context! {});
    Message {
        text: usage.clone(),
        blocks: vec![Block::Text(usage), Block::Text(more)],
    }
}
