//! People at work: they ask, vote, deny, look at credentials, finish, extend and take back, until the bot is killed. Only what
//! they were answered goes into the ledger.

use std::time::Duration;

use latchkey::{
    demo::{
        redis_cloud::Handle,
        slack::{Actor, Message},
    },
    domain::Verdict,
};
use rand::{
    Rng, SeedableRng,
    rngs::StdRng,
    seq::{IndexedRandom, SliceRandom},
};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    ledger::{Asked, Ledger, Session, SessionKind, Shown, Voted},
    world::{REQUESTERS, TARGETS, Target, World, requester},
};

/// Each has requesters of its own, so that nobody is in two places at once.
const WORKERS: usize = 4;
/// How long somebody looks at "Setting a password…" before they turn away.
const LOOKS: Duration = Duration::from_millis(900);
/// How many of the latest requests people still care about.
const RECENT: usize = 6;
const PROD: i64 = 51_001;
const CACHE: i64 = 51_002;

pub struct Load(JoinSet<()>);

impl Load {
    /// People notice that nothing answers, and leave it.
    pub async fn stop(mut self) {
        self.0.shutdown().await;
    }
}

pub fn start(world: &World, ledger: &Ledger, seed: u64) -> Load {
    let mut tasks = JoinSet::new();
    for number in 0..WORKERS {
        let mine = (0..REQUESTERS).filter(|requester| requester % WORKERS == number);
        let mut names: Vec<String> = mine.map(requester).collect();
        names.extend(["bob", "eve", "joe", "kim", "lee", "max"].map(str::to_owned));
        let worker = Worker {
            people: names
                .iter()
                .map(|name| (name.clone(), world.slack.person(name)))
                .collect(),
            targets: world.targets().collect(),
            redis: world.redis.handle.clone(),
            port: world.postgres.as_ref().map(|server| server.port),
            ledger: ledger.clone(),
            dice: StdRng::seed_from_u64(seed ^ (number as u64) << 56),
        };
        tasks.spawn(worker.run());
    }
    Load(tasks)
}

struct Worker {
    /// Those who ask come first.
    people: Vec<(String, Actor)>,
    targets: Vec<&'static Target>,
    redis: Handle,
    port: Option<u16>,
    ledger: Ledger,
    dice: StdRng,
}

