//! The courses of the rules on mail that is not sent.

use crate::model::{
    DropEvidence, Evidence, IncidentState, MissingBurst, NewLevel, Rule, ServerName, Severity,
    SilenceEvidence, Span, StreamKey, Timestamp,
};
use crate::notify::samples::incidents::{Course, Plan};
use crate::notify::samples::march;

fn silence(last: Timestamp, until: Timestamp, expected: f64, surprise: f64) -> Evidence {
    Evidence::Silence(SilenceEvidence {
        last_sent: Some(last),
        gap: Span::new(last, until),
        ended_gaps: Vec::new(),
        expected,
        surprise,
        threshold: 13.8,
        longest_before: 11.5,
        times_a_year: 0.024,
        false_alarms_per_year: 4.0,
        missing_burst: None,
        streams: Vec::new(),
        not_due: Vec::new(),
        silent: Vec::new(),
    })
}

/// The same of several streams, each with its server.
fn of_streams(evidence: &Evidence, streams: &[(&str, &str)]) -> Evidence {
    let key =
        |(server, stream): &(&str, &str)| StreamKey::new(&(*server).into(), &(*stream).into());
    match evidence {
        Evidence::Silence(silence) => Evidence::Silence(SilenceEvidence {
            streams: streams.iter().map(key).collect(),
            ..silence.clone()
        }),
        Evidence::Drop(drop) => Evidence::Drop(DropEvidence {
            streams: streams.iter().map(key).collect(),
            ..drop.clone()
        }),
        other => other.clone(),
    }
}

pub(super) fn send_silence() -> Course {
    let last = march(4, 9, 57);
    let tag = "password-reset";
    Plan {
        rule: Rule::SendSilence,
        about: "Nothing was sent where the stream's own history expects mail.",
        id: "ektn6n35",
        stream: Some("outbound"),
        severity: Severity::Warn,
        opened_at: march(4, 11, 0),
        escalated: Some((1, silence(last, march(4, 12, 0), 118.0, 28.1))),
        evidence: [
            silence(last, march(4, 11, 0), 59.3, 15.2),
            silence(last, march(5, 11, 0), 1423.0, 38.3),
            Evidence::Silence(SilenceEvidence {
                last_sent: Some(march(5, 16, 58)),
                gap: Span::new(march(5, 16, 58), march(5, 17, 0)),
                ended_gaps: Vec::new(),
                expected: 1.8,
                surprise: 0.1,
                threshold: 13.8,
                longest_before: 11.5,
                times_a_year: 500.0,
                false_alarms_per_year: 4.0,
                missing_burst: None,
                streams: Vec::new(),
                not_due: Vec::new(),
                silent: Vec::new(),
            }),
        ],
        over_at: [march(5, 17, 0), march(5, 17, 0)],
    }
    .course()
    .variant(
        "of one tag",
        "Sent when one kind of mail stops while the rest of the stream flows.",
        move |i| i.tag = Some(tag.into()),
    )
    .variant(
        "of a burst",
        "Sent when a newsletter or a nightly run does not come, in a stream that has no other mail.",
        |i| {
            let evidence = silence(march(3, 10, 24), march(10, 22, 0), 812.0, 1.0);
            i.evidence = with_burst(evidence, march(3, 10, 2), march(10, 10, 2));
            (i.opened_at, i.judged_at) = (march(10, 22, 0), march(10, 22, 0));
        },
    )
    .variant(
        "of several streams of a server",
        "Sent when the streams of a server stop together, which their joint mail shows before each of them does.",
        |i| {
            i.stream = None;
            i.evidence = of_streams(&i.evidence, &["outbound", "receipts", "alerts"].map(|s| ("shop", s)));
        },
    )
    .variant(
        "of several servers",
        "Sent when the servers of an installation stop together.",
        |i| {
            i.stream = None;
            i.server = ServerName::ALL_SERVERS.into();
            let servers = ["app1", "app2", "app3", "app4", "app5", "app6", "app7"];
            i.evidence = of_streams(&i.evidence, &servers.map(|s| (s, "outbound")));
        },
    )
    .variant(
        "some mail since",
        "Sent when the incident is reported late and some mail has gone out meanwhile.",
        |i| i.judged_at = march(4, 12, 0),
    )
    .variant(
        "ended unread",
        "Sent when mail flows again after a time that could not be read, in which it may have come back before.",
        |i| {
            let stop = silence(march(4, 9, 57), march(18, 10, 0), 19_740.0, 402.0);
            (i.evidence, i.worst) = (silence(march(31, 8, 58), march(31, 9, 0), 1.8, 0.1), Some(stop));
            i.unread = Some(Span::new(march(18, 10, 0), march(31, 8, 0)));
            i.judged_at = march(31, 9, 0);
            i.state = IncidentState::Resolved {
                at: march(31, 9, 0),
                unwatched: false,
                disabled: false,
            };
        },
    )
    .variant(
        "no longer watched",
        "Sent when a tag or stream with an open incident is no longer in use.",
        move |i| {
            i.tag = Some(tag.into());
            i.judged_at = march(31, 11, 0);
            i.state = IncidentState::Resolved {
                at: march(31, 11, 0),
                unwatched: true,
                disabled: false,
            };
        },
    )
}

