//! Everything the product's table of typed lines says, and then some.

use chrono::{Duration, TimeZone};
use proptest::prelude::*;

use super::*;
use crate::domain::refusal::Does;

fn permission(name: &str, also: &[&str]) -> Permission {
    Permission {
        name: name.into(),
        also: also.iter().map(|text| (*text).to_owned()).collect(),
        about: String::new(),
        dangerous: false,
    }
}

fn resource(kind: &str, title: &str, permissions: &[Permission]) -> Askable {
    Askable {
        kind: kind.into(),
        title: title.into(),
        permissions: permissions.to_vec(),
        below: Vec::new(),
    }
}

/// What ann may ask for. There is a `secret-db`, but not for her.
fn vocabulary() -> Vocabulary {
    let (read, write) = (permission("read", &[]), permission("read-write", &[]));
    let both = [read.clone(), write];
    let mut orders = resource("database", "orders", std::slice::from_ref(&read));
    orders.below = vec![("table".into(), vec![permission("SELECT", &["read"])])];
    Vocabulary {
        integrations: vec![
            Known {
                name: "redis-cloud".into(),
                resources: vec![
                    resource("database", "prod", &both),
                    resource("database", "eu/cache", &both),
                    resource("database", "us/cache", &both),
                    resource("database", "My DB", &both),
                ],
            },
            Known {
                name: "orders-pg".into(),
                resources: vec![
                    orders,
                    resource("schema", "orders/public", std::slice::from_ref(&read)),
                    resource("role", "twin", std::slice::from_ref(&read)),
                    resource("schema", "twin", std::slice::from_ref(&read)),
                ],
            },
        ],
    }
}

/// 4 May 2026, 14:40 in Berlin.
fn clock() -> Clock {
    Clock {
        now: Utc.with_ymd_and_hms(2026, 5, 4, 12, 40, 0).unwrap(),
        zone: chrono_tz::Europe::Berlin,
    }
}

fn typed(line: &str) -> Result<Command, Question> {
    parse(line, &vocabulary(), clock().now, clock().zone)
}

fn length(length: Option<Length>) -> String {
    match length {
        None => "default".into(),
        Some(Length::For(seconds)) => humanize(seconds),
        Some(Length::Until(at)) => format!("until {}", at.format("%d. %H:%M UTC")),
    }
}

/// A wish in one line.
fn wish(line: &str) -> String {
    match typed(line) {
        Ok(Command::Access(wish)) => format!(
            "{} | {}:{} | {} | {} | {}",
            wish.integration,
            wish.kind,
            wish.resource,
            wish.permission.as_deref().unwrap_or("least"),
            length(wish.length),
            wish.reason
        ),
        other => format!("{other:?}"),
    }
}

/// A question in one line: its wording as people read it is the chat's, `Ask` is ours.
fn question(line: &str) -> String {
    let Err(question) = typed(line) else {
        return format!("{:?}", typed(line));
    };
    let offers = question.offers.iter().map(|offer| match &offer.does {
        Does::Say(line) => format!(" [{}: {line}]", offer.label),
        Does::Form(line) => format!(" [{}... {line}]", offer.label),
    });
    format!("{:?}{}", question.ask, offers.collect::<String>())
}

