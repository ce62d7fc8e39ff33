//! One sentence for one event: short answers to what somebody did, and what owners and admins are told.

use minijinja::{Value, context};

use super::{CardFacts, NAME, counted, requester::with_endings, say};
use crate::{
    chat::surface::{Message, clean},
    domain::Verdict,
};

/// What there is to say. Those with facts are about one request.
#[derive(Debug, Clone)]
pub enum Said<'a> {
    /// "Asked bob and eve. R7K3F, in your messages." Only after the commit.
    Asked(&'a CardFacts<'a>),
    TakenBack(&'a CardFacts<'a>),
    Finishing(&'a CardFacts<'a>),
    /// A vote that counts, and does not decide yet.
    Voted(&'a CardFacts<'a>),
    Decided(&'a CardFacts<'a>, Verdict),
    /// Somebody else's access is being ended.
    Ending(&'a CardFacts<'a>),
    /// To whom a flow says `notify`.
    Granted(&'a CardFacts<'a>),
    ForcedApprove {
        facts: &'a CardFacts<'a>,
        system_user: &'a str,
        reason: &'a str,
    },
    ForcedRevoke {
        facts: &'a CardFacts<'a>,
        system_user: &'a str,
        reason: &'a str,
    },
    /// What was reported as stuck is revoked.
    Unstuck(&'a CardFacts<'a>),
    RemovedInTarget(&'a CardFacts<'a>),
    /// The request was refused, and so never stored: its parts, in words.
    NobodyToDecide {
        who: &'a str,
        permission: &'a str,
        target: &'a str,
        flow: &'a str,
    },
    DiscoveryFailed {
        integration: &'a str,
        why: &'a str,
    },
    Unhealthy {
        integration: &'a str,
        why: &'a str,
    },
    Healthy {
        integration: &'a str,
    },
    Drift {
        integration: &'a str,
        account: &'a str,
        why: &'a str,
    },
    UnknownAccount {
        integration: &'a str,
        account: &'a str,
    },
    Suspended {
        name: &'a str,
        why: &'a str,
    },
    PersonGone {
        name: &'a str,
        leases: usize,
    },
    /// Our failure; the log has the cause under this reference.
    NotNow {
        reference: &'a str,
    },
}

/// The message for one event.
pub fn said(what: &Said<'_>) -> Message {
    let (block, values) = match what {
        Said::Asked(facts) => ("asked", facts.values()),
        Said::TakenBack(facts) => ("taken_back", facts.values()),
        Said::Finishing(facts) => ("finishing", facts.values()),
        Said::Voted(facts) => ("voted", vote(facts)),
        Said::Decided(facts, verdict) => ("decided", decided(facts, *verdict)),
        Said::Ending(facts) => ("ending", facts.values()),
        Said::Granted(facts) => ("granted", facts.values()),
        Said::ForcedApprove {
            facts,
            system_user,
            reason,
        } => ("forced_approve", forced(facts, system_user, reason)),
        Said::ForcedRevoke {
            facts,
            system_user,
            reason,
        } => ("forced_revoke", forced(facts, system_user, reason)),
        Said::Unstuck(facts) => ("unstuck", with_endings(facts)),
        Said::RemovedInTarget(facts) => ("removed", facts.values()),
        Said::NobodyToDecide {
            who,
            permission,
            target,
            flow,
        } => (
            "nobody_to_decide",
            context! { who => clean(who, NAME), permission, target => clean(target, 160), flow },
        ),
        Said::DiscoveryFailed { integration, why } => ("discovery_failed", context! { integration, why }),
        Said::Unhealthy { integration, why } => ("unhealthy", context! { integration, why }),
        Said::Healthy { integration } => ("healthy", context! { integration }),
        Said::Drift {
            integration,
            account,
            why,
        } => ("drift", context! { integration, account, why }),
        Said::UnknownAccount { integration, account } => {
            ("unknown_account", context! { integration, account })
        }
        Said::Suspended { name, why } => ("suspended", context! { name => clean(name, NAME), why }),
        Said::PersonGone { name, leases } => (
            "person_gone",
            context! { name => clean(name, NAME), count => leases },
        ),
        Said::NotNow { reference } => ("not_now", context! { reference }),
    };
    Message::words(say("notice", block, &values))
}

fn vote(facts: &CardFacts<'_>) -> Value {
    let (votes, quorum) = counted(facts);
    context! { votes, quorum, ..facts.values() }
}

fn decided(facts: &CardFacts<'_>, verdict: Verdict) -> Value {
    let verdict = match verdict {
        Verdict::Approve => "approve",
        Verdict::Deny => "deny",
    };
    context! { verdict, ..facts.values() }
}

fn forced(facts: &CardFacts<'_>, system_user: &str, reason: &str) -> Value {
    context! { system_user => clean(system_user, NAME), forced_reason => reason, ..facts.values() }
}
