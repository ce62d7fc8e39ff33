//! Which password our last call for a login carried. In memory only: after a restart nobody knows, and a new one is set.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::secrets::Secret;

struct Entry {
    password: Option<Secret>,
    role: Option<String>,
    task: String,
    done: bool,
}

#[derive(Default)]
pub(super) struct Sent(Mutex<HashMap<String, Entry>>);

impl Sent {
    /// A call was handed in. One without a password leaves the password of before as it was.
    pub fn sent(&self, login: &str, password: Option<&Secret>, role: Option<String>, task: &str) {
        let mut entries = self.entries();
        match (password, entries.get_mut(login)) {
            (None, Some(entry)) => entry.role = role,
            (password, _) => {
                let entry = Entry {
                    password: password.cloned(),
                    role,
                    task: task.to_owned(),
                    done: false,
                };
                entries.insert(login.to_owned(), entry);
            }
        }
    }

    pub fn completed(&self, login: &str, task: &str) {
        if let Some(entry) = self.entries().get_mut(login) {
            entry.done |= entry.task == task;
            entry.role = None;
        }
    }

    pub fn forget(&self, login: &str) {
        self.entries().remove(login);
    }

    /// Whether the target has this password for sure.
    pub fn is_set(&self, login: &str, password: &Secret) -> bool {
        self.entries().get(login).is_some_and(|entry| {
            entry.done
                && entry
                    .password
                    .as_ref()
                    .is_some_and(|sent| sent.expose() == password.expose())
        })
    }

    /// Roles that calls under way are about to use.
    pub fn roles_in_use(&self) -> Vec<String> {
        self.entries()
            .values()
            .filter_map(|entry| entry.role.clone())
            .collect()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_completed_task_sets_a_password() {
        let (sent, one, two) = (Sent::default(), Secret::new("one"), Secret::new("two"));
        assert!(!sent.is_set("u", &one));
        sent.sent("u", Some(&one), Some("r".to_owned()), "t1");
        assert!(!sent.is_set("u", &one));
        assert_eq!(sent.roles_in_use(), ["r"]);
        sent.completed("v", "t1");
        assert!(!sent.is_set("u", &one));
        sent.completed("u", "t1");
        assert!(sent.is_set("u", &one) && !sent.is_set("u", &two));
        assert!(sent.roles_in_use().is_empty());
        sent.sent("u", None, None, "t2");
        sent.completed("u", "t2");
        assert!(sent.is_set("u", &one), "a call without a password leaves it");
        sent.sent("u", Some(&two), None, "t3");
        assert!(!sent.is_set("u", &one) && !sent.is_set("u", &two));
        sent.forget("u");
        assert!(!sent.is_set("u", &two));
    }
}
