//! What was learned is kept, and judges as what is learned anew.

mod learners;
mod sample;

use std::time::Duration;

use super::*;
use crate::detect::training::{LearnedTime, LearningSettings, Training};
use crate::detect::{KeptSilences, Silence, Together};
use crate::model::{
    Feedback, Judgement, KnownLoss, Learned, MarkedTime, PackedWeeks, Series, StreamKey, Tag, WEEK,
    WeekDigest,
};

/// A number in [0, 1) that `seed` and `at` decide.
fn draw(seed: u64, at: u64) -> f64 {
    let mixed = (seed ^ at.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Mail of so many days: about `a_day` messages, by day more than by night; every week a burst, where `bursts` says so.
fn mail(seed: u64, days: u32, a_day: f64, bursts: bool) -> Vec<Timestamp> {
    let mut sent = Vec::new();
    for hour in 0..days * 24 {
        let share = if (8..18).contains(&(hour % 24)) {
            0.08
        } else {
            0.2 / 14.0
        };
        let begin = start() + HOUR * hour;
        for place in 0..30u32 {
            let number = u64::from(hour * 100 + place);
            if draw(seed, number) < a_day * share / 30.0 {
                sent.push(begin + Duration::from_secs(u64::from(place * 117)));
            }
        }
        if bursts && hour % 168 == 30 {
            sent.extend((0..200u64).map(|n| begin + Duration::from_secs(n * 15)));
        }
    }
    sent
}

/// What is stored of a sender, at one instant after the other.
#[derive(Clone, Debug)]
struct World {
    sent: Vec<Timestamp>,
    holes: Vec<Span>,
    marked: Vec<MarkedTime>,
    /// When polls found the account not active.
    refused: Vec<Span>,
    /// When sampled mail was not delivered, as far as anybody knows.
    lost: Vec<Span>,
    /// Of these, what incidents say.
    told: Vec<KnownLoss>,
    rules: Rules,
    series: usize,
    now: Timestamp,
    /// Whether whole weeks are read packed.
    packed: bool,
}

/// Knows the digests of the whole weeks of `history`, as of a store that had packed them.
fn pack(history: &mut History, now: Timestamp) {
    let weeks = history
        .hours
        .chunk_by(|a, b| a.start.floor(WEEK) == b.start.floor(WEEK));
    let weeks = weeks.map(|hours| (hours[0].start.floor(WEEK), WeekDigest::of_hours(hours)));
    let whole = weeks.filter(|(week, _)| *week + WEEK <= now);
    history.packed = PackedWeeks::new(whole.collect(), false);
    sample::pack(history, now);
}

impl World {
    /// What is known of every message whose number fits.
    fn part(&self, fits: impl Fn(usize) -> bool) -> History {
        let seen = self.sent.iter().enumerate().filter(|(number, at)| {
            fits(*number) && **at < self.now && !self.holes.iter().any(|h| h.contains(**at))
        });
        let mut history = history(seen.map(|(_, at)| *at), self.now);
        for hole in &self.holes {
            history.messages = history.messages.without(*hole);
        }
        history.marked.clone_from(&self.marked);
        history.inactive = history.inactive_times(&self.refused);
        history
    }

    /// All of it, with a tag that every third message has.
    fn history(&self) -> History {
        let mut whole = self.part(|_| true);
        let of_tag = self.part(|number| number % 3 == 0);
        let mut tag = whole.for_tag(of_tag.hours, of_tag.sent, Vec::new());
        tag.marked.clone_from(&self.marked);
        tag.inactive = tag.inactive_times(&self.refused);
        whole.sampled = self.sampled();
        if self.packed {
            pack(&mut whole, self.now);
            pack(&mut tag, self.now);
        }
        whole.tags.insert(Tag("receipt".to_owned()), tag);
        whole
    }

    /// Two halves of it as two streams.
    fn together(&self) -> Together {
        let mut together = Together::default();
        for half in 0..2 {
            let stream = StreamKey::new(&"app".into(), &half.to_string().as_str().into());
            let mut part = self.part(|number| number % 2 == half);
            if self.packed {
                pack(&mut part, self.now);
            }
            together.add(stream, &part, &Rules::default());
        }
        together
    }

    fn findings(&self, detector: &mut Detector) -> Vec<Finding> {
        let found = detector.detect(
            &self.history(),
            &outbound(),
            &self.told,
            &ToldBounces::default(),
            self.now,
        );
        let joint = detector.detect_together(&self.together(), self.now);
        found.into_iter().chain(joint).collect()
    }

    /// Judges in a process that knows what those before it kept; returns how much was learned.
    fn judge(&self, kept: &mut BTreeMap<Series, Learned>) -> (Vec<Finding>, usize) {
        let mut detector = Detector::new(self.rules.clone(), self.series);
        detector.keep(kept.clone());
        let found = self.findings(&mut detector);
        let learned = detector.take_learned();
        let count = learned.len();
        kept.extend(learned);
        (found, count)
    }

    /// Asks for all that is normal of its stream, as whoever shows it does; returns how much of it was learned.
    fn learned_to_show(&self, kept: &BTreeMap<Series, Learned>) -> usize {
        let mut silences = KeptSilences::new(kept.clone());
        let (of, rules) = (self.history(), self.rules.for_stream(&outbound()));
        silences.of_stream(&outbound(), &of, self.now, rules, self.series);
        silences.of_tags(&outbound(), &of, self.now, rules, self.series);
        let known = (&of, &self.told[..]);
        silences.delivery_today(&outbound(), known, self.now, rules, self.series);
        silences.take_learned().len()
    }

    /// Judges in one that keeps nothing, as a replay does.
    fn judge_anew(&self) -> Vec<Finding> {
        self.findings(&mut Detector::new(self.rules.clone(), self.series))
    }

    fn mark(&mut self, rule: Rule, span: Span, judgement: Judgement) {
        self.marked.push(MarkedTime {
            incident: format!("mark{}", self.marked.len()),
            rule,
            span,
            feedback: Feedback {
                judgement,
                by: "ops".to_owned(),
                at: self.now,
            },
        });
    }
}

/// What happens between two cycles.
#[derive(Clone, Copy, Debug)]
enum Change {
    Pass(u32),
    /// Time of some days ago is not covered any more.
    Open {
        days_ago: u32,
        hours: u32,
    },
    /// The oldest hole is filled, late.
    Fill,
    /// The account was not active some days ago, which is found out now.
    Suspend {
        days_ago: u32,
        hours: u32,
    },
    Budget(usize),
    FalseAlarms(f64),
    MinHistory(u32),
    Mark {
        days_ago: u32,
        hours: u32,
        real: bool,
    },
    /// No mail is sent for so many hours.
    Quiet(u32),
    /// Mail of some days ago has no news.
    Undeliver {
        days_ago: u32,
        hours: u32,
    },
    /// There is news of the oldest such mail, late; and an incident tells of the newest.
    Deliver,
    Tell,
    /// What was kept is lost, or cannot be read.
    Lose,
    Damage,
}

fn changes() -> impl Strategy<Value = Change> {
    let open = (1u32..30, 1u32..40);
    prop_oneof![
        4 => (1u32..60).prop_map(Change::Pass),
        2 => (100u32..400).prop_map(Change::Pass),
        1 => open.clone().prop_map(|(days_ago, hours)| Change::Open { days_ago, hours }),
        1 => Just(Change::Fill),
        1 => open.clone().prop_map(|(days_ago, hours)| Change::Suspend { days_ago, hours }),
        1 => (1usize..60).prop_map(Change::Budget),
        1 => (0.5f64..9.0).prop_map(Change::FalseAlarms),
        1 => (1u32..20).prop_map(Change::MinHistory),
        1 => (open, any::<bool>()).prop_map(|((days_ago, hours), real)| Change::Mark { days_ago, hours, real }),
        1 => (5u32..90).prop_map(Change::Quiet),
        2 => (0u32..30, 1u32..40).prop_map(|(days_ago, hours)| Change::Undeliver { days_ago, hours }),
        1 => Just(Change::Deliver),
        1 => Just(Change::Tell),
        1 => Just(Change::Lose),
        1 => Just(Change::Damage),
    ]
}

fn apply(world: &mut World, kept: &mut BTreeMap<Series, Learned>, change: Change) {
    let ago = |world: &World, days_ago: u32, hours: u32| {
        let from = world.now - DAY * days_ago;
        Span::new(from, (from + HOUR * hours).min(world.now))
    };
    match change {
        Change::Pass(hours) => world.now = world.now + HOUR * hours,
        Change::Open { days_ago, hours } => {
            let hole = ago(world, days_ago, hours);
            world.holes.push(hole);
        }
        Change::Fill if world.holes.is_empty() => {}
        Change::Fill => drop(world.holes.remove(0)),
        Change::Suspend { days_ago, hours } => {
            let time = ago(world, days_ago, hours);
            world.sent.retain(|at| !time.contains(*at));
            world.refused.push(time);
        }
        Change::Budget(series) => world.series = series,
        Change::FalseAlarms(number) => world.rules.silence.false_alarms_per_year = number,
        Change::MinHistory(days) => world.rules.silence.min_history = DAY * days,
        Change::Mark {
            days_ago,
            hours,
            real,
        } => {
            let judgement = match real {
                true => Judgement::Real,
                false => Judgement::FalseAlarm,
            };
            let rules = [Rule::SendSilence, Rule::DeliverySilence];
            let rule = rules[(days_ago % 2) as usize];
            world.mark(rule, ago(world, days_ago, hours), judgement);
        }
        Change::Quiet(hours) => {
            let quiet = Span::new(world.now, world.now + HOUR * hours);
            world.sent.retain(|at| !quiet.contains(*at));
            world.now = quiet.until;
        }
        Change::Undeliver { days_ago, hours } => {
            let from = world.now - DAY * days_ago;
            world.lost.push(Span::new(from, from + HOUR * hours));
        }
        Change::Deliver if world.lost.is_empty() => {}
        Change::Deliver => drop(world.lost.remove(0)),
        Change::Tell => world.told.extend(world.lost.last().map(|span| KnownLoss {
            span: *span,
            lost_share: 1.0,
            by_list: false,
        })),
        Change::Lose => kept.clear(),
        Change::Damage => {
            for learned in kept.values_mut() {
                let half = learned.value.len() / 2;
                learned.value.truncate(half);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_was_kept_judges_as_what_is_learned_anew(
        seed in any::<u64>(),
        days in 20u32..70,
        a_day in 1.0f64..60.0,
        bursts in any::<bool>(),
        changes in prop::collection::vec(changes(), 1..7),
    ) {
        let mut world = World {
            sent: mail(seed, days + 120, a_day, bursts),
            holes: Vec::new(),
            marked: Vec::new(),
            refused: Vec::new(),
            lost: Vec::new(),
            told: Vec::new(),
            rules: Rules::default(),
            series: 2,
            now: start() + DAY * days,
            packed: seed % 2 == 0,
        };
        let mut kept = BTreeMap::new();
        for change in std::iter::once(Change::Pass(0)).chain(changes) {
            apply(&mut world, &mut kept, change);
            let anew = world.judge_anew();
            prop_assert_eq!(&world.judge(&mut kept).0, &anew, "after {:?}", change);
            // What was learned is known again however the hours were read.
            world.packed = !world.packed;
            let (again, learned) = world.judge(&mut kept);
            prop_assert_eq!((again, learned), (anew, 0), "nothing is left to learn after {:?}", change);
            prop_assert_eq!(world.learned_to_show(&kept), 0, "nor to show after {:?}", change);
        }
    }
}

#[test]
fn a_stream_is_learned_once_a_week_however_often_it_is_judged() {
    let now = start() + 42 * DAY;
    let mut world = World {
        sent: mail(7, 60, 40.0, false),
        holes: Vec::new(),
        marked: Vec::new(),
        refused: Vec::new(),
        lost: Vec::new(),
        told: Vec::new(),
        rules: Rules::default(),
        series: 3,
        now,
        packed: true,
    };
    let mut kept = BTreeMap::new();
    let (_, first) = world.judge(&mut kept);
    let what = "the stream, its deliveries, its tag, and both streams together";
    assert_eq!(first, 4, "{what}");
    let learned: usize = (1..=14 * 24)
        .map(|hour| {
            world.now = now + HOUR * hour;
            world.judge(&mut kept).1
        })
        .sum();
    assert_eq!(learned, 2 * 4, "two weeks began");
}

#[test]
fn what_judging_needs_is_small_whatever_it_was_learned_from() {
    let world = |days| World {
        sent: mail(3, days, 300.0, false),
        holes: Vec::new(),
        marked: Vec::new(),
        refused: Vec::new(),
        lost: Vec::new(),
        told: Vec::new(),
        rules: Rules::default(),
        series: 1,
        now: start() + DAY * days,
        packed: false,
    };
    let size = |days: u32| {
        let mut kept = BTreeMap::new();
        world(days).judge(&mut kept);
        let sizes = kept.values().map(|learned| learned.value.len());
        sizes.max().expect("something was learned")
    };
    let (year, quarter) = (size(400), size(90));
    assert!(year < 64 * 1024, "{year} bytes");
    assert!(year < 2 * quarter, "{year} bytes against {quarter}");
}

#[test]
fn what_is_older_than_54_weeks_teaches_nothing() {
    let days = 60 * 7;
    let at = start() + DAY * days;
    let whole = history(mail(5, days, 12.0, false), at);
    let old = at.floor(WEEK) - WEEK * 54;
    let mut kept = whole.clone();
    // As it was pruned on the day: hours of 400 days are known, whatever the first message was.
    kept.hours.retain(|hour| hour.start >= at - 400 * DAY);
    assert!(kept.hours[0].start < old && whole.hours[0].start < kept.hours[0].start);
    let settings = LearningSettings::new(&Rules::default(), 1, None);
    let learn = |history: &History| {
        let training = Training::new(history, LearnedTime::at(history, at));
        (
            training.key(&settings),
            Silence::learn(&training, &settings),
        )
    };
    assert_eq!(learn(&kept), learn(&whole));
    kept.hours.retain(|hour| hour.start >= old + DAY);
    assert_ne!(learn(&kept).0, learn(&whole).0, "that week teaches");
}

#[test]
fn a_past_in_which_one_hour_was_other_is_learned_anew_however_it_is_read() {
    let at = start() + 100 * DAY + HOUR * 5;
    let past = history(mail(6, 100, 30.0, false), at);
    let settings = LearningSettings::new(&Rules::default(), 1, None);
    let key =
        |history: &History| Training::new(history, LearnedTime::at(history, at)).key(&settings);
    let packed = |mut history: History| {
        pack(&mut history, at);
        history
    };
    let whole = packed(past.clone());
    let until = LearnedTime::at(&whole, at).until;
    assert!(whole.packed.digest(until.floor(WEEK) - WEEK).is_some());
    assert_eq!(key(&whole), key(&past));
    for place in [0, 200, past.hours.len() / 2] {
        let mut other = past.clone();
        other.hours[place].sent += 1;
        assert_ne!(key(&other), key(&past), "{place}");
        assert_eq!(key(&packed(other.clone())), key(&other), "{place}");
        // A week that begins before what is learned from, or ends after it, is not what its digest is of.
        other.hours.remove(place);
        assert_ne!(key(&packed(other.clone())), key(&past), "{place}");
    }
    // In the middle of a week, what came after it is not learned from.
    let ended = start() + 33 * DAY + HOUR * 9;
    let sent = mail(6, 60, 30.0, false).into_iter();
    let mut part = history(sent.filter(|at| *at < ended), ended);
    let mut silent = part.clone();
    silent.messages = past.messages.clone();
    part.messages = past.messages;
    pack(&mut part, at);
    assert_eq!(key(&part), key(&silent));
    assert_ne!(
        LearnedTime::at(&part, at).until.floor(WEEK),
        LearnedTime::at(&part, at).until,
        "a week is cut"
    );
}
