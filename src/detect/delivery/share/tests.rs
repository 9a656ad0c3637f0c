use crate::detect::delivery::tests::learn;
use crate::model::{
    BounceType, Coverage, DAY, DeliveredSince, DeliveryDropEvidence, Evidence, HOUR, History,
    MINUTE, Rules, SampledMessage, Severity, Span, Timestamp, Verdict,
};

const START: Timestamp = Timestamp::from_secs(1_767_571_200);
/// Sampled messages an hour.
const PER_HOUR: u32 = 5;

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Delivered,
    NoNews,
    SoftBounce,
}

use Fate::{Delivered, NoNews, SoftBounce};

/// Sampled mail, five an hour, each known within an hour.
fn sampled(fates: impl IntoIterator<Item = Fate>) -> Vec<SampledMessage> {
    let fates = (0..).zip(fates);
    let message = |(n, fate): (u32, Fate)| {
        let sent_at = START + (HOUR / PER_HOUR) * n;
        let settled = sent_at + MINUTE / 2;
        SampledMessage {
            sent_at,
            checked_at: Some(sent_at + 12 * HOUR),
            delivered_at: (fate == Delivered).then_some(settled),
            bounced_at: (fate == SoftBounce).then_some(settled),
            bounce: (fate == SoftBounce)
                .then(|| BounceType::from_name("SoftBounce"))
                .flatten(),
            listed_bounce_at: None,
            queued: false,
            unreadable: false,
        }
    };
    fates.map(message).collect()
}

/// What is found after `hours` of this mail: the verdict, and how much of how much was delivered.
fn at_hour(mail: &[SampledMessage], hours: u32) -> (Verdict, Severity, u64, u64) {
    let (verdict, severity, evidence) = found_at_hour(mail, hours);
    (verdict, severity, evidence.sampled, evidence.delivered)
}

/// What is found after `hours` of this mail.
fn found_at_hour(mail: &[SampledMessage], hours: u32) -> (Verdict, Severity, DeliveryDropEvidence) {
    let at = START + HOUR * hours;
    let covered = Coverage::from_spans([Span::new(START, at)]);
    let history = History {
        first_seen_at: Some(START),
        installed_at: Some(START),
        messages: covered.clone(),
        bounces: covered,
        sampled: mail.iter().copied().filter(|m| m.sent_at < at).collect(),
        ..History::default()
    };
    let learned_until = START + DAY * (hours / 24);
    let model = learn(&history, &[], learned_until, &Rules::default(), 1);
    let [_, drop] = model.evaluate(&history, 0.0, at);
    let Evidence::DeliveryDrop(evidence) = drop.evidence else {
        unreachable!("of a drop")
    };
    (drop.verdict, drop.severity, evidence)
}

fn verdict(mail: &[SampledMessage], hours: u32) -> Verdict {
    at_hour(mail, hours).0
}

/// `hours` of mail of which `share` has the fate `lost`, at random.
fn random(rng: &mut fastrand::Rng, hours: u32, share: f64, lost: Fate) -> Vec<Fate> {
    let one = |_| if rng.f64() < share { lost } else { Delivered };
    (0..hours * PER_HOUR).map(one).collect()
}

/// The hours after the start of a loss of `share` at which it is first a breach, of ten seeds; `None` beyond `until`.
fn delays(usual: f64, share: f64, lost: Fate, until: u32) -> Vec<Option<u32>> {
    let delay = |seed| {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut fates = random(&mut rng, 14 * 24, usual, lost);
        fates.extend(random(&mut rng, until, share, lost));
        let mail = sampled(fates);
        (1..=until).find(|hour| verdict(&mail, 14 * 24 + hour) == Verdict::Breach)
    };
    (0..10).map(delay).collect()
}

#[test]
fn half_of_the_mail_lost_is_a_drop_within_hours_whatever_became_of_it() {
    for lost in [NoNews, SoftBounce] {
        let delays = delays(0.01, 0.5, lost, 24);
        assert!(
            delays.iter().all(|d| d.is_some_and(|d| d <= 8)),
            "{delays:?}"
        );
    }
}

#[test]
fn fifteen_percent_without_news_is_a_drop_within_two_days() {
    let delays = delays(0.01, 0.15, NoNews, 60);
    assert!(
        delays.iter().all(|d| d.is_some_and(|d| d <= 48)),
        "{delays:?}"
    );
}

#[test]
fn a_loss_is_a_drop_as_long_as_it_lasts_and_no_longer() {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut fates = random(&mut rng, 14 * 24, 0.01, NoNews);
    fates.extend(random(&mut rng, 15 * 24, 0.5, NoNews));
    fates.extend(random(&mut rng, 7 * 24, 0.01, NoNews));
    let mail = sampled(fates);
    let (from, until) = (14 * 24 + 8, 29 * 24);
    for hour in from..=until {
        let found = verdict(&mail, hour);
        assert!(
            matches!(found, Verdict::Breach | Verdict::Unresolved),
            "{hour} {found:?}"
        );
    }
    assert_eq!(verdict(&mail, until), Verdict::Breach);
    for hour in until + 8..until + 7 * 24 {
        assert_eq!(verdict(&mail, hour), Verdict::Within, "{hour}");
    }
}

