//! Tokens as Snowflake checks them, read with another library's eyes than the provider writes them: signature by aws-lc, all
//! else by hand from Snowflake's documentation.

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::state::{State, User};

/// A token may live this long, in seconds.
const LIFE: i64 = 3600;

/// The base64 of SubjectPublicKeyInfo: its bytes, if it is an RSA key of 2048 bits or more.
pub fn read_public(text: &str) -> Option<Vec<u8>> {
    let der = STANDARD.decode(text).ok()?;
    ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der).ok()?;
    Some(der)
}

fn json(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Whose token it is: the user's name.
pub fn user_of(state: &State, account: &str, token: &str, now: DateTime<Utc>) -> Option<String> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        return None;
    };
    let signed = format!("{header}.{claims}");
    let (header, claims) = (json(header)?, json(claims)?);
    if header["alg"] != "RS256" || header["typ"] != "JWT" {
        return None;
    }
    let login = claims["sub"].as_str()?.strip_prefix(&format!("{account}."))?;
    if login != login.to_uppercase() {
        return None;
    }
    let (from, until) = (claims["iat"].as_i64()?, claims["exp"].as_i64()?);
    let now = now.timestamp();
    if until - from > LIFE || now >= until || now + 60 < from {
        return None;
    }
    let fingerprint = claims["iss"]
        .as_str()?
        .strip_prefix(&format!("{account}.{login}."))?;
    let (name, user) = state
        .users
        .iter()
        .find(|(_, user)| user.login_name.to_uppercase() == login)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let key = key_of(user, fingerprint)?;
    let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key).ok()?;
    key.verify_sig(signed.as_bytes(), &signature).ok()?;
    Some(name.clone())
}

/// The slot whose key has this fingerprint.
fn key_of(user: &User, fingerprint: &str) -> Option<Vec<u8>> {
    let keys = user.keys.iter().flatten().filter_map(|key| read_public(key));
    keys.into_iter()
        .find(|der| format!("SHA256:{}", STANDARD.encode(Sha256::digest(der))) == fingerprint)
}
