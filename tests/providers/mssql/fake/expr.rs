//! Expressions: how they are read, what type they have, and what they are worth on a row.

use super::{
    lex::{Token, Tokens},
    value::{Outcome, Type, Value, fault, syntax},
};

#[derive(Debug, Clone)]
pub enum Expr {
    Literal(Value),
    Variable(String),
    Column(Option<String>, String),
    Call(String, Vec<Expr>),
    Cast(Box<Expr>, Type),
    Add(Box<Expr>, Box<Expr>),
    Compare(&'static str, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    Like(Box<Expr>, Box<Expr>),
    IsNull(Box<Expr>),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Count,
}

/// What is around an expression: a row's columns, variables, and the server.
pub trait Scope {
    fn column(&self, of: Option<&str>, name: &str) -> Outcome<(Type, Value)>;
    fn variable(&self, name: &str) -> Outcome<Value>;
    fn call(&self, name: &str, arguments: &[Value]) -> Outcome<Value>;
}

pub fn read(from: &mut Tokens) -> Outcome<Expr> {
    let mut left = read_and(from)?;
    while from.eat("OR") {
        left = Expr::Or(Box::new(left), Box::new(read_and(from)?));
    }
    Ok(left)
}

fn read_and(from: &mut Tokens) -> Outcome<Expr> {
    let mut left = read_not(from)?;
    while from.eat("AND") {
        left = Expr::And(Box::new(left), Box::new(read_not(from)?));
    }
    Ok(left)
}

fn read_not(from: &mut Tokens) -> Outcome<Expr> {
    if from.eat("NOT") {
        return Ok(Expr::Not(Box::new(read_not(from)?)));
    }
    let left = read_sum(from)?;
    for sign in ["<>", ">=", "<=", "=", "<", ">"] {
        if from.eat_sign(sign) {
            return Ok(Expr::Compare(sign, Box::new(left), Box::new(read_sum(from)?)));
        }
    }
    if from.eat("IS") {
        let not = from.eat("NOT");
        from.words("NULL")?;
        let is = Expr::IsNull(Box::new(left));
        return Ok(if not { Expr::Not(Box::new(is)) } else { is });
    }
    let not = from.eat("NOT");
    let found = if from.eat("IN") {
        from.sign("(")?;
        Expr::In(Box::new(left), list(from)?)
    } else if from.eat("LIKE") {
        Expr::Like(Box::new(left), Box::new(read_sum(from)?))
    } else if not {
        return from.refuse();
    } else {
        return Ok(left);
    };
    Ok(if not { Expr::Not(Box::new(found)) } else { found })
}

fn read_sum(from: &mut Tokens) -> Outcome<Expr> {
    let mut left = read_one(from)?;
    while from.eat_sign("+") {
        left = Expr::Add(Box::new(left), Box::new(read_one(from)?));
    }
    Ok(left)
}

/// Up to the closing bracket.
fn list(from: &mut Tokens) -> Outcome<Vec<Expr>> {
    let mut all = Vec::new();
    if from.eat_sign(")") {
        return Ok(all);
    }
    loop {
        all.push(read(from)?);
        if from.eat_sign(")") {
            return Ok(all);
        }
        from.sign(",")?;
    }
}

fn read_one(from: &mut Tokens) -> Outcome<Expr> {
    match from.next()? {
        Token::Text(text) => Ok(Expr::Literal(Value::Str(text))),
        Token::Number(number) => Ok(Expr::Literal(Value::Int(number))),
        Token::Binary(bytes) => Ok(Expr::Literal(Value::Bin(bytes))),
        Token::Variable(name) => Ok(Expr::Variable(name)),
        Token::Sign("(") => {
            let inner = read(from)?;
            from.sign(")")?;
            Ok(inner)
        }
        Token::Word(word) if word.eq_ignore_ascii_case("NULL") => Ok(Expr::Literal(Value::Null)),
        Token::Word(word) if matches!(from.peek(), Some(Token::Sign("("))) => {
            from.sign("(")?;
            call(from, &word.to_ascii_uppercase())
        }
        Token::Word(name) | Token::Name(name) => {
            if from.eat_sign(".") {
                return Ok(Expr::Column(Some(name), from.name()?));
            }
            Ok(Expr::Column(None, name))
        }
        token => syntax(format!("{token:?}")),
    }
}

fn call(from: &mut Tokens, name: &str) -> Outcome<Expr> {
    match name {
        "COUNT" => {
            from.sign("*")?;
            from.sign(")")?;
            Ok(Expr::Count)
        }
        "CAST" => {
            let inner = read(from)?;
            from.words("AS")?;
            let kind = type_name(from)?;
            from.sign(")")?;
            Ok(Expr::Cast(Box::new(inner), kind))
        }
        "CONVERT" => {
            let kind = type_name(from)?;
            from.sign(",")?;
            let mut arguments = list(from)?;
            if arguments.is_empty() {
                return syntax("CONVERT");
            }
            Ok(Expr::Cast(Box::new(arguments.remove(0)), kind))
        }
        // The part is a word of its own.
        "DATEPART" => {
            let part = from.upper_word()?;
            from.sign(",")?;
            let mut arguments = list(from)?;
            arguments.insert(0, Expr::Literal(Value::Str(part)));
            Ok(Expr::Call(name.to_owned(), arguments))
        }
        _ => Ok(Expr::Call(name.to_owned(), list(from)?)),
    }
}

/// A type with its length, which does not matter here.
pub fn type_name(from: &mut Tokens) -> Outcome<Type> {
    let name = from.upper_word()?;
    if from.eat_sign("(") {
        if !from.eat("max") {
            from.number()?;
        }
        from.sign(")")?;
    }
    match name.as_str() {
        "INT" | "BIGINT" => Ok(Type::Int),
        "BIT" => Ok(Type::Bit),
        "NVARCHAR" | "VARCHAR" | "SYSNAME" | "TEXT" => Ok(Type::Str),
        "VARBINARY" => Ok(Type::Bin),
        "DATETIMEOFFSET" | "DATETIME2" => Ok(Type::Time),
        _ => fault(2715, format!("Cannot find data type {name}.")),
    }
}

impl Expr {
    pub fn type_of(&self, scope: &dyn Scope) -> Outcome<Type> {
        Ok(match self {
            Self::Literal(value) => type_of(value),
            Self::Variable(name) => type_of(&scope.variable(name)?),
            Self::Column(of, name) => scope.column(of.as_deref(), name)?.0,
            Self::Call(name, _) => match name.as_str() {
                "HAS_PERMS_BY_NAME" | "IS_SRVROLEMEMBER" | "IS_ROLEMEMBER" | "HAS_DBACCESS" | "DATEPART" => {
                    Type::Int
                }
                "SUSER_SID" => Type::Bin,
                "SYSUTCDATETIME" | "SYSDATETIMEOFFSET" | "TODATETIMEOFFSET" => Type::Time,
                _ => Type::Str,
            },
            Self::Cast(_, kind) => *kind,
            Self::Add(left, _) => left.type_of(scope)?,
            Self::Count => Type::Int,
            Self::Compare(..)
            | Self::In(..)
            | Self::Like(..)
            | Self::IsNull(_)
            | Self::Not(_)
            | Self::And(..)
            | Self::Or(..) => return syntax("a condition as a value"),
        })
    }

