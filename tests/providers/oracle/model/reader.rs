//! Tokens, read one after another.

use super::{
    Ora, Result,
    lex::Token,
    parse::{Granted, Item, Object},
};

/// Reads tokens one after another.
pub struct Reader<'t> {
    tokens: &'t [Token],
    at: usize,
    /// Whose objects a name without a schema means.
    pub schema: &'t str,
}

impl<'t> Reader<'t> {
    pub fn new(tokens: &'t [Token], schema: &'t str) -> Self {
        Self {
            tokens,
            at: 0,
            schema,
        }
    }

    pub fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    pub fn next(&mut self) -> Option<&'t Token> {
        let token = self.tokens.get(self.at);
        self.at += 1;
        token
    }

    pub fn takes(&mut self, word: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.at += usize::from(is);
        is
    }

    pub fn takes_mark(&mut self, mark: char) -> bool {
        let is = self.peek() == Some(&Token::Mark(mark));
        self.at += usize::from(is);
        is
    }

    /// Words that must stand here, or this error.
    pub fn words(&mut self, words: &str, error: u32) -> Result<()> {
        for word in words.split(' ') {
            if !self.takes(word) {
                return Err(Ora(error));
            }
        }
        Ok(())
    }

    pub fn mark(&mut self, mark: char, error: u32) -> Result<()> {
        if self.takes_mark(mark) {
            Ok(())
        } else {
            Err(Ora(error))
        }
    }

    pub fn name(&mut self, error: u32) -> Result<String> {
        match self.next() {
            Some(Token::Word(name) | Token::Quoted(name)) => Ok(name.clone()),
            _ => Err(Ora(error)),
        }
    }

    pub fn text(&mut self, error: u32) -> Result<String> {
        match self.next() {
            Some(Token::Text(text)) => Ok(text.clone()),
            _ => Err(Ora(error)),
        }
    }

    pub fn number(&mut self) -> Result<u32> {
        match self.next() {
            Some(Token::Number(digits)) => digits.parse().map_err(|_| Ora(6550)),
            _ => Err(Ora(6550)),
        }
    }

    pub fn object(&mut self) -> Result<Object> {
        let first = self.name(903)?;
        if self.takes_mark('.') {
            return Ok((first, self.name(903)?));
        }
        Ok((self.schema.to_owned(), first))
    }

    pub fn end(&self, error: u32) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            // Clients end statements with it; the database does not know it.
            Some(Token::Mark(';')) => Err(Ora(911)),
            Some(_) => Err(Ora(error)),
        }
    }
}

/// A list of privileges or roles, perhaps on something.
pub fn granted(read: &mut Reader<'_>) -> Result<Granted> {
    let mut items = vec![item(read)?];
    while read.takes_mark(',') {
        items.push(item(read)?);
    }
    if !read.takes("ON") {
        return Ok(Granted::Global(items));
    }
    let privileges = items
        .into_iter()
        .map(|item| match item {
            Item::Words(words) => Ok(words),
            Item::Name(_) => Err(Ora(990)),
        })
        .collect::<Result<Vec<String>>>()?;
    if read.takes("SCHEMA") {
        let schema = read.name(1435)?;
        return Ok(Granted::OnSchema { privileges, schema });
    }
    let object = read.object()?;
    Ok(Granted::OnObject { privileges, object })
}

/// A name in quotes, or words up to what follows a list. `ON COMMIT REFRESH` is a privilege that begins like a clause.
fn item(read: &mut Reader<'_>) -> Result<Item> {
    if let Some(Token::Quoted(name)) = read.peek() {
        let name = name.clone();
        read.next();
        return Ok(Item::Name(name));
    }
    if matches!(read.tokens.get(read.at..read.at + 3), Some([Token::Word(a), Token::Word(b), Token::Word(c)])
        if a == "ON" && b == "COMMIT" && c == "REFRESH")
    {
        read.at += 3;
        return Ok(Item::Words("ON COMMIT REFRESH".to_owned()));
    }
    let mut words: Vec<&str> = Vec::new();
    while let Some(Token::Word(word)) = read.peek() {
        if matches!(word.as_str(), "ON" | "TO" | "FROM") {
            break;
        }
        let Some(Token::Word(word)) = read.next() else {
            break;
        };
        words.push(word);
    }
    if words.is_empty() {
        return Err(Ora(990));
    }
    Ok(Item::Words(words.join(" ")))
}
