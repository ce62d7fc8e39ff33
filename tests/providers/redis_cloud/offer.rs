//! What the suite's account holds.

use std::time::Duration;

use latchkey::demo::redis_cloud::{Database, Delays, Options, Plan, Subscription};

/// A team's account with an Active-Active database, and names that try to be more than names.
pub fn options() -> Options {
    let ms = Duration::from_millis;
    let mut options = Options::team();
    // The suite skips time, so these cost nothing. Calm would let the provider, which does not settle here, be too early.
    options.delays = Delays {
        hidden: ms(200),
        queued: ms(200),
        working: ms(400),
        calm: Duration::ZERO,
        flapping: ms(300),
    };
    let mut global = database(52_001, "global");
    global.regions = vec!["eu-west-1".to_owned(), "us-east-1".to_owned()];
    options.subscriptions[0].databases.push(global);
    let named = |first: i64, names: &[String]| -> Vec<Database> {
        names
            .iter()
            .zip(first..)
            .map(|(name, id)| database(id, name))
            .collect()
    };
    let subscription = |id, name: &str, databases| Subscription {
        plan: Plan::Pro,
        id,
        name: name.to_owned(),
        databases,
    };
    options
        .subscriptions
        .push(subscription(2002, "hostile", named(53_001, &hostile_names())));
    options
        .subscriptions
        .push(subscription(2003, "long", named(54_001, &[long_name()])));
    for name in hostile_names().into_iter().chain([long_name()]) {
        options.rules.push((name, "+@read ~*".to_owned(), false));
    }
    options
}

fn database(id: i64, name: &str) -> Database {
    Database {
        id,
        name: name.to_owned(),
        status: "active".to_owned(),
        protocol: "redis".to_owned(),
        endpoint: format!("redis-{id}.example.com:{}", 10_000 + id % 1000),
        tls: true,
        tags: Vec::new(),
        regions: Vec::new(),
    }
}

pub fn hostile_names() -> Vec<String> {
    [
        r#"x", "role": "reporting"#,
        "../../acl/users/1",
        "a b?c=d&e#f",
        "<id> {secret} ***",
        "Robert'); DROP--",
        "\u{202e}dorp \u{1f511} ünïcode",
        "line\nbreak\ttab\\",
    ]
    .map(str::to_owned)
    .to_vec()
}

pub fn long_name() -> String {
    "n".repeat(300)
}
