//! The program under test.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::process::{Child, Command};

/// Longer than anything it lets come to an end.
const ENDING: Duration = Duration::from_secs(40);

pub struct Bot(Child);

impl Bot {
    pub fn start(config: &Path, log: &Path) -> Self {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log");
        let child = Command::new(env!("CARGO_BIN_EXE_latchkey"))
            .arg("serve")
            .arg("--config")
            .arg(config)
            .env("LATCHKEY_LOG", "info,latchkey=debug")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        Self(child)
    }

    /// SIGKILL, and waits until it is gone. The status it had ended with, if it had ended by itself.
    pub async fn kill(mut self) -> Option<String> {
        let before = self
            .0
            .try_wait()
            .expect("its status")
            .map(|status| status.to_string());
        self.0.kill().await.expect("it is killed");
        before
    }

    /// SIGTERM: whether it ended in order, and in time.
    pub async fn terminate(mut self) -> Result<(), String> {
        let id = self.0.id().ok_or("it had ended by itself")?;
        let sent = Command::new("kill").arg(id.to_string()).status().await;
        sent.map_err(|error| error.to_string())?;
        match tokio::time::timeout(ENDING, self.0.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(status.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("still there {} s after SIGTERM", ENDING.as_secs())),
        }
    }
}
