//! The command line: what can be typed, and who does it. Nothing is decided here.

mod local;
mod place;
mod remote;
mod table;
mod when;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    control::{AuditFilter, ControlRequest, Reason, RevokeWhat, Which},
    demo::{DemoArgs, With},
    serve::ServeArgs,
    telemetry::{self, LogFormat},
};

/// Temporary access from chat: asked for, approved, granted, and seen to be gone again.
#[derive(Debug, Parser)]
#[command(
    name = "latchkey",
    version,
    max_term_width = 110,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// The configuration file
    #[arg(
        long,
        global = true,
        env = "LATCHKEY_CONFIG",
        default_value = "latchkey.toml",
        value_name = "FILE"
    )]
    config: PathBuf,
    /// Print JSON instead of tables and sentences
    #[arg(long, global = true)]
    json: bool,
    /// What to log, to standard error: info, or info,latchkey=debug
    #[arg(long, global = true, env = "LATCHKEY_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// How to log
    #[arg(
        long,
        global = true,
        env = "LATCHKEY_LOG_FORMAT",
        value_enum,
        default_value = "pretty"
    )]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the bot
    Serve,
    /// Try it: the bot, a small chat and a Redis-Cloud-like target on this machine; nothing is kept
    Demo {
        /// Play the whole story without a browser; exit code 0 only if every step happened
        #[arg(long)]
        check: bool,
        /// Where the page listens on 127.0.0.1; 0 takes any free port
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Real servers to start beside it, where they are installed
        #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND,KIND")]
        with: Vec<With>,
    },
    /// Try the configuration: the file, then chats and integrations; each line says ok, warn or what to fix
    Check {
        /// Have the running bot send this person a card that grants nothing
        #[arg(long, value_name = "PERSON")]
        test_card: Option<String>,
    },
    /// Print a configuration to start from, for a chat and kinds of system: latchkey init slack redis-cloud
    Init {
        #[arg(required = true, value_name = "CHAT|KIND")]
        what: Vec<String>,
    },
    /// List the kinds of system: what each can do, what its connector needs, and against what it was proven
    Providers {
        /// Print README's pages instead
        #[arg(long)]
        markdown: bool,
    },
    /// Print the manifest to create the chat's app from
    Manifest {
        #[arg(value_name = "CHAT", default_value = "slack")]
        chat: String,
    },
    /// Have the running bot read its configuration anew: whole, or not at all
    Reload,
    /// Show how the running bot is doing
    Status,
    /// List requests that wait for a decision
    Requests(All),
    /// List access that is held, or not yet seen to be gone
    Leases(All),
    /// List the logins made for people
    Accounts { integration: Option<String> },
    /// List integrations and how they are doing
    Integrations,
    /// Look at an integration's resources now
    Discover { integration: String },
    /// List what does not get done and needs somebody to look
    Stuck,
    /// End access now; recorded under your system user, the owner and the admins are told
    Revoke {
        /// A request's code: R7K3F
        #[arg(required_unless_present = "lease")]
        code: Option<String>,
        /// One lease instead, by its id
        #[arg(long, conflicts_with = "code")]
        lease: Option<String>,
        #[arg(long)]
        reason: Reason,
    },
    /// Approve a request past its access flow; recorded under your system user, the owner and the admins are told
    Approve {
        /// The request's code: R7K3F
        code: String,
        #[arg(long)]
        reason: Reason,
    },
    /// Show what would happen if a person asked: flow, approvers, why, and what would run
    Explain {
        person: String,
        /// As after /access: redis-cloud prod 2h
        #[arg(required = true, num_args = 2.., value_name = "INTEGRATION RESOURCE …", allow_hyphen_values = true)]
        line: Vec<String>,
    },
    /// Show who did what, when, and by what authority
    #[command(args_conflicts_with_subcommands = true)]
    Audit {
        #[command(flatten)]
        filter: AuditArgs,
        #[command(subcommand)]
        verify: Option<AuditCommand>,
    },
    /// Write a copy of the store to a file
    Backup { to: PathBuf },
    /// Make the store of a backup; grants nothing until: latchkey resume
    Restore { from: PathBuf },
    /// Write everything the store holds to a file, as JSON lines
    Export { to: PathBuf },
    /// End the quarantine after a restore: grants go on
    Resume,
    /// Exit code 0 if the bot answers and is well
    Health,
}

#[derive(Debug, Args)]
struct All {
    /// Ended ones too, as long as the store keeps them
    #[arg(long)]
    all: bool,
}

