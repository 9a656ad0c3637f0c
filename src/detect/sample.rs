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
/// The maximum number of rechecks in a poll of a healthy stream: of the newest, which show first that something is wrong ...
const MAX_RECHECKS: usize = 2;
/// ... and beside them of older ones that are due: those of a time of greylisting arrive once it is over, and nobody else would ask.
const MAX_LATE_RECHECKS: usize = 10;
/// These are due so old, most of what is greylisted having arrived ...
const LATE_AFTER: Duration = Duration::from_secs(2 * 3600);
/// ... and again once they are so many times as old as when they were last asked for. So what is given up after [`GIVE_UP_AFTER`]
/// is known to have had no news for at least half of it.
const RECHECK_FACTOR: u32 = 2;

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
    /// Requests beside these, for older messages that were checked before and are due again.
    pub late: usize,
}

/// When a message of the sample was sent, and when it was last asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub sent_at: Timestamp,
    pub checked_at: Option<Timestamp>,
}

impl Asked {
    fn is_due(self, now: Timestamp) -> bool {
        let age = |at: Timestamp| at.since(self.sent_at);
        let is_older = |checked: Timestamp| age(now) >= age(checked).saturating_mul(RECHECK_FACTOR);
        age(now) >= LATE_AFTER && self.checked_at.is_some_and(is_older)
    }
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
            // But what is late, and not lost, is not to be counted as lost: it is asked for once more before it is given up.
            late: MAX_LATE_RECHECKS.min(requests_left - requests),
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
        late: MAX_LATE_RECHECKS.min(requests_left.min(MAX_REQUESTS).saturating_sub(requests)),
    }
}

