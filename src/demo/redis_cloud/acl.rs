//! What a rule lets a command do, for the few commands the simulator knows. A test holds it against a real Redis server.

/// A command with the categories Redis puts it in.
struct Known {
    name: &'static str,
    categories: &'static [&'static str],
    takes_key: bool,
}

const KNOWN: &[Known] = &[
    Known {
        name: "get",
        categories: &["read", "string", "fast"],
        takes_key: true,
    },
    Known {
        name: "set",
        categories: &["write", "string", "slow"],
        takes_key: true,
    },
    Known {
        name: "del",
        categories: &["keyspace", "write", "slow"],
        takes_key: true,
    },
    Known {
        name: "xadd",
        categories: &["write", "stream", "fast"],
        takes_key: true,
    },
    Known {
        name: "xlen",
        categories: &["read", "stream", "fast"],
        takes_key: true,
    },
    Known {
        name: "keys",
        categories: &["keyspace", "read", "slow", "dangerous"],
        takes_key: false,
    },
    Known {
        name: "flushall",
        categories: &["keyspace", "write", "slow", "dangerous"],
        takes_key: false,
    },
    Known {
        name: "ping",
        categories: &["fast", "connection"],
        takes_key: false,
    },
    Known {
        name: "shutdown",
        categories: &["admin", "slow", "dangerous"],
        takes_key: false,
    },
];

/// Commands that `allows` can judge.
pub fn commands() -> impl Iterator<Item = (&'static str, bool)> {
    KNOWN.iter().map(|known| (known.name, known.takes_key))
}

/// Whether a rule lets a command at a key; words are read from left to right, as Redis does. Unknown commands: no.
pub fn allows(rule: &str, command: &str, key: &str) -> bool {
    let Some(known) = KNOWN
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(command))
    else {
        return false;
    };
    let (mut allowed, mut keys) = (false, false);
    for word in rule.split_whitespace() {
        let word = word.to_ascii_lowercase();
        match word.as_str() {
            "allcommands" | "+@all" => allowed = true,
            "nocommands" | "-@all" => allowed = false,
            "allkeys" => keys = true,
            "resetkeys" => keys = false,
            _ => {
                if let Some(pattern) = word.strip_prefix('~') {
                    keys |= glob(pattern, key);
                } else if let Some((sign, what)) = word.split_at_checked(1) {
                    let hit = match what.strip_prefix('@') {
                        Some(category) => known.categories.contains(&category),
                        None => what == known.name,
                    };
                    match sign {
                        "+" if hit => allowed = true,
                        "-" if hit => allowed = false,
                        _ => {}
                    }
                }
            }
        }
    }
    allowed && (keys || !known.takes_key)
}

/// `*` at the end is the only wildcard the simulator's rules use.
fn glob(pattern: &str, key: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => key.starts_with(start),
        None => key == pattern,
    }
}

/// Whether every word has a form that Redis knows.
pub fn is_valid(rule: &str) -> bool {
    let named = [
        "allcommands",
        "nocommands",
        "allkeys",
        "resetkeys",
        "allchannels",
        "resetchannels",
    ];
    let mut words = rule.split_whitespace().peekable();
    words.peek().is_some()
        && words.all(|word| {
            let rest = word.get(1..).unwrap_or_default();
            named.contains(&word.to_ascii_lowercase().as_str())
                || (word.starts_with(['+', '-', '~', '&', '%', '(']) && !rest.is_empty())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_rules_do_what_their_names_say() {
        let (read, write, full) = ("+@read ~*", "+@all -@dangerous ~*", "+@all ~*");
        for (command, expected) in [
            ("get", [true, true, true]),
            ("set", [false, true, true]),
            ("keys", [true, false, true]),
            ("flushall", [false, false, true]),
            ("ping", [false, true, true]),
            ("nonsense", [false, false, false]),
        ] {
            assert_eq!(
                [read, write, full].map(|rule| allows(rule, command, "k")),
                expected,
                "{command}"
            );
            assert!(!allows("-@all", command, "k"));
        }
        assert!(allows("+@stream ~s:*", "xadd", "s:1") && !allows("+@stream ~s:*", "xadd", "t:1"));
        assert!(
            !allows("+@read", "get", "k"),
            "without a pattern no key is reached"
        );
    }

    #[test]
    fn words_without_a_form_are_refused() {
        for (rule, valid) in [
            ("+@read ~*", true),
            ("-@all", true),
            ("allkeys +get", true),
            ("read", false),
            ("", false),
            ("+", false),
        ] {
            assert_eq!(is_valid(rule), valid, "{rule}");
        }
    }
}
