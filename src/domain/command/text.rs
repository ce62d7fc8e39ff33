//! What a chat made of a line, undone: its escapes, its typography, its invisible characters.

/// One line in plain characters: straight quotes, hyphens, single kinds of space; mentions and links as their words.
pub fn normalise(text: &str) -> String {
    decode(&unlink(text)).chars().filter_map(plain).collect()
}

fn plain(c: char) -> Option<char> {
    match c {
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' => Some('"'),
        '‘' | '’' | '‚' | '‛' | '′' => Some('\''),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => Some('-'),
        // Zero-width characters, joiners, marks of direction, the soft hyphen.
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{ad}'
        | '\u{61c}' => None,
        c if c.is_whitespace() || c.is_control() => Some(' '),
        c => Some(c),
    }
}

/// `<@U1|ann>` → `@ann`, `<#C1|ops>` → `#ops`, `<!here>` → `@here`, `<https://x|x>` → `x`.
fn unlink(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let Some(end) = rest[start..].find('>').map(|end| start + end) else {
            break;
        };
        plain.push_str(&rest[..start]);
        plain.push_str(&words_of(&rest[start + 1..end]));
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    plain
}

fn words_of(inside: &str) -> String {
    let (target, label) = inside
        .split_once('|')
        .map_or((inside, None), |(target, label)| (target, Some(label)));
    let label = label.filter(|label| !label.is_empty());
    match target.chars().next() {
        Some(sign @ ('@' | '#')) => format!("{sign}{}", label.unwrap_or(&target[1..])),
        Some('!') => {
            let name = label.unwrap_or(&target[1..]);
            if name.starts_with('@') {
                name.to_owned()
            } else {
                format!("@{name}")
            }
        }
        _ => label.unwrap_or(target).to_owned(),
    }
}

/// Slack's three entities; `&amp;` last, so that nothing is decoded twice.
fn decode(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// A word without the quotes or backticks around it.
pub(super) fn bare(word: &str) -> &str {
    word.trim_matches(['"', '\'', '`'])
}

/// A reason: what is left of the line, without quotes around all of it.
pub(super) fn reason(words: &[&str]) -> String {
    let words = match words {
        [first, rest @ ..] if first.eq_ignore_ascii_case("because") => rest,
        words => words,
    };
    let text = words.join(" ");
    for quote in ['"', '\'', '`'] {
        let inside = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        if let Some(inside) = inside.filter(|inside| !inside.contains(quote)) {
            return inside.trim().to_owned();
        }
    }
    text
}
