//! Words of a statement, by Oracle's lexical conventions.

use super::{Ora, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A key word or an unquoted name, in upper case.
    Word(String),
    /// A name in double quotes, as it is.
    Quoted(String),
    /// A text in single quotes.
    Text(String),
    Number(String),
    Bind(usize),
    Mark(char),
}

/// `longest`: of names, in bytes.
pub fn tokens(sql: &str, longest: usize) -> Result<Vec<Token>> {
    let mut all = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            c if c.is_whitespace() => (None, &rest[c.len_utf8()..]),
            '"' => {
                let (name, after) = rest[1..].split_once('"').ok_or(Ora(1740))?;
                if name.is_empty() {
                    return Err(Ora(1741));
                }
                if name.len() > longest {
                    return Err(Ora(972));
                }
                (Some(Token::Quoted(name.to_owned())), after)
            }
            '\'' => {
                let (text, after) = text(&rest[1..])?;
                (Some(Token::Text(text)), after)
            }
            ':' => {
                let (digits, after) = span(&rest[1..], |c| c.is_ascii_digit());
                let number = digits.parse().map_err(|_| Ora(1745))?;
                (Some(Token::Bind(number)), after)
            }
            c if c.is_ascii_digit() => {
                let (digits, after) = span(rest, |c| c.is_ascii_digit());
                (Some(Token::Number(digits.to_owned())), after)
            }
            c if c.is_alphabetic() => {
                let (word, after) = span(rest, |c| c.is_alphanumeric() || matches!(c, '_' | '$' | '#'));
                (Some(Token::Word(word.to_uppercase())), after)
            }
            '(' | ')' | ',' | '.' | '=' | '<' | '>' | '*' | '/' | ';' => {
                (Some(Token::Mark(first)), &rest[1..])
            }
            _ => return Err(Ora(911)),
        };
        all.extend(token);
        rest = after;
    }
    Ok(all)
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// After the opening quote; two quotes stand for one.
fn text(rest: &str) -> Result<(String, &str)> {
    let mut text = String::new();
    let mut rest = rest;
    loop {
        let (part, after) = rest.split_once('\'').ok_or(Ora(1756))?;
        text.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                text.push('\'');
                rest = more;
            }
            None => return Ok((text, after)),
        }
    }
}