#[test]
fn it_is_a_wake_below_half_of_the_usual_share() {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut found = |share| {
        let mut fates = random(&mut rng, 14 * 24, 0.01, NoNews);
        fates.extend(random(&mut rng, 30, share, NoNews));
        let (verdict, severity, sampled, delivered) = at_hour(&sampled(fates), 14 * 24 + 28);
        assert_eq!(verdict, Verdict::Breach);
        assert!((100..=160).contains(&sampled), "{sampled}");
        let seen = 1.0 - delivered as f64 / sampled as f64;
        assert!((seen - share).abs() < 0.12, "{seen} of {share}");
        severity
    };
    assert_eq!(found(0.35), Severity::Warn);
    assert_eq!(found(0.7), Severity::Wake);
}

#[test]
fn after_an_outage_of_all_mail_a_few_deliveries_are_the_end() {
    let all = |hours: u32, fate| std::iter::repeat_n(fate, (hours * PER_HOUR) as usize);
    let fates = all(14 * 24, Delivered)
        .chain(all(12, NoNews))
        .chain(all(24, Delivered));
    let mail = sampled(fates);
    assert_eq!(verdict(&mail, 14 * 24 + 12), Verdict::Breach);
    assert_eq!(verdict(&mail, 14 * 24 + 13), Verdict::Unresolved);
    assert_eq!(verdict(&mail, 14 * 24 + 14), Verdict::Within);
}

#[test]
fn a_usual_loss_is_no_drop() {
    let mut alarms = 0;
    let mut polls = 0;
    for seed in 0..12 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let usual = [0.0, 0.03, 0.1, 0.3][seed as usize % 4];
        let mail = sampled(random(&mut rng, 60 * 24, usual, NoNews));
        for hour in (8 * 24..60 * 24).step_by(6) {
            polls += 1;
            alarms += u32::from(verdict(&mail, hour) == Verdict::Breach);
        }
    }
    assert_eq!(alarms, 0, "of {polls}");
}

#[test]
fn it_is_unknown_before_there_is_enough_history() {
    let mail = sampled([Delivered, NoNews].repeat(60 * 5));
    assert_eq!(verdict(&mail, 6 * 24), Verdict::Unknown);
}

#[test]
fn what_is_delivered_again_is_known_beside_what_was_lost() {
    let all = |hours: u32, fate| std::iter::repeat_n(fate, (hours * PER_HOUR) as usize);
    let fates = all(14 * 24, Delivered)
        .chain(all(12, NoNews))
        .chain(all(24, Delivered));
    let mail = sampled(fates);
    let begin = 14 * 24;
    let (_, _, during) = found_at_hour(&mail, begin + 12);
    assert_eq!(during.again, None);
    let (verdict, _, after) = found_at_hour(&mail, begin + 13);
    assert_eq!(verdict, Verdict::Unresolved);
    let repaired = START + HOUR * (begin + 12);
    assert_eq!(after.newest_lost, Some(repaired - HOUR / PER_HOUR));
    let again = DeliveredSince {
        since: repaired,
        sampled: 5,
        delivered: 5,
    };
    assert_eq!(after.again, Some(again));
    assert_eq!(after.again_so_far, None);
    // It is known beside the end, too.
    let (verdict, _, ended) = found_at_hour(&mail, begin + 24);
    assert_eq!(verdict, Verdict::Within);
    let again = ended.again.expect("the mail of the end");
    assert_eq!(again.since, repaired);
    assert!(
        again.delivered >= 5 && again.delivered == again.sampled,
        "{again:?}"
    );
    // Two of them are no end yet, but no part of what was lost either.
    let few = all(14 * 24, Delivered).chain(all(12, NoNews));
    let few = sampled(few.chain([Delivered, Delivered]));
    let (verdict, _, going_on) = found_at_hour(&few, begin + 13);
    assert_eq!((verdict, going_on.again), (Verdict::Breach, None));
    let so_far = going_on.again_so_far.expect("two");
    assert_eq!((so_far.since, so_far.delivered), (repaired, 2));
    let before = going_on.before(so_far);
    assert_eq!(
        (before.delivered, before.sampled),
        (going_on.delivered - 2, going_on.sampled - 2)
    );
}

#[test]
fn a_share_that_is_believed_of_mail_in_general_is_not_told_as_the_streams_own() {
    let mail = sampled(std::iter::repeat_n(Delivered, 14 * 24 * PER_HOUR as usize));
    let told = |mail: &[SampledMessage]| {
        let (_, _, evidence) = found_at_hour(mail, 14 * 24);
        (evidence.usual, evidence.usual_in_general)
    };
    let (own, in_general) = told(&mail);
    assert!(own > 0.99 && !in_general, "{own}");
    let few: Vec<SampledMessage> = mail.iter().copied().step_by(20).collect();
    assert_eq!(told(&few), (0.97, true));
    // One that was lost says more of this stream than what is believed.
    let lost = few.iter().enumerate().map(|(n, mail)| SampledMessage {
        delivered_at: mail.delivered_at.filter(|_| n != 20),
        ..*mail
    });
    let lost: Vec<SampledMessage> = lost.collect();
    assert!(!told(&lost).1);
}
