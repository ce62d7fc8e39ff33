//! Statements as this fake understands them. What it does not know is a syntax error: a real server knows more, never less.

use super::{
    lexer::{Fault, Result, Token, fault, near, tokens},
    select::{self, Select},
};

/// A name, or a schema's and a name in it.
pub type Path = Vec<String>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Schema,
    Table,
    View,
    Sequence,
    Function,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    Password { new: String, old: Option<String> },
    Profile(String),
    Connections(i64),
    Idle(String),
    Lock(bool),
    Expire,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roles {
    None,
    All,
    These(Vec<String>),
}

/// What privileges stand on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    Database(String),
    Schema(String),
    Object(Kind, Path),
    AllIn(Kind, String),
}

#[derive(Debug, Clone)]
pub enum Statement {
    Select(Select),
    /// A parameter of the session, with what it becomes.
    Set(String, String),
    SetRole(Roles),
    Transaction,
    CreateUser(String, Vec<Setting>),
    AlterUser(String, Vec<Setting>),
    DefaultRole(String, Roles),
    DropUser {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    CreateRole(String),
    DropRole {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    CreateProfile(String, Vec<(String, String)>),
    DropProfile(String),
    GiveRole {
        roles: Vec<String>,
        to: Vec<String>,
        admin: bool,
    },
    TakeRole {
        roles: Vec<String>,
        from: Vec<String>,
    },
    GiveAuthentication {
        name: String,
        to: String,
    },
    CreateAuthentication(String),
    DropAuthentication(String),
    Grant {
        privileges: Vec<String>,
        on: Scope,
        to: Vec<String>,
    },
    Revoke {
        privileges: Vec<String>,
        on: Scope,
        from: Vec<String>,
    },
    Create {
        kind: Kind,
        path: Path,
        owner: Option<String>,
        columns: Vec<String>,
    },
    Drop {
        kind: Kind,
        path: Path,
        cascade: bool,
    },
    Own {
        kind: Kind,
        path: Path,
        owner: String,
    },
    Comment {
        kind: Kind,
        path: Path,
        text: String,
    },
    Insert {
        path: Path,
        values: Option<Vec<Option<String>>>,
    },
    Delete(Path),
    Truncate(Path),
}

/// What stands between the settings of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    Comma,
    Nothing,
}

pub struct Parser {
    tokens: Vec<Token>,
    at: usize,
    pub separator: Separator,
}

/// Each statement with its own text, as it stands between semicolons.
pub fn statements(sql: &str, separator: Separator) -> Result<Vec<Statement>> {
    let mut parser = Parser {
        tokens: tokens(sql)?,
        at: 0,
        separator,
    };
    let mut all = Vec::new();
    while parser.at < parser.tokens.len() {
        if parser.sign(";") {
            continue;
        }
        all.push(super::grammar::statement(&mut parser)?);
        if parser.at < parser.tokens.len() {
            parser.need(";")?;
        }
    }
    Ok(all)
}

impl Parser {
    pub fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    pub fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    pub fn back(&mut self) {
        self.at -= 1;
    }

    pub fn error(&self) -> Fault {
        match self.peek() {
            Some(Token::Word(text) | Token::Name(text) | Token::Text(text)) => near(text),
            Some(Token::Number(number)) => near(&number.to_string()),
            Some(Token::Sign(sign)) => near(sign),
            None => near("EOL"),
        }
    }

    /// Takes these key words if all of them are next.
    pub fn words(&mut self, words: &str) -> bool {
        let wanted: Vec<&str> = words.split(' ').collect();
        let there = self
            .tokens
            .get(self.at..self.at + wanted.len())
            .is_some_and(|next| {
                next.iter().zip(&wanted).all(
                    |(token, word)| matches!(token, Token::Word(text) if text.eq_ignore_ascii_case(word)),
                )
            });
        if there {
            self.at += wanted.len();
        }
        there
    }

    pub fn need_words(&mut self, words: &str) -> Result<()> {
        if self.words(words) {
            Ok(())
        } else {
            Err(self.error())
        }
    }

    pub fn sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(there);
        there
    }

    pub fn need(&mut self, sign: &str) -> Result<()> {
        if self.sign(sign) {
            Ok(())
        } else {
            Err(self.error())
        }
    }

    pub fn name(&mut self) -> Result<String> {
        match self.peek().cloned() {
            Some(Token::Word(text) | Token::Name(text)) => {
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.error()),
        }
    }

    pub fn names(&mut self) -> Result<Vec<String>> {
        let mut all = vec![self.name()?];
        while self.sign(",") {
            all.push(self.name()?);
        }
        Ok(all)
    }

    pub fn path(&mut self) -> Result<Path> {
        let mut all = vec![self.name()?];
        while self.sign(".") {
            all.push(self.name()?);
        }
        if all.len() > 2 {
            return Err(fault("42601", "too many dots in a name"));
        }
        Ok(all)
    }

    pub fn text(&mut self) -> Result<String> {
        match self.peek().cloned() {
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.error()),
        }
    }

    pub fn number(&mut self) -> Result<i64> {
        match self.peek() {
            Some(Token::Number(number)) => {
                let number = *number;
                self.at += 1;
                Ok(number)
            }
            _ => Err(self.error()),
        }
    }

    pub fn select(&mut self) -> Result<Select> {
        select::parse(self)
    }
}
