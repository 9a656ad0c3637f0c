//! What is said of an incident that a person closed: by whom and as what, how it was then, and when it opens again. That it ended is
//! not known, so nothing is said of when.

use crate::model::{
    DAY, Evidence, Incident, IncidentState, Judgement, Rule, STAYS_CLOSED, Severity, Timestamp,
};
use crate::notify::alert::Style;
use crate::notify::context::worst_phrase;
use crate::notify::describe::{describe_worst, other_server};
use crate::notify::phrase::problem_name;
use crate::notify::problem_span::since_when;
use crate::text::format::{format_duration, short_time};
use crate::text::sanitize::clean;

/// Returns by whom an incident was closed, and as what: `closed as real by Amy`; `None` of one that ended otherwise.
pub(crate) fn closed_phrase(incident: &Incident) -> Option<String> {
    let person = clean(incident.closed_by.as_ref()?);
    Some(match incident.closed_as {
        Some(Judgement::Real) => format!("closed as real by {person}"),
        Some(Judgement::FalseAlarm) => format!("closed as a false alarm by {person}"),
        None => format!("closed by {person}"),
    })
}

/// Returns the end of an incident that a person closed: `no mail sent, closed as real by Amy`; `None` of one that ended otherwise.
pub(super) fn closed_headline(incident: &Incident) -> Option<String> {
    let closed = closed_phrase(incident)?;
    Some(match (&incident.evidence, &incident.closed_by) {
        (Evidence::ServerChange(change), Some(person)) => {
            format!("{} was accepted by {}", other_server(change), clean(person))
        }
        // Where some came, though too little, it is not.
        (Evidence::Silence(silence), _)
            if incident.closed_and_may_go_on().is_some()
                && silence
                    .last_sent
                    .is_none_or(|sent| sent <= incident.opened_at) =>
        {
            format!("{closed}, mail is still stopped")
        }
        _ => format!("{}, {closed}", problem_name(incident.rule)),
    })
}

/// Returns since when it stood, by whom it was closed, and when, as it reads at `at`; `None` of one that ended otherwise.
pub(crate) fn closed_course(incident: &Incident, at: Timestamp, style: Style) -> Option<String> {
    let closed = closed_phrase(incident)?;
    let closed_at = match incident.state {
        IncidentState::Resolved { at, .. } => at,
        IncidentState::Open { .. } => incident.judged_at,
    };
    let since = since_when(incident, |instant| short_time(instant, at, style.zone));
    let when = short_time(closed_at, at, style.zone);
    Some(format!("since {since}, {closed} {when}"))
}

/// Returns how it was until a person closed it, and what follows from that.
pub(super) fn closed_lines(incident: &Incident, at: Timestamp, style: Style) -> Vec<String> {
    if let Evidence::ServerChange(change) = &incident.evidence {
        return vec![format!(
            "Its history begins now; that of server {} is kept, and goes on if its token comes back.",
            change.former
        )];
    }
    let since = since_when(incident, |instant| short_time(instant, at, style.zone));
    let how = worst_phrase(incident).unwrap_or_else(|| describe_worst(incident, at, style));
    let follows = match &incident.evidence {
        Evidence::DnsDrift(_) if incident.closed_as != Some(Judgement::Real) => {
            "What the DNS says now counts as good from now on.".to_owned()
        }
        _ => format!("{}.", reopening(incident)),
    };
    vec![format!("Until then, since {since}: {how}."), follows]
}

/// Returns what a person closed that may go on, as it reads at `now`: `no mail sent since 08:58, closed as real by Amy 13:05; if it
/// goes on, it opens again Mon 23 Nov 13:05`. `None` of one that ended otherwise.
pub(crate) fn closed_standing(incident: &Incident, now: Timestamp, style: Style) -> Option<String> {
    let since = since_when(incident, |at| short_time(at, now, style.zone));
    let closed = closed_until(incident, now, style)?;
    Some(format!(
        "{} since {since}, {closed}",
        problem_name(incident.rule)
    ))
}

/// Returns the same of a stop, of a stream whose last mail was sent at `last_sent`: `mail has stopped, closed as real by Amy 13:05; …`.
pub(crate) fn closed_stop(
    incident: &Incident,
    last_sent: Option<Timestamp>,
    now: Timestamp,
    style: Style,
) -> Option<String> {
    let closed_at = incident.closed_and_may_go_on()?;
    let closed = closed_until(incident, now, style)?;
    Some(match last_sent {
        // Some mail came, and too little: it stays closed nevertheless.
        Some(sent) if sent > closed_at => format!("its stop was {closed}"),
        _ => format!("mail has stopped, {closed}"),
    })
}

/// Returns by whom it was closed, when, and when it opens again: `closed as real by Amy 13:05; if it goes on, it opens again …`.
fn closed_until(incident: &Incident, now: Timestamp, style: Style) -> Option<String> {
    let closed_at = incident.closed_and_may_go_on()?;
    let closed = closed_phrase(incident)?;
    let when = short_time(closed_at, now, style.zone);
    if becomes_usual(incident) {
        return Some(format!("{closed} {when}; its rate counts as usual"));
    }
    let again = match closed_at + STAYS_CLOSED {
        again if again > now => short_time(again, now, style.zone),
        _ => "with the next poll that reads it".to_owned(),
    };
    let again = opens_again(incident, &again);
    Some(format!("{closed} {when}; if it goes on, it {again}"))
}

