//! A bot whose answers the test decides, between a person and the Slack-compatible server.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::Utc;
use latchkey::{
    chat::{
        Block, Button, Handle, Inbound, Message, Modal, Reply, What,
        slack::{Clock, SlackChat, SlackSettings, Socket, SocketSettings},
        surface::{Act, Callback},
    },
    demo::slack::{
        Actor, FakeChannel, FakeGroup, FakePerson, Guest, Options, RequestUrls, SlackServer, Transport, start,
    },
    secrets::Secret,
};
use tokio::{net::TcpListener, task::JoinHandle};

pub const SOON: Duration = Duration::from_secs(5);
/// The bot acknowledges empty after this, and Slack gives up at `SLACK_WAITS`.
pub const ACK: Duration = Duration::from_millis(400);
pub const SLACK_WAITS: Duration = Duration::from_millis(1200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Socket,
    Http,
}

pub const DOORS: [Door; 2] = [Door::Socket, Door::Http];

/// What the bot does with what comes in, after how long.
pub type Answering = Arc<dyn Fn(&Inbound) -> (Duration, Reply) + Send + Sync>;

pub struct World {
    pub slack: SlackServer,
    pub chat: Arc<SlackChat>,
    pub socket: Option<Socket>,
    /// `http://127.0.0.1:PORT` of our own door.
    pub door: Option<String>,
    pub calls: Arc<Mutex<Vec<(&'static str, &'static str)>>>,
    heard: Arc<Mutex<Vec<Inbound>>>,
    serving: Option<JoinHandle<()>>,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

impl World {
    pub fn ann(&self) -> Actor {
        self.slack.person("ann")
    }

    pub fn heard(&self) -> Vec<Inbound> {
        self.heard.lock().expect("no panic").clone()
    }

