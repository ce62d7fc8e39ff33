//! Gives leases: a role for each, with exactly what it gives.
//!
//! MySQL: the role is filled and then given to the login, whose sessions have all such roles from the start. MariaDB makes
//! one role active, so each login has one of its own, and a lease's role goes into that one: before it is filled, or a run
//! that is cut in between would leave a role that nobody could tell whose it is.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    converge::{Run, to_give},
    engine::{Engine, Who},
    error::invalid,
    groups,
    look::{self, Found, LeaseRole, Roles},
    mark,
    place::{self, Access, Level, Place},
    rights,
    statements::{self, On},
};
use crate::providers::{Lease, Result, sql::Name};

/// What one lease gives.
pub struct Given {
    pub privileges: BTreeMap<On, Vec<&'static str>>,
    pub group: Option<Who>,
}

/// Each is given or fails for itself.
pub async fn leases(
    run: &mut Run<'_>,
    found: Option<&Found>,
    roles: &Roles,
    staying: &[LeaseRole],
) -> Result<()> {
    let change = run.change;
    if !run.ours && run.engine() == Engine::MariaDb && to_give(change).next().is_some() {
        let own = run.own_role();
        if !roles.own.contains_key(&own.user) {
            run.run(&statements::create_role(&own)?).await?;
        }
        own_role(run, found, roles).await?;
    }
    for lease in to_give(change) {
        if run.failed.contains_key(&lease.id) {
            continue;
        }
        let there = staying.iter().find(|role| role.lease == lease.id);
        if let Err(error) = one(run, lease, there).await {
            // A dead connection fails all that is left: say so at once.
            run.failed.insert(lease.id.clone(), error);
        }
    }
    if run.engine() == Engine::MySql {
        from_the_start(run, found).await?;
    }
    Ok(())
}

/// MariaDB: the login holds its own role, and has it from the start; unless it is somebody's own and has another.
pub async fn own_role(run: &mut Run<'_>, found: Option<&Found>, roles: &Roles) -> Result<()> {
    if run.engine() == Engine::MySql {
        return Ok(());
    }
    let own = run.own_role();
    let holds = roles
        .own
        .get(&own.user)
        .is_some_and(|holders| holders.contains(&run.login));
    if !holds || found.is_none() {
        run.run(&statements::give_role(&own, &run.login)?).await?;
    }
    let default = found.and_then(|found| found.default_roles.first());
    let free = default.is_none() || run.ours;
    if free && default != Some(&own) {
        let set = statements::default_roles(Engine::MariaDb, &run.login, &[own.quoted()?])?;
        run.run(&set).await?;
    }
    Ok(())
}

/// MySQL: new sessions have the roles of all leases, beside those that somebody's own login had before.
async fn from_the_start(run: &mut Run<'_>, found: Option<&Found>) -> Result<()> {
    let mark = &run.provider.mark;
    let ours: Vec<Who> = to_give(run.change)
        .filter(|lease| !run.failed.contains_key(&lease.id))
        .map(|lease| Engine::MySql.role(&mark.lease_role(&lease.id)))
        .collect();
    let before: Vec<Who> = found.map_or_else(Vec::new, |found| found.default_roles.clone());
    if ours.iter().all(|role| before.contains(role)) {
        return Ok(());
    }
    let kept = before
        .into_iter()
        .filter(|role| !run.ours && !mark.names_lease_role(&role.user));
    let all: Vec<String> = kept
        .chain(ours)
        .map(|role| role.quoted())
        .collect::<Result<_>>()?;
    let set = statements::default_roles(Engine::MySql, &run.login, &all)?;
    run.run(&set).await
}

async fn one(run: &mut Run<'_>, lease: &Lease, there: Option<&LeaseRole>) -> Result<()> {
    let (place, access) = Place::and_access(lease)?;
    let given = wanted(run, &place, access).await?;
    let role = run.engine().role(&run.provider.mark.lease_role(&lease.id));
    let anchor = run.anchor();
    let held = there.is_some_and(|there| there.holders.contains(&anchor));
    if there.is_none() {
        run.run(&statements::create_role(&role)?).await?;
    }
    if run.engine() == Engine::MySql && there.is_none_or(|there| there.marked.is_none()) {
        let fence = mark::fence(Some(run.change.fence));
        let attributes = mark::for_lease(&run.provider.mark, &fence, run.name)?;
        run.run(&statements::inscribe(&role, &attributes)?).await?;
    }
    if run.engine() == Engine::MariaDb && !held {
        run.run(&statements::give_role(&role, &anchor)?).await?;
    }
    fill(run, &role, &given, there.is_some()).await?;
    if run.engine() == Engine::MySql && !held {
        run.run(&statements::give_role(&role, &anchor)?).await?;
    }
    Ok(())
}

