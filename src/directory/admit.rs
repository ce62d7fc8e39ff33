//! From a chat user to a person: refused, or bound at first sight and known ever after.

use chrono::{DateTime, Utc};

use super::{Directory, Freshness, NotAdmitted, Refusal, ask::Said};
use crate::{
    config::Config,
    domain::{
        ChatKind, ChatProfile, ChatStanding, ChatUser, Person, PersonId, PersonState,
        audit::{Actor, Entry},
        name::short_hash,
    },
    store::{
        StoreError,
        records::{Binding, Note},
        typed::{Batch, Outcome, Versioned, commit_settled, load},
    },
};

/// How often a decision that lost a race is made again.
const TRIES: usize = 8;

impl PersonId {
    /// Of the chat user a person was first seen as.
    pub fn of(user: &ChatUser) -> Self {
        Self(format!("p{}", short_hash(&["person", &user.as_key()], 12)))
    }
}

/// The note that says who holds a name of `[people]`: at most one person at a time.
pub(super) fn holder_note(name: &str) -> String {
    format!("directory/{name}")
}

/// What is known of a chat user in the store.
struct Known {
    person: Versioned<Person>,
}

/// The name of `[people]` that a profile stands for.
struct Claim {
    name: String,
    /// The configuration names this very user: nobody else can be meant.
    by_id: bool,
}

impl Directory {
    /// The person who acts, or why they may not. Binds at first sight; a changed e-mail suspends the binding; who is seen to
    /// be deactivated is written down as gone. An error never means that somebody is gone.
    pub async fn admit(
        &self,
        cfg: &Config,
        user: &ChatUser,
        now: DateTime<Utc>,
        freshness: Freshness,
    ) -> Result<Person, NotAdmitted> {
        let team = team(cfg, user.chat)
            .ok_or_else(|| NotAdmitted::CouldNotAsk("the chat is not configured".into()))?;
        // What the delivery says can only count against somebody; what it leaves out the chat tells.
        if !user.workspace.is_empty() && user.workspace != team {
            return Err(NotAdmitted::Refused(Refusal::Stranger));
        }
        let profile = match self.profile(user, now, freshness).await {
            Said::Profile(profile) => profile,
            Said::Nobody => return Err(NotAdmitted::Refused(Refusal::Stranger)),
            Said::CouldNotAsk(why) => return Err(NotAdmitted::CouldNotAsk(why)),
        };
        let person = self.settle(cfg, team, &profile, now).await?;
        Ok(shown(cfg, person, &profile))
    }

    /// Makes the store agree with a fresh profile.
    async fn settle(
        &self,
        cfg: &Config,
        team: &str,
        profile: &ChatProfile,
        now: DateTime<Utc>,
    ) -> Result<Person, NotAdmitted> {
        if profile.user.workspace != team || profile.user.user.is_empty() {
            return Err(NotAdmitted::Refused(Refusal::Stranger));
        }
        for _ in 0..TRIES {
            let known = self.known(&profile.user).await?;
            if let Some(refusal) = refusal(cfg, profile) {
                if refusal == Refusal::Deactivated
                    && let Some(known) = &known
                    && !self.write_gone(&known.person, now).await?
                {
                    continue;
                }
                return Err(NotAdmitted::Refused(refusal));
            }
            let settled = match known {
                None => self.bind(cfg, profile, now).await?,
                Some(known) => self.keep(cfg, profile, known, now).await?,
            };
            match settled {
                None => {}
                Some(person) => match &person.state {
                    PersonState::Active => return Ok(person),
                    PersonState::Suspended { why } => {
                        return Err(NotAdmitted::Refused(Refusal::Suspended { why: why.clone() }));
                    }
                    PersonState::Gone => return Err(NotAdmitted::Refused(Refusal::Deactivated)),
                },
            }
        }
        Err(NotAdmitted::CouldNotAsk(format!(
            "others kept changing {}",
            profile.user.as_key()
        )))
    }

    async fn known(&self, user: &ChatUser) -> Result<Option<Known>, StoreError> {
        let Some(binding) = load::<Binding>(&*self.store, &user.as_key()).await? else {
            return Ok(None);
        };
        let person = load::<Person>(&*self.store, binding.person.as_str()).await?;
        let missing = || {
            StoreError::Refused(format!(
                "{} is bound to a person that is not there",
                user.as_key()
            ))
        };
        person.map(|person| Some(Known { person })).ok_or_else(missing)
    }

