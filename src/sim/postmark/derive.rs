//! Derives id, recipient and subject of a mail from its seed.

use crate::model::{Status, Timestamp};

use super::mail::{Delivery, Mail};

/// The 48 bits of an id that hold the instant, which lasts until the year 10,889.
const TIME_BITS: u64 = (1 << 48) - 1;

const DOMAINS: [&str; 5] = [
    "example.com",
    "example.org",
    "example.net",
    "mail.example.com",
    "post.example.org",
];

/// The subjects; the last one is what a hostile sender might try on the readers of alerts.
const SUBJECTS: [&str; 6] = [
    "Your order has been shipped",
    "Reset your password",
    "Weekly report — Übersicht",
    "Invoice \"2026/17\" attached",
    "Confirm your address",
    "<!channel> *You won* & <https://example.com|click> `here`",
];

/// Returns a mail to one recipient without bounces.
pub(super) fn mail(
    stream: &str,
    sent_at: Timestamp,
    seed: u64,
    tag: Option<&String>,
    delivered_at: Option<Timestamp>,
) -> Mail {
    let to = recipient(seed, 0);
    let delivery = |at| Delivery {
        recipient: to.clone(),
        at,
    };
    Mail {
        id: id(sent_at, seed),
        stream: stream.to_owned(),
        sent_at,
        deliveries: delivered_at.map(delivery).into_iter().collect(),
        recipients: vec![to],
        tag: tag.cloned(),
        subject: pick(&SUBJECTS, seed >> 7).to_owned(),
        status: Status::Sent,
        bounces: Vec::new(),
    }
}

/// Returns an id in the form of a version 4 UUID. It contains the instant, so that a mail is found by id without an index.
pub(super) fn id(sent_at: Timestamp, seed: u64) -> String {
    let mixed = mix(seed);
    let time = (sent_at.0.cast_unsigned() ^ mixed) & TIME_BITS;
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{time:012x}",
        mixed >> 32,
        (mixed >> 16) & 0xffff,
        (mixed >> 4) & 0xfff,
        (mixed & 0xf) << 8 | (mixed >> 56)
    )
}

/// Returns the instant in an id, if it is one of ours.
pub(super) fn time_of_id(id: &str) -> Option<Timestamp> {
    let field = |from, until| u64::from_str_radix(id.get(from..until)?, 16).ok();
    let low = field(9, 13)? << 16 | field(15, 18)? << 4 | field(20, 21)?;
    let mixed = field(0, 8)? << 32 | low;
    let time = (field(24, 36)? ^ mixed) & TIME_BITS;
    Some(Timestamp(time.cast_signed()))
}

/// Returns the nth recipient of a mail.
pub(super) fn recipient(seed: u64, nth: u64) -> String {
    let mixed = mix(seed.wrapping_add(nth));
    format!("user{}@{}", mixed % 100_000, pick(&DOMAINS, mixed >> 40))
}

/// Returns the delay of the index in milliseconds: from 2 s to 10 minutes, mostly within one.
pub(super) fn index_lag_ms(seed: u64) -> u32 {
    let mixed = mix(seed);
    let share = u32::try_from((mixed >> 32) % 1000).unwrap_or(0);
    let within = u32::try_from(mixed % 1000).unwrap_or(0);
    match share {
        0..900 => 2_000 + within * 55,
        900..980 => 60_000 + within * 240,
        _ => 300_000 + within * 300,
    }
}

/// Mixes the bits of a number bijectively (the finaliser of `SplitMix64`).
pub(super) const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn pick<'a>(from: &[&'a str], by: u64) -> &'a str {
    let place = by.checked_rem(from.len() as u64).unwrap_or(0);
    let place = usize::try_from(place).unwrap_or(0);
    from.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_tells_its_time(seed in any::<u64>(), at in 0..Timestamp::MAX.0) {
            let id = id(Timestamp(at), seed);
            prop_assert_eq!(id.len(), 36);
            prop_assert_eq!(time_of_id(&id), Some(Timestamp(at)));
        }

        #[test]
        fn no_text_makes_it_panic(id in "\\PC{0,40}") {
            time_of_id(&id);
        }
    }

    #[test]
    fn most_mail_is_found_within_a_minute_and_all_within_ten() {
        let lags: Vec<u32> = (0..10_000).map(index_lag_ms).collect();
        let soon = lags.iter().filter(|lag| **lag < 60_000).count();
        assert!((8_500..9_500).contains(&soon), "{soon}");
        assert!(lags.iter().all(|lag| (2_000..=600_000).contains(lag)));
    }
}
