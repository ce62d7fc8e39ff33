//! More of what people and admins do, for the stories about them.

use chrono::TimeDelta;
use latchkey::{
    control::{Caller, ControlRequest, ControlResponse, RevokeWhat},
    demo::{
        redis_cloud::Op,
        slack::{FakePerson, Message, Submitted},
    },
    domain::{Lease, Person, Request, audit::Recorded},
    store::{AuditQuery, typed::list},
    workflow::control,
};
use serde_json::Value;

use crate::harness::World;

/// The line most stories begin with, and what Approve is called on its card.
pub const ASK: &str = "/access redis-cloud prod rw 2h queue stuck";
pub const APPROVE: &str = "Approve 2 h";

/// The request code in a text: `R7K3F`.
pub fn code_in(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| {
            word.len() >= 5
                && word.starts_with('R')
                && word.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
        })
        .unwrap_or_else(|| panic!("no code in {text:?}"))
        .to_owned()
}

impl World {
    /// A line that becomes a request: its code.
    pub async fn asks(&mut self, name: &str, line: &str) -> String {
        let answer = self.say(name, line).await;
        assert!(answer.contains("in your messages"), "{answer}");
        code_in(&answer)
    }

    /// The line is answered with these words, and nothing is asked for or given.
    pub async fn refused(&mut self, name: &str, line: &str, words: &str) -> String {
        let before = self.requests().await.len();
        let answer = self.say(name, line).await;
        assert!(answer.contains(words), "{line}: not {words:?} but {answer:?}");
        assert_eq!(self.requests().await.len(), before, "{line} became a request");
        assert_eq!(self.logins(), [], "{line}");
        answer
    }

    pub async fn fills(&mut self, name: &str, label: &str, value: &str) {
        let person = self.person(name);
        let filled = person.fills(label, value).await;
        filled.unwrap_or_else(|error| panic!("{name} cannot fill in {label}: {error}\n{}", person.screen()));
    }

    pub async fn submits(&mut self, name: &str) -> Submitted {
        let person = self.person(name);
        let done = person.submits().await;
        let done = done.unwrap_or_else(|error| panic!("{name} cannot submit: {error}\n{}", person.screen()));
        self.settle().await;
        done
    }

    pub fn modal(&self, name: &str) -> String {
        let person = self.person(name);
        person
            .modal_text()
            .unwrap_or_else(|| panic!("{name} sees no modal:\n{}", person.screen()))
    }

    /// The newest message with a button of that name, as it is now: to be pressed later, when it is stale.
    pub fn card(&self, name: &str, words: &str) -> Message {
        let person = self.person(name);
        let messages = person.messages().into_iter().rev();
        let mut found = messages.filter(|m| !m.blocks.is_empty() && person.as_text(m).contains(words));
        found
            .next()
            .unwrap_or_else(|| panic!("{name} has no card with {words:?}:\n{}", person.screen()))
    }

    /// Presses a button of a message as it was then.
    pub async fn press_then(&mut self, name: &str, card: &Message, label: &str) {
        let pressed = self.person(name).clicks_stale(card, label).await;
        pressed.unwrap_or_else(|error| panic!("{name} cannot press {label}: {error}"));
        self.settle().await;
    }

    pub async fn home(&mut self, name: &str) -> String {
        let person = self.person(name);
        person.opens_home().await.expect("the home tab opens");
        self.settle().await;
        person.home_text().expect("a home tab")
    }

    /// An order of an admin at the machine.
    pub async fn orders(&mut self, request: ControlRequest) -> Result<Value, String> {
        let caller = Caller {
            uid: 1000,
            user: "operator".into(),
        };
        let file = self.dir.path().join("latchkey.toml");
        let answer = control::answer(&self.app, &file, None, request, &caller).await;
        self.settle().await;
        match answer {
            ControlResponse::Ok(value) => Ok(value),
            ControlResponse::Error(why) => Err(why),
        }
    }

    pub async fn revokes(&mut self, code: &str, reason: &str) -> Result<Value, String> {
        self.orders(ControlRequest::Revoke {
            what: RevokeWhat::Code(code.into()),
            reason: reason.parse().expect("a reason"),
        })
        .await
    }

    /// The configuration file is edited and read anew.
    pub async fn reconfigures(&mut self, old: &str, new: &str) {
        let file = self.dir.path().join("latchkey.toml");
        let text = std::fs::read_to_string(&file).expect("the configuration is read");
        assert!(text.contains(old), "the configuration does not say {old}");
        std::fs::write(&file, text.replace(old, new)).expect("the configuration is written");
        self.orders(ControlRequest::Reload).await.expect("it loads");
    }

    /// Somebody sets the owner tag of a database (`None` removes it), and it is listed anew.
    pub async fn tags(&mut self, database: i64, owner: Option<&str>) {
        self.redis
            .handle
            .others(&Op::SetTag {
                database,
                key: "owner".into(),
                value: owner.map(str::to_owned),
            })
            .expect("the tag is set");
        self.orders(ControlRequest::Discover {
            integration: "redis-cloud".into(),
        })
        .await
        .expect("it is listed");
    }

    pub async fn requests(&self) -> Vec<Request> {
        values(list::<Request>(&*self.app.store, "").await)
    }

    pub async fn request(&self, code: &str) -> Request {
        let mut found = self.requests().await;
        found.retain(|request| request.code.as_str() == code);
        found.pop().unwrap_or_else(|| panic!("no request {code}"))
    }

    pub async fn leases(&self) -> Vec<Lease> {
        values(list::<Lease>(&*self.app.store, "").await)
    }

    pub async fn persons(&self) -> Vec<Person> {
        values(list::<Person>(&*self.app.store, "").await)
    }

    pub async fn audit(&self, query: AuditQuery) -> Vec<Recorded> {
        self.app.store.audit(&query).await.expect("the audit is read")
    }

    /// Logins of ours that are left are in the role that gives nothing.
    pub fn holds_nothing(&self) {
        let alive: Vec<_> = self
            .logins()
            .into_iter()
            .filter(|(_, role)| !role.ends_with("_none"))
            .collect();
        assert_eq!(alive, [], "the target still gives access");
    }

    pub async fn passes(&mut self, hours: i64) {
        self.advance(TimeDelta::hours(hours)).await;
    }

    /// Somebody new, in the group that may ask.
    pub fn joins(&self, person: FakePerson) {
        let id = person.id.clone();
        self.slack.add_person(person);
        self.slack.change_groups(|groups| {
            for group in groups.iter_mut().flatten() {
                group.members.push(id.clone());
            }
        });
    }
}

fn values<R: latchkey::store::typed::Record>(
    found: latchkey::store::Result<Vec<latchkey::store::Versioned<R>>>,
) -> Vec<R> {
    found
        .expect("the store answers")
        .into_iter()
        .map(|record| record.value)
        .collect()
}