/// Returns whether it is a rate of days that a person called a false alarm: at that rate it does not open again.
fn becomes_usual(incident: &Incident) -> bool {
    let is_of_days = matches!(&incident.evidence, Evidence::Rate(rate) if rate.lasting.is_some());
    let is_false = incident.closed_as == Some(Judgement::FalseAlarm);
    is_false && is_of_days && incident.marked_span().is_some()
}

/// Returns when an incident that a person closes opens again, without a full stop: after a day, or once it is twice as bad.
pub(crate) fn reopening(incident: &Incident) -> String {
    if becomes_usual(incident) {
        return "Its rate counts as usual from now on".to_owned();
    }
    if let Evidence::Events { .. } = &incident.evidence {
        let event = match incident.rule {
            Rule::SpamComplaintExternal => "complaint",
            _ => "bounce",
        };
        return format!("The next {event} is a new incident");
    }
    format!("If it goes on, it {}", opens_again(incident, "in 24 h"))
}

/// Returns the same of what is no single event, with the end of the day named as `when`: `opens again in 24 h, or once …`.
fn opens_again(incident: &Incident, when: &str) -> String {
    let twice = match &incident.evidence {
        // Twice as long is later than the day, or no sooner.
        Evidence::Silence(silence) if silence.gap.length() >= DAY => None,
        Evidence::Silence(silence) => {
            let doubled = format_duration(silence.gap.length() * 2);
            Some(format!("once no mail was sent for {doubled}"))
        }
        evidence => doubling(evidence, incident.rule).map(|what| format!("once {what}")),
    };
    let may_wake = incident.severity == Severity::Warn
        && (incident.rule == Rule::Blind
            || matches!(
                incident.rule.problem(),
                Rule::SendSilence | Rule::DeliverySilence
            ));
    let wakes = may_wake.then(|| "as soon as it is a wake".to_owned());
    let sooner: Vec<String> = twice.into_iter().chain(wakes).collect();
    match sooner.as_slice() {
        [] => format!("opens again {when}"),
        sooner => format!("opens again {when}, or {}", sooner.join(", or ")),
    }
}

