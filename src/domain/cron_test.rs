use chrono_tz::{America::New_York, Australia::Lord_Howe, Europe::Berlin, Pacific::Apia};
use proptest::prelude::*;

use super::*;

fn utc(text: &str) -> DateTime<Utc> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M")
        .unwrap()
        .and_utc()
}

/// The next `count` runs, as the zone's clock shows them.
fn runs(text: &str, zone: Tz, from: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(text, zone).unwrap();
    let mut at = utc(from);
    (0..count)
        .map(|_| {
            at = schedule.next_after(at).unwrap();
            at.with_timezone(&zone).format("%a %d.%m. %H:%M%:::z").to_string()
        })
        .collect()
}

#[test]
fn five_fields_and_what_they_mean() {
    // Monday, 4 May 2026, 00:00 in UTC.
    for (text, next) in [
        ("*/30 * * * *", ["Mon 04.05. 00:30+00", "Mon 04.05. 01:00+00"]),
        ("0 * * * *", ["Mon 04.05. 01:00+00", "Mon 04.05. 02:00+00"]),
        ("15 3 * * *", ["Mon 04.05. 03:15+00", "Tue 05.05. 03:15+00"]),
        ("  5  4  *  *  * ", ["Mon 04.05. 04:05+00", "Tue 05.05. 04:05+00"]),
        ("0 0 * * 0", ["Sun 10.05. 00:00+00", "Sun 17.05. 00:00+00"]),
        ("0 0 * * 7", ["Sun 10.05. 00:00+00", "Sun 17.05. 00:00+00"]),
        ("0 0 * * 1", ["Mon 11.05. 00:00+00", "Mon 18.05. 00:00+00"]),
        ("0 0 * * sat", ["Sat 09.05. 00:00+00", "Sat 16.05. 00:00+00"]),
        ("0 0 * * 5-7", ["Fri 08.05. 00:00+00", "Sat 09.05. 00:00+00"]),
        ("0 0 * * FRI-SUN", ["Fri 08.05. 00:00+00", "Sat 09.05. 00:00+00"]),
        ("0 0 * * 6,0", ["Sat 09.05. 00:00+00", "Sun 10.05. 00:00+00"]),
        ("0 0 * * */3", ["Wed 06.05. 00:00+00", "Sat 09.05. 00:00+00"]),
        ("0 0 * * 4/2", ["Thu 07.05. 00:00+00", "Sat 09.05. 00:00+00"]),
        ("0 0 1,15 * *", ["Fri 15.05. 00:00+00", "Mon 01.06. 00:00+00"]),
        ("0 0 31 * *", ["Sun 31.05. 00:00+00", "Fri 31.07. 00:00+00"]),
        ("0 0 29 2 *", ["Tue 29.02. 00:00+00", "Sun 29.02. 00:00+00"]),
        ("0 12 * JUN-AUG *", ["Mon 01.06. 12:00+00", "Tue 02.06. 12:00+00"]),
        ("10-20/5 0 * * *", ["Mon 04.05. 00:10+00", "Mon 04.05. 00:15+00"]),
        ("@hourly", ["Mon 04.05. 01:00+00", "Mon 04.05. 02:00+00"]),
        ("@daily", ["Tue 05.05. 00:00+00", "Wed 06.05. 00:00+00"]),
        ("@weekly", ["Sun 10.05. 00:00+00", "Sun 17.05. 00:00+00"]),
        ("@monthly", ["Mon 01.06. 00:00+00", "Wed 01.07. 00:00+00"]),
        ("@yearly", ["Fri 01.01. 00:00+00", "Sat 01.01. 00:00+00"]),
    ] {
        assert_eq!(runs(text, Tz::UTC, "2026-05-04 00:00", 2), next, "{text}");
    }
}

