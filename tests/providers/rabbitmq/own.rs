//! What is RabbitMQ's alone.

use std::time::Duration;

use futures_util::future::BoxFuture;
use latchkey::providers::Presence;
use serde_json::json;

use super::{Broker, Rabbit, amqp::Amqp, amqp::No, server::quoted, thing};
use crate::{
    desk::{Desk, person},
    target::{Case, Target},
};

pub fn cases(rabbit: &Rabbit) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
    vec![
        (
            "consumers_outlive_their_permission",
            Box::pin(run(rabbit, outlive)),
        ),
        ("names_are_not_patterns", Box::pin(run(rabbit, patterns))),
        ("binding_takes_both_leases", Box::pin(run(rabbit, binding))),
        (
            "what_others_widen_is_narrowed_again",
            Box::pin(run(rabbit, widened)),
        ),
        (
            "rotation_keeps_tags_and_permissions",
            Box::pin(run(rabbit, rotation)),
        ),
        (
            "a_deleted_queue_does_not_end_its_lease",
            Box::pin(run(rabbit, queues_go)),
        ),
    ]
}

type Body = for<'b> fn(&'b Broker) -> BoxFuture<'b, ()>;

async fn run(rabbit: &Rabbit, body: Body) -> Case {
    let broker = rabbit.broker().await;
    body(&broker).await;
    broker.done().await;
    Case::Passed
}

async fn opened(desk: &mut Desk<'_>, broker: &Broker, vhost: &str) -> Amqp {
    let login = desk.login(&broker.offer().read);
    let credential = desk.credential(&broker.offer().read);
    let entered = broker.enter(&login, &credential, vhost).await;
    entered.unwrap_or_else(|no| panic!("{login} into {vhost}: {no:?}"))
}

/// The fact that all the closing is for: without it the broker goes on delivering.
fn outlive(broker: &Broker) -> BoxFuture<'_, ()> {
    Box::pin(async move {
        let read = broker.offer().read;
        let mut desk = Desk::new(broker, person(1));
        let lease = desk.open(&read).await;
        desk.settled().await;
        let mut amqp = opened(&mut desk, broker, &broker.prod).await;
        amqp.consume("orders").await.expect("it may read");
        let login = desk.login(&read);
        let permission = format!("/permissions/{}/{}", quoted(&broker.prod), quoted(&login));
        broker.server.delete(&permission).await;
        broker
            .server
            .publish(&broker.prod, "orders", "after the permission")
            .await;
        let wait = Duration::from_secs(5);
        assert!(
            amqp.receives(b"after the permission", wait).await,
            "the broker cuts consumers off by itself now: connections need not be closed any more"
        );
        desk.end(&lease);
        desk.settled().await;
        assert!(
            !amqp.is_alive().await,
            "closed, though the permission was gone already"
        );
        let seen = desk.observe(&read, &[]).await;
        assert_eq!((seen.presence, seen.sessions), (Presence::Disabled, Some(0)));
    })
}

fn patterns(broker: &Broker) -> BoxFuture<'_, ()> {
    Box::pin(async move {
        let vhost = quoted(&broker.prod);
        let others = ["ordersXeu", "orders.eu2", "my-orders.eu", "Orders.eu"];
        for queue in others.iter().chain(&["orders.eu"]) {
            let path = format!("/queues/{vhost}/{}", quoted(queue));
            broker.server.put(&path, json!({"durable": true})).await;
        }
        let asked = thing("queue", &[&broker.prod, "orders.eu"], "read");
        let mut desk = Desk::new(broker, person(1));
        desk.open(&asked).await;
        desk.settled().await;
        desk.expect(&asked, true, "the queue itself").await;
        for other in others.iter().chain(&["orders"]) {
            let other = thing("queue", &[&broker.prod, other], "read");
            desk.expect(&other, false, "a queue that its name as a pattern would match")
                .await;
        }
        desk.expect(
            &thing("queue", &[&broker.prod, "orders.eu"], "write"),
            false,
            "to read",
        )
        .await;
    })
}

fn binding(broker: &Broker) -> BoxFuture<'_, ()> {
    Box::pin(async move {
        let queue = thing("queue", &[&broker.prod, "orders"], "write");
        let exchange = thing("exchange", &[&broker.prod, "events"], "read");
        let mut desk = Desk::new(broker, person(1));
        let binds = async |desk: &mut Desk<'_>| {
            let mut amqp = opened(desk, broker, &broker.prod).await;
            let answer = amqp.bind("orders", "events").await;
            amqp.close().await;
            answer
        };
        let first = desk.open(&queue).await;
        desk.settled().await;
        assert!(
            matches!(binds(&mut desk).await, Err(No::Channel(_))),
            "one of two rights"
        );
        desk.open(&exchange).await;
        desk.settled().await;
        assert_eq!(binds(&mut desk).await, Ok(()), "both rights");
        desk.end(&first);
        desk.settled().await;
        assert!(
            matches!(binds(&mut desk).await, Err(No::Channel(_))),
            "the other of two rights"
        );
    })
}

fn widened(broker: &Broker) -> BoxFuture<'_, ()> {
    Box::pin(async move {
        let offer = broker.offer();
        let mut desk = Desk::new(broker, person(1));
        desk.open(&offer.other).await;
        desk.settled().await;
        let before = broker.everything().await;
        let login = desk.login(&offer.other);
        for vhost in [&broker.prod, &broker.cache] {
            let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
            let path = format!("/permissions/{}/{}", quoted(vhost), quoted(&login));
            broker.server.put(&path, all).await;
        }
        let user = broker.server.get(&format!("/users/{}", quoted(&login))).await;
        let tagged = json!({"password_hash": user["password_hash"], "tags": "policymaker"});
        broker
            .server
            .put(&format!("/users/{}", quoted(&login)), tagged)
            .await;
        desk.expect(&offer.write, true, "widened by hand").await;
        let mut amqp = opened(&mut desk, broker, &broker.prod).await;
        desk.settled().await;
        assert_eq!(before, broker.everything().await, "all is as we had it");
        assert!(!amqp.is_alive().await, "nobody is left where access ended");
        desk.expect(&offer.write, false, "narrowed again").await;
        desk.expect(&offer.other, true, "what is leased, with the same password")
            .await;
    })
}

/// A user is replaced as a whole: whatever its PUT does not say is lost.
fn rotation(broker: &Broker) -> BoxFuture<'_, ()> {
    Box::pin(async move {
        let offer = broker.offer();
        let tag = thing("management_tag", &["broker"], "monitoring");
        let mut desk = Desk::new(broker, person(1));
        let lease = desk.open(&tag).await;
        desk.open(&offer.read).await;
        desk.settled().await;
        desk.restart();
        desk.settled().await;
        desk.expect(&tag, true, "the tag, with the new password").await;
        desk.expect(&offer.read, true, "the permission, with the new password")
            .await;
        desk.end(&lease);
        desk.settled().await;
        desk.expect(&tag, false, "its own end").await;
        desk.expect(&offer.read, true, "with the same password as before")
            .await;
    })
}

fn queues_go(broker: &Broker) -> BoxFuture<'_, ()> {
    Box::pin(async move {
        let asked = thing("queue", &[&broker.prod, "orders"], "read");
        let mut desk = Desk::new(broker, person(1));
        desk.open(&asked).await;
        desk.settled().await;
        let path = format!("/queues/{}/orders", quoted(&broker.prod));
        broker.server.delete(&path).await;
        desk.settled().await;
        broker.server.put(&path, json!({"durable": true})).await;
        desk.expect(&asked, true, "the queue came back").await;
    })
}
