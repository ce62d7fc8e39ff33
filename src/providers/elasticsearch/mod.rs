//! Elasticsearch 7.9 and later: temporary users and roles of the native realm of one cluster.
//!
//! One user per person, whose list of roles is written as a whole. Each lease on an index is a role of its own; a lease on a
//! role is that role in the list. An API key keeps what its maker could when it was made, and outlives roles, locks and even
//! its maker: so whenever something is taken back, all that the login minted is invalidated, last, when none can be made anew.

mod calls;
mod check;
mod converge;
mod discover;
mod plan;
mod preview;
mod wire;

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;

use self::wire::{Role, User};
use super::{
    Account, AccountName, Change, Converged, Discovery, ErrorKind, Feature, Guide, Health, Lease, Mark,
    Observed, Person, Presence, Provider, ProviderError, Registration, Result, Setup,
    search::{
        client::Client,
        config::{self, Config, invalid},
        place::{Access, Place},
    },
};

pub const REGISTRATION: Registration = Registration {
    kind: "elasticsearch",
    title: "Elasticsearch",
    supports: &[Feature::Accounts, Feature::Tags],
    at_once: 4,
    // An exchange is given up after 20 s; what the cluster began by then it ends soon after.
    settles_in: Duration::from_secs(30),
    per_minute: None,
    keys: &["url", "tls_ca", "proxy", RESERVED_ROLES],
    secret_keys: config::SECRET_KEYS,
    example: EXAMPLE,
    kinds: discover::kinds,
    guide: GUIDE,
    build: |setup| Ok(Box::new(Elasticsearch::new(&setup)?)),
};

const EXAMPLE: &str = r#"name = "logs"
kind = "elasticsearch"
url = "https://logs.es.example.com:9200"
tls_ca = "file:logs-ca.pem"            # absent: the machine's own certificate authorities
# proxy = "http://proxy.example.com:3128"   # an HTTP proxy on the way to the cluster
# reserved_roles = ["viewer"]          # roles of the system's own that may be asked for; never superuser
secret = "file:secrets/logs.json"      # {"username": "...", "password": "..."}
"#;

const GUIDE: Guide = Guide {
    connector: "A user of the native realm with a role of its own: `PUT /_security/role/latchkey \
{\"cluster\": [\"monitor\", \"manage_security\"], \"indices\": [{\"names\": [\"*\"], \"privileges\": [\"monitor\", \
\"view_index_metadata\"]}]}`, then `PUT /_security/user/latchkey {\"roles\": [\"latchkey\"], \"password\": \"…\"}`. Without \
`view_index_metadata` aliases and owner tags are not seen; the rest works. The owner tag of an index is a text in the `_meta` \
of its mapping.",
    granted: "Each person has one user, `jit_…`, and each lease on an index, alias or data stream a role, `jitg_…`, that \
allows exactly that; a lease on a role of yours puts that role on the user. Taking it back deletes the lease's role, writes the \
user's list without it, and invalidates every API key and token that the login made, also those of a lease that goes on: a key \
keeps what its maker could when it was made. Without a lease the user is disabled, with a password nobody knows. Users carry \
our mark in their metadata; others are never touched.",
    limits: &[
        "Requests are not sessions: nothing is left to be ended or counted. A search that runs may finish.",
        "The system has no expiry of its own: the end is kept by this program alone.",
        "Transforms, watches, datafeeds and lifecycle policies keep the rights of whoever saved them last: `manage` and roles \
can leave such things behind.",
        "Clusters without security (a proxy in front that asks for passwords) and Serverless have no users to give access to; \
`latchkey check` says so.",
        "The connector logs in by user and password, not by an API key; a proxy on the way is used without a password.",
    ],
};

const RESERVED_ROLES: &str = "reserved_roles";
/// May do everything, to us too.
const SUPERUSER: &str = "superuser";
/// What outlives a lease that could make it.
const LEAVES: &str = "Transforms, watches, datafeeds and lifecycle policies saved with this access keep its rights after it ends.";