#[test]
fn lines_that_ask() {
    for (line, means) in [
        (
            "redis-cloud prod 2h",
            "redis-cloud | database:prod | least | 2 h | ",
        ),
        (
            "Redis-Cloud PROD rw 90m INC-7",
            "redis-cloud | database:prod | read-write | 1 h 30 min | INC-7",
        ),
        (
            "redis-cloud prod",
            "redis-cloud | database:prod | least | default | ",
        ),
        (
            "redis-cloud prod until 18:00",
            "redis-cloud | database:prod | least | until 04. 16:00 UTC | ",
        ),
        (
            "redis-cloud prod until 6pm stuck",
            "redis-cloud | database:prod | least | until 04. 16:00 UTC | stuck",
        ),
        (
            "redis-cloud prod until 18",
            "redis-cloud | database:prod | least | until 04. 16:00 UTC | ",
        ),
        (
            "redis-cloud prod until tomorrow 9:00",
            "redis-cloud | database:prod | least | until 05. 07:00 UTC | ",
        ),
        (
            "redis-cloud prod until 9:00 tomorrow x",
            "redis-cloud | database:prod | least | until 05. 07:00 UTC | x",
        ),
        (
            "redis-cloud prod until 2026-05-06 09:00",
            "redis-cloud | database:prod | least | until 06. 07:00 UTC | ",
        ),
        (
            "redis-cloud prod until 24:00",
            "redis-cloud | database:prod | least | until 04. 22:00 UTC | ",
        ),
        (
            "redis-cloud prod 2h30m",
            "redis-cloud | database:prod | least | 2 h 30 min | ",
        ),
        (
            "redis-cloud prod 2h 30m",
            "redis-cloud | database:prod | least | 2 h 30 min | ",
        ),
        (
            "redis-cloud prod 1.5h",
            "redis-cloud | database:prod | least | 1 h 30 min | ",
        ),
        (
            "redis-cloud prod 1,5 hours x",
            "redis-cloud | database:prod | least | 1 h 30 min | x",
        ),
        (
            "redis-cloud prod 2d",
            "redis-cloud | database:prod | least | 2 d | ",
        ),
        (
            "redis-cloud prod 30s",
            "redis-cloud | database:prod | least | 30 s | ",
        ),
        (
            "redis-cloud prod for 2h because “slow”",
            "redis-cloud | database:prod | least | 2 h | slow",
        ),
        (
            "redis-cloud\u{a0}prod\u{2003}for 2h — “a” and “b”",
            "redis-cloud | database:prod | least | 2 h | - \"a\" and \"b\"",
        ),
        (
            "redis-cloud prod 2h took 30m last time",
            "redis-cloud | database:prod | least | 2 h | took 30m last time",
        ),
        (
            "redis-cloud prod 3d",
            "redis-cloud | database:prod | least | 3 d | ",
        ),
        (
            "redis-cloud prod admin 1h",
            "redis-cloud | database:prod | admin | 1 h | ",
        ),
        (
            "redis-cloud prod superuser 1h",
            "redis-cloud | database:prod | superuser | 1 h | ",
        ),
        (
            "redis-cloud prod 1h read-write x",
            "redis-cloud | database:prod | read-write | 1 h | x",
        ),
        (
            "redis-cloud prod because it took 30m",
            "redis-cloud | database:prod | least | default | it took 30m",
        ),
        (
            "redis-cloud prod for the deploy",
            "redis-cloud | database:prod | least | default | for the deploy",
        ),
        (
            "redis-cloud prod 5xx errors",
            "redis-cloud | database:prod | least | default | 5xx errors",
        ),
        (
            "orders-pg orders 1h",
            "orders-pg | database:orders | least | 1 h | ",
        ),
        (
            "orders-pg orders/public 1h",
            "orders-pg | schema:orders/public | least | 1 h | ",
        ),
        (
            "orders-pg public 1h",
            "orders-pg | schema:orders/public | least | 1 h | ",
        ),
        (
            "orders-pg orders/Invoices read 1h",
            "orders-pg | table:orders/Invoices | SELECT | 1 h | ",
        ),
        (
            "orders-pg schema:twin 1h",
            "orders-pg | schema:twin | least | 1 h | ",
        ),
        (
            "redis-cloud my db 1h x",
            "redis-cloud | database:My DB | least | 1 h | x",
        ),
        (
            "redis-cloud `prod` 1h",
            "redis-cloud | database:prod | least | 1 h | ",
        ),
        (
            "/access redis-cloud prod 1h",
            "redis-cloud | database:prod | least | 1 h | ",
        ),
        (
            "redis-cloud prod 1h ask <@U1|bob> in <#C1|ops>, see <https://x.io/1|ticket> &amp;lt; <!channel>",
            "redis-cloud | database:prod | least | 1 h | ask @bob in #ops, see ticket &lt; @channel",
        ),
    ] {
        assert_eq!(wish(line), means, "{line}");
    }
}

