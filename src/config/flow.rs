//! `[[access_flow]]`.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    GroupConfig, IntegrationConfig, keys,
    read::{Names, place, whom},
    walk::{Node, Table},
};
use crate::domain::policy::{AccessFlow, Approval, Approver, Notify, People, ReasonRule, Target};

const HOUR: i64 = 3_600;
/// The longest a flow may give: half a year is no temporary access any more.
const LONGEST: i64 = 180 * 86_400;

/// What flows refer to.
pub struct Context<'a> {
    pub names: &'a Names,
    pub groups: &'a BTreeMap<String, GroupConfig>,
    pub integrations: &'a [IntegrationConfig],
}

pub fn read_all(node: &Node<'_>, context: &Context<'_>) -> Vec<AccessFlow> {
    let mut seen: Vec<String> = Vec::new();
    let mut all = Vec::new();
    for part in node.list() {
        if let Some(name) = part.value.get("name").and_then(|name| name.get_ref().as_str()) {
            if seen.iter().any(|other| other == name) {
                part.problem(format!(
                    "there is an access flow {name} already; give this one another name"
                ));
            }
            seen.push(name.to_owned());
        }
        all.extend(read(&part, context));
    }
    all
}

fn read(node: &Node<'_>, context: &Context<'_>) -> Option<AccessFlow> {
    let mut table = node.table(&keys::FLOW)?;
    let name = table
        .required("name", "name = \"…\", for messages and the audit log")
        .and_then(|node| node.word());
    table.what = format!("access flow {}", name.unwrap_or("without a name"));
    let requesters = table
        .required("requesters", "requesters = { groups = [\"…\"] }")
        .and_then(|node| {
            let requesters = node.table(&keys::REQUESTERS)?;
            Some(whom(&requesters, Some(context.names)))
        });
    let targets = table
        .required("targets", "targets = [{ integration = \"…\" }]")
        .map(|node| targets(&node, context));
    let approval = approval(&table, targets.as_deref().unwrap_or_default(), context);
    let durations = durations(&table);
    let by_rule = if matches!(approval, Some(Approval::Automatic)) {
        ReasonRule::Required
    } else {
        ReasonRule::Optional
    };
    let reason = table
        .node("reason")
        .map_or(Some(by_rule), |node| reason_rule(&node));
    let approver_reason = table
        .node("approver_reason")
        .map_or(Some(ReasonRule::Optional), |node| reason_rule(&node));
    let decide_within = table
        .node("decide_within")
        .map_or(Some(8 * HOUR), |node| node.seconds(1, 30 * 86_400));
    let channel = table.node("channel").and_then(|node| place(&node));
    let notify = table.node("notify").map(|node| notify(&node)).unwrap_or_default();
    let (default_seconds, max_seconds) = durations?;
    Some(AccessFlow {
        name: name?.to_owned(),
        requesters: requesters?,
        targets: targets?,
        approval: approval?,
        default_seconds,
        max_seconds,
        requester_reason: reason?,
        approver_reason: approver_reason?,
        channel,
        notify,
        decide_within_seconds: decide_within?,
    })
}

/// (if none is asked for, at most), in seconds.
fn durations(table: &Table<'_>) -> Option<(i64, i64)> {
    let max = table
        .node("max_duration")
        .map_or(Some(8 * HOUR), |node| node.seconds(1, LONGEST));
    let Some(node) = table.node("default_duration") else {
        return max.map(|max| (HOUR.min(max), max));
    };
    let (default, max) = (node.seconds(1, LONGEST)?, max?);
    if default > max {
        node.problem("default_duration is longer than max_duration; shorten it, or raise the other");
        return None;
    }
    Some((default, max))
}

fn reason_rule(node: &Node<'_>) -> Option<ReasonRule> {
    match node.word()? {
        "required" => Some(ReasonRule::Required),
        "optional" => Some(ReasonRule::Optional),
        other => {
            node.problem(format!(
                "{} = {other:?} is not known; write \"required\" or \"optional\"",
                node.name
            ));
            None
        }
    }
}

fn targets(node: &Node<'_>, context: &Context<'_>) -> Vec<Target> {
    let parts = node.list();
    if node.value.as_array().is_some_and(|parts| parts.is_empty()) {
        node.problem("targets is empty; give the flow at least one { integration = \"…\" }");
    }
    parts.iter().filter_map(|part| target(part, context)).collect()
}

fn target(node: &Node<'_>, context: &Context<'_>) -> Option<Target> {
    let table = node.table(&keys::TARGET)?;
    let list = |key: &str| {
        let node = table.node(key)?;
        if node.value.as_array().is_some_and(|parts| parts.is_empty()) {
            node.problem(format!(
                "{key} is empty, so the target gives nothing; remove it for all"
            ));
        }
        Some(node.strings())
    };
    let named = table.required("integration", "integration = \"…\"")?;
    let integration = named.word()?;
    let target = Target {
        integration: integration.to_owned(),
        types: list("types"),
        resources: list("resources"),
        permissions: list("permissions"),
    };
    context.names.integration(&named, integration).then_some(target)
}

