//! Moments as people type them.

use chrono::{DateTime, Duration, NaiveDate, Utc};

/// A moment in the past, from which on something is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since(pub DateTime<Utc>);

pub fn parse(text: &str) -> Result<Since, String> {
    at(text, now()).map(Since)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person at the terminal means the machine's clock"
)]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

fn at(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let wrong =
        || "a date (2026-03-01), a moment (2026-03-01T14:00:00Z) or how long ago (2d, 12h, 30m)".to_owned();
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.to_utc());
    }
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return day
            .and_hms_opt(0, 0, 0)
            .map(|start| start.and_utc())
            .ok_or_else(wrong);
    }
    ago(text)
        .and_then(|ago| now.checked_sub_signed(ago))
        .ok_or_else(wrong)
}

fn ago(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let count: i64 = text
        .strip_suffix(unit)?
        .parse()
        .ok()
        .filter(|count| *count >= 0)?;
    match unit {
        'd' => Duration::try_days(count),
        'h' => Duration::try_hours(count),
        'm' => Duration::try_minutes(count),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_as_people_type_them() {
        let now = "2026-03-10T12:00:00Z".parse().unwrap();
        for (typed, meant) in [
            ("2026-03-01", Some("2026-03-01T00:00:00Z")),
            ("2026-03-01T14:00:00+02:00", Some("2026-03-01T12:00:00Z")),
            ("2d", Some("2026-03-08T12:00:00Z")),
            ("12h", Some("2026-03-10T00:00:00Z")),
            ("30m", Some("2026-03-10T11:30:00Z")),
            ("", None),
            ("d", None),
            ("-2d", None),
            ("2w", None),
            ("yesterday", None),
            ("99999999999999999d", None),
            ("2026-13-01", None),
            ("3ü", None),
        ] {
            let meant = meant.map(|text| text.parse::<DateTime<Utc>>().unwrap());
            assert_eq!(at(typed, now).ok(), meant, "{typed:?}");
        }
    }
}
