//! The whole thing on a simulated Postmark and Slack: six weeks of history, then four accelerated days with a bounce
//! wave, a silence, an outage of the API, and their ends.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::commands::explain::report_text;
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE};
use crate::config::{self, Sources};
use crate::cycle::{Context, CycleOptions, Notifier, run_cycle};
use crate::model::{DAY, HOUR, Span, Timestamp};
use crate::overview::{collect_status, load_report};
use crate::sim::Fault;
use crate::sim::postmark::{Postmark, Profile, ServerHandle};
use crate::sim::slack::{CHANNEL, Received, Slack};

/// A Monday, so that the days that follow are work days.
const START: &str = "2026-03-02T00:00:00Z";
const DAYS: u32 = 4;

pub(super) async fn demo() -> CommandResult {
    match play().await {
        Ok(()) => Ok(0),
        Err(error) => Err((INCOMPLETE, format!("the demo failed: {error:#}"))),
    }
}

async fn play() -> anyhow::Result<()> {
    let start = Timestamp::parse(START).context("the demo's start")?;
    let end = start + DAYS * DAY + 12 * HOUR;
    let (postmark, slack) = (Postmark::start()?, Slack::start()?);
    say(
        "hushwatch demo: a simulated Postmark and a simulated Slack on loopback, no account and no network needed.\n",
    )?;
    let shop = postmark.server("shop");
    write_history(&shop, start, end);
    tell_the_story(&shop, start);
    let folder = Folder::new()?;
    let app = app(&postmark, &shop, &slack, &folder)?;
    say(
        "The shop sends about 60 mails an hour on work days, with 0.5% bounces. First start: reading 45 days of history…\n",
    )?;
    let mut first = None;
    let mut at = start;
    while at <= end {
        if at >= start + 2 * DAY + 18 * HOUR && at < start + 2 * DAY + 23 * HOUR {
            shop.always(Fault::Status(503));
        } else {
            shop.clear_faults();
        }
        announce(at.since(start))?;
        postmark.set_now(at);
        slack.set_now(at);
        let options = CycleOptions {
            now: Some(at),
            scheduled: false,
        };
        run_cycle(&app, options).await.context("a cycle")?;
        for message in slack.take() {
            say(&format!(
                "── Slack, {} ──\n{}\n",
                crate::text::format::format_time(at, crate::model::Zone::UTC),
                message.plain
            ))?;
            first = first.or_else(|| incident_of(&message));
        }
        at = at + HOUR;
    }
    let first = first.context("an incident")?;
    say(&format!("── hushwatch explain {first} ──"))?;
    let report = load_report(&app.config, &app.store, &first, None).await?;
    say(&report_text(&report.context("it is stored")?, &app))?;
    say("── hushwatch status ──")?;
    let status = collect_status(&app.config, &app.store, Some(end)).await?;
    say(&status.to_text("a database of the demo, removed at its end", app.style()))?;
    anyhow::ensure!(
        slack.unexpected().is_empty(),
        "Slack refused: {:?}",
        slack.unexpected()
    );
    anyhow::ensure!(
        postmark.unexpected().is_empty(),
        "Postmark did not know: {:?}",
        postmark.unexpected()
    );
    Ok(())
}

fn incident_of(message: &Received) -> Option<String> {
    let metadata = message.metadata.as_ref()?;
    let id = metadata.pointer("/event_payload/incident")?.as_str()?;
    Some(id.to_owned())
}

fn write_history(shop: &ServerHandle, start: Timestamp, end: Timestamp) {
    let day = Profile::weekly(|hour| match (hour / 24, hour % 24) {
        (0..=4, 7..=18) => 60.0,
        (0..=4, _) => 6.0,
        _ => 4.0,
    });
    shop.generate("outbound", Span::new(start - 42 * DAY, end), &day);
}

fn tell_the_story(shop: &ServerHandle, start: Timestamp) {
    let hours = |from: u32, until: u32| Span::new(start + HOUR * from, start + HOUR * until);
    shop.bounce_wave("outbound", hours(33, 36), 0.12, "HardBounce");
    shop.stop_sending("outbound", hours(58, 63));
    shop.bounce_wave("outbound", hours(66, 68), 0.6, "Blocked");
    shop.stop_delivery("outbound", hours(80, 86));
}

fn announce(since: Duration) -> anyhow::Result<()> {
    let line = match since.as_secs() / 3600 {
        33 => "Tuesday 09:00: a bad list is mailed, every eighth mail bounces.",
        58 => "Wednesday 10:00: the queue of the application stops. Nothing is sent.",
        66 => {
            "Wednesday 18:00: Postmark's API is down for five hours. Mail still flows, nobody sees it, and some bounces."
        }
        71 => "Wednesday 23:00: the API is back.",
        80 => "Thursday 08:00: mail is accepted and no longer delivered.",
        _ => return Ok(()),
    };
    say(&format!("▶ {line}\n"))
}

fn app(
    postmark: &Postmark,
    shop: &ServerHandle,
    slack: &Slack,
    folder: &Folder,
) -> anyhow::Result<Arc<Context>> {
    let (file, database) = (folder.0.join("monitor.toml"), folder.0.join("demo.db"));
    std::fs::write(
        &file,
        "[[server]]\nname = \"shop\"\ntoken_env = \"POSTMARK_SERVER_TOKEN\"\nown_domains = [\"example.com\"]\n",
    )?;
    let env = [
        ("POSTMARK_SERVER_TOKEN", shop.token()),
        ("SLACK_BOT_TOKEN", slack.bot_token()),
        ("SLACK_OPERATOR_DM_CHANNEL", CHANNEL.to_owned()),
        ("HUSHWATCH_POSTMARK__BASE_URL", postmark.base_url()),
        ("HUSHWATCH_SLACK__BASE_URL", slack.base_url()),
        ("HUSHWATCH_SLACK__PACE", "0ms".to_owned()),
        // Its domains are made up, and the network is none of its business.
        ("HUSHWATCH_RULES__DNS_DRIFT__ENABLED", "false".to_owned()),
        ("HUSHWATCH_RETRY__INITIAL", "1ms".to_owned()),
        ("HUSHWATCH_RETRY__LONGEST", "5ms".to_owned()),
        ("HUSHWATCH_STORE__PATH", database.display().to_string()),
    ];
    let sources = Sources {
        file: Some(file),
        env: env.map(|(name, value)| (name.to_owned(), value)).into(),
    };
    let config = config::load(&sources)
        .map_err(|problems| anyhow::anyhow!("the demo's configuration: {problems:?}"))?;
    let notifier = Notifier::new(&config.slack, std::io::stdout())?;
    Ok(Arc::new(Context::open(config, notifier)?))
}

/// A folder of its own, removed at the end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("hushwatch-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    print(&format!("{text}\n"))
        .map(drop)
        .map_err(|(_, why)| anyhow::anyhow!(why))
}
