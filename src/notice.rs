//! Telling those who run it: admins, and who answers for an integration.

use crate::{
    app::App,
    chat::Message,
    directory::{Freshness, Member},
    domain::{Place, policy::People},
    integrations::Live,
};

/// Where admins are told: their channel, else each of them.
pub async fn admin_places(app: &App) -> Vec<Place> {
    let config = app.config.load_full();
    if let Some(place) = &config.admin_channel {
        return vec![place.clone()];
    }
    let admins = People {
        people: config.admins.clone(),
        groups: Vec::new(),
    };
    places(
        app.directory
            .everybody(&config, &admins, app.now(), Freshness::AtMost5Min)
            .await,
    )
}

/// Each of those who answer for an integration, at most ten.
pub async fn owner_places(app: &App, live: &Live) -> Vec<Place> {
    let config = app.config.load_full();
    let Some(owner) = &live.config.integration_owner else {
        return Vec::new();
    };
    places(
        app.directory
            .everybody(&config, owner, app.now(), Freshness::AtMost5Min)
            .await,
    )
}

fn places(people: Vec<Member>) -> Vec<Place> {
    let direct = people.into_iter().take(10).map(|member| member.person.chat_user);
    direct
        .map(|user| Place {
            chat: user.chat,
            channel: user.user,
        })
        .collect()
}

/// Says something once, now; a chat that is down is logged, since what matters is also in the store and the metrics.
pub async fn tell(app: &App, places: &[Place], message: &Message) {
    for place in places {
        if let Some(chat) = app.chat(place.chat)
            && let Err(error) = chat.post(place, message).await
        {
            tracing::warn!(%error, channel = place.channel, text = message.text, "could not be told");
        }
    }
}
