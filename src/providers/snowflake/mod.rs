//! Snowflake, through its SQL API (version 2) with a key pair of ours.
//!
//! Each lease is a role of its own, filled with exactly what the lease gives and given to the user last; dropping it takes exactly
//! that back. Whose a user or a role is stands in its comment. People get key pairs by default; with `auth = "sso"` they keep
//! their own user, and only roles come and go. Statements are looked up in Snowflake's documentation; they ran against our own fake.

mod check;
mod client;
mod config;
mod converge;
mod details;
mod discover;
mod door;
mod give;
mod key;
mod look;
mod mark;
mod place;
mod preview;
mod retire;
mod statements;
mod wire;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;

use self::{
    client::{Client, Until},
    config::{Auth, Config},
    look::{Eye, lease_role, seen},
};
use super::{
    Account, AccountName, Change, Converged, CredentialKind, Discovery, Feature, Guide, Health, Lease, Mark,
    Observed, Person, Presence, Provider, Registration, Result, Setup,
};

pub const REGISTRATION: Registration = Registration {
    kind: "snowflake",
    title: "Snowflake",
    supports: &[Feature::Accounts, Feature::Expiry, Feature::Tags],
    at_once: 4,
    // A statement whose answer was lost is given up by Snowflake after this.
    settles_in: Duration::from_secs(300),
    per_minute: None,
    keys: config::KEYS,
    secret_keys: config::SECRET_KEYS,
    example: config::EXAMPLE,
    kinds: place::kinds,
    guide: GUIDE,
    build: |setup| Ok(Box::new(Snowflake::new(&setup)?)),
};

const GUIDE: Guide = Guide {
    connector: "A user with a key pair and a role of its own: `CREATE ROLE LATCHKEY_ADMIN`, `GRANT CREATE USER, CREATE ROLE, \
MANAGE GRANTS ON ACCOUNT TO ROLE LATCHKEY_ADMIN`, `CREATE USER LATCHKEY TYPE=SERVICE DEFAULT_ROLE=LATCHKEY_ADMIN \
RSA_PUBLIC_KEY='…'`, `GRANT ROLE LATCHKEY_ADMIN TO USER LATCHKEY`. With `auth = \"sso\"` it needs no CREATE USER. The key is \
PKCS#8 (`openssl genrsa 2048 | openssl pkcs8 -topk8 -v2 aes256 -out sf.p8`), as PEM or its bare base64, encrypted or not; where \
it is not, `passphrase` may be any word. `hostname` is the account identifier, `<org>-<account>`, with `.privatelink` behind it \
where you use that. `latchkey check` names each right that is missing.",
    granted: "Each person has one user, `JIT_…`, with a key pair whose private half is shown to them once (or, with \
`auth = \"password\"`, a password to be changed at the first login), and each lease a role of its own, `JITG_…`, that holds exactly \
what the lease gives, and `warehouse` where that is set. New tables are covered at once on a database (future grants) and within 15 \
minutes on a schema. Taking it back revokes the role, aborts the user's queries if the lease could write, and drops the role; without \
a lease the user is disabled and has no key. `DAYS_TO_EXPIRY` stands a day or two after the end as Snowflake's own lock. What was \
made with a lease's role stays: it passes to the role `JITS_…_NONE`, which may nothing itself and which SYSADMIN holds. With \
`auth = \"sso\"`, and for people who have a login of their own (`person.login`), only the role comes and goes.",
    limits: &[
        "Sessions are neither counted nor ended: rights are looked at again at every statement, and running queries are aborted.",
        "On somebody's own user running queries cannot be aborted: they run to their end.",
        "Databases shared with the account are listed, not given: Snowflake gives their privileges as a whole.",
        "Functions and procedures that a lease's role owns are passed on by hand; until then the role stays, held by nobody.",
        "Snowflake has no transaction around GRANT: a change that is cut short is completed by the next run.",
        "Snowflake itself ends users after whole days only.",
    ],
};

