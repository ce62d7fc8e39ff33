//! How we prove who we are: HTTP digest (RFC 7616) with an API key, or a token for a service account (RFC 6749, 4.4).
//!
//! A digest needs a nonce of the server's. It is kept and counted up, so that a call costs one round trip and not two.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use digest_auth::{AuthContext, WwwAuthenticateHeader};
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde::Deserialize;

use super::{client::SYSTEM, refusal};
use crate::{
    providers::{ErrorKind, ProviderError, Result, http},
    secrets::Secret,
};

/// What the client ids of service accounts begin with (`GroupServiceAccount.clientId` in the API's document).
const SERVICE_ACCOUNT: &str = "mdb_sa_id_";
/// A token is renewed so long before it dies; they live an hour.
const EARLY: Duration = Duration::from_secs(60);

pub(super) struct Auth {
    /// Public key, or client id.
    id: Secret,
    secret: Secret,
    scheme: Scheme,
}

enum Scheme {
    Digest(Mutex<Option<WwwAuthenticateHeader>>),
    Token {
        url: String,
        /// Held while a token is fetched, so that a burst of calls fetches one.
        token: tokio::sync::Mutex<Option<Token>>,
    },
}

struct Token {
    text: Secret,
    until: Instant,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

/// An `Authorization` header, or what has to be asked for first.
pub(super) enum Proof {
    Header(String),
    /// No nonce yet: the answer to a call without proof brings one.
    NeedsNonce,
}

impl Auth {
    pub fn new(origin: &str, id: Secret, secret: Secret) -> Self {
        let scheme = if id.expose().starts_with(SERVICE_ACCOUNT) {
            Scheme::Token {
                url: format!("{origin}/api/oauth/token"),
                token: tokio::sync::Mutex::default(),
            }
        } else {
            Scheme::Digest(Mutex::default())
        };
        Self { id, secret, scheme }
    }

    /// The client id, where it is a service account.
    pub fn service_account(&self) -> Option<&str> {
        match self.scheme {
            Scheme::Token { .. } => Some(self.id.expose()),
            Scheme::Digest(_) => None,
        }
    }

    pub fn secrets(&self) -> [&str; 2] {
        [self.id.expose(), self.secret.expose()]
    }

    /// `uri` is the path with its query, as sent.
    pub async fn proof(&self, http: &reqwest::Client, method: &Method, uri: &str) -> Result<Proof> {
        match &self.scheme {
            Scheme::Digest(nonce) => {
                let mut nonce = nonce.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(prompt) = nonce.as_mut() else {
                    return Ok(Proof::NeedsNonce);
                };
                let context = AuthContext::new_with_method(
                    self.id.expose(),
                    self.secret.expose(),
                    uri,
                    None::<&[u8]>,
                    method.as_str().into(),
                );
                let answer = prompt.respond(&context).map_err(|_| odd_challenge())?;
                Ok(Proof::Header(answer.to_header_string()))
            }
            Scheme::Token { url, token } => {
                let mut token = token.lock().await;
                let text = match token.as_ref().filter(|token| Instant::now() < token.until) {
                    Some(token) => token.text.clone(),
                    None => {
                        let fresh = self.fetch(http, url).await?;
                        token.insert(fresh).text.clone()
                    }
                };
                Ok(Proof::Header(format!("Bearer {}", text.expose())))
            }
        }
    }

    /// After a 401: takes the new nonce, or drops the token. Whether the call is worth another try; `fresh` says that the proof
    /// it carried came from a nonce or token got for this very call, so that only an expired nonce is.
    pub async fn renew(&self, headers: &HeaderMap, fresh: bool) -> Result<bool> {
        match &self.scheme {
            Scheme::Digest(nonce) => {
                let Some(prompt) = challenge(headers) else {
                    return Ok(false);
                };
                let again = !fresh || prompt.stale;
                *nonce.lock().unwrap_or_else(PoisonError::into_inner) = Some(prompt);
                Ok(again)
            }
            Scheme::Token { token, .. } => {
                *token.lock().await = None;
                Ok(!fresh)
            }
        }
    }

