//! One run with faults beside one without: two healthy cycles, two during the fault, then healthy ones to the end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use hushwatch::model::{Span, Timestamp};
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::{Fault, Plan, slack};

use super::cases::{ExpectedAlert, ExpectedDelivery, Timing};
use super::stored_state::{self, StoredState};
use crate::words::names_a_lost_message;
use crate::world::{Cycle, Process, World, at};

/// The cycles during the fault: the first of them opens an incident of its own where it can see.
pub(super) const FAULTY_HOURS: [&str; 2] = ["2025-06-04T12:00:00Z", "2025-06-04T13:00:00Z"];
/// The cycles after them.
pub(super) const HEALTHY_HOURS: [&str; 4] = [
    "2025-06-04T14:00:00Z",
    "2025-06-04T15:00:00Z",
    "2025-06-04T16:00:00Z",
    "2025-06-04T17:00:00Z",
];
/// The first cycles of all.
pub(super) const FIRST_HOURS: [&str; 2] = ["2025-06-04T10:00:00Z", "2025-06-04T11:00:00Z"];

/// A run without faults.
pub(super) struct Baseline {
    /// Holds the database as it was before the cycles during the fault.
    start: PathBuf,
    _folder: tempfile::TempDir,
    stored: BTreeMap<Timestamp, StoredState>,
    steps: BTreeMap<Timestamp, Vec<String>>,
    /// Messages by incident.
    posted: BTreeMap<String, usize>,
}

/// Computed once for all tests.
pub(super) fn baseline() -> &'static Baseline {
    static CONTROL: OnceLock<Baseline> = OnceLock::new();
    CONTROL.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = world(Process::One);
        let (mut all, mut steps) = (BTreeMap::new(), BTreeMap::new());
        for instant in FIRST_HOURS
            .iter()
            .chain(&FAULTY_HOURS)
            .chain(&HEALTHY_HOURS)
        {
            if *instant == FAULTY_HOURS[0] {
                stored_state::copy(world.folder.path(), folder.path());
            }
            let cycle = world.cycle(at(instant));
            assert_eq!(cycle.code, 0, "{}", cycle.report);
            all.insert(at(instant), StoredState::read(world.folder.path()));
            steps.insert(at(instant), cycle.steps());
        }
        let posted = posted(&world);
        assert_eq!(
            steps[&at(FAULTY_HOURS[0])],
            ["bounce_rate opened"],
            "the control has something to tell"
        );
        assert_eq!(posted.values().sum::<usize>(), 2, "and it ends: {posted:?}");
        Baseline {
            start: folder.path().to_owned(),
            _folder: folder,
            stored: all,
            steps,
            posted,
        }
    })
}

fn world(process: Process) -> World {
    let world = World::new(process, "");
    let sent = Span::new(at("2025-06-04T01:00:00Z"), at("2025-06-04T18:00:00Z"));
    world
        .shop
        .generate("outbound", sent, &Profile::constant(40.0).without_bounces());
    // Two pages in one cycle.
    let news = Span::new(at("2025-06-04T11:05:00Z"), at("2025-06-04T11:40:00Z"));
    world
        .shop
        .generate("news", news, &Profile::constant(1_060.0).without_bounces());
    let wave = Span::new(at("2025-06-04T11:05:00Z"), at("2025-06-04T14:40:00Z"));
    world.shop.bounce_wave("outbound", wave, 0.15, "Blocked");
    world
}

/// Messages in Slack by the incident they bear.
fn posted(world: &World) -> BTreeMap<String, usize> {
    let messages = world.slack.messages();
    let count = |id: &String| {
        messages
            .iter()
            .filter(|m| m.plain.contains(id.as_str()))
            .count()
    };
    let all = stored_state::incidents(world.folder.path());
    all.into_iter()
        .map(|(id, _)| (id.clone(), count(&id)))
        .collect()
}

/// A run, and every fact that did not hold in it.
pub(super) struct FaultScenario {
    pub(super) world: World,
    name: String,
    wrong: Vec<String>,
    /// Attempts in each cycle during the fault whose end cannot be known.
    pub(super) attempts_unknown: usize,
    /// Messages that were given up: each is named in a later one, and in the digest.
    pub(super) given_up: usize,
}

impl FaultScenario {
    /// One that has been at work for two cycles.
    pub(super) fn new(name: String, process: Process) -> Self {
        let scenario = Self::fresh(name, process);
        let start = baseline().start.join("hushwatch.db");
        std::fs::copy(start, scenario.world.folder.path().join("hushwatch.db")).expect("copied");
        scenario
    }

    /// One without a database.
    pub(super) fn fresh(name: String, process: Process) -> Self {
        Self {
            world: world(process),
            name,
            wrong: Vec::new(),
            attempts_unknown: 0,
            given_up: 0,
        }
    }

