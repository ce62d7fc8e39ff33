//! What people read, word for word.

mod answers;
mod cards;
mod hostile;
mod rest;

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, TimeZone, Utc};

use super::*;
use crate::{
    chat::surface::{Block, Input, Modal, Piece, pieces},
    domain::{
        AccountName, ApprovalThen, Closed, Decision, Elector, Ended, FlowThen, Grounds, Permission,
        ResourceRef, ShortCode, Verb, Verdict, Vote,
    },
};

fn at(hour: u32, minute: u32, second: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 5, 4, hour, minute, second).unwrap()
}

/// A text as somebody in UTC reads it.
fn plain(text: &str) -> String {
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Literal(text) => text.to_owned(),
            Piece::Time(at, surface::TimeStyle::Minute) => at.format("%H:%M").to_string(),
            Piece::Time(at, surface::TimeStyle::Second) => at.format("%H:%M:%S").to_string(),
        })
        .collect()
}

fn drawn(block: &Block) -> String {
    match block {
        Block::Header(text) => format!("# {}", plain(text)),
        Block::Text(text) => plain(text),
        Block::Fields(texts) => plain(&texts.join(" | ")),
        Block::Context(text) => format!("~ {}", plain(text)),
        Block::Copy { label, value } => format!("{label} = {value}"),
        Block::Divider => "---".into(),
        Block::Input(field) => {
            let input = match &field.input {
                Input::Text { initial, .. } => format!("text {}", initial.as_deref().unwrap_or("-")),
                Input::Choice { options, initial } => {
                    format!("one of {}, {}", options.len(), initial.as_deref().unwrap_or("-"))
                }
                Input::Search { initial } => {
                    format!(
                        "search {}",
                        initial.as_ref().map_or("-", |choice| choice.label.as_str())
                    )
                }
            };
            let optional = if field.optional { "" } else { "*" };
            format!(
                "<{}{optional}: {input}> {}",
                field.label,
                plain(field.hint.as_deref().unwrap_or(""))
            )
        }
        Block::Buttons(buttons) => {
            let labels: Vec<String> = buttons
                .iter()
                .map(|button| {
                    format!(
                        "[{}{}]",
                        button.label,
                        if button.confirm.is_some() { "?" } else { "" }
                    )
                })
                .collect();
            labels.join(" ")
        }
    }
}

fn read(message: &Message) -> String {
    let blocks: Vec<String> = message.blocks.iter().map(drawn).collect();
    format!("> {}\n{}", plain(&message.text), blocks.join("\n"))
}

fn open(modal: &Modal) -> String {
    let blocks: Vec<String> = modal.blocks.iter().map(drawn).collect();
    let submit = modal.submit.as_deref().unwrap_or("-");
    format!(
        "{} ({submit}/{})\n{}",
        modal.title,
        modal.close,
        blocks.join("\n")
    )
}

/// One request and what came of it, to be bent by each test.
struct Case {
    request: Request,
    lease: Option<Lease>,
    account: Option<Account>,
    custom: Option<&'static str>,
    supports: Supports,
    tested: Option<DateTime<Utc>>,
    reader: Option<PersonId>,
    told: Vec<String>,
    stuck: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
}

fn person(name: &str, why: &str) -> Elector {
    Elector {
        person: PersonId::from(name),
        name: name.into(),
        why: why.into(),
    }
}

impl Case {
    /// ann asked, at 14:38.
    fn pending() -> Self {
        let why = "tag owner=dba on prod names group dba";
        let request = Request {
            id: "req1".into(),
            code: ShortCode("r7k3f".into()),
            purpose: Purpose::Access,
            requester: "ann".into(),
            requester_name: "ann".into(),
            integration: "redis-cloud".into(),
            resource: ResourceRef {
                kind: "database".into(),
                id: vec!["1".into()],
                title: "prod".into(),
            },
            tags: BTreeMap::from([("owner".into(), "dba".into())]),
            permission: Permission {
                name: "read-write".into(),
                also: vec!["rw".into()],
                about: "Reads and writes keys".into(),
                dangerous: false,
            },
            length: Length::For(7200),
            reason: "queue stuck, INC-2231".into(),
            flow: FlowThen {
                name: "developers".into(),
                digest: "d".into(),
                approval: ApprovalThen::Quorum(1),
                channel: None,
                max_seconds: 8 * 3600,
            },
            asked_in: None,
            asked_at: at(14, 38, 0),
            decide_by: at(22, 38, 0),
            electors: vec![person("bob", why), person("eve", why)],
            votes: Vec::new(),
            decision: None,
            lease: None,
            revision: 1,
            subject_revision: 1,
            forget_at: None,
        };
        Self {
            request,
            lease: None,
            account: None,
            custom: None,
            supports: Supports {
                sessions: true,
                expiry: false,
            },
            tested: Some(at(14, 37, 40)),
            reader: None,
            told: vec!["ann".into()],
            stuck: None,
            now: at(14, 40, 0),
        }
    }

