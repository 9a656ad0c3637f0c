//! What scripts read: every key of every `--json`, and the kinds of its values.

use std::collections::{BTreeMap, BTreeSet};

use hushwatch::clock;
use hushwatch::model::{DAY, HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::postmark::{Mail, Profile, Quirks};
use hushwatch::sim::{Fault, Plan};
use serde_json::{Value, json};

use crate::world::{Process, World, at};

const OPS: &str = "ops@example.com";

/// The union of JSON documents: of each path, the kinds of its values, and whether some objects lack it.
#[derive(Default)]
struct Shape {
    kinds: BTreeMap<String, BTreeSet<&'static str>>,
    objects: BTreeMap<String, usize>,
    present: BTreeMap<String, usize>,
}

impl Shape {
    fn render_all<'a>(documents: impl IntoIterator<Item = &'a Value>) -> String {
        let mut shape = Self::default();
        for document in documents {
            shape.add("", document);
        }
        shape.render()
    }

    fn add(&mut self, path: &str, value: &Value) {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "float",
            Value::Number(_) => "integer",
            Value::String(text) if Timestamp::parse(text).is_some() => "instant",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        self.kinds.entry(path.to_owned()).or_default().insert(kind);
        match value {
            Value::Array(items) => {
                for item in items {
                    self.add(&format!("{path}[]"), item);
                }
            }
            Value::Object(fields) => {
                *self.objects.entry(path.to_owned()).or_default() += 1;
                for (key, field) in fields {
                    let inner = format!("{path}.{key}");
                    *self.present.entry(inner.clone()).or_default() += 1;
                    self.add(&inner, field);
                }
            }
            _ => {}
        }
    }

    /// One line per path; `?` after a key that some objects lack.
    fn render(&self) -> String {
        let line = |(path, kinds): (&String, &BTreeSet<&str>)| {
            let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
            let lacking = self
                .present
                .get(path)
                .is_some_and(|present| Some(present) != self.objects.get(parent));
            let mark = if lacking { "?" } else { "" };
            let kinds: Vec<&str> = kinds.iter().copied().collect();
            format!("{path}{mark}: {}", kinds.join(" | "))
        };
        let lines: Vec<String> = self.kinds.iter().map(line).collect();
        lines.join("\n")
    }
}

