//! The door of a user of ours: made, opened, moved, shut and taken away.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    converge::{Run, days, to_take},
    look::LeaseRole,
    place, statements,
    wire::Ran,
};
use crate::providers::{ErrorKind, ProviderError};

impl Run<'_> {
    pub async fn shut(&mut self) -> Ran<()> {
        let Some(user) = &self.user else { return Ok(()) };
        if !user.disabled {
            let shut = statements::shut_user(&user.name, &self.inscription())?;
            self.run(&shut).await?;
        }
        Ok(())
    }

    /// The end that Snowflake itself would make; with it the fence is written, so that an older run sees that we were here.
    pub async fn move_end(&mut self, leaving: &[LeaseRole]) -> Ran<()> {
        let Some(user) = self.user.as_ref().filter(|user| !user.disabled) else {
            return Ok(());
        };
        let ends = self.change.ends().unwrap_or(self.change.now);
        let fits = |at: DateTime<Utc>| at > ends + TimeDelta::hours(1) && at < ends + TimeDelta::days(3);
        let fits = user.expires.is_some_and(fits);
        if self.change.credential.is_none() && (!leaving.is_empty() || !fits) {
            let moved = statements::move_end(&user.name, days(self.change), &self.inscription())?;
            self.run(&moved).await?;
        }
        Ok(())
    }

    /// The door is shut, or the right is gone: what runs on is ended. On somebody's own user we may not.
    pub async fn end_queries(&mut self, leaving: &[LeaseRole], shutting: bool) -> Ran<()> {
        let Some(user) = self.user.as_ref().filter(|_| self.ours) else {
            return Ok(());
        };
        let open = !user.disabled || user.has_credential;
        let could_write = |role: &LeaseRole| {
            let lease = to_take(self.change).find(|lease| lease.id == role.lease);
            // What no lease knows could be anything.
            lease.is_none_or(place::could_write)
        };
        if (shutting && open) || leaving.iter().any(could_write) {
            let abort = statements::abort_queries(&user.name)?;
            self.run(&abort).await?;
        }
        // Last: while it has a credential the run is not complete, and a repeat begins from the top.
        if let Some(user) = self
            .user
            .as_ref()
            .filter(|user| shutting && open && user.has_credential)
        {
            let drop = statements::drop_keys(&user.name)?;
            self.run(&drop).await?;
        }
        Ok(())
    }

    /// Whether somebody can get in, to whom something can be given.
    pub async fn open(&mut self) -> Ran<bool> {
        if !self.ours {
            return Ok(self.user.is_some());
        }
        let Some(credential) = &self.change.credential else {
            return Ok(self.user.as_ref().is_some_and(|user| !user.disabled));
        };
        let (days, comment) = (days(self.change), self.inscription());
        if self.user.is_some() {
            let others = statements::drop_other_keys(self.login, credential)?;
            self.run(&others).await?;
            let open = statements::open_user(self.login, credential, days, &comment)?;
            self.run(&open).await?;
        } else {
            let warehouse = self.eye.provider.config.warehouse.as_deref();
            let create = statements::create_user(self.login, credential, warehouse, days, &comment)?;
            match self.run(&create).await {
                Err(halt) if halt.is_there() => {
                    let text = format!("a user {} came up meanwhile; looking again", self.login);
                    return Err(ProviderError::new(ErrorKind::Transient, text).into());
                }
                ran => ran?,
            }
        }
        self.credential_set = true;
        Ok(true)
    }

    /// What users make belongs to roles: nothing is lost with a user.
    pub async fn delete(&mut self) -> Ran<()> {
        if self.waiting.is_some() {
            return Ok(());
        }
        let drop = statements::drop_user(self.login)?;
        self.run(&drop).await
    }
}
