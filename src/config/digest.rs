//! Short names for what a rule says, so that a change of the rule is noticed.

use sha2::{Digest, Sha256};

use crate::domain::policy::AccessFlow;

/// Of everything that a flow says: a vote binds to it, and a flow that was changed needs new votes. 32 hex digits.
pub fn flow_digest(flow: &AccessFlow) -> String {
    // Field order is that of the type, so the same flow has the same text.
    let text = serde_json::to_vec(flow).unwrap_or_default();
    hex::encode(&Sha256::digest(&text)[..16])
}
