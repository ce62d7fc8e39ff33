//! Who people are: chat users bound to persons, persons to names of the configuration, names to groups and owners.
//!
//! Doubt is no: who cannot be asked about may do nothing now, and loses nothing either. Facts are at most five minutes
//! old, and asked anew for a vote. The configuration comes in with every call, since it can be swapped at any time.

mod admit;
mod ask;
mod groups;
mod owner;
mod sweep;
#[cfg(test)]
mod test;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Duration, Utc};

use crate::{
    chat::Chat,
    domain::{ChatProfile, ChatUser, Person, PersonId},
    store::{Store, StoreError},
};

pub use owner::Owner;

/// How old a fact may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// For asking and looking.
    AtMost5Min,
    /// For votes: the chat is asked again.
    Now,
}

/// Somebody of a group, under the name that people know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub person: Person,
    pub name: String,
}

/// Why somebody may not act, in words for that person.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// They may not, and asking again changes nothing.
    #[error("{0}")]
    Refused(Refusal),
    /// Nobody could tell who they are. Nothing was done or ended; they may try again. The cause is for the log.
    #[error("We could not check who you are just now, so nothing was done. Please try again in a minute.")]
    CouldNotAsk(String),
    #[error("We could not check who you are just now, so nothing was done. Please try again in a minute.")]
    Store(#[from] StoreError),
}

impl NotAdmitted {
    /// What happened, for the log: the person's words do not say.
    pub fn cause(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.to_string(),
            Self::CouldNotAsk(why) => why.clone(),
            Self::Store(error) => error.to_string(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("Only members of our own workspace can do this.")]
    Stranger,
    #[error("Guests cannot do this.")]
    Guest,
    #[error("Bots cannot do this.")]
    Bot,
    #[error("Your account is deactivated.")]
    Deactivated,
    #[error("We are not sure that it is you: {why}. An admin has to confirm it.")]
    Suspended { why: String },
}

/// A group whose members nobody can tell now: nobody is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("group {group} cannot be read: {why}")]
pub struct Unreadable {
    pub group: String,
    pub why: String,
}

/// A fact, and when it was asked for.
struct Asked<T> {
    at: DateTime<Utc>,
    fact: T,
}

#[derive(Default)]
struct Cache {
    profiles: HashMap<ChatUser, Asked<ChatProfile>>,
    /// User ids, by user group.
    groups: HashMap<String, Asked<BTreeSet<String>>>,
    /// Persons seen to be gone, whose leases nobody was told to end yet.
    gone: BTreeSet<PersonId>,
    /// Those of earlier processes are among `gone`.
    recalled: bool,
    notices: Vec<String>,
    /// Every click of the same person would say the same again.
    said: BTreeSet<String>,
}

pub struct Directory {
    store: Arc<dyn Store>,
    chats: Vec<Arc<dyn Chat>>,
    cache: Mutex<Cache>,
}

impl Directory {
    pub fn new(store: Arc<dyn Store>, chats: Vec<Arc<dyn Chat>>) -> Self {
        Self {
            store,
            chats,
            cache: Mutex::default(),
        }
    }

    /// Forgets what was asked, so that everything is asked anew: after a change of the configuration.
    pub fn forget(&self) {
        let mut cache = self.lock();
        cache.profiles.clear();
        cache.groups.clear();
    }

    /// What admins have to hear of since the last call: bindings that were suspended or not made.
    pub fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().notices)
    }

    fn notice(&self, text: String) {
        let mut cache = self.lock();
        if cache.said.insert(text.clone()) {
            tracing::warn!("{text}");
            cache.notices.push(text);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Asked<T> {
    /// The fact, if it is young enough. One from the future (the clock was set back) is not.
    fn still(&self, now: DateTime<Utc>, freshness: Freshness) -> Option<T> {
        let age = now - self.at;
        let young = age >= Duration::zero() && age <= Duration::minutes(5);
        (young && freshness == Freshness::AtMost5Min).then(|| self.fact.clone())
    }
}
