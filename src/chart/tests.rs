use super::drawing::{Ink, Shape};
use super::svg::inline_style;
use super::*;

/// Every picture that the tests know, by name.
fn drawings() -> Vec<(&'static str, Drawing)> {
    let volumes = samples::volumes().into_iter();
    let heat_maps = samples::heat_maps().into_iter();
    volumes
        .map(|(name, chart)| (name, chart.draw()))
        .chain(heat_maps.map(|(name, map)| (name, map.draw())))
        .collect()
}

#[test]
fn samples_are_written() {
    // To be looked at: HUSHWATCH_DUMP_DIR=… cargo test --lib chart::tests::samples_are_written
    let Ok(folder) = std::env::var("HUSHWATCH_DUMP_DIR") else {
        return;
    };
    for (name, drawing) in drawings() {
        let file = |end: &str| format!("{folder}/chart_{name}.{end}");
        std::fs::write(file("svg"), to_svg(&drawing)).expect("written");
        #[cfg(feature = "charts")]
        std::fs::write(file("png"), to_png(&drawing).expect("a picture")).expect("written");
    }
}

#[test]
fn the_style_of_pages_has_every_ink() {
    if std::env::var("HUSHWATCH_UPDATE_DOCS").is_ok() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/chart/chart.css");
        std::fs::write(file, inline_style()).expect("written");
        return;
    }
    assert_eq!(INLINE_STYLE, inline_style());
}

#[test]
fn a_picture_says_in_words_what_it_shows() {
    let texts: Vec<String> = drawings()
        .iter()
        .map(|(name, drawing)| format!("{name}: {}", drawing.alt_text()))
        .collect();
    insta::assert_snapshot!("alt_texts", texts.join("\n"));
}

