//! A Slack-compatible server for the demo and the tests: stateful, strict, on this machine alone.
//!
//! It speaks Slack's published API (Web API, Socket Mode, signed requests, response URLs) and knows nothing of ours.
//! [`start`] runs it; [`SlackServer::person`] acts as somebody; [`SlackServer::until`] waits for what should happen.
//! Independent clients hold it to its word: `tests/peers`.

mod actor;
mod api;
mod args;
mod block_parts;
mod blocks;
mod chat_methods;
mod control;
mod deliver;
mod directory_methods;
mod faults;
mod fields;
mod forms;
mod options;
mod payloads;
mod reading;
mod response_url;
mod screen;
mod shared;
mod socket;
mod text;
mod view_methods;
mod world;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{any, get, post};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use actor::{ActError, Actor, Submitted};
pub use deliver::{DeliveryError, sign};
pub use faults::{ApiFault, DeliveryFault};
pub use options::{
    AppIdentity, Clock, FakeChannel, FakeGroup, FakePerson, Guest, Options, Panel, Rates, Record,
    RequestUrls, SlashCommand, Team, Transport,
};
pub use socket::Disconnect;
pub use world::{ApiCall, Message, TokenKind, View};

use shared::Shared;

/// A running server; it stops when dropped.
pub struct SlackServer {
    /// `http://127.0.0.1:PORT`: the page. The Web API is under `/api`.
    pub url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for SlackServer {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.disconnect(Disconnect::Cut);
    }
}

/// Starts the server on the loopback interface.
pub async fn start(options: Options) -> std::io::Result<SlackServer> {
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let shared = Shared::new(options, url.clone());
    let routes = Router::new()
        .route("/api/{method}", any(api::call))
        .route("/_link", get(socket::link))
        .route("/_response/{id}", post(response_url::respond))
        .merge(control::routes(Arc::clone(&shared)))
        .with_state(Arc::clone(&shared));
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the chat server stopped");
        }
    });
    Ok(SlackServer { url, shared, task })
}

impl SlackServer {
    /// What a client takes for `https://slack.com/api`.
    pub fn api_base(&self) -> String {
        format!("{}/api", self.url)
    }

    /// Acts as somebody, by id or handle.
    ///
    /// # Panics
    /// If there is no such person: a slip in the test.
    #[expect(clippy::panic, reason = "a slip in a test should stop it where it was made")]
    pub fn person(&self, who: &str) -> Actor {
        let id = self.shared.look(|w| w.person(who).map(|p| p.id.clone()));
        let id = id.unwrap_or_else(|| panic!("nobody is called {who}"));
        Actor::new(Arc::clone(&self.shared), id)
    }

    /// Changes a person: deactivates them, makes them a guest, gives them another address.
    pub fn change_person(&self, who: &str, change: impl FnOnce(&mut FakePerson)) {
        self.shared.change(|w| {
            let id = w.person(who).map(|p| p.id.clone());
            if let Some(person) = id.and_then(|id| w.people.get_mut(&id)) {
                change(person);
            }
        });
    }

    /// Adds a person who joins later.
    pub fn add_person(&self, person: FakePerson) {
        self.shared.change(|w| w.people.insert(person.id.clone(), person));
    }

    /// Changes the user groups; `None` is a plan without them.
    pub fn change_groups(&self, change: impl FnOnce(&mut Option<Vec<FakeGroup>>)) {
        self.shared.change(|w| change(&mut w.groups));
    }

    /// Changes a channel, by id.
    pub fn change_channel(&self, id: &str, change: impl FnOnce(&mut FakeChannel)) {
        self.shared.change(|w| {
            if let Some(channel) = w.channels.get_mut(id) {
                change(&mut channel.info);
            }
        });
    }

    /// Removes a channel and all in it.
    pub fn delete_channel(&self, id: &str) {
        self.shared.change(|w| {
            w.channels.remove(id);
            w.messages.remove(id);
        });
    }

    /// Makes calls to `method` (or `*`) fail, `times` times or until [`Self::clear_faults`].
    pub fn fail_calls(&self, method: &str, fault: ApiFault, times: Option<usize>) {
        self.shared.change(|w| w.faults.on_call(method, fault, times));
    }

    /// Makes the next delivery go wrong; several queue up.
    pub fn fail_next_delivery(&self, fault: DeliveryFault) {
        self.shared.change(|w| w.faults.on_next_delivery(fault));
    }

    /// Slack is down: calls answer 503, sockets are cut and not opened, nothing is delivered.
    pub fn go_down(&self) {
        self.shared.change(|w| w.faults.down = true);
        self.shared.disconnect(Disconnect::Cut);
    }

    /// Slack is back; other faults stay.
    pub fn come_back(&self) {
        self.shared.change(|w| w.faults.down = false);
    }

    pub fn clear_faults(&self) {
        self.shared.change(|w| w.faults.clear());
    }

    /// Tells every socket to go; answers how many.
    pub fn disconnect(&self, how: Disconnect) -> usize {
        self.shared.disconnect(how)
    }

    /// Sockets open and taking envelopes.
    pub fn connected(&self) -> usize {
        self.shared.connected()
    }

    /// Waits until the app has this many sockets open.
    pub async fn until_connected(&self, sockets: usize, limit: Duration) -> bool {
        let shared = Arc::clone(&self.shared);
        self.shared
            .until(limit, move |_| (shared.connected() >= sockets).then_some(()))
            .await
            .is_some()
    }

    /// Asks the events URL to prove itself (`url_verification`).
    pub async fn verify_request_url(&self) -> Result<(), DeliveryError> {
        deliver::verify_url(&self.shared).await
    }

    /// Every Web API call so far (the last 10 000), oldest first; response URLs appear as `response_url`.
    pub fn calls(&self) -> Vec<ApiCall> {
        self.shared.look(|w| w.calls.iter().cloned().collect())
    }

    /// The calls of one method.
    pub fn calls_to(&self, method: &str) -> Vec<ApiCall> {
        self.calls().into_iter().filter(|c| c.method == method).collect()
    }

    pub fn forget_calls(&self) {
        self.shared.change(|w| w.calls.clear());
    }

    /// Acknowledgements that came after the limit or for nothing.
    pub fn late_acks(&self) -> usize {
        self.shared.look(|w| w.late_acks)
    }

    /// Acknowledgements with a payload where none is taken.
    pub fn unwanted_payloads(&self) -> usize {
        self.shared.look(|w| w.unwanted_payloads)
    }

    /// A message as it stands now.
    pub fn message(&self, channel: &str, ts: &str) -> Option<Message> {
        self.shared
            .look(|w| w.messages.get(channel)?.iter().find(|m| m.ts == ts).cloned())
    }

    /// Every message there is, in every channel: for "a secret is nowhere" and the like.
    pub fn all_messages(&self) -> Vec<Message> {
        self.shared
            .look(|w| w.messages.values().flatten().cloned().collect())
    }

    /// Waits until nothing is under way and nothing has changed for `calm`; false if `limit` passed first.
    pub async fn quiet(&self, calm: Duration, limit: Duration) -> bool {
        self.shared.quiet(calm, limit).await
    }

    /// Waits until `ready` finds something, looking again after each change; `None` if `limit` passed first.
    pub async fn until<T>(
        &self,
        limit: Duration,
        mut ready: impl FnMut(&SlackServer) -> Option<T>,
    ) -> Option<T> {
        let mut changes = self.shared.changes();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = ready(self) {
                    return Some(found);
                }
                if changes.changed().await.is_err() {
                    return None;
                }
            }
        };
        tokio::time::timeout(limit, waiting).await.ok().flatten()
    }
}
