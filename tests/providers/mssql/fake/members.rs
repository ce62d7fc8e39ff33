//! Roles, who is in them, and what must be gone before a principal can be.

use super::{
    engine::Env,
    lex::Tokens,
    model::{Database, Kind, no_principal, principal},
    value::{Outcome, fault},
};

/// A right on the current database itself.
pub fn needs_database(env: &Env<'_>, permission: &str) -> Outcome<()> {
    let database = env.model.database(&env.database)?;
    env.model.inside(&env.who, database)?;
    let covered = ["ALTER ANY USER", "ALTER ANY ROLE"].contains(&permission)
        && env.model.may(&env.who, database, "ALTER", None, None);
    if covered || env.model.may(&env.who, database, permission, None, None) {
        Ok(())
    } else {
        fault(
            262,
            format!("{permission} permission denied in database '{}'.", database.name),
        )
    }
}

pub fn create_role(env: &mut Env<'_>, from: &mut Tokens, server: bool) -> Outcome<()> {
    let name = from.name()?;
    if server {
        env.model.needs(&env.who, "CREATE SERVER ROLE")?;
        if env.model.server.find(&name).is_some() {
            return fault(15025, format!("The server principal '{name}' already exists."));
        }
        let id = env.model.id();
        let role = principal(id, &name, Kind::Role, id.to_le_bytes().to_vec());
        env.model.server.principals.push(role);
        return Ok(());
    }
    needs_database(env, "ALTER ANY ROLE")?;
    let owner = if from.eat("AUTHORIZATION") {
        from.name()?
    } else {
        "dbo".to_owned()
    };
    let id = env.model.id();
    let database = env.model.database_mut(&env.database)?;
    if database.rights.find(&name).is_some() {
        return fault(
            15023,
            format!("User, group, or role '{name}' already exists in the current database."),
        );
    }
    let Some(owner) = database.rights.find(&owner).map(|found| found.id) else {
        return no_principal("principal", &owner);
    };
    let mut role = principal(id, &name, Kind::Role, [&id.to_le_bytes()[..], &[9; 12]].concat());
    role.owner = Some(owner);
    database.rights.principals.push(role);
    Ok(())
}

/// `ALTER [SERVER] ROLE name ADD|DROP MEMBER name`
pub fn alter_role(env: &mut Env<'_>, from: &mut Tokens, server: bool) -> Outcome<()> {
    let role = from.name()?;
    let adds = match from.upper_word()?.as_str() {
        "ADD" => true,
        "DROP" => false,
        word => return super::value::syntax(word),
    };
    from.words("MEMBER")?;
    let member = from.name()?;
    if server {
        env.model.needs(&env.who, "ALTER ANY SERVER ROLE")?;
    } else {
        needs_database(env, "ALTER ANY ROLE")?;
    }
    let is_sysadmin = env.model.is_sysadmin(&env.who);
    let controls = env.model.controls(&env.who);
    let rights = if server {
        &mut env.model.server
    } else {
        &mut env.model.database_mut(&env.database)?.rights
    };
    let found = rights.role(&role)?;
    // A fixed role takes more than CONTROL SERVER.
    if found.fixed && !is_sysadmin {
        return fault(
            15151,
            format!(
                "Cannot alter the role '{role}', because it does not exist or you do not have permission."
            ),
        );
    }
    let role_id = found.id;
    let Some(member_id) = rights.find(&member).map(|found| found.id) else {
        return fault(
            15151,
            format!(
                "Cannot add the principal '{member}', because it does not exist or you do not have permission."
            ),
        );
    };
    if !server && matches!(member_id, 1..=4) {
        return fault(15405, format!("Cannot use the special principal '{member}'."));
    }
    if !controls && !is_sysadmin && server {
        return fault(15247, "User does not have permission to perform this action.");
    }
    if rights.closure(role_id, role_id).contains(&member_id) && adds {
        return fault(15413, "Cannot make a role a member of itself.");
    }
    rights.members.retain(|edge| *edge != (role_id, member_id));
    if adds {
        rights.members.push((role_id, member_id));
    }
    Ok(())
}

pub fn drop_server_role(env: &mut Env<'_>, from: &mut Tokens) -> Outcome<()> {
    env.model.needs(&env.who, "ALTER ANY SERVER ROLE")?;
    let name = from.name()?;
    let role = env.model.server.role(&name)?;
    let (id, fixed) = (role.id, role.fixed);
    if fixed || env.model.server.members.iter().any(|(role, _)| *role == id) {
        return fault(
            15144,
            "The role has members. It must be empty before it can be dropped.",
        );
    }
    env.model.server.drop_principal(id);
    Ok(())
}

/// A user or a role of the current database.
pub fn drop_principal(env: &mut Env<'_>, from: &mut Tokens, kind: Kind) -> Outcome<()> {
    needs_database(env, "ALTER ANY ROLE")?;
    let name = from.name()?;
    let database = env.model.database_mut(&env.database)?;
    let found = match database.rights.find(&name) {
        Some(found) if found.kind == kind && !found.fixed && !(0..=4).contains(&found.id) => found.id,
        _ => return no_principal("principal", &name),
    };
    is_free(database, found)?;
    database.rights.drop_principal(found);
    database
        .properties
        .retain(|(class, major, ..)| (*class, *major) != (4, found));
    Ok(())
}

fn is_free(database: &Database, id: i32) -> Outcome<()> {
    let text = |why: &str| format!("The database principal {why}, and cannot be dropped.");
    if database.schemas.iter().any(|schema| schema.owner == id) {
        return fault(15138, text("owns a schema in the database"));
    }
    if database
        .rights
        .principals
        .iter()
        .any(|found| found.owner == Some(id))
    {
        return fault(15421, text("owns a database role"));
    }
    if database.objects.iter().any(|object| object.owner == Some(id)) {
        return fault(15183, text("owns objects in the database"));
    }
    if database
        .rights
        .permissions
        .iter()
        .any(|found| found.grantor == id)
    {
        return fault(
            15284,
            text("has granted or denied permissions to objects in the database"),
        );
    }
    if database.rights.members.iter().any(|(role, _)| *role == id) {
        return fault(
            15144,
            "The role has members. It must be empty before it can be dropped.",
        );
    }
    Ok(())
}
