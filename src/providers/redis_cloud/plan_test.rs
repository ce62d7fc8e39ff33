use super::*;
use crate::providers::Mark;
use serde_json::json;

const LOGIN: &str = "jit_0000_ann_1";

struct World {
    mark: Mark,
    seen: Seen,
}

fn database() -> DatabaseSpec {
    DatabaseSpec {
        subscription: 1,
        database: 2,
        regions: Vec::new(),
    }
}

fn world() -> World {
    let mark = Mark::new("main", "redis-cloud");
    let rules = json!([{"name": "Read-Only", "acl": "+@read ~*", "isDefault": true, "status": "active"}]);
    let seen = Seen {
        users: vec![],
        roles: vec![],
        rules: serde_json::from_value(rules).unwrap(),
    };
    World { mark, seen }
}

impl World {
    fn sets(&self) -> Sets<'_> {
        Sets(&self.mark)
    }
    fn rule(&mut self, name: &str) {
        let rule = json!({"name": name, "acl": "-@all", "status": "active"});
        self.seen.rules.push(serde_json::from_value(rule).unwrap());
    }
    fn role(&mut self, name: &str, rule: &str, status: &str) {
        let rules = json!([{"ruleName": rule, "databases": [{"subscriptionId": 1, "databaseId": 2}]}]);
        let role = json!({"id": 7, "name": name, "status": status, "redisRules": rules, "users": []});
        self.seen.roles.push(serde_json::from_value(role).unwrap());
    }
    fn user(&mut self, role: &str, status: &str) {
        let user = json!({"id": 5, "name": LOGIN, "role": role, "status": status});
        self.seen.users = vec![serde_json::from_value(user).unwrap()];
    }
    fn inert(&mut self) -> String {
        let (role, rule) = (self.sets().inert_role(), self.sets().inert_rule());
        self.rule(&rule);
        self.role(&role, &rule, "active");
        role
    }
    fn prepare(&self, no_inert: bool) -> String {
        told(prepare_role(
            &self.sets(),
            &self.seen,
            &database(),
            "Read-Only",
            no_inert,
        ))
    }
    fn open(&self, password: Option<&str>, password_is_set: bool) -> String {
        let password = password.map(Secret::new);
        let opening = Opening {
            login: LOGIN,
            password: password.as_ref(),
            password_is_set,
        };
        told(open(&self.sets(), &self.seen, &opening, "wanted"))
    }
    fn shut(&self, password: Option<&str>, sealed: bool, no_inert: bool) -> String {
        let password = password.map(Secret::new);
        told(shut(
            &self.sets(),
            &self.seen,
            LOGIN,
            password.as_ref(),
            sealed,
            no_inert,
        ))
    }
}

fn told(next: Result<Next>) -> String {
    match next {
        Ok(Next::Call(purpose, write)) => {
            format!("{}: {} {}", purpose.as_str(), write.method(), write.path())
        }
        Ok(Next::Wait(_)) => "wait".to_owned(),
        Ok(Next::Reached) => "reached".to_owned(),
        Err(error) => format!("{:?}", error.kind),
    }
}

#[test]
fn the_way_out_comes_before_the_way_in() {
    let mut world = world();
    assert_eq!(world.prepare(false), "inert: POST /acl/redisRules");
    assert_eq!(world.prepare(true), "role: POST /acl/roles");
    let rule = world.sets().inert_rule();
    world.rule(&rule);
    assert_eq!(world.prepare(false), "inert: POST /acl/roles");
    let role = world.sets().inert_role();
    world.role(&role, &rule, "active");
    assert_eq!(world.prepare(false), "role: POST /acl/roles");
    let role = world.sets().role(&database(), "Read-Only");
    world.role(&role, "Read-Only", "pending");
    assert_eq!(world.prepare(false), "wait");
    world.seen.roles[1].status = ACTIVE.to_owned();
    assert_eq!(world.prepare(false), "reached");
    world.seen.rules.retain(|rule| rule.name != "Read-Only");
    assert_eq!(world.prepare(false), "Invalid");
}

#[test]
fn roles_of_ours_that_were_altered_are_put_back() {
    let mut world = world();
    let inert = world.sets().inert_role();
    world.role(&inert, "Full-Access", "active");
    assert_eq!(world.prepare(false), "inert: PUT /acl/roles/7");
    // Until it is put back, it is no way out.
    world.user("wanted", "active");
    assert_eq!(
        world.shut(Some("pw"), false, false),
        "delete: DELETE /acl/users/5"
    );
    let role = world.sets().role(&database(), "Read-Only");
    world.role(&role, "Full-Access", "active");
    assert_eq!(world.prepare(true), "role: PUT /acl/roles/7");
}

#[test]
fn opening_never_leaves_a_password_that_somebody_knew() {
    let mut world = world();
    assert_eq!(world.open(None, false), "wait");
    assert_eq!(world.open(Some("pw"), false), "user: POST /acl/users");
    let inert = world.inert();
    world.user(&inert, "active");
    assert_eq!(world.open(None, false), "wait");
    assert_eq!(world.open(Some("pw"), true), "user: PUT /acl/users/5");
    world.user("wanted", "active");
    assert_eq!(world.open(None, false), "reached");
    assert_eq!(world.open(Some("pw"), false), "user: PUT /acl/users/5");
    assert_eq!(world.open(Some("pw"), true), "reached");
    for status in ["pending", "deleting", "error"] {
        world.user("wanted", status);
        assert_eq!(world.open(None, false), "wait", "{status}");
    }
}

#[test]
fn shutting_takes_role_and_password_or_the_user() {
    let mut world = world();
    assert_eq!(world.shut(Some("pw"), false, false), "reached");
    world.user("wanted", "active");
    assert_eq!(
        world.shut(Some("pw"), false, false),
        "delete: DELETE /acl/users/5"
    );
    let inert = world.inert();
    assert_eq!(world.shut(Some("pw"), false, false), "seal: PUT /acl/users/5");
    assert_eq!(world.shut(Some("pw"), false, true), "delete: DELETE /acl/users/5");
    assert_eq!(world.shut(None, false, false), "delete: DELETE /acl/users/5");
    // The role alone, set by somebody else, leaves a password that is known.
    world.user(&inert, "active");
    assert_eq!(world.shut(Some("pw"), false, false), "seal: PUT /acl/users/5");
    assert_eq!(world.shut(Some("pw"), true, false), "reached");
    world.user(&inert, "pending");
    assert_eq!(world.shut(Some("pw"), true, false), "wait");
}

#[test]
fn only_unused_roles_of_ours_are_swept() {
    let mut world = world();
    world.inert();
    world.role("reporting", "Read-Only", "active");
    assert!(sweep(&world.sets(), &world.seen, &[]).is_none());
    let role = world.sets().role(&database(), "Read-Only");
    world.role(&role, "Read-Only", "active");
    assert!(sweep(&world.sets(), &world.seen, std::slice::from_ref(&role)).is_none());
    assert!(sweep(&world.sets(), &world.seen, &[]).is_some());
    world.user(&role, "active");
    assert!(sweep(&world.sets(), &world.seen, &[]).is_none());
}
