//! Show credential: a new one is set and shown once, to its requester, in a modal. It is never written anywhere.

use std::{sync::Arc, time::Duration};

use super::{Asked, Flow, answer, end::own};
use crate::{
    app::App,
    chat::{Chat, ModalRef, Reply, view},
    credential,
    domain::{RequestId, audit::Entry, refusal::Why},
    providers::CredentialKind,
    reconcile::reveal::{self, Revealed},
};

/// A credential on a screen is blanked after this.
const BLANK_AFTER: Duration = Duration::from_secs(300);

/// Opens the modal at once, sets a new credential, shows it, and blanks it later.
pub(crate) async fn show(app: &App, asked: &Asked<'_>, id: &RequestId) -> Flow<Reply> {
    let Some(bundle) = own(app, asked, id).await? else {
        return Ok(answer::unknown());
    };
    let active = bundle
        .lease
        .as_ref()
        .filter(|lease| lease.is_live() && lease.granted_at.is_some());
    let Some(lease) = active.filter(|lease| asked.now < lease.expires_at) else {
        return Ok(answer::refuse("", Why::NotActive));
    };
    let (Some(trigger), Some(chat)) = (&asked.inbound.trigger, app.chat(asked.inbound.from.chat)) else {
        return Ok(answer::not_now("the chat gave nothing to open a modal with"));
    };
    let Some(live) = app.integrations.get(&lease.integration) else {
        return Ok(answer::refuse("", Why::NotActive));
    };
    let kind = live.provider.credential();
    let modal = chat
        .open_modal(trigger, &view::credential_modal_loading(kind))
        .await?;
    let login = bundle.account.as_ref().map_or("", |account| account.name.login());
    let made = match credential::make(kind, login).await {
        Ok(made) => made,
        Err(error) => {
            let failed = view::credential_modal_failed(kind, &error.message);
            chat.update_modal(&modal, &failed).await?;
            return Ok(Reply::Done);
        }
    };
    let entry = Entry::new(asked.actor(), "shown")
        .request(id)
        .lease(&lease.id)
        .person(&lease.person)
        .integration(&lease.integration);
    match reveal::set(app, &lease.account, &lease.id, &made, entry).await? {
        Revealed::Set {
            details,
            until,
            others,
        } => {
            let notes: Vec<&str> = others.iter().map(String::as_str).collect();
            let shown = view::credential_modal(&details, &made, view::Works::Until(until), &notes);
            chat.update_modal(&modal, &shown).await?;
            blank_later(chat.clone(), modal, kind);
        }
        Revealed::No(why) => {
            chat.update_modal(&modal, &view::credential_modal_failed(kind, &why))
                .await?;
        }
    }
    Ok(Reply::Done)
}

fn blank_later(chat: Arc<dyn Chat>, modal: ModalRef, kind: CredentialKind) {
    tokio::spawn(async move {
        tokio::time::sleep(BLANK_AFTER).await;
        if let Err(error) = chat
            .update_modal(&modal, &view::credential_modal_blanked(kind))
            .await
        {
            tracing::debug!(%error, "a credential's modal was closed already");
        }
    });
}
