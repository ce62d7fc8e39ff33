//! Taking a database user away, and what it leaves behind.

use super::access;
use super::turn::Turn;
use super::write::Write;
use crate::providers::{ErrorKind, Result};

impl Turn<'_> {
    pub(super) async fn shut(&mut self) -> Result<()> {
        let user = self.data.ours(&self.place.group, self.login).await?;
        match user {
            None => self.gone().await,
            // Atlas would delete it by itself anyway, and it cannot be kept without moving its end for ever.
            Some(user) if user.delete_after_date.is_some() || self.data.settings.expiry => {
                self.delete().await
            }
            Some(user) if self.notes.sealed && self.data.is_inert(&user) => {
                self.settle_without_cluster().await
            }
            Some(_) => {
                let spec = self.spec(vec![access::inert(self.data.mark)], self.password().cloned());
                let write = Write::UpdateUser(spec);
                self.data.client.submit(&write).await?;
                self.answer.ran.push(write.line());
                self.data.sent.forget(self.login);
                // Without a password to replace the known one the door is not shut, only the rooms are empty.
                self.notes.sealed = write.password().is_some();
                self.notes.since = Some(self.change.now);
                self.settle_without_cluster().await
            }
        }
    }

    pub(super) async fn remove(&mut self) -> Result<()> {
        match self.data.ours(&self.place.group, self.login).await? {
            None => self.gone().await,
            Some(_) => self.delete().await,
        }
    }

    async fn delete(&mut self) -> Result<()> {
        let write = Write::DeleteUser {
            group: self.place.group.clone(),
            login: self.login.to_owned(),
        };
        self.data.client.submit(&write).await?;
        self.answer.ran.push(write.line());
        self.data.sent.forget(self.login);
        self.notes.sealed = false;
        self.notes.since = Some(self.change.now);
        // Seen to be gone on the next look, not taken from this answer.
        self.wait("Atlas is taking the access away", self.data.settings.poll);
        Ok(())
    }

    async fn gone(&mut self) -> Result<()> {
        self.data.sent.forget(self.login);
        self.settle_without_cluster().await?;
        if self.answer.waiting.is_none() {
            self.sweep().await?;
        }
        Ok(())
    }

    /// A shared role that nobody holds any more is deleted; the project has room for 100.
    async fn sweep(&mut self) -> Result<()> {
        let Some(name) = self.notes.set.clone() else {
            return Ok(());
        };
        let (client, group) = (self.data.client, self.place.group.clone());
        let users = client.users(&group).await?;
        let held = users
            .iter()
            .any(|user| user.roles.iter().any(|role| role.role_name == name));
        let kept = held || self.data.sent.is_about_to_be_used(&name);
        if !kept && client.role(&group, &name).await?.is_some() {
            let write = Write::DeleteRole { group, name };
            match client.submit(&write).await {
                Ok(()) => self.answer.ran.push(write.line()),
                // Somebody took it up meanwhile: it goes with its next last user.
                Err(error) if error.kind == ErrorKind::Invalid => {
                    self.answer
                        .remarks
                        .push(format!("a shared role stays: {}", error.message));
                }
                Err(error) => return Err(error),
            }
        }
        self.notes.set = None;
        Ok(())
    }
}
