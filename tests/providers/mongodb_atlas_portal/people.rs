//! The organization's people, and the cases of the suite that are about somebody's own login.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use latchkey::{
    providers::{Mark, Person, Provider, Registration},
    secrets::Secret,
};

use super::{Organization, registration, thing};
use crate::atlas_sim::{Contract, Fault, ORG, Person as Member, Status, World, id, organization};
use crate::cases;
use crate::target::{
    Case, Cut, Cutting, Lacking, Named, Offer, Owned, Session, Setting, Standing, Target, Thing,
};

/// Those that ask nothing of a credential of ours, by the name they have here.
const CASES: &[(&str, &str)] = &[
    ("people_twice_is_once", "twice_is_once"),
    ("people_revoke_twice_is_fine", "revoke_twice_is_fine"),
    (
        "people_revoke_of_the_unknown_is_fine",
        "revoke_of_the_unknown_is_fine",
    ),
    ("people_standing_access_survives", "standing_access_survives"),
    (
        "people_own_grant_is_never_taken_for_standing",
        "own_grant_is_never_taken_for_standing",
    ),
    (
        "people_two_leases_on_the_same_one_ends",
        "two_leases_on_the_same_one_ends",
    ),
    (
        "people_two_leases_on_different_things_one_ends",
        "two_leases_on_different_things_one_ends",
    ),
    ("people_last_and_first_role_swap", "last_and_first_role_swap"),
    ("people_one_bad_lease_fails_alone", "one_bad_lease_fails_alone"),
    (
        "people_release_happens_even_if_a_grant_fails",
        "release_happens_even_if_a_grant_fails",
    ),
    (
        "people_unreachable_part_keeps_its_lease_pending",
        "unreachable_part_keeps_its_lease_pending",
    ),
    (
        "people_bad_own_credential_is_denied",
        "bad_own_credential_is_denied",
    ),
    ("people_dead_target_is_transient", "dead_target_is_transient"),
    (
        "people_cut_after_every_call_ends_the_same",
        "cut_after_every_call_ends_the_same",
    ),
    ("people_no_error_holds_a_secret", "no_error_holds_a_secret"),
    ("people_memo_fits", "memo_fits"),
    (
        "people_delete_removes_only_our_invitation",
        "delete_of_theirs_removes_only_our_invitation",
    ),
];

pub fn cases(contract: &Option<Arc<Contract>>) -> Vec<(&'static str, BoxFuture<'static, Case>)> {
    let run = |(here, there): &(&'static str, &'static str)| {
        let (there, contract) = (*there, contract.clone());
        let future: BoxFuture<'static, Case> = Box::pin(async move {
            let (_, body) = cases::ALL
                .iter()
                .find(|(case, _)| *case == there)
                .expect("a case of the suite");
            let people = People(Organization::new(contract, with_people()).await);
            let ended = body(&people).await;
            people.done().await;
            ended
        });
        (*here, future)
    };
    CASES.iter().map(run).collect()
}

/// An owner, and members without a role anywhere.
pub fn with_people() -> World {
    let mut world = organization();
    let mut add = |email: String, roles: &[&str]| {
        let id = world.fresh_id();
        world.people.push(Member {
            id,
            email,
            status: Status::Active,
            org_roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            group_roles: Default::default(),
            teams: Vec::new(),
        });
    };
    add("owner@example.com".to_owned(), &["ORG_OWNER"]);
    add(SOMEONE.to_owned(), &["ORG_MEMBER"]);
    for n in 0..8 {
        add(format!("ann{n}@example.com"), &["ORG_MEMBER"]);
    }
    world
}

const SOMEONE: &str = "someone@example.com";

pub fn on_project(number: u32, name: &str, role: &str) -> Thing {
    thing("project", &[&id(number)], name, role)
}

pub fn on_organization(role: &str) -> Thing {
    thing("organization", &[ORG], "Acme", role)
}

struct People(Organization);

