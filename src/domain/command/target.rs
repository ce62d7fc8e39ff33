//! Which resource some words name.

use super::{Askable, Known, text::bare};
use crate::domain::Permission;

/// A resource's title may hold spaces; so many words are tried as one.
const TITLE_WORDS: usize = 6;

/// A resource that some words name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target<'a> {
    pub(super) kind: &'a str,
    pub(super) title: String,
    pub(super) below: Option<&'a str>,
    pub(super) permissions: &'a [Permission],
    /// How many words named it.
    pub(super) words: usize,
}

pub(super) enum Matched<'a> {
    One(Target<'a>),
    Several(Vec<Target<'a>>),
    None,
}

/// The resource that the first words name: the most words that do, and its whole title before the end of one.
pub(super) fn find<'a>(words: &[&str], known: &'a Known) -> Matched<'a> {
    for count in (1..=words.len().min(TITLE_WORDS)).rev() {
        let joined = words[..count].join(" ");
        let name = bare(&joined);
        let mut found: Vec<(Fit, Target<'a>)> = known
            .resources
            .iter()
            .filter_map(|askable| target(askable, name, count))
            .collect();
        let best = found.iter().map(|(fit, _)| *fit).min();
        found.retain(|(fit, _)| Some(*fit) == best);
        let mut found: Vec<Target<'a>> = found.into_iter().map(|(_, target)| target).collect();
        match found.len() {
            0 => {}
            1 => return Matched::One(found.remove(0)),
            _ => return Matched::Several(found),
        }
    }
    Matched::None
}

/// How a name names a resource; the first that fits anything counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Title,
    /// Something typed below it.
    Below,
    /// The end of its title.
    End,
}

fn target<'a>(askable: &'a Askable, name: &str, words: usize) -> Option<(Fit, Target<'a>)> {
    let (title, lower) = (askable.title.to_lowercase(), name.to_lowercase());
    let of_kind = lower.strip_prefix(&format!("{}:", askable.kind.to_lowercase()));
    let here = Target {
        kind: &askable.kind,
        title: askable.title.clone(),
        below: None,
        permissions: &askable.permissions,
        words,
    };
    if lower == title || of_kind == Some(title.as_str()) {
        return Some((Fit::Title, here));
    }
    if !lower.is_empty() && title.ends_with(&format!("/{lower}")) {
        return Some((Fit::End, here));
    }
    below(askable, &title, name, words).map(|target| (Fit::Below, target))
}

/// A name typed under a resource, of the first kind that may be, or of the one named (`table:orders/items`). Its case
/// is kept: only the target knows whether it matters.
fn below<'a>(askable: &'a Askable, title: &str, name: &str, words: usize) -> Option<Target<'a>> {
    let (parent, typed) = name.rsplit_once('/')?;
    let parent = parent.to_lowercase();
    let plain = !typed.is_empty() && !typed.contains(char::is_whitespace);
    let fits = |(kind, _): &&(String, Vec<Permission>)| {
        parent == title || parent.strip_prefix(&format!("{}:", kind.to_lowercase())) == Some(title)
    };
    let (kind, permissions) = askable.below.iter().find(fits).filter(|_| plain)?;
    Some(Target {
        kind,
        title: format!("{}/{typed}", askable.title),
        below: Some(&askable.title),
        permissions,
        words,
    })
}
