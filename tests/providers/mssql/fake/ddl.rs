//! CREATE, ALTER and DROP of logins, users, databases, schemas and tables, and who owns what.

use super::{
    engine::{Env, literal},
    lex::{Token, Tokens},
    logins, members,
    model::{DBO, Database, Kind, Object, Schema, no_principal},
    value::{Outcome, Value, fault, same, syntax},
};

pub fn create(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    match from.upper_word()?.as_str() {
        "LOGIN" => logins::create_login(env, from),
        "USER" => logins::create_user(env, from),
        "ROLE" => members::create_role(env, from, false),
        "SERVER" => {
            from.words("ROLE")?;
            members::create_role(env, from, true)
        }
        "DATABASE" => create_database(env, from),
        "SCHEMA" => create_schema(env, from),
        "TABLE" => create_object(env, from, false),
        "VIEW" => create_object(env, from, true),
        word => syntax(word),
    }
}

pub fn drop(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    match from.upper_word()?.as_str() {
        "LOGIN" => logins::drop_login(env, from),
        "USER" => members::drop_principal(env, from, Kind::User),
        "ROLE" => members::drop_principal(env, from, Kind::Role),
        "SERVER" => {
            from.words("ROLE")?;
            members::drop_server_role(env, from)
        }
        "DATABASE" => drop_database(env, from),
        word => syntax(word),
    }
}

fn create_database(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    if env.in_transaction {
        return fault(
            226,
            "CREATE DATABASE statement not allowed within multi-statement transaction.",
        );
    }
    env.model.needs(&env.who, "CREATE ANY DATABASE")?;
    let name = from.name()?;
    if env.model.find(&name).is_some() {
        return fault(1801, format!("Database '{name}' already exists."));
    }
    let id = env.model.id();
    env.model
        .databases
        .push(Database::new(id, &name, env.who.sid.clone()));
    Ok(())
}

fn drop_database(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    let name = from.name()?;
    env.model.needs(&env.who, "ALTER ANY DATABASE")?;
    if env.model.find(&name).is_none_or(|found| found.id <= 4) {
        return fault(3701, format!("Cannot drop the database '{name}'."));
    }
    if env
        .sessions
        .list()
        .iter()
        .any(|session| same(&session.database, &name))
    {
        return fault(
            3702,
            format!("Cannot drop database \"{name}\" because it is currently in use."),
        );
    }
    env.model.databases.retain(|found| !same(&found.name, &name));
    Ok(())
}

/// `SET OFFLINE WITH ROLLBACK IMMEDIATE`, `SET ONLINE`, `SET READ_ONLY`, `SET READ_WRITE`.
pub fn alter_database(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    let name = from.name()?;
    env.model.needs(&env.who, "ALTER ANY DATABASE")?;
    from.words("SET")?;
    let state = from.upper_word()?;
    if from.eat("WITH") {
        from.words("ROLLBACK IMMEDIATE")?;
        for session in env.sessions.list() {
            if same(&session.database, &name) {
                env.sessions.kill(session.id);
            }
        }
    }
    let Some(database) = env
        .model
        .databases
        .iter_mut()
        .find(|found| same(&found.name, &name))
    else {
        return fault(
            5011,
            format!("User does not have permission to alter database '{name}', or it does not exist."),
        );
    };
    match state.as_str() {
        "OFFLINE" => database.online = false,
        "ONLINE" => database.online = true,
        "READ_ONLY" => database.read_only = true,
        "READ_WRITE" => database.read_only = false,
        _ => return syntax(state),
    }
    Ok(())
}

fn create_schema(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    members::needs_database(env, "CREATE SCHEMA")?;
    let name = from.name()?;
    let owner = if from.eat("AUTHORIZATION") {
        Some(from.name()?)
    } else {
        None
    };
    let id = env.model.id() % 16_000;
    let maker = env.model.inside(&env.who, env.model.database(&env.database)?)?;
    let database = env.model.database_mut(&env.database)?;
    if database.schema(&name).is_some() {
        return fault(
            2714,
            format!("There is already an object named '{name}' in the database."),
        );
    }
    let owner = match owner {
        None => maker.user,
        Some(owner) => match database.rights.find(&owner) {
            Some(found) if maker.owner || found.id == maker.user => found.id,
            Some(found) if database.rights.closure(maker.user, 0).contains(&found.id) => found.id,
            _ => return no_principal("principal", &owner),
        },
    };
    database.schemas.push(Schema { id, name, owner });
    Ok(())
}

fn create_object(env: &mut Env<'_>, from: &mut Tokens, view: bool) -> Outcome<()> {
    members::needs_database(env, if view { "CREATE VIEW" } else { "CREATE TABLE" })?;
    let (schema, name) = two_names(from)?;
    if view {
        from.words("AS SELECT")?;
        super::select::select(env, from)?;
    } else {
        columns(from)?;
    }
    let id = env.model.id();
    let database = env.model.database(&env.database)?;
    let Some(at) = database.schema(&schema).map(|schema| schema.id) else {
        return fault(
            2760,
            format!(
                "The specified schema name \"{schema}\" either does not exist or you do not have permission to use it."
            ),
        );
    };
    if !env.model.may_alter(&env.who, database, Some(at)) {
        return fault(
            2760,
            format!(
                "The specified schema name \"{schema}\" either does not exist or you do not have permission to use it."
            ),
        );
    }
    let database = env.model.database_mut(&env.database)?;
    if database.object(&schema, &name).is_some() {
        return fault(
            2714,
            format!("There is already an object named '{name}' in the database."),
        );
    }
    database.objects.push(Object {
        id,
        name,
        schema: at,
        view,
        owner: None,
        rows: Vec::new(),
    });
    Ok(())
}

