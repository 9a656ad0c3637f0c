//! The verdict of the first line, and what is never called fine.

use super::*;
use crate::model::{MissingStreams, SameServer};
use crate::notify::digest::{Day, UnusualStream, judge_day};

#[test]
fn the_first_line_says_how_it_is() {
    let verdict = |view: &OverviewView| {
        let page = overview_page(view);
        let (_, rest) = page.split_once("class=\"verdict\">").expect("a verdict");
        let (line, _) = rest.split_once("</p>").expect("its end");
        let mut text = String::new();
        let mut is_tag = false;
        for c in line.chars() {
            match c {
                '<' => is_tag = true,
                '>' => is_tag = false,
                c if !is_tag => text.push(c),
                _ => {}
            }
        }
        text
    };
    let mut unseen = overview(Medium::Page);
    unseen.servers[0].health = Health::Unseen;
    unseen.unseen = 1;
    let off = OverviewView {
        is_off: true,
        ..troubled(Medium::Page)
    };
    let lines = [
        verdict(&overview(Medium::Page)),
        verdict(&troubled(Medium::Page)),
        verdict(&unseen),
        verdict(&first_start()),
        verdict(&off),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    ● OK no incident is open, 1 server
    ▲ WAKE 5 incidents open: 1 WAKE, 4 WARN
    ▨ NOT SEEN no problem found, but 1 server could not be read
    ◌ LEARNING 1 server, no cycle yet: nothing was read so far
    ▨ NOT SEEN switched off by FLAG_POSTMARK_DELIVERY_MONITOR: nothing is polled, and nobody is alerted; open then: 5 incidents
    ");
}

#[test]
fn what_was_not_seen_is_no_zero_in_the_figures() {
    let mut view = overview(Medium::Page);
    view.details[0].streams[0].day = chart("nothing_seen");
    let page = overview_page(&view);
    assert!(page.contains("<td>not seen</td>"), "{page}");
    assert!(!page.contains("<td>0</td>") || page.matches("not seen</td>").count() >= 24);
}

#[test]
fn a_filter_hides_no_server_that_is_not_seen() {
    let view = OverviewView {
        servers: vec![row("shop", Health::Fine, "")],
        total: 2,
        unseen: 1,
        filter: "shop".to_owned(),
        ..overview(Medium::Page)
    };
    let page = overview_page(&view);
    assert!(
        page.contains("no problem found, but 1 server could not be read"),
        "{page}"
    );
}

/// An older incident may be open on it.
#[test]
fn of_a_server_that_is_not_seen_nothing_is_promised_whatever_is_open() {
    let mut view = overview(Medium::Page);
    let told = "nobody would hear of it before it is read again";
    assert!(!overview_page(&view).contains(told));
    let stream = &mut view.details[0].streams[0];
    (stream.health, stream.is_unseen) = (Health::Warn, true);
    let page = overview_page(&view);
    assert!(page.contains(told), "{page}");
    assert!(!page.contains("you would hear within"), "{page}");
}

#[test]
fn quiet_hours_are_said_while_they_last() {
    let mut view = overview(Medium::Page);
    assert!(!overview_page(&view).contains("Quiet hours"));
    view.quiet_until = Some(at("2026-03-03T10:30:00Z"));
    let page = overview_page(&view);
    let said = "<dt>Quiet hours</dt><dd>until Tue 3 Mar 2026 10:30: warnings wait</dd>";
    let said_this_year = "<dt>Quiet hours</dt><dd>until Tue 3 Mar 10:30: warnings wait</dd>";
    assert!(
        page.contains(said) || page.contains(said_this_year),
        "{page}"
    );
}

#[test]
fn one_server_under_two_names_is_not_called_fine() {
    let same = vec![SameServer {
        number: 17,
        names: vec!["shop".into(), "blog".into()],
    }];
    let day = Day {
        same_servers: same.clone(),
        ..Day::default()
    };
    let view = OverviewView {
        day: judge_day(&day),
        same_servers: same,
        total: 2,
        ..overview(Medium::Page)
    };
    let page = overview_page(&view);
    let said = [
        "NOT SEEN</span> no problem found, but 1 server is watched under several names",
        "shop and blog are the same Postmark server (number 17)",
    ];
    for said in said {
        assert!(page.contains(said), "{page}");
    }
}

#[test]
fn a_stream_that_there_is_not_is_not_called_fine() {
    let missing = vec![MissingStreams {
        server: "shop".into(),
        missing: vec!["outbond".into()],
        listed: vec!["outbound".into()],
    }];
    let day = Day {
        missing_streams: missing.clone(),
        ..Day::default()
    };
    let view = OverviewView {
        day: judge_day(&day),
        missing_streams: missing,
        ..overview(Medium::Page)
    };
    let page = overview_page(&view);
    let said = [
        "NOT SEEN</span> no problem found, but 1 stream named in `streams` does not exist",
        "`outbond` in `streams` does not exist or is archived, so nothing watches it; there is `outbound`",
    ];
    for said in said {
        assert!(page.contains(said), "{page}");
    }
}

#[test]
fn a_day_that_the_digest_would_not_call_normal_is_not_called_fine() {
    let bounced = UnusualStream {
        server: "shop".to_owned(),
        stream: "outbound".into(),
        reasons: vec!["5 of 10 messages bounced (soft 5)".to_owned()],
    };
    let known = || overview(Medium::Page).day;
    let unusual = JudgedDay {
        unusual: vec![bounced],
        needs_a_look: "1 stream needs a look".to_owned(),
        ..known()
    };
    let unread = JudgedDay {
        unread: ["shop".to_owned()].into(),
        ..known()
    };
    let page = |day: JudgedDay, medium| {
        let of_day = OverviewView {
            day,
            ..overview(medium)
        };
        overview_page(&of_day)
    };
    let cases = [
        (
            unusual.clone(),
            "LOOK</span> no incident is open, but 1 stream needs a look",
        ),
        (
            unread,
            "NOT SEEN</span> no problem found, but not everything could be read",
        ),
        (
            JudgedDay::default(),
            "LEARNING</span> no incident is open, 1 server; the last 24 hours are still being read",
        ),
    ];
    for (day, said) in cases {
        let page = page(day, Medium::Page);
        assert!(page.contains(said), "{page}");
    }
    let named = "⚠ shop/outbound: 5 of 10 messages bounced (soft 5)";
    assert!(page(unusual.clone(), Medium::File).contains(named));
    let open = OverviewView {
        day: unusual,
        ..troubled(Medium::Page)
    };
    let page = overview_page(&open);
    let said = "WAKE</span> 5 incidents open: 1 WAKE, 4 WARN; beside them, 1 stream needs a look";
    assert!(page.contains(said), "{page}");
}
