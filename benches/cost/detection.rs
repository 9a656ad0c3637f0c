//! Detection as history grows: what is learned, and what is judged by what was kept.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use hushwatch::internals::{Detector, SampleCandidate, Store, count};
use hushwatch::model::{
    Coverage, CumulativeCounts, DAY, HOUR, History, HourCount, Learned, MINUTE, Mail, PackedWeeks,
    Proof, Rules, Series, ServerName, Span, Status, StreamId, StreamKey, Timestamp, ToldBounces,
    WEEK, WeekDigest,
};

use crate::Figure;

/// Streams of the fleet: a thousand servers with two each.
const FLEET: u32 = 2_000;
/// What a past of 45 and of 400 days may cost, as a multiple of a day's, where nothing is learned anew.
const GOALS: [(u32, f64); 2] = [(45, 1.1), (400, 1.2)];
/// CPU of judging by what was kept, as a part of that of learning.
const FLEET_GOAL: f64 = 0.05;
/// Sampled mail is read of so many days.
const SAMPLED_DAYS: u32 = 97;
/// Of so many it is measured, and told for all.
const MEASURED: u32 = 100;

pub(crate) fn detect() {
    let now = Timestamp::from_secs(1_772_532_000);
    let pasts = [
        (1, 220_000),
        (45, 10_000),
        (45, 10_000_000),
        (400, 90_000_000),
    ];
    let pasts = pasts.map(|(days, messages)| {
        (
            days,
            messages,
            history(now, days, messages / u64::from(days)),
        )
    });
    let learned = pasts
        .each_ref()
        .map(|(_, _, history)| Learning::measure(history, now));
    let (anew, kept) = (
        learned.each_ref().map(|learning| learning.anew),
        learned.each_ref().map(|learning| learning.kept),
    );
    let rows: [(&str, _, &[(u32, f64)]); 2] = [
        ("learning and judging", anew, &[]),
        ("judging by what was kept", kept, &GOALS),
    ];
    for (what, took, goals) in rows {
        for ((days, messages, _), took_it) in pasts.iter().zip(took) {
            let (ms, ratio) = (
                took_it.as_secs_f64() * 1e3,
                took_it.as_secs_f64() / took[0].as_secs_f64(),
            );
            let messages = count(*messages);
            let goal = goals.iter().find(|(of, _)| of == days);
            let ratio_of = Figure::ratio(ratio)
                .part("against a day")
                .goal(goal.map(|(_, most)| *most));
            crate::line(
                &format!("{what}: one stream, {days} days, {messages} messages"),
                &format!("{ms:.3} ms  ({ratio:.2} x)"),
                &[Figure::measure(ms, "ms"), ratio_of],
            );
        }
    }
    let bytes = learned.each_ref().map(|learning| learning.bytes);
    let kept_of = |((days, messages, _), bytes): (&(u32, u64, History), usize)| {
        let part = format!("{days} days, {} messages", count(*messages));
        Figure::count(bytes as f64, "bytes").part(&part)
    };
    let kept_of: Vec<Figure> = pasts.iter().zip(bytes).map(kept_of).collect();
    crate::line(
        "what is kept of a stream of 1, 45, 45 and 400 days",
        &format!("{bytes:?} bytes"),
        &kept_of,
    );
    fleet(now);
    stored(now);
}

