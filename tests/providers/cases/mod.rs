//! Every case, by name. The names are the suite's contract; a kind to which a case cannot apply says so by name.
//!
//! Not here yet: `own_add_then_retire`, `own_add_cut_leaves_a_way_in`, `own_retire_spares_strangers`. The trait cannot replace
//! an integration's own credential yet.

mod basics;
mod claims;
mod crash;
mod failure;
mod life;
mod marks;
mod names;
mod overlap;
mod secrets;
mod standing;
mod time;

use std::sync::atomic::AtomicU32;

use futures_util::future::BoxFuture;

use crate::target::{Case, Target};

/// Calls at which the line was cut, in the kind that runs now.
pub static CUT_POINTS: AtomicU32 = AtomicU32::new(0);

pub type Body = for<'t> fn(&'t dyn Target) -> BoxFuture<'t, Case>;

macro_rules! cases {
    ($($file:ident :: { $($name:ident),+ $(,)? }),+ $(,)?) => {
        &[$($((stringify!($name), |target| Box::pin($file::$name(target)))),+),+]
    };
}

pub const ALL: &[(&str, Body)] = cases![
    basics::{
        grant_works,
        twice_is_once,
        revoke_ends_it,
        revoke_ends_live_sessions,
        revoke_twice_is_fine,
        revoke_of_the_unknown_is_fine,
    },
    standing::{standing_access_survives, own_grant_is_never_taken_for_standing},
    overlap::{
        two_leases_on_the_same_one_ends,
        two_leases_on_different_things_one_ends,
        last_and_first_role_swap,
        one_bad_lease_fails_alone,
        release_happens_even_if_a_grant_fails,
        unreachable_part_keeps_its_lease_pending,
    },
    marks::{
        accounts_is_exactly_ours,
        another_installation_is_not_ours,
        stranger_with_our_name_is_taken,
        stray_lease_roles_go,
    },
    names::{hostile_names_are_only_names, typed_names_are_only_names, longest_names_fit},
    failure::{
        bad_own_credential_is_denied,
        missing_right_is_named,
        dead_target_is_transient,
        pace_limit_carries_retry_after,
    },
    crash::{
        cut_after_every_call_ends_the_same,
        waiting_resumes_from_memo,
        restart_while_waiting_sets_a_new_credential,
        vanished_account_asks_for_a_credential,
    },
    secrets::{no_error_holds_a_secret, no_memo_holds_a_secret, memo_fits},
    life::{
        disable_shuts_out_and_keeps_what_is_owned,
        reopening_needs_the_new_credential,
        rotation_keeps_live_leases,
        old_credential_is_dead,
        delete_loses_no_data,
        delete_of_theirs_removes_only_our_invitation,
        shared_is_never_disabled_or_deleted,
    },
    time::{target_expiry_is_later_than_ours, extending_moves_it, new_objects_are_covered_after_look_again},
    claims::{removed_part_is_unread_not_deleted, preview_matches_what_ran, account_is_pure, example_builds, claims_are_true},
];
