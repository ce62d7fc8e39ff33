//! What both kinds read from an integration's table and secret.

use std::time::Duration;

use super::client::Client;
use crate::{
    providers::{ErrorKind, OwnSecret, ProviderError, Result, http},
    secrets::Secret,
};

pub(crate) const KEYS: &[&str] = &["base_url", "server_side_expiry", "settle_seconds", "poll_seconds"];
pub(crate) const SECRET_KEYS: &[&str] = &["public_key", "private_key"];

const BASE_URL: &str = "https://cloud.mongodb.com";

pub(crate) struct Settings {
    /// Whether Atlas itself deletes a user an hour after its last lease should have ended.
    pub expiry: bool,
    /// A cluster's status counts only when read so long after our change.
    pub settle: Duration,
    /// First pause between two looks at it.
    pub poll: Duration,
}

impl Settings {
    /// # Errors
    /// `Invalid`, naming the key.
    pub fn parse(config: &toml::Table) -> Result<Self> {
        let expiry = match config.get("server_side_expiry") {
            None => true,
            Some(value) => value
                .as_bool()
                .ok_or_else(|| invalid("server_side_expiry must be true or false"))?,
        };
        let poll = seconds(config, "poll_seconds", 2.0, 60.0)?;
        if poll.is_zero() {
            return Err(invalid("poll_seconds must be more than 0"));
        }
        Ok(Self {
            expiry,
            settle: seconds(config, "settle_seconds", 3.0, 600.0)?,
            poll,
        })
    }

    /// The client for the keys of `secret`.
    ///
    /// # Errors
    /// `Invalid`, naming the key.
    pub fn client(config: &toml::Table, mut secret: OwnSecret) -> Result<Client> {
        let base = text(config, "base_url")?.unwrap_or(BASE_URL);
        let mut key = |name: &str| match secret.remove(name) {
            Some(key) if is_header_value(&key) => Ok(key),
            Some(_) => Err(invalid(format!(
                "{name} is empty or holds characters that no key has"
            ))),
            None => Err(invalid(format!("the secret has no {name}"))),
        };
        let (public, private) = (key("public_key")?, key("private_key")?);
        Client::new(http::base_url(base)?, public, private)
    }
}

pub(crate) fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, text)
}

pub(crate) fn text<'a>(config: &'a toml::Table, key: &str) -> Result<Option<&'a str>> {
    match config.get(key) {
        None => Ok(None),
        Some(value) => value
            .as_str()
            .map(Some)
            .ok_or_else(|| invalid(format!("{key} must be a text"))),
    }
}

/// An id of an organization or project: 24 hexadecimal digits (`ObjectId` in the API's document).
pub(crate) fn group_id(config: &toml::Table, key: &str) -> Result<String> {
    let id = text(config, key)?.ok_or_else(|| invalid(format!("{key} is missing")))?;
    match is_id(id) {
        true => Ok(id.to_owned()),
        false => Err(invalid(format!(
            "{key} must be 24 of 0-9 and a-f, as in the address of its page"
        ))),
    }
}

pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// As Atlas allows names of clusters (`clusterName` in the API's document).
pub(crate) fn is_cluster_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.bytes().all(plain) && text.bytes().next().is_some_and(|byte| byte != b'-')
}

fn is_header_value(key: &Secret) -> bool {
    !key.expose().is_empty() && key.expose().bytes().all(|byte| byte.is_ascii_graphic())
}

/// A number of seconds, whole or not, from 0 to `most`.
fn seconds(config: &toml::Table, key: &str, default: f64, most: f64) -> Result<Duration> {
    let wrong = || invalid(format!("{key} must be a number of seconds from 0 to {most}"));
    let number = match config.get(key) {
        None => default,
        Some(toml::Value::Integer(whole)) => *whole as f64,
        Some(toml::Value::Float(number)) => *number,
        Some(_) => return Err(wrong()),
    };
    // Not a number is in no range.
    if !(0.0..=most).contains(&number) {
        return Err(wrong());
    }
    Ok(Duration::from_secs_f64(number))
}
