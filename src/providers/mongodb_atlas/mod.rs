//! MongoDB Atlas: temporary database users on one cluster, through the Administration API. No connection to the cluster is
//! ever made.
//!
//! One user per person holds everything that built-in roles give; each custom role has a user of its own, since Atlas lets a
//! user with a custom role hold nothing else. Users enter this cluster only (`scopes`), carry our mark as a label, and, unless
//! switched off, are deleted by Atlas itself an hour after the last lease should have ended.

mod check;
mod discover;

use std::time::Duration;

use async_trait::async_trait;

use super::{
    Account, AccountName, Change, Converged, Discovery, ErrorKind, Feature, Guide, Health, Lease, Mark,
    Observed, Person, Presence, Provider, ProviderError, Registration, ResourceRef, Result, Setup,
    atlas::{self, Client, Cluster, Connection, Data, Notes, Place, Sent, Settings, invalid, text},
};

pub const REGISTRATION: Registration = Registration {
    kind: "mongodb-atlas",
    title: "MongoDB Atlas",
    supports: &[Feature::Accounts, Feature::Expiry, Feature::Tags],
    at_once: 4,
    // A change that was answered is known to the API at once; one whose answer was lost may still be on its way to it.
    settles_in: Duration::from_secs(60),
    // A turn makes up to four requests; the oldest limit that MongoDB published is a hundred a minute and project.
    per_minute: Some(60),
    keys: &[
        "project_id",
        "cluster_name",
        "cluster_type",
        "private_endpoint_id",
        atlas::COMMON_KEYS[0],
        atlas::COMMON_KEYS[1],
        atlas::COMMON_KEYS[2],
        atlas::COMMON_KEYS[3],
    ],
    secret_keys: atlas::SECRET_KEYS,
    example: EXAMPLE,
    kinds: atlas::data_kinds,
    guide: GUIDE,
    build,
};

const GUIDE: Guide = Guide {
    connector: "An API key of the organization with the role Project Owner (`GROUP_OWNER`) on the project, made under \
Organization, Applications, API Keys; or a service account with that role, whose client id and secret are given as \
`public_key` and `private_key`. Where the key has an access list, it must hold the bot's address. `latchkey check` says \
which of this is missing.",
    granted: "Each person has one database user on the cluster, `jit_…`, with the built-in roles asked for and the right to \
enter this cluster only; it is told to the person once the cluster says that it has it. A custom role of the project's, and \
`manageIndexes`, which no built-in role gives, are held by a user of their own. For `manageIndexes` one role `jits_…` is made \
for each database or collection, shared by all who ask for it and deleted with its last holder. Taking back deletes the user; \
with `server_side_expiry = false` it is left with a role that allows nothing and a password nobody knows. With it on, the \
default, Atlas deletes the user itself an hour after the end, should the bot be down.",
    limits: &[
        "Live connections cannot be seen or ended; the cluster refuses every command on them once the user is gone.",
        "A project has room for 100 database users and 100 custom roles: `latchkey check` warns from 90 % on.",
        "Collections are listed as Atlas ranks the busiest; any other can be typed. For M0 and Flex clusters nothing is \
listed, and names are typed.",
        "A name that is typed is not looked up: MongoDB lets a role name what does not exist yet.",
        "While the cluster is paused nothing is granted; what is taken back meanwhile is gone when it goes on.",
        "The API key itself cannot be replaced by this program: make a new one and change the secret.",
    ],
};

const EXAMPLE: &str = r#"name = "atlas-shop"
kind = "mongodb-atlas"
project_id = "5f1a2b3c4d5e6f7a8b9c0d1e"          # 24 digits, as in the address of the project's page
cluster_name = "cluster0"
# cluster_type = "Standard"                       # the address people are shown: or "Private", "PrivateEndpoint"
# private_endpoint_id = "vpce-0123456789abcdef0"  # needed for "PrivateEndpoint"
# server_side_expiry = true                       # Atlas deletes a user by itself, an hour after its last lease
# base_url = "https://cloud.mongodb.com"          # "https://cloud.mongodbgov.com" for Atlas for Government
# settle_seconds = 3                              # a cluster's status counts so long after our change; 0 to 600
# poll_seconds = 2                                # first pause between two looks at it, growing to 15 s; above 0 to 60
# An API key with Project Owner, or a service account's client id and secret.
secret = { public_key = "env:ATLAS_PUBLIC_KEY", private_key = "env:ATLAS_PRIVATE_KEY" }
"#;

struct MongodbAtlas {
    mark: Mark,
    client: Client,
    settings: Settings,
    sent: Sent,
    group: String,
    cluster: String,
    connection: Connection,
}