    /// A condition: yes, no, or unknown.
    pub fn holds(&self, scope: &dyn Scope) -> Outcome<Option<bool>> {
        Ok(match self {
            Self::And(a, b) => match (a.holds(scope)?, b.holds(scope)?) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(a, b) => match (a.holds(scope)?, b.holds(scope)?) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Self::Not(inner) => inner.holds(scope)?.map(|yes| !yes),
            Self::IsNull(inner) => Some(inner.value(scope)? == Value::Null),
            Self::Compare(sign, a, b) => a
                .value(scope)?
                .compare(&b.value(scope)?)
                .map(|order| match *sign {
                    "=" => order.is_eq(),
                    "<>" => order.is_ne(),
                    "<" => order.is_lt(),
                    ">" => order.is_gt(),
                    "<=" => order.is_le(),
                    _ => order.is_ge(),
                }),
            Self::In(one, all) => {
                let one = one.value(scope)?;
                let mut found = (one != Value::Null).then_some(false);
                for other in all {
                    if one
                        .compare(&other.value(scope)?)
                        .is_some_and(std::cmp::Ordering::is_eq)
                    {
                        found = Some(true);
                    }
                }
                found
            }
            Self::Like(text, pattern) => match (text.value(scope)?, pattern.value(scope)?) {
                (Value::Str(text), Value::Str(pattern)) => {
                    let (text, pattern): (Vec<char>, Vec<char>) = (
                        text.to_lowercase().chars().collect(),
                        pattern.to_lowercase().chars().collect(),
                    );
                    Some(like(&text, &pattern))
                }
                _ => None,
            },
            Self::Literal(_)
            | Self::Variable(_)
            | Self::Column(..)
            | Self::Call(..)
            | Self::Cast(..)
            | Self::Add(..)
            | Self::Count => return syntax("a value as a condition"),
        })
    }

