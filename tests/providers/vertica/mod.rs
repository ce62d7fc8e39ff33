//! Vertica under test: a fake of its wire protocol and of what access is made of there, which Vertica's own Python client
//! accepts (suite `peers`); or, where `VERTICA_TEST_DSN` names one, a real server.

pub mod fake;
mod own;
mod rights;
mod snapshot;
mod target;
pub mod world;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use latchkey::{
    providers::{page::Against, tls::SslMode},
    secrets::Secret,
};
use tokio::sync::Mutex;

use self::{
    fake::{ADMIN_PASSWORD, DATABASE, Fake, Options, certificates::Certificates},
    target::thing,
    world::{Baseline, Server, WORKSHOP_OWNER, World},
};
use crate::target::{Case, Kind, Target};

pub async fn start() -> Result<Box<dyn Kind>, String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a server of the user's, for this runner alone"
    )]
    let dsn = std::env::var("VERTICA_TEST_DSN").ok();
    let certificates = tokio::task::spawn_blocking(Certificates::make)
        .await
        .map_err(|error| error.to_string())??;
    let real = match dsn {
        Some(dsn) => Some(of_dsn(&dsn)?),
        None => None,
    };
    let mut kind = Vertica {
        certificates,
        real,
        baseline: Arc::default(),
    };
    if kind.real.is_some() {
        kind.baseline = Arc::new(kind.bare(None).await.baseline().await);
    }
    Ok(Box::new(kind))
}

/// `vertica://ADMIN:PASSWORD@HOST:PORT/DATABASE?ssl_mode=verify-full&tls_ca=/path/of.pem`; without `ssl_mode` it is `disable`.
fn of_dsn(dsn: &str) -> Result<Server, String> {
    let url = url::Url::parse(dsn).map_err(|error| format!("VERTICA_TEST_DSN: {error}"))?;
    let decoded = |text: &str| {
        let pairs = format!("x={}", text.replace('+', "%2B"));
        url::form_urlencoded::parse(pairs.as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let option = |name: &str| {
        url.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let ssl_mode = match option("ssl_mode").as_deref() {
        None | Some("disable") => SslMode::Disable,
        Some("prefer") => SslMode::Prefer,
        Some("require") => SslMode::Require,
        Some("verify-ca") => SslMode::VerifyCa,
        Some("verify-full") => SslMode::VerifyFull,
        Some(other) => return Err(format!("VERTICA_TEST_DSN: no ssl_mode {other}")),
    };
    Ok(Server {
        host: url.host_str().ok_or("VERTICA_TEST_DSN: no host")?.to_owned(),
        port: url.port().unwrap_or(5433),
        database: decoded(url.path().trim_start_matches('/')),
        admin: decoded(url.username()),
        admin_password: Secret::new(decoded(url.password().unwrap_or_default())),
        ssl_mode,
        ca: option("tls_ca").map(Into::into),
    })
}

pub struct Vertica {
    certificates: Certificates,
    real: Option<Server>,
    baseline: Arc<Baseline>,
}

impl Vertica {
    /// A fake of its own for each case, or the real server as it is.
    async fn bare(&self, options: Option<Options>) -> World {
        let (fake, server) = match (&self.real, options) {
            (Some(server), None) => (None, server.clone()),
            (_, options) => {
                let tls = Some(Arc::clone(&self.certificates.server));
                let fake = Fake::start(options.unwrap_or_default(), tls)
                    .await
                    .expect("a port on loopback");
                let server = Server {
                    host: "127.0.0.1".to_owned(),
                    port: fake.port,
                    database: DATABASE.to_owned(),
                    admin: "dbadmin".to_owned(),
                    admin_password: Secret::new(ADMIN_PASSWORD),
                    ssl_mode: SslMode::Disable,
                    ca: None,
                };
                (Some(fake), server)
            }
        };
        World {
            fake,
            server,
            place: self.certificates.place(),
            baseline: Arc::clone(&self.baseline),
            admin: Mutex::default(),
        }
    }

    pub async fn world(&self) -> World {
        let world = self.bare(None).await;
        if world.fake.is_none() {
            world.clear().await;
        }
        world.furnish().await;
        world
    }

    /// A fake that differs, whatever is tested otherwise.
    pub async fn unusual(&self, options: Options) -> World {
        let world = self.bare(Some(options)).await;
        world.furnish().await;
        world
    }
}

#[async_trait]
impl Kind for Vertica {
    async fn fresh(&self) -> Box<dyn Target> {
        Box::new(self.world().await)
    }

    async fn against(&self) -> Against {
        match &self.real {
            Some(_) => {
                let rows = self.bare(None).await.rows("SELECT VERSION()").await;
                let name = rows.into_iter().flatten().next().unwrap_or_default();
                Against::RealServer { name }
            }
            None => Against::Simulator {
                vouched_by: vec![
                    "Vertica's own client `vertica-python` 1.4 for the protocol (suite `peers`)".to_owned(),
                ],
            },
        }
    }

    fn own_cases(&self) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
        own::all(self)
    }

    async fn stop(&self) {}
}

/// Whose the workshop is, which inherits what is made there.
pub const HEIR: &str = WORKSHOP_OWNER;
