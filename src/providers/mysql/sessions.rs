//! Which sessions end with a change, ending them, and seeing that they are gone.
//!
//! Both engines keep what a session may do in its *current* database until it chooses another: a role that is dropped is
//! gone everywhere but there (seen with MariaDB 10.11 and MySQL 9.7). So a session that stands in a database which a lease
//! gave ends with the lease, even where another lease lives on.

use std::time::Duration;

use super::{
    converge::{Run, Waiting, to_give, to_take},
    engine::Engine,
    error,
    look::{self, Connection, LeaseRole},
    place::{Place, could_write},
    session::Session,
    statements,
};
use crate::providers::{Account, Change, Lease, Memo, Result, Want};

/// Key of the memo: when the server was started, and the last connection before the first lease of somebody's own login.
/// The servers do not say when a session began, but they count them.
const SINCE: &str = "since";
/// Two readings of when the server was started differ by less.
const JITTER: i64 = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    All,
    /// Those whose current database is one of these; `None`: any.
    In(Option<Vec<String>>),
}

impl Which {
    fn has(&self, connection: &Connection) -> bool {
        match (self, &connection.database) {
            (Self::All, _) => true,
            (Self::In(_), None) => false,
            (Self::In(None), Some(_)) => true,
            (Self::In(Some(databases)), Some(database)) => databases
                .iter()
                .any(|ended| ended.to_lowercase() == database.to_lowercase()),
        }
    }
}

/// What the leases say; `None`: no session ends.
pub fn to_end(change: &Change, ours: bool) -> Option<Which> {
    if ours && !matches!(change.want, Want::Open(_)) {
        return Some(Which::All);
    }
    let last = to_give(change).next().is_none();
    let ending: Vec<&Lease> = to_take(change).collect();
    if ending.iter().any(|lease| could_write(lease) || (last && !ours)) {
        return Some(Which::All);
    }
    let mut databases = Vec::new();
    for lease in ending {
        match Place::of(&lease.resource) {
            Ok(Place::Database(database)) => databases.push(database),
            // Rights on tables are looked at again with every statement.
            Ok(Place::Table { .. }) => {}
            Ok(Place::Instance | Place::Role(_)) => return Some(Which::In(None)),
            // Nothing can have been given there.
            Err(_) => {}
        }
    }
    (!databases.is_empty()).then_some(Which::In(Some(databases)))
}

/// The door is shut already: whoever is thrown out stays out.
pub async fn end(run: &mut Run<'_>, exists: bool, leaving: &[LeaseRole]) -> Result<()> {
    let stray = leaving
        .iter()
        .any(|role| to_take(run.change).all(|lease| lease.id != role.lease));
    let which = match to_end(run.change, run.ours) {
        Some(which) if !stray => which,
        None if !stray => return Ok(()),
        // Nobody knows what it gave.
        _ => Which::All,
    };
    let whole = which == Which::All && run.ours && run.engine() == Engine::MariaDb;
    for _ in 0..3 {
        let live = matching(run, &which).await?;
        if whole && (exists || !live.is_empty()) {
            run.run(&statements::end_all_sessions(&run.login)?).await?;
        } else {
            for connection in &live {
                match run.run(&statements::end_session(&connection.id)).await {
                    Err(error) if error::is_gone(&error) => {}
                    outcome => outcome?,
                }
            }
        }
        if live.is_empty() {
            return Ok(());
        }
        for _ in 0..10 {
            if matching(run, &which).await?.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let left = matching(run, &which).await?.len();
    run.waiting = Some(Waiting::Shortly(format!("{left} sessions are still ending")));
    Ok(())
}

async fn matching(run: &mut Run<'_>, which: &Which) -> Result<Vec<Connection>> {
    let user = run.login.user.clone();
    let mut live = look::connections(&mut run.main, &run.server, &user, run.since).await?;
    live.retain(|connection| which.has(connection));
    Ok(live)
}

/// What must be remembered before the first lease on somebody's own login.
pub async fn remember(session: &mut Session, connection: i64, memo: &mut Memo) -> Result<()> {
    if !memo.contains_key(SINCE) {
        let started = look::started(session).await?;
        memo.insert(SINCE.to_owned(), format!("{started} {connection}"));
    }
    Ok(())
}

pub fn forget(memo: &mut Memo) {
    memo.remove(SINCE);
}

/// On somebody's own login: the connection after which sessions may be a lease's. `None` is all of them: also where the
/// server was started again since, for then all are newer.
pub async fn since(session: &mut Session, account: &Account) -> Result<Option<i64>> {
    if account.name.is_ours() {
        return Ok(None);
    }
    let Some((then, connection)) = account.memo.get(SINCE).and_then(|text| text.split_once(' ')) else {
        return Ok(None);
    };
    let (Ok(then), Ok(connection)) = (then.parse::<i64>(), connection.parse::<i64>()) else {
        return Ok(None);
    };
    let started = look::started(session).await?;
    Ok(((started - then).abs() <= JITTER).then_some(connection))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;
    use crate::providers::{Fence, LeaseId};

    fn lease(place: &Place, permission: &str) -> Lease {
        Lease {
            id: LeaseId::from("1"),
            resource: place.reference(),
            permission: permission.to_owned(),
            starts_at: DateTime::UNIX_EPOCH,
            expires_at: DateTime::UNIX_EPOCH + TimeDelta::hours(1),
            standing: Some(false),
        }
    }

    fn ending(want: Want, release: Vec<Lease>) -> Change {
        Change {
            want,
            release,
            credential: None,
            now: DateTime::UNIX_EPOCH,
            fence: Fence::default(),
        }
    }

    #[test]
    fn readers_lose_only_the_sessions_that_stand_where_they_read() {
        let orders = Place::Database("orders".to_owned());
        let other = lease(&Place::Database("other".to_owned()), "read");
        let open = || Want::Open(vec![other.clone()]);
        let of = |want, release| to_end(&ending(want, release), true);
        assert_eq!(of(open(), vec![]), None);
        assert_eq!(
            of(open(), vec![lease(&orders, "read")]),
            Some(Which::In(Some(vec!["orders".to_owned()])))
        );
        assert_eq!(of(open(), vec![lease(&orders, "read-write")]), Some(Which::All));
        assert_eq!(
            of(open(), vec![lease(&Place::Instance, "read")]),
            Some(Which::In(None))
        );
        let table = Place::Table {
            database: "orders".to_owned(),
            table: "items".to_owned(),
        };
        assert_eq!(of(open(), vec![lease(&table, "read")]), None);
        assert_eq!(of(Want::Disabled, vec![]), Some(Which::All));
        // The last lease on somebody's own login.
        let theirs = to_end(&ending(Want::Open(vec![]), vec![lease(&orders, "read")]), false);
        assert_eq!(theirs, Some(Which::All));
    }

    #[test]
    fn a_session_is_known_by_its_current_database() {
        let at = |database: Option<&str>| Connection {
            id: "7".to_owned(),
            database: database.map(str::to_owned),
        };
        let which = Which::In(Some(vec!["Orders".to_owned()]));
        assert!(which.has(&at(Some("orders"))) && !which.has(&at(Some("other"))) && !which.has(&at(None)));
        assert!(Which::In(None).has(&at(Some("x"))) && !Which::In(None).has(&at(None)));
        assert!(Which::All.has(&at(None)));
    }
}
