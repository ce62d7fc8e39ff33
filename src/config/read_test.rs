//! The reader over whole files: what good ones mean, and that bad ones are told everything at once.

use std::path::Path;

use super::*;
use crate::{
    domain::policy::{Approval, Approver, Notify, OwnerAttribute, ReasonRule},
    providers::{
        Account, AccountName, Change, Converged, Discovery, ErrorKind, Feature, Guide, Health, Lease,
        Observed, Person, Provider, ProviderError, Registration, Setup,
    },
};

/// The readers' own kinds: the file is not the place to test the real ones.
const KINDS: &[Registration] = &[
    Registration {
        supports: &[Feature::Accounts, Feature::Tags],
        ..kind("redis-cloud", &["base_url"], &["api_key", "secret_key"])
    },
    Registration {
        supports: &[Feature::Accounts],
        ..kind(
            "postgresql",
            &["hostname", "port", "database_name", "ssl_mode", "tls_ca"],
            &["username", "password"],
        )
    },
    kind("portal", &["hostname"], &["token"]),
];

const fn kind(
    kind: &'static str,
    keys: &'static [&'static str],
    secret_keys: &'static [&'static str],
) -> Registration {
    Registration {
        kind,
        title: kind,
        supports: &[],
        at_once: 1,
        settles_in: std::time::Duration::from_secs(1),
        per_minute: None,
        keys,
        secret_keys,
        example: "",
        kinds: Vec::new,
        guide: Guide {
            connector: "",
            granted: "",
            limits: &[],
        },
        build,
    }
}

/// Looks at `port` alone, so that a kind's own refusal can be seen.
fn build(setup: Setup) -> crate::providers::Result<Box<dyn Provider>> {
    match setup.config.get("port") {
        Some(toml::Value::Integer(port)) if *port > 65_535 => {
            let text = format!("port {port} is none; write 1 to 65535");
            Err(ProviderError::new(ErrorKind::Invalid, text))
        }
        Some(_) | None => Ok(Box::new(Nothing)),
    }
}

/// A provider that is built and never asked.
struct Nothing;

fn never<T>() -> crate::providers::Result<T> {
    Err(ProviderError::new(
        ErrorKind::Unsupported,
        "the reader asks nobody",
    ))
}

#[async_trait::async_trait]
impl Provider for Nothing {
    async fn check(&self) -> crate::providers::Result<Health> {
        never()
    }
    async fn discover(&self) -> crate::providers::Result<Discovery> {
        never()
    }
    fn account(&self, person: &Person, _scope: &str) -> AccountName {
        AccountName::Ours(person.id.clone())
    }
    fn preview(&self, _account: &Account, _change: &Change) -> Vec<String> {
        Vec::new()
    }
    async fn converge(&self, _account: &Account, _change: &Change) -> crate::providers::Result<Converged> {
        never()
    }
    async fn observe(&self, _account: &Account, _leases: &[Lease]) -> crate::providers::Result<Observed> {
        never()
    }
    async fn accounts(&self) -> crate::providers::Result<Vec<AccountName>> {
        never()
    }
}

fn parsed(text: &str) -> Result<Config, Vec<String>> {
    match parse("latchkey.toml", text, Path::new("/etc/latchkey"), KINDS) {
        Ok(config) => Ok(config),
        Err(problems) => Err(problems.to_string().lines().map(str::to_owned).collect()),
    }
}

const EXAMPLE: &str = include_str!("../../config/example.toml");
const MINIMAL: &str = include_str!("../../config/minimal.toml");

