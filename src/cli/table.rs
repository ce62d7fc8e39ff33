//! Lists for eyes: aligned columns, one row each; what others named cannot steer the terminal.

use chrono::{DateTime, Utc};

use crate::control::{
    AccountRow, AuditRow, Explanation, IntegrationRow, LeaseRow, RequestRow, StatusRow, StuckRow,
};
use crate::{domain::audit::Actor, providers::page::Page};

/// Rows under a heading; `none` where there are no rows.
pub fn table<const N: usize>(heading: [&str; N], rows: Vec<[String; N]>, none: &str) -> String {
    if rows.is_empty() {
        return format!("{none}\n");
    }
    let rows: Vec<[String; N]> = rows.into_iter().map(|row| row.map(|cell| plain(&cell))).collect();
    let width = |column: usize| {
        let longest = rows.iter().map(|row| row[column].chars().count()).max();
        longest.unwrap_or(0).max(heading[column].chars().count())
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let padded = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        let joined: Vec<String> = padded.collect();
        format!("{}\n", joined.join("  ").trim_end())
    };
    let mut out = line(heading);
    for row in &rows {
        out += &line(std::array::from_fn(|column| row[column].as_str()));
    }
    out
}

/// One line, without what steers a terminal or turns the direction of text around.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Several lines, each plain.
pub fn lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn maybe(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "-".into(), time)
}

fn or_dash(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "-".into())
}

pub fn status(row: StatusRow) -> String {
    let held = match row.held.is_empty() {
        true => "no".to_owned(),
        false => row.held.join("; "),
    };
    let facts = [
        ("version", row.version),
        ("installation", row.installation),
        ("running since", time(row.started_at)),
        ("chats", row.chats.join(", ")),
        ("grants held", held),
        ("requests waiting", row.pending_requests.to_string()),
        ("leases open", row.open_leases.to_string()),
        ("stuck", row.stuck.to_string()),
    ];
    facts
        .into_iter()
        .map(|(name, value)| format!("{name:<18}{}\n", plain(&value)))
        .collect()
}

pub fn requests(rows: Vec<RequestRow>) -> String {
    let rows = rows.into_iter().map(|row| {
        [
            row.code,
            row.requester,
            format!("{} / {}", row.integration, row.resource),
            row.permission,
            row.length,
            row.state,
            time(row.asked_at),
            row.waits_for.join(", "),
            row.reason,
        ]
    });
    table(
        [
            "CODE",
            "WHO",
            "WHAT",
            "PERMISSION",
            "LENGTH",
            "STATE",
            "ASKED",
            "WAITS FOR",
            "REASON",
        ],
        rows.collect(),
        "No requests.",
    )
}

pub fn leases(rows: Vec<LeaseRow>) -> String {
    let rows = rows.into_iter().map(|row| {
        [
            row.code,
            row.person,
            format!("{} / {}", row.integration, row.resource),
            row.permission,
            row.phase,
            time(row.expires_at),
            maybe(row.closed_at),
            or_dash(row.trouble),
            row.id,
        ]
    });
    table(
        [
            "CODE",
            "WHO",
            "WHAT",
            "PERMISSION",
            "PHASE",
            "ENDS",
            "SEEN GONE",
            "TROUBLE",
            "LEASE",
        ],
        rows.collect(),
        "No leases.",
    )
}

pub fn accounts(rows: Vec<AccountRow>) -> String {
    let rows = rows.into_iter().map(|row| {
        [
            row.integration,
            row.person,
            row.login,
            row.whose,
            row.state,
            row.open_leases.to_string(),
            maybe(row.credential_set_at),
            maybe(row.credential_shown_at),
            or_dash(row.trouble),
        ]
    });
    table(
        [
            "INTEGRATION",
            "WHO",
            "LOGIN",
            "WHOSE",
            "STATE",
            "LEASES",
            "CREDENTIAL SET",
            "SHOWN",
            "TROUBLE",
        ],
        rows.collect(),
        "No accounts.",
    )
}

