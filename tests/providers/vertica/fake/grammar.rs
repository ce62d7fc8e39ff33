//! The grammar of what changes something.

use super::{
    lexer::{Result, Token},
    parse::{Kind, Parser, Roles, Scope, Separator, Setting, Statement},
};

pub fn statement(p: &mut Parser) -> Result<Statement> {
    if p.words("SELECT") {
        return Ok(Statement::Select(p.select()?));
    }
    if p.words("SET") {
        return set(p);
    }
    if p.words("BEGIN") || p.words("COMMIT") || p.words("ROLLBACK") {
        return Ok(Statement::Transaction);
    }
    if p.words("CREATE") {
        return create(p);
    }
    if p.words("ALTER") {
        return alter(p);
    }
    if p.words("DROP") {
        return drop(p);
    }
    if p.words("GRANT") {
        return grant(p);
    }
    if p.words("REVOKE") {
        return revoke(p);
    }
    if p.words("COMMENT ON") {
        let (kind, path) = object(p)?;
        p.need_words("IS")?;
        let text = p.text()?;
        return Ok(Statement::Comment { kind, path, text });
    }
    if p.words("INSERT INTO") {
        return insert(p);
    }
    if p.words("DELETE FROM") {
        return Ok(Statement::Delete(p.path()?));
    }
    if p.words("TRUNCATE TABLE") {
        return Ok(Statement::Truncate(p.path()?));
    }
    Err(p.error())
}

fn set(p: &mut Parser) -> Result<Statement> {
    if p.words("ROLE") {
        return Ok(Statement::SetRole(roles(p)?));
    }
    for name in ["STANDARD_CONFORMING_STRINGS", "TIME ZONE", "SESSION AUTOCOMMIT"] {
        if p.words(name) {
            p.need_words("TO")?;
            let value = match p.next() {
                Some(Token::Word(value) | Token::Text(value)) => value,
                _ => {
                    p.back();
                    return Err(p.error());
                }
            };
            return Ok(Statement::Set(name.to_owned(), value));
        }
    }
    for name in ["SESSION RUNTIMECAP", "SESSION IDLESESSIONTIMEOUT"] {
        if p.words(name) {
            return Ok(Statement::Set(name.to_owned(), p.text()?));
        }
    }
    Err(p.error())
}

fn roles(p: &mut Parser) -> Result<Roles> {
    if p.words("NONE") {
        Ok(Roles::None)
    } else if p.words("ALL") {
        Ok(Roles::All)
    } else {
        Ok(Roles::These(p.names()?))
    }
}

fn create(p: &mut Parser) -> Result<Statement> {
    if p.words("USER") {
        let name = p.name()?;
        let settings = settings(p)?;
        return Ok(Statement::CreateUser(name, settings));
    }
    if p.words("ROLE") {
        return Ok(Statement::CreateRole(p.name()?));
    }
    if p.words("PROFILE") {
        let name = p.name()?;
        p.need_words("LIMIT")?;
        let mut limits = Vec::new();
        while let Some(Token::Word(limit)) = p.peek().cloned() {
            p.next();
            let value = match p.next() {
                Some(Token::Number(value)) => value.to_string(),
                Some(Token::Word(value)) if ["UNLIMITED", "DEFAULT"].contains(&value.as_str()) => value,
                _ => {
                    p.back();
                    return Err(p.error());
                }
            };
            limits.push((limit.to_uppercase(), value));
        }
        return Ok(Statement::CreateProfile(name, limits));
    }
    if p.words("AUTHENTICATION") {
        let name = p.name()?;
        p.need_words("METHOD")?;
        p.text()?;
        p.need_words("LOCAL")?;
        return Ok(Statement::CreateAuthentication(name));
    }
    make(p)
}

/// Schemas, tables and the like.
fn make(p: &mut Parser) -> Result<Statement> {
    let (kind, path) = object(p)?;
    let (mut owner, mut columns) = (None, Vec::new());
    match kind {
        Kind::Schema => {
            if p.words("AUTHORIZATION") {
                owner = Some(p.name()?);
            }
        }
        Kind::Table => {
            p.need("(")?;
            loop {
                columns.push(p.name()?);
                // A type, and how long.
                p.name()?;
                if p.sign("(") {
                    p.number()?;
                    p.need(")")?;
                }
                if !p.sign(",") {
                    break;
                }
            }
            p.need(")")?;
        }
        Kind::View => {
            p.need_words("AS SELECT")?;
            p.select()?;
        }
        Kind::Sequence => {}
        Kind::Function => {
            p.need("(")?;
            // Its body has semicolons of its own: it ends with the last word.
            while !p.words("END") {
                if p.next().is_none() {
                    return Err(p.error());
                }
            }
        }
    }
    Ok(Statement::Create {
        kind,
        path,
        owner,
        columns,
    })
}

fn object(p: &mut Parser) -> Result<(Kind, Vec<String>)> {
    for (word, kind) in [
        ("SCHEMA", Kind::Schema),
        ("TABLE", Kind::Table),
        ("VIEW", Kind::View),
        ("SEQUENCE", Kind::Sequence),
        ("FUNCTION", Kind::Function),
    ] {
        if p.words(word) {
            let path = if kind == Kind::Schema {
                vec![p.name()?]
            } else {
                p.path()?
            };
            return Ok((kind, path));
        }
    }
    Err(p.error())
}

