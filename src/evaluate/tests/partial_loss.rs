//! A part of the mail still arrives.

use super::*;

/// A message every half an hour, of which 40% arrive from the tenth day on, drawn by `seed`.
fn two_of_five(seed: u32) -> History {
    let arrives = |n: u32| {
        let mixed = (n.wrapping_add(seed * 7919)).wrapping_mul(2_654_435_761);
        let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519);
        n < 10 * 48 || (mixed ^ (mixed >> 13)) % 100 < 40
    };
    let every = HOUR / 2;
    let sampled = (0..24 * 48).map(|n| {
        let sent_at = start() + every * n;
        SampledMessage {
            sent_at,
            checked_at: Some(sent_at + 2 * HOUR),
            delivered_at: arrives(n).then_some(sent_at + Duration::from_secs(30)),
            ..SampledMessage::default()
        }
    });
    let sent: Vec<Timestamp> = (0..24 * 48).map(|n| start() + every * n).collect();
    History {
        first_seen_at: Some(start() - DAY * 30),
        messages: Coverage::from_spans([Span::new(start() - DAY * 30, start() + DAY * 24)]),
        sampled: sampled.collect(),
        ..history(&sent, start() + DAY * 24)
    }
}

/// Steps by which an open drop of the share became a silence, though 40% arrived all the time.
fn worse(seed: u32) -> Vec<Timestamp> {
    let server = ServerPast {
        server: "shop".into(),
        policy: Policy::new(false, Rules::default()),
        histories: [("outbound".into(), two_of_five(seed))].into(),
        sampled: BTreeMap::new(),
    };
    let mut replay = Replay::new(vec![server], Policy::new(false, Rules::default()), 1);
    let polls = (9 * 24..24 * 24).map(|hour| start() + HOUR * hour);
    let steps = polls.flat_map(|at| replay.poll(at));
    let worse =
        steps.filter(|t| t.step == Step::Escalated && t.incident.rule == Rule::DeliverySilence);
    worse.map(|t| t.at).collect()
}

#[test]
fn what_partly_arrives_is_told_once_as_that_and_never_as_silence_after() {
    let all: Vec<Vec<Timestamp>> = (0..12).map(worse).collect();
    let steps: usize = all.iter().map(Vec::len).sum();
    assert!(steps <= 1, "{steps}: {all:?}");
}
