//! What survives the kills: the chat, the two targets, and the files of the bot.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use latchkey::{
    control::{self, ControlRequest},
    demo::{
        redis_cloud::{self, Delays, Simulator},
        slack::{self, FakeChannel, FakeGroup, FakePerson, SlackServer},
    },
};
use tempfile::TempDir;

use crate::{
    child::Bot,
    server::{ADMIN, ADMIN_PASSWORD, Server},
};

pub const PATIENCE: Duration = Duration::from_secs(60);

pub const REQUESTERS: usize = 12;
/// Who decides about what: (integration, resource) → Slack names.
pub const TARGETS: &[Target] = &[
    Target {
        integration: "redis-cloud",
        resource: "prod",
        deciders: &["bob", "eve"],
    },
    Target {
        integration: "redis-cloud",
        resource: "cache",
        deciders: &["joe"],
    },
    Target {
        integration: "pg",
        resource: "orders",
        deciders: &["kim", "lee", "max"],
    },
    Target {
        integration: "pg",
        resource: "billing",
        deciders: &["kim", "lee", "max"],
    },
];

pub struct Target {
    pub integration: &'static str,
    pub resource: &'static str,
    pub deciders: &'static [&'static str],
}

pub struct World {
    pub slack: SlackServer,
    pub redis: Simulator,
    pub postgres: Option<Server>,
    pub dir: TempDir,
}

impl World {
    pub async fn start() -> Self {
        let postgres = match Server::start() {
            Ok(server) => {
                server.run(ADMIN_DATABASE, "CREATE DATABASE orders").await;
                server.run(ADMIN_DATABASE, "CREATE DATABASE billing").await;
                for database in ["orders", "billing"] {
                    server.run(database, "CREATE TABLE items (id int)").await;
                }
                Some(server)
            }
            Err(why) => {
                println!("SKIPPED kill/postgresql: {why}");
                None
            }
        };
        let world = Self {
            slack: slack::start(chat()).await.expect("the chat starts"),
            redis: redis_cloud::start(account()).await.expect("the simulator starts"),
            postgres,
            dir: tempfile::tempdir().expect("a directory"),
        };
        world.write_files();
        world
    }

    pub fn targets(&self) -> impl Iterator<Item = &'static Target> {
        let has_postgres = self.postgres.is_some();
        TARGETS
            .iter()
            .filter(move |target| has_postgres || target.integration != "pg")
    }

    pub fn store(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn log(&self) -> PathBuf {
        self.dir.path().join("latchkey.log")
    }

    pub fn start_bot(&self) -> Bot {
        Bot::start(&self.dir.path().join("latchkey.toml"), &self.log())
    }

    pub async fn connected(&self) {
        if !self.slack.until_connected(1, PATIENCE).await {
            panic!("the bot does not connect:\n{}", self.tail());
        }
    }

    /// Kills the bot, and waits until the chat has noticed.
    pub async fn kill(&self, bot: Bot) {
        if let Some(status) = bot.kill().await {
            panic!("the bot ended by itself ({status}):\n{}", self.tail());
        }
        let gone = self
            .slack
            .until(PATIENCE, |slack| (slack.connected() == 0).then_some(()));
        gone.await.expect("the chat notices");
    }

    pub async fn ask(&self, request: ControlRequest) -> Result<serde_json::Value, control::Unanswered> {
        control::ask(&self.store(), &request).await
    }

    pub async fn until_catalogued(&self) {
        let person = self.slack.person("r00");
        let begun = std::time::Instant::now();
        loop {
            let seen = match person.types("/access catalog").await {
                Ok(Some(message)) => person.as_text(&message),
                Ok(None) | Err(_) => String::new(),
            };
            if self.targets().all(|target| seen.contains(target.resource)) {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "the catalogue is not there: {seen}\n{}",
                self.tail()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The end of the bot's log.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("DEBUG")).collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn write_files(&self) {
        let path = self.dir.path();
        secret(path, "bot-token", "xoxb-demo-only-not-a-token");
        secret(path, "app-token", "xapp-demo-only-not-a-token");
        secret(
            path,
            "redis.json",
            r#"{"api_key": "demo-account-key", "secret_key": "demo-owner-key"}"#,
        );
        secret(
            path,
            "pg.json",
            &format!(r#"{{"username": "{ADMIN}", "password": "{ADMIN_PASSWORD}"}}"#),
        );
        let mut text = include_str!("latchkey.toml")
            .replace("{slack}", &self.slack.api_base())
            .replace("{redis}", &self.redis.url);
        if let Some(server) = &self.postgres {
            text += &include_str!("pg.toml").replace("{port}", &server.port.to_string());
        }
        std::fs::write(path.join("latchkey.toml"), text).expect("the configuration is written");
    }
}

pub const ADMIN_DATABASE: &str = "postgres";

fn secret(dir: &Path, name: &str, text: &str) {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut options = std::fs::OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(dir.join(name));
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .expect("a secret is written");
}

pub fn requester(number: usize) -> String {
    format!("r{number:02}")
}

fn id(name: &str) -> String {
    format!("U0{}", name.to_uppercase())
}

fn chat() -> slack::Options {
    let requesters: Vec<String> = (0..REQUESTERS).map(requester).collect();
    let deciders = ["bob", "eve", "joe", "kim", "lee", "max"].map(str::to_owned);
    let people = requesters.iter().chain(&deciders);
    let mut options = slack::Options::new(
        people
            .map(|name| FakePerson::member(&id(name), name, name))
            .collect(),
    );
    options.channels = vec![FakeChannel::public("C0ADMIN", "admins", &["U0JOE"])];
    options.groups = Some(vec![FakeGroup {
        id: "S0ENG".into(),
        handle: "engineering".into(),
        name: "Engineering".into(),
        members: requesters.iter().map(|name| id(name)).collect(),
        disabled: false,
    }]);
    options
}

/// Slow enough that kills fall between its steps.
fn account() -> redis_cloud::Options {
    let mut account = redis_cloud::Options::team();
    account.delays = Delays {
        hidden: Duration::from_millis(5),
        queued: Duration::from_millis(10),
        working: Duration::from_millis(25),
        calm: Duration::from_millis(5),
        flapping: Duration::from_millis(20),
    };
    account
}
