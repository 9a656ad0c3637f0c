//! Message ids as they are stored: Postmark's are UUIDs, kept in 16 bytes; any other id is kept as it is, after a byte
//! that says so.

use uuid::Uuid;

/// A message id in the bytes of its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Id {
    Uuid(Uuid),
    Other(Vec<u8>),
}

impl Id {
    pub(super) fn from_text(id: &str) -> Self {
        match Uuid::try_parse(id) {
            // Only one that is written as Postmark writes it would be written so again.
            Ok(uuid) if *uuid.hyphenated().encode_lower(&mut [0; 36]) == *id => Self::Uuid(uuid),
            // A filler, so that no other id is 16 bytes long.
            _ if id.len() == 15 => Self::Other([&[1, 0], id.as_bytes()].concat()),
            _ => Self::Other([&[0], id.as_bytes()].concat()),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Uuid(uuid) => uuid.as_bytes(),
            Self::Other(bytes) => bytes,
        }
    }
}

/// Returns the id that is stored as `bytes`.
pub(super) fn id_from_bytes(bytes: &[u8]) -> String {
    if let Ok(uuid) = Uuid::from_slice(bytes) {
        return uuid.to_string();
    }
    let ([0, text @ ..] | [1, _, text @ ..] | text) = bytes;
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_id_survives_its_bytes() {
        for id in [
            "21895802-5d50-442b-b039-27cf5b462c54",
            "",
            "m1",
            "ABCDEF02-5d50-442b-b039-27cf5b462c54",
            "21895802-5d50-442b-b039_27cf5b462c54",
            "\0fifteen bytes!",
            "fifteen bytes!!",
        ] {
            assert_eq!(id_from_bytes(Id::from_text(id).as_bytes()), id);
        }
    }

    #[test]
    fn a_uuid_takes_sixteen_bytes_and_no_other_id_does() {
        let uuid = Id::from_text("21895802-5d50-442b-b039-27cf5b462c54");
        assert_eq!(uuid.as_bytes().len(), 16);
        assert_ne!(Id::from_text("fifteen bytes!!").as_bytes().len(), 16);
    }
}
