//! Sessions and times, as the database's host tells them.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::{
    look::{column, number},
    session::Session,
    statements::SessionId,
};
use crate::providers::{ErrorKind, ProviderError, Result};

/// How dates are asked for: without a colon, which marks a bind, and without a quote.
pub const TIME: &str = "YYYYMMDDHH24MISS";
/// The same, as `chrono` reads it.
const TIME_READ: &str = "%Y%m%d%H%M%S";

/// How far the database host's own time is ahead of UTC, to the quarter of an hour.
pub async fn ahead_of_utc(session: &mut Session) -> Result<TimeDelta> {
    let rows = session
        .rows(
            &format!("SELECT TO_CHAR(SYSDATE, '{TIME}'), TO_CHAR(SYS_EXTRACT_UTC(SYSTIMESTAMP), '{TIME}') FROM dual"),
            &[],
        )
        .await?;
    let at = |index| rows.first().and_then(|row| time(&column(row, index)));
    let unreadable = || ProviderError::new(ErrorKind::Transient, "the database does not tell its time");
    let (here, utc) = (at(0).ok_or_else(unreadable)?, at(1).ok_or_else(unreadable)?);
    let quarters = ((here - utc).num_seconds() + 450).div_euclid(900);
    Ok(TimeDelta::seconds(quarters * 900))
}

fn time(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, TIME_READ).ok()
}

/// The moment of a date that the dictionary gave.
pub fn moment(text: &str, ahead: TimeDelta) -> Option<DateTime<Utc>> {
    Some((time(text)? - ahead).and_utc())
}

/// Live sessions of a login on every instance; with `since`, those that began then or later. One that was killed counts
/// until its server has let go of it (`PSEUDO`): before that it may still be at work.
pub async fn sessions(
    session: &mut Session,
    login: &str,
    since: Option<DateTime<Utc>>,
) -> Result<Vec<SessionId>> {
    let rows = session
        .rows(
            &format!(
                "SELECT TO_CHAR(inst_id), TO_CHAR(sid), TO_CHAR(serial#), status, server, TO_CHAR(logon_time, '{TIME}') \
                 FROM gv$session WHERE username = :1 AND type = 'USER'"
            ),
            &[login],
        )
        .await?;
    let ahead = match since {
        Some(_) if !rows.is_empty() => ahead_of_utc(session).await?,
        Some(_) | None => TimeDelta::zero(),
    };
    let mut found = Vec::new();
    for row in &rows {
        if column(row, 3) == "KILLED" && column(row, 4) == "PSEUDO" {
            continue;
        }
        // Both ends are cut to the second; one whose beginning cannot be read may be the lease's.
        let began = moment(&column(row, 5), ahead);
        let is_older = match (since, began) {
            (Some(since), Some(began)) => began + TimeDelta::seconds(1) < since,
            (Some(_), None) | (None, _) => false,
        };
        if is_older {
            continue;
        }
        found.push(SessionId {
            instance: number(row, 0)?,
            sid: number(row, 1)?,
            serial: number(row, 2)?,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_host_become_moments() {
        let at = |ahead| moment("20260102030405", TimeDelta::minutes(ahead)).expect("a moment");
        assert_eq!(at(0).to_rfc3339(), "2026-01-02T03:04:05+00:00");
        assert_eq!(at(345).to_rfc3339(), "2026-01-01T21:19:05+00:00");
        assert_eq!(moment("", TimeDelta::zero()), None);
    }
}
