//! The vendors' own clients for Python against our simulated clusters, the very ones that the providers are tested on.

#[path = "../providers/elasticsearch/fake/mod.rs"]
#[expect(dead_code, reason = "the suite `providers` uses the rest")]
mod elasticsearch;
#[path = "../providers/opensearch/fake/mod.rs"]
#[expect(dead_code, reason = "the suite `providers` uses the rest")]
mod opensearch;

use std::{path::Path, process::Stdio};

use tokio::process::Command;

use super::{Score, follow, from_environment, script};

const ELASTIC: &str = "python elasticsearch";
const OPENSEARCH: &str = "python opensearch-py";

pub async fn check(score: &mut Score) {
    let Some(python) = from_environment("LATCHKEY_TEST_PYTHON") else {
        for name in [ELASTIC, OPENSEARCH] {
            score.skip(name, "no Python with tests/peers/requirements.txt");
        }
        return;
    };
    let (server, _cluster) = elasticsearch::start(elasticsearch::Flavour::Usual).await;
    let admin = elasticsearch::ADMIN;
    drive(score, ELASTIC, &python, "elastic.py", &server.url, admin).await;
    let (server, _cluster) = opensearch::start(opensearch::Flavour::Usual).await;
    let admin = opensearch::ADMIN;
    drive(score, OPENSEARCH, &python, "opensearch.py", &server.url, admin).await;
}

/// One that says nothing has failed.
async fn drive(
    score: &mut Score,
    name: &str,
    python: &Path,
    file: &str,
    url: &str,
    (user, password): (&str, &str),
) {
    let mut command = Command::new(python);
    command
        .arg(script(file))
        .env("CLUSTER_URL", url)
        .env("CLUSTER_USER", user)
        .env("CLUSTER_PASSWORD", password)
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let before = score.passed + score.failed;
    let limit = std::time::Duration::from_secs(120);
    let ended = tokio::time::timeout(limit, follow(score, &mut command)).await;
    let why = match ended {
        Ok(Ok(_)) if score.passed + score.failed > before => return,
        Ok(Ok(_)) => "it ended without a word".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it was still running after two minutes".to_owned(),
    };
    println!("FAILED {name}: {why}");
    score.failed += 1;
}
