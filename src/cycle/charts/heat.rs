//! Many servers by the hour: the rows of a heat map, the worst first.

use super::{ChartSubject, MailByHour, shaded_spans};
use crate::chart::{HeatCell, HeatMap, HeatRow};
use crate::model::{Incident, Severity, Span, Zone};

/// Returns the row of one server in a heat map of `span`, and what puts it before others.
pub(crate) fn heat_row(
    subject: &ChartSubject,
    mail: &MailByHour,
    incidents: &[Incident],
    span: Span,
) -> (HeatRow, HeatRank) {
    let shaded = shaded_spans(incidents, |incident| subject.concerns(incident), span);
    let hours = (0..mail.hours.len()).map(|index| mail.hour(index));
    let hours: Vec<Span> = hours.filter(|hour| span.contains(hour.from)).collect();
    let worst = |hour: &Span| {
        let within = shaded
            .iter()
            .filter(|s| !s.span.intersect(*hour).is_empty());
        within
            .map(|s| s.severity)
            .max_by_key(|severity| severity_rank(*severity))
    };
    let sent = mail.sent_by_hour(span);
    let cells = hours.iter().zip(&sent).map(|(hour, sent)| HeatCell {
        sent: *sent,
        severity: worst(hour),
    });
    let cells: Vec<HeatCell> = cells.collect();
    let open = incidents
        .iter()
        .filter(|i| i.is_open() && subject.concerns(i));
    let rank = HeatRank {
        open: open.map(|i| severity_rank(i.severity)).max().unwrap_or(0),
        worst: shaded
            .iter()
            .map(|s| severity_rank(s.severity))
            .max()
            .unwrap_or(0),
        unseen: cells.iter().filter(|cell| cell.sent.is_none()).count(),
        sent: sent.iter().flatten().sum(),
    };
    let row = HeatRow {
        name: subject.server.to_string(),
        cells,
    };
    (row, rank)
}

/// How bad a server is, beside the others: an open incident first, then one that ended, then what was not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HeatRank {
    pub(super) open: u8,
    pub(super) worst: u8,
    pub(super) unseen: usize,
    pub(super) sent: u64,
}

const fn severity_rank(severity: Severity) -> u8 {
    match severity {
        Severity::Warn => 1,
        Severity::Wake => 2,
    }
}

/// Returns the heat map of these rows, the worst first.
pub(crate) fn heat_map(mut rows: Vec<(HeatRow, HeatRank)>, span: Span, zone: Zone) -> HeatMap {
    rows.sort_by(|(a, a_rank), (b, b_rank)| b_rank.cmp(a_rank).then_with(|| a.name.cmp(&b.name)));
    HeatMap::new(rows.into_iter().map(|(row, _)| row).collect(), span, zone)
}
