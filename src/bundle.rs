//! A request with all that hangs on it, read together: what cards, home tabs and workflows look at.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;

use crate::{
    app::App,
    chat::view::{CardFacts, Supports},
    domain::{Account, Lease, Person, PersonId, Request, RequestId},
    integrations::Live,
    providers::Feature,
    store::{
        StoreError,
        records::lease_id,
        typed::{Versioned, load},
    },
};

/// An ended lease that is not seen to be gone after this is stuck: owner and admins hear of it.
pub const STUCK_AFTER: Duration = Duration::seconds(60);

pub struct Bundle {
    pub request: Versioned<Request>,
    pub lease: Option<Versioned<Lease>>,
    pub account: Option<Versioned<Account>>,
    pub live: Option<Arc<Live>>,
    /// Names of those who answer for the integration.
    pub told: Vec<String>,
}

impl Bundle {
    pub async fn load(app: &App, id: &RequestId) -> Result<Option<Self>, StoreError> {
        match load::<Request>(&*app.store, id.as_str()).await? {
            Some(request) => Self::of(app, request).await.map(Some),
            None => Ok(None),
        }
    }

    pub async fn of(app: &App, request: Versioned<Request>) -> Result<Self, StoreError> {
        let lease = match &request.lease {
            Some(at) => load::<Lease>(&*app.store, &lease_id(at)).await?,
            None => None,
        };
        let account = match &lease {
            Some(lease) => load::<Account>(&*app.store, lease.account.as_str()).await?,
            None => None,
        };
        let live = app.integrations.get(&request.integration);
        let told = live
            .as_ref()
            .map(|live| owners_in_words(live))
            .unwrap_or_default();
        Ok(Self {
            request,
            lease,
            account,
            live,
            told,
        })
    }

    /// The facts as one reader sees them.
    pub fn facts<'a>(&'a self, reader: Option<&'a PersonId>, zone: Tz, now: DateTime<Utc>) -> CardFacts<'a> {
        CardFacts {
            request: &self.request,
            lease: self.lease.as_deref(),
            account: self.account.as_deref(),
            kind_title: self
                .live
                .as_ref()
                .map_or(self.request.integration.as_str(), |live| live.registration.title),
            custom_access_details: self
                .live
                .as_ref()
                .and_then(|live| live.config.custom_access_details.as_deref()),
            supports: Supports {
                sessions: self
                    .live
                    .as_ref()
                    .is_some_and(|live| live.supports(Feature::Sessions)),
                expiry: self
                    .live
                    .as_ref()
                    .is_some_and(|live| live.supports(Feature::Expiry)),
            },
            revoking_tested: self.live.as_ref().and_then(|live| live.pulse().proven_at),
            reader,
            told: &self.told,
            stuck_since: self.lease.as_deref().and_then(|lease| stuck_since(lease, now)),
            now,
            zone,
        }
    }
}

/// Since when a lease should have been gone, if that is too long ago.
pub fn stuck_since(lease: &Lease, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let ended = lease.ended.as_ref().filter(|_| lease.closed.is_none())?;
    (now - ended.at >= STUCK_AFTER).then_some(ended.at)
}

/// The reader's zone: their own, else the file's.
pub fn zone_of(app: &App, person: Option<&Person>) -> Tz {
    person
        .and_then(|person| person.time_zone.as_deref())
        .and_then(|name| name.parse().ok())
        .unwrap_or_else(|| app.config.load().time_zone)
}

fn owners_in_words(live: &Live) -> Vec<String> {
    let Some(owner) = &live.config.integration_owner else {
        return Vec::new();
    };
    let groups = owner.groups.iter().map(|group| format!("group {group}"));
    owner.people.iter().cloned().chain(groups).collect()
}

impl Bundle {
    /// Whether this request is the one its lease came of (an extension points at another's).
    pub fn is_access(&self) -> bool {
        self.lease
            .as_ref()
            .is_some_and(|lease| lease.request == self.request.id)
    }
}
