//! Our mark in the comments of users and roles: whose they are, under which fence they were last touched, and for whom.
//!
//! A user carries `<mark> fence=<epoch>.<count>`. A lease's role also ` as=<user>`, the name that the user had there (escaped as
//! in an address), and last ` for=<login>`, the login as we know it, since that may hold anything.

use crate::providers::{Fence, Mark};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inscription {
    pub fence: Fence,
    /// The user's name there.
    pub user: Option<String>,
    /// The login as our store has it.
    pub login: Option<String>,
}

/// `None` if the comment is not ours: none at all, or another installation's or integration's.
pub fn read(mark: &Mark, comment: Option<&str>) -> Option<Inscription> {
    let rest = comment?.strip_prefix(mark.text.as_str())?;
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let (facts, login) = match rest.split_once(" for=") {
        Some((facts, login)) => (facts, Some(login.to_owned())),
        None => (rest, None),
    };
    let fact = |key: &str| facts.split(' ').find_map(|word| word.strip_prefix(key));
    let fence = fact("fence=").and_then(parse_fence).unwrap_or_default();
    let unescaped = |text: &str| {
        form_urlencoded::parse(text.as_bytes())
            .next()
            .map(|(name, _)| name.into_owned())
    };
    Some(Inscription {
        fence,
        user: fact("as=").and_then(unescaped),
        login,
    })
}

fn parse_fence(text: &str) -> Option<Fence> {
    let (epoch, count) = text.split_once('.')?;
    Some(Fence {
        epoch: epoch.parse().ok()?,
        count: count.parse().ok()?,
    })
}

pub fn for_user(mark: &Mark, fence: Fence) -> String {
    format!("{} fence={}.{}", mark.text, fence.epoch, fence.count)
}

pub fn for_lease(mark: &Mark, fence: Fence, user: &str, login: &str) -> String {
    let user: String = form_urlencoded::byte_serialize(user.as_bytes()).collect();
    format!("{} as={user} for={login}", for_user(mark, fence))
}

/// As in a preview, which is read before there is a fence, and before anybody looked how the user is called there.
pub fn shown_for_user(mark: &Mark) -> String {
    format!("{} fence=<fence>", mark.text)
}

pub fn shown_for_lease(mark: &Mark, login: &str) -> String {
    format!("{} as=<user> for={login}", shown_for_user(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mark = Mark::new("main", "warehouse");
        let fence = Fence { epoch: 3, count: 17 };
        let read_back = read(&mark, Some(&for_user(&mark, fence)));
        assert_eq!(
            read_back,
            Some(Inscription {
                fence,
                user: None,
                login: None
            })
        );
        for (user, login) in [
            ("ANN", "ann@example.com"),
            ("odd for=x & fence=9.9 %", "odd for=x fence=9.9"),
            ("with space ", " "),
            ("Ünï+1", ""),
        ] {
            let read_back = read(&mark, Some(&for_lease(&mark, fence, user, login))).expect("ours");
            assert_eq!(read_back.fence, fence);
            assert_eq!(read_back.user.as_deref(), Some(user));
            assert_eq!(read_back.login.as_deref(), Some(login));
        }
    }

    #[test]
    fn others_comments_are_not_ours() {
        let mark = Mark::new("main", "orders");
        for comment in [
            None,
            Some(""),
            Some("owner=dba"),
            Some("latchkey:main/orders-2 fence=0.1"),
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
