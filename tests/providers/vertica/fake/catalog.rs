//! System tables, in the columns that are asked for here. Who is no superuser sees what is their own.

use super::{
    lexer::{Result, fault},
    model::{Held, Model, On, same},
    parse::{Kind, Path},
    rights::Actor,
    select::Value,
};

pub type Table = (Vec<&'static str>, Vec<Vec<Value>>);

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// As the server lists roles: a star for those that may be passed on.
fn list(held: &[Held]) -> String {
    let names: Vec<String> = held
        .iter()
        .map(|held| format!("{}{}", held.role, if held.admin { "*" } else { "" }))
        .collect();
    names.join(", ")
}

const TABLES: &[&str] = &[
    "table_schema",
    "table_name",
    "owner_name",
    "is_system_table",
    "is_temp_table",
];
const VIEWS: &[&str] = &["table_schema", "table_name", "owner_name", "is_system_view"];
const SEQUENCES: &[&str] = &["sequence_schema", "sequence_name", "owner_name"];
const FUNCTIONS: &[&str] = &["schema_name", "function_name"];

/// `None` if the path is no system table.
pub fn table(model: &Model, actor: &Actor, path: &Path) -> Option<Result<Table>> {
    let [schema, name] = path.as_slice() else {
        return None;
    };
    if !["v_catalog", "v_monitor"]
        .iter()
        .any(|system| same(system, schema))
    {
        return None;
    }
    let full = format!("{}.{}", schema.to_lowercase(), name.to_lowercase());
    let table = match full.as_str() {
        "v_catalog.users" => users(model, actor),
        "v_catalog.roles" => roles(model),
        "v_catalog.profiles" => (
            vec!["profile_name"],
            model
                .profiles
                .iter()
                .map(|profile| vec![text(&profile.name)])
                .collect(),
        ),
        "v_catalog.grants" => grants(model, actor),
        "v_catalog.schemata" => schemata(model),
        "v_catalog.tables" => objects(model, Kind::Table, TABLES),
        "v_catalog.views" => objects(model, Kind::View, VIEWS),
        "v_catalog.sequences" => objects(model, Kind::Sequence, SEQUENCES),
        "v_catalog.user_functions" => objects(model, Kind::Function, FUNCTIONS),
        "v_catalog.comments" => comments(model),
        "v_catalog.databases" => (
            vec!["database_id", "database_name", "owner_name"],
            vec![vec![
                Value::Int(45_035_996_273_704_976),
                text(&model.database),
                text("dbadmin"),
            ]],
        ),
        "v_catalog.client_auth" => (
            vec!["auth_name", "is_auth_enabled", "auth_method"],
            model
                .authentications
                .keys()
                .map(|name| vec![text(name), text("True"), text("HASH")])
                .collect(),
        ),
        "v_catalog.user_client_auth" => user_client_auth(model),
        "v_monitor.sessions" => sessions(model, actor),
        _ => return Some(Err(fault("42V01", format!("Relation \"{full}\" does not exist")))),
    };
    Some(Ok(table))
}

fn users(model: &Model, actor: &Actor) -> Table {
    let all = actor.is_super(model);
    let rows = model
        .users
        .iter()
        .filter(|user| all || same(&user.name, &actor.user))
        .map(|user| {
            vec![
                Value::Int(user.id),
                text(&user.name),
                Value::Bool(same(&user.name, super::model::ADMIN)),
                text(&user.profile),
                Value::Bool(user.locked),
                user.connections
                    .map_or_else(|| text("unlimited"), |count| text(&count.to_string())),
                text(user.idle.as_deref().unwrap_or("unlimited")),
                text(&list(&user.held)),
                text(&user.defaults.join(", ")),
            ]
        });
    (
        vec![
            "user_id",
            "user_name",
            "is_super_user",
            "profile_name",
            "is_locked",
            "max_connections",
            "idle_session_timeout",
            "all_roles",
            "default_roles",
        ],
        rows.collect(),
    )
}

fn roles(model: &Model) -> Table {
    let rows = model
        .roles
        .iter()
        .map(|role| vec![Value::Int(role.id), text(&role.name), text(&list(&role.held))]);
    (vec!["role_id", "name", "assigned_roles"], rows.collect())
}

fn grants(model: &Model, actor: &Actor) -> Table {
    let mut rows = Vec::new();
    let mut push = |kind: &str, schema: &str, name: &str, grantee: &str, privileges: &str| {
        rows.push(
            ["dbadmin", privileges, schema, name, kind, grantee]
                .map(text)
                .to_vec(),
        );
    };
    for user in &model.users {
        user.held
            .iter()
            .for_each(|held| push("ROLE", "", &held.role, &user.name, ""));
    }
    for role in &model.roles {
        role.held
            .iter()
            .for_each(|held| push("ROLE", "", &held.role, &role.name, ""));
    }
    for ((grantee, on), privileges) in &model.grants {
        let list: Vec<&str> = privileges.iter().map(String::as_str).collect();
        let list = list.join(", ");
        match on {
            On::Database => push("DATABASE", "", &model.database, grantee, &list),
            On::Schema(schema) => push("SCHEMA", "", schema, grantee, &list),
            On::Object(schema, name) => {
                let object = model
                    .objects
                    .iter()
                    .find(|object| same(&object.schema, schema) && same(&object.name, name));
                let kind = match object.map(|object| object.kind) {
                    Some(Kind::View) => "VIEW",
                    Some(Kind::Sequence) => "SEQUENCE",
                    Some(Kind::Table | Kind::Schema) => "TABLE",
                    Some(Kind::Function) | None => "PROCEDURE",
                };
                push(kind, schema, name, grantee, &list);
            }
        }
    }
    let mut own = actor.roles(model);
    own.insert(actor.user.to_lowercase());
    if !actor.is_super(model) {
        rows.retain(|row| matches!(&row[5], Value::Text(grantee) if own.contains(&grantee.to_lowercase())));
    }
    (
        vec![
            "grantor",
            "privileges_description",
            "object_schema",
            "object_name",
            "object_type",
            "grantee",
        ],
        rows,
    )
}

fn schemata(model: &Model) -> Table {
    let of = |name: &str, owner: &str, made, system| {
        vec![
            Value::Int(1),
            text(name),
            text(owner),
            Value::Time(made),
            Value::Bool(system),
        ]
    };
    let born = model.schemas[0].made;
    let mut rows: Vec<_> = ["v_catalog", "v_monitor", "v_internal"]
        .iter()
        .map(|name| of(name, "dbadmin", born, true))
        .collect();
    rows.extend(
        model
            .schemas
            .iter()
            .map(|schema| of(&schema.name, &schema.owner, schema.made, false)),
    );
    (
        vec![
            "schema_id",
            "schema_name",
            "schema_owner",
            "create_time",
            "is_system_schema",
        ],
        rows,
    )
}

/// Columns beyond the third are truths, and false.
fn objects(model: &Model, kind: Kind, columns: &[&'static str]) -> Table {
    let rows = model
        .objects
        .iter()
        .filter(|object| object.kind == kind)
        .map(|object| {
            let mut row = vec![text(&object.schema), text(&object.name), text(&object.owner)];
            row.resize(columns.len().max(3), Value::Bool(false));
            row.truncate(columns.len());
            row
        });
    (columns.to_vec(), rows.collect())
}

fn comments(model: &Model) -> Table {
    let rows = model.comments.iter().map(|((kind, schema, name), comment)| {
        let kind = match kind {
            Kind::Schema => "SCHEMA",
            Kind::View => "VIEW",
            Kind::Sequence => "SEQUENCE",
            Kind::Function => "FUNCTION",
            Kind::Table => "TABLE",
        };
        [kind, schema, name, comment].map(text).to_vec()
    });
    (
        vec!["object_type", "object_schema", "object_name", "comment"],
        rows.collect(),
    )
}

fn user_client_auth(model: &Model) -> Table {
    let rows = model
        .authentications
        .iter()
        .flat_map(|(name, holders)| holders.iter().map(move |holder| vec![text(holder), text(name)]));
    (vec!["user_name", "auth_name"], rows.collect())
}

fn sessions(model: &Model, actor: &Actor) -> Table {
    let all = actor.is_super(model);
    let rows = model
        .sessions
        .iter()
        .filter(|session| all || session.id == actor.session)
        .map(|session| {
            vec![
                text(&session.id),
                text(&session.user),
                Value::Time(session.began),
                text(&session.label),
            ]
        });
    (
        vec!["session_id", "user_name", "login_timestamp", "client_label"],
        rows.collect(),
    )
}
