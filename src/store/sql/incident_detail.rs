//! Everything that is stored of one incident, for `explain`.

use crate::model::{BounceClass, ServerName, Span, StreamKey, Timestamp};
use crate::store::{
    AttemptOutcome, AttemptRow, Database, Error, EventRow, IncidentRow, NotificationRow, PollRow,
    TransitionRow,
};

use super::{Row, feedback, incidents, outbox, polls, recent_events, values};

impl Database {
    /// Returns every transition of an incident that is still stored, in the order in which they were recorded.
    pub fn incident_transitions(&mut self, incident: &str) -> Result<Vec<TransitionRow>, Error> {
        let sql =
            "SELECT at, step, told, text, body FROM transitions WHERE incident = ?1 ORDER BY seq";
        self.rows(sql, &values![incident], incidents::read_transition)
    }

    /// Returns the incidents that are open or opened since `since`, newest first.
    pub fn listed_incidents(&mut self, since: Timestamp) -> Result<Vec<IncidentRow>, Error> {
        self.read(|s| {
            let incidents = s.rows(
                "SELECT body FROM incidents WHERE open = 1 OR opened_at >= ?1 ORDER BY opened_at DESC, id",
                &values![since],
                incidents::read_body,
            )?;
            let ids = || incidents.iter().map(|incident| values![&incident.id]);
            let mut steps = vec![None; incidents.len()];
            let last = "SELECT at, step, told, text, body FROM transitions WHERE incident = ?1 ORDER BY seq DESC LIMIT 1";
            s.each_row(last, ids(), |place, row| {
                steps[place] = Some(incidents::read_transition(row)?);
                Ok(())
            })?;
            let mut said = vec![None; incidents.len()];
            let sql = "SELECT verdict, by_whom, at FROM feedback WHERE incident = ?1";
            s.each_row(sql, ids(), |place, row| {
                said[place] = Some(feedback::read(row, 0)?);
                Ok(())
            })?;
            let rows = incidents.into_iter().zip(steps).zip(said);
            // An incident is stored together with its first step.
            let row = |((incident, last_step), feedback): ((_, Option<TransitionRow>), _)| {
                let last_step = last_step?;
                Some(IncidentRow { incident, last_step, feedback })
            };
            Ok(rows.filter_map(row).collect())
        })
    }

    /// Returns the messages that name an incident, in the order in which they were written, without those in whose place another
    /// one tells it.
    pub fn notifications(&mut self, incident: &str) -> Result<Vec<NotificationRow>, Error> {
        self.read(|s| {
            let found = s.rows(
                "SELECT kind, incident, channel, text, body, seq, created_at, state, sent_at, sent_channel FROM outbox
                 WHERE seq IN (SELECT seq FROM outbox_incidents WHERE incident = ?1) AND state <> 'replaced' ORDER BY seq",
                &values![incident],
                |row| {
                    let notification = NotificationRow {
                        message: outbox::read_message(row, 0)?,
                        written_at: row.get(6)?,
                        pending: matches!(row.get::<String>(7)?.as_str(), "pending" | "sending"),
                        given_up: row.get::<String>(7)?.starts_with("given_up"),
                        accepted_at: row.get(8)?,
                        accepted_by: row.get(9)?,
                        attempts: Vec::new(),
                    };
                    Ok((row.get::<i64>(5)?, notification))
                },
            )?;
            let (rows, mut notifications): (Vec<i64>, Vec<_>) = found.into_iter().unzip();
            let incidents = outbox::load_incidents(s, &rows)?;
            for (notification, incidents) in notifications.iter_mut().zip(incidents) {
                notification.message.incidents = incidents;
            }
            s.each_row(
                "SELECT at, outcome, unknown FROM attempts WHERE outbox = ?1 ORDER BY at",
                rows.iter().map(|row| values![*row]),
                |index, row| {
                    notifications[index].attempts.push(read_attempt(row)?);
                    Ok(())
                },
            )?;
            Ok(notifications)
        })
    }

    /// Returns the polls of a server from the beginning of `span` to its end, both included, in order.
    pub fn polls_within(&mut self, server: &ServerName, span: Span) -> Result<Vec<PollRow>, Error> {
        self.rows(
            "SELECT at, requests, complete, reason FROM polls WHERE server = ?1 AND at >= ?2 AND at <= ?3 ORDER BY at",
            &values![&server.0, span.from, span.until],
            polls::poll,
        )
    }

    /// Returns the bounces and complaints of a stream in `span` that are of one of `classes`, newest first.
    pub fn bounce_events(
        &mut self,
        stream: &StreamKey,
        span: Span,
        classes: &[BounceClass],
        limit: u32,
    ) -> Result<Vec<EventRow>, Error> {
        self.read_stream(stream, |s, key| {
            let names = classes.iter().map(|class| format!(",{},", class.name()));
            let names: String = names.collect();
            s.rows(
                "SELECT b.id, b.class, b.message, b.recipient, t.name, b.type, b.description, b.at FROM bounces b
                 LEFT JOIN tags t ON t.key = b.tag WHERE b.stream = ?1 AND b.at >= ?2 AND b.at < ?3
                 AND ?4 LIKE '%,' || b.class || ',%' ORDER BY b.at DESC, b.id DESC LIMIT ?5",
                &values![key, span.from, span.until, names.as_str(), limit],
                recent_events::event,
            )
        })
    }
}

fn read_attempt(row: &dyn Row) -> Result<AttemptRow, Error> {
    Ok(AttemptRow {
        at: row.get(0)?,
        outcome: AttemptOutcome::from_text(row.get(1)?),
        unknown: row.get(2)?,
    })
}
