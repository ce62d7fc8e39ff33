//! Cards follow their request: what is shown is compared with what should be, and mended. A failed message never undoes
//! access; it is tried again.

use chrono::{DateTime, Duration, Utc};

use crate::{
    app::App,
    bundle::{Bundle, STUCK_AFTER, zone_of},
    chat::{
        ChatErrorKind, Message,
        view::{self, announcement, approver_card, next_change, requester_card, stuck_notice},
    },
    domain::{
        ApprovalThen, Audience, Card, EndReason, Person, PersonId, Place, Poke, PokeSubject, Posting,
        Request, RequestId,
    },
    store::{
        StoreError,
        records::cards_of,
        typed::{Versioned, list, load},
    },
};

/// At most so many approvers get a message each; a larger group needs a channel.
const DIRECT: usize = 10;

/// Brings all cards of a request up to date, then forgets the poke, or puts it off to when they change by themselves.
pub(crate) async fn reconcile(app: &App, poke: &Versioned<Poke>, id: &RequestId) -> Result<(), StoreError> {
    let Some(bundle) = Bundle::load(app, id).await? else {
        return forget(app, poke, None).await;
    };
    ensure(app, &bundle).await?;
    let mut again: Option<DateTime<Utc>> = None;
    let mut later = |at: Option<DateTime<Utc>>| {
        again = match (again, at) {
            (Some(known), Some(at)) => Some(known.min(at)),
            (known, at) => known.or(at),
        };
    };
    let now = app.now();
    for card in list::<Card>(&*app.store, &cards_of(id)).await? {
        later(follow(app, &bundle, card).await?);
    }
    let facts = bundle.facts(None, app.config.load().time_zone, now);
    later(next_change(&facts));
    later(stuck_at(&bundle).filter(|at| *at > now));
    redraw_homes(app, &bundle, now).await?;
    forget(
        app,
        poke,
        again.map(|at| at.max(now + Duration::milliseconds(200))),
    )
    .await
}

/// When an ended lease becomes stuck, unless it is gone by then.
fn stuck_at(bundle: &Bundle) -> Option<DateTime<Utc>> {
    let lease = bundle.lease.as_ref().filter(|lease| lease.closed.is_none())?;
    lease.ended.as_ref().map(|ended| ended.at + STUCK_AFTER)
}

/// The poke is done with, unless somebody poked again meanwhile.
async fn forget(app: &App, poke: &Versioned<Poke>, again: Option<DateTime<Utc>>) -> Result<(), StoreError> {
    let batch = app.batch(app.now());
    let batch = match again {
        Some(at) => batch.put(
            poke,
            &Poke {
                subject: poke.subject.clone(),
                at,
            },
        ),
        None => batch.remove(poke),
    };
    app.commit(batch).await.map(drop)
}

/// Makes sure that everybody who should see the request has a card.
async fn ensure(app: &App, bundle: &Bundle) -> Result<(), StoreError> {
    let request = &bundle.request;
    let mut wanted = Vec::new();
    if let Some(person) = load::<Person>(&*app.store, request.requester.as_str()).await? {
        wanted.push((Audience::Requester, to_person(&person)));
    }
    let asks = matches!(request.flow.approval, ApprovalThen::Quorum(_));
    if asks && request.is_pending() {
        wanted.extend(approver_places(app, request).await?);
    }
    let known = list::<Card>(&*app.store, &cards_of(&request.id)).await?;
    let mut batch = app.batch(app.now());
    for (audience, to) in wanted {
        if known.iter().any(|card| card.audience == audience) {
            continue;
        }
        batch = batch.put_new(&Card {
            request: request.id.clone(),
            audience,
            to,
            message: None,
            posting: None,
            shown: None,
            announced: Vec::new(),
            failures: 0,
            next_try: None,
            dead: None,
        });
    }
    app.commit(batch).await.map(drop)
}

async fn approver_places(app: &App, request: &Request) -> Result<Vec<(Audience, Place)>, StoreError> {
    if let Some(channel) = &request.flow.channel {
        return Ok(vec![(Audience::Channel(channel.clone()), channel.clone())]);
    }
    let mut places = Vec::new();
    for elector in request.electors.iter().take(DIRECT) {
        if let Some(person) = load::<Person>(&*app.store, elector.person.as_str()).await? {
            places.push((Audience::Approver(elector.person.clone()), to_person(&person)));
        }
    }
    Ok(places)
}

fn to_person(person: &Person) -> Place {
    Place {
        chat: person.chat_user.chat,
        channel: person.chat_user.user.clone(),
    }
}

