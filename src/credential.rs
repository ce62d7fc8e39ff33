//! The credentials we make: one recipe for all systems that take passwords, and one for those that take key pairs.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    error::Unspecified,
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rand::Rng;

use crate::{
    providers::{Credential, CredentialKind, ErrorKind, ProviderError, Result},
    secrets::Secret,
};

const UPPER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const LOWER: &[u8] = b"abcdefghijkmnopqrstuvwxyz";
const DIGIT: &[u8] = b"23456789";
const OTHER: &[u8] = b"-_";
const LENGTH: usize = 24;

/// Characters of a line of PEM (RFC 7468).
const PEM_LINE: usize = 64;

/// A credential that nobody has seen yet.
///
/// # Errors
/// `Transient` if the machine gives no random numbers for a key.
pub async fn make(kind: CredentialKind, login: &str) -> Result<Credential> {
    match kind {
        CredentialKind::Password => Ok(Credential::Password(password(login))),
        // Looking for primes takes a good part of a second: not on a thread that others wait for.
        CredentialKind::KeyPair => tokio::task::spawn_blocking(key_pair)
            .await
            .unwrap_or_else(|_| Err(no_key())),
    }
}

fn no_key() -> ProviderError {
    ProviderError::new(ErrorKind::Transient, "no key pair could be made")
}

/// What stands for a credential where one is only talked about: it opens nothing.
pub fn stand_in(kind: CredentialKind) -> Credential {
    match kind {
        CredentialKind::Password => Credential::Password(Secret::new("********")),
        CredentialKind::KeyPair => Credential::KeyPair {
            public: String::new(),
            private: Secret::new("********"),
        },
    }
}

/// RSA, 2048 bits: what the systems that take key pairs all read. Takes a good part of a second.
///
/// # Errors
/// `Transient` if the machine gives no random numbers for it.
pub fn key_pair() -> Result<Credential> {
    let unmade = |_: Unspecified| no_key();
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(unmade)?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(unmade)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(unmade)?;
    Ok(Credential::KeyPair {
        public: pem("PUBLIC KEY", public.as_ref()),
        private: Secret::new(pem("PRIVATE KEY", private.as_ref())),
    })
}

/// DER as PEM.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut lines = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(PEM_LINE));
        lines.push_str(line);
        lines.push('\n');
        rest = after;
    }
    lines.push_str(&format!("-----END {label}-----\n"));
    lines
}

/// 24 of `[A-Za-z0-9_-]` without `0 O 1 l I`: two of each class, no three alike in a row, not containing the login.
pub fn password(login: &str) -> Secret {
    let mut random = rand::rng();
    loop {
        let text = draw(&mut random);
        if fits(&text, login) {
            return Secret::new(text);
        }
    }
}

fn draw(random: &mut impl Rng) -> String {
    let all: Vec<u8> = [UPPER, LOWER, DIGIT, OTHER].concat();
    (0..LENGTH)
        .map(|_| char::from(all[random.random_range(0..all.len())]))
        .collect()
}

fn fits(text: &str, login: &str) -> bool {
    let bytes = text.as_bytes();
    let enough = |class: &[u8]| bytes.iter().filter(|byte| class.contains(byte)).count() >= 2;
    // A leading dash would be taken for an option by command-line tools.
    [UPPER, LOWER, DIGIT, OTHER].iter().all(|class| enough(class))
        && !text.starts_with('-')
        && !bytes
            .windows(3)
            .any(|three| three[0] == three[1] && three[1] == three[2])
        && (login.is_empty() || !text.to_lowercase().contains(&login.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_pair_belongs_together_and_is_new_each_time() {
        use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature};
        let mut seen = Vec::new();
        for _ in 0..2 {
            let made = make(CredentialKind::KeyPair, "jit_7c1e_ann_3f9c21ab")
                .await
                .expect("a key pair");
            let Credential::KeyPair { public, private } = made else {
                panic!("another kind")
            };
            let der = |pem: &str, label: &str| {
                let body = pem
                    .strip_prefix(&format!("-----BEGIN {label}-----\n"))
                    .and_then(|rest| rest.strip_suffix(&format!("-----END {label}-----\n")))
                    .expect("PEM");
                assert!(body.lines().all(|line| line.len() <= PEM_LINE));
                BASE64.decode(body.replace('\n', "")).expect("base64")
            };
            let pair = KeyPair::from_pkcs8(&der(private.expose(), "PRIVATE KEY")).expect("PKCS#8");
            assert_eq!(pair.public_modulus_len(), 256);
            let mut signed = vec![0; 256];
            let random = SystemRandom::new();
            pair.sign(&signature::RSA_PKCS1_SHA256, &random, b"words", &mut signed)
                .expect("a signature");
            let spki = der(&public, "PUBLIC KEY");
            let known = signature::ParsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, &spki)
                .expect("SubjectPublicKeyInfo");
            known
                .verify_sig(b"words", &signed)
                .expect("signed by its private key");
            // It is shown whole in one block of a modal, which holds 3000 characters.
            assert!(private.expose().chars().count() < 2000);
            seen.push(public);
        }
        assert_ne!(seen[0], seen[1]);
    }

    #[tokio::test]
    async fn what_is_made_is_of_the_kind_asked_for() {
        for kind in [CredentialKind::Password, CredentialKind::KeyPair] {
            assert_eq!(make(kind, "ann").await.expect("made").kind(), kind);
            assert_eq!(stand_in(kind).kind(), kind);
        }
    }

    #[test]
    fn every_password_fits_the_recipe() {
        for _ in 0..500 {
            let secret = password("jit_7c1e_ann_3f9c21ab");
            let text = secret.expose();
            assert_eq!(text.len(), LENGTH);
            assert!(fits(text, ""), "{text}");
            assert!(!text.contains(['0', 'O', '1', 'l', 'I']), "{text}");
        }
    }

    #[test]
    fn the_login_is_not_in_it() {
        assert!(!fits("ABann23--cdefghjkmnpqrst", "ann"));
    }
}
