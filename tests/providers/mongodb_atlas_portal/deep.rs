//! Deep discovery of a large organization, at a limited pace, with pages that fail.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use latchkey::providers::{Discovery, Provider};

use super::{Organization, own::no_false_deletion};
use crate::atlas_sim::{Contract, Fault, Handle, Key, ORG, World, big_cluster, big_group, id};
use crate::target::Case;

const PROJECTS: u32 = 250;
const CLUSTERS: u32 = 4;
/// Calls a second. Atlas's own limits are a hundredth of that; the shape of the run is the same.
const RATE: f64 = 400.0;
/// A run reads for so long; on a slow machine it takes more than one.
const RUNS: u32 = 5;

fn large_world() -> World {
    let mut world = World::new(ORG, "Large");
    world.keys = vec![Key::new("pubowner", "0wner-private-key-1", &[(ORG, "ORG_OWNER")])];
    world.page_limit = 100;
    world.nonce_uses = 500;
    for number in 1..=PROJECTS {
        let clusters = (0..CLUSTERS)
            .map(|n| big_cluster(&format!("p{number}c{n}")))
            .collect();
        world
            .groups
            .push(big_group(number, &format!("project-{number}"), clusters));
    }
    world
}

pub async fn large(contract: Option<Arc<Contract>>) -> Case {
    let organization = Organization::new(contract, large_world()).await;
    organization.handle().world().rate = Some(RATE);
    let pages = [
        format!("/orgs/{ORG}/groups?itemsPerPage=500&pageNum=2"),
        format!("/groups/{}/clusters?", id(77)),
        format!("/groups/{}/processes?", id(130)),
    ];
    for (path, status) in pages.into_iter().zip([503, 500, 502]) {
        organization.handle().fault(&Fault::Answer {
            path,
            status,
            times: 1,
        });
    }
    let provider = organization.usual("");
    let (whole, runs) = until_whole(&*provider, organization.handle()).await;
    complete(&whole);
    println!("        complete after {runs} run(s)");

    // A page that goes on failing: its part is unread, and nothing else is missing.
    let path = format!("/groups/{}/clusters?", id(200));
    let (status, times) = (503, u32::MAX);
    organization
        .handle()
        .fault(&Fault::Answer { path, status, times });
    let found = provider
        .discover()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(
        found.unread.iter().any(|(under, _)| *under == [id(200)]),
        "{:?}",
        found.unread
    );
    no_false_deletion(&whole.resources, &found);
    // The list of projects itself: without it nothing can be said at all.
    let path = format!("/orgs/{ORG}/groups");
    organization
        .handle()
        .fault(&Fault::Answer { path, status, times });
    provider
        .discover()
        .await
        .expect_err("a part of the projects is not all of them");
    organization.check();
    Case::Passed
}

/// Discovers until nothing is unread, as the schedule would, and keeps what was found as the core does.
async fn until_whole(provider: &dyn Provider, handle: &Handle) -> (Discovery, u32) {
    let mut known: BTreeSet<Vec<String>> = BTreeSet::new();
    let mut all = Discovery::default();
    for run in 1..=RUNS {
        let (begun, before) = (Instant::now(), handle.world().asked.len());
        let found = provider
            .discover()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let world = handle.world();
        println!(
            "        run {run}: {} resources, {} unread, {:.1} s, {} calls, {} of them refused for pace ({RATE} a second allowed)",
            found.resources.len(),
            found.unread.len(),
            begun.elapsed().as_secs_f32(),
            world.asked.len() - before,
            world.refused_for_pace,
        );
        drop(world);
        no_false_deletion(&all.resources, &found);
        for resource in found.resources {
            if known.insert(resource.at.id.clone()) {
                all.resources.push(resource);
            }
        }
        if found.unread.is_empty() {
            return (all, run);
        }
    }
    panic!("never whole");
}

fn complete(found: &Discovery) {
    let count = |kind: &str| found.resources.iter().filter(|one| one.at.kind == kind).count() as u32;
    let clusters = PROJECTS * CLUSTERS;
    assert_eq!(count("organization"), 1);
    assert_eq!(count("project"), PROJECTS);
    assert_eq!(count("cluster"), clusters);
    assert_eq!(count("database"), 2 * clusters);
    assert_eq!(count("collection"), 2 * clusters);
    assert_eq!(count("custom_role"), 0);
}