    pub(super) fn expect_that(&mut self, holds: bool, fact: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(format!("{}: {}", self.name, fact()));
        }
    }

    /// Lets `strike` hit what Postmark is asked under `part` of its paths, everything where that is empty.
    pub(super) fn fail_postmark(&mut self, strike: &Timing<Fault>, part: &str, times: Option<u32>) {
        if part == "/message-streams" {
            // It is read every six hours, and in the first cycle of all.
            stored_state::forget_stream_lists(self.world.folder.path());
        }
        match strike {
            Timing::Fault(fault) => {
                let plan = match times {
                    Some(times) => Plan::next(times, fault.clone()),
                    None => Plan::always(fault.clone()),
                };
                self.world.shop.fail(plan.on(part));
            }
            Timing::BadEndpoint(place) => self
                .world
                .env("HUSHWATCH_POSTMARK__BASE_URL", &place.base_url()),
        }
    }

    pub(super) fn fail_slack(
        &mut self,
        strike: &Timing<slack::Fault>,
        fate: ExpectedDelivery,
        is_webhook: bool,
    ) {
        self.attempts_unknown = usize::from(fate == ExpectedDelivery::Unknowable);
        match strike {
            Timing::Fault(fault) => self.world.slack.always(fault.clone()),
            Timing::BadEndpoint(place) if is_webhook => {
                let url = format!("{}/services/T0/B0/secret", place.base_url());
                self.world.env("SLACK_WEBHOOK_URL", &url);
            }
            Timing::BadEndpoint(place) => self
                .world
                .env("HUSHWATCH_SLACK__BASE_URL", &place.base_url()),
        }
    }

    pub(super) fn use_webhook(&mut self) {
        self.world.env("SLACK_BOT_TOKEN", "");
        self.world.env("SLACK_OPERATOR_DM_CHANNEL", "");
        let url = self.world.slack.webhook_url();
        self.world.env("SLACK_WEBHOOK_URL", &url);
    }

    /// Everything is as it should be again; what Slack asked to wait for is waited for.
    pub(super) fn end_fault(&mut self, is_webhook: bool) {
        self.world.shop.clear_faults();
        self.world.slack.clear_faults();
        let (postmark, slack) = (self.world.postmark.base_url(), self.world.slack.base_url());
        self.world.env("HUSHWATCH_POSTMARK__BASE_URL", &postmark);
        self.world.env("HUSHWATCH_SLACK__BASE_URL", &slack);
        if is_webhook {
            self.use_webhook();
        }
        stored_state::end_waits(self.world.folder.path());
    }

    /// Runs a cycle during the fault, which ends with `code`.
    pub(super) fn cycle_during_fault(&mut self, instant: &str, code: i32) -> Cycle {
        let cycle = self.checked_cycle(instant);
        self.expect_that(cycle.code == code, || {
            format!(
                "exit {} instead of {code} at {instant}: {}",
                cycle.code, cycle.report["errors"]
            )
        });
        cycle
    }

    /// Runs a cycle during the fault. Whatever the fault, nothing is invented and no alert is false.
    pub(super) fn checked_cycle(&mut self, instant: &str) -> Cycle {
        let cycle = self.world.cycle(at(instant));
        self.expect_that(!cycle.panicked(), || cycle.stderr.clone());
        let invented_rows = self
            .stored_state()
            .invented_rows(&baseline().stored[&at(instant)]);
        invented_rows
            .into_iter()
            .for_each(|what| self.expect_that(false, || format!("at {instant} {what}")));
        let own = cycle.steps();
        // What an earlier cycle could not see is judged in this one.
        let so: Vec<&String> = baseline()
            .steps
            .range(..=at(instant))
            .flat_map(|(_, steps)| steps)
            .collect();
        for step in own
            .iter()
            .filter(|step| !is_sight_rule(step) && !so.contains(step))
        {
            self.expect_that(false, || format!("`{step}` at {instant} is not so"));
        }
        let (said, token) = (cycle.report.to_string(), self.world.shop.token());
        // A remedy shows the form of a token.
        let said = said.replace("(xoxb-…)", "");
        let is_reported =
            said.contains(&token) || said.contains("ops@example.com") || said.contains("xoxb");
        self.expect_that(!is_reported, || {
            format!("a secret or an address is told: {said}")
        });
        cycle
    }

    /// Expects the transitions that a fault with this expected alert causes.
    pub(super) fn expect_alert(&mut self, meaning: ExpectedAlert, cycle: &Cycle, instant: &str) {
        let own: Vec<String> = cycle
            .steps()
            .into_iter()
            .filter(|s| is_sight_rule(s))
            .collect();
        let first = instant == FAULTY_HOURS[0] || instant == FIRST_HOURS[0];
        let expected: &[&str] = match meaning {
            ExpectedAlert::Token if first => &["blind opened"],
            ExpectedAlert::Account if first => &["account_inactive opened"],
            ExpectedAlert::Trouble if !first => &["blind opened"],
            // The weaker one is recorded when its own time has come.
            ExpectedAlert::Account => &["blind opened"],
            _ => &[],
        };
        self.expect_that(own == expected, || {
            format!("{own:?} instead of {expected:?} at {instant}")
        });
        let severities = cycle.report["open_incidents"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let wakes = severities.iter().any(|i| i["severity"] == "wake");
        let should_wake = matches!(meaning, ExpectedAlert::Token | ExpectedAlert::Account);
        self.expect_that(wakes == should_wake, || {
            format!("wake: {wakes} at {instant}")
        });
    }

    /// The healthy cycles after it: all is as if nothing had been, but for what was said of the blindness itself.
    pub(super) fn expect_recovery(&mut self) {
        self.expect_recovery_over(&HEALTHY_HOURS);
    }

    /// The same, with these healthy cycles.
    pub(super) fn expect_recovery_over(&mut self, healthy: &[&str]) {
        for instant in healthy {
            let cycle = self.world.cycle(at(instant));
            self.expect_that(cycle.code == 0, || {
                format!("exit {} at {instant}: {}", cycle.code, cycle.report)
            });
            let (own, whole) = (self.stored_state(), &baseline().stored[&at(instant)]);
            self.expect_that(own == *whole, || {
                format!(
                    "at {instant} the stored differ: {}",
                    difference(&own, whole)
                )
            });
        }
        let pending = stored_state::pending(self.world.folder.path());
        self.expect_that(pending == 0, || {
            format!("{pending} messages are still pending")
        });
        self.expect_every_incident_notified();
    }

    /// Every incident as often as without the fault; more only for attempts whose end was unknowable.
    fn expect_every_incident_notified(&mut self) {
        let posted = posted(&self.world);
        for (id, rule) in stored_state::incidents(self.world.folder.path()) {
            let times = posted.get(&id).copied().unwrap_or(0);
            let (least, most) = match baseline().posted.get(&id) {
                Some(times) => (*times, *times),
                // Opened and resolved: one message or two. What a stronger one covered is reported once, or not at all.
                None => (usize::from(!self.is_covered(&rule)), 2),
            };
            // What still stands when a server is seen again is reported then.
            let reminders = stored_state::reminders(self.world.folder.path(), &id);
            let most =
                most + reminders + self.attempts_unknown * FAULTY_HOURS.len() + 2 * self.given_up;
            let least = least.saturating_sub(self.given_up);
            self.expect_that((least..=most).contains(&times), || {
                format!("{rule} {id} was reported {times} times instead of {least} to {most}")
            });
        }
        let messages = self.world.slack.messages();
        let is_named = messages.iter().any(|m| names_a_lost_message(&m.plain));
        let given_up = self.given_up;
        self.expect_that(is_named == (given_up > 0), || {
            format!("{given_up} given up, named: {is_named}")
        });
        let loud: Vec<String> = self
            .world
            .slack
            .messages()
            .iter()
            .flat_map(|m| m.markup.clone())
            .collect();
        self.expect_that(
            !loud
                .iter()
                .any(|m| m.starts_with("<!") || m.starts_with("<@")),
            || format!("{loud:?}"),
        );
    }

    fn is_covered(&self, rule: &str) -> bool {
        let all = stored_state::incidents(self.world.folder.path());
        rule == "blind" && all.iter().any(|(_, other)| other == "account_inactive")
    }

    /// The length in bytes of Postmark's honest answer.
    pub(super) fn length_of(&self, path: &str) -> usize {
        use std::io::{Read, Write};
        self.world.postmark.set_now(at(FAULTY_HOURS[0]));
        let base = self.world.postmark.base_url();
        let host = base
            .strip_prefix("http://")
            .expect("plain HTTP on loopback");
        let mut socket = std::net::TcpStream::connect(host).expect("it listens");
        let token = self.world.shop.token();
        let head = format!(
            "GET {path} HTTP/1.1\r\nX-Postmark-Server-Token: {token}\r\nConnection: close\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).expect("asked");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("answered");
        answer
            .split_once("\r\n\r\n")
            .expect("a head and a body")
            .1
            .len()
    }

    pub(super) fn stored_state(&self) -> StoredState {
        StoredState::read(self.world.folder.path())
    }

    /// What did not hold.
    pub(super) fn end(self) -> Vec<String> {
        self.wrong
    }
}

/// Returns the end of the coverage before the faulty hours, which no cycle may claim.
pub(super) fn before() -> i64 {
    at(FIRST_HOURS[1]).0
}

fn is_sight_rule(step: &str) -> bool {
    step.starts_with("blind") || step.starts_with("account_inactive")
}

fn difference(own: &StoredState, whole: &StoredState) -> String {
    let sets = |stored: &StoredState| {
        let [minutes, hours] = stored.counts.clone();
        [
            ("coverage", stored.coverage.clone()),
            ("messages", stored.messages.clone()),
            ("bounces", stored.bounces.clone()),
            ("minutes", minutes),
            ("hours", hours),
            ("incidents", stored.incidents.clone()),
            ("steps", stored.steps.clone()),
        ]
    };
    let pairs = sets(own).into_iter().zip(sets(whole));
    let posted = pairs
        .filter(|(a, b)| a.1 != b.1)
        .map(|((name, a), (_, b))| {
            let (more, less): (Vec<_>, Vec<_>) = (
                a.difference(&b).take(3).collect(),
                b.difference(&a).take(3).collect(),
            );
            format!("{name}: also {more:?}, not {less:?}")
        });
    posted.collect::<Vec<_>>().join("; ")
}
