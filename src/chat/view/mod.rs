//! What people are told: domain values in, messages, forms and home tabs out. Pure; the words are in `templates/`.
//!
//! A view shows nothing that changes by the mere passing of time except where `next_change` says so: the reconcile loop
//! compares what is shown with what should be, and an age ("20 s ago") would have it edit every card for ever.

mod announce;
mod approver;
mod credential;
mod form;
mod home;
mod list;
mod notice;
mod refusal;
mod requester;
mod state;
mod words;

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use minijinja::{Value, context};
use sha2::{Digest, Sha256};

pub use announce::{announcement, stuck_notice};
pub use approver::approver_card;
pub use credential::{
    Works, credential_modal, credential_modal_blanked, credential_modal_failed, credential_modal_loading,
    preview_modal,
};
pub use form::{FormState, approve_form, deny_form, end_form, extend_form, request_form};
pub use home::{AdminFacts, HomeFacts, home};
pub use list::{CatalogRow, catalog, help, mine};
pub use notice::{Said, said};
pub use refusal::{late, not_taken, question, refusal};
pub use requester::requester_card;
pub use state::{State, next_change, state};

use super::surface::{self, Message, clean};
use crate::domain::{
    Account, CredentialState, EndReason, Lease, Length, PersonId, Proof, Purpose, Request, Verb, Verdict,
    vote::Tally,
};
use words::say;

/// The most of a name that is shown.
const NAME: usize = 80;
/// Names of people in one list.
const NAMES: usize = 5;

/// What the target system can do, as far as people have to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supports {
    /// It can end sessions and count them.
    pub sessions: bool,
    /// It ends access by itself, a little later, if we are down.
    pub expiry: bool,
}

/// All that the cards of one request are made of.
#[derive(Debug, Clone)]
pub struct CardFacts<'a> {
    pub request: &'a Request,
    pub lease: Option<&'a Lease>,
    /// The lease's.
    pub account: Option<&'a Account>,
    /// What people call the kind of system: "Redis Cloud".
    pub kind_title: &'a str,
    pub custom_access_details: Option<&'a str>,
    pub supports: Supports,
    /// When a revocation was last seen to be possible there.
    pub revoking_tested: Option<DateTime<Utc>>,
    /// Whose copy it is, for "You, because …"; `None` in a channel, and for the requester.
    pub reader: Option<&'a PersonId>,
    /// Who was told of trouble: names of the integration's owners.
    pub told: &'a [String],
    /// Since when the target does not let an ended lease be taken back; `None` while that is on time.
    pub stuck_since: Option<DateTime<Utc>>,
    pub now: DateTime<Utc>,
    /// The reader's zone, for the few places that cannot hold a time marker (buttons).
    pub zone: Tz,
}

