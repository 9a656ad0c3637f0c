//! Many servers, one row each: how much each sent in every hour, by its own measure.

use chrono::Timelike;
use serde::{Deserialize, Serialize};

use crate::chart::axis::compact;
use crate::chart::drawing::{Area, Drawing, Ink, TextAnchor, TextSize};
use crate::chart::legend::{LEGEND_HEIGHT, LegendRow, Sign, draw_legend, draw_mark};
use crate::model::{Severity, Span, Timestamp, Zone};
use crate::text::format::{count, format_zoned_range, plural};
use crate::text::sanitize::{clean, truncate};

/// The maximum number of rows; the others are counted.
const MAX_ROWS: usize = 40;
/// The maximum number of characters of a name.
const MAX_NAME: usize = 17;

const WIDTH: f32 = 360.0;
const LEFT: f32 = 116.0;
const RIGHT: f32 = 42.0;
const TOP: f32 = 60.0;
const ROW_HEIGHT: f32 = 14.0;

/// One hour of one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeatCell {
    /// Messages sent; `None` where the hour was not seen as a whole.
    pub sent: Option<u64>,
    /// The worst incident that stood in it.
    pub severity: Option<Severity>,
}

/// One server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeatRow {
    pub name: String,
    /// An hour each, all rows with the same ones.
    pub cells: Vec<HeatCell>,
}

/// Servers by hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeatMap {
    pub span: Span,
    /// The worst first; no more than are shown.
    pub rows: Vec<HeatRow>,
    /// How many servers have no row.
    pub others: usize,
    #[serde(with = "super::zone_name")]
    pub zone: Zone,
}

impl HeatMap {
    /// Returns the map of these rows, the worst first; of many, the first ones.
    pub fn new(mut rows: Vec<HeatRow>, span: Span, zone: Zone) -> Self {
        let others = rows.len().saturating_sub(MAX_ROWS);
        rows.truncate(MAX_ROWS);
        Self {
            span,
            rows,
            others,
            zone,
        }
    }

    /// Returns the picture of it.
    pub fn draw(&self) -> Drawing {
        let (shown, others) = (&self.rows, self.others);
        let legend = self.legend();
        let bottom = TOP + ROW_HEIGHT * (shown.len() + usize::from(others > 0)) as f32;
        let height = bottom + 8.0 + legend.len() as f32 * LEGEND_HEIGHT + 4.0;
        let title = plural((shown.len() + others) as u64, "server");
        let mut drawing = Drawing::new(WIDTH, height, &format!("{title} by hour"), self.describe());
        let (start, ink) = (TextAnchor::Start, Ink::Text);
        let heading = format!("{title}, worst first");
        drawing.text((12.0, 21.0), TextSize::Title, start, ink, &heading);
        let range = format!("by hour, {}", format_zoned_range(self.span, self.zone));
        drawing.label((12.0, 37.0), start, Ink::Muted, &range);
        drawing.label(
            (WIDTH - 8.0, TOP - 5.0),
            TextAnchor::End,
            Ink::Muted,
            "sent",
        );
        self.draw_hours(&mut drawing);
        for (index, row) in shown.iter().enumerate() {
            self.draw_row(&mut drawing, row, TOP + ROW_HEIGHT * index as f32);
        }
        if others > 0 {
            let text = format!("and {} more", count(others as u64));
            drawing.label((12.0, bottom - 3.5), start, Ink::Muted, &text);
        }
        draw_legend(&mut drawing, &legend, bottom + 8.0);
        drawing
    }

    fn describe(&self) -> String {
        let has = |row: &&HeatRow, severity| row.cells.iter().any(|c| c.severity == severity);
        let with = |severity| {
            let rows = self.rows.iter().filter(|row| has(row, Some(severity)));
            let names: Vec<String> = rows.take(5).map(|row| clean(&row.name)).collect();
            (!names.is_empty())
                .then(|| format!("{} on {}", severity.name().to_uppercase(), names.join(", ")))
        };
        let is_unseen = |row: &&HeatRow| row.cells.iter().any(|c| c.sent.is_none());
        let unseen = self.rows.iter().filter(is_unseen).count();
        let unseen = (unseen > 0).then(|| {
            format!(
                "{} with hours that were not seen",
                plural(unseen as u64, "server")
            )
        });
        let parts = [with(Severity::Wake), with(Severity::Warn), unseen];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let range = format_zoned_range(self.span, self.zone);
        match parts.is_empty() {
            true => format!("{range}: no incident, everything was seen"),
            false => format!("{range}: {}", parts.join("; ")),
        }
    }

