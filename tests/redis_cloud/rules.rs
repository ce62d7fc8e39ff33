//! Every rule we create or offer, on a real Redis server: that it is one, and what it allows. Holds the simulator's own
//! judgement against the server's too.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use latchkey::demo::redis_cloud::{Options, allows, commands};

use crate::rig::skipped;

struct Server {
    child: Child,
    stream: BufReader<TcpStream>,
    // Removed when the server is gone.
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    /// `None` where there is no Redis server on this machine.
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .expect("a port")
            .port();
        let folder = tempfile::tempdir().expect("a folder");
        let child = ["redis-server", "/usr/bin/redis-server", "valkey-server"]
            .into_iter()
            .find_map(|program| {
                Command::new(program)
                    .args([
                        "--bind",
                        "127.0.0.1",
                        "--port",
                        &port.to_string(),
                        "--save",
                        "",
                        "--appendonly",
                        "no",
                    ])
                    .arg("--dir")
                    .arg(folder.path())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .ok()
            })?;
        let until = Instant::now() + Duration::from_secs(20);
        let stream = loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < until, "the server does not listen: {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a time limit");
        Some(Self {
            child,
            stream: BufReader::new(stream),
            _folder: folder,
        })
    }

    /// A command and its answer: simple text, error with its `-`, or the bulk text.
    fn ask(&mut self, words: &[&str]) -> String {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream
            .get_mut()
            .write_all(request.as_bytes())
            .expect("a connection");
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("an answer");
        let line = line.trim_end();
        match line.strip_prefix('$') {
            None => line.to_owned(),
            Some(length) => {
                let mut text = vec![0; length.parse::<usize>().expect("a length") + 2];
                self.stream.read_exact(&mut text).expect("the rest");
                String::from_utf8_lossy(&text).trim_end().to_owned()
            }
        }
    }

    fn set_rule(&mut self, rule: &str) -> String {
        let mut words = vec!["ACL", "SETUSER", "probe", "reset", "on", "nopass"];
        words.extend(rule.split_whitespace());
        self.ask(&words)
    }
}

/// Arguments that satisfy a command, with its key where it takes one.
fn arguments(command: &str) -> Vec<&str> {
    match command {
        "set" => vec!["stream:1", "v"],
        "xadd" => vec!["stream:1", "*", "f", "v"],
        "keys" => vec!["*"],
        "ping" | "flushall" | "shutdown" => vec![],
        _ => vec!["stream:1"],
    }
}

#[test]
fn rules_are_what_a_real_server_takes_them_for() {
    let Some(mut server) = Server::start() else {
        skipped(
            "redis_cloud::rules::rules_are_what_a_real_server_takes_them_for",
            "no redis-server (apt-get install redis-server)",
        );
        return;
    };
    let offered = Options::team().rules.into_iter().map(|(_, acl, _)| acl);
    let rules: Vec<String> = offered
        .chain(["-@all".to_owned(), "+@all -@all +get ~stream:*".to_owned()])
        .collect();
    let mut judged = 0;
    for rule in &rules {
        assert_eq!(server.set_rule(rule), "+OK", "{rule}");
        for (command, _) in commands() {
            let mut words = vec!["ACL", "DRYRUN", "probe", command];
            words.extend(arguments(command));
            let answer = server.ask(&words);
            let real = answer == "+OK";
            assert!(real || answer.contains("permissions"), "{command}: {answer}");
            assert_eq!(
                allows(rule, command, "stream:1"),
                real,
                "{command} by {rule}: the server says {answer}"
            );
            judged += 1;
        }
    }
    assert!(judged >= 50);
    // What each is for, in so many words.
    for (rule, command, yes) in [
        ("+@read ~*", "get", true),
        ("+@read ~*", "set", false),
        ("+@all -@dangerous ~*", "set", true),
        ("+@all -@dangerous ~*", "flushall", false),
        ("+@all ~*", "flushall", true),
        ("-@all", "get", false),
        ("-@all", "ping", false),
    ] {
        server.set_rule(rule);
        let mut words = vec!["ACL", "DRYRUN", "probe", command];
        words.extend(arguments(command));
        assert_eq!(server.ask(&words) == "+OK", yes, "{command} by {rule}");
    }
}

/// A rule that the vendor would refuse is refused by the server too: the test can fail.
#[test]
fn nonsense_is_no_rule() {
    let Some(mut server) = Server::start() else {
        skipped(
            "redis_cloud::rules::nonsense_is_no_rule",
            "no redis-server (apt-get install redis-server)",
        );
        return;
    };
    for rule in ["+@reed ~*", "read", "+no-such-command"] {
        assert!(server.set_rule(rule).starts_with("-ERR"), "{rule}");
    }
}

/// Why taking back changes the role and not only the password: a changed password leaves a live connection its rights, a
/// changed rule is felt by its next command, and only deleting drops it.
#[test]
fn a_live_connection_feels_rules_and_not_passwords() {
    let Some(mut server) = Server::start() else {
        skipped(
            "redis_cloud::rules::a_live_connection_feels_rules_and_not_passwords",
            "no redis-server (apt-get install redis-server)",
        );
        return;
    };
    let address = server.stream.get_ref().peer_addr().expect("an address");
    server.ask(&["ACL", "SETUSER", "ann", "reset", "on", ">one", "+@read", "~*"]);
    let mut ann = Connection(BufReader::new(TcpStream::connect(address).expect("a connection")));
    assert_eq!(ann.ask("AUTH ann one").as_deref(), Some("+OK"));
    assert_eq!(ann.ask("GET k").as_deref(), Some("$-1"));
    server.ask(&["ACL", "SETUSER", "ann", "resetpass", ">two"]);
    assert_eq!(
        ann.ask("GET k").as_deref(),
        Some("$-1"),
        "the password alone ends nothing"
    );
    server.ask(&["ACL", "SETUSER", "ann", "-@all"]);
    assert!(
        ann.ask("GET k")
            .is_some_and(|answer| answer.starts_with("-NOPERM"))
    );
    server.ask(&["ACL", "DELUSER", "ann"]);
    assert_eq!(ann.ask("GET k"), None, "deleting closes the connection");
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    /// `None` when the connection is closed.
    fn ask(&mut self, line: &str) -> Option<String> {
        self.0
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes())
            .ok()?;
        let mut answer = String::new();
        match self.0.read_line(&mut answer) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(answer.trim_end().to_owned()),
        }
    }
}
