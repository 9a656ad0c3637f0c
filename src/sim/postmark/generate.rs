//! Fills a ledger from a profile.

use std::time::Duration;

use crate::model::{DAY, HOUR, MINUTE, Span, Timestamp};

use super::derive;
use super::ledger::{Entry, Form};
use super::mail::{Delivery, Mail};
use super::profile::{Profile, arrivals, normal};
use super::server::Server;

/// Adds mails sent in `span` to a stream, generated from `profile`.
pub(super) fn generate(server: &mut Server, stream: &str, span: Span, profile: &Profile) {
    let tags: Vec<u16> = profile
        .tags
        .iter()
        .filter_map(|tag| server.stream_mut(stream).tag_place(tag))
        .collect();
    let mut entries = Vec::new();
    let mut hour = span.from.floor(HOUR);
    while hour < span.until {
        for at in arrivals(profile, hour, span, &mut server.rng) {
            entries.push(draw(server, stream, at, profile, &tags));
        }
        hour = hour + HOUR;
    }
    server.stream_mut(stream).extend(entries);
}

/// Generates one mail with its deliveries and bounces.
fn draw(
    server: &mut Server,
    stream: &str,
    at: Timestamp,
    profile: &Profile,
    tags: &[u16],
) -> Entry {
    let rng = &mut server.rng;
    let seed = rng.u64(..);
    let lag_ms = derive::index_lag_ms(seed);
    let tag = (rng.u32(0..3) > 0)
        .then(|| rng.choice(tags))
        .flatten()
        .copied();
    let bounce = draw_bounce(profile, rng);
    let complained = rng.f64() < profile.complaints;
    let several = rng.f64() < profile.several_recipients;
    if bounce.is_none() && !complained && !several {
        let delivery_ms = draw_delivery_ms(profile, rng);
        return Entry {
            sent_at: at,
            seed,
            lag_ms,
            form: Form::Plain { tag, delivery_ms },
        };
    }
    let tag = tag.and_then(|place| {
        server
            .stream_mut(stream)
            .tags
            .get(usize::from(place))
            .cloned()
    });
    let mut mail = derive::mail(stream, at, seed, tag.as_ref(), None);
    if several {
        let more = server.rng.u64(1..4);
        mail.recipients
            .extend((1..=more).map(|nth| derive::recipient(seed, nth)));
    }
    deliver(&mut mail, profile, &mut server.rng);
    if let Some(kind) = bounce {
        let delay = bounce_delay(kind, &mut server.rng);
        mail.bounce_last(server.next_bounce_id(), kind, at + delay);
    } else if complained {
        let delay = MINUTE + (2 * DAY).mul_f64(server.rng.f64());
        let delivered_at = mail.deliveries.first().map_or(at, |d| d.at);
        mail.complain(server.next_bounce_id(), delivered_at + delay, None);
    }
    Entry::from_mail(mail, seed, lag_ms)
}

/// Adds the deliveries, each with a delay of its own.
fn deliver(mail: &mut Mail, profile: &Profile, rng: &mut fastrand::Rng) {
    for recipient in &mail.recipients {
        if let Some(ms) = draw_delivery_ms(profile, rng) {
            mail.deliveries.push(Delivery {
                recipient: recipient.clone(),
                at: mail.sent_at + Duration::from_millis(u64::from(ms)),
            });
        }
    }
}

fn draw_bounce<'a>(profile: &'a Profile, rng: &mut fastrand::Rng) -> Option<&'a str> {
    let mut draw = rng.f64();
    for (kind, share) in &profile.bounces {
        if draw < *share {
            return Some(kind);
        }
        draw -= share;
    }
    None
}

/// Returns the delay of a bounce: nine of ten hard bounces come at once, the tenth within six hours; soft ones within two days.
fn bounce_delay(kind: &str, rng: &mut fastrand::Rng) -> Duration {
    let late = rng.f64() < 0.1;
    match (kind, late) {
        ("SoftBounce" | "Transient" | "DnsError", _) => HOUR + (2 * DAY).mul_f64(rng.f64()),
        (_, true) => 10 * MINUTE + (6 * HOUR).mul_f64(rng.f64()),
        (_, false) => log_normal(Duration::from_secs(4), rng),
    }
}

fn draw_delivery_ms(profile: &Profile, rng: &mut fastrand::Rng) -> Option<u32> {
    let draw = rng.f64();
    let delay = if draw < profile.without_news {
        return None;
    } else if draw < profile.without_news + profile.greylisted {
        5 * MINUTE + (85 * MINUTE).mul_f64(rng.f64())
    } else {
        log_normal(profile.median_delay, rng)
    };
    u32::try_from(delay.as_millis()).ok()
}

/// Returns a log-normal delay with this median, at most two days.
pub(super) fn log_normal(median: Duration, rng: &mut fastrand::Rng) -> Duration {
    median.mul_f64(normal(rng).exp()).min(2 * DAY)
}
