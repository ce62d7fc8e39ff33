//! Every kind of damage: the right answer or a clear refusal, never a wrong one.

use std::{fs, path::Path, sync::Arc};

use latchkey::{
    domain::{Key, Kind, audit::Actor},
    store::{AuditQuery, OpenOptions, SledStore, Store, StoreError, backup, chain},
};
use sha2::{Digest, Sha256};

use crate::common::*;

const RECORDS: usize = 60;

#[tokio::test]
async fn reopened_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), RECORDS).await;
    for _ in 0..3 {
        let store = open_until_well(dir.path()).await;
        whole(&*store, RECORDS).await;
        let meta = store.meta().await.unwrap();
        assert_eq!((meta.epoch, &meta.quarantine), (1, &None));
        assert!(store.settle("make-7").await.unwrap());
    }
    let report = chain::verify(dir.path()).unwrap();
    assert_eq!((report.broken, report.torn_bytes), (None, 0));
    assert_eq!(report.audit_entries, RECORDS as u64);
}

#[tokio::test]
async fn locked() {
    let dir = tempfile::tempdir().unwrap();
    let _store = open(dir.path()).await.unwrap();
    let text = refusal(open(dir.path()).await);
    assert!(text.contains("in use by another process (pid "), "{text}");
    let backup = dir.path().join("backup");
    backup::backup(dir.path(), &backup).unwrap();
    let text = refusal(backup::restore(&backup, dir.path(), at(0)));
    assert!(text.contains("in use"), "{text}");
}

#[tokio::test]
async fn not_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "").unwrap();
    refusal(open(&path).await);
}

#[tokio::test]
async fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    fs::create_dir(&root).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    filled(&root, 10).await;
    let mut looked_at = 0;
    let mut left = vec![root];
    while let Some(path) = left.pop() {
        let meta = fs::metadata(&path).unwrap();
        let wanted = if meta.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(meta.permissions().mode() & 0o777, wanted, "{}", path.display());
        looked_at += 1;
        if meta.is_dir() {
            left.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(looked_at > 5);
}

/// A damaged index is made anew.
async fn heals(damage: impl Fn(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), RECORDS).await;
    damage(&dir.path().join("index"));
    let store = open_until_well(dir.path()).await;
    whole(&*store, RECORDS).await;
}

#[tokio::test]
async fn index_deleted() {
    heals(|index| fs::remove_dir_all(index).unwrap()).await;
}

#[tokio::test]
async fn index_emptied() {
    heals(|index| fs::write(index.join("db"), "").unwrap()).await;
}

#[tokio::test]
async fn index_truncated() {
    heals(|index| alter(&index.join("db"), |bytes| bytes.truncate(bytes.len() / 3))).await;
}

#[tokio::test]
async fn index_of_nonsense() {
    heals(|index| alter(&index.join("db"), |bytes| bytes.fill(0x5a))).await;
}

#[tokio::test]
async fn torn_snapshot() {
    heals(|index| fs::write(index.join("snap.0000000000001000.generating"), "torn").unwrap()).await;
}

#[tokio::test]
async fn snapshots_deleted() {
    heals(|index| each_snapshot(index, |path| fs::remove_file(path).unwrap())).await;
}

#[tokio::test]
async fn snapshots_flipped() {
    heals(|index| each_snapshot(index, |path| alter(path, |bytes| bytes[0] ^= 1))).await;
}

fn each_snapshot(index: &Path, act: impl Fn(&Path)) {
    for entry in fs::read_dir(index).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("snap.") {
            act(&path);
        }
    }
}

/// Deleted snapshots and a flipped bit make sled lose records in silence: the sums see it.
#[tokio::test]
async fn bits_of_the_index_flipped() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    filled(&made, RECORDS).await;
    // The place is part of what is remembered, so every trial happens in the same one.
    let kept = dir.path().join("kept");
    copy_dir(&made, &kept);
    for trial in 0..24_usize {
        fs::remove_dir_all(made.join("index")).unwrap();
        copy_dir(&kept.join("index"), &made.join("index"));
        if trial % 2 == 0 {
            each_snapshot(&made.join("index"), |path| fs::remove_file(path).unwrap());
        }
        alter(&made.join("index/db"), |bytes| {
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
            let bit = (trial * 7919 + 13) * 104_729 % (used * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        });
        let store = open_until_well(&made).await;
        whole(&*store, RECORDS).await;
        drop(store);
        fs::remove_file(segment(&made, 1)).unwrap();
        fs::copy(segment(&kept, 1), segment(&made, 1)).unwrap();
    }
}

/// Changes the index behind the store's back, as only a fault could.
fn tamper(dir: &Path, change: impl FnOnce(&sled::Db)) {
    let db = sled::open(dir.join("index")).unwrap();
    change(&db);
    db.flush().unwrap();
}

