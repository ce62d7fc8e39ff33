//! The driver itself, as far as it gets without a database: a listener that refuses, hangs up, says nothing, or shows a
//! certificate. The packets are those of the network protocol (TNS): CONNECT in, REFUSE out.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use latchkey::{
    providers::{ErrorKind, Mark, Provider, ProviderError, Setup, oracle::REGISTRATION},
    secrets::Secret,
};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::Oracle;
use crate::target::Case;

/// What a listener does with whoever connects.
#[derive(Clone)]
enum Manner {
    Refuse(u32),
    HangUp,
    SayNothing,
    /// TLS first, then refuse.
    Sealed(Arc<ServerConfig>),
}

struct Listener {
    port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Listener {
    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        // Ends with the process: nobody connects any more by then.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (manner, hears) = (manner.clone(), Arc::clone(&hears));
                std::thread::spawn(move || drop(serve(stream, &manner, &hears)));
            }
        });
        Self { port, heard }
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().expect("bytes")).into_owned()
    }
}

fn serve(mut stream: TcpStream, manner: &Manner, hears: &Mutex<Vec<u8>>) -> std::io::Result<()> {
    match manner {
        Manner::Refuse(code) => refuse(&mut stream, *code, hears),
        Manner::HangUp => Ok(()),
        Manner::SayNothing => {
            // Until the other end is gone.
            let mut sink = Vec::new();
            stream.read_to_end(&mut sink).map(drop)
        }
        Manner::Sealed(config) => {
            let connection = ServerConnection::new(Arc::clone(config)).map_err(std::io::Error::other)?;
            refuse(&mut StreamOwned::new(connection, stream), 12514, hears)
        }
    }
}

/// Reads a CONNECT packet, with the data that may follow in a packet of its own, and answers REFUSE.
fn refuse(stream: &mut (impl Read + Write), code: u32, hears: &Mutex<Vec<u8>>) -> std::io::Result<()> {
    let mut head = [0; 8];
    stream.read_exact(&mut head)?;
    let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
    let mut body = vec![0; length.saturating_sub(8)];
    stream.read_exact(&mut body)?;
    hears.lock().expect("bytes").extend(&body);
    let text = format!(
        "(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR={code})(ERROR_STACK=(ERROR=(CODE={code})(EMFI=4))))"
    );
    let length = u16::try_from(8 + 4 + text.len()).expect("a small packet");
    let mut packet = Vec::from(length.to_be_bytes());
    // Checksum, type REFUSE, flags, checksum of the head; two reasons, then the text.
    packet.extend([0, 0, 4, 0, 0, 0, 34, 0]);
    packet.extend(u16::try_from(text.len()).expect("a small text").to_be_bytes());
    packet.extend(text.as_bytes());
    stream.write_all(&packet)?;
    stream.flush()?;
    // The client hangs up first; what else it sent is the rest of its connect data.
    let mut rest = [0; 4096];
    while let Ok(count) = stream.read(&mut rest) {
        if count == 0 {
            break;
        }
        hears.lock().expect("bytes").extend(&rest[..count]);
    }
    Ok(())
}

fn provider(host: &str, port: u16, more: &[(&str, &str)], base: &Path) -> Box<dyn Provider> {
    let mut config = toml::Table::from_iter([
        ("hostname".to_owned(), toml::Value::from(host)),
        ("port".to_owned(), i64::from(port).into()),
        ("service_name".to_owned(), "NOT_THERE".into()),
    ]);
    config.extend(
        more.iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).into())),
    );
    let secret = BTreeMap::from([
        ("username".to_owned(), Secret::new("latchkey")),
        ("password".to_owned(), Secret::new("own-Pw-9x8y7z")),
    ]);
    let setup = Setup {
        mark: Mark::new("suite", "billing-ora"),
        config,
        secret,
        base_dir: base.to_owned(),
    };
    (REGISTRATION.build)(setup).expect("a provider")
}

async fn refused(provider: Box<dyn Provider>) -> ProviderError {
    provider.check().await.expect_err("there is no database")
}

