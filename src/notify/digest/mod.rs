//! The daily digest: the verdict first, then what needs a look, then every server, or one line for many quiet ones.

mod fleet;
mod incidents;
mod judged;
mod servers;
#[cfg(test)]
mod tests;
mod unusual;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{Datelike, Weekday};

use crate::model::{
    BounceClass, ChanceBreaches, Incident, MisnamedStream, MissingStreams, Mute, Rule, SameServer,
    SampleOutcome, Span, StreamId, Tag, Timestamp, Transition, UsualDelivery,
};
use crate::notify::alert::Style;
use crate::notify::describe::{describe_missing_streams, describe_same_server};
use crate::notify::misnamed::describe_misnamed_stream;
use crate::notify::mute::mute_line;
use crate::notify::{Level, Message};
use crate::text::elide::{elide, elide_and};
use crate::text::format::{count, format_day, format_zoned_range, plural, short_time};
use crate::text::sparkline::{UNSEEN, sparkline};

use fleet::fleet_lines;
pub(crate) use incidents::by_cause;
use incidents::{EndedOtherwise, ended, ended_lines, open_lines, open_problems};
pub use judged::{JudgedDay, UnusualStream, judge_day};
use servers::{hint_lines, server_lines};
pub(crate) use servers::{not_known, of_recipients, other_failures};
use unusual::unusual;

/// The maximum number of servers that get lines of their own; of more, only those that need a look do.
const MAX_LISTED_SERVERS: usize = 5;
/// The maximum number of days that are named one by one.
const MAX_NAMED_DAYS: usize = 3;
/// The maximum number of names in a line that stands for many.
const MAX_NAMES: usize = 8;

/// What one stream did in a period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamDay {
    pub stream: Option<StreamId>,
    pub sent: u64,
    /// Messages sent in the same period a week before; `None` where that was not covered.
    pub sent_week_before: Option<u64>,
    /// The fewest messages that this day of the week had in the last four weeks, and the most that any day had.
    pub usual_sent: Option<(u64, u64)>,
    /// Messages delivered: exact, or estimated from the sample; `None` where that says nothing, or nothing of some hours.
    pub delivered: Option<u64>,
    /// The 95% interval of an estimate.
    pub delivered_range: Option<(u64, u64)>,
    /// Messages of hours of which the sample says nothing.
    pub unsampled: u64,
    /// Whether `delivered` is exact.
    pub delivered_exact: bool,
    /// What became of the sampled messages.
    pub sample: SampleOutcome,
    /// The share that is usually delivered, where the sample says that less was.
    pub usual_delivered: Option<UsualDelivery>,
    /// How many were sampled, where none of them is proven delivered: then nothing is estimated.
    pub unproven: Option<u64>,
    /// How many were sampled, where none of them could be read.
    pub unread: Option<u64>,
    /// Recipients sent to; `None` where nothing is known of them.
    pub recipients: Option<u64>,
    /// Recipients by class of bounce or complaint, each of each message once.
    pub classes: Vec<(BounceClass, u64)>,
    /// Recipients with a counting bounce.
    pub bounced: u64,
    /// Recipients of messages sent in the period that bounced in it, in whatever class; messages where `recipients` is `None`.
    pub failed: u64,
    /// The bounces that are far more than usual: of the stream, or else of its tags.
    pub unusual_failures: Vec<UnusualFailures>,
    /// How many of the newest sampled messages have no news, and how old the last one is that has, where chance hardly explains that.
    pub unconfirmed: Option<(u64, Duration)>,
    /// Sampled messages that should have been delivered by its end, where none of them was.
    pub undelivered: Option<u64>,
    /// The share of `bounced` in the recipients sent to or bounced.
    pub bounce_rate: f64,
    /// The threshold of the rule `bounce_rate`, where the day as a whole is above it by more than chance.
    pub exceeded_threshold: Option<f64>,
    /// How many bounced, and of how many, where the day as a whole is above that threshold by several, though by no more than chance
    /// explains.
    pub chance_day: Option<(u64, u64)>,
    /// The share of the recipients that complained in those sent to or complaining.
    pub complaint_rate: f64,
    /// The threshold of the rule `spam_rate`, where several complained and the day as a whole is above it.
    pub exceeded_complaints: Option<f64>,
    /// How often the bounce rate was above its threshold without being more than chance explains.
    pub chance_bounces: ChanceBreaches,
    pub chance_complaints: ChanceBreaches,
    /// What of the period was not covered.
    pub unknown: Vec<Span>,
    /// What of it was covered but for its bounces and complaints.
    pub bounces_unread: Vec<Span>,
    pub learning: bool,
    /// How long a stop would go unnoticed at worst.
    pub unnoticed: Option<Duration>,
}

