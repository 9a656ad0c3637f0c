mod times;

use super::alert::alert;
use super::samples::{STYLE, chapters, course_of, courses, mute_lines, rule_chapter};
use super::*;
use crate::model::{
    DAY, DeliveredSince, Evidence, HOUR, IncidentState, Rule, Span, Step, Transition,
};
use proptest::prelude::*;

fn message(lines: Vec<String>) -> Message {
    Message::new(
        Level::Warn,
        "shop/outbound: bounces",
        lines,
        "incident 7k2m",
    )
}

#[test]
fn the_title_says_the_severity_in_a_word_too() {
    assert_eq!(message(vec![]).title(), "🟠 WARN shop/outbound: bounces");
}

#[test]
fn as_text_it_is_title_lines_and_footer() {
    let text = message(vec!["6 of 98".to_owned(), "\n".to_owned()]).to_text();
    assert_eq!(
        text,
        "🟠 WARN shop/outbound: bounces\n6 of 98\nincident 7k2m"
    );
}

#[test]
fn a_headline_is_never_empty() {
    let message = Message::new(Level::Info, "\u{200b}\n", [], "");
    assert_eq!(message.headline(), NO_HEADLINE);
    assert_eq!(message.footer(), "");
}

#[test]
fn what_has_no_room_is_counted() {
    let lines = |count: usize| (1..=count).map(|n| format!("line {n}")).collect::<Vec<_>>();
    assert_eq!(message(lines(40)).lines(), lines(40));

    let cut = message(lines(51));
    assert_eq!(cut.lines().len(), 40);
    assert_eq!(cut.lines()[38..], ["line 39", "… and 12 more"]);

    let long = message(vec!["x".repeat(MAX_LINE); 20]);
    assert_eq!(long.lines().len(), 16);
    assert_eq!(long.lines()[15], "… and 5 more");
}

#[test]
fn an_outbox_row_written_by_others_is_cleaned_when_read() {
    let row = r#"{"tone":"wake","headline":"a\u001b[31mb","lines":["c\nd",""],"footer":"\u202ee"}"#;
    let read: Message = serde_json::from_str(row).expect("a message");
    assert_eq!(read.to_text(), "🔴 WAKE ab\nc d\ne");
}

/// Pins every message whole, a chapter a file: an alert is the product, and a change of its words is seen in the diff.
#[test]
fn every_message_reads_as_it_is_pinned() {
    for chapter in chapters() {
        let mut text = String::new();
        for sample in &chapter.samples {
            text.push_str(&format!(
                "--- {}\n{}\n\n",
                sample.title,
                sample.message.to_text()
            ));
        }
        insta::assert_snapshot!(chapter.title.replace([' ', '-'], "_"), text);
    }
}

#[test]
fn an_alert_has_at_most_six_lines_and_names_its_incident() {
    for sample in courses().iter().map(rule_chapter).flat_map(|c| c.samples) {
        let text = sample.message.to_text();
        assert!(text.lines().count() <= 6, "{text}");
        let id = sample.incident.expect("an alert has an incident");
        assert!(text.contains(&format!("hushwatch explain {id}")), "{text}");
        let words = ["🔴 WAKE ", "🟠 WARN ", "✅ RESOLVED ", "☑ CLOSED "];
        assert!(words.iter().any(|word| text.starts_with(word)), "{text}");
        let is_over = matches!(sample.message.level(), Level::Resolved | Level::Closed);
        assert_eq!(text.contains("\n→ "), !is_over, "{text}");
    }
}

#[test]
fn each_bounce_of_an_operator_address_is_counted() {
    let mut opened = course_of(Rule::OperatorBounce).step("opened").clone();
    if let Evidence::Events { times, .. } = &mut opened.incident.evidence {
        let first = times[0];
        *times = vec![first, first + HOUR];
    }
    let title = "🔴 WAKE shop/outbound: mail to the operator address ops@example.com bounced 2 times (hard)";
    assert_eq!(alert(&opened, STYLE).title(), title);
}

#[test]
fn a_mute_says_of_what_until_when_by_whom_and_why() {
    insta::assert_snapshot!("mutes", mute_lines().join("\n"));
}

#[test]
fn an_outbox_row_of_an_older_version_is_still_told() {
    let old = |tone: &str, headline: &str| {
        let row = format!(
            r#"{{"tone":"{tone}","headline":"{headline}","lines":["a line"],"footer":"incident 7k2m"}}"#
        );
        let read: Message = serde_json::from_str(&row).expect("a message");
        read.to_text()
    };
    assert_eq!(
        old(
            "good",
            "shop/outbound: bounce rate back within bounds, after 4 h"
        ),
        "✅ RESOLVED shop/outbound: bounce rate back within bounds, after 4 h\na line\nincident 7k2m"
    );
    assert_eq!(
        old(
            "good",
            "digest for Mon 2 Mar 2026: all normal, 776 messages sent"
        ),
        "digest for Mon 2 Mar 2026: all normal, 776 messages sent\na line\nincident 7k2m"
    );
    assert!(old("info", "catch-up").starts_with("catch-up\n"));
}

