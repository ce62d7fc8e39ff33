//! MongoDB Atlas, a whole organization: roles in the console for people, and temporary database users on every cluster.
//!
//! Two kinds of login in one integration. Roles of the organization and its projects go to a person's own login, and exactly
//! what was given is taken. Everything on a cluster goes to database users of ours, made as `mongodb-atlas` makes them. Clusters
//! and what is below them are resources of this one integration, so that owners, rotation and cleanup hold for all of them.

mod check;
mod discover;
mod notes;
mod people;
mod person_preview;
mod person_turn;
mod place;
mod reader;
mod tags;

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};

use self::{
    discover::{Depth, Discoverer, LastRead},
    notes::PersonNotes,
    people::People,
    place::{At, PEOPLE},
    tags::Tags,
};
use super::{
    Account, AccountName, Change, Converged, Discovery, ErrorKind, Feature, Guide, Health, Lease, Mark,
    Observed, Person, Presence, Provider, ProviderError, Registration, ResourceRef, Result, Setup,
    atlas::{self, Client, Cluster, Data, Notes, Place, Sent, Settings, invalid, text},
};

pub const REGISTRATION: Registration = Registration {
    kind: "mongodb-atlas-portal",
    title: "MongoDB Atlas Portal",
    supports: &[Feature::Accounts, Feature::Expiry, Feature::Tags],
    at_once: 4,
    settles_in: Duration::from_secs(60),
    // As for a single cluster: a turn makes up to six requests, and each project has a budget of its own.
    per_minute: Some(60),
    keys: &[
        "organization_id",
        "deep_discovery",
        "tag_prefix",
        "connector_id",
        atlas::COMMON_KEYS[0],
        atlas::COMMON_KEYS[1],
        atlas::COMMON_KEYS[2],
        atlas::COMMON_KEYS[3],
    ],
    secret_keys: atlas::SECRET_KEYS,
    example: EXAMPLE,
    kinds: place::kinds,
    guide: GUIDE,
    build,
};

const GUIDE: Guide = Guide {
    connector: "An API key of the organization with the role Organization Owner (`ORG_OWNER`), made under Organization, \
Applications, API Keys; or a service account with that role, whose client id and secret are given as `public_key` and \
`private_key`. Where the key has an access list, it must hold the bot's address. With less than that role nothing is granted, \
and `latchkey check` names what it lacks.",
    granted: "Roles of the organization and of projects are given to the person's own login, found by their e-mail address; \
what they held before, themselves or by a team, is neither given nor taken. Who is not in the organization is invited: their \
card says so, their time starts when they accept, and the invitation is withdrawn if they do not. On clusters each person has \
database users of ours, as with `mongodb-atlas`. Which address people are shown follows the cluster's tags: \
`apono-connection-type` (`Private`, `PrivateEndpoint`) and `apono_private_endpoint_id`; a cluster whose `apono-connector-id` is \
not the `connector_id` configured is listed and not granted. `latchkey-connection-type` and the like go before those.",
    limits: &[
        "Console sessions cannot be ended; Atlas looks at roles again with every page.",
        "API keys, service accounts and database users that somebody made while owner stay; their owner is told.",
        "Where a federation maps roles from groups, Atlas overwrites what is given here at the person's next login.",
        "Adding somebody to a project makes them a member of the organization. They stay one until cleanup, which removes \
only people whom this program brought in and who hold nothing else.",
        "The last owner of an organization cannot be taken away; Atlas refuses, and the owner of the integration is told.",
        "A discovery reads for 50 seconds. What it did not get to stays as it was, and comes first the next time.",
        "The API key itself cannot be replaced by this program: make a new one and change the secret.",
    ],
};

const EXAMPLE: &str = r#"name = "atlas"
kind = "mongodb-atlas-portal"
organization_id = "5e1a2b3c4d5e6f7a8b9c0d1e"     # 24 digits, as in the address of the organization's page
deep_discovery = "everything"                     # clusters too, with databases, collections and roles; or "clusters", "off" (default)
start_within = "24h"                              # so long people have to accept an invitation; the default is 10 min
# tag_prefix = "apono"                            # whose tags on clusters are read beside our own latchkey-...
# connector_id = "eu-1"                           # clusters tagged with another connector's id are not ours to serve
# server_side_expiry = true                       # Atlas deletes a database user by itself, an hour after its last lease
# base_url = "https://cloud.mongodb.com"          # "https://cloud.mongodbgov.com" for Atlas for Government
# settle_seconds = 3                              # a cluster's status counts so long after our change; 0 to 600
# poll_seconds = 2                                # first pause between two looks at it, growing to 15 s; above 0 to 60
# An API key with Organization Owner, or a service account's client id and secret.
secret = { public_key = "env:ATLAS_PUBLIC_KEY", private_key = "env:ATLAS_PRIVATE_KEY" }
"#;