/// Messages of a day that bounced, far more than usual.
#[derive(Clone, Debug, PartialEq)]
pub struct UnusualFailures {
    /// The tag, all of whose messages bounced; `None` where it is the stream.
    pub tag: Option<Tag>,
    pub failed: u64,
    pub sent: u64,
    /// Messages by class of bounce.
    pub classes: Vec<(BounceClass, u64)>,
    /// The share of the last weeks; `None` where they are not known.
    pub usual: Option<f64>,
}

impl StreamDay {
    /// Returns the recipients of this class.
    fn count_of(&self, class: BounceClass) -> u64 {
        let found = self.classes.iter().find(|(c, _)| *c == class);
        found.map_or(0, |(_, n)| *n)
    }
}

/// What one server did in a period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerDay {
    pub name: String,
    pub streams: Vec<StreamDay>,
    /// Since when it cannot be seen, and why.
    pub blind: Option<(Timestamp, String)>,
    /// Whether Postmark delivers nothing of what it sends.
    pub sandbox: bool,
    /// The name under which its streams are, where it is the same Postmark server; then they are not among its own.
    pub same_as: Option<String>,
    /// Whether `own_domains` is empty, and `spam_complaint_external` off.
    pub own_domains_missing: bool,
}

/// The data of a digest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Day {
    pub servers: Vec<ServerDay>,
    /// Steps judged in the period.
    pub transitions: Vec<Transition>,
    pub open: Vec<Incident>,
    /// What a person closed, and may go on.
    pub closed: Vec<Incident>,
    /// Servers that have several names.
    pub same_servers: Vec<SameServer>,
    /// Servers of which the configuration names streams that there are not.
    pub missing_streams: Vec<MissingStreams>,
    /// Streams that the configuration leaves out or gives rules, and that there are not.
    pub misnamed_streams: Vec<MisnamedStream>,
    /// Ends of periods for which no digest was written.
    pub missed: Vec<Timestamp>,
    /// Changes of the watched servers and streams: a server, and a line about it.
    pub notes: Vec<(String, String)>,
    pub mutes: Vec<Mute>,
    /// The first start, where it lies in the period: history begins then.
    pub installed_at: Option<Timestamp>,
    /// Messages sent in each hour of the period, of all servers; `None` where one was not seen.
    pub hours: Vec<Option<u64>>,
}

/// Returns the digest of `period`: the verdict, then what needs a look or changed, then a line per stream.
pub fn digest(data: &Day, period: Span, style: Style) -> Message {
    let now = period.until;
    let mut lines = open_lines(data, now, style);
    lines.extend(unusual_lines(data));
    let same = data.same_servers.iter().map(describe_same_server);
    let missing = data.missing_streams.iter().map(describe_missing_streams);
    let misnamed = data.misnamed_streams.iter().map(describe_misnamed_stream);
    let lists = same.chain(missing).chain(misnamed);
    lines.extend(lists.map(|line| format!("⚠ {line}")));
    lines.extend(ended_lines(data, now, style));
    lines.extend(mute_lines(&data.mutes, now, style));
    if data.servers.len() <= MAX_LISTED_SERVERS {
        let several = data.servers.len() > 1;
        for server in &data.servers {
            lines.extend(server_lines(server, period, several, style));
        }
    } else {
        lines.extend(fleet_lines(data, period, style));
    }
    lines.extend(chance_line(data));
    lines.extend(note_lines(&data.notes));
    if shows_hints(data, now, style) {
        lines.extend(hints(data));
    }
    lines.extend(missed_line(&data.missed, now, style));
    if let Some(at) = data.installed_at {
        let at = short_time(at, now, style.zone);
        lines.push(format!(
            "This database begins {at}: of the time before, hushwatch knows only what Postmark still had."
        ));
    }
    lines.extend(sparkline_line(&data.hours));
    let covered = if data.servers.iter().any(has_unknown) {
        ""
    } else {
        "covered 100% · "
    };
    let footer = format!("{covered}{}", format_zoned_range(period, style.zone));
    let headline = format!("📋 Daily digest, {}: {}", day(now, style), verdict(data));
    Message::new(Level::Info, &headline, lines, &footer)
}

/// Returns a line for each reason why a stream of `data` needs a look, though no incident says so.
pub fn unusual_lines(data: &Day) -> Vec<String> {
    unusual(data)
        .iter()
        .flat_map(UnusualStream::lines)
        .collect()
}

