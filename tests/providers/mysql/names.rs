//! Names made to break out of where they are put, and names as long as there can be.

use super::{
    Engine, World,
    server::{literal, quoted},
    thing,
};
use crate::target::Named;

const HOSTILE: &[(&str, &str)] = &[
    ("a backtick", "a`b"),
    ("an apostrophe", "o'brien"),
    ("a second statement", "x`.*; DROP TABLE orders.items; -- "),
    ("a literal's end", "x'); DROP TABLE orders.items; --"),
    ("mixed case and spaces", "Mixed Case"),
    ("backslashes", "back\\slash\\"),
    ("wildcards", "o_ders%"),
    ("a new line", "new\nline"),
    ("places of values", "? {secret} :x %s"),
    ("a placeholder of ours", "<each database>"),
    ("other scripts and directions", "zażółć \u{202e}gnirts"),
    ("a shell's words", "$(touch /tmp/x) `id` !!"),
    ("a key word", "select"),
];

pub async fn hostile(world: &World) -> Vec<Named> {
    let mut all = Vec::new();
    for (why, name) in HOSTILE {
        // No name ends with a space.
        all.extend(with_name(world, why, name.trim_end()).await);
    }
    all
}

/// A table, a database and a role of one name.
async fn with_name(world: &World, why: &'static str, name: &str) -> Vec<Named> {
    let (table, role) = (quoted(name), literal(name));
    let server = &world.server;
    server
        .run(&[
            &format!("CREATE TABLE orders.{table} (id int)"),
            &format!("CREATE DATABASE {table}"),
            &format!("CREATE TABLE {table}.{table} (id int)"),
        ])
        .await;
    let mut all = vec![
        Named {
            why,
            thing: thing("table", &["orders", name], "read-write"),
        },
        Named {
            why,
            thing: thing("database", &[name], "read-write"),
        },
    ];
    // MySQL's roles are accounts, and no account has more than 32 characters.
    if name.chars().count() <= 32 {
        server
            .run(&[
                &format!("CREATE ROLE {role}"),
                &format!("GRANT SELECT ON orders.names TO {role}"),
            ])
            .await;
        if world.engine == Engine::MariaDb {
            let give = format!("GRANT {role} TO latchkey_connector@'%' WITH ADMIN OPTION");
            server.run(&[&give]).await;
        }
        all.push(Named {
            why,
            thing: thing("role", &["*", name], "member"),
        });
    }
    all
}

pub async fn longest(world: &World) -> Vec<Named> {
    let mut all = with_name(world, "64 characters", &"n".repeat(64)).await;
    all.extend(with_name(world, "64 characters of two bytes", &"ü".repeat(64)).await);
    // Differs from another in the last character only.
    let other = format!("{}m", "n".repeat(63));
    all.extend(with_name(world, "64 characters, the last another", &other).await);
    all.extend(with_name(world, "the longest role", &"r".repeat(32)).await);
    all
}

pub fn typed() -> Vec<Named> {
    let under = |why: &'static str, name: &str| Named {
        why,
        thing: thing("table", &["orders", name], "read"),
    };
    vec![
        under("no such table", "nothing"),
        under("a second statement", "items`; DROP TABLE orders.items; -- x"),
        under("a literal's end", "items'; DROP TABLE orders.items; -- x"),
        under("another database", "other.things"),
        under("one character too long", &"x".repeat(65)),
        under("a NUL", "items\0"),
        under("nothing at all", ""),
        under("a space at the end", "items "),
        under("another case", "ITEMS"),
        under("every table", "*"),
        under("a pattern", "item_"),
        Named {
            why: "the server's own",
            thing: thing("table", &["mysql", "user"], "read"),
        },
        Named {
            why: "the server's own, in another case",
            thing: thing("table", &["MySQL", "user"], "read"),
        },
    ]
}
