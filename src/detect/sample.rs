//! Which mail is followed until it is proven delivered. Delivery is told only in a message's details, one request each,
//! so a small seeded sample stands for the rest.

use std::time::Duration;

use crate::model::Timestamp;

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

/// Candidates that are remembered from one poll's new mail: those of the lowest rank.
pub const CANDIDATES: usize = 40;
/// Sampled mail without news for so long is given up: greylisting lasts minutes, at worst some hours.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(12 * 3600);

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
        let details = requests_left.min(SUSPICIOUS_DETAILS);
        // Fresh mail is what shows the end of a silence: the old may never have news.
        Plan {
            draws: SUSPICIOUS,
            details,
            again: details.saturating_sub(SUSPICIOUS),
        }
    } else {
        Plan {
            draws: HEALTHY
                .min(BACKLOG.saturating_sub(backlog))
                .min(requests_left),
            details: HEALTHY.min(requests_left),
            again: AGAIN,
        }
    }
}

/// Mail that may be looked at.
pub trait Candidate {
    /// When it was sent.
    fn sent_at(&self) -> Timestamp;
    /// Whether it was looked at before.
    fn was_read(&self) -> bool;
}

/// What to look at, the next one last: first the newest of what was looked at before and is owed an answer, as far as the
/// plan goes, then what was never looked at, oldest first.
pub fn queue<M: Candidate>(open: Vec<M>, drawn: Vec<M>, plan: Plan) -> Vec<M> {
    let (mut again, mut first): (Vec<M>, Vec<M>) = open.into_iter().partition(M::was_read);
    again.sort_by_key(|mail| std::cmp::Reverse(mail.sent_at()));
    again.truncate(plan.again);
    first.extend(drawn);
    first.sort_by_key(M::sent_at);
    again.extend(first);
    again.reverse();
    again
}
