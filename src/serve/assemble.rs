//! From a configuration to an `App` that can run.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::{
    app::App,
    chat::Chat,
    clock::Clock,
    config::{self, Config, IntegrationConfig},
    directory::Directory,
    domain::{Integration, IntegrationName},
    integrations::{Integrations, Live, registration},
    metrics::Metrics,
    providers, reconcile,
    secrets::{Environment, Sources},
    store::{Store, typed::list},
};

/// What an `App` is made of; tests bring their own clock, chats and environment.
pub struct Parts {
    pub config: Config,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub chats: Vec<Arc<dyn Chat>>,
    pub metrics: Arc<Metrics>,
    pub environment: Arc<dyn Environment>,
}

/// Builds the `App`, its integrations included, and brings their records in line with the configuration.
pub async fn assemble(parts: Parts) -> anyhow::Result<Arc<App>> {
    let app = Arc::new(App {
        directory: Directory::new(parts.store.clone(), parts.chats.clone()),
        config: ArcSwap::from_pointee(parts.config),
        store: parts.store,
        integrations: Integrations::default(),
        chats: parts.chats,
        started_at: parts.clock.now(),
        clock: parts.clock,
        metrics: parts.metrics,
        environment: parts.environment,
        process: format!("{:016x}", rand::random::<u64>()),
        locks: Default::default(),
        unsent: Default::default(),
        homes: Default::default(),
        catalogues: Default::default(),
        beat: Default::default(),
        wake: Notify::new(),
    });
    let config = app.config.load_full();
    load_integrations(&app, &config).await?;
    reconcile::integration::register(&app).await?;
    super::restored::settle(&app).await?;
    Ok(app)
}

/// Builds all integrations of a configuration, and those it forgot while accounts of theirs are open: retired, they
/// take no requests and are still revoked. One that cannot be built holds up no other.
pub async fn load_integrations(app: &App, config: &Config) -> anyhow::Result<()> {
    let mut wanted: Vec<IntegrationConfig> = config.integrations.clone();
    for record in list::<Integration>(&*app.store, "").await? {
        if config.integration(record.name.as_str()).is_some() {
            continue;
        }
        match config::remembered(
            &record.settings,
            &config.installation,
            &config.base_dir,
            providers::ALL,
        ) {
            Ok(mut forgotten) => {
                tracing::warn!(integration = %record.name, "not in the configuration any more: retired, and still revoked");
                forgotten.retired = true;
                wanted.push(forgotten);
            }
            Err(problems) => {
                tracing::error!(integration = %record.name, %problems, "its remembered settings cannot be used");
            }
        }
    }
    let mut all: BTreeMap<IntegrationName, Arc<Live>> = BTreeMap::new();
    for integration in wanted {
        match build(app, config, &integration) {
            Ok(live) => {
                all.insert(integration.name.clone(), Arc::new(live));
            }
            Err(why) => {
                tracing::error!(integration = %integration.name, why, "it cannot be used until this is mended")
            }
        }
    }
    app.integrations.swap(all);
    Ok(())
}

fn build(app: &App, config: &Config, integration: &IntegrationConfig) -> Result<Live, String> {
    let registration =
        registration(&integration.kind).ok_or_else(|| format!("unknown kind {}", integration.kind))?;
    let sources = Sources {
        base_dir: &config.base_dir,
        environment: &*app.environment,
    };
    let secret = integration
        .read_secret(&sources, registration.secret_keys)
        .map_err(|error| error.to_string())?;
    let metrics = app.metrics.clone();
    let on_call = Arc::new(move |name: &str, method, outcome, took| {
        metrics.provider_call(&IntegrationName::from(name), method, outcome, took);
    });
    Live::build(
        &config.installation,
        integration,
        secret,
        &config.base_dir,
        on_call,
    )
}
