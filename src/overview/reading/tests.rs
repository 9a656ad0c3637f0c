//! How servers are, by what was read of them.

use super::*;
use crate::config::{Sources, load};
use crate::html::Medium;
use crate::model::{Coverage, Feedback, IncidentState, Judgement, Mail, Status, Step, Transition};
use crate::notify::location::location;
use crate::notify::samples::course_of;
use crate::output::explain::explain;
use crate::overview::pages::{load_incident_page, load_overview};
use crate::overview::status::collect_servers;
use crate::overview::{load_incidents, load_report};
use crate::store::{CycleCommit, PollRow, ServerState};

const NOW: &str = "2026-03-03T10:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an instant")
}

/// The configuration that nobody changed, which has one server.
fn one_server() -> Config {
    let (_folder, sources) = Sources::of_file("", &[]);
    load(&sources).expect("a valid configuration")
}

/// A store in which the server was polled just now, to the end or not.
async fn polled(store: &Store, server: &ServerName, complete: bool) {
    let of = server.clone();
    let made = store
        .call(move |s| s.server_state(&of, at(NOW) - DAY))
        .await;
    made.expect("made");
    let state = ServerState {
        first_start_at: at(NOW) - DAY,
        last_cycle_at: Some(at(NOW)),
        last_complete_at: complete.then(|| at(NOW)),
        ..ServerState::default()
    };
    let poll = PollRow {
        at: at(NOW),
        requests: 1,
        complete,
        reason: None,
    };
    let commit = CycleCommit {
        servers: vec![(server.clone(), state, poll)],
        ..CycleCommit::default()
    };
    let committed = store.call(move |s| s.commit(&commit)).await;
    committed.expect("committed");
}

async fn reading<'r>(config: &'r Config, store: &'r Store) -> Reading<'r> {
    let present = Present::read(config, store, Some(at(NOW))).await;
    let known = (present.expect("read"), None);
    let reading = Reading::new(config, store, DAY, known).await;
    reading.expect("read")
}

fn in_memory() -> Store {
    Store::open_sqlite(std::path::Path::new(":memory:")).expect("opened")
}

/// A stream without any mail begins with the first start: before it nothing is known of that one.
#[tokio::test]
async fn a_stream_without_mail_hides_nothing_that_was_seen_of_the_others() {
    let (config, store) = (one_server(), in_memory());
    let server = &config.servers[0];
    polled(&store, &server.name, true).await;
    let reading = reading(&config, &store).await;
    let day = reading.day();
    let figures = |id: &str, begins: Timestamp, last_sent: Option<Timestamp>| StreamFigures {
        stream: StreamKey::new(&server.name, &StreamId::from(id)),
        last_sent,
        first_seen_at: Some(begins),
        sent: last_sent.map(|at| (at, 7)).into_iter().collect(),
        seen: Coverage::from_spans([Span::new(begins, day.until)]),
    };
    let outbound = figures("outbound", day.from - DAY, Some(day.from + HOUR));
    let empty = figures("broadcast", day.until - HOUR, None);
    let hours = |of: &[&StreamFigures]| {
        let health = (Health::Fine, String::new());
        reading.row(server, health, of).hours
    };
    let seen = hours(&[&outbound]);
    assert!(seen.iter().all(Option::is_some), "{seen:?}");
    assert_eq!(seen[1], Some(7));
    assert_eq!(hours(&[&outbound, &empty]), seen);
    assert_eq!(hours(&[&empty, &outbound]), seen);
    // Where none had mail, what was not seen of it is not.
    let unseen = hours(&[&empty]);
    assert_eq!(unseen.iter().flatten().count(), 1, "{unseen:?}");
}

