//! Everything a provider could change in a database, one line each, read from the catalogues by the administrator.

use std::collections::BTreeSet;

use latchkey::providers::names;

use super::world::World;

/// What is told of each: the statement, and which of its columns list several.
const TOLD: &[(&str, &str)] = &[
    (
        "user",
        "SELECT user_name, is_locked, profile_name, max_connections, idle_session_timeout, all_roles, default_roles FROM v_catalog.users",
    ),
    ("role", "SELECT name, assigned_roles FROM v_catalog.roles"),
    (
        "grant",
        "SELECT object_type, object_schema, object_name, grantee, privileges_description FROM v_catalog.grants",
    ),
    (
        "schema",
        "SELECT schema_name, schema_owner FROM v_catalog.schemata WHERE NOT is_system_schema",
    ),
    (
        "table",
        "SELECT table_schema, table_name, owner_name FROM v_catalog.tables WHERE NOT is_system_table",
    ),
    (
        "view",
        "SELECT table_schema, table_name, owner_name FROM v_catalog.views WHERE NOT is_system_view",
    ),
    (
        "sequence",
        "SELECT sequence_schema, sequence_name, owner_name FROM v_catalog.sequences",
    ),
    (
        "comment",
        "SELECT object_type, object_schema, object_name, comment FROM v_catalog.comments",
    ),
    (
        "authentication",
        "SELECT user_name, auth_name FROM v_catalog.user_client_auth",
    ),
];

pub async fn take(world: &World) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for (what, sql) in TOLD {
        for row in world.rows(sql).await {
            let values: Vec<String> = row.iter().map(|value| sorted(value)).collect();
            lines.insert(format!("{what} {}", values.join(" | ")));
        }
    }
    // Our own profile is made once, shared by all accounts, and stays.
    let profiles = world.rows("SELECT profile_name FROM v_catalog.profiles").await;
    for row in profiles.into_iter().filter(|row| !names::is_reserved(&row[0])) {
        lines.insert(format!("profile {}", row[0]));
    }
    lines
}

/// Lists have no order of their own.
fn sorted(value: &str) -> String {
    let mut words: Vec<&str> = value.split(", ").collect();
    words.sort_unstable();
    words.join(", ")
}
