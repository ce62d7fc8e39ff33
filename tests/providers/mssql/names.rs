//! Names made to break out of where they are put, names as long as they can be, and names that nobody has.

use super::{admin::quoted, thing, world::World};
use crate::target::{Named, Thing};

const NAMES: &[(&str, &str)] = &[
    ("a bracket", "a]b[c"),
    ("an apostrophe", "o'brien"),
    ("a second statement", "x]; DROP TABLE [sales].[items]; --"),
    ("a literal's end", "x'); DROP TABLE sales.items; --"),
    ("both at once", "x]'; DROP TABLE sales.items; SELECT N'["),
    ("mixed case and spaces", " Mixed Case"),
    ("backslashes", "back\\slash\\"),
    ("a new line", "new\nline"),
    ("places of values", "@P1 {secret} %I $1 {}"),
    ("a placeholder of ours", "<each database>"),
    ("a pattern's signs", "100%_[a-z]"),
    ("other scripts and directions", "zażółć \u{202e}gnirts 🦀"),
    ("dots", "a.b.c"),
    ("a key word", "select"),
];

pub async fn hostile(world: &World) -> Vec<Named> {
    let mut all = Vec::new();
    for (why, name) in NAMES {
        // Databases are looked through at every turn: a few will do. A real server makes a file of a database's name.
        let wanted = name.contains([']', '\'', '<', '.']);
        let possible = world.fake.is_some() || !name.contains(['<', '>']);
        let database = (wanted && possible).then_some(*name);
        all.extend(with_name(world, why, name, database).await);
    }
    all
}

/// A table, a schema, a role and a database of one name.
async fn with_name(world: &World, why: &'static str, name: &str, database: Option<&str>) -> Vec<Named> {
    let q = quoted(name);
    for sql in [
        format!("CREATE SCHEMA {q}"),
        format!("CREATE TABLE {q}.{q} (n int)"),
        format!("CREATE ROLE {} AUTHORIZATION [dbo]", q),
    ] {
        world.admin.run_in("orders", &sql).await;
    }
    let named = |thing: Thing| Named { why, thing };
    let mut all = vec![
        named(thing("table", &["orders", name, name], "read-write")),
        named(thing("schema", &["orders", name], "read-write")),
        named(thing("role", &["orders", name], "member")),
    ];
    if let Some(database) = database {
        world
            .admin
            .run(&format!("CREATE DATABASE {}", quoted(database)))
            .await;
        world.admin.run_in(database, &format!("CREATE SCHEMA {q}")).await;
        world
            .admin
            .run_in(database, &format!("CREATE TABLE {q}.{q} (n int)"))
            .await;
        all.push(named(thing("database", &[database], "read")));
        all.push(named(thing("table", &[database, name, name], "read")));
    }
    all
}

pub async fn longest(world: &World) -> Vec<Named> {
    let long = "n".repeat(128);
    // A database's log is named after it, with five characters more.
    let database = "d".repeat(123);
    let mut all = with_name(world, "128 characters", &long, Some(&database)).await;
    let wide = "🦀".repeat(64);
    all.extend(with_name(world, "128 UTF-16 units", &wide, None).await);
    let another = format!("{}m", "n".repeat(127));
    all.extend(with_name(world, "128 characters, the last another", &another, None).await);
    all
}

pub fn typed() -> Vec<Named> {
    let under = |why: &'static str, name: &str| Named {
        why,
        thing: thing("table", &["orders", "sales", name], "read"),
    };
    vec![
        under("no such table", "nothing"),
        under("a second statement", "items]; DROP TABLE [sales].[items]; --"),
        under("a literal's end", "items'; DROP TABLE sales.items; --"),
        under("another schema", "dbo.notes"),
        under("one character too long", &"x".repeat(129)),
        under("a NUL", "items\0"),
        under("nothing at all", ""),
        under("a pattern", "item%"),
        Named {
            why: "the server's own",
            thing: thing("table", &["orders", "sys", "objects"], "read"),
        },
        Named {
            why: "a database of the server's own",
            thing: thing("table", &["msdb", "dbo", "sysjobs"], "read"),
        },
    ]
}
