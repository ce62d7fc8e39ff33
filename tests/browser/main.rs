//! Starts `latchkey demo` and hands its address to `tests/browser/run`, which uses the page in headless Chromium.

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How long the demo may take to print its address.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    let demo = Command::new(env!("CARGO_BIN_EXE_latchkey"))
        .arg("demo")
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut demo = match demo {
        Ok(demo) => demo,
        Err(error) => return fail(&format!("the demo did not start: {error}")),
    };
    let Some(url) = address(&mut demo).await else {
        return fail("the demo printed no address");
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/run");
    let ended = Command::new(script).arg(&url).stdin(Stdio::null()).status().await;
    drop(demo.kill().await);
    match ended {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => fail(&format!("tests/browser/run did not run: {error}")),
    }
}

fn fail(why: &str) -> ExitCode {
    println!("FAILED page: {why}\nbrowser: 0 passed, 1 failed, 0 skipped");
    ExitCode::FAILURE
}

/// The first address of this machine in what the demo prints. Its output is read on, so that it never blocks.
async fn address(demo: &mut Child) -> Option<String> {
    let mut lines = BufReader::new(demo.stdout.take()?).lines();
    let found = tokio::time::timeout(STARTS_WITHIN, async {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(at) = line.find("http://127.0.0.1:") {
                let rest = &line[at..];
                return Some(rest.split_whitespace().next().unwrap_or(rest).to_owned());
            }
        }
        None
    });
    let url = found.await.ok().flatten();
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    url
}
