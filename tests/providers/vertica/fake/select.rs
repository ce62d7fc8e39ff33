//! SELECT over one table at a time: enough for catalogues, sessions, and to see whether a table can be read.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use super::{
    lexer::{Result, Token, fault},
    parse::{Parser, Path},
};

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Time(DateTime<Utc>),
}

impl Value {
    /// As it goes over the wire in text.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Bool(truth) => Some(if *truth { "t" } else { "f" }.to_owned()),
            Self::Int(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Time(at) => Some(at.format("%Y-%m-%d %H:%M:%S%.6f+00").to_string()),
        }
    }
}

#[derive(Debug, Clone)]
pub enum Expr {
    Column(String),
    Value(Value),
    Call(Path, Vec<Expr>),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Compare(&'static str, Box<Expr>, Box<Expr>),
}

#[derive(Debug, Clone)]
pub struct Select {
    /// Empty for `*`.
    pub items: Vec<Expr>,
    pub from: Option<Path>,
    pub filter: Option<Expr>,
    pub limit: Option<usize>,
}

/// Behind the word SELECT.
pub fn parse(p: &mut Parser) -> Result<Select> {
    let mut items = Vec::new();
    if !p.sign("*") {
        items.push(either(p)?);
        while p.sign(",") {
            items.push(either(p)?);
        }
    }
    let from = if p.words("FROM") { Some(p.path()?) } else { None };
    let filter = if p.words("WHERE") { Some(either(p)?) } else { None };
    let limit = if p.words("LIMIT") {
        Some(usize::try_from(p.number()?).map_err(|_| p.error())?)
    } else {
        None
    };
    Ok(Select {
        items,
        from,
        filter,
        limit,
    })
}

fn either(p: &mut Parser) -> Result<Expr> {
    let mut left = both(p)?;
    while p.words("OR") {
        left = Expr::Or(Box::new(left), Box::new(both(p)?));
    }
    Ok(left)
}

fn both(p: &mut Parser) -> Result<Expr> {
    let mut left = negated(p)?;
    while p.words("AND") {
        left = Expr::And(Box::new(left), Box::new(negated(p)?));
    }
    Ok(left)
}

fn negated(p: &mut Parser) -> Result<Expr> {
    if p.words("NOT") {
        return Ok(Expr::Not(Box::new(negated(p)?)));
    }
    let left = term(p)?;
    for sign in ["=", "<>", ">=", "<=", "<", ">"] {
        if p.sign(sign) {
            return Ok(Expr::Compare(sign, Box::new(left), Box::new(term(p)?)));
        }
    }
    Ok(left)
}

fn term(p: &mut Parser) -> Result<Expr> {
    match p.peek().cloned() {
        Some(Token::Number(number)) => {
            p.next();
            Ok(Expr::Value(Value::Int(number)))
        }
        Some(Token::Text(text)) => {
            p.next();
            Ok(Expr::Value(Value::Text(text)))
        }
        Some(Token::Sign("(")) => {
            p.next();
            let inside = either(p)?;
            p.need(")")?;
            Ok(inside)
        }
        Some(Token::Word(word)) if word.eq_ignore_ascii_case("NULL") => {
            p.next();
            Ok(Expr::Value(Value::Null))
        }
        Some(Token::Word(_) | Token::Name(_)) => {
            let mut path = p.path()?;
            if !p.sign("(") {
                return Ok(Expr::Column(path.pop().unwrap_or_default()));
            }
            let mut arguments = Vec::new();
            if p.sign("*") {
                p.need(")")?;
                return Ok(Expr::Call(path, arguments));
            }
            while !p.sign(")") {
                arguments.push(either(p)?);
                if !p.sign(",") {
                    p.need(")")?;
                    break;
                }
            }
            Ok(Expr::Call(path, arguments))
        }
        _ => Err(p.error()),
    }
}

/// The value in one row of a table; `call` answers functions that are not this file's.
pub fn value(
    expr: &Expr,
    columns: &[&str],
    row: &[Value],
    call: &mut dyn FnMut(&Path, Vec<Value>) -> Result<Value>,
) -> Result<Value> {
    Ok(match expr {
        Expr::Value(value) => value.clone(),
        Expr::Column(name) => {
            let at = columns
                .iter()
                .position(|column| column.eq_ignore_ascii_case(name));
            match at {
                Some(at) => row[at].clone(),
                None => return Err(fault("42703", format!("Column \"{name}\" does not exist"))),
            }
        }
        Expr::Call(path, arguments) => {
            let mut values = Vec::new();
            for argument in arguments {
                values.push(value(argument, columns, row, call)?);
            }
            match (path.as_slice(), values.as_slice()) {
                ([name], [Value::Text(text)]) if name.eq_ignore_ascii_case("LOWER") => {
                    Value::Text(text.to_lowercase())
                }
                _ => call(path, values)?,
            }
        }
        Expr::Not(inside) => Value::Bool(!truth(&value(inside, columns, row, call)?)?),
        Expr::And(left, right) => Value::Bool(
            truth(&value(left, columns, row, call)?)? && truth(&value(right, columns, row, call)?)?,
        ),
        Expr::Or(left, right) => Value::Bool(
            truth(&value(left, columns, row, call)?)? || truth(&value(right, columns, row, call)?)?,
        ),
        Expr::Compare(sign, left, right) => {
            let (left, right) = (
                value(left, columns, row, call)?,
                value(right, columns, row, call)?,
            );
            Value::Bool(compare(sign, &left, &right)?)
        }
    })
}

pub fn truth(value: &Value) -> Result<bool> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::Null => Ok(false),
        Value::Int(_) | Value::Text(_) | Value::Time(_) => {
            Err(fault("42804", "Argument of WHERE must be type boolean"))
        }
    }
}

fn compare(sign: &str, left: &Value, right: &Value) -> Result<bool> {
    let order = match (left, right) {
        (Value::Null, _) | (_, Value::Null) => return Ok(false),
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Time(left), Value::Time(right)) => left.cmp(right),
        (Value::Time(left), Value::Text(text)) => {
            let right = DateTime::parse_from_rfc3339(text).map_err(|_| {
                fault(
                    "22007",
                    format!("Invalid input syntax for timestamptz: \"{text}\""),
                )
            })?;
            left.cmp(&right.with_timezone(&Utc))
        }
        _ => return Err(fault("42883", "Operator does not exist for these types")),
    };
    Ok(match sign {
        "=" => order == Ordering::Equal,
        "<>" => order != Ordering::Equal,
        ">=" => order != Ordering::Less,
        "<=" => order != Ordering::Greater,
        "<" => order == Ordering::Less,
        _ => order == Ordering::Greater,
    })
}
