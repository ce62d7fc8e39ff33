//! What the command line asks of a running bot. Its callers are system users of the machine, recorded as such.

mod lists;
mod orders;

use std::path::Path;

use crate::{
    app::App,
    control::{Caller, ControlRequest, ControlResponse},
    store::SledStore,
};

/// Answers one request. `store` only where the bot runs on it: a backup is made inside its committer.
pub async fn answer(
    app: &App,
    file: &Path,
    store: Option<&SledStore>,
    request: ControlRequest,
    caller: &Caller,
) -> ControlResponse {
    let done = match request {
        ControlRequest::Status => lists::status(app).await,
        ControlRequest::Requests { which } => lists::requests(app, which).await,
        ControlRequest::Leases { which } => lists::leases(app, which).await,
        ControlRequest::Accounts { integration } => lists::accounts(app, integration.as_deref()).await,
        ControlRequest::Integrations => lists::integrations(app).await,
        ControlRequest::Stuck => lists::stuck(app).await,
        ControlRequest::Audit(filter) => lists::audit(app, filter).await,
        ControlRequest::Explain { person, line } => lists::explain(app, &person, &line).await,
        ControlRequest::Discover { integration } => orders::discover(app, &integration).await,
        ControlRequest::Revoke { what, reason } => orders::revoke(app, &what, reason.as_str(), caller).await,
        ControlRequest::Approve { code, reason } => {
            orders::approve(app, &code, reason.as_str(), caller).await
        }
        ControlRequest::TestCard { person } => orders::test_card(app, &person, caller).await,
        ControlRequest::Reload => crate::serve::reload(app, file).await.map(ControlResponse::said),
        ControlRequest::Resume => orders::resume(app, caller).await,
        ControlRequest::Backup { to } => orders::backup(store, &to).await,
    };
    done.unwrap_or_else(|error| ControlResponse::Error(format!("{error:#}")))
}
