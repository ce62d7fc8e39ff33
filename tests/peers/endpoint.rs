//! Our own endpoint in HTTP mode, for requests that Slack's own library signed.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use chrono::Utc;
use latchkey::{
    chat::{
        Handle, Message, Reply, What,
        slack::{SlackChat, SlackSettings},
    },
    demo::slack::SlackServer,
    secrets::Secret,
};

pub struct Endpoint {
    /// Where commands go.
    pub url: String,
    commands: Arc<AtomicUsize>,
    deliveries: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    /// Starts the real routes of the adapter; what comes through them is counted.
    pub async fn start(server: &SlackServer, signing_secret: &str) -> std::io::Result<Self> {
        let clock = Arc::new(
            #[expect(
                clippy::disallowed_methods,
                reason = "signatures are judged by the machine's time"
            )]
            Utc::now,
        );
        let mut settings =
            SlackSettings::new("T0TEAM", Secret::new("xoxb-demo-only-not-a-token"), clock.clone());
        settings.api_url = server.api_base();
        let chat = SlackChat::new(settings).map_err(std::io::Error::other)?;
        let (commands, deliveries) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (count, seen) = (commands.clone(), deliveries.clone());
        let handle: Handle = Arc::new(move |inbound| {
            if matches!(inbound.what, What::Command { .. }) {
                count.fetch_add(1, Ordering::SeqCst);
            }
            if let Ok(mut seen) = seen.lock() {
                seen.push(inbound.delivery);
            }
            Box::pin(async { Reply::Private(Message::words("Heard.")) })
        });
        let routes = chat.routes(Secret::new(signing_secret), handle, clock);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/slack/commands", listener.local_addr()?);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                eprintln!("the endpoint ended: {error}");
            }
        });
        Ok(Self {
            url,
            commands,
            deliveries,
        })
    }

    /// How often a delivery got as far as the bot.
    pub fn acted_on(&self, trigger: &str) -> usize {
        let deliveries = self
            .deliveries
            .lock()
            .map(|seen| seen.clone())
            .unwrap_or_default();
        deliveries
            .iter()
            .filter(|delivery| delivery.contains(trigger))
            .count()
    }

    pub fn commands(&self) -> usize {
        self.commands.load(Ordering::SeqCst)
    }
}
