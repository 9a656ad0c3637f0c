use super::*;
use crate::chart::HeatRow;
use crate::model::{
    BounceClass, BounceEvent, Coverage, CumulativeCounts, DAY, HourCount, MINUTE, SampledMessage,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an instant")
}

fn noon() -> Timestamp {
    at("2026-03-03T12:00:00Z")
}

/// Six weeks of ten messages in every hour, seen up to noon.
fn steady() -> History {
    let (from, until) = (noon() - 42 * DAY, noon());
    let hours = (0..42 * 24).map(|hour| {
        let start = from + HOUR * hour;
        HourCount {
            start,
            sent: 10,
            first_at: start,
            last_at: start + HOUR / 2,
        }
    });
    History {
        first_seen_at: Some(from),
        messages: Coverage::from_spans([Span::new(from, until)]),
        bounces: Coverage::from_spans([Span::new(from, until)]),
        hours: hours.collect(),
        ..History::default()
    }
}

fn day() -> Span {
    Span::new(noon() - DAY, noon())
}

fn bars(histories: &[History], span: Span) -> Vec<VolumeBar> {
    MailByHour::from_histories(histories, span).bars(span, step_for(span), crate::model::Zone::UTC)
}

#[test]
fn an_hour_that_was_not_seen_is_no_zero() {
    let mut history = steady();
    let hole = Span::new(noon() - 5 * HOUR, noon() - 3 * HOUR - HOUR / 2);
    history.messages = history.messages.without(hole);
    history.hours.retain(|hour| !hole.contains(hour.start));
    let bars = bars(&[history], day());
    assert_eq!(bars.len(), 24);
    let sent: Vec<_> = bars[17..]
        .iter()
        .map(|bar| (bar.sent, bar.has_holes))
        .collect();
    let seen = (Some(10), false);
    // Half of the hour after the hole was seen, and nothing sent in it.
    assert_eq!(
        sent,
        [seen, seen, (None, true), (Some(0), true), seen, seen, seen]
    );
}

#[test]
fn time_before_history_is_not_seen() {
    let mut history = steady();
    history.first_seen_at = Some(noon() - 6 * HOUR);
    history.hours.retain(|hour| hour.start >= noon() - 6 * HOUR);
    let bars = bars(&[history], day());
    assert!(bars[..18].iter().all(|bar| bar.sent.is_none()));
    assert!(bars[18..].iter().all(|bar| bar.sent == Some(10)));
    assert!(
        bars.iter().all(|bar| bar.usual.is_none()),
        "nothing to compare with"
    );
}

#[test]
fn what_is_usual_is_learned_from_the_weeks_before_and_not_from_today() {
    let mut history = steady();
    for hour in history.hours.iter_mut().rev().take(24) {
        hour.sent = 500;
    }
    let bars = bars(&[history], day());
    assert!(
        bars.iter().all(|bar| bar.usual == Some((10, 10))),
        "{bars:?}"
    );
    assert!(bars.iter().all(|bar| bar.sent == Some(500)));
}

#[test]
fn streams_are_added_up_and_a_younger_one_sent_nothing_before() {
    let mut young = steady();
    young.first_seen_at = Some(noon() - 3 * HOUR);
    young.hours.retain(|hour| hour.start >= noon() - 3 * HOUR);
    young.messages = Coverage::from_spans([Span::new(noon() - 3 * HOUR, noon())]);
    let sums = bars(&[steady(), young.clone()], day());
    let sent: Vec<_> = sums.iter().map(|bar| bar.sent).collect();
    assert_eq!(sent[20..], [Some(10), Some(20), Some(20), Some(20)]);
    // What was not seen of one is not known of both.
    young.messages = Coverage::none();
    assert_eq!(bars(&[steady(), young], day())[23].sent, None);
}

#[test]
fn bounces_and_deliveries_stand_in_their_hours() {
    let mut history = steady();
    let sent_at = noon() - 2 * HOUR + HOUR / 2;
    let event = |message: &str, recipient: &str| BounceEvent {
        tag: None,
        at: sent_at + HOUR / 4,
        message: message.to_owned(),
        sent_at: Some(sent_at),
        class: BounceClass::Hard,
        recipient: recipient.to_owned(),
    };
    history.bounce_events = vec![event("a", "x@example.com"), event("b", "y@example.com")];
    let sampled = |delivered: bool| SampledMessage {
        sent_at: noon() - 5 * HOUR,
        checked_at: Some(noon()),
        delivered_at: delivered.then(|| noon() - 4 * HOUR),
        ..SampledMessage::default()
    };
    history.sampled = vec![sampled(true), sampled(false)];
    let bars = bars(&[history], day());
    let hour = |index: usize| {
        let bar = &bars[index];
        (bar.delivered, bar.unknown, bar.bounced)
    };
    assert_eq!(hour(22), (0, 8, 2), "two of ten bounced");
    // Delivered an hour late is delivered; half of the sample is lost.
    assert_eq!(hour(19), (5, 0, 0));
    assert!(bars[19].is_estimated, "two of ten were followed");
    // Of mail of which nothing was sampled nobody knows that it was delivered.
    assert_eq!(hour(20), (0, 10, 0));
}

