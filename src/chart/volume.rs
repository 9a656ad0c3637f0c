//! Volume by hour or by day, on the band of what is usual, with bounces below it.

use serde::{Deserialize, Serialize};

use crate::chart::axis::{compact, round_up, time_marks};
use crate::chart::delivered::DeliveredTotal;
use crate::chart::drawing::{Area, Drawing, Ink, TextAnchor, TextSize, label_width};
use crate::chart::legend::{LEGEND_HEIGHT, LegendRow, Sign, draw_legend, draw_shade, wrap};
use crate::model::{Severity, Span, Timestamp, Zone};
use crate::text::format::{count, format_duration, format_zoned_range, plural};
use crate::text::sanitize::{clean, truncate};

/// The maximum number of characters of a title: more do not fit.
const MAX_TITLE: usize = 40;

const WIDTH: f32 = 360.0;
const LEFT: f32 = 36.0;
const RIGHT: f32 = 12.0;
const TOP: f32 = 64.0;
/// A short incident is to be seen in a season, too.
const MIN_MARK_WIDTH: f32 = 3.0;
const VOLUME_HEIGHT: f32 = 104.0;
const LANE_GAP: f32 = 7.0;
const BOUNCE_HEIGHT: f32 = 24.0;
const AXIS_HEIGHT: f32 = 18.0;

/// The length of time that a bar stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChartStep {
    /// An hour of the clock.
    Hour,
    /// A local day.
    Day,
}

impl ChartStep {
    const fn noun(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// What is known of the mail of one hour or day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeBar {
    pub span: Span,
    /// Messages sent, as far as they were seen; `None` where nothing was.
    pub sent: Option<u64>,
    /// Whether a part of it was not seen.
    pub has_holes: bool,
    /// How many of them are known or, by the sample, estimated to be delivered.
    pub delivered: u64,
    /// How many of them nobody knows to be delivered or not.
    #[serde(default)]
    pub unknown: u64,
    /// Whether `delivered` is estimated.
    #[serde(default)]
    pub is_estimated: bool,
    /// Recipients that bounced then.
    pub bounced: u64,
    /// Whether bounces of a part of it were not read.
    #[serde(default)]
    pub bounces_unread: bool,
    /// The fewest and the most messages that are usual then; `None` where too little is known.
    pub usual: Option<(u64, u64)>,
}

/// The time of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadedSpan {
    pub span: Span,
    pub severity: Severity,
    /// What it is, in a few words.
    pub label: String,
}

/// Volume over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeChart {
    /// Whose mail: a server, or a stream.
    pub title: String,
    pub span: Span,
    pub step: ChartStep,
    /// In order of time.
    pub bars: Vec<VolumeBar>,
    /// How many were delivered in all; `None` where the bars say it.
    #[serde(default)]
    pub delivered: Option<DeliveredTotal>,
    pub incidents: Vec<ShadedSpan>,
    #[serde(with = "super::zone_name")]
    pub zone: Zone,
}

impl VolumeBar {
    /// Returns how many bounced, as far as that was read: `4`, `4, not all read`, `?`.
    pub fn bounced_text(&self) -> String {
        match (self.sent, self.bounced, self.bounces_unread) {
            (None, ..) | (_, 0, true) => "?".to_owned(),
            (_, bounced, false) => count(bounced),
            (_, bounced, true) => format!("{}, not all read", count(bounced)),
        }
    }

    /// Returns how many of its messages were delivered, as a table says it: `853`, `about 853`, `about 121 to 342`, `?`.
    pub fn delivered_text(&self) -> String {
        let about = if self.is_estimated { "about " } else { "" };
        let (low, high) = (self.delivered, self.delivered + self.unknown);
        match self.sent {
            None => "?".to_owned(),
            Some(_) if self.unknown == 0 => format!("{about}{}", count(low)),
            Some(_) if low == 0 => "?".to_owned(),
            Some(_) => format!("{about}{} to {}", count(low), count(high)),
        }
    }
}

impl VolumeChart {
    /// Returns the picture of it.
    pub fn draw(&self) -> Drawing {
        let legend = self.legend();
        let rows = legend.len() as f32;
        let height = TOP
            + VOLUME_HEIGHT
            + LANE_GAP
            + BOUNCE_HEIGHT
            + AXIS_HEIGHT
            + rows * LEGEND_HEIGHT
            + 6.0;
        let title = format!("{}: mail by {}", clean(&self.title), self.step.noun());
        let mut drawing = Drawing::new(WIDTH, height, &title, self.describe());
        let shown = truncate(&clean(&self.title), MAX_TITLE);
        let place = (12.0, 21.0);
        drawing.text(place, TextSize::Title, TextAnchor::Start, Ink::Text, &shown);
        let muted = [
            (37.0, self.totals()),
            (
                52.0,
                format!(
                    "by {}, {}",
                    self.step.noun(),
                    format_zoned_range(self.span, self.zone)
                ),
            ),
        ];
        for (y, text) in muted {
            drawing.label((12.0, y), TextAnchor::Start, Ink::Muted, &text);
        }
        self.draw_incidents(&mut drawing);
        self.draw_grid(&mut drawing);
        self.draw_bars(&mut drawing);
        self.draw_time(&mut drawing);
        let below = TOP + VOLUME_HEIGHT + LANE_GAP + BOUNCE_HEIGHT + AXIS_HEIGHT;
        draw_legend(&mut drawing, &legend, below + 4.0);
        drawing
    }

