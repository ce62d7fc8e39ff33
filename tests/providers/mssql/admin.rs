//! The suite's own way to a server: a driver's connection, not the provider's.

use latchkey::secrets::Secret;
use tiberius::{AuthMethod, Client, ColumnType, EncryptionLevel, Row, error::Error};
use tokio::{net::TcpStream, sync::Mutex};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

pub type Link = Client<Compat<TcpStream>>;

/// Where a server is, and who rules it.
#[derive(Debug, Clone)]
pub struct Place {
    pub host: String,
    pub port: u16,
    pub admin: String,
    pub password: Secret,
    /// The `tls` key of a provider there; the suite's own connections trust whoever answers.
    pub tls: String,
    /// A folder with `ca.crt`, where `tls` is "verify".
    pub certificates: Option<std::path::PathBuf>,
}

impl Place {
    /// `mssql://admin:password@host[:port][/?tls=insecure|verify|off]`
    pub fn parse(dsn: &str) -> Result<Self, String> {
        let url = url::Url::parse(dsn).map_err(|error| error.to_string())?;
        let decoded = |text: &str| {
            url::form_urlencoded::parse(format!("x={}", text.replace('+', "%2B")).as_bytes())
                .next()
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        let tls = url
            .query_pairs()
            .find(|(key, _)| key == "tls")
            .map_or_else(|| "insecure".to_owned(), |(_, value)| value.into_owned());
        Ok(Self {
            host: url.host_str().ok_or("no host")?.to_owned(),
            port: url.port().unwrap_or(1433),
            admin: decoded(url.username()),
            password: Secret::new(decoded(url.password().unwrap_or_default())),
            tls,
            certificates: None,
        })
    }

    pub async fn connect(&self, database: &str, login: &str, password: &str) -> Result<Link, Error> {
        let mut config = tiberius::Config::new();
        config.host(&self.host);
        config.port(self.port);
        config.database(database);
        config.application_name("suite");
        config.authentication(AuthMethod::sql_server(login, password));
        if self.certificates.is_some() || self.tls == "off" {
            config.encryption(EncryptionLevel::NotSupported);
        } else {
            config.encryption(EncryptionLevel::Required);
            config.trust_cert();
        }
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        Client::connect(config, stream.compat_write()).await
    }
}

pub async fn run(link: &mut Link, sql: &str) -> Result<(), Error> {
    link.simple_query(sql).await?.into_results().await.map(drop)
}

pub async fn rows(link: &mut Link, sql: &str) -> Result<Vec<Vec<String>>, Error> {
    let found = link.simple_query(sql).await?.into_first_result().await?;
    Ok(found.iter().map(texts).collect())
}

/// Whatever the columns are, as texts; NULL is "-".
fn texts(row: &Row) -> Vec<String> {
    let one = |(at, column): (usize, &tiberius::Column)| {
        let found = match column.column_type() {
            ColumnType::Intn | ColumnType::Int4 | ColumnType::Int2 | ColumnType::Int1 => row
                .try_get::<i32, _>(at)
                .ok()
                .flatten()
                .map(|n| n.to_string())
                .or_else(|| row.try_get::<u8, _>(at).ok().flatten().map(|n| n.to_string())),
            ColumnType::Bit | ColumnType::Bitn => {
                row.try_get::<bool, _>(at).ok().flatten().map(|b| b.to_string())
            }
            ColumnType::BigVarBin | ColumnType::BigBinary => {
                row.try_get::<&[u8], _>(at).ok().flatten().map(hex::encode)
            }
            _ => row.try_get::<&str, _>(at).ok().flatten().map(str::to_owned),
        };
        found.unwrap_or_else(|| "-".to_owned())
    };
    row.columns().iter().enumerate().map(one).collect()
}

/// The administrator's connection, made when it is first needed.
pub struct Admin {
    pub place: Place,
    link: Mutex<Option<Link>>,
}

impl Admin {
    pub fn new(place: Place) -> Self {
        Self {
            place,
            link: Mutex::new(None),
        }
    }

    async fn link(&self) -> tokio::sync::MutexGuard<'_, Option<Link>> {
        let mut link = self.link.lock().await;
        if link.is_none() {
            let place = &self.place;
            let opened = place
                .connect("master", &place.admin, place.password.expose())
                .await;
            *link = Some(opened.unwrap_or_else(|error| panic!("the administrator: {error}")));
        }
        link
    }

    pub async fn run(&self, sql: &str) {
        let mut link = self.link().await;
        let link = link.as_mut().expect("a connection");
        run(link, sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub async fn try_run(&self, sql: &str) -> Result<(), Error> {
        let mut link = self.link().await;
        run(link.as_mut().expect("a connection"), sql).await
    }

    /// Inside a database.
    pub async fn run_in(&self, database: &str, sql: &str) {
        self.run(&inside(database, sql)).await;
    }

    pub async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let mut link = self.link().await;
        let link = link.as_mut().expect("a connection");
        rows(link, sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}

pub fn quoted(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

pub fn literal(text: &str) -> String {
    format!("N'{}'", text.replace('\'', "''"))
}

pub fn inside(database: &str, sql: &str) -> String {
    format!("EXEC {}.sys.sp_executesql {}", quoted(database), literal(sql))
}
