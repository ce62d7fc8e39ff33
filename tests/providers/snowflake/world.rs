//! What every case starts from, made by the account's administrator in SQL: on the fake account and on a real one alike.

use std::collections::{BTreeMap, BTreeSet};

use latchkey::secrets::Secret;

use super::{
    access::taken_apart,
    client::{Client, Row, literal, public_half, quoted},
};

pub const CONNECTOR: &str = "LATCHKEY_T_CONNECTOR";
pub const ROLE: &str = "LATCHKEY_T";
pub const REDUCED: &str = "LATCHKEY_T_REDUCED";
pub const READERS: &str = "LATCHKEY_T_READERS";
pub const STANDING: &str = "LATCHKEY_T_STANDING";
pub const WAREHOUSE: &str = "LATCHKEY_T_WH";
pub const ORDERS: &str = "LATCHKEY_T_ORDERS";
pub const OTHER: &str = "LATCHKEY_T_OTHER";
/// Every database of the suite begins so, hostile names included.
pub const PREFIX: &str = "LATCHKEY_T";
const SYSTEM: &[&str] = &[
    "ACCOUNTADMIN",
    "SECURITYADMIN",
    "USERADMIN",
    "SYSADMIN",
    "PUBLIC",
    "ORGADMIN",
];

/// As the administrator, with the key of our own user and of one that lacks rights.
pub async fn make(admin: &Client, own: &Secret) {
    let key = literal(&public_half(own));
    let all = [
        format!("CREATE ROLE {ROLE}"),
        format!("GRANT CREATE USER, CREATE ROLE, MANAGE GRANTS ON ACCOUNT TO ROLE {ROLE}"),
        format!("CREATE USER {CONNECTOR} TYPE=SERVICE DEFAULT_ROLE='{ROLE}' RSA_PUBLIC_KEY={key}"),
        format!("GRANT ROLE {ROLE} TO USER {CONNECTOR}"),
        format!("CREATE ROLE {REDUCED}"),
        format!("GRANT CREATE USER ON ACCOUNT TO ROLE {REDUCED}"),
        format!("GRANT ROLE {REDUCED} TO USER {CONNECTOR}"),
        format!(
            "CREATE WAREHOUSE {WAREHOUSE} WAREHOUSE_SIZE=XSMALL AUTO_SUSPEND=60 INITIALLY_SUSPENDED=TRUE"
        ),
        format!("CREATE DATABASE {ORDERS} COMMENT='All orders, owner=dba'"),
        format!("CREATE SCHEMA {ORDERS}.SALES"),
        format!("CREATE TABLE {ORDERS}.SALES.ITEMS (N INT)"),
        format!("CREATE TABLE {ORDERS}.SALES.EXTRAS (N INT)"),
        format!("CREATE TABLE {ORDERS}.PUBLIC.NOTES (N INT)"),
        format!("CREATE VIEW {ORDERS}.SALES.NAMES AS SELECT * FROM {ORDERS}.SALES.ITEMS"),
        format!("CREATE DATABASE {OTHER}"),
        format!("CREATE TABLE {OTHER}.PUBLIC.THINGS (N INT)"),
        format!("CREATE ROLE {READERS} COMMENT='People who read. owner=dba'"),
        format!("GRANT USAGE ON DATABASE {ORDERS} TO ROLE {READERS}"),
        format!("GRANT USAGE ON SCHEMA {ORDERS}.SALES TO ROLE {READERS}"),
        format!("GRANT SELECT ON VIEW {ORDERS}.SALES.NAMES TO ROLE {READERS}"),
    ];
    for sql in all {
        admin.run(&sql).await;
    }
}

/// A database with one table in it.
pub async fn make_database(admin: &Client, name: &str, table: &str) {
    let (name, table) = (quoted(name), quoted(table));
    admin.run(&format!("CREATE DATABASE {name}")).await;
    admin
        .run(&format!("CREATE TABLE {name}.PUBLIC.{table} (N INT)"))
        .await;
}

