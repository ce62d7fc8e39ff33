//! Both cards in every state, as people read them.

use chrono::Duration;
use insta::assert_snapshot;

use super::{super::*, *};
use crate::{
    chat::surface::{Act, Block},
    domain::{AccessDetails, AccountName, ApprovalThen, Trouble, Verb},
};

#[test]
fn the_approver_reads_who_what_why_and_why_them() {
    assert_snapshot!(Case::pending().approver(), @r#"
    > ann asks for read-write on redis-cloud / prod, 2 h: queue stuck, INC-2231
    # Access request R7K3F
    ann · read-write · redis-cloud / prod · 2 h from the moment it is ready, about 14:38-16:38 (your time)
    "queue stuck, INC-2231"
    ~ Asked: bob and eve, because tag owner=dba on prod names group dba. 0 of 1 votes. Lapses 22:38. Revoking tested 14:37:40.
    [Approve 2 h] [Deny...] [What will run]
    "#);

    let mut case = Case::pending();
    case.reader = Some("bob".into());
    case.supports = Supports {
        sessions: false,
        expiry: true,
    };
    case.tested = None;
    case.request.permission.dangerous = true;
    case.request.flow.approval = ApprovalThen::Quorum(2);
    case.request.reason = String::new();
    case.request.length = Length::Until(at(16, 0, 0));
    assert_snapshot!(case.approver(), @"
    > ann asks for read-write on redis-cloud / prod, until 16:00
    # Access request R7K3F
    ann · read-write · redis-cloud / prod · until 16:00
    ~ You, because tag owner=dba on prod names group dba (bob and eve). 0 of 2 votes. Lapses 22:38. Revoking not tested yet. redis-cloud cannot end open sessions. If we are down, redis-cloud ends it by itself, a little later. With read-write, ann could widen their own access.
    [Approve until 18:00 CEST?] [Deny...] [What will run]
    ");
}

#[test]
fn a_dangerous_approval_is_confirmed_and_buttons_carry_the_revision() {
    let mut case = Case::pending();
    case.request.permission.also.push("admin".into());
    case.request.revision = 7;
    let card = approver_card(&case.facts());
    let Some(Block::Buttons(buttons)) = card.blocks.last() else {
        panic!("no buttons")
    };
    assert_eq!(
        buttons[0].act,
        Act::Approve {
            request: "req1".into(),
            revision: 7
        }
    );
    assert_eq!(
        buttons[0].confirm.as_ref().unwrap().text,
        "ann gets read-write on redis-cloud / prod, 2 h."
    );
    assert_eq!(
        buttons[1].act,
        Act::Deny {
            request: "req1".into(),
            revision: 7
        }
    );
    assert_eq!(
        buttons[2].act,
        Act::Preview {
            request: "req1".into()
        }
    );
}

#[test]
fn votes_that_do_not_decide_yet_are_counted_by_name() {
    let mut case = Case::granting();
    case.request.decision = None;
    case.lease = None;
    case.request.flow.approval = ApprovalThen::Quorum(2);
    assert!(
        case.approver().contains(" 1 of 2 votes (bob). "),
        "{}",
        case.approver()
    );
    // A vote on something else than what stands now does not count.
    case.request.length = Length::For(60);
    assert!(case.approver().contains(" 0 of 2 votes. "), "{}", case.approver());
}

#[test]
fn extensions_and_test_cards_say_what_they_are() {
    let mut case = Case::pending();
    let lease = crate::domain::LeaseRef {
        account: "a1".into(),
        lease: "l1".into(),
    };
    case.request.purpose = Purpose::Extension {
        of: "req0".into(),
        lease,
        from: at(16, 41, 0),
        to: at(18, 41, 0),
    };
    assert_snapshot!(case.approver(), @r#"
    > ann asks to keep read-write on redis-cloud / prod until 18:41: queue stuck, INC-2231
    # Extension request R7K3F
    ann · read-write · redis-cloud / prod · until 18:41 instead of 16:41
    "queue stuck, INC-2231"
    ~ Asked: bob and eve, because tag owner=dba on prod names group dba. 0 of 1 votes. Lapses 22:38. Revoking tested 14:37:40.
    [Approve until 20:41 CEST] [Deny...] [What will run]
    "#);
    assert_snapshot!(case.decided(Verb::Approved, "bob", None).requester(), @r#"
    > redis-cloud / prod, read-write: bob extended it to 18:41.
    # redis-cloud / prod · read-write
    bob extended it to 18:41.
    ~ R7K3F · extension to 18:41 · "queue stuck, INC-2231"
    "#);

    let mut case = Case::pending();
    case.request.purpose = Purpose::TestCard;
    assert_snapshot!(case.approver(), @r#"
    > Test: ann asks for read-write on redis-cloud / prod, 2 h: queue stuck, INC-2231
    # Test card R7K3F
    ann · read-write · redis-cloud / prod · 2 h from the moment it is ready, about 14:38-16:38 (your time)
    "queue stuck, INC-2231"
    ~ Asked: bob and eve, because tag owner=dba on prod names group dba. 0 of 1 votes. Lapses 22:38. This is a test: whatever you press, nothing runs.
    [Approve 2 h] [Deny...] [What will run]
    "#);
    assert_snapshot!(case.decided(Verb::Approved, "bob", None).approver(), @r#"
    > Test: ann asks for read-write on redis-cloud / prod, 2 h: queue stuck, INC-2231
    # Test card R7K3F
    ann · read-write · redis-cloud / prod · 2 h from the moment it is ready, about 14:38-16:38 (your time)
    "queue stuck, INC-2231"
    Approved by bob 14:41. It was a test: nothing runs.
    "#);
}

#[test]
fn the_requester_sees_one_line_for_each_state() {
    assert_snapshot!(Case::pending().requester(), @r#"
    > redis-cloud / prod, read-write: Waiting for bob or eve (tag owner=dba on prod names group dba). Lapses 22:38.
    # redis-cloud / prod · read-write
    Waiting for bob or eve (tag owner=dba on prod names group dba). Lapses 22:38.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Cancel]
    "#);
    assert_snapshot!(Case::granting().requester(), @r#"
    > redis-cloud / prod, read-write: bob approved. Making your access on Redis Cloud. Your 2 h start when it is ready.
    # redis-cloud / prod · read-write
    bob approved. Making your access on Redis Cloud. Your 2 h start when it is ready.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Cancel]
    "#);

    let mut slow = Case::granting();
    slow.now = at(14, 43, 0);
    slow.account().waiting = Some("task 17 is still processing".into());
    assert_snapshot!(slow.requester(), @r#"
    > redis-cloud / prod, read-write: Still trying to make your access on Redis Cloud: task 17 is still processing. Your 2 h start when it is ready.
    # redis-cloud / prod · read-write
    Still trying to make your access on Redis Cloud: task 17 is still processing. Your 2 h start when it is ready.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Cancel]
    "#);
    assert_snapshot!(slow.announced(), @"granting_slow: redis-cloud / prod: Still trying to make your access on Redis Cloud: task 17 is still processing. Your 2 h start when it is ready.");

    assert_snapshot!(Case::active().requester(), @r#"
    > redis-cloud / prod, read-write: Ready until 16:41 (2 h).
    # redis-cloud / prod · read-write
    Ready until 16:41 (2 h).
    VPN first. No KEYS on prod.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Show credential] [Finish now]
    "#);
    assert_snapshot!(Case::active().approver(), @r#"
    > ann asks for read-write on redis-cloud / prod, 2 h: queue stuck, INC-2231
    # Access request R7K3F
    ann · read-write · redis-cloud / prod · 2 h from the moment it is ready, about 14:38-16:38 (your time)
    "queue stuck, INC-2231"
    Approved by bob 14:41, ends 16:41.
    ~ bob: "go"
    [End access]
    "#);
    assert_snapshot!(Case::active().announced(), @"active: redis-cloud / prod is ready until 16:41.");

    let mut ending = Case::active();
    ending.now = at(16, 31, 30);
    assert_snapshot!(ending.requester(), @r#"
    > redis-cloud / prod, read-write: Ends 16:41. Open sessions will be closed.
    # redis-cloud / prod · read-write
    Ends 16:41. Open sessions will be closed.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Extend] [Finish now]
    "#);
    assert_snapshot!(ending.announced(), @"ending:1777912890: redis-cloud / prod: Ends 16:41. Open sessions will be closed.");
}

#[test]
fn the_end_is_told_as_it_was_seen() {
    assert_snapshot!(Case::ended(EndReason::TimeUp).requester(), @r#"
    > redis-cloud / prod, read-write: Time is up. Closing sessions.
    # redis-cloud / prod · read-write
    Time is up. Closing sessions.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    "#);
    assert_snapshot!(Case::closed(EndReason::TimeUp).requester(), @r#"
    > redis-cloud / prod, read-write: Over 16:41:07. Checked 16:41:09: login disabled, 0 sessions.
    # redis-cloud / prod · read-write
    Over 16:41:07. Checked 16:41:09: login disabled, 0 sessions.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Ask again]
    "#);
    assert_snapshot!(Case::closed(EndReason::TimeUp).approver(), @r#"
    > ann asks for read-write on redis-cloud / prod, 2 h: queue stuck, INC-2231
    # Access request R7K3F
    ann · read-write · redis-cloud / prod · 2 h from the moment it is ready, about 14:38-16:38 (your time)
    "queue stuck, INC-2231"
    Approved by bob 14:41. Over 16:41:07. Checked 16:41:09: login disabled, 0 sessions.
    ~ bob: "go"
    "#);
    assert_eq!(Case::closed(EndReason::TimeUp).announced(), "-");
    assert_eq!(Case::closed(EndReason::Finished).announced(), "-");

    let by = EndReason::EndedBy {
        name: "bob".into(),
        reason: Some("incident is over".into()),
    };
    assert_snapshot!(Case::closed(by.clone()).requester(), @r#"
    > redis-cloud / prod, read-write: Over 16:41:07. bob ended it: "incident is over". Checked 16:41:09: login disabled, 0 sessions.
    # redis-cloud / prod · read-write
    Over 16:41:07. bob ended it: "incident is over". Checked 16:41:09: login disabled, 0 sessions.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Ask again]
    "#);
    assert_snapshot!(Case::closed(by).announced(), @r#"revoked: redis-cloud / prod is over. bob ended it: "incident is over"."#);
    assert_snapshot!(Case::closed(EndReason::RemovedInTarget).announced(), @"revoked: redis-cloud / prod is over. Somebody removed it in redis-cloud.");

    let mut blind = Case::closed(EndReason::TimeUp);
    let proof = Proof::Seen {
        looked_at: at(16, 41, 9),
        login_disabled: false,
        sessions: None,
    };
    blind.lease().closed.as_mut().unwrap().proof = proof;
    assert_snapshot!(blind.requester(), @r#"
    > redis-cloud / prod, read-write: Over 16:41:07. Checked 16:41:09: access gone; redis-cloud cannot tell open sessions.
    # redis-cloud / prod · read-write
    Over 16:41:07. Checked 16:41:09: access gone; redis-cloud cannot tell open sessions.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Ask again]
    "#);
}

#[test]
fn a_stuck_revocation_is_told_to_owner_and_admins() {
    let mut case = Case::ended(EndReason::TimeUp);
    assert_eq!(stuck_notice(&case.facts()), None);
    case.stuck = Some(at(16, 41, 20));
    case.lease().trouble = Some(Trouble {
        since: at(16, 41, 20),
        tries: 12,
        text: "connection refused".into(),
    });
    assert_snapshot!(case.requester(), @r#"
    > redis-cloud / prod, read-write: Over for you; redis-cloud does not answer since 16:41. We retry until it is gone; owner and admins know.
    # redis-cloud / prod · read-write
    Over for you; redis-cloud does not answer since 16:41. We retry until it is gone; owner and admins know.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    "#);
    assert_snapshot!(case.approver(), @r#"
    > ann asks for read-write on redis-cloud / prod, 2 h: queue stuck, INC-2231
    # Access request R7K3F
    ann · read-write · redis-cloud / prod · 2 h from the moment it is ready, about 14:38-16:38 (your time)
    "queue stuck, INC-2231"
    Approved by bob 14:41. Over, but redis-cloud does not answer since 16:41. We retry until it is gone; owner and admins know.
    ~ bob: "go"
    "#);
    assert_eq!(case.announced(), "-");
    assert_snapshot!(read(&stuck_notice(&case.facts()).unwrap()), @"
    > Not revoked: ann · read-write · redis-cloud / prod (R7K3F) is over since 16:41, but redis-cloud does not let us take it back since 16:41: connection refused. We retry until it is gone.
    Not revoked: ann · read-write · redis-cloud / prod (R7K3F) is over since 16:41, but redis-cloud does not let us take it back since 16:41: connection refused. We retry until it is gone.
    ");
}

#[test]
fn what_came_to_nothing_says_why() {
    let denied = Case::pending().decided(Verb::Denied, "bob", Some("use the replica"));
    assert_snapshot!(denied.requester(), @r#"
    > redis-cloud / prod, read-write: bob: "use the replica"
    # redis-cloud / prod · read-write
    bob: "use the replica"
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Ask again]
    "#);
    assert_snapshot!(denied.approver(), @r#"
    > ann asks for read-write on redis-cloud / prod, 2 h: queue stuck, INC-2231
    # Access request R7K3F
    ann · read-write · redis-cloud / prod · 2 h from the moment it is ready, about 14:38-16:38 (your time)
    "queue stuck, INC-2231"
    Denied by bob 14:41: "use the replica"
    "#);
    assert_snapshot!(denied.announced(), @r#"denied: redis-cloud / prod was denied. bob: "use the replica""#);

    let cancelled = Case::pending().decided(Verb::Cancelled, "ann", None);
    assert_snapshot!(cancelled.requester(), @r#"
    > redis-cloud / prod, read-write: You took it back at 14:41.
    # redis-cloud / prod · read-write
    You took it back at 14:41.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Ask again]
    "#);
    assert_snapshot!(cancelled.approver(), @r#"
    > ann asks for read-write on redis-cloud / prod, 2 h: queue stuck, INC-2231
    # Access request R7K3F
    ann · read-write · redis-cloud / prod · 2 h from the moment it is ready, about 14:38-16:38 (your time)
    "queue stuck, INC-2231"
    ann took it back at 14:41.
    "#);
    assert_eq!(cancelled.announced(), "-");

    let expired = Case::pending().decided(Verb::Expired, "nobody", None);
    assert_snapshot!(expired.requester(), @r#"
    > redis-cloud / prod, read-write: Nobody answered by 22:38. Asked: bob and eve.
    # redis-cloud / prod · read-write
    Nobody answered by 22:38. Asked: bob and eve.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Ask again]
    "#);
    assert_snapshot!(expired.approver(), @r#"
    > ann asks for read-write on redis-cloud / prod, 2 h: queue stuck, INC-2231
    # Access request R7K3F
    ann · read-write · redis-cloud / prod · 2 h from the moment it is ready, about 14:38-16:38 (your time)
    "queue stuck, INC-2231"
    Nobody answered by 22:38.
    "#);
    assert_snapshot!(expired.announced(), @"expired: redis-cloud / prod: Nobody answered by 22:38. Asked: bob and eve.");

    let why = EndReason::Refused {
        why: "our login on orders-pg lacks CREATEROLE".into(),
    };
    let mut failed = Case::closed(why.clone());
    failed.lease().granted_at = None;
    assert_snapshot!(failed.requester(), @r#"
    > redis-cloud / prod, read-write: Nothing was granted: our login on orders-pg lacks CREATEROLE; ann was told.
    # redis-cloud / prod · read-write
    Nothing was granted: our login on orders-pg lacks CREATEROLE; ann was told.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Ask again]
    "#);
    assert_snapshot!(failed.approver(), @r#"
    > ann asks for read-write on redis-cloud / prod, 2 h: queue stuck, INC-2231
    # Access request R7K3F
    ann · read-write · redis-cloud / prod · 2 h from the moment it is ready, about 14:38-16:38 (your time)
    "queue stuck, INC-2231"
    Approved by bob 14:41, but nothing was granted: our login on orders-pg lacks CREATEROLE.
    ~ bob: "go"
    "#);
    assert_snapshot!(failed.announced(), @"failed: redis-cloud / prod: Nothing was granted: our login on orders-pg lacks CREATEROLE; ann was told.");
    failed.lease().closed = None;
    assert_snapshot!(failed.requester(), @r#"
    > redis-cloud / prod, read-write: redis-cloud refused: our login on orders-pg lacks CREATEROLE. Undoing what was begun.
    # redis-cloud / prod · read-write
    redis-cloud refused: our login on orders-pg lacks CREATEROLE. Undoing what was begun.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    "#);
}

#[test]
fn a_password_that_was_shown_is_only_replaced_on_purpose() {
    let mut case = Case::active();
    case.account().credential.state = CredentialState::Set;
    case.account().credential.shown_at = Some(at(14, 0, 0));
    assert_snapshot!(case.requester(), @r#"
    > redis-cloud / prod, read-write: Ready until 16:41 (2 h).
    # redis-cloud / prod · read-write
    Ready until 16:41 (2 h).
    VPN first. No KEYS on prod.
    Same login, same password as before.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Set a new password (the old one stops)?] [Finish now]
    "#);
    case.account().credential.state = CredentialState::Setting;
    assert_snapshot!(case.requester(), @r#"
    > redis-cloud / prod, read-write: Ready until 16:41 (2 h).
    # redis-cloud / prod · read-write
    Ready until 16:41 (2 h).
    VPN first. No KEYS on prod.
    Whether your last password was set is not known. Show credential sets a new one.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Show credential] [Finish now]
    "#);
}

#[test]
fn somebodys_own_login_has_no_credential_to_show() {
    let mut case = Case::active();
    case.account().name = AccountName::Theirs("ann@example.com".into());
    case.account().details = AccessDetails {
        fields: vec![("Portal".into(), "https://sso.example.com/warehouse".into())],
        examples: Vec::new(),
        notes: vec!["Reconnect to see it.".into()],
    };
    assert_snapshot!(case.requester(), @r#"
    > redis-cloud / prod, read-write: Ready until 16:41 (2 h).
    # redis-cloud / prod · read-write
    Ready until 16:41 (2 h).
    VPN first. No KEYS on prod.
    Sign in as you always do: https://sso.example.com/warehouse
    Reconnect to see it.
    ~ R7K3F · 2 h · "queue stuck, INC-2231"
    [Finish now]
    "#);
}

#[test]
fn cards_change_by_time_alone_only_when_they_say_so() {
    let pending = Case::pending();
    assert_eq!(next_change(&pending.facts()), None);
    let granting = Case::granting();
    assert_eq!(next_change(&granting.facts()), Some(at(14, 43, 0)));
    let active = Case::active();
    assert_eq!(next_change(&active.facts()), Some(at(16, 31, 30)));
    let mut short = Case::active();
    short.lease().expires_at = at(15, 1, 29);
    assert_eq!(next_change(&short.facts()), None);
    short.now = at(15, 1, 0);
    assert_eq!(state(&short.facts()), State::Active);

    for case in [pending, granting, active] {
        let (mut earlier, mut later) = (case.facts(), case.facts());
        earlier.now = case.now;
        later.now = next_change(&later).unwrap_or(at(23, 0, 0)) - Duration::seconds(1);
        assert_eq!(digest(&requester_card(&earlier)), digest(&requester_card(&later)));
        assert_eq!(digest(&approver_card(&earlier)), digest(&approver_card(&later)));
        later.now += Duration::seconds(1);
        let same = digest(&requester_card(&earlier)) == digest(&requester_card(&later));
        assert_eq!(same, next_change(&earlier).is_none());
    }
}
