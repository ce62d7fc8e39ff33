//! RabbitMQ, the real thing: a private broker, or the user's own by `RABBITMQ_TEST_DSN`. The suite looks through its
//! administrator's HTTP API and through AMQP as the person.

mod amqp;
mod own;
mod server;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use latchkey::{
    providers::{ALL, Mark, Provider, Registration, ResourceRef, Setup, page::Against},
    secrets::Secret,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use self::{
    amqp::{Amqp, No},
    server::{Server, quoted},
};
use crate::{
    line::{Asked, Line},
    target::{
        Case, Cut, Cutting, Kind, Lacking, Named, Offer, Owned, Session, Setting, Standing, Target, Thing,
    },
};

const WRONG_PASSWORD: &str = "wr0ng-admin-pw";
const MONITOR: (&str, &str) = ("suite-monitor", "m0nitor-pw-1");

struct Rabbit {
    server: Arc<Server>,
    targets: AtomicU32,
}

pub async fn start() -> Result<Box<dyn Kind>, String> {
    let server = tokio::task::spawn_blocking(Server::start)
        .await
        .map_err(|error| error.to_string())??;
    Ok(Box::new(Rabbit {
        server: Arc::new(server),
        targets: AtomicU32::new(0),
    }))
}

impl Rabbit {
    async fn broker(&self) -> Broker {
        let n = self.targets.fetch_add(1, Ordering::Relaxed);
        let server = Arc::clone(&self.server);
        let (prod, cache) = (format!("t{n}-prod"), format!("t{n}-cache"));
        let before = Before::look(&server).await;
        server.make_vhost(&prod, "owner:team-a,eu").await;
        server.make_vhost(&cache, "").await;
        let line = Line::start(&server.origin, None).await;
        Broker {
            server,
            line,
            prod,
            cache,
            before,
        }
    }
}

#[async_trait]
impl Kind for Rabbit {
    async fn fresh(&self) -> Box<dyn Target> {
        Box::new(self.broker().await)
    }

    async fn against(&self) -> Against {
        let overview = self.server.get("/overview").await;
        let version = overview["rabbitmq_version"]
            .as_str()
            .unwrap_or("of a version it does not tell");
        Against::RealServer {
            name: format!("RabbitMQ {version}"),
        }
    }

    fn own_cases(&self) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
        own::cases(self)
    }

    async fn stop(&self) {}
}

/// What the broker had before a case: all else goes after it.
struct Before {
    users: BTreeSet<String>,
    vhosts: BTreeSet<String>,
}

impl Before {
    async fn look(server: &Server) -> Self {
        Self {
            users: names(&server.get("/users?columns=name").await),
            vhosts: names(&server.get("/vhosts?columns=name").await),
        }
    }
}

fn names(list: &Value) -> BTreeSet<String> {
    let name = |one: &Value| one["name"].as_str().map(str::to_owned);
    list.as_array().into_iter().flatten().filter_map(name).collect()
}

struct Broker {
    server: Arc<Server>,
    line: Line,
    prod: String,
    cache: String,
    before: Before,
}

fn thing(kind: &str, id: &[&str], permission: &str) -> Thing {
    Thing {
        at: ResourceRef {
            kind: kind.to_owned(),
            id: id.iter().map(|part| (*part).to_owned()).collect(),
            title: match kind {
                "management_tag" => "management-interface".to_owned(),
                _ => id.join("/"),
            },
        },
        permission: permission.to_owned(),
    }
}

impl Broker {
    fn build(&self, url: &str, installation: &str, who: (&str, &str)) -> Box<dyn Provider> {
        let amqp = format!("amqp://{}:{}", self.server.amqp.0, self.server.amqp.1);
        let config: toml::Table = [("url", url), ("amqp_url", &amqp)]
            .map(|(key, value)| (key.to_owned(), toml::Value::from(value)))
            .into_iter()
            .collect();
        let secret = BTreeMap::from([
            ("username".to_owned(), Secret::new(who.0)),
            ("password".to_owned(), Secret::new(who.1)),
        ]);
        let setup = Setup {
            mark: Mark::new(installation, "rabbitmq"),
            config,
            secret,
            base_dir: PathBuf::from("."),
        };
        (self.registration().build)(setup).unwrap_or_else(|error| panic!("build: {error}"))
    }

    fn admin(&self) -> (&str, &str) {
        (&self.server.admin, &self.server.password)
    }

    async fn enter(&self, login: &str, credential: &Secret, vhost: &str) -> Result<Amqp, No> {
        Amqp::connect(self.server.amqp(), login, credential.expose(), vhost).await
    }

