//! The help of every verb, whole.

use clap::CommandFactory;

use super::*;
use clap::Parser;

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

/// The words of a command as a shell splits them; of quotes it knows the single ones, which are all that messages use.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if !quoted => word.get_or_insert_default().extend(chars.next()),
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Every command in a text: from `hushwatch` and a verb to the end of the line, of the code span or of the part of a footer.
fn commands_in(text: &str) -> Vec<String> {
    let verbs: Vec<String> = Cli::command()
        .get_subcommands()
        .map(|v| v.get_name().to_owned())
        .collect();
    let mut found = Vec::new();
    for line in text.lines() {
        for (begins, _) in line.match_indices("hushwatch ") {
            let rest = &line[begins..];
            let end = rest.find(['`', '\u{b7}', ';']).unwrap_or(rest.len());
            let command = rest[..end].trim().trim_end_matches(['.', ',']);
            let verb = command.split(' ').nth(1).unwrap_or_default();
            if verbs.iter().any(|known| known == verb) {
                found.push(command.to_owned());
            }
        }
    }
    found
}

#[test]
fn every_command_in_a_message_can_be_pasted() {
    let catalogue = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/messages.md");
    let catalogue = std::fs::read_to_string(catalogue).expect("the catalogue");
    let commands = commands_in(&catalogue);
    assert!(commands.len() > 100, "{} commands", commands.len());
    for command in commands {
        let words = words(&command);
        let parsed = Cli::try_parse_from(&words);
        assert!(
            parsed.is_ok(),
            "{command}: {}",
            parsed.err().map(|e| e.to_string()).unwrap_or_default()
        );
        let is_placeholder =
            |word: &String| word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase());
        assert!(!words.iter().any(is_placeholder), "{command}");
    }
}