/// Nothing is open of it, and nobody hears of it for a day: that is not "OK".
#[tokio::test]
async fn a_server_with_a_stop_that_a_person_closed_needs_a_look() {
    let (config, store) = (one_server(), in_memory());
    let server = &config.servers[0];
    polled(&store, &server.name, true).await;
    let fine = reading(&config, &store).await.health(&server.name);
    assert_eq!(fine.0, Health::Fine);
    let opened = course_of(Rule::SendSilence).step("opened").incident.clone();
    let closed = Incident {
        server: server.name.clone(),
        state: IncidentState::Resolved {
            at: at(NOW) - HOUR,
            unwatched: false,
            disabled: false,
        },
        closed_by: Some("Amy Example".to_owned()),
        ..opened
    };
    let step = Transition {
        at: at(NOW) - HOUR,
        incident: closed.clone(),
        step: Step::Resolved,
        notified: false,
    };
    let commit = CycleCommit {
        incidents: vec![closed],
        transitions: vec![(step, String::new())],
        ..CycleCommit::default()
    };
    let committed = store.call(move |s| s.commit(&commit)).await;
    committed.expect("committed");
    let reading = reading(&config, &store).await;
    let health = (Health::Fine, String::new());
    let (health, note) = reading.with_day(&server.name, health);
    assert_eq!(health, Health::Look);
    let said = ", closed by Amy Example 09:00; if it goes on, it opens again Wed 4 Mar ";
    assert!(note.starts_with("no mail sent since "), "{note}");
    assert!(note.contains(said), "{note}");
    assert_eq!(reading.day_of_all.closed, 1);
    let stream = StreamId::from("outbound");
    let stream = reading.stream(server, stream).await.expect("read");
    assert_eq!(stream.health, Health::Look);
    let stop = stream.closed_stop.expect("said");
    let said = "mail has stopped, closed by Amy Example 09:00; ";
    assert!(stop.starts_with(said), "{stop}");
}

/// A part of the history is no figure, and a stream that was not read yet has not sent nothing.
#[tokio::test]
async fn of_a_server_whose_first_poll_still_runs_no_figures_are_told() {
    let (config, store) = (one_server(), in_memory());
    let name = config.servers[0].name.clone();
    let of = name.clone();
    let begun = store.call(move |s| {
        s.server_state(&of, at(NOW) - DAY)?;
        s.save_streams(&of, &[StreamId::from("outbound")])
    });
    begun.await.expect("stored");
    let streams = async || {
        let present = Present::read(&config, &store, Some(at(NOW))).await;
        let read = collect_servers(&config, &store, &present.expect("read")).await;
        read.expect("read").servers[0].streams.clone()
    };
    assert!(streams().await.is_none());
    polled(&store, &name, true).await;
    assert_eq!(streams().await.map(|streams| streams.len()), Some(1));
}

/// Stores an incident of a server as it stands, with the step that it took last.
async fn stored(store: &Store, incident: Incident, step: Step) {
    let transition = Transition {
        at: at(NOW) - HOUR,
        incident: incident.clone(),
        step,
        notified: true,
    };
    let commit = CycleCommit {
        incidents: vec![incident],
        transitions: vec![(transition, String::new())],
        ..CycleCommit::default()
    };
    let committed = store.call(move |s| s.commit(&commit)).await;
    committed.expect("committed");
}

#[tokio::test]
async fn what_is_open_on_a_server_that_was_taken_out_of_the_file_is_shown_everywhere_as_that() {
    let (config, store) = (one_server(), in_memory());
    let own = config.servers[0].name.0.clone();
    polled(&store, &config.servers[0].name, true).await;
    for server in ["gone", &own] {
        let open = Incident {
            id: server.to_owned(),
            server: server.into(),
            ..course_of(Rule::SendSilence).step("opened").incident.clone()
        };
        stored(&store, open, Step::Opened).await;
    }
    let present = Present::read(&config, &store, Some(at(NOW))).await;
    let known = (present.expect("read"), None);
    let mail = collect_servers(&config, &store, &known.0).await;
    let status = known.0.status_of(&config, &mail.expect("read"));
    let shown = ("", DAY);
    let view = load_overview(&config, &store, Medium::Page, shown, known).await;
    let view = view.expect("read");
    let listed = load_incidents(&config, &store, at(NOW) - 30 * DAY).await;
    let listed = listed.expect("read").into_iter().map(|one| one.incident);
    let listed: Vec<Incident> = listed.collect();
    let report = load_report(&config, &store, "gone", None).await;
    let explained = report.expect("read").expect("it is stored").incident;
    assert_eq!(
        location(&explained),
        "gone/outbound (not in the configuration)"
    );
    for open in [status.open, view.open, listed] {
        let mut places: Vec<String> = open.iter().map(location).collect();
        places.sort();
        let wanted = [
            format!("{own}/outbound"),
            "gone/outbound (not in the configuration)".to_owned(),
        ];
        assert_eq!(places, wanted);
    }
    assert_eq!(view.open_counts.0 + view.open_counts.1, 2);
}

