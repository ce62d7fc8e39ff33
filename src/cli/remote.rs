//! Commands that the running bot carries out.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{place, table};
use crate::control::{self, ControlRequest, Said, Unanswered};

/// How the command was given.
pub struct Terminal {
    pub config: PathBuf,
    pub json: bool,
}

impl Terminal {
    /// Has the bot do it, and prints what it answered.
    pub async fn ask(&self, request: ControlRequest) -> anyhow::Result<ExitCode> {
        let value = self.answer(&request).await?;
        if self.json {
            print(&format!("{value}\n"));
        } else {
            print(&for_people(&request, value).context("this bot is of another version than this command")?);
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn answer(&self, request: &ControlRequest) -> anyhow::Result<Value> {
        let place = place::read(&self.config)?;
        match control::ask(&place.store, request).await {
            Ok(value) => Ok(value),
            // What only reads is answered from the store itself, with nobody else at it.
            Err(Unanswered::NotRunning(_)) if only_reads(request) => {
                crate::serve::alone(&self.config, request.clone(), control::me()).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Prints a value for machines, or words for people.
    pub fn say(&self, value: &impl serde::Serialize, words: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json {
            print(&format!("{}\n", serde_json::to_string(value)?));
        } else {
            print(&words());
        }
        Ok(())
    }
}

/// A reader that went away (`| head`) is no failure.
pub fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

fn only_reads(request: &ControlRequest) -> bool {
    match request {
        ControlRequest::Requests { .. }
        | ControlRequest::Leases { .. }
        | ControlRequest::Accounts { .. }
        | ControlRequest::Integrations
        | ControlRequest::Stuck
        | ControlRequest::Audit(_)
        | ControlRequest::Explain { .. } => true,
        ControlRequest::Status
        | ControlRequest::Discover { .. }
        | ControlRequest::Revoke { .. }
        | ControlRequest::Approve { .. }
        | ControlRequest::TestCard { .. }
        | ControlRequest::Reload
        | ControlRequest::Resume
        | ControlRequest::Backup { .. } => false,
    }
}

fn for_people(request: &ControlRequest, value: Value) -> serde_json::Result<String> {
    match request {
        ControlRequest::Status => show(value, table::status),
        ControlRequest::Requests { .. } => show(value, table::requests),
        ControlRequest::Leases { .. } => show(value, table::leases),
        ControlRequest::Accounts { .. } => show(value, table::accounts),
        ControlRequest::Integrations => show(value, table::integrations),
        ControlRequest::Stuck => show(value, table::stuck),
        ControlRequest::Audit(_) => show(value, table::audit),
        ControlRequest::Explain { .. } => show(value, table::explanation),
        ControlRequest::Discover { .. }
        | ControlRequest::Revoke { .. }
        | ControlRequest::Approve { .. }
        | ControlRequest::TestCard { .. }
        | ControlRequest::Reload
        | ControlRequest::Resume
        | ControlRequest::Backup { .. } => {
            show(value, |said: Said| format!("{}\n", table::lines(&said.said)))
        }
    }
}

fn show<T: DeserializeOwned>(value: Value, words: fn(T) -> String) -> serde_json::Result<String> {
    serde_json::from_value(value).map(words)
}
