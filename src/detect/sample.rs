//! Which mail is followed until it is proven delivered. Delivery is told only in a message's details, one request each,
//! so a small seeded sample stands for the rest.

use std::time::Duration;

use crate::model::Timestamp;

/// The maximum number of details requested for a healthy stream in a poll.
pub const HEALTHY_REQUESTS: usize = 5;
/// The maximum number of drawn messages that were not checked yet; no more are drawn.
const MAX_BACKLOG: usize = 10;
/// New messages drawn from a suspicious stream.
const SUSPICIOUS_DRAWS: usize = 10;
/// The maximum number of details requested for a suspicious stream in a poll.
const MAX_SUSPICIOUS_REQUESTS: usize = 25;
/// The maximum number of rechecks in a poll of a healthy stream.
const MAX_RECHECKS: usize = 2;

/// The maximum number of candidates kept from the new mail of one poll: those of the lowest rank.
pub const MAX_CANDIDATES: usize = 40;
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

/// What one poll may request for one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// New messages to draw.
    pub new: usize,
    pub requests: usize,
    /// Of these, for messages that were checked before.
    pub rechecks: usize,
}

/// The plan of one poll, given how many drawn messages were not checked yet and how many requests are left.
pub fn plan(backlog: usize, suspicious: bool, requests_left: usize) -> Plan {
    if suspicious {
        let requests = requests_left.min(MAX_SUSPICIOUS_REQUESTS);
        // Fresh mail is what shows the end of a silence: the old may never have news.
        Plan {
            new: SUSPICIOUS_DRAWS,
            requests,
            rechecks: requests.saturating_sub(SUSPICIOUS_DRAWS),
        }
    } else {
        Plan {
            new: HEALTHY_REQUESTS
                .min(MAX_BACKLOG.saturating_sub(backlog))
                .min(requests_left),
            requests: HEALTHY_REQUESTS.min(requests_left),
            rechecks: MAX_RECHECKS,
        }
    }
}

/// Returns what to check, the next one last: first the newest of what was checked before and is owed an answer, as far as
/// the plan goes, then what was never checked, oldest first. `state` says when a message was sent, and whether it was
/// checked before.
pub fn prioritize<M>(
    open: Vec<M>,
    drawn: Vec<M>,
    plan: Plan,
    state: impl Fn(&M) -> (Timestamp, bool),
) -> Vec<M> {
    let (mut again, mut first): (Vec<M>, Vec<M>) = open.into_iter().partition(|m| state(m).1);
    again.sort_by_key(|mail| std::cmp::Reverse(state(mail).0));
    again.truncate(plan.rechecks);
    first.extend(drawn);
    first.sort_by_key(|mail| state(mail).0);
    again.extend(first);
    again.reverse();
    again
}
