//! What a lease means here, and the names and calls that follow from it. Pure.

use super::client::Plan;
use super::notes::Notes;
use super::wire::{Role, Rule, User};
use super::write::{At, DatabaseSpec, Write};
use crate::providers::{
    Account, Change, ErrorKind, Lease, Mark, Permission, ProviderError, ResourceRef, Result, Want,
};
use crate::secrets::Secret;

pub(super) const DATABASE: &str = "database";
pub(super) const ROLE: &str = "acl_role";
/// The one permission there is on an existing role.
pub(super) const MEMBER: &str = "member";
/// Allows no command at all.
const NOTHING: &str = "-@all";

/// What a user should hold. It holds exactly one role, so an account is for exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Grant {
    Database {
        plan: Plan,
        subscription: i64,
        database: i64,
        rule: String,
    },
    /// One of the account's own roles, as it is.
    Role { id: i64 },
}

impl Grant {
    pub fn of(resource: &ResourceRef, permission: &str) -> Result<Self> {
        let unknown = || {
            ProviderError::new(
                ErrorKind::Invalid,
                format!("{} is not a resource of Redis Cloud", resource.title),
            )
        };
        let number = |text: &str| text.parse::<i64>().map_err(|_| unknown());
        match (resource.kind.as_str(), resource.id.as_slice()) {
            (DATABASE, [plan, subscription, database]) => Ok(Self::Database {
                plan: Plan::parse(plan).ok_or_else(unknown)?,
                subscription: number(subscription)?,
                database: number(database)?,
                rule: permission.to_owned(),
            }),
            (ROLE, [id]) => Ok(Self::Role { id: number(id)? }),
            _ => Err(unknown()),
        }
    }

    /// What tells the logins of one person apart.
    pub fn scope(&self) -> String {
        match self {
            Self::Database {
                plan,
                subscription,
                database,
                rule,
            } => {
                format!("database/{}/{subscription}/{database}/{rule}", plan.as_str())
            }
            Self::Role { id } => format!("role/{id}"),
        }
    }
}

/// The names of the sets that an integration's users share.
pub(super) struct Sets<'a>(pub &'a Mark);

impl Sets<'_> {
    /// The role for a rule on a database. Whoever holds the same shares it; its content follows from its name.
    pub fn role(&self, database: &DatabaseSpec, rule: &str) -> String {
        let (subscription, id) = (database.subscription.to_string(), database.database.to_string());
        self.0.set_name(&["role", &subscription, &id, rule])
    }

    pub fn inert_role(&self) -> String {
        self.0.inert_set()
    }

    /// Its content is in its name: a rule is never updated.
    pub fn inert_rule(&self) -> String {
        self.0.set_name(&["rule", NOTHING])
    }

    pub fn create_inert_rule(&self) -> Write {
        Write::CreateRule {
            name: self.inert_rule(),
            acl: NOTHING.to_owned(),
        }
    }

    /// A role cannot be without a database, so the inert one names whichever is at hand.
    pub fn create_inert_role(&self, database: DatabaseSpec) -> Write {
        Write::CreateRole {
            name: self.inert_role(),
            rule: self.inert_rule(),
            database,
        }
    }
}

/// Whether a role gives exactly this rule on exactly this database. Regions are left to the vendor: they may be added.
pub(super) fn gives_exactly(role: &Role, rule: &str, database: &DatabaseSpec) -> bool {
    match role.redis_rules.as_slice() {
        [only] if only.rule_name == rule => match only.databases.as_slice() {
            [at] => at.subscription_id == database.subscription && at.database_id == database.database,
            _ => false,
        },
        _ => false,
    }
}

/// Whether a role gives nothing but this rule, on whichever databases.
pub(super) fn gives_only(role: &Role, rule: &str) -> bool {
    !role.redis_rules.is_empty() && role.redis_rules.iter().all(|given| given.rule_name == rule)
}

