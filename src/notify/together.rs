//! Which of several streams stopped or fell together, and of which nobody knows yet.

use crate::model::{Incident, SilenceEvidence, StreamKey, Subject};
use crate::text::elide::elide;

/// The maximum number of streams that a line names.
const MAX_STREAMS: usize = 5;

/// The maximum number of streams that a first line names.
const MAX_IN_HEADLINE: usize = 3;

/// Returns `, but not yet on news, alerts` of streams that stopped with others and send nothing though these do; else nothing.
pub(super) fn describe_silent(incident: &Incident, silence: &SilenceEvidence) -> String {
    if silence.silent.is_empty() {
        return String::new();
    }
    let names = silence.silent.iter().map(|stream| name(incident, stream));
    format!(", but not yet on {}", elide(names, MAX_IN_HEADLINE))
}

/// Returns a stream as it is called in a message about that incident.
fn name(incident: &Incident, stream: &StreamKey) -> String {
    match incident.subject() {
        Subject::AllServers => stream.to_string(),
        _ => stream.stream().to_string(),
    }
}

/// Returns which streams stopped together, and of which that is not known yet; `None` where it is one alone.
pub(super) fn describe_together(incident: &Incident, silence: &SilenceEvidence) -> Option<String> {
    let name = |stream: &StreamKey| name(incident, stream);
    let is_due = |stream: &&StreamKey| !silence.not_due.contains(*stream);
    let (late, early): (Vec<&StreamKey>, Vec<&StreamKey>) =
        silence.streams.iter().partition(is_due);
    let list = |of: &[&StreamKey]| elide(of.iter().map(|stream| name(stream)), MAX_STREAMS);
    Some(match (late.as_slice(), early.as_slice()) {
        ([], []) => return None,
        (late, []) => format!("They stopped together: {}.", list(late)),
        ([], early) => format!(
            "Together they are late, though none of them alone: {}.",
            list(early)
        ),
        ([one], early) => format!("{} stopped; not due yet: {}.", name(one), list(early)),
        (late, early) => format!(
            "They stopped together: {}. Not due yet: {}.",
            list(late),
            list(early)
        ),
    })
}

/// Returns whose volume fell together; `None` where it is one alone.
pub(super) fn describe_fallen(incident: &Incident, streams: &[StreamKey]) -> Option<String> {
    let names = streams.iter().map(|stream| name(incident, stream));
    (!streams.is_empty()).then(|| format!("They fell together: {}.", elide(names, MAX_STREAMS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Evidence, Rule};
    use crate::notify::alert::{Style, alert};
    use crate::notify::samples::course_of;

    #[test]
    fn it_is_not_said_of_a_stream_that_it_stopped_before_its_next_mail_is_due() {
        let course = course_of(Rule::SendSilence);
        let incident = &course.step("of several streams of a server").incident;
        let Evidence::Silence(silence) = &incident.evidence else {
            panic!("{:?}", incident.evidence);
        };
        let described = |early: &[&str]| {
            let is_early = |stream: &&StreamKey| early.contains(&stream.stream().0.as_str());
            let silence = SilenceEvidence {
                not_due: silence.streams.iter().filter(is_early).cloned().collect(),
                ..silence.clone()
            };
            describe_together(incident, &silence).expect("several")
        };
        assert_eq!(
            described(&[]),
            "They stopped together: outbound, receipts, alerts."
        );
        assert_eq!(
            described(&["alerts"]),
            "They stopped together: outbound, receipts. Not due yet: alerts."
        );
        assert_eq!(
            described(&["alerts", "receipts"]),
            "outbound stopped; not due yet: receipts, alerts."
        );
        assert_eq!(
            described(&["alerts", "receipts", "outbound"]),
            "Together they are late, though none of them alone: outbound, receipts, alerts."
        );
        let opened = &course.step("opened").incident;
        let Evidence::Silence(alone) = &opened.evidence else {
            panic!("{:?}", opened.evidence);
        };
        assert_eq!(describe_together(opened, alone), None);
    }

    #[test]
    fn of_a_stream_that_stays_silent_it_is_not_said_that_it_sends_again() {
        let mut step = course_of(Rule::SendSilence).step("resolved").clone();
        step.incident.stream = None;
        let Evidence::Silence(silence) = &mut step.incident.evidence else {
            panic!("{:?}", step.incident.evidence);
        };
        let key = |stream: &str| StreamKey::new(&"shop".into(), &stream.into());
        silence.streams = ["fast", "mid", "slow"].map(key).into();
        silence.silent = ["mid", "slow"].map(key).into();
        let style = Style {
            zone: crate::model::Zone::UTC,
            mask: true,
        };
        assert_eq!(
            alert(&step, style).headline(),
            "shop: mail is being sent again, but not yet on mid, slow"
        );
    }

    #[test]
    fn only_of_those_that_are_due_it_is_said_that_they_have_stopped() {
        let course = course_of(Rule::SendSilence);
        let step = course.step("of several streams of a server");
        let mut incident = step.incident.clone();
        let Evidence::Silence(silence) = &mut incident.evidence else {
            panic!("{:?}", incident.evidence);
        };
        silence.not_due = vec![StreamKey::new(&"shop".into(), &"alerts".into())];
        let says = |stream: &str| incident.says_stopped("shop", &stream.into());
        assert!(says("outbound") && says("receipts") && !says("alerts") && !says("other"));
        assert!(
            incident.is_stop_of("shop", &"alerts".into()),
            "it is a part of it"
        );
    }
}
