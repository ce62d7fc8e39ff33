//! What is done next about an account, row by row.

use super::*;
use crate::domain::{
    AccountName, Call, Claim, Failures, Fence, Standing,
    samples::{account, applied, at, ended, granted, lease},
};

/// One account, its leases, its settings and the time.
struct Case {
    account: Account,
    leases: Vec<Lease>,
    settings: Settings,
    now: DateTime<Utc>,
}

impl Case {
    fn of(name: AccountName) -> Self {
        Self {
            account: account(name),
            leases: Vec::new(),
            settings: Settings {
                rotation_days: None,
                cleanup_days: None,
                grants: Grants::Allowed,
                target_id: Some("here".into()),
            },
            now: at(5),
        }
    }

    fn ours() -> Self {
        Self::of(AccountName::Ours("jit_ann".into()))
    }

    fn theirs() -> Self {
        Self::of(AccountName::Theirs("ann".into()))
    }

    fn lease(mut self, lease: Lease) -> Self {
        self.leases.push(lease);
        self
    }

    /// A lease, and what the account remembers of it.
    fn told(mut self, lease: Lease, state: AppliedState) -> Self {
        applied(&mut self.account, &lease, state);
        self.lease(lease)
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn state(self, state: AccountState) -> Self {
        self.with(|case| case.account.state = state)
    }

    fn at(self, minute: i64) -> Self {
        self.with(|case| case.now = at(minute))
    }

    fn held(self) -> Self {
        self.with(|case| case.settings.grants = Grants::Held("the clock leapt".into()))
    }

    /// It failed at this minute and is left alone until that one.
    fn failed(self, minute: i64, until: i64) -> Self {
        self.with(|case| {
            case.account.next_try = Some(at(until));
            case.account.failures = Some(Failures {
                count: 3,
                since: at(minute),
                at: at(minute),
                kind: "transient".into(),
                text: "no answer".into(),
            });
        })
    }

    /// Something was begun at this minute and its outcome is not known.
    fn cut(self, minute: i64, unsettled_until: i64) -> Self {
        self.with(|case| {
            case.account.call = Some(Call {
                fence: Fence { epoch: 1, count: 7 },
                what: "granting".into(),
                since: at(minute),
            });
            case.account.unsettled_until = Some(at(unsettled_until));
        })
    }

    fn next(&self) -> Step {
        next_step(&self.account, &self.leases, &self.settings, self.now)
    }

    /// The goal of the next step, which has to be one.
    fn goal(&self) -> Goal {
        match self.next() {
            Step::Converge(goal) => goal,
            other => panic!("not a goal: {other:?}"),
        }
    }

    fn rest(&self) -> (Option<DateTime<Utc>>, String) {
        match self.next() {
            Step::Rest { until, why } => (until, why.unwrap_or_default()),
            other => panic!("not at rest: {other:?}"),
        }
    }
}

fn id(name: &str) -> LeaseId {
    lease(name).id
}

fn ids_of(names: &[&str]) -> Vec<LeaseId> {
    names.iter().map(|name| id(name)).collect()
}

use AppliedState::{Begun, Made, TakenBack};

#[test]
fn what_is_over_is_written_down_before_anything_else() {
    let why = |case: Case| match case.next() {
        Step::End(over) => over.into_iter().map(|(_, why)| why).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        why(Case::ours().told(granted("a"), Made).at(121)),
        [EndReason::TimeUp]
    );
    // However the target is, whatever is held, wherever it now leads, whatever back-off runs.
    let hard = Case::ours()
        .told(granted("a"), Made)
        .held()
        .failed(100, 200)
        .with(|case| case.settings.target_id = Some("elsewhere".into()))
        .at(121);
    assert_eq!(why(hard), [EndReason::TimeUp]);
    // Two at once.
    let both = Case::ours()
        .told(granted("a"), Made)
        .told(granted("b"), Made)
        .at(130);
    assert_eq!(why(both).len(), 2);
    // Not ready in time: over, with what stood in the way; partial access is never assumed absent.
    let mut slow = lease("a");
    slow.trouble = Some(crate::domain::Trouble {
        since: at(1),
        tries: 4,
        text: "no answer".into(),
    });
    let late = EndReason::NotReadyInTime {
        why: Some("no answer".into()),
    };
    assert_eq!(why(Case::ours().told(slow, Begun).at(10)), [late]);
    // A minute before, nothing is over.
    assert!(!matches!(
        Case::ours().told(granted("a"), Made).at(120).next(),
        Step::End(_)
    ));
    assert!(!matches!(
        Case::ours().told(lease("a"), Begun).at(9).next(),
        Step::End(_)
    ));
}

#[test]
fn after_a_restore_what_ends_by_the_restored_facts_ends_an_hour_later_and_what_people_end_at_once() {
    let grace = |case: Case| case.with(|case| case.leases[0].grace_until = Some(at(180)));
    let restored = || Case::ours().told(granted("a"), Made).state(AccountState::Enabled);
    assert!(!matches!(grace(restored().at(150)).next(), Step::End(_)));
    assert!(matches!(grace(restored().at(180)).next(), Step::End(_)));
    // What ends later than the grace ends on time.
    let mut long = granted("a");
    long.expires_at = at(240);
    let long = Case::ours().told(long, Made).state(AccountState::Enabled);
    assert!(!matches!(
        grace(long.with(|case| case.now = at(239))).next(),
        Step::End(_)
    ));
    let pressed = Case::ours().told(ended(granted("a"), 60), Made).held().at(60);
    assert_eq!(grace(pressed).goal().release, ids_of(&["a"]));
}

#[test]
fn what_was_never_begun_is_closed_without_a_call() {
    let closed = |case: Case| matches!(case.next(), Step::CloseUntouched(ids) if ids == ids_of(&["a"]));
    assert!(closed(Case::ours().lease(ended(lease("a"), 5))));
    // Nothing was called, so neither a hold nor another target matters.
    assert!(closed(Case::ours().lease(ended(lease("a"), 5)).held()));
    assert!(closed(Case::ours().lease(ended(lease("a"), 5)).with(|case| {
        case.settings.target_id = Some("elsewhere".into());
    })));
    for state in [Begun, Made, TakenBack] {
        assert!(
            !closed(Case::ours().told(ended(lease("a"), 5), state)),
            "{state:?}"
        );
    }
}

#[test]
fn a_new_lease_opens_the_account_with_a_credential_nobody_keeps() {
    for state in [
        AccountState::Absent,
        AccountState::Disabled,
        AccountState::Deleted,
    ] {
        let goal = Case::ours().lease(lease("a")).state(state).goal();
        assert_eq!(goal.want, Wanted::Open(ids_of(&["a"])), "{state:?}");
        assert!(goal.credential, "{state:?}");
        assert!(goal.release.is_empty(), "{state:?}");
    }
    // A second one on an open account leaves the credential that its person may be using.
    let second = Case::ours()
        .told(granted("a"), Made)
        .lease(lease("b"))
        .state(AccountState::Enabled);
    let goal = second.goal();
    assert_eq!(goal.want, Wanted::Open(ids_of(&["a", "b"])));
    assert!(!goal.credential);
    // One whose setting was cut is known to nobody.
    let unknown = second.with(|case| case.account.credential.state = CredentialState::Setting);
    assert!(unknown.goal().credential);
}

#[test]
fn time_starts_when_it_is_made_and_not_while_the_target_is_at_it() {
    let made = Case::ours().told(lease("a"), Made).state(AccountState::Enabled);
    assert_eq!(made.next(), Step::Granted(ids_of(&["a"])));
    let waiting = made.with(|case| case.account.waiting = Some("the task runs".into()));
    assert_eq!(waiting.goal().want, Wanted::Open(ids_of(&["a"])));
    // Begun alone proves nothing: it is done again.
    let begun = Case::ours().told(lease("a"), Begun).state(AccountState::Enabled);
    assert_eq!(begun.goal().want, Wanted::Open(ids_of(&["a"])));
}

#[test]
fn overlapping_leases_do_not_cut_each_other_off() {
    let goal = Case::ours()
        .told(ended(granted("a"), 60), Made)
        .told(granted("b"), Made)
        .state(AccountState::Enabled)
        .at(60)
        .goal();
    assert_eq!(goal.want, Wanted::Open(ids_of(&["b"])));
    assert_eq!(goal.release, ids_of(&["a"]));
    assert!(!goal.credential, "the one who stays keeps the password");
    // The last one closes a login of ours, with a credential nobody knows; somebody's own login is never closed.
    let last = Case::ours()
        .told(ended(granted("a"), 60), Made)
        .state(AccountState::Enabled)
        .at(60)
        .goal();
    assert_eq!((last.want, last.credential), (Wanted::Disabled, true));
    let own = Case::theirs()
        .told(ended(granted("a"), 60), Made)
        .state(AccountState::Enabled)
        .at(60)
        .goal();
    assert_eq!((own.want, own.credential), (Wanted::Open(Vec::new()), false));
    assert_eq!(own.release, ids_of(&["a"]));
}

#[test]
fn what_stood_before_is_looked_at_once_and_never_derived_again() {
    let fresh = Case::theirs().lease(lease("a"));
    assert_eq!(fresh.next(), Step::LookFirst(ids_of(&["a"])));
    let looked = |case: Case| {
        case.with(|case| {
            let key = Account::standing_key(&case.leases[0].resource, &case.leases[0].permission.name);
            let seen = Standing {
                held: false,
                seen_at: at(1),
            };
            case.account.standing.insert(key, seen);
        })
    };
    assert_eq!(looked(fresh).goal().want, Wanted::Open(ids_of(&["a"])));
    // A repeat after a crash in the middle: what is there now may be our own grant, so it is not looked at again.
    assert_eq!(
        looked(Case::theirs().told(lease("a"), Begun)).goal().want,
        Wanted::Open(ids_of(&["a"]))
    );
    // An overlapping lease for the same right inherits what was seen.
    let second = looked(Case::theirs().told(granted("a"), Made).lease(lease("b")));
    assert_eq!(second.goal().want, Wanted::Open(ids_of(&["a", "b"])));
    // A login of ours has nothing that stood before.
    assert!(matches!(Case::ours().lease(lease("a")).next(), Step::Converge(_)));
}

#[test]
fn an_extension_moves_the_end_that_the_target_was_told() {
    let case = Case::ours()
        .told(granted("a"), Made)
        .state(AccountState::Enabled)
        .with(|case| {
            case.leases[0].expires_at = at(181);
            // A routine look later on does not hold it up.
            case.account.next_try = Some(at(60));
        });
    let goal = case.goal();
    assert_eq!(goal.want, Wanted::Open(ids_of(&["a"])));
    assert!(!goal.credential);
    // Nothing but the lease itself makes that due, once.
    let mut moved = granted("a");
    assert_eq!(moved.due().map(|due| due.at), Some(at(121)));
    moved.expires_at = at(181);
    moved.extended.push(crate::domain::Extended {
        at: at(30),
        by: "Bob".into(),
        request: "x".into(),
        from: at(121),
        to: at(181),
    });
    assert_eq!(moved.due().map(|due| due.at), Some(at(30)));
    moved.rest_until = Some(at(31));
    assert_eq!(moved.due().map(|due| due.at), Some(at(181)));
    // At its former end it lives on.
    assert!(!matches!(case.at(121).next(), Step::End(_)));
}

#[test]
fn nothing_is_given_while_grants_are_held_and_taking_back_goes_on() {
    let (until, why) = Case::ours().lease(lease("a")).held().rest();
    assert_eq!((until, why.as_str()), (Some(at(5) + HOLD), "the clock leapt"));
    let goal = Case::ours()
        .told(ended(granted("a"), 5), Made)
        .lease(lease("b"))
        .state(AccountState::Enabled)
        .held()
        .goal();
    assert_eq!(goal.want, Wanted::Disabled, "the new one waits");
    assert_eq!(goal.release, ids_of(&["a"]));
    // What is there stays while another goes.
    let goal = Case::ours()
        .told(ended(granted("a"), 5), Made)
        .told(granted("b"), Made)
        .state(AccountState::Enabled)
        .held()
        .goal();
    assert_eq!(goal.want, Wanted::Open(ids_of(&["b"])));
    // What was begun and may be half there is not completed.
    let begun = Case::ours().told(lease("a"), Begun).held();
    assert!(!matches!(begun.next(), Step::Converge(Goal { want: Wanted::Open(ids), .. }) if !ids.is_empty()));
}

#[test]
fn on_another_target_nothing_is_done_and_nothing_believed() {
    let elsewhere = |case: Case| case.with(|case| case.settings.target_id = Some("another".into()));
    let cases = [
        Case::ours().lease(lease("a")),
        Case::ours().told(ended(granted("a"), 5), Made),
        Case::ours().told(ended(granted("a"), 5), TakenBack),
        Case::ours().with(|case| case.account.drifted = true),
        Case::ours().state(AccountState::Deleting),
    ];
    for case in cases {
        let case = elsewhere(case);
        let (until, why) = case.rest();
        assert_eq!(until, Some(at(6)));
        assert!(why.contains("another server"), "{why}");
    }
}

#[test]
fn a_back_off_holds_up_nothing_but_what_failed() {
    let wait = |case: &Case| matches!(case.next(), Step::Rest { until, .. } if until == Some(at(50)));
    // What failed waits.
    assert!(wait(&Case::ours().told(lease("a"), Begun).failed(4, 50)));
    assert!(wait(
        &Case::ours().told(ended(granted("a"), 3), Made).failed(4, 50)
    ));
    assert!(wait(
        &Case::ours().told(ended(granted("a"), 3), TakenBack).failed(4, 50)
    ));
    // An end that came after the failure does not.
    let after = Case::ours().told(ended(granted("a"), 5), Made).failed(4, 50);
    assert_eq!(after.goal().release, ids_of(&["a"]));
    // A grant does not wait for a routine look, only for what went wrong.
    let routine = Case::ours()
        .lease(lease("a"))
        .with(|case| case.account.next_try = Some(at(50)));
    assert!(matches!(routine.next(), Step::Converge(_)));
    assert!(wait(&Case::ours().lease(lease("a")).failed(4, 50)));
    // And it ends by itself.
    assert!(matches!(
        Case::ours()
            .told(ended(granted("a"), 3), Made)
            .failed(4, 50)
            .at(50)
            .next(),
        Step::Converge(_)
    ));
}

#[test]
fn one_that_could_not_be_served_rests_alone() {
    let resting = |mut lease: Lease| {
        lease.rest_until = Some(at(9));
        lease
    };
    // Neither a grant nor a revocation of its own is tried again before its rest is over, and then it is.
    let rows = [
        Case::ours().told(resting(lease("a")), Begun),
        Case::ours().told(resting(ended(granted("a"), 3)), Made),
    ];
    for case in rows {
        let case = case.state(AccountState::Enabled);
        assert!(matches!(case.next(), Step::Rest { .. }), "{:?}", case.next());
        assert!(matches!(case.at(9).next(), Step::Converge(_)));
    }
    // The target is at it: the pause it asked for is kept, also by a revocation.
    let taking = Case::ours()
        .told(resting(ended(granted("a"), 3)), Made)
        .with(|case| {
            case.account.waiting = Some("the task runs".into());
            case.account.next_try = Some(at(9));
        });
    assert_eq!(taking.rest(), (Some(at(9)), "the task runs".into()));
    // Another's end does not wait for it, and takes it along.
    let both = Case::ours()
        .told(resting(ended(granted("a"), 3)), Made)
        .told(ended(granted("b"), 4), Made)
        .state(AccountState::Enabled);
    assert_eq!(both.goal().release, ids_of(&["a", "b"]));
    // What is gone already is looked at meanwhile.
    let gone = Case::ours()
        .told(resting(ended(granted("a"), 3)), Made)
        .told(ended(granted("b"), 4), TakenBack)
        .state(AccountState::Enabled);
    assert_eq!(gone.next(), Step::Verify(ids_of(&["b"])));
}

#[test]
fn gone_is_believed_only_once_a_cut_call_can_do_no_more() {
    let taken = || {
        Case::ours()
            .told(ended(granted("a"), 3), TakenBack)
            .state(AccountState::Disabled)
    };
    assert_eq!(taken().next(), Step::Verify(ids_of(&["a"])));
    let unsettled = taken().with(|case| case.account.unsettled_until = Some(at(8)));
    assert_eq!(unsettled.rest().0, Some(at(8)));
    assert_eq!(unsettled.at(8).next(), Step::Verify(ids_of(&["a"])));
    // A call whose outcome is not known is made again once it can no longer cross the repeat.
    let cut = Case::ours()
        .told(ended(granted("a"), 3), TakenBack)
        .cut(4, 8)
        .state(AccountState::Disabled);
    assert_eq!(
        cut.rest().0,
        Some(at(8)),
        "a timeout does not clear the memory of the call"
    );
    assert_eq!(cut.at(9).goal().want, Wanted::Disabled);
    // What is held does not keep a lease from being closed.
    assert_eq!(taken().held().next(), Step::Verify(ids_of(&["a"])));
}

#[test]
fn something_altered_by_hand_is_put_right() {
    let open = Case::ours()
        .told(granted("a"), Made)
        .state(AccountState::Enabled)
        .with(|case| case.account.drifted = true);
    let goal = open.goal();
    assert_eq!(goal.why, "putting right what was altered");
    assert_eq!(goal.want, Wanted::Open(ids_of(&["a"])));
    let idle = Case::ours()
        .state(AccountState::Disabled)
        .with(|case| case.account.drifted = true);
    assert_eq!(idle.goal().want, Wanted::Disabled);
    assert_eq!(
        idle.held().goal().want,
        Wanted::Disabled,
        "taking away goes on while grants are held"
    );
}

#[test]
fn an_idle_credential_is_rotated_and_an_idle_account_deleted_in_a_commit_of_its_own() {
    let day = 24 * 60;
    let idle = || {
        Case::ours().state(AccountState::Disabled).with(|case| {
            case.settings.rotation_days = Some(10);
            case.settings.cleanup_days = Some(30);
            case.account.credential.set_at = Some(at(0));
            case.account.last_end = Some(at(0));
        })
    };
    assert_eq!(
        idle().rest().0,
        Some(at(10 * day)),
        "it looks again when the first is due"
    );
    let rotate = idle().at(10 * day).goal();
    assert_eq!((rotate.why, rotate.want), ("rotating", Wanted::Disabled));
    assert!(rotate.credential);
    assert_eq!(
        idle().at(30 * day).next(),
        Step::MarkDeleting,
        "deleting goes first"
    );
    // Not while anybody holds anything, nor while a lease is still being closed.
    let mut long = granted("a");
    long.expires_at = at(60 * day);
    let used = idle().told(long, Made).state(AccountState::Enabled).at(30 * day);
    assert_eq!(used.rest().0, None);
    // Not while grants, and with them all that destroys, are held.
    for days in [10, 30] {
        assert_eq!(idle().at(days * day).held().rest().1, "the clock leapt");
    }
    // Somebody's own login is neither rotated nor deleted.
    let own = Case::theirs().state(AccountState::Disabled).with(|case| {
        case.settings = idle().settings;
        case.account.credential.set_at = Some(at(0));
        case.account.last_end = Some(at(0));
    });
    assert_eq!(own.at(60 * day).rest(), (None, String::new()));
    // Days that the configuration does not name never come.
    let unnamed = idle().with(|case| {
        case.settings.rotation_days = None;
        case.settings.cleanup_days = None;
    });
    assert_eq!(unnamed.at(999 * day).rest(), (None, String::new()));
}

#[test]
fn a_deletion_is_finished_before_anything_new_is_given_unless_the_target_cannot() {
    let deleting = Case::ours().state(AccountState::Deleting);
    assert_eq!(deleting.goal().want, Wanted::Deleted);
    let asked = deleting.lease(lease("a"));
    assert_eq!(asked.goal().want, Wanted::Deleted);
    let stuck = asked.with(|case| case.account.waiting = Some("a database refuses connections".into()));
    let goal = stuck.goal();
    assert_eq!((goal.want, goal.credential), (Wanted::Open(ids_of(&["a"])), true));
    // Held: nothing is destroyed.
    assert!(!matches!(
        Case::ours().state(AccountState::Deleting).held().next(),
        Step::Converge(Goal {
            want: Wanted::Deleted,
            ..
        })
    ));
}

#[test]
fn what_waits_for_the_target_is_asked_again_when_its_pause_is_over() {
    let waiting = Case::ours().told(lease("a"), Begun).with(|case| {
        case.account.waiting = Some("the task runs".into());
        case.account.next_try = Some(at(6));
    });
    assert_eq!(waiting.rest(), (Some(at(6)), "the task runs".into()));
    assert_eq!(waiting.at(6).goal().want, Wanted::Open(ids_of(&["a"])));
}

#[test]
fn an_account_with_nothing_to_do_rests() {
    let done = Case::ours()
        .told(granted("a"), Made)
        .state(AccountState::Enabled)
        .with(|case| {
            case.account.claim = None::<Claim>;
        });
    assert_eq!(done.rest(), (None, String::new()));
}