/// What a rule offers to people. The three built-in ones answer to the names used everywhere.
pub(super) fn permission(rule: &Rule) -> Permission {
    let also: &[&str] = match (rule.is_default, rule.name.as_str()) {
        (true, "Read-Only") => &["read"],
        (true, "Read-Write") => &["read-write", "rw"],
        (true, "Full-Access") => &["admin"],
        _ => &[],
    };
    Permission {
        name: rule.name.clone(),
        also: also.iter().map(|name| (*name).to_owned()).collect(),
        about: format!(
            "Redis ACL rule {}",
            rule.acl.split_whitespace().collect::<Vec<_>>().join(" ")
        ),
        dangerous: is_dangerous(&rule.acl),
    }
}

/// Least first: read, read-write, the account's own by name, then what is dangerous.
pub(super) fn rank(rule: &Rule) -> (bool, u8, String) {
    let place = match (rule.is_default, rule.name.as_str()) {
        (true, "Read-Only") => 0,
        (true, "Read-Write") => 1,
        _ => 2,
    };
    (is_dangerous(&rule.acl), place, rule.name.clone())
}

/// Whether a rule ends up allowing the commands that Redis itself calls dangerous or administrative. Read from left to
/// right, as Redis does; what we do not know allows nothing new.
fn is_dangerous(acl: &str) -> bool {
    let mut dangerous = false;
    // Selectors, in brackets, add rights of their own.
    for word in acl.split(|c: char| c.is_whitespace() || "()".contains(c)) {
        match word.to_ascii_lowercase().as_str() {
            "+@all" | "allcommands" | "+@dangerous" | "+@admin" => dangerous = true,
            "-@all" | "nocommands" | "-@dangerous" => dangerous = false,
            word if ["+acl", "+config", "+flush", "+shutdown", "+debug"]
                .iter()
                .any(|risk| word.starts_with(risk)) =>
            {
                dangerous = true;
            }
            _ => {}
        }
    }
    dangerous
}

/// The password that a change carries.
pub(super) fn password(change: &Change) -> Option<&Secret> {
    change
        .credential
        .as_ref()
        .and_then(|credential| credential.password().ok())
}

/// Whether the user has what `converge` would give it for a lease.
pub(super) fn holds(mark: &Mark, roles: &[Role], user: &User, lease: &Lease) -> bool {
    match Grant::of(&lease.resource, &lease.permission) {
        Ok(Grant::Database {
            subscription,
            database,
            rule,
            ..
        }) => {
            let at = DatabaseSpec {
                subscription,
                database,
                regions: Vec::new(),
            };
            user.role == Sets(mark).role(&at, &rule)
        }
        Ok(Grant::Role { id }) => roles.iter().any(|role| role.id == id && role.name == user.role),
        Err(_) => false,
    }
}

/// What the approver reads. Ids that only the account knows are `<id>`.
pub(super) fn preview(mark: &Mark, account: &Account, change: &Change) -> Vec<String> {
    let notes = Notes::read(&account.memo);
    let sets = Sets(mark);
    let delete = || Write::DeleteUser { at: At::Unknown }.line();
    match &change.want {
        Want::Open(leases) => {
            let lease = leases.first();
            lease
                .map(|lease| preview_open(&sets, account.name.login(), lease))
                .unwrap_or_default()
        }
        Want::Disabled if notes.no_inert => vec![delete()],
        Want::Disabled => {
            let (role, password) = (Some(sets.inert_role()), Some(Secret::new(MASK)));
            vec![
                Write::UpdateUser {
                    at: At::Unknown,
                    role,
                    password,
                }
                .line(),
            ]
        }
        Want::Deleted if notes.shares_a_role => vec![delete(), Write::DeleteRole { at: At::Unknown }.line()],
        Want::Deleted => vec![delete()],
    }
}

const MASK: &str = "***";

