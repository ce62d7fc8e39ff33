//! What `latchkey providers` says each kind was proven against.

use std::{collections::BTreeMap, path::Path};

use latchkey::providers::page::Proven;

/// Writes it where the program is compiled from, if that is asked for.
pub fn write(kind: &str, proven: Proven) {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test runner's")]
    let wanted = std::env::var("LATCHKEY_RECORD").is_ok_and(|value| value == "1");
    if !wanted {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/providers/proven.json");
    let text = std::fs::read_to_string(&path).expect("the record");
    let mut record: BTreeMap<String, Proven> = serde_json::from_str(&text).expect("a record");
    record.insert(kind.to_owned(), proven);
    let text = serde_json::to_string_pretty(&record).expect("JSON") + "\n";
    std::fs::write(&path, text).expect("the record is written");
}
