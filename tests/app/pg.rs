//! A real PostgreSQL for stories: one server for all that run at the same time, a database for each, and a line to it that
//! can be cut.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{OnceCell, watch},
    task::JoinHandle,
};
use tokio_postgres::{Client, NoTls};

use crate::harness::{Setup, World};

#[path = "../providers/postgresql/server.rs"]
#[allow(dead_code, reason = "the providers' suite uses what the stories do not need")]
mod server;

use server::{ADMIN, ADMIN_PASSWORD, Server};

static RUNNING: tokio::sync::Mutex<Weak<Server>> = tokio::sync::Mutex::const_new(Weak::new());
static NEXT: AtomicU32 = AtomicU32::new(1);

/// The server that runs, or a new one; it stops with the last story that uses it.
async fn running() -> Arc<Server> {
    let mut running = RUNNING.lock().await;
    if let Some(server) = running.upgrade() {
        return server;
    }
    let started = tokio::task::spawn_blocking(Server::start).await;
    let server = Arc::new(started.expect("it starts").expect("a PostgreSQL is needed"));
    *running = Arc::downgrade(&server);
    server
}

/// A database of one story's own, known to the bot as integration `orders`.
pub struct Pg {
    server: Arc<Server>,
    pub database: String,
    /// Roles of the story carry this, since they belong to the whole server.
    pub tail: String,
    pub line: Line,
    admin: OnceCell<Client>,
}

