//! `suppressions`.

use std::io::{IsTerminal, Write};

use crate::cli::Suppressions;
use crate::commands::query::verbs::validate::{self, address, domain};
use crate::commands::query::verbs::{answered, complete, joined, lookup};
use crate::commands::query::{Case, Filter, Lookup, Outcome};
use crate::commands::{Ended, INCOMPLETE, USAGE, print};
use crate::config::Config;
use crate::model::StreamId;
use crate::text::format::plural;
use crate::text::sanitize::clean;

/// Lists who gets no mail, or reactivates one of them.
pub(crate) async fn suppressions(config: &Config, args: &Suppressions) -> Ended {
    let stream = validate::stream(args.place.stream.as_deref())?;
    let wanted = address("--reactivate", args.reactivate.as_deref())?;
    let filter = Filter {
        stream: stream.clone(),
        address: address("--address", args.address.as_deref())?,
        domain: domain("--domain", args.domain.as_deref())?,
        reason: args.reason.map(|reason| reason.name().to_owned()),
    };
    let lookup = lookup(config, args.place.server.as_deref()).await?;
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
    let told = lookup.told(&cases);
    if !args.json {
        print(&told)?;
    }
    // Who is asked sees what it is about, also where only JSON goes to standard output.
    let told = if args.json { told.as_str() } else { "" };
    if can > 0
        && !args.yes
        && let Err((code, why)) = confirmed(&shown, can, told)
    {
        errors.push(why.to_owned());
        if args.json {
            print(&Outcome::all_to_json(address, &[], &errors))?;
        }
        return Err((code, joined(&errors)));
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
    let done = outcomes.iter().filter(|o| o.is_accepted()).count();
    let left = cases.len().saturating_sub(done);
    if left == 0 {
        return None;
    }
    let head = format!("{address} was not reactivated");
    if cases.len() == 1 {
        let why = match complaints {
            0 => "; see what is said of its stream",
            _ => ": it complained of spam, and a complaint cannot be reactivated",
        };
        return Some(format!("{head}{why}"));
    }
    let complaint = match complaints {
        0 => String::new(),
        n => format!("; on {n} it complained of spam, and a complaint cannot be reactivated"),
    };
    let why = match left > complaints {
        true => "; see what is said of each",
        false => "",
    };
    let streams = plural(cases.len() as u64, "stream");
    Some(format!("{head} on {left} of {streams}{complaint}{why}"))
}

/// Asks the person at the terminal; where there is none, only `--yes` will do.
fn confirmed(address: &str, streams: usize, told: &str) -> Result<(), (u8, &'static str)> {
    if !std::io::stdin().is_terminal() {
        let why = "nothing was changed: without a terminal to ask, add --yes";
        return Err((USAGE, why));
    }
    let mut err = std::io::stderr().lock();
    let _ = write!(
        err,
        "{told}Reactivate {address} on {}? [y/N] ",
        plural(streams as u64, "stream")
    )
    .and_then(|()| err.flush());
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err((INCOMPLETE, "nothing was changed")),
    }
}
