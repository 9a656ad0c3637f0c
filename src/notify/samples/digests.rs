//! Days, from a quiet one to a bad one.

use crate::model::{
    BounceClass, DAY, Evidence, HOUR, Incident, IncidentState, MissingStreams, Rule, SameServer,
    SampleOutcome, SilenceEvidence, Span, Timestamp, Transition, UsualDelivery,
};
use crate::notify::digest::{Day, ServerDay, StreamDay, digest};
use crate::notify::samples::{Chapter, STYLE, Sample, copies, course_of, march, mutes};

/// The period of most digests: it ends on Tuesday, 3 March, at 09:00.
fn period() -> Span {
    Span::before(march(3, 9, 0), DAY)
}

/// A digest: a title, when it reads so, its data and its period.
type Case = (&'static str, &'static str, Day, Span);

pub(super) fn stream(name: &str, sent: u64, classes: &[(BounceClass, u64)]) -> StreamDay {
    let of = |counts: fn(BounceClass) -> bool| {
        let counted = classes.iter().filter(|(class, _)| counts(*class));
        counted.map(|(_, n)| n).sum::<u64>()
    };
    let bounced = of(BounceClass::counts);
    StreamDay {
        stream: Some(name.into()),
        sent,
        sent_week_before: Some(sent + 32),
        delivered: Some(sent - bounced),
        delivered_exact: true,
        classes: classes.iter().filter(|(_, n)| *n > 0).copied().collect(),
        bounced,
        bounce_rate: bounced as f64 / sent.max(1) as f64,
        unnoticed: Some(HOUR),
        ..StreamDay::default()
    }
}

fn server(name: &str, streams: Vec<StreamDay>) -> ServerDay {
    ServerDay {
        name: name.to_owned(),
        streams,
        ..ServerDay::default()
    }
}

fn shop() -> ServerDay {
    let bounces = [(BounceClass::Hard, 3), (BounceClass::Soft, 2)];
    let never = StreamDay {
        stream: Some("broadcast".into()),
        ..StreamDay::default()
    };
    server("shop", vec![stream("outbound", 776, &bounces), never])
}

/// The hours of a day with 776 messages.
const HOURS: [u64; 24] = [
    50, 66, 72, 70, 61, 64, 63, 58, 51, 40, 31, 26, 22, 17, 11, 8, 4, 3, 2, 3, 6, 11, 15, 22,
];

fn hours_seen(is_seen: impl Fn(usize) -> bool) -> Vec<Option<u64>> {
    let hours = HOURS.iter().enumerate();
    hours
        .map(|(hour, sent)| is_seen(hour).then_some(*sent))
        .collect()
}

fn quiet() -> Day {
    Day {
        servers: vec![shop()],
        hours: HOURS.map(Some).to_vec(),
        ..Day::default()
    }
}

fn steps_of(rule: Rule, steps: &[&str], shift: Timestamp) -> Vec<Transition> {
    let course = course_of(rule);
    let moved = |t: &Transition| {
        let by = t.incident.opened_at.since(shift);
        let mut moved = t.clone();
        moved.at = moved.at - by;
        moved.incident.opened_at = shift;
        moved.incident.judged_at = moved.incident.judged_at - by;
        if let IncidentState::Resolved { at, .. } = &mut moved.incident.state {
            *at = *at - by;
        }
        moved.incident.recovered_at = moved.incident.recovered_at.map(|at| at - by);
        if let Some(Evidence::Silence(SilenceEvidence { gap, .. })) = &mut moved.incident.worst {
            *gap = Span::new(gap.from - by, gap.until - by);
        }
        moved
    };
    steps.iter().map(|s| moved(course.step(s))).collect()
}

fn open(rule: Rule) -> Incident {
    let mut steps = steps_of(rule, &["opened"], march(3, 8, 0));
    steps.remove(0).incident
}

/// Each form of the digest: a title, when it is sent so, and the day.
fn days() -> Vec<Case> {
    let mut all = one_server();
    all.extend(several_servers());
    all
}