#[tokio::test]
async fn a_record_or_due_entry_that_went_missing_is_noticed() {
    for (prefix, text) in [(b"r", "records"), (b"d", "due entries")] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), RECORDS).await;
        tamper(dir.path(), |db| {
            let (key, _) = db.scan_prefix(prefix).nth(5).unwrap().unwrap();
            db.remove(key).unwrap();
        });
        let store = open(dir.path()).await.unwrap();
        scanned(&store).await;
        let error = store.meta().await.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
        let late = store
            .commit(write("late", "late", latchkey::store::Expect::Any, None))
            .await;
        assert!(matches!(late, Err(StoreError::Failed(_))));
        drop(store);
        whole(&*open_until_well(dir.path()).await, RECORDS).await;
        assert!(dir.path().join("index.damaged").exists());
    }
}

/// The look at the index goes on while others write; it must not take their writes for damage.
#[tokio::test]
async fn writing_during_the_look_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 1500).await;
    let store = open(dir.path()).await.unwrap();
    for n in 0..200 {
        let name = format!("t{:05}", n * 7);
        let value = due_thing(&name, "new", at(n));
        done(
            &*store,
            latchkey::store::Batch::new(format!("during-{n}"), at(n)).touch(&value),
        )
        .await;
    }
    scanned(&store).await;
    assert!(store.scanned());
}

#[tokio::test]
async fn a_damaged_record_is_refused_and_mended() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), RECORDS).await;
    let key = b"r\x05t00003";
    tamper(dir.path(), |db| {
        let mut value = db.get(key).unwrap().unwrap().to_vec();
        value[20] ^= 1;
        db.insert(key, value).unwrap();
    });
    let store = open(dir.path()).await.unwrap();
    let text = store
        .get(&Key::new(Kind::Lease, "t00003"))
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("damaged"), "{text}");
    drop(store);
    whole(&*open_until_well(dir.path()).await, RECORDS).await;
}

#[tokio::test]
async fn a_record_of_an_unknown_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), RECORDS).await;
    let key = b"r\x05t00003";
    tamper(dir.path(), |db| {
        let mut value = db.get(key).unwrap().unwrap().to_vec();
        value[0] = 9;
        let body = value.len() - 4;
        let crc = crc32c::crc32c_append(crc32c::crc32c(key), &value[..body]);
        value[body..].copy_from_slice(&crc.to_be_bytes());
        db.insert(key, value).unwrap();
    });
    for _ in 0..2 {
        let store = open(dir.path()).await.unwrap();
        scanned(&store).await;
        let text = store.meta().await.unwrap_err().to_string();
        assert!(text.contains("version 9.1"), "{text}");
    }
    assert!(
        !dir.path().join("index.suspect").exists(),
        "a new index would not help"
    );
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let newer = OpenOptions {
        schema: 2,
        ..options(dir.path())
    };
    filled_with(newer.clone(), 5).await;
    for _ in 0..2 {
        let text = refusal(open(dir.path()).await);
        assert!(text.contains("newer Latchkey"), "{text}");
        fs::remove_dir_all(dir.path().join("index")).unwrap();
    }
    whole(&*SledStore::open(newer).await.unwrap(), 5).await;
}

#[tokio::test]
async fn records_that_this_program_cannot_read_stop_it() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5).await;
    let other = OpenOptions {
        due_of: |_, _| Err("of the year 2040".into()),
        ..options(dir.path())
    };
    let store = SledStore::open(other).await.unwrap();
    scanned(&store).await;
    let text = store.meta().await.unwrap_err().to_string();
    assert!(text.contains("of the year 2040"), "{text}");
    drop(store);
    whole(&*open_until_well(dir.path()).await, 5).await;
}

#[tokio::test]
async fn a_journal_of_an_unknown_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5).await;
    alter(&segment(dir.path(), 1), |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let (header, rest) = text.split_once('\n').unwrap();
        let (body, _) = header.split_once(",\"hash\":").unwrap();
        let body = format!("{}}}", body.replace("\"format\":1", "\"format\":9"));
        let hash = hex::encode(Sha256::digest(&body));
        *bytes = format!("{},\"hash\":\"{hash}\"}}\n{rest}", &body[..body.len() - 1]).into_bytes();
    });
    let text = refusal(open(dir.path()).await);
    assert!(text.contains("format 9"), "{text}");
}

#[tokio::test]
async fn journal_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), RECORDS).await;
    alter(&segment(dir.path(), 1), |bytes| bytes.truncate(bytes.len() - 1));
    let text = refusal(open(dir.path()).await);
    assert!(text.contains("end is missing"), "{text}");
    alter(&segment(dir.path(), 1), |bytes| bytes.truncate(bytes.len() / 2));
    let text = refusal(open(dir.path()).await);
    assert!(text.contains("end is missing"), "{text}");
}

