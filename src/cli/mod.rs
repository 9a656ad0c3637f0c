//! The arguments. Nothing is executed here.

pub mod doctor;
pub mod mute;
mod query;

pub use query::{
    Bounces, List, MessageArgs, Messages, Place, Reason, Scope, Stats, Status, Suppressions, Window,
};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::model::Timestamp;
use crate::telemetry::LogFormat;

/// Under this stand the options that every verb takes, below its own.
const GLOBAL: &str = "Global options";

/// Asks Postmark every hour whether your mail still flows, and tells Slack when it went silent or bounces.
#[derive(Debug, Parser)]
#[command(
    name = "hushwatch",
    version,
    after_help = "Example: hushwatch demo        # without an account"
)]
pub struct Cli {
    /// The configuration file [default: monitor.toml in this folder, if there is one]
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    pub config: Option<PathBuf>,
    /// How the log is written, on standard error: text or json
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
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The daemon: one cycle at once, then on `schedule`
    #[command(after_help = "Example: POSTMARK_SERVER_TOKEN=… SLACK_WEBHOOK_URL=… hushwatch run")]
    Run,
    /// One cycle (poll, judge, deliver), then exit: for cron
    #[command(
        after_help = "Exit code: 0 completed; 1 a server could not be polled or a message is still pending; 2 wrong usage;\n\
                            with --exit-code 10 completed, and an incident is open.\n\nExample: hushwatch check --json | jq .open_incidents"
    )]
    Check(Check),
    /// Build and send the digest of the latest ended period, if it was not sent
    #[command(after_help = "Example: hushwatch digest --print")]
    Digest(Digest),
    /// Coverage, last mail, rates, open incidents, pending messages
    #[command(after_help = "Example: hushwatch status --json")]
    Status(Stored),
    /// The newest deliveries, bounces and complaints, as JSON
    #[command(after_help = "Example: hushwatch recent | jq .counts_24h")]
    Recent {
        /// At most so many, up to 100
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Replay a past: what would have fired, and how long a stop would go unnoticed
    #[command(
        after_help = "Each line of EVENTS is one message, ordered by sent_at:\n  \
                            {\"id\",\"server\",\"stream\",\"sent_at\",\"delivered_at\",\"bounced_at\",\"bounce_type\",\"complained_at\"}\n\
                            times RFC 3339, the last four may be null. A file needs no token, Slack or database.\n\n\
                            Examples: hushwatch backtest --days 45\n          \
                            hushwatch backtest events.ndjson --from 2026-02-01T00:00:00Z --format json"
    )]
    Backtest(Backtest),
    /// Everything known about one incident: why it opened, what it rests on, who was told, what to do next
    #[command(
        after_help = "The id is in every alert, in the digest and in `hushwatch status`.\n\n\
                            Examples: hushwatch explain jbeqp4ec\n          hushwatch explain jbeqp4ec --json | jq .messages"
    )]
    Explain {
        /// The incident's id
        incident: String,
        /// How it is shown
        #[command(flatten)]
        view: Stored,
    },
    /// The newest messages, from every stream
    #[command(
        after_help = "Asks Postmark, not the database. Times are read and shown in `time_zone`.\n\n\
                            Examples: hushwatch messages --recipient jane@example.com --since 3d\n          \
                            hushwatch messages --tag password-reset --since 2026-03-02 --until '2026-03-02 12:00'\n          \
                            hushwatch messages --status queued --json | jq '.messages[].id'"
    )]
    Messages(Messages),
    /// What became of one message
    #[command(after_help = "Example: hushwatch message 21895802-5d50-442b-b039-27cf5b462c54")]
    Message(MessageArgs),
    /// The newest bounces and complaints, from every stream
    #[command(
        after_help = "Asks Postmark, not the database. Times are read and shown in `time_zone`.\n\n\
                            Examples: hushwatch bounces --type HardBounce --since 24h\n          \
                            hushwatch bounces --recipient @example.com --inactive --json"
    )]
    Bounces(Bounces),
    /// Counts and rates of a range, as stored and as Postmark has them
    #[command(
        after_help = "Without --since: the last 7 days. Where both mean something else it says so.\n\n\
                            Examples: hushwatch stats --since 30d --by-day\n          \
                            hushwatch stats --since 2026-03-01 --until 2026-03-07 --stream outbound --json"
    )]
    Stats(Stats),
    /// Who gets no mail any more, on every stream; and one address taken off the lists
    #[command(
        after_help = "Asks Postmark, not the database. Complaints cannot be reactivated.\n\n\
                            Examples: hushwatch suppressions --address ops@example.com\n          \
                            hushwatch suppressions --domain example.com --reason hard-bounce --json\n          \
                            hushwatch suppressions --reactivate ops@example.com --yes"
    )]
    Suppressions(Suppressions),
    /// Pre-flight: token, streams, Slack, database, clock, rules, DNS, SMTP relay. Changes nothing
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::Doctor),
    /// Tell nobody for a while: of one server, one rule, or everything
    #[command(
        after_help = "What happens meanwhile is recorded, and what still stands at the end is told in one message.\n\
                      A new mute of the same server and rule takes the place of the old one.\n\n\
                      Examples: hushwatch mute --for 2h --reason \"migration\"               everything: the emergency stop\n          \
                      hushwatch mute --server shop --rule bounce_rate --for 1d --reason \"known list\"\n          \
                      hushwatch mute --list"
    )]
    Mute(mute::Mute),
    /// End a mute, or every one
    #[command(
        after_help = "Examples: hushwatch unmute\n          hushwatch unmute --server shop --rule bounce_rate"
    )]
    Unmute(mute::Unmute),
    /// Check or show the configuration
    #[command(after_help = "Example: hushwatch config check && hushwatch config show")]
    Config {
        /// What to do with it
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Bring the database's schema up to date, then exit: for a release phase. `run` and `check` do it too
    #[command(after_help = "Example: hushwatch migrate")]
    Migrate,
    /// A script that completes commands and options in your shell
    #[cfg(feature = "manual")]
    #[command(
        after_help = "Examples: hushwatch completions bash > /usr/share/bash-completion/completions/hushwatch\n          \
                            hushwatch completions zsh > ~/.zfunc/_hushwatch"
    )]
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// The man page
    #[cfg(feature = "manual")]
    #[command(after_help = "Example: hushwatch man > /usr/share/man/man1/hushwatch.1")]
    Man,
    /// The whole thing on a simulated Postmark and Slack: no account and no network needed
    #[cfg(feature = "demo")]
    #[command(after_help = "Example: hushwatch demo | less")]
    Demo,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Print what was seen and judged as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Exit with 10 if an incident is open
    #[arg(long)]
    pub exit_code: bool,
    /// Take this instant for the present (RFC 3339)
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    pub now: Option<Timestamp>,
}

