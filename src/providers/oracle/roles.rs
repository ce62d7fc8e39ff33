//! Roles of theirs that can be asked for, and those that reach rights above all others.

use std::collections::{BTreeMap, BTreeSet};

use super::{error::invalid, session::Session};
use crate::providers::{Result, names};

/// With one of these a person could give themselves the rest.
const ABOVE: [&str; 20] = [
    "ALTER ANY PROCEDURE",
    "ALTER ANY TRIGGER",
    "ALTER PROFILE",
    "ALTER SYSTEM",
    "ALTER USER",
    "BECOME USER",
    "CREATE ANY JOB",
    "CREATE ANY PROCEDURE",
    "CREATE ANY TRIGGER",
    "CREATE ANY VIEW",
    "CREATE EXTERNAL JOB",
    "CREATE USER",
    "EXECUTE ANY PROCEDURE",
    "EXECUTE ANY PROGRAM",
    "EXEMPT ACCESS POLICY",
    "GRANT ANY OBJECT PRIVILEGE",
    "GRANT ANY PRIVILEGE",
    "GRANT ANY ROLE",
    "GRANT ANY SCHEMA PRIVILEGE",
    "SELECT ANY DICTIONARY",
];
/// Oracle's own roles that reach no further than what they are for; any other one is taken to be above all others.
const HARMLESS: [&str; 4] = ["CONNECT", "RESOURCE", "SELECT_CATALOG_ROLE", "DB_DEVELOPER_ROLE"];

/// A role that people made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    /// Why it is not offered.
    pub unavailable: Option<&'static str>,
}

/// # Errors
/// `Invalid` if there is no such role, or it is not to be given.
pub async fn check(session: &mut Session, name: &str) -> Result<()> {
    let groups = all(session).await?;
    let found = groups
        .iter()
        .find(|group| group.name == name)
        .ok_or_else(|| invalid(format!("no such role: {name}")))?;
    match found.unavailable {
        Some(why) => Err(invalid(format!("role {name} is not given: {why}"))),
        None => Ok(()),
    }
}

pub async fn all(session: &mut Session) -> Result<Vec<Group>> {
    let text = |row: &super::exec::Row, at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    let roles: Vec<(String, bool, String)> = session
        .rows(
            "SELECT role, oracle_maintained, authentication_type FROM dba_roles ORDER BY role",
            &[],
        )
        .await?
        .iter()
        .map(|row| (text(row, 0), text(row, 1) == "Y", text(row, 2)))
        .collect();
    let edges: Vec<(String, String)> = session
        .rows("SELECT grantee, granted_role FROM dba_role_privs", &[])
        .await?
        .iter()
        .map(|row| (text(row, 0), text(row, 1)))
        .collect();
    let system: Vec<(String, String)> = session
        .rows("SELECT grantee, privilege FROM dba_sys_privs", &[])
        .await?
        .iter()
        .map(|row| (text(row, 0), text(row, 1)))
        .collect();
    Ok(judge(&roles, &edges, &system))
}

fn judge(
    roles: &[(String, bool, String)],
    edges: &[(String, String)],
    system: &[(String, String)],
) -> Vec<Group> {
    let mut below: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (grantee, granted) in edges {
        below.entry(grantee).or_default().push(granted);
    }
    let maintained: BTreeSet<&str> = roles
        .iter()
        .filter(|(name, maintained, _)| *maintained && !HARMLESS.contains(&name.as_str()))
        .map(|(name, ..)| name.as_str())
        .collect();
    let above: BTreeSet<&str> = system
        .iter()
        .filter(|(_, privilege)| ABOVE.contains(&privilege.as_str()))
        .map(|(grantee, _)| grantee.as_str())
        .collect();
    let theirs = roles
        .iter()
        .filter(|(name, maintained, _)| !maintained && !names::is_reserved(name));
    theirs
        .map(|(name, _, authentication)| {
            let reached = reach(name, &below);
            let privileged = reached
                .iter()
                .any(|role| above.contains(role) || maintained.contains(role));
            let unavailable = if privileged {
                Some("it reaches rights above all others")
            } else if authentication != "NONE" {
                Some("it is enabled by a password or a program, not by being held")
            } else {
                None
            };
            Group {
                name: name.clone(),
                unavailable,
            }
        })
        .collect()
}

/// The role and all that it holds, at any depth.
fn reach<'r>(role: &'r str, below: &BTreeMap<&'r str, Vec<&'r str>>) -> BTreeSet<&'r str> {
    let mut seen = BTreeSet::from([role]);
    let mut open = vec![role];
    while let Some(role) = open.pop() {
        for next in below.get(role).into_iter().flatten().copied() {
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_above_is_not_offered_at_any_depth() {
        let role = |name: &str, maintained: bool, kind: &str| (name.to_owned(), maintained, kind.to_owned());
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let roles = [
            role("PLAIN", false, "NONE"),
            role("DEPUTY", false, "NONE"),
            role("MIDDLE", false, "NONE"),
            role("MAKER", false, "NONE"),
            role("GUARDED", false, "PASSWORD"),
            role("LOOP_A", false, "NONE"),
            role("LOOP_B", false, "NONE"),
            role("JITG_AB12_X", false, "NONE"),
            role("DBA", true, "NONE"),
            role("CONNECT", true, "NONE"),
        ];
        let edges = [
            pair("DEPUTY", "MIDDLE"),
            pair("MIDDLE", "DBA"),
            pair("PLAIN", "CONNECT"),
            pair("LOOP_A", "LOOP_B"),
            pair("LOOP_B", "LOOP_A"),
        ];
        let system = [pair("MAKER", "CREATE USER"), pair("PLAIN", "CREATE TABLE")];
        let found = judge(&roles, &edges, &system);
        let offered: Vec<&str> = found
            .iter()
            .filter(|group| group.unavailable.is_none())
            .map(|group| group.name.as_str())
            .collect();
        assert_eq!(offered, ["PLAIN", "LOOP_A", "LOOP_B"]);
        assert_eq!(found.len(), 7, "ours and Oracle's own are not listed");
    }
}
