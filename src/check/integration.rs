//! One integration: its secret, its rights, and whether flows and resources fit each other.

use std::{collections::BTreeSet, time::Duration};

use super::{Doors, Report};
use crate::{
    config::{Config, IntegrationConfig},
    domain::{
        Discovery, Resource,
        policy::{OwnerAttribute, ResourceOwner, Target},
        route::fits,
    },
    providers::{Health, Mark, OwnSecret, Provider, ProviderError, Registration, Setup},
    secrets::Sources,
};

/// For a look at the target, and for the whole listing.
const LIMIT: Duration = Duration::from_secs(60);
/// More resources of one kind of trouble are counted.
const MOST: usize = 10;

pub(super) async fn integration(
    report: &mut Report,
    config: &Config,
    integration: &IntegrationConfig,
    sources: &Sources<'_>,
    doors: &dyn Doors,
) {
    let name = &integration.name;
    let Some(kind) = doors.kinds().iter().find(|kind| kind.kind == integration.kind) else {
        return;
    };
    let secret = match integration.read_secret(sources, kind.secret_keys) {
        Ok(secret) => secret,
        Err(error) => return report.fix(format!("{name}: secret {error}")),
    };
    let provider = match build(config, integration, kind, &secret) {
        Ok(provider) => provider,
        Err(error) => return report.fix(format!("{name}: {}", scrubbed(&error, &secret))),
    };
    match limited(provider.check()).await {
        Ok(health) => tell_health(report, name.as_str(), &health),
        Err(error) => return report.fix(format!("{name}: {}", scrubbed(&error, &secret))),
    }
    if integration.retired {
        return report.ok(format!(
            "{name}: retired; nobody can ask for it, leases are still revoked"
        ));
    }
    match limited(provider.discover()).await {
        Ok(discovery) => tell_resources(report, config, integration, &discovery),
        Err(error) => report.fix(format!(
            "{name}: its resources cannot be listed: {}",
            scrubbed(&error, &secret)
        )),
    }
}

fn build(
    config: &Config,
    integration: &IntegrationConfig,
    kind: &Registration,
    secret: &OwnSecret,
) -> Result<Box<dyn Provider>, ProviderError> {
    (kind.build)(Setup {
        mark: Mark::new(&config.installation, integration.name.as_str()),
        config: integration.own.clone(),
        secret: secret.clone(),
        base_dir: config.base_dir.clone(),
    })
}

async fn limited<T>(call: impl Future<Output = Result<T, ProviderError>>) -> Result<T, ProviderError> {
    let late = |_| {
        ProviderError::new(
            crate::providers::ErrorKind::Transient,
            format!("no answer within {} s", LIMIT.as_secs()),
        )
    };
    tokio::time::timeout(LIMIT, call).await.map_err(late)?
}

/// What a target says may repeat what we sent it.
fn scrubbed(error: &ProviderError, secret: &OwnSecret) -> String {
    secret
        .values()
        .filter(|value| value.expose().len() >= 4)
        .fold(error.message.clone(), |text, value| {
            text.replace(value.expose(), "***")
        })
}

fn tell_health(report: &mut Report, name: &str, health: &Health) {
    for missing in &health.missing {
        report.fix(format!("{name}: {missing}"));
    }
    for warning in &health.warnings {
        report.warn(format!("{name}: {warning}"));
    }
    if let Some(at) = health.own_expires {
        report.warn(format!(
            "{name}: our own credential expires {}, and with it all revoking; replace it before",
            at.format("%Y-%m-%d %H:%M UTC")
        ));
    }
    if health.missing.is_empty() {
        report.ok(format!("{name}: {}", health.server));
    }
}

