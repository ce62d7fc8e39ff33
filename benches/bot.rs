//! How the bot keeps up: the answer to a command over signed HTTP, and the loop among many sleeping leases.
//! `cargo bench --bench bot [SLEEPING]` (a million by default; about 2 GB of disk under the temporary directory).

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{TimeDelta, Utc};
use latchkey::{
    app::App,
    chat::slack::{SlackChat, SlackSettings},
    clock::{Clock, MachineClock},
    config,
    demo::{redis_cloud, slack},
    domain::{
        ApprovalThen, Decision, EndReason, Ended, FlowThen, Grounds, Kind, Lease, Length, Permission,
        PersonId, Purpose, Request, RequestId, ResourceRef, ShortCode, Verb,
    },
    metrics::Metrics,
    providers,
    reconcile::Loop,
    secrets::Secret,
    serve::{Parts, assemble, handle},
    store::{Commit, Expect, OpenOptions, SledStore, Store, Write, records::due_of, typed::Record},
};

const A_SECOND: usize = 200;
const SECONDS: usize = 10;
const DUE: usize = 10_000;
const BATCH: usize = 500;

fn main() {
    latchkey::install_crypto();
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run(dir.path()));
    // The store closes with the last task that holds it, and its directory goes after that.
    drop(runtime);
}

async fn run(dir: &Path) {
    let sleeping = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(1_000_000);
    let world = World::start(A_SECOND * SECONDS, dir).await;
    world.acks().await;
    world.lag(0, "with nothing asleep").await;
    let alone = world.lag(0, "again").await;
    world.sleep(sleeping).await;
    let among = world.lag(sleeping, "among them").await;
    let ratio = among.as_secs_f64() / alone.as_secs_f64();
    goal(
        &format!("{DUE} due among {sleeping} asleep against {DUE} alone: ratio {ratio:.2}"),
        "< 2, no full scan",
        ratio < 2.0,
    );
    let begun = Instant::now();
    let mut idle = Loop::new(world.app.clone());
    let started = idle.tick().await.expect("a pass");
    println!(
        "a pass with {sleeping} asleep and {started} due: {:.2} ms",
        begun.elapsed().as_secs_f64() * 1e3
    );
}

fn goal(what: &str, wanted: &str, met: bool) {
    println!("{what} (goal {wanted}) {}", if met { "met" } else { "MISSED" });
}

struct World {
    app: Arc<App>,
    store: Arc<SledStore>,
    url: String,
    people: usize,
    _slack: slack::SlackServer,
    _redis: redis_cloud::Simulator,
}

