//! The lines of the `Procfile` as a dyno runs them: an environment of a few config vars, and a disk that is empty each time.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use hushwatch::model::{HOUR, Span};
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::slack::Slack;

use crate::cluster::cluster;
use crate::postgres::{not_verified, over_tcp};
use crate::words::assert_line;
use crate::world::{Process, World, wait_until};

/// What runs a line of the `Procfile` in a folder, with these config vars alone.
fn dyno(kind: &str, folder: &Path, vars: &[(&str, String)]) -> Command {
    let procfile = include_str!("../../../Procfile");
    let line = procfile
        .lines()
        .find_map(|l| l.strip_prefix(&format!("{kind}: ")));
    let line = line.expect("a line of that kind");
    let binary = env!("CARGO_BIN_EXE_hushwatch");
    let mut command = Command::new("/bin/sh");
    command
        .args([
            "-c",
            &line.replace("./target/release/hushwatch", &format!("exec {binary}")),
        ])
        .current_dir(folder)
        .env_clear()
        .env("DYNO", format!("{kind}.1"))
        .envs(vars.iter().map(|(k, v)| (*k, v)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn stop(worker: Child) -> String {
    let id = worker.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.expect("kill runs").success());
    let output = worker.wait_with_output().expect("ended");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    said
}

fn cycles(slack: &Slack) -> usize {
    slack.pings().len()
}

#[test]
fn a_worker_dyno_keeps_everything_in_its_database() {
    let Some(cluster) = cluster() else { return };
    let database = super::name(&cluster.database());
    let world = World::new(Process::New, "");
    let now = hushwatch::clock::now();
    let span = Span::new(now - 30 * HOUR, now + HOUR);
    world
        .shop
        .generate("outbound", span, &Profile::constant(60.0).without_bounces());
    world.shop.bounce_wave(
        "outbound",
        Span::new(now - HOUR, span.until),
        0.5,
        "Blocked",
    );
    world.postmark.set_now(now);
    let vars = [
        ("DATABASE_URL", over_tcp(cluster, &database, "")),
        ("HUSHWATCH_STORE__TLS", "require".to_owned()),
        ("POSTMARK_SERVER_TOKEN", world.shop.token()),
        ("SLACK_WEBHOOK_URL", world.slack.webhook_url()),
        ("HUSHWATCH_POSTMARK__BASE_URL", world.postmark.base_url()),
        ("HUSHWATCH_HEARTBEAT__URL", world.slack.heartbeat_url()),
    ];
    let disk = || tempfile::tempdir().expect("an empty disk");
    let folder = disk();
    let release = dyno("release", folder.path(), &vars)
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&release.stderr).into_owned();
    assert!(release.status.success(), "{said}");
    assert_line(&said, &not_verified(cluster, &database));
    assert!(!said.contains("WILL BE LOST"), "{said}");
    for nth in 1..=2 {
        let folder = disk();
        let worker = dyno("worker", folder.path(), &vars)
            .spawn()
            .expect("started");
        wait_until("a cycle", || cycles(&world.slack) >= nth);
        stop(worker);
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("read").collect();
        assert!(left.is_empty(), "{left:?}");
    }
    let posted = world.alerts();
    let hellos = posted.iter().filter(|text| text.starts_with("👋")).count();
    assert_eq!(
        (posted.len(), hellos),
        (2, 1),
        "a restart says nothing: {posted:#?}"
    );
}

#[test]
fn a_dyno_without_a_database_says_what_it_will_lose() {
    let world = World::new(Process::New, "");
    world.postmark.set_now(hushwatch::clock::now());
    let folder = tempfile::tempdir().expect("an empty disk");
    let vars = [
        ("POSTMARK_SERVER_TOKEN", world.shop.token()),
        ("HUSHWATCH_POSTMARK__BASE_URL", world.postmark.base_url()),
        ("HUSHWATCH_HEARTBEAT__URL", world.slack.heartbeat_url()),
    ];
    let worker = dyno("worker", folder.path(), &vars)
        .spawn()
        .expect("started");
    wait_until("a cycle", || cycles(&world.slack) > 0);
    let said = stop(worker);
    assert_line(
        &said,
        "WARN THE DATA WILL BE LOST: a dyno's disk is emptied at least once a day, and with it the history, open incidents and unsent messages; attach Heroku Postgres and use a build with `--features full`, which reads its DATABASE_URL",
    );
}
