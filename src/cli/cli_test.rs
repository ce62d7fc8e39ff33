use clap::CommandFactory;

use super::*;

fn parsed(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("latchkey").chain(line.split_whitespace()))
}

#[test]
fn the_arguments_do_not_contradict_each_other() {
    Cli::command().debug_assert();
}

#[test]
fn help_names_every_command_and_says_what_it_does() {
    let mut command = Cli::command();
    let help = command.render_help().to_string();
    let names = [
        "serve",
        "demo",
        "check",
        "init",
        "manifest",
        "providers",
        "reload",
        "status",
        "requests",
        "leases",
        "accounts",
        "integrations",
        "discover",
        "stuck",
        "revoke",
        "approve",
        "explain",
        "audit",
        "backup",
        "restore",
        "export",
        "resume",
        "health",
    ];
    for name in names {
        assert!(
            help.contains(&format!("\n  {name} ")),
            "{name} is missing from:\n{help}"
        );
    }
    let mut listed: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    listed.sort_unstable();
    let mut expected = names.to_vec();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    for sub in command.get_subcommands() {
        assert!(sub.get_about().is_some(), "{} says nothing", sub.get_name());
    }
}

#[test]
fn approve_and_revoke_demand_a_reason() {
    for line in [
        "approve R7K3F",
        "revoke R7K3F",
        "revoke --lease l1",
        "revoke --reason x",
        "revoke R7K3F --lease l1 --reason x",
        "approve --reason x",
    ] {
        assert!(parsed(line).is_err(), "{line}");
    }
    let blank = Cli::try_parse_from(["latchkey", "approve", "R7K3F", "--reason", "  "]).unwrap_err();
    assert!(blank.to_string().contains("a reason is needed"), "{blank}");
    for line in [
        "approve R7K3F --reason INC-7",
        "revoke R7K3F --reason x",
        "revoke --lease l1 --reason x",
    ] {
        assert!(parsed(line).is_ok(), "{line}");
    }
}

#[test]
fn global_options_stand_anywhere() {
    for line in [
        "--json --config other.toml stuck",
        "stuck --json --config other.toml",
    ] {
        let cli = parsed(line).unwrap();
        assert!(cli.json && cli.config.as_os_str() == "other.toml");
    }
}

#[test]
fn what_is_explained_is_typed_as_in_chat() {
    match parsed("explain bob redis-cloud prod -1h because x")
        .unwrap()
        .command
    {
        Command::Explain { person, line } => {
            assert_eq!(person, "bob");
            assert_eq!(line.join(" "), "redis-cloud prod -1h because x");
        }
        other => panic!("{other:?}"),
    }
    assert!(parsed("explain bob redis-cloud").is_err());
}

#[test]
fn audit_is_a_list_or_a_check() {
    assert!(matches!(
        parsed("audit verify").unwrap().command,
        Command::Audit {
            verify: Some(AuditCommand::Verify),
            ..
        }
    ));
    match parsed("audit --person ann --since 2026-03-01 --limit 5")
        .unwrap()
        .command
    {
        Command::Audit { filter, verify: None } => {
            let filter = AuditFilter::from(filter);
            assert_eq!(filter.person.as_deref(), Some("ann"));
            assert_eq!(filter.limit, Some(5));
            assert_eq!(filter.since.unwrap().to_rfc3339(), "2026-03-01T00:00:00+00:00");
        }
        other => panic!("{other:?}"),
    }
    assert!(parsed("audit --person ann verify").is_err());
    assert!(parsed("audit --since yesterday").is_err());
}
