//! `latchkey check`: judges the file, then tries everything it names. Each line says ok, warn, or what to fix.

mod chat;
mod doors;
mod integration;
#[cfg(test)]
mod test;

use std::{fmt, path::Path};

pub use doors::{Doors, RealDoors};

use crate::{config, secrets::Sources};

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    /// Works, but is probably not meant.
    Warn,
    /// Does not work.
    Fix,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    pub verdict: Verdict,
    /// What it is about, what was seen, what to do.
    pub text: String,
}

/// All that was tried. Holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub lines: Vec<Line>,
}

impl Report {
    /// Nothing has to be fixed.
    pub fn is_good(&self) -> bool {
        self.lines.iter().all(|line| line.verdict != Verdict::Fix)
    }

    fn ok(&mut self, text: impl Into<String>) {
        self.add(Verdict::Ok, text.into());
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.add(Verdict::Warn, text.into());
    }

    fn fix(&mut self, text: impl Into<String>) {
        self.add(Verdict::Fix, text.into());
    }

    /// Names come from targets and chats: none of them may move the terminal's cursor.
    fn add(&mut self, verdict: Verdict, text: String) {
        let text = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        self.lines.push(Line { verdict, text });
    }
}

impl fmt::Display for Report {
    /// One line each: `fix: slack channel C0ADMIN: the bot is not a member; …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            let word = match line.verdict {
                Verdict::Ok => "ok",
                Verdict::Warn => "warn",
                Verdict::Fix => "fix",
            };
            writeln!(f, "{word}: {}", line.text)?;
        }
        Ok(())
    }
}

/// Checks a configuration file and everything it names. Changes nothing anywhere.
pub async fn check(path: &Path, doors: &dyn Doors) -> Report {
    let mut report = Report::default();
    let read = match config::read_for(path, doors.kinds()) {
        Ok(config) => config,
        Err(problems) => {
            for line in problems.to_string().lines() {
                report.fix(line);
            }
            return report;
        }
    };
    report.ok(format!(
        "{}: {} people, {} groups, {} integrations, {} access flows",
        path.display(),
        read.people.len(),
        read.groups.len(),
        read.integrations.len(),
        read.flows.len()
    ));
    for advice in config::advice(&read, doors.kinds()) {
        report.warn(advice);
    }
    let sources = Sources {
        base_dir: &read.base_dir,
        environment: doors.environment(),
    };
    if let Some(slack) = &read.slack {
        chat::slack(&mut report, &read, slack, &sources, doors).await;
    }
    for one in &read.integrations {
        integration::integration(&mut report, &read, one, &sources, doors).await;
    }
    report
}
