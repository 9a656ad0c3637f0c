//! `digest`: builds and sends the digest of the latest ended period.

use clap::Args;

use crate::commands::cli::PresentArgs;
use crate::commands::open::{
    check_access, cycle_error, log_warnings, open_context, open_readonly, options_at, store_error,
};
use crate::commands::stdout::{message_writer, print, print_disabled};
use crate::commands::{CommandResult, INCOMPLETE};
use crate::config::Config;
use crate::cycle::deliver::pending_messages;
use crate::cycle::digest::{DigestOutcome, preview_digest, send_digest};
use crate::model::Timestamp;
use crate::notify::Message;
use crate::text::sanitize::json_line;

#[derive(Debug, Args)]
pub struct DigestArgs {
    /// Send it even if it was already sent
    #[arg(long)]
    pub force: bool,
    /// Print it and send nothing
    #[arg(long)]
    pub print: bool,
    #[command(flatten)]
    pub present: PresentArgs,
}

/// Builds the digest, and sends or prints it.
pub(super) async fn digest(config: Config, args: DigestArgs) -> CommandResult {
    log_warnings(&config);
    if !config.enabled {
        return print_disabled("no digest was written", args.present.json);
    }
    let options = options_at(args.present.now);
    if args.print {
        let context = open_readonly(config)?;
        let preview = preview_digest(&context, options).await;
        let (period, message) = preview.map_err(cycle_error)?;
        return print(&digest_text(&message, args.present.json, period.until));
    }
    check_access(&config.store).map_err(store_error)?;
    let context = open_context(config, message_writer(args.present.json))?;
    let sent = send_digest(&context, options, args.force).await;
    match sent.map_err(cycle_error)? {
        DigestOutcome::Sent(until, message) => {
            let pending = pending_messages(&context, options).await;
            let pending = pending.map_err(cycle_error)?;
            if args.present.json {
                print(&digest_text(&message, true, until))?;
            }
            Ok(if pending > 0 { INCOMPLETE } else { 0 })
        }
        DigestOutcome::AlreadySent(until, message) if args.present.json => {
            print(&digest_text(&message, true, until))
        }
        DigestOutcome::AlreadySent(..) => {
            print("the digest of the latest period was already sent; --force sends it again\n")
        }
        DigestOutcome::NotDue => print(
            "no digest yet: the first is due at the first `digest.at` after the first start\n",
        ),
    }
}

fn digest_text(message: &Message, json: bool, until: Timestamp) -> String {
    if json {
        let value = serde_json::json!({
            "until": until.to_string(), "text": message.to_text(), "headline": message.headline(), "lines": message.lines(),
        });
        return json_line(&value);
    }
    format!("{}\n", message.to_text())
}
