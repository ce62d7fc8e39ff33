//! What is allowed but probably not meant: for `latchkey check`, which says it as `warn:`.

use std::collections::BTreeSet;

use super::{Config, GroupConfig, integration::makes_accounts};
use crate::{
    domain::{
        policy::{AccessFlow, Approval, Approver, People, Target},
        route::fits,
    },
    providers::Registration,
};

/// More than these get no message each: the flow needs a channel.
pub const MOST_MESSAGES: usize = 10;

/// What the file alone shows. One sentence each.
pub fn advice(config: &Config, kinds: &[Registration]) -> Vec<String> {
    let mut advice = shadowed(config);
    if config.flows.is_empty() {
        advice.push("there is no access flow, so nobody can ask for anything; add an [[access_flow]]".into());
    }
    for flow in &config.flows {
        advice.extend(crowded(config, flow));
    }
    if config.admin_channel.is_none() {
        advice.push("there is no admin_channel: trouble is told to each admin alone; add admin_channel = \"slack:C…\"".into());
    }
    for integration in config
        .integrations
        .iter()
        .filter(|integration| !integration.retired)
    {
        let makes_accounts = kinds
            .iter()
            .any(|kind| kind.kind == integration.kind && makes_accounts(kind, &integration.own));
        if makes_accounts && integration.credential_rotation_days.is_none() {
            advice.push(format!(
                "{}: credentials are never replaced; credential_rotation_days = 90 is recommended",
                integration.name
            ));
        }
        if makes_accounts && integration.user_cleanup_days.is_none() {
            advice.push(format!(
                "{}: idle accounts are never deleted; user_cleanup_days = 30 is recommended",
                integration.name
            ));
        }
    }
    advice
}

/// Flows that never decide, since one before them fits all that they fit.
fn shadowed(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    for (n, flow) in config.flows.iter().enumerate() {
        if let Some(first) = config.flows[..n]
            .iter()
            .find(|first| shadows(config, first, flow))
        {
            found.push(format!(
                "access flow {} never decides: {} stands before it and fits all that it fits; move it up or remove it",
                flow.name, first.name
            ));
        }
    }
    found
}

fn shadows(config: &Config, first: &AccessFlow, flow: &AccessFlow) -> bool {
    first.max_seconds >= flow.max_seconds
        && includes(config, &first.requesters, &flow.requesters)
        && flow
            .targets
            .iter()
            .all(|target| first.targets.iter().any(|wider| covers(wider, target)))
}

/// Whether everybody of `some` is surely among `all`.
fn includes(config: &Config, all: &People, some: &People) -> bool {
    let mut named: BTreeSet<&String> = all.people.iter().collect();
    for group in &all.groups {
        if let Some(GroupConfig::Members(members)) = config.groups.get(group) {
            named.extend(members);
        }
    }
    let group_inside = |group: &String| {
        all.groups.contains(group)
            || matches!(config.groups.get(group), Some(GroupConfig::Members(members)) if members.iter().all(|name| named.contains(name)))
    };
    some.people.iter().all(|name| named.contains(name)) && some.groups.iter().all(group_inside)
}

fn covers(wider: &Target, target: &Target) -> bool {
    let all_of = |wide: &Option<Vec<String>>, narrow: &Option<Vec<String>>| match (wide, narrow) {
        (None, _) => true,
        (Some(_), None) => false,
        // A star in the narrow one can only be met by a star of the wide one.
        (Some(wide), Some(narrow)) => narrow
            .iter()
            .all(|name| wide.iter().any(|pattern| fits(pattern, name))),
    };
    let permissions = match (&wider.permissions, &target.permissions) {
        (None, None) => true,
        // Absent is all but the dangerous ones, and the file does not know which these are; `read` never is one.
        (None, Some(names)) => names.iter().all(|name| name == "read" || name == "read-write"),
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => narrow
            .iter()
            .all(|name| wide.iter().any(|other| other.eq_ignore_ascii_case(name))),
    };
    wider.integration == target.integration
        && all_of(&wider.types, &target.types)
        && all_of(&wider.resources, &target.resources)
        && permissions
}

/// More approvers than get a message each.
fn crowded(config: &Config, flow: &AccessFlow) -> Option<String> {
    let Approval::By { approvers, .. } = &flow.approval else {
        return None;
    };
    if flow.channel.is_some() {
        return None;
    }
    let mut all: BTreeSet<&String> = BTreeSet::new();
    for approver in approvers {
        match approver {
            Approver::Owner => {}
            Approver::Person(name) => {
                all.insert(name);
            }
            Approver::Group(group) => {
                if let Some(GroupConfig::Members(members)) = config.groups.get(group) {
                    all.extend(members);
                }
            }
        }
    }
    (all.len() > MOST_MESSAGES).then(|| {
        format!(
            "access flow {} asks {} people, but only {MOST_MESSAGES} get a message each; give it a channel",
            flow.name,
            all.len()
        )
    })
}
