//! How long, as people type it: `2h30m`, `1.5h`, `2 hours`, `until 18:00`.

use chrono::{DateTime, Days, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::Ask;
use crate::domain::Length;

/// Nothing is ever granted for longer; it also keeps sums of times in range.
const LONGEST: f64 = 366.0 * 86_400.0;

/// The person's clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    pub now: DateTime<Utc>,
    pub zone: Tz,
}

/// A length at the start of some words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub length: Length,
    /// The words it was made of.
    pub words: usize,
}

/// What some words start with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Start {
    /// No length.
    Other,
    Length(Found),
    /// Meant as a length, but not one.
    Bad(Ask),
}

/// Reads a length that stands at the start of `words`.
pub(super) fn start(words: &[&str], clock: Clock) -> Start {
    match words {
        [until, rest @ ..] if until.eq_ignore_ascii_case("until") || until.eq_ignore_ascii_case("till") => {
            self::until(rest, clock)
        }
        [r#for, rest @ ..] if r#for.eq_ignore_ascii_case("for") => match span(rest) {
            Start::Length(found) => Start::Length(Found {
                words: found.words + 1,
                ..found
            }),
            other => other,
        },
        words => span(words),
    }
}

/// Reads a text that should be nothing but a length.
pub(super) fn whole(text: &str, clock: Clock) -> Result<Length, Ask> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match start(&words, clock) {
        Start::Length(found) if found.words == words.len() => Ok(found.length),
        Start::Bad(ask) => Err(ask),
        Start::Length(_) | Start::Other => Err(Ask::NotALength {
            typed: text.to_owned(),
        }),
    }
}

fn unit(text: &str) -> Option<f64> {
    Some(match text {
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 7.0 * 86_400.0,
        _ => return None,
    })
}

/// Units people type that are no length here.
fn strange(text: &str) -> bool {
    matches!(
        text,
        "ms" | "mo" | "mon" | "month" | "months" | "y" | "yr" | "yrs" | "year" | "years" | "x" | "q"
    )
}

/// A number at the start of a text, and the rest. A comma is a decimal point, too.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
        .unwrap_or(text.len());
    let digits = text[..end].replace(',', ".");
    (digits.starts_with(|c: char| c.is_ascii_digit())).then_some(())?;
    Some((digits.parse().ok()?, &text[end..]))
}

/// One word as a sum of units.
enum Word {
    Other,
    Seconds(f64),
    /// A number alone, or with a unit that is none.
    Number,
    Strange,
}

fn word(text: &str) -> Word {
    let text = text.to_ascii_lowercase();
    let mut rest = text.as_str();
    let mut sum = 0.0;
    while !rest.is_empty() {
        let Some((count, after)) = number(rest) else {
            return Word::Other;
        };
        if after.is_empty() {
            return if rest.len() == text.len() {
                Word::Number
            } else {
                Word::Other
            };
        }
        let end = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        match unit(&after[..end]) {
            Some(seconds) => sum += count * seconds,
            None if strange(&after[..end]) && end == after.len() => return Word::Strange,
            None => return Word::Other,
        }
        rest = &after[end..];
    }
    Word::Seconds(sum)
}

fn span(words: &[&str]) -> Start {
    let Some(first) = words.first() else {
        return Start::Other;
    };
    if let Some(positive) = first.strip_prefix('-') {
        return match word(positive) {
            Word::Seconds(_) | Word::Number => Start::Bad(Ask::AtLeastAMinute),
            Word::Strange | Word::Other => Start::Other,
        };
    }
    let mut sum = 0.0;
    let mut used = 0;
    while let Some((seconds, taken)) = part(&words[used..]) {
        // `2h 30m` is one length; `2h 2h` and `30m 2h` are not.
        if used > 0 && seconds >= sum {
            break;
        }
        sum += seconds;
        used += taken;
    }
    match (used, word(first)) {
        (0, Word::Number) => Start::Bad(Ask::Unit {
            number: (*first).to_owned(),
        }),
        (0, Word::Strange) => Start::Bad(Ask::NotALength {
            typed: (*first).to_owned(),
        }),
        (0, Word::Seconds(_) | Word::Other) => Start::Other,
        _ if sum < 1.0 => Start::Bad(Ask::AtLeastAMinute),
        _ if sum > LONGEST => Start::Bad(Ask::FarTooLong {
            typed: words[..used].join(" "),
        }),
        _ => Start::Length(Found {
            length: Length::For(sum as i64),
            words: used,
        }),
    }
}

