use serde_json::json;

use super::*;

fn delivered(read: Read) -> Delivery {
    match read {
        Read::Delivery(delivery) => *delivery,
        Read::Ignored(why) => panic!("ignored: {why}"),
    }
}

fn ignored(read: Read) -> bool {
    matches!(read, Read::Ignored(_))
}

#[test]
fn a_command() {
    let form = json!({"command": "/access", "text": "redis prod 2h a &lt; b &amp;amp; c", "user_id": "U0ANN",
        "team_id": "T0TEAM", "channel_id": "C1", "trigger_id": "1.2.x", "response_url": "https://hooks.slack.com/x"});
    let delivery = delivered(command(&form, "/access"));
    assert_eq!(delivery.inbound.delivery, "slack:1.2.x");
    assert_eq!(delivery.inbound.from.as_key(), "slack:T0TEAM/U0ANN");
    assert_eq!(
        delivery.inbound.place.map(|place| place.channel).as_deref(),
        Some("C1")
    );
    assert_eq!(
        delivery.response_url.as_deref(),
        Some("https://hooks.slack.com/x")
    );
    let What::Command { text } = delivery.inbound.what else {
        panic!("not a command")
    };
    assert_eq!(text, "redis prod 2h a < b &amp; c");
    assert!(ignored(command(&form, "/other")));
}

#[test]
fn what_is_null_or_empty_is_not_said() {
    let form =
        json!({"command": "/access", "user_id": "U0ANN", "team_id": null, "response_url": "", "text": null});
    let delivery = delivered(command(&form, "/access"));
    assert_eq!(delivery.inbound.from.workspace, "");
    assert_eq!(delivery.response_url, None);
    assert!(delivery.inbound.trigger.is_none());
    assert!(delivery.inbound.delivery.starts_with("slack:sha256:"));
    assert!(ignored(command(
        &json!({"command": "/access", "user_id": ""}),
        "/access"
    )));
    for strange in [
        json!(null),
        json!([]),
        json!("x"),
        json!({"user": null}),
        json!({"type": "block_actions"}),
    ] {
        assert!(
            ignored(interaction(&strange))
                && ignored(event(&strange))
                && ignored(command(&strange, "/access"))
        );
    }
}

fn click() -> Value {
    let act = serde_json::to_string(&Act::Say { line: "mine".into() }).expect("JSON");
    json!({"type": "block_actions", "team": {"id": "T0TEAM"}, "user": {"id": "U0BOB", "team_id": "T0TEAM"},
        "trigger_id": "3.4.y", "response_url": "https://hooks.slack.com/y", "channel": {"id": "C1"},
        "container": {"type": "message", "message_ts": "17.5", "channel_id": "C1", "is_ephemeral": false},
        "actions": [{"type": "button", "action_id": "act-1", "block_id": "b", "value": act}]})
}

#[test]
fn a_button_of_a_message() {
    let delivery = delivered(interaction(&click()));
    assert_eq!(delivery.origin, Origin::Message { private: false });
    assert_eq!(
        delivery.inbound.message.map(|at| (at.place.channel, at.id)),
        Some(("C1".into(), "17.5".into()))
    );
    assert_eq!(delivery.inbound.trigger, Some(Trigger("3.4.y".into())));
    assert!(matches!(
        delivery.inbound.what,
        What::Button { act: Act::Say { .. } }
    ));

    let mut private = click();
    private["container"]["is_ephemeral"] = json!(true);
    let delivery = delivered(interaction(&private));
    assert_eq!(
        (delivery.origin, delivery.inbound.message),
        (Origin::Message { private: true }, None)
    );
}

#[test]
fn a_button_of_a_modal_or_the_home_tab() {
    let mut modal = click();
    modal["container"] = json!({"type": "view", "view_id": "V1"});
    modal["channel"] = json!(null);
    modal["view"] = json!({"id": "V1", "type": "modal"});
    let delivery = delivered(interaction(&modal));
    assert_eq!(delivery.origin, Origin::Modal { view: "V1".into() });
    assert_eq!(delivery.inbound.trigger, Some(Trigger("on-top:3.4.y".into())));
    assert!(delivery.inbound.message.is_none() && delivery.inbound.place.is_none());

    modal["view"]["type"] = json!("home");
    let delivery = delivered(interaction(&modal));
    assert_eq!(
        (delivery.origin, delivery.inbound.trigger),
        (Origin::Elsewhere, Some(Trigger("3.4.y".into())))
    );
}

