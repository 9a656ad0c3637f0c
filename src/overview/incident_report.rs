//! Everything known about one incident, for `explain` and the page.

use crate::config::{Config, SINK_CHANNEL};
use crate::cycle::poll::servers::{mark_unconfigured, watched_servers};
use crate::detect::lasting_reach;
use crate::model::{
    BounceClass, Coverage, DAY, Evidence, HOUR, Incident, Kind, MarkedTime, Rule, SAMPLE_LOOKBACK,
    Span, StreamKey, Timestamp, domain_of,
};
use crate::output::explain::{
    Attempt, BounceLine, IncidentReport, LearnedFrom, Notification, Poll,
};
use crate::overview::view_instant;
use crate::store::{self, Database, Store};

/// The maximum number of bounces that are read of one incident.
const MAX_BOUNCES: u32 = 1_000;

/// Loads what is stored of one incident, and what mutes it at `now` or by the clock; `None` where no incident has this id.
pub(crate) async fn load_report(
    config: &Config,
    store: &Store,
    id: &str,
    now: Option<Timestamp>,
) -> Result<Option<IncidentReport>, store::Error> {
    let now = view_instant(store, now).await?;
    let id = id.to_owned();
    let mut report = store.call(move |s| load(s, &id, now)).await?;
    let watched = watched_servers(config, store).await?;
    mark_unconfigured(report.iter_mut().map(|of| &mut of.incident), &watched);
    Ok(report)
}

fn load(
    s: &mut Database,
    id: &str,
    now: Timestamp,
) -> Result<Option<IncidentReport>, store::Error> {
    let Some(incident) = s.incident(id)? else {
        return Ok(None);
    };
    let steps = s.incident_transitions(id)?;
    let first = steps.first().map(|row| &row.transition);
    let opened = first.map_or(&incident, |step| &step.incident);
    let window = judged_window(&opened.evidence, incident.rule, opened.opened_at);
    let whole = Span::new(window.from, incident.judged_at.max(window.until));
    let polls = s.polls_within(&incident.server, whole)?;
    let (mut coverage, mut marks) = (Vec::new(), Vec::new());
    if let Some(stream) = &incident.stream {
        let key = StreamKey::new(&incident.server, stream);
        let judged = Coverage::from_spans([window]);
        for kind in evidence_kinds(incident.rule) {
            coverage.push((*kind, s.coverage(&key, *kind)?.intersect(&judged)));
        }
        let classes = counted_classes(incident.rule);
        marks = s.bounce_events(&key, whole, &classes, MAX_BOUNCES + 1)?;
    }
    let more_marks = marks.len() > MAX_BOUNCES as usize;
    marks.truncate(MAX_BOUNCES as usize);
    marks.retain(|mark| affects(&opened.evidence, mark) || affects(&incident.evidence, mark));
    let steps = steps.into_iter();
    let notifications = s.notifications(id)?;
    let mut mutes = s.mutes(now)?;
    mutes.retain(|mute| {
        mute.covers(&incident.server, incident.rule) || mute.incident.as_deref() == Some(id)
    });
    Ok(Some(IncidentReport {
        at: now,
        steps: steps.map(|row| (row.transition, row.text)).collect(),
        window,
        polls: polls.into_iter().map(poll).collect(),
        coverage,
        bounces: marks.into_iter().map(bounce_event).collect(),
        has_more_bounces: more_marks,
        notifications: notifications.into_iter().map(notification).collect(),
        mutes,
        feedback: s.feedback(id)?,
        learned: learned_from(s, &incident)?,
        incident,
    }))
}

/// Returns the time that a rule judged at `at`, as its evidence says.
fn judged_window(evidence: &Evidence, rule: Rule, at: Timestamp) -> Span {
    match evidence {
        Evidence::Rate(rate) => Span::before(at, rate.window),
        Evidence::Silence(silence) => silence.gap,
        Evidence::Drop(drop) => drop.window,
        Evidence::Delivery(delivery) => Span::new(delivery.since.unwrap_or(at).min(at), at),
        Evidence::DeliveryDrop(drop) => Span::new(drop.since.min(at), at),
        Evidence::Events { .. } | Evidence::Suppressed { .. } => Span::before(at, DAY),
        Evidence::ServerChange(change) => {
            Span::new(change.former_seen_at.unwrap_or(at).min(at), at)
        }
        Evidence::DomainBlocks(of) => of.window,
        Evidence::DnsDrift(of) => {
            let since = of.broken.iter().map(|fault| fault.since).min();
            Span::new(since.unwrap_or(at).min(at), at)
        }
        Evidence::SmtpErrors(errors) => Span::new(errors.day.from.min(at), at),
        Evidence::Canary(canary) => Span::new(canary.sent_at.unwrap_or(at).min(at), at),
        Evidence::Blind(blind) if rule.is_of_server() => Span::new(blind.since.min(at), at),
        Evidence::Blind(_) => Span::before(at, HOUR),
    }
}