/// `2h30m`, or `2` and `hours`.
fn part(words: &[&str]) -> Option<(f64, usize)> {
    match (word(words.first()?), words.get(1)) {
        (Word::Seconds(seconds), _) => Some((seconds, 1)),
        (Word::Number, Some(next)) => {
            let seconds = unit(&next.to_ascii_lowercase())?;
            Some((number(words[0])?.0 * seconds, 2))
        }
        (Word::Number | Word::Strange | Word::Other, _) => None,
    }
}

/// `18:00`, `tomorrow 18:00`, `18:00 tomorrow`, `2026-05-05 18:00`.
fn until(words: &[&str], clock: Clock) -> Start {
    let lower: Vec<String> = words
        .iter()
        .take(2)
        .map(|word| word.to_ascii_lowercase())
        .collect();
    let today = clock.now.with_timezone(&clock.zone).date_naive();
    let at = |index: usize| lower.get(index).map(String::as_str);
    let (day, time, used) = match (
        at(0).and_then(|word| self::day(word, today)),
        at(0).and_then(time_of_day),
    ) {
        (Some(day), _) => match at(1).and_then(time_of_day) {
            Some(time) => (Some(day), time, 2),
            None => return not_a_time(words),
        },
        (None, Some(time)) => match at(1).and_then(|word| self::day(word, today)) {
            Some(day) => (Some(day), time, 2),
            None => (None, time, 1),
        },
        (None, None) => return not_a_time(words),
    };
    let typed = words[..used].join(" ");
    match instant(day.unwrap_or(today), time, clock.zone) {
        Err(next) => Start::Bad(Ask::NoSuchTime { typed, next }),
        Ok(at) if at <= clock.now => {
            let next = today
                .checked_add_days(Days::new(1))
                .and_then(|day| instant(day, time, clock.zone).ok());
            let next = next.filter(|_| day.is_none_or(|day| day == today));
            Start::Bad(Ask::Over {
                typed,
                next: next.map(|at| local(at, clock.zone)),
            })
        }
        Ok(at) if at - clock.now > Duration::days(366) => Start::Bad(Ask::FarTooLong { typed }),
        Ok(at) => Start::Length(Found {
            length: Length::Until(at),
            words: used + 1,
        }),
    }
}

fn not_a_time(words: &[&str]) -> Start {
    Start::Bad(Ask::NotATime {
        typed: words.first().copied().unwrap_or_default().to_owned(),
    })
}

/// How a line names an instant so that it means the same tomorrow.
fn local(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
}

fn day(text: &str, today: NaiveDate) -> Option<NaiveDate> {
    match text {
        "today" => Some(today),
        "tomorrow" => today.checked_add_days(Days::new(1)),
        text => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok(),
    }
}

/// A time of day; `24:00` is the end of it.
#[derive(Debug, Clone, Copy)]
enum TimeOfDay {
    At(NaiveTime),
    Midnight,
}

fn time_of_day(text: &str) -> Option<TimeOfDay> {
    if text == "24:00" || text == "midnight" {
        return Some(TimeOfDay::Midnight);
    }
    if text == "noon" {
        return NaiveTime::from_hms_opt(12, 0, 0).map(TimeOfDay::At);
    }
    let (text, half) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(text), _) => (text, Some(0)),
        (_, Some(text)) => (text, Some(12)),
        (None, None) => (text, None),
    };
    let (hour, minute) = match text.split_once(':') {
        Some((hour, minute)) if minute.len() == 2 => (hour, minute.parse().ok()?),
        Some(_) => return None,
        None => (text, 0),
    };
    if hour.is_empty() || hour.len() > 2 || !hour.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hour: u32 = hour.parse().ok()?;
    let hour = match half {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(half) => hour % 12 + half,
    };
    NaiveTime::from_hms_opt(hour, minute, 0).map(TimeOfDay::At)
}

/// When that is. Twice (clocks go back): the first, so that nothing lasts longer than meant. Never (clocks go forward):
/// the next instant there is, as a local time.
fn instant(day: NaiveDate, time: TimeOfDay, zone: Tz) -> Result<DateTime<Utc>, Option<String>> {
    let local = match time {
        TimeOfDay::At(time) => Some(NaiveDateTime::new(day, time)),
        TimeOfDay::Midnight => day
            .checked_add_days(Days::new(1))
            .and_then(|day| day.and_hms_opt(0, 0, 0)),
    };
    let local = local.ok_or(None)?;
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Ok(at.to_utc()),
        LocalResult::None => Err(after_gap(local, zone).map(|at| self::local(at, zone))),
    }
}

/// The first instant after a gap that `local` falls into. Gaps are at most a day long.
pub(crate) fn after_gap(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    (1..=25 * 60).find_map(|minutes| {
        let later = local.checked_add_signed(Duration::minutes(minutes))?;
        zone.from_local_datetime(&later).earliest().map(|at| at.to_utc())
    })
}