    fn decided(mut self, what: Verb, by: &str, reason: Option<&str>) -> Self {
        self.request.decision = Some(Decision {
            what,
            by: by.into(),
            by_person: None,
            reason: reason.map(str::to_owned),
            at: at(14, 41, 0),
        });
        self
    }

    /// bob approved at 14:41.
    fn granting() -> Self {
        let mut case = Self::pending().decided(Verb::Approved, "bob", None);
        case.request.votes.push(Vote {
            person: "bob".into(),
            name: "bob".into(),
            verdict: Verdict::Approve,
            reason: Some("go".into()),
            at: at(14, 41, 0),
            authority: "group dba".into(),
            digest: "x".into(),
        });
        let digest = case.request.subject_digest();
        case.request.votes[0].digest = digest;
        let grounds = Grounds {
            now: at(14, 41, 0),
            target_id: "t".into(),
            scope: String::new(),
            start_within: Duration::minutes(10),
        };
        case.lease = Lease::of(&case.request, grounds);
        case.account = Some(account());
        case.now = at(14, 41, 10);
        case
    }

    /// Ready at 14:41, for 2 h.
    fn active() -> Self {
        let mut case = Self::granting();
        case.lease().granted_at = Some(at(14, 41, 30));
        case.lease().expires_at = at(16, 41, 30);
        case.custom = Some("VPN first. No KEYS on prod.");
        case.now = at(14, 42, 0);
        case
    }

    fn ended(why: EndReason) -> Self {
        let mut case = Self::active();
        case.lease().ended = Some(Ended {
            at: at(16, 41, 7),
            why,
        });
        case.now = at(16, 41, 8);
        case
    }

    fn closed(why: EndReason) -> Self {
        let mut case = Self::ended(why);
        let proof = Proof::Seen {
            looked_at: at(16, 41, 9),
            login_disabled: true,
            sessions: Some(0),
        };
        case.lease().closed = Some(Closed {
            at: at(16, 41, 9),
            proof,
        });
        case
    }

    fn lease(&mut self) -> &mut Lease {
        self.lease.as_mut().unwrap()
    }

    fn account(&mut self) -> &mut Account {
        self.account.as_mut().unwrap()
    }

    fn facts(&self) -> CardFacts<'_> {
        CardFacts {
            request: &self.request,
            lease: self.lease.as_ref(),
            account: self.account.as_ref(),
            kind_title: "Redis Cloud",
            custom_access_details: self.custom,
            supports: self.supports,
            revoking_tested: self.tested,
            reader: self.reader.as_ref(),
            told: &self.told,
            stuck_since: self.stuck,
            now: self.now,
            zone: chrono_tz::Europe::Berlin,
        }
    }

    fn requester(&self) -> String {
        read(&requester_card(&self.facts()))
    }

    fn approver(&self) -> String {
        read(&approver_card(&self.facts()))
    }

    fn announced(&self) -> String {
        announcement(&self.facts()).map_or("-".into(), |(name, message)| {
            format!("{name}: {}", plain(&message.text))
        })
    }
}

fn account() -> Account {
    let login = AccountName::Ours("jit_7c1e_ann_3f9c21ab".into());
    let (scope, target) = (String::new(), "t".to_owned());
    Account::new(
        "a1".into(),
        "redis-cloud".into(),
        "ann".into(),
        scope,
        login,
        target,
    )
}
