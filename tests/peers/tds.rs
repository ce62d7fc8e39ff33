//! python-tds holds our model of SQL Server to TDS: what the provider's suite runs on is no private dialect.

use std::{path::Path, process::Stdio};

use latchkey::{
    providers::{ErrorKind, Mark, Provider, Setup, mssql::REGISTRATION},
    secrets::Secret,
};
use tokio::process::Command;

use super::{Score, from_environment, script, watch};

// The suite of the providers drives the rest of it.
#[expect(dead_code, reason = "the model has more than a foreign client asks for")]
#[path = "../providers/mssql/fake/mod.rs"]
mod fake;

const NAME: &str = "python-tds";

pub(super) async fn python_tds(score: &mut Score) {
    let Some(python) = from_environment("LATCHKEY_TEST_PYTHON") else {
        return score.skip(NAME, "no Python with tests/peers/requirements.txt");
    };
    let Ok(folder) = tempfile::tempdir() else {
        return score.skip(NAME, "no folder for certificates");
    };
    let certificates = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/providers/mssql/certificates.sh");
    let made = Command::new("bash")
        .arg(certificates)
        .arg(folder.path())
        .status()
        .await;
    if !made.is_ok_and(|status| status.success()) {
        return score.skip(NAME, "no openssl to make certificates with");
    }
    let server = fake::Server::start(
        fake::model::Model::new("sa", "Admin-pw-7391"),
        Some(folder.path()),
    )
    .await;
    let mut command = Command::new(python);
    command
        .arg(script("mssql.py"))
        .arg(server.port.to_string())
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    watch(score, NAME, command).await;
}

const OURS: &str = "pySQLbridge, our client";

/// Our side of the wire against a server of somebody else's: TLS inside TDS, the login, a refused login, a batch, a question with
/// its answer. It is no SQL Server and has no logins to make: how far the provider gets is to where it would ask for them.
pub(super) async fn our_client(score: &mut Score) {
    let bridge = from_environment("LATCHKEY_TEST_PYTHON").map(|python| python.with_file_name("pysqlbridge"));
    let Some(bridge) = bridge.filter(|bridge| bridge.exists()) else {
        return score.skip(OURS, "no Python with tests/peers/requirements.txt");
    };
    let Ok(folder) = tempfile::tempdir() else {
        return score.skip(OURS, "no folder for it");
    };
    let config = r#"{"logins":[{"user":"sa","password":"${TDS_SA_PASSWORD}"}],"tables":[{"name":"things","csv":"things.csv"}]}"#;
    std::fs::write(folder.path().join("config.json"), config).expect("a file in a folder of ours");
    std::fs::write(folder.path().join("things.csv"), "name\none\n").expect("a file in a folder of ours");
    let port = super::free_port();
    let server = Command::new(bridge)
        .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--config"])
        .arg(folder.path().join("config.json"))
        .current_dir(folder.path())
        .env("TDS_SA_PASSWORD", "Admin-pw-7391")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let Ok(_server) = server else {
        return score.skip(OURS, "it does not start");
    };
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    for (what, password, is_right) in [
        ("is logged in by us over TLS", "Admin-pw-7391", true),
        ("refuses us a wrong password", "wrong", false),
    ] {
        let outcome = provider(port, password).check().await;
        let is_so = match &outcome {
            Ok(_) => is_right,
            Err(error) => (error.kind != ErrorKind::Denied) == is_right && is_numbered(&error.message),
        };
        if is_so {
            println!("ok {OURS}: {what}");
            score.passed += 1;
        } else {
            println!("FAILED {OURS}: {what}: {outcome:?}");
            score.failed += 1;
        }
    }
}

/// Whether a server spoke, and not the line broke.
fn is_numbered(message: &str) -> bool {
    message
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once('('))
        .is_some_and(|(_, number)| number.parse::<u32>().is_ok())
}

fn provider(port: u16, password: &str) -> Box<dyn Provider> {
    let mut config = toml::Table::new();
    config.insert("hostname".to_owned(), "127.0.0.1".into());
    config.insert("port".to_owned(), i64::from(port).into());
    config.insert("tls".to_owned(), "insecure".into());
    let secret = [("username", "sa"), ("password", password)];
    let setup = Setup {
        mark: Mark::new("peers", "mssql"),
        config,
        secret: secret
            .into_iter()
            .map(|(key, value)| (key.to_owned(), Secret::new(value)))
            .collect(),
        base_dir: "/".into(),
    };
    (REGISTRATION.build)(setup).expect("a provider")
}
