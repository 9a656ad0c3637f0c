//! Sinks beside Slack: each told step goes to each that wants it, and what one of them does concerns no other.

#[cfg(all(feature = "doctor", feature = "email"))]
mod mail;

use hushwatch::model::{DAY, HOUR, Span, Timestamp};
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::receiver::{Delivery, Receiver};
use hushwatch::sim::{Fault, Plan};

use crate::kill::crash_point::{Runner, kill_process, spawn};
use crate::kill::scenario::with_long_timeouts;
use crate::world::{Process, World, at, both, wait_until};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver, and a world with a sink of each kind at it.
fn world(process: Process) -> (Receiver, World) {
    let receiver = Receiver::start().expect("a receiver");
    let base = receiver.base_url();
    let file = format!(
        "[[sink]]\nname = \"bell\"\ntype = \"webhook\"\nurl = \"{base}/bell\"\nsecret_env = \"BELL_SECRET\"\n\
         [[sink]]\nname = \"pager\"\ntype = \"pagerduty\"\nurl = \"{base}/v2/enqueue\"\nrouting_key_env = \"PAGER_KEY\"\nseverities = [\"wake\"]\n\
         [[sink]]\nname = \"push\"\ntype = \"ntfy\"\nurl = \"{base}/push/mail\"\n\
         [[sink]]\nname = \"other\"\ntype = \"ntfy\"\nurl = \"{base}/other/mail\"\nservers = [\"another\"]\n"
    );
    let mut world = World::new(process, &format!("[slack]\nreactions = true\n{file}"));
    world.env("BELL_SECRET", SECRET);
    world.env("PAGER_KEY", "R0UT1NGKEY");
    (receiver, world)
}

fn noon() -> Timestamp {
    at("2026-03-03T12:00:00Z")
}

/// A cycle `hours` after noon whose token Postmark refuses, or takes again.
fn cycle(world: &mut World, hours: u32, refused: bool) -> crate::world::Cycle {
    let token = if refused {
        "wrong".to_owned()
    } else {
        world.shop.token()
    };
    world.env("POSTMARK_SERVER_TOKEN", &token);
    world.cycle(noon() + HOUR * hours)
}

/// What a path took, as `step incident`.
fn taken(deliveries: &[Delivery], path: &str) -> Vec<String> {
    let of_path = deliveries
        .iter()
        .filter(|d| d.taken && d.target.starts_with(path));
    let name = |d: &Delivery| {
        let json = d.json();
        let step = json["transition"]
            .as_str()
            .or(json["event_action"].as_str());
        let id = json["incident"].as_str().or(json["dedup_key"].as_str());
        format!("{} {}", step.unwrap_or("-"), id.unwrap_or("-"))
    };
    of_path.map(name).collect()
}

fn the_life_of_an_incident_goes_to_each_sink_that_wants_it(process: Process) {
    let (receiver, mut world) = world(process);
    let opened = cycle(&mut world, 0, true);
    let id = opened.report["transitions"][0]["incident"]
        .as_str()
        .expect("an id")
        .to_owned();
    cycle(&mut world, 1, false);
    let deliveries = receiver.take();
    let wanted = |steps: [&str; 2], id: &str| steps.map(|step| format!("{step} {id}"));
    assert_eq!(
        taken(&deliveries, "/bell"),
        wanted(["opened", "resolved"], &id)
    );
    let key = format!("hushwatch-{id}");
    assert_eq!(
        taken(&deliveries, "/v2/enqueue"),
        wanted(["trigger", "resolve"], &key)
    );
    assert_eq!(
        taken(&deliveries, "/other"),
        Vec::<String>::new(),
        "another server's"
    );
    // It is the object of `check --json`, signed, and a repeat would bear the same key.
    let first = deliveries
        .iter()
        .find(|d| d.target == "/bell")
        .expect("told");
    assert_eq!(first.json(), opened.report["transitions"][0]);
    assert_eq!(first.header("webhook-id"), first.header("idempotency-key"));
    let mut headers = reqwest_headers(first);
    let receiver_of = standardwebhooks::Webhook::new(SECRET).expect("a key");
    receiver_of
        .verify(first.body.as_bytes(), &headers)
        .expect("verified");
    headers.insert("webhook-id", "msg_other".parse().expect("a value"));
    assert!(receiver_of.verify(first.body.as_bytes(), &headers).is_err());
    assert_eq!(world.alerts().len(), 2, "Slack too");
}

