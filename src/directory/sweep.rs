//! Who left, and what admins say about who is who.

use chrono::{DateTime, Utc};

use super::{Directory, Freshness, NotAdmitted, admit::batch, ask::Said};
use crate::{
    config::Config,
    domain::{
        Person, PersonId, PersonState,
        audit::{Actor, Entry},
    },
    store::{
        StoreError,
        typed::{list, load},
    },
};

impl Directory {
    /// Asks the chats about the persons who were asked about longest ago, at most `limit` of them, and writes down who is
    /// deactivated or has another address. Whoever cannot be asked about stays as they are. Reads all persons: not for
    /// every tick.
    pub async fn refresh_people(
        &self,
        cfg: &Config,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<(), StoreError> {
        let mut persons: Vec<Person> = list::<Person>(&*self.store, "")
            .await?
            .into_iter()
            .map(|person| person.value)
            .collect();
        persons.retain(|person| person.state != PersonState::Gone);
        {
            let cache = self.lock();
            persons.sort_by_key(|person| cache.profiles.get(&person.chat_user).map(|asked| asked.at));
        }
        for person in persons.into_iter().take(limit) {
            match self.admit(cfg, &person.chat_user, now, Freshness::Now).await {
                Ok(_) | Err(NotAdmitted::Refused(_)) => {}
                Err(NotAdmitted::CouldNotAsk(why)) => {
                    // The chat does not answer: it will not for the next one either.
                    tracing::debug!(why, "persons cannot be asked about now");
                    return Ok(());
                }
                Err(NotAdmitted::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Persons seen to be gone since the last call, whose leases have to end; the first call tells of all there ever were, since
    /// an earlier process may have died between seeing and ending. Whoever fails to end them says so by `still_gone`.
    pub async fn gone_since_last(&self) -> Result<Vec<PersonId>, StoreError> {
        if !self.lock().recalled {
            let persons = list::<Person>(&*self.store, "").await?;
            let gone = persons
                .into_iter()
                .filter(|person| person.state == PersonState::Gone);
            let mut cache = self.lock();
            cache.gone.extend(gone.map(|person| person.value.id));
            cache.recalled = true;
        }
        Ok(std::mem::take(&mut self.lock().gone).into_iter().collect())
    }

    /// To be told again.
    pub fn still_gone(&self, person: PersonId) {
        self.lock().gone.insert(person);
    }

    /// An admin says that a suspended person is who they seem to be, with the address they have now. False if there is no such
    /// person or they are not suspended. An error if the chat cannot be asked for the address.
    pub async fn confirm(&self, id: &PersonId, by: Actor, now: DateTime<Utc>) -> Result<bool, NotAdmitted> {
        loop {
            let Some(old) = load::<Person>(&*self.store, id.as_str()).await? else {
                return Ok(false);
            };
            let PersonState::Suspended { why } = old.state.clone() else {
                return Ok(false);
            };
            let profile = match self.profile(&old.chat_user, now, Freshness::Now).await {
                Said::Profile(profile) => profile,
                Said::Nobody => return Ok(false),
                Said::CouldNotAsk(why) => return Err(NotAdmitted::CouldNotAsk(why)),
            };
            let mut new = old.value.clone();
            new.state = PersonState::Active;
            new.email_then = profile.email.or(new.email_then);
            let entry = Entry::new(by.clone(), "confirmed")
                .person(id)
                .fact("was", why)
                .fact("email", &new.email_then);
            if self
                .write(batch(now).put(&old, &new).audit(entry), new)
                .await?
                .is_some()
            {
                return Ok(true);
            }
        }
    }
}
