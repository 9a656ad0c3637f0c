//! A simulated Postmark and Slack, a folder, and hushwatch between them, cycle by cycle.

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hushwatch::internals::{
    CheckReport, Context, CycleError, CycleOptions, Notifier, Sources, between_cycles, load_config,
    run_cycle,
};
use hushwatch::model::{HOUR, Timestamp};
use hushwatch::sim::postmark::{Postmark, ServerHandle};
use hushwatch::sim::slack::{CHANNEL, Received, Slack};
use serde_json::Value;

use crate::store;
use crate::words::{is_digest, title};

/// All that the built binary trusts; an authority that signed nothing.
const ROOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/root.pem");
const DATABASE: &str = "HUSHWATCH_DATABASE_URL";
pub(crate) const REACTIONS: &str = "HUSHWATCH_SLACK__REACTIONS";
pub(crate) const HELLO: &str = "HUSHWATCH_SLACK__HELLO";

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Where cycles run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    /// All in this process, as in a daemon.
    One,
    /// Each in a new process of the built binary, as from cron.
    New,
}

/// How a cycle ended.
pub(crate) struct Cycle {
    pub(crate) code: i32,
    pub(crate) report: Value,
    pub(crate) stderr: String,
}

impl Cycle {
    /// One in this process.
    fn from_report(report: &CheckReport) -> Self {
        Self {
            code: i32::from(!report.is_complete()),
            report: serde_json::to_value(report).expect("JSON"),
            stderr: String::new(),
        }
    }

    /// `rule transition` of every step, in order.
    pub(crate) fn steps(&self) -> Vec<String> {
        let all = self.report["transitions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        all.iter()
            .map(|t| format!("{} {}", text(&t["rule"]), text(&t["transition"])))
            .collect()
    }

    /// What could not be done, one text for each.
    pub(crate) fn errors(&self) -> Vec<String> {
        let all = self.report["errors"].as_array().cloned();
        let text = |error: Value| error.as_str().unwrap_or_default().to_owned();
        all.unwrap_or_default().into_iter().map(text).collect()
    }

    /// Whether a part of it panicked, as Rust says so.
    pub(crate) fn panicked(&self) -> bool {
        self.stderr.contains("panicked")
    }

    /// The figures of a stream of the first server.
    pub(crate) fn stream(&self, id: &str) -> Value {
        let streams = self.report["servers"][0]["streams"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        streams
            .into_iter()
            .find(|s| s["id"] == id)
            .unwrap_or(Value::Null)
    }
}

pub(crate) struct World {
    pub(crate) postmark: Postmark,
    pub(crate) slack: Slack,
    pub(crate) shop: ServerHandle,
    pub(crate) folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
    process: Process,
    app: Option<(tokio::runtime::Runtime, Arc<Context>)>,
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a valid instant")
}

/// Copies what is in one folder, and in those in it, into another.
fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("readable") {
        let path = entry.expect("an entry").path();
        let copy = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            std::fs::create_dir(&copy).expect("made");
            copy_folder(&path, &copy);
        } else {
            std::fs::copy(&path, copy).expect("copied");
        }
    }
}

