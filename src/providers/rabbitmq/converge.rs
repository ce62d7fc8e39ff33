//! One call of `converge`: look, call what has to be called, and see that nobody is left where access ended.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Rabbit,
    client::Applied,
    details,
    grant::{Grant, Object, Wanted},
    plan::{self, Seen},
    write::{PasswordHash, Write},
};
use crate::{
    providers::{Change, Converged, ErrorKind, Lease, ProviderError, Result, Want},
    secrets::Secret,
};

/// How often, and how many times, we look whether connections that we closed are gone.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS: u32 = 50;
/// The same where connections are closed by name.
const NAMED_EVERY: Duration = Duration::from_millis(500);
const NAMED_LOOKS: u32 = 20;
/// When to go on where they were not.
const LATER: Duration = Duration::from_secs(5);

pub(super) struct Turn<'a> {
    rabbit: &'a Rabbit,
    login: &'a str,
    change: &'a Change,
    password: Option<&'a Secret>,
    answer: Converged,
}

impl<'a> Turn<'a> {
    pub fn new(rabbit: &'a Rabbit, login: &'a str, change: &'a Change, password: Option<&'a Secret>) -> Self {
        Self {
            rabbit,
            login,
            change,
            password,
            answer: Converged::default(),
        }
    }

    pub async fn run(mut self) -> Result<Converged> {
        let seen = self.rabbit.look(self.login).await?;
        match &self.change.want {
            Want::Open(leases) if !leases.is_empty() => self.open(&seen, leases).await?,
            Want::Open(_) | Want::Disabled => self.end(&plan::shut(self.login, &seen)).await?,
            Want::Deleted => self.end(&plan::delete(self.login, &seen)).await?,
        }
        Ok(self.answer)
    }

    async fn open(&mut self, seen: &Seen, leases: &'a [Lease]) -> Result<()> {
        let held = self.servable(seen, leases).await?;
        if held.is_empty() {
            return self.end(&plan::shut(self.login, seen)).await;
        }
        if self.password.is_none() && !seen.is_open() {
            // It went behind our back, or was shut: nothing is made without a credential.
            self.answer.waiting = Some("the login has to be made again, with a new password".to_owned());
            return Ok(());
        }
        let wanted = Wanted::of(held.iter().map(|(lease, grant)| (*lease, grant)));
        let narrowed = plan::narrowed(seen, &wanted, &self.change.release);
        let mut gave = false;
        for write in plan::open(self.login, seen, &wanted, self.password) {
            gave |= matches!(write, Write::PutPermission { .. });
            match self.apply(&write).await {
                Ok(()) => {}
                Err(error) if error.kind == ErrorKind::Invalid => self.refused(&write, &held, error)?,
                Err(error) => return Err(error),
            }
        }
        self.close_on(&narrowed).await?;
        if gave || self.password.is_some() {
            self.read_back(&held).await?;
        }
        self.answer.details = details::of(
            &self.rabbit.config,
            self.login,
            held.iter().map(|(_, grant)| grant),
        );
        Ok(())
    }

    /// Leases that can be held, with what they mean. One whose queue is deleted while it runs stays: queues come and go.
    async fn servable(&mut self, seen: &Seen, leases: &'a [Lease]) -> Result<Vec<(&'a Lease, Grant)>> {
        let mut held = Vec::new();
        for lease in leases {
            let found = match Grant::of(&lease.resource, &lease.permission) {
                Ok(grant) if grant.is_begun(&lease.id, &seen.permissions) => Ok(grant),
                Ok(grant) => self.exists(&grant).await?.map(|()| grant),
                Err(error) => Err(error),
            };
            match found {
                Ok(grant) => held.push((lease, grant)),
                Err(error) => self.answer.failed.push((lease.id.clone(), error)),
            }
        }
        Ok(held)
    }

    /// The inner error is the lease's own.
    async fn exists(&self, grant: &Grant) -> Result<Result<()>> {
        let client = &self.rabbit.client;
        let (there, what) = match grant {
            Grant::Tag(_) => (true, ""),
            Grant::Vhost { vhost, .. } => (client.has_vhost(vhost).await?, "virtual host"),
            Grant::Named {
                vhost, object, name, ..
            } => {
                let what = match object {
                    Object::Queue => "queue",
                    Object::Exchange => "exchange",
                };
                (client.has_object(vhost, *object, name).await?, what)
            }
        };
        Ok(match there {
            true => Ok(()),
            false => Err(ProviderError::new(
                ErrorKind::Invalid,
                format!("there is no such {what} on the broker"),
            )),
        })
    }

    async fn apply(&mut self, write: &Write) -> Result<()> {
        self.rabbit.client.apply(write).await?;
        self.answer.ran.push(write.line());
        Ok(())
    }

