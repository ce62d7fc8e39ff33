//! The bot starts again, nobody asks for anything, and it comes to rest. Then everything is compared with everything.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use latchkey::{
    control::{ControlRequest, Which},
    demo::slack::Message,
};
use serde_json::Value;
use tokio::process::Command;

use crate::{
    cards,
    ledger::{Ledger, SessionKind, Told},
    store::{self, Before},
    tally::{Figures, Tally},
    world::{ADMIN_DATABASE, World},
};

/// Requests lapse after four seconds, leases after four more, extended ones a little later: far less than this.
const LIMIT: Duration = Duration::from_secs(60);
/// Posts to one channel are a second apart: longer than that, and nothing waits.
const CALM: Duration = Duration::from_millis(1300);

pub async fn drain(
    world: &World,
    ledger: &Ledger,
    before: &mut Before,
    tally: &mut Tally,
    figures: &mut Figures,
) {
    let bot = world.start_bot();
    world.connected().await;
    let begun = Instant::now();
    let open = until_nothing_is_open(world).await;
    let took = begun.elapsed();
    figures.drains += 1;
    figures.slowest_drain = figures.slowest_drain.max(took);
    tally.check("it comes to rest", open.is_empty(), || {
        format!("after {} s: {open:?}\n{}", took.as_secs(), world.tail())
    });
    let calm = world.slack.quiet(CALM, LIMIT).await;
    tally.check("it comes to rest", calm, || "the chat does not".to_owned());
    let healed = heal(world).await;
    figures.duplicates += healed.len();
    let ended = bot.terminate().await;
    tally.check("SIGTERM ends it in order", ended.is_ok(), || {
        format!("{ended:?}\n{}", world.tail())
    });
    let gone = world
        .slack
        .until(LIMIT, |slack| (slack.connected() == 0).then_some(()));
    gone.await.expect("the chat notices");

    store::check(world, ledger, before, tally).await;
    cards::said_is_so(world, before, tally);
    cards::at_rest(world, before, &healed, tally);
    nothing_left(before, tally);
    figures.sessions += ledger.look().sessions.len();
    in_redis(world, ledger, tally);
    in_postgres(world, ledger, tally).await;
    no_secret_at_rest(world, ledger, tally).await;
    forget(world, ledger, before);
}

