//! Cases about people that only this kind has: invitations, teams, last owners, last roles.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use latchkey::providers::{ErrorKind, Presence};

use super::{
    Organization,
    people::{on_organization, on_project, with_people},
};
use crate::atlas_sim::{Contract, Fault, Status, id};
use crate::desk::{Desk, person};
use crate::target::{Case, Thing};

type Checked = Option<Arc<Contract>>;

pub fn cases(contract: &Checked) -> Vec<(&'static str, BoxFuture<'static, Case>)> {
    let with = || contract.clone();
    vec![
        (
            "invitation_is_waited_for_and_cleaned_up",
            Box::pin(accepted(with())),
        ),
        (
            "invitation_not_accepted_is_withdrawn",
            Box::pin(withdrawn(with())),
        ),
        ("somebody_elses_invitation_stays", Box::pin(not_ours(with()))),
        ("lapsed_invitation_is_sent_again", Box::pin(lapsed(with()))),
        ("last_owner_is_named", Box::pin(last_owner(with()))),
        ("team_roles_are_standing", Box::pin(by_team(with()))),
        ("last_role_goes_by_leaving", Box::pin(last_role(with()))),
        (
            "limit_on_invitations_carries_retry_after",
            Box::pin(limited(with())),
        ),
    ]
}

/// Not in the organization.
const NEW: u32 = 70;

async fn fresh(contract: Checked) -> Organization {
    Organization::new(contract, with_people()).await
}

fn desk(organization: &Organization, n: u32) -> Desk<'_> {
    Desk::with(organization, person(n), organization.usual(""))
}

fn has(organization: &Organization, n: u32, thing: &Thing) -> bool {
    let world = organization.handle().world();
    world.has_role(&person(n).email, &thing.at.id[0], &thing.permission)
}

fn status(organization: &Organization, n: u32) -> Option<Status> {
    organization
        .handle()
        .world()
        .person(&person(n).email)
        .map(|person| person.status)
}