/// How long a listing or a check may take in all; the core's own limit is a little longer.
const LOOKING: Duration = Duration::from_secs(60);

pub struct Snowflake {
    config: Arc<Config>,
    mark: Mark,
    client: Client,
}

impl Snowflake {
    fn new(setup: &Setup) -> Result<Self> {
        let config = Arc::new(Config::parse(setup)?);
        Ok(Self {
            client: Client::new(Arc::clone(&config)),
            config,
            mark: setup.mark.clone(),
        })
    }

    fn eye(&self) -> Eye<'_> {
        Eye {
            provider: self,
            until: Until::after(LOOKING),
        }
    }

    /// The role that owns what leases left behind.
    fn heir(&self) -> String {
        self.mark.inert_set().to_uppercase()
    }
}

#[async_trait]
impl Provider for Snowflake {
    async fn check(&self) -> Result<Health> {
        check::check(self).await
    }

    async fn discover(&self) -> Result<Discovery> {
        discover::discover(self).await
    }

    fn account(&self, person: &Person, scope: &str) -> AccountName {
        match (&person.login, self.config.auth) {
            (Some(login), _) => AccountName::Theirs(login.clone()),
            (None, Auth::Sso) => AccountName::Theirs(person.email.clone()),
            // Upper case, so that people can also write it without quotes.
            (None, Auth::KeyPair | Auth::Password) => {
                AccountName::Ours(self.mark.account_name(person, scope).to_uppercase())
            }
        }
    }

    fn credential(&self) -> CredentialKind {
        self.config.credential()
    }

    fn preview(&self, account: &Account, change: &Change) -> Vec<String> {
        preview::preview(self, account, change)
    }

    async fn converge(&self, account: &Account, change: &Change) -> Result<Converged> {
        converge::converge(self, account, change).await
    }

    async fn observe(&self, account: &Account, leases: &[Lease]) -> Result<Observed> {
        let (eye, ours) = (self.eye(), account.name.is_ours());
        let mut memo = account.memo.clone();
        let user = match &account.name {
            AccountName::Ours(login) | AccountName::Shared(login) => seen(eye.user(login).await)?,
            AccountName::Theirs(login) => seen(converge::somebody(eye, login, &mut memo).await)?,
        };
        let presence = match &user {
            None => Presence::Absent,
            Some(user) if ours && user.ours.is_none() => Presence::NotOurs,
            Some(user) if user.disabled => Presence::Disabled,
            Some(_) => Presence::Enabled,
        };
        let held = match &user {
            Some(user) if !leases.is_empty() => seen(eye.held_by(&user.name).await)?,
            Some(_) | None => BTreeSet::new(),
        };
        let is_held = |lease: &Lease| held.contains(&lease_role(&self.mark, &lease.id));
        Ok(Observed {
            presence,
            held: leases
                .iter()
                .map(|lease| (lease.id.clone(), is_held(lease)))
                .collect(),
            sessions: None,
            memo,
        })
    }

    async fn accounts(&self) -> Result<Vec<AccountName>> {
        let eye = self.eye();
        let ours = seen(eye.our_users().await)?;
        let mut all: BTreeSet<AccountName> = ours.into_iter().map(AccountName::Ours).collect();
        let named = |login: String| {
            if self.mark.names_account(&login) {
                AccountName::Ours(login)
            } else {
                AccountName::Theirs(login)
            }
        };
        for role in seen(eye.lease_roles().await)? {
            let Some(ours) = role.ours else { continue };
            // The login as our store has it stands for the user that it was found to be.
            let members = seen(eye.members(&role.name).await)?;
            let others = members
                .into_iter()
                .filter(|member| ours.user.as_ref() != Some(member));
            all.extend(others.map(named));
            all.extend(ours.login.map(named));
        }
        Ok(all.into_iter().collect())
    }
}