/// What is still open when there is no more patience.
async fn until_nothing_is_open(world: &World) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let which = Which::Open;
        let mut open = Vec::new();
        for request in [
            ControlRequest::Requests { which },
            ControlRequest::Leases { which },
        ] {
            match world.ask(request).await {
                Ok(Value::Array(rows)) => open.extend(rows),
                Ok(other) => open.push(other),
                Err(error) => open.push(error.to_string().into()),
            }
        }
        if open.is_empty() || begun.elapsed() > LIMIT {
            return open;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A card that was posted twice around a kill has one copy that nobody follows: its first press mends it.
async fn heal(world: &World) -> Vec<Message> {
    let copies = cards::offering(world);
    for copy in &copies {
        let deciders = ["bob", "eve", "joe", "kim", "lee", "max"].map(|name| world.slack.person(name));
        let theirs = |copy: &Message| deciders.iter().find(|person| is_in(&person.dm(), copy)).cloned();
        let Some(person) = theirs(copy) else { continue };
        let text = person.as_text(copy);
        let Some(label) = text.split('[').find_map(|part| {
            let (label, _) = part.split_once(']')?;
            label.starts_with("Approve ").then_some(label)
        }) else {
            continue;
        };
        drop(person.clicks_on(copy, label).await);
    }
    if !copies.is_empty() {
        world.slack.quiet(CALM, LIMIT).await;
    }
    copies
}

fn is_in(messages: &[Message], wanted: &Message) -> bool {
    messages
        .iter()
        .any(|message| message.channel == wanted.channel && message.ts == wanted.ts)
}

fn nothing_left(facts: &Before, tally: &mut Tally) {
    for lease in facts
        .leases
        .values()
        .filter(|lease| !facts.settled.contains(&lease.request))
    {
        tally.check("after a drain no lease is open", !lease.is_open(), || {
            format!("{lease:?}")
        });
    }
    for request in facts
        .requests
        .values()
        .filter(|request| !facts.settled.contains(&request.id))
    {
        tally.check("after a drain no request waits", !request.is_pending(), || {
            format!("{request:?}")
        });
    }
    for account in facts.accounts.values() {
        let rests = account.applied.is_empty() && account.call.is_none() && account.claim.is_none();
        tally.check("after a drain no account is half done", rests, || {
            format!("{account:?}")
        });
    }
    tally.check("after a drain no card waits", facts.chat_due == 0, || {
        format!("{} subjects are due", facts.chat_due)
    });
}

/// No lease lives, so no login of ours may do anything, by whatever was shown.
fn in_redis(world: &World, ledger: &Ledger, tally: &mut Tally) {
    let state = world.redis.handle.state();
    let users = state["users"].as_array().cloned().unwrap_or_default();
    for user in users {
        if !user["name"].as_str().is_some_and(|name| name.starts_with("jit_")) {
            continue;
        }
        let can: Vec<&Value> = user["access"].as_array().into_iter().flatten().collect();
        let nothing = can
            .iter()
            .all(|at| at["can"].as_array().is_none_or(Vec::is_empty));
        tally.check("redis: no login of ours can do anything", nothing, || {
            user.to_string()
        });
    }
    let told = ledger.look();
    for shown in told
        .shown
        .iter()
        .filter(|shown| shown.integration == "redis-cloud")
    {
        let dead = [51_001, 51_002].iter().all(|database| {
            !world
                .redis
                .handle
                .can(&shown.login, &shown.password, *database, "get", "key")
        });
        tally.check("redis: no credential that was shown works", dead, || {
            shown.login.clone()
        });
    }
    for session in &told.sessions {
        if let SessionKind::Redis(number) = &session.alive {
            let dead = world.redis.handle.session_can(*number, "get", "key") != Some(true);
            tally.check("redis: no session can do anything", dead, || {
                session.login.clone()
            });
        }
    }
}

async fn in_postgres(world: &World, ledger: &Ledger, tally: &mut Tally) {
    let Some(server) = &world.postgres else { return };
    let left = "SELECT 'login ' || rolname FROM pg_roles WHERE rolname LIKE 'jit\\_%' AND rolcanlogin \
        UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname LIKE 'jitg\\_%' \
        UNION ALL SELECT 'session ' || usename FROM pg_stat_activity WHERE usename LIKE 'jit\\_%' \
        UNION ALL SELECT 'member ' || rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member \
            WHERE rolname LIKE 'jit\\_%'";
    let left: Vec<String> = server
        .rows(ADMIN_DATABASE, left)
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    tally.check(
        "postgresql: no login, session, membership or lease's role is left",
        left.is_empty(),
        || format!("{left:?}"),
    );
    let shown: Vec<_> = {
        let told = ledger.look();
        alive_in_postgres(&told, tally);
        told.shown
            .iter()
            .filter(|shown| shown.integration == "pg")
            .cloned()
            .collect()
    };
    for shown in shown.iter().rev().take(10) {
        let login = server
            .connect(ADMIN_DATABASE, &shown.login, &shown.password)
            .await;
        tally.check(
            "postgresql: no credential that was shown works",
            login.is_err(),
            || shown.login.clone(),
        );
    }
}

fn alive_in_postgres(told: &Told, tally: &mut Tally) {
    for session in &told.sessions {
        if let SessionKind::Postgres(client) = &session.alive {
            tally.check("postgresql: every session was ended", client.is_closed(), || {
                session.login.clone()
            });
        }
    }
}

/// Every byte of the store, and of what the bot logged.
async fn no_secret_at_rest(world: &World, ledger: &Ledger, tally: &mut Tally) {
    let secrets: Vec<String> = {
        let told = ledger.look();
        told.shown.iter().map(|shown| shown.password.clone()).collect()
    };
    if secrets.is_empty() {
        return;
    }
    let found = containing(&secrets, &[&world.store(), &world.log()]).await;
    tally.check("no secret is at rest", found.is_empty(), || found);
    let text: String = world
        .slack
        .all_messages()
        .iter()
        .map(|message| format!("{message:?}\n"))
        .collect();
    for secret in secrets {
        tally.check("no secret is in a message", !text.contains(&secret), || {
            "one is".to_owned()
        });
    }
}

/// Names of files that hold any of these. `grep` reads gigabytes where a debug build reads megabytes.
async fn containing(secrets: &[String], places: &[&Path]) -> String {
    let mut grep = Command::new("grep")
        .args([
            "--recursive",
            "--text",
            "--files-with-matches",
            "--fixed-strings",
            "--file=-",
        ])
        .args(places)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("grep");
    let mut input = grep.stdin.take().expect("its input");
    tokio::io::AsyncWriteExt::write_all(&mut input, (secrets.join("\n") + "\n").as_bytes())
        .await
        .expect("grep reads");
    drop(input);
    let output = grep.wait_with_output().await.expect("grep ends");
    assert!(output.status.code().is_some_and(|code| code < 2), "grep failed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What was checked to its end need not be checked again each time.
fn forget(world: &World, ledger: &Ledger, before: &mut Before) {
    before.settled = before.requests.keys().cloned().collect();
    before.read_until = world
        .slack
        .all_messages()
        .into_iter()
        .map(|message| message.ts)
        .max()
        .unwrap_or_default();
    let mut told = ledger.look();
    told.recent.clear();
    told.sessions.clear();
}
