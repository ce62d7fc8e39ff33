//! What people were told: everything here has to be true for ever.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use latchkey::domain::Verdict;

#[derive(Debug, Clone)]
pub struct Asked {
    /// Their Slack user.
    pub who: String,
    pub integration: &'static str,
}

/// A vote whose answer said that it counts.
#[derive(Debug, Clone)]
pub struct Voted {
    pub code: String,
    pub voter: String,
    pub verdict: Verdict,
}

/// A credential that somebody was shown.
#[derive(Debug, Clone)]
pub struct Shown {
    pub integration: &'static str,
    pub login: String,
    pub password: String,
    /// Whether it let its person in just then.
    pub worked: bool,
}

/// A login's open connection, made with a credential that was shown.
pub struct Session {
    pub login: String,
    pub alive: SessionKind,
}

pub enum SessionKind {
    Postgres(tokio_postgres::Client),
    Redis(u64),
}

#[derive(Default)]
pub struct Told {
    pub asked: BTreeMap<String, Asked>,
    /// Codes since the last drain, oldest first.
    pub recent: Vec<String>,
    pub votes: Vec<Voted>,
    pub cancelled: BTreeSet<String>,
    pub finished: BTreeSet<String>,
    pub shown: Vec<Shown>,
    pub sessions: Vec<Session>,
}

#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Told>>);

impl Ledger {
    pub fn look(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