    fn x(&self, at: Timestamp) -> f32 {
        let share =
            at.since(self.span.from).as_secs_f64() / self.span.length().as_secs_f64().max(1.0);
        LEFT + (WIDTH - LEFT - RIGHT) * share as f32
    }

    fn draw_hours(&self, drawing: &mut Drawing) {
        let hour = std::time::Duration::from_secs(3600);
        let mut at = self.span.from.ceil(hour / 4);
        while at < self.span.until {
            let local = at.to_utc().with_timezone(&self.zone);
            if local.minute() == 0 && local.hour().is_multiple_of(6) {
                let x = self.x(at);
                drawing.rect(Area::new(x - 0.35, TOP - 4.0, 0.7, 4.0), Ink::Muted);
                if x < WIDTH - RIGHT - 30.0 {
                    let text = local.format("%H:%M").to_string();
                    let place = (x - 1.0, TOP - 6.0);
                    drawing.label(place, TextAnchor::Start, Ink::Muted, &text);
                }
            }
            at = at + hour / 4;
        }
    }

    fn draw_row(&self, drawing: &mut Drawing, row: &HeatRow, y: f32) {
        let name = truncate(&clean(&row.name), MAX_NAME);
        drawing.label((12.0, y + 10.0), TextAnchor::Start, Ink::Text, &name);
        let width = (WIDTH - LEFT - RIGHT) / row.cells.len().max(1) as f32;
        let sent = row.cells.iter().filter_map(|cell| cell.sent);
        let most = sent.clone().max().unwrap_or(0);
        for (index, cell) in row.cells.iter().enumerate() {
            let x = LEFT + width * index as f32;
            let area = Area::new(x, y + 1.0, width - 0.7, ROW_HEIGHT - 2.0);
            match cell.sent {
                None => drawing.hatch(area),
                Some(sent) => drawing.rect(area, Ink::Heat(level(sent, most))),
            }
            if let Some(severity) = cell.severity {
                draw_mark(drawing, severity, area);
            }
        }
        let total = match sent.clone().next() {
            Some(_) => compact(sent.sum()),
            None => "?".to_owned(),
        };
        drawing.label((WIDTH - 8.0, y + 10.0), TextAnchor::End, Ink::Text, &total);
    }

    fn legend(&self) -> Vec<LegendRow> {
        let cells = || self.rows.iter().flat_map(|row| &row.cells);
        let has = |severity| cells().any(|cell| cell.severity == Some(severity));
        let volume = vec![
            (Sign::Ink(Ink::Heat(0)), "no mail"),
            (Sign::Ink(Ink::Heat(1)), "little"),
            (Sign::Ink(Ink::Heat(4)), "its busiest hour"),
        ];
        let signs = [
            (
                cells().any(|cell| cell.sent.is_none()),
                Sign::Hatch,
                "not seen",
            ),
            (has(Severity::Warn), Sign::Mark(Severity::Warn), "WARN"),
            (has(Severity::Wake), Sign::Mark(Severity::Wake), "WAKE"),
        ];
        let signs = signs.into_iter().filter(|(is_shown, _, _)| *is_shown);
        let signs: Vec<_> = signs.map(|(_, sign, text)| (sign, text)).collect();
        let rows = [volume, signs];
        rows.into_iter().filter(|row| !row.is_empty()).collect()
    }
}

/// Returns in which of four steps `sent` lies where `most` is the busiest hour; 0 for none.
fn level(sent: u64, most: u64) -> u8 {
    match sent as f64 / most.max(1) as f64 {
        _ if sent == 0 => 0,
        share if share <= 0.25 => 1,
        share if share <= 0.5 => 2,
        share if share <= 0.75 => 3,
        _ => 4,
    }
}
