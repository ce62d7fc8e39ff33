//! People as the chat shows them, and what the directory makes of them. The chat is small but keeps state: tests change the
//! person, not the answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use chrono::{DateTime, Duration, TimeZone, Utc};

use super::*;
use crate::{
    chat::{Block, Channel, ChatError, ChatErrorKind, Message, Modal, ModalRef, Trigger},
    config::{Config, parse},
    domain::{ChatKind, ChatStanding, MessageRef, PersonState, Place, audit::Actor},
    providers,
    store::{
        AuditQuery,
        mem::{Fate, MemStore},
        records::due_of,
        typed::load,
    },
};

const CONFIG: &str = r#"
installation = "test"
admins = ["ann"]
time_zone = "Europe/Berlin"
[slack]
team = "T0TEAM"
bot_token = "env:B"
app_token = "env:A"
email_domains = ["example.com"]
[people]
ann = { email = "ann@example.com" }
bob = { email = "bob@example.com", time_zone = "Asia/Kolkata" }
eve = { slack = "U0EVE" }
[groups]
dba = { members = ["bob", "eve"] }
engineering = { slack_group = "S0ENG" }
[[integration]]
name = "redis-cloud"
kind = "redis-cloud"
secret = { api_key = "env:K", secret_key = "env:S" }
integration_owner = { people = ["ann"] }
resource_owner = { key = "owner", attribute = "group" }
"#;

/// Everybody of a workspace, by id.
#[derive(Default)]
struct FakeChat {
    people: Mutex<BTreeMap<String, ChatProfile>>,
    groups: Mutex<BTreeMap<String, Vec<String>>>,
    down: Mutex<bool>,
    asked: AtomicU32,
}

impl FakeChat {
    fn joins(&self, id: &str, email: Option<&str>) -> ChatUser {
        let user = ChatUser {
            chat: ChatKind::Slack,
            workspace: "T0TEAM".into(),
            user: id.into(),
        };
        let profile = ChatProfile {
            user: user.clone(),
            name: format!("{id} of Slack"),
            email: email.map(str::to_owned),
            time_zone: Some("America/New_York".into()),
            standing: ChatStanding::Member,
        };
        self.people
            .lock()
            .expect("no test panics inside")
            .insert(id.into(), profile);
        user
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut ChatProfile)) {
        change(
            self.people
                .lock()
                .expect("no test panics inside")
                .get_mut(id)
                .expect("joined"),
        );
    }

    fn group_is(&self, id: &str, members: &[&str]) {
        let members = members.iter().map(|id| (*id).to_owned()).collect();
        self.groups
            .lock()
            .expect("no test panics inside")
            .insert(id.into(), members);
    }

    fn breaks(&self, down: bool) {
        *self.down.lock().expect("no test panics inside") = down;
    }

    fn answer<T>(&self, answer: Option<T>) -> Result<T, ChatError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if *self.down.lock().expect("no test panics inside") {
            let kind = ChatErrorKind::Transient { retry_after: None };
            return Err(ChatError {
                kind,
                message: "ratelimited".into(),
            });
        }
        answer.ok_or_else(|| ChatError {
            kind: ChatErrorKind::Gone,
            message: "not_found".into(),
        })
    }
}

fn unused<T>() -> Result<T, ChatError> {
    Err(ChatError {
        kind: ChatErrorKind::Invalid,
        message: "the directory only asks".into(),
    })
}

