//! Incidents, their steps, and the one transaction that records what an evaluation decided.

use std::collections::BTreeMap;

use crate::model::{
    Incident, IncidentState, Rule, ServerName, Span, Step, StreamKey, Timestamp, Transition,
};
use crate::store::{CycleCommit, Database, Error, Problem, TransitionRow};

use super::{
    Row, Scope, Session, answers, feedback, leases, mutes, outbox, polls, server_identity, values,
};

impl Database {
    /// Returns the latest incident of each rule, stream and tag of a server.
    pub fn latest_incidents(&mut self, server: &ServerName) -> Result<Vec<Incident>, Error> {
        self.rows(
            // The open one first: after a wrong clock, one that is over may bear a later time.
            "SELECT body FROM (SELECT body, row_number() OVER (PARTITION BY stream, tag, rule ORDER BY open DESC, opened_at DESC)
             AS place FROM incidents WHERE server = ?1) AS ranked WHERE place = 1",
            &values![&server.0],
            read_body,
        )
    }

    /// Returns the latest incidents of a server that are open.
    pub fn open_incidents(&mut self, server: &ServerName) -> Result<Vec<Incident>, Error> {
        let mut incidents = self.latest_incidents(server)?;
        incidents.retain(Incident::is_open);
        Ok(incidents)
    }

    /// Returns every incident that is open, whether its server is watched or not.
    pub fn all_open_incidents(&mut self) -> Result<Vec<Incident>, Error> {
        let sql = "SELECT body FROM incidents WHERE open = 1 ORDER BY opened_at, id";
        self.rows(sql, &[], read_body)
    }

    /// Returns the incidents of all servers that are open, or of which a step was recorded from `since` on, by their opening.
    pub fn incidents_since(&mut self, since: Timestamp) -> Result<Vec<Incident>, Error> {
        self.rows(
            "SELECT body FROM incidents WHERE open = 1
                 OR id IN (SELECT incident FROM transitions WHERE recorded_at >= ?1) ORDER BY opened_at, id",
            &values![since],
            read_body,
        )
    }

    /// Returns the incidents of a server that say that mail is not delivered and opened from `since` on, by their opening.
    pub fn delivery_incidents(
        &mut self,
        server: &ServerName,
        since: Timestamp,
    ) -> Result<Vec<Incident>, Error> {
        self.rows(
            "SELECT body FROM incidents WHERE server = ?1 AND rule IN ('delivery_silence', 'delivery_drop') AND opened_at >= ?2
             ORDER BY opened_at, id",
            &values![&server.0, since],
            read_body,
        )
    }

    /// Returns the streams of whose own silence, which is open, people were told.
    pub fn open_stops(&mut self) -> Result<BTreeMap<StreamKey, Rule>, Error> {
        let open = self.all_open_incidents()?.into_iter();
        let problem = Rule::SendSilence;
        let told = open.filter(|i| i.notified && i.rule.problem() == problem && i.tag.is_none());
        Ok(told
            .filter_map(|i| Some((StreamKey::new(&i.server, i.stream.as_ref()?), i.rule)))
            .collect())
    }

    pub fn incident(&mut self, id: &str) -> Result<Option<Incident>, Error> {
        let sql = "SELECT body FROM incidents WHERE id = ?1";
        self.read(|s| s.first(sql, &values![id], read_body))
    }

    /// Returns the transitions recorded in `span`, in order of the instants that were evaluated.
    pub fn transitions(&mut self, span: Span) -> Result<Vec<TransitionRow>, Error> {
        self.rows(
            "SELECT at, step, told, text, body FROM transitions WHERE recorded_at >= ?1 AND recorded_at < ?2 ORDER BY at, seq",
            &values![span.from, span.until],
            read_transition,
        )
    }

    /// Commits what a cycle decided, all of it or nothing. Fails where the schema became too new, or a lease was lost.
    pub fn commit(&mut self, commit: &CycleCommit) -> Result<(), Error> {
        let schema_query = self.schema_query();
        self.write(Scope::All, |s| {
            super::schema::check(s, schema_query)?;
            record_commit(s, commit)
        })
    }
}

/// Returns the times in which polls of a server found its account not active, in order, each from the first that was refused to the
/// first that was answered; the last one may have no end.
pub(super) fn load_refused(s: &mut dyn Session, server: &ServerName) -> Result<Vec<Span>, Error> {
    let steps: Vec<(Timestamp, String, Incident, Incident)> = s.rows(
        "SELECT t.at, t.step, t.body, i.body FROM incidents i JOIN transitions t ON t.incident = i.id
         WHERE i.server = ?1 AND i.stream = '' AND i.tag = '' AND i.rule = ?2 AND t.step IN (?3, ?4) ORDER BY t.at, t.seq",
        &values![
            &server.0,
            Rule::AccountInactive.name(),
            Step::Opened.name(),
            Step::Resolved.name()
        ],
        |row| {
            let of = |column| read_incident(&row.get::<String>(column)?);
            Ok((row.get(0)?, row.get(1)?, of(2)?, of(3)?))
        },
    )?;
    let (mut refused, mut since) = (Vec::new(), None);
    for (at, step, then, now) in steps {
        if step == Step::Opened.name() {
            since = since.or(Some(at));
            continue;
        }
        // That a person closed it does not make the account active: the first poll that is served does.
        let until = match then.closed_by {
            Some(_) => now.recovered_at,
            None => Some(at),
        };
        if let (Some(from), Some(until)) = (since, until) {
            refused.push(Span::new(from, until.max(from)));
            since = None;
        }
    }
    refused.extend(since.map(|from| Span::new(from, Timestamp::MAX)));
    Ok(refused)
}

