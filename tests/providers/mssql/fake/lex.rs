//! Words of Transact-SQL.

use super::value::{Outcome, syntax};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A key word or a plain name, as written.
    Word(String),
    /// `[name]`
    Name(String),
    Text(String),
    Number(i64),
    Binary(Vec<u8>),
    /// `@name` or `@@NAME`
    Variable(String),
    Sign(&'static str),
}

const SIGNS: [&str; 17] = [
    "+=", "<>", ">=", "<=", "::", "(", ")", ",", ";", ".", "=", "<", ">", "+", "*", "-", "/",
];

pub fn tokens(sql: &str) -> Outcome<Vec<Token>> {
    let mut rest = sql;
    let mut all = Vec::new();
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else {
            return Ok(all);
        };
        if rest.starts_with("--") || rest.starts_with("/*") {
            // A comment in what we send means that a name broke out of its quotes.
            return syntax("a comment");
        }
        if let Some(after) = rest.strip_prefix("N'").or_else(|| rest.strip_prefix('\'')) {
            let (text, after) = until(after, '\'')?;
            all.push(Token::Text(text));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (name, after) = until(after, ']')?;
            if name.is_empty() || name.encode_utf16().count() > 128 {
                return super::value::fault(1038, "An object or column name is missing, empty or too long.");
            }
            all.push(Token::Name(name));
            rest = after;
        } else if let Some(after) = rest.strip_prefix("0x") {
            let end = after
                .find(|c: char| !c.is_ascii_hexdigit())
                .unwrap_or(after.len());
            let digits = if end % 2 == 0 {
                after[..end].to_owned()
            } else {
                format!("0{}", &after[..end])
            };
            all.push(Token::Binary(hex::decode(digits).unwrap_or_default()));
            rest = &after[end..];
        } else if first.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            all.push(Token::Number(rest[..end].parse().unwrap_or(i64::MAX)));
            rest = &rest[end..];
        } else if first.is_alphabetic() || matches!(first, '_' | '@' | '#') {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '@' | '$' | '#')))
                .unwrap_or(rest.len());
            let word = rest[..end].to_owned();
            all.push(if first == '@' {
                Token::Variable(word)
            } else {
                Token::Word(word)
            });
            rest = &rest[end..];
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            all.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            return syntax(first);
        }
    }
}

/// Up to the closing mark, which is doubled where it is meant.
fn until(text: &str, mark: char) -> Outcome<(String, &str)> {
    let mut found = String::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        if c != mark {
            found.push(c);
        } else if rest.peek().is_some_and(|(_, next)| *next == mark) {
            found.push(mark);
            rest.next();
        } else {
            return Ok((found, &text[at + c.len_utf8()..]));
        }
    }
    super::value::fault(105, "Unclosed quotation mark after the character string.")
}

/// Tokens yet to be read.
pub struct Tokens {
    all: Vec<Token>,
    at: usize,
}

impl Tokens {
    pub fn of(sql: &str) -> Outcome<Self> {
        Ok(Self {
            all: tokens(sql)?,
            at: 0,
        })
    }

    pub fn peek(&self) -> Option<&Token> {
        self.all.get(self.at)
    }

    pub fn peek_second(&self) -> Option<&Token> {
        self.all.get(self.at + 1)
    }

    pub fn next(&mut self) -> Outcome<Token> {
        match self.all.get(self.at).cloned() {
            Some(token) => {
                self.at += 1;
                Ok(token)
            }
            None => syntax("the end"),
        }
    }

    pub fn is_over(&self) -> bool {
        self.at >= self.all.len()
    }

    pub fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word))
    }

    pub fn eat(&mut self, word: &str) -> bool {
        let yes = self.is_word(word);
        self.at += usize::from(yes);
        yes
    }

    pub fn eat_sign(&mut self, sign: &str) -> bool {
        let yes = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(yes);
        yes
    }

    /// All of these words, one after another.
    pub fn words(&mut self, words: &str) -> Outcome<()> {
        for word in words.split(' ') {
            if !self.eat(word) {
                return self.refuse();
            }
        }
        Ok(())
    }

    pub fn sign(&mut self, sign: &str) -> Outcome<()> {
        if self.eat_sign(sign) {
            Ok(())
        } else {
            self.refuse()
        }
    }

    pub fn refuse<T>(&self) -> Outcome<T> {
        match self.peek() {
            Some(token) => syntax(format!("{token:?}")),
            None => syntax("the end"),
        }
    }

    /// A name, in brackets or plain.
    pub fn name(&mut self) -> Outcome<String> {
        match self.next()? {
            Token::Name(name) | Token::Word(name) => Ok(name),
            token => syntax(format!("{token:?}")),
        }
    }

    pub fn text(&mut self) -> Outcome<String> {
        match self.next()? {
            Token::Text(text) => Ok(text),
            token => syntax(format!("{token:?}")),
        }
    }

    pub fn number(&mut self) -> Outcome<i64> {
        match self.next()? {
            Token::Number(number) => Ok(number),
            token => syntax(format!("{token:?}")),
        }
    }

    /// The rest, as words in one line; for options that are only recognised.
    pub fn upper_word(&mut self) -> Outcome<String> {
        match self.next()? {
            Token::Word(word) => Ok(word.to_ascii_uppercase()),
            token => syntax(format!("{token:?}")),
        }
    }
}