#[async_trait::async_trait]
impl Chat for FakeChat {
    fn kind(&self) -> ChatKind {
        ChatKind::Slack
    }
    async fn check(&self) -> Result<(String, String), ChatError> {
        unused()
    }
    async fn post(&self, _to: &Place, _message: &Message) -> Result<MessageRef, ChatError> {
        unused()
    }
    async fn update(&self, _at: &MessageRef, _message: &Message) -> Result<(), ChatError> {
        unused()
    }
    async fn open_modal(&self, _trigger: &Trigger, _modal: &Modal) -> Result<ModalRef, ChatError> {
        unused()
    }
    async fn update_modal(&self, _at: &ModalRef, _modal: &Modal) -> Result<(), ChatError> {
        unused()
    }
    async fn publish_home(&self, _user: &str, _blocks: &[Block]) -> Result<(), ChatError> {
        unused()
    }
    async fn profile(&self, user: &str) -> Result<ChatProfile, ChatError> {
        let found = self
            .people
            .lock()
            .expect("no test panics inside")
            .get(user)
            .cloned();
        self.answer(found)
    }
    async fn find_person(&self, email: &str) -> Result<Option<ChatProfile>, ChatError> {
        let people = self.people.lock().expect("no test panics inside").clone();
        self.answer(Some(
            people
                .into_values()
                .find(|profile| profile.email.as_deref() == Some(email)),
        ))
    }
    async fn group(&self, id: &str) -> Result<Vec<String>, ChatError> {
        let found = self
            .groups
            .lock()
            .expect("no test panics inside")
            .get(id)
            .cloned();
        self.answer(found)
    }
    async fn channel(&self, _id_or_name: &str) -> Result<Channel, ChatError> {
        unused()
    }
}

struct World {
    chat: Arc<FakeChat>,
    store: Arc<MemStore>,
    directory: Directory,
    config: Config,
}

impl World {
    fn new() -> Self {
        let chat = Arc::new(FakeChat::default());
        let store = Arc::new(MemStore::new(due_of));
        let directory = Directory::new(store.clone(), vec![chat.clone()]);
        Self {
            chat,
            store,
            directory,
            config: config(CONFIG),
        }
    }

    /// Another process on the same store.
    fn restarts(&mut self) {
        self.directory = Directory::new(self.store.clone(), vec![self.chat.clone()]);
    }

    async fn admit(&self, user: &ChatUser, minute: i64) -> Result<Person, String> {
        let admitted = self
            .directory
            .admit(&self.config, user, at(minute), Freshness::AtMost5Min)
            .await;
        admitted.map_err(|refused| refused.to_string())
    }

    async fn verbs(&self) -> Vec<String> {
        let all = self.store.audit(&AuditQuery::default()).await.expect("a store");
        all.into_iter().map(|line| line.entry.verb).collect()
    }

    async fn owner(&self, tags: &[(&str, &str)], minute: i64) -> Owner {
        let tags = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let integration = &self.config.integrations[0];
        self.directory
            .owner(
                &self.config,
                integration,
                &tags,
                "prod",
                at(minute),
                Freshness::AtMost5Min,
            )
            .await
    }
}

fn config(text: &str) -> Config {
    parse("test.toml", text, Path::new("/"), providers::ALL).expect("a right configuration")
}

fn at(minute: i64) -> DateTime<Utc> {
    Utc.timestamp_opt(1_700_000_000, 0).unwrap() + Duration::minutes(minute)
}

fn names(members: &[Member]) -> Vec<&str> {
    members.iter().map(|member| member.name.as_str()).collect()
}

#[tokio::test]
async fn a_person_is_bound_at_first_sight_and_known_ever_after() {
    let mut world = World::new();
    let user = world.chat.joins("U1", Some("Bob@example.com"));
    let bob = world.admit(&user, 0).await.expect("a member");
    assert_eq!(
        (bob.name.as_str(), bob.directory.as_deref()),
        ("bob", Some("bob"))
    );
    assert_eq!(bob.time_zone.as_deref(), Some("Asia/Kolkata"));
    assert!(bob.id.0.starts_with('p') && bob.id.0.len() == 13, "{}", bob.id);
    world.restarts();
    assert_eq!(world.admit(&user, 9).await, Ok(bob));
    assert_eq!(world.verbs().await, ["named", "bound"]);

    let stranger_to_us = world.chat.joins("U2", None);
    let person = world
        .admit(&stranger_to_us, 9)
        .await
        .expect("a member without a name");
    assert_eq!((person.name.as_str(), person.directory), ("U2 of Slack", None));
    assert_eq!(person.time_zone.as_deref(), Some("America/New_York"));
}

