//! Vertica's own client for Python holds our fake Vertica to its word, which our client for Vertica is tested against.

#[path = "../providers/vertica/fake/mod.rs"]
#[expect(dead_code, reason = "the suite `providers` uses the rest")]
mod fake;

use std::{process::Stdio, sync::Arc, time::Duration};

use tokio::process::Command;

use self::fake::{ADMIN_PASSWORD, Algorithm, DATABASE, Fake, Options, certificates::Certificates};
use super::{Score, follow, from_environment, script};

const NAME: &str = "python vertica-python";

pub async fn check(score: &mut Score) {
    let Some(python) = from_environment("LATCHKEY_TEST_PYTHON") else {
        return score.skip(NAME, "no Python with tests/peers/requirements.txt");
    };
    let certificates = match Certificates::make() {
        Ok(certificates) => certificates,
        Err(why) => return score.skip(NAME, &why),
    };
    let md5 = Options {
        algorithm: Algorithm::Md5,
        ..Options::default()
    };
    let tls = || Some(Arc::clone(&certificates.server));
    let started = async {
        let sha512 = Fake::start(Options::default(), tls()).await?;
        let md5 = Fake::start(md5, None).await?;
        std::io::Result::Ok((sha512, md5))
    };
    let (sha512, md5) = match started.await {
        Ok(started) => started,
        Err(error) => return failed(score, &error.to_string()),
    };
    let mut command = Command::new(python);
    command
        .arg(script("vertica_client.py"))
        .env("VERTICA_SHA512_PORT", sha512.port.to_string())
        .env("VERTICA_MD5_PORT", md5.port.to_string())
        .env("VERTICA_DATABASE", DATABASE)
        .env("VERTICA_PASSWORD", ADMIN_PASSWORD)
        .env("VERTICA_CERTIFICATES", certificates.place())
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
