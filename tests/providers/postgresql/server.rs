//! A real server, of our own (started by `tests/servers/postgres.sh`) or the user's, and its administrator's eyes and hands.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
};

use latchkey::providers::tls::{self, SslMode};
use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

pub const VARIABLE: &str = "POSTGRESQL_TEST_DSN";

pub const ADMIN: &str = "admin";
pub const ADMIN_PASSWORD: &str = "admin-pw-1";

/// Lives as long as this value, even if the process does not end by itself: the script waits on our pipe.
pub struct Server {
    /// None for the user's.
    child: Option<Child>,
    pub host: String,
    pub port: u16,
    pub admin: String,
    pub admin_password: String,
    /// How the suite itself connects, and providers where the cases ask for nothing else.
    pub ssl_mode: SslMode,
    pub dir: tempfile::TempDir,
    clients: Mutex<HashMap<String, Client>>,
    markers: AtomicU64,
}

impl Server {
    /// # Errors
    /// Why there can be none on this machine.
    pub fn start() -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut said = String::new();
        // A free port may be taken by the time it is used.
        for _ in 0..3 {
            let port = free_port();
            let place = dir.path().join(port.to_string());
            open_to_others(dir.path());
            match Self::launch(&place, port) {
                Ok(child) => {
                    return Ok(Self {
                        child: Some(child),
                        host: "127.0.0.1".to_owned(),
                        port,
                        admin: ADMIN.to_owned(),
                        admin_password: ADMIN_PASSWORD.to_owned(),
                        ssl_mode: SslMode::Disable,
                        dir,
                        clients: Mutex::default(),
                        markers: AtomicU64::new(0),
                    });
                }
                Err(error) => said = error,
            }
        }
        Err(said)
    }

    /// `postgresql://SUPERUSER:PASSWORD@HOST:PORT/?ssl_mode=require`; without `ssl_mode` it is `disable`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_the_user(dsn: &str) -> Result<Self, String> {
        let url = url::Url::parse(dsn).map_err(|error| format!("{VARIABLE}: {error}"))?;
        let ssl_mode = match url.query() {
            None | Some("ssl_mode=disable") => SslMode::Disable,
            Some("ssl_mode=require") => SslMode::Require,
            Some(other) => {
                return Err(format!(
                    "{VARIABLE}: {other} is not known; ssl_mode=disable or require"
                ));
            }
        };
        Ok(Self {
            child: None,
            host: url.host_str().ok_or(format!("{VARIABLE}: no host"))?.to_owned(),
            port: url.port().unwrap_or(5432),
            admin: url.username().to_owned(),
            admin_password: url.password().unwrap_or_default().to_owned(),
            ssl_mode,
            dir: tempfile::tempdir().map_err(|error| error.to_string())?,
            clients: Mutex::default(),
            markers: AtomicU64::new(0),
        })
    }

    /// Whether its files are ours: certificates and the log.
    pub fn is_ours(&self) -> bool {
        self.child.is_some()
    }

    fn launch(place: &Path, port: u16) -> Result<Child, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/postgres.sh");
        let mut child = Command::new(script)
            .arg(place)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("tests/servers/postgres.sh: {error}"))?;
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

    pub fn place(&self) -> PathBuf {
        self.dir.path().join(self.port.to_string())
    }

    pub fn ca(&self, name: &str) -> PathBuf {
        self.place().join("tls").join(name)
    }

    pub async fn connect(
        &self,
        database: &str,
        user: &str,
        password: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(user)
            .password(password)
            .dbname(database)
            .application_name("suite");
        let tls = tls::client(self.ssl_mode, None).expect("TLS without authorities");
        let client = match tls {
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(connection);
                client
            }
            Some(tls) => {
                let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await?;
                tokio::spawn(connection);
                client
            }
        };
        Ok(client)
    }

    /// As the administrator, over a connection that is kept.
    pub async fn rows(&self, database: &str, sql: &str) -> Vec<Row> {
        let mut clients = self.clients.lock().await;
        if clients.get(database).is_none_or(Client::is_closed) {
            let client = self.connect(database, &self.admin, &self.admin_password).await;
            clients.insert(
                database.to_owned(),
                client.unwrap_or_else(|error| panic!("{database}: {error}")),
            );
        }
        let client = clients.get(database).expect("just connected");
        client
            .query(sql, &[])
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// One or more statements as the administrator.
    pub async fn run(&self, database: &str, sql: &str) {
        self.rows(database, "SELECT 1").await;
        let clients = self.clients.lock().await;
        let client = clients.get(database).expect("just connected");
        client
            .batch_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    pub async fn forget_client(&self, database: &str) {
        self.clients.lock().await.remove(database);
    }

    /// What our program sent since the offset, as the server logged it; the log is complete up to now.
    pub async fn logged(&self, from: &mut u64) -> Vec<(String, String)> {
        let marker = format!("marker {}", self.markers.fetch_add(1, Ordering::Relaxed));
        self.run("postgres", &format!("SELECT '{marker}'")).await;
        let path = self.place().join("data/log/server.json");
        for _ in 0..200 {
            let bytes = std::fs::read(&path).unwrap_or_default();
            let new = &bytes[usize::try_from(*from).unwrap_or(0).min(bytes.len())..];
            let text = String::from_utf8_lossy(new);
            if text.contains(&marker) {
                *from = bytes.len() as u64;
                return text.lines().filter_map(statement_of).collect();
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the server's log never had {marker}");
    }
}

/// Application and statement of a log line.
fn statement_of(line: &str) -> Option<(String, String)> {
    let entry: serde_json::Value = serde_json::from_str(line).ok()?;
    let message = entry.get("message")?.as_str()?;
    let statement = match message.strip_prefix("statement: ") {
        Some(statement) => statement,
        None => message.strip_prefix("execute ")?.split_once(": ")?.1,
    };
    Some((
        entry.get("application_name")?.as_str()?.to_owned(),
        statement.to_owned(),
    ))
}

impl Drop for Server {
    fn drop(&mut self) {
        // The script stops the server once nothing holds its input open, and ends after it.
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
            drop(child.wait());
        }
    }
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// The server drops root, and must get at its files.
fn open_to_others(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    drop(std::fs::set_permissions(
        dir,
        std::fs::Permissions::from_mode(0o755),
    ));
}

/// The suite's own way to quote, apart from the one under test.
pub fn quoted(name: &str) -> String {
    let mut text = String::from("\"");
    for c in name.chars() {
        text.extend(std::iter::repeat_n(c, if c == '"' { 2 } else { 1 }));
    }
    text + "\""
}

pub fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
