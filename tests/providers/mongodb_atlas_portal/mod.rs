//! A whole MongoDB Atlas organization, simulated. The suite's cases run on its clusters' database users; those that are about
//! somebody's own login run once more on its people.

mod deep;
mod own;
mod people;
mod people_own;

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
    Contract, DbUser, Fault, Handle, ORG, Side, Simulator, World, contract, id, start as simulate,
};
use crate::mongodb_atlas::{check_contract, deed, hostile, longest, named};
use crate::target::{
    Case, Cut, Cutting, Kind, Lacking, Named, Offer, Owned, Session, Setting, Standing, Target, Thing,
};

const OWNER: (&str, &str) = ("pubowner", "0wner-private-key-1");
const READER: (&str, &str) = ("puborgrd", "0rgread-private-key-1");

struct Portal {
    contract: Option<Arc<Contract>>,
}

pub async fn start() -> Result<Box<dyn Kind>, String> {
    let contract = match contract() {
        Ok(contract) => Some(contract),
        Err(reason) => {
            println!("SKIPPED mongodb-atlas-portal contract: {reason}");
            None
        }
    };
    Ok(Box::new(Portal { contract }))
}

#[async_trait]
impl Kind for Portal {
    async fn fresh(&self) -> Box<dyn Target> {
        Box::new(Organization::new(self.contract.clone(), named()).await)
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
        let mut all = own::cases(&self.contract);
        all.extend(people::cases(&self.contract));
        all.extend(people_own::cases(&self.contract));
        all.push((
            "deep_discovery_of_a_large_organization",
            Box::pin(deep::large(self.contract.clone())),
        ));
        all
    }

    async fn stop(&self) {}
}

pub struct Organization {
    pub simulator: Simulator,
    pub contract: Option<Arc<Contract>>,
    /// Requests that `ran` has told of.
    reported: AtomicUsize,
}

pub fn thing(kind: &str, id: &[&str], title: &str, permission: &str) -> Thing {
    let at = ResourceRef {
        kind: kind.to_owned(),
        id: id.iter().map(|part| (*part).to_owned()).collect(),
        title: title.to_owned(),
    };
    Thing {
        at,
        permission: permission.to_owned(),
    }
}

/// Something on the first project's busy cluster.
pub fn on_shop(kind: &str, below: &[&str], permission: &str) -> Thing {
    let group = id(1);
    let parts: Vec<&str> = [group.as_str(), "cluster0"]
        .iter()
        .chain(below)
        .copied()
        .collect();
    let title: Vec<&str> = ["shop", "cluster0"]
        .iter()
        .chain(below)
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    thing(kind, &parts, &title.join("/"), permission)
}

impl Organization {
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
            "organization_id = \"{ORG}\"\ndeep_discovery = \"everything\"\nbase_url = \"{url}\"\nsettle_seconds = 0\npoll_seconds = 0.001\n"
        );
        let mut config: toml::Table = toml::from_str(&text).expect("TOML");
        config.extend(toml::from_str::<toml::Table>(more).expect("TOML"));
        let secret = BTreeMap::from([
            ("public_key".to_owned(), Secret::new(keys.0)),
            ("private_key".to_owned(), Secret::new(keys.1)),
        ]);
        let setup = Setup {
            mark: Mark::new(installation, "mongodb-atlas-portal"),
            config,
            secret,
            base_dir: PathBuf::from("."),
        };
        (registration().build)(setup).unwrap_or_else(|error| panic!("build: {error}"))
    }

    pub fn usual(&self, more: &str) -> Box<dyn Provider> {
        self.build(&self.simulator.url, "suite", OWNER, more)
    }

    pub fn with(&self, setting: Setting) -> Box<dyn Provider> {
        let url = &self.simulator.url;
        match setting {
            Setting::Usual => self.build(url, "suite", OWNER, ""),
            Setting::OtherInstallation => self.build(url, "another", OWNER, ""),
            Setting::WrongSecret => self.build(url, "suite", (OWNER.0, "wr0ng-private-key"), ""),
            // The discard port: nobody listens.
            Setting::Down => self.build("http://127.0.0.1:9", "suite", OWNER, ""),
        }
    }

    pub async fn cut(&self, nth: u32, cut: Cut) -> Cutting {
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

    /// Every user, role and person.
    pub fn all(&self) -> BTreeSet<String> {
        self.handle().pass_all();
        let world = self.handle().world();
        let mut all = BTreeSet::new();
        for group in &world.groups {
            for user in &group.users {
                let mut roles = user.roles.clone();
                roles.sort();
                all.insert(format!(
                    "{}: user {} has {roles:?} on {:?}, {:?}, until {:?}",
                    group.name, user.name, user.scopes, user.labels, user.delete_after
                ));
            }
            all.extend(
                group
                    .roles
                    .iter()
                    .map(|role| format!("{}: role {} allows {:?}", group.name, role.name, role.actions)),
            );
        }
        for person in &world.people {
            all.insert(format!(
                "{} is {} with {:?}, {:?}",
                person.email,
                person.status.as_str(),
                person.org_roles,
                person.group_roles
            ));
        }
        all
    }

    pub fn ran_since(&self) -> Vec<String> {
        let world = self.handle().world();
        let from = self.reported.swap(world.asked.len(), Ordering::SeqCst);
        let writes = world.asked[from..].iter().filter(|request| request.is_write());
        writes.map(|request| request.line()).collect()
    }

    pub fn check(&self) {
        check_contract(self.contract.as_deref(), self.handle());
    }

    /// The second project does not answer, and the rest does.
    pub fn break_crm(&self) {
        let path = format!("/groups/{}/", id(2));
        let (status, times) = (503, u32::MAX);
        self.handle().fault(&Fault::Answer { path, status, times });
    }

    pub fn mend_crm(&self) {
        let path = format!("/groups/{}/", id(2));
        self.handle().fault(&Fault::Mend { path });
    }
}

