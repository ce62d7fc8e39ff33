//! Redis Cloud, as the simulated account: the suite looks through its handle, never through the API.

mod offer;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use latchkey::{
    demo::redis_cloud::{Fault, Handle, Op, Side, Simulator, start as simulate},
    providers::{ALL, Mark, Provider, Registration, ResourceRef, Setup, page::Against},
    secrets::Secret,
};
use serde_json::Value;

use self::offer::{hostile_names, long_name, options};
use crate::{
    contract::{Contract, REDIS_CLOUD},
    target::{Cut, Cutting, Kind, Lacking, Named, Offer, Owned, Session, Setting, Standing, Target, Thing},
};

const PROD: i64 = 51_001;
const PRO: &str = "2001";

struct RedisCloud {
    contract: Option<Arc<Contract>>,
}

pub async fn start() -> Result<Box<dyn Kind>, String> {
    let contract = match Contract::load(REDIS_CLOUD) {
        Ok(contract) => Some(Arc::new(contract)),
        Err(reason) => {
            println!("SKIPPED redis-cloud contract: {reason}");
            None
        }
    };
    Ok(Box::new(RedisCloud { contract }))
}

#[async_trait]
impl Kind for RedisCloud {
    async fn fresh(&self) -> Box<dyn Target> {
        let simulator = simulate(options()).await.expect("a port on loopback");
        let contract = self.contract.clone();
        Box::new(Account {
            simulator,
            contract,
            reported: AtomicUsize::new(0),
        })
    }

    async fn against(&self) -> Against {
        let mut vouched_by = vec!["`redis-server` 7.0 for its ACL rules".to_owned()];
        if self.contract.is_some() {
            vouched_by.push("Redis Cloud's published OpenAPI document for every request of ours".to_owned());
        }
        Against::Simulator { vouched_by }
    }

    async fn stop(&self) {}
}

struct Account {
    simulator: Simulator,
    contract: Option<Arc<Contract>>,
    /// Requests that `ran` has told of.
    reported: AtomicUsize,
}

fn on(id: &[&str], title: &str, permission: &str) -> Thing {
    let id = id.iter().map(|part| (*part).to_owned()).collect();
    let at = ResourceRef {
        kind: "database".to_owned(),
        id,
        title: title.to_owned(),
    };
    Thing {
        at,
        permission: permission.to_owned(),
    }
}

impl Account {
    fn handle(&self) -> &Handle {
        &self.simulator.handle
    }

    fn build(&self, url: &str, installation: &str, keys: (&str, &str)) -> Box<dyn Provider> {
        let config: toml::Table = [
            ("base_url".to_owned(), toml::Value::from(url)),
            ("settle_seconds".to_owned(), toml::Value::from(0)),
            ("poll_seconds".to_owned(), toml::Value::from(0.001)),
        ]
        .into_iter()
        .collect();
        let secret = BTreeMap::from([
            ("api_key".to_owned(), Secret::new(keys.0)),
            ("secret_key".to_owned(), Secret::new(keys.1)),
        ]);
        let mark = Mark::new(installation, "redis-cloud");
        let setup = Setup {
            mark,
            config,
            secret,
            base_dir: PathBuf::from("."),
        };
        (self.registration().build)(setup).unwrap_or_else(|error| panic!("build: {error}"))
    }

    fn state(&self) -> Value {
        self.handle().state()
    }

    /// The id that the account gave to the role.
    fn role_id(&self, name: &str) -> String {
        let state = self.state();
        let roles = state["roles"].as_array().expect("roles");
        roles.iter().find(|role| role["name"] == name).expect("the role")["id"].to_string()
    }

    /// Where a thing is, and what its permission is needed for.
    fn deed(thing: &Thing) -> (i64, &'static str, &'static str) {
        let command = match thing.permission.as_str() {
            "Read-Write" => "set",
            "Full-Access" => "flushall",
            "Streams" => "xadd",
            _ => "get",
        };
        let database = match thing.at.kind.as_str() {
            "acl_role" => PROD,
            _ => thing.at.id[2].parse().expect("a number"),
        };
        (database, command, "stream:1")
    }

