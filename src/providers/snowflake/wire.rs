//! What Snowflake's SQL API answers, and what its refusals mean.
//!
//! Codes are documented for the API itself (`09…`, `3333…`, `0000…`, `39…`) and for its SQL errors (`001003`, `002002`,
//! `002003`, `003001`, `390144`); of any other the HTTP status alone decides.

use reqwest::StatusCode;
use serde::Deserialize;

use crate::providers::{ErrorKind, ProviderError, http};

/// Why a statement did not run to its end.
#[derive(Debug)]
pub enum Halt {
    /// `code` is Snowflake's, empty where there was none.
    Failed { error: ProviderError, code: String },
    /// It goes on there under this handle.
    Running(String),
    /// The time for one call of ours is over; nothing is under way.
    Later,
}

pub type Ran<T> = std::result::Result<T, Halt>;

impl From<ProviderError> for Halt {
    fn from(error: ProviderError) -> Self {
        Self::Failed {
            error,
            code: String::new(),
        }
    }
}

impl Halt {
    fn has_code(&self, known: &[&str]) -> bool {
        matches!(self, Self::Failed { code, .. } if known.contains(&code.as_str()))
    }

    /// "Does not exist or not authorized".
    pub fn is_gone(&self) -> bool {
        self.has_code(&["002003", "002043"])
    }

    /// "Already exists".
    pub fn is_there(&self) -> bool {
        self.has_code(&["002002"])
    }

    /// Snowflake does not know the words: a kind of object that this account or edition does not have.
    pub fn is_unknown_syntax(&self) -> bool {
        self.has_code(&["001003", "000002", "001008"])
    }

    /// For calls that do not wait: looks, mostly.
    pub fn into_error(self) -> ProviderError {
        match self {
            Self::Failed { error, .. } => error,
            Self::Running(_) | Self::Later => ProviderError::new(
                ErrorKind::Transient,
                "Snowflake takes longer than we wait; it is tried again",
            ),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub message: String,
    pub statement_handle: Option<String>,
    pub result_set_meta_data: Option<Meta>,
    #[serde(default)]
    pub data: Vec<Vec<Option<String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    pub row_type: Vec<Column>,
    #[serde(default)]
    pub partition_info: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
pub struct Column {
    pub name: String,
}

/// Later partitions carry rows alone.
#[derive(Debug, Deserialize)]
pub struct Part {
    #[serde(default)]
    pub data: Vec<Vec<Option<String>>>,
}

/// Rows with the names of their columns.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    columns: &'a [String],
    cells: &'a [Option<String>],
}

impl Table {
    pub fn new(columns: Vec<String>, rows: Vec<Vec<Option<String>>>) -> Self {
        Self { columns, rows }
    }

    pub fn push(&mut self, rows: Vec<Vec<Option<String>>>) {
        self.rows.extend(rows);
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row {
            columns: &self.columns,
            cells,
        })
    }

    /// Another page of the same listing.
    pub fn append(&mut self, other: Table) {
        self.rows.extend(other.rows);
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }
}

impl<'a> Row<'a> {
    /// A cell by its column, in whatever case; `None` for NULL, and where there is no such column.
    pub fn cell(&self, column: &str) -> Option<&'a str> {
        let at = self
            .columns
            .iter()
            .position(|name| name.eq_ignore_ascii_case(column))?;
        self.cells.get(at)?.as_deref()
    }

    /// Empty for NULL.
    pub fn text(&self, column: &str) -> &'a str {
        self.cell(column).unwrap_or_default()
    }

    pub fn is_true(&self, column: &str) -> bool {
        let text = self.text(column);
        text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("y")
    }
}

/// What a refusal asks of the core. `secrets` are taken out of Snowflake's words.
pub fn refusal(status: StatusCode, answer: &Answer, role: &str) -> Halt {
    let kind = kind(status, &answer.code);
    let words = http::words(&answer.message, &[]);
    let mut message = format!("Snowflake: {words}");
    if !answer.code.is_empty() {
        message.push_str(&format!(" ({})", answer.code));
    }
    if answer.code == "390189" {
        message = format!(
            "our login does not hold the role {role}: set role to the one made for Latchkey, and grant it to our user ({})",
            answer.code
        );
    }
    if answer.code == "390144" {
        message
            .push_str("; is the public key set on our user, is hostname right, and does our clock go right?");
    }
    Halt::Failed {
        error: ProviderError::new(kind, message),
        code: answer.code.clone(),
    }
}

fn kind(status: StatusCode, code: &str) -> ErrorKind {
    match (status.as_u16(), code) {
        // Cancelled, waited for a lock in vain, timed out: as good as never tried.
        (_, "000604" | "000625" | "000630" | "390114" | "390318") => ErrorKind::Transient,
        (_, "003001") => ErrorKind::Denied,
        (_, code) if code.starts_with("390") && !code.starts_with("39190") => ErrorKind::Denied,
        _ => http::kind_of(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, code: &str, message: &str) -> Halt {
        let text = format!(r#"{{"code": "{code}", "message": "{message}", "sqlState": "x"}}"#);
        let answer: Answer = serde_json::from_str(&text).expect("an answer");
        refusal(
            StatusCode::from_u16(status).expect("a status"),
            &answer,
            "LATCHKEY",
        )
    }

    #[test]
    fn refusals_mean_what_the_core_acts_on() {
        for (status, code, kind) in [
            (401, "390144", ErrorKind::Denied),
            (403, "390422", ErrorKind::Denied),
            (422, "390189", ErrorKind::Denied),
            (422, "003001", ErrorKind::Denied),
            (422, "002003", ErrorKind::Invalid),
            (422, "001003", ErrorKind::Invalid),
            (422, "000604", ErrorKind::Transient),
            (408, "000630", ErrorKind::Transient),
            (429, "", ErrorKind::Transient),
            (503, "", ErrorKind::Transient),
            (400, "391903", ErrorKind::Invalid),
        ] {
            let halt = of(status, code, "words");
            assert_eq!(halt.is_gone(), code == "002003");
            assert_eq!(halt.into_error().kind, kind, "{status} {code}");
        }
        assert!(
            of(422, "390189", "x")
                .into_error()
                .message
                .contains("role LATCHKEY")
        );
        assert!(
            of(401, "390144", "JWT token is invalid")
                .into_error()
                .message
                .contains("clock")
        );
    }

    #[test]
    fn cells_are_found_by_name_and_null_is_no_text() {
        let table = Table::new(
            vec!["name".into(), "COMMENT".into()],
            vec![vec![Some("A".into()), None], vec![Some("B".into())]],
        );
        let rows: Vec<_> = table.rows().collect();
        assert_eq!((rows[0].text("NAME"), rows[0].cell("comment")), ("A", None));
        assert_eq!((rows[1].cell("comment"), rows[1].cell("other")), (None, None));
    }
}
