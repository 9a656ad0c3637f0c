//! Realistic incidents, days and mutes with fixed ids and times: one set for the snapshots beside the code, for
//! `docs/messages.md` and for the check of what Slack accepts.

mod bounces;
mod canary;
mod digests;
mod drift;
mod hello;
mod incidents;
mod sends;
mod server_changed;

use std::time::Duration;

use crate::model::{
    Acknowledgement, DAY, HOUR, Incident, IncidentState, Judgement, MINUTE, Mute, Rule, Span,
    Timestamp, Transition,
};
use crate::notify::Message;
use crate::notify::alert::{Style, alert};
use crate::notify::answered::answered_message;
use crate::notify::catch_up::catch_up;
use crate::notify::grouped::grouped_messages;
use crate::notify::live::{live_group, live_message};
use crate::notify::mute::mute_line;
use crate::notify::mute_ended::mute_ended_messages;
use crate::notify::notice::{
    clock_alert, database_alert, reload_alert, test_message, wake_test_message,
};
use crate::notify::update::incident_update;

pub(crate) use incidents::{Course, courses};

/// How the samples are worded.
pub(crate) const STYLE: Style = Style {
    zone: crate::model::Zone::UTC,
    mask: true,
};

/// One message of the catalogue.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// What it is, within its chapter.
    pub title: String,
    /// When it is sent, in a sentence.
    pub when: String,
    /// The message.
    pub message: Message,
    /// The incident that its outbox row names.
    pub incident: Option<String>,
}

/// Samples that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Chapter {
    /// The name of a rule, or of a kind of message.
    pub title: String,
    /// What it is about, in a sentence.
    pub about: String,
    /// The samples, in the order in which they would be sent.
    pub samples: Vec<Sample>,
}

/// Returns an instant of March 2026, in UTC; the 4th is a Wednesday.
pub(crate) fn march(day: u32, hour: u32, minute: u32) -> Timestamp {
    Timestamp::from_secs(1_772_323_200) + DAY * (day - 1) + HOUR * hour + MINUTE * minute
}

/// Returns every message that hushwatch sends, chapter by chapter.
pub(crate) fn chapters() -> Vec<Chapter> {
    let mut chapters: Vec<Chapter> = courses().iter().map(rule_chapter).collect();
    chapters.push(live_messages());
    chapters.push(several_steps());
    chapters.push(groups());
    chapters.push(catch_ups());
    chapters.push(mute_ends());
    chapters.push(hello::chapter());
    chapters.push(digests::chapter());
    chapters.push(notices());
    chapters
}

pub(crate) fn rule_chapter(course: &Course) -> Chapter {
    let samples = course.steps.iter().map(|(title, when, transition)| Sample {
        title: (*title).to_owned(),
        when: (*when).to_owned(),
        message: alert(transition, STYLE),
        incident: Some(transition.incident.id.clone()),
    });
    Chapter {
        title: course.rule.name().to_owned(),
        about: course.about.to_owned(),
        samples: samples.collect(),
    }
}

pub(crate) fn course_of(rule: Rule) -> Course {
    let found = courses().into_iter().find(|c| c.rule == rule);
    found.expect("each rule has a course")
}

/// The message of an incident, and of a group, as each step leaves it.
fn live_messages() -> Chapter {
    let mut samples = Vec::new();
    for (rule, steps) in [
        (
            Rule::SendSilence,
            &["opened", "escalated", "reminded", "resolved"][..],
        ),
        (Rule::BounceRate, &["opened", "resolved"]),
    ] {
        let course = course_of(rule);
        for last in 1..steps.len() {
            let notified: Vec<_> = steps[..=last].iter().map(|s| course.step(s)).collect();
            samples.push(Sample {
                title: format!("{rule}: {}", steps[last]),
                when: "The message in the channel after this step; the message of the step itself is a reply in its thread."
                    .to_owned(),
                message: live_message(&notified, notified[last], STYLE),
                incident: Some(notified[0].incident.id.clone()),
            });
        }
    }
    samples.extend(answered());
    let course = course_of(Rule::BounceRate);
    let over = copies(&course.step("resolved").incident, 4);
    let open = copies(&course.step("opened").incident, 4);
    for (title, ended) in [("two of four ended", 2), ("all ended", 4)] {
        let all: Vec<&Incident> = over[..ended].iter().chain(&open[ended..]).collect();
        samples.push(Sample {
            title: title.to_owned(),
            when: "The grouped message after some of its incidents ended.".to_owned(),
            message: live_group(&all, march(3, 14, 0), STYLE),
            incident: None,
        });
    }
    Chapter {
        title: "edited messages".to_owned(),
        about: "With a bot token each incident is one message: the first step posts it, every later one edits it and is a reply in its thread. \
                The reply is shown in the channel too when it gets worse, and when what woke somebody is over."
            .to_owned(),
        samples,
    }
}

