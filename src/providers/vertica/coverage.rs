//! Whether a lease's role has what the lease gives: what is still to be given, and afterwards what the server would not give.
//! Pure; success is believed only when seen in the server's own list.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    look::{Grant, Object},
    place::Access,
    statements::{Relation, privileges, relation_privileges},
};
use crate::providers::{ErrorKind, ProviderError};

/// What a privilege stands on. Names of tables, views and sequences are one namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    Database,
    Schema(String),
    Relation(String, String),
}

impl Thing {
    fn describe(&self) -> String {
        match self {
            Self::Database => "the database".to_owned(),
            Self::Schema(schema) => format!("schema {schema}"),
            Self::Relation(schema, name) => format!("{schema}.{name}"),
        }
    }

    /// The schema it is in, or is.
    pub fn schema(&self) -> Option<&str> {
        match self {
            Self::Database => None,
            Self::Schema(schema) | Self::Relation(schema, _) => Some(schema),
        }
    }
}

pub type Privileges = BTreeMap<Thing, BTreeSet<String>>;

/// As the server lists them: `INSERT, SELECT*`, the star for those that may be passed on.
pub fn held(grants: &[Grant]) -> Privileges {
    let mut held = Privileges::new();
    for grant in grants {
        let thing = match grant.kind.to_uppercase().as_str() {
            "DATABASE" => Thing::Database,
            "SCHEMA" => Thing::Schema(grant.name.to_lowercase()),
            // Whatever word is used for views and sequences.
            _ if !grant.schema.is_empty() => {
                Thing::Relation(grant.schema.to_lowercase(), grant.name.to_lowercase())
            }
            _ => continue,
        };
        let words = grant.privileges.split(',').map(|word| {
            let word = word.trim().trim_end_matches('*').to_uppercase();
            if word == "TEMPORARY" {
                "TEMP".to_owned()
            } else {
                word
            }
        });
        held.entry(thing).or_default().extend(words);
    }
    held
}

fn needed(privileges: &[&str]) -> BTreeSet<String> {
    privileges.iter().map(|one| (*one).to_owned()).collect()
}

pub fn of_database(access: Access) -> Privileges {
    match access {
        Access::Admin => Privileges::from([(Thing::Database, needed(&["CREATE", "TEMP"]))]),
        Access::Read | Access::ReadWrite | Access::Member => Privileges::new(),
    }
}

/// All that is in one schema now.
pub fn of_schema(
    schema: &str,
    access: Access,
    relations: &[(Relation, Object)],
    sequences: &[Object],
) -> Privileges {
    let schema = schema.to_lowercase();
    let given = privileges(access);
    let mut all = Privileges::from([(Thing::Schema(schema.clone()), needed(given.schema_itself))]);
    for (relation, object) in relations {
        if object.schema.to_lowercase() == schema {
            let thing = Thing::Relation(schema.clone(), object.name.to_lowercase());
            all.insert(thing, needed(&relation_privileges(access, *relation)));
        }
    }
    for object in sequences {
        if object.schema.to_lowercase() == schema && !given.sequences.is_empty() {
            let thing = Thing::Relation(schema.clone(), object.name.to_lowercase());
            all.insert(thing, needed(given.sequences));
        }
    }
    all
}

pub fn of_table(schema: &str, table: &str, relation: Relation, access: Access) -> Privileges {
    let (schema, table) = (schema.to_lowercase(), table.to_lowercase());
    Privileges::from([
        (Thing::Schema(schema.clone()), needed(&["USAGE"])),
        (
            Thing::Relation(schema, table),
            needed(&relation_privileges(access, relation)),
        ),
    ])
}

/// What is needed and not held.
pub fn lacking(needed: &Privileges, held: &Privileges) -> Privileges {
    let lacks = |(thing, privileges): (&Thing, &BTreeSet<String>)| {
        let none = BTreeSet::new();
        let missing: BTreeSet<String> = privileges
            .difference(held.get(thing).unwrap_or(&none))
            .cloned()
            .collect();
        (!missing.is_empty()).then(|| (thing.clone(), missing))
    };
    needed.iter().filter_map(lacks).collect()
}

pub fn refused(lacking: &Privileges) -> Option<ProviderError> {
    let (thing, privileges) = lacking.first_key_value()?;
    let list: Vec<&str> = privileges.iter().map(String::as_str).collect();
    Some(ProviderError::new(
        ErrorKind::Denied,
        format!(
            "our login lacks the right to give {} on {}",
            list.join(", "),
            thing.describe()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(kind: &str, schema: &str, name: &str, privileges: &str) -> Grant {
        Grant {
            kind: kind.to_owned(),
            schema: schema.to_owned(),
            name: name.to_owned(),
            privileges: privileges.to_owned(),
        }
    }

    fn object(schema: &str, name: &str) -> Object {
        Object {
            schema: schema.to_owned(),
            name: name.to_owned(),
            owner: "sam".to_owned(),
        }
    }

    #[test]
    fn what_lacks_is_found_whatever_the_case() {
        let relations = [
            (Relation::Table, object("Sales", "Items")),
            (Relation::View, object("sales", "names")),
            (Relation::Table, object("other", "things")),
        ];
        let sequences = [object("sales", "ids")];
        let needed = of_schema("SALES", Access::ReadWrite, &relations, &sequences);
        let held = held(&[
            grant("SCHEMA", "", "sales", "SELECT, USAGE*"),
            grant(
                "TABLE",
                "sales",
                "items",
                "DELETE, INSERT, SELECT*, TRUNCATE, UPDATE",
            ),
            grant("VIEW", "sales", "names", "SELECT"),
            grant("ROLE", "", "readers", ""),
        ]);
        let lacks = lacking(&needed, &held);
        let ids = Thing::Relation("sales".to_owned(), "ids".to_owned());
        assert_eq!(
            lacks,
            Privileges::from([(ids, BTreeSet::from(["SELECT".to_owned()]))])
        );
        let error = refused(&lacks).expect("an error");
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(error.message.contains("SELECT on sales.ids"), "{error}");
        assert!(refused(&Privileges::new()).is_none());
    }

    #[test]
    fn a_view_is_not_written_to() {
        let needed = of_table("s", "v", Relation::View, Access::Admin);
        let held = held(&[
            grant("SCHEMA", "", "s", "USAGE"),
            grant("VIEW", "s", "v", "ALTER, DROP, SELECT"),
        ]);
        assert!(lacking(&needed, &held).is_empty());
    }

    #[test]
    fn the_database_is_given_to_admins_only() {
        assert!(of_database(Access::ReadWrite).is_empty());
        let held = held(&[grant("DATABASE", "", "wh", "CREATE, TEMPORARY")]);
        assert!(lacking(&of_database(Access::Admin), &held).is_empty());
    }
}
