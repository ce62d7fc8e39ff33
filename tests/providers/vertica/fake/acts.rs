//! What users, roles and profiles go through.

use super::{
    hash::Stored,
    lexer::{Result, fault},
    model::{ADMIN, Held, Model, Profile, Role, User, key, same},
    parse::{Roles, Setting},
    rights::{Actor, denied},
};

/// What CREATE PROFILE knows since the oldest version that is spoken to.
const LIMITS: &[&str] = &[
    "PASSWORD_LIFE_TIME",
    "PASSWORD_GRACE_TIME",
    "FAILED_LOGIN_ATTEMPTS",
    "PASSWORD_LOCK_TIME",
    "PASSWORD_REUSE_MAX",
    "PASSWORD_REUSE_TIME",
    "PASSWORD_MAX_LENGTH",
    "PASSWORD_MIN_LENGTH",
    "PASSWORD_MIN_LETTERS",
    "PASSWORD_MIN_UPPERCASE_LETTERS",
    "PASSWORD_MIN_LOWERCASE_LETTERS",
    "PASSWORD_MIN_DIGITS",
    "PASSWORD_MIN_SYMBOLS",
];

fn must_be_free(model: &Model, name: &str) -> Result<()> {
    if model.user(name).is_some() || model.role(name).is_some() {
        return Err(fault("42710", format!("User/role \"{name}\" already exists")));
    }
    Ok(())
}

pub fn create_user(model: &mut Model, name: &str, settings: &[Setting]) -> Result<()> {
    must_be_free(model, name)?;
    let id = model.id();
    model.users.push(User {
        id,
        name: name.to_owned(),
        password: None,
        expired: false,
        profile: "default".to_owned(),
        locked: false,
        failures: 0,
        connections: None,
        idle: None,
        held: Vec::new(),
        defaults: Vec::new(),
    });
    let done = alter(model, name, settings);
    if done.is_err() {
        model.users.pop();
    }
    done
}

pub fn alter_user(model: &mut Model, actor: &Actor, name: &str, settings: &[Setting]) -> Result<()> {
    model.user_mut(name)?;
    let own = same(&actor.user, name) && matches!(settings, [Setting::Password { old: Some(_), .. }]);
    if !own {
        actor.must_be_super(model, "ALTER USER")?;
        if same(name, ADMIN) && !actor.is_admin(model) {
            return Err(denied("ALTER USER dbadmin"));
        }
    }
    alter(model, name, settings)
}

fn alter(model: &mut Model, name: &str, settings: &[Setting]) -> Result<()> {
    // The profile first: the password is judged by the one that will be in force.
    for setting in settings {
        if let Setting::Profile(profile) = setting {
            if !model.profiles.iter().any(|one| same(&one.name, profile)) {
                return Err(fault("42704", format!("Profile \"{profile}\" does not exist")));
            }
            model.user_mut(name)?.profile.clone_from(profile);
        }
    }
    for setting in settings {
        match setting {
            Setting::Profile(_) => {}
            Setting::Password { new, .. } => {
                let profile = model.user_mut(name)?.profile.clone();
                model.check_password(&profile, new)?;
                let algorithm = model.options.algorithm;
                let user = model.user_mut(name)?;
                user.password = Some(Stored::new(&user.name, new, algorithm));
                user.expired = false;
            }
            Setting::Connections(count) => model.user_mut(name)?.connections = Some(*count),
            Setting::Idle(after) => model.user_mut(name)?.idle = Some(after.clone()),
            Setting::Lock(locked) => {
                let user = model.user_mut(name)?;
                user.locked = *locked;
                user.failures = 0;
            }
            Setting::Expire => model.user_mut(name)?.expired = true,
        }
    }
    Ok(())
}

pub fn default_role(model: &mut Model, name: &str, roles: &Roles) -> Result<()> {
    let user = model.user_mut(name)?;
    let held: Vec<String> = user.held.iter().map(|held| held.role.clone()).collect();
    user.defaults = match roles {
        Roles::None => Vec::new(),
        Roles::All => held,
        Roles::These(names) => {
            let mut defaults: Vec<String> = Vec::new();
            for name in names {
                let role = held
                    .iter()
                    .find(|role| same(role, name))
                    .ok_or_else(|| fault("42704", format!("Role \"{name}\" is not granted to this user")))?;
                if !defaults.contains(role) {
                    defaults.push(role.clone());
                }
            }
            defaults
        }
    };
    Ok(())
}

