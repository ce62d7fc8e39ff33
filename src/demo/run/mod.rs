//! `latchkey demo`: the product itself, run against the two stand-ins. Only base URLs and the configuration differ.

mod check;
mod local;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub use self::local::With;
use self::local::{Local, Panels};

use super::{
    redis_cloud::{self, Delays, Simulator},
    slack::{self, FakeChannel, FakeGroup, FakePerson, Panel, SlackServer},
};
use crate::serve::Bot;

/// What `latchkey demo` was given.
#[derive(Debug)]
pub struct DemoArgs {
    /// Walk through the main job without a browser, and say whether every step really happened.
    pub check: bool,
    /// 0: any that is free.
    pub port: u16,
    /// Real servers to start beside the Redis-Cloud-compatible one.
    pub with: Vec<With>,
}

/// What stands in ann's message box.
const LINE: &str = "/access redis-cloud prod 1m cache misses";

/// A running demo. Its files go when it does.
struct Demo {
    slack: SlackServer,
    redis: Simulator,
    bot: Bot,
    stop: CancellationToken,
    /// Stopped before the directory goes that they work in.
    locals: Arc<Vec<Local>>,
    _dir: TempDir,
}

/// Runs the demo until it is interrupted; with `check` it ends by itself, and with an error if a step did not happen.
pub async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let demo = Demo::start(&args).await?;
    let done = if args.check {
        check::walk(&demo).await
    } else {
        #[expect(clippy::print_stdout, reason = "the one line that the demo is started for")]
        {
            println!(
                "Open {}  ann asks, bob owns prod, eve votes second, joe is the admin; {LINE:?} is typed in. All local, nothing kept.",
                demo.slack.url
            );
        }
        interrupted().await
    };
    demo.stop.cancel();
    demo.bot.ended().await?;
    done
}

async fn interrupted() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        done = tokio::signal::ctrl_c() => done?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

impl Demo {
    async fn start(args: &DemoArgs) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("latchkey-demo-")
            .tempdir()
            .context("a directory for the demo")?;
        open_to_servers(dir.path());
        let mut locals = Vec::new();
        for (n, with) in args.with.iter().enumerate() {
            if !args.with[..n].contains(with) {
                locals.push(Local::start(*with, dir.path()).await?);
            }
        }
        let locals = Arc::new(locals);
        let panels = Panels::start(Arc::clone(&locals)).await?;
        let mut account = redis_cloud::Options::team();
        account.delays = if args.check { Delays::SHORT } else { Delays::DEMO };
        let redis = redis_cloud::start(account)
            .await
            .context("start the Redis-Cloud-compatible server")?;
        let mut options = slack::Options::new(people());
        options.port = args.port;
        options.channels = vec![FakeChannel::public("C0ADMIN", "access-admins", &["U0JOE"])];
        options.groups = Some(vec![FakeGroup {
            id: "S0ENG".into(),
            handle: "engineering".into(),
            name: "Engineering".into(),
            members: vec!["U0ANN".into(), "U0BOB".into(), "U0EVE".into()],
            disabled: false,
        }]);
        options.first_lines = BTreeMap::from([("U0ANN".to_owned(), LINE.to_owned())]);
        options.panels = vec![Panel {
            title: "Redis Cloud, as it really is".into(),
            url: format!("{}/_sim/state", redis.origin),
        }];
        options.panels.extend(locals.iter().map(|local| Panel {
            title: format!("{}, as it really is", local.title()),
            url: panels.url(local),
        }));
        let slack = slack::start(options)
            .await
            .context("start the Slack-compatible server")?;
        let file = dir.path().join("latchkey.toml");
        write_files(dir.path(), &file, &slack, &redis, &locals, args.check)?;
        let stop = CancellationToken::new();
        let bot = Bot::start(&file, stop.clone()).await?;
        anyhow::ensure!(
            slack.until_connected(1, Duration::from_secs(20)).await,
            "the bot did not connect to the chat"
        );
        Ok(Self {
            slack,
            redis,
            bot,
            stop,
            locals,
            _dir: dir,
        })
    }
}

/// A database server drops root and must get at its files. What is secret is closed by its own mode.
fn open_to_servers(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if let Err(error) = std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o711)) {
        tracing::warn!(%error, "the demo's directory cannot be opened to its servers");
    }
}

fn people() -> Vec<FakePerson> {
    let person = |id: &str, name: &str, real: &str, title: &str| {
        let mut person = FakePerson::member(id, name, real);
        person.title = title.into();
        person
    };
    vec![
        person("U0ANN", "ann", "Ann Archer", "asks for access"),
        person("U0BOB", "bob", "Bob Baker", "owns prod (group dba)"),
        person("U0EVE", "eve", "Eve Evans", "group dba; votes second"),
        person("U0JOE", "joe", "Joe Jones", "admin; answers for redis-cloud"),
    ]
}

/// The files a real team would write: one configuration, and secrets that only their owner can read.
fn write_files(
    dir: &Path,
    file: &Path,
    slack: &SlackServer,
    redis: &Simulator,
    locals: &[Local],
    check: bool,
) -> anyhow::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let secret = |name: &str, text: &str| -> anyhow::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(dir.join(name))?;
        Ok(file.write_all(text.as_bytes())?)
    };
    secret("bot-token", "xoxb-demo-only-not-a-token")?;
    secret("app-token", "xapp-demo-only-not-a-token")?;
    secret(
        "redis.json",
        r#"{"api_key": "demo-account-key", "secret_key": "demo-owner-key"}"#,
    )?;
    for local in locals {
        let (name, text) = local.secret();
        secret(&name, &text)?;
    }
    let targets = locals.iter().map(|local| {
        let name = local.integration();
        format!(r#"{{ integration = "{name}", permissions = ["read", "read-write"] }}, "#)
    });
    let integrations: String = locals.iter().map(Local::config).collect();
    let text = include_str!("demo.toml")
        .replace("{slack}", &slack.api_base())
        .replace("{redis}", &redis.url)
        .replace("{integrations}", &integrations)
        .replace("{targets}", &targets.collect::<String>())
        // Leases of seconds, which only this allows.
        .replace("{default}", if check { "4s" } else { "1h" });
    std::fs::write(file, text).context("write the demo's configuration")
}
