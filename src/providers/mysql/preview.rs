//! What a change would run, told without asking the target: `<each database>` and the like stand for what only it knows.

use super::{
    Family,
    converge::{password, to_give, to_take},
    engine::{Engine, Who},
    mark,
    place::{self, Access, Level, Place},
    sessions::{self, Which},
    statements::{self, Form, On},
};
use crate::{
    providers::{
        Account, Change, Lease, Result, Want,
        sql::{Name, Statement},
    },
    secrets::Secret,
};

pub fn preview(provider: &Family, account: &Account, change: &Change) -> Vec<String> {
    match lines(provider, account, change) {
        Ok(lines) => lines,
        // A name that no statement can hold: the same is said when it is tried.
        Err(error) => vec![format!("# nothing: {}", error.message)],
    }
}

fn lines(provider: &Family, account: &Account, change: &Change) -> Result<Vec<String>> {
    let (name, ours) = (account.name.login(), account.name.is_ours());
    let (engine, mark) = (provider.engine, &provider.mark);
    let login = Who::anywhere(name);
    let own = engine.role(&mark.own_role(name));
    let mut all = Vec::new();
    for lease in to_take(change) {
        all.push(statements::drop_role(&engine.role(&mark.lease_role(&lease.id)))?);
    }
    if ours {
        all.extend(login_statements(provider, &login, &own, change)?);
    }
    all.extend(ended(engine, &login, ours, change)?);
    if ours && matches!(change.want, Want::Deleted) {
        all.push(statements::drop_login(&login)?);
        if engine == Engine::MariaDb {
            all.push(statements::drop_role(&own)?);
        }
    }
    let gives = to_give(change).next().is_some();
    if engine == Engine::MariaDb && !ours && gives {
        all.push(statements::create_role(&own)?);
        all.push(statements::give_role(&own, &login)?);
        all.push(statements::default_roles(engine, &login, &[own.quoted()?])?);
    }
    let mut lines: Vec<String> = all.iter().map(|statement| statement.shown().to_owned()).collect();
    for lease in to_give(change) {
        lines.extend(given(provider, name, &login, lease));
    }
    if engine == Engine::MySql && gives {
        lines.push(from_the_start(provider, &login, ours, change)?.shown().to_owned());
    }
    lines.extend(remarks(change));
    Ok(lines)
}

fn login_statements(provider: &Family, login: &Who, own: &Who, change: &Change) -> Result<Vec<Statement>> {
    let (engine, tls) = (provider.engine, provider.config.tls);
    let attributes = mark::for_login(&provider.mark, &mark::fence(None))?;
    if !matches!(change.want, Want::Open(_)) {
        return Ok(vec![statements::shut_login(engine, login, &attributes)?]);
    }
    // Shown masked: any stand-in does where none is chosen yet.
    let stand_in = Secret::new("-");
    let password = password(change)?.unwrap_or(&stand_in);
    let made = statements::create_login(engine, Form::Quiet, login, password, tls, &attributes)?;
    Ok(match engine {
        Engine::MySql => vec![made],
        Engine::MariaDb => vec![
            statements::create_role(own)?,
            made,
            statements::give_role(own, login)?,
            statements::default_roles(engine, login, &[own.quoted()?])?,
        ],
    })
}

fn ended(engine: Engine, login: &Who, ours: bool, change: &Change) -> Result<Option<Statement>> {
    Ok(match sessions::to_end(change, ours) {
        None => None,
        Some(Which::All) if ours && engine == Engine::MariaDb => Some(statements::end_all_sessions(login)?),
        Some(Which::All | Which::In(_)) => Some(statements::end_session(statements::ANY_CONNECTION)),
    })
}

/// One bad lease is one line.
fn given(provider: &Family, name: &str, login: &Who, lease: &Lease) -> Vec<String> {
    let engine = provider.engine;
    let lines = Place::and_access(lease).and_then(|(place, access)| {
        let role = engine.role(&provider.mark.lease_role(&lease.id));
        let mut all = vec![statements::create_role(&role)?];
        match engine {
            Engine::MySql => {
                let attributes = mark::for_lease(&provider.mark, &mark::fence(None), name)?;
                all.push(statements::inscribe(&role, &attributes)?);
                all.extend(filled(engine, &place, access, &role)?);
                all.push(statements::give_role(&role, login)?);
            }
            Engine::MariaDb => {
                let own = engine.role(&provider.mark.own_role(name));
                all.push(statements::give_role(&role, &own)?);
                all.extend(filled(engine, &place, access, &role)?);
            }
        }
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

fn filled(engine: Engine, place: &Place, access: Access, role: &Who) -> Result<Vec<Statement>> {
    let give = |level: Level, on: &On| {
        let privileges: Vec<&str> = level.core.iter().chain(level.extra).copied().collect();
        statements::give(&privileges, on, role)
    };
    Ok(match place {
        Place::Instance => {
            let mut all = vec![give(
                place::on_database(access),
                &On::Database(Name::Each("database")),
            )?];
            let everywhere = place::on_everything(access);
            if !everywhere.extra.is_empty() {
                all.push(give(everywhere, &On::Everything)?);
            }
            all
        }
        Place::Database(database) => {
            let on = On::Database(Name::Known(statements::pattern(engine, database, false)?));
            vec![give(place::on_database(access), &on)?]
        }
        Place::Table { database, table } => {
            let on = On::Table {
                database: database.clone(),
                table: table.clone(),
            };
            vec![give(place::on_table(access), &on)?]
        }
        Place::Role(group) => {
            let group = match engine {
                Engine::MySql => group.clone(),
                Engine::MariaDb => engine.role(&group.user),
            };
            vec![statements::give_role(&group, role)?]
        }
    })
}

/// MySQL: which roles new sessions have.
fn from_the_start(provider: &Family, login: &Who, ours: bool, change: &Change) -> Result<Statement> {
    let mut roles = Vec::new();
    if !ours {
        roles.push("<roles of the login>".to_owned());
    }
    for lease in to_give(change) {
        let role = Engine::MySql.role(&provider.mark.lease_role(&lease.id));
        roles.push(role.quoted()?);
    }
    statements::default_roles(Engine::MySql, login, &roles)
}

/// What outlives the lease, so that it is read before and not after.
fn remarks(change: &Change) -> Vec<String> {
    let lasting = |lease: &Lease| Place::and_access(lease).is_ok_and(|(_, access)| access == Access::Admin);
    if !to_give(change).any(lasting) {
        return Vec::new();
    }
    vec![
        "# Tables and other objects made meanwhile stay. Views, routines, triggers and events go on running with this account's \
         rights; it is not deleted while there are any."
            .to_owned(),
    ]
}
