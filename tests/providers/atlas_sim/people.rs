//! People of the organization: members, and those who are invited and have not accepted.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::api::Ask;
use super::reply::{Refusal, Reply, empty, fields, list, ok, refuse, text, texts, with};
use super::world::{Person, Status, World};

const ORG_ROLES: &[&str] = &[
    "ORG_BILLING_ADMIN",
    "ORG_BILLING_READ_ONLY",
    "ORG_GROUP_CREATOR",
    "ORG_MEMBER",
    "ORG_OWNER",
    "ORG_READ_ONLY",
];
const GROUP_ROLES: &[&str] = &[
    "GROUP_BACKUP_MANAGER",
    "GROUP_CLUSTER_MANAGER",
    "GROUP_DATA_ACCESS_ADMIN",
    "GROUP_DATA_ACCESS_READ_ONLY",
    "GROUP_DATA_ACCESS_READ_WRITE",
    "GROUP_OWNER",
    "GROUP_READ_ONLY",
    "GROUP_SEARCH_INDEX_EDITOR",
];

impl World {
    pub fn of_org_people(&mut self, ask: &Ask<'_>, rest: &[&str]) -> Reply {
        match (ask.method, rest) {
            ("GET", []) => {
                let known = ["username", "orgMembershipStatus"];
                let all: Vec<&str> = ["pageNum", "itemsPerPage", "includeCount"]
                    .iter()
                    .chain(&known)
                    .copied()
                    .collect();
                let query = ask.query(&all)?;
                let wanted = query
                    .iter()
                    .find(|(key, _)| key == "username")
                    .map(|(_, email)| email.clone());
                if let Some(email) = &wanted {
                    is_email(email)?;
                }
                let of_name = |person: &&Person| {
                    wanted
                        .as_ref()
                        .is_none_or(|email| person.email.eq_ignore_ascii_case(email))
                };
                let shown = self.people.iter().filter(of_name).map(show).collect();
                self.page(ask, shown, &known)
            }
            ("POST", []) => self.invite(ask),
            ("GET", [id]) => match self.people.iter().find(|person| person.id == *id) {
                Some(person) => ok(show(person)),
                None => refuse(404, "USER_NOT_IN_ORG", *id),
            },
            ("DELETE", [id]) => {
                let at = self.at(id, "USER_NOT_IN_ORG")?;
                self.keeps_an_owner(at, "CANNOT_DELETE_LAST_OWNER")?;
                self.people.remove(at);
                empty()
            }
            ("POST", [one]) => {
                let (id, add) = verb(ask, one)?;
                let at = self.at(id, "USER_NOT_IN_ORG")?;
                let role = one_role(ask, "orgRole", ORG_ROLES)?;
                if !add && role == "ORG_OWNER" {
                    self.keeps_an_owner(at, "CANNOT_DEMOTE_LAST_ORG_OWNER")?;
                }
                change(&mut self.people[at].org_roles, &role, add)?;
                ok(show(&self.people[at]))
            }
            _ => refuse(405, "METHOD_NOT_ALLOWED", ask.path),
        }
    }

    pub fn of_group_people(&mut self, ask: &Ask<'_>, group: &str, rest: &[&str]) -> Reply {
        match (ask.method, rest) {
            ("POST", []) => self.join(ask, group),
            ("GET", [id]) => {
                let at = self.at(id, "USER_NOT_IN_GROUP")?;
                match self.people[at].group_roles.contains_key(group) {
                    true => ok(show_in(&self.people[at], group)),
                    false => refuse(404, "USER_NOT_IN_GROUP", *id),
                }
            }
            ("DELETE", [id]) => {
                let at = self.at(id, "USER_NOT_IN_GROUP")?;
                match self.people[at].group_roles.remove(group) {
                    Some(_) => empty(),
                    None => refuse(404, "USER_NOT_IN_GROUP", *id),
                }
            }
            ("POST", [one]) => {
                let (id, add) = verb(ask, one)?;
                let at = self.at(id, "USER_NOT_IN_GROUP")?;
                let role = one_role(ask, "groupRole", GROUP_ROLES)?;
                let Some(roles) = self.people[at].group_roles.get_mut(group) else {
                    return refuse(404, "USER_NOT_IN_GROUP", id);
                };
                change(roles, &role, add)?;
                ok(show_in(&self.people[at], group))
            }
            _ => refuse(405, "METHOD_NOT_ALLOWED", ask.path),
        }
    }

