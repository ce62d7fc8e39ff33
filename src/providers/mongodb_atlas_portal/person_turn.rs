//! One call of `converge` for a person's own login.

use std::{collections::BTreeSet, time::Duration};

use super::{
    notes::PersonNotes,
    people::{People, holds, is_email, lapsed, roles_in},
    place::{MEMBER, ORGANIZATION, Role, makes_keys, role},
};
use crate::providers::{
    AccessDetails, Change, Converged, ErrorKind, Lease, ProviderError, Result,
    atlas::{OrgUser, Write, invalid},
};

/// How often we look whether an invitation was accepted.
const ACCEPTED: Duration = Duration::from_secs(60);

pub(super) struct Turn<'a> {
    at: &'a People<'a>,
    email: &'a str,
    change: &'a Change,
    notes: PersonNotes,
    answer: Converged,
    user: Option<OrgUser>,
}

impl<'a> Turn<'a> {
    /// Looks the person up.
    pub async fn begin(
        at: &'a People<'a>,
        email: &'a str,
        change: &'a Change,
        notes: PersonNotes,
    ) -> Result<Self> {
        let mut turn = Self {
            at,
            email,
            change,
            notes,
            answer: Converged::default(),
            user: None,
        };
        turn.look().await?;
        Ok(turn)
    }

    pub fn answered(mut self) -> Converged {
        self.answer.memo = self.notes.write();
        self.answer
    }

    async fn look(&mut self) -> Result<()> {
        self.user = self.at.find(self.email, &self.notes).await?;
        if let Some(user) = &self.user {
            self.notes.user = Some(user.id.clone());
        }
        Ok(())
    }

    fn fail(&mut self, lease: &Lease, error: &ProviderError) {
        self.answer.failed.push((lease.id.clone(), error.clone()));
    }

    /// Hands a change in and looks at what came of it. Somebody else may have been faster, so what counts is what is there.
    async fn submit(&mut self, write: &Write, reached: impl Fn(Option<&OrgUser>) -> bool) -> Result<()> {
        match self.at.client.submit(write).await {
            Ok(()) => {
                self.answer.ran.push(write.line());
                self.look().await
            }
            Err(error) if error.retry_after.is_some() || error.kind == ErrorKind::Denied => Err(error),
            Err(error) => {
                self.look().await?;
                match reached(self.user.as_ref()) {
                    true => Ok(()),
                    false => Err(error),
                }
            }
        }
    }

    // ---- give

    pub async fn give(&mut self, leases: &[Lease]) {
        let mut limited: Option<ProviderError> = None;
        for lease in leases.iter().filter(|lease| lease.standing != Some(true)) {
            let wanted = match role(self.at.org, lease) {
                Ok(wanted) => wanted,
                Err(error) => {
                    self.fail(lease, &error);
                    continue;
                }
            };
            let given = match &limited {
                Some(error) => Err(error.clone()),
                None => self.give_one(&wanted).await,
            };
            if let Err(error) = given {
                // A limit on calls holds for all that follow; asking on would only make it worse.
                limited = limited.or_else(|| error.retry_after.is_some().then(|| error.clone()));
                self.fail(lease, &error);
            }
        }
    }

    async fn give_one(&mut self, wanted: &Role) -> Result<()> {
        let there = self.user.as_ref().filter(|user| !lapsed(user));
        if there.is_some_and(|user| holds(user, wanted)) {
            return Ok(());
        }
        if !is_email(self.email) {
            return Err(invalid(
                "MongoDB Atlas knows people by their e-mail address, and this login is none",
            ));
        }
        if self.notes.sent
            && self
                .user
                .as_ref()
                .is_some_and(|user| user.org_membership_status == "INVITATION_REJECTED")
        {
            return Err(invalid("the invitation to MongoDB Atlas was declined"));
        }
        let org = self.at.org.to_owned();
        // Known by their id, a person may be called otherwise by now.
        let email = there.map_or_else(|| self.email.to_owned(), |user| user.username.clone());
        let role = wanted.name.clone();
        let invites = there.is_none();
        let write = match (there, &wanted.group) {
            (None, None) => Write::Invite {
                org,
                email,
                roles: vec![role],
            },
            (Some(user), None) => Write::AddOrgRole {
                org,
                user: user.id.clone(),
                role,
            },
            (Some(user), Some(group)) if !roles_in(user, group).is_empty() => Write::AddGroupRole {
                group: group.clone(),
                user: user.id.clone(),
                role,
            },
            // Whoever is not in the organization is invited by this too.
            (_, Some(group)) => Write::JoinGroup {
                group: group.clone(),
                email,
                roles: vec![role],
            },
        };
        if invites {
            // Replaced by a new one, with an id of its own.
            self.notes.user = None;
            self.notes.newcomer = true;
            self.notes.sent = true;
        }
        let wanted = wanted.clone();
        self.submit(&write, move |user| user.is_some_and(|user| holds(user, &wanted)))
            .await
    }

    // ---- take

    pub async fn take(&mut self) {
        let needed: BTreeSet<Role> = self
            .change
            .ensure()
            .iter()
            .filter_map(|lease| role(self.at.org, lease).ok())
            .collect();
        let mut limited: Option<ProviderError> = None;
        for lease in self
            .change
            .release
            .iter()
            .filter(|lease| lease.standing != Some(true))
        {
            // What was never a role was never given.
            let Ok(over) = role(self.at.org, lease) else {
                continue;
            };
            if needed.contains(&over) {
                continue;
            }
            let taken = match &limited {
                Some(error) => Err(error.clone()),
                None => self.take_one(&over).await,
            };
            if let Err(error) = taken {
                limited = limited.or_else(|| error.retry_after.is_some().then(|| error.clone()));
                self.fail(lease, &error);
            }
        }
    }