fn tell_resources(
    report: &mut Report,
    config: &Config,
    integration: &IntegrationConfig,
    discovery: &Discovery,
) {
    let name = &integration.name;
    for (id, why) in &discovery.unread {
        report.warn(format!("{name}/{}: cannot be listed: {why}", id.join("/")));
    }
    let wanted: Vec<&Resource> = discovery
        .resources
        .iter()
        .filter(|resource| is_wanted(integration, resource))
        .collect();
    if wanted.is_empty() && discovery.kinds.iter().all(|kind| kind.typed_under.is_none()) {
        report.warn(format!("{name}: no resource is there to ask for; see discover"));
    }
    let uncovered = wanted.iter().filter(|resource| {
        resource.unavailable.is_none() && !is_covered(config, integration, discovery, resource)
    });
    few(
        report,
        name.as_str(),
        uncovered
            .map(|resource| {
                (
                    resource.at.title.clone(),
                    "no flow covers it, nobody can ask".to_owned(),
                )
            })
            .collect(),
    );
    if let Some(rule) = &integration.resource_owner {
        let lost = wanted
            .iter()
            .filter_map(|resource| Some((resource.at.title.clone(), lost_tag(config, rule, resource)?)));
        few(report, name.as_str(), lost.collect());
    }
    unknown_words(report, config, integration, discovery);
    report.ok(format!("{name}: {} resources", wanted.len()));
}

fn few(report: &mut Report, name: &str, all: Vec<(String, String)>) {
    let more = all.len().saturating_sub(MOST);
    for (title, text) in all.into_iter().take(MOST) {
        report.warn(format!("{name}/{title}: {text}"));
    }
    if more > 0 {
        report.warn(format!("{name}: the same of {more} more"));
    }
}

fn is_wanted(integration: &IntegrationConfig, resource: &Resource) -> bool {
    let rule = &integration.discover;
    let named = |patterns: &Vec<String>| patterns.iter().any(|pattern| fits(pattern, &resource.at.title));
    rule.types
        .as_ref()
        .is_none_or(|types| types.contains(&resource.at.kind))
        && rule.include.as_ref().is_none_or(named)
        && !named(&rule.exclude)
}

fn is_covered(
    config: &Config,
    integration: &IntegrationConfig,
    discovery: &Discovery,
    resource: &Resource,
) -> bool {
    let permissions = discovery
        .kinds
        .iter()
        .filter(|kind| kind.name == resource.at.kind)
        .flat_map(|kind| &kind.permissions);
    let mut permissions = permissions.peekable();
    permissions.any(|permission| {
        config
            .flows
            .iter()
            .any(|flow| flow.gives(integration.name.as_str(), &resource.at, permission))
    })
}

/// A tag that names nobody the file knows. Whom it names in the chat is found out when it is asked.
fn lost_tag(config: &Config, rule: &ResourceOwner, resource: &Resource) -> Option<String> {
    let value = resource
        .tags
        .get(&rule.key)
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())?;
    let known = match rule.attribute {
        OwnerAttribute::Group => config.groups.keys().any(|name| name.eq_ignore_ascii_case(value)),
        OwnerAttribute::Person => config.people.keys().any(|name| name.eq_ignore_ascii_case(value)),
        OwnerAttribute::Email => true,
    };
    (!known).then(|| {
        format!(
            "tag {}={value} names nobody we know; the integration's owner answers",
            rule.key
        )
    })
}

/// Types and permissions that flows name and the target does not have: typing mistakes give no access and no message.
fn unknown_words(
    report: &mut Report,
    config: &Config,
    integration: &IntegrationConfig,
    discovery: &Discovery,
) {
    let mut told = BTreeSet::new();
    for flow in &config.flows {
        for target in flow
            .targets
            .iter()
            .filter(|target| target.integration == integration.name.as_str())
        {
            for text in unknown_in(target, discovery) {
                if told.insert((flow.name.clone(), text.clone())) {
                    report.warn(format!(
                        "access flow {}: {} has no {text}",
                        flow.name, integration.name
                    ));
                }
            }
        }
    }
    for kind in integration.discover.types.iter().flatten() {
        if !discovery.kinds.iter().any(|known| known.name == *kind) {
            report.warn(format!(
                "{}: discover names the type {kind}, which there is none of",
                integration.name
            ));
        }
    }
}

fn unknown_in(target: &Target, discovery: &Discovery) -> Vec<String> {
    let mut unknown = Vec::new();
    for kind in target.types.iter().flatten() {
        if !discovery.kinds.iter().any(|known| known.name == *kind) {
            unknown.push(format!("type {kind}"));
        }
    }
    for name in target.permissions.iter().flatten() {
        let known = discovery
            .kinds
            .iter()
            .flat_map(|kind| &kind.permissions)
            .any(|permission| permission.is_called(name));
        if !known {
            unknown.push(format!("permission {name}"));
        }
    }
    unknown
}
