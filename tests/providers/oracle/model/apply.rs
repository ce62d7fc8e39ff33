//! What statements do, and the errors of those that may not or cannot.

use std::collections::BTreeMap;

use super::{
    Id, Lock, Ora, Principal, Result, State, Thing, User,
    parse::{DefaultRoles, Object, Statement, UserClauses},
    rights::{SINCE_23, SYSTEM},
};

const RESERVED_PROFILE: &str = "DEFAULT";

impl State {
    /// What is there before anybody comes: SYSTEM with the role DBA, and Oracle's own roles.
    pub fn make_world(&mut self) {
        let limits = [
            ("FAILED_LOGIN_ATTEMPTS", "10"),
            ("SESSIONS_PER_USER", "UNLIMITED"),
            ("PASSWORD_LIFE_TIME", "180"),
        ];
        let limits = limits.map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.profiles
            .insert(RESERVED_PROFILE.to_owned(), BTreeMap::from(limits));
        for name in ["DBA", "CONNECT", "RESOURCE", "SELECT_CATALOG_ROLE"] {
            let id = self.add(name, None);
            self.principals
                .entry(id)
                .and_modify(|role| role.maintained = true);
        }
        let held = SYSTEM
            .iter()
            .copied()
            .chain(if self.flavour.has_schema_privileges() {
                SINCE_23.iter().copied()
            } else {
                [].iter().copied()
            });
        let kept_back = ["ALTER SYSTEM", "GRANT ANY PRIVILEGE", "GRANT ANY ROLE"];
        // On RDS the role DBA is what the master user has, without what would break out.
        let held: Vec<&str> = held
            .filter(|one| !self.flavour.rds || !kept_back.contains(one))
            .collect();
        let catalog = self.names["SELECT_CATALOG_ROLE"];
        if let Some(dba) = self.principal_mut("DBA") {
            dba.system
                .extend(held.into_iter().map(|one| (one.to_owned(), true)));
            dba.roles.insert(catalog, true);
        }
        if let Some(connect) = self.principal_mut("CONNECT") {
            connect.system.insert("CREATE SESSION".to_owned(), false);
        }
        let created = self.here();
        let system = self.add("SYSTEM", Some(user("Admin-pw-1a", created)));
        let dba = self.names["DBA"];
        self.principals.entry(system).and_modify(|system| {
            system.maintained = true;
            system.roles.insert(dba, true);
            // Who makes a database may do everything in it.
            system
                .system
                .extend(SYSTEM.iter().map(|one| ((*one).to_owned(), true)));
        });
        self.things
            .insert(("SYS".to_owned(), "USER$".to_owned()), thing("TABLE"));
    }

    fn add(&mut self, name: &str, user: Option<User>) -> Id {
        let id = self.fresh_id();
        let principal = Principal {
            name: name.to_owned(),
            user,
            guarded: false,
            maintained: false,
            system: BTreeMap::new(),
            roles: BTreeMap::new(),
            objects: BTreeMap::new(),
            schemas: BTreeMap::new(),
        };
        self.principals.insert(id, principal);
        self.names.insert(name.to_owned(), id);
        id
    }

    pub fn apply(&mut self, sid: u32, statement: Statement) -> Result<()> {
        if self.flavour.role != "PRIMARY" {
            return Err(Ora(16000));
        }
        match statement {
            Statement::CreateUser(clauses) => self.create_user(sid, clauses),
            Statement::AlterUser(clauses) => self.alter_user(sid, clauses),
            Statement::DropUser { name, cascade } => self.drop_user(sid, &name, cascade),
            Statement::CreateRole { name, guarded } => self.create_role(sid, &name, guarded),
            Statement::DropRole(name) => self.drop_role(sid, &name),
            Statement::CreateProfile { name, limits } => self.create_profile(sid, name, limits),
            Statement::DropProfile { name, cascade } => self.drop_profile(sid, &name, cascade),
            Statement::Grant { what, to, pass_on } => self.grant(sid, what, &to, pass_on),
            Statement::Revoke { what, from } => self.revoke(sid, what, &from),
            Statement::EndSession {
                sid: whose,
                serial,
                instance,
            } => self.end_session(sid, whose, serial, instance),
            Statement::CreateTable(table) => self.create(sid, table, thing("TABLE"), "TABLE"),
            Statement::CreateView { view, over } => {
                let mut made = thing("VIEW");
                made.not_grantable = view.0 != over.0;
                made.over = Some(over);
                self.create(sid, view, made, "VIEW")
            }
            Statement::AlterTable(table) => self.need_on(sid, &table, &["ALTER"], &["ALTER ANY TABLE"]),
            Statement::DropTable(table) => {
                self.need_on(sid, &table, &[], &["DROP ANY TABLE"])?;
                self.forget(&table);
                Ok(())
            }
            Statement::Comment { on, text } => {
                self.need_on(sid, &on, &["ALTER"], &["COMMENT ANY TABLE"])?;
                self.things.entry(on).and_modify(|thing| thing.comment = text);
                Ok(())
            }
            // What they change is rolled back by whoever asks; that it was allowed is what counts.
            Statement::Insert(into) => self.need_on(sid, &into, &["INSERT"], &["INSERT ANY TABLE"]),
            Statement::Delete(from) => self.need_on(sid, &from, &["DELETE"], &["DELETE ANY TABLE"]),
            Statement::SetRoleAll => {
                let user = self.sessions[&sid].user.clone();
                let enabled = self.all_roles(&user);
                self.sessions
                    .entry(sid)
                    .and_modify(|session| session.enabled = enabled);
                Ok(())
            }
            Statement::Rollback => Ok(()),
            Statement::Select(_) | Statement::Count(_) => Err(Ora(900)),
        }
    }

