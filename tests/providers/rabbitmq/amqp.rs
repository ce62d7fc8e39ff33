//! The least client of AMQP 0-9-1 that can do what people do with an access: log in, declare, publish, get, consume, bind.
//!
//! Written from the specification (<https://www.rabbitmq.com/resources/specs/amqp0-9-1.xml>); the numbers are its class and
//! method ids. One channel, numbered 1. It gives up after `LIMIT`, and then counts as refused.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const LIMIT: Duration = Duration::from_secs(10);
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
const FRAME_END: u8 = 0xCE;

type Id = (u16, u16);
const START: Id = (10, 10);
const START_OK: Id = (10, 11);
const TUNE: Id = (10, 30);
const TUNE_OK: Id = (10, 31);
const OPEN: Id = (10, 40);
const OPEN_OK: Id = (10, 41);
const CLOSE: Id = (10, 50);
const CLOSE_OK: Id = (10, 51);
const CHANNEL_OPEN: Id = (20, 10);
const CHANNEL_OPEN_OK: Id = (20, 11);
const CHANNEL_CLOSE: Id = (20, 40);
const CHANNEL_CLOSE_OK: Id = (20, 41);
const QUEUE_DECLARE: Id = (50, 10);
const QUEUE_DECLARE_OK: Id = (50, 11);
const QUEUE_BIND: Id = (50, 20);
const QUEUE_BIND_OK: Id = (50, 21);
const QUEUE_DELETE: Id = (50, 40);
const QUEUE_DELETE_OK: Id = (50, 41);
const CONSUME: Id = (60, 20);
const CONSUME_OK: Id = (60, 21);
const PUBLISH: Id = (60, 40);
const GET: Id = (60, 70);
const GET_OK: Id = (60, 71);
const GET_EMPTY: Id = (60, 72);
const ACK: Id = (60, 80);
const CONFIRM: Id = (85, 10);
const CONFIRM_OK: Id = (85, 11);

/// Why something did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum No {
    /// Name and password are not accepted.
    Login,
    /// The broker ended the channel, and the text that came with it.
    Channel(String),
    /// The connection is gone: ended by the broker (with its text), broken, or silent.
    Gone(String),
}

pub struct Amqp {
    stream: TcpStream,
    confirms: bool,
    consuming: bool,
    /// Bodies of messages that were delivered and nobody asked for yet.
    delivered: Vec<Vec<u8>>,
    body_left: u64,
}

struct Method {
    id: Id,
    arguments: Vec<u8>,
}

/// Arguments of a method, written one after the other.
#[derive(Default)]
struct Arguments(Vec<u8>);

impl Arguments {
    fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }
    fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }
    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }
    fn short(mut self, text: &str) -> Self {
        self.0.push(u8::try_from(text.len()).expect("at most 255 bytes"));
        self.0.extend(text.as_bytes());
        self
    }
    fn long(mut self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).expect("a short text");
        self.0.extend(length.to_be_bytes());
        self.0.extend(bytes);
        self
    }
}

impl Amqp {
    /// Logs in and enters the virtual host, with a channel.
    pub async fn connect(port: (&str, u16), user: &str, password: &str, vhost: &str) -> Result<Self, No> {
        let mut amqp = Self::log_in(port, user, password).await?;
        let open = Arguments::default().short(vhost).short("").u8(0);
        amqp.call(0, OPEN, open, &[OPEN_OK]).await?;
        amqp.open_channel().await?;
        Ok(amqp)
    }

    /// As far as the broker's word that name and password are good; `No::Login` where they are not.
    pub async fn log_in(port: (&str, u16), user: &str, password: &str) -> Result<Self, No> {
        let stream = timeout(LIMIT, TcpStream::connect(port))
            .await
            .map_err(|_| No::Gone("no connection in time".to_owned()))?
            .map_err(|error| No::Gone(error.to_string()))?;
        let mut amqp = Self {
            stream,
            confirms: false,
            consuming: false,
            delivered: Vec::new(),
            body_left: 0,
        };
        amqp.write(b"AMQP\x00\x00\x09\x01").await?;
        amqp.expect(&[START]).await?;
        // With this capability the broker says that it refuses a login, instead of hanging up after a pause.
        let capabilities = Arguments::default()
            .short("authentication_failure_close")
            .u8(b't')
            .u8(1);
        let properties = Arguments::default()
            .short("capabilities")
            .u8(b'F')
            .long(&capabilities.0);
        let plain = format!("\0{user}\0{password}");
        let start_ok = Arguments::default()
            .long(&properties.0)
            .short("PLAIN")
            .long(plain.as_bytes())
            .short("en_US");
        amqp.send(0, START_OK, start_ok).await?;
        let tune = match amqp.expect(&[TUNE]).await {
            Ok(tune) => tune,
            Err(No::Gone(text)) if text.contains("ACCESS_REFUSED") => return Err(No::Login),
            Err(other) => return Err(other),
        };
        let frame_max: [u8; 4] = tune.arguments[2..6].try_into().expect("four bytes");
        // No heartbeat: nothing here waits long.
        let tune_ok = Arguments::default()
            .u16(16)
            .u32(u32::from_be_bytes(frame_max))
            .u16(0);
        amqp.send(0, TUNE_OK, tune_ok).await?;
        Ok(amqp)
    }

