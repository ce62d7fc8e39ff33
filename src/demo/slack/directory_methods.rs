//! Who and what there is: `auth.*`, `apps.*`, `users.*`, `usergroups.*`, `conversations.*`.

use serde_json::{Value, json};

use super::api::{Answer, ApiError};
use super::args::Args;
use super::options::{FakePerson, Guest};
use super::world::{Channel, World};

pub(super) fn auth_test(world: &mut World, _: &Args) -> Answer {
    let (team, app) = (&world.options.team, &world.options.app);
    let mut body = json!({
        "url": format!("https://{}.slack.com/", team.domain),
        "team": team.name,
        "user": app.name,
        "team_id": team.id,
        "user_id": app.bot_user_id,
        "bot_id": app.bot_id,
        "is_enterprise_install": false,
    });
    if let Some(enterprise) = &team.enterprise {
        body["enterprise_id"] = json!(enterprise);
    }
    Ok(body)
}

pub(super) fn connections_open(world: &mut World, _: &Args) -> Answer {
    let ticket = format!("{}-{:032x}", world.serial(), rand::random::<u128>());
    let url = format!(
        "{}/_link?ticket={ticket}&app_id={}",
        world.base_url, world.options.app.app_id
    );
    let now = world.now;
    world.tickets.insert(ticket, now);
    Ok(json!({"url": url.replacen("http://", "ws://", 1)}))
}

fn user_object(world: &World, person: &FakePerson) -> Value {
    let team = person.foreign_team.as_ref().unwrap_or(&world.options.team.id);
    let may_read_email = world.options.scopes.iter().any(|s| s == "users:read.email");
    let mut profile = json!({
        "title": person.title,
        "phone": "",
        "real_name": person.real_name,
        "real_name_normalized": person.real_name,
        "display_name": person.name,
        "display_name_normalized": person.name,
        "team": team,
    });
    if let Some(email) = person.email.as_ref().filter(|_| may_read_email) {
        profile["email"] = json!(email);
    }
    let mut user = json!({
        "id": person.id,
        "team_id": team,
        "name": person.name,
        "deleted": person.deleted,
        "profile": profile,
        "is_bot": person.is_bot,
        "is_app_user": false,
        "updated": world.now.timestamp(),
    });
    if !person.deleted {
        // Slack leaves these out for deactivated people.
        let offset = person.tz.parse::<chrono_tz::Tz>().map_or(0, |tz| {
            use chrono::Offset;
            world.now.with_timezone(&tz).offset().fix().local_minus_utc()
        });
        let extra = json!({
            "color": "9f69e7",
            "real_name": person.real_name,
            "tz": person.tz,
            "tz_label": person.tz,
            "tz_offset": offset,
            "is_admin": false,
            "is_owner": false,
            "is_primary_owner": false,
            "is_restricted": person.guest != Guest::No,
            "is_ultra_restricted": person.guest == Guest::SingleChannel,
            "is_email_confirmed": person.email_confirmed,
            "who_can_share_contact_card": "EVERYONE",
        });
        if let (Some(user), Value::Object(extra)) = (user.as_object_mut(), extra) {
            user.extend(extra);
        }
    }
    if person.foreign_team.is_some() {
        user["is_stranger"] = json!(true);
    }
    user
}

pub(super) fn users_info(world: &mut World, args: &Args) -> Answer {
    let person = args.text("user").and_then(|id| world.people.get(id));
    let person = person.ok_or_else(|| ApiError::code("user_not_found"))?;
    Ok(json!({"user": user_object(world, person)}))
}

pub(super) fn users_list(world: &mut World, args: &Args) -> Answer {
    let all: Vec<Value> = world.people.values().map(|p| user_object(world, p)).collect();
    let (page, next) = page(all, args);
    Ok(
        json!({"members": page, "cache_ts": world.now.timestamp(), "response_metadata": {"next_cursor": next}}),
    )
}