    fn create_user(&mut self, sid: u32, clauses: UserClauses) -> Result<()> {
        self.need(sid, "CREATE USER")?;
        if self.flavour.container == "CDB$ROOT" && !clauses.name.starts_with("C##") {
            return Err(Ora(65096));
        }
        if self.names.contains_key(&clauses.name) {
            return Err(Ora(1920));
        }
        let password = clauses.password.clone().ok_or(Ora(922))?;
        self.password_rule(&clauses.name, &password)?;
        let created = self.here();
        let name = clauses.name.clone();
        self.add(&name, Some(user(&password, created)));
        let altered = self.set_user(clauses);
        if altered.is_err() {
            self.names.remove(&name);
        }
        altered
    }

    /// Some rule that refuses what a careless maker of passwords would choose: not the name, 9 to 30 bytes.
    fn password_rule(&self, name: &str, password: &str) -> Result<()> {
        if password.len() > 30 {
            return Err(Ora(988));
        }
        let rule = password.len() >= 9 && !password.to_uppercase().contains(&name.to_uppercase());
        if rule { Ok(()) } else { Err(Ora(28003)) }
    }

    fn alter_user(&mut self, sid: u32, clauses: UserClauses) -> Result<()> {
        self.need(sid, "ALTER USER")?;
        if let Some(password) = &clauses.password {
            self.password_rule(&clauses.name, password)?;
        }
        if self.principal(&clauses.name).is_none_or(|one| one.user.is_none()) {
            return Err(Ora(1918));
        }
        self.set_user(clauses)
    }

    fn set_user(&mut self, clauses: UserClauses) -> Result<()> {
        if clauses
            .profile
            .as_ref()
            .is_some_and(|profile| !self.profiles.contains_key(profile))
        {
            return Err(Ora(2380));
        }
        let held: Vec<String> = self.principal(&clauses.name).map_or_else(Vec::new, |one| {
            one.roles
                .keys()
                .map(|id| self.principals[id].name.clone())
                .collect()
        });
        if let Some(DefaultRoles::These(names)) = &clauses.default_roles
            && names.iter().any(|name| !held.contains(name))
        {
            return Err(Ora(1955));
        }
        let user = self
            .principal_mut(&clauses.name)
            .and_then(|principal| principal.user.as_mut())
            .ok_or(Ora(1918))?;
        if let Some(password) = clauses.password {
            user.password = password;
        }
        if let Some(profile) = clauses.profile {
            user.profile = profile;
        }
        match clauses.locked {
            Some(true) => user.locked = Lock::Shut,
            Some(false) => (user.locked, user.failed) = (Lock::Open, 0),
            None => {}
        }
        user.quota |= clauses.quota;
        if let Some(default_roles) = clauses.default_roles {
            user.default_roles = default_roles;
        }
        Ok(())
    }

    fn drop_user(&mut self, sid: u32, name: &str, cascade: bool) -> Result<()> {
        self.need(sid, "DROP USER")?;
        if self.principal(name).is_none_or(|one| one.user.is_none()) {
            return Err(Ora(1918));
        }
        let connected =
            |session: &super::Session| session.user == name && (!session.killed || session.lingers > 0);
        if self.sessions.values().any(connected) {
            return Err(Ora(1940));
        }
        let owned: Vec<Object> = self
            .things
            .keys()
            .filter(|(owner, _)| owner == name)
            .cloned()
            .collect();
        if !owned.is_empty() && !cascade {
            return Err(Ora(1922));
        }
        for object in owned {
            self.forget(&object);
        }
        self.names.remove(name);
        Ok(())
    }

    fn forget(&mut self, object: &Object) {
        self.things.remove(object);
        for principal in self.principals.values_mut() {
            principal.objects.remove(object);
        }
    }