/// The message of an incident after somebody answered it by emoji.
fn answered() -> Vec<Sample> {
    let course = course_of(Rule::BounceRate);
    let opened = course.step("opened");
    let now = opened.at + HOUR;
    let amy = || "Amy Example".to_owned();
    let acknowledged = Incident {
        acknowledged: Some(Acknowledgement {
            by: amy(),
            at: now,
            by_answer: true,
        }),
        ..opened.incident.clone()
    };
    let mute = Mute {
        id: 5,
        server: Some(opened.incident.server.clone()),
        rule: Some(Rule::BounceRate),
        incident: Some(opened.incident.id.clone()),
        from: now,
        until: now + DAY,
        reason: String::new(),
        by: amy(),
        planned: false,
    };
    let closed = Incident {
        state: IncidentState::Resolved {
            at: now,
            unwatched: false,
            disabled: false,
        },
        closed_by: Some(amy()),
        closed_as: Some(Judgement::FalseAlarm),
        ..opened.incident.clone()
    };
    let notified = std::slice::from_ref(opened);
    let sample = |title: &str, when: &str, incident: &Incident, mutes: &[Mute]| Sample {
        title: format!("bounce_rate: {title}"),
        when: when.to_owned(),
        message: answered_message(&[incident], notified, mutes, now, STYLE),
        incident: Some(incident.id.clone()),
    };
    vec![
        sample(
            "acknowledged",
            "The message after somebody set the emoji eyes below it; there is no reply.",
            &acknowledged,
            &[],
        ),
        sample(
            "muted",
            "The message after somebody set the emoji no_bell below it; there is no reply.",
            &opened.incident,
            &[mute],
        ),
        sample(
            "closed",
            "The message after somebody set the emoji x below it; there is no reply.",
            &closed,
            &[],
        ),
    ]
}

/// Several steps of one incident that were held up together, as by an outage of Slack or of this host.
fn several_steps() -> Chapter {
    let silence = course_of(Rule::SendSilence);
    let steps: Vec<_> = silence.steps.iter().take(2).map(|(_, _, t)| t).collect();
    let message = incident_update(&steps, steps[1], STYLE);
    Chapter {
        title: "several steps at once".to_owned(),
        about: "Steps of one incident that one cycle decided, as after a gap.".to_owned(),
        samples: vec![Sample {
            title: "opened and escalated".to_owned(),
            when: "Sent once instead of a message for each step.".to_owned(),
            message,
            incident: Some(steps[0].incident.id.clone()),
        }],
    }
}

/// `count` incidents like `incident`, on servers of their own.
fn copies(incident: &Incident, count: usize) -> Vec<Incident> {
    let copy = |n: usize| Incident {
        id: format!("{}{n}", &incident.id[..7]),
        server: format!("client-{n}").as_str().into(),
        ..incident.clone()
    };
    (1..=count).map(copy).collect()
}

fn groups() -> Chapter {
    let group = |rule: Rule, step: &str, title: &str, when: &str| {
        let course = course_of(rule);
        let transition = course.step(step);
        let mut steps = Vec::new();
        for incident in copies(&transition.incident, 6) {
            steps.push(Transition {
                incident,
                ..transition.clone()
            });
        }
        let steps: Vec<_> = steps.iter().collect();
        let messages = grouped_messages(&steps, STYLE).into_iter();
        messages
            .map(|message| Sample {
                title: title.to_owned(),
                when: when.to_owned(),
                message,
                incident: None,
            })
            .collect::<Vec<_>>()
    };
    let when = "Sent when the same step of one rule is taken for four or more streams or servers in one cycle.";
    Chapter {
        title: "grouped".to_owned(),
        about: "The same step of the same rule for four or more streams or servers is one message."
            .to_owned(),
        samples: [
            group(Rule::SendSilence, "opened", "silence on many servers", when),
            group(Rule::BounceRate, "opened", "bounces on many servers", when),
            group(
                Rule::BounceRate,
                "resolved",
                "bounces over on many servers",
                when,
            ),
            group(Rule::Blind, "opened", "Postmark is down", when),
            group(Rule::Blind, "reminded", "Postmark is still down", when),
            group(Rule::Blind, "resolved", "Postmark is back", when),
            group(
                Rule::ServerChanged,
                "opened",
                "tokens of other servers",
                when,
            ),
        ]
        .concat(),
    }
}

fn catch_ups() -> Chapter {
    let ended = |rule: Rule| {
        let course = course_of(rule);
        let (first, last) = (course.step("opened"), course.step("resolved"));
        Incident {
            evidence: first.incident.evidence.clone(),
            ..last.incident.clone()
        }
    };
    let hidden = [ended(Rule::BounceRate), ended(Rule::SendSilence)];
    let gap = Span::new(march(3, 9, 0), march(4, 20, 0));
    let lost = [(
        "shop/outbound".to_owned(),
        Span::new(march(3, 9, 0), march(3, 12, 0)),
    )];
    let sample = |title: &str, when: &str, message| Sample {
        title: title.to_owned(),
        when: when.to_owned(),
        message,
        incident: None,
    };
    Chapter {
        title: "catch-up".to_owned(),
        about: "What began and ended while hushwatch did not run or could not read mail."
            .to_owned(),
        samples: vec![
            sample(
                "incidents that are over",
                "Sent by the first cycle after a gap, of incidents that opened and resolved in it.",
                catch_up(&hidden, &[], gap, STYLE),
            ),
            sample(
                "with a part that is lost",
                "Sent when a part of the gap is older than Postmark's retention too.",
                catch_up(&hidden[..1], &lost, gap, STYLE),
            ),
            sample(
                "a part that is lost",
                "Sent when nothing happened in the gap that is known, but not all of it can be read any more.",
                catch_up(&[], &lost, gap, STYLE),
            ),
        ],
    }
}

