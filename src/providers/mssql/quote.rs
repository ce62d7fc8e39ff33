//! How names and texts are written in Transact-SQL.
//!
//! Done here and not by `QUOTENAME`, which answers NULL past 128 characters and so blanks what it is put into.

use super::error::invalid;
use crate::providers::{Result, sql::Name};

/// Longest name, in UTF-16 units (`sysname` is `nvarchar(128)`).
pub const LONGEST: usize = 128;

/// Whether a name can be one at all.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('\0') && name.encode_utf16().count() <= LONGEST
}

/// `[name]`; `<each …>` for what only the server knows.
///
/// # Errors
/// `Invalid` for a name that is empty, too long, or holds a NUL.
pub fn name(name: &Name) -> Result<String> {
    match name {
        Name::Each(what) => Ok(format!("<each {what}>")),
        Name::Known(known) if is_name(known) => Ok(format!("[{}]", known.replace(']', "]]"))),
        Name::Known(_) => Err(invalid(format!(
            "a name is empty, holds a NUL, or is longer than {LONGEST}"
        ))),
    }
}

/// `[name]` of a name that is known.
pub fn known(text: &str) -> Result<String> {
    name(&Name::known(text))
}

/// `N'text'`; a backslash is an ordinary character.
///
/// # Errors
/// `Invalid` if it holds a NUL.
pub fn text(text: &str) -> Result<String> {
    if text.contains('\0') {
        return Err(invalid("a text holds a NUL"));
    }
    Ok(format!("N'{}'", text.replace('\'', "''")))
}

/// A pattern for LIKE that finds what begins with a text.
pub fn beginning(text: &str) -> String {
    let escaped = text.replace('[', "[[]").replace('_', "[_]").replace('%', "[%]");
    format!("{escaped}%")
}

/// `0x…`
pub fn binary(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode_upper(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::ErrorKind;

    #[test]
    fn names_and_texts_stay_what_they_are() {
        for (given, quoted) in [
            ("orders", "[orders]"),
            ("a]b", "[a]]b]"),
            ("a[b", "[a[b]"),
            ("x]; DROP TABLE t; --", "[x]]; DROP TABLE t; --]"),
            ("o'brien", "[o'brien]"),
            ("zażółć 🦀", "[zażółć 🦀]"),
        ] {
            assert_eq!(known(given).expect("a name"), quoted);
        }
        assert_eq!(text("it's \\ [x]").expect("a text"), "N'it''s \\ [x]'");
        assert_eq!(beginning("jit_a%[b"), "jit[_]a[%][[]b%");
        assert_eq!(binary(&[0, 0xab]), "0x00AB");
    }

    #[test]
    fn length_is_counted_as_the_server_counts() {
        assert!(is_name(&"x".repeat(128)) && is_name(&"🦀".repeat(64)));
        for name in ["", "nul\0", &"x".repeat(129), &"🦀".repeat(65)] {
            assert_eq!(known(name).expect_err("refused").kind, ErrorKind::Invalid);
        }
        assert!(text("nul\0").is_err());
    }
}
