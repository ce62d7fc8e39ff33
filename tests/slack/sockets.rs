//! Socket Mode: always there, whatever happens to a connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, routing::post};
use latchkey::{
    chat::slack::{SlackChat, SocketSettings},
    demo::slack::Disconnect,
    secrets::Secret,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_tungstenite::{accept_async, tungstenite::Message as Frame};

use crate::harness::{Door, SOON, World, handle, impatient, settings, words, world};

async fn answers(world: &World) {
    let reply = world
        .ann()
        .types("/access mine")
        .await
        .expect("taken")
        .expect("an answer");
    assert!(world.ann().as_text(&reply).contains("here"));
}

#[tokio::test]
async fn a_connection_is_replaced_when_slack_asks_and_when_it_breaks() {
    let world = world(Door::Socket, |_| words("here")).await;
    for how in [
        Disconnect::Refresh,
        Disconnect::Warning,
        Disconnect::LinkDisabled,
        Disconnect::Cut,
    ] {
        answers(&world).await;
        let opened = world.slack.calls_to("apps.connections.open").len();
        assert!(world.slack.disconnect(how) >= 1, "{how:?}");
        let again = world.slack.until(SOON, |slack| {
            (slack.calls_to("apps.connections.open").len() > opened && slack.connected() >= 1).then_some(())
        });
        assert!(again.await.is_some(), "{how:?}");
        world.socket.as_ref().expect("a socket").connected().await;
        answers(&world).await;
    }
}

#[tokio::test]
async fn when_slack_is_back_so_are_we() {
    let world = world(Door::Socket, |_| words("here")).await;
    world.slack.go_down();
    let socket = world.socket.as_ref().expect("a socket");
    let noticed = async {
        while socket.is_connected() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, noticed).await.expect("it notices");
    world.slack.come_back();
    assert!(world.slack.until_connected(1, SOON).await);
    answers(&world).await;
}

#[tokio::test]
async fn stopped_it_takes_nothing_more() {
    let mut world = world(Door::Socket, |_| words("here")).await;
    answers(&world).await;
    world.socket.take().expect("a socket").stop().await;
    let gone = world
        .slack
        .until(SOON, |slack| (slack.connected() == 0).then_some(()));
    assert!(gone.await.is_some());
    world.ann().types("/access mine").await.expect_err("nobody there");
    assert_eq!(world.heard().len(), 1);
}

/// A server that says hello, and then nothing, not even to a ping; counts who came.
async fn mute() -> (String, Arc<AtomicUsize>) {
    let came = Arc::new(AtomicUsize::new(0));
    let sockets = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let url = format!(
        "ws://{}/link?ticket=secret-ticket",
        sockets.local_addr().expect("bound")
    );
    let count = came.clone();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = sockets.accept().await {
            let mut socket = accept_async(stream).await.expect("a web socket");
            futures_util::SinkExt::send(&mut socket, Frame::text(json!({"type": "hello"}).to_string()))
                .await
                .expect("sent");
            count.fetch_add(1, Ordering::SeqCst);
            kept.push(socket);
        }
    });
    let door = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let base = format!("http://{}/api", door.local_addr().expect("bound"));
    let open = move || async move { Json(json!({"ok": true, "url": url})) };
    let routes = Router::new().route("/api/apps.connections.open", post(open));
    tokio::spawn(async move { axum::serve(door, routes).await.expect("serves") });
    (base, came)
}

#[tokio::test]
async fn a_silent_connection_is_given_up() {
    latchkey::install_crypto();
    let (base, came) = mute().await;
    let chat = SlackChat::new(settings(base)).expect("an address on this machine");
    let quick = SocketSettings {
        silence: Duration::from_millis(200),
        ..impatient()
    };
    let nothing = handle(Arc::default(), Arc::new(|_| (Duration::ZERO, words("x"))));
    let socket = chat.start_socket(Secret::new("xapp-x"), nothing, quick);
    let again = async {
        while came.load(Ordering::SeqCst) < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, again)
        .await
        .expect("it comes again and again");
    tokio::time::timeout(SOON, socket.stop())
        .await
        .expect("and stops");
}

#[tokio::test]
async fn an_idle_connection_that_answers_pings_is_kept() {
    let world = world(Door::Socket, |_| words("here")).await;
    let quick = SocketSettings {
        silence: Duration::from_millis(300),
        ..impatient()
    };
    let nothing = handle(Arc::default(), Arc::new(|_| (Duration::ZERO, words("x"))));
    let token = Secret::new("xapp-demo-only-not-a-token");
    let socket = world.chat.clone().start_socket(token, nothing, quick);
    socket.connected().await;
    let opened = world.slack.calls_to("apps.connections.open").len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.slack.calls_to("apps.connections.open").len(), opened);
    socket.stop().await;
}
