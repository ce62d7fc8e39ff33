//! What an error of a task means for the next turn.

use super::wire::TaskError;
use crate::providers::{ErrorKind, ProviderError, http};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There already, or gone already: look and decide again.
    LookAgain,
    Transient,
    /// Our keys.
    Denied,
    /// Will not be better next time.
    Refused,
}

pub(super) fn of(kind: &str) -> Verdict {
    match kind {
        "ACL_USER_NAME_ALREADY_EXISTS"
        | "ACL_ROLE_NAME_ALREADY_EXISTS"
        | "ACL_REDIS_RULE_NAME_ALREADY_EXISTS"
        | "ACL_USER_NOT_FOUND"
        | "ACL_ROLE_NOT_FOUND"
        | "ACL_ROLE_DOES_NOT_EXISTS"
        | "ENTITY_NOT_FOUND" => Verdict::LookAgain,
        "CLUSTER_UNDER_MAINTENANCE"
        | "DATABASE_CLUSTER_IS_IN_MAINTENANCE"
        | "CLUSTER_COMMUNICATION_ERROR"
        | "DATABASE_NOT_ACTIVE"
        | "DATABASE_IS_NOT_ACTIVE"
        | "SUBSCRIPTION_NOT_ACTIVE"
        | "SUBSCRIPTION_CONTAINS_NON_ACTIVE_DATABASE"
        | "ACL_REDIS_RULE_NOT_ACTIVE"
        | "ACL_ROLE_IS_IN_PENDING_STATUS_AND_CANNOT_BE_UPDATED"
        | "ACL_ROLE_IS_IN_PENDING_STATUS_AND_CANNOT_BE_DELETED"
        | "CONFLICT_ERROR"
        | "GENERAL_ERROR"
        | "ACL_GENERAL_ERROR"
        | "ACL_USER_CREATION_FAILURE"
        | "ACL_REDIS_RULE_CREATION_FAILURE"
        | "UNKNOWN_STATUS" => Verdict::Transient,
        "UNAUTHORIZED" | "USER_INSUFFICIENT_ROLE" => Verdict::Denied,
        _ => Verdict::Refused,
    }
}

pub(super) fn error(verdict: Verdict, error: &TaskError, secret: &str) -> ProviderError {
    let kind = match verdict {
        Verdict::LookAgain | Verdict::Transient => ErrorKind::Transient,
        Verdict::Denied => ErrorKind::Denied,
        Verdict::Refused => ErrorKind::Invalid,
    };
    let name = http::words(error.kind(), &[secret]);
    let words = http::words(error.description(), &[secret]);
    let text = match words.is_empty() {
        true => format!("Redis Cloud refused the change: {name}"),
        false => format!("Redis Cloud refused the change: {name} ({words})"),
    };
    ProviderError::new(kind, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_lead_to_the_right_next_step() {
        for (kind, verdict) in [
            ("ACL_USER_NAME_ALREADY_EXISTS", Verdict::LookAgain),
            ("ACL_USER_NOT_FOUND", Verdict::LookAgain),
            ("CLUSTER_UNDER_MAINTENANCE", Verdict::Transient),
            ("GENERAL_ERROR", Verdict::Transient),
            ("UNAUTHORIZED", Verdict::Denied),
            ("ACL_USER_PASSWORD_NOT_VALID", Verdict::Refused),
            ("SOMETHING_NEW", Verdict::Refused),
        ] {
            assert_eq!(of(kind), verdict, "{kind}");
        }
    }

    #[test]
    fn no_error_repeats_the_password() {
        let told = TaskError::Bare("bad pw-1234".to_owned());
        assert!(
            !error(Verdict::Refused, &told, "pw-1234")
                .message
                .contains("pw-1234")
        );
    }
}
