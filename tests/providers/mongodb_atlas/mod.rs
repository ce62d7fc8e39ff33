//! MongoDB Atlas, as the simulated organization: the suite looks through its handle, never through the API.

mod own;

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
use futures_util::future::BoxFuture;
use latchkey::{
    providers::{ALL, Mark, Provider, Registration, ResourceRef, Setup, page::Against},
    secrets::Secret,
};

use crate::atlas_sim::{
    Contract, DbUser, Fault, Handle, Side, Simulator, World, contract, id, organization, start as simulate,
};
use crate::target::{
    Case, Cut, Cutting, Kind, Lacking, Named, Offer, Owned, Session, Setting, Standing, Target, Thing,
};

const CLUSTER: &str = "cluster0";
const OWNER: (&str, &str) = ("pubshop", "sh0p-private-key-1");
const READER: (&str, &str) = ("pubread", "r3ad-private-key-1");
const SERVICE_ACCOUNT: (&str, &str) = (
    "mdb_sa_id_0123456789abcdef01234567",
    "mdb_sa_sk_s3cret-of-the-account",
);

struct MongodbAtlas {
    contract: Option<Arc<Contract>>,
}

pub async fn start() -> Result<Box<dyn Kind>, String> {
    let contract = match contract() {
        Ok(contract) => Some(contract),
        Err(reason) => {
            println!("SKIPPED mongodb-atlas contract: {reason}");
            None
        }
    };
    Ok(Box::new(MongodbAtlas { contract }))
}

#[async_trait]
impl Kind for MongodbAtlas {
    async fn fresh(&self) -> Box<dyn Target> {
        Box::new(Project::new(self.contract.clone(), named()).await)
    }

    async fn against(&self) -> Against {
        let mut vouched_by = vec![
            "RFC 7616's example for our digests".to_owned(),
            "Python's own HTTP library for the simulator's (suite `peers`)".to_owned(),
        ];
        if self.contract.is_some() {
            vouched_by.push("MongoDB's published OpenAPI document for every request of ours".to_owned());
        }
        Against::Simulator { vouched_by }
    }

    fn own_cases(&self) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
        own::cases(self.contract.clone())
    }

    async fn stop(&self) {}
}

/// The suite's organization, with names that try to be more than names.
pub fn named() -> World {
    let mut world = organization();
    let names: Vec<String> = hostile()
        .iter()
        .chain(&longest())
        .map(|below| {
            let collection = below.get(1).map_or("things", String::as_str);
            format!("{}.{collection}", below[0])
        })
        .collect();
    let cluster = world.cluster_mut(&id(1), CLUSTER).expect("the cluster");
    for name in names {
        let (database, _) = name.split_once('.').expect("a namespace");
        cluster.processes[1].databases.push(database.to_owned());
        cluster.namespaces.push(name);
    }
    world
}

