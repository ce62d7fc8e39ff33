//! Credentials as the core would choose them, for whichever form a kind of system takes.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use latchkey::{
    credential,
    providers::{Credential, CredentialKind},
    secrets::Secret,
};

use crate::desk::fresh_secret;

/// Looking for primes is slow, and cases need hundreds of keys: they take turns with these. No case holds more at a time.
const KEYS: usize = 16;

fn pool() -> &'static [(String, Secret)] {
    static POOL: OnceLock<Vec<(String, Secret)>> = OnceLock::new();
    POOL.get_or_init(|| (0..KEYS).map(|_| pair()).collect())
}

fn pair() -> (String, Secret) {
    match credential::key_pair().expect("a key pair") {
        Credential::KeyPair { public, private } => (public, private),
        Credential::Password(_) => unreachable!("asked for a key pair"),
    }
}

/// What a person holds: a password, or a private key. Different from the last ones.
pub fn fresh(kind: CredentialKind) -> Secret {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    match kind {
        CredentialKind::Password => fresh_secret(),
        CredentialKind::KeyPair => {
            let (_, private) = &pool()[NEXT.fetch_add(1, Ordering::Relaxed) % KEYS];
            private.clone()
        }
    }
}

/// The credential that a change carries for what the person holds.
pub fn as_sent(kind: CredentialKind, held: &Secret) -> Credential {
    match kind {
        CredentialKind::Password => Credential::Password(held.clone()),
        CredentialKind::KeyPair => {
            let known = pool()
                .iter()
                .find(|(_, private)| private.expose() == held.expose());
            let (public, private) = known.expect("a key of the suite").clone();
            Credential::KeyPair { public, private }
        }
    }
}
