//! `doctor` through the binary: each of its lines as it should be, and as it should not.

mod database;
#[cfg(feature = "doctor")]
mod domains;
mod heartbeat;
mod many;
#[cfg(feature = "doctor")]
mod relay;
mod rules;
mod sentry;
#[cfg(feature = "postgres")]
mod server;
mod slack;
mod tokens;
#[cfg(feature = "doctor")]
mod whole;

use hushwatch::clock;

use crate::world::{Process, World, without_times};

/// What `doctor` said.
struct Said {
    code: i32,
    text: String,
    /// Those of the text, with placeholders for what differs between runs.
    lines: Vec<String>,
    stderr: String,
}

impl Said {
    /// The one line that begins so.
    fn line(&self, start: &str) -> String {
        let found: Vec<&String> = self.lines.iter().filter(|l| l.starts_with(start)).collect();
        assert_eq!(found.len(), 1, "{start}\n{}{}", self.text, self.stderr);
        found[0].clone()
    }

    /// Asserts that this is one of the lines, whole.
    fn says(&self, line: &str) {
        let found = self.lines.iter().filter(|l| *l == line).count();
        assert_eq!(found, 1, "{line}\n{}{}", self.text, self.stderr);
    }

    /// Asserts that there is one line that begins with the first and holds the others; for what depends on the time of day.
    fn has(&self, start: &str, parts: &[&str]) {
        let line = self.line(start);
        for part in parts {
            assert!(line.contains(part), "{part}: {line}");
        }
    }

    /// Asserts that no line begins so.
    fn lacks(&self, start: &str) {
        assert!(
            !self.text.lines().any(|l| l.starts_with(start)),
            "{}",
            self.text
        );
    }

    /// Asserts that a secret is in nothing that it said.
    fn hides(&self, secret: &str) {
        let all = format!("{}{}", self.text, self.stderr);
        assert!(!all.contains(secret), "{all}");
    }

    /// Asserts that nothing failed.
    fn passed(&self) {
        assert_eq!(self.code, 0, "{}{}", self.text, self.stderr);
        self.lacks("✗");
    }
}

/// A world of the present whose peers are all simulated; the settings of `[doctor]` can go on in `file`.
fn world(file: &str) -> World {
    let mut world = World::new(Process::New, &format!("[doctor]\nsmtp = \"\"\n{file}"));
    let now = clock::now();
    world.postmark.set_now(now);
    world.postmark.set_date(now);
    world.env("HUSHWATCH_DOCTOR__STATUS_URL", &world.postmark.status_url());
    // Nobody listens there; where a domain sends, a test names another.
    world.env("HUSHWATCH_DOCTOR__RESOLVER", "127.0.0.1:1");
    world
}

fn doctor(world: &World, more: &[&str]) -> Said {
    let args: Vec<&str> = ["doctor"].iter().chain(more).copied().collect();
    let ended = world.run(&args);
    let text = ended.report.as_str();
    let text = text.map_or_else(|| ended.report.to_string(), str::to_owned);
    Said {
        code: ended.code,
        lines: world.shown(&text).lines().map(without_times).collect(),
        text,
        stderr: ended.stderr,
    }
}

#[test]
fn what_is_as_it_should_be_passes_and_nothing_was_changed_or_sent() {
    let world = world("");
    let said = doctor(&world, &[]);
    said.passed();
    said.says("✓ Configuration valid");
    said.says("✓ Time zone UTC: it is <time> there; the digest comes at 09:00");
    said.says("✓ Schedule \"0 0 * * * *\": next poll <time> UTC");
    said.says("✓ No cycle yet");
    said.says("✓ No incident is open");
    said.says("✓ No message waits to be delivered");
    said.says("✓ Postmark's status page says: operational");
    said.says("✓ The clock agrees with Postmark's");
    said.says("! No heartbeat: nobody would notice if hushwatch itself stopped; set HUSHWATCH_HEARTBEAT__URL to the URL of a dead man's switch");
    said.says("! Nothing is stored yet, so the rules cannot be checked at your volume; run `hushwatch check`, then `hushwatch doctor` again; or `hushwatch backtest --days 45`");
    assert!(world.slack.messages().is_empty());
    assert!(!world.folder.path().join("hushwatch.db").exists());
    let left = std::fs::read_dir(world.folder.path())
        .expect("read")
        .count();
    assert_eq!(left, 1, "the configuration alone");
}