/// Slack finds people of the workspace by confirmed address only; the deactivated are not found.
pub(super) fn lookup_by_email(world: &mut World, args: &Args) -> Answer {
    let wanted = args.needed("email")?;
    let found = world.people.values().find(|p| {
        p.email.as_deref().is_some_and(|e| e.eq_ignore_ascii_case(wanted))
            && p.email_confirmed
            && !p.deleted
            && p.foreign_team.is_none()
    });
    let person = found.ok_or_else(|| ApiError::code("users_not_found"))?;
    Ok(json!({"user": user_object(world, person)}))
}

pub(super) fn usergroups_list(world: &mut World, args: &Args) -> Answer {
    let groups = world
        .groups
        .as_ref()
        .ok_or_else(|| ApiError::code("plan_upgrade_required"))?;
    let list: Vec<Value> = groups
        .iter()
        .filter(|g| !g.disabled || args.flag("include_disabled"))
        .map(|g| {
            let mut group = json!({
                "id": g.id,
                "team_id": world.options.team.id,
                "is_usergroup": true,
                "is_subteam": true,
                "is_external": false,
                "name": g.name,
                "handle": g.handle,
                "description": "",
                "date_create": world.now.timestamp(),
                "date_update": world.now.timestamp(),
                "date_delete": if g.disabled { world.now.timestamp() } else { 0 },
                "auto_provision": false,
                "auto_type": null,
                "created_by": world.options.app.bot_user_id,
                "updated_by": world.options.app.bot_user_id,
                "deleted_by": null,
                "prefs": {"channels": [], "groups": []},
                "user_count": g.members.len(),
            });
            if args.flag("include_users") {
                group["users"] = json!(g.members);
            }
            group
        })
        .collect();
    Ok(json!({"usergroups": list}))
}

pub(super) fn usergroup_members(world: &mut World, args: &Args) -> Answer {
    let wanted = args.needed("usergroup")?;
    let groups = world
        .groups
        .as_ref()
        .ok_or_else(|| ApiError::code("plan_upgrade_required"))?;
    let group = groups
        .iter()
        .find(|g| g.id == wanted)
        .ok_or_else(|| ApiError::code("no_such_subteam"))?;
    if group.disabled && !args.flag("include_disabled") {
        return Err(ApiError::code("subteam_disabled"));
    }
    Ok(json!({"users": group.members}))
}

fn channel_object(world: &World, id: &str, channel: &Channel) -> Value {
    let info = &channel.info;
    if let Some(user) = &channel.im_with {
        let gone = world.people.get(user).is_none_or(|p| p.deleted);
        return json!({
            "id": id, "created": 0, "is_im": true, "is_org_shared": false, "user": user,
            "is_user_deleted": gone, "is_archived": false, "priority": 0,
        });
    }
    json!({
        "id": id,
        "name": info.name,
        "name_normalized": info.name,
        "is_channel": !info.is_private,
        "is_group": info.is_private,
        "is_im": false,
        "is_mpim": false,
        "is_private": info.is_private,
        "created": 0,
        "creator": info.members.first(),
        "is_archived": info.is_archived,
        "is_general": false,
        "is_shared": info.is_ext_shared || info.is_org_shared,
        "is_ext_shared": info.is_ext_shared,
        "is_org_shared": info.is_org_shared,
        "is_pending_ext_shared": false,
        "pending_shared": [],
        "is_member": info.has_app,
        "num_members": info.members.len() + usize::from(info.has_app),
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    })
}

/// A private channel without the app does not exist for it; direct messages need a scope of their own.
fn readable<'a>(world: &'a World, id: &str) -> Result<&'a Channel, ApiError> {
    let has = |scope: &str| world.options.scopes.iter().any(|s| s == scope);
    let channel = world
        .channels
        .get(id)
        .ok_or_else(|| ApiError::code("channel_not_found"))?;
    if channel.im_with.is_some() {
        return if has("im:read") {
            Ok(channel)
        } else {
            Err(ApiError::code("missing_scope"))
        };
    }
    match (channel.info.is_private, channel.info.has_app) {
        (true, false) => Err(ApiError::code("channel_not_found")),
        (true, true) if !has("groups:read") => Err(ApiError::code("missing_scope")),
        (false, _) if !has("channels:read") => Err(ApiError::code("missing_scope")),
        (true, true) | (false, _) => Ok(channel),
    }
}

