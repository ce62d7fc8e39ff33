//! A record as bytes in the index: `[version u8][codec u8][len u32][payload][crc32c u32]`, numbers big-endian.
//!
//! The payload is the record's own version (u64) and its JSON. The checksum covers the key as well, so that a value under
//! the wrong key is seen.

use super::{StoreError, Stored};
use crate::domain::Key;

const VERSION: u8 = 1;
const JSON: u8 = 1;
const HEAD: usize = 6;
const CRC: usize = 4;

/// Wraps a record.
pub(crate) fn wrap(key: &[u8], version: u64, json: &[u8]) -> Vec<u8> {
    let length = json.len() + 8;
    let mut bytes = Vec::with_capacity(HEAD + length + CRC);
    bytes.extend([VERSION, JSON]);
    // Values are far shorter: `rules::plan` sees to it.
    bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(version.to_be_bytes());
    bytes.extend(json);
    let crc = checksum(key, &bytes);
    bytes.extend(crc.to_be_bytes());
    bytes
}

/// Why an envelope could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Not as it was written.
    Damaged,
    /// Whole, but of a kind that this program does not know.
    Unknown { version: u8, codec: u8 },
}

impl Flaw {
    pub(crate) fn of(self, name: &Key) -> StoreError {
        StoreError::Refused(match self {
            Self::Damaged => format!("the record of {name} is damaged in the index"),
            Self::Unknown { version, codec } => format!(
                "the record of {name} is of version {version}.{codec}, which this version of Latchkey does not know: run the one that wrote it"
            ),
        })
    }
}

/// The record in an envelope.
pub(crate) fn unwrap(key: &[u8], bytes: &[u8]) -> Result<Stored, Flaw> {
    let (body, crc) = bytes.split_last_chunk::<CRC>().ok_or(Flaw::Damaged)?;
    if checksum(key, body).to_be_bytes() != *crc {
        return Err(Flaw::Damaged);
    }
    let (head, payload) = body.split_first_chunk::<HEAD>().ok_or(Flaw::Damaged)?;
    let [version, codec, length @ ..] = *head;
    if (version, codec) != (VERSION, JSON) {
        return Err(Flaw::Unknown { version, codec });
    }
    if u32::from_be_bytes(length) as usize != payload.len() {
        return Err(Flaw::Damaged);
    }
    let (version, json) = payload.split_first_chunk::<8>().ok_or(Flaw::Damaged)?;
    Ok(Stored {
        version: u64::from_be_bytes(*version),
        value: json.to_vec(),
    })
}

/// CRC32-C of key and bytes together.
pub(crate) fn checksum(key: &[u8], bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Kind;

    #[test]
    fn golden_bytes() {
        let bytes = wrap(b"r\x05l1", 3, b"{}");
        assert_eq!(hex::encode(bytes), "01010000000a00000000000000037b7dd378bc79");
    }

    #[test]
    fn damage_is_seen_and_unknown_versions_are_refused() {
        let (name, key) = (Key::new(Kind::Lease, "l1"), b"r\x05l1");
        let good = wrap(key, 3, b"{\"a\":1}");
        let stored = unwrap(key, &good).unwrap();
        assert_eq!(
            (stored.version, stored.value.as_slice()),
            (3, b"{\"a\":1}".as_slice())
        );
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(unwrap(key, &bad) == Err(Flaw::Damaged), "bit {bit}");
        }
        for end in 0..good.len() {
            assert!(unwrap(key, &good[..end]) == Err(Flaw::Damaged), "cut at {end}");
        }
        assert!(
            unwrap(b"r\x05l2", &good) == Err(Flaw::Damaged),
            "under another key"
        );

        let mut newer = good[..good.len() - CRC].to_vec();
        newer[0] = 9;
        newer.extend(checksum(key, &newer).to_be_bytes());
        let error = unwrap(key, &newer).unwrap_err().of(&name).to_string();
        assert!(error.contains("version 9.1"), "{error}");
    }
}
