//! Every text whole: as snapshots, and as the catalogue in `docs/messages.md`.

use std::fmt::Write;
use std::path::Path;

use super::samples::{Printout, backtests, explanations};
use crate::model::Rule;
use crate::notify::samples::{chapters, mute_lines};

/// With this set, the test writes the catalogue instead of comparing it.
const UPDATE: &str = "HUSHWATCH_UPDATE_DOCS";

const HEAD: &str = "\
# The messages

Everything that hushwatch says in Slack, and what `explain` and `backtest` print, from one set of invented incidents.
A message is shown as Slack shows it: its first line is the header and the notification, its last line is the small print.

This file is written by a test from `src/notify/samples.rs` and `src/output/samples.rs`:
`HUSHWATCH_UPDATE_DOCS=1 cargo test --lib docs_messages`.
";

#[test]
fn every_printout_reads_as_it_is_pinned() {
    for printout in explanations().iter().chain(&backtests()) {
        let name = printout
            .title
            .replace([' ', ':', ','], "_")
            .replace("__", "_");
        insta::assert_snapshot!(name, printout.text);
    }
}

#[test]
fn docs_messages_is_the_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/messages.md");
    let wanted = catalogue();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &wanted).expect("a writable file");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/messages.md is not what hushwatch says; write it anew: {UPDATE}=1 cargo test --lib docs_messages"
    );
}

fn catalogue() -> String {
    let mut text = HEAD.to_owned();
    for chapter in chapters() {
        let _ = write!(
            text,
            "\n## {}\n\n{}\n",
            heading(&chapter.title),
            chapter.about
        );
        for sample in &chapter.samples {
            let title = heading(&sample.title);
            let _ = write!(
                text,
                "\n### {title}\n\n{}\n\n{}",
                sample.when,
                block(&sample.message.to_text())
            );
        }
    }
    text.push_str(
        "\n## Mutes\n\nHow a mute is listed, in the digest and by `hushwatch mute --list`.\n\n",
    );
    text.push_str(&block(&mute_lines().join("\n")));
    text.push_str("\n## On a terminal\n");
    let printouts = explanations().into_iter().chain(backtests());
    for printout in printouts.filter(|printout| !printout.is_long) {
        let Printout {
            title,
            command,
            text: shown,
            ..
        } = printout;
        let _ = write!(
            text,
            "\n### {}\n\n`{command}`\n\n{}",
            heading(&title),
            block(&shown)
        );
    }
    text
}

/// With a capital, unless it is the name of a rule.
fn heading(title: &str) -> String {
    let (name, rest) = title.split_at(title.find(':').unwrap_or(title.len()));
    if Rule::from_name(name).is_some() {
        return format!("`{name}`{rest}");
    }
    let (first, rest) = title.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

fn block(text: &str) -> String {
    format!("```text\n{}\n```\n", text.trim_end())
}
