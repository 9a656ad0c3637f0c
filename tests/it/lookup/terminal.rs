//! The question before a reactivation, on a terminal.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;

use hushwatch::sim::{Fault, Plan};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::lookup::world;
use crate::world::{World, at};

const REACTIVATE: [&str; 3] = ["suppressions", "--reactivate", "ops@example.com"];

/// One address on two lists.
fn suppressed() -> World {
    let world = world();
    for stream in ["outbound", "broadcast"] {
        let since = at("2026-02-20T10:00:00Z");
        let why = ("ManualSuppression", "Customer");
        world.shop.suppress(stream, "ops@example.com", why, since);
    }
    world
}

/// What a person sees who types `keys` at a new terminal: exit code, output, and what stands on standard error.
fn typed(world: &World, more: &[&str], keys: &str) -> (i32, String, String) {
    let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&keyboard).expect("granted");
    unlockpt(&keyboard).expect("unlocked");
    let name = ptsname(&keyboard, Vec::new()).expect("a name");
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let screen = rustix::fs::open(&name, flags, Mode::empty()).expect("opened");
    let mut command = world.command(&[&REACTIVATE, more].concat());
    command
        .stdin(Stdio::from(screen))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().expect("it starts");
    let mut keyboard = File::from(keyboard);
    keyboard.write_all(keys.as_bytes()).expect("typed");
    let ended = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let code = ended.status.code().unwrap_or(-1);
    (code, text(ended.stdout), text(ended.stderr))
}

fn changes(world: &World) -> usize {
    let requests = world.postmark.requests();
    requests.iter().filter(|r| r.method != "GET").count()
}

#[test]
fn whoever_says_yes_reactivates() {
    for keys in ["y\n", "YES\n"] {
        let world = suppressed();
        let (code, posted, asked) = typed(&world, &[], keys);
        assert_eq!(code, 0, "{asked}");
        insta::assert_snapshot!(
            "reactivation_asked_yes",
            format!("{asked}\n[stdout]\n{posted}")
        );
        assert_eq!(changes(&world), 2);
    }
}

#[test]
fn whoever_says_anything_else_changes_nothing() {
    // Enter alone, and the end of what is typed.
    for keys in ["n\n", "\n", "yeah\n", "\u{4}"] {
        let world = suppressed();
        let (code, posted, asked) = typed(&world, &[], keys);
        assert_eq!(code, 1, "{keys:?}: {asked}");
        insta::assert_snapshot!(
            "reactivation_asked_no",
            format!("{asked}\n[stdout]\n{posted}")
        );
        assert_eq!(changes(&world), 0, "{keys:?}");
    }
}

#[test]
fn whoever_wants_json_is_asked_beside_it() {
    let world = suppressed();
    let (code, posted, asked) = typed(&world, &["--json"], "y\n");
    assert_eq!(code, 0, "{asked}");
    let json: serde_json::Value = serde_json::from_str(&posted).expect("JSON alone");
    assert_eq!(json["outcomes"].as_array().map(Vec::len), Some(2), "{json}");
    insta::assert_snapshot!("reactivation_asked_json", asked);
}

#[test]
fn whoever_says_no_is_shown_all_the_same_what_could_not_be_read() {
    let world = suppressed();
    let broken = Plan::always(Fault::Status(500)).on("/message-streams/broadcast/");
    world.shop.fail(broken);
    let (code, _, asked) = typed(&world, &[], "n\n");
    assert_eq!(code, 1, "{asked}");
    insta::assert_snapshot!("reactivation_asked_partly", asked);
}

#[test]
fn whoever_says_no_and_wants_json_gets_json() {
    let world = suppressed();
    let (code, posted, _) = typed(&world, &["--json"], "n\n");
    assert_eq!(code, 1);
    let json: serde_json::Value = serde_json::from_str(&posted).expect("JSON alone");
    assert_eq!(json["outcomes"], serde_json::json!([]), "{json}");
    assert_eq!(json["errors"], serde_json::json!(["nothing was changed"]));
    assert_eq!(changes(&world), 0);
}

#[test]
fn without_a_terminal_what_could_not_be_read_is_reported_beside_the_refusal() {
    let world = suppressed();
    let broken = Plan::always(Fault::Status(500)).on("/message-streams/broadcast/");
    world.shop.fail(broken);
    let ended = world.run(&[&REACTIVATE[..], &["--json"]].concat());
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    insta::assert_snapshot!("reactivation_without_a_terminal", ended.stderr);
    assert_eq!(ended.report["outcomes"], serde_json::json!([]));
    let errors = ended.report["errors"].as_array().map(Vec::len);
    assert_eq!(errors, Some(2), "{}", ended.report);
    assert_eq!(changes(&world), 0);
}
