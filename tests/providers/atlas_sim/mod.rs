//! An Atlas-compatible organization: stateful, strict and, on demand, unkind. Both kinds of MongoDB Atlas run against it.
//!
//! What it takes from the vendor: digest challenges with nonces that expire, tokens for service accounts, dated versions on
//! every call, pages with links, changes that a cluster applies later than the API answers, users that end by themselves,
//! one custom role or many built-in ones for a user, limits, people who are invited and have not accepted, last owners, roles
//! that may not be empty, and error bodies with codes. An unknown path, field or query is an error.

mod api;
mod auth;
mod clusters;
mod contract;
mod data;
mod faults;
mod people;
mod reply;
mod seed;
mod serve;
mod users;
mod world;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::serve::ListenerExt;
use tokio::{net::TcpListener, task::JoinHandle};

pub use self::{
    contract::{Contract, contract},
    faults::{Fault, Side},
    seed::{Key, ORG, big_cluster, group as big_group, id, organization},
    world::{Asked, DbUser, Person, Status, World},
};
use self::{faults::Faults, serve::Line};

/// A running organization; it ends when this is dropped.
pub struct Simulator {
    pub url: String,
    pub handle: Handle,
    _serving: Serving,
}

/// A second way into the same organization, with faults of its own.
pub struct ExtraLine {
    pub url: String,
    faults: Arc<Faults>,
    _serving: Serving,
}

impl ExtraLine {
    pub fn was_cut(&self) -> bool {
        self.faults.was_cut()
    }
}

struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub async fn start(world: World) -> Simulator {
    let world = Arc::new(Mutex::new(world));
    let faults = Arc::new(Faults::default());
    let (url, serving) = listen(&world, &faults).await;
    Simulator {
        url,
        handle: Handle { world, faults },
        _serving: serving,
    }
}

async fn listen(world: &Arc<Mutex<World>>, faults: &Arc<Faults>) -> (String, Serving) {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a port on loopback");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let line = Line {
        world: Arc::clone(world),
        faults: Arc::clone(faults),
    };
    // Small answers must not wait for more to send.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let serving = tokio::spawn(async move {
        // It ends with the task that runs it; there is nobody to tell.
        drop(axum::serve(listener, serve::router(line)).await);
    });
    (url, Serving(serving))
}

/// The organization from inside: to look without the API, to act as somebody else, to be unkind.
#[derive(Clone)]
pub struct Handle {
    world: Arc<Mutex<World>>,
    faults: Arc<Faults>,
}

impl Handle {
    /// The organization as it is now.
    pub fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance();
        world
    }

    pub fn fault(&self, fault: &Fault) {
        self.faults.add(fault);
    }

    /// Another way in that is cut at its `nth` call and stays cut. The first line is not touched.
    pub async fn cut_line(&self, nth: u32, side: Side) -> ExtraLine {
        let faults = Arc::new(Faults::default());
        faults.add(&Fault::Cut { nth, side });
        let (url, serving) = listen(&self.world, &faults).await;
        ExtraLine {
            url,
            faults,
            _serving: serving,
        }
    }

    /// Lets time pass until every cluster has applied what it was told. Stopped time stays stopped.
    pub fn pass_all(&self) {
        let mut world = self.world();
        let most = world.delay + world.lag + Duration::from_millis(1);
        world.skip(most);
        world.advance();
    }
}
