//! A stop that ends in time which could not be read.

use super::*;
use crate::model::IncidentState;

fn hole() -> Span {
    Span::new(
        start() + DAY * 64 + HOUR * 12,
        start() + DAY * 72 + HOUR * 6,
    )
}

/// Mail of 75 days, of which none was sent from the 60th to the 73rd, without what could not be read.
fn stopped(unread: Span) -> History {
    let mut sent = office(75, |_| 30);
    let stop = days(60, 73);
    sent.retain(|at| !stop.contains(*at));
    let mut past = history(&sent, start() + 75 * DAY);
    past.messages = past.messages.without(unread);
    past.bounces = past.bounces.without(unread);
    past
}

#[test]
fn a_stop_that_ends_unread_says_what_was_not_read() {
    let polls = days(58, 75);
    let hole = hole();
    for is_read in [false, true] {
        let past = match is_read {
            true => stopped(Span::new(hole.from, hole.from)),
            false => stopped(hole),
        };
        let server = ServerPast {
            server: "shop".into(),
            policy: Policy::new(false, Rules::default()),
            histories: [("outbound".into(), past)].into(),
            sampled: BTreeMap::new(),
        };
        let mut replay = Replay::new(vec![server], Policy::new(false, Rules::default()), 1);
        let hours = (0..17 * 24).map(|hour| polls.from + HOUR * hour);
        let steps: Vec<Transition> = hours.flat_map(|at| replay.poll(at)).collect();
        let shown: Vec<_> = steps.iter().map(|t| (t.at, t.step)).collect();
        let end = steps.last().expect("resolved");
        assert_eq!(end.step, Step::Resolved, "{shown:?}");
        assert_eq!(end.incident.unread, (!is_read).then_some(hole), "{shown:?}");
    }
}

/// Returns what is left unread of a stop that ended with [`hole`] in it, and since when it is over, once this is known.
fn known_later(later: History) -> (Option<Span>, Option<Timestamp>) {
    let at = start() + 74 * DAY;
    let evidence = Evidence::Silence(crate::model::SilenceEvidence {
        last_sent: Some(start() + 60 * DAY - 6 * HOUR),
        gap: Span::new(start() + 60 * DAY - 6 * HOUR, start() + 73 * DAY),
        ended_gaps: Vec::new(),
        expected: 300.0,
        surprise: 20.0,
        threshold: 8.0,
        longest_before: 2.0,
        times_a_year: 0.0,
        false_alarms_per_year: 4.0,
        missing_burst: None,
        streams: Vec::new(),
        not_due: Vec::new(),
        silent: Vec::new(),
    });
    let opened_at = start() + 60 * DAY + 9 * HOUR;
    let incident = Incident {
        stream: Some("outbound".into()),
        state: IncidentState::Resolved {
            at: start() + 73 * DAY + 9 * HOUR,
            unwatched: false,
            disabled: false,
        },
        judged_at: start() + 73 * DAY + 9 * HOUR,
        recovered_at: Some(start() + 73 * DAY + 9 * HOUR),
        worst: Some(evidence.clone()),
        unread: Some(hole()),
        ..Incident::opened(
            "ektn6n35".to_owned(),
            "shop".into(),
            Rule::SendSilence,
            crate::model::Severity::Wake,
            opened_at,
            evidence,
        )
    };
    let mut log = IncidentLog::new("shop".into(), [incident]);
    let histories = BTreeMap::from([("outbound".into(), later)]);
    let mut evaluator = Evaluator::new(Policy::new(false, Rules::default()), 1);
    let together = Together::default();
    evaluator.evaluate_at(&mut log, &histories, &together, at);
    let mut incidents = log.incidents();
    let known = incidents.find(|i| i.id == "ektn6n35").expect("it is known");
    (known.unread, known.recovered_at)
}

#[test]
fn what_a_later_poll_reads_of_a_stop_is_not_called_unread_any_more() {
    let over = Some(start() + 73 * DAY + 9 * HOUR);
    let hole = hole();
    assert_eq!(known_later(stopped(hole)), (Some(hole), over));
    let rest = Span::new(hole.from + 2 * DAY, hole.from + 3 * DAY);
    assert_eq!(known_later(stopped(rest)), (Some(rest), over));
    let nothing = Span::new(hole.from, hole.from);
    assert_eq!(known_later(stopped(nothing)), (None, over));
}

#[test]
fn mail_that_is_found_in_the_unread_time_of_a_stop_ends_it() {
    let mut past = stopped(Span::new(hole().from, hole().from));
    let found = start() + 65 * DAY + 10 * HOUR;
    let next = past.hours.partition_point(|hour| hour.start < found);
    let hour = HourCount {
        start: found,
        sent: 2,
        first_at: found + Duration::from_secs(90),
        last_at: found + HOUR / 2,
    };
    past.hours.insert(next, hour);
    assert_eq!(known_later(past), (None, Some(hour.first_at)));
}
