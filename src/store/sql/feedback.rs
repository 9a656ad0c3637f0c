//! What people said of incidents, and the times of these.

use crate::model::{Feedback, Judgement, MarkedTime, ServerName, StreamKey, Tag};
use crate::store::{Database, Error, Problem};

use super::{Row, Scope, Session, incidents, values};

impl Database {
    /// Stores what a person says of an incident, in place of what was said before. Returns whether there is such an incident.
    pub fn save_feedback(&mut self, incident: &str, feedback: &Feedback) -> Result<bool, Error> {
        self.write(Scope::All, |s| save(s, incident, feedback))
    }

    /// Returns what was said last of an incident.
    pub fn feedback(&mut self, incident: &str) -> Result<Option<Feedback>, Error> {
        let sql = "SELECT verdict, by_whom, at FROM feedback WHERE incident = ?1";
        self.read(|s| s.first(sql, &values![incident], |row| read(row, 0)))
    }
}

/// Stores what a person says of an incident; returns whether there is such an incident.
pub(super) fn save(
    s: &mut dyn Session,
    incident: &str,
    feedback: &Feedback,
) -> Result<bool, Error> {
    let known = "SELECT id FROM incidents WHERE id = ?1";
    let known = s.first(known, &values![incident], |row| row.get::<String>(0))?;
    if known.is_none() {
        return Ok(false);
    }
    s.execute(
        "INSERT INTO feedback (incident, verdict, by_whom, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (incident) DO UPDATE
         SET verdict = excluded.verdict, by_whom = excluded.by_whom, at = excluded.at",
        &values![incident, feedback.judgement.name(), &feedback.by, feedback.at],
    )?;
    Ok(true)
}

/// Returns the times of a stream's incidents that people judged, in order of their beginning, each with the tag that it was of.
/// An incident of several streams is one of each.
pub(super) fn load_marked(
    s: &mut dyn Session,
    stream: &StreamKey,
) -> Result<Vec<(Option<Tag>, MarkedTime)>, Error> {
    let sql = "SELECT i.body, f.verdict, f.by_whom, f.at FROM feedback f JOIN incidents i ON i.id = f.incident
         WHERE (i.server = ?1 AND i.stream IN (?2, '')) OR (i.server = ?3 AND i.stream = '') ORDER BY i.opened_at, i.id";
    let (server, id) = (&stream.server().0, stream.stream());
    let values = values![server, &id.0, ServerName::ALL_SERVERS];
    let found = s.rows(sql, &values, |row| {
        let incident = incidents::read_body(row)?;
        let feedback = read(row, 1)?;
        let is_here = incident.stream.is_some() || incident.is_of(server, id);
        let span = incident.marked_span().filter(|_| is_here);
        Ok(span.map(|span| {
            let marked = MarkedTime {
                incident: incident.id,
                rule: incident.rule,
                span,
                feedback,
            };
            (incident.tag, marked)
        }))
    })?;
    Ok(found.into_iter().flatten().collect())
}

/// Reads feedback from the columns `verdict`, `by_whom` and `at`.
pub(super) fn read(row: &dyn Row, first: usize) -> Result<Feedback, Error> {
    let verdict: String = row.get(first)?;
    let judgement = Judgement::from_name(&verdict).ok_or_else(|| {
        let why = format!("unknown verdict {verdict}");
        Error::new("read feedback", Problem::Unreadable(why))
    })?;
    Ok(Feedback {
        judgement,
        by: row.get(first + 1)?,
        at: row.get(first + 2)?,
    })
}
