//! One page for all verbs: each is a part of it, with its own options and examples.

use clap::{Arg, Command};

use crate::commands::man::roff::Roff;

/// The codes by which it ends; those of single verbs stand with them.
const EXIT_STATUS: [(&str, &str); 4] = [
    ("0", "It completed. Incidents may be open."),
    (
        "1",
        "It did not complete: something could not be asked, or a message is still pending or was given up. In case of doctor: a check failed.",
    ),
    (
        "2",
        "Wrong usage, or a configuration that cannot be understood. Nothing was sent or changed.",
    ),
    (
        "10",
        "With check --exit-code: it completed, and an incident is open.",
    ),
];

/// The page of `cli`.
pub(crate) fn page(mut cli: Command) -> String {
    cli.build();
    let mut page = Roff::default();
    let name = cli.get_name().to_owned();
    let version = cli.get_version().unwrap_or_default();
    page.title(&name, &format!("{name} {version}"));
    page.section("NAME");
    let about = cli.get_about().map(ToString::to_string).unwrap_or_default();
    page.text(&format!("{name} - {about}"));
    page.section("SYNOPSIS");
    page.text(&usage(&cli));
    page.section("GLOBAL OPTIONS");
    let global = cli.get_arguments().filter(|arg| arg.is_global_set());
    global.for_each(|arg| argument(&mut page, arg));
    page.section("COMMANDS");
    verbs(&mut page, &cli);
    page.section("EXIT STATUS");
    for (code, meaning) in EXIT_STATUS {
        page.term(code, "");
        page.text(meaning);
    }
    page.section("EXAMPLES");
    notes(&mut page, &cli);
    page.into_text()
}

/// Every verb below `command`, and those below it.
fn verbs(page: &mut Roff, command: &Command) {
    let is_own = |verb: &&Command| verb.get_name() != "help" && !verb.is_hide_set();
    for verb in command.get_subcommands().filter(is_own) {
        page.part(verb.get_bin_name().unwrap_or(verb.get_name()));
        page.text(&usage(verb));
        page.paragraph();
        let about = verb.get_long_about().or(verb.get_about());
        page.text(&about.map(ToString::to_string).unwrap_or_default());
        let own = verb.get_arguments().filter(|arg| {
            let id = arg.get_id().as_str();
            !arg.is_global_set() && !arg.is_hide_set() && !matches!(id, "help" | "version")
        });
        own.for_each(|arg| argument(page, arg));
        notes(page, verb);
        verbs(page, verb);
    }
}

fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    usage.to_owned()
}

fn argument(page: &mut Roff, arg: &Arg) {
    let takes = arg.get_action().takes_values();
    let names = arg.get_value_names().filter(|_| takes).unwrap_or_default();
    let values: Vec<String> = names.iter().map(|name| format!("<{name}>")).collect();
    let long = arg.get_long().map(|long| format!("--{long}"));
    page.term(&long.unwrap_or_default(), &values.join(" "));
    let help = arg.get_long_help().or(arg.get_help());
    page.text(&help.map(ToString::to_string).unwrap_or_default());
    let mut remarks = Vec::new();
    let possible = arg.get_possible_values();
    if takes && !possible.is_empty() && !arg.is_hide_possible_values_set() {
        let named = possible.iter().filter(|value| !value.is_hide_set());
        let named: Vec<String> = named
            .map(|value| match value.get_help() {
                Some(help) => format!("{} ({help})", value.get_name()),
                None => value.get_name().to_owned(),
            })
            .collect();
        remarks.push(format!("One of {}.", named.join(", ")));
    }
    let defaults = arg.get_default_values().iter();
    let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
    if takes && !defaults.is_empty() && !arg.is_hide_default_value_set() {
        remarks.push(format!("Default: {}.", defaults.join(", ")));
    }
    for remark in remarks {
        page.text(&format!("\n{remark}"));
    }
}

/// What stands below the help: paragraphs, and examples, which stay as they are.
fn notes(page: &mut Roff, command: &Command) {
    let notes = command.get_after_long_help().or(command.get_after_help());
    let notes = notes.map(ToString::to_string).unwrap_or_default();
    for note in notes.split("\n\n").filter(|note| !note.trim().is_empty()) {
        page.paragraph();
        match note
            .split_once(": ")
            .filter(|(head, _)| head.starts_with("Example"))
        {
            Some((head, examples)) => {
                page.text(&format!("{head}:"));
                page.example(examples.lines().map(str::trim));
            }
            None => page.text(note),
        }
    }
}
