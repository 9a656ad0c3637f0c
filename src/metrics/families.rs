//! Which metrics there are: what each one means, and where its samples come from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::metrics::MetricsView;
use crate::model::{ServerName, Severity, Timestamp};
use crate::output::status::StreamStatus;

/// How a value moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    /// Only upwards, from 0 at the start of the process; its name ends in `_total`.
    Counter,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
        }
    }
}

/// The metrics of one name.
pub(super) struct Family {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
    /// The labels of each sample, in order.
    pub labels: &'static [&'static str],
    pub read: Read,
}

/// Where the samples of a family come from.
pub(super) enum Read {
    /// From the whole view.
    View(fn(&MetricsView<'_>, &mut Samples)),
    /// One of each stream whose value is known.
    Stream(fn(&StreamStatus) -> Option<f64>),
}

impl Family {
    /// Returns the samples of a view.
    pub(super) fn samples(&self, view: &MetricsView<'_>) -> Samples {
        let mut samples = Samples::default();
        match self.read {
            Read::View(read) => read(view, &mut samples),
            Read::Stream(read) => {
                for server in &view.status.servers {
                    for stream in server.streams() {
                        samples.add_known([&server.name.0, &stream.counts.id.0], read(stream));
                    }
                }
            }
        }
        samples
    }
}

/// Samples of one family: the values of its labels, and the value.
#[derive(Default)]
pub(super) struct Samples(pub Vec<(Vec<String>, f64)>);

impl Samples {
    fn add<const N: usize>(&mut self, labels: [&str; N], value: impl Into<f64>) {
        let labels = labels.map(str::to_owned).to_vec();
        self.0.push((labels, value.into()));
    }

    /// Adds a sample, unless its value is unknown.
    fn add_known<const N: usize>(&mut self, labels: [&str; N], value: Option<impl Into<f64>>) {
        if let Some(value) = value {
            self.add(labels, value);
        }
    }
}

const NONE: &[&str] = &[];
const SERVER: &[&str] = &["server"];
const STREAM: &[&str] = &["server", "stream"];

pub(super) const FAMILIES: &[Family] = &[
    gauge(
        "hushwatch_build_info",
        "1, with the version of hushwatch.",
        &["version"],
        |_, samples| samples.add([env!("CARGO_PKG_VERSION")], 1),
    ),
    gauge(
        "hushwatch_up",
        "1 where every server is read or its blindness was reported and no message is late, as /readyz says; 0 where not, or switched off.",
        NONE,
        |view, samples| samples.add([], u8::from(view.status.readiness.is_ready())),
    ),
    gauge(
        "hushwatch_last_cycle_timestamp_seconds",
        "Instant of the last cycle, complete or not.",
        NONE,
        |view, samples| samples.add_known([], view.status.last_cycle_at.map(seconds)),
    ),
    gauge(
        "hushwatch_poll_last_success_timestamp_seconds",
        "Instant of the last complete poll of a server.",
        SERVER,
        |view, samples| {
            for server in &view.status.servers {
                samples.add_known([&server.name.0], server.last_complete_at.map(seconds));
            }
        },
    ),
    gauge(
        "hushwatch_server_sandbox",
        "1 for each Sandbox server, of whose mail Postmark delivers nothing; absent for others.",
        SERVER,
        |view, samples| {
            for server in view.status.servers.iter().filter(|s| s.sandbox) {
                samples.add([&server.name.0], 1);
            }
        },
    ),
    stream_gauge(
        "hushwatch_coverage_until_timestamp_seconds",
        "Instant up to which messages and bounces of a stream are read without a hole.",
        |stream| stream.counts.covered_until.map(seconds),
    ),
    stream_gauge(
        "hushwatch_last_message_timestamp_seconds",
        "When the last message of a stream was sent.",
        |stream| stream.last_sent.map(seconds),
    ),
    stream_gauge(
        "hushwatch_last_delivery_timestamp_seconds",
        "When a sampled message of a stream was last delivered.",
        |stream| stream.last_delivered.map(seconds),
    ),
    stream_gauge(
        "hushwatch_silence_score",
        "How unusual the present pause of a stream is, at the last cycle; above hushwatch_silence_limit it is a silence.",
        |stream| stream.silence_score,
    ),
    stream_gauge(
        "hushwatch_silence_limit",
        "The score beyond which a pause of a stream is a silence; absent while it is learned.",
        |stream| stream.silence_limit,
    ),
    stream_gauge(
        "hushwatch_stop_noticed_after_seconds",
        "How long a stop of a stream would go unnoticed at worst; absent where it would not be noticed within 45 days, the mail has stopped, or the server is not read.",
        |stream| {
            stream
                .detection_delay
                .map(|delay: Duration| delay.as_secs_f64())
        },
    ),
    stream_gauge(
        "hushwatch_day_messages",
        "Messages of a stream that were sent in the 24 hours before the last cycle.",
        |stream| Some(number(stream.counts.sent)),
    ),
    stream_gauge(
        "hushwatch_day_messages_delivered",
        "How many of them were delivered: exact where every message is sampled, else estimated.",
        |stream| stream.counts.delivered.map(number),
    ),
    stream_gauge(
        "hushwatch_day_recipients",
        "Recipients of these messages.",
        |stream| stream.counts.recipients.map(number),
    ),
    stream_gauge(
        "hushwatch_day_recipients_bounced",
        "Recipients with a hard or blocked bounce in the 24 hours before the last cycle.",
        |stream| Some(number(stream.counts.recipients_bounced)),
    ),
    stream_gauge(
        "hushwatch_day_recipients_complained",
        "Recipients who complained in the 24 hours before the last cycle.",
        |stream| Some(number(stream.counts.recipients_complained)),
    ),
    gauge(
        "hushwatch_incident_open",
        "Open incidents of a rule; server and stream are empty where it is of several.",
        &["rule", "severity", "server", "stream"],
        read_incidents,
    ),
    gauge(
        "hushwatch_incidents_open",
        "All open incidents of a severity; 0 where there is none.",
        &["severity"],
        |view, samples| {
            for severity in [Severity::Warn, Severity::Wake] {
                let open = view.status.open.iter().filter(|i| i.severity == severity);
                samples.add([severity.name()], number(open.count() as u64));
            }
        },
    ),
    gauge(
        "hushwatch_outbox_pending",
        "Messages that no destination accepted yet; those that a mute holds back are among them.",
        NONE,
        |view, samples| samples.add([], number(view.status.pending)),
    ),
    gauge(
        "hushwatch_outbox_oldest_seconds",
        "Age of the oldest of them that no mute holds back; absent where there is none.",
        NONE,
        |view, samples| {
            let age = |at| view.now.since(at).as_secs_f64();
            samples.add_known([], view.status.oldest_pending_at.map(age));
        },
    ),
    gauge(
        "hushwatch_outbox_oldest_timestamp_seconds",
        "When that one was written; absent where there is none.",
        NONE,
        |view, samples| samples.add_known([], view.status.oldest_pending_at.map(seconds)),
    ),
    counter(
        "hushwatch_messages_total",
        "Messages of a stream that were sent, counted 15 minutes later, when Postmark lists them for certain.",
        STREAM,
        |view, samples| {
            for (stream, count) in view.counters.iter().flat_map(|c| &c.messages) {
                samples.add([&stream.server().0, &stream.stream().0], number(*count));
            }
        },
    ),
    counter(
        "hushwatch_bounces_total",
        "Bounces and complaints of a stream, by class, counted like the messages.",
        &["server", "stream", "type"],
        |view, samples| {
            for ((stream, class), count) in view.counters.iter().flat_map(|c| &c.bounces) {
                let labels = [&stream.server().0, &stream.stream().0, class.name()];
                samples.add(labels, number(*count));
            }
        },
    ),
    counter(
        "hushwatch_notifications_total",
        "Messages that a destination accepted.",
        &["sink"],
        |view, samples| {
            for (sink, count) in view.counters.iter().flat_map(|c| &c.notifications) {
                samples.add([sink], number(*count));
            }
        },
    ),
    counter(
        "hushwatch_notifications_failed_total",
        "Attempts to send a message that failed: retry (a passing fault), permanent (settings), bad_payload, unconfirmed.",
        &["sink", "reason"],
        |view, samples| {
            for ((sink, reason), count) in view.counters.iter().flat_map(|c| &c.failures) {
                samples.add([sink, reason], number(*count));
            }
        },
    ),
    counter(
        "hushwatch_api_requests_total",
        "Requests to Postmark by the status of the answer; none where no answer came.",
        &["code"],
        |view, samples| {
            for (code, count) in view.counters.iter().flat_map(|c| &c.requests) {
                let code = code.map_or(Cow::Borrowed("none"), |code| code.to_string().into());
                samples.add([&code], number(*count));
            }
        },
    ),
];

const fn gauge(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    read: fn(&MetricsView<'_>, &mut Samples),
) -> Family {
    Family {
        name,
        kind: Kind::Gauge,
        help,
        labels,
        read: Read::View(read),
    }
}

const fn stream_gauge(
    name: &'static str,
    help: &'static str,
    read: fn(&StreamStatus) -> Option<f64>,
) -> Family {
    Family {
        name,
        kind: Kind::Gauge,
        help,
        labels: STREAM,
        read: Read::Stream(read),
    }
}

const fn counter(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    read: fn(&MetricsView<'_>, &mut Samples),
) -> Family {
    Family {
        name,
        kind: Kind::Counter,
        help,
        labels,
        read: Read::View(read),
    }
}

/// Incidents of several tags share their labels.
fn read_incidents(view: &MetricsView<'_>, samples: &mut Samples) {
    let mut open: BTreeMap<[&str; 4], u64> = BTreeMap::new();
    for incident in &view.status.open {
        let server = Some(&incident.server).filter(|server| !server.is_all_servers());
        let labels = [
            incident.rule.name(),
            incident.severity.name(),
            server.map_or("", |ServerName(name)| name),
            incident.stream.as_ref().map_or("", |stream| &stream.0),
        ];
        *open.entry(labels).or_default() += 1;
    }
    for (labels, count) in open {
        samples.add(labels, number(count));
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.0 as f64 / 1e3
}

fn number(count: u64) -> f64 {
    count as f64
}
