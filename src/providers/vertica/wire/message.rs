//! Messages of Vertica's client protocol, as bytes. Pure.
//!
//! Every message is `type: u8, length: i32 (itself included, the type not), body`, as in PostgreSQL's version 3; numbers are
//! big-endian, texts UTF-8 and closed by a NUL. Where Vertica differs from PostgreSQL it is written at the place. Source:
//! the messages of Vertica's own open clients (`vertica-python`), and its protocol's documentation there.

/// Larger messages are refused: ours are a catalogue's rows.
pub const LONGEST: usize = 64 * 1024 * 1024;
/// What every server understands as the first number of a start-up message: 3.5.
pub const FIXED_VERSION: u32 = 3 << 16 | 5;
/// What we ask for; the server answers with the one in effect.
pub const WANTED_VERSION: u32 = 3 << 16 | 16;
/// From this one on a column tells its parent, if complex types were asked for.
const COMPLEX_TYPES: u32 = 3 << 16 | 12;
const SSL_REQUEST: u32 = 80_877_103;

/// What a message that cannot be read says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// Asks whether the server speaks TLS; it answers `S` or `N`, a bare byte.
pub fn ssl_request() -> Vec<u8> {
    untyped(&SSL_REQUEST.to_be_bytes())
}

/// Opens the session. `protocol_version` comes first, and its value is four raw bytes where all others are texts.
pub fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = FIXED_VERSION.to_be_bytes().to_vec();
    body.extend(b"protocol_version\0");
    body.extend(WANTED_VERSION.to_be_bytes());
    body.push(0);
    for (key, value) in parameters {
        body.extend(key.as_bytes());
        body.push(0);
        body.extend(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    untyped(&body)
}

pub fn password(answer: &str) -> Vec<u8> {
    text_message(b'p', answer)
}

/// One or more statements, answered in text.
pub fn query(sql: &str) -> Vec<u8> {
    text_message(b'Q', sql)
}

pub fn terminate() -> Vec<u8> {
    vec![b'X', 0, 0, 0, 4]
}

fn text_message(tag: u8, text: &str) -> Vec<u8> {
    let mut message = vec![tag];
    let mut body = text.as_bytes().to_vec();
    body.push(0);
    message.extend(untyped(&body));
    message
}

fn untyped(body: &[u8]) -> Vec<u8> {
    // No statement of ours comes near the limit of the length.
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    let mut message = length.to_be_bytes().to_vec();
    message.extend(body);
    message
}

/// What the server wants to know before it lets anybody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// It is satisfied.
    Passed,
    /// The password itself.
    Cleartext,
    Md5 {
        salt: [u8; 4],
    },
    Sha512 {
        salt: [u8; 4],
        user_salt: Vec<u8>,
    },
    /// The password is right and too old; a new one has to be set elsewhere.
    Expired,
    /// It will be soon.
    Grace,
    /// Kerberos, OAuth and what else there may be.
    Other(u32),
}

/// An `R` message.
///
/// # Errors
/// `Malformed` if it is too short, or the user's salt is not of 16 bytes.
pub fn challenge(body: &[u8]) -> Result<Challenge, Malformed> {
    let mut read = Reader(body);
    Ok(match read.u32()? {
        0 => Challenge::Passed,
        3 => Challenge::Cleartext,
        5 | 65_541 => Challenge::Md5 { salt: read.array()? },
        65_536 | 66_048 => {
            let salt = read.array()?;
            if read.u32()? != 16 {
                return Err(Malformed("a user's salt that is not of 16 bytes"));
            }
            let user_salt = read.take(16)?.to_vec();
            Challenge::Sha512 { salt, user_salt }
        }
        9 => Challenge::Expired,
        11 => Challenge::Grace,
        other => Challenge::Other(other),
    })
}

/// The fields of an `E` or `N` message that are used here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    pub severity: String,
    /// SQLSTATE.
    pub code: String,
    pub message: String,
}

/// Never fails: an error about an error helps nobody.
pub fn notice(body: &[u8]) -> Notice {
    let mut notice = Notice::default();
    let mut read = Reader(body);
    while let Ok(field) = read.u8() {
        let Ok(value) = read.text() else { break };
        match field {
            b'S' => notice.severity = value,
            b'C' => notice.code = value,
            b'M' => notice.message = value,
            _ => {}
        }
    }
    notice
}

/// An `S` message: name and value.
///
/// # Errors
/// `Malformed` if it does not hold two texts.
pub fn parameter(body: &[u8]) -> Result<(String, String), Malformed> {
    let mut read = Reader(body);
    Ok((read.text()?, read.text()?))
}

/// What changes how columns are described.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dialect {
    pub version: u32,
    pub complex_types: bool,
}

/// A `T` message: the names of the columns.
///
/// # Errors
/// `Malformed` if it ends too early or late.
pub fn columns(body: &[u8], dialect: Dialect) -> Result<Vec<String>, Malformed> {
    let mut read = Reader(body);
    let count = read.u16()?;
    if count == 0 {
        return Ok(Vec::new());
    }
    // Types that users made, which columns refer to by their place.
    for _ in 0..read.u32()? {
        read.u32()?;
        read.text()?;
    }
    let mut names = Vec::with_capacity(usize::from(count));
    let mut children = 0;
    for _ in 0..count {
        let name = read.text()?;
        if read.u64()? != 0 {
            read.text()?; // schema
            read.text()?; // table
        }
        read.u16()?; // its place in the table
        let parent = if dialect.complex_types && dialect.version >= COMPLEX_TYPES {
            read.u16()?
        } else {
            0
        };
        // Whether of a user's type, type, size, nullable, identity, modifier, format.
        read.take(1 + 4 + 2 + 2 + 2 + 4 + 2)?;
        if parent == 0 {
            names.push(name);
        } else {
            children += 1;
        }
    }
    if !read.0.is_empty() {
        return Err(Malformed("a description of columns that is longer than it says"));
    }
    if names.is_empty() && children > 0 {
        return Err(Malformed("columns without a parent"));
    }
    Ok(names)
}

pub type Row = Vec<Option<String>>;

/// A `D` message. Texts that are not UTF-8 are read as well as they can be.
///
/// # Errors
/// `Malformed` if it ends too early or late.
pub fn row(body: &[u8]) -> Result<Row, Malformed> {
    let mut read = Reader(body);
    let count = read.u16()?;
    let mut values = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let length = i32::from_be_bytes(read.array()?);
        values.push(match usize::try_from(length) {
            Ok(length) => Some(String::from_utf8_lossy(read.take(length)?).into_owned()),
            Err(_) if length == -1 => None,
            Err(_) => return Err(Malformed("a value of negative length")),
        });
    }
    if read.0.is_empty() {
        Ok(values)
    } else {
        Err(Malformed("a row that is longer than it says"))
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], Malformed> {
        let (head, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(Malformed("a message that ends too early"))?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    fn text(&mut self) -> Result<String, Malformed> {
        let end = self
            .0
            .iter()
            .position(|byte| *byte == 0)
            .ok_or(Malformed("a text without an end"))?;
        let text = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.take(1)?;
        Ok(text)
    }
}

#[cfg(test)]
#[path = "message_test.rs"]
mod tests;
