//! The statements that the model knows, as the SQL Language Reference writes them. Anything else is an error.

use super::{
    Ora, Result,
    lex::Token,
    reader::{Reader, granted},
    select::{Query, query},
};

pub type Object = (String, String);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    CreateUser(UserClauses),
    AlterUser(UserClauses),
    DropUser {
        name: String,
        cascade: bool,
    },
    CreateRole {
        name: String,
        guarded: bool,
    },
    DropRole(String),
    CreateProfile {
        name: String,
        limits: Vec<(String, String)>,
    },
    DropProfile {
        name: String,
        cascade: bool,
    },
    Grant {
        what: Granted,
        to: String,
        pass_on: bool,
    },
    Revoke {
        what: Granted,
        from: String,
    },
    EndSession {
        sid: u32,
        serial: u32,
        instance: Option<u32>,
    },
    CreateTable(Object),
    CreateView {
        view: Object,
        over: Object,
    },
    AlterTable(Object),
    DropTable(Object),
    Comment {
        on: Object,
        text: String,
    },
    Insert(Object),
    Delete(Object),
    Count(Object),
    SetRoleAll,
    Rollback,
    Select(Query),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserClauses {
    pub name: String,
    pub password: Option<String>,
    pub profile: Option<String>,
    pub locked: Option<bool>,
    pub quota: bool,
    pub default_roles: Option<DefaultRoles>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultRoles {
    All,
    None,
    These(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// System privileges in words, or roles by name.
    Global(Vec<Item>),
    OnObject {
        privileges: Vec<String>,
        object: Object,
    },
    OnSchema {
        privileges: Vec<String>,
        schema: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Words(String),
    Name(String),
}

pub fn parse(tokens: &[Token], schema: &str) -> Result<Statement> {
    let mut read = Reader::new(tokens, schema);
    let first = match read.next() {
        Some(Token::Word(word)) => word.as_str(),
        _ => return Err(Ora(900)),
    };
    let statement = match first {
        "CREATE" => create(&mut read)?,
        "ALTER" => alter(&mut read)?,
        "DROP" => drop_one(&mut read)?,
        "GRANT" => grant(&mut read)?,
        "REVOKE" => revoke(&mut read)?,
        "BEGIN" => block(&mut read)?,
        "COMMENT" => {
            read.words("ON TABLE", 905)?;
            let on = read.object()?;
            read.words("IS", 905)?;
            let text = read.text(1780)?;
            Statement::Comment { on, text }
        }
        "INSERT" => {
            read.words("INTO", 925)?;
            let into = read.object()?;
            read.words("VALUES", 926)?;
            read.mark('(', 906)?;
            read.number()?;
            read.mark(')', 907)?;
            Statement::Insert(into)
        }
        "DELETE" => {
            read.words("FROM", 903)?;
            Statement::Delete(read.object()?)
        }
        "SET" => {
            read.words("ROLE ALL", 922)?;
            Statement::SetRoleAll
        }
        "ROLLBACK" => Statement::Rollback,
        "SELECT" => query(&mut read)?,
        _ => return Err(Ora(900)),
    };
    read.end(933)?;
    Ok(statement)
}

fn create(read: &mut Reader<'_>) -> Result<Statement> {
    if read.takes("USER") {
        let clauses = user(read, 1935)?;
        if clauses.password.is_none() {
            return Err(Ora(922));
        }
        return Ok(Statement::CreateUser(clauses));
    }
    if read.takes("ROLE") {
        let name = read.name(1937)?;
        let guarded = read.takes("IDENTIFIED");
        if guarded {
            read.words("BY", 924)?;
            read.name(988)?;
        }
        return Ok(Statement::CreateRole { name, guarded });
    }
    if read.takes("PROFILE") {
        let name = read.name(2379)?;
        read.words("LIMIT", 2373)?;
        let mut limits = Vec::new();
        while let Some(Token::Word(_)) = read.peek() {
            limits.push((read.name(2376)?, limit(read)?));
        }
        if limits.is_empty() {
            return Err(Ora(2376));
        }
        return Ok(Statement::CreateProfile { name, limits });
    }
    if read.takes("TABLE") {
        let table = read.object()?;
        read.mark('(', 906)?;
        read.name(904)?;
        read.words("NUMBER", 902)?;
        read.mark(')', 907)?;
        return Ok(Statement::CreateTable(table));
    }
    if read.takes("VIEW") {
        let view = read.object()?;
        read.words("AS SELECT", 905)?;
        read.mark('*', 936)?;
        read.words("FROM", 923)?;
        let over = read.object()?;
        return Ok(Statement::CreateView { view, over });
    }
    Err(Ora(901))
}

/// A number, a fraction, UNLIMITED or DEFAULT.
fn limit(read: &mut Reader<'_>) -> Result<String> {
    match read.next() {
        Some(Token::Word(word)) if word == "UNLIMITED" || word == "DEFAULT" => Ok(word.clone()),
        Some(Token::Number(number)) => {
            let mut text = number.clone();
            if read.takes_mark('/') {
                text = format!("{text}/{}", read.number()?);
            }
            Ok(text)
        }
        _ => Err(Ora(2377)),
    }
}

fn user(read: &mut Reader<'_>, no_name: u32) -> Result<UserClauses> {
    let mut clauses = UserClauses {
        name: read.name(no_name)?,
        ..UserClauses::default()
    };
    while read.peek().is_some() {
        if read.takes("IDENTIFIED") {
            read.words("BY", 924)?;
            clauses.password = Some(read.name(988)?);
        } else if read.takes("PROFILE") {
            clauses.profile = Some(read.name(2379)?);
        } else if read.takes("ACCOUNT") {
            clauses.locked = Some(if read.takes("LOCK") {
                true
            } else if read.takes("UNLOCK") {
                false
            } else {
                return Err(Ora(922));
            });
        } else if read.takes("QUOTA") {
            read.words("UNLIMITED ON", 922)?;
            read.name(959)?;
            clauses.quota = true;
        } else if read.takes("DEFAULT") {
            read.words("ROLE", 922)?;
            clauses.default_roles = Some(default_roles(read)?);
        } else {
            return Err(Ora(922));
        }
    }
    Ok(clauses)
}

fn default_roles(read: &mut Reader<'_>) -> Result<DefaultRoles> {
    if read.takes("ALL") {
        return Ok(DefaultRoles::All);
    }
    if read.takes("NONE") {
        return Ok(DefaultRoles::None);
    }
    let mut names = vec![read.name(1937)?];
    while read.takes_mark(',') {
        names.push(read.name(1937)?);
    }
    Ok(DefaultRoles::These(names))
}

fn alter(read: &mut Reader<'_>) -> Result<Statement> {
    if read.takes("USER") {
        return Ok(Statement::AlterUser(user(read, 1935)?));
    }
    if read.takes("TABLE") {
        let table = read.object()?;
        read.words("NOPARALLEL", 1735)?;
        return Ok(Statement::AlterTable(table));
    }
    read.words("SYSTEM", 2065)?;
    let kill = read.takes("KILL");
    if !kill {
        read.words("DISCONNECT", 2065)?;
    }
    read.words("SESSION", 2065)?;
    let ids = read.text(26)?;
    read.words("IMMEDIATE", 2000)?;
    let number = |text: &str| text.parse::<u32>().map_err(|_| Ora(26));
    let parts: Vec<&str> = ids.split(',').collect();
    // DISCONNECT SESSION 'sid, serial' | KILL SESSION 'sid, serial [, @instance]': only the second reaches others.
    let (sid, serial, instance) = match parts.as_slice() {
        [sid, serial] => (number(sid)?, number(serial)?, 1),
        [sid, serial, instance] if kill => {
            let instance = instance.strip_prefix('@').ok_or(Ora(26))?;
            (number(sid)?, number(serial)?, number(instance)?)
        }
        _ => return Err(Ora(26)),
    };
    Ok(Statement::EndSession {
        sid,
        serial,
        instance: Some(instance),
    })
}

/// `BEGIN rdsadmin.rdsadmin_util.kill(sid => 1, serial => 2, method => 'IMMEDIATE'); END;`
fn block(read: &mut Reader<'_>) -> Result<Statement> {
    for (place, word) in ["RDSADMIN", "RDSADMIN_UTIL", "KILL"].into_iter().enumerate() {
        if place > 0 {
            read.mark('.', 6550)?;
        }
        read.words(word, 6550)?;
    }
    read.mark('(', 6550)?;
    named(read, "SID")?;
    let sid = read.number()?;
    read.mark(',', 6550)?;
    named(read, "SERIAL")?;
    let serial = read.number()?;
    read.mark(',', 6550)?;
    named(read, "METHOD")?;
    if read.text(6550)? != "IMMEDIATE" {
        return Err(Ora(6550));
    }
    for mark in [')', ';'] {
        read.mark(mark, 6550)?;
    }
    read.words("END", 6550)?;
    read.mark(';', 6550)?;
    Ok(Statement::EndSession {
        sid,
        serial,
        instance: None,
    })
}

fn named(read: &mut Reader<'_>, name: &str) -> Result<()> {
    read.words(name, 6550)?;
    read.mark('=', 6550)?;
    read.mark('>', 6550)
}

fn drop_one(read: &mut Reader<'_>) -> Result<Statement> {
    if read.takes("USER") {
        let name = read.name(1935)?;
        let cascade = read.takes("CASCADE");
        return Ok(Statement::DropUser { name, cascade });
    }
    if read.takes("ROLE") {
        return Ok(Statement::DropRole(read.name(1937)?));
    }
    if read.takes("PROFILE") {
        let name = read.name(2379)?;
        let cascade = read.takes("CASCADE");
        return Ok(Statement::DropProfile { name, cascade });
    }
    if read.takes("TABLE") {
        return Ok(Statement::DropTable(read.object()?));
    }
    Err(Ora(950))
}

fn grant(read: &mut Reader<'_>) -> Result<Statement> {
    let what = granted(read)?;
    read.words("TO", 905)?;
    let to = read.name(987)?;
    let pass_on = read.takes("WITH");
    if pass_on {
        read.words("ADMIN OPTION", 993)?;
    }
    Ok(Statement::Grant { what, to, pass_on })
}

fn revoke(read: &mut Reader<'_>) -> Result<Statement> {
    let what = granted(read)?;
    read.words("FROM", 905)?;
    let from = read.name(987)?;
    Ok(Statement::Revoke { what, from })
}
