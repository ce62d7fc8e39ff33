//! Gives leases: one role for each at each site it reaches, filled, and given to the login in the same transaction.

use super::{
    converge::{Run, to_give},
    coverage,
    error::{invalid, transient},
    inside, look,
    look::LeaseRole,
    mark,
    place::{Access, Place, Reach, Site},
    statements::{self, SiteName},
};
use crate::providers::{ErrorKind, Lease, ProviderError, Result, sql::Statement};

/// Who gets a lease, and what.
struct Gift<'a> {
    sid: &'a [u8],
    role: &'a str,
    place: &'a Place,
    access: Access,
}

/// Each is given or fails for itself.
pub async fn leases(run: &mut Run<'_>, sid: &[u8], staying: &[LeaseRole]) -> Result<()> {
    let change = run.change;
    for lease in to_give(change) {
        if run.failed.contains_key(&lease.id) {
            continue;
        }
        if let Err(error) = one(run, lease, sid, staying).await {
            run.failed.insert(lease.id.clone(), error);
        }
    }
    Ok(())
}

async fn one(run: &mut Run<'_>, lease: &Lease, sid: &[u8], staying: &[LeaseRole]) -> Result<()> {
    let (place, access) = Place::and_access(lease)?;
    let role = run.provider.mark.lease_role(&lease.id);
    let gift = Gift {
        sid,
        role: &role,
        place: &place,
        access,
    };
    let sites = sites(run, &place, access)?;
    inside::exists(&mut run.session, &place).await?;
    if let Place::Role { site, role } = &place {
        inside::joinable(&mut run.session, site, role).await?;
    }
    for site in sites {
        let there = staying
            .iter()
            .find(|there| there.lease == lease.id && there.site == site);
        let known = site.clone();
        at_site(run, &gift, site, there)
            .await
            .map_err(|error| match known {
                Site::Server => error,
                Site::Database(database) => ProviderError {
                    message: format!("database {database}: {}", error.message),
                    ..error
                },
            })?;
    }
    Ok(())
}

/// # Errors
/// `Invalid` for a database that is not there, `Transient` for one that is away.
fn sites(run: &mut Run<'_>, place: &Place, access: Access) -> Result<Vec<Site>> {
    match place.reach(access) {
        Reach::EveryDatabase => {
            coverage::note(&mut run.memo, &run.databases);
            let (mut sites, mut away) = (Vec::new(), Vec::new());
            for database in &run.databases {
                match &database.away {
                    None => sites.push(Site::Database(database.name.clone())),
                    Some(why) => away.push(format!("database {} is not covered yet: {why}", database.name)),
                }
            }
            run.remarks.append(&mut away);
            Ok(sites)
        }
        Reach::One(Site::Server) => Ok(vec![Site::Server]),
        Reach::One(Site::Database(name)) => {
            // As the server writes it: it may not tell upper from lower case.
            let found = run
                .databases
                .iter()
                .find(|database| database.name == name)
                .or_else(|| {
                    run.databases
                        .iter()
                        .find(|database| database.name.eq_ignore_ascii_case(&name))
                });
            match found {
                None => Err(invalid(format!("no such database: {name}"))),
                Some(found) => match &found.away {
                    Some(why) => Err(transient(format!("database {name}: {why}"))),
                    None => Ok(vec![Site::Database(found.name.clone())]),
                },
            }
        }
    }
}

async fn at_site(run: &mut Run<'_>, gift: &Gift<'_>, site: Site, there: Option<&LeaseRole>) -> Result<()> {
    if !run.server.controls {
        let text = "our login lacks CONTROL SERVER, without which it may give nothing";
        return Err(ProviderError::new(ErrorKind::Denied, text));
    }
    let mut all = Vec::new();
    let name = SiteName::of(&site);
    let member = member(run, gift, &site, &mut all).await?;
    match there {
        None => {
            all.push(statements::create_role(&name, gift.role)?);
            all.push(statements::fill(&name, gift.place, gift.access, gift.role)?);
        }
        Some(_) if !is_filled(run, gift, &site).await? => {
            all.push(statements::fill(&name, gift.place, gift.access, gift.role)?);
        }
        Some(_) => {}
    }
    if !there.is_some_and(|there| there.is_held_by(gift.sid)) {
        all.push(statements::add_member(&name, gift.role, &member)?);
    }
    if all.is_empty() {
        return Ok(());
    }
    run.transact(&all).await?;
    if let Site::Database(database) = &site
        && let Some(remark) = inside::denied_to_all(&mut run.session, database).await?
    {
        run.remarks.push(remark);
    }
    Ok(())
}

/// Who the login is at a site; in a database where it is nobody yet, it becomes a user.
async fn member(run: &mut Run<'_>, gift: &Gift<'_>, site: &Site, all: &mut Vec<Statement>) -> Result<String> {
    let Site::Database(database) = site else {
        return Ok(run.login.to_owned());
    };
    let user = mark::user(&run.provider.mark, run.login);
    let name = SiteName::of(site);
    let (by_sid, by_name) = look::users(&mut run.session, database, gift.sid, &user).await?;
    match (by_sid, by_name) {
        (Some(found), _) if found.name == "dbo" => Err(invalid(format!(
            "{} owns it and holds everything there",
            run.login
        ))),
        (Some(found), _) => Ok(found.name),
        // Our user of a login that was made anew.
        (None, Some(_)) => {
            all.push(statements::map_user(&name, &user, run.login)?);
            Ok(user)
        }
        (None, None) => {
            all.push(statements::create_user(&name, &user, run.login)?);
            Ok(user)
        }
    }
}

/// Whether a lease's role still has all that it was given.
async fn is_filled(run: &mut Run<'_>, gift: &Gift<'_>, site: &Site) -> Result<bool> {
    if let Place::Role { role: theirs, .. } = gift.place {
        return inside::is_member(&mut run.session, site, theirs, gift.role).await;
    }
    let Some(id) = look::role_id(&mut run.session, site, gift.role).await? else {
        return Ok(false);
    };
    let has = inside::given(&mut run.session, site, gift.place, id).await?;
    Ok(statements::permissions(gift.place, gift.access)
        .iter()
        .all(|needed| has.contains(*needed)))
}
