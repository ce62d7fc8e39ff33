//! Which system user gave a command.

/// A system user, as audit entries name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub uid: u32,
    /// Their name in `/etc/passwd`, else `uid 1000`.
    pub user: String,
}

impl Caller {
    pub(crate) fn of(uid: u32) -> Self {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self {
            uid,
            user: name_in(&passwd, uid).unwrap_or_else(|| format!("uid {uid}")),
        }
    }
}

/// The user this process runs as: whom commands that need no running bot are recorded as.
pub fn me() -> Caller {
    Caller::of(rustix::process::getuid().as_raw())
}

/// The name of the first entry with that id.
fn name_in(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id: u32 = fields.nth(1)?.parse().ok()?;
        (id == uid && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_passwd_and_unknown_ids_stay_ids() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n# odd line\nbroken:x\nann:x:1000:1000::/home/ann:/bin/sh\nann2:x:1000:1:::\n";
        assert_eq!(name_in(passwd, 0).as_deref(), Some("root"));
        assert_eq!(name_in(passwd, 1000).as_deref(), Some("ann"));
        assert_eq!(name_in(passwd, 7), None);
        assert_eq!(Caller::of(3_999_999_999).user, "uid 3999999999");
    }
}
