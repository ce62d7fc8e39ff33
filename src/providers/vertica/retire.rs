//! Takes roles away with all they were given, and logins without losing what they own.

use super::{
    converge::{Run, USER_ID, to_take},
    look::{self, LeaseRole},
    place::same,
    session::Failed,
    statements::{self, Owned},
};
use crate::providers::{ProviderError, Result};

/// Each goes or fails for itself; the person has lost them already.
pub async fn lease_roles(run: &mut Run<'_>, leaving: &[LeaseRole]) {
    for role in leaving {
        let outcome = match statements::drop_role(&role.name) {
            Ok(drop) => run.session.run_or_gone(&drop, &mut run.ran).await,
            Err(error) => Err(error),
        };
        let Err(error) = outcome else { continue };
        if to_take(run.change).any(|lease| lease.id == role.lease) {
            run.failed.insert(role.lease.clone(), error);
        } else {
            run.waiting = Some(format!("{} cannot be dropped yet: {}", role.name, error.message));
        }
    }
}

/// A login of ours whose door is shut. Where something of it cannot pass on, it stays, and the answer says why.
pub async fn login(run: &mut Run<'_>) -> Result<()> {
    if run.waiting.is_some() {
        return Ok(());
    }
    pass_on(run).await?;
    let drop = statements::drop_login(run.login)?;
    match run.session.try_run(&drop, &mut run.ran).await {
        Ok(()) => {
            run.memo.remove(USER_ID);
            Ok(())
        }
        Err(Failed::Broke(error)) => Err(error),
        Err(Failed::Said(notice)) if super::error::is_gone(&notice) => Ok(()),
        Err(said) => {
            let error = ProviderError::from(said);
            run.waiting = Some(format!(
                "{} is locked, but cannot be deleted yet: {}",
                run.login, error.message
            ));
            Ok(())
        }
    }
}

/// Schemas first: what is in them goes to who owns them then.
async fn pass_on(run: &mut Run<'_>) -> Result<()> {
    let owned = look::owned(&mut run.session, run.login).await?;
    if owned.is_empty() {
        return Ok(());
    }
    let schemas = look::schemas(&mut run.session).await?;
    for (what, object) in owned {
        let (path, heir) = match what {
            Owned::Schema => (vec![object.name], run.database.owner.clone()),
            Owned::Table | Owned::View | Owned::Sequence => {
                let heir = look::heir(&schemas, &run.database, &object.schema, run.login).to_owned();
                (vec![object.schema, object.name], heir)
            }
        };
        if same(&heir, run.login) {
            continue;
        }
        let statement = statements::pass_on(what, &path, &heir)?;
        run.session.run_or_gone(&statement, &mut run.ran).await?;
        run.remarks
            .push(format!("{} of {} passed to {heir}", path.join("."), run.login));
    }
    Ok(())
}