/// Says which days had no digest: each by its name, or the first and the last of many.
fn missed_line(missed: &[Timestamp], now: Timestamp, style: Style) -> Option<String> {
    let year = |at: Timestamp| at.to_utc().with_timezone(&style.zone).year();
    let name = |at: &Timestamp| match year(*at) == year(now) {
        true => day(*at, style),
        false => format_day(*at - Duration::from_secs(1), style.zone),
    };
    let days = match missed {
        [] => return None,
        [first, .., last] if missed.len() > MAX_NAMED_DAYS => {
            let days = count(missed.len() as u64);
            format!("the {days} days from {} to {}", name(first), name(last))
        }
        _ => elide_and(missed.iter().map(name), MAX_NAMED_DAYS),
    };
    Some(format!("No digest was sent on {days}."))
}

/// Returns the hours in one line: `24 h ▁▁▂▅█▇▆▆▅▃▂▁`. None where no mail was sent: there is nothing to be seen.
fn sparkline_line(hours: &[Option<u64>]) -> Option<String> {
    let is_empty = hours.iter().flatten().all(|sent| *sent == 0);
    (!is_empty).then(|| {
        let unseen = match hours.iter().any(Option::is_none) {
            true => format!(" ({UNSEEN} not seen)"),
            false => String::new(),
        };
        format!("{} h {}{unseen}", hours.len(), sparkline(hours))
    })
}

/// Returns the local day that a period ends on; one that ends at midnight is that of the day before.
fn day(end: Timestamp, style: Style) -> String {
    let day = format_day(end - Duration::from_secs(1), style.zone);
    // The year goes without saying: a digest is read on its day.
    day.rsplit_once(' ')
        .map_or(day.clone(), |(day, _)| day.to_owned())
}

/// Returns whether this digest repeats what is not watched: the first one does, and that of each Monday.
fn shows_hints(data: &Day, now: Timestamp, style: Style) -> bool {
    let local = (now - Duration::from_secs(1))
        .to_utc()
        .with_timezone(&style.zone);
    data.installed_at.is_some() || local.weekday() == Weekday::Mon
}

fn hints(data: &Day) -> Vec<String> {
    let servers = &data.servers;
    if servers.len() <= MAX_LISTED_SERVERS {
        let standing = || data.open.iter().chain(&data.closed);
        let hints = servers.iter().flat_map(|s| hint_lines(s, &standing()));
        hints.collect()
    } else {
        fleet::hint_lines(servers)
    }
}

/// The rules of which an incident says why mail bounced.
const OF_BOUNCES: [Rule; 5] = [
    Rule::DeliverySilence,
    Rule::DeliveryDrop,
    Rule::HardBounceWake,
    Rule::BounceRate,
    Rule::DomainBlocks,
];
/// Those of which one says why people complained.
const OF_COMPLAINTS: [Rule; 2] = [Rule::SpamRate, Rule::SpamComplaintExternal];

/// Returns whether an incident of one of these rules was open on a stream in the period.
fn was_told(data: &Day, server: &ServerDay, stream: &StreamDay, rules: &[Rule]) -> bool {
    let ended = data.transitions.iter().map(|step| &step.incident);
    data.open.iter().chain(ended).any(|incident| {
        let is_here = incident.server.0 == server.name && incident.stream == stream.stream;
        is_here && rules.contains(&incident.rule)
    })
}

/// Returns the line that counts the rates which were above their thresholds by no more than chance explains. Where the whole day was
/// above by more, or an incident tells of it, an hour of it is no chance.
fn chance_line(data: &Day) -> Option<String> {
    let mut found = Vec::new();
    for server in &data.servers {
        for stream in &server.streams {
            let id = stream.stream.as_ref().map_or("", |id| id.0.as_str());
            let told = |rules: &[Rule]| was_told(data, server, stream, rules);
            let bounced = stream.exceeded_threshold.is_some() || told(&OF_BOUNCES);
            let complained = stream.exceeded_complaints.is_some() || told(&OF_COMPLAINTS);
            if let Some((bounced, of)) = stream.chance_day.filter(|_| !bounced) {
                let (bounced, of) = (count(bounced), count(of));
                let name = &server.name;
                found.push(format!(
                    "{name}/{id} bounce rate of the day ({bounced} of {of})"
                ));
            }
            let rates = [
                ("bounce rate", stream.chance_bounces, bounced),
                ("complaint rate", stream.chance_complaints, complained),
            ];
            for (name, chance, is_more) in rates {
                if is_more || chance.times == 0 {
                    continue;
                }
                let (bounced, of) = chance.highest;
                let highest = format!("at worst {} of {}", count(bounced), count(of));
                let times = plural(chance.times, "time");
                found.push(format!("{}/{id} {name} {times} ({highest})", server.name));
            }
        }
    }
    (!found.is_empty()).then(|| {
        let list = elide(found, MAX_NAMES);
        format!("Above a threshold, but no more than chance explains: {list}")
    })
}

