//! Texts as Slack draws them: literal, cut visibly at Slack's limits, times in the reader's own zone.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::chat::surface::{Piece, TimeStyle, pieces};

/// Invisible; keeps a character from being read as markup, for which Slack has no escape.
const SHIELD: char = '\u{200b}';

/// Length as the strictest reader counts it: UTF-16 units, as JavaScript does.
pub(super) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// At most `longest` units, with an ellipsis where it was cut.
pub(super) fn cut(text: &str, longest: usize) -> String {
    if units(text) <= longest {
        return text.to_owned();
    }
    join(text.chars().map(String::from), longest)
}

/// As `plain_text` shows it: time markers are spelled out in UTC, since nothing there is in the reader's zone.
pub(super) fn literal(text: &str) -> String {
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Literal(words) => words.to_owned(),
            Piece::Time(at, style) => spelled(at, style),
        })
        .collect()
}

/// A `plain_text` object: no markup, no mention, no emoji made of `:words:`. Slack refuses an empty one.
pub(super) fn plain(text: &str, longest: usize) -> Value {
    let text = if text.is_empty() { "…" } else { text };
    json!({"type": "plain_text", "text": cut(&literal(text), longest), "emoji": false})
}

/// `plain_text` wherever no time is in it; else `mrkdwn`, in which all but the times is shielded.
pub(super) fn text_object(text: &str, longest: usize, now: DateTime<Utc>) -> Value {
    if pieces(text).iter().any(|piece| matches!(piece, Piece::Time(..))) {
        json!({"type": "mrkdwn", "text": marked_up(text, longest, now), "verbatim": true})
    } else {
        plain(text, longest)
    }
}

/// A text for places that are always read as markup: nothing in it is, but for the times.
pub(super) fn marked_up(text: &str, longest: usize, now: DateTime<Utc>) -> String {
    let mut atoms = Vec::new();
    for piece in pieces(text) {
        match piece {
            Piece::Literal(words) => shield(words, &mut atoms),
            Piece::Time(at, style) => atoms.push(token(at, style, now)),
        }
    }
    if atoms.iter().map(|atom| units(atom)).sum::<usize>() <= longest {
        atoms.concat()
    } else {
        join(atoms.into_iter(), longest)
    }
}

/// As much of the parts as leaves room for the ellipsis. No part is ever split.
fn join(parts: impl Iterator<Item = String>, longest: usize) -> String {
    let mut out = String::new();
    let mut room = longest.saturating_sub(1);
    for part in parts {
        let wide = units(&part);
        if wide > room {
            break;
        }
        room -= wide;
        out.push_str(&part);
    }
    out.push('…');
    out
}

fn shield(words: &str, atoms: &mut Vec<String>) {
    let all: Vec<char> = words.chars().collect();
    for (at, &c) in all.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| all[at]);
        let after = all.get(at + 1).copied();
        atoms.push(shielded(c, before, after));
    }
}

fn shielded(c: char, before: Option<char>, after: Option<char>) -> String {
    let at_line_start = before.is_none_or(|b| b == '\n');
    match c {
        '&' => "&amp;".into(),
        '<' => "&lt;".into(),
        // At the start of a line even the escaped sign makes a quotation.
        '>' if at_line_start => format!("{SHIELD}&gt;"),
        '>' => "&gt;".into(),
        '*' | '_' | '~' | '`' => {
            let within_a_word =
                before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric);
            if within_a_word {
                c.to_string()
            } else {
                format!("{SHIELD}{c}{SHIELD}")
            }
        }
        other => other.to_string(),
    }
}

/// The bare time within twelve hours, where it cannot be mistaken; else with its date ("yesterday", "Nov 3").
fn token(at: DateTime<Utc>, style: TimeStyle, now: DateTime<Utc>) -> String {
    let time = match style {
        TimeStyle::Minute => "{time}",
        TimeStyle::Second => "{time_secs}",
    };
    let date = if (at - now).abs() < Duration::hours(12) {
        ""
    } else {
        "{date_short_pretty} "
    };
    format!("<!date^{}^{date}{time}|{}>", at.timestamp(), spelled(at, style))
}

fn spelled(at: DateTime<Utc>, style: TimeStyle) -> String {
    let format = match style {
        TimeStyle::Minute => "%Y-%m-%d %H:%M UTC",
        TimeStyle::Second => "%Y-%m-%d %H:%M:%S UTC",
    };
    at.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::surface::{clean, time};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("in range")
    }

    #[test]
    fn hostile_texts_stay_literal() {
        let now = at(1_000_000);
        for (name, drawn) in [
            ("<!channel>", "&lt;!channel&gt;"),
            ("<@U0EVE|eve>", "&lt;@U0EVE|eve&gt;"),
            ("a & b", "a &amp; b"),
            ("&lt;", "&amp;lt;"),
            ("> quoted", "\u{200b}&gt; quoted"),
            ("*bold*", "\u{200b}*\u{200b}bold\u{200b}*\u{200b}"),
            ("`code`", "\u{200b}`\u{200b}code\u{200b}`\u{200b}"),
            ("~x~", "\u{200b}~\u{200b}x\u{200b}~\u{200b}"),
            ("jit_7c1e_ann", "jit_7c1e_ann"),
            ("say \"hi\" 'there'", "say \"hi\" 'there'"),
            ("👩‍💻 :tada:", "👩‍💻 :tada:"),
        ] {
            assert_eq!(marked_up(name, 3000, now), drawn, "{name}");
            assert_eq!(plain(name, 3000)["text"], name, "{name}");
        }
    }

    #[test]
    fn direction_overrides_and_forged_markers_do_not_survive_cleaning() {
        let forged = clean("x\u{202e}gnp\u{1}m0\u{1}", 100);
        assert_eq!(forged, "xgnpm0");
        assert_eq!(text_object(&forged, 100, at(0))["type"], "plain_text");
    }

    #[test]
    fn times_are_tokens_with_the_date_where_it_matters() {
        let now = at(1_000_000);
        let near = format!("until {}", time(at(1_003_600), TimeStyle::Minute));
        assert_eq!(
            text_object(&near, 3000, now),
            json!({"type": "mrkdwn", "verbatim": true,
                "text": "until <!date^1003600^{time}|1970-01-12 14:46 UTC>"})
        );
        let far = time(at(1_100_000), TimeStyle::Second);
        assert_eq!(
            marked_up(&far, 3000, now),
            "<!date^1100000^{date_short_pretty} {time_secs}|1970-01-13 17:33:20 UTC>"
        );
        assert_eq!(literal(&near), "until 1970-01-12 14:46 UTC");
    }

    #[test]
    fn cuts_are_visible_and_never_inside_a_token_an_entity_or_a_surrogate_pair() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("🙂🙂🙂🙂", 6), "🙂🙂…");
        assert_eq!(marked_up("&&&", 11, at(0)), "&amp;&amp;…");
        let dated = format!("abc{}def", time(at(0), TimeStyle::Minute));
        assert_eq!(marked_up(&dated, 20, at(0)), "abc…");
        let long = "n".repeat(300);
        assert_eq!(units(&cut(&long, 75)), 75);
        for longest in 1..400 {
            assert!(units(&marked_up(&"<🙂*>".repeat(99), longest, at(0))) <= longest);
        }
    }
}
