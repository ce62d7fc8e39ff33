//! Schemas, tables and the like, and the privileges on them.

use std::collections::BTreeSet;

use super::{
    lexer::{Result, fault},
    model::{Model, Object, On, Schema, key, same, split},
    parse::{Kind, Path, Scope},
    rights::{Actor, denied},
};

const ON_SCHEMA: &[&str] = &[
    "USAGE",
    "CREATE",
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "REFERENCES",
    "TRUNCATE",
    "ALTER",
    "DROP",
];
const ON_TABLE: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "REFERENCES",
    "TRUNCATE",
    "ALTER",
    "DROP",
];
const ON_VIEW: &[&str] = &["SELECT", "ALTER", "DROP"];

fn valid(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Schema => ON_SCHEMA,
        Kind::Table => ON_TABLE,
        Kind::View | Kind::Sequence => ON_VIEW,
        Kind::Function => &["EXECUTE"],
    }
}

fn check(privileges: &[String], valid: &[&str]) -> Result<()> {
    match privileges
        .iter()
        .find(|privilege| !valid.contains(&privilege.as_str()))
    {
        Some(wrong) => Err(fault(
            "42601",
            format!("Privilege {wrong} is not valid for this object"),
        )),
        None => Ok(()),
    }
}

/// The objects of a scope with the privileges that count there.
fn targets(
    model: &Model,
    actor: &Actor,
    privileges: &[String],
    on: &Scope,
) -> Result<Vec<(On, Vec<String>)>> {
    match on {
        Scope::Database(name) => {
            check(privileges, &["CREATE", "TEMP", "TEMPORARY"])?;
            if !same(name, &model.database) {
                return Err(fault("3D000", format!("Database \"{name}\" does not exist")));
            }
            actor.must_be_super(model, "GRANT on the database")?;
            let privileges = privileges.iter().map(|one| one.replace("TEMPORARY", "TEMP"));
            Ok(vec![(On::Database, privileges.collect())])
        }
        Scope::Schema(name) => {
            check(privileges, ON_SCHEMA)?;
            must_own(model, actor, &model.schema(name)?.owner)?;
            Ok(vec![(On::Schema(key(name)), privileges.to_vec())])
        }
        Scope::Object(kind, path) => {
            let object = model.object(path)?;
            let fits = match object.kind {
                // A view is named as a table is.
                Kind::View => matches!(kind, Kind::Table | Kind::View),
                other => other == *kind,
            };
            if !fits {
                return Err(fault("42809", format!("{} is of another kind", path.join("."))));
            }
            check(privileges, valid(object.kind))?;
            must_own(model, actor, &object.owner)?;
            let on = On::Object(key(&object.schema), key(&object.name));
            Ok(vec![(on, privileges.to_vec())])
        }
        Scope::AllIn(kind, schema) => all_in(model, actor, privileges, *kind, schema),
    }
}

fn must_own(model: &Model, actor: &Actor, owner: &str) -> Result<()> {
    if actor.is_super(model) || same(owner, &actor.user) {
        Ok(())
    } else {
        Err(denied("GRANT on what belongs to somebody else"))
    }
}

/// All of a kind in a schema, views with the tables, each with the privileges that it can have.
fn all_in(
    model: &Model,
    actor: &Actor,
    privileges: &[String],
    kind: Kind,
    schema: &str,
) -> Result<Vec<(On, Vec<String>)>> {
    check(privileges, valid(kind))?;
    model.schema(schema)?;
    let mut all = Vec::new();
    for object in model.objects.iter().filter(|object| same(&object.schema, schema)) {
        let fits = match object.kind {
            Kind::View => kind == Kind::Table,
            other => other == kind,
        };
        if !fits {
            continue;
        }
        must_own(model, actor, &object.owner)?;
        let count = privileges
            .iter()
            .filter(|one| valid(object.kind).contains(&one.as_str()));
        let name = if object.kind == Kind::Function {
            format!("{}()", key(&object.name))
        } else {
            key(&object.name)
        };
        all.push((On::Object(key(&object.schema), name), count.cloned().collect()));
    }
    Ok(all)
}

pub fn grant(
    model: &mut Model,
    actor: &Actor,
    privileges: &[String],
    on: &Scope,
    to: &[String],
) -> Result<()> {
    let targets = targets(model, actor, privileges, on)?;
    for grantee in to {
        let grantee = model.grantee(grantee)?;
        for (on, privileges) in &targets {
            if !privileges.is_empty() {
                let given = model.grants.entry((grantee.clone(), on.clone())).or_default();
                given.extend(privileges.iter().cloned());
            }
        }
    }
    Ok(())
}

pub fn revoke(
    model: &mut Model,
    actor: &Actor,
    privileges: &[String],
    on: &Scope,
    from: &[String],
) -> Result<()> {
    let targets = targets(model, actor, privileges, on)?;
    for grantee in from {
        let grantee = model.grantee(grantee)?;
        for (on, privileges) in &targets {
            if let Some(given) = model.grants.get_mut(&(grantee.clone(), on.clone())) {
                given.retain(|one| !privileges.contains(one));
            }
        }
    }
    model.grants.retain(|_, given| !given.is_empty());
    Ok(())
}