#[test]
fn the_example_is_read_and_explains_every_key() {
    let config = parsed(EXAMPLE).expect("config/example.toml is right");
    for text in [EXAMPLE, MINIMAL] {
        let real = parse(
            "example.toml",
            text,
            Path::new("/etc/latchkey"),
            crate::providers::ALL,
        );
        real.unwrap_or_else(|problems| panic!("with the real kinds:\n{problems}"));
    }
    let of_kinds = crate::providers::ALL.iter().flat_map(|kind| kind.keys);
    let known = keys::ALL.iter().flat_map(|section| section.keys);
    for key in known.chain(of_kinds) {
        let there = EXAMPLE.lines().any(|line| {
            line.match_indices(key).any(|(at, _)| {
                let before = line[..at].chars().last();
                let after = line[at + key.len()..].trim_start();
                let whole = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
                whole && (after.starts_with('=') || after.starts_with(']'))
            })
        });
        assert!(there, "config/example.toml does not explain {key}");
    }

    assert_eq!(config.time_zone, chrono_tz::Europe::Berlin);
    assert_eq!(config.store.path, Path::new("/etc/latchkey/data"));
    assert_eq!(config.people["eve"].logins["orders-pg"], "eve_dba");
    assert_eq!(
        config.groups["engineering"],
        GroupConfig::SlackGroup("S0ENG".into())
    );
    let redis = config.integration("redis-cloud").expect("in the file");
    assert_eq!(
        (redis.credential_rotation_days, redis.user_cleanup_days),
        (Some(60), Some(14))
    );
    assert_eq!(redis.settles_in_seconds, Some(30.0));
    assert_eq!(redis.start_within_seconds, 600);
    assert_eq!(
        redis.discover.cron.as_ref().map(|cron| cron.text.as_str()),
        Some("*/30 * * * *")
    );
    assert_eq!(
        redis.resource_owner.as_ref().map(|owner| owner.attribute),
        Some(OwnerAttribute::Group)
    );
    let orders = config.integration("orders-pg").expect("in the file");
    assert_eq!(
        (orders.credential_rotation_days, orders.user_cleanup_days),
        (Some(90), Some(30))
    );
    assert_eq!(
        orders.custom_access_details.as_deref(),
        Some("Trouble? Ask in #help-access.")
    );
    assert_eq!(orders.own["hostname"].as_str(), Some("orders.db.example.com"));

    let on_call = config.flow("on-call").expect("in the file");
    assert_eq!(on_call.approval, Approval::Automatic);
    assert_eq!((on_call.default_seconds, on_call.max_seconds), (1_800, 7_200));
    assert_eq!(on_call.notify.len(), 2);
    assert_eq!(on_call.notify[0], Notify::Owner);
    let developers = config.flow("developers").expect("in the file");
    let approvers = vec![
        Approver::Owner,
        Approver::Person("eve".into()),
        Approver::Group("dba".into()),
    ];
    assert_eq!(developers.approval, Approval::By { approvers, quorum: 1 });
    assert_eq!(
        (developers.default_seconds, developers.max_seconds),
        (3_600, 28_800)
    );
    assert_eq!(developers.requester_reason, ReasonRule::Optional);
}

#[test]
fn the_least_file_gets_its_defaults() {
    let config = parsed(MINIMAL).expect("config/minimal.toml is right");
    assert_eq!(config.time_zone, chrono_tz::UTC);
    assert_eq!(
        (config.store.keep_ended_days, config.http.listen.port()),
        (400, 8080)
    );
    let slack = config.slack.as_ref().expect("in the file");
    assert!(matches!(slack.mode, SlackMode::Socket { .. }) && !slack.allow_guests);
    assert_eq!(
        (slack.command.as_str(), slack.api_url.as_str()),
        ("/access", "https://slack.com/api")
    );
    assert_eq!(config.flows[0].targets[0].permissions, None);
    assert_eq!(config.flows[0].decide_within_seconds, 8 * 3_600);
}

#[test]
fn an_automatic_flow_asks_for_a_reason_unless_told() {
    let automatic = MINIMAL.replace("approvers = [\"owner\"]", "approval = \"automatic\"");
    let config = parsed(&automatic).expect("right");
    assert_eq!(config.flows[0].requester_reason, ReasonRule::Required);
    let config = parsed(&format!("{automatic}reason = \"optional\"\n")).expect("right");
    assert_eq!(config.flows[0].requester_reason, ReasonRule::Optional);
}

#[test]
fn a_flow_that_says_something_else_has_another_digest() {
    let one = parsed(MINIMAL).expect("right").flows.remove(0);
    let again = parsed(MINIMAL).expect("right").flows.remove(0);
    let mut other = one.clone();
    other.max_seconds += 1;
    assert_eq!(flow_digest(&one), flow_digest(&again));
    assert_ne!(flow_digest(&one), flow_digest(&other));
}

#[test]
fn a_remembered_integration_needs_no_file() {
    let config = parsed(EXAMPLE).expect("right");
    for integration in &config.integrations {
        let again = remembered(&integration.as_written, "main", Path::new("/etc/latchkey"), KINDS)
            .expect("written by us");
        assert_eq!(again.name, integration.name);
        assert_eq!(again.own, integration.own);
        assert_eq!(again.as_written, integration.as_written);
    }
}

