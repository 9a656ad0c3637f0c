//! First messages.

use std::time::Duration;

use crate::model::{DAY, HOUR, Incident, MissingStreams, Rule, SameServer, Timestamp};
use crate::notify::hello::{Hello, Stop, WatchedServer, WatchedStream, hello};
use crate::notify::samples::{Chapter, STYLE, Sample, copies, course_of, march};

/// When they are written: Wednesday, 4 March.
fn now() -> Timestamp {
    march(4, 10, 0)
}

fn stream(name: &str, messages: u64, stop: Stop) -> WatchedStream {
    WatchedStream {
        stream: name.into(),
        since: (messages > 0).then(|| now() - DAY * 45),
        messages,
        is_partly_read: false,
        stop,
    }
}

fn noticed(monday: Duration, worst: Duration) -> Stop {
    Stop::Noticed {
        monday,
        worst: Some(worst),
    }
}

fn server(name: &str, streams: Vec<WatchedStream>) -> WatchedServer {
    WatchedServer {
        name: name.to_owned(),
        is_sandbox: name == "staging",
        streams,
    }
}

fn watching(servers: Vec<WatchedServer>) -> Hello {
    Hello {
        servers,
        digest_at: march(5, 9, 0),
        ..Hello::default()
    }
}

fn shop() -> WatchedServer {
    let outbound = stream("outbound", 29_019, noticed(HOUR, HOUR * 14));
    let broadcast = stream("broadcast", 0, Stop::NoMail);
    server("shop", vec![outbound, broadcast])
}

fn agency() -> Vec<WatchedServer> {
    let client = |n: u64| {
        let busy = noticed(HOUR * (1 + n as u32 / 8), HOUR * 14);
        let news = match n % 4 {
            0 => Stop::NoMail,
            1 => Stop::TooSparse,
            _ => noticed(DAY * 8, DAY * 12),
        };
        let streams = vec![
            stream("outbound", 3_000 * n, busy),
            stream("broadcast", 30 * (n % 4), news),
        ];
        server(&format!("client-{n}"), streams)
    };
    (1..=40).map(client).collect()
}

fn open(rule: Rule) -> Incident {
    course_of(rule).step("opened").incident.clone()
}

pub(super) fn chapter() -> Chapter {
    let few = vec![
        shop(),
        server(
            "blog",
            vec![
                stream("outbound", 812, noticed(HOUR * 26, DAY * 3)),
                stream("news", 90, Stop::TooSparse),
                stream("alerts", 4_100, Stop::Off),
            ],
        ),
    ];
    let young = WatchedStream {
        since: Some(now() - HOUR * 30),
        ..stream("outbound", 214, Stop::Learning)
    };
    let partly = WatchedStream {
        since: Some(now() - DAY * 12),
        is_partly_read: true,
        ..stream("outbound", 1_240_500, noticed(HOUR, HOUR))
    };
    let wrong = Hello {
        open: vec![open(Rule::DeliverySilence), open(Rule::BounceRate)],
        ..watching(vec![shop()])
    };
    let blind = Hello {
        open: copies(&open(Rule::Blind), 5),
        ..watching(agency())
    };
    let anew = Hello {
        is_anew: true,
        ..watching(vec![shop()])
    };
    let unusual = Hello {
        unusual: vec!["⚠ shop/outbound: 2 of 2 messages bounced (hard 2)".to_owned()],
        ..watching(vec![shop()])
    };
    let twice = Hello {
        same_servers: vec![SameServer {
            number: 9_708_911,
            names: vec!["shop".into(), "blog".into()],
        }],
        ..watching(vec![shop(), server("blog", Vec::new())])
    };
    let misnamed = Hello {
        missing_streams: vec![MissingStreams {
            server: "shop".into(),
            missing: vec!["receits".into()],
            listed: vec!["broadcast".into(), "outbound".into(), "receipts".into()],
        }],
        ..watching(vec![shop()])
    };
    let never = stream("outbound", 0, Stop::NoMail);
    let samples = [
        (
            "one server",
            "Sent after the first poll.",
            watching(vec![shop()]),
        ),
        (
            "several servers",
            "Sent after the first poll of every server.",
            watching(few),
        ),
        (
            "many servers, some of them not seen",
            "Sent once every server that cannot be seen has been reported.",
            blind,
        ),
        (
            "something is wrong already",
            "Sent where an incident opened in the first poll.",
            wrong,
        ),
        (
            "no incident, and not as usual",
            "Sent where the first poll finds unusual bounces, deliveries or volumes that broke no rule.",
            unusual,
        ),
        (
            "one server under two names",
            "Sent where the tokens of two `[[server]]` are of the same Postmark server.",
            twice,
        ),
        (
            "a stream that does not exist",
            "Sent where `streams` names one that Postmark does not list.",
            misnamed,
        ),
        (
            "little history",
            "Sent where mail is younger than silence detection needs.",
            watching(vec![server("shop", vec![young])]),
        ),
        (
            "no mail",
            "Sent where nothing was sent yet.",
            watching(vec![server("shop", vec![never])]),
        ),
        (
            "history that is not read yet",
            "Sent where the first poll did not have the time for all of it.",
            watching(vec![server("shop", vec![partly])]),
        ),
        (
            "a database that replaces a lost one",
            "Sent where the database file is new, and its disk reserve shows that there was one before.",
            anew,
        ),
    ];
    Chapter {
        title: "hello".to_owned(),
        about: "The first message, once for each database: what is watched, how much of it is known, and how soon a stop would be noticed. \
                `[slack] hello = false` switches it off."
            .to_owned(),
        samples: samples
            .into_iter()
            .map(|(title, when, data)| Sample {
                title: title.to_owned(),
                when: when.to_owned(),
                message: hello(&data, now(), STYLE),
                incident: None,
            })
            .collect(),
    }
}
