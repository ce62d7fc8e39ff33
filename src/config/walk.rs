//! A walk over a TOML tree that knows where everything stands, and collects what is wrong instead of stopping at it.

use std::cell::RefCell;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::{
    duration,
    keys::Section,
    problem::{Problem, did_you_mean, meant},
};

/// The file that is being read, and what was found wrong so far.
pub struct Walk<'t> {
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
}

impl<'t> Walk<'t> {
    pub fn new(text: &'t str) -> Self {
        Self {
            text,
            problems: RefCell::default(),
        }
    }

    /// Notes what is wrong at a byte of the file.
    pub fn problem(&self, at: usize, text: impl Into<String>) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = 1 + before.bytes().filter(|b| *b == b'\n').count();
        let text = text.into();
        self.problems.borrow_mut().push(Problem { line, text });
    }

    /// All that was noted, by line.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems.dedup();
        problems
    }
}

/// A value and its place.
#[derive(Clone, Copy)]
pub struct Node<'t> {
    pub walk: &'t Walk<'t>,
    pub at: usize,
    /// The key it stands under, for people.
    pub name: &'t str,
    pub value: &'t DeValue<'t>,
}

/// A table whose keys are known.
pub struct Table<'t> {
    pub walk: &'t Walk<'t>,
    pub at: usize,
    map: &'t DeTable<'t>,
    /// What people call it: `[slack]`, `integration redis-cloud`.
    pub what: String,
    /// What unknown keys were probably meant to be: nobody has to hear that these are missing, too.
    misspelt: RefCell<Vec<String>>,
}

impl<'t> Table<'t> {
    /// The whole file.
    pub fn root(walk: &'t Walk<'t>, map: &'t DeTable<'t>, section: &Section) -> Self {
        let table = Self {
            walk,
            at: 0,
            map,
            what: section.title.to_owned(),
            misspelt: RefCell::default(),
        };
        table.only(section.keys.iter().copied());
        table
    }

    pub fn problem(&self, text: impl Into<String>) {
        self.walk.problem(self.at, text);
    }

    pub fn node(&self, key: &str) -> Option<Node<'t>> {
        let (name, value) = self.map.get_key_value(key)?;
        Some(self.entry(name, value))
    }

    /// A key that has to be there; `why` says what it is for.
    pub fn required(&self, key: &str, why: &str) -> Option<Node<'t>> {
        let node = self.node(key);
        if node.is_none() && !self.misspelt.borrow().iter().any(|other| other == key) {
            self.problem(format!("{} lacks {key}; add {why}", self.what));
        }
        node
    }

    /// All entries, in the order of their names.
    pub fn entries(&self) -> impl Iterator<Item = Node<'t>> + '_ {
        self.map.iter().map(|(name, value)| self.entry(name, value))
    }

    /// Notes every key that is not among these.
    pub fn only<'k>(&self, known: impl IntoIterator<Item = &'k str> + Clone) {
        for (name, _) in self.map {
            if known.clone().into_iter().any(|key| key == name.get_ref()) {
                continue;
            }
            let guess = meant(name.get_ref(), known.clone());
            self.misspelt.borrow_mut().extend(guess.map(str::to_owned));
            let guess = did_you_mean(guess);
            let text = format!(
                "unknown key {} in {}; remove it{guess}",
                name.get_ref(),
                self.what
            );
            self.walk.problem(name.span().start, text);
        }
    }

    fn entry(
        &self,
        name: &'t Spanned<std::borrow::Cow<'t, str>>,
        value: &'t Spanned<DeValue<'t>>,
    ) -> Node<'t> {
        Node {
            walk: self.walk,
            // Where a table continues over many lines the key is the better place.
            at: name.span().start,
            name: name.get_ref(),
            value: value.get_ref(),
        }
    }
}

impl<'t> Node<'t> {
    pub fn problem(&self, text: impl Into<String>) {
        self.walk.problem(self.at, text);
    }

