//! Commands that need no running bot.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;

use super::{
    place,
    remote::{Terminal, print},
    table::{self, plain},
    when,
};
use crate::{
    check::{self, RealDoors},
    config,
    control::{self, ControlRequest, Said, Unanswered},
    http, init,
    providers::{self, page},
    secrets::ProcessEnvironment,
    store::{
        backup::{self as copies, Restored},
        chain,
    },
};

/// By the running bot, so that its latest commits are in it; from the journal where none runs.
pub async fn backup(terminal: &Terminal, to: PathBuf) -> anyhow::Result<ExitCode> {
    let place = place::read(&terminal.config)?;
    // The bot stands in another directory.
    let to = std::path::absolute(&to).with_context(|| format!("{} has no place", to.display()))?;
    let asked = control::ask(&place.store, &ControlRequest::Backup { to: to.clone() }).await;
    match asked {
        Ok(value) => {
            let said: Said = serde_json::from_value(value).context("this bot is of another version")?;
            terminal.say(&said, || format!("{}\n", plain(&said.said)))?;
        }
        Err(Unanswered::NotRunning(_)) => {
            let made = copies::backup(&place.store, &to)?;
            terminal.say(&made, || {
                format!(
                    "{} holds the store up to entry {}; SHA-256 {}\n",
                    to.display(),
                    made.seq,
                    made.sha256
                )
            })?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}

pub fn restore(terminal: &Terminal, from: &Path) -> anyhow::Result<ExitCode> {
    let place = place::read(&terminal.config)?;
    let restored = copies::restore(from, &place.store, when::now())?;
    terminal.say(&restored, || {
        let how = match &restored {
            Restored::FromSurvivingJournal { seq } => format!(
                "The journal in {} survived and knows more than the backup: it is used, up to entry {seq}.",
                place.store.display()
            ),
            Restored::FromBackup { seq, epoch } => format!(
                "{} was made from the backup, up to entry {seq}; epoch {epoch} begins. What happened after it is not known.",
                place.store.display()
            ),
        };
        format!("{how}\nStart the bot: it revokes what ends and grants nothing until: latchkey resume\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

pub fn export(terminal: &Terminal, to: &Path) -> anyhow::Result<ExitCode> {
    let place = place::read(&terminal.config)?;
    let sha256 = chain::export(&place.store, to)?;
    terminal.say(&serde_json::json!({ "file": to, "sha256": sha256 }), || {
        format!("{} holds the store; SHA-256 {sha256}\n", to.display())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Exit code 1 where something is not as it was written, for cron.
pub fn audit_verify(terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let place = place::read(&terminal.config)?;
    let report = chain::verify(&place.store)?;
    terminal.say(&report, || match &report.broken {
        None => format!(
            "Whole: {} entries in {} lines, up to {}; head {}{}\n",
            report.audit_entries,
            report.lines,
            report.seq,
            report.head,
            match report.torn_bytes {
                0 => String::new(),
                bytes => format!("; then {bytes} bytes of a line that was never finished"),
            }
        ),
        Some(what) => format!("BROKEN after entry {}: {}\n", report.seq, plain(what)),
    })?;
    Ok(if report.broken.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

pub async fn health(terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let place = place::read(&terminal.config)?;
    http::probe(place.listen).await?;
    terminal.say(&serde_json::json!({ "healthy": true }), || "ok\n".into())?;
    Ok(ExitCode::SUCCESS)
}

/// Every kind of system, from the same source as README's pages.
pub fn providers(terminal: &Terminal, markdown: bool) -> anyhow::Result<ExitCode> {
    let pages = page::pages(providers::ALL);
    if markdown {
        print(&page::markdown(providers::ALL));
        return Ok(ExitCode::SUCCESS);
    }
    terminal.say(&pages, || table::providers(&pages))?;
    Ok(ExitCode::SUCCESS)
}

/// Exit code 1 where something has to be fixed.
pub async fn check(terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let doors = RealDoors {
        environment: ProcessEnvironment,
        clock: std::sync::Arc::new(when::now),
    };
    let report = check::check(&terminal.config, &doors).await;
    terminal.say(&report, || report.to_string())?;
    Ok(if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

pub fn init(what: &[String]) -> anyhow::Result<ExitCode> {
    let text = init::init(what, providers::ALL).map_err(anyhow::Error::msg)?;
    print(&text);
    Ok(ExitCode::SUCCESS)
}

/// As the configuration wants the app; where there is none yet, or it is not ready, as most do.
pub fn manifest(terminal: &Terminal, chat: &str) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(chat == "slack", "{chat} is not known; there is slack");
    let config = config::read(&terminal.config).ok();
    let slack = config.as_ref().and_then(|config| config.slack.as_ref());
    let command = slack.map_or("/access", |slack| slack.command.as_str());
    let reach = config.as_ref().map_or(init::Reach::Socket, init::Reach::of);
    print(&format!("{:#}\n", init::slack_manifest(command, &reach)));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
#[path = "local_test.rs"]
mod tests;