fn approval(table: &Table<'_>, targets: &[Target], context: &Context<'_>) -> Option<Approval> {
    let automatic = match table.node("approval") {
        None => false,
        Some(node) if node.word()? == "automatic" => true,
        Some(node) => {
            node.problem("approval can only be \"automatic\"; remove it and name approvers, or write that");
            return None;
        }
    };
    if automatic {
        for key in [
            "approvers",
            "quorum",
            "approver_reason",
            "channel",
            "decide_within",
        ] {
            if let Some(node) = table.node(key) {
                node.problem(format!(
                    "{key} has no use where approval is automatic; remove one of the two"
                ));
            }
        }
        return Some(Approval::Automatic);
    }
    let Some(node) = table.node("approvers") else {
        table.problem(format!(
            "{} has neither approvers nor approval = \"automatic\"; say who decides: approvers = [\"owner\"]",
            table.what
        ));
        return None;
    };
    if node.value.as_array().is_some_and(|parts| parts.is_empty()) {
        node.problem("approvers is empty; name who decides (\"owner\", \"person:…\", \"group:…\")");
    }
    let approvers: Vec<Approver> = node
        .words()
        .iter()
        .filter_map(|part| approver(part, targets, context))
        .collect();
    let quorum = table.node("quorum").map_or(Some(1), |node| node.whole(1, 10))?;
    if let Some(possible) = possible(&approvers, targets, context)
        && possible > 0
        && quorum as usize > possible
    {
        let at = table.node("quorum").unwrap_or(node);
        at.problem(format!(
            "quorum = {quorum}, but only {possible} can vote here; lower it or name more approvers"
        ));
    }
    Some(Approval::By { approvers, quorum })
}

fn approver(node: &Node<'_>, targets: &[Target], context: &Context<'_>) -> Option<Approver> {
    let word = node.word()?;
    if word == "owner" {
        for integration in targets.iter().filter_map(|target| of(target, context)) {
            if integration.integration_owner.is_none() {
                node.problem(format!(
                    "integration {} has no owner to ask; give it an integration_owner",
                    integration.name
                ));
            }
        }
        return Some(Approver::Owner);
    }
    match word.split_once(':') {
        Some(("person", name)) => context
            .names
            .person(node, name)
            .then(|| Approver::Person(name.to_owned())),
        Some(("group", name)) => context
            .names
            .group(node, name)
            .then(|| Approver::Group(name.to_owned())),
        Some(_) | None => {
            node.problem(format!(
                "approvers holds {word:?}; write \"owner\", \"person:NAME\" or \"group:NAME\""
            ));
            None
        }
    }
}

fn of<'a>(target: &Target, context: &Context<'a>) -> Option<&'a IntegrationConfig> {
    context
        .integrations
        .iter()
        .find(|integration| integration.name.as_str() == target.integration)
}

/// How many people can vote at most, where the file alone tells. Of several targets the least.
fn possible(approvers: &[Approver], targets: &[Target], context: &Context<'_>) -> Option<usize> {
    let mut fixed = BTreeSet::new();
    let mut asks_owner = false;
    for approver in approvers {
        match approver {
            Approver::Person(name) => {
                fixed.insert(name.clone());
            }
            Approver::Group(name) => add_group(&mut fixed, name, context)?,
            Approver::Owner => asks_owner = true,
        }
    }
    if !asks_owner {
        return Some(fixed.len());
    }
    let with_owner = |target: &Target| {
        let integration = of(target, context)?;
        let mut all = fixed.clone();
        // A tag may name any group.
        if integration.resource_owner.is_some() {
            return None;
        }
        let People { people, groups } = integration.integration_owner.as_ref()?;
        all.extend(people.iter().cloned());
        for group in groups {
            add_group(&mut all, group, context)?;
        }
        Some(all.len())
    };
    targets.iter().filter_map(with_owner).min()
}

fn add_group(all: &mut BTreeSet<String>, name: &str, context: &Context<'_>) -> Option<()> {
    match context.groups.get(name)? {
        GroupConfig::Members(members) => all.extend(members.iter().cloned()),
        // Only Slack knows.
        GroupConfig::SlackGroup(_) => return None,
    }
    Some(())
}

fn notify(node: &Node<'_>) -> Vec<Notify> {
    let mut notify = Vec::new();
    for part in node.words() {
        match part.word() {
            Some("owner") => notify.push(Notify::Owner),
            Some(_) => notify.extend(place(&part).map(Notify::Channel)),
            None => {}
        }
    }
    notify
}