    /// Whether the login's HTTP request is served, as it only is with a tag that allows it.
    async fn is_served(&self, login: &str, credential: &Secret, path: &str) -> bool {
        let who = (login, credential.expose());
        let (status, _) = self.server.asks(who, Method::GET, path, None).await;
        assert!(
            status.is_success() || status == StatusCode::UNAUTHORIZED,
            "{path}: {status}"
        );
        status.is_success()
    }
}

/// What each permission is for, tried as the person.
async fn try_it(amqp: &mut Amqp, thing: &Thing) -> Result<(), No> {
    let name = thing.at.id.get(1).map_or("", String::as_str);
    match (thing.at.kind.as_str(), thing.permission.as_str()) {
        ("vhost", "read") => amqp.get("orders").await,
        ("vhost", "write") => amqp.publish("events", "suite", b"x").await,
        ("vhost", "read-write") => {
            amqp.publish("events", "suite", b"x").await?;
            amqp.get("orders").await
        }
        ("vhost", "configure") => {
            amqp.declare_queue("made-by-the-suite").await?;
            amqp.delete_queue("made-by-the-suite").await
        }
        ("queue", "read") => amqp.get(name).await,
        // Binding takes two rights: the refusal names the one that is missing.
        ("queue", "write") => refused_for(amqp.bind(name, "events").await, "exchange"),
        ("queue", "read-write") => {
            refused_for(amqp.bind(name, "events").await, "exchange")?;
            amqp.get(name).await
        }
        ("exchange", "write" | "read-write") => amqp.publish(name, "suite", b"x").await,
        other => panic!("no way to try {other:?}"),
    }
}

/// Refused, but not for want of what was given.
fn refused_for(answer: Result<(), No>, what: &str) -> Result<(), No> {
    match answer {
        Err(No::Channel(text)) if text.contains(&format!("access to {what}")) => Ok(()),
        other => other,
    }
}

fn masked(asked: &Asked) -> String {
    let mut body: Value = match serde_json::from_str(&asked.body) {
        Ok(body) => body,
        Err(_) => return format!("{} {}", asked.method, asked.path),
    };
    if let Some(hash) = body.get_mut("password_hash")
        && hash != ""
    {
        *hash = json!("***");
    }
    format!("{} {} {body}", asked.method, asked.path)
}

