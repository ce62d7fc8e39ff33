//! The server's side of the protocol, written from Vertica's own Python client: what it sends is accepted, in the order and
//! layout that it sends it, and nothing else is.

use std::{collections::BTreeMap, io, sync::Arc};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    Shared,
    engine::{self, Outcome},
    lexer::{Fault, fault},
    model::{Session, same},
    parse,
    rights::Actor,
};

pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

const SSL: u32 = 80_877_103;
const LOAD_BALANCE: u32 = 80_936_960;
const FIXED: u32 = 3 << 16 | 5;
const KEYS: &[&str] = &[
    "user",
    "database",
    "client_label",
    "client_type",
    "client_version",
    "client_os",
    "client_os_user_name",
    "client_os_hostname",
    "client_pid",
    "autocommit",
    "binary_data_protocol",
    "protocol_features",
    "protocol_compat",
    "workload",
    "auth_category",
];

/// What opened the session.
struct Startup {
    wanted: u32,
    keys: BTreeMap<String, String>,
}

async fn untyped(line: &mut dyn Duplex) -> io::Result<Vec<u8>> {
    let length = line.read_u32().await?;
    if !(8..=65_536).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length as usize - 4];
    line.read_exact(&mut body).await?;
    Ok(body)
}

pub async fn serve(mut line: Box<dyn Duplex>, shared: Arc<Shared>) -> io::Result<()> {
    let startup = loop {
        let body = untyped(line.as_mut()).await?;
        match u32::from_be_bytes([body[0], body[1], body[2], body[3]]) {
            SSL if body.len() == 4 => match &shared.tls {
                Some(tls) => {
                    line.write_all(b"S").await?;
                    line = Box::new(tls.accept(line).await?);
                }
                None => line.write_all(b"N").await?,
            },
            LOAD_BALANCE if body.len() == 4 => line.write_all(b"N").await?,
            FIXED => break read_startup(&body[4..]),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    };
    match startup {
        Ok(startup) => session(line, shared, startup).await,
        Err(fault) => line.write_all(&error("FATAL", &fault)).await,
    }
}

fn read_startup(mut rest: &[u8]) -> Result<Startup, Fault> {
    let wrong = || fault("08P01", "Malformed startup packet");
    let version = b"protocol_version\0";
    rest = rest.strip_prefix(version).ok_or_else(wrong)?;
    let (number, after) = rest.split_at_checked(5).ok_or_else(wrong)?;
    if number[4] != 0 {
        return Err(wrong());
    }
    let wanted = u32::from_be_bytes([number[0], number[1], number[2], number[3]]);
    rest = after;
    let mut keys = BTreeMap::new();
    while rest != [0] {
        let key = cut(&mut rest).ok_or_else(wrong)?;
        let value = cut(&mut rest).ok_or_else(wrong)?;
        if !KEYS.contains(&key.as_str()) || keys.insert(key, value).is_some() {
            return Err(wrong());
        }
    }
    if KEYS.iter().any(|key| !keys.contains_key(*key)) {
        return Err(wrong());
    }
    Ok(Startup { wanted, keys })
}

fn cut(rest: &mut &[u8]) -> Option<String> {
    let end = rest.iter().position(|byte| *byte == 0)?;
    let text = String::from_utf8(rest[..end].to_vec()).ok()?;
    *rest = &rest[end + 1..];
    Some(text)
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend((body.len() as u32 + 4).to_be_bytes());
    bytes.extend(body);
    bytes
}

fn error(severity: &str, fault: &Fault) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, value) in [
        ('S', severity),
        ('C', fault.code),
        ('M', &fault.message),
        ('V', "0"),
        ('R', "fake"),
        ('F', "line.rs"),
        ('L', "1"),
    ] {
        body.push(field as u8);
        body.extend(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    message(b'E', &body)
}

fn parameter(name: &str, value: &str) -> Vec<u8> {
    message(b'S', format!("{name}\0{value}\0").as_bytes())
}

async fn session(mut line: Box<dyn Duplex>, shared: Arc<Shared>, startup: Startup) -> io::Result<()> {
    let key = |name: &str| startup.keys.get(name).cloned().unwrap_or_default();
    let user = key("user");
    if let Err(refused) = let_in(line.as_mut(), &shared, &user, &key("database")).await? {
        return line.write_all(&error("FATAL", &refused)).await;
    }
    let mut actor = Actor {
        session: shared.next_session(),
        label: key("client_label"),
        enabled: Vec::new(),
        user,
    };
    let end = match shared.enter(&mut actor) {
        Ok(end) => end,
        Err(refused) => return line.write_all(&error("FATAL", &refused)).await,
    };
    let newest = shared.lock().options.newest;
    let effective = startup.wanted.min(newest);
    let complex = effective >= (3 << 16 | 12) && key("protocol_features").contains("true");
    let mut hello = message(b'R', &0_u32.to_be_bytes());
    for (name, value) in [
        ("protocol_version", effective.to_string().as_str()),
        ("request_complex_types", if complex { "on" } else { "off" }),
        ("server_version", "v24.1.0-0"),
        ("standard_conforming_strings", "on"),
        ("auto_commit", &key("autocommit")),
        ("long_string_types", "on"),
        ("client_label", &actor.label),
    ] {
        hello.extend(parameter(name, value));
    }
    hello.extend(message(b'K', &[0, 0, 0, 7, 0, 0, 0, 9]));
    hello.extend(message(b'Z', b"I"));
    line.write_all(&hello).await?;
    let ended = tokio::select! {
        () = end.notified() => Ok(()),
        ended = talk(line.as_mut(), &shared, &mut actor, complex) => ended,
    };
    shared.leave(&actor);
    ended
}

/// Asks for the password as the user's is kept; whoever is unknown is asked all the same.
async fn let_in(
    line: &mut dyn Duplex,
    shared: &Shared,
    user: &str,
    database: &str,
) -> io::Result<Result<(), Fault>> {
    let stored = shared.stored(user);
    let salt: [u8; 4] = rand::random();
    let mut answer = None;
    if let Some(stored) = &stored {
        line.write_all(&message(b'R', &stored.challenge(salt))).await?;
        if line.read_u8().await? != b'p' {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let length = line.read_u32().await?;
        let mut body = vec![0; (length as usize).clamp(4, 1024) - 4];
        line.read_exact(&mut body).await?;
        answer = body
            .strip_suffix(&[0])
            .map(|text| String::from_utf8_lossy(text).into_owned());
    }
    let fits = match (&stored, &answer) {
        (None, _) => true,
        (Some(stored), Some(answer)) => stored.fits(answer, salt),
        (Some(_), None) => false,
    };
    let verdict = shared.judge(user, fits);
    if verdict.is_ok() && !same(&shared.lock().database, database) {
        return Ok(Err(fault(
            "3D000",
            format!("Database \"{database}\" does not exist"),
        )));
    }
    if matches!(&verdict, Err(refused) if refused.code == super::EXPIRED) {
        line.write_all(&message(b'R', &9_u32.to_be_bytes())).await?;
    }
    Ok(verdict)
}

async fn talk(
    line: &mut dyn Duplex,
    shared: &Arc<Shared>,
    actor: &mut Actor,
    complex: bool,
) -> io::Result<()> {
    loop {
        let tag = line.read_u8().await?;
        let length = line.read_u32().await? as usize;
        if !(4..=1 << 20).contains(&length) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut body = vec![0; length - 4];
        line.read_exact(&mut body).await?;
        let reply = match (tag, body.strip_suffix(&[0])) {
            (b'X', _) => return Ok(()),
            (b'Q', Some(sql)) => match std::str::from_utf8(sql) {
                Ok(sql) if !sql.contains('\0') => answers(shared, actor, sql, complex),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            },
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        line.write_all(&reply).await?;
    }
}

/// Everything that one query message is answered with.
fn answers(shared: &Arc<Shared>, actor: &mut Actor, sql: &str, complex: bool) -> Vec<u8> {
    let mut reply = Vec::new();
    let separator = shared.lock().options.separator;
    match parse::statements(sql, separator) {
        Err(fault) => reply.extend(error("ERROR", &fault)),
        Ok(all) if all.is_empty() => reply.extend(message(b'I', &[])),
        Ok(all) => {
            let only = all.len() == 1;
            for statement in &all {
                match engine::run(shared, actor, statement, shared.now()) {
                    Ok(outcome) => {
                        if only {
                            shared.lock().log.push((actor.label.clone(), sql.to_owned()));
                        }
                        reply.extend(told(&outcome, complex));
                    }
                    Err(fault) => {
                        reply.extend(error("ERROR", &fault));
                        break;
                    }
                }
            }
        }
    }
    reply.extend(message(b'Z', b"I"));
    reply
}

fn told(outcome: &Outcome, complex: bool) -> Vec<u8> {
    let mut reply = Vec::new();
    if let Some((name, value)) = &outcome.told {
        reply.extend(parameter(name, value));
    }
    if !outcome.columns.is_empty() {
        reply.extend(message(b'T', &description(&outcome.columns, complex)));
        for row in &outcome.rows {
            let mut body = (row.len() as u16).to_be_bytes().to_vec();
            for value in row {
                match value {
                    Some(text) => {
                        body.extend((text.len() as i32).to_be_bytes());
                        body.extend(text.as_bytes());
                    }
                    None => body.extend((-1_i32).to_be_bytes()),
                }
            }
            reply.extend(message(b'D', &body));
        }
    }
    let mut tag = outcome.tag.as_bytes().to_vec();
    tag.push(0);
    reply.extend(message(b'C', &tag));
    reply
}

/// All columns are VARCHAR, type 9, and of no table.
fn description(columns: &[String], complex: bool) -> Vec<u8> {
    let mut body = (columns.len() as u16).to_be_bytes().to_vec();
    body.extend(0_u32.to_be_bytes());
    for (at, name) in columns.iter().enumerate() {
        body.extend(name.as_bytes());
        body.push(0);
        body.extend(0_u64.to_be_bytes());
        body.extend((at as u16 + 1).to_be_bytes());
        if complex {
            body.extend(0_u16.to_be_bytes());
        }
        body.push(0);
        body.extend(9_u32.to_be_bytes());
        body.extend((-1_i16).to_be_bytes());
        body.extend(1_u16.to_be_bytes());
        body.extend(0_u16.to_be_bytes());
        body.extend(84_i32.to_be_bytes());
        body.extend(0_u16.to_be_bytes());
    }
    body
}

/// What a session is known by in the server's own list.
pub fn listed(actor: &Actor, began: chrono::DateTime<chrono::Utc>) -> Session {
    Session {
        id: actor.session.clone(),
        user: actor.user.clone(),
        began,
        label: actor.label.clone(),
        end: Arc::default(),
    }
}