pub async fn the_listener_refuses(_kind: &Oracle) -> Case {
    let open = [("tls", "disable")];
    let here = Path::new(".");
    let (refusing, demanding, busy, gone, mute) = (
        Listener::start(Manner::Refuse(12514)),
        Listener::start(Manner::Refuse(12660)),
        Listener::start(Manner::Refuse(12516)),
        Listener::start(Manner::HangUp),
        Listener::start(Manner::SayNothing),
    );
    let nobody = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let nobody = nobody.local_addr().expect("its address").port();
    let ask = |port| refused(provider("127.0.0.1", port, &open, here));
    let (unknown, sealed, full, dropped, silent, absent) = tokio::join!(
        ask(refusing.port),
        ask(demanding.port),
        ask(busy.port),
        ask(gone.port),
        ask(mute.port),
        ask(nobody),
    );
    for (error, kind, word) in [
        (&unknown, ErrorKind::Transient, "12514"),
        (&sealed, ErrorKind::Denied, "TLS"),
        (&full, ErrorKind::Transient, "12516"),
        (&dropped, ErrorKind::Transient, ""),
        (&silent, ErrorKind::Transient, "did not answer"),
        (&absent, ErrorKind::Transient, ""),
    ] {
        assert_eq!(error.kind, kind, "{error}");
        assert!(
            error.message.contains(word) && !error.message.is_empty(),
            "{error}"
        );
        assert!(!error.message.contains("own-Pw"), "an error holds a secret");
    }
    // What a listener is told of us, without being asked, is our name and not the machine's or its user's.
    let heard = refusing.heard();
    for told in [
        "PROGRAM=latchkey",
        "HOST=latchkey",
        "USER=latchkey",
        "SERVICE_NAME=NOT_THERE",
    ] {
        assert!(heard.contains(told), "{told} is not in {heard}");
    }
    Case::Passed
}

/// Two authorities, and a certificate of the first for the name `localhost`.
fn certificates(place: &Path) -> Result<(), String> {
    let script = r#"set -e; cd "$1"
for ca in ca other-ca; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=test $ca" \
    -keyout $ca.key -out $ca.crt -addext basicConstraints=critical,CA:TRUE
done
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=localhost" -keyout server.key -out server.csr
printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n' > extensions
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out server.crt -extfile extensions"#;
    let out = Command::new("sh").args(["-c", script, "sh"]).arg(place).output();
    let out = out.map_err(|error| error.to_string())?;
    if out.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&out.stderr).into_owned())
    }
}

fn server_config(place: &Path) -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_file(place.join("server.crt")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(place.join("server.key")).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a pair");
    Arc::new(config)
}

pub async fn the_certificate_is_checked(_kind: &Oracle) -> Case {
    let place = tempfile::tempdir().expect("a place");
    if let Err(error) = certificates(place.path()) {
        return Case::not_applicable(format!("no certificates without openssl: {error}"));
    }
    let sealed = Listener::start(Manner::Sealed(server_config(place.path())));
    let ask = |host: &'static str, ca: Option<&'static str>| {
        let ca: Vec<(&str, &str)> = ca.into_iter().map(|file| ("tls_ca", file)).collect();
        refused(provider(host, sealed.port, &ca, place.path()))
    };
    let (right, wrong, none, name, missing, empty) = tokio::join!(
        ask("localhost", Some("file:ca.crt")),
        ask("localhost", Some("file:other-ca.crt")),
        ask("localhost", None),
        ask("127.0.0.1", Some("file:ca.crt")),
        ask("localhost", Some("file:nothing-here.crt")),
        ask("localhost", Some("file:server.key")),
    );
    assert!(
        right.kind == ErrorKind::Transient && right.message.contains("12514"),
        "it got as far as the listener's own answer: {right}"
    );
    for error in [&wrong, &none, &name, &missing, &empty] {
        assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    }
    assert!(wrong.message.contains("certificate"), "{wrong}");
    // Without a certificate that is known, nothing was said.
    assert_eq!(sealed.heard().matches("SERVICE_NAME").count(), 1);
    Case::Passed
}
