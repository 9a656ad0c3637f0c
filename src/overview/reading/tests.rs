//! How servers are, by what was read of them.

use super::*;
use crate::config::{Sources, load};
use crate::html::Medium;
use crate::model::{Coverage, IncidentState, Step, Transition};
use crate::notify::samples::course_of;
use crate::overview::pages::load_overview;
use crate::overview::status::collect_servers;
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

/// `status`, digest, API and metrics leave it out, too.
#[tokio::test]
async fn what_is_open_on_a_server_that_was_taken_out_of_the_file_is_not_counted() {
    let (config, store) = (one_server(), in_memory());
    polled(&store, &config.servers[0].name, true).await;
    let counts = async |server: &str| {
        let open = Incident {
            id: server.to_owned(),
            server: server.into(),
            ..course_of(Rule::SendSilence).step("opened").incident.clone()
        };
        let commit = CycleCommit {
            incidents: vec![open],
            ..CycleCommit::default()
        };
        let committed = store.call(move |s| s.commit(&commit)).await;
        committed.expect("committed");
        let present = Present::read(&config, &store, Some(at(NOW))).await;
        let known = (present.expect("read"), None);
        let shown = ("", DAY);
        let view = load_overview(&config, &store, Medium::Page, shown, known).await;
        let view = view.expect("read");
        (view.open.len(), view.open_counts.0 + view.open_counts.1)
    };
    assert_eq!(counts("gone").await, (0, 0));
    assert_eq!(counts(&config.servers[0].name.0).await, (1, 1));
}
