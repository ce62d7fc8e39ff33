//! Our own client of Snowflake's SQL API, version 2. Every request carries a token signed with our key; there is no session
//! that could run out.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde_json::json;
use tokio::sync::OnceCell;

use super::{
    config::Config,
    key::{OwnKey, TOKEN_LIFE},
    wire::{Answer, Halt, Part, Ran, Table, refusal},
};
use crate::providers::{ErrorKind, ProviderError, Result, http};

const SYSTEM: &str = "Snowflake";
/// Snowflake answers 202 after 45 s; we give the line a little more.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(48);
/// After this Snowflake itself gives a statement up; in seconds.
const STATEMENT_LIMIT: u32 = 300;
/// A new token is made this long before the old one ends; in seconds.
const TOKEN_SLACK: u64 = 10 * 60;
const FIRST_POLL: Duration = Duration::from_millis(500);
const LONGEST_POLL: Duration = Duration::from_secs(5);
/// The pause after "too many requests", where Snowflake names none.
const PAUSE: Duration = Duration::from_secs(5);
const RESEND_AFTER: Duration = Duration::from_millis(100);

pub struct Client {
    config: Arc<Config>,
    /// Made at the first call: `build` does no I/O, and opening an encrypted key takes a moment.
    made: OnceCell<Made>,
    token: Mutex<Option<(Arc<str>, u64)>>,
}

struct Made {
    http: reqwest::Client,
    key: OwnKey,
}

/// Until when one call of ours may go on.
#[derive(Debug, Clone, Copy)]
pub struct Until(Instant);

impl Until {
    pub fn after(patience: Duration) -> Self {
        Self(Instant::now() + patience)
    }

    fn is_over(self) -> bool {
        Instant::now() >= self.0
    }
}

