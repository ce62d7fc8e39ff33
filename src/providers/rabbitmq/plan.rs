//! What has to be called to get from what was seen to what is wanted, in order. Pure; `preview` and `converge` share it.

use super::{
    grant::{Grant, Triple, Wanted},
    wire::{Granted, User},
    write::{Lock, PasswordHash, Write},
};
use crate::{
    providers::{Account, Change, Lease, Want},
    secrets::Secret,
};

/// A login as the broker has it.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub user: Option<User>,
    pub permissions: Vec<Granted>,
}

impl Seen {
    pub fn is_open(&self) -> bool {
        self.user
            .as_ref()
            .is_some_and(|user| !user.password_hash.is_empty())
    }

    fn granted(&self, vhost: &str) -> Option<&Granted> {
        self.permissions.iter().find(|granted| granted.vhost == vhost)
    }
}

/// What is taken goes first, and nobody gets in before all stands as it should: a user that is there is opened last. One that
/// is not must be made first, for permissions need it.
pub(super) fn open(login: &str, seen: &Seen, wanted: &Wanted, new: Option<&Secret>) -> Vec<Write> {
    let login = login.to_owned();
    let tags = wanted.tags_text();
    let user = put_user(&login, seen, tags, new);
    let mut writes: Vec<Write> = Vec::new();
    let mut last = None;
    match &seen.user {
        Some(_) => last = user,
        None => writes.extend(user),
    }
    writes.extend(
        seen.permissions
            .iter()
            .filter(|granted| !wanted.triples.contains_key(&granted.vhost))
            .map(|granted| Write::DeletePermission {
                login: login.clone(),
                vhost: granted.vhost.clone(),
            }),
    );
    let changed = wanted
        .triples
        .iter()
        .filter(|(vhost, triple)| !seen.granted(vhost).is_some_and(|granted| triple.is(granted)));
    writes.extend(changed.map(|(vhost, triple)| Write::PutPermission {
        login: login.clone(),
        vhost: vhost.clone(),
        triple: triple.clone(),
    }));
    writes.extend(last);
    writes
}

/// The user with its tags, if anything about it has to change.
fn put_user(login: &str, seen: &Seen, tags: String, new: Option<&Secret>) -> Option<Write> {
    let lock = match (&seen.user, new) {
        (Some(user), Some(password)) if PasswordHash::is_of(user, password) => Lock::kept(user),
        (_, Some(password)) => Lock::New(PasswordHash::new(password, rand::random())),
        (Some(user), None) => Lock::kept(user),
        // Nothing is made without a credential; the caller says so before it comes here.
        (None, None) => Lock::Shut,
    };
    let same = seen.user.as_ref().is_some_and(|user| {
        let (mut held, mut wanted): (Vec<&str>, Vec<&str>) = (
            user.tags.iter().map(String::as_str).collect(),
            tags.split(',').filter(|tag| !tag.is_empty()).collect(),
        );
        held.sort_unstable();
        wanted.sort_unstable();
        lock == Lock::kept(user) && held == wanted
    });
    (!same).then(|| Write::PutUser {
        login: login.to_owned(),
        lock,
        tags,
    })
}

/// The door first, then what is held, then who is in.
pub(super) fn shut(login: &str, seen: &Seen) -> Vec<Write> {
    let Some(user) = &seen.user else {
        return Vec::new();
    };
    let login = login.to_owned();
    let mut writes = Vec::new();
    if seen.is_open() || !user.tags.is_empty() {
        writes.push(Write::PutUser {
            login: login.clone(),
            lock: Lock::Shut,
            tags: String::new(),
        });
    }
    writes.extend(seen.permissions.iter().map(|granted| Write::DeletePermission {
        login: login.clone(),
        vhost: granted.vhost.clone(),
    }));
    // Nobody is told whether there was anyone: asking costs as much.
    writes.push(Write::CloseAll { login });
    writes
}

/// The broker takes the permissions with the user. It also ends the connections, but only when it hears of its own event.
pub(super) fn delete(login: &str, seen: &Seen) -> Vec<Write> {
    if seen.user.is_none() {
        return Vec::new();
    }
    let login = login.to_owned();
    vec![
        Write::DeleteUser { login: login.clone() },
        Write::CloseAll { login },
    ]
}

/// Virtual hosts where something of the login's ends: what is released, and what is there and no longer wanted. An open
/// consumer keeps receiving after its right is gone, so connections there must be closed.
pub(super) fn narrowed(seen: &Seen, wanted: &Wanted, released: &[Lease]) -> Vec<String> {
    let ended = |granted: &&Granted| {
        let had = Triple::read(granted);
        match wanted.triples.get(&granted.vhost) {
            Some(will) if will.is(granted) => false,
            // Patterns that we did not write may have allowed anything.
            Some(will) => had == Triple::default() || !had.is_within(will),
            None => true,
        }
    };
    let mut vhosts: Vec<String> = seen
        .permissions
        .iter()
        .filter(ended)
        .map(|granted| granted.vhost.clone())
        .collect();
    for lease in released {
        if let Ok(grant) = Grant::of(&lease.resource, &lease.permission)
            && let Some(vhost) = grant.vhost()
        {
            vhosts.push(vhost.to_owned());
        }
    }
    vhosts.sort_unstable();
    vhosts.dedup();
    vhosts
}

/// What `converge` would call on a broker that has none of it yet, or, to take it back, all of it.
pub(super) fn preview(account: &Account, change: &Change) -> Vec<String> {
    let login = account.name.login();
    let grants = |leases: &[Lease]| -> Vec<(Lease, Grant)> {
        let both = |lease: &Lease| Some((lease.clone(), Grant::of(&lease.resource, &lease.permission).ok()?));
        leases.iter().filter_map(both).collect()
    };
    let (held, ended) = (grants(change.ensure()), grants(&change.release));
    let wanted = Wanted::of(held.iter().map(|(lease, grant)| (lease, grant)));
    let there = Seen {
        user: Some(User {
            name: login.to_owned(),
            password_hash: "set".to_owned(),
            hashing_algorithm: String::new(),
            tags: Vec::new(),
        }),
        permissions: Wanted::of(ended.iter().map(|(lease, grant)| (lease, grant)))
            .triples
            .keys()
            .map(|vhost| Granted {
                vhost: vhost.clone(),
                configure: String::new(),
                write: String::new(),
                read: String::new(),
            })
            .collect(),
    };
    let writes = match &change.want {
        Want::Open(_) if !held.is_empty() => {
            let any = Secret::new("any");
            let mut writes = open(login, &Seen::default(), &wanted, Some(&any));
            let only_ended = |vhost: &String| !wanted.triples.contains_key(vhost);
            writes.extend(
                there
                    .permissions
                    .into_iter()
                    .map(|granted| granted.vhost)
                    .filter(only_ended)
                    .map(|vhost| Write::DeletePermission {
                        login: login.to_owned(),
                        vhost,
                    }),
            );
            writes
        }
        Want::Open(_) | Want::Disabled => shut(login, &there),
        Want::Deleted => delete(login, &there),
    };
    let mut lines: Vec<String> = writes.iter().map(Write::line).collect();
    if matches!(change.want, Want::Open(_)) && !held.is_empty() {
        for vhost in narrowed(&Seen::default(), &wanted, &change.release) {
            lines.push("DELETE /api/connections/<each of the login on the virtual host>".to_owned());
            lines.push(format!(
                "# on {vhost}: clients that hold another access there connect again by themselves"
            ));
        }
    }
    lines
}

#[cfg(test)]
#[path = "plan_test.rs"]
mod tests;