async fn turn(desk: &mut Desk<'_>, thing: &Thing) -> latchkey::providers::Converged {
    let scope = desk.provider.scope(&thing.at, &thing.permission);
    let want = desk.want(&scope);
    desk.turn(&scope, want)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

async fn accepted(contract: Checked) -> Case {
    let organization = fresh(contract).await;
    let mut desk = desk(&organization, NEW);
    let (read, org) = (
        on_project(1, "shop", "GROUP_READ_ONLY"),
        on_organization("ORG_READ_ONLY"),
    );
    let leases = [desk.open(&read).await, desk.open(&org).await];
    assert_eq!(leases[0].standing, Some(false));
    for _ in 0..3 {
        let answer = turn(&mut desk, &read).await;
        assert!(answer.failed.is_empty(), "{:?}", answer.failed);
        let waiting = answer.waiting.expect("nobody has accepted yet");
        assert!(
            waiting.contains("accept the invitation to the organization Acme"),
            "{waiting}"
        );
        assert!(waiting.contains(&person(NEW).email));
        assert_eq!(answer.look_again, Some(Duration::from_secs(60)));
        assert!(answer.details.fields.is_empty());
    }
    assert_eq!(status(&organization, NEW), Some(Status::Pending));
    let invitations = organization.ran_since().len();
    assert_eq!(invitations, 2, "invited once, and the second role added");
    organization.handle().world().accept(&person(NEW).email);
    let answer = turn(&mut desk, &read).await;
    assert!(answer.waiting.is_none() && !answer.details.fields.is_empty());
    assert!(has(&organization, NEW, &read) && has(&organization, NEW, &org));
    leases.iter().for_each(|lease| desk.end(lease));
    desk.settled().await;
    assert!(!has(&organization, NEW, &read) && !has(&organization, NEW, &org));
    assert_eq!(
        status(&organization, NEW),
        Some(Status::Active),
        "a member until cleanup"
    );
    desk.forget_released();
    desk.deleted().await;
    assert_eq!(status(&organization, NEW), None, "we brought them in");
    assert_eq!(desk.observe(&read, &[]).await.presence, Presence::Absent);
    organization.check();
    Case::Passed
}

async fn withdrawn(contract: Checked) -> Case {
    for thing in [
        on_project(1, "shop", "GROUP_READ_ONLY"),
        on_organization("ORG_READ_ONLY"),
    ] {
        let organization = fresh(contract.clone()).await;
        let before = organization.all();
        let mut desk = desk(&organization, NEW);
        let lease = desk.open(&thing).await;
        assert!(turn(&mut desk, &thing).await.waiting.is_some());
        assert_eq!(status(&organization, NEW), Some(Status::Pending));
        // The start limit is reached, or the lease is released.
        desk.end(&lease);
        let answer = turn(&mut desk, &thing).await;
        assert!(answer.waiting.is_none() && answer.failed.is_empty(), "{answer:?}");
        assert_eq!(status(&organization, NEW), None, "withdrawn");
        assert_eq!(before, organization.all());
        organization.check();
    }
    Case::Passed
}

async fn not_ours(contract: Checked) -> Case {
    let organization = fresh(contract).await;
    let thing = on_project(1, "shop", "GROUP_READ_ONLY");
    organization
        .handle()
        .world()
        .person_mut("ann3@example.com")
        .expect("ann")
        .status = Status::Pending;
    let before = organization.all();
    let mut desk = desk(&organization, 3);
    let lease = desk.open(&thing).await;
    assert!(turn(&mut desk, &thing).await.waiting.is_some());
    desk.end(&lease);
    desk.settled().await;
    desk.deleted().await;
    assert_eq!(
        before,
        organization.all(),
        "an invitation of somebody else's stays"
    );
    organization.check();
    Case::Passed
}

async fn lapsed(contract: Checked) -> Case {
    let organization = fresh(contract).await;
    let thing = on_project(1, "shop", "GROUP_READ_ONLY");
    let mut desk = desk(&organization, NEW);
    desk.open(&thing).await;
    assert!(turn(&mut desk, &thing).await.waiting.is_some());
    organization
        .handle()
        .world()
        .person_mut(&person(NEW).email)
        .expect("invited")
        .status = Status::Expired;
    assert!(turn(&mut desk, &thing).await.waiting.is_some());
    assert_eq!(status(&organization, NEW), Some(Status::Pending), "invited again");
    organization.handle().world().accept(&person(NEW).email);
    desk.settled().await;
    assert!(has(&organization, NEW, &thing));
    organization.check();
    Case::Passed
}

async fn last_owner(contract: Checked) -> Case {
    let organization = fresh(contract).await;
    let thing = on_organization("ORG_OWNER");
    let mut desk = desk(&organization, 1);
    let lease = desk.open(&thing).await;
    desk.settled().await;
    let demote = |status| {
        organization
            .handle()
            .world()
            .person_mut("owner@example.com")
            .expect("the owner")
            .status = status
    };
    demote(Status::Expired);
    desk.end(&lease);
    let answer = turn(&mut desk, &thing).await;
    let (failed, error) = answer.failed.first().expect("refused");
    assert_eq!((failed, error.kind), (&lease.id, ErrorKind::Invalid), "{error}");
    assert!(
        error.message.contains("LAST") && error.message.contains("make somebody owner"),
        "{error}"
    );
    assert!(has(&organization, 1, &thing));
    demote(Status::Active);
    let answer = turn(&mut desk, &thing).await;
    assert!(answer.failed.is_empty() && !has(&organization, 1, &thing));
    assert!(
        answer.remarks.iter().any(|remark| remark.contains("API keys")),
        "{:?}",
        answer.remarks
    );
    organization.check();
    Case::Passed
}

async fn by_team(contract: Checked) -> Case {
    let organization = fresh(contract).await;
    let thing = on_project(1, "shop", "GROUP_READ_ONLY");
    {
        let mut world = organization.handle().world();
        let team = "7e".repeat(12);
        world
            .person_mut("ann2@example.com")
            .expect("ann")
            .teams
            .push(team.clone());
        let group = world.group_mut(&id(1)).expect("the project");
        group.teams.insert(team, vec!["GROUP_READ_ONLY".to_owned()]);
    }
    let before = organization.all();
    let mut desk = desk(&organization, 2);
    let lease = desk.open(&thing).await;
    assert_eq!(lease.standing, Some(true), "a team's role is held");
    desk.settled().await;
    assert_eq!(before, organization.all(), "and not given again");
    desk.end(&lease);
    desk.settled().await;
    assert!(has(&organization, 2, &thing), "nor taken");
    organization.check();
    Case::Passed
}

async fn last_role(contract: Checked) -> Case {
    let organization = fresh(contract).await;
    let (read, write) = (
        on_project(1, "shop", "GROUP_READ_ONLY"),
        on_project(1, "shop", "GROUP_DATA_ACCESS_READ_WRITE"),
    );
    let roles = || {
        let world = organization.handle().world();
        world
            .person("ann1@example.com")
            .and_then(|person| person.group_roles.get(&id(1)).cloned())
    };
    {
        let mut world = organization.handle().world();
        let ann = world.person_mut("ann1@example.com").expect("ann");
        ann.group_roles.insert(id(1), [read.permission.clone()].into());
    }
    let mut desk = desk(&organization, 1);
    let lease = desk.open(&write).await;
    desk.settled().await;
    // An admin took the standing role meanwhile: it is not put back, and ours is the last.
    {
        let mut world = organization.handle().world();
        let ann = world.person_mut("ann1@example.com").expect("ann");
        ann.group_roles
            .get_mut(&id(1))
            .expect("in")
            .remove(&read.permission);
    }
    desk.end(&lease);
    let answer = turn(&mut desk, &write).await;
    assert!(answer.failed.is_empty(), "{:?}", answer.failed);
    assert_eq!(roles(), None);
    assert!(
        answer.remarks.iter().any(|remark| remark.contains("left it")),
        "{:?}",
        answer.remarks
    );
    // The last role in the organization leaves a plain member.
    let billing = on_organization("ORG_BILLING_ADMIN");
    desk.forget_released();
    let lease = desk.open(&billing).await;
    desk.settled().await;
    {
        let mut world = organization.handle().world();
        world
            .person_mut("ann1@example.com")
            .expect("ann")
            .org_roles
            .remove("ORG_MEMBER");
    }
    desk.end(&lease);
    desk.settled().await;
    let world = organization.handle().world();
    let left = &world.person("ann1@example.com").expect("still there").org_roles;
    assert_eq!(left.iter().collect::<Vec<_>>(), ["ORG_MEMBER"]);
    drop(world);
    organization.check();
    Case::Passed
}

async fn limited(contract: Checked) -> Case {
    let organization = fresh(contract).await;
    let mut desk = desk(&organization, NEW);
    let things = [
        on_project(1, "shop", "GROUP_READ_ONLY"),
        on_project(2, "crm", "GROUP_READ_ONLY"),
    ];
    for thing in &things {
        desk.open(thing).await;
    }
    // The look is answered; the invitations are not.
    let before = organization.handle().world().asked.len();
    organization.handle().fault(&Fault::RefuseWrites { calls: 5 });
    let answer = turn(&mut desk, &things[0]).await;
    assert_eq!(answer.failed.len(), 2);
    for (_, error) in &answer.failed {
        assert_eq!(error.kind, ErrorKind::Transient, "{error}");
        assert!(
            error.message.contains("RATE_LIMITED_IP") && error.retry_after.is_some(),
            "{error:?}"
        );
    }
    let asked = organization.handle().world().asked[before..]
        .iter()
        .filter(|call| call.method == "POST")
        .count();
    assert_eq!(asked, 1, "a limit is not asked again and again");
    organization.handle().fault(&Fault::RefuseWrites { calls: 0 });
    assert!(turn(&mut desk, &things[0]).await.waiting.is_some());
    organization.check();
    Case::Passed
}
