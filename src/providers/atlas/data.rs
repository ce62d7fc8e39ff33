//! What is known of database users without changing them.

use super::access::{self, Access};
use super::client::Client;
use super::sent::Sent;
use super::settings::Settings;
use super::wire::User;
use super::write::LABEL;
use crate::providers::{ErrorKind, Mark, Presence, ProviderError, Result};

/// A cluster by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub group: String,
    pub cluster: String,
}

/// What a provider of database users is made of.
pub(crate) struct Data<'a> {
    pub client: &'a Client,
    pub mark: &'a Mark,
    pub settings: &'a Settings,
    pub sent: &'a Sent,
}

impl Data<'_> {
    /// The user, if it is there; `Taken` if it does not carry our mark.
    pub async fn ours(&self, group: &str, login: &str) -> Result<Option<User>> {
        let user = self.client.user(group, login).await?;
        if user.as_ref().is_some_and(|user| !self.is_ours(user)) {
            let text = format!("the database user {login} does not carry our label");
            return Err(ProviderError::new(ErrorKind::Taken, text));
        }
        Ok(user)
    }

    pub fn is_ours(&self, user: &User) -> bool {
        let marked = user
            .labels
            .iter()
            .any(|label| label.key == LABEL && label.value == self.mark.text);
        marked && self.mark.names_account(&user.username)
    }

    pub fn presence(&self, user: Option<&User>) -> Presence {
        match user {
            None => Presence::Absent,
            Some(user) if !self.is_ours(user) => Presence::NotOurs,
            Some(user) if self.is_inert(user) => Presence::Disabled,
            Some(_) => Presence::Enabled,
        }
    }

    /// Whether a user holds nothing.
    pub fn is_inert(&self, user: &User) -> bool {
        let inert = access::inert(self.mark);
        user.roles.iter().all(|role| *role == inert)
    }

    /// Whether the user has what `converge` would give it for a lease.
    pub fn holds(&self, user: &User, cluster: &str, kind: &str, below: &[String], permission: &str) -> bool {
        let enters = user.scopes.iter().any(|scope| scope.name == cluster);
        let access = Access::of(kind, below, permission);
        enters && access.is_ok_and(|access| user.roles.contains(&access.role(self.mark)))
    }
}
