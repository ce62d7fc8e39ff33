//! What an answer that is no success means. Both systems have several shapes of error body, and plain text besides.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use crate::providers::{ErrorKind, ProviderError, http};

/// Where a busy cluster does not say how long to stay away, and it never does.
const PAUSE: Duration = Duration::from_secs(2);

/// Type and reason of an error body; either may be empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub kind: String,
    pub reason: String,
}

/// Reads `{"error": {"type", "reason"}}`, `{"error": "…"}`, `{"status", "message" | "reason"}`, or text.
pub fn read(body: &str) -> Told {
    let Ok(json) = serde_json::from_str::<Value>(body) else {
        // A page of some proxy tells nothing.
        let text = body.trim();
        let reason = if text.starts_with('<') { "" } else { text };
        return Told {
            kind: String::new(),
            reason: reason.to_owned(),
        };
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match &json["error"] {
        Value::String(reason) => Told {
            kind: String::new(),
            reason: reason.clone(),
        },
        Value::Object(error) => Told {
            kind: error.get("type").map(text).unwrap_or_default(),
            reason: error.get("reason").map(text).unwrap_or_default(),
        },
        _ => Told {
            kind: text(&json["status"]),
            reason: ["message", "reason"]
                .iter()
                .map(|key| text(&json[*key]))
                .find(|found| !found.is_empty())
                .unwrap_or_default(),
        },
    }
}

/// Two writes met in one document: the same again, a little later, is right. Older OpenSearch says so with 500.
pub fn is_conflict(status: StatusCode, told: &Told) -> bool {
    let words = told.kind.contains("version_conflict") || told.reason.contains("version conflict");
    status == StatusCode::CONFLICT || (status == StatusCode::INTERNAL_SERVER_ERROR && words)
}

/// Nothing there answers to such a path.
pub fn is_unknown_path(status: StatusCode, told: &Told) -> bool {
    let refused = matches!(status.as_u16(), 400 | 404 | 405 | 501);
    refused && (told.reason.contains("no handler found") || told.reason.starts_with("Incorrect HTTP method"))
}

/// `secrets` are taken out of the system's words.
pub fn refusal(
    system: &str,
    status: StatusCode,
    told: &Told,
    pause: Option<Duration>,
    secrets: &[&str],
) -> ProviderError {
    let words = http::words(&told.reason, secrets);
    let mut text = match status.as_u16() {
        401 => format!("{system} refuses our credential (401)"),
        403 => format!("{system} says that we may not (403)"),
        429 => format!("{system} is too busy (429)"),
        other => format!("{system} answered {other}"),
    };
    if !words.is_empty() {
        text = format!("{text}: {words}");
    }
    let mut error = ProviderError::new(http::kind_of(status), text);
    error.retry_after = match error.kind {
        ErrorKind::Transient => Some(pause.unwrap_or(PAUSE)),
        ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::Taken | ErrorKind::Unsupported => None,
    };
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: &str, reason: &str) -> Told {
        Told {
            kind: kind.to_owned(),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn error_bodies_come_in_many_shapes() {
        for (body, expected) in [
            (
                r#"{"error":{"root_cause":[],"type":"security_exception","reason":"no"},"status":403}"#,
                told("security_exception", "no"),
            ),
            (
                r#"{"error":"no handler found for uri [/x]","status":400}"#,
                told("", "no handler found for uri [/x]"),
            ),
            (
                r#"{"status":"NOT_FOUND","message":"gone"}"#,
                told("NOT_FOUND", "gone"),
            ),
            (
                r#"{"status":"error","reason":"Weak password"}"#,
                told("error", "Weak password"),
            ),
            ("Unauthorized", told("", "Unauthorized")),
            ("<html>502</html>", told("", "")),
            ("", told("", "")),
            ("[]", told("", "")),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
    }

    #[test]
    fn conflicts_are_known_in_both_dialects() {
        let conflict = told("", "java.io: [x]: version conflict, required seqNo [3]");
        assert!(is_conflict(StatusCode::INTERNAL_SERVER_ERROR, &conflict));
        assert!(is_conflict(StatusCode::CONFLICT, &told("CONFLICT", "")));
        assert!(!is_conflict(
            StatusCode::INTERNAL_SERVER_ERROR,
            &told("", "null pointer")
        ));
        assert!(!is_conflict(StatusCode::BAD_REQUEST, &conflict));
    }

    #[test]
    fn refusals_say_what_to_do_about_them() {
        let limited = refusal("X", StatusCode::TOO_MANY_REQUESTS, &Told::default(), None, &[]);
        assert_eq!(
            (limited.kind, limited.retry_after),
            (ErrorKind::Transient, Some(PAUSE))
        );
        let denied = refusal(
            "X",
            StatusCode::UNAUTHORIZED,
            &told("", "bad pw-1"),
            None,
            &["pw-1"],
        );
        assert_eq!(denied.kind, ErrorKind::Denied);
        assert!(denied.retry_after.is_none() && denied.message.ends_with("bad ***"));
    }
}
