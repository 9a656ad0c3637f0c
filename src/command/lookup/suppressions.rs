//! `suppressions`.

use std::io::{IsTerminal, Write};

use crate::app::lookup::{Case, Filter, Lookup, Outcome};
use crate::cli::Suppressions;
use crate::command::lookup::{address, answered, checked, complete, lookup};
use crate::command::{Ended, INCOMPLETE, USAGE, print};
use crate::config::Config;
use crate::message::text::clean;
use crate::model::StreamId;

/// Lists who gets no mail, or reactivates one of them.
pub(in crate::command) async fn suppressions(config: &Config, args: &Suppressions) -> Ended {
    let stream = checked("--stream", args.stream.as_deref())?.map(StreamId);
    let wanted = address("--reactivate", args.reactivate.as_deref())?;
    let filter = Filter {
        stream: stream.clone(),
        address: address("--address", args.address.as_deref())?,
        domain: checked("--domain", args.domain.as_deref())?,
        reason: args.reason.map(|reason| reason.name().to_owned()),
    };
    let lookup = lookup(config, args.server.as_deref()).await?;
    match wanted {
        Some(address) => reactivate(&lookup, &address, stream.as_ref(), args).await,
        None => {
            let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
            answered(&lookup.suppressions(&filter, limit, args.json).await)
        }
    }
}

async fn reactivate(
    lookup: &Lookup,
    address: &str,
    stream: Option<&StreamId>,
    args: &Suppressions,
) -> Ended {
    let shown = clean(address);
    let (cases, mut errors) = lookup.cases(address, stream).await;
    let can = cases.iter().filter(|case| case.can()).count();
    if !args.json {
        print(&lookup.told(&cases))?;
    }
    if can > 0 && !args.yes && !is_confirmed(&shown, can)? {
        return Err((INCOMPLETE, "nothing was changed".to_owned()));
    }
    let outcomes = lookup.reactivate(address, &cases).await;
    if let Some(why) = short_of(&shown, &cases, &outcomes) {
        errors.push(why);
    }
    if args.json {
        print(&Outcome::all_to_json(address, &outcomes, &errors))?;
    } else if cases.is_empty() && errors.is_empty() {
        print(&format!(
            "{shown} is on no list of suppressions: there is nothing to reactivate\n"
        ))?;
    } else {
        print(&outcomes.iter().map(Outcome::to_line).collect::<String>())?;
    }
    complete(&errors)
}

/// What stands in the way of `address` getting mail everywhere again.
fn short_of(address: &str, cases: &[Case], outcomes: &[Outcome]) -> Option<String> {
    let is_complaint = |case: &&Case| !case.can() && case.is_complaint();
    let complaints = cases.iter().filter(is_complaint).count();
    let hopeless = cases.iter().filter(|case| !case.can()).count() - complaints;
    let refused = hopeless + outcomes.iter().filter(|o| !o.is_accepted()).count();
    match (complaints, refused) {
        (0, 0) => None,
        (0, n) => Some(format!(
            "{address} was not reactivated on {n} of its streams; Postmark's answer says why, its support can help"
        )),
        (n, _) => Some(format!(
            "{address} complained of spam on {n} of its streams: a complaint cannot be reactivated"
        )),
    }
}

/// Asks the person at the terminal; where there is none, only `--yes` will do.
fn is_confirmed(address: &str, streams: usize) -> Result<bool, (u8, String)> {
    if !std::io::stdin().is_terminal() {
        return Err((
            USAGE,
            "nothing was changed: without a terminal to ask, add --yes".to_owned(),
        ));
    }
    let mut err = std::io::stderr().lock();
    let _ = write!(
        err,
        "Reactivate {address} on {streams} of its streams? [y/N] "
    )
    .and_then(|()| err.flush());
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
    Ok(matches!(
        line.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
