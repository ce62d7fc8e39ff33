//! The parts of blocks: buttons, selects, inputs, options, confirm dialogs, rich text.

use serde_json::Value;

use super::blocks::Checker;

/// The block an element stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    Section,
    Actions,
    Input,
}

/// Checks one interactive element.
pub(super) fn element(c: &mut Checker, e: &Value, at: &str, home: Home) {
    let Some(kind) = e["type"].as_str() else {
        c.problem(at, "missing required field: type");
        return;
    };
    let belongs = match kind {
        "button" | "overflow" | "workflow_button" => home != Home::Input,
        "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" => home == Home::Input,
        "image" => home == Home::Section,
        _ => true,
    };
    if !belongs {
        c.problem(at, &format!("unsupported element here: {kind}"));
    }
    if kind != "image" {
        c.action_id(e, at);
    }
    match kind {
        "button" => button(c, e, at),
        "static_select" | "multi_static_select" => {
            let own: &[&str] = if kind == "static_select" {
                &["initial_option"]
            } else {
                &MULTI
            };
            select(
                c,
                e,
                at,
                &["type"],
                &[own, &["options", "option_groups"]].concat(),
            );
            option_lists(c, e, at);
        }
        "external_select" | "multi_external_select" => {
            let own: &[&str] = if kind == "external_select" {
                &["initial_option"]
            } else {
                &MULTI
            };
            select(c, e, at, &["type"], &[own, &["min_query_length"]].concat());
        }
        "users_select" => select(c, e, at, &["type"], &["initial_user"]),
        "overflow" => {
            c.keys(e, at, &["type", "options"], &["action_id", "confirm"]);
            options(c, &e["options"], &format!("{at}/options"), 1, 5);
        }
        "checkboxes" | "radio_buttons" => {
            let initial = if kind == "checkboxes" {
                "initial_options"
            } else {
                "initial_option"
            };
            c.keys(
                e,
                at,
                &["type", "options"],
                &["action_id", "confirm", "focus_on_load", initial],
            );
            options(c, &e["options"], &format!("{at}/options"), 1, 10);
            initial_is_listed(c, e, at);
        }
        "datepicker" => select(c, e, at, &["type"], &["initial_date"]),
        "timepicker" => select(c, e, at, &["type"], &["initial_time", "timezone"]),
        "plain_text_input" => text_input(c, e, at),
        "number_input" => select(
            c,
            e,
            at,
            &["type", "is_decimal_allowed"],
            &[
                "initial_value",
                "min_value",
                "max_value",
                "dispatch_action_config",
            ],
        ),
        "email_text_input" | "url_text_input" => {
            select(c, e, at, &["type"], &["initial_value", "dispatch_action_config"]);
        }
        "image" => c.keys(e, at, &["type", "alt_text"], &["image_url", "slack_file"]),
        other => c.problem(&format!("{at}/type"), &format!("unsupported type: {other}")),
    }
    if e.get("confirm").is_some_and(|v| !v.is_null()) {
        confirm(c, &e["confirm"], &format!("{at}/confirm"));
    }
}

const MULTI: [&str; 2] = ["initial_options", "max_selected_items"];

fn button(c: &mut Checker, e: &Value, at: &str) {
    c.keys(
        e,
        at,
        &["type", "text"],
        &[
            "action_id",
            "value",
            "url",
            "style",
            "confirm",
            "accessibility_label",
        ],
    );
    c.plain(&e["text"], &format!("{at}/text"), 75);
    c.length(&e["value"], &format!("{at}/value"), 2000);
    c.length(&e["url"], &format!("{at}/url"), 3000);
    c.length(
        &e["accessibility_label"],
        &format!("{at}/accessibility_label"),
        75,
    );
    style(c, e, at);
}

fn style(c: &mut Checker, e: &Value, at: &str) {
    match e["style"].as_str() {
        Some("primary" | "danger") => {}
        None if e["style"].is_null() => {}
        Some(_) | None => c.problem(&format!("{at}/style"), "must be `primary` or `danger`"),
    }
}

/// The fields all pickers share: placeholder, confirm, focus.
fn select(c: &mut Checker, e: &Value, at: &str, needed: &[&str], own: &[&str]) {
    let optional = [own, &["action_id", "placeholder", "confirm", "focus_on_load"]].concat();
    c.keys(e, at, needed, &optional);
    if let Some(placeholder) = e.get("placeholder").filter(|p| !p.is_null()) {
        c.plain(placeholder, &format!("{at}/placeholder"), 150);
    }
    if let Some(initial) = e.get("initial_option").filter(|o| !o.is_null()) {
        option(c, initial, &format!("{at}/initial_option"));
    }
}

fn text_input(c: &mut Checker, e: &Value, at: &str) {
    let own = [
        "multiline",
        "initial_value",
        "min_length",
        "max_length",
        "dispatch_action_config",
    ];
    select(c, e, at, &["type"], &own);
    for key in ["min_length", "max_length"] {
        if e[key].as_u64().is_some_and(|n| n > 3000) {
            c.problem(&format!("{at}/{key}"), "must be less than 3001");
        }
    }
    let most = e["max_length"].as_u64().unwrap_or(3000) as usize;
    c.length(&e["initial_value"], &format!("{at}/initial_value"), most);
}

