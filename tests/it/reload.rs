//! `run` reads its configuration again when it is asked to, as by `systemctl reload`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hushwatch::model::{HOUR, Span};
use hushwatch::sim::postmark::Profile;

use crate::words::bare;
use crate::world::{Process, World, wait_until};

/// A daemon whose log is read and whose supervisor listens.
struct Daemon {
    world: World,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    supervisor: UnixDatagram,
}

impl Daemon {
    /// Starts it and waits for its first cycle.
    fn start(world: World) -> Self {
        let daemon = Self::launch(world);
        wait_until("the first cycle", || !daemon.world.slack.pings().is_empty());
        daemon
    }

    /// Starts it and waits until it is ready.
    fn launch(mut world: World) -> Self {
        let notify = world.folder.path().join("notify");
        let supervisor = UnixDatagram::bind(&notify).expect("bound");
        let limit = Some(Duration::from_secs(20));
        supervisor.set_read_timeout(limit).expect("set");
        world.env("NOTIFY_SOCKET", &notify.display().to_string());
        world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
        world.postmark.set_now(hushwatch::clock::now());
        let mut child = world.start_daemon(Stdio::piped());
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                written
                    .lock()
                    .expect("no panic")
                    .push(bare(&line).to_owned());
            }
        });
        let daemon = Self {
            world,
            child,
            log,
            supervisor,
        };
        assert_eq!(daemon.said(), "READY=1\n");
        daemon
    }

    fn file(&self) -> PathBuf {
        self.world.folder.path().join("monitor.toml")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).expect("read")
    }

    /// Changes the file and asks for a reload; what the supervisor is told when it is over.
    fn reload(&self, text: &str) -> String {
        std::fs::write(self.file(), text).expect("written");
        self.hang_up()
    }

    fn hang_up(&self) -> String {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &id]).status();
        assert!(sent.expect("kill runs").success());
        let begun = self.said();
        let (reloading, at) = begun.split_once('\n').expect("two lines");
        assert_eq!(reloading, "RELOADING=1");
        assert!(at.starts_with("MONOTONIC_USEC="), "{begun}");
        let ended = self.said();
        let status = ended.strip_prefix("READY=1\nSTATUS=").expect("it is ready");
        status.trim_end().to_owned()
    }

    fn said(&self) -> String {
        let mut said = [0; 512];
        let length = self.supervisor.recv(&mut said).expect("a state");
        String::from_utf8_lossy(&said[..length]).into_owned()
    }

    fn has_logged(&self, line: &str) -> bool {
        let log = self.log.lock().expect("no panic");
        log.iter().any(|logged| logged.contains(line))
    }

    /// What the page answers.
    fn page(&self, target: &str) -> String {
        let log = self.log.lock().expect("no panic").clone();
        let address = log
            .iter()
            .find_map(|line| line.split_once("the page is at http://"));
        let address = address.expect("it listens").1.trim_end_matches('/');
        let mut socket = TcpStream::connect(address).expect("connected");
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("answered");
        answer
    }

    fn pings(&self) -> usize {
        self.world.slack.pings().len()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.world.set_aside("what was to be seen was looked at");
    }
}

fn with_mail() -> World {
    let world = World::new(Process::New, "");
    let now = hushwatch::clock::now();
    world.shop.generate(
        "outbound",
        Span::new(now - 5 * HOUR, now),
        &Profile::constant(20.0).without_bounces(),
    );
    world
}

#[test]
fn a_server_that_was_added_is_polled_and_what_is_known_stays() {
    let mut world = with_mail();
    let depot = world.postmark.server("depot");
    world.env("DEPOT_TOKEN", &depot.token());
    let daemon = Daemon::start(world);
    let more = "[[server]]\nname = \"depot\"\ntoken_env = \"DEPOT_TOKEN\"\n";
    assert_eq!(depot.count("/messages/outbound"), 0);
    let before = daemon.pings();
    let status = daemon.reload(&format!("{}{more}", daemon.text()));
    assert_eq!(status, "Reloaded");
    wait_until("a cycle at once", || daemon.pings() > before);
    assert!(depot.count("/messages/outbound") > 0, "it is polled");
    let status = daemon.world.run(&["status", "--json"]).report;
    let names: Vec<_> = status["servers"]
        .as_array()
        .expect("servers")
        .iter()
        .map(|s| s["name"].clone())
        .collect();
    assert_eq!(names, ["shop", "depot"]);
}