pub(super) fn conversations_info(world: &mut World, args: &Args) -> Answer {
    let id = args
        .text("channel")
        .ok_or_else(|| ApiError::code("channel_not_found"))?;
    let mut channel = channel_object(world, id, readable(world, id)?);
    if !args.flag("include_num_members")
        && let Some(object) = channel.as_object_mut()
    {
        object.remove("num_members");
    }
    Ok(json!({"channel": channel}))
}

pub(super) fn conversations_members(world: &mut World, args: &Args) -> Answer {
    let id = args
        .text("channel")
        .ok_or_else(|| ApiError::code("channel_not_found"))?;
    let info = &readable(world, id)?.info;
    let mut members = info.members.clone();
    members.extend(info.has_app.then(|| world.options.app.bot_user_id.clone()));
    let (page, next) = page(members.into_iter().map(Value::String).collect(), args);
    Ok(json!({"members": page, "response_metadata": {"next_cursor": next}}))
}

pub(super) fn conversations_list(world: &mut World, args: &Args) -> Answer {
    let types = args.text("types").unwrap_or("public_channel");
    let wanted = |c: &Channel| {
        let kind = match (&c.im_with, c.info.is_private) {
            (Some(_), _) => "im",
            (None, true) => "private_channel",
            (None, false) => "public_channel",
        };
        types.split(',').any(|t| t.trim() == kind) && !(c.info.is_archived && args.flag("exclude_archived"))
    };
    let all = world
        .channels
        .iter()
        .filter(|(id, c)| wanted(c) && readable(world, id).is_ok())
        .map(|(id, c)| channel_object(world, id, c))
        .collect();
    let (page, next) = page(all, args);
    Ok(json!({"channels": page, "response_metadata": {"next_cursor": next}}))
}

pub(super) fn conversations_open(world: &mut World, args: &Args) -> Answer {
    if let Some(id) = args.text("channel") {
        let known = world.channels.get(id).is_some_and(|c| c.im_with.is_some());
        return if known {
            Ok(json!({"channel": {"id": id}}))
        } else {
            Err(ApiError::code("channel_not_found"))
        };
    }
    let user = match args.json("users") {
        Some(Ok(Value::Array(list))) if list.len() == 1 => list[0].as_str().unwrap_or_default().to_owned(),
        _ => args.needed("users")?.to_owned(),
    };
    if user.contains(',') {
        return Err(ApiError::code("not_enough_users"));
    }
    let person = world
        .people
        .get(&user)
        .ok_or_else(|| ApiError::code("user_not_found"))?;
    if person.is_bot {
        return Err(ApiError::code("cannot_dm_bot"));
    }
    if person.deleted {
        return Err(ApiError::code("user_disabled"));
    }
    let known = world
        .channels
        .values()
        .any(|c| c.im_with.as_deref() == Some(user.as_str()));
    let id = world.open_im(&user);
    let channel = match args.flag("return_im") {
        true => world
            .channels
            .get(&id)
            .map_or(Value::Null, |c| channel_object(world, &id, c)),
        false => json!({"id": id}),
    };
    Ok(json!({"no_op": known, "already_open": known, "channel": channel}))
}

/// Cuts one page out of a list, by Slack's opaque cursor.
fn page(all: Vec<Value>, args: &Args) -> (Vec<Value>, String) {
    let from = args
        .text("cursor")
        .and_then(|c| c.strip_prefix("page-")?.parse::<usize>().ok())
        .unwrap_or(0);
    let limit = args.number("limit").unwrap_or(100).clamp(1, 1000) as usize;
    let more = all.len() > from + limit;
    let page = all.into_iter().skip(from).take(limit).collect();
    (
        page,
        if more {
            format!("page-{}", from + limit)
        } else {
            String::new()
        },
    )
}
