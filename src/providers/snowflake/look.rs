//! What is there: users, roles, who holds them, and what they hold. Writes nothing.
//!
//! `SHOW … LIKE` ignores case and takes patterns: what it finds is compared again.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{
    Snowflake,
    client::Until,
    mark::{self, Inscription},
    place, statements,
    wire::{Ran, Row, Table},
};
use crate::providers::{ErrorKind, LeaseId, Mark, ProviderError, Result, sql::Name};

/// The most rows that one `SHOW` gives.
const PAGE: usize = 10_000;
/// Roles that are looked into before a chain of them is called endless.
const CHAIN: usize = 200;

/// One conversation: what is asked has to be answered until then.
#[derive(Clone, Copy)]
pub struct Eye<'a> {
    pub provider: &'a Snowflake,
    pub until: Until,
}

pub struct User {
    /// As Snowflake has it: the exact case.
    pub name: String,
    pub disabled: bool,
    /// Anything that could open it: a key or a password.
    pub has_credential: bool,
    pub expires: Option<DateTime<Utc>>,
    /// `None` if it does not carry our mark.
    pub ours: Option<Inscription>,
}

/// A role of one lease.
#[derive(Debug, Clone)]
pub struct LeaseRole {
    pub name: String,
    pub lease: LeaseId,
    /// `None`: our name, not our mark.
    pub ours: Option<Inscription>,
}

/// Something that a role may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub privilege: String,
    /// `TABLE`, `SCHEMA`, `ROLE`, …, in upper case, words apart.
    pub on: String,
    pub name: String,
}

impl Held {
    fn of(row: Row<'_>) -> Self {
        Self {
            privilege: row.text("privilege").to_owned(),
            on: row.text("granted_on").replace('_', " "),
            name: row.text("name").to_owned(),
        }
    }
}

impl<'a> Eye<'a> {
    pub async fn table(&self, sql: &str) -> Ran<Table> {
        self.provider.client.run(sql, self.until).await
    }

    fn user_of(&self, row: Row<'_>) -> User {
        User {
            name: row.text("name").to_owned(),
            disabled: row.is_true("disabled"),
            has_credential: row.is_true("has_password") || row.is_true("has_rsa_public_key"),
            expires: row.cell("expires_at_time").and_then(time),
            ours: mark::read(&self.provider.mark, row.cell("comment")),
        }
    }

    /// A user by its exact name.
    pub async fn user(&self, name: &str) -> Ran<Option<User>> {
        let table = self
            .table(&format!("SHOW USERS LIKE {}", statements::pattern(name)?))
            .await?;
        let row = table.rows().find(|row| row.text("name") == name);
        Ok(row.map(|row| self.user_of(row)))
    }

    /// Somebody's own user, as people and directories name it: by name, login name or e-mail, whose case nobody minds. Two
    /// users of one e-mail are nobody's.
    pub async fn somebody(&self, login: &str) -> Ran<Option<User>> {
        let table = self
            .table(&format!("SHOW USERS LIKE {}", statements::pattern(login)?))
            .await?;
        let exact = table.rows().find(|row| row.text("name") == login);
        if let Some(row) = exact.or_else(|| only(table.rows())) {
            return Ok(Some(self.user_of(row)));
        }
        let all = self.pages("SHOW USERS").await?;
        for column in ["login_name", "email"] {
            let same = |row: &Row<'_>| {
                row.cell(column)
                    .is_some_and(|text| text.eq_ignore_ascii_case(login))
            };
            if let Some(row) = only(all.rows().filter(same)) {
                return Ok(Some(self.user_of(row)));
            }
        }
        Ok(None)
    }

    /// All rows of a listing, page by page. Pages begin after a name, so names must be all that tells rows apart.
    pub async fn pages(&self, sql: &str) -> Ran<Table> {
        let mut all = self.table(&format!("{sql} LIMIT {PAGE}")).await?;
        let mut last = all.len();
        while last == PAGE {
            let Some(from) = all.rows().last().map(|row| row.text("name").to_owned()) else {
                break;
            };
            let next = self
                .table(&format!("{sql} LIMIT {PAGE} FROM {}", statements::text(&from)?))
                .await?;
            last = next.len();
            all.append(next);
        }
        Ok(all)
    }

    pub async fn lease_roles(&self) -> Ran<Vec<LeaseRole>> {
        let mark = &self.provider.mark;
        let beginning = mark.lease_role_prefix().to_uppercase();
        let table = self
            .table(&format!("SHOW ROLES LIKE {}", statements::prefix(&beginning)?))
            .await?;
        let of = |row: Row<'_>| {
            let name = row.text("name");
            let lease = name.strip_prefix(&beginning)?;
            Some(LeaseRole {
                lease: LeaseId(lease.to_ascii_lowercase()),
                ours: mark::read(mark, row.cell("comment")),
                name: name.to_owned(),
            })
        };
        Ok(table.rows().filter_map(of).collect())
    }

    /// Users with our prefix that carry our mark.
    pub async fn our_users(&self) -> Ran<Vec<String>> {
        let beginning = self.provider.mark.account_prefix().to_uppercase();
        let table = self
            .table(&format!("SHOW USERS LIKE {}", statements::prefix(&beginning)?))
            .await?;
        let ours = table
            .rows()
            .map(|row| self.user_of(row))
            .filter(|user| user.ours.is_some());
        Ok(ours
            .map(|user| user.name)
            .filter(|name| name.starts_with(&beginning))
            .collect())
    }

    /// Roles that a user holds itself.
    pub async fn held_by(&self, user: &str) -> Ran<BTreeSet<String>> {
        let table = self
            .table(&format!(
                "SHOW GRANTS TO USER {}",
                statements::quoted(&Name::known(user))?
            ))
            .await?;
        Ok(table.rows().map(|row| row.text("role").to_owned()).collect())
    }

    /// Users that hold a role themselves.
    pub async fn members(&self, role: &str) -> Ran<Vec<String>> {
        let table = self
            .table(&format!(
                "SHOW GRANTS OF ROLE {}",
                statements::quoted(&Name::known(role))?
            ))
            .await?;
        let users = table.rows().filter(|row| row.text("granted_to") == "USER");
        Ok(users.map(|row| row.text("grantee_name").to_owned()).collect())
    }

    pub async fn grants_to(&self, role: &str) -> Ran<Vec<Held>> {
        let table = self
            .table(&format!(
                "SHOW GRANTS TO ROLE {}",
                statements::quoted(&Name::known(role))?
            ))
            .await?;
        Ok(table.rows().map(Held::of).collect())
    }

    /// Everything that a role may do, by itself or by roles it holds, and all of those.
    pub async fn reach(&self, role: &str) -> Ran<(BTreeSet<String>, Vec<Held>)> {
        let (mut seen, mut all) = (BTreeSet::from([role.to_owned()]), Vec::new());
        let mut next = vec![role.to_owned()];
        while let Some(role) = next.pop() {
            if seen.len() > CHAIN {
                let text = format!("{role} reaches more than {CHAIN} roles");
                return Err(ProviderError::new(ErrorKind::Invalid, text).into());
            }
            for held in self.grants_to(&role).await? {
                if held.on == "ROLE" && held.privilege == "USAGE" {
                    let name = exact(&held.name);
                    if seen.insert(name.clone()) {
                        next.push(name);
                    }
                }
                all.push(held);
            }
        }
        Ok((seen, all))
    }

    /// Whether something of exactly this name is listed; its row is read by `of`.
    pub async fn find<T>(
        &self,
        what: &str,
        name: &str,
        within: &str,
        of: impl Fn(Row<'_>) -> T,
    ) -> Ran<Option<T>> {
        let sql = format!("SHOW {what} LIKE {}{within}", statements::pattern(name)?);
        let table = self.table(&sql).await?;
        Ok(table.rows().find(|row| row.text("name") == name).map(of))
    }
}