/// Without the index nothing but the journal tells: every flipped bit and every missing line is found, with its place.
#[tokio::test]
async fn journal_damaged_in_the_middle() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), RECORDS).await;
    let path = segment(dir.path(), 1);
    let good = fs::read(&path).unwrap();
    let lines = good.iter().filter(|byte| **byte == b'\n').count();
    for trial in 0..40_usize {
        let mut bad = good.clone();
        // The last line is left out: there it could be a torn write.
        let end = good[..good.len() - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .unwrap();
        let at = (trial * 7919 + 5) * 104_729 % end;
        bad[at] ^= 1 << (trial % 8);
        fs::write(&path, bad).unwrap();
        let line = good[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        let broken = chain::verify(dir.path()).unwrap().broken.unwrap();
        assert!(
            broken.contains(&format!("line {line}:")),
            "bit in line {line} of {lines}: {broken}"
        );
        if trial < 5 {
            forget(dir.path());
            let text = refusal(open(dir.path()).await);
            assert!(text.contains(&format!("line {line}:")), "{text}");
        }
    }
    let text: Vec<_> = good.split_inclusive(|byte| *byte == b'\n').collect();
    fs::write(&path, [&text[..20], &text[21..]].concat().concat()).unwrap();
    forget(dir.path());
    let text = refusal(open(dir.path()).await);
    assert!(text.contains("line 21: the line does not continue"), "{text}");

    fs::write(&path, good).unwrap();
    whole(&*open_until_well(dir.path()).await, RECORDS).await;
}

fn forget(dir: &Path) {
    latchkey::store::forget_index(dir).unwrap();
}

#[tokio::test]
async fn a_torn_write_was_never_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), RECORDS).await;
    let path = segment(dir.path(), 1);
    let good = fs::read(&path).unwrap();
    let last = good[..good.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    for tail in [
        &good[last..good.len() - 1],
        &good[last..last + 1],
        &[0; 5000][..],
        b"\n",
        b"{}\n\n",
    ] {
        let torn = [&good[..], tail].concat();
        fs::write(&path, torn).unwrap();
        let report = chain::verify(dir.path()).unwrap();
        assert_eq!((report.broken, report.torn_bytes), (None, tail.len() as u64));
        let store = open_until_well(dir.path()).await;
        whole(&*store, RECORDS).await;
        let commit = write("after", "after", latchkey::store::Expect::Any, None);
        store.commit(commit).await.unwrap();
        drop(store);
        assert_eq!(chain::verify(dir.path()).unwrap().broken, None);
        let kept = fs::read_dir(dir.path().join("journal")).unwrap().any(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with("torn-after-")
        });
        assert!(kept, "what is cut off is put aside");
        fs::write(&path, &good).unwrap();
        forget(dir.path());
    }
}

/// One batch may reach the disk in any order; what was written after it proves that it was acknowledged.
#[tokio::test]
async fn a_hole_in_the_last_batch_is_a_torn_write_but_not_in_one_before() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = open(dir.path()).await.unwrap();
        for round in 0..2 {
            let commits = (0..40).map(|n| {
                let name = format!("{round}-{n}");
                store.commit(write(
                    &name.clone(),
                    &name,
                    latchkey::store::Expect::Any,
                    Some(&thing(&name, "")),
                ))
            });
            futures_util::future::join_all(commits).await;
        }
    }
    let path = segment(dir.path(), 1);
    let good = fs::read(&path).unwrap();
    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    let batch = |line: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(line).unwrap();
        (value["batch"].as_u64(), value["seq"].as_u64())
    };
    let (last_batch, last_seq) = batch(lines[lines.len() - 1]);
    assert!(
        last_batch < last_seq,
        "the last batch has one line only: {last_batch:?}"
    );
    let holed = |n: usize| {
        let mut lines: Vec<Vec<u8>> = lines.iter().map(|line| line.to_vec()).collect();
        lines[n].fill(0);
        lines.concat()
    };
    fs::write(&path, holed(lines.len() - 2)).unwrap();
    let report = chain::verify(dir.path()).unwrap();
    assert_eq!(report.broken, None);
    assert!(report.torn_bytes > 0);
    let before = lines
        .iter()
        .skip(1)
        .rposition(|line| batch(line).0 < last_batch)
        .unwrap()
        + 1;
    fs::write(&path, holed(before)).unwrap();
    let broken = chain::verify(dir.path()).unwrap().broken.unwrap();
    assert!(broken.contains(&format!("line {}:", before + 1)), "{broken}");
}

#[tokio::test]
async fn journal_missing() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5).await;
    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    let text = refusal(open(dir.path()).await);
    assert!(text.contains("journal") && text.contains("missing"), "{text}");
}