fn one_server() -> Vec<Case> {
    let resolved = Day {
        transitions: steps_of(Rule::BounceRate, &["opened", "resolved"], march(2, 10, 0)),
        servers: vec![server(
            "shop",
            vec![stream("outbound", 776, &[(BounceClass::Hard, 22)])],
        )],
        ..quiet()
    };
    let opened = Day {
        open: vec![open(Rule::DeliverySilence), open(Rule::BounceRate)],
        transitions: [
            steps_of(Rule::BounceRate, &["opened"], march(3, 8, 0)),
            steps_of(Rule::SendSilence, &["opened", "resolved"], march(2, 10, 0)),
        ]
        .concat(),
        mutes: mutes(),
        ..quiet()
    };
    let mut recorded = resolved.clone();
    for transition in &mut recorded.transitions {
        transition.notified = false;
        transition.incident.notified = false;
    }
    let mixed = [
        (BounceClass::Hard, 4),
        (BounceClass::Blocked, 2),
        (BounceClass::Soft, 3),
        (BounceClass::Complaint, 1),
        (BounceClass::Api, 2),
        (BounceClass::Other, 1),
    ];
    let every_class = Day {
        servers: vec![server("shop", vec![stream("outbound", 776, &mixed)])],
        ..quiet()
    };
    let above = Day {
        servers: vec![server(
            "shop",
            vec![
                StreamDay {
                    exceeded_threshold: Some(0.01),
                    ..stream("outbound", 776, &[(BounceClass::Hard, 12)])
                },
                StreamDay {
                    delivered: Some(388),
                    delivered_range: Some((340, 436)),
                    delivered_exact: false,
                    sample: SampleOutcome {
                        delivered: 50,
                        without_news: 47,
                        ..SampleOutcome::default()
                    },
                    usual_delivered: Some(UsualDelivery {
                        share: 0.991,
                        is_own: true,
                    }),
                    ..stream("receipts", 752, &[])
                },
                StreamDay {
                    usual_sent: Some((310, 420)),
                    ..stream("letters", 95, &[])
                },
                StreamDay {
                    usual_sent: Some((300, 400)),
                    ..stream("news", 1_400, &[])
                },
            ],
        )],
        ..quiet()
    };
    let estimated = StreamDay {
        delivered_exact: false,
        sent_week_before: None,
        learning: true,
        ..stream("outbound", 776, &[])
    };
    let unproven = StreamDay {
        delivered: Some(0),
        unproven: Some(5),
        undelivered: Some(5),
        ..stream("receipts", 40, &[])
    };
    vec![
        (
            "a quiet day",
            "Sent once a day at `digest.at`.",
            quiet(),
            period(),
        ),
        (
            "a quiet Monday",
            "On Mondays it also says what is not watched.",
            Day {
                servers: vec![ServerDay {
                    own_domains_missing: true,
                    ..shop()
                }],
                ..Day::default()
            },
            Span::before(march(2, 9, 0), DAY),
        ),
        (
            "a problem that is over",
            "Sent when an incident was resolved within the day.",
            resolved,
            period(),
        ),
        (
            "open incidents, and mutes",
            "Sent while incidents are open.",
            opened,
            period(),
        ),
        (
            "recorded only",
            "In `mode = \"digest\"` this is the first message that names a warning.",
            recorded,
            period(),
        ),
        (
            "bounces of every class",
            "Bounces below the limits of the rules are in the digest only.",
            every_class,
            period(),
        ),
        (
            "no incident, and not as usual",
            "Unusual bounces, deliveries and volumes are named though they broke no rule.",
            above,
            period(),
        ),
        (
            "estimated and not proven deliveries",
            "Where deliveries are sampled, their number is an estimate.",
            Day {
                servers: vec![server("shop", vec![estimated, unproven])],
                ..quiet()
            },
            period(),
        ),
        (
            "not everything was seen",
            "Sent when a part of the day could not be read.",
            unseen(),
            period(),
        ),
        (
            "nothing was sent",
            "Sent when no stream sent mail, and none was expected to.",
            Day {
                servers: vec![server("shop", vec![stream_that_rests()])],
                hours: Vec::new(),
                ..quiet()
            },
            period(),
        ),
        (
            "after missed days, on a new database",
            "Sent by the first cycle after days without a digest.",
            Day {
                missed: vec![march(1, 9, 0), march(2, 9, 0)],
                installed_at: Some(march(2, 16, 20)),
                hours: hours_seen(|hour| hour >= 8),
                ..quiet()
            },
            period(),
        ),
    ]
}

