//! What one person sees of the world: only what some flow lets them ask for.

use std::sync::Arc;

use super::{Asked, Flow};
use crate::{
    app::App,
    catalogue::{Catalogue, Visible},
    config::Config,
    directory::Freshness,
    domain::{
        IntegrationName, Permission, Resource, ResourceKind, ResourceRef,
        command::{Askable, Known, Vocabulary, Wish},
        policy::AccessFlow,
        route::{Asker, offers},
    },
};

/// What one person sees of the world: only what some flow lets them ask for.
pub(crate) struct Sight {
    pub config: Arc<Config>,
    pub asker: Asker,
    pub catalogues: Vec<(IntegrationName, Arc<Catalogue>)>,
}

impl Sight {
    pub async fn of(app: &App, asked: &Asked<'_>) -> Flow<Self> {
        let config = app.config.load_full();
        let asker = app
            .directory
            .asker(&config, asked.person, asked.now, Freshness::AtMost5Min)
            .await;
        let mut catalogues = Vec::new();
        for integration in config
            .integrations
            .iter()
            .filter(|integration| !integration.retired)
        {
            let catalogue = app.catalogues.of(&*app.store, &integration.name).await?;
            catalogues.push((integration.name.clone(), catalogue));
        }
        Ok(Self {
            config,
            asker,
            catalogues,
        })
    }

    pub fn seen(&self) -> impl Iterator<Item = (&IntegrationName, Visible<'_>)> {
        self.catalogues.iter().flat_map(|(name, catalogue)| {
            let seen = catalogue.visible(&self.config.flows, &self.asker, name.as_str());
            seen.into_iter().map(move |visible| (name, visible))
        })
    }

    /// The words a typed line is read with.
    pub fn vocabulary(&self) -> Vocabulary {
        let mut integrations: Vec<Known> = Vec::new();
        for (name, catalogue) in &self.catalogues {
            let seen = catalogue.visible(&self.config.flows, &self.asker, name.as_str());
            if seen.is_empty() {
                continue;
            }
            let resources = seen.iter().map(|seen| Askable {
                title: seen.resource.at.title.clone(),
                kind: seen.resource.at.kind.clone(),
                permissions: seen.offers.iter().map(|offer| offer.permission.clone()).collect(),
                below: self.below(name, catalogue, seen.resource),
            });
            integrations.push(Known {
                name: name.0.clone(),
                resources: resources.collect(),
            });
        }
        Vocabulary { integrations }
    }

    /// Kinds whose names may be typed below a resource, with what may be asked for on them.
    fn below(
        &self,
        name: &IntegrationName,
        catalogue: &Catalogue,
        parent: &Resource,
    ) -> Vec<(String, Vec<Permission>)> {
        let kinds = catalogue
            .kinds
            .iter()
            .filter(|kind| kind.typed_under.as_ref() == Some(&parent.at.kind));
        kinds
            .map(|kind| {
                let at = typed_below(parent, &kind.name, "*");
                let given = offers(&self.config.flows, &self.asker, name.as_str(), &at, kind);
                (
                    kind.name.clone(),
                    given.into_iter().map(|offer| offer.permission.clone()).collect(),
                )
            })
            .collect()
    }

    /// The resource that a wish names, as this person sees it.
    pub fn wished(&self, wish: &Wish) -> Option<Found> {
        let (name, catalogue) = self
            .catalogues
            .iter()
            .find(|(name, _)| name.as_str() == wish.integration)?;
        let resource = match &wish.below {
            None => catalogue
                .resources
                .iter()
                .find(|r| r.at.kind == wish.kind && r.at.title == wish.resource)?
                .clone(),
            Some(parent) => {
                let under = catalogue.kind(&wish.kind)?.typed_under.as_ref()?;
                let parent = catalogue
                    .resources
                    .iter()
                    .find(|r| r.at.kind == *under && r.at.title == *parent)?;
                typed_below(
                    parent,
                    &wish.kind,
                    wish.resource.strip_prefix(&format!("{}/", parent.at.title))?,
                )
            }
        };
        Some(Found {
            integration: name.clone(),
            catalogue: catalogue.clone(),
            resource,
        })
    }
}

/// A thing that is not listed, only named under one that is.
fn typed_below(parent: &Resource, kind: &str, name: &str) -> Resource {
    let mut id = parent.at.id.clone();
    id.push(name.to_owned());
    Resource {
        at: ResourceRef {
            kind: kind.to_owned(),
            id,
            title: format!("{}/{name}", parent.at.title),
        },
        tags: parent.tags.clone(),
        unavailable: parent.unavailable.clone(),
    }
}

/// A resource that somebody named.
pub(crate) struct Found {
    pub integration: IntegrationName,
    catalogue: Arc<Catalogue>,
    pub resource: Resource,
}

impl Found {
    /// As this person sees it; `None` if no flow gives them anything on it.
    pub fn seen(&self, sight: &Sight) -> Option<Seen<'_>> {
        let kind = self.catalogue.kind(&self.resource.at.kind)?;
        let given: Vec<(Permission, AccessFlow, i64)> = offers(
            &sight.config.flows,
            &sight.asker,
            self.integration.as_str(),
            &self.resource,
            kind,
        )
        .into_iter()
        .map(|offer| (offer.permission.clone(), offer.flow.clone(), offer.max_seconds))
        .collect();
        (!given.is_empty()).then_some(Seen {
            resource: &self.resource,
            kind,
            given,
        })
    }
}

/// A resource, and what one person may have on it: permission, flow of the shortest wish, longest of all. Least first.
pub(crate) struct Seen<'a> {
    pub resource: &'a Resource,
    pub kind: &'a ResourceKind,
    pub given: Vec<(Permission, AccessFlow, i64)>,
}