#[test]
fn the_workspace_is_the_users_own() {
    for (team, own, workspace) in [
        (json!({"id": "T0TEAM"}), json!("T0TEAM"), "T0TEAM"),
        (json!({"id": "T0TEAM"}), json!("T0OTHER"), "T0OTHER"),
        (json!({"id": "T0TEAM"}), json!(null), "T0TEAM"),
        (json!(null), json!("T0TEAM"), "T0TEAM"),
        (json!(null), json!(null), ""),
    ] {
        let mut payload = click();
        payload["team"] = team;
        payload["user"]["team_id"] = own;
        assert_eq!(delivered(interaction(&payload)).inbound.from.workspace, workspace);
    }
}

#[test]
fn foreign_buttons_and_selects_are_ignored() {
    for (key, value) in [
        ("value", json!("{\"do\":\"everything\"}")),
        ("value", json!(7)),
        ("type", json!("overflow")),
    ] {
        let mut payload = click();
        payload["actions"][0][key] = value;
        assert!(ignored(interaction(&payload)));
    }
    let mut payload = click();
    payload["type"] = json!("message_action");
    assert!(ignored(interaction(&payload)));
}

#[test]
fn a_form_is_read_from_its_state() {
    let payload = json!({"type": "view_submission", "team": null, "user": {"id": "U0ANN", "team_id": "T0TEAM"},
        "trigger_id": "5.6.z", "view": {"id": "V1", "type": "modal", "private_metadata": "{\"form\":\"request\"}",
        "blocks": [{"type": "input", "block_id": "what"}, {"type": "section", "block_id": "s"}, {"type": "input", "block_id": "reason"}],
        "state": {"values": {
            "what": {"what": {"type": "external_select", "selected_option": {"text": {"text": "Prod"}, "value": "redis/prod"}}},
            "permission": {"permission": {"type": "static_select", "selected_option": null}},
            "who": {"who": {"type": "users_select", "selected_user": "U0EVE"}},
            "when": {"when": {"type": "datetimepicker", "selected_date_time": 1_700_000_000}},
            "reason": {"reason": {"type": "plain_text_input", "value": "  "}},
            "note": {"note": {"type": "plain_text_input", "value": "a \"b\" <c>"}}}}}});
    let delivery = delivered(interaction(&payload));
    let Origin::Submit { view, inputs } = &delivery.origin else {
        panic!("not a form")
    };
    assert_eq!(
        (view.as_str(), inputs.as_slice()),
        ("V1", &["what".to_owned(), "reason".to_owned()][..])
    );
    let What::Submit {
        modal,
        callback,
        fields,
    } = delivery.inbound.what
    else {
        panic!("not a form")
    };
    assert_eq!(
        (modal.id.as_str(), callback.as_str()),
        ("V1", "{\"form\":\"request\"}")
    );
    let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        fields,
        [
            ("note", "a \"b\" <c>"),
            ("what", "redis/prod"),
            ("when", "1700000000"),
            ("who", "U0EVE")
        ]
    );
}

#[test]
fn an_option_load_and_the_shortcut_and_the_home_tab() {
    let load = json!({"type": "block_suggestion", "user": {"id": "U0ANN", "team_id": "T0TEAM"}, "block_id": "what",
        "action_id": "what", "value": "re", "view": {"id": "V1", "state": {"values": {"reason": {"reason": {"value": "x"}}}}}});
    let delivery = delivered(interaction(&load));
    assert_eq!(delivery.origin, Origin::Options);
    let What::Options { field, typed, fields } = delivery.inbound.what else {
        panic!("no option load")
    };
    assert_eq!((field.as_str(), typed.as_str(), fields.len()), ("what", "re", 1));

    let shortcut = json!({"type": "shortcut", "callback_id": "request_access", "trigger_id": "t",
        "user": {"id": "U0ANN", "team_id": "T0TEAM"}});
    assert!(matches!(
        delivered(interaction(&shortcut)).inbound.what,
        What::OpenForm
    ));

    let home = json!({"team_id": "T0TEAM", "event_id": "Ev1", "type": "event_callback",
        "event": {"type": "app_home_opened", "user": "U0ANN", "tab": "home"}});
    let delivery = delivered(event(&home));
    assert_eq!(
        (delivery.inbound.delivery.as_str(), delivery.origin),
        ("slack:Ev1", Origin::Event)
    );
    assert!(ignored(event(
        &json!({"event": {"type": "app_home_opened", "user": "U0ANN", "tab": "messages"}})
    )));
}
