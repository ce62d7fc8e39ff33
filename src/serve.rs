//! `latchkey serve`: puts the parts together, runs them, and lets them end in order.

mod assemble;
mod reload;
mod restored;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use axum::Router;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

pub use assemble::{Parts, assemble, load_integrations};
pub use reload::reload;

use crate::{
    app::App,
    chat::{
        Handle,
        slack::{SlackChat, SlackSettings, SocketSettings},
    },
    clock::{Clock, MachineClock},
    config::{self, Config, SlackMode},
    control::{self, Caller, ControlRequest, ControlResponse},
    domain::ChatKind,
    http::{self, NotReady, Probes},
    metrics::Metrics,
    reconcile::Loop,
    secrets::{ProcessEnvironment, Sources},
    store::{OpenOptions, SledStore, Store, records::due_of},
    workflow,
};

/// What `latchkey serve` was given.
#[derive(Debug)]
pub struct ServeArgs {
    pub config: PathBuf,
}

/// Runs the bot until it is asked to end.
pub async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let bot = Bot::start(&args.config, stop.clone()).await?;
    stop_on_signals(bot.app.clone(), args.config, stop);
    bot.ended().await
}

/// A bot that runs.
pub struct Bot {
    pub app: Arc<App>,
    pub listen: std::net::SocketAddr,
    stop: CancellationToken,
    tasks: tokio::task::JoinSet<()>,
    slack: Option<Arc<SlackChat>>,
}

impl Bot {
    /// Starts everything from a configuration file.
    pub async fn start(path: &Path, stop: CancellationToken) -> anyhow::Result<Self> {
        let config = config::read(path)?;
        let store = open_store(&config).await?;
        let meta = store.meta().await?;
        let clock: Arc<dyn Clock> = Arc::new(MachineClock::new(meta.last_now));
        let metrics = Arc::new(Metrics::new());
        let slack = slack(&config, &clock, &metrics)?;
        let chats = slack
            .iter()
            .map(|slack| Arc::clone(slack) as Arc<dyn crate::chat::Chat>)
            .collect();
        let parts = Parts {
            config,
            store: store.clone(),
            clock,
            chats,
            metrics,
            environment: Arc::new(ProcessEnvironment),
        };
        let app = assemble(parts).await?;
        let mut bot = Self {
            listen: app.config.load().http.listen,
            app,
            stop,
            tasks: tokio::task::JoinSet::new(),
            slack,
        };
        bot.open_doors(path, &store).await?;
        Ok(bot)
    }

    async fn open_doors(&mut self, path: &Path, store: &Arc<SledStore>) -> anyhow::Result<()> {
        let (app, stop) = (self.app.clone(), self.stop.clone());
        let config = app.config.load_full();
        let listener = control::bind(&config.store.path)?;
        let (control_app, file) = (app.clone(), path.to_owned());
        let backup = Arc::clone(store);
        let answer: control::Handle = Arc::new(move |request, caller| {
            let (app, file, store) = (control_app.clone(), file.clone(), Arc::clone(&backup));
            Box::pin(
                async move { workflow::control::answer(&app, &file, Some(&store), request, &caller).await },
            )
        });
        self.tasks.spawn(control::serve(listener, answer, stop.clone()));
        let handle = handle(app.clone());
        let extra = self.slack_door(&config, handle)?;
        let door = http::bind(config.http.listen).await?;
        self.listen = door.local_addr()?;
        let routes = http::router(
            probes(&app, store, self.slack.is_some()),
            app.metrics.clone(),
            extra,
        );
        let stop_http = stop.clone();
        self.tasks.spawn(async move {
            if let Err(error) = http::serve(door, routes, stop_http).await {
                tracing::error!(%error, "the http listener ended");
            }
        });
        self.tasks.spawn(Loop::new(app.clone()).run(stop.clone()));
        self.tasks.spawn(workflow::upkeep::run(app, stop));
        tracing::info!(http = %self.listen, "ready");
        Ok(())
    }

    /// Connects to Slack, or answers with the routes that Slack calls.
    fn slack_door(&mut self, config: &Config, handle: Handle) -> anyhow::Result<Router> {
        let (Some(slack), Some(settings)) = (self.slack.clone(), &config.slack) else {
            return Ok(Router::new());
        };
        let sources = Sources {
            base_dir: &config.base_dir,
            environment: &ProcessEnvironment,
        };
        match &settings.mode {
            SlackMode::Http { signing_secret } => {
                let secret = sources.read(signing_secret).context("slack.signing_secret")?;
                let clock = self.app.clock.clone();
                Ok(slack.routes(secret, handle, Arc::new(move || clock.now())))
            }
            SlackMode::Socket { app_token } => {
                let token = sources.read(app_token).context("slack.app_token")?;
                let socket = Arc::clone(&slack).start_socket(token, handle, SocketSettings::default());
                let stop = self.stop.clone();
                self.tasks.spawn(async move {
                    stop.cancelled().await;
                    socket.stop().await;
                    slack.finish(Duration::from_secs(10)).await;
                });
                Ok(Router::new())
            }
        }
    }