#[cfg(not(feature = "doctor"))]
#[test]
fn a_build_that_leaves_out_dns_and_the_relay_says_so() {
    let world = world("");
    let said = doctor(&world, &[]);
    said.has(
        "! DNS and the SMTP relay were not checked",
        &["--features full"],
    );
    said.passed();
}

#[test]
fn a_script_reads_every_check_in_one_object() {
    let mut world = world("");
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    let ended = world.run(&["doctor", "--json"]);
    let found = ended.report;
    assert_eq!(
        (ended.code, &found["ok"]),
        (1, &serde_json::json!(false)),
        "{found}"
    );
    assert!(
        found["at"].as_str().is_some_and(|at| at.ends_with('Z')),
        "{found}"
    );
    let checks = found["checks"].as_array().expect("checks");
    let token = checks.iter().find(|c| c["name"] == "postmark_token");
    let token = token.expect("the token");
    assert_eq!(
        (&token["server"], &token["outcome"]),
        (&"shop".into(), &"fail".into())
    );
    let text = token["text"].as_str().expect("a text");
    assert!(
        text.starts_with("Postmark token rejected — HTTP 401"),
        "{text}"
    );
    assert!(token["remedy"].is_string(), "{token}");
    let passes = checks
        .iter()
        .find(|c| c["outcome"] == "pass")
        .expect("a pass");
    assert!(passes["remedy"].is_null(), "{passes}");
    let heartbeat = checks.iter().find(|c| c["name"] == "heartbeat");
    assert_eq!(heartbeat.expect("the heartbeat")["outcome"], "warn");
}

#[test]
fn a_clock_that_is_off_deserves_a_look_or_fails() {
    let world = world("");
    let now = clock::now();
    world.postmark.set_date(now - hushwatch::model::MINUTE);
    doctor(&world, &[]).has("! This machine's clock is", &["ahead of Postmark's", "NTP"]);
    world.postmark.set_date(now + hushwatch::model::HOUR);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.has("✗ This machine's clock is", &["behind Postmark's"]);
}

#[test]
fn a_fault_of_postmarks_is_reported_by_its_status_page() {
    let mut world = world("");
    world
        .postmark
        .set_status("degraded", Some("Delayed webhooks"));
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Postmark's status page says: degraded; the fault is Postmark's, see <postmark>/status-page");
    said.says("! Postmark reports: Delayed webhooks; an incident of Postmark's, see <postmark>/status-page");
    world.postmark.set_status("under_maintenance", None);
    doctor(&world, &[]).says("! Postmark's status page says: under_maintenance; wait for its end, see <postmark>/status-page");
    world.env("HUSHWATCH_DOCTOR__STATUS_URL", "http://127.0.0.1:1");
    let said = doctor(&world, &[]);
    said.says("! Postmark's status page was not read: it cannot be reached; open http://127.0.0.1:1 in a browser");
    said.passed();
}

