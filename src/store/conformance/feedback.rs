//! What people said of incidents.

use crate::model::{
    Evidence, Feedback, Incident, Judgement, MarkedTime, Rule, SilenceEvidence, Span,
};
use crate::store::Database;

use super::incidents::{incident, keep, resolved};
use super::{T0, at, history, mail, save, span};

fn feedback(judgement: Judgement, seconds: i64) -> Feedback {
    Feedback {
        judgement,
        by: "jane".to_owned(),
        at: at(seconds),
    }
}

fn silence(id: &str, gap: Span) -> Incident {
    Incident {
        evidence: Evidence::Silence(SilenceEvidence {
            last_sent: Some(gap.from),
            gap,
            ended_gaps: Vec::new(),
            expected: 9.0,
            surprise: 9.0,
            threshold: 8.0,
            longest_before: 7.0,
            times_a_year: 0.1,
            false_alarms_per_year: 4.0,
            missing_burst: None,
            streams: Vec::new(),
            not_due: Vec::new(),
            silent: Vec::new(),
        }),
        ..incident(id, Rule::SendSilence, gap.until)
    }
}

pub(super) fn what_is_said_last_of_an_incident_holds(b: &mut Database) {
    let real = feedback(Judgement::Real, 10);
    assert!(!b.save_feedback("a", &real).expect("no such incident"));
    keep(b, &[incident("a", Rule::BounceRate, T0)]);
    assert_eq!(b.feedback("a").expect("read"), None);
    for said in [feedback(Judgement::FalseAlarm, 5), real] {
        assert!(b.save_feedback("a", &said).expect("saved"));
        assert_eq!(b.feedback("a").expect("read"), Some(said));
    }
    let over = resolved(&incident("a", Rule::BounceRate, T0), at(60));
    keep(b, &[over]);
    let known = b.feedback("a").expect("read").map(|f| f.judgement);
    assert_eq!(known, Some(Judgement::Real), "a cycle leaves it alone");
}

pub(super) fn a_gap_is_marked_once_it_is_over(b: &mut Database) {
    save(
        b,
        &[mail("00000000-0000-0000-0000-000000000001", at(0))],
        None,
    );
    let (open, said) = (silence("a", span(0, 7200)), feedback(Judgement::Real, 9000));
    keep(b, std::slice::from_ref(&open));
    b.save_feedback("a", &said).expect("saved");
    let marked = |b: &mut Database| history(b, span(0, 9000), &[]).marked;
    assert_eq!(marked(b), []);
    keep(b, &[resolved(&open, at(9000))]);
    let gap = MarkedTime {
        incident: "a".to_owned(),
        rule: Rule::SendSilence,
        span: span(0, 7200),
        feedback: said,
    };
    assert_eq!(marked(b), [gap]);
}
