//! The whole check against the two stand-ins: a workspace and an account with every kind of trouble, then none.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use chrono::{TimeZone, Utc};

use super::*;
use crate::demo::{
    redis_cloud::{self, Simulator},
    slack::{self, FakeChannel, FakeGroup, FakePerson, Guest, SlackServer},
};

struct World {
    slack: SlackServer,
    redis: Simulator,
    dir: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

impl World {
    async fn new() -> Self {
        crate::install_crypto();
        let mut joe = FakePerson::member("U0JOE", "joe", "Joe");
        joe.guest = Guest::MultiChannel;
        let mut options = slack::Options::new(vec![
            FakePerson::member("U0ANN", "ann", "Ann"),
            FakePerson::member("U0BOB", "bob", "Bob"),
            joe,
        ]);
        let mut lonely = FakeChannel::public("C0LONELY", "lonely", &["U0ANN"]);
        lonely.has_app = false;
        let mut shared = FakeChannel::public("C0SHARED", "shared", &["U0ANN"]);
        shared.is_ext_shared = true;
        options.channels = vec![
            FakeChannel::public("C0ADMIN", "admins", &["U0ANN"]),
            lonely,
            shared,
        ];
        options.groups = Some(vec![FakeGroup {
            id: "S0ENG".into(),
            handle: "eng".into(),
            name: "Engineering".into(),
            members: vec!["U0ANN".into(), "U0BOB".into()],
            disabled: false,
        }]);
        let environment = [
            ("BOT", options.bot_token.as_str()),
            ("APP", options.app_token.as_str()),
            ("KEY", "demo-account-key"),
            ("OWNER", "demo-owner-key"),
            ("VIEWER", "demo-viewer-key"),
        ];
        let environment = environment
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        Self {
            slack: slack::start(options).await.expect("a free port"),
            redis: redis_cloud::start(redis_cloud::Options::team())
                .await
                .expect("a free port"),
            dir: tempfile::tempdir().expect("a temporary directory"),
            environment,
        }
    }

