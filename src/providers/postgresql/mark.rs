//! Our mark in the comments of roles: whose they are, under which fence they were last touched, and for whom.
//!
//! A login carries `<mark> fence=<epoch>.<count>`, a lease's role also ` for=<login>`, the login last since it may hold anything.

use crate::providers::{Fence, Mark};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inscription {
    pub fence: Fence,
    pub of: Option<String>,
}

/// `None` if the comment is not ours: none at all, or another installation's or integration's.
pub fn read(mark: &Mark, comment: Option<&str>) -> Option<Inscription> {
    let rest = comment?.strip_prefix(mark.text.as_str())?;
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let (facts, of) = match rest.split_once(" for=") {
        Some((facts, of)) => (facts, Some(of.to_owned())),
        None => (rest, None),
    };
    let fence = facts
        .trim()
        .strip_prefix("fence=")
        .and_then(parse_fence)
        .unwrap_or_default();
    Some(Inscription { fence, of })
}

fn parse_fence(text: &str) -> Option<Fence> {
    let (epoch, count) = text.split_once('.')?;
    Some(Fence {
        epoch: epoch.parse().ok()?,
        count: count.parse().ok()?,
    })
}

pub fn for_login(mark: &Mark, fence: Fence) -> String {
    format!("{} fence={}.{}", mark.text, fence.epoch, fence.count)
}

pub fn for_lease(mark: &Mark, fence: Fence, login: &str) -> String {
    format!("{} for={login}", for_login(mark, fence))
}

/// As in a preview, which is read before there is a fence.
pub fn shown_for_login(mark: &Mark) -> String {
    format!("{} fence=<fence>", mark.text)
}

pub fn shown_for_lease(mark: &Mark, login: &str) -> String {
    format!("{} for={login}", shown_for_login(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mark = Mark::new("main", "orders-pg");
        let fence = Fence { epoch: 3, count: 17 };
        assert_eq!(
            read(&mark, Some(&for_login(&mark, fence))),
            Some(Inscription { fence, of: None })
        );
        for login in ["ann", "odd for=x fence=9.9", "with space ", ""] {
            let read = read(&mark, Some(&for_lease(&mark, fence, login))).expect("ours");
            assert_eq!(
                read,
                Inscription {
                    fence,
                    of: Some(login.to_owned())
                }
            );
        }
    }

    #[test]
    fn others_comments_are_not_ours() {
        let mark = Mark::new("main", "orders");
        for comment in [
            None,
            Some(""),
            Some("owner=dba"),
            Some("latchkey:main/orders-pg fence=0.1"),
            Some("x latchkey:main/orders"),
        ] {
            assert_eq!(read(&mark, comment), None, "{comment:?}");
        }
        // Somebody cut the facts off: ours still, under the lowest fence.
        assert_eq!(
            read(&mark, Some("latchkey:main/orders")).map(|found| found.fence),
            Some(Fence::default())
        );
    }
}
