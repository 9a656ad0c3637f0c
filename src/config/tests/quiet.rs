use super::*;
use crate::model::{HOUR, Span, Timestamp};

fn span(from: &str, until: &str) -> Span {
    let at = |text| Timestamp::parse(text).expect("an instant");
    Span::new(at(from), at(until))
}

#[test]
fn quiet_hours_begin_by_the_clocks_of_their_zone() {
    let file = r#"
time_zone = "Europe/Berlin"
[[quiet]]
schedule = "0 0 22 * * *"
for = "9h"
[[quiet]]
schedule = "0 0 0 * * SAT"
for = "2d"
time_zone = "UTC"
"#;
    let [nights, weekends] = &config(file, &[]).quiet_hours[..] else {
        panic!("two of them");
    };
    // The clocks go forward in the second of these nights: 22:00 is 21:00 UTC, then 20:00.
    let days = span("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
    assert_eq!(
        nights.spans(days),
        [
            span("2026-03-28T21:00:00Z", "2026-03-29T06:00:00Z"),
            span("2026-03-29T20:00:00Z", "2026-03-30T05:00:00Z"),
        ]
    );
    let sunday = span("2026-03-29T12:00:00Z", "2026-03-29T13:00:00Z");
    assert_eq!(
        weekends.spans(sunday),
        [span("2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z")],
        "they began before"
    );
    let start = span("2026-03-28T21:00:00Z", "2026-03-28T21:00:01Z");
    assert_eq!(
        nights.spans(start).len(),
        1,
        "their first moment is one of theirs"
    );
    let after = span("2026-03-29T06:00:00Z", "2026-03-29T07:00:00Z");
    assert_eq!(nights.spans(after), []);
    assert_eq!(nights.length, 9 * HOUR);
}

#[test]
fn what_is_wrong_with_quiet_hours_is_told_with_its_remedy() {
    let files = [
        "quiet = \"nights\"",
        "[quiet]\nschedule = \"0 0 22 * * *\"\nfor = \"9h\"",
        "[[quiet]]\nfor = \"9h\"",
        "[[quiet]]\nschedule = \"22:00\"\nfor = \"9h\"",
        "[[quiet]]\nschedule = \"0 0 22 * * *\"",
        "[[quiet]]\nschedule = \"0 0 22 * * *\"\nfor = \"8d\"\ntime_zone = \"PST\"",
        "[[quiet]]\nschedule = \"0 0 22 * * *\"\nfor = \"9h\"\nduration = \"9h\"",
        "[[quiet]]\nschedule = \"0 0 22 * * *\"\nfor = \"24h\"",
        "[[quiet]]\nschedule = \"0 0 22 * * *\"\nfor = \"12h\"\n[[quiet]]\nschedule = \"0 0 9 * * *\"\nfor = \"14h\"",
    ];
    let told = files.map(|file| {
        let told = problems(file, &[]);
        let lines = told.lines().map(|line| {
            line.split_once("monitor.toml: ")
                .map_or(line, |(_, rest)| rest)
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    insta::assert_snapshot!("quiet_hours_that_are_wrong", told.join("\n"));
}