    /// Whoever creates a role holds it, and may pass it on.
    fn create_role(&mut self, sid: u32, name: &str, guarded: bool) -> Result<()> {
        let creator = self.need(sid, "CREATE ROLE")?;
        if self.names.contains_key(name) {
            return Err(Ora(1921));
        }
        let id = self.add(name, None);
        self.principals
            .entry(id)
            .and_modify(|role| role.guarded = guarded);
        if let Some(creator) = self.principal_mut(&creator) {
            creator.roles.insert(id, true);
        }
        Ok(())
    }

    fn drop_role(&mut self, sid: u32, name: &str) -> Result<()> {
        let id = self.role(name)?;
        if !self.session_may(sid, "DROP ANY ROLE") && !self.administers(sid, id) {
            return Err(Ora(1031));
        }
        self.names.remove(name);
        for principal in self.principals.values_mut() {
            principal.roles.remove(&id);
        }
        Ok(())
    }

    pub fn role(&self, name: &str) -> Result<Id> {
        let id = *self.names.get(name).ok_or(Ora(1919))?;
        if self.principals[&id].user.is_some() {
            return Err(Ora(1919));
        }
        Ok(id)
    }

    pub fn administers(&self, sid: u32, role: Id) -> bool {
        let session = &self.sessions[&sid];
        self.holders(&session.user, &session.enabled)
            .any(|holder| holder.roles.get(&role) == Some(&true))
    }

    fn create_profile(&mut self, sid: u32, name: String, limits: Vec<(String, String)>) -> Result<()> {
        self.need(sid, "CREATE PROFILE")?;
        if self.profiles.contains_key(&name) {
            return Err(Ora(2379));
        }
        let known = [
            "SESSIONS_PER_USER",
            "FAILED_LOGIN_ATTEMPTS",
            "PASSWORD_LOCK_TIME",
            "PASSWORD_LIFE_TIME",
            "PASSWORD_GRACE_TIME",
        ];
        if limits.iter().any(|(what, _)| !known.contains(&what.as_str())) {
            return Err(Ora(2376));
        }
        self.profiles.insert(name, limits.into_iter().collect());
        Ok(())
    }

    fn drop_profile(&mut self, sid: u32, name: &str, cascade: bool) -> Result<()> {
        self.need(sid, "DROP PROFILE")?;
        if !self.profiles.contains_key(name) {
            return Err(Ora(2380));
        }
        let mut users: Vec<&mut User> = self
            .principals
            .values_mut()
            .filter_map(|one| one.user.as_mut())
            .filter(|user| user.profile == name)
            .collect();
        if !users.is_empty() && !cascade {
            return Err(Ora(2382));
        }
        users
            .iter_mut()
            .for_each(|user| user.profile = RESERVED_PROFILE.to_owned());
        self.profiles.remove(name);
        Ok(())
    }

    fn create(&mut self, sid: u32, object: Object, made: Thing, kind: &str) -> Result<()> {
        let session = &self.sessions[&sid];
        let (own, any) = (format!("CREATE {kind}"), format!("CREATE ANY {kind}"));
        let in_own = session.user == object.0;
        let on_schema = self.holders(&session.user, &session.enabled).any(|holder| {
            holder
                .schemas
                .get(&object.0)
                .is_some_and(|held| held.contains(&any))
        });
        if !((in_own && self.session_may(sid, &own)) || self.session_may(sid, &any) || on_schema) {
            return Err(Ora(1031));
        }
        if self.principal(&object.0).is_none_or(|owner| owner.user.is_none()) {
            return Err(Ora(1918));
        }
        if self.things.contains_key(&object) {
            return Err(Ora(955));
        }
        self.things.insert(object, made);
        Ok(())
    }

    fn end_session(&mut self, sid: u32, whose: u32, serial: u32, instance: Option<u32>) -> Result<()> {
        match instance {
            Some(_) => drop(self.need(sid, "ALTER SYSTEM")?),
            // Without the package it is no name.
            None if !self.flavour.rds => return Err(Ora(6550)),
            None => {}
        }
        if whose == sid {
            return Err(Ora(27));
        }
        let lingers = self.linger;
        let session = self.sessions.get_mut(&whose).ok_or(Ora(30))?;
        if session.serial != serial || instance.is_some_and(|instance| instance != session.instance) {
            return Err(Ora(30));
        }
        if session.killed {
            // Each time is one more chance for its server to notice.
            session.lingers = session.lingers.saturating_sub(1);
            return Err(Ora(31));
        }
        (session.killed, session.lingers) = (true, lingers);
        Ok(())
    }
}

fn user(password: &str, created: chrono::NaiveDateTime) -> User {
    User {
        password: password.to_owned(),
        profile: RESERVED_PROFILE.to_owned(),
        locked: Lock::Open,
        failed: 0,
        quota: false,
        default_roles: DefaultRoles::All,
        created,
    }
}

fn thing(kind: &'static str) -> Thing {
    Thing {
        kind,
        over: None,
        comment: String::new(),
        annotations: BTreeMap::new(),
        rows: 2,
        not_grantable: false,
    }
}