    fn at(&self, id: &str, code: &'static str) -> Result<usize, Refusal> {
        match self.people.iter().position(|person| person.id == id) {
            Some(at) => Ok(at),
            None => refuse(404, code, id),
        }
    }

    /// An organization without an owner cannot be.
    fn keeps_an_owner(&self, at: usize, code: &'static str) -> Result<(), Refusal> {
        let owns =
            |person: &Person| person.status == Status::Active && person.org_roles.contains("ORG_OWNER");
        let others = self
            .people
            .iter()
            .enumerate()
            .filter(|(other, person)| *other != at && owns(person));
        match owns(&self.people[at]) && others.count() == 0 {
            true => refuse(403, code, "somebody must be owner"),
            false => Ok(()),
        }
    }

    fn invite(&mut self, ask: &Ask<'_>) -> Reply {
        let body = fields(
            ask.body,
            &["username", "roles", "teamIds"],
            &["username", "roles"],
        )?;
        let email = text(body, "username")?;
        is_email(&email)?;
        let roles = fields(
            body.get("roles"),
            &["orgRoles", "groupRoleAssignments"],
            &["orgRoles"],
        )?;
        let org_roles = texts(roles, "orgRoles")?;
        known(&org_roles, ORG_ROLES)?;
        let mut person = self.newcomer(&email)?;
        person.org_roles.extend(org_roles);
        for one in list(roles, "groupRoleAssignments")? {
            let one = fields(Some(one), &["groupId", "groupRoles"], &["groupId", "groupRoles"])?;
            let (group, roles) = (text(one, "groupId")?, texts(one, "groupRoles")?);
            known(&roles, GROUP_ROLES)?;
            if self.group(&group).is_none() {
                return refuse(404, "GROUP_NOT_FOUND", group);
            }
            person.group_roles.entry(group).or_default().extend(roles);
        }
        let shown = show(&person);
        self.people.push(person);
        with(201, shown)
    }

    /// A person to be invited. One whose invitation lapsed is replaced; anybody else is in the way.
    fn newcomer(&mut self, email: &str) -> Result<Person, Refusal> {
        match self.person(email).map(|person| person.status) {
            Some(Status::Active | Status::Pending) => return refuse(409, "USER_ALREADY_IN_ORG", email),
            Some(Status::Expired) => self
                .people
                .retain(|person| !person.email.eq_ignore_ascii_case(email)),
            None => {}
        }
        Ok(Person {
            id: self.fresh_id(),
            email: email.to_lowercase(),
            status: Status::Pending,
            org_roles: BTreeSet::new(),
            group_roles: Default::default(),
            teams: Vec::new(),
        })
    }

    fn join(&mut self, ask: &Ask<'_>, group: &str) -> Reply {
        let body = fields(ask.body, &["username", "roles"], &["username", "roles"])?;
        let email = text(body, "username")?;
        is_email(&email)?;
        let roles = texts(body, "roles")?;
        known(&roles, GROUP_ROLES)?;
        if self
            .person(&email)
            .is_none_or(|person| person.status == Status::Expired)
        {
            let mut person = self.newcomer(&email)?;
            person.org_roles.insert("ORG_MEMBER".to_owned());
            self.people.push(person);
        }
        let person = self.person_mut(&email).expect("there by now");
        if person.group_roles.contains_key(group) {
            return refuse(409, "USER_ALREADY_IN_GROUP", email);
        }
        person
            .group_roles
            .insert(group.to_owned(), roles.into_iter().collect());
        let shown = show_in(person, group);
        with(201, shown)
    }

