//! What the pictures show: the mail of streams by the hour, what is usual then, and the incidents beside it.

mod drawn_day;
mod heat;
mod hours;

use std::time::Duration;

use chrono::{Datelike, Timelike};

use crate::chart::{ChartStep, DeliveredTotal, ShadedSpan, VolumeBar, VolumeChart, local_days};
use crate::cycle::stats::delivered_total;
use crate::model::{
    HOUR, History, Incident, ServerName, Span, StreamId, StreamKey, Timestamp, Zone,
};
use crate::notify::phrase::problem_name;
use crate::notify::problem_span::problem_span;
use crate::store::{self, Database};
use crate::text::format::plural;

pub(crate) use drawn_day::DrawnDay;
pub(crate) use heat::{HeatRank, heat_map, heat_row};
use hours::{begins_within_an_hour, hours_of, sample_of};

/// How far back it is learned what is usual.
const LOOKBACK: Duration = Duration::from_secs(28 * 86_400);
/// Fewer hours or days do not say what is usual.
const MIN_COMPARED: usize = 4;
/// The share of them that lies below the band of what is usual, and above it.
const OUTSIDE_BAND: f64 = 0.1;
/// After a cycle that is older, time goes by that nobody sees.
const MAX_AGE: Duration = Duration::from_secs(2 * 3600);
/// A longer span is shown by the day.
const MAX_HOURLY: Duration = Duration::from_secs(10 * 86_400);

/// The mail of one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct HourlyMail {
    /// Messages sent, as far as they were seen; `None` where nothing was.
    sent: Option<u64>,
    has_holes: bool,
    delivered: u64,
    /// Messages of which it is not known whether they were delivered.
    unknown: u64,
    /// Whether `delivered` is estimated.
    is_estimated: bool,
    bounced: u64,
    /// Whether bounces of a part of it were not read.
    bounces_unread: bool,
}

/// The mail of one stream or of several together, by hours of the clock, UTC; by hours from its beginning on where a span of some days
/// begins within one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MailByHour {
    /// The start of the first hour.
    begins: Timestamp,
    hours: Vec<HourlyMail>,
    /// When history begins: before that nothing was sent.
    known_from: Option<Timestamp>,
    /// What says of each stream how much of its mail was delivered.
    samples: Vec<History>,
}

impl MailByHour {
    /// Adds up what is known of streams: of `span`, and of the time before it from which it is learned what is usual.
    pub(crate) fn from_histories(histories: &[History], span: Span) -> Self {
        let begins = first_hour(span);
        let first_seen = histories.iter().filter_map(|h| h.first_seen_at).min();
        let length = (span.until.since(begins).as_secs()).div_ceil(3600) as usize;
        let mut hours = vec![HourlyMail::default(); length];
        for (index, history) in histories.iter().enumerate() {
            let of_stream = hours_of(history, first_seen, begins, span, length);
            for (sum, of_stream) in hours.iter_mut().zip(of_stream) {
                *sum = match index {
                    0 => of_stream,
                    _ => sum.plus(of_stream),
                };
            }
        }
        Self {
            begins,
            hours,
            known_from: first_seen,
            samples: histories.iter().map(sample_of).collect(),
        }
    }

    /// Returns how many of the messages sent in `span` were delivered, as the digest and `status` tell it; `None` where single messages
    /// are not kept.
    fn delivered(&self, span: Span) -> Option<DeliveredTotal> {
        let of_streams = self.samples.iter().map(|of| delivered_total(of, span));
        of_streams.reduce(DeliveredTotal::plus)
    }

    /// Adds the mail of another server, by the same hours alone. A server of which nothing was seen in them is left out: it says
    /// nothing of the others; nor does one that is younger, before it began.
    pub(crate) fn add_server(&mut self, other: &Self, span: Span) {
        if other.sent_by_hour(span).iter().all(Option::is_none) {
            return;
        }
        if self.sent_by_hour(span).iter().all(Option::is_none) {
            self.hours.clone_from(&other.hours);
            self.known_from = other.known_from;
            return;
        }
        let begins = |known_from: Option<Timestamp>| known_from.unwrap_or(Timestamp::MAX);
        let (own, others) = (begins(self.known_from), begins(other.known_from));
        let hours = self.hours.iter().zip(&other.hours).enumerate();
        let sums = hours.map(|(index, (sum, hour))| {
            let from = self.hour(index).from;
            match (from < own, from < others) {
                (false, true) => sum.plus(hour.of_younger()),
                (true, false) => hour.plus(sum.of_younger()),
                _ => sum.plus(*hour),
            }
        });
        self.hours = sums.collect();
        self.known_from = self.known_from.into_iter().chain(other.known_from).min();
    }

