//! The delivered part of the sampled mail of a week as one value, which a store keeps beside its rows: nearly all sampled mail is delivered, and
//! nothing of it changes any more.

use super::{SampledMessage, Timestamp, WeekDigest};

/// The first byte of a value that is written as below.
const FORMAT: u8 = 1;
/// What one byte says of a message.
const IS_CHECKED: u8 = 1;
const HAS_BOUNCED: u8 = 2;
const IS_QUEUED: u8 = 4;

/// Returns what was delivered of `sampled`, as one value; times are written as what they come after others, in milliseconds.
pub fn pack_delivered(sampled: &[SampledMessage]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(1 + sampled.len() * 12);
    packed.push(FORMAT);
    let mut before = Timestamp(0);
    for mail in sampled {
        let Some(delivered_at) = mail.delivered_at else {
            continue;
        };
        let flags = [
            (mail.checked_at.is_some(), IS_CHECKED),
            (mail.bounced_at.is_some(), HAS_BOUNCED),
            (mail.queued, IS_QUEUED),
        ];
        let flags = flags.iter().filter(|(is_set, _)| *is_set);
        packed.push(flags.map(|(_, flag)| flag).sum());
        write_after(before, mail.sent_at, &mut packed);
        before = mail.sent_at;
        let known = [Some(delivered_at), mail.checked_at, mail.bounced_at];
        for at in known.into_iter().flatten() {
            write_after(mail.sent_at, at, &mut packed);
        }
    }
    packed
}

/// Adds the mail that was [packed](pack_delivered) to `sampled`; returns whether it is such a value, else adds none.
pub fn unpack_delivered(packed: &[u8], sampled: &mut Vec<SampledMessage>) -> bool {
    let before = sampled.len();
    let is_read = read_delivered(packed, sampled).is_some();
    if !is_read {
        sampled.truncate(before);
    }
    is_read
}

/// Returns the digest of what was delivered of `sampled`.
pub fn digest_delivered(sampled: &[SampledMessage]) -> WeekDigest {
    WeekDigest::of_packed(&pack_delivered(sampled))
}

fn read_delivered(packed: &[u8], sampled: &mut Vec<SampledMessage>) -> Option<()> {
    let (format, mut rest) = packed.split_first()?;
    if *format != FORMAT {
        return None;
    }
    let mut before = Timestamp(0);
    while let Some((flags, after)) = rest.split_first() {
        if *flags > IS_CHECKED | HAS_BOUNCED | IS_QUEUED {
            return None;
        }
        rest = after;
        let sent_at = read_after(before, &mut rest)?;
        before = sent_at;
        let mut next = |is_known: bool| match is_known {
            true => read_after(sent_at, &mut rest).map(Some),
            false => Some(None),
        };
        sampled.push(SampledMessage {
            sent_at,
            delivered_at: next(true)?,
            checked_at: next(flags & IS_CHECKED != 0)?,
            bounced_at: next(flags & HAS_BOUNCED != 0)?,
            queued: flags & IS_QUEUED != 0,
            ..SampledMessage::default()
        });
    }
    Some(())
}

/// Writes by how much `at` comes after `before`, seven bits a byte, the lowest first.
fn write_after(before: Timestamp, at: Timestamp, to: &mut Vec<u8>) {
    let after = at.0.wrapping_sub(before.0);
    // The sign comes last.
    let mut rest = ((after << 1) ^ (after >> 63)).cast_unsigned();
    while rest > 0x7f {
        to.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    to.push(rest as u8);
}

fn read_after(before: Timestamp, from: &mut &[u8]) -> Option<Timestamp> {
    let mut number = 0u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let after = (number >> 1).cast_signed() ^ -(number & 1).cast_signed();
            return Some(Timestamp(before.0.wrapping_add(after)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message() -> impl Strategy<Value = SampledMessage> {
        let at = || prop_oneof![4 => 1_772_000_000_000i64..1_773_000_000_000, 1 => any::<i64>()];
        let at = move || at().prop_map(Timestamp);
        let known = move || prop::option::of(at());
        let times = (at(), known(), known(), known());
        (times, any::<bool>()).prop_map(
            |((sent_at, checked_at, delivered_at, bounced_at), queued)| SampledMessage {
                sent_at,
                checked_at,
                delivered_at,
                bounced_at,
                queued,
                ..SampledMessage::default()
            },
        )
    }

    fn unpack(packed: &[u8]) -> Option<Vec<SampledMessage>> {
        let before = SampledMessage {
            queued: true,
            ..SampledMessage::default()
        };
        let mut sampled = vec![before];
        let is_read = unpack_delivered(packed, &mut sampled);
        assert_eq!(sampled.remove(0), before, "what was there stays");
        is_read.then_some(sampled)
    }

    proptest! {
        #[test]
        fn what_was_delivered_comes_back(sampled in prop::collection::vec(message(), 0..40)) {
            let packed = pack_delivered(&sampled);
            let mut delivered = sampled.clone();
            delivered.retain(|mail| mail.delivered_at.is_some());
            prop_assert_eq!(unpack(&packed), Some(delivered.clone()));
            prop_assert_eq!(digest_delivered(&sampled), digest_delivered(&delivered));
        }

        #[test]
        fn what_is_no_packed_mail_is_none(
            sampled in prop::collection::vec(message(), 1..40),
            byte in any::<u8>(),
            place in any::<prop::sample::Index>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut packed = pack_delivered(&sampled);
            let whole = unpack(&packed);
            let part = unpack(&packed[..cut.index(packed.len())]);
            prop_assert!(part.is_none() || packed.len() == 1 || part != whole);
            *place.get_mut(&mut packed) = byte;
            let _ = unpack(&packed);
        }
    }

    #[test]
    fn a_digest_says_which_mail_was_delivered_when() {
        let at = Timestamp(1_772_000_000_000);
        let mail = SampledMessage {
            sent_at: at,
            checked_at: Some(Timestamp(at.0 + 60_000)),
            delivered_at: Some(Timestamp(at.0 + 2_000)),
            ..SampledMessage::default()
        };
        let digest = digest_delivered(&[mail]);
        let later = |by: i64| Some(Timestamp(at.0 + by));
        for other in [
            SampledMessage {
                sent_at: Timestamp(at.0 + 1),
                ..mail
            },
            SampledMessage {
                checked_at: None,
                ..mail
            },
            SampledMessage {
                delivered_at: later(2_001),
                ..mail
            },
            SampledMessage {
                bounced_at: later(60_000),
                ..mail
            },
            SampledMessage {
                checked_at: None,
                bounced_at: later(60_000),
                ..mail
            },
        ] {
            assert_ne!(digest_delivered(&[other]), digest, "{other:?}");
        }
        assert_ne!(digest_delivered(&[mail, mail]), digest);
    }
}