#[test]
fn an_hour_without_a_sample_between_hours_of_which_all_is_lost_was_not_delivered() {
    let mut history = steady();
    let sampled = |hours: u32, delivered: bool| {
        let sent_at = noon() - HOUR * hours + HOUR / 2;
        SampledMessage {
            sent_at,
            checked_at: Some(noon()),
            delivered_at: delivered.then_some(sent_at),
            ..SampledMessage::default()
        }
    };
    history.sampled = vec![
        sampled(18, true),
        sampled(10, false),
        sampled(7, false),
        sampled(5, true),
    ];
    let bars = bars(&[history], day());
    let bars = bars[9..20].iter();
    let known: Vec<(u64, u64)> = bars.map(|bar| (bar.delivered, bar.unknown)).collect();
    // From 9 to 7 hours before: none; 6 hours before: as between both. Of what lies too far apart nothing is known.
    let (unknown, none) = ((0, 10), (0, 0));
    assert_eq!(known[..5], [unknown; 5]);
    assert_eq!(known[5..], [none, none, none, none, (5, 0), (10, 0)]);
}

#[test]
fn what_was_never_sampled_is_not_delivered_and_what_was_is_told_as_the_digest_tells_it() {
    let mut history = steady();
    let caption = |history: &History| {
        let mail = MailByHour::from_histories(std::slice::from_ref(history), day());
        let subject = ChartSubject {
            server: "shop".into(),
            streams: vec!["outbound".into()],
            is_one_stream: true,
        };
        volume_chart(&subject, &mail, &[], day(), crate::model::Zone::UTC)
            .draw()
            .alt_text()
    };
    let never = caption(&history);
    let said = "240 sent · delivery not known yet · 0 bounced";
    assert!(never.contains(said), "{never}");
    let sampled = |hour: u32| SampledMessage {
        sent_at: noon() - DAY + HOUR * hour + HOUR / 4,
        checked_at: Some(noon()),
        delivered_at: Some(noon() - DAY + HOUR * hour + HOUR / 3),
        ..SampledMessage::default()
    };
    history.sampled = (0..24).map(sampled).collect();
    let healthy = caption(&history);
    let said = "240 sent · about 240 delivered (206 to 240) · 0 bounced";
    assert!(healthy.contains(said), "{healthy}");
    history.bounces = Coverage::none();
    let unread = caption(&history);
    let said = "240 sent · about 240 delivered (206 to 240) · bounces not read yet";
    assert!(unread.contains(said), "{unread}");
    assert_eq!(bars(&[history], day())[5].bounced_text(), "?");
}

/// Six weeks of four messages in every hour, at 5, 20, 35 and 50 minutes past, seen up to `until`.
fn every_quarter(until: Timestamp) -> History {
    let from = (until - 42 * DAY).floor(HOUR);
    let of_hour = |start: Timestamp| [5, 20, 35, 50].map(|minute| start + MINUTE * minute);
    let starts = (0..43 * 24).map(|hour| from + HOUR * hour);
    let mut hours = Vec::new();
    let mut sent = Vec::new();
    for start in starts.take_while(|start| *start < until) {
        let times = of_hour(start).into_iter().filter(|at| *at < until);
        let times: Vec<Timestamp> = times.collect();
        hours.push(HourCount {
            start,
            sent: times.len() as u64,
            first_at: times[0],
            last_at: times[times.len() - 1],
        });
        sent.extend(times.into_iter().map(|at| (at, 1)));
    }
    History {
        hours,
        sent: CumulativeCounts::from_counts(sent),
        messages: Coverage::from_spans([Span::new(from, until)]),
        bounces: Coverage::from_spans([Span::new(from, until)]),
        first_seen_at: Some(from),
        ..History::default()
    }
}

/// A digest at 09:00 in India.
#[test]
fn a_day_that_begins_within_an_hour_of_the_clock_is_shown_from_there() {
    let until = at("2026-03-03T03:30:00Z");
    let period = Span::new(until - DAY, until);
    let mail = MailByHour::from_histories(&[every_quarter(until)], period);
    assert_eq!(mail.sent_by_hour(period), vec![Some(4); 24]);
    let bars = mail.bars(
        period,
        step_for(period),
        crate::model::Zone::named("Asia/Kolkata").expect("a zone"),
    );
    assert_eq!(bars.len(), 24);
    assert_eq!(bars[0].span, Span::new(period.from, period.from + HOUR));
    assert_eq!(bars[23].span.until, until);
    assert!(
        bars.iter().all(|bar| bar.sent == Some(4) && !bar.has_holes),
        "{bars:?}"
    );
    // What is usual is known by the hours of the clock.
    assert!(bars.iter().all(|bar| bar.usual == Some((4, 4))), "{bars:?}");
}

