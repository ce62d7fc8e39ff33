//! A simulated account, a provider on it, and time that moves for both as the provider asks.

use std::{collections::BTreeMap, io::Write, path::PathBuf, time::Duration};

use chrono::{DateTime, Utc};
use latchkey::{
    demo::redis_cloud::{Handle, Options, Simulator, start},
    providers::{
        Account, Change, Converged, Credential, Fence, Lease, LeaseId, Mark, Memo, Person, Provider,
        ResourceRef, Result, Setup, Want, redis_cloud::REGISTRATION,
    },
    secrets::Secret,
};

use crate::contract::{Contract, REDIS_CLOUD};

pub const PROD: i64 = 51_001;
const TURNS: u32 = 80;

/// Skips are counted by their lines; the harness would swallow what `println!` says.
pub fn skipped(test: &str, reason: &str) {
    writeln!(std::io::stderr(), "SKIPPED {test}: {reason}").expect("a standard error");
}

pub struct Rig {
    pub simulator: Simulator,
    pub provider: Box<dyn Provider>,
    pub now: DateTime<Utc>,
    settle: f64,
}

/// How the provider is set up.
pub struct Setting<'a> {
    pub url: &'a str,
    pub secret_key: &'a str,
    pub settle: f64,
}

pub fn provider(setting: &Setting<'_>) -> Box<dyn Provider> {
    let config = [
        ("base_url".to_owned(), toml::Value::from(setting.url)),
        ("settle_seconds".to_owned(), toml::Value::from(setting.settle)),
        ("poll_seconds".to_owned(), toml::Value::from(0.05)),
    ];
    let secret = BTreeMap::from([
        ("api_key".to_owned(), Secret::new("demo-account-key")),
        ("secret_key".to_owned(), Secret::new(setting.secret_key)),
    ]);
    let setup = Setup {
        mark: mark(),
        config: config.into_iter().collect(),
        secret,
        base_dir: PathBuf::from("."),
    };
    (REGISTRATION.build)(setup).expect("a good configuration")
}

pub fn mark() -> Mark {
    Mark::new("rig", "redis-cloud")
}

pub fn prod() -> ResourceRef {
    database(&["pro", "2001", "51001"], "prod")
}

pub fn database(id: &[&str], title: &str) -> ResourceRef {
    let id = id.iter().map(|part| (*part).to_owned()).collect();
    ResourceRef {
        kind: "database".to_owned(),
        id,
        title: title.to_owned(),
    }
}

/// Of the recipe that the core follows.
pub fn secret(n: u32) -> Secret {
    Secret::new(format!("aB3_aB3-xyzXYZ_{n:09}"))
}

impl Rig {
    pub async fn new() -> Self {
        Self::with(Options::team(), 1.5).await
    }

    pub async fn with(options: Options, settle: f64) -> Self {
        let simulator = start(options).await.expect("a port on loopback");
        let provider = provider(&Setting {
            url: &simulator.url,
            secret_key: "demo-owner-key",
            settle,
        });
        let now = "2026-08-01T10:00:00Z".parse().expect("a date");
        Self {
            simulator,
            provider,
            now,
            settle,
        }
    }

    pub fn handle(&self) -> &Handle {
        &self.simulator.handle
    }

    /// Another process: nothing in memory.
    pub fn restart(&mut self) {
        let setting = Setting {
            url: &self.simulator.url,
            secret_key: "demo-owner-key",
            settle: self.settle,
        };
        self.provider = provider(&setting);
    }

    pub fn account(&self, n: u32, lease: &Lease) -> Account {
        let person = Person {
            id: format!("p{n}"),
            email: format!("ann{n}@example.com"),
            login: None,
        };
        let scope = self.provider.scope(&lease.resource, &lease.permission);
        Account {
            name: self.provider.account(&person, &scope),
            memo: Memo::new(),
        }
    }

    pub fn lease(&self, id: &str, resource: ResourceRef, permission: &str) -> Lease {
        Lease {
            id: LeaseId::from(id),
            resource,
            permission: permission.to_owned(),
            starts_at: self.now,
            expires_at: self.now + chrono::Duration::hours(1),
            standing: Some(false),
        }
    }

    pub fn change(&self, want: Want, credential: Option<Secret>) -> Change {
        Change {
            want,
            release: Vec::new(),
            credential: credential.map(Credential::Password),
            now: self.now,
            fence: Fence::default(),
        }
    }

    /// One call; the memo is kept as the core keeps it.
    pub async fn turn(
        &mut self,
        account: &mut Account,
        want: Want,
        credential: Option<&Secret>,
    ) -> Result<Converged> {
        let change = self.change(want, credential.cloned());
        let answer = self.provider.converge(account, &change).await?;
        account.memo = answer.memo.clone();
        Ok(answer)
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += chrono::Duration::from_std(time).expect("a short time");
        self.handle().pass(time);
    }

    /// Calls as often as the provider asks to, time moving by what it asks for. The last answer holds all that ran, and
    /// all that it waited for.
    pub async fn until_done(
        &mut self,
        account: &mut Account,
        want: Want,
        credential: Option<&Secret>,
    ) -> Done {
        let (mut ran, mut waited) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let mut answer = self
                .turn(account, want.clone(), credential)
                .await
                .expect("an answer");
            ran.append(&mut answer.ran);
            match answer.waiting.clone() {
                None => return Done { answer, ran, waited },
                Some(why) => waited.push(why),
            }
            self.pass(answer.look_again.expect("who waits says for how long"));
        }
        panic!("still waiting after {TURNS} turns: {waited:#?}");
    }

    pub async fn granted(&mut self, n: u32) -> (Account, Lease, Secret) {
        let lease = self.lease(&format!("l{n}"), prod(), "Read-Only");
        let mut account = self.account(n, &lease);
        let password = secret(n);
        let done = self
            .until_done(&mut account, Want::Open(vec![lease.clone()]), Some(&password))
            .await;
        assert!(
            done.answer.credential_set && done.answer.failed.is_empty(),
            "{:?}",
            done.answer
        );
        (account, lease, password)
    }

    pub fn can(&self, account: &Account, password: &Secret, command: &str) -> bool {
        self.handle()
            .can(account.name.login(), password.expose(), PROD, command, "k")
    }
}

pub struct Done {
    pub answer: Converged,
    pub ran: Vec<String>,
    pub waited: Vec<String>,
}

/// Every request of the provider's must be one that the vendor's description allows.
impl Drop for Rig {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let Ok(contract) = Contract::load(REDIS_CLOUD) else {
            return;
        };
        for request in self.handle().asked() {
            if let Err(reason) = contract.check(&(&request).into()) {
                panic!(
                    "not in the vendor's description: {} {}: {reason}",
                    request.method, request.path
                );
            }
        }
    }
}
