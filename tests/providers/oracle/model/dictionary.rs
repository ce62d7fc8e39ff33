//! The views that are asked for, with the columns that the Database Reference gives them in the version at hand.

use super::{Lock, Ora, Result, State, parse::DefaultRoles, select::Value};

pub struct View {
    columns: &'static [&'static str],
    pub rows: Vec<Vec<Value>>,
}

impl View {
    pub fn column(&self, name: &str) -> Result<usize> {
        self.columns
            .iter()
            .position(|column| *column == name)
            .ok_or(Ora(904))
    }
}

pub fn context(state: &State, sid: u32, what: &str) -> Result<Value> {
    Ok(Value::text(match what {
        "CON_NAME" => state.flavour.container,
        "DATABASE_ROLE" => state.flavour.role,
        "SESSION_USER" => state.sessions[&sid].user.as_str(),
        "DB_UNIQUE_NAME" => "ORCLCDB",
        "INSTANCE" => "1",
        _ => return Err(Ora(2003)),
    }))
}

/// Everybody may read these; the rest is for those who may read the dictionary.
const PUBLIC: &[&str] = &[
    "DUAL",
    "PRODUCT_COMPONENT_VERSION",
    "SESSION_PRIVS",
    "SESSION_ROLES",
    "USER_USERS",
    "ALL_OBJECTS",
];

pub fn view(state: &State, sid: u32, name: &str) -> Result<View> {
    if !PUBLIC.contains(&name) && !state.reads_dictionary(sid) {
        return Err(Ora(942));
    }
    let newer = ["DBA_SCHEMA_PRIVS", "DBA_ANNOTATIONS_USAGE"];
    if newer.contains(&name) && !state.flavour.has_schema_privileges() {
        return Err(Ora(942));
    }
    let (columns, rows): (&'static [&'static str], Vec<Vec<Value>>) = match name {
        "DUAL" => (&["DUMMY"], vec![vec![Value::text("X")]]),
        "PRODUCT_COMPONENT_VERSION" => (&["PRODUCT", "VERSION", "STATUS"], products(state)),
        "SESSION_PRIVS" => (&["PRIVILEGE"], session_privileges(state, sid)),
        "SESSION_ROLES" => (&["ROLE"], session_roles(state, sid)),
        "USER_USERS" => (
            &["USERNAME", "ACCOUNT_STATUS", "EXPIRY_DATE"],
            own_user(state, sid),
        ),
        "ALL_OBJECTS" => (&["OWNER", "OBJECT_NAME", "OBJECT_TYPE"], packages(state)),
        "DBA_USERS" => (
            &[
                "USERNAME",
                "ACCOUNT_STATUS",
                "PROFILE",
                "CREATED",
                "ORACLE_MAINTAINED",
            ],
            users(state),
        ),
        "DBA_ROLES" => (
            &["ROLE", "ORACLE_MAINTAINED", "AUTHENTICATION_TYPE"],
            roles(state),
        ),
        "DBA_ROLE_PRIVS" => (
            &["GRANTEE", "GRANTED_ROLE", "ADMIN_OPTION", "DEFAULT_ROLE"],
            role_grants(state),
        ),
        "DBA_SYS_PRIVS" => (&["GRANTEE", "PRIVILEGE", "ADMIN_OPTION"], system_grants(state)),
        "DBA_TAB_PRIVS" => (
            &["GRANTEE", "OWNER", "TABLE_NAME", "GRANTOR", "PRIVILEGE"],
            object_grants(state),
        ),
        "DBA_SCHEMA_PRIVS" => (&["GRANTEE", "PRIVILEGE", "SCHEMA"], schema_grants(state)),
        "DBA_PROFILES" => (&["PROFILE", "RESOURCE_NAME", "LIMIT"], profiles(state)),
        "DBA_OBJECTS" => (
            &[
                "OWNER",
                "OBJECT_NAME",
                "OBJECT_TYPE",
                "SECONDARY",
                "ORACLE_MAINTAINED",
            ],
            objects(state),
        ),
        "DBA_TAB_COMMENTS" => (&["OWNER", "TABLE_NAME", "COMMENTS"], comments(state)),
        "DBA_ANNOTATIONS_USAGE" => (
            &[
                "ANNOTATION_OWNER",
                "OBJECT_NAME",
                "OBJECT_TYPE",
                "COLUMN_NAME",
                "ANNOTATION_NAME",
                "ANNOTATION_VALUE",
            ],
            annotations(state),
        ),
        "GV$SESSION" => (
            &[
                "INST_ID",
                "SID",
                "SERIAL#",
                "USERNAME",
                "STATUS",
                "SERVER",
                "TYPE",
                "LOGON_TIME",
            ],
            sessions(state),
        ),
        "V$DATABASE" => (
            &["DBID", "CON_DBID"],
            vec![vec![Value::Number(2_749_912_345), Value::Number(1_034_876_001)]],
        ),
        _ => return Err(Ora(942)),
    };
    Ok(View { columns, rows })
}

