//! Incidents, their steps, and the one transaction that records what an evaluation decided.

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::model::{Incident, IncidentState, ServerName, Span, Step, Timestamp, Transition};
use crate::store::{Error, Judgement, TransitionRow};

use super::{outbox, polls, rows, unreadable};

fn read_incident(body: &str) -> Result<Incident, Error> {
    serde_json::from_str(body).map_err(|e| unreadable("an incident", e))
}

fn to_json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| unreadable("an incident", e))
}

pub(super) fn latest(connection: &Connection, server: &ServerName) -> Result<Vec<Incident>, Error> {
    let bodies: Vec<String> = rows(
        connection,
        // The open one first: after a wrong clock, one that is over may bear a later time.
        "SELECT body FROM (SELECT body, row_number() OVER (PARTITION BY stream, tag, rule ORDER BY open DESC, opened_at DESC)
         AS place FROM incidents WHERE server = ?1) WHERE place = 1",
        [&server.0],
        |row| row.get(0),
    )?;
    bodies.iter().map(|body| read_incident(body)).collect()
}

pub(super) fn one(connection: &Connection, id: &str) -> Result<Option<Incident>, Error> {
    let mut select = connection.prepare_cached("SELECT body FROM incidents WHERE id = ?1")?;
    let body: Option<String> = select.query_row([id], |row| row.get(0)).optional()?;
    body.map(|body| read_incident(&body)).transpose()
}

pub(super) fn transitions(
    connection: &Connection,
    span: Span,
) -> Result<Vec<TransitionRow>, Error> {
    let found: Vec<(i64, String, bool, String, String)> = rows(
        connection,
        "SELECT at, step, told, text, body FROM transitions WHERE recorded_at >= ?1 AND recorded_at < ?2 ORDER BY at, seq",
        (span.from.0, span.until.0),
        |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        },
    )?;
    found
        .into_iter()
        .map(|(at, step, told, text, body)| {
            let step: Step = serde_json::from_value(serde_json::Value::String(step))
                .map_err(|e| unreadable("a transition", e))?;
            let incident = read_incident(&body)?;
            Ok(TransitionRow {
                transition: Transition {
                    at: Timestamp(at),
                    incident,
                    step,
                    told,
                },
                text,
            })
        })
        .collect()
}

pub(super) fn commit(t: &Transaction<'_>, judgement: &Judgement) -> Result<(), Error> {
    for (server, state, poll) in &judgement.servers {
        polls::save_server(t, server, state, poll)?;
    }
    // What closes first makes room for what opens: one open incident of a rule and stream.
    let (open, closed): (Vec<_>, Vec<_>) = judgement.incidents.iter().partition(|i| i.is_open());
    for incident in closed.into_iter().chain(open) {
        save(t, incident)?;
    }
    let judged = judgement.transitions.iter().map(|(t, _)| t.at);
    let polled = judgement.servers.iter().map(|(_, _, poll)| poll.at);
    let at = polled.chain(judged).max().unwrap_or_default();
    for (transition, text) in &judgement.transitions {
        t.prepare_cached(
            "INSERT INTO transitions (at, incident, step, told, text, body, recorded_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            transition.at.0,
            &transition.incident.id,
            transition.step.name(),
            transition.told,
            text,
            to_json(&transition.incident)?,
            at.0,
        ))?;
    }
    for message in &judgement.messages {
        outbox::push(t, message, at)?;
    }
    Ok(())
}

fn save(t: &Transaction<'_>, incident: &Incident) -> Result<(), Error> {
    t.prepare_cached(
        "INSERT INTO incidents (id, server, stream, tag, rule, open, opened_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET open = excluded.open, opened_at = excluded.opened_at, body = excluded.body",
    )?
    .execute((
        &incident.id,
        &incident.server.0,
        incident.stream.as_ref().map_or("", |s| s.0.as_str()),
        incident.tag.as_ref().map_or("", |t| t.0.as_str()),
        incident.rule.name(),
        incident.is_open(),
        incident.opened_at.0,
        to_json(incident)?,
    ))?;
    Ok(())
}

/// Instants of a wrong clock are brought back to `now`, so that nothing waits for a year that will not come.
pub(super) fn rewind(t: &Transaction<'_>, now: Timestamp) -> Result<(), Error> {
    t.execute(
        "UPDATE transitions SET recorded_at = ?1 WHERE recorded_at > ?1",
        [now.0],
    )?;
    let bodies: Vec<String> = rows(t, "SELECT body FROM incidents", (), |row| row.get(0))?;
    for body in bodies {
        let mut incident = read_incident(&body)?;
        if incident.judged_at <= now {
            continue;
        }
        let past = |at: &mut Timestamp| *at = (*at).min(now);
        past(&mut incident.judged_at);
        past(&mut incident.reminded_at);
        past(&mut incident.opened_at);
        // Counted from a wrong instant: rather told early than never.
        incident.quiet_until.iter_mut().for_each(past);
        match &mut incident.state {
            IncidentState::Open { within_since } => within_since.iter_mut().for_each(past),
            IncidentState::Resolved { at, .. } => past(at),
        }
        save(t, &incident)?;
    }
    Ok(())
}