/// Returns what there must be twice of for a closed incident to open sooner; `None` of what has no measure.
const fn doubling(evidence: &Evidence, rule: Rule) -> Option<&'static str> {
    Some(match evidence {
        Evidence::Rate(_) => match rule {
            Rule::SpamRate => "there are twice as many complaints",
            _ => "twice as many bounce",
        },
        Evidence::Drop(_) => "twice as much mail is missing",
        Evidence::Delivery(_) | Evidence::DeliveryDrop(_) => {
            "twice as many sampled messages are not delivered"
        }
        Evidence::Suppressed { .. } => "Postmark sends to no more of twice as many addresses",
        Evidence::SmtpErrors(_) => "Postmark has refused twice as many messages",
        Evidence::DomainBlocks(_) => "twice as many recipients are blocked",
        Evidence::DnsDrift(_) => "twice as many records are broken",
        // A stop names the time itself.
        Evidence::Silence(_)
        | Evidence::Events { .. }
        | Evidence::Blind(_)
        | Evidence::ServerChange(_)
        | Evidence::Canary(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HOUR, LastingExcess, Span, Step, Transition};
    use crate::notify::live::live_message;
    use crate::notify::samples::course_of;

    const STYLE: Style = Style {
        zone: crate::model::Zone::UTC,
        mask: true,
    };

    /// The incident of a rule as it was when it had opened, closed ten minutes later.
    fn closed(rule: Rule) -> Incident {
        let opened = course_of(rule).step("opened").incident.clone();
        Incident {
            state: IncidentState::Resolved {
                at: opened.judged_at + HOUR / 6,
                unwatched: false,
                disabled: false,
            },
            closed_by: Some("ops".to_owned()),
            closed_as: Some(Judgement::Real),
            ..opened
        }
    }

    /// A stop of so long that was closed.
    fn closed_stop(hours: u32) -> Incident {
        let mut stop = closed(Rule::SendSilence);
        let until = stop.judged_at;
        for evidence in [Some(&mut stop.evidence), stop.worst.as_mut()] {
            if let Some(Evidence::Silence(silence)) = evidence {
                silence.gap = Span::new(until - HOUR * hours, until);
            }
        }
        stop
    }

    #[test]
    fn the_message_of_what_a_person_closed_still_says_what_it_was() {
        let stop = closed_stop(4);
        let course = course_of(Rule::SendSilence);
        let opened = course.step("opened");
        let shown = Transition {
            at: stop.judged_at + HOUR / 6,
            incident: stop,
            step: Step::Resolved,
            ..opened.clone()
        };
        let text = live_message(&[opened, &shown], &shown, STYLE).to_text();
        let headline = "☑ CLOSED shop/outbound: closed as real by ops, mail is still stopped\n";
        assert!(text.starts_with(headline), "{text}");
        assert!(text.contains(": no mail sent for 4 h.\n"), "{text}");
        let again =
            "opens again in 24 h, or once no mail was sent for 8 h, or as soon as it is a wake.";
        assert!(text.contains(again), "{text}");
    }

    #[test]
    fn a_stop_that_a_person_closed_after_some_mail_came_is_not_said_to_go_on() {
        let mut stop = closed_stop(4);
        if let Evidence::Silence(silence) = &mut stop.evidence {
            silence.last_sent = Some(stop.opened_at + HOUR / 12);
        }
        let headline = closed_headline(&stop);
        assert_eq!(
            headline.as_deref(),
            Some("no mail sent, closed as real by ops")
        );
    }

    #[test]
    fn the_course_of_what_a_person_closed_ends_with_closed() {
        let course = course_of(Rule::SendSilence);
        let (opened, escalated) = (course.step("opened"), course.step("escalated"));
        let shown = Transition {
            at: escalated.at + HOUR,
            incident: Incident {
                closed_by: Some("ops".to_owned()),
                state: IncidentState::Resolved {
                    at: escalated.at + HOUR,
                    unwatched: false,
                    disabled: false,
                },
                ..escalated.incident.clone()
            },
            step: Step::Resolved,
            notified: true,
        };
        let text = live_message(&[opened, escalated, &shown], &shown, STYLE).to_text();
        let said = "Course: opened 11:00, worse 12:00, closed 13:00.";
        assert!(text.contains(said), "{text}");
    }

    #[test]
    fn no_doubling_is_named_that_comes_after_the_day_anyway() {
        let mut long = closed_stop(24);
        long.severity = Severity::Wake;
        let said = "If it goes on, it opens again in 24 h";
        assert_eq!(reopening(&long), said);
    }

    #[test]
    fn an_incident_of_each_rule_says_what_opens_it_again() {
        let said = |rule| reopening(&closed(rule));
        assert!(said(Rule::BounceRate).ends_with("in 24 h, or once twice as many bounce"));
        assert!(said(Rule::SpamRate).ends_with("or once there are twice as many complaints"));
        assert_eq!(
            said(Rule::SpamComplaintExternal),
            "The next complaint is a new incident"
        );
        assert!(said(Rule::Blind).ends_with("in 24 h, or as soon as it is a wake"));
    }

    #[test]
    fn of_a_rate_of_days_that_was_a_false_alarm_no_return_is_promised() {
        let mut rate = closed(Rule::BounceRate);
        rate.closed_as = Some(Judgement::FalseAlarm);
        rate.problem = Some(Span::before(rate.judged_at, 3 * DAY));
        assert!(reopening(&rate).starts_with("If it goes on, it opens again in 24 h"));
        if let Evidence::Rate(of) = &mut rate.evidence {
            of.lasting = Some(LastingExcess {
                evidence: 6.0,
                limit: 5.0,
                usual_at_most: 0.004,
            });
        }
        assert_eq!(reopening(&rate), "Its rate counts as usual from now on");
        let standing = closed_standing(&rate, rate.judged_at + HOUR, STYLE).expect("it may go on");
        assert!(
            standing.ends_with("; its rate counts as usual"),
            "{standing}"
        );
    }

    #[test]
    fn what_a_person_closed_and_may_go_on_says_when_it_opens_again() {
        let stop = closed_stop(4);
        let IncidentState::Resolved { at: closed_at, .. } = stop.state else {
            panic!("it is closed");
        };
        let now = closed_at + HOUR;
        let standing = closed_standing(&stop, now, STYLE).expect("it may go on");
        assert!(standing.starts_with("no mail sent since "), "{standing}");
        let said = ", closed as real by ops 11:10; if it goes on, it opens again ";
        assert!(standing.contains(said), "{standing}");
        let sooner = " 11:10, or once no mail was sent for 8 h, or as soon as it is a wake";
        assert!(standing.ends_with(sooner), "{standing}");
        let of = |sent| super::closed_stop(&stop, Some(sent), now, STYLE).expect("it may go on");
        let stopped = of(closed_at - HOUR);
        assert!(
            stopped.starts_with("mail has stopped, closed as real by ops "),
            "{stopped}"
        );
        let some_mail = of(closed_at + HOUR / 2);
        assert!(
            some_mail.starts_with("its stop was closed as real by ops "),
            "{some_mail}"
        );
        let over = Incident {
            recovered_at: Some(now),
            ..stop
        };
        assert_eq!(closed_standing(&over, now, STYLE), None);
    }

    #[test]
    fn the_course_of_what_a_person_closed_names_no_end() {
        let stop = closed_stop(4);
        let course = closed_course(&stop, stop.judged_at + HOUR / 6, STYLE).expect("closed");
        assert!(course.contains(", closed as real by ops "), "{course}");
        assert!(course.starts_with("since "), "{course}");
        let open = course_of(Rule::SendSilence).step("opened").incident.clone();
        assert_eq!(closed_course(&open, open.judged_at, STYLE), None);
    }
}
