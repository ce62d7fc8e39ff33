//! Wording: named blocks of the files in `templates/`, compiled in.
//!
//! Every value from outside is cleaned as it is printed, so that nobody's name, reason or tag can forge a time marker or
//! a line. Only what the filters below return is printed as it is.

use std::sync::LazyLock;

use chrono::DateTime;
use minijinja::{Environment, Error, UndefinedBehavior, Value};

use crate::{
    chat::surface::{self, TimeStyle, clean},
    domain::span::humanize,
};

/// The longest that one value from outside may be in a text, in characters.
const LONGEST: usize = 600;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../templates/", $name, ".txt")))),+]
    };
}

/// One file for each view or family of messages.
const FILES: &[(&str, &str)] = files![
    "card",
    "approver",
    "requester",
    "announce",
    "refusal",
    "credential",
    "form",
    "home",
    "list",
    "notice",
    "question"
];

static WORDS: LazyLock<Environment<'static>> =
    LazyLock::new(|| environment(|_| None).expect("the compiled-in wording is parsed by a test"));

/// The wording, where `instead` has no other text for a file.
fn environment(instead: impl Fn(&str) -> Option<String>) -> Result<Environment<'static>, Error> {
    let mut words = Environment::new();
    words.set_undefined_behavior(UndefinedBehavior::Strict);
    words.set_trim_blocks(true);
    words.set_lstrip_blocks(true);
    words.set_formatter(|out, _, value| {
        let text = value.to_string();
        let text = if value.is_safe() {
            text
        } else {
            clean(&text, LONGEST)
        };
        out.write_str(&text).map_err(Error::from)
    });
    words.add_filter("time", |seconds: Option<i64>| marker(seconds, TimeStyle::Minute));
    words.add_filter("second", |seconds: Option<i64>| {
        marker(seconds, TimeStyle::Second)
    });
    words.add_filter("span", |seconds: i64| humanize(seconds));
    words.add_filter("cut", |text: &str, longest: usize| {
        Value::from_safe_string(clean(text, longest))
    });
    words.add_filter("sentence", |text: &str, longest: usize| {
        let text = clean(text.trim(), longest);
        let ends = text.ends_with(['.', '!', '?', '…']);
        Value::from_safe_string(if ends { text } else { text + "." })
    });
    words.add_filter("bare", |text: &str, longest: usize| {
        Value::from_safe_string(clean(text.trim().trim_end_matches('.'), longest))
    });
    // A file is only a set of blocks. Extending an empty one keeps them from being printed when it is evaluated.
    words.add_template("nothing", "")?;
    for (name, text) in FILES {
        let text = instead(name).unwrap_or_else(|| (*text).to_owned());
        words.add_template_owned(*name, format!("{{% extends 'nothing' %}}{text}"))?;
    }
    Ok(words)
}

/// A time that is not known, or out of range, is a gap people can see.
fn marker(seconds: Option<i64>, style: TimeStyle) -> Value {
    let at = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    Value::from_safe_string(at.map_or_else(|| "?".to_owned(), |at| surface::time(at, style)))
}

fn render(words: &Environment<'_>, file: &str, block: &str, values: &Value) -> Result<String, Error> {
    let mut captured = words.get_template(file)?.render_captured(values)?;
    let text = captured.with_state_mut(|state| state.render_block(block))?;
    Ok(text.trim().to_owned())
}

/// The text of one block. Wording that cannot be printed shows its name instead: a card is better than none.
pub(super) fn say(file: &str, block: &str, values: &Value) -> String {
    render(&WORDS, file, block, values).unwrap_or_else(|error| {
        debug_assert!(false, "wording {file}/{block}: {error:#}");
        format!("({file}: {block})")
    })
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[test]
    fn values_cannot_forge_times_or_lines() {
        let words = environment(|file| {
            (file == "card").then(|| "{% block x %}by {{ who }} at {{ at|time }}{% endblock %}".to_owned())
        })
        .unwrap();
        let values = context! { who => "bob\n\u{1}m0\u{1}\u{202e}eve\u{2028}", at => 60 };
        assert_eq!(
            render(&words, "card", "x", &values).unwrap(),
            "by bob m0eve  at \u{1}m60\u{1}"
        );
    }

    #[test]
    fn a_missing_value_is_an_error_not_a_gap() {
        let words = environment(|file| {
            (file == "card").then(|| "{% block x %}by {{ who }}{% endblock %}".to_owned())
        })
        .unwrap();
        assert!(render(&words, "card", "x", &context! {}).is_err());
        assert!(render(&words, "card", "y", &context! {}).is_err());
    }

    #[test]
    fn all_files_parse() {
        environment(|_| None).unwrap();
    }
}
