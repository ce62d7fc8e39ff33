use chrono::DateTime;

use super::*;

fn at(kind: &str, id: &[&str]) -> ResourceRef {
    ResourceRef {
        kind: kind.to_owned(),
        id: id.iter().map(|part| (*part).to_owned()).collect(),
        title: id.join("/"),
    }
}

fn lease(id: &str, at: ResourceRef, permission: &str) -> Lease {
    Lease {
        id: LeaseId::from(id),
        resource: at,
        permission: permission.to_owned(),
        starts_at: DateTime::UNIX_EPOCH,
        expires_at: DateTime::UNIX_EPOCH,
        standing: Some(false),
    }
}

fn wanted(leases: &[Lease]) -> Wanted {
    let grants: Vec<Grant> = leases
        .iter()
        .map(|lease| Grant::of(&lease.resource, &lease.permission).unwrap())
        .collect();
    Wanted::of(leases.iter().zip(&grants))
}

fn granted(vhost: &str, triple: &Triple) -> Granted {
    Granted {
        vhost: vhost.to_owned(),
        configure: triple.pattern(Facet::Configure),
        write: triple.pattern(Facet::Write),
        read: triple.pattern(Facet::Read),
    }
}

#[test]
fn a_triple_is_the_alternation_of_its_leases() {
    let wanted = wanted(&[
        lease("b2", at(QUEUE, &["prod", "orders.eu"]), "read"),
        lease("a1", at(VHOST, &["prod"]), "read-write"),
        lease("c3", at(EXCHANGE, &["prod", "a|(?#x)b"]), "write"),
        lease("d4", at(VHOST, &["/"]), "configure"),
        lease("e5", at(TAG, &[BROKER]), "monitoring"),
    ]);
    let prod = &wanted.triples["prod"];
    assert_eq!(prod.pattern(Facet::Configure), "^$");
    assert_eq!(prod.pattern(Facet::Read), r"^(?:(?#a1).*|(?#b2)orders\.eu)$");
    assert_eq!(prod.pattern(Facet::Write), r"^(?:(?#a1).*|(?#c3)a\|\(\?#x\)b)$");
    assert_eq!(wanted.triples["/"].pattern(Facet::Configure), "^(?:(?#d4).*)$");
    assert_eq!(wanted.tags_text(), "monitoring");
    let again = Triple::read(&granted("prod", prod));
    assert_eq!(&again, prod, "what was written can be read");
}

#[test]
fn each_lease_is_seen_apart_from_the_others() {
    let read = lease("a1", at(VHOST, &["prod"]), "read");
    let write = lease("b2", at(VHOST, &["prod"]), "read-write");
    let queue = lease("c3", at(QUEUE, &["prod", "q"]), "read");
    let is_held = |lease: &Lease, there: &[Lease]| {
        let permissions: Vec<Granted> = wanted(there)
            .triples
            .iter()
            .map(|(vhost, triple)| granted(vhost, triple))
            .collect();
        let grant = Grant::of(&lease.resource, &lease.permission).unwrap();
        grant.is_held(&lease.id, &[], &permissions)
    };
    let all = [read.clone(), write.clone(), queue.clone()];
    assert!(all.iter().all(|lease| is_held(lease, &all)));
    assert!(
        !is_held(&read, &[write.clone(), queue.clone()]),
        "a wider one is another"
    );
    assert!(!is_held(&queue, std::slice::from_ref(&read)));
    assert!(!is_held(&write, &[]));
    let half = Granted {
        vhost: "prod".to_owned(),
        configure: "^$".to_owned(),
        write: "^$".to_owned(),
        read: "^(?:(?#b2).*)$".to_owned(),
    };
    let grant = Grant::of(&write.resource, &write.permission).unwrap();
    assert!(!grant.is_held(&write.id, &[], std::slice::from_ref(&half)));
    assert!(grant.is_begun(&write.id, std::slice::from_ref(&half)));
    assert!(!grant.is_begun(&read.id, &[half]));
}

#[test]
fn patterns_of_others_are_not_ours() {
    for pattern in ["", "^$", ".*", "^(?:a|b)$", "^(?:(?#a1).*)", "(?#a1).*"] {
        assert!(alternatives(pattern).is_empty(), "{pattern}");
    }
}

#[test]
fn only_well_formed_resources_are_grants() {
    for (kind, id, permission) in [
        (VHOST, &["a", "b"][..], "read"),
        (VHOST, &[".."], "read"),
        (VHOST, &["."], "read"),
        (VHOST, &[""], "read"),
        (QUEUE, &["a"], "read"),
        (QUEUE, &["a", ".."], "read"),
        (EXCHANGE, &["a", "b"], "configure"),
        (TAG, &[BROKER], "administrator"),
        (TAG, &["other"], "monitoring"),
        ("database", &["a"], "read"),
    ] {
        let error = Grant::of(&at(kind, id), permission).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{kind} {id:?}");
    }
}

#[test]
fn nothing_can_be_asked_for_that_means_nothing() {
    for kind in kinds() {
        for permission in &kind.permissions {
            let id: &[&str] = match kind.name.as_str() {
                VHOST => &["v"],
                TAG => &[BROKER],
                _ => &["v", "n"],
            };
            let grant = Grant::of(&at(&kind.name, id), &permission.name).unwrap();
            let one = [lease("a1", at(&kind.name, id), &permission.name)];
            assert_ne!(wanted(&one), Wanted::default(), "{grant:?}");
        }
    }
}
