//! `messages`, `message` and `bounces`.

use crate::app::lookup::LookupError;
use crate::cli::{Bounces, MessageArgs, Messages};
use crate::clock;
use crate::command::Ended;
use crate::command::lookup::{answered, checked, lookup, moment, stopped};
use crate::config::Config;
use crate::model::StreamId;
use crate::postmark::{BounceFilter, KINDS, MessageFilter};

/// Lists messages.
pub(in crate::command) async fn messages(config: &Config, args: &Messages) -> Ended {
    let (since, until) = moment::window(&args.window, config.time_zone, clock::now())?;
    let filter = MessageFilter {
        recipient: checked("--recipient", args.recipient.as_deref())?,
        from: checked("--from", args.from.as_deref())?,
        tag: checked("--tag", args.scope.tag.as_deref())?,
        status: args.status.map(|status| status.name().to_owned()),
        since,
        until,
    };
    let stream = checked("--stream", args.scope.stream.as_deref())?.map(StreamId);
    let lookup = lookup(config, args.scope.server.as_deref()).await?;
    let found = lookup.messages(&filter, stream.as_ref(), args.limit, args.scope.json);
    answered(&found.await)
}

/// Lists bounces and complaints.
pub(in crate::command) async fn bounces(config: &Config, args: &Bounces) -> Ended {
    let (since, until) = moment::window(&args.window, config.time_zone, clock::now())?;
    let kind = checked("--type", args.kind.as_deref())?;
    let filter = BounceFilter {
        recipient: checked("--recipient", args.recipient.as_deref())?,
        tag: checked("--tag", args.scope.tag.as_deref())?,
        kind: kind.map(postmarks_word),
        message: checked("--message", args.message.as_deref())?,
        inactive: args.inactive.then_some(true),
        since,
        until,
    };
    let stream = checked("--stream", args.scope.stream.as_deref())?.map(StreamId);
    let lookup = lookup(config, args.scope.server.as_deref()).await?;
    let found = lookup.bounces(&filter, stream.as_ref(), args.limit, args.scope.json);
    answered(&found.await)
}

/// Tells what became of one message.
pub(in crate::command) async fn message(config: &Config, args: &MessageArgs) -> Ended {
    let lookup = lookup(config, args.server.as_deref()).await?;
    let found: Result<_, LookupError> = lookup.message(args.id.trim(), args.json).await;
    answered(&found.map_err(stopped)?)
}

/// A known type however it is capitalised; what is not known Postmark may know by now.
fn postmarks_word(kind: String) -> String {
    let known = KINDS.iter().find(|known| known.eq_ignore_ascii_case(&kind));
    known.map_or(kind, |known| (*known).to_owned())
}