    /// Waits until it was asked to end, and has.
    pub async fn ended(mut self) -> anyhow::Result<()> {
        self.stop.cancelled().await;
        tracing::info!("ending: what was begun comes to its end");
        while let Some(done) = self.tasks.join_next().await {
            if let Err(error) = done {
                tracing::error!(%error, "a task ended badly");
            }
        }
        Ok(())
    }
}

/// What every chat calls with what comes in.
pub fn handle(app: Arc<App>) -> Handle {
    Arc::new(move |inbound| {
        let app = app.clone();
        Box::pin(async move { workflow::handle(&app, inbound).await })
    })
}

pub(crate) async fn open_store(config: &Config) -> anyhow::Result<Arc<SledStore>> {
    let now = MachineClock::new(None).now();
    let store = SledStore::open(OpenOptions::new(&config.store.path, due_of, now)).await?;
    Ok(store)
}

fn slack(
    config: &Config,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Option<Arc<SlackChat>>> {
    let Some(settings) = &config.slack else {
        return Ok(None);
    };
    let sources = Sources {
        base_dir: &config.base_dir,
        environment: &ProcessEnvironment,
    };
    let token = sources.read(&settings.bot_token).context("slack.bot_token")?;
    let (clock, metrics) = (clock.clone(), metrics.clone());
    let mut wanted = SlackSettings::new(&settings.team, token, Arc::new(move || clock.now()));
    wanted.api_url.clone_from(&settings.api_url);
    wanted.command.clone_from(&settings.command);
    wanted.on_call =
        Arc::new(move |method, outcome| metrics.chat_call(ChatKind::Slack.as_str(), method, outcome));
    Ok(Some(SlackChat::new(wanted)?))
}

fn probes(app: &Arc<App>, store: &Arc<SledStore>, slack: bool) -> Probes {
    let (alive_store, ready_app) = (Arc::clone(store), app.clone());
    Probes {
        alive: Arc::new(move || alive_store.poisoned().map_or(Ok(()), Err)),
        ready: Arc::new(move || {
            let app = ready_app.clone();
            Box::pin(async move {
                let mut reasons = Vec::new();
                if let Err(error) = app.store.meta().await {
                    reasons.push(NotReady::new("store", error.to_string()));
                }
                let quiet = app.beat.age();
                if quiet > Duration::from_secs(30) {
                    reasons.push(NotReady::new(
                        "loop",
                        format!("no pass since {} s", quiet.as_secs()),
                    ));
                }
                if !slack {
                    reasons.push(NotReady::new("config", "no chat is configured"));
                }
                reasons
            })
        }),
    }
}

/// Ends on SIGTERM and SIGINT; reads the configuration anew on SIGHUP.
fn stop_on_signals(app: Arc<App>, path: PathBuf, stop: CancellationToken) {
    tokio::spawn(async move {
        let (Ok(mut terminate), Ok(mut hangup)) =
            (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        else {
            tracing::error!("signals cannot be listened to");
            return;
        };
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = tokio::signal::ctrl_c() => break,
                _ = hangup.recv() => match reload(&app, &path).await {
                    Ok(said) => tracing::info!("{said}"),
                    Err(error) => tracing::error!("the old configuration stays: {error:#}"),
                },
            }
        }
        stop.cancel();
    });
}

/// Answers a request that only reads, with no bot running, from the store and the integrations.
pub async fn alone(
    path: &Path,
    request: ControlRequest,
    caller: Caller,
) -> anyhow::Result<serde_json::Value> {
    let config = config::read(path)?;
    let store = open_store(&config).await?;
    let meta = store.meta().await?;
    let clock: Arc<dyn Clock> = Arc::new(MachineClock::new(meta.last_now));
    let metrics = Arc::new(Metrics::new());
    let chats = slack(&config, &clock, &metrics)?
        .into_iter()
        .map(|slack| slack as Arc<dyn crate::chat::Chat>)
        .collect();
    let parts = Parts {
        config,
        store,
        clock,
        chats,
        metrics,
        environment: Arc::new(ProcessEnvironment),
    };
    let app = assemble(parts).await?;
    match workflow::control::answer(&app, path, None, request, &caller).await {
        ControlResponse::Ok(value) => Ok(value),
        ControlResponse::Error(error) => anyhow::bail!(error),
    }
}
