//! What the signs of a picture mean, below it.

use crate::chart::drawing::{Area, Drawing, Ink, TextAnchor, label_width};
use crate::model::Severity;

/// The height of a row of a legend.
pub(super) const LEGEND_HEIGHT: f32 = 17.0;

/// Signs, each with what it means.
pub(super) type LegendRow = Vec<(Sign, &'static str)>;

/// The sign of an entry in a legend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sign {
    Ink(Ink),
    Hatch,
    Incident(Severity),
    /// As it stands on an hour of a heat map.
    Mark(Severity),
}

impl Sign {
    fn draw(self, drawing: &mut Drawing, area: Area) {
        match self {
            Self::Ink(ink) => drawing.rect(area, ink),
            Self::Hatch => drawing.hatch(area),
            Self::Incident(severity) => draw_shade_sign(drawing, severity, area),
            Self::Mark(severity) => draw_mark(drawing, severity, area),
        }
    }
}

/// Returns these entries in rows that are no wider than `width`.
pub(super) fn wrap(
    entries: impl IntoIterator<Item = (Sign, &'static str)>,
    width: f32,
) -> Vec<LegendRow> {
    let mut rows: Vec<LegendRow> = vec![Vec::new()];
    let mut used = 0.0;
    for (sign, text) in entries {
        if used + entry_width(text) > width {
            rows.push(Vec::new());
            used = 0.0;
        }
        used += entry_width(text);
        if let Some(row) = rows.last_mut() {
            row.push((sign, text));
        }
    }
    rows
}

pub(super) fn draw_legend(drawing: &mut Drawing, rows: &[LegendRow], top: f32) {
    let mut y = top;
    for row in rows {
        let mut x = 12.0;
        for (sign, text) in row {
            sign.draw(drawing, Area::new(x, y, 10.0, 10.0));
            drawing.label((x + 14.0, y + 9.0), TextAnchor::Start, Ink::Text, text);
            x += entry_width(text);
        }
        y += LEGEND_HEIGHT;
    }
}

/// Returns how wide an entry is, about.
fn entry_width(text: &str) -> f32 {
    label_width(text) + 25.0
}

/// The height of the strip in which the marks of incidents stand, above each other: a warning, a gap, and a wake.
pub(super) const MARKS_HEIGHT: f32 = WARN_HEIGHT + 1.0 + WAKE_HEIGHT;
const WARN_HEIGHT: f32 = 2.5;
const WAKE_HEIGHT: f32 = 5.0;

/// Returns the tint of the time of an incident, and its mark, which is higher for a wake.
const fn shade_of(severity: Severity) -> (Ink, Ink, f32) {
    match severity {
        Severity::Warn => (Ink::WarnTint, Ink::Warn, WARN_HEIGHT),
        Severity::Wake => (Ink::WakeTint, Ink::Wake, WAKE_HEIGHT),
    }
}

/// Draws the time of an incident behind a volume, as a tint of `area` and a mark in the strip above it, where no bar hides it.
pub(super) fn draw_shade(drawing: &mut Drawing, severity: Severity, area: Area) {
    let (tint, mark, height) = shade_of(severity);
    drawing.rect(area, tint);
    let y = match severity {
        Severity::Warn => area.y - height,
        Severity::Wake => area.y - MARKS_HEIGHT,
    };
    drawing.rect(Area { y, height, ..area }, mark);
}

/// Draws what stands for such a time in the legend.
fn draw_shade_sign(drawing: &mut Drawing, severity: Severity, area: Area) {
    let (tint, mark, height) = shade_of(severity);
    drawing.rect(area, tint);
    drawing.rect(Area { height, ..area }, mark);
}

/// Draws an incident on the area of an hour: a warning as a bar across it, a wake as a frame around a light square.
pub(super) fn draw_mark(drawing: &mut Drawing, severity: Severity, area: Area) {
    let middle = area.y + area.height / 2.0;
    match severity {
        Severity::Warn => {
            drawing.rect(area, Ink::WarnTint);
            drawing.rect(Area::new(area.x, middle - 2.0, area.width, 4.0), Ink::Warn);
        }
        Severity::Wake => {
            drawing.rect(area, Ink::Wake);
            let side = area.width.min(area.height) * 0.4;
            let x = area.x + (area.width - side) / 2.0;
            drawing.rect(Area::new(x, middle - side / 2.0, side, side), Ink::OnMark);
        }
    }
}