fn build(setup: Setup) -> Result<Box<dyn Provider>> {
    let Setup {
        mark, config, secret, ..
    } = setup;
    let group = atlas::group_id(&config, "project_id")?;
    let cluster = text(&config, "cluster_name")?.ok_or_else(|| invalid("cluster_name is missing"))?;
    if !atlas::is_cluster_name(cluster) {
        return Err(invalid(
            "cluster_name must be letters, digits and dashes, not beginning with a dash",
        ));
    }
    let (kind, endpoint) = (
        text(&config, "cluster_type")?,
        text(&config, "private_endpoint_id")?,
    );
    let connection = Connection::parse(kind, endpoint)
        .map_err(|why| invalid(format!("cluster_type, private_endpoint_id: {why}")))?;
    Ok(Box::new(MongodbAtlas {
        mark,
        settings: Settings::parse(&config)?,
        client: Settings::client(&config, secret)?,
        sent: Sent::default(),
        group,
        cluster: cluster.to_owned(),
        connection,
    }))
}

#[async_trait]
impl Provider for MongodbAtlas {
    async fn check(&self) -> Result<Health> {
        check::check(&self.client, &self.group, &self.cluster, &self.connection).await
    }

    async fn discover(&self) -> Result<Discovery> {
        discover::discover(&self.client, &self.group, &self.cluster, &self.connection).await
    }

    fn scope(&self, resource: &ResourceRef, permission: &str) -> String {
        match self.below(resource) {
            Some(below) => atlas::scope(&self.mark, &resource.kind, below, permission),
            // On another cluster: never granted here, but it disturbs no other login either.
            None => String::new(),
        }
    }

    fn account(&self, person: &Person, scope: &str) -> AccountName {
        AccountName::Ours(self.mark.account_name(person, scope))
    }

    fn preview(&self, account: &Account, change: &Change) -> Vec<String> {
        let split = |lease: &Lease| self.below(&lease.resource).map(<[String]>::to_vec);
        atlas::preview(&self.mark, &self.settings, &self.place(), account, change, &split)
    }

    async fn converge(&self, account: &Account, change: &Change) -> Result<Converged> {
        let login = self.ours(&account.name)?;
        let split = |lease: &Lease| self.below(&lease.resource).map(<[String]>::to_vec);
        let connection = |_: &Cluster| Ok(self.connection.clone());
        let notes = Notes::read(&account.memo);
        self.data()
            .converge(self.place(), login, change, notes, &split, &connection)
            .await
    }

    async fn observe(&self, account: &Account, leases: &[Lease]) -> Result<Observed> {
        let data = self.data();
        let (user, presence) = match self.ours(&account.name) {
            Err(_) => (None, Presence::NotOurs),
            Ok(login) => {
                let user = self.client.user(&self.group, login).await?;
                let presence = data.presence(user.as_ref());
                (user, presence)
            }
        };
        let held = |lease: &Lease| {
            user.as_ref()
                .zip(self.below(&lease.resource))
                .is_some_and(|(user, below)| {
                    data.holds(
                        user,
                        &self.cluster,
                        &lease.resource.kind,
                        below,
                        &lease.permission,
                    )
                })
        };
        Ok(Observed {
            presence,
            held: leases
                .iter()
                .map(|lease| (lease.id.clone(), held(lease)))
                .collect(),
            sessions: None,
            memo: account.memo.clone(),
        })
    }

    async fn accounts(&self) -> Result<Vec<AccountName>> {
        let data = self.data();
        let users = self.client.users(&self.group).await?;
        let ours = users.into_iter().filter(|user| data.is_ours(user));
        Ok(ours.map(|user| AccountName::Ours(user.username)).collect())
    }
}

impl MongodbAtlas {
    fn data(&self) -> Data<'_> {
        Data {
            client: &self.client,
            mark: &self.mark,
            settings: &self.settings,
            sent: &self.sent,
        }
    }

    fn place(&self) -> Place {
        Place {
            group: self.group.clone(),
            cluster: self.cluster.clone(),
        }
    }

    /// What follows our cluster in the id; `None` where it is on another.
    fn below<'r>(&self, resource: &'r ResourceRef) -> Option<&'r [String]> {
        let (cluster, below) = resource.id.split_first()?;
        (*cluster == self.cluster).then_some(below)
    }

    /// The login, if its name is one that we give. Whether the user there is ours its label tells.
    fn ours<'a>(&self, name: &'a AccountName) -> Result<&'a str> {
        match name {
            AccountName::Ours(login) if self.mark.names_account(login) => Ok(login),
            AccountName::Ours(login) => Err(ProviderError::new(
                ErrorKind::Taken,
                format!("{login} does not carry our stamp"),
            )),
            AccountName::Theirs(_) | AccountName::Shared(_) => Err(ProviderError::new(
                ErrorKind::Unsupported,
                "only logins that we made can be given access here",
            )),
        }
    }
}