fn reqwest_headers(delivery: &Delivery) -> reqwest::header::HeaderMap {
    let mut headers = reqwest::header::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, delivery.header(name).parse().expect("a value"));
    }
    headers
}

fn what_one_sink_does_concerns_no_other(process: Process) {
    for fault in [
        Fault::Status(500),
        Fault::Status(410),
        Fault::Status(401),
        Fault::Status(400),
        Fault::Redirect("http://127.0.0.1:1/elsewhere".to_owned()),
        Fault::Hang,
        Fault::Reset,
        Fault::TooMany { retry_after: None },
        Fault::Html(503),
        Fault::Html(200),
    ] {
        let (receiver, mut world) = world(process);
        receiver.fail(Plan::always(fault.clone()).on("/bell"));
        let opened = cycle(&mut world, 0, true);
        assert!(
            !opened.stderr.contains(&receiver.base_url()),
            "{fault:?}: {}",
            opened.stderr
        );
        let first = receiver.take();
        assert_eq!(taken(&first, "/bell"), Vec::<String>::new(), "{fault:?}");
        assert_eq!(taken(&first, "/v2/enqueue").len(), 1, "{fault:?}");
        assert_eq!(world.alerts().len(), 1, "{fault:?}");
        assert_eq!(
            opened.report["notices"]["pending"], 1,
            "{fault:?}: {}",
            opened.report
        );
        receiver.clear_faults();
        cycle(&mut world, 1, false);
        let deliveries = receiver.take();
        let bell = taken(&deliveries, "/bell");
        assert_eq!(
            bell.len(),
            2,
            "{fault:?}: in order, and once each: {bell:?}"
        );
        assert!(
            bell[0].starts_with("opened") && bell[1].starts_with("resolved"),
            "{bell:?}"
        );
        let id = |d: &[Delivery]| {
            d.iter()
                .find(|d| d.target == "/bell")
                .map(|d| d.header("webhook-id").to_owned())
        };
        assert_eq!(id(&first), id(&deliveries), "{fault:?}: one key");
        assert_eq!(world.alerts().len(), 1, "{fault:?}");
    }
}

fn a_sink_that_is_down_for_days_or_gone_is_named_and_given_up(process: Process) {
    let (receiver, mut world) = world(process);
    receiver.fail(Plan::always(Fault::Status(503)).on("/bell"));
    cycle(&mut world, 0, true);
    world.set_aside("Slack is told as ever");
    let after = world.cycle(noon() + 3 * DAY + HOUR);
    assert_eq!(after.report["notices"]["given_up"], 1, "{}", after.report);
    world.set_aside("Slack is told as ever");
    world.cycle(at("2026-03-07T10:00:00Z"));
    let posted = world.slack.take();
    let note = "sink bell: never sent: 🔴 WAKE shop: the API token is missing or refused, hushwatch cannot see this server's mail; it did not accept it for three days";
    let is_named = posted.iter().any(|message| message.plain.contains(note));
    assert!(is_named, "{posted:#?}");
    // One that is configured no more is named at once, by its next cycle.
    let file = world.folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    std::fs::write(&file, text.replace("name = \"bell\"", "name = \"chime\"")).expect("written");
    world.env("BELL_SECRET", SECRET);
    let renamed = world.cycle(at("2026-03-07T11:00:00Z"));
    assert!(
        renamed.report["notices"]["given_up"].as_u64() > Some(0),
        "{}",
        renamed.report
    );
    world.set_aside("Slack is told as ever");
}

/// Nobody is paged for what is long over; a webhook gets each step all the same.
fn what_is_over_before_a_sink_is_back_pages_nobody(process: Process) {
    let (receiver, mut world) = world(process);
    for path in ["/bell", "/v2/enqueue", "/push"] {
        receiver.fail(Plan::always(Fault::Status(503)).on(path));
    }
    cycle(&mut world, 0, true);
    let over = cycle(&mut world, 1, false);
    let notices = &over.report["notices"];
    assert_eq!(notices["pending"], 3, "both steps and an end: {notices}");
    receiver.clear_faults();
    receiver.take();
    let after = cycle(&mut world, 2, false);
    let notices = &after.report["notices"];
    assert_eq!(notices["pending"], 0, "{notices}");
    assert_eq!(notices["given_up"], 0, "nothing is lost: {notices}");
    let deliveries = receiver.take();
    let bell = taken(&deliveries, "/bell");
    assert!(
        bell.len() == 2 && bell[0].starts_with("opened") && bell[1].starts_with("resolved"),
        "{bell:?}"
    );
    let pager = taken(&deliveries, "/v2/enqueue");
    assert!(
        pager.len() == 1 && pager[0].starts_with("resolve "),
        "an outage may hide that it had taken the beginning: {pager:?}"
    );
    assert_eq!(taken(&deliveries, "/push"), Vec::<String>::new());
    world.set_aside("Slack is told as ever");
}

