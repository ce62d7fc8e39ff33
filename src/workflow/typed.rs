//! A typed line: which verb it is, and on which request.

use super::{Asked, Flow, answer, ask, end, extend, form, review, sight::Sight, submit::access};
use crate::{
    app::App,
    bundle::Bundle,
    chat::{Reply, view},
    domain::{
        Length, RequestId, ShortCode, Verdict,
        command::{self, Command, Question},
        refusal::{Offer as Suggestion, Refusal, Why},
    },
};

/// A typed line, or a button that stands for one.
pub(crate) async fn line(app: &App, asked: &Asked<'_>, text: &str) -> Flow<Reply> {
    let sight = Sight::of(app, asked).await?;
    match command::parse(text, &sight.vocabulary(), asked.now, asked.zone) {
        Err(question) => Ok(Reply::Private(view::question(&question))),
        Ok(Command::Access(wish)) => access(app, asked, &sight, &wish).await,
        Ok(other) => verb(app, asked, other).await,
    }
}

async fn verb(app: &App, asked: &Asked<'_>, command: Command) -> Flow<Reply> {
    match command {
        Command::Access(_) => Ok(answer::unknown()),
        Command::Form(prefill) => form::open_prefilled(app, asked, &prefill).await,
        Command::Help => Ok(Reply::Private(view::help())),
        Command::Mine => ask::mine(app, asked).await,
        Command::Catalog { integration } => ask::catalog(app, asked, integration.as_deref()).await,
        Command::Status { code: Some(code) } => ask::status(app, asked, &code).await,
        Command::Status { code: None } => ask::mine(app, asked).await,
        Command::Cancel { code } => on_own(app, asked, code, Own::Cancel).await,
        Command::Finish { code } => on_own(app, asked, code, Own::Finish).await,
        Command::Extend { code, length, reason } => {
            on_own(app, asked, code, Own::Extend(length, reason)).await
        }
        Command::Approve { code, reason } => voted(app, asked, &code, Verdict::Approve, reason).await,
        Command::Deny { code, reason } => voted(app, asked, &code, Verdict::Deny, reason).await,
    }
}

/// A typed vote: like the button, with the reason given along.
async fn voted(
    app: &App,
    asked: &Asked<'_>,
    code: &ShortCode,
    verdict: Verdict,
    reason: Option<String>,
) -> Flow<Reply> {
    let Some(bundle) = ask::by_code(app, code).await? else {
        return Ok(answer::unknown());
    };
    let (request, revision) = (&bundle.request.id, bundle.request.revision);
    let reply = match &reason {
        Some(reason) => {
            let given = review::Given {
                request,
                revision,
                verdict,
                reason: Some(reason),
            };
            review::vote(app, asked, &given).await?
        }
        None => review::pressed(app, asked, request, revision, verdict).await?,
    };
    Ok(match (reply, Bundle::load(app, request).await?) {
        (Reply::Done, Some(now)) => {
            let facts = now.facts(Some(&asked.person.id), asked.zone, asked.now);
            Reply::Private(match &now.request.decision {
                Some(_) => view::said(&view::Said::Decided(&facts, verdict)),
                None => view::said(&view::Said::Voted(&facts)),
            })
        }
        (reply, _) => reply,
    })
}

enum Own {
    Cancel,
    Finish,
    Extend(Option<Length>, String),
}

/// A verb on a request of the person's own; without a code it is the only one, or they are asked which.
async fn on_own(app: &App, asked: &Asked<'_>, code: Option<ShortCode>, verb: Own) -> Flow<Reply> {
    let word = match verb {
        Own::Cancel => "cancel",
        Own::Finish => "finish",
        Own::Extend(..) => "extend",
    };
    let bundle = match code {
        Some(code) => ask::by_code(app, &code)
            .await?
            .filter(|found| found.request.requester == asked.person.id),
        None => {
            let desk = crate::home::Desk::of(app, asked.person).await?;
            let found: Vec<(RequestId, ShortCode, String)> = match verb {
                Own::Cancel => desk.asked().map(described).collect(),
                Own::Finish | Own::Extend(..) => desk.held().map(described).collect(),
            };
            match found.as_slice() {
                [] => return Ok(answer::refuse("", Why::NotActive)),
                [(id, _, _)] => Bundle::load(app, id).await?,
                several => return Ok(which(word, several)),
            }
        }
    };
    let Some(bundle) = bundle else {
        return Ok(answer::unknown());
    };
    match verb {
        Own::Cancel => match bundle
            .lease
            .as_ref()
            .filter(|lease| lease.is_live() && lease.granted_at.is_some())
        {
            Some(_) => {
                let line = format!("finish {}", bundle.request.code);
                let refusal = Refusal::because("", Why::Active).offer(Suggestion::say("Finish now", line));
                Ok(Reply::Private(view::refusal(&refusal)))
            }
            None => end::cancel(app, asked, &bundle.request.id)
                .await
                .map(|reply| said_if_done(asked, &bundle, reply, word)),
        },
        Own::Finish => end::finish(app, asked, &bundle.request.id)
            .await
            .map(|reply| said_if_done(asked, &bundle, reply, word)),
        Own::Extend(Some(length), reason) => {
            let from = bundle.lease.as_ref().map_or(asked.now, |lease| lease.expires_at);
            extend::wish(app, asked, &bundle, length.end(from), Some(&reason)).await
        }
        Own::Extend(None, _) => extend::pressed(app, asked, &bundle.request.id, None).await,
    }
}

/// A typed verb gets a word back: the card is elsewhere.
fn said_if_done(asked: &Asked<'_>, bundle: &Bundle, reply: Reply, word: &str) -> Reply {
    let facts = bundle.facts(Some(&asked.person.id), asked.zone, asked.now);
    match (reply, word) {
        (Reply::Done, "cancel") => Reply::Private(view::said(&view::Said::TakenBack(&facts))),
        (Reply::Done, _) => Reply::Private(view::said(&view::Said::Finishing(&facts))),
        (other, _) => other,
    }
}

fn described(bundle: &Bundle) -> (RequestId, ShortCode, String) {
    let request = &bundle.request;
    let text = format!("{} / {}", request.integration, request.resource.title);
    (request.id.clone(), request.code.clone(), text)
}

fn which(word: &str, several: &[(RequestId, ShortCode, String)]) -> Reply {
    let offers = several
        .iter()
        .take(10)
        .map(|(_, code, text)| Suggestion::say(text.clone(), format!("{word} {code}")));
    let names = several.iter().map(|(_, _, text)| text.clone()).collect();
    let question = Question {
        offers: offers.collect(),
        ..Question::from(command::Ask::Several { names })
    };
    Reply::Private(view::question(&question))
}