/// Brings one card up to date. Answers when to try again, if that is needed.
async fn follow(
    app: &App,
    bundle: &Bundle,
    card: Versioned<Card>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let now = app.now();
    if let Some(at) = card.next_try.filter(|at| *at > now) {
        return Ok(Some(at));
    }
    let reader = match &card.audience {
        Audience::Channel(_) => None,
        Audience::Approver(person) => Some(person.clone()),
        Audience::Requester => Some(bundle.request.requester.clone()),
    };
    let person = match &reader {
        Some(id) => load::<Person>(&*app.store, id.as_str()).await?,
        None => None,
    };
    let facts = bundle.facts(reader.as_ref(), zone_of(app, person.as_deref()), now);
    if card.dead.is_some() {
        // The requester is out of reach; those who answer for the integration still hear of trouble.
        return match card.audience {
            Audience::Requester => announce(app, bundle, card, None, stuck_notice(&facts)).await,
            Audience::Channel(_) | Audience::Approver(_) => Ok(None),
        };
    }
    let message = match &card.audience {
        Audience::Channel(_) | Audience::Approver(_) => approver_card(&facts),
        Audience::Requester => requester_card(&facts),
    };
    let card = match show(app, card, &message).await? {
        Shown::Yes(card) => card,
        Shown::Again(at) => return Ok(at),
    };
    if card.audience != Audience::Requester {
        return Ok(None);
    }
    announce(app, bundle, card, announcement(&facts), stuck_notice(&facts)).await
}

enum Shown {
    Yes(Versioned<Card>),
    /// Not now: when to try again, if ever.
    Again(Option<DateTime<Utc>>),
}

/// Posts the card, or edits it where it stands.
async fn show(app: &App, card: Versioned<Card>, message: &Message) -> Result<Shown, StoreError> {
    let digest = view::digest(message);
    if card.shown.as_ref() == Some(&digest) {
        return Ok(Shown::Yes(card));
    }
    let Some(chat) = app.chat(card.to.chat) else {
        return Ok(Shown::Again(None));
    };
    let mut next = card.value.clone();
    let done = match &card.message {
        Some(at) => chat.update(at, message).await.map(|()| at.clone()),
        None => {
            // On disk before the first post: a duplicate after a crash is accepted, a card nobody knows of is not.
            next.posting = Some(Posting {
                nonce: digest.clone(),
                at: app.now(),
            });
            if !app.commit(app.batch(app.now()).put(&card, &next)).await? {
                return Ok(Shown::Again(Some(app.now())));
            }
            chat.post(&card.to, message).await
        }
    };
    let before = Versioned {
        version: card.version + u64::from(card.message.is_none()),
        value: next.clone(),
    };
    match done {
        Ok(at) => {
            next.message = Some(at);
            next.posting = None;
            next.shown = Some(digest);
            next.failures = 0;
            next.next_try = None;
        }
        Err(error) => {
            tracing::warn!(request = %card.request, %error, "a card could not be shown");
            give_way(&mut next, error.kind, &error.message, app.now());
        }
    }
    // Given up: looked at again at once, for what others have to hear.
    let retry = match next.dead {
        Some(_) => Some(app.now()),
        None => next.next_try,
    };
    let shown = next.shown.is_some() && retry.is_none();
    if !app.commit(app.batch(app.now()).put(&before, &next)).await? {
        return Ok(Shown::Again(Some(app.now())));
    }
    let card = Versioned {
        version: before.version + 1,
        value: next,
    };
    Ok(if shown {
        Shown::Yes(card)
    } else {
        Shown::Again(retry)
    })
}

/// What becomes of a card that the chat did not take.
fn give_way(card: &mut Card, kind: ChatErrorKind, why: &str, now: DateTime<Utc>) {
    card.failures = card.failures.saturating_add(1);
    let pause = match kind {
        ChatErrorKind::Transient { retry_after } => {
            let growing = Duration::seconds(1 << card.failures.min(8));
            retry_after
                .and_then(|after| Duration::from_std(after).ok())
                .unwrap_or(growing.min(Duration::minutes(2)))
        }
        // Somebody has to mend the token or the scopes.
        ChatErrorKind::Denied => Duration::minutes(1),
        ChatErrorKind::Gone | ChatErrorKind::Invalid => {
            card.dead = Some(crate::chat::surface::clean(why, 200));
            card.next_try = None;
            return;
        }
    };
    card.next_try = Some(now + pause);
}

