//! Transactions of ours: one at a time in a database, and none under a fence that is older than the last one seen.

use super::{look, mark, session::Session};
use crate::providers::{ErrorKind, Fence, Mark, ProviderError, Result};

/// One lock for all that this program changes in a database: concurrent GRANTs on one object make the server fail with
/// "tuple concurrently updated". An arbitrary number, the same in every release.
const BEGIN: &str = "BEGIN; SELECT pg_advisory_xact_lock(7809643517322013541)";

/// Who acts on which login, under which fence.
pub struct Guard<'a> {
    pub mark: &'a Mark,
    pub login: &'a str,
    pub ours: bool,
    pub fence: Fence,
}

impl Guard<'_> {
    /// Begins a transaction, then looks whose the login is and whether a newer run was here.
    ///
    /// # Errors
    /// `Taken` if a login of ours is not ours; `Transient` if this run is the older one.
    pub async fn begin(&self, session: &Session) -> Result<()> {
        session.plain(BEGIN).await?;
        let checked = self.check(session).await;
        if checked.is_err() {
            roll_back(session).await;
        }
        checked
    }

    async fn check(&self, session: &Session) -> Result<()> {
        let newest = if self.ours {
            match look::role(session, self.mark, self.login).await? {
                Some(role) => role.ours.ok_or_else(|| taken(self.login))?.fence,
                None => return Ok(()),
            }
        } else {
            // A login of somebody's own carries no mark; the roles of its leases do.
            let roles = look::lease_roles(session, self.mark).await?;
            let mine = roles
                .iter()
                .filter_map(|role| role.ours.as_ref())
                .filter(|ours| ours.of.as_deref() == Some(self.login));
            mine.map(|ours| ours.fence).max().unwrap_or_default()
        };
        if newest > self.fence {
            let text = "a newer run has changed this account meanwhile";
            return Err(ProviderError::new(ErrorKind::Transient, text));
        }
        Ok(())
    }

    pub fn inscription(&self) -> String {
        mark::for_login(self.mark, self.fence)
    }

    pub fn lease_inscription(&self) -> String {
        mark::for_lease(self.mark, self.fence, self.login)
    }
}

pub fn taken(name: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Taken,
        format!("a role {name} exists and does not carry our mark"),
    )
}

/// Commits what went well and takes back what did not.
pub async fn finish<T>(session: &Session, outcome: Result<T>) -> Result<T> {
    match outcome {
        Ok(value) => session.plain("COMMIT").await.map(|()| value),
        Err(error) => {
            roll_back(session).await;
            Err(error)
        }
    }
}

async fn roll_back(session: &Session) {
    // If even this fails the connection is dead, and the server rolls back by itself.
    drop(session.plain("ROLLBACK").await);
}
