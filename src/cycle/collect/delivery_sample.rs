//! The delivery sample: some messages of each stream whose delivery is looked up, one request each.

use std::time::Duration;

use crate::cycle::collect::budget::proportional_share;
use crate::cycle::collect::errors::ReadError;
use crate::cycle::collect::reader::ServerReader;
use crate::cycle::collect::windows::SECOND;
use crate::detect::sample::{Asked, Situation};
use crate::detect::{is_suspicious, sample};
use crate::model::{Proof, Span, StreamId, StreamKey, Timestamp};
use crate::postmark::{ErrorKind, MAX_RESULTS};
use crate::store::{self, Database, OpenSample, SampleCandidate};

/// How far back the sample shows whether deliveries are suspicious now.
const LOOKBACK: Duration = Duration::from_secs(2 * 86_400);
/// The number of requests that the sample of a healthy stream takes at most.
const REQUESTS_WHEN_HEALTHY: u64 = sample::HEALTHY_REQUESTS as u64;
/// The maximum number of stored messages, the newest, that are drawn from.
const MAX_STORED_CANDIDATES: i64 = 20_000;
/// Messages that are read to draw from, where messages were counted: as many as a suspicious stream adds to its sample.
const PAGE_OF_COUNTED: u32 = 10;

/// Looks up deliveries with what is left of the budget, stream by stream.
pub(crate) async fn sample_deliveries(
    reader: &mut ServerReader<'_>,
    streams: &[StreamId],
) -> Result<(), store::Error> {
    for (index, stream) in streams.iter().enumerate() {
        let left = reader.budget.left();
        if reader.errors.should_stop() || left == 0 {
            break;
        }
        let others = REQUESTS_WHEN_HEALTHY * (streams.len() - index - 1) as u64;
        let share = proportional_share(left, REQUESTS_WHEN_HEALTHY, others).min(left);
        if share > 1 {
            let drawn = sample_counted_mail(reader, stream).await;
            reader.errors.record_warning(drawn)?;
        }
        let requests = share.min(reader.budget.left());
        let warnings = check_sample(reader, stream, requests).await?;
        reader.errors.warnings.extend(warnings);
    }
    Ok(())
}

/// Offers some messages of what was only counted as candidates: consecutive ones, anywhere in it. Takes one request.
async fn sample_counted_mail(
    reader: &mut ServerReader<'_>,
    stream: &StreamId,
) -> Result<(), ReadError> {
    let window = reader.stats.get(stream).and_then(|s| s.sample_window);
    let Some((window, sent)) = window else {
        return Ok(());
    };
    let rank = sample::rank(&reader.server.0, &stream.0, &format!("{window}"));
    let wanted = u64::from(PAGE_OF_COUNTED);
    let max_offset = sent.saturating_sub(wanted).min(MAX_RESULTS - wanted);
    let offset = u32::try_from(rank % (max_offset + 1)).unwrap_or(0);
    let page = reader
        .api
        .some(stream, window, offset, PAGE_OF_COUNTED)
        .await?;
    for mail in page.iter().filter(|mail| !mail.is_test()) {
        reader.candidates.offer(stream, mail);
    }
    Ok(())
}

/// Offers what polls that broke off had read already: a message is new to one poll only, and they came to no draw.
async fn offer_what_was_not_drawn_from(
    reader: &mut ServerReader<'_>,
    stream: &StreamId,
) -> Result<(), store::Error> {
    let since = reader.candidates.since;
    let load = move |s: &mut Database, key: &StreamKey| {
        s.unsampled_messages(key, since, MAX_STORED_CANDIDATES)
    };
    for draw in reader.call(stream, load).await? {
        reader.candidates.offer_stored(stream, draw);
    }
    Ok(())
}

