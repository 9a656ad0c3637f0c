//! `doctor` through the binary: each of its lines as it should be, and as it should not.

mod database;
#[cfg(feature = "doctor")]
mod domains;
mod many;
#[cfg(feature = "doctor")]
mod relay;
mod rules;
#[cfg(feature = "postgres")]
mod server;
mod slack;
mod tokens;
#[cfg(feature = "doctor")]
mod whole;

use hushwatch::clock;

use crate::world::{Process, World};

/// What `doctor` said.
struct Said {
    code: i32,
    text: String,
    stderr: String,
}

impl Said {
    /// The one line that begins so.
    fn line(&self, start: &str) -> String {
        let found: Vec<&str> = self.text.lines().filter(|l| l.starts_with(start)).collect();
        assert_eq!(found.len(), 1, "{start}\n{}{}", self.text, self.stderr);
        found[0].to_owned()
    }

    /// Asserts that there is one line that begins with the first and holds the others.
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
    Said {
        code: ended.code,
        text: ended
            .report
            .as_str()
            .map_or_else(|| ended.report.to_string(), str::to_owned),
        stderr: ended.stderr,
    }
}

#[test]
fn what_is_as_it_should_be_passes_and_nothing_was_changed_or_sent() {
    let world = world("");
    let said = doctor(&world, &[]);
    said.passed();
    said.has("✓ Configuration valid", &[]);
    said.has("✓ Time zone UTC", &["digest comes at 09:00"]);
    said.has("✓ Schedule \"0 0 * * * *\"", &["next poll ", ":00 UTC"]);
    said.has("✓ No cycle yet", &[]);
    said.has("✓ Postmark's status page says: operational", &[]);
    said.has("✓ The clock agrees with Postmark's", &[]);
    said.has("! No heartbeat", &["HUSHWATCH_HEARTBEAT__URL"]);
    said.has("! Nothing is stored yet", &["hushwatch check"]);
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
fn a_fault_of_postmarks_is_told_by_its_status_page() {
    let mut world = world("");
    world
        .postmark
        .set_status("degraded", Some("Delayed webhooks"));
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.has(
        "✗ Postmark's status page says: degraded",
        &["the fault is Postmark's"],
    );
    said.has("! Postmark reports: Delayed webhooks", &[]);
    world.postmark.set_status("under_maintenance", None);
    doctor(&world, &[]).has("! Postmark's status page says", &["maintenance"]);
    world.env("HUSHWATCH_DOCTOR__STATUS_URL", "http://127.0.0.1:1");
    let said = doctor(&world, &[]);
    said.has(
        "! Postmark's status page was not read",
        &["cannot be reached"],
    );
    said.passed();
}

#[test]
fn what_is_switched_off_or_sparse_is_told() {
    let mut world = world("");
    world.env("FLAG_POSTMARK_DELIVERY_MONITOR", "0");
    world.env("HUSHWATCH_SCHEDULE", "0 0 */6 * * *");
    world.env("HUSHWATCH_TIME_ZONE", "Europe/Berlin");
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    let said = doctor(&world, &[]);
    said.has("! Switched off by FLAG_POSTMARK_DELIVERY_MONITOR", &[]);
    said.has("! Polls are 6 h apart", &["never checked"]);
    said.has("✓ Time zone Europe/Berlin", &[]);
    said.has("✓ Schedule", &["next poll ", ":00 Europe/Berlin"]);
    said.has("✓ Heartbeat", &[]);
    assert!(world.slack.pings().is_empty(), "nothing was pinged");
    std::fs::write(
        world.folder.path().join("monitor.toml"),
        "[doctor]\nsmtp = \"\"\n[[server]]\nname = \"shop\"\n",
    )
    .expect("written");
    let said = doctor(&world, &[]);
    said.has(
        "! shop: `own_domains` is empty",
        &["spam_complaint_external"],
    );
    said.has(
        "! shop: `operator_addresses` is empty",
        &["operator_bounce"],
    );
    said.passed();
}

#[test]
fn a_configuration_that_is_not_understood_is_told_line_by_line() {
    for (file, key) in [
        ("resolver = \"dns.example.com\"", "doctor.resolver"),
        ("return_path = \"a b\"", "doctor.return_path"),
        ("dkim_selectors = [\"a/b\"]", "doctor.dkim_selectors"),
        (
            "status_url = \"http://status.example.com\"",
            "doctor.status_url",
        ),
        ("selectors = []", "doctor.dkim_selectors"),
    ] {
        let world = World::new(Process::New, &format!("[doctor]\n{file}"));
        let said = doctor(&world, &[]);
        assert_eq!((said.code, said.stderr.as_str()), (1, ""), "{file}");
        said.has("✗ Configuration: ", &[key]);
        said.has("! Nothing else was checked", &["correct it"]);
        assert!(world.postmark.requests().is_empty());
    }
    let broken = "schedule = \"0 0 0 30 2 *\"\ntime_zone = \"Europe/Atlantis\"";
    let world = World::new(Process::New, broken);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    let of = |key: &str| {
        said.text
            .lines()
            .filter(|l| l.starts_with('✗') && l.contains(key))
            .count()
    };
    assert_eq!(
        (of("`schedule` names a date"), of("`time_zone`")),
        (1, 1),
        "{}",
        said.text
    );
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
    assert!(shown.contains("doctor.dkim_selectors = google"), "{shown}");
}
