use super::*;
use crate::model::{
    BounceClass, BounceEvent, Coverage, CumulativeCounts, Feedback, Judgement, MarkedTime, Rules,
};

const START: Timestamp = Timestamp::from_secs(1_767_571_200);

/// Mail every 20 minutes, each looked at a minute after it was sent and again now; what became of each.
fn mail(fates: impl IntoIterator<Item = Option<&'static str>>) -> Vec<SampledMessage> {
    let place = |n: usize| u32::try_from(n).expect("few");
    let fates = fates.into_iter().enumerate();
    fates
        .map(|(n, bounce)| {
            let sent_at = START + 20 * MINUTE * place(n);
            let settled = sent_at + MINUTE / 2;
            SampledMessage {
                sent_at,
                checked_at: Some(sent_at + MINUTE),
                delivered_at: bounce.is_none().then_some(settled),
                bounced_at: bounce.map(|_| settled),
                bounce: bounce.and_then(BounceType::from_name),
                listed_bounce_at: None,
                queued: false,
                unreadable: false,
            }
        })
        .collect()
}

pub(super) fn learn(
    history: &History,
    losses: &[Span],
    until: Timestamp,
    rules: &Rules,
    series: usize,
) -> DeliveryModel {
    DeliveryModel::learn(&DeliveryTraining::new(
        history, losses, until, rules, series,
    ))
}

/// The finding right after the last of this mail.
fn judged(sampled: Vec<SampledMessage>) -> (Verdict, u64, Vec<(String, u64)>) {
    let at = sampled
        .last()
        .map_or(START, |mail| mail.sent_at + 2 * MINUTE);
    let history = History {
        sampled,
        ..History::default()
    };
    let delivery = learn(&history, &[], at, &Rules::default(), 1);
    let [finding, _] = delivery.evaluate(&history, 0.0, at);
    let Evidence::Delivery(DeliveryEvidence {
        bounced, reasons, ..
    }) = finding.evidence
    else {
        unreachable!("of delivery")
    };
    (finding.verdict, bounced, reasons)
}

fn verdict(sampled: Vec<SampledMessage>) -> Verdict {
    judged(sampled).0
}

const DELIVERED: Option<&str> = None;
const REFUSED: Option<&str> = Some("DMARCPolicy");

fn week() -> impl Iterator<Item = Option<&'static str>> {
    std::iter::repeat_n(DELIVERED, 7 * 72)
}

#[test]
fn mail_that_all_bounced_is_not_delivered_whatever_the_reason_and_the_reason_is_named() {
    for kind in [
        "HardBounce",
        "DMARCPolicy",
        "SoftBounce",
        "DnsError",
        "Unknown",
    ] {
        let bounced = |n| judged(mail(week().chain(std::iter::repeat_n(Some(kind), n))));
        assert_eq!(
            bounced(2),
            (Verdict::Unresolved, 2, vec![(kind.to_owned(), 2)])
        );
        assert_eq!(bounced(3), (Verdict::Breach, 3, vec![(kind.to_owned(), 3)]));
    }
    let mixed = [REFUSED, Some("SoftBounce"), REFUSED, Some("Strange")];
    let reasons = [("DMARCPolicy".to_owned(), 2), ("SoftBounce".to_owned(), 1)];
    assert_eq!(
        judged(mail(week().chain(mixed))),
        (Verdict::Breach, 4, reasons.to_vec())
    );
}

#[test]
fn of_a_new_stream_three_are_judged_and_fewer_are_not() {
    let bounced = |n| verdict(mail(std::iter::repeat_n(REFUSED, n)));
    assert_eq!(bounced(0), Verdict::Unknown);
    assert_eq!(
        (bounced(1), bounced(2)),
        (Verdict::Unresolved, Verdict::Unresolved)
    );
    assert_eq!(
        (bounced(3), bounced(12)),
        (Verdict::Breach, Verdict::Breach)
    );
    assert_eq!(
        verdict(mail([REFUSED, REFUSED, REFUSED, REFUSED, DELIVERED])),
        Verdict::Within
    );
}

/// So many delivered messages, then others without any news, one every `apart`; judged when the last is `age` old.
fn without_news(delivered: u32, lost: u32, apart: Duration, age: Duration) -> Verdict {
    let at = START + apart * (delivered + lost - 1) + age;
    let sampled = (0..delivered + lost).map(|n| SampledMessage {
        sent_at: START + apart * n,
        checked_at: Some(at),
        delivered_at: (n < delivered).then(|| START + apart * n + MINUTE / 6),
        ..SampledMessage::default()
    });
    let history = History {
        sampled: sampled.collect(),
        ..History::default()
    };
    let delivery = learn(&history, &[], at, &Rules::default(), 1);
    delivery.evaluate(&history, 0.0, at)[0].verdict
}