/// The mail of three weeks in which each rule has its incident, and a mute, a pending message and a rejected token.
fn eventful() -> (World, Vec<Value>) {
    let mut world = World::new(Process::One, "");
    let span = Span::new(at("2026-02-16T00:00:00Z"), at("2026-03-08T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    for n in 0..200 {
        let reset = Mail::new("outbound", span.from + 2 * HOUR * n, "someone@example.com");
        world.shop.push(reset.tag("password-reset"));
    }
    let wave = Span::new(at("2026-03-03T10:00:00Z"), at("2026-03-03T12:00:00Z"));
    world.shop.bounce_wave("outbound", wave, 0.3, "HardBounce");
    world
        .shop
        .add_complaints("outbound", wave.from + 20 * MINUTE, 2, "example.org");
    let ops = Mail::new("outbound", wave.from, OPS);
    world.shop.push(ops.bounced("HardBounce", wave.from));
    let span = |from: &str, until: &str| Span::new(at(from), at(until));
    let undelivered = span("2026-03-04T01:00:00Z", "2026-03-04T06:00:00Z");
    world.shop.stop_delivery("outbound", undelivered);
    let unsent = span("2026-03-04T10:00:00Z", "2026-03-04T20:00:00Z");
    world.shop.stop_sending("outbound", unsent);
    let mut now = at("2026-03-03T07:00:00Z");
    let mut checks = Vec::new();
    while now <= at("2026-03-05T12:00:00Z") {
        if now == wave.from + HOUR {
            let refused = Plan::next(2, Fault::Status(503));
            world.slack.fail(refused.on("chat.postMessage"));
        }
        let rejected = now == at("2026-03-05T10:00:00Z");
        let token = if rejected {
            "wrong".to_owned()
        } else {
            world.shop.token()
        };
        world.env("POSTMARK_SERVER_TOKEN", &token);
        if now == wave.until {
            let args = ["mute", "--for", "60h", "--reason", "a list", "--now"];
            let muted =
                world.run(&[&args[..], &[&now.to_string(), "--rule", "spam_rate"]].concat());
            assert_eq!(muted.code, 0, "{}", muted.stderr);
        }
        checks.push(world.cycle(now).report);
        now = now + HOUR;
    }
    (world, checks)
}

fn read(world: &World, args: &[&str]) -> Value {
    let ended = world.run(args);
    assert!(ended.report.is_object(), "{args:?}: {}", ended.stderr);
    ended.report
}

#[test]
fn the_keys_of_what_was_watched_and_stored() {
    let (world, checks) = eventful();
    let mut rules = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for step in checks
        .iter()
        .filter_map(|check| check["transitions"].as_array())
        .flatten()
    {
        rules.insert(step["rule"].as_str().unwrap_or_default().to_owned());
        ids.insert(step["incident"].as_str().unwrap_or_default().to_owned());
    }
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    assert_eq!(
        rules.join(" "),
        "blind bounce_rate delivery_silence hard_bounce_wake operator_bounce send_silence spam_complaint_external spam_rate suppressed_address"
    );
    insta::assert_snapshot!("check", Shape::render_all(&checks));
    let now = ["--now", "2026-03-05T12:00:00Z"];
    let status = read(&world, &["status", "--json", now[0], now[1]]);
    insta::assert_snapshot!("status", Shape::render_all([&status]));
    let explained: Vec<Value> = ids
        .iter()
        .map(|id| read(&world, &["explain", id, "--json"]))
        .collect();
    insta::assert_snapshot!("explain", Shape::render_all(&explained));
    insta::assert_snapshot!("recent", Shape::render_all([&read(&world, &["recent"])]));
    let mutes = read(&world, &["mute", "--list", "--json", now[0], now[1]]);
    insta::assert_snapshot!("mutes", Shape::render_all([&mutes]));
    let digest = read(&world, &["digest", "--print", "--json", now[0], now[1]]);
    insta::assert_snapshot!("digest", Shape::render_all([&digest]));
    world.set_aside("the texts have tests of their own");
}

/// Six mails of the last days, with each kind of end, seen by a cycle.
fn recent_mail() -> (World, String) {
    let mut world = World::new(Process::New, "[doctor]\nsmtp = \"\"");
    world.postmark.set_quirks(Quirks {
        late_index: false,
        ..Quirks::default()
    });
    let now = clock::now().floor(HOUR);
    let sent = now - 3 * DAY;
    let mail = |hours: u32| Mail::new("outbound", sent + HOUR * hours, "jane@example.com");
    world
        .shop
        .push(mail(0).to("joe@example.com").tag("receipt"));
    world.shop.push(mail(1).delivered_after(MINUTE));
    let mut id = String::new();
    for (hours, kind) in [(2, "HardBounce"), (3, "SoftBounce"), (4, "SpamComplaint")] {
        let at = sent + HOUR * hours + MINUTE;
        id = world.shop.push(mail(hours).bounced(kind, at));
    }
    let why = ("HardBounce", "Recipient");
    world
        .shop
        .suppress("outbound", "gone@example.com", why, sent);
    world.cycle(now);
    world.set_aside("the texts have tests of their own");
    world.postmark.set_date(clock::now());
    world.env("HUSHWATCH_DOCTOR__STATUS_URL", &world.postmark.status_url());
    world.env("HUSHWATCH_DOCTOR__RESOLVER", "127.0.0.1:1");
    (world, id)
}

#[test]
fn the_keys_of_what_is_asked_at_postmark() {
    let (mut world, id) = recent_mail();
    let stats = [
        read(&world, &["stats", "--since", "6d", "--by-day", "--json"]),
        read(&world, &["stats", "--json"]),
        read(&world, &["stats", "--by-tag", "--json"]),
    ];
    insta::assert_snapshot!("stats", Shape::render_all(&stats));
    for verb in ["messages", "bounces", "suppressions"] {
        insta::assert_snapshot!(verb, Shape::render_all([&read(&world, &[verb, "--json"])]));
    }
    insta::assert_snapshot!(
        "message",
        Shape::render_all([&read(&world, &["message", &id, "--json"])])
    );
    let reactivate = [
        "suppressions",
        "--reactivate",
        "gone@example.com",
        "--yes",
        "--json",
    ];
    insta::assert_snapshot!(
        "reactivation",
        Shape::render_all([&read(&world, &reactivate)])
    );
    let doctor = read(&world, &["doctor", "--json"]);
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    let rejected = read(&world, &["doctor", "--json"]);
    insta::assert_snapshot!("doctor", Shape::render_all([&doctor, &rejected]));
    world.env("FLAG_POSTMARK_DELIVERY_MONITOR", "0");
    let disabled = [
        read(&world, &["check", "--json"]),
        read(&world, &["digest", "--json"]),
    ];
    insta::assert_snapshot!("disabled", Shape::render_all(&disabled));
}

#[test]
fn the_example_of_a_check_is_as_a_check_writes_it() {
    let mut world = World::new(Process::New, "");
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let wave = Span::new(at("2026-03-03T11:00:00Z"), at("2026-03-03T12:00:00Z"));
    world.shop.bounce_wave("outbound", wave, 0.04, "HardBounce");
    world.cycle(wave.from);
    let mute = ["mute", "--rule", "spam_rate", "--for", "3d", "--by", "ops"];
    let why = ["--reason", "newsletter", "--now", "2026-03-03T11:00:00Z"];
    assert_eq!(world.run(&[&mute[..], &why].concat()).code, 0);
    let check = world.cycle(wave.until).report;
    world.set_aside("the texts have tests of their own");
    let example = include_str!("../../examples/check.json");
    let example: Value = serde_json::from_str(example).expect("JSON");
    let (shown, written) = (Shape::render_all([&example]), Shape::render_all([&check]));
    assert_eq!(shown, written, "{check:#}");
}

#[test]
fn the_keys_of_a_replay() {
    let world = World::new(Process::New, "");
    let first = at("2026-02-02T00:00:00Z");
    let events = (0..6000u32).map(|n| {
        let sent_at = first + MINUTE * 10 * n;
        let bounced = (n > 5000 && n % 3 == 0).then(|| (sent_at + MINUTE).to_string());
        let kind = bounced.as_ref().map(|_| "HardBounce");
        json!({
            "id": format!("m{n}"), "server": "shop", "stream": "outbound", "sent_at": sent_at.to_string(),
            "delivered_at": null, "bounced_at": bounced, "bounce_type": kind, "complained_at": null,
            "tag": "receipt", "recipient": "jane@example.com",
        })
    });
    let lines: String = events.map(|event| format!("{event}\n")).collect();
    let path = world.folder.path().join("events.ndjson");
    std::fs::write(&path, lines).expect("written");
    let path = path.to_str().expect("text");
    let ended = world.run(&["backtest", path, "--format", "json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let steps: Vec<Value> = match ended.report {
        Value::String(text) => text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect(),
        one => vec![one],
    };
    assert!(!steps.is_empty());
    insta::assert_snapshot!("backtest", Shape::render_all(&steps));
}
