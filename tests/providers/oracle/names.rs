//! Names made to break out, the longest there are, and everything that a provider could change.

use std::collections::BTreeSet;

use super::{World, thing};
use crate::target::{Named, Target};

/// The suite's own way to quote, apart from the one under test.
pub fn quoted(name: &str) -> String {
    assert!(!name.contains('"'), "no name here has a double quote");
    ["\"", name, "\""].concat()
}

const NAMES: &[(&str, &str)] = &[
    ("an apostrophe", "o'brien"),
    ("a second statement", "x; DROP USER LK_SALES CASCADE --"),
    ("a literal's end", "x'); DROP TABLE ITEMS --"),
    ("mixed case and spaces", "Mixed Case "),
    ("backslashes", "back\\slash\\"),
    ("a new line", "new\nline"),
    ("places of values", ":1 :name {secret} %s {}"),
    ("a placeholder of ours", "<each owner>"),
    ("a client's variables", "&x @y /"),
    ("other scripts", "zażółć 🦀"),
    ("a shell's words", "$(touch /tmp/x) `id` !!"),
    ("a key word", "SELECT"),
    ("as another, but for its case", "lk_sales"),
];

pub async fn hostile(world: &World) -> Vec<Named> {
    let mut all = Vec::new();
    for (why, name) in NAMES {
        if name.len() < world.site.longest_name() {
            all.extend(with_name(world, why, name, &format!("{name}r")).await);
        }
    }
    all
}

pub async fn longest(world: &World) -> Vec<Named> {
    let longest = world.site.longest_name();
    let letters = "n".repeat(longest);
    let wide = format!("{}xx", "ü".repeat(longest / 2 - 1));
    let mut all = Vec::new();
    for (why, name) in [
        ("as long as can be", letters.as_str()),
        ("as long as can be, of two-byte letters", wide.as_str()),
    ] {
        let role = format!("{}m", &name[..name.len() - 1]);
        all.extend(with_name(world, why, name, &role).await);
    }
    all
}

/// A schema and a table in it of one name, and a role: users and roles share their names, so its is another.
async fn with_name(world: &World, why: &'static str, name: &str, role: &str) -> Vec<Named> {
    let (schema, group) = (quoted(name), quoted(role));
    world
        .run(&[
            &format!(
                "CREATE USER {schema} IDENTIFIED BY \"Schema-pw-93\" QUOTA UNLIMITED ON USERS ACCOUNT LOCK"
            ),
            &format!("CREATE TABLE {schema}.{schema} (ID NUMBER)"),
            &format!("CREATE ROLE {group}"),
        ])
        .await;
    if world.site.is_rds() {
        world
            .run(&[&format!("GRANT {group} TO LK_CONNECTOR WITH ADMIN OPTION")])
            .await;
    }
    world.site.remember(name);
    world.site.remember(role);
    vec![
        Named {
            why,
            thing: thing("table", &[name, name], "read-write"),
        },
        Named {
            why,
            thing: thing("schema", &[name], "read-write"),
        },
        Named {
            why,
            thing: thing("role", &["*", role], "member"),
        },
    ]
}

pub fn typed() -> Vec<Named> {
    let under = |why: &'static str, name: &str| Named {
        why,
        thing: thing("table", &["LK_SALES", name], "read"),
    };
    vec![
        under("no such table", "NOTHING"),
        under("another case", "items"),
        under("a second statement", "ITEMS\"; DROP TABLE LK_SALES.ITEMS --"),
        under("a literal's end", "ITEMS'; DROP TABLE LK_SALES.ITEMS --"),
        under("another schema", "LK_OTHER.THINGS"),
        under("a link to another database", "ITEMS@elsewhere"),
        under("one byte too long", &"x".repeat(129)),
        under("a NUL", "ITEMS\0"),
        under("nothing at all", ""),
        Named {
            why: "the database's own",
            thing: thing("table", &["SYS", "USER$"], "read"),
        },
    ]
}

/// One line each, read from the dictionary by the administrator; what came with the database is left out.
pub async fn everything(world: &World) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let mut theirs = BTreeSet::new();
    for row in world
        .rows(
            "SELECT username, account_status, profile FROM dba_users WHERE oracle_maintained = 'N'",
            &[],
        )
        .await
    {
        theirs.insert(row[0].clone());
        lines.insert(format!("user {row:?}"));
    }
    for row in world
        .rows(
            "SELECT role, authentication_type FROM dba_roles WHERE oracle_maintained = 'N'",
            &[],
        )
        .await
    {
        theirs.insert(row[0].clone());
        lines.insert(format!("role {row:?}"));
    }
    let mut grants = vec![
        (
            "member",
            "SELECT grantee, granted_role, admin_option, default_role FROM dba_role_privs",
        ),
        (
            "may",
            "SELECT grantee, privilege, admin_option FROM dba_sys_privs",
        ),
        (
            "on",
            "SELECT grantee, owner, table_name, privilege FROM dba_tab_privs",
        ),
    ];
    if world.has_schema_privileges().await {
        grants.push(("in", "SELECT grantee, schema, privilege FROM dba_schema_privs"));
    }
    for (what, sql) in grants {
        for row in world.rows(sql, &[]).await {
            if theirs.contains(&row[0]) {
                lines.insert(format!("{what} {row:?}"));
            }
        }
    }
    for row in world
        .rows(
            "SELECT owner, object_name, object_type FROM dba_objects WHERE oracle_maintained = 'N'",
            &[],
        )
        .await
    {
        if theirs.contains(&row[0]) {
            lines.insert(format!("object {row:?}"));
        }
    }
    lines
}

impl World {
    pub async fn has_schema_privileges(&self) -> bool {
        let sql = "SELECT version FROM product_component_version WHERE product LIKE :1";
        let rows = self.rows(sql, &["Oracle%Database%"]).await;
        let version = rows.into_iter().flatten().flatten().next().unwrap_or_default();
        version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .unwrap_or(0)
            >= 23
    }
}

/// Takes what the suite made off a server that lives on: by its own names, and by the stamps of its two installations.
pub async fn clear(world: &World) {
    let mut known: BTreeSet<String> = world.site.strangers().into_iter().collect();
    known.extend(
        NAMES
            .iter()
            .flat_map(|(_, name)| [(*name).to_owned(), format!("{name}r")]),
    );
    known.insert(super::SOMEONE.to_owned());
    let marks = [
        world.mark(),
        latchkey::providers::Mark::new("another", "billing-ora"),
    ];
    let is_ours = |name: &str| {
        name.starts_with("LK_")
            || known.contains(name)
            || marks
                .iter()
                .any(|mark| mark.names_account(name) || mark.names_lease_role(name))
    };
    for (kind, sql) in [
        (
            "USER",
            "SELECT username FROM dba_users WHERE oracle_maintained = 'N'",
        ),
        ("ROLE", "SELECT role FROM dba_roles WHERE oracle_maintained = 'N'"),
    ] {
        for name in world.rows(sql, &[]).await.into_iter().flatten().flatten() {
            if is_ours(&name) {
                let cascade = if kind == "USER" { " CASCADE" } else { "" };
                world
                    .run(&[&format!("DROP {kind} {}{cascade}", quoted(&name))])
                    .await;
            }
        }
    }
    for name in world
        .rows("SELECT DISTINCT profile FROM dba_profiles", &[])
        .await
        .into_iter()
        .flatten()
        .flatten()
    {
        if marks.iter().any(|mark| mark.names_set(&name)) {
            world
                .run(&[&format!("DROP PROFILE {} CASCADE", quoted(&name))])
                .await;
        }
    }
}