    async fn open_channel(&mut self) -> Result<(), No> {
        self.confirms = false;
        self.consuming = false;
        let open = Arguments::default().short("");
        self.call(1, CHANNEL_OPEN, open, &[CHANNEL_OPEN_OK]).await?;
        Ok(())
    }

    /// Says goodbye, so that the broker forgets the connection before this returns.
    pub async fn close(mut self) {
        let close = Arguments::default().u16(200).short("").u16(0).u16(0);
        drop(self.call(0, CLOSE, close, &[CLOSE_OK]).await);
    }

    /// Whether the broker still answers on this connection.
    pub async fn is_alive(&mut self) -> bool {
        // Any question will do that needs no right.
        let confirm = Arguments::default().u8(0);
        self.confirms = true;
        match self.call(1, CONFIRM, confirm, &[CONFIRM_OK]).await {
            Ok(_) | Err(No::Channel(_)) => true,
            Err(No::Login | No::Gone(_)) => false,
        }
    }

    pub async fn declare_queue(&mut self, queue: &str) -> Result<(), No> {
        let durable = 0b0010;
        let declare = Arguments::default().u16(0).short(queue).u8(durable).u32(0);
        self.call(1, QUEUE_DECLARE, declare, &[QUEUE_DECLARE_OK])
            .await
            .map(drop)
    }

    pub async fn delete_queue(&mut self, queue: &str) -> Result<(), No> {
        let delete = Arguments::default().u16(0).short(queue).u8(0);
        self.call(1, QUEUE_DELETE, delete, &[QUEUE_DELETE_OK])
            .await
            .map(drop)
    }

    pub async fn bind(&mut self, queue: &str, exchange: &str) -> Result<(), No> {
        let bind = Arguments::default()
            .u16(0)
            .short(queue)
            .short(exchange)
            .short("suite")
            .u8(0)
            .u32(0);
        self.call(1, QUEUE_BIND, bind, &[QUEUE_BIND_OK]).await.map(drop)
    }

    /// Takes one message, or hears that there is none.
    pub async fn get(&mut self, queue: &str) -> Result<(), No> {
        let no_ack = 1;
        let get = Arguments::default().u16(0).short(queue).u8(no_ack);
        self.call(1, GET, get, &[GET_OK, GET_EMPTY]).await.map(drop)
    }

    /// Publishes, and waits until the broker has taken the message.
    pub async fn publish(&mut self, exchange: &str, key: &str, body: &[u8]) -> Result<(), No> {
        if !self.confirms {
            let confirm = Arguments::default().u8(0);
            self.call(1, CONFIRM, confirm, &[CONFIRM_OK]).await?;
            self.confirms = true;
        }
        let publish = Arguments::default().u16(0).short(exchange).short(key).u8(0);
        self.send(1, PUBLISH, publish).await?;
        let size = u32::try_from(body.len()).expect("a short message");
        let header = Arguments::default().u16(60).u16(0).u32(0).u32(size).u16(0);
        self.frame(HEADER, 1, &header.0).await?;
        self.frame(BODY, 1, body).await?;
        self.answer(&[ACK]).await.map(drop)
    }

    pub fn is_consuming(&self) -> bool {
        self.consuming
    }

    pub async fn consume(&mut self, queue: &str) -> Result<(), No> {
        let no_ack = 0b0010;
        let consume = Arguments::default()
            .u16(0)
            .short(queue)
            .short("suite")
            .u8(no_ack)
            .u32(0);
        self.call(1, CONSUME, consume, &[CONSUME_OK]).await?;
        self.consuming = true;
        Ok(())
    }

