//! A Vertica that is not one: the wire protocol of one node, a model of what access is made of, and a small SQL of its own.
//!
//! Strict: a statement, name, privilege, setting or start-up key that it does not know is an error. What it cannot tell is
//! how a real server differs from its documentation; `VERTICA_TEST_DSN` is for that.

mod acts;
mod catalog;
pub mod certificates;
mod engine;
mod grammar;
mod hash;
mod lexer;
mod line;
mod model;
mod objects;
mod parse;
mod rights;
mod select;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, Utc};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

pub use self::{hash::Algorithm, model::Options};
use self::{
    hash::Stored,
    lexer::{Fault, fault},
    model::{ADMIN, Model, same},
    rights::Actor,
};

pub const ADMIN_PASSWORD: &str = "admin-pw-1";
pub const DATABASE: &str = "warehouse";
/// The password is right and too old.
pub const EXPIRED: &str = "28P02";

pub struct Fake {
    pub port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

pub struct Shared {
    model: Mutex<Model>,
    tls: Option<TlsAcceptor>,
    sessions: AtomicU64,
}

impl Fake {
    /// On a free port of loopback, with TLS where it is given a certificate.
    pub async fn start(options: Options, tls: Option<Arc<rustls::ServerConfig>>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            model: Mutex::new(Model::new(DATABASE, ADMIN_PASSWORD, options, now())),
            tls: tls.map(TlsAcceptor::from),
            sessions: AtomicU64::new(1),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            port,
            shared,
            accepting,
        })
    }

    /// What succeeded since the last call, in the sessions of this label.
    pub fn take_log(&self, label: &str) -> Vec<String> {
        let log = std::mem::take(&mut self.shared.lock().log);
        log.into_iter()
            .filter(|(by, _)| by == label)
            .map(|(_, statement)| statement)
            .collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        drop(socket.set_nodelay(true));
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // How a client leaves is its own affair.
            drop(line::serve(Box::new(socket), shared).await);
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "a server's clock")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> DateTime<Utc> {
        now()
    }

    pub fn next_session(&self) -> String {
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        format!("v_{DATABASE}_node0001-{}:0x{number:x}", std::process::id())
    }

    /// The user's password as it is kept; for who is unknown, one that nothing fits.
    pub fn stored(&self, user: &str) -> Option<Stored> {
        let model = self.lock();
        match model.user(user) {
            Some(user) => user.password.clone(),
            None => Some(Stored::new(
                user,
                &hex::encode(rand::random::<[u8; 16]>()),
                model.options.algorithm,
            )),
        }
    }

    /// Whether somebody whose answer fits, or does not, gets in.
    pub fn judge(&self, name: &str, fits: bool) -> Result<(), Fault> {
        let mut model = self.lock();
        let refused = || fault("28000", "Invalid username or password");
        let profile = model.user(name).ok_or_else(refused)?.profile.clone();
        let most = model.limit(&profile, "FAILED_LOGIN_ATTEMPTS");
        let authenticated = model.authentications.is_empty()
            || same(name, ADMIN)
            || model
                .authentications
                .values()
                .any(|holders| holders.contains("public") || holders.contains(&name.to_lowercase()));
        let user = model.user_mut(name)?;
        if user.locked {
            return Err(fault("28000", format!("The user account \"{name}\" is locked")));
        }
        if !authenticated {
            return Err(fault(
                "28000",
                "No valid authentication method found for this user",
            ));
        }
        if !fits {
            user.failures += 1;
            user.locked = most.is_some_and(|most| user.failures >= most);
            return Err(refused());
        }
        user.failures = 0;
        if user.expired {
            return Err(fault(EXPIRED, "The password has expired"));
        }
        Ok(())
    }

    pub fn enter(&self, actor: &mut Actor) -> Result<Arc<Notify>, Fault> {
        let mut model = self.lock();
        if let Some(user) = model.user(&actor.user) {
            let open = model
                .sessions
                .iter()
                .filter(|session| same(&session.user, &user.name))
                .count();
            let most = user.connections.and_then(|most| usize::try_from(most).ok());
            if most.is_some_and(|most| open >= most) {
                return Err(fault(
                    "53300",
                    "New session rejected because the user's limit is reached",
                ));
            }
            actor.user.clone_from(&user.name);
        }
        engine::begin(&model, actor)?;
        let session = line::listed(actor, now());
        let end = Arc::clone(&session.end);
        model.sessions.push(session);
        Ok(end)
    }

    pub fn leave(&self, actor: &Actor) {
        self.lock().sessions.retain(|session| session.id != actor.session);
    }
}