/// The one short new message that each state which needs a person gets; editing alerts nobody.
async fn announce(
    app: &App,
    bundle: &Bundle,
    card: Versioned<Card>,
    news: Option<(String, Message)>,
    stuck: Option<Message>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let mut due: Vec<(String, Place, Message)> = Vec::new();
    if let Some((state, message)) = news {
        due.push((state, card.to.clone(), message));
    }
    if let Some(message) = stuck {
        for place in responsible(app, bundle).await {
            due.push((format!("stuck:{}", place.channel), place, message.clone()));
        }
    }
    if let Some((state, message)) = end_notice(app, bundle, &card) {
        for place in responsible(app, bundle).await {
            due.push((format!("{state}:{}", place.channel), place, message.clone()));
        }
    }
    if let Some(message) = granted_notice(app, bundle) {
        for place in notified(app, bundle).await {
            due.push((format!("granted:{}", place.channel), place, message.clone()));
        }
    }
    let mut card = card;
    for (state, place, message) in due {
        if card.announced.contains(&state) {
            continue;
        }
        let Some(chat) = app.chat(place.chat) else {
            continue;
        };
        let mut next = card.value.clone();
        let retry = match chat.post(&place, &message).await {
            Ok(_) => None,
            Err(error)
                if matches!(
                    error.kind,
                    ChatErrorKind::Transient { .. } | ChatErrorKind::Denied
                ) =>
            {
                Some(app.now() + Duration::seconds(10))
            }
            // Nowhere to say it: not tried again.
            Err(error) => {
                tracing::warn!(request = %card.request, %error, state, "could not be announced");
                None
            }
        };
        if let Some(at) = retry {
            return Ok(Some(at));
        }
        next.announced.push(state);
        if !app.commit(app.batch(app.now()).put(&card, &next)).await? {
            return Ok(Some(app.now()));
        }
        card = Versioned {
            version: card.version + 1,
            value: next,
        };
    }
    Ok(None)
}

/// What those who answer for the integration hear of an end: that somebody removed the access there, and that what they
/// heard of as stuck is gone.
fn end_notice(app: &App, bundle: &Bundle, card: &Card) -> Option<(&'static str, Message)> {
    let ended = bundle.lease.as_ref()?.ended.as_ref()?;
    let closed = bundle.lease.as_ref()?.closed.is_some();
    let facts = bundle.facts(None, app.config.load().time_zone, app.now());
    if closed && card.announced.iter().any(|state| state.starts_with("stuck:")) {
        return Some(("unstuck", view::said(&view::Said::Unstuck(&facts))));
    }
    (ended.why == EndReason::RemovedInTarget)
        .then(|| ("removed", view::said(&view::Said::RemovedInTarget(&facts))))
}

fn granted_notice(app: &App, bundle: &Bundle) -> Option<Message> {
    bundle.lease.as_ref().filter(|lease| lease.granted_at.is_some())?;
    let config = app.config.load();
    config
        .flow(&bundle.request.flow.name)
        .filter(|flow| !flow.notify.is_empty())?;
    let facts = bundle.facts(None, config.time_zone, app.now());
    Some(view::said(&view::Said::Granted(&facts)))
}

/// Whom the flow wants told of a grant.
async fn notified(app: &App, bundle: &Bundle) -> Vec<Place> {
    let config = app.config.load_full();
    let Some(flow) = config.flow(&bundle.request.flow.name) else {
        return Vec::new();
    };
    let mut places = Vec::new();
    for notify in &flow.notify {
        match notify {
            crate::domain::policy::Notify::Channel(place) => places.push(place.clone()),
            crate::domain::policy::Notify::Owner => places.extend(owners(app, bundle).await),
        }
    }
    places
}

/// Who hears of trouble with a request: the integration's owners, and the admins.
async fn responsible(app: &App, bundle: &Bundle) -> Vec<Place> {
    let mut places = owners(app, bundle).await;
    places.extend(crate::notice::admin_places(app).await);
    places.sort();
    places.dedup();
    places
}

async fn owners(app: &App, bundle: &Bundle) -> Vec<Place> {
    match &bundle.live {
        Some(live) => crate::notice::owner_places(app, live).await,
        None => Vec::new(),
    }
}

/// Home tabs that were opened show what changed.
async fn redraw_homes(app: &App, bundle: &Bundle, now: DateTime<Utc>) -> Result<(), StoreError> {
    let electors = bundle.request.electors.iter().map(|elector| &elector.person);
    let mut batch = app.batch(now);
    for person in electors
        .chain([&bundle.request.requester])
        .filter(|person| app.homes.is_open(person))
    {
        batch = batch.touch(&Poke {
            subject: PokeSubject::Home(person.clone()),
            at: now,
        });
    }
    app.commit(batch).await.map(drop)
}

/// Redraws one person's home tab.
pub(crate) async fn redraw_home(
    app: &App,
    poke: &Versioned<Poke>,
    person: &PersonId,
) -> Result<(), StoreError> {
    if let Some(person) = load::<Person>(&*app.store, person.as_str()).await?
        && let Some(chat) = app.chat(person.chat_user.chat)
    {
        let blocks = crate::home::blocks(app, &person).await?;
        if let Err(error) = chat.publish_home(&person.chat_user.user, &blocks).await {
            tracing::debug!(%error, "a home tab could not be redrawn");
        }
    }
    forget(app, poke, None).await
}
