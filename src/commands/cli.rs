//! The command line: the global options and the verbs. The arguments of a verb stand beside its work.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::commands::backtest::BacktestArgs;
use crate::commands::backup::{BackupArgs, RestoreArgs};
use crate::commands::chart::ChartArgs;
use crate::commands::check::CheckArgs;
use crate::commands::config::ConfigCommand;
use crate::commands::copy::CopyArgs;
use crate::commands::digest::DigestArgs;
use crate::commands::doctor::{self, DoctorArgs};
use crate::commands::explain::ExplainArgs;
use crate::commands::healthcheck::HealthcheckArgs;
use crate::commands::incident::IncidentArgs;
use crate::commands::incidents::IncidentsArgs;
#[cfg(feature = "manual")]
use crate::commands::man::ManArgs;
use crate::commands::mute::{MuteArgs, UnmuteArgs};
use crate::commands::query::{BouncesArgs, MessageArgs, MessagesArgs, StatsArgs, SuppressionsArgs};
use crate::commands::recent::RecentArgs;
use crate::commands::report::ReportArgs;
use crate::commands::sentry_rule::SentryRuleArgs;
use crate::commands::stdout::check_written;
use crate::commands::{CommandResult, USAGE};
use crate::config::refuse_secret_in_text;
use crate::model::Timestamp;
use crate::telemetry::LogFormat;

const GLOBAL: &str = "Global options";

