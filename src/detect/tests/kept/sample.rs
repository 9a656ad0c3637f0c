//! The same of how a stream delivers.

use ring::digest::{SHA256, digest};

use super::*;
use crate::detect::delivery::{DELIVERY_LEARNER, DeliveryModel, DeliveryTraining};
use crate::detect::encoding::{decode, encode};
use crate::model::{digest_delivered, split_by_week};

/// The number of each learner, and a digest of what it learns.
const LEARNERS: &str = include_str!("../../../../tests/data/delivery_learners.txt");

/// Knows the digests of whole weeks of the sample, as of a store that had packed them.
pub(super) fn pack(history: &mut History, now: Timestamp) {
    let weeks = split_by_week(&history.sampled, |mail| mail.sent_at);
    let weeks = weeks.map(|(week, of_week)| (week, digest_delivered(of_week)));
    let whole = weeks.filter(|(week, _)| *week + WEEK <= now);
    history.packed_samples = PackedWeeks::new(whole.collect(), false);
}

impl World {
    /// Every second message, as polls on the full hour knew it by now.
    pub(super) fn sampled(&self) -> Vec<SampledMessage> {
        let sent = self.sent.iter().step_by(2).filter(|at| **at < self.now);
        let known = |at: Timestamp| Some(at).filter(|at| *at < self.now);
        let of_one = |sent_at: &Timestamp| {
            let sent_at = *sent_at;
            let luck = draw(99, sent_at.0.cast_unsigned());
            let is_lost = self.lost.iter().any(|lost| lost.contains(sent_at));
            let (delivered_at, bounced_at) = match luck {
                _ if is_lost => (None, None),
                ..0.02 => (None, known(sent_at + MINUTE)),
                0.02..0.04 => (known(sent_at + 3 * HOUR), None),
                _ => (
                    known(sent_at + Duration::from_secs((luck * 90.0) as u64)),
                    None,
                ),
            };
            let polls = (1..=12).map(|hour| (sent_at + HOUR * hour).floor(HOUR));
            let mut polls = polls.filter(|poll| *poll <= self.now);
            let first = polls.next();
            let news = delivered_at.or(bounced_at);
            let checked_at = polls.find(|poll| news.is_some_and(|at| at <= *poll));
            let checked_at = match news {
                Some(at) if first.is_some_and(|first| at <= first) => first,
                Some(_) => checked_at.or(first),
                None => polls.next_back().or(first),
            };
            let read = |at: Option<Timestamp>| at.filter(|at| Some(*at) <= checked_at);
            SampledMessage {
                sent_at,
                checked_at,
                delivered_at: read(delivered_at),
                bounced_at: read(bounced_at),
                ..SampledMessage::default()
            }
        };
        sent.map(of_one).collect()
    }
}

fn world(lost: Vec<Span>) -> World {
    World {
        sent: mail(7, 110, 40.0, false),
        holes: Vec::new(),
        marked: Vec::new(),
        refused: Vec::new(),
        lost,
        told: Vec::new(),
        rules: Rules::default(),
        series: 2,
        now: start() + 104 * DAY + 5 * HOUR,
        packed: false,
    }
}

fn training<'h>(world: &World, history: &'h History, losses: &[Span]) -> DeliveryTraining<'h> {
    let until = LearnedTime::at(history, world.now).until;
    DeliveryTraining::new(history, losses, until, &world.rules, world.series)
}

