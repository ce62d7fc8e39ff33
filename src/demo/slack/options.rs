//! What the workspace looks like at the start: its people, channels, groups, the app and how it is reached.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// Where the server reads the time. Everything that lapses (triggers, response URLs, rates, signatures) goes by it;
/// only the acknowledgement limit is measured in real seconds, because a real client waits for it.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A workspace, perhaps inside an Enterprise organisation.
#[derive(Clone, Debug)]
pub struct Team {
    pub id: String,
    pub name: String,
    pub domain: String,
    /// Id of the organisation; `None` for a workspace that stands alone.
    pub enterprise: Option<String>,
}

/// One member as `users.info` shows them.
#[derive(Clone, Debug)]
pub struct FakePerson {
    pub id: String,
    /// The handle, what others type after `@`.
    pub name: String,
    pub real_name: String,
    /// One line shown under the name in the page, e.g. what they own.
    pub title: String,
    pub email: Option<String>,
    pub email_confirmed: bool,
    /// IANA zone.
    pub tz: String,
    pub is_bot: bool,
    pub guest: Guest,
    pub deleted: bool,
    /// Home workspace where it is not ours (Slack Connect).
    pub foreign_team: Option<String>,
}

/// What kind of guest a person is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    No,
    /// `is_restricted`.
    MultiChannel,
    /// `is_restricted` and `is_ultra_restricted`.
    SingleChannel,
}

impl FakePerson {
    /// A full member with a confirmed address, in UTC.
    pub fn member(id: &str, name: &str, real_name: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            real_name: real_name.into(),
            title: String::new(),
            email: Some(format!("{name}@example.com")),
            email_confirmed: true,
            tz: "Etc/UTC".into(),
            is_bot: false,
            guest: Guest::No,
            deleted: false,
            foreign_team: None,
        }
    }
}

/// A public or private channel. Direct messages are opened by use and need no entry.
#[derive(Clone, Debug)]
pub struct FakeChannel {
    pub id: String,
    pub name: String,
    pub members: Vec<String>,
    /// Is our app in it?
    pub has_app: bool,
    pub is_private: bool,
    pub is_archived: bool,
    /// Shared with another organisation.
    pub is_ext_shared: bool,
    /// Shared between workspaces of the same organisation.
    pub is_org_shared: bool,
}

impl FakeChannel {
    /// A public channel of our own with the app in it.
    pub fn public(id: &str, name: &str, members: &[&str]) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            members: members.iter().map(|m| (*m).to_owned()).collect(),
            has_app: true,
            is_private: false,
            is_archived: false,
            is_ext_shared: false,
            is_org_shared: false,
        }
    }
}

/// A user group (`S…`).
#[derive(Clone, Debug)]
pub struct FakeGroup {
    pub id: String,
    pub handle: String,
    pub name: String,
    pub members: Vec<String>,
    pub disabled: bool,
}

/// The ids under which our app is installed.
#[derive(Clone, Debug)]
pub struct AppIdentity {
    pub app_id: String,
    pub bot_id: String,
    pub bot_user_id: String,
    pub name: String,
}

/// A command of the app's manifest.
#[derive(Clone, Debug)]
pub struct SlashCommand {
    /// With the leading slash.
    pub command: String,
    pub description: String,
    pub usage_hint: String,
    /// Mentions arrive as `<@U…|name>`.
    pub should_escape: bool,
}

/// How commands, clicks and events reach the app.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Over the web sockets the app opened.
    Socket,
    /// As signed requests.
    Http(RequestUrls),
}

/// The request URLs of the app's manifest.
#[derive(Clone, Debug)]
pub struct RequestUrls {
    pub commands: String,
    pub interactivity: String,
    /// `message_menu_options_url`.
    pub options: String,
    pub events: String,
}

impl RequestUrls {
    /// One URL for everything.
    pub fn all(url: &str) -> Self {
        Self {
            commands: url.into(),
            interactivity: url.into(),
            options: url.into(),
            events: url.into(),
        }
    }
}

