//! A server, started by a script of `tests/servers` or the user's own, and its administrator's eyes and hands.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use mysql_async::{Conn, Opts, OptsBuilder, Row, SslOpts, prelude::Queryable};
use tokio::sync::Mutex;

use super::Engine;

const ADMIN: &str = "admin";
const ADMIN_PASSWORD: &str = "admin-pw-1";

/// One that we started lives as long as this value, even if the process does not end by itself: the script waits on our pipe.
pub struct Server {
    child: Option<Child>,
    pub host: String,
    pub port: u16,
    user: String,
    password: String,
    pub dir: tempfile::TempDir,
    admin: Mutex<Option<Conn>>,
    /// What was there before us, and stays.
    kept: BTreeSet<String>,
}

impl Server {
    /// # Errors
    /// Why there can be none on this machine.
    pub async fn start(engine: Engine) -> Result<Self, String> {
        let mut server = match engine.dsn() {
            Some(dsn) => Self::of_the_user(&dsn)?,
            None => tokio::task::spawn_blocking(move || Self::launched(engine))
                .await
                .map_err(|error| error.to_string())??,
        };
        server.kept = server.things().await.into_iter().collect();
        Ok(server)
    }

    fn of_the_user(dsn: &str) -> Result<Self, String> {
        let opts = Opts::from_url(dsn).map_err(|error| error.to_string())?;
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        Ok(Self {
            child: None,
            host: opts.ip_or_hostname().to_owned(),
            port: opts.tcp_port(),
            user: opts.user().unwrap_or("root").to_owned(),
            password: opts.pass().unwrap_or_default().to_owned(),
            dir,
            admin: Mutex::default(),
            kept: BTreeSet::new(),
        })
    }

    fn launched(engine: Engine) -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut said = String::new();
        // A free port may be taken by the time it is used.
        for _ in 0..3 {
            let port = free_port();
            open_to_others(dir.path());
            match launch(engine, &dir.path().join(port.to_string()), port) {
                Ok(child) => {
                    return Ok(Self {
                        child: Some(child),
                        host: "localhost".to_owned(),
                        port,
                        user: ADMIN.to_owned(),
                        password: ADMIN_PASSWORD.to_owned(),
                        dir,
                        admin: Mutex::default(),
                        kept: BTreeSet::new(),
                    });
                }
                Err(error) => said = error,
            }
        }
        Err(said)
    }

    pub fn is_ours(&self) -> bool {
        self.child.is_some()
    }

    /// The folder of the server that we started.
    pub fn place(&self) -> PathBuf {
        self.dir.path().join(self.port.to_string())
    }

    /// As the administrator, over a connection that is kept.
    pub async fn rows(&self, sql: &str) -> Vec<Row> {
        let mut admin = self.admin.lock().await;
        if admin.is_none() {
            let conn = connect(&self.host, self.port, &self.user, &self.password, None).await;
            *admin = Some(conn.unwrap_or_else(|error| panic!("the administrator: {error}")));
        }
        let conn = admin.as_mut().expect("just connected");
        conn.query(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub async fn texts(&self, sql: &str) -> Vec<String> {
        self.rows(sql)
            .await
            .iter()
            .map(|row| text(row, 0).unwrap_or_default())
            .collect()
    }

    /// Statements as the administrator, one at a time.
    pub async fn run(&self, statements: &[&str]) {
        for statement in statements {
            drop(self.rows(statement).await);
        }
    }

    pub async fn forget(&self) {
        *self.admin.lock().await = None;
    }

    /// Databases and accounts, as the statement that removes each.
    async fn things(&self) -> Vec<String> {
        let mut all = Vec::new();
        for database in self
            .texts("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
            .await
        {
            all.push(format!("DROP DATABASE {}", quoted(&database)));
        }
        for row in self
            .rows("SELECT User, Host FROM mysql.user ORDER BY User <> '', User")
            .await
        {
            let (user, host) = (
                text(&row, 0).unwrap_or_default(),
                text(&row, 1).unwrap_or_default(),
            );
            all.push(match host.as_str() {
                "" => format!("DROP ROLE {}", literal(&user)),
                host => format!("DROP USER {}@{}", literal(&user), literal(host)),
            });
        }
        all
    }

    /// Removes all that was not there before us.
    pub async fn clear(&self) {
        for drop_it in self.things().await {
            if !self.kept.contains(&drop_it) {
                self.run(&[&drop_it]).await;
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The script stops the server once nothing holds its input open, and ends after it.
            drop(child.stdin.take());
            drop(child.wait());
        }
    }
}

fn launch(engine: Engine, place: &Path, port: u16) -> Result<Child, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(engine.script());
    let mut child = Command::new(&script)
        .arg(place)
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", script.display()))?;
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

/// Always over TLS, whoever answers: accounts may ask for it.
pub async fn connect(
    host: &str,
    port: u16,
    user: &str,
    password: &str,
    database: Option<&str>,
) -> Result<Conn, mysql_async::Error> {
    let opts = OptsBuilder::default()
        .ip_or_hostname(host)
        .tcp_port(port)
        .user(Some(user))
        .pass(Some(password))
        .db_name(database)
        .prefer_socket(false)
        .max_allowed_packet(Some(1 << 24))
        .wait_timeout(Some(600))
        .ssl_opts(SslOpts::default().with_danger_accept_invalid_certs(true));
    Conn::new(Opts::from(opts)).await
}

pub fn text(row: &Row, at: usize) -> Option<String> {
    match row.as_ref(at)? {
        mysql_async::Value::NULL => None,
        mysql_async::Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
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
    let mut text = String::from("`");
    for c in name.chars() {
        text.extend(std::iter::repeat_n(c, if c == '`' { 2 } else { 1 }));
    }
    text + "`"
}

pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A database in a grant, where `_` and `%` are wildcards.
pub fn pattern(name: &str) -> String {
    quoted(&name.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%"))
}
