//! Roles in the console, for people's own logins: given and taken one at a time, and nothing that stood before.
//!
//! Atlas refuses to leave a person without a role, so what is new is given before what is over is taken; and the last role in a
//! project goes by leaving it. Who is not in the organization is invited, and nobody is told "ready" before they accept.

use super::{
    notes::PersonNotes,
    person_turn::Turn,
    place::{Role, role},
};
use crate::providers::{
    Change, Converged, ErrorKind, Lease, Observed, Presence, Result, Want,
    atlas::{Client, OrgUser},
};

pub(super) struct People<'a> {
    pub client: &'a Client,
    pub org: &'a str,
    /// How people reach the console.
    pub portal: &'a str,
}

impl<'a> People<'a> {
    pub async fn converge(
        &'a self,
        email: &'a str,
        change: &'a Change,
        notes: PersonNotes,
    ) -> Result<Converged> {
        let mut turn = Turn::begin(self, email, change, notes).await?;
        match &change.want {
            Want::Open(leases) => {
                turn.give(leases).await;
                turn.take().await;
                turn.withdraw().await;
                turn.tell(leases).await;
            }
            Want::Disabled => {
                turn.take().await;
                turn.withdraw().await;
            }
            Want::Deleted => {
                turn.take().await;
                turn.remove().await?;
            }
        }
        Ok(turn.answered())
    }

    /// What stood before a lease is what the person has by themselves or by a team; later only their own roles tell, since
    /// those are all that we give and take.
    pub async fn observe(&self, email: &str, leases: &[Lease], mut notes: PersonNotes) -> Result<Observed> {
        let user = self.find(email, &notes).await?;
        let new = leases.iter().any(|lease| lease.standing.is_none());
        notes.user = user.as_ref().map(|user| user.id.clone()).or(notes.user);
        notes.newcomer |= user.is_none() && new;
        let mut observed = Observed {
            presence: presence(user.as_ref()),
            held: Default::default(),
            sessions: None,
            memo: Default::default(),
        };
        for lease in leases {
            let Ok(role) = role(self.org, lease) else {
                observed.held.insert(lease.id.clone(), false);
                continue;
            };
            let mut held = user.as_ref().is_some_and(|user| holds(user, &role));
            if let (Some(user), Some(group), None) = (&user, &role.group, lease.standing) {
                if !roles_in(user, group).is_empty() {
                    notes.was_in.insert(group.clone());
                }
                if !held && !user.team_ids.is_empty() {
                    held = self.by_team(user, group, &role.name).await?;
                }
            }
            observed.held.insert(lease.id.clone(), held);
        }
        observed.memo = notes.write();
        Ok(observed)
    }

    async fn by_team(&self, user: &OrgUser, group: &str, role: &str) -> Result<bool> {
        let teams = match self.client.teams(group).await {
            // The project is gone: so is what anybody had there.
            Err(error) if error.kind == ErrorKind::Invalid => Vec::new(),
            answer => answer?,
        };
        let mut own = teams.iter().filter(|team| user.team_ids.contains(&team.team_id));
        Ok(own.any(|team| team.role_names.iter().any(|name| name == role)))
    }

    pub async fn find(&self, email: &str, notes: &PersonNotes) -> Result<Option<OrgUser>> {
        if let Some(id) = &notes.user
            && let Some(user) = self.client.person(self.org, id).await?
        {
            return Ok(Some(user));
        }
        // Logins are addresses; nobody is called otherwise.
        match is_email(email) {
            true => self.client.person_called(self.org, email).await,
            false => Ok(None),
        }
    }
}

pub(super) fn roles_in<'u>(user: &'u OrgUser, group: &str) -> &'u [String] {
    let mut all = user.roles.group_role_assignments.iter();
    all.find(|at| at.group_id == group)
        .map_or(&[], |at| at.group_roles.as_slice())
}

pub(super) fn holds(user: &OrgUser, role: &Role) -> bool {
    let held = match &role.group {
        None => user.roles.org_roles.as_slice(),
        Some(group) => roles_in(user, group),
    };
    held.contains(&role.name)
}

/// An invitation that came to nothing: whoever is to have it is invited again.
pub(super) fn lapsed(user: &OrgUser) -> bool {
    matches!(
        user.org_membership_status.as_str(),
        "INVITATION_EXPIRED" | "INVITATION_REJECTED"
    )
}

fn presence(user: Option<&OrgUser>) -> Presence {
    match user {
        None => Presence::Absent,
        Some(user) if user.org_membership_status == "ACTIVE" => Presence::Enabled,
        Some(_) => Presence::Disabled,
    }
}

pub(super) fn is_email(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@')
    };
    text.split_once('@')
        .is_some_and(|(local, domain)| plain(local) && plain(domain) && domain.contains('.'))
}
