//! What can be requested, kept at hand: the store's catalogue by integration, read again when discovery changed it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    domain::{
        CatalogueEntry, Integration, IntegrationName, Permission, Resource, ResourceKind,
        policy::AccessFlow,
        route::{Asker, Offer, offers},
    },
    store::{
        Store, StoreError,
        records::catalogue_of,
        typed::{list, load},
    },
};

/// One integration's resources, and what can be asked for on each kind.
#[derive(Debug, Default)]
pub struct Catalogue {
    pub kinds: Vec<ResourceKind>,
    pub resources: Vec<Resource>,
}

impl Catalogue {
    pub fn kind(&self, name: &str) -> Option<&ResourceKind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    /// What somebody may ask for here, resource by resource; to them nothing else exists.
    pub fn visible<'a>(
        &'a self,
        flows: &'a [AccessFlow],
        asker: &Asker,
        integration: &str,
    ) -> Vec<Visible<'a>> {
        // Flows that are not for this person cannot give anything: left out once, not once a resource.
        if !flows
            .iter()
            .any(|flow| flow.is_for(asker) && flow.targets.iter().any(|t| t.integration == integration))
        {
            return Vec::new();
        }
        let seen = self.resources.iter().filter_map(|resource| {
            let kind = self.kind(&resource.at.kind)?;
            let offers = offers(flows, asker, integration, resource, kind);
            (!offers.is_empty()).then_some(Visible {
                resource,
                kind,
                offers,
            })
        });
        seen.collect()
    }

    pub fn permission(&self, kind: &str, name: &str) -> Option<&Permission> {
        self.kind(kind)?
            .permissions
            .iter()
            .find(|permission| permission.is_called(name))
    }
}

/// A resource as one person sees it.
#[derive(Debug)]
pub struct Visible<'a> {
    pub resource: &'a Resource,
    pub kind: &'a ResourceKind,
    /// Least first; at least one.
    pub offers: Vec<Offer<'a>>,
}

/// The catalogues at hand.
#[derive(Default)]
pub struct Catalogues {
    held: Mutex<HashMap<IntegrationName, Arc<Catalogue>>>,
}

impl Catalogues {
    pub async fn of(&self, store: &dyn Store, name: &IntegrationName) -> Result<Arc<Catalogue>, StoreError> {
        if let Some(held) = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(held.clone());
        }
        let kinds = load::<Integration>(store, name.as_str())
            .await?
            .map(|record| record.value.kinds)
            .unwrap_or_default();
        let entries = list::<CatalogueEntry>(store, &catalogue_of(name)).await?;
        let resources = entries.into_iter().map(|entry| entry.value.resource).collect();
        let read = Arc::new(Catalogue { kinds, resources });
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.clone(), read.clone());
        Ok(read)
    }

    /// Discovery wrote something: read it again.
    pub fn changed(&self, name: &IntegrationName) {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
    }
}
