use std::time::Duration;

use super::*;
use crate::chart::{VolumeChart, samples};
use crate::model::{Incident, IncidentState, Rule, Span, Timestamp, Zone};
use crate::notify::alert::Style;
use crate::notify::digest::JudgedDay;

mod verdict;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an instant")
}

fn style() -> Style {
    Style {
        zone: Zone::UTC,
        mask: true,
    }
}

fn chart(name: &str) -> VolumeChart {
    let mut all = samples::volumes().into_iter();
    all.find(|(of, _)| *of == name).expect("a sample").1
}

fn incident(rule: Rule, step: &str) -> Incident {
    let courses = crate::notify::samples::courses();
    let course = courses
        .iter()
        .find(|course| course.rule == rule)
        .expect("a course");
    course.step(step).incident.clone()
}

fn stream(name: &str, health: Health) -> StreamDetail {
    StreamDetail {
        id: name.into(),
        health,
        last_sent: Some(at("2026-03-03T09:57:00Z")),
        last_delivered: Some(at("2026-03-03T09:56:00Z")),
        detection_delay: Some(Duration::from_secs(3_600)),
        is_learning: health == Health::Learning,
        is_judged: true,
        is_unseen: health == Health::Unseen,
        is_stopped: health == Health::Wake,
        closed_stop: None,
        day: chart("day"),
        season: chart("season"),
    }
}

fn server(name: &str, health: Health, note: &str) -> ServerPageView {
    let mut outbound = stream("outbound", health);
    for chart in [&mut outbound.day, &mut outbound.season] {
        chart.title = format!("{name}/outbound");
    }
    ServerPageView {
        name: name.into(),
        health,
        note: note.to_owned(),
        streams: vec![outbound],
        next_poll_at: Some(at("2026-03-03T11:00:00Z")),
        open: Vec::new(),
        past: Vec::new(),
    }
}

fn row(name: &str, health: Health, note: &str) -> ServerRow {
    ServerRow {
        name: name.into(),
        health,
        note: note.to_owned(),
        streams: vec![StreamRow {
            id: "outbound".into(),
            last_sent: Some(at("2026-03-03T09:57:00Z")),
            sent: 776,
        }],
        hours: (0..24).map(|hour| (hour != 7).then_some(hour)).collect(),
    }
}

fn overview(medium: Medium) -> OverviewView {
    OverviewView {
        at: at("2026-03-03T10:00:00Z"),
        is_off: false,
        style: style(),
        medium,
        last_cycle_at: Some(at("2026-03-03T10:00:00Z")),
        next_poll_at: Some(at("2026-03-03T11:00:00Z")),
        delivery: DeliveryView {
            last_accepted_at: Some(at("2026-03-03T09:00:00Z")),
            waiting: 0,
            waiting_since: None,
            refusals: Vec::new(),
        },
        quiet_until: None,
        mutes: Vec::new(),
        servers: vec![row("shop", Health::Fine, "")],
        total: 1,
        unseen: 0,
        same_servers: Vec::new(),
        missing_streams: Vec::new(),
        day: JudgedDay {
            is_known: true,
            ..JudgedDay::default()
        },
        filter: String::new(),
        details: vec![server("shop", Health::Fine, "")],
        open: Vec::new(),
        open_counts: (0, 0),
        past: Vec::new(),
        explained: Vec::new(),
    }
}

/// A page with everything on it that can be wrong.
fn troubled(medium: Medium) -> OverviewView {
    let open = vec![
        incident(Rule::SendSilence, "opened"),
        incident(Rule::BounceRate, "opened"),
    ];
    let explained = open.iter().map(|i| {
        (
            i.id.clone(),
            vec!["Why it opened".to_owned(), "  no mail".to_owned()],
        )
    });
    let explained = explained.collect();
    let past = vec![incident(Rule::DeliverySilence, "resolved")];
    OverviewView {
        servers: vec![
            row("shop", Health::Wake, "no mail sent for 1 h 2 min"),
            row("blog", Health::Unseen, "HTTP 503"),
            row("new", Health::Learning, ""),
        ],
        details: vec![
            server("shop", Health::Wake, "no mail sent for 1 h 2 min"),
            server("blog", Health::Unseen, "HTTP 503"),
            server("new", Health::Learning, ""),
        ],
        total: 3,
        unseen: 1,
        open,
        open_counts: (1, 4),
        past,
        explained,
        delivery: DeliveryView {
            last_accepted_at: None,
            waiting: 2,
            waiting_since: Some(at("2026-03-03T08:00:00Z")),
            refusals: vec![
                "cannot post to Slack: `no_service`; create the webhook again".to_owned(),
            ],
        },
        ..overview(medium)
    }
}

/// A thousand servers, of which the first few are shown whole.
fn fleet(servers: u32) -> OverviewView {
    let name = |index: u32| format!("client-{index:04}");
    let rows = (0..servers).map(|index| match index {
        0 => row(&name(index), Health::Wake, "no mail sent for 7 h"),
        1..3 => row(&name(index), Health::Warn, "bounce rate"),
        _ => row(&name(index), Health::Fine, ""),
    });
    OverviewView {
        servers: rows.collect(),
        total: servers as usize,
        details: (0..8)
            .map(|index| server(&name(index), Health::Fine, ""))
            .collect(),
        ..overview(Medium::Page)
    }
}

