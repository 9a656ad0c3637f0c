//! How what was learned is written as bytes, and read again: to the bit, and as short as that goes.
//!
//! Numbers are written as they are, whole ones in groups of seven bits, and lists with their length before them. Nothing says what
//! a byte means: that is known by the number of the learner that comes with the key.

use std::time::Duration;

use crate::model::{Span, Timestamp};

/// A value that is written as bytes.
pub(super) trait Encoded: Sized {
    fn write(&self, to: &mut Vec<u8>);

    /// Reads a value from the beginning of `from`, and leaves the rest there; `None` where it is none.
    fn read(from: &mut &[u8]) -> Option<Self>;
}

/// Returns the bytes of a value.
pub(super) fn encode(value: &impl Encoded) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write(&mut bytes);
    bytes
}

/// Returns the value of all of `bytes`; `None` where they are none.
pub(super) fn decode<T: Encoded>(mut bytes: &[u8]) -> Option<T> {
    let value = T::read(&mut bytes)?;
    bytes.is_empty().then_some(value)
}

/// Writes the fields of a struct one after the other.
macro_rules! encoded {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::detect::encoding::Encoded for $name {
            fn write(&self, to: &mut Vec<u8>) {
                let Self { $($field),+ } = self;
                $($crate::detect::encoding::Encoded::write($field, to);)+
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                $(let $field = $crate::detect::encoding::Encoded::read(from)?;)+
                Some(Self { $($field),+ })
            }
        }
    };
}
pub(super) use encoded;

impl Encoded for u64 {
    fn write(&self, to: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            to.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        to.push(rest as u8);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let mut number = 0;
        for shift in (0..Self::BITS).step_by(7) {
            let (byte, rest) = from.split_first()?;
            *from = rest;
            number |= Self::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

impl Encoded for usize {
    fn write(&self, to: &mut Vec<u8>) {
        (*self as u64).write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        u64::read(from).and_then(|number| Self::try_from(number).ok())
    }
}

impl Encoded for bool {
    fn write(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        match u64::read(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Encoded for f64 {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend(self.to_bits().to_le_bytes());
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let (bytes, rest) = from.split_first_chunk()?;
        *from = rest;
        Some(Self::from_bits(u64::from_le_bytes(*bytes)))
    }
}

impl Encoded for Timestamp {
    fn write(&self, to: &mut Vec<u8>) {
        // Of instants before 1970, which are none of mail, the sign comes last.
        ((self.0 << 1) ^ (self.0 >> 63)).cast_unsigned().write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let number = u64::read(from)?;
        Some(Self(
            (number >> 1).cast_signed() ^ -(number & 1).cast_signed(),
        ))
    }
}

impl Encoded for Duration {
    fn write(&self, to: &mut Vec<u8>) {
        self.as_secs().write(to);
        u64::from(self.subsec_nanos()).write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let (seconds, nanos) = (u64::read(from)?, u64::read(from)?);
        let nanos = u32::try_from(nanos).ok().filter(|n| *n < 1_000_000_000)?;
        Some(Self::new(seconds, nanos))
    }
}

encoded!(Span { from, until });

impl<T: Encoded> Encoded for Vec<T> {
    fn write(&self, to: &mut Vec<u8>) {
        self.len().write(to);
        for value in self {
            value.write(to);
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let length = usize::read(from)?;
        // A value has a byte at least: more of them are none, and need no room.
        let mut values = Self::with_capacity(length.min(from.len()));
        for _ in 0..length {
            values.push(T::read(from)?);
        }
        Some(values)
    }
}

impl<T: Encoded> Encoded for Option<T> {
    fn write(&self, to: &mut Vec<u8>) {
        self.is_some().write(to);
        if let Some(value) = self {
            value.write(to);
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        match bool::read(from)? {
            true => T::read(from).map(Some),
            false => Some(None),
        }
    }
}

impl<T: Encoded> Encoded for Box<T> {
    fn write(&self, to: &mut Vec<u8>) {
        (**self).write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        T::read(from).map(Self::new)
    }
}

impl<A: Encoded, B: Encoded> Encoded for (A, B) {
    fn write(&self, to: &mut Vec<u8>) {
        self.0.write(to);
        self.1.write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some((A::read(from)?, B::read(from)?))
    }
}

impl<A: Encoded, B: Encoded, C: Encoded> Encoded for (A, B, C) {
    fn write(&self, to: &mut Vec<u8>) {
        self.0.write(to);
        self.1.write(to);
        self.2.write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some((A::read(from)?, B::read(from)?, C::read(from)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Everything = (
        (u64, bool, Vec<u64>),
        (Option<Timestamp>, Duration),
        (Box<usize>, Vec<(usize, u64)>),
    );

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else_is(
            numbers in (any::<u64>(), any::<bool>(), prop::collection::vec(any::<u64>(), 0..9)),
            times in (any::<Option<i64>>(), any::<u64>(), 0u32..1_000_000_000),
            rest in (any::<usize>(), prop::collection::vec((any::<usize>(), any::<u64>()), 0..4)),
            bits in any::<u64>(),
        ) {
            let times = (times.0.map(Timestamp), Duration::new(times.1, times.2));
            let value: Everything = (numbers, times, (Box::new(rest.0), rest.1));
            let bytes = encode(&value);
            let read: Option<Everything> = decode(&bytes);
            prop_assert_eq!(read.as_ref(), Some(&value));
            prop_assert_eq!(decode::<Everything>(&bytes[..bytes.len() - 1]), None);
            prop_assert_eq!(decode::<Everything>(&[bytes.as_slice(), &[0]].concat()), None);
            let bits_of = |value: f64| decode::<f64>(&encode(&value)).map(f64::to_bits);
            prop_assert_eq!(bits_of(f64::from_bits(bits)), Some(bits));
        }

        #[test]
        fn whatever_is_read_ends(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<Everything>(&bytes);
            let _ = decode::<Vec<Vec<Option<f64>>>>(&bytes);
        }
    }
}
