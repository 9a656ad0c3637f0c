//! The help of every verb, whole.

use clap::CommandFactory;

use super::*;

/// The help of a command and of every command below it, as a terminal of 100 columns shows it.
fn helps(command: &mut clap::Command, helps: &mut Vec<String>) {
    let help = command.render_long_help().to_string();
    helps.push(format!(
        "$ {} --help\n{help}",
        command.get_bin_name().unwrap_or("hushwatch")
    ));
    for verb in command.get_subcommands_mut() {
        if verb.get_name() != "help" {
            self::helps(verb, helps);
        }
    }
}

#[test]
fn every_verb_has_this_help() {
    let mut cli = Cli::command().term_width(100);
    cli.build();
    let mut all = Vec::new();
    helps(&mut cli, &mut all);
    insta::assert_snapshot!("help", all.join("\n\n"));
}