/// A step from the columns at, step, told, text and body.
pub(super) fn read_transition(row: &dyn Row) -> Result<TransitionRow, Error> {
    let step = serde_json::Value::String(row.get(1)?);
    let step: Step = serde_json::from_value(step).map_err(|e| unreadable("a transition", e))?;
    let transition = Transition {
        at: row.get(0)?,
        incident: read_incident(&row.get::<String>(4)?)?,
        step,
        notified: row.get(2)?,
    };
    Ok(TransitionRow {
        transition,
        text: row.get(3)?,
    })
}

pub(super) fn record_commit(s: &mut dyn Session, commit: &CycleCommit) -> Result<(), Error> {
    leases::give_up(s, &commit.leases)?;
    for (server, state, poll) in &commit.servers {
        polls::save_server(s, server, state, poll)?;
    }
    for accepted in &commit.accepted {
        server_identity::accept(s, accepted)?;
    }
    // What closes first makes room for what opens: one open incident of a rule and stream.
    let (open, closed): (Vec<_>, Vec<_>) = commit.incidents.iter().partition(|i| i.is_open());
    for incident in closed.into_iter().chain(open) {
        save(s, incident)?;
    }
    let evaluated = commit.transitions.iter().map(|(t, _)| t.at);
    let polled = commit.servers.iter().map(|(_, _, poll)| poll.at);
    let at = polled
        .chain(evaluated)
        .chain(commit.at)
        .max()
        .unwrap_or_default();
    for (transition, text) in &commit.transitions {
        record(s, transition, text, at)?;
    }
    for message in &commit.messages {
        outbox::push(s, message, at)?;
    }
    for (incident, said) in &commit.feedback {
        feedback::save(s, incident, said)?;
    }
    mutes::end(s, &commit.ended_mutes, at)?;
    for mute in &commit.mutes {
        mutes::add(s, mute)?;
    }
    answers::save(s, &commit.answers)
}

fn save(s: &mut dyn Session, incident: &Incident) -> Result<(), Error> {
    s.execute(
        "INSERT INTO incidents (id, server, stream, tag, rule, open, withheld, opened_at, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO UPDATE
         SET rule = excluded.rule, open = excluded.open, withheld = excluded.withheld, opened_at = excluded.opened_at, body = excluded.body",
        &values![
            &incident.id,
            &incident.server.0,
            incident.stream.as_ref().map_or("", |s| s.0.as_str()),
            incident.tag.as_ref().map_or("", |t| t.0.as_str()),
            incident.rule.name(),
            incident.is_open(),
            incident.notification_deferred,
            incident.opened_at,
            &to_json(incident)?,
        ],
    )
}

fn record(
    s: &mut dyn Session,
    transition: &Transition,
    text: &str,
    at: Timestamp,
) -> Result<(), Error> {
    s.execute(
        "INSERT INTO transitions (at, incident, step, told, text, body, recorded_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &values![
            transition.at,
            &transition.incident.id,
            transition.step.name(),
            transition.notified,
            text,
            &to_json(&transition.incident)?,
            at,
        ],
    )
}

/// What is stored in each incident of `server`, and in its steps, bears its name of today.
pub(super) fn rename(s: &mut dyn Session, server: &ServerName) -> Result<(), Error> {
    let named = |body: &str| {
        let mut incident = read_incident(body)?;
        incident.server.clone_from(server);
        to_json(&incident)
    };
    let bodies = s.rows(
        "SELECT id, body FROM incidents WHERE server = ?1",
        &values![&server.0],
        |row| Ok((row.get::<String>(0)?, named(&row.get::<String>(1)?)?)),
    )?;
    let bodies: Vec<_> = bodies.iter().map(|(id, body)| values![id, body]).collect();
    s.execute_each("UPDATE incidents SET body = ?2 WHERE id = ?1", &bodies)?;
    let steps = s.rows(
        "SELECT seq, body FROM transitions WHERE incident IN (SELECT id FROM incidents WHERE server = ?1)",
        &values![&server.0],
        |row| Ok((row.get::<i64>(0)?, named(&row.get::<String>(1)?)?)),
    )?;
    let steps: Vec<_> = steps.iter().map(|(id, body)| values![*id, body]).collect();
    s.execute_each("UPDATE transitions SET body = ?2 WHERE seq = ?1", &steps)
        .map(drop)
}

/// Instants of a wrong clock are brought back to `now`, so that nothing waits for a year that will not come.
pub(super) fn rewind(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE transitions SET recorded_at = ?1 WHERE recorded_at > ?1";
    s.execute(sql, &values![now])?;
    for mut incident in s.rows("SELECT body FROM incidents", &[], read_body)? {
        if incident.judged_at <= now {
            continue;
        }
        let past = |at: &mut Timestamp| *at = (*at).min(now);
        past(&mut incident.judged_at);
        past(&mut incident.last_reminder_at);
        past(&mut incident.opened_at);
        incident.first_opened_at.iter_mut().for_each(past);
        // News from a wrong instant: rather told early than never.
        incident.suppressed_until.iter_mut().for_each(past);
        match &mut incident.state {
            IncidentState::Open { within_since } => within_since.iter_mut().for_each(past),
            IncidentState::Resolved { at, .. } => past(at),
        }
        save(s, &incident)?;
    }
    Ok(())
}

/// Reads an incident from the one column body.
pub(super) fn read_body(row: &dyn Row) -> Result<Incident, Error> {
    read_incident(&row.get::<String>(0)?)
}

fn read_incident(body: &str) -> Result<Incident, Error> {
    serde_json::from_str(body).map_err(|e| unreadable("an incident", e))
}

fn to_json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| unreadable("an incident", e))
}

fn unreadable(what: &str, error: impl std::fmt::Display) -> Error {
    Error::new(
        format!("read {what}"),
        Problem::Unreadable(error.to_string()),
    )
}
