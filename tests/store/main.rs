//! The store: one suite over every backend, damage of every kind, and crashes.

mod cases;
mod common;
mod damage;
mod disk;
mod kill;
mod lost;
mod model;
mod restore;

/// Runs each case over both backends, on a store of its own.
macro_rules! suite {
    ($($case:ident),+ $(,)?) => {
        mod sled {
            $(#[tokio::test]
            async fn $case() {
                let dir = tempfile::tempdir().unwrap();
                let store = crate::common::open(dir.path()).await.unwrap();
                crate::cases::$case(&*store).await;
            })+
        }

        mod mem {
            $(#[tokio::test]
            async fn $case() {
                crate::cases::$case(&crate::common::mem()).await;
            })+
        }
    };
}

suite! {
    versions_rise_without_a_gap_also_over_a_removal,
    a_conflict_writes_nothing,
    all_or_nothing,
    expectations_are_kept,
    a_record_named_twice_is_written_twice,
    due_entries_follow_their_records,
    lanes_do_not_mix,
    nothing_is_due_early,
    listing_goes_page_by_page,
    odd_ids_do_not_mix,
    the_same_commit_counts_once,
    a_used_id_for_something_else_is_an_error,
    what_cannot_be_read_back_is_refused,
    audit_is_found_by_whom_and_what,
    a_commit_may_hold_only_audit_entries,
    the_clock_of_the_store_never_goes_back,
    concurrent_writers_meet_at_the_version,
    typed_records_come_back,
    resume_without_a_quarantine_changes_nothing,
}
