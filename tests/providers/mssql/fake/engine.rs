//! Runs statements: reads each from its words, asks whether it is allowed, and changes the model. What is not known here is an
//! error, as a statement that is not meant for a server would be.

use std::collections::BTreeMap;

use super::{
    data, ddl,
    expr::{self, Expr, Scope},
    functions,
    lex::{Token, Tokens},
    logins, members,
    model::Model,
    permissions,
    rights::Who,
    select,
    server::Sessions,
    value::{Outcome, Type, Value, fault},
    views::Relation,
};

/// One statement's surroundings.
pub struct Env<'a> {
    pub model: &'a mut Model,
    pub who: Who,
    /// Session id.
    pub id: i32,
    pub database: String,
    pub sessions: &'a Sessions,
    pub variables: BTreeMap<String, Value>,
    pub in_transaction: bool,
    pub shown: Vec<Relation>,
}

impl Env<'_> {
    pub fn variable(&self, name: &str) -> Outcome<Value> {
        match name.to_ascii_uppercase().as_str() {
            "@@SPID" => return Ok(Value::Int(i64::from(self.id))),
            "@@TRANCOUNT" => return Ok(Value::Int(i64::from(self.in_transaction))),
            "@@VERSION" => return Ok(Value::of("Microsoft SQL Server 2022 (model) - 16.0.4135.4")),
            _ => {}
        }
        match self.variables.get(name) {
            Some(value) => Ok(value.clone()),
            None => fault(137, format!("Must declare the scalar variable \"{name}\".")),
        }
    }

    /// All statements of a text, one after another; the first that fails ends it.
    pub fn run(&mut self, sql: &str) -> Outcome<()> {
        let mut from = Tokens::of(sql)?;
        loop {
            while from.eat_sign(";") {}
            if from.is_over() {
                return Ok(());
            }
            self.statement(&mut from)?;
            if !from.is_over() && !from.eat_sign(";") {
                return from.refuse();
            }
        }
    }

    fn statement(&mut self, from: &mut Tokens) -> Outcome<()> {
        match from.upper_word()?.as_str() {
            "SET" => set(from),
            "DECLARE" => self.declare(from),
            "SELECT" => {
                let selected = select::select(self, from)?;
                self.variables.extend(selected.variables);
                self.shown.extend(selected.relation);
                Ok(())
            }
            "EXEC" | "EXECUTE" => self.execute(from),
            "KILL" => self.kill(from),
            "CREATE" => ddl::create(self, from),
            "ALTER" => self.alter(from),
            "DROP" => ddl::drop(self, from),
            "GRANT" => permissions::grant(self, from, 'G'),
            "DENY" => permissions::grant(self, from, 'D'),
            "REVOKE" => permissions::revoke(self, from),
            "INSERT" => data::insert(self, from),
            "DELETE" => data::delete(self, from),
            "USE" => fault(
                40508,
                "USE statement is not supported to switch between databases.",
            ),
            word => super::value::syntax(word),
        }
    }

    fn alter(&mut self, from: &mut Tokens) -> Outcome<()> {
        match from.upper_word()?.as_str() {
            "LOGIN" => logins::alter_login(self, from),
            "USER" => logins::alter_user(self, from),
            "DATABASE" => ddl::alter_database(self, from),
            "AUTHORIZATION" => ddl::alter_authorization(self, from),
            "ROLE" => members::alter_role(self, from, false),
            "SERVER" => {
                from.words("ROLE")?;
                members::alter_role(self, from, true)
            }
            word => super::value::syntax(word),
        }
    }

    fn declare(&mut self, from: &mut Tokens) -> Outcome<()> {
        let Token::Variable(name) = from.next()? else {
            return from.refuse();
        };
        expr::type_name(from)?;
        let value = if from.eat_sign("=") {
            self.value(from)?
        } else {
            Value::Null
        };
        self.variables.insert(name, value);
        Ok(())
    }

    /// An expression without a row.
    pub fn value(&self, from: &mut Tokens) -> Outcome<Value> {
        expr::read(from)?.value(&Bare(self))
    }

    /// `[database.]sys.procedure …`
    fn execute(&mut self, from: &mut Tokens) -> Outcome<()> {
        let mut parts = vec![from.name()?];
        while from.eat_sign(".") {
            parts.push(from.name()?);
        }
        let procedure = parts.pop().unwrap_or_default().to_ascii_lowercase();
        if parts.pop().is_some_and(|schema| schema != "sys") {
            return fault(2812, format!("Could not find stored procedure '{procedure}'."));
        }
        let database = parts.pop().unwrap_or_else(|| self.database.clone());
        let inside = self.model.database(&database)?;
        self.model.inside(&self.who, inside)?;
        let database = inside.name.clone();
        match procedure.as_str() {
            "sp_executesql" => {
                let Value::Str(text) = self.value(from)? else {
                    return fault(
                        214,
                        "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'.",
                    );
                };
                let outside = std::mem::replace(&mut self.database, database);
                let variables = std::mem::take(&mut self.variables);
                let ran = self.run(&text);
                self.variables = variables;
                self.database = outside;
                ran
            }
            "sp_addextendedproperty" => ddl::add_property(self, &database, from),
            _ => fault(2812, format!("Could not find stored procedure '{procedure}'.")),
        }
    }

    fn kill(&mut self, from: &mut Tokens) -> Outcome<()> {
        let id = from.number()?;
        if self.in_transaction {
            return fault(6115, "KILL command cannot be used inside user transactions.");
        }
        if !self.model.may_server(&self.who, "ALTER ANY CONNECTION") {
            return fault(6102, "User does not have permission to use the KILL statement.");
        }
        if id == i64::from(self.id) {
            return fault(6104, "Cannot use KILL to kill your own process.");
        }
        if self.sessions.kill(i32::try_from(id).unwrap_or(-1)) {
            Ok(())
        } else {
            fault(6106, format!("Process ID {id} is not an active process ID."))
        }
    }
}