#[tokio::test]
async fn what_a_person_closed_on_a_server_that_left_the_configuration_does_not_go_on() {
    let (config, store) = (one_server(), in_memory());
    let own = config.servers[0].name.0.clone();
    polled(&store, &config.servers[0].name, true).await;
    for server in ["gone", &own] {
        let state = IncidentState::Resolved {
            at: at(NOW) - HOUR,
            unwatched: false,
            disabled: false,
        };
        let closed = Incident {
            id: server.to_owned(),
            server: server.into(),
            state,
            closed_by: Some("Amy Example".to_owned()),
            ..course_of(Rule::SendSilence).step("opened").incident.clone()
        };
        stored(&store, closed, Step::Resolved).await;
        let page = load_incident_page(&config, &store, server).await;
        let page = page.expect("read").expect("it is stored");
        assert_eq!(page.may_go_on, server == own, "{server}");
        let is_said = page.explained[0].contains("(not in the configuration)");
        assert_eq!(is_said, server == "gone", "{:?}", page.explained);
    }
}

#[tokio::test]
async fn explain_lists_what_people_said_of_the_excesses_of_a_rate() {
    let (config, store) = (one_server(), in_memory());
    let server = config.servers[0].name.clone();
    let of = server.clone();
    let mail = store.call(move |s| {
        s.server_state(&of, at(NOW) - 40 * DAY)?;
        let stream = StreamKey::new(&of, &StreamId::from("outbound"));
        let mail = Mail {
            id: "00000000-0000-0000-0000-000000000001".to_owned(),
            stream: stream.stream().clone(),
            sent_at: at(NOW) - 39 * DAY,
            status: Status::Sent,
            tag: None,
            recipients: vec!["jane@example.com".to_owned()],
        };
        let covered = Span::new(at(NOW) - 40 * DAY, at(NOW));
        s.save_messages(&stream, &[mail], Some(covered))
    });
    mail.await.expect("stored");
    let course = course_of(Rule::BounceRate);
    let excess = |id: &str, rule: Rule, days_ago: u32| {
        let over = &course.step("resolved").incident;
        let until = at(NOW) - days_ago * DAY;
        Incident {
            id: id.to_owned(),
            rule,
            server: server.clone(),
            opened_at: until - DAY,
            problem: Some(Span::new(until - 3 * DAY, until)),
            recovered_at: Some(until),
            worst: Some(
                course
                    .step("an excess that lasts")
                    .incident
                    .evidence
                    .clone(),
            ),
            ..over.clone()
        }
    };
    let said = [
        ("usual", Rule::BounceRate, 20, Judgement::FalseAlarm),
        ("real", Rule::BounceRate, 10, Judgement::Real),
        ("other", Rule::SpamRate, 10, Judgement::Real),
        ("older", Rule::BounceRate, 200, Judgement::Real),
    ];
    for (id, rule, days_ago, judgement) in said {
        stored(&store, excess(id, rule, days_ago), Step::Resolved).await;
        let feedback = Feedback {
            judgement,
            by: "amy".to_owned(),
            at: at(NOW),
        };
        let saved = store.call(move |s| s.save_feedback(id, &feedback)).await;
        assert!(saved.expect("saved"));
    }
    let now = Incident {
        server: server.clone(),
        opened_at: at(NOW),
        judged_at: at(NOW),
        ..course.step("opened").incident.clone()
    };
    let id = now.id.clone();
    stored(&store, now, Step::Opened).await;
    let report = load_report(&config, &store, &id, None).await;
    let report = report.expect("read").expect("it is stored");
    let learned = report.learned.as_ref().expect("it learns");
    let marked = learned.marked.iter();
    let marked: Vec<&str> = marked.map(|time| time.incident.as_str()).collect();
    assert_eq!(marked, ["usual", "real"]);
    let text = explain(&report, reading_style()).join("\n");
    assert!(
        text.contains("Learned from\n  Bounces of the stream's mail since "),
        "{text}"
    );
    assert!(
        text.contains("(usual): a false alarm, as amy said"),
        "{text}"
    );
}

fn reading_style() -> Style {
    Style {
        zone: crate::model::Zone::UTC,
        mask: true,
    }
}