fn first_start() -> OverviewView {
    let mut view = overview(Medium::Page);
    view.last_cycle_at = None;
    view.delivery = DeliveryView::default();
    view.servers[0].health = Health::Learning;
    view.servers[0].hours = vec![None; 24];
    view.servers[0].streams.clear();
    view.details[0].health = Health::Learning;
    view.details[0].streams.clear();
    view
}

fn pages() -> Vec<(&'static str, String)> {
    let incident_view = IncidentPageView {
        incident: incident(Rule::SendSilence, "opened"),
        may_go_on: false,
        explained: vec!["Why it opened".to_owned(), "  no mail".to_owned()],
        chart: Some(chart("week_with_incidents")),
        style: style(),
    };
    let mut of_server = server("shop", Health::Wake, "no mail sent for 1 h 2 min");
    of_server.open = vec![incident(Rule::SendSilence, "opened")];
    of_server.past = vec![incident(Rule::DeliverySilence, "resolved")];
    vec![
        ("fine", overview_page(&overview(Medium::Page))),
        ("troubled", overview_page(&troubled(Medium::Page))),
        ("first_start", overview_page(&first_start())),
        ("fleet", overview_page(&fleet(1_000))),
        ("file", overview_page(&troubled(Medium::File))),
        ("server", server_page(&of_server, style())),
        ("incident", incident_page(&incident_view)),
    ]
}

#[test]
fn the_page_of_an_incident_that_a_person_closed_names_no_end() {
    let mut closed = incident(Rule::SendSilence, "opened");
    closed.state = IncidentState::Resolved {
        at: closed.judged_at,
        unwatched: false,
        disabled: false,
    };
    closed.closed_by = Some("ops".to_owned());
    let view = IncidentPageView {
        incident: closed,
        may_go_on: false,
        explained: Vec::new(),
        chart: None,
        style: style(),
    };
    let page = incident_page(&view);
    assert!(!page.contains("LOOK</span>"), "{page}");
    assert!(page.contains("closed by ops "), "{page}");
    assert!(page.contains(", it had stood since "), "{page}");
    assert!(!page.contains("it lasted"), "{page}");
    let standing = IncidentPageView {
        may_go_on: true,
        ..view
    };
    let page = incident_page(&standing);
    assert!(page.contains("LOOK</span>"), "{page}");
}

#[test]
fn the_page_of_an_incident_that_is_over_does_not_call_its_stream_ok() {
    let over = incident(Rule::SendSilence, "resolved");
    let page = incident_page(&IncidentPageView {
        incident: over,
        explained: Vec::new(),
        chart: None,
        style: style(),
        may_go_on: false,
    });
    let heading = page.split("<h1>").nth(1);
    let heading = heading.and_then(|rest| rest.split("</h1>").next());
    let heading = heading.expect("a heading");
    assert!(heading.contains("WAKE, over"), "{heading}");
    assert!(!heading.contains("OK"), "{heading}");
}

#[test]
fn the_page_of_what_was_one_moment_says_when_and_not_how_long() {
    let mut over = incident(Rule::BounceRate, "resolved");
    let at = over.judged_at;
    (over.opened_at, over.problem, over.recovered_at) = (at, Some(Span::new(at, at)), None);
    let view = IncidentPageView {
        incident: over,
        may_go_on: false,
        explained: Vec::new(),
        chart: None,
        style: style(),
    };
    let page = incident_page(&view);
    assert!(page.contains("resolved: it happened at "), "{page}");
    assert!(!page.contains("0 s"), "{page}");
}

#[test]
fn of_mail_that_is_not_seen_nothing_is_promised() {
    let promise = "nobody would hear of it before it is read again";
    let page = overview_page(&troubled(Medium::Page));
    assert_eq!(page.matches(promise).count(), 1, "of the server blog");
}

#[test]
fn a_stop_that_a_person_closed_is_not_called_fine() {
    let mut view = overview(Medium::Page);
    view.day.closed = 1;
    let stream = &mut view.details[0].streams[0];
    let closed = "mail has stopped, closed as real by ops 11:10; if it goes on, it opens again Wed 4 Mar 11:10";
    (stream.health, stream.closed_stop) = (Health::Look, Some(closed.to_owned()));
    let page = overview_page(&view);
    let said = "LOOK</span> no incident is open, but 1 problem closed by hand may go on";
    assert!(page.contains(said), "{page}");
    assert!(page.contains(closed), "{page}");
    assert!(!page.contains("you would hear within"), "{page}");
    let open = OverviewView {
        day: view.day,
        ..troubled(Medium::Page)
    };
    let page = overview_page(&open);
    let said = "5 incidents open: 1 WAKE, 4 WARN; beside them, 1 problem closed by hand may go on";
    assert!(page.contains(said), "{page}");
}