/// Projects asked at a time.
const AT_ONCE: usize = 4;

struct Portal {
    mark: Mark,
    client: Client,
    settings: Settings,
    sent: Sent,
    org: String,
    depth: Depth,
    tags: Tags,
    /// Where people sign in.
    portal: String,
    last_read: Mutex<LastRead>,
}

fn build(setup: Setup) -> Result<Box<dyn Provider>> {
    let Setup {
        mark, config, secret, ..
    } = setup;
    let org = atlas::group_id(&config, "organization_id")?;
    let depth = Depth::parse(text(&config, "deep_discovery")?)?;
    let prefix = text(&config, "tag_prefix")?.unwrap_or("apono");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if prefix.is_empty() || !prefix.chars().all(plain) {
        return Err(invalid(
            "tag_prefix must be letters, digits, dots, dashes and underscores",
        ));
    }
    let tags = Tags {
        prefix: prefix.to_owned(),
        connector: text(&config, "connector_id")?.map(str::to_owned),
    };
    let settings = Settings::parse(&config)?;
    let client = Settings::client(&config, secret)?;
    Ok(Box::new(Portal {
        mark,
        settings,
        portal: format!("{}/v2#/org/{org}/projects", client.origin()),
        client,
        sent: Sent::default(),
        org,
        depth,
        tags,
        last_read: Mutex::default(),
    }))
}

#[async_trait]
impl Provider for Portal {
    async fn check(&self) -> Result<Health> {
        check::check(&self.client, &self.org).await
    }

    async fn discover(&self) -> Result<Discovery> {
        let discoverer = Discoverer {
            client: &self.client,
            org: &self.org,
            depth: self.depth,
            tags: &self.tags,
            last_read: &self.last_read,
        };
        discoverer.discover().await
    }

    fn scope(&self, resource: &ResourceRef, permission: &str) -> String {
        match At::of(&self.org, resource) {
            Some(At::Data(place, below)) => {
                let more = atlas::scope(&self.mark, &resource.kind, &below, permission);
                format!("{}/{}/{more}", place.group, place.cluster)
            }
            // What is nowhere is never granted, and disturbs nothing among a person's own.
            Some(At::Organization | At::Project(_)) | None => PEOPLE.to_owned(),
        }
    }

    fn account(&self, person: &Person, scope: &str) -> AccountName {
        if scope == PEOPLE {
            let login = person.login.as_ref().unwrap_or(&person.email);
            return AccountName::Theirs(login.trim().to_lowercase());
        }
        AccountName::Ours(self.mark.account_name(person, scope))
    }

    fn preview(&self, account: &Account, change: &Change) -> Vec<String> {
        match &account.name {
            AccountName::Theirs(email) => person_preview::person_preview(&self.org, email, change),
            AccountName::Ours(_) => match self.known_place(account, change.ensure(), &change.release) {
                Some(place) => {
                    let split = self.split(&place);
                    atlas::preview(&self.mark, &self.settings, &place, account, change, &split)
                }
                None => Vec::new(),
            },
            AccountName::Shared(_) => Vec::new(),
        }
    }

    async fn converge(&self, account: &Account, change: &Change) -> Result<Converged> {
        match &account.name {
            AccountName::Theirs(email) => {
                let people = self.people();
                people
                    .converge(email, change, PersonNotes::read(&account.memo))
                    .await
            }
            AccountName::Ours(login) => {
                self.check_stamp(login)?;
                self.converge_user(account, login, change).await
            }
            AccountName::Shared(_) => Err(ProviderError::new(
                ErrorKind::Unsupported,
                "nobody's login can be given access here",
            )),
        }
    }

    async fn observe(&self, account: &Account, leases: &[Lease]) -> Result<Observed> {
        if let AccountName::Theirs(email) = &account.name {
            return self
                .people()
                .observe(email, leases, PersonNotes::read(&account.memo))
                .await;
        }
        let login = account.name.login();
        let data = self.data();
        let mut observed = Observed {
            presence: Presence::NotOurs,
            held: leases.iter().map(|lease| (lease.id.clone(), false)).collect(),
            sessions: None,
            memo: account.memo.clone(),
        };
        if self.check_stamp(login).is_err() || !account.name.is_ours() {
            return Ok(observed);
        }
        let Some(place) = self.place(account, leases, &[]).await? else {
            observed.presence = Presence::Absent;
            return Ok(observed);
        };
        let user = self.client.user(&place.group, login).await?;
        observed.presence = data.presence(user.as_ref());
        for lease in leases {
            let held = match (&user, At::of(&self.org, &lease.resource)) {
                (Some(user), Some(At::Data(at, below))) if at == place => data.holds(
                    user,
                    &place.cluster,
                    &lease.resource.kind,
                    &below,
                    &lease.permission,
                ),
                _ => false,
            };
            observed.held.insert(lease.id.clone(), held);
        }
        Ok(observed)
    }

