//! GRANT, DENY and REVOKE.

use super::{
    ddl::two_names,
    engine::Env,
    lex::Tokens,
    model::{DBO, Permission, no_principal},
    value::{Outcome, fault, same},
};

/// Names of permissions, by what they are given on; others are a mistake.
const SERVER: [&str; 10] = [
    "CONNECT ANY DATABASE",
    "SELECT ALL USER SECURABLES",
    "CONTROL SERVER",
    "ALTER ANY LOGIN",
    "VIEW ANY DATABASE",
    "VIEW SERVER STATE",
    "ALTER ANY CONNECTION",
    "ALTER ANY SERVER ROLE",
    "VIEW ANY DEFINITION",
    "ALTER ANY DATABASE",
];
const DATABASE: [&str; 14] = [
    "SELECT",
    "VIEW DEFINITION",
    "INSERT",
    "UPDATE",
    "DELETE",
    "EXECUTE",
    "ALTER",
    "CONTROL",
    "CREATE TABLE",
    "CREATE VIEW",
    "CREATE PROCEDURE",
    "CREATE FUNCTION",
    "CREATE SCHEMA",
    "ALTER ANY USER",
];
const SCHEMA: [&str; 8] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "EXECUTE",
    "ALTER",
    "CONTROL",
    "VIEW DEFINITION",
];
const OBJECT: [&str; 7] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "ALTER",
    "CONTROL",
    "VIEW DEFINITION",
];

/// What a statement is about.
struct Securable {
    class: u8,
    major: i32,
    schema: Option<i32>,
}

/// Names up to ON, TO or FROM.
fn names(from: &mut Tokens) -> Outcome<Vec<String>> {
    let mut all = vec![String::new()];
    loop {
        if from.eat_sign(",") {
            all.push(String::new());
        } else if ["ON", "TO", "FROM"].iter().any(|word| from.is_word(word)) {
            return Ok(all);
        } else if let Some(last) = all.last_mut() {
            let word = from.upper_word()?;
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(&word);
        }
    }
}

/// Without ON: the server where the names are the server's, else the current database.
fn securable(env: &Env<'_>, from: &mut Tokens, names: &[String]) -> Outcome<Securable> {
    let (class, major, schema, known): (u8, i32, Option<i32>, &[&str]) = if !from.eat("ON") {
        if names.iter().all(|name| SERVER.contains(&name.as_str())) {
            (100, 0, None, &SERVER)
        } else {
            (0, 0, None, &DATABASE)
        }
    } else {
        let class = from.upper_word()?;
        from.sign("::")?;
        let database = env.model.database(&env.database)?;
        match class.as_str() {
            "DATABASE" => {
                let name = from.name()?;
                if !same(&name, &env.database) {
                    return fault(15151, format!("Cannot find the database '{name}' here."));
                }
                (0, 0, None, &DATABASE)
            }
            "SCHEMA" => {
                let name = from.name()?;
                let Some(schema) = database.schema(&name) else {
                    return no_principal("schema", &name);
                };
                (3, schema.id, Some(schema.id), &SCHEMA)
            }
            "OBJECT" => {
                let (schema, name) = two_names(from)?;
                let Some(object) = database.object(&schema, &name) else {
                    return no_principal("object", &name);
                };
                (1, object.id, Some(object.schema), &OBJECT)
            }
            class => return super::value::syntax(class),
        }
    };
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => super::value::syntax(name),
        None => Ok(Securable { class, major, schema }),
    }
}

/// Whoever gives must control it. In whose name: the owner's, or their own.
fn giver(env: &Env<'_>, on: &Securable) -> Outcome<i32> {
    if on.class == 100 {
        env.model.needs(&env.who, "CONTROL SERVER")?;
        return Ok(1);
    }
    let database = env.model.database(&env.database)?;
    let inside = env.model.inside(&env.who, database)?;
    if inside.owner {
        return Ok(DBO);
    }
    let object = database
        .objects
        .iter()
        .find(|object| on.class == 1 && object.id == on.major);
    if env.model.may(&env.who, database, "CONTROL", on.schema, object) {
        Ok(inside.user)
    } else {
        fault(
            15151,
            "Cannot find the securable, because it does not exist or you do not have permission.",
        )
    }
}

fn rights<'e>(env: &'e mut Env<'_>, class: u8) -> Outcome<&'e mut super::model::Rights> {
    if class == 100 {
        if !same(&env.database, "master") {
            return fault(
                4621,
                "Permissions at the server scope can only be granted when the current database is master.",
            );
        }
        return Ok(&mut env.model.server);
    }
    Ok(&mut env.model.database_mut(&env.database)?.rights)
}

pub fn grant(env: &mut Env<'_>, from: &mut Tokens, state: char) -> Outcome<()> {
    let names = names(from)?;
    let on = securable(env, from, &names)?;
    from.words("TO")?;
    let grantee = from.name()?;
    let grantor = giver(env, &on)?;
    let rights = rights(env, on.class)?;
    let Some(grantee) = rights.find(&grantee).map(|found| found.id) else {
        return no_principal("user", &grantee);
    };
    for name in names {
        rights.permissions.retain(|found| {
            !(found.class == on.class
                && found.major == on.major
                && found.grantee == grantee
                && found.name == name)
        });
        rights.permissions.push(Permission {
            class: on.class,
            major: on.major,
            name,
            state,
            grantee,
            grantor,
        });
    }
    Ok(())
}

/// `REVOKE … FROM name [CASCADE] [AS name]`
pub fn revoke(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    let names = names(from)?;
    let on = securable(env, from, &names)?;
    from.words("FROM")?;
    let grantee = from.name()?;
    from.eat("CASCADE");
    let named = if from.eat("AS") { Some(from.name()?) } else { None };
    let giver = giver(env, &on)?;
    let rights = rights(env, on.class)?;
    let id = |name: &str| rights.find(name).map(|found| found.id);
    let (Some(grantee), Some(grantor)) = (id(&grantee), named.as_deref().map_or(Some(giver), id)) else {
        return no_principal("user", &grantee);
    };
    rights.permissions.retain(|found| {
        !(found.class == on.class
            && found.major == on.major
            && found.grantee == grantee
            && found.grantor == grantor
            && names.contains(&found.name))
    });
    Ok(())
}
