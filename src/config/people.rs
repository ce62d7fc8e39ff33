//! `[people]` and `[groups]`.

use std::collections::BTreeMap;

use super::{
    GroupConfig, PersonConfig, SlackConfig, keys,
    read::{Names, zone},
    walk::{Node, Table},
};

/// Reads `[people]`. `slack` is absent where it could not be read.
pub fn people(
    table: &Table<'_>,
    names: &Names,
    slack: Option<&SlackConfig>,
) -> BTreeMap<String, PersonConfig> {
    let mut people = BTreeMap::new();
    let mut known = Known::default();
    for node in table.entries() {
        if !is_name(&node) {
            continue;
        }
        if let Some(person) = person(&node, names, slack, &mut known) {
            people.insert(node.name.to_owned(), person);
        }
    }
    if table.entries().next().is_none() {
        table.problem("[people] is empty; add ann = { email = \"ann@example.com\" }");
    }
    people
}

/// By what chats know people: two persons with one address would be one human.
#[derive(Default)]
struct Known {
    emails: BTreeMap<String, String>,
    slack: BTreeMap<String, String>,
}

fn person(
    node: &Node<'_>,
    names: &Names,
    slack: Option<&SlackConfig>,
    known: &mut Known,
) -> Option<PersonConfig> {
    let table = node.table(&keys::PERSON)?;
    let email = table.node("email").and_then(|node| email(&node));
    let id = table.node("slack").and_then(|node| user_id(&node));
    if table.node("email").is_none() && table.node("slack").is_none() {
        node.problem(format!(
            "{} is in no chat; add email = \"…\" or slack = \"U…\"",
            node.name
        ));
    }
    if let (Some(email), None, Some(slack)) = (&email, &id, slack) {
        let domain = email.rsplit('@').next().unwrap_or_default();
        if !slack.email_domains.is_empty() && !slack.email_domains.iter().any(|allowed| allowed == domain) {
            node.problem(format!(
                "{} has an address outside [slack] email_domains and would never be known; add the domain, or slack = \"U…\"",
                node.name
            ));
        }
    }
    once(&mut known.emails, email.as_deref(), node, "the address");
    once(&mut known.slack, id.as_deref(), node, "the Slack id");
    Some(PersonConfig {
        email,
        slack: id,
        time_zone: table.node("time_zone").and_then(|node| zone(&node)),
        logins: table
            .node("logins")
            .map(|node| logins(&node, names))
            .unwrap_or_default(),
    })
}

fn once(seen: &mut BTreeMap<String, String>, value: Option<&str>, node: &Node<'_>, what: &str) {
    let Some(value) = value else { return };
    if let Some(other) = seen.insert(value.to_owned(), node.name.to_owned()) {
        node.problem(format!(
            "{} has {what} of {other}; one human is one person: remove one",
            node.name
        ));
    }
}

/// Lower case: addresses are compared without it.
fn email(node: &Node<'_>) -> Option<String> {
    let text = node.word()?;
    let good = text.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty()
            && domain.contains('.')
            && !domain.contains('@')
            && !text.chars().any(|c| c.is_whitespace() || c.is_control())
    });
    if !good {
        node.problem(format!(
            "email = {text:?} is no address; write \"ann@example.com\""
        ));
    }
    good.then(|| text.to_lowercase())
}

fn user_id(node: &Node<'_>) -> Option<String> {
    let text = node.word()?;
    let good = text.len() >= 2
        && text.starts_with(['U', 'W'])
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    if !good {
        node.problem(format!(
            "slack = {text:?} is no member id; copy it from the person's Slack profile (\"U0123456\")"
        ));
    }
    good.then(|| text.to_owned())
}

fn logins(node: &Node<'_>, names: &Names) -> BTreeMap<String, String> {
    let Some(table) = node.open("logins") else {
        return BTreeMap::new();
    };
    let mut logins = BTreeMap::new();
    for node in table.entries() {
        if names.integration(&node, node.name)
            && let Some(login) = node.word()
        {
            logins.insert(node.name.to_owned(), login.to_owned());
        }
    }
    logins
}

/// Reads `[groups]`.
pub fn groups(table: &Table<'_>, names: &Names) -> BTreeMap<String, GroupConfig> {
    let mut groups = BTreeMap::new();
    for node in table.entries() {
        if !is_name(&node) {
            continue;
        }
        if let Some(group) = group(&node, names) {
            groups.insert(node.name.to_owned(), group);
        }
    }
    groups
}

fn group(node: &Node<'_>, names: &Names) -> Option<GroupConfig> {
    let table = node.table(&keys::GROUP)?;
    match (table.node("members"), table.node("slack_group")) {
        (Some(list), None) => {
            let mut members = Vec::new();
            for part in list.words() {
                let Some(name) = part.word() else { continue };
                if names.person(&part, name) {
                    members.push(name.to_owned());
                }
            }
            if list.value.as_array().is_some_and(|parts| parts.is_empty()) {
                list.problem(format!(
                    "group {} has no members; name some or remove it",
                    node.name
                ));
            }
            Some(GroupConfig::Members(members))
        }
        (None, Some(id)) => {
            let text = id.word()?;
            let good = text.len() >= 2
                && text.starts_with('S')
                && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
            if !good {
                id.problem(format!(
                    "slack_group = {text:?} is no user group id; copy it from Slack (\"S0123456\")"
                ));
            }
            good.then(|| GroupConfig::SlackGroup(text.to_owned()))
        }
        (Some(_), Some(_)) | (None, None) => {
            node.problem(format!(
                "group {} needs either members = [\"…\"] or slack_group = \"S…\"",
                node.name
            ));
            None
        }
    }
}

fn is_name(node: &Node<'_>) -> bool {
    let good = (1..=64).contains(&node.name.chars().count())
        && node
            .name
            .chars()
            .all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if !good {
        node.problem(format!(
            "{:?} is no name; use letters, digits, and - _ . between them",
            node.name
        ));
    }
    good
}