#[test]
fn time_that_was_not_seen_is_hatched_and_has_no_bar() {
    let charts = samples::volumes();
    let (_, nothing) = charts
        .iter()
        .find(|(name, _)| *name == "nothing_seen")
        .expect("a sample");
    let svg = to_svg(&nothing.draw());
    assert!(svg.contains("url(#chart-h)"), "{svg}");
    // The sign in the legend is the only mark of delivered mail.
    assert_eq!(svg.matches(r#"class="de""#).count(), 1);
    let (_, seen) = charts
        .iter()
        .find(|(name, _)| *name == "day")
        .expect("a sample");
    assert!(!to_svg(&seen.draw()).contains("url(#chart-h)"));
}

#[test]
fn delivery_that_nobody_knows_is_no_delivery() {
    let charts = samples::volumes();
    let sample = charts.iter().find(|(name, _)| *name == "delivery_unknown");
    let mut chart = sample.expect("a sample").1.clone();
    let svg = to_svg(&chart.draw());
    assert!(svg.contains(">delivery not known</text>"), "{svg}");
    // The hours, which are one shape, and the sign in the legend.
    assert_eq!(svg.matches(r#"class="un""#).count(), 2);
    assert_eq!(chart.bars[0].delivered_text(), "?");
    let caption = |chart: &VolumeChart| chart.draw().alt_text();
    let said = |number, low, high, is_exact| DeliveredTotal {
        number,
        low,
        high,
        is_exact,
    };
    for (total, words) in [
        (None, "411 to 1,386 delivered"),
        (
            Some(said(Some(1_386), 1_300, 1_400, false)),
            "about 1,386 delivered (1,300 to 1,400)",
        ),
        (
            Some(said(Some(1_411), 1_411, 1_411, true)),
            " 1,411 delivered",
        ),
        (Some(said(None, 0, 1_411, false)), "delivery not known yet"),
    ] {
        chart.delivered = total;
        let said = caption(&chart);
        assert!(said.contains(&format!("{words} · 25 bounced")), "{said}");
    }
    // All of it by an estimate is no certainty.
    let mut bar = chart.bars[10];
    bar.delivered = bar.sent.unwrap_or(0);
    bar.is_estimated = true;
    assert!(bar.delivered_text().starts_with("about "));
    bar.unknown = 7;
    assert!(bar.delivered_text().contains(" to "));
}

#[test]
fn a_picture_of_an_older_version_is_drawn() {
    let chart = samples::volumes().remove(0).1;
    let mut stored = serde_json::to_value(Picture::Volume(chart.clone())).expect("JSON");
    let volume = stored["volume"].as_object_mut().expect("a picture");
    volume.remove("delivered");
    for bar in volume["bars"].as_array_mut().expect("bars") {
        let bar = bar.as_object_mut().expect("a bar");
        bar.remove("unknown");
        bar.remove("is_estimated");
    }
    let read: Picture = serde_json::from_value(stored).expect("a picture");
    assert_eq!(read, Picture::Volume(chart));
}

#[test]
fn an_incident_is_marked_where_no_bar_hides_it() {
    let charts = samples::volumes();
    let (_, chart) = charts
        .iter()
        .find(|(name, _)| *name == "week_with_incidents")
        .expect("a sample");
    let mut chart = chart.clone();
    // A steady sender, whose bars all reach the top.
    for bar in &mut chart.bars {
        (bar.sent, bar.delivered) = (Some(20), 20);
    }
    let drawing = chart.draw();
    let tops = |of: Ink| {
        let rects = drawing.shapes.iter().filter_map(move |shape| match shape {
            Shape::Rect(area, ink) if *ink == of => Some(area.y + area.height),
            _ => None,
        });
        rects.fold(f32::MAX, f32::min)
    };
    let bars = drawing.shapes.iter().filter_map(|shape| match shape {
        Shape::Rect(area, Ink::Delivered) => Some(area.y),
        _ => None,
    });
    let highest_bar = bars.fold(f32::MAX, f32::min);
    for mark in [Ink::Warn, Ink::Wake] {
        assert!(tops(mark) <= highest_bar, "{mark:?}");
    }
    assert!(
        tops(Ink::Wake) < tops(Ink::Warn) - 2.5,
        "both are seen where they are at one time"
    );
}

#[test]
fn markup_in_a_name_stays_text() {
    let mut chart = samples::volumes().remove(0).1;
    chart.title = "<script>alert('x')</script>&\u{202e}\u{1b}[31m".to_owned();
    let svg = to_inline_svg(&chart.draw(), "c1");
    assert!(!svg.contains("<script"), "{svg}");
    assert!(svg.contains("&lt;script&gt;") && !svg.contains('\u{1b}'));
    assert!(svg.contains(r#"aria-labelledby="c1-t c1-d""#) && svg.contains(r#"<title id="c1-t">"#));
    assert!(
        !svg.contains("style="),
        "a strict page allows no style within"
    );
}

#[test]
fn no_description_can_break_a_picture() {
    use crate::model::{DAY, Severity, Span, Timestamp};
    let mut chart = samples::volumes().remove(1).1;
    for bar in &mut chart.bars {
        bar.sent = Some(u64::MAX / 400);
        bar.delivered = u64::MAX / 400;
        bar.bounced = u64::MAX / 400;
        bar.usual = Some((u64::MAX, 0));
    }
    chart.incidents = vec![ShadedSpan {
        span: Span::new(Timestamp::MAX, Timestamp::MIN),
        severity: Severity::Wake,
        label: String::new(),
    }];
    let mut empty = chart.clone();
    empty.bars.clear();
    empty.span = Span::new(Timestamp(0), Timestamp(0));
    let mut outside = chart.clone();
    outside.span = Span::new(chart.span.until, chart.span.until + DAY);
    let no_servers = HeatMap {
        span: Span::new(Timestamp(0), Timestamp(0)),
        rows: vec![HeatRow::default(); 3],
        others: usize::MAX - 3,
        zone: crate::model::Zone::UTC,
    };
    let charts = [&chart, &empty, &outside].map(VolumeChart::draw);
    for drawing in charts.into_iter().chain([no_servers.draw()]) {
        let svg = to_svg(&drawing);
        assert!(svg.ends_with("</svg>") && !svg.contains("NaN") && !svg.contains("inf"));
        #[cfg(feature = "charts")]
        assert!(to_png(&drawing).expect("a picture").len() > 1_000);
    }
}

#[cfg(feature = "charts")]
#[test]
fn a_png_is_three_pixels_to_the_unit_and_the_same_every_time() {
    for (name, drawing) in drawings() {
        let bytes = to_png(&drawing).expect("a picture");
        assert_eq!(bytes, to_png(&drawing).expect("a picture"), "{name}");
        assert!(bytes.starts_with(b"\x89PNG"));
        let width = u32::from_be_bytes(bytes[16..20].try_into().expect("four bytes"));
        assert_eq!(width, 1080, "{name}");
        assert!(bytes.len() < 150_000, "{name}: {} bytes", bytes.len());
    }
}

#[test]
fn a_stored_picture_is_drawn_as_it_was_written() {
    let volumes = samples::volumes().into_iter();
    let heat_maps = samples::heat_maps().into_iter();
    let all = volumes
        .map(|(_, chart)| Picture::Volume(chart))
        .chain(heat_maps.map(|(_, map)| Picture::HeatMap(map)));
    for picture in all {
        let stored = serde_json::to_string(&picture).expect("JSON");
        let read: Picture = serde_json::from_str(&stored).expect("the same");
        assert_eq!(read, picture);
        assert!(stored.len() < 64_000, "{} bytes", stored.len());
    }
}
