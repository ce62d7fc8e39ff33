//! Short answers that many verbs share.

use crate::{
    chat::{Message, Reply, What, surface::Modal, view},
    directory::NotAdmitted,
    domain::refusal::{Refusal, Why},
};

/// Nothing of that name that this person may see: whether it exists is not told.
pub(crate) fn unknown() -> Reply {
    refuse("", Why::Unknown)
}

pub(crate) fn refuse(what: &str, why: Why) -> Reply {
    Reply::Private(view::refusal(&Refusal::because(what, why)))
}

/// Our failure, without a cause that would help the person.
pub(crate) fn not_now(why: &str) -> Reply {
    Reply::Private(not_now_words(why))
}

/// The cause goes to the log under a reference; the person gets the reference.
pub(crate) fn not_now_words(why: &str) -> Message {
    let reference = format!("{:06x}", rand::random::<u32>() & 0x00ff_ffff);
    tracing::warn!(reference, why, "answered: not now");
    view::said(&view::Said::NotNow {
        reference: &reference,
    })
}

/// A form was sent: it closes where the cards say the rest, and turns into the words where there are any.
pub(crate) fn after_form(reply: Reply) -> Reply {
    match reply {
        Reply::Done => Reply::Close,
        Reply::Private(message) => Reply::Modal(as_modal(message)),
        other => other,
    }
}

fn as_modal(message: Message) -> Modal {
    Modal {
        title: "Latchkey".into(),
        submit: None,
        close: "Close".into(),
        callback: crate::chat::surface::Callback::None.as_text(),
        blocks: message.blocks,
    }
}

pub(crate) fn not_admitted(what: &What, why: &NotAdmitted) -> Reply {
    fit(what, Message::words(why.to_string()))
}

pub(crate) fn failed(what: &What, reference: &str) -> Reply {
    fit(what, view::said(&view::Said::NotNow { reference }))
}

/// The form an answer takes depends on what it answers.
fn fit(what: &What, message: Message) -> Reply {
    match what {
        What::Submit { .. } => after_form(Reply::Private(message)),
        What::Options { .. } => Reply::Options(Vec::new()),
        // Nobody looks at a reply to opening the home tab.
        What::Home => Reply::Done,
        What::Command { .. } | What::Button { .. } | What::OpenForm => Reply::Private(message),
    }
}