    async fn take_one(&mut self, over: &Role) -> Result<()> {
        let Some(user) = self.user.clone().filter(|user| holds(user, over)) else {
            return Ok(());
        };
        let (org, id, role) = (self.at.org.to_owned(), user.id.clone(), over.name.clone());
        let gone = {
            let over = over.clone();
            move |user: Option<&OrgUser>| !user.is_some_and(|user| holds(user, &over))
        };
        let write = match &over.group {
            Some(group) if roles_in(&user, group).len() > 1 => Write::RemoveGroupRole {
                group: group.clone(),
                user: id,
                role,
            },
            Some(group) => {
                if self.notes.was_in.contains(group) {
                    self.answer.remarks.push(format!(
                        "{} held nothing else in project {group} any more, though they did before us: they left it",
                        self.email
                    ));
                }
                Write::LeaveGroup {
                    group: group.clone(),
                    user: id,
                }
            }
            None if user.roles.org_roles.len() > 1 => Write::RemoveOrgRole { org, user: id, role },
            None if self.may_go(&user, Some(&over.name)) => Write::LeaveOrg { org, user: id },
            None => {
                let (org, user, role) = (org.clone(), id.clone(), MEMBER.to_owned());
                let stays = Write::AddOrgRole { org, user, role };
                let member = Role {
                    group: None,
                    name: MEMBER.to_owned(),
                };
                self.submit(&stays, move |user| user.is_some_and(|user| holds(user, &member)))
                    .await?;
                Write::RemoveOrgRole {
                    org: self.at.org.to_owned(),
                    user: id,
                    role: over.name.clone(),
                }
            }
        };
        self.submit(&write, gone).await?;
        if makes_keys(&over.name) {
            self.answer.remarks.push(format!(
                "{} was {}: API keys, service accounts and database users made meanwhile stay; look through them",
                self.email, over.name
            ));
        }
        Ok(())
    }

    /// An invitation of ours that nobody accepted goes with the last lease that wanted it.
    pub async fn withdraw(&mut self) {
        let Some(user) = self
            .user
            .clone()
            .filter(|user| user.org_membership_status != "ACTIVE")
        else {
            self.notes.sent &= self.user.is_some();
            return;
        };
        if !self.may_go(&user, None) || self.change.release.is_empty() {
            return;
        }
        let write = Write::LeaveOrg {
            org: self.at.org.to_owned(),
            user: user.id,
        };
        if let Err(error) = self.submit(&write, |user| user.is_none()).await {
            let release: Vec<Lease> = self.change.release.clone();
            release.iter().for_each(|lease| self.fail(lease, &error));
        } else {
            self.notes.sent = false;
            self.notes.user = None;
        }
    }

    /// A person whom we brought in, who holds nothing that somebody else gave them; `over` is about to go.
    fn may_go(&self, user: &OrgUser, over: Option<&str>) -> bool {
        let mut roles = user.roles.org_roles.iter();
        let nothing_else = roles.all(|role| role == MEMBER || Some(role.as_str()) == over);
        let nowhere = user
            .roles
            .group_role_assignments
            .iter()
            .all(|at| at.group_roles.is_empty());
        self.notes.newcomer
            && self.change.ensure().is_empty()
            && nothing_else
            && nowhere
            && user.team_ids.is_empty()
    }

    pub async fn remove(&mut self) -> Result<()> {
        if let Some(user) = self.user.clone().filter(|user| self.may_go(user, None)) {
            let write = Write::LeaveOrg {
                org: self.at.org.to_owned(),
                user: user.id,
            };
            self.submit(&write, |user| user.is_none()).await?;
        }
        self.notes = PersonNotes::default();
        Ok(())
    }

    // ---- tell

    pub async fn tell(&mut self, leases: &[Lease]) {
        let failed: BTreeSet<_> = self.answer.failed.iter().map(|(id, _)| id.clone()).collect();
        let served: Vec<&Lease> = leases
            .iter()
            .filter(|lease| !failed.contains(&lease.id))
            .collect();
        if served.is_empty() {
            return;
        }
        let accepted = self
            .user
            .as_ref()
            .is_some_and(|user| user.org_membership_status == "ACTIVE");
        if accepted {
            self.notes.sent = false;
            self.answer.details = self.details(&served);
        } else {
            // What was done is told even where its name cannot be had.
            let name = match self.at.client.organization(self.at.org).await {
                Ok(found) => format!("the organization {}", found.name),
                Err(_) => "the organization".to_owned(),
            };
            self.answer.waiting = Some(format!(
                "accept the invitation to {name} that MongoDB sent to {}",
                self.email
            ));
            self.answer.look_again = Some(ACCEPTED);
        }
    }

    fn details(&self, served: &[&Lease]) -> AccessDetails {
        let mut details = AccessDetails::default();
        details
            .fields
            .push(("Portal".to_owned(), self.at.portal.to_owned()));
        for lease in served {
            let label = match lease.resource.kind.as_str() {
                ORGANIZATION => "Organization",
                _ => "Project",
            };
            let field = (label.to_owned(), lease.resource.title.clone());
            if !details.fields.contains(&field) {
                details.fields.push(field);
            }
        }
        details.fields.push(("User".to_owned(), self.email.to_owned()));
        details
            .notes
            .push("Sign in as you always do; reload a page that is open to see what is new.".to_owned());
        details
    }
}