#[test]
fn what_is_refused_says_why() {
    for (text, why) in [
        ("", "not 0"),
        ("* * * *", "not 4"),
        ("0 0 * * * *", "not 6"),
        ("0 0 0 * * * 2030", "not 7"),
        ("@reboot", "not 1"),
        ("60 * * * *", "no cron expression"),
        ("0 24 * * *", "no cron expression"),
        ("0 0 32 * *", "no cron expression"),
        ("0 0 0 * *", "no cron expression"),
        ("0 0 * 13 *", "no cron expression"),
        ("0 0 * foo *", "no cron expression"),
        ("30-10 * * * *", "no cron expression"),
        ("*/0 * * * *", "no minute"),
        ("*/x * * * *", "no minute"),
        ("-1 * * * *", "no cron expression"),
        ("0 0 L * *", "no day"),
        ("0 0 15W * *", "no day"),
        ("0 0 ? * MON", "no day"),
        ("0 0 * * 8", "no weekday"),
        ("0 0 * * 5#2", "no weekday"),
        ("0 0 * * MON-", "no weekday"),
        ("0 0 * * 6-2", "no weekday"),
        ("0 0 * * */0", "no weekday"),
        ("0 0 1,15 * MON", "name one of them"),
        ("0 0 13 * 5", "name one of them"),
        ("0 0 30 2 *", "never happens"),
        ("0 0 31 4,6,9,11 *", "never happens"),
    ] {
        let error = Schedule::parse(text, Tz::UTC).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn a_skipped_time_runs_at_the_next_there_is() {
    assert_eq!(
        runs("30 2 * * *", New_York, "2026-03-07 12:00", 3),
        [
            "Sun 08.03. 03:00-04",
            "Mon 09.03. 02:30-04",
            "Tue 10.03. 02:30-04"
        ]
    );
    assert_eq!(
        runs("*/30 * * * *", New_York, "2026-03-08 06:20", 4),
        [
            "Sun 08.03. 01:30-05",
            "Sun 08.03. 03:00-04",
            "Sun 08.03. 03:30-04",
            "Sun 08.03. 04:00-04"
        ]
    );
    // Half an hour is skipped here, and a whole day there.
    assert_eq!(
        runs("15 2 * * *", Lord_Howe, "2026-10-03 00:00", 1),
        ["Sun 04.10. 02:30+11"]
    );
    assert_eq!(
        runs("0 9 * * *", Apia, "2011-12-29 18:00", 3),
        [
            "Thu 29.12. 09:00-10",
            "Sat 31.12. 00:00+14",
            "Sat 31.12. 09:00+14"
        ]
    );
}

#[test]
fn a_repeated_time_runs_once() {
    assert_eq!(
        runs("30 1 * * *", New_York, "2026-10-31 12:00", 2),
        ["Sun 01.11. 01:30-04", "Mon 02.11. 01:30-05"]
    );
    assert_eq!(
        runs("*/30 * * * *", Berlin, "2026-10-24 23:50", 4),
        [
            "Sun 25.10. 02:00+02",
            "Sun 25.10. 02:30+02",
            "Sun 25.10. 03:00+01",
            "Sun 25.10. 03:30+01"
        ]
    );
}

#[test]
fn missed_runs_are_one() {
    let schedule = Schedule::parse("*/30 * * * *", Berlin).unwrap();
    let now = utc("2026-05-04 12:40");
    assert_eq!(schedule.due(Some(utc("2026-05-04 12:30")), now), None);
    assert_eq!(
        schedule.due(Some(utc("2026-05-04 12:00")), now),
        Some(utc("2026-05-04 12:30"))
    );
    assert_eq!(
        schedule.due(Some(utc("2020-01-01 00:00")), now),
        Some(utc("2026-05-04 12:30"))
    );
    assert_eq!(schedule.due(None, now), Some(utc("2026-05-04 12:30")));
    // On the dot counts; a last run in the future (a clock set back) waits for it.
    assert_eq!(
        schedule.due(None, utc("2026-05-04 12:30")),
        Some(utc("2026-05-04 12:30"))
    );
    assert_eq!(schedule.due(Some(utc("2026-05-04 13:00")), now), None);
    // In the repeated hour, what ran the first time is over, though the clock shows an earlier time.
    let ran = utc("2026-10-25 00:30");
    assert_eq!(schedule.due(None, utc("2026-10-25 01:10")), Some(ran));
    assert_eq!(schedule.due(Some(ran), utc("2026-10-25 01:50")), None);
    assert_eq!(
        schedule.due(Some(ran), utc("2026-10-25 02:00")),
        Some(utc("2026-10-25 02:00"))
    );
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "[-0-9*,/A-Z@# ]{0,20}|.*") {
        drop(Schedule::parse(&text, Berlin));
    }

    /// What is due is what going forward finds last.
    #[test]
    fn due_and_next_agree(
        minutes in 0i64..2_000_000,
        text in prop_oneof![Just("*/7 * * * *"), Just("30 2 * * *"), Just("0 0 * * 0"), Just("15 1-3 * * *")],
        zone in prop_oneof![Just(Berlin), Just(New_York), Just(Lord_Howe)],
    ) {
        let schedule = Schedule::parse(text, zone).unwrap();
        let now = utc("2025-01-01 00:00") + Duration::minutes(minutes);
        let due = schedule.due(None, now).unwrap();
        prop_assert!(due <= now);
        let next = schedule.next_after(due).unwrap();
        prop_assert!(next > now, "{due} {next} {now}");
        prop_assert_eq!(schedule.due(Some(due), now), None);
        prop_assert_eq!(schedule.due(Some(due), next), Some(next));
        prop_assert_eq!(schedule.next_after(next - Duration::seconds(1)), Some(next));
    }
}
