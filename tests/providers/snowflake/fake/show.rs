//! `SHOW …` on the fake account: what the role may see, with Snowflake's own columns.

use super::{
    run::{Outcome, Rows, Session, gone},
    state::State,
    words::{Reader, like},
};

type Cells = Vec<Option<String>>;

fn some(text: impl Into<String>) -> Option<String> {
    Some(text.into())
}

fn truth(yes: bool) -> Option<String> {
    some(if yes { "true" } else { "false" })
}

/// `LIKE 'x'`, `IN …`, `LIMIT n [FROM 'name']`, in this order.
#[derive(Default)]
struct Filter {
    like: Option<String>,
    within: Vec<String>,
    limit: Option<usize>,
    from: Option<String>,
}

impl Filter {
    fn read(words: &mut Reader) -> Outcome<Self> {
        let mut filter = Self::default();
        if words.are("LIKE") {
            filter.like = Some(words.text()?);
        }
        if words.are("IN DATABASE") || words.are("IN SCHEMA") {
            filter.within = words.path()?;
        }
        if words.are("LIMIT") {
            filter.limit = usize::try_from(words.number()?).ok();
            if words.are("FROM") {
                filter.from = Some(words.text()?);
            }
        }
        words.end()?;
        Ok(filter)
    }

    /// Rows are named by their second cell, after `created_on`.
    fn apply(&self, rows: Vec<Cells>) -> Vec<Cells> {
        let name = |cells: &Cells| cells[1].clone().unwrap_or_default();
        let fits = |cells: &Cells| {
            self.like
                .as_ref()
                .is_none_or(|pattern| like(pattern, &name(cells)))
                && self.from.as_ref().is_none_or(|from| name(cells) > *from)
        };
        // Snowflake gives 10 000 rows at most; so few here that pages are seen to be turned.
        let most = self.limit.unwrap_or(10_000).min(10_000);
        rows.into_iter().filter(fits).take(most).collect()
    }
}

/// A name as it stands in grants: quoted where it has to be.
fn written(path: &[String]) -> String {
    let plain = |name: &String| {
        name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && name
                .chars()
                .all(|c| matches!(c, 'A'..='Z' | '0'..='9' | '_' | '$'))
    };
    let part = |name: &String| {
        if plain(name) {
            name.clone()
        } else {
            format!("\"{}\"", name.replace('"', "\"\""))
        }
    };
    path.iter().map(part).collect::<Vec<_>>().join(".")
}

pub fn show(session: &mut Session<'_>, words: &mut Reader) -> Outcome<Rows> {
    let sees_all = session.on_account("MANAGE GRANTS");
    let state = &*session.state;
    if words.are("GRANTS TO USER") {
        let user = words.name()?;
        words.end()?;
        if !state.users.contains_key(&user) {
            return Err(gone("User", &user));
        }
        let rows = state.to_users.iter().filter(|(_, to)| *to == user);
        let rows = rows.map(|(role, to)| vec![some(TIME), some(role), some("USER"), some(to), some("")]);
        return Ok((
            vec!["created_on", "role", "granted_to", "grantee_name", "granted_by"],
            rows.collect(),
        ));
    }
    if words.are("GRANTS OF ROLE") {
        let role = words.name()?;
        words.end()?;
        if !state.roles.contains_key(&role) {
            return Err(gone("Role", &role));
        }
        return Ok((
            vec!["created_on", "role", "granted_to", "grantee_name", "granted_by"],
            holders(state, &role),
        ));
    }
    if words.are("GRANTS TO ROLE") {
        let role = words.name()?;
        words.end()?;
        if !state.roles.contains_key(&role) {
            return Err(gone("Role", &role));
        }
        return Ok((
            vec![
                "created_on",
                "privilege",
                "granted_on",
                "name",
                "granted_to",
                "grantee_name",
            ],
            held(state, &role),
        ));
    }
    if words.are("FUTURE GRANTS TO ROLE") {
        let role = words.name()?;
        words.end()?;
        let rows = state
            .futures
            .iter()
            .filter(|future| future.role == role)
            .map(|future| {
                let name = format!("{}.<{}>", written(&future.path), future.on);
                vec![
                    some(TIME),
                    some(&future.privilege),
                    some(future.on.replace(' ', "_")),
                    some(name),
                    some("ROLE"),
                    some(&role),
                ]
            });
        return Ok((
            vec![
                "created_on",
                "privilege",
                "grant_on",
                "name",
                "grant_to",
                "grantee_name",
            ],
            rows.collect(),
        ));
    }
    let what = words.plain()?;
    let filter = Filter::read(words)?;
    let (columns, rows) = match what.as_str() {
        "USERS" => users(state, &session.user, sees_all),
        "ROLES" => {
            let rows = state
                .roles
                .iter()
                .map(|(name, role)| vec![some(TIME), some(name), some(&role.owner), some(&role.comment)]);
            (vec!["created_on", "name", "owner", "comment"], rows.collect())
        }
        "WAREHOUSES" => {
            let rows = state
                .warehouses
                .iter()
                .map(|(name, comment)| vec![some(TIME), some(name), some("STANDARD"), some(comment)]);
            (
                vec!["created_on", "name", "type", "comment"],
                rows.filter(|_| sees_all).collect(),
            )
        }
        "DATABASES" => {
            let rows = state.databases.iter().map(|(name, database)| {
                vec![
                    some(TIME),
                    some(name),
                    some(&database.kind),
                    some(&database.owner),
                    some(&database.comment),
                ]
            });
            (
                vec!["created_on", "name", "kind", "owner", "comment"],
                rows.filter(|_| sees_all).collect(),
            )
        }
        "SCHEMAS" => schemas(state, &filter, sees_all)?,
        "OBJECTS" => objects(state, &filter, sees_all)?,
        other => return Err(gone("SHOW", other)),
    };
    Ok((columns, filter.apply(rows)))
}

