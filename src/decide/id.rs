//! Short, stable incident ids.

use crate::model::{Finding, ServerName, Timestamp};

/// Digits that are not mistaken for each other when read aloud (Crockford's base 32).
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Eight digits from what makes an incident this one: the same events give the same id in every process.
pub(super) fn incident_id(server: &ServerName, finding: &Finding, opened_at: Timestamp) -> String {
    let stream = finding.stream.as_ref().map_or("", |s| s.0.as_str());
    let mut named = format!("{server}\0{stream}\0{}\0{}", finding.rule, opened_at.0);
    if let Some(tag) = &finding.tag {
        named.push('\0');
        named.push_str(&tag.0);
    }
    let hash = fnv1a(named.as_bytes());
    (0..8)
        .map(|place| char::from(DIGITS[usize::try_from(hash >> (5 * place) & 31).unwrap_or(0)]))
        .collect()
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo), folded so that the low 40 bits hold all of it.
fn fnv1a(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 40)
}