    /// Nothing that Slack complained about behind the scenes.
    pub fn expect_no_complaints(&self) {
        assert_eq!(self.slack.late_acks(), 0, "late acknowledgements");
        assert_eq!(
            self.slack.unwanted_payloads(),
            0,
            "answers where Slack takes none"
        );
        let refused: Vec<_> = self
            .slack
            .calls()
            .into_iter()
            .filter(|call| call.answered != "ok")
            .collect();
        assert!(refused.is_empty(), "{refused:?}");
    }
}

pub fn people() -> Vec<FakePerson> {
    let member = FakePerson::member;
    vec![
        FakePerson {
            tz: "Europe/Berlin".into(),
            ..member("U0ANN", "ann", "Ann A")
        },
        member("U0BOB", "bob", "Bob B"),
        FakePerson {
            guest: Guest::MultiChannel,
            ..member("U0GUEST", "guest", "Guest G")
        },
        FakePerson {
            guest: Guest::SingleChannel,
            ..member("U0GUEST1", "single", "Single G")
        },
        FakePerson {
            foreign_team: Some("T0OTHER".into()),
            ..member("U0STRANGE", "strange", "Stranger S")
        },
        FakePerson {
            is_bot: true,
            ..member("U0BOT", "bot", "Bot")
        },
        FakePerson {
            deleted: true,
            ..member("U0GONE", "gone", "Gone G")
        },
        FakePerson {
            email_confirmed: false,
            ..member("U0UNSURE", "unsure", "Unsure U")
        },
    ]
}

pub fn options() -> Options {
    let mut options = Options::new(people());
    options.channels = vec![
        FakeChannel::public("C0DBA", "dba", &["U0ANN", "U0BOB", "U0STRANGE"]),
        FakeChannel {
            is_ext_shared: true,
            ..FakeChannel::public("C0SHARED", "shared", &["U0ANN"])
        },
        FakeChannel {
            has_app: false,
            ..FakeChannel::public("C0OUT", "out", &["U0ANN"])
        },
        FakeChannel {
            has_app: false,
            is_private: true,
            ..FakeChannel::public("C0PRIV", "priv", &["U0ANN"])
        },
        FakeChannel {
            is_archived: true,
            ..FakeChannel::public("C0OLD", "old", &["U0ANN"])
        },
    ];
    options.groups = Some(vec![FakeGroup {
        id: "S0DBA".into(),
        handle: "dba".into(),
        name: "DBA".into(),
        members: vec!["U0BOB".into(), "U0ANN".into()],
        disabled: false,
    }]);
    options.ack_limit = SLACK_WAITS;
    options
}

#[expect(clippy::disallowed_methods, reason = "the server signs by the wall clock")]
pub fn clock() -> Clock {
    Arc::new(Utc::now)
}

pub fn settings(api_url: String) -> SlackSettings {
    SlackSettings {
        api_url,
        ack_limit: ACK,
        pace: Duration::ZERO,
        ..SlackSettings::new("T0TEAM", Secret::new("xoxb-demo-only-not-a-token"), clock())
    }
}

pub async fn world(door: Door, answering: impl Fn(&Inbound) -> Reply + Send + Sync + 'static) -> World {
    slow_world(
        door,
        options(),
        |_| {},
        move |inbound| (Duration::ZERO, answering(inbound)),
    )
    .await
}

pub async fn slow_world(
    door: Door,
    options: Options,
    change: impl FnOnce(&mut SlackSettings),
    answering: impl Fn(&Inbound) -> (Duration, Reply) + Send + Sync + 'static,
) -> World {
    latchkey::install_crypto();
    let heard: Arc<Mutex<Vec<Inbound>>> = Arc::default();
    let handle = handle(heard.clone(), Arc::new(answering));
    let (slack, listener) = slack(door, options).await;
    let calls: Arc<Mutex<Vec<(&'static str, &'static str)>>> = Arc::default();
    let mut settings = settings(slack.api_base());
    let told = calls.clone();
    settings.on_call =
        Arc::new(move |method, outcome| told.lock().expect("no panic").push((method, outcome)));
    change(&mut settings);
    let chat = SlackChat::new(settings).expect("an address on this machine");
    let mut world = World {
        slack,
        chat,
        socket: None,
        door: None,
        calls,
        heard,
        serving: None,
    };
    match listener {
        None => {
            let token = Secret::new("xapp-demo-only-not-a-token");
            let socket = world.chat.clone().start_socket(token, handle, impatient());
            socket.connected().await;
            world.socket = Some(socket);
        }
        Some(listener) => {
            world.door = Some(format!("http://{}", listener.local_addr().expect("bound")));
            let routes = world
                .chat
                .clone()
                .routes(Secret::new("demo-only-not-a-secret"), handle, clock());
            world.serving = Some(tokio::spawn(async move {
                axum::serve(listener, routes).await.expect("serves until aborted");
            }));
        }
    }
    world
}

/// Reconnects at once.
pub fn impatient() -> SocketSettings {
    SocketSettings {
        first_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(100),
        ..SocketSettings::default()
    }
}

async fn slack(door: Door, mut options: Options) -> (SlackServer, Option<TcpListener>) {
    let listener = match door {
        Door::Socket => None,
        Door::Http => {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
            let base = format!("http://{}/slack", listener.local_addr().expect("bound"));
            options.transport = Transport::Http(RequestUrls {
                commands: format!("{base}/commands"),
                interactivity: format!("{base}/interactions"),
                options: format!("{base}/options"),
                events: format!("{base}/events"),
            });
            Some(listener)
        }
    };
    (start(options).await.expect("the server starts"), listener)
}

pub fn handle(heard: Arc<Mutex<Vec<Inbound>>>, answering: Answering) -> Handle {
    Arc::new(move |inbound| {
        heard.lock().expect("no panic").push(inbound.clone());
        let answering = answering.clone();
        Box::pin(async move {
            let (pause, reply) = answering(&inbound);
            tokio::time::sleep(pause).await;
            reply
        })
    })
}

pub fn words(text: &str) -> Reply {
    Reply::Private(Message::words(text))
}

pub fn say(line: &str) -> Act {
    Act::Say { line: line.into() }
}

/// A private message with one button.
pub fn asks(text: &str, label: &str) -> Reply {
    Reply::Private(with_button(text, label))
}

pub fn with_button(text: &str, label: &str) -> Message {
    let blocks = vec![
        Block::Text(text.into()),
        Block::Buttons(vec![Button::new(label, say(label))]),
    ];
    Message {
        text: text.into(),
        blocks,
    }
}

pub fn modal(title: &str, blocks: Vec<Block>) -> Modal {
    Modal {
        title: title.into(),
        submit: blocks
            .iter()
            .any(|block| matches!(block, Block::Input(_)))
            .then(|| "Ask".into()),
        close: "Cancel".into(),
        callback: Callback::Request.as_text(),
        blocks,
    }
}

/// The line of a `Say` button.
pub fn line(inbound: &Inbound) -> &str {
    match &inbound.what {
        What::Button {
            act: Act::Say { line },
        } => line,
        _ => "",
    }
}