    async fn accounts(&self) -> Result<Vec<AccountName>> {
        let groups = self.client.groups(&self.org).await?;
        let users = groups
            .into_iter()
            .map(|group| async move { self.client.users(&group.id).await });
        let users: Vec<_> = stream::iter(users).buffered(AT_ONCE).try_concat().await?;
        let data = self.data();
        let ours = users.into_iter().filter(|user| data.is_ours(user));
        Ok(ours.map(|user| AccountName::Ours(user.username)).collect())
    }
}

impl Portal {
    fn data(&self) -> Data<'_> {
        Data {
            client: &self.client,
            mark: &self.mark,
            settings: &self.settings,
            sent: &self.sent,
        }
    }

    fn people(&self) -> People<'_> {
        People {
            client: &self.client,
            org: &self.org,
            portal: &self.portal,
        }
    }

    fn check_stamp(&self, login: &str) -> Result<()> {
        match self.mark.names_account(login) {
            true => Ok(()),
            false => Err(ProviderError::new(
                ErrorKind::Taken,
                format!("{login} does not carry our stamp"),
            )),
        }
    }

    /// What is below the place in a lease's id.
    fn split<'p>(&'p self, place: &'p Place) -> impl Fn(&Lease) -> Option<Vec<String>> + Send + Sync + 'p {
        move |lease| match At::of(&self.org, &lease.resource) {
            Some(At::Data(at, below)) if at == *place => Some(below),
            _ => None,
        }
    }

    /// Where a login of ours is, as far as that is known without asking: its name does not tell.
    fn known_place(&self, account: &Account, ensure: &[Lease], release: &[Lease]) -> Option<Place> {
        let noted = Notes::read(&account.memo).place;
        let noted = noted.map(|(group, cluster)| Place { group, cluster });
        let of_lease = |lease: &Lease| match At::of(&self.org, &lease.resource) {
            Some(At::Data(place, _)) => Some(place),
            _ => None,
        };
        noted.or_else(|| ensure.iter().chain(release).find_map(of_lease))
    }

    async fn place(&self, account: &Account, ensure: &[Lease], release: &[Lease]) -> Result<Option<Place>> {
        match self.known_place(account, ensure, release) {
            Some(place) => Ok(Some(place)),
            // Nobody remembers it, so every project is asked.
            None => self.search(account.name.login()).await,
        }
    }

    async fn search(&self, login: &str) -> Result<Option<Place>> {
        for group in self.client.groups(&self.org).await? {
            if let Some(user) = self.client.user(&group.id, login).await? {
                // One of ours enters one cluster; whatever else has our name is looked at, and left alone.
                let cluster = user.scopes.into_iter().next().map(|scope| scope.name);
                return Ok(Some(Place {
                    group: group.id,
                    cluster: cluster.unwrap_or_default(),
                }));
            }
        }
        Ok(None)
    }

    async fn converge_user(&self, account: &Account, login: &str, change: &Change) -> Result<Converged> {
        let Some(place) = self.place(account, change.ensure(), &change.release).await? else {
            return Ok(Converged::default());
        };
        let split = self.split(&place);
        let route = |cluster: &Cluster| self.tags.route(cluster);
        let notes = Notes::read(&account.memo);
        let answer = self
            .data()
            .converge(place.clone(), login, change, notes, &split, &route)
            .await;
        match answer {
            // A project that is away or shut to us must not look as if the whole organization were.
            Err(error) if self.is_of_a_part(&error).await => Ok(Converged {
                failed: change
                    .ensure()
                    .iter()
                    .chain(&change.release)
                    .map(|lease| (lease.id.clone(), error.clone()))
                    .collect(),
                waiting: Some(error.message),
                memo: account.memo.clone(),
                ..Converged::default()
            }),
            answer => answer,
        }
    }

    /// Whether the organization answers, though a project did not.
    async fn is_of_a_part(&self, error: &ProviderError) -> bool {
        let part = match error.kind {
            ErrorKind::Transient => error.retry_after.is_none(),
            ErrorKind::Denied => true,
            ErrorKind::Invalid | ErrorKind::Taken | ErrorKind::Unsupported => false,
        };
        part && self.client.organization(&self.org).await.is_ok()
    }
}