impl Client {
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            made: OnceCell::new(),
            token: Mutex::new(None),
        }
    }

    async fn made(&self) -> Result<&Made> {
        let config = &self.config;
        self.made
            .get_or_try_init(|| async {
                let (key, passphrase) = (config.private_key.clone(), config.passphrase.clone());
                let opened = tokio::task::spawn_blocking(move || OwnKey::read(&key, &passphrase)).await;
                let key = opened.map_err(|_| {
                    ProviderError::new(ErrorKind::Transient, "our private_key could not be read")
                })??;
                let http = client(config.tls_ca.as_deref())?;
                Ok(Made { http, key })
            })
            .await
    }

    /// Runs one statement to its end. `Halt::Later` if the time is over before it begins.
    pub async fn run(&self, sql: &str, until: Until) -> Ran<Table> {
        if until.is_over() {
            return Err(Halt::Later);
        }
        let made = self.made().await?;
        let body = json!({
            "statement": sql,
            "timeout": STATEMENT_LIMIT,
            "role": self.config.role,
            "parameters": {"MULTI_STATEMENT_COUNT": "1", "query_tag": "latchkey"},
        });
        let id = request_id();
        let mut url = format!(
            "{}/api/v2/statements?requestId={id}&nullable=true",
            self.config.base_url
        );
        let mut sent = self.exchange(made, Method::POST, &url, Some(&body)).await;
        if sent.as_ref().is_err_and(|lost| lost.may_have_run) {
            // Snowflake answers a known request id with what came of it, and runs nothing twice.
            tokio::time::sleep(RESEND_AFTER).await;
            url.push_str("&retry=true");
            sent = self.exchange(made, Method::POST, &url, Some(&body)).await;
        }
        let answer = sent.map_err(|lost| lost.error)?;
        self.finish(made, answer, until).await
    }

    /// Waits for a statement that an earlier call left running. What came of it is for the next look to see.
    pub async fn wait(&self, handle: &str, until: Until) -> Ran<()> {
        let made = self.made().await?;
        let answer = self.look(made, handle).await?;
        match self.finish(made, answer, until).await {
            Ok(_) | Err(Halt::Failed { .. }) => Ok(()),
            Err(halt) => Err(halt),
        }
    }

    /// Gives a statement up.
    pub async fn cancel(&self, handle: &str) -> Result<()> {
        let made = self.made().await?;
        let url = format!("{}/api/v2/statements/{handle}/cancel", self.config.base_url);
        self.exchange(made, Method::POST, &url, None)
            .await
            .map(drop)
            .map_err(|lost| lost.error)
    }

    async fn finish(&self, made: &Made, mut answer: (StatusCode, Answer), until: Until) -> Ran<Table> {
        let mut pause = FIRST_POLL;
        while answer.0 == StatusCode::ACCEPTED {
            let handle = handle(&answer.1)?;
            if until.is_over() {
                return Err(Halt::Running(handle));
            }
            tokio::time::sleep(pause.min(until.0.saturating_duration_since(Instant::now()))).await;
            pause = (pause * 3 / 2).min(LONGEST_POLL);
            answer = self.look(made, &handle).await?;
        }
        let (status, answer) = answer;
        if !status.is_success() {
            return Err(refusal(status, &answer, &self.config.role));
        }
        self.rows(made, answer).await
    }

    async fn look(&self, made: &Made, handle: &str) -> Result<(StatusCode, Answer)> {
        let url = format!("{}/api/v2/statements/{handle}", self.config.base_url);
        self.exchange(made, Method::GET, &url, None)
            .await
            .map_err(|lost| lost.error)
    }

    /// All partitions of a result.
    async fn rows(&self, made: &Made, answer: Answer) -> Ran<Table> {
        let Some(meta) = &answer.result_set_meta_data else {
            return Ok(Table::default());
        };
        let columns = meta.row_type.iter().map(|column| column.name.clone()).collect();
        let parts = meta.partition_info.len();
        let known = if parts > 1 { Some(handle(&answer)?) } else { None };
        let mut table = Table::new(columns, answer.data);
        for part in 1..parts {
            let handle = known.as_deref().unwrap_or_default();
            let url = format!(
                "{}/api/v2/statements/{handle}?partition={part}",
                self.config.base_url
            );
            let request = self.request(made, Method::GET, &url)?;
            let response = request
                .send()
                .await
                .map_err(|error| http::transport(SYSTEM, &error))?;
            let (status, text) = read(response).await?;
            if status != StatusCode::OK {
                return Err(refusal(status, &parse(&text), &self.config.role));
            }
            let part: Part = serde_json::from_str(&text).map_err(|_| nonsense())?;
            table.push(part.data);
        }
        Ok(table)
    }

    /// One request and its answer. A refused token is renewed once: it may have ended on the way.
    async fn exchange(
        &self,
        made: &Made,
        method: Method,
        url: &str,
        body: Option<&serde_json::Value>,
    ) -> std::result::Result<(StatusCode, Answer), Lost> {
        let mut renewed = false;
        loop {
            let mut request = self.request(made, method.clone(), url)?;
            if let Some(body) = body {
                request = request.json(body);
            }
            let response = request.send().await.map_err(|error| Lost {
                // Where nobody answered, nothing was sent.
                may_have_run: !error.is_connect(),
                error: http::transport(SYSTEM, &error),
            })?;
            let pause = http::retry_after(response.headers());
            let (status, text) = read(response).await.map_err(|error| Lost {
                may_have_run: true,
                error,
            })?;
            match status.as_u16() {
                401 if !renewed => {
                    renewed = true;
                    *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
                }
                429 => return Err(busy("does not take more requests at the moment", pause).into()),
                // Something before Snowflake gave up waiting for it.
                502..=504 => {
                    return Err(Lost {
                        may_have_run: true,
                        error: busy("is not available at the moment", pause),
                    });
                }
                _ => return Ok((status, parse(&text))),
            }
        }
    }

    fn request(&self, made: &Made, method: Method, url: &str) -> Result<RequestBuilder> {
        Ok(made
            .http
            .request(method, url)
            .timeout(EXCHANGE_LIMIT)
            .bearer_auth(self.token(made)?)
            .header("X-Snowflake-Authorization-Token-Type", "KEYPAIR_JWT")
            .header(header::ACCEPT, "application/json")
            // Snowflake refuses requests without a name and a version.
            .header(
                header::USER_AGENT,
                concat!("latchkey/", env!("CARGO_PKG_VERSION")),
            ))
    }

    fn token(&self, made: &Made) -> Result<Arc<str>> {
        let now = seconds_now();
        let mut held = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, made_at)) = &*held
            && now.abs_diff(*made_at) < TOKEN_LIFE - TOKEN_SLACK
        {
            return Ok(Arc::clone(token));
        }
        let token: Arc<str> = made
            .key
            .token(&self.config.account, &self.config.username, now)?
            .into();
        *held = Some((Arc::clone(&token), now));
        Ok(token)
    }
}

