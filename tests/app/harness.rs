//! A whole Latchkey in a test: real store, real Slack adapter against the Slack-compatible server, real providers
//! against the Redis-Cloud-compatible one. Time is moved by hand; the test ticks.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use latchkey::{
    app::App,
    chat::slack::{SlackChat, SlackSettings, Socket, SocketSettings},
    clock::{Clock, ManualClock},
    config,
    demo::{
        redis_cloud::{self, Delays, Simulator},
        slack::{self, Actor, FakeChannel, FakeGroup, FakePerson, SlackServer},
    },
    metrics::Metrics,
    providers,
    reconcile::Loop,
    secrets::Secret,
    serve::{Parts, assemble, handle},
    store::{OpenOptions, SledStore, records::due_of},
    workflow::upkeep,
};
use tempfile::TempDir;
use tracing_subscriber::EnvFilter;

/// Long enough for a busy machine; nothing waits so long unless it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The file most stories run with: ann asks, group dba (bob, eve) owns what its tag says, joe answers for the rest.
pub const CONFIG: &str = r##"
installation = "test"
time_zone = "Europe/Berlin"
admins = ["joe"]
admin_channel = "slack:C0ADMIN"
store = { path = "data" }
http = { listen = "127.0.0.1:0" }

[slack]
team = "T0TEAM"
bot_token = "env:SLACK_BOT_TOKEN"
app_token = "env:SLACK_APP_TOKEN"
api_url = "SLACK_API"

[people]
ann = { email = "ann@example.com" }
bob = { email = "bob@example.com" }
eve = { email = "eve@example.com" }
joe = { email = "joe@example.com" }

[groups]
engineering = { slack_group = "S0ENG" }
dba = { members = ["bob", "eve"] }

[[integration]]
name = "redis-cloud"
kind = "redis-cloud"
base_url = "REDIS_URL"
secret = { api_key = "env:REDIS_API_KEY", secret_key = "env:REDIS_USER_KEY" }
discover = { types = ["database"] }
credential_rotation_days = 90
user_cleanup_days = 30
custom_access_details = "VPN first."
integration_owner = { people = ["joe"] }
resource_owner = { key = "owner", attribute = "group" }
settles_in = "1s"
per_minute = 100000
settle_seconds = 0
poll_seconds = 0.01

[[access_flow]]
name = "developers"
requesters = { groups = ["engineering"] }
targets = [{ integration = "redis-cloud", permissions = ["read", "read-write"] }]
approvers = ["owner"]
max_duration = "8h"
"##;

pub struct World {
    pub slack: SlackServer,
    pub redis: Simulator,
    pub app: Arc<App>,
    pub clock: Arc<ManualClock>,
    ticker: Loop,
    socket: Option<Socket>,
    pub chat: Arc<SlackChat>,
    pub text: String,
    /// Last: the store goes before its directory.
    pub dir: TempDir,
}

pub struct Setup {
    pub config: String,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            config: CONFIG.into(),
        }
    }
}

impl Setup {
    /// The usual file with one text replaced.
    pub fn with(mut self, old: &str, new: &str) -> Self {
        assert!(self.config.contains(old), "the configuration does not say {old}");
        self.config = self.config.replace(old, new);
        self
    }

    pub async fn start(self) -> World {
        World::start(self.config).await
    }
}

pub fn people() -> Vec<FakePerson> {
    vec![
        FakePerson::member("U0ANN", "ann", "Ann"),
        FakePerson::member("U0BOB", "bob", "Bob"),
        FakePerson::member("U0EVE", "eve", "Eve"),
        FakePerson::member("U0JOE", "joe", "Joe"),
        FakePerson::member("U0ZED", "zed", "Zed"),
    ]
}

fn start_of_time() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a time")
}

