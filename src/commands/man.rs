//! `completions` and `man`: what packages install, made from the definitions that parse the arguments.

use std::io;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::commands::cli::Cli;
use crate::commands::stdout::write;
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::text::sanitize::clean;

/// The exit codes of the program; those of single verbs stand on their pages.
const EXIT_STATUS: [(&str, &str); 4] = [
    ("0", "It completed. Incidents may be open."),
    (
        "1",
        "It did not complete: something gave no answer, or a message is still pending or was given up. For doctor: a check failed.",
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

#[derive(Debug, Args)]
pub struct ManArgs {
    /// Verb whose page is printed [default: the page of hushwatch itself]
    #[arg(value_name = "VERB", conflicts_with = "out")]
    pub verb: Vec<String>,
    /// Write the page of every verb to this folder
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

pub(super) fn completions(shell: Shell) -> CommandResult {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hushwatch", &mut script);
    write(&script)
}

pub(super) fn man(args: &ManArgs) -> CommandResult {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    if let Some(folder) = &args.out {
        let failed = |e| format!("cannot write the man pages to {}: {e}", folder.display());
        return match write_pages(&cli, folder) {
            Ok(()) => Ok(0),
            Err(error) => Err((INCOMPLETE, failed(error))),
        };
    }
    let mut command = &cli;
    for name in &args.verb {
        command = command.find_subcommand(name).ok_or_else(|| {
            let name = clean(name);
            let why = format!("there is no verb `{name}`; `hushwatch --help` lists them");
            (USAGE, why)
        })?;
    }
    write(&page(command).map_err(|e| (INCOMPLETE, format!("cannot make the man page: {e}")))?)
}

/// Writes the page of a command and of every command below it.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    std::fs::write(folder.join(format!("{name}.1")), page(command)?)?;
    let mut verbs = command.get_subcommands();
    verbs.try_for_each(|verb| write_pages(verb, folder))
}

/// Returns the page of a command: what `clap_mangen` makes of it, and its examples with their lines kept.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let notes = command.get_after_help().map(ToString::to_string);
    let man = Man::new(command.clone().after_help(Resettable::Reset))
        .source(concat!("hushwatch ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    let mut page = Vec::new();
    man.render(&mut page)?;
    let mut rest = Roff::new();
    if command.has_subcommands() && command.get_version().is_some() {
        exit_status(&mut rest);
    }
    after_help(&mut rest, &notes.unwrap_or_default());
    page.extend(rest.to_roff().into_bytes());
    Ok(page)
}

fn exit_status(roff: &mut Roff) {
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_STATUS {
        roff.control("TP", []).text([roman(code)]);
        roff.text([roman(meaning)]);
    }
}

/// Adds the text below the help: notes, and examples.
fn after_help(roff: &mut Roff, text: &str) {
    let paragraphs = text.split("\n\n").filter(|text| !text.trim().is_empty());
    let (examples, notes): (Vec<&str>, Vec<&str>) =
        paragraphs.partition(|text| text.starts_with("Example"));
    if !notes.is_empty() {
        roff.control("SH", ["NOTES"]);
        lines(roff, notes.iter().flat_map(|note| note.lines()));
    }
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
        let examples = examples.iter().filter_map(|text| text.split_once(": "));
        lines(roff, examples.flat_map(|(_, examples)| examples.lines()));
    }
}

fn lines<'a>(roff: &mut Roff, lines: impl Iterator<Item = &'a str>) {
    roff.control("EX", []);
    for line in lines {
        roff.text([roman(line.trim())]);
    }
    roff.control("EE", []);
}