#[test]
fn a_sample_in_which_one_message_was_other_is_learned_anew_however_it_is_read() {
    let world = world(Vec::new());
    let whole = world.history();
    let key = |history: &History| training(&world, history, &[]).key();
    let packed = |mut history: History| {
        pack(&mut history, world.now);
        history
    };
    assert_eq!(key(&packed(whole.clone())), key(&whole));
    let from = training(&world, &whole, &[]).mail[0].sent_at;
    let first = whole.sampled.partition_point(|mail| mail.sent_at < from);
    let undelivered = whole.sampled[first..].iter();
    let mut undelivered = undelivered
        .enumerate()
        .filter(|(_, m)| m.delivered_at.is_none());
    let undelivered = first + undelivered.next().expect("one bounced").0;
    for place in [first, first + 200, undelivered, whole.sampled.len() / 2] {
        let changes: [fn(&mut SampledMessage); 3] = [
            |mail| mail.checked_at = mail.checked_at.map(|at| at + MINUTE),
            |mail| mail.bounced_at = Some(mail.sent_at + 2 * MINUTE),
            |mail| {
                mail.delivered_at = match mail.delivered_at {
                    Some(_) => None,
                    None => Some(mail.sent_at + MINUTE),
                }
            },
        ];
        for change in changes {
            let mut other = whole.clone();
            change(&mut other.sampled[place]);
            assert_ne!(key(&other), key(&whole), "{place}");
            assert_eq!(key(&packed(other.clone())), key(&other), "{place}");
        }
    }
    // What is older than what is learned from, and what came after it, is no part of it.
    let mut other = whole.clone();
    other.sampled.remove(0);
    other.sampled.pop();
    assert_eq!(key(&packed(other.clone())), key(&other));
    assert_eq!(key(&other), key(&whole));
}

#[test]
fn the_key_of_deliveries_is_of_all_that_they_are_learned_from() {
    let mut base = world(Vec::new());
    let keys = |world: &World, losses: &[Span]| {
        let history = world.history();
        training(world, &history, losses).key()
    };
    let key = keys(&base, &[]);
    let day = Span::new(start() + 60 * DAY, start() + 61 * DAY);
    assert_ne!(keys(&base, &[day]), key, "a loss");
    for judgement in [Judgement::Real, Judgement::FalseAlarm] {
        let mut other = base.clone();
        other.mark(Rule::DeliveryDrop, day, judgement);
        assert_ne!(keys(&other, &[]), key, "{judgement:?}");
    }
    let mut others = [base.clone(), base.clone(), base.clone(), base.clone()];
    others[0].series = 3;
    others[1].rules.silence.min_history = DAY;
    others[2].rules.silence.false_alarms_per_year = 7.0;
    others[3].now = base.now + WEEK;
    for other in others {
        assert_ne!(keys(&other, &[]), key);
    }
    base.mark(Rule::SendSilence, day, Judgement::Real);
    base.now = base.now + HOUR;
    assert_eq!(keys(&base, &[]), key, "neither is learned from");
}

/// What is learned of fixed samples, each number rounded.
fn what_is_learned() -> String {
    let day = |day: u32| Span::new(start() + day * DAY, start() + day * DAY + 20 * HOUR);
    let learn = |lost: Vec<Span>, losses: &[Span], judgement: Option<Judgement>| {
        let mut world = world(lost);
        if let Some(judgement) = judgement {
            world.mark(Rule::DeliverySilence, day(70), judgement);
        }
        let history = world.history();
        let model = DeliveryModel::learn(&training(&world, &history, losses));
        let again: DeliveryModel = decode(&encode(&model)).expect("it is read");
        assert_eq!(again, model);
        format!("{model:.3?}\n")
    };
    [
        learn(Vec::new(), &[], None),
        learn(vec![day(50), day(70)], &[], None),
        learn(vec![day(50), day(70)], &[day(50)], None),
        learn(vec![day(50), day(70)], &[], Some(Judgement::Real)),
        learn(vec![day(50), day(70)], &[], Some(Judgement::FalseAlarm)),
        learn(vec![Span::new(start(), start() + 95 * DAY)], &[], None),
    ]
    .concat()
}

/// As of that of silence.
#[test]
fn a_learner_of_deliveries_that_learns_otherwise_has_a_number_of_its_own() {
    let hex = |byte: &u8| format!("{byte:02x}");
    let found = digest(&SHA256, what_is_learned().as_bytes());
    let found: String = found.as_ref()[..8].iter().map(hex).collect();
    let found = format!("{DELIVERY_LEARNER} {found}");
    assert_eq!(
        LEARNERS.lines().last(),
        Some(found.as_str()),
        "raise DELIVERY_LEARNER and add this line to tests/data/delivery_learners.txt; an old line is never changed"
    );
}

#[test]
fn what_is_kept_of_deliveries_is_small() {
    let world = world(Vec::new());
    let history = world.history();
    let training = training(&world, &history, &[]);
    let bytes = encode(&DeliveryModel::learn(&training)).len();
    assert!(bytes < 4 * training.mail.len(), "{bytes} bytes");
}
