//! TDS as a server speaks it: packets, LOGIN7, requests, and the tokens of answers. By MS-TDS; sections in brackets.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::value::Value;

pub const SQL_BATCH: u8 = 0x01;
pub const RPC: u8 = 0x03;
pub const REPLY: u8 = 0x04;
pub const ATTENTION: u8 = 0x06;
pub const LOGIN7: u8 = 0x10;
pub const PRELOGIN: u8 = 0x12;
const PACKET: usize = 4096;
const END: u8 = 0x01;

pub fn bad(text: impl Into<String>) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, text.into())
}

/// One message: all its packets [2.2.3].
pub async fn read<S: AsyncRead + Unpin>(from: &mut S) -> std::io::Result<(u8, Vec<u8>)> {
    let mut body = Vec::new();
    loop {
        let mut head = [0; 8];
        from.read_exact(&mut head).await?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if length < 8 {
            return Err(bad("a packet shorter than its head"));
        }
        let begin = body.len();
        body.resize(begin + length - 8, 0);
        from.read_exact(&mut body[begin..]).await?;
        if head[1] & END != 0 {
            return Ok((head[0], body));
        }
    }
}

pub async fn write<S: AsyncWrite + Unpin>(to: &mut S, kind: u8, body: &[u8]) -> std::io::Result<()> {
    let mut parts = body.chunks(PACKET - 8).peekable();
    let mut number = 1u8;
    let mut all = Vec::with_capacity(body.len() + 16);
    if parts.peek().is_none() {
        all.extend([kind, END, 0, 8, 0, 0, number, 0]);
    }
    while let Some(part) = parts.next() {
        let status = if parts.peek().is_none() { END } else { 0 };
        let length = u16::try_from(part.len() + 8).map_err(|_| bad("a long packet"))?;
        all.extend([kind, status]);
        all.extend(length.to_be_bytes());
        all.extend([0, 0, number, 0]);
        all.extend(part);
        number = number.wrapping_add(1);
    }
    to.write_all(&all).await?;
    to.flush().await
}

/// What is left of a message; reading past its end is an error.
pub struct Reader<'b>(pub &'b [u8]);