/// As the API writes a TIMESTAMP_LTZ: seconds since 1970.
const TIME: &str = "1790000000.000000000";

fn users(state: &State, me: &str, sees_all: bool) -> Rows {
    let columns = vec![
        "created_on",
        "name",
        "login_name",
        "email",
        "comment",
        "disabled",
        "owner",
        "expires_at_time",
        "has_password",
        "has_rsa_public_key",
        "default_role",
        "default_warehouse",
        "default_secondary_roles",
        "must_change_password",
        "type",
    ];
    let rows = state.users.iter().map(|(name, user)| {
        // Others than oneself are seen in part without MANAGE GRANTS.
        let all = sees_all || name == me;
        let cell = |text: &str| if all { some(text) } else { None };
        vec![
            some(TIME),
            some(name),
            cell(&user.login_name),
            cell(&user.email),
            if user.comment.is_empty() {
                None
            } else {
                some(&user.comment)
            },
            truth(user.disabled),
            some(&user.owner),
            user.expires.map(|at| format!("{}.000000000", at.timestamp())),
            truth(user.password.is_some()),
            truth(user.keys.iter().any(Option::is_some)),
            cell(&user.default_role),
            cell(&user.default_warehouse),
            some(if user.all_secondary_roles {
                "[\"ALL\"]"
            } else {
                "[]"
            }),
            truth(user.must_change_password),
            some(&user.kind),
        ]
    });
    (columns, rows.collect())
}

fn holders(state: &State, role: &str) -> Vec<Cells> {
    let users = state
        .to_users
        .iter()
        .filter(|(given, _)| given == role)
        .map(|(_, to)| ("USER", to));
    let roles = state
        .to_roles
        .iter()
        .filter(|(given, _)| given == role)
        .map(|(_, to)| ("ROLE", to));
    users
        .chain(roles)
        .map(|(kind, to)| vec![some(TIME), some(role), some(kind), some(to), some("")])
        .collect()
}

fn held(state: &State, role: &str) -> Vec<Cells> {
    let row = |privilege: &str, on: &str, name: String| {
        vec![
            some(TIME),
            some(privilege),
            some(on.replace(' ', "_")),
            some(name),
            some("ROLE"),
            some(role),
        ]
    };
    let mut rows: Vec<Cells> = state
        .grants
        .iter()
        .filter(|grant| grant.role == role)
        .map(|grant| {
            let name = if grant.path.is_empty() {
                "XY12345".to_owned()
            } else {
                written(&grant.path)
            };
            row(&grant.privilege, &grant.on, name)
        })
        .collect();
    let given = state.to_roles.iter().filter(|(_, to)| to == role);
    rows.extend(given.map(|(given, _)| row("USAGE", "ROLE", written(std::slice::from_ref(given)))));
    for (name, other) in state.roles.iter().filter(|(_, other)| other.owner == role) {
        let _ = other;
        rows.push(row("OWNERSHIP", "ROLE", written(std::slice::from_ref(name))));
    }
    for (database, inside) in &state.databases {
        for (schema, inside) in &inside.schemas {
            let path = vec![database.clone(), schema.clone()];
            if inside.owner == role {
                rows.push(row("OWNERSHIP", "SCHEMA", written(&path)));
            }
            for (name, object) in inside.objects.iter().filter(|(_, object)| object.owner == role) {
                let path = [path.clone(), vec![name.clone()]].concat();
                rows.push(row("OWNERSHIP", &object.kind, written(&path)));
            }
        }
    }
    rows
}

fn schemas(state: &State, filter: &Filter, sees_all: bool) -> Outcome<Rows> {
    let columns = vec!["created_on", "name", "database_name", "owner", "comment"];
    let missing = || gone("Database", &filter.within.join("."));
    let [database] = filter.within.as_slice() else {
        return Err(missing());
    };
    let found = state
        .databases
        .get(database)
        .filter(|_| sees_all)
        .ok_or_else(missing)?;
    let information = vec![
        some(TIME),
        some("INFORMATION_SCHEMA"),
        some(database),
        some(""),
        some("Views describing the contents of schemas"),
    ];
    let rows = found.schemas.iter().map(|(name, schema)| {
        vec![
            some(TIME),
            some(name),
            some(database),
            some(&schema.owner),
            some(&schema.comment),
        ]
    });
    Ok((columns, rows.chain([information]).collect()))
}

fn objects(state: &State, filter: &Filter, sees_all: bool) -> Outcome<Rows> {
    let columns = vec![
        "created_on",
        "name",
        "database_name",
        "schema_name",
        "kind",
        "comment",
        "owner",
        "is_dynamic",
    ];
    let missing = || gone("Object", &filter.within.join("."));
    let (database, only) = match filter.within.as_slice() {
        [database] => (database, None),
        [database, schema] => (database, Some(schema)),
        _ => return Err(missing()),
    };
    let found = state
        .databases
        .get(database)
        .filter(|_| sees_all)
        .ok_or_else(missing)?;
    if only.is_some_and(|schema| !found.schemas.contains_key(schema)) {
        return Err(missing());
    }
    let mut rows = Vec::new();
    for (schema, inside) in found
        .schemas
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| only == *name))
    {
        for (name, object) in &inside.objects {
            let dynamic = object.kind == "DYNAMIC TABLE";
            let kind = if dynamic { "TABLE" } else { &object.kind };
            rows.push(vec![
                some(TIME),
                some(name),
                some(database),
                some(schema),
                some(kind),
                some(&object.comment),
                some(&object.owner),
                some(if dynamic { "Y" } else { "N" }),
            ]);
        }
    }
    Ok((columns, rows))
}
