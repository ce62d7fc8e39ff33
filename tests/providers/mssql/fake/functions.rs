//! The server's functions, as far as clients of ours ask for them.

use chrono::{DateTime, FixedOffset, Offset, TimeZone, Utc};

use super::{
    engine::Env,
    model::Kind,
    value::{Outcome, Value, fault, same},
};

#[expect(clippy::disallowed_methods, reason = "a server has a clock of its own")]
pub fn now() -> DateTime<FixedOffset> {
    Utc::now().fixed_offset()
}

/// The time on the server's own clock, which says nothing of where it hangs.
pub fn local() -> DateTime<FixedOffset> {
    let there = now().with_timezone(&zone()).naive_local();
    Utc.from_utc_datetime(&there).fixed_offset()
}

fn flag(yes: bool) -> Value {
    Value::Int(i64::from(yes))
}

pub fn call(env: &Env<'_>, name: &str, arguments: &[Value]) -> Outcome<Value> {
    match (name, arguments) {
        ("SERVERPROPERTY", [what]) => Ok(match what.text().as_str() {
            "EngineEdition" => Value::Int(env.model.edition),
            "ProductVersion" => Value::of("16.0.4135.4"),
            "ServerName" => Value::of("FAKE"),
            _ => Value::Null,
        }),
        ("SUSER_SNAME" | "ORIGINAL_LOGIN", []) => Ok(Value::of(&env.who.name)),
        ("SUSER_SNAME", [Value::Bin(sid)]) => {
            let found = env.model.server.principals.iter().find(|found| found.sid == *sid);
            Ok(found.map_or(Value::Null, |found| Value::of(&found.name)))
        }
        ("SUSER_SID", [Value::Str(name)]) => {
            let found = env
                .model
                .server
                .find(name)
                .filter(|found| found.kind == Kind::Login);
            Ok(found.map_or(Value::Null, |found| Value::Bin(found.sid.clone())))
        }
        ("DB_NAME", []) => Ok(Value::of(&env.database)),
        ("USER_NAME", []) => {
            let database = env.model.database(&env.database)?;
            let inside = env.model.inside(&env.who, database)?;
            let user = database.rights.by_id(inside.user);
            Ok(user.map_or(Value::Null, |user| Value::of(&user.name)))
        }
        ("IS_SRVROLEMEMBER", [role]) => Ok(match env.model.server.role(&role.text()) {
            Ok(found) => flag(env.model.server_ids(&env.who).contains(&found.id)),
            Err(_) => Value::Null,
        }),
        ("IS_ROLEMEMBER", [role]) => {
            let database = env.model.database(&env.database)?;
            let inside = env.model.inside(&env.who, database)?;
            Ok(match database.rights.role(&role.text()) {
                Ok(found) => flag(database.rights.closure(inside.user, 0).contains(&found.id)),
                Err(_) => Value::Null,
            })
        }
        ("LOGINPROPERTY", [login, what]) => login_property(env, &login.text(), &what.text()),
        ("HAS_DBACCESS", [database]) => Ok(match env.model.find(&database.text()) {
            None => Value::Null,
            Some(found) => flag(found.online && env.model.inside(&env.who, found).is_ok()),
        }),
        ("HAS_PERMS_BY_NAME", [securable, class, permission]) => {
            has_permission(env, securable, class, &permission.text())
        }
        ("SYSUTCDATETIME", []) => Ok(Value::Time(now())),
        ("SYSDATETIMEOFFSET", []) => Ok(Value::Time(now().with_timezone(&zone()))),
        ("DATEPART", [part, Value::Time(time)]) if part.text() == "TZ" => {
            Ok(Value::Int(i64::from(time.offset().local_minus_utc() / 60)))
        }
        // A time without a zone is the server's own.
        ("TODATETIMEOFFSET", [Value::Time(time), Value::Int(minutes)]) => {
            let zone = FixedOffset::east_opt(i32::try_from(*minutes).unwrap_or(0) * 60);
            let there = zone.and_then(|zone| zone.from_local_datetime(&time.naive_local()).single());
            Ok(there.map_or(Value::Null, Value::Time))
        }
        _ => fault(
            195,
            format!("'{name}' is not a recognized built-in function name."),
        ),
    }
}

/// A server that is not at Greenwich shows who compares local times with ours.
fn zone() -> FixedOffset {
    FixedOffset::east_opt(2 * 3600).unwrap_or(Utc.fix())
}

fn login_property(env: &Env<'_>, login: &str, what: &str) -> Outcome<Value> {
    let Some(found) = env.model.server.find(login) else {
        return Ok(Value::Null);
    };
    Ok(match what {
        "DaysUntilExpiration" if found.expires => Value::Int(30),
        "IsLocked" => Value::Int(0),
        _ => Value::Null,
    })
}

/// `HAS_PERMS_BY_NAME(securable, class, permission)` of the one who asks.
fn has_permission(env: &Env<'_>, securable: &Value, class: &Value, permission: &str) -> Outcome<Value> {
    let (Value::Str(securable), Value::Str(class)) = (securable, class) else {
        return Ok(flag(env.model.may_server(&env.who, permission)));
    };
    let mut parts = super::lex::Tokens::of(securable)?;
    let first = parts.name()?;
    if same(class, "DATABASE") {
        let database = match env.model.find(&first) {
            Some(database) if database.online => database,
            _ => return Ok(Value::Null),
        };
        return Ok(flag(env.model.may(&env.who, database, permission, None, None)));
    }
    let database = env.model.database(&env.database)?;
    if same(class, "SCHEMA") {
        let Some(schema) = database.schema(&first) else {
            return Ok(Value::Null);
        };
        return Ok(flag(env.model.may(
            &env.who,
            database,
            permission,
            Some(schema.id),
            None,
        )));
    }
    parts.sign(".")?;
    let name = parts.name()?;
    Ok(match database.object(&first, &name) {
        None => Value::Null,
        Some(object) => {
            flag(
                env.model
                    .may(&env.who, database, permission, Some(object.schema), Some(object)),
            )
        }
    })
}