impl World {
    async fn start(config: String) -> Self {
        latchkey::install_crypto();
        // `RUST_LOG=latchkey=debug` shows what the bot says while a story runs.
        drop(
            tracing_subscriber::fmt()
                .with_env_filter(EnvFilter::from_default_env())
                .with_test_writer()
                .try_init(),
        );
        let clock = Arc::new(ManualClock::new(start_of_time()));
        let time = clock.clone();
        let mut options = slack::Options::new(people());
        options.time = Arc::new(move || time.now());
        options.groups = Some(vec![FakeGroup {
            id: "S0ENG".into(),
            handle: "engineering".into(),
            name: "Engineering".into(),
            members: vec!["U0ANN".into(), "U0BOB".into()],
            disabled: false,
        }]);
        options.channels = vec![FakeChannel::public("C0ADMIN", "admins", &["U0JOE"])];
        let slack = slack::start(options).await.expect("the chat starts");
        let mut account = redis_cloud::Options::team();
        account.delays = Delays::SHORT;
        let redis = redis_cloud::start(account).await.expect("the simulator starts");
        let dir = tempfile::tempdir().expect("a directory");
        let text = config
            .replace("SLACK_API", &slack.api_base())
            .replace("REDIS_URL", &redis.url);
        let (app, chat) = open(&dir, &text, &clock).await;
        let mut world = Self {
            slack,
            redis,
            ticker: Loop::new(app.clone()),
            app,
            clock,
            dir,
            socket: None,
            chat,
            text,
        };
        world.connect().await;
        world.settle().await;
        world
    }

    async fn connect(&mut self) {
        let token = Secret::new("xapp-demo-only-not-a-token");
        let socket =
            Arc::clone(&self.chat).start_socket(token, handle(self.app.clone()), SocketSettings::default());
        socket.connected().await;
        self.socket = Some(socket);
    }

    /// The process dies and another one starts on the same store.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start_again().await;
    }

    /// The process is gone; nobody holds the store.
    pub async fn stop(&mut self) {
        if let Some(socket) = self.socket.take() {
            socket.stop().await;
        }
        // Everything that holds the store has to go before it can be opened again.
        let placeholder = tempfile::tempdir().expect("a directory");
        let (empty, chat) = open(&placeholder, &self.text, &self.clock).await;
        self.ticker = Loop::new(empty.clone());
        self.app = empty;
        self.chat = chat;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    pub async fn start_again(&mut self) {
        let (app, chat) = open(&self.dir, &self.text, &self.clock).await;
        self.ticker = Loop::new(app.clone());
        self.app = app;
        self.chat = chat;
        self.connect().await;
    }

    /// Works until nothing is due, and what waits for a target is done.
    pub async fn settle(&mut self) {
        for _ in 0..40 {
            self.ticker.settle().await.expect("the loop works");
            let calm = self.slack.quiet(Duration::from_millis(20), PATIENCE).await;
            assert!(calm, "the chat does not come to rest");
            if self.at_rest().await {
                return;
            }
            self.clock.advance(TimeDelta::seconds(1));
        }
    }

    /// Whether nothing is due within the next seconds.
    async fn at_rest(&self) -> bool {
        let soon = self.clock.now() + TimeDelta::seconds(3);
        for lane in self.app.store.lanes().await.expect("lanes") {
            if !self.app.store.due(&lane, soon, 1).await.expect("due").is_empty() {
                return false;
            }
        }
        true
    }

    /// Time passes, and the loop with it.
    pub async fn advance(&mut self, by: TimeDelta) {
        self.clock.advance(by);
        upkeep::pass(&self.app).await.expect("upkeep works");
        self.settle().await;
    }

    pub fn person(&self, name: &str) -> Actor {
        self.slack.person(name)
    }

    /// Who presses what, and what follows.
    pub async fn press(&mut self, name: &str, label: &str) {
        let pressed = self.person(name).clicks(label).await;
        pressed.unwrap_or_else(|error| {
            panic!(
                "{name} cannot press {label}: {error}\n{}",
                self.person(name).screen()
            )
        });
        self.settle().await;
    }

    /// What is answered to a typed line, privately.
    pub async fn say(&mut self, name: &str, line: &str) -> String {
        let person = self.person(name);
        let answer = person
            .types(line)
            .await
            .unwrap_or_else(|error| panic!("{name} types {line}: {error}"));
        let text = match answer {
            Some(message) => person.as_text(&message),
            None => String::new(),
        };
        self.settle().await;
        text
    }

    /// The newest message to somebody that holds these words, as they read it.
    pub fn reads(&self, name: &str, words: &str) -> String {
        let person = self.person(name);
        let found = person
            .messages()
            .into_iter()
            .rev()
            .map(|m| person.as_text(&m))
            .find(|text| text.contains(words));
        found.unwrap_or_else(|| panic!("{name} reads nothing with {words:?}:\n{}", person.screen()))
    }

    pub fn reads_not(&self, name: &str, words: &str) {
        let person = self.person(name);
        let found = person
            .messages()
            .into_iter()
            .map(|m| person.as_text(&m))
            .find(|text| text.contains(words));
        assert!(found.is_none(), "{name} should not read {words:?}: {found:?}");
    }

    /// Logins of ours in the simulated account, with their role.
    pub fn logins(&self) -> Vec<(String, String)> {
        self.redis.handle.logins("jit_")
    }

    /// What a modal shows under a label.
    pub fn modal_value(&self, name: &str, label: &str) -> String {
        let text = self
            .person(name)
            .modal_text()
            .unwrap_or_else(|| panic!("{name} sees no modal"));
        let mut lines = text.lines().skip_while(|line| !line.contains(label));
        let first = lines
            .next()
            .unwrap_or_else(|| panic!("no {label} in\n{text}"))
            .to_owned();
        let rest = first
            .split(label)
            .nth(1)
            .unwrap_or_default()
            .trim_matches([':', ' ', '`'])
            .to_owned();
        if rest.is_empty() {
            lines
                .next()
                .unwrap_or_default()
                .trim_matches([' ', '`'])
                .to_owned()
        } else {
            rest
        }
    }
}