#[test]
fn lines_that_need_an_answer() {
    for (line, asks) in [
        (
            "redis-clod prod 2h",
            "DidYouMean { name: \"redis-cloud\" } [Yes, 2 h: redis-cloud prod 2h]",
        ),
        (
            "redis-clod prod",
            "DidYouMean { name: \"redis-cloud\" } [Yes: redis-cloud prod]",
        ),
        (
            "redis-cloud prdo 2h",
            "DidYouMean { name: \"prod\" } [Yes, 2 h: redis-cloud prod 2h]",
        ),
        (
            "redis-cloud prod raed 2h",
            "DidYouMean { name: \"read\" } [Yes, 2 h: redis-cloud prod read 2h]",
        ),
        (
            "redis-cloud cache 1h",
            "Several { names: [\"eu/cache\", \"us/cache\"] } [eu/cache: redis-cloud eu/cache 1h] [us/cache: redis-cloud us/cache 1h]",
        ),
        (
            "orders-pg twin 1h",
            "Several { names: [\"role:twin\", \"schema:twin\"] } [role:twin: orders-pg role:twin 1h] [schema:twin: orders-pg schema:twin 1h]",
        ),
        (
            "prod 2h",
            "WhichIntegration [redis-cloud / prod: redis-cloud prod 2h]",
        ),
        (
            "redis-cloud prod 2",
            "Unit { number: \"2\" } [2 h: redis-cloud prod 2h] [2 min: redis-cloud prod 2m]",
        ),
        (
            "redis-cloud prod rw 90 x",
            "Unit { number: \"90\" } [3 d 18 h: redis-cloud prod read-write 90h x] [1 h 30 min: redis-cloud prod read-write 90m x]",
        ),
        (
            "redis-cloud prod 0m",
            "AtLeastAMinute [1 min: redis-cloud prod 1m] [1 h: redis-cloud prod 1h]",
        ),
        (
            "redis-cloud prod -1h",
            "AtLeastAMinute [1 min: redis-cloud prod 1m] [1 h: redis-cloud prod 1h]",
        ),
        (
            "redis-cloud prod –1h",
            "AtLeastAMinute [1 min: redis-cloud prod 1m] [1 h: redis-cloud prod 1h]",
        ),
        (
            "redis-cloud prod 99999999h",
            "FarTooLong { typed: \"99999999h\" } [Open form... redis-cloud prod]",
        ),
        (
            "redis-cloud prod 3mo",
            "NotALength { typed: \"3mo\" } [Open form... redis-cloud prod]",
        ),
        (
            "redis-cloud prod until 12:00 x",
            "Over { typed: \"12:00\", next: Some(\"2026-05-05 12:00\") } [Until 2026-05-05 12:00: redis-cloud prod until 2026-05-05 12:00 x]",
        ),
        (
            "redis-cloud prod until 2026-05-03 12:00",
            "Over { typed: \"2026-05-03 12:00\", next: None } [Open form... redis-cloud prod]",
        ),
        (
            "redis-cloud prod until later",
            "NotATime { typed: \"later\" } [Open form... redis-cloud prod]",
        ),
        (
            "redis-cloud prod until",
            "NotATime { typed: \"\" } [Open form... redis-cloud prod]",
        ),
        (
            "redis-cloud prod until 25:00",
            "NotATime { typed: \"25:00\" } [Open form... redis-cloud prod]",
        ),
        (
            "redis-cloud prod until 2099-01-01 12:00",
            "FarTooLong { typed: \"2099-01-01 12:00\" } [Open form... redis-cloud prod]",
        ),
        ("redis-cloud secret-db 1h", "Unknown [Open form... redis-cloud]"),
        ("redis-cloud nothing 1h", "Unknown [Open form... redis-cloud]"),
        ("snowflake x", "Unknown [Open form... ]"),
        (
            "catalog redis-clod",
            "DidYouMean { name: \"redis-cloud\" } [Yes: catalog redis-cloud]",
        ),
        ("catalog nothing", "Unknown"),
        ("approve", "WhichRequest { verb: \"approve\", typed: None }"),
        (
            "deny please",
            "WhichRequest { verb: \"deny\", typed: Some(\"please\") }",
        ),
        (
            "cancel 123",
            "WhichRequest { verb: \"cancel\", typed: Some(\"123\") }",
        ),
        (
            "extend soon",
            "WhichRequest { verb: \"extend\", typed: Some(\"soon\") }",
        ),
        (
            "extend R7K3F 2",
            "Unit { number: \"2\" } [2 h: extend R7K3F 2h] [2 min: extend R7K3F 2m]",
        ),
    ] {
        assert_eq!(question(line), asks, "{line}");
    }
}

