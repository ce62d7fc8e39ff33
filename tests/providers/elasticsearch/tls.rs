//! TLS before the simulated cluster: whoever answers must prove to be who was configured, by the authority that was configured.

use std::sync::Arc;

use latchkey::providers::ErrorKind;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{CONNECTOR, Elastic, World, on};
use crate::{
    desk::{Desk, person},
    target::Case,
    vertica::fake::certificates::Certificates,
};

/// Takes TLS off on the way to the simulator. The port it listens on.
async fn front(world: &World, certificates: &Certificates) -> (u16, tokio::task::JoinHandle<()>) {
    let upstream = world.cluster.url.trim_start_matches("http://").to_owned();
    let acceptor = TlsAcceptor::from(Arc::clone(&certificates.server));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let task = tokio::spawn(async move {
        while let Ok((incoming, _)) = listener.accept().await {
            let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
            tokio::spawn(async move {
                // Whoever does not like the certificate hangs up here.
                let Ok(mut outer) = acceptor.accept(incoming).await else {
                    return;
                };
                let Ok(mut inner) = TcpStream::connect(upstream).await else {
                    return;
                };
                drop(tokio::io::copy_bidirectional(&mut outer, &mut inner).await);
            });
        }
    });
    (port, task)
}

pub async fn only_a_proven_cluster_is_spoken_to(kind: &Elastic) -> Case {
    let world = kind.world().await;
    if world.fake().is_none() {
        return Case::not_applicable("a real cluster has the certificate it has");
    }
    let certificates = match Certificates::make() {
        Ok(certificates) => certificates,
        Err(why) => return Case::not_applicable(why),
    };
    let (port, task) = front(&world, &certificates).await;
    let place = certificates.place().display().to_string();
    let build = |host: &str, ca: Option<&str>| {
        let ca = ca.map_or_else(String::new, |ca| format!("tls_ca = \"file:{place}/{ca}\""));
        world.build(&format!("https://{host}:{port}"), "suite", CONNECTOR, &ca)
    };
    // The certificate is for `localhost`, of `ca.crt`.
    for (host, ca) in [
        ("localhost", None),
        ("localhost", Some("other-ca.crt")),
        ("localhost", Some("nothing-here.crt")),
        ("127.0.0.1", Some("ca.crt")),
    ] {
        let error = build(host, ca).check().await.expect_err("nothing was proven");
        assert_eq!(error.kind, ErrorKind::Denied, "{host} {ca:?}: {error}");
    }
    let provider = build("localhost", Some("ca.crt"));
    provider.check().await.expect("a proven cluster");
    let thing = on("suite-orders", "read");
    let mut desk = Desk::with(&world, person(1), provider);
    desk.open(&thing).await;
    let answer = desk.settled().await.remove(0);
    desk.expect(&thing, true, "over TLS").await;
    assert!(
        answer.details.notes.iter().any(|note| note.contains("--cacert")),
        "the person is told: {:?}",
        answer.details.notes
    );
    task.abort();
    Case::Passed
}
