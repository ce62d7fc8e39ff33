//! OpenSearch with its Security plugin: temporary internal users and roles of one cluster.
//!
//! One user per person; each lease on an index is a role of its own; a lease on a role is that role in the user's list. Role
//! mappings are never written: they hold other people's standing access. All users live in one document, and so do all roles:
//! writes that meet are tried again.

mod calls;
mod check;
mod converge;
mod discover;
mod plan;
mod preview;
mod wire;

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use async_trait::async_trait;

use self::{
    calls::Prefix,
    wire::{Role, User},
};
use super::{
    Account, AccountName, Change, Converged, Discovery, ErrorKind, Feature, Guide, Health, Lease, Mark,
    Observed, Person, Presence, Provider, ProviderError, Registration, Result, Setup,
    search::{
        client::{As, Client},
        config::{self, Config, invalid},
        error,
        place::Place,
    },
};

pub const REGISTRATION: Registration = Registration {
    kind: "opensearch",
    title: "OpenSearch",
    supports: &[Feature::Accounts, Feature::Tags],
    // All users are one document: writes side by side would only meet each other.
    at_once: 1,
    // An exchange is given up after 20 s; what the cluster began by then it ends soon after.
    settles_in: Duration::from_secs(30),
    per_minute: None,
    keys: &["url", "tls_ca", "proxy", RESERVED_ROLES, DASHBOARDS_ROLE],
    secret_keys: config::SECRET_KEYS,
    example: EXAMPLE,
    kinds: discover::kinds,
    guide: GUIDE,
    build: |setup| Ok(Box::new(OpenSearch::new(&setup)?)),
};

const EXAMPLE: &str = r#"name = "search"
kind = "opensearch"
url = "https://search.example.com:9200"
tls_ca = "file:search-ca.pem"          # absent: the machine's own certificate authorities
# proxy = "http://proxy.example.com:3128"   # an HTTP proxy on the way to the cluster
# reserved_roles = ["all_access"]      # roles above all others that may be asked for all the same
# dashboards_role = "kibana_user"      # every login with access gets this one too, for OpenSearch Dashboards
secret = "file:secrets/search.json"    # {"username": "...", "password": "..."}
"#;

const GUIDE: Guide = Guide {
    connector: "An internal user whose role may use the security API: `all_access`, on Amazon OpenSearch Service \
`security_manager` (fine-grained access control with the internal user database). That role must be named in \
`plugins.security.restapi.roles_enabled`; no other permission replaces this. To list indices it also takes \
`cluster:monitor/main` and `cluster:monitor/state`. The owner tag of an index is a text in the `_meta` of its mapping.",
    granted: "Each person has one internal user, `jit_…`, and each lease on an index, alias or data stream a role, `jitg_…`, \
that allows exactly that; a lease on a role of yours puts that role into the user's own list. Taking it back deletes the \
lease's role, writes the list without it and flushes the caches; without a lease the list is empty and the password one that \
nobody knows. Users carry our mark in their attributes, roles in their description. Role mappings are never written.",
    limits: &[
        "Requests are not sessions: nothing is left to be ended or counted. A search that runs may finish, and scrolls and \
points in time end by themselves.",
        "The system has no lock for a user and no expiry: a shut login has no role and a random password, and the end is kept \
by this program alone.",
        "A lease on an alias opens the indices behind it by their own names, too: that is how the Security plugin reads it.",
        "On-behalf-of tokens cannot be listed or ended: roles of yours that may make them should not be asked for.",
        "Whatever role mappings give to everybody (`users: [\"*\"]`) a shut login would have too, if anybody knew its password.",
        "An index whose name holds `${` is not offered: in a role it would be a variable.",
    ],
};

const RESERVED_ROLES: &str = "reserved_roles";
const DASHBOARDS_ROLE: &str = "dashboards_role";
/// Who has one of these may give themselves anything.
const ABOVE_ALL: [&str; 4] = [
    "all_access",
    "security_manager",
    "security_rest_api_access",
    "security_rest_api_full_access",
];
const MANAGE: &str = "everything on the index: documents, settings, mappings, aliases; close and delete it";

pub struct OpenSearch {
    mark: Mark,
    client: Client,
    /// Roles above all others that may be asked for all the same.
    reserved_roles: Vec<String>,
    dashboards_role: Option<String>,
    /// Found out once.
    prefix: OnceLock<Prefix>,
}

impl OpenSearch {
    fn new(setup: &Setup) -> Result<Self> {
        let dashboards_role = config::text(&setup.config, DASHBOARDS_ROLE)?;
        if dashboards_role
            .as_deref()
            .is_some_and(|role| ABOVE_ALL.contains(&role))
        {
            return Err(invalid(format!(
                "{DASHBOARDS_ROLE}: that one is not for everybody"
            )));
        }
        Ok(Self {
            mark: setup.mark.clone(),
            client: Client::new("OpenSearch", Config::parse(setup)?),
            reserved_roles: config::names(&setup.config, RESERVED_ROLES)?,
            dashboards_role,
            prefix: OnceLock::new(),
        })
    }

    /// Where the plugin answers. Who logs in is checked on the way.
    ///
    /// # Errors
    /// `Unsupported` where nothing answers: the cluster has no users.
    async fn prefix(&self) -> Result<Prefix> {
        if let Some(prefix) = self.prefix.get() {
            return Ok(*prefix);
        }
        for prefix in [Prefix::Plugins, Prefix::Opendistro] {
            let call = prefix.authinfo();
            let reply = self.client.exchange(&call, As::Connector).await?;
            if error::is_unknown_path(reply.status, &reply.told()) {
                continue;
            }
            self.client.accept(&call, &reply)?;
            return Ok(*self.prefix.get_or_init(|| prefix));
        }
        Err(ProviderError::new(
            ErrorKind::Unsupported,
            "this cluster runs without the Security plugin: it has no users, and a proxy in front of it that asks for \
             passwords cannot be given any",
        ))
    }

    async fn user(&self, login: &str) -> Result<Option<User>> {
        let call = self.prefix().await?.user(login);
        let mut found: BTreeMap<String, User> = match self.client.find(&call).await? {
            Some(found) => found,
            None => return Ok(None),
        };
        Ok(found.remove(login))
    }

    async fn roles(&self) -> Result<BTreeMap<String, Role>> {
        let call = self.prefix().await?.roles();
        self.client.ask(&call).await
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
impl Provider for OpenSearch {
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
            Some(user) if user.is_shut() => Presence::Disabled,
            Some(_) => Presence::Enabled,
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
        let call = self.prefix().await?.users();
        let users: BTreeMap<String, User> = self.client.ask(&call).await?;
        let ours = users
            .into_iter()
            .filter(|(login, user)| self.mark.names_account(login) && user.is_marked(&self.mark));
        Ok(ours.map(|(login, _)| AccountName::Ours(login)).collect())
    }
}