#[test]
fn ten_mistakes_are_ten_lines() {
    let text = r##"instalation = "main"
installation = "main"
admins = ["anne"]
[slack]
team = "T0TEAM"
bot_token = "xoxb-hunter2"
app_token = "env:APP"
[people]
ann = { email = "ann@example.com" }
joe = { time_zone = "Europe/Berlin" }
[groups]
dba = { members = ["ann"] }
[[integration]]
name = "status"
kind = "redis-cloud"
secret = { api_key = "env:A", secret_key = "env:B" }
[[integration]]
name = "orders-pg"
kind = "postgres"
secret = "file:x"
[[integration]]
name = "redis-cloud"
kind = "redis-cloud"
secret = { api_key = "env:A", secret_key = "env:B" }
resource_owner = { key = "owner", attribute = "group" }
[[access_flow]]
name = "developers"
requesters = { groups = ["dba"] }
targets = [{ integration = "redis-clod" }]
max_duration = "2 hours"
"##;
    let problems = parsed(text).expect_err("ten mistakes");
    insta::assert_snapshot!(problems.join("\n"), @r#"
    latchkey.toml:1: unknown key instalation in the file; remove it (did you mean installation?)
    latchkey.toml:3: there is no person anne in [people]; add or correct it (did you mean ann?)
    latchkey.toml:6: bot_token is no reference to a secret; write env:NAME or file:PATH, never the secret itself
    latchkey.toml:10: joe is in no chat; add email = "…" or slack = "U…"
    latchkey.toml:14: the name status is a command; choose another
    latchkey.toml:19: kind = "postgres" is not known; there is redis-cloud, postgresql, portal (did you mean postgresql?)
    latchkey.toml:25: resource_owner needs an integration_owner, who answers where the tag names nobody; add one
    latchkey.toml:26: access flow developers has neither approvers nor approval = "automatic"; say who decides: approvers = ["owner"]
    latchkey.toml:29: there is no integration redis-clod in the file; add or correct it (did you mean redis-cloud?)
    latchkey.toml:30: max_duration = "2 hours" is no duration; write "90s", "30m", "2h", "1h30m" or "90d"
    "#);
    assert_eq!(problems.len(), 10);
    assert!(!problems.join("").contains("hunter2"), "a secret in a message");
}

/// The least file with one piece of it replaced, and what has to be said of it.
#[test]
fn each_mistake_is_told_where_it_stands() {
    let long = "x".repeat(401);
    let cases: Vec<(&str, String, &str)> = vec![
        ("admins = [\"ann\"]", "admins = []".into(), "3: admins is empty"),
        ("admins = [\"ann\"]", "".into(), "1: the file lacks admins"),
        (
            "[slack]",
            "[discord]\nbot_token = \"env:D\"\n[slack]".into(),
            "5: unknown key discord in the file",
        ),
        (
            "team = \"T0TEAM\"",
            "team = \"myteam\"".into(),
            "6: team = \"myteam\" is no workspace id",
        ),
        (
            "app_token = \"env:SLACK_APP_TOKEN\"",
            "mode = \"http\"".into(),
            "5: [slack] lacks signing_secret",
        ),
        (
            "team = ",
            "allow_guests = \"no\"\nteam = ".into(),
            "6: allow_guests has to be true or false, not a string",
        ),
        (
            "team = ",
            "api_url = \"http://slack.example.com\"\nteam = ".into(),
            "6: api_url",
        ),
        (
            "team = ",
            "email_domains = [\"@example.com\"]\nteam = ".into(),
            "6: email_domains holds",
        ),
        (
            "bob = { email = \"bob@",
            "bob = { email = \"Ann@".into(),
            "12: bob has the address of ann",
        ),
        (
            "[[integration]]",
            "[groups]\nx = { members = [\"ann\"], slack_group = \"S0A\" }\n[[integration]]".into(),
            "15: group x needs either",
        ),
        (
            "[[access_flow]]",
            "[[integration]]\nname = \"a b\"\nkind = \"portal\"\nsecret = \"env:T\"\n[[access_flow]]".into(),
            "21: the name \"a b\" cannot be typed",
        ),
        (
            "kind = \"redis-cloud\"",
            "kind = \"redis-clod\"".into(),
            "(did you mean redis-cloud?)",
        ),
        (
            "secret_key = ",
            "secret_kee = ".into(),
            "17: unknown key secret_kee in the secret of integration redis-cloud; remove it (did you mean secret_key?)",
        ),
        (
            "integration_owner = ",
            "hostname = \"x\"\nintegration_owner = ".into(),
            "18: unknown key hostname in integration redis-cloud",
        ),
        (
            "integration_owner = ",
            format!("custom_access_details = \"{long}\"\nintegration_owner = "),
            "18: custom_access_details has 401 characters",
        ),
        (
            "integration_owner = ",
            "credential_rotation_days = 0\nintegration_owner = ".into(),
            "18: credential_rotation_days is no whole number from 1 to 3650",
        ),
        (
            "integration_owner = ",
            "discover = { cron = \"* * *\" }\nintegration_owner = ".into(),
            "18: cron = ",
        ),
        (
            "integration_owner = { people = [\"bob\"] }",
            "".into(),
            "24: integration redis-cloud has no owner to ask",
        ),
        (
            "integration_owner = { people = [\"bob\"] }",
            "integration_owner = {}".into(),
            "18: integration_owner names nobody",
        ),
        (
            "approvers = [\"owner\"]",
            "".into(),
            "20: access flow developers has neither approvers nor approval",
        ),
        (
            "approvers = [\"owner\"]",
            "approvers = [\"owner\"]\nquorum = 2".into(),
            "25: quorum = 2, but only 1 can vote",
        ),
        (
            "approvers = [\"owner\"]",
            "approvers = [\"manager\"]".into(),
            "24: approvers holds \"manager\"",
        ),
        (
            "approvers = [\"owner\"]",
            "approvers = [\"person:bbo\"]".into(),
            "24: there is no person bbo in [people]; add or correct it (did you mean bob?)",
        ),
        (
            "approvers = [\"owner\"]",
            "approval = \"automatic\"\nquorum = 1".into(),
            "25: quorum has no use",
        ),
        (
            "approvers = [\"owner\"]",
            "approval = \"auto\"".into(),
            "24: approval can only be",
        ),
        (
            "approvers = [\"owner\"]",
            "approvers = [\"owner\"]\nchannel = \"C0DBA\"".into(),
            "25: channel = \"C0DBA\" is no channel",
        ),
        (
            "approvers = [\"owner\"]",
            "approvers = [\"owner\"]\nmax_duration = \"1h\"\ndefault_duration = \"2h\"".into(),
            "default_duration is longer",
        ),
        (
            "approvers = [\"owner\"]",
            "approvers = [\"owner\"]\nend_with_shift = true".into(),
            "25: unknown key end_with_shift",
        ),
    ];
    parsed(MINIMAL).expect("right before it is changed");
    for (from, to, told) in cases {
        assert!(MINIMAL.contains(from), "{from}");
        let text = MINIMAL.replacen(from, &to, 1);
        let problems = parsed(&text).expect_err(told);
        assert!(
            problems.iter().any(|line| line.contains(told)),
            "{told}:\n{}\n{text}",
            problems.join("\n")
        );
        assert_eq!(
            problems.len(),
            1,
            "one mistake, one line:\n{}",
            problems.join("\n")
        );
    }
}

#[test]
fn own_logins_have_no_rotation_and_defaults_pass_them_by() {
    let portal = "[[integration]]\nname = \"door\"\nkind = \"portal\"\nsecret = { token = \"env:T\" }\n";
    let text = format!("{MINIMAL}[defaults]\nuser_cleanup_days = 30\n{portal}");
    let config = parsed(&text).expect("right");
    assert_eq!(
        config.integration("door").expect("in the file").user_cleanup_days,
        None
    );
    assert_eq!(
        config
            .integration("redis-cloud")
            .expect("in the file")
            .user_cleanup_days,
        Some(30)
    );
    let problems = parsed(&format!("{text}user_cleanup_days = 3\n")).expect_err("people keep their login");
    assert!(
        problems[0].contains("user_cleanup_days has no meaning here"),
        "{problems:?}"
    );
}

/// Some kinds make accounts or use people's own, as they are told.
#[test]
fn single_sign_on_has_no_rotation() {
    let text = |auth: &str| {
        format!(
            "{MINIMAL}[[integration]]\nname = \"warehouse\"\nkind = \"snowflake\"\nhostname = \"a-b\"\nauth = \"{auth}\"\n\
             secret = \"env:S\"\ncredential_rotation_days = 30\n"
        )
    };
    let read = |auth: &str| {
        parse(
            "latchkey.toml",
            &text(auth),
            Path::new("/"),
            crate::providers::ALL,
        )
    };
    let config = read("key-pair").unwrap_or_else(|problems| panic!("{problems}"));
    let days = config
        .integration("warehouse")
        .expect("in the file")
        .credential_rotation_days;
    assert_eq!(days, Some(30));
    let problems = read("sso").expect_err("people keep their login").to_string();
    assert!(
        problems.contains("credential_rotation_days has no meaning here"),
        "{problems}"
    );
}

#[test]
fn a_kind_refuses_its_own_keys_with_the_line() {
    let text = format!(
        "{MINIMAL}[[integration]]\nname = \"pg\"\nkind = \"postgresql\"\nport = 70000\nsecret = \"env:PG\"\n"
    );
    let problems = parsed(&text).expect_err("no such port");
    assert_eq!(
        problems,
        ["latchkey.toml:25: integration pg: port 70000 is none; write 1 to 65535"]
    );
}

#[test]
fn what_is_no_toml_is_told_with_all_its_lines() {
    let problems = parsed("a = = 1\nb = 2\n[c\n").expect_err("no TOML");
    assert!(
        problems.len() >= 2 && problems[0].starts_with("latchkey.toml:1: this is no TOML"),
        "{problems:?}"
    );
}

#[test]
fn an_address_that_would_never_be_believed_is_told() {
    let text = MINIMAL.replace("team = ", "email_domains = [\"example.org\"]\nteam = ");
    let problems = parsed(&text).expect_err("example.com is not allowed");
    assert!(
        problems[0].contains(":12: ann has an address outside [slack] email_domains"),
        "{problems:?}"
    );
    let known = text
        .replace("ann@example.com\"", "ann@example.com\", slack = \"U0ANN\"")
        .replace("bob@example.com", "bob@EXAMPLE.org");
    parsed(&known).expect("one is known by the id, one by an allowed domain");
}

#[test]
fn advice_sees_flows_that_never_decide() {
    let flow = |name: &str, rest: &str| format!("[[access_flow]]\nname = {name:?}\n{rest}\n");
    let base = &MINIMAL[..MINIMAL.find("[[access_flow]]").expect("a flow")];
    let base = format!("{base}[groups]\nboth = {{ members = [\"ann\", \"bob\"] }}\n");
    let wide = flow(
        "wide",
        "requesters = { groups = [\"both\"] }\ntargets = [{ integration = \"redis-cloud\", resources = [\"p*\"] }]\napprovers = [\"owner\"]\nmax_duration = \"4h\"",
    );
    for (requesters, target, duration, shadowed) in [
        ("people = [\"ann\"]", "resources = [\"prod\"]", "2h", true),
        (
            "groups = [\"both\"]",
            "resources = [\"pr*\"], permissions = [\"read\"]",
            "4h",
            true,
        ),
        ("people = [\"ann\"]", "resources = [\"prod\"]", "5h", false),
        (
            "people = [\"ann\"]",
            "resources = [\"prod\", \"cache\"]",
            "2h",
            false,
        ),
        (
            "people = [\"ann\"]",
            "resources = [\"prod\"], permissions = [\"admin\"]",
            "2h",
            false,
        ),
        ("people = [\"ann\"]", "types = [\"database\"]", "2h", false),
    ] {
        let narrow = flow(
            "narrow",
            &format!(
                "requesters = {{ {requesters} }}\ntargets = [{{ integration = \"redis-cloud\", {target} }}]\napprovers = [\"owner\"]\nmax_duration = {duration:?}"
            ),
        );
        let config = parsed(&format!("{base}{wide}{narrow}")).expect("right");
        let told = advice(&config, KINDS)
            .iter()
            .any(|text| text.starts_with("access flow narrow never decides: wide"));
        assert_eq!(told, shadowed, "{requesters} {target} {duration}");
    }
}

#[test]
fn advice_counts_who_gets_a_message() {
    let people: String = (0..11)
        .map(|n| format!("p{n} = {{ slack = \"U{n}X\" }}\n"))
        .collect();
    let members: Vec<String> = (0..11).map(|n| format!("\"p{n}\"")).collect();
    let text = MINIMAL
        .replace(
            "[[integration]]",
            &format!(
                "{people}[groups]\ncrowd = {{ members = [{}] }}\n[[integration]]",
                members.join(", ")
            ),
        )
        .replace("approvers = [\"owner\"]", "approvers = [\"group:crowd\"]");
    let told = |text: &str| {
        advice(&parsed(text).expect("right"), KINDS)
            .iter()
            .any(|line| line.contains("asks 11 people"))
    };
    assert!(told(&text));
    assert!(!told(&format!("{text}channel = \"slack:C0DBA\"\n")));
}
