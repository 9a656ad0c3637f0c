//! `completions` and `man`: what packages install, made from the definitions that parse the arguments.

mod page;
mod roff;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::command::{Ended, print, write};

pub(super) fn completions(shell: Shell) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hushwatch", &mut script);
    write(&script)
}

pub(super) fn man() -> Ended {
    print(&page::page(Cli::command()))
}
