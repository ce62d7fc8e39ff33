//! What the process says about itself while it runs: to standard error, for people or for machines.
//!
//! Libraries that see tokens, passwords or statements on the wire are held at a level where they do not print them,
//! whatever filter is asked for.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For eyes.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Below these levels they print frames, headers, connection URLs or statements.
const HELD: &[&str] = &[
    "slack_morphism=warn",
    "hyper=info",
    "hyper_util=info",
    "hyper_rustls=info",
    "h2=info",
    "reqwest=info",
    "rustls=info",
    "tungstenite=info",
    "tokio_tungstenite=info",
    "tokio_postgres=info",
    "sled=warn",
];

/// Starts logging for the whole process. `filter`: as in `info` or `info,latchkey::reconcile=debug`.
///
/// # Errors
/// A filter that does not parse, or a second call.
pub fn start(format: LogFormat, filter: &str) -> anyhow::Result<()> {
    let filter = held(filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    let to_stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Pretty => registry
            .with(to_stderr.with_ansi(std::io::stderr().is_terminal()))
            .try_init(),
        LogFormat::Json => registry.with(to_stderr.json().flatten_event(true)).try_init(),
    }
    .context("start logging")
}

fn held(filter: &str) -> anyhow::Result<EnvFilter> {
    let asked: Vec<&str> = filter
        .split(',')
        .map(str::trim)
        .filter(|directive| !directive.is_empty() && !about_held(directive))
        .collect();
    let all = asked
        .iter()
        .copied()
        .chain(HELD.iter().copied())
        .collect::<Vec<_>>();
    EnvFilter::try_new(all.join(","))
        .with_context(|| format!("{filter:?} is no log filter; info,latchkey=debug is one"))
}

/// A directive for a module of a held library would be more specific than ours, and win.
fn about_held(directive: &str) -> bool {
    let target = directive.split(['=', '[', ':']).next().unwrap_or_default();
    HELD.iter()
        .any(|held| held.split('=').next().is_some_and(|name| name == target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_filter_lets_a_held_library_print_what_it_sees() {
        for filter in [
            "trace",
            "trace,hyper=trace",
            "hyper::proto=trace,info",
            "tokio_postgres[connect]=debug",
        ] {
            let shown = held(filter).unwrap().to_string();
            for directive in HELD {
                assert!(shown.contains(directive), "{filter}: {shown}");
            }
            assert!(
                !shown.contains("hyper=trace") && !shown.contains("hyper::proto"),
                "{shown}"
            );
            assert!(
                !shown.contains("tokio_postgres=debug") && !shown.contains("connect"),
                "{shown}"
            );
        }
    }

    #[test]
    fn other_directives_stay() {
        let shown = held("info, latchkey::reconcile=debug").unwrap().to_string();
        assert!(
            shown.contains("latchkey::reconcile=debug") && shown.contains("info"),
            "{shown}"
        );
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        let error = held("latchkey=loud").unwrap_err().to_string();
        assert!(error.contains("info,latchkey=debug"), "{error}");
    }
}
