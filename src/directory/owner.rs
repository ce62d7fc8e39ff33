//! Who answers for a resource, and why them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Directory, Freshness, Member, admit::believed, groups::member};
use crate::{
    config::{Config, IntegrationConfig},
    domain::policy::{OwnerAttribute, ResourceOwner},
};

/// Longest piece of a tag in a sentence; anything may be in one.
const LONGEST_TAG: usize = 60;
/// More names than this are counted.
const NAMES: usize = 10;

/// Those who answer for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// May be empty: then nobody can decide.
    pub people: Vec<Member>,
    /// In words: `tag owner=dba on prod names group dba`.
    pub why: String,
    /// No tag led to them: the integration's owner answers instead.
    pub fallback: bool,
}

/// What a tag led to.
enum Found {
    People(Vec<Member>, String),
    /// Nobody, and why: the rest of a sentence about the tag.
    Nobody(String),
}

impl Directory {
    /// The owner of a resource: whom its tag names; where it names nobody, the integration's owner.
    pub async fn owner(
        &self,
        cfg: &Config,
        integration: &IntegrationConfig,
        tags: &BTreeMap<String, String>,
        resource: &str,
        now: DateTime<Utc>,
        freshness: Freshness,
    ) -> Owner {
        let mut because = String::new();
        if let Some(rule) = &integration.resource_owner {
            match tags
                .get(&rule.key)
                .map(|value| value.trim())
                .filter(|value| !value.is_empty())
            {
                None => because = format!("{resource} has no {} tag; ", rule.key),
                Some(value) => {
                    let tag = format!("tag {}={} on {resource}", rule.key, short(value));
                    match self.tagged(cfg, rule, value, now, freshness).await {
                        Found::People(people, whom) => {
                            return Owner {
                                people,
                                why: format!("{tag} names {whom}"),
                                fallback: false,
                            };
                        }
                        Found::Nobody(why) => because = format!("{tag} names {why}; "),
                    }
                }
            }
        }
        let people = match &integration.integration_owner {
            Some(owner) => self.everybody(cfg, owner, now, freshness).await,
            None => Vec::new(),
        };
        let who = match people.as_slice() {
            [] => "nobody answers".to_owned(),
            [one] => format!("{} answers", one.name),
            many => format!("{} answer", names(many)),
        };
        Owner {
            why: format!("{because}{who} for {}", integration.name),
            people,
            fallback: true,
        }
    }

    async fn tagged(
        &self,
        cfg: &Config,
        rule: &ResourceOwner,
        value: &str,
        now: DateTime<Utc>,
        freshness: Freshness,
    ) -> Found {
        match rule.attribute {
            OwnerAttribute::Group => self.tagged_group(cfg, value, now, freshness).await,
            OwnerAttribute::Person => {
                let Some(name) = same(cfg.people.keys(), value) else {
                    return Found::Nobody("a person we do not know".into());
                };
                match self.named(cfg, name, now, freshness).await {
                    Ok(Some(person)) => Found::People(vec![member(person)], name.clone()),
                    Ok(None) => Found::Nobody(format!("{name}, who is not here")),
                    Err(_) => Found::Nobody(format!("{name}, who cannot be asked about now")),
                }
            }
            OwnerAttribute::Email => self.tagged_email(cfg, value, now, freshness).await,
        }
    }

    async fn tagged_group(
        &self,
        cfg: &Config,
        value: &str,
        now: DateTime<Utc>,
        freshness: Freshness,
    ) -> Found {
        let Some(group) = same(cfg.groups.keys(), value) else {
            return Found::Nobody("a group we do not know".into());
        };
        match self.members(cfg, group, now, freshness).await {
            Ok(people) if people.is_empty() => Found::Nobody(format!("group {group}, which is empty")),
            Ok(people) => {
                let whom = format!("group {group}");
                Found::People(people, whom)
            }
            Err(_) => Found::Nobody(format!("group {group}, which cannot be read now")),
        }
    }

    async fn tagged_email(
        &self,
        cfg: &Config,
        value: &str,
        now: DateTime<Utc>,
        freshness: Freshness,
    ) -> Found {
        // A name of ours first: its binding outlives a change of the address.
        let known = cfg.people.iter().find(|(_, person)| {
            person
                .email
                .as_deref()
                .is_some_and(|email| email.eq_ignore_ascii_case(value))
        });
        let person = match known {
            Some((name, _)) => self.named(cfg, name, now, freshness).await,
            None if !believed(cfg, value) => return Found::Nobody("an address of another domain".into()),
            None => match self.user_of(value, now).await {
                Ok(Some(user)) => self.admitted(cfg, &user, now, freshness).await,
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            },
        };
        match person {
            Ok(Some(person)) => {
                let whom = person.name.clone();
                Found::People(vec![member(person)], whom)
            }
            Ok(None) => Found::Nobody("nobody here".into()),
            Err(_) => Found::Nobody("somebody who cannot be asked about now".into()),
        }
    }
}

/// Tags are typed by hand: case does not matter, unless two names differ by it alone.
fn same<'a>(names: impl Iterator<Item = &'a String> + Clone, value: &str) -> Option<&'a String> {
    let exact = names.clone().find(|name| *name == value);
    exact.or_else(|| {
        let mut fitting = names.filter(|name| name.eq_ignore_ascii_case(value));
        fitting.next().filter(|_| fitting.next().is_none())
    })
}

fn names(members: &[Member]) -> String {
    let mut text = members
        .iter()
        .take(NAMES)
        .map(|member| member.name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    if members.len() > NAMES {
        text.push_str(&format!(" and {} more", members.len() - NAMES));
    }
    text
}

fn short(value: &str) -> String {
    let mut text: String = value
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_TAG)
        .collect();
    if value.chars().count() > LONGEST_TAG {
        text.push('…');
    }
    text
}