pub fn integrations(rows: Vec<IntegrationRow>) -> String {
    let rows = rows.into_iter().map(|row| {
        [
            row.name,
            if row.retired {
                format!("{}, retired", row.kind)
            } else {
                row.kind
            },
            row.health,
            maybe(row.checked_at),
            row.resources.to_string(),
            maybe(row.discovered_at),
            row.open_leases.to_string(),
        ]
    });
    table(
        [
            "NAME",
            "KIND",
            "HEALTH",
            "CHECKED",
            "RESOURCES",
            "DISCOVERED",
            "LEASES",
        ],
        rows.collect(),
        "No integrations.",
    )
}

pub fn providers(pages: &[Page]) -> String {
    let rows = pages.iter().map(|page| {
        let types: Vec<&str> = page
            .resource_types
            .iter()
            .map(|kind| kind.name.as_str())
            .collect();
        [
            page.kind.to_owned(),
            page.features.join(" "),
            types.join(" "),
            page.proof(),
        ]
    });
    table(
        ["KIND", "FEATURES", "RESOURCES", "PROVEN AGAINST"],
        rows.collect(),
        "No kinds.",
    )
}

pub fn stuck(rows: Vec<StuckRow>) -> String {
    let rows = rows.into_iter().map(|row| {
        [
            row.integration,
            row.what,
            or_dash(row.code),
            time(row.since),
            row.tries.to_string(),
            row.why,
        ]
    });
    table(
        ["INTEGRATION", "WHAT", "CODE", "SINCE", "TRIES", "WHY"],
        rows.collect(),
        "Nothing is stuck.",
    )
}

pub fn audit(rows: Vec<AuditRow>) -> String {
    let rows = rows.into_iter().map(|row| {
        let entry = row.entry;
        let facts: Vec<String> = entry
            .facts
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        [
            row.seq.to_string(),
            time(row.at),
            actor(&entry.actor),
            entry.verb,
            or_dash(entry.request.map(|id| id.0)),
            or_dash(entry.person.map(|id| id.0)),
            or_dash(entry.integration.map(|name| name.0)),
            facts.join(" "),
        ]
    });
    table(
        [
            "SEQ",
            "WHEN",
            "WHO",
            "DID",
            "REQUEST",
            "ABOUT",
            "INTEGRATION",
            "FACTS",
        ],
        rows.collect(),
        "No entries.",
    )
}

fn actor(actor: &Actor) -> String {
    match actor {
        Actor::Person { name, chat_user, .. } => format!("{name} ({chat_user})"),
        Actor::System { user } => format!("system user {user}"),
        Actor::Latchkey => "latchkey".into(),
    }
}

pub fn explanation(row: Explanation) -> String {
    let mut out = match row.possible {
        true => "Possible.\n".to_owned(),
        false => "Not possible.\n".to_owned(),
    };
    for (label, text) in row.lines {
        out += &format!("{:<14}{}\n", plain(&label), plain(&text));
    }
    if !row.statements.is_empty() {
        out += "what would run:\n";
    }
    for statement in row.statements {
        out += &format!("  {}\n", plain(&statement));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_names_cannot_steer_the_terminal() {
        let rows = vec![
            ["R7K3F".to_owned(), "ann".to_owned(), "prod".to_owned()],
            [
                "B".to_owned(),
                "Zoë\u{1b}[2J\nx".to_owned(),
                "\u{202e}dorp".to_owned(),
            ],
        ];
        insta::assert_snapshot!(table(["CODE", "WHO", "WHAT"], rows, "None."), @r"
        CODE   WHO        WHAT
        R7K3F  ann        prod
        B      Zoë�[2J x  �dorp
        ");
        assert_eq!(table(["A"], vec![], "None."), "None.\n");
    }

    #[test]
    fn an_explanation_reads_from_top_to_bottom() {
        let row = Explanation {
            possible: true,
            lines: vec![
                ("flow".into(), "developers".into()),
                ("approvers".into(), "bob, eve".into()),
            ],
            statements: vec!["CREATE ROLE <login>".into()],
        };
        insta::assert_snapshot!(explanation(row), @r"
        Possible.
        flow          developers
        approvers     bob, eve
        what would run:
          CREATE ROLE <login>
        ");
    }
}