#[async_trait]
impl Target for Broker {
    fn registration(&self) -> &'static Registration {
        ALL.iter().find(|one| one.kind == "rabbitmq").expect("registered")
    }

    fn mark(&self) -> Mark {
        Mark::new("suite", "rabbitmq")
    }

    fn offer(&self) -> Offer {
        let (prod, cache) = (self.prod.as_str(), self.cache.as_str());
        let tag = |permission| thing("management_tag", &["broker"], permission);
        Offer {
            read: thing("vhost", &[prod], "read"),
            write: thing("vhost", &[prod], "read-write"),
            other: thing("vhost", &[cache], "read"),
            nowhere: thing("vhost", &["no-such-vhost"], "read"),
            more: vec![
                thing("vhost", &[prod], "write"),
                thing("vhost", &[prod], "configure"),
                thing("queue", &[prod, "orders"], "read"),
                thing("queue", &[prod, "orders"], "write"),
                thing("queue", &[prod, "orders"], "read-write"),
                thing("exchange", &[prod, "events"], "write"),
                thing("exchange", &[prod, "events"], "read-write"),
                tag("management"),
                tag("monitoring"),
                tag("policymaker"),
            ],
        }
    }

    fn provider(&self, setting: Setting) -> Box<dyn Provider> {
        let url = &self.line.url;
        match setting {
            Setting::Usual => self.build(url, "suite", self.admin()),
            Setting::OtherInstallation => self.build(url, "another", self.admin()),
            Setting::WrongSecret => self.build(url, "suite", (&self.server.admin, WRONG_PASSWORD)),
            // The discard port: nobody listens.
            Setting::Down => self.build("http://127.0.0.1:9", "suite", self.admin()),
        }
    }

    fn own_secrets(&self) -> Vec<Secret> {
        [&self.server.password, WRONG_PASSWORD, MONITOR.1]
            .into_iter()
            .map(Secret::new)
            .collect()
    }

    async fn can(&self, login: &str, credential: &Secret, thing: &Thing) -> bool {
        if thing.at.kind == "management_tag" {
            let path = match thing.permission.as_str() {
                "monitoring" => "/nodes",
                "policymaker" => "/parameters",
                _ => "/overview",
            };
            return self.is_served(login, credential, path).await;
        }
        match self.enter(login, credential, &thing.at.id[0]).await {
            Ok(mut amqp) => {
                let can = try_it(&mut amqp, thing).await.is_ok();
                amqp.close().await;
                can
            }
            Err(_) => false,
        }
    }

    async fn can_log_in(&self, login: &str, credential: &Secret) -> bool {
        match Amqp::log_in(self.server.amqp(), login, credential.expose()).await {
            Ok(amqp) => {
                amqp.close().await;
                true
            }
            Err(No::Login) => false,
            Err(other) => panic!("neither let in nor refused: {other:?}"),
        }
    }

    /// A connection is in one virtual host: a session is one in each that lets the login in.
    async fn open_session(&self, login: &str, credential: &Secret) -> Option<Box<dyn Session>> {
        let mut connections = BTreeMap::new();
        for vhost in [&self.prod, &self.cache] {
            if let Ok(amqp) = self.enter(login, credential, vhost).await {
                connections.insert(vhost.clone(), amqp);
            }
        }
        assert!(!connections.is_empty(), "no virtual host lets {login} in");
        let server = Arc::clone(&self.server);
        Some(Box::new(Live { connections, server }))
    }

    async fn everything(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let list = |value: Value| value.as_array().cloned().unwrap_or_default();
        for user in list(self.server.get("/users").await) {
            let lock = if user["password_hash"] == "" {
                "shut"
            } else {
                "open"
            };
            all.insert(format!(
                "user {} is {lock}, {} {}",
                user["name"], user["tags"], user["limits"]
            ));
        }
        for path in [
            "/permissions",
            "/topic-permissions",
            "/vhosts?columns=name,tags,description",
            "/policies",
            "/parameters",
            "/global-parameters",
            "/user-limits",
            "/vhost-limits",
            "/bindings",
        ] {
            let lines = list(self.server.get(path).await);
            all.extend(lines.into_iter().map(|one| format!("{path} {one}")));
        }
        for path in ["/queues?columns=vhost,name", "/exchanges?columns=vhost,name"] {
            let lines = list(self.server.get(path).await);
            all.extend(lines.into_iter().map(|one| format!("{path} {one}")));
        }
        all
    }

    async fn ran(&self) -> Option<Vec<String>> {
        let asked = self.line.take_asked();
        let writes = asked.iter().filter(|asked| asked.method != Method::GET);
        // To find that what is to go is gone is to have it gone.
        let done = writes.filter(|asked| {
            asked.status.is_success()
                || (asked.method == Method::DELETE && asked.status == StatusCode::NOT_FOUND)
        });
        Some(done.map(masked).collect())
    }

    async fn cut_after(&self, nth: u32, cut: Cut) -> Cutting {
        let line = Arc::new(Line::start(&self.server.origin, Some((nth, cut))).await);
        Cutting {
            provider: self.build(&line.url, "suite", self.admin()),
            was_cut: Arc::new(move || line.was_cut()),
        }
    }

    async fn lacking(&self) -> Option<Lacking> {
        let user = json!({"password": MONITOR.1, "tags": "monitoring"});
        self.server
            .put(&format!("/users/{}", quoted(MONITOR.0)), user)
            .await;
        Some(Lacking {
            provider: self.build(&self.line.url, "suite", MONITOR),
            names: vec!["administrator".to_owned(), "monitoring".to_owned()],
        })
    }

    async fn someone(&self) -> Option<Standing> {
        None
    }

    async fn give_standing(&self, _login: &str, _thing: &Thing) {}

    async fn make_stranger(&self, login: &str) {
        let user = json!({"password": "Somebody-else-1", "tags": ""});
        self.server.put(&format!("/users/{}", quoted(login)), user).await;
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        let path = format!("/permissions/{}/{}", quoted(&self.prod), quoted(login));
        self.server.put(&path, all).await;
    }

    fn has_marks(&self) -> bool {
        false
    }

    async fn own_something(&self, _login: &str, _credential: &Secret) -> Option<Owned> {
        None
    }

    async fn owner_of(&self, _owned: &Owned) -> Option<String> {
        None
    }

    async fn vanish(&self, login: &str) {
        self.server.delete(&format!("/users/{}", quoted(login))).await;
    }

    async fn expiry(&self, _login: &str) -> Option<DateTime<Utc>> {
        None
    }

    async fn add_below(&self, _thing: &Thing) -> Option<Thing> {
        None
    }

    async fn break_part(&self) -> Option<()> {
        None
    }

    async fn mend_part(&self) {}

    async fn hostile(&self) -> Vec<Named> {
        let mut all = Vec::new();
        for name in HOSTILE {
            self.server.make_vhost(name, "").await;
            all.push(Named {
                why: "a hostile virtual host",
                thing: thing("vhost", &[name], "read"),
            });
            let name = name.to_owned();
            all.extend(self.with_queue_and_exchange(&name, "hostile").await);
        }
        all
    }

    async fn longest(&self) -> Vec<Named> {
        let long = "l".repeat(255);
        self.server.make_vhost(&long, "").await;
        let mut all = vec![Named {
            why: "a long virtual host",
            thing: thing("vhost", &[&long], "read"),
        }];
        // Every byte of it needs a backslash in the pattern and three bytes in the address.
        let escaped = ".".repeat(255);
        all.extend(self.with_queue_and_exchange(&escaped, "long").await);
        all
    }

    fn typed(&self) -> Vec<Named> {
        let names = [
            "nope",
            "",
            ".",
            "..",
            "../../users/admin",
            "orders\n",
            "orders|x",
            ".*",
            "%2e%2e",
            "orders?columns=name",
            "orders#",
            "ORDERS",
            "<script>",
        ];
        let long = "x".repeat(300);
        let queues = names.iter().copied().chain([long.as_str()]).map(|name| Named {
            why: "a typed queue",
            thing: thing("queue", &[&self.prod, name], "read"),
        });
        let exchanges = names.iter().map(|name| Named {
            why: "a typed exchange",
            thing: thing("exchange", &[&self.prod, name], "write"),
        });
        queues.chain(exchanges).collect()
    }

    async fn limit_pace(&self) -> bool {
        false
    }

    async fn dawdle(&self) -> bool {
        false
    }

    async fn hurry(&self) {}

    async fn done(&self) {
        let now = Before::look(&self.server).await;
        for user in now.users.difference(&self.before.users) {
            self.server.delete(&format!("/users/{}", quoted(user))).await;
        }
        for vhost in now.vhosts.difference(&self.before.vhosts) {
            self.server.delete(&format!("/vhosts/{}", quoted(vhost))).await;
        }
    }
}