    /// The broker will not have one virtual host's patterns (too long, or the virtual host went away just now): that is about
    /// the leases there, given and taken, and no others.
    fn refused(&mut self, write: &Write, held: &[(&Lease, Grant)], error: ProviderError) -> Result<()> {
        let Write::PutPermission { vhost, .. } = write else {
            return Err(error);
        };
        let there = |grant: &Grant| grant.vhost() == Some(vhost.as_str());
        let given = held
            .iter()
            .filter(|(_, grant)| there(grant))
            .map(|(lease, _)| *lease);
        let taken =
            self.change.release.iter().filter(|lease| {
                Grant::of(&lease.resource, &lease.permission).is_ok_and(|grant| there(&grant))
            });
        for lease in given.chain(taken) {
            self.answer.failed.push((lease.id.clone(), error.clone()));
        }
        Ok(())
    }

    /// Calls that end everything, and then looks until nobody is left. The password is gone: who is closed does not come back.
    async fn end(&mut self, writes: &[Write]) -> Result<()> {
        for write in writes {
            self.apply(write).await?;
        }
        let again = Write::CloseAll {
            login: self.login.to_owned(),
        };
        for look in 0..LOOKS {
            if self.rabbit.client.connections(self.login).await?.is_empty() {
                return Ok(());
            }
            // Somebody may have been half way in when the door was shut. Once, then: it is the same line.
            if look == LOOKS / 2 {
                self.rabbit.client.apply(&again).await?;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.wait_for_connections();
        Ok(())
    }

    /// Ends connections on these virtual hosts; those elsewhere stay. Clients that hold another access there may come back, by
    /// new connections that the new patterns bind.
    ///
    /// A connection can be closed by its name only once the broker has sampled it, some five seconds after it began, while the
    /// list of a user's connections is exact at once. So "no such connection" of one that is listed is tried again, and in the
    /// end all of the login's are closed: that nobody is left comes before that nobody is disturbed.
    async fn close_on(&mut self, vhosts: &[String]) -> Result<()> {
        if vhosts.is_empty() {
            return Ok(());
        }
        let mut left = self.connected(vhosts, None).await?;
        if left.is_empty() {
            return Ok(());
        }
        self.answer.remarks.push(format!(
            "connections of {} on {} were ended; clients that hold another access there connect again",
            self.login,
            vhosts.join(", ")
        ));
        let mut told = BTreeSet::new();
        for _ in 0..NAMED_LOOKS {
            for name in left.difference(&told.clone()) {
                let write = Write::CloseOne { name: name.clone() };
                if self.rabbit.client.apply(&write).await? == Applied::Done {
                    self.answer.ran.push(write.line());
                    told.insert(name.clone());
                }
            }
            left = self.connected(vhosts, Some(&left)).await?;
            if left.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(NAMED_EVERY).await;
        }
        if left.is_subset(&told) {
            // On their way out: the broker waits for the client to say goodbye, and sends it nothing more.
            self.wait_for_connections();
            return Ok(());
        }
        let all = Write::CloseAll {
            login: self.login.to_owned(),
        };
        self.apply(&all).await?;
        for _ in 0..LOOKS {
            left = self.connected(vhosts, Some(&left)).await?;
            if left.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.wait_for_connections();
        Ok(())
    }

    /// Names of the login's connections on these virtual hosts, or of those of them that are still there.
    async fn connected(&self, vhosts: &[String], of: Option<&BTreeSet<String>>) -> Result<BTreeSet<String>> {
        let all = self.rabbit.client.connections(self.login).await?;
        let names = all
            .into_iter()
            .filter(|one| vhosts.contains(&one.vhost))
            .map(|one| one.name);
        Ok(names
            .filter(|name| of.is_none_or(|of| of.contains(name)))
            .collect())
    }

    fn wait_for_connections(&mut self) {
        self.answer.waiting = Some("connections that were told to end are still open".to_owned());
        self.answer.look_again = Some(LATER);
    }

    /// A cluster may answer a write from one node and lose it in a partition: what was given is seen before it is called given.
    async fn read_back(&mut self, held: &[(&Lease, Grant)]) -> Result<()> {
        let seen = self.rabbit.look(self.login).await?;
        let user = seen.user.as_ref();
        let tags = user.map(|user| user.tags.as_slice()).unwrap_or_default();
        let failed: BTreeSet<_> = self.answer.failed.iter().map(|(id, _)| id.clone()).collect();
        let lost = held.iter().any(|(lease, grant)| {
            !failed.contains(&lease.id) && !grant.is_held(&lease.id, tags, &seen.permissions)
        });
        if lost {
            self.answer.waiting = Some("the broker does not show yet what was given".to_owned());
            self.answer.look_again = Some(LATER);
        }
        self.answer.credential_set = match (self.password, user) {
            (Some(password), Some(user)) => PasswordHash::is_of(user, password),
            (Some(_), None) | (None, _) => false,
        };
        Ok(())
    }
}