/// Watch the mail you send through Postmark, and alert Slack when it stops or bounces
#[derive(Debug, Parser)]
#[command(
    name = "hushwatch",
    version,
    after_help = "Example: hushwatch demo        # without an account"
)]
pub struct Cli {
    /// Configuration file [default: monitor.toml in the current folder, if it exists]
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    pub config: Option<PathBuf>,
    /// Format of the log on standard error: text or json
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        hide_possible_values = true,
        help_heading = GLOBAL
    )]
    pub log_format: LogFormat,
    /// The verb
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Parses the arguments of this process.
    ///
    /// # Errors
    /// How it ends where they are wrong, or ask for the help or the version, which is printed.
    pub fn of_process() -> Result<Self, CommandResult> {
        Self::try_parse().map_err(|shown| {
            let written = check_written(shown.print());
            let code = if shown.use_stderr() { USAGE } else { 0 };
            written.map(|_| code)
        })
    }
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon: one cycle at once, then on `schedule`
    #[command(after_help = "Example: POSTMARK_SERVER_TOKEN=… SLACK_WEBHOOK_URL=… hushwatch run")]
    Run,
    /// Run one cycle (poll, evaluate, deliver) and exit, for cron
    #[command(
        after_help = "Exit code: 0 completed; 1 a server could not be polled or a message is still pending;\n2 wrong usage or configuration; with --exit-code: 10 completed, and an incident is open.\n\nExample: hushwatch check --json | jq .open_incidents"
    )]
    Check(CheckArgs),
    /// Send the digest of the latest ended period, unless it was already sent
    #[command(after_help = "Example: hushwatch digest --print")]
    Digest(DigestArgs),
    /// Show coverage, last mail, rates, open incidents and pending messages
    #[command(after_help = "Example: hushwatch status --json")]
    Status(ViewArgs),
    /// Print the newest deliveries, bounces and complaints as JSON
    #[command(after_help = "Example: hushwatch recent | jq .counts_24h")]
    Recent(RecentArgs),
    /// Replay past mail through the rules and report what would have fired
    #[command(
        after_help = "Each line of EVENTS is one message; lines are ordered by sent_at:\n  \
                            {\"id\",\"server\",\"stream\",\"sent_at\",\"delivered_at\",\"bounced_at\",\"bounce_type\",\"complained_at\"}\n\
                            Times are RFC 3339; the last four may be null. A file needs no token, Slack or database.\n\n\
                            Examples: hushwatch backtest --days 45\n          \
                            hushwatch backtest events.ndjson --from 2026-02-01T00:00:00Z --format json"
    )]
    Backtest(BacktestArgs),
    /// Explain one incident: why it opened, its evidence, its messages, and what to do next
    #[command(
        after_help = "Every alert, the digest and `hushwatch status` show the id.\n\n\
                            Examples: hushwatch explain jbeqp4ec\n          hushwatch explain jbeqp4ec --json | jq .messages"
    )]
    Explain(ExplainArgs),
    /// List the incidents that are open or opened in a range of time, newest first
    #[command(after_help = "Without --since: the last 30 days.\n\n\
                      Examples: hushwatch incidents\n          hushwatch incidents --since 90d --json | jq '.[] | select(.verdict == null) | .id'")]
    Incidents(IncidentsArgs),
    /// Close an incident, say whether it was real, or accept the server that a changed token belongs to
    #[command(
        after_help = "A closed incident opens again if it still stands after 24 hours, or once it is twice as bad.\n\n\
                      Examples: hushwatch incident jbeqp4ec --close\n          hushwatch incident jbeqp4ec --false-alarm"
    )]
    Incident(IncidentArgs),
    /// Draw the mail of a server or stream over time, as PNG or SVG
    #[command(
        after_help = "Without --since: the last 7 days. Without --server, where there are several: their last 24 hours, the worst first.\n\n\
                      Examples: hushwatch chart --server shop --since 7d -o shop.png\n          \
                      hushwatch chart --server shop --stream outbound --since 2026-03-01 -o march.svg"
    )]
    Chart(ChartArgs),
    /// Write everything that is watched into one file: states, pictures, incidents and their explanations
    #[command(
        after_help = "The file needs no server, no script and no network.\n\nExample: hushwatch report --html report.html --since 45d"
    )]
    Report(ReportArgs),
    /// List the newest messages of every stream
    #[command(
        after_help = "Asks Postmark, not the database. Times are read and shown in `time_zone`.\n\n\
                            Examples: hushwatch messages --recipient jane@example.com --since 3d\n          \
                            hushwatch messages --tag password-reset --since 2026-03-02 --until '2026-03-02 12:00'\n          \
                            hushwatch messages --status queued --json | jq '.messages[].id'"
    )]
    Messages(MessagesArgs),
    /// Show what became of one message
    #[command(after_help = "Example: hushwatch message 21895802-5d50-442b-b039-27cf5b462c54")]
    Message(MessageArgs),
    /// List the newest bounces and complaints of every stream
    #[command(
        after_help = "Asks Postmark, not the database. Times are read and shown in `time_zone`.\n\n\
                            Examples: hushwatch bounces --type HardBounce --since 24h\n          \
                            hushwatch bounces --recipient @example.com --inactive --json"
    )]
    Bounces(BouncesArgs),
    /// Show counts and rates of a range, as stored and as Postmark counts them
    #[command(
        after_help = "Without --since: the last 7 days. The output says why the two differ.\n\n\
                            Examples: hushwatch stats --since 30d --by-day\n          \
                            hushwatch stats --since 2026-03-01 --until 2026-03-07 --stream outbound --json"
    )]
    Stats(StatsArgs),
    /// List the addresses that get no mail any more, or reactivate one
    #[command(
        after_help = "Asks Postmark, not the database. Complaints cannot be reactivated.\n\n\
                            Examples: hushwatch suppressions --address ops@example.com\n          \
                            hushwatch suppressions --domain example.com --reason hard-bounce --json\n          \
                            hushwatch suppressions --reactivate ops@example.com --yes"
    )]
    Suppressions(SuppressionsArgs),
    /// Check token, streams, Slack, database, clock, rules, DNS and SMTP relay; change nothing
    #[command(after_help = doctor::args::EXAMPLES)]
    Doctor(DoctorArgs),
    /// Ask the page of a running daemon whether it lives, for the health check of a container
    #[command(
        after_help = "Needs `page.listen`. Prints a word. Exit code: 0 it lives, or with --ready: it does its work; 1 it does not.\n\nExample: hushwatch healthcheck"
    )]
    Healthcheck(HealthcheckArgs),
    /// Mute alerts for a while: of one server, of one rule, or all of them
    #[command(
        after_help = "Incidents are still recorded; those that are open when the mute ends are reported in one message.\n\
                      A new mute of the same server and rule replaces the old one, unless it is planned.\n\n\
                      Examples: hushwatch mute --for 2h --reason \"migration\"               # everything: the emergency stop\n          \
                      hushwatch mute --server shop --rule bounce_rate --for 1d --reason \"known list\"\n          \
                      hushwatch mute --from '2026-03-07 22:00' --until '2026-03-08 02:00' --reason \"database move\"\n          \
                      hushwatch mute --list"
    )]
    Mute(MuteArgs),
    /// End one mute, or all of them
    #[command(
        after_help = "Examples: hushwatch unmute\n          hushwatch unmute --server shop --rule bounce_rate"
    )]
    Unmute(UnmuteArgs),
    /// Check or show the configuration
    #[command(after_help = "Example: hushwatch config check && hushwatch config show")]
    Config {
        /// The action
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Bring the database schema up to date and exit, for a release phase; `run` and `check` do it too
    #[command(after_help = "Example: hushwatch migrate")]
    Migrate,
    /// Write a copy of the database file, also while `run` works
    #[command(
        after_help = "The file is whole and needs no other file beside it. PostgreSQL: use pg_dump, or `copy`.\n\n\
                      Example: hushwatch backup /backup/hushwatch-$(date +%F).db"
    )]
    Backup(BackupArgs),
    /// Put a backup in the place of the database file, while nothing runs
    #[command(
        after_help = "The file is checked first. Messages that were not sent when it was written are looked for in Slack before they are sent.\n\n\
                      Example: hushwatch restore /backup/hushwatch-2026-03-02.db --force"
    )]
    Restore(RestoreArgs),
    /// Copy everything that is stored into another database, of either engine
    #[command(
        after_help = "Stop every hushwatch first. The copy is one transaction, and each table is read back and compared.\n\
                      Other users of the machine see a URL on a command line: env:NAME takes it from a variable.\n\
                      No configuration file is read.\n\n\
                      Examples: hushwatch copy --from hushwatch.db --to env:DATABASE_URL\n          \
                      hushwatch copy --from 'postgres://hushwatch@db.example.com/mail' --to sqlite:hushwatch.db"
    )]
    Copy(CopyArgs),
    /// Create the alert rule of Sentry that watches for missing tokens, or bring it up to date
    #[command(
        after_help = "Needs SENTRY_AUTH_TOKEN with the scopes alerts:write and project:read; SENTRY_URL [default: https://sentry.io].\n\
                      The rule is found by its exact name, written, read back and compared.\n\n\
                      Exit code: 0 done; 1 not done, with --check also missing or changed; 2 wrong usage.\n\n\
                      Examples: hushwatch sentry-rule --org example --project mail --dry-run\n          \
                      hushwatch sentry-rule --org example --project mail --check"
    )]
    SentryRule(SentryRuleArgs),
    /// Print a script that completes commands and options in your shell
    #[cfg(feature = "manual")]
    #[command(
        after_help = "Examples: hushwatch completions bash > /usr/share/bash-completion/completions/hushwatch\n          \
                            hushwatch completions zsh > ~/.zfunc/_hushwatch"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a man page, or write the pages of all verbs
    #[cfg(feature = "manual")]
    #[command(
        after_help = "Examples: hushwatch man config show | man -l -\n          hushwatch man --out /usr/share/man/man1"
    )]
    Man(ManArgs),
    /// Run everything on a simulated Postmark and Slack, without account or network
    #[cfg(feature = "demo")]
    #[command(after_help = "Example: hushwatch demo | less")]
    Demo,
}

