//! Valid documents gone wrong: flipped, cut, doubled, with something in between. For property tests of every parser.

use proptest::prelude::*;
use proptest::sample::Index;

/// What parsers stumble over.
const STUMBLING: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\xe2\x80",
    "é\u{202e}".as_bytes(),
    b"\"",
    b"{",
    b"[[",
    b"null",
    b"-",
    b"\n",
    b"99999999999999999999",
    b"1e400",
    b"9223372036854775808",
];

#[derive(Clone, Debug)]
enum Mutation {
    /// A byte becomes another.
    Flip(Index, u8),
    /// Everything from there on is lost.
    Cut(Index),
    /// A part is lost.
    Remove(Index, usize),
    /// A part comes twice.
    Double(Index, usize),
    /// Something gets in between.
    Insert(Index, &'static [u8]),
}

/// One of `documents`, changed in a few places.
pub(crate) fn mutated(documents: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let document = prop::sample::select(documents);
    let mutations = prop::collection::vec(mutation(), 1..5);
    (document, mutations).prop_map(|(mut document, mutations)| {
        mutations.iter().for_each(|m| m.mutate(&mut document));
        document
    })
}

fn mutation() -> impl Strategy<Value = Mutation> {
    use Mutation::{Cut, Double, Flip, Insert, Remove};
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Flip(at, byte)),
        1 => any::<Index>().prop_map(Cut),
        2 => (any::<Index>(), 1usize..40).prop_map(|(at, length)| Remove(at, length)),
        2 => (any::<Index>(), 1usize..200).prop_map(|(at, length)| Double(at, length)),
        3 => (any::<Index>(), prop::sample::select(STUMBLING)).prop_map(|(at, what)| Insert(at, what)),
    ]
}

impl Mutation {
    fn mutate(&self, document: &mut Vec<u8>) {
        let (Self::Flip(at, _)
        | Self::Cut(at)
        | Self::Remove(at, _)
        | Self::Double(at, _)
        | Self::Insert(at, _)) = self;
        if document.is_empty() {
            return;
        }
        let at = at.index(document.len());
        let end = |length: usize| (at + length).min(document.len());
        match self {
            Self::Flip(_, byte) => document[at] = *byte,
            Self::Cut(_) => document.truncate(at),
            Self::Remove(_, length) => drop(document.drain(at..end(*length))),
            Self::Double(_, length) => {
                let part = document[at..end(*length)].to_vec();
                drop(document.splice(at..at, part));
            }
            Self::Insert(_, what) => drop(document.splice(at..at, what.iter().copied())),
        }
    }
}
