//! What Slack says of users and channels, as our values. What it does not say counts against them.

use serde_json::Value;

use crate::{
    chat::Channel,
    domain::{ChatKind, ChatProfile, ChatStanding, ChatUser, Place},
};

/// Slack's own account, which is not marked as a bot.
const SLACKBOT: &str = "USLACKBOT";

/// `user` of `users.info`, as seen from the workspace `team`.
pub(super) fn profile(user: &Value, team: &str) -> ChatProfile {
    let standing = standing(user, team);
    let workspace = match standing {
        ChatStanding::Stranger => text(&user["team_id"]).unwrap_or_default(),
        ChatStanding::Member | ChatStanding::Guest | ChatStanding::Bot | ChatStanding::Deactivated => team,
    };
    let id = text(&user["id"]).unwrap_or_default();
    let name = [
        &user["profile"]["display_name"],
        &user["profile"]["real_name"],
        &user["real_name"],
        &user["name"],
    ]
    .into_iter()
    .find_map(text);
    ChatProfile {
        user: ChatUser {
            chat: ChatKind::Slack,
            workspace: workspace.into(),
            user: id.into(),
        },
        name: name.unwrap_or(id).into(),
        email: confirmed_email(user),
        time_zone: text(&user["tz"]).map(Into::into),
        standing,
    }
}

fn standing(user: &Value, team: &str) -> ChatStanding {
    let is = |flag: &str| user[flag].as_bool() == Some(true);
    let elsewhere = user["team_id"].as_str() != Some(team) && !in_organisation(user, team);
    if is("deleted") {
        ChatStanding::Deactivated
    } else if elsewhere || is("is_stranger") {
        ChatStanding::Stranger
    } else if is("is_bot") || is("is_workflow_bot") || user["id"].as_str() == Some(SLACKBOT) {
        ChatStanding::Bot
    } else if is("is_restricted") || is("is_ultra_restricted") || is("is_invited_user") {
        ChatStanding::Guest
    } else {
        ChatStanding::Member
    }
}

/// A member of an organisation belongs to several workspaces; `team_id` names one of them.
fn in_organisation(user: &Value, team: &str) -> bool {
    user["enterprise_user"]["teams"]
        .as_array()
        .is_some_and(|teams| teams.iter().any(|one| one.as_str() == Some(team)))
}

fn confirmed_email(user: &Value) -> Option<String> {
    let confirmed = user["is_email_confirmed"].as_bool() == Some(true);
    text(&user["profile"]["email"])
        .filter(|_| confirmed)
        .map(Into::into)
}

/// `channel` of `conversations.info`.
pub(super) fn channel(channel: &Value) -> Channel {
    let id = text(&channel["id"]).unwrap_or_default();
    let is = |flag: &str| channel[flag].as_bool() == Some(true);
    let direct = is("is_im") || id.starts_with('D');
    let some = |list: &str| channel[list].as_array().is_some_and(|all| !all.is_empty());
    let shared = channel["is_ext_shared"].as_bool().unwrap_or(!direct)
        || is("is_pending_ext_shared")
        || some("pending_shared")
        || some("pending_connected_team_ids")
        || (is("is_shared") && !is("is_org_shared"));
    Channel {
        place: Place {
            chat: ChatKind::Slack,
            channel: id.into(),
        },
        name: text(&channel["name"]).unwrap_or(id).into(),
        shared_outside: shared,
        member: direct || (is("is_member") && !is("is_archived")),
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ann() -> Value {
        json!({"id": "U0ANN", "team_id": "T0TEAM", "name": "ann", "real_name": "Ann A", "deleted": false,
            "tz": "Europe/Berlin", "is_bot": false, "is_restricted": false, "is_ultra_restricted": false,
            "is_email_confirmed": true, "profile": {"display_name": "", "real_name": "Ann A", "email": "ann@example.com"}})
    }

    fn with(changes: Value) -> ChatProfile {
        let mut user = ann();
        for (key, value) in changes.as_object().expect("an object") {
            user[key] = value.clone();
        }
        profile(&user, "T0TEAM")
    }

    #[test]
    fn a_member_with_a_confirmed_address() {
        let profile = with(json!({}));
        assert_eq!(profile.user.as_key(), "slack:T0TEAM/U0ANN");
        assert_eq!(
            (profile.name.as_str(), profile.standing),
            ("Ann A", ChatStanding::Member)
        );
        assert_eq!(profile.email.as_deref(), Some("ann@example.com"));
        assert_eq!(profile.time_zone.as_deref(), Some("Europe/Berlin"));
    }

    #[test]
    fn an_address_that_is_not_said_to_be_confirmed_is_none() {
        assert_eq!(with(json!({"is_email_confirmed": false})).email, None);
        assert_eq!(with(json!({"is_email_confirmed": null})).email, None);
        assert_eq!(with(json!({"profile": {"email": ""}})).email, None);
    }

    #[test]
    fn who_may_not_act() {
        for (changes, standing) in [
            (json!({"deleted": true}), ChatStanding::Deactivated),
            (
                json!({"deleted": true, "team_id": "T0OTHER"}),
                ChatStanding::Deactivated,
            ),
            (json!({"team_id": "T0OTHER"}), ChatStanding::Stranger),
            (json!({"team_id": null}), ChatStanding::Stranger),
            (json!({"is_stranger": true}), ChatStanding::Stranger),
            (
                json!({"team_id": "T0OTHER", "is_restricted": true}),
                ChatStanding::Stranger,
            ),
            (json!({"is_bot": true}), ChatStanding::Bot),
            (json!({"id": "USLACKBOT"}), ChatStanding::Bot),
            (json!({"is_restricted": true}), ChatStanding::Guest),
            (
                json!({"is_restricted": true, "is_ultra_restricted": true}),
                ChatStanding::Guest,
            ),
        ] {
            assert_eq!(with(changes.clone()).standing, standing, "{changes}");
        }
        assert_eq!(with(json!({"team_id": "T0OTHER"})).user.workspace, "T0OTHER");
    }

    #[test]
    fn a_member_of_the_organisation_who_is_in_our_workspace() {
        let profile =
            with(json!({"team_id": "T0OTHER", "enterprise_user": {"teams": ["T0OTHER", "T0TEAM"]}}));
        assert_eq!(
            (profile.standing, profile.user.workspace.as_str()),
            (ChatStanding::Member, "T0TEAM")
        );
    }

    #[test]
    fn channels_that_others_see() {
        for (said, shared, member) in [
            (
                json!({"id": "C1", "name": "dba", "is_member": true, "is_ext_shared": false}),
                false,
                true,
            ),
            (
                json!({"id": "C1", "is_member": true, "is_ext_shared": true}),
                true,
                true,
            ),
            (
                json!({"id": "C1", "is_member": true, "is_ext_shared": false, "is_pending_ext_shared": true}),
                true,
                true,
            ),
            (
                json!({"id": "C1", "is_ext_shared": false, "is_shared": true, "is_org_shared": true}),
                false,
                false,
            ),
            (
                json!({"id": "C1", "is_ext_shared": false, "pending_shared": ["T9"]}),
                true,
                false,
            ),
            (
                json!({"id": "C1", "is_ext_shared": false, "is_member": true, "is_archived": true}),
                false,
                false,
            ),
            (json!({"id": "C1", "is_member": true}), true, true),
            (json!({"id": "D1", "is_im": true}), false, true),
        ] {
            let channel = channel(&said);
            assert_eq!(
                (channel.shared_outside, channel.member),
                (shared, member),
                "{said}"
            );
        }
    }
}