/// What a sink was told as a warning is acknowledged and ended there, though it is a wake by then.
#[test]
fn a_sink_of_warnings_gets_the_end_of_what_became_a_wake() {
    let receiver = Receiver::start().expect("a receiver");
    let base = receiver.base_url();
    let file = format!(
        "[[sink]]\nname = \"notes\"\ntype = \"webhook\"\nurl = \"{base}/notes\"\nseverities = [\"warn\"]\n\
         [[sink]]\nname = \"wakes\"\ntype = \"webhook\"\nurl = \"{base}/wakes\"\nseverities = [\"wake\"]\n"
    );
    let mut world = World::new(Process::New, &file);
    world.cycle(at("2026-03-03T10:00:00Z"));
    let down = Plan::always(Fault::Status(503));
    world.postmark.fail(down);
    world.cycle(at("2026-03-03T11:00:00Z"));
    let opened = world.cycle(at("2026-03-03T12:00:00Z"));
    assert_eq!(opened.steps(), ["blind opened"]);
    let id = opened.report["transitions"][0]["incident"].as_str();
    let id = id.expect("an id").to_owned();
    let worse = world.cycle(at("2026-03-03T17:00:00Z"));
    assert_eq!(worse.steps(), ["blind escalated"]);
    let now = "2026-03-03T17:30:00Z";
    let said = world.run(&["incident", &id, "--ack", "--by", "Amy", "--now", now]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    world.postmark.clear_faults();
    world.cycle(at("2026-03-03T18:00:00Z"));
    let deliveries = receiver.take();
    let steps = |first: &str| [first, "acknowledged", "resolved"].map(|s| format!("{s} {id}"));
    assert_eq!(taken(&deliveries, "/notes"), steps("opened"));
    assert_eq!(taken(&deliveries, "/wakes"), steps("escalated"));
    world.set_aside("Slack is told as ever");
}

/// What says that all is well, and is not the sink's own answer, is none.
#[test]
fn a_web_page_is_the_answer_of_no_sink() {
    let (receiver, mut world) = world(Process::New);
    for path in ["/bell", "/push"] {
        receiver.fail(Plan::always(Fault::Html(202)).on(path));
    }
    receiver.fail(Plan::always(Fault::Empty).on("/v2/enqueue"));
    let opened = cycle(&mut world, 0, true);
    let notices = &opened.report["notices"];
    assert_eq!(notices["pending"], 3, "{notices}");
    for line in [
        "sink `bell`: a web page answered; check its `url` and the proxy (HTTP status 202)",
        "sink `push`: a web page answered; check its `url` and the proxy (HTTP status 202)",
        "sink `pager`: what answered is not PagerDuty; check its `url` and the proxy (HTTP status 200)",
    ] {
        assert!(opened.stderr.contains(line), "{line}: {}", opened.stderr);
    }
    receiver.clear_faults();
    receiver.take();
    let after = cycle(&mut world, 1, true);
    assert_eq!(after.report["notices"]["pending"], 0, "{}", after.report);
    let deliveries = receiver.take();
    for path in ["/bell", "/push", "/v2/enqueue"] {
        assert_eq!(taken(&deliveries, path).len(), 1, "{path}");
    }
    world.set_aside("Slack is told as ever");
}

/// A repeat would be read twice: one is made, and what may have arrived is not said to be never sent.
#[test]
fn what_may_have_arrived_is_named_as_never_confirmed() {
    let (receiver, mut world) = world(Process::New);
    receiver.fail(Plan::always(Fault::Hang).on("/push"));
    for hours in 0..2 {
        cycle(&mut world, hours, true);
    }
    let after = cycle(&mut world, 2, true);
    assert_eq!(after.report["notices"]["given_up"], 1, "{}", after.report);
    assert_eq!(receiver.count("/push"), 2, "once, and once more");
    let id = after.report["open_incidents"][0]["incident"].as_str();
    let explained = world.transcript(&["explain", id.expect("an id")]);
    let line = "given up for sink:push: never confirmed, it may have been posted";
    assert!(explained.contains(line), "{explained}");
    world.set_aside("Slack is told as ever");
    world.cycle(at("2026-03-04T10:00:00Z"));
    let posted = world.slack.take();
    let note = "sink push: never confirmed, it may have arrived: 🔴 WAKE shop: the API token is missing or refused, hushwatch cannot see this server's mail; it confirmed neither of two attempts";
    let is_named = posted.iter().any(|message| message.plain.contains(note));
    assert!(is_named, "{posted:#?}");
}

both! {
    the_life_of_an_incident_goes_to_each_sink_that_wants_it
    what_one_sink_does_concerns_no_other
    what_is_over_before_a_sink_is_back_pages_nobody
    a_sink_that_is_down_for_days_or_gone_is_named_and_given_up
}

/// A step of an instant that was missed reads the same wherever it is told: as of now. What is kept of it is as of then.
#[test]
fn what_was_missed_has_one_text_and_its_figures() {
    let (receiver, mut world) = world(Process::New);
    let span = Span::new(at("2026-01-26T00:00:00Z"), at("2026-03-11T00:00:00Z"));
    let profile = Profile::office_hours(20.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let stop = Span::new(at("2026-03-10T10:00:00Z"), span.until);
    world.shop.stop_sending("outbound", stop);
    world.hours("2026-03-10T06:00:00Z", "2026-03-10T10:00:00Z");
    world.set_aside("before what is tested");
    receiver.take();
    let found = world.cycle(at("2026-03-10T17:00:00Z"));
    let steps = ["send_silence opened", "send_silence escalated"];
    assert_eq!(found.steps(), steps, "{}", found.report);
    let deliveries = receiver.take();
    let sent = deliveries.iter().filter(|d| d.target == "/bell");
    let sent: Vec<serde_json::Value> = sent.map(Delivery::json).collect();
    assert_eq!(serde_json::json!(sent), found.report["transitions"]);
    for (step, hour) in sent.iter().zip(["11", "12"]) {
        assert_eq!(step["at"], format!("2026-03-10T{hour}:00:00Z"));
        assert_eq!(step["severity"], "wake", "{step}");
        let text = step["text"].as_str().expect("a text");
        assert!(text.contains("no mail sent for 7 h 3 min"), "{text}");
    }
    let id = sent[0]["incident"].as_str().expect("an id");
    let explained = world.run(&["explain", id, "--json"]).report;
    let kept = [
        ("warn", "🟠 WARN", "1 h 3 min"),
        ("wake", "🔴 WAKE", "2 h 3 min"),
    ];
    for (place, (severity, word, stopped)) in kept.into_iter().enumerate() {
        let step = &explained["transitions"][place];
        let text = step["text"].as_str().expect("a text");
        assert_eq!(step["severity"], severity, "{step}");
        assert!(text.starts_with(word) && text.contains(stopped), "{text}");
    }
    let alerts = world.alerts();
    let told = "🔴 WAKE shop/outbound: no mail sent for 7 h 3 min";
    assert_eq!(alerts, [told], "Slack too");
}

#[test]
fn what_a_mute_held_back_is_told_at_its_end() {
    let (receiver, mut world) = world(Process::New);
    world.cycle(at("2026-03-03T10:00:00Z"));
    world.run(&[
        "mute",
        "--for",
        "3h",
        "--reason",
        "known",
        "--now",
        "2026-03-03T11:00:00Z",
    ]);
    cycle(&mut world, 0, true);
    assert_eq!(receiver.take(), []);
    cycle(&mut world, 3, true);
    let deliveries = receiver.take();
    assert_eq!(taken(&deliveries, "/bell").len(), 1, "{deliveries:#?}");
    assert_eq!(taken(&deliveries, "/v2/enqueue").len(), 1);
    world.set_aside("Slack is told as ever");
}

#[test]
fn doctor_tries_each_sink_and_ends_what_it_began() {
    let (receiver, mut world) = world(Process::New);
    let set_up = world.transcript(&["doctor"]);
    assert!(
        set_up
            .lines()
            .any(|line| line.contains("Sink pager (pagerduty) set up")),
        "{set_up}"
    );
    assert_eq!(receiver.take(), []);
    let tried = world.transcript(&["doctor", "--send-test"]);
    assert!(
        tried
            .lines()
            .any(|line| line.contains("Sink bell (webhook) took a test, and its end")),
        "{tried}"
    );
    let deliveries = receiver.take();
    assert_eq!(taken(&deliveries, "/v2/enqueue").len(), 2);
    assert!(
        deliveries
            .iter()
            .filter(|d| d.target == "/bell")
            .all(|d| d.json()["test"] == true)
    );
    world.env("PAGER_KEY", "");
    let missing = world.transcript(&["doctor"]);
    let line = "✗ Sink pager (pagerduty) cannot be used; its secret is missing: set PAGER_KEY";
    assert!(
        missing.lines().any(|found| found.contains(line)),
        "{missing}"
    );
    for secret in [SECRET, "R0UT1NGKEY", &receiver.base_url()] {
        for said in [
            &set_up,
            &tried,
            &missing,
            &world.transcript(&["config", "show"]),
        ] {
            assert!(!said.contains(secret), "{said}");
        }
    }
    world.set_aside("the tests in Slack");
}

/// Whichever request it is in, and whether its answer was on its way back or not.
#[test]
fn what_was_on_its_way_when_the_process_was_killed_comes_again_under_its_key() {
    for path in ["/bell", "/v2/enqueue", "/push"] {
        for fault in [None, Some(Fault::Hang)] {
            let (receiver, mut world) = world(Process::New);
            with_long_timeouts(&mut world);
            world.env("POSTMARK_SERVER_TOKEN", "wrong");
            if let Some(fault) = fault.clone() {
                receiver.fail(Plan::always(fault).on(path));
            }
            let process = spawn(&world, Runner::Check(noon()));
            wait_until("the request", || receiver.count(path) > 0);
            kill_process(process);
            crate::store::end_leases(&world);
            receiver.clear_faults();
            let mut deliveries = receiver.take();
            for hours in 1..=2 {
                world.cycle(noon() + HOUR * hours);
                deliveries.extend(receiver.take());
            }
            let is_of = |d: &&Delivery, path: &str| d.target.starts_with(path);
            for path in ["/bell", "/v2/enqueue", "/push"] {
                let what = format!("{path} {fault:?}: {deliveries:#?}");
                let taken = deliveries.iter().filter(|d| d.taken && is_of(d, path));
                assert!((1..=2).contains(&taken.count()), "{what}");
                let all = deliveries.iter().filter(|d| is_of(d, path));
                let mut bodies: Vec<&str> = all.clone().map(|d| d.body.as_str()).collect();
                let mut keys: Vec<&str> = all.map(|d| d.header("webhook-id")).collect();
                bodies.dedup();
                keys.dedup();
                assert_eq!((bodies.len(), keys.len()), (1, 1), "the same again: {what}");
            }
            world.set_aside("Slack is told as ever");
        }
    }
}

/// A pager stops paging; what needs no acknowledgement gets none.
#[test]
fn who_takes_care_is_said_to_the_pager_too() {
    let (receiver, mut world) = world(Process::New);
    let opened = cycle(&mut world, 0, true);
    let id = opened.report["transitions"][0]["incident"]
        .as_str()
        .expect("an id")
        .to_owned();
    receiver.take();
    let said = world.run(&[
        "incident",
        &id,
        "--ack",
        "--by",
        "Amy",
        "--now",
        "2026-03-03T12:30:00Z",
    ]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    cycle(&mut world, 1, true);
    let deliveries = receiver.take();
    assert_eq!(taken(&deliveries, "/bell"), [format!("acknowledged {id}")]);
    let key = format!("hushwatch-{id}");
    assert_eq!(
        taken(&deliveries, "/v2/enqueue"),
        [format!("acknowledge {key}")]
    );
    let bell = deliveries
        .iter()
        .find(|d| d.target == "/bell")
        .expect("one");
    assert_eq!(bell.json()["acknowledged_by"], "Amy");
    world.set_aside("Slack is told as ever");
}

/// In Slack the message itself says who closed it; a pager would page on.
#[test]
fn what_people_close_by_emoji_ends_at_the_sinks_too() {
    let (receiver, mut world) = world(Process::New);
    world.slack.add_user("U0AMY", "Amy Example");
    cycle(&mut world, 0, true);
    receiver.take();
    let posted = world.slack.take();
    world
        .slack
        .react(&posted[0].ts, "white_check_mark", "U0AMY");
    cycle(&mut world, 1, true);
    let deliveries = receiver.take();
    for (path, end) in [("/bell", "resolved "), ("/v2/enqueue", "resolve ")] {
        let taken = taken(&deliveries, path);
        assert!(taken.len() == 1 && taken[0].starts_with(end), "{taken:?}");
    }
    world.set_aside("seen in the tests of answers");
}
