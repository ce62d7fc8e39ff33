//! How a simulated account begins, and how slow it is.

use std::time::Duration;

use super::op::{DatabaseSpec, Op, RuleSpec};
use super::world::{Database, Plan, Subscription};

/// How long things take. All may be zero.
#[derive(Debug, Clone, Copy)]
pub struct Delays {
    /// A fresh task is unknown to `GET /tasks` for so long.
    pub hidden: Duration,
    /// Then it is `received` for so long at least, and until the account is done with the ones before it.
    pub queued: Duration,
    /// Then it is `processing-in-progress`.
    pub working: Duration,
    /// What it changed is `active` for so long, though nothing has reached the databases yet,
    pub calm: Duration,
    /// then `pending` for so long; then active for good, and in effect.
    pub flapping: Duration,
}

impl Delays {
    /// Fast enough for tests that do not skip time.
    pub const SHORT: Self = Self {
        hidden: Duration::from_millis(2),
        queued: Duration::from_millis(2),
        working: Duration::from_millis(4),
        calm: Duration::from_millis(2),
        flapping: Duration::from_millis(4),
    };

    /// Long enough to watch.
    pub const DEMO: Self = Self {
        hidden: Duration::from_millis(150),
        queued: Duration::from_millis(250),
        working: Duration::from_millis(500),
        calm: Duration::from_millis(200),
        flapping: Duration::from_millis(400),
    };
}

/// Keys of one person of the account.
#[derive(Debug, Clone)]
pub struct Keys {
    pub api_key: String,
    pub secret_key: String,
    pub name: String,
    pub email: String,
    /// "Owner" or "Viewer".
    pub role: String,
}

#[derive(Debug, Clone)]
pub struct Options {
    /// 0 lets the system choose.
    pub port: u16,
    pub account: i64,
    pub account_name: String,
    pub keys: Vec<Keys>,
    pub delays: Delays,
    pub subscriptions: Vec<Subscription>,
    /// Name, pattern, and whether it is built in.
    pub rules: Vec<(String, String, bool)>,
    /// What others had made before.
    pub standing: Vec<Op>,
    /// More unfinished tasks than this are refused with 429.
    pub tasks_at_once: usize,
    /// More calls in a minute than this are refused with 429; the vendor's own client allows itself 400.
    pub calls_a_minute: Option<u32>,
    /// Whether a rule that allows nothing is an invalid pattern. The vendor does not say.
    pub refuse_empty_rules: bool,
}

impl Options {
    /// An account like a small team's: `prod` and `cache` (Pro), `staging` (Essentials), a memcached one, a role of its own.
    pub fn team() -> Self {
        let key = |api: &str, secret: &str, name: &str, email: &str, role: &str| Keys {
            api_key: api.to_owned(),
            secret_key: secret.to_owned(),
            name: name.to_owned(),
            email: email.to_owned(),
            role: role.to_owned(),
        };
        let rule = |name: &str, acl: &str, built_in| (name.to_owned(), acl.to_owned(), built_in);
        Self {
            port: 0,
            account: 1001,
            account_name: "Example Ltd".to_owned(),
            keys: vec![
                key(
                    "demo-account-key",
                    "demo-owner-key",
                    "Joe",
                    "joe@example.com",
                    "Owner",
                ),
                key(
                    "demo-account-key",
                    "demo-viewer-key",
                    "Val",
                    "val@example.com",
                    "Viewer",
                ),
            ],
            delays: Delays::DEMO,
            subscriptions: subscriptions(),
            rules: vec![
                rule("Full-Access", "+@all  ~*", true),
                rule("Read-Write", "+@all -@dangerous ~*", true),
                rule("Read-Only", "+@read ~*", true),
                rule("Streams", "+@stream ~stream:*", false),
            ],
            standing: standing(),
            tasks_at_once: 30,
            calls_a_minute: None,
            refuse_empty_rules: false,
        }
    }
}

fn database(id: i64, name: &str, tags: &[(&str, &str)]) -> Database {
    Database {
        id,
        name: name.to_owned(),
        status: "active".to_owned(),
        protocol: "redis".to_owned(),
        endpoint: format!("redis-{id}.c1.eu-west-1-1.example.com:{}", 16_000 + id % 1000),
        tls: true,
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        regions: Vec::new(),
    }
}

fn subscriptions() -> Vec<Subscription> {
    let mut sessions = database(51_003, "sessions", &[("owner", "dba")]);
    sessions.protocol = "memcached".to_owned();
    let mut staging = database(61_001, "staging", &[("owner", "engineering")]);
    staging.protocol = "stack".to_owned();
    staging.tls = false;
    let prod = database(51_001, "prod", &[("owner", "dba"), ("environment", "production")]);
    vec![
        Subscription {
            plan: Plan::Pro,
            id: 2001,
            name: "production".to_owned(),
            databases: vec![
                prod,
                database(51_002, "cache", &[("owner", "nobody-knows")]),
                sessions,
            ],
        },
        Subscription {
            plan: Plan::Fixed,
            id: 3001,
            name: "essentials".to_owned(),
            databases: vec![staging],
        },
    ]
}

/// A role and a login of the account's own, which nobody may touch.
fn standing() -> Vec<Op> {
    let at = |subscription_id, database_id| DatabaseSpec {
        subscription_id,
        database_id,
        regions: Vec::new(),
    };
    let databases = vec![at(2001, 51_001), at(2001, 51_002)];
    vec![
        Op::CreateRole {
            name: "reporting".to_owned(),
            rules: vec![RuleSpec {
                rule_name: "Read-Only".to_owned(),
                databases,
            }],
        },
        Op::CreateUser {
            name: "reporting-job".to_owned(),
            role: "reporting".to_owned(),
            password: "Standing-pass-1".to_owned(),
        },
    ]
}
