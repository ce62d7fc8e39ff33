//! MySQL: our mark in the attributes of accounts and roles: whose they are, under which fence they were last touched, and for
//! whom. MariaDB's accounts keep no text: there the account's own role, made before it, says that it is ours.

use super::engine::literal;
use crate::providers::{Fence, Mark, Result};

/// What the attributes of an account of ours say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inscription {
    pub fence: Fence,
    pub of: Option<String>,
}

/// `None` if the mark is not ours: none at all, or another installation's or integration's.
pub fn read(mark: &Mark, text: Option<&str>, fence: Option<&str>, of: Option<&str>) -> Option<Inscription> {
    (text? == mark.text).then(|| Inscription {
        fence: fence.and_then(parse_fence).unwrap_or_default(),
        of: of.map(str::to_owned),
    })
}

fn parse_fence(text: &str) -> Option<Fence> {
    let (epoch, count) = text.split_once('.')?;
    Some(Fence {
        epoch: epoch.parse().ok()?,
        count: count.parse().ok()?,
    })
}

/// A fence as it is kept; in a preview, which is read before there is one, a placeholder.
pub fn fence(fence: Option<Fence>) -> String {
    fence.map_or_else(
        || "<fence>".to_owned(),
        |fence| format!("{}.{}", fence.epoch, fence.count),
    )
}

/// The attributes of a login, as a literal.
pub fn for_login(mark: &Mark, fence: &str) -> Result<String> {
    let json = format!(
        r#"{{"latchkey":{},"fence":"{fence}"}}"#,
        serde_json::Value::from(mark.text.as_str())
    );
    literal(&json)
}

/// The attributes of a lease's role, as a literal.
pub fn for_lease(mark: &Mark, fence: &str, login: &str) -> Result<String> {
    let json = format!(
        r#"{{"latchkey":{},"fence":"{fence}","for":{}}}"#,
        serde_json::Value::from(mark.text.as_str()),
        serde_json::Value::from(login)
    );
    literal(&json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_valid_json_and_read_again() {
        let mark = Mark::new("ma\"in", "orders");
        let number = Fence { epoch: 3, count: 17 };
        let text = for_lease(&mark, &fence(Some(number)), r#"o'b"rien\x"#).expect("a literal");
        let json = text.trim_matches('\'').replace("''", "'").replace(r"\\", r"\");
        let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let part = |key: &str| value[key].as_str();
        assert_eq!(
            read(&mark, part("latchkey"), part("fence"), part("for")),
            Some(Inscription {
                fence: number,
                of: Some(r#"o'b"rien\x"#.to_owned())
            })
        );
    }

    #[test]
    fn others_marks_are_not_ours() {
        let mark = Mark::new("main", "orders");
        assert_eq!(read(&mark, None, Some("1.1"), None), None);
        assert_eq!(read(&mark, Some("latchkey:main/orders-2"), None, None), None);
        assert_eq!(
            read(&mark, Some("latchkey:main/orders"), Some("junk"), None),
            Some(Inscription::default())
        );
    }
}
