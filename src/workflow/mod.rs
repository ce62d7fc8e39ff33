//! From something a person did to facts in the store and an answer. One verb a file; `handle` is the only dispatch.
//!
//! Every entry decides authority again, from the store and fresh facts; a button says what was pressed, never what is
//! allowed. Words that promise are answered only after the commit that keeps them.

pub(crate) mod answer;
mod ask;
pub mod control;
mod copy;
pub(crate) mod electors;
mod end;
mod explain;
mod extend;
mod form;
mod pick;
mod reveal;
mod review;
mod sight;
mod submit;
mod typed;
pub mod upkeep;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::{
    app::App,
    bundle::zone_of,
    chat::{Act, Inbound, Reply, What, surface::Callback},
    directory::Freshness,
    domain::{Person, Verdict, audit::Actor},
};

/// The shell's errors: logged here, once; the person gets a reference.
pub(crate) type Flow<T> = anyhow::Result<T>;

/// Who asks, when, and through which delivery.
pub(crate) struct Asked<'a> {
    pub person: &'a Person,
    pub inbound: &'a Inbound,
    pub now: DateTime<Utc>,
    pub zone: Tz,
}

impl Asked<'_> {
    pub fn actor(&self) -> Actor {
        Actor::Person {
            id: self.person.id.clone(),
            name: self.person.name.clone(),
            chat_user: self.person.chat_user.as_key(),
        }
    }
}

/// Answers one delivery. Never fails: what goes wrong is logged under a reference, and the person gets that.
pub async fn handle(app: &App, inbound: Inbound) -> Reply {
    let now = app.now();
    let config = app.config.load_full();
    let person = match app
        .directory
        .admit(&config, &inbound.from, now, freshness(&inbound.what))
        .await
    {
        Ok(person) => person,
        Err(refused) => {
            tracing::info!(
                user = inbound.from.as_key(),
                cause = refused.cause(),
                "not admitted"
            );
            return answer::not_admitted(&inbound.what, &refused);
        }
    };
    let asked = Asked {
        person: &person,
        inbound: &inbound,
        now,
        zone: zone_of(app, Some(&person)),
    };
    match dispatch(app, &asked).await {
        Ok(reply) => reply,
        Err(error) => {
            let reference = format!("{:06x}", rand::random::<u32>() & 0x00ff_ffff);
            tracing::error!(reference, person = %person.id, "{error:#}");
            answer::failed(&inbound.what, &reference)
        }
    }
}

/// A vote is decided on facts of this moment; everything else on facts at most five minutes old.
fn freshness(what: &What) -> Freshness {
    let votes = match what {
        What::Button { act } => matches!(act, Act::Approve { .. } | Act::Deny { .. } | Act::End { .. }),
        What::Submit { callback, .. } => !matches!(Callback::read(callback), Some(Callback::Request) | None),
        What::Command { .. } | What::Options { .. } | What::OpenForm | What::Home => false,
    };
    if votes {
        Freshness::Now
    } else {
        Freshness::AtMost5Min
    }
}

async fn dispatch(app: &App, asked: &Asked<'_>) -> Flow<Reply> {
    match &asked.inbound.what {
        What::Command { text } => typed::line(app, asked, text).await,
        What::OpenForm => form::open(app, asked, "").await,
        What::Home => ask::home_opened(app, asked).await,
        What::Options { field, typed, fields } => form::options(app, asked, field, typed, fields).await,
        What::Button { act } => {
            let reply = pressed(app, asked, act).await;
            if let Err(error) = copy::mend(app, asked, act).await {
                tracing::warn!(%error, "a second copy of a card could not be drawn anew");
            }
            reply
        }
        What::Submit { callback, fields, .. } => {
            let reason = fields.get("reason").map(String::as_str);
            match Callback::read(callback) {
                Some(Callback::Request) => form::submitted(app, asked, fields).await,
                Some(Callback::Deny { request, revision }) => {
                    let given = review::Given {
                        request: &request,
                        revision,
                        verdict: Verdict::Deny,
                        reason,
                    };
                    review::vote(app, asked, &given).await.map(answer::after_form)
                }
                Some(Callback::Approve { request, revision }) => {
                    let given = review::Given {
                        request: &request,
                        revision,
                        verdict: Verdict::Approve,
                        reason,
                    };
                    review::vote(app, asked, &given).await.map(answer::after_form)
                }
                Some(Callback::Extend { request }) => {
                    let length = fields.get("length").map(String::as_str).unwrap_or_default();
                    extend::submitted(app, asked, &request, length, reason)
                        .await
                        .map(answer::after_form)
                }
                Some(Callback::End { request }) => end::end(app, asked, &request, reason)
                    .await
                    .map(answer::after_form),
                Some(Callback::None) | None => Ok(Reply::Close),
            }
        }
    }
}

async fn pressed(app: &App, asked: &Asked<'_>, act: &Act) -> Flow<Reply> {
    match act {
        Act::Approve { request, revision } => {
            review::pressed(app, asked, request, *revision, Verdict::Approve).await
        }
        Act::Deny { request, revision } => {
            review::pressed(app, asked, request, *revision, Verdict::Deny).await
        }
        Act::Preview { request } => ask::preview(app, asked, request).await,
        Act::Cancel { request } => end::cancel(app, asked, request).await,
        Act::Show { request } => reveal::show(app, asked, request).await,
        Act::Finish { request } => end::finish(app, asked, request).await,
        Act::End { request } => end::form(app, asked, request).await,
        Act::Extend { request, until } => extend::pressed(app, asked, request, *until).await,
        Act::AskAgain { request } => form::again(app, asked, request).await,
        Act::Say { line } => typed::line(app, asked, line).await,
        Act::Form { line } => form::open(app, asked, line).await,
    }
}
