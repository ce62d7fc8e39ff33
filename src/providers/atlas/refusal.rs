//! What an answer of the API that is no success means. Decided by its status, then by its code.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use super::client::SYSTEM;
use crate::providers::{ErrorKind, ProviderError, http};

/// Where it does not say how long to stay away after 429.
const PAUSE: Duration = Duration::from_secs(10);
/// The longest pause that a body may ask for.
const PAUSE_LIMIT: Duration = Duration::from_secs(60);

/// The error body: `{"error":409,"errorCode":"…","detail":"…","parameters":[…]}`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Words {
    pub code: String,
    pub detail: String,
    /// The wait that 429 names as its second parameter.
    pub pause: Option<Duration>,
}

impl Words {
    pub fn read(body: &str) -> Self {
        let json: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        let seconds = &json["parameters"][1];
        let seconds = seconds
            .as_u64()
            .or_else(|| seconds.as_str().and_then(|text| text.trim().parse().ok()));
        Self {
            code: text("errorCode"),
            detail: text("detail"),
            pause: seconds.map(|seconds| Duration::from_secs(seconds).min(PAUSE_LIMIT)),
        }
    }
}

/// The kind of error, and what an admin can do about it where that is not in the API's own words.
fn judge(status: StatusCode, code: &str) -> (ErrorKind, &'static str) {
    match (status.as_u16(), code) {
        (429, _) | (400, "RATE_LIMITED_IP") => (ErrorKind::Transient, "it limits how often it is asked"),
        (405, "WRITES_NOT_ALLOWED_DURING_APP_UPGRADES") => (ErrorKind::Transient, "it is being upgraded"),
        (401 | 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST" | "IP_ADDRESS_NOT_ON_WHITELIST") => (
            ErrorKind::Denied,
            "the key's access list does not hold the bot's address",
        ),
        // Refused for what is asked, not for who asks.
        (_, code) if is_limit(code) => (ErrorKind::Invalid, "a limit of Atlas is reached"),
        (_, code)
            if code.contains("LAST_OWNER")
                || code.contains("LAST_ORG_OWNER")
                || code.contains("LAST_ADMIN") =>
        {
            (
                ErrorKind::Invalid,
                "nobody else is owner there; make somebody owner first",
            )
        }
        (403, "USER_ORGS_RESTRICTED") => (ErrorKind::Invalid, "the organization's federation forbids it"),
        (401 | 403, _) => (
            ErrorKind::Denied,
            "wrong key, or one without the role that this takes",
        ),
        (402, _) => (ErrorKind::Denied, "the account is suspended for its payments"),
        (406 | 410, _) => (ErrorKind::Unsupported, "it no longer has this version of its API"),
        _ => (http::kind_of(status), ""),
    }
}

fn is_limit(code: &str) -> bool {
    code.ends_with("_LIMIT_EXCEEDED") || (code.starts_with("MAX_") && code.ends_with("_EXCEEDED"))
}

pub(super) fn of(
    status: StatusCode,
    words: &Words,
    header: Option<Duration>,
    secrets: &[&str],
) -> ProviderError {
    let (kind, why) = judge(status, &words.code);
    let mut text = format!("{SYSTEM} answered {}", status.as_u16());
    for part in [why, &words.code, &http::words(&words.detail, secrets)] {
        if !part.is_empty() {
            text = format!("{text}: {part}");
        }
    }
    let mut error = ProviderError::new(kind, text);
    let limited = status == StatusCode::TOO_MANY_REQUESTS || words.code == "RATE_LIMITED_IP";
    error.retry_after = match limited {
        true => Some(header.or(words.pause).unwrap_or(PAUSE)),
        false => header,
    };
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> ProviderError {
        let body = format!(
            r#"{{"error":{status},"errorCode":"{code}","detail":"no s3cret","parameters":["x","7"]}}"#
        );
        of(
            StatusCode::from_u16(status).unwrap(),
            &Words::read(&body),
            None,
            &["s3cret"],
        )
    }

    #[test]
    fn refusals_lead_to_the_right_next_step() {
        for (status, code, kind) in [
            (429, "RATE_LIMITED", ErrorKind::Transient),
            (400, "RATE_LIMITED_IP", ErrorKind::Transient),
            (
                405,
                "WRITES_NOT_ALLOWED_DURING_APP_UPGRADES",
                ErrorKind::Transient,
            ),
            (405, "METHOD_NOT_ALLOWED", ErrorKind::Invalid),
            (409, "USER_ALREADY_EXISTS", ErrorKind::Transient),
            (503, "", ErrorKind::Transient),
            (401, "NOT_IN_GROUP", ErrorKind::Denied),
            (403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", ErrorKind::Denied),
            (402, "ACCOUNT_SUSPENDED", ErrorKind::Denied),
            (403, "GROUP_USERS_LIMIT_EXCEEDED", ErrorKind::Invalid),
            (403, "CUSTOM_ROLES_LIMIT_EXCEEDED", ErrorKind::Invalid),
            (400, "MAX_USERS_PER_ORG_EXCEEDED", ErrorKind::Invalid),
            (403, "CANNOT_DEMOTE_LAST_ORG_OWNER", ErrorKind::Invalid),
            (403, "USER_ORGS_RESTRICTED", ErrorKind::Invalid),
            (400, "ATLAS_INVALID_ROLE", ErrorKind::Invalid),
            (404, "GROUP_NOT_FOUND", ErrorKind::Invalid),
            (406, "VERSION", ErrorKind::Unsupported),
            (410, "GONE", ErrorKind::Unsupported),
        ] {
            let error = refused(status, code);
            assert_eq!(error.kind, kind, "{status} {code}");
            assert!(
                error.message.contains(code) && error.message.ends_with("no ***"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_limit_always_says_when_to_come_again() {
        let seven = Some(Duration::from_secs(7));
        assert_eq!(refused(429, "RATE_LIMITED_TOKEN_BUCKET").retry_after, seven);
        assert_eq!(refused(400, "RATE_LIMITED_IP").retry_after, seven);
        let bare = of(StatusCode::TOO_MANY_REQUESTS, &Words::default(), None, &[]);
        assert_eq!(bare.retry_after, Some(PAUSE));
        let header = Some(Duration::from_secs(3));
        let both = of(
            StatusCode::TOO_MANY_REQUESTS,
            &Words::read(r#"{"parameters":[1,9]}"#),
            header,
            &[],
        );
        assert_eq!(both.retry_after, header);
        assert_eq!(refused(400, "ATLAS_INVALID_ROLE").retry_after, None);
        assert_eq!(Words::read("<html>"), Words::default());
    }
}
