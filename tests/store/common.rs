//! A record to try things with, and stores to keep it in.

use std::{path::Path, sync::Arc};

use chrono::{DateTime, Utc};
use latchkey::{
    domain::{Due, Key, Kind, Lane, Urgency},
    store::{Commit, Expect, OpenOptions, Record, Result, SledStore, Write, mem::MemStore},
};
use serde::{Deserialize, Serialize};

/// Stands in for a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    #[serde(default = "one")]
    pub v: u32,
    pub name: String,
    #[serde(default)]
    pub lane: Option<String>,
    #[serde(default)]
    pub due: Option<DateTime<Utc>>,
    #[serde(default)]
    pub text: String,
}

fn one() -> u32 {
    1
}

impl Record for Thing {
    const KIND: Kind = Kind::Lease;

    fn id(&self) -> String {
        self.name.clone()
    }
}

pub fn thing(name: &str, text: &str) -> Thing {
    Thing {
        v: 1,
        name: name.into(),
        lane: None,
        due: None,
        text: text.into(),
    }
}

pub fn due_thing(name: &str, lane: &str, due: DateTime<Utc>) -> Thing {
    Thing {
        lane: Some(lane.into()),
        due: Some(due),
        ..thing(name, "")
    }
}

pub fn due_of(_key: &Key, value: &[u8]) -> std::result::Result<Option<Due>, String> {
    let thing: Thing = serde_json::from_slice(value).map_err(|e| e.to_string())?;
    if thing.v > 1 {
        return Err(format!("its version {} is not known", thing.v));
    }
    let lane = |owner| Lane {
        owner,
        urgency: Urgency::Ends,
    };
    Ok(thing.lane.zip(thing.due).map(|(owner, at)| Due {
        lane: lane(owner),
        at,
    }))
}

pub fn lane(owner: &str) -> Lane {
    Lane {
        owner: owner.into(),
        urgency: Urgency::Ends,
    }
}

/// A fixed instant, so many seconds later.
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

pub fn options(dir: &Path) -> OpenOptions {
    OpenOptions {
        ballast: 0,
        low_space: 0,
        on_poison: Arc::new(|_| {}),
        ..OpenOptions::new(dir, due_of, at(0))
    }
}

pub async fn open(dir: &Path) -> Result<Arc<SledStore>> {
    SledStore::open(options(dir)).await
}

pub fn mem() -> MemStore {
    MemStore::new(due_of)
}

/// A commit of one write.
pub fn write(id: &str, name: &str, expect: Expect, value: Option<&Thing>) -> Commit {
    Commit {
        id: id.into(),
        now: at(0),
        writes: vec![one_write(name, expect, value)],
        audit: Vec::new(),
    }
}

pub fn one_write(name: &str, expect: Expect, value: Option<&Thing>) -> Write {
    Write {
        key: Key::new(Kind::Lease, name),
        expect,
        value: value.map(|thing| serde_json::to_vec(thing).unwrap()),
    }
}