#[tokio::test]
async fn who_may_not_act_is_refused() {
    let mut world = World::new();
    let user = world.chat.joins("U1", Some("bob@example.com"));
    for (standing, told) in [
        (ChatStanding::Guest, "Guests cannot do this."),
        (ChatStanding::Bot, "Bots cannot do this."),
        (ChatStanding::Deactivated, "Your account is deactivated."),
        (
            ChatStanding::Stranger,
            "Only members of our own workspace can do this.",
        ),
    ] {
        world.chat.change("U1", |profile| profile.standing = standing);
        world.directory.forget();
        assert_eq!(world.admit(&user, 0).await, Err(told.into()));
    }
    assert!(world.verbs().await.is_empty(), "nobody was bound");

    world
        .chat
        .change("U1", |profile| profile.standing = ChatStanding::Guest);
    world.directory.forget();
    world.config.slack.as_mut().expect("configured").allow_guests = true;
    assert!(world.admit(&user, 0).await.is_ok());
}

#[tokio::test]
async fn the_workspace_is_the_profiles_not_the_payloads() {
    let world = World::new();
    let user = world.chat.joins("U1", Some("bob@example.com"));
    let elsewhere = ChatUser {
        workspace: "T0OTHER".into(),
        ..user.clone()
    };
    assert!(world.admit(&elsewhere, 0).await.is_err());
    assert_eq!(
        world.chat.asked.load(Ordering::Relaxed),
        0,
        "nobody is asked about another workspace"
    );
    let unsaid = ChatUser {
        workspace: String::new(),
        ..user.clone()
    };
    assert_eq!(world.admit(&unsaid, 0).await.expect("a member").chat_user, user);
    world
        .chat
        .change("U1", |profile| profile.user.workspace = "T0OTHER".into());
    world.directory.forget();
    assert!(world.admit(&unsaid, 0).await.is_err());
    assert!(
        world
            .admit(
                &ChatUser {
                    user: "U404".into(),
                    ..user
                },
                0
            )
            .await
            .is_err()
    );
}

#[tokio::test]
async fn facts_are_at_most_five_minutes_old_and_fresh_for_a_vote() {
    let world = World::new();
    let user = world.chat.joins("U1", Some("bob@example.com"));
    world.admit(&user, 0).await.expect("a member");
    world
        .chat
        .change("U1", |profile| profile.standing = ChatStanding::Deactivated);
    assert!(world.admit(&user, 5).await.is_ok(), "asked five minutes ago");
    let voted = world
        .directory
        .admit(&world.config, &user, at(5), Freshness::Now)
        .await;
    assert!(
        matches!(voted, Err(NotAdmitted::Refused(Refusal::Deactivated))),
        "{voted:?}"
    );
    assert!(
        world.admit(&user, 5).await.is_err(),
        "what a vote learned counts for all"
    );
}

#[tokio::test]
async fn could_not_ask_is_no_and_ends_nothing() {
    let world = World::new();
    let user = world.chat.joins("U1", Some("bob@example.com"));
    let bob = world.admit(&user, 0).await.expect("a member");
    world.chat.breaks(true);
    let told = world.admit(&user, 6).await.expect_err("unknown is no");
    assert!(told.contains("try again"), "{told}");
    world
        .directory
        .refresh_people(&world.config, at(6), 10)
        .await
        .expect("a store");
    let stored = load::<Person>(&*world.store, bob.id.as_str())
        .await
        .expect("a store")
        .expect("bound");
    assert_eq!(stored.state, PersonState::Active);
    assert!(
        world
            .directory
            .gone_since_last()
            .await
            .expect("a store")
            .is_empty()
    );
    world.chat.breaks(false);
    assert_eq!(world.admit(&user, 6).await, Ok(bob));
}