#[test]
fn a_slow_stream_that_is_known_need_not_wait_for_the_third_message_without_news() {
    let one_a_day = |delivered, lost| without_news(delivered, lost, DAY, 2 * HOUR);
    assert_eq!(one_a_day(100, 2), Verdict::Breach);
    assert_eq!(one_a_day(100, 1), Verdict::Unresolved);
    assert_eq!(one_a_day(10, 2), Verdict::Unresolved, "hardly known");
    assert_eq!(one_a_day(10, 3), Verdict::Breach);
    let ten_a_day = |lost| without_news(300, lost, DAY / 10, 2 * HOUR);
    assert_eq!(ten_a_day(2), Verdict::Breach);
    let young = without_news(300, 2, MINUTE, 3 * MINUTE);
    assert_eq!(young, Verdict::Within, "it may be greylisted");
}

#[test]
fn what_is_hardly_known_makes_a_second_failure_likelier() {
    let of = |delivered: u32| {
        let model = DeliveryModel {
            delays: vec![MINUTE; delivered as usize],
            open_ages: Vec::new(),
            autocorrelation: 1.0,
            threshold: 0.0,
            usual_loss: UsualLoss::learn(&[], 2.0, &Coverage::default()),
            min_history: DAY,
            is_young: false,
        };
        let row = |n| model.log_evidence(std::iter::repeat_n(Pending(DAY), n), 0.0);
        row(2) / row(1)
    };
    assert!(of(0) < 1.8, "{}", of(0));
    assert!(of(20) < 1.8 && of(10_000) > of(20), "{}", of(10_000));
}

#[test]
fn a_row_in_the_sample_is_no_silence_where_much_of_all_mail_did_not_bounce() {
    let sampled = mail(week().chain([REFUSED; 3]));
    let at = sampled.last().expect("mail").sent_at + 2 * MINUTE;
    let (first, second) = (at - 42 * MINUTE, MINUTE / 60);
    // Every second there is mail; of it, and of the sampled mail, some bounced within a minute.
    let judged = |bounces_every: u32, listed: bool| {
        let seconds = 0..42 * 60;
        let bounced = seconds.clone().filter(|n| n % bounces_every == 0);
        let event = |n: u32| BounceEvent {
            tag: None,
            at: first + second * n + MINUTE / 2,
            message: n.to_string(),
            sent_at: Some(first + second * n),
            class: BounceClass::Blocked,
            recipient: String::new(),
        };
        let covered = Coverage::from_spans([Span::new(START, at)]);
        let history = History {
            first_seen_at: Some(START),
            messages: covered.clone(),
            bounces: if listed { covered } else { Coverage::default() },
            sent: CumulativeCounts::from_counts(seconds.map(|n| (first + second * n, 1))),
            bounce_events: bounced.map(event).collect(),
            sampled: sampled.clone(),
            ..History::default()
        };
        let delivery = learn(&history, &[], at, &Rules::default(), 1);
        delivery.evaluate(&history, 0.0, at)[0].verdict
    };
    assert_eq!(judged(2, true), Verdict::Unresolved, "half arrives");
    assert_eq!(judged(1, true), Verdict::Breach, "nothing arrives");
    assert_eq!(judged(2, false), Verdict::Breach, "bounces were not read");
    assert_eq!(judged(2_000, true), Verdict::Breach, "bounces are missing");
}

#[test]
fn a_usual_share_of_bounces_takes_a_longer_row() {
    let rows = |usual: usize, n| {
        let often = (0..10_000).map(move |at| {
            if at % usual == usual - 1 {
                REFUSED
            } else {
                DELIVERED
            }
        });
        verdict(mail(
            often
                .chain([DELIVERED])
                .chain(std::iter::repeat_n(REFUSED, n)),
        ))
    };
    let needed = |usual| (1..30).find(|n| rows(usual, *n) == Verdict::Breach);
    assert_eq!(needed(1000), Some(3));
    assert_eq!(needed(20), Some(4), "5% bounce");
    assert_eq!(needed(4), Some(7), "25% bounce");
}

#[test]
fn a_breakdown_in_the_past_does_not_hide_the_next() {
    let breakdown = || std::iter::repeat_n(REFUSED, 3 * 72);
    let past: Vec<_> = week().chain(breakdown()).chain(week()).collect();
    let row = |n| {
        verdict(mail(
            past.iter().copied().chain(std::iter::repeat_n(REFUSED, n)),
        ))
    };
    assert_eq!(row(3), Verdict::Unresolved);
    assert_eq!(row(18), Verdict::Breach, "within six hours");
}

