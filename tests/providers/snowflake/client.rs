//! The suite's own client of the SQL API, for the account's administrator and for people: written apart from the provider's.

use std::time::Duration;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeyPair,
    signature::{self, KeyPair as _},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use latchkey::secrets::Secret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::fake::clock;

/// Rows by column.
pub type Row = std::collections::BTreeMap<String, String>;

/// Where an account is.
#[derive(Debug, Clone)]
pub struct Door {
    pub url: String,
    pub account: String,
}

pub struct Client {
    door: Door,
    login: String,
    key: KeyPair,
    pub role: Option<String>,
    pub warehouse: Option<String>,
    http: reqwest::Client,
}

fn der(pem: &str) -> Option<Vec<u8>> {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body).ok()
}

/// The base64 of a private key's public half, as Snowflake takes it.
pub fn public_half(private: &Secret) -> String {
    let key = KeyPair::from_pkcs8(&der(private.expose()).expect("PEM")).expect("a key");
    let public: PublicKeyX509Der<'_> = key.public_key().as_der().expect("a public key");
    STANDARD.encode(public.as_ref())
}

impl Client {
    /// `None` if the secret is no private key.
    pub fn new(door: &Door, login: &str, private: &Secret) -> Option<Self> {
        Some(Self {
            door: door.clone(),
            login: login.to_uppercase(),
            key: KeyPair::from_pkcs8(&der(private.expose())?).ok()?,
            role: None,
            warehouse: None,
            http: reqwest::Client::new(),
        })
    }

    fn token(&self) -> String {
        let public: PublicKeyX509Der<'_> = self.key.public_key().as_der().expect("a public key");
        let fingerprint = STANDARD.encode(Sha256::digest(public.as_ref()));
        let who = format!("{}.{}", self.door.account, self.login);
        let now = clock().timestamp();
        let claims =
            json!({"iss": format!("{who}.SHA256:{fingerprint}"), "sub": who, "iat": now, "exp": now + 600});
        let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"RS256"}"#);
        let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signed = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &signature::RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signed,
            )
            .expect("a signature");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signed))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<(u16, Value), String> {
        let request = request
            .header("Authorization", format!("Bearer {}", self.token()))
            .header("X-Snowflake-Authorization-Token-Type", "KEYPAIR_JWT")
            .header("Accept", "application/json")
            .header("User-Agent", "suite/1.0");
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        let body = serde_json::from_str(&text).map_err(|_| format!("{status}: {text}"))?;
        Ok((status, body))
    }

    /// The rows of a statement; the error is what Snowflake says.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Row>, String> {
        let mut body = json!({"statement": sql, "timeout": 60});
        for (key, value) in [("role", &self.role), ("warehouse", &self.warehouse)] {
            if let Some(value) = value {
                body[key] = json!(value);
            }
        }
        let id = format!(
            "{:08x}-0000-4000-8000-{:012x}",
            rand::random::<u32>(),
            rand::random::<u64>() >> 16
        );
        let base = format!("{}/api/v2/statements", self.door.url);
        let first = self
            .http
            .post(format!("{base}?requestId={id}&nullable=true"))
            .json(&body);
        let (mut status, mut answer) = self.send(first).await?;
        let handle = answer["statementHandle"].as_str().unwrap_or_default().to_owned();
        while status == 202 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            (status, answer) = self.send(self.http.get(format!("{base}/{handle}"))).await?;
        }
        if status != 200 {
            return Err(format!("{sql}: {status} {}", answer["message"]));
        }
        let meta = &answer["resultSetMetaData"];
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let columns: Vec<String> = list(&meta["rowType"])
            .iter()
            .map(|column| column["name"].as_str().unwrap_or_default().to_lowercase())
            .collect();
        let mut data = list(&answer["data"]);
        for part in 1..list(&meta["partitionInfo"]).len() {
            let (_, more) = self
                .send(self.http.get(format!("{base}/{handle}?partition={part}")))
                .await?;
            data.extend(list(&more["data"]));
        }
        let row = |cells: &Value| {
            let cells = list(cells);
            let pairs = columns.iter().zip(&cells);
            pairs
                .map(|(column, cell)| (column.clone(), cell.as_str().unwrap_or_default().to_owned()))
                .collect()
        };
        Ok(data.iter().map(row).collect())
    }

    pub async fn may(&self, sql: &str) -> bool {
        self.rows(sql).await.is_ok()
    }

    /// A statement that has to work.
    pub async fn run(&self, sql: &str) -> Vec<Row> {
        self.rows(sql).await.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A name as it stands in a statement.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