/// Are the published request rates enforced?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rates {
    Off,
    /// Tiers per method and minute, and one message a second per channel (with a small burst).
    Published,
}

/// Is every Web API call kept for assertions?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    Nothing,
    /// The last 10 000.
    Calls,
}

/// JSON shown beside the chat, fetched by this server for the page.
#[derive(Clone, Debug)]
pub struct Panel {
    pub title: String,
    /// Answers GET with any JSON; an array of objects or an object of such arrays looks best.
    pub url: String,
}

/// Everything [`super::start`] needs. Holds tokens, hence no `Debug`.
#[derive(Clone)]
pub struct Options {
    /// 0 picks a free one.
    pub port: u16,
    pub team: Team,
    pub app: AppIdentity,
    pub people: Vec<FakePerson>,
    pub channels: Vec<FakeChannel>,
    /// `None`: the plan has no user groups, calls answer `plan_upgrade_required`.
    pub groups: Option<Vec<FakeGroup>>,
    pub bot_token: String,
    pub app_token: String,
    pub signing_secret: String,
    /// What the bot token may do; a call outside answers `missing_scope`.
    pub scopes: Vec<String>,
    pub commands: Vec<SlashCommand>,
    /// Global shortcuts: callback id and name.
    pub shortcuts: Vec<(String, String)>,
    pub transport: Transport,
    pub time: Clock,
    pub rates: Rates,
    pub record: Record,
    /// Slack's limit is 3 s.
    pub ack_limit: Duration,
    /// Waits before the 2nd, 3rd and 4th delivery of an event nobody acknowledged.
    pub event_retries: Vec<Duration>,
    /// How often the server pings a socket.
    pub ping_every: Duration,
    /// What stands in a person's message box when the page opens, by user id.
    pub first_lines: BTreeMap<String, String>,
    pub panels: Vec<Panel>,
}

impl Options {
    /// A small workspace: defaults as Slack publishes them, tokens that cannot be mistaken for real ones.
    pub fn new(people: Vec<FakePerson>) -> Self {
        Self {
            port: 0,
            team: Team {
                id: "T0TEAM".into(),
                name: "Example".into(),
                domain: "example".into(),
                enterprise: None,
            },
            app: AppIdentity {
                app_id: "A0LATCHKEY".into(),
                bot_id: "B0LATCHKEY".into(),
                bot_user_id: "U0LATCHKEY".into(),
                name: "latchkey".into(),
            },
            people,
            channels: Vec::new(),
            groups: Some(Vec::new()),
            bot_token: "xoxb-demo-only-not-a-token".into(),
            app_token: "xapp-demo-only-not-a-token".into(),
            signing_secret: "demo-only-not-a-secret".into(),
            scopes: MANIFEST_SCOPES.iter().map(|s| (*s).to_owned()).collect(),
            commands: vec![SlashCommand {
                command: "/access".into(),
                description: "Request, approve or revoke temporary access".into(),
                usage_hint: "redis-cloud prod 2h reason".into(),
                should_escape: true,
            }],
            shortcuts: vec![("request_access".into(), "Request access".into())],
            transport: Transport::Socket,
            time: wall_clock(),
            rates: Rates::Off,
            record: Record::Calls,
            ack_limit: Duration::from_secs(3),
            event_retries: vec![Duration::ZERO, Duration::from_secs(60), Duration::from_secs(300)],
            ping_every: Duration::from_secs(10),
            first_lines: BTreeMap::new(),
            panels: Vec::new(),
        }
    }
}

/// The bot scopes our manifest asks for.
const MANIFEST_SCOPES: [&str; 8] = [
    "commands",
    "chat:write",
    "im:write",
    "users:read",
    "users:read.email",
    "usergroups:read",
    "channels:read",
    "groups:read",
];

#[expect(
    clippy::disallowed_methods,
    reason = "a stand-in for a vendor keeps its own clock unless a test gives one"
)]
fn wall_clock() -> Clock {
    Arc::new(Utc::now)
}