/// `(name type, …)`: read, so that a statement is one, and not kept.
fn columns(from: &mut Tokens) -> Outcome<()> {
    from.sign("(")?;
    loop {
        from.name()?;
        super::expr::type_name(from)?;
        if from.eat_sign(")") {
            return Ok(());
        }
        from.sign(",")?;
    }
}

pub fn two_names(from: &mut Tokens) -> Outcome<(String, String)> {
    let first = from.name()?;
    if from.eat_sign(".") {
        return Ok((first, from.name()?));
    }
    Ok(("dbo".to_owned(), first))
}

/// `ON DATABASE|SCHEMA|ROLE|OBJECT::name TO principal|SCHEMA OWNER`
pub fn alter_authorization(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    from.words("ON")?;
    let class = from.upper_word()?;
    from.sign("::")?;
    let first = from.name()?;
    let second = if from.eat_sign(".") {
        Some(from.name()?)
    } else {
        None
    };
    from.words("TO")?;
    let heir = if from.eat("SCHEMA") {
        from.words("OWNER")?;
        None
    } else {
        Some(from.name()?)
    };
    if class == "DATABASE" {
        env.model.needs(&env.who, "CONTROL SERVER")?;
        let Some(sid) = heir.as_deref().and_then(|heir| logins::login_sid(env, heir)) else {
            return no_principal("principal", &heir.unwrap_or_default());
        };
        let database = env.model.database_mut(&first)?;
        database.owner.clone_from(&sid);
        if let Some(dbo) = database
            .rights
            .principals
            .iter_mut()
            .find(|found| found.id == DBO)
        {
            dbo.sid = sid;
        }
        return Ok(());
    }
    members::needs_database(env, "CONTROL")?;
    let database = env.model.database_mut(&env.database)?;
    let heir = match heir {
        None => None,
        Some(heir) => match database.rights.find(&heir) {
            Some(found) => Some(found.id),
            None => return no_principal("principal", &heir),
        },
    };
    pass_on(database, &class, &first, second.as_deref(), heir)
}

fn pass_on(
    database: &mut Database,
    class: &str,
    first: &str,
    second: Option<&str>,
    heir: Option<i32>,
) -> Outcome<()> {
    match (class, second) {
        ("SCHEMA", None) => match database
            .schemas
            .iter_mut()
            .find(|schema| same(&schema.name, first))
        {
            Some(schema) => schema.owner = heir.unwrap_or(DBO),
            None => return no_principal("schema", first),
        },
        ("ROLE", None) => match database.rights.find_mut(first) {
            Some(role) if role.kind == Kind::Role => role.owner = heir,
            _ => return no_principal("role", first),
        },
        ("OBJECT", Some(name)) => {
            let Some(id) = database.object(first, name).map(|object| object.id) else {
                return no_principal("object", name);
            };
            for object in database.objects.iter_mut().filter(|object| object.id == id) {
                object.owner = heir;
            }
        }
        _ => return syntax(class),
    }
    Ok(())
}

/// `@name = N'…', @value = N'…'[, @level0type = N'SCHEMA'|N'USER', @level0name = N'…'[, @level1type = N'TABLE', @level1name = …]]`
pub fn add_property(env: &mut Env<'_>, database: &str, from: &mut Tokens) -> Outcome<()> {
    let mut given = std::collections::BTreeMap::new();
    loop {
        let Token::Variable(name) = from.next()? else {
            return from.refuse();
        };
        from.sign("=")?;
        let Value::Str(value) = literal(from)? else {
            return from.refuse();
        };
        given.insert(name.to_ascii_lowercase(), value);
        if !from.eat_sign(",") {
            break;
        }
    }
    env.model.needs(&env.who, "CONTROL SERVER")?;
    let text = |name: &str| given.get(name).cloned();
    let database = env.model.database_mut(database)?;
    let level0 = text("@level0name").unwrap_or_default();
    let at = match (text("@level0type").as_deref(), text("@level1name")) {
        (None, _) => Some((0, 0)),
        (Some("SCHEMA"), None) => database.schema(&level0).map(|schema| (3, schema.id)),
        (Some("SCHEMA"), Some(table)) => database.object(&level0, &table).map(|object| (1, object.id)),
        (Some("USER"), _) => database.rights.find(&level0).map(|found| (4, found.id)),
        _ => None,
    };
    match (at, text("@name"), text("@value")) {
        (Some((class, major)), Some(name), Some(value)) => {
            database.properties.push((class, major, name, value));
            Ok(())
        }
        _ => fault(
            15135,
            "Object is invalid. Extended properties are not permitted, or the object does not exist.",
        ),
    }
}