impl World {
    async fn start(people: usize, dir: &Path) -> Self {
        let members: Vec<slack::FakePerson> = (0..people)
            .map(|n| slack::FakePerson::member(&user(n), &format!("p{n}"), &format!("P {n}")))
            .collect();
        let mut options = slack::Options::new(members);
        options.record = slack::Record::Nothing;
        options.groups = Some(vec![slack::FakeGroup {
            id: "S0ENG".into(),
            handle: "eng".into(),
            name: "Eng".into(),
            members: (0..people).map(user).collect(),
            disabled: false,
        }]);
        let slack = slack::start(options).await.expect("the chat");
        let redis = redis_cloud::start(redis_cloud::Options::team())
            .await
            .expect("the simulator");
        let text = CONFIG
            .replace("{slack}", &slack.api_base())
            .replace("{redis}", &redis.url);
        let config = config::parse("bench.toml", &text, dir, providers::ALL).expect("the configuration");
        let clock: Arc<dyn Clock> = Arc::new(MachineClock::new(None));
        let store = SledStore::open(OpenOptions::new(&config.store.path, due_of, clock.now()))
            .await
            .expect("the store");
        let time = clock.clone();
        let mut settings = SlackSettings::new(
            "T0TEAM",
            Secret::new("xoxb-demo-only-not-a-token"),
            Arc::new(move || time.now()),
        );
        settings.api_url = slack.api_base();
        settings.pace = Duration::ZERO;
        let chat = SlackChat::new(settings).expect("the adapter");
        let environment: BTreeMap<String, String> = [
            ("A", "demo-account-key"),
            ("U", "demo-owner-key"),
            ("B", "b"),
            ("S", "s"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let parts = Parts {
            config,
            store: store.clone(),
            clock: clock.clone(),
            chats: vec![chat.clone()],
            metrics: Arc::new(Metrics::new()),
            environment: Arc::new(environment),
        };
        let app = assemble(parts).await.expect("it assembles");
        Loop::new(app.clone()).settle().await.expect("discovery");
        let routes = chat.routes(
            Secret::new("s"),
            handle(app.clone()),
            Arc::new(move || clock.now()),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!(
            "http://{}/slack/commands",
            listener.local_addr().expect("an address")
        );
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            app,
            store,
            url,
            people,
            _slack: slack,
            _redis: redis,
        }
    }

    /// The first listing of resources may still be under way when the loop rests.
    async fn until_there_is_something_to_ask_for(&self, client: &reqwest::Client) {
        let mut ticker = Loop::new(self.app.clone());
        // Each a delivery of its own: the length of the line tells them apart.
        for blanks in 1..200 {
            ticker.settle().await.expect("the loop");
            let line = format!("catalog{}", "+".repeat(blanks));
            if self.command(client, 0, &line).await.contains("prod") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing was discovered in ten seconds");
    }

    /// Everybody once, a few at a time: the chat's own limits allow no two thousand new people in ten seconds.
    async fn meet_everybody(&self, client: &reqwest::Client) {
        for first in (0..self.people).step_by(20) {
            let asks = (first..self.people.min(first + 20)).map(|n| self.command(client, n, "help"));
            for told in futures_util::future::join_all(asks).await {
                assert!(told.contains("mine"), "no help, but: {told}");
            }
        }
    }

    /// One signed command; what was said in its answer.
    fn command(
        &self,
        client: &reqwest::Client,
        n: usize,
        text: &str,
    ) -> impl Future<Output = String> + use<> {
        let body = format!(
            "team_id=T0TEAM&user_id={}&command=%2Faccess&text={text}&trigger_id={}.{n}&channel_id=D1\
             &response_url=http%3A%2F%2F127.0.0.1%3A9%2Fx&api_app_id=A0LATCHKEY",
            user(n),
            // Two commands of one person are two deliveries.
            text.len()
        );
        #[expect(clippy::disallowed_methods, reason = "a signature carries the machine's time")]
        let now = Utc::now().timestamp().to_string();
        let request = client
            .post(&self.url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-slack-signature", slack::sign("s", &now, &body))
            .header("x-slack-request-timestamp", now)
            .body(body);
        async move {
            request
                .send()
                .await
                .expect("an answer")
                .text()
                .await
                .expect("a body")
        }
    }

    /// Every person asks once; each answer comes after its commit.
    async fn acks(&self) {
        let client = reqwest::Client::new();
        self.until_there_is_something_to_ask_for(&client).await;
        self.meet_everybody(&client).await;
        let begun = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..self.people {
            let due = Duration::from_secs_f64(n as f64 / A_SECOND as f64);
            tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
            let command = self.command(&client, n, "redis-cloud+prod+read+2h+bench");
            tasks.spawn(async move {
                let begun = Instant::now();
                let told = command.await;
                assert!(told.contains("Asked"), "not asked, but told: {told}");
                begun.elapsed()
            });
        }
        let mut took = Vec::new();
        while let Some(done) = tasks.join_next().await {
            took.push(done.expect("a command that became a request"));
        }
        took.sort();
        let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
        println!(
            "{} commands at {A_SECOND}/s, each a durable request before its answer",
            took.len()
        );
        let what = format!("answers: p50 {:.1} ms, p99 {:.1} ms", at(0.5), at(0.99));
        goal(&what, "p99 < 50 ms", at(0.99) < 50.0);
    }

    /// Puts leases to sleep that end a year from now.
    async fn sleep(&self, count: usize) {
        let begun = Instant::now();
        self.put("sleep", count, |lease, now| {
            lease.granted_at = Some(now);
            lease.expires_at = now + TimeDelta::days(365);
        })
        .await;
        println!(
            "{count} leases put to sleep in {:.0} s",
            begun.elapsed().as_secs_f64()
        );
    }

    /// How long the loop takes for what is due: leases that ended before anything was given, each closed by a commit.
    async fn lag(&self, sleeping: usize, name: &str) -> Duration {
        let spell = format!("due{sleeping}{name}");
        self.put(&spell, DUE, |lease, now| {
            lease.ended = Some(Ended {
                at: now,
                why: EndReason::Cancelled,
            });
        })
        .await;
        let begun = Instant::now();
        let mut ticker = Loop::new(self.app.clone());
        while self.open(&spell).await {
            ticker.settle().await.expect("the loop");
        }
        println!(
            "{DUE} ended leases closed {name}: {:.2} s",
            begun.elapsed().as_secs_f64()
        );
        begun.elapsed()
    }

    async fn open(&self, spell: &str) -> bool {
        let lanes = self.store.lanes().await.expect("lanes");
        let now = self.app.now();
        for lane in lanes {
            let due = self.store.due(&lane, now, 1).await.expect("due");
            if due.iter().any(|entry| entry.key.kind == Kind::Lease) {
                return true;
            }
        }
        let _ = spell;
        false
    }

    async fn put(&self, spell: &str, count: usize, shape: impl Fn(&mut Lease, chrono::DateTime<Utc>)) {
        let now = self.app.now();
        let mut writes = Vec::new();
        for n in 0..count {
            let mut lease = lease(&format!("{spell}-{n}"), now);
            shape(&mut lease, now);
            writes.push(Write {
                key: lease.key(),
                expect: Expect::Absent,
                value: Some(serde_json::to_vec(&lease).expect("JSON")),
            });
            if writes.len() == BATCH || n + 1 == count {
                let commit = Commit {
                    id: format!("{spell}-{n}"),
                    now,
                    writes: std::mem::take(&mut writes),
                    audit: Vec::new(),
                };
                self.store.commit(commit).await.expect("a commit");
            }
        }
    }
}

fn user(n: usize) -> String {
    format!("U{n:07}")
}

/// A lease as an approval makes it.
fn lease(delivery: &str, now: chrono::DateTime<Utc>) -> Lease {
    let requester = PersonId(format!(
        "p{}",
        latchkey::domain::name::short_hash(&[delivery], 12)
    ));
    let id = RequestId::of_delivery(&requester, delivery);
    let request = Request {
        code: ShortCode::of_request(&id, 0),
        id,
        purpose: Purpose::Access,
        requester,
        requester_name: "p".into(),
        integration: "redis-cloud".into(),
        resource: ResourceRef {
            kind: "database".into(),
            id: vec!["1".into()],
            title: "prod".into(),
        },
        tags: BTreeMap::new(),
        permission: Permission {
            name: "Read-Only".into(),
            also: vec![],
            about: String::new(),
            dangerous: false,
        },
        length: Length::For(7200),
        reason: String::new(),
        flow: FlowThen {
            name: "f".into(),
            digest: String::new(),
            approval: ApprovalThen::Automatic,
            channel: None,
            max_seconds: 7200,
        },
        asked_in: None,
        asked_at: now,
        decide_by: now,
        electors: vec![],
        votes: vec![],
        decision: Some(Decision {
            what: Verb::Approved,
            by: "f".into(),
            by_person: None,
            reason: None,
            at: now,
        }),
        lease: None,
        revision: 1,
        subject_revision: 1,
        forget_at: None,
    };
    let grounds = Grounds {
        now,
        target_id: "1001".into(),
        scope: String::new(),
        start_within: TimeDelta::minutes(10),
    };
    Lease::of(&request, grounds).expect("an approved request")
}

const CONFIG: &str = r#"
installation = "bench"
admins = ["p0"]
store = { path = "data" }
http = { listen = "127.0.0.1:0" }
[slack]
mode = "http"
team = "T0TEAM"
bot_token = "env:B"
signing_secret = "env:S"
api_url = "{slack}"
[people]
p0 = { email = "p0@example.com" }
p1 = { email = "p1@example.com" }
[groups]
eng = { slack_group = "S0ENG" }
[[integration]]
name = "redis-cloud"
kind = "redis-cloud"
base_url = "{redis}"
secret = { api_key = "env:A", secret_key = "env:U" }
integration_owner = { people = ["p0"] }
per_minute = 100000
settle_seconds = 0
poll_seconds = 0.01
[[access_flow]]
name = "f"
requesters = { groups = ["eng"] }
targets = [{ integration = "redis-cloud" }]
approvers = ["person:p0", "person:p1"]
"#;
