//! Snowflake's SQL, taken apart into words: this fake's own reading of it, which shares nothing with the provider's builders.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Unquoted, folded to upper case as Snowflake does.
    Plain(String),
    /// In double quotes: exact.
    Quoted(String),
    Text(String),
    Number(i64),
    Sign(char),
}

/// A statement Snowflake would refuse to read.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub fn words(sql: &str) -> Result<Vec<Word>, Unreadable> {
    let mut all = Vec::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        match c {
            c if c.is_whitespace() => rest = &rest[c.len_utf8()..],
            '"' => {
                let (name, after) = quoted(&rest[1..])?;
                all.push(Word::Quoted(name));
                rest = after;
            }
            '\'' => {
                let (text, after) = text(&rest[1..])?;
                all.push(Word::Text(text));
                rest = after;
            }
            '0'..='9' => {
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                let number = rest[..end].parse().map_err(|_| unexpected(rest))?;
                all.push(Word::Number(number));
                rest = &rest[end..];
            }
            'A'..='Z' | 'a'..='z' | '_' => {
                let end = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '$')))
                    .unwrap_or(rest.len());
                all.push(Word::Plain(rest[..end].to_ascii_uppercase()));
                rest = &rest[end..];
            }
            ',' | '.' | '=' | '(' | ')' | '*' | '%' => {
                all.push(Word::Sign(c));
                rest = &rest[1..];
            }
            // A second statement in one call.
            ';' => {
                return Err(Unreadable(
                    "Actual statement count 2 did not match the desired statement count 1.".into(),
                ));
            }
            _ => return Err(unexpected(rest)),
        }
    }
    Ok(all)
}

fn unexpected(at: &str) -> Unreadable {
    let near: String = at.chars().take(20).collect();
    Unreadable(format!(
        "SQL compilation error: syntax error line 1 unexpected '{near}'."
    ))
}

fn quoted(rest: &str) -> Result<(String, &str), Unreadable> {
    let (mut name, mut chars) = (String::new(), rest.char_indices());
    while let Some((at, c)) = chars.next() {
        if c != '"' {
            name.push(c);
        } else if rest[at + 1..].starts_with('"') {
            name.push('"');
            chars.next();
        } else if name.is_empty() || name.chars().count() > 255 {
            return Err(Unreadable("SQL compilation error: invalid identifier".into()));
        } else {
            return Ok((name, &rest[at + 1..]));
        }
    }
    Err(unexpected(rest))
}

/// Backslash escapes are on in single quotes.
fn text(rest: &str) -> Result<(String, &str), Unreadable> {
    let (mut text, mut chars) = (String::new(), rest.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, '0')) => text.push('\0'),
                Some((_, other)) => text.push(other),
                None => return Err(unexpected(rest)),
            },
            '\'' if rest[at + 1..].starts_with('\'') => {
                text.push('\'');
                chars.next();
            }
            '\'' => return Ok((text, &rest[at + 1..])),
            other => text.push(other),
        }
    }
    Err(unexpected(rest))
}

/// Whether a name fits a pattern of `LIKE`: `%` and `_`, backslash escapes, case ignored.
pub fn like(pattern: &str, name: &str) -> bool {
    fn fits(pattern: &[char], name: &[char]) -> bool {
        match pattern {
            [] => name.is_empty(),
            ['%', rest @ ..] => (0..=name.len()).any(|skip| fits(rest, &name[skip..])),
            ['\\', exact, rest @ ..] => name.first() == Some(exact) && fits(rest, &name[1..]),
            ['_', rest @ ..] => !name.is_empty() && fits(rest, &name[1..]),
            [exact, rest @ ..] => name.first() == Some(exact) && fits(rest, &name[1..]),
        }
    }
    let chars = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
    fits(&chars(pattern), &chars(name))
}

/// Reads words from the front.
pub struct Reader {
    words: Vec<Word>,
    at: usize,
}

pub type Read<T> = Result<T, Unreadable>;

impl Reader {
    pub fn new(sql: &str) -> Read<Self> {
        Ok(Self {
            words: words(sql)?,
            at: 0,
        })
    }

    fn stuck<T>(&self) -> Read<T> {
        let near = self
            .words
            .get(self.at)
            .map_or("<EOF>".to_owned(), |word| format!("{word:?}"));
        Err(Unreadable(format!(
            "SQL compilation error: syntax error unexpected '{near}'."
        )))
    }

    /// All these words come next, and are taken.
    pub fn are(&mut self, text: &str) -> bool {
        let wanted: Vec<&str> = text.split(' ').collect();
        let next = self.words.get(self.at..self.at + wanted.len());
        let same = next.is_some_and(|next| {
            next.iter()
                .zip(&wanted)
                .all(|(word, wanted)| matches!(word, Word::Plain(plain) if plain == wanted))
        });
        if same {
            self.at += wanted.len();
        }
        same
    }

    pub fn need(&mut self, text: &str) -> Read<()> {
        if self.are(text) { Ok(()) } else { self.stuck() }
    }

    pub fn sign(&mut self, sign: char) -> bool {
        let same = self.words.get(self.at) == Some(&Word::Sign(sign));
        self.at += usize::from(same);
        same
    }

    pub fn need_sign(&mut self, sign: char) -> Read<()> {
        if self.sign(sign) { Ok(()) } else { self.stuck() }
    }

    /// An unquoted word, whatever it is.
    pub fn plain(&mut self) -> Read<String> {
        match self.words.get(self.at) {
            Some(Word::Plain(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => self.stuck(),
        }
    }

    pub fn name(&mut self) -> Read<String> {
        match self.words.get(self.at) {
            Some(Word::Plain(name) | Word::Quoted(name)) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => self.stuck(),
        }
    }

    /// `a.b.c`
    pub fn path(&mut self) -> Read<Vec<String>> {
        let mut path = vec![self.name()?];
        while self.sign('.') {
            path.push(self.name()?);
        }
        Ok(path)
    }

    pub fn text(&mut self) -> Read<String> {
        match self.words.get(self.at) {
            Some(Word::Text(text)) => {
                let text = text.clone();
                self.at += 1;
                Ok(text)
            }
            _ => self.stuck(),
        }
    }

    pub fn number(&mut self) -> Read<i64> {
        match self.words.get(self.at) {
            Some(Word::Number(number)) => {
                let number = *number;
                self.at += 1;
                Ok(number)
            }
            _ => self.stuck(),
        }
    }

    pub fn end(&self) -> Read<()> {
        if self.at == self.words.len() {
            Ok(())
        } else {
            self.stuck()
        }
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.words.len()
    }
}
