//! RabbitMQ 3.10 and later, through the management plugin's HTTP API. No connection to the broker itself is ever made.
//!
//! One broker user per person, ours alone. What it may do on a virtual host is the alternation of its open leases there (see
//! `grant`). A consumer keeps receiving after its permission is gone, and an open connection survives a new password: so
//! wherever access ends, connections are closed and seen to be gone.

mod client;
mod config;
mod converge;
mod details;
mod discover;
mod grant;
mod plan;
mod wire;
mod write;

use std::time::Duration;

use async_trait::async_trait;

use self::{client::Client, config::Config, converge::Turn, grant::Grant, plan::Seen, wire::Overview};
use super::{
    Account, AccountName, Change, Converged, Credential, Discovery, ErrorKind, Feature, Guide, Health, Lease,
    Mark, Observed, Person, Presence, Provider, ProviderError, Registration, Result, Setup,
};

pub const REGISTRATION: Registration = Registration {
    kind: "rabbitmq",
    title: "RabbitMQ",
    supports: &[Feature::Accounts, Feature::Sessions, Feature::Tags],
    at_once: 4,
    // We wait 20 s for an answer; a node that pauses in a partition may take up the request after that.
    settles_in: Duration::from_secs(30),
    per_minute: None,
    keys: config::KEYS,
    secret_keys: config::SECRET_KEYS,
    example: config::EXAMPLE,
    kinds: grant::kinds,
    guide: GUIDE,
    build: |setup| Ok(Box::new(Rabbit::new(&setup)?)),
};

const GUIDE: Guide = Guide {
    connector: "The management plugin (`rabbitmq-plugins enable rabbitmq_management`) and a user with the tag administrator: \
`rabbitmqctl add_user latchkey '…'` and `rabbitmqctl set_user_tags latchkey administrator`; it needs no permission on any \
virtual host. On Amazon MQ the administrator is made in the AWS console. The API must be https, except on this machine.",
    granted: "Each person has one broker user, `jit_…`. Its permissions on a virtual host are patterns with one part for each \
lease, marked with the lease's id: `^(?:(?#7k3f).*|(?#9x2m)orders)$`. Virtual hosts are listed; queues and exchanges are \
typed below them. Taking back removes the part and closes the person's connections on that virtual host, since a consumer \
would go on receiving; without a lease the password is blanked and all connections are closed. On deletion the user goes.",
    limits: &[
        "When one access on a virtual host ends, connections that used another one there are closed too; clients connect again. \
The broker finds a connection by name only some five seconds after it began: that long its end may take, and a broker that \
samples no connections gets all of the login's closed.",
        "Name and stamp, and nothing else, mark our users: the broker has no place for a note on a user.",
        "Queues that a person declared belong to nobody and stay; exclusive ones go with the connection that declared them.",
        "The system has no expiry of its own: the end is kept by this program alone.",
        "Where another backend (LDAP, OAuth 2) authorises users too, or answers are cached (`rabbit_auth_backend_cache`), what it allows is not seen here.",
        "Virtual hosts and queues named `.` or `..` cannot be given: the API has no address for them.",
    ],
};

/// The first version with connections by user, which is what is looked at after an end.
const OLDEST: (u32, u32) = (3, 10);

pub(super) struct Rabbit {
    mark: Mark,
    config: Config,
    client: Client,
}

impl Rabbit {
    fn new(setup: &Setup) -> Result<Self> {
        let config = Config::parse(setup)?;
        Ok(Self {
            mark: setup.mark.clone(),
            client: Client::new(&config)?,
            config,
        })
    }

    async fn look(&self, login: &str) -> Result<Seen> {
        let user = self.client.user(login).await?;
        let permissions = match user {
            Some(_) => self.client.permissions(login).await?,
            None => Vec::new(),
        };
        Ok(Seen { user, permissions })
    }

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

#[async_trait]
impl Provider for Rabbit {
    async fn check(&self) -> Result<Health> {
        let tags = self.client.whoami().await?.tags;
        let overview = self.client.overview().await?;
        let mut health = Health {
            server: server(&overview),
            ..Health::default()
        };
        if !is_new_enough(&overview.rabbitmq_version) {
            health.missing.push(format!(
                "RabbitMQ {} is too old to show a user's connections: {}.{} or later is needed",
                overview.rabbitmq_version, OLDEST.0, OLDEST.1
            ));
        }
        if !tags.iter().any(|tag| tag == "administrator") {
            health.missing.push(format!(
                "our user is no administrator (its tags: {}), and only one may make users: rabbitmqctl set_user_tags {} administrator",
                if tags.is_empty() { "none".to_owned() } else { tags.join(", ") },
                self.config.username,
            ));
            return Ok(health);
        }
        let parameters = self.client.global_parameters().await?;
        let id = parameters
            .iter()
            .find(|parameter| parameter.name == "internal_cluster_id")
            .and_then(|parameter| parameter.value.as_str());
        health.target_id = id.unwrap_or(&overview.cluster_name).to_owned();
        Ok(health)
    }

    async fn discover(&self) -> Result<Discovery> {
        discover::discover(&self.client).await
    }

    fn account(&self, person: &Person, scope: &str) -> AccountName {
        AccountName::Ours(self.mark.account_name(person, scope))
    }

    fn preview(&self, account: &Account, change: &Change) -> Vec<String> {
        plan::preview(account, change)
    }

    async fn converge(&self, account: &Account, change: &Change) -> Result<Converged> {
        let login = self.ours(&account.name)?;
        let password = change.credential.as_ref().map(Credential::password).transpose()?;
        let answer = Turn::new(self, login, change, password).run().await?;
        Ok(Converged {
            memo: account.memo.clone(),
            ..answer
        })
    }

    async fn observe(&self, account: &Account, leases: &[Lease]) -> Result<Observed> {
        let login = account.name.login();
        let seen = self.look(login).await?;
        let tags = seen
            .user
            .as_ref()
            .map(|user| user.tags.as_slice())
            .unwrap_or_default();
        let held = |lease: &Lease| {
            Grant::of(&lease.resource, &lease.permission)
                .is_ok_and(|grant| grant.is_held(&lease.id, tags, &seen.permissions))
        };
        let presence = match &seen.user {
            None => Presence::Absent,
            Some(_) if self.ours(&account.name).is_err() => Presence::NotOurs,
            Some(_) if seen.is_open() => Presence::Enabled,
            Some(_) => Presence::Disabled,
        };
        let connections = self.client.connections(login).await?.len();
        Ok(Observed {
            presence,
            held: leases
                .iter()
                .map(|lease| (lease.id.clone(), held(lease)))
                .collect(),
            sessions: Some(u32::try_from(connections).unwrap_or(u32::MAX)),
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

fn server(overview: &Overview) -> String {
    let product = overview.product_name.as_deref().unwrap_or("RabbitMQ");
    format!("{product} {}", overview.rabbitmq_version)
}

/// By the first two numbers; what cannot be read is taken for new.
fn is_new_enough(version: &str) -> bool {
    let mut numbers = version
        .split(|c: char| !c.is_ascii_digit())
        .map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, new) in [
            ("3.10.8", true),
            ("3.9.13", false),
            ("3.12.0-rc.1", true),
            ("4.0.5", true),
            ("4.1", true),
            ("something", true),
        ] {
            assert_eq!(is_new_enough(version), new, "{version}");
        }
    }
}
