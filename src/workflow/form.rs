//! The request form: opened empty or filled in, its fields fed as the person types, and sent.

use std::collections::BTreeMap;

use super::{Asked, Flow, answer, end::own, pick::compact, sight::Sight, submit};
use crate::{
    app::App,
    chat::{Choice, Reply, view},
    domain::{
        Length, RequestId, ResourceRef,
        command::{self, Prefill, Wish},
        name::short_hash,
        policy::ReasonRule,
    },
};

/// Slack shows at most so many options.
const OPTIONS: usize = 100;

/// Opens the form, filled in as far as a typed line says.
pub(crate) async fn open(app: &App, asked: &Asked<'_>, line: &str) -> Flow<Reply> {
    let sight = Sight::of(app, asked).await?;
    let prefill = command::prefill(line, &sight.vocabulary(), asked.now, asked.zone);
    Ok(Reply::Modal(view::request_form(&state(&sight, &prefill, None))))
}

pub(crate) async fn open_prefilled(app: &App, asked: &Asked<'_>, prefill: &Prefill) -> Flow<Reply> {
    let sight = Sight::of(app, asked).await?;
    Ok(Reply::Modal(view::request_form(&state(&sight, prefill, None))))
}

/// The flow wants a reason and none was typed: the form, filled in.
pub(crate) async fn reason_needed(app: &App, asked: &Asked<'_>, wish: &Wish) -> Flow<Reply> {
    let sight = Sight::of(app, asked).await?;
    let note = "This access flow needs a reason.";
    Ok(Reply::Modal(view::request_form(&state(
        &sight,
        &wish.clone().into(),
        Some(note),
    ))))
}

/// Ask again: the form, filled in from an earlier request.
pub(crate) async fn again(app: &App, asked: &Asked<'_>, id: &RequestId) -> Flow<Reply> {
    let Some(bundle) = own(app, asked, id).await? else {
        return Ok(answer::unknown());
    };
    let request = &bundle.request;
    let length = match request.length {
        Length::For(seconds) => Some(compact(seconds)),
        Length::Until(_) => None,
    };
    let prefill = Prefill {
        integration: Some(request.integration.0.clone()),
        resource: Some((request.resource.kind.clone(), request.resource.title.clone())),
        permission: Some(request.permission.name.clone()),
        length,
        reason: Some(request.reason.clone()).filter(|reason| !reason.is_empty()),
    };
    open_prefilled(app, asked, &prefill).await
}

/// A resource's value in the form: short whatever its name, and found again by looking.
fn value_of(integration: &str, at: &ResourceRef) -> String {
    short_hash(&["form", integration, &at.kind, &at.id.join("\u{0}")], 24)
}

fn state(sight: &Sight, prefill: &Prefill, note: Option<&str>) -> view::FormState {
    let found = prefill
        .integration
        .as_ref()
        .zip(prefill.resource.as_ref())
        .and_then(|(integration, (kind, title))| {
            sight.seen().find(|(name, seen)| {
                name.as_str() == integration
                    && seen.resource.at.kind == *kind
                    && seen.resource.at.title == *title
            })
        });
    let first = found.as_ref().and_then(|(_, seen)| seen.offers.first());
    view::FormState {
        what: found.as_ref().map(|(name, seen)| Choice {
            value: value_of(name.as_str(), &seen.resource.at),
            label: format!("{name} / {}", seen.resource.at.title),
        }),
        permissions: Vec::new(),
        permission: prefill.permission.clone(),
        length: prefill.length.clone(),
        reason: prefill.reason.clone(),
        reason_required: first.is_some_and(|offer| offer.flow.requester_reason == ReasonRule::Required),
        longest_seconds: found
            .as_ref()
            .and_then(|(_, seen)| seen.offers.iter().map(|offer| offer.max_seconds).max()),
        note: note.map(str::to_owned),
    }
}

/// Options for a searching field: resources by what was typed, permissions by the resource that is chosen.
pub(crate) async fn options(
    app: &App,
    asked: &Asked<'_>,
    field: &str,
    typed: &str,
    fields: &BTreeMap<String, String>,
) -> Flow<Reply> {
    let sight = Sight::of(app, asked).await?;
    let typed = typed.to_lowercase();
    let mut choices = Vec::new();
    match field {
        "what" => {
            for (name, seen) in sight
                .seen()
                .filter(|(_, seen)| seen.resource.unavailable.is_none())
            {
                let label = format!("{name} / {}", seen.resource.at.title);
                if label.to_lowercase().contains(&typed) {
                    choices.push(Choice {
                        value: value_of(name.as_str(), &seen.resource.at),
                        label,
                    });
                }
            }
        }
        "permission" => {
            let chosen = fields.get("what");
            for (name, seen) in sight.seen() {
                let value = value_of(name.as_str(), &seen.resource.at);
                if chosen.is_some_and(|chosen| *chosen != value) {
                    continue;
                }
                for offer in &seen.offers {
                    let choice = Choice {
                        value: offer.permission.name.clone(),
                        label: offer.permission.name.clone(),
                    };
                    if choice.label.to_lowercase().contains(&typed) && !choices.contains(&choice) {
                        choices.push(choice);
                    }
                }
            }
        }
        _ => {}
    }
    choices.truncate(OPTIONS);
    Ok(Reply::Options(choices))
}

/// The form was sent: the same as a typed line, with errors at the fields.
pub(crate) async fn submitted(
    app: &App,
    asked: &Asked<'_>,
    fields: &BTreeMap<String, String>,
) -> Flow<Reply> {
    let sight = Sight::of(app, asked).await?;
    let error = |field: &str, text: &str| Ok(Reply::Errors(vec![(field.to_owned(), text.to_owned())]));
    let chosen = fields.get("what");
    let found = sight.seen().find(|(name, seen)| {
        chosen.is_some_and(|chosen| *chosen == value_of(name.as_str(), &seen.resource.at))
    });
    let Some((name, seen)) = found else {
        return error("what", "Choose what you need from the list.");
    };
    let reason = fields.get("reason").cloned().unwrap_or_default();
    let length = fields
        .get("length")
        .map(|text| text.trim())
        .filter(|text| !text.is_empty())
        .unwrap_or_default();
    let wanted = match length {
        "" => None,
        text => match command::parse_length(text, asked.now, asked.zone) {
            Ok(length) => Some(length),
            Err(question) => return error("length", &view::question(&question).text),
        },
    };
    let offered = seen.offers.iter().find(|offer| {
        fields
            .get("permission")
            .is_none_or(|permission| offer.permission.is_called(permission))
    });
    if offered.is_some_and(|offer| offer.flow.requester_reason == ReasonRule::Required)
        && reason.trim().is_empty()
    {
        return error("reason", "This access flow needs a reason.");
    }
    let wish = Wish {
        integration: name.0.clone(),
        kind: seen.resource.at.kind.clone(),
        resource: seen.resource.at.title.clone(),
        below: None,
        permission: fields.get("permission").cloned(),
        length: wanted,
        typed_length: Some(length.to_owned()).filter(|text| !text.is_empty()),
        reason,
    };
    submit::access(app, asked, &sight, &wish)
        .await
        .map(answer::after_form)
}
