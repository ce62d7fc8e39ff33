//! Takes lease roles away with all they were given, and loses nothing that they own.
//!
//! What a dropped role owns would pass to the role that drops it, which is ours: a procedure or a view that somebody left behind
//! would then run with our rights. So it passes to a role that may nothing, and that the account's SYSADMIN holds.

use super::{
    converge::{Run, to_take},
    look::{Held, LeaseRole, parts},
    mark, statements,
    wire::{Halt, Ran},
};
use crate::providers::{ErrorKind, ProviderError};

/// Kinds of object whose names say all: signatures of functions and procedures do not.
const PASSED_ON: &[&str] = &[
    "TABLE",
    "VIEW",
    "MATERIALIZED VIEW",
    "EXTERNAL TABLE",
    "DYNAMIC TABLE",
    "ICEBERG TABLE",
    "SCHEMA",
    "SEQUENCE",
    "STAGE",
    "STREAM",
    "TASK",
    "FILE FORMAT",
];
/// Names that one remark tells.
const NAMED: usize = 20;

/// Each goes or fails for itself; the person has lost them already.
pub async fn lease_roles(run: &mut Run<'_>, leaving: &[LeaseRole]) -> Ran<()> {
    for role in leaving {
        let error = match one(run, role).await {
            Ok(()) => continue,
            Err(Halt::Failed { error, .. }) => error,
            Err(halt) => return Err(halt),
        };
        if to_take(run.change).any(|lease| lease.id == role.lease) {
            run.failed.insert(role.lease.clone(), error);
        } else {
            run.waiting = Some(format!("{} cannot be dropped yet: {}", role.name, error.message));
        }
    }
    Ok(())
}

async fn one(run: &mut Run<'_>, role: &LeaseRole) -> Ran<()> {
    let owned: Vec<Held> = match run.eye.grants_to(&role.name).await {
        Ok(held) => held
            .into_iter()
            .filter(|held| held.privilege == "OWNERSHIP")
            .collect(),
        // Somebody dropped it meanwhile.
        Err(halt) if halt.is_gone() => return Ok(()),
        Err(halt) => return Err(halt),
    };
    if !owned.is_empty() {
        pass_on(run, role, &owned).await?;
    }
    let drop = statements::drop_role(&role.name)?;
    run.run(&drop).await
}

async fn pass_on(run: &mut Run<'_>, role: &LeaseRole, owned: &[Held]) -> Ran<()> {
    let heir = heir(run).await?;
    // Schemas after what is in them.
    let (schemas, others): (Vec<&Held>, Vec<&Held>) = owned.iter().partition(|held| held.on == "SCHEMA");
    let mut passed = Vec::new();
    for held in others.into_iter().chain(schemas) {
        let name = parts(&held.name).filter(|_| PASSED_ON.contains(&held.on.as_str()));
        let Some(name) = name else {
            let text = format!(
                "nobody holds {} any more, but it owns the {} {}: pass that on by hand, then the role is dropped",
                role.name,
                held.on.to_lowercase(),
                held.name
            );
            return Err(ProviderError::new(ErrorKind::Transient, text).into());
        };
        let statement = statements::pass_on(&held.on, &name, &heir)?;
        run.run(&statement).await?;
        passed.push(format!("{} {}", held.on.to_lowercase(), held.name));
    }
    let more = match passed.len().checked_sub(NAMED) {
        Some(more) if more > 0 => format!(" and {more} more"),
        _ => String::new(),
    };
    passed.truncate(NAMED);
    run.remarks.push(format!(
        "what {} owned passed to {heir}: {}{more}",
        role.name,
        passed.join(", ")
    ));
    Ok(())
}

/// The role that owns what leases left behind: made when it is first needed.
async fn heir(run: &mut Run<'_>) -> Ran<String> {
    let name = run.eye.provider.heir();
    let mark = &run.eye.provider.mark;
    let found = run
        .eye
        .find("ROLES", &name, "", |row| {
            mark::read(mark, row.cell("comment")).is_some()
        })
        .await?;
    match found {
        Some(true) => {}
        Some(false) => return Err(super::converge::taken(&format!("a role {name}")).into()),
        None => {
            let create = statements::create_role(&name, &mark.text.clone())?;
            run.run(&create).await?;
        }
    }
    let give = statements::give_to_role(&name, "SYSADMIN")?;
    run.run(&give).await?;
    Ok(name)
}
