//! Which mail is followed until it is proven delivered. Delivery is told only in a message's details, one request each,
//! so a small seeded sample stands for the rest.

use std::time::Duration;

use crate::model::Timestamp;

/// The maximum number of details requested for a healthy stream in a poll.
pub const HEALTHY_REQUESTS: usize = 5;
/// The number of details requested for a healthy stream with so few new messages that each is worth more: more only once one of
/// these shows no delivery.
pub const SMALL_REQUESTS: usize = 2;
/// The maximum number of new messages in a poll of a small stream.
const SMALL_VOLUME: usize = 15;
/// The maximum number of drawn messages that were not checked yet; no more are drawn.
const MAX_BACKLOG: usize = 10;
/// New messages drawn from a suspicious stream.
const SUSPICIOUS_DRAWS: usize = 10;
/// The maximum number of details requested for a suspicious stream in a poll, and for one in the first complete poll after others.
const MAX_REQUESTS: usize = 25;
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
    /// Further ones to draw as soon as an answer shows no delivery.
    pub more: usize,
    pub requests: usize,
    /// Of these, for messages that were checked before.
    pub rechecks: usize,
}

/// What is known of a stream when its poll is planned.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// Drawn messages that were not checked yet.
    pub unread: usize,
    /// Messages that were checked and are owed an answer.
    pub unsettled: usize,
    /// New messages since the last poll; [`usize::MAX`] where they were counted.
    pub sent: usize,
    pub suspicious: bool,
    /// The polls that this one stands for, at least 1: those since the last complete one, whose mail nobody drew from.
    pub polls: usize,
}

/// Returns the plan of one poll, for which so many requests are left.
pub fn plan(is: Situation, requests_left: usize) -> Plan {
    if is.suspicious {
        let requests = requests_left.min(MAX_REQUESTS);
        // Fresh mail is what shows the end of a silence: the old may never have news.
        return Plan {
            new: SUSPICIOUS_DRAWS,
            more: 0,
            requests,
            rechecks: requests.saturating_sub(SUSPICIOUS_DRAWS),
        };
    }
    // As much of each hour that was not seen as of one that was, as far as a poll goes.
    let polls = is.polls.clamp(1, MAX_REQUESTS / HEALTHY_REQUESTS);
    let requests = (HEALTHY_REQUESTS * polls).min(requests_left);
    let all = requests.min((MAX_BACKLOG * polls).saturating_sub(is.unread));
    let owed = is.unread + is.unsettled.min(MAX_RECHECKS);
    let new = match is.sent <= SMALL_VOLUME {
        true => (SMALL_REQUESTS * polls)
            .saturating_sub(owed)
            .max(1)
            .min(all),
        false => all,
    };
    Plan {
        new,
        more: all - new,
        requests,
        rechecks: MAX_RECHECKS,
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

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Situation = Situation {
        unread: 0,
        unsettled: 0,
        sent: 0,
        suspicious: false,
        polls: 1,
    };

    fn draws(is: Situation) -> (usize, usize, usize) {
        let plan = plan(is, 60);
        (plan.new, plan.more, plan.requests)
    }

    #[test]
    fn a_small_stream_draws_two_and_the_rest_once_one_is_not_delivered() {
        for sent in [0, 5, SMALL_VOLUME] {
            assert_eq!(draws(Situation { sent, ..QUIET }), (2, 3, 5));
        }
        for sent in [SMALL_VOLUME + 1, usize::MAX] {
            assert_eq!(draws(Situation { sent, ..QUIET }), (5, 0, 5));
        }
    }

    #[test]
    fn what_is_owed_takes_the_place_of_new_mail_but_for_one() {
        for (unread, unsettled, new) in [(0, 1, 1), (0, 2, 1), (1, 0, 1), (9, 0, 1), (10, 0, 0)] {
            let is = Situation {
                unread,
                unsettled,
                ..QUIET
            };
            assert_eq!(draws(is).0, new, "{is:?}");
        }
    }

    #[test]
    fn a_suspicious_stream_draws_ten_however_small_it_is() {
        let is = Situation {
            suspicious: true,
            ..QUIET
        };
        assert_eq!(draws(is), (SUSPICIOUS_DRAWS, 0, MAX_REQUESTS));
    }

    #[test]
    fn after_polls_that_saw_nothing_each_of_them_is_drawn_for_up_to_a_limit() {
        let after = |polls, sent| {
            draws(Situation {
                sent,
                polls,
                ..QUIET
            })
        };
        assert_eq!(after(3, MAX_CANDIDATES), (15, 0, 15));
        assert_eq!(after(3, 10), (6, 9, 15));
        for many in [5, 8, 1_000] {
            assert_eq!(after(many, MAX_CANDIDATES), (25, 0, 25));
        }
        assert_eq!(after(0, MAX_CANDIDATES), (5, 0, 5));
    }

    #[test]
    fn no_plan_exceeds_what_is_left() {
        for left in 0..8 {
            for sent in [3, 300] {
                for polls in [1, 7] {
                    let is = Situation {
                        sent,
                        polls,
                        ..QUIET
                    };
                    let plan = plan(is, left);
                    assert!(plan.requests <= left && plan.new + plan.more <= left);
                }
            }
        }
    }
}
