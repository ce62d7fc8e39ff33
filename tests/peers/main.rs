//! Vendors' own clients hold our fakes to their word: Python `slack_sdk` and Node `@slack/*` our Slack-compatible server,
//! `vertica-python` our fake Vertica, `elasticsearch` and `opensearch-py` our simulated clusters, Python's own HTTP library our
//! Atlas-compatible organization; and somebody else's client of Snowflake's SQL API our fake Snowflake.
//!
//! Without the clients (`tests/run peers` installs them) their checks are skipped by name. `peers --serve` runs the
//! server with its page until stopped, for work on either by hand.

mod atlas;
mod clusters;
mod endpoint;
#[path = "../providers/search/mod.rs"]
#[expect(dead_code, reason = "the suite `providers` uses the rest")]
mod search;
mod snowflake;
mod tds;
mod vertica;

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use latchkey::demo::slack::{
    self, FakeChannel, FakeGroup, FakePerson, Guest, Options, Rates, RequestUrls, SlackServer, Transport,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

#[derive(Default)]
struct Score {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Score {
    fn skip(&mut self, name: &str, why: &str) {
        println!("skipped {name}: {why}");
        self.skipped += 1;
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    latchkey::install_crypto();
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|w| w == "--list") {
        return ExitCode::SUCCESS;
    }
    if words.iter().any(|w| w == "--serve") {
        return serve().await;
    }
    let mut score = Score::default();
    python(&mut score).await;
    signed(&mut score).await;
    to_us(&mut score).await;
    node(&mut score).await;
    atlas::check(&mut score).await;
    clusters::check(&mut score).await;
    vertica::check(&mut score).await;
    tds::python_tds(&mut score).await;
    tds::our_client(&mut score).await;
    snowflake::check(&mut score).await;
    println!(
        "peers: {} passed, {} failed, {} skipped",
        score.passed, score.failed, score.skipped
    );
    if score.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The workspace all checks act in.
fn workspace() -> Options {
    let mut gone = FakePerson::member("U0GONE", "gone", "Gone Long");
    gone.deleted = true;
    let mut guest = FakePerson::member("U0GUEST", "guest", "Guest Only");
    guest.guest = Guest::SingleChannel;
    let mut unsure = FakePerson::member("U0UNSURE", "unsure", "Unsure Address");
    unsure.email_confirmed = false;
    let mut people = vec![gone, guest, unsure];
    for (id, name, real_name, title) in [
        ("U0ANN", "ann", "Ann Archer", "asks"),
        ("U0BOB", "bob", "Bob Baker", "owns prod"),
        ("U0EVE", "eve", "Eve Eden", "votes second"),
        ("U0JOE", "joe", "Joe Jones", "is the admin"),
    ] {
        people.push(FakePerson {
            title: title.into(),
            ..FakePerson::member(id, name, real_name)
        });
    }
    let channel = |id: &str, name: &str| FakeChannel::public(id, name, &["U0ANN", "U0BOB", "U0EVE"]);
    Options {
        channels: vec![
            channel("C0DBA", "dba"),
            FakeChannel {
                has_app: false,
                ..channel("C0OPEN", "open")
            },
            FakeChannel {
                has_app: false,
                is_private: true,
                ..channel("C0SECRET", "secret")
            },
            FakeChannel {
                is_ext_shared: true,
                ..channel("C0SHARED", "shared")
            },
        ],
        groups: Some(vec![FakeGroup {
            id: "S0ENG".into(),
            handle: "engineering".into(),
            name: "Engineering".into(),
            members: vec!["U0ANN".into(), "U0BOB".into()],
            disabled: false,
        }]),
        rates: Rates::Off,
        ..Options::new(people)
    }
}

async fn serve() -> ExitCode {
    let port = std::env::args()
        .skip_while(|a| a != "--serve")
        .nth(1)
        .and_then(|p| p.parse().ok())
        .unwrap_or(0);
    let first_lines = [(
        "U0ANN".to_owned(),
        "/access redis-cloud prod 1m cache misses".to_owned(),
    )]
    .into();
    let panels = match panel_url() {
        Some(url) => vec![slack::Panel {
            title: "Redis Cloud".into(),
            url,
        }],
        None => Vec::new(),
    };
    match slack::start(Options {
        port,
        first_lines,
        panels,
        ..workspace()
    })
    .await
    {
        Ok(server) => {
            println!("{}", server.url);
            std::future::pending().await
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "test runner: tools and addresses come from tests/run"
)]
fn from_environment(name: &str) -> Option<PathBuf> {
    std::env::var(name)
        .ok()
        .filter(|v| !v.is_empty())
        .map(PathBuf::from)
}

fn panel_url() -> Option<String> {
    from_environment("LATCHKEY_TEST_PANEL").map(|p| p.to_string_lossy().into_owned())
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers")
        .join(name)
}

async fn python(score: &mut Score) {
    let Some(python) = from_environment("LATCHKEY_TEST_PYTHON") else {
        return score.skip("python slack_sdk", "no Python with tests/peers/requirements.txt");
    };
    let Some(server) = start(score, "python slack_sdk", workspace()).await else {
        return;
    };
    let mut command = Command::new(python);
    command.arg(script("client.py"));
    run(score, "python slack_sdk", command, &server).await;
}

async fn signed(score: &mut Score) {
    let Some(python) = from_environment("LATCHKEY_TEST_PYTHON") else {
        return score.skip(
            "python SignatureVerifier",
            "no Python with tests/peers/requirements.txt",
        );
    };
    let port = free_port();
    let urls = RequestUrls::all(&format!("http://127.0.0.1:{port}/"));
    let options = Options {
        transport: Transport::Http(urls),
        ..workspace()
    };
    let Some(server) = start(score, "python SignatureVerifier", options).await else {
        return;
    };
    let mut command = Command::new(python);
    command.arg(script("receiver.py")).arg(port.to_string());
    run(score, "python SignatureVerifier", command, &server).await;
}

/// The bot's own endpoint takes what slack_sdk signed, refuses everything else, and acts on a replay once.
async fn to_us(score: &mut Score) {
    const NAME: &str = "python SignatureVerifier, to us";
    let Some(python) = from_environment("LATCHKEY_TEST_PYTHON") else {
        return score.skip(NAME, "no Python with tests/peers/requirements.txt");
    };
    let Some(server) = start(score, NAME, workspace()).await else {
        return;
    };
    let secret = "demo-only-not-a-secret";
    let endpoint = match endpoint::Endpoint::start(&server, secret).await {
        Ok(endpoint) => endpoint,
        Err(error) => {
            println!("FAILED {NAME}: {error}");
            score.failed += 1;
            return;
        }
    };
    let mut command = Command::new(python);
    command
        .arg(script("sender.py"))
        .arg(&endpoint.url)
        .env("SLACK_SIGNING_SECRET", secret);
    run(score, NAME, command, &server).await;
    // Two good ones, and the replayed one once: nothing that was refused got as far as the bot.
    let (replays, commands) = (endpoint.acted_on("replay."), endpoint.commands());
    if replays == 1 && commands == 3 {
        println!("ok {NAME}: a replay acts once, a refused one never");
        score.passed += 1;
    } else {
        println!("FAILED {NAME}: a replay acted {replays} times, {commands} commands came through");
        score.failed += 1;
    }
}

async fn node(score: &mut Score) {
    let Some(packages) = from_environment("LATCHKEY_TEST_NODE") else {
        return score.skip(
            "node @slack/socket-mode",
            "no folder with the packages of tests/peers/package.json",
        );
    };
    let Some(server) = start(score, "node @slack/socket-mode", workspace()).await else {
        return;
    };
    let mut command = Command::new("node");
    command.arg(script("client.mjs")).env("NODE_PACKAGES", &packages);
    run(score, "node @slack/socket-mode", command, &server).await;
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shapes.json");
    match std::fs::write(&file, samples(&server).to_string()) {
        Ok(()) => {
            let mut command = Command::new("node");
            command
                .arg(script("shape.mjs"))
                .arg(&file)
                .env("NODE_PACKAGES", &packages);
            run(score, "node @slack/types", command, &server).await;
        }
        Err(error) => {
            println!("FAILED node @slack/types: {error}");
            score.failed += 1;
        }
    }
}

/// What the server accepted, for `shape.mjs`: it must not be laxer than Slack's own types.
fn samples(server: &SlackServer) -> Value {
    let accepted = server
        .calls()
        .into_iter()
        .filter(|call| call.answered == "ok")
        .enumerate();
    let samples = accepted.filter_map(|(n, call)| {
        let key = ["blocks", "view"]
            .into_iter()
            .find(|key| call.body.get(*key).is_some())?;
        // Form-encoded calls carry structures as strings of JSON.
        let value = match &call.body[key] {
            Value::String(text) => serde_json::from_str(text).ok()?,
            other => other.clone(),
        };
        Some(json!({"name": format!("shape of what {} took, call {n}", call.method), key: value}))
    });
    samples.collect()
}

fn free_port() -> u16 {
    let bound = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    bound.map(|a| a.port()).unwrap_or(38_471)
}

async fn start(score: &mut Score, name: &str, options: Options) -> Option<SlackServer> {
    match slack::start(options).await {
        Ok(server) => Some(server),
        Err(error) => {
            println!("FAILED {name}: the server did not start: {error}");
            score.failed += 1;
            None
        }
    }
}

/// Runs a client to its end and counts its `ok` and `FAILED` lines. One that says nothing has failed.
async fn run(score: &mut Score, name: &str, mut command: Command, server: &SlackServer) {
    let defaults = Options::new(Vec::new());
    command
        .env("SLACK_URL", &server.url)
        .env("SLACK_BOT_TOKEN", &defaults.bot_token)
        .env("SLACK_APP_TOKEN", &defaults.app_token)
        .env("SLACK_SIGNING_SECRET", &defaults.signing_secret)
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    watch(score, name, command).await;
}

/// Follows a client to its end.
async fn watch(score: &mut Score, name: &str, mut command: Command) {
    let before = (score.passed, score.failed);
    let ended = tokio::time::timeout(Duration::from_secs(120), follow(score, &mut command)).await;
    let why = match ended {
        Ok(Ok(true)) if score.passed > before.0 => return,
        Ok(Ok(false)) if score.failed > before.1 => return,
        Ok(Ok(_)) => "it ended without a word".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it was still running after two minutes".to_owned(),
    };
    println!("FAILED {name}: {why}");
    score.failed += 1;
}

/// Answers whether it ended well.
async fn follow(score: &mut Score, command: &mut Command) -> std::io::Result<bool> {
    let mut child = command.spawn()?;
    let Some(out) = child.stdout.take() else {
        return Ok(false);
    };
    let mut lines = BufReader::new(out).lines();
    while let Some(line) = lines.next_line().await? {
        println!("{line}");
        score.passed += usize::from(line.starts_with("ok "));
        score.failed += usize::from(line.starts_with("FAILED "));
    }
    Ok(child.wait().await?.success())
}