fn mute_ends() -> Chapter {
    let open = |rule: Rule| course_of(rule).step("opened").incident.clone();
    let over = |rule: Rule| course_of(rule).step("resolved").incident.clone();
    let quiet = |incident| Incident {
        deferred_by_quiet_hours: true,
        ..incident
    };
    let now = march(4, 20, 0);
    let sample = |title: &str, when: &str, message| Sample {
        title: title.to_owned(),
        when: when.to_owned(),
        message,
        incident: None,
    };
    let mut samples = Vec::new();
    for (title, when, standing, ended) in [
        (
            "still open",
            "Sent when a mute ends and an incident that it held back is still open.",
            vec![open(Rule::DeliverySilence), open(Rule::BounceRate)],
            vec![over(Rule::SendSilence)],
        ),
        (
            "all over",
            "Sent when a mute ends and what was reported before it is over.",
            vec![],
            vec![over(Rule::BounceRate)],
        ),
        (
            "end of quiet hours",
            "Sent when quiet hours end: the warnings of that time that are still open, and those reported before that are over.",
            vec![quiet(open(Rule::BounceRate))],
            vec![quiet(over(Rule::SendDrop))],
        ),
    ] {
        let messages = mute_ended_messages(&standing, &ended, now, STYLE);
        samples.extend(messages.into_iter().map(|m| sample(title, when, m)));
    }
    Chapter {
        title: "end of a mute or of quiet hours".to_owned(),
        about: "What they kept back, in one message.".to_owned(),
        samples,
    }
}

fn notices() -> Chapter {
    let error = "failed to open the database: the disk is full; free some space, nothing was lost";
    let sample = |title: &str, when: &str, message| Sample {
        title: title.to_owned(),
        when: when.to_owned(),
        message,
        incident: None,
    };
    Chapter {
        title: "hushwatch itself".to_owned(),
        about: "What hushwatch says of itself.".to_owned(),
        samples: vec![
            sample(
                "the database cannot be used",
                "Sent once per outage of the database and again every 24 hours, not through the queue, which is in the database.",
                database_alert(error),
            ),
            sample(
                "the clock is wrong",
                "Sent where the clock differs from Postmark's by more than five minutes, and again every 24 hours.",
                clock_alert(Timestamp::from_secs(1_893_456_000), march(4, 9, 0)),
            ),
            sample(
                "a configuration that cannot be reloaded",
                "Sent when `run` was asked to reload (SIGHUP, `systemctl reload`) and the configuration is wrong.",
                reload_alert(&[
                    "monitor.toml: `rules.bounce_rate.treshold` is no key; did you mean `threshold`?".to_owned(),
                ]),
            ),
            sample(
                "a test message",
                "Sent by `hushwatch doctor --send-test` to each destination.",
                test_message("Wed 4 Mar 2026 09:00 UTC"),
            ),
            sample(
                "a test of a wake",
                "Sent by `hushwatch doctor --send-test` where `wake_channel` or `wake_mention` is set.",
                wake_test_message("Wed 4 Mar 2026 09:00 UTC"),
            ),
        ],
    }
}

/// One mute of each scope.
pub(crate) fn mutes() -> Vec<Mute> {
    let mute = |id, server: Option<&str>, rule, reason: &str| Mute {
        id,
        server: server.map(Into::into),
        rule,
        incident: None,
        from: march(4, 10, 0),
        until: march(4, 14, 0),
        reason: reason.to_owned(),
        by: "ops@build-1".to_owned(),
        planned: false,
    };
    vec![
        mute(1, None, None, "data center move"),
        mute(2, Some("shop"), None, "migration"),
        mute(3, None, Some(Rule::SpamRate), "newsletter test"),
        mute(4, Some("shop"), Some(Rule::BounceRate), "old list, known"),
        Mute {
            planned: true,
            ..mute(5, Some("blog"), None, "maintenance window")
        },
    ]
}

/// The lines by which mutes are listed.
pub(crate) fn mute_lines() -> Vec<String> {
    let line = |mute: &Mute| mute_line(mute, mute.until, STYLE.zone);
    mutes().iter().map(line).collect()
}

/// Returns every message of the catalogue with the name of a file that can hold it.
pub(crate) fn named_messages() -> Vec<(String, Message, Option<String>)> {
    let mut named = Vec::new();
    for chapter in chapters() {
        for (index, sample) in chapter.samples.into_iter().enumerate() {
            let name = format!("{}-{}", chapter.title.replace(' ', "-"), index + 1);
            named.push((name, sample.message, sample.incident));
        }
    }
    named
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}
