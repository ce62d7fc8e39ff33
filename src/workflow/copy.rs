//! A card posted just before a crash may stand there twice, and only the second copy is followed. The other is drawn anew
//! when it is pressed, so that nobody is offered what is decided.

use super::{Asked, Flow};
use crate::{
    app::App,
    bundle::Bundle,
    chat::{Act, view},
    domain::{Audience, Card, RequestId},
    store::{records::cards_of, typed::list},
};

/// Draws the pressed card as things stand now, where no record leads to it. Only words are sent with other notices: a
/// message with buttons is a card.
pub(crate) async fn mend(app: &App, asked: &Asked<'_>, act: &Act) -> Flow<()> {
    let (Some(request), Some(at)) = (subject(act), &asked.inbound.message) else {
        return Ok(());
    };
    let cards = list::<Card>(&*app.store, &cards_of(request)).await?;
    if cards.is_empty() || cards.iter().any(|card| card.message.as_ref() == Some(at)) {
        return Ok(());
    }
    let (Some(bundle), Some(chat)) = (Bundle::load(app, request).await?, app.chat(at.place.chat)) else {
        return Ok(());
    };
    // A channel's card is nobody's own: it says "you" to nobody.
    let in_channel = cards
        .iter()
        .any(|card| matches!(&card.audience, Audience::Channel(place) if place.channel == at.place.channel));
    let me = &asked.person.id;
    let message = if bundle.request.requester == *me && !in_channel {
        view::requester_card(&bundle.facts(Some(me), asked.zone, app.now()))
    } else if in_channel {
        view::approver_card(&bundle.facts(None, app.config.load().time_zone, app.now()))
    } else {
        view::approver_card(&bundle.facts(Some(me), asked.zone, app.now()))
    };
    tracing::info!(request = %request, "a second copy of a card was pressed, and is drawn anew");
    Ok(chat.update(at, &message).await?)
}

/// The request whose card carries this button.
fn subject(act: &Act) -> Option<&RequestId> {
    match act {
        Act::Approve { request, .. }
        | Act::Deny { request, .. }
        | Act::Preview { request }
        | Act::Cancel { request }
        | Act::Show { request }
        | Act::Finish { request }
        | Act::End { request }
        | Act::Extend { request, .. }
        | Act::AskAgain { request } => Some(request),
        Act::Say { .. } | Act::Form { .. } => None,
    }
}
