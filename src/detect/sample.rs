//! Which mail is followed until it is proven delivered. Delivery is told only in a message's details, one request each,
//! so a small seeded sample stands for the rest.

/// Details that a healthy stream costs in a poll, at most.
pub const HEALTHY: usize = 5;
/// Drawn mail that was not looked at yet, at most: more than that is not drawn.
const BACKLOG: usize = 10;
/// Fresh mail drawn from a suspicious stream.
const SUSPICIOUS: usize = 10;
/// Details that a suspicious stream costs in a poll, at most.
const SUSPICIOUS_DETAILS: usize = 25;
/// Mail looked at again in a poll of a healthy stream.
const AGAIN: usize = 2;

/// The place of a message in the draw: the lowest are drawn. A fixed hash, so that every process and a replay of the
/// same mail draw the same.
pub fn rank(server: &str, stream: &str, id: &str) -> u64 {
    let bytes = [server, stream, id]
        .into_iter()
        .flat_map(|part| part.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // FNV's high bits mix poorly on short input: finish as SplitMix64 does.
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What one poll may do for one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// New messages to draw.
    pub draws: usize,
    /// Requests for details.
    pub details: usize,
    /// Of these, for messages that were looked at before.
    pub again: usize,
}

/// The plan of one poll, given how many drawn messages were not looked at yet and how many requests are left.
pub fn plan(backlog: usize, suspicious: bool, requests_left: usize) -> Plan {
    if suspicious {
        let details = requests_left.clamp(HEALTHY, SUSPICIOUS_DETAILS);
        // Fresh mail is what shows the end of a silence: the old may never have news.
        Plan {
            draws: SUSPICIOUS,
            details,
            again: details.saturating_sub(SUSPICIOUS),
        }
    } else {
        Plan {
            draws: HEALTHY.min(BACKLOG.saturating_sub(backlog)),
            details: HEALTHY,
            again: AGAIN,
        }
    }
}
