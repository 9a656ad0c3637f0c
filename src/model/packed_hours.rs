//! The hours of a whole week as one value, which a store keeps beside them: a past of many weeks is read in few of these.

use std::time::Duration;

use ring::digest::{Context, SHA256};

use super::{DAY, HOUR, HourCount, Timestamp};

/// Seven days. Weeks are counted from 1970-01-01, a Thursday.
pub const WEEK: Duration = DAY.saturating_mul(7);

/// Bytes of a digest.
const DIGEST_BYTES: usize = 32;
/// The first byte of a value that is written as below.
const FORMAT: u8 = 1;
/// Hours of a week.
const HOURS: u8 = 7 * 24;
const HOUR_MS: i64 = 3_600_000;
/// A week of fewer hours with mail is not packed: to read these takes no longer.
const MIN_HOURS: usize = 24;

/// A digest of the hours of one week, or of what was [delivered](super::digest_delivered) of its sampled mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeekDigest([u8; DIGEST_BYTES]);

impl WeekDigest {
    /// Of these hours, in order.
    pub fn of_hours(hours: &[HourCount]) -> Self {
        let mut bytes = Vec::with_capacity(hours.len() * 32);
        for hour in hours {
            let sent = hour.sent.cast_signed();
            for number in [hour.start.0, sent, hour.first_at.0, hour.last_at.0] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        Self::of_packed(&bytes)
    }

    /// Of what is written as these bytes.
    pub fn of_packed(bytes: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(bytes);
        let mut digest = [0; DIGEST_BYTES];
        digest.copy_from_slice(context.finish().as_ref());
        Self(digest)
    }

    /// The digest of just these bytes; `None` where they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The digest of what this and `other` are of, in whatever order: a sum.
    fn and(self, other: Self) -> Self {
        let mut sum = self;
        let (lanes, _) = sum.0.as_chunks_mut::<8>();
        for (lane, more) in lanes.iter_mut().zip(other.0.as_chunks::<8>().0) {
            let number = u64::from_le_bytes(*lane).wrapping_add(u64::from_le_bytes(*more));
            *lane = number.to_le_bytes();
        }
        sum
    }
}

/// Returns the hours of each week with mail, with its beginning; `hours` are in order.
pub fn by_week(hours: &[HourCount]) -> impl Iterator<Item = (Timestamp, &[HourCount])> {
    split_by_week(hours, |hour| hour.start)
}

/// Returns the rows of each week that has any, with its beginning; `rows` are in order of `at`.
pub fn split_by_week<T>(
    rows: &[T],
    at: impl Fn(&T) -> Timestamp,
) -> impl Iterator<Item = (Timestamp, &[T])> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let week = at(rest.first()?).floor(WEEK);
        let end = rest.partition_point(|row| at(row) < week + WEEK);
        let (of_week, later) = rest.split_at(end);
        rest = later;
        Some((week, of_week))
    })
}

/// What is known of the weeks of a history whose hours, or sampled mail, were packed, beside these.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PackedWeeks {
    digests: Vec<(Timestamp, WeekDigest)>,
    is_due: bool,
}

impl PackedWeeks {
    /// The digests of weeks by their beginnings, in order: of each all that the history has of it is digested. `is_due` says that there
    /// are whole weeks that could be packed, and are not.
    pub const fn new(digests: Vec<(Timestamp, WeekDigest)>, is_due: bool) -> Self {
        Self { digests, is_due }
    }

    /// The digest of the week that begins at `week`, where it is known.
    pub fn digest(&self, week: Timestamp) -> Option<WeekDigest> {
        let place = self.digests.binary_search_by_key(&week, |(week, _)| *week);
        place.ok().map(|place| self.digests[place].1)
    }

    /// Adds the weeks of one more list of hours, of which `packed` is known. The digest of hours that were added up is the sum of those of all
    /// lists with mail in that week: it is the same in whatever order they come, and whether each was known or is made of the hours.
    pub fn join(&mut self, hours: &[HourCount], packed: &Self) {
        for (week, of_week) in by_week(hours) {
            let known = packed.digest(week);
            let digest = known.unwrap_or_else(|| WeekDigest::of_hours(of_week));
            match self.digests.binary_search_by_key(&week, |(week, _)| *week) {
                Ok(place) => self.digests[place].1 = self.digests[place].1.and(digest),
                Err(place) => self.digests.insert(place, (week, digest)),
            }
        }
    }