fn preview_open(sets: &Sets<'_>, login: &str, lease: &Lease) -> Vec<String> {
    let user = |role: String| {
        Write::CreateUser {
            name: login.to_owned(),
            role,
            password: Secret::new(MASK),
        }
        .line()
    };
    // The way out is made once for the account, on whichever database came first.
    let at = DatabaseSpec {
        subscription: -1,
        database: -1,
        regions: Vec::new(),
    };
    let inert = sets.create_inert_role(at).line().replace(":-1", ":<id>");
    let mut lines = vec![sets.create_inert_rule().line(), inert];
    match Grant::of(&lease.resource, &lease.permission) {
        Ok(Grant::Database {
            subscription,
            database,
            rule,
            ..
        }) => {
            let database = DatabaseSpec {
                subscription,
                database,
                regions: Vec::new(),
            };
            let name = sets.role(&database, &rule);
            lines.push(
                Write::CreateRole {
                    name: name.clone(),
                    rule,
                    database,
                }
                .line(),
            );
            lines.push(user(name));
        }
        Ok(Grant::Role { .. }) => lines.push(user(lease.resource.title.clone())),
        Err(_) => return Vec::new(),
    }
    lines.push("# a connection that is open at the end may stay open, but loses its role".to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, acl: &str, is_default: bool) -> Rule {
        Rule {
            name: name.to_owned(),
            acl: acl.to_owned(),
            is_default,
            status: "active".to_owned(),
        }
    }

    #[test]
    fn rules_are_offered_least_first_and_the_dangerous_last() {
        let mut rules = [
            rule("Full-Access", "+@all  ~*", true),
            rule("Streams", "+@stream ~s:*", false),
            rule("Read-Write", "+@all -@dangerous ~*", true),
            rule("Flusher", "+@read +flushdb ~*", false),
            rule("Read-Only", "+@read ~*", true),
        ];
        rules.sort_by_key(rank);
        let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(
            names,
            ["Read-Only", "Read-Write", "Streams", "Flusher", "Full-Access"]
        );
        assert!(permission(&rules[0]).is_called("READ") && permission(&rules[4]).is_called("admin"));
        assert_eq!(permission(&rules[4]).about, "Redis ACL rule +@all ~*");
        // Only the built-in ones answer to the common names.
        assert!(!permission(&rule("Full-Access", "+get", false)).is_called("admin"));
    }

    #[test]
    fn danger_is_read_from_left_to_right() {
        for (acl, dangerous) in [
            ("+@read ~*", false),
            ("+@all -@dangerous ~*", false),
            ("-@dangerous +@all", true),
            ("+@all -@all +get", false),
            ("allcommands", true),
            ("nocommands +get", false),
            ("+ACL|SETUSER", true),
            ("+@read (+@all ~tmp:*)", true),
            ("", false),
        ] {
            assert_eq!(is_dangerous(acl), dangerous, "{acl}");
        }
    }

    #[test]
    fn only_well_formed_resources_are_grants() {
        let at = |kind: &str, id: &[&str]| ResourceRef {
            kind: kind.to_owned(),
            id: id.iter().map(|part| (*part).to_owned()).collect(),
            title: "x".to_owned(),
        };
        let grant = Grant::of(&at("database", &["pro", "1", "2"]), "Read-Only").unwrap();
        assert_eq!(grant.scope(), "database/pro/1/2/Read-Only");
        assert_eq!(
            Grant::of(&at("acl_role", &["9"]), "member").unwrap(),
            Grant::Role { id: 9 }
        );
        for (kind, id) in [
            ("database", &["pro", "1"][..]),
            ("database", &["else", "1", "2"]),
            ("database", &["pro", "1", "2/../3"]),
            ("table", &["pro", "1", "2"]),
            ("acl_role", &["reporting"]),
        ] {
            assert_eq!(
                Grant::of(&at(kind, id), "Read-Only").unwrap_err().kind,
                ErrorKind::Invalid
            );
        }
    }
}
