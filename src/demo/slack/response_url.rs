//! `response_url`: five answers within half an hour, without a token.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::api::ApiError;
use super::args::{Args, Body};
use super::chat_methods::{self, Content};
use super::shared::Shared;
use super::world::{Message, ResponseUrl, TokenKind, World};

const MOST_USES: u8 = 5;
const LIFETIME_MINUTES: i64 = 30;

/// The route `/_response/{id}`.
pub(super) async fn respond(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let busy = shared.under_way();
    let args = Args::read("", &headers, &body, Body::FormOrJson);
    let seen = args.as_ref().map_or(Value::Null, |a| Value::Object(a.0.clone()));
    let answer = shared.change(|w| {
        let answer = args.and_then(|args| w.use_response_url(&id, &args));
        let words = answer.as_ref().err().map_or("ok", |e| e.code.as_str()).to_owned();
        w.record("response_url", TokenKind::Missing, &seen, &words);
        answer
    });
    drop(busy);
    match answer {
        Ok(()) => "ok".into_response(),
        Err(e) if matches!(e.code.as_str(), "used_url" | "expired_url" | "unknown_url") => {
            (StatusCode::NOT_FOUND, Json(json!({"ok": false, "error": e.code}))).into_response()
        }
        Err(e) => (
            StatusCode::BAD_REQUEST,
            Json(json!({"ok": false, "error": e.code})),
        )
            .into_response(),
    }
}

impl World {
    fn use_response_url(&mut self, id: &str, args: &Args) -> Result<(), ApiError> {
        let now = self.now;
        let url = self
            .response_urls
            .get_mut(id)
            .ok_or_else(|| ApiError::code("unknown_url"))?;
        if now - url.born > chrono::Duration::minutes(LIFETIME_MINUTES) {
            return Err(ApiError::code("expired_url"));
        }
        if url.uses >= MOST_USES {
            return Err(ApiError::code("used_url"));
        }
        url.uses += 1;
        let url = url.clone();
        self.answer_privately(&url, args).map(drop)
    }

    /// Shows an answer to a command or click: given in the acknowledgement, or through its response URL.
    pub(super) fn answer_privately(
        &mut self,
        to: &ResponseUrl,
        args: &Args,
    ) -> Result<Option<Message>, ApiError> {
        let original = to
            .message_ts
            .as_ref()
            .filter(|_| args.flag("replace_original") || args.flag("delete_original"));
        if let (Some(ts), true) = (original, args.flag("delete_original")) {
            if let Some(list) = self.messages.get_mut(&to.channel) {
                list.retain(|m| m.ts != *ts);
            }
            return Ok(None);
        }
        let content = Content::read(args)?;
        if content.text.is_none() && content.blocks.as_ref().is_none_or(Vec::is_empty) {
            return Err(ApiError::code("no_text"));
        }
        if let Some(ts) = original {
            let (channel, ts) = (to.channel.clone(), ts.clone());
            let mut blocks = content.blocks.clone().unwrap_or_default();
            self.name_blocks(&mut blocks);
            let edited = self.next_ts();
            let message = self
                .message_mut(&channel, &ts)
                .ok_or_else(|| ApiError::code("message_not_found"))?;
            message.blocks = blocks;
            message.text = content.text.unwrap_or_default();
            message.edited = Some(edited);
            return Ok(Some(message.clone()));
        }
        let mut message = chat_methods::app_message(self, &to.channel, &content);
        if args.text("response_type") != Some("in_channel") {
            message.only_for = Some(to.user.clone());
        }
        Ok(Some(self.post(message)))
    }
}
