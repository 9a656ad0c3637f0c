//! `incidents`: every incident of a range of time, for a person.

use crate::model::{Incident, IncidentState, Judgement, Span, Timestamp, Zone};
use crate::notify::alert::Style;
use crate::notify::describe::{describe_open_at, describe_settled, describe_worst};
use crate::notify::location::location;
use crate::notify::problem_span::{self, unread_phrase};
use crate::output::json::ListedIncident;
use crate::text::format::{format_exact, format_length, plural, short_range};
use crate::text::sanitize::clean;
use crate::text::table::Table;

/// Returns a table of the incidents that are open at `now` or opened in `span`, newest first.
pub fn incidents_text(
    listed: &[ListedIncident],
    span: Span,
    now: Timestamp,
    style: Style,
) -> String {
    let range = short_range(span, now, style.zone);
    let zone = style.zone.name();
    if listed.is_empty() {
        return format!("no incident is open, and none opened {range} {zone}\n");
    }
    let mut table = Table::new(&[
        "OPENED", "LASTED", "SEVERITY", "RULE", "WHERE", "ID", "NOTES", "WHAT",
    ]);
    for one in listed {
        table.row(cells(one, now, style));
    }
    let open = listed.iter().filter(|one| one.incident.is_open());
    let sum = plural(listed.len() as u64, "incident");
    let open = open.count();
    format!("{}{sum}, {open} open; times in {zone}\n", table.to_text())
}

fn cells(listed: &ListedIncident, now: Timestamp, style: Style) -> [String; 8] {
    let incident = &listed.incident;
    let (lasted, what) = match resolved_at(incident) {
        Some(_) => {
            let mut lasted = problem_span::lasted(incident, problem_span::whole_span(incident));
            if !incident.is_end_known() {
                lasted = format!("{lasted}, closed");
            }
            let settled = incident.evidence.new_level().map(describe_settled);
            let settled = settled.map_or_else(String::new, |settled| format!("; {settled}"));
            (lasted, describe_worst(incident, now, style) + &settled)
        }
        None => {
            let lasts = format_length(Span::new(problem_span::problem_span(incident).from, now));
            (
                format!("{lasts}, open"),
                describe_open_at(incident, now, style),
            )
        }
    };
    [
        opened(incident, style.zone),
        lasted,
        incident.severity.name().to_owned(),
        incident.rule.to_string(),
        location(incident),
        incident.id.clone(),
        notes(listed, now, style),
        what,
    ]
}

fn opened(incident: &Incident, zone: Zone) -> String {
    format_exact(incident.first_opening(), zone)
}

/// Returns when it returned, and what people did with it: whether they were told, who closed it, and what it was to them.
fn notes(listed: &ListedIncident, now: Timestamp, style: Style) -> String {
    let (incident, zone) = (&listed.incident, style.zone);
    let mut notes = Vec::new();
    if incident.first_opened_at.is_some() {
        notes.push(format!(
            "returned {}",
            format_exact(incident.opened_at, zone)
        ));
    }
    notes.extend(unread_phrase(incident, now, style));
    if !incident.notified {
        notes.push("not sent".to_owned());
    }
    if let Some(acknowledged) = &incident.acknowledged {
        notes.push(format!("acknowledged by {}", clean(&acknowledged.by)));
    }
    if let Some(person) = &incident.closed_by {
        notes.push(format!("closed by {}", clean(person)));
    }
    if let Some(feedback) = &listed.feedback {
        let verdict = match feedback.judgement {
            Judgement::Real => "real",
            Judgement::FalseAlarm => "false alarm",
        };
        notes.push(format!("{verdict} ({})", clean(&feedback.by)));
    }
    notes.join(", ")
}

const fn resolved_at(incident: &Incident) -> Option<Timestamp> {
    match incident.state {
        IncidentState::Resolved { at, .. } => Some(at),
        IncidentState::Open { .. } => None,
    }
}