    pub fn value(&self, scope: &dyn Scope) -> Outcome<Value> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Variable(name) => scope.variable(name),
            Self::Column(of, name) => scope.column(of.as_deref(), name).map(|(_, value)| value),
            Self::Call(name, arguments) => {
                let values: Vec<Value> = arguments
                    .iter()
                    .map(|argument| argument.value(scope))
                    .collect::<Outcome<_>>()?;
                scope.call(name, &values)
            }
            Self::Cast(inner, kind) => cast(inner.value(scope)?, *kind),
            Self::Add(a, b) => match (a.value(scope)?, b.value(scope)?) {
                (Value::Str(a), Value::Str(b)) => Ok(Value::Str(a + &b)),
                (Value::Int(a), Value::Int(b)) => Ok(Value::Int(a + b)),
                (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
                _ => fault(402, "The data types are incompatible in the add operator."),
            },
            Self::Count => syntax("COUNT(*) here"),
            Self::Compare(..)
            | Self::In(..)
            | Self::Like(..)
            | Self::IsNull(_)
            | Self::Not(_)
            | Self::And(..)
            | Self::Or(..) => syntax("a condition as a value"),
        }
    }
}

fn type_of(value: &Value) -> Type {
    match value {
        Value::Null | Value::Str(_) => Type::Str,
        Value::Int(_) => Type::Int,
        Value::Bit(_) => Type::Bit,
        Value::Bin(_) => Type::Bin,
        Value::Time(_) => Type::Time,
    }
}

fn cast(value: Value, kind: Type) -> Outcome<Value> {
    Ok(match (value, kind) {
        (Value::Null, _) => Value::Null,
        (Value::Time(time), Type::Str) => Value::Str(time.format("%Y-%m-%dT%H:%M:%S").to_string()),
        (Value::Str(text), Type::Time) => match chrono::DateTime::parse_from_rfc3339(&text) {
            Ok(time) => Value::Time(time),
            Err(_) => {
                return fault(
                    241,
                    "Conversion failed when converting date and/or time from character string.",
                );
            }
        },
        (Value::Str(text), Type::Int) => match text.parse() {
            Ok(number) => Value::Int(number),
            Err(_) => {
                return fault(
                    245,
                    "Conversion failed when converting the nvarchar value to data type int.",
                );
            }
        },
        (value, Type::Int) => Value::Int(value.int()),
        (value, Type::Str) => Value::Str(value.text()),
        (value, _) => value,
    })
}

/// `%` any text, `_` any character, `[x]` one of these.
fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| like(&text[skip..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        ['[', rest @ ..] => {
            let Some(end) = rest.iter().skip(1).position(|c| *c == ']').map(|at| at + 1) else {
                return false;
            };
            text.first().is_some_and(|c| rest[..end].contains(c)) && like(&text[1..], &rest[end + 1..])
        }
        [c, rest @ ..] => text.first() == Some(c) && like(&text[1..], rest),
    }
}