    /// First sight. `None`: somebody else wrote at the same time; decide again.
    async fn bind(
        &self,
        cfg: &Config,
        profile: &ChatProfile,
        now: DateTime<Utc>,
    ) -> Result<Option<Person>, StoreError> {
        let mut person = Person {
            id: PersonId::of(&profile.user),
            chat_user: profile.user.clone(),
            name: profile.name.clone(),
            directory: None,
            email_then: profile.email.clone(),
            time_zone: profile.time_zone.clone(),
            state: PersonState::Active,
            since: now,
        };
        let binding = Binding {
            chat_user: profile.user.clone(),
            person: person.id.clone(),
            bound_at: now,
        };
        let mut batch = batch(now).put_new(&binding);
        if let Some(claim) = claim(cfg, profile) {
            batch = self.take_name(batch, &mut person, &claim).await?;
        }
        let entry = Entry::new(Actor::Latchkey, "bound")
            .person(&person.id)
            .fact("chat_user", profile.user.as_key())
            .fact("name", &person.directory);
        self.write(batch.put_new(&person).audit(entry), person).await
    }

    /// Somebody we know: came back, changed their address, got a name meanwhile, or is just as before.
    async fn keep(
        &self,
        cfg: &Config,
        profile: &ChatProfile,
        known: Known,
        now: DateTime<Utc>,
    ) -> Result<Option<Person>, StoreError> {
        let old = known.person;
        let claim = claim(cfg, profile);
        let named_by_id = claim.as_ref().is_some_and(|claim| claim.by_id);
        if matches!(old.state, PersonState::Suspended { .. }) && !named_by_id {
            return Ok(Some(old.value));
        }
        if !named_by_id && let Some(why) = changed_address(&old, profile) {
            let mut new = old.value.clone();
            new.state = PersonState::Suspended { why: why.clone() };
            let entry = Entry::new(Actor::Latchkey, "suspended")
                .person(&new.id)
                .fact("why", &why);
            self.notice(format!(
                "{} ({}) is suspended: {why}; confirm the person, or correct [people]",
                new.name, new.chat_user.user
            ));
            return self.write(batch(now).put(&old, &new).audit(entry), new).await;
        }
        let mut new = old.value.clone();
        let mut batch = batch(now);
        if old.state != PersonState::Active {
            // Suspended: an admin wrote this very user into the configuration, which settles who it is.
            let verb = if old.state == PersonState::Gone {
                "returned"
            } else {
                "confirmed"
            };
            new.state = PersonState::Active;
            batch = batch.audit(Entry::new(Actor::Latchkey, verb).person(&new.id));
        }
        if new.email_then.is_none() {
            new.email_then.clone_from(&profile.email);
        }
        let held = new
            .directory
            .as_ref()
            .filter(|name| cfg.people.contains_key(*name));
        if let Some(claim) =
            claim.filter(|claim| held.is_none() || (claim.by_id && held != Some(&claim.name)))
        {
            batch = self.take_name(batch, &mut new, &claim).await?;
        }
        if new == old.value {
            return Ok(Some(new));
        }
        self.write(batch.put(&old, &new), new).await
    }

    /// Adds to a commit that the person is the one the configuration calls so; not where somebody else is already, unless
    /// the configuration names this very user.
    async fn take_name(
        &self,
        mut batch: Batch,
        person: &mut Person,
        claim: &Claim,
    ) -> Result<Batch, StoreError> {
        let note = Note {
            name: holder_note(&claim.name),
            text: person.id.0.clone(),
        };
        let held = load::<Note>(&*self.store, &note.name).await?;
        if let Some(held) = &held
            && held.text != person.id.0
        {
            let other = load::<Person>(&*self.store, &held.text).await?;
            let is_other = other
                .as_ref()
                .is_some_and(|other| other.directory.as_deref() == Some(&claim.name));
            if is_other && !claim.by_id {
                self.notice(format!(
                    "{} ({}) has the address of {}, who is known as another chat user; if it is the same human, write slack = {:?} in [people]",
                    person.name, person.chat_user.user, claim.name, person.chat_user.user
                ));
                return Ok(batch);
            }
            if let Some(other) = other.filter(|_| is_other) {
                let mut nameless = other.value.clone();
                nameless.directory = None;
                let entry = Entry::new(Actor::Latchkey, "unnamed")
                    .person(&nameless.id)
                    .fact("name", &claim.name);
                batch = batch.put(&other, &nameless).audit(entry);
            }
        }
        if let Some(before) = person
            .directory
            .replace(claim.name.clone())
            .filter(|before| *before != claim.name)
            && let Some(note) = load::<Note>(&*self.store, &holder_note(&before)).await?
            && note.text == person.id.0
        {
            batch = batch.remove(&note);
        }
        person.name.clone_from(&claim.name);
        let entry = Entry::new(Actor::Latchkey, "named")
            .person(&person.id)
            .fact("name", &claim.name);
        Ok(batch.put_over(held.as_ref(), &note).audit(entry))
    }

