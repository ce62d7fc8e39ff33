//! Real servers beside the demo (`--with postgresql`): private ones, on loopback, gone with the demo.

mod mariadb;
mod panel;
mod postgresql;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::Context;
use clap::ValueEnum;

pub(super) use panel::Panels;

/// Kinds of system that can be started here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum With {
    /// Debian's package mariadb-server-core
    Mariadb,
    /// Debian's package postgresql
    Postgresql,
}

/// What the scripts share.
const LIB: &str = include_str!("../../../../tests/servers/lib.sh");

/// What the demo needs to know of a kind.
struct About {
    title: &'static str,
    /// Starts one: `script DIR PORT`, says "ready", and stops it when its input closes.
    script: &'static str,
    /// Its integration in the demo.
    integration: &'static str,
    /// What ann asks for, the least permission on it, and what that lets her do.
    resource: &'static str,
}

impl With {
    const fn about(self) -> &'static About {
        match self {
            Self::Mariadb => &mariadb::ABOUT,
            Self::Postgresql => &postgresql::ABOUT,
        }
    }
}

/// A running server. It stops with this value, even if the process is killed: the script waits on our pipe.
pub(super) struct Local {
    pub with: With,
    child: Child,
    place: PathBuf,
    port: u16,
    admin_password: String,
}

impl Local {
    /// Starts it and fills it with something to ask for.
    ///
    /// # Errors
    /// What to install, where the server is not on this machine.
    pub async fn start(with: With, dir: &Path) -> anyhow::Result<Self> {
        let about = with.about();
        let dir = dir.join(about.integration);
        let started = tokio::task::spawn_blocking(move || Self::launch(with, &dir)).await?;
        let local = started.with_context(|| format!("start {}", about.title))?;
        match with {
            With::Mariadb => mariadb::fill(&local).await,
            With::Postgresql => postgresql::fill(&local).await,
        }
        .with_context(|| format!("fill {}", about.title))?;
        Ok(local)
    }

    fn launch(with: With, dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let script = dir.join("start.sh");
        std::fs::write(&script, with.about().script)?;
        std::fs::write(dir.join("lib.sh"), LIB)?;
        let admin_password = format!("{:032x}", rand::random::<u128>());
        let mut said = String::new();
        // A free port may be taken by the time it is used.
        for _ in 0..3 {
            let port = std::net::TcpListener::bind(("127.0.0.1", 0))?
                .local_addr()?
                .port();
            let place = dir.join(port.to_string());
            let mut child = Command::new("bash")
                .arg(&script)
                .arg(&place)
                .arg(port.to_string())
                .env("TEST_ADMIN_PASSWORD", &admin_password)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .context("bash is needed")?;
            let mut line = String::new();
            if let Some(out) = child.stdout.take() {
                BufReader::new(out).read_line(&mut line)?;
            }
            if line.trim() == "ready" {
                return Ok(Self {
                    with,
                    child,
                    place,
                    port,
                    admin_password,
                });
            }
            let out = child.wait_with_output()?;
            said = String::from_utf8_lossy(&out.stderr).trim().to_owned();
        }
        anyhow::bail!("{said}")
    }

    pub fn title(&self) -> &'static str {
        self.with.about().title
    }

    /// What follows `/access`, without a duration.
    pub fn wish(&self) -> String {
        let about = self.with.about();
        format!("{} {} read", about.integration, about.resource)
    }

    pub fn integration(&self) -> &'static str {
        self.with.about().integration
    }

    /// Its `[[integration]]`; the secret goes into a file of its own.
    pub fn config(&self) -> String {
        match self.with {
            With::Mariadb => mariadb::config(self),
            With::Postgresql => postgresql::config(self),
        }
    }

    /// Name and content of the file with the connector's secret.
    pub fn secret(&self) -> (String, String) {
        let secret = serde_json::json!({ "username": "admin", "password": self.admin_password });
        (format!("{}.json", self.integration()), secret.to_string())
    }

    /// Whether somebody gets in with this credential and may read what was asked for. The error says that they did not get in.
    pub async fn reads(&self, user: &str, password: &str) -> anyhow::Result<bool> {
        match self.with {
            With::Mariadb => mariadb::reads(self, user, password).await,
            With::Postgresql => postgresql::reads(self, user, password).await,
        }
    }

    /// Its logins and who is in, for eyes.
    async fn state(&self) -> anyhow::Result<serde_json::Value> {
        match self.with {
            With::Mariadb => mariadb::state(self).await,
            With::Postgresql => postgresql::state(self).await,
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // The script stops the server and ends; there is nothing to do about one that does not.
        drop(self.child.wait());
    }
}
