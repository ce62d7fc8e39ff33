//! Queries on the dictionary: one view, a list of columns, conditions joined by AND.

use chrono::NaiveDateTime;

use super::{
    Ora, Result, State,
    dictionary::{self, View},
    lex::Token,
    parse::Statement,
    reader::Reader,
};

/// A column's value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Null,
    Text(String),
    Number(i64),
    Date(NaiveDateTime),
}

impl Value {
    /// An empty text is NULL here.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self::Null
        } else {
            Self::Text(text)
        }
    }

    pub fn yes(is: bool) -> Self {
        Self::Text(if is { "YES" } else { "NO" }.to_owned())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    distinct: bool,
    shown: Vec<Expression>,
    view: String,
    conditions: Vec<Condition>,
    order: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    Column(String),
    ToChar(Box<Expression>, Option<String>),
    Context(String),
    SysDate,
    Utc,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    column: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Is(Operand),
    IsNot(Operand),
    In(Vec<Operand>),
    Like(Operand, Option<char>),
    Null,
    NotNull,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    Text(String),
    Bind(usize),
}

/// After SELECT.
pub fn query(read: &mut Reader<'_>) -> Result<Statement> {
    if read.takes("COUNT") {
        for mark in ['(', '*', ')'] {
            read.mark(mark, 909)?;
        }
        read.words("FROM", 923)?;
        return Ok(Statement::Count(read.object()?));
    }
    let distinct = read.takes("DISTINCT");
    let mut shown = vec![expression(read)?];
    while read.takes_mark(',') {
        shown.push(expression(read)?);
    }
    read.words("FROM", 923)?;
    let view = read.name(903)?;
    let mut conditions = Vec::new();
    if read.takes("WHERE") {
        conditions.push(condition(read)?);
        while read.takes("AND") {
            conditions.push(condition(read)?);
        }
    }
    let order = if read.takes("ORDER") {
        read.words("BY", 924)?;
        Some(read.name(936)?)
    } else {
        None
    };
    Ok(Statement::Select(Query {
        distinct,
        shown,
        view,
        conditions,
        order,
    }))
}

fn expression(read: &mut Reader<'_>) -> Result<Expression> {
    let name = read.name(936)?;
    match name.as_str() {
        "TO_CHAR" => {
            read.mark('(', 906)?;
            let inner = expression(read)?;
            let format = if read.takes_mark(',') {
                Some(read.text(936)?)
            } else {
                None
            };
            read.mark(')', 907)?;
            Ok(Expression::ToChar(Box::new(inner), format))
        }
        "SYS_CONTEXT" => {
            read.mark('(', 906)?;
            if read.text(936)? != "USERENV" {
                return Err(Ora(2003));
            }
            read.mark(',', 938)?;
            let what = read.text(936)?;
            read.mark(')', 907)?;
            Ok(Expression::Context(what))
        }
        "SYSDATE" => Ok(Expression::SysDate),
        "SYS_EXTRACT_UTC" => {
            read.mark('(', 906)?;
            read.words("SYSTIMESTAMP", 904)?;
            read.mark(')', 907)?;
            Ok(Expression::Utc)
        }
        _ => Ok(Expression::Column(name)),
    }
}

fn condition(read: &mut Reader<'_>) -> Result<Condition> {
    let column = read.name(936)?;
    let test = if read.takes_mark('=') {
        Test::Is(operand(read)?)
    } else if read.takes_mark('<') {
        read.mark('>', 936)?;
        Test::IsNot(operand(read)?)
    } else if read.takes("IN") {
        read.mark('(', 906)?;
        let mut all = vec![operand(read)?];
        while read.takes_mark(',') {
            all.push(operand(read)?);
        }
        read.mark(')', 907)?;
        Test::In(all)
    } else if read.takes("LIKE") {
        let pattern = operand(read)?;
        let escape = if read.takes("ESCAPE") {
            let text = read.text(1425)?;
            let mut letters = text.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => Some(letter),
                _ => return Err(Ora(1425)),
            }
        } else {
            None
        };
        Test::Like(pattern, escape)
    } else if read.takes("IS") {
        let not = read.takes("NOT");
        read.words("NULL", 908)?;
        if not { Test::NotNull } else { Test::Null }
    } else {
        return Err(Ora(920));
    };
    Ok(Condition { column, test })
}

fn operand(read: &mut Reader<'_>) -> Result<Operand> {
    match read.next() {
        Some(Token::Text(text)) => Ok(Operand::Text(text.clone())),
        Some(Token::Bind(number)) => Ok(Operand::Bind(*number)),
        _ => Err(Ora(936)),
    }
}