#[async_trait]
impl Target for People {
    fn registration(&self) -> &'static Registration {
        registration()
    }

    fn mark(&self) -> Mark {
        self.0.mark()
    }

    fn offer(&self) -> Offer {
        Offer {
            read: on_project(1, "shop", "GROUP_READ_ONLY"),
            write: on_project(1, "shop", "GROUP_DATA_ACCESS_READ_WRITE"),
            other: on_project(2, "crm", "GROUP_READ_ONLY"),
            nowhere: on_project(99, "gone", "GROUP_READ_ONLY"),
            more: vec![
                on_project(1, "shop", "GROUP_OWNER"),
                on_organization("ORG_READ_ONLY"),
                on_organization("ORG_BILLING_ADMIN"),
            ],
        }
    }

    fn provider(&self, setting: Setting) -> Box<dyn Provider> {
        self.0.with(setting)
    }

    fn own_secrets(&self) -> Vec<Secret> {
        self.0.own_secrets()
    }

    /// Every role in a project lets its holder see it.
    async fn can(&self, login: &str, _credential: &Secret, thing: &Thing) -> bool {
        let world = self.0.handle().world();
        let has = |role: &str| world.has_role(login, &thing.at.id[0], role);
        match thing.permission.as_str() {
            "GROUP_READ_ONLY" => {
                has("GROUP_READ_ONLY") || has("GROUP_DATA_ACCESS_READ_WRITE") || has("GROUP_OWNER")
            }
            role => has(role),
        }
    }

    async fn can_log_in(&self, login: &str, _credential: &Secret) -> bool {
        let world = self.0.handle().world();
        world
            .person(login)
            .is_some_and(|person| person.status == Status::Active)
    }

    async fn open_session(&self, _login: &str, _credential: &Secret) -> Option<Box<dyn Session>> {
        None
    }

    async fn everything(&self) -> BTreeSet<String> {
        self.0.all()
    }

    async fn ran(&self) -> Option<Vec<String>> {
        Some(self.0.ran_since())
    }

    async fn cut_after(&self, nth: u32, cut: Cut) -> Cutting {
        self.0.cut(nth, cut).await
    }

    async fn lacking(&self) -> Option<Lacking> {
        self.0.lacking().await
    }

    async fn someone(&self) -> Option<Standing> {
        Some(Standing {
            person: Person {
                id: "someone".to_owned(),
                email: "other-address@example.com".to_owned(),
                login: Some(SOMEONE.to_owned()),
            },
            credential: Secret::new("their-own"),
        })
    }

    async fn give_standing(&self, login: &str, thing: &Thing) {
        let mut world = self.0.handle().world();
        let person = world.person_mut(login).expect("a person");
        let roles = person.group_roles.entry(thing.at.id[0].clone()).or_default();
        roles.insert(thing.permission.clone());
    }

    async fn make_stranger(&self, _login: &str) {}

    fn has_marks(&self) -> bool {
        false
    }

    fn tells_leases_apart(&self) -> bool {
        false
    }

    async fn own_something(&self, _login: &str, _credential: &Secret) -> Option<Owned> {
        None
    }

    async fn owner_of(&self, _owned: &Owned) -> Option<String> {
        None
    }

    async fn vanish(&self, login: &str) {
        let mut world = self.0.handle().world();
        world.people.retain(|person| person.email != login);
    }

    async fn expiry(&self, _login: &str) -> Option<DateTime<Utc>> {
        None
    }

    async fn add_below(&self, _thing: &Thing) -> Option<Thing> {
        None
    }

    async fn break_part(&self) -> Option<()> {
        self.0.break_crm();
        Some(())
    }

    async fn mend_part(&self) {
        self.0.mend_crm();
    }

    async fn hostile(&self) -> Vec<Named> {
        Vec::new()
    }

    async fn longest(&self) -> Vec<Named> {
        Vec::new()
    }

    fn typed(&self) -> Vec<Named> {
        Vec::new()
    }

    async fn limit_pace(&self) -> bool {
        self.0.handle().fault(&Fault::TooMany {
            calls: 1000,
            ip: true,
        });
        true
    }

    async fn dawdle(&self) -> bool {
        false
    }

    async fn hurry(&self) {}

    async fn done(&self) {
        self.0.check();
    }
}
