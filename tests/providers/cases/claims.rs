//! What a provider says of itself and of its deeds is true.

use std::collections::BTreeMap;

use latchkey::{
    providers::{Change, Converged, Discovery, Feature, Mark, Setup, Want},
    secrets::Secret,
};

use crate::{
    desk::{Desk, person},
    target::{Case, Setting, Target},
};

async fn discover(target: &dyn Target) -> Discovery {
    target
        .provider(Setting::Usual)
        .discover()
        .await
        .unwrap_or_else(|error| panic!("discover: {error}"))
}

fn is_listed(found: &Discovery, id: &[String]) -> bool {
    found
        .resources
        .iter()
        .any(|resource| resource.at.id == id && resource.unavailable.is_none())
}

pub async fn removed_part_is_unread_not_deleted(target: &dyn Target) -> Case {
    let offer = target.offer();
    let id = &offer.other.at.id;
    let found = discover(target).await;
    assert!(is_listed(&found, id), "{id:?} is not listed: {found:?}");
    assert!(found.unread.is_empty(), "{:?}", found.unread);
    if target.break_part().await.is_none() {
        return Case::not_applicable("has no parts that could be away while the rest is there");
    }
    let found = discover(target).await;
    let unread = found
        .unread
        .iter()
        .any(|(part, reason)| id.starts_with(part) && !reason.is_empty());
    assert!(unread, "a part that cannot be read looks deleted: {found:?}");
    assert!(is_listed(&found, &offer.read.at.id), "the rest is listed");
    target.mend_part().await;
    let found = discover(target).await;
    assert!(is_listed(&found, id) && found.unread.is_empty());
    Case::Passed
}

pub async fn preview_matches_what_ran(target: &dyn Target) -> Case {
    let offer = target.offer();
    let things: Vec<_> = [&offer.read, &offer.write]
        .into_iter()
        .chain(&offer.more)
        .cloned()
        .collect();
    let mut earlier = Vec::new();
    for (n, thing) in things.iter().enumerate() {
        let mut desk = Desk::new(target, person(n as u32));
        let scope = desk.provider.scope(&thing.at, &thing.permission);
        let lease = desk.open(thing).await;
        let what = format!("{} on {}", thing.permission, thing.at.title);
        compare(target, &mut desk, &scope, &what, &mut earlier).await;
        desk.end(&lease);
        compare(target, &mut desk, &scope, &format!("end of {what}"), &mut earlier).await;
        desk.forget_released();
        let preview = preview(&mut desk, &scope, Want::Deleted);
        drop(target.ran().await);
        let answer = desk
            .until_done(&scope, Want::Deleted)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        same(
            target,
            &preview,
            &answer,
            &format!("deletion after {what}"),
            &mut earlier,
        )
        .await;
    }
    Case::Passed
}

fn preview(desk: &mut Desk<'_>, scope: &str, want: Want) -> Vec<String> {
    let change: Change = desk.change(scope, want);
    let lines = desk.provider.preview(&desk.held[scope].account, &change);
    let secret = desk.held[scope].credential.clone();
    assert!(
        lines.iter().all(|line| !line.contains(secret.expose())),
        "a preview holds a secret"
    );
    lines.into_iter().filter(|line| !line.starts_with("# ")).collect()
}

async fn compare(
    target: &dyn Target,
    desk: &mut Desk<'_>,
    scope: &str,
    what: &str,
    earlier: &mut Vec<String>,
) {
    let want = desk.want(scope);
    let lines = preview(desk, scope, want.clone());
    drop(target.ran().await);
    let answer = desk
        .until_done(scope, want)
        .await
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(answer.failed.is_empty(), "{what}: {:?}", answer.failed);
    same(target, &lines, &answer, what, earlier).await;
}

/// A preview tells of a target that has none of it yet: what ran `earlier` may be there already, and need not run again.
async fn same(
    target: &dyn Target,
    preview: &[String],
    answer: &Converged,
    what: &str,
    earlier: &mut Vec<String>,
) {
    assert!(!preview.is_empty(), "{what}: an empty preview");
    for line in &answer.ran {
        assert!(
            preview.iter().any(|shown| matches(shown, line)),
            "{what}: ran unannounced: {line}\npreview: {preview:#?}"
        );
    }
    for shown in preview {
        // A line for each session stands for none where nobody is logged in.
        if shown.contains("<each session>") {
            continue;
        }
        let ran = answer
            .ran
            .iter()
            .chain(&*earlier)
            .any(|line| matches(shown, line));
        // `<any …>` is for as many as there are, perhaps none.
        assert!(
            ran || shown.contains("<any "),
            "{what}: announced, never ran: {shown}\nran: {:#?}",
            answer.ran
        );
    }
    if let Some(logged) = target.ran().await {
        assert_eq!(answer.ran, logged, "{what}: the target's log tells another story");
    }
    earlier.extend(answer.ran.iter().cloned());
}

/// Whether a line is what was shown, where `<each owner>` and the like stand for any text.
fn matches(shown: &str, line: &str) -> bool {
    let Some((before, after)) = split_at_placeholder(shown) else {
        return shown == line;
    };
    let Some(rest) = line.strip_prefix(before) else {
        return false;
    };
    rest.char_indices()
        .skip(1)
        .any(|(at, _)| matches(after, &rest[at..]))
        || (after.is_empty() && !rest.is_empty())
}

