//! A second way to look at a target, and the ways to be unkind to it. Never goes through the provider under test.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use latchkey::{
    providers::{Mark, Person, Provider, Registration, ResourceRef, page::Against},
    secrets::Secret,
};

/// How a case ended without a failure; a failure is a panic with its reason.
pub enum Case {
    Passed,
    /// This kind of system has nothing the case could be about, and why.
    NotApplicable(String),
}

impl Case {
    pub fn not_applicable(why: impl Into<String>) -> Self {
        Self::NotApplicable(why.into())
    }
}

/// A resource and a permission on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    pub at: ResourceRef,
    pub permission: String,
}

/// What a fresh target offers to the cases.
#[derive(Debug, Clone)]
pub struct Offer {
    /// One resource, to read and to write.
    pub read: Thing,
    pub write: Thing,
    /// Another resource of the same kind, which shares nothing with the first.
    pub other: Thing,
    /// Well formed, of a kind that exists, but not there.
    pub nowhere: Thing,
    /// Everything else that can be granted: every kind with every permission, for the cases that walk all of them.
    pub more: Vec<Thing>,
}

/// How a provider is set up for a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Our own mark, working credential.
    Usual,
    /// Another installation of this program on the same target.
    OtherInstallation,
    /// A credential of ours that is not accepted.
    WrongSecret,
    /// An address where nobody answers.
    Down,
}

/// Which side of a call the line is cut on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It never reaches the target.
    Before,
    /// It runs; its answer is lost.
    After,
}

/// A provider whose line to the target is cut at one call and stays cut.
pub struct Cutting {
    pub provider: Box<dyn Provider>,
    /// Whether it got as far as the call.
    pub was_cut: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// A provider that lacks one right, and words that `Health::missing` must have for it.
pub struct Lacking {
    pub provider: Box<dyn Provider>,
    pub names: Vec<String>,
}

/// A login of somebody's own, made by the target's administrator.
pub struct Standing {
    pub person: Person,
    pub credential: Secret,
}

/// A live session of a login.
#[async_trait]
pub trait Session: Send {
    async fn alive(&mut self) -> bool;
    /// Whether it can still use the thing; false when it is dead.
    async fn can(&mut self, thing: &Thing) -> bool;
}

/// Something that a login made and owns.
#[derive(Debug, Clone)]
pub struct Owned {
    pub place: Vec<String>,
    pub name: String,
}

/// What a hostile or a long name was tried on.
pub struct Named {
    pub why: &'static str,
    pub thing: Thing,
}

/// One fresh target: cases do not see what others left. A method that answers `None` or `false` says that this kind of
/// system has no such thing; the case is then not applicable, by name.
#[async_trait]
pub trait Target: Send + Sync {
    fn registration(&self) -> &'static Registration;
    fn mark(&self) -> Mark;
    fn offer(&self) -> Offer;
    fn provider(&self, setting: Setting) -> Box<dyn Provider>;
    /// What must never be seen in an answer: the integration's own secrets.
    fn own_secrets(&self) -> Vec<Secret>;

    /// Logs in for real and tries it.
    async fn can(&self, login: &str, credential: &Secret, thing: &Thing) -> bool;
    /// Logs in for real; says nothing about what it may do.
    async fn can_log_in(&self, login: &str, credential: &Secret) -> bool;
    async fn open_session(&self, login: &str, credential: &Secret) -> Option<Box<dyn Session>>;
    /// Everything a provider could change, one line each, without what differs by nature (ids, times, salted passwords).
    async fn everything(&self) -> BTreeSet<String>;
    /// What changed the target since the last call of this, as the target's own log has it, secrets masked as in `Converged::ran`.
    async fn ran(&self) -> Option<Vec<String>>;
    /// Cuts at the `nth` call from 1 on.
    async fn cut_after(&self, nth: u32, cut: Cut) -> Cutting;
    /// A provider without one right that it needs.
    async fn lacking(&self) -> Option<Lacking>;

    /// A login of somebody's own, where this kind of system can give access to such logins.
    async fn someone(&self) -> Option<Standing>;
    /// Access that the target's administrator gives to a login.
    async fn give_standing(&self, login: &str, thing: &Thing);
    /// A login of this name, made by the target's administrator.
    async fn make_stranger(&self, login: &str);
    /// Whether the target has room for our mark; else names alone tell what is ours.
    fn has_marks(&self) -> bool;
    /// Whether each lease leaves a trace of its own; else two leases on the same are one access to the target.
    fn tells_leases_apart(&self) -> bool {
        true
    }
    /// Lets the login make something of its own with an access that allows it.
    async fn own_something(&self, login: &str, credential: &Secret) -> Option<Owned>;
    /// Who owns it now; `None` when it is gone.
    async fn owner_of(&self, owned: &Owned) -> Option<String>;
    /// Removes the login behind our back.
    async fn vanish(&self, login: &str);
    /// When the target itself shuts the login out.
    async fn expiry(&self, login: &str) -> Option<DateTime<Utc>>;
    /// Makes something new below the thing, by somebody who owned nothing there; the answer is what a reader must reach.
    async fn add_below(&self, thing: &Thing) -> Option<Thing>;

    /// Makes the part that holds `offer().other` unreachable, without ending what is held there. `None`: there are no parts.
    async fn break_part(&self) -> Option<()>;
    async fn mend_part(&self);
    /// Resources with names made to break out of where they are put, made for real.
    async fn hostile(&self) -> Vec<Named>;
    /// Resources whose names are as long as the target allows.
    async fn longest(&self) -> Vec<Named>;
    /// Names that people could type where typing is allowed (`typed_under`), none of which exists.
    fn typed(&self) -> Vec<Named>;

    /// Lets the target answer the next calls with its own "too many requests". False where it has no such answer.
    async fn limit_pace(&self) -> bool;
    /// Lets changes take longer than `converge` waits, from now until `hurry`. False where changes are never under way.
    async fn dawdle(&self) -> bool;
    async fn hurry(&self);
    /// Lets time pass at the target until what was begun there is over.
    async fn pass_time(&self) {}

    /// Removes what the case left. Called also after a failure.
    async fn done(&self);
}

/// One kind of system under test: what its cases share.
#[async_trait]
pub trait Kind: Send + Sync {
    /// A target nobody has touched.
    async fn fresh(&self) -> Box<dyn Target>;
    /// What stands at the other end, for `latchkey providers` and README.
    async fn against(&self) -> Against;
    /// Cases of this kind alone, beyond those that all kinds share. Each takes a fresh target of its own.
    fn own_cases(&self) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
        Vec::new()
    }
    /// Stops what was started.
    async fn stop(&self);
}
