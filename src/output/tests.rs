//! Every text whole: as snapshots, and as the catalogue in `docs/messages.md`.

use std::fmt::Write;
use std::path::Path;

use serde_json::json;

use super::samples::{Printout, backtests, explanations, incident_report};
use crate::model::{Evidence, HOUR, Rule, Span};
use crate::notify::describe::{describe_open_at, describe_resolved};
use crate::notify::samples::{STYLE, chapters, course_of, mute_lines};
use crate::output::explain::{IncidentReport, explain};
use crate::output::incidents::incidents_text;
use crate::output::json::{IncidentView, ListedIncident};
use crate::text::format::format_exact;

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
fn what_returned_is_listed_from_when_it_opened_first() {
    let course = course_of(Rule::BounceRate);
    let step = course.step("resolved");
    let mut incident = step.incident.clone();
    let first = incident.opened_at;
    incident.opened_at = first + 2 * HOUR;
    incident.first_opened_at = Some(first);
    let listed = ListedIncident {
        incident,
        last_step: step.clone(),
        text: String::new(),
        feedback: None,
    };
    let span = Span::new(first, step.at);
    let text = incidents_text(&[listed], span, step.at, STYLE);
    let exact = |at| format_exact(at, STYLE.zone);
    let row = text.lines().nth(1).expect("a row");
    assert!(row.starts_with(&exact(first)), "{text}");
    let returned = format!("returned {}", exact(first + 2 * HOUR));
    assert!(row.contains(&returned), "{text}");
}

/// Returns the report of an incident of a rate whose window ended two hours before it is read, and what people read of it.
fn rate_of_past_window() -> (IncidentReport, String) {
    let mut report = incident_report();
    report.incident = course_of(Rule::BounceRate).step("opened").incident.clone();
    let incident = &mut report.incident;
    report.at = incident.judged_at + 2 * HOUR;
    if let Evidence::Rate(rate) = &mut incident.evidence {
        rate.until = Some(incident.judged_at);
    }
    let text = describe_open_at(incident, report.at, STYLE);
    (report, text)
}

#[test]
fn a_rate_of_a_past_window_is_worded_alike_for_people_and_scripts() {
    let (report, text) = rate_of_past_window();
    assert!(text.contains("09:00–10:00"), "{text}");
    let json = report.to_json(STYLE);
    assert_eq!(json["incident"]["summary"], json!(text));
    let explained = explain(&report, STYLE);
    assert!(explained.contains(&text), "{explained:?}");
    let view = json!(IncidentView::new(&report.incident, report.at, STYLE));
    assert_eq!(view["summary"], json!(text));
}

#[test]
fn what_is_over_is_summed_up_by_its_end() {
    let course = course_of(Rule::BounceRate);
    let over = course.step("resolved");
    let view = json!(IncidentView::new(&over.incident, over.at, STYLE));
    let summary = describe_resolved(&over.incident, over.at, STYLE);
    assert_eq!(view["summary"], json!(summary));
}

#[test]
fn the_worst_of_what_is_over_is_listed_with_the_times_of_its_window() {
    let course = course_of(Rule::BounceRate);
    let (opened, step) = (course.step("opened"), course.step("resolved"));
    let mut incident = opened.incident.clone();
    // A person closed it at once.
    incident.state = step.incident.state;
    if let Evidence::Rate(rate) = &mut incident.evidence {
        rate.until = Some(incident.judged_at);
    }
    incident.worst = Some(incident.evidence.clone());
    let span = Span::new(incident.opened_at, step.at);
    let listed = ListedIncident {
        incident,
        last_step: step.clone(),
        text: String::new(),
        feedback: None,
    };
    let text = incidents_text(&[listed], span, step.at, STYLE);
    assert!(
        text.contains("4 of 47 recipients bounced 09:00–10:00 (8.5%)"),
        "{text}"
    );
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
