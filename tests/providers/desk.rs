//! The least core that can drive a provider: it keeps what is open and what is to be taken back, an account for each scope,
//! and calls `converge` until nothing is under way. Holds itself to the trait's rules, so that cases need not.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, TimeZone, Utc};
use latchkey::{
    providers::{
        Account, AccountName, Change, Converged, ErrorKind, Fence, Lease, LeaseId, Memo, Observed, Person,
        Provider, ProviderError, Result, Want,
    },
    secrets::Secret,
};

use crate::{
    keys,
    target::{Setting, Target, Thing},
};

/// More turns than any target needs.
const TURNS: u32 = 60;

/// When the suite thinks it is. Not the wall clock, but near it: targets compare expiry with their own.
#[expect(clippy::disallowed_methods, reason = "a test's clock")]
pub fn now() -> DateTime<Utc> {
    let now = Utc::now();
    Utc.timestamp_opt(now.timestamp(), 0).single().unwrap_or(now)
}

pub fn person(n: u32) -> Person {
    Person {
        id: format!("p{n}"),
        email: format!("ann{n}@example.com"),
        login: None,
    }
}

/// By the recipe of `Credential`, and different each time.
pub fn fresh_secret() -> Secret {
    let mut text = String::from("aB3_aB3_");
    let alphabet = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    for n in 0..16 {
        let at = usize::from(rand::random::<u8>()) % alphabet.len();
        // Every second one is a digit: no three alike in a row, and never the login by chance.
        text.push(if n % 2 == 0 {
            char::from(alphabet[at])
        } else {
            char::from(b'2' + (at % 8) as u8)
        });
    }
    Secret::new(text)
}

/// One account of the person, and what it should hold.
pub struct Held {
    pub account: Account,
    pub open: Vec<Lease>,
    pub release: Vec<Lease>,
    pub credential: Secret,
    /// What a turn has to send.
    pub send_credential: bool,
    enabled: bool,
}

pub struct Desk<'t> {
    pub target: &'t dyn Target,
    pub provider: Box<dyn Provider>,
    pub person: Person,
    pub held: BTreeMap<String, Held>,
    pub now: DateTime<Utc>,
    pub fence: Fence,
    next_lease: u32,
}

impl<'t> Desk<'t> {
    pub fn new(target: &'t dyn Target, person: Person) -> Self {
        Self::with(target, person, target.provider(Setting::Usual))
    }

    pub fn with(target: &'t dyn Target, person: Person, provider: Box<dyn Provider>) -> Self {
        let held = BTreeMap::new();
        Self {
            target,
            provider,
            person,
            held,
            now: now(),
            fence: Fence { epoch: 0, count: 1 },
            next_lease: 0,
        }
    }

    /// A lease that nobody has opened yet. Its id has the person in it: ids are unique in an installation.
    pub fn lease(&mut self, thing: &Thing) -> Lease {
        self.next_lease += 1;
        let who: String = self
            .person
            .id
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(8)
            .collect();
        Lease {
            id: LeaseId(format!("{}{:04}", who.to_ascii_lowercase(), self.next_lease)),
            resource: thing.at.clone(),
            permission: thing.permission.clone(),
            starts_at: self.now,
            expires_at: self.now + Duration::hours(1),
            standing: Some(false),
        }
    }

    pub fn held(&mut self, thing: &Thing) -> &mut Held {
        let scope = self.provider.scope(&thing.at, &thing.permission);
        let name = self.provider.account(&self.person, &scope);
        let kind = self.provider.credential();
        self.held.entry(scope).or_insert_with(|| Held {
            account: Account {
                name,
                memo: Memo::new(),
            },
            open: Vec::new(),
            release: Vec::new(),
            credential: keys::fresh(kind),
            send_credential: false,
            enabled: false,
        })
    }

    pub fn login(&mut self, thing: &Thing) -> String {
        self.held(thing).account.name.login().to_owned()
    }

    pub fn credential(&mut self, thing: &Thing) -> Secret {
        self.held(thing).credential.clone()
    }

    /// Opens a lease; on somebody's own login, what stood before is looked at first.
    pub async fn open(&mut self, thing: &Thing) -> Lease {
        let mut lease = self.lease(thing);
        let inherited = self
            .held(thing)
            .open
            .iter()
            .find(|open| open.resource == lease.resource && open.permission == lease.permission)
            .map(|open| open.standing);
        if !self.held(thing).account.name.is_ours() {
            lease.standing = None;
            lease.standing = match inherited {
                Some(standing) => standing,
                None => {
                    let account = self.held(thing).account.clone();
                    let seen = self
                        .provider
                        .observe(&account, std::slice::from_ref(&lease))
                        .await;
                    let seen = seen.unwrap_or_else(|error| panic!("observe before a lease: {error}"));
                    self.held(thing).account.memo = seen.memo;
                    Some(*seen.held.get(&lease.id).expect("what stood before can be seen"))
                }
            };
        }
        self.held(thing).open.push(lease.clone());
        lease
    }

    /// Ends a lease; it stays to be taken back until `forget`.
    pub fn end(&mut self, lease: &Lease) {
        for held in self.held.values_mut() {
            let (ended, open): (Vec<Lease>, Vec<Lease>) =
                held.open.drain(..).partition(|open: &Lease| open.id == lease.id);
            held.open = open;
            held.release.extend(ended);
        }
    }

