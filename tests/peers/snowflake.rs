//! A client of Snowflake's SQL API by somebody else (`snowflake-sql-api` for Python) holds our fake Snowflake to its word.

#[path = "../providers/snowflake/fake/mod.rs"]
#[expect(dead_code, reason = "the suite `providers` uses the rest")]
mod fake;

use std::{process::Stdio, time::Duration};

use latchkey::{
    credential,
    providers::{Credential, Result},
};
use tokio::process::Command;

use self::fake::{
    ACCOUNT,
    state::{Database, Object, Schema, State, User},
};
use super::{Score, follow, from_environment, script};

const NAME: &str = "python snowflake-sql-api";
/// More than one partition of a result holds.
const TABLES: usize = 120;

/// A public key as Snowflake takes it, and a private one as PEM.
fn pair() -> Result<(String, String)> {
    Ok(match credential::key_pair()? {
        Credential::KeyPair { public, private } => {
            let bare = public.lines().filter(|line| !line.starts_with('-')).collect();
            (bare, private.expose().to_owned())
        }
        Credential::Password(secret) => (String::new(), secret.expose().to_owned()),
    })
}

fn account(public: String) -> State {
    let mut state = State::new();
    state.users.insert(
        "ANN".to_owned(),
        User {
            login_name: "ANN".to_owned(),
            keys: [None, Some(public)],
            default_role: "ACCOUNTADMIN".to_owned(),
            ..User::default()
        },
    );
    state
        .to_users
        .insert(("ACCOUNTADMIN".to_owned(), "ANN".to_owned()));
    let table = |n| {
        let object = Object {
            kind: "TABLE".to_owned(),
            comment: "it's \\ \"odd\"".to_owned(),
            owner: "SYSADMIN".to_owned(),
        };
        (format!("T{n:03}"), object)
    };
    let schema = Schema {
        objects: (0..TABLES).map(table).collect(),
        ..Schema::default()
    };
    let database = Database {
        kind: "STANDARD".to_owned(),
        schemas: [("PUBLIC".to_owned(), schema)].into(),
        ..Database::default()
    };
    state.databases.insert("ORDERS".to_owned(), database);
    state
}

pub async fn check(score: &mut Score) {
    let Some(python) = from_environment("LATCHKEY_TEST_PYTHON") else {
        return score.skip(NAME, "no Python with tests/peers/requirements.txt");
    };
    let (own, wrong) = match (pair(), pair()) {
        (Ok(own), Ok(wrong)) => (own, wrong),
        (Err(error), _) | (_, Err(error)) => return failed(score, &error.to_string()),
    };
    let fake = fake::start(account(own.0)).await;
    let mut command = Command::new(python);
    command
        .arg(script("snowflake_client.py"))
        .env("SNOWFLAKE_FAKE", &fake.url)
        .env("SNOWFLAKE_ACCOUNT", ACCOUNT)
        .env("SNOWFLAKE_KEY", &own.1)
        .env("SNOWFLAKE_WRONG_KEY", &wrong.1)
        .env("SNOWFLAKE_TABLES", TABLES.to_string())
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let before = (score.passed, score.failed);
    match tokio::time::timeout(Duration::from_secs(120), follow(score, &mut command)).await {
        Ok(Ok(true)) if score.passed > before.0 => {}
        Ok(Ok(false)) if score.failed > before.1 => {}
        Ok(Ok(_)) => failed(score, "it ended without a word"),
        Ok(Err(error)) => failed(score, &error.to_string()),
        Err(_) => failed(score, "it was still running after two minutes"),
    }
}

fn failed(score: &mut Score, why: &str) {
    println!("FAILED {NAME}: {why}");
    score.failed += 1;
}
