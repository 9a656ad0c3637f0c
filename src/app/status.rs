//! `status`: what is stored, as it stood at the last cycle.

use std::time::Duration;

use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::app::App;
use crate::app::mutes::mute_json;
use crate::app::report::{covered_until, incident_json, stream_json};
use crate::app::summary::{figures, next_monday_at_ten};
use crate::detect::Silence;
use crate::message::alert::{place, standing, tag_name};
use crate::message::muting;
use crate::message::text::{clean_lines, json_line};
use crate::message::words::{count, counted, percent, span, when, when_or_never};
use crate::model::{DAY, History, Incident, Rules, Span, Tag, Timestamp};
use crate::store;

impl App {
    /// What is stored, for a person or as JSON; what is muted, as it is `now`, or by the clock.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn status(
        &self,
        as_json: bool,
        now: Option<Timestamp>,
    ) -> Result<String, store::Error> {
        let at = self.stored_until().await?;
        let present = self.viewed_at(now).await?;
        let last_cycle = self.store.call(|s| s.last_cycle_at()).await?;
        let (pending, held) = self
            .store
            .call(move |s| Ok((s.pending()?, s.held(present)?.len())))
            .await?;
        let watched = self.watched().await?;
        let series = self.store.call(|s| s.series()).await?;
        let (mut text, mut servers, mut open) = (String::new(), Vec::new(), Vec::new());
        let zone = self.config.time_zone;
        text.push_str(&match last_cycle {
            Some(at) => format!("Last cycle {} {}\n", when(at, zone), zone.name()),
            None => "No cycle yet\n".to_owned(),
        });
        text.push_str(&format!("Data in {}\n", self.config.store));
        for (server, streams) in watched {
            let name = server.name.clone();
            let (state, incidents) = self
                .store
                .call(move |s| Ok((s.polls(&name, 1)?, s.incidents(&name)?)))
                .await?;
            let complete = state.first().is_some_and(|p| p.complete);
            let reason = state.first().and_then(|p| p.reason.clone());
            text.push_str(&format!(
                "\n{}: {}\n",
                server.name,
                seen(state.is_empty(), reason.as_deref())
            ));
            let mut of = Vec::new();
            for stream in &streams {
                let last_day = Span::before(at, DAY);
                let history = self.tagged_history(&server.name, stream, last_day).await?;
                let day = figures(&history, last_day);
                let rules = self.config.rules_for(&server);
                let silence = Silence::at(&history, at, &rules, series);
                let learning = silence.is_learning(&history, at);
                let mut json = stream_json(stream, &history, &day, at);
                let unnoticed = (!learning)
                    .then(|| silence.unnoticed_from(&history, next_monday_at_ten(at)))
                    .flatten();
                json["last_sent"] = json!(history.last_sent(at).map(|at| at.to_string()));
                json["last_delivered"] = json!(history.last_delivered(at).map(|at| at.to_string()));
                json["learning"] = json!(learning);
                json["stop_noticed_after_s"] = json!(unnoticed.map(|d| d.as_secs()));
                let tags = tags_told(&history, at, &rules, series);
                json["tags"] = tags.iter().map(TagTold::to_json).collect();
                of.push(json);
                let noticed = match (learning, unnoticed) {
                    (true, _) => "silence still being learned".to_owned(),
                    (false, Some(after)) => format!(
                        "a stop on a Monday at 10:00 UTC would be told after {}",
                        span(after)
                    ),
                    (false, None) => "too little mail to notice a stop within 45 days".to_owned(),
                };
                text.push_str(&format!(
                    "  {stream}: last 24h {} sent{}, {} bounced ({}), {}, {} of {} followed proven delivered\n    \
                     {}; last mail {}, last delivery {}\n    {noticed}\n",
                    count(day.sent),
                    counted_of(&history, last_day),
                    count(day.bounced),
                    percent(day.bounce_rate()),
                    counted(day.complaints, "complaint"),
                    day.proven,
                    day.sampled,
                    match covered_until(&history, at) {
                        Some(at) => format!("seen up to {}", when(at, zone)),
                        None => "nothing seen yet".to_owned(),
                    },
                    when_or_never(history.last_sent(at), zone),
                    when_or_never(history.last_delivered(at), zone),
                ));
                text.extend(tags.iter().map(|tag| tag.to_line(zone)));
            }
            servers.push(
                json!({"name": server.name, "complete": complete, "reason": reason, "streams": of}),
            );
            open.extend(incidents.into_iter().filter(Incident::is_open));
        }
        text.push_str(&format!(
            "\n{}\n",
            if open.is_empty() {
                "No open incidents".to_owned()
            } else {
                format!("Open incidents: {}", open.len())
            }
        ));
        for incident in &open {
            text.push_str(&format!(
                "  {} {} {} since {}: {}\n",
                incident.id,
                incident.severity.name(),
                place(incident),
                when(incident.opened_at, zone),
                standing(incident, self.style())
            ));
        }
        let mutes = self.mutes_at(present).await?;
        for mute in &mutes {
            text.push_str(&format!("Muted: {}\n", muting::line(mute, zone)));
        }
        text.push_str(&format!(
            "Pending messages: {pending}{}\n",
            match held {
                0 => String::new(),
                held => format!(" ({held} held by a mute)"),
            }
        ));
        if as_json {
            let incidents: Vec<Value> = open.iter().map(|i| incident_json(i, self)).collect();
            let all = json!({
                "last_cycle_at": last_cycle.map(|at| at.to_string()), "servers": servers,
                "open_incidents": incidents, "pending": pending, "held": held,
                "mutes": mutes.iter().map(mute_json).collect::<Vec<_>>(),
            });
            return Ok(json_line(&all));
        }
        Ok(clean_lines(&text))
    }

    /// The present, or what is `named` so, but never before the last cycle: for what ends between two cycles.
    pub(super) async fn viewed_at(
        &self,
        named: Option<Timestamp>,
    ) -> Result<Timestamp, store::Error> {
        let present = named.unwrap_or_else(crate::clock::now);
        Ok(self.stored_until().await?.max(present))
    }

    /// The instant that what is stored is told for: the last cycle's, or the machine's before the first.
    pub(super) async fn stored_until(&self) -> Result<Timestamp, store::Error> {
        Ok(self
            .store
            .call(|s| s.last_cycle_at())
            .await?
            .unwrap_or_else(crate::clock::now))
    }
}

