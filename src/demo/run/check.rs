//! The main job without a browser: every step is done as a person would, and seen to have happened in the target.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::{Demo, local::Local};
use crate::demo::slack::Actor;

const PATIENCE: Duration = Duration::from_secs(15);
const DATABASE: i64 = 51_001;

/// Walks through the main job. The error names the step that did not happen.
pub(super) async fn walk(demo: &Demo) -> anyhow::Result<()> {
    let begun = Instant::now();
    let step = |name: &str| say(&format!("{:>6.2} s  ok  {name}", begun.elapsed().as_secs_f64()));
    let (ann, bob, eve) = (
        demo.slack.person("ann"),
        demo.slack.person("bob"),
        demo.slack.person("eve"),
    );
    until("the catalogue is there", || async {
        Ok(asks(&ann, "/access catalog").await?.contains("prod"))
    })
    .await?;
    step("what can be asked for was discovered");

    let answer = asks(&ann, "/access redis-cloud prod rw 6s cache misses").await?;
    ensure!(answer.contains("Asked bob and eve"), "ann was answered: {answer}");
    step("ann asked; bob and eve were told, because a tag names their group");
    ensure!(
        logins(demo).is_empty(),
        "an account exists before anybody approved"
    );
    bob.gets_message("Access request", PATIENCE).await?;
    bob.clicks("Approve 6 s").await?;
    ann.sees("Ready until", PATIENCE).await?;
    let login = logins(demo).first().cloned().context("no account was made")?;
    step("bob approved; the account appeared in the target");

    let (user, password) = credential(&ann).await?;
    ensure!(user == login, "ann was shown {user}, the account is {login}");
    let redis = &demo.redis.handle;
    ensure!(
        redis.can(&user, &password, DATABASE, "set", "key"),
        "the credential does not work"
    );
    ensure!(
        !redis.can(&user, &password, DATABASE, "flushall", ""),
        "the credential gives too much"
    );
    step("ann was shown her credential; it gives read-write on prod, and no more");

    let over = ann.sees("Over ", PATIENCE).await?;
    ensure!(over.contains("Checked"), "the end was not checked: {over}");
    ensure!(
        !redis.can_log_in(&user, &password, DATABASE),
        "the credential still works"
    );
    step("time was up; the access is gone, and was seen to be gone");

    let answer = asks(&ann, "/access redis-cloud prod read 1h second look").await?;
    ensure!(answer.contains("Asked"), "ann was answered: {answer}");
    eve.gets_message("second look", PATIENCE).await?;
    eve.clicks("Approve 1 h").await?;
    until("the second access is ready", || async {
        Ok(ann.screen().matches("Ready until").count() >= 1)
    })
    .await?;
    let (user, password) = credential(&ann).await?;
    ensure!(
        redis.can(&user, &password, DATABASE, "get", "key"),
        "the second credential does not work"
    );
    ann.clicks("Finish now").await?;
    until("the second access is gone", || async {
        Ok(!redis.can_log_in(&user, &password, DATABASE))
    })
    .await?;
    step("ann asked again, eve approved, ann finished early; gone at once");

    let answer = asks(&ann, "/access redis-cloud prod admin 3d").await?;
    ensure!(
        answer.contains("Longest here is"),
        "too much was not refused: {answer}"
    );
    step("too much for too long was refused, with what would be possible");

    asks(&ann, "/access redis-cloud prod admin 10m INC-7").await?;
    bob.gets_message("INC-7", PATIENCE).await?;
    bob.clicks("Deny...").await?;
    bob.gets_element("reason", PATIENCE).await?;
    bob.fills("reason", "use the replica").await?;
    bob.submits().await?;
    ann.sees("use the replica", PATIENCE).await?;
    step("bob denied with a reason; ann read it");
    for local in demo.locals.iter() {
        visit(local, &ann, &bob).await?;
        step(&format!(
            "{}: ann asked, bob approved, her credential read and did not write, and is refused since it is over",
            local.title()
        ));
    }
    ensure!(
        begun.elapsed() < Duration::from_secs(60 + 30 * demo.locals.len() as u64),
        "it took longer than a minute, and half a one for each server"
    );
    say("every step happened");
    Ok(())
}

/// The same on a real server.
async fn visit(local: &Local, ann: &Actor, bob: &Actor) -> anyhow::Result<()> {
    until("its catalogue is there", || async {
        Ok(asks(ann, "/access catalog").await?.contains(local.integration()))
    })
    .await?;
    let reason = format!("a look at {}", local.integration());
    let answer = asks(ann, &format!("/access {} 8s {reason}", local.wish())).await?;
    ensure!(answer.contains("Asked bob and eve"), "ann was answered: {answer}");
    bob.gets_message(&reason, PATIENCE).await?;
    bob.clicks("Approve 8 s").await?;
    let (user, password) = credential(ann).await?;
    ensure!(
        local
            .reads(&user, &password)
            .await
            .context("she does not get in")?,
        "the credential does not give exactly what was asked for"
    );
    until("the access is gone", || async {
        Ok(local.reads(&user, &password).await.is_err())
    })
    .await?;
    Ok(())
}

/// A typed line, and what is answered to it in private.
async fn asks(person: &Actor, line: &str) -> anyhow::Result<String> {
    let answer = person.types(line).await?;
    Ok(answer.map(|message| person.as_text(&message)).unwrap_or_default())
}

async fn credential(ann: &Actor) -> anyhow::Result<(String, String)> {
    ann.gets_element("Show credential", PATIENCE).await?;
    ann.clicks("Show credential").await?;
    ann.sees("Blanked in", PATIENCE).await?;
    let view = ann.modal().context("no modal is open")?;
    let shown = view.body["blocks"].to_string();
    let value =
        |label: &str| copied(&view.body["blocks"], label).with_context(|| format!("no {label} in {shown}"));
    let found = (value("User")?, value("Password")?);
    ann.closes_modal().await?;
    Ok(found)
}

/// The preformatted text that stands after a label.
fn copied(blocks: &serde_json::Value, label: &str) -> Option<String> {
    let blocks = blocks.as_array()?;
    let at = blocks
        .iter()
        .position(|block| block.to_string().contains(&format!("\"{label}\"")))?;
    blocks[at..].iter().find_map(|block| {
        let pre = block["elements"]
            .as_array()?
            .iter()
            .find(|e| e["type"] == "rich_text_preformatted")?;
        Some(pre["elements"][0]["text"].as_str()?.to_owned())
    })
}

fn logins(demo: &Demo) -> Vec<String> {
    demo.redis
        .handle
        .logins("jit_")
        .into_iter()
        .map(|(login, _)| login)
        .collect()
}

async fn until<F, T>(what: &str, mut ready: F) -> anyhow::Result<()>
where
    F: FnMut() -> T,
    T: Future<Output = anyhow::Result<bool>>,
{
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if ready().await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("not within {} s: {what}", PATIENCE.as_secs())
}

#[expect(clippy::print_stdout, reason = "what the check is run for")]
fn say(line: &str) {
    println!("{line}");
}