    fn databases(&self) -> Vec<i64> {
        let state = self.state();
        state["databases"]
            .as_array()
            .expect("databases")
            .iter()
            .filter_map(|one| one["id"].as_i64())
            .collect()
    }
}

const OWNER: (&str, &str) = ("demo-account-key", "demo-owner-key");
const VIEWER: (&str, &str) = ("demo-account-key", "demo-viewer-key");

#[async_trait]
impl Target for Account {
    fn registration(&self) -> &'static Registration {
        ALL.iter()
            .find(|one| one.kind == "redis-cloud")
            .expect("registered")
    }

    fn mark(&self) -> Mark {
        Mark::new("suite", "redis-cloud")
    }

    fn offer(&self) -> Offer {
        let prod = ["pro", PRO, "51001"];
        let role = ResourceRef {
            kind: "acl_role".to_owned(),
            id: vec![self.role_id("reporting")],
            title: "reporting".to_owned(),
        };
        Offer {
            read: on(&prod, "prod", "Read-Only"),
            write: on(&prod, "prod", "Read-Write"),
            other: on(&["pro", PRO, "51002"], "cache", "Read-Only"),
            nowhere: on(&["pro", PRO, "59999"], "gone", "Read-Only"),
            more: vec![
                on(&prod, "prod", "Full-Access"),
                on(&prod, "prod", "Streams"),
                on(&["fixed", "3001", "61001"], "staging", "Read-Only"),
                Thing {
                    at: role,
                    permission: "member".to_owned(),
                },
            ],
        }
    }

    fn provider(&self, setting: Setting) -> Box<dyn Provider> {
        let url = &self.simulator.url;
        match setting {
            Setting::Usual => self.build(url, "suite", OWNER),
            Setting::OtherInstallation => self.build(url, "another", OWNER),
            Setting::WrongSecret => self.build(url, "suite", ("demo-account-key", "wr0ng-owner-key")),
            // The discard port: nobody listens.
            Setting::Down => self.build("http://127.0.0.1:9/v1", "suite", OWNER),
        }
    }

    fn own_secrets(&self) -> Vec<Secret> {
        [OWNER.0, OWNER.1, VIEWER.1, "wr0ng-owner-key"]
            .into_iter()
            .map(Secret::new)
            .collect()
    }

    async fn can(&self, login: &str, credential: &Secret, thing: &Thing) -> bool {
        let (database, command, key) = Self::deed(thing);
        self.handle()
            .can(login, credential.expose(), database, command, key)
    }

    async fn can_log_in(&self, login: &str, credential: &Secret) -> bool {
        let databases = self.databases();
        databases
            .into_iter()
            .any(|id| self.handle().can_log_in(login, credential.expose(), id))
    }

    async fn open_session(&self, login: &str, credential: &Secret) -> Option<Box<dyn Session>> {
        let databases = self.databases();
        let open = |id| self.handle().open_session(login, credential.expose(), id);
        let id = databases.into_iter().find_map(open)?;
        Some(Box::new(Live {
            id,
            handle: self.handle().clone(),
        }))
    }

    /// When all that is under way is over. The prepared way out, which every account shares and which stays, is left out.
    async fn everything(&self) -> BTreeSet<String> {
        self.handle().pass_all();
        let state = self.state();
        let of = |key: &str| state[key].as_array().cloned().unwrap_or_default();
        let prepared = self.mark().inert_set();
        let is_prepared = |name: &Value| name.as_str() == Some(prepared.as_str());
        let users = of("users")
            .into_iter()
            .map(|user| format!("user {} has {}, {}", user["name"], user["role"], user["status"]));
        let roles = of("roles")
            .into_iter()
            .filter(|role| !is_prepared(&role["name"]))
            .map(|role| {
                let given: Vec<String> = role["redisRules"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|given| format!("{} on {}", given["ruleName"], given["databases"]))
                    .collect();
                format!("role {} gives {given:?}, {}", role["name"], role["status"])
            });
        let rules = of("rules")
            .into_iter()
            .filter(|rule| rule["acl"] != "-@all")
            .map(|rule| format!("rule {} is {}", rule["name"], rule["acl"]));
        users.chain(roles).chain(rules).collect()
    }

    async fn ran(&self) -> Option<Vec<String>> {
        let asked = self.handle().asked();
        let from = self.reported.swap(asked.len(), Ordering::SeqCst);
        let writes = asked[from..].iter().filter(|request| request.is_write());
        Some(writes.map(|request| request.line()).collect())
    }

    async fn cut_after(&self, nth: u32, cut: Cut) -> Cutting {
        let side = match cut {
            Cut::Before => Side::Before,
            Cut::After => Side::After,
        };
        let line = self
            .handle()
            .cut_line(nth, side)
            .await
            .expect("a port on loopback");
        let provider = self.build(&line.url, "suite", OWNER);
        Cutting {
            provider,
            was_cut: Arc::new(move || line.was_cut()),
        }
    }

    async fn lacking(&self) -> Option<Lacking> {
        let provider = self.build(&self.simulator.url, "suite", VIEWER);
        Some(Lacking {
            provider,
            names: vec!["Viewer".to_owned(), "Owner".to_owned()],
        })
    }

    async fn someone(&self) -> Option<Standing> {
        None
    }

    async fn give_standing(&self, _login: &str, _thing: &Thing) {}

    async fn make_stranger(&self, login: &str) {
        let op = Op::CreateUser {
            name: login.to_owned(),
            role: "reporting".to_owned(),
            password: "Somebody-else-1".to_owned(),
        };
        self.handle()
            .others(&op)
            .unwrap_or_else(|error| panic!("{error}"));
    }

    fn has_marks(&self) -> bool {
        false
    }

    fn tells_leases_apart(&self) -> bool {
        false
    }

    async fn own_something(&self, _login: &str, _credential: &Secret) -> Option<Owned> {
        None
    }

    async fn owner_of(&self, _owned: &Owned) -> Option<String> {
        None
    }

    async fn vanish(&self, login: &str) {
        let op = Op::DeleteUser {
            name: login.to_owned(),
        };
        self.handle()
            .others(&op)
            .unwrap_or_else(|error| panic!("{error}"));
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
        let names = hostile_names();
        let databases = names
            .iter()
            .zip(53_001..)
            .map(|(name, id): (&String, i64)| Named {
                why: "a hostile database name",
                thing: on(&["pro", "2002", &id.to_string()], name, "Read-Only"),
            });
        let rules = names.iter().map(|name| Named {
            why: "a hostile rule name",
            thing: on(&["pro", PRO, "51001"], "prod", name),
        });
        databases.chain(rules).collect()
    }

    async fn longest(&self) -> Vec<Named> {
        let long = long_name();
        vec![
            Named {
                why: "a long database name",
                thing: on(&["pro", "2003", "54001"], &long, "Read-Only"),
            },
            Named {
                why: "a long rule name",
                thing: on(&["pro", PRO, "51001"], "prod", &long),
            },
            Named {
                why: "Active-Active",
                thing: on(&["pro", PRO, "52001"], "global", "Read-Only"),
            },
        ]
    }

    fn typed(&self) -> Vec<Named> {
        Vec::new()
    }

    async fn limit_pace(&self) -> bool {
        self.handle().fault(&Fault::TooMany {
            calls: 1000,
            retry_after: None,
        });
        true
    }

    async fn dawdle(&self) -> bool {
        self.handle().stop_time();
        true
    }

    async fn hurry(&self) {
        self.handle().go_on();
    }

    async fn pass_time(&self) {
        self.handle().pass_all();
    }

    /// Every request that the case made must be one that the vendor's description allows.
    async fn done(&self) {
        let Some(contract) = &self.contract else {
            return;
        };
        for request in self.handle().asked() {
            if let Err(reason) = contract.check(&(&request).into()) {
                eprintln!(
                    "not in the vendor's description: {} {}: {reason}",
                    request.method, request.path
                );
                std::process::exit(1);
            }
        }
    }
}

struct Live {
    id: u64,
    handle: Handle,
}

#[async_trait]
impl Session for Live {
    async fn alive(&mut self) -> bool {
        self.handle.session_can(self.id, "ping", "").is_some()
    }

    async fn can(&mut self, thing: &Thing) -> bool {
        let (_, command, key) = Account::deed(thing);
        self.handle.session_can(self.id, command, key).unwrap_or(false)
    }
}