/// How many of the messages of `day` are known by number alone, where any are.
fn counted_of(history: &History, day: Span) -> String {
    match history.counted_in(day) {
        0 => String::new(),
        counted => format!(" ({} of them counted, not listed)", count(counted)),
    }
}

/// A tag that is watched on its own.
struct TagTold {
    tag: Tag,
    last_sent: Option<Timestamp>,
    unnoticed: Option<Duration>,
}

fn tags_told(history: &History, at: Timestamp, rules: &Rules, series: usize) -> Vec<TagTold> {
    let told = |(tag, silence): (Tag, Silence)| {
        let of = &history.tags[&tag];
        TagTold {
            last_sent: of.last_sent(at),
            unnoticed: silence.unnoticed_from(of, next_monday_at_ten(at)),
            tag,
        }
    };
    let silences = Silence::of_tags(history, at, rules, series);
    silences.into_iter().map(told).collect()
}

impl TagTold {
    fn to_json(&self) -> Value {
        json!({
            "tag": self.tag, "last_sent": self.last_sent.map(|at| at.to_string()),
            "stop_noticed_after_s": self.unnoticed.map(|d| d.as_secs()),
        })
    }

    fn to_line(&self, zone: Tz) -> String {
        format!(
            "    {}: last mail {}; a stop on a Monday at 10:00 UTC would be told after {}\n",
            tag_name(&self.tag),
            when_or_never(self.last_sent, zone),
            self.unnoticed
                .map_or_else(|| "more than 45 days".to_owned(), span),
        )
    }
}

fn seen(never: bool, reason: Option<&str>) -> String {
    match (never, reason) {
        (true, _) => "never polled".to_owned(),
        (false, None) => "seen".to_owned(),
        (false, Some(reason)) => format!("NOT SEEN: {reason}"),
    }
}