    /// Returns the bars of `span`.
    pub(crate) fn bars(&self, span: Span, step: ChartStep, zone: Zone) -> Vec<VolumeBar> {
        let spans: Vec<Span> = match step {
            ChartStep::Hour => (0..self.hours.len())
                .map(|index| self.hour(index))
                .collect(),
            ChartStep::Day => {
                let whole = Span::new(self.begins, span.until);
                local_days(whole, zone)
            }
        };
        let kind = |at: Timestamp| {
            let local = at.to_utc().with_timezone(&zone);
            let is_weekend = local.weekday().number_from_monday() > 5;
            let hour = match step {
                ChartStep::Hour => local.hour(),
                ChartStep::Day => 0,
            };
            (is_weekend, hour)
        };
        let sums: Vec<(Span, (bool, u32), HourlyMail)> = spans
            .into_iter()
            .map(|of| (of, kind(of.from), self.sum(of)))
            .collect();
        let shown = sums
            .iter()
            .filter(|(of, _, _)| of.until > span.from && of.from < span.until);
        let bar = |(of, kind, mail): &(Span, (bool, u32), HourlyMail)| {
            let within = of.intersect(span);
            if within != *of {
                // A part of a day is not compared with whole ones.
                let mail = self.sum(within);
                return to_bar(within, &mail, None);
            }
            let before = sums.iter().filter(|(earlier, other, _)| {
                other == kind && earlier.from < of.from && earlier.from + LOOKBACK >= of.from
            });
            let compared = before.filter_map(|(_, _, mail)| match mail.has_holes {
                true => None,
                false => mail.sent,
            });
            to_bar(*of, mail, usual_band(compared.collect()))
        };
        shown.map(bar).collect()
    }

    /// Returns the messages sent in each hour of `span`; `None` where one was not seen as a whole.
    pub(crate) fn sent_by_hour(&self, span: Span) -> Vec<Option<u64>> {
        let hours = self.hours.iter().enumerate();
        let within = hours.filter(|(index, _)| span.contains(self.hour(*index).from));
        let seen = |(_, hour): (usize, &HourlyMail)| match hour.has_holes {
            true => None,
            false => hour.sent,
        };
        within.map(seen).collect()
    }

    fn hour(&self, index: usize) -> Span {
        let from = self.begins + HOUR * u32::try_from(index).unwrap_or(u32::MAX);
        Span::new(from, from + HOUR)
    }

    /// Returns what the hours that begin in `span` hold together.
    fn sum(&self, span: Span) -> HourlyMail {
        let index = |at: Timestamp| (at.since(self.begins).as_secs().div_ceil(3600)) as usize;
        let until = index(span.until).min(self.hours.len());
        let hours = &self.hours[index(span.from).min(until)..until];
        let mut sum = HourlyMail {
            has_holes: hours.iter().any(|h| h.has_holes || h.sent.is_none()),
            ..HourlyMail::default()
        };
        for hour in hours {
            sum.sent = sum.sent.into_iter().chain(hour.sent).reduce(|a, b| a + b);
            sum.delivered += hour.delivered;
            sum.unknown += hour.unknown;
            sum.is_estimated |= hour.is_estimated;
            sum.bounced += hour.bounced;
            sum.bounces_unread |= hour.bounces_unread;
        }
        sum
    }
}

impl HourlyMail {
    /// Returns the same of a server whose history begins later, or within it: before that it sent nothing.
    fn of_younger(self) -> Self {
        Self {
            sent: Some(self.sent.unwrap_or(0)),
            has_holes: false,
            ..self
        }
    }

    /// Returns the mail of two streams in the same hour. Where one was not seen, their sum is not known.
    fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent.zip(other.sent).map(|(a, b)| a + b),
            has_holes: self.has_holes || other.has_holes,
            delivered: self.delivered + other.delivered,
            unknown: self.unknown + other.unknown,
            is_estimated: self.is_estimated || other.is_estimated,
            bounced: self.bounced + other.bounced,
            bounces_unread: self.bounces_unread || other.bounces_unread,
        }
    }
}

/// Returns from when on hours are needed for a picture of `span`.
pub(crate) fn since(span: Span) -> Timestamp {
    (span.from - LOOKBACK).floor(HOUR)
}

/// Returns when the first hour begins that is known for a picture of `span`: so that `span` begins with an hour, where it is shown by
/// the hour.
fn first_hour(span: Span) -> Timestamp {
    match step_for(span) {
        ChartStep::Hour => span.from - LOOKBACK,
        ChartStep::Day => since(span),
    }
}

fn to_bar(span: Span, mail: &HourlyMail, usual: Option<(u64, u64)>) -> VolumeBar {
    VolumeBar {
        span,
        sent: mail.sent,
        has_holes: mail.has_holes,
        delivered: mail.delivered,
        unknown: mail.unknown,
        is_estimated: mail.is_estimated,
        bounced: mail.bounced,
        bounces_unread: mail.bounces_unread,
        usual,
    }
}