    /// Returns how many were delivered of all that is shown, by its bars: an older version stored no more.
    fn delivered_by_bars(&self, sent: u64) -> String {
        let sum = |of: fn(&VolumeBar) -> u64| self.bars.iter().map(of).sum::<u64>();
        let delivered = sum(|bar| bar.delivered);
        let (unknown, is_estimated) = (sum(|bar| bar.unknown), delivered != sent);
        let total = DeliveredTotal {
            number: (unknown == 0).then_some(delivered),
            low: delivered,
            high: delivered + unknown,
            is_exact: !is_estimated && self.bars.iter().all(|bar| !bar.is_estimated),
        };
        total.describe(sent)
    }

    /// Returns how much time was seen in no part.
    fn unseen(&self) -> std::time::Duration {
        let unseen = self.bars.iter().filter(|bar| bar.sent.is_none());
        unseen.map(|bar| bar.span.length()).sum()
    }

    fn totals(&self) -> String {
        if self.bars.iter().all(|bar| bar.sent.is_none()) {
            return "nothing of this time was seen".to_owned();
        }
        let sent = self.bars.iter().map(|bar| bar.sent.unwrap_or(0)).sum();
        let unread = self.bars.iter().any(|bar| bar.bounces_unread);
        let bounced = match (self.bars.iter().map(|bar| bar.bounced).sum(), unread) {
            (0, true) => "bounces not read yet".to_owned(),
            (bounced, false) => format!("{} bounced", count(bounced)),
            (bounced, true) => format!("{} bounced, not all read", count(bounced)),
        };
        let delivered = match self.delivered {
            Some(total) => total.describe(sent),
            None => self.delivered_by_bars(sent),
        };
        format!("{} sent · {delivered} · {bounced}", count(sent))
    }

    fn describe(&self) -> String {
        let mut parts = vec![format!(
            "{}: {}",
            format_zoned_range(self.span, self.zone),
            self.totals()
        )];
        let unseen = self.unseen();
        if !unseen.is_zero() {
            parts.push(format!("{} not seen", format_duration(unseen)));
        }
        let listed = self.incidents.iter().take(5);
        parts.extend(listed.map(|incident| {
            format!(
                "{}: {}",
                incident.severity.name().to_uppercase(),
                clean(&incident.label)
            )
        }));
        let others = self.incidents.len().saturating_sub(5);
        if others > 0 {
            parts.push(plural(others as u64, "more incident"));
        }
        parts.join("; ")
    }

    fn x(&self, at: Timestamp) -> f32 {
        let length = self.span.length().as_secs_f64().max(1.0);
        let share = at.since(self.span.from).as_secs_f64() / length;
        LEFT + (WIDTH - LEFT - RIGHT) * share.clamp(0.0, 1.0) as f32
    }

    /// Returns the number at the top of the axis.
    fn top(&self) -> u64 {
        let highest = |bar: &VolumeBar| {
            let usual = bar.usual.map_or(0, |(_, high)| high);
            bar.sent.unwrap_or(0).max(usual)
        };
        round_up(self.bars.iter().map(highest).max().unwrap_or(0))
    }

    fn draw_incidents(&self, drawing: &mut Drawing) {
        // The worse over the other.
        for severity in [Severity::Warn, Severity::Wake] {
            let of_severity = self.incidents.iter().filter(|i| i.severity == severity);
            for incident in of_severity {
                let shown = incident.span.intersect(self.span);
                let (from, until) = (self.x(shown.from), self.x(shown.until));
                let width = (until - from).max(MIN_MARK_WIDTH);
                let below = VOLUME_HEIGHT + LANE_GAP + BOUNCE_HEIGHT;
                draw_shade(drawing, severity, Area::new(from, TOP, width, below));
            }
        }
    }

    fn draw_grid(&self, drawing: &mut Drawing) {
        let top = self.top();
        let width = WIDTH - LEFT - RIGHT;
        let marks: &[u64] = if top.is_multiple_of(2) {
            &[0, 1, 2]
        } else {
            &[0, 2]
        };
        for half in marks {
            let y = TOP + VOLUME_HEIGHT * (1.0 - *half as f32 / 2.0);
            drawing.rect(Area::new(LEFT, y, width, 0.7), Ink::Grid);
            let text = compact(top / 2 * half + top % 2 * half / 2);
            let place = (LEFT - 5.0, y + 4.0);
            drawing.label(place, TextAnchor::End, Ink::Muted, &text);
        }
    }

