//! What somebody had before us is never taken.

use crate::{
    desk::desk_of_theirs,
    target::{Case, Cut, Setting, Target},
};

const NO_OTHERS: &str = "gives access only to logins of its own making";

pub async fn standing_access_survives(target: &dyn Target) -> Case {
    let offer = target.offer();
    let Some(mut desk) = desk_of_theirs(target).await else {
        return Case::not_applicable(NO_OTHERS);
    };
    let login = desk.login(&offer.read);
    target.give_standing(&login, &offer.read).await;
    desk.expect(&offer.read, true, "before us").await;
    let before = target.everything().await;

    let read = desk.open(&offer.read).await;
    let write = desk.open(&offer.write).await;
    desk.settled().await;
    desk.expect(&offer.read, true, "while leased").await;
    desk.expect(&offer.write, true, "while leased").await;
    desk.end(&read);
    desk.end(&write);
    desk.settled().await;
    desk.expect(&offer.read, true, "standing access").await;
    desk.expect(&offer.write, false, "what only the lease gave").await;
    assert_eq!(before, target.everything().await, "all is as it was before us");
    Case::Passed
}

pub async fn own_grant_is_never_taken_for_standing(target: &dyn Target) -> Case {
    let offer = target.offer();
    let Some(mut desk) = desk_of_theirs(target).await else {
        return Case::not_applicable(NO_OTHERS);
    };
    let before = target.everything().await;
    let first = desk.open(&offer.read).await;
    // The grant is made, and the process dies before it hears so.
    let mut cut_at = 1;
    loop {
        let cutting = target.cut_after(cut_at, Cut::After).await;
        desk.provider = cutting.provider;
        drop(desk.settle().await);
        desk.provider = target.provider(Setting::Usual);
        if !(cutting.was_cut)() || desk.can(&offer.read).await {
            break;
        }
        cut_at += 1;
    }
    desk.expect(&offer.read, true, "after the grant whose answer was lost")
        .await;
    desk.settled().await;
    let second = desk.open(&offer.read).await;
    assert_eq!(
        second.standing, first.standing,
        "an overlapping lease inherits what stood"
    );
    desk.settled().await;
    desk.end(&first);
    desk.settled().await;
    desk.expect(&offer.read, true, "the second lease lives").await;
    desk.forget_released();
    desk.end(&second);
    desk.settled().await;
    desk.expect(&offer.read, false, "our own grant is not standing access")
        .await;
    assert_eq!(before, target.everything().await, "all is as it was before us");
    Case::Passed
}