#[tokio::test]
async fn a_changed_address_suspends_until_an_admin_confirms() {
    let world = World::new();
    let user = world.chat.joins("U1", Some("bob@example.com"));
    let bob = world.admit(&user, 0).await.expect("a member");
    world.chat.change("U1", |profile| profile.email = None);
    assert!(
        world.admit(&user, 10).await.is_ok(),
        "a hidden address is not another one"
    );
    world
        .chat
        .change("U1", |profile| profile.email = Some("ann@example.com".into()));
    for minute in [20, 21, 30] {
        let told = world.admit(&user, minute).await.expect_err("doubt");
        assert!(told.contains("not sure that it is you"), "{told}");
    }
    assert_eq!(world.directory.take_notices().len(), 1, "admins hear it once");
    let named = world
        .directory
        .named(&world.config, "bob", at(31), Freshness::AtMost5Min)
        .await
        .expect("asked");
    assert_eq!(named, None, "bob cannot be asked meanwhile");

    let by = Actor::System { user: "root".into() };
    assert!(
        world
            .directory
            .confirm(&bob.id, by.clone(), at(32))
            .await
            .expect("asked")
    );
    assert!(
        !world.directory.confirm(&bob.id, by, at(32)).await.expect("asked"),
        "it was confirmed already"
    );
    let again = world.admit(&user, 33).await.expect("confirmed");
    assert_eq!(
        (again.directory.as_deref(), again.email_then.as_deref()),
        (Some("bob"), Some("ann@example.com"))
    );
    assert_eq!(world.verbs().await, ["named", "bound", "suspended", "confirmed"]);
}

#[tokio::test]
async fn the_same_address_on_a_new_chat_user_is_a_new_person_without_the_name() {
    let mut world = World::new();
    let old = world.chat.joins("U1", Some("bob@example.com"));
    let bob = world.admit(&old, 0).await.expect("a member");
    world
        .chat
        .change("U1", |profile| profile.standing = ChatStanding::Deactivated);
    let new = world.chat.joins("U2", Some("bob@example.com"));
    let other = world.admit(&new, 10).await.expect("a member");
    assert_eq!(other.directory, None);
    assert_ne!(other.id, bob.id);
    assert!(
        world
            .directory
            .groups_of(&world.config, &other, at(10), Freshness::Now)
            .await
            .is_empty()
    );
    let notices = world.directory.take_notices();
    assert!(
        notices.len() == 1 && notices[0].contains("slack = \"U2\""),
        "{notices:?}"
    );

    // An admin writes it down: the name moves.
    world.config = config(&CONFIG.replace("bob@example.com\"", "bob@example.com\", slack = \"U2\""));
    let other = world.admit(&new, 20).await.expect("a member");
    assert_eq!(other.directory.as_deref(), Some("bob"));
    world
        .chat
        .change("U1", |profile| profile.standing = ChatStanding::Member);
    assert_eq!(world.admit(&old, 30).await.expect("back again").directory, None);
}

#[tokio::test]
async fn addresses_of_other_domains_bind_nobody() {
    let mut world = World::new();
    world.config.slack.as_mut().expect("configured").email_domains = vec!["example.org".into()];
    let user = world.chat.joins("U1", Some("bob@example.com"));
    assert_eq!(world.admit(&user, 0).await.expect("a member").directory, None);
    let eve = world.chat.joins("U0EVE", None);
    assert_eq!(
        world.admit(&eve, 0).await.expect("a member").directory.as_deref(),
        Some("eve")
    );
}