/// Makes a role hold exactly that, whatever it holds now.
async fn fill(run: &mut Run<'_>, role: &Who, given: &Given, is_there: bool) -> Result<()> {
    let engine = run.engine();
    if let Some(group) = &given.group {
        let held = is_there
            && groups::held_by(&mut run.main, engine, role)
                .await?
                .contains(group);
        if !held {
            run.run(&statements::give_role(group, role)?).await?;
        }
        // MariaDB lists what comes through the group as the role's own.
        return Ok(());
    }
    let held = if is_there {
        rights::held(&mut run.main, engine, role).await?
    } else {
        BTreeMap::new()
    };
    for (on, privileges) in &held {
        let wanted = given.privileges.get(on);
        let surplus: Vec<&str> = privileges
            .iter()
            .map(String::as_str)
            .filter(|held| wanted.is_none_or(|wanted| !wanted.contains(held)))
            .collect();
        if !surplus.is_empty() {
            run.run(&statements::take(&surplus, on, role)?).await?;
        }
    }
    let none = BTreeSet::new();
    for (on, privileges) in &given.privileges {
        let held = held.get(on).unwrap_or(&none);
        if !privileges.iter().all(|privilege| held.contains(*privilege)) {
            run.run(&statements::give(privileges, on, role)?).await?;
        }
    }
    Ok(())
}

/// What a lease gives here and now, as far as our own login can give it.
async fn wanted(run: &mut Run<'_>, place: &Place, access: Access) -> Result<Given> {
    let mut privileges = BTreeMap::new();
    match place {
        Place::Instance => {
            for (database, _) in look::databases(&mut run.main, run.provider.engine).await? {
                let on = on_database(run, &database)?;
                privileges.insert(on, level(run, place::on_database(access)).await?);
            }
            let everywhere = level(run, place::on_everything(access)).await?;
            if !everywhere.is_empty() {
                privileges.insert(On::Everything, everywhere);
            }
        }
        Place::Database(database) => {
            there(run, database, None).await?;
            let on = on_database(run, database)?;
            privileges.insert(on, level(run, place::on_database(access)).await?);
        }
        Place::Table { database, table } => {
            there(run, database, Some(table)).await?;
            let on = On::Table {
                database: as_kept(run, database),
                table: as_kept(run, table),
            };
            privileges.insert(on, level(run, place::on_table(access)).await?);
        }
        Place::Role(group) => {
            let group = groups::joinable(run, group).await?;
            return Ok(Given {
                privileges,
                group: Some(group),
            });
        }
    }
    Ok(Given {
        privileges,
        group: None,
    })
}

/// A server that folds case keeps grants in lower case.
fn as_kept(run: &Run<'_>, name: &str) -> String {
    if run.server.folds {
        name.to_lowercase()
    } else {
        name.to_owned()
    }
}

fn on_database(run: &Run<'_>, database: &str) -> Result<On> {
    let pattern = statements::pattern(run.engine(), &as_kept(run, database), run.server.literal)?;
    Ok(On::Database(Name::Known(pattern)))
}

async fn there(run: &mut Run<'_>, database: &str, table: Option<&str>) -> Result<()> {
    if look::exists(&mut run.main, &run.server, database, table).await? {
        return Ok(());
    }
    Err(invalid(match table {
        Some(table) => format!("no such table: {database}.{table}"),
        None => format!("no such database: {database}"),
    }))
}

async fn level(run: &mut Run<'_>, level: Level) -> Result<Vec<&'static str>> {
    if run.own.is_none() {
        run.own = Some(rights::own(&mut run.main, run.provider.engine, &run.server).await?);
    }
    let Some(own) = &run.own else {
        return Ok(Vec::new());
    };
    let (given, left) = own.of(level, &run.server.me)?;
    if !left.is_empty() {
        let remark = format!("not given, since our login has it not: {}", left.join(", "));
        if !run.remarks.contains(&remark) {
            run.remarks.push(remark);
        }
    }
    Ok(given)
}