fn products(state: &State) -> Vec<Vec<Value>> {
    [state.flavour.product, "PL/SQL"]
        .into_iter()
        .map(|product| {
            vec![
                Value::text(product),
                Value::text(state.flavour.version),
                Value::text("Production"),
            ]
        })
        .collect()
}

fn session_privileges(state: &State, sid: u32) -> Vec<Vec<Value>> {
    let session = &state.sessions[&sid];
    let mut all: Vec<&String> = state
        .holders(&session.user, &session.enabled)
        .flat_map(|holder| holder.system.keys())
        .collect();
    all.sort();
    all.dedup();
    all.into_iter()
        .map(|one| vec![Value::text(one.as_str())])
        .collect()
}

fn session_roles(state: &State, sid: u32) -> Vec<Vec<Value>> {
    let enabled = &state.sessions[&sid].enabled;
    let name = |id| Value::text(state.principals[id].name.as_str());
    enabled.iter().map(|id| vec![name(id)]).collect()
}

fn status(lock: Lock) -> &'static str {
    match lock {
        Lock::Open => "OPEN",
        Lock::Timed => "LOCKED(TIMED)",
        Lock::Shut => "LOCKED",
    }
}

fn own_user(state: &State, sid: u32) -> Vec<Vec<Value>> {
    let name = &state.sessions[&sid].user;
    vec![vec![Value::text(name.as_str()), Value::text("OPEN"), Value::Null]]
}

fn packages(state: &State) -> Vec<Vec<Value>> {
    if state.flavour.rds {
        vec![["RDSADMIN", "RDSADMIN_UTIL", "PACKAGE"].map(Value::text).to_vec()]
    } else {
        Vec::new()
    }
}

fn letter(is: bool) -> Value {
    Value::text(if is { "Y" } else { "N" })
}

fn users(state: &State) -> Vec<Vec<Value>> {
    let of = |(name, id): (&String, &u32)| {
        let principal = &state.principals[id];
        let user = principal.user.as_ref()?;
        Some(vec![
            Value::text(name.as_str()),
            Value::text(status(user.locked)),
            Value::text(user.profile.as_str()),
            Value::Date(user.created),
            letter(principal.maintained),
        ])
    };
    state.names.iter().filter_map(of).collect()
}

fn roles(state: &State) -> Vec<Vec<Value>> {
    let roles = state.names.iter().map(|(name, id)| (name, &state.principals[id]));
    roles
        .filter(|(_, principal)| principal.user.is_none())
        .map(|(name, role)| {
            vec![
                Value::text(name.as_str()),
                letter(role.maintained),
                Value::text(if role.guarded { "PASSWORD" } else { "NONE" }),
            ]
        })
        .collect()
}

