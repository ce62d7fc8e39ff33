//! View D: the credential, shown once in a modal of its own; and the modal with what will run.

use chrono::{DateTime, Utc};
use minijinja::context;

use super::{CardFacts, say};
use crate::{
    chat::surface::{Block, Callback, Modal, clean},
    domain::AccessDetails,
    providers::{Credential, CredentialKind},
};

/// Statements that one preview shows.
const STATEMENTS: usize = 60;
/// The most that one block of statements holds, in characters.
const STATEMENT_BLOCK: usize = 2800;

/// How long a credential works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Works {
    Until(DateTime<Utc>),
    /// The end is not fixed yet.
    WhileActive,
}

fn modal(title: &str, blocks: Vec<Block>) -> Modal {
    let nothing = context! {};
    Modal {
        title: say("credential", title, &nothing),
        submit: None,
        close: say("credential", "close", &nothing),
        callback: Callback::None.as_text(),
        blocks,
    }
}

/// What templates call a kind of credential.
fn named(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Password => "password",
        CredentialKind::KeyPair => "key",
    }
}

/// What the modal opens as, while the credential is being set.
pub fn credential_modal_loading(kind: CredentialKind) -> Modal {
    let values = context! { kind => named(kind) };
    modal("title", vec![Block::Text(say("credential", "loading", &values))])
}

/// The credential. Each value stands in a block of its own, so that a long press copies exactly it.
///
/// Holds the secret: neither logged nor kept.
pub fn credential_modal(
    details: &AccessDetails,
    credential: &Credential,
    works: Works,
    notes: &[&str],
) -> Modal {
    let kind = named(credential.kind());
    let values = context! { kind };
    let secret = credential.secret();
    let mut blocks: Vec<Block> = details
        .fields
        .iter()
        .map(|(label, value)| Block::Copy {
            label: clean(label, 40),
            value: clean(value, 500),
        })
        .collect();
    blocks.push(Block::Copy {
        label: say("credential", "secret", &values),
        value: secret.expose().to_owned(),
    });
    blocks.extend(details.examples.iter().map(|example| Block::Copy {
        label: say("credential", "run", &values),
        value: clean(&filled(example, credential), 1000),
    }));
    let remarks = details
        .notes
        .iter()
        .map(String::as_str)
        .chain(notes.iter().copied());
    blocks.extend(
        remarks
            .filter(|note| !note.is_empty())
            .map(|note| Block::Text(clean(note, 400))),
    );
    let until = match works {
        Works::Until(at) => Some(at.timestamp()),
        Works::WhileActive => None,
    };
    blocks.push(Block::Context(say(
        "credential",
        "context",
        &context! { kind, until },
    )));
    modal("title", blocks)
}

/// A password goes into the lines that ask for it. A key has lines of its own and is read from a file: it never does.
fn filled(example: &str, credential: &Credential) -> String {
    match credential {
        Credential::Password(secret) => example.replace("{secret}", secret.expose()),
        Credential::KeyPair { .. } => example.to_owned(),
    }
}

/// What stays of it after five minutes.
pub fn credential_modal_blanked(kind: CredentialKind) -> Modal {
    let values = context! { kind => named(kind) };
    modal("title", vec![Block::Text(say("credential", "blanked", &values))])
}

/// `why` is scrubbed of secrets by whoever made it.
pub fn credential_modal_failed(kind: CredentialKind, why: &str) -> Modal {
    modal(
        "title",
        vec![
            Block::Text(say(
                "credential",
                "failed",
                &context! { kind => named(kind), why },
            )),
            Block::Context(say("credential", "failed_then", &context! {})),
        ],
    )
}

/// What approving would run in the target, secrets masked, and the whole reason. Lines that start with `# ` are the
/// provider's remarks on what will outlive the access.
pub fn preview_modal(facts: &CardFacts<'_>, statements: &[String]) -> Modal {
    let values = facts.values();
    let said = |block: &str| say("credential", block, &values);
    let (remarks, runs): (Vec<&String>, Vec<&String>) =
        statements.iter().partition(|line| line.starts_with("# "));
    let mut blocks = Vec::new();
    if runs.is_empty() {
        blocks.push(Block::Text(said("preview_none")));
    }
    let shown: Vec<String> = runs.iter().take(STATEMENTS).map(|line| statement(line)).collect();
    for (at, part) in parts(&shown).into_iter().enumerate() {
        let label = if at == 0 {
            said("preview_label")
        } else {
            String::new()
        };
        blocks.push(Block::Copy { label, value: part });
    }
    if runs.len() > STATEMENTS {
        let more = context! { more => runs.len() - STATEMENTS };
        blocks.push(Block::Context(say("credential", "preview_cut", &more)));
    }
    blocks.extend(remarks.iter().map(|line| Block::Text(clean(&line[2..], 400))));
    if !facts.request.reason.is_empty() {
        let whole: Vec<char> = said("preview_reason").chars().collect();
        blocks.extend(
            whole
                .chunks(STATEMENT_BLOCK)
                .map(|part| Block::Text(part.iter().collect())),
        );
    }
    blocks.push(Block::Context(said("preview_context")));
    modal("preview_title", blocks)
}

/// A statement keeps its own lines; each is cleaned.
fn statement(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| clean(line, STATEMENT_BLOCK - 1))
        .collect();
    clean_length(&lines.join("\n"))
}

fn clean_length(text: &str) -> String {
    text.chars().take(STATEMENT_BLOCK).collect()
}

/// Packs statements into as few blocks as they fit in.
fn parts(statements: &[String]) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for statement in statements {
        match parts.last_mut() {
            Some(last) if last.chars().count() + statement.chars().count() < STATEMENT_BLOCK => {
                last.push('\n');
                last.push_str(statement);
            }
            _ => parts.push(statement.clone()),
        }
    }
    parts
}
