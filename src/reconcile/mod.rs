//! The loop that makes the world match the facts. `tick` takes what is due, lane by lane; each entity is worked on by a
//! task of its own, so that one that hangs or panics holds up nobody else.

pub(crate) mod account;
pub(crate) mod call;
pub(crate) mod card;
pub(crate) mod facts;
pub mod integration;
mod look;
mod outcome;
mod request;
pub(crate) mod reveal;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    domain::{AccountId, IntegrationName, Key, Kind, Lane, Poke, PokeSubject, Urgency},
    store::{StoreError, typed::load},
};

/// Due entries looked at in one lane in one tick.
const BATCH: usize = 128;
/// Entities of ours (requests, cards) worked on at a time.
const OWN_AT_ONCE: usize = 8;
/// Tasks on one integration beyond what its provider takes at once: they wait in line for it.
const IN_LINE: usize = 3;
/// The loop never sleeps longer.
const NAP: Duration = Duration::from_secs(1);

/// The loop's memory: what is being worked on. Nothing in it needs to survive.
pub struct Loop {
    app: Arc<App>,
    tasks: JoinSet<(String, String)>,
    /// Entity → lane owner.
    busy: HashSet<String>,
    in_flight: HashMap<String, usize>,
}

impl Loop {
    pub fn new(app: Arc<App>) -> Self {
        Self {
            app,
            tasks: JoinSet::new(),
            busy: HashSet::new(),
            in_flight: HashMap::new(),
        }
    }

    /// Runs until told to stop; then lets what was begun come to its end, for a while.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let begun = std::time::Instant::now();
            if let Err(error) = self.tick().await {
                tracing::error!(%error, "the loop cannot read the store");
            }
            self.app.metrics.ticked(begun.elapsed());
            self.app.beat.beat();
            tokio::select! {
                () = self.app.wake.notified() => {}
                () = tokio::time::sleep(NAP) => {}
                () = stop.cancelled() => {}
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => self.finished(done),
            }
        }
        let _in_time = tokio::time::timeout(Duration::from_secs(20), async {
            while let Some(done) = self.tasks.join_next().await {
                self.finished(done);
            }
        })
        .await;
    }

    /// Works until nothing is due any more; for tests, and for one-shot commands.
    pub async fn settle(&mut self) -> Result<(), StoreError> {
        for _ in 0..10_000 {
            self.tick().await?;
            let Some(done) = self.tasks.join_next().await else {
                return Ok(());
            };
            self.finished(done);
        }
        Err(StoreError::Failed("the loop does not come to rest".into()))
    }

    /// Starts what is due and can be started. Costs what is due, however much sleeps.
    pub async fn tick(&mut self) -> Result<usize, StoreError> {
        while let Some(done) = self.tasks.try_join_next() {
            self.finished(done);
        }
        let now = self.app.now();
        let mut lanes = self.app.store.lanes().await?;
        lanes.sort_by_key(|lane| (lane.urgency, lane.owner.clone()));
        let mut started = 0;
        let mut backlog = Vec::new();
        for lane in lanes {
            let Some(room) = self.room(&lane) else { continue };
            let due = self.app.store.due(&lane, now, BATCH).await?;
            backlog.push((lane.clone(), due.len() as i64));
            let mut room = room;
            for entry in due {
                if room == 0 {
                    break;
                }
                if self.start(&lane, &entry.key) {
                    room -= 1;
                    started += 1;
                }
            }
        }
        self.app.metrics.due(backlog);
        Ok(started)
    }

    /// How many more tasks a lane may start; `None`: it is full, or its target is left alone for now.
    fn room(&self, lane: &Lane) -> Option<usize> {
        let busy = self.in_flight.get(&lane.owner).copied().unwrap_or(0);
        if lane.owner.starts_with('@') {
            return OWN_AT_ONCE.checked_sub(busy).filter(|room| *room > 0);
        }
        let Some(live) = self
            .app
            .integrations
            .get(&IntegrationName::from(lane.owner.as_str()))
        else {
            return Some(1);
        };
        let pulse = live.pulse();
        let limit = if pulse.not_before.is_some_and(|at| at > self.app.now()) {
            // Left alone: only what ends is written down, which needs no target; everything else waits.
            return None
                .or((lane.urgency == Urgency::Ends).then_some(1))
                .filter(|_| busy == 0);
        } else if pulse.failures > 0 {
            // Half open: one probe, and a revocation if there is one.
            1
        } else {
            live.at_once + IN_LINE - usize::from(lane.urgency != Urgency::Ends)
        };
        limit.checked_sub(busy).filter(|room| *room > 0)
    }

    fn start(&mut self, lane: &Lane, key: &Key) -> bool {
        let (entity, work) = match key.kind {
            Kind::Lease => {
                let account = key.id.split('/').next().unwrap_or_default().to_owned();
                (format!("account {account}"), Work::Account(AccountId(account)))
            }
            Kind::Account => (
                format!("account {}", key.id),
                Work::Account(AccountId(key.id.clone())),
            ),
            Kind::Request => (format!("request {}", key.id), Work::Request(key.id.clone())),
            Kind::Poke => (format!("poke {}", key.id), Work::Poke(key.id.clone())),
            Kind::Integration => (
                format!("integration {}", key.id),
                Work::Integration(key.id.as_str().into()),
            ),
            Kind::Person
            | Kind::Binding
            | Kind::Code
            | Kind::Card
            | Kind::Resource
            | Kind::Delivery
            | Kind::Note => {
                return false;
            }
        };
        if !self.busy.insert(entity.clone()) {
            return false;
        }
        *self.in_flight.entry(lane.owner.clone()).or_default() += 1;
        let (app, owner) = (self.app.clone(), lane.owner.clone());
        self.tasks.spawn(async move {
            let inner = tokio::spawn(async move { work.run(&app).await });
            match inner.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(entity, %error, "it stays due"),
                Err(error) => {
                    tracing::error!(entity, %error, "it failed badly and stays due");
                    tokio::time::sleep(NAP).await;
                }
            }
            (entity, owner)
        });
        true
    }

    fn finished(&mut self, done: Result<(String, String), tokio::task::JoinError>) {
        match done {
            Ok((entity, owner)) => {
                self.busy.remove(&entity);
                if let Some(count) = self.in_flight.get_mut(&owner) {
                    *count = count.saturating_sub(1);
                }
            }
            Err(error) => tracing::error!(%error, "a task of the loop was lost"),
        }
    }
}

enum Work {
    Account(AccountId),
    Request(String),
    Poke(String),
    Integration(IntegrationName),
}

impl Work {
    async fn run(self, app: &App) -> Result<(), StoreError> {
        match self {
            Self::Account(id) => account::reconcile(app, &id).await,
            Self::Request(id) => request::reconcile(app, &id).await,
            Self::Integration(name) => integration::reconcile(app, &name).await,
            Self::Poke(id) => match load::<Poke>(&*app.store, &id).await? {
                Some(poke) => match &poke.subject {
                    PokeSubject::Request(request) => card::reconcile(app, &poke, request).await,
                    PokeSubject::Home(person) => card::redraw_home(app, &poke, person).await,
                },
                None => Ok(()),
            },
        }
    }
}
