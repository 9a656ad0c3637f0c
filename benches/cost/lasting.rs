//! How soon an excess that lasts is told, how soon it is over, and how often a healthy sender is taken for one: what docs/detection.md
//! says of `bounce_rate` and `spam_rate`. Simulated Poisson senders, polled every six hours.

use hushwatch::internals::evaluate_rates;
use hushwatch::model::{
    BounceClass, BounceEvent, Coverage, CumulativeCounts, DAY, Evidence, Finding, HOUR, History,
    HourCount, KnownExcess, Rule, Rules, Span, Timestamp, ToldBounces, Verdict,
};

/// The days of learning before anything changes.
const BEFORE: u32 = 42;
/// Senders of which each figure is.
const SENDERS: u64 = 100;
/// Years without a change.
const YEARS: u64 = 10;

pub(crate) fn lasting() {
    delays();
    ends();
    false_alarms();
}

fn delays() {
    let kinds = [
        (Rule::BounceRate, 0.005, [0.02, 0.03, 0.04, 0.08]),
        (Rule::SpamRate, 0.0002, [0.0015, 0.0025, 0.005, 0.01]),
    ];
    for (rule, usual, excesses) in kinds {
        for (per_day, excess) in senders().flat_map(|n| excesses.map(|excess| (n, excess))) {
            let delay = |seed| {
                let rate = |day| if day < BEFORE { usual } else { excess };
                let history = stream(per_day, rule, rate, (BEFORE + 28, seed));
                let first = *turns(&history, rule, BEFORE + 28).first()?;
                Some(in_days(first.0))
            };
            let mut delays: Vec<Option<f64>> = (1..=SENDERS).map(delay).collect();
            let told = delays
                .iter()
                .flatten()
                .filter(|days| **days <= 14.0)
                .count();
            println!(
                "{rule} {per_day}/day {usual} to {excess}: {told} of {SENDERS} in 14 days, median {}",
                median(&mut delays)
            );
        }
    }
}

fn ends() {
    for per_day in senders() {
        for (excess, after) in [(0.02, 0.009), (0.04, 0.009), (0.04, 0.005), (0.08, 0.005)] {
            let until = BEFORE + 28;
            let mut again = 0;
            let end = |seed| {
                let rate = |day| match day {
                    0..BEFORE => 0.005,
                    day if day < until => excess,
                    _ => after,
                };
                let history = stream(per_day, Rule::BounceRate, rate, (until + 60, seed));
                let turns = turns(&history, Rule::BounceRate, until + 60);
                again += turns.len().saturating_sub(2);
                let end = turns
                    .iter()
                    .find(|(at, opens)| !opens && in_days(*at) >= 28.0);
                end.map(|(at, _)| in_days(*at) - 28.0)
            };
            let mut ends: Vec<Option<f64>> = (1..=SENDERS).map(end).collect();
            println!(
                "bounce_rate {per_day}/day {excess} to {after}: over after {} days in the median, {again} turns more",
                median(&mut ends)
            );
        }
    }
}

fn false_alarms() {
    for (rule, rates) in [
        (Rule::BounceRate, [0.002, 0.0035, 0.005, 0.009]),
        (Rule::SpamRate, [0.0001, 0.0002, 0.0005, 0.0009]),
    ] {
        for (per_day, usual) in senders()
            .chain([960.0])
            .flat_map(|n| rates.map(|rate| (n, rate)))
        {
            let opened = (0..YEARS).map(|seed| {
                let history = stream(per_day, rule, |_| usual, (BEFORE + 365, 1_000 + seed));
                let turns = turns(&history, rule, BEFORE + 365);
                turns.iter().filter(|(_, opens)| *opens).count()
            });
            let opened: usize = opened.sum();
            println!(
                "{rule} {per_day}/day healthy {usual}: {:.2} a year",
                opened as f64 / YEARS as f64
            );
        }
    }
}

fn senders() -> impl Iterator<Item = f64> {
    [10.0, 40.0, 200.0].into_iter()
}

