//! Takes roles, users and logins away, and loses nothing that they own.

use super::{
    converge::{Run, to_give},
    inside, look,
    look::{LeaseRole, Principal},
    mark,
    place::{Reach, Site, reach_of},
    statements::{self, SiteName},
};
use crate::providers::{ErrorKind, ProviderError, Result, Want, sql::Statement};

/// Each goes or fails for itself; the person has lost them already.
pub async fn lease_roles(run: &mut Run<'_>, leaving: &[LeaseRole]) -> Result<()> {
    for role in leaving {
        if let Err(error) = lease_role(run, role).await {
            run.stays(role, error);
        }
    }
    Ok(())
}

async fn lease_role(run: &mut Run<'_>, role: &LeaseRole) -> Result<()> {
    let site = SiteName::of(&role.site);
    let mut all = Vec::new();
    if let Site::Database(database) = &role.site
        && let Some(id) = look::role_id(&mut run.session, &role.site, &role.name).await?
    {
        all.extend(empty(run, database, &role.name, id).await?);
    }
    all.push(statements::drop_role(&site, &role.name)?);
    run.transact(&all).await
}

/// Statements that make a principal own nothing and have given nothing; what passes to whom is told.
async fn empty(run: &mut Run<'_>, database: &str, name: &str, id: i32) -> Result<Vec<Statement>> {
    let site = SiteName::of(&Site::Database(database.to_owned()));
    let mut all = Vec::new();
    for given in inside::given_by(&mut run.session, database, id).await? {
        all.push(statements::take_given(&site, &given, name)?);
        run.remarks.push(format!(
            "{} on {}, which {name} gave to {} in database {database}, is taken back",
            given.permission, given.scope, given.grantee
        ));
    }
    for owned in inside::owned(&mut run.session, database, id).await? {
        all.push(statements::pass_on(&site, &owned)?);
        run.remarks.push(format!(
            "{} of {name} in database {database} passes to {}",
            owned.shown(),
            owned.heir()
        ));
    }
    Ok(all)
}

/// Users of ours in databases where no lease is left go, unless they own something and the account stays.
pub async fn users(run: &mut Run<'_>, sid: &[u8], staying: &[LeaseRole]) -> Result<()> {
    let name = mark::user(&run.provider.mark, run.login);
    for database in run.databases.clone() {
        if database.away.is_some() {
            if matches!(run.change.want, Want::Deleted) && run.ours {
                run.remarks.push(format!(
                    "database {} could not be looked into; a user {name} without a login may be left there",
                    database.name
                ));
            }
            continue;
        }
        let site = Site::Database(database.name);
        let needed = staying.iter().any(|role| role.site == site)
            || to_give(run.change).any(|lease| match reach_of(lease) {
                Some(Reach::EveryDatabase) => true,
                Some(Reach::One(at)) => at == site,
                None => false,
            });
        if !needed {
            user(run, &site, sid, &name).await?;
        }
    }
    Ok(())
}

async fn user(run: &mut Run<'_>, site: &Site, sid: &[u8], name: &str) -> Result<()> {
    let Site::Database(database) = site else {
        return Ok(());
    };
    let (Some(found), _) = look::users(&mut run.session, database, sid, name).await? else {
        return Ok(());
    };
    if !mark::is_our_user(&run.provider.mark, &found.name) {
        return Ok(());
    }
    let outcome = match keeps(run, database, &found).await {
        Ok(true) => return Ok(()),
        Ok(false) => drop_user(run, site, &found).await,
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        run.waiting = Some(format!(
            "user {} in database {database} cannot be dropped yet: {}",
            found.name, error.message
        ));
    }
    Ok(())
}

/// Whether a user stays although no lease needs it.
async fn keeps(run: &mut Run<'_>, database: &str, found: &Principal) -> Result<bool> {
    if run.ours && matches!(run.change.want, Want::Deleted) {
        return Ok(false);
    }
    if !inside::owned(&mut run.session, database, found.id)
        .await?
        .is_empty()
    {
        return Ok(true);
    }
    // What an administrator gave to somebody's own login meanwhile is standing access.
    Ok(!run.ours && inside::holds_more(&mut run.session, database, found.id).await?)
}

async fn drop_user(run: &mut Run<'_>, site: &Site, found: &Principal) -> Result<()> {
    let Site::Database(database) = site else {
        return Ok(());
    };
    let mut all = empty(run, database, &found.name, found.id).await?;
    all.push(statements::drop_user(&SiteName::of(site), &found.name)?);
    run.transact(&all).await
}

/// A login of ours whose door is shut. Where something of it cannot pass on, it stays, and the answer says why.
pub async fn login(run: &mut Run<'_>) -> Result<()> {
    if run.waiting.is_some() {
        return Ok(());
    }
    if let Err(error) = passed_on_and_dropped(run).await {
        run.waiting = Some(format!(
            "{} is shut, but cannot be deleted yet: {}",
            run.login, error.message
        ));
    }
    Ok(())
}

async fn passed_on_and_dropped(run: &mut Run<'_>) -> Result<()> {
    if !run.failed.is_empty() {
        // A lease that waits for its database: the login's users there are known by it.
        let text = "a lease of it could not be taken back everywhere";
        return Err(ProviderError::new(ErrorKind::Transient, text));
    }
    let sid = mark::sid(&run.provider.mark, run.login);
    for database in look::owned_databases(&mut run.session, &sid).await? {
        let heir = look::administrator(&mut run.session).await?;
        run.run(&statements::pass_database_on(&database, &heir)?).await?;
        run.remarks
            .push(format!("database {database} of {} passes to {heir}", run.login));
    }
    run.run(&statements::drop_login(run.login)?).await
}