    /// Whether there are weeks to be packed.
    pub const fn is_due(&self) -> bool {
        self.is_due
    }
}

/// Returns the hours of the week that begins at `week`, in order, as one value. `None` where they are so few that it would save
/// nothing, and where they are not hours of that week such as a store counts.
pub fn pack_hours(week: Timestamp, hours: &[HourCount]) -> Option<Vec<u8>> {
    if hours.len() < MIN_HOURS || week.0 < 0 || week.floor(WEEK) != week {
        return None;
    }
    let mut packed = Vec::with_capacity(1 + hours.len() * 9);
    packed.push(FORMAT);
    let mut next = 0;
    for hour in hours {
        let since = hour.start.0.checked_sub(week.0)?;
        let place = u8::try_from(since / HOUR_MS).ok()?;
        if since % HOUR_MS != 0 || !(next..HOURS).contains(&place) {
            return None;
        }
        next = place + 1;
        packed.push(place);
        for at in [hour.first_at, hour.last_at] {
            let within = at.0.checked_sub(hour.start.0)?;
            let within = u32::try_from(within).ok().filter(|_| within < HOUR_MS)?;
            packed.extend_from_slice(&within.to_le_bytes()[..3]);
        }
        let mut sent = hour.sent;
        while sent > 0x7f {
            packed.push((sent & 0x7f) as u8 | 0x80);
            sent >>= 7;
        }
        packed.push(sent as u8);
    }
    Some(packed)
}

/// Adds the hours that were [packed](pack_hours) of the week that begins at `week` to `hours`; returns whether it is such a value, else adds
/// none.
pub fn unpack_hours(week: Timestamp, packed: &[u8], hours: &mut Vec<HourCount>) -> bool {
    let before = hours.len();
    let is_read = read_hours(week, packed, hours).is_some() && hours.len() > before;
    if !is_read {
        hours.truncate(before);
    }
    is_read
}