impl<'b> Reader<'b> {
    pub fn take(&mut self, count: usize) -> std::io::Result<&'b [u8]> {
        if self.0.len() < count {
            return Err(bad("a message that ends too early"));
        }
        let (head, tail) = self.0.split_at(count);
        self.0 = tail;
        Ok(head)
    }

    pub fn u8(&mut self) -> std::io::Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub fn u16(&mut self) -> std::io::Result<u16> {
        let b = self.take(2)?;
        Ok(u16::from_le_bytes([b[0], b[1]]))
    }

    pub fn u32(&mut self) -> std::io::Result<u32> {
        let b = self.take(4)?;
        Ok(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    pub fn u64(&mut self) -> std::io::Result<u64> {
        Ok(u64::from(self.u32()?) | u64::from(self.u32()?) << 32)
    }

    fn b_varchar(&mut self) -> std::io::Result<String> {
        let count = usize::from(self.u8()?);
        utf16(self.take(count * 2)?)
    }
}

pub fn utf16(bytes: &[u8]) -> std::io::Result<String> {
    if !bytes.len().is_multiple_of(2) {
        return Err(bad("half a character"));
    }
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16(&units).map_err(|_| bad("no UTF-16"))
}

/// The encryption that a client offers in PRELOGIN [2.2.6.5].
pub fn offered_encryption(body: &[u8]) -> std::io::Result<u8> {
    let mut options = Reader(body);
    loop {
        let token = options.u8()?;
        if token == 0xff {
            return Err(bad("a PRELOGIN without ENCRYPTION"));
        }
        let place = options.take(4)?;
        if token == 1 {
            let offset = usize::from(u16::from_be_bytes([place[0], place[1]]));
            return body.get(offset).copied().ok_or_else(|| bad("an option outside"));
        }
    }
}

/// The server's own PRELOGIN: its version, its encryption, no instance, no thread, no MARS.
pub fn prelogin(encryption: u8) -> Vec<u8> {
    let options: [(u8, &[u8]); 5] = [
        (0, &[16, 0, 0x10, 0x27, 0, 0]),
        (1, &[encryption]),
        (2, &[0]),
        (3, &[]),
        (4, &[0]),
    ];
    let mut offset = (options.len() * 5 + 1) as u16;
    let (mut head, mut data) = (Vec::new(), Vec::<u8>::new());
    for (token, value) in options {
        head.push(token);
        head.extend(offset.to_be_bytes());
        head.extend((value.len() as u16).to_be_bytes());
        data.extend(value);
        offset += value.len() as u16;
    }
    head.push(0xff);
    head.extend(data);
    head
}

pub struct Login {
    pub version: u32,
    pub user: String,
    pub password: String,
    pub application: String,
    pub database: String,
}

/// [2.2.6.4]; passwords have their nibbles swapped and are XORed with 0xA5.
pub fn login7(body: &[u8]) -> std::io::Result<Login> {
    let mut fixed = Reader(body);
    if fixed.u32()? as usize != body.len() {
        return Err(bad("a LOGIN7 of another length"));
    }
    let version = fixed.u32()?;
    let field = |at: usize| -> std::io::Result<&[u8]> {
        let mut place = Reader(body.get(at..).ok_or_else(|| bad("a short LOGIN7"))?);
        let (offset, count) = (usize::from(place.u16()?), usize::from(place.u16()?));
        body.get(offset..offset + count * 2)
            .ok_or_else(|| bad("a field outside of LOGIN7"))
    };
    let password: Vec<u8> = field(44)?
        .iter()
        .map(|byte| (byte ^ 0xa5).rotate_left(4))
        .collect();
    Ok(Login {
        version,
        user: utf16(field(40)?)?,
        password: utf16(&password)?,
        application: utf16(field(48)?)?,
        database: utf16(field(68)?)?,
    })
}

/// A statement with its parameters, and the transaction it says it is in.
pub struct Request {
    pub sql: String,
    pub params: Vec<(String, Value)>,
    pub transaction: u64,
}

/// ALL_HEADERS [2.2.5.3]: the transaction descriptor is required.
fn headers(from: &mut Reader<'_>) -> std::io::Result<u64> {
    let total = from.u32()? as usize;
    let mut inside = Reader(from.take(total.checked_sub(4).ok_or_else(|| bad("no headers"))?)?);
    let mut transaction = None;
    while !inside.0.is_empty() {
        let length = inside.u32()? as usize;
        let mut one = Reader(inside.take(length.checked_sub(4).ok_or_else(|| bad("a short header"))?)?);
        if one.u16()? == 2 {
            transaction = Some(one.u64()?);
        }
    }
    transaction.ok_or_else(|| bad("a request without a transaction descriptor"))
}

pub fn batch(body: &[u8]) -> std::io::Result<Request> {
    let mut from = Reader(body);
    let transaction = headers(&mut from)?;
    Ok(Request {
        sql: utf16(from.0)?,
        params: Vec::new(),
        transaction,
    })
}

/// Only `sp_executesql`, by number or by name [2.2.6.6].
pub fn rpc(body: &[u8]) -> std::io::Result<Request> {
    let mut from = Reader(body);
    let transaction = headers(&mut from)?;
    let length = from.u16()?;
    let is_execute = if length == 0xffff {
        from.u16()? == 10
    } else {
        let name = utf16(from.take(usize::from(length) * 2)?)?;
        name.eq_ignore_ascii_case("sp_executesql")
    };
    if !is_execute {
        return Err(bad("a procedure other than sp_executesql"));
    }
    from.u16()?;
    let mut values = Vec::new();
    while !from.0.is_empty() {
        let name = from.b_varchar()?;
        from.u8()?;
        values.push((name, parameter(&mut from)?));
    }
    let mut values = values.into_iter();
    let Some((_, Value::Str(sql))) = values.next() else {
        return Err(bad("sp_executesql without a statement"));
    };
    // The second declares the others, which carry their types themselves.
    let declared = values.next();
    let params: Vec<(String, Value)> = values.collect();
    if let Some((_, Value::Str(declared))) = declared {
        let names = declared.split(',').filter(|part| !part.trim().is_empty()).count();
        if names != params.len() {
            return Err(bad("other parameters than declared"));
        }
    }
    Ok(Request {
        sql,
        params,
        transaction,
    })
}

fn parameter(from: &mut Reader<'_>) -> std::io::Result<Value> {
    match from.u8()? {
        // INTN, BITN
        kind @ (0x26 | 0x68) => {
            from.u8()?;
            let length = usize::from(from.u8()?);
            let bytes = from.take(length)?;
            Ok(match (kind, bytes) {
                (_, []) => Value::Null,
                (0x68, [bit]) => Value::Bit(*bit != 0),
                (_, bytes) => Value::Int(
                    bytes
                        .iter()
                        .rev()
                        .fold(0, |sum, byte| sum << 8 | i64::from(*byte)),
                ),
            })
        }
        // NVARCHAR
        0xe7 => {
            let longest = from.u16()?;
            from.take(5)?;
            Ok(match bytes(from, longest)? {
                None => Value::Null,
                Some(bytes) => Value::Str(utf16(&bytes)?),
            })
        }
        // VARBINARY
        0xa5 => {
            let longest = from.u16()?;
            Ok(bytes(from, longest)?.map_or(Value::Null, Value::Bin))
        }
        other => Err(bad(format!("a parameter of type {other:#x}"))),
    }
}

/// A value with a short length, or in parts [2.2.5.2.3].
fn bytes(from: &mut Reader<'_>, longest: u16) -> std::io::Result<Option<Vec<u8>>> {
    if longest != 0xffff {
        let length = from.u16()?;
        if length == 0xffff {
            return Ok(None);
        }
        return Ok(Some(from.take(usize::from(length))?.to_vec()));
    }
    if from.u64()? == u64::MAX {
        return Ok(None);
    }
    let mut all = Vec::new();
    loop {
        let length = from.u32()? as usize;
        if length == 0 {
            return Ok(Some(all));
        }
        all.extend(from.take(length)?);
    }
}
