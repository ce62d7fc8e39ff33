//! INSERT and DELETE: enough to see who may.

use super::{
    ddl::two_names,
    engine::Env,
    lex::Tokens,
    model::Object,
    value::{Outcome, Value, fault},
};

fn writable<'e>(env: &'e mut Env<'_>, permission: &str, schema: &str, name: &str) -> Outcome<&'e mut Object> {
    let database = env.model.database(&env.database)?;
    env.model.inside(&env.who, database)?;
    let Some(object) = database.object(schema, name) else {
        return fault(208, format!("Invalid object name '{schema}.{name}'."));
    };
    if object.view {
        return fault(4406, "Update or insert of view failed.");
    }
    if !env
        .model
        .may(&env.who, database, permission, Some(object.schema), Some(object))
    {
        return fault(
            229,
            format!("The {permission} permission was denied on the object '{name}'."),
        );
    }
    let id = object.id;
    let database = env.model.database_mut(&env.database)?;
    match database.objects.iter_mut().find(|object| object.id == id) {
        Some(object) => Ok(object),
        None => fault(208, "gone"),
    }
}

/// `INTO name DEFAULT VALUES` or `INTO name VALUES (n)`
pub fn insert(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    from.words("INTO")?;
    let (schema, name) = two_names(from)?;
    let value = if from.eat("DEFAULT") {
        from.words("VALUES")?;
        0
    } else {
        from.words("VALUES")?;
        from.sign("(")?;
        let value = env.value(from)?;
        from.sign(")")?;
        match value {
            Value::Int(n) => n,
            _ => return fault(245, "Conversion failed."),
        }
    };
    writable(env, "INSERT", &schema, &name)?.rows.push(value);
    Ok(())
}

pub fn delete(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    from.words("FROM")?;
    let (schema, name) = two_names(from)?;
    writable(env, "DELETE", &schema, &name)?.rows.clear();
    Ok(())
}