fn split_at_placeholder(shown: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    while let Some(open) = shown[from..].find('<').map(|at| at + from) {
        let close = shown[open..].find('>').map(|at| at + open)?;
        let inside = &shown[open + 1..close];
        if !inside.is_empty()
            && inside
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == ' ' || c == '-')
        {
            return Some((&shown[..open], &shown[close + 1..]));
        }
        from = open + 1;
    }
    None
}

pub async fn account_is_pure(target: &dyn Target) -> Case {
    let provider = target.provider(Setting::Usual);
    let other = target.provider(Setting::OtherInstallation);
    let offer = target.offer();
    let scope = provider.scope(&offer.read.at, &offer.read.permission);
    assert_eq!(scope, provider.scope(&offer.read.at, &offer.read.permission));
    let ann = person(1);
    let name = provider.account(&ann, &scope);
    assert_eq!(name, provider.account(&ann, &scope), "asked twice");
    assert_eq!(
        name,
        target.provider(Setting::Usual).account(&ann, &scope),
        "asked of another process"
    );
    assert_ne!(name, provider.account(&person(2), &scope), "another person");
    if name.is_ours() {
        assert_ne!(name, other.account(&ann, &scope), "another installation");
        assert!(target.mark().names_account(name.login()), "{name:?}");
    }
    let down = target.provider(Setting::Down);
    assert_eq!(name, down.account(&ann, &scope), "no target is needed to say it");
    Case::Passed
}

pub async fn example_builds(target: &dyn Target) -> Case {
    let registration = target.registration();
    let mut example: toml::Table = toml::from_str(registration.example).expect("the example is TOML");
    assert_eq!(
        example.get("kind").and_then(toml::Value::as_str),
        Some(registration.kind)
    );
    assert!(example.contains_key("name") && example.contains_key("secret"));
    example.retain(|key, _| registration.keys.contains(&key));
    let setup = |config: toml::Table, secret: BTreeMap<String, Secret>| Setup {
        mark: Mark::new("suite", registration.kind),
        config,
        secret,
        base_dir: std::path::PathBuf::from("."),
    };
    let secret: BTreeMap<String, Secret> = registration
        .secret_keys
        .iter()
        .map(|key| ((*key).to_owned(), Secret::new("example")))
        .collect();
    (registration.build)(setup(example.clone(), secret.clone()))
        .map(drop)
        .expect("the example builds");
    for key in registration.keys {
        let mut wrong = example.clone();
        wrong.insert(
            (*key).to_owned(),
            toml::Value::Array(vec![toml::Value::Boolean(true)]),
        );
        let error = (registration.build)(setup(wrong, secret.clone())).err();
        assert!(
            error.is_some_and(|error| error.message.contains(key)),
            "{key}: a wrong value is refused by name"
        );
    }
    for key in registration.secret_keys {
        let mut short = secret.clone();
        short.remove(*key);
        let error = (registration.build)(setup(example.clone(), short)).err();
        assert!(
            error.is_some_and(|error| error.message.contains(key)),
            "{key}: a missing secret is refused by name"
        );
    }
    Case::Passed
}

pub async fn claims_are_true(target: &dyn Target) -> Case {
    let supports = target.registration().supports;
    let offer = target.offer();
    let mut desk = Desk::new(target, person(1));
    assert_eq!(
        desk.held(&offer.read).account.name.is_ours(),
        supports.contains(&Feature::Accounts)
    );
    desk.open(&offer.read).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    let session = target.open_session(&login, &credential).await;
    let counted = desk.observe(&offer.read, &[]).await.sessions;
    if supports.contains(&Feature::Sessions) {
        assert!(
            session.is_some() && counted == Some(1),
            "sessions are counted: {counted:?}"
        );
    } else {
        assert_eq!(counted, None, "sessions it does not claim to see");
    }
    assert_eq!(
        target.expiry(&login).await.is_some(),
        supports.contains(&Feature::Expiry),
        "its own expiry"
    );
    let found = discover(target).await;
    let tagged = found.resources.iter().any(|resource| !resource.tags.is_empty());
    assert_eq!(tagged, supports.contains(&Feature::Tags), "tags");
    for kind in &found.kinds {
        assert!(
            !kind.permissions.is_empty(),
            "{} can be asked for in no way",
            kind.name
        );
    }
    for told in (target.registration().kinds)() {
        let kind = found.kinds.iter().find(|kind| kind.name == told.name);
        let kind = kind.unwrap_or_else(|| panic!("{} is told of, and never found", told.name));
        for permission in &told.permissions {
            let is = kind.permissions.iter().any(|found| found.name == permission.name);
            assert!(
                is,
                "{}/{} is told of, and never found",
                told.name, permission.name
            );
        }
    }
    for resource in &found.resources {
        assert!(
            found.kinds.iter().any(|kind| kind.name == resource.at.kind),
            "{:?} is of no kind",
            resource.at
        );
        assert!(!resource.at.id.is_empty() && !resource.at.title.is_empty());
    }
    let all = [&offer.read, &offer.write, &offer.other]
        .into_iter()
        .chain(&offer.more);
    for thing in all {
        let kind = found
            .kinds
            .iter()
            .find(|kind| kind.name == thing.at.kind)
            .expect("a known kind");
        assert!(
            kind.permissions
                .iter()
                .any(|permission| permission.name == thing.permission),
            "{thing:?}"
        );
    }
    assert!(desk.reported().await.len() == 1);
    Case::Passed
}