#[tokio::test]
async fn journal_of_another_store() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    filled(&one, 5).await;
    filled(&two, 5).await;
    fs::copy(segment(&one, 1), segment(&two, 1)).unwrap();
    let text = refusal(open(&two).await);
    assert!(text.contains("do not belong together"), "{text}");
}

fn small_segments(dir: &Path) -> OpenOptions {
    OpenOptions {
        segment_limit: 20_000,
        ..options(dir)
    }
}

#[tokio::test]
async fn segments_follow_each_other() {
    let dir = tempfile::tempdir().unwrap();
    filled_with(small_segments(dir.path()), 300).await;
    let report = chain::verify(dir.path()).unwrap();
    assert_eq!(report.broken, None);
    assert!(report.segments > 4, "{report:?}");
    whole(&*open_until_well(dir.path()).await, 300).await;
    // From the youngest export, from the one before, and not at all.
    forget(dir.path());
    whole(&*open_until_well(dir.path()).await, 300).await;
    let exports = || {
        let names = fs::read_dir(dir.path().join("journal"))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut found: Vec<_> = names
            .filter(|p| p.to_string_lossy().contains("export-"))
            .collect();
        found.sort();
        found
    };
    assert_eq!(exports().len(), 2);
    alter(&exports()[1], |bytes| bytes[100] ^= 1);
    assert!(
        chain::verify(dir.path())
            .unwrap()
            .broken
            .unwrap()
            .contains("export")
    );
    for _ in 0..2 {
        forget(dir.path());
        let store = open_until_well(dir.path()).await;
        whole(&*store, 300).await;
        assert!(store.settle("change-299").await.unwrap());
        drop(store);
        fs::remove_file(&exports()[0]).unwrap();
    }
    // The first segment began empty, so its lines alone will do. Without them nothing does.
    forget(dir.path());
    fs::remove_file(segment(dir.path(), 1)).unwrap();
    let text = refusal(open(dir.path()).await);
    assert!(text.contains("cannot be made anew"), "{text}");
}

#[tokio::test]
async fn a_segment_in_the_middle_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    filled_with(small_segments(dir.path()), 300).await;
    fs::remove_file(segment(dir.path(), 3)).unwrap();
    let text = refusal(open(dir.path()).await);
    assert!(text.contains("00000003.jsonl is missing"), "{text}");
    assert!(refusal(chain::verify(dir.path())).contains("00000003"));
}

#[tokio::test]
async fn a_closed_segment_was_shortened() {
    let dir = tempfile::tempdir().unwrap();
    filled_with(small_segments(dir.path()), 300).await;
    alter(&segment(dir.path(), 2), |bytes| {
        let end = bytes[..bytes.len() - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .unwrap();
        bytes.truncate(end + 1);
    });
    let broken = chain::verify(dir.path()).unwrap().broken.unwrap();
    assert!(
        broken.contains("00000003.jsonl") && broken.contains("does not continue"),
        "{broken}"
    );
}

#[tokio::test]
async fn a_copy_starts_in_quarantine() {
    let dir = tempfile::tempdir().unwrap();
    let (made, copy) = (dir.path().join("made"), dir.path().join("copy"));
    filled(&made, 5).await;
    copy_dir(&made, &copy);
    let original = open(&made).await.unwrap();
    let store = open(&copy).await.unwrap();
    let (was, is) = (original.meta().await.unwrap(), store.meta().await.unwrap());
    assert_eq!(was.quarantine, None);
    let quarantine = is.quarantine.clone().unwrap();
    assert!(
        quarantine.why.contains("from another place"),
        "{}",
        quarantine.why
    );
    assert!(is.epoch > was.epoch && is.store_id == was.store_id);
    whole(&*store, 5).await;
    drop(store);

    let store = open(&copy).await.unwrap();
    assert_eq!(
        store.meta().await.unwrap().quarantine,
        Some(quarantine),
        "until somebody ends it"
    );
    let by = Actor::System { user: "root".into() };
    store.resume(at(9), by.clone()).await.unwrap();
    assert_eq!(store.meta().await.unwrap().quarantine, None);
    let audit = store.audit(&AuditQuery::default()).await.unwrap();
    let verbs: Vec<_> = audit
        .iter()
        .rev()
        .take(2)
        .map(|r| r.entry.verb.as_str())
        .collect();
    assert_eq!(verbs, ["resumed", "quarantined"]);
    assert_eq!(audit.last().unwrap().entry.actor, by);
    drop(store);
    // Also where only the journal is left to tell.
    forget(&copy);
    let store = open(&copy).await.unwrap();
    assert_eq!(store.meta().await.unwrap().quarantine, None);
    drop(store);

    // Put where the original was, a copy still has another inode.
    drop(original);
    fs::remove_dir_all(&made).unwrap();
    fs::rename(&copy, &made).unwrap();
    let store: Arc<SledStore> = open(&made).await.unwrap();
    assert!(store.meta().await.unwrap().quarantine.is_some());
}