const fn evidence_kinds(rule: Rule) -> &'static [Kind] {
    match rule {
        Rule::SendSilence | Rule::SendDrop | Rule::DeliverySilence | Rule::DeliveryDrop => {
            &[Kind::Messages]
        }
        Rule::SpamComplaintExternal | Rule::OperatorBounce | Rule::DomainBlocks => &[Kind::Bounces],
        Rule::BounceRate | Rule::SpamRate | Rule::HardBounceWake => {
            &[Kind::Messages, Kind::Bounces]
        }
        Rule::Blind
        | Rule::AccountInactive
        | Rule::ServerChanged
        | Rule::SuppressedAddress
        | Rule::Canary
        | Rule::SmtpErrors
        | Rule::DnsDrift => &[],
    }
}

/// Returns the classes of bounces that `rule` counts; for a rule that counts mail, all that mean a failure.
fn counted_classes(rule: Rule) -> Vec<BounceClass> {
    let counts = |class: &BounceClass| match rule {
        Rule::SpamRate | Rule::SpamComplaintExternal => *class == BounceClass::Complaint,
        Rule::BounceRate | Rule::OperatorBounce => class.counts(),
        Rule::HardBounceWake => *class == BounceClass::Hard,
        Rule::DomainBlocks => *class == BounceClass::Blocked,
        _ => !matches!(class, BounceClass::Ignored | BounceClass::Other),
    };
    BounceClass::ALL.into_iter().filter(counts).collect()
}

/// Whether a bounce is of a recipient that the incident names, where it names any.
fn affects(evidence: &Evidence, mark: &store::EventRow) -> bool {
    let recipient = mark.recipient.as_deref().unwrap_or_default();
    let is = |address: &String| address.eq_ignore_ascii_case(recipient);
    match evidence {
        Evidence::Events { recipients, .. } => recipients.iter().any(is),
        Evidence::Suppressed { addresses, .. } => addresses.iter().any(|s| is(&s.address)),
        Evidence::DomainBlocks(of) => {
            let domain = domain_of(recipient);
            of.domains.iter().any(|of| of.domain == domain)
        }
        _ => true,
    }
}

fn poll(row: store::PollRow) -> Poll {
    Poll {
        at: row.at,
        requests: row.requests,
        complete: row.complete,
        reason: (!row.complete).then(|| row.reason.unwrap_or_default()),
    }
}

fn bounce_event(event: store::EventRow) -> BounceLine {
    BounceLine {
        at: event.at,
        kind: event.kind.unwrap_or_default(),
        recipient: event.recipient.unwrap_or_default(),
        tag: event.tag,
        description: event.description.unwrap_or_default(),
    }
}

fn notification(row: store::NotificationRow) -> Notification {
    let attempt = |attempt: store::AttemptRow| Attempt {
        at: attempt.at,
        outcome: attempt.outcome.as_str().to_owned(),
        unknown: attempt.unknown,
    };
    let channel = row.message.channel;
    Notification {
        kind: row.message.kind.name(),
        text: row.message.text,
        written_at: row.written_at,
        pending: row.pending,
        given_up: row.given_up,
        accepted_at: row.accepted_at,
        channel: row.accepted_by,
        sink: Some(channel).filter(|channel| channel.starts_with(SINK_CHANNEL)),
        attempts: row.attempts.into_iter().map(attempt).collect(),
    }
}

/// Returns what the rule of an incident learned from; `None` where it does not learn.
fn learned_from(
    s: &mut Database,
    incident: &Incident,
) -> Result<Option<LearnedFrom>, store::Error> {
    let (rule, at) = (incident.rule, incident.judged_at);
    let learns = |rule: Rule| (rule.learns_from_sending(), rule.learns_from_delivery());
    let is_rate = rule.learns_from_bounces();
    let Some(stream) = &incident.stream else {
        return Ok(None);
    };
    if learns(rule) == (false, false) && !is_rate {
        return Ok(None);
    }
    let key = StreamKey::new(&incident.server, stream);
    let mut history = s.history_with_tags(&key, Span::new(at, at), &[])?;
    if let Some(tag) = &incident.tag {
        history = history.tags.remove(tag).unwrap_or_default();
    }
    let oldest = if rule.learns_from_delivery() {
        at - SAMPLE_LOOKBACK
    } else if is_rate {
        lasting_reach(&history, at).from
    } else {
        Timestamp::MIN
    };
    let marked = std::mem::take(&mut history.marked).into_iter();
    let marked = marked.filter(|time| match is_rate {
        // Of what came before it learns nothing.
        true => time.rule == rule && time.span.until > oldest,
        false => learns(time.rule) == learns(rule),
    });
    let marked: Vec<MarkedTime> = marked.collect();
    // What is usual of a rate is learned for the sum over days alone.
    let is_sum = matches!(&incident.evidence, Evidence::Rate(rate) if rate.lasting.is_some());
    let since = history
        .first_seen_at
        .filter(|_| !is_rate || is_sum || !marked.is_empty());
    Ok(since.map(|since| LearnedFrom {
        rule,
        tag: incident.tag.clone(),
        since: since.max(oldest),
        marked,
    }))
}