    async fn fetch(&self, http: &reqwest::Client, url: &str) -> Result<Token> {
        let basic = STANDARD.encode(format!("{}:{}", self.id.expose(), self.secret.expose()));
        let begun = Instant::now();
        let response = http
            .post(url)
            .header("authorization", format!("Basic {basic}"))
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials")
            .send()
            .await
            .map_err(|error| http::transport(SYSTEM, &error))?;
        let status = response.status();
        if !status.is_success() {
            let pause = http::retry_after(response.headers());
            // OAuth answers a wrong secret with 400 or 401; both are our credential.
            return Err(match status {
                StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
                    let text =
                        format!("{SYSTEM} refuses our service account ({status}): wrong or expired secret");
                    ProviderError::new(ErrorKind::Denied, text)
                }
                _ => refusal::of(status, &refusal::Words::default(), pause, &self.secrets()),
            });
        }
        let text = http::body(SYSTEM, response).await?;
        let granted: Granted = serde_json::from_str(&text).map_err(|_| super::client::unreadable())?;
        let life = Duration::from_secs(granted.expires_in);
        Ok(Token {
            text: Secret::new(granted.access_token),
            until: begun + life.saturating_sub(EARLY),
        })
    }
}

/// The server's digest challenge. Other schemes may stand beside it, each in a header of its own.
fn challenge(headers: &HeaderMap) -> Option<WwwAuthenticateHeader> {
    headers
        .get_all("www-authenticate")
        .iter()
        // The parser counts characters as bytes; `to_str` lets only ASCII pass.
        .filter_map(|value| value.to_str().ok())
        .filter(|text| {
            text.trim_start()
                .get(..6)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("digest"))
        })
        .find_map(|text| {
            let rest = text.trim_start().get(6..)?;
            digest_auth::parse(&format!("Digest{rest}")).ok()
        })
}

fn odd_challenge() -> ProviderError {
    ProviderError::new(
        ErrorKind::Unsupported,
        format!("{SYSTEM} asks for a kind of digest we do not know"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616, 3.9.1: the example for MD5.
    #[test]
    fn digests_are_those_of_the_rfc() {
        let mut prompt = digest_auth::parse(
            r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#,
        )
        .unwrap();
        let mut context = AuthContext::new_with_method(
            "Mufasa",
            "Circle of Life",
            "/dir/index.html",
            None::<&[u8]>,
            "GET".into(),
        );
        context.set_custom_cnonce("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ");
        let answer = prompt.respond(&context).unwrap();
        assert_eq!(answer.response, "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(answer.nc, 1);
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("www-authenticate", value.parse().unwrap());
        }
        headers
    }

    #[tokio::test]
    async fn a_nonce_is_kept_counted_and_renewed() {
        let auth = Auth::new("http://127.0.0.1:1", Secret::new("pub"), Secret::new("priv"));
        let http = http::client().unwrap();
        let proof = async || auth.proof(&http, &Method::GET, "/x?y=1").await.unwrap();
        assert!(matches!(proof().await, Proof::NeedsNonce));
        let first = headers(&[
            "Bearer",
            r#"DIGEST realm="MMS", nonce="n1", qop="auth", algorithm=MD5"#,
        ]);
        assert!(auth.renew(&first, false).await.unwrap());
        for nc in ["00000001", "00000002"] {
            let Proof::Header(text) = proof().await else {
                panic!()
            };
            assert!(
                text.contains(&format!("nc={nc}")) && text.contains(r#"nonce="n1""#),
                "{text}"
            );
            assert!(
                text.contains(r#"uri="/x?y=1""#) && !text.contains("priv"),
                "{text}"
            );
        }
        // The same keys were just refused with a fresh nonce: only one that expired is worth another try.
        assert!(!auth.renew(&first, true).await.unwrap());
        let stale = headers(&[r#"Digest realm="MMS", nonce="n2", qop="auth", stale=true"#]);
        assert!(auth.renew(&stale, true).await.unwrap());
        assert!(
            !auth
                .renew(&headers(&["Digest nonsense", "Basic realm=x"]), false)
                .await
                .unwrap()
        );
    }
}
