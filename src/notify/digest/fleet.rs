//! Many servers: those that need a look in lines of their own, the quiet ones together.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::model::{BounceClass, Incident, Span};
use crate::notify::alert::Style;
use crate::notify::digest::servers::server_lines;
use crate::notify::digest::unusual::unusual;
use crate::notify::digest::{Day, MAX_NAMES, ServerDay, has_unknown};
use crate::text::elide::elide;
use crate::text::format::{approx_percent, count, plural};

/// The maximum number of servers that need a look and get lines of their own.
const MAX_NOISY: usize = 6;

/// Returns the servers that need a look in full, then a line for those that sent and one for those that did not.
pub(crate) fn fleet_lines(data: &Day, period: Span, style: Style) -> Vec<String> {
    let unusual = unusual(data);
    let unusual = unusual.iter().map(|stream| stream.server.as_str());
    // Nor is a day as usual on which mail stopped or bounced, though that is over.
    let steps = data.transitions.iter().map(|step| &step.incident);
    let of_mail = steps.filter(|incident| !incident.rule.is_of_server());
    let told = data.open.iter().chain(of_mail).flat_map(Incident::servers);
    let noted: BTreeSet<&str> = told.map(|name| name.0.as_str()).chain(unusual).collect();
    let (noisy, quiet): (Vec<&ServerDay>, Vec<&ServerDay>) = data
        .servers
        .iter()
        .filter(|server| server.same_as.is_none() || !server.streams.is_empty())
        .partition(|s| noted.contains(s.name.as_str()) || has_unknown(s));
    let mut lines = Vec::new();
    for server in noisy.iter().take(MAX_NOISY) {
        lines.extend(server_lines(server, period, true, style));
    }
    if noisy.len() > MAX_NOISY {
        let others = noisy[MAX_NOISY..].iter().map(|s| s.name.clone());
        lines.push(format!("Also worth a look: {}", elide(others, MAX_NAMES)));
    }
    let (idle, busy): (Vec<&ServerDay>, Vec<&ServerDay>) =
        quiet.into_iter().partition(|s| sent(s) == 0);
    lines.extend(quiet_line(busy));
    let sandboxes = data.servers.iter().filter(|s| s.sandbox);
    let sandboxes: Vec<String> = sandboxes.map(|s| s.name.clone()).collect();
    if !sandboxes.is_empty() {
        lines.push(format!(
            "{}, of which Postmark delivers nothing: {}",
            plural(sandboxes.len() as u64, "Sandbox server"),
            elide(sandboxes, MAX_NAMES)
        ));
    }
    if !idle.is_empty() {
        lines.push(format!(
            "{} sent nothing: {}",
            plural(idle.len() as u64, "server"),
            elide(idle.iter().map(|s| s.name.clone()), MAX_NAMES)
        ));
    }
    lines
}

/// Returns one line for the servers that sent mail and have no news.
fn quiet_line(mut servers: Vec<&ServerDay>) -> Option<String> {
    if servers.is_empty() {
        return None;
    }
    servers.sort_by_key(|s| Reverse(sent(s)));
    let sum = |of: fn(&ServerDay) -> u64| servers.iter().map(|s| of(s)).sum::<u64>();
    let (all, bounces, complaints) = (sum(sent), sum(bounced), sum(complained));
    let each = servers
        .iter()
        .map(|s| format!("{} ({})", s.name, count(sent(s))));
    Some(format!(
        "{} as usual: {} sent · {} ({}) · {}: {}",
        plural(servers.len() as u64, "server"),
        count(all),
        plural(bounces, "bounce"),
        approx_percent(bounces as f64 / all.max(1) as f64),
        plural(complaints, "complaint"),
        elide(each, MAX_NAMES)
    ))
}

/// Returns what is not watched, and on how many servers.
pub(crate) fn hint_lines(servers: &[ServerDay]) -> Vec<String> {
    let learning: Vec<String> = servers
        .iter()
        .filter(|s| s.streams.iter().any(|stream| stream.learning))
        .map(|s| s.name.clone())
        .collect();
    let unprotected = servers.iter().filter(|s| s.own_domains_missing).count();
    let mut lines = Vec::new();
    if !learning.is_empty() {
        lines.push(format!(
            "{}: still learning what is normal, silence is not reported there yet: {}",
            plural(learning.len() as u64, "server"),
            elide(learning, MAX_NAMES)
        ));
    }
    if unprotected > 0 {
        lines.push(format!(
            "{}: `own_domains` is empty, so spam complaints from outside are not reported at once",
            plural(unprotected as u64, "server")
        ));
    }
    lines
}

fn sent(server: &ServerDay) -> u64 {
    server.streams.iter().map(|s| s.sent).sum()
}

fn bounced(server: &ServerDay) -> u64 {
    server.streams.iter().map(|s| s.bounced).sum()
}

fn complained(server: &ServerDay) -> u64 {
    let streams = server.streams.iter();
    streams.map(|s| s.count_of(BounceClass::Complaint)).sum()
}