/// The same from a database: what a cycle reads of a stream, and judges by what was kept; then with sampled mail as well.
fn stored(now: Timestamp) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut first = [None; 2];
    for days in [1, 8, 45, 400] {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open_sqlite(&folder.path().join("hushwatch.db")).expect("a database");
        let stream = StreamKey::new(&ServerName::from("shop"), &StreamId::from("outbound"));
        let range = Span::new(now - 7 * DAY, now);
        let key = stream.clone();
        let filled = store.call(move |s| {
            s.server_state(key.server(), now - days * DAY)?;
            let seen = Span::new(now - days * DAY, now);
            s.save_messages(&key, &mails(now, days), Some(seen))?;
            s.save_bounces(&key, &[], Some(seen))
        });
        runtime.block_on(filled).expect("filled");
        let read = || {
            let key = stream.clone();
            let read = store.call(move |s| s.history_with_tags(&key, range, &[]));
            let started = Instant::now();
            let history = runtime.block_on(read).expect("read");
            (started.elapsed(), history)
        };
        let best = |run: &dyn Fn() -> Duration| (0..30).map(|_| run()).min().unwrap_or_default();
        let pack = || {
            let key = stream.clone();
            let pack = store.call(move |s| {
                s.pack_hours(&key, &[], now)?;
                s.pack_samples(&key, now)
            });
            runtime.block_on(pack).expect("packed");
        };
        let follow = || {
            let key = stream.clone();
            let follow = store.call(move |s| {
                let sampled = sampled(now, days);
                s.add_samples(&key, &sampled)?;
                for mail in &sampled {
                    let proof = delivered(mail);
                    s.save_sample_result(&key, &mail.id, Some(&proof), mail.sent_at + HOUR)?;
                }
                Ok(())
            });
            runtime.block_on(follow).expect("followed");
        };
        for (what, first) in ["", ", with its sampled mail"].into_iter().zip(&mut first) {
            if !what.is_empty() {
                follow();
            }
            let (_, known) = judge(&read().1, now, BTreeMap::new());
            let mut of_sending = known.clone();
            of_sending.retain(|series, _| !series.is_delivery);
            let judged_by = |known: &BTreeMap<Series, Learned>| {
                best(&|| {
                    let (took, history) = read();
                    took + judge(&history, now, known.clone()).0
                })
            };
            let (by_row, learned) = (best(&|| read().0), judged_by(&of_sending));
            pack();
            let (packed, whole) = (best(&|| read().0), judged_by(&known));
            let of_a_day = *first.get_or_insert(whole);
            let ms = |took: Duration| took.as_secs_f64() * 1e3;
            crate::line(
                &format!("reading one stream of {days} days from SQLite{what}: by row, packed"),
                &format!("{:.3} ms, {:.3} ms", ms(by_row), ms(packed)),
                &[
                    Figure::measure(ms(by_row), "ms").part("by row"),
                    Figure::measure(ms(packed), "ms").part("packed"),
                ],
            );
            let ratio = ms(whole) / ms(of_a_day);
            crate::line(
                &format!("reading and judging one stream of {days} days by what was kept{what}"),
                &format!(
                    "{:.3} ms  ({ratio:.2} x); by row, and deliveries learned: {:.3} ms",
                    ms(whole),
                    ms(learned)
                ),
                &[
                    Figure::measure(ms(whole), "ms"),
                    Figure::ratio(ratio).part("against a day"),
                    Figure::measure(ms(learned), "ms").part("by row, deliveries learned"),
                ],
            );
        }
    }
}

/// Two messages of each hour whose delivery is followed, as far back as they are kept.
fn sampled(now: Timestamp, days: u32) -> Vec<SampleCandidate> {
    let mails = mails(now, days.min(SAMPLED_DAYS)).into_iter();
    let each = mails.map(|mail| SampleCandidate {
        id: mail.id,
        sent_at: mail.sent_at,
        tag: None,
        recipient: "someone@example.com".to_owned(),
    });
    each.collect()
}

/// All are delivered within two seconds or so.
fn delivered(mail: &SampleCandidate) -> Proof {
    let millis = 1_000 + mail.sent_at.0.cast_unsigned() / 1_000 % 1_700;
    Proof {
        delivered_at: Some(mail.sent_at + Duration::from_millis(millis)),
        bounced_at: None,
        status: Status::Sent,
    }
}

/// Two messages in each hour.
fn mails(now: Timestamp, days: u32) -> Vec<Mail> {
    let each = (0..days * 48).map(|number| {
        let sent_at = now - days * DAY + number * (HOUR / 2) + MINUTE;
        Mail {
            id: format!("m{number}"),
            stream: StreamId::from("outbound"),
            sent_at,
            status: Status::Sent,
            tag: None,
            recipients: vec!["someone@example.com".to_owned()],
        }
    });
    each.collect()
}

