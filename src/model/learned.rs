//! What was learned of the mail of a series, as it is kept.

use super::{StreamId, Tag};

/// Bytes of a key.
const KEY_BYTES: usize = 16;

/// A digest of all that something was learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnedKey([u8; KEY_BYTES]);

impl LearnedKey {
    /// From the first bytes of a longer digest.
    pub fn from_digest(digest: &[u8]) -> Self {
        let mut key = [0; KEY_BYTES];
        for (to, from) in key.iter_mut().zip(digest) {
            *to = *from;
        }
        Self(key)
    }

    /// The key of just these bytes; `None` where they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Whose mail something was learned from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// `None` of all streams that are judged together.
    pub stream: Option<StreamId>,
    /// The tag, where it is of one.
    pub tag: Option<Tag>,
    /// Whether it is how its mail is delivered; else when it is sent.
    pub is_delivery: bool,
}

impl Series {
    /// The mail of several streams together.
    pub const TOGETHER: Self = Self {
        stream: None,
        tag: None,
        is_delivery: false,
    };

    /// The mail of a stream, or of one of its tags.
    pub fn new(stream: &StreamId, tag: Option<&Tag>) -> Self {
        Self {
            stream: Some(stream.clone()),
            tag: tag.cloned(),
            is_delivery: false,
        }
    }

    /// How the mail of a stream is delivered.
    pub fn delivery(stream: &StreamId) -> Self {
        Self {
            is_delivery: true,
            ..Self::new(stream, None)
        }
    }
}

/// What was learned of one series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// The digest of what it was learned from.
    pub key: LearnedKey,
    /// What this version reads; no other has to.
    pub value: Vec<u8>,
}
