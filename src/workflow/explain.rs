//! What would happen if somebody typed a line: the same decisions as the real thing, and nothing written.

use super::{
    Asked, Flow,
    ask::{decided_by, statements},
    electors::{Subject, electors},
    pick::{Picked, dry},
    sight::Sight,
};
use crate::{
    app::App,
    bundle::zone_of,
    chat::{Inbound, Message, What, view},
    control::Explanation,
    directory::Freshness,
    domain::{
        Person,
        command::{self, Command},
        policy::Approval,
        span::humanize,
    },
};

pub(crate) async fn explain(app: &App, person: &Person, line: &str) -> Flow<Explanation> {
    let now = app.now();
    let inbound = Inbound {
        delivery: "explain".into(),
        from: person.chat_user.clone(),
        place: None,
        message: None,
        trigger: None,
        what: What::Command {
            text: line.to_owned(),
        },
    };
    let asked = Asked {
        person,
        inbound: &inbound,
        now,
        zone: zone_of(app, Some(person)),
    };
    let sight = Sight::of(app, &asked).await?;
    let no = |message: Message| Explanation {
        possible: false,
        lines: vec![("why not".into(), plain(&message))],
        statements: Vec::new(),
    };
    let wish = match command::parse(line, &sight.vocabulary(), now, asked.zone) {
        Ok(Command::Access(wish)) => wish,
        Ok(_) => anyhow::bail!("write it as after /access: INTEGRATION RESOURCE [PERMISSION] [DURATION]"),
        Err(question) => return Ok(no(view::question(&question))),
    };
    let Picked {
        found,
        permission,
        flow,
        length,
    } = match dry(&sight, &asked, &wish) {
        Ok(picked) => picked,
        Err(refusal) => return Ok(no(view::refusal(&refusal))),
    };
    let mut lines = vec![
        ("flow".to_owned(), flow.name.clone()),
        ("permission".to_owned(), permission.name.clone()),
        ("length".to_owned(), humanize(length.seconds_from(now))),
    ];
    let Some(integration) = sight.config.integration(found.integration.as_str()) else {
        anyhow::bail!("{} is not configured", found.integration)
    };
    let subject = Subject {
        flow: &flow,
        integration,
        resource: &found.resource,
        requester: &person.id,
    };
    match &flow.approval {
        Approval::Automatic => lines.push((
            "approvers".into(),
            "nobody has to decide: approval is automatic".into(),
        )),
        Approval::By { quorum, .. } => {
            let deciders = electors(app, &subject, now, Freshness::AtMost5Min).await;
            let names: Vec<&str> = deciders.iter().map(|elector| elector.name.as_str()).collect();
            lines.push((
                "approvers".into(),
                if names.is_empty() {
                    "nobody".into()
                } else {
                    names.join(", ")
                },
            ));
            lines.push(("quorum".into(), quorum.to_string()));
            lines.push(("rule".into(), decided_by(&flow).unwrap_or_default()));
            for elector in &deciders {
                lines.push(("why".into(), format!("{}: {}", elector.name, elector.why)));
            }
        }
    }
    let request = super::submit::blank_for(&asked, &found, &permission, &flow, length);
    let statements = match app.integrations.get(&found.integration) {
        Some(live) => statements(app, &live, &request).await?,
        None => Vec::new(),
    };
    Ok(Explanation {
        possible: true,
        lines,
        statements,
    })
}

/// A message as one line of plain text.
fn plain(message: &Message) -> String {
    let mut parts = vec![message.text.clone()];
    for block in &message.blocks {
        if let crate::chat::Block::Text(text) = block
            && !parts.contains(text)
        {
            parts.push(text.clone());
        }
    }
    parts.join(" ")
}