#[test]
fn a_bounce_of_mail_that_nobody_looked_at_tells_nothing_of_its_other_recipients() {
    let mut mail = mail(week().chain([REFUSED; 12]));
    for unread in &mut mail[7 * 72..] {
        unread.checked_at = None;
    }
    assert_eq!(judged(mail), (Verdict::Within, 0, vec![]));
}

#[test]
fn mail_with_and_without_bounces_is_one_row() {
    let mut mail = mail(week().chain([REFUSED; 4]));
    let last = mail.len() - 1;
    for late in &mut mail[last - 3..last - 1] {
        late.checked_at = Some(late.sent_at + 2 * HOUR);
        late.bounced_at = None;
    }
    assert_eq!(
        judged(mail),
        (Verdict::Breach, 2, vec![("DMARCPolicy".to_owned(), 2)])
    );
}

#[test]
fn what_should_have_been_delivered_and_was_not_is_counted() {
    let span = Span::new(START, START + DAY);
    let refused = mail([REFUSED, REFUSED]);
    assert_eq!(undelivered(&refused, span), Some(2));
    assert_eq!(undelivered(&mail([REFUSED, DELIVERED]), span), None);
    assert_eq!(undelivered(&[], span), None);
    let young = SampledMessage {
        bounced_at: None,
        ..refused[0]
    };
    assert_eq!(
        undelivered(&[young], span),
        None,
        "it was looked at too early"
    );
}

#[test]
fn what_people_say_of_lost_mail_decides_whether_it_is_usual() {
    let lost = || std::iter::repeat_n(REFUSED, 20);
    let fates = || week().chain(lost()).chain(week());
    let sampled = mail(fates());
    let at = sampled.last().map_or(START, |mail| mail.sent_at) + 3 * HOUR;
    let from = sampled[week().count()].sent_at;
    let share = |judgement: Option<Judgement>| {
        let marked = judgement.map(|judgement| MarkedTime {
            incident: "ektn6n35".to_owned(),
            rule: Rule::DeliveryDrop,
            span: Span::new(from, from + 20 * MINUTE * 20),
            feedback: Feedback {
                judgement,
                by: "ops".to_owned(),
                at,
            },
        });
        let history = History {
            sampled: sampled.clone(),
            marked: marked.into_iter().collect(),
            ..History::default()
        };
        let model = learn(&history, &[], at, &Rules::default(), 1);
        (model.usual_loss.delivered_share(), model.open_ages.len())
    };
    let (unmarked, learned) = share(None);
    let (usual, learned_false) = share(Some(Judgement::FalseAlarm));
    let (_, learned_real) = share(Some(Judgement::Real));
    assert!(usual < unmarked - 0.01, "{usual} {unmarked}");
    assert_eq!((learned, learned_false, learned_real), (6, 20, 0));
}

/// Twelve hours after the first message was followed every second one begins to fail, for two days.
#[test]
fn a_loss_that_is_most_of_a_young_sample_is_not_usual() {
    let good = std::iter::repeat_n(DELIVERED, 36);
    let half = [Some("SoftBounce"), DELIVERED].into_iter().cycle();
    let sampled = mail(good.chain(half.take(144)));
    let at = sampled.last().map_or(START, |mail| mail.sent_at) + 3 * HOUR;
    let history = History {
        sampled: sampled.clone(),
        ..History::default()
    };
    let model = learn(&history, &[], at, &Rules::default(), 1);
    // The prior of 97%, with a standard error.
    assert!(model.usual_loss.delivered_share() > 0.92);
    let loss = model.standing(&sampled, at).loss.expect("a loss");
    assert!(!loss.is_ending && loss.share() > 0.4, "{loss:?}");
}

/// A list names the bounces of which the details do not tell.
#[test]
fn a_bounce_that_only_the_list_knows_is_a_reason() {
    let lost = || std::iter::repeat_n(Some("SoftBounce"), 6);
    let mut sampled = mail(week().chain(lost()));
    let first_lost = week().count();
    for mail in &mut sampled[first_lost..] {
        mail.listed_bounce_at = mail.bounced_at.take();
        mail.checked_at = Some(mail.sent_at + 3 * HOUR);
    }
    let at = sampled.last().map_or(START, |mail| mail.sent_at) + 4 * HOUR;
    let history = History {
        sampled: sampled.clone(),
        ..History::default()
    };
    let delivery = learn(&history, &[], at - 12 * HOUR, &Rules::default(), 1);
    let [silence, drop] = delivery.evaluate(&history, 0.0, at);
    assert_eq!(silence.verdict, Verdict::Breach);
    let named = vec![("SoftBounce".to_owned(), 6)];
    let Evidence::Delivery(silence) = silence.evidence else {
        panic!("{silence:?}")
    };
    assert_eq!((silence.unproven, silence.bounced), (6, 6));
    assert_eq!(silence.reasons, named);
    let Evidence::DeliveryDrop(drop) = drop.evidence else {
        panic!("{drop:?}")
    };
    assert_eq!((drop.bounced, drop.reasons), (6, named));
    let outcome = sample_outcome(&sampled, Span::new(START, at));
    assert_eq!((outcome.bounced, outcome.without_news), (6, 0));
    // Before the list named them they were without news.
    let before = sampled[first_lost].sent_at;
    let [silence, _] = delivery.evaluate(&history, 0.0, before);
    let Evidence::Delivery(silence) = silence.evidence else {
        panic!("{silence:?}")
    };
    assert_eq!(silence.bounced, 0);
}