fn read_hours(week: Timestamp, packed: &[u8], hours: &mut Vec<HourCount>) -> Option<()> {
    let (format, mut rest) = packed.split_first()?;
    if *format != FORMAT || week.floor(WEEK) != week {
        return None;
    }
    let mut next = 0;
    while let Some(([place, a, b, c, d, e, f], after)) = rest.split_first_chunk() {
        if !(next..HOURS).contains(place) {
            return None;
        }
        next = place + 1;
        let start = week + HOUR * u32::from(*place);
        let at = |bytes: [u8; 4]| {
            let within = i64::from(u32::from_le_bytes(bytes));
            (within < HOUR_MS).then_some(Timestamp(start.0 + within))
        };
        let (mut sent, mut shift) = (0u64, 0u32);
        rest = after;
        loop {
            let (byte, after) = rest.split_first()?;
            rest = after;
            let part = u64::from(byte & 0x7f);
            if shift > 63 || (part << shift) >> shift != part {
                return None;
            }
            sent |= part << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        hours.push(HourCount {
            start,
            sent,
            first_at: at([*a, *b, *c, 0])?,
            last_at: at([*d, *e, *f, 0])?,
        });
    }
    rest.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEGIN: Timestamp = Timestamp(2_930 * 604_800_000);

    fn hour(place: u32, sent: u64, first: i64, last: i64) -> HourCount {
        let start = BEGIN + HOUR * place;
        HourCount {
            start,
            sent,
            first_at: Timestamp(start.0 + first),
            last_at: Timestamp(start.0 + last),
        }
    }

    fn unpack_hours(week: Timestamp, packed: &[u8]) -> Option<Vec<HourCount>> {
        let before = hour(2, 7, 1, 1);
        let mut hours = vec![before];
        let is_read = super::unpack_hours(week, packed, &mut hours);
        assert_eq!(hours.remove(0), before, "what was there stays");
        assert_eq!(is_read, !hours.is_empty());
        is_read.then_some(hours)
    }

    fn week() -> impl Strategy<Value = Vec<HourCount>> {
        let within = 0i64..HOUR_MS;
        let counts = prop_oneof![0u64..300, any::<u64>()];
        let hours =
            prop::collection::btree_map(0u32..168, (counts, within.clone(), within), 24..168);
        hours.prop_map(|hours| {
            let hours = hours.into_iter();
            hours
                .map(|(place, (sent, a, b))| hour(place, sent, a, b))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(hours in week()) {
            let packed = pack_hours(BEGIN, &hours).expect("packed");
            prop_assert_eq!(unpack_hours(BEGIN, &packed), Some(hours));
        }

        #[test]
        fn what_is_no_packed_week_is_none(
            hours in week(),
            place in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut packed = pack_hours(BEGIN, &hours).expect("packed");
            let whole = packed.clone();
            *place.get_mut(&mut packed) = byte;
            // A changed byte may be another week; it is never read beyond its end, and never another than it says.
            if let Some(other) = unpack_hours(BEGIN, &packed)
                && let Some(again) = pack_hours(BEGIN, &other)
                && again.len() == packed.len()
            {
                prop_assert_eq!(again, packed);
            }
            let part = &whole[..cut.index(whole.len())];
            prop_assert_ne!(unpack_hours(BEGIN, part), Some(hours));
        }
    }

    #[test]
    fn what_a_store_never_counts_so_is_not_packed() {
        let good: Vec<HourCount> = (0..30).map(|place| hour(place, 5, 10, 20)).collect();
        assert!(pack_hours(BEGIN, &good).is_some());
        assert_eq!(pack_hours(BEGIN, &good[..23]), None, "too few");
        assert_eq!(pack_hours(BEGIN + HOUR, &good), None, "no week");
        let with = |odd: HourCount| {
            let mut hours = good.clone();
            hours[29] = odd;
            pack_hours(BEGIN, &hours)
        };
        assert!(with(hour(167, 1, 0, HOUR_MS - 1)).is_some());
        for odd in [
            hour(168, 1, 0, 0),
            hour(28, 1, 0, 0),
            hour(40, 1, -1, 0),
            hour(40, 1, 0, HOUR_MS),
            HourCount {
                start: BEGIN + HOUR * 40 + Duration::from_millis(1),
                ..hour(40, 1, 5, 6)
            },
        ] {
            assert_eq!(with(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn joined_weeks_have_one_digest_however_and_in_whatever_order_they_were_read() {
        let a: Vec<HourCount> = (100..240).map(|place| hour(place, 5, 10, 20)).collect();
        let b: Vec<HourCount> = (0..200).map(|place| hour(place, 7, 1, 2)).collect();
        let known = |hours: &[HourCount]| {
            let weeks = by_week(hours).map(|(week, of)| (week, WeekDigest::of_hours(of)));
            PackedWeeks::new(weeks.collect(), false)
        };
        let joined = |lists: &[(&[HourCount], PackedWeeks)]| {
            let mut joined = PackedWeeks::default();
            for (hours, packed) in lists {
                joined.join(hours, packed);
            }
            joined
        };
        let none = PackedWeeks::default;
        let both = joined(&[(&a, none()), (&b, none())]);
        assert_eq!(joined(&[(&b, known(&b)), (&a, known(&a))]), both);
        assert_eq!(joined(&[(&b, none()), (&a, known(&a))]), both);
        assert_eq!(joined(&[(&a, none())]), known(&a));
        for week in [BEGIN, BEGIN + WEEK] {
            let of_both = both.digest(week).expect("mail in that week");
            assert!(
                ![known(&a), known(&b)]
                    .map(|of| of.digest(week))
                    .contains(&Some(of_both))
            );
            let twice = joined(&[(&a, none()), (&b, none()), (&b, none())]);
            assert_ne!(twice.digest(week), Some(of_both));
        }
    }

    #[test]
    fn a_digest_says_which_hours_it_is_of() {
        let hours = [hour(3, 5, 10, 20), hour(4, 6, 0, 30)];
        let digest = WeekDigest::of_hours(&hours);
        assert_eq!(WeekDigest::from_bytes(digest.as_bytes()), Some(digest));
        assert_eq!(WeekDigest::from_bytes(&digest.as_bytes()[1..]), None);
        for other in [
            hour(5, 6, 0, 30),
            hour(4, 7, 0, 30),
            hour(4, 6, 1, 30),
            hour(4, 6, 0, 31),
        ] {
            assert_ne!(
                WeekDigest::of_hours(&[hours[0], other]),
                digest,
                "{other:?}"
            );
        }
        assert_ne!(WeekDigest::of_hours(&hours[..1]), digest);
        let weeks = PackedWeeks::new(vec![(BEGIN, digest)], false);
        assert_eq!(weeks.digest(BEGIN), Some(digest));
        assert_eq!(weeks.digest(BEGIN + WEEK), None);
    }
}
