//! SELECT: sources joined in nested loops, filtered, ordered, and shown or put into variables.

use std::collections::BTreeMap;

use super::{
    engine::Env,
    expr::{self, Expr, Scope},
    functions,
    lex::{Token, Tokens},
    value::{Outcome, Type, Value, fault, same},
    views::{self, Relation},
};

struct Source {
    alias: String,
    relation: Relation,
    left: bool,
    on: Option<Expr>,
}

enum Item {
    All,
    Value(String, Expr),
    /// `@name = …` or `@name += …`
    Into {
        name: String,
        adds: bool,
        from: Expr,
    },
}

/// A row of all sources side by side.
struct Row<'a> {
    env: &'a Env<'a>,
    columns: &'a [(String, String, Type)],
    values: &'a [Value],
}

impl Scope for Row<'_> {
    fn column(&self, of: Option<&str>, name: &str) -> Outcome<(Type, Value)> {
        let fits = |(alias, column, _): &&(String, String, Type)| {
            column.eq_ignore_ascii_case(name) && of.is_none_or(|of| same(alias, of))
        };
        let mut found = self
            .columns
            .iter()
            .zip(self.values)
            .filter(|(column, _)| fits(column));
        match (found.next(), found.next()) {
            (Some(((_, _, kind), value)), None) => Ok((*kind, value.clone())),
            (Some(_), Some(_)) => fault(209, format!("Ambiguous column name '{name}'.")),
            (None, _) => fault(207, format!("Invalid column name '{name}'.")),
        }
    }

    fn variable(&self, name: &str) -> Outcome<Value> {
        self.env.variable(name)
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Outcome<Value> {
        functions::call(self.env, name, arguments)
    }
}

/// What a SELECT shows, and what it puts into variables.
pub struct Selected {
    pub relation: Option<Relation>,
    pub variables: BTreeMap<String, Value>,
}

/// After the word SELECT.
pub fn select(env: &Env<'_>, from: &mut Tokens) -> Outcome<Selected> {
    let mut all = one(env, from)?;
    while from.eat("UNION") {
        from.words("ALL SELECT")?;
        let more = one(env, from)?;
        match (&mut all.relation, more.relation) {
            (Some(all), Some(more)) if all.columns.len() == more.columns.len() => all.rows.extend(more.rows),
            _ => {
                return fault(
                    205,
                    "All queries combined using a UNION must have an equal number of expressions.",
                );
            }
        }
    }
    Ok(all)
}

fn one(env: &Env<'_>, from: &mut Tokens) -> Outcome<Selected> {
    let mut top = usize::MAX;
    if from.eat("TOP") {
        from.sign("(")?;
        top = usize::try_from(from.number()?).unwrap_or(usize::MAX);
        from.sign(")")?;
    }
    let items = items(from)?;
    let sources = sources(env, from)?;
    let filter = if from.eat("WHERE") {
        Some(expr::read(from)?)
    } else {
        None
    };
    let mut order = Vec::new();
    if from.eat("ORDER") {
        from.words("BY")?;
        order.push(expr::read(from)?);
        while from.eat_sign(",") {
            order.push(expr::read(from)?);
        }
    }
    let columns: Vec<(String, String, Type)> = sources
        .iter()
        .flat_map(|source| {
            source
                .relation
                .columns
                .iter()
                .map(|(name, kind)| (source.alias.clone(), name.clone(), *kind))
        })
        .collect();
    let mut rows = joined(env, &sources, &columns, filter.as_ref())?;
    sort(env, &columns, &order, &mut rows)?;
    rows.truncate(top);
    show(env, &items, &columns, &rows)
}

fn items(from: &mut Tokens) -> Outcome<Vec<Item>> {
    let mut all = Vec::new();
    loop {
        let item = match (from.peek().cloned(), from.peek_second()) {
            (Some(Token::Sign("*")), _) => {
                from.sign("*")?;
                Item::All
            }
            (Some(Token::Variable(name)), Some(Token::Sign(sign @ ("=" | "+=")))) => {
                let adds = *sign == "+=";
                from.next()?;
                from.next()?;
                Item::Into {
                    name,
                    adds,
                    from: expr::read(from)?,
                }
            }
            _ => {
                let value = expr::read(from)?;
                let mut name = match &value {
                    Expr::Column(_, name) => name.clone(),
                    _ => String::new(),
                };
                if from.eat("AS") {
                    name = from.name()?;
                }
                Item::Value(name, value)
            }
        };
        all.push(item);
        if !from.eat_sign(",") {
            return Ok(all);
        }
    }
}

fn sources(env: &Env<'_>, from: &mut Tokens) -> Outcome<Vec<Source>> {
    let mut all = Vec::new();
    if !from.eat("FROM") {
        return Ok(all);
    }
    all.push(source(env, from, false)?);
    loop {
        let left = from.eat("LEFT");
        if !from.eat("JOIN") {
            return if left { from.refuse() } else { Ok(all) };
        }
        let mut next = source(env, from, left)?;
        from.words("ON")?;
        next.on = Some(expr::read(from)?);
        all.push(next);
    }
}