fn option_lists(c: &mut Checker, e: &Value, at: &str) {
    match (e["options"].as_array(), e["option_groups"].as_array()) {
        (Some(_), None) => options(c, &e["options"], &format!("{at}/options"), 1, 100),
        (None, Some(groups)) => {
            c.count(groups, &format!("{at}/option_groups"), 1, 100);
            for (n, group) in groups.iter().enumerate() {
                option_group(c, group, &format!("{at}/option_groups/{n}"));
            }
        }
        (Some(_), Some(_)) => c.problem(at, "only one of options and option_groups is allowed"),
        (None, None) => c.problem(at, "missing required field: options"),
    }
    initial_is_listed(c, e, at);
}

/// Slack refuses a preset choice that is not, word for word, one of the options.
fn initial_is_listed(c: &mut Checker, e: &Value, at: &str) {
    let groups = e["option_groups"].as_array().into_iter().flatten();
    let listed: Vec<&Value> = groups
        .flat_map(|g| g["options"].as_array().into_iter().flatten())
        .chain(e["options"].as_array().into_iter().flatten())
        .collect();
    let single = e.get("initial_option").filter(|o| !o.is_null());
    let many = e["initial_options"].as_array().into_iter().flatten();
    for initial in single.into_iter().chain(many) {
        if !listed.contains(&initial) {
            c.problem(&format!("{at}/initial_option"), "must be one of the options");
        }
    }
}

/// Checks an answer to an options load: a list of options or of groups.
pub(super) fn loaded_options(c: &mut Checker, answer: &Value) {
    match (answer["options"].as_array(), answer["option_groups"].as_array()) {
        (Some(_), None) => options(c, &answer["options"], "/options", 0, 100),
        (None, Some(groups)) => {
            c.count(groups, "/option_groups", 0, 100);
            for (n, group) in groups.iter().enumerate() {
                option_group(c, group, &format!("/option_groups/{n}"));
            }
        }
        (Some(_), Some(_)) | (None, None) => c.problem("", "must hold either options or option_groups"),
    }
}

fn option_group(c: &mut Checker, group: &Value, at: &str) {
    c.keys(group, at, &["label", "options"], &[]);
    c.plain(&group["label"], &format!("{at}/label"), 75);
    options(c, &group["options"], &format!("{at}/options"), 0, 100);
}

fn options(c: &mut Checker, list: &Value, at: &str, least: usize, most: usize) {
    let Some(items) = list.as_array() else {
        c.problem(at, "must be an array");
        return;
    };
    c.count(items, at, least, most);
    for (n, item) in items.iter().enumerate() {
        option(c, item, &format!("{at}/{n}"));
    }
}

fn option(c: &mut Checker, o: &Value, at: &str) {
    c.keys(o, at, &["text", "value"], &["description", "url"]);
    c.text(&o["text"], &format!("{at}/text"), 75);
    c.length(&o["value"], &format!("{at}/value"), 150);
    if let Some(description) = o.get("description").filter(|d| !d.is_null()) {
        c.text(description, &format!("{at}/description"), 75);
    }
}

fn confirm(c: &mut Checker, dialog: &Value, at: &str) {
    c.keys(dialog, at, &["title", "text", "confirm", "deny"], &["style"]);
    c.plain(&dialog["title"], &format!("{at}/title"), 100);
    c.text(&dialog["text"], &format!("{at}/text"), 300);
    c.plain(&dialog["confirm"], &format!("{at}/confirm"), 30);
    c.plain(&dialog["deny"], &format!("{at}/deny"), 30);
    style(c, dialog, at);
}

/// Checks one part of a rich text block.
pub(super) fn rich_text(c: &mut Checker, e: &Value, at: &str) {
    match e["type"].as_str() {
        Some("rich_text_section") => c.keys(e, at, &["type", "elements"], &[]),
        Some("rich_text_preformatted") => c.keys(e, at, &["type", "elements"], &["border", "language"]),
        Some("rich_text_quote") => c.keys(e, at, &["type", "elements"], &["border"]),
        Some("rich_text_list") => {
            c.keys(
                e,
                at,
                &["type", "elements", "style"],
                &["indent", "border", "offset"],
            );
            for (n, item) in e["elements"].as_array().into_iter().flatten().enumerate() {
                rich_text(c, item, &format!("{at}/elements/{n}"));
            }
            return;
        }
        Some(_) | None => c.problem(&format!("{at}/type"), "unsupported rich text element"),
    }
    for (n, leaf) in e["elements"].as_array().into_iter().flatten().enumerate() {
        rich_leaf(c, leaf, &format!("{at}/elements/{n}"));
    }
}

fn rich_leaf(c: &mut Checker, leaf: &Value, at: &str) {
    match leaf["type"].as_str() {
        Some("text") => c.keys(leaf, at, &["type", "text"], &["style"]),
        Some("link") => c.keys(leaf, at, &["type", "url"], &["text", "unsafe", "style"]),
        Some("user") => c.keys(leaf, at, &["type", "user_id"], &["style"]),
        Some("usergroup") => c.keys(leaf, at, &["type", "usergroup_id"], &["style"]),
        Some("channel") => c.keys(leaf, at, &["type", "channel_id"], &["style"]),
        Some("emoji") => c.keys(leaf, at, &["type", "name"], &["unicode", "style", "skin_tone"]),
        Some("date") => c.keys(
            leaf,
            at,
            &["type", "timestamp", "format"],
            &["url", "fallback", "style"],
        ),
        Some("broadcast") => c.keys(leaf, at, &["type", "range"], &["style"]),
        Some(_) | None => c.problem(&format!("{at}/type"), "unsupported rich text element"),
    }
    if leaf["text"].as_str().is_some_and(str::is_empty) {
        c.problem(&format!("{at}/text"), "must be more than 0 characters");
    }
}