    pub fn forget_released(&mut self) {
        self.held.values_mut().for_each(|held| held.release.clear());
    }

    /// Forgets that a credential was ever set, as a restart does.
    pub fn restart(&mut self) {
        let kind = self.provider.credential();
        for held in self.held.values_mut() {
            held.credential = keys::fresh(kind);
            held.send_credential = true;
        }
    }

    pub fn change(&mut self, scope: &str, want: Want) -> Change {
        self.fence.count += 1;
        let (now, fence, kind) = (self.now, self.fence, self.provider.credential());
        let held = self.held.get(scope).expect("an account of this scope");
        let send = held.account.name.is_ours() && (held.send_credential || !held.enabled);
        let credential = match &want {
            Want::Open(_) => send.then(|| keys::as_sent(kind, &held.credential)),
            Want::Disabled => Some(keys::as_sent(kind, &keys::fresh(kind))),
            Want::Deleted => None,
        };
        Change {
            want,
            release: held.release.clone(),
            credential,
            now,
            fence,
        }
    }

    /// What the account should look like now.
    pub fn want(&self, scope: &str) -> Want {
        let held = self.held.get(scope).expect("an account of this scope");
        if held.open.is_empty() && held.account.name.is_ours() {
            Want::Disabled
        } else {
            Want::Open(held.open.clone())
        }
    }

    /// One call for one account, the outcome kept as the core would.
    pub async fn turn(&mut self, scope: &str, want: Want) -> Result<Converged> {
        let change = self.change(scope, want);
        let opens = matches!(change.want, Want::Open(_));
        let account = self.held[scope].account.clone();
        let answer = self.provider.converge(&account, &change).await?;
        let held = self.held.get_mut(scope).expect("an account of this scope");
        held.account.memo = answer.memo.clone();
        if answer.credential_set {
            held.send_credential = false;
        }
        if answer.waiting.is_none() {
            held.enabled = opens;
        }
        Ok(answer)
    }

    /// Calls until nothing is under way. The last answer holds all that ran.
    pub async fn until_done(&mut self, scope: &str, want: Want) -> Result<Converged> {
        let mut ran = Vec::new();
        for _ in 0..TURNS {
            let mut answer = self.turn(scope, want.clone()).await?;
            ran.append(&mut answer.ran);
            if answer.waiting.is_none() {
                answer.ran = ran;
                return Ok(answer);
            }
            self.target.pass_time().await;
        }
        Err(ProviderError::new(
            ErrorKind::Transient,
            format!("still waiting after {TURNS} turns"),
        ))
    }

    /// Makes every account as it should be; the answers by scope.
    pub async fn settle(&mut self) -> BTreeMap<String, Result<Converged>> {
        let mut answers = BTreeMap::new();
        for scope in self.held.keys().cloned().collect::<Vec<_>>() {
            let want = self.want(&scope);
            let answer = self.until_done(&scope, want).await;
            answers.insert(scope, answer);
        }
        answers
    }

    /// As `settle`, and nothing may go wrong.
    pub async fn settled(&mut self) -> Vec<Converged> {
        let mut all = Vec::new();
        for (scope, answer) in self.settle().await {
            let answer = answer.unwrap_or_else(|error| panic!("converge of scope {scope:?}: {error}"));
            assert!(answer.failed.is_empty(), "leases failed: {:?}", answer.failed);
            all.push(answer);
        }
        all
    }

    /// As `settled`, for accounts that are to be gone.
    pub async fn deleted(&mut self) -> Vec<Converged> {
        let mut all = Vec::new();
        for scope in self.held.keys().cloned().collect::<Vec<_>>() {
            let answer = self.until_done(&scope, Want::Deleted).await;
            all.push(answer.unwrap_or_else(|error| panic!("delete of scope {scope:?}: {error}")));
        }
        all
    }

    pub async fn observe(&mut self, thing: &Thing, leases: &[Lease]) -> Observed {
        let account = self.held(thing).account.clone();
        let seen = self.provider.observe(&account, leases).await;
        seen.unwrap_or_else(|error| panic!("observe: {error}"))
    }

    /// Whether the person gets at it, by the target's own judgement.
    pub async fn can(&mut self, thing: &Thing) -> bool {
        let (login, credential) = (self.login(thing), self.credential(thing));
        self.target.can(&login, &credential, thing).await
    }

    pub async fn expect(&mut self, thing: &Thing, yes: bool, when: &str) {
        let can = self.can(thing).await;
        assert_eq!(
            can, yes,
            "{when}: access to {} ({}) should be {yes}",
            thing.at.title, thing.permission
        );
    }

    /// Accounts of ours that the provider reports, sorted.
    pub async fn reported(&self) -> Vec<AccountName> {
        let mut names = self
            .provider
            .accounts()
            .await
            .unwrap_or_else(|error| panic!("accounts: {error}"));
        names.sort();
        names
    }
}

/// A desk for somebody's own login, where there is such a thing.
pub async fn desk_of_theirs(target: &dyn Target) -> Option<Desk<'_>> {
    let standing = target.someone().await?;
    let mut desk = Desk::new(target, standing.person);
    let offer = target.offer();
    for thing in [&offer.read, &offer.write, &offer.other] {
        let held = desk.held(thing);
        held.credential = standing.credential.clone();
        assert!(
            matches!(held.account.name, AccountName::Theirs(_)),
            "a person with a login of their own is theirs"
        );
    }
    Some(desk)
}