pub(super) fn send_drop() -> Course {
    let drop = |window, sent, expected| {
        Evidence::Drop(DropEvidence {
            window,
            sent,
            expected,
            evidence: 21.4,
            limit: 14.2,
            times_a_year: 0.3,
            false_alarms_per_year: 4.0,
            low_until: None,
            missing_burst: None,
            settled: None,
            streams: Vec::new(),
        })
    };
    Plan {
        rule: Rule::SendDrop,
        about: "Far less is sent than the stream's own history expects.",
        id: "r5vd0y2k",
        stream: Some("outbound"),
        severity: Severity::Warn,
        opened_at: march(4, 11, 0),
        escalated: None,
        evidence: [
            drop(Span::new(march(4, 6, 0), march(4, 11, 0)), 38, 301.0),
            drop(Span::new(march(4, 6, 0), march(5, 11, 0)), 124, 1560.4),
            drop(Span::new(march(5, 16, 0), march(5, 18, 0)), 118, 121.7),
        ],
        over_at: [march(5, 18, 0), march(5, 18, 0)],
    }
    .course()
    .variant(
        "of a burst",
        "Sent when a newsletter or a monthly run does not come, and other mail of the stream goes out.",
        move |i| {
            let window = Span::new(march(3, 10, 24), march(10, 22, 0));
            i.evidence = with_burst(drop(window, 64, 876.0), march(3, 10, 2), march(10, 10, 2));
            (i.opened_at, i.judged_at) = (march(10, 22, 0), march(10, 22, 0));
        },
    )
    .variant(
        "of several servers",
        "Sent when the volume of several servers falls at the same time, which their joint mail shows before that of each does.",
        |i| {
            i.stream = None;
            i.server = ServerName::ALL_SERVERS.into();
            let servers = ["app1", "app2", "app3", "app4", "app5", "app6", "app7"];
            i.evidence = of_streams(&i.evidence, &servers.map(|s| (s, "outbound")));
        },
    )
    .variant(
        "of a lasting level",
        "Sent when the volume has stayed at a lower level for a week, which is normal from then on.",
        move |i| {
            let window = Span::new(march(4, 0, 0), march(11, 1, 0));
            i.evidence = drop(window, 2204, 6712.0);
            if let Evidence::Drop(drop) = &mut i.evidence {
                drop.settled = Some(NewLevel {
                    since: march(4, 0, 0),
                    per_day: 314.9,
                    per_day_before: 958.9,
                });
            }
            i.judged_at = march(11, 1, 0);
            i.state = IncidentState::Resolved {
                at: march(11, 1, 0),
                unwatched: false,
                disabled: false,
            };
        },
    )
}

/// The same evidence, resting on a burst of 812 messages that did not come.
fn with_burst(mut evidence: Evidence, last_at: Timestamp, due_at: Timestamp) -> Evidence {
    let burst = Some(MissingBurst {
        usual: 812,
        last_at,
        due_at,
    });
    match &mut evidence {
        Evidence::Silence(silence) => silence.missing_burst = burst,
        Evidence::Drop(drop) => drop.missing_burst = burst,
        _ => {}
    }
    evidence
}