#[test]
fn what_is_muted_is_said_and_is_not_called_fine() {
    let mute = crate::model::Mute {
        id: 1,
        server: None,
        rule: None,
        incident: None,
        from: at("2026-03-03T09:00:00Z"),
        until: at("2027-03-03T12:00:00Z"),
        reason: "deploy".to_owned(),
        by: "Bob Example".to_owned(),
        planned: false,
    };
    let of_one = crate::model::Mute {
        incident: Some("fp8xrr3b".to_owned()),
        ..mute.clone()
    };
    let page = |mutes: Vec<crate::model::Mute>, medium| {
        let view = OverviewView {
            mutes,
            ..overview(medium)
        };
        overview_page(&view)
    };
    let healthy = "OK</span> no incident is open, 1 server<";
    for medium in [Medium::Page, Medium::File] {
        let muted = page(vec![mute.clone()], medium);
        let said = "LOOK</span> no incident is open, 1 server, but alerts are muted";
        assert!(muted.contains(said), "{muted}");
        assert!(
            muted.contains("<dt>Muted</dt><dd>everything until "),
            "{muted}"
        );
        assert!(muted.contains(", by Bob Example: deploy"), "{muted}");
        let one = page(vec![of_one.clone()], medium);
        assert!(one.contains(healthy), "{one}");
        assert!(
            one.contains("<dt>Muted</dt><dd>incident fp8xrr3b "),
            "{one}"
        );
    }
}

#[test]
fn who_takes_care_of_an_incident_is_said_beside_it() {
    let mut view = troubled(Medium::Page);
    assert!(!overview_page(&view).contains("acknowledged by"));
    view.open[0].acknowledged = Some(crate::model::Acknowledgement {
        by: "Ann Example".to_owned(),
        at: at("2026-03-03T09:30:00Z"),
        by_answer: true,
    });
    let page = overview_page(&view);
    assert!(page.contains("; acknowledged by Ann Example"), "{page}");
}

#[test]
fn samples_are_written() {
    // To be looked at: HUSHWATCH_DUMP_DIR=… cargo test --lib html::tests::samples_are_written
    let Ok(folder) = std::env::var("HUSHWATCH_DUMP_DIR") else {
        return;
    };
    std::fs::write(format!("{folder}/style.css"), STYLE.concat()).expect("written");
    for (name, page) in pages() {
        std::fs::write(format!("{folder}/page_{name}.html"), page).expect("written");
    }
}

#[test]
fn no_page_has_a_script_a_style_of_its_own_or_another_host() {
    for (name, page) in pages() {
        assert!(
            page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"),
            "{name}"
        );
        for forbidden in [
            "<script",
            "javascript:",
            " style=",
            "onload=",
            "http://",
            "https://",
            "<img",
            "@import",
            "url(http",
        ] {
            assert!(!page.contains(forbidden), "{name} has {forbidden}");
        }
        assert_eq!(page.contains("<style>"), name == "file", "{name}");
    }
}

#[test]
fn ids_are_unique_and_every_reference_has_its_target() {
    for (name, page) in pages() {
        let mut ids: Vec<&str> = page
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "{name}: an id twice");
        let referred = page
            .split("labelledby=\"")
            .skip(1)
            .chain(page.split("href=\"#").skip(1));
        for id in referred
            .filter_map(|rest| rest.split('"').next())
            .flat_map(|ids| ids.split(' '))
        {
            assert!(ids.contains(&id), "{name}: nothing has the id {id}");
        }
    }
}

#[test]
fn markup_from_outside_stays_text() {
    let hostile = "\"><script>alert(1)</script>&'\u{202e}";
    let mut view = troubled(Medium::Page);
    view.servers[0].name = hostile.into();
    view.servers[0].note = hostile.to_owned();
    view.details[0].name = hostile.into();
    view.details[0].streams[0].id = hostile.into();
    view.details[0].streams[0].day.title = hostile.to_owned();
    view.open[0].server = hostile.into();
    view.filter = hostile.to_owned();
    let mut of_server = view.details[0].clone();
    of_server.note = hostile.to_owned();
    let of_incident = IncidentPageView {
        incident: view.open[0].clone(),
        may_go_on: false,
        explained: vec![hostile.to_owned()],
        chart: Some(view.details[0].streams[0].day.clone()),
        style: style(),
    };
    for page in [
        overview_page(&view),
        server_page(&of_server, style()),
        incident_page(&of_incident),
    ] {
        assert!(
            !page.contains("<script") && !page.contains('\u{202e}'),
            "{page}"
        );
        assert!(page.contains("&lt;script&gt;"));
    }
}

#[test]
fn every_state_is_told_in_a_word_and_a_shape() {
    let all = [
        Health::Wake,
        Health::Warn,
        Health::Unseen,
        Health::Learning,
        Health::Fine,
    ];
    let mut shapes = all.map(Health::shape).to_vec();
    shapes.dedup();
    assert_eq!(shapes.len(), all.len());
    assert!(all.is_sorted(), "the worst first");
}
