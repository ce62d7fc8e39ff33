//! `[slack]`.

use super::{
    SlackConfig, SlackMode, keys,
    walk::{Node, Table},
};
use crate::secrets::Reference;

const API: &str = "https://slack.com/api";

pub fn read(node: &Node<'_>) -> Option<SlackConfig> {
    let table = node.table(&keys::SLACK)?;
    let team = table
        .required("team", "team = \"T…\", your workspace: any other is refused")
        .and_then(|node| team(&node));
    let bot_token = table
        .required("bot_token", "bot_token = \"env:SLACK_BOT_TOKEN\"")
        .and_then(|node| reference(&node));
    let mode = mode(&table);
    let command = table
        .node("command")
        .map_or(Some("/access".to_owned()), |node| command(&node));
    let api_url = table
        .node("api_url")
        .map_or(Some(API.to_owned()), |node| api_url(&node));
    let guests = table.node("allow_guests").map_or(Some(false), |node| node.yes());
    let domains = table
        .node("email_domains")
        .map(|node| domains(&node))
        .unwrap_or_default();
    Some(SlackConfig {
        mode: mode?,
        team: team?,
        bot_token: bot_token?,
        command: command?,
        api_url: api_url?,
        allow_guests: guests?,
        email_domains: domains,
    })
}

fn mode(table: &Table<'_>) -> Option<SlackMode> {
    let node = table.node("mode");
    let word = match &node {
        Some(node) => node.word()?,
        None => "socket",
    };
    let (needed, other) = match word {
        "socket" => ("app_token", "signing_secret"),
        "http" => ("signing_secret", "app_token"),
        _ => {
            if let Some(node) = node {
                node.problem(format!(
                    "mode = {word:?} is not known; write \"socket\" or \"http\""
                ));
            }
            return None;
        }
    };
    if let Some(node) = table.node(other) {
        node.problem(format!(
            "{other} has no use in mode {word:?}; remove it, or change the mode"
        ));
    }
    let secret = table
        .required(
            needed,
            &format!(
                "{needed} = \"env:SLACK_{}\" for mode {word:?}",
                needed.to_uppercase()
            ),
        )
        .and_then(|node| reference(&node))?;
    Some(match needed {
        "app_token" => SlackMode::Socket { app_token: secret },
        _ => SlackMode::Http {
            signing_secret: secret,
        },
    })
}

/// Where a secret is read from. The message never repeats the text: it may be the secret.
pub fn reference(node: &Node<'_>) -> Option<Reference> {
    let text = node.word()?;
    match Reference::parse(text) {
        Ok(reference) => Some(reference),
        Err(why) => {
            node.problem(format!("{} is no reference to a secret; {why}", node.name));
            None
        }
    }
}

fn team(node: &Node<'_>) -> Option<String> {
    let text = node.word()?;
    let good = text.len() >= 2
        && text.starts_with(['T', 'E'])
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    if !good {
        node.problem(format!(
            "team = {text:?} is no workspace id; it is the T… in your workspace's address in the browser"
        ));
    }
    good.then(|| text.to_owned())
}

fn command(node: &Node<'_>) -> Option<String> {
    let text = node.word()?;
    let name = text.strip_prefix('/').unwrap_or_default();
    let good = (1..=31).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c));
    if !good {
        node.problem(format!(
            "command = {text:?} is no slash command; write \"/access\": small letters, at most 32"
        ));
    }
    good.then(|| text.to_owned())
}

fn api_url(node: &Node<'_>) -> Option<String> {
    let text = node.word()?;
    let good = reqwest::Url::parse(text).ok().filter(|url| {
        let here = match url.host_str() {
            Some("localhost" | "[::1]") => true,
            Some(host) => host
                .parse::<std::net::Ipv4Addr>()
                .is_ok_and(|ip| ip.is_loopback()),
            None => false,
        };
        url.scheme() == "https" || (url.scheme() == "http" && here)
    });
    if good.is_none() {
        node.problem(format!(
            "api_url = {text:?} is not usable; write an https address (plain http only on this machine)"
        ));
    }
    good.map(|_| text.trim_end_matches('/').to_owned())
}

fn domains(node: &Node<'_>) -> Vec<String> {
    let mut domains = Vec::new();
    for part in node.words() {
        let Some(domain) = part.word() else { continue };
        if domain.contains('@') || !domain.contains('.') {
            part.problem(format!(
                "email_domains holds {domain:?}; write the part after the @"
            ));
            continue;
        }
        domains.push(domain.to_lowercase());
    }
    domains
}
