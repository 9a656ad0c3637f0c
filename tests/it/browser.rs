//! The page in a real browser, with `HUSHWATCH_BROWSER` set to a program that takes pairs of a name and an address: it takes
//! pictures of each, and fails where something is wrong. `.ci/extra browser` runs it.

use std::ffi::OsString;
use std::process::Command;
use std::time::{Duration, Instant};

use hushwatch::clock;
use hushwatch::model::{DAY, HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::Fault;
use hushwatch::sim::postmark::{Mail, Profile, ServerHandle, StreamType};

use crate::page::Daemon;
use crate::world::{Process, World, wait_until};

const ACCOUNT_TOKEN: &str = "account-token-that-nobody-may-see";
/// As many servers as an agency may have.
const MANY: usize = 1_000;
/// Two servers beside `shop`, of which `news` names a stream that there is not.
const SEVERAL: &str = "[[server]]
name = \"news\"
token_env = \"NEWS_TOKEN\"
own_domains = []
streams = [\"outbound\", \"newsleter\"]
[[server]]
name = \"staging\"
token_env = \"STAGING_TOKEN\"
own_domains = []
";

/// Shows pages to the browser; `None` where there is none.
struct Browser(OsString);

impl Browser {
    fn find() -> Option<Self> {
        std::env::var_os("HUSHWATCH_BROWSER").map(Self)
    }

    /// Has each of `pages`, a name and an address, looked at; the name ends in the status that is expected where it is not 200.
    fn look_at(&self, pages: &[(&str, String)]) {
        let mut look = Command::new(&self.0);
        for (name, address) in pages {
            look.args([name, address.as_str()]);
        }
        let looked = look.status().expect("the browser's program runs");
        assert!(looked.success(), "see what it says above");
    }
}

/// The last full hour: the daemon's first cycle comes after it.
fn last_hour() -> Timestamp {
    clock::now().floor(HOUR)
}

/// More in the day than at night, less at weekends, with tags.
fn rhythm(per_hour: f64) -> Profile {
    let profile = Profile::weekly(|hour| {
        let of_day = match hour % 24 {
            0..6 => 0.15,
            6..9 => 0.6,
            9..18 => 1.0,
            _ => 0.5,
        };
        let of_week = if hour / 24 < 5 { 1.0 } else { 0.5 };
        per_hour * of_day * of_week
    });
    profile.tags(&["password-reset", "receipt"])
}

fn fill(server: &ServerHandle, until: Timestamp) {
    let span = Span::new(until - 45 * DAY, until);
    server.generate("outbound", span, &rhythm(40.0));
    server.generate("broadcast", span, &Profile::cron_daily(5, 60));
}

/// A world in which cycles ran for two days, an hour apart, up to the last full hour but one.
fn two_days(file: &str, prepare: impl FnOnce(&World)) -> World {
    let mut world = World::new(Process::One, file);
    fill(&world.shop, last_hour() + HOUR);
    prepare(&world);
    cycles(&mut world, 48);
    world
}

fn cycles(world: &mut World, hours: u32) {
    for hour in (1..=hours).rev() {
        world.cycle(last_hour() - HOUR * hour);
    }
}

/// The daemon after its first cycle.
fn daemon(world: &mut World) -> Daemon {
    let started = clock::now();
    world.postmark.set_now(started);
    let daemon = Daemon::start(world);
    wait_until("a cycle", || {
        let status = world.run(&["status", "--json"]).report;
        let last = status["last_cycle_at"].as_str().and_then(Timestamp::parse);
        last.is_some_and(|last| last >= started)
    });
    daemon
}

fn open_incident(world: &World) -> String {
    let status = world.run(&["status", "--json"]).report;
    let id = status["open_incidents"][0]["incident"].as_str();
    id.expect("an open incident").to_owned()
}

#[test]
fn all_is_well_or_was() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let mut world = two_days("", |world| {
        let wave = Span::new(last_hour() - 30 * HOUR, last_hour() - 28 * HOUR);
        world.shop.bounce_wave("outbound", wave, 0.4, "HardBounce");
    });
    let daemon = daemon(&mut world);
    browser.look_at(&[
        ("well", daemon.url("/")),
        ("well-server", daemon.url("/servers/shop")),
    ]);
    world.set_aside("a wave of bounces that is over");
}

#[test]
fn mail_that_stopped() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let mut world = two_days("", |world| {
        let pause = Span::new(last_hour() - 9 * HOUR, last_hour() + DAY);
        world.shop.stop_sending("outbound", pause);
    });
    let daemon = daemon(&mut world);
    let incident = open_incident(&world);
    let report = world.folder.path().join("report.html");
    let file = report.display().to_string();
    assert_eq!(world.run(&["report", "--html", &file]).code, 0);
    browser.look_at(&[
        ("silence", daemon.url("/")),
        ("silence-server", daemon.url("/servers/shop")),
        (
            "silence-incident",
            daemon.url(&format!("/incidents/{incident}")),
        ),
        ("silence-filtered", daemon.url("/?q=nothing+has+this")),
        ("silence-report", format!("file://{file}")),
    ]);
    world.set_aside("that mail stopped is told");
}

