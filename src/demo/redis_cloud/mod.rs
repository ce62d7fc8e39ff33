//! A Redis-Cloud-compatible account: stateful, strict and, on demand, unkind. The demo runs on it, and so do the tests.
//!
//! What it takes from the vendor: keys in two headers and a content type on every call, changes as tasks that are unknown,
//! then received, then worked on one at a time, users that flap between active and pending, two shapes of errors, empty
//! bodies, 429, roles that may not be empty, pages that end with 404. What the vendor leaves open it decides against us:
//! a live session outlives a changed password, and a change reaches the databases only when the flapping is over.

mod acl;
mod api;
mod apply;
mod catalogue;
mod clock;
mod faults;
mod lane;
mod log;
mod op;
mod options;
mod serve;
mod show;
mod world;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::serve::ListenerExt;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

pub use self::{
    acl::{allows, commands},
    faults::{Fault, Side},
    log::{Asked, By, Changed},
    op::{DatabaseSpec, Op, RuleSpec},
    options::{Delays, Keys, Options},
    world::{Database, Plan, Subscription},
};
use self::{faults::Faults, serve::Line, world::World};

struct Shared(Mutex<World>);

impl Shared {
    /// The account as it is now.
    fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance();
        world
    }

    fn fault(&self, faults: &Faults, fault: &Fault) {
        faults.add(fault);
        if let Fault::FailTasks { count, error } = fault {
            self.world().failing.extend((0..*count).map(|_| error.clone()));
        }
    }
}

/// A running simulator; it ends when this is dropped.
pub struct Simulator {
    /// The base URL for the provider's configuration, with `/v1`.
    pub url: String,
    /// The same server without `/v1`, for `/_sim/…`.
    pub origin: String,
    pub handle: Handle,
    _serving: Serving,
}

/// A second way into the same account, with faults of its own.
pub struct ExtraLine {
    pub url: String,
    faults: Arc<Faults>,
    _serving: Serving,
}

impl ExtraLine {
    /// Whether it got as far as the call that was cut.
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

/// Starts an account on loopback.
pub async fn start(options: Options) -> std::io::Result<Simulator> {
    let port = options.port;
    let shared = Arc::new(Shared(Mutex::new(World::new(options))));
    let faults = Arc::new(Faults::default());
    let (origin, serving) = listen(&shared, &faults, port).await?;
    Ok(Simulator {
        url: format!("{origin}/v1"),
        origin,
        handle: Handle { shared, faults },
        _serving: serving,
    })
}

async fn listen(shared: &Arc<Shared>, faults: &Arc<Faults>, port: u16) -> std::io::Result<(String, Serving)> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let line = Line {
        shared: Arc::clone(shared),
        faults: Arc::clone(faults),
    };
    // Small answers must not wait for more to send.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let serving = tokio::spawn(async move {
        // It ends with the task that runs it; there is nobody to tell.
        drop(axum::serve(listener, serve::router(line)).await);
    });
    Ok((origin, Serving(serving)))
}

/// The account from inside: to look without the API, to act as somebody else, to be unkind.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    faults: Arc<Faults>,
}

impl Handle {
    // ---- looking

    /// Databases, rules, roles, users with what they can really do, tasks, live sessions; `revision` changes with any of it.
    pub fn state(&self) -> Value {
        self.shared.world().show_state()
    }

    pub fn can_log_in(&self, login: &str, password: &str, database: i64) -> bool {
        self.shared.world().can_log_in(login, password, database)
    }

    /// Whether a login may run a command at a key, by the rules that have reached the database.
    pub fn can(&self, login: &str, password: &str, database: i64, command: &str, key: &str) -> bool {
        self.shared.world().can(login, password, database, command, key)
    }

    pub fn open_session(&self, login: &str, password: &str, database: i64) -> Option<u64> {
        self.shared.world().open_session(login, password, database)
    }

    /// `None` once the session is dead.
    pub fn session_can(&self, session: u64, command: &str, key: &str) -> Option<bool> {
        self.shared.world().session_can(session, command, key)
    }

    /// Logins whose name begins so, with their role: also those being deleted.
    pub fn logins(&self, prefix: &str) -> Vec<(String, String)> {
        let world = self.shared.world();
        let role = |id| {
            world
                .role_by_id(id)
                .map(|role| role.name.clone())
                .unwrap_or_default()
        };
        let users = world.users.iter().filter(|user| user.name.starts_with(prefix));
        users.map(|user| (user.name.clone(), role(user.role))).collect()
    }

    /// Every request so far, with the passwords it carried.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.world().log.asked.clone()
    }

    /// Every change so far, by the API and by others.
    pub fn changed(&self) -> Vec<Changed> {
        self.shared.world().log.changed.clone()
    }

    // ---- others

    /// A change made in the vendor's console: at once. The error is the vendor's name for it.
    pub fn others(&self, op: &Op) -> Result<(), String> {
        self.shared.world().by_others(op).map(drop)
    }

    /// Hands an operation in as the API would, past its checks of form. False: too many are under way.
    pub fn submit(&self, op: Op) -> bool {
        self.shared.world().submit(op).is_some()
    }

    // ---- being unkind

    pub fn fault(&self, fault: &Fault) {
        self.shared.fault(&self.faults, fault);
    }

    /// Ends all faults of the first line, and failing tasks.
    pub fn clear_faults(&self) {
        self.faults.clear();
        self.shared.world().failing.clear();
    }

    /// Another way in that is cut at its `nth` call and stays cut. The first line is not touched.
    pub async fn cut_line(&self, nth: u32, side: Side) -> std::io::Result<ExtraLine> {
        let faults = Arc::new(Faults::default());
        faults.add(&Fault::Cut {
            nth,
            side,
            stays: true,
        });
        let (origin, serving) = listen(&self.shared, &faults, 0).await?;
        Ok(ExtraLine {
            url: format!("{origin}/v1"),
            faults,
            _serving: serving,
        })
    }

    // ---- time

    pub fn set_delays(&self, delays: Delays) {
        self.shared.world().options.delays = delays;
    }

    /// Lets the simulator's time pass at once.
    pub fn pass(&self, time: Duration) {
        self.shared.world().clock.skip(time);
    }

    /// Lets time pass until nothing is under way. Stopped time stays stopped.
    pub fn pass_all(&self) {
        let mut world = self.shared.world();
        let now = world.clock.now();
        let delays = world.options.delays;
        let tail = delays.calm + delays.flapping + Duration::from_millis(1);
        let left = world.lane_free.saturating_sub(now);
        world.clock.skip(left + tail);
        world.advance();
        if !world.is_idle() {
            world.clock.skip(tail);
            world.advance();
        }
    }

    /// Stops the simulator's time: what is under way stays so.
    pub fn stop_time(&self) {
        self.shared.world().clock.stop();
    }

    pub fn go_on(&self) {
        self.shared.world().clock.go_on();
    }
}