    // ---- the people themselves, and their console

    pub fn accept(&mut self, email: &str) {
        if let Some(person) = self.person_mut(email) {
            person.status = Status::Active;
        }
    }

    /// Whether a person has a role in the console: their own, or a team's.
    pub fn has_role(&self, email: &str, at: &str, role: &str) -> bool {
        let Some(person) = self
            .person(email)
            .filter(|person| person.status == Status::Active)
        else {
            return false;
        };
        if at == self.org {
            return person.org_roles.contains(role);
        }
        let own = person
            .group_roles
            .get(at)
            .is_some_and(|roles| roles.contains(role));
        let by_team = self.group(at).is_some_and(|group| {
            let mut teams = group.teams.iter().filter(|(team, _)| person.teams.contains(team));
            teams.any(|(_, roles)| roles.iter().any(|held| held == role))
        });
        own || by_team
    }
}

fn verb<'a>(ask: &Ask<'_>, one: &'a str) -> Result<(&'a str, bool), Refusal> {
    match one.split_once(':') {
        Some((id, "addRole")) => Ok((id, true)),
        Some((id, "removeRole")) => Ok((id, false)),
        _ => refuse(404, "RESOURCE_NOT_FOUND", ask.path),
    }
}

fn one_role(ask: &Ask<'_>, key: &'static str, all: &[&str]) -> Result<String, Refusal> {
    let body = fields(ask.body, &[key], &[key])?;
    let role = text(body, key)?;
    known(std::slice::from_ref(&role), all)?;
    Ok(role)
}

fn known(roles: &[String], all: &[&str]) -> Result<(), Refusal> {
    if roles.is_empty() {
        return refuse(400, "MISSING_ATTRIBUTE", "a role is needed");
    }
    match roles.iter().find(|role| !all.contains(&role.as_str())) {
        Some(odd) => refuse(400, "INVALID_ENUM_VALUE", odd.clone()),
        None => Ok(()),
    }
}

fn change(roles: &mut BTreeSet<String>, role: &str, add: bool) -> Result<(), Refusal> {
    match (add, roles.contains(role), roles.len()) {
        (true, true, _) => refuse(409, "USER_ALREADY_HAS_ROLE", role),
        (true, false, _) => {
            roles.insert(role.to_owned());
            Ok(())
        }
        (false, false, _) => refuse(400, "USER_DOES_NOT_HAVE_ROLE", role),
        (false, true, 1) => refuse(
            400,
            "ROLE_REQUIRED",
            "a user must have at least one role at all times",
        ),
        (false, true, _) => {
            roles.remove(role);
            Ok(())
        }
    }
}

fn is_email(text: &str) -> Result<(), Refusal> {
    let parts: Vec<&str> = text.split('@').collect();
    match parts.as_slice() {
        [local, domain] if !local.is_empty() && domain.contains('.') => Ok(()),
        _ => refuse(400, "INVALID_EMAIL", text),
    }
}

fn show(person: &Person) -> Value {
    let groups: Vec<Value> = person
        .group_roles
        .iter()
        .map(|(group, roles)| json!({"groupId": group, "groupRoles": roles}))
        .collect();
    json!({
        "id": person.id, "username": person.email, "orgMembershipStatus": person.status.as_str(), "teamIds": person.teams,
        "roles": {"orgRoles": person.org_roles, "groupRoleAssignments": groups},
    })
}

fn show_in(person: &Person, group: &str) -> Value {
    json!({
        "id": person.id, "username": person.email, "orgMembershipStatus": person.status.as_str(),
        "roles": person.group_roles.get(group).cloned().unwrap_or_default(),
    })
}