fn role_grants(state: &State) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for (name, id) in &state.names {
        let principal = &state.principals[id];
        for (role, admin) in &principal.roles {
            let role = state.principals[role].name.as_str();
            let default = match principal.user.as_ref().map(|user| &user.default_roles) {
                None | Some(DefaultRoles::All) => true,
                Some(DefaultRoles::None) => false,
                Some(DefaultRoles::These(names)) => names.iter().any(|name| name == role),
            };
            all.push(vec![
                Value::text(name.as_str()),
                Value::text(role),
                Value::yes(*admin),
                Value::yes(default),
            ]);
        }
    }
    all
}

fn system_grants(state: &State) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for (name, id) in &state.names {
        for (privilege, admin) in &state.principals[id].system {
            all.push(vec![
                Value::text(name.as_str()),
                Value::text(privilege.as_str()),
                Value::yes(*admin),
            ]);
        }
    }
    all
}

fn object_grants(state: &State) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for (name, id) in &state.names {
        for ((owner, object), privileges) in &state.principals[id].objects {
            for privilege in privileges {
                // With GRANT ANY OBJECT PRIVILEGE it is the owner who gives.
                all.push(
                    [name, owner, object, owner, privilege]
                        .map(|text| Value::text(text.as_str()))
                        .to_vec(),
                );
            }
        }
    }
    all
}

fn schema_grants(state: &State) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for (name, id) in &state.names {
        for (schema, privileges) in &state.principals[id].schemas {
            for privilege in privileges {
                all.push(
                    [name, privilege, schema]
                        .map(|text| Value::text(text.as_str()))
                        .to_vec(),
                );
            }
        }
    }
    all
}

fn profiles(state: &State) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for (profile, limits) in &state.profiles {
        for (what, limit) in limits {
            all.push(
                [profile, what, limit]
                    .map(|text| Value::text(text.as_str()))
                    .to_vec(),
            );
        }
    }
    all
}

fn objects(state: &State) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for ((owner, name), thing) in &state.things {
        let maintained = state.principal(owner).is_some_and(|owner| owner.maintained);
        let row = |kind: &str| {
            vec![
                Value::text(owner.as_str()),
                Value::text(name.as_str()),
                Value::text(kind),
                letter(false),
                letter(maintained),
            ]
        };
        all.push(row(thing.kind));
        // Its rows are kept in a table of the same name.
        if thing.kind == "MATERIALIZED VIEW" {
            all.push(row("TABLE"));
        }
    }
    all
}

fn comments(state: &State) -> Vec<Vec<Value>> {
    let of = |((owner, name), thing): (&super::parse::Object, &super::Thing)| {
        vec![
            Value::text(owner.as_str()),
            Value::text(name.as_str()),
            Value::text(thing.comment.as_str()),
        ]
    };
    state.things.iter().map(of).collect()
}

fn annotations(state: &State) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for ((owner, name), thing) in &state.things {
        for (key, value) in &thing.annotations {
            all.push(vec![
                Value::text(owner.as_str()),
                Value::text(name.as_str()),
                Value::text(thing.kind),
                Value::Null,
                Value::text(key.as_str()),
                Value::text(value.as_str()),
            ]);
        }
    }
    all
}

fn sessions(state: &State) -> Vec<Vec<Value>> {
    let of = |(sid, session): (&u32, &super::Session)| {
        let (status, server) = match (session.killed, session.lingers) {
            (false, _) => ("INACTIVE", "DEDICATED"),
            (true, 0) => ("KILLED", "PSEUDO"),
            (true, _) => ("KILLED", "DEDICATED"),
        };
        vec![
            Value::Number(i64::from(session.instance)),
            Value::Number(i64::from(*sid)),
            Value::Number(i64::from(session.serial)),
            Value::text(session.user.as_str()),
            Value::text(status),
            Value::text(server),
            Value::text("USER"),
            Value::Date(session.logon),
        ]
    };
    state.sessions.iter().map(of).collect()
}