fn source(env: &Env<'_>, from: &mut Tokens, left: bool) -> Outcome<Source> {
    let mut parts = vec![from.name()?];
    while from.eat_sign(".") {
        parts.push(from.name()?);
    }
    let names: Vec<&str> = parts.iter().map(String::as_str).collect();
    let relation = match names.as_slice() {
        [database, schema, name] if same(schema, "sys") => views::view(env, database, name)?,
        [schema, name] if same(schema, "sys") => views::view(env, &env.database, name)?,
        [schema, name] => table(env, schema, name)?,
        [name] => table(env, "dbo", name)?,
        _ => return fault(208, format!("Invalid object name '{}'.", parts.join("."))),
    };
    let words = ["JOIN", "LEFT", "ON", "WHERE", "ORDER", "UNION"];
    let has_alias = matches!(from.peek(), Some(Token::Word(word)) if !words.iter().any(|known| word.eq_ignore_ascii_case(known)));
    let alias = if has_alias {
        from.name()?
    } else {
        parts.pop().unwrap_or_default()
    };
    Ok(Source {
        alias,
        relation,
        left,
        on: None,
    })
}

/// A table of people's, for whoever may read it.
fn table(env: &Env<'_>, schema: &str, name: &str) -> Outcome<Relation> {
    let database = env.model.database(&env.database)?;
    env.model.inside(&env.who, database)?;
    let Some(object) = database.object(schema, name) else {
        return fault(208, format!("Invalid object name '{schema}.{name}'."));
    };
    if !env
        .model
        .may(&env.who, database, "SELECT", Some(object.schema), Some(object))
    {
        return fault(
            229,
            format!(
                "The SELECT permission was denied on the object '{name}', database '{}', schema '{schema}'.",
                database.name
            ),
        );
    }
    Ok(Relation {
        columns: vec![("n".to_owned(), Type::Int)],
        rows: object.rows.iter().map(|n| vec![Value::Int(*n)]).collect(),
    })
}

type Columns = [(String, String, Type)];

fn joined(
    env: &Env<'_>,
    sources: &[Source],
    columns: &Columns,
    filter: Option<&Expr>,
) -> Outcome<Vec<Vec<Value>>> {
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for source in sources {
        let mut next = Vec::new();
        for row in &rows {
            let before = next.len();
            for more in &source.relation.rows {
                let mut both = row.clone();
                both.extend(more.iter().cloned());
                let scope = Row {
                    env,
                    columns: &columns[..both.len()],
                    values: &both,
                };
                let fits = match &source.on {
                    Some(on) => on.holds(&scope)? == Some(true),
                    None => true,
                };
                if fits {
                    next.push(both);
                }
            }
            if source.left && next.len() == before {
                let mut both = row.clone();
                both.extend(source.relation.columns.iter().map(|_| Value::Null));
                next.push(both);
            }
        }
        rows = next;
    }
    let Some(filter) = filter else {
        return Ok(rows);
    };
    let mut kept = Vec::new();
    for values in rows {
        let scope = Row {
            env,
            columns,
            values: &values,
        };
        if filter.holds(&scope)? == Some(true) {
            kept.push(values);
        }
    }
    Ok(kept)
}

fn sort(env: &Env<'_>, columns: &Columns, order: &[Expr], rows: &mut Vec<Vec<Value>>) -> Outcome<()> {
    let mut keyed = Vec::new();
    for values in std::mem::take(rows) {
        let scope = Row {
            env,
            columns,
            values: &values,
        };
        let key: Vec<Value> = order.iter().map(|by| by.value(&scope)).collect::<Outcome<_>>()?;
        keyed.push((key, values));
    }
    keyed.sort_by(|(a, _), (b, _)| {
        a.iter()
            .zip(b)
            .map(|(a, b)| a.compare(b).unwrap_or(std::cmp::Ordering::Equal))
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    *rows = keyed.into_iter().map(|(_, values)| values).collect();
    Ok(())
}

fn show(env: &Env<'_>, items: &[Item], columns: &Columns, rows: &[Vec<Value>]) -> Outcome<Selected> {
    let nothing = vec![Value::Null; columns.len()];
    let typing = Row {
        env,
        columns,
        values: &nothing,
    };
    if let [Item::Value(name, Expr::Count)] = items {
        let relation = Relation {
            columns: vec![(name.clone(), Type::Int)],
            rows: vec![vec![Value::Int(rows.len() as i64)]],
        };
        return Ok(Selected {
            relation: Some(relation),
            variables: BTreeMap::new(),
        });
    }
    let mut shown = Vec::new();
    for item in items {
        match item {
            Item::All => shown.extend(columns.iter().map(|(_, name, kind)| (name.clone(), *kind))),
            Item::Value(name, value) => shown.push((name.clone(), value.type_of(&typing)?)),
            Item::Into { .. } => {}
        }
    }
    let (mut found, mut variables) = (Vec::new(), BTreeMap::new());
    for values in rows {
        let scope = Row { env, columns, values };
        let mut row = Vec::new();
        for item in items {
            match item {
                Item::All => row.extend(values.iter().cloned()),
                Item::Value(_, value) => row.push(value.value(&scope)?),
                Item::Into { name, adds, from } => {
                    let new = from.value(&scope)?;
                    let old = match variables.get(name) {
                        Some(old) => Clone::clone(old),
                        None => env.variable(name)?,
                    };
                    let value = if *adds {
                        Value::Str(old.text() + &new.text())
                    } else {
                        new
                    };
                    variables.insert(name.clone(), value);
                }
            }
        }
        found.push(row);
    }
    let relation = (!shown.is_empty()).then_some(Relation {
        columns: shown,
        rows: found,
    });
    Ok(Selected { relation, variables })
}
