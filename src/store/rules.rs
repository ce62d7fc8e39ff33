//! The rules that every backend keeps, over plain values.

use chrono::{DateTime, Utc};

use super::{AuditQuery, Commit, DueOf, Expect, Meta, Quarantine, Result, StoreError, line};
use crate::domain::{
    Due, Key,
    audit::{Actor, Entry, Recorded},
};

/// The longest value of a record, in bytes. Records are meant to be far shorter (4 KiB): what is long goes into the audit.
pub(crate) const LONGEST_VALUE: usize = 128 << 10;

/// How a record stands before a write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Of the last write, also if that removed it; 0 if there never was one.
    pub(crate) version: u64,
    pub(crate) live: bool,
}

/// What a commit comes to.
#[derive(Debug)]
pub(crate) enum Plan {
    Write(Vec<line::LineWrite>),
    Conflict(Key),
}

/// Compares what a commit expects with what stands, and numbers what it writes. A record that a commit names twice is
/// written twice, the second time over the first.
pub(crate) fn plan(commit: &Commit, mut look: impl FnMut(&Key) -> Result<Standing>) -> Result<Plan> {
    let mut writes: Vec<line::LineWrite> = Vec::with_capacity(commit.writes.len());
    for write in &commit.writes {
        let own = writes
            .iter()
            .rev()
            .find(|w| w.kind == write.key.kind && w.id == write.key.id);
        let stands = match own {
            Some(w) => Standing {
                version: w.version,
                live: w.value.is_some(),
            },
            None => look(&write.key)?,
        };
        let as_expected = match write.expect {
            Expect::Absent => !stands.live,
            Expect::Version(version) => stands.live && stands.version == version,
            Expect::Any => true,
        };
        if !as_expected {
            return Ok(Plan::Conflict(write.key.clone()));
        }
        let value = match &write.value {
            Some(value) if value.len() > LONGEST_VALUE => {
                let text = format!("the value of {} is longer than {LONGEST_VALUE} bytes", write.key);
                return Err(StoreError::Failed(text));
            }
            Some(value) => Some(line::raw(&write.key, value)?),
            None if !stands.live => continue,
            None => None,
        };
        writes.push(line::LineWrite {
            kind: write.key.kind,
            id: write.key.id.clone(),
            version: stands.version + 1,
            value,
        });
    }
    Ok(Plan::Write(writes))
}

/// When a value has to be looked at. An error refuses it.
pub(crate) fn due(due_of: DueOf, key: &Key, value: &[u8]) -> Result<Option<Due>> {
    let due =
        due_of(key, value).map_err(|why| StoreError::Refused(format!("{key} cannot be read: {why}")))?;
    match &due {
        Some(due) if due.lane.owner.contains('\0') => Err(StoreError::Failed(format!(
            "{key} is due in a lane whose name holds a NUL"
        ))),
        Some(_) | None => Ok(due),
    }
}

/// The instant as it is indexed: milliseconds since 1970, rounded up, so that nothing is due early.
pub(crate) fn due_ms(at: DateTime<Utc>) -> u64 {
    let ms = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    if at.timestamp_subsec_nanos().is_multiple_of(1_000_000) {
        ms
    } else {
        ms + 1
    }
}

/// The last indexed instant that has come by `until`; `None` before 1970.
pub(crate) fn until_ms(until: DateTime<Utc>) -> Option<u64> {
    u64::try_from(until.timestamp_millis()).ok()
}

/// An indexed instant as time; far beyond the calendar it is the end of it.
pub(crate) fn at(ms: u64) -> DateTime<Utc> {
    i64::try_from(ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The first id that comes after all that a page of `list` has shown.
pub(crate) fn starts_after(prefix: &str, after: Option<&str>) -> (String, bool) {
    match after {
        Some(after) if after >= prefix => (after.to_owned(), false),
        Some(_) | None => (prefix.to_owned(), true),
    }
}

/// People that an entry is about: whom it names, and who acted.
pub(crate) fn people(entry: &Entry) -> impl Iterator<Item = &str> {
    let actor = match &entry.actor {
        Actor::Person { id, .. } => Some(id.as_str()),
        Actor::System { .. } | Actor::Latchkey => None,
    };
    let about = entry.person.as_ref().map(crate::domain::PersonId::as_str);
    about.into_iter().chain(actor.filter(move |a| Some(*a) != about))
}

/// Whether an entry is asked for.
pub(crate) fn wanted(recorded: &Recorded, query: &AuditQuery) -> bool {
    let entry = &recorded.entry;
    let same = |wanted: &Option<String>, has: Option<&str>| wanted.as_deref().is_none_or(|w| has == Some(w));
    same(
        &query.request,
        entry.request.as_ref().map(crate::domain::RequestId::as_str),
    ) && same(
        &query.integration,
        entry
            .integration
            .as_ref()
            .map(crate::domain::IntegrationName::as_str),
    ) && query
        .person
        .as_deref()
        .is_none_or(|person| people(entry).any(|p| p == person))
        && query.since.is_none_or(|since| recorded.at >= since)
}

/// The entry that records the end of a quarantine.
pub(crate) fn resumed(by: Actor, was: &Quarantine) -> Entry {
    Entry::new(by, "resumed").fact("quarantine", was)
}

/// Carries the clock of a commit into what is known of the store.
pub(crate) fn advance(meta: &mut Meta, seq: u64, head: String, now: DateTime<Utc>) {
    meta.seq = seq;
    meta.head = head;
    meta.last_now = meta.last_now.max(Some(now));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_due_early() {
        let at_nanos = |n: u32| DateTime::from_timestamp(10, n).unwrap();
        assert_eq!(due_ms(at_nanos(0)), 10_000);
        assert_eq!(due_ms(at_nanos(1)), 10_001);
        assert_eq!(due_ms(at_nanos(999_999_999)), 11_000);
        assert_eq!(until_ms(at_nanos(999_999)), Some(10_000));
        assert_eq!(due_ms(DateTime::from_timestamp(-5, 0).unwrap()), 0);
        assert_eq!(until_ms(DateTime::from_timestamp(-5, 0).unwrap()), None);
        assert_eq!(at(u64::MAX), DateTime::<Utc>::MAX_UTC);
    }
}
