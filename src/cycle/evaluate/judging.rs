//! Judging one server, on a thread of its own: it takes most of the time of a cycle that learns, and the others are read meanwhile.

use std::collections::BTreeMap;

use crate::config::Schedule;
use crate::cycle::evaluate::ServerEvaluation;
use crate::cycle::evaluate::found_late::evaluate_found_late;
use crate::cycle::poll::outcome::PollOutcome;
use crate::decide::IncidentLog;
use crate::detect::PollHealth;
use crate::evaluate::{Evaluator, drop_superseded_reminders};
use crate::model::{History, Incident, Learned, Series, ServerName, Span, StreamId, Timestamp};

/// All that the judgement of a server rests on.
pub(super) struct Judging {
    pub evaluator: Evaluator,
    pub poll: PollOutcome,
    pub histories: BTreeMap<StreamId, History>,
    pub incidents: Vec<Incident>,
    /// The instants before `now` that are still to be evaluated.
    pub instants: Vec<Timestamp>,
    pub schedule: Schedule,
    pub now: Timestamp,
}

/// What a server was judged to be.
pub(super) struct Judged {
    /// Without its route.
    pub evaluation: ServerEvaluation,
    pub learned: BTreeMap<Series, Learned>,
    /// What it was judged by.
    pub histories: BTreeMap<StreamId, History>,
}

impl Judging {
    /// Pure.
    pub(super) fn judge(self) -> Judged {
        let Self {
            mut evaluator,
            poll,
            histories,
            incidents,
            instants,
            schedule,
            now,
        } = self;
        let mut log = IncidentLog::new(poll.name().clone(), incidents.clone());
        let mut transitions =
            evaluate_found_late(&mut evaluator, &mut log, &poll, &histories, &schedule);
        evaluator.judge_from(&poll.judged_from);
        if poll.needs_list {
            evaluator.judge_no_stream();
        }
        let of_all = evaluator.evaluate_cycle(&mut log, &poll.health, &histories, &instants, now);
        transitions.extend(of_all);
        let mute_end = evaluator.end_mutes(&mut log, now);
        transitions.extend(mute_end.open.iter().cloned());
        drop_superseded_reminders(&mut transitions, &incidents);
        let previous = &poll.previous_state;
        let seen_until = previous.last_complete_at.unwrap_or(previous.first_start_at);
        let mut unseen = Vec::new();
        if matches!(poll.health, PollHealth::Complete) {
            for (stream, history) in histories.iter().filter(|(_, h)| !h.hours.is_empty()) {
                let gap = history.since_beginning(Span::new(seen_until, now));
                let holes = history.messages.holes(gap);
                unseen.extend(holes.into_iter().map(|hole| (stream.clone(), hole)));
            }
        }
        let evaluation = ServerEvaluation {
            name: poll.name().to_string(),
            incidents: log.incidents().cloned().collect(),
            transitions,
            seen_until,
            unseen,
            mute_end,
            ..ServerEvaluation::default()
        };
        Judged {
            evaluation,
            learned: evaluator.take_learned(),
            histories,
        }
    }
}

/// Returns what `judge` says of `server`; `None` where it panicked, which stops no other server.
pub(super) async fn judge_apart<T: Send + 'static>(
    server: &ServerName,
    judge: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    match tokio::task::spawn_blocking(judge).await {
        Ok(judged) => Some(judged),
        Err(error) => {
            tracing::error!(%server, %error, "failed to judge a server; its mail is judged again in the next cycle");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_whose_judging_panics_stops_no_other() {
        let judge = |broken: bool| {
            move || match broken {
                true => panic!("a fault of one server"),
                false => 7,
            }
        };
        let (shop, blog) = (ServerName::from("shop"), ServerName::from("blog"));
        assert_eq!(judge_apart(&shop, judge(true)).await, None);
        assert_eq!(judge_apart(&blog, judge(false)).await, Some(7));
    }
}
