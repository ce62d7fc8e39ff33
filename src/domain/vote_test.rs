//! Who may vote, and what votes add up to.

use super::*;
use crate::domain::{
    Length, Purpose,
    samples::{at, permission, request},
};

fn electors(names: &[&str]) -> Vec<Elector> {
    let elector = |name: &&str| Elector {
        person: (*name).into(),
        name: (*name).to_owned(),
        why: format!("group dba names {name}"),
    };
    names.iter().map(elector).collect()
}

fn vote(request: &Request, person: &str, verdict: Verdict) -> Vote {
    Vote {
        person: person.into(),
        name: person.into(),
        verdict,
        reason: None,
        at: at(1),
        authority: String::new(),
        digest: request.subject_digest(),
    }
}

/// A request for which these votes were given: `bob` approves, `-bob` denies.
fn voted(quorum: u32, votes: &[&str]) -> Request {
    let mut request = request("r", quorum);
    request.votes = votes
        .iter()
        .map(|text| match text.strip_prefix('-') {
            Some(person) => vote(&request, person, Verdict::Deny),
            None => vote(&request, text, Verdict::Approve),
        })
        .collect();
    request
}

#[test]
fn votes_are_counted_by_those_who_may_decide_now() {
    let pending = |have, need| Tally::Pending { have, need };
    let table: &[(u32, &[&str], &[&str], Tally)] = &[
        (1, &[], &["bob", "eve"], pending(0, 1)),
        (1, &["bob"], &["bob", "eve"], Tally::Approved),
        (2, &["bob"], &["bob", "eve"], pending(1, 2)),
        (2, &["bob", "eve"], &["bob", "eve"], Tally::Approved),
        // One person, one vote.
        (2, &["bob", "bob"], &["bob", "eve"], pending(1, 2)),
        // One Deny is enough, whoever agreed.
        (2, &["bob", "-eve"], &["bob", "eve"], Tally::Denied),
        (1, &["-bob", "eve"], &["bob", "eve"], Tally::Denied),
        // Who left the group since does not count any more, neither way.
        (1, &["bob"], &["eve"], pending(0, 1)),
        (1, &["-bob"], &["eve"], pending(0, 1)),
        (2, &["bob", "eve"], &["eve"], pending(1, 2)),
        // The asker never counts, though a group names them.
        (1, &["ann"], &["ann", "bob"], pending(0, 1)),
        // A stored quorum of none still asks for one.
        (0, &[], &["bob"], pending(0, 1)),
    ];
    for (quorum, votes, may, expected) in table {
        assert_eq!(
            voted(*quorum, votes).tally(&electors(may)),
            *expected,
            "{quorum} {votes:?} of {may:?}"
        );
    }
}

#[test]
fn a_vote_counts_only_for_what_was_voted_on() {
    type Change = fn(&mut Request);
    let changes: &[(&str, Change)] = &[
        ("length", |request| request.length = Length::For(7201)),
        ("permission", |request| {
            request.permission = permission("write", &[], false)
        }),
        ("its definition", |request| {
            request.permission.about = "all of it".into()
        }),
        ("resource", |request| request.resource.id = vec!["other".into()]),
        ("kind", |request| request.resource.kind = "schema".into()),
        ("person", |request| request.requester = "zed".into()),
        ("integration", |request| request.integration = "second".into()),
        ("flow", |request| request.flow.digest = "f2".into()),
        ("purpose", |request| request.purpose = Purpose::TestCard),
    ];
    for (what, change) in changes {
        let mut request = voted(1, &["bob"]);
        assert_eq!(request.tally(&electors(&["bob"])), Tally::Approved);
        change(&mut request);
        assert_eq!(
            request.tally(&electors(&["bob"])),
            Tally::Pending { have: 0, need: 1 },
            "{what}"
        );
        assert_eq!(
            request.can_take(&"bob".into(), 1),
            Ok(()),
            "{what}: may vote again"
        );
    }
    // What only cards show does not take votes away.
    let mut request = voted(1, &["bob"]);
    request.revision = 9;
    request.resource.title = "Production".into();
    request.reason = "explained better".into();
    assert_eq!(request.tally(&electors(&["bob"])), Tally::Approved);
}

#[test]
fn a_vote_is_taken_once_from_one_who_may_on_what_stands_now() {
    let may = electors(&["ann", "bob"]);
    let request = voted(2, &["bob"]);
    assert_eq!(
        request.authority(&"bob".into(), &may),
        Ok("group dba names bob".into())
    );
    assert_eq!(request.authority(&"ann".into(), &may), Err(VoteError::OwnRequest));
    assert_eq!(
        request.authority(&"zed".into(), &may),
        Err(VoteError::NotAnApprover)
    );

    assert_eq!(
        request.can_take(&"bob".into(), 1),
        Err(VoteError::AlreadyVoted(Verdict::Approve))
    );
    assert_eq!(request.can_take(&"eve".into(), 1), Ok(()));
    let mut changed = request.clone();
    changed.subject_revision = 3;
    assert_eq!(changed.can_take(&"eve".into(), 2), Err(VoteError::Changed));
    assert_eq!(changed.can_take(&"eve".into(), 3), Ok(()));
    let mut decided = request;
    let decision = Decision {
        what: Verb::Cancelled,
        by: "Ann".into(),
        by_person: Some("ann".into()),
        reason: None,
        at: at(2),
    };
    decided.decision = Some(decision.clone());
    assert_eq!(
        decided.can_take(&"eve".into(), 1),
        Err(VoteError::AlreadyDecided(decision))
    );
    assert!(!decided.is_approved() && !decided.is_pending());
}

#[test]
fn only_an_approved_wish_for_access_makes_a_lease() {
    use crate::domain::{Grounds, Lease};
    let grounds = || Grounds {
        now: at(0),
        target_id: "here".into(),
        scope: String::new(),
        start_within: chrono::Duration::minutes(10),
    };
    for what in [
        None,
        Some(Verb::Approved),
        Some(Verb::Denied),
        Some(Verb::Cancelled),
        Some(Verb::Expired),
    ] {
        for purpose in [Purpose::Access, Purpose::TestCard] {
            let mut request = request("r", 1);
            request.purpose = purpose.clone();
            request.decision = what.clone().map(|what| Decision {
                what,
                by: "Bob".into(),
                by_person: None,
                reason: None,
                at: at(0),
            });
            let expected = what == Some(Verb::Approved) && purpose == Purpose::Access;
            assert_eq!(
                Lease::of(&request, grounds()).is_some(),
                expected,
                "{what:?} {purpose:?}"
            );
        }
    }
}
