//! Values and their types, and the server's errors.

use chrono::{DateTime, FixedOffset};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Int,
    Tiny,
    Bit,
    Str,
    Bin,
    Time,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Bit(bool),
    Str(String),
    Bin(Vec<u8>),
    Time(DateTime<FixedOffset>),
}

impl Value {
    pub fn text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Int(number) => number.to_string(),
            Self::Bit(bit) => u8::from(*bit).to_string(),
            Self::Str(text) => text.clone(),
            Self::Bin(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Time(time) => time.to_rfc3339(),
        }
    }

    pub fn int(&self) -> i64 {
        match self {
            Self::Int(number) => *number,
            Self::Bit(bit) => i64::from(*bit),
            Self::Null | Self::Str(_) | Self::Bin(_) | Self::Time(_) => 0,
        }
    }

    pub fn of(text: &str) -> Self {
        Self::Str(text.to_owned())
    }

    /// By the server's usual collation; binary padding and trailing blanks do not count. `None`: one of them is NULL, or
    /// they cannot be compared.
    pub fn compare(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Int(_) | Self::Bit(_), Self::Int(_) | Self::Bit(_)) => Some(self.int().cmp(&other.int())),
            (Self::Str(a), Self::Str(b)) => Some(folded(a).cmp(&folded(b))),
            (Self::Bin(a), Self::Bin(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// `SQL_Latin1_General_CP1_CI_AS`, as far as names go.
pub fn folded(text: &str) -> String {
    text.trim_end_matches(' ').to_lowercase()
}

pub fn same(a: &str, b: &str) -> bool {
    folded(a) == folded(b)
}

/// An error of the server's, by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub number: i32,
    pub text: String,
}

pub type Outcome<T> = Result<T, Fault>;

pub fn fault<T>(number: i32, text: impl Into<String>) -> Outcome<T> {
    Err(Fault {
        number,
        text: text.into(),
    })
}

/// What this server does not understand is a mistake of the client's.
pub fn syntax<T>(text: impl std::fmt::Display) -> Outcome<T> {
    fault(102, format!("Incorrect syntax near '{text}'."))
}