/// How what is stored is shown.
#[derive(Debug, Args)]
pub struct Stored {
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Show mutes as of this instant (RFC 3339)
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    pub now: Option<Timestamp>,
}

/// Arguments of `digest`.
#[derive(Debug, Args)]
pub struct Digest {
    /// Send it again
    #[arg(long)]
    pub force: bool,
    /// Write it to standard output and send nothing
    #[arg(long)]
    pub print: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Take this instant for the present (RFC 3339)
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    pub now: Option<Timestamp>,
}

/// Arguments of `backtest`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("past").required(true).args(["events", "days"]))]
pub struct Backtest {
    /// A file of messages, one a line
    pub events: Option<PathBuf>,
    /// Ask Postmark for so many days back, as far as it still has them
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=365))]
    pub days: Option<u32>,
    /// Report from this poll on (RFC 3339) [default: when history was long enough to judge silence]
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    pub from: Option<Timestamp>,
    /// Up to this poll (RFC 3339) [default: the last message]
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    pub until: Option<Timestamp>,
    /// What is known of deliveries: every one, or those of the live sample
    #[arg(long, value_enum, default_value = "full")]
    pub proof: Proof,
    /// For a person, or one JSON object a line
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// For whom the result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A person.
    Text,
    /// A script: one JSON object a line.
    Json,
}

/// What to do with the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Say what is wrong with it; exit 2 if anything is
    #[command(after_help = "Example: hushwatch config check --config /etc/hushwatch/monitor.toml")]
    Check,
    /// Every effective value and where it came from, secrets as ***
    #[command(after_help = "Example: hushwatch config show | grep -v '(built-in)'")]
    Show,
}

fn parse_instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| "must be RFC 3339, such as 2026-03-02T10:00:00Z".to_owned())
}

/// What is known of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Proof {
    /// None.
    #[value(skip)]
    Unknown,
    /// Every one, as soon as it happened.
    Full,
    /// Those of the sample that would have been followed live.
    Sample,
}