#[test]
fn a_hidden_name_and_one_that_is_not_there_read_the_same() {
    assert_eq!(
        typed("redis-cloud secret-db 1h"),
        typed("redis-cloud zzzzzz-db 1h")
    );
}

#[test]
fn subcommands() {
    let code = ShortCode("R7K3F".into());
    let some = Some(code.clone());
    for (line, command) in [
        ("", Command::Form(Prefill::default())),
        ("  \u{200b} ", Command::Form(Prefill::default())),
        (
            "redis-cloud",
            Command::Form(Prefill {
                integration: Some("redis-cloud".into()),
                ..Prefill::default()
            }),
        ),
        ("help", Command::Help),
        ("MINE", Command::Mine),
        ("catalog", Command::Catalog { integration: None }),
        (
            "catalog Redis-Cloud",
            Command::Catalog {
                integration: Some("redis-cloud".into()),
            },
        ),
        ("status r7k3f", Command::Status { code: some.clone() }),
        ("status", Command::Status { code: None }),
        ("cancel `R7K3F`", Command::Cancel { code: some.clone() }),
        ("finish", Command::Finish { code: None }),
        ("finish #R7K3F", Command::Finish { code: some.clone() }),
        (
            "extend R7K3F 1h more work",
            Command::Extend {
                code: some.clone(),
                length: Some(Length::For(3600)),
                reason: "more work".into(),
            },
        ),
        (
            "extend 1h",
            Command::Extend {
                code: None,
                length: Some(Length::For(3600)),
                reason: String::new(),
            },
        ),
        (
            "extend r7k3f",
            Command::Extend {
                code: some.clone(),
                length: None,
                reason: String::new(),
            },
        ),
        (
            "extend",
            Command::Extend {
                code: None,
                length: None,
                reason: String::new(),
            },
        ),
        (
            "approve R7K3F",
            Command::Approve {
                code: code.clone(),
                reason: None,
            },
        ),
        (
            "approve R7K3F “go on”",
            Command::Approve {
                code: code.clone(),
                reason: Some("go on".into()),
            },
        ),
        (
            "deny R7K3F because no",
            Command::Deny {
                code: code.clone(),
                reason: Some("no".into()),
            },
        ),
        ("deny r7k3f", Command::Deny { code, reason: None }),
    ] {
        assert_eq!(typed(line), Ok(command), "{line}");
    }
}

#[test]
fn clocks_that_change() {
    let berlin = chrono_tz::Europe::Berlin;
    // The night of 28 to 29 March 2026: 02:00 to 03:00 is skipped.
    let spring = Utc.with_ymd_and_hms(2026, 3, 28, 23, 30, 0).unwrap();
    let skipped = parse_length("until 02:30", spring, berlin).unwrap_err();
    assert_eq!(
        skipped.ask,
        Ask::NoSuchTime {
            typed: "02:30".into(),
            next: Some("2026-03-29 03:00".into())
        }
    );
    // The night of 24 to 25 October 2026: 02:30 comes twice; the first is meant.
    let autumn = Utc.with_ymd_and_hms(2026, 10, 24, 22, 30, 0).unwrap();
    let first = Utc.with_ymd_and_hms(2026, 10, 25, 0, 30, 0).unwrap();
    assert_eq!(
        parse_length("until 02:30", autumn, berlin),
        Ok(Length::Until(first))
    );
    // Two hours are two hours.
    assert_eq!(Length::For(7200).end(autumn), autumn + Duration::hours(2));
}

