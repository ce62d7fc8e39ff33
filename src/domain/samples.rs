//! Values that the tables of this module start from.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use super::{
    Account, AccountName, Applied, AppliedState, ApprovalThen, Decision, EndReason, Ended, FlowThen, Grounds,
    Lease, Length, Permission, Purpose, Request, RequestId, ResourceRef, Verb,
};

pub fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default() + Duration::minutes(minutes)
}

pub fn permission(name: &str, also: &[&str], dangerous: bool) -> Permission {
    Permission {
        name: name.into(),
        also: also.iter().map(|name| (*name).to_owned()).collect(),
        about: String::new(),
        dangerous,
    }
}

pub fn resource(kind: &str, id: &[&str]) -> ResourceRef {
    ResourceRef {
        kind: kind.into(),
        id: id.iter().map(|part| (*part).to_owned()).collect(),
        title: id.join("/"),
    }
}

/// Ann asks for two hours on prod; so many have to agree.
pub fn request(id: &str, quorum: u32) -> Request {
    Request {
        id: RequestId(id.into()),
        code: id.into(),
        purpose: Purpose::Access,
        requester: "ann".into(),
        requester_name: "Ann".into(),
        integration: "main".into(),
        resource: resource("database", &["prod"]),
        tags: BTreeMap::new(),
        permission: permission("read", &[], false),
        length: Length::For(7200),
        reason: String::new(),
        flow: FlowThen {
            name: "developers".into(),
            digest: "f1".into(),
            approval: ApprovalThen::Quorum(quorum),
            channel: None,
            max_seconds: 28_800,
        },
        asked_in: None,
        asked_at: at(0),
        decide_by: at(480),
        electors: Vec::new(),
        votes: Vec::new(),
        decision: None,
        lease: None,
        revision: 1,
        subject_revision: 1,
        forget_at: None,
    }
}

/// A lease approved at minute 0 on target `here`, to be ready by minute 10; not begun.
pub fn lease(id: &str) -> Lease {
    let mut request = request(id, 1);
    request.decision = Some(Decision {
        what: Verb::Approved,
        by: "Bob".into(),
        by_person: Some("bob".into()),
        reason: None,
        at: at(0),
    });
    let grounds = Grounds {
        now: at(0),
        target_id: "here".into(),
        scope: String::new(),
        start_within: Duration::minutes(10),
    };
    Lease::of(&request, grounds).unwrap_or_else(|| unreachable!("an approved request makes a lease"))
}

/// Granted at minute 1: it ends at minute 121.
pub fn granted(id: &str) -> Lease {
    let mut lease = lease(id);
    lease.granted_at = Some(at(1));
    lease.expires_at = at(121);
    lease
}

pub fn ended(mut lease: Lease, minute: i64) -> Lease {
    lease.ended = Some(Ended {
        at: at(minute),
        why: EndReason::TimeUp,
    });
    lease
}

/// Ann's login on target `here`, of which nothing is known.
pub fn account(name: AccountName) -> Account {
    Account::new(
        super::AccountId("ann/main".into()),
        "main".into(),
        "ann".into(),
        String::new(),
        name,
        "here".into(),
    )
}

/// The account remembers this of a lease.
pub fn applied(account: &mut Account, lease: &Lease, state: AppliedState) {
    account.applied.insert(
        lease.id.clone(),
        Applied {
            state,
            until: lease.expires_at,
            at: at(1),
        },
    );
}
