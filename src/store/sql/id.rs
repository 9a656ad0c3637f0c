//! Message ids as they are stored: Postmark's are UUIDs, kept in 16 bytes; any other id is kept as it is, after a byte
//! that says so.

/// A message id in the bytes of its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Id {
    Uuid([u8; 16]),
    Other(Vec<u8>),
}

impl Id {
    pub(super) fn from_text(id: &str) -> Self {
        match uuid(id) {
            Some(bytes) => Self::Uuid(bytes),
            // A filler, so that no other id is 16 bytes long.
            None if id.len() == 15 => Self::Other([&[1, 0], id.as_bytes()].concat()),
            None => Self::Other([&[0], id.as_bytes()].concat()),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Uuid(bytes) => bytes,
            Self::Other(bytes) => bytes,
        }
    }
}

/// The id that is stored as `bytes`.
pub(super) fn text_of(bytes: &[u8]) -> String {
    match bytes {
        _ if bytes.len() == 16 => uuid_text(bytes),
        [0, text @ ..] | [1, _, text @ ..] => String::from_utf8_lossy(text).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The bytes of a UUID that is written as Postmark writes it, and would be written so again.
fn uuid(id: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = id.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    let mut digits = 0;
    for (place, byte) in text.iter().enumerate() {
        if matches!(place, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        bytes[digits / 2] = bytes[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(bytes)
}

fn uuid_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend(
            [byte >> 4, byte & 15].map(|d| char::from_digit(u32::from(d), 16).unwrap_or('0')),
        );
    }
    text
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
            assert_eq!(text_of(Id::from_text(id).as_bytes()), id);
        }
    }

    #[test]
    fn a_uuid_takes_sixteen_bytes_and_no_other_id_does() {
        let uuid = Id::from_text("21895802-5d50-442b-b039-27cf5b462c54");
        assert_eq!(uuid.as_bytes().len(), 16);
        assert_ne!(Id::from_text("fifteen bytes!!").as_bytes().len(), 16);
    }
}
