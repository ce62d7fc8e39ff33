//! Whether somebody really has what a thing gives: by what their roles hold, and by trying it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    World,
    client::{Client, quoted},
    world,
};
use crate::target::Thing;

impl World {
    /// What a thing gives at least, as (privilege, kind, path), and a table or view to try it on.
    async fn needed(&self, thing: &Thing) -> Option<Needed> {
        let id: Vec<&str> = thing.at.id.iter().map(String::as_str).collect();
        let (kind, within) = match (thing.at.kind.as_str(), id.as_slice()) {
            ("database", [database]) => ("DATABASE", format!("DATABASE {}", quoted(database))),
            ("schema" | "table", [database, schema, ..]) => (
                "SCHEMA",
                format!("SCHEMA {}.{}", quoted(database), quoted(schema)),
            ),
            _ => return None,
        };
        let mut objects = world::objects(&self.admin, &within).await?;
        if thing.at.kind == "table" {
            objects.retain(|path, _| path == &thing.at.id);
            if objects.is_empty() {
                return None;
            }
        }
        let admin = thing.permission == "admin";
        let mut all = vec![("USAGE", "DATABASE", thing.at.id[..1].to_vec())];
        match (thing.at.kind.as_str(), admin) {
            ("database", true) => all.push(("CREATE SCHEMA", kind, thing.at.id.clone())),
            ("schema", true) => all.push(("CREATE TABLE", kind, thing.at.id.clone())),
            _ => {}
        }
        for (path, kind) in &objects {
            all.push(("USAGE", "SCHEMA", path[..2].to_vec()));
            let kind = if kind == "VIEW" { "VIEW" } else { "TABLE" };
            all.push(("SELECT", kind, path.clone()));
            if thing.permission != "read" && kind == "TABLE" {
                all.extend(
                    ["INSERT", "UPDATE", "DELETE", "TRUNCATE"].map(|right| (right, kind, path.clone())),
                );
                if admin && thing.at.kind == "table" {
                    all.push(("EVOLVE SCHEMA", kind, path.clone()));
                }
            }
        }
        Some(Needed { all, objects })
    }

    pub async fn data(&self, login: &str, client: &Client, thing: &Thing) -> bool {
        let Some(needed) = self.needed(thing).await else {
            return false;
        };
        let (_, may) = world::reach(&self.admin, login).await;
        let may: BTreeSet<(String, String, Vec<String>)> = may
            .into_iter()
            .map(|(privilege, kind, name)| (privilege, kind, taken_apart(&name)))
            .collect();
        let has = |(privilege, kind, path): &(&str, &str, Vec<String>)| {
            may.contains(&((*privilege).to_owned(), (*kind).to_owned(), path.clone()))
        };
        if !needed.all.iter().all(has) {
            return false;
        }
        // And really, by the person.
        let Some((path, kind)) = needed.objects.iter().next() else {
            return client.may("SELECT CURRENT_USER() AS ME").await;
        };
        let table = path.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(".");
        let reads = client.may(&format!("SELECT * FROM {table} LIMIT 1")).await;
        let write = format!("INSERT INTO {table} SELECT * FROM {table} WHERE FALSE");
        reads && (thing.permission == "read" || kind == "VIEW" || client.may(&write).await)
    }
}

struct Needed {
    all: Vec<(&'static str, &'static str, Vec<String>)>,
    objects: BTreeMap<Vec<String>, String>,
}

/// `A."b.c".D`
pub fn taken_apart(name: &str) -> Vec<String> {
    let (mut parts, mut part, mut inside) = (Vec::new(), String::new(), false);
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if inside && chars.peek() == Some(&'"') => {
                part.push('"');
                chars.next();
            }
            '"' => inside = !inside,
            '.' if !inside => parts.push(std::mem::take(&mut part)),
            other => part.push(other),
        }
    }
    parts.push(part);
    parts
}
