//! What is wrong with a configuration file: everything at once, each with its line.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// From 1; 0 where it is about the file itself.
    pub line: usize,
    /// What is wrong; what to do.
    pub text: String,
}

/// All that is wrong with a file, by line. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// As it was named to us.
    pub file: String,
    pub all: Vec<Problem>,
}

impl fmt::Display for Problems {
    /// One line each: `latchkey.toml:12: what is wrong; what to do`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.all.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            match problem.line {
                0 => write!(f, "{}: {}", self.file, problem.text)?,
                line => write!(f, "{}:{line}: {}", self.file, problem.text)?,
            }
        }
        Ok(())
    }
}

/// The name that was probably meant.
pub fn meant<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let far = (typed.chars().count() / 3).clamp(1, 4);
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&typed, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, name)| name)
}

/// ` (did you mean …?)`, where there is a guess.
pub fn did_you_mean(guess: Option<&str>) -> String {
    guess.map_or_else(String::new, |name| format!(" (did you mean {name}?)"))
}