/// Returns changes of the watched servers, a line for each kind. One without a server is of hushwatch itself.
fn note_lines(notes: &[(String, String)]) -> Vec<String> {
    let mut by_text: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (server, text) in notes {
        by_text.entry(text).or_default().push(server);
    }
    let line = |(text, servers): (&str, Vec<&str>)| match servers.as_slice() {
        [""] => text.to_owned(),
        [server] if text.starts_with("is ") || text.starts_with("was ") => {
            format!("{server} {text}")
        }
        [server] => format!("{server}: {text}"),
        servers => format!(
            "{} ({}): each {text}",
            plural(servers.len() as u64, "server"),
            elide(servers.iter().map(|s| (*s).to_owned()), MAX_NAMES)
        ),
    };
    by_text.into_iter().map(line).collect()
}

/// Returns a line for each mute; of many, the first ones.
fn mute_lines(mutes: &[Mute], at: Timestamp, style: Style) -> impl Iterator<Item = String> {
    let first = mutes.iter().take(MAX_NAMES);
    let lines = first.map(move |mute| format!("🔕 Muted: {}", mute_line(mute, at, style.zone)));
    let rest = mutes.len().saturating_sub(MAX_NAMES);
    let rest = (rest > 0).then(|| format!("🔕 Muted: {rest} more: hushwatch mute --list"));
    lines.chain(rest)
}

/// Returns the verdict: what is open, what was resolved, and else how the day was.
fn verdict(data: &Day) -> String {
    let problems = |n: usize| match n {
        1 => "1 problem".to_owned(),
        n => format!("{} problems", count(n as u64)),
    };
    let (open, ended) = (open_problems(data).len(), ended(data));
    let others = EndedOtherwise::count(ended.iter().map(|t| &t.incident));
    let resolved = ended.len() - others.total();
    let day = judge_day(data);
    let (needs_a_look, unread) = (&day.needs_a_look, !day.unread.is_empty());
    let streams = data.servers.iter().flat_map(|s| &s.streams);
    let sent: u64 = streams.map(|s| s.sent).sum();
    let verdict = match (open, resolved) {
        (0, 0) if others.total() > 0 => "nothing open".to_owned(),
        (0, 0) if !needs_a_look.is_empty() => needs_a_look.clone(),
        (0, 0) if unread => {
            return "no problem found, but not everything could be read".to_owned();
        }
        (0, 0) if sent == 0 => return "all quiet, nothing was sent".to_owned(),
        (0, 0) => {
            let sent = plural(sent, "message");
            return match is_any_day_high(data) {
                true => format!("no rule fired, {sent} sent"),
                false => format!("all normal, {sent} sent"),
            };
        }
        (0, resolved) => format!("nothing open, {} resolved", problems(resolved)),
        (open, 0) => format!("{} open", problems(open)),
        (open, resolved) => format!("{} open, {resolved} resolved", problems(open)),
    };
    let first = |number: usize| match open + resolved {
        0 => problems(number),
        _ => number.to_string(),
    };
    let verdict = std::iter::once(verdict).chain(others.describe(&first));
    let verdict = verdict.collect::<Vec<String>>().join(", ");
    let is_any = open + resolved + others.total() > 0;
    let verdict = match is_any && !needs_a_look.is_empty() {
        true => format!("{verdict}, {needs_a_look}"),
        false => verdict,
    };
    if unread {
        format!("{verdict}, not everything could be read")
    } else {
        verdict
    }
}

/// Whether the day of a stream is above the threshold of its bounces: it may be chance, and is not normal.
fn is_any_day_high(data: &Day) -> bool {
    let mut streams = data.servers.iter().flat_map(|server| &server.streams);
    streams.any(|stream| stream.chance_day.is_some())
}

fn has_unknown(server: &ServerDay) -> bool {
    let streams = &server.streams;
    let is_empty = streams.is_empty() && server.same_as.is_none();
    let is_whole = |s: &StreamDay| s.unknown.is_empty() && s.bounces_unread.is_empty();
    server.blind.is_some() || is_empty || !streams.iter().all(is_whole)
}
