//! From names and groups to persons.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Directory, Freshness, Member, NotAdmitted, Unreadable, admit::holder_note, ask::Said};
use crate::{
    config::{Config, GroupConfig},
    domain::{ChatKind, ChatUser, Person, policy::People, route::Asker},
    store::{records::Note, typed::load},
};

impl Directory {
    /// The person of a name in `[people]`. `None`: nobody in the chat is it, or they may not act.
    /// An error if nobody can tell now.
    pub async fn named(
        &self,
        cfg: &Config,
        name: &str,
        now: DateTime<Utc>,
        freshness: Freshness,
    ) -> Result<Option<Person>, NotAdmitted> {
        let Some(known) = cfg.people.get(name) else {
            return Ok(None);
        };
        let user = match (&known.slack, self.holder(name).await?) {
            (Some(id), _) => slack_user(cfg, id),
            (None, Some(person)) => Some(person.chat_user),
            (None, None) => match &known.email {
                Some(email) => self.user_of(email, now).await?,
                None => None,
            },
        };
        let Some(user) = user else { return Ok(None) };
        let person = self.admitted(cfg, &user, now, freshness).await?;
        // Somebody else may hold the name, or the address by now.
        Ok(person.filter(|person| person.directory.as_deref() == Some(name)))
    }

    /// The members of a group, by their names. Unreadable means that nobody is in it.
    pub async fn members(
        &self,
        cfg: &Config,
        group: &str,
        now: DateTime<Utc>,
        freshness: Freshness,
    ) -> Result<Vec<Member>, Unreadable> {
        let unreadable = |why: String| Unreadable {
            group: group.to_owned(),
            why,
        };
        let mut found = Vec::new();
        match cfg.groups.get(group) {
            None => return Err(unreadable("the configuration does not name it".into())),
            Some(GroupConfig::Members(names)) => {
                for name in names {
                    found.extend(self.found(group, self.named(cfg, name, now, freshness).await));
                }
            }
            Some(GroupConfig::SlackGroup(id)) => {
                for id in self.group_ids(group, id, now, freshness).await? {
                    let Some(user) = slack_user(cfg, &id) else {
                        continue;
                    };
                    found.extend(self.found(group, self.admitted(cfg, &user, now, freshness).await));
                }
            }
        }
        Ok(sorted(found))
    }

    /// The configured groups a person is in. One that cannot be read they are not in.
    pub async fn groups_of(
        &self,
        cfg: &Config,
        person: &Person,
        now: DateTime<Utc>,
        freshness: Freshness,
    ) -> BTreeSet<String> {
        let mut groups = BTreeSet::new();
        for (name, group) in &cfg.groups {
            let inside = match group {
                GroupConfig::Members(names) => {
                    person.directory.as_ref().is_some_and(|name| names.contains(name))
                }
                GroupConfig::SlackGroup(id) => match self.group_ids(name, id, now, freshness).await {
                    Ok(ids) => {
                        person.chat_user.chat == ChatKind::Slack && ids.contains(&person.chat_user.user)
                    }
                    Err(_) => false,
                },
            };
            if inside {
                groups.insert(name.clone());
            }
        }
        groups
    }

    /// A person as access flows see them.
    pub async fn asker(
        &self,
        cfg: &Config,
        person: &Person,
        now: DateTime<Utc>,
        freshness: Freshness,
    ) -> Asker {
        let name = person
            .directory
            .clone()
            .filter(|name| cfg.people.contains_key(name));
        Asker {
            name,
            groups: self.groups_of(cfg, person, now, freshness).await,
        }
    }

    /// Everybody whom a list of people and groups names, each once. Who cannot be told is left out.
    pub async fn everybody(
        &self,
        cfg: &Config,
        of: &People,
        now: DateTime<Utc>,
        freshness: Freshness,
    ) -> Vec<Member> {
        let mut found = Vec::new();
        for name in &of.people {
            found.extend(self.found(name, self.named(cfg, name, now, freshness).await));
        }
        for group in &of.groups {
            // Told in the log where it was asked.
            found.extend(self.members(cfg, group, now, freshness).await.unwrap_or_default());
        }
        sorted(found)
    }

    /// The chat user of an address that the configuration or a tag names.
    pub(super) async fn user_of(
        &self,
        email: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<ChatUser>, NotAdmitted> {
        match self.by_email(ChatKind::Slack, email, now).await {
            Said::Profile(profile) => Ok(Some(profile.user)),
            Said::Nobody => Ok(None),
            Said::CouldNotAsk(why) => Err(NotAdmitted::CouldNotAsk(why)),
        }
    }

    /// Who may not act is nobody; who cannot be asked about is an error.
    pub(super) async fn admitted(
        &self,
        cfg: &Config,
        user: &ChatUser,
        now: DateTime<Utc>,
        freshness: Freshness,
    ) -> Result<Option<Person>, NotAdmitted> {
        match self.admit(cfg, user, now, freshness).await {
            Ok(person) => Ok(Some(person)),
            Err(NotAdmitted::Refused(_)) => Ok(None),
            Err(error @ (NotAdmitted::CouldNotAsk(_) | NotAdmitted::Store(_))) => Err(error),
        }
    }

    async fn holder(&self, name: &str) -> Result<Option<Person>, NotAdmitted> {
        let Some(note) = load::<Note>(&*self.store, &holder_note(name)).await? else {
            return Ok(None);
        };
        let person = load::<Person>(&*self.store, &note.text).await?;
        Ok(person
            .map(|person| person.value)
            .filter(|person| person.directory.as_deref() == Some(name)))
    }

    fn found(&self, whose: &str, person: Result<Option<Person>, NotAdmitted>) -> Option<Member> {
        match person {
            Ok(person) => person.map(member),
            Err(NotAdmitted::CouldNotAsk(why)) => {
                tracing::warn!(whose, why, "somebody cannot be asked about; they count as absent");
                None
            }
            Err(error @ (NotAdmitted::Store(_) | NotAdmitted::Refused(_))) => {
                tracing::warn!(whose, ?error, "somebody cannot be told; they count as absent");
                None
            }
        }
    }
}

pub(super) fn member(person: Person) -> Member {
    Member {
        name: person.name.clone(),
        person,
    }
}

fn sorted(mut members: Vec<Member>) -> Vec<Member> {
    members.sort_by(|one, other| (&one.name, &one.person.id).cmp(&(&other.name, &other.person.id)));
    members.dedup_by(|one, other| one.person.id == other.person.id);
    members
}

fn slack_user(cfg: &Config, id: &str) -> Option<ChatUser> {
    let team = &cfg.slack.as_ref()?.team;
    Some(ChatUser {
        chat: ChatKind::Slack,
        workspace: team.clone(),
        user: id.to_owned(),
    })
}
