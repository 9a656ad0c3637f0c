//! Edits a ledger to simulate outages, bounce waves and complaints.

use std::time::Duration;

use crate::model::{Span, Status, Timestamp};

use super::generate::log_normal;
use super::server::Server;

/// Removes the deliveries and bounces of the mails sent in `span`; with `queued`, the mails have not left Postmark's queue.
pub(super) fn stop_delivery(server: &mut Server, stream: &str, span: Span, queued: bool) {
    for mail in server.stream_mut(stream).mails_mut(span, |_| true) {
        mail.deliveries.clear();
        mail.bounces.clear();
        if queued {
            mail.status = Status::Queued;
        }
    }
}

/// Makes a random share of the mails sent in `span` bounce, seconds after sending plus `later`; returns how many.
///
/// Mails that have bounced already keep their bounces and are not drawn.
pub(super) fn bounce_wave(
    server: &mut Server,
    stream: &str,
    span: Span,
    (share, kind): (f64, &str),
    later: Duration,
) -> usize {
    server.sort();
    let entries = server.stream_mut(stream).entries(span);
    let fit = entries.iter().filter(|e| !e.has_bounces()).count();
    let wanted = (entries.len() as f64 * share.clamp(0.0, 1.0)).round() as usize;
    let mut drawn: Vec<bool> = (0..fit).map(|place| place < wanted).collect();
    server.rng.shuffle(&mut drawn);
    let strikes: Vec<(i64, Duration)> = (0..wanted.min(fit))
        .map(|_| {
            (
                server.next_bounce_id(),
                later + log_normal(Duration::from_secs(4), &mut server.rng),
            )
        })
        .collect();
    let mut drawn = drawn.into_iter();
    let mails = server.stream_mut(stream).mails_mut(span, move |e| {
        !e.has_bounces() && drawn.next() == Some(true)
    });
    mails
        .zip(strikes)
        .map(|(mail, (id, delay))| mail.bounce_last(id, kind, mail.sent_at + delay))
        .count()
}

/// Adds complaints at `at`, by recipients at `domain`, about the last `n` mails delivered before without bounces; returns how
/// many.
pub(super) fn complaints(
    server: &mut Server,
    stream: &str,
    at: Timestamp,
    n: usize,
    domain: &str,
) -> usize {
    let ids: Vec<i64> = (0..n).map(|_| server.next_bounce_id()).collect();
    let before = Span::new(Timestamp::MIN, at);
    let mails = server.stream_mut(stream).mails_mut(before, |entry| {
        !entry.has_bounces() && entry.delivered_at().is_some_and(|d| d <= at)
    });
    mails
        .rev()
        .zip(ids)
        .map(|(mail, id)| mail.complain(id, at, Some(domain)))
        .count()
}
