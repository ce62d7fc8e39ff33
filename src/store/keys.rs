//! How the index names things: one ordered space of keys, so that one batch changes all of it or nothing.
//!
//! | key | value |
//! |---|---|
//! | `r` kind id | the record's envelope |
//! | `g` kind id | version and time (ms) of a removal |
//! | `d` lane NUL urgency ms kind id | empty |
//! | `c` commit id | its line's number, and a digest |
//! | `a` `r`/`p`/`i`/`*` whose NUL seq | the line's place and time (ms) |
//! | `m` | what is known of the store itself |

use super::{DueEntry, journal::Spot, rules};
use crate::domain::{Due, Key, Kind, Lane, Urgency, audit::Entry};

pub(crate) const META: &[u8] = b"m";

pub(crate) fn record(key: &Key) -> Vec<u8> {
    named(b'r', key)
}

pub(crate) fn gone(key: &Key) -> Vec<u8> {
    named(b'g', key)
}

fn named(tag: u8, key: &Key) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 + key.id.len());
    bytes.extend([tag, key.kind as u8]);
    bytes.extend(key.id.as_bytes());
    bytes
}

/// The name in a key that `record` or `gone` made.
pub(crate) fn name(bytes: &[u8]) -> Option<Key> {
    let [_, kind, id @ ..] = bytes else { return None };
    let kind = Kind::ALL.into_iter().find(|k| *k as u8 == *kind)?;
    Some(Key::new(kind, std::str::from_utf8(id).ok()?))
}

pub(crate) fn commit(id: &str) -> Vec<u8> {
    [b"c", id.as_bytes()].concat()
}

/// All entries of a lane begin with this.
pub(crate) fn lane(lane: &Lane) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    bytes.push(b'd');
    bytes.extend(lane.owner.as_bytes());
    bytes.extend([0, lane.urgency as u8]);
    bytes
}

pub(crate) fn due(due: &Due, key: &Key) -> Vec<u8> {
    let mut bytes = lane(&due.lane);
    bytes.extend(rules::due_ms(due.at).to_be_bytes());
    bytes.push(key.kind as u8);
    bytes.extend(key.id.as_bytes());
    bytes
}

/// The lane of an entry, and the entry.
pub(crate) fn due_entry(bytes: &[u8]) -> Option<(Lane, DueEntry)> {
    let rest = bytes.strip_prefix(b"d")?;
    let nul = rest.iter().position(|byte| *byte == 0)?;
    let owner = std::str::from_utf8(&rest[..nul]).ok()?.to_owned();
    let (urgency, rest) = rest[nul + 1..].split_first()?;
    let urgency = Urgency::ALL.into_iter().find(|u| *u as u8 == *urgency)?;
    let (ms, rest) = rest.split_first_chunk::<8>()?;
    let (kind, id) = rest.split_first()?;
    let kind = Kind::ALL.into_iter().find(|k| *k as u8 == *kind)?;
    let entry = DueEntry {
        at: rules::at(u64::from_be_bytes(*ms)),
        key: Key::new(kind, std::str::from_utf8(id).ok()?),
    };
    Some((Lane { owner, urgency }, entry))
}

/// Whose entries of the audit are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose<'a> {
    Request(&'a str),
    Person(&'a str),
    Integration(&'a str),
    All,
}

pub(crate) fn audit(whose: Whose<'_>) -> Vec<u8> {
    let (tag, id) = match whose {
        Whose::Request(id) => (b'r', id),
        Whose::Person(id) => (b'p', id),
        Whose::Integration(id) => (b'i', id),
        Whose::All => (b'*', ""),
    };
    let mut bytes = Vec::with_capacity(id.len() + 11);
    bytes.extend([b'a', tag]);
    bytes.extend(id.as_bytes());
    bytes.push(0);
    bytes
}

/// The index keys of an entry that rode in line `seq`.
pub(crate) fn audits(entry: &Entry, seq: u64) -> Vec<Vec<u8>> {
    let request = entry.request.as_ref().map(|id| Whose::Request(id.as_str()));
    let integration = entry
        .integration
        .as_ref()
        .map(|id| Whose::Integration(id.as_str()));
    let people = rules::people(entry).map(Whose::Person);
    let all = people.chain(request).chain(integration).chain([Whose::All]);
    all.map(|whose| {
        let mut key = audit(whose);
        key.extend(seq.to_be_bytes());
        key
    })
    .collect()
}

/// Where a line of the audit stands, and when it was.
pub(crate) fn spot(spot: Spot, ms: i64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(20);
    bytes.extend(spot.segment.to_be_bytes());
    bytes.extend(spot.offset.to_be_bytes());
    bytes.extend(ms.to_be_bytes());
    bytes
}

pub(crate) fn read_spot(bytes: &[u8]) -> Option<(Spot, i64)> {
    let (segment, rest) = bytes.split_first_chunk::<4>()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let ms: [u8; 8] = rest.try_into().ok()?;
    let spot = Spot {
        segment: u32::from_be_bytes(*segment),
        offset: u64::from_be_bytes(*offset),
    };
    Some((spot, i64::from_be_bytes(ms)))
}

/// Two numbers as a value: of a removal its version and time, of a commit its line and digest.
pub(crate) fn pair(first: u64, second: u64) -> Vec<u8> {
    [first.to_be_bytes(), second.to_be_bytes()].concat()
}

pub(crate) fn read_pair(bytes: &[u8]) -> Option<(u64, u64)> {
    let (first, rest) = bytes.split_first_chunk::<8>()?;
    let second: [u8; 8] = rest.try_into().ok()?;
    Some((u64::from_be_bytes(*first), u64::from_be_bytes(second)))
}

/// The first key after all that begin with `prefix`.
pub(crate) fn beyond(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    // No key begins with this byte.
    vec![u8::MAX]
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    #[test]
    fn keys_lead_back_to_names() {
        let key = Key::new(Kind::Account, "a\u{0}ü");
        assert_eq!(name(&record(&key)), Some(key.clone()));
        let due_at = Due {
            lane: Lane::chat(),
            at: DateTime::from_timestamp_millis(1_234_567).unwrap(),
        };
        let entry = DueEntry {
            at: due_at.at,
            key: key.clone(),
        };
        assert_eq!(due_entry(&due(&due_at, &key)), Some((Lane::chat(), entry)));
        assert_eq!(name(b"r\xffx"), None);
        let place = Spot {
            segment: 3,
            offset: 1 << 40,
        };
        assert_eq!(read_spot(&spot(place, -7)), Some((place, -7)));
        assert_eq!(read_pair(&pair(1, u64::MAX)), Some((1, u64::MAX)));
    }

    #[test]
    fn beyond_a_prefix() {
        assert_eq!(beyond(b"ab"), b"ac");
        assert_eq!(beyond(&[1, 0xff, 0xff]), [2]);
        assert_eq!(beyond(&[0xff]), [0xff]);
    }
}
