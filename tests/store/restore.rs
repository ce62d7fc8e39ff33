//! Backups and the way back.

use std::fs;

use latchkey::{
    domain::audit::Actor,
    store::{
        AuditQuery, Batch, Store,
        backup::{self, Restored},
        chain,
    },
};

use crate::common::*;

const RECORDS: usize = 40;

#[tokio::test]
async fn a_restored_store_has_all_and_starts_in_quarantine() {
    let dir = tempfile::tempdir().unwrap();
    let (made, file) = (dir.path().join("made"), dir.path().join("backup"));
    filled(&made, RECORDS).await;
    let written = backup::backup(&made, &file).unwrap();
    let running = open(&made).await.unwrap();
    let again = running.backup(&dir.path().join("again")).await.unwrap();
    assert_eq!(written, again);
    assert_eq!(
        fs::read(&file).unwrap(),
        fs::read(dir.path().join("again")).unwrap()
    );
    let was = running.meta().await.unwrap();
    assert_eq!((written.seq, &written.head), (was.seq, &was.head));

    let mut epoch = was.epoch;
    for life in 0..2 {
        let into = dir.path().join(format!("life{life}"));
        let now = at(60 * life);
        let restored = backup::restore(&file, &into, now).unwrap();
        let store = open_until_well(&into).await;
        whole(&*store, RECORDS).await;
        let meta = store.meta().await.unwrap();
        assert_eq!(
            restored,
            Restored::FromBackup {
                seq: was.seq,
                epoch: meta.epoch
            }
        );
        assert!(
            meta.epoch > epoch,
            "the epoch rises also when the same backup is restored twice"
        );
        epoch = meta.epoch;
        assert_eq!(meta.store_id, was.store_id);
        let quarantine = meta.quarantine.unwrap();
        assert_eq!(quarantine.since, now);
        assert!(
            quarantine.why.contains("restored from a backup"),
            "{}",
            quarantine.why
        );
        let audit = store.audit(&AuditQuery::default()).await.unwrap();
        assert_eq!(audit.last().unwrap().entry.verb, "restored");
        store.resume(at(99), Actor::Latchkey).await.unwrap();
        drop(store);
        assert_eq!(open(&into).await.unwrap().meta().await.unwrap().quarantine, None);
        assert_eq!(chain::verify(&into).unwrap().broken, None);
    }
}

#[tokio::test]
async fn a_surviving_journal_is_used_instead() {
    let dir = tempfile::tempdir().unwrap();
    let (made, file) = (dir.path().join("made"), dir.path().join("backup"));
    filled(&made, RECORDS).await;
    backup::backup(&made, &file).unwrap();
    let store = open(&made).await.unwrap();
    done(&*store, Batch::new("later", at(1)).put_new(&thing("zz", "later"))).await;
    let was = store.meta().await.unwrap();
    drop(store);
    fs::remove_dir_all(made.join("index")).unwrap();
    let restored = backup::restore(&file, &made, at(5)).unwrap();
    assert_eq!(restored, Restored::FromSurvivingJournal { seq: was.seq });
    let store = open_until_well(&made).await;
    assert_eq!(
        store.meta().await.unwrap(),
        was,
        "nothing is lost, so there is nothing to be wary of"
    );
    assert!(store.settle("later").await.unwrap());
}

#[tokio::test]
async fn a_journal_that_does_not_fit_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (made, other, file) = (
        dir.path().join("made"),
        dir.path().join("other"),
        dir.path().join("backup"),
    );
    filled(&made, 5).await;
    filled(&other, 5).await;
    backup::backup(&made, &file).unwrap();
    let text = refusal(backup::restore(&file, &other, at(0)));
    assert!(text.contains("of another store"), "{text}");

    // Shorter than the backup, or broken: it knows less.
    let good = fs::read(segment(&made, 1)).unwrap();
    alter(&segment(&made, 1), |bytes| {
        let end = bytes[..bytes.len() - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .unwrap();
        bytes.truncate(end + 1);
    });
    let text = refusal(backup::restore(&file, &made, at(0)));
    assert!(text.contains("does not go on from the backup"), "{text}");
    fs::write(segment(&made, 1), &good).unwrap();
    alter(&segment(&made, 1), |bytes| bytes[2000] ^= 1);
    let text = refusal(backup::restore(&file, &made, at(0)));
    assert!(
        text.contains("damaged") && text.contains("move the directory away"),
        "{text}"
    );
    fs::write(segment(&made, 1), &good).unwrap();
    whole(&*open_until_well(&made).await, 5).await;
}

#[tokio::test]
async fn a_damaged_backup_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (made, file) = (dir.path().join("made"), dir.path().join("backup"));
    filled(&made, 20).await;
    backup::backup(&made, &file).unwrap();
    let good = fs::read(&file).unwrap();
    let into = dir.path().join("into");
    for trial in 0..40_usize {
        let mut bad = good.clone();
        let bit = (trial * 7919 + 3) * 104_729 % (good.len() * 8);
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, &bad).unwrap();
        refusal(backup::restore(&file, &into, at(0)));
        fs::write(&file, &good[..bit / 8]).unwrap();
        refusal(backup::restore(&file, &into, at(0)));
    }
    assert!(!into.join("journal").exists(), "nothing was unpacked");
    fs::write(&file, "something else\n").unwrap();
    assert!(refusal(backup::restore(&file, &into, at(0))).contains("is not a backup"));
    assert!(refusal(backup::restore(&dir.path().join("nothing"), &into, at(0))).contains("nothing"));
    fs::write(&file, &good).unwrap();
    backup::restore(&file, &into, at(0)).unwrap();
    whole(&*open_until_well(&into).await, 20).await;
}

#[tokio::test]
async fn an_export_says_the_same_with_and_without_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    let small = latchkey::store::OpenOptions {
        segment_limit: 20_000,
        ..options(&made)
    };
    filled_with(small, 200).await;
    let store = open(&made).await.unwrap();
    let (with, without) = (dir.path().join("with"), dir.path().join("without"));
    let hash = store.export(&with).await.unwrap();
    chain::export(&made, &without).unwrap();
    let lines = |path| -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    let (with, without) = (lines(&with), lines(&without));
    let kept = |lines: &[String]| -> Vec<String> {
        let middle = lines[..lines.len() - 1].iter();
        middle
            .filter(|line| !line.starts_with("{\"commit\""))
            .cloned()
            .collect()
    };
    assert_eq!(kept(&with), kept(&without));
    assert_eq!(kept(&with).len(), 1 + 200);
    assert!(with.last().unwrap().contains(&hash));
}