/// What it took to judge one stream.
struct Learning {
    anew: Duration,
    kept: Duration,
    bytes: usize,
}

impl Learning {
    fn measure(history: &History, now: Timestamp) -> Self {
        let (_, known) = judge(history, now, BTreeMap::new());
        let best = |known: &BTreeMap<Series, Learned>| {
            let runs = (0..9).map(|_| judge(history, now, known.clone()).0);
            runs.min().unwrap_or(Duration::MAX)
        };
        Self {
            anew: best(&BTreeMap::new()),
            kept: best(&known),
            bytes: known.values().map(|learned| learned.value.len()).sum(),
        }
    }
}

/// Judges a stream in a cycle of its own; returns what that took, and what was learned anew.
fn judge(
    history: &History,
    now: Timestamp,
    known: BTreeMap<Series, Learned>,
) -> (Duration, BTreeMap<Series, Learned>) {
    let stream = StreamId::from("outbound");
    let started = Instant::now();
    let mut detector = Detector::new(Rules::default(), 1);
    detector.keep(known);
    black_box(detector.detect(history, &stream, &[], &ToldBounces::default(), now));
    (started.elapsed(), detector.take_learned())
}

/// CPU of judging a fleet in one cycle, once learned and once by what was kept.
fn fleet(now: Timestamp) {
    let of = |stream: u32| history(now, 400, 200 + 40 * u64::from(stream));
    let pasts: Vec<History> = (0..MEASURED).map(of).collect();
    let mut known = Vec::new();
    let before = crate::cpu();
    for past in &pasts {
        known.push(judge(past, now, BTreeMap::new()).1);
    }
    let learned = crate::cpu() - before;
    let before = crate::cpu();
    for (past, known) in pasts.iter().zip(known) {
        let (_, anew) = judge(past, now, known);
        assert!(anew.is_empty(), "nothing is new");
    }
    let kept = crate::cpu() - before;
    let whole = |part: Duration| part.as_secs_f64() * f64::from(FLEET / MEASURED);
    let ratio = kept.as_secs_f64() / learned.as_secs_f64();
    crate::line(
        "judging 1,000 servers x 2 streams of 400 days: learned, kept",
        &format!(
            "{:.1} s, {:.2} s of CPU  (1/{:.0})",
            whole(learned),
            whole(kept),
            1.0 / ratio
        ),
        &[
            Figure::measure(whole(learned), "s").part("learned"),
            Figure::measure(whole(kept), "s").part("kept"),
            Figure::ratio(ratio)
                .part("kept against learned")
                .goal(Some(FLEET_GOAL)),
        ],
    );
}

fn history(now: Timestamp, days: u32, per_day: u64) -> History {
    let from = now - days * DAY;
    let hours = (0..days * 24).map(|h| {
        let start = from + h * HOUR;
        let busy = if (8..20).contains(&(h % 24)) { 3 } else { 1 };
        HourCount {
            start,
            sent: per_day * busy / 48,
            first_at: start,
            last_at: start + 59 * MINUTE,
        }
    });
    let ticks = (0..1440u32).map(|m| (now - DAY + m * MINUTE, per_day / 1440));
    let hours: Vec<HourCount> = hours.collect();
    // As they are read: whole weeks are known by their digests.
    let weeks = hours.chunk_by(|a, b| a.start.floor(WEEK) == b.start.floor(WEEK));
    let weeks = weeks.map(|hours| (hours[0].start.floor(WEEK), WeekDigest::of_hours(hours)));
    let whole = weeks.filter(|(week, _)| *week >= from && *week + WEEK + DAY <= now);
    let packed = PackedWeeks::new(whole.collect(), false);
    History {
        first_seen_at: Some(from),
        installed_at: Some(from),
        messages: Coverage::from_spans([Span::new(from, now)]),
        bounces: Coverage::from_spans([Span::new(from, now)]),
        hours,
        packed,
        sent: CumulativeCounts::from_counts(ticks),
        ..History::default()
    }
}
