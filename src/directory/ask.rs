//! Asking the chats, and remembering for a while what they said.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};

use super::{Asked, Directory, Freshness, Unreadable};
use crate::{
    chat::{Chat, ChatError, ChatErrorKind},
    domain::{ChatKind, ChatProfile, ChatUser},
};

/// What a chat says of somebody.
pub(super) enum Said {
    Profile(ChatProfile),
    /// There is nobody of that id.
    Nobody,
    /// We do not know. For the log.
    CouldNotAsk(String),
}

impl Directory {
    pub(super) fn chat(&self, kind: ChatKind) -> Option<&Arc<dyn Chat>> {
        self.chats.iter().find(|chat| chat.kind() == kind)
    }

    pub(super) async fn profile(&self, user: &ChatUser, now: DateTime<Utc>, freshness: Freshness) -> Said {
        let known = self
            .lock()
            .profiles
            .get(user)
            .and_then(|asked| asked.still(now, freshness));
        if let Some(profile) = known {
            return Said::Profile(profile);
        }
        let Some(chat) = self.chat(user.chat) else {
            return Said::CouldNotAsk(format!("there is no chat {}", user.chat.as_str()));
        };
        match chat.profile(&user.user).await {
            Ok(profile) => {
                self.remember(user.clone(), &profile, now);
                Said::Profile(profile)
            }
            Err(error) => said(error),
        }
    }

    /// The chat user of a confirmed address.
    pub(super) async fn by_email(&self, kind: ChatKind, email: &str, now: DateTime<Utc>) -> Said {
        let Some(chat) = self.chat(kind) else {
            return Said::CouldNotAsk(format!("there is no chat {}", kind.as_str()));
        };
        match chat.find_person(email).await {
            Ok(Some(profile)) => {
                self.remember(profile.user.clone(), &profile, now);
                Said::Profile(profile)
            }
            Ok(None) => Said::Nobody,
            Err(error) => said(error),
        }
    }

    /// User ids of a user group. An answer that is too old is no answer, even where there is no newer one.
    pub(super) async fn group_ids(
        &self,
        group: &str,
        id: &str,
        now: DateTime<Utc>,
        freshness: Freshness,
    ) -> Result<BTreeSet<String>, Unreadable> {
        let known = self
            .lock()
            .groups
            .get(id)
            .and_then(|asked| asked.still(now, freshness));
        if let Some(ids) = known {
            return Ok(ids);
        }
        let unreadable = |why: String| Unreadable {
            group: group.to_owned(),
            why,
        };
        let chat = self
            .chat(ChatKind::Slack)
            .ok_or_else(|| unreadable("there is no chat".into()))?;
        match chat.group(id).await {
            Ok(ids) => {
                let fact: BTreeSet<String> = ids.into_iter().collect();
                let asked = Asked {
                    at: now,
                    fact: fact.clone(),
                };
                self.lock().groups.insert(id.to_owned(), asked);
                Ok(fact)
            }
            Err(error) => {
                self.lock().groups.remove(id);
                tracing::warn!(group, error = %error, "the members of a group cannot be read; it counts as empty");
                Err(unreadable(error.message))
            }
        }
    }

    fn remember(&self, user: ChatUser, profile: &ChatProfile, now: DateTime<Utc>) {
        let asked = || Asked {
            at: now,
            fact: profile.clone(),
        };
        let mut cache = self.lock();
        // Under both: a payload may leave the workspace out.
        cache.profiles.insert(profile.user.clone(), asked());
        cache.profiles.insert(user, asked());
    }
}

fn said(error: ChatError) -> Said {
    match error.kind {
        ChatErrorKind::Gone => Said::Nobody,
        ChatErrorKind::Transient { .. } | ChatErrorKind::Denied | ChatErrorKind::Invalid => {
            Said::CouldNotAsk(error.message)
        }
    }
}
