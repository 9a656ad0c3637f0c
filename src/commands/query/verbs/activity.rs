//! `messages`, `message` and `bounces`.

use crate::cli::{Bounces, MessageArgs, Messages};
use crate::clock;
use crate::commands::Ended;
use crate::commands::query::LookupError;
use crate::commands::query::verbs::validate::{self, checked};
use crate::commands::query::verbs::{answered, lookup, stopped, time_arg};
use crate::config::Config;
use crate::postmark::{BounceFilter, KINDS, MessageFilter};

/// Lists messages.
pub(crate) async fn messages(config: &Config, args: &Messages) -> Ended {
    let scope = &args.list.scope;
    let window = time_arg::window(&scope.window, config.time_zone, clock::now())?;
    let filter = MessageFilter {
        recipient: validate::part("--recipient", args.recipient.as_deref())?,
        from: validate::part("--from", args.from.as_deref())?,
        tag: checked("--tag", scope.tag.as_deref())?,
        status: args.status.map(|status| status.name().to_owned()),
        window,
    };
    let stream = validate::stream(scope.place.stream.as_deref())?;
    let lookup = lookup(config, scope.place.server.as_deref()).await?;
    let found = lookup.messages(&filter, stream.as_ref(), args.list.limit, scope.json);
    answered(&found.await)
}

/// Lists bounces and complaints.
pub(crate) async fn bounces(config: &Config, args: &Bounces) -> Ended {
    let scope = &args.list.scope;
    let window = time_arg::window(&scope.window, config.time_zone, clock::now())?;
    let filter = BounceFilter {
        recipient: validate::part("--recipient", args.recipient.as_deref())?,
        tag: checked("--tag", scope.tag.as_deref())?,
        kind: args.kind.as_deref().map(postmarks_word),
        message: validate::message("--message", args.message.as_deref())?,
        inactive: args.inactive.then_some(true),
        window,
    };
    let stream = validate::stream(scope.place.stream.as_deref())?;
    let lookup = lookup(config, scope.place.server.as_deref()).await?;
    let found = lookup.bounces(&filter, stream.as_ref(), args.list.limit, scope.json);
    answered(&found.await)
}

/// Tells what became of one message.
pub(crate) async fn message(config: &Config, args: &MessageArgs) -> Ended {
    let id = validate::message("ID", Some(&args.id))?.unwrap_or_default();
    let lookup = lookup(config, args.server.as_deref()).await?;
    let found: Result<_, LookupError> = lookup.message(&id, args.json).await;
    answered(&found.map_err(stopped)?)
}

/// A type of bounces as Postmark writes it, however it was capitalised.
fn postmarks_word(kind: &str) -> String {
    let known = KINDS.iter().find(|known| known.eq_ignore_ascii_case(kind));
    (*known.unwrap_or(&kind)).to_owned()
}
