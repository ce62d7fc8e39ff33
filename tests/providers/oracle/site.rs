//! Where the cases run: the model, or a server of the user's by the real driver.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use latchkey::{
    providers::{
        Mark, Provider, Setup,
        oracle::{
            Oracle,
            config::Config,
            driver::Driver,
            exec::{Connect, Fault, OracleExec, Row},
        },
    },
    secrets::Secret,
};

use super::{
    model::{Flavour, Model},
    names::quoted,
};

/// How a provider of the suite connects.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub user: &'static str,
    pub password: &'static str,
    pub installation: &'static str,
}

#[derive(Clone)]
pub struct Site {
    connect: Arc<dyn Connect>,
    admin_user: String,
    admin_password: Secret,
    admin: Arc<Mutex<Option<Box<dyn OracleExec>>>>,
    config: toml::Table,
    flavour: Option<Flavour>,
    /// Users that a case made beside the known ones.
    strangers: Arc<Mutex<Vec<String>>>,
}

impl Site {
    pub fn of_model(model: &Model, flavour: Flavour) -> Self {
        let host = if flavour.rds {
            "model.abc.eu-west-1.rds.amazonaws.com"
        } else {
            "model.example.com"
        };
        let config = toml::Table::from_iter([
            ("hostname".to_owned(), host.into()),
            ("service_name".to_owned(), "ORCLPDB1".into()),
        ]);
        Self {
            connect: Arc::new(model.clone()),
            admin_user: "SYSTEM".to_owned(),
            admin_password: Secret::new("Admin-pw-1a"),
            admin: Arc::default(),
            config,
            flavour: Some(flavour),
            strangers: Arc::default(),
        }
    }

    pub fn is_rds(&self) -> bool {
        self.flavour.is_some_and(|flavour| flavour.rds)
    }

    /// In bytes.
    pub fn longest_name(&self) -> usize {
        self.flavour.map_or(128, |flavour| flavour.longest_name())
    }

    pub fn connect(&self) -> Arc<dyn Connect> {
        Arc::clone(&self.connect)
    }

    pub fn build(&self, way: &Way, connect: Arc<dyn Connect>) -> Box<dyn Provider> {
        let secret = BTreeMap::from([
            ("username".to_owned(), Secret::new(way.user)),
            ("password".to_owned(), Secret::new(way.password)),
        ]);
        let setup = Setup {
            mark: Mark::new(way.installation, "billing-ora"),
            config: self.config.clone(),
            secret,
            base_dir: ".".into(),
        };
        Box::new(Oracle::over(&setup, connect).expect("a provider"))
    }

    /// As anybody; the name is exact.
    pub fn open(&self, login: &str, password: &Secret) -> Result<Box<dyn OracleExec>, Fault> {
        tokio::task::block_in_place(|| self.connect.open(&quoted(login), password))
    }

    /// As the administrator, over a connection that is kept.
    pub async fn admin(&self, sql: &str, values: &[&str]) -> Result<Vec<Row>, Fault> {
        tokio::task::block_in_place(|| {
            let mut admin = self.admin.lock().expect("nobody panicked with it");
            if admin.is_none() {
                *admin = Some(self.connect.open(&self.admin_user, &self.admin_password)?);
            }
            let exec = admin.as_mut().expect("just opened");
            exec.run(sql, values)
        })
    }

    pub fn remember(&self, login: &str) {
        self.strangers.lock().expect("a list").push(login.to_owned());
    }

    pub fn strangers(&self) -> Vec<String> {
        self.strangers.lock().expect("a list").clone()
    }
}

/// A server of the user's.
#[derive(Debug)]
pub struct Dsn {
    config: toml::Table,
    user: String,
    password: Secret,
}

impl Dsn {
    /// # Errors
    /// What is wrong with it, without its password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let usage = "ORACLE_TEST_DSN: oracle://USER:PASSWORD@HOST:PORT/SERVICE?tls=disable, or &tls_ca=/path/to/ca.pem";
        let url = url::Url::parse(text).map_err(|error| format!("{usage} ({error})"))?;
        let decoded = |text: &str| {
            let decoded = form_urlencoded::parse(format!("x={}", text.replace('+', "%2B")).as_bytes())
                .map(|(_, value)| value.into_owned())
                .next();
            decoded.unwrap_or_default()
        };
        let (Some(host), Some(password)) = (url.host_str(), url.password()) else {
            return Err(usage.to_owned());
        };
        let mut config = toml::Table::from_iter([
            ("hostname".to_owned(), host.into()),
            (
                "service_name".to_owned(),
                url.path().trim_start_matches('/').into(),
            ),
        ]);
        if let Some(port) = url.port() {
            config.insert("port".to_owned(), i64::from(port).into());
        }
        for (key, value) in url.query_pairs() {
            match key.as_ref() {
                "tls" => config.insert("tls".to_owned(), value.into_owned().into()),
                "tls_ca" => config.insert("tls_ca".to_owned(), format!("file:{value}").into()),
                _ => return Err(usage.to_owned()),
            };
        }
        Ok(Self {
            config,
            user: decoded(url.username()),
            password: Secret::new(decoded(password)),
        })
    }

    pub fn site(&self) -> Result<Site, String> {
        let setup = Setup {
            mark: Mark::new("suite", "billing-ora"),
            config: self.config.clone(),
            secret: BTreeMap::from([
                ("username".to_owned(), Secret::new(self.user.as_str())),
                ("password".to_owned(), self.password.clone()),
            ]),
            base_dir: ".".into(),
        };
        let config = Config::parse(&setup).map_err(|error| error.message)?;
        Ok(Site {
            connect: Arc::new(Driver::new(config)),
            admin_user: self.user.clone(),
            admin_password: self.password.clone(),
            admin: Arc::default(),
            config: self.config.clone(),
            flavour: None,
            strangers: Arc::default(),
        })
    }

    pub async fn version(&self) -> String {
        let sql = "SELECT product, version FROM product_component_version WHERE product LIKE :1";
        let rows = match self.site() {
            Ok(site) => site.admin(sql, &["Oracle%Database%"]).await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let words: Vec<String> = rows.into_iter().take(1).flatten().flatten().collect();
        words.join(" ")
    }
}