/// An exchange without an answer.
struct Lost {
    error: ProviderError,
    may_have_run: bool,
}

impl From<ProviderError> for Lost {
    fn from(error: ProviderError) -> Self {
        Self {
            error,
            may_have_run: false,
        }
    }
}

fn client(tls_ca: Option<&Path>) -> Result<reqwest::Client> {
    let Some(path) = tls_ca else {
        return http::client();
    };
    let denied =
        |why: String| ProviderError::new(ErrorKind::Denied, format!("tls_ca: {}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| denied(error.kind().to_string()))?;
    let authorities = reqwest::Certificate::from_pem_bundle(&pem)
        .ok()
        .filter(|all| !all.is_empty())
        .ok_or_else(|| denied("there is no certificate in it".to_owned()))?;
    http::client_trusting(authorities)
}

async fn read(response: Response) -> Result<(StatusCode, String)> {
    let status = response.status();
    Ok((status, http::body(SYSTEM, response).await?))
}

/// What is no JSON of Snowflake's (a proxy's page) is an answer without a word: its status tells.
fn parse(text: &str) -> Answer {
    serde_json::from_str(text).unwrap_or_else(|_| Answer {
        code: String::new(),
        message: "an answer that is not the SQL API's".to_owned(),
        statement_handle: None,
        result_set_meta_data: None,
        data: Vec::new(),
    })
}

fn nonsense() -> ProviderError {
    ProviderError::new(
        ErrorKind::Transient,
        "Snowflake answered with something we cannot read",
    )
}

fn busy(what: &str, pause: Option<Duration>) -> ProviderError {
    ProviderError {
        retry_after: Some(pause.unwrap_or(PAUSE)),
        ..ProviderError::new(ErrorKind::Transient, format!("{SYSTEM} {what}"))
    }
}

/// It goes into an address: nothing but what handles are made of.
fn handle(answer: &Answer) -> Result<String> {
    let plain = |text: &&String| {
        (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    answer
        .statement_handle
        .as_ref()
        .filter(plain)
        .cloned()
        .ok_or_else(nonsense)
}

/// A random UUID (version 4).
fn request_id() -> String {
    let bits = (rand::random::<u128>() & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[expect(clippy::disallowed_methods, reason = "the life of our own tokens")]
fn seconds_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_random_uuids() {
        let id = request_id();
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "4", "{id}");
        assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
        assert_ne!(id, request_id());
    }

    #[test]
    fn a_handle_cannot_lead_elsewhere() {
        let with = |text: &str| Answer {
            statement_handle: Some(text.to_owned()),
            ..parse("")
        };
        assert!(handle(&with("01b66701-0000-001c-0000-0030000b91521")).is_ok());
        for odd in ["", "../../x", "a?b", "a/b", &"a".repeat(65)] {
            assert!(handle(&with(odd)).is_err(), "{odd}");
        }
        assert!(handle(&parse("{}")).is_err());
    }
}