    fn draw_bars(&self, drawing: &mut Drawing) {
        let top = self.top() as f32;
        let most_bounced = self.bars.iter().map(|bar| bar.bounced).max().unwrap_or(0);
        let base = TOP + VOLUME_HEIGHT;
        let lane = base + LANE_GAP;
        let y = |number: u64| base - VOLUME_HEIGHT * (number as f32 / top).min(1.0);
        let sides = |bar: &VolumeBar| {
            let (from, until) = (self.x(bar.span.from), self.x(bar.span.until));
            let gap = if until - from >= 4.0 { 1.0 } else { 0.0 };
            (from, until, gap)
        };
        for bar in &self.bars {
            let (from, until, _) = sides(bar);
            if bar.sent.is_none() || bar.has_holes {
                let height = VOLUME_HEIGHT + LANE_GAP + BOUNCE_HEIGHT;
                drawing.hatch(Area::new(from, TOP, until - from, height));
            }
        }
        for bar in &self.bars {
            let (from, until, _) = sides(bar);
            if let Some((low, high)) = bar.usual {
                let area = Area::new(from, y(high), until - from, y(low) - y(high));
                drawing.rect(area, Ink::Usual);
            }
        }
        for (ink, number) in [
            (
                Ink::Sent,
                (|bar| bar.sent.unwrap_or(0)) as fn(&VolumeBar) -> u64,
            ),
            (Ink::Unknown, |bar| match bar.unknown {
                0 => 0,
                unknown => (bar.delivered + unknown).min(bar.sent.unwrap_or(0)),
            }),
            (Ink::Delivered, |bar| {
                bar.delivered.min(bar.sent.unwrap_or(0))
            }),
        ] {
            for bar in &self.bars {
                let (from, until, gap) = sides(bar);
                // A single message is to be seen beside thousands.
                let height = match number(bar) {
                    0 => 0.0,
                    some => (base - y(some)).max(1.0),
                };
                let area = Area::new(from, base - height, until - from - gap, height);
                drawing.rect(area, ink);
            }
        }
        drawing.rect(Area::new(LEFT, lane, WIDTH - LEFT - RIGHT, 0.7), Ink::Grid);
        for bar in &self.bars {
            let (from, until, gap) = sides(bar);
            let share = bar.bounced as f32 / most_bounced.max(4) as f32;
            let height = BOUNCE_HEIGHT * share;
            drawing.rect(
                Area::new(from, lane, until - from - gap, height),
                Ink::Bounced,
            );
        }
        let place = (LEFT - 5.0, lane + BOUNCE_HEIGHT - 3.0);
        let text = compact(most_bounced.max(4));
        drawing.label(place, TextAnchor::End, Ink::Bounced, &text);
    }

    fn draw_time(&self, drawing: &mut Drawing) {
        let base = TOP + VOLUME_HEIGHT + LANE_GAP + BOUNCE_HEIGHT;
        let mut free_from = 0.0;
        for mark in time_marks(self.span, self.zone) {
            let x = self.x(mark.at);
            drawing.rect(Area::new(x - 0.35, base, 0.7, 4.0), Ink::Muted);
            // About as wide as its font has it.
            let half = label_width(&mark.text) / 2.0;
            if x - half >= free_from && x + half <= WIDTH - 2.0 {
                free_from = x + half + 6.0;
                let place = (x, base + 15.0);
                drawing.label(place, TextAnchor::Middle, Ink::Muted, &mark.text);
            }
        }
    }

    /// Returns what is to be explained of what is shown, in rows.
    fn legend(&self) -> Vec<LegendRow> {
        let shows = |of: fn(&VolumeBar) -> bool| self.bars.iter().any(of);
        let has = |severity| self.incidents.iter().any(|i| i.severity == severity);
        let signs = [
            (true, Sign::Ink(Ink::Delivered), "delivered"),
            (
                shows(|bar| bar.delivered + bar.unknown < bar.sent.unwrap_or(0)),
                Sign::Ink(Ink::Sent),
                "not delivered",
            ),
            (
                shows(|bar| bar.unknown > 0),
                Sign::Ink(Ink::Unknown),
                "delivery not known",
            ),
            (
                shows(|bar| bar.usual.is_some()),
                Sign::Ink(Ink::Usual),
                "usual",
            ),
            (true, Sign::Ink(Ink::Bounced), "bounced"),
            (
                shows(|bar| bar.sent.is_none() || bar.has_holes),
                Sign::Hatch,
                "not seen",
            ),
            (has(Severity::Warn), Sign::Incident(Severity::Warn), "WARN"),
            (has(Severity::Wake), Sign::Incident(Severity::Wake), "WAKE"),
        ];
        let signs = signs.into_iter().filter(|(is_shown, _, _)| *is_shown);
        wrap(signs.map(|(_, sign, text)| (sign, text)), WIDTH - 12.0)
    }
}
