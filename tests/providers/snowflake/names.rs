//! Names that the shared cases try.

use super::{
    World,
    client::quoted,
    thing,
    world::{self, ORDERS, make_database},
};
use crate::target::Named;

/// Databases and tables that somebody named to break out of where names are put.
pub async fn hostile(world: &World) -> Vec<Named> {
    let mut all = Vec::new();
    for (why, tail) in [
        ("a quote", "o'brien"),
        ("a double quote", "quo\"te"),
        ("a backslash", "back\\slash"),
        ("a backslash before a quote", "x\\'; DROP ROLE y"),
        ("a second statement", "x\"; DROP ROLE \"LATCHKEY_T\"; --"),
        ("wildcards", "per%cent_"),
        ("dots", "a.b.c"),
        ("lower case", "lower"),
        ("far from ASCII", "ünï 🦀 Ж"),
        ("a placeholder of previews", "<each user>"),
        ("a placeholder of statements", "{secret}"),
    ] {
        let name = format!("{}{tail}", world::PREFIX);
        make_database(&world.admin, &name, tail).await;
        all.push(Named {
            why,
            thing: thing("database", &[&name], "read-write"),
        });
        all.push(Named {
            why,
            thing: thing("table", &[&name, "PUBLIC", tail], "read"),
        });
    }
    // What only differs in case is something else.
    make_database(
        &world.admin,
        &ORDERS.to_lowercase().replacen("latchkey_t", "LATCHKEY_T", 1),
        "T",
    )
    .await;
    let role = format!("{}_odd \"role\"", world::PREFIX);
    world.admin.run(&format!("CREATE ROLE {}", quoted(&role))).await;
    all.push(Named {
        why: "a hostile role",
        thing: thing("role", &["*", "role", &role], "member"),
    });
    all
}

pub async fn longest(world: &World) -> Vec<Named> {
    let name = format!("{}{}", world::PREFIX, "x".repeat(255 - world::PREFIX.len()));
    let table = "ü".repeat(255);
    make_database(&world.admin, &name, &table).await;
    let named = |why, thing| Named { why, thing };
    vec![
        named("a long database", thing("database", &[&name], "read")),
        named(
            "a long table",
            thing("table", &[&name, "PUBLIC", &table], "read-write"),
        ),
    ]
}

pub fn typed() -> Vec<Named> {
    let under = |why: &'static str, name: &str| Named {
        why,
        thing: thing("table", &[ORDERS, "SALES", name], "read"),
    };
    vec![
        under("no such table", "NOTHING"),
        under("another case", "items"),
        under("a second statement", "ITEMS\"; DROP TABLE SALES.ITEMS; --"),
        under("a literal's end", "ITEMS'; DROP TABLE SALES.ITEMS; --"),
        under("a pattern", "ITEM_"),
        under("everything", "%"),
        under("another schema", "PUBLIC.NOTES"),
        under("one character too long", &"x".repeat(256)),
        under("a NUL", "ITEMS\0"),
        under("nothing at all", ""),
        Named {
            why: "a view cannot be written",
            thing: thing("table", &[ORDERS, "SALES", "NAMES"], "read-write"),
        },
        Named {
            why: "Snowflake's own",
            thing: thing("table", &[ORDERS, "INFORMATION_SCHEMA", "TABLES"], "read"),
        },
    ]
}