impl CardFacts<'_> {
    /// `redis-cloud / prod`.
    fn target(&self) -> String {
        format!(
            "{} / {}",
            self.request.integration,
            clean(&self.request.resource.title, NAME)
        )
    }

    /// `2 h`, or `until 18:00 CET`: for buttons and texts that cannot hold a marker.
    fn length(&self) -> String {
        match self.wished() {
            Length::For(seconds) => crate::domain::span::humanize(seconds),
            Length::Until(at) => {
                format!("until {}", at.with_timezone(&self.zone).format("%H:%M %Z"))
            }
        }
    }

    fn wished(&self) -> Length {
        match self.request.purpose {
            Purpose::Access | Purpose::TestCard => self.request.length,
            Purpose::Extension { to, .. } => Length::Until(to),
        }
    }

    /// Everything a template may say of a request and its lease, by name. Times are seconds, or none.
    fn values(&self) -> Value {
        let request = self.request;
        let electors: Vec<&str> = request
            .electors
            .iter()
            .map(|elector| elector.name.as_str())
            .collect();
        let decision = request.decision.as_ref();
        let (from, to) = match &request.purpose {
            Purpose::Extension { from, to, .. } => (Some(from.timestamp()), Some(to.timestamp())),
            Purpose::Access | Purpose::TestCard => (None, None),
        };
        let asked = context! {
            code => surface::code(&request.code),
            who => clean(&request.requester_name, NAME),
            permission => clean(&request.permission.name, NAME),
            integration => request.integration.as_str(),
            target => self.target(),
            length => self.length(),
            kind_title => self.kind_title,
            reason => request.reason,
            extension => to.is_some(), from, to,
            test => request.purpose == Purpose::TestCard,
            until => match self.wished() { Length::Until(at) => Some(at.timestamp()), Length::For(_) => None },
            begins => request.asked_at.timestamp(),
            about => self.wished().end(request.asked_at).timestamp(),
            lapses => request.decide_by.timestamp(),
            any => listed(&electors, "or"),
            all => listed(&electors, "and"),
            why => self.common_why(),
            flow => request.flow.name,
        };
        let decided = context! {
            by => self.deciders(),
            decided => decision.map(|decision| decision.at.timestamp()),
            decision_reason => decision.and_then(|decision| decision.reason.as_deref()).map(|text| clean(text, 124)),
            automatic => self.automatic(),
            sessions_end => self.supports.sessions,
            told => listed(&self.told.iter().map(String::as_str).collect::<Vec<_>>(), "and"),
            told_count => self.told.len(),
            stuck => self.stuck_since.map(|at| at.timestamp()),
        };
        context! { ..asked, ..decided, ..self.lease_values(), ..self.account_values() }
    }

    fn lease_values(&self) -> Value {
        let ended = self.lease.and_then(|lease| lease.ended.as_ref());
        let (end, end_by, end_why) = match ended.map(|ended| &ended.why) {
            None => ("none", None, None),
            Some(EndReason::TimeUp) => ("time", None, None),
            Some(EndReason::Finished) => ("finished", None, None),
            Some(EndReason::Cancelled) => ("cancelled", None, None),
            Some(EndReason::EndedBy { name, reason }) => ("by", Some(name.clone()), reason.clone()),
            Some(EndReason::NotReadyInTime { why }) => ("late", None, why.clone()),
            Some(EndReason::Refused { why }) => ("refused", None, Some(why.clone())),
            Some(EndReason::RemovedInTarget) => ("removed", None, None),
            Some(EndReason::PersonGone) => ("gone", None, None),
        };
        let proof = state::closed(self.lease).map(|closed| &closed.proof);
        let (looked, disabled, sessions) = match proof {
            Some(Proof::Seen {
                looked_at,
                login_disabled,
                sessions,
            }) => (Some(looked_at.timestamp()), *login_disabled, *sessions),
            Some(Proof::NeverCalled) | None => (None, false, None),
        };
        let waiting = self.account.and_then(|account| account.waiting.clone());
        let trouble = self.lease.and_then(|lease| lease.trouble.as_ref());
        context! {
            ends => self.lease.map(|lease| lease.ends_at().timestamp()),
            lasts => self.lease.and_then(|lease| Some((lease.expires_at - lease.granted_at?).num_seconds())),
            granted => self.lease.and_then(|lease| lease.granted_at).map(|at| at.timestamp()),
            over => ended.map(|ended| ended.at.timestamp()),
            end, end_by, end_why, looked, disabled, sessions,
            closed => proof.is_some(),
            trouble => trouble.map(|trouble| trouble.text.clone()).or(waiting),
            tries => trouble.map_or(0, |trouble| trouble.tries),
        }
    }

    fn account_values(&self) -> Value {
        let own_login = self
            .account
            .is_some_and(|account| matches!(account.name, crate::domain::AccountName::Theirs(_)));
        let portal = self.account.and_then(|account| {
            let is_portal = |(label, _): &&(String, String)| label.eq_ignore_ascii_case("portal");
            account
                .details
                .fields
                .iter()
                .find(is_portal)
                .map(|(_, value)| value.clone())
        });
        context! {
            own_login, portal,
            known => self.credential_known(),
            known_before => self.credential_known() && self.shown_before_this_lease(),
            unsure => self.account.is_some_and(|account| account.credential.state == CredentialState::Setting),
        }
    }

    /// The person has seen the credential that is set.
    fn credential_known(&self) -> bool {
        self.account.is_some_and(|account| {
            account.credential.state == CredentialState::Set && account.credential.shown_at.is_some()
        })
    }

    fn shown_before_this_lease(&self) -> bool {
        let shown = self.account.and_then(|account| account.credential.shown_at);
        let granted = self.lease.and_then(|lease| lease.granted_at);
        matches!((shown, granted), (Some(shown), Some(granted)) if shown < granted)
    }

    fn automatic(&self) -> bool {
        self.request.flow.approval == crate::domain::ApprovalThen::Automatic
    }

    /// Who brought the decision about: all who voted for it, or who is named in it.
    fn deciders(&self) -> String {
        let Some(decision) = &self.request.decision else {
            return String::new();
        };
        let voters: Vec<&str> = self
            .request
            .votes
            .iter()
            .filter(|vote| vote.verdict == Verdict::Approve)
            .map(|vote| vote.name.as_str())
            .collect();
        match decision.what {
            Verb::Approved if voters.contains(&decision.by.as_str()) => listed(&voters, "and"),
            Verb::Approved | Verb::Denied | Verb::Cancelled | Verb::Expired => clean(&decision.by, NAME),
        }
    }

    /// Why these people decide, where it is the same for all of them.
    fn common_why(&self) -> Option<&str> {
        let first = self.request.electors.first()?.why.as_str();
        self.request
            .electors
            .iter()
            .all(|elector| elector.why == first)
            .then_some(first)
    }
}

/// `bob`, `bob or eve`, `ann, bob, eve, joe, sue or 3 others`.
fn listed(names: &[&str], joint: &str) -> String {
    let mut shown: Vec<String> = names.iter().take(NAMES).map(|name| clean(name, NAME)).collect();
    match names.len().saturating_sub(NAMES) {
        0 => {}
        1 => shown.push("1 other".into()),
        more => shown.push(format!("{more} others")),
    }
    match shown.pop() {
        None => "nobody".into(),
        Some(last) if shown.is_empty() => last,
        Some(last) => format!("{} {joint} {last}", shown.join(", ")),
    }
}

/// How many votes for a request count, of how many.
fn counted(facts: &CardFacts<'_>) -> (u32, u32) {
    let need = facts.request.quorum();
    match facts.request.tally(&facts.request.electors) {
        Tally::Pending { have, need } => (have, need),
        Tally::Approved => (need, need),
        Tally::Denied => (0, need),
    }
}

/// Tells two messages apart: what the card remembers of what it shows.
pub fn digest(message: &Message) -> String {
    hex::encode(&Sha256::digest(format!("{message:?}"))[..16])
}
