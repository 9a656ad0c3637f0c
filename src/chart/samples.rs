//! Descriptions for the tests: what a picture must be readable for.

use crate::chart::{ChartStep, HeatCell, HeatMap, HeatRow, ShadedSpan, VolumeBar, VolumeChart};
use crate::model::{DAY, HOUR, Severity, Span, Timestamp, Zone};

fn begin() -> Timestamp {
    Timestamp::parse("2026-03-02T09:00:00Z").expect("an instant")
}

/// Office hours on work days, a little at night, with some noise that is always the same.
fn usual(hour: u32, busy: u64) -> u64 {
    let (of_day, day) = ((hour + 9) % 24, (hour + 9) / 24);
    let base = match of_day {
        8..=17 if day < 5 => busy,
        6 | 7 | 18..=21 => busy / 3,
        _ => busy / 12,
    };
    base + base * u64::from(hour * 7_919 % 31) / 60
}

fn bar(step: ChartStep, index: u32, busy: u64) -> VolumeBar {
    let length = match step {
        ChartStep::Hour => HOUR,
        ChartStep::Day => DAY,
    };
    let (from, sent) = (begin() + length * index, usual(index, busy));
    VolumeBar {
        span: Span::new(from, from + length),
        sent: Some(sent),
        has_holes: false,
        delivered: sent - sent / 40,
        unknown: 0,
        is_estimated: false,
        bounced: sent / 40,
        bounces_unread: false,
        usual: Some((sent * 3 / 4, sent * 5 / 4 + 1)),
    }
}

fn volume(title: &str, step: ChartStep, bars: u32, busy: u64) -> VolumeChart {
    let bars: Vec<VolumeBar> = (0..bars).map(|index| bar(step, index, busy)).collect();
    let until = bars.last().map_or(begin(), |bar| bar.span.until);
    VolumeChart {
        title: title.to_owned(),
        span: Span::new(begin(), until),
        step,
        bars,
        delivered: None,
        incidents: Vec::new(),
        zone: Zone::UTC,
    }
}

fn unseen(bar: &mut VolumeBar) {
    *bar = VolumeBar {
        sent: None,
        delivered: 0,
        bounced: 0,
        bounces_unread: false,
        ..*bar
    };
}

/// Every picture of volume, by name.
pub(crate) fn volumes() -> Vec<(&'static str, VolumeChart)> {
    let day = volume("shop/outbound", ChartStep::Hour, 24, 90);
    let mut week = volume("shop", ChartStep::Hour, 168, 1_240);
    for index in 30..36 {
        unseen(&mut week.bars[index]);
    }
    week.bars[60].has_holes = true;
    let mut silence = volume("shop/outbound", ChartStep::Hour, 168, 90);
    for index in 100..112 {
        silence.bars[index].sent = Some(0);
        silence.bars[index].delivered = 0;
        silence.bars[index].bounced = 0;
    }
    for index in 124..132 {
        silence.bars[index].delivered /= 3;
        silence.bars[index].bounced = 21;
    }
    let shade = |from: u32, until: u32, severity, label: &str| ShadedSpan {
        span: Span::new(begin() + HOUR * from, begin() + HOUR * until),
        severity,
        label: label.to_owned(),
    };
    silence.incidents = vec![
        shade(101, 113, Severity::Wake, "no mail sent for 11 h"),
        shade(124, 134, Severity::Warn, "21 of 47 recipients bounced"),
    ];
    let mut tiny = volume("kiosk/outbound", ChartStep::Hour, 168, 0);
    for index in [20, 75, 76, 140] {
        tiny.bars[index].sent = Some(1);
        tiny.bars[index].delivered = 1;
    }
    for bar in &mut tiny.bars {
        bar.usual = None;
    }
    let mut first_day = volume("new & <shop>", ChartStep::Hour, 168, 60);
    for bar in &mut first_day.bars[..150] {
        unseen(bar);
    }
    for bar in &mut first_day.bars {
        bar.usual = None;
    }
    let mut nothing = volume("blog", ChartStep::Hour, 24, 60);
    nothing.bars.iter_mut().for_each(unseen);
    let season = volume("shop", ChartStep::Day, 45, 12_000);
    let mut unknown = day.clone();
    for index in (0..8).chain([23]) {
        let bar = &mut unknown.bars[index];
        bar.unknown = std::mem::take(&mut bar.delivered);
    }
    vec![
        ("day", day),
        ("week_with_holes", week),
        ("week_with_incidents", silence),
        ("tiny_stream", tiny),
        ("first_day", first_day),
        ("nothing_seen", nothing),
        ("season", season),
        ("delivery_unknown", unknown),
    ]
}

/// Every heat map, by name.
pub(crate) fn heat_maps() -> Vec<(&'static str, HeatMap)> {
    let row = |server: u32| {
        let cells = (0..24).map(|hour| HeatCell {
            sent: Some(usual(hour + server % 5, 30 + u64::from(server) * 17)),
            severity: None,
        });
        HeatRow {
            name: match server {
                7 => "a-client-with-a-very-long-name".to_owned(),
                _ => format!("client-{server:02}"),
            },
            cells: cells.collect(),
        }
    };
    let map = |servers: u32| {
        let mut rows: Vec<HeatRow> = (0..servers).map(row).collect();
        for cell in &mut rows[0].cells[12..] {
            *cell = HeatCell {
                sent: Some(0),
                severity: Some(Severity::Wake),
            };
        }
        for cell in &mut rows[1].cells[18..22] {
            cell.severity = Some(Severity::Warn);
        }
        for cell in &mut rows[2].cells[5..9] {
            cell.sent = None;
        }
        HeatMap::new(rows, Span::new(begin(), begin() + DAY), Zone::UTC)
    };
    vec![
        ("servers_3", map(3)),
        ("servers_40", map(40)),
        ("servers_73", map(73)),
    ]
}
