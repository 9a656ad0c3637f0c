use super::families::{FAMILIES, Kind};
use super::*;
use crate::model::{Incident, Severity};
use crate::output::samples::incident_report;
use crate::output::status::tests::report;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("valid")
}

/// A status with names that need care, and counters of everything.
fn sample() -> (StatusReport, Counters) {
    let mut status = report();
    status.servers[1].name = "back\\slash \"quoted\"\nand a line".into();
    status.servers[0].last_complete_at = Some(at("2026-03-03T10:00:00.250Z"));
    status.servers[1].last_complete_at = Some(at("2026-03-03T09:00:00Z"));
    let open = incident_report().incident;
    let other_tag = Incident {
        tag: Some("receipt".into()),
        ..open.clone()
    };
    let wake = Incident {
        severity: Severity::Wake,
        ..open.clone()
    };
    status.open = vec![open, other_tag, wake];
    status.oldest_pending_at = Some(at("2026-03-03T09:58:30Z"));
    let stream = StreamKey::new(&"shop".into(), &"outbound".into());
    let counters = Counters {
        messages: [(stream.clone(), 1_234)].into(),
        bounces: [
            ((stream.clone(), BounceClass::Hard), 3),
            ((stream, BounceClass::Complaint), 0),
        ]
        .into(),
        notifications: [("slack", 2)].into(),
        failures: [(("slack", "retry"), 1)].into(),
        requests: [(Some(200), 70), (None, 1)].into(),
    };
    (status, counters)
}

fn text(format: TextFormat) -> String {
    let (status, counters) = sample();
    let view = MetricsView {
        status: &status,
        now: at("2026-03-03T10:00:30Z"),
        counters: Some(&counters),
    };
    render(&view, format)
}

#[test]
fn the_classic_text() {
    insta::assert_snapshot!(text(TextFormat::Classic));
}

#[test]
fn the_open_metrics_text_differs_in_the_names_of_counters_and_its_end() {
    let (classic, open) = (text(TextFormat::Classic), text(TextFormat::OpenMetrics));
    let as_classic: Vec<String> = open
        .lines()
        .filter(|line| *line != "# EOF")
        .map(
            |line| match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["#", kind, name, rest @ ..]
                    if FAMILIES.iter().any(|f| f.name == format!("{name}_total")) =>
                {
                    format!("# {kind} {name}_total {}", rest.join(" "))
                }
                _ => line.to_owned(),
            },
        )
        .collect();
    assert_eq!(as_classic, classic.lines().collect::<Vec<_>>());
    assert!(open.ends_with("\n# EOF\n"));
}

/// What Prometheus would lose without an error: two HELP lines, a stamp, a missing last line feed, a counter by another name.
#[test]
fn nothing_is_lost_silently() {
    for format in [TextFormat::Classic, TextFormat::OpenMetrics] {
        let text = text(format);
        assert!(text.ends_with('\n') && !text.contains("\n\n") && !text.contains('\r'));
        let helps: Vec<&str> = text.lines().filter(|l| l.starts_with("# HELP")).collect();
        let mut unique = helps.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), helps.len());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let value = line.rsplit(' ').next().expect("a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let end = line
                .rfind('}')
                .map_or_else(|| line.find(' ').expect("a space"), |at| at + 1);
            assert_eq!(line[end..].matches(' ').count(), 1, "a time stamp: {line}");
        }
    }
    for family in FAMILIES {
        let is_counter = family.kind == Kind::Counter;
        assert_eq!(
            family.name.ends_with("_total"),
            is_counter,
            "{}",
            family.name
        );
        assert!(
            family.help.ends_with('.') && !family.help.contains(['\\', '\n']),
            "{}",
            family.name
        );
    }
}

#[test]
fn what_is_unknown_has_no_series() {
    let (mut status, _) = sample();
    for server in &mut status.servers {
        server.last_complete_at = None;
        for stream in server.streams.iter_mut().flatten() {
            stream.silence_score = None;
            stream.silence_limit = None;
            stream.last_sent = None;
            stream.counts.covered_until = None;
        }
    }
    status.oldest_pending_at = None;
    let view = MetricsView {
        status: &status,
        now: at("2026-03-03T10:00:30Z"),
        counters: None,
    };
    let text = render(&view, TextFormat::Classic);
    for name in [
        "poll_last_success",
        "silence_",
        "last_message",
        "coverage",
        "outbox_oldest",
        "_total",
    ] {
        assert!(!text.contains(name), "{name}: {text}");
    }
}

#[test]
fn mail_that_was_not_read_yet_has_no_series() {
    let (mut status, _) = sample();
    for server in &mut status.servers {
        server.streams = None;
    }
    let view = MetricsView {
        status: &status,
        now: at("2026-03-03T10:00:30Z"),
        counters: None,
    };
    let text = render(&view, TextFormat::Classic);
    let is_of_stream = |line: &&str| !line.starts_with('#') && line.contains("stream=\"outbound\"");
    let found: Vec<&str> = text.lines().filter(is_of_stream).collect();
    let incidents = |line: &&str| line.starts_with("hushwatch_incident_open{");
    assert!(found.iter().all(incidents), "{found:?}");
    assert!(text.contains("\nhushwatch_up "), "{text}");
}

#[test]
fn the_documentation_lists_every_metric() {
    let row = |family: &families::Family| {
        let labels: Vec<String> = family
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let (name, kind, help) = (family.name, family.kind.name(), family.help);
        format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
    };
    let expected: Vec<String> = FAMILIES.iter().map(row).collect();
    let documented: Vec<&str> = include_str!("../../docs/metrics.md")
        .lines()
        .filter(|line| line.starts_with("| `hushwatch_"))
        .collect();
    assert_eq!(
        documented,
        expected,
        "docs/metrics.md:\n{}",
        expected.join("\n")
    );
}

/// The alerts and the dashboard ask for no metric that does not exist.
#[test]
fn what_is_shipped_reads_known_metrics() {
    let shipped = [
        include_str!("../../deploy/prometheus-rules.yml"),
        include_str!("../../deploy/grafana.json"),
    ];
    let mut asked = 0;
    for text in shipped {
        let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for word in text
            .split(|c: char| !is_inside(c))
            .filter(|word| word.starts_with("hushwatch_"))
        {
            assert!(FAMILIES.iter().any(|family| family.name == word), "{word}");
            asked += 1;
        }
    }
    assert!(asked > 20, "{asked}");
}