fn stream_that_rests() -> StreamDay {
    StreamDay {
        stream: Some("outbound".into()),
        sent_week_before: Some(0),
        ..StreamDay::default()
    }
}

fn unseen() -> Day {
    let hole = |from: u32, until: u32| Span::new(march(2, from, 0), march(2, until, 0));
    let partly = StreamDay {
        unknown: vec![hole(12, 15), hole(18, 19)],
        ..stream("outbound", 640, &[])
    };
    let unknown = StreamDay {
        stream: Some("receipts".into()),
        unknown: vec![period()],
        ..stream_that_rests()
    };
    let blind = ServerDay {
        blind: Some((
            march(3, 6, 0),
            "HTTP 503: Postmark API is offline for maintenance.".to_owned(),
        )),
        ..server("shop", vec![partly, unknown])
    };
    Day {
        servers: vec![blind, server("new", vec![])],
        hours: hours_seen(|hour| ![3, 4, 5, 9].contains(&hour)),
        ..Day::default()
    }
}

fn several_servers() -> Vec<Case> {
    let client = |n: usize| {
        let bounces = [(BounceClass::Hard, n as u64 / 30)];
        server(
            &format!("client-{n}"),
            vec![stream("outbound", 100 + n as u64, &bounces)],
        )
    };
    let few: Vec<ServerDay> = (1..=3).map(client).collect();
    let again = ServerDay {
        same_as: Some("shop".to_owned()),
        ..server("blog", Vec::new())
    };
    let twice = Day {
        servers: vec![shop(), again],
        same_servers: vec![SameServer {
            number: 9_708_911,
            names: vec!["shop".into(), "blog".into()],
        }],
        ..Day::default()
    };
    let misnamed = Day {
        servers: vec![shop()],
        missing_streams: vec![MissingStreams {
            server: "shop".into(),
            missing: vec!["receits".into()],
            listed: vec!["broadcast".into(), "outbound".into(), "receipts".into()],
        }],
        ..Day::default()
    };
    let mut many: Vec<ServerDay> = (1..=40).map(client).collect();
    many[6].blind = Some((march(3, 6, 0), "HTTP 503".to_owned()));
    many.extend((41..=44).map(|n| server(&format!("client-{n}"), vec![stream_that_rests()])));
    let notes = [("client-9", "is new in the account, and watched from now on")];
    let outage = copies(&open(Rule::Blind), 8);
    vec![
        (
            "several servers",
            "Up to five servers are listed one by one.",
            Day {
                servers: few,
                ..Day::default()
            },
            period(),
        ),
        (
            "one server under two names",
            "Sent while the tokens of two `[[server]]` are of the same Postmark server.",
            twice,
            period(),
        ),
        (
            "a stream that does not exist",
            "Sent while `streams` names one that Postmark does not list.",
            misnamed,
            period(),
        ),
        (
            "many servers",
            "Of more servers, those that need a look come first and the others share a line.",
            Day {
                servers: many.clone(),
                notes: notes.map(|(s, t)| (s.to_owned(), t.to_owned())).to_vec(),
                ..Day::default()
            },
            period(),
        ),
        (
            "many servers with many incidents",
            "Six or more open incidents of one rule share a line.",
            Day {
                servers: many,
                open: outage,
                ..Day::default()
            },
            period(),
        ),
    ]
}

pub(super) fn chapter() -> Chapter {
    let samples = days().into_iter().map(|(title, when, day, period)| Sample {
        title: title.to_owned(),
        when: when.to_owned(),
        message: digest(&day, period, STYLE),
        incident: None,
    });
    Chapter {
        title: "daily digest".to_owned(),
        about: "What the last day came to. It is sent every day, so that its absence is noticed."
            .to_owned(),
        samples: samples.collect(),
    }
}
