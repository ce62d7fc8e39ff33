//! CREATE, ALTER and DROP of logins, and of the users that stand for them in databases.

use super::{
    engine::Env,
    lex::{Token, Tokens},
    members,
    model::{Kind, no_principal, principal},
    value::{Outcome, fault, syntax},
};

/// `CHECK_POLICY`: eight characters of three classes, and not the name.
fn strong(login: &str, password: &str) -> Outcome<()> {
    let classes: [fn(char) -> bool; 4] = [
        |c| c.is_lowercase(),
        |c| c.is_uppercase(),
        |c| c.is_ascii_digit(),
        |c| !c.is_alphanumeric(),
    ];
    let used = classes.iter().filter(|class| password.chars().any(class)).count();
    if password.chars().count() < 8 || used < 3 || password.to_lowercase().contains(&login.to_lowercase()) {
        return fault(
            15118,
            "Password validation failed. The password does not meet the operating system policy requirements because it is not complex enough.",
        );
    }
    Ok(())
}

pub fn create_login(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    env.model.needs(&env.who, "ALTER ANY LOGIN")?;
    let name = from.name()?;
    from.words("WITH PASSWORD")?;
    from.sign("=")?;
    let password = from.text()?;
    let (mut sid, mut policy, mut expires) = (None, true, false);
    while from.eat_sign(",") {
        let option = from.upper_word()?;
        from.sign("=")?;
        match (option.as_str(), from.next()?) {
            ("SID", Token::Binary(bytes)) if bytes.len() == 16 => sid = Some(bytes),
            ("DEFAULT_DATABASE", Token::Name(database)) => env.model.database(&database).map(drop_value)?,
            ("CHECK_EXPIRATION", Token::Word(word)) => expires = word.eq_ignore_ascii_case("ON"),
            ("CHECK_POLICY", Token::Word(word)) => policy = word.eq_ignore_ascii_case("ON"),
            (option, _) => return syntax(option),
        }
    }
    if env.model.server.find(&name).is_some() {
        return fault(15025, format!("The server principal '{name}' already exists."));
    }
    if policy {
        strong(&name, &password)?;
    }
    let id = env.model.id();
    let sid = sid.unwrap_or_else(|| rand::random::<[u8; 16]>().to_vec());
    if env.model.server.principals.iter().any(|found| found.sid == sid) {
        return fault(15433, "Supplied parameter sid is in use.");
    }
    let mut login = principal(id, &name, Kind::Login, sid);
    login.password = Some(password);
    login.expires = expires;
    env.model.server.principals.push(login);
    Ok(())
}

fn drop_value<T>(_: T) {}

pub fn alter_login(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    env.model.needs(&env.who, "ALTER ANY LOGIN")?;
    let name = from.name()?;
    let Some(login) = env
        .model
        .server
        .find_mut(&name)
        .filter(|found| found.kind == Kind::Login)
    else {
        return no_principal("login", &name);
    };
    if from.eat("ENABLE") {
        login.disabled = false;
        return Ok(());
    }
    if from.eat("DISABLE") {
        login.disabled = true;
        return Ok(());
    }
    from.words("WITH PASSWORD")?;
    from.sign("=")?;
    let password = from.text()?;
    from.eat("UNLOCK");
    strong(&name, &password)?;
    login.password = Some(password);
    Ok(())
}

pub fn drop_login(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    env.model.needs(&env.who, "ALTER ANY LOGIN")?;
    let name = from.name()?;
    let Some(login) = env
        .model
        .server
        .find(&name)
        .filter(|found| found.kind == Kind::Login)
    else {
        return no_principal("login", &name);
    };
    let (id, sid) = (login.id, login.sid.clone());
    if env.sessions.list().iter().any(|session| session.sid == sid) {
        return fault(
            15434,
            format!("Could not drop login '{name}' as the user is currently logged in."),
        );
    }
    if let Some(owned) = env.model.databases.iter().find(|database| database.owner == sid) {
        return fault(
            15174,
            format!("Login '{name}' owns one or more database(s) ({}).", owned.name),
        );
    }
    env.model.server.drop_principal(id);
    Ok(())
}

pub fn create_user(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    members::needs_database(env, "ALTER ANY USER")?;
    let name = from.name()?;
    from.words("FOR LOGIN")?;
    let login = from.name()?;
    let Some(sid) = login_sid(env, &login) else {
        return fault(
            15007,
            format!("'{login}' is not a valid login or you do not have permission."),
        );
    };
    let id = env.model.id();
    let database = env.model.database_mut(&env.database)?;
    if database.rights.find(&name).is_some() {
        return fault(
            15023,
            format!("User, group, or role '{name}' already exists in the current database."),
        );
    }
    if database.rights.principals.iter().any(|found| found.sid == sid) || database.owner == sid {
        return fault(
            15063,
            "The login already has an account under a different user name.",
        );
    }
    database
        .rights
        .principals
        .push(principal(id, &name, Kind::User, sid));
    Ok(())
}

pub fn login_sid(env: &Env<'_>, login: &str) -> Option<Vec<u8>> {
    let found = env.model.server.find(login)?;
    (found.kind == Kind::Login).then(|| found.sid.clone())
}

pub fn alter_user(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    members::needs_database(env, "ALTER ANY USER")?;
    let name = from.name()?;
    from.words("WITH LOGIN")?;
    from.sign("=")?;
    let login = from.name()?;
    let Some(sid) = login_sid(env, &login) else {
        return fault(
            15007,
            format!("'{login}' is not a valid login or you do not have permission."),
        );
    };
    let database = env.model.database_mut(&env.database)?;
    match database.rights.find_mut(&name) {
        Some(user) if user.kind == Kind::User => {
            user.sid = sid;
            Ok(())
        }
        _ => no_principal("user", &name),
    }
}
