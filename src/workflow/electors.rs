//! Who may decide on a request: worked out from the flow and fresh facts each time it matters.

use chrono::{DateTime, Utc};

use crate::{
    app::App,
    config::IntegrationConfig,
    directory::{Freshness, Member},
    domain::{
        Elector, PersonId, Resource,
        policy::{AccessFlow, Approval, Approver, People},
    },
};

/// What the electors of a request depend on.
pub(crate) struct Subject<'a> {
    pub flow: &'a AccessFlow,
    pub integration: &'a IntegrationConfig,
    pub resource: &'a Resource,
    pub requester: &'a PersonId,
}

/// Everybody who may decide now, and why them. Never the requester. Empty: nobody is left.
///
/// What cannot be read counts as nobody: doubt about authority denies.
pub(crate) async fn electors(
    app: &App,
    subject: &Subject<'_>,
    now: DateTime<Utc>,
    fresh: Freshness,
) -> Vec<Elector> {
    let Approval::By { approvers, .. } = &subject.flow.approval else {
        return Vec::new();
    };
    let config = app.config.load_full();
    let mut found: Vec<Elector> = Vec::new();
    for approver in approvers {
        let (people, why) = match approver {
            Approver::Owner => owners(app, subject, now, fresh).await,
            Approver::Person(name) => {
                let why = format!("access flow {} names {name}", subject.flow.name);
                let one = People {
                    people: vec![name.clone()],
                    groups: Vec::new(),
                };
                (app.directory.everybody(&config, &one, now, fresh).await, why)
            }
            Approver::Group(name) => {
                let members = app
                    .directory
                    .members(&config, name, now, fresh)
                    .await
                    .unwrap_or_else(|error| {
                        tracing::warn!(group = name, %error, "unreadable, so nobody is in it");
                        Vec::new()
                    });
                (
                    members,
                    format!("access flow {} names group {name}", subject.flow.name),
                )
            }
        };
        for member in people {
            let id = member.person.id.clone();
            if id != *subject.requester && !found.iter().any(|elector| elector.person == id) {
                found.push(Elector {
                    person: id,
                    name: member.name,
                    why: why.clone(),
                });
            }
        }
    }
    found
}

/// The resource's owner; where only the requester is left of them, those who answer for the integration.
async fn owners(
    app: &App,
    subject: &Subject<'_>,
    now: DateTime<Utc>,
    fresh: Freshness,
) -> (Vec<Member>, String) {
    let config = app.config.load_full();
    let title = &subject.resource.at.title;
    let owner = app
        .directory
        .owner(
            &config,
            subject.integration,
            &subject.resource.tags,
            title,
            now,
            fresh,
        )
        .await;
    if owner
        .people
        .iter()
        .any(|member| member.person.id != *subject.requester)
    {
        return (owner.people, owner.why);
    }
    let name = &subject.integration.name;
    let people = match &subject.integration.integration_owner {
        Some(answering) => app.directory.everybody(&config, answering, now, fresh).await,
        None => Vec::new(),
    };
    let why = if owner.people.is_empty() {
        owner.why
    } else {
        format!("the requester alone owns {title}; you answer for {name}")
    };
    (people, why)
}
