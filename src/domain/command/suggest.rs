//! Names that somebody may have meant: always as buttons, and only names that they may ask for.

use super::{Ask, Question, Vocabulary};
use crate::domain::refusal::Offer;

/// Buttons under one question.
pub(super) const OFFERS: usize = 3;

/// The names closest to what was typed, closest first; none that are far from it.
pub(super) fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let typed = typed.to_lowercase();
    let far = match typed.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    let mut near: Vec<(usize, &str)> = names
        .map(|name| (strsim::damerau_levenshtein(&typed, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= far)
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().map(|(_, name)| name).take(OFFERS).collect()
}

/// "Did you mean …?", or that there is nothing of that name.
pub(super) fn did_you_mean(near: Vec<&str>, line: impl Fn(&str) -> String) -> Question {
    let ask = match near.as_slice() {
        [] => Ask::Unknown,
        [one] => Ask::DidYouMean {
            name: (*one).to_owned(),
        },
        [first, ..] => Ask::DidYouMean {
            name: (*first).to_owned(),
        },
    };
    let offers = match near.as_slice() {
        [one] => vec![Offer::say("Yes", line(one))],
        several => several.iter().map(|name| Offer::say(*name, line(name))).collect(),
    };
    Question {
        offers,
        ..Question::from(ask)
    }
}

/// One entry of a searching field: what is sent back, and what is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// `INTEGRATION KIND:TITLE`: understood by `parse`.
    pub value: String,
    /// `redis-cloud / prod`.
    pub label: String,
}

/// What a person may ask for whose names hold all words that were typed; at most `most`.
pub fn suggestions(typed: &str, vocabulary: &Vocabulary, most: usize) -> Vec<Suggestion> {
    let typed = super::normalise(typed).to_lowercase();
    let words: Vec<&str> = typed.split_whitespace().filter(|word| *word != "/").collect();
    let all = vocabulary
        .integrations
        .iter()
        .flat_map(|known| known.resources.iter().map(move |resource| (known, resource)));
    all.map(|(known, resource)| Suggestion {
        value: format!("{} {}:{}", known.name, resource.kind, resource.title),
        label: format!("{} / {}", known.name, resource.title),
    })
    .filter(|suggestion| {
        let label = suggestion.label.to_lowercase();
        words.iter().all(|word| label.contains(word))
    })
    .take(most)
    .collect()
}
