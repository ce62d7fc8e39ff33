//! What a change would run, told without asking the target: `<each database>` stands for what only it knows.

use super::{
    Mssql,
    converge::{Ending, password, sessions_to_end, to_give, to_take},
    mark,
    place::{Access, Place, Reach, Site, reach_of},
    statements::{self, SiteName},
};
use crate::{
    providers::{Account, Change, Lease, Result, Want, sql::Statement},
    secrets::Secret,
};

pub fn preview(provider: &Mssql, account: &Account, change: &Change) -> Vec<String> {
    match lines(provider, account, change) {
        Ok(lines) => lines,
        // A name that no statement can hold: the same is said when it is tried.
        Err(error) => vec![format!("# nothing: {}", error.message)],
    }
}

fn lines(provider: &Mssql, account: &Account, change: &Change) -> Result<Vec<String>> {
    let (login, ours) = (account.name.login(), account.name.is_ours());
    let user = mark::user(&provider.mark, login);
    let mut all = Vec::new();
    let shut = ours && !matches!(change.want, Want::Open(_));
    if shut {
        all.push(statements::disable(login)?);
    }
    for (lease, site) in taken_from(change) {
        let member = if matches!(site, SiteName::Server) {
            login
        } else {
            &user
        };
        let role = provider.mark.lease_role(&lease.id);
        all.push(statements::drop_member(&site, &role, member)?);
    }
    if ours && !shut {
        // Shown masked: any stand-in does where none is chosen yet.
        let stand_in = Secret::new("-");
        let sid = mark::sid(&provider.mark, login);
        all.push(statements::create_login(
            login,
            &sid,
            password(change)?.unwrap_or(&stand_in),
        )?);
    }
    match sessions_to_end(change, ours) {
        Ending::None => {}
        Ending::All => all.push(statements::end_sessions(login, None)?),
        Ending::Since(since) => all.push(statements::end_sessions(login, Some(since))?),
    }
    for (lease, site) in taken_from(change) {
        all.push(statements::drop_role(
            &site,
            &provider.mark.lease_role(&lease.id),
        )?);
    }
    all.extend(users_gone(change, &user)?);
    if ours && matches!(change.want, Want::Deleted) {
        all.push(statements::drop_login(login)?);
    }
    let mut lines: Vec<String> = all.iter().map(|statement| statement.shown().to_owned()).collect();
    for lease in to_give(change) {
        lines.extend(given(provider, login, &user, lease));
    }
    lines.extend(remarks(change));
    Ok(lines)
}

/// Leases that end, each with every site of its role.
fn taken_from(change: &Change) -> Vec<(&Lease, SiteName<'static>)> {
    to_take(change)
        .filter_map(|lease| reach_of(lease).map(|reach| (lease, site_of(&reach))))
        .collect()
}

fn site_of(reach: &Reach) -> SiteName<'static> {
    match reach {
        Reach::EveryDatabase => SiteName::each_database(),
        Reach::One(Site::Server) => SiteName::Server,
        Reach::One(Site::Database(database)) => SiteName::Database(std::borrow::Cow::Owned(
            crate::providers::sql::Name::known(database.as_str()),
        )),
    }
}

/// The login's users in databases where its last lease ends.
fn users_gone(change: &Change, user: &str) -> Result<Vec<Statement>> {
    let mut reaches: Vec<Reach> = Vec::new();
    for reach in to_take(change).filter_map(reach_of) {
        let needed = to_give(change)
            .filter_map(reach_of)
            .any(|other| other == reach || other == Reach::EveryDatabase);
        if reach != Reach::One(Site::Server) && !needed && !reaches.contains(&reach) {
            reaches.push(reach);
        }
    }
    reaches
        .iter()
        .map(|reach| statements::drop_user(&site_of(reach), user))
        .collect()
}

/// One bad lease is one line.
fn given(provider: &Mssql, login: &str, user: &str, lease: &Lease) -> Vec<String> {
    let lines = Place::and_access(lease).and_then(|(place, access)| {
        let role = provider.mark.lease_role(&lease.id);
        let site = site_of(&place.reach(access));
        let mut all = Vec::new();
        let member = if matches!(site, SiteName::Server) {
            login
        } else {
            all.push(statements::create_user(&site, user, login)?);
            user
        };
        all.push(statements::create_role(&site, &role)?);
        all.push(statements::fill(&site, &place, access, &role)?);
        all.push(statements::add_member(&site, &role, member)?);
        Ok(all)
    });
    match lines {
        Ok(all) => all.iter().map(|statement| statement.shown().to_owned()).collect(),
        Err(error) => vec![format!(
            "# nothing for {}: {}",
            lease.resource.title, error.message
        )],
    }
}

/// What outlives the lease, so that it is read before and not after.
fn remarks(change: &Change) -> Vec<String> {
    let lasting = |lease: &Lease| Place::and_access(lease).is_ok_and(|(_, access)| access == Access::Admin);
    let mut lines = Vec::new();
    if to_give(change).any(lasting) {
        lines.push(
            "# Objects and triggers made meanwhile stay; logins, users and rights given to others may stay too.".to_owned(),
        );
    }
    if matches!(change.want, Want::Deleted) {
        lines.push(
            "# What it owns passes on first: schemas and roles to dbo, databases to the server's administrator.".to_owned(),
        );
    }
    lines
}
