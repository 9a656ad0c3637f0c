//! `completions` and `man`: what packages install, made from the definitions that parse the arguments.

mod page;
mod roff;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::commands::{Ended, print, write};

pub(crate) fn completions(shell: Shell) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hushwatch", &mut script);
    write(&script)
}

pub(crate) fn man() -> Ended {
    print(&page::page(Cli::command()))
}
