//! When a job runs: a cron expression of five fields in a time zone, with every trap of such expressions closed.
//!
//! Fields are minute, hour, day of the month, month, weekday (0 and 7 are Sunday, names work). When the clocks skip the
//! time of a run, it happens at the next instant there is; when they repeat it, it happens once, the first time. Runs
//! that were missed are one run.

use std::str::FromStr;

use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::command::after_gap;

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A checked expression: it runs some day.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// As written: `*/30 * * * *`.
    pub text: String,
    zone: Tz,
    /// Over local times, which know nothing of changing clocks: "UTC" in it is the zone's wall clock.
    local: cron::Schedule,
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.zone == other.zone
    }
}

impl Schedule {
    /// Checks an expression; the error says what to write instead.
    pub fn parse(text: &str, zone: Tz) -> Result<Self, String> {
        let text = text.trim();
        let local = cron::Schedule::from_str(&six_fields(text)?)
            .map_err(|error| format!("{text:?} is no cron expression: {error}"))?;
        let schedule = Self {
            text: text.to_owned(),
            zone,
            local,
        };
        // Any instant will do: without a year, what happens at all happens within eight years.
        if schedule
            .next_after(DateTime::UNIX_EPOCH + Duration::days(20_000))
            .is_none()
        {
            return Err(format!("{text:?} never happens: there is no such date"));
        }
        Ok(schedule)
    }

    /// The first run later than `t`. `None` only at the end of time.
    pub fn next_after(&self, t: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // No local time up to t's own is an instant later than t, so the search starts there; later ones may be instants
        // before t, while the clocks repeat an hour.
        let wall = t.with_timezone(&self.zone).naive_local().and_utc();
        self.local
            .after(&wall)
            .filter_map(|wall| self.instant(wall.naive_utc()))
            .find(|at| *at > t)
    }

    /// The latest run that should have happened since `last_fire` (ever, if none did) and up to `now`; however many were
    /// missed, it stands for all of them.
    pub fn due(&self, last_fire: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let wall = now.with_timezone(&self.zone).naive_local();
        let repeated = matches!(self.zone.from_local_datetime(&wall), LocalResult::Ambiguous(..));
        let ahead = if repeated {
            Duration::days(1)
        } else {
            Duration::seconds(1)
        };
        let from = wall.checked_add_signed(ahead)?.and_utc();
        let latest = self
            .local
            .after(&from)
            .rev()
            .filter_map(|wall| self.instant(wall.naive_utc()))
            .find(|at| *at <= now)?;
        last_fire.is_none_or(|last| latest > last).then_some(latest)
    }

    /// When a local time is.
    fn instant(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self.zone.from_local_datetime(&wall) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.to_utc()),
            LocalResult::None => after_gap(wall, self.zone),
        }
    }
}

/// The expression as the parser wants it: seconds first, weekdays by name (it counts them from 1).
fn six_fields(text: &str) -> Result<String, String> {
    let text = match text {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        text => text,
    };
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else {
        return Err(format!(
            "a cron expression has five fields (minute, hour, day, month, weekday), not {}: {text:?}",
            fields.len()
        ));
    };
    for (name, field) in [("minute", minute), ("hour", hour), ("day", day), ("month", month)] {
        plain(name, field)?;
    }
    if *day != "*" && *weekday != "*" {
        return Err(format!(
            "{text:?} names a day of the month and a weekday, which crons read in two ways; name one of them"
        ));
    }
    Ok(format!("0 {minute} {hour} {day} {month} {}", weekdays(weekday)?))
}

/// Only what every cron understands: no `L`, `W`, `#`, `?`; steps of at least one.
fn plain(name: &str, field: &str) -> Result<(), String> {
    let good =
        |c: char| c.is_ascii_digit() || "*,/-".contains(c) || (name == "month" && c.is_ascii_alphabetic());
    let step = field
        .split(',')
        .filter_map(|part| part.split_once('/'))
        .all(|(_, step)| step.parse::<u32>().is_ok_and(|step| step > 0));
    if field.chars().all(good) && step {
        return Ok(());
    }
    Err(format!(
        "{field:?} is no {name} of a cron expression: digits, * , - and /N with N from 1"
    ))
}

/// `1-5` to `MON,TUE,WED,THU,FRI`.
fn weekdays(field: &str) -> Result<String, String> {
    if field == "*" {
        return Ok(field.to_owned());
    }
    let mut days = [false; 7];
    for part in field.split(',') {
        let (first, last, step) = weekday_range(part).ok_or_else(|| {
            format!("{part:?} is no weekday of a cron expression: 0 to 7 (0 and 7 are Sunday), or SUN to SAT")
        })?;
        for day in (first..=last).step_by(step) {
            days[day % 7] = true;
        }
    }
    let names: Vec<&str> = (0..7).filter(|day| days[*day]).map(|day| WEEKDAYS[day]).collect();
    Ok(names.join(","))
}

/// First, last and step; the last may be 7, which is Sunday again.
fn weekday_range(part: &str) -> Option<(usize, usize, usize)> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step.parse::<usize>().ok().filter(|step| *step > 0)?)),
        None => (part, None),
    };
    let (first, last) = match (range, range.split_once('-'), step) {
        ("*", _, _) => (0, 6),
        (_, Some((first, last)), _) => {
            let (first, last) = (weekday(first)?, weekday(last)?);
            // FRI-SUN: Sunday ends the week as well as it begins it.
            (first, if last == 0 && first > 0 { 7 } else { last })
        }
        (one, None, Some(_)) => (weekday(one)?, 6),
        (one, None, None) => (weekday(one)?, weekday(one)?),
    };
    (first <= last).then_some((first, last, step.unwrap_or(1)))
}

fn weekday(text: &str) -> Option<usize> {
    let by_name = WEEKDAYS.iter().position(|name| name.eq_ignore_ascii_case(text));
    let by_number = || {
        Some(text)
            .filter(|text| text.len() == 1)?
            .parse()
            .ok()
            .filter(|day| *day <= 7)
    };
    by_name.or_else(by_number)
}

#[cfg(test)]
#[path = "cron_test.rs"]
mod tests;
