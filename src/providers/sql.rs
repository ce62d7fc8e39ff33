//! What providers that speak SQL share: names and texts that stay data whatever is in them, and statements that can be shown.

use std::collections::BTreeMap;

use super::{ErrorKind, ProviderError, Result};

/// A name in a statement: one that is known, or one of those that only the target knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    Known(String),
    /// "owner", shown as `<each owner>`: only in previews, never sent.
    Each(&'static str),
}

impl Name {
    pub fn known(name: impl Into<String>) -> Self {
        Self::Known(name.into())
    }
}

/// How a kind of system writes names.
#[derive(Debug, Clone, Copy)]
pub struct Quotes {
    pub mark: char,
    /// In bytes. Longer ones are refused: some systems cut them without a word, and two names become one.
    pub longest: usize,
}

impl Quotes {
    /// The name as it stands in a statement, always quoted, so that its case stays.
    ///
    /// # Errors
    /// `Invalid` for a name that is empty, too long, or holds a NUL, which no system can store.
    pub fn name(&self, name: &Name) -> Result<String> {
        let name = match name {
            Name::Each(what) => return Ok(format!("<each {what}>")),
            Name::Known(name) => name,
        };
        if name.is_empty() || name.contains('\0') {
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                "a name is empty or holds a NUL",
            ));
        }
        if name.len() > self.longest {
            let text = format!(
                "a name has {} bytes, and {} are allowed",
                name.len(),
                self.longest
            );
            return Err(ProviderError::new(ErrorKind::Invalid, text));
        }
        let mut quoted = String::with_capacity(name.len() + 2);
        quoted.push(self.mark);
        for c in name.chars() {
            if c == self.mark {
                quoted.push(c);
            }
            quoted.push(c);
        }
        quoted.push(self.mark);
        Ok(quoted)
    }
}

/// A text as SQL's own literal, for systems where a backslash is an ordinary character.
///
/// # Errors
/// `Invalid` if it holds a NUL.
pub fn literal(text: &str) -> Result<String> {
    if text.contains('\0') {
        return Err(ProviderError::new(ErrorKind::Invalid, "a text holds a NUL"));
    }
    Ok(format!("'{}'", text.replace('\'', "''")))
}

/// Stands for every secret in what is shown.
pub const MASK: &str = "'***'";

/// A statement, and what may be shown of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Statement {
    sent: String,
    shown: String,
}

impl Statement {
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            shown: text.clone(),
            sent: text,
        }
    }

    /// `text` has `{secret}` where the secret's literal goes.
    ///
    /// # Errors
    /// `Invalid` if the secret holds a NUL.
    pub fn with_secret(text: &str, secret: &str) -> Result<Self> {
        let (before, after) = text.split_once("{secret}").unwrap_or((text, ""));
        let sent = format!("{before}{}{after}", literal(secret)?);
        Ok(Self {
            sent,
            shown: format!("{before}{MASK}{after}"),
        })
    }

    /// For systems that write secrets in a way of their own: what is sent, and the same with the secret masked.
    pub fn masked(sent: String, shown: String) -> Self {
        Self { sent, shown }
    }

    /// For the wire only.
    pub fn sent(&self) -> &str {
        &self.sent
    }

    pub fn shown(&self) -> &str {
        &self.shown
    }
}

/// Shows what may be shown.
impl std::fmt::Debug for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The words `key=value` of an object's comment.
pub fn tags(comment: Option<&str>) -> BTreeMap<String, String> {
    let words = comment.unwrap_or_default().split_whitespace();
    let pair = |word: &str| {
        let (key, value) = word.split_once('=')?;
        let value = value.trim_end_matches([',', ';']);
        (!key.is_empty() && !value.is_empty()).then(|| (key.to_owned(), value.to_owned()))
    };
    words.filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTES: Quotes = Quotes {
        mark: '"',
        longest: 63,
    };

    #[test]
    fn names_are_quoted_and_doubled() {
        for (name, quoted) in [
            ("orders", r#""orders""#),
            ("Orders", r#""Orders""#),
            (r#"a"b"#, r#""a""b""#),
            (r#"""#, r#""""""#),
            (r#"x"; DROP TABLE y; --"#, r#""x""; DROP TABLE y; --""#),
            ("o'brien", r#""o'brien""#),
            (r"back\slash", r#""back\slash""#),
            ("new\nline", "\"new\nline\""),
            ("ünïcödé 🦀", "\"ünïcödé 🦀\""),
            ("<each owner>", r#""<each owner>""#),
        ] {
            assert_eq!(QUOTES.name(&Name::known(name)).expect("a name"), quoted);
        }
        let backticks = Quotes {
            mark: '`',
            longest: 64,
        };
        assert_eq!(
            backticks.name(&Name::known("a`b\"c")).expect("a name"),
            "`a``b\"c`"
        );
    }

    #[test]
    fn names_that_no_system_keeps_are_refused() {
        for name in ["", "nul\0", &"x".repeat(64), &"ü".repeat(32)] {
            let error = QUOTES.name(&Name::known(name)).expect_err("refused");
            assert_eq!(error.kind, ErrorKind::Invalid);
        }
        assert!(QUOTES.name(&Name::known("x".repeat(63))).is_ok());
        assert!(QUOTES.name(&Name::known(format!("{}x", "ü".repeat(31)))).is_ok());
    }

    #[test]
    fn texts_are_doubled_and_nothing_else() {
        assert_eq!(literal("it's").expect("a text"), "'it''s'");
        assert_eq!(literal(r"\'; --").expect("a text"), r"'\''; --'");
        assert_eq!(literal("").expect("a text"), "''");
        assert!(literal("nul\0").is_err());
    }

    #[test]
    fn a_secret_is_sent_and_never_shown() {
        let statement = Statement::with_secret("ALTER ROLE \"u\" PASSWORD {secret} LOGIN", "s3'cret")
            .expect("a statement");
        assert_eq!(statement.sent(), "ALTER ROLE \"u\" PASSWORD 's3''cret' LOGIN");
        assert_eq!(statement.shown(), "ALTER ROLE \"u\" PASSWORD '***' LOGIN");
        assert!(!format!("{statement:?}").contains("cret'"));
        // A name that looks like the place of the secret is a name: only the first place counts, and it comes before.
        let odd = Statement::with_secret("PASSWORD {secret} ROLE \"{secret}\"", "x").expect("a statement");
        assert_eq!(odd.sent(), "PASSWORD 'x' ROLE \"{secret}\"");
    }

    #[test]
    fn tags_are_the_pairs_in_a_comment() {
        let of = |comment: &str| {
            tags(Some(comment))
                .into_iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(of("owner=data-team"), "owner=data-team");
        assert_eq!(of("Orders, owner=dba; tier=1, see wiki"), "owner=dba tier=1");
        assert_eq!(of("a == b = c =d e="), "");
        assert_eq!(of("url=https://x/?a=b"), "url=https://x/?a=b");
        assert!(tags(None).is_empty());
    }
}
