use std::fs;

use chrono::DateTime;
use tempfile::TempDir;

use super::*;
use crate::{
    domain::audit::{Actor, Entry},
    store::{Commit, OpenOptions, SledStore, Store},
};

/// A configuration whose store holds two audit entries.
async fn place_with_entries() -> (TempDir, Terminal) {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("latchkey.toml");
    fs::write(
        &config,
        "store = { path = \"data\" }\nhttp = { listen = \"127.0.0.1:1\" }\n",
    )
    .unwrap();
    let store = open(&dir.path().join("data")).await;
    // The last line of a journal may be torn by a crash; what is tampered with must not be the last.
    for verb in ["tried", "looked"] {
        let actor = Actor::System { user: "ann".into() };
        let commit = Commit {
            id: verb.into(),
            now: DateTime::UNIX_EPOCH,
            writes: vec![],
            audit: vec![Entry::new(actor, verb)],
        };
        store.commit(commit).await.unwrap();
    }
    let json = true;
    (dir, Terminal { config, json })
}

async fn open(at: &Path) -> std::sync::Arc<SledStore> {
    let options = OpenOptions {
        ballast: 0,
        low_space: 0,
        ..OpenOptions::new(at, |_, _| Ok(None), DateTime::UNIX_EPOCH)
    };
    SledStore::open(options).await.unwrap()
}

async fn verbs(at: &Path) -> Vec<String> {
    let store = open(at).await;
    let entries = store.audit(&crate::store::AuditQuery::default()).await.unwrap();
    entries.into_iter().map(|recorded| recorded.entry.verb).collect()
}

#[tokio::test]
async fn a_backup_that_no_bot_made_comes_back_in_quarantine() {
    let (dir, terminal) = place_with_entries().await;
    let copy = dir.path().join("copy");
    assert_eq!(backup(&terminal, copy.clone()).await.unwrap(), ExitCode::SUCCESS);
    fs::remove_dir_all(dir.path().join("data")).unwrap();
    assert_eq!(restore(&terminal, &copy).unwrap(), ExitCode::SUCCESS);
    let data = dir.path().join("data");
    assert!(verbs(&data).await.contains(&"tried".to_owned()));
    assert!(open(&data).await.meta().await.unwrap().quarantine.is_some());
}

#[tokio::test]
async fn verify_fails_for_cron_once_the_log_was_touched() {
    let (dir, terminal) = place_with_entries().await;
    assert_eq!(audit_verify(&terminal).unwrap(), ExitCode::SUCCESS);
    let journal = fs::read_dir(dir.path().join("data/journal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("tried")))
        .unwrap();
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replace("tried", "lied!")).unwrap();
    assert_eq!(audit_verify(&terminal).unwrap(), ExitCode::FAILURE);
}

#[tokio::test]
async fn an_export_holds_the_records_and_health_says_that_nobody_is_there() {
    let (dir, terminal) = place_with_entries().await;
    let file = dir.path().join("all.jsonl");
    assert_eq!(export(&terminal, &file).unwrap(), ExitCode::SUCCESS);
    assert!(fs::read_to_string(&file).unwrap().lines().count() >= 2);
    assert!(health(&terminal).await.is_err());
}
