//! What one person has before them: what waits for their vote, what they hold, what they asked for.

use chrono::Duration;

use crate::{
    app::App,
    bundle::{Bundle, stuck_since, zone_of},
    chat::{Block, view},
    domain::{Integration, IntegrationName, Kind, Lane, Lease, Person, Request, RequestId, Urgency},
    store::{
        StoreError,
        typed::{Versioned, list, load},
    },
};

/// More than any list shows, and than anybody decides in a day.
const MANY: usize = 500;

/// The person's lists, with what they are made of.
pub struct Desk {
    waiting: Vec<Bundle>,
    access: Vec<Bundle>,
    requests: Vec<Bundle>,
    admin: Option<(Vec<Bundle>, Vec<Integration>)>,
}

/// All undecided requests, the soonest to lapse first: they are exactly what is due in the core's lane.
pub async fn pending(app: &App) -> Result<Vec<Versioned<Request>>, StoreError> {
    let horizon = app.now() + Duration::days(3650);
    let mut found = Vec::new();
    for entry in app.store.due(&Lane::core(), horizon, MANY).await? {
        if entry.key.kind == Kind::Request
            && let Some(request) = load::<Request>(&*app.store, &entry.key.id).await?
            && request.is_pending()
        {
            found.push(request);
        }
    }
    Ok(found)
}

/// Ended leases that should have been gone by now, of all integrations that ever were.
pub async fn stuck(app: &App) -> Result<Vec<Versioned<Lease>>, StoreError> {
    let now = app.now();
    let mut found = Vec::new();
    for integration in list::<Integration>(&*app.store, "").await? {
        found.extend(stuck_on(app, &integration.name, now).await?);
    }
    Ok(found)
}

async fn stuck_on(
    app: &App,
    name: &IntegrationName,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Vec<Versioned<Lease>>, StoreError> {
    // A stuck lease rests between two tries, at most five minutes ahead.
    let lane = Lane::of(name, Urgency::Ends);
    let mut found = Vec::new();
    for entry in app.store.due(&lane, now + Duration::minutes(10), MANY).await? {
        if entry.key.kind == Kind::Lease
            && let Some(lease) = load::<Lease>(&*app.store, &entry.key.id).await?
            && stuck_since(&lease, now).is_some()
        {
            found.push(lease);
        }
    }
    Ok(found)
}

impl Desk {
    pub async fn of(app: &App, person: &Person) -> Result<Self, StoreError> {
        let mut waiting = Vec::new();
        for request in pending(app).await? {
            let asked = request.electors.iter().any(|elector| elector.person == person.id);
            let voted = request.votes.iter().any(|vote| vote.person == person.id);
            if asked && !voted && request.requester != person.id {
                waiting.push(Bundle::of(app, request).await?);
            }
        }
        let (mut access, mut requests) = (Vec::new(), Vec::new());
        for request in list::<Request>(&*app.store, &RequestId::of_person(&person.id)).await? {
            let bundle = Bundle::of(app, request).await?;
            if bundle.request.is_pending() {
                requests.push(bundle);
            } else if bundle.lease.as_ref().is_some_and(|lease| lease.is_open()) && bundle.is_access() {
                access.push(bundle);
            }
        }
        access.sort_by_key(|bundle| bundle.lease.as_ref().map(|lease| lease.expires_at));
        let admin = match person
            .directory
            .as_ref()
            .is_some_and(|name| app.config.load().admins.contains(name))
        {
            true => Some(Self::admin(app).await?),
            false => None,
        };
        Ok(Self {
            waiting,
            access,
            requests,
            admin,
        })
    }

    async fn admin(app: &App) -> Result<(Vec<Bundle>, Vec<Integration>), StoreError> {
        let mut bundles = Vec::new();
        for lease in stuck(app).await? {
            bundles.extend(Bundle::load(app, &lease.request).await?);
        }
        let integrations = list::<Integration>(&*app.store, "").await?;
        Ok((
            bundles,
            integrations
                .into_iter()
                .map(|integration| integration.value)
                .collect(),
        ))
    }

    /// The facts as the views take them.
    pub fn facts<'a>(&'a self, app: &App, person: &'a Person) -> view::HomeFacts<'a> {
        let (zone, now) = (zone_of(app, Some(person)), app.now());
        let facts = |bundles: &'a [Bundle]| {
            bundles
                .iter()
                .map(|b| b.facts(Some(&person.id), zone, now))
                .collect()
        };
        view::HomeFacts {
            waiting: facts(&self.waiting),
            access: facts(&self.access),
            requests: facts(&self.requests),
            admin: self.admin.as_ref().map(|(stuck, integrations)| view::AdminFacts {
                stuck: facts(stuck),
                integrations: integrations.iter().collect(),
            }),
        }
    }

    /// The codes of what the person holds now, for commands that name none.
    pub fn held(&self) -> impl Iterator<Item = &Bundle> {
        self.access
            .iter()
            .filter(|bundle| bundle.lease.as_ref().is_some_and(|lease| lease.is_live()))
    }

    pub fn asked(&self) -> impl Iterator<Item = &Bundle> {
        self.requests.iter()
    }
}

/// The home tab of one person.
pub async fn blocks(app: &App, person: &Person) -> Result<Vec<Block>, StoreError> {
    let desk = Desk::of(app, person).await?;
    Ok(view::home(&desk.facts(app, person)))
}