    /// The file with these rules, everything in it pointed at the stand-ins.
    async fn check(&self, slack: &str, rest: &str) -> Vec<String> {
        let text = format!(
            "installation = \"test\"\nadmins = [\"ann\"]\n{rest}",
            rest = rest
                .replace(
                    "[slack]",
                    &format!(
                        "[slack]\nteam = \"T0TEAM\"\napi_url = {:?}\n{slack}",
                        self.slack.api_base()
                    )
                )
                .replace("BASE", &format!("{:?}", self.redis.url))
        );
        let path: PathBuf = self.dir.path().join("latchkey.toml");
        std::fs::write(&path, text).expect("a writable directory");
        let clock: crate::chat::slack::Clock = Arc::new(|| Utc.timestamp_opt(1_700_000_000, 0).unwrap());
        let report = check(
            &path,
            &RealDoors {
                environment: self.environment.clone(),
                clock,
            },
        )
        .await;
        let shown = report
            .to_string()
            .replace(&path.display().to_string(), "latchkey.toml");
        assert_eq!(report.is_good(), !shown.contains("fix: "), "{shown}");
        for secret in self.environment.values() {
            assert!(!shown.contains(secret.as_str()), "a secret in {shown}");
        }
        shown.lines().map(str::to_owned).collect()
    }
}

const TOKENS: &str = "bot_token = \"env:BOT\"\napp_token = \"env:APP\"";

const GOOD: &str = r#"
admin_channel = "slack:C0ADMIN"
[slack]
[people]
ann = { email = "ann@example.com" }
bob = { slack = "U0BOB" }
[groups]
engineering = { slack_group = "S0ENG" }
dba = { members = ["bob"] }
[[integration]]
name = "redis-cloud"
kind = "redis-cloud"
base_url = BASE
secret = { api_key = "env:KEY", secret_key = "env:OWNER" }
credential_rotation_days = 90
user_cleanup_days = 30
integration_owner = { groups = ["dba"] }
resource_owner = { key = "owner", attribute = "group" }
[[access_flow]]
name = "developers"
requesters = { groups = ["engineering"] }
targets = [{ integration = "redis-cloud" }]
approvers = ["owner"]
channel = "slack:C0ADMIN"
"#;

#[tokio::test]
async fn all_is_well() {
    let world = World::new().await;
    let before = world.redis.handle.changed().len();
    let lines = world.check(TOKENS, GOOD).await;
    assert!(lines.iter().all(|line| !line.starts_with("fix:")), "{lines:#?}");
    for told in [
        "ok: latchkey.toml: 2 people, 2 groups, 1 integrations, 1 access flows",
        "ok: slack: socket mode",
        "ok: slack: workspace T0TEAM, bot U0LATCHKEY",
        "ok: slack channel C0ADMIN: #admins",
        "ok: people: 2 of 2 found in Slack",
        "ok: group engineering: 2 in Slack's S0ENG",
        "ok: redis-cloud: Redis Cloud account Example Ltd",
    ] {
        assert!(lines.iter().any(|line| line == told), "{told} not in {lines:#?}");
    }
    assert!(
        world.slack.calls_to("chat.postMessage").is_empty(),
        "a check posts nothing"
    );
    assert_eq!(
        world.redis.handle.changed().len(),
        before,
        "a check changes nothing"
    );
}

#[tokio::test]
async fn every_trouble_has_its_line() {
    let world = World::new().await;
    let troubled = GOOD
        .replace("slack:C0ADMIN", "slack:C0LONELY")
        .replace("bob = { slack = \"U0BOB\" }", "bob = { slack = \"U0BOB\" }\njoe = { email = \"joe@example.com\" }\nzoe = { email = \"zoe@example.com\" }")
        .replace("S0ENG", "S0GONE")
        .replace("env:OWNER", "env:VIEWER")
        .replace("credential_rotation_days = 90\n", "")
        .replace("{ integration = \"redis-cloud\" }", "{ integration = \"redis-cloud\", resources = [\"prod\"], permissions = [\"read\", \"reed\"] }")
        + "notify = [\"slack:C0SHARED\", \"slack:C0NOWHERE\"]\n"
        + "[[access_flow]]\nname = \"again\"\nrequesters = { groups = [\"engineering\"] }\nmax_duration = \"1h\"\n"
        + "targets = [{ integration = \"redis-cloud\", resources = [\"prod\"], permissions = [\"read\"] }]\napprovers = [\"group:dba\"]\n";
    let lines = world.check(TOKENS, &troubled).await;
    for told in [
        "fix: slack channel C0LONELY: the bot is not a member; type /invite @latchkey there",
        "fix: slack channel C0SHARED: people of another organisation can see it",
        "fix: slack channel C0NOWHERE: there is none the bot can see",
        "warn: person joe: is a guest",
        "fix: person zoe: nobody in Slack is found by zoe@example.com",
        "fix: group engineering: cannot be read",
        "fix: redis-cloud: key is Viewer, revoking needs Owner",
        "warn: redis-cloud: credentials are never replaced; credential_rotation_days = 90 is recommended",
        "warn: access flow again never decides: developers stands before it",
        "warn: access flow developers: redis-cloud has no permission reed",
        "warn: redis-cloud/staging: no flow covers it, nobody can ask",
    ] {
        assert!(
            lines.iter().any(|line| line.starts_with(told)),
            "{told} not in {lines:#?}"
        );
    }
    assert!(!lines.iter().any(|line| line.contains("cleanup")), "{lines:#?}");
}

#[tokio::test]
async fn secrets_that_are_wrong_or_missing() {
    let mut world = World::new().await;
    let lines = world
        .check(
            "bot_token = \"env:BOT\"\napp_token = \"env:NONE\"",
            &GOOD.replace("env:KEY", "env:NOKEY"),
        )
        .await;
    for told in [
        "fix: slack app_token: env:NONE: the variable is not set; set NONE",
        "fix: redis-cloud: secret env:NOKEY: the variable is not set; set NOKEY",
    ] {
        assert!(lines.iter().any(|line| line == told), "{told} not in {lines:#?}");
    }
    for name in ["BOT", "APP", "OWNER"] {
        world
            .environment
            .insert(name.into(), format!("xoxb-wrong-{name}"));
    }
    let lines = world.check(TOKENS, GOOD).await;
    for told in [
        "fix: slack: no socket can be opened: invalid_auth",
        "fix: slack: ",
        "fix: redis-cloud: ",
    ] {
        assert!(
            lines.iter().any(|line| line.starts_with(told)),
            "{told} not in {lines:#?}"
        );
    }
}

#[tokio::test]
async fn mistakes_in_the_file_are_all_there_is() {
    let world = World::new().await;
    let lines = world
        .check(
            TOKENS,
            &GOOD
                .replace("\"owner\"]", "\"ownr\"]")
                .replace("[\"bob\"]", "[\"bbo\"]"),
        )
        .await;
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines.iter().all(|line| line.starts_with("fix: latchkey.toml:")),
        "{lines:#?}"
    );
}