fn settings(p: &mut Parser) -> Result<Vec<Setting>> {
    let mut all = vec![setting(p)?];
    loop {
        let more = match p.separator {
            Separator::Comma => p.sign(","),
            Separator::Nothing => p.peek().is_some_and(|token| *token != Token::Sign(";")),
        };
        if !more {
            return Ok(all);
        }
        all.push(setting(p)?);
    }
}

fn setting(p: &mut Parser) -> Result<Setting> {
    if p.words("IDENTIFIED BY") {
        let new = p.text()?;
        let old = if p.words("REPLACE") { Some(p.text()?) } else { None };
        return Ok(Setting::Password { new, old });
    }
    if p.words("PROFILE") {
        return Ok(Setting::Profile(p.name()?));
    }
    if p.words("MAXCONNECTIONS") {
        let count = p.number()?;
        p.need_words("ON DATABASE")?;
        return Ok(Setting::Connections(count));
    }
    if p.words("IDLESESSIONTIMEOUT") {
        return Ok(Setting::Idle(p.text()?));
    }
    if p.words("ACCOUNT LOCK") {
        return Ok(Setting::Lock(true));
    }
    if p.words("ACCOUNT UNLOCK") {
        return Ok(Setting::Lock(false));
    }
    if p.words("PASSWORD EXPIRE") {
        return Ok(Setting::Expire);
    }
    Err(p.error())
}

fn alter(p: &mut Parser) -> Result<Statement> {
    if p.words("USER") {
        let name = p.name()?;
        // The only thing that its statement may set.
        if p.words("DEFAULT ROLE") {
            return Ok(Statement::DefaultRole(name, roles(p)?));
        }
        return Ok(Statement::AlterUser(name, settings(p)?));
    }
    let (kind, path) = object(p)?;
    p.need_words("OWNER TO")?;
    let owner = p.name()?;
    Ok(Statement::Own { kind, path, owner })
}

fn drop(p: &mut Parser) -> Result<Statement> {
    if p.words("PROFILE") {
        return Ok(Statement::DropProfile(p.name()?));
    }
    if p.words("AUTHENTICATION") {
        return Ok(Statement::DropAuthentication(p.name()?));
    }
    for (word, user) in [("USER", true), ("ROLE", false)] {
        if p.words(word) {
            let if_exists = p.words("IF EXISTS");
            let name = p.name()?;
            let cascade = p.words("CASCADE");
            return Ok(if user {
                Statement::DropUser {
                    name,
                    if_exists,
                    cascade,
                }
            } else {
                Statement::DropRole {
                    name,
                    if_exists,
                    cascade,
                }
            });
        }
    }
    let (kind, path) = object(p)?;
    if kind == Kind::Function {
        p.need("(")?;
        p.names()?;
        p.need(")")?;
    }
    Ok(Statement::Drop {
        kind,
        path,
        cascade: p.words("CASCADE"),
    })
}

fn grant(p: &mut Parser) -> Result<Statement> {
    if p.words("AUTHENTICATION") {
        let name = p.name()?;
        p.need_words("TO")?;
        let to = p.name()?;
        return Ok(Statement::GiveAuthentication { name, to });
    }
    let names = p.names()?;
    if p.words("ON") {
        let on = scope(p)?;
        p.need_words("TO")?;
        let to = p.names()?;
        return Ok(Statement::Grant {
            privileges: upper(names),
            on,
            to,
        });
    }
    p.need_words("TO")?;
    let to = p.names()?;
    let admin = p.words("WITH ADMIN OPTION");
    Ok(Statement::GiveRole {
        roles: names,
        to,
        admin,
    })
}

fn revoke(p: &mut Parser) -> Result<Statement> {
    let names = p.names()?;
    if p.words("ON") {
        let on = scope(p)?;
        p.need_words("FROM")?;
        let from = p.names()?;
        return Ok(Statement::Revoke {
            privileges: upper(names),
            on,
            from,
        });
    }
    p.need_words("FROM")?;
    Ok(Statement::TakeRole {
        roles: names,
        from: p.names()?,
    })
}

fn upper(names: Vec<String>) -> Vec<String> {
    names.into_iter().map(|name| name.to_uppercase()).collect()
}

fn scope(p: &mut Parser) -> Result<Scope> {
    if p.words("DATABASE") {
        return Ok(Scope::Database(p.name()?));
    }
    for (words, kind) in [
        ("ALL TABLES IN SCHEMA", Kind::Table),
        ("ALL SEQUENCES IN SCHEMA", Kind::Sequence),
        ("ALL FUNCTIONS IN SCHEMA", Kind::Function),
    ] {
        if p.words(words) {
            return Ok(Scope::AllIn(kind, p.name()?));
        }
    }
    let (kind, mut path) = object(p)?;
    Ok(match kind {
        Kind::Schema => Scope::Schema(path.remove(0)),
        Kind::Table | Kind::View | Kind::Sequence | Kind::Function => Scope::Object(kind, path),
    })
}

fn insert(p: &mut Parser) -> Result<Statement> {
    let path = p.path()?;
    if p.words("DEFAULT VALUES") {
        return Ok(Statement::Insert { path, values: None });
    }
    p.need_words("VALUES")?;
    p.need("(")?;
    let mut values = Vec::new();
    loop {
        values.push(match p.next() {
            Some(Token::Number(number)) => Some(number.to_string()),
            Some(Token::Text(text)) => Some(text),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("NULL") => None,
            _ => {
                p.back();
                return Err(p.error());
            }
        });
        if !p.sign(",") {
            break;
        }
    }
    p.need(")")?;
    Ok(Statement::Insert {
        path,
        values: Some(values),
    })
}
