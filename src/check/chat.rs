//! Tokens, channels, people and groups of Slack.

use std::collections::BTreeSet;

use super::{Doors, Report};
use crate::{
    chat::{Chat, ChatErrorKind},
    config::{Config, GroupConfig, MOST_MESSAGES, PersonConfig, SlackConfig, SlackMode},
    domain::{
        ChatProfile, ChatStanding,
        policy::{Approval, Approver, Notify},
    },
    secrets::{Reference, Secret, Sources},
};

pub(super) async fn slack(
    report: &mut Report,
    config: &Config,
    slack: &SlackConfig,
    sources: &Sources<'_>,
    doors: &dyn Doors,
) {
    app_side(report, slack, sources, doors).await;
    let Some(token) = secret(report, "bot_token", &slack.bot_token, sources) else {
        return;
    };
    let chat = match doors.slack(slack, token) {
        Ok(chat) => chat,
        Err(error) => return report.fix(format!("slack: {error}")),
    };
    match chat.check().await {
        Ok((team, bot)) if team == slack.team => report.ok(format!("slack: workspace {team}, bot {bot}")),
        Ok((team, _)) => {
            return report.fix(format!(
                "slack: the bot token is of workspace {team}, not {}; correct team or bot_token",
                slack.team
            ));
        }
        // Nothing else can be asked.
        Err(error) => return report.fix(format!("slack: {error}; check bot_token")),
    }
    for channel in channels(config) {
        self::channel(report, &*chat, &channel).await;
    }
    people(report, config, &*chat).await;
    for (name, group) in &config.groups {
        if let GroupConfig::SlackGroup(id) = group {
            self::group(report, config, &*chat, name, id).await;
        }
    }
}

fn secret(report: &mut Report, key: &str, reference: &Reference, sources: &Sources<'_>) -> Option<Secret> {
    match sources.read(reference) {
        Ok(secret) => Some(secret),
        Err(error) => {
            report.fix(format!("slack {key}: {error}"));
            None
        }
    }
}

/// How Slack reaches us.
async fn app_side(report: &mut Report, slack: &SlackConfig, sources: &Sources<'_>, doors: &dyn Doors) {
    match &slack.mode {
        SlackMode::Socket { app_token } => {
            let Some(token) = secret(report, "app_token", app_token, sources) else {
                return;
            };
            match doors.socket(slack, &token).await {
                Ok(()) => report.ok("slack: socket mode"),
                Err(error) => report.fix(format!(
                    "slack: no socket can be opened: {error}; app_token has to be an app-level token (xapp-…) with connections:write, and socket mode on"
                )),
            }
        }
        SlackMode::Http { signing_secret } => {
            if secret(report, "signing_secret", signing_secret, sources).is_some() {
                report.ok("slack: http mode; whether Slack reaches us shows when somebody types the command");
            }
        }
    }
}

fn channels(config: &Config) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = config
        .admin_channel
        .iter()
        .map(|place| place.channel.clone())
        .collect();
    for flow in &config.flows {
        all.extend(flow.channel.iter().map(|place| place.channel.clone()));
        for notify in &flow.notify {
            match notify {
                Notify::Owner => {}
                Notify::Channel(place) => {
                    all.insert(place.channel.clone());
                }
            }
        }
    }
    all
}

async fn channel(report: &mut Report, chat: &dyn Chat, id: &str) {
    let what = format!("slack channel {id}");
    match chat.channel(id).await {
        Ok(channel) if channel.shared_outside => report.fix(format!(
            "{what}: people of another organisation can see it, so nothing is ever posted there; choose another"
        )),
        Ok(channel) if !channel.member => report.fix(format!("{what}: the bot is not a member; type /invite @latchkey there")),
        Ok(channel) => report.ok(format!("{what}: #{}", channel.name)),
        Err(error) if error.kind == ChatErrorKind::Gone => report.fix(format!(
            "{what}: there is none the bot can see; correct the id, or type /invite @latchkey there"
        )),
        Err(error) => report.fix(format!("{what}: {error}")),
    }
}

async fn people(report: &mut Report, config: &Config, chat: &dyn Chat) {
    let mut found = 0;
    for (name, person) in &config.people {
        let guests = config.slack.as_ref().is_some_and(|slack| slack.allow_guests);
        match look(chat, person).await {
            Ok(Some(profile)) => match profile.standing {
                ChatStanding::Member => found += 1,
                ChatStanding::Guest if guests => found += 1,
                ChatStanding::Guest => report.warn(format!(
                    "person {name}: is a guest and may do nothing; allow_guests = true changes that"
                )),
                ChatStanding::Bot => report.warn(format!(
                    "person {name}: is a bot and may do nothing; correct [people]"
                )),
                ChatStanding::Deactivated => report.warn(format!(
                    "person {name}: is deactivated; remove them from the file"
                )),
                ChatStanding::Stranger => report.warn(format!(
                    "person {name}: is of another workspace and may do nothing"
                )),
            },
            Ok(None) => report.fix(format!(
                "person {name}: nobody in Slack is found by {}; correct it, or write slack = \"U…\"",
                person
                    .slack
                    .as_deref()
                    .or(person.email.as_deref())
                    .unwrap_or("anything")
            )),
            Err(why) => return report.fix(format!("people: Slack does not tell who they are: {why}")),
        }
    }
    if found > 0 {
        report.ok(format!(
            "people: {found} of {} found in Slack",
            config.people.len()
        ));
    }
}

async fn look(chat: &dyn Chat, person: &PersonConfig) -> Result<Option<ChatProfile>, String> {
    let answer = match (&person.slack, &person.email) {
        (Some(id), _) => chat.profile(id).await.map(Some),
        (None, Some(email)) => chat.find_person(email).await,
        (None, None) => Ok(None),
    };
    match answer {
        Ok(profile) => Ok(profile),
        Err(error) if error.kind == ChatErrorKind::Gone => Ok(None),
        Err(error) => Err(error.message),
    }
}

async fn group(report: &mut Report, config: &Config, chat: &dyn Chat, name: &str, id: &str) {
    match chat.group(id).await {
        Ok(ids) if ids.is_empty() => report.warn(format!("group {name}: nobody is in it")),
        Ok(ids) => {
            report.ok(format!("group {name}: {} in Slack's {id}", ids.len()));
            let asked = |approver: &Approver| matches!(approver, Approver::Group(group) if group == name);
            for flow in &config.flows {
                let Approval::By { approvers, .. } = &flow.approval else { continue };
                if ids.len() > MOST_MESSAGES && flow.channel.is_none() && approvers.iter().any(asked) {
                    report.warn(format!(
                        "access flow {}: group {name} has {} people, but only {MOST_MESSAGES} get a message each; give it a channel",
                        flow.name,
                        ids.len()
                    ));
                }
            }
        }
        Err(error) => report.fix(format!("group {name}: cannot be read, so nobody is in it: {error}; user groups need a paid plan and usergroups:read")),
    }
}
