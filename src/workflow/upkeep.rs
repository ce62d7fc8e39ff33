//! What nobody asks for: telling admins what came up, ending the access of people who left, counting for the metrics.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    chat::{Message, view},
    domain::{AccountId, EndReason, Integration, Lease, Person, PersonId, audit::Actor},
    home::stuck,
    notice,
    reconcile::facts::ended,
    store::{
        StoreError,
        typed::{list, load},
    },
};

const EVERY: Duration = Duration::from_secs(15);
/// People asked about in one pass.
const PEOPLE: usize = 20;

/// Runs until told to stop.
pub async fn run(app: std::sync::Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = pass(&app).await {
            tracing::error!(%error, "upkeep will be tried again");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// One pass.
pub async fn pass(app: &App) -> Result<(), StoreError> {
    let config = app.config.load_full();
    app.directory.refresh_people(&config, app.now(), PEOPLE).await?;
    for person in app.directory.gone_since_last().await? {
        if let Err(error) = end_all(app, &person).await {
            app.directory.still_gone(person);
            return Err(error);
        }
    }
    let notices = app.directory.take_notices();
    if !notices.is_empty() {
        let places = notice::admin_places(app).await;
        for text in notices {
            notice::tell(app, &places, &Message::words(text)).await;
        }
    }
    count(app).await
}

/// A person who left loses every lease. Each end is a fact of its own; what conflicts is tried again with the next pass.
async fn end_all(app: &App, person: &PersonId) -> Result<(), StoreError> {
    let mut leases = 0;
    for lease in list::<Lease>(&*app.store, &AccountId::of_person(person)).await? {
        if lease.is_open() && lease.is_live() {
            let now = app.now();
            let batch = ended(
                app.batch(now),
                &lease,
                EndReason::PersonGone,
                Actor::Latchkey,
                now,
            );
            if !app.commit(batch).await? {
                return Err(StoreError::Failed(
                    "a lease changed while it was being ended".into(),
                ));
            }
            leases += 1;
        }
    }
    if leases > 0
        && let Some(person) = load::<Person>(&*app.store, person.as_str()).await?
    {
        let name = &person.name;
        let told = view::said(&view::Said::PersonGone { name, leases });
        notice::tell(app, &notice::admin_places(app).await, &told).await;
    }
    Ok(())
}

async fn count(app: &App) -> Result<(), StoreError> {
    let now = app.now();
    let stuck = stuck(app).await?;
    let mut by: std::collections::BTreeMap<_, (i64, i64)> = std::collections::BTreeMap::new();
    for integration in list::<Integration>(&*app.store, "").await? {
        by.entry(integration.value.name).or_default();
    }
    for lease in &stuck {
        let age = lease
            .ended
            .as_ref()
            .map_or(0, |ended| (now - ended.at).num_seconds());
        let entry = by.entry(lease.integration.clone()).or_default();
        *entry = (entry.0 + 1, entry.1.max(age));
    }
    app.metrics
        .stuck(by.iter().map(|(name, (count, _))| (name.clone(), *count)));
    app.metrics
        .overdue(by.iter().map(|(name, (_, age))| (name.clone(), *age)));
    Ok(())
}
