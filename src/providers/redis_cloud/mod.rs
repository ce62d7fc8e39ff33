//! Redis Cloud: temporary ACL users through the account's REST API. No connection to a database is ever made.
//!
//! One user per (person, database, rule), since a user holds exactly one role. Roles `jits_<stamp>_<hash>` carry one rule
//! on one database and are shared; `jits_<stamp>_none` allows nothing. To take access back, one call gives the user that
//! role and a password nobody knows; where such a role cannot be had, the user is deleted.

mod client;
mod details;
mod discover;
mod grant;
mod notes;
mod plan;
mod sent;
mod turn;
mod under_way;
mod verdict;
mod wire;
mod write;

use std::time::Duration;

use async_trait::async_trait;

use self::{client::Client, grant::Grant, notes::Notes, sent::Sent, turn::Turn};
use super::{
    Account, AccountName, Change, Converged, Credential, Discovery, ErrorKind, Feature, Guide, Health, Lease,
    Mark, Observed, Person, Presence, Provider, ProviderError, Registration, ResourceRef, Result, Setup,
    http,
};
use crate::secrets::Secret;

pub const REGISTRATION: Registration = Registration {
    kind: "redis-cloud",
    title: "Redis Cloud",
    supports: &[Feature::Accounts, Feature::Tags],
    // The account works on one operation at a time.
    at_once: 1,
    // A call that was cut shows up among the account's tasks within this; tasks seen there are waited for as long as they last.
    settles_in: Duration::from_secs(60),
    // A turn makes up to five requests of the 400 a minute that the vendor's own client allows itself.
    per_minute: Some(80),
    keys: &["base_url", "settle_seconds", "poll_seconds"],
    secret_keys: &["api_key", "secret_key"],
    example: EXAMPLE,
    kinds: discover::built_in_kinds,
    guide: GUIDE,
    build,
};

const GUIDE: Guide = Guide {
    connector: "The account's API, switched on under Access Management, API Keys: the account key and a user key of an \
Owner. A Viewer's key can look but not revoke, and `latchkey check` says so. A key with an allow list must list the bot's address.",
    granted: "A user holds exactly one role, so each person has one user for each database and rule, `jit_…`, on a role \
`jits_…` that carries the rule on that database and is shared by all who ask for the same. Taking it back gives the user a \
role that allows nothing and a password nobody knows, in one call. Built-in rules and your own can be asked for; so can \
roles of yours, where the configuration names them. No connection to a database is ever made.",
    limits: &[
        "Live connections cannot be seen or ended; Redis Cloud refuses their commands once the role is gone.",
        "The system has no expiry of its own: the end is kept by this program alone.",
        "Changes are tasks the account works on one at a time: a grant takes about half a minute.",
        "Names, and nothing else, mark our users: the API has no place for a note.",
    ],
};

const EXAMPLE: &str = r#"name = "redis-cloud"
kind = "redis-cloud"
# Both keys of an Owner of the account (API enabled): account key and user key. A Viewer's cannot revoke.
secret = { api_key = "env:REDIS_API_KEY", secret_key = "env:REDIS_USER_KEY" }
# base_url = "https://api.redislabs.com/v1"
# settle_seconds = 15   # how long a changed user must stay active before anyone is told; 0 to 600
# poll_seconds = 1      # first pause between two looks at a task, growing to 30 s; above 0 to 60
"#;

const BASE_URL: &str = "https://api.redislabs.com/v1";

struct RedisCloud {
    mark: Mark,
    client: Client,
    settle: Duration,
    poll: Duration,
    sent: Sent,
}

fn build(setup: Setup) -> Result<Box<dyn Provider>> {
    let Setup {
        mark,
        config,
        mut secret,
        ..
    } = setup;
    let base = match config.get("base_url") {
        None => BASE_URL,
        Some(value) => value.as_str().ok_or_else(|| invalid("base_url must be a text"))?,
    };
    let mut key = |name: &str| match secret.remove(name) {
        Some(key) if is_header_value(&key) => Ok(key),
        Some(_) => Err(invalid(format!(
            "{name} is empty or holds characters that no key has"
        ))),
        None => Err(invalid(format!("the secret has no {name}"))),
    };
    let (api_key, secret_key) = (key("api_key")?, key("secret_key")?);
    let poll = seconds(&config, "poll_seconds", 1.0, 60.0)?;
    if poll.is_zero() {
        return Err(invalid("poll_seconds must be more than 0"));
    }
    Ok(Box::new(RedisCloud {
        mark,
        client: Client::new(http::base_url(base)?, api_key, secret_key)?,
        settle: seconds(&config, "settle_seconds", 15.0, 600.0)?,
        poll,
        sent: Sent::default(),
    }))
}

fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

fn is_header_value(key: &Secret) -> bool {
    !key.expose().is_empty() && key.expose().bytes().all(|byte| byte.is_ascii_graphic())
}

/// A number of seconds, whole or not, from 0 to `most`.
fn seconds(config: &toml::Table, key: &str, default: f64, most: f64) -> Result<Duration> {
    let wrong = || invalid(format!("{key} must be a number of seconds from 0 to {most}"));
    let number = match config.get(key) {
        None => default,
        Some(toml::Value::Integer(whole)) => *whole as f64,
        Some(toml::Value::Float(number)) => *number,
        Some(_) => return Err(wrong()),
    };
    // Not a number is in no range.
    if !(0.0..=most).contains(&number) {
        return Err(wrong());
    }
    Ok(Duration::from_secs_f64(number))
}

#[async_trait]
impl Provider for RedisCloud {
    async fn check(&self) -> Result<Health> {
        let account = self.client.root().await?.account;
        let mut health = Health {
            target_id: account.id.to_string(),
            server: format!("Redis Cloud account {}", account.name)
                .trim_end()
                .to_owned(),
            ..Health::default()
        };
        self.client.users().await?;
        self.client.roles().await?;
        self.client.rules().await?;
        let owner = account.key.and_then(|key| key.owner);
        let email = owner
            .as_ref()
            .and_then(|owner| owner.email.clone())
            .unwrap_or_default();
        let members = self.client.members().await?;
        let role = members
            .iter()
            .find(|one| !email.is_empty() && one.email.eq_ignore_ascii_case(&email));
        match role.map(|one| one.role.as_str()) {
            Some(role) if role.eq_ignore_ascii_case("owner") => {}
            Some(role) => {
                let name = owner.map(|owner| owner.name).unwrap_or_default();
                health.missing.push(format!(
                    "key is {role}, revoking needs Owner: make a user key for an Owner of the account (this one is {name}'s)"
                ));
            }
            None => health
                .warnings
                .push("cannot tell whose the user key is; revoking needs an Owner's".to_owned()),
        }
        Ok(health)
    }

    async fn discover(&self) -> Result<Discovery> {
        discover::discover(&self.client).await
    }

    fn scope(&self, resource: &ResourceRef, permission: &str) -> String {
        match Grant::of(resource, permission) {
            Ok(grant) => grant.scope(),
            // Never granted; a login of its own, so that it disturbs no other.
            Err(_) => format!("{}/{}/{permission}", resource.kind, resource.id.join("/")),
        }
    }

    fn account(&self, person: &Person, scope: &str) -> AccountName {
        AccountName::Ours(self.mark.account_name(person, scope))
    }

    fn preview(&self, account: &Account, change: &Change) -> Vec<String> {
        grant::preview(&self.mark, account, change)
    }

    async fn converge(&self, account: &Account, change: &Change) -> Result<Converged> {
        let login = self.ours(&account.name)?;
        change.credential.as_ref().map(Credential::password).transpose()?;
        Turn::new(self, login, change, Notes::read(&account.memo))
            .run()
            .await
    }

    async fn observe(&self, account: &Account, leases: &[Lease]) -> Result<Observed> {
        let login = account.name.login();
        let users = self.client.users().await?;
        let user = users.iter().find(|user| user.name == login);
        let inert = self.mark.inert_set();
        let presence = match user {
            None => Presence::Absent,
            Some(_) if self.ours(&account.name).is_err() => Presence::NotOurs,
            Some(user) if user.role == inert => Presence::Disabled,
            Some(_) => Presence::Enabled,
        };
        let roles = match user {
            Some(_) if !leases.is_empty() => self.client.roles().await?,
            _ => Vec::new(),
        };
        let held = |lease: &Lease| user.is_some_and(|user| grant::holds(&self.mark, &roles, user, lease));
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
        let users = self.client.users().await?;
        let ours = users
            .into_iter()
            .filter(|user| self.mark.names_account(&user.name));
        Ok(ours.map(|user| AccountName::Ours(user.name)).collect())
    }
}

impl RedisCloud {
    /// The login, if it is one that we may touch. There is no room for a mark here: the stamp in the name is all there is.
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
