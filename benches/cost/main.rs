//! What hushwatch costs: CPU, memory, disk, time. Figures are ratios within this run wherever there is something to
//! compare with; the others are of this machine.
//!
//! `cargo bench --bench cost`, or `cargo bench --bench cost -- store detect start memory servers size page cron lasting` for some of them;
//! `--json` beside them prints an object for each figure, see [`rows`].

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

mod cron;
mod detection;
mod floor;
mod footprint;
mod lasting;
mod page;
mod peer;
mod rows;
mod servers;
mod storing;

use std::time::Duration;

use rows::{Figure, line};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|a| a == peer::SERVE) {
        return peer::serve(&arguments[1..]);
    }
    let wanted = |name: &str| {
        let named = |a: &&String| !a.starts_with("--");
        arguments.iter().filter(named).count() == 0 || arguments.iter().any(|a| a == name)
    };
    let parts: [(&str, fn()); 9] = [
        ("size", footprint::size),
        ("start", footprint::start),
        ("detect", detection::detect),
        ("store", storing::store),
        ("memory", footprint::memory),
        ("servers", servers::thousand),
        ("page", page::page),
        ("cron", cron::cron),
        ("lasting", lasting::lasting),
    ];
    for (name, measure) in parts {
        if wanted(name) {
            measure();
        }
    }
}

/// CPU time of this process so far, all threads, from the kernel's own count.
fn cpu() -> Duration {
    let of_thread = |entry: std::fs::DirEntry| {
        let text = std::fs::read_to_string(entry.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    Duration::from_nanos(threads.flatten().filter_map(of_thread).sum())
}
