//! Snowflake under test: a fake account of our own, or a real one.
//!
//! `SNOWFLAKE_TEST_DSN` names a real account that nobody needs: `user=ADMIN account=ORG-ACCOUNT key=/path/to/admin.p8`, words apart,
//! optionally `url=https://…`. The user holds ACCOUNTADMIN; the key is unencrypted PKCS#8 in PEM. Everything that begins with
//! `LATCHKEY_T` or `JIT` is removed from it. What only a fake can do (slow statements, "too many requests") is left out there.

mod access;
mod client;
mod fake;
mod names;
mod own;
mod own_access;
mod proxy;
mod target;
mod world;

use std::{collections::BTreeMap, path::PathBuf, sync::atomic::AtomicUsize};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use latchkey::{
    credential,
    providers::{
        Credential, CredentialKind, Mark, Provider, ResourceRef, Setup, page::Against,
        snowflake::REGISTRATION,
    },
    secrets::Secret,
};

use self::{
    client::{Client, Door, literal, public_half, quoted},
    fake::{
        Fake,
        state::{State, User},
    },
    world::{ROLE, WAREHOUSE},
};
use crate::{
    keys,
    target::{Case, Kind, Target, Thing},
};

const SOMEONE: &str = "Ann O'Neil";
const SOMEONE_LOGIN: &str = "ANN.ONEIL@EXAMPLE.COM";

/// A real account, as the variable names it.
#[derive(Clone)]
struct Real {
    door: Door,
    user: String,
    key: Secret,
}

fn real() -> Result<Option<Real>, String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a real account is opted into by the user"
    )]
    let Ok(dsn) = std::env::var("SNOWFLAKE_TEST_DSN") else {
        return Ok(None);
    };
    let words: BTreeMap<&str, &str> = dsn
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .collect();
    let word = |key: &str| {
        words
            .get(key)
            .copied()
            .ok_or(format!("SNOWFLAKE_TEST_DSN: no {key}="))
    };
    let account = word("account")?.to_uppercase();
    let host = format!(
        "https://{}.snowflakecomputing.com",
        account.to_lowercase().replace('_', "-")
    );
    let url = words.get("url").map_or(host, |url| (*url).to_owned());
    let key =
        std::fs::read_to_string(word("key")?).map_err(|error| format!("SNOWFLAKE_TEST_DSN: key: {error}"))?;
    Ok(Some(Real {
        door: Door { url, account },
        user: word("user")?.to_owned(),
        key: Secret::new(key),
    }))
}

pub async fn start() -> Result<Box<dyn Kind>, String> {
    let (real, fresh) = (real()?, || keys::fresh(CredentialKind::KeyPair));
    Ok(Box::new(Snowflake {
        admin_key: real.as_ref().map_or_else(fresh, |real| real.key.clone()),
        real,
        own_key: key(),
        wrong_key: key(),
    }))
}

/// Never among the keys that people get.
fn key() -> Secret {
    match credential::key_pair().expect("a key pair") {
        Credential::KeyPair { private, .. } => private,
        Credential::Password(_) => unreachable!("asked for a key pair"),
    }
}

pub struct Snowflake {
    real: Option<Real>,
    admin_key: Secret,
    own_key: Secret,
    wrong_key: Secret,
}

#[async_trait]
impl Kind for Snowflake {
    async fn fresh(&self) -> Box<dyn Target> {
        Box::new(self.world().await)
    }

    async fn against(&self) -> Against {
        match &self.real {
            Some(real) => Against::RealServer {
                name: format!("Snowflake account {}", real.door.account),
            },
            None => Against::Simulator {
                vouched_by: vec![
                    "`snowflake-sql-api` 0.1, a third party's client of the SQL API, for the protocol (suite `peers`)"
                        .to_owned(),
                ],
            },
        }
    }

    fn own_cases(&self) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
        own::all(self)
    }

    async fn stop(&self) {}
}

