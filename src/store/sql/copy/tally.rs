//! A digest of rows that does not depend on their order.

use ring::digest::{SHA256, digest};

use super::Owned;

/// How many rows, and the sum of their digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) rows: u64,
    sum: [u64; 4],
}

impl Tally {
    pub(super) fn add(&mut self, row: &[Owned]) {
        let mut bytes = Vec::new();
        for value in row {
            let (kind, value): (u8, &[u8]) = match value {
                Owned::Null => (0, &[]),
                Owned::Int(number) => (1, &number.to_be_bytes()),
                Owned::Text(text) => (2, text.as_bytes()),
                Owned::Blob(blob) => (3, blob),
            };
            bytes.push(kind);
            bytes.extend(value.len().to_be_bytes());
            bytes.extend(value);
        }
        self.rows += 1;
        let digest = digest(&SHA256, &bytes);
        for (sum, part) in self.sum.iter_mut().zip(digest.as_ref().chunks_exact(8)) {
            let part = part
                .iter()
                .fold(0, |part, byte| part << 8 | u64::from(*byte));
            *sum = sum.wrapping_add(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(rows: &[&[Owned]]) -> Tally {
        let mut tally = Tally::default();
        rows.iter().for_each(|row| tally.add(row));
        tally
    }

    #[test]
    fn it_tells_apart_what_is_not_the_same() {
        let text = |text: &str| Owned::Text(text.to_owned());
        let one: &[Owned] = &[text("ab"), text("c"), Owned::Null];
        let other: &[Owned] = &[text("a"), text("bc"), Owned::Null];
        let none: &[Owned] = &[text("ab"), text("c"), text("")];
        let blob: &[Owned] = &[Owned::Blob(b"ab".to_vec()), text("c"), Owned::Null];
        for different in [other, none, blob] {
            assert_ne!(tally(&[one]), tally(&[different]), "{different:?}");
        }
        assert_ne!(tally(&[one]), tally(&[one, one]));
        assert_eq!(tally(&[one, other]), tally(&[other, one]));
    }
}