pub fn drop_user(model: &mut Model, name: &str, cascade: bool) -> Result<()> {
    model.user_mut(name)?;
    let owns = |owner: &str| same(owner, name);
    let owned: Vec<String> = model
        .objects
        .iter()
        .filter(|object| owns(&object.owner))
        .map(|object| format!("{}.{}", object.schema, object.name))
        .chain(
            model
                .schemas
                .iter()
                .filter(|schema| owns(&schema.owner))
                .map(|schema| schema.name.clone()),
        )
        .collect();
    if !owned.is_empty() && !cascade {
        let text = format!(
            "User {name} cannot be dropped because other objects depend on it: {}",
            owned.join(", ")
        );
        return Err(fault("2BP01", text));
    }
    model.objects.retain(|object| !same(&object.owner, name));
    model.schemas.retain(|schema| !same(&schema.owner, name));
    model.users.retain(|user| !same(&user.name, name));
    model.grants.retain(|(grantee, _), _| *grantee != key(name));
    for holders in model.authentications.values_mut() {
        holders.remove(&key(name));
    }
    Ok(())
}

pub fn create_role(model: &mut Model, name: &str) -> Result<()> {
    must_be_free(model, name)?;
    let id = model.id();
    model.roles.push(Role {
        id,
        name: name.to_owned(),
        held: Vec::new(),
    });
    Ok(())
}

pub fn drop_role(model: &mut Model, name: &str, cascade: bool) -> Result<()> {
    if model.role(name).is_none() {
        return Err(fault("42704", format!("Role \"{name}\" does not exist")));
    }
    let holds = |held: &[Held]| held.iter().any(|held| same(&held.role, name));
    let in_use = model.users.iter().any(|user| holds(&user.held))
        || model.roles.iter().any(|role| holds(&role.held))
        || model.grants.keys().any(|(grantee, _)| *grantee == key(name));
    if in_use && !cascade {
        let text = format!("Role {name} cannot be dropped because other objects depend on it");
        return Err(fault("2BP01", text));
    }
    model.roles.retain(|role| !same(&role.name, name));
    for role in &mut model.roles {
        role.held.retain(|held| !same(&held.role, name));
    }
    for user in &mut model.users {
        user.held.retain(|held| !same(&held.role, name));
        user.defaults.retain(|role| !same(role, name));
    }
    model.grants.retain(|(grantee, _), _| *grantee != key(name));
    Ok(())
}

pub fn create_profile(model: &mut Model, name: &str, limits: &[(String, String)]) -> Result<()> {
    if model.profiles.iter().any(|profile| same(&profile.name, name)) {
        return Err(fault("42710", format!("Profile \"{name}\" already exists")));
    }
    if let Some((unknown, _)) = limits.iter().find(|(limit, _)| !LIMITS.contains(&limit.as_str())) {
        return Err(fault("42601", format!("Syntax error at or near \"{unknown}\"")));
    }
    model.profiles.push(Profile {
        name: name.to_owned(),
        limits: limits.iter().cloned().collect(),
    });
    Ok(())
}

pub fn drop_profile(model: &mut Model, name: &str) -> Result<()> {
    if !model.profiles.iter().any(|profile| same(&profile.name, name)) {
        return Err(fault("42704", format!("Profile \"{name}\" does not exist")));
    }
    if model.users.iter().any(|user| same(&user.profile, name)) {
        return Err(fault("2BP01", format!("Profile {name} is in use")));
    }
    model.profiles.retain(|profile| !same(&profile.name, name));
    Ok(())
}

pub fn give_role(
    model: &mut Model,
    actor: &Actor,
    roles: &[String],
    to: &[String],
    admin: bool,
) -> Result<()> {
    for role in roles {
        let found = model
            .role(role)
            .ok_or_else(|| fault("42704", format!("Role \"{role}\" does not exist")))?;
        let name = found.name.clone();
        if ["dbadmin", "dbduser"].iter().any(|above| same(above, &name)) && !actor.is_admin(model) {
            return Err(denied(&format!("GRANT {name}")));
        }
        for grantee in to {
            model.grantee(grantee)?;
            if model.closure(std::slice::from_ref(&name)).contains(&key(grantee)) {
                return Err(fault("42P19", "Roles would be granted in a circle"));
            }
            let held = if model.user(grantee).is_some() {
                &mut model.user_mut(grantee)?.held
            } else {
                let role = model.roles.iter_mut().find(|role| same(&role.name, grantee));
                &mut role.ok_or_else(|| fault("42704", "Role does not exist"))?.held
            };
            if !held.iter().any(|held| same(&held.role, &name)) {
                held.push(Held {
                    role: name.clone(),
                    admin,
                });
            }
        }
    }
    Ok(())
}

pub fn take_role(model: &mut Model, roles: &[String], from: &[String]) -> Result<()> {
    let keeps = model.options.keeps_defaults;
    for role in roles {
        if model.role(role).is_none() {
            return Err(fault("42704", format!("Role \"{role}\" does not exist")));
        }
        for grantee in from {
            model.grantee(grantee)?;
            for user in model.users.iter_mut().filter(|user| same(&user.name, grantee)) {
                user.held.retain(|held| !same(&held.role, role));
                user.defaults.retain(|name| keeps || !same(name, role));
            }
            for other in model.roles.iter_mut().filter(|other| same(&other.name, grantee)) {
                other.held.retain(|held| !same(&held.role, role));
            }
        }
    }
    Ok(())
}
