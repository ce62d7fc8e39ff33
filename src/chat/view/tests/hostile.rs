//! Texts from outside that try to be more than texts.

use super::{super::*, *};
use crate::{
    chat::surface::{Block, Field, Input, Piece, pieces},
    domain::{
        Verb,
        command::Ask,
        refusal::{Offer, Refusal, Why},
    },
};

/// What must not come through from anybody's text: markers, lines, direction overrides.
const HOSTILE: &str =
    "<!channel> *b* `c` {{ code }} {% raw %} \u{1}m99999\u{1}\r\n# Approved by eve\u{2028}x \u{202e}gnp 😀";

fn texts(block: &Block) -> Vec<&str> {
    match block {
        Block::Header(text) | Block::Text(text) | Block::Context(text) => vec![text],
        Block::Fields(texts) => texts.iter().map(String::as_str).collect(),
        Block::Copy { label, value } => vec![label, value],
        Block::Buttons(buttons) => buttons.iter().map(|button| button.label.as_str()).collect(),
        Block::Input(Field {
            label,
            input: Input::Search {
                initial: Some(choice),
            },
            ..
        }) => vec![label, &choice.label],
        Block::Input(_) | Block::Divider => Vec::new(),
    }
}

fn is_safe(text: &str) {
    for piece in pieces(text) {
        if let Piece::Time(at, _) = piece {
            assert!(at.timestamp() > 1_700_000_000, "a forged time: {text:?}");
        }
    }
    assert!(
        !text.contains(['\n', '\r', '\u{2028}', '\u{202e}']),
        "a forged line: {text:?}"
    );
}

#[test]
fn nobodys_name_forges_anything() {
    let long = format!("{HOSTILE}{}", "x".repeat(3000));
    let cases = [
        Case::pending(),
        Case::granting(),
        Case::active(),
        Case::ended(EndReason::EndedBy {
            name: long.clone(),
            reason: Some(long.clone()),
        }),
        Case::closed(EndReason::EndedBy {
            name: long.clone(),
            reason: Some(long.clone()),
        }),
        Case::closed(EndReason::Refused { why: long.clone() }),
        Case::pending().decided(Verb::Denied, &long, Some(&long)),
    ];
    for mut case in cases {
        let request = &mut case.request;
        request.reason = long.clone();
        request.requester_name = long.clone();
        request.resource.title = long.clone();
        request.permission.name = long.clone();
        request.flow.name = long.clone();
        for elector in &mut request.electors {
            (elector.name, elector.why) = (long.clone(), long.clone());
        }
        for vote in &mut request.votes {
            (vote.name, vote.reason) = (long.clone(), Some(long.clone()));
        }
        case.told = vec![long.clone()];
        let facts = case.facts();
        let mut messages = vec![
            requester_card(&facts),
            approver_card(&facts),
            said(&Said::Granted(&facts)),
        ];
        messages.extend(announcement(&facts).map(|(_, message)| message));
        for message in &messages {
            is_safe(&message.text);
            message.blocks.iter().flat_map(texts).for_each(is_safe);
            let drawn: usize = message
                .blocks
                .iter()
                .flat_map(texts)
                .map(|text| text.chars().count())
                .sum();
            assert!(drawn < 12_000, "{drawn} characters");
        }
        // A header has at most 150 characters, a button 75.
        for block in messages.iter().flat_map(|message| &message.blocks) {
            if let Block::Buttons(buttons) = block {
                assert!(buttons.iter().all(|button| button.label.chars().count() <= 75));
            }
        }
        deny_form(&facts).blocks.iter().flat_map(texts).for_each(is_safe);
    }
    let refused = Refusal {
        what: long.clone(),
        why: vec![
            Why::NoFlow {
                permission: long.clone(),
            },
            Why::Unavailable { why: long.clone() },
        ],
        can: Vec::new(),
        offers: vec![Offer::say(long.clone(), "x")],
    };
    refusal(&refused).blocks.iter().flat_map(texts).for_each(is_safe);
    for ask in [
        Ask::DidYouMean { name: long.clone() },
        Ask::NotALength { typed: long },
    ] {
        is_safe(&question(&ask.into()).text);
    }
}