#[tokio::test]
async fn one_address_seen_twice_at_once_is_one_name() {
    let world = World::new();
    let one = world.chat.joins("U1", Some("bob@example.com"));
    let two = world.chat.joins("U2", Some("bob@example.com"));
    let (one, again, two) = tokio::join!(world.admit(&one, 0), world.admit(&one, 0), world.admit(&two, 0));
    let (one, again, two) = (
        one.expect("a member"),
        again.expect("a member"),
        two.expect("a member"),
    );
    assert_eq!(one.id, again.id);
    let holders = [&one, &two]
        .iter()
        .filter(|person| person.directory.is_some())
        .count();
    assert_eq!(holders, 1, "{one:?} {two:?}");
}

#[tokio::test]
async fn a_lost_answer_of_the_store_binds_once() {
    let world = World::new();
    let mut lost = 0;
    world.store.fate(move |_| {
        lost += 1;
        if lost == 1 {
            Fate::AnswerLost
        } else {
            Fate::Answered
        }
    });
    let user = world.chat.joins("U1", Some("bob@example.com"));
    assert_eq!(world.admit(&user, 0).await.expect("a member").name, "bob");
    assert_eq!(world.verbs().await, ["named", "bound"]);
}

#[tokio::test]
async fn groups_are_read_live_and_unreadable_is_nobody() {
    let world = World::new();
    let bob = world.chat.joins("U1", Some("bob@example.com"));
    world.chat.joins("U0EVE", None);
    world.chat.joins("U3", None);
    world
        .chat
        .change("U3", |profile| profile.standing = ChatStanding::Guest);
    world.chat.group_is("S0ENG", &["U1", "U3", "U404"]);
    let members = |group: &'static str, minute| {
        world
            .directory
            .members(&world.config, group, at(minute), Freshness::AtMost5Min)
    };
    assert_eq!(names(&members("dba", 0).await.expect("readable")), ["bob", "eve"]);
    assert_eq!(
        names(&members("engineering", 0).await.expect("readable")),
        ["bob"],
        "no guests, no strangers"
    );

    let bob = world.admit(&bob, 0).await.expect("a member");
    let groups = |minute| {
        world
            .directory
            .groups_of(&world.config, &bob, at(minute), Freshness::AtMost5Min)
    };
    let both = BTreeSet::from(["dba".to_owned(), "engineering".to_owned()]);
    assert_eq!(groups(1).await, both);
    world.chat.group_is("S0ENG", &["U0EVE"]);
    assert_eq!(groups(4).await, both, "asked four minutes ago");
    assert_eq!(groups(6).await, BTreeSet::from(["dba".to_owned()]));
    world.chat.group_is("S0ENG", &["U1"]);
    world.chat.breaks(true);
    assert_eq!(
        groups(20).await,
        BTreeSet::from(["dba".to_owned()]),
        "unreadable is nobody"
    );
    assert!(members("engineering", 20).await.is_err());
    assert!(members("nobody-knows", 20).await.is_err());
}

#[tokio::test]
async fn the_tag_names_the_owner_and_else_the_integrations_owner_answers() {
    let world = World::new();
    world.chat.joins("U1", Some("bob@example.com"));
    world.chat.joins("U2", Some("ann@example.com"));
    world.chat.joins("U0EVE", None);
    let told = |owner: Owner| (names(&owner.people).join(" "), owner.why, owner.fallback);
    assert_eq!(
        told(world.owner(&[("owner", " DBA ")], 0).await),
        (
            "bob eve".into(),
            "tag owner=DBA on prod names group dba".into(),
            false
        )
    );
    assert_eq!(
        told(world.owner(&[("team", "dba")], 0).await),
        (
            "ann".into(),
            "prod has no owner tag; ann answers for redis-cloud".into(),
            true
        )
    );
    assert_eq!(
        told(world.owner(&[("owner", "sre")], 0).await),
        (
            "ann".into(),
            "tag owner=sre on prod names a group we do not know; ann answers for redis-cloud".into(),
            true
        )
    );
    world.chat.group_is("S0ENG", &[]);
    assert_eq!(
        told(world.owner(&[("owner", "engineering")], 0).await).1,
        "tag owner=engineering on prod names group engineering, which is empty; ann answers for redis-cloud"
    );
    world
        .chat
        .change("U2", |profile| profile.standing = ChatStanding::Deactivated);
    assert_eq!(
        told(world.owner(&[], 10).await),
        (
            String::new(),
            "prod has no owner tag; nobody answers for redis-cloud".into(),
            true
        )
    );
}

