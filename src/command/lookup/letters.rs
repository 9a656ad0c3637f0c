//! `messages`, `message` and `bounces`.

use crate::app::lookup::LookupError;
use crate::cli::{Bounces, MessageArgs, Messages};
use crate::clock;
use crate::command::Ended;
use crate::command::lookup::given::{self, checked};
use crate::command::lookup::{answered, lookup, moment, stopped};
use crate::config::Config;
use crate::postmark::{BounceFilter, KINDS, MessageFilter};

/// Lists messages.
pub(in crate::command) async fn messages(config: &Config, args: &Messages) -> Ended {
    let scope = &args.list.scope;
    let window = moment::window(&scope.window, config.time_zone, clock::now())?;
    let filter = MessageFilter {
        recipient: given::part("--recipient", args.recipient.as_deref())?,
        from: given::part("--from", args.from.as_deref())?,
        tag: checked("--tag", scope.tag.as_deref())?,
        status: args.status.map(|status| status.name().to_owned()),
        window,
    };
    let stream = given::stream(scope.place.stream.as_deref())?;
    let lookup = lookup(config, scope.place.server.as_deref()).await?;
    let found = lookup.messages(&filter, stream.as_ref(), args.list.limit, scope.json);
    answered(&found.await)
}

/// Lists bounces and complaints.
pub(in crate::command) async fn bounces(config: &Config, args: &Bounces) -> Ended {
    let scope = &args.list.scope;
    let window = moment::window(&scope.window, config.time_zone, clock::now())?;
    let filter = BounceFilter {
        recipient: given::part("--recipient", args.recipient.as_deref())?,
        tag: checked("--tag", scope.tag.as_deref())?,
        kind: args.kind.as_deref().map(postmarks_word),
        message: given::message("--message", args.message.as_deref())?,
        inactive: args.inactive.then_some(true),
        window,
    };
    let stream = given::stream(scope.place.stream.as_deref())?;
    let lookup = lookup(config, scope.place.server.as_deref()).await?;
    let found = lookup.bounces(&filter, stream.as_ref(), args.list.limit, scope.json);
    answered(&found.await)
}

/// Tells what became of one message.
pub(in crate::command) async fn message(config: &Config, args: &MessageArgs) -> Ended {
    let id = given::message("ID", Some(&args.id))?.unwrap_or_default();
    let lookup = lookup(config, args.server.as_deref()).await?;
    let found: Result<_, LookupError> = lookup.message(&id, args.json).await;
    answered(&found.map_err(stopped)?)
}

/// A type of bounces as Postmark writes it, however it was capitalised.
fn postmarks_word(kind: &str) -> String {
    let known = KINDS.iter().find(|known| known.eq_ignore_ascii_case(kind));
    (*known.unwrap_or(&kind)).to_owned()
}