#[test]
fn a_schedule_that_changed_is_kept_from_then_on() {
    let daemon = Daemon::start(with_mail());
    let text = daemon.text();
    let before = daemon.pings();
    daemon.reload(&format!("schedule = \"* * * * * *\"\n{text}"));
    wait_until("a cycle each second", || daemon.pings() > before + 3);
    daemon.reload(&format!("schedule = \"0 0 0 1 1 *\"\n{text}"));
    wait_until("the cycle of the reload", || {
        daemon.has_logged("the configuration was reloaded")
    });
    let id = daemon.child.id();
    // Ticks that were sent before the old schedule ended are worked off; then none come.
    wait_until("the last cycle", || {
        let before = daemon.pings();
        std::thread::sleep(Duration::from_millis(2500));
        daemon.pings() == before
    });
    assert_eq!(daemon.child.id(), id);
}

#[test]
fn a_bad_configuration_is_told_once_and_the_old_one_kept() {
    let daemon = Daemon::start(with_mail());
    daemon.world.set_aside("before what is tested");
    let good = daemon.text();
    let bad = format!("[rules.bounce_rate]\ntreshold = 0.02\n{good}");
    let status = daemon.reload(&bad);
    assert_eq!(
        status,
        "Not reloaded: 1 problem in the configuration; see the log"
    );
    let alert = "🟠 WARN hushwatch did not reload its configuration: it cannot be understood";
    assert_eq!(daemon.world.alerts(), [alert]);
    wait_until("a line in the log", || {
        daemon.has_logged("the configuration was not reloaded: monitor.toml: ")
    });
    daemon.hang_up();
    assert_eq!(
        daemon.world.alerts(),
        Vec::<String>::new(),
        "the same is not told again"
    );
    assert_eq!(daemon.reload(&good), "Reloaded, nothing changed");
    daemon.reload(&bad);
    assert_eq!(daemon.world.alerts(), [alert], "it was good in between");
    std::fs::remove_file(daemon.file()).expect("removed");
    let status = daemon.hang_up();
    assert!(
        status.starts_with("Not reloaded"),
        "a file that is gone is no empty one: {status}"
    );
    assert_eq!(daemon.world.alerts(), [alert]);
}

#[test]
fn while_it_is_switched_off_nothing_is_read_and_that_is_said() {
    let mut world = with_mail();
    world.env("FLAG_POSTMARK_DELIVERY_MONITOR", "0");
    let daemon = Daemon::launch(world);
    assert_eq!(
        daemon.hang_up(),
        "Not reloaded: switched off by FLAG_POSTMARK_DELIVERY_MONITOR; unset it and restart"
    );
    let line = "received SIGHUP: nothing is read again, since FLAG_POSTMARK_DELIVERY_MONITOR switches monitoring off; unset it and \
                restart `run`";
    wait_until("a line in the log", || daemon.has_logged(line));
    assert!(!daemon.has_logged("the configuration is read again"));
}

#[test]
fn what_cannot_change_while_it_runs_needs_a_restart() {
    let daemon = Daemon::start(with_mail());
    let status = daemon.reload(&format!(
        "{}\n[page]\nlisten = \"127.0.0.1:0\"\n",
        daemon.text()
    ));
    assert_eq!(
        status,
        "Reloaded, nothing changed; restart to use the new page ([page])"
    );
    let line = "page ([page]) cannot change while `run` works: restart it to use the new one";
    wait_until("a line in the log", || daemon.has_logged(line));
}

#[test]
fn the_page_shows_what_was_reloaded() {
    let mut world = World::new(Process::New, "[page]\nlisten = \"127.0.0.1:0\"\n");
    let depot = world.postmark.server("depot");
    world.env("DEPOT_TOKEN", &depot.token());
    let daemon = Daemon::start(world);
    let shown = || daemon.page("/api/status").contains("\"depot\"");
    assert!(!shown());
    let more = "[[server]]\nname = \"depot\"\ntoken_env = \"DEPOT_TOKEN\"\n";
    daemon.reload(&format!("{}{more}", daemon.text()));
    wait_until("the new server on the page", shown);
}