    pub fn text(&self) -> Option<&'t str> {
        let text = self.value.as_str();
        if text.is_none() {
            self.wrong_type("a string in quotes");
        }
        text
    }

    /// A text that is not empty, trimmed.
    pub fn word(&self) -> Option<&'t str> {
        let text = self.text()?.trim();
        if text.is_empty() {
            self.problem(format!("{} is empty; give it a value or remove it", self.name));
            return None;
        }
        Some(text)
    }

    pub fn yes(&self) -> Option<bool> {
        let yes = self.value.as_bool();
        if yes.is_none() {
            self.wrong_type("true or false");
        }
        yes
    }

    /// A whole number of this range.
    pub fn whole(&self, least: u32, most: u32) -> Option<u32> {
        let number = self
            .value
            .as_integer()
            .and_then(|number| u32::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok());
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.problem(format!(
                "{} is no whole number from {least} to {most}; write one without quotes",
                self.name
            ));
        }
        number
    }

    /// Seconds, of a text like `2h30m`.
    pub fn seconds(&self, least: i64, most: i64) -> Option<i64> {
        let text = self.text()?;
        let seconds = duration::seconds(text);
        match seconds {
            Some(seconds) if (least..=most).contains(&seconds) => Some(seconds),
            Some(_) => {
                let (least, most) = (duration::words(least), duration::words(most));
                self.problem(format!(
                    "{} = {text:?} is not between {least} and {most}",
                    self.name
                ));
                None
            }
            None => {
                self.problem(format!(
                    "{} = {text:?} is no duration; write \"90s\", \"30m\", \"2h\", \"1h30m\" or \"90d\"",
                    self.name
                ));
                None
            }
        }
    }

    /// The parts of a list, each under this node's name.
    pub fn list(&self) -> Vec<Node<'t>> {
        let Some(array) = self.value.as_array() else {
            self.wrong_type("a list in [ ]");
            return Vec::new();
        };
        let part = |value: &'t Spanned<DeValue<'t>>| Node {
            at: value.span().start,
            value: value.get_ref(),
            ..*self
        };
        array.iter().map(part).collect()
    }

    /// A list of texts, none empty, none twice.
    pub fn words(&self) -> Vec<Node<'t>> {
        let mut seen: Vec<&str> = Vec::new();
        let mut words = self.list();
        words.retain(|node| {
            let Some(word) = node.word() else { return false };
            if seen.contains(&word) {
                node.problem(format!("{word} stands twice in {}; remove one", node.name));
                return false;
            }
            seen.push(word);
            true
        });
        words
    }

    pub fn strings(&self) -> Vec<String> {
        let words = self.words();
        words
            .iter()
            .filter_map(|node| node.value.as_str())
            .map(|word| word.trim().to_owned())
            .collect()
    }

    /// A table of any keys.
    pub fn open(&self, what: impl Into<String>) -> Option<Table<'t>> {
        let Some(map) = self.value.as_table() else {
            self.wrong_type("a table");
            return None;
        };
        Some(Table {
            walk: self.walk,
            at: self.at,
            map,
            what: what.into(),
            misspelt: RefCell::default(),
        })
    }

    /// A table of the keys of a section.
    pub fn table(&self, section: &Section) -> Option<Table<'t>> {
        let table = self.open(section.title)?;
        table.only(section.keys.iter().copied());
        Some(table)
    }

    fn wrong_type(&self, wanted: &str) {
        self.problem(format!(
            "{} has to be {wanted}, not a {}",
            self.name,
            self.value.type_str()
        ));
    }
}

/// The value as the rest of the program uses it. A date becomes its text.
pub fn value(of: &DeValue<'_>) -> toml::Value {
    match of {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i64::from_str_radix(&digits, number.radix())
                .map_or_else(|_| toml::Value::String(digits), toml::Value::Integer)
        }
        DeValue::Float(number) => {
            toml::Value::Float(number.as_str().replace('_', "").parse().unwrap_or(f64::NAN))
        }
        DeValue::Boolean(yes) => toml::Value::Boolean(*yes),
        DeValue::Datetime(at) => toml::Value::String(at.to_string()),
        DeValue::Array(parts) => toml::Value::Array(parts.iter().map(|part| value(part.get_ref())).collect()),
        DeValue::Table(map) => toml::Value::Table(table(map)),
    }
}

/// A table as the rest of the program uses it.
pub fn table(of: &DeTable<'_>) -> toml::Table {
    of.iter()
        .map(|(name, part)| (name.get_ref().to_string(), value(part.get_ref())))
        .collect()
}