impl Pg {
    pub async fn start() -> Self {
        latchkey::install_crypto();
        let server = running().await;
        let tail = format!("s{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let database = format!("db{tail}");
        let pg = Self {
            line: Line::to(server.port).await,
            server,
            tail,
            database,
            admin: OnceCell::new(),
        };
        let made = format!("CREATE DATABASE {}", pg.database);
        pg.main(&made).await;
        pg.main(&format!("COMMENT ON DATABASE {} IS 'owner=dba'", pg.database))
            .await;
        pg.sql("CREATE TABLE items (n int); INSERT INTO items VALUES (1); GRANT CREATE ON SCHEMA public TO PUBLIC")
            .await;
        pg
    }

    /// The usual file, with this database beside the account at Redis Cloud.
    pub fn setup(&self) -> Setup {
        let block = format!(
            r#"[[integration]]
name = "orders"
kind = "postgresql"
hostname = "127.0.0.1"
port = {}
ssl_mode = "disable"
secret = {{ username = "env:PG_USER", password = "env:PG_PASSWORD" }}
discover = {{ include = ["{}", "role/*_{}"] }}
credential_rotation_days = 90
user_cleanup_days = 30
integration_owner = {{ people = ["joe"] }}
resource_owner = {{ key = "owner", attribute = "group" }}
settles_in = "1s"

[[access_flow]]
name = "developers"#,
            self.line.port, self.database, self.tail
        );
        Setup::default()
            .with("installation = \"test\"", &format!("installation = \"{}\"", self.tail))
            .with("[[access_flow]]\nname = \"developers", &block)
            .with(
                "targets = [{",
                "targets = [{ integration = \"orders\", permissions = [\"read\", \"read-write\", \"member\"] }, {",
            )
    }

    async fn connect(&self, database: &str, user: &str, password: &str) -> Option<Client> {
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(self.server.port)
            .user(user)
            .password(password)
            .dbname(database)
            .application_name("story");
        let (client, connection) = config.connect(NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    async fn admin(&self) -> &Client {
        self.admin
            .get_or_init(|| async {
                let client = self.connect("postgres", ADMIN, ADMIN_PASSWORD).await;
                client.expect("the administrator gets in")
            })
            .await
    }

    /// Statements of the administrator, in the server's own database.
    pub async fn main(&self, sql: &str) {
        let done = self.admin().await.batch_execute(sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Statements of the administrator, in the story's database.
    pub async fn sql(&self, sql: &str) {
        let client = self.connect(&self.database, ADMIN, ADMIN_PASSWORD).await;
        let done = client
            .expect("the administrator gets in")
            .batch_execute(sql)
            .await;
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The first column of what the administrator sees.
    pub async fn column(&self, sql: &str) -> Vec<String> {
        let rows = self.admin().await.query(sql, &[]).await;
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        rows.iter().map(|row| row.get::<_, String>(0)).collect()
    }

    /// Somebody signs in to the story's database.
    pub async fn enter(&self, login: &str, password: &str) -> Option<Client> {
        self.connect(&self.database, login, password).await
    }

    /// Logins of ours here, each with whether it may sign in. Only this story's: the mark names the installation.
    pub async fn logins(&self) -> Vec<String> {
        self.column(&format!(
            "SELECT rolname::text || CASE WHEN rolcanlogin THEN ' open' ELSE ' shut' END FROM pg_roles \
             WHERE rolname LIKE 'jit\\_%' AND shobj_description(oid, 'pg_authid') LIKE '%latchkey:{}/orders%' ORDER BY 1",
            self.tail
        ))
        .await
    }

    /// Roles of leases that a login is a member of.
    pub async fn roles_of(&self, login: &str) -> Vec<String> {
        self.column(&format!(
            "SELECT r.rolname::text FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid \
             JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = '{login}' ORDER BY 1"
        ))
        .await
    }
}

/// Whether a statement is allowed; what it did is undone.
pub async fn may(client: &Client, sql: &str) -> bool {
    let may = client.batch_execute(&format!("BEGIN; {sql}")).await.is_ok();
    drop(client.batch_execute("ROLLBACK").await);
    may
}

/// A line to a server: it can be down, and the answer to one statement can be lost.
pub struct Line {
    pub port: u16,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    server: u16,
    down: watch::Sender<bool>,
    /// The answer to the next statement with these words is lost, and the line is down from then on.
    lose: Mutex<Option<String>>,
}

impl Line {
    async fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(State {
            server,
            down: watch::Sender::new(false),
            lose: Mutex::default(),
        });
        let own = state.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !*own.down.borrow() {
                    let state = own.clone();
                    tokio::spawn(async move {
                        let mut down = state.down.subscribe();
                        tokio::select! {
                            _ = down.wait_for(|down| *down) => {}
                            _ = carry(client, &state) => {}
                        }
                    });
                }
            }
        });
        Self {
            port,
            state,
            accepting,
        }
    }

    pub fn down(&self) {
        self.state.down.send_replace(true);
    }

    pub fn up(&self) {
        self.state.down.send_replace(false);
    }

    /// The next statement with these words takes effect, its answer is lost, and the line is down.
    pub fn lose_answer_to(&self, words: &str) {
        *self.state.lose.lock().unwrap_or_else(PoisonError::into_inner) = Some(words.to_owned());
    }

    /// Whether that came to pass.
    pub fn has_lost(&self) -> bool {
        let lose = self.state.lose.lock().unwrap_or_else(PoisonError::into_inner);
        lose.is_none() && *self.state.down.borrow()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
        self.down();
    }
}

impl State {
    fn is_lost(&self, sent: &[u8]) -> bool {
        let mut lose = self.lose.lock().unwrap_or_else(PoisonError::into_inner);
        let hit = lose
            .as_ref()
            .is_some_and(|words| String::from_utf8_lossy(sent).contains(words.as_str()));
        if hit {
            *lose = None;
        }
        hit
    }
}

async fn carry(client: TcpStream, state: &State) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", state.server)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let lost = AtomicBool::new(false);
    let questions = async {
        let mut buffer = vec![0; 65_536];
        loop {
            let read = from_client.read(&mut buffer).await?;
            if read == 0 {
                return Ok::<(), std::io::Error>(());
            }
            if state.is_lost(&buffer[..read]) {
                lost.store(true, Ordering::SeqCst);
            }
            to_server.write_all(&buffer[..read]).await?;
        }
    };
    let answers = async {
        let mut buffer = vec![0; 65_536];
        loop {
            let read = from_server.read(&mut buffer).await?;
            if read == 0 {
                return Ok::<(), std::io::Error>(());
            }
            if lost.load(Ordering::SeqCst) {
                // It has run; nobody hears so.
                state.down.send_replace(true);
                return Ok(());
            }
            to_client.write_all(&buffer[..read]).await?;
        }
    };
    tokio::select! {
        done = questions => done,
        done = answers => done,
    }
}

impl World {
    /// Somebody asks, and bob agrees: the request's code.
    pub async fn gets(&mut self, name: &str, line: &str, approve: &str) -> String {
        let answer = self.say(name, line).await;
        assert!(answer.contains("Asked"), "{name}: {line}: {answer}");
        let code = answer
            .split(|c: char| !c.is_ascii_alphanumeric())
            .find(|word| {
                let of_a_code = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
                word.len() >= 5 && word.starts_with('R') && word.chars().all(of_a_code)
            })
            .unwrap_or_else(|| panic!("no code in {answer}"))
            .to_owned();
        self.press("bob", approve).await;
        code
    }

    /// The newest credential: login and password.
    pub async fn credential(&mut self, name: &str, button: &str) -> (String, String) {
        self.press(name, button).await;
        let shown = (self.modal_value(name, "User"), self.modal_value(name, "Password"));
        self.person(name).closes_modal().await.expect("it closes");
        shown
    }

    /// The file is edited, and the bot started anew.
    pub async fn restart_with(&mut self, old: &str, new: &str) {
        assert!(self.text.contains(old), "the configuration does not say {old}");
        self.text = self.text.replace(old, new);
        self.restart().await;
        self.settle().await;
    }
}