#[test]
fn what_is_switched_off_or_sparse_is_reported() {
    let mut world = world("");
    world.env("FLAG_POSTMARK_DELIVERY_MONITOR", "0");
    world.env("HUSHWATCH_SCHEDULE", "0 0 */6 * * *");
    world.env("HUSHWATCH_TIME_ZONE", "Europe/Berlin");
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    let said = doctor(&world, &[]);
    said.says("! Switched off by FLAG_POSTMARK_DELIVERY_MONITOR: nothing is polled; unset it, or set it to true");
    said.says("! Polls are 6 h apart, and `bounce_rate` looks at 1 h: mail sent in between is never checked; poll more often, or widen `rules.bounce_rate.window`");
    said.says("✓ Time zone Europe/Berlin: it is <time> there; the digest comes at 09:00");
    said.says("✓ Schedule \"0 0 */6 * * *\": no poll while monitoring is switched off");
    said.says("✓ Heartbeat set up, and its server answers (nothing was pinged)");
    assert!(world.slack.pings().is_empty(), "nothing was pinged");
    world.env("HUSHWATCH_RULES__BOUNCE_RATE__CONFIDENCE", "0.95");
    doctor(&world, &[]).says("! Polls are 6 h apart, and `bounce_rate` looks at 1 h: mail that a busy stream sent in between is never checked; poll more often, or widen `rules.bounce_rate.window`");
    world.env("HUSHWATCH_HEARTBEAT__URL", "http://127.0.0.1:1/secret");
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Heartbeat set up, but no ping would arrive; the heartbeat could not be sent; check `heartbeat.url` and the network");
    world.env("HUSHWATCH_HEARTBEAT__URL", "");
    std::fs::write(
        world.folder.path().join("monitor.toml"),
        "[doctor]\nsmtp = \"\"\n[[server]]\nname = \"shop\"\n",
    )
    .expect("written");
    let said = doctor(&world, &[]);
    said.says("! shop: `own_domains` is empty, so `spam_complaint_external` is off; list your own domains in its [[server]]");
    said.says("! shop: `operator_addresses` is empty, so `operator_bounce` is off; list the addresses that must get their mail in its [[server]]");
    said.passed();
}

#[test]
fn a_configuration_that_is_not_understood_is_reported_line_by_line() {
    for (file, problem) in [
        (
            "resolver = \"dns.example.com\"",
            "`doctor.resolver` is not valid; it must be an address such as \"1.1.1.1\" or \"127.0.0.1:5353\"",
        ),
        (
            "return_path = \"a b\"",
            "`doctor.return_path` is not valid; it must be a label of the DNS such as \"pm-bounces\"",
        ),
        (
            "dkim_selectors = [\"a/b\"]",
            "`doctor.dkim_selectors` is not valid; it must be a list of selectors such as [\"google\"]",
        ),
        (
            "status_url = \"http://status.example.com\"",
            "`doctor.status_url` is not valid; it must begin with https:// (http only on loopback), so that nobody can change the answer on its way",
        ),
        (
            "selectors = []",
            "unknown key `doctor.selectors`; did you mean `doctor.dkim_selectors`?",
        ),
    ] {
        let world = World::new(Process::New, &format!("[doctor]\n{file}"));
        let said = doctor(&world, &[]);
        assert_eq!((said.code, said.stderr.as_str()), (1, ""), "{file}");
        said.says(&format!("✗ Configuration: monitor.toml: {problem}"));
        said.says("! Nothing else was checked, since the configuration does not say what to check; correct it, then run `hushwatch doctor` again");
        assert!(world.postmark.requests().is_empty());
    }
    let broken = "schedule = \"0 0 0 30 2 *\"\ntime_zone = \"Europe/Atlantis\"";
    let world = World::new(Process::New, broken);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Configuration: monitor.toml: `schedule` names a date that does not come every year; write six fields (second, minute, hour, day, month, weekday), such as \"0 0 * * * *\" (every full hour, UTC)");
    said.says("✗ Configuration: monitor.toml: `time_zone` is not valid; it must be a time zone, such as \"UTC\" or \"Europe/Berlin\"");
    let found = world.run(&["doctor", "--json"]).report;
    let checks = found["checks"].as_array().expect("checks");
    assert_eq!((&found["ok"], checks.len()), (&false.into(), 3), "{found}");
    assert!(checks.iter().all(|c| c["remedy"].is_string()), "{found}");
    let other = world.run(&["status"]);
    assert_eq!(other.code, 2, "{}", other.stderr);
}

#[test]
fn the_configuration_of_doctor_is_shown() {
    let shown = world("dkim_selectors = [\"google\"]")
        .run(&["config", "show"])
        .report;
    let shown = shown.as_str().expect("text");
    let line = shown.lines().find(|line| line.starts_with("doctor.dkim"));
    assert_eq!(
        line,
        Some("doctor.dkim_selectors = google    (monitor.toml)"),
        "{shown}"
    );
}