impl Snowflake {
    pub async fn world(&self) -> World {
        let (fake, door, user) = match &self.real {
            Some(real) => (None, real.door.clone(), real.user.clone()),
            None => {
                let mut state = State::new();
                state.users.insert(
                    "ADMIN".to_owned(),
                    User {
                        login_name: "ADMIN".to_owned(),
                        keys: [Some(public_half(&self.admin_key)), None],
                        default_role: "ACCOUNTADMIN".to_owned(),
                        ..User::default()
                    },
                );
                state
                    .to_users
                    .insert(("ACCOUNTADMIN".to_owned(), "ADMIN".to_owned()));
                let fake = fake::start(state).await;
                let (url, account) = (fake.url.clone(), fake::ACCOUNT.to_owned());
                (Some(fake), Door { url, account }, "ADMIN".to_owned())
            }
        };
        let mut admin = Client::new(&door, &user, &self.admin_key).expect("the administrator's key");
        admin.role = Some("ACCOUNTADMIN".to_owned());
        if fake.is_none() {
            world::clear(&admin).await;
        }
        world::make(&admin, &self.own_key).await;
        World {
            fake,
            door,
            admin,
            own_key: self.own_key.clone(),
            wrong_key: self.wrong_key.clone(),
            logged: AtomicUsize::new(0),
        }
    }
}

/// One case's account.
pub struct World {
    pub fake: Option<Fake>,
    pub door: Door,
    pub admin: Client,
    pub own_key: Secret,
    wrong_key: Secret,
    logged: AtomicUsize,
}

/// How a provider of the suite is set up.
#[derive(Clone)]
pub struct Way {
    pub url: String,
    pub key: Secret,
    pub role: &'static str,
    pub auth: &'static str,
    pub installation: &'static str,
}

impl World {
    pub fn way(&self) -> Way {
        Way {
            url: self.door.url.clone(),
            key: self.own_key.clone(),
            role: ROLE,
            auth: "key-pair",
            installation: "suite",
        }
    }

    pub fn build(&self, way: &Way) -> Box<dyn Provider> {
        let mut config = toml::Table::new();
        for (key, value) in [
            ("hostname", self.door.account.to_lowercase()),
            ("base_url", way.url.clone()),
            ("role", way.role.to_owned()),
            ("auth", way.auth.to_owned()),
            ("warehouse", WAREHOUSE.to_owned()),
        ] {
            config.insert(key.to_owned(), value.into());
        }
        // A statement of the fake's is over at once, or takes as long as it is told.
        if self.fake.is_some() {
            config.insert("patience_seconds".to_owned(), 4.0.into());
        }
        let secret = BTreeMap::from([
            ("username".to_owned(), Secret::new(world::CONNECTOR)),
            ("private_key".to_owned(), way.key.clone()),
            ("passphrase".to_owned(), Secret::new("unused")),
        ]);
        let setup = Setup {
            mark: Mark::new(way.installation, "warehouse"),
            config,
            secret,
            base_dir: PathBuf::from("."),
        };
        (REGISTRATION.build)(setup).expect("a provider")
    }

    /// As somebody, with their key; nothing is sent yet.
    pub async fn person(&self, login: &str, credential: &Secret) -> Option<Client> {
        let rows = self
            .admin
            .rows(&format!("SHOW USERS LIKE {}", literal(login)))
            .await
            .ok()?;
        let row = rows.iter().find(|row| row["name"] == login)?;
        let mut client = Client::new(&self.door, &row["login_name"], credential)?;
        client.warehouse = Some(WAREHOUSE.to_owned());
        Some(client)
    }
}

pub fn thing(kind: &str, id: &[&str], permission: &str) -> Thing {
    let title = match kind {
        "role" | "warehouse" => format!("{kind}/{}", id[2]),
        "account" => "account".to_owned(),
        _ => id.join("/"),
    };
    Thing {
        at: ResourceRef {
            kind: kind.to_owned(),
            id: id.iter().map(|part| (*part).to_owned()).collect(),
            title,
        },
        permission: permission.to_owned(),
    }
}

impl World {
    /// Somebody's own user, who has a key of their own.
    pub async fn own_someone(&self) -> Secret {
        let credential = keys::fresh(CredentialKind::KeyPair);
        let name = quoted(SOMEONE);
        let known = self
            .admin
            .run("SHOW USERS")
            .await
            .iter()
            .any(|row| row["name"] == SOMEONE);
        let key = literal(&public_half(&credential));
        let sql = if known {
            format!("ALTER USER {name} SET RSA_PUBLIC_KEY={key}")
        } else {
            format!(
                "CREATE USER {name} TYPE=PERSON LOGIN_NAME='{SOMEONE_LOGIN}' EMAIL='ann.oneil@example.com' \
                 DEFAULT_SECONDARY_ROLES=('ALL') RSA_PUBLIC_KEY={key}"
            )
        };
        self.admin.run(&sql).await;
        credential
    }
}