#[test]
fn a_form_takes_what_was_understood() {
    let (vocabulary, clock) = (vocabulary(), clock());
    let filled = |line| prefill(line, &vocabulary, clock.now, clock.zone);
    let whole = filled("redis-cloud prod rw 2h stuck");
    assert_eq!(whole.resource, Some(("database".into(), "prod".into())));
    assert_eq!(
        (
            whole.permission.as_deref(),
            whole.length.as_deref(),
            whole.reason.as_deref()
        ),
        (Some("read-write"), Some("2h"), Some("stuck"))
    );
    let partly = filled("redis-cloud prod rw 2 stuck");
    assert_eq!(partly.resource, whole.resource);
    assert_eq!(
        (partly.permission.as_deref(), partly.length.as_deref()),
        (Some("read-write"), None)
    );
    assert_eq!(
        filled("redis-cloud secret-db").integration.as_deref(),
        Some("redis-cloud")
    );
    assert_eq!(filled("nonsense"), Prefill::default());
}

#[test]
fn suggestions_are_lines_that_name_exactly_one() {
    let vocabulary = vocabulary();
    let all = suggestions("", &vocabulary, 100);
    assert_eq!(all.len(), 8);
    for suggestion in &all {
        let parsed = parse(&suggestion.value, &vocabulary, clock().now, clock().zone);
        assert!(
            matches!(parsed, Ok(Command::Access(_))),
            "{suggestion:?} {parsed:?}"
        );
    }
    let cache: Vec<String> = suggestions("REDIS ca", &vocabulary, 1)
        .into_iter()
        .map(|one| one.label)
        .collect();
    assert_eq!(cache, ["redis-cloud / eu/cache"]);
}

#[test]
fn names_that_integrations_must_not_have() {
    for name in ["help", "Audit", "who", "oncall", "until"] {
        assert!(is_reserved(name), "{name}");
    }
    assert!(!is_reserved("redis-cloud"));
}

proptest! {
    #[test]
    fn no_line_is_too_odd(line in ".*") {
        drop(typed(&line));
    }

    #[test]
    fn no_tail_is_too_odd(tail in "[-0-9.,:a-z \u{1}<>|&“”@#!]{0,40}", verb in 0..4usize) {
        let before = ["redis-cloud prod", "redis-cloud prod until", "extend R7K3F", "redis-cloud prod rw"][verb];
        drop(typed(&format!("{before} {tail}")));
    }

    #[test]
    fn whatever_is_granted_is_bounded(tail in "[0-9]{1,12}(\\.[0-9]{1,3})?(s|m|h|d|w)") {
        if let Ok(Command::Access(wish)) = typed(&format!("redis-cloud prod {tail}")) {
            let seconds = wish.length.unwrap().seconds_from(clock().now);
            prop_assert!((1..=366 * 86_400).contains(&seconds));
        }
    }

    #[test]
    fn buttons_are_lines_that_are_understood(line in "(redis-cloud|redis-clod|prod|orders-pg) (prod|prdo|cache|twin|public) (2|2h|0m|raed 1h)?") {
        if let Err(question) = typed(&line) {
            for offer in question.offers {
                if let Does::Say(line) = offer.does {
                    let answer = typed(&line);
                    // One step closer: never the same question again.
                    prop_assert!(answer.as_ref().err().map(|next| &next.ask) != Some(&question.ask), "{line}: {answer:?}");
                }
            }
        }
    }
}
