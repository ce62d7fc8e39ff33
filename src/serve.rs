//! `latchkey serve`.

use std::path::{Path, PathBuf};

use crate::control::{Caller, ControlRequest};

/// What `latchkey serve` was given.
#[derive(Debug)]
pub struct ServeArgs {
    pub config: PathBuf,
}

/// Runs the bot until it is asked to end.
pub async fn run(_args: ServeArgs) -> anyhow::Result<()> {
    anyhow::bail!("serve is not wired yet")
}

/// Answers a request that only reads, with no bot running, from the store and the integrations.
pub async fn alone(
    _config: &Path,
    _request: ControlRequest,
    _caller: Caller,
) -> anyhow::Result<serde_json::Value> {
    anyhow::bail!("no bot is running")
}
