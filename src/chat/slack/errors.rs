//! Slack's answers that are no success, as the kinds the core acts on.

use std::time::Duration;

use serde_json::Value;
use slack_morphism::errors::SlackClientError;

use super::text::cut;
use crate::chat::{ChatError, ChatErrorKind};

/// Where Slack limits us without saying for how long.
const UNSAID: Duration = Duration::from_secs(5);

pub(super) fn transient(message: String) -> ChatError {
    ChatError {
        kind: ChatErrorKind::Transient { retry_after: None },
        message,
    }
}

/// What the crate's error says, without the bodies it holds.
pub(super) fn of_call(method: &str, error: &SlackClientError) -> ChatError {
    match error {
        SlackClientError::ApiError(error) => {
            let body = error
                .http_response_body
                .as_deref()
                .and_then(|body| serde_json::from_str(body).ok());
            of_code(method, &error.code, &body.unwrap_or(Value::Null))
        }
        SlackClientError::RateLimitError(error) => limited(method, error.retry_after),
        SlackClientError::HttpError(error) => of_status(method, error.status_code.as_u16()),
        SlackClientError::HttpProtocolError(_)
        | SlackClientError::EndOfStream(_)
        | SlackClientError::SystemError(_) => transient(format!("slack {method}: cannot reach Slack")),
        SlackClientError::ProtocolError(_) | SlackClientError::SocketModeProtocolError(_) => {
            transient(format!("slack {method}: the answer was not Slack's"))
        }
    }
}

fn limited(method: &str, retry_after: Option<Duration>) -> ChatError {
    ChatError {
        kind: ChatErrorKind::Transient {
            retry_after: Some(retry_after.unwrap_or(UNSAID)),
        },
        message: format!("slack {method}: too many calls"),
    }
}

/// A status alone, as `response_url` answers.
fn of_status(method: &str, status: u16) -> ChatError {
    let kind = match status {
        404 | 410 => ChatErrorKind::Gone,
        401 | 403 => ChatErrorKind::Denied,
        408 | 500..=599 => ChatErrorKind::Transient { retry_after: None },
        _ => ChatErrorKind::Invalid,
    };
    ChatError {
        kind,
        message: format!("slack {method}: HTTP {status}"),
    }
}

/// `ok: false` with this code; `answer` is read for the few words that help and cannot hold anything secret.
pub(super) fn of_code(method: &str, code: &str, answer: &Value) -> ChatError {
    let kind = kind_of(code);
    if matches!(kind, ChatErrorKind::Transient { retry_after: Some(_) }) {
        return limited(method, None);
    }
    let code = cut(code, 80);
    let more = match (kind, code.as_str()) {
        (_, "not_in_channel") => " (invite the bot there)".to_owned(),
        (_, "missing_scope") => match answer["needed"].as_str() {
            Some(needed) => format!(
                " (add the scope {} to the app and install it again)",
                cut(needed, 80)
            ),
            None => String::new(),
        },
        (_, "messages_tab_disabled") => " (turn on the app's messages tab)".to_owned(),
        (ChatErrorKind::Invalid, _) => pointers(answer),
        _ => String::new(),
    };
    ChatError {
        kind,
        message: format!("slack {method}: {code}{more}"),
    }
}

/// Where in what we sent Slack's complaint lies: rules and JSON pointers, never values.
fn pointers(answer: &Value) -> String {
    let said: Vec<&str> = answer["response_metadata"]["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if said.is_empty() {
        String::new()
    } else {
        format!(" ({})", cut(&said.join("; "), 300))
    }
}

fn kind_of(code: &str) -> ChatErrorKind {
    match code {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => ChatErrorKind::Transient {
            retry_after: Some(UNSAID),
        },
        "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "external_channel_migrating"
        | "team_added_to_org"
        | "accesslimited" => ChatErrorKind::Transient { retry_after: None },
        "channel_not_found"
        | "is_archived"
        | "message_not_found"
        | "cant_update_message"
        | "edit_window_closed"
        | "user_not_found"
        | "users_not_found"
        | "user_not_visible"
        | "user_disabled"
        | "cannot_dm_bot"
        | "not_found"
        | "view_not_found"
        | "no_such_subteam"
        | "subteam_not_found"
        | "expired_trigger_id"
        | "trigger_expired"
        | "exchanged_trigger_id"
        | "trigger_exchanged"
        | "invalid_trigger_id"
        | "expired_url"
        | "used_url" => ChatErrorKind::Gone,
        "not_authed"
        | "invalid_auth"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "missing_scope"
        | "no_permission"
        | "not_allowed_token_type"
        | "not_in_channel"
        | "restricted_action"
        | "restricted_action_read_only_channel"
        | "restricted_action_non_threadable_channel"
        | "restricted_action_thread_only_channel"
        | "ekm_access_denied"
        | "plan_upgrade_required"
        | "permission_denied"
        | "access_denied"
        | "enterprise_is_restricted"
        | "two_factor_setup_required"
        | "team_access_not_granted"
        | "org_login_required"
        | "messages_tab_disabled"
        | "invalid_token" => ChatErrorKind::Denied,
        _ => ChatErrorKind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn codes_become_kinds_with_what_to_do() {
        let answer = json!({"ok": false, "needed": "chat:write", "token": "xoxb-secret",
            "response_metadata": {"messages": ["[ERROR] must be less than 76 characters [json-pointer:/blocks/0]"]}});
        for (code, kind, words) in [
            (
                "channel_not_found",
                ChatErrorKind::Gone,
                "slack m: channel_not_found",
            ),
            (
                "not_in_channel",
                ChatErrorKind::Denied,
                "slack m: not_in_channel (invite the bot there)",
            ),
            (
                "missing_scope",
                ChatErrorKind::Denied,
                "slack m: missing_scope (add the scope chat:write to the app and install it again)",
            ),
            (
                "invalid_blocks",
                ChatErrorKind::Invalid,
                "slack m: invalid_blocks ([ERROR] must be less than 76 characters [json-pointer:/blocks/0])",
            ),
            (
                "internal_error",
                ChatErrorKind::Transient { retry_after: None },
                "slack m: internal_error",
            ),
            (
                "ratelimited",
                ChatErrorKind::Transient {
                    retry_after: Some(UNSAID),
                },
                "slack m: too many calls",
            ),
        ] {
            let error = of_code("m", code, &answer);
            assert_eq!((error.kind, error.message.as_str()), (kind, words), "{code}");
        }
    }

    #[test]
    fn statuses_become_kinds() {
        for (status, kind) in [
            (404, ChatErrorKind::Gone),
            (403, ChatErrorKind::Denied),
            (503, ChatErrorKind::Transient { retry_after: None }),
            (400, ChatErrorKind::Invalid),
        ] {
            assert_eq!(of_status("m", status).kind, kind, "{status}");
        }
    }
}
