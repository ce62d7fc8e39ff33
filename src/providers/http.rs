//! What providers that speak HTTP share: the client, and what a failed exchange means.
//!
//! Nothing here puts a URL, a header or a body we sent into an error.

use std::{path::Path, time::Duration};

use reqwest::{Response, StatusCode, header::HeaderMap};

use super::{
    ErrorKind, ProviderError, Result,
    tls::{self, SslMode},
};

/// Longest wait for a connection, and for a whole exchange.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const EXCHANGE_LIMIT: Duration = Duration::from_secs(20);
/// No answer we need is larger; a broken proxy must not fill our memory. In bytes.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
/// Longest text of the target's own that goes into an error, in characters.
const WORDS_LIMIT: usize = 200;
/// The longest pause we let a target ask for.
const PAUSE_LIMIT: Duration = Duration::from_secs(60);

/// A client with our name and limits. Follows no redirect: a header with a key goes to the configured host only.
pub fn client() -> Result<reqwest::Client> {
    client_trusting(Vec::new())
}

/// As `client`; these certificate authorities are trusted beside the public ones.
pub fn client_trusting(authorities: Vec<reqwest::Certificate>) -> Result<reqwest::Client> {
    crate::install_crypto();
    let builder = reqwest::Client::builder()
        .user_agent("latchkey")
        .connect_timeout(CONNECT_LIMIT)
        .timeout(EXCHANGE_LIMIT)
        .redirect(reqwest::redirect::Policy::none());
    authorities
        .into_iter()
        .fold(builder, reqwest::ClientBuilder::add_root_certificate)
        .build()
        .map_err(|error| ProviderError::new(ErrorKind::Unsupported, format!("HTTP client: {error}")))
}

/// As `client`, for servers of the user's own: who answers is made sure of by the authority in `ca` alone, or by this machine's
/// own where there is none; `proxy` is the HTTP proxy on the way there, if it takes one.
///
/// # Errors
/// `Denied` if the authority cannot be read, `Invalid` for a proxy that is no address.
pub fn client_of(ca: Option<&Path>, proxy: Option<&str>) -> Result<reqwest::Client> {
    let unbuilt =
        |error: reqwest::Error| ProviderError::new(ErrorKind::Unsupported, format!("HTTP client: {error}"));
    crate::install_crypto();
    let mut builder = reqwest::Client::builder()
        .user_agent("latchkey")
        .connect_timeout(CONNECT_LIMIT)
        .timeout(EXCHANGE_LIMIT)
        .redirect(reqwest::redirect::Policy::none());
    if let Some(config) = tls::client(SslMode::VerifyFull, ca)? {
        builder = builder.use_preconfigured_tls(config);
    }
    if let Some(address) = proxy {
        // The parser's words would quote the address.
        let wrong = |_| ProviderError::new(ErrorKind::Invalid, "proxy: not the address of an HTTP proxy");
        builder = builder.proxy(reqwest::Proxy::all(address).map_err(wrong)?);
    }
    builder.build().map_err(unbuilt)
}

/// The address of an API without its closing slash. Plain HTTP only to this machine, since keys travel in headers.
pub fn base_url(text: &str) -> Result<String> {
    let invalid = |why: &str| ProviderError::new(ErrorKind::Invalid, format!("base_url: {why}"));
    let url = reqwest::Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    match url.scheme() {
        "https" => {}
        "http" if local => {}
        "http" => return Err(invalid("must be https:// (http:// only for this machine)")),
        _ => return Err(invalid("must be https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("must hold no user name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("must end with its path"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// An exchange that brought no answer. It may have taken effect all the same.
pub fn transport(system: &str, error: &reqwest::Error) -> ProviderError {
    if tls::is_untrusted(error) {
        let text = format!("{system} does not prove who it is: its certificate is not one that we trust");
        return ProviderError::new(ErrorKind::Denied, text);
    }
    let what = if error.is_timeout() {
        "did not answer in time"
    } else if error.is_connect() {
        "cannot be reached"
    } else {
        "broke off the connection"
    };
    ProviderError::new(ErrorKind::Transient, format!("{system} {what}"))
}

/// The body as text; `Transient` where it breaks off or is longer than any answer we need.
pub async fn body(system: &str, mut response: Response) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| transport(system, &error))?
    {
        if bytes.len() + chunk.len() > BODY_LIMIT {
            return Err(ProviderError::new(
                ErrorKind::Transient,
                format!("{system} sent too long an answer"),
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What to do about a status that is no success: 401 and 403 are our credential or rights; 408, 409, 425, 429 and all of
/// 5xx pass; the rest is wrong in itself.
pub fn kind_of(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 | 403 => ErrorKind::Denied,
        408 | 409 | 425 | 429 | 500..=599 => ErrorKind::Transient,
        _ => ErrorKind::Invalid,
    }
}

/// The pause a target asks for in whole seconds, at most a minute. The date form is not read: it needs a clock.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(PAUSE_LIMIT))
}

/// A name as one segment of a path: all but letters, digits and `-._~` is written as `%XX`.
pub fn segment(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte))
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

/// The target's own words for an error: no secret, no control characters, not long.
pub fn words(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "***");
    }
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(WORDS_LIMIT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_never_travel_in_clear() {
        assert_eq!(
            base_url("https://api.example.com/v1/").unwrap(),
            "https://api.example.com/v1"
        );
        assert_eq!(
            base_url("http://127.0.0.1:80/v1").unwrap(),
            "http://127.0.0.1:80/v1"
        );
        for bad in [
            "http://api.example.com/v1",
            "http://127.0.0.1.example.com/v1",
            "ftp://example.com",
            "https://a:b@example.com",
            "https://example.com?x=1",
            "example.com",
            "",
        ] {
            assert_eq!(base_url(bad).unwrap_err().kind, ErrorKind::Invalid, "{bad}");
        }
    }

    #[test]
    fn statuses_mean_what_the_core_acts_on() {
        for (status, kind) in [
            (401, ErrorKind::Denied),
            (403, ErrorKind::Denied),
            (400, ErrorKind::Invalid),
            (404, ErrorKind::Invalid),
            (422, ErrorKind::Invalid),
            (408, ErrorKind::Transient),
            (409, ErrorKind::Transient),
            (429, ErrorKind::Transient),
            (500, ErrorKind::Transient),
            (503, ErrorKind::Transient),
        ] {
            assert_eq!(kind_of(StatusCode::from_u16(status).unwrap()), kind, "{status}");
        }
    }

    #[test]
    fn pauses_are_read_and_bounded() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers), None);
        for (text, seconds) in [
            ("7", Some(7)),
            ("9999", Some(60)),
            ("Wed, 21 Oct 2026", None),
            ("-1", None),
        ] {
            headers.insert("retry-after", text.parse().unwrap());
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_name_stays_one_segment() {
        assert_eq!(segment("logs-2026.11_x~"), "logs-2026.11_x~");
        assert_eq!(segment("a/b?c#d%41 é"), "a%2Fb%3Fc%23d%2541%20%C3%A9");
    }

    #[test]
    fn words_are_masked_and_short() {
        assert_eq!(words("bad key s3cret\nhere", &["s3cret", ""]), "bad key *** here");
        assert_eq!(words(&"x".repeat(5000), &[]).len(), WORDS_LIMIT);
    }
}