    /// Whether a message with this body is delivered before the time is up.
    pub async fn receives(&mut self, body: &[u8], within: Duration) -> bool {
        let wait = async {
            loop {
                if self.delivered.iter().any(|one| one == body) {
                    return true;
                }
                if self.next().await.is_err() {
                    return false;
                }
            }
        };
        timeout(within, wait).await.unwrap_or(false)
    }

    // ---- frames

    async fn call(
        &mut self,
        channel: u16,
        id: Id,
        arguments: Arguments,
        answers: &[Id],
    ) -> Result<Method, No> {
        self.send(channel, id, arguments).await?;
        self.answer(answers).await
    }

    async fn answer(&mut self, answers: &[Id]) -> Result<Method, No> {
        match self.expect(answers).await {
            // The channel is gone with it: the next call gets a new one.
            Err(No::Channel(text)) => {
                Box::pin(self.open_channel()).await?;
                Err(No::Channel(text))
            }
            other => other,
        }
    }

    async fn send(&mut self, channel: u16, id: Id, arguments: Arguments) -> Result<(), No> {
        let mut payload = Vec::new();
        payload.extend(id.0.to_be_bytes());
        payload.extend(id.1.to_be_bytes());
        payload.extend(arguments.0);
        self.frame(METHOD, channel, &payload).await
    }

    async fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) -> Result<(), No> {
        let mut bytes = vec![kind];
        bytes.extend(channel.to_be_bytes());
        bytes.extend(u32::try_from(payload.len()).expect("a short frame").to_be_bytes());
        bytes.extend(payload);
        bytes.push(FRAME_END);
        self.write(&bytes).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), No> {
        let written = timeout(LIMIT, self.stream.write_all(bytes)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(No::Gone(error.to_string())),
            Err(_) => Err(No::Gone("it takes nothing".to_owned())),
        }
    }

    /// Reads on until one of these comes; deliveries on the way are kept.
    async fn expect(&mut self, answers: &[Id]) -> Result<Method, No> {
        let wait = async {
            loop {
                if let Some(method) = self.next().await?
                    && answers.contains(&method.id)
                {
                    return Ok(method);
                }
            }
        };
        match timeout(LIMIT, wait).await {
            Ok(answer) => answer,
            Err(_) => Err(No::Gone("no answer in time".to_owned())),
        }
    }

    /// The next frame; the method in it, if it is one.
    async fn next(&mut self) -> Result<Option<Method>, No> {
        let gone = |error: std::io::Error| No::Gone(error.to_string());
        let mut head = [0; 7];
        self.stream.read_exact(&mut head).await.map_err(gone)?;
        let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
        let mut payload = vec![0; length + 1];
        self.stream.read_exact(&mut payload).await.map_err(gone)?;
        assert_eq!(payload.pop(), Some(FRAME_END), "a frame ends with its mark");
        match head[0] {
            METHOD => self.method(payload).await.map(Some),
            HEADER => {
                let size: [u8; 8] = payload[4..12].try_into().expect("eight bytes");
                self.body_left = u64::from_be_bytes(size);
                self.delivered.push(Vec::new());
                Ok(None)
            }
            BODY => {
                self.body_left = self.body_left.saturating_sub(payload.len() as u64);
                self.delivered.last_mut().expect("a header first").extend(payload);
                Ok(None)
            }
            HEARTBEAT => Ok(None),
            other => panic!("a frame of kind {other}"),
        }
    }

    async fn method(&mut self, payload: Vec<u8>) -> Result<Method, No> {
        let number = |at: usize| u16::from_be_bytes([payload[at], payload[at + 1]]);
        let id = (number(0), number(2));
        let arguments = payload[4..].to_vec();
        // Both closes: a number, then a text.
        let text = || {
            let length = usize::from(arguments[2]);
            String::from_utf8_lossy(&arguments[3..3 + length]).into_owned()
        };
        match id {
            CLOSE => {
                let text = text();
                drop(self.send(0, CLOSE_OK, Arguments::default()).await);
                Err(No::Gone(text))
            }
            CHANNEL_CLOSE => {
                let text = text();
                self.send(1, CHANNEL_CLOSE_OK, Arguments::default()).await?;
                Err(No::Channel(text))
            }
            _ => Ok(Method { id, arguments }),
        }
    }
}
