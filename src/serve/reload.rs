//! A new configuration: swapped whole, or not at all.

use std::path::Path;

use anyhow::{Context, bail};

use super::assemble::load_integrations;
use crate::{
    app::App,
    config::{self, Config},
    domain::{Integration, Kind, Lane, Urgency},
    reconcile,
    store::typed::list,
};

/// Reads the file again. The error says why the old configuration stays.
pub async fn reload(app: &App, path: &Path) -> anyhow::Result<String> {
    let new = config::read(path).context("the new configuration has mistakes")?;
    let old = app.config.load_full();
    if new.installation != old.installation {
        bail!(
            "installation was {} and is part of the name of every account: it cannot change",
            old.installation
        );
    }
    if new.store.path != old.store.path || new.http != old.http {
        bail!("[store] and [http] take effect at a start only: restart instead");
    }
    if let Some(name) = vanished(app, &old, &new).await?.first() {
        bail!(
            "integration {name} vanished while access there is open; keep it and write `retired = true`: \
             it takes no requests then, and is still revoked"
        );
    }
    load_integrations(app, &new).await?;
    app.config.store(std::sync::Arc::new(new));
    app.directory.forget();
    reconcile::integration::register(app).await?;
    app.wake.notify_one();
    Ok("the configuration was read anew".into())
}

/// Integrations that are gone from the file while leases of theirs are open.
async fn vanished(app: &App, old: &Config, new: &Config) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for record in list::<Integration>(&*app.store, "").await? {
        let name = record.name.as_str();
        if old.integration(name).is_none() || new.integration(name).is_some() {
            continue;
        }
        // Every open lease has a due entry, however far off.
        let horizon = app.now() + chrono::Duration::days(36_500);
        for urgency in [Urgency::Ends, Urgency::Grants] {
            let due = app
                .store
                .due(&Lane::of(&record.name, urgency), horizon, 10)
                .await?;
            if due.iter().any(|entry| entry.key.kind == Kind::Lease) {
                names.push(name.to_owned());
                break;
            }
        }
    }
    Ok(names)
}