/// Adds candidates of one stream to its sample and looks up deliveries with at most `requests` requests. Returns what could
/// not be read, a line each.
async fn check_sample(
    reader: &mut ServerReader<'_>,
    stream: &StreamId,
    requests: u64,
) -> Result<Vec<String>, store::Error> {
    let now = reader.now;
    // Only a poll that read everything stands for those before it: one that fails each time would each time spend what others need.
    let polls = match reader.errors.blocking.is_empty() {
        true => reader.polls,
        false => 1,
    };
    if polls > 1 {
        offer_what_was_not_drawn_from(reader, stream).await?;
    }
    let load = move |s: &mut Database, key: &StreamKey| {
        let open = s.open_samples(key, now - sample::GIVE_UP_AFTER)?;
        let sampled = s.sampled_mail(key, Span::before(now, LOOKBACK))?;
        Ok((open, sampled))
    };
    let (open, sampled) = reader.call(stream, load).await?;
    let mut draws = reader.candidates.take(stream);
    // Postmark lists what was sent in the very second that ends a poll, and only once is it new: it is drawn from now, or never.
    let second_end = now.floor(SECOND) + SECOND;
    draws.retain(|draw| draw.sent_at < second_end && open.iter().all(|mail| mail.id != draw.id));
    let unread = open.iter().filter(|mail| mail.checked_at.is_none()).count();
    let was_counted = reader.stats.get(stream).is_some_and(|s| s.counted > 0);
    let situation = Situation {
        unread,
        unsettled: open.len() - unread,
        sent: if was_counted { usize::MAX } else { draws.len() },
        suspicious: is_suspicious(&sampled, now),
        polls,
    };
    let requests = usize::try_from(requests).unwrap_or(usize::MAX);
    let mut plan = sample::plan(situation, requests);
    let mut spares = draws.split_off(plan.new.min(draws.len())).into_iter();
    let drawn = due(&draws, now).collect();
    add_to_sample(reader, stream, draws).await?;
    let (mut queue, late) = sample::prioritize(open, drawn, plan, now, |mail| Asked {
        sent_at: mail.sent_at,
        checked_at: mail.checked_at,
    });
    for _ in 0..plan.requests {
        let Some(mail) = queue.pop() else {
            break;
        };
        let proof = match reader.api.details(&mail.id).await {
            Ok(details) => Some(details.proof),
            Err(error) => match error.kind() {
                ErrorKind::NotFound => continue,
                // Too large to read: it leaves the sample, and another takes its place.
                ErrorKind::TooLarge => {
                    let spare: Vec<_> = spares.next().into_iter().collect();
                    queue.splice(0..0, due(&spare, now));
                    add_to_sample(reader, stream, spare).await?;
                    None
                }
                _ => return Ok(vec![error.to_string()]),
            },
        };
        if proof
            .as_ref()
            .is_some_and(|proof| proof.delivered_at.is_none())
        {
            let more: Vec<_> = spares.by_ref().take(plan.more).collect();
            plan.more = 0;
            queue.splice(0..0, due(&more, now).rev());
            add_to_sample(reader, stream, more).await?;
        }
        save_result(reader, stream, mail, proof).await?;
    }
    for mail in late {
        let proof = match reader.api.details(&mail.id).await {
            Ok(details) => Some(details.proof),
            Err(error) => match error.kind() {
                ErrorKind::NotFound => continue,
                ErrorKind::TooLarge => None,
                _ => return Ok(vec![error.to_string()]),
            },
        };
        save_result(reader, stream, mail, proof).await?;
    }
    Ok(Vec::new())
}

async fn save_result(
    reader: &ServerReader<'_>,
    stream: &StreamId,
    mail: OpenSample,
    proof: Option<Proof>,
) -> Result<(), store::Error> {
    let now = reader.now;
    let save = move |s: &mut Database, key: &StreamKey| {
        s.save_sample_result(key, &mail.id, proof.as_ref(), now)
    };
    reader.call(stream, save).await
}

async fn add_to_sample(
    reader: &ServerReader<'_>,
    stream: &StreamId,
    draws: Vec<SampleCandidate>,
) -> Result<(), store::Error> {
    reader
        .call(stream, move |s, key| s.add_samples(key, &draws))
        .await
}

/// Returns those of `draws` that may have news by now. What was sent in this second is asked by the next poll.
fn due(
    draws: &[SampleCandidate],
    now: Timestamp,
) -> impl DoubleEndedIterator<Item = OpenSample> + '_ {
    let due = draws.iter().filter(move |draw| draw.sent_at < now);
    due.map(to_sampled)
}

fn to_sampled(draw: &SampleCandidate) -> OpenSample {
    OpenSample {
        id: draw.id.clone(),
        sent_at: draw.sent_at,
        checked_at: None,
    }
}