pub fn create(
    model: &mut Model,
    actor: &Actor,
    kind: Kind,
    path: &Path,
    owner: Option<&str>,
    columns: &[String],
    now: chrono::DateTime<chrono::Utc>,
) -> Result<()> {
    let owner = owner.unwrap_or(&actor.user).to_owned();
    if model.user(&owner).is_none() {
        return Err(fault("42704", format!("User \"{owner}\" does not exist")));
    }
    if kind == Kind::Schema {
        actor.may_in_database(model, "CREATE")?;
        if model.schema(&path[0]).is_ok() {
            return Err(fault("42710", format!("Schema \"{}\" already exists", path[0])));
        }
        let id = model.id();
        model.schemas.push(Schema {
            id,
            name: path[0].clone(),
            owner,
            made: now,
        });
        return Ok(());
    }
    let (schema, name) = split(path);
    actor.may_in_schema(model, &schema, "USAGE")?;
    actor.may_in_schema(model, &schema, "CREATE")?;
    if model
        .objects
        .iter()
        .any(|object| same(&object.schema, &schema) && same(&object.name, &name))
    {
        return Err(fault("42710", format!("Object \"{name}\" already exists")));
    }
    let schema = model.schema(&schema)?.name.clone();
    model.objects.push(Object {
        kind,
        schema,
        name,
        owner,
        columns: columns.to_vec(),
        rows: Vec::new(),
    });
    Ok(())
}

pub fn drop(model: &mut Model, actor: &Actor, kind: Kind, path: &Path, cascade: bool) -> Result<()> {
    if kind == Kind::Schema {
        let schema = model.schema(&path[0])?.clone();
        if !actor.is_super(model) && !same(&schema.owner, &actor.user) {
            return Err(denied("DROP SCHEMA"));
        }
        let full = model
            .objects
            .iter()
            .any(|object| same(&object.schema, &schema.name));
        if full && !cascade {
            return Err(fault("2BP01", format!("Schema {} is not empty", schema.name)));
        }
        model.objects.retain(|object| !same(&object.schema, &schema.name));
        model.schemas.retain(|one| one.id != schema.id);
    } else {
        if kind == Kind::Function {
            actor.must_be_super(model, "DROP FUNCTION")?;
        } else {
            actor.may(model, path, "DROP")?;
        }
        let (schema, name) = split(path);
        model
            .objects
            .retain(|object| !(same(&object.schema, &schema) && same(&object.name, &name)));
    }
    forget(model);
    Ok(())
}

/// Privileges and comments on what is gone.
fn forget(model: &mut Model) {
    let schemas: BTreeSet<String> = model.schemas.iter().map(|schema| key(&schema.name)).collect();
    let objects: BTreeSet<(String, String)> = model
        .objects
        .iter()
        .map(|object| (key(&object.schema), key(&object.name)))
        .collect();
    let is_there = |on: &On| match on {
        On::Database => true,
        On::Schema(schema) => schemas.contains(schema),
        On::Object(schema, name) => {
            objects.contains(&(schema.clone(), name.trim_end_matches("()").to_owned()))
        }
    };
    model.grants.retain(|(_, on), _| is_there(on));
    model.comments.retain(|(kind, schema, name), _| match kind {
        Kind::Schema => schemas.contains(name),
        _ => objects.contains(&(schema.clone(), name.clone())),
    });
}

pub fn own(model: &mut Model, actor: &Actor, kind: Kind, path: &Path, owner: &str) -> Result<()> {
    actor.must_be_super(model, "ALTER … OWNER")?;
    let owner = model
        .user(owner)
        .ok_or_else(|| fault("42704", format!("User \"{owner}\" does not exist")))?
        .name
        .clone();
    if kind == Kind::Schema {
        let id = model.schema(&path[0])?.id;
        if let Some(schema) = model.schemas.iter_mut().find(|schema| schema.id == id) {
            schema.owner = owner;
        }
        return Ok(());
    }
    let object = model.object_mut(path)?;
    if object.kind != kind {
        return Err(fault("42809", format!("{} is of another kind", path.join("."))));
    }
    object.owner = owner;
    Ok(())
}

pub fn comment(model: &mut Model, actor: &Actor, kind: Kind, path: &Path, text: &str) -> Result<()> {
    actor.must_be_super(model, "COMMENT")?;
    let at = if kind == Kind::Schema {
        (kind, String::new(), key(&model.schema(&path[0])?.name))
    } else {
        let object = model.object(path)?;
        (object.kind, key(&object.schema), key(&object.name))
    };
    model.comments.insert(at, text.to_owned());
    Ok(())
}

/// One more row, or one of nothing but defaults.
pub fn insert(
    model: &mut Model,
    actor: &Actor,
    path: &Path,
    values: Option<Vec<Option<String>>>,
) -> Result<()> {
    must_be_table(model, path)?;
    actor.may(model, path, "INSERT")?;
    let object = model.object_mut(path)?;
    let row = values.unwrap_or_else(|| vec![None; object.columns.len()]);
    if row.len() != object.columns.len() {
        return Err(fault(
            "42601",
            "INSERT has another number of values than the table of columns",
        ));
    }
    object.rows.push(row);
    Ok(())
}

pub fn empty(model: &mut Model, actor: &Actor, path: &Path, privilege: &str) -> Result<()> {
    must_be_table(model, path)?;
    actor.may(model, path, privilege)?;
    model.object_mut(path)?.rows.clear();
    Ok(())
}

fn must_be_table(model: &Model, path: &Path) -> Result<()> {
    if model.object(path)?.kind == Kind::Table {
        Ok(())
    } else {
        Err(fault("42809", format!("{} is not a table", path.join("."))))
    }
}
