//! What is Oracle's alone: the root, the 148 roles, sessions that keep their roles, objects that keep their owner.

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use latchkey::providers::{ErrorKind, Presence, Want};

use super::{CONNECTOR, Flavour, Oracle, SOMEONE, listener, names::quoted, sessions, thing};
use crate::{
    cases,
    desk::{Desk, desk_of_theirs, person},
    target::{Case, Cut, Setting, Target},
};

pub const MODEL_ONLY: &str = "a server of somebody's cannot be brought into this state";

macro_rules! cases {
    ($kind:ident, $($file:ident :: { $($name:ident),+ $(,)? }),+ $(,)?) => {
        vec![$($((stringify!($name), Box::pin($file::$name($kind)) as BoxFuture<'_, Case>)),+),+]
    };
}

pub fn all(kind: &Oracle) -> Vec<(&'static str, BoxFuture<'_, Case>)> {
    use self as here;
    cases![
        kind,
        here::{
            every_case_on_12_1,
            every_case_on_23ai,
            every_case_on_rds,
            schema_privileges_cover_what_comes,
            the_root_is_refused,
            a_standby_is_refused,
            our_login_keeps_no_role_it_makes,
            too_many_roles_are_told,
            what_a_login_owns_keeps_it,
            what_others_gave_is_taken,
            a_view_that_cannot_be_given_is_told,
            a_list_of_default_roles_is_told,
            roles_above_all_others_are_not_given,
        },
        sessions::{
            sessions_from_before_the_lease_stay,
            an_enabled_role_ends_with_its_session,
            sessions_that_linger_are_waited_for,
            sessions_of_other_instances_end,
        },
        listener::{the_listener_refuses, the_certificate_is_checked},
    ]
}

/// All shared cases again, on another kind of database.
async fn every_case(kind: &Oracle, flavour: Flavour) -> Case {
    if kind.model_world(flavour).await.is_none() {
        return Case::not_applicable(MODEL_ONLY);
    }
    for (name, body) in cases::ALL {
        let world = kind.world(flavour).await;
        let ended = std::panic::AssertUnwindSafe(body(&world)).catch_unwind().await;
        assert!(ended.is_ok(), "{name} on {}", flavour.product);
        world.done().await;
    }
    Case::Passed
}

async fn every_case_on_12_1(kind: &Oracle) -> Case {
    every_case(kind, Flavour::V12).await
}

async fn every_case_on_23ai(kind: &Oracle) -> Case {
    every_case(kind, Flavour::V23).await
}

async fn every_case_on_rds(kind: &Oracle) -> Case {
    every_case(kind, Flavour::RDS).await
}

/// From 23ai on one privilege covers a schema with all that is made in it later, and annotations are tags.
async fn schema_privileges_cover_what_comes(kind: &Oracle) -> Case {
    let Some((world, model)) = kind.model_world(Flavour::V23).await else {
        return Case::not_applicable(MODEL_ONLY);
    };
    let offer = world.offer();
    for (n, (wanted, writes)) in [(&offer.read, false), (&offer.write, true)]
        .into_iter()
        .enumerate()
    {
        let mut desk = Desk::new(&world, person(n as u32));
        let lease = desk.open(wanted).await;
        let answer = desk.settled().await.remove(0);
        assert_eq!(answer.look_again, None, "there is nothing to look for");
        assert!(
            answer
                .ran
                .iter()
                .any(|line| line.contains("ON SCHEMA \"LK_SALES\"")),
            "{:?}",
            answer.ran
        );
        let name = format!("COMES_{n}");
        world
            .run(&[&format!("CREATE TABLE LK_SALES.{name} (ID NUMBER)")])
            .await;
        let new = |permission| thing("table", &["LK_SALES", &name], permission);
        let (login, credential) = (desk.login(wanted), desk.credential(wanted));
        assert!(world.can(&login, &credential, &new("read")).await, "at once");
        assert_eq!(world.can(&login, &credential, &new("read-write")).await, writes);
        desk.end(&lease);
        desk.settled().await;
        assert!(!world.can(&login, &credential, &new("read")).await);
    }
    let items = ("LK_SALES".to_owned(), "ITEMS".to_owned());
    if let Some(items) = model.state().things.get_mut(&items) {
        items.annotations.insert("OWNER".to_owned(), "web".to_owned());
    }
    let found = world.provider(Setting::Usual).discover().await;
    let found = found.unwrap_or_else(|error| panic!("{error}"));
    let items = thing("table", &["LK_SALES", "ITEMS"], "read").at;
    let tagged = found
        .resources
        .iter()
        .find(|resource| resource.at == items)
        .expect("listed");
    assert_eq!(tagged.tags.get("owner").map(String::as_str), Some("web"));
    Case::Passed
}

async fn the_root_is_refused(kind: &Oracle) -> Case {
    let Some((world, model)) = kind.model_world(Flavour::V19).await else {
        return Case::not_applicable(MODEL_ONLY);
    };
    model.state().flavour.container = "CDB$ROOT";
    let before = world.everything().await;
    let provider = world.provider(Setting::Usual);
    for error in [provider.check().await.err(), provider.discover().await.err()] {
        let error = error.expect("refused");
        assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
        assert!(
            error.message.contains("service_name"),
            "the way out is named: {error}"
        );
    }
    let mut desk = Desk::new(&world, person(1));
    desk.open(&world.offer().read).await;
    let error = desk.turn("", desk.want("")).await.expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
    assert_eq!(before, world.everything().await);
    Case::Passed
}

async fn a_standby_is_refused(kind: &Oracle) -> Case {
    let Some((world, model)) = kind.model_world(Flavour::V19).await else {
        return Case::not_applicable(MODEL_ONLY);
    };
    model.state().flavour.role = "PHYSICAL STANDBY";
    let health = world.provider(Setting::Usual).check().await;
    let health = health.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        health.missing.iter().any(|missing| missing.contains("STANDBY")),
        "{:?}",
        health.missing
    );
    let mut desk = Desk::new(&world, person(1));
    desk.open(&world.offer().read).await;
    let error = desk.turn("", desk.want("")).await.expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    Case::Passed
}

/// Whoever creates a role is given it. More than 148 that a login enables, and it can log in no more.
async fn our_login_keeps_no_role_it_makes(kind: &Oracle) -> Case {
    let world = kind.world(Flavour::V19).await;
    let offer = world.offer();
    for n in 0..8 {
        let mut desk = Desk::new(&world, person(n));
        for _ in 0..20 {
            desk.open(&offer.other).await;
        }
        desk.settled().await;
    }
    world.expect_no_roles_of_ours("after 160 leases").await;
    let health = world.provider(Setting::Usual).check().await;
    assert!(health.is_ok(), "our login can still log in: {:?}", health.err());

    // Cut right after each change of one grant: whatever is left with us goes with the next run.
    for nth in 1..100 {
        let mut desk = Desk::new(&world, person(100 + nth));
        desk.open(&offer.other).await;
        let cutting = world.cut_after(nth, Cut::After).await;
        desk.provider = cutting.provider;
        drop(desk.settle().await);
        desk.provider = world.provider(Setting::Usual);
        desk.restart();
        desk.settled().await;
        world
            .expect_no_roles_of_ours(&format!("after a cut at change {nth}"))
            .await;
        if !(cutting.was_cut)() {
            assert!(nth > 5, "a grant has more changes than {nth}");
            world.done().await;
            return Case::Passed;
        }
    }
    panic!("a grant never came to an end");
}

async fn too_many_roles_are_told(kind: &Oracle) -> Case {
    let Some((world, _model)) = kind.model_world(Flavour::V19).await else {
        return Case::not_applicable(MODEL_ONLY);
    };
    for n in 0..149 {
        let (create, grant) = (
            format!("CREATE ROLE LK_MANY_{n}"),
            format!("GRANT LK_MANY_{n} TO {CONNECTOR}"),
        );
        world
            .run(&[&create, &grant, &format!("REVOKE LK_MANY_{n} FROM SYSTEM")])
            .await;
        if n == 130 {
            let health = world.provider(Setting::Usual).check().await;
            let health = health.unwrap_or_else(|error| panic!("{error}"));
            assert!(
                health.warnings.iter().any(|warning| warning.contains("148")),
                "{:?}",
                health.warnings
            );
        }
    }
    let error = world
        .provider(Setting::Usual)
        .check()
        .await
        .expect_err("no login");
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    assert!(
        error.message.contains("default roles"),
        "the way out is named: {error}"
    );
    Case::Passed
}

async fn what_a_login_owns_keeps_it(kind: &Oracle) -> Case {
    let world = kind.world(Flavour::V19).await;
    let offer = world.offer();
    let mut desk = Desk::new(&world, person(1));
    let lease = desk.open(&offer.read).await;
    desk.settled().await;
    let (login, credential) = (desk.login(&offer.read), desk.credential(&offer.read));
    let table = format!("{}.PRECIOUS", quoted(&login));
    world.run(&[&format!("CREATE TABLE {table} (ID NUMBER)")]).await;
    desk.end(&lease);
    desk.settled().await;
    desk.forget_released();
    assert!(!world.can_log_in(&login, &credential).await, "shut out");
    for _ in 0..2 {
        let answer = desk
            .turn("", Want::Deleted)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let waiting = answer.waiting.expect("it says why it stays");
        assert!(waiting.contains("TABLE PRECIOUS"), "{waiting}");
        assert_eq!(answer.ran, Vec::<String>::new(), "nothing is dropped");
    }
    let seen = desk.observe(&offer.read, &[]).await;
    assert_eq!(seen.presence, Presence::Disabled);
    let kept = world
        .rows("SELECT object_name FROM dba_objects WHERE owner = :1", &[&login])
        .await;
    assert_eq!(kept.len(), 1, "what it owns is there still");
    // Whoever is responsible has dealt with it.
    world.run(&[&format!("DROP TABLE {table}")]).await;
    desk.deleted().await;
    assert_eq!(desk.observe(&offer.read, &[]).await.presence, Presence::Absent);
    world.done().await;
    Case::Passed
}

/// The drift sweep makes an account due; what is not by a lease goes.
async fn what_others_gave_is_taken(kind: &Oracle) -> Case {
    let world = kind.world(Flavour::V19).await;
    let offer = world.offer();
    let mut desk = Desk::new(&world, person(1));
    desk.open(&offer.read).await;
    desk.settled().await;
    let before = world.everything().await;
    let login = quoted(&desk.login(&offer.read));
    world
        .run(&[
            &format!("GRANT LK_READERS TO {login}"),
            &format!("GRANT CREATE TABLE TO {login}"),
            &format!("GRANT DELETE ON LK_OTHER.THINGS TO {login}"),
        ])
        .await;
    let answer = desk.settled().await.remove(0);
    assert_eq!(before, world.everything().await, "it is as it was");
    assert!(!answer.remarks.is_empty(), "and somebody is told");
    desk.expect(&offer.read, true, "what a lease gives").await;
    let again = desk.settled().await.remove(0);
    assert_eq!((again.ran, again.remarks), (Vec::new(), Vec::new()), "once");
    world.done().await;
    Case::Passed
}

/// A view on somebody else's table, whose owner may not pass that on (ORA-01720).
async fn a_view_that_cannot_be_given_is_told(kind: &Oracle) -> Case {
    let world = kind.world(Flavour::V19).await;
    world
        .run(&[
            "GRANT SELECT ON LK_OTHER.THINGS TO LK_SALES",
            "CREATE VIEW LK_SALES.FOREIGN_THINGS AS SELECT * FROM LK_OTHER.THINGS",
        ])
        .await;
    let table = thing("table", &["LK_SALES", "ITEMS"], "read");
    let schema = world.offer().read;
    let mut desk = Desk::new(&world, person(1));
    desk.open(&schema).await;
    let answer = desk.settled().await.remove(0);
    let told = answer
        .remarks
        .iter()
        .any(|remark| remark.contains("FOREIGN_THINGS"));
    assert!(told, "what is left out is told: {:?}", answer.remarks);
    desk.expect(&table, true, "the rest of the schema").await;

    let view = thing("table", &["LK_SALES", "FOREIGN_THINGS"], "read");
    let mut desk = Desk::new(&world, person(2));
    let lease = desk.open(&view).await;
    let answer = desk
        .turn("", desk.want(""))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(answer.failed.len(), 1);
    assert_eq!(
        (answer.failed[0].1.kind, &answer.failed[0].0),
        (ErrorKind::Invalid, &lease.id)
    );
    desk.end(&lease);
    desk.settled().await;
    world.done().await;
    Case::Passed
}

async fn a_list_of_default_roles_is_told(kind: &Oracle) -> Case {
    let world = kind.world(Flavour::V19).await;
    let offer = world.offer();
    let mut desk = desk_of_theirs(&world).await.expect("somebody");
    let someone = quoted(SOMEONE);
    world
        .run(&[
            &format!("GRANT LK_READERS TO {someone}"),
            &format!("ALTER USER {someone} DEFAULT ROLE LK_READERS"),
        ])
        .await;
    let lease = desk.open(&offer.other).await;
    let answer = desk.settled().await.remove(0);
    let role = world.mark().lease_role(&lease.id).to_uppercase();
    assert!(
        answer
            .details
            .notes
            .iter()
            .any(|note| note.contains("SET ROLE") && note.contains(&role)),
        "{:?}",
        answer.details.notes
    );
    desk.expect(&offer.other, false, "a login does not enable it")
        .await;
    let (login, credential) = (desk.login(&offer.other), desk.credential(&offer.other));
    let mut session = world.site.open(&login, &credential).expect("a session");
    session.run("SET ROLE ALL", &[]).expect("roles are enabled");
    assert!(session.run("SELECT COUNT(*) FROM LK_OTHER.THINGS", &[]).is_ok());
    drop(session);
    desk.end(&lease);
    desk.settled().await;
    world.done().await;
    Case::Passed
}

async fn roles_above_all_others_are_not_given(kind: &Oracle) -> Case {
    let world = Arc::new(kind.world(Flavour::V19).await);
    world
        .run(&[
            "CREATE ROLE LK_BOSS",
            "GRANT DBA TO LK_BOSS",
            "CREATE ROLE LK_DEPUTY",
            "GRANT LK_BOSS TO LK_DEPUTY",
            "CREATE ROLE LK_MAKER",
            "GRANT CREATE USER TO LK_MAKER",
            "CREATE ROLE LK_GUARDED IDENTIFIED BY \"Guarded-pw-1\"",
            "CREATE ROLE LK_PLAIN",
        ])
        .await;
    let found = world.provider(Setting::Usual).discover().await;
    let found = found.unwrap_or_else(|error| panic!("{error}"));
    let role = |name: &str| thing("role", &["*", name], "member");
    let listed = |name: &str| {
        let at = role(name).at;
        found.resources.iter().find(|resource| resource.at == at).cloned()
    };
    for name in ["LK_BOSS", "LK_DEPUTY", "LK_MAKER", "LK_GUARDED"] {
        assert!(
            listed(name).is_some_and(|resource| resource.unavailable.is_some()),
            "{name} is offered"
        );
        // Asked for all the same, by an old form or a stale catalogue.
        let mut desk = Desk::new(world.as_ref(), person(1));
        let lease = desk.open(&role(name)).await;
        let answer = desk
            .turn("", desk.want(""))
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            answer.failed.first().map(|(_, error)| error.kind),
            Some(ErrorKind::Invalid),
            "{name}"
        );
        desk.end(&lease);
        desk.settled().await;
    }
    assert!(listed("LK_PLAIN").is_some_and(|resource| resource.unavailable.is_none()));
    for name in ["DBA", "CONNECT", "SYSTEM", "JITG_ABCD_X"] {
        assert!(listed(name).is_none(), "{name} is listed");
    }
    world.done().await;
    Case::Passed
}
