//! Python's own HTTP library holds our Atlas-compatible organization to its word: digests, pages, versions, tokens.

#[path = "../providers/atlas_sim/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the suite `providers` uses the rest")]
mod atlas_sim;

use std::{process::Stdio, time::Duration};

use tokio::process::Command;

use self::atlas_sim::{ORG, id, organization, start};
use super::{Score, follow, from_environment, script};

const NAME: &str = "python urllib on Atlas";

pub async fn check(score: &mut Score) {
    let Some(python) = from_environment("LATCHKEY_TEST_PYTHON") else {
        return score.skip(NAME, "no Python with tests/peers/requirements.txt");
    };
    let mut world = organization();
    world.nonce_uses = 3;
    world.page_limit = 2;
    let simulator = start(world).await;
    let mut command = Command::new(python);
    command
        .arg(script("atlas_client.py"))
        .env("ATLAS_URL", &simulator.url)
        .env("ATLAS_ORG", ORG)
        .env("ATLAS_GROUP", id(1))
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let before = (score.passed, score.failed);
    match tokio::time::timeout(Duration::from_secs(60), follow(score, &mut command)).await {
        Ok(Ok(true)) if score.passed > before.0 => {}
        Ok(Ok(false)) if score.failed > before.1 => {}
        Ok(Ok(_)) => failed(score, "it ended without a word"),
        Ok(Err(error)) => failed(score, &error.to_string()),
        Err(_) => failed(score, "it was still running after a minute"),
    }
}

fn failed(score: &mut Score, why: &str) {
    println!("FAILED {NAME}: {why}");
    score.failed += 1;
}
