//! Which password our last call for a login carried, and which shared roles calls are about to use. In memory only: after a
//! restart nobody knows, and a new password is set.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::secrets::Secret;

#[derive(Default)]
struct Entry {
    password: Option<Secret>,
    role: Option<String>,
}

#[derive(Default)]
pub(crate) struct Sent(Mutex<HashMap<String, Entry>>);

impl Sent {
    /// The target has taken this password.
    pub fn set(&self, login: &str, password: &Secret) {
        self.entries().entry(login.to_owned()).or_default().password = Some(password.clone());
    }

    pub fn is_set(&self, login: &str, password: &Secret) -> bool {
        self.entries()
            .get(login)
            .and_then(|entry| entry.password.as_ref())
            .is_some_and(|sent| sent.expose() == password.expose())
    }

    /// The login is about to be given this shared role: it is not swept meanwhile.
    pub fn about_to_use(&self, login: &str, role: &str) {
        self.entries().entry(login.to_owned()).or_default().role = Some(role.to_owned());
    }

    pub fn is_about_to_be_used(&self, role: &str) -> bool {
        self.entries()
            .values()
            .any(|entry| entry.role.as_deref() == Some(role))
    }

    pub fn forget(&self, login: &str) {
        self.entries().remove(login);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