/// Half of the mail is lost from the first day on, and an incident tells of it.
#[test]
fn mail_of_a_loss_that_was_told_teaches_nothing() {
    let half = || [Some("SoftBounce"), DELIVERED].into_iter().cycle();
    let sampled = mail(std::iter::repeat_n(DELIVERED, 36).chain(half().take(20 * 72)));
    let at = sampled.last().map_or(START, |mail| mail.sent_at) + 3 * HOUR;
    let loss = Span::new(sampled[36].sent_at, at);
    let history = History {
        sampled: sampled.clone(),
        ..History::default()
    };
    let learn = |losses: &[Span]| learn(&history, losses, at, &Rules::default(), 1);
    assert!(
        learn(&[]).usual_loss.delivered_share() < 0.8,
        "it is most of the sample"
    );
    let told = learn(&[loss]);
    assert!(told.usual_loss.delivered_share() > 0.92);
    assert!(told.open_ages.len() < 3, "{}", told.open_ages.len());
    let going_on = told.standing(&sampled, at).loss.expect("a loss");
    assert!(
        !going_on.is_ending && going_on.share() > 0.4,
        "{going_on:?}"
    );
}

/// Mail waits for five hours and comes at their end, the newest of it ten minutes after it was sent.
#[test]
fn mail_that_came_late_is_known_beside_what_comes_in_time() {
    let (before, waited, after) = (7 * 72, 15, 6);
    let found = |sampled: &[SampledMessage]| {
        let history = History {
            sampled: sampled.to_vec(),
            ..History::default()
        };
        let at = sampled.last().map_or(START, |m| m.sent_at) + 2 * MINUTE;
        let model = learn(&history, &[], at - 12 * HOUR, &Rules::default(), 1);
        let [finding, _] = model.evaluate(&history, 0.0, at);
        assert_eq!(finding.verdict, Verdict::Within);
        let Evidence::Delivery(evidence) = finding.evidence else {
            panic!("{finding:?}")
        };
        evidence
    };
    let in_time = mail(std::iter::repeat_n(DELIVERED, before + waited + after));
    let mut late = in_time.clone();
    let newest = late[before + waited - 1].sent_at;
    for mail in &mut late[before..before + waited] {
        mail.delivered_at = Some(newest + 10 * MINUTE);
    }
    let again = crate::model::DeliveredSince {
        since: late[before + waited].sent_at,
        sampled: after as u64,
        delivered: after as u64,
    };
    let evidence = found(&late);
    assert_eq!(evidence.newest_late, Some(newest));
    assert_eq!(evidence.again, Some(again));
    // One alone that takes as long is chance.
    let mut alone = in_time.clone();
    alone[before + waited].delivered_at = Some(alone[before + waited].sent_at + 50 * MINUTE);
    assert_eq!(found(&alone).newest_late, None);
    assert_eq!(found(&in_time).newest_late, None);
}

/// Of a young sample no more than the usual share of mail in general counts as lost before.
#[test]
fn a_silence_is_found_as_soon_though_half_of_a_young_sample_was_lost() {
    let run = |fates: Vec<Option<&'static str>>| {
        let history = History {
            sampled: mail(fates),
            ..History::default()
        };
        let at = history.sampled.last().map_or(START, |m| m.sent_at) + 3 * HOUR;
        let model = learn(&history, &[], at, &Rules::default(), 1);
        model.min_run_length(2, 0.0)
    };
    let half = [Some("SoftBounce"), DELIVERED].into_iter().cycle();
    let healthy = run(vec![DELIVERED; 144]);
    let lost = run(half.take(144).collect());
    assert!(lost <= healthy + 2, "{lost} {healthy}");
}

#[test]
fn what_could_not_be_read_is_not_suspicious() {
    let mail = |unreadable| SampledMessage {
        sent_at: START,
        unreadable,
        ..SampledMessage::default()
    };
    assert!(is_suspicious(&[mail(false); 3], START + HOUR));
    assert!(!is_suspicious(&[mail(true); 3], START + HOUR));
}