#[tokio::test]
async fn a_tag_may_name_a_person_or_an_address() {
    let mut world = World::new();
    world.chat.joins("U1", Some("bob@example.com"));
    world.chat.joins("U2", Some("ann@example.com"));
    world.chat.joins("U9", Some("zoe@example.com"));
    let with = |attribute: &str| {
        config(&CONFIG.replace("attribute = \"group\"", &format!("attribute = {attribute:?}")))
    };
    world.config = with("person");
    assert_eq!(
        world.owner(&[("owner", "bob")], 0).await.why,
        "tag owner=bob on prod names bob"
    );
    assert!(
        world
            .owner(&[("owner", "eve")], 0)
            .await
            .why
            .starts_with("tag owner=eve on prod names eve, who is not here; ann")
    );
    world.config = with("email");
    assert_eq!(
        world.owner(&[("owner", "bob@example.com")], 0).await.people[0].name,
        "bob"
    );
    assert_eq!(
        world.owner(&[("owner", "zoe@example.com")], 0).await.people[0].name,
        "U9 of Slack"
    );
    assert!(world.owner(&[("owner", "zoe@example.org")], 0).await.fallback);
}

#[tokio::test]
async fn who_left_is_reported_once_and_again_after_a_restart() {
    let mut world = World::new();
    let user = world.chat.joins("U1", Some("bob@example.com"));
    world.chat.joins("U2", Some("ann@example.com"));
    let bob = world.admit(&user, 0).await.expect("a member");
    world
        .chat
        .change("U1", |profile| profile.standing = ChatStanding::Deactivated);
    world
        .directory
        .refresh_people(&world.config, at(1), 10)
        .await
        .expect("a store");
    let gone = vec![bob.id.clone()];
    assert_eq!(world.directory.gone_since_last().await.expect("a store"), gone);
    assert!(
        world
            .directory
            .gone_since_last()
            .await
            .expect("a store")
            .is_empty()
    );
    world.directory.still_gone(bob.id.clone());
    assert_eq!(world.directory.gone_since_last().await.expect("a store"), gone);
    world.restarts();
    assert_eq!(
        world.directory.gone_since_last().await.expect("a store"),
        gone,
        "the old process may have died before"
    );

    world
        .chat
        .change("U1", |profile| profile.standing = ChatStanding::Member);
    assert_eq!(
        world.admit(&user, 20).await.expect("back").state,
        PersonState::Active
    );
    assert_eq!(world.verbs().await, ["named", "bound", "gone", "returned"]);
}

#[tokio::test]
async fn a_sweep_asks_about_the_longest_unasked_first() {
    let world = World::new();
    for id in ["U1", "U2", "U3", "U4"] {
        let user = world.chat.joins(id, None);
        world.admit(&user, 0).await.expect("a member");
    }
    let before = world.chat.asked.load(Ordering::Relaxed);
    world
        .directory
        .refresh_people(&world.config, at(1), 2)
        .await
        .expect("a store");
    world
        .directory
        .refresh_people(&world.config, at(2), 2)
        .await
        .expect("a store");
    assert_eq!(world.chat.asked.load(Ordering::Relaxed) - before, 4);
    let ages: BTreeSet<_> = world
        .directory
        .lock()
        .profiles
        .values()
        .map(|asked| asked.at)
        .collect();
    assert_eq!(ages, BTreeSet::from([at(1), at(2)]), "each was asked about once");
}
