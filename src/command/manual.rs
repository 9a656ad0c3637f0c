//! `completions` and `man`: what packages install, made from the definitions that parse the arguments.

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;

use super::{Ended, INCOMPLETE, write};

pub(super) fn completions(shell: Shell) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hushwatch", &mut script);
    write(&script)
}

/// One page: the command, its options, and each of its verbs as a section of its own.
pub(super) fn man() -> Ended {
    let failed = |why: std::io::Error| (INCOMPLETE, format!("cannot write the man page: {why}"));
    write(&page().map_err(failed)?)
}

fn page() -> std::io::Result<Vec<u8>> {
    let mut cli = Cli::command();
    cli.build();
    let mut page = Vec::new();
    Man::new(cli.clone()).render(&mut page)?;
    for verb in cli
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help")
    {
        let name = format!("hushwatch {}", verb.get_name());
        let verb = verb.clone().display_name(name.clone());
        let man = Man::new(verb);
        page.extend(format!(".SH {}\n", name.to_uppercase()).bytes());
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        man.render_extra_section(&mut page)?;
    }
    Ok(page)
}
