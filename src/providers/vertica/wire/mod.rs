//! A small client of Vertica's own protocol: one connection, statements in text, answers in text.
//!
//! No prepared statements, no COPY, no load balancing, no cancelling: what access needs is DDL and looks at catalogues.
//! TLS is asked for as PostgreSQL does, with a request that is answered by one byte.

mod auth;
mod message;

use std::{fmt, io, sync::Arc};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use self::message::{Challenge, Dialect, Malformed};
pub use self::message::{Notice, Row};
use crate::secrets::Secret;

/// Where to, as whom, and how.
pub struct Address<'a> {
    pub host: &'a str,
    pub port: u16,
    pub database: &'a str,
    pub user: &'a str,
    pub password: &'a Secret,
    /// What the session is called in the server's own lists.
    pub label: &'a str,
    pub tls: Tls<'a>,
}

#[derive(Clone, Copy)]
pub enum Tls<'a> {
    Never,
    /// Where the server has it.
    IfThere(&'a ClientConfig),
    /// Or not at all.
    Always(&'a ClientConfig),
}

#[derive(Debug)]
pub enum Error {
    /// The server's own word.
    Server(Notice),
    /// The line broke, or could not be made.
    Line(io::Error),
    /// We were let in by nobody: why, in words for an administrator.
    Refused(&'static str),
    /// What came is no protocol we know.
    Garbled(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(notice) => write!(f, "{} ({})", notice.message, notice.code),
            Self::Line(error) => write!(f, "the connection broke: {error}"),
            Self::Refused(why) => f.write_str(why),
            Self::Garbled(what) => write!(f, "the server sent {what}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Line(error) => Some(error),
            Self::Server(_) | Self::Refused(_) | Self::Garbled(_) => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Line(error)
    }
}

impl From<Malformed> for Error {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Garbled(what)
    }
}

type Result<T> = std::result::Result<T, Error>;

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// What one statement answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
}

/// An open session. Dropping it closes the line; `close` also says so first.
pub struct Connection {
    line: BufReader<Box<dyn Duplex>>,
    dialect: Dialect,
    /// Set while an answer is outstanding: a line that was left in the middle of one is never used again.
    busy: bool,
    /// The password in use will expire soon.
    pub grace: bool,
}

impl Connection {
    /// # Errors
    /// `Line` if nobody is there, `Server` or `Refused` if we are not let in.
    pub async fn open(address: &Address<'_>) -> Result<Self> {
        let socket = TcpStream::connect((address.host, address.port)).await?;
        socket.set_nodelay(true)?;
        let (line, hidden) = secure(socket, address).await?;
        let mut connection = Self {
            line: BufReader::new(line),
            dialect: Dialect::default(),
            busy: true,
            grace: false,
        };
        connection.begin(address).await?;
        connection.authenticate(address, hidden).await?;
        connection.busy = false;
        Ok(connection)
    }

    async fn begin(&mut self, address: &Address<'_>) -> Result<()> {
        let pid = std::process::id().to_string();
        let parameters = [
            ("user", address.user),
            ("database", address.database),
            ("client_label", address.label),
            ("client_type", "latchkey"),
            ("client_version", env!("CARGO_PKG_VERSION")),
            ("client_os", std::env::consts::OS),
            ("client_os_user_name", ""),
            ("client_os_hostname", ""),
            ("client_pid", pid.as_str()),
            ("autocommit", "on"),
            ("binary_data_protocol", "0"),
            ("protocol_features", "{\"request_complex_types\":false}"),
            ("protocol_compat", "VER"),
            ("workload", ""),
            ("auth_category", "User"),
        ];
        if parameters.iter().any(|(_, value)| value.contains('\0')) {
            return Err(Error::Refused("a name or database cannot hold a NUL"));
        }
        self.send(&message::startup(&parameters)).await
    }

    /// Until the server is ready for statements.
    async fn authenticate(&mut self, address: &Address<'_>, hidden: bool) -> Result<()> {
        let password = address.password.expose();
        loop {
            let (tag, body) = self.receive().await?;
            let answer = match tag {
                b'R' => match message::challenge(&body)? {
                    Challenge::Passed => continue,
                    Challenge::Grace => {
                        self.grace = true;
                        continue;
                    }
                    Challenge::Md5 { salt } => auth::md5(address.user, password, salt),
                    Challenge::Sha512 { salt, user_salt } => auth::sha512(&user_salt, password, salt),
                    Challenge::Cleartext if hidden => password.to_owned(),
                    Challenge::Cleartext => {
                        return Err(Error::Refused(
                            "the server wants the password in clear text, and the connection has no TLS",
                        ));
                    }
                    Challenge::Expired => return Err(Error::Refused("the password has expired")),
                    Challenge::Other(_) => {
                        return Err(Error::Refused(
                            "the server wants Kerberos, OAuth or another way to log in that is no password",
                        ));
                    }
                },
                b'E' => return Err(Error::Server(message::notice(&body))),
                b'S' => {
                    self.note(&body)?;
                    continue;
                }
                b'Z' => return Ok(()),
                // Key data, notices, and what later versions may add.
                _ => continue,
            };
            self.send(&message::password(&answer)).await?;
        }
    }

    fn note(&mut self, body: &[u8]) -> Result<()> {
        let (name, value) = message::parameter(body)?;
        match name.as_str() {
            "protocol_version" => self.dialect.version = value.parse().unwrap_or(message::FIXED_VERSION),
            "request_complex_types" => self.dialect.complex_types = value == "on",
            _ => {}
        }
        Ok(())
    }

    /// Runs statements; one answer for each that went well, up to the first that did not.
    ///
    /// # Errors
    /// `Server` for a statement that failed: the session goes on. After any other error it is over.
    pub async fn query(&mut self, sql: &str) -> Result<Vec<Answer>> {
        if self.busy {
            return Err(Error::Garbled("half an answer, and the rest was never read"));
        }
        if sql.contains('\0') {
            return Err(Error::Refused("a statement cannot hold a NUL"));
        }
        self.busy = true;
        self.send(&message::query(sql)).await?;
        let (mut answers, mut current, mut failed) = (Vec::new(), Answer::default(), None);
        loop {
            let (tag, body) = self.receive().await?;
            match tag {
                b'T' => current.columns = message::columns(&body, self.dialect)?,
                b'D' => current.rows.push(message::row(&body)?),
                // Its tag may be no UTF-8 before 12.0.4-3, and is not used.
                b'C' => answers.push(std::mem::take(&mut current)),
                b'E' => failed = Some(message::notice(&body)),
                b'S' => self.note(&body)?,
                b'Z' => break,
                b'G' | b'H' | b'F' => return Err(Error::Garbled("a request for files")),
                // Notices, descriptions of commands, and what later versions may add.
                _ => {}
            }
        }
        self.busy = false;
        match failed {
            Some(notice) => Err(Error::Server(notice)),
            None => Ok(answers),
        }
    }

    /// Says goodbye, so that the server need not find out by itself.
    pub async fn close(mut self) {
        // If it cannot be said, the line is closed already.
        drop(self.send(&message::terminate()).await);
        drop(self.line.get_mut().shutdown().await);
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let line = self.line.get_mut();
        line.write_all(bytes).await?;
        line.flush().await?;
        Ok(())
    }

    async fn receive(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.line.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let length = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_sub(4))
            .filter(|length| *length <= message::LONGEST)
            .ok_or(Error::Garbled("a message of impossible length"))?;
        let mut body = vec![0; length];
        self.line.read_exact(&mut body).await?;
        Ok((head[0], body))
    }
}

/// The line, and whether nobody else can read it.
async fn secure(mut socket: TcpStream, address: &Address<'_>) -> Result<(Box<dyn Duplex>, bool)> {
    let (config, needed) = match address.tls {
        Tls::Never => return Ok((Box::new(socket), false)),
        Tls::IfThere(config) => (config, false),
        Tls::Always(config) => (config, true),
    };
    socket.write_all(&message::ssl_request()).await?;
    match socket.read_u8().await? {
        b'S' => {
            let name = ServerName::try_from(address.host.to_owned())
                .map_err(|_| Error::Refused("hostname: no certificate can be issued for it"))?;
            let connector = TlsConnector::from(Arc::new(config.clone()));
            let stream = connector.connect(name, socket).await?;
            Ok((Box::new(stream), true))
        }
        b'N' if !needed => Ok((Box::new(socket), false)),
        b'N' => Err(Error::Refused(
            "the server does not offer TLS, and ssl_mode asks for it",
        )),
        _ => Err(Error::Garbled("no answer to the request for TLS")),
    }
}
