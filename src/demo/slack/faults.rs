//! Ways in which Slack, or the road to it, misbehaves on demand.

use serde::Deserialize;
use std::collections::VecDeque;

/// What happens to a Web API call instead of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiFault {
    /// 429 with `Retry-After` in seconds.
    RateLimited(u32),
    /// 500 with a page that is not JSON; nothing was done.
    ServerError,
    /// It is done, but the answer is a 500: what a lost answer looks like to the app.
    DoneButLost,
    /// Never answered.
    Hang,
    /// `ok: false` with this code.
    Error(String),
}

/// What happens to a command, click or event on its way to the app.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryFault {
    /// Delivered twice, the same bytes (over HTTP also the same signature).
    Duplicate,
    /// Delivered, but the acknowledgement is lost: the person sees an error, an event comes again.
    DropAck,
    /// Waits until another delivery went through, so the two arrive in the wrong order.
    HoldUntilNext,
    /// `team` is null, as for an app installed on a whole organisation.
    TeamNull,
    /// Signed with another secret (HTTP).
    Forged,
    /// The body is changed after it was signed (HTTP).
    Tampered,
    /// Signed this many seconds ago (HTTP).
    Old(u64),
    /// No `response_url`, as some surfaces send it.
    NoResponseUrl,
}

/// Faults waiting to happen.
#[derive(Default)]
pub(super) struct Faults {
    api: Vec<(String, ApiFault, Option<usize>)>,
    deliveries: VecDeque<DeliveryFault>,
    pub(super) down: bool,
}

impl Faults {
    /// `method` may be `*`; `times` is `None` for until cleared.
    pub(super) fn on_call(&mut self, method: &str, fault: ApiFault, times: Option<usize>) {
        self.api.push((method.to_owned(), fault, times));
    }

    pub(super) fn on_next_delivery(&mut self, fault: DeliveryFault) {
        self.deliveries.push_back(fault);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The fault for a call to `method`, used up if it was counted.
    pub(super) fn take_call(&mut self, method: &str) -> Option<ApiFault> {
        let at = self.api.iter().position(|(m, _, _)| m == "*" || m == method)?;
        let fault = self.api[at].1.clone();
        let used_up = match &mut self.api[at].2 {
            None => false,
            Some(left) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
        };
        if used_up {
            self.api.remove(at);
        }
        Some(fault)
    }

    pub(super) fn take_delivery(&mut self) -> Option<DeliveryFault> {
        self.deliveries.pop_front()
    }
}
