//! What a wish comes to: which permission, under which flow, for how long; or why not, and what would be possible.

use super::{
    Asked, ask,
    sight::{Found, Seen, Sight},
};
use crate::domain::{
    IntegrationName, Length, Permission,
    command::Wish,
    policy::AccessFlow,
    refusal::{Can, Offer as Suggestion, Refusal, Why},
    route::{Route, route},
    span::humanize,
};

/// What is wished, once everything about it is known.
pub(super) struct Wanted<'a> {
    pub permission: &'a Permission,
    pub flow: &'a AccessFlow,
    pub length: Length,
    /// In words, for a refusal.
    pub what: String,
}

pub(super) fn pick<'a>(
    sight: &'a Sight,
    asked: &Asked<'_>,
    name: &IntegrationName,
    seen: &'a Seen<'a>,
    wish: &Wish,
) -> Result<Wanted<'a>, Refusal> {
    let title = &seen.resource.at.title;
    if let Some(why) = &seen.resource.unavailable {
        return Err(Refusal::because(
            format!("{name} / {title}"),
            Why::Unavailable { why: why.clone() },
        ));
    }
    let permission = match &wish.permission {
        Some(text) => seen
            .kind
            .permissions
            .iter()
            .find(|permission| permission.is_called(text)),
        None => seen.given.first().map(|(permission, _, _)| permission),
    };
    let Some(permission) = permission else {
        return Err(Refusal::because(format!("{name} / {title}"), Why::Unknown));
    };
    let offered = seen
        .given
        .iter()
        .find(|(given, _, _)| given.name == permission.name);
    let length = wish.length.unwrap_or(Length::For(
        offered.map_or(3600, |(_, flow, _)| flow.default_seconds),
    ));
    let seconds = length.seconds_from(asked.now);
    let what = format!(
        "{} on {name} / {title} for {}",
        permission.name,
        humanize(seconds)
    );
    let no = |why: Why| Refusal {
        what: what.clone(),
        why: vec![why],
        can: cans(seen),
        offers: Vec::new(),
    };
    if seconds < 1 {
        return Err(no(Why::TooShort { shortest_seconds: 60 }));
    }
    match route(
        &sight.config.flows,
        &sight.asker,
        name.as_str(),
        &seen.resource.at,
        permission,
        seconds,
    ) {
        Route::Flow(flow) => {
            // A minute, unless the flow itself is meant for less.
            let shortest_seconds = flow.default_seconds.min(60);
            match seconds >= shortest_seconds {
                true => Ok(Wanted {
                    permission,
                    flow,
                    length,
                    what,
                }),
                false => Err(no(Why::TooShort { shortest_seconds })),
            }
        }
        Route::TooLong { max_seconds } => {
            let line = format!(
                "{name} {} {} {}",
                quoted(title),
                permission.name,
                compact(max_seconds)
            );
            let line = format!("{line} {}", wish.reason);
            Err(no(Why::TooLong {
                longest_seconds: max_seconds,
            })
            .offer(Suggestion::say(
                format!("Ask for {}", humanize(max_seconds)),
                line.trim(),
            )))
        }
        Route::Nothing => {
            let mut refusal = no(Why::NoFlow {
                permission: permission.name.clone(),
            });
            if let Some((best, _, max_seconds)) = seen.given.last() {
                let longest = seconds.min(*max_seconds);
                if seconds > *max_seconds {
                    refusal.why.push(Why::TooLong {
                        longest_seconds: *max_seconds,
                    });
                }
                let line = format!("{name} {} {} {}", quoted(title), best.name, compact(longest));
                let label = format!("Ask for {} {}", best.name, humanize(longest));
                refusal = refusal
                    .offer(Suggestion::say(label, format!("{line} {}", wish.reason).trim()))
                    .offer(Suggestion::form("Open form", line));
            }
            Err(refusal)
        }
    }
}

/// A title as it has to be typed.
pub(crate) fn quoted(title: &str) -> String {
    if title.contains(char::is_whitespace) {
        format!("\"{title}\"")
    } else {
        title.to_owned()
    }
}

/// `7200` → `2h`, as it is typed.
pub(crate) fn compact(seconds: i64) -> String {
    match seconds {
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// What this person may have here, grouped by who decides and for how long.
fn cans(seen: &Seen<'_>) -> Vec<Can> {
    let mut found: Vec<Can> = Vec::new();
    for (permission, flow, longest_seconds) in &seen.given {
        let decided_by = ask::decided_by(flow);
        match found
            .iter_mut()
            .find(|can| can.decided_by == decided_by && can.longest_seconds == *longest_seconds)
        {
            Some(can) => can.permissions.push(permission.name.clone()),
            None => found.push(Can {
                permissions: vec![permission.name.clone()],
                longest_seconds: *longest_seconds,
                decided_by,
            }),
        }
    }
    found
}

/// What a wish comes to, with nothing written: for `explain`.
pub(crate) struct Picked {
    pub found: Found,
    pub permission: Permission,
    pub flow: AccessFlow,
    pub length: Length,
}

pub(crate) fn dry(sight: &Sight, asked: &Asked<'_>, wish: &Wish) -> Result<Picked, Refusal> {
    let unknown = || Refusal::because("", Why::Unknown);
    let found = sight.wished(wish).ok_or_else(unknown)?;
    let (permission, flow, length) = {
        let seen = found.seen(sight).ok_or_else(unknown)?;
        let wanted = pick(sight, asked, &found.integration, &seen, wish)?;
        (wanted.permission.clone(), wanted.flow.clone(), wanted.length)
    };
    Ok(Picked {
        found,
        permission,
        flow,
        length,
    })
}