/// Settings that clients make; none changes what is modelled here but those that the sessions look at themselves.
fn set(from: &mut Tokens) -> Outcome<()> {
    const KNOWN: [&str; 12] = [
        "XACT_ABORT",
        "LOCK_TIMEOUT",
        "IMPLICIT_TRANSACTIONS",
        "QUOTED_IDENTIFIER",
        "ANSI_NULLS",
        "ANSI_WARNINGS",
        "ANSI_PADDING",
        "ANSI_NULL_DFLT_ON",
        "CONCAT_NULL_YIELDS_NULL",
        "ARITHABORT",
        "NOCOUNT",
        "TEXTSIZE",
    ];
    let name = from.upper_word()?;
    if !KNOWN.contains(&name.as_str()) {
        return super::value::syntax(name);
    }
    match from.next()? {
        Token::Number(_) => Ok(()),
        Token::Word(word) if word.eq_ignore_ascii_case("ON") || word.eq_ignore_ascii_case("OFF") => Ok(()),
        token => super::value::syntax(format!("{token:?}")),
    }
}

/// Where there is no row.
struct Bare<'a, 'm>(&'a Env<'m>);

impl Scope for Bare<'_, '_> {
    fn column(&self, _of: Option<&str>, name: &str) -> Outcome<(Type, Value)> {
        fault(207, format!("Invalid column name '{name}'."))
    }

    fn variable(&self, name: &str) -> Outcome<Value> {
        self.0.variable(name)
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Outcome<Value> {
        functions::call(self.0, name, arguments)
    }
}

/// A value that a word before it asked for.
pub fn literal(from: &mut Tokens) -> Outcome<Value> {
    match expr::read(from)? {
        Expr::Literal(value) => Ok(value),
        _ => super::value::syntax("an expression"),
    }
}
