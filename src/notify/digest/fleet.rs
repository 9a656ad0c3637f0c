//! Many servers: what needs a look in lines of its own, the quiet ones together.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::model::{BounceClass, Span};
use crate::notify::alert::Style;
use crate::notify::digest::servers::server_lines;
use crate::notify::digest::{Day, ServerDay, has_unknown, named};
use crate::text::format::{count, percent, plural};

/// Servers that need a look and are told in full.
const LOOKED_AT: usize = 6;
/// The servers with news in full, the others in a line for those that sent, and one for those that did not.
pub(crate) fn grouped(data: &Day, period: Span, style: Style) -> Vec<String> {
    let open = data.open.iter().map(|i| i.server.0.as_str());
    let places: BTreeSet<&str> = open.collect();
    let (loud, quiet): (Vec<&ServerDay>, Vec<&ServerDay>) = data
        .servers
        .iter()
        .partition(|s| places.contains(s.name.as_str()) || has_unknown(s));
    let mut lines = Vec::new();
    for server in loud.iter().take(LOOKED_AT) {
        // What each server lacks is told once, below.
        let told = ServerDay {
            own_domains_missing: false,
            ..(*server).clone()
        };
        lines.extend(server_lines(&told, period, true, style));
    }
    if loud.len() > LOOKED_AT {
        let others = named(loud[LOOKED_AT..].iter().map(|s| s.name.clone()));
        lines.push(format!("Need a look as well: {others}"));
    }
    let (idle, busy): (Vec<&ServerDay>, Vec<&ServerDay>) =
        quiet.into_iter().partition(|s| sent(s) == 0);
    lines.extend(usual(busy));
    if !idle.is_empty() {
        lines.push(format!(
            "{} sent nothing: {}",
            plural(idle.len() as u64, "server"),
            named(idle.iter().map(|s| s.name.clone()))
        ));
    }
    lines.extend(shortcomings(&data.servers));
    lines
}

/// The servers that sent and have no news.
fn usual(mut servers: Vec<&ServerDay>) -> Option<String> {
    if servers.is_empty() {
        return None;
    }
    servers.sort_by_key(|s| Reverse(sent(s)));
    let sum = |of: fn(&ServerDay) -> u64| servers.iter().map(|s| of(s)).sum::<u64>();
    let (all, bounces, complaints) = (sum(sent), sum(bounced), sum(complained));
    let each = servers
        .iter()
        .map(|s| format!("{} {}", s.name, count(sent(s))));
    Some(format!(
        "{} as usual: {} sent, {} bounced ({}), {}: {}",
        plural(servers.len() as u64, "server"),
        count(all),
        count(bounces),
        percent(bounces as f64 / all.max(1) as f64),
        plural(complaints, "complaint"),
        named(each)
    ))
}

/// What is not watched, and on how many servers.
fn shortcomings(servers: &[ServerDay]) -> Vec<String> {
    let learning: Vec<String> = servers
        .iter()
        .filter(|s| s.streams.iter().any(|stream| stream.learning))
        .map(|s| s.name.clone())
        .collect();
    let open = servers.iter().filter(|s| s.own_domains_missing).count();
    let mut lines = Vec::new();
    if !learning.is_empty() {
        lines.push(format!(
            "Still learning what silence is on {}: {}",
            plural(learning.len() as u64, "server"),
            named(learning)
        ));
    }
    if open > 0 {
        lines.push(format!(
            "`own_domains` is empty for {}, so complaints from outside do not wake anybody there",
            plural(open as u64, "server")
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
    let classes = server.streams.iter().flat_map(|s| &s.classes);
    classes
        .filter(|(class, _)| *class == BounceClass::Complaint)
        .map(|(_, n)| n)
        .sum()
}