impl Command {
    /// Returns the file that its log and its error go to; `None` for standard error.
    pub fn log_file(&self) -> Option<&Path> {
        match self {
            Self::Check(args) => args.log_file.as_deref(),
            _ => None,
        }
    }
}

#[cfg(feature = "postgres")]
impl Command {
    /// Whether it reads or writes what is stored, apart from `doctor`, which reports by itself what is wrong with it.
    pub(super) const fn works_on_store(&self) -> bool {
        matches!(
            self,
            Self::Run
                | Self::Check(_)
                | Self::Digest(_)
                | Self::Status(_)
                | Self::Recent(_)
                | Self::Chart(_)
                | Self::Report(_)
                | Self::Explain(_)
                | Self::Incidents(_)
                | Self::Incident(_)
                | Self::Stats(_)
                | Self::Mute(_)
                | Self::Unmute(_)
                | Self::Migrate
                | Self::Backup(_)
        )
    }
}

/// Arguments of the verbs that show what is stored.
#[derive(Debug, Args)]
pub struct ViewArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Show mutes as of this instant (RFC 3339) [default: the clock]
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    pub now: Option<Timestamp>,
}

/// Who does something that messages then show.
#[derive(Debug, Args)]
pub struct PersonArgs {
    /// Your name, which messages show [default: $USER, else unknown]
    #[arg(
        long,
        value_name = "NAME",
        env = "USER",
        hide_env = true,
        default_value = "unknown",
        hide_default_value = true
    )]
    pub by: String,
}

impl PersonArgs {
    /// Refuses a secret, which messages would show.
    ///
    /// # Errors
    /// How the verb ends.
    pub(crate) fn check(&self) -> Result<(), (u8, String)> {
        refuse_secret_in_text("`--by`", &self.by).map_err(|problem| (USAGE, problem.to_string()))
    }
}

/// Arguments of the verbs that do something at a present.
#[derive(Debug, Args)]
pub struct PresentArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Take this instant as the present (RFC 3339) [default: the clock]
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    pub now: Option<Timestamp>,
}

pub(crate) fn parse_instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| "must be RFC 3339, such as 2026-03-02T10:00:00Z".to_owned())
}

#[cfg(all(test, feature = "demo", feature = "manual"))]
mod tests;
