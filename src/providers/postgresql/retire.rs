//! Takes roles away with all they were given, in every database, and loses nothing that they own.

use super::{
    converge::{Run, run_all, to_take},
    fence, look,
    look::LeaseRole,
    statements,
};
use crate::providers::{ErrorKind, ProviderError, Result, sql::Name};

/// Each goes or fails for itself; the person has lost them already.
pub async fn lease_roles(run: &mut Run<'_>, leaving: &[LeaseRole]) -> Result<()> {
    for role in leaving {
        let outcome = match empty(run, &role.name).await {
            Ok(()) => drop_role(run, &role.name).await,
            Err(error) => Err(error),
        };
        let Err(error) = outcome else { continue };
        if to_take(run.change).any(|lease| lease.id == role.lease) {
            run.failed.insert(role.lease.clone(), error);
        } else {
            run.waiting = Some(format!("{} cannot be dropped yet: {}", role.name, error.message));
        }
    }
    Ok(())
}

/// A login of ours whose door is shut. Where something of it cannot pass on, it stays, and the answer says why.
pub async fn login(run: &mut Run<'_>) -> Result<()> {
    if run.waiting.is_some() {
        return Ok(());
    }
    let login = run.login.to_owned();
    let outcome = match empty(run, &login).await {
        Ok(()) => drop_role(run, &login).await,
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        run.waiting = Some(format!(
            "{login} is shut, but cannot be deleted yet: {}",
            error.message
        ));
    }
    Ok(())
}

/// In every database where the role owns or holds something, and in ours, so that what belongs to no database goes too.
async fn empty(run: &mut Run<'_>, role: &str) -> Result<()> {
    let home = run.main.database.clone();
    let mut holdings = look::holdings(&run.main, role, &home).await?;
    if !holdings.iter().any(|holding| holding.database == home) {
        holdings.push(look::Holding {
            database: home,
            open: true,
            owned: 0,
        });
    }
    for holding in holdings {
        if !holding.open {
            let text = format!("database {} accepts no connections", holding.database);
            return Err(ProviderError::new(ErrorKind::Transient, text));
        }
        empty_in(run, role, &holding).await?;
    }
    Ok(())
}

async fn empty_in(run: &mut Run<'_>, role: &str, holding: &look::Holding) -> Result<()> {
    let join = if run.server.superuser {
        None
    } else {
        Some(statements::join(role)?)
    };
    let mut ran = Vec::new();
    let database = &holding.database;
    run.session(database)
        .await
        .map_err(|error| away(database, error))?;
    // Borrowed again, whichever of the two it is: the guard reads other parts of the run.
    let session = if run.main.database == *database {
        Some(&run.main)
    } else {
        run.side.as_ref()
    };
    let session = session.ok_or_else(|| ProviderError::new(ErrorKind::Transient, "no connection"))?;
    run.guard().begin(session).await?;
    let outcome = async {
        let heir = look::heir(session, role).await?;
        let mut all: Vec<_> = join.into_iter().collect();
        all.extend(statements::empty(role, &Name::known(heir.as_str()))?);
        run_all(session, &all, &mut ran).await.map(|()| heir)
    }
    .await;
    let outcome = fence::finish(session, outcome).await;
    run.ran.append(&mut ran);
    let heir = outcome?;
    if holding.owned > 0 {
        run.remarks.push(format!(
            "{} objects of {role} in database {database} passed to {heir}",
            holding.owned
        ));
    }
    Ok(())
}

/// A database that is away now may be back later: what is held there is pending, not refused.
fn away(database: &str, error: ProviderError) -> ProviderError {
    ProviderError {
        kind: ErrorKind::Transient,
        message: format!("database {database}: {}", error.message),
        ..error
    }
}

async fn drop_role(run: &mut Run<'_>, role: &str) -> Result<()> {
    let drop = statements::drop_role(role)?;
    run.transact_main(&[drop]).await
}