pub fn registration() -> &'static Registration {
    let found = ALL.iter().find(|one| one.kind == "mongodb-atlas-portal");
    found.expect("registered")
}

fn listed(below: &[String], permission: &str) -> Thing {
    let parts: Vec<&str> = below.iter().map(String::as_str).collect();
    let kind = if below.len() == 1 {
        "database"
    } else {
        "collection"
    };
    on_shop(kind, &parts, permission)
}

#[async_trait]
impl Target for Organization {
    fn registration(&self) -> &'static Registration {
        registration()
    }

    fn mark(&self) -> Mark {
        Mark::new("suite", "mongodb-atlas-portal")
    }

    fn offer(&self) -> Offer {
        let mut gone = on_shop("database", &["shop"], "read");
        gone.at.id[1] = "no-such-cluster".to_owned();
        Offer {
            read: on_shop("database", &["shop"], "read"),
            write: on_shop("database", &["shop"], "readWrite"),
            other: thing(
                "database",
                &[&id(2), "crm-main", "crm"],
                "crm/crm-main/crm",
                "read",
            ),
            nowhere: gone,
            more: vec![
                on_shop("cluster", &[], "readAnyDatabase"),
                on_shop("cluster", &[], "atlasAdmin"),
                on_shop("collection", &["shop", "orders"], "readWrite"),
                on_shop("collection", &["shop", "orders"], "manageIndexes"),
                on_shop("custom_role", &["", "reporting"], "member"),
            ],
        }
    }

    fn provider(&self, setting: Setting) -> Box<dyn Provider> {
        self.with(setting)
    }

    fn own_secrets(&self) -> Vec<Secret> {
        [OWNER.1, READER.1, "wr0ng-private-key"]
            .into_iter()
            .map(Secret::new)
            .collect()
    }

    async fn can(&self, login: &str, credential: &Secret, thing: &Thing) -> bool {
        let (deed, database, collection) = deed(&thing.at.kind, &thing.at.id[2..], &thing.permission);
        self.handle().world().can(
            &thing.at.id[0],
            &thing.at.id[1],
            (login, credential.expose()),
            deed,
            &database,
            &collection,
        )
    }

    async fn can_log_in(&self, login: &str, credential: &Secret) -> bool {
        let world = self.handle().world();
        let enters =
            |group: &str, cluster: &str| world.can_log_in(group, cluster, login, credential.expose());
        let mut groups = world.groups.iter();
        groups.any(|group| {
            group
                .clusters
                .iter()
                .any(|cluster| enters(&group.id, &cluster.name))
        })
    }

    async fn open_session(&self, login: &str, credential: &Secret) -> Option<Box<dyn Session>> {
        let enters = self.can_log_in(login, credential).await;
        enters.then(|| {
            let (login, handle) = (login.to_owned(), self.handle().clone());
            Box::new(Live { login, handle }) as Box<dyn Session>
        })
    }

    async fn everything(&self) -> BTreeSet<String> {
        self.all()
    }

    async fn ran(&self) -> Option<Vec<String>> {
        Some(self.ran_since())
    }

    async fn cut_after(&self, nth: u32, cut: Cut) -> Cutting {
        self.cut(nth, cut).await
    }

    async fn lacking(&self) -> Option<Lacking> {
        Some(Lacking {
            provider: self.build(&self.simulator.url, "suite", READER, ""),
            names: vec!["ORG_OWNER".to_owned(), "ORG_READ_ONLY".to_owned()],
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
        for number in [1, 2] {
            let group = world.group_mut(&id(number)).expect("the project");
            group.users.retain(|user| user.name != login);
            world.tell(&id(number));
        }
    }

    async fn expiry(&self, login: &str) -> Option<DateTime<Utc>> {
        let world = self.handle().world();
        let mut users = world.groups.iter().flat_map(|group| &group.users);
        users.find(|user| user.name == login)?.delete_after
    }

    async fn add_below(&self, _thing: &Thing) -> Option<Thing> {
        None
    }

    async fn break_part(&self) -> Option<()> {
        self.break_crm();
        Some(())
    }

    async fn mend_part(&self) {
        self.mend_crm();
    }

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
        let named = |why, kind, below: &[&str]| Named {
            why,
            thing: on_shop(kind, below, "read"),
        };
        vec![
            named("MongoDB's own database", "database", &["admin"]),
            named(
                "a name with quotes",
                "database",
                &[r#"x","roleName":"atlasAdmin"#],
            ),
            named("a system collection", "collection", &["shop", "system.users"]),
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
        self.check();
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
        let mut clusters = world.groups.iter().flat_map(|group| &group.clusters);
        clusters.any(|cluster| cluster.has.0.iter().any(|user| user.name == self.login))
    }

    async fn can(&mut self, thing: &Thing) -> bool {
        let (deed, database, collection) = deed(&thing.at.kind, &thing.at.id[2..], &thing.permission);
        let world = self.handle.world();
        let (group, cluster) = (&thing.at.id[0], &thing.at.id[1]);
        world.may(group, cluster, &self.login, deed, &database, &collection)
    }
}