/// Waits for `what`, up to two minutes.
pub(crate) fn wait_until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl World {
    /// One server `shop`, its configuration being `file`.
    pub(crate) fn new(process: Process, file: &str) -> Self {
        let (postmark, slack) = (
            Postmark::start().expect("postmark"),
            Slack::start().expect("slack"),
        );
        let shop = postmark.server("shop");
        let folder = tempfile::tempdir().expect("a folder");
        let server = "[[server]]\nname = \"shop\"\ntoken_env = \"POSTMARK_SERVER_TOKEN\"\nown_domains = [\"example.com\"]\noperator_addresses = [\"ops@example.com\"]\n";
        std::fs::write(
            folder.path().join("monitor.toml"),
            format!("{file}\n{server}"),
        )
        .expect("written");
        let env = [
            ("POSTMARK_SERVER_TOKEN", shop.token()),
            ("SLACK_BOT_TOKEN", slack.bot_token()),
            ("SLACK_OPERATOR_DM_CHANNEL", CHANNEL.to_owned()),
            ("HUSHWATCH_POSTMARK__BASE_URL", postmark.base_url()),
            ("HUSHWATCH_POSTMARK__TIMEOUT", "1s".to_owned()),
            ("HUSHWATCH_SLACK__BASE_URL", slack.base_url()),
            ("HUSHWATCH_SLACK__TIMEOUT", "1s".to_owned()),
            ("HUSHWATCH_SLACK__PACE", "0ms".to_owned()),
            // They are drawn with every digest, which weeks of a scene have many of.
            ("HUSHWATCH_SLACK__PICTURES", "false".to_owned()),
            ("HUSHWATCH_RETRY__ATTEMPTS", "2".to_owned()),
            ("HUSHWATCH_RETRY__INITIAL", "1ms".to_owned()),
            ("HUSHWATCH_RETRY__LONGEST", "5ms".to_owned()),
            (
                "HUSHWATCH_STORE__PATH",
                folder.path().join("hushwatch.db").display().to_string(),
            ),
        ];
        // The scenes are small: by default their waves are judged by the plain threshold.
        let plain = [
            "HUSHWATCH_RULES__BOUNCE_RATE__CONFIDENCE",
            "HUSHWATCH_RULES__SPAM_RATE__CONFIDENCE",
        ];
        let plain = plain.map(|name| (name, "off".to_owned()));
        let plain = plain.into_iter().filter(|_| !file.contains("confidence"));
        // The first message is for the tests of it.
        let quiet = (!file.contains("hello")).then(|| (HELLO, "false".to_owned()));
        // What people answer, too: most scenes count the requests to Slack.
        let unanswered = (!file.contains("reactions")).then(|| (REACTIONS, "false".to_owned()));
        // No test asks the network: the DNS is that of the tests of it.
        let no_dns = (!file.contains("dns_drift"))
            .then(|| ("HUSHWATCH_RULES__DNS_DRIFT__ENABLED", "false".to_owned()));
        let database = store::new_database().map(|url| (DATABASE, url));
        // That a database on a server was used is remembered there.
        let temporary = database
            .is_some()
            .then(|| ("TMPDIR", folder.path().display().to_string()));
        let env = env
            .into_iter()
            .chain(plain)
            .chain(quiet)
            .chain(unanswered)
            .chain(no_dns)
            .chain(database)
            .chain(temporary);
        let env = env.map(|(k, v)| (k.to_owned(), v)).collect();
        Self {
            postmark,
            slack,
            shop,
            folder,
            env,
            process,
            app: None,
        }
    }

    /// The same Postmark, a copy of the folder and a Slack that knows nothing yet.
    pub(crate) fn fork(&self) -> Self {
        self.fork_beside(Slack::start().expect("slack"))
    }

    /// The same Postmark, a copy of the folder and a Slack that shows the same messages.
    pub(crate) fn fork_with_slack(&self) -> Self {
        self.fork_beside(self.slack.fork().expect("slack"))
    }

    fn fork_beside(&self, slack: Slack) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        copy_folder(self.folder.path(), folder.path());
        let mut env = self.env.clone();
        let store = folder.path().join("hushwatch.db").display().to_string();
        env.insert("HUSHWATCH_STORE__PATH".to_owned(), store);
        if let Some(url) = self.database() {
            env.insert(DATABASE.to_owned(), store::copy_of(url));
        }
        env.insert("HUSHWATCH_SLACK__BASE_URL".to_owned(), slack.base_url());
        Self {
            postmark: self.postmark.clone(),
            slack,
            shop: self.shop.clone(),
            folder,
            env,
            process: self.process,
            app: None,
        }
    }

    /// The address of its database; `None` where it is a file.
    pub(crate) fn database(&self) -> Option<&str> {
        let url = self.env.get(DATABASE).map(String::as_str);
        url.filter(|url| !url.is_empty())
    }

    /// Sets a variable, or unsets it with an empty value.
    pub(crate) fn env(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
        self.app = None;
    }

    /// One cycle at `now`.
    pub(crate) fn cycle(&mut self, now: Timestamp) -> Cycle {
        self.postmark.set_now(now);
        // Slack has a clock of its own, which `--now` does not move.
        self.slack.set_now(hushwatch::clock::now());
        match self.process {
            Process::One => {
                Cycle::from_report(&self.cycle_with(Some(now), false).expect("a cycle"))
            }
            Process::New => self.run(&["check", "--json", "--now", &now.to_string()]),
        }
    }

    /// What a cycle at `now` is refused with; all in this process.
    pub(crate) fn refused(&mut self, now: Timestamp) -> CycleError {
        self.postmark.set_now(now);
        let ended = self.cycle_with(Some(now), false);
        ended.expect_err("it is refused")
    }

    /// A cycle that the schedule asks for, at the instant of the store's clock; all in this process.
    #[cfg(feature = "postgres")]
    pub(crate) fn at_the_bell(&mut self) -> Cycle {
        self.slack.set_now(hushwatch::clock::now());
        Cycle::from_report(&self.cycle_with(None, true).expect("a cycle"))
    }

    /// What a minute of `run` does between two cycles, by the machine's clock; all in this process.
    pub(crate) fn minute(&mut self) {
        self.slack.set_now(hushwatch::clock::now());
        let (runtime, app) = self.app();
        runtime.block_on(between_cycles(app)).expect("a minute");
    }

    fn cycle_with(
        &mut self,
        now: Option<Timestamp>,
        scheduled: bool,
    ) -> Result<CheckReport, CycleError> {
        let (runtime, app) = self.app();
        runtime.block_on(run_cycle(app, CycleOptions { now, scheduled }))
    }

    fn app(&mut self) -> &(tokio::runtime::Runtime, Arc<Context>) {
        if self.app.is_none() {
            let file = Some(self.folder.path().join("monitor.toml"));
            let config = load_config(&Sources {
                file,
                env: self.env.clone(),
            })
            .expect("a valid configuration");
            let notifier = Notifier::new(&config.slack, std::io::sink()).expect("a notifier");
            let app = Arc::new(Context::open(config, notifier).expect("an app"));
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            self.app = Some((runtime, app));
        }
        self.app.as_ref().expect("just made")
    }

    /// The environment of the binary.
    pub(crate) const fn variables(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// The built binary with these arguments, not yet started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hushwatch"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            // What is installed on the machine of the tests is no concern of theirs.
            .env("SERVICE_ROOT_FOR_TESTS", self.folder.path())
            .env("SSL_CERT_FILE", ROOTS);
        command.envs(self.env.iter().filter(|(_, v)| !v.is_empty()));
        command
    }

    /// Starts `run`, which logs to `log`.
    pub(crate) fn start_daemon(&self, log: Stdio) -> Child {
        let mut command = self.command(&["run"]);
        let started = command.stdout(Stdio::null()).stderr(log).spawn();
        started.expect("started")
    }

    /// The built binary with these arguments, to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Cycle {
        let mut command = self.command(args);
        let output = command.output().expect("the binary runs");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let report = serde_json::from_str(&stdout).unwrap_or(Value::String(stdout));
        Cycle {
            code: output.status.code().unwrap_or(-1),
            report,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The built binary with these arguments, to its end, whose standard error is systemd's journal: there the log has
    /// priorities and no times.
    pub(crate) fn run_in_journal(&self, args: &[&str]) -> Output {
        let mut journal = tempfile::tempfile().expect("a file");
        let known = journal.metadata().expect("of a file");
        let mut command = self.command(args);
        command.env("JOURNAL_STREAM", format!("{}:{}", known.dev(), known.ino()));
        command.stderr(journal.try_clone().expect("a handle"));
        let mut output = command.output().expect("the binary runs");
        journal.rewind().expect("a file");
        journal.read_to_end(&mut output.stderr).expect("a file");
        output
    }

    /// What a terminal shows of the built binary with these arguments: the command, its output, its errors and its exit code
    /// where that is not 0. What differs between runs is a placeholder, as in [`World::shown`].
    pub(crate) fn transcript(&self, args: &[&str]) -> String {
        let output = self.run_in_journal(args);
        let mut text = format!("$ hushwatch{}\n", args.iter().map(word).collect::<String>());
        text += &String::from_utf8_lossy(&output.stdout);
        if !output.stderr.is_empty() {
            text += "[stderr]\n";
            text += &String::from_utf8_lossy(&output.stderr);
        }
        if !output.status.success() {
            text += &format!("[exit code {}]\n", output.status.code().unwrap_or(-1));
        }
        self.shown(&text)
    }

    /// One transcript after another.
    pub(crate) fn transcripts(&self, commands: &[&[&str]]) -> String {
        let all: Vec<String> = commands.iter().map(|args| self.transcript(args)).collect();
        all.join("\n")
    }

    /// A text with a placeholder for each folder and address, which differ between runs.
    pub(crate) fn shown(&self, output: &str) -> String {
        let folder = self.folder.path().display().to_string();
        let file = || format!("the SQLite file {folder}/hushwatch.db");
        let key = self
            .database()
            .map_or("HUSHWATCH_STORE__PATH", |_| DATABASE);
        let changing = [
            (
                self.database().map_or_else(file, store::place_of),
                "<database>",
            ),
            (format!("<database> ({key})"), "<database> (<key>)"),
            (folder, "<folder>"),
            (self.postmark.base_url(), "<postmark>"),
            (self.slack.base_url(), "<slack>"),
        ];
        let hide = |text: String, (found, shown): &(String, &str)| text.replace(found, shown);
        changing.iter().fold(output.to_owned(), hide)
    }

    /// A cycle every hour from `from` to `until`, both included; the last one.
    pub(crate) fn hours(&mut self, from: &str, until: &str) -> Cycle {
        let (mut now, until) = (at(from), at(until));
        loop {
            let cycle = self.cycle(now);
            if now >= until {
                return cycle;
            }
            now = now + HOUR;
        }
    }

    /// Messages in Slack since the last call that are no digest, by their first line.
    #[must_use = "what was posted is to be asserted, or set aside with a reason"]
    pub(crate) fn alerts(&self) -> Vec<String> {
        let mut posted = self.posted();
        posted.retain(|line| !is_digest(line));
        posted
    }

    /// Messages in Slack since the last call, digests too, by their first line.
    #[must_use = "what was posted is to be asserted, or set aside with a reason"]
    pub(crate) fn posted(&self) -> Vec<String> {
        self.slack.take().iter().map(first_line).collect()
    }

    /// Asserts that digests alone were posted since the last call, one for each of `days`, and that each says "all normal".
    pub(crate) fn assert_all_normal(&self, days: &[&str]) {
        let posted = self.posted();
        let of_day = |(line, day): (&String, &&str)| {
            line.starts_with(&format!("📋 Daily digest, {day}: all normal, "))
        };
        let all = posted.iter().zip(days).all(of_day);
        assert!(all && posted.len() == days.len(), "{days:?} {posted:#?}");
    }

    /// Counts what was posted so far as read.
    pub(crate) fn set_aside(&self, _reason: &str) {
        drop(self.slack.take());
    }
}