/// Returns the bounds between which most of these lie; `None` of too few.
fn usual_band(mut compared: Vec<u64>) -> Option<(u64, u64)> {
    if compared.len() < MIN_COMPARED {
        return None;
    }
    compared.sort_unstable();
    let outside = (compared.len() as f64 * OUTSIDE_BAND) as usize;
    let low = compared.get(outside)?;
    let high = compared.get(compared.len() - 1 - outside)?;
    Some((*low, *high))
}

/// What a picture is of.
#[derive(Clone, Debug)]
pub(crate) struct ChartSubject {
    pub server: ServerName,
    /// All of them, or the one that is asked for.
    pub streams: Vec<StreamId>,
    /// Whether it is of that stream alone.
    pub is_one_stream: bool,
}

impl ChartSubject {
    fn title(&self) -> String {
        match self.streams.as_slice() {
            [stream] if self.is_one_stream => format!("{}/{stream}", self.server),
            _ => self.server.to_string(),
        }
    }

    /// Returns whether `incident` is of this.
    pub(crate) fn concerns(&self, incident: &Incident) -> bool {
        let together = incident.evidence.streams();
        let is_shown = |stream: &StreamId| !self.is_one_stream || self.streams.contains(stream);
        let is_one = |of: &StreamKey| *of.server() == self.server && is_shown(of.stream());
        let is_own =
            incident.server == self.server && incident.stream.as_ref().is_none_or(is_shown);
        is_own || together.iter().any(is_one)
    }
}

/// Returns the end of what a picture shows at `now`: the last hour that the last cycle saw whole, or where that was long ago, the
/// present, up to which nothing was seen.
pub(crate) fn shown_until(last_cycle: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let fresh = last_cycle.filter(|last| now < *last + MAX_AGE);
    fresh.unwrap_or(now).min(now).floor(HOUR)
}

/// Returns whether a picture of `span` has a bar for each hour or for each day.
pub(crate) fn step_for(span: Span) -> ChartStep {
    if span.length() <= MAX_HOURLY {
        ChartStep::Hour
    } else {
        ChartStep::Day
    }
}

/// Loads what is known of streams, as far as a picture of `span` needs it.
pub(crate) fn load_mail(
    s: &mut Database,
    subject: &ChartSubject,
    span: Span,
) -> Result<MailByHour, store::Error> {
    let mut histories = Vec::new();
    for stream in &subject.streams {
        let key = StreamKey::new(&subject.server, stream);
        let mut history = s.charted_history(&key, since(span), span)?;
        if begins_within_an_hour(first_hour(span)) {
            let cuts = [span.from, span.until];
            history.sent = s.sending_history(&key, span, &cuts)?.sent;
        }
        histories.push(history);
    }
    Ok(MailByHour::from_histories(&histories, span))
}

/// Returns the picture of one server or stream.
pub(crate) fn volume_chart(
    subject: &ChartSubject,
    mail: &MailByHour,
    incidents: &[Incident],
    span: Span,
    zone: Zone,
) -> VolumeChart {
    volume_chart_by(subject, mail, incidents, (span, step_for(span)), zone)
}

/// Returns the same with a bar for each step.
pub(crate) fn volume_chart_by(
    subject: &ChartSubject,
    mail: &MailByHour,
    incidents: &[Incident],
    (span, step): (Span, ChartStep),
    zone: Zone,
) -> VolumeChart {
    let concerns = |incident: &Incident| subject.concerns(incident);
    VolumeChart {
        title: subject.title(),
        span,
        step,
        bars: mail.bars(span, step, zone),
        delivered: mail.delivered(span),
        incidents: shaded_spans(incidents, concerns, span),
        zone,
    }
}

/// Returns the picture of all servers together, of which there are so many; how much was delivered is yet to be said.
pub(crate) fn fleet_chart(
    servers: usize,
    mail: &MailByHour,
    incidents: &[Incident],
    span: Span,
    zone: Zone,
) -> VolumeChart {
    let step = step_for(span);
    VolumeChart {
        title: plural(servers as u64, "server"),
        span,
        step,
        bars: mail.bars(span, step, zone),
        delivered: None,
        incidents: shaded_spans(incidents, |_| true, span),
        zone,
    }
}

/// Returns the times of those incidents that lie in `span`, in order.
fn shaded_spans(
    incidents: &[Incident],
    concerns: impl Fn(&Incident) -> bool,
    span: Span,
) -> Vec<ShadedSpan> {
    let own = incidents.iter().filter(|i| concerns(i));
    let mut shaded: Vec<ShadedSpan> = own
        .map(|incident| {
            let mut of = problem_span(incident);
            of.from = of.from.min(incident.first_opening());
            if incident.is_open() {
                of.until = of.until.max(span.until);
            }
            ShadedSpan {
                span: of,
                severity: incident.severity,
                label: format!("{} ({})", problem_name(incident.rule), incident.id),
            }
        })
        .filter(|shaded| !shaded.span.intersect(span).is_empty())
        .collect();
    shaded.sort_by_key(|shaded| shaded.span.from);
    shaded
}

#[cfg(test)]
mod tests;