#[test]
fn a_first_line_that_is_too_long_is_cut_between_words_and_keeps_its_day() {
    let mut step = course_of(Rule::DeliveryDrop).step("opened").clone();
    let opened_at = step.incident.opened_at;
    step.step = Step::Reminded;
    step.at = opened_at + HOUR * 30;
    step.incident.judged_at = step.at;
    step.incident.stream = Some("a-stream-with-a-long-name-of-its-own".into());
    step.incident.again = Some(DeliveredSince {
        since: opened_at + HOUR * 25,
        sampled: 5,
        delivered: 5,
    });
    let steps = [&step];
    let live = live::live_message(&steps, &step, STYLE);
    for message in [alert(&step, STYLE), live] {
        let headline = message.headline();
        assert!(headline.ends_with("…, day 2"), "{headline}");
        assert!(headline.chars().count() <= MAX_HEADLINE);
        let cut = headline.trim_end_matches("…, day 2");
        let whole = format!(
            "still {}: {}",
            location::location(&step.incident),
            describe::describe_open_at(&step.incident, step.at, STYLE)
        );
        let rest = whole.strip_prefix(cut).expect("its beginning");
        assert!(rest.starts_with([' ', ',', ';']), "{rest}");
    }
}

proptest! {
    #[test]
    fn a_message_is_within_its_limits_and_is_read_as_it_was_written(
        headline in any::<String>(),
        lines in prop::collection::vec(("[ -~é😀\n\u{1b}\u{202e}]{0,12}", 0usize..60), 0..60),
        footer in any::<String>(),
    ) {
        let lines = lines.into_iter().map(|(piece, times)| piece.repeat(times));
        let message = Message::new(Level::Resolved, &headline, lines, &footer);
        let all = || message.lines().iter().map(String::as_str).chain([message.headline(), message.footer()]);
        prop_assert!(all().all(|text| clean(text) == text));
        prop_assert!((1..=MAX_HEADLINE).contains(&message.headline().chars().count()));
        prop_assert!(message.footer().chars().count() <= MAX_FOOTER);
        prop_assert!(message.lines().len() <= MAX_LINES);
        prop_assert!(message.lines().iter().all(|line| (1..=MAX_LINE).contains(&line.chars().count())));
        prop_assert!(message.lines().iter().map(|line| line.chars().count()).sum::<usize>() <= MAX_BODY);

        let row = serde_json::to_string(&message).expect("plain data");
        prop_assert_eq!(serde_json::from_str::<Message>(&row).expect("a message"), message);
    }
}

#[test]
fn a_line_can_be_added_even_to_a_full_message() {
    let message = |count: usize| {
        let lines = (0..count).map(|n| format!("line {n}"));
        Message::new(Level::Info, "headline", lines, "footer")
    };
    let added = message(2).with_line("one \u{7}more");
    assert_eq!(added.lines(), ["line 0", "line 1", "one more"]);
    assert_eq!((added.headline(), added.footer()), ("headline", "footer"));
    let full = message(MAX_LINES).with_line("one more");
    assert_eq!(full.lines().len(), MAX_LINES);
    assert_eq!(full.lines().last().map(String::as_str), Some("one more"));
    assert_eq!(message(2).with_line(" \n"), message(2));
}

/// A wake of one hour, a day later.
#[test]
fn a_rate_of_an_hour_that_is_past_is_not_told_as_the_present_one() {
    let past = course_of(Rule::HardBounceWake)
        .step("after the bounces")
        .clone();
    let text = |change: &dyn Fn(&mut Transition)| {
        let mut step = past.clone();
        change(&mut step);
        alert(&step, STYLE).to_text()
    };
    let wave = "shop/broadcast: 15 of 35 recipients hard-bounced";
    let later = text(&|_| {});
    let named = format!("🔴 WAKE {wave} Tue 3 Mar 10:00–11:00 (43%), none since\n");
    assert!(later.starts_with(&named), "{later}");
    assert!(later.contains("→ Look at its bounces before"), "{later}");
    assert!(later.contains("--since 48h"), "{later}");
    assert!(later.contains(" · since Tue 3 Mar 10:04 · "), "{later}");

    let bounced_since = text(&|step| step.incident.last_event_at = Some(step.at - HOUR));
    let named = format!("🔴 WAKE {wave} Tue 3 Mar 10:00–11:00 (43%)\n");
    assert!(bounced_since.starts_with(&named), "{bounced_since}");
    // Of six at that rate two or three would have bounced: that none did may be chance.
    let of = |sent: u64| {
        text(&|step| {
            if let Evidence::Rate(rate) = &mut step.incident.evidence {
                rate.sent_since = Some(sent);
            }
        })
    };
    assert!(of(6).starts_with(&named), "{}", of(6));
    assert!(of(6).contains("→ Look at its bounces before"));
    assert_eq!(of(8), later);
    // Nobody knows what happened since it was judged.
    let unseen = text(&|step| step.incident.judged_at = step.incident.opened_at);
    assert!(unseen.starts_with(&named), "{unseen}");

    let at_once = text(&|step| {
        step.at = step.incident.opened_at;
        step.incident.judged_at = step.at;
    });
    let named = format!("🔴 WAKE {wave} in the last hour (43%)\n");
    assert!(at_once.starts_with(&named), "{at_once}");
    assert!(at_once.contains("→ Stop the list that is being sent now"));

    let resolved = text(&|step| {
        step.step = Step::Resolved;
        step.incident.state = IncidentState::Resolved {
            at: step.at,
            unwatched: false,
            disabled: false,
        };
    });
    assert!(resolved.contains("It was high for 48 min ("), "{resolved}");
}