/// An argument after a space, in quotes where a shell needs them.
fn word(arg: &&str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@-_.:/+=".contains(c);
    match !arg.is_empty() && arg.chars().all(is_plain) {
        true => format!(" {arg}"),
        false => format!(" {arg:?}"),
    }
}

/// A line in which `Mon 2 Mar 10:00`, with or without its year, is a placeholder.
pub(crate) fn without_times(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let (mut rest, mut shown) = (words.as_slice(), Vec::new());
    loop {
        rest = match rest {
            [] => return shown.join(" "),
            [day, _, _, year, time, after @ ..]
                if WEEKDAYS.contains(day) && year.len() == 4 && time.contains(':') =>
            {
                shown.push("<time>");
                after
            }
            [day, _, _, time, after @ ..] if WEEKDAYS.contains(day) && time.contains(':') => {
                shown.push("<time>");
                after
            }
            [word, after @ ..] => {
                shown.push(word);
                after
            }
        };
    }
}

fn first_line(message: &Received) -> String {
    title(&message.plain).to_owned()
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(
                self.postmark.unexpected(),
                Vec::<String>::new(),
                "requests Postmark does not document"
            );
            assert_eq!(
                self.slack.unexpected(),
                Vec::<String>::new(),
                "payloads Slack refuses"
            );
            let unread = self.slack.unread();
            let unread: Vec<String> = unread.iter().map(first_line).collect();
            assert_eq!(unread, Vec::<String>::new(), "messages nobody looked at");
        }
    }
}

/// Runs each test twice: with every cycle in one process, and with every cycle in a new one.
macro_rules! both {
    ($($name:ident)*) => {
        mod in_one_process {
            $(#[test] fn $name() { super::$name(crate::world::Process::One) })*
        }
        mod in_new_processes {
            $(#[test] fn $name() { super::$name(crate::world::Process::New) })*
        }
    };
}
pub(crate) use both;
