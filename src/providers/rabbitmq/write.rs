//! The calls that change something, as values: what is sent, and what people are shown of it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    client::path,
    grant::{Facet, Triple},
    wire::User,
};
use crate::secrets::Secret;

pub(super) const SHA256: &str = "rabbit_password_hashing_sha256";
const SALT: usize = 4;

/// A salted password as the broker stores it: base64 of four bytes of salt and SHA-256 over salt and password. Sent instead
/// of the password, which no proxy then sees, and which a second look can tell from another.
/// <https://www.rabbitmq.com/docs/passwords#computing-password-hash>
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PasswordHash(String);

impl PasswordHash {
    pub fn new(password: &Secret, salt: [u8; SALT]) -> Self {
        let mut bytes = salt.to_vec();
        let hashed = Sha256::new().chain_update(salt).chain_update(password.expose());
        bytes.extend(hashed.finalize());
        Self(STANDARD.encode(bytes))
    }

    /// Whether the user's password is this one.
    pub fn is_of(user: &User, password: &Secret) -> bool {
        let Ok(bytes) = STANDARD.decode(&user.password_hash) else {
            return false;
        };
        match bytes.first_chunk::<SALT>() {
            Some(salt) if user.hashing_algorithm == SHA256 => {
                Self::new(password, *salt).0 == user.password_hash
            }
            _ => false,
        }
    }
}

/// Neither hash is for anybody's eyes.
impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A user is only ever replaced as a whole: a body that names no hash would blank the one there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lock {
    /// No password opens it.
    Shut,
    New(PasswordHash),
    /// As it is: the same hash again, by the algorithm it was made with.
    Kept {
        hash: PasswordHash,
        algorithm: String,
    },
}

impl Lock {
    pub fn kept(user: &User) -> Self {
        Self::Kept {
            hash: PasswordHash(user.password_hash.clone()),
            algorithm: user.hashing_algorithm.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Write {
    PutUser {
        login: String,
        lock: Lock,
        /// With commas between.
        tags: String,
    },
    PutPermission {
        login: String,
        vhost: String,
        triple: Triple,
    },
    DeletePermission {
        login: String,
        vhost: String,
    },
    DeleteUser {
        login: String,
    },
    /// All of the login's, on all nodes.
    CloseAll {
        login: String,
    },
    CloseOne {
        name: String,
    },
}

impl Write {
    pub fn method(&self) -> Method {
        match self {
            Self::PutUser { .. } | Self::PutPermission { .. } => Method::PUT,
            Self::DeletePermission { .. }
            | Self::DeleteUser { .. }
            | Self::CloseAll { .. }
            | Self::CloseOne { .. } => Method::DELETE,
        }
    }

    pub fn path(&self) -> String {
        match self {
            Self::PutUser { login, .. } | Self::DeleteUser { login } => path(&["users", login]),
            Self::PutPermission { login, vhost, .. } | Self::DeletePermission { login, vhost } => {
                path(&["permissions", vhost, login])
            }
            Self::CloseAll { login } => path(&["connections", "username", login]),
            Self::CloseOne { name } => path(&["connections", name]),
        }
    }

    pub fn body(&self) -> Option<Value> {
        self.content(|hash| hash.0.clone())
    }

    /// For people and the audit log, without the hash.
    pub fn line(&self) -> String {
        let (method, path) = (self.method(), self.path());
        match self.content(|_| "***".to_owned()) {
            Some(body) => format!("{method} /api{path} {body}"),
            None => format!("{method} /api{path}"),
        }
    }

    fn content(&self, hash: impl Fn(&PasswordHash) -> String) -> Option<Value> {
        match self {
            Self::PutUser { lock, tags, .. } => {
                let (password_hash, algorithm) = match lock {
                    Lock::Shut => (String::new(), SHA256),
                    Lock::New(new) => (hash(new), SHA256),
                    Lock::Kept {
                        hash: kept,
                        algorithm,
                    } => (hash(kept), algorithm.as_str()),
                };
                Some(json!({
                    "hashing_algorithm": algorithm,
                    "password_hash": password_hash,
                    "tags": tags,
                }))
            }
            Self::PutPermission { triple, .. } => Some(json!({
                "configure": triple.pattern(Facet::Configure),
                "read": triple.pattern(Facet::Read),
                "write": triple.pattern(Facet::Write),
            })),
            Self::DeletePermission { .. }
            | Self::DeleteUser { .. }
            | Self::CloseAll { .. }
            | Self::CloseOne { .. } => None,
        }
    }

    /// What must not be in an error, should the broker repeat it.
    pub fn hash(&self) -> &str {
        match self {
            Self::PutUser {
                lock: Lock::New(hash) | Lock::Kept { hash, .. },
                ..
            } => &hash.0,
            Self::PutUser { lock: Lock::Shut, .. }
            | Self::PutPermission { .. }
            | Self::DeletePermission { .. }
            | Self::DeleteUser { .. }
            | Self::CloseAll { .. }
            | Self::CloseOne { .. } => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_the_brokers() {
        // The example of RabbitMQ's documentation of passwords: salt 908DC60A, password "test12".
        let password = Secret::new("test12");
        let hash = PasswordHash::new(&password, [0x90, 0x8D, 0xC6, 0x0A]);
        assert_eq!(hash.0, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR");
        let user = User {
            name: "u".to_owned(),
            password_hash: hash.0.clone(),
            hashing_algorithm: SHA256.to_owned(),
            tags: Vec::new(),
        };
        assert!(PasswordHash::is_of(&user, &password));
        assert!(!PasswordHash::is_of(&user, &Secret::new("test13")));
        for (stored, algorithm) in [
            ("", SHA256),
            ("AAA=", SHA256),
            (&*hash.0, "rabbit_password_hashing_sha512"),
        ] {
            let user = User {
                password_hash: stored.to_owned(),
                hashing_algorithm: algorithm.to_owned(),
                ..user.clone()
            };
            assert!(!PasswordHash::is_of(&user, &password), "{stored} {algorithm}");
        }
    }

    #[test]
    fn lines_show_everything_but_the_hash() {
        let hash = PasswordHash::new(&Secret::new("pw"), [1, 2, 3, 4]);
        let write = Write::PutUser {
            login: "jit_ab12_ann_01234567".to_owned(),
            lock: Lock::New(hash.clone()),
            tags: "monitoring".to_owned(),
        };
        assert_eq!(
            write.line(),
            r#"PUT /api/users/jit_ab12_ann_01234567 {"hashing_algorithm":"rabbit_password_hashing_sha256","password_hash":"***","tags":"monitoring"}"#
        );
        assert!(write.body().unwrap().to_string().contains(&hash.0));
        assert!(!format!("{write:?}").contains(&hash.0));
        let write = Write::DeletePermission {
            login: "jit_u".to_owned(),
            vhost: "a/b c%".to_owned(),
        };
        assert_eq!(write.line(), "DELETE /api/permissions/a%2Fb%20c%25/jit_u");
    }
}
