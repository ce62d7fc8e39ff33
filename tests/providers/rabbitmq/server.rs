//! A real broker: our own, started by `tests/servers/rabbitmq.sh`, or the user's; and its administrator's eyes and hands.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use reqwest::{Method, StatusCode, Url};
use serde_json::{Value, json};

const ADMIN: &str = "admin";
const ADMIN_PASSWORD: &str = "admin-pw-1";

/// Names a broker of the user's: `http://USER:PASSWORD@HOST:15672/?amqp=HOST:5672`, an administrator, AMQP without TLS.
pub const DSN: &str = "RABBITMQ_TEST_DSN";

pub struct Server {
    /// Of our own broker; it lives as long as its input is open.
    child: Option<Child>,
    _dir: Option<tempfile::TempDir>,
    /// Scheme, host and port of the management API.
    pub origin: String,
    pub amqp: (String, u16),
    pub admin: String,
    pub password: String,
    http: reqwest::Client,
}

impl Server {
    /// # Errors
    /// Why there can be none on this machine.
    pub fn start() -> Result<Self, String> {
        #[expect(clippy::disallowed_methods, reason = "a switch of the test runner's")]
        let dsn = std::env::var(DSN).ok();
        match dsn {
            Some(dsn) => Self::of_the_user(&dsn)
                .ok_or_else(|| format!("{DSN} is not of the form that its description gives")),
            None => Self::our_own(),
        }
    }

    fn of_the_user(dsn: &str) -> Option<Self> {
        let url = Url::parse(dsn).ok()?;
        let amqp = url.query_pairs().find(|(key, _)| key == "amqp")?.1.into_owned();
        let (host, port) = amqp.rsplit_once(':')?;
        let decoded = |text: &str| {
            form_urlencoded::parse(format!("x={}", text.replace('+', "%2B")).as_bytes())
                .next()
                .map(|(_, value)| value.into_owned())
        };
        Some(Self {
            child: None,
            _dir: None,
            origin: url.origin().ascii_serialization(),
            amqp: (host.to_owned(), port.parse().ok()?),
            admin: decoded(url.username())?,
            password: decoded(url.password()?)?,
            http: http(),
        })
    }

    fn our_own() -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        open_to_others(dir.path());
        let mut said = String::new();
        // A free port may be taken by the time it is used.
        for attempt in 0..3 {
            let ports = free_ports();
            match launch(&dir.path().join(attempt.to_string()), ports) {
                Ok(child) => {
                    return Ok(Self {
                        child: Some(child),
                        _dir: Some(dir),
                        origin: format!("http://127.0.0.1:{}", ports[0]),
                        amqp: ("127.0.0.1".to_owned(), ports[1]),
                        admin: ADMIN.to_owned(),
                        password: ADMIN_PASSWORD.to_owned(),
                        http: http(),
                    });
                }
                Err(error) => said = error,
            }
        }
        Err(said)
    }

    pub fn amqp(&self) -> (&str, u16) {
        (&self.amqp.0, self.amqp.1)
    }

    /// As anybody.
    pub async fn asks(
        &self,
        who: (&str, &str),
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self
            .http
            .request(method, format!("{}/api{path}", self.origin))
            .basic_auth(who.0, Some(who.1))
            .header("content-type", "application/json");
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let answer = request
            .send()
            .await
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self
            .asks((&self.admin, &self.password), Method::GET, path, None)
            .await;
        assert!(status.is_success(), "GET {path}: {status} {body}");
        body
    }

    pub async fn put(&self, path: &str, body: Value) {
        let who = (self.admin.as_str(), self.password.as_str());
        let (status, said) = self.asks(who, Method::PUT, path, Some(body)).await;
        assert!(status.is_success(), "PUT {path}: {status} {said}");
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let who = (self.admin.as_str(), self.password.as_str());
        let (status, said) = self.asks(who, Method::POST, path, Some(body)).await;
        assert!(status.is_success(), "POST {path}: {status} {said}");
        said
    }

    pub async fn delete(&self, path: &str) {
        let who = (self.admin.as_str(), self.password.as_str());
        let (status, said) = self.asks(who, Method::DELETE, path, None).await;
        let gone = status.is_success() || status == StatusCode::NOT_FOUND;
        assert!(gone, "DELETE {path}: {status} {said}");
    }

    /// A virtual host with the queue `orders` and the exchange `events`, which the administrator may use.
    pub async fn make_vhost(&self, name: &str, tags: &str) {
        let vhost = quoted(name);
        self.put(&format!("/vhosts/{vhost}"), json!({"tags": tags})).await;
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.put(&format!("/permissions/{vhost}/{}", quoted(&self.admin)), all)
            .await;
        self.put(&format!("/queues/{vhost}/orders"), json!({"durable": true}))
            .await;
        self.put(&format!("/exchanges/{vhost}/events"), json!({"type": "topic"}))
            .await;
    }

    /// Into the queue, through the default exchange.
    pub async fn publish(&self, vhost: &str, queue: &str, body: &str) {
        let path = format!("/exchanges/{}/amq.default/publish", quoted(vhost));
        let message =
            json!({"properties": {}, "routing_key": queue, "payload": body, "payload_encoding": "string"});
        let said = self.post(&path, message).await;
        assert_eq!(said["routed"], true, "a message for {queue}");
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The script stops the broker once nothing holds its input open, and ends after it.
            drop(child.stdin.take());
            drop(child.wait());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn http() -> reqwest::Client {
    latchkey::install_crypto();
    reqwest::Client::builder().build().expect("an HTTP client")
}

fn launch(place: &Path, ports: [u16; 4]) -> Result<Child, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/rabbitmq.sh");
    let mut child = Command::new(script)
        .arg(place)
        .args(ports.map(|port| port.to_string()))
        .env("TEST_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("tests/servers/rabbitmq.sh: {error}"))?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        drop(BufReader::new(out).read_line(&mut line));
    }
    if line.trim() == "ready" {
        return Ok(child);
    }
    let said = child
        .wait_with_output()
        .map(|out| String::from_utf8_lossy(&out.stderr).trim().to_owned());
    Err(said.unwrap_or_else(|error| error.to_string()))
}

/// Four at once, so that none is given twice.
fn free_ports() -> [u16; 4] {
    let bound = [(); 4].map(|()| std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port"));
    bound.map(|listener| listener.local_addr().expect("its address").port())
}

/// The broker drops root, and must get at its files.
fn open_to_others(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    drop(std::fs::set_permissions(
        dir,
        std::fs::Permissions::from_mode(0o755),
    ));
}

/// The suite's own way to put a name into a path, apart from the one under test: every byte.
pub fn quoted(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
