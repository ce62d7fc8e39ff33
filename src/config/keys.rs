//! Every key the file may hold, by section. What is not here is refused; what is here is explained in `config/example.toml`.

/// A table of the file.
pub struct Section {
    /// What people call it in a message.
    pub title: &'static str,
    pub keys: &'static [&'static str],
}

pub const ROOT: Section = Section {
    title: "the file",
    keys: &[
        "installation",
        "time_zone",
        "admins",
        "admin_channel",
        "store",
        "http",
        "slack",
        "people",
        "groups",
        "defaults",
        "integration",
        "access_flow",
    ],
};
pub const STORE: Section = Section {
    title: "store",
    keys: &["path", "keep_ended_days"],
};
pub const HTTP: Section = Section {
    title: "http",
    keys: &["listen"],
};
pub const SLACK: Section = Section {
    title: "[slack]",
    keys: &[
        "mode",
        "team",
        "bot_token",
        "app_token",
        "signing_secret",
        "command",
        "api_url",
        "allow_guests",
        "email_domains",
    ],
};
pub const PERSON: Section = Section {
    title: "a person of [people]",
    keys: &["email", "slack", "time_zone", "logins"],
};
pub const GROUP: Section = Section {
    title: "a group of [groups]",
    keys: &["members", "slack_group"],
};
pub const DEFAULTS: Section = Section {
    title: "[defaults]",
    keys: &[
        "credential_rotation_days",
        "user_cleanup_days",
        "custom_access_details",
    ],
};
/// What all kinds have in common; a kind's own keys are in its `Registration`.
pub const INTEGRATION: Section = Section {
    title: "[[integration]]",
    keys: &[
        "name",
        "kind",
        "secret",
        "discover",
        "credential_rotation_days",
        "user_cleanup_days",
        "custom_access_details",
        "integration_owner",
        "resource_owner",
        "retired",
        "start_within",
        "at_once",
        "settles_in",
        "per_minute",
    ],
};
pub const DISCOVER: Section = Section {
    title: "discover",
    keys: &["types", "include", "exclude", "cron"],
};
pub const INTEGRATION_OWNER: Section = Section {
    title: "integration_owner",
    keys: &["people", "groups"],
};
pub const RESOURCE_OWNER: Section = Section {
    title: "resource_owner",
    keys: &["key", "attribute"],
};
pub const FLOW: Section = Section {
    title: "[[access_flow]]",
    keys: &[
        "name",
        "requesters",
        "targets",
        "approval",
        "approvers",
        "quorum",
        "max_duration",
        "default_duration",
        "reason",
        "approver_reason",
        "channel",
        "notify",
        "decide_within",
    ],
};
pub const REQUESTERS: Section = Section {
    title: "requesters",
    keys: &["people", "groups"],
};
pub const TARGET: Section = Section {
    title: "a target",
    keys: &["integration", "types", "resources", "permissions"],
};

/// Of all sections, for the test that each key is explained.
pub const ALL: &[&Section] = &[
    &ROOT,
    &STORE,
    &HTTP,
    &SLACK,
    &PERSON,
    &GROUP,
    &DEFAULTS,
    &INTEGRATION,
    &DISCOVER,
    &INTEGRATION_OWNER,
    &RESOURCE_OWNER,
    &FLOW,
    &REQUESTERS,
    &TARGET,
];
