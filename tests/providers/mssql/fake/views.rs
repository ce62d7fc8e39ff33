//! The catalogue views, made from the model at each look.

use super::{
    engine::Env,
    model::{Database, Model, Rights},
    value::{Outcome, Type, Value, fault},
};

#[derive(Debug, Clone, Default)]
pub struct Relation {
    pub columns: Vec<(String, Type)>,
    pub rows: Vec<Vec<Value>>,
}

fn relation(columns: &[(&str, Type)], rows: Vec<Vec<Value>>) -> Relation {
    Relation {
        columns: columns
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), *kind))
            .collect(),
        rows,
    }
}

fn int(number: i32) -> Value {
    Value::Int(i64::from(number))
}

fn optional(number: Option<i32>) -> Value {
    number.map_or(Value::Null, int)
}

/// `sys.NAME` in a database, or of the server.
pub fn view(env: &Env<'_>, database: &str, name: &str) -> Outcome<Relation> {
    let model = &*env.model;
    let name = name.to_ascii_lowercase();
    if let Some(found) = of_server(env, &name) {
        return Ok(found);
    }
    let database = model.database(database)?;
    model.inside(&env.who, database)?;
    match of_database(database, &name) {
        Some(found) => Ok(found),
        None => fault(208, format!("Invalid object name 'sys.{name}'.")),
    }
}

fn of_server(env: &Env<'_>, name: &str) -> Option<Relation> {
    let model = &*env.model;
    Some(match name {
        "databases" => databases(model),
        "server_principals" => principals(&model.server, "is_disabled"),
        "server_role_members" => members(&model.server),
        "server_permissions" => permissions(&model.server),
        "dm_exec_sessions" => sessions(env),
        _ => return None,
    })
}

fn of_database(database: &Database, name: &str) -> Option<Relation> {
    Some(match name {
        "database_principals" => principals(&database.rights, "is_disabled_does_not_exist"),
        "database_role_members" => members(&database.rights),
        "database_permissions" => permissions(&database.rights),
        "schemas" => relation(
            &[
                ("name", Type::Str),
                ("schema_id", Type::Int),
                ("principal_id", Type::Int),
            ],
            database
                .schemas
                .iter()
                .map(|schema| vec![Value::of(&schema.name), int(schema.id), int(schema.owner)])
                .collect(),
        ),
        "objects" => objects(database),
        "extended_properties" => relation(
            &[
                ("class", Type::Tiny),
                ("major_id", Type::Int),
                ("minor_id", Type::Int),
                ("name", Type::Str),
                ("value", Type::Str),
            ],
            database
                .properties
                .iter()
                .map(|(class, major, name, value)| {
                    vec![
                        Value::Int(i64::from(*class)),
                        int(*major),
                        Value::Int(0),
                        Value::of(name),
                        Value::of(value),
                    ]
                })
                .collect(),
        ),
        _ => return None,
    })
}

fn databases(model: &Model) -> Relation {
    let row = |database: &Database| {
        vec![
            Value::of(&database.name),
            int(database.id),
            Value::Null,
            Value::Bin(database.owner.clone()),
            Value::of(if database.online { "ONLINE" } else { "OFFLINE" }),
            Value::Bit(database.read_only),
            Value::Bit(false),
            Value::of(if database.name == "msdb" {
                "7E0E5D6A-96C2-4B4F-9B2C-0F5C4D1B7A10"
            } else {
                "00000000-0000-0000-0000-000000000000"
            }),
        ]
    };
    relation(
        &[
            ("name", Type::Str),
            ("database_id", Type::Int),
            ("source_database_id", Type::Int),
            ("owner_sid", Type::Bin),
            ("state_desc", Type::Str),
            ("is_read_only", Type::Bit),
            ("is_distributor", Type::Bit),
            ("service_broker_guid", Type::Str),
        ],
        model.databases.iter().map(row).collect(),
    )
}

fn principals(rights: &Rights, disabled: &str) -> Relation {
    relation(
        &[
            ("name", Type::Str),
            ("principal_id", Type::Int),
            ("sid", Type::Bin),
            ("type", Type::Str),
            ("is_fixed_role", Type::Bit),
            ("owning_principal_id", Type::Int),
            (disabled, Type::Bit),
        ],
        rights
            .principals
            .iter()
            .map(|found| {
                vec![
                    Value::of(&found.name),
                    int(found.id),
                    if found.sid.is_empty() {
                        Value::Null
                    } else {
                        Value::Bin(found.sid.clone())
                    },
                    Value::of(found.kind.letter()),
                    Value::Bit(found.fixed),
                    optional(found.owner),
                    Value::Bit(found.disabled),
                ]
            })
            .collect(),
    )
}

fn members(rights: &Rights) -> Relation {
    relation(
        &[
            ("role_principal_id", Type::Int),
            ("member_principal_id", Type::Int),
        ],
        rights
            .members
            .iter()
            .map(|(role, member)| vec![int(*role), int(*member)])
            .collect(),
    )
}

fn permissions(rights: &Rights) -> Relation {
    relation(
        &[
            ("class", Type::Tiny),
            ("major_id", Type::Int),
            ("minor_id", Type::Int),
            ("permission_name", Type::Str),
            ("state", Type::Str),
            ("grantee_principal_id", Type::Int),
            ("grantor_principal_id", Type::Int),
        ],
        rights
            .permissions
            .iter()
            .map(|found| {
                vec![
                    Value::Int(i64::from(found.class)),
                    int(found.major),
                    Value::Int(0),
                    Value::of(&found.name),
                    Value::Str(found.state.to_string()),
                    int(found.grantee),
                    int(found.grantor),
                ]
            })
            .collect(),
    )
}

fn objects(database: &Database) -> Relation {
    relation(
        &[
            ("name", Type::Str),
            ("object_id", Type::Int),
            ("schema_id", Type::Int),
            ("type", Type::Str),
            ("is_ms_shipped", Type::Bit),
            ("principal_id", Type::Int),
        ],
        database
            .objects
            .iter()
            .map(|object| {
                vec![
                    Value::of(&object.name),
                    int(object.id),
                    int(object.schema),
                    Value::of(if object.view { "V" } else { "U" }),
                    Value::Bit(false),
                    optional(object.owner),
                ]
            })
            .collect(),
    )
}

/// Whoever may not see the server's state sees themselves.
fn sessions(env: &Env<'_>) -> Relation {
    let all = env.model.may_server(&env.who, "VIEW SERVER STATE");
    let rows = env
        .sessions
        .list()
        .into_iter()
        .filter(|session| all || session.id == env.id);
    relation(
        &[
            ("session_id", Type::Int),
            ("security_id", Type::Bin),
            ("original_security_id", Type::Bin),
            ("login_time", Type::Time),
            ("is_user_process", Type::Bit),
            ("program_name", Type::Str),
        ],
        rows.map(|session| {
            vec![
                int(session.id),
                Value::Bin(session.sid.clone()),
                Value::Bin(session.sid),
                Value::Time(session.since),
                Value::Bit(true),
                Value::Str(session.application),
            ]
        })
        .collect(),
    )
}
