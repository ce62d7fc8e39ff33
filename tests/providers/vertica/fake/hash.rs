//! Passwords as the server keeps them, and whether an answer fits one.

use md5::Md5;
use sha2::{Digest, Sha512};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    Sha512,
}

#[derive(Debug, Clone)]
pub enum Stored {
    /// hex(MD5(password, user)).
    Md5(String),
    /// The user's own salt, and hex(SHA-512(password, salt)).
    Sha512([u8; 16], String),
}

impl Stored {
    pub fn new(user: &str, password: &str, algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5(hex_md5(&[password.as_bytes(), user.as_bytes()])),
            Algorithm::Sha512 => {
                let salt: [u8; 16] = rand::random();
                Self::Sha512(salt, hex_sha512(&[password.as_bytes(), &salt]))
            }
        }
    }

    /// The body of the challenge: its code, the connection's salt, and the user's.
    pub fn challenge(&self, salt: [u8; 4]) -> Vec<u8> {
        let mut body = Vec::new();
        match self {
            Self::Md5(_) => {
                body.extend(65_541_u32.to_be_bytes());
                body.extend(salt);
            }
            Self::Sha512(own, _) => {
                body.extend(66_048_u32.to_be_bytes());
                body.extend(salt);
                body.extend(16_u32.to_be_bytes());
                body.extend(own);
            }
        }
        body
    }

    pub fn fits(&self, answer: &str, salt: [u8; 4]) -> bool {
        let expected = match self {
            Self::Md5(stored) => format!("md5{}", hex_md5(&[stored.as_bytes(), &salt])),
            Self::Sha512(_, stored) => format!("sha512{}", hex_sha512(&[stored.as_bytes(), &salt])),
        };
        answer == expected
    }
}

fn hex_md5(parts: &[&[u8]]) -> String {
    hex::encode(Md5::digest(parts.concat()))
}

fn hex_sha512(parts: &[&[u8]]) -> String {
    hex::encode(Sha512::digest(parts.concat()))
}
