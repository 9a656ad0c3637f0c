//! Streams whose mail did not arrive, though no open incident says so.

use crate::model::Rule;
use crate::notify::digest::{Day, ServerDay, StreamDay};
use crate::text::format::{count, plural};

/// Returns the streams where most mail bounced or no sampled mail was delivered, without an open incident about it.
pub(crate) fn unusual(data: &Day) -> impl Iterator<Item = (&ServerDay, &StreamDay)> {
    let streams = data
        .servers
        .iter()
        .flat_map(|server| server.streams.iter().map(move |stream| (server, stream)));
    streams.filter(|(server, stream)| {
        let has_incident = data.open.iter().any(|incident| {
            incident.server.0 == server.name
                && incident.stream == stream.stream
                && matches!(
                    incident.rule,
                    Rule::DeliverySilence
                        | Rule::DeliveryDrop
                        | Rule::HardBounceWake
                        | Rule::BounceRate
                )
        });
        !has_incident && (most_bounced(stream) || stream.undelivered.is_some())
    })
}

const fn most_bounced(stream: &StreamDay) -> bool {
    2 * stream.failed > stream.sent
}

pub(crate) fn unusual_line(server: &ServerDay, stream: &StreamDay) -> String {
    let id = stream.stream.as_ref().map_or("", |id| id.0.as_str());
    let what = if most_bounced(stream) {
        let classes = stream.classes.iter();
        let failures = classes.filter(|(class, _)| class.is_failure());
        let by_class: Vec<String> = failures
            .map(|(class, n)| format!("{} {}", class.name(), count(*n)))
            .collect();
        format!(
            "{} of {} bounced ({})",
            count(stream.failed),
            plural(stream.sent, "message"),
            by_class.join(", ")
        )
    } else {
        format!(
            "of {} none was delivered",
            plural(stream.undelivered.unwrap_or(0), "sampled message")
        )
    };
    format!("⚠ {}/{id}: {what}", server.name)
}
