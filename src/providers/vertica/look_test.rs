use super::*;

#[test]
fn a_list_of_roles_is_read_by_the_names_that_are_known() {
    let known = ["readers", "a, b", "c*", "writers"];
    for (list, expected) in [
        ("", &[][..]),
        ("readers", &["readers"]),
        ("readers*, writers", &["readers", "writers"]),
        ("a, b*, readers", &["a, b", "readers"]),
        ("c*, writers", &["c*", "writers"]),
        ("c**", &["c*"]),
    ] {
        assert_eq!(default_roles(list, &known).expect(list), expected, "{list}");
    }
    // Unknown, or to be read in two ways: better not written at all.
    for (list, known) in [
        ("readers, gone", &known[..]),
        ("a, b", &["a", "b", "a, b"]),
        ("c*", &["c", "c*"]),
    ] {
        let error = default_roles(list, known).expect_err(list);
        assert_eq!(error.kind, ErrorKind::Unsupported);
    }
}

#[test]
fn roles_reach_through_others_and_circles_end() {
    let edge = |role: &str, holder: &str| Edge {
        role: role.to_owned(),
        holder: holder.to_owned(),
    };
    let edges = [
        edge("DBADMIN", "deputy"),
        edge("Deputy", "helper"),
        edge("a", "b"),
        edge("b", "a"),
    ];
    assert!(reaches(&edges, "helper", |role| role == "dbadmin"));
    assert!(!reaches(&edges, "a", |role| role == "dbadmin"));
}

#[test]
fn what_is_owned_goes_to_the_container_s_owner() {
    let database = Database {
        id: "1".to_owned(),
        name: "wh".to_owned(),
        owner: "dbadmin".to_owned(),
    };
    let schema = |name: &str, owner: &str| Object {
        schema: name.to_owned(),
        name: name.to_owned(),
        owner: owner.to_owned(),
    };
    let schemas = [schema("sales", "sam"), schema("mine", "jit_x")];
    for (at, expected) in [("Sales", "sam"), ("mine", "dbadmin"), ("gone", "dbadmin")] {
        assert_eq!(heir(&schemas, &database, at, "JIT_x"), expected);
    }
}
