//! Words of a statement, read as Vertica reads them: names in double quotes, texts in single ones, where a backslash is an
//! ordinary character. Shares nothing with the builders it checks.

/// What a session answers to a statement that it will not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub code: &'static str,
    pub message: String,
}

pub fn fault(code: &'static str, message: impl Into<String>) -> Fault {
    Fault {
        code,
        message: message.into(),
    }
}

pub type Result<T> = std::result::Result<T, Fault>;

/// Longest name, in bytes.
const LONGEST: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Unquoted: a key word or a name.
    Word(String),
    /// A name in quotes: never a key word.
    Name(String),
    Text(String),
    Number(i64),
    Sign(&'static str),
}

const SIGNS: &[&str] = &[
    "<>", ">=", "<=", "!=", "(", ")", ",", ".", ";", "*", "=", "<", ">", "/",
];

pub fn tokens(sql: &str) -> Result<Vec<Token>> {
    let mut all = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
        } else if rest.starts_with("--") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if first == '"' || first == '\'' {
            let (inside, after) = enclosed(rest, first)?;
            all.push(if first == '"' {
                Token::Name(checked(inside)?)
            } else {
                Token::Text(inside)
            });
            rest = after;
        } else if first.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let number = rest[..end]
                .parse()
                .map_err(|_| fault("22003", "a number out of range"))?;
            all.push(Token::Number(number));
            rest = &rest[end..];
        } else if first.is_alphabetic() || first == '_' {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
                .unwrap_or(rest.len());
            all.push(Token::Word(checked(rest[..end].to_owned())?));
            rest = &rest[end..];
        } else {
            let sign = SIGNS
                .iter()
                .find(|sign| rest.starts_with(**sign))
                .ok_or_else(|| near(rest))?;
            all.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        }
    }
    Ok(all)
}

/// As the server words it; it quotes what it did not understand.
pub fn near(rest: &str) -> Fault {
    let rest: String = rest.chars().take(60).collect();
    fault("42601", format!("Syntax error at or near \"{rest}\""))
}

fn checked(name: String) -> Result<String> {
    if name.is_empty() {
        return Err(fault("42601", "Zero-length delimited identifier"));
    }
    if name.len() > LONGEST {
        return Err(fault("42622", "Identifier is longer than 128 bytes"));
    }
    Ok(name)
}

/// What stands between two marks, where a doubled one is itself.
fn enclosed(rest: &str, mark: char) -> Result<(String, &str)> {
    let mut inside = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != mark {
            inside.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == mark) {
            inside.push(c);
            chars.next();
        } else {
            return Ok((inside, &rest[at + 1..]));
        }
    }
    Err(fault("42601", "Unterminated quoted string"))
}