impl Query {
    pub fn run(&self, state: &State, sid: u32, values: &[&str]) -> Result<Vec<Vec<Option<String>>>> {
        let view = dictionary::view(state, sid, &self.view)?;
        self.check_binds(values)?;
        let mut found = Vec::new();
        for row in &view.rows {
            let mut fits = true;
            for condition in &self.conditions {
                fits &= condition.holds(&view, row, values)?;
            }
            if !fits {
                continue;
            }
            let order = match &self.order {
                Some(column) => row[view.column(column)?].clone(),
                None => Value::Null,
            };
            let shown = self.shown.iter().map(|one| one.shown(state, sid, &view, row));
            found.push((order, shown.collect::<Result<Vec<Option<String>>>>()?));
        }
        if view.rows.is_empty() {
            // A wrong column is wrong in an empty view too.
            self.check_columns(&view)?;
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let mut rows: Vec<Vec<Option<String>>> = found.into_iter().map(|(_, row)| row).collect();
        if self.distinct {
            rows.sort();
            rows.dedup();
        }
        Ok(rows)
    }

    fn check_columns(&self, view: &View) -> Result<()> {
        for condition in &self.conditions {
            view.column(&condition.column)?;
        }
        for shown in &self.shown {
            let mut inner = shown;
            while let Expression::ToChar(next, _) = inner {
                inner = next;
            }
            if let Expression::Column(name) = inner {
                view.column(name)?;
            }
        }
        Ok(())
    }

    /// Every bind has a value, and every value a bind.
    fn check_binds(&self, values: &[&str]) -> Result<()> {
        let mut used: Vec<usize> = Vec::new();
        for condition in &self.conditions {
            let operands: Vec<&Operand> = match &condition.test {
                Test::Is(one) | Test::IsNot(one) | Test::Like(one, _) => vec![one],
                Test::In(all) => all.iter().collect(),
                Test::Null | Test::NotNull => Vec::new(),
            };
            used.extend(operands.into_iter().filter_map(|operand| match operand {
                Operand::Bind(number) => Some(*number),
                Operand::Text(_) => None,
            }));
        }
        used.sort_unstable();
        used.dedup();
        if used == (1..=values.len()).collect::<Vec<_>>() {
            Ok(())
        } else {
            Err(Ora(1008))
        }
    }
}

impl Condition {
    fn holds(&self, view: &View, row: &[Value], values: &[&str]) -> Result<bool> {
        let value = &row[view.column(&self.column)?];
        let of = |operand: &Operand| match operand {
            Operand::Text(text) => text.clone(),
            Operand::Bind(number) => (*values[number - 1]).to_owned(),
        };
        let text = match value {
            Value::Text(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Date(_) | Value::Null => None,
        };
        let is = |operand: &Operand| text.as_ref() == Some(&of(operand));
        Ok(match &self.test {
            Test::Is(operand) => is(operand),
            Test::IsNot(operand) => text.is_some() && !is(operand),
            Test::In(all) => all.iter().any(is),
            Test::Like(pattern, escape) => text.is_some_and(|text| like(&text, &of(pattern), *escape)),
            Test::Null => *value == Value::Null,
            Test::NotNull => *value != Value::Null,
        })
    }
}

fn like(text: &str, pattern: &str, escape: Option<char>) -> bool {
    let mut letters = pattern.chars();
    let Some(first) = letters.next() else {
        return text.is_empty();
    };
    let rest = letters.as_str();
    if Some(first) == escape {
        let Some(meant) = letters.next() else { return false };
        return text
            .strip_prefix(meant)
            .is_some_and(|text| like(text, letters.as_str(), escape));
    }
    match first {
        '%' => text.char_indices().any(|(at, _)| like(&text[at..], rest, escape)) || like("", rest, escape),
        '_' => {
            let mut text = text.chars();
            text.next().is_some() && like(text.as_str(), rest, escape)
        }
        letter => text
            .strip_prefix(letter)
            .is_some_and(|text| like(text, rest, escape)),
    }
}

impl Expression {
    fn value(&self, state: &State, sid: u32, view: &View, row: &[Value]) -> Result<Value> {
        match self {
            Self::Column(name) => Ok(row[view.column(name)?].clone()),
            Self::ToChar(inner, format) => match (inner.value(state, sid, view, row)?, format.as_deref()) {
                (Value::Date(date), Some("YYYYMMDDHH24MISS")) => {
                    Ok(Value::Text(date.format("%Y%m%d%H%M%S").to_string()))
                }
                (Value::Number(number), None) => Ok(Value::Text(number.to_string())),
                (Value::Null, _) => Ok(Value::Null),
                (Value::Date(_), _) => Err(Ora(1821)),
                (Value::Text(_) | Value::Number(_), _) => Err(Ora(1481)),
            },
            Self::Context(what) => dictionary::context(state, sid, what),
            Self::SysDate => Ok(Value::Date(state.here())),
            Self::Utc => Ok(Value::Date(state.now())),
        }
    }

    fn shown(&self, state: &State, sid: u32, view: &View, row: &[Value]) -> Result<Option<String>> {
        match self.value(state, sid, view, row)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            // A driver hands these out as what they are: a provider that wants text must ask for it.
            Value::Number(_) | Value::Date(_) => Err(Ora(932)),
        }
    }
}