#[test]
fn a_long_span_is_shown_by_local_days() {
    let span = Span::new(noon() - 30 * DAY, noon());
    assert_eq!(step_for(span), ChartStep::Day);
    let mail = MailByHour::from_histories(&[steady()], span);
    let bars = mail.bars(
        span,
        ChartStep::Day,
        crate::model::Zone::named("Europe/Berlin").expect("a zone"),
    );
    assert_eq!(bars.len(), 31);
    assert_eq!(bars[1].sent, Some(240));
    assert!(
        bars.windows(2)
            .all(|pair| pair[0].span.until == pair[1].span.from)
    );
    assert_eq!(bars[30].span.until, noon(), "the last day is not over");
}

#[test]
fn the_worst_server_stands_first() {
    let rank = |open, worst, unseen, sent| HeatRank {
        open,
        worst,
        unseen,
        sent,
    };
    let row = |name: &str| HeatRow {
        name: name.to_owned(),
        cells: Vec::new(),
    };
    let rows = vec![
        (row("quiet"), rank(0, 0, 0, 5)),
        (row("busy"), rank(0, 0, 0, 90)),
        (row("unseen"), rank(0, 0, 3, 0)),
        (row("ended"), rank(0, 2, 0, 10)),
        (row("warned"), rank(1, 1, 0, 10)),
        (row("stopped"), rank(2, 2, 0, 0)),
        (row("another"), rank(0, 0, 0, 5)),
    ];
    let map = heat_map(rows, day(), crate::model::Zone::UTC);
    let names: Vec<&str> = map.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "stopped", "warned", "ended", "unseen", "busy", "another", "quiet"
        ]
    );
}

#[test]
fn an_hour_of_a_heat_map_bears_the_worst_incident_that_stood_in_it() {
    let courses = crate::notify::samples::courses();
    let silence = courses
        .iter()
        .find(|course| course.rule == crate::model::Rule::SendSilence)
        .expect("a course");
    let incident = silence.step("opened").incident.clone();
    let of = problem_span(&incident);
    let span = Span::new(
        (of.from - 6 * HOUR).floor(HOUR),
        of.until.ceil(HOUR) + 2 * HOUR,
    );
    let subject = ChartSubject {
        server: incident.server.clone(),
        streams: incident.stream.iter().cloned().collect(),
        is_one_stream: false,
    };
    let incidents = [incident];
    let (row, rank) = heat_row(
        &subject,
        &MailByHour::from_histories(&[steady()], span),
        &incidents,
        span,
    );
    let marked: Vec<bool> = row
        .cells
        .iter()
        .map(|cell| cell.severity.is_some())
        .collect();
    // It stands still: up to the end.
    assert!(!marked[0] && !marked[5] && marked[7..].iter().all(|is_marked| *is_marked));
    assert!(rank.open > 0);
    let other = ChartSubject {
        server: ServerName("other".to_owned()),
        ..subject
    };
    let (row, rank) = heat_row(
        &other,
        &MailByHour::from_histories(&[steady()], span),
        &incidents,
        span,
    );
    assert!(row.cells.iter().all(|cell| cell.severity.is_none()) && rank.open == 0);
}

#[test]
fn a_picture_ends_with_what_was_seen_or_with_now_where_nobody_looks_any_more() {
    let now = noon() + HOUR / 3;
    assert_eq!(shown_until(Some(noon()), now), noon());
    assert_eq!(shown_until(Some(now - HOUR), now), noon() - HOUR);
    assert_eq!(shown_until(Some(now - 5 * HOUR), now), noon());
    assert_eq!(shown_until(None, now), noon());
}

#[test]
fn servers_are_added_up_without_those_that_were_not_seen_at_all() {
    let of = |history: History| MailByHour::from_histories(&[history], day());
    let mut blind = steady();
    blind.messages = Coverage::none();
    let mut partly = steady();
    partly.messages = partly.messages.without(Span::new(noon() - HOUR, noon()));
    let mut all = of(blind.clone());
    for history in [steady(), blind, steady(), partly] {
        all.add_server(&of(history), day());
    }
    let sent = all.sent_by_hour(day());
    assert_eq!(
        sent[22..],
        [Some(30), None],
        "what is not known of one is not known of all"
    );
}

/// A server without any mail ever begins with the first start, today.
#[test]
fn a_younger_server_hides_no_hour_of_the_others() {
    let of = |history: History| MailByHour::from_histories(&[history], day());
    let mut young = steady();
    young.first_seen_at = Some(noon() - 3 * HOUR + HOUR / 2);
    young.hours.clear();
    for servers in [[steady(), young.clone()], [young, steady()]] {
        let [first, second] = servers;
        let mut all = MailByHour::from_histories(&[], day());
        all.add_server(&of(first), day());
        all.add_server(&of(second), day());
        assert_eq!(all.sent_by_hour(day()), vec![Some(10); 24]);
        let bars = all.bars(day(), ChartStep::Hour, crate::model::Zone::UTC);
        assert!(bars.iter().all(|bar| !bar.has_holes), "{bars:?}");
    }
}
