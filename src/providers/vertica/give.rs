//! Gives leases: one role for each, filled, looked at, and only then given to the login.

use super::{
    converge::{Run, to_give},
    coverage::{self, Privileges},
    error::invalid,
    look::{self, LeaseRole, Object},
    place::{Access, Place, is_above_all, same},
    statements::{self, Relation},
};
use crate::providers::{
    Lease, Result,
    sql::{Name, Statement},
};

/// Each is given or fails for itself.
pub async fn leases(run: &mut Run<'_>, staying: &[LeaseRole]) -> Result<()> {
    let change = run.change;
    for lease in to_give(change) {
        let there = staying.iter().find(|role| role.lease == lease.id);
        if let Err(error) = one(run, lease, there).await {
            // A dead connection fails all that is left: say so at once.
            run.failed.insert(lease.id.clone(), error);
        }
    }
    defaults(run).await
}

async fn one(run: &mut Run<'_>, lease: &Lease, there: Option<&LeaseRole>) -> Result<()> {
    let (place, access) = Place::and_access(lease)?;
    let role = run.provider.mark.lease_role(&lease.id);
    let held = there.is_some_and(|there| there.is_held_by(run.login));
    let wanted = wanted(run, &place, access, &role).await?;
    if there.is_none() {
        let create = statements::create_role(&role)?;
        run.session.run_or_there(&create, &mut run.ran).await?;
    }
    let has = if held {
        coverage::held(&look::grants(&mut run.session, &role).await?)
    } else {
        Privileges::new()
    };
    let lacks = coverage::lacking(&wanted.needed, &has);
    let mut gave = false;
    for part in wanted.parts {
        // Until the login holds the role nothing is taken for given, and every statement runs.
        if !held || part.lacks(&lacks) {
            for statement in &part.statements {
                run.session.run(statement, &mut run.ran).await?;
                gave = true;
            }
        }
    }
    if gave && !wanted.needed.is_empty() {
        let has = coverage::held(&look::grants(&mut run.session, &role).await?);
        if let Some(error) = coverage::refused(&coverage::lacking(&wanted.needed, &has)) {
            return Err(error);
        }
    }
    if !held {
        let give = statements::give_role(&role, run.login)?;
        run.session.run(&give, &mut run.ran).await?;
    }
    Ok(())
}

/// What a lease comes down to here.
struct Wanted {
    parts: Vec<Part>,
    needed: Privileges,
}

/// Statements that belong together: those of one schema, or of none.
struct Part {
    schema: Option<String>,
    statements: Vec<Statement>,
}

impl Part {
    fn lacks(&self, lacking: &Privileges) -> bool {
        let mine = self.schema.as_ref().map(|schema| schema.to_lowercase());
        lacking.keys().any(|thing| thing.schema() == mine.as_deref())
    }
}

/// Looks at what is there; nothing is made for what is not.
async fn wanted(run: &mut Run<'_>, place: &Place, access: Access, role: &str) -> Result<Wanted> {
    if let Some(database) = place.database()
        && !same(database, &run.database.name)
    {
        return Err(invalid(format!("no such database: {database}")));
    }
    match place {
        Place::Role(group) => on_group(run, group, role).await,
        Place::Table { schema, table, .. } => on_table(run, schema, table, access, role).await,
        Place::Schema { schema, .. } => {
            let schemas = look::schemas(&mut run.session).await?;
            let found: Vec<Object> = schemas
                .into_iter()
                .filter(|object| same(&object.name, schema))
                .collect();
            if found.is_empty() {
                return Err(invalid(format!("no such schema: {schema}")));
            }
            // By the name that was asked for: it is the same one in any case.
            on_schemas(run, std::slice::from_ref(schema), access, role).await
        }
        Place::Database(database) => {
            let schemas = look::schemas(&mut run.session).await?;
            let names: Vec<String> = schemas.into_iter().map(|object| object.name).collect();
            let mut wanted = on_schemas(run, &names, access, role).await?;
            wanted.needed.append(&mut coverage::of_database(access));
            wanted.parts.push(Part {
                schema: None,
                statements: statements::on_database(database, access, role)?
                    .into_iter()
                    .collect(),
            });
            Ok(wanted)
        }
    }
}

async fn on_schemas(run: &mut Run<'_>, schemas: &[String], access: Access, role: &str) -> Result<Wanted> {
    let relations = look::relations(&mut run.session).await?;
    let sequences = look::sequences(&mut run.session).await?;
    let mut wanted = Wanted {
        parts: Vec::new(),
        needed: Privileges::new(),
    };
    for schema in schemas {
        wanted
            .needed
            .append(&mut coverage::of_schema(schema, access, &relations, &sequences));
        wanted.parts.push(Part {
            schema: Some(schema.clone()),
            statements: statements::on_schema(&Name::known(schema.as_str()), access, role)?,
        });
    }
    Ok(wanted)
}

async fn on_table(
    run: &mut Run<'_>,
    schema: &str,
    table: &str,
    access: Access,
    role: &str,
) -> Result<Wanted> {
    let relation = look::relations(&mut run.session)
        .await?
        .into_iter()
        .find(|(_, object)| same(&object.schema, schema) && same(&object.name, table))
        .map(|(relation, _)| relation)
        .ok_or_else(|| invalid(format!("no such table: {schema}.{table}")))?;
    if relation == Relation::View && access != Access::Read {
        return Err(invalid(format!(
            "{schema}.{table} is a view, which can only be read"
        )));
    }
    Ok(Wanted {
        needed: coverage::of_table(schema, table, relation, access),
        parts: vec![Part {
            schema: Some(schema.to_owned()),
            statements: Vec::from(statements::on_table(schema, table, relation, access, role)?),
        }],
    })
}

/// Membership in a role of theirs goes through the lease's own role: what the person has by other ways stays apart from it.
async fn on_group(run: &mut Run<'_>, group: &str, role: &str) -> Result<Wanted> {
    let edges = look::group(&mut run.session, group).await?;
    if look::reaches(&edges, group, is_above_all) {
        return Err(invalid(format!(
            "role {group} reaches rights above all others and is not given"
        )));
    }
    Ok(Wanted {
        needed: Privileges::new(),
        parts: vec![Part {
            schema: None,
            statements: vec![statements::give_role(group, role)?],
        }],
    })
}

/// A role counts in a session only if it is a default one, or asked for.
async fn defaults(run: &mut Run<'_>) -> Result<()> {
    let change = run.change;
    let given: Vec<String> = to_give(change)
        .filter(|lease| !run.failed.contains_key(&lease.id))
        .map(|lease| run.provider.mark.lease_role(&lease.id))
        .collect();
    if given.is_empty() {
        return Ok(());
    }
    let Some(defaults) = run.defaults(&[]).await? else {
        return Ok(());
    };
    let missing: Vec<&String> = given
        .iter()
        .filter(|role| !defaults.iter().any(|name| same(name, role)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let write = if run.ours {
        statements::default_all(run.login)?
    } else {
        let all: Vec<Name> = defaults
            .iter()
            .chain(missing)
            .map(|name| Name::known(name.as_str()))
            .collect();
        statements::default_roles(run.login, &all)?
    };
    run.session.run(&write, &mut run.ran).await
}