/// Returns what to check at `now`, the next one last: first the newest of what was checked before and is owed an answer, as far as
/// the plan goes, then what was never checked, oldest first; and, for the plan's late requests, what else is due again, oldest
/// first.
pub fn prioritize<M>(
    open: Vec<M>,
    drawn: Vec<M>,
    plan: Plan,
    now: Timestamp,
    asked: impl Fn(&M) -> Asked,
) -> (Vec<M>, Vec<M>) {
    let sent_at = |mail: &M| asked(mail).sent_at;
    let (mut again, mut first): (Vec<M>, Vec<M>) = open
        .into_iter()
        .partition(|mail| asked(mail).checked_at.is_some());
    again.sort_by_key(|mail| std::cmp::Reverse(sent_at(mail)));
    let mut late = again.split_off(plan.rechecks.min(again.len()));
    late.retain(|mail| asked(mail).is_due(now));
    // The oldest are given up first.
    late.reverse();
    late.truncate(plan.late);
    first.extend(drawn);
    first.sort_by_key(sent_at);
    again.extend(first);
    again.reverse();
    (again, late)
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

    /// The age, in hours, at which each message sent at an hour of a greylisting that holds all back for `hours` is known to be
    /// delivered; `None` where it is given up. Polls are hourly; while it lasts the stream is suspicious.
    fn known_after(hours: u32) -> Vec<Option<u64>> {
        let at = |hour: u32| Timestamp::from_secs(1_772_532_000) + Duration::from_secs(3600) * hour;
        let mut open: Vec<(usize, Asked)> = Vec::new();
        let mut known = Vec::new();
        for hour in 1..hours + 13 {
            let now = at(hour);
            let suspicious = hour <= hours;
            open.retain(|(_, mail)| mail.sent_at >= now - GIVE_UP_AFTER);
            let is = Situation {
                unsettled: open.len(),
                sent: if suspicious { MAX_CANDIDATES } else { 0 },
                suspicious,
                ..QUIET
            };
            let plan = plan(is, 60);
            let new = if suspicious { plan.new } else { 0 };
            let drawn = (0..new).map(|place| {
                let asked = Asked {
                    sent_at: at(hour - 1) + Duration::from_secs(60 * place as u64),
                    checked_at: None,
                };
                (known.len() + place, asked)
            });
            let drawn: Vec<_> = drawn.collect();
            known.resize(known.len() + new, None);
            let asked = |mail: &(usize, Asked)| mail.1;
            let (queue, late) = prioritize(open.clone(), drawn.clone(), plan, now, asked);
            open.extend(drawn);
            let regular = queue.into_iter().rev().take(plan.requests);
            for (index, mail) in regular.chain(late) {
                let age = now.since(mail.sent_at);
                if age >= Duration::from_secs(3600) * hours {
                    known[index] = Some(age.as_secs() / 3600);
                    open.retain(|(open, _)| *open != index);
                } else if let Some((_, open)) = open.iter_mut().find(|(open, _)| *open == index) {
                    open.checked_at = Some(now);
                }
            }
        }
        known
    }

    #[test]
    fn what_arrives_once_a_greylisting_is_over_is_asked_for_again_before_it_is_given_up() {
        for hours in [3, 6] {
            let known = known_after(hours);
            assert_eq!(known.len(), SUSPICIOUS_DRAWS * hours as usize);
            let given_up = known.iter().filter(|age| age.is_none()).count();
            assert_eq!(given_up, 0, "{hours} h: {known:?}");
        }
    }

    #[test]
    fn what_never_arrives_is_asked_for_late_a_few_times() {
        let at =
            |minutes: u64| Timestamp::from_secs(1_772_532_000) + Duration::from_secs(60 * minutes);
        let mut mail = Asked {
            sent_at: at(0),
            checked_at: Some(at(30)),
        };
        let mut asked = Vec::new();
        for hour in 1..=12 {
            if mail.is_due(at(hour * 60)) {
                asked.push(hour);
                mail.checked_at = Some(at(hour * 60));
            }
        }
        assert_eq!(asked, [2, 4, 8]);
    }

    /// Ten messages an hour, each of which arrives after five hours, while the stream is in doubt throughout.
    #[test]
    fn what_arrives_hours_late_is_known_to_before_it_is_given_up() {
        let at =
            |hours: u32| Timestamp::from_secs(1_772_532_000) + Duration::from_secs(3600) * hours;
        let (mut open, mut known): (Vec<Asked>, usize) = (Vec::new(), 0);
        for hour in 1..48 {
            let now = at(hour);
            let held = open.len();
            open.retain(|mail| mail.sent_at >= now - GIVE_UP_AFTER);
            assert_eq!(open.len(), held, "given up without a word, {known} known");
            let is = Situation {
                unsettled: open.len(),
                sent: MAX_CANDIDATES,
                suspicious: true,
                ..QUIET
            };
            let plan = plan(is, 60);
            let drawn = (0..plan.new as u64).map(|n| Asked {
                sent_at: at(hour - 1) + Duration::from_secs(60 * n),
                checked_at: None,
            });
            let drawn: Vec<Asked> = drawn.collect();
            let (queue, late) = prioritize(open.clone(), drawn.clone(), plan, now, |mail| *mail);
            open.extend(drawn);
            for mail in queue.into_iter().rev().take(plan.requests).chain(late) {
                let place = open.iter().position(|of| of.sent_at == mail.sent_at);
                let place = place.expect("open");
                match now.since(mail.sent_at) >= Duration::from_secs(5 * 3600) {
                    true => {
                        open.remove(place);
                        known += 1;
                    }
                    false => open[place].checked_at = Some(now),
                }
            }
        }
        assert!(known > 300, "{known}");
    }

    #[test]
    fn no_plan_exceeds_what_is_left() {
        for left in [0, 1, 2, 3, 4, 5, 6, 7, 27] {
            for (sent, suspicious) in [(3, false), (300, false), (300, true)] {
                for polls in [1, 7] {
                    let is = Situation {
                        sent,
                        polls,
                        suspicious,
                        ..QUIET
                    };
                    let plan = plan(is, left);
                    let drawn = if suspicious { 0 } else { plan.new + plan.more };
                    assert!(plan.requests <= left && drawn <= left);
                    assert!(plan.requests + plan.late <= left);
                }
            }
        }
    }
}