    /// Deactivated in the chat. False: decide again.
    pub(super) async fn write_gone(
        &self,
        old: &Versioned<Person>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        if old.state == PersonState::Gone {
            return Ok(true);
        }
        let mut new = old.value.clone();
        new.state = PersonState::Gone;
        let entry = Entry::new(Actor::Latchkey, "gone")
            .person(&new.id)
            .fact("chat_user", new.chat_user.as_key());
        let id = new.id.clone();
        let done = self
            .write(batch(now).put(old, &new).audit(entry), new)
            .await?
            .is_some();
        if done {
            self.lock().gone.insert(id);
        }
        Ok(done)
    }

    pub(super) async fn write(&self, batch: Batch, person: Person) -> Result<Option<Person>, StoreError> {
        match commit_settled(&*self.store, batch.build()?).await? {
            Outcome::Committed => Ok(Some(person)),
            Outcome::Conflict { .. } => Ok(None),
        }
    }
}

pub(super) fn batch(now: DateTime<Utc>) -> Batch {
    Batch::new(format!("d{:032x}", rand::random::<u128>()), now)
}

fn team(cfg: &Config, chat: ChatKind) -> Option<&str> {
    match chat {
        ChatKind::Slack => cfg.slack.as_ref().map(|slack| slack.team.as_str()),
    }
}

fn refusal(cfg: &Config, profile: &ChatProfile) -> Option<Refusal> {
    let guests = cfg.slack.as_ref().is_some_and(|slack| slack.allow_guests);
    match profile.standing {
        ChatStanding::Member => None,
        ChatStanding::Guest => (!guests).then_some(Refusal::Guest),
        ChatStanding::Bot => Some(Refusal::Bot),
        ChatStanding::Deactivated => Some(Refusal::Deactivated),
        ChatStanding::Stranger => Some(Refusal::Stranger),
    }
}

/// By the id in `[people]`, else by a confirmed address of an allowed domain, if no id stands beside it.
fn claim(cfg: &Config, profile: &ChatProfile) -> Option<Claim> {
    let by_id = cfg
        .people
        .iter()
        .find(|(_, person)| person.slack.as_deref() == Some(&profile.user.user));
    if let Some((name, _)) = by_id {
        return Some(Claim {
            name: name.clone(),
            by_id: true,
        });
    }
    let email = profile.email.as_deref().filter(|email| believed(cfg, email))?;
    let by_email = cfg.people.iter().find(|(_, person)| {
        person.slack.is_none()
            && person
                .email
                .as_deref()
                .is_some_and(|known| known.eq_ignore_ascii_case(email))
    });
    by_email.map(|(name, _)| Claim {
        name: name.clone(),
        by_id: false,
    })
}

pub(super) fn believed(cfg: &Config, email: &str) -> bool {
    let domain = email.rsplit('@').next().unwrap_or_default();
    cfg.slack.as_ref().is_some_and(|slack| {
        slack.email_domains.is_empty()
            || slack
                .email_domains
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(domain))
    })
}

/// An address that is hidden now is not another one.
fn changed_address(person: &Person, profile: &ChatProfile) -> Option<String> {
    let (then, now) = (person.email_then.as_deref()?, profile.email.as_deref()?);
    (!then.eq_ignore_ascii_case(now)).then(|| format!("the e-mail was {then} when we met and is {now} now"))
}

/// As people know them now: the configuration may have forgotten the name, the chat may know a new zone.
fn shown(cfg: &Config, mut person: Person, profile: &ChatProfile) -> Person {
    person.directory = person.directory.filter(|name| cfg.people.contains_key(name));
    let known = person.directory.as_ref().and_then(|name| cfg.people.get(name));
    let zone = known
        .and_then(|known| known.time_zone)
        .map(|zone| zone.name().to_owned());
    person.time_zone = zone
        .or_else(|| profile.time_zone.clone())
        .or_else(|| Some(cfg.time_zone.name().to_owned()));
    person.name = person.directory.clone().unwrap_or_else(|| profile.name.clone());
    person
}