/// The one row, if there is exactly one.
fn only<'t>(mut rows: impl Iterator<Item = Row<'t>>) -> Option<Row<'t>> {
    let first = rows.next()?;
    rows.next().is_none().then_some(first)
}

/// A name that a grant's row tells, without the quotes that some have.
fn exact(name: &str) -> String {
    parts(name)
        .filter(|parts| parts.len() == 1)
        .map_or_else(|| name.to_owned(), |mut parts| parts.remove(0))
}

/// `DB.SCHEMA."odd name"` taken apart; `None` for what is no such name (signatures of functions).
pub fn parts(name: &str) -> Option<Vec<String>> {
    let (mut all, mut rest) = (Vec::new(), name);
    loop {
        let part;
        (part, rest) = match rest.strip_prefix('"') {
            Some(inner) => quoted_part(inner)?,
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        let odd = part.is_empty() || part.chars().count() > place::LONGEST;
        if odd {
            return None;
        }
        all.push(part);
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Some(all),
            None => return None,
        }
    }
}

fn quoted_part(inner: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut chars = inner.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '"' {
            part.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '"') {
            chars.next();
            part.push('"');
        } else {
            return Some((part, &inner[at + 1..]));
        }
    }
    None
}

/// A time as the SQL API writes it: seconds since 1970 with a fraction (and, with a zone, its minutes after a space), or as text.
pub fn time(text: &str) -> Option<DateTime<Utc>> {
    let first = text.split(' ').next()?;
    if let Ok(seconds) = first.parse::<f64>() {
        return DateTime::from_timestamp(seconds.floor() as i64, 0);
    }
    let parsed = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f %z"));
    parsed.ok().map(|at| at.with_timezone(&Utc))
}

pub fn lease_role(mark: &Mark, lease: &LeaseId) -> String {
    mark.lease_role(lease).to_uppercase()
}

/// For callers that do not wait.
pub fn seen<T>(ran: Ran<T>) -> Result<T> {
    ran.map_err(super::wire::Halt::into_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_grants_are_taken_apart() {
        for (name, expected) in [
            ("ORDERS", Some(&["ORDERS"][..])),
            ("D.S.T", Some(&["D", "S", "T"])),
            (r#"D."odd.name"."a""b""#, Some(&["D", "odd.name", "a\"b"])),
            (
                r#"D.S."P(X NUMBER):NUMBER""#,
                Some(&["D", "S", "P(X NUMBER):NUMBER"]),
            ),
            ("", None),
            ("D.", None),
            (r#"D."open"#, None),
            (r#"D."x"y"#, None),
        ] {
            assert_eq!(
                parts(name)
                    .as_deref()
                    .map(|all| all.iter().map(String::as_str).collect::<Vec<_>>()),
                expected.map(<[&str]>::to_vec),
                "{name}"
            );
        }
        assert_eq!(exact("\"odd role\""), "odd role");
        assert_eq!(exact("a.b"), "a.b");
    }

    #[test]
    fn times_are_read_as_the_api_writes_them() {
        let at = DateTime::from_timestamp(1_790_000_000, 0);
        for text in [
            "1790000000.123000000 1440",
            "1790000000",
            "2026-09-21T14:13:20Z",
            "2026-09-21 07:13:20.000 -0700",
        ] {
            assert_eq!(time(text), at, "{text}");
        }
        assert_eq!(time("never"), None);
    }
}