impl All {
    fn which(&self) -> Which {
        if self.all { Which::All } else { Which::Open }
    }
}

#[derive(Debug, Args)]
struct AuditArgs {
    /// About one request, by its code
    #[arg(long, value_name = "CODE")]
    request: Option<String>,
    /// By or about one person
    #[arg(long)]
    person: Option<String>,
    #[arg(long)]
    integration: Option<String>,
    /// From then on: 2026-03-01, 2026-03-01T14:00:00Z, or 2d, 12h, 30m ago
    #[arg(long, value_name = "WHEN", value_parser = when::parse)]
    since: Option<when::Since>,
    /// The newest so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Check the whole chain of the journal: exit code 0 only if nothing was changed since it was written
    Verify,
}

impl From<AuditArgs> for AuditFilter {
    fn from(args: AuditArgs) -> Self {
        Self {
            request: args.request,
            person: args.person,
            integration: args.integration,
            since: args.since.map(|since| since.0),
            limit: args.limit,
        }
    }
}

/// Does what was typed. Errors are for the person at the terminal, and printed here.
pub async fn run(cli: Cli) -> ExitCode {
    let json = cli.json;
    match command(cli).await {
        Ok(code) => code,
        Err(error) => {
            if json {
                println!("{}", serde_json::json!({ "error": format!("{error:#}") }));
            } else {
                eprintln!("latchkey: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn command(cli: Cli) -> anyhow::Result<ExitCode> {
    telemetry::start(cli.log_format, cli.filter())?;
    let terminal = remote::Terminal {
        config: cli.config,
        json: cli.json,
    };
    match cli.command {
        Command::Serve => crate::serve::run(ServeArgs {
            config: terminal.config,
        })
        .await
        .map(|()| ExitCode::SUCCESS),
        Command::Demo { check, port, with } => crate::demo::run(DemoArgs { check, port, with })
            .await
            .map(|()| ExitCode::SUCCESS),
        Command::Check { test_card: None } => local::check(&terminal).await,
        Command::Init { what } => local::init(&what),
        Command::Providers { markdown } => local::providers(&terminal, markdown),
        Command::Manifest { chat } => local::manifest(&terminal, &chat),
        Command::Audit {
            verify: Some(AuditCommand::Verify),
            ..
        } => local::audit_verify(&terminal),
        Command::Backup { to } => local::backup(&terminal, to).await,
        Command::Restore { from } => local::restore(&terminal, &from),
        Command::Export { to } => local::export(&terminal, &to),
        Command::Health => local::health(&terminal).await,
        Command::Check {
            test_card: Some(person),
        } => terminal.ask(ControlRequest::TestCard { person }).await,
        Command::Reload => terminal.ask(ControlRequest::Reload).await,
        Command::Status => terminal.ask(ControlRequest::Status).await,
        Command::Requests(all) => {
            terminal
                .ask(ControlRequest::Requests { which: all.which() })
                .await
        }
        Command::Leases(all) => terminal.ask(ControlRequest::Leases { which: all.which() }).await,
        Command::Accounts { integration } => terminal.ask(ControlRequest::Accounts { integration }).await,
        Command::Integrations => terminal.ask(ControlRequest::Integrations).await,
        Command::Discover { integration } => terminal.ask(ControlRequest::Discover { integration }).await,
        Command::Stuck => terminal.ask(ControlRequest::Stuck).await,
        Command::Revoke { code, lease, reason } => {
            let what = match (code, lease) {
                (_, Some(lease)) => RevokeWhat::Lease(lease),
                (code, None) => RevokeWhat::Code(code.unwrap_or_default()),
            };
            terminal.ask(ControlRequest::Revoke { what, reason }).await
        }
        Command::Approve { code, reason } => terminal.ask(ControlRequest::Approve { code, reason }).await,
        Command::Explain { person, line } => {
            let line = line.join(" ");
            terminal.ask(ControlRequest::Explain { person, line }).await
        }
        Command::Audit { filter, verify: None } => terminal.ask(ControlRequest::Audit(filter.into())).await,
        Command::Resume => terminal.ask(ControlRequest::Resume).await,
    }
}

impl Cli {
    /// Only the commands that run for long say what they do; the others say only what went wrong.
    fn filter(&self) -> &str {
        let default = match self.command {
            Command::Serve => "info",
            Command::Demo { .. } => "warn",
            _ => "error",
        };
        self.log.as_deref().unwrap_or(default)
    }
}

#[cfg(test)]
#[path = "cli_test.rs"]
mod tests;