/// Whether a lease could leave things behind that act with its rights.
fn may_leave_things(lease: &Lease) -> bool {
    match Place::and_access(lease) {
        Ok((_, Access::Manage | Access::Member)) => true,
        Ok((_, Access::Read | Access::Write | Access::ReadWrite | Access::Monitor)) | Err(_) => false,
    }
}

pub struct Elasticsearch {
    mark: Mark,
    client: Client,
    /// The system's own roles that may be asked for all the same.
    reserved_roles: Vec<String>,
}

impl Elasticsearch {
    fn new(setup: &Setup) -> Result<Self> {
        let reserved_roles = config::names(&setup.config, RESERVED_ROLES)?;
        if reserved_roles.iter().any(|name| name == SUPERUSER) {
            return Err(invalid(format!("{RESERVED_ROLES}: {SUPERUSER} is never given")));
        }
        Ok(Self {
            mark: setup.mark.clone(),
            client: Client::new("Elasticsearch", Config::parse(setup)?),
            reserved_roles,
        })
    }

    async fn user(&self, login: &str) -> Result<Option<User>> {
        let mut found: BTreeMap<String, User> = match self.client.find(&calls::user(login)).await? {
            Some(found) => found,
            None => return Ok(None),
        };
        Ok(found.remove(login))
    }

    async fn roles(&self) -> Result<BTreeMap<String, Role>> {
        self.client.ask(&calls::roles()).await
    }

    /// The login, if it is one that we may touch; whether it carries our mark is seen when it is looked at.
    fn ours<'a>(&self, name: &'a AccountName) -> Result<&'a str> {
        match name {
            AccountName::Ours(login) if self.mark.names_account(login) => Ok(login),
            AccountName::Ours(login) => Err(plan::taken(&format!("a user {login}"))),
            AccountName::Theirs(_) | AccountName::Shared(_) => Err(ProviderError::new(
                ErrorKind::Unsupported,
                "only logins that we made can be given access here",
            )),
        }
    }
}

#[async_trait]
impl Provider for Elasticsearch {
    async fn check(&self) -> Result<Health> {
        check::check(self).await
    }

    async fn discover(&self) -> Result<Discovery> {
        discover::discover(self).await
    }

    fn account(&self, person: &Person, scope: &str) -> AccountName {
        AccountName::Ours(self.mark.account_name(person, scope))
    }

    fn preview(&self, account: &Account, change: &Change) -> Vec<String> {
        preview::preview(self, account, change)
    }

    async fn converge(&self, account: &Account, change: &Change) -> Result<Converged> {
        let login = self.ours(&account.name)?;
        converge::converge(self, login, account, change).await
    }

    async fn observe(&self, account: &Account, leases: &[Lease]) -> Result<Observed> {
        let login = account.name.login();
        let user = self.user(login).await?;
        let presence = match &user {
            None => Presence::Absent,
            Some(user) if self.ours(&account.name).is_err() || !user.is_marked(&self.mark) => {
                Presence::NotOurs
            }
            Some(user) if user.enabled => Presence::Enabled,
            Some(_) => Presence::Disabled,
        };
        let roles = match &user {
            Some(_) if !leases.is_empty() => self.roles().await?,
            Some(_) | None => BTreeMap::new(),
        };
        let held = |lease: &Lease| {
            let role = match Place::of(&lease.resource) {
                Ok(Place::Role(name)) => name,
                Ok(Place::Index(_)) => self.mark.lease_role(&lease.id),
                Err(_) => return false,
            };
            // A role in the list that is not there gives nothing.
            roles.contains_key(&role) && user.as_ref().is_some_and(|user| user.roles.contains(&role))
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
        let users: BTreeMap<String, User> = self.client.ask(&calls::users()).await?;
        let ours = users
            .into_iter()
            .filter(|(login, user)| self.mark.names_account(login) && user.is_marked(&self.mark));
        Ok(ours.map(|(login, _)| AccountName::Ours(login)).collect())
    }
}
