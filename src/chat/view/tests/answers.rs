//! Refusals, questions and late clicks, as people read them.

use insta::assert_snapshot;

use super::{super::*, *};
use crate::domain::{
    Verb,
    command::{Ask, Question},
    refusal::{Can, MayNot, Offer, Refusal, Why},
};

#[test]
fn a_refusal_helps() {
    let refused = Refusal {
        what: "admin on redis-cloud / prod for 3 d".into(),
        why: vec![
            Why::NoFlow {
                permission: "admin".into(),
            },
            Why::TooLong {
                longest_seconds: 8 * 3600,
            },
        ],
        can: vec![Can {
            permissions: vec!["read".into(), "read-write".into()],
            longest_seconds: 8 * 3600,
            decided_by: Some("group dba".into()),
        }],
        offers: vec![
            Offer::say("Ask for read-write 8 h", "redis-cloud prod read-write 8h"),
            Offer::form("Open form", "redis-cloud prod"),
        ],
    };
    assert_snapshot!(read(&refusal(&refused)), @"
    > Not possible: admin on redis-cloud / prod for 3 d.
    Not possible: admin on redis-cloud / prod for 3 d.
    Why not: no access flow gives you admin here · the longest you may ask for is 8 h
    You can: read or read-write, up to 8 h, decided by group dba
    [Ask for read-write 8 h] [Open form]
    ");
}

#[test]
fn a_single_reason_is_a_single_sentence() {
    let who = |why| Why::MayNotAct { why };
    for (why, words) in [
        (
            Why::NoFlow {
                permission: "admin".into(),
            },
            "no access flow gives you admin here",
        ),
        (
            Why::TooLong {
                longest_seconds: 28_800,
            },
            "Longest here is 8 h.",
        ),
        (Why::TooShort { shortest_seconds: 60 }, "At least 1 min."),
        (Why::ReasonNeeded, "This flow needs a reason."),
        (Why::Unknown, "Nothing of that name you can ask for."),
        (
            Why::NobodyToDecide,
            "nobody but you could decide; the admins were told",
        ),
        (
            Why::Retired {
                integration: "old-pg".into(),
            },
            "old-pg is retired",
        ),
        (
            Why::NotHealthy {
                integration: "orders-pg".into(),
            },
            "taking access back from orders-pg does not work right now, so nothing new is given",
        ),
        (Why::Unavailable { why: "paused".into() }, "paused"),
        (
            Why::Paused {
                why: "restored from a backup".into(),
            },
            "nothing is granted right now: restored from a backup",
        ),
        (Why::Held { until: at(16, 41, 0) }, "You hold it until 16:41."),
        (
            Why::Asked {
                code: ShortCode("r7k3f".into()),
            },
            "You asked for it already: R7K3F.",
        ),
        (
            Why::TooManyPending { most: 5 },
            "5 requests of yours wait already",
        ),
        (
            Why::OwnRequest {
                deciders: vec!["bob".into(), "eve".into()],
            },
            "Your own request: bob or eve decide.",
        ),
        (
            Why::OwnRequest {
                deciders: vec!["bob".into()],
            },
            "Your own request: bob decides.",
        ),
        (Why::NotAnApprover, "You are not one of those who decide on this."),
        (Why::AlreadyVoted, "You voted already; it needs somebody else."),
        (
            Why::Changed,
            "This changed since you looked. Here is how it is now; please decide again.",
        ),
        (Why::Active, "It is active."),
        (Why::NotActive, "It is not active."),
        (
            Why::ReasonTooLong { longest: 124 },
            "A reason has at most 124 characters.",
        ),
        (
            Why::BadTime {
                text: "18:00 is over.".into(),
            },
            "18:00 is over.",
        ),
        (
            who(MayNot::Guest),
            "Guests cannot ask for access or decide on it.",
        ),
        (
            who(MayNot::Stranger),
            "Only people of this installation's own workspace can use it.",
        ),
        (who(MayNot::Bot), "Bots cannot ask for access or decide on it."),
        (who(MayNot::Deactivated), "This account is deactivated."),
        (
            who(MayNot::Suspended),
            "Your chat profile is not the one we know you by. An admin has to confirm that you are you.",
        ),
        (
            who(MayNot::Unknown),
            "The chat could not tell us who you are just now. Please try again.",
        ),
    ] {
        let message = refusal(&Refusal::because("read on orders-pg / orders", why.clone()));
        let text = plain(&message.text);
        if words.ends_with('.') {
            assert_eq!(text, words);
        } else {
            assert_eq!(text, "Not possible: read on orders-pg / orders.");
            assert_eq!(drawn(&message.blocks[1]), format!("Why not: {words}"));
        }
    }
}

#[test]
fn a_late_click_is_told_what_happened() {
    for (what, words) in [
        (Verb::Approved, "bob approved this at 14:41."),
        (Verb::Denied, "bob denied this at 14:41."),
        (Verb::Cancelled, "bob took this back at 14:41."),
        (Verb::Expired, "This lapsed at 14:41."),
    ] {
        let case = Case::pending().decided(what, "bob", None);
        let decision = case.request.decision.clone().unwrap();
        assert_eq!(plain(&late(&decision).text), words);
        let error = crate::domain::vote::VoteError::AlreadyDecided(decision);
        assert_eq!(plain(&not_taken(&error, &[]).text), words);
    }
}

#[test]
fn questions_are_asked_in_words() {
    let typed = |text: &str| text.to_owned();
    for (ask, words) in [
        (Ask::Unknown, "Nothing of that name you can ask for."),
        (Ask::DidYouMean { name: typed("prod") }, "Did you mean prod?"),
        (
            Ask::Several {
                names: vec![typed("eu/cache"), typed("us/cache")],
            },
            "Two match: eu/cache, us/cache.",
        ),
        (
            Ask::Several {
                names: vec![typed("a"), typed("b"), typed("c")],
            },
            "3 match: a, b, c.",
        ),
        (Ask::WhichIntegration, "Which integration?"),
        (Ask::Unit { number: typed("2") }, "2 what?"),
        (Ask::AtLeastAMinute, "At least 1 minute."),
        (
            Ask::FarTooLong {
                typed: typed("9999w"),
            },
            "9999w is longer than anything here lasts.",
        ),
        (
            Ask::NotALength { typed: typed("3mo") },
            "\"3mo\" is no length of time. Like 2h, 90m, 2h30m or until 18:00.",
        ),
        (
            Ask::NotATime {
                typed: typed("later"),
            },
            "\"later\" is no time of day. Like until 18:00.",
        ),
        (
            Ask::NotATime { typed: String::new() },
            "Until when? Like until 18:00.",
        ),
        (
            Ask::Over {
                typed: typed("18:00"),
                next: None,
            },
            "18:00 is over.",
        ),
        (
            Ask::Over {
                typed: typed("18:00"),
                next: Some(typed("2026-05-05 18:00")),
            },
            "18:00 is over. until 2026-05-05 18:00?",
        ),
        (
            Ask::NoSuchTime {
                typed: typed("02:30"),
                next: Some(typed("2026-03-29 03:00")),
            },
            "There is no 02:30 that day: the clocks skip it. until 2026-03-29 03:00?",
        ),
        (
            Ask::WhichRequest {
                verb: typed("deny"),
                typed: None,
            },
            "Which request? Like deny R7K3F.",
        ),
        (
            Ask::WhichRequest {
                verb: typed("deny"),
                typed: Some(typed("x")),
            },
            "\"x\" is no request. Like deny R7K3F.",
        ),
    ] {
        let message = question(&Question {
            offers: vec![Offer::say("Yes, 2 h", "redis-cloud prod 2h")],
            ..Question::from(ask)
        });
        assert_eq!(read(&message), format!("> {words}\n{words}\n[Yes, 2 h]"));
    }
}