/// Whatever the suite, and what it tested, left on a real account.
pub async fn clear(admin: &Client) {
    for (what, kind) in [
        ("USERS", "USER"),
        ("ROLES", "ROLE"),
        ("DATABASES", "DATABASE"),
        ("WAREHOUSES", "WAREHOUSE"),
    ] {
        for row in admin.run(&format!("SHOW {what}")).await {
            let name = &row["name"];
            let ours = name.starts_with(PREFIX) || is_jit(name) || OTHERS.contains(&name.as_str());
            if ours {
                admin
                    .run(&format!("DROP {kind} IF EXISTS {}", quoted(name)))
                    .await;
            }
        }
    }
}

/// Users of other names that cases make.
const OTHERS: &[&str] = &["some_service", "shared_login", "Ann O'Neil"];

fn is_jit(name: &str) -> bool {
    ["JIT_", "JITG_", "JITS_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Roles that the suite has a say in.
async fn roles(admin: &Client) -> Vec<Row> {
    let all = admin.run("SHOW ROLES").await.into_iter();
    all.filter(|row| !SYSTEM.contains(&row["name"].as_str()))
        .collect()
}

/// A comment without what rises with every call.
fn lasting(comment: &str) -> String {
    let words = comment.split(' ').filter(|word| !word.starts_with("fence="));
    words.collect::<Vec<_>>().join(" ")
}

/// Everything a provider could change.
pub async fn everything(admin: &Client) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let of = |row: &Row, columns: &[&str]| {
        let cells = columns
            .iter()
            .map(|column| row.get(*column).cloned().unwrap_or_default());
        cells.collect::<Vec<_>>().join(" ")
    };
    for row in admin.run("SHOW USERS").await {
        all.insert(format!(
            "user {}, {}",
            of(
                &row,
                &[
                    "name",
                    "login_name",
                    "disabled",
                    "has_password",
                    "has_rsa_public_key",
                    "owner",
                    "type",
                    "default_role"
                ]
            ),
            lasting(&row["comment"])
        ));
    }
    for row in roles(admin).await {
        let role = quoted(&row["name"]);
        all.insert(format!(
            "role {}, {}",
            of(&row, &["name", "owner"]),
            lasting(&row["comment"])
        ));
        for grant in admin.run(&format!("SHOW GRANTS TO ROLE {role}")).await {
            all.insert(format!(
                "{role} may {}",
                of(&grant, &["privilege", "granted_on", "name"])
            ));
        }
        for grant in admin.run(&format!("SHOW FUTURE GRANTS TO ROLE {role}")).await {
            all.insert(format!(
                "{role} will {}",
                of(&grant, &["privilege", "grant_on", "name"])
            ));
        }
        for edge in admin.run(&format!("SHOW GRANTS OF ROLE {role}")).await {
            all.insert(format!(
                "{role} is held by {}",
                of(&edge, &["granted_to", "grantee_name"])
            ));
        }
    }
    all
}

/// What a login may do by all its roles, as (privilege, kind, name as grants have it).
pub async fn reach(admin: &Client, login: &str) -> (BTreeSet<String>, BTreeSet<(String, String, String)>) {
    let (mut roles, mut may) = (BTreeSet::new(), BTreeSet::new());
    let own = admin
        .rows(&format!("SHOW GRANTS TO USER {}", quoted(login)))
        .await;
    let mut next: Vec<String> = own
        .unwrap_or_default()
        .into_iter()
        .map(|row| row["role"].clone())
        .collect();
    while let Some(role) = next.pop() {
        if !roles.insert(role.clone()) || SYSTEM.contains(&role.as_str()) {
            continue;
        }
        for row in admin.run(&format!("SHOW GRANTS TO ROLE {}", quoted(&role))).await {
            if row["granted_on"] == "ROLE" && row["privilege"] == "USAGE" {
                next.extend(taken_apart(&row["name"]));
            }
            may.insert((
                row["privilege"].clone(),
                row["granted_on"].clone(),
                row["name"].clone(),
            ));
        }
    }
    (roles, may)
}

/// Tables and views of a place: kind by path.
pub async fn objects(admin: &Client, within: &str) -> Option<BTreeMap<Vec<String>, String>> {
    let rows = admin.rows(&format!("SHOW OBJECTS IN {within}")).await.ok()?;
    let path = |row: &Row| {
        ["database_name", "schema_name", "name"]
            .map(|column| row[column].clone())
            .to_vec()
    };
    let listed = rows
        .iter()
        .filter(|row| row["schema_name"] != "INFORMATION_SCHEMA");
    Some(listed.map(|row| (path(row), row["kind"].clone())).collect())
}