#[test]
fn a_server_that_cannot_be_read() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let mut world = two_days("", |_| ());
    world.set_aside("before it");
    world.shop.always(Fault::Status(503));
    let daemon = daemon(&mut world);
    let unseen = daemon.url("/");
    browser.look_at(&[("unseen", unseen)]);
    drop(daemon);
    world.set_aside("a digest, at some times of the day");

    let mut world = two_days("", |_| ());
    world.set_aside("before it");
    world.shop.always(Fault::Status(401));
    for ago in [50, 40, 30] {
        world.cycle(clock::now() - MINUTE * ago);
    }
    let daemon = self::daemon(&mut world);
    let incident = open_incident(&world);
    browser.look_at(&[
        ("blind", daemon.url("/")),
        (
            "blind-incident",
            daemon.url(&format!("/incidents/{incident}")),
        ),
    ]);
    world.set_aside("that it is blind is told");
}

#[test]
fn the_first_start() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let mut world = World::new(Process::One, "");
    world.env("HUSHWATCH_POSTMARK__TIMEOUT", "10m");
    world.shop.always(Fault::Hang);
    let daemon = Daemon::start(&mut world);
    browser.look_at(&[
        ("first", daemon.url("/")),
        ("first-server", daemon.url("/servers/shop")),
    ]);
    drop(daemon);

    let mut world = World::new(Process::One, "");
    let span = Span::new(clock::now() - DAY, clock::now());
    world.shop.generate("outbound", span, &rhythm(40.0));
    let daemon = self::daemon(&mut world);
    browser.look_at(&[("learning", daemon.url("/"))]);
    world.set_aside("a first start in the middle of mail");
}

#[test]
fn quiet_hours_with_a_warning() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let begun = (last_hour() - 2 * HOUR).to_string();
    let hour = &begun[11..13];
    let quiet = format!("[[quiet]]\nschedule = \"0 0 {hour} * * *\"\nfor = \"8h\"\n");
    let mut world = two_days(&quiet, |world| {
        let wave = Span::new(last_hour() - HOUR, last_hour() + HOUR);
        world.shop.bounce_wave("outbound", wave, 0.4, "HardBounce");
    });
    let daemon = daemon(&mut world);
    browser.look_at(&[("quiet", daemon.url("/"))]);
    world.set_aside("a warning waits");
}