/// Days since the change.
fn in_days(at: Timestamp) -> f64 {
    at.since(day(BEFORE)).as_secs_f64() / DAY.as_secs_f64()
}

/// The median in words; what did not happen is later than all else.
fn median(days: &mut [Option<f64>]) -> String {
    days.sort_by(|a, b| a.unwrap_or(f64::MAX).total_cmp(&b.unwrap_or(f64::MAX)));
    days[days.len() / 2].map_or_else(|| "never".to_owned(), |days| format!("{days:.1}"))
}

/// When the rule is broken after [`BEFORE`], and when that is over.
fn turns(history: &History, rule: Rule, until: u32) -> Vec<(Timestamp, bool)> {
    let rules = Rules::default();
    let (mut known, mut is_open) = (None::<KnownExcess>, false);
    let mut turns = Vec::new();
    for at in (BEFORE * 4..=until * 4).map(|quarter| day(0) + 6 * HOUR * quarter) {
        let told = ToldBounces {
            excesses: known.into_iter().collect(),
            ..ToldBounces::default()
        };
        let found = evaluate_rates(history, at, &rules, &told);
        let finding = found.iter().find(|finding| finding.rule == rule);
        let Some(Finding {
            verdict,
            evidence: Evidence::Rate(rate),
            ..
        }) = finding
        else {
            continue;
        };
        match verdict {
            Verdict::Breach => {
                let is_known = is_open && known.is_some_and(|known| known.ended_at.is_none());
                let excess = rate.lasting.zip(rate.wave).filter(|_| !is_known);
                known = excess.map_or(known, |(lasting, wave)| {
                    Some(KnownExcess {
                        rule,
                        since: wave.from,
                        opened_at: at,
                        ended_at: None,
                        usual_at_most: lasting.usual_at_most,
                    })
                });
                if !is_open {
                    turns.push((at, true));
                }
                is_open = true;
            }
            Verdict::Within if is_open => {
                turns.push((at, false));
                is_open = false;
                if let Some(known) = &mut known {
                    known.ended_at.get_or_insert(at);
                }
            }
            _ => {}
        }
    }
    turns
}

fn day(day: u32) -> Timestamp {
    Timestamp(0) + 1000 * DAY + DAY * day
}

/// The next number in [0, 1) of the generator `SplitMix64`.
fn next(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Mail of a Poisson process of so many a day, each bad with the rate of its day.
fn stream(
    per_day: f64,
    rule: Rule,
    rate: impl Fn(u32) -> f64,
    (days, seed): (u32, u64),
) -> History {
    let class = match rule {
        Rule::SpamRate => BounceClass::Complaint,
        _ => BounceClass::Hard,
    };
    let mut state = seed;
    let (mut sent, mut bounce_events) = (Vec::new(), Vec::new());
    let mut now = day(0);
    loop {
        now = now + DAY.mul_f64(-(1.0 - next(&mut state)).ln() / per_day);
        if now >= day(days) {
            break;
        }
        sent.push(now);
        let today = (now.since(day(0)).as_secs() / DAY.as_secs()) as u32;
        if next(&mut state) < rate(today) {
            bounce_events.push(BounceEvent {
                tag: None,
                at: now,
                message: now.to_string(),
                sent_at: Some(now),
                class,
                recipient: String::new(),
            });
        }
    }
    let covered = Coverage::from_spans([Span::new(day(0), day(days))]);
    History {
        first_seen_at: Some(day(0)),
        installed_at: Some(day(0)),
        messages: covered.clone(),
        bounces: covered,
        hours: hours(&sent),
        sent: CumulativeCounts::from_counts(sent.iter().map(|at| (*at, 1))),
        bounce_events,
        ..History::default()
    }
}

fn hours(sent: &[Timestamp]) -> Vec<HourCount> {
    let of_one_hour = sent.chunk_by(|a, b| a.floor(HOUR) == b.floor(HOUR));
    let count = |sent: &[Timestamp]| HourCount {
        start: sent[0].floor(HOUR),
        sent: sent.len() as u64,
        first_at: sent[0],
        last_at: sent[sent.len() - 1],
    };
    of_one_hour.map(count).collect()
}