#[test]
fn mail_that_is_delivered_again_is_told_beside_what_was_lost() {
    let told = |rule, is_over: bool| {
        let mut step = course_of(rule).step("opened").clone();
        let opened_at = step.incident.opened_at;
        step.at = opened_at + HOUR * 4;
        step.incident.judged_at = step.at;
        step.incident.problem = Some(Span::new(opened_at - HOUR, opened_at));
        step.incident.again = Some(DeliveredSince {
            since: opened_at + HOUR,
            sampled: 5,
            delivered: 5,
        });
        if is_over {
            step.step = Step::Resolved;
            step.incident.state = IncidentState::Resolved {
                at: step.at,
                unwatched: false,
                disabled: false,
            };
        }
        alert(&step, STYLE)
    };
    let headline = |rule| told(rule, false).headline().to_owned();
    assert_eq!(
        headline(Rule::DeliveryDrop),
        "shop/outbound: 74 of 123 sampled messages were delivered (60%), usually 99%; since 12:00 5 of 5 delivered, to be confirmed"
    );
    assert_eq!(
        headline(Rule::DeliverySilence),
        "shop/outbound: no sampled message of 08:00–09:00 was delivered; since 10:00 5 of 5 delivered, to be confirmed"
    );
    // What arrived again before it was last seen to be lost is no part of that.
    let mut step = course_of(Rule::DeliveryDrop).step("opened").clone();
    let again = DeliveredSince {
        since: step.incident.opened_at,
        sampled: 5,
        delivered: 5,
    };
    step.incident.again = Some(again);
    if let Evidence::DeliveryDrop(drop) = &mut step.incident.evidence {
        drop.again_so_far = Some(DeliveredSince {
            sampled: 3,
            delivered: 2,
            ..again
        });
    }
    let apart = "shop/outbound: 72 of 120 sampled messages were delivered (60%), usually 99%; since 11:00 5 of 5 delivered, to be confirmed";
    assert_eq!(alert(&step, STYLE).headline(), apart);
    let evidence = evidence::evidence_lines(&step.incident, STYLE);
    let last = evidence.last().expect("a line");
    assert_eq!(
        last,
        "Since Wed 4 Mar 11:00 5 of 5 sampled messages delivered"
    );
    let over = |rule| told(rule, true).to_text();
    let text = over(Rule::DeliveryDrop);
    assert!(
        text.contains("Delivery was low for 1 h (10:00–11:00)"),
        "{text}"
    );
    let text = over(Rule::DeliverySilence);
    assert!(
        text.contains("No sampled message was delivered for 1 h (08:00–09:00)."),
        "{text}"
    );
}

#[test]
fn a_rate_above_its_threshold_is_not_told_to_be_back() {
    let told = |rule, numerator, denominator, floor| {
        let mut step = course_of(rule).step("resolved").clone();
        if let Evidence::Rate(rate) = &mut step.incident.evidence {
            (rate.numerator, rate.denominator, rate.floor) = (numerator, denominator, floor);
        }
        alert(&step, STYLE).headline().to_owned()
    };
    assert_eq!(
        told(Rule::HardBounceWake, 6, 78, 101),
        "shop/broadcast: too little mail to judge the hard bounce rate now (6 of 78, 7.7%)"
    );
    assert_eq!(
        told(Rule::BounceRate, 3, 40, 10),
        "shop/outbound: no bounce for a day (3 of 40, 7.5%)"
    );
    let mut step = course_of(Rule::BounceRate).step("resolved").clone();
    if let Evidence::Rate(rate) = &mut step.incident.evidence {
        (rate.numerator, rate.denominator, rate.window) = (0, 11, 7 * DAY);
    }
    assert_eq!(
        alert(&step, STYLE).headline(),
        "shop/outbound: no bounce for a week (0 of 11, 0%)"
    );
    assert_eq!(
        told(Rule::HardBounceWake, 6, 780, 101),
        "shop/broadcast: hard bounce rate is back to 0.77% (6 of 780)"
    );
    assert_eq!(
        told(Rule::HardBounceWake, 1, 60, 101),
        "shop/broadcast: too little mail to judge the hard bounce rate now (1 of 60, 1.7%)"
    );
    let none = told(Rule::HardBounceWake, 0, 0, 101);
    assert!(
        none.starts_with("shop/broadcast: no mail in the last ")
            && none.ends_with(" to judge the hard bounce rate by"),
        "{none}"
    );
}