/// A world with a server that sends to nobody, one that names a stream that there is not, one that the account alone knows, and
/// a stream most of whose few messages bounced. Its last cycle was three hours ago.
fn several_states() -> World {
    let mut world = World::new(Process::One, SEVERAL);
    world.env("POSTMARK_ACCOUNT_TOKEN", ACCOUNT_TOKEN);
    world.postmark.set_account_token(ACCOUNT_TOKEN);
    for (name, variable) in [
        ("news", "NEWS_TOKEN"),
        ("staging", "STAGING_TOKEN"),
        ("archive", ""),
    ] {
        let server = world.postmark.server(name);
        fill(&server, last_hour() + HOUR);
        if !variable.is_empty() {
            world.env(variable, &server.token());
        }
    }
    let news = world.postmark.server("news");
    news.add_stream("newsletter", StreamType::Broadcasts);
    world.postmark.server("staging").set_sandbox(true);
    fill(&world.shop, last_hour() + HOUR);
    for hours in [4, 5] {
        let sent = last_hour() - HOUR * hours;
        let mail = Mail::new("invoices", sent, "gone@example.net");
        world.shop.push(mail.bounced("HardBounce", sent + MINUTE));
    }
    for hour in (3..=27).rev() {
        world.cycle(last_hour() - HOUR * hour);
    }
    world
}

/// Waits until the page says each of `texts`, and does not look at another state by mistake.
fn until_it_says(daemon: &Daemon, texts: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let page = daemon.get("/", "");
        let missing = texts.iter().find(|text| !page.contains(**text));
        let Some(missing) = missing else { return };
        assert!(Instant::now() < deadline, "{missing} is not on\n{page}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_is_not_fine_though_no_rule_says_so() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let mut world = several_states();
    world.set_aside("before it");
    world.env("POSTMARK_ACCOUNT_TOKEN", "refused");
    let unlisted = daemon(&mut world);
    until_it_says(
        &unlisted,
        &[
            "; beside them, ",
            "not polled since ",
            "LOOK</span>",
            "not watched, since it does not exist: newsleter",
            "a Sandbox server, Postmark delivers nothing that it sends",
        ],
    );
    browser.look_at(&[
        ("states", unlisted.url("/")),
        ("states-look", unlisted.url("/servers/shop")),
        ("states-missing", unlisted.url("/servers/news")),
        ("states-sandbox", unlisted.url("/servers/staging")),
        ("states-not-polled", unlisted.url("/servers/archive")),
    ]);
    drop(unlisted);

    world.env("POSTMARK_ACCOUNT_TOKEN", ACCOUNT_TOKEN);
    let daemon = daemon(&mut world);
    until_it_says(&daemon, &["LOOK</span> no incident is open, but "]);
    browser.look_at(&[("look", daemon.url("/"))]);
    world.set_aside("that the account could not be listed is told");
}

#[test]
fn monitoring_that_is_switched_off() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let mut world = World::new(Process::New, "");
    world.env("FLAG_POSTMARK_DELIVERY_MONITOR", "0");
    let daemon = Daemon::start(&mut world);
    browser.look_at(&[("off", daemon.url("/"))]);
}

#[test]
fn a_thousand_servers() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let mut world = World::new(Process::One, "");
    std::fs::write(world.folder.path().join("monitor.toml"), "").expect("written");
    world.env("POSTMARK_SERVER_TOKEN", "");
    world.env("POSTMARK_ACCOUNT_TOKEN", ACCOUNT_TOKEN);
    world.postmark.set_account_token(ACCOUNT_TOKEN);
    world.postmark.delete_server("shop");
    let until = last_hour() + HOUR;
    for number in 0..MANY {
        let server = world.postmark.server(&format!("client-{number:03}"));
        let profile = Profile::constant(3.0).without_bounces();
        server.generate("outbound", Span::new(until - 8 * DAY, until), &profile);
        match number {
            17 => server.stop_sending("outbound", Span::new(until - 20 * HOUR, until)),
            404 => {
                let wave = Span::new(until - 3 * HOUR, until);
                server.bounce_wave("outbound", wave, 0.9, "HardBounce");
            }
            808 => server.always(Fault::Status(503)),
            _ => {}
        }
    }
    cycles(&mut world, 1);
    let daemon = daemon(&mut world);
    browser.look_at(&[
        ("many", daemon.url("/")),
        ("many-filtered", daemon.url("/?q=client-01")),
    ]);
    world.set_aside("some of them are in trouble");
}