impl Worker {
    async fn run(mut self) {
        loop {
            match self.dice.random_range(0..100) {
                0..16 => self.asks().await,
                16..58 => self.votes().await,
                58..86 => self.reveals().await,
                86..90 => self.says("finish").await,
                90..94 => self.says("cancel").await,
                _ => self.says("extend").await,
            };
            let pause = self.dice.random_range(10..120);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    fn requester(&mut self) -> Actor {
        let number = self.dice.random_range(0..REQUESTERS / WORKERS);
        self.people[number].1.clone()
    }

    fn person(&self, name: &str) -> Option<Actor> {
        let found = self.people.iter().find(|(known, _)| known == name);
        found.map(|(_, actor)| actor.clone())
    }

    /// `None`: there was nothing to do, or nothing was answered.
    async fn asks(&mut self) -> Option<()> {
        let target = *self.targets.choose(&mut self.dice)?;
        let permission = *["read", "read-write"].choose(&mut self.dice)?;
        let seconds = self.dice.random_range(2..=5);
        let person = self.requester();
        let (integration, resource) = (target.integration, target.resource);
        let line = format!("/access {integration} {resource} {permission} {seconds}s load");
        let answer = types(&person, &line).await?;
        let code = code_of(&answer)?;
        let mut told = self.ledger.look();
        let who = person.id().to_owned();
        told.asked.insert(code.clone(), Asked { who, integration });
        told.recent.push(code);
        Some(())
    }

    /// One of the latest requests, whoever's; the later the likelier.
    fn recent(&mut self) -> Option<(String, Asked)> {
        let told = self.ledger.look();
        let from = told.recent.len().saturating_sub(RECENT);
        let code = told.recent[from..].choose(&mut self.dice)?.clone();
        let asked = told.asked.get(&code)?.clone();
        Some((code, asked))
    }

    async fn votes(&mut self) -> Option<()> {
        let (code, asked) = self.recent()?;
        let targets = TARGETS
            .iter()
            .filter(|target| target.integration == asked.integration);
        let deciders: Vec<&str> = targets.flat_map(|target| target.deciders).copied().collect();
        let name = *deciders.choose(&mut self.dice)?;
        let voter = self.person(name)?;
        match self.dice.random_range(0..10) {
            0..3 => self.presses_approve(&voter, &code).await,
            3..9 => self.decides(&voter, &code, Verdict::Approve).await,
            _ => self.decides(&voter, &code, Verdict::Deny).await,
        }
    }

    /// A press promises nothing: what came of it is on the card.
    async fn presses_approve(&self, voter: &Actor, code: &str) -> Option<()> {
        let card = latest(voter, |text| text.contains(code) && text.contains("[Approve "))?;
        let text = voter.as_text(&card);
        let label = text
            .split('[')
            .find(|part| part.starts_with("Approve "))?
            .split(']')
            .next()?;
        voter.clicks_on(&card, label).await.ok()
    }

    async fn decides(&self, voter: &Actor, code: &str, verdict: Verdict) -> Option<()> {
        let line = match verdict {
            Verdict::Approve => format!("/access approve {code}"),
            Verdict::Deny => format!("/access deny {code} not now"),
        };
        let answer = types(voter, &line).await?;
        let counts = match verdict {
            Verdict::Approve => answer.contains("counts:") || answer.contains(": approved."),
            Verdict::Deny => answer.contains(": denied."),
        };
        if counts {
            self.ledger.look().votes.push(Voted {
                code: code.to_owned(),
                voter: voter.id().to_owned(),
                verdict,
            });
        }
        Some(())
    }

    /// The requester of a recent request says something about it.
    async fn says(&mut self, verb: &str) -> Option<()> {
        let (code, asked) = self.recent()?;
        let mine = self.people.iter().find(|(_, actor)| actor.id() == asked.who);
        let person = mine?.1.clone();
        let line = match verb {
            "extend" => format!("/access extend {code} {}s", self.dice.random_range(1..=3)),
            verb => format!("/access {verb} {code}"),
        };
        let answer = types(&person, &line).await?;
        let mut told = self.ledger.look();
        if answer.starts_with("Ending ") {
            told.finished.insert(code);
        } else if answer.starts_with("You took ") {
            told.cancelled.insert(code);
        } else if let Some(extension) = code_of(&answer) {
            told.asked.insert(extension.clone(), asked);
            told.recent.push(extension);
        }
        Some(())
    }

    async fn reveals(&mut self) -> Option<()> {
        let offers = ["Show credential", "Set a new password (the old one stops)"];
        let is_offered = |text: &str| offers.iter().any(|offer| text.contains(&format!("[{offer}]")));
        let mut mine = self.people[..REQUESTERS / WORKERS].to_vec();
        mine.shuffle(&mut self.dice);
        let offered = mine
            .into_iter()
            .find_map(|(_, person)| Some((latest(&person, is_offered)?, person)));
        let (card, person) = offered?;
        let text = person.as_text(&card);
        let offer = offers.iter().find(|offer| text.contains(**offer))?;
        let (integration, resource) = ["redis-cloud", "pg"].iter().find_map(|integration| {
            let target = TARGETS
                .iter()
                .find(|target| target.integration == *integration && text.contains(target.resource))?;
            Some((target.integration, target.resource))
        })?;
        person.clicks_on(&card, offer).await.ok()?;
        let seen = person.sees("Blanked in", LOOKS).await;
        let shown = person.modal().filter(|_| seen.is_ok());
        while person.modal().is_some() {
            drop(person.closes_modal().await);
        }
        let blocks = &shown?.body["blocks"];
        let (login, password) = (copied(blocks, "User")?, copied(blocks, "Password")?);
        self.tries(integration, resource, login, password).await;
        Some(())
    }

    /// Logs in with what was shown, and stays connected.
    async fn tries(&mut self, integration: &'static str, resource: &str, login: String, password: String) {
        // Known before it is tried: the trial may be cut short, the secret was shown.
        let at = {
            let mut told = self.ledger.look();
            told.shown.push(Shown {
                integration,
                login: login.clone(),
                password: password.clone(),
                worked: false,
            });
            told.shown.len() - 1
        };
        let alive = match (integration, self.port) {
            ("pg", Some(port)) => connect(port, resource, &login, &password)
                .await
                .ok()
                .map(SessionKind::Postgres),
            _ => {
                let database = if resource == "prod" { PROD } else { CACHE };
                let session = self.redis.open_session(&login, &password, database);
                session.map(SessionKind::Redis)
            }
        };
        let mut told = self.ledger.look();
        if let Some(alive) = alive {
            if let Some(shown) = told
                .shown
                .iter_mut()
                .skip(at)
                .find(|shown| shown.password == password)
            {
                shown.worked = true;
            }
            told.sessions.push(Session { login, alive });
        }
    }
}

/// A typed line, and what is answered at once.
async fn types(person: &Actor, line: &str) -> Option<String> {
    let answer = person.types(line).await.ok()??;
    Some(person.as_text(&answer))
}

/// The newest of the last messages to somebody that reads so.
fn latest(person: &Actor, wanted: impl Fn(&str) -> bool) -> Option<Message> {
    let messages = person.dm();
    messages
        .into_iter()
        .rev()
        .take(25)
        .find(|message| wanted(&person.as_text(message)))
}

/// The code in "Asked bob. R7K3F, in your messages."
fn code_of(answer: &str) -> Option<String> {
    let (before, _) = answer.split_once(", in your messages")?;
    before.rsplit(' ').next().map(str::to_owned)
}

/// The preformatted text that stands after a label.
fn copied(blocks: &Value, label: &str) -> Option<String> {
    let blocks = blocks.as_array()?;
    let at = blocks
        .iter()
        .position(|block| block.to_string().contains(&format!("\"{label}\"")))?;
    blocks[at..].iter().find_map(|block| {
        let pre = block["elements"]
            .as_array()?
            .iter()
            .find(|element| element["type"] == "rich_text_preformatted")?;
        Some(pre["elements"][0]["text"].as_str()?.to_owned())
    })
}

/// The load knows the server's port alone: it goes on while the bot and whoever holds the server come and go.
async fn connect(
    port: u16,
    database: &str,
    user: &str,
    password: &str,
) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let mut config = tokio_postgres::Config::new();
    config
        .host("127.0.0.1")
        .port(port)
        .user(user)
        .password(password)
        .dbname(database);
    let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