const HOSTILE: [&str; 14] = [
    "a/b",
    "100% real?x=1#y&z",
    "'; DROP USER admin; --",
    ".*",
    "^$",
    "a|b",
    "(?#x).*",
    "[o]rders",
    "\\Qx\\E",
    "{0,9}+",
    "..%2f..",
    "ünïcode ☃ \u{202e}",
    "<each owner> {secret}",
    "\"quoted\" $(id) `id`",
];

impl Broker {
    async fn with_queue_and_exchange(&self, name: &str, how: &str) -> [Named; 2] {
        let vhost = quoted(&self.prod);
        let path = format!("/queues/{vhost}/{}", quoted(name));
        self.server.put(&path, json!({"durable": true})).await;
        let path = format!("/exchanges/{vhost}/{}", quoted(name));
        self.server.put(&path, json!({"type": "topic"})).await;
        let why = |hostile, long| if how == "hostile" { hostile } else { long };
        [
            Named {
                why: why("a hostile queue", "a long queue"),
                thing: thing("queue", &[&self.prod, name], "read"),
            },
            Named {
                why: why("a hostile exchange", "a long exchange"),
                thing: thing("exchange", &[&self.prod, name], "write"),
            },
        ]
    }
}

/// Connections that stay, each with a consumer once it was asked to read.
struct Live {
    connections: BTreeMap<String, Amqp>,
    server: Arc<Server>,
}

/// A consumer that may receive does so at once; one that may not is waited for this long.
const DELIVERY: Duration = Duration::from_secs(2);

#[async_trait]
impl Session for Live {
    async fn alive(&mut self) -> bool {
        let mut alive = false;
        for amqp in self.connections.values_mut() {
            alive |= amqp.is_alive().await;
        }
        alive
    }

    /// Reading is to go on receiving: a consumer that was begun once is never begun again.
    async fn can(&mut self, thing: &Thing) -> bool {
        let vhost = &thing.at.id[0];
        let Some(amqp) = self.connections.get_mut(vhost) else {
            return false;
        };
        if thing.permission != "read" {
            return try_it(amqp, thing).await.is_ok();
        }
        if !amqp.is_consuming() && amqp.consume("orders").await.is_err() {
            return false;
        }
        let message = format!("message {:016x}", rand::random::<u64>());
        self.server.publish(vhost, "orders", &message).await;
        amqp.receives(message.as_bytes(), DELIVERY).await
    }
}