/// Databases and collections, by what follows the cluster in their ids.
pub fn hostile() -> Vec<Vec<String>> {
    let below = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect();
    vec![
        below(&["x',role=atlasAdmin,y='"]),
        below(&["{secret}&a=b#c"]),
        below(&["%2e%2e%2fadmin"]),
        below(&["\u{fc}n\u{ef}code\u{1f511}"]),
        below(&["shop", r#"x","roleName":"atlasAdmin"#]),
        below(&["shop", "../../databaseUsers/admin/x"]),
        below(&["shop", "a b?c=d&e#f"]),
        below(&["shop", "<id> *** {secret}"]),
        below(&["shop", "a.b.c"]),
    ]
}

pub fn longest() -> Vec<Vec<String>> {
    let database = "d".repeat(63);
    vec![vec![database.clone()], vec![database, "c".repeat(191)]]
}

pub struct Project {
    simulator: Simulator,
    contract: Option<Arc<Contract>>,
    /// Requests that `ran` has told of.
    reported: AtomicUsize,
}

fn on(kind: &str, below: &[&str], title: &str, permission: &str) -> Thing {
    let id = std::iter::once(&CLUSTER)
        .chain(below)
        .map(|part| (*part).to_owned())
        .collect();
    let at = ResourceRef {
        kind: kind.to_owned(),
        id,
        title: title.to_owned(),
    };
    Thing {
        at,
        permission: permission.to_owned(),
    }
}

fn listed(below: &[String], permission: &str) -> Thing {
    let parts: Vec<&str> = below.iter().map(String::as_str).collect();
    let kind = if below.len() == 1 {
        "database"
    } else {
        "collection"
    };
    on(kind, &parts, &below.join("/"), permission)
}

impl Project {
    pub async fn new(contract: Option<Arc<Contract>>, world: World) -> Self {
        Self {
            simulator: simulate(world).await,
            contract,
            reported: AtomicUsize::new(0),
        }
    }

    pub fn handle(&self) -> &Handle {
        &self.simulator.handle
    }

    /// A provider with these keys, and more in its table.
    pub fn build(&self, url: &str, installation: &str, keys: (&str, &str), more: &str) -> Box<dyn Provider> {
        let text = format!(
            "project_id = \"{}\"\ncluster_name = \"{CLUSTER}\"\nbase_url = \"{url}\"\nsettle_seconds = 0\npoll_seconds = 0.001\n",
            id(1)
        );
        let mut config: toml::Table = toml::from_str(&text).expect("TOML");
        config.extend(toml::from_str::<toml::Table>(more).expect("TOML"));
        let secret = BTreeMap::from([
            ("public_key".to_owned(), Secret::new(keys.0)),
            ("private_key".to_owned(), Secret::new(keys.1)),
        ]);
        let setup = Setup {
            mark: Mark::new(installation, "mongodb-atlas"),
            config,
            secret,
            base_dir: PathBuf::from("."),
        };
        (self.registration().build)(setup).unwrap_or_else(|error| panic!("build: {error}"))
    }

    pub fn usual(&self, more: &str) -> Box<dyn Provider> {
        self.build(&self.simulator.url, "suite", OWNER, more)
    }
}

/// What a thing's permission is needed for: deed, database, collection.
pub fn deed(kind: &str, below: &[String], permission: &str) -> (&'static str, String, String) {
    let deed = match permission {
        "clusterMonitor" => "serverStatus",
        "readWrite" | "readWriteAnyDatabase" => "insert",
        "manageIndexes" | "dbAdmin" | "dbAdminAnyDatabase" => "createIndex",
        "atlasAdmin" => "createUser",
        _ => "find",
    };
    let (database, collection) = match (kind, below) {
        ("custom_role", _) => ("shop", "reports"),
        (_, [database, collection, ..]) => (database.as_str(), collection.as_str()),
        (_, [database]) => (database.as_str(), "orders"),
        (_, []) if deed == "serverStatus" || deed == "createUser" => ("admin", "system.users"),
        (_, []) => ("shop", "orders"),
    };
    (deed, database.to_owned(), collection.to_owned())
}

#[async_trait]
impl Target for Project {
    fn registration(&self) -> &'static Registration {
        ALL.iter()
            .find(|one| one.kind == "mongodb-atlas")
            .expect("registered")
    }

    fn mark(&self) -> Mark {
        Mark::new("suite", "mongodb-atlas")
    }

    fn offer(&self) -> Offer {
        let mut gone = on("database", &["shop"], "shop", "read");
        gone.at.id[0] = "no-such-cluster".to_owned();
        let on_cluster = [
            "clusterMonitor",
            "readAnyDatabase",
            "readWriteAnyDatabase",
            "dbAdminAnyDatabase",
            "atlasAdmin",
        ];
        let more = on_cluster
            .iter()
            .map(|permission| on("cluster", &[], CLUSTER, permission));
        let orders = |permission| on("collection", &["shop", "orders"], "shop/orders", permission);
        let more = more.chain([
            on("database", &["shop"], "shop", "manageIndexes"),
            on("database", &["shop"], "shop", "dbAdmin"),
            orders("read"),
            orders("manageIndexes"),
            orders("readWrite"),
            on("custom_role", &["", "reporting"], "role:reporting", "member"),
        ]);
        Offer {
            read: on("database", &["shop"], "shop", "read"),
            write: on("database", &["shop"], "shop", "readWrite"),
            other: on("database", &["billing"], "billing", "read"),
            nowhere: gone,
            more: more.collect(),
        }
    }

    fn provider(&self, setting: Setting) -> Box<dyn Provider> {
        let url = &self.simulator.url;
        match setting {
            Setting::Usual => self.build(url, "suite", OWNER, ""),
            Setting::OtherInstallation => self.build(url, "another", OWNER, ""),
            Setting::WrongSecret => self.build(url, "suite", (OWNER.0, "wr0ng-private-key"), ""),
            // The discard port: nobody listens.
            Setting::Down => self.build("http://127.0.0.1:9", "suite", OWNER, ""),
        }
    }

    fn own_secrets(&self) -> Vec<Secret> {
        [OWNER.1, READER.1, "wr0ng-private-key"]
            .into_iter()
            .map(Secret::new)
            .collect()
    }

    async fn can(&self, login: &str, credential: &Secret, thing: &Thing) -> bool {
        let (deed, database, collection) = deed(&thing.at.kind, &thing.at.id[1..], &thing.permission);
        self.handle().world().can(
            &id(1),
            &thing.at.id[0],
            (login, credential.expose()),
            deed,
            &database,
            &collection,
        )
    }

    async fn can_log_in(&self, login: &str, credential: &Secret) -> bool {
        self.handle()
            .world()
            .can_log_in(&id(1), CLUSTER, login, credential.expose())
    }

    async fn open_session(&self, login: &str, credential: &Secret) -> Option<Box<dyn Session>> {
        let enters = self.can_log_in(login, credential).await;
        enters.then(|| {
            let (login, handle) = (login.to_owned(), self.handle().clone());
            Box::new(Live { login, handle }) as Box<dyn Session>
        })
    }

    async fn everything(&self) -> BTreeSet<String> {
        self.handle().pass_all();
        let world = self.handle().world();
        let group = world.group(&id(1)).expect("the project");
        let users = group.users.iter().map(|user| {
            let mut roles = user.roles.clone();
            roles.sort();
            let (scopes, labels, until) = (&user.scopes, &user.labels, &user.delete_after);
            format!(
                "user {} has {roles:?} on {scopes:?}, {labels:?}, until {until:?}",
                user.name
            )
        });
        let roles = group
            .roles
            .iter()
            .map(|role| format!("role {} allows {:?}", role.name, role.actions));
        users.chain(roles).collect()
    }

    async fn ran(&self) -> Option<Vec<String>> {
        let world = self.handle().world();
        let from = self.reported.swap(world.asked.len(), Ordering::SeqCst);
        let writes = world.asked[from..].iter().filter(|request| request.is_write());
        Some(writes.map(|request| request.line()).collect())
    }

    async fn cut_after(&self, nth: u32, cut: Cut) -> Cutting {
        let side = match cut {
            Cut::Before => Side::Before,
            Cut::After => Side::After,
        };
        let line = self.handle().cut_line(nth, side).await;
        let provider = self.build(&line.url, "suite", OWNER, "");
        Cutting {
            provider,
            was_cut: Arc::new(move || line.was_cut()),
        }
    }

    async fn lacking(&self) -> Option<Lacking> {
        Some(Lacking {
            provider: self.build(&self.simulator.url, "suite", READER, ""),
            names: vec!["GROUP_OWNER".to_owned(), "GROUP_READ_ONLY".to_owned()],
        })
    }

    async fn someone(&self) -> Option<Standing> {
        None
    }

    async fn give_standing(&self, _login: &str, _thing: &Thing) {}

    async fn make_stranger(&self, login: &str) {
        let mut world = self.handle().world();
        let group = world.group_mut(&id(1)).expect("the project");
        group.users.push(DbUser {
            name: login.to_owned(),
            password: "Somebody-else-1".to_owned(),
            roles: vec![("read".to_owned(), "shop".to_owned(), None)],
            ..DbUser::default()
        });
        world.tell(&id(1));
    }

    fn has_marks(&self) -> bool {
        true
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
        let mut world = self.handle().world();
        let group = world.group_mut(&id(1)).expect("the project");
        group.users.retain(|user| user.name != login);
        world.tell(&id(1));
    }

    async fn expiry(&self, login: &str) -> Option<DateTime<Utc>> {
        let world = self.handle().world();
        let users = &world.group(&id(1))?.users;
        users.iter().find(|user| user.name == login)?.delete_after
    }

    async fn add_below(&self, _thing: &Thing) -> Option<Thing> {
        None
    }

    async fn break_part(&self) -> Option<()> {
        None
    }

    async fn mend_part(&self) {}

    async fn hostile(&self) -> Vec<Named> {
        let named = |below: &Vec<String>| Named {
            why: "a hostile name",
            thing: listed(below, "read"),
        };
        hostile().iter().map(named).collect()
    }

    async fn longest(&self) -> Vec<Named> {
        let named = |below: &Vec<String>| Named {
            why: "a long name",
            thing: listed(below, "read"),
        };
        longest().iter().map(named).collect()
    }

    fn typed(&self) -> Vec<Named> {
        let named = |why, below: &[&str], permission| {
            let kind = if below.len() == 1 {
                "database"
            } else {
                "collection"
            };
            Named {
                why,
                thing: on(kind, below, "typed", permission),
            }
        };
        let long = "n".repeat(64);
        vec![
            named("MongoDB's own database", &["admin"], "readWrite"),
            named("MongoDB's own database, in capitals", &["CONFIG"], "readWrite"),
            named("a name with a dot", &["shop.orders"], "read"),
            named("a name with quotes", &[r#"x","roleName":"atlasAdmin"#], "read"),
            named("a name with a slash", &["../admin"], "read"),
            named("no name", &[""], "read"),
            named("a name that is too long", &[&long], "read"),
            named("a system collection", &["shop", "system.users"], "readWrite"),
            named("a collection with a dollar", &["shop", "$cmd"], "read"),
            named("a permission of another kind", &["shop"], "atlasAdmin"),
        ]
    }

    async fn limit_pace(&self) -> bool {
        self.handle().fault(&Fault::TooMany {
            calls: 1000,
            ip: false,
        });
        true
    }

    async fn dawdle(&self) -> bool {
        self.handle().world().stop_time();
        true
    }

    async fn hurry(&self) {
        self.handle().world().go_on();
    }

    async fn pass_time(&self) {
        self.handle().pass_all();
    }

    /// Every request that the case made must be one that the vendor's description allows.
    async fn done(&self) {
        check_contract(self.contract.as_deref(), self.handle());
    }
}

/// Ends the run where a request was not as described: a case that is over cannot fail any more.
pub fn check_contract(contract: Option<&Contract>, handle: &Handle) {
    let Some(contract) = contract else {
        return;
    };
    let world = handle.world();
    // What carries no proof asks for a nonce and nothing else; the token's address is not in the description.
    let calls = world
        .asked
        .iter()
        .filter(|request| !request.unsigned && request.path.starts_with("/api/atlas"));
    for request in calls {
        if let Err(reason) = contract.check(request) {
            eprintln!(
                "not in the vendor's description: {} {}: {reason}",
                request.method, request.path
            );
            std::process::exit(1);
        }
    }
}

struct Live {
    login: String,
    handle: Handle,
}

#[async_trait]
impl Session for Live {
    async fn alive(&mut self) -> bool {
        let world = self.handle.world();
        let cluster = world.group(&id(1)).and_then(|group| group.clusters.first());
        cluster.is_some_and(|cluster| cluster.has.0.iter().any(|user| user.name == self.login))
    }

    async fn can(&mut self, thing: &Thing) -> bool {
        let (deed, database, collection) = deed(&thing.at.kind, &thing.at.id[1..], &thing.permission);
        let world = self.handle.world();
        world.may(&id(1), &thing.at.id[0], &self.login, deed, &database, &collection)
    }
}