async fn open(dir: &TempDir, text: &str, clock: &Arc<ManualClock>) -> (Arc<App>, Arc<SlackChat>) {
    let path: PathBuf = dir.path().join("latchkey.toml");
    std::fs::write(&path, text).expect("the configuration is written");
    let config = config::parse("latchkey.toml", text, dir.path(), providers::ALL)
        .unwrap_or_else(|problems| panic!("the test's configuration: {problems}"));
    let mut options = OpenOptions::new(&config.store.path, due_of, clock.now());
    options.ballast = 0;
    options.low_space = 0;
    options.on_poison = Arc::new(|why| eprintln!("the store is poisoned: {why}"));
    let store = SledStore::open(options).await.expect("the store opens");
    let time = clock.clone();
    let mut settings = SlackSettings::new(
        "T0TEAM",
        Secret::new("xoxb-demo-only-not-a-token"),
        Arc::new(move || time.now()),
    );
    settings.api_url = config.slack.as_ref().expect("slack").api_url.clone();
    settings.pace = Duration::ZERO;
    let chat = SlackChat::new(settings).expect("the adapter");
    let environment: BTreeMap<String, String> = [
        ("REDIS_API_KEY", "demo-account-key"),
        ("REDIS_USER_KEY", "demo-owner-key"),
        ("PG_USER", "admin"),
        ("PG_PASSWORD", "admin-pw-1"),
        ("SLACK_BOT_TOKEN", "xoxb-demo-only-not-a-token"),
        ("SLACK_APP_TOKEN", "xapp-demo-only-not-a-token"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect();
    let parts = Parts {
        config,
        store,
        clock: clock.clone(),
        chats: vec![chat.clone()],
        metrics: Arc::new(Metrics::new()),
        environment: Arc::new(environment),
    };
    (assemble(parts).await.expect("it assembles"), chat)
}
