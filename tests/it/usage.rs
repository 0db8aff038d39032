//! What every command has in common: usage that is told, settings that are refused, help that fits a screen.

use crate::commands::{check_failure, done, run};

#[test]
fn what_cannot_be_meant_is_usage() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, said) in [
        (&[][..], "Usage: copyrail <COMMAND>"),
        (&["frobnicate"], "unrecognized subcommand"),
        (&["chekc"], "similar subcommands exist: 'schema', 'check'"),
        (&["check", "nowhere"], "nowhere is no folder"),
        (&["check", "--as-of", "soon"], "--as-of <DATE>"),
        (&["check", "--format", "xml"], "[possible values: text, json, sarif]"),
        (&["scan", "--only"], "--only <RULE>"),
        (&["render"], "--placement <P>"),
        (&["demo", "--format", "json"], "--format json needs --once"),
        (&["demo", "--once", "--catalog", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (&["serve", "--config", "nowhere.toml"], "the settings file nowhere.toml cannot be read"),
        (&["keys", "new"], "--role <R>"),
        (&["keys", "new", "--role", "king"], "`king` is no role; write `serve`, "),
        (&["catalog", "import", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (&["stop"], "--phrase <WORDS>"),
        (&["stop", "--phrase", "a", "--product", "b", "--reason", "r", "--by", "jo"], "cannot be used with"),
        (&["stop", "--phrase", "—", "--reason", "r", "--by", "jo"], "it holds no letter and no digit"),
        (&["stop", "--model", "m", "--prewritten", "--reason", "r", "--by", "jo"], "no model writes"),
        (&["stop", "lift", "17", "--reason", "r", "--by", "jo"], "<ID>"),
        (&["purge", "--by", "jo"], "say what to drop"),
        (&["audit", "show", "17"], "<ID>"),
        (&["audit", "export", "--type", "events"], "leave `--type` out, or take `--format csv`"),
        (
            &["audit", "export", "--type", "serves", "--format", "jsonl"],
            "only the whole run of entries proves",
        ),
        (&["simulate-llm", "--script", "nowhere.json"], "nowhere.json cannot be read"),
    ] {
        check_failure(folder.path(), arguments, 2, said);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn settings_are_refused_with_every_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = "[limits]\ndeadline_ms = \"soon\"\n[store]\nurl = 5\n";
    std::fs::write(folder.path().join("copyrail.toml"), file).unwrap();
    let ran = run(folder.path(), &["keys", "list", "--config", "copyrail.toml"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    insta::assert_snapshot!(ran.err);
}

/// Every command, as typed.
const COMMANDS: &[&str] = &[
    "demo",
    "serve",
    "check",
    "render",
    "scan",
    "backtest",
    "sweep",
    "schema",
    "segments",
    "segments explain",
    "segments report",
    "segments eval",
    "catalog",
    "catalog import",
    "keys",
    "keys new",
    "keys list",
    "keys revoke",
    "stop",
    "stop list",
    "stop lift",
    "purge",
    "audit",
    "audit verify",
    "audit head",
    "audit search",
    "audit show",
    "audit export",
    "audit erase",
    "audit subject",
    "audit hold",
    "audit hold add",
    "audit hold list",
    "audit hold lift",
    "audit retain",
    "audit backup",
    "audit restore",
    "policy",
    "policy diff",
    "policy show",
    "policy rollback",
    "policy proposals",
    "policy approve",
    "policy send-back",
    "simulate-llm",
    "simulate-log",
];

#[test]
fn help_has_an_example_and_fits_a_screen() {
    let folder = tempfile::tempdir().unwrap();
    let first = done(folder.path(), &["--help"]);
    assert!(first.contains("copyrail demo --once"), "{first}");
    let listed =
        first.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for command in
        listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next())
    {
        assert!(command == "help" || COMMANDS.contains(&command), "{command} is not tried here");
    }
    for command in COMMANDS {
        let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = done(folder.path(), &arguments);
        assert!(
            help.contains(&format!("Example:\n  copyrail {command}")) || help.contains("Example:\n  "),
            "{help}"
        );
        assert!(help.contains(&format!("Usage: copyrail {command}")), "{help}");
        assert!(help.lines().count() <= 45, "{command} --help has {} lines", help.lines().count());
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
}
